//! Hostile environments: the real program, or the library where the wait is the point, told to stop in every way, cut
//! off, robbed of its disk, its terminal, its credentials or its clock. What users see is a sentence with a hint, and
//! nothing is lost: the next run finishes.

mod gate;
mod lock;
mod network;
mod output;
mod signals;
mod state;
mod trouble;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use breezeway::sandbox::home::{Home, HomeError, Opened};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::lab::REGION;
use crate::program::{Ended, breezeway};

/// No line is waited for longer: only a test that fails gets there.
const LONGEST: Duration = Duration::from_secs(120);

/// The program towards AWS, which is at this address; it keeps its state in `home`.
pub fn towards(address: &str, home: &Path) -> Command {
    let mut command = breezeway(home);
    command.envs([
        ("AWS_ENDPOINT_URL", address),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "111122223333"),
        ("AWS_SECRET_ACCESS_KEY", "anything"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]);
    command
}

/// A process whose lines are waited for while it runs.
pub struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

struct Lines {
    coming: Receiver<String>,
    seen: Vec<String>,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (tell, coming) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { coming, seen: Vec::new() }
    }

    fn until(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        loop {
            match self.coming.recv_timeout(LONGEST) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if is_it(&line) {
                        return line;
                    }
                }
                Err(error) => panic!("{what} did not come ({error}) after\n{}", self.seen.join("\n")),
            }
        }
    }

    fn rest(mut self) -> String {
        self.seen.extend(self.coming.iter());
        self.seen.iter().map(|line| format!("{line}\n")).collect()
    }
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let stdout = Lines::of(child.stdout.take().unwrap());
        let stderr = Lines::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// Waits for a line on stdout that has all these words.
    pub fn says(&mut self, words: &[&str]) -> String {
        self.stdout.until(&format!("{words:?}"), |line| words.iter().all(|word| line.contains(word)))
    }

    /// Waits for a line on stderr that has this in it.
    pub fn notices(&mut self, words: &str) -> String {
        self.stderr.until(words, |line| line.contains(words))
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it has ended; all that it said is there.
    pub fn ended(mut self) -> Ended {
        let status = self.child.wait().unwrap();
        Ended { code: status.code(), stdout: self.stdout.rest(), stderr: self.stderr.rest() }
    }
}

/// The documents that a process printed, a line each.
pub fn documents(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// The sandbox's folder in a home. A process that another thread is just starting has our files, and so their locks,
/// until it is another program.
pub fn open(home: &Path) -> Opened {
    loop {
        match Home::open(&home.join("sandbox"), 1) {
            Err(HomeError::Busy { .. }) => thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}
