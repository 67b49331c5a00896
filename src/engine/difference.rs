//! The one difference between what should be and what is, over serialised specs: no code per resource.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::holdings::Holdings;
use crate::blueprint::Desired;
use crate::resource::policy::same_meaning;
use crate::resource::reference::{pointers_in, resolve};
use crate::resource::{Address, Fields, Kind, Observed, Pointer, Readiness};

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
/// desired field without a value is not ours to say, and one that refers to something `unknown` can't be compared.
pub fn differences(
    desired: &Desired,
    observed: &Observed,
    lookup: &impl Fn(&Pointer) -> Option<String>,
    unknown: &BTreeSet<Address>,
) -> Vec<FieldDifference> {
    let actual = observed.spec.fields();
    let mut found = Vec::new();
    for (field, value) in desired.spec.fields() {
        let expected = resolve(&value, lookup);
        let actual = actual.get(&field).cloned().unwrap_or_default();
        let comparable = !pointers_in(&expected).iter().any(|pointer| unknown.contains(&pointer.address));
        if !expected.is_null() && comparable && !same_meaning(&expected, &actual) {
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
