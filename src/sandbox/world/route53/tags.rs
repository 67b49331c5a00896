//! Tags of hosted zones; no create call takes any.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Route53, bare, invalid_input};
use crate::sandbox::api::Answer;

/// Tags per hosted zone.
const QUOTA: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ChangeTags {
    resource_type: String,
    resource_id: String,
    #[serde(default)]
    add_tags: Vec<Tag>,
    #[serde(default)]
    remove_tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListTags {
    resource_type: String,
    resource_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListTagsOfMany {
    resource_type: String,
    resource_ids: Vec<String>,
}

impl Route53 {
    pub(super) fn change_tags(&mut self, request: ChangeTags) -> Answer {
        self.check_kind(&request.resource_type, &request.resource_id)?;
        let tags = &mut self.zone_mut(&request.resource_id)?.tags;
        tags.retain(|key, _| !request.remove_tag_keys.contains(key));
        if let Some(tag) = request.add_tags.iter().find(|tag| tag.key.to_lowercase().starts_with("aws:")) {
            return Err(invalid_input(format!("Tag keys that begin with aws: are reserved: {}", tag.key)));
        }
        tags.extend(request.add_tags.into_iter().map(|tag| (tag.key, tag.value)));
        if tags.len() > QUOTA {
            return Err(invalid_input(format!("A hosted zone can have at most {QUOTA} tags.")));
        }
        Ok(json!({}))
    }

    pub(super) fn list_tags(&self, request: ListTags) -> Answer {
        Ok(json!({"ResourceTagSet": self.tag_set(&request.resource_type, &request.resource_id)?}))
    }

    pub(super) fn list_tags_of_many(&self, request: ListTagsOfMany) -> Answer {
        let sets = request.resource_ids.iter().map(|id| self.tag_set(&request.resource_type, id));
        Ok(json!({"ResourceTagSets": sets.collect::<Result<Vec<_>, _>>()?}))
    }

    fn tag_set(&self, kind: &str, id: &str) -> Result<Value, ApiError> {
        self.check_kind(kind, id)?;
        let tags: &BTreeMap<_, _> = &self.zone(id)?.tags;
        let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        Ok(json!({"ResourceType": kind, "ResourceId": bare(id), "Tags": tags}))
    }

    /// There are no health checks here.
    fn check_kind(&self, kind: &str, id: &str) -> Result<(), ApiError> {
        match kind {
            "hostedzone" => Ok(()),
            _ => Err(ApiError::new("NoSuchHealthCheck", format!("The specified health check {id} does not exist."))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn tags_come_and_go() {
        let mut world = Sandbox::new();
        let (zone, other) = (world.zone("a.example"), world.zone("b.example"));
        let of = |id: &str| json!({"ResourceType": "hostedzone", "ResourceId": id});
        let mut add = of(&zone);
        add["AddTags"] = json!([{"Key": "team", "Value": "a"}, {"Key": "lab", "Value": "b"}]);
        world.ok("ChangeTagsForResource", add);
        let mut remove = of(&zone);
        remove["RemoveTagKeys"] = json!(["team", "none"]);
        world.ok("ChangeTagsForResource", remove);
        let left = json!([{"Key": "lab", "Value": "b"}]);
        assert_eq!(world.ok("ListTagsForResource", of(&zone))["ResourceTagSet"]["Tags"], left);
        let many = json!({"ResourceType": "hostedzone", "ResourceIds": [zone, other]});
        let sets = world.ok("ListTagsForResources", many)["ResourceTagSets"].take();
        assert_eq!((&sets[0]["Tags"], &sets[1]["Tags"]), (&left, &json!([])));
    }

    #[test]
    fn tags_that_cannot_be_are_refused() {
        let mut world = Sandbox::new();
        let zone = world.zone("a.example");
        let reserved = json!([{"Key": "aws:x", "Value": ""}]);
        let input = json!({"ResourceType": "hostedzone", "ResourceId": zone, "AddTags": reserved});
        assert_eq!(world.refused("ChangeTagsForResource", input), "InvalidInput");
        let none = json!({"ResourceType": "hostedzone", "ResourceId": "Z1"});
        assert_eq!(world.refused("ListTagsForResource", none), "NoSuchHostedZone");
        let health_check = json!({"ResourceType": "healthcheck", "ResourceId": "1"});
        assert_eq!(world.refused("ListTagsForResource", health_check), "NoSuchHealthCheck");
    }
}
