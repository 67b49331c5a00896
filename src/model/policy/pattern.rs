//! Wildcards and policy variables.
//!
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>

use super::context::Context;

/// A text with wildcards, its variables replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

/// What a stretch of a text has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// This character.
    Exact(char),
    /// Any one character, or any but a colon.
    One { colon: bool },
    /// Any number of characters, or of any but colons.
    Many { colon: bool },
}

impl Pattern {
    /// A text in which `*` and `?` are wildcards, but not in the values of its variables, if there is a context to take
    /// them from; `None` where that lacks one.
    pub fn new(text: &str, variables: Option<&Context>) -> Option<Self> {
        let pieces = parts(text, variables)?.into_iter().flat_map(|part| {
            part.text().chars().map(move |letter| match (part, letter) {
                (Part::Written(_), '*') => Piece::Many { colon: true },
                (Part::Written(_), '?') => Piece::One { colon: true },
                _ => Piece::Exact(letter),
            })
        });
        Some(Self(pieces.collect()))
    }

    /// An ARN of a `Resource` element. Before its fifth colon nothing is a variable, and only a `*` at the end of a
    /// segment reaches beyond the next colon.
    pub fn of_resource(arn: &str, variables: Option<&Context>) -> Option<Self> {
        let name_at = arn.match_indices(':').nth(4).map_or(arn.len(), |(at, _)| at + 1);
        let (segments, name) = arn.split_at(name_at);
        let Self(mut pieces) = Self::new(segments, None)?;
        for at in 0..pieces.len() {
            let last = matches!(pieces.get(at + 1), None | Some(Piece::Exact(':')));
            match &mut pieces[at] {
                Piece::One { colon } => *colon = false,
                Piece::Many { colon } => *colon = last,
                Piece::Exact(_) => {}
            }
        }
        pieces.extend(Self::new(name, variables)?.0);
        Some(Self(pieces))
    }

    /// Whether the whole text fits.
    pub fn matches(&self, text: &str) -> bool {
        fits(&self.0, text)
    }

    /// Whether each of the six parts of an ARN fits its own part of the pattern.
    pub fn matches_arn(&self, arn: &str) -> bool {
        let patterns: Vec<&[Piece]> = self.0.splitn(6, |piece| *piece == Piece::Exact(':')).collect();
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let six = patterns.len() == 6 && parts.len() == 6;
        six && patterns.into_iter().zip(parts).all(|(pattern, part)| fits(pattern, part))
    }
}

/// Whether a text fits: which pieces could come next is kept from letter to letter.
fn fits(pieces: &[Piece], text: &str) -> bool {
    let mut next = vec![false; pieces.len() + 1];
    next[0] = true;
    skip_many(pieces, &mut next);
    for letter in text.chars() {
        if !next.contains(&true) {
            return false;
        }
        let mut after = vec![false; pieces.len() + 1];
        for (at, piece) in pieces.iter().enumerate().filter(|(at, _)| next[*at]) {
            match piece {
                Piece::Exact(exact) => after[at + 1] |= *exact == letter,
                Piece::One { colon } => after[at + 1] |= *colon || letter != ':',
                Piece::Many { colon } => after[at] |= *colon || letter != ':',
            }
        }
        skip_many(pieces, &mut after);
        next = after;
    }
    next[pieces.len()]
}

/// Any number of characters may be none.
fn skip_many(pieces: &[Piece], next: &mut [bool]) {
    for (at, piece) in pieces.iter().enumerate() {
        if next[at] && matches!(piece, Piece::Many { .. }) {
            next[at + 1] = true;
        }
    }
}

/// A part of a text with variables.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// As it is written.
    Written(&'a str),
    /// What stands in the place of a variable.
    Value(&'a str),
}

impl<'a> Part<'a> {
    fn text(self) -> &'a str {
        match self {
            Self::Written(text) | Self::Value(text) => text,
        }
    }
}

/// The text with its variables replaced, if there is a context to take them from; `None` where that lacks one.
pub(super) fn expand(text: &str, variables: Option<&Context>) -> Option<String> {
    Some(parts(text, variables)?.into_iter().map(Part::text).collect())
}

