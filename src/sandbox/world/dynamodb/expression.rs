//! What all expressions share: placeholders, tokens, document paths.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use serde_json::Value;

use super::attribute::{Attribute, Item, read_attribute};
use super::reserved::is_reserved;
use super::{invalid, unsupported};
use crate::sandbox::api::ApiError;

/// Bytes of an expression, and operators in it:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.
const MAX_LENGTH: usize = 4096;
const MAX_OPERATORS: usize = 300;

/// The one kind of expression without values.
pub const PROJECTION: &str = "ProjectionExpression";

/// The names and values that stand behind a call's `#names` and `:values`.
pub struct Placeholders {
    names: BTreeMap<String, String>,
    values: BTreeMap<String, Attribute>,
    used: BTreeSet<String>,
}

/// A part of a document: an attribute, and what is inside of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Step>);

/// A step into a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Name(String),
    Index(usize),
}

/// Reads one expression.
pub struct Parser<'a> {
    /// The call's member that it is: `ConditionExpression`.
    member: &'static str,
    text: &'a str,
    tokens: Vec<Range<usize>>,
    next: usize,
    placeholders: &'a mut Placeholders,
}

impl Placeholders {
    /// Those of a call with these expressions, each with the member that it is.
    ///
    /// # Errors
    /// `ValidationException` for maps that are empty, have keys that no placeholder is, or serve no expression.
    pub fn new(
        names: Option<BTreeMap<String, String>>,
        values: Option<BTreeMap<String, Value>>,
        expressions: &[(&'static str, Option<&str>)],
    ) -> Result<Self, ApiError> {
        let needless = |map: &str| format!("{map} can only be specified when using expressions");
        if let Some(names) = &names {
            if expressions.iter().all(|(_, text)| text.is_none()) {
                return Err(invalid(needless("ExpressionAttributeNames")));
            }
            check_keys("ExpressionAttributeNames", '#', names.keys())?;
        }
        if let Some(values) = &values {
            let with_values: Vec<_> = expressions.iter().filter(|(member, _)| *member != PROJECTION).collect();
            if with_values.iter().all(|(_, text)| text.is_none()) {
                let members: Vec<_> = with_values.iter().map(|(member, _)| *member).collect();
                let are = if members.len() == 1 { "is" } else { "are" };
                let needless = needless("ExpressionAttributeValues");
                return Err(invalid(format!("{needless}: {} {are} null", members.join(" and "))));
            }
            check_keys("ExpressionAttributeValues", ':', values.keys())?;
        }
        let values = values.into_iter().flatten().map(|(key, value)| {
            let in_words = |refusal: ApiError| {
                let message =
                    format!("ExpressionAttributeValues contains invalid value: {} for key {key}", refusal.message);
                ApiError { message, ..refusal }
            };
            read_attribute(&value).map(|value| (key.clone(), value)).map_err(in_words)
        });
        Ok(Self { names: names.unwrap_or_default(), values: values.collect::<Result<_, _>>()?, used: BTreeSet::new() })
    }

    /// Refuses placeholders that no expression used.
    ///
    /// # Errors
    /// `ValidationException`
    pub fn check_all_used(&self) -> Result<(), ApiError> {
        let names = ("ExpressionAttributeNames", self.names.keys().collect::<Vec<_>>());
        let values = ("ExpressionAttributeValues", self.values.keys().collect());
        for (map, keys) in [names, values] {
            let unused: Vec<_> = keys.into_iter().filter(|key| !self.used.contains(*key)).map(String::as_str).collect();
            if !unused.is_empty() {
                let keys = unused.join(", ");
                return Err(invalid(format!("Value provided in {map} unused in expressions: keys: {{{keys}}}")));
            }
        }
        Ok(())
    }
}

fn check_keys<'a>(map: &str, sign: char, mut keys: impl Iterator<Item = &'a String>) -> Result<(), ApiError> {
    let is_placeholder = |key: &str| {
        let rest = key.strip_prefix(sign).unwrap_or_default();
        !rest.is_empty() && rest.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    let mut count = 0;
    if let Some(key) = keys.by_ref().inspect(|_| count += 1).find(|key| !is_placeholder(key)) {
        return Err(invalid(format!("{map} contains invalid key: Syntax error; key: \"{key}\"")));
    }
    if count == 0 { Err(invalid(format!("{map} must not be empty"))) } else { Ok(()) }
}

impl Path {
    /// The attribute that it is or leads into.
    pub fn root(&self) -> &str {
        match self.0.first() {
            Some(Step::Name(name)) => name,
            _ => "",
        }
    }

    /// What is there in an item.
    pub fn find<'a>(&self, item: &'a Item) -> Option<&'a Attribute> {
        let mut found = item.get(self.root())?;
        for step in self.0.iter().skip(1) {
            found = match (found, step) {
                (Attribute::M(map), Step::Name(name)) => map.get(name)?,
                (Attribute::L(list), Step::Index(index)) => list.get(*index)?,
                _ => return None,
            };
        }
        Some(found)
    }

