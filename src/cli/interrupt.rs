//! Ctrl-C, a polite kill, and a terminal that is closed.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::trouble::Trouble;

/// How a process is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// SIGINT: somebody at the terminal, or a CI system that cancels.
    Interrupt,
    /// SIGTERM: whoever sends it kills soon.
    Terminate,
    /// SIGHUP: the terminal is gone.
    HangUp,
}

/// The signals of this process, which from then on don't end it by themselves.
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
}

impl Interrupts {
    /// Begins to listen.
    pub fn listen() -> Result<Self, Trouble> {
        let listen = |kind| signal(kind).map_err(|error| Trouble::new(format!("Can't listen for Ctrl-C: {error}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: if outlives_terminal() { None } else { Some(listen(SignalKind::hangup())?) },
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Sign {
        let Self { interrupt, terminate, hang_up } = self;
        let hang_up = async {
            match hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = terminate.recv() => Sign::Terminate,
            _ = interrupt.recv() => Sign::Interrupt,
            _ = hang_up => Sign::HangUp,
        }
    }

    /// Does work that may be dropped at any point.
    pub async fn or<T>(&mut self, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        tokio::select! {
            biased;
            _ = self.next() => Err(Trouble::interrupted()),
            done = work => done,
        }
    }
}

/// Whether this process was told to outlive its terminal, as `nohup` does: it ignores SIGHUP, the first of the signals.
/// Where the system doesn't tell, it is taken for so.
fn outlives_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_none_or(|mask| mask & 1 == 1)
}
