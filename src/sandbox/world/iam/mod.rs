//! IAM of one account: roles, instance profiles and policies.

mod instance_profile;
mod managed;
pub mod policy;
mod service_linked;
mod service_role;
mod session;
mod simulate;
#[cfg(test)]
mod testing;

use super::sts::caller_arn;
use super::{Context, durations};
use crate::sandbox::api::{Answer, ApiError, Call};
use base64::{Engine, prelude::BASE64_STANDARD};
use instance_profile::InstanceProfile;
pub use instance_profile::ProfileRef;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use policy::Kind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
pub use service_linked::{SAGEMAKER_NOTEBOOKS, ServiceLinkedRole};
pub use service_role::ServiceRole;
pub use session::Identity;
use std::collections::{BTreeMap, BTreeSet};

const MAX_ROLES: usize = 1000;
const MAX_POLICIES: usize = 1500;
const MAX_ATTACHED: usize = 10;
const MAX_TAGS: usize = 50;
/// Sizes of policy documents, in characters that aren't white space.
const MAX_TRUST_SIZE: usize = 2048;
const MAX_INLINE_SIZE: usize = 10_240;
const MAX_MANAGED_SIZE: usize = 6144;

/// What RFC 3986 leaves unreserved stays as it is in the documents that IAM returns.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The roles, instance profiles and policies of one account. IAM's names ignore case, so the keys are in lower case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Iam {
    roles: BTreeMap<String, Role>,
    profiles: BTreeMap<String, InstanceProfile>,
    /// The customer's own managed policies.
    policies: BTreeMap<String, Policy>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Role {
    name: String,
    path: String,
    id: String,
    created: Timestamp,
    trust: String,
    description: Option<String>,
    max_session: i64,
    boundary: Option<String>,
    tags: Vec<Tag>,
    inline: BTreeMap<String, InlinePolicy>,
    /// ARNs.
    attached: BTreeSet<String>,
    /// When other services have heard of it.
    #[serde(default)]
    known_at: Timestamp,
    /// When other services have heard that it has a policy, by the policy's ARN or key.
    #[serde(default)]
    policies_known_at: BTreeMap<String, Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct InlinePolicy {
    name: String,
    document: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Policy {
    name: String,
    path: String,
    id: String,
    created: Timestamp,
    document: String,
    description: Option<String>,
    tags: Vec<Tag>,
    /// Whether AWS manages it; those are not stored.
    #[serde(skip)]
    by_aws: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

/// The members that these operations take; the wire has checked which of them each requires, and their patterns.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    role_name: String,
    instance_profile_name: String,
    policy_name: String,
    policy_arn: String,
    path: Option<String>,
    assume_role_policy_document: String,
    policy_document: String,
    description: Option<String>,
    max_session_duration: Option<i64>,
    permissions_boundary: Option<String>,
    tags: Vec<Tag>,
    tag_keys: Vec<String>,
    version_id: String,
    scope: Option<String>,
    only_attached: bool,
    policy_usage_filter: Option<String>,
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<usize>,
}

/// Where the account's ARNs begin: `aws`, `111122223333`.
struct Owner<'a> {
    partition: &'a str,
    account: &'a str,
}

impl Iam {
    /// Answers one call of IAM.
    pub fn handle(&mut self, context: &mut Context<'_>, call: &Call) -> Answer {
        let input: Input = serde_json::from_value(call.input.clone())
            .map_err(|error| ApiError::new("ValidationError", error.to_string()))?;
        let owner = Owner { partition: context.partition(), account: context.account };
        match call.operation.as_str() {
            "CreateRole" => self.create_role(context, &owner, input),
            "GetRole" => self.role(&input).map(|role| json!({ "Role": role.described(&owner) })),
            "ListRoles" => self.list_roles(&owner, &input),
            "DeleteRole" => self.delete_role(&input),
            "UpdateRole" => self.update_role(input),
            "UpdateRoleDescription" => self.update_description(&owner, input),
            "UpdateAssumeRolePolicy" => self.update_trust(context, &owner, input),
            "PutRolePolicy" => self.put_inline(context, input),
            "GetRolePolicy" => self.get_inline(&input),
            "ListRolePolicies" => self.list_inline(&input),
            "DeleteRolePolicy" => self.delete_inline(&input),
            "AttachRolePolicy" => self.attach(context, &owner, input),
            "DetachRolePolicy" => self.detach(&owner, &input),
            "ListAttachedRolePolicies" => self.list_attached(&input),
            "TagRole" => self.tag_role(input),
            "UntagRole" => self.untag_role(&input),
            "ListRoleTags" => self.list_tags(&input),
            "PutRolePermissionsBoundary" => self.put_boundary(&owner, input),
            "DeleteRolePermissionsBoundary" => self.delete_boundary(&input),
            "CreatePolicy" => self.create_policy(context, &owner, input),
            "GetPolicy" => self.get_policy(&owner, &input),
            "GetPolicyVersion" => self.get_policy_version(&owner, &input),
            "ListPolicies" => self.list_policies(&owner, &input),
            "DeletePolicy" => self.delete_policy(&owner, &input),
            "SimulatePrincipalPolicy" => self.simulate_principal(&owner, &caller_arn(context), call, &input),
            "SimulateCustomPolicy" => self.simulate_custom(&caller_arn(context), call, &input),
            _ => self.handle_profiles(context, &owner, call, input),
        }
    }

    /// Everything that stands in the account, but for what AWS's services keep there for themselves.
    pub fn standing(&self, _now: Timestamp) -> Value {
        let mut iam = self.clone();
        iam.roles.retain(|_, role| !role.is_service_linked());
        json!(iam)
    }

    fn role(&self, input: &Input) -> Result<&Role, ApiError> {
        self.roles.get(&input.role_name.to_lowercase()).ok_or_else(|| no_role(&input.role_name))
    }

    /// The role that a call is about to change.
    fn role_mut(&mut self, input: &Input) -> Result<&mut Role, ApiError> {
        let role = self.roles.get_mut(&input.role_name.to_lowercase()).ok_or_else(|| no_role(&input.role_name))?;
        role.check_unprotected()?;
        Ok(role)
    }

    fn create_role(&mut self, context: &mut Context<'_>, owner: &Owner<'_>, input: Input) -> Answer {
        let path = checked_path(input.path)?;
        service_linked::check_free(&path)?;
        self.check_trust(owner, &input.assume_role_policy_document)?;
        let max_session = input.max_session_duration.unwrap_or(3600);
        check_max_session(max_session)?;
        check_tags(&input.tags)?;
        if let Some(arn) = &input.permissions_boundary {
            self.check_boundary(owner, arn)?;
        }
        let key = input.role_name.to_lowercase();
        if self.roles.contains_key(&key) {
            return Err(exists(format!("Role with name {} already exists.", input.role_name)));
        }
        if self.roles.len() >= MAX_ROLES {
            return Err(over_quota("RolesPerAccount", MAX_ROLES));
        }
        let role = Role {
            name: input.role_name,
            path,
            id: context.dice.iam_id("AROA"),
            created: context.now,
            trust: input.assume_role_policy_document,
            description: input.description,
            max_session,
            boundary: input.permissions_boundary,
            tags: input.tags,
            inline: BTreeMap::new(),
            attached: BTreeSet::new(),
            known_at: context.due(durations::ROLE_KNOWN),
            policies_known_at: BTreeMap::new(),
        };
        let described = role.described(owner);
        self.roles.insert(key, role);
        Ok(json!({ "Role": described }))
    }

    fn list_roles(&self, owner: &Owner<'_>, input: &Input) -> Answer {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let roles = self.roles.iter().filter(|(_, role)| role.path.starts_with(prefix));
        paged(input, "Roles", roles.map(|(key, role)| (key.clone(), role.listed(owner))))
    }

    fn delete_role(&mut self, input: &Input) -> Answer {
        let role = self.role(input)?;
        role.check_unprotected()?;
        let key = input.role_name.to_lowercase();
        if self.profiles.values().any(|profile| profile.holds(&key)) {
            return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
        }
        if !role.attached.is_empty() {
            return Err(conflict("Cannot delete entity, must detach all policies first."));
        }
        if !role.inline.is_empty() {
            return Err(conflict("Cannot delete entity, must delete policies first."));
        }
        self.roles.remove(&key);
        Ok(json!({}))
    }

    fn update_role(&mut self, input: Input) -> Answer {
        let role = self.role_mut(&input)?;
        if let Some(seconds) = input.max_session_duration {
            check_max_session(seconds)?;
            role.max_session = seconds;
        }
        if input.description.is_some() {
            role.description = input.description;
        }
        Ok(json!({}))
    }

    fn update_description(&mut self, owner: &Owner<'_>, input: Input) -> Answer {
        let role = self.role_mut(&input)?;
        role.description = input.description;
        Ok(json!({ "Role": role.described(owner) }))
    }

    fn update_trust(&mut self, context: &mut Context<'_>, owner: &Owner<'_>, input: Input) -> Answer {
        self.role(&input)?;
        self.check_trust(owner, &input.policy_document)?;
        let role = self.role_mut(&input)?;
        role.trust = input.policy_document;
        role.known_at = context.due(durations::ROLE_KNOWN);
        Ok(json!({}))
    }

    fn check_trust(&self, owner: &Owner<'_>, document: &str) -> Result<(), ApiError> {
        let ours = format!("arn:{}:iam::{}:", owner.partition, owner.account);
        policy::check(document, Kind::Trust, &|principal| match principal.strip_prefix(&ours) {
            Some(name) => match name.rsplit_once('/') {
                Some((kind, role)) if kind.starts_with("role") => self.roles.contains_key(&role.to_lowercase()),
                _ => name == "root" || name == "user/sandbox",
            },
            None => is_account(principal) || principal.strip_prefix("arn:").is_some_and(|rest| rest.contains(":iam::")),
        })?;
        if policy::size(document) > MAX_TRUST_SIZE {
            return Err(over_quota("ACLSizePerRole", MAX_TRUST_SIZE));
        }
        Ok(())
    }

    fn put_inline(&mut self, context: &mut Context<'_>, input: Input) -> Answer {
        let role = self.role_mut(&input)?;
        policy::check(&input.policy_document, Kind::Permissions, &|_| false)?;
        let key = input.policy_name.to_lowercase();
        let others = role.inline.iter().filter(|(other, _)| **other != key);
        let size: usize = others.map(|(_, policy)| policy::size(&policy.document)).sum();
        if size + policy::size(&input.policy_document) > MAX_INLINE_SIZE {
            return Err(limit(format!(
                "Maximum policy size of {MAX_INLINE_SIZE} bytes exceeded for role {}",
                role.name
            )));
        }
        if !role.inline.contains_key(&key) {
            role.policies_known_at.insert(key.clone(), context.due(durations::ROLE_KNOWN));
        }
        role.inline.insert(key, InlinePolicy { name: input.policy_name, document: input.policy_document });
        Ok(json!({}))
    }

    fn get_inline(&self, input: &Input) -> Answer {
        let role = self.role(input)?;
        let policy = role.inline.get(&input.policy_name.to_lowercase()).ok_or_else(|| no_inline(input))?;
        Ok(json!({ "RoleName": role.name, "PolicyName": policy.name, "PolicyDocument": encoded(&policy.document) }))
    }

    fn list_inline(&self, input: &Input) -> Answer {
        let policies = self.role(input)?.inline.iter();
        paged(input, "PolicyNames", policies.map(|(key, policy)| (key.clone(), json!(policy.name))))
    }

    fn delete_inline(&mut self, input: &Input) -> Answer {
        let role = self.role_mut(input)?;
        let key = input.policy_name.to_lowercase();
        role.inline.remove(&key).ok_or_else(|| no_inline(input))?;
        role.policies_known_at.remove(&key);
        Ok(json!({}))
    }

    fn attach(&mut self, context: &mut Context<'_>, owner: &Owner<'_>, input: Input) -> Answer {
        self.role(&input)?;
        self.find_policy(owner, &input.policy_arn, |arn| {
            no_such(format!("Policy {arn} does not exist or is not attachable."))
        })?;
        let role = self.role_mut(&input)?;
        if role.attached.len() >= MAX_ATTACHED && !role.attached.contains(&input.policy_arn) {
            return Err(over_quota("PoliciesPerRole", MAX_ATTACHED));
        }
        if role.attached.insert(input.policy_arn.clone()) {
            role.policies_known_at.insert(input.policy_arn, context.due(durations::ROLE_KNOWN));
        }
        Ok(json!({}))
    }

    fn detach(&mut self, owner: &Owner<'_>, input: &Input) -> Answer {
        check_arn(owner, &input.policy_arn)?;
        let role = self.role_mut(input)?;
        role.policies_known_at.remove(&input.policy_arn);
        if role.attached.remove(&input.policy_arn) { Ok(json!({})) } else { Err(no_policy(&input.policy_arn)) }
    }

    fn list_attached(&self, input: &Input) -> Answer {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let attached = self.role(input)?.attached.iter().filter_map(|arn| {
            let (_, path_and_name) = arn.split_once(":policy")?;
            let name = path_and_name.rsplit('/').next()?;
            let listed = json!({ "PolicyName": name, "PolicyArn": arn });
            path_and_name.starts_with(prefix).then(|| (arn.clone(), listed))
        });
        paged(input, "AttachedPolicies", attached)
    }

    fn tag_role(&mut self, input: Input) -> Answer {
        put_tags(&mut self.role_mut(&input)?.tags, input.tags, "TagsPerRole")?;
        Ok(json!({}))
    }

    fn untag_role(&mut self, input: &Input) -> Answer {
        remove_tags(&mut self.role_mut(input)?.tags, &input.tag_keys);
        Ok(json!({}))
    }

    fn list_tags(&self, input: &Input) -> Answer {
        let tags = &self.role(input)?.tags;
        paged(input, "Tags", tags.iter().map(|tag| (tag.key.to_lowercase(), json!(tag))))
    }

    fn put_boundary(&mut self, owner: &Owner<'_>, input: Input) -> Answer {
        self.role(&input)?;
        self.check_boundary(owner, input.permissions_boundary.as_deref().unwrap_or_default())?;
        let role = self.role_mut(&input)?;
        role.boundary = input.permissions_boundary;
        Ok(json!({}))
    }

    fn delete_boundary(&mut self, input: &Input) -> Answer {
        self.role_mut(input)?.boundary = None;
        Ok(json!({}))
    }

    fn check_boundary(&self, owner: &Owner<'_>, arn: &str) -> Result<(), ApiError> {
        let missing = |arn: &str| no_such(format!("Scope ARN: {arn} does not exist or is not attachable."));
        self.find_policy(owner, arn, missing).map(drop)
    }

    fn create_policy(&mut self, context: &mut Context<'_>, owner: &Owner<'_>, input: Input) -> Answer {
        let path = checked_path(input.path)?;
        policy::check(&input.policy_document, Kind::Permissions, &|_| false)?;
        check_tags(&input.tags)?;
        if policy::size(&input.policy_document) > MAX_MANAGED_SIZE {
            return Err(over_quota("PolicySize", MAX_MANAGED_SIZE));
        }
        let key = input.policy_name.to_lowercase();
        if self.policies.contains_key(&key) {
            return Err(exists(format!(
                "A policy called {} already exists. Duplicate names are not allowed.",
                input.policy_name
            )));
        }
        if self.policies.len() >= MAX_POLICIES {
            return Err(over_quota("PoliciesPerAccount", MAX_POLICIES));
        }
        let policy = Policy {
            name: input.policy_name,
            path,
            id: context.dice.iam_id("ANPA"),
            created: context.now,
            document: input.policy_document,
            description: input.description,
            tags: input.tags,
            by_aws: false,
        };
        let mut described = self.listed_policy(owner, &policy);
        add_tags(&mut described, &policy.tags);
        self.policies.insert(key, policy);
        Ok(json!({ "Policy": described }))
    }

    fn get_policy(&self, owner: &Owner<'_>, input: &Input) -> Answer {
        let policy = self.find_policy(owner, &input.policy_arn, no_policy)?;
        let mut described = self.listed_policy(owner, &policy);
        described["Description"] = json!(policy.description.clone().unwrap_or_default());
        add_tags(&mut described, &policy.tags);
        Ok(json!({ "Policy": described }))
    }

    fn get_policy_version(&self, owner: &Owner<'_>, input: &Input) -> Answer {
        let policy = self.find_policy(owner, &input.policy_arn, no_policy)?;
        if input.version_id != "v1" {
            return Err(no_such(format!(
                "Policy {} version {} does not exist or is not attachable.",
                input.policy_arn, input.version_id
            )));
        }
        Ok(json!({ "PolicyVersion": {
            "VersionId": "v1",
            "IsDefaultVersion": true,
            "CreateDate": policy.created,
            "Document": encoded(&self.document_of(owner, &input.policy_arn)?),
        } }))
    }

    /// What the policy with that ARN says.
    fn document_of(&self, owner: &Owner<'_>, arn: &str) -> Result<String, ApiError> {
        let policy = self.find_policy(owner, arn, no_policy)?;
        if policy.document.is_empty() {
            let message = format!("The sandbox doesn't know what {arn} says.");
            return Err(ApiError::new("NotImplemented", message).with_status(501));
        }
        Ok(policy.document)
    }

    fn list_policies(&self, owner: &Owner<'_>, input: &Input) -> Answer {
        let scope = input.scope.as_deref().unwrap_or("All");
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let theirs = managed::POLICIES.iter().map(|name| aws_policy(name));
        let policies = theirs
            .filter(|_| scope != "Local")
            .chain(self.policies.values().filter(|_| scope != "AWS").cloned())
            .filter(|policy| policy.path.starts_with(prefix))
            .map(|policy| (policy.arn(owner), self.listed_policy(owner, &policy)))
            .filter(|(_, listed)| {
                let attached = listed["AttachmentCount"] != 0;
                let bounding = listed["PermissionsBoundaryUsageCount"] != 0;
                match input.policy_usage_filter.as_deref() {
                    Some("PermissionsPolicy") => attached,
                    Some(_) => bounding,
                    None => attached || bounding || !input.only_attached,
                }
            });
        paged(input, "Policies", policies)
    }

    fn delete_policy(&mut self, owner: &Owner<'_>, input: &Input) -> Answer {
        let policy = self.find_policy(owner, &input.policy_arn, no_policy)?;
        if policy.by_aws {
            let message = format!("The policy {} belongs to AWS.", input.policy_arn);
            return Err(ApiError::new("AccessDenied", message).with_status(403));
        }
        let used = |role: &Role| {
            role.attached.contains(&input.policy_arn) || role.boundary.as_deref() == Some(&input.policy_arn)
        };
        if self.roles.values().any(used) {
            return Err(conflict("Cannot delete a policy attached to entities."));
        }
        self.policies.remove(&policy.name.to_lowercase());
        Ok(json!({}))
    }

    /// The policy with that ARN, AWS's or the account's own.
    fn find_policy(&self, owner: &Owner<'_>, arn: &str, missing: fn(&str) -> ApiError) -> Result<Policy, ApiError> {
        check_arn(owner, arn)?;
        let aws = format!("arn:{}:iam::aws:policy/", owner.partition);
        if let Some(name) = arn.strip_prefix(&aws) {
            return managed::POLICIES.contains(&name).then(|| aws_policy(name)).ok_or_else(|| missing(arn));
        }
        let name = arn.rsplit('/').next().unwrap_or_default().to_lowercase();
        let policy = self.policies.get(&name).filter(|policy| policy.arn(owner) == arn);
        policy.cloned().ok_or_else(|| missing(arn))
    }

    /// As lists show a policy: without tags and description.
    fn listed_policy(&self, owner: &Owner<'_>, policy: &Policy) -> Value {
        let arn = policy.arn(owner);
        let attachments = self.roles.values().filter(|role| role.attached.contains(&arn)).count();
        let bounded = self.roles.values().filter(|role| role.boundary.as_deref() == Some(&arn)).count();
        json!({
            "PolicyName": policy.name,
            "PolicyId": policy.id,
            "Arn": arn,
            "Path": policy.path,
            "DefaultVersionId": "v1",
            "AttachmentCount": attachments,
            "PermissionsBoundaryUsageCount": bounded,
            "IsAttachable": true,
            "CreateDate": policy.created,
            "UpdateDate": policy.created,
        })
    }
}

impl Role {
    fn arn(&self, owner: &Owner<'_>) -> String {
        format!("arn:{}:iam::{}:role{}{}", owner.partition, owner.account, self.path, self.name)
    }

    /// As lists show it: without tags, boundary and last use.
    fn listed(&self, owner: &Owner<'_>) -> Value {
        let mut listed = json!({
            "Path": self.path,
            "RoleName": self.name,
            "RoleId": self.id,
            "Arn": self.arn(owner),
            "CreateDate": self.created,
            "AssumeRolePolicyDocument": encoded(&self.trust),
            "MaxSessionDuration": self.max_session,
        });
        if let Some(description) = &self.description {
            listed["Description"] = json!(description);
        }
        listed
    }

    fn described(&self, owner: &Owner<'_>) -> Value {
        let mut described = self.listed(owner);
        described["RoleLastUsed"] = json!({});
        if let Some(arn) = &self.boundary {
            described["PermissionsBoundary"] =
                json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn });
        }
        add_tags(&mut described, &self.tags);
        described
    }
}

