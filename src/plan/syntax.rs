//! What to make of a file that isn't quite TOML.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::de::Error;

use super::mistake::{Fault, Found};

const VALUELESS_KEY: &str = "key with no value";

/// The text with nothing on the lines where a key has no value: the parser reads no further than those. All else stays
/// where it is.
pub(super) fn without_valueless_keys(text: &str, errors: &[Error]) -> String {
    let valueless = errors.iter().filter(|error| error.message().starts_with(VALUELESS_KEY));
    let lines = Lines::new(text);
    let blank: BTreeSet<usize> = valueless.map(|error| lines.line_of(place(error).start)).collect();
    let all = text.split_inclusive('\n').enumerate();
    all.map(|(index, line)| match blank.contains(&(index + 1)) {
        true => format!("{}\n", " ".repeat(line.len() - 1)),
        false => line.into(),
    })
    .collect()
}

/// What is wrong with the file as TOML, the first error of each line, and of the other mistakes those on other lines.
pub(super) fn with_errors(text: &str, errors: &[Error], others: Vec<Found>) -> Vec<Found> {
    let lines = Lines::new(text);
    let mut found: BTreeMap<usize, Found> = BTreeMap::new();
    for error in errors {
        found.entry(lines.line_of(place(error).start)).or_insert_with(|| syntax_error(error));
    }
    let wrong: BTreeSet<usize> =
        found.keys().copied().flat_map(|line| line..=lines.end_of_section(text, line)).collect();
    let elsewhere = others.into_iter().filter(|other| {
        let span = lines.line_of(other.span.start)..=lines.line_of(other.span.end);
        // What seems to be missing may be in what could not be read.
        !other.missing && wrong.range(span).next().is_none()
    });
    found.into_values().chain(elsewhere).collect()
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The last line of the section that a line begins, or the line itself where it begins none: what stands below a
    /// broken header belongs to nothing.
    fn end_of_section(&self, text: &str, line: usize) -> usize {
        let rest = self.0.get(line - 1).map_or("", |start| &text[*start..]);
        let is_header = |line: &str| line.trim_start().starts_with('[');
        if !rest.lines().next().is_some_and(is_header) {
            return line;
        }
        line + rest.lines().skip(1).take_while(|line| !is_header(line)).count()
    }

    /// The line of a byte, from 1.
    fn line_of(&self, at: usize) -> usize {
        self.0.partition_point(|start| *start <= at)
    }
}

fn place(error: &Error) -> Range<usize> {
    error.span().unwrap_or(0..0)
}

fn syntax_error(error: &Error) -> Found {
    let message = error.message();
    let hint = match message {
        _ if message.starts_with("duplicate key") => "keep one of the two",
        _ if message.starts_with("string values must be quoted") => "write texts in quotes: \"like this\"",
        _ if message.starts_with(VALUELESS_KEY) => "write a key, an equals sign and a value: name = \"lab\"",
        _ if message.starts_with("missing comma") => "is a comma or a closing bracket missing?",
        _ if message.contains("recurs") => "a plan is nowhere nested as deeply as this",
        _ => "a plan is written in TOML: https://toml.io",
    };
    Fault::new(format!("This is not TOML: {message}"), hint).at(place(error))
}
