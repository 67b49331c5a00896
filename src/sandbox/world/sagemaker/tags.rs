//! Tags of domains, user profiles, spaces and apps, which are called by their ARNs here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::domain::Domain;
use super::{SageMaker, invalid};
use crate::sandbox::api::{Answer, ApiError};

/// Keys and values.
pub type Tags = BTreeMap<String, String>;

/// Tags per resource.
const QUOTA: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AddTags {
    resource_arn: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteTags {
    resource_arn: String,
    #[serde(default)]
    tag_keys: Vec<String>,
}

/// One page holds all tags that a resource can have.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListTags {
    resource_arn: String,
    #[serde(rename = "MaxResults")]
    _max_results: Option<usize>,
}

/// The tags that a create call gives.
///
/// # Errors
/// As [`put`]; `ValidationException` for a key that is given twice.
pub fn of_new(tags: Vec<Tag>) -> Result<Tags, ApiError> {
    let (mut own, given) = (Tags::new(), tags.len());
    put(&mut own, tags)?;
    if own.len() < given {
        return Err(invalid("Duplicate tag keys are not allowed."));
    }
    Ok(own)
}

/// Adds tags to those that are there.
///
/// # Errors
/// `ValidationException` for a reserved key, `ResourceLimitExceeded` for too many tags.
fn put(own: &mut Tags, tags: Vec<Tag>) -> Result<(), ApiError> {
    for Tag { key, value } in tags {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(format!("Tag keys starting with 'aws:' are reserved: '{key}'.")));
        }
        own.insert(key, value);
    }
    if own.len() > QUOTA {
        let message = format!("A resource can have at most {QUOTA} tags.");
        return Err(ApiError::new("ResourceLimitExceeded", message));
    }
    Ok(())
}

fn view(tags: &Tags) -> Value {
    let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    json!({"Tags": tags})
}

impl SageMaker {
    pub(super) fn add_tags(&mut self, request: AddTags) -> Answer {
        let tags = self.tags_of(&request.resource_arn)?;
        put(tags, request.tags)?;
        Ok(view(tags))
    }

    pub(super) fn delete_tags(&mut self, request: &DeleteTags) -> Answer {
        self.tags_of(&request.resource_arn)?.retain(|key, _| !request.tag_keys.contains(key));
        Ok(json!({}))
    }

    pub(super) fn list_tags(&mut self, request: &ListTags) -> Answer {
        Ok(view(self.tags_of(&request.resource_arn)?))
    }

    fn tags_of(&mut self, arn: &str) -> Result<&mut Tags, ApiError> {
        let found = self.domains.values_mut().find_map(|domain| domain.tags_of(arn));
        found.ok_or_else(|| ApiError::new("ResourceNotFound", format!("The resource [{arn}] does not exist.")))
    }
}

impl Domain {
    /// The tags of the domain, or of what is in it.
    fn tags_of(&mut self, arn: &str) -> Option<&mut Tags> {
        if arn == self.arn {
            return Some(&mut self.tags);
        }
        let (prefix, id) = self.arn.split_once(":domain/")?;
        let (kind, path) = arn.strip_prefix(prefix)?.strip_prefix(':')?.split_once('/')?;
        let key = path.strip_prefix(id)?.strip_prefix('/')?;
        match kind {
            "user-profile" => self.user_profiles.get_mut(key).map(|profile| &mut profile.tags),
            "space" => self.spaces.get_mut(key).map(|space| &mut space.tags),
            "app" => self.apps.get_mut(key).map(|app| &mut app.tags),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn every_kind_takes_tags_and_only_list_tags_shows_them() {
        let mut world = Sandbox::new();
        let tags = json!([{"Key": "breezeway:lab", "Value": "a"}]);
        let mut input = world.domain_input();
        input["Tags"] = tags.clone();
        let made = world.ok("CreateDomain", input);
        world.wait(120);
        let id = &made["DomainId"];
        let profile = json!({"DomainId": id, "UserProfileName": "Alice", "Tags": tags});
        let profile = world.ok("CreateUserProfile", profile)["UserProfileArn"].clone();
        world.wait(5);
        let space = json!({"DomainId": id, "SpaceName": "lab", "Tags": tags});
        let space = world.ok("CreateSpace", space)["SpaceArn"].clone();
        world.wait(5);
        let app = json!({"AppType": "JupyterLab", "AppName": "default", "Tags": tags});
        let mut app_input = json!({"DomainId": id, "SpaceName": "lab"});
        app_input.as_object_mut().unwrap().extend(app.as_object().unwrap().clone());
        let app = world.ok("CreateApp", app_input)["AppArn"].clone();
        for arn in [&made["DomainArn"], &profile, &space, &app] {
            assert_eq!(world.ok("ListTags", json!({"ResourceArn": arn}))["Tags"], tags, "{arn}");
        }
        assert_eq!(world.ok("DescribeDomain", json!({"DomainId": id})).get("Tags"), None);
    }

    #[test]
    fn tags_are_added_replaced_and_deleted() {
        let mut world = Sandbox::new();
        let arn = world.ok("CreateDomain", world.domain_input())["DomainArn"].clone();
        let add = |value: &str| json!({"ResourceArn": arn, "Tags": [{"Key": "team", "Value": value}]});
        world.ok("AddTags", add("a"));
        assert_eq!(world.ok("AddTags", add("b")), json!({"Tags": [{"Key": "team", "Value": "b"}]}));
        world.ok("DeleteTags", json!({"ResourceArn": arn, "TagKeys": ["team", "none"]}));
        assert_eq!(world.ok("ListTags", json!({"ResourceArn": arn})), json!({"Tags": []}));

        let reserved = json!({"ResourceArn": arn, "Tags": [{"Key": "AWS:x", "Value": "v"}]});
        assert_eq!(world.refused("AddTags", reserved), "ValidationException");
        let elsewhere = arn.as_str().unwrap().replace("us-east-1", "eu-west-1");
        assert_eq!(world.refused("ListTags", json!({"ResourceArn": elsewhere})), "ResourceNotFound");
        let many: Vec<_> = (0..51).map(|n| json!({"Key": format!("k{n}"), "Value": ""})).collect();
        assert_eq!(world.refused("AddTags", json!({"ResourceArn": arn, "Tags": many})), "ResourceLimitExceeded");
        let mut twice = world.domain_input();
        twice["Tags"] = json!([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]);
        assert_eq!(world.refused("CreateDomain", twice), "ValidationException");
    }
}
