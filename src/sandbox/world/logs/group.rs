//! Log groups, and how long their events are kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::stream::LogStream;
use super::{Logs, exists, invalid, listing, not_found, tags};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// For how many days events can be kept.
const RETENTIONS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

const MILLISECONDS_A_DAY: i64 = 86_400_000;

/// A log group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogGroup {
    created: Timestamp,
    /// For ever, if not said.
    retention_in_days: Option<i64>,
    class: Class,
    pub tags: BTreeMap<String, String>,
    /// By name.
    pub streams: BTreeMap<String, LogStream>,
}

/// What is modelled of the classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Class {
    #[default]
    Standard,
    InfrequentAccess,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateGroup {
    log_group_name: String,
    #[serde(default)]
    log_group_class: Class,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeGroups {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
    log_group_class: Option<Class>,
    limit: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupName {
    pub log_group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutRetention {
    log_group_name: String,
    retention_in_days: i64,
}

/// The ARN of a log group of the caller.
pub fn group_arn(context: &Context<'_>, name: &str) -> String {
    context.arn("logs", &format!("log-group:{name}"))
}

impl LogGroup {
    /// The moment before which events are gone, in milliseconds since 1970.
    pub fn kept_since(&self, now: Timestamp) -> i64 {
        let days = self.retention_in_days;
        days.map_or(0, |days| now.as_millisecond().saturating_sub(days.saturating_mul(MILLISECONDS_A_DAY)))
    }

    /// Drops the events that are kept no longer.
    pub fn expire(&mut self, now: Timestamp) {
        let since = self.kept_since(now);
        for stream in self.streams.values_mut() {
            stream.events.retain(|event| event.timestamp >= since);
        }
    }

    fn view(&self, context: &Context<'_>, name: &str) -> Value {
        let arn = group_arn(context, name);
        let mut view = json!({
            "logGroupName": name,
            "creationTime": self.created.as_millisecond(),
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "storedBytes": self.streams.values().map(LogStream::size).sum::<usize>(),
            "logGroupClass": self.class,
            "logGroupArn": arn,
            "deletionProtectionEnabled": false,
        });
        if let Some(days) = self.retention_in_days {
            view["retentionInDays"] = json!(days);
        }
        view
    }
}

impl Logs {
    pub(super) fn create_group(&mut self, context: &Context<'_>, request: CreateGroup) -> Answer {
        let name = request.log_group_name;
        if name.starts_with("aws/") {
            return Err(invalid("Log group names cannot start with the reserved prefix 'aws/'."));
        }
        tags::check(&request.tags)?;
        if self.groups.contains_key(&name) {
            return Err(exists("The specified log group already exists"));
        }
        let group = LogGroup {
            created: context.now,
            retention_in_days: None,
            class: request.log_group_class,
            tags: request.tags,
            streams: BTreeMap::new(),
        };
        self.groups.insert(name, group);
        Ok(json!({}))
    }

    pub(super) fn describe_groups(&self, context: &Context<'_>, request: DescribeGroups) -> Answer {
        let (prefix, pattern) = (request.log_group_name_prefix, request.log_group_name_pattern);
        if prefix.is_some() && pattern.is_some() {
            return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
        }
        let identifiers = request.log_group_identifiers;
        let named: Option<Vec<_>> =
            identifiers.as_ref().map(|list| list.iter().map(|text| name_in(context, text)).collect());
        let is_wanted = |name: &str, group: &LogGroup| {
            prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix.as_str()))
                && pattern.as_ref().is_none_or(|pattern| name.contains(pattern.as_str()))
                && named.as_ref().is_none_or(|named| named.contains(&name))
                && request.log_group_class.is_none_or(|class| class == group.class)
        };
        let wanted = self.groups.iter().filter(|(name, group)| is_wanted(name, group));
        let views = wanted.map(|(name, group)| {
            let mut view = group.view(context, name);
            if let Some(members) = view.as_object_mut().filter(|_| pattern.is_some()) {
                members.retain(|member, _| ["arn", "creationTime", "logGroupName"].contains(&member.as_str()));
            }
            (name.clone(), view)
        });
        listing::page("logGroups", views.collect(), false, request.limit, request.next_token.as_deref())
    }

    pub(super) fn delete_group(&mut self, request: GroupName) -> Answer {
        self.groups.remove(&request.log_group_name).ok_or_else(missing)?;
        Ok(json!({}))
    }

    pub(super) fn put_retention(&mut self, request: PutRetention) -> Answer {
        let group = self.group_mut(&request.log_group_name)?;
        let days = request.retention_in_days;
        if !RETENTIONS.contains(&days) {
            let known: Vec<_> = RETENTIONS.iter().map(i64::to_string).collect();
            return Err(invalid(format!(
                "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member \
                 must satisfy enum value set: [{}]",
                known.join(", ")
            )));
        }
        group.retention_in_days = Some(days);
        Ok(json!({}))
    }

    pub(super) fn delete_retention(&mut self, request: GroupName) -> Answer {
        self.group_mut(&request.log_group_name)?.retention_in_days = None;
        Ok(json!({}))
    }

    /// The group of this name, to change.
    pub(super) fn group_mut(&mut self, name: &str) -> Result<&mut LogGroup, ApiError> {
        self.groups.get_mut(name).ok_or_else(missing)
    }

    /// The group that a call has by name or by identifier (a name or an ARN), with its name.
    ///
    /// # Errors
    /// Neither, both; no such group.
    pub(super) fn identified<'a>(
        &self,
        context: &Context<'_>,
        name: Option<&'a str>,
        identifier: Option<&'a str>,
    ) -> Result<(&'a str, &LogGroup), ApiError> {
        let name = match (name, identifier) {
            (Some(name), None) => name,
            (None, Some(identifier)) => name_in(context, identifier),
            _ => return Err(invalid("Exactly one of logGroupName and logGroupIdentifier must be given.")),
        };
        Ok((name, self.groups.get(name).ok_or_else(missing)?))
    }
}

