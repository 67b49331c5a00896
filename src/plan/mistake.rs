//! What can be wrong with a plan, and how it is told.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource};
use serde::Serialize;

use super::Source;
use super::key::private_keys;
use crate::aws::failure::{is_unseen, printable};

/// A file that is wrong in more places than this is shown with the first of them only.
const SHOWN: usize = 100;

/// Why there is no plan: a file that can't be read, or one with mistakes.
#[derive(Debug, Serialize, thiserror::Error, Diagnostic)]
#[error("{sentence}")]
pub struct PlanError {
    /// The path of the file, or the name of the built-in plan with its `@`.
    pub plan: String,
    /// What is wrong, as a whole.
    pub sentence: String,
    /// What to do about it, where the mistakes don't say.
    #[help]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The mistakes in the order of the file, 100 at most; none where the file could not be read.
    #[related]
    pub mistakes: Vec<Mistake>,
    #[source_code]
    #[serde(skip)]
    text: Arc<NamedSource<String>>,
}

/// One mistake in a plan file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error, Diagnostic)]
#[error("{sentence}")]
pub struct Mistake {
    /// The line where it begins, from 1.
    pub line: usize,
    /// The character of that line where it begins, from 1.
    pub column: usize,
    /// The bytes of the file that are wrong; empty where something is missing.
    #[label]
    pub span: Range<usize>,
    /// What is wrong.
    pub sentence: String,
    /// What to do about it.
    #[help]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl PlanError {
    /// A plan that can't be read at all.
    pub(super) fn unreadable(plan: &str, sentence: String, hint: &str) -> Self {
        Self {
            plan: plan.into(),
            sentence: printable(&sentence),
            hint: Some(hint.into()),
            mistakes: Vec::new(),
            text: Arc::new(NamedSource::new(printable(plan), String::new())),
        }
    }

    /// A plan with these mistakes; what is `hidden` is not shown.
    pub(super) fn mistaken(source: &Source, mut found: Vec<Found>, hidden: &[Range<usize>]) -> Self {
        found.sort_by_key(|found| (found.span.start, found.span.end));
        let name = printable(&source.name);
        let sentence = match found.len() {
            1 => format!("{name} has a mistake"),
            count if count <= SHOWN => format!("{name} has {count} mistakes"),
            count => format!("{name} has {count} mistakes; the first {SHOWN} are"),
        };
        found.truncate(SHOWN);
        Self {
            plan: source.name.clone(),
            sentence,
            hint: None,
            mistakes: found.into_iter().map(|found| found.place(&source.text)).collect(),
            text: Arc::new(NamedSource::new(name, shown(&source.text, hidden))),
        }
    }
}

/// What is wrong with a value, wherever it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub sentence: String,
    pub hint: String,
}

impl Fault {
    pub fn new(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: hint.into() }
    }

    pub fn at(self, span: Range<usize>) -> Found {
        Found { span, fault: self, missing: false }
    }
}

/// A fault and the bytes of the file that have it.
#[derive(Debug)]
pub(super) struct Found {
    pub span: Range<usize>,
    pub fault: Fault,
    /// Whether the fault is that something isn't there.
    pub missing: bool,
}

impl Found {
    fn place(self, text: &str) -> Mistake {
        let start = text.floor_char_boundary(self.span.start);
        let end = text.ceil_char_boundary(last_shown(text, start, self.span.end));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Mistake {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            span: start..end.max(start),
            sentence: self.fault.sentence,
            hint: Some(self.fault.hint),
        }
    }
}

/// The end of a span, or of its third line: of a longer one more is not shown.
fn last_shown(text: &str, start: usize, end: usize) -> usize {
    let lines = text.get(start..end).unwrap_or_default().match_indices('\n');
    lines.map(|(at, _)| start + at).nth(2).unwrap_or(end)
}

/// The mistakes found so far, in any order, and what no picture of them may show.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: RefCell<Vec<Found>>,
    hidden: RefCell<Vec<Range<usize>>>,
}

impl Findings {
    pub fn add(&self, found: Found) {
        self.found.borrow_mut().push(found);
    }

    pub fn hide(&self, span: Range<usize>) {
        self.hidden.borrow_mut().push(span);
    }

    /// The mistakes, and what is hidden.
    pub fn into_inner(self) -> (Vec<Found>, Vec<Range<usize>>) {
        (self.found.into_inner(), self.hidden.into_inner())
    }
}

/// A value of the file as a sentence shows it: short, on one line, harmless to a terminal.
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    let escaped = shown.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"");
    format!("`{escaped}{more}`")
}

/// The text without private keys, what else is hidden and what a terminal might obey, byte for byte as long.
fn shown(text: &str, hidden: &[Range<usize>]) -> String {
    let keys: Vec<_> = private_keys(text).into_iter().chain(hidden.iter().cloned()).collect();
    let shown = |(at, c): (usize, char)| match c {
        '\r' => " ".into(),
        '\n' | '\t' => c.to_string(),
        _ if keys.iter().any(|key| key.contains(&at)) => "*".repeat(c.len_utf8()),
        _ if c.is_control() || is_unseen(c) => "?".repeat(c.len_utf8()),
        _ => c.to_string(),
    };
    text.char_indices().map(shown).collect()
}

/// The known word that this one is most likely a slip of.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let distances = known.iter().map(|known| (strsim::damerau_levenshtein(word, known), *known));
    let (distance, nearest) = distances.min()?;
    (distance <= 1 + nearest.len() / 5).then_some(nearest)
}

/// `did you mean …?`, or all that is known where no word is near.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => {
            format!("known here: {}", known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", "))
        }
    }
}
