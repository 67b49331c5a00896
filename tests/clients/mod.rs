//! AWS's own clients, unchanged, on a sandbox that `breezeway sandbox serve` puts on a port.

mod aws_cli;
mod credentials;
mod every_field;
mod foundation;
mod hand_edits;
mod limited;
mod policy_simulator;
mod round_trip;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::REGION;
use crate::program::{Ended, breezeway};
use crate::python;

/// A person's machine: the folder that holds their sandbox.
pub struct Machine {
    home: TempDir,
}

impl Machine {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// With the lab `skeleton` up.
    fn with_a_lab() -> Self {
        let machine = Self::new();
        machine.breezeway(&["up", "@skeleton"]).expect(0, "up");
        machine
    }

    /// With the lab of this plan up.
    pub fn with_the_lab(plan: &str) -> Self {
        let machine = Self::new();
        let file = machine.home.path().join("plan.toml");
        fs::write(&file, plan).unwrap();
        machine.breezeway(&["up", file.to_str().unwrap()]).expect(0, "up");
        machine
    }

    /// Runs the program in some other, empty folder. It goes through the port while the sandbox is served; otherwise
    /// the sandbox is its own, and all waits are skipped.
    pub fn breezeway(&self, arguments: &[&str]) -> Ended {
        let elsewhere = tempfile::tempdir().unwrap();
        let output = breezeway(self.home.path()).current_dir(elsewhere.path()).args(arguments).output();
        output.expect("breezeway starts").into()
    }

    /// Runs the program, which ends with this code, and returns its one JSON document.
    fn document(&self, arguments: &[&str], code: i32) -> Value {
        let ended = self.breezeway(&[arguments, &["--output", "json"]].concat());
        ended.expect(code, &format!("{arguments:?}"));
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// The ids of a lab's things by address, and its outputs as `ADDRESS.OUTPUT`.
    fn known(&self, lab: &str) -> BTreeMap<String, String> {
        let status = self.document(&["status", lab], 0);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let resources = status["resources"].as_array().unwrap().iter();
        let ids = resources.map(|resource| (text(&resource["address"]), text(&resource["id"])));
        let outputs = status["outputs"].as_object().unwrap().iter();
        ids.chain(outputs.map(|(name, value)| (name.clone(), text(value)))).collect()
    }

    /// The folder that holds their sandbox.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Serves the sandbox; a thousand seconds pass there in one of ours.
    fn serve(&self) -> Served {
        self.serve_at("1000")
    }

    /// Serves the sandbox; so many seconds pass there in one of ours.
    pub fn serve_at(&self, speed: &str) -> Served {
        self.serve_with(&["--speed", speed])
    }

    fn serve_with(&self, arguments: &[&str]) -> Served {
        let mut command = breezeway(self.home.path());
        command.args(["sandbox", "serve", "--port", "0", "--output", "json"]).args(arguments);
        let process = command.stderr(Stdio::inherit()).spawn().expect("breezeway starts");
        let mut served = Served { process, address: String::new() };
        let mut line = String::new();
        BufReader::new(served.process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let serving: Value = serde_json::from_str(&line).expect("the sandbox is served");
        served.address = serving["address"].as_str().unwrap().to_owned();
        served
    }
}

/// The command with what is known in the place of each `{NAME}`.
fn filled(command: &str, known: &BTreeMap<String, String>) -> String {
    known.iter().fold(command.to_owned(), |command, (name, value)| command.replace(&format!("{{{name}}}"), value))
}

/// A sandbox on a port, until this is dropped.
pub struct Served {
    process: Child,
    pub address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        // Without a farewell: whatever was answered is in the journal.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    fn shell(&self) -> Shell {
        let variables = [
            ("AWS_ENDPOINT_URL", self.address.as_str()),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "111122223333"),
            ("AWS_SECRET_ACCESS_KEY", "anything"),
        ];
        Shell::with(variables.map(|(name, value)| (name, value.to_owned())).into())
    }

    /// What boto3 finds.
    fn look(&self) -> Value {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/look.py");
        let output = Command::new(python::python()).arg(script).args([&self.address, REGION]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A shell with the AWS CLI in its path and nothing else but these variables in its environment.
struct Shell {
    variables: BTreeMap<&'static str, String>,
    home: TempDir,
}

impl Shell {
    fn with(variables: BTreeMap<&'static str, String>) -> Self {
        Self { variables, home: tempfile::tempdir().unwrap() }
    }

    fn execute(&self, command: &str) -> Ended {
        let aws = python::aws();
        let path = format!("{}:/usr/bin:/bin", aws.parent().unwrap().display());
        let mut shell = Command::new("sh");
        shell.env_clear().envs(&self.variables).env("PATH", path).env("HOME", self.home.path());
        shell.current_dir(self.home.path()).args(["-c", command]).output().expect("sh starts").into()
    }

    /// What a command that succeeds prints.
    fn run(&self, command: &str) -> String {
        let ended = self.execute(command);
        ended.expect(0, command);
        ended.stdout.trim_end().to_owned()
    }

    /// Keeps what a command prints for later commands, as `$name`.
    fn set(&mut self, name: &'static str, command: &str) {
        let value = self.run(command);
        self.variables.insert(name, value);
    }

    /// A command that AWS refuses with this code.
    fn refused(&self, command: &str, code: &str) {
        let ended = self.execute(command);
        ended.expect(255, command);
        assert!(
            ended.stderr.contains(&format!("An error occurred ({code}) when calling the ")),
            "{command}: {ended:?}"
        );
    }
}

#[test]
fn boto3_is_answered_as_by_aws() {
    let machine = Machine::with_a_lab();
    let served = machine.serve();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/answers.py");
    let mut command = Command::new(python::python());
    let output = command.arg("-B").arg(script).env("AWS_ENDPOINT_URL", &served.address).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
