//! Instance profiles: what carries a role to an instance.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Iam, Input, Owner, Tag, add_tags, check_tags, checked_path, conflict, exists, limit, no_such, over_quota, paged,
    put_tags, remove_tags,
};
use crate::sandbox::api::{Answer, ApiError, Call};
use crate::sandbox::world::{Context, durations, not_implemented};

const MAX_PROFILES: usize = 1000;

/// An instance profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceProfile {
    name: String,
    path: String,
    id: String,
    created: Timestamp,
    tags: Vec<Tag>,
    role: Option<Member>,
    /// When EC2 has heard of it.
    known_at: Timestamp,
}

/// The one role that a profile can hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Member {
    /// The role's name in lower case.
    key: String,
    /// When EC2 has heard of it.
    known_at: Timestamp,
}

/// A profile as an instance refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProfileRef {
    pub arn: String,
    pub id: String,
}

impl InstanceProfile {
    fn arn(&self, partition: &str, account: &str) -> String {
        format!("arn:{partition}:iam::{account}:instance-profile{}{}", self.path, self.name)
    }

    pub(super) fn holds(&self, role_key: &str) -> bool {
        self.role.as_ref().is_some_and(|member| member.key == role_key)
    }
}

impl Iam {
    /// The profile that EC2 is asked for, by `Name` or `Arn`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a profile that EC2 hasn't heard of, or of whose role it hasn't.
    pub fn usable_profile(
        &self,
        context: &Context<'_>,
        name: Option<&str>,
        arn: Option<&str>,
    ) -> Result<ProfileRef, ApiError> {
        let refused = |message: String| Err(ApiError::new("InvalidParameterValue", message));
        let (partition, account) = (context.partition(), context.account);
        let key = match (name, arn) {
            (Some(name), None) => name,
            (None, Some(arn)) => arn.rsplit('/').next().unwrap_or_default(),
            _ => {
                let message = "Either the name or the ARN of an IAM instance profile must be specified, not both.";
                return Err(ApiError::new("InvalidParameterCombination", message));
            }
        };
        let profile = self.profiles.get(&key.to_lowercase()).filter(|profile| {
            let is_meant = arn.is_none_or(|arn| arn == profile.arn(partition, account));
            is_meant && profile.known_at <= context.now
        });
        let Some(profile) = profile else {
            return match arn {
                Some(arn) => refused(format!(
                    "Value ({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN"
                )),
                None => refused(format!(
                    "Value ({key}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
                )),
            };
        };
        let arn = profile.arn(partition, account);
        match &profile.role {
            Some(member) if member.known_at <= context.now => Ok(ProfileRef { arn, id: profile.id.clone() }),
            _ => refused(format!("IAM Instance Profile \"{arn}\" has no associated IAM Roles")),
        }
    }

    /// Answers the calls that are about instance profiles.
    pub(super) fn handle_profiles(
        &mut self,
        context: &mut Context<'_>,
        owner: &Owner<'_>,
        call: &Call,
        input: Input,
    ) -> Answer {
        match call.operation.as_str() {
            "CreateInstanceProfile" => self.create_profile(context, owner, input),
            "GetInstanceProfile" => {
                let profile = self.described_profile(owner, self.profile(&input)?);
                Ok(json!({ "InstanceProfile": profile }))
            }
            "ListInstanceProfiles" => self.list_profiles(owner, &input),
            "ListInstanceProfilesForRole" => self.list_profiles_for_role(owner, &input),
            "DeleteInstanceProfile" => self.delete_profile(&input),
            "AddRoleToInstanceProfile" => self.add_role(context, &input),
            "RemoveRoleFromInstanceProfile" => self.remove_role(&input),
            "TagInstanceProfile" => {
                put_tags(&mut self.profile_mut(&input)?.tags, input.tags, "TagsPerInstanceProfile")?;
                Ok(json!({}))
            }
            "UntagInstanceProfile" => {
                remove_tags(&mut self.profile_mut(&input)?.tags, &input.tag_keys);
                Ok(json!({}))
            }
            "ListInstanceProfileTags" => {
                let tags = self.profile(&input)?.tags.iter();
                paged(&input, "Tags", tags.map(|tag| (tag.key.to_lowercase(), json!(tag))))
            }
            _ => Err(not_implemented(call, "the operation")),
        }
    }

