//! DynamoDB's tables in one account and Region, with their items.

mod attribute;
mod backup;
mod batch;
mod condition;
mod data;
mod expression;
mod number;
mod query;
mod reserved;
mod table;
mod tags;
#[cfg(test)]
mod testing;
mod update;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Context, not_implemented, read};
use crate::sandbox::api::{Answer, ApiError, Call};
use table::Table;

/// The tables of one account and Region, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Dynamodb {
    tables: BTreeMap<String, Table>,
}

impl Dynamodb {
    /// Answers a call.
    ///
    /// # Errors
    /// The refusal, after which the caller must restore the state as it was.
    pub fn handle(&mut self, context: &mut Context<'_>, call: &Call) -> Answer {
        match call.operation.as_str() {
            "CreateTable" => self.create_table(context, read(call)?),
            "DescribeTable" => self.describe_table(context, read(call)?),
            "UpdateTable" => self.update_table(context, read(call)?),
            "DeleteTable" => self.delete_table(context, read(call)?),
            "ListTables" => self.list_tables(read(call)?),
            "TagResource" => self.tag_resource(context, read(call)?),
            "UntagResource" => self.untag_resource(context, read(call)?),
            "ListTagsOfResource" => self.list_tags(context, read(call)?),
            "DescribeContinuousBackups" => self.describe_backups(context, read(call)?),
            "UpdateContinuousBackups" => self.update_backups(context, read(call)?),
            "DescribeTimeToLive" => self.describe_time_to_live(context, read(call)?),
            "PutItem" => self.put_item(context, read(call)?),
            "GetItem" => self.get_item(context, read(call)?),
            "UpdateItem" => self.update_item(context, read(call)?),
            "DeleteItem" => self.delete_item(context, read(call)?),
            "Query" => self.query(context, read(call)?),
            "Scan" => self.scan(context, read(call)?),
            "BatchGetItem" => self.batch_get(context, read(call)?),
            "BatchWriteItem" => self.batch_write(context, read(call)?),
            _ => Err(not_implemented(call, "the operation")),
        }
    }

    /// Lets happen what is due by now: deleted tables go.
    pub fn settle(&mut self, now: Timestamp) {
        self.tables.retain(|_, table| !table.is_gone(now));
    }

    /// What stands of what was made here.
    pub fn standing(&self) -> Value {
        json!(self)
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

/// The refusal of a value by the service itself; most of those begin alike.
fn invalid_value(message: impl AsRef<str>) -> ApiError {
    invalid(format!("One or more parameter values were invalid: {}", message.as_ref()))
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceNotFoundException", message)
}

fn in_use(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceInUseException", message)
}

/// The refusal of what DynamoDB takes and this world does not model.
fn unsupported(what: &str) -> ApiError {
    ApiError::new("NotImplemented", format!("the sandbox does not model {what}")).with_status(501)
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    #[test]
    fn what_is_not_modelled_is_refused_by_name() {
        let mut world = Sandbox::new();
        for (member, value) in [
            ("GlobalSecondaryIndexes", json!([{"IndexName": "by-name"}])),
            ("StreamSpecification", json!({"StreamEnabled": true})),
            ("SSESpecification", json!({"Enabled": true})),
        ] {
            let mut input = Sandbox::table("users");
            input[member] = value;
            let refusal = world.call("CreateTable", input).unwrap_err();
            assert_eq!(refusal.code, "NotImplemented");
            assert!(refusal.message.contains(member), "{}", refusal.message);
        }
        world.create("users");
        let put = json!({"TableName": "users", "Item": {"user": {"S": "a"}}, "ReturnConsumedCapacity": "TOTAL"});
        assert_eq!(world.refused("PutItem", put), "NotImplemented");
        let scan = json!({"TableName": "users", "Segment": 0, "TotalSegments": 2});
        assert_eq!(world.refused("Scan", scan), "NotImplemented");
    }

    #[test]
    fn a_region_that_was_only_looked_at_holds_nothing() {
        let mut world = Sandbox::new();
        let before = world.standing();
        world.ok("ListTables", json!({}));
        assert_eq!(world.standing(), before);
    }
}
