//! Single items: put, got, updated, deleted.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::attribute::{Item, MAX_ITEM, item_size, read_item};
use super::condition::Condition;
use super::expression::{PROJECTION, Path, Placeholders, parse_projection, project};
use super::update::Update;
use super::{Dynamodb, invalid, invalid_value};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

const CONDITION: &str = "ConditionExpression";
const UPDATE: &str = "UpdateExpression";

/// What is modelled of what a call may ask to be told besides: nothing.
#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Nothing {
    None,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ReturnValues {
    #[default]
    None,
    AllOld,
    UpdatedOld,
    AllNew,
    UpdatedNew,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PutItem {
    table_name: String,
    item: Value,
    condition_expression: Option<String>,
    expression_attribute_names: Option<BTreeMap<String, String>>,
    expression_attribute_values: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    return_values: ReturnValues,
    #[serde(rename = "ReturnConsumedCapacity")]
    _capacity: Option<Nothing>,
    #[serde(rename = "ReturnItemCollectionMetrics")]
    _metrics: Option<Nothing>,
    #[serde(rename = "ReturnValuesOnConditionCheckFailure")]
    _on_failure: Option<Nothing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteItem {
    table_name: String,
    key: Value,
    condition_expression: Option<String>,
    expression_attribute_names: Option<BTreeMap<String, String>>,
    expression_attribute_values: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    return_values: ReturnValues,
    #[serde(rename = "ReturnConsumedCapacity")]
    _capacity: Option<Nothing>,
    #[serde(rename = "ReturnItemCollectionMetrics")]
    _metrics: Option<Nothing>,
    #[serde(rename = "ReturnValuesOnConditionCheckFailure")]
    _on_failure: Option<Nothing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateItem {
    table_name: String,
    key: Value,
    update_expression: Option<String>,
    condition_expression: Option<String>,
    expression_attribute_names: Option<BTreeMap<String, String>>,
    expression_attribute_values: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    return_values: ReturnValues,
    #[serde(rename = "ReturnConsumedCapacity")]
    _capacity: Option<Nothing>,
    #[serde(rename = "ReturnItemCollectionMetrics")]
    _metrics: Option<Nothing>,
    #[serde(rename = "ReturnValuesOnConditionCheckFailure")]
    _on_failure: Option<Nothing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetItem {
    table_name: String,
    key: Value,
    projection_expression: Option<String>,
    expression_attribute_names: Option<BTreeMap<String, String>>,
    #[serde(rename = "ConsistentRead")]
    _consistent_read: Option<bool>,
    #[serde(rename = "ReturnConsumedCapacity")]
    _capacity: Option<Nothing>,
}

/// The condition of a write; none if it is unconditional.
struct Guard(Option<Condition>);

impl Guard {
    fn parse(text: Option<&str>, placeholders: &mut Placeholders) -> Result<Self, ApiError> {
        text.map(|text| Condition::parse(CONDITION, text, placeholders)).transpose().map(Self)
    }

    /// Refuses the write unless the item, which may not be there, is as it must be.
    fn check(&self, item: Option<&Item>) -> Result<(), ApiError> {
        let holds = self.0.as_ref().is_none_or(|condition| condition.holds(item.unwrap_or(&Item::new())));
        let refusal = || ApiError::new("ConditionalCheckFailedException", "The conditional request failed");
        if holds { Ok(()) } else { Err(refusal()) }
    }
}

impl ReturnValues {
    /// Whole writes have old values only.
    fn check_for_whole(self) -> Result<(), ApiError> {
        match self {
            ReturnValues::None | ReturnValues::AllOld => Ok(()),
            _ => Err(invalid("ReturnValues can only be ALL_OLD or NONE")),
        }
    }

    fn of_whole(self, old: Option<Item>) -> Value {
        match old.filter(|_| self == ReturnValues::AllOld) {
            Some(old) => json!({"Attributes": old}),
            None => json!({}),
        }
    }
}

/// Refuses an item that is too large.
pub fn check_size(item: &Item, message: &str) -> Result<(), ApiError> {
    if item_size(item) > MAX_ITEM { Err(invalid(message)) } else { Ok(()) }
}

impl Dynamodb {
    pub(super) fn put_item(&mut self, context: &Context<'_>, request: PutItem) -> Answer {
        request.return_values.check_for_whole()?;
        let text = request.condition_expression.as_deref();
        let (names, values) = (request.expression_attribute_names, request.expression_attribute_values);
        let mut placeholders = Placeholders::new(names, values, &[(CONDITION, text)])?;
        let guard = Guard::parse(text, &mut placeholders)?;
        placeholders.check_all_used()?;
        let item = read_item(&request.item)?;
        let table = self.usable_mut(context, &request.table_name)?;
        let position = table.position_of_item(&item)?;
        check_size(&item, "Item size has exceeded the maximum allowed size")?;
        guard.check(table.items.get(&position))?;
        let old = table.items.insert(position, item);
        Ok(request.return_values.of_whole(old))
    }

    pub(super) fn delete_item(&mut self, context: &Context<'_>, request: DeleteItem) -> Answer {
        request.return_values.check_for_whole()?;
        let text = request.condition_expression.as_deref();
        let (names, values) = (request.expression_attribute_names, request.expression_attribute_values);
        let mut placeholders = Placeholders::new(names, values, &[(CONDITION, text)])?;
        let guard = Guard::parse(text, &mut placeholders)?;
        placeholders.check_all_used()?;
        let key = read_item(&request.key)?;
        let table = self.usable_mut(context, &request.table_name)?;
        let position = table.position_of_key(&key)?;
        guard.check(table.items.get(&position))?;
        let old = table.items.remove(&position);
        Ok(request.return_values.of_whole(old))
    }

    pub(super) fn update_item(&mut self, context: &Context<'_>, request: UpdateItem) -> Answer {
        let (update, condition) = (request.update_expression.as_deref(), request.condition_expression.as_deref());
        let (names, values) = (request.expression_attribute_names, request.expression_attribute_values);
        let mut placeholders = Placeholders::new(names, values, &[(UPDATE, update), (CONDITION, condition)])?;
        let update = update.map(|text| Update::parse(text, &mut placeholders)).transpose()?.unwrap_or_default();
        let guard = Guard::parse(condition, &mut placeholders)?;
        placeholders.check_all_used()?;
        let key = read_item(&request.key)?;
        let table = self.usable_mut(context, &request.table_name)?;
        let position = table.position_of_key(&key)?;
        if let Some(path) = update.paths().into_iter().find(|path| table.is_key(path.root())) {
            let name = path.root();
            return Err(invalid_value(format!("Cannot update attribute {name}. This attribute is part of the key")));
        }
        let old = table.items.get(&position);
        guard.check(old)?;
        let new = update.apply(old.unwrap_or(&key))?;
        check_size(&new, "Item size to update has exceeded the maximum allowed size")?;
        let old = table.items.insert(position, new.clone()).unwrap_or_default();

        let paths: Vec<Path> = update.paths().into_iter().cloned().collect();
        let attributes = match request.return_values {
            ReturnValues::None => Item::new(),
            ReturnValues::AllOld => old,
            ReturnValues::AllNew => new,
            ReturnValues::UpdatedOld => project(&old, &paths),
            ReturnValues::UpdatedNew => project(&new, &paths),
        };
        Ok(if attributes.is_empty() { json!({}) } else { json!({"Attributes": attributes}) })
    }

    pub(super) fn get_item(&self, context: &Context<'_>, request: GetItem) -> Answer {
        let text = request.projection_expression.as_deref();
        let mut placeholders = Placeholders::new(request.expression_attribute_names, None, &[(PROJECTION, text)])?;
        let paths = text.map(|text| parse_projection(text, &mut placeholders)).transpose()?;
        placeholders.check_all_used()?;
        let key = read_item(&request.key)?;
        let table = self.usable(context, &request.table_name)?;
        Ok(match (table.items.get(&table.position_of_key(&key)?), paths) {
            (None, _) => json!({}),
            (Some(item), None) => json!({"Item": item}),
            (Some(item), Some(paths)) => json!({"Item": project(item, &paths)}),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn put(item: Value) -> Value {
        json!({"TableName": "users", "Item": item})
    }

    fn alice() -> Value {
        json!({"user": {"S": "alice"}, "profile": {"S": "alice-1"}, "logins": {"N": "1"}})
    }

    fn with(mut input: Value, more: Value) -> Value {
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    }

    fn key() -> Value {
        json!({"TableName": "users", "Key": {"user": {"S": "alice"}}})
    }

    fn item(world: &mut Sandbox) -> Value {
        world.ok("GetItem", key())["Item"].take()
    }

    #[test]
    fn an_item_is_put_got_replaced_and_deleted() {
        let mut world = Sandbox::new();
        world.create("users");
        assert_eq!(world.ok("GetItem", key()), json!({}));
        assert_eq!(world.ok("PutItem", put(alice())), json!({}));
        assert_eq!(item(&mut world), alice());
        let replacement = json!({"user": {"S": "alice"}});
        let old = json!({"ReturnValues": "ALL_OLD"});
        let replaced = world.ok("PutItem", with(put(replacement.clone()), old.clone()));
        assert_eq!(replaced, json!({"Attributes": alice()}));
        assert_eq!(world.ok("DeleteItem", with(key(), old)), json!({"Attributes": replacement}));
        assert_eq!(world.ok("DeleteItem", key()), json!({}));
        let new = with(put(alice()), json!({"ReturnValues": "ALL_NEW"}));
        assert_eq!(world.refused("PutItem", new), "ValidationException");
    }

    #[test]
    fn writes_can_depend_on_what_is_there() {
        let mut world = Sandbox::new();
        world.create("users");
        let names = json!({"ExpressionAttributeNames": {"#u": "user"}});
        let absent = with(names.clone(), json!({"ConditionExpression": "attribute_not_exists(#u)"}));
        let present = with(names, json!({"ConditionExpression": "attribute_exists(#u)"}));
        assert_eq!(world.refused("DeleteItem", with(key(), present.clone())), "ConditionalCheckFailedException");
        world.ok("PutItem", with(put(alice()), absent.clone()));
        let refusal = world.call("PutItem", with(put(alice()), absent)).unwrap_err();
        assert_eq!(refusal.to_string(), "ConditionalCheckFailedException: The conditional request failed");
        let first = json!({
            "UpdateExpression": "SET logins = logins + :one",
            "ConditionExpression": "logins = :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        });
        world.ok("UpdateItem", with(key(), first.clone()));
        assert_eq!(world.refused("UpdateItem", with(key(), first)), "ConditionalCheckFailedException");
        world.ok("DeleteItem", with(key(), present));
    }

    #[test]
    fn an_update_makes_an_item_and_answers_with_what_is_asked() {
        let mut world = Sandbox::new();
        world.create("users");
        let update = |returned: &str| {
            let expression = json!({
                "UpdateExpression": "SET profile = :p ADD logins :one",
                "ExpressionAttributeValues": {":p": {"S": "alice-1"}, ":one": {"N": "1"}},
                "ReturnValues": returned,
            });
            with(key(), expression)
        };
        assert_eq!(world.ok("UpdateItem", update("ALL_OLD")), json!({}));
        assert_eq!(item(&mut world), alice());
        let updated = world.ok("UpdateItem", update("UPDATED_NEW"));
        assert_eq!(updated["Attributes"], json!({"profile": {"S": "alice-1"}, "logins": {"N": "2"}}));
        let updated = world.ok("UpdateItem", update("UPDATED_OLD"));
        assert_eq!(updated["Attributes"]["logins"], json!({"N": "2"}));
        assert_eq!(world.ok("UpdateItem", update("ALL_NEW"))["Attributes"]["user"], json!({"S": "alice"}));
        assert_eq!(world.ok("UpdateItem", update("NONE")), json!({}));
    }

    #[test]
    fn keys_are_what_the_table_says() {
        let mut world = Sandbox::new();
        world.create("users");
        let long = "x".repeat(2049);
        for (operation, input, message) in [
            (
                "PutItem",
                put(json!({"name": {"S": "a"}})),
                "One or more parameter values were invalid: Missing the key user in the item",
            ),
            (
                "PutItem",
                put(json!({"user": {"N": "1"}})),
                "One or more parameter values were invalid: Type mismatch for key user expected: S actual: N",
            ),
            (
                "PutItem",
                put(json!({"user": {"S": ""}})),
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
                 empty string value. Key: user",
            ),
            (
                "PutItem",
                put(json!({"user": {"S": long}})),
                "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit \
                 of2048 bytes",
            ),
            (
                "GetItem",
                json!({"TableName": "users", "Key": {"user": {"N": "1"}}}),
                "The provided key element does not match the schema",
            ),
            (
                "DeleteItem",
                json!({"TableName": "users", "Key": {"user": {"S": "a"}, "name": {"S": "b"}}}),
                "The provided key element does not match the schema",
            ),
            (
                "UpdateItem",
                with(
                    key(),
                    json!({
                        "UpdateExpression": "SET #u = :v",
                        "ExpressionAttributeNames": {"#u": "user"},
                        "ExpressionAttributeValues": {":v": {"S": "b"}},
                    }),
                ),
                "One or more parameter values were invalid: Cannot update attribute user. This attribute is part of \
                 the key",
            ),
        ] {
            let refusal = world.call(operation, input).unwrap_err();
            assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("ValidationException", message));
        }
        let elsewhere = json!({"TableName": "none", "Key": {"user": {"S": "a"}}});
        assert_eq!(world.refused("GetItem", elsewhere), "ResourceNotFoundException");
    }

    #[test]
    fn an_item_has_at_most_400_kilobytes() {
        let mut world = Sandbox::new();
        world.create("users");
        let of = |size: usize| json!({"user": {"S": "alice"}, "text": {"S": "x".repeat(size)}});
        let names = "user".len() + "alice".len() + "text".len();
        world.ok("PutItem", put(of(MAX_ITEM - names)));
        let refusal = world.call("PutItem", put(of(MAX_ITEM - names + 1))).unwrap_err();
        assert_eq!(refusal.message, "Item size has exceeded the maximum allowed size");
        let more = json!({
            "UpdateExpression": "SET more = :v", "ExpressionAttributeValues": {":v": {"S": "x"}},
        });
        let refusal = world.call("UpdateItem", with(key(), more)).unwrap_err();
        assert_eq!(refusal.message, "Item size to update has exceeded the maximum allowed size");
    }

    #[test]
    fn a_projection_names_what_is_wanted() {
        let mut world = Sandbox::new();
        world.create("users");
        world.ok("PutItem", put(alice()));
        let some = json!({"ProjectionExpression": "profile, lacking", "ConsistentRead": true});
        assert_eq!(world.ok("GetItem", with(key(), some)), json!({"Item": {"profile": {"S": "alice-1"}}}));
        let reserved = with(key(), json!({"ProjectionExpression": "user"}));
        let refusal = world.call("GetItem", reserved).unwrap_err();
        let message = "Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: user";
        assert_eq!(refusal.message, message);
        let unused = json!({"ProjectionExpression": "profile", "ExpressionAttributeNames": {"#u": "user"}});
        assert_eq!(world.refused("GetItem", with(key(), unused)), "ValidationException");
    }
}
