//! Tags of everything that has an id.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::filter::Listing;
use super::{Ec2, Input, KINDS, Kind, Operation, invalid, missing_parameter};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "CreateTags", members: &["Resources", "Tags"], run: Ec2::create_tags },
    Operation { name: "DeleteTags", members: &["Resources", "Tags"], run: Ec2::delete_tags },
    Operation { name: "DescribeTags", members: &["Filters", "MaxResults", "NextToken"], run: Ec2::describe_tags },
];

const LISTING: Listing = Listing {
    ids: None,
    result: "Tags",
    key: &["ResourceId", "Key"],
    most: 1000,
    filters: &[("key", "Key"), ("resource-id", "ResourceId"), ("resource-type", "ResourceType"), ("value", "Value")],
};

const MAX_TAGS: usize = 50;
const MAX_RESOURCES: usize = 1000;

/// Keys and values.
pub type Tags = BTreeMap<String, String>;

/// The tags that a create call asks for on a thing of this kind.
///
/// # Errors
/// Another resource type than the kind's, a type named twice, or what [`parse`] refuses.
pub fn from_specifications(input: Input<'_>, kind: &Kind) -> Result<Tags, ApiError> {
    Ok(by_resource_type(input, &[kind])?.remove(kind.resource_type).unwrap_or_default())
}

/// The tags that a create call asks for on things of several kinds, by resource type.
///
/// # Errors
/// As [`from_specifications`].
pub fn by_resource_type<'a>(input: Input<'a>, kinds: &[&Kind]) -> Result<BTreeMap<&'a str, Tags>, ApiError> {
    let mut tags = BTreeMap::new();
    for specification in input.list("TagSpecifications").iter().map(Input) {
        let resource_type = specification.required("ResourceType")?;
        if !kinds.iter().any(|kind| kind.resource_type == resource_type) {
            let message = format!("'{resource_type}' is not a valid taggable resource type for this operation.");
            return Err(invalid(message));
        }
        if specification.list("Tags").is_empty() {
            return Err(invalid("Tag specification must have at least one tag"));
        }
        if tags.insert(resource_type, parse(specification.list("Tags"))?).is_some() {
            return Err(invalid(format!("The resource type '{resource_type}' is specified more than once.")));
        }
    }
    Ok(tags)
}

/// Reads a list of `{Key, Value}`; a missing value is empty.
fn parse(list: &[Value]) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for tag in list.iter().map(Input) {
        let key = tag.required("Key")?;
        let value = tag.text("Value").unwrap_or_default();
        refuse_reserved(key)?;
        if key.chars().count() > 128 {
            return Err(invalid("Tag key exceeds the maximum length of 128 characters"));
        }
        if value.chars().count() > 256 {
            return Err(invalid("Tag value exceeds the maximum length of 256 characters"));
        }
        if tags.insert(key.into(), value.into()).is_some() {
            return Err(invalid(format!("Duplicate tag key '{key}' specified.")));
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(limit_exceeded());
    }
    Ok(tags)
}

fn refuse_reserved(key: &str) -> Result<(), ApiError> {
    if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
        let message = format!("Invalid tag key '{key}'. Tag keys starting with 'aws:' are reserved for internal use.");
        return Err(invalid(message));
    }
    Ok(())
}

fn limit_exceeded() -> ApiError {
    ApiError::new("TagLimitExceeded", format!("More than {MAX_TAGS} tags specified"))
}

fn kind_of(id: &str) -> Option<&'static Kind> {
    let (prefix, _) = id.rsplit_once('-')?;
    KINDS.iter().find(|kind| kind.prefix == prefix).copied()
}

impl Ec2 {
    /// Gives a new thing its tags.
    pub fn tag(&mut self, id: &str, tags: Tags) {
        if !tags.is_empty() {
            self.tags.insert(id.to_owned(), tags);
        }
    }

    /// A thing's tags as they are answered.
    pub(super) fn tags_view(&self, id: &str) -> Value {
        self.tags.get(id).into_iter().flatten().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
    }

