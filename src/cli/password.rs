//! A password, typed by somebody whom nobody sees typing, or piped.

use std::io::{self, Write, stderr, stdin};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::out::{Out, line};
use super::trouble::Trouble;
use crate::password::Secret;

/// Reads a password from the terminal, or from whatever stdin is if it is `piped`.
pub async fn read(question: &str, piped: bool, out: &Out) -> Result<Secret, Trouble> {
    if !piped && !out.can_ask() {
        let hint = "Pipe it in with --password-stdin, or put an ID token into BREEZEWAY_TOKEN.";
        return Err(Trouble::new("Nobody is here to type the password").hint(hint));
    }
    let unreadable = |error: io::Error| Trouble::new(format!("The password can't be read: {error}"));
    let hidden = if out.can_ask() { Some(Hidden::begin(question).map_err(unreadable)?) } else { None };
    let line = line().await.map_err(unreadable)?;
    drop(hidden);
    let password = line.strip_suffix('\n').map_or(line.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if password.is_empty() {
        return Err(Trouble::new("There is no password").hint("Ask again."));
    }
    Ok(Secret::from(password.to_owned()))
}

/// A terminal that doesn't show what is typed, until this is dropped.
struct Hidden(Termios);

impl Hidden {
    fn begin(question: &str) -> io::Result<Self> {
        let shown = tcgetattr(stdin())?;
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        hidden.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(stdin(), OptionalActions::Flush, &hidden)?;
        let hidden = Self(shown);
        write!(stderr(), "{question}")?;
        stderr().flush()?;
        Ok(hidden)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // There is nobody to tell where it fails.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
