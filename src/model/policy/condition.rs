//! Conditions of statements.
//!
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
//!
//! A key that the request lacks fails a positive operator and meets a negated one.

use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Value;

use super::context::Context;
use super::pattern::{self, Pattern};

/// A condition on one key.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    operator: Operator,
    /// The operator as it is written.
    written: String,
    key: String,
    values: Vec<String>,
}

/// What became of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub holds: bool,
    /// What the request has and what the condition wants, as a sentence.
    pub says: String,
}

#[derive(Debug, Clone, Copy)]
struct Operator {
    set: Option<Set>,
    comparison: Comparison,
    negated: bool,
    if_exists: bool,
}

/// How the several values of a key are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    All,
    Any,
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Equals,
    EqualsIgnoreCase,
    Like,
    Number(fn(Ordering) -> bool),
    Date(fn(Ordering) -> bool),
    Bool,
    Binary,
    Address,
    Arn,
    Null,
}

/// Every operator, what it compares, and whether it is negated.
const OPERATORS: [(&str, Comparison, bool); 27] = [
    ("StringEquals", Comparison::Equals, false),
    ("StringNotEquals", Comparison::Equals, true),
    ("StringEqualsIgnoreCase", Comparison::EqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Comparison::EqualsIgnoreCase, true),
    ("StringLike", Comparison::Like, false),
    ("StringNotLike", Comparison::Like, true),
    ("NumericEquals", Comparison::Number(Ordering::is_eq), false),
    ("NumericNotEquals", Comparison::Number(Ordering::is_eq), true),
    ("NumericLessThan", Comparison::Number(Ordering::is_lt), false),
    ("NumericLessThanEquals", Comparison::Number(Ordering::is_le), false),
    ("NumericGreaterThan", Comparison::Number(Ordering::is_gt), false),
    ("NumericGreaterThanEquals", Comparison::Number(Ordering::is_ge), false),
    ("DateEquals", Comparison::Date(Ordering::is_eq), false),
    ("DateNotEquals", Comparison::Date(Ordering::is_eq), true),
    ("DateLessThan", Comparison::Date(Ordering::is_lt), false),
    ("DateLessThanEquals", Comparison::Date(Ordering::is_le), false),
    ("DateGreaterThan", Comparison::Date(Ordering::is_gt), false),
    ("DateGreaterThanEquals", Comparison::Date(Ordering::is_ge), false),
    ("Bool", Comparison::Bool, false),
    ("BinaryEquals", Comparison::Binary, false),
    ("IpAddress", Comparison::Address, false),
    ("NotIpAddress", Comparison::Address, true),
    ("ArnEquals", Comparison::Arn, false),
    ("ArnNotEquals", Comparison::Arn, true),
    ("ArnLike", Comparison::Arn, false),
    ("ArnNotLike", Comparison::Arn, true),
    ("Null", Comparison::Null, false),
];

impl Operator {
    /// `ForAllValues:StringNotLikeIfExists`, for instance.
    fn read(written: &str) -> Option<Self> {
        let (set, rest) = match written.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Set::All), rest),
            Some(("ForAnyValue", rest)) => (Some(Set::Any), rest),
            Some(_) => return None,
            None => (None, written),
        };
        let (name, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |name| (name, true));
        let (_, comparison, negated) = OPERATORS.into_iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
        let on_absence = if_exists && matches!(comparison, Comparison::Null);
        (!on_absence).then_some(Self { set, comparison, negated, if_exists })
    }

    /// What it says of a key that the request lacks.
    fn holds_of_nothing(self) -> bool {
        self.if_exists || self.set.map_or(self.negated, |set| set == Set::All)
    }
}

