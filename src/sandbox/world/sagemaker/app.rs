//! Apps: what runs for a user or in a space, each with a network interface in a subnet of the domain.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::domain::{Domain, NetworkAccess};
use super::listing::{Item, Page, SortBy, SortOrder};
use super::settings::{self, Settings};
use super::space::{Ownership, SharingType};
use super::tags::{self, Tag, Tags};
use super::{SageMaker, exists, in_use, invalid, missing, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::ec2::{Attachment, Ec2, NetworkInterface};
use crate::sandbox::world::{Context, durations, later};

/// How long an app that has ended is still listed.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// What an app runs on if nobody says.
const DEFAULT_INSTANCE_TYPE: &str = "ml.t3.medium";

/// An app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct App {
    owner: Owner,
    app_type: String,
    name: String,
    resource_spec: Settings,
    recovery_mode: bool,
    network_interface_id: Option<String>,
    status: Status,
    /// When the status changes, or since when the app has ended.
    at: Timestamp,
    failure_reason: Option<String>,
    created: Timestamp,
    pub tags: Tags,
}

/// Who an app runs for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Owner {
    UserProfile(String),
    Space(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Status {
    Pending,
    InService,
    Deleting,
    Deleted,
    Failed,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateApp {
    domain_id: String,
    user_profile_name: Option<String>,
    space_name: Option<String>,
    app_type: String,
    app_name: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    resource_spec: Settings,
    #[serde(default)]
    recovery_mode: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AppId {
    domain_id: String,
    user_profile_name: Option<String>,
    space_name: Option<String>,
    app_type: String,
    app_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListApps {
    domain_id_equals: Option<String>,
    user_profile_name_equals: Option<String>,
    space_name_equals: Option<String>,
    #[serde(default, rename = "SortBy")]
    _sort_by: SortBy,
    #[serde(default)]
    sort_order: SortOrder,
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl Owner {
    /// # Errors
    /// `ValidationException` unless either is named.
    fn of(user_profile_name: Option<String>, space_name: Option<String>) -> Result<Self, ApiError> {
        match (user_profile_name, space_name) {
            (Some(name), None) => Ok(Owner::UserProfile(name)),
            (None, Some(name)) => Ok(Owner::Space(name)),
            _ => Err(invalid("Either UserProfileName or SpaceName must be specified.")),
        }
    }

    fn name(&self) -> &str {
        match self {
            Owner::UserProfile(name) | Owner::Space(name) => name,
        }
    }

    fn is(&self, other: &Self) -> bool {
        let same_kind = matches!(self, Owner::Space(_)) == matches!(other, Owner::Space(_));
        same_kind && self.name().eq_ignore_ascii_case(other.name())
    }
}

/// The end of an app's ARN.
fn path(owner: &Owner, app_type: &str, name: &str) -> String {
    format!("{}/{app_type}/{name}", owner.name()).to_lowercase()
}

impl App {
    /// Whether it runs, or is about to, or is ending: whatever it runs in can't be deleted.
    pub fn is_active(&self) -> bool {
        matches!(self.status, Status::Pending | Status::InService | Status::Deleting)
    }

    /// Whether it runs for the user whose name this is, in lower case.
    pub fn is_of_user(&self, user_key: &str) -> bool {
        matches!(&self.owner, Owner::UserProfile(name) if name.to_lowercase() == user_key)
    }

    /// Whether it runs in the space whose name this is, in lower case.
    pub fn is_in_space(&self, space_key: &str) -> bool {
        matches!(&self.owner, Owner::Space(name) if name.to_lowercase() == space_key)
    }

    /// Whether it ended so long ago that nobody is told of it any more.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        !self.is_active() && later(self.at, REMEMBERED) <= now
    }

    /// Lets happen what is due by now.
    pub fn settle(&mut self, now: Timestamp) {
        if self.at > now {
            return;
        }
        self.status = match self.status {
            Status::Pending if self.failure_reason.is_some() => Status::Failed,
            Status::Pending => Status::InService,
            Status::Deleting => Status::Deleted,
            settled => settled,
        };
    }

    fn summary(&self, domain_id: &str) -> Value {
        let mut view = json!({
            "DomainId": domain_id,
            "AppType": self.app_type,
            "AppName": self.name,
            "Status": self.status,
            "CreationTime": self.created,
            "ResourceSpec": self.resource_spec,
        });
        match &self.owner {
            Owner::UserProfile(name) => view["UserProfileName"] = json!(name),
            Owner::Space(name) => view["SpaceName"] = json!(name),
        }
        view
    }

    fn view(&self, domain_id: &str, arn: &str) -> Value {
        let mut view = self.summary(domain_id);
        view["AppArn"] = json!(arn);
        view["RecoveryMode"] = json!(self.recovery_mode);
        if let Some(reason) = self.failure_reason.as_ref().filter(|_| self.status == Status::Failed) {
            view["FailureReason"] = json!(reason);
        }
        view
    }
}

impl Domain {
    /// The settings that hold for an app, those of the space or user behind those of the domain.
    fn settings_for(&self, owner: &Owner) -> Vec<&Settings> {
        let user = |name: &str| self.user_profiles.get(&name.to_lowercase())?.settings.as_ref();
        match owner {
            Owner::UserProfile(name) => [&self.default_user_settings].into_iter().chain(user(name)).collect(),
            Owner::Space(name) => {
                let space = self.spaces.get(&name.to_lowercase());
                let own = space.and_then(|space| space.settings.as_ref());
                match space.and_then(|space| space.ownership.as_ref()) {
                    Some(Ownership { owner, sharing: SharingType::Private }) => {
                        [&self.default_user_settings].into_iter().chain(user(owner)).chain(own).collect()
                    }
                    _ => {
                        let defaults = self.default_space_settings.as_ref();
                        let defaults = defaults.filter(|defaults| !settings::groups(defaults).is_empty());
                        [defaults.unwrap_or(&self.default_user_settings)].into_iter().chain(own).collect()
                    }
                }
            }
        }
    }

    /// What an app runs on.
    fn resource_spec_for(&self, owner: &Owner, app_type: &str, given: Settings) -> Result<Settings, ApiError> {
        let mut spec = Settings::new();
        for settings in self.settings_for(owner) {
            settings::merge(&mut spec, settings::resource_spec(settings, app_type));
        }
        settings::merge(&mut spec, given);
        if app_type == "KernelGateway" && !spec.contains_key("InstanceType") {
            return Err(invalid("An InstanceType must be specified for a KernelGateway app."));
        }
        let default = if app_type == "JupyterServer" { "system" } else { DEFAULT_INSTANCE_TYPE };
        spec.entry("InstanceType").or_insert_with(|| json!(default));
        Ok(spec)
    }

    /// Gives an app its interface, if anything of its traffic goes through the VPC.
    fn attach(
        &self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        id: &str,
        owner: &Owner,
    ) -> Result<Option<String>, String> {
        let in_vpc = self.network_access == NetworkAccess::VpcOnly;
        let own = self.settings_for(owner).into_iter().filter(|_| in_vpc).flat_map(settings::groups);
        let groups: Vec<&str> = own.chain(self.home.as_ref().map(|home| home.outbound_group_id.as_str())).collect();
        if groups.is_empty() {
            return Ok(None);
        }
        let group_ids = ec2.interface_groups(&self.vpc_id, &groups).map_err(|refusal| refusal.message)?;
        let first = context.dice.below(self.subnet_ids.len() as u64) as usize;
        let (before, from) = self.subnet_ids.split_at(first);
        let mut refusal = String::new();
        for subnet_id in from.iter().chain(before) {
            match ec2.new_network_interface(subnet_id, None) {
                Ok(interface) => {
                    let interface = NetworkInterface {
                        group_ids,
                        description: format!(
                            "[DO NOT DELETE] ENI managed by SageMaker for Studio Domain({id}) - {}",
                            context.dice.hex(32)
                        ),
                        requester_id: Some("amazon-sagemaker".into()),
                        attachment: Some(Attachment::to_service(context.dice, context.now)),
                        ..interface
                    };
                    return Ok(Some(ec2.add_network_interface(context.dice, interface)));
                }
                Err(reason) => refusal = reason.message,
            }
        }
        Err(refusal)
    }
}

impl SageMaker {
    pub(super) fn create_app(&mut self, context: &mut Context<'_>, ec2: &mut Ec2, request: CreateApp) -> Answer {
        let CreateApp { domain_id, app_type, app_name, .. } = request;
        let owner = Owner::of(request.user_profile_name, request.space_name)?;
        let domain = self.domain_mut(context, &domain_id)?;
        domain.check_in_service()?;
        check_owner(domain, &owner, &app_type)?;
        let key = path(&owner, &app_type, &app_name);
        let arn = domain.arn_of("app", &key);
        let former = domain.apps.get(&key);
        if former.is_some_and(App::is_active) {
            return Err(exists("App", &arn));
        }
        let created = former.map_or(context.now, |former| former.created);
        let resource_spec = domain.resource_spec_for(&owner, &app_type, request.resource_spec)?;
        let attached = domain.attach(context, ec2, &domain_id, &owner);
        let app = App {
            owner,
            app_type,
            name: app_name,
            resource_spec,
            recovery_mode: request.recovery_mode,
            failure_reason: attached.as_ref().err().cloned(),
            network_interface_id: attached.ok().flatten(),
            status: Status::Pending,
            at: context.due(durations::APP_CREATE),
            created,
            tags: tags::of_new(request.tags)?,
        };
        domain.apps.insert(key, app);
        Ok(json!({"AppArn": arn}))
    }

    pub(super) fn describe_app(&self, context: &Context<'_>, request: &AppId) -> Answer {
        let domain = self.domain(context, &request.domain_id)?;
        let key = request.key()?;
        let arn = domain.arn_of("app", &key);
        let app = domain.apps.get(&key).ok_or_else(|| missing("App", &arn))?;
        Ok(app.view(&request.domain_id, &arn))
    }

    pub(super) fn delete_app(&mut self, context: &mut Context<'_>, request: &AppId) -> Answer {
        let domain = self.domain_mut(context, &request.domain_id)?;
        let key = request.key()?;
        let arn = domain.arn_of("app", &key);
        let app = domain.apps.get_mut(&key).ok_or_else(|| missing("App", &arn))?;
        match app.status {
            Status::InService => {}
            Status::Pending | Status::Deleting => {
                return Err(in_use(format!("App [{arn}] is in the status {:?}.", app.status)));
            }
            Status::Deleted => return Err(invalid(format!("App [{arn}] has already been deleted."))),
            Status::Failed => {
                return Err(invalid(format!("App [{arn}] previously failed and was automatically deleted.")));
            }
        }
        app.status = Status::Deleting;
        app.at = context.due(durations::APP_DELETE);
        let drained_at = later(app.at, context.durations.pick(durations::APP_DRAIN, context.dice));
        if let Some(interface) = app.network_interface_id.take() {
            self.draining.insert(interface, drained_at);
        }
        Ok(json!({}))
    }

    pub(super) fn list_apps(&self, request: &ListApps) -> Answer {
        let owner = match (&request.user_profile_name_equals, &request.space_name_equals) {
            (Some(_), Some(_)) => {
                let message = "UserProfileNameEquals and SpaceNameEquals can't be specified together.";
                return Err(invalid(message));
            }
            (Some(name), None) => Some(Owner::UserProfile(name.clone())),
            (None, name) => name.clone().map(Owner::Space),
        };
        let is_meant = |id: &str| request.domain_id_equals.as_ref().is_none_or(|wanted| wanted == id);
        let is_owned = |app: &App| owner.as_ref().is_none_or(|owner| app.owner.is(owner));
        let mut items: Vec<Item> = Vec::new();
        for (id, domain) in self.domains.iter().filter(|(id, _)| is_meant(id)) {
            let apps = domain.apps.iter().filter(|(_, app)| is_owned(app));
            items.extend(apps.map(|(key, app)| (app.created, format!("{id}/{key}"), app.summary(id))));
        }
        let page = Page { order: request.sort_order, most: request.max_results, token: request.next_token.as_deref() };
        page.answer("Apps", items.into_iter())
    }
}

impl AppId {
    fn key(&self) -> Result<String, ApiError> {
        let owner = Owner::of(self.user_profile_name.clone(), self.space_name.clone())?;
        Ok(path(&owner, &self.app_type, &self.app_name))
    }
}

/// Refuses an owner that isn't there, can't be worked with yet, or has no apps of this type.
fn check_owner(domain: &Domain, owner: &Owner, app_type: &str) -> Result<(), ApiError> {
    if app_type.starts_with("RS") {
        return Err(unsupported("RStudio"));
    }
    match owner {
        Owner::UserProfile(name) => {
            domain.user_profile(name)?.stage.check_in_service("UserProfile", &domain.arn_of("user-profile", name))?;
            if matches!(app_type, "JupyterLab" | "CodeEditor") {
                return Err(invalid(format!("An app of the type {app_type} needs a SpaceName.")));
            }
        }
        Owner::Space(name) => {
            let space = domain.space(name)?;
            space.stage.check_in_service("Space", &domain.arn_of("space", name))?;
            if let Some(only) = space.app_type().filter(|only| *only != app_type) {
                return Err(invalid(format!("The space {name} is for apps of the type {only}.")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    /// A domain with the user alice and her space `lab`.
    fn with_space(more: Value) -> (Sandbox, String) {
        let mut world = Sandbox::new();
        let domain = world.create_domain(more);
        world.create_profile(&domain, "alice");
        world.create_space(&domain, "lab", "alice");
        (world, domain)
    }

    fn of_app(interfaces: &[Value]) -> Vec<&Value> {
        let is_of_app = |interface: &&Value| text(&interface["Description"]).contains("Studio Domain");
        interfaces.iter().filter(is_of_app).collect()
    }

    fn groups(interface: &Value) -> Vec<&str> {
        let groups = interface["Groups"].as_array().unwrap().iter();
        groups.filter_map(|group| group["GroupName"].as_str()).collect()
    }

    #[test]
    fn an_app_is_pending_in_service_deleting_and_a_day_long_deleted() {
        let (mut world, domain) = with_space(json!({}));
        let before = world.standing();
        let id = world.app_id(&domain, "lab");
        let made = world.ok("CreateApp", id.clone());
        let arn = format!("arn:aws:sagemaker:us-east-1:111122223333:app/{domain}/lab/jupyterlab/default");
        assert_eq!(made, json!({"AppArn": arn}));
        let app = world.ok("DescribeApp", id.clone());
        assert_eq!((&app["Status"], &app["AppType"]), (&json!("Pending"), &json!("JupyterLab")));
        assert_eq!((&app["SpaceName"], app.get("UserProfileName")), (&json!("lab"), None));
        assert_eq!(world.refused("DeleteApp", id.clone()), "ResourceInUse");
        assert_eq!(world.refused("CreateApp", id.clone()), "ResourceInUse");
        world.wait(121);
        assert_eq!(world.ok("DescribeApp", id.clone())["Status"], "InService");

        world.ok("DeleteApp", id.clone());
        assert_eq!(world.ok("DescribeApp", id.clone())["Status"], "Deleting");
        world.wait(181);
        assert_eq!(world.ok("DescribeApp", id.clone())["Status"], "Deleted");
        let refusal = world.call("DeleteApp", id.clone()).unwrap_err();
        assert_eq!(refusal.code, "ValidationException");
        assert!(refusal.message.ends_with("has already been deleted."), "{refusal}");
        world.wait(60);
        assert_eq!(world.standing(), before);
        world.wait(23 * 3600);
        assert_eq!(world.ok("ListApps", json!({}))["Apps"][0]["Status"], "Deleted");
        world.wait(3600);
        assert_eq!(world.ok("ListApps", json!({}))["Apps"], json!([]));
        assert_eq!(world.refused("DescribeApp", id), "ResourceNotFound");
    }

    #[test]
    fn an_app_has_an_interface_that_holds_its_subnet_until_it_is_drained() {
        let (mut world, domain) = with_space(json!({"HomeEfsFileSystemCreation": "Disabled"}));
        let id = world.app_id(&domain, "lab");
        world.ok("CreateApp", id.clone());
        let interface = world.interfaces()[0].clone();
        let begins = format!("[DO NOT DELETE] ENI managed by SageMaker for Studio Domain({domain}) - ");
        assert!(text(&interface["Description"]).starts_with(&begins), "{interface}");
        assert_eq!(groups(&interface), ["studio"]);
        assert!(world.subnets.contains(&text(&interface["SubnetId"])));
        world.wait(121);
        world.ok("DeleteApp", id.clone());
        world.wait(200);
        assert_eq!(world.ok("DescribeApp", id)["Status"], "Deleted");
        let subnet = json!({"SubnetId": interface["SubnetId"]});
        assert_eq!(world.of("ec2", "DeleteSubnet", subnet.clone()).unwrap_err().code, "DependencyViolation");
        world.wait(41);
        assert_eq!(world.interfaces(), Vec::<Value>::new());
        world.ec2("DeleteSubnet", subnet);
    }

    #[test]
    fn the_groups_of_domain_and_user_add_up_and_the_home_adds_its_own() {
        let (mut world, domain) = with_space(json!({}));
        let other = world.create_group("other");
        let settings = json!({"SecurityGroups": [other]});
        let update = json!({"DomainId": domain, "UserProfileName": "alice", "UserSettings": settings});
        world.ok("UpdateUserProfile", update);
        world.wait(4);
        world.ok("CreateApp", world.app_id(&domain, "lab"));
        let interfaces = world.interfaces();
        let nfs = format!("security-group-for-outbound-nfs-{domain}");
        assert_eq!(groups(of_app(&interfaces)[0]), ["studio", "other", nfs.as_str()]);
    }

    #[test]
    fn a_shared_space_has_the_groups_for_spaces() {
        let mut world = Sandbox::new();
        let other = world.create_group("spaces");
        let spaces = json!({"DefaultSpaceSettings": {"SecurityGroups": [other]}});
        let more = extended(spaces, json!({"HomeEfsFileSystemCreation": "Disabled"}));
        let domain = world.create_domain(more);
        world.ok("CreateSpace", json!({"DomainId": domain, "SpaceName": "shared"}));
        world.wait(4);
        world.ok("CreateApp", world.app_id(&domain, "shared"));
        assert_eq!(groups(&world.interfaces()[0]), ["spaces"]);
    }

    #[test]
    fn outside_the_vpc_an_app_reaches_only_its_home_there() {
        let open = json!({"AppNetworkAccessType": "PublicInternetOnly"});
        let (mut world, domain) = with_space(open.clone());
        world.ok("CreateApp", world.app_id(&domain, "lab"));
        let interfaces = world.interfaces();
        assert_eq!(groups(of_app(&interfaces)[0]), [format!("security-group-for-outbound-nfs-{domain}")]);

        let (mut world, domain) = with_space(extended(open, json!({"HomeEfsFileSystemCreation": "Disabled"})));
        world.ok("CreateApp", world.app_id(&domain, "lab"));
        assert_eq!(world.interfaces(), Vec::<Value>::new());
    }

    #[test]
    fn an_app_without_room_fails_and_can_be_made_again() {
        let mut world = Sandbox::new();
        let narrow = world.subnet("10.16.9.0/28", "us-east-1c");
        let domain = world.create_domain(json!({"SubnetIds": [narrow], "HomeEfsFileSystemCreation": "Disabled"}));
        world.create_profile(&domain, "alice");
        world.create_space(&domain, "lab", "alice");
        world.fill(&narrow);
        let id = world.app_id(&domain, "lab");
        world.ok("CreateApp", id.clone());
        world.wait(121);
        let app = world.ok("DescribeApp", id.clone());
        assert_eq!(app["Status"], "Failed");
        assert!(text(&app["FailureReason"]).contains("insufficient free addresses"), "{app}");
        let refusal = world.call("DeleteApp", id.clone()).unwrap_err();
        assert!(refusal.message.ends_with("previously failed and was automatically deleted."), "{refusal}");
        let interface = world.interfaces()[0]["NetworkInterfaceId"].clone();
        world.ec2("DeleteNetworkInterface", json!({"NetworkInterfaceId": interface}));
        world.ok("CreateApp", id.clone());
        let again = world.ok("DescribeApp", id);
        assert_eq!((&again["Status"], &again["CreationTime"]), (&json!("Pending"), &app["CreationTime"]));
    }

    #[test]
    fn an_app_runs_on_what_it_the_space_the_user_or_the_domain_says() {
        let mut world = Sandbox::new();
        let on = |instance: &str| json!({"DefaultResourceSpec": {"InstanceType": instance}});
        let mut settings = world.domain_input()["DefaultUserSettings"].clone();
        settings["JupyterLabAppSettings"] = on("ml.t3.large");
        let domain = world.create_domain(json!({"DefaultUserSettings": settings}));
        world.create_profile(&domain, "alice");
        world.create_space(&domain, "lab", "alice");
        let mut made_on = |more: Value| {
            let mut id = extended(world.app_id(&domain, "lab"), more);
            world.ok("CreateApp", id.clone());
            id.as_object_mut().unwrap().remove("ResourceSpec");
            text(&world.ok("DescribeApp", id)["ResourceSpec"]["InstanceType"])
        };
        assert_eq!(made_on(json!({})), "ml.t3.large");
        let given = json!({"AppName": "big", "ResourceSpec": {"InstanceType": "ml.m5.4xlarge"}});
        assert_eq!(made_on(given), "ml.m5.4xlarge");
        assert_eq!(made_on(json!({"AppType": "CodeEditor"})), "ml.t3.medium");
        let kernel = extended(world.app_id(&domain, "lab"), json!({"AppType": "KernelGateway"}));
        assert_eq!(world.refused("CreateApp", kernel), "ValidationException");
    }

    #[test]
    fn what_an_app_cannot_run_in_is_refused() {
        let (mut world, domain) = with_space(json!({}));
        let editor = json!({"DomainId": domain, "SpaceName": "editor", "SpaceSettings": {"AppType": "CodeEditor"}});
        world.ok("CreateSpace", editor);
        for (more, code) in [
            (json!({"DomainId": "d-none"}), "ResourceNotFound"),
            (json!({"SpaceName": "none"}), "ResourceNotFound"),
            (json!({"SpaceName": null}), "ValidationException"),
            (json!({"UserProfileName": "alice"}), "ValidationException"),
            (json!({"SpaceName": null, "UserProfileName": "alice"}), "ValidationException"),
            (json!({"SpaceName": null, "UserProfileName": "bob", "AppType": "JupyterServer"}), "ResourceNotFound"),
            (json!({"SpaceName": "editor"}), "ResourceInUse"),
            (json!({"AppType": "RSessionGateway"}), "NotImplemented"),
        ] {
            let input = extended(world.app_id(&domain, "lab"), more);
            assert_eq!(world.refused("CreateApp", input.clone()), code, "{input}");
        }
        world.wait(4);
        let input = extended(world.app_id(&domain, "lab"), json!({"SpaceName": "editor"}));
        assert_eq!(world.refused("CreateApp", input), "ValidationException");
    }

    #[test]
    fn apps_are_listed_by_user_or_space() {
        let (mut world, domain) = with_space(json!({}));
        world.ok("CreateApp", world.app_id(&domain, "lab"));
        let server = json!({"AppType": "JupyterServer", "AppName": "default"});
        world.ok("CreateApp", extended(json!({"DomainId": domain, "UserProfileName": "Alice"}), server));
        let mut types = |input: Value| {
            let listed = world.ok("ListApps", input);
            let listed = listed["Apps"].as_array().unwrap().iter();
            listed.map(|app| text(&app["AppType"])).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(types(json!({"DomainIdEquals": domain, "SortBy": "CreationTime"})), "JupyterServer JupyterLab");
        assert_eq!(types(json!({"UserProfileNameEquals": "alice"})), "JupyterServer");
        assert_eq!(types(json!({"SpaceNameEquals": "lab"})), "JupyterLab");
        let both = json!({"UserProfileNameEquals": "alice", "SpaceNameEquals": "lab"});
        assert_eq!(world.refused("ListApps", both), "ValidationException");
    }
}