    /// The same up to the first list.
    fn within_maps(&self) -> Self {
        Self(self.0.iter().take_while(|step| matches!(step, Step::Name(_))).cloned().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.0.iter().map(|step| match step {
            Step::Name(name) => name.clone(),
            Step::Index(index) => format!("[{index}]"),
        });
        write!(formatter, "[{}]", steps.collect::<Vec<_>>().join(", "))
    }
}

/// The named parts of an item; of a list that is only partly named, all.
pub fn project(item: &Item, paths: &[Path]) -> Item {
    let mut projection = Item::new();
    for path in paths.iter().map(Path::within_maps) {
        if let Some(value) = path.find(item) {
            graft(&mut projection, &path.0, value.clone());
        }
    }
    projection
}

fn graft(into: &mut Item, steps: &[Step], value: Attribute) {
    match steps {
        [Step::Name(name)] => {
            into.insert(name.clone(), value);
        }
        [Step::Name(name), rest @ ..] => {
            let inner = into.entry(name.clone()).or_insert_with(|| Attribute::M(Item::new()));
            if let Attribute::M(map) = inner {
                graft(map, rest, value);
            }
        }
        _ => {}
    }
}

/// Refuses paths of which one is or leads into another.
///
/// # Errors
/// `ValidationException`
pub fn check_distinct(member: &str, paths: &[&Path]) -> Result<(), ApiError> {
    for (index, one) in paths.iter().enumerate() {
        let overlaps = |other: &&&Path| one.0.starts_with(&other.0) || other.0.starts_with(&one.0);
        if let Some(other) = paths.iter().skip(index + 1).find(overlaps) {
            return Err(invalid(format!(
                "Invalid {member}: Two document paths overlap with each other; must remove or rewrite one of these \
                 paths; path one: {one}, path two: {other}"
            )));
        }
    }
    Ok(())
}

/// Reads a projection.
///
/// # Errors
/// `ValidationException`; `NotImplemented` for items of lists.
pub fn parse_projection(text: &str, placeholders: &mut Placeholders) -> Result<Vec<Path>, ApiError> {
    let mut parser = Parser::new(PROJECTION, text, placeholders)?;
    let mut paths = vec![parser.path()?];
    while parser.accept(",") {
        paths.push(parser.path()?);
    }
    parser.end()?;
    if paths.iter().any(|path| path.within_maps() != *path) {
        return Err(unsupported("projections of the items of lists"));
    }
    check_distinct(PROJECTION, &paths.iter().collect::<Vec<_>>())?;
    Ok(paths)
}

impl<'a> Parser<'a> {
    /// At the beginning of an expression.
    ///
    /// # Errors
    /// `ValidationException` for an empty or too large expression, or one with a sign that none has.
    pub fn new(member: &'static str, text: &'a str, placeholders: &'a mut Placeholders) -> Result<Self, ApiError> {
        let mut parser = Self { member, text, tokens: Vec::new(), next: 0, placeholders };
        if text.len() > MAX_LENGTH {
            let length = text.len();
            let why = "Expression size has exceeded the maximum allowed size; expression size";
            return Err(parser.invalid(format!("{why}: {length}")));
        }
        let mut at = 0;
        while let Some(first) = text[at..].chars().next() {
            let length = token_length(&text[at..]);
            if length == 0 {
                parser.tokens.push(at..at + first.len_utf8());
                parser.next = parser.tokens.len() - 1;
                return Err(parser.syntax());
            }
            if !first.is_whitespace() {
                parser.tokens.push(at..at + length);
            }
            at += length;
        }
        if parser.tokens.is_empty() {
            return Err(parser.invalid("The expression can not be empty;"));
        }
        // Each may stand inside the one before.
        let is_operator = |token: &&str| *token == "(" || token.eq_ignore_ascii_case("NOT");
        let operators = (0..parser.tokens.len()).map(|at| parser.token(at)).filter(is_operator).count();
        if operators > MAX_OPERATORS {
            let why = "The expression contains too many operators; operator count";
            return Err(parser.invalid(format!("{why}: {operators}")));
        }
        Ok(parser)
    }

    fn token(&self, index: usize) -> &'a str {
        self.tokens.get(index).map_or("", |range| &self.text[range.clone()])
    }

