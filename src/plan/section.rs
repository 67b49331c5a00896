//! The file as TOML has it, read key by key.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Fault, Findings, Found, nearest, quoted, suggestion};

/// What the file says at a key.
#[derive(Debug)]
pub(super) enum Said<T> {
    /// The key isn't there.
    Nothing,
    /// Something wrong, already reported: what depends on it can't be judged.
    Wrong,
    /// This.
    Value(Spanned<T>),
}

impl<T> Said<T> {
    pub fn value(&self) -> Option<&T> {
        match self {
            Said::Value(value) => Some(value.get_ref()),
            _ => None,
        }
    }

    pub fn span(&self) -> Option<Range<usize>> {
        match self {
            Said::Value(value) => Some(value.span()),
            _ => None,
        }
    }

    pub fn is_nothing(&self) -> bool {
        matches!(self, Said::Nothing)
    }

    pub fn is_wrong(&self) -> bool {
        matches!(self, Said::Wrong)
    }

    pub fn into_value(self) -> Option<T> {
        match self {
            Said::Value(value) => Some(value.into_inner()),
            _ => None,
        }
    }

    pub fn or(self, default: T) -> T {
        self.into_value().unwrap_or(default)
    }
}

/// A table of the file. Whatever is never asked for is unknown.
#[derive(Debug)]
pub(super) struct Section<'f> {
    path: String,
    span: Range<usize>,
    entries: DeTable<'f>,
    known: Vec<&'static str>,
    lacks: Vec<(&'static [&'static str], Fault)>,
    findings: &'f Findings,
}

impl<'f> Section<'f> {
    /// The whole file.
    pub fn root(table: DeTable<'f>, findings: &'f Findings) -> Self {
        Self::new(String::new(), 0..0, table, findings)
    }

    fn new(path: String, span: Range<usize>, entries: DeTable<'f>, findings: &'f Findings) -> Self {
        Self { path, span, entries, known: Vec::new(), lacks: Vec::new(), findings }
    }

