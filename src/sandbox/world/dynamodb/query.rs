//! Many items: those of one key's first part in order, or all of a table.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::attribute::{Item, item_size, read_item};
use super::condition::{Comparator, Condition, Operand};
use super::data::Nothing;
use super::expression::{PROJECTION, Path, Placeholders, Step, parse_projection, project};
use super::table::{KeyAttribute, Table};
use super::{Dynamodb, invalid, invalid_value};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

const KEY_CONDITION: &str = "KeyConditionExpression";
const FILTER: &str = "FilterExpression";

/// Bytes that one call reads.
const MAX_PAGE: usize = 1024 * 1024;

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Select {
    AllAttributes,
    AllProjectedAttributes,
    SpecificAttributes,
    Count,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Query {
    table_name: String,
    index_name: Option<String>,
    select: Option<Select>,
    limit: Option<usize>,
    scan_index_forward: Option<bool>,
    exclusive_start_key: Option<Value>,
    projection_expression: Option<String>,
    filter_expression: Option<String>,
    key_condition_expression: Option<String>,
    expression_attribute_names: Option<BTreeMap<String, String>>,
    expression_attribute_values: Option<BTreeMap<String, Value>>,
    #[serde(rename = "ConsistentRead")]
    _consistent_read: Option<bool>,
    #[serde(rename = "ReturnConsumedCapacity")]
    _capacity: Option<Nothing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Scan {
    table_name: String,
    index_name: Option<String>,
    select: Option<Select>,
    limit: Option<usize>,
    exclusive_start_key: Option<Value>,
    projection_expression: Option<String>,
    filter_expression: Option<String>,
    expression_attribute_names: Option<BTreeMap<String, String>>,
    expression_attribute_values: Option<BTreeMap<String, Value>>,
    #[serde(rename = "ConsistentRead")]
    _consistent_read: Option<bool>,
    #[serde(rename = "ReturnConsumedCapacity")]
    _capacity: Option<Nothing>,
}

/// What is answered of the items that are read.
struct View {
    limit: Option<usize>,
    filter: Option<Condition>,
    projection: Option<Vec<Path>>,
    select: Option<Select>,
}

impl View {
    fn new(
        limit: Option<usize>,
        select: Option<Select>,
        filter: Option<&str>,
        projection: Option<&str>,
        placeholders: &mut Placeholders,
    ) -> Result<Self, ApiError> {
        match (select, projection) {
            (Some(Select::AllProjectedAttributes), _) => {
                return Err(invalid_value(
                    "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
                ));
            }
            (Some(Select::AllAttributes), Some(_)) => {
                return Err(invalid("Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES"));
            }
            (Some(Select::SpecificAttributes), None) => {
                return Err(invalid(
                    "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
                ));
            }
            _ => {}
        }
        Ok(Self {
            limit,
            filter: filter.map(|text| Condition::parse(FILTER, text, placeholders)).transpose()?,
            projection: projection.map(|text| parse_projection(text, placeholders)).transpose()?,
            select,
        })
    }

    /// The page that begins with the first of these items. A page ends with its limit even where nothing follows:
    /// only the next one can tell.
    fn page<'a>(&self, table: &Table, items: impl Iterator<Item = &'a Item>) -> Value {
        let (mut scanned, mut size, mut last, mut found) = (0, 0, None, Vec::new());
        for item in items {
            scanned += 1;
            size += item_size(item);
            if self.filter.as_ref().is_none_or(|filter| filter.holds(item)) {
                found.push(match &self.projection {
                    Some(paths) => json!(project(item, paths)),
                    None => json!(item),
                });
            }
            if self.limit == Some(scanned) || size > MAX_PAGE {
                last = Some(table.key_of(item));
                break;
            }
        }
        let mut answer = json!({"Count": found.len(), "ScannedCount": scanned});
        if self.select != Some(Select::Count) {
            answer["Items"] = json!(found);
        }
        if let Some(key) = last {
            answer["LastEvaluatedKey"] = json!(key);
        }
        answer
    }
}

/// Refuses a condition that does not name one first part of the key, and a range of the second at most.
fn check_key_condition(table: &Table, condition: &Condition) -> Result<(), ApiError> {
    let mut parts = Vec::new();
    flatten(condition, &mut parts);
    let mut ranges = 0;
    let mut hashes = 0;
    for part in parts {
        let (path, values, is_equal) = match part {
            Condition::Compare(Operand::Path(path), comparator, value) if *comparator != Comparator::NotEqual => {
                (path, vec![value], *comparator == Comparator::Equal)
            }
            Condition::Between(Operand::Path(path), low, high) => (path, vec![low, high], false),
            Condition::BeginsWith(Operand::Path(path), value) => (path, vec![value], false),
            _ => return Err(invalid("Query key condition not supported")),
        };
        let [Step::Name(name)] = path.0.as_slice() else {
            return Err(invalid("Query key condition not supported"));
        };
        let attribute = table.key_attributes().find(|attribute| attribute.name == *name);
        let Some(KeyAttribute { kind, .. }) = attribute else { continue };
        let fits = |operand: &&Operand| matches!(operand, Operand::Value(value) if value.kind() == kind);
        if !values.iter().all(fits) {
            return Err(invalid_value("Condition parameter type does not match schema type"));
        }
        if *name != table.hash.name {
            ranges += 1;
        } else if is_equal {
            hashes += 1;
        } else {
            return Err(invalid("Query key condition not supported"));
        }
    }
    let missing = |name: &str| Err(invalid(format!("Query condition missed key schema element: {name}")));
    let mut count = Vec::new();
    flatten(condition, &mut count);
    match (hashes, ranges, &table.range) {
        (0, ..) => missing(&table.hash.name),
        (1, 0, Some(range)) if count.len() > 1 => missing(&range.name),
        (1, 0 | 1, _) if count.len() == hashes + ranges => Ok(()),
        _ => Err(invalid("KeyConditionExpressions must only contain one condition per key")),
    }
}

fn flatten<'a>(condition: &'a Condition, parts: &mut Vec<&'a Condition>) {
    match condition {
        Condition::And(one, other) => {
            flatten(one, parts);
            flatten(other, parts);
        }
        part => parts.push(part),
    }
}

