//! Items and the values of their attributes.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::number::Number;
use super::{invalid, invalid_value};
use crate::sandbox::api::ApiError;

/// Bytes of an item.
pub const MAX_ITEM: usize = 400 * 1024;
/// Lists and maps within each other.
const MAX_DEPTH: usize = 32;

/// An item: its attributes by name.
pub type Item = BTreeMap<String, Attribute>;

/// A value; serialises as it is on the wire. Numbers are in their one form, binaries base64.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Attribute {
    S(String),
    N(String),
    B(String),
    Ss(BTreeSet<String>),
    Ns(BTreeSet<String>),
    Bs(BTreeSet<String>),
    M(Item),
    L(Vec<Attribute>),
    Null(bool),
    Bool(bool),
}

/// Takes an item, or a key, from a call.
///
/// # Errors
/// `ValidationException` for a value that is none.
pub fn read_item(value: &Value) -> Result<Item, ApiError> {
    read_map(value, 0)
}

/// Takes a value from a call.
///
/// # Errors
/// As [`read_item`].
pub fn read_attribute(value: &Value) -> Result<Attribute, ApiError> {
    read_nested(value, 0)
}

fn read_map(value: &Value, depth: usize) -> Result<Item, ApiError> {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(name, value)| Ok((name.clone(), read_nested(value, depth)?))).collect()
}

fn read_nested(value: &Value, depth: usize) -> Result<Attribute, ApiError> {
    let contents = "must contain exactly one of the supported datatypes";
    let empty = || invalid(format!("Supplied AttributeValue is empty, {contents}"));
    let mut types = value.as_object().into_iter().flatten();
    let (name, content) = types.next().ok_or_else(empty)?;
    if types.next().is_some() {
        return Err(invalid(format!("Supplied AttributeValue has more than one datatypes set, {contents}")));
    }
    if depth > MAX_DEPTH {
        return Err(invalid("Nesting Levels have exceeded supported limits"));
    }
    let text = || content.as_str().unwrap_or_default().to_owned();
    Ok(match name.as_str() {
        "S" => Attribute::S(text()),
        "N" => Attribute::N(Number::parse(&text())?.to_string()),
        "B" => Attribute::B(text()),
        "SS" => Attribute::Ss(read_set(content, "string", |text| Ok(text.to_owned()))?),
        "NS" => Attribute::Ns(read_set(content, "number", |text| Ok(Number::parse(text)?.to_string()))?),
        "BS" => Attribute::Bs(read_set(content, "binary", |text| Ok(text.to_owned()))?),
        "M" => Attribute::M(read_map(content, depth + 1)?),
        "L" => {
            let items = content.as_array().into_iter().flatten();
            Attribute::L(items.map(|item| read_nested(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        "NULL" if content == true => Attribute::Null(true),
        "NULL" => return Err(invalid_value("Null attribute value types must have the value of true")),
        "BOOL" => Attribute::Bool(content == true),
        _ => return Err(empty()),
    })
}

fn read_set(
    value: &Value,
    kind: &str,
    read: impl Fn(&str) -> Result<String, ApiError>,
) -> Result<BTreeSet<String>, ApiError> {
    let items: Vec<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if items.is_empty() {
        return Err(invalid_value(format!("An {kind} set  may not be empty")));
    }
    let set: BTreeSet<String> = items.iter().map(|item| read(item)).collect::<Result<_, _>>()?;
    if set.len() < items.len() {
        return Err(invalid_value(format!("Input collection [{}] contains duplicates.", items.join(", "))));
    }
    Ok(set)
}

impl Attribute {
    /// Its type, as it is on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Attribute::S(_) => "S",
            Attribute::N(_) => "N",
            Attribute::B(_) => "B",
            Attribute::Ss(_) => "SS",
            Attribute::Ns(_) => "NS",
            Attribute::Bs(_) => "BS",
            Attribute::M(_) => "M",
            Attribute::L(_) => "L",
            Attribute::Null(_) => "NULL",
            Attribute::Bool(_) => "BOOL",
        }
    }

    /// The number it is, if it is one.
    pub fn number(&self) -> Option<Number> {
        match self {
            Attribute::N(text) => Number::parse(text).ok(),
            _ => None,
        }
    }

    /// Bytes, as they are counted.
    pub fn size(&self) -> usize {
        match self {
            Attribute::S(text) => text.len(),
            Attribute::N(_) => self.number().map_or(0, Number::size),
            Attribute::B(text) => binary(text).len(),
            Attribute::Ss(set) => set.iter().map(String::len).sum(),
            Attribute::Ns(set) => set.iter().filter_map(|text| Number::parse(text).ok()).map(Number::size).sum(),
            Attribute::Bs(set) => set.iter().map(|text| binary(text).len()).sum(),
            Attribute::M(map) => 3 + map.len() + item_size(map),
            Attribute::L(list) => 3 + list.len() + list.iter().map(Attribute::size).sum::<usize>(),
            Attribute::Null(_) | Attribute::Bool(_) => 1,
        }
    }

    /// What the function `size` of expressions says of it; none for what it isn't for.
    pub fn length(&self) -> Option<usize> {
        match self {
            Attribute::S(text) => Some(text.chars().count()),
            Attribute::B(text) => Some(binary(text).len()),
            Attribute::Ss(set) | Attribute::Ns(set) | Attribute::Bs(set) => Some(set.len()),
            Attribute::M(map) => Some(map.len()),
            Attribute::L(list) => Some(list.len()),
            Attribute::N(_) | Attribute::Null(_) | Attribute::Bool(_) => None,
        }
    }

    /// The order of two texts, numbers or binaries; none for anything else.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Attribute::S(one), Attribute::S(other)) => Some(one.cmp(other)),
            (Attribute::B(one), Attribute::B(other)) => Some(binary(one).cmp(&binary(other))),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }

    /// Whether a text or a binary begins with another.
    pub fn begins_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Attribute::S(one), Attribute::S(other)) => one.starts_with(other.as_str()),
            (Attribute::B(one), Attribute::B(other)) => binary(one).starts_with(&binary(other)),
            _ => false,
        }
    }

    /// Whether a text has a part, or a set or a list has a member.
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Attribute::S(one), Attribute::S(other)) => one.contains(other.as_str()),
            (Attribute::Ss(set), Attribute::S(other))
            | (Attribute::Ns(set), Attribute::N(other))
            | (Attribute::Bs(set), Attribute::B(other)) => set.contains(other),
            (Attribute::L(list), other) => list.contains(other),
            _ => false,
        }
    }
}