    /// Where the section begins: its header, or the braces of an inline table.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub fn report(&self, span: Range<usize>, fault: Fault) {
        self.findings.add(fault.at(span));
    }

    /// Notes that the section lacks one of these keys; reported when it is finished, unless one of them is just
    /// misspelt.
    pub fn lacks(&mut self, keys: &'static [&'static str], fault: Fault) {
        self.lacks.push((keys, fault));
    }

    /// A text with a meaning.
    pub fn text<T>(&mut self, key: &'static str, meaning: impl Fn(&str) -> Result<T, Fault>) -> Said<T> {
        let Some(value) = self.take(key) else { return Said::Nothing };
        self.meaning(value, meaning)
    }

    /// A text with a meaning that no mistake shows.
    pub fn hidden<T>(&mut self, key: &'static str, meaning: impl Fn(&str) -> Result<T, Fault>) -> Said<T> {
        let Some(value) = self.take(key) else { return Said::Nothing };
        self.findings.hide(value.span());
        self.meaning(value, meaning)
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Said<bool> {
        let Some(value) = self.take(key) else { return Said::Nothing };
        match value.get_ref() {
            DeValue::Boolean(boolean) => Said::Value(Spanned::new(value.span(), *boolean)),
            other => {
                let fault = Fault::new(
                    format!("`{key}` must be true or false, not {}", described(other)),
                    "write true or false, without quotes",
                );
                self.wrong(value.span(), fault)
            }
        }
    }

    /// A whole number between two others, both included.
    pub fn integer(&mut self, key: &'static str, least: u32, most: u32) -> Said<u32> {
        let Some(value) = self.take(key) else { return Said::Nothing };
        let DeValue::Integer(integer) = value.get_ref() else {
            let fault = Fault::new(
                format!("`{key}` must be a number, not {}", described(value.get_ref())),
                format!("write a number from {least} to {most}, without quotes"),
            );
            return self.wrong(value.span(), fault);
        };
        match u32::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if (least..=most).contains(&number) => Said::Value(Spanned::new(value.span(), number)),
            _ => {
                let sentence = format!("`{key}` can't be {}", quoted(&integer.to_string()));
                self.wrong(value.span(), Fault::new(sentence, format!("write a number from {least} to {most}")))
            }
        }
    }

    /// A list of different texts, each with a meaning; not an empty one.
    pub fn texts<T>(&mut self, key: &'static str, meaning: impl Fn(&str) -> Result<T, Fault>) -> Said<Vec<Spanned<T>>> {
        let Some(value) = self.take(key) else { return Said::Nothing };
        let span = value.span();
        let DeValue::Array(items) = value.into_inner() else {
            let fault = Fault::new(format!("`{key}` must be a list of texts"), format!("write {key} = [\"…\", \"…\"]"));
            return self.wrong(span, fault);
        };
        if items.is_empty() {
            let fault = Fault::new(format!("`{key}` is empty"), "list something, or leave the key out for the default");
            return self.wrong(span, fault);
        }
        let count = items.len();
        let mut texts = Vec::new();
        let mut seen = BTreeSet::new();
        for item in items {
            let text = item.get_ref().as_str().map(String::from);
            let Said::Value(value) = self.meaning(item, &meaning) else { continue };
            if seen.insert(text) {
                texts.push(value);
            } else {
                self.report(value.span(), Fault::new(format!("`{key}` lists this twice"), "leave one of them out"));
            }
        }
        if texts.len() == count { Said::Value(Spanned::new(span, texts)) } else { Said::Wrong }
    }

    /// A section within this one; an empty one where the file has none.
    pub fn section(&mut self, key: &'static str) -> Self {
        let path = self.path_of(key);
        let (span, entries) = match self.take(key) {
            None => (self.span(), DeTable::new()),
            Some(value) => {
                let span = value.span();
                match value.into_inner() {
                    DeValue::Table(table) => (span, table),
                    other => {
                        let sentence = format!("`{path}` must be a section, not {}", described(&other));
                        self.report(span.clone(), Fault::new(sentence, format!("begin it with [{path}]")));
                        (span, DeTable::new())
                    }
                }
            }
        };
        Self::new(path, span, entries, self.findings)
    }

    /// A list of sections.
    pub fn sections(&mut self, key: &'static str) -> Said<Vec<Self>> {
        let path = self.path_of(key);
        let Some(value) = self.take(key) else { return Said::Nothing };
        let span = value.span();
        let hint = format!("begin each of its sections with [[{path}]]");
        let DeValue::Array(items) = value.into_inner() else {
            return self.wrong(span, Fault::new(format!("`{path}` must be a list of sections"), hint));
        };
        let mut sections = Vec::new();
        for item in items {
            let span = item.span();
            match item.into_inner() {
                DeValue::Table(entries) => sections.push(Self::new(path.clone(), span, entries, self.findings)),
                other => {
                    let sentence = format!("`{path}` must be a list of sections, this is {}", described(&other));
                    self.report(span, Fault::new(sentence, hint.clone()));
                }
            }
        }
        Said::Value(Spanned::new(span, sections))
    }

    /// The keys that nobody asked for yet, with what they say, in the order of the file.
    pub fn rest(&mut self) -> Vec<(Spanned<String>, Spanned<DeValue<'f>>)> {
        let entries = std::mem::take(&mut self.entries).into_iter();
        let mut rest: Vec<_> =
            entries.map(|(key, value)| (Spanned::new(key.span(), key.into_inner().into_owned()), value)).collect();
        rest.sort_by_key(|(key, _)| key.span().start);
        rest
    }

    /// Reports the keys that nobody asked for, and what is missing.
    pub fn finish(mut self) {
        let mut misspelt = Vec::new();
        for (key, _) in self.rest() {
            let place = if self.path.is_empty() { "a plan".into() } else { format!("[{}]", self.path) };
            let sentence = format!("{} is not a key of {place}", quoted(key.get_ref()));
            self.report(key.span(), Fault::new(sentence, suggestion(key.get_ref(), &self.known)));
            misspelt.extend(nearest(key.get_ref(), &self.known));
        }
        for (keys, fault) in self.lacks {
            if !keys.iter().any(|key| misspelt.contains(key)) {
                self.findings.add(Found { missing: true, ..fault.at(self.span.clone()) });
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'f>>> {
        self.known.push(key);
        self.entries.remove(key)
    }

    /// Where the plan has a key of this section: `onprem.cidr`.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    /// The meaning of a value that must be a text.
    pub fn meaning<T>(&self, value: Spanned<DeValue<'f>>, meaning: impl Fn(&str) -> Result<T, Fault>) -> Said<T> {
        let span = value.span();
        let Some(text) = value.get_ref().as_str() else {
            let sentence = format!("A text belongs here, not {}", described(value.get_ref()));
            let hint = match value.get_ref() {
                DeValue::Integer(plain) => format!("put it in quotes: \"{plain}\""),
                DeValue::Datetime(plain) => format!("put it in quotes: \"{plain}\""),
                // Nothing is no text of any kind: what is said of it says how one looks.
                _ => meaning("").err().map_or("write a text in quotes".into(), |fault| fault.hint),
            };
            return self.wrong(span, Fault::new(sentence, hint));
        };
        match meaning(text) {
            Ok(value) => Said::Value(Spanned::new(span, value)),
            Err(fault) => self.wrong(span, fault),
        }
    }

    fn wrong<T>(&self, span: Range<usize>, fault: Fault) -> Said<T> {
        self.report(span, fault);
        Said::Wrong
    }
}

fn described(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