/// The order of two items that have the first part of the key in common.
fn by_range(table: &Table, one: &Item, other: &Item) -> Ordering {
    let Some(KeyAttribute { name, .. }) = &table.range else { return Ordering::Equal };
    one.get(name).zip(other.get(name)).and_then(|(one, other)| one.compare(other)).unwrap_or(Ordering::Equal)
}

fn start_key(table: &Table, key: Option<&Value>) -> Result<Option<(Item, String)>, ApiError> {
    let Some(key) = key else { return Ok(None) };
    let key = read_item(key)?;
    let position = table.position_of_key(&key).map_err(|_| invalid("The provided starting key is invalid"))?;
    Ok(Some((key, position)))
}

fn no_index(name: Option<&str>) -> Result<(), ApiError> {
    match name {
        Some(name) => Err(invalid(format!("The table does not have the specified index: {name}"))),
        None => Ok(()),
    }
}

impl Dynamodb {
    pub(super) fn query(&self, context: &Context<'_>, request: Query) -> Answer {
        let Some(text) = request.key_condition_expression.as_deref() else {
            return Err(invalid(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
            ));
        };
        let (filter, projection) = (request.filter_expression.as_deref(), request.projection_expression.as_deref());
        let (names, values) = (request.expression_attribute_names, request.expression_attribute_values);
        let expressions = [(KEY_CONDITION, Some(text)), (FILTER, filter), (PROJECTION, projection)];
        let mut placeholders = Placeholders::new(names, values, &expressions)?;
        let condition = Condition::parse(KEY_CONDITION, text, &mut placeholders)?;
        let view = View::new(request.limit, request.select, filter, projection, &mut placeholders)?;
        placeholders.check_all_used()?;
        let table = self.usable(context, &request.table_name)?;
        no_index(request.index_name.as_deref())?;
        check_key_condition(table, &condition)?;

        let mut items: Vec<_> = table.items.values().filter(|item| condition.holds(item)).collect();
        items.sort_by(|one, other| by_range(table, one, other));
        let mut past = Ordering::Greater;
        if request.scan_index_forward == Some(false) {
            items.reverse();
            past = Ordering::Less;
        }
        let start = start_key(table, request.exclusive_start_key.as_ref())?;
        let is_past = |item: &&&Item| start.as_ref().is_none_or(|(key, _)| by_range(table, item, key) == past);
        Ok(view.page(table, items.iter().filter(is_past).copied()))
    }

