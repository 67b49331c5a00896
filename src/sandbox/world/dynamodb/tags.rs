//! Tags of tables, which are called by their ARNs here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::table::{Table, table_arn};
use super::{Dynamodb, invalid, not_found};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Tags per table.
const QUOTA: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TagResource {
    resource_arn: String,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UntagResource {
    resource_arn: String,
    #[serde(default)]
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListTags {
    resource_arn: String,
}

/// Takes the tags of one call.
///
/// # Errors
/// `ValidationException` for reserved, repeated or too many keys.
pub fn read(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, ApiError> {
    let count = tags.len();
    if let Some(tag) = tags.iter().find(|tag| tag.key.to_lowercase().starts_with("aws:")) {
        return Err(invalid(format!("Tag keys that begin with aws: are reserved: {}", tag.key)));
    }
    let tags: BTreeMap<_, _> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    if tags.len() < count {
        return Err(invalid("Tag keys must be unique."));
    }
    check_count(&tags)?;
    Ok(tags)
}

fn check_count(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > QUOTA { Err(invalid(format!("A table can have at most {QUOTA} tags."))) } else { Ok(()) }
}

impl Dynamodb {
    pub(super) fn tag_resource(&mut self, context: &Context<'_>, request: TagResource) -> Answer {
        let tags = read(request.tags)?;
        let table = self.tagged(context, &request.resource_arn)?;
        table.tags.extend(tags);
        check_count(&table.tags)?;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, context: &Context<'_>, request: UntagResource) -> Answer {
        self.tagged(context, &request.resource_arn)?.tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(json!({}))
    }

    pub(super) fn list_tags(&mut self, context: &Context<'_>, request: ListTags) -> Answer {
        let tags = self.tagged(context, &request.resource_arn)?.tags.iter();
        let tags: Vec<Value> = tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        Ok(json!({"Tags": tags}))
    }

    fn tagged(&mut self, context: &Context<'_>, arn: &str) -> Result<&mut Table, ApiError> {
        if !arn.starts_with("arn:") {
            return Err(invalid(format!("Invalid TableArn: Invalid ResourceArn provided as input {arn}")));
        }
        // AWS's own spelling.
        let missing = || not_found(format!("Requested resource not found: ResourcArn: {arn} not found"));
        let name = arn.strip_prefix(&table_arn(context, "")).ok_or_else(missing)?;
        self.tables.get_mut(name).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const ARN: &str = "arn:aws:dynamodb:us-east-1:111122223333:table/users";

    #[test]
    fn tags_are_set_by_the_create_call_changed_by_arn_and_in_no_description() {
        let mut world = Sandbox::new();
        let mut input = Sandbox::table("users");
        input["Tags"] = json!([{"Key": "breezeway:lab", "Value": "a"}]);
        world.ok("CreateTable", input);
        let tags = |world: &mut Sandbox| world.ok("ListTagsOfResource", json!({"ResourceArn": ARN}))["Tags"].take();
        assert_eq!(tags(&mut world), json!([{"Key": "breezeway:lab", "Value": "a"}]));
        let more = json!([{"Key": "breezeway:lab", "Value": "b"}, {"Key": "team", "Value": ""}]);
        world.ok("TagResource", json!({"ResourceArn": ARN, "Tags": more}));
        world.ok("UntagResource", json!({"ResourceArn": ARN, "TagKeys": ["breezeway:lab", "none"]}));
        assert_eq!(tags(&mut world), json!([{"Key": "team", "Value": ""}]));
        assert_eq!(world.ok("DescribeTable", json!({"TableName": "users"}))["Table"].get("Tags"), None);
    }

    #[test]
    fn reserved_repeated_and_superfluous_tags_and_other_resources_are_refused() {
        let mut world = Sandbox::new();
        world.create("users");
        let tag = |key: &str| json!({"Key": key, "Value": "v"});
        let many: Vec<_> = (0..51).map(|number| tag(&format!("k{number}"))).collect();
        for (arn, tags, code) in [
            (ARN, json!([tag("AWS:x")]), "ValidationException"),
            (ARN, json!([tag("k"), tag("k")]), "ValidationException"),
            (ARN, json!(many), "ValidationException"),
            ("users", json!([tag("k")]), "ValidationException"),
            (&format!("{ARN}x"), json!([tag("k")]), "ResourceNotFoundException"),
            (&ARN.replace("us-east-1", "eu-west-1"), json!([tag("k")]), "ResourceNotFoundException"),
        ] {
            let input = json!({"ResourceArn": arn, "Tags": tags});
            assert_eq!(world.refused("TagResource", input), code, "{arn}");
        }
    }
}