impl Condition {
    /// The conditions in a `Condition` element; the error completes the sentence "the statement …".
    pub fn read_all(value: &Value) -> Result<Vec<Self>, String> {
        let operators = value.as_object().ok_or("has a Condition that isn't an object")?;
        let mut conditions = Vec::new();
        for (written, keys) in operators {
            let operator = Operator::read(written).ok_or_else(|| format!("has the unknown operator {written}"))?;
            let keys = keys.as_object().ok_or_else(|| format!("has no keys below {written}"))?;
            for (key, values) in keys {
                let values = scalars(values).ok_or_else(|| format!("wants something of {key} that isn't a value"))?;
                conditions.push(Self { operator, written: written.clone(), key: key.clone(), values });
            }
        }
        Ok(conditions)
    }

    /// The values that it compares a key with; none where it is about another.
    pub fn values_of(&self, key: &str) -> &[String] {
        if self.key.eq_ignore_ascii_case(key) { &self.values } else { &[] }
    }

    /// What becomes of it. `variables` says whether its values may have variables.
    pub fn outcome(&self, context: &Context, variables: bool) -> Outcome {
        let found = context.get(&self.key);
        let holds = self.holds(found, Some(context).filter(|_| variables));
        let found = found.map_or_else(|| "absent".to_owned(), |values| values.join(", "));
        let meets = if holds { "meets" } else { "doesn't meet" };
        let says = format!("{} is {found}, which {meets} {} {}", self.key, self.written, self.values.join(" or "));
        Outcome { holds, says }
    }

    fn holds(&self, found: Option<&[String]>, variables: Option<&Context>) -> bool {
        let Operator { set, comparison, negated, .. } = self.operator;
        if let Comparison::Null = comparison {
            let absent = found.is_none().to_string();
            return self.values.iter().any(|wanted| wanted.eq_ignore_ascii_case(&absent));
        }
        let Some(found) = found else { return self.operator.holds_of_nothing() };
        // A variable without a value neither matches nor fails to match.
        let matches = |wanted: &String, value: &str| comparison.matches(wanted, value, variables);
        let meets = |value: &String| match negated {
            true => self.values.iter().all(|wanted| matches(wanted, value) == Some(false)),
            false => self.values.iter().any(|wanted| matches(wanted, value) == Some(true)),
        };
        match set {
            None if negated => found.iter().all(meets),
            None => found.iter().any(meets),
            Some(set) if found.iter().all(String::is_empty) => set == Set::All,
            Some(Set::All) => found.iter().all(meets),
            Some(Set::Any) => found.iter().any(meets),
        }
    }

    /// The keys that it asks for.
    pub fn keys(&self, variables: bool) -> impl Iterator<Item = &str> {
        let values = self.values.iter().filter(move |_| variables && self.operator.comparison.has_variables());
        std::iter::once(self.key.as_str()).chain(values.flat_map(|value| pattern::keys(value)))
    }
}

impl Comparison {
    fn has_variables(self) -> bool {
        matches!(self, Self::Equals | Self::EqualsIgnoreCase | Self::Like | Self::Arn | Self::Bool)
    }

    /// Whether a value is the wanted one; `None` where a variable in that has no value.
    fn matches(self, wanted: &str, found: &str, variables: Option<&Context>) -> Option<bool> {
        let text = || pattern::expand(wanted, variables);
        Some(match self {
            Self::Equals => text()? == found,
            Self::EqualsIgnoreCase => text()?.to_lowercase() == found.to_lowercase(),
            Self::Like => Pattern::new(wanted, variables)?.matches(found),
            Self::Arn => Pattern::new(wanted, variables)?.matches_arn(found),
            Self::Bool => text()?.eq_ignore_ascii_case(found),
            Self::Number(is) => compare(found, wanted, |text| text.parse::<f64>().ok()).is_some_and(is),
            Self::Date(is) => compare(found, wanted, moment).is_some_and(is),
            Self::Binary => compare(found, wanted, |text| BASE64_STANDARD.decode(text).ok()) == Some(Ordering::Equal),
            Self::Address => addresses(found).zip(addresses(wanted)).is_some_and(|(found, all)| all.contains(&found)),
            Self::Null => false,
        })
    }
}

