//! Patch operations, which all updates here consist of.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::{bad_request, not_found};
use crate::sandbox::api::ApiError;

/// What an operation does to its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

impl fmt::Display for Op {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
            Self::Move => "move",
            Self::Copy => "copy",
            Self::Test => "test",
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchOperation {
    op: Op,
    #[serde(default)]
    pub path: String,
    #[serde(default)]
    pub value: Option<String>,
    #[serde(rename = "from")]
    _from: Option<String>,
}

impl PatchOperation {
    /// The parts of the path, a `/` within one of them written as `~1`.
    pub fn segments(&self) -> Vec<String> {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        path.split('/').map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect()
    }

    /// The new value; none is an empty one.
    pub fn text(&self) -> String {
        self.value.clone().unwrap_or_default()
    }

    /// The new value, where an empty one takes the thing away.
    pub fn optional(&self) -> Option<String> {
        self.value.clone().filter(|value| !value.is_empty())
    }

    /// Whether the new value is `true`: API Gateway reads everything else as `false`.
    pub fn flag(&self) -> bool {
        self.value.as_deref().is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The operation, if it is one of these.
    ///
    /// # Errors
    /// `BadRequestException`
    pub fn one_of(&self, known: &[Op]) -> Result<Op, ApiError> {
        if known.contains(&self.op) {
            return Ok(self.op);
        }
        let known: Vec<_> = known.iter().map(Op::to_string).collect();
        Err(bad_request(format!("Invalid patch operation specified. Must be one of: [{}]", known.join(", "))))
    }

    /// What the new value makes of something that may be absent, if the operation is one of these.
    ///
    /// # Errors
    /// `BadRequestException`
    pub fn leaves(&self, known: &[Op]) -> Result<Option<String>, ApiError> {
        let op = self.one_of(known)?;
        Ok(self.optional().filter(|_| op != Op::Remove))
    }

    /// # Errors
    /// `BadRequestException` for everything but `replace`.
    pub fn replaces(&self) -> Result<&Self, ApiError> {
        self.one_of(&[Op::Replace])?;
        Ok(self)
    }

    /// The refusal of a path that the thing has no property for.
    pub fn bad_path(&self) -> ApiError {
        bad_request(format!("Invalid patch path {}", self.path))
    }

    /// The same as those things word it that tell which properties they have.
    pub fn bad_path_of(&self, replaceable: &[&str]) -> ApiError {
        let says = if self.op == Op::Replace {
            format!("Must be one of: [{}]", replaceable.join(", "))
        } else {
            "Please choose supported operations".to_owned()
        };
        bad_request(format!("Invalid patch path  '{}' specified for op '{}'. {says}", self.path, self.op))
    }

    /// Adds, replaces or removes an entry of a map.
    ///
    /// # Errors
    /// `BadRequestException` for another operation; `NotFoundException` where there is nothing to remove.
    pub fn apply_to<V>(
        &self,
        map: &mut Option<BTreeMap<String, V>>,
        key: &str,
        value: V,
        missing: &str,
    ) -> Result<(), ApiError> {
        if self.one_of(&[Op::Add, Op::Replace, Op::Remove])? != Op::Remove {
            map.get_or_insert_default().insert(key.to_owned(), value);
            return Ok(());
        }
        let entries = map.as_mut().ok_or_else(|| not_found(missing))?;
        entries.remove(key).ok_or_else(|| not_found(missing))?;
        if entries.is_empty() {
            *map = None;
        }
        Ok(())
    }

    /// Adds a value to a list or removes it.
    ///
    /// # Errors
    /// `BadRequestException` for another operation; `NotFoundException` where there is nothing to remove.
    pub fn apply_to_list(&self, list: &mut Vec<String>, value: &str, missing: &str) -> Result<(), ApiError> {
        let position = list.iter().position(|known| known == value);
        match (self.one_of(&[Op::Add, Op::Remove])?, position) {
            (Op::Remove, Some(position)) => {
                list.remove(position);
            }
            (Op::Remove, None) => return Err(not_found(missing)),
            (_, None) => list.push(value.to_owned()),
            (_, Some(_)) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operation(op: &str, path: &str, value: &str) -> PatchOperation {
        serde_json::from_value(json!({"op": op, "path": path, "value": value})).unwrap()
    }

    #[test]
    fn a_slash_within_a_part_of_a_path_is_escaped() {
        let segments = operation("add", "/requestTemplates/application~1json", "").segments();
        assert_eq!(segments, ["requestTemplates", "application/json"]);
    }

    #[test]
    fn an_operation_that_a_property_does_not_have_is_refused() {
        let refused = operation("add", "/name", "x").replaces().unwrap_err();
        assert_eq!(refused.message, "Invalid patch operation specified. Must be one of: [replace]");
        assert!(operation("replace", "/name", "x").replaces().is_ok());
    }

    #[test]
    fn what_is_not_there_can_not_be_removed() {
        let mut map = None;
        operation("add", "/m/a", "1").apply_to(&mut map, "a", 1, "missing").unwrap();
        let remove = operation("remove", "/m/a", "");
        remove.apply_to(&mut map, "a", 0, "missing").unwrap();
        assert_eq!(map, None);
        assert_eq!(remove.apply_to(&mut map, "a", 0, "missing").unwrap_err().code, "NotFoundException");
    }
}
