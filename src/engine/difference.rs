//! The one difference between what should be and what is, over serialised specs: no code per resource.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::holdings::Holdings;
use crate::blueprint::Desired;
use crate::resource::policy::same_meaning;
use crate::resource::reference::{pointers_in, resolve};
use crate::resource::{Address, Fields, Kind, Observed, Pointer, Readiness, Spec};

/// A field that is not as it should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// The field of the spec, or `tags.KEY`.
    pub field: String,
    /// What it should be; `null` where it isn't known before something else is made.
    pub expected: Value,
    /// What it is; `null` where there is nothing.
    pub actual: Value,
}

impl FieldDifference {
    /// Whether AWS can change this field of this kind without replacing the resource.
    pub fn in_place(&self, kind: Kind) -> bool {
        self.field.starts_with("tags.") || kind.in_place().contains(&self.field.as_str())
    }
}

/// Names the fields in which a resource differs from what is desired; `lookup` gives the values of other resources. A
/// desired field without a value is not ours to say; one that could not be read, or refers to something `unknown`,
/// can't be compared.
pub fn differences(
    desired: &Desired,
    observed: &Observed,
    lookup: &impl Fn(&Pointer) -> Option<String>,
    unknown: &BTreeSet<Address>,
) -> Vec<FieldDifference> {
    let actual = observed.spec.fields();
    let mut found = Vec::new();
    for (field, expected) in resolved_fields(desired, lookup) {
        let actual = actual.get(&field).cloned().unwrap_or_default();
        let comparable = !observed.unread.contains(&field)
            && !pointers_in(&expected).iter().any(|pointer| unknown.contains(&pointer.address));
        if comparable && !satisfies(&actual, &expected) && !same_meaning(&expected, &actual) {
            let (expected, actual) = (shown(&field, expected), shown(&field, actual));
            found.push(FieldDifference { field, expected, actual });
        }
    }
    if let Readiness::Failed(reason) = &observed.readiness {
        let (expected, actual) = (Value::from("ready"), Value::from(reason.as_str()));
        found.push(FieldDifference { field: "state".into(), expected, actual });
    }
    for (key, value) in &desired.tags {
        if observed.tags.get(key) != Some(value) {
            found.push(FieldDifference {
                field: format!("tags.{key}"),
                expected: value.as_str().into(),
                actual: observed.tags.get(key).map(String::as_str).into(),
            });
        }
    }
    found
}

/// The value of a field as people and files may see it: of user data, which may hold secrets, a digest.
pub fn shown(field: &str, value: Value) -> Value {
    match value {
        Value::String(text) if field == "user_data" => {
            let digest = Sha256::digest(text.as_bytes());
            let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("sha256:{digest}").into()
        }
        value => value,
    }
}

/// A desired spec's fields in canonical form, with every pointer resolved that `lookup` knows.
pub fn resolved_fields(desired: &Desired, lookup: &impl Fn(&Pointer) -> Option<String>) -> Fields {
    let Value::Object(fields) = resolve(&Value::Object(desired.spec.fields()), lookup) else { return Fields::new() };
    Spec::from_fields(desired.kind(), fields.clone()).map_or(fields, |spec| spec.fields())
}

/// Whether what is has all that is asked for; where nothing is asked for, anything will do.
fn satisfies(actual: &Value, expected: &Value) -> bool {
    match (expected, actual) {
        (Value::Null, _) => true,
        (Value::Array(expected), Value::Array(actual)) => {
            expected.len() == actual.len() && expected.iter().zip(actual).all(|(one, two)| satisfies(two, one))
        }
        (Value::Object(expected), Value::Object(actual)) => {
            let asked = expected.iter().all(|(name, one)| satisfies(actual.get(name).unwrap_or(&Value::Null), one));
            asked && actual.keys().all(|name| expected.contains_key(name))
        }
        _ => expected == actual,
    }
}