    fn profile(&self, input: &Input) -> Result<&InstanceProfile, ApiError> {
        let name = &input.instance_profile_name;
        self.profiles.get(&name.to_lowercase()).ok_or_else(|| no_profile(name))
    }

    fn profile_mut(&mut self, input: &Input) -> Result<&mut InstanceProfile, ApiError> {
        let name = &input.instance_profile_name;
        self.profiles.get_mut(&name.to_lowercase()).ok_or_else(|| no_profile(name))
    }

    fn create_profile(&mut self, context: &mut Context<'_>, owner: &Owner<'_>, input: Input) -> Answer {
        let path = checked_path(input.path)?;
        check_tags(&input.tags)?;
        let key = input.instance_profile_name.to_lowercase();
        if self.profiles.contains_key(&key) {
            return Err(exists(format!("Instance Profile {} already exists.", input.instance_profile_name)));
        }
        if self.profiles.len() >= MAX_PROFILES {
            return Err(over_quota("InstanceProfilesPerAccount", MAX_PROFILES));
        }
        let profile = InstanceProfile {
            name: input.instance_profile_name,
            path,
            id: context.dice.iam_id("AIPA"),
            created: context.now,
            tags: input.tags,
            role: None,
            known_at: context.due(durations::INSTANCE_PROFILE_KNOWN),
        };
        let described = self.described_profile(owner, &profile);
        self.profiles.insert(key, profile);
        Ok(json!({ "InstanceProfile": described }))
    }

    fn list_profiles(&self, owner: &Owner<'_>, input: &Input) -> Answer {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let profiles = self.profiles.iter().filter(|(_, profile)| profile.path.starts_with(prefix));
        let listed = profiles.map(|(key, profile)| (key.clone(), self.listed_profile(owner, profile)));
        paged(input, "InstanceProfiles", listed)
    }

    fn list_profiles_for_role(&self, owner: &Owner<'_>, input: &Input) -> Answer {
        self.role(input)?;
        let role = input.role_name.to_lowercase();
        let profiles = self.profiles.iter().filter(|(_, profile)| profile.holds(&role));
        let listed = profiles.map(|(key, profile)| (key.clone(), self.listed_profile(owner, profile)));
        paged(input, "InstanceProfiles", listed)
    }

    fn delete_profile(&mut self, input: &Input) -> Answer {
        if self.profile(input)?.role.is_some() {
            return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
        }
        self.profiles.remove(&input.instance_profile_name.to_lowercase());
        Ok(json!({}))
    }

    fn add_role(&mut self, context: &mut Context<'_>, input: &Input) -> Answer {
        self.role(input)?;
        let profile = self.profile_mut(input)?;
        if profile.role.is_some() {
            return Err(limit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1".to_owned()));
        }
        let known_at = context.due(durations::INSTANCE_PROFILE_KNOWN);
        profile.role = Some(Member { key: input.role_name.to_lowercase(), known_at });
        Ok(json!({}))
    }

    fn remove_role(&mut self, input: &Input) -> Answer {
        self.role(input)?;
        let profile = self.profile_mut(input)?;
        if !profile.holds(&input.role_name.to_lowercase()) {
            return Err(no_such(format!("The role with name {} is not in {}.", input.role_name, profile.name)));
        }
        profile.role = None;
        Ok(json!({}))
    }

    /// As lists show it: without tags.
    fn listed_profile(&self, owner: &Owner<'_>, profile: &InstanceProfile) -> Value {
        let role = profile.role.as_ref().and_then(|member| self.roles.get(&member.key));
        json!({
            "Path": profile.path,
            "InstanceProfileName": profile.name,
            "InstanceProfileId": profile.id,
            "Arn": profile.arn(owner.partition, owner.account),
            "CreateDate": profile.created,
            "Roles": role.iter().map(|role| role.listed(owner)).collect::<Vec<_>>(),
        })
    }

    fn described_profile(&self, owner: &Owner<'_>, profile: &InstanceProfile) -> Value {
        let mut described = self.listed_profile(owner, profile);
        add_tags(&mut described, &profile.tags);
        described
    }
}

fn no_profile(name: &str) -> ApiError {
    no_such(format!("Instance Profile {name} cannot be found."))
}