    /// The next token; empty at the end.
    pub fn peek(&self) -> &'a str {
        self.token(self.next)
    }

    /// Goes on to the token after the next.
    pub fn take(&mut self) -> &'a str {
        let token = self.peek();
        self.next += 1;
        token
    }

    /// Whether a name with an argument list is next.
    pub fn is_function(&self) -> bool {
        self.peek().starts_with(is_name_start) && self.token(self.next + 1) == "("
    }

    /// Whether this word or sign is next, whatever its case.
    pub fn is(&self, word: &str) -> bool {
        self.peek().eq_ignore_ascii_case(word)
    }

    /// Takes this word or sign, if it is next.
    pub fn accept(&mut self, word: &str) -> bool {
        let is_next = self.is(word);
        self.next += usize::from(is_next);
        is_next
    }

    /// Takes this word or sign, which must be next.
    ///
    /// # Errors
    /// `ValidationException`
    pub fn expect(&mut self, word: &str) -> Result<(), ApiError> {
        if self.accept(word) { Ok(()) } else { Err(self.syntax()) }
    }

    /// Refuses anything after the end.
    ///
    /// # Errors
    /// `ValidationException`
    pub fn end(&self) -> Result<(), ApiError> {
        if self.peek().is_empty() { Ok(()) } else { Err(self.syntax()) }
    }

    /// Takes a path.
    ///
    /// # Errors
    /// `ValidationException`
    pub fn path(&mut self) -> Result<Path, ApiError> {
        let mut steps = vec![self.name()?];
        loop {
            if self.accept(".") {
                steps.push(self.name()?);
            } else if self.accept("[") {
                let index = self.peek().parse().map_err(|_| self.syntax())?;
                self.take();
                self.expect("]")?;
                steps.push(Step::Index(index));
            } else {
                return Ok(Path(steps));
            }
        }
    }

    fn name(&mut self) -> Result<Step, ApiError> {
        let token = self.peek();
        let name = if token.starts_with('#') {
            let name = self.placeholders.names.get(token).cloned();
            self.placeholders.used.insert(token.to_owned());
            name.ok_or_else(|| {
                self.invalid(format!(
                    "An expression attribute name used in the document path is not defined; attribute name: {token}"
                ))
            })?
        } else if !token.starts_with(is_name_start) {
            return Err(self.syntax());
        } else if is_reserved(token) {
            return Err(self.invalid(format!("Attribute name is a reserved keyword; reserved keyword: {token}")));
        } else {
            token.to_owned()
        };
        self.take();
        Ok(Step::Name(name))
    }

    /// Takes a value.
    ///
    /// # Errors
    /// `ValidationException`
    pub fn value(&mut self) -> Result<Attribute, ApiError> {
        let token = self.peek();
        if !token.starts_with(':') {
            return Err(self.syntax());
        }
        self.take();
        self.placeholders.used.insert(token.to_owned());
        self.placeholders.values.get(token).cloned().ok_or_else(|| {
            self.invalid(format!(
                "An expression attribute value used in expression is not defined; attribute value: {token}"
            ))
        })
    }

    /// A refusal of the expression.
    pub fn invalid(&self, why: impl AsRef<str>) -> ApiError {
        invalid(format!("Invalid {}: {}", self.member, why.as_ref()))
    }

    /// The refusal of the next token.
    pub fn syntax(&self) -> ApiError {
        let token = if self.peek().is_empty() { "<EOF>" } else { self.peek() };
        let around = |index: usize| self.tokens.get(index).cloned();
        let from =
            self.next.checked_sub(1).and_then(around).or_else(|| around(self.next)).map_or(0, |range| range.start);
        let to = around(self.next + 1).or_else(|| around(self.next)).map_or(self.text.len(), |range| range.end);
        self.invalid(format!("Syntax error; token: \"{token}\", near: \"{}\"", &self.text[from..to]))
    }
}

fn is_name_start(letter: char) -> bool {
    letter.is_ascii_alphabetic() || letter == '_'
}