/// Bytes of an item, as they are counted.
pub fn item_size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

fn binary(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_come_back_as_they_were_given_numbers_in_their_one_form() {
        let given = json!({
            "s": {"S": "text"}, "n": {"N": "1.50"}, "b": {"B": "aGk="}, "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1"]},
            "bs": {"BS": ["aGk="]}, "m": {"M": {"x": {"NULL": true}}}, "l": {"L": [{"BOOL": false}, {"S": ""}]},
        });
        let mut expected = given.clone();
        expected["n"] = json!({"N": "1.5"});
        assert_eq!(json!(read_item(&given).unwrap()), expected);
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (value, message) in [
            (json!({}), "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
            (
                json!({"S": "a", "N": "1"}),
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported \
                 datatypes",
            ),
            (
                json!({"NULL": false}),
                "One or more parameter values were invalid: Null attribute value types must have the value of true",
            ),
            (json!({"SS": []}), "One or more parameter values were invalid: An string set  may not be empty"),
            (
                json!({"SS": ["a", "a"]}),
                "One or more parameter values were invalid: Input collection [a, a] contains duplicates.",
            ),
            (json!({"N": "x"}), "The parameter cannot be converted to a numeric value: x"),
        ] {
            let refusal = read_attribute(&value).unwrap_err();
            assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("ValidationException", message));
        }
        let deep = (0..40).fold(json!({"S": "x"}), |inner, _| json!({"L": [inner]}));
        assert_eq!(read_attribute(&deep).unwrap_err().message, "Nesting Levels have exceeded supported limits");
    }

    #[test]
    fn sizes_count_names_and_values() {
        let size = |value: Value| item_size(&read_item(&value).unwrap());
        assert_eq!(size(json!({"name": {"S": "über"}})), 4 + 5);
        assert_eq!(size(json!({"n": {"N": "123"}})), 1 + 3);
        assert_eq!(size(json!({"b": {"B": "aGk="}, "x": {"BOOL": true}})), 1 + 2 + 1 + 1);
        assert_eq!(size(json!({"l": {"L": [{"S": "ab"}]}})), 1 + 3 + 1 + 2);
    }

    #[test]
    fn binaries_are_ordered_by_their_bytes() {
        let of = |bytes: &[u8]| Attribute::B(BASE64_STANDARD.encode(bytes));
        assert_eq!(of(&[0xff]).compare(&of(&[0x01])), Some(Ordering::Greater));
        assert_eq!(of(&[1]).compare(&Attribute::S("a".into())), None);
    }
}
