//! API Gateway, whose actions are the methods of HTTP, on paths:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagement.html>.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::Asked;
use super::asked::items;
use super::needed::{Needed, Tags};
use crate::sandbox::wire;

/// What a segment of a path leaves as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'*');

pub fn needed(asked: &mut Asked<'_>) -> Option<Vec<Needed>> {
    let (method, path) = wire::way(asked.call, &encoded)?;
    let needed = Needed::new(format!("apigateway:{method}"), arn(asked, &path));
    let mut needed = vec![described(asked, &path, needed)];
    let tags = asked.tags("tags");
    match asked.call.operation.as_str() {
        "CreateRestApi" => {
            if asked.has("policy") {
                needed.push(Needed::new("apigateway:UpdateRestApiPolicy", arn(asked, "/restapis")));
            }
            needed.extend(tagging(asked, &tags, "/restapis/*"));
        }
        "CreateStage" => {
            let stage = format!("{path}/{}", asked.first("stageName").unwrap_or_default());
            needed.extend(tagging(asked, &tags, &stage));
        }
        "UpdateRestApi" if patches(asked, "/policy") => {
            let policy = Needed::new("apigateway:UpdateRestApiPolicy", arn(asked, &path));
            needed.push(described(asked, &path, policy));
        }
        _ => {}
    }
    let roles = asked.said("credentials").into_iter().chain(asked.said("authorizerCredentials"));
    needed.extend(roles.filter_map(|role| asked.pass_role(&role, "apigateway")));
    Some(needed)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The ARN of a path, which is in no account.
fn arn(asked: &Asked<'_>, path: &str) -> String {
    format!("arn:{}:apigateway:{}::{path}", asked.partition(), asked.call.region)
}

fn patches(asked: &Asked<'_>, path: &str) -> bool {
    items(&asked.call.input, "patchOperations").iter().any(|patch| patch["path"] == path)
}

/// Tags in a call that makes something are put on it as by themselves.
fn tagging(asked: &Asked<'_>, tags: &Tags, path: &str) -> Option<Needed> {
    let of = format!("/tags/{}", encoded(&arn(asked, path)));
    (!tags.is_empty()).then(|| Needed::new("apigateway:PUT", arn(asked, &of)).with_request_tags(tags))
}

/// The tags of the request, and those that the API or the stage has already.
fn described(asked: &mut Asked<'_>, path: &str, needed: Needed) -> Needed {
    let needed = needed.with_request_tags(&asked.tags("tags"));
    let keys = asked.said("tagKeys");
    let needed = if keys.is_empty() { needed } else { needed.with_tag_keys(keys) };
    let needed = match asked.call.operation.as_str() {
        "CreateRestApi" => needed
            .with("apigateway:Request/ApiName", asked.said("name"))
            .with("apigateway:Request/DisableExecuteApiEndpoint", asked.said("disableExecuteApiEndpoint"))
            .with("apigateway:Request/EndpointType", asked.said("endpointConfiguration.types")),
        "CreateAuthorizer" => needed
            .with("apigateway:Request/AuthorizerType", asked.said("type"))
            .with("apigateway:Request/AuthorizerUri", asked.said("authorizerUri")),
        "CreateDeployment" => needed.with("apigateway:Request/StageName", asked.said("stageName")),
        _ => needed,
    };
    match taggable(path) {
        Some(of) => {
            let of = arn(asked, &of);
            let tags = asked.tags_of("GetTags", json!({"resourceArn": of}), "tags");
            needed.with_resource_tags(&tags, &["aws:ResourceTag"])
        }
        None => needed,
    }
}

/// What of a path has tags: the stage, or else the API.
fn taggable(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["", "restapis", _, "stages", _, ..] => Some(parts[..5].join("/")),
        ["", "restapis", _, ..] => Some(parts[..3].join("/")),
        _ => None,
    }
}
