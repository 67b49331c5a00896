//! IAM: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>.

use serde_json::{Value, json};

use super::Asked;
use super::asked::said;
use super::needed::{Needed, Tags};

pub fn needed(asked: &mut Asked<'_>) -> Option<Vec<Needed>> {
    Some(match asked.call.operation.as_str() {
        "AttachRolePolicy" | "DetachRolePolicy" => {
            let policy = asked.said("PolicyArn");
            on_principal(asked, |needed| needed.with("iam:PolicyARN", policy))
        }
        "DeleteRolePermissionsBoundary" | "DeleteRolePolicy" | "PutRolePolicy" => on_principal(asked, |needed| needed),
        "PutRolePermissionsBoundary" => {
            let boundary = asked.said("PermissionsBoundary");
            on_principal(asked, |needed| needed.with("iam:PermissionsBoundary", boundary))
        }
        "DeleteRole"
        | "GetRole"
        | "GetRolePolicy"
        | "ListAttachedRolePolicies"
        | "ListInstanceProfilesForRole"
        | "ListRolePolicies"
        | "ListRoleTags"
        | "UpdateAssumeRolePolicy"
        | "UpdateRole"
        | "UpdateRoleDescription" => vec![on_role(asked).0],
        "TagRole" => vec![on_role(asked).0.with_request_tags(&asked.tags("Tags"))],
        "UntagRole" => vec![on_role(asked).0.with_tag_keys(asked.said("TagKeys"))],
        "CreateRole" => {
            let role = asked.iam_arn(&format!("role{}{}", path(asked, "Path"), name(asked, "RoleName")));
            let boundary = asked.said("PermissionsBoundary");
            made(asked, role, "TagRole", |needed| needed.with("iam:PermissionsBoundary", boundary))
        }
        "CreateInstanceProfile" => {
            let name = name(asked, "InstanceProfileName");
            let profile = asked.iam_arn(&format!("instance-profile{}{name}", path(asked, "Path")));
            made(asked, profile, "TagInstanceProfile", |needed| needed)
        }
        "CreatePolicy" => {
            let policy = asked.iam_arn(&format!("policy{}{}", path(asked, "Path"), name(asked, "PolicyName")));
            made(asked, policy, "TagPolicy", |needed| needed)
        }
        "DeleteInstanceProfile"
        | "GetInstanceProfile"
        | "ListInstanceProfileTags"
        | "RemoveRoleFromInstanceProfile" => vec![on_profile(asked)],
        "TagInstanceProfile" => vec![on_profile(asked).with_request_tags(&asked.tags("Tags"))],
        "UntagInstanceProfile" => vec![on_profile(asked).with_tag_keys(asked.said("TagKeys"))],
        "AddRoleToInstanceProfile" => {
            let role = role(asked)["Arn"].as_str().map(str::to_owned);
            let role = role.unwrap_or_else(|| asked.iam_arn(&format!("role/{}", name(asked, "RoleName"))));
            // Which instances will have it, nobody knows:
            // <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html>.
            let instances = format!("arn:{}:ec2:*:{}:instance/*", asked.partition(), asked.call.account);
            let passed = asked.pass_role(&role, "ec2");
            let passed = passed.map(|needed| needed.with("iam:AssociatedResourceArn", [instances]));
            std::iter::once(on_profile(asked)).chain(passed).collect()
        }
        "DeletePolicy" | "GetPolicy" | "GetPolicyVersion" => vec![on_policy(asked)],
        "ListInstanceProfiles" => {
            let under = path(asked, "PathPrefix");
            vec![Needed::new(asked.action(), asked.iam_arn(&format!("instance-profile{under}")))]
        }
        "ListPolicies" | "ListRoles" | "SimulateCustomPolicy" => vec![Needed::new(asked.action(), "*")],
        "SimulatePrincipalPolicy" => vec![Needed::new(asked.action(), name(asked, "PolicySourceArn"))],
        _ => return None,
    })
}

fn name(asked: &Asked<'_>, member: &str) -> String {
    asked.first(member).unwrap_or_default()
}

fn path(asked: &Asked<'_>, member: &str) -> String {
    asked.first(member).unwrap_or_else(|| "/".to_owned())
}

/// An action on what the call makes, and the permission to tag it where it does:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags_roles.html>.
fn made(asked: &Asked<'_>, arn: String, tag: &str, more: impl FnOnce(Needed) -> Needed) -> Vec<Needed> {
    let tags = asked.tags("Tags");
    let make = more(Needed::new(asked.action(), &arn)).with_request_tags(&tags);
    let tag = (!tags.is_empty()).then(|| Needed::new(format!("iam:{tag}"), arn).with_request_tags(&tags));
    std::iter::once(make).chain(tag).collect()
}

/// The role that the call names.
fn role(asked: &mut Asked<'_>) -> Value {
    let name = name(asked, "RoleName");
    asked.read("iam", "GetRole", json!({"RoleName": name}))["Role"].take()
}

/// The operation's action on a role, and the role's boundary.
fn on_role(asked: &mut Asked<'_>) -> (Needed, Vec<String>) {
    let role = role(asked);
    let unknown = || asked.iam_arn(&format!("role/{}", name(asked, "RoleName")));
    let arn = role["Arn"].as_str().map_or_else(unknown, str::to_owned);
    let tags = Tags::read(&role["Tags"]);
    let needed = Needed::new(asked.action(), arn).with_resource_tags(&tags, &["aws:ResourceTag", "iam:ResourceTag"]);
    (needed, said(&role, "PermissionsBoundary.PermissionsBoundaryArn"))
}

/// The same where what the role may do changes: its boundary is known then.
fn on_principal(asked: &mut Asked<'_>, more: impl FnOnce(Needed) -> Needed) -> Vec<Needed> {
    let (needed, boundary) = on_role(asked);
    vec![more(needed.with("iam:PermissionsBoundary", boundary))]
}

fn on_profile(asked: &mut Asked<'_>) -> Needed {
    let name = name(asked, "InstanceProfileName");
    let profile = asked.read("iam", "GetInstanceProfile", json!({"InstanceProfileName": name}));
    let profile = &profile["InstanceProfile"];
    let unknown = || asked.iam_arn(&format!("instance-profile/{name}"));
    let arn = profile["Arn"].as_str().map_or_else(unknown, str::to_owned);
    with_tags(Needed::new(asked.action(), arn), profile)
}

fn on_policy(asked: &mut Asked<'_>) -> Needed {
    let arn = name(asked, "PolicyArn");
    let policy = asked.read("iam", "GetPolicy", json!({"PolicyArn": arn}));
    with_tags(Needed::new(asked.action(), arn), &policy["Policy"])
}

fn with_tags(needed: Needed, of: &Value) -> Needed {
    needed.with_resource_tags(&Tags::read(&of["Tags"]), &["aws:ResourceTag"])
}
