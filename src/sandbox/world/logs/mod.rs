//! CloudWatch Logs in one account and Region: log groups with their streams and events.

mod event;
mod group;
mod listing;
mod pattern;
mod stream;
mod tags;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Context, not_implemented, read};
use crate::sandbox::api::{Answer, ApiError, Call};
use group::LogGroup;

/// The log groups of one account and Region, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    groups: BTreeMap<String, LogGroup>,
}

impl Logs {
    /// Answers a call.
    ///
    /// # Errors
    /// The refusal, after which the caller must restore the state as it was.
    pub fn handle(&mut self, context: &mut Context<'_>, call: &Call) -> Answer {
        match call.operation.as_str() {
            "CreateLogGroup" => self.create_group(context, read(call)?),
            "DescribeLogGroups" => self.describe_groups(context, read(call)?),
            "DeleteLogGroup" => self.delete_group(read(call)?),
            "PutRetentionPolicy" => self.put_retention(read(call)?),
            "DeleteRetentionPolicy" => self.delete_retention(read(call)?),
            "CreateLogStream" => self.create_stream(context, read(call)?),
            "DescribeLogStreams" => self.describe_streams(context, read(call)?),
            "DeleteLogStream" => self.delete_stream(read(call)?),
            "PutLogEvents" => self.put_events(context, read(call)?),
            "GetLogEvents" => self.get_events(context, read(call)?),
            "FilterLogEvents" => self.filter_events(context, read(call)?),
            "TagLogGroup" => self.tag_group(read(call)?),
            "UntagLogGroup" => self.untag_group(read(call)?),
            "ListTagsLogGroup" => self.list_group_tags(read(call)?),
            "TagResource" => self.tag_resource(context, read(call)?),
            "UntagResource" => self.untag_resource(context, read(call)?),
            "ListTagsForResource" => self.list_resource_tags(context, read(call)?),
            _ => Err(not_implemented(call, "the operation")),
        }
    }

    /// Lets happen what is due by now: events that are kept no longer go.
    pub fn settle(&mut self, now: Timestamp) {
        for group in self.groups.values_mut() {
            group.expire(now);
        }
    }

    /// What stands of what was made here.
    pub fn standing(&self) -> Value {
        json!(self)
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceNotFoundException", message)
}

fn exists(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceAlreadyExistsException", message)
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    #[test]
    fn what_is_not_modelled_is_refused_by_name() {
        let mut world = Sandbox::new();
        for (member, value) in [
            ("kmsKeyId", json!("arn:aws:kms:us-east-1:111122223333:key/1")),
            ("logGroupClass", json!("DELIVERY")),
            ("deletionProtectionEnabled", json!(true)),
        ] {
            let input = json!({"logGroupName": "g", member: value});
            assert_eq!(world.refused("CreateLogGroup", input), "NotImplemented", "{member}");
        }
        world.ok("CreateLogGroup", json!({"logGroupName": "g", "deletionProtectionEnabled": false}));
    }

    #[test]
    fn a_region_that_was_only_looked_at_holds_nothing() {
        let mut world = Sandbox::new();
        let before = world.standing();
        world.ok("DescribeLogGroups", json!({}));
        assert_eq!(world.standing(), before);
    }
}
