//! A moto server of a test's own.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
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
    folder: TempDir,
}

impl Moto {
    /// Starts moto with what `amended.py` mends.
    pub fn amended() -> Self {
        Self::script(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/amended.py"))
    }

    /// Starts the same with what `limited.py` mends besides.
    pub fn limited() -> Self {
        Self::script(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/limited.py"))
    }

    fn script(path: &str) -> Self {
        let mut command = Command::new(python::python());
        command.arg(path);
        Self::start(command)
    }

    /// Starts moto as it is.
    pub fn as_released() -> Self {
        Self::start(Command::new(python::moto_server()))
    }

    /// Starts a server and waits until it listens.
    fn start(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = log(&folder);
        command.args(["-H", "127.0.0.1", "-p", "0"]).stdin(Stdio::null());
        command.env_remove("MOTO_ACCOUNT_ID").env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
        let output = File::create(&log).unwrap();
        command.stdout(output.try_clone().unwrap()).stderr(output);
        let mut process = command.spawn().expect("moto_server starts");
        let began = Instant::now();
        loop {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if let Some(address) = listening_at(&said) {
                return Self { process, address, folder };
            }
            assert_eq!(process.try_wait().unwrap(), None, "moto_server ended: {said}");
            if began.elapsed() > PATIENCE {
                let _ = process.kill();
                panic!("moto_server does not listen after {PATIENCE:?}: {said}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Has moto ask IAM at every call from now on, or at none.
    pub fn enforce(&self, enforced: bool) {
        let free = if enforced { "0" } else { "inf" };
        let (to, length) = (self.address, free.len());
        let head = format!("POST /moto-api/reset-auth HTTP/1.1\r\nhost: {to}\r\ncontent-length: {length}\r\n\r\n");
        let mut moto = TcpStream::connect(to).unwrap();
        moto.write_all(format!("{head}{free}").as_bytes()).unwrap();
        let mut answer = String::new();
        moto.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 OK"), "{answer}");
    }

    /// What IAM was asked for and allowed, as `limited.py` tells it.
    pub fn allowed(&self) -> BTreeSet<String> {
        let said = fs::read_to_string(log(&self.folder)).unwrap();
        said.lines().filter_map(|line| line.strip_prefix("allowed ")).map(str::to_owned).collect()
    }
}

/// Where the server writes what it has to say.
fn log(folder: &TempDir) -> PathBuf {
    folder.path().join("log")
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
