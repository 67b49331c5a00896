//! Many items in one call, each read or written for itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::attribute::read_item;
use super::data::{Nothing, check_size};
use super::expression::{PROJECTION, Placeholders, parse_projection, project};
use super::{Dynamodb, invalid};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Items that one call reads or writes.
const MAX_READS: usize = 100;
const MAX_WRITES: usize = 25;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct BatchGet {
    request_items: BTreeMap<String, Keys>,
    #[serde(rename = "ReturnConsumedCapacity")]
    _capacity: Option<Nothing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Keys {
    keys: Vec<Value>,
    projection_expression: Option<String>,
    expression_attribute_names: Option<BTreeMap<String, String>>,
    #[serde(rename = "ConsistentRead")]
    _consistent_read: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct BatchWrite {
    request_items: BTreeMap<String, Vec<Write>>,
    #[serde(rename = "ReturnConsumedCapacity")]
    _capacity: Option<Nothing>,
    #[serde(rename = "ReturnItemCollectionMetrics")]
    _metrics: Option<Nothing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Write {
    put_request: Option<Put>,
    delete_request: Option<Delete>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Put {
    item: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Delete {
    key: Value,
}

fn check_count(count: usize, most: usize, operation: &str) -> Result<(), ApiError> {
    match count {
        0 => Err(invalid(
            "1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: Member must have \
             length greater than or equal to 1",
        )),
        count if count > most => Err(invalid(format!("Too many items requested for the {operation} call"))),
        _ => Ok(()),
    }
}

impl Dynamodb {
    pub(super) fn batch_get(&self, context: &Context<'_>, request: BatchGet) -> Answer {
        check_count(request.request_items.values().map(|keys| keys.keys.len()).sum(), MAX_READS, "BatchGetItem")?;
        let mut responses = serde_json::Map::new();
        for (name, wanted) in request.request_items {
            let text = wanted.projection_expression.as_deref();
            let mut placeholders = Placeholders::new(wanted.expression_attribute_names, None, &[(PROJECTION, text)])?;
            let paths = text.map(|text| parse_projection(text, &mut placeholders)).transpose()?;
            placeholders.check_all_used()?;
            let table = self.usable(context, &name)?;
            let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
            for key in &wanted.keys {
                let position = table.position_of_key(&read_item(key)?)?;
                if let Some(item) = table.items.get(&position) {
                    found.push(paths.as_ref().map_or_else(|| json!(item), |paths| json!(project(item, paths))));
                }
                if !seen.insert(position) {
                    return Err(invalid("Provided list of item keys contains duplicates"));
                }
            }
            responses.insert(name, json!(found));
        }
        Ok(json!({"Responses": responses, "UnprocessedKeys": {}}))
    }

    pub(super) fn batch_write(&mut self, context: &Context<'_>, request: BatchWrite) -> Answer {
        check_count(request.request_items.values().map(Vec::len).sum(), MAX_WRITES, "BatchWriteItem")?;
        for (name, writes) in request.request_items {
            let table = self.usable_mut(context, &name)?;
            let mut seen = BTreeSet::new();
            for write in writes {
                let (position, item) = match (write.put_request, write.delete_request) {
                    (Some(put), None) => {
                        let item = read_item(&put.item)?;
                        check_size(&item, "Item size has exceeded the maximum allowed size")?;
                        (table.position_of_item(&item)?, Some(item))
                    }
                    (None, Some(delete)) => (table.position_of_key(&read_item(&delete.key)?)?, None),
                    _ => {
                        return Err(invalid("A WriteRequest must have exactly one of PutRequest and DeleteRequest"));
                    }
                };
                if !seen.insert(position.clone()) {
                    return Err(invalid("Provided list of item keys contains duplicates"));
                }
                match item {
                    Some(item) => table.items.insert(position, item),
                    None => table.items.remove(&position),
                };
            }
        }
        Ok(json!({"UnprocessedItems": {}}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn put(user: &str) -> Value {
        json!({"PutRequest": {"Item": {"user": {"S": user}}}})
    }

    fn key(user: &str) -> Value {
        json!({"user": {"S": user}})
    }

    #[test]
    fn several_items_are_written_and_read_in_several_tables() {
        let mut world = Sandbox::new();
        world.create("users");
        world.create("guests");
        let written = json!({"RequestItems": {"users": [put("a"), put("b")], "guests": [put("c")]}});
        assert_eq!(world.ok("BatchWriteItem", written), json!({"UnprocessedItems": {}}));
        let deleted = json!({"RequestItems": {"users": [{"DeleteRequest": {"Key": key("a")}}]}});
        world.ok("BatchWriteItem", deleted);
        let wanted = json!({"RequestItems": {
            "users": {"Keys": [key("a"), key("b")]}, "guests": {"Keys": [key("c")]},
        }});
        assert_eq!(
            world.ok("BatchGetItem", wanted),
            json!({"Responses": {"users": [key("b")], "guests": [key("c")]}, "UnprocessedKeys": {}})
        );
    }

    #[test]
    fn a_batch_is_not_empty_too_large_or_repetitive_and_fails_as_a_whole() {
        let mut world = Sandbox::new();
        world.create("users");
        let many: Vec<_> = (0..26).map(|number| put(&number.to_string())).collect();
        for writes in
            [json!({}), json!({"users": many}), json!({"users": [put("a"), put("a")]}), json!({"users": [{}]})]
        {
            let input = json!({"RequestItems": writes});
            assert_eq!(world.refused("BatchWriteItem", input), "ValidationException");
        }
        let unknown = json!({"RequestItems": {"none": [put("a")]}});
        assert_eq!(world.refused("BatchWriteItem", unknown), "ResourceNotFoundException");
        let many: Vec<_> = (0..101).map(|number| key(&number.to_string())).collect();
        for keys in [json!(many), json!([key("a"), key("a")])] {
            let input = json!({"RequestItems": {"users": {"Keys": keys}}});
            assert_eq!(world.refused("BatchGetItem", input), "ValidationException");
        }
    }
}
