//! The world's clock.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

/// World time: a moment it began at, and the runtime's time since then, sped up.
///
/// On a runtime whose time is paused, the runtime skips to the earliest moment that anyone waits for, and so does the
/// world.
#[derive(Debug, Clone, Copy)]
pub struct WorldClock {
    base: Timestamp,
    origin: Instant,
    speed: f64,
}

impl WorldClock {
    /// A clock that shows `base` now and runs at `speed` world seconds a second, between a thousandth and a million.
    /// To be called within the tokio runtime whose time it follows.
    pub fn new(base: Timestamp, speed: f64) -> Self {
        let speed = if speed.is_nan() { 1.0 } else { speed.clamp(1e-3, 1e6) };
        Self { base, origin: Instant::now(), speed }
    }

    /// The world's time, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        let elapsed = self.origin.elapsed().mul_f64(self.speed).as_millis();
        let elapsed = SignedDuration::from_millis(i64::try_from(elapsed).unwrap_or(i64::MAX));
        self.base.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    /// World seconds a second.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Waits for as long as the world takes for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        if !duration.is_zero() {
            tokio::time::sleep(duration.div_f64(self.speed)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn world_time_passes_at_the_stated_speed() {
        let base: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = WorldClock::new(base, 60.0);
        assert_eq!(clock.now(), base);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(clock.now(), base + SignedDuration::from_mins(2));
        clock.sleep(Duration::from_secs(60)).await;
        assert_eq!(clock.now(), base + SignedDuration::from_mins(3));
    }

    #[tokio::test(start_paused = true)]
    async fn no_speed_stops_or_breaks_the_clock() {
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let clock = WorldClock::new(Timestamp::UNIX_EPOCH, speed);
            clock.sleep(Duration::from_secs(1)).await;
            assert!(clock.now() > Timestamp::UNIX_EPOCH);
        }
    }
}
