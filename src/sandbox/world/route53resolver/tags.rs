//! Tags of endpoints and rules, which are called by their ARNs here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Route53Resolver, invalid_parameter, invalid_request, limit_exceeded, listing, not_found, rule};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Keys and values.
pub type Tags = BTreeMap<String, String>;

/// Tags per resource.
const QUOTA: usize = 200;

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
    #[serde(default)]
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
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl Route53Resolver {
    /// Adds tags to what has this id.
    ///
    /// # Errors
    /// `InvalidTagException`, `LimitExceededException`
    pub(super) fn tag(&mut self, id: &str, tags: Vec<Tag>) -> Result<(), ApiError> {
        if tags.is_empty() {
            return Ok(());
        }
        let own = self.tags.entry(id.to_owned()).or_default();
        for tag in tags {
            if tag.key.to_ascii_lowercase().starts_with("aws:") {
                let message = format!("Tag keys starting with 'aws:' are reserved: '{}'.", tag.key);
                return Err(ApiError::new("InvalidTagException", message));
            }
            own.insert(tag.key, tag.value);
        }
        if own.len() > QUOTA {
            return Err(limit_exceeded(format!("A resource can have at most {QUOTA} tags.")));
        }
        Ok(())
    }

    pub(super) fn tag_resource(&mut self, context: &Context<'_>, request: TagResource) -> Answer {
        let id = self.id_of(context, &request.resource_arn)?.to_owned();
        self.tag(&id, request.tags)?;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, context: &Context<'_>, request: UntagResource) -> Answer {
        let id = self.id_of(context, &request.resource_arn)?;
        if let Some(tags) = self.tags.get_mut(id) {
            tags.retain(|key, _| !request.tag_keys.contains(key));
        }
        self.tags.retain(|_, tags| !tags.is_empty());
        Ok(json!({}))
    }

    pub(super) fn list_tags(&self, context: &Context<'_>, request: ListTags) -> Answer {
        let id = self.id_of(context, &request.resource_arn)?;
        let tags = self.tags.get(id).into_iter().flatten();
        let tags: Vec<Value> = tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        let mut page = listing::page("Tags", "Key", tags, request.max_results, request.next_token.as_deref())?;
        // Alone of the lists this one doesn't say how long its pages are.
        if let Some(members) = page.as_object_mut() {
            members.remove("MaxResults");
        }
        Ok(page)
    }

    /// The id in the ARN of an endpoint or rule that is there.
    fn id_of<'a>(&self, context: &Context<'_>, arn: &'a str) -> Result<&'a str, ApiError> {
        let malformed = || invalid_parameter(format!("'{arn}' is not the ARN of a Route 53 Resolver resource."));
        let (_, id) = arn.strip_prefix("arn:").and_then(|rest| rest.rsplit_once('/')).ok_or_else(malformed)?;
        if id == rule::INTERNET_RESOLVER {
            return Err(invalid_request("[RSLVR-00903] Cannot tag Auto Defined Rule."));
        }
        let is_endpoint = self.endpoints.contains_key(id) && arn == endpoint_arn(context, id);
        let is_rule = self.rules.contains_key(id) && arn == rule_arn(context, id);
        if is_endpoint || is_rule { Ok(id) } else { Err(not_found(format!("The resource '{arn}' does not exist."))) }
    }
}

/// The ARN of an endpoint of the caller.
pub fn endpoint_arn(context: &Context<'_>, id: &str) -> String {
    context.arn("route53resolver", &format!("resolver-endpoint/{id}"))
}

/// The ARN of a rule of the caller.
pub fn rule_arn(context: &Context<'_>, id: &str) -> String {
    context.arn("route53resolver", &format!("resolver-rule/{id}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn tags_are_set_by_the_create_call_changed_by_arn_and_gone_with_the_resource() {
        let mut world = Sandbox::new();
        let mut input = world.inbound();
        let before = world.standing();
        input["Tags"] = json!([{"Key": "breezeway:lab", "Value": "a"}]);
        let endpoint = world.ok("CreateResolverEndpoint", input)["ResolverEndpoint"].clone();
        let arn = &endpoint["Arn"];
        let tags = |world: &mut Sandbox| world.ok("ListTagsForResource", json!({"ResourceArn": arn}))["Tags"].clone();
        assert_eq!(tags(&mut world), json!([{"Key": "breezeway:lab", "Value": "a"}]));

        world.ok("TagResource", json!({"ResourceArn": arn, "Tags": [{"Key": "team", "Value": ""}]}));
        world.ok("UntagResource", json!({"ResourceArn": arn, "TagKeys": ["breezeway:lab", "none"]}));
        assert_eq!(tags(&mut world), json!([{"Key": "team", "Value": ""}]));

        world.ok("DeleteResolverEndpoint", json!({"ResolverEndpointId": endpoint["Id"]}));
        world.wait(61);
        assert_eq!(world.refused("ListTagsForResource", json!({"ResourceArn": arn})), "ResourceNotFoundException");
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn reserved_keys_other_regions_and_aws_own_rule_are_refused() {
        let mut world = Sandbox::new();
        let endpoint = world.create_inbound();
        let arn = format!("arn:aws:route53resolver:us-east-1:111122223333:resolver-endpoint/{endpoint}");
        let tag = |arn: &str, key: &str| json!({"ResourceArn": arn, "Tags": [{"Key": key, "Value": "v"}]});
        let autodefined = "arn:aws:route53resolver:us-east-1::autodefined-rule/rslvr-autodefined-rr-internet-resolver";
        for (arn, key, code) in [
            (arn.as_str(), "AWS:x", "InvalidTagException"),
            (&arn.replace("us-east-1", "eu-west-1"), "k", "ResourceNotFoundException"),
            (&arn.replace("resolver-endpoint", "resolver-rule"), "k", "ResourceNotFoundException"),
            ("nonsense", "k", "InvalidParameterException"),
            (autodefined, "k", "InvalidRequestException"),
        ] {
            assert_eq!(world.refused("TagResource", tag(arn, key)), code, "{arn} {key}");
        }
    }
}