impl Policy {
    fn arn(&self, owner: &Owner<'_>) -> String {
        let account = if self.by_aws { "aws" } else { owner.account };
        format!("arn:{}:iam::{account}:policy{}{}", owner.partition, self.path, self.name)
    }
}

/// An AWS managed policy, from the end of its ARN.
fn aws_policy(path_and_name: &str) -> Policy {
    let (path, name) = match path_and_name.rsplit_once('/') {
        Some((path, name)) => (format!("/{path}/"), name),
        None => ("/".to_owned(), path_and_name),
    };
    let index = managed::POLICIES.iter().position(|known| *known == path_and_name).unwrap_or_default();
    Policy {
        name: name.to_owned(),
        path,
        id: format!("ANPAAWS{index:014}"),
        created: Timestamp::constant(1_423_180_800, 0),
        document: managed::document(path_and_name).unwrap_or_default(),
        description: None,
        tags: Vec::new(),
        by_aws: true,
    }
}

fn add_tags(described: &mut Value, tags: &[Tag]) {
    if !tags.is_empty() {
        described["Tags"] = json!(tags);
    }
}

/// One page of a list that is in the order of its keys.
fn paged(input: &Input, member: &str, items: impl Iterator<Item = (String, Value)>) -> Answer {
    let after = input.marker.as_deref().map(decode_marker).transpose()?;
    let mut items: Vec<(String, Value)> = items.collect();
    items.sort_by(|one, other| one.0.cmp(&other.0));
    items.retain(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let size = input.max_items.unwrap_or(100).clamp(1, 1000);
    let truncated = items.len() > size;
    items.truncate(size);
    let marker = items.last().filter(|_| truncated).map(|(key, _)| BASE64_STANDARD.encode(key));
    let mut answer = page(member, items.into_iter().map(|(_, item)| item).collect(), truncated);
    if let Some(marker) = marker {
        answer["Marker"] = json!(marker);
    }
    Ok(answer)
}

fn page(member: &str, items: Vec<Value>, truncated: bool) -> Value {
    json!({ member: items, "IsTruncated": truncated })
}

fn decode_marker(marker: &str) -> Result<String, ApiError> {
    let key = BASE64_STANDARD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| ApiError::new("ValidationError", "Invalid Marker."))
}

