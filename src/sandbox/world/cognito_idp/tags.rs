//! Tags of user pools.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::pool::UserPool;
use super::{CognitoIdp, invalid, not_found};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Tags per user pool.
const QUOTA: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TagResource {
    resource_arn: String,
    tags: BTreeMap<String, String>,
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

/// The ARN of a pool.
pub fn pool_arn(context: &Context<'_>, id: &str) -> String {
    context.arn("cognito-idp", &format!("userpool/{id}"))
}

/// Refuses tags that no pool can have.
pub fn check(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if let Some(key) = tags.keys().find(|key| key.to_lowercase().starts_with("aws:")) {
        return Err(invalid(format!("Tag keys that begin with aws: are reserved: {key}")));
    }
    if tags.len() > QUOTA {
        return Err(invalid(format!("A user pool can have at most {QUOTA} tags.")));
    }
    Ok(())
}

impl CognitoIdp {
    pub(super) fn tag_resource(&mut self, context: &Context<'_>, request: TagResource) -> Answer {
        let tags = &mut self.by_arn(context, &request.resource_arn)?.settings.user_pool_tags;
        tags.extend(request.tags);
        check(tags)?;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, context: &Context<'_>, request: UntagResource) -> Answer {
        let tags = &mut self.by_arn(context, &request.resource_arn)?.settings.user_pool_tags;
        tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(json!({}))
    }

    pub(super) fn list_resource_tags(&mut self, context: &Context<'_>, request: ListTags) -> Answer {
        Ok(json!({"Tags": self.by_arn(context, &request.resource_arn)?.settings.user_pool_tags}))
    }

    fn by_arn(&mut self, context: &Context<'_>, arn: &str) -> Result<&mut UserPool, ApiError> {
        let Some(id) = arn.strip_prefix(&pool_arn(context, "")) else {
            return Err(not_found(format!("Resource {arn} does not exist.")));
        };
        self.pool_mut(id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn tags_are_set_by_the_create_call_and_changed_by_arn() {
        let mut world = Sandbox::new();
        let pool = world.ok("CreateUserPool", json!({"PoolName": "p", "UserPoolTags": {"breezeway:lab": "a"}}));
        let arn = &pool["UserPool"]["Arn"];
        world.ok("TagResource", json!({"ResourceArn": arn, "Tags": {"breezeway:lab": "b", "team": ""}}));
        let all = json!({"Tags": {"breezeway:lab": "b", "team": ""}});
        assert_eq!(world.ok("ListTagsForResource", json!({"ResourceArn": arn})), all);
        world.ok("UntagResource", json!({"ResourceArn": arn, "TagKeys": ["team", "none"]}));
        assert_eq!(
            world.ok("ListTagsForResource", json!({"ResourceArn": arn})),
            json!({"Tags": {"breezeway:lab": "b"}})
        );
    }

    #[test]
    fn reserved_and_superfluous_tags_and_unknown_pools_are_refused() {
        let mut world = Sandbox::with_pool();
        let arn = format!("arn:aws:cognito-idp:us-east-1:111122223333:userpool/{}", world.pool);
        let many: BTreeMap<_, _> = (0..51).map(|number| (format!("k{number}"), "")).collect();
        for (arn, tags, code) in [
            (arn.clone(), json!(many), "InvalidParameterException"),
            (arn.clone(), json!({"AWS:x": ""}), "InvalidParameterException"),
            (format!("{arn}x"), json!({}), "ResourceNotFoundException"),
            (arn.replace("us-east-1:", "eu-west-1:"), json!({}), "ResourceNotFoundException"),
        ] {
            assert_eq!(world.refused("TagResource", json!({"ResourceArn": arn, "Tags": tags})), code, "{arn}");
        }
        assert_eq!(
            world.refused("CreateUserPool", json!({"PoolName": "p", "UserPoolTags": {"aws:x": ""}})),
            "InvalidParameterException"
        );
    }
}