    pub(super) fn scan(&self, context: &Context<'_>, request: Scan) -> Answer {
        let (filter, projection) = (request.filter_expression.as_deref(), request.projection_expression.as_deref());
        let (names, values) = (request.expression_attribute_names, request.expression_attribute_values);
        let mut placeholders = Placeholders::new(names, values, &[(FILTER, filter), (PROJECTION, projection)])?;
        let view = View::new(request.limit, request.select, filter, projection, &mut placeholders)?;
        placeholders.check_all_used()?;
        let table = self.usable(context, &request.table_name)?;
        no_index(request.index_name.as_deref())?;
        let start = start_key(table, request.exclusive_start_key.as_ref())?;
        let items = table.items.iter();
        let rest = items.filter(|(position, _)| start.as_ref().is_none_or(|(_, start)| *position > start));
        Ok(view.page(table, rest.map(|(_, item)| item)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    /// A table of visits, by user and time, with some in it.
    fn visits() -> Sandbox {
        let mut world = Sandbox::new();
        world.ok(
            "CreateTable",
            json!({
                "TableName": "visits",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": "who", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "N"},
                ],
                "KeySchema": [
                    {"AttributeName": "who", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"},
                ],
            }),
        );
        world.wait(8);
        for (who, at) in [("alice", "2"), ("alice", "10"), ("alice", "-1"), ("bob", "5")] {
            let item = json!({"who": {"S": who}, "at": {"N": at}, "door": {"S": format!("door {at}")}});
            world.ok("PutItem", json!({"TableName": "visits", "Item": item}));
        }
        world
    }

    fn query(condition: &str, values: Value, more: Value) -> Value {
        let mut input = json!({
            "TableName": "visits",
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": {"#at": "at"},
            "ExpressionAttributeValues": values,
        });
        if !condition.contains('#') {
            input.as_object_mut().unwrap().remove("ExpressionAttributeNames");
        }
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    }

    fn times(answer: &Value) -> Vec<String> {
        let items = answer["Items"].as_array().unwrap().iter();
        items.map(|item| item["at"]["N"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_query_finds_one_key_in_the_order_of_its_second_part() {
        let mut world = visits();
        let alice = json!({":who": {"S": "alice"}});
        let found = world.ok("Query", query("who = :who", alice.clone(), json!({})));
        assert_eq!(times(&found), ["-1", "2", "10"]);
        assert_eq!((&found["Count"], &found["ScannedCount"]), (&json!(3), &json!(3)));
        assert_eq!(found.get("LastEvaluatedKey"), None);
        let back = query("who = :who", alice, json!({"ScanIndexForward": false}));
        assert_eq!(times(&world.ok("Query", back)), ["10", "2", "-1"]);
        for (condition, low, expected) in [
            ("who = :who AND #at > :low", "2", vec!["10"]),
            ("who = :who AND #at <= :low", "2", vec!["-1", "2"]),
            ("#at BETWEEN :low AND :low AND who = :who", "2", vec!["2"]),
        ] {
            let values = json!({":who": {"S": "alice"}, ":low": {"N": low}});
            assert_eq!(times(&world.ok("Query", query(condition, values, json!({})))), expected, "{condition}");
        }
    }

    #[test]
    fn a_query_goes_on_where_the_last_one_ended() {
        let mut world = visits();
        for (forward, expected) in [(true, ["-1", "2", "10"]), (false, ["10", "2", "-1"])] {
            let mut seen = Vec::new();
            let mut more = json!({"Limit": 2, "ScanIndexForward": forward});
            loop {
                let page = world.ok("Query", query("who = :who", json!({":who": {"S": "alice"}}), more.clone()));
                seen.extend(times(&page));
                let Some(key) = page.get("LastEvaluatedKey") else { break };
                more["ExclusiveStartKey"] = key.clone();
            }
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn key_conditions_are_checked() {
        let mut world = visits();
        let values = json!({":who": {"S": "alice"}, ":at": {"N": "1"}});
        for (condition, message) in [
            ("#at = :at AND door = :who", "Query condition missed key schema element: who"),
            ("who > :who AND #at = :at", "Query key condition not supported"),
            ("who = :who OR #at = :at", "Query key condition not supported"),
            (
                "who = :at AND #at = :who",
                "One or more parameter values were invalid: Condition parameter type does not match schema type",
            ),
            ("who = :who AND door = :at", "Query condition missed key schema element: at"),
        ] {
            let refusal = world.call("Query", query(condition, values.clone(), json!({}))).unwrap_err();
            assert_eq!(refusal.message, message, "{condition}");
        }
        assert_eq!(world.refused("Query", json!({"TableName": "visits"})), "ValidationException");
        let index = query("who = :who", json!({":who": {"S": "alice"}}), json!({"IndexName": "by-door"}));
        let refusal = world.call("Query", index).unwrap_err();
        assert_eq!(refusal.message, "The table does not have the specified index: by-door");
    }

    #[test]
    fn a_scan_reads_all_in_pages_that_end_with_their_limit() {
        let mut world = visits();
        let all = world.ok("Scan", json!({"TableName": "visits"}));
        assert_eq!(all["Count"], 4);
        let first = world.ok("Scan", json!({"TableName": "visits", "Limit": 3}));
        assert_eq!((&first["Count"], first.get("LastEvaluatedKey").is_some()), (&json!(3), true));
        let second = json!({"TableName": "visits", "Limit": 1, "ExclusiveStartKey": first["LastEvaluatedKey"]});
        let second = world.ok("Scan", second);
        assert_eq!((&second["Count"], second.get("LastEvaluatedKey").is_some()), (&json!(1), true));
        let third = json!({"TableName": "visits", "ExclusiveStartKey": second["LastEvaluatedKey"]});
        assert_eq!(world.ok("Scan", third), json!({"Items": [], "Count": 0, "ScannedCount": 0}));
        let mut seen: Vec<_> = times(&first);
        seen.extend(times(&second));
        let mut expected = times(&all);
        seen.sort_unstable();
        expected.sort_unstable();
        assert_eq!(seen, expected);
        let wrong = json!({"TableName": "visits", "ExclusiveStartKey": {"who": {"S": "alice"}}});
        assert_eq!(world.refused("Scan", wrong), "ValidationException");
    }

    #[test]
    fn limits_count_what_is_read_filters_what_is_found() {
        let mut world = visits();
        let scan = json!({
            "TableName": "visits",
            "FilterExpression": "door = :door",
            "ExpressionAttributeValues": {":door": {"S": "door 5"}},
        });
        let found = world.ok("Scan", scan.clone());
        assert_eq!(
            (&found["Count"], &found["ScannedCount"], times(&found)),
            (&json!(1), &json!(4), vec!["5".to_owned()])
        );
        let mut count = scan.clone();
        count["Select"] = json!("COUNT");
        assert_eq!(world.ok("Scan", count).get("Items"), None);
        let mut some = scan;
        some["ProjectionExpression"] = json!("door");
        assert_eq!(world.ok("Scan", some.clone())["Items"], json!([{"door": {"S": "door 5"}}]));
        some["Select"] = json!("ALL_ATTRIBUTES");
        assert_eq!(world.refused("Scan", some), "ValidationException");
    }

    #[test]
    fn a_page_ends_after_a_megabyte() {
        let mut world = Sandbox::new();
        world.create("users");
        for number in 0..4 {
            let item = json!({"user": {"S": format!("user {number}")}, "text": {"S": "x".repeat(350_000)}});
            world.ok("PutItem", json!({"TableName": "users", "Item": item}));
        }
        let page = world.ok("Scan", json!({"TableName": "users"}));
        assert_eq!((&page["Count"], &page["LastEvaluatedKey"]), (&json!(3), &json!({"user": {"S": "user 2"}})));
    }
}
