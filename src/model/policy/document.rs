//! Policy documents, read: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Deserializer, Map, Value};

use super::condition::{Condition, Outcome};
use super::context::Context;
use super::pattern::{self, Pattern};
use super::principal::{Named, Principal, Principals};
use super::{Place, Request};

/// A policy that was read.
#[derive(Debug, Clone)]
pub struct Policy {
    /// What sentences call it.
    pub name: String,
    pub(super) statements: Vec<Statement>,
}

/// A policy that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy {name} can't be read: {why}")]
pub struct Malformed {
    /// Its name.
    pub name: String,
    /// Why, as a sentence.
    pub why: String,
}

/// A place in a document, from line 1 and column 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Policy {
    /// Reads a policy that stands on an identity, limits one, or limits a session: it names resources and no principal.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_identity(name: &str, document: &str) -> Result<Self, Malformed> {
        Self::read(name, document, true)
    }

    /// Reads a policy that stands on a resource or an endpoint: it names principals; without resources it is about
    /// whatever it stands on.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_resource(name: &str, document: &str) -> Result<Self, Malformed> {
        Self::read(name, document, false)
    }

    fn read(name: &str, document: &str, of_identity: bool) -> Result<Self, Malformed> {
        let statements = statements(document, of_identity);
        let statements = statements.map_err(|why| Malformed { name: name.to_owned(), why })?;
        Ok(Self { name: name.to_owned(), statements })
    }

    /// The values that its conditions compare a context key with.
    pub fn values_of(&self, key: &str) -> Vec<&str> {
        let conditions = self.statements.iter().flat_map(|statement| &statement.conditions);
        conditions.flat_map(|condition| condition.values_of(key)).map(String::as_str).collect()
    }

    /// The context keys that it asks for.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(Statement::keys)
    }
}

/// A statement of a policy.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    /// Its place in the policy, from 1.
    pub number: usize,
    pub sid: Option<String>,
    /// Whether it allows, rather than denies.
    pub allows: bool,
    /// None in policies of identities.
    principals: Option<Principals>,
    /// In lower case.
    actions: Listed,
    /// None where the policy is about what it stands on.
    resources: Option<Listed>,
    conditions: Vec<Condition>,
    /// Whether it may have variables.
    variables: bool,
    pub start: Position,
    pub end: Position,
}

impl Statement {
    /// What sentences call it: by its `Sid`, or else by its number.
    pub fn name(&self) -> String {
        self.sid.as_ref().map_or_else(|| format!("statement {}", self.number), |sid| format!("the statement {sid}"))
    }

    /// Whether it is about a request, its conditions left out, and how closely it names who asks. `bounded` says whether
    /// who asks has a permissions boundary.
    pub fn is_about(&self, request: &Request, place: Place, bounded: bool) -> Option<Named> {
        let named = match place {
            Place::Identity | Place::Boundary | Place::Session => Named::Itself,
            Place::Resource | Place::Endpoint => self.names(&request.principal, bounded)?,
        };
        let action = request.action.to_lowercase();
        let is_action = |text: &str| Some(Pattern::new(text, None)?.matches(&action));
        let variables = Some(&request.context).filter(|_| self.variables);
        let is_resource = |text: &str| Some(Pattern::of_resource(text, variables)?.matches(&request.resource));
        let on_resource = || self.resources.as_ref().is_none_or(|resources| resources.cover(is_resource));
        (self.actions.cover(is_action) && on_resource()).then_some(named)
    }

    fn names(&self, principal: &Principal, bounded: bool) -> Option<Named> {
        let principals = self.principals.as_ref()?;
        if self.allows {
            principals.allow(principal)
        } else {
            principals.deny(principal, bounded).then_some(Named::Itself)
        }
    }

    /// What becomes of each of its conditions; it applies where all hold.
    pub fn outcomes(&self, context: &Context) -> Vec<Outcome> {
        self.conditions.iter().map(|condition| condition.outcome(context, self.variables)).collect()
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        let resources = self.resources.iter().filter(|_| self.variables).flat_map(|resources| &resources.texts);
        let conditions = self.conditions.iter().flat_map(|condition| condition.keys(self.variables));
        resources.flat_map(|text| pattern::keys(text)).chain(conditions)
    }
}

/// What a statement is about, or what it is not about.
#[derive(Debug, Clone)]
struct Listed {
    except: bool,
    texts: Vec<String>,
}

impl Listed {
    /// Whether what `is` knows is covered. A text of which it can't say, since a variable has no value, covers nothing.
    fn cover(&self, is: impl Fn(&str) -> Option<bool>) -> bool {
        let mut said = self.texts.iter().map(|text| is(text));
        if self.except { said.all(|said| said == Some(false)) } else { said.any(|said| said == Some(true)) }
    }
}

/// The version of the language that has variables.
const WITH_VARIABLES: &str = "2012-10-17";

