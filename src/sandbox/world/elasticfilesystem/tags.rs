//! Tags of file systems.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ElasticFileSystem, bad_request, cut};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Keys and values.
pub type Tags = BTreeMap<String, String>;

/// Tags per file system.
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
    resource_id: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UntagResource {
    resource_id: String,
    #[serde(default)]
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListTags {
    resource_id: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// Adds tags to those that are there.
///
/// # Errors
/// `BadRequest` for a reserved key or too many tags.
pub fn put(own: &mut Tags, tags: Vec<Tag>) -> Result<(), ApiError> {
    for Tag { key, value } in tags {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(bad_request(format!("Tag keys starting with 'aws:' are reserved: '{key}'.")));
        }
        own.insert(key, value);
    }
    if own.len() > QUOTA {
        return Err(bad_request(format!("A file system can have at most {QUOTA} tags.")));
    }
    Ok(())
}

/// Tags as they are answered.
pub fn view(tags: &Tags) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

impl ElasticFileSystem {
    pub(super) fn tag_resource(&mut self, context: &Context<'_>, request: TagResource) -> Answer {
        put(self.tags_of(context, &request.resource_id)?, request.tags)?;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, context: &Context<'_>, request: UntagResource) -> Answer {
        self.tags_of(context, &request.resource_id)?.retain(|key, _| !request.tag_keys.contains(key));
        Ok(json!({}))
    }

    pub(super) fn list_tags(&mut self, context: &Context<'_>, request: ListTags) -> Answer {
        let mut tags = view(self.tags_of(context, &request.resource_id)?);
        let next = cut(&mut tags, "Key", request.max_results, request.next_token.as_deref())?;
        let mut answer = json!({"Tags": tags});
        if let Some(next) = next {
            answer["NextToken"] = json!(next);
        }
        Ok(answer)
    }

    /// The tags of the file system with this id or ARN.
    fn tags_of(&mut self, context: &Context<'_>, resource_id: &str) -> Result<&mut Tags, ApiError> {
        if resource_id.rsplit('/').next().is_some_and(|id| id.starts_with("fsap-")) {
            let message = format!("Access point '{resource_id}' does not exist.");
            return Err(ApiError::new("AccessPointNotFound", message));
        }
        Ok(&mut self.file_system_mut(context, resource_id)?.tags)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn tags_are_set_by_the_create_call_and_changed_by_id_or_arn() {
        let mut world = Sandbox::new();
        let input = json!({"CreationToken": "a", "Tags": [{"Key": "Name", "Value": "home"}]});
        let made = world.ok("CreateFileSystem", input);
        assert_eq!((&made["Name"], &made["Tags"][0]["Value"]), (&json!("home"), &json!("home")));
        let (id, arn) = (&made["FileSystemId"], &made["FileSystemArn"]);

        world.ok("TagResource", json!({"ResourceId": arn, "Tags": [{"Key": "team", "Value": ""}]}));
        world.ok("UntagResource", json!({"ResourceId": id, "TagKeys": ["Name", "none"]}));
        let listed = world.ok("ListTagsForResource", json!({"ResourceId": arn}));
        assert_eq!(listed, json!({"Tags": [{"Key": "team", "Value": ""}]}));
        assert_eq!(world.file_system(id).get("Name"), None);
    }

    #[test]
    fn tags_come_in_pages() {
        let mut world = Sandbox::new();
        let tags = json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]);
        let id = world.ok("CreateFileSystem", json!({"CreationToken": "a", "Tags": tags}))["FileSystemId"].clone();
        let first = world.ok("ListTagsForResource", json!({"ResourceId": id, "MaxResults": 1}));
        assert_eq!(first["Tags"][0]["Key"], "a");
        let rest = json!({"ResourceId": id, "MaxResults": 1, "NextToken": first["NextToken"]});
        assert_eq!(world.ok("ListTagsForResource", rest), json!({"Tags": [{"Key": "b", "Value": "2"}]}));
    }

    #[test]
    fn reserved_keys_and_unknown_resources_are_refused() {
        let mut world = Sandbox::new();
        let id = world.create_file_system("a");
        let arn = format!("arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/{id}");
        let tag = |id: &str, key: &str| json!({"ResourceId": id, "Tags": [{"Key": key, "Value": "v"}]});
        for (id, key, code) in [
            (id.as_str(), "AWS:x", "BadRequest"),
            ("fs-01234567", "k", "FileSystemNotFound"),
            (&arn, "k", "FileSystemNotFound"),
            ("fsap-01234567", "k", "AccessPointNotFound"),
        ] {
            assert_eq!(world.refused("TagResource", tag(id, key)), code, "{id} {key}");
        }
    }
}
