//! Tags of APIs and stages, which are called by their ARNs here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::stage::no_stage;
use super::{ApiGateway, bad_request, no_api};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Keys and values.
pub type Tags = BTreeMap<String, String>;

/// Tags per thing.
const QUOTA: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagResource {
    resource_arn: String,
    tags: Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UntagResource {
    resource_arn: String,
    #[serde(default)]
    tag_keys: Vec<String>,
}

/// AWS does not support pages here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetTags {
    resource_arn: String,
    #[serde(rename = "position")]
    _position: Option<String>,
    #[serde(rename = "limit")]
    _limit: Option<usize>,
}

/// # Errors
/// `BadRequestException` for tags that nothing can have.
pub fn check(tags: &Tags) -> Result<(), ApiError> {
    if let Some(key) = tags.keys().find(|key| key.to_lowercase().starts_with("aws:")) {
        return Err(bad_request(format!("Tag keys that begin with aws: are reserved: {key}")));
    }
    let is_wrong =
        |(key, value): (&String, &String)| key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256;
    if tags.iter().any(is_wrong) {
        return Err(bad_request("A tag's key has 1 to 128 characters and its value at most 256."));
    }
    if tags.len() > QUOTA {
        return Err(bad_request(format!("Maximum number of tags exceeded: {QUOTA}")));
    }
    Ok(())
}

impl ApiGateway {
    pub(super) fn tag_resource(&mut self, context: &Context<'_>, request: TagResource) -> Answer {
        let tags = self.tags_of(context, &request.resource_arn)?;
        tags.extend(request.tags);
        check(tags)?;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, context: &Context<'_>, request: UntagResource) -> Answer {
        self.tags_of(context, &request.resource_arn)?.retain(|key, _| !request.tag_keys.contains(key));
        Ok(json!({}))
    }

    pub(super) fn get_tags(&mut self, context: &Context<'_>, request: GetTags) -> Answer {
        Ok(json!({"tags": self.tags_of(context, &request.resource_arn)?}))
    }

    /// The tags of an API, `arn:PARTITION:apigateway:REGION::/restapis/ID`, or of a stage, `…/stages/NAME`.
    fn tags_of(&mut self, context: &Context<'_>, arn: &str) -> Result<&mut Tags, ApiError> {
        let prefix = format!("arn:{}:apigateway:{}::/", context.partition(), context.region);
        let path: Vec<&str> = arn.strip_prefix(&prefix).map(|path| path.split('/').collect()).unwrap_or_default();
        let (id, stage) = match path.as_slice() {
            ["restapis", id] => (*id, None),
            ["restapis", id, "stages", name] => (*id, Some(*name)),
            _ => return Err(bad_request("Invalid ARN specified in the request")),
        };
        let api = self.apis.get_mut(id).ok_or_else(|| no_api(context, id))?;
        let Some(name) = stage else { return Ok(&mut api.tags) };
        Ok(&mut api.stages.get_mut(name).ok_or_else(no_stage)?.tags)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::testing::*;
    use super::*;

    fn arn(api: &Api) -> String {
        format!("arn:aws:apigateway:us-east-1::/restapis/{}", api.id)
    }

    fn tags(world: &mut Sandbox, arn: &str) -> Value {
        world.ok("GetTags", json!({"resourceArn": arn}))["tags"].take()
    }

    #[test]
    fn an_api_and_its_stage_have_tags_of_their_own() {
        let mut world = Sandbox::new();
        let api = world.deployed_api("prod");
        let (api_arn, stage_arn) = (arn(&api), format!("{}/stages/prod", arn(&api)));
        world.ok("TagResource", json!({"resourceArn": api_arn, "tags": {"a": "1", "b": "2"}}));
        world.ok("TagResource", json!({"resourceArn": stage_arn, "tags": {"c": "3"}}));
        assert_eq!(tags(&mut world, &api_arn), json!({"a": "1", "b": "2"}));
        assert_eq!(tags(&mut world, &stage_arn), json!({"c": "3"}));
        assert_eq!(world.ok("GetRestApi", json!({"restApiId": api.id}))["tags"], json!({"a": "1", "b": "2"}));
        world.ok("UntagResource", json!({"resourceArn": api_arn, "tagKeys": ["a", "none"]}));
        assert_eq!(tags(&mut world, &api_arn), json!({"b": "2"}));
    }

    #[test]
    fn what_is_not_there_has_no_tags() {
        let mut world = Sandbox::new();
        let api = world.api();
        for (arn, code) in [
            ("arn:aws:apigateway:us-east-1::/restapis/a1b2c3d4e5".to_owned(), "NotFoundException"),
            (format!("{}/stages/prod", arn(&api)), "NotFoundException"),
            (format!("{}/resources/a1b2c3", arn(&api)), "BadRequestException"),
            (arn(&api).replace("us-east-1", "eu-west-1"), "BadRequestException"),
            (api.id.clone(), "BadRequestException"),
        ] {
            let input = json!({"resourceArn": arn, "tags": {"a": "1"}});
            assert_eq!(world.refused("TagResource", input), code, "{arn}");
        }
    }

    #[test]
    fn tags_that_nothing_can_have_are_refused() {
        let mut world = Sandbox::new();
        let arn = arn(&world.api());
        let many: Tags = (0..=QUOTA).map(|number| (number.to_string(), String::new())).collect();
        for tags in [json!({"aws:lab": "a"}), json!({"a": "b".repeat(257)}), json!({"": "a"}), json!(many)] {
            let input = json!({"resourceArn": arn, "tags": tags});
            assert_eq!(world.refused("TagResource", input), "BadRequestException");
        }
    }
}