/// The statements of a document.
fn statements(document: &str, of_identity: bool) -> Result<Vec<Statement>, String> {
    let value: Value = serde_json::from_str(document).map_err(|error| format!("it isn't JSON: {error}"))?;
    let members = value.as_object().ok_or("it isn't a JSON object")?;
    only(members, &["Version", "Id", "Statement"]).map_err(|member| format!("it has the unknown member {member}"))?;
    let variables = match members.get("Version") {
        None => false,
        Some(version) if version == "2008-10-17" => false,
        Some(version) if version == WITH_VARIABLES => true,
        Some(version) => return Err(format!("its Version is {version}, which AWS doesn't know")),
    };
    let values: Vec<&Value> = match members.get("Statement") {
        Some(Value::Array(values)) => values.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    };
    let spans = spans(document).unwrap_or_default();
    if values.is_empty() || spans.len() != values.len() {
        return Err("it has no statements".to_owned());
    }
    let numbered = values.into_iter().zip(spans).enumerate();
    let read = numbered.map(|(index, (value, (start, end)))| {
        let (number, span) = (index + 1, [start, end].map(|at| position(document, at)));
        let statement = statement(value, of_identity, variables, number, span);
        statement.map_err(|why| format!("statement {number} {why}"))
    });
    read.collect()
}

const MEMBERS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// A statement; the error completes the sentence "the statement …".
fn statement(
    value: &Value,
    of_identity: bool,
    variables: bool,
    number: usize,
    [start, end]: [Position; 2],
) -> Result<Statement, String> {
    let members = value.as_object().ok_or("isn't an object")?;
    only(members, &MEMBERS).map_err(|member| format!("has the unknown member {member}"))?;
    let sid = match members.get("Sid") {
        None => None,
        Some(Value::String(sid)) => Some(sid.clone()).filter(|sid| !sid.is_empty()),
        Some(_) => return Err("has a Sid that isn't a string".to_owned()),
    };
    let allows = match members.get("Effect") {
        Some(effect) if effect == "Allow" => true,
        Some(effect) if effect == "Deny" => false,
        Some(effect) => return Err(format!("has the Effect {effect}, which is neither Allow nor Deny")),
        None => return Err("has no Effect".to_owned()),
    };
    let principals = one_of(members, "Principal", "NotPrincipal")?;
    let principals = principals.map(|(value, except)| Principals::read(value, except)).transpose()?;
    let actions = listed(members, "Action", "NotAction")?.ok_or("has neither Action nor NotAction")?;
    let resources = listed(members, "Resource", "NotResource")?;
    match (of_identity, &principals, &resources) {
        (true, Some(_), _) => return Err("names a principal, which policies of identities don't".to_owned()),
        (true, None, None) => return Err("has neither Resource nor NotResource".to_owned()),
        (false, None, _) => return Err("has neither Principal nor NotPrincipal".to_owned()),
        _ => {}
    }
    let texts = actions.texts.iter().map(|action| action.to_lowercase()).collect();
    Ok(Statement {
        number,
        sid,
        allows,
        principals,
        actions: Listed { texts, ..actions },
        resources,
        conditions: members.get("Condition").map_or(Ok(Vec::new()), Condition::read_all)?,
        variables,
        start,
        end,
    })
}

/// Refuses members other than these, naming the first.
fn only<'a>(members: &'a Map<String, Value>, known: &[&str]) -> Result<(), &'a str> {
    members.keys().find(|member| !known.contains(&member.as_str())).map_or(Ok(()), |member| Err(member))
}

/// The one of two elements that exclude each other, and whether it is the second.
fn one_of<'a>(members: &'a Map<String, Value>, one: &str, not: &str) -> Result<Option<(&'a Value, bool)>, String> {
    match (members.get(one), members.get(not)) {
        (Some(_), Some(_)) => Err(format!("has both {one} and {not}")),
        (Some(value), None) => Ok(Some((value, false))),
        (None, Some(value)) => Ok(Some((value, true))),
        (None, None) => Ok(None),
    }
}

fn listed(members: &Map<String, Value>, one: &str, not: &str) -> Result<Option<Listed>, String> {
    let Some((value, except)) = one_of(members, one, not)? else { return Ok(None) };
    let element = if except { not } else { one };
    let texts = texts(value).ok_or_else(|| format!("has neither a string nor a list of strings as its {element}"))?;
    Ok(Some(Listed { except, texts }))
}

