//! Events and values as text for people and as JSON for programs. Everything here returns; `cli` prints.

pub mod changes;
pub mod check;
pub mod connect;
pub mod dns_config;
pub mod drift;
pub mod events;
pub mod labs;
pub mod mistakes;
pub mod open;
pub mod permissions;
pub mod plan;
pub mod request;
pub mod resolve;
pub mod sign_in;
pub mod status;
pub mod text;
pub mod verify;

use serde::Serialize;

use crate::aws::Place;
use crate::drift::Class;
use crate::engine::changes::Action;
use crate::password::Secret;
use crate::plan::Warning;

/// How text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours may be used.
    pub colour: bool,
    /// Characters in a line.
    pub width: usize,
}

impl Style {
    /// No colour, for tests and pipes.
    pub fn plain(width: usize) -> Self {
        Self { colour: false, width }
    }

    fn paint(self, colour: owo_colors::AnsiColors, text: &str) -> String {
        use owo_colors::OwoColorize;
        if self.colour { text.color(colour).to_string() } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        use owo_colors::OwoColorize;
        if self.colour { text.bold().to_string() } else { text.to_owned() }
    }

    fn dim(self, text: &str) -> String {
        use owo_colors::OwoColorize;
        if self.colour { text.dimmed().to_string() } else { text.to_owned() }
    }

    fn action(self, action: Action, text: &str) -> String {
        use owo_colors::AnsiColors::{Green, Magenta, Red, Yellow};
        let colour = match action {
            Action::Create => Green,
            Action::Update => Yellow,
            Action::Replace => Magenta,
            Action::Delete => Red,
        };
        self.paint(colour, text)
    }

    fn class(self, class: Class, text: &str) -> String {
        use owo_colors::AnsiColors::{Cyan, Red, Yellow};
        let colour = match class {
            Class::Changed => Yellow,
            Class::Missing | Class::Unmanaged => Red,
            Class::Unproven | Class::Unknown => Cyan,
        };
        self.paint(colour, text)
    }
}

/// A JSON document or event with what every one of them names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document<'a, T> {
    /// `sandbox` or `aws`; null where the command line doesn't say in a way that can be understood.
    pub target: Option<&'a str>,
    /// The account; null where nobody was asked.
    pub account: Option<&'a str>,
    /// The Region; null where it isn't known.
    pub region: Option<&'a str>,
    /// What it says.
    #[serde(flatten)]
    pub body: T,
}

impl<'a, T> Document<'a, T> {
    /// A document about a place.
    pub fn of(place: &'a Place, body: T) -> Self {
        Self { target: Some(&place.target), account: Some(&place.account), region: Some(&place.region), body }
    }

    /// A document about the sandbox as a whole.
    pub fn of_sandbox(body: T) -> Self {
        Self { target: Some("sandbox"), account: None, region: None, body }
    }
}

/// A failure as a document: `{"target": …, "error": {"message": …, "hint": …}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorDocument<'a> {
    /// What went wrong.
    pub error: ErrorBody<'a>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorBody<'a> {
    /// A sentence.
    pub message: &'a str,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'a str>,
}

/// A secret in a document, for whoever asked for it.
fn revealed<S: serde::Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::reveal).serialize(serializer)
}

/// The first line of everything that people read.
pub fn heading(place: &Place, style: Style) -> String {
    let Place { target, account, region, .. } = place;
    let line = format!("{target}, account {account}, {region}");
    style.bold(&text::wrap(&line, style.width, "", ""))
}

/// Warnings and what to do about each, for people.
pub fn warnings(warnings: &[Warning], style: Style) -> Vec<String> {
    let lines = |Warning { sentence, hint }: &Warning| {
        let line = text::wrap(&format!("warning: {sentence}"), style.width, "", "  ");
        [
            style.paint(owo_colors::AnsiColors::Yellow, &line),
            text::wrap(&format!("hint: {hint}"), style.width, "", "  "),
        ]
    };
    warnings.iter().flat_map(lines).collect()
}

/// `1 subnet`, `2 subnets`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}
