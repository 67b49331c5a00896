//! What is found of a step, as sentences, and what it comes to.

use super::Holds;
use super::access::Ruling;

/// Sentences in order, each once.
#[derive(Default)]
pub struct Reasons(pub Vec<String>);

impl Reasons {
    /// Adds one, unless it was said.
    pub fn add(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if !self.0.contains(&sentence) {
            self.0.push(sentence);
        }
    }

    /// Adds several.
    pub fn add_all(&mut self, sentences: impl IntoIterator<Item = String>) {
        sentences.into_iter().for_each(|sentence| self.add(sentence));
    }
}

/// Whether lookups are as they should be, and why.
pub type Judgement = (Holds, Vec<String>);

/// What was found of a step.
#[derive(Default)]
pub struct Found {
    /// Why it holds.
    pub for_it: Reasons,
    /// Why it doesn't.
    pub against: Reasons,
    /// What can't be known of it.
    pub unknown: Reasons,
    /// What doesn't keep it from holding.
    pub remarks: Reasons,
}

impl Found {
    /// That it doesn't hold.
    pub fn against(why: impl Into<String>) -> Self {
        let mut found = Self::default();
        found.against.add(why);
        found
    }

    /// Adds what else was found.
    pub fn take(&mut self, other: Self) {
        self.for_it.add_all(other.for_it.0);
        self.against.add_all(other.against.0);
        self.unknown.add_all(other.unknown.0);
        self.remarks.add_all(other.remarks.0);
    }

    /// Notes that something is as it should be, or that it isn't.
    pub fn check(&mut self, holds: bool, for_it: impl Into<String>, against: impl Into<String>) {
        if holds { self.for_it.add(for_it) } else { self.against.add(against) }
    }

    /// Notes what becomes of a request that should be admitted.
    pub fn expect_admitted(&mut self, request: &str, ruling: Ruling) {
        match ruling {
            Ruling::Admitted(why) => self.for_it.add(format!("{request} is admitted: {why}")),
            Ruling::Refused(why) => self.against.add(format!("{request} is refused: {why}")),
            Ruling::Unknown(why) => self.unknown.add(format!("whether {request} is admitted can't be known: {why}")),
        }
    }

    /// Notes what becomes of a request that should be refused.
    pub fn expect_refused(&mut self, request: &str, ruling: Ruling) {
        match ruling {
            Ruling::Refused(why) => self.for_it.add(format!("{request} is refused: {why}")),
            Ruling::Admitted(why) => self.against.add(format!("{request} is admitted: {why}")),
            Ruling::Unknown(why) => self.unknown.add(format!("whether {request} is refused can't be known: {why}")),
        }
    }

    /// Where reasons of this sort belong.
    pub fn side(&mut self, holds: Holds) -> &mut Reasons {
        match holds {
            Holds::Yes => &mut self.for_it,
            Holds::No => &mut self.against,
            Holds::Unknown => &mut self.unknown,
        }
    }

    /// What it comes to.
    pub fn verdict(mut self) -> Judgement {
        if !self.against.0.is_empty() {
            return (Holds::No, self.against.0);
        }
        if !self.unknown.0.is_empty() {
            return (Holds::Unknown, self.unknown.0);
        }
        self.for_it.add_all(self.remarks.0);
        (Holds::Yes, self.for_it.0)
    }
}

/// `a, b and c`.
pub fn join(items: impl IntoIterator<Item = impl ToString>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    match items.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => items.concat(),
    }
}
