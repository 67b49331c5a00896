//! Addresses within a lab, and references from one resource to another.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::{Class, Failure};

/// Names a resource within a lab, stably: `studio/subnet/a`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Points at a value of another resource of the lab: its id, or an output such as an ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// The resource.
    #[serde(rename = "$ref")]
    pub address: Address,
    /// Which of its values; `id` is its id.
    #[serde(default = "id", skip_serializing_if = "is_id")]
    pub output: String,
}

fn id() -> String {
    "id".into()
}

fn is_id(output: &String) -> bool {
    output == "id"
}

impl Pointer {
    /// The pointer that a serialised spec holds at this place, if it holds one.
    pub fn read(value: &Value) -> Option<Self> {
        value.get("$ref")?;
        serde_json::from_value(value.clone()).ok()
    }
}

/// A value of another resource: an id where it is known, a pointer where the blueprint wrote it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Target {
    Known(String),
    Pending(Pointer),
}

/// A reference to a resource of kind `T`: the only way in which one spec depends on another.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ref<T> {
    target: Target,
    #[serde(skip)]
    kind: PhantomData<fn() -> T>,
}

impl<T> Ref<T> {
    /// A reference to the id of the resource at this address.
    pub fn to(address: &Address) -> Self {
        let target = Target::Pending(Pointer { address: address.clone(), output: id() });
        Self { target, kind: PhantomData }
    }

    /// A reference to an output of the resource at this address, where AWS takes something else than its id.
    pub fn output(&self, name: &str) -> Self {
        let target = match &self.target {
            Target::Known(value) => Target::Known(value.clone()),
            Target::Pending(pointer) => Target::Pending(Pointer { output: name.to_owned(), ..pointer.clone() }),
        };
        Self { target, kind: PhantomData }
    }

    /// A reference that AWS gave: an id.
    pub fn known(id: impl Into<String>) -> Self {
        Self { target: Target::Known(id.into()), kind: PhantomData }
    }

    /// The id.
    ///
    /// # Errors
    /// The resource isn't made yet: the engine was wrong to ask.
    pub fn id(&self) -> Result<&str, Failure> {
        match &self.target {
            Target::Known(id) => Ok(id),
            Target::Pending(pointer) => Err(Failure::here(
                "resolve",
                Class::Wrong,
                format!("{} of {} isn't known yet", pointer.output, pointer.address),
            )),
        }
    }

    /// The id or the address, for natural keys.
    pub fn text(&self) -> String {
        match &self.target {
            Target::Known(id) => id.clone(),
            Target::Pending(pointer) => format!("@{}", pointer.address),
        }
    }
}

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        let target = match &self.target {
            Target::Known(id) => Target::Known(id.clone()),
            Target::Pending(pointer) => Target::Pending(pointer.clone()),
        };
        Self { target, kind: PhantomData }
    }
}

impl<T> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl<T> Eq for Ref<T> {}

impl<T> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// A text that may be a value of another resource.
pub type Text = Ref<()>;

impl<T> Ref<T> {
    /// The same, where a plain text might stand as well.
    pub fn as_text(&self) -> Text {
        let Self { target, .. } = self.clone();
        Text { target, kind: PhantomData }
    }
}

/// Values without order, each once: equal whatever the order they were given in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<T>", bound(deserialize = "T: Serialize + Deserialize<'de>"))]
pub struct Set<T>(Vec<T>);

impl<T> Set<T> {
    /// The values in canonical order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Serialize> From<Vec<T>> for Set<T> {
    fn from(values: Vec<T>) -> Self {
        values.into_iter().collect()
    }
}

impl<T: Serialize> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let text = |value: &T| serde_json::to_string(value).unwrap_or_default();
        let mut values: Vec<_> = values.into_iter().map(|value| (text(&value), value)).collect();
        values.sort_by(|(one, _), (two, _)| one.cmp(two));
        values.dedup_by(|(one, _), (two, _)| one == two);
        Self(values.into_iter().map(|(_, value)| value).collect())
    }
}

impl<T> Set<Ref<T>> {
    /// The ids.
    ///
    /// # Errors
    /// One of the resources isn't made yet.
    pub fn ids(&self) -> Result<Vec<String>, Failure> {
        self.iter().map(|one| one.id().map(str::to_owned)).collect()
    }
}

/// All pointers in a serialised spec, with the top-level field that holds each.
pub fn pointers(fields: &serde_json::Map<String, Value>) -> Vec<(String, Pointer)> {
    let of_field = |(field, value): (&String, _)| {
        let pointers = pointers_in(value).into_iter();
        pointers.map(|pointer| (field.clone(), pointer)).collect::<Vec<_>>()
    };
    fields.iter().flat_map(of_field).collect()
}

/// All pointers in a value.
pub fn pointers_in(value: &Value) -> Vec<Pointer> {
    match (Pointer::read(value), value) {
        (Some(pointer), _) => vec![pointer],
        (None, Value::Array(items)) => items.iter().flat_map(pointers_in).collect(),
        (None, Value::Object(members)) => members.values().flat_map(pointers_in).collect(),
        _ => Vec::new(),
    }
}

/// The value with every pointer replaced that `lookup` knows.
pub fn resolve(value: &Value, lookup: &impl Fn(&Pointer) -> Option<String>) -> Value {
    if let Some(pointer) = Pointer::read(value) {
        return lookup(&pointer).map_or_else(|| value.clone(), Value::String);
    }
    match value {
        Value::Array(items) => items.iter().map(|item| resolve(item, lookup)).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, member)| (name.clone(), resolve(member, lookup))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pointers_are_found_and_resolved_wherever_they_stand() {
        let spec = json!({"vpc": {"$ref": "studio/vpc"}, "policy": {"Statement": [{"Resource": [{"$ref": "role", "output": "arn"}]}]}});
        let found: Vec<_> = pointers(spec.as_object().unwrap())
            .iter()
            .map(|(f, p)| format!("{f}: {} {}", p.address, p.output))
            .collect();
        assert_eq!(found, ["policy: role arn", "vpc: studio/vpc id"]);
        let known = resolve(&spec, &|p| (p.output == "id").then(|| "vpc-1".to_owned()));
        assert_eq!(known["vpc"], "vpc-1");
        assert_eq!(known["policy"], spec["policy"]);
    }
}