fn parts<'a>(text: &'a str, variables: Option<&'a Context>) -> Option<Vec<Part<'a>>> {
    let mut parts = Vec::new();
    let mut rest = text;
    if let Some(context) = variables {
        while let Some((before, variable, after)) = next_variable(rest) {
            parts.extend([Part::Written(before), Part::Value(value_of(variable, context)?)]);
            rest = after;
        }
    }
    parts.push(Part::Written(rest));
    Some(parts)
}

/// The first variable of a text, with what stands before and after.
fn next_variable(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (variable, after) = rest.split_once('}')?;
    Some((before, variable, after))
}

/// Variables that stand for a character which otherwise means something.
const SPECIAL: [&str; 3] = ["*", "?", "$"];

/// What stands for a variable; keys with several values can't.
fn value_of<'a>(variable: &'a str, context: &'a Context) -> Option<&'a str> {
    if SPECIAL.contains(&variable) {
        return Some(variable);
    }
    let (key, default) = key_and_default(variable);
    match context.get(key) {
        Some([value]) => Some(value),
        Some(_) => None,
        None => default,
    }
}

/// `aws:username, 'nobody'` is a key and what stands for it where it is absent.
fn key_and_default(variable: &str) -> (&str, Option<&str>) {
    match variable.split_once(',') {
        Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\''))),
        None => (variable.trim(), None),
    }
}