fn checked_path(path: Option<String>) -> Result<String, ApiError> {
    let path = path.unwrap_or_else(|| "/".to_owned());
    let printable = path.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    if path.len() <= 512 && printable && path.starts_with('/') && path.ends_with('/') && !path.contains("//") {
        return Ok(path);
    }
    Err(ApiError::new(
        "ValidationError",
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
         characters and/or / characters.",
    ))
}

fn check_max_session(seconds: i64) -> Result<(), ApiError> {
    if (3600..=43_200).contains(&seconds) {
        return Ok(());
    }
    Err(ApiError::new(
        "ValidationError",
        format!("The requested MaxSessionDuration {seconds} is not between 3600 and 43200 seconds."),
    ))
}

fn check_tags(tags: &[Tag]) -> Result<(), ApiError> {
    let keys: BTreeSet<String> = tags.iter().map(|tag| tag.key.to_lowercase()).collect();
    if keys.len() < tags.len() {
        let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
        return Err(ApiError::new("InvalidInput", message));
    }
    if keys.iter().any(|key| key.starts_with("aws:")) {
        return Err(ApiError::new("InvalidInput", "Tag keys that begin with aws: are reserved."));
    }
    if tags.len() > MAX_TAGS {
        return Err(over_quota("TagsPerRole", MAX_TAGS));
    }
    Ok(())
}

