//! The grammar of the policies that endpoints take. What a policy says is not judged.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::mistake::{Fault, quoted, suggestion};

/// The longest policy of an endpoint, in characters:
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html>.
const LONGEST: usize = 20_480;

const HINT: &str = r#"it has this form: {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", …}]}"#;

const STATEMENT: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

const PRINCIPALS: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];

/// Condition operators without what may stand before and after them:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.
const OPERATORS: [&str; 27] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
];

/// The policy of an endpoint, as it was written.
pub(super) fn endpoint_policy(text: &str) -> Result<String, Fault> {
    if text.chars().count() > LONGEST {
        let sentence = format!("This policy has more than {LONGEST} characters");
        return Err(Fault::new(sentence, "AWS takes no longer ones, spaces included"));
    }
    let Strict(policy) = serde_json::from_str(text).map_err(|error| match error.is_data() {
        true => Fault::new(format!("This policy says two things: {error}"), "keep one of the two"),
        false => fault(format!("This policy is not JSON: {error}")),
    })?;
    let policy = policy.as_object().ok_or_else(|| fault("This policy is not an object"))?;
    only(policy, "a policy", &["Version", "Id", "Statement"])?;
    // Without one, IAM goes by the older.
    if !matches!(policy.get("Version").map(Value::as_str), None | Some(Some("2012-10-17" | "2008-10-17"))) {
        return Err(fault("IAM doesn't know the `Version` of this policy"));
    }
    if policy.get("Id").is_some_and(|id| !id.is_string()) {
        return Err(fault("The `Id` of this policy is not a text"));
    }
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    if statements.is_empty() {
        return Err(fault("This policy has no `Statement`"));
    }
    let mut ids = BTreeSet::new();
    for statement in statements {
        let statement = statement.as_object().ok_or_else(|| fault("A statement of this policy is not an object"))?;
        check_statement(statement)?;
        match statement.get("Sid").map(Value::as_str) {
            Some(None) => return Err(fault("A `Sid` of this policy is not a text")),
            Some(Some(id)) if !ids.insert(id) => {
                let sentence = format!("Two statements of this policy have the `Sid` {}", quoted(id));
                return Err(Fault::new(sentence, "give each another, or none"));
            }
            _ => {}
        }
    }
    Ok(text.into())
}

fn check_statement(statement: &Map<String, Value>) -> Result<(), Fault> {
    only(statement, "a statement", &STATEMENT)?;
    match statement.get("Effect").map(Value::as_str) {
        Some(Some("Allow" | "Deny")) => {}
        None => return Err(fault("A statement of this policy has no `Effect`")),
        Some(_) => return Err(Fault::new("An `Effect` is neither Allow nor Deny", "write one of the two")),
    }
    let principal = one_of(statement, "Principal", "NotPrincipal")?;
    let action = one_of(statement, "Action", "NotAction")?;
    let resource = one_of(statement, "Resource", "NotResource")?;
    check_principal(principal)?;
    for action in texts("Action", action)? {
        if action != "*" && !is_action(action) {
            let hint = "write a service and one of its actions: \"s3:GetObject\", \"s3:*\" or \"*\"";
            return Err(Fault::new(format!("{} is not an action", quoted(action)), hint));
        }
    }
    for resource in texts("Resource", resource)? {
        if resource != "*" && !resource.starts_with("arn:") {
            let hint = "write an ARN, \"arn:aws:s3:::bucket/*\", or \"*\"";
            return Err(Fault::new(format!("{} is not a resource of a policy", quoted(resource)), hint));
        }
    }
    statement.get("Condition").map_or(Ok(()), check_condition)
}

fn check_principal(principal: &Value) -> Result<(), Fault> {
    if principal == "*" {
        return Ok(());
    }
    let hint = "write \"*\" for everyone, or {\"AWS\": \"111122223333\"}";
    let named = principal.as_object().filter(|named| !named.is_empty());
    let named = named.ok_or_else(|| Fault::new("A `Principal` of this policy names nobody", hint))?;
    only(named, "a `Principal`", &PRINCIPALS)?;
    named.values().try_for_each(|names| texts("Principal", names).map(drop))
}

fn is_action(text: &str) -> bool {
    let is_name = |name: &str, more: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    text.split_once(':').is_some_and(|(service, action)| is_name(service, "-") && is_name(action, "*?"))
}

fn check_condition(condition: &Value) -> Result<(), Fault> {
    let form = || {
        let hint = "it has this form: {\"StringEquals\": {\"aws:PrincipalAccount\": \"111122223333\"}}";
        Fault::new("A `Condition` of this policy is not one", hint)
    };
    for (operator, keys) in condition.as_object().ok_or_else(form)? {
        let name = operator.strip_prefix("ForAllValues:").or_else(|| operator.strip_prefix("ForAnyValue:"));
        let name = name.unwrap_or(operator);
        let name = name.strip_suffix("IfExists").unwrap_or(name);
        if !OPERATORS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let sentence = format!("{} is not an operator of a `Condition`", quoted(operator));
            return Err(Fault::new(sentence, suggestion(name, &OPERATORS)));
        }
        for (key, values) in keys.as_object().ok_or_else(form)? {
            let is_value = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
            if !key.contains(':') || !values.as_array().map_or(is_value(values), |all| all.iter().all(is_value)) {
                return Err(form());
            }
        }
    }
    Ok(())
}