/// The keys that a text can't do without.
pub(super) fn keys(text: &str) -> Vec<&str> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some((_, variable, after)) = next_variable(rest) {
        let (key, default) = key_and_default(variable);
        if !SPECIAL.contains(&variable) && default.is_none() {
            keys.push(key);
        }
        rest = after;
    }
    keys
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wild(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern, None).unwrap().matches(text)
    }

    fn resource(pattern: &str, arn: &str) -> bool {
        Pattern::of_resource(pattern, None).unwrap().matches(arn)
    }

    fn context() -> Context {
        let mut context = Context::default();
        context.set("aws:username", ["bob"]);
        context.set("aws:PrincipalTag/team", ["a*"]);
        context.set("aws:TagKeys", ["one", "two"]);
        context
    }

    fn filled(text: &str) -> Option<String> {
        expand(text, Some(&context()))
    }

    #[test]
    fn a_star_is_any_number_of_characters_and_a_question_mark_is_one() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("*", "anything", true),
            ("a*c", "ac", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("a*b*c", "a-b-b-c", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "abbc", false),
            ("", "", true),
            ("", "a", false),
            ("ü?*", "üß", true),
            ("s3:Get*", "s3:GetObject", true),
        ] {
            assert_eq!(wild(pattern, text), fits, "{pattern} {text}");
        }
    }

    /// The examples of the user guide's page on `Resource`.
    #[test]
    fn a_star_in_a_resource_covers_slashes() {
        let pattern = "arn:aws:s3:::bucket/*/test/*";
        for name in ["1/test/object.jpg", "1/2/3/test/4/object.jpg", "1///test///object.jpg", "/test/o", "1/test/"] {
            assert!(resource(pattern, &format!("arn:aws:s3:::bucket/{name}")), "{name}");
        }
        for name in ["1-test/object.jpg", "test/object.jpg", "1/test.jpg"] {
            assert!(!resource(pattern, &format!("arn:aws:s3:::bucket/{name}")), "{name}");
        }
    }

    #[test]
    fn only_a_star_at_the_end_of_a_segment_reaches_beyond_its_colon() {
        let arn = "arn:aws:sagemaker:us-east-1:111122223333:user-profile/d-1/bob";
        for (pattern, fits) in [
            ("*", true),
            ("arn:aws:sagemaker:*", true),
            ("arn:aws:sagemaker:*:user-profile/*", true),
            ("arn:aws:sagemaker:us-east-1:*:user-profile/*", true),
            ("arn:aws:sagemaker:us-*-1:*:user-profile/*", true),
            ("arn:aws:sagemaker:us-*3:user-profile/*", false),
            ("arn:aws:sagemaker:us-east-1?111122223333:user-profile/*", false),
            ("arn:aws:sagemaker:us-east-?:*:user-profile/*", true),
            ("arn:aws:sagemaker:us-east-1:*:User-profile/*", false),
        ] {
            assert_eq!(resource(pattern, arn), fits, "{pattern}");
        }
        assert!(resource("arn:aws:logs:*:*:log-group:/aws*a:*", "arn:aws:logs:r:1:log-group:/aws/a:b:a:log-stream:x"));
    }

    /// The example of the user guide's section on ARN operators.
    #[test]
    fn the_parts_of_an_arn_are_matched_each_by_itself() {
        let pattern = "arn:aws:someservice:*:111122223333:finance/*";
        let arn = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt";
        assert!(wild(pattern, arn));
        let like = |arn: &str| Pattern::new(pattern, None).unwrap().matches_arn(arn);
        assert!(!like(arn));
        assert!(like("arn:aws:someservice:us-east-2:111122223333:finance/a:b"));
        assert!(!like("finance/a"));
        assert!(!Pattern::new("*", None).unwrap().matches_arn(arn));
    }

    #[test]
    fn a_variable_stands_for_the_value_of_its_key() {
        assert_eq!(filled("home/${aws:username}/*").as_deref(), Some("home/bob/*"));
        assert_eq!(filled("${AWS:UserName}${ aws:username }").as_deref(), Some("bobbob"));
        assert_eq!(filled("${*}${?}${$}").as_deref(), Some("*?$"));
        assert_eq!(filled("$${aws:username").as_deref(), Some("$${aws:username"));
        assert_eq!(expand("${aws:username}", None).as_deref(), Some("${aws:username}"));
    }

    #[test]
    fn a_variable_without_a_single_value_has_its_default_or_none() {
        assert_eq!(filled("a/${aws:userid}"), None);
        assert_eq!(filled("a/${aws:userid, 'anonymous'}").as_deref(), Some("a/anonymous"));
        assert_eq!(filled("a/${aws:username, 'anonymous'}").as_deref(), Some("a/bob"));
        assert_eq!(filled("${aws:TagKeys}"), None);
    }

    #[test]
    fn wildcards_are_those_of_the_policy_and_not_of_values() {
        let pattern = Pattern::new("${aws:PrincipalTag/team}-?${*}", Some(&context())).unwrap();
        assert!(pattern.matches("a*-x*"));
        assert!(!pattern.matches("ab-x*"));
        assert!(!pattern.matches("a*-xy"));
    }

    #[test]
    fn variables_stand_after_the_fifth_colon_of_a_resource() {
        let resource = |arn| Pattern::of_resource(arn, Some(&context()));
        assert!(resource("arn:aws:s3:::b/${aws:username}").unwrap().matches("arn:aws:s3:::b/bob"));
        assert!(!resource("arn:aws:iam::${aws:username}:x").unwrap().matches("arn:aws:iam::bob:x"));
        assert_eq!(resource("arn:aws:s3:::b/${aws:userid}"), None);
    }

    #[test]
    fn a_text_names_the_keys_that_it_needs() {
        assert_eq!(keys("${aws:username}/${*}/${aws:userid, 'x'}/${s3:prefix}/${"), ["aws:username", "s3:prefix"]);
    }

    proptest! {
        #[test]
        fn wildcards_match_as_a_regular_expression_does(pattern in "[ab:*?]{0,8}", text in "[ab:]{0,10}") {
            let regex = format!("^{}$", pattern.replace('*', ".*").replace('?', "."));
            let regex = regex_lite::Regex::new(&regex).unwrap();
            prop_assert_eq!(wild(&pattern, &text), regex.is_match(&text), "{} {}", pattern, text);
        }

        #[test]
        fn any_text_is_a_pattern(pattern in any::<String>(), text in any::<String>()) {
            let _ = Pattern::of_resource(&pattern, Some(&context())).map(|pattern| pattern.matches(&text));
            let _ = Pattern::new(&pattern, Some(&context())).map(|pattern| pattern.matches_arn(&text));
            keys(&pattern);
        }
    }
}
