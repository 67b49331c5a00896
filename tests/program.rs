//! The real program, run as a process.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A command of the program that sees nothing of this process's environment and keeps its state in `home`, which is
/// also its working folder.
pub fn breezeway(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_breezeway"));
    command.env_clear().env("HOME", home).env("BREEZEWAY_HOME", home).current_dir(home);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a process did and said.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none where it was killed.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        // No other signal is expected: SIGKILL is 9.
        let code = output.status.code();
        assert!(code.is_some() || output.status.signal() == Some(9), "{output:?}");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ended {
    pub fn was_killed(&self) -> bool {
        self.code.is_none()
    }

    /// Says so where the process did not end with this code.
    pub fn expect(&self, code: i32, what: &str) {
        assert_eq!(self.code, Some(code), "{what}\n{}{}", self.stdout, self.stderr);
    }
}
