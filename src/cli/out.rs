//! Where everything that is printed goes through.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, ErrorKind, IsTerminal, Read, Write, stderr, stdin, stdout};

use serde::Serialize;
use tokio::sync::oneshot;

use crate::aws::connect::Target;
use crate::aws::failure::printable;
use crate::report::Style;

/// Who reads the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// People.
    Human,
    /// Programs: one document, or for `up` and `down` one event a line.
    Json,
}

/// The terminal, pipe or file that a command writes to.
pub struct Out {
    /// Who reads it.
    pub format: Format,
    /// How text on stdout is set.
    pub style: Style,
    /// How text on stderr is set.
    pub error_style: Style,
    /// Whether the answer is a file's content, so that what stands above it goes to stderr.
    pub bare: bool,
    /// Where the command line says to go, where it says so in a way that can be understood.
    pub target: Option<Target>,
    /// The Region that it names.
    pub region: Option<String>,
    closed: Cell<bool>,
    lost: RefCell<Option<io::Error>>,
}

impl Out {
    /// The process's own.
    pub fn new(format: Format) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || dumb();
        let style = |terminal: bool| Style { colour: terminal && !plain, width: width(terminal) };
        Self {
            format,
            style: style(stdout().is_terminal()),
            error_style: style(stderr().is_terminal()),
            bare: false,
            target: None,
            region: None,
            closed: Cell::new(false),
            lost: RefCell::new(None),
        }
    }

    /// Whether lines can be drawn anew.
    pub fn can_draw(&self) -> bool {
        self.format == Format::Human && stdout().is_terminal() && stderr().is_terminal() && !dumb()
    }

    /// Whether somebody is there to be asked.
    pub fn can_ask(&self) -> bool {
        stdin().is_terminal() && stderr().is_terminal()
    }

    /// Prints a text for people; nothing where programs read.
    pub fn text(&self, text: &str) {
        if self.format == Format::Human {
            self.write(text);
        }
    }

    /// Prints what stands above an answer for people.
    pub fn heading(&self, text: &str) {
        if self.bare && self.format == Format::Human { self.notice(text) } else { self.text(text) }
    }

    /// Prints a document or event for programs, on one line; nothing where people read.
    pub fn json(&self, document: &impl Serialize) {
        if self.format == Format::Json {
            match serde_json::to_string(document) {
                Ok(line) => self.write(&line),
                Err(error) => self.notice(&format!("an answer could not be written as JSON: {error}")),
            }
        }
    }

    /// Prints a text whoever reads.
    pub fn write(&self, text: &str) {
        if self.closed.get() {
            return;
        }
        if let Err(error) = writeln!(stdout(), "{text}").and_then(|()| stdout().flush()) {
            // The work goes on; its output is over.
            self.closed.set(true);
            self.lost.replace(lost(error));
        }
    }

    /// Whether nothing more can be printed, lost or not.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Why something that was to be printed was lost, if it was.
    pub fn lost(&self) -> Option<io::Error> {
        self.lost.take()
    }

    /// Says something beside the output, on stderr.
    pub fn notice(&self, text: &str) {
        let _ = writeln!(stderr(), "{text}");
    }

    /// Says to people what isn't the answer itself, on stderr; nothing where programs read.
    pub fn aside(&self, text: &str) {
        if self.format == Format::Human {
            self.notice(text);
        }
    }

    /// Asks a question that takes yes or no; everything but yes is no. May be dropped at any point.
    pub async fn ask(&self, question: &str) -> bool {
        let asked = write!(stderr(), "{} [y/N] ", printable(question)).and_then(|()| stderr().flush());
        asked.is_ok() && line().await.is_ok_and(|line| matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
    }
}

/// The longest line that is read, in bytes: several times what Cognito takes for a password.
const LONGEST: u64 = 4096;

/// The next line of stdin. It is read by a thread that nobody waits for, so that Ctrl-C ends the waiting.
pub async fn line() -> io::Result<String> {
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = stdin().lock().take(LONGEST).read_line(&mut line);
        // Nobody may be there to be told any more.
        let _ = tell.send(read.map(|_| line));
    });
    told.await.map_err(io::Error::other)?
}

/// Why output that can't be written is lost; it isn't where the reader went away (`| head`) and has all it wants.
pub fn lost(error: io::Error) -> Option<io::Error> {
    Some(error).filter(|error| error.kind() != ErrorKind::BrokenPipe)
}

fn dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// The width of the terminal, within reason; lines of a pipe or file are as long as they are.
fn width(terminal: bool) -> usize {
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    let drawn = || {
        let size = rustix::termios::tcgetwinsize(stdout()).or_else(|_| rustix::termios::tcgetwinsize(stderr()));
        size.map_or(0, |size| usize::from(size.ws_col))
    };
    match (asked, terminal) {
        (Some(columns), _) => usize::clamp(columns, 20, 200),
        (None, false) => UNBROKEN,
        (None, true) => Some(drawn()).filter(|columns| *columns > 0).map_or(80, |columns| columns.clamp(20, 200)),
    }
}

/// Longer than any line.
const UNBROKEN: usize = 10_000;