/// The differences of the holder of an address, by what stands now.
pub fn differences_now(desired: &Desired, observed: &Observed, holdings: &Holdings<'_>) -> Vec<FieldDifference> {
    differences(desired, observed, &|pointer| holdings.lookup(pointer), &holdings.unknown)
}

/// Where two JSON values differ, by path, as deep as their shapes agree: `studio.rules[2].cidr`.
pub fn leaves(path: &str, expected: &Value, actual: &Value) -> Vec<FieldDifference> {
    match (expected, actual) {
        _ if expected == actual => Vec::new(),
        (Value::Object(one), Value::Object(two)) => {
            let names: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
            let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let of = |members: &Fields, name| members.get(name).cloned().unwrap_or_default();
            names.into_iter().flat_map(|name| leaves(&below(name), &of(one, name), &of(two, name))).collect()
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => {
            let pairs = one.iter().zip(two).enumerate();
            pairs.flat_map(|(at, (one, two))| leaves(&format!("{path}[{at}]"), one, two)).collect()
        }
        _ => vec![FieldDifference { field: path.to_owned(), expected: expected.clone(), actual: actual.clone() }],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::testing::{blueprint, built};
    use crate::resource::Spec;

    #[test]
    fn a_field_that_could_not_be_read_does_not_differ() {
        let drawn = blueprint("name = \"demo\"");
        let mut survey = built(&drawn);
        let observed = survey.at("studio/vpc");
        if let Spec::Vpc(vpc) = &mut observed.spec {
            vpc.dns_support = None;
        }
        let desired = drawn.get(&"studio/vpc".into()).unwrap();
        let differ = |observed: &Observed| differences(desired, observed, &|_| None, &BTreeSet::new()).len();
        assert_eq!(differ(observed), 1);
        observed.unread.push("dns_support".into());
        assert_eq!(differ(observed), 0);
    }

    #[test]
    fn user_data_that_differs_is_shown_as_a_digest() {
        let drawn = blueprint("name = \"demo\"\n[app_server]\nenabled = true\n");
        let mut survey = built(&drawn);
        let observed = survey.at("onprem/app");
        if let Spec::Instance(host) = &mut observed.spec {
            host.user_data = Some("password=hunter2".into());
        }
        let desired = drawn.get(&"onprem/app".into()).unwrap();
        let found = differences(desired, observed, &|_| None, &BTreeSet::new());
        let found = found.iter().find(|found| found.field == "user_data").unwrap();
        assert_eq!(found.expected, "sha256:e3b0c44298fc1c14");
        assert!(found.actual.as_str().unwrap().starts_with("sha256:") && found.actual != found.expected);
    }

    #[test]
    fn what_is_not_asked_for_may_be_anything() {
        let expected = json!([{"subnet": "s-1", "address": null}, {"subnet": "s-2", "address": "10.0.0.9"}]);
        let at = |one: &str, two: &str| json!([{"subnet": "s-1", "address": one}, {"subnet": "s-2", "address": two}]);
        assert!(satisfies(&at("10.0.0.1", "10.0.0.9"), &expected));
        assert!(!satisfies(&at("10.0.0.1", "10.0.0.8"), &expected));
        assert!(!satisfies(&json!([{"subnet": "s-1", "address": "10.0.0.1"}]), &expected));
        assert!(!satisfies(&json!({"a": 1, "b": 2}), &json!({"a": 1})));
    }

    #[test]
    fn leaves_name_the_deepest_places_that_differ() {
        let one = json!({"a": {"b": 1, "c": [1, {"d": 2}]}, "e": 3, "g": [1]});
        let two = json!({"a": {"b": 1, "c": [1, {"d": 4}]}, "f": [6], "g": [1, 2]});
        let found = leaves("", &one, &two).into_iter();
        let found: Vec<_> =
            found.map(|found| format!("{}: {} {}", found.field, found.expected, found.actual)).collect();
        assert_eq!(found, ["a.c[1].d: 2 4", "e: 3 null", "f: null [6]", "g: [1] [1,2]"]);
    }
}
