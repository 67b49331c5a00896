//! Domains.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::app::App;
use super::home::Home;
use super::listing::Page;
use super::settings::{self, Settings};
use super::space::Space;
use super::stage::Stage;
use super::tags::{self, Tag, Tags};
use super::user_profile::UserProfile;
use super::{SageMaker, has_dependents, in_use, invalid, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::ec2::Ec2;
use crate::sandbox::world::elasticfilesystem::ElasticFileSystem;
use crate::sandbox::world::{Context, durations, iam};

/// Domains per Region, failed ones included; AWS's own quota is small, too, and not the same for every account.
const QUOTA: usize = 5;

/// What follows `d-` in the id of a domain.
const ID_ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH: usize = 12;

/// The ids that users and spaces have in the home file system begin after this one.
const FIRST_UID: u64 = 200_000;

/// Where an app's traffic goes that isn't for the home.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkAccess {
    #[default]
    PublicInternetOnly,
    VpcOnly,
}

/// How users sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AuthMode {
    Iam,
    Sso,
}

/// Whether a domain has a home file system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HomeCreation {
    #[default]
    Enabled,
    Disabled,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TagPropagation {
    Enabled,
    #[default]
    Disabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupManagement {
    Service,
    Customer,
}

/// A domain, with all that is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Domain {
    pub arn: String,
    name: String,
    /// `studio.us-east-1.sagemaker.aws`
    zone: String,
    pub auth_mode: AuthMode,
    pub default_user_settings: Settings,
    pub default_space_settings: Option<Settings>,
    domain_settings: Option<Settings>,
    pub vpc_id: String,
    pub subnet_ids: Vec<String>,
    pub network_access: NetworkAccess,
    pub kms_key_id: Option<String>,
    group_management: Option<GroupManagement>,
    tag_propagation: TagPropagation,
    home_creation: HomeCreation,
    pub home: Option<Home>,
    /// Whether the home's file system goes with the domain that is being deleted.
    deletes_home: bool,
    pub stage: Stage,
    created: Timestamp,
    modified: Timestamp,
    pub tags: Tags,
    last_uid: u64,
    /// By name; like the names in ARNs, the keys are in lower case.
    pub user_profiles: BTreeMap<String, UserProfile>,
    pub spaces: BTreeMap<String, Space>,
    /// By owner, type and name, as the ARN has them.
    pub apps: BTreeMap<String, App>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateDomain {
    domain_name: String,
    auth_mode: AuthMode,
    default_user_settings: Settings,
    default_space_settings: Option<Settings>,
    domain_settings: Option<Settings>,
    #[serde(default)]
    subnet_ids: Vec<String>,
    vpc_id: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    app_network_access_type: NetworkAccess,
    home_efs_file_system_kms_key_id: Option<String>,
    kms_key_id: Option<String>,
    app_security_group_management: Option<GroupManagement>,
    #[serde(default)]
    tag_propagation: TagPropagation,
    #[serde(default)]
    home_efs_file_system_creation: HomeCreation,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateDomain {
    domain_id: String,
    default_user_settings: Option<Settings>,
    default_space_settings: Option<Settings>,
    domain_settings_for_update: Option<Settings>,
    #[serde(default)]
    subnet_ids: Vec<String>,
    vpc_id: Option<String>,
    app_network_access_type: Option<NetworkAccess>,
    app_security_group_management: Option<GroupManagement>,
    tag_propagation: Option<TagPropagation>,
    home_efs_file_system_creation: Option<HomeCreation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DomainId {
    domain_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteDomain {
    domain_id: String,
    #[serde(default)]
    retention_policy: RetentionPolicy,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RetentionPolicy {
    #[serde(default)]
    home_efs_file_system: Retention,
}

#[derive(Default, PartialEq, Deserialize)]
enum Retention {
    #[default]
    Retain,
    Delete,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListDomains {
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl Domain {
    /// The ARN of something in the domain, which has names in lower case: `user-profile`, `Alice`.
    pub fn arn_of(&self, kind: &str, name: &str) -> String {
        let (prefix, id) = self.arn.split_once(":domain/").unwrap_or((&self.arn, ""));
        format!("{prefix}:{kind}/{id}/{}", name.to_lowercase())
    }

    /// A host name of Studio: the domain's id or a space's own label, and the Region's zone.
    pub fn url(&self, label: &str) -> String {
        format!("https://{label}.{}", self.zone)
    }

    /// An id for a user or a space in the home file system.
    pub fn next_uid(&mut self) -> u64 {
        self.last_uid += 5;
        self.last_uid
    }

    /// Refuses to make or use something in a domain that can't be worked with.
    pub fn check_in_service(&self) -> Result<(), ApiError> {
        self.stage.check_in_service("Domain", &self.arn)
    }

    /// Lets happen what is due by now. A domain that is gone stays, to be removed.
    pub fn settle(&mut self, ec2: &Ec2, efs: &mut ElasticFileSystem, now: Timestamp) {
        if self.stage.is_made_by(now)
            && let Err(refusal) = check_network(ec2, &self.vpc_id, &self.subnet_ids)
        {
            self.stage.fail(format!("ResourceNotFoundError: {}", refusal.message));
        }
        if self.stage.is_deleted_by(now)
            && self.deletes_home
            && let Some(home) = &self.home
            && let Err(refusal) = efs.remove_file_system(&home.file_system_id)
        {
            self.stage.fail(format!("{}: {}", refusal.code, refusal.message));
        }
        self.stage.settle(now);
        for profile in self.user_profiles.values_mut() {
            profile.stage.settle(now);
        }
        self.user_profiles.retain(|_, profile| !profile.stage.is_gone(now));
        for space in self.spaces.values_mut() {
            space.stage.settle(now);
        }
        self.spaces.retain(|_, space| !space.stage.is_gone(now));
        for app in self.apps.values_mut() {
            app.settle(now);
        }
        self.apps.retain(|_, app| !app.is_forgotten(now));
    }

    /// Forgets apps that have ended, and what only counts.
    pub fn bury(&mut self) {
        self.apps.retain(|_, app| app.is_active());
        self.last_uid = FIRST_UID;
    }

    /// Makes the home. Returns when it is ready, and why it never will be if so.
    fn make_home(
        &mut self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        efs: &mut ElasticFileSystem,
        id: &str,
    ) -> (Timestamp, Option<String>) {
        let home = Home::make(context, ec2, efs, id, self);
        let failure = home.mount(context, ec2, efs, &self.subnet_ids);
        let mountable_at = efs.mountable_at(&home.file_system_id).unwrap_or(context.now);
        self.home = Some(home);
        (context.due(durations::DOMAIN_CREATE).max(mountable_at), failure)
    }

    fn summary(&self, id: &str) -> Value {
        json!({
            "DomainArn": self.arn,
            "DomainId": id,
            "DomainName": self.name,
            "Status": self.stage.word(),
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "Url": self.url(id),
        })
    }

    fn view(&self, id: &str) -> Value {
        let mut view = self.summary(id);
        self.stage.put_into(&mut view);
        view["AuthMode"] = json!(self.auth_mode);
        view["DefaultUserSettings"] = json!(self.default_user_settings);
        view["AppNetworkAccessType"] = json!(self.network_access);
        view["SubnetIds"] = json!(self.subnet_ids);
        view["VpcId"] = json!(self.vpc_id);
        view["TagPropagation"] = json!(self.tag_propagation);
        view["HomeEfsFileSystemCreation"] = json!(self.home_creation);
        let optional = [
            ("HomeEfsFileSystemId", self.home.as_ref().map(|home| json!(home.file_system_id))),
            ("DefaultSpaceSettings", self.default_space_settings.as_ref().map(|settings| json!(settings))),
            ("DomainSettings", self.domain_settings.as_ref().map(|settings| json!(settings))),
            ("HomeEfsFileSystemKmsKeyId", self.kms_key_id.as_ref().map(|key| json!(key))),
            ("KmsKeyId", self.kms_key_id.as_ref().map(|key| json!(key))),
            ("AppSecurityGroupManagement", self.group_management.map(|who| json!(who))),
        ];
        for (member, value) in optional {
            if let Some(value) = value {
                view[member] = value;
            }
        }
        view
    }
}

impl SageMaker {
    pub(super) fn create_domain(
        &mut self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        efs: &mut ElasticFileSystem,
        request: CreateDomain,
    ) -> Answer {
        let (Some(vpc_id), false) = (request.vpc_id, request.subnet_ids.is_empty()) else {
            return Err(invalid("VpcId and SubnetIds must be specified."));
        };
        check_network(ec2, &vpc_id, &request.subnet_ids)?;
        let defaults = &request.default_user_settings;
        if settings::execution_role(defaults).is_none() {
            return Err(invalid("ExecutionRole must be specified in DefaultUserSettings."));
        }
        check_groups_for(request.app_network_access_type, defaults)?;
        settings::check(context, ec2, &vpc_id, defaults)?;
        if let Some(defaults) = &request.default_space_settings {
            settings::check(context, ec2, &vpc_id, defaults)?;
        }
        if let Some(settings) = &request.domain_settings {
            check_domain_settings(ec2, &vpc_id, settings)?;
        }
        let (key, home_key) = (request.kms_key_id, request.home_efs_file_system_kms_key_id);
        if key.is_some() && home_key.is_some() && key != home_key {
            return Err(invalid("KmsKeyId and HomeEfsFileSystemKmsKeyId must not differ."));
        }
        let quota = context.quota(QUOTA);
        if self.domains.len() >= quota {
            let message = format!(
                "The account-level service limit 'Total domains' is {quota} Domains, with current utilization of \
                 {quota} Domains and a request delta of 1 Domains. Please use AWS Service Quotas to request an \
                 increase for this quota."
            );
            return Err(ApiError::new("ResourceLimitExceeded", message));
        }

        let id = format!("d-{}", context.dice.string(ID_ALPHABET, ID_LENGTH));
        let mut domain = Domain {
            arn: context.arn("sagemaker", &format!("domain/{id}")),
            name: request.domain_name,
            zone: zone(context),
            auth_mode: request.auth_mode,
            default_user_settings: request.default_user_settings,
            default_space_settings: request.default_space_settings,
            domain_settings: request.domain_settings,
            vpc_id,
            subnet_ids: request.subnet_ids,
            network_access: request.app_network_access_type,
            kms_key_id: key.or(home_key),
            group_management: request.app_security_group_management,
            tag_propagation: request.tag_propagation,
            home_creation: request.home_efs_file_system_creation,
            home: None,
            deletes_home: false,
            stage: Stage::pending(context.now),
            created: context.now,
            modified: context.now,
            tags: tags::of_new(request.tags)?,
            last_uid: FIRST_UID,
            user_profiles: BTreeMap::new(),
            spaces: BTreeMap::new(),
            apps: BTreeMap::new(),
        };
        let (ready_at, failure) = match domain.home_creation {
            HomeCreation::Enabled => domain.make_home(context, ec2, efs, &id),
            HomeCreation::Disabled => (context.due(durations::DOMAIN_CREATE_WITHOUT_HOME), None),
        };
        domain.stage = Stage::pending(ready_at).failing(failure);
        context.service_linked_role = Some(&iam::SAGEMAKER_NOTEBOOKS);
        let answer = json!({"DomainArn": domain.arn, "DomainId": id, "Url": domain.url(&id)});
        self.domains.insert(id, domain);
        Ok(answer)
    }

    pub(super) fn describe_domain(&self, context: &Context<'_>, request: &DomainId) -> Answer {
        Ok(self.domain(context, &request.domain_id)?.view(&request.domain_id))
    }

    pub(super) fn list_domains(&self, request: &ListDomains) -> Answer {
        let page = Page { most: request.max_results, token: request.next_token.as_deref(), ..Page::default() };
        let item = |(id, domain): (&String, &Domain)| (domain.created, id.clone(), domain.summary(id));
        page.answer("Domains", self.domains.iter().map(item))
    }

    pub(super) fn update_domain(
        &mut self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        efs: &mut ElasticFileSystem,
        request: UpdateDomain,
    ) -> Answer {
        let id = &request.domain_id;
        let domain = self.domain_mut(context, id)?;
        domain.check_in_service()?;
        let vpc_id = domain.vpc_id.clone();
        if request.vpc_id.is_some_and(|other| other != vpc_id) {
            return Err(invalid("The VPC of a domain can't be changed."));
        }
        let has_apps = domain.apps.values().any(App::is_active);
        let loses_subnets = domain.subnet_ids.iter().any(|subnet| !request.subnet_ids.contains(subnet));
        let moves = request.app_network_access_type.is_some_and(|access| access != domain.network_access);
        if has_apps && (moves || (loses_subnets && !request.subnet_ids.is_empty())) {
            return Err(in_use(format!("The network of Domain [{}] can't change while it has apps.", domain.arn)));
        }
        if !request.subnet_ids.is_empty() {
            check_network(ec2, &vpc_id, &request.subnet_ids)?;
            domain.subnet_ids = request.subnet_ids;
        }
        for settings in [&request.default_user_settings, &request.default_space_settings].into_iter().flatten() {
            settings::check(context, ec2, &vpc_id, settings)?;
        }
        settings::merge(&mut domain.default_user_settings, request.default_user_settings.unwrap_or_default());
        if let Some(new) = request.default_space_settings {
            settings::merge(domain.default_space_settings.get_or_insert_default(), new);
        }
        if let Some(new) = request.domain_settings_for_update {
            check_domain_settings(ec2, &vpc_id, &new)?;
            if has_apps && new.contains_key("ExecutionRoleIdentityConfig") {
                let message = "ExecutionRoleIdentityConfig can't change while the domain has apps.";
                return Err(in_use(message.to_owned()));
            }
            settings::merge(domain.domain_settings.get_or_insert_default(), new);
        }
        domain.network_access = request.app_network_access_type.unwrap_or(domain.network_access);
        check_groups_for(domain.network_access, &domain.default_user_settings)?;
        domain.tag_propagation = request.tag_propagation.unwrap_or(domain.tag_propagation);
        domain.group_management = request.app_security_group_management.or(domain.group_management);

        let (updated_at, failure) = match (domain.home_creation, request.home_efs_file_system_creation) {
            (HomeCreation::Enabled, Some(HomeCreation::Disabled)) => {
                return Err(invalid("HomeEfsFileSystemCreation can't be changed from Enabled to Disabled."));
            }
            (HomeCreation::Disabled, Some(HomeCreation::Enabled)) => {
                domain.home_creation = HomeCreation::Enabled;
                domain.make_home(context, ec2, efs, id)
            }
            _ => {
                let home = domain.home.as_ref();
                let failure = home.and_then(|home| home.mount(context, ec2, efs, &domain.subnet_ids));
                let mountable_at = home.and_then(|home| efs.mountable_at(&home.file_system_id));
                let updated_at = context.due(durations::DOMAIN_UPDATE);
                (mountable_at.map_or(updated_at, |mountable_at| mountable_at.max(updated_at)), failure)
            }
        };
        domain.stage = Stage::updating(updated_at).failing(failure);
        domain.modified = context.now;
        Ok(json!({"DomainArn": domain.arn}))
    }

    pub(super) fn delete_domain(
        &mut self,
        context: &mut Context<'_>,
        efs: &mut ElasticFileSystem,
        request: &DeleteDomain,
    ) -> Answer {
        let domain = self.domain_mut(context, &request.domain_id)?;
        let dependents = [
            ("App", domain.apps.values().any(App::is_active)),
            ("Space", !domain.spaces.is_empty()),
            ("UserProfile", !domain.user_profiles.is_empty()),
        ];
        if let Some((dependents, _)) = dependents.into_iter().find(|(_, are_there)| *are_there) {
            return Err(has_dependents("Domain", &domain.arn, dependents));
        }
        domain.stage.check_deletable("Domain", &domain.arn)?;
        let mut gone_at = context.due(durations::DOMAIN_DELETE);
        domain.deletes_home = request.retention_policy.home_efs_file_system == Retention::Delete;
        if let Some(home) = domain.home.as_ref().filter(|_| domain.deletes_home) {
            gone_at = gone_at.max(efs.drop_mount_targets(context, &home.file_system_id));
        }
        domain.stage = Stage::deleting(gone_at);
        domain.modified = context.now;
        Ok(json!({}))
    }
}

/// Refuses a VPC that isn't there, and subnets that aren't its.
fn check_network(ec2: &Ec2, vpc_id: &str, subnet_ids: &[String]) -> Result<(), ApiError> {
    if !ec2.vpc_ids().any(|id| id == vpc_id) {
        return Err(invalid(format!(
            "The VPC ID '{vpc_id}' could not be found. Verify that the VPC ID is valid and that it's in the same AWS \
             Region as the requested domain."
        )));
    }
    for subnet_id in subnet_ids {
        match ec2.vpc_of_subnet(subnet_id) {
            Some(own) if own == vpc_id => {}
            Some(_) => return Err(invalid(format!("The subnet ID '{subnet_id}' is not in the VPC '{vpc_id}'."))),
            None => return Err(invalid(format!("The subnet ID '{subnet_id}' could not be found."))),
        }
    }
    Ok(())
}

/// Refuses apps within the VPC whose groups nobody says.
fn check_groups_for(access: NetworkAccess, defaults: &Settings) -> Result<(), ApiError> {
    if access == NetworkAccess::VpcOnly && settings::groups(defaults).is_empty() {
        return Err(invalid(
            "SecurityGroups must be specified in DefaultUserSettings with AppNetworkAccessType VpcOnly.",
        ));
    }
    Ok(())
}

fn check_domain_settings(ec2: &Ec2, vpc_id: &str, settings: &Settings) -> Result<(), ApiError> {
    let groups = settings.get("SecurityGroupIds").and_then(Value::as_array);
    let groups: Vec<_> = groups.into_iter().flatten().filter_map(Value::as_str).collect();
    settings::check_groups(ec2, vpc_id, &groups)?;
    for member in ["RStudioServerProDomainSettings", "RStudioServerProDomainSettingsForUpdate", "UnifiedStudioSettings"]
    {
        if settings.contains_key(member) {
            return Err(unsupported(member));
        }
    }
    if settings.get("IpAddressType").is_some_and(|kind| kind != "ipv4") {
        return Err(unsupported("domains with IPv6 addresses"));
    }
    Ok(())
}

/// The zone of Studio's host names in a Region.
fn zone(context: &Context<'_>) -> String {
    let suffix = if context.partition() == "aws-cn" { "sagemaker.com.cn" } else { "sagemaker.aws" };
    format!("studio.{}.{suffix}", context.region)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::sandbox::world::Durations;

    fn without_home() -> Value {
        json!({"HomeEfsFileSystemCreation": "Disabled"})
    }

    fn file_system(world: &mut Sandbox, domain: &str) -> Value {
        let id = world.domain(domain)["HomeEfsFileSystemId"].clone();
        world.efs("DescribeFileSystems", json!({"FileSystemId": id}))["FileSystems"][0].take()
    }

    #[test]
    fn a_domain_is_pending_in_service_deleting_and_gone() {
        let mut world = Sandbox::new();
        let before = world.standing();
        let made = world.ok("CreateDomain", extended(world.domain_input(), without_home()));
        let id = &text(&made["DomainId"]);
        assert!(id.starts_with("d-") && id.len() == 14, "{id}");
        assert_eq!(made["DomainArn"], format!("arn:aws:sagemaker:us-east-1:111122223333:domain/{id}"));
        assert_eq!(made["Url"], format!("https://{id}.studio.us-east-1.sagemaker.aws"));
        let domain = world.domain(id);
        assert_eq!((&domain["Status"], &domain["TagPropagation"]), (&json!("Pending"), &json!("DISABLED")));
        assert_eq!(domain["DefaultUserSettings"], world.domain_input()["DefaultUserSettings"]);
        assert_eq!(world.refused("DeleteDomain", json!({"DomainId": id})), "ResourceInUse");
        world.wait(61);
        assert_eq!(world.domain(id)["Status"], "InService");

        world.ok("DeleteDomain", json!({"DomainId": id}));
        assert_eq!(world.domain(id)["Status"], "Deleting");
        assert_eq!(world.refused("DeleteDomain", json!({"DomainId": id})), "ResourceInUse");
        world.wait(101);
        let refusal = world.call("DescribeDomain", json!({"DomainId": id})).unwrap_err();
        let sentence = format!("Domain [{}] does not exist.", text(&made["DomainArn"]));
        assert_eq!((refusal.code.as_str(), refusal.message), ("ResourceNotFound", sentence));
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn a_home_has_a_mount_target_in_each_zone_and_two_groups_that_refer_to_each_other() {
        let mut world = Sandbox::new();
        let twice = world.subnet("10.16.2.0/24", "us-east-1a");
        let [a, b] = world.subnets.clone();
        let id = world.create_domain(json!({"SubnetIds": [a, twice, b]}));
        let arn = world.domain(&id)["DomainArn"].clone();

        let home = file_system(&mut world, &id);
        assert_eq!((&home["LifeCycleState"], &home["NumberOfMountTargets"]), (&json!("available"), &json!(2)));
        assert_eq!(home["Tags"], json!([{"Key": "ManagedByAmazonSageMakerResource", "Value": arn}]));
        let groups = world.home_groups();
        let named = |name: &str| groups.iter().find(|group| group["GroupName"] == format!("{name}-nfs-{id}")).unwrap();
        let (inbound, outbound) = (named("security-group-for-inbound"), named("security-group-for-outbound"));
        assert_eq!(inbound["Tags"], home["Tags"]);
        assert_eq!(inbound["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"], outbound["GroupId"]);
        assert_eq!(outbound["IpPermissionsEgress"][0]["UserIdGroupPairs"][0]["GroupId"], inbound["GroupId"]);
        assert_eq!((&inbound["IpPermissionsEgress"], &outbound["IpPermissions"]), (&json!([]), &json!([])));

        let interfaces = world.interfaces();
        assert_eq!(interfaces.len(), 2);
        let begins = format!("EFS mount target for {}", text(&home["FileSystemId"]));
        for interface in &interfaces {
            assert!(text(&interface["Description"]).starts_with(&begins));
            assert_eq!(interface["Groups"][0]["GroupId"], inbound["GroupId"]);
        }
    }

    #[test]
    fn a_home_outlives_its_domain_and_holds_the_network() {
        let mut world = Sandbox::new();
        let id = world.create_domain(json!({}));
        let home = json!({"FileSystemId": file_system(&mut world, &id)["FileSystemId"]});
        world.ok("DeleteDomain", json!({"DomainId": id}));
        world.wait(101);
        assert_eq!(world.refused("DescribeDomain", json!({"DomainId": id})), "ResourceNotFound");
        assert_eq!(world.interfaces().len(), 2);
        assert_eq!(world.home_groups().len(), 2);
        let groups = world.home_groups();
        for (operation, input) in [
            ("DeleteSubnet", json!({"SubnetId": world.subnets[0]})),
            ("DeleteVpc", json!({"VpcId": world.vpc})),
            ("DeleteSecurityGroup", json!({"GroupId": groups[0]["GroupId"]})),
            ("DeleteSecurityGroup", json!({"GroupId": groups[1]["GroupId"]})),
        ] {
            assert_eq!(world.of("ec2", operation, input).unwrap_err().code, "DependencyViolation", "{operation}");
        }
        let in_use = world.of("elasticfilesystem", "DeleteFileSystem", home.clone()).unwrap_err();
        assert_eq!(in_use.code, "FileSystemInUse");
        let targets = world.efs("DescribeMountTargets", home.clone())["MountTargets"].clone();
        for target in targets.as_array().unwrap() {
            world.efs("DeleteMountTarget", json!({"MountTargetId": target["MountTargetId"]}));
        }
        world.wait(16);
        world.efs("DeleteFileSystem", home);
        assert_eq!(world.interfaces(), Vec::<Value>::new());
    }

    #[test]
    fn a_home_that_goes_with_its_domain_leaves_the_two_groups() {
        let mut world = Sandbox::new();
        let before = world.standing();
        let id = world.create_domain(json!({}));
        let home = json!({"FileSystemId": file_system(&mut world, &id)["FileSystemId"]});
        world.ok("DeleteDomain", json!({"DomainId": id, "RetentionPolicy": {"HomeEfsFileSystem": "Delete"}}));
        world.wait(101);
        assert_eq!(world.refused("DescribeDomain", json!({"DomainId": id})), "ResourceNotFound");
        let gone = world.of("elasticfilesystem", "DescribeFileSystems", home).unwrap_err();
        assert_eq!(gone.code, "FileSystemNotFound");
        assert_eq!(world.interfaces(), Vec::<Value>::new());

        let groups = world.home_groups();
        let held = |world: &mut Sandbox, group: &Value| {
            world
                .of("ec2", "DeleteSecurityGroup", json!({"GroupId": group["GroupId"]}))
                .err()
                .map(|refusal| refusal.code)
        };
        for group in &groups {
            assert_eq!(held(&mut world, group).as_deref(), Some("DependencyViolation"));
        }
        for group in &groups {
            for (operation, rules) in [
                ("RevokeSecurityGroupIngress", &group["IpPermissions"]),
                ("RevokeSecurityGroupEgress", &group["IpPermissionsEgress"]),
            ] {
                if *rules != json!([]) {
                    world.ec2(operation, json!({"GroupId": group["GroupId"], "IpPermissions": rules}));
                }
            }
        }
        for group in &groups {
            assert_eq!(held(&mut world, group), None);
        }
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn a_home_can_be_turned_on_later_and_never_off() {
        let mut world = Sandbox::new();
        let id = world.create_domain(without_home());
        let domain = world.domain(&id);
        assert_eq!(
            (&domain["HomeEfsFileSystemCreation"], domain.get("HomeEfsFileSystemId")),
            (&json!("Disabled"), None)
        );
        assert_eq!((world.interfaces().len(), world.home_groups().len()), (0, 0));
        let turned = |to: &str| json!({"DomainId": id, "HomeEfsFileSystemCreation": to});
        world.ok("UpdateDomain", turned("Enabled"));
        assert_eq!(world.domain(&id)["Status"], "Updating");
        assert_eq!(world.refused("UpdateDomain", json!({"DomainId": id})), "ResourceInUse");
        world.wait(116);
        assert_eq!(world.domain(&id)["Status"], "InService");
        assert_eq!(file_system(&mut world, &id)["NumberOfMountTargets"], 2);
        assert_eq!(world.refused("UpdateDomain", turned("Disabled")), "ValidationException");
    }

    #[test]
    fn what_a_domain_cannot_be_made_of_is_refused() {
        let mut world = Sandbox::new();
        let other_trust = world.create_role("other", "lambda.amazonaws.com");
        world.wait(10);
        let settings = |role: &str, groups: Value| json!({"ExecutionRole": role, "SecurityGroups": groups});
        let (role, group, vpc) = (world.role.clone(), world.group.clone(), world.vpc.clone());
        let default_subnet =
            world.ec2("DescribeSubnets", json!({"Filters": [{"Name": "default-for-az", "Values": ["true"]}]}));
        let elsewhere = default_subnet["Subnets"][0]["SubnetId"].clone();
        let another = world.ec2("CreateVpc", json!({"CidrBlock": "10.0.0.0/16"}))["Vpc"]["VpcId"].clone();
        for (member, value) in [
            ("VpcId", json!("vpc-0123456789abcdef0")),
            ("VpcId", another),
            ("VpcId", json!(null)),
            ("SubnetIds", json!([])),
            ("SubnetIds", json!(["subnet-0123456789abcdef0"])),
            ("SubnetIds", json!([elsewhere])),
            ("DefaultUserSettings", json!({"SecurityGroups": [group]})),
            ("DefaultUserSettings", json!({"ExecutionRole": role})),
            ("DefaultUserSettings", settings(&role, json!(["sg-0123456789abcdef0"]))),
            ("DefaultUserSettings", settings(&role, json!([group, group, group, group, group]))),
            ("DefaultUserSettings", settings(&other_trust, json!([group]))),
            ("DefaultUserSettings", settings(&role.replace("/lab/", "/"), json!([group]))),
            ("DefaultUserSettings", settings("arn:aws:iam::111122223333:role/none", json!([group]))),
            ("DefaultSpaceSettings", json!({"ExecutionRole": other_trust})),
            ("DomainSettings", json!({"SecurityGroupIds": ["sg-0123456789abcdef0"]})),
        ] {
            let input = extended(world.domain_input(), json!({member: value}));
            assert_eq!(world.refused("CreateDomain", input), "ValidationException", "{member} {value}");
        }
        let mut closed = world.domain_input();
        closed["DefaultUserSettings"]["DefaultLandingUri"] = json!("studio::");
        closed["DefaultUserSettings"]["StudioWebPortal"] = json!("DISABLED");
        assert_eq!(world.refused("CreateDomain", closed), "ValidationException");
        let keys = json!({"KmsKeyId": "a", "HomeEfsFileSystemKmsKeyId": "b"});
        assert_eq!(world.refused("CreateDomain", extended(world.domain_input(), keys)), "ValidationException");
        for settings in [json!({"IpAddressType": "dualstack"}), json!({"RStudioServerProDomainSettings": {}})] {
            let input = extended(world.domain_input(), json!({"DomainSettings": settings}));
            assert_eq!(world.refused("CreateDomain", input), "NotImplemented");
        }
        let open = json!({"AppNetworkAccessType": null, "DefaultUserSettings": {"ExecutionRole": role}, "VpcId": vpc});
        world.ok("CreateDomain", extended(world.domain_input(), open));
    }

    #[test]
    fn a_fresh_role_or_trust_is_refused_for_some_seconds() {
        let mut world = Sandbox::new();
        let role = world.create_role("fresh", "sagemaker.amazonaws.com");
        let mut input = world.domain_input();
        input["DefaultUserSettings"]["ExecutionRole"] = json!(role);
        let refusal = world.call("CreateDomain", input.clone()).unwrap_err();
        assert_eq!(refusal.code, "ValidationException");
        assert!(refusal.message.starts_with(&format!("Could not assume role {role}.")), "{refusal}");
        world.wait(7);
        world.ok("CreateDomain", input.clone());

        let service = json!({"Service": ["sagemaker.amazonaws.com"]});
        let trust = json!({"Statement": {"Effect": "Allow", "Principal": service, "Action": "sts:*"}});
        let update = json!({"RoleName": "fresh", "PolicyDocument": trust.to_string()});
        world.of("iam", "UpdateAssumeRolePolicy", update).unwrap();
        assert_eq!(world.refused("CreateDomain", input.clone()), "ValidationException");
        world.wait(7);
        world.ok("CreateDomain", input);
    }

    #[test]
    fn names_are_not_unique_and_domains_are_few() {
        let mut world = Sandbox::new();
        let input = extended(world.domain_input(), without_home());
        for _ in 0..QUOTA {
            world.ok("CreateDomain", input.clone());
        }
        assert_eq!(world.refused("CreateDomain", input), "ResourceLimitExceeded");
        let mut ids = Vec::new();
        let mut page = json!({"MaxResults": 2});
        loop {
            let listed = world.ok("ListDomains", page.clone());
            ids.extend(listed["Domains"].as_array().unwrap().iter().map(|domain| text(&domain["DomainId"])));
            let Some(token) = listed.get("NextToken") else { break };
            page["NextToken"] = token.clone();
        }
        ids.dedup();
        assert_eq!(ids.len(), QUOTA);
    }

    #[test]
    fn a_domain_whose_network_goes_meanwhile_fails_and_can_only_be_deleted() {
        let mut world = Sandbox::new();
        let made = world.ok("CreateDomain", extended(world.domain_input(), without_home()));
        let id = &text(&made["DomainId"]);
        for subnet in world.subnets.clone() {
            world.ec2("DeleteSubnet", json!({"SubnetId": subnet}));
        }
        world.wait(61);
        let domain = world.domain(id);
        assert_eq!(domain["Status"], "Failed");
        assert!(text(&domain["FailureReason"]).starts_with("ResourceNotFoundError: The subnet ID"), "{domain}");
        let listed = world.ok("ListDomains", json!({}))["Domains"][0].take();
        assert_eq!((&listed["Status"], listed.get("FailureReason")), (&json!("Failed"), None));
        let profile = json!({"DomainId": id, "UserProfileName": "alice"});
        assert_eq!(world.refused("CreateUserProfile", profile), "ResourceInUse");
        assert_eq!(world.refused("UpdateDomain", json!({"DomainId": id})), "ResourceInUse");
        world.ok("DeleteDomain", json!({"DomainId": id}));
        world.wait(101);
        assert_eq!(world.refused("DescribeDomain", json!({"DomainId": id})), "ResourceNotFound");
    }

    #[test]
    fn a_home_without_room_fails_its_domain() {
        let mut world = Sandbox::new();
        let narrow = world.subnet("10.16.9.0/28", "us-east-1c");
        world.fill(&narrow);
        let input = extended(world.domain_input(), json!({"SubnetIds": [narrow]}));
        let id = text(&world.ok("CreateDomain", input)["DomainId"]);
        assert_eq!((&world.domain(&id)["Status"], world.domain(&id).get("FailureReason")), (&json!("Pending"), None));
        world.wait(116);
        let domain = world.domain(&id);
        assert_eq!(domain["Status"], "Failed");
        assert!(text(&domain["FailureReason"]).starts_with("NoFreeAddressesInSubnet"), "{domain}");

        let id = world.create_domain(json!({}));
        world.ok("UpdateDomain", json!({"DomainId": id, "SubnetIds": [narrow]}));
        world.wait(11);
        let domain = world.domain(&id);
        assert_eq!((&domain["Status"], &domain["SubnetIds"]), (&json!("Update_Failed"), &json!([narrow])));
        world.ok("UpdateDomain", json!({"DomainId": id, "SubnetIds": world.subnets}));
        world.wait(11);
        let domain = world.domain(&id);
        assert_eq!((&domain["Status"], domain.get("FailureReason")), (&json!("InService"), None));
    }

    #[test]
    fn a_home_that_is_used_anew_fails_the_deletion() {
        let mut world = Sandbox::new();
        let id = world.create_domain(json!({}));
        let home = file_system(&mut world, &id)["FileSystemId"].clone();
        let delete = json!({"DomainId": id, "RetentionPolicy": {"HomeEfsFileSystem": "Delete"}});
        world.ok("DeleteDomain", delete.clone());
        world.wait(20);
        world.efs("CreateMountTarget", json!({"FileSystemId": home, "SubnetId": world.subnets[0]}));
        world.wait(81);
        let domain = world.domain(&id);
        assert_eq!(domain["Status"], "Delete_Failed");
        assert!(text(&domain["FailureReason"]).starts_with("FileSystemInUse"), "{domain}");
        world.ok("DeleteDomain", delete);
        world.wait(101);
        assert_eq!(world.refused("DescribeDomain", json!({"DomainId": id})), "ResourceNotFound");
    }

    #[test]
    fn an_update_replaces_the_settings_it_names_and_mounts_the_home_in_new_subnets() {
        let mut world = Sandbox::new();
        let id = world.create_domain(json!({}));
        let third = world.subnet("10.16.2.0/24", "us-east-1c");
        let other = world.create_group("other");
        let [a, b] = world.subnets.clone();
        let update = json!({
            "DomainId": id,
            "SubnetIds": [a, b, third],
            "DefaultUserSettings": {"SecurityGroups": [other]},
            "DefaultSpaceSettings": {"ExecutionRole": world.role},
            "DomainSettingsForUpdate": {"ExecutionRoleIdentityConfig": "USER_PROFILE_NAME"},
            "TagPropagation": "ENABLED",
        });
        let arn = world.domain(&id)["DomainArn"].clone();
        assert_eq!(world.ok("UpdateDomain", update), json!({"DomainArn": arn}));
        world.wait(81);
        let domain = world.domain(&id);
        assert_eq!((&domain["Status"], &domain["TagPropagation"]), (&json!("InService"), &json!("ENABLED")));
        let settings = json!({"ExecutionRole": world.role, "SecurityGroups": [other]});
        assert_eq!(domain["DefaultUserSettings"], settings);
        assert_eq!(domain["DomainSettings"], json!({"ExecutionRoleIdentityConfig": "USER_PROFILE_NAME"}));
        assert_eq!(file_system(&mut world, &id)["NumberOfMountTargets"], 3);
        for more in [
            json!({"VpcId": "vpc-0123456789abcdef0"}),
            json!({"SubnetIds": ["subnet-0123456789abcdef0"]}),
            json!({"DefaultUserSettings": {"SecurityGroups": []}}),
            json!({"DefaultUserSettings": {"ExecutionRole": "arn:aws:iam::111122223333:role/none"}}),
        ] {
            let update = extended(json!({"DomainId": id}), more);
            assert_eq!(world.refused("UpdateDomain", update.clone()), "ValidationException", "{update}");
        }
    }

    #[test]
    fn the_network_stays_as_it_is_while_there_are_apps() {
        let mut world = Sandbox::new();
        let id = world.create_domain(json!({}));
        world.create_profile(&id, "alice");
        world.create_space(&id, "lab", "alice");
        world.ok("CreateApp", world.app_id(&id, "lab"));
        for more in [
            json!({"AppNetworkAccessType": "PublicInternetOnly"}),
            json!({"SubnetIds": [world.subnets[0]]}),
            json!({"DomainSettingsForUpdate": {"ExecutionRoleIdentityConfig": "DISABLED"}}),
        ] {
            let update = extended(json!({"DomainId": id}), more);
            assert_eq!(world.refused("UpdateDomain", update.clone()), "ResourceInUse", "{update}");
        }
        world.ok("UpdateDomain", json!({"DomainId": id, "TagPropagation": "ENABLED"}));
    }

    #[test]
    fn a_domain_is_not_deleted_with_what_is_in_it() {
        let mut world = Sandbox::new();
        let id = world.create_domain(json!({}));
        let delete = json!({"DomainId": id});
        world.create_profile(&id, "alice");
        let refusal = world.call("DeleteDomain", delete.clone()).unwrap_err();
        let sentence = format!(
            "Unable to delete Domain [arn:aws:sagemaker:us-east-1:111122223333:domain/{id}] because UserProfile(s) are \
             associated with it."
        );
        assert_eq!((refusal.code.as_str(), refusal.message), ("ResourceInUse", sentence));
        world.ok("DeleteUserProfile", json!({"DomainId": id, "UserProfileName": "alice"}));
        assert_eq!(world.refused("DeleteDomain", delete.clone()), "ResourceInUse");
        world.wait(7);
        world.ok("CreateSpace", json!({"DomainId": id, "SpaceName": "shared"}));
        world.wait(5);
        assert_eq!(world.refused("DeleteDomain", delete.clone()), "ResourceInUse");
        world.ok("DeleteSpace", json!({"DomainId": id, "SpaceName": "shared"}));
        world.wait(6);
        world.ok("DeleteDomain", delete);
    }

    #[test]
    fn the_first_domain_brings_a_service_linked_role_and_a_refused_one_none() {
        let mut world = Sandbox::new();
        let role = json!({"RoleName": "AWSServiceRoleForAmazonSageMakerNotebooks"});
        let refused = extended(world.domain_input(), json!({"VpcId": "vpc-0123456789abcdef0"}));
        assert_eq!(world.refused("CreateDomain", refused), "ValidationException");
        assert_eq!(world.of("iam", "GetRole", role.clone()).unwrap_err().code, "NoSuchEntity");
        world.create_domain(without_home());
        let made = world.of("iam", "GetRole", role.clone()).unwrap();
        assert_eq!(made["Role"]["Path"], "/aws-service-role/sagemaker.amazonaws.com/");
        world.create_domain(without_home());
        assert_eq!(world.of("iam", "GetRole", role).unwrap(), made);
    }

    #[test]
    fn with_instant_durations_nothing_is_waited_for() {
        let mut world = Sandbox::new();
        world.stage.durations = Durations::Instant;
        let id = text(&world.ok("CreateDomain", world.domain_input())["DomainId"]);
        assert_eq!(world.domain(&id)["Status"], "InService");
        world.ok("DeleteDomain", json!({"DomainId": id, "RetentionPolicy": {"HomeEfsFileSystem": "Delete"}}));
        assert_eq!(world.refused("DescribeDomain", json!({"DomainId": id})), "ResourceNotFound");
        assert_eq!(world.interfaces(), Vec::<Value>::new());
    }
}