/// A string or a list of strings, not empty.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) if !items.is_empty() => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// Where each statement stands in a document that is JSON, in bytes.
///
/// As in what AWS answers, a statement begins right after the bracket or brace that opens it all, or where the one
/// before it ends, and ends after its closing brace.
fn spans(document: &str) -> Option<Vec<(usize, usize)>> {
    let mut found = None;
    let mut at = blank(document, 0) + 1;
    loop {
        let (name, end): (String, _) = value_at(document, blank(document, at))?;
        let value = blank(document, blank(document, end) + 1);
        let (_, end): (IgnoredAny, _) = value_at(document, value)?;
        if name == "Statement" {
            found = spans_in(document, value, end);
        }
        at = blank(document, end) + 1;
        if document.as_bytes().get(at - 1) != Some(&b',') {
            return found;
        }
    }
}

/// The same for the value of the document's `Statement`.
fn spans_in(document: &str, value: usize, end: usize) -> Option<Vec<(usize, usize)>> {
    if document.as_bytes().get(value) != Some(&b'[') {
        return Some(vec![(value + 1, end)]);
    }
    let mut spans = Vec::new();
    let (mut start, mut at) = (value + 1, value + 1);
    while let Some((_, end)) = value_at::<IgnoredAny>(document, blank(document, at)) {
        spans.push((start, end));
        start = end;
        // After the comma or the closing bracket.
        at = blank(document, end) + 1;
    }
    Some(spans)
}

/// The JSON value that begins at an offset, and where it ends.
fn value_at<'a, T: Deserialize<'a>>(document: &'a str, at: usize) -> Option<(T, usize)> {
    let mut values = Deserializer::from_str(document.get(at..)?).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, at + values.byte_offset()))
}

/// The first offset from this one on where there is no white space.
fn blank(document: &str, at: usize) -> usize {
    let rest = document.get(at..).unwrap_or_default();
    at + rest.len() - rest.trim_start().len()
}

