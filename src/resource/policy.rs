//! A policy document as a value: equal when it means the same.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A policy document in canonical form: statements, actions, resources and condition values are sorted lists without
/// doubles. Values may be pointers to other resources until they are known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Policy(Value);

impl Policy {
    /// The canonical form of a document.
    pub fn new(document: Value) -> Self {
        Self(canonical(document))
    }

    /// Reads a document as IAM's API returns it: percent-encoded JSON.
    pub fn from_iam(encoded: &str) -> Self {
        let text = percent_encoding::percent_decode_str(encoded).decode_utf8_lossy();
        Self::parse(&text)
    }

    /// Reads a document as EC2's API returns it: JSON. What isn't stays a string.
    pub fn parse(text: &str) -> Self {
        Self::new(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
    }

    /// Everything is allowed: what AWS puts on an endpoint that is given no policy.
    pub fn full_access() -> Self {
        Self::new(json!({"Statement": [{"Action": "*", "Effect": "Allow", "Principal": "*", "Resource": "*"}]}))
    }

    /// Reads an endpoint's document. None at all, on services that support none, means the same as AWS's own, which
    /// names another version of the language on each type of endpoint.
    pub fn of_endpoint(document: Option<&str>) -> Self {
        let (open, read) = (Self::full_access(), document.map(Self::parse));
        read.filter(|read| read.0.get("Statement") != open.0.get("Statement")).unwrap_or(open)
    }

    /// The document as it goes into a call.
    pub fn document(&self) -> String {
        self.0.to_string()
    }

    /// The document as it goes into a call for an endpoint; none where AWS's own is meant, which services that support
    /// no policy would refuse to be given.
    pub fn endpoint_document(&self) -> Option<String> {
        (*self != Self::full_access()).then(|| self.document())
    }
}

/// The parts of a statement that hold one string or a list of them, by the IAM JSON policy grammar.
const LISTS: [&str; 4] = ["Action", "NotAction", "Resource", "NotResource"];

fn canonical(document: Value) -> Value {
    let Value::Object(mut document) = document else { return document };
    if let Some(statements) = document.remove("Statement") {
        let statements = sorted(listed(statements).into_iter().map(statement).collect());
        document.insert("Statement".into(), Value::Array(statements));
    }
    Value::Object(document)
}

fn statement(statement: Value) -> Value {
    let Value::Object(members) = statement else { return statement };
    let members = members.into_iter().map(|(name, value)| {
        let value = match name.as_str() {
            list if LISTS.contains(&list) => Value::Array(sorted(listed(value))),
            "Principal" | "NotPrincipal" => each(value, |ids| Value::Array(sorted(listed(ids)))),
            "Condition" => each(value, |keys| each(keys, |values| Value::Array(sorted(listed(values))))),
            _ => value,
        };
        (name, value)
    });
    Value::Object(members.collect())
}

fn each(value: Value, change: impl Fn(Value) -> Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(members.into_iter().map(|(name, v)| (name, change(v))).collect()),
        other => other,
    }
}

fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        one => vec![one],
    }
}

fn sorted(mut items: Vec<Value>) -> Vec<Value> {
    items.sort_by_key(ToString::to_string);
    items.dedup();
    items
}

/// Whether two serialised policies mean the same: service and action names ignore case.
pub fn same_meaning(one: &Value, two: &Value) -> bool {
    fn lower(value: &Value, in_actions: bool) -> Value {
        match value {
            Value::String(text) if in_actions => Value::String(text.to_lowercase()),
            Value::Array(items) => Value::Array(sorted(items.iter().map(|item| lower(item, in_actions)).collect())),
            Value::Object(members) => {
                let members = members.iter().map(|(name, member)| {
                    let actions = name == "Action" || name == "NotAction";
                    (name.clone(), lower(member, actions))
                });
                Value::Object(members.collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }
    one == two || one.get("Statement").is_some() && lower(one, false) == lower(two, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_endpoint_without_a_policy_lets_everything_through() {
        let of_aws = r#"{"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
        assert_eq!(Policy::of_endpoint(Some(of_aws)), Policy::full_access());
        assert_eq!(Policy::of_endpoint(None).endpoint_document(), None);
        let denies = r#"{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
        assert_eq!(Policy::of_endpoint(Some(denies)), Policy::parse(denies));
        assert!(Policy::of_endpoint(Some(denies)).endpoint_document().is_some());
    }

    #[test]
    fn one_action_and_a_list_of_it_are_the_same_policy() {
        let one = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}});
        let two = json!({"Statement": [{"Resource": ["*"], "Action": ["s3:GetObject"], "Effect": "Allow"}], "Version": "2012-10-17"});
        assert_eq!(Policy::new(one), Policy::new(two));
    }

    #[test]
    fn the_order_of_statements_and_of_condition_values_says_nothing() {
        let statement = |values: [&str; 2]| json!({"Effect": "Deny", "Action": "*", "Condition": {"StringNotEquals": {"aws:SourceVpce": values}}});
        let allow = json!({"Effect": "Allow", "Action": "*"});
        let one = Policy::new(json!({"Statement": [statement(["a", "b"]), allow]}));
        let two = Policy::new(json!({"Statement": [allow, statement(["b", "a"])]}));
        assert_eq!(one, two);
    }

    #[test]
    fn actions_ignore_case_and_nothing_else_does() {
        let policy = |action: &str, resource: &str| {
            serde_json::to_value(Policy::new(json!({"Statement": [{"Action": action, "Resource": resource}]}))).unwrap()
        };
        assert!(same_meaning(&policy("S3:getobject", "a"), &policy("s3:GetObject", "a")));
        assert!(!same_meaning(&policy("s3:GetObject", "A"), &policy("s3:GetObject", "a")));
    }
}
