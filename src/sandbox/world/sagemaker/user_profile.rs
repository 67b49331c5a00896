//! User profiles: one for each person in a domain. Their names ignore case.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::domain::{AuthMode, Domain};
use super::listing::{Item, Page, SortBy, SortOrder, contains};
use super::settings::{self, Settings};
use super::stage::Stage;
use super::tags::{self, Tag, Tags};
use super::{SageMaker, exists, has_dependents, invalid, missing};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::ec2::Ec2;
use crate::sandbox::world::{Context, durations};

/// A user profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserProfile {
    name: String,
    pub settings: Option<Settings>,
    /// The user of IAM Identity Center.
    single_sign_on_user: Option<String>,
    uid: u64,
    pub stage: Stage,
    created: Timestamp,
    modified: Timestamp,
    pub tags: Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateUserProfile {
    domain_id: String,
    user_profile_name: String,
    single_sign_on_user_identifier: Option<String>,
    single_sign_on_user_value: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    user_settings: Option<Settings>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UserProfileId {
    domain_id: String,
    user_profile_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateUserProfile {
    domain_id: String,
    user_profile_name: String,
    #[serde(default)]
    user_settings: Settings,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListUserProfiles {
    domain_id_equals: Option<String>,
    user_profile_name_contains: Option<String>,
    #[serde(default)]
    sort_by: SortBy,
    #[serde(default)]
    sort_order: SortOrder,
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl UserProfile {
    fn summary(&self, domain_id: &str) -> Value {
        json!({
            "DomainId": domain_id,
            "UserProfileName": self.name,
            "Status": self.stage.word(),
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
        })
    }

    fn view(&self, domain_id: &str, domain: &Domain) -> Value {
        let mut view = self.summary(domain_id);
        self.stage.put_into(&mut view);
        view["UserProfileArn"] = json!(domain.arn_of("user-profile", &self.name));
        if domain.home.is_some() {
            view["HomeEfsFileSystemUid"] = json!(self.uid.to_string());
        }
        if let Some(settings) = &self.settings {
            view["UserSettings"] = json!(settings);
        }
        if let Some(user) = &self.single_sign_on_user {
            view["SingleSignOnUserIdentifier"] = json!("UserName");
            view["SingleSignOnUserValue"] = json!(user);
        }
        view
    }
}

impl Domain {
    /// The user profile with this name.
    ///
    /// # Errors
    /// `ResourceNotFound`
    pub fn user_profile(&self, name: &str) -> Result<&UserProfile, ApiError> {
        self.user_profiles.get(&name.to_lowercase()).ok_or_else(|| self.no_user_profile(name))
    }

    fn no_user_profile(&self, name: &str) -> ApiError {
        missing("UserProfile", &self.arn_of("user-profile", name))
    }
}

impl SageMaker {
    pub(super) fn create_user_profile(
        &mut self,
        context: &mut Context<'_>,
        ec2: &Ec2,
        request: CreateUserProfile,
    ) -> Answer {
        let domain = self.domain_mut(context, &request.domain_id)?;
        let (name, key) = (request.user_profile_name.clone(), request.user_profile_name.to_lowercase());
        let arn = domain.arn_of("user-profile", &name);
        if domain.user_profiles.contains_key(&key) {
            return Err(exists("UserProfile", &arn));
        }
        domain.check_in_service()?;
        let single_sign_on_user = match (domain.auth_mode, request.single_sign_on_user_value) {
            (AuthMode::Sso, Some(user)) if request.single_sign_on_user_identifier.is_some() => Some(user),
            (AuthMode::Iam, None) if request.single_sign_on_user_identifier.is_none() => None,
            _ => {
                let message = "SingleSignOnUserIdentifier and SingleSignOnUserValue go with the AuthMode SSO only, and \
                               must be specified with it.";
                return Err(invalid(message));
            }
        };
        if let Some(settings) = &request.user_settings {
            settings::check(context, ec2, &domain.vpc_id, settings)?;
        }
        let profile = UserProfile {
            name,
            settings: request.user_settings,
            single_sign_on_user,
            uid: domain.next_uid(),
            stage: Stage::pending(context.due(durations::USER_PROFILE_CREATE)),
            created: context.now,
            modified: context.now,
            tags: tags::of_new(request.tags)?,
        };
        domain.user_profiles.insert(key, profile);
        Ok(json!({"UserProfileArn": arn}))
    }

    pub(super) fn describe_user_profile(&self, context: &Context<'_>, request: &UserProfileId) -> Answer {
        let domain = self.domain(context, &request.domain_id)?;
        Ok(domain.user_profile(&request.user_profile_name)?.view(&request.domain_id, domain))
    }

    pub(super) fn update_user_profile(
        &mut self,
        context: &mut Context<'_>,
        ec2: &Ec2,
        request: UpdateUserProfile,
    ) -> Answer {
        let domain = self.domain_mut(context, &request.domain_id)?;
        let arn = domain.arn_of("user-profile", &request.user_profile_name);
        let key = request.user_profile_name.to_lowercase();
        let profile = domain.user_profiles.get_mut(&key).ok_or_else(|| missing("UserProfile", &arn))?;
        profile.stage.check_in_service("UserProfile", &arn)?;
        settings::check(context, ec2, &domain.vpc_id, &request.user_settings)?;
        settings::merge(profile.settings.get_or_insert_default(), request.user_settings);
        profile.stage = Stage::updating(context.due(durations::USER_PROFILE_UPDATE));
        profile.modified = context.now;
        Ok(json!({"UserProfileArn": arn}))
    }

    pub(super) fn delete_user_profile(&mut self, context: &mut Context<'_>, request: &UserProfileId) -> Answer {
        let domain = self.domain_mut(context, &request.domain_id)?;
        let arn = domain.arn_of("user-profile", &request.user_profile_name);
        let key = request.user_profile_name.to_lowercase();
        let has_apps = domain.apps.values().any(|app| app.is_active() && app.is_of_user(&key));
        let owns_spaces = domain.spaces.values().any(|space| space.is_owned_by(&key));
        let profile = domain.user_profiles.get_mut(&key).ok_or_else(|| missing("UserProfile", &arn))?;
        if has_apps {
            return Err(has_dependents("UserProfile", &arn, "App"));
        }
        if owns_spaces {
            return Err(has_dependents("UserProfile", &arn, "Space"));
        }
        profile.stage.check_deletable("UserProfile", &arn)?;
        profile.stage = Stage::deleting(context.due(durations::USER_PROFILE_DELETE));
        profile.modified = context.now;
        Ok(json!({}))
    }

    pub(super) fn list_user_profiles(&self, request: &ListUserProfiles) -> Answer {
        let is_meant = |id: &str| request.domain_id_equals.as_ref().is_none_or(|wanted| wanted == id);
        let mut items: Vec<Item> = Vec::new();
        for (id, domain) in self.domains.iter().filter(|(id, _)| is_meant(id)) {
            let profiles = domain.user_profiles.iter();
            for (key, profile) in
                profiles.filter(|(key, _)| contains(key, request.user_profile_name_contains.as_deref()))
            {
                let time = match request.sort_by {
                    SortBy::CreationTime => profile.created,
                    SortBy::LastModifiedTime => profile.modified,
                };
                items.push((time, format!("{id}/{key}"), profile.summary(id)));
            }
        }
        let page = Page { order: request.sort_order, most: request.max_results, token: request.next_token.as_deref() };
        page.answer("UserProfiles", items.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_profile_is_pending_in_service_deleting_and_gone() {
        let mut world = Sandbox::new();
        let domain = world.create_domain(json!({}));
        let before = world.standing();
        let id = json!({"DomainId": domain, "UserProfileName": "Alice"});
        let settings = json!({"UserSettings": {"ExecutionRole": world.role}});
        let made = world.ok("CreateUserProfile", extended(id.clone(), settings.clone()));
        let arn = format!("arn:aws:sagemaker:us-east-1:111122223333:user-profile/{domain}/alice");
        assert_eq!(made, json!({"UserProfileArn": arn}));
        let profile = world.ok("DescribeUserProfile", id.clone());
        assert_eq!((&profile["Status"], &profile["UserProfileName"]), (&json!("Pending"), &json!("Alice")));
        assert_eq!(profile["UserSettings"], settings["UserSettings"]);
        assert!(profile["HomeEfsFileSystemUid"].is_string());
        assert_eq!(world.refused("DeleteUserProfile", id.clone()), "ResourceInUse");
        world.wait(5);
        let update = json!({"UserSettings": {"StudioWebPortal": "DISABLED"}});
        assert_eq!(world.ok("UpdateUserProfile", extended(id.clone(), update)), made);
        assert_eq!(world.ok("DescribeUserProfile", id.clone())["Status"], "Updating");
        world.wait(4);
        let profile = world.ok("DescribeUserProfile", id.clone());
        let both = json!({"ExecutionRole": world.role, "StudioWebPortal": "DISABLED"});
        assert_eq!((&profile["Status"], &profile["UserSettings"]), (&json!("InService"), &both));

        world.ok("DeleteUserProfile", id.clone());
        assert_eq!(world.ok("DescribeUserProfile", id.clone())["Status"], "Deleting");
        world.wait(7);
        let refusal = world.call("DescribeUserProfile", id).unwrap_err();
        assert_eq!(refusal.message, format!("UserProfile [{arn}] does not exist."));
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn names_ignore_case() {
        let mut world = Sandbox::new();
        let domain = world.create_domain(json!({}));
        world.create_profile(&domain, "Alice");
        let other = json!({"DomainId": domain, "UserProfileName": "aLICE"});
        assert_eq!(world.refused("CreateUserProfile", other.clone()), "ResourceInUse");
        assert_eq!(world.ok("DescribeUserProfile", other)["UserProfileName"], "Alice");
    }

    #[test]
    fn what_a_profile_cannot_have_is_refused() {
        let mut world = Sandbox::new();
        let pending = text(&world.ok("CreateDomain", world.domain_input())["DomainId"]);
        let id = |domain: &str| json!({"DomainId": domain, "UserProfileName": "alice"});
        assert_eq!(world.refused("CreateUserProfile", id(&pending)), "ResourceInUse");
        world.wait(120);
        for operation in ["CreateUserProfile", "DescribeUserProfile", "UpdateUserProfile", "DeleteUserProfile"] {
            assert_eq!(world.refused(operation, id("d-none")), "ResourceNotFound", "{operation}");
        }
        for operation in ["DescribeUserProfile", "UpdateUserProfile", "DeleteUserProfile"] {
            assert_eq!(world.refused(operation, id(&pending)), "ResourceNotFound", "{operation}");
        }
        for more in [
            json!({"UserSettings": {"ExecutionRole": "arn:aws:iam::111122223333:role/none"}}),
            json!({"UserSettings": {"SecurityGroups": ["sg-0123456789abcdef0"]}}),
            json!({"SingleSignOnUserIdentifier": "UserName", "SingleSignOnUserValue": "alice"}),
        ] {
            let input = extended(id(&pending), more);
            assert_eq!(world.refused("CreateUserProfile", input.clone()), "ValidationException", "{input}");
        }
    }

    #[test]
    fn in_a_domain_with_single_sign_on_a_profile_is_a_user_of_it() {
        let mut world = Sandbox::new();
        let domain = world.create_domain(json!({"AuthMode": "SSO"}));
        let id = json!({"DomainId": domain, "UserProfileName": "alice"});
        assert_eq!(world.refused("CreateUserProfile", id.clone()), "ValidationException");
        let user = json!({"SingleSignOnUserIdentifier": "UserName", "SingleSignOnUserValue": "alice@corp"});
        world.ok("CreateUserProfile", extended(id.clone(), user));
        assert_eq!(world.ok("DescribeUserProfile", id)["SingleSignOnUserValue"], "alice@corp");
    }

    #[test]
    fn a_profile_stays_as_long_as_it_has_spaces_or_apps() {
        let mut world = Sandbox::new();
        let domain = world.create_domain(json!({}));
        world.create_profile(&domain, "Alice");
        world.create_space(&domain, "lab", "alice");
        let id = json!({"DomainId": domain, "UserProfileName": "alice"});
        let refusal = world.call("DeleteUserProfile", id.clone()).unwrap_err();
        assert!(refusal.message.ends_with("because Space(s) are associated with it."), "{refusal}");
        world.ok("DeleteSpace", json!({"DomainId": domain, "SpaceName": "lab"}));
        world.wait(6);
        world.ok("CreateApp", extended(id.clone(), json!({"AppType": "JupyterServer", "AppName": "default"})));
        let refusal = world.call("DeleteUserProfile", id).unwrap_err();
        assert!(refusal.message.ends_with("because App(s) are associated with it."), "{refusal}");
    }

    #[test]
    fn profiles_are_listed_by_domain_part_of_their_name_and_time() {
        let mut world = Sandbox::new();
        let domain = world.create_domain(json!({}));
        let other = world.create_domain(json!({}));
        for (domain, name) in [(&domain, "alice"), (&domain, "Bob"), (&domain, "bobby"), (&other, "bob")] {
            world.create_profile(domain, name);
        }
        world.ok("UpdateUserProfile", json!({"DomainId": domain, "UserProfileName": "alice", "UserSettings": {}}));
        let mut names = |input: Value| {
            let listed = world.ok("ListUserProfiles", input);
            let listed = listed["UserProfiles"].as_array().unwrap().iter();
            listed.map(|profile| text(&profile["UserProfileName"])).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(json!({})), "alice Bob bobby bob");
        assert_eq!(names(json!({"DomainIdEquals": domain, "UserProfileNameContains": "BOB"})), "Bob bobby");
        assert_eq!(names(json!({"DomainIdEquals": domain, "SortOrder": "Descending", "MaxResults": 2})), "bobby Bob");
        assert_eq!(names(json!({"DomainIdEquals": domain, "SortBy": "LastModifiedTime"})), "Bob bobby alice");
        assert_eq!(names(json!({"DomainIdEquals": "d-none"})), "");
    }
}
