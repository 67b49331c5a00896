//! The one difference between what should be and what is, over serialised specs: no code per resource.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::holdings::Holdings;
use crate::blueprint::Desired;
use crate::resource::policy::same_meaning;
use crate::resource::{Kind, Observed, Pointer, Readiness};

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
/// desired field without a value is not ours to say.
pub fn differences(
    desired: &Desired,
    observed: &Observed,
    lookup: &impl Fn(&Pointer) -> Option<String>,
) -> Vec<FieldDifference> {
    let actual = observed.spec.fields();
    let mut found = Vec::new();
    for (field, value) in desired.spec.fields() {
        let expected = crate::resource::reference::resolve(&value, lookup);
        let actual = actual.get(&field).cloned().unwrap_or_default();
        if !expected.is_null() && !same_meaning(&expected, &actual) {
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
    differences(desired, observed, &|pointer| holdings.lookup(pointer))
}