/// Adds tags to what is there; keys ignore case.
fn put_tags(tags: &mut Vec<Tag>, new: Vec<Tag>, quota: &str) -> Result<(), ApiError> {
    check_tags(&new)?;
    for tag in new {
        match tags.iter_mut().find(|old| old.key.to_lowercase() == tag.key.to_lowercase()) {
            Some(old) => *old = tag,
            None => tags.push(tag),
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(over_quota(quota, MAX_TAGS));
    }
    Ok(())
}

fn remove_tags(tags: &mut Vec<Tag>, keys: &[String]) {
    let gone: BTreeSet<String> = keys.iter().map(|key| key.to_lowercase()).collect();
    tags.retain(|tag| !gone.contains(&tag.key.to_lowercase()));
}

/// An ARN of a policy in this partition; that it exists is another question.
fn check_arn(owner: &Owner<'_>, arn: &str) -> Result<(), ApiError> {
    let rest = arn.strip_prefix("arn:").and_then(|rest| rest.strip_prefix(owner.partition));
    let rest = rest.and_then(|rest| rest.strip_prefix(":iam::")).and_then(|rest| rest.split_once(":policy/"));
    match rest {
        Some((account, name)) if !name.is_empty() && (account == "aws" || is_account(account)) => Ok(()),
        _ => Err(ApiError::new("InvalidInput", format!("ARN {arn} is not valid."))),
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn encoded(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

fn no_role(name: &str) -> ApiError {
    no_such(format!("The role with name {name} cannot be found."))
}

fn no_inline(input: &Input) -> ApiError {
    no_such(format!("The role policy with name {} cannot be found.", input.policy_name))
}

fn no_policy(arn: &str) -> ApiError {
    no_such(format!("Policy {arn} was not found."))
}

fn no_such(message: String) -> ApiError {
    ApiError::new("NoSuchEntity", message).with_status(404)
}

fn exists(message: String) -> ApiError {
    ApiError::new("EntityAlreadyExists", message).with_status(409)
}

fn conflict(message: &str) -> ApiError {
    ApiError::new("DeleteConflict", message).with_status(409)
}

fn over_quota(quota: &str, most: usize) -> ApiError {
    limit(format!("Cannot exceed quota for {quota}: {most}"))
}

fn limit(message: String) -> ApiError {
    ApiError::new("LimitExceeded", message).with_status(409)
}

#[cfg(test)]
mod tests {
    use super::testing::{ADMIN, Account, POLICY, TRUST, refusal};
    use super::*;

    #[test]
    fn a_role_comes_back_as_it_was_made_with_its_document_url_encoded() {
        let mut iam = Account::new();
        let made = iam.ok(
            "CreateRole",
            json!({
                "RoleName": "Portal", "Path": "/breezeway/x/", "AssumeRolePolicyDocument": TRUST, "Description": "d",
                "MaxSessionDuration": 7200, "PermissionsBoundary": ADMIN, "Tags": [{ "Key": "a", "Value": "b" }],
            }),
        );
        assert!(made["Role"]["RoleId"].as_str().unwrap().starts_with("AROA"));
        let role = iam.ok("GetRole", json!({ "RoleName": "Portal" }));
        assert_eq!(role, made);
        let role = &role["Role"];
        assert_eq!(role["Arn"], "arn:aws:iam::111122223333:role/breezeway/x/Portal");
        assert_eq!(role["MaxSessionDuration"], 7200);
        assert_eq!(role["PermissionsBoundary"]["PermissionsBoundaryArn"], ADMIN);
        assert_eq!(role["Tags"], json!([{ "Key": "a", "Value": "b" }]));
        let document = role["AssumeRolePolicyDocument"].as_str().unwrap();
        assert!(document.starts_with("%7B%22Version%22%3A%222012-10-17%22%2C"));
    }

    #[test]
    fn names_ignore_case() {
        let mut iam = Account::new();
        iam.role("Portal", "/");
        let again = json!({ "RoleName": "pORTAL", "Path": "/other/", "AssumeRolePolicyDocument": TRUST });
        assert_eq!(iam.refused("CreateRole", again), refusal("EntityAlreadyExists", 409));
        assert_eq!(iam.ok("GetRole", json!({ "RoleName": "PORTAL" }))["Role"]["RoleName"], "Portal");
    }

    #[test]
    fn lists_go_by_path_in_pages_and_without_tags() {
        let mut iam = Account::new();
        for name in ["c", "a", "b"] {
            iam.role(name, "/lab/");
        }
        iam.role("z", "/laboratory/");
        iam.ok("TagRole", json!({ "RoleName": "a", "Tags": [{ "Key": "k", "Value": "v" }] }));
        let first = iam.ok("ListRoles", json!({ "PathPrefix": "/lab/", "MaxItems": 2 }));
        assert_eq!(first["IsTruncated"], true);
        assert_eq!(first["Roles"][0]["RoleName"], "a");
        assert_eq!(first["Roles"][0].get("Tags"), None);
        let rest = iam.ok("ListRoles", json!({ "PathPrefix": "/lab/", "MaxItems": 2, "Marker": first["Marker"] }));
        assert_eq!(rest["Roles"].as_array().unwrap().len(), 1);
        assert_eq!(rest["IsTruncated"], false);
        assert_eq!(rest.get("Marker"), None);
        assert_eq!(iam.refused("ListRoles", json!({ "Marker": "?" })), refusal("ValidationError", 400));
    }

    #[test]
    fn malformed_policies_are_refused_and_change_nothing() {
        let mut iam = Account::new();
        let malformed = refusal("MalformedPolicyDocument", 400);
        let create = json!({ "RoleName": "r", "AssumeRolePolicyDocument": POLICY });
        assert_eq!(iam.refused("CreateRole", create), malformed);
        assert_eq!(iam.refused("GetRole", json!({ "RoleName": "r" })), refusal("NoSuchEntity", 404));
        iam.role("r", "/");
        let update = json!({ "RoleName": "r", "PolicyDocument": "{" });
        assert_eq!(iam.refused("UpdateAssumeRolePolicy", update), malformed);
        let put = json!({ "RoleName": "r", "PolicyName": "p", "PolicyDocument": TRUST });
        assert_eq!(iam.refused("PutRolePolicy", put), malformed);
    }

    #[test]
    fn a_trust_policy_may_name_a_role_only_if_it_exists() {
        let mut iam = Account::new();
        let trust = TRUST
            .replace(r#"{"Service":"lambda.amazonaws.com"}"#, r#"{"AWS":"arn:aws:iam::111122223333:role/x/friend"}"#);
        let create = json!({ "RoleName": "r", "AssumeRolePolicyDocument": trust });
        assert_eq!(iam.refused("CreateRole", create.clone()), refusal("MalformedPolicyDocument", 400));
        iam.role("friend", "/x/");
        iam.ok("CreateRole", create);
    }

    #[test]
    fn a_role_with_policies_cannot_be_deleted() {
        let mut iam = Account::new();
        iam.role("r", "/");
        let role = json!({ "RoleName": "r" });
        iam.ok("PutRolePolicy", json!({ "RoleName": "r", "PolicyName": "p", "PolicyDocument": POLICY }));
        iam.ok("AttachRolePolicy", json!({ "RoleName": "r", "PolicyArn": ADMIN }));
        assert_eq!(iam.refused("DeleteRole", role.clone()), refusal("DeleteConflict", 409));
        iam.ok("DetachRolePolicy", json!({ "RoleName": "r", "PolicyArn": ADMIN }));
        assert_eq!(iam.refused("DeleteRole", role.clone()), refusal("DeleteConflict", 409));
        iam.ok("DeleteRolePolicy", json!({ "RoleName": "r", "PolicyName": "p" }));
        iam.ok("DeleteRole", role.clone());
        assert_eq!(iam.refused("DeleteRole", role), refusal("NoSuchEntity", 404));
    }

    #[test]
    fn inline_policies_are_replaced_listed_and_limited_together() {
        let mut iam = Account::new();
        iam.role("r", "/");
        let named = |name: &str| json!({ "RoleName": "r", "PolicyName": name });
        let sized = |name: &str, size: usize| {
            let resource = format!("arn:aws:s3:::{}", "x".repeat(size));
            let document = json!({ "Statement": { "Effect": "Allow", "Action": "s3:*", "Resource": resource } });
            json!({ "RoleName": "r", "PolicyName": name, "PolicyDocument": document.to_string() })
        };
        iam.ok("PutRolePolicy", sized("One", 6000));
        assert_eq!(iam.refused("PutRolePolicy", sized("two", 6000)), refusal("LimitExceeded", 409));
        iam.ok("PutRolePolicy", sized("one", 9000));
        iam.ok("PutRolePolicy", sized("two", 100));
        assert_eq!(iam.ok("ListRolePolicies", named(""))["PolicyNames"], json!(["one", "two"]));
        let policy = iam.ok("GetRolePolicy", named("two"));
        assert!(policy["PolicyDocument"].as_str().unwrap().starts_with("%7B%22Statement"));
        assert_eq!(iam.refused("GetRolePolicy", named("three")), refusal("NoSuchEntity", 404));
        assert_eq!(iam.refused("DeleteRolePolicy", named("three")), refusal("NoSuchEntity", 404));
    }

    #[test]
    fn a_trust_policy_has_a_size_limit() {
        let mut iam = Account::new();
        let trust = TRUST.replace("\"Action\"", &format!("\"Sid\":\"{}\",\"Action\"", "x".repeat(2048)));
        let create = json!({ "RoleName": "r", "AssumeRolePolicyDocument": trust });
        assert_eq!(iam.refused("CreateRole", create), refusal("LimitExceeded", 409));
    }

    #[test]
    fn managed_policies_attach_by_an_arn_that_exists() {
        let mut iam = Account::new();
        iam.role("r", "/");
        let attach = |arn: &str| json!({ "RoleName": "r", "PolicyArn": arn });
        let vpc = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";
        iam.ok("AttachRolePolicy", attach(vpc));
        iam.ok("AttachRolePolicy", attach(vpc));
        let listed = iam.ok("ListAttachedRolePolicies", json!({ "RoleName": "r" }));
        let expected = json!([{ "PolicyName": "AWSLambdaVPCAccessExecutionRole", "PolicyArn": vpc }]);
        assert_eq!(listed["AttachedPolicies"], expected);
        let unknown = attach("arn:aws:iam::aws:policy/NoSuchThing");
        assert_eq!(iam.refused("AttachRolePolicy", unknown.clone()), refusal("NoSuchEntity", 404));
        assert_eq!(iam.refused("DetachRolePolicy", unknown), refusal("NoSuchEntity", 404));
        let elsewhere = attach("arn:aws-cn:iam::aws:policy/AdministratorAccess");
        assert_eq!(iam.refused("AttachRolePolicy", elsewhere), refusal("InvalidInput", 400));
        for name in managed::POLICIES.iter().filter(|name| !name.contains('/')).take(9) {
            iam.ok("AttachRolePolicy", attach(&format!("arn:aws:iam::aws:policy/{name}")));
        }
        let eleventh = attach("arn:aws:iam::aws:policy/SecurityAudit");
        assert_eq!(iam.refused("AttachRolePolicy", eleventh), refusal("LimitExceeded", 409));
    }

    #[test]
    fn a_customer_policy_lives_until_nothing_uses_it() {
        let mut iam = Account::new();
        iam.role("r", "/");
        let made = iam.ok("CreatePolicy", json!({ "PolicyName": "Edge", "Path": "/p/", "PolicyDocument": POLICY }));
        let arn = made["Policy"]["Arn"].clone();
        assert_eq!(arn, "arn:aws:iam::111122223333:policy/p/Edge");
        let again = json!({ "PolicyName": "eDGE", "PolicyDocument": POLICY });
        assert_eq!(iam.refused("CreatePolicy", again), refusal("EntityAlreadyExists", 409));
        iam.ok("PutRolePermissionsBoundary", json!({ "RoleName": "r", "PermissionsBoundary": arn }));
        let named = json!({ "PolicyArn": arn });
        assert_eq!(iam.ok("GetPolicy", named.clone())["Policy"]["PermissionsBoundaryUsageCount"], 1);
        assert_eq!(iam.ok("ListPolicies", json!({ "Scope": "Local" }))["Policies"].as_array().unwrap().len(), 1);
        let version = iam.ok("GetPolicyVersion", json!({ "PolicyArn": arn, "VersionId": "v1" }));
        assert_eq!(version["PolicyVersion"]["Document"], encoded(POLICY));
        assert_eq!(iam.refused("DeletePolicy", named.clone()), refusal("DeleteConflict", 409));
        iam.ok("DeleteRolePermissionsBoundary", json!({ "RoleName": "r" }));
        iam.ok("DeletePolicy", named.clone());
        assert_eq!(iam.refused("GetPolicy", named), refusal("NoSuchEntity", 404));
        assert_eq!(iam.refused("DeletePolicy", json!({ "PolicyArn": ADMIN })), refusal("AccessDenied", 403));
    }

    #[test]
    fn a_boundary_must_be_a_policy_that_exists() {
        let mut iam = Account::new();
        iam.role("r", "/");
        for (arn, expected) in [
            ("arn:aws:iam::111122223333:policy/none", refusal("NoSuchEntity", 404)),
            ("not-an-arn-but-long-enough", refusal("InvalidInput", 400)),
        ] {
            let input = json!({ "RoleName": "r", "PermissionsBoundary": arn });
            assert_eq!(iam.refused("PutRolePermissionsBoundary", input), expected);
        }
    }

    #[test]
    fn tag_keys_ignore_case() {
        let mut iam = Account::new();
        iam.role("r", "/");
        let tags = |list: Value| json!({ "RoleName": "r", "Tags": list });
        iam.ok("TagRole", tags(json!([{ "Key": "Team", "Value": "a" }, { "Key": "x", "Value": "y" }])));
        iam.ok("TagRole", tags(json!([{ "Key": "team", "Value": "b" }])));
        iam.ok("UntagRole", json!({ "RoleName": "r", "TagKeys": ["X", "absent"] }));
        let listed = iam.ok("ListRoleTags", json!({ "RoleName": "r" }));
        assert_eq!(listed["Tags"], json!([{ "Key": "team", "Value": "b" }]));
        let twice = tags(json!([{ "Key": "k", "Value": "1" }, { "Key": "K", "Value": "2" }]));
        assert_eq!(iam.refused("TagRole", twice), refusal("InvalidInput", 400));
        let reserved = tags(json!([{ "Key": "aws:x", "Value": "1" }]));
        assert_eq!(iam.refused("TagRole", reserved), refusal("InvalidInput", 400));
        let many: Vec<Value> = (0..50).map(|n| json!({ "Key": format!("k{n}"), "Value": "" })).collect();
        assert_eq!(iam.refused("TagRole", tags(json!(many))), refusal("LimitExceeded", 409));
    }

    #[test]
    fn paths_and_session_lengths_have_their_bounds() {
        let mut iam = Account::new();
        for extra in [json!({ "Path": "x" }), json!({ "Path": "/x" }), json!({ "MaxSessionDuration": 3599 })] {
            let mut input = json!({ "RoleName": "r", "AssumeRolePolicyDocument": TRUST });
            input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            assert_eq!(iam.refused("CreateRole", input), refusal("ValidationError", 400));
        }
        iam.role("r", "/");
        let update = json!({ "RoleName": "r", "MaxSessionDuration": 43_201 });
        assert_eq!(iam.refused("UpdateRole", update), refusal("ValidationError", 400));
        iam.ok("UpdateRole", json!({ "RoleName": "r", "MaxSessionDuration": 43_200, "Description": "new" }));
        let role = iam.ok("GetRole", json!({ "RoleName": "r" }));
        assert_eq!(
            (&role["Role"]["MaxSessionDuration"], &role["Role"]["Description"]),
            (&json!(43_200), &json!("new"))
        );
    }

    #[test]
    fn a_profile_holds_one_role_and_a_role_may_be_in_several() {
        let mut iam = Account::new();
        iam.role("Host", "/");
        let made = iam.ok("CreateInstanceProfile", json!({ "InstanceProfileName": "Dns", "Path": "/lab/" }));
        assert_eq!(made["InstanceProfile"]["Arn"], "arn:aws:iam::111122223333:instance-profile/lab/Dns");
        let again = json!({ "InstanceProfileName": "dNS" });
        assert_eq!(iam.refused("CreateInstanceProfile", again), refusal("EntityAlreadyExists", 409));
        iam.ok("CreateInstanceProfile", json!({ "InstanceProfileName": "App" }));
        let put = |profile: &str, role: &str| json!({ "InstanceProfileName": profile, "RoleName": role });
        assert_eq!(iam.refused("AddRoleToInstanceProfile", put("Dns", "none")), refusal("NoSuchEntity", 404));
        assert_eq!(iam.refused("AddRoleToInstanceProfile", put("none", "Host")), refusal("NoSuchEntity", 404));
        iam.ok("AddRoleToInstanceProfile", put("DNS", "HOST"));
        assert_eq!(iam.refused("AddRoleToInstanceProfile", put("Dns", "Host")), refusal("LimitExceeded", 409));
        iam.ok("AddRoleToInstanceProfile", put("App", "Host"));
        let profile = iam.ok("GetInstanceProfile", json!({ "InstanceProfileName": "dns" }));
        assert_eq!(profile["InstanceProfile"]["Roles"][0]["RoleName"], "Host");
        let of_role = iam.ok("ListInstanceProfilesForRole", json!({ "RoleName": "Host" }));
        assert_eq!(of_role["InstanceProfiles"].as_array().unwrap().len(), 2);
        iam.ok("RemoveRoleFromInstanceProfile", put("App", "Host"));
        assert_eq!(iam.refused("RemoveRoleFromInstanceProfile", put("App", "Host")), refusal("NoSuchEntity", 404));
    }

    #[test]
    fn a_role_and_its_profile_part_before_either_is_deleted() {
        let mut iam = Account::new();
        iam.role("r", "/");
        let (role, profile) = (json!({ "RoleName": "r" }), json!({ "InstanceProfileName": "p" }));
        let both = json!({ "InstanceProfileName": "p", "RoleName": "r" });
        iam.ok("CreateInstanceProfile", profile.clone());
        iam.ok("AddRoleToInstanceProfile", both.clone());
        assert_eq!(iam.refused("DeleteRole", role.clone()), refusal("DeleteConflict", 409));
        assert_eq!(iam.refused("DeleteInstanceProfile", profile.clone()), refusal("DeleteConflict", 409));
        iam.ok("RemoveRoleFromInstanceProfile", both);
        iam.ok("DeleteRole", role);
        iam.ok("DeleteInstanceProfile", profile.clone());
        assert_eq!(iam.refused("GetInstanceProfile", profile), refusal("NoSuchEntity", 404));
    }

    #[test]
    fn profiles_are_listed_by_path_and_without_their_tags() {
        let mut iam = Account::new();
        let tags = json!([{ "Key": "Lab", "Value": "x" }]);
        iam.ok("CreateInstanceProfile", json!({ "InstanceProfileName": "p", "Path": "/lab/", "Tags": tags }));
        iam.ok("CreateInstanceProfile", json!({ "InstanceProfileName": "q" }));
        let listed = iam.ok("ListInstanceProfiles", json!({ "PathPrefix": "/lab/" }));
        assert_eq!(listed["InstanceProfiles"].as_array().unwrap().len(), 1);
        assert_eq!(listed["InstanceProfiles"][0].get("Tags"), None);
        let named = |extra: Value| {
            let mut input = json!({ "InstanceProfileName": "p" });
            input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            input
        };
        assert_eq!(iam.ok("GetInstanceProfile", named(json!({})))["InstanceProfile"]["Tags"], tags);
        iam.ok("TagInstanceProfile", named(json!({ "Tags": [{ "Key": "lab", "Value": "y" }] })));
        assert_eq!(
            iam.ok("ListInstanceProfileTags", named(json!({})))["Tags"],
            json!([{ "Key": "lab", "Value": "y" }])
        );
        iam.ok("UntagInstanceProfile", named(json!({ "TagKeys": ["LAB"] })));
        assert_eq!(iam.ok("ListInstanceProfileTags", named(json!({})))["Tags"], json!([]));
    }
}