/// How long the token is that a text begins with; 0 if none begins so.
fn token_length(text: &str) -> usize {
    let is_name_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let run = |text: &str, belongs: &dyn Fn(char) -> bool| text.find(|letter| !belongs(letter)).unwrap_or(text.len());
    match text.as_bytes() {
        [b'<', b'=' | b'>', ..] | [b'>', b'=', ..] => 2,
        [b'(' | b')' | b'[' | b']' | b'.' | b',' | b'=' | b'<' | b'>' | b'+' | b'-', ..] => 1,
        [b'#' | b':', ..] => match run(&text[1..], &is_name_part) {
            0 => 0,
            length => 1 + length,
        },
        _ => run(text, &char::is_whitespace).max(run(text, &is_name_part)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::attribute::read_item;
    use super::super::condition::Condition;
    use super::*;

    fn placeholders(names: &[(&str, &str)]) -> Placeholders {
        let names = names.iter().map(|(key, name)| (key.to_string(), name.to_string())).collect();
        Placeholders { names, values: BTreeMap::new(), used: BTreeSet::new() }
    }

    fn refusal(text: &str) -> String {
        parse_projection(text, &mut placeholders(&[("#u", "user")])).unwrap_err().message
    }

    #[test]
    fn paths_lead_into_maps_and_lists() {
        let mut names = placeholders(&[("#u", "user name")]);
        let mut parser = Parser::new(PROJECTION, " #u.b[12].c , a", &mut names).unwrap();
        let path = parser.path().unwrap();
        assert_eq!(path.to_string(), "[user name, b, [12], c]");
        parser.expect(",").unwrap();
        assert_eq!(parser.path().unwrap().root(), "a");
        parser.end().unwrap();
        let item = read_item(&json!({"a": {"M": {"b": {"L": [{"S": "x"}]}}}})).unwrap();
        let path = Path(vec![Step::Name("a".into()), Step::Name("b".into()), Step::Index(0)]);
        assert_eq!(path.find(&item), Some(&Attribute::S("x".into())));
        assert_eq!(Path(vec![Step::Name("a".into()), Step::Index(0)]).find(&item), None);
    }

    #[test]
    fn a_projection_keeps_the_shape_of_what_it_names() {
        let item = read_item(&json!({"a": {"M": {"x": {"N": "1"}, "y": {"N": "2"}}}, "b": {"S": "t"}})).unwrap();
        let paths = parse_projection("a.x, c", &mut placeholders(&[])).unwrap();
        assert_eq!(json!(project(&item, &paths)), json!({"a": {"M": {"x": {"N": "1"}}}}));
    }

    #[test]
    fn what_is_wrong_is_said_in_dynamodbs_words() {
        for (text, message) in [
            ("", "The expression can not be empty;"),
            ("user", "Attribute name is a reserved keyword; reserved keyword: user"),
            ("#n", "An expression attribute name used in the document path is not defined; attribute name: #n"),
            ("a b", "Syntax error; token: \"b\", near: \"a b\""),
            ("a,", "Syntax error; token: \"<EOF>\", near: \",\""),
            ("a & b", "Syntax error; token: \"&\", near: \"a &\""),
            ("a[x]", "Syntax error; token: \"x\", near: \"[x]\""),
            (
                "a.b, a",
                "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: \
                 [a, b], path two: [a]",
            ),
        ] {
            assert_eq!(refusal(text), format!("Invalid ProjectionExpression: {message}"), "{text}");
        }
    }

    #[test]
    fn an_expression_is_no_longer_and_no_deeper_than_dynamodbs() {
        let refusal =
            |text: String| Condition::parse("ConditionExpression", &text, &mut placeholders(&[])).unwrap_err();
        let deep = refusal("(".repeat(301)).message;
        assert!(deep.contains("too many operators; operator count: 301"), "{deep}");
        let deep = refusal("NOT ".repeat(1000)).message;
        assert!(deep.contains("too many operators; operator count: 1000"), "{deep}");
        let long = refusal("(".repeat(1 << 20)).message;
        assert!(long.contains("Expression size has exceeded the maximum allowed size"), "{long}");
    }

    #[test]
    fn placeholders_serve_an_expression_and_are_all_used() {
        let names = |key: &str| Some(BTreeMap::from([(key.to_owned(), "user".to_owned())]));
        let values = |key: &str| Some(BTreeMap::from([(key.to_owned(), json!({"S": "x"}))]));
        let new = |names, values, text| Placeholders::new(names, values, &[("ConditionExpression", text)]);
        for (placeholders, message) in [
            (new(names("#u"), None, None), "ExpressionAttributeNames can only be specified when using expressions"),
            (
                new(None, values(":v"), None),
                "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null",
            ),
            (new(Some(BTreeMap::new()), None, Some("a")), "ExpressionAttributeNames must not be empty"),
            (new(None, Some(BTreeMap::new()), Some("a")), "ExpressionAttributeValues must not be empty"),
            (
                new(names("u"), None, Some("a")),
                "ExpressionAttributeNames contains invalid key: Syntax error; key: \"u\"",
            ),
        ] {
            assert_eq!(placeholders.err().unwrap().message, message);
        }
        for (placeholders, message) in [
            (
                new(names("#u"), None, Some("a")),
                "Value provided in ExpressionAttributeNames unused in expressions: keys: {#u}",
            ),
            (
                new(None, values(":v"), Some("a")),
                "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}",
            ),
        ] {
            assert_eq!(placeholders.unwrap().check_all_used().unwrap_err().message, message);
        }
    }
}
