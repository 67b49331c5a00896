//! Systems Manager, of which the sandbox has parameters:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html>.

use serde_json::json;

use super::Asked;
use super::needed::Needed;

pub fn needed(asked: &mut Asked<'_>) -> Option<Vec<Needed>> {
    Some(match asked.call.operation.as_str() {
        "DeleteParameter" | "GetParameter" => on_each(asked, "Name"),
        "DeleteParameters" | "GetParameters" => on_each(asked, "Names"),
        "GetParametersByPath" => {
            let recursive = asked.first("Recursive").unwrap_or_else(|| "false".to_owned());
            let on = |needed: Needed| needed.with("ssm:Recursive", [recursive.as_str()]);
            on_each(asked, "Path").into_iter().map(on).collect()
        }
        "DescribeParameters" => vec![Needed::new(asked.action(), "*")],
        "PutParameter" => put(asked),
        "AddTagsToResource" => {
            let tags = asked.tags("Tags");
            on_each(asked, "ResourceId").into_iter().map(|needed| needed.with_request_tags(&tags)).collect()
        }
        "RemoveTagsFromResource" => {
            let keys = asked.said("TagKeys");
            on_each(asked, "ResourceId").into_iter().map(|needed| needed.with_tag_keys(keys.clone())).collect()
        }
        "ListTagsForResource" => on_each(asked, "ResourceId"),
        _ => return None,
    })
}

/// A parameter's ARN, which has one slash before a name that begins with one. AWS's own parameters are in no account.
pub fn parameter(asked: &Asked<'_>, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    // A name may say which version or label is meant.
    let name = name.split(':').next().unwrap_or(name);
    let resource = format!("parameter/{}", name.strip_prefix('/').unwrap_or(name));
    if name.starts_with("/aws/service/") {
        return format!("arn:{}:ssm:{}::{resource}", asked.partition(), asked.call.region);
    }
    asked.arn("ssm", &resource)
}

fn on_each(asked: &mut Asked<'_>, member: &str) -> Vec<Needed> {
    asked.said(member).iter().map(|name| on(asked, name)).collect()
}

/// The operation's action on a parameter.
fn on(asked: &mut Asked<'_>, name: &str) -> Needed {
    let needed = Needed::new(asked.action(), parameter(asked, name));
    if asked.call.operation == "GetParametersByPath" || name.starts_with("/aws/service/") {
        return needed;
    }
    let plain = name.split(':').next().unwrap_or(name);
    let input = json!({"ResourceType": "Parameter", "ResourceId": plain});
    let tags = asked.tags_of("ListTagsForResource", input, "TagList");
    needed.with_resource_tags(&tags, &["aws:ResourceTag", "ssm:resourceTag"])
}

/// Tags in the same call need the permission to tag as well:
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html>.
fn put(asked: &mut Asked<'_>) -> Vec<Needed> {
    let tags = asked.tags("Tags");
    let overwrite = asked.first("Overwrite").unwrap_or_else(|| "false".to_owned());
    let mut needed = Vec::new();
    for put in on_each(asked, "Name") {
        let put = put.with("ssm:Overwrite", [overwrite.as_str()]).with("ssm:Policies", asked.said("Policies"));
        let tag = Needed::new("ssm:AddTagsToResource", &put.resource).with_request_tags(&tags);
        needed.push(put.with_request_tags(&tags));
        needed.extend((!tags.is_empty()).then_some(tag));
    }
    needed
}