/// How two values compare; `None` where one of them can't be read.
fn compare<T: PartialOrd>(found: &str, wanted: &str, read: impl Fn(&str) -> Option<T>) -> Option<Ordering> {
    read(found)?.partial_cmp(&read(wanted)?)
}

/// A moment as <http://www.w3.org/TR/NOTE-datetime> writes it, `2026` and `2026-01` included, or in seconds since 1970.
fn moment(text: &str) -> Option<Timestamp> {
    let day = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    let midnight = || format!("{day}T00:00Z").parse().ok();
    let seconds = || Timestamp::from_second(text.parse().ok()?).ok();
    text.parse().ok().or_else(midnight).or_else(seconds)
}

/// A range of addresses, or a single one.
fn addresses(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// A value or a list of them, as text.
fn scalars(value: &Value) -> Option<Vec<String>> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Array(values) => values.iter().map(scalar).collect(),
        value => Some(vec![scalar(value)?]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Whether `{operator: {"k": wanted}}` holds of a request in which `k` has these values.
    fn holds(operator: &str, wanted: Value, found: &[&str]) -> bool {
        let mut context = Context::default();
        context.set("k", found.iter().copied());
        context.set("aws:username", ["bob"]);
        let conditions = Condition::read_all(&json!({ operator: { "K": wanted } })).unwrap();
        conditions[0].outcome(&context, true).holds
    }

    fn says(operator: &str, wanted: Value, found: &[&str]) -> String {
        let mut context = Context::default();
        context.set("aws:SourceVpce", found.iter().copied());
        Condition::read_all(&json!({ operator: { "aws:SourceVpce": wanted } })).unwrap()[0].outcome(&context, true).says
    }

    #[test]
    fn each_operator_compares_in_its_own_way() {
        for (operator, wanted, found, expected) in [
            ("StringEquals", "a", "a", true),
            ("StringEquals", "a", "A", false),
            ("StringEquals", "a*", "ab", false),
            ("StringEquals", "${aws:username}", "bob", true),
            ("StringNotEquals", "a", "A", true),
            ("StringEqualsIgnoreCase", "a", "A", true),
            ("StringNotEqualsIgnoreCase", "a", "A", false),
            ("StringLike", "home/${aws:username}/?*", "home/bob/x", true),
            ("StringLike", "a*", "Ab", false),
            ("StringNotLike", "a*", "ab", false),
            ("NumericEquals", "10", "10.0", true),
            ("NumericEquals", "10", "ten", false),
            ("NumericNotEquals", "10", "11", true),
            ("NumericLessThan", "10", "9", true),
            ("NumericLessThan", "10", "10", false),
            ("NumericLessThanEquals", "10", "10", true),
            ("NumericGreaterThan", "10", "10.5", true),
            ("NumericGreaterThanEquals", "10", "9.5", false),
            ("DateEquals", "2026-01-01", "2026-01-01T00:00:00Z", true),
            ("DateEquals", "1767225600", "2026", true),
            ("DateNotEquals", "2026-01", "2026-01-02", true),
            ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", true),
            ("DateLessThan", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+02:00", true),
            ("DateLessThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", false),
            ("DateGreaterThan", "2018-08-16T12:00:00Z", "2019-04-25T11:00:00Z", true),
            ("DateGreaterThan", "2018-08-16T12:00:00Z", "2014-04-25T11:00:00Z", false),
            ("DateGreaterThanEquals", "2026-01-01T12:00Z", "2026-01-01T12:00:00Z", true),
            ("DateGreaterThan", "2026-01-01", "soon", false),
            ("Bool", "true", "True", true),
            ("Bool", "false", "true", false),
            ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", true),
            ("BinaryEquals", "QQ==", "QUE=", false),
            ("BinaryEquals", "?", "?", false),
            ("IpAddress", "203.0.113.0/24", "203.0.113.255", true),
            ("IpAddress", "203.0.113.0/24", "203.0.114.0", false),
            ("IpAddress", "203.0.113.7", "203.0.113.7", true),
            ("IpAddress", "203.0.113.7", "203.0.113.8", false),
            ("IpAddress", "2001:DB8:1234:5678::/64", "2001:db8:1234:5678::9", true),
            ("IpAddress", "2001:DB8:1234:5678::/64", "2001:db8:1234:5679::9", false),
            ("IpAddress", "0.0.0.0/0", "2001:db8::1", false),
            ("IpAddress", "everywhere", "203.0.113.7", false),
            ("NotIpAddress", "203.0.113.0/24", "203.0.114.0", true),
            ("NotIpAddress", "203.0.113.0/24", "203.0.113.1", false),
            ("ArnEquals", "arn:aws:iam::*:role/a*", "arn:aws:iam::111122223333:role/ab", true),
            ("ArnLike", "arn:aws:iam::*:role/a*", "arn:aws:iam::111122223333:role/b", false),
            ("ArnLike", "arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::b/bob", true),
            ("ArnNotEquals", "arn:aws:iam::*:role/a*", "arn:aws:iam::111122223333:role/b", true),
            ("ArnNotLike", "arn:aws:iam::*:role/a*", "arn:aws:iam::111122223333:role/ab", false),
            ("Null", "true", "a", false),
            ("Null", "false", "a", true),
        ] {
            assert_eq!(holds(operator, json!(wanted), &[found]), expected, "{operator} {wanted} {found}");
        }
        assert!(holds("NumericEquals", json!(10), &["10"]));
        assert!(holds("bool", json!(true), &["true"]));
    }

    #[test]
    fn an_absent_key_fails_positive_operators_and_meets_negated_ones() {
        for (operator, ..) in OPERATORS {
            let expected = operator.contains("Not");
            let wanted = if operator == "Null" { "false" } else { "1" };
            assert_eq!(holds(operator, json!(wanted), &[]), expected, "{operator}");
        }
        assert!(holds("Null", json!("true"), &[]));
        assert!(holds("Null", json!(true), &[]));
    }

    #[test]
    fn if_exists_is_met_by_an_absent_key_and_asks_of_one_that_is_there() {
        for operator in ["StringEqualsIfExists", "StringNotEqualsIfExists", "ForAnyValue:StringEqualsIfExists"] {
            assert!(holds(operator, json!("a"), &[]), "{operator}");
        }
        assert!(!holds("StringEqualsIfExists", json!("a"), &["b"]));
        assert!(!holds("StringNotEqualsIfExists", json!("a"), &["a"]));
        assert!(holds("IpAddressIfExists", json!("10.0.0.0/8"), &["10.1.2.3"]));
    }

    #[test]
    fn one_of_several_values_is_enough_and_none_may_be_one_of_the_unwanted() {
        let two = || json!(["a", "b"]);
        assert!(holds("StringEquals", two(), &["b"]));
        assert!(!holds("StringEquals", two(), &["c"]));
        assert!(holds("StringNotEquals", two(), &["c"]));
        assert!(!holds("StringNotEquals", two(), &["b"]));
        assert!(holds("Null", json!(["true", "false"]), &[]));
    }

    /// The table of the user guide's page on keys with several values, and its notes.
    #[test]
    fn set_operators_ask_of_all_values_or_of_any() {
        let wanted = || json!(["PostDateTime", "Message", "Tags"]);
        for (operator, found, expected) in [
            ("ForAllValues:StringEquals", &["PostDateTime", "Message"][..], true),
            ("ForAllValues:StringEquals", &["PostDateTime", "UserName"], false),
            ("ForAllValues:StringEquals", &[], true),
            ("ForAllValues:StringEquals", &[""], true),
            ("ForAllValues:StringNotEquals", &["UserName", "ID"], true),
            ("ForAllValues:StringNotEquals", &["UserName", "Tags"], false),
            ("ForAllValues:StringNotEquals", &[], true),
            ("ForAnyValue:StringEquals", &["UserName", "Tags"], true),
            ("ForAnyValue:StringEquals", &["UserName", "ID"], false),
            ("ForAnyValue:StringEquals", &[], false),
            ("ForAnyValue:StringEquals", &[""], false),
            ("ForAnyValue:StringLike", &["Tags"], true),
            ("ForAnyValue:StringNotEquals", &["UserName", "Tags"], true),
            ("ForAnyValue:StringNotEquals", &["Message", "Tags"], false),
            ("ForAnyValue:StringNotEquals", &[], false),
        ] {
            assert_eq!(holds(operator, wanted(), found), expected, "{operator} {found:?}");
        }
    }

    #[test]
    fn a_variable_without_a_value_neither_matches_nor_fails_to() {
        for operator in ["StringEquals", "StringNotEquals", "StringLike", "ArnNotLike"] {
            assert!(!holds(operator, json!("${aws:userid}"), &["a"]), "{operator}");
        }
        assert!(holds("StringEquals", json!(["${aws:userid}", "a"]), &["a"]));
        assert!(!holds("StringNotEquals", json!(["${aws:userid}", "b"]), &["a"]));
        assert!(holds("StringEquals", json!("${aws:userid, 'a'}"), &["a"]));
    }

    #[test]
    fn an_outcome_says_what_is_wanted_and_what_is_there() {
        let wanted = || json!(["vpce-1", "vpce-2"]);
        assert_eq!(
            says("StringEquals", wanted(), &["vpce-9"]),
            "aws:SourceVpce is vpce-9, which doesn't meet StringEquals vpce-1 or vpce-2"
        );
        assert_eq!(
            says("StringNotEquals", wanted(), &[]),
            "aws:SourceVpce is absent, which meets StringNotEquals vpce-1 or vpce-2"
        );
    }

    #[test]
    fn what_is_no_condition_is_named() {
        for (condition, why) in [
            (json!([]), "has a Condition that isn't an object"),
            (json!({ "StringEqual": {} }), "has the unknown operator StringEqual"),
            (json!({ "ForSomeValues:StringEquals": {} }), "has the unknown operator ForSomeValues:StringEquals"),
            (json!({ "NullIfExists": {} }), "has the unknown operator NullIfExists"),
            (json!({ "Bool": "aws:SecureTransport" }), "has no keys below Bool"),
            (
                json!({ "Bool": { "aws:SecureTransport": null } }),
                "wants something of aws:SecureTransport that isn't a value",
            ),
            (json!({ "Bool": { "k": [["true"]] } }), "wants something of k that isn't a value"),
        ] {
            assert_eq!(Condition::read_all(&condition).unwrap_err(), why);
        }
    }

    proptest! {
        #[test]
        fn a_negated_operator_says_the_opposite_of_a_single_value(
            at in 0..OPERATORS.len(),
            wanted in prop::collection::vec("[a1:*./-]{0,4}|10.0.0.0/8|2026", 0..3),
            found in "[a1:*./-]{0,4}|10.1.1.1|2026-01-01",
        ) {
            let (name, _, negated) = OPERATORS[at];
            let other = OPERATORS.iter().find(|(other, ..)| *other == name.replace("Not", "")).unwrap().0;
            if negated {
                let one = holds(name, json!(wanted), &[&found]);
                prop_assert_ne!(one, holds(other, json!(wanted), &[&found]));
            }
        }

        #[test]
        fn any_values_are_compared(
            at in 0..OPERATORS.len(),
            wanted in any::<String>(),
            found in prop::collection::vec(any::<String>(), 0..3),
        ) {
            let found: Vec<&str> = found.iter().map(String::as_str).collect();
            for prefix in ["", "ForAllValues:", "ForAnyValue:"] {
                holds(&format!("{prefix}{}", OPERATORS[at].0), json!(wanted), &found);
            }
        }
    }
}
