//! Ctrl-C and a polite kill.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::trouble::Trouble;

/// SIGINT and SIGTERM of this process, which from then on don't end it by themselves.
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Begins to listen.
    pub fn listen() -> Result<Self, Trouble> {
        let listen = |kind| signal(kind).map_err(|error| Trouble::new(format!("Can't listen for Ctrl-C: {error}")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Does work that may be dropped at any point.
    pub async fn or<T>(mut self, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        tokio::select! {
            done = work => done,
            () = self.next() => Err(Trouble::interrupted()),
        }
    }
}
