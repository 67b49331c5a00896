//! The tags that make AWS the state.

use std::collections::BTreeMap;

/// Whose lab a resource belongs to.
pub const LAB: &str = "breezeway:lab";
/// Which resource of the lab it is.
pub const ADDRESS: &str = "breezeway:address";
/// The id of the resource that this one was made to replace.
pub const REPLACES: &str = "breezeway:replaces";

/// Tags in AWS's sense: key to value.
pub type Tags = BTreeMap<String, String>;
