//! A moto server of a test's own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::python;

/// How long moto may take to begin to listen, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(90);

/// A moto server, until this is dropped.
pub struct Moto {
    process: Child,
    pub address: SocketAddr,
    _log: TempDir,
}

impl Moto {
    /// Starts moto with what `amended.py` mends.
    pub fn amended() -> Self {
        let mut command = Command::new(python::python());
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/amended.py"));
        Self::start(command)
    }

    /// Starts moto as it is.
    pub fn as_released() -> Self {
        Self::start(Command::new(python::moto_server()))
    }

    /// Starts a server and waits until it listens.
    fn start(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        command.args(["-H", "127.0.0.1", "-p", "0"]).stdin(Stdio::null());
        command.env_remove("MOTO_ACCOUNT_ID").env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
        let output = File::create(&log).unwrap();
        command.stdout(output.try_clone().unwrap()).stderr(output);
        let mut process = command.spawn().expect("moto_server starts");
        let began = Instant::now();
        loop {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if let Some(address) = listening_at(&said) {
                return Self { process, address, _log: folder };
            }
            assert_eq!(process.try_wait().unwrap(), None, "moto_server ended: {said}");
            if began.elapsed() > PATIENCE {
                let _ = process.kill();
                panic!("moto_server does not listen after {PATIENCE:?}: {said}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The address in a whole line of what the server says.
fn listening_at(said: &str) -> Option<SocketAddr> {
    let (_, rest) = said.split_once("Running on http://")?;
    rest.split_once('\n')?.0.trim().parse().ok()
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