/// The name in the ARN of a log group, with `:*` or without; anything else is a name.
pub fn name_in<'a>(context: &Context<'_>, text: &'a str) -> &'a str {
    let name = text.strip_prefix(&group_arn(context, "")).unwrap_or(text);
    name.strip_suffix(":*").unwrap_or(name)
}

pub fn missing() -> ApiError {
    not_found("The specified log group does not exist.")
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn names(world: &mut Sandbox, input: Value) -> Vec<String> {
        let groups = world.ok("DescribeLogGroups", input)["logGroups"].take();
        let name = |group: &Value| group["logGroupName"].as_str().unwrap().to_owned();
        groups.as_array().unwrap().iter().map(name).collect()
    }

    #[test]
    fn a_group_is_made_once_described_and_deleted() {
        let mut world = Sandbox::new();
        let before = world.standing();
        let name = json!({"logGroupName": "/aws/lambda/presign"});
        world.ok("CreateLogGroup", name.clone());
        let refusal = world.call("CreateLogGroup", name.clone()).unwrap_err();
        assert_eq!(refusal.code, "ResourceAlreadyExistsException");
        assert_eq!(refusal.message, "The specified log group already exists");
        let arn = "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/presign";
        assert_eq!(
            world.ok("DescribeLogGroups", json!({})),
            json!({"logGroups": [{
                "logGroupName": "/aws/lambda/presign",
                "creationTime": 1_767_225_600_000_i64,
                "metricFilterCount": 0,
                "arn": format!("{arn}:*"),
                "storedBytes": 0,
                "logGroupClass": "STANDARD",
                "logGroupArn": arn,
                "deletionProtectionEnabled": false,
            }]})
        );
        world.ok("DeleteLogGroup", name.clone());
        assert_eq!(world.refused("DeleteLogGroup", name), "ResourceNotFoundException");
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn a_name_may_not_begin_like_awss_own() {
        let mut world = Sandbox::new();
        let refused = world.refused("CreateLogGroup", json!({"logGroupName": "aws/lambda/presign"}));
        assert_eq!(refused, "InvalidParameterException");
    }

    #[test]
    fn retention_is_one_of_the_values_that_aws_has() {
        let mut world = Sandbox::new();
        world.ok("CreateLogGroup", json!({"logGroupName": "g"}));
        let put = |days: i64| json!({"logGroupName": "g", "retentionInDays": days});
        world.ok("PutRetentionPolicy", put(14));
        assert_eq!(world.ok("DescribeLogGroups", json!({}))["logGroups"][0]["retentionInDays"], 14);
        for days in [0, 2, 10, 3654] {
            assert_eq!(world.refused("PutRetentionPolicy", put(days)), "InvalidParameterException", "{days}");
        }
        world.ok("DeleteRetentionPolicy", json!({"logGroupName": "g"}));
        assert_eq!(world.ok("DescribeLogGroups", json!({}))["logGroups"][0].get("retentionInDays"), None);
        for operation in ["PutRetentionPolicy", "DeleteRetentionPolicy"] {
            let mut input = json!({"logGroupName": "none"});
            if operation == "PutRetentionPolicy" {
                input["retentionInDays"] = json!(1);
            }
            assert_eq!(world.refused(operation, input), "ResourceNotFoundException", "{operation}");
        }
    }

    #[test]
    fn groups_are_found_by_prefix_by_part_of_the_name_and_by_identifier() {
        let mut world = Sandbox::new();
        for name in ["/aws/lambda/b", "/aws/lambda/a", "/aws/sagemaker/studio"] {
            world.ok("CreateLogGroup", json!({"logGroupName": name}));
        }
        assert_eq!(
            names(&mut world, json!({"logGroupNamePrefix": "/aws/lambda/"})),
            ["/aws/lambda/a", "/aws/lambda/b"]
        );
        assert_eq!(names(&mut world, json!({"logGroupNamePattern": "studio"})), ["/aws/sagemaker/studio"]);
        assert_eq!(names(&mut world, json!({"logGroupNamePattern": "Studio"})), Vec::<String>::new());
        let arn = "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/a";
        assert_eq!(names(&mut world, json!({"logGroupIdentifiers": [arn, "none"]})), ["/aws/lambda/a"]);
        let found = world.ok("DescribeLogGroups", json!({"logGroupNamePattern": "studio"}));
        let members: Vec<_> = found["logGroups"][0].as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["arn", "creationTime", "logGroupName"]);
        let both = json!({"logGroupNamePattern": "a", "logGroupNamePrefix": "a"});
        assert_eq!(world.refused("DescribeLogGroups", both), "InvalidParameterException");
    }

    #[test]
    fn groups_come_in_pages() {
        let mut world = Sandbox::new();
        for number in 0..51 {
            world.ok("CreateLogGroup", json!({"logGroupName": format!("g{number:02}")}));
        }
        let first = world.ok("DescribeLogGroups", json!({}));
        assert_eq!(first["logGroups"].as_array().unwrap().len(), 50);
        assert_eq!(names(&mut world, json!({"nextToken": first["nextToken"]})), ["g50"]);
        assert_eq!(names(&mut world, json!({"limit": 1})), ["g00"]);
    }
}
