//! The clock that a run lives by.
//!
//! Every wait is a `tokio` timer, so whoever builds the runtime decides what time is: real for AWS, paused (waits
//! are skipped) for the sandbox inside this process and for the simulation.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// Wall time that moves with the runtime's timers.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    base: Timestamp,
    origin: Instant,
}

impl Clock {
    /// A clock that reads `base` now.
    pub fn starting_at(base: Timestamp) -> Self {
        Self { base, origin: Instant::now() }
    }

    /// The wall time.
    pub fn now(&self) -> Timestamp {
        let elapsed = jiff::SignedDuration::try_from(self.origin.elapsed()).unwrap_or(jiff::SignedDuration::MAX);
        self.base.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    /// Time since this clock was started.
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }
}
