//! Tags of functions, which are called by their ARNs here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::function::Function;
use super::name::Reference;
use super::{Lambda, invalid, not_found};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Tags per function.
const QUOTA: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TagResource {
    resource: String,
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UntagResource {
    resource: String,
    #[serde(default)]
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListTags {
    resource: String,
}

/// Refuses tags that no function can have.
pub fn check(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if let Some(key) = tags.keys().find(|key| key.to_lowercase().starts_with("aws:")) {
        return Err(invalid(format!("Tag keys that begin with aws: are reserved: {key}")));
    }
    let too_long = |(key, value): (&String, &String)| key.chars().count() > 128 || value.chars().count() > 256;
    if tags.iter().any(too_long) {
        return Err(invalid("A tag's key has at most 128 characters and its value at most 256."));
    }
    if tags.len() > QUOTA {
        return Err(invalid(format!("A function can have at most {QUOTA} tags.")));
    }
    Ok(())
}

impl Lambda {
    pub(super) fn tag_resource(&mut self, context: &Context<'_>, request: TagResource) -> Answer {
        let function = self.tagged(context, &request.resource)?;
        function.tags.extend(request.tags);
        check(&function.tags)?;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, context: &Context<'_>, request: UntagResource) -> Answer {
        self.tagged(context, &request.resource)?.tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(json!({}))
    }

    pub(super) fn list_tags(&mut self, context: &Context<'_>, request: ListTags) -> Answer {
        Ok(json!({"Tags": self.tagged(context, &request.resource)?.tags}))
    }

    /// The function with this ARN.
    fn tagged(&mut self, context: &Context<'_>, arn: &str) -> Result<&mut Function, ApiError> {
        if !arn.starts_with("arn:") {
            return Err(not_found(format!("Function not found: {arn}")));
        }
        if Reference::parse(context, arn, None).is_some_and(|reference| reference.qualifier.is_some()) {
            return Err(invalid(
                "Tags on function aliases and versions are not supported. Please specify either a function ARN, an \
                 event source mapping ARN or a code signing config ARN.",
            ));
        }
        self.function_mut(context, arn).map(|(_, function)| function)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::testing::*;
    use super::*;

    const ARN: &str = "arn:aws:lambda:us-east-1:111122223333:function:presign";

    #[test]
    fn tags_are_set_by_the_create_call_and_changed_by_arn() {
        let mut world = Sandbox::new();
        let mut input = world.function("presign");
        input["Tags"] = json!({"breezeway:lab": "a"});
        world.ok("CreateFunction", input);
        world.ok("TagResource", json!({"Resource": ARN, "Tags": {"team": "", "breezeway:lab": "b"}}));
        let tags = |world: &mut Sandbox| world.ok("ListTags", json!({"Resource": ARN}))["Tags"].take();
        assert_eq!(tags(&mut world), json!({"breezeway:lab": "b", "team": ""}));
        world.ok("UntagResource", json!({"Resource": ARN, "TagKeys": ["breezeway:lab", "none"]}));
        assert_eq!(tags(&mut world), json!({"team": ""}));
    }

    #[test]
    fn reserved_and_superfluous_tags_and_other_resources_are_refused() {
        let mut world = Sandbox::new();
        world.create("presign");
        let many: BTreeMap<_, _> = (0..51).map(|number| (format!("k{number}"), "")).collect();
        for (arn, tags, code) in [
            (ARN, json!({"AWS:x": "v"}), "InvalidParameterValueException"),
            (ARN, json!(many), "InvalidParameterValueException"),
            (ARN, json!({"x".repeat(129): "v"}), "InvalidParameterValueException"),
            (&format!("{ARN}:$LATEST"), json!({"k": "v"}), "InvalidParameterValueException"),
            (&format!("{ARN}x"), json!({"k": "v"}), "ResourceNotFoundException"),
            (&ARN.replace("us-east-1", "eu-west-1"), json!({"k": "v"}), "ResourceNotFoundException"),
            ("presign", json!({"k": "v"}), "ResourceNotFoundException"),
        ] {
            let input = json!({"Resource": arn, "Tags": tags});
            assert_eq!(world.refused("TagResource", input), code, "{arn}");
        }
        let mut input = world.function("other");
        input["Tags"] = json!({"aws:x": "v"});
        assert_eq!(world.refused("CreateFunction", input), "InvalidParameterValueException");
        let _: Value = world.ok("ListTags", json!({"Resource": ARN}));
    }
}