/// The one of two elements that exclude each other.
fn one_of<'a>(statement: &'a Map<String, Value>, one: &str, other: &str) -> Result<&'a Value, Fault> {
    match (statement.get(one), statement.get(other)) {
        (Some(value), None) | (None, Some(value)) => Ok(value),
        (Some(_), Some(_)) => {
            Err(Fault::new(format!("A statement of this policy has `{one}` and `{other}`"), "leave one of them out"))
        }
        (None, None) => Err(Fault::new(
            format!("A statement of this policy has no `{one}`"),
            "policies of endpoints need Principal, Action and Resource",
        )),
    }
}

/// A text or a list of texts, not empty.
fn texts<'a>(element: &str, value: &'a Value) -> Result<Vec<&'a str>, Fault> {
    let texts = match value {
        Value::String(text) => Some(vec![text.as_str()]),
        Value::Array(list) if !list.is_empty() => list.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let wrong = || {
        let sentence = format!("The `{element}` of a statement is neither a text nor a list of texts");
        Fault::new(sentence, "write \"one\", or [\"one\", \"another\"]")
    };
    texts.ok_or_else(wrong)
}

fn only(map: &Map<String, Value>, whole: &str, known: &[&str]) -> Result<(), Fault> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(Fault::new(format!("{} is not an element of {whole}", quoted(key)), suggestion(key, known))),
        None => Ok(()),
    }
}

fn fault(sentence: impl Into<String>) -> Fault {
    Fault::new(sentence, HINT)
}

/// JSON in which no object has a key twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything).map(Strict)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, _>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("{} stands twice in one object", quoted(&key))));
            }
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn statement() -> Value {
        json!({ "Sid": "a", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" })
    }

    /// What is said of a policy with these statements.
    fn said(statements: Value) -> String {
        let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        endpoint_policy(&text).map_or_else(|fault| fault.sentence, |_| String::new())
    }

    #[test]
    fn what_aws_takes_is_taken() {
        for (element, value) in [
            ("Action", json!(["s3:Get*", "execute-api:Invoke"])),
            ("Resource", json!(["arn:aws:s3:::bucket/*", "*"])),
            ("Principal", json!({ "AWS": ["111122223333"], "Service": "lambda.amazonaws.com" })),
            ("Condition", json!({ "ForAnyValue:StringNotLikeIfExists": { "aws:PrincipalOrgID": ["o-1", "o-2"] } })),
            ("Condition", json!({ "Bool": { "aws:SecureTransport": true }, "Null": { "aws:SourceVpc": "false" } })),
        ] {
            let mut statement = statement();
            statement[element] = value;
            assert_eq!(said(statement), "");
        }
        let text = r#"{"Statement": {"Effect": "Deny", "NotPrincipal": "*", "NotAction": "*", "NotResource": "*"}}"#;
        assert_eq!(endpoint_policy(text), Ok(text.into()));
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        let wrong = [
            ("Colour", json!("blue")),
            ("Sid", json!(1)),
            ("Effect", json!("allow")),
            ("Effect", json!(null)),
            ("NotAction", json!("*")),
            ("NotResource", json!("*")),
            ("NotPrincipal", json!("*")),
            ("Action", json!([])),
            ("Action", json!({})),
            ("Action", json!("GetObject")),
            ("Resource", json!(["bucket"])),
            ("Resource", json!([1])),
            ("Principal", json!("111122223333")),
            ("Principal", json!({})),
            ("Principal", json!({ "Aws": "*" })),
            ("Principal", json!({ "AWS": [] })),
            ("Condition", json!("none")),
            ("Condition", json!({ "StringEqual": { "aws:SourceVpc": "x" } })),
            ("Condition", json!({ "StringEquals": { "SourceVpc": "x" } })),
            ("Condition", json!({ "StringEquals": { "aws:SourceVpc": {} } })),
        ];
        let sentences = wrong.map(|(element, value)| {
            let mut statement = statement();
            statement[element] = value;
            said(statement)
        });
        assert_snapshot!(sentences.join("\n"), @"
        `Colour` is not an element of a statement
        A `Sid` of this policy is not a text
        An `Effect` is neither Allow nor Deny
        An `Effect` is neither Allow nor Deny
        A statement of this policy has `Action` and `NotAction`
        A statement of this policy has `Resource` and `NotResource`
        A statement of this policy has `Principal` and `NotPrincipal`
        The `Action` of a statement is neither a text nor a list of texts
        The `Action` of a statement is neither a text nor a list of texts
        `GetObject` is not an action
        `bucket` is not a resource of a policy
        The `Resource` of a statement is neither a text nor a list of texts
        A `Principal` of this policy names nobody
        A `Principal` of this policy names nobody
        `Aws` is not an element of a `Principal`
        The `Principal` of a statement is neither a text nor a list of texts
        A `Condition` of this policy is not one
        `StringEqual` is not an operator of a `Condition`
        A `Condition` of this policy is not one
        A `Condition` of this policy is not one
        ");
        for element in ["Effect", "Principal", "Action", "Resource"] {
            let mut statement = statement();
            statement.as_object_mut().unwrap().remove(element);
            assert_eq!(said(statement), format!("A statement of this policy has no `{element}`"));
        }
        assert_eq!(said(json!([statement(), statement()])), "Two statements of this policy have the `Sid` `a`");
        assert_eq!(said(json!(["x"])), "A statement of this policy is not an object");
        assert_eq!(said(json!([])), "This policy has no `Statement`");
    }

    #[test]
    fn a_key_stands_once_in_an_object() {
        let text =
            r#"{"Statement": {"Effect": "Deny", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}"#;
        assert_snapshot!(endpoint_policy(text).unwrap_err().sentence, @"This policy says two things: `Effect` stands twice in one object at line 1 column 50");
    }
}