fn position(document: &str, at: usize) -> Position {
    let before = document.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    Position { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn identity(document: Value) -> Result<Policy, String> {
        Policy::of_identity("work", &document.to_string()).map_err(|malformed| malformed.why)
    }

    fn resource(document: Value) -> Result<Policy, String> {
        Policy::of_resource("bucket", &document.to_string()).map_err(|malformed| malformed.why)
    }

    fn at(document: &str) -> Vec<[(usize, usize); 2]> {
        let policy = Policy::of_identity("work", document).unwrap();
        let pair = |position: Position| (position.line, position.column);
        policy.statements.iter().map(|statement| [pair(statement.start), pair(statement.end)]).collect()
    }

    #[test]
    fn a_document_that_cannot_be_read_says_why() {
        let ok = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" });
        assert_eq!(identity(json!({ "Statement": ok })).unwrap().statements.len(), 1);
        for (document, why) in [
            (json!([]), "it isn't a JSON object"),
            (json!({}), "it has no statements"),
            (json!({ "Statement": [] }), "it has no statements"),
            (json!({ "Statement": 7 }), "statement 1 isn't an object"),
            (json!({ "Statement": ok, "Rule": ok }), "it has the unknown member Rule"),
            (
                json!({ "Version": "2020-01-01", "Statement": ok }),
                "its Version is \"2020-01-01\", which AWS doesn't know",
            ),
        ] {
            assert_eq!(identity(document).unwrap_err(), why);
        }
        for (element, value, why) in [
            ("Effect", json!("allow"), "statement 2 has the Effect \"allow\", which is neither Allow nor Deny"),
            ("Action", json!([]), "statement 2 has neither a string nor a list of strings as its Action"),
            ("NotAction", json!("s3:*"), "statement 2 has both Action and NotAction"),
            ("Resource", json!({}), "statement 2 has neither a string nor a list of strings as its Resource"),
            ("Principal", json!("*"), "statement 2 names a principal, which policies of identities don't"),
            ("Condition", json!({ "Is": {} }), "statement 2 has the unknown operator Is"),
            ("Sid", json!(1), "statement 2 has a Sid that isn't a string"),
            ("Colour", json!("blue"), "statement 2 has the unknown member Colour"),
        ] {
            let mut wrong = ok.clone();
            wrong[element] = value;
            assert_eq!(identity(json!({ "Statement": [ok, wrong] })).unwrap_err(), why);
        }
        for element in ["Effect", "Action", "Resource"] {
            let mut wrong = ok.clone();
            wrong.as_object_mut().unwrap().remove(element);
            assert!(identity(json!({ "Statement": wrong })).unwrap_err().starts_with("statement 1 has n"));
        }
        let malformed = Policy::of_identity("work", "{").unwrap_err().to_string();
        assert!(malformed.starts_with("the policy work can't be read: it isn't JSON: "), "{malformed}");
    }

    #[test]
    fn a_policy_of_a_resource_names_principals_and_needs_no_resource() {
        let statement =
            |principal: Value| json!({ "Statement": { "Effect": "Allow", "Action": "*", "Principal": principal } });
        for principal in [
            json!("*"),
            json!({ "AWS": "*" }),
            json!({ "AWS": ["111122223333"], "Service": "lambda.amazonaws.com", "Federated": "accounts.google.com" }),
            json!({ "CanonicalUser": "79a59df900b949e5" }),
        ] {
            assert!(resource(statement(principal)).is_ok());
        }
        for (principal, why) in [
            (json!("everybody"), "statement 1 has a Principal that is neither \"*\" nor an object"),
            (json!({ "AWS": 7 }), "statement 1 has a Principal whose AWS isn't a list of names"),
            (json!({ "Azure": "*" }), "statement 1 has a Principal of the unknown class Azure"),
        ] {
            assert_eq!(resource(statement(principal)).unwrap_err(), why);
        }
        let nobody = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
        assert_eq!(resource(nobody).unwrap_err(), "statement 1 has neither Principal nor NotPrincipal");
    }

    /// Documents and positions of the AWS CLI's examples, and of what AWS answers for AdministratorAccess.
    #[test]
    fn statements_are_where_aws_says_they_are() {
        let object = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}"#;
        assert_eq!(at(object), [[(1, 38), (1, 167)]]);
        let list = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \
                    \"Action\": \"*\",\n      \"Resource\": \"*\"\n    }\n  ]\n}";
        assert_eq!(at(list), [[(3, 17), (8, 6)]]);
        let one = r#"{"Effect":"Deny","Action":"s3:*","Resource":"*"}"#;
        let two = format!("{{ \"Id\" : \"[{{\", \"Statement\" : [ {one}\n, {one} ] , \"Version\":\"2012-10-17\"}}");
        let end = two.find('\n').unwrap() + 1;
        assert_eq!(at(&two), [[(1, 31), (1, end)], [(1, end), (2, 3 + one.len())]]);
    }

    /// Anything that is JSON, more like a policy than chance would make it.
    fn json_like() -> impl Strategy<Value = Value> {
        let word = prop::sample::select(vec![
            "*",
            "Allow",
            "Deny",
            "2012-10-17",
            "s3:*",
            "arn:aws:s3:::b/${aws:username}",
            "${",
            "true",
            "10.0.0.0/8",
            "",
        ]);
        let leaf = prop_oneof![
            word.prop_map(|word| json!(word)),
            any::<String>().prop_map(|text| json!(text)),
            any::<i64>().prop_map(|number| json!(number)),
            Just(Value::Null),
        ];
        let member = prop::sample::select(
            [
                &MEMBERS[..],
                &["Version", "Statement", "AWS", "Service", "StringEquals", "ForAnyValue:IpAddress", "aws:SourceIp"],
            ]
            .concat(),
        );
        leaf.prop_recursive(5, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((member.clone(), inner), 0..8).prop_map(|members| {
                    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
                }),
            ]
        })
    }

    #[test]
    fn the_values_of_a_key_are_those_of_all_its_conditions() {
        let deny = |operator: &str, values: Value| {
            let condition = json!({operator: {"AWS:sourceVpce": values}});
            json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition})
        };
        let statements = [deny("StringEquals", json!("vpce-1")), deny("StringLike", json!(["vpce-2", "vpce-3*"]))];
        let policy = identity(json!({"Version": "2012-10-17", "Statement": statements})).unwrap();
        assert_eq!(policy.values_of("aws:SourceVpce"), ["vpce-1", "vpce-2", "vpce-3*"]);
        assert_eq!(policy.values_of("aws:SourceVpc"), [""; 0]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_policy_or_malformed(text in any::<String>()) {
            let _ = Policy::of_identity("any", &text);
            let _ = Policy::of_resource("any", &text);
        }

        #[test]
        fn any_json_is_a_policy_or_malformed(mut document in json_like(), statement in json_like()) {
            let text = document.to_string();
            let _ = (Policy::of_identity("any", &text), Policy::of_resource("any", &text));
            document = json!({ "Version": "2012-10-17", "Statement": [statement] });
            if let Ok(policy) = Policy::of_resource("any", &document.to_string()) {
                let context = Context::default();
                for statement in &policy.statements {
                    statement.outcomes(&context);
                }
            }
        }

        #[test]
        fn statements_are_found_whatever_surrounds_them(
            blanks in prop::collection::vec("[ \n\t\r]{0,3}", 8),
            count in 1..4usize,
            id in any::<String>(),
        ) {
            let one = r#"{"Sid":"é]},","Effect":"Deny","Action":["s3:*"],"Resource":"*"}"#;
            let [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(|at| blanks[at].as_str());
            let list = vec![one; count].join(&format!("{a},{b}"));
            let document = format!("{c}{{{d}\"Id\"{e}:{f}{},{g}\"Statement\":{h}[{list}]}}{a}", json!(id));
            let spans = spans(&document).unwrap();
            prop_assert_eq!(spans.len(), count);
            for (start, end) in spans {
                prop_assert!(document[start..end].ends_with(one));
            }
        }
    }
}
