//! Filter patterns of unstructured text: terms that must, may or must not be in a message.

use crate::sandbox::api::ApiError;

use super::invalid;

/// A filter pattern; the empty one matches everything.
#[derive(Debug, Default, PartialEq)]
pub struct Pattern {
    /// All of these, …
    all: Vec<String>,
    /// at least one of these, if there are any, …
    any: Vec<String>,
    /// and none of these.
    none: Vec<String>,
}

impl Pattern {
    /// Reads `ERROR`, `"two words"`, `?either ?or`, `-without`.
    ///
    /// # Errors
    /// A quotation without an end; `NotImplemented` for patterns of JSON, columns and regular expressions.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let mut pattern = Self::default();
        let mut rest = text.trim_start();
        if rest.starts_with(['{', '[', '%']) {
            let message = format!("the sandbox does not model the filter pattern {text}");
            return Err(ApiError::new("NotImplemented", message).with_status(501));
        }
        while !rest.is_empty() {
            let (terms, term) = match rest.as_bytes() {
                [b'?', ..] => (&mut pattern.any, &rest[1..]),
                [b'-', ..] => (&mut pattern.none, &rest[1..]),
                _ => (&mut pattern.all, rest),
            };
            let (term, after) = match term.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or_else(|| invalid("Invalid filter pattern"))?,
                None => term.split_once(char::is_whitespace).unwrap_or((term, "")),
            };
            terms.push(term.to_owned());
            rest = after.trim_start();
        }
        Ok(pattern)
    }

    /// Whether a message has what it must have.
    pub fn matches(&self, message: &str) -> bool {
        let has = |term: &String| message.contains(term.as_str());
        self.all.iter().all(has) && !self.none.iter().any(has) && (self.any.is_empty() || self.any.iter().any(has))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_demanded_offered_or_excluded_and_case_counts() {
        for (pattern, message, matches) in [
            ("", "anything", true),
            ("ERROR", "an ERROR", true),
            ("ERROR", "an error", false),
            ("ERROR denied", "denied: ERROR", true),
            ("ERROR denied", "ERROR", false),
            ("\"was denied\"", "it was denied", true),
            ("\"was denied\"", "denied it was", false),
            ("?ERROR ?WARN", "a WARN", true),
            ("?ERROR ?WARN", "fine", false),
            ("ERROR -expected", "ERROR expected", false),
            ("-\"all well\" ERROR", "ERROR", true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(message), matches, "{pattern} in {message}");
        }
    }

    #[test]
    fn other_kinds_of_pattern_are_refused() {
        assert_eq!(Pattern::parse("{ $.level = \"ERROR\" }").unwrap_err().code, "NotImplemented");
        assert_eq!(Pattern::parse("\"no end").unwrap_err().code, "InvalidParameterException");
    }
}
