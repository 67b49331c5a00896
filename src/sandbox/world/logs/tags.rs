//! Tags of log groups: by name as of old, and by ARN.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::group::{GroupName, LogGroup, group_arn, name_in};
use super::{Logs, invalid, not_found};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Tags per log group.
const QUOTA: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagGroup {
    log_group_name: String,
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UntagGroup {
    log_group_name: String,
    tags: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagResource {
    resource_arn: String,
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UntagResource {
    resource_arn: String,
    #[serde(default)]
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListTags {
    resource_arn: String,
}

/// Refuses tags that no log group can have.
pub fn check(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if let Some(key) = tags.keys().find(|key| key.to_lowercase().starts_with("aws:")) {
        return Err(invalid(format!("Tag keys that begin with aws: are reserved: {key}")));
    }
    if tags.len() > QUOTA {
        return Err(invalid(format!("A log group can have at most {QUOTA} tags.")));
    }
    Ok(())
}

impl LogGroup {
    fn put_tags(&mut self, tags: BTreeMap<String, String>) -> Result<(), ApiError> {
        self.tags.extend(tags);
        check(&self.tags)
    }

    fn remove_tags(&mut self, keys: &[String]) {
        self.tags.retain(|key, _| !keys.contains(key));
    }
}

impl Logs {
    pub(super) fn tag_group(&mut self, request: TagGroup) -> Answer {
        self.group_mut(&request.log_group_name)?.put_tags(request.tags)?;
        Ok(json!({}))
    }

    pub(super) fn untag_group(&mut self, request: UntagGroup) -> Answer {
        self.group_mut(&request.log_group_name)?.remove_tags(&request.tags);
        Ok(json!({}))
    }

    pub(super) fn list_group_tags(&mut self, request: GroupName) -> Answer {
        Ok(json!({"tags": self.group_mut(&request.log_group_name)?.tags}))
    }

    pub(super) fn tag_resource(&mut self, context: &Context<'_>, request: TagResource) -> Answer {
        let group = self.by_arn(context, &request.resource_arn)?;
        let refusal = group.put_tags(request.tags).err();
        match refusal {
            Some(refusal) if group.tags.len() > QUOTA => Err(ApiError::new("TooManyTagsException", refusal.message)),
            Some(refusal) => Err(refusal),
            None => Ok(json!({})),
        }
    }

    pub(super) fn untag_resource(&mut self, context: &Context<'_>, request: UntagResource) -> Answer {
        self.by_arn(context, &request.resource_arn)?.remove_tags(&request.tag_keys);
        Ok(json!({}))
    }

    pub(super) fn list_resource_tags(&mut self, context: &Context<'_>, request: ListTags) -> Answer {
        Ok(json!({"tags": self.by_arn(context, &request.resource_arn)?.tags}))
    }

    fn by_arn(&mut self, context: &Context<'_>, arn: &str) -> Result<&mut LogGroup, ApiError> {
        if !arn.starts_with("arn:") {
            return Err(invalid(format!("'{arn}' is not an ARN.")));
        }
        let ours = arn.starts_with(&group_arn(context, ""));
        let group = self.groups.get_mut(name_in(context, arn)).filter(|_| ours);
        group.ok_or_else(|| not_found("The specified resource does not exist."))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const ARN: &str = "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/presign";
    const NAME: &str = "/aws/lambda/presign";

    #[test]
    fn tags_are_set_by_the_create_call_and_changed_by_name_and_by_arn() {
        let mut world = Sandbox::new();
        world.ok("CreateLogGroup", json!({"logGroupName": NAME, "tags": {"breezeway:lab": "a"}}));
        world.ok("TagLogGroup", json!({"logGroupName": NAME, "tags": {"team": ""}}));
        world.ok("TagResource", json!({"resourceArn": ARN, "tags": {"breezeway:lab": "b"}}));
        let all = json!({"tags": {"breezeway:lab": "b", "team": ""}});
        assert_eq!(world.ok("ListTagsLogGroup", json!({"logGroupName": NAME})), all);
        assert_eq!(world.ok("ListTagsForResource", json!({"resourceArn": ARN})), all);
        assert_eq!(world.ok("ListTagsForResource", json!({"resourceArn": format!("{ARN}:*")})), all);
        world.ok("UntagLogGroup", json!({"logGroupName": NAME, "tags": ["team"]}));
        world.ok("UntagResource", json!({"resourceArn": ARN, "tagKeys": ["breezeway:lab", "none"]}));
        assert_eq!(world.ok("ListTagsLogGroup", json!({"logGroupName": NAME})), json!({"tags": {}}));
    }

    #[test]
    fn reserved_and_superfluous_tags_and_unknown_groups_are_refused() {
        let mut world = Sandbox::new();
        world.ok("CreateLogGroup", json!({"logGroupName": NAME}));
        let many: BTreeMap<_, _> = (0..51).map(|number| (format!("k{number}"), "")).collect();
        for (operation, input, code) in [
            ("CreateLogGroup", json!({"logGroupName": "g", "tags": {"aws:x": ""}}), "InvalidParameterException"),
            ("CreateLogGroup", json!({"logGroupName": "g", "tags": many}), "InvalidParameterException"),
            ("TagLogGroup", json!({"logGroupName": NAME, "tags": many}), "InvalidParameterException"),
            ("TagResource", json!({"resourceArn": ARN, "tags": many}), "TooManyTagsException"),
            ("TagResource", json!({"resourceArn": ARN, "tags": {"AWS:x": ""}}), "InvalidParameterException"),
            ("TagResource", json!({"resourceArn": NAME, "tags": {"k": ""}}), "InvalidParameterException"),
            ("ListTagsLogGroup", json!({"logGroupName": "none"}), "ResourceNotFoundException"),
            ("ListTagsForResource", json!({"resourceArn": format!("{ARN}x")}), "ResourceNotFoundException"),
            (
                "ListTagsForResource",
                json!({"resourceArn": ARN.replace("us-east-1", "eu-west-1")}),
                "ResourceNotFoundException",
            ),
        ] {
            assert_eq!(world.refused(operation, input.clone()), code, "{operation} {input}");
        }
    }
}