    /// Forgets the tags of what is gone.
    pub(super) fn drop_stray_tags(&mut self) {
        let mut tags = std::mem::take(&mut self.tags);
        tags.retain(|id, _| kind_of(id).is_some_and(|kind| self.holds(kind, id)));
        self.tags = tags;
    }

    fn tagged_resources<'a>(&self, input: Input<'a>) -> Result<Vec<&'a str>, ApiError> {
        let ids = input.texts("Resources");
        if ids.is_empty() {
            return Err(missing_parameter("ResourceIdSet"));
        }
        if ids.len() > MAX_RESOURCES {
            return Err(invalid(format!("More than {MAX_RESOURCES} resources specified")));
        }
        for id in &ids {
            let kind = kind_of(id).ok_or_else(|| ApiError::new("InvalidID", format!("The ID '{id}' is not valid")))?;
            kind.check(id)?;
            if !self.holds(kind, id) {
                return Err(kind.missing(id));
            }
        }
        Ok(ids)
    }

    fn create_tags(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let ids = self.tagged_resources(input)?;
        let new = parse(input.list("Tags"))?;
        if new.is_empty() {
            return Err(missing_parameter("TagSet"));
        }
        for id in ids {
            let tags = self.tags.entry(id.to_owned()).or_default();
            tags.extend(new.clone());
            if tags.len() > MAX_TAGS {
                return Err(limit_exceeded());
            }
        }
        Ok(json!({}))
    }

    fn delete_tags(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let ids = self.tagged_resources(input)?;
        let doomed = input.list("Tags");
        for tag in doomed.iter().map(Input) {
            refuse_reserved(tag.required("Key")?)?;
        }
        for id in ids {
            let Some(tags) = self.tags.get_mut(id) else { continue };
            tags.retain(|key, value| {
                let matches = |tag: Input<'_>| {
                    tag.text("Key") == Some(key) && tag.text("Value").is_none_or(|wanted| wanted == value)
                };
                !doomed.is_empty() && !doomed.iter().map(Input).any(matches)
            });
            if tags.is_empty() {
                self.tags.remove(id);
            }
        }
        Ok(json!({}))
    }

    fn describe_tags(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let mut views = Vec::new();
        for (id, tags) in &self.tags {
            let resource_type = kind_of(id).map_or("", |kind| kind.resource_type);
            let view =
                |(key, value)| json!({"Key": key, "Value": value, "ResourceId": id, "ResourceType": resource_type});
            views.extend(tags.iter().map(view));
        }
        LISTING.answer(input, views)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_create_call_sets_tags_of_its_own_resource_type_only() {
        let mut world = Sandbox::new();
        let create = |kind: &str, tags: Value| {
            let specifications = json!([{"ResourceType": kind, "Tags": tags}]);
            json!({"CidrBlock": "10.0.0.0/16", "TagSpecifications": specifications})
        };
        let name = json!([{"Key": "Name", "Value": "studio"}]);
        let vpc = world.ok("CreateVpc", create("vpc", name.clone()));
        assert_eq!(vpc["Vpc"]["Tags"], name);
        assert_eq!(world.refused("CreateVpc", create("subnet", name.clone())), "InvalidParameterValue");
        assert_eq!(world.refused("CreateVpc", create("vpc", json!([]))), "InvalidParameterValue");
        let twice = json!([{"Key": "Name", "Value": "a"}, {"Key": "Name", "Value": "b"}]);
        assert_eq!(world.refused("CreateVpc", create("vpc", twice)), "InvalidParameterValue");
        let reserved = json!([{"Key": "aws:name", "Value": "a"}]);
        assert_eq!(world.refused("CreateVpc", create("vpc", reserved)), "InvalidParameterValue");
    }

    #[test]
    fn tags_are_set_and_replaced_on_all_ids_or_on_none() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let group = world.group(&vpc, "web");
        let set = |ids: Value, value: &str| json!({"Resources": ids, "Tags": [{"Key": "Name", "Value": value}]});
        world.ok("CreateTags", set(json!([vpc, group]), "one"));
        world.ok("CreateTags", set(json!([vpc]), "two"));
        let gone = set(json!([vpc, "subnet-0123456789abcdef0"]), "three");
        assert_eq!(world.refused("CreateTags", gone), "InvalidSubnetID.NotFound");
        assert_eq!(world.refused("CreateTags", set(json!(["nonsense"]), "three")), "InvalidID");
        let tags = world.ok("DescribeTags", json!({"Filters": [{"Name": "key", "Values": ["Name"]}]}));
        let mut values: Vec<_> =
            tags["Tags"].as_array().unwrap().iter().map(|tag| tag["Value"].as_str().unwrap()).collect();
        values.sort_unstable();
        assert_eq!(values, ["one", "two"]);
    }

    #[test]
    fn a_rule_takes_tags_too() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let group = world.group(&vpc, "web");
        let rules =
            world.ok("DescribeSecurityGroupRules", json!({"Filters": [{"Name": "group-id", "Values": [group]}]}));
        let rule = rules["SecurityGroupRules"][0]["SecurityGroupRuleId"].clone();
        world.ok("CreateTags", json!({"Resources": [rule], "Tags": [{"Key": "a", "Value": "b"}]}));
        let typed = json!({"Filters": [{"Name": "resource-type", "Values": ["security-group-rule"]}]});
        assert_eq!(world.ok("DescribeTags", typed)["Tags"][0]["ResourceId"], rule);
    }

    #[test]
    fn a_tag_is_deleted_by_key_or_by_key_and_value() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        world.ok(
            "CreateTags",
            json!({"Resources": [vpc], "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]}),
        );
        let mut left_after = |doomed: Value| {
            world.ok("DeleteTags", json!({"Resources": [vpc], "Tags": doomed}));
            world.ok("DescribeTags", json!({}))["Tags"].as_array().unwrap().len()
        };
        assert_eq!(left_after(json!([{"Key": "a", "Value": "other"}])), 2);
        assert_eq!(left_after(json!([{"Key": "a", "Value": "1"}])), 1);
        assert_eq!(left_after(json!([{"Key": "b"}])), 0);
    }

    #[test]
    fn tags_are_found_by_their_key_and_value() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        world.ok("CreateTags", json!({"Resources": [vpc], "Tags": [{"Key": "lab", "Value": "skeleton"}]}));
        for (name, value, found) in [
            ("tag:lab", "skel*", 1),
            ("tag:lab", "other", 0),
            ("tag:Lab", "skeleton", 0),
            ("value", "s?eleton", 1),
            ("resource-type", "vpc", 1),
        ] {
            let tags = world.ok("DescribeTags", json!({"Filters": [{"Name": name, "Values": [value]}]}));
            assert_eq!(tags["Tags"].as_array().unwrap().len(), found, "{name} {value}");
        }
        let of_kind = json!({"Filters": [
            {"Name": "tag-key", "Values": ["lab"]},
            {"Name": "tag:lab", "Values": ["x", "skeleton"]},
        ]});
        assert_eq!(world.ok("DescribeVpcs", of_kind)["Vpcs"][0]["VpcId"], *vpc);
    }

    #[test]
    fn a_resource_takes_fifty_tags() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let tags = |range: std::ops::Range<u32>| {
            let tags: Vec<_> = range.map(|n| json!({"Key": format!("k{n}"), "Value": ""})).collect();
            json!({"Resources": [vpc], "Tags": tags})
        };
        world.ok("CreateTags", tags(0..50));
        world.ok("CreateTags", tags(0..50));
        assert_eq!(world.refused("CreateTags", tags(50..51)), "TagLimitExceeded");
    }

    #[test]
    fn tags_go_with_what_carried_them() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        world.ok("CreateTags", json!({"Resources": [vpc], "Tags": [{"Key": "a", "Value": "b"}]}));
        world.ok("DeleteVpc", json!({"VpcId": vpc}));
        assert_eq!(world.ok("DescribeTags", json!({}))["Tags"], json!([]));
    }
}
