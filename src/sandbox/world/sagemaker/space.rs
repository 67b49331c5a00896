//! Spaces: where apps run that have storage of their own, for one user or for all of a domain.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::app::App;
use super::domain::Domain;
use super::listing::{Item, Page, SortBy, SortOrder, contains};
use super::settings::{self, Settings};
use super::stage::Stage;
use super::tags::{self, Tag, Tags};
use super::{SageMaker, exists, has_dependents, invalid, missing, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, durations};

/// The label of a space's own host name.
const LABEL_ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const LABEL_LENGTH: usize = 15;

/// A space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Space {
    name: String,
    display_name: Option<String>,
    pub settings: Option<Settings>,
    /// `None` for a shared space that nobody owns.
    pub ownership: Option<Ownership>,
    /// The first label of its own host name.
    pub label: String,
    uid: u64,
    pub stage: Stage,
    created: Timestamp,
    modified: Timestamp,
    pub tags: Tags,
}

/// Whose a space is, and who may use it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ownership {
    pub owner: String,
    pub sharing: SharingType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SharingType {
    Private,
    Shared,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateSpace {
    domain_id: String,
    space_name: String,
    space_display_name: Option<String>,
    space_settings: Option<Settings>,
    ownership_settings: Option<OwnershipSettings>,
    space_sharing_settings: Option<SpaceSharingSettings>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OwnershipSettings {
    owner_user_profile_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SpaceSharingSettings {
    sharing_type: SharingType,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SpaceId {
    domain_id: String,
    space_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateSpace {
    domain_id: String,
    space_name: String,
    space_display_name: Option<String>,
    #[serde(default)]
    space_settings: Settings,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListSpaces {
    domain_id_equals: Option<String>,
    space_name_contains: Option<String>,
    #[serde(default)]
    sort_by: SortBy,
    #[serde(default)]
    sort_order: SortOrder,
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl Space {
    /// Whether the user whose name this is, in lower case, owns it.
    pub fn is_owned_by(&self, user_key: &str) -> bool {
        self.ownership.as_ref().is_some_and(|ownership| ownership.owner.to_lowercase() == user_key)
    }

    /// The only type of app that it is for.
    pub fn app_type(&self) -> Option<&str> {
        self.settings.as_ref().and_then(|settings| settings.get("AppType")).and_then(Value::as_str)
    }

    fn common_view(&self, domain_id: &str) -> Value {
        let mut view = json!({
            "DomainId": domain_id,
            "SpaceName": self.name,
            "Status": self.stage.word(),
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
        });
        if let Some(name) = &self.display_name {
            view["SpaceDisplayName"] = json!(name);
        }
        view
    }

    fn summary(&self, domain_id: &str) -> Value {
        let mut view = self.common_view(domain_id);
        if let Some(settings) = &self.settings {
            let kept = ["AppType", "RemoteAccess", "SpaceStorageSettings"];
            let kept = settings.iter().filter(|(member, _)| kept.contains(&member.as_str()));
            view["SpaceSettingsSummary"] = kept.map(|(member, value)| (member.clone(), value.clone())).collect();
        }
        if let Some(Ownership { owner, sharing }) = &self.ownership {
            view["OwnershipSettingsSummary"] = json!({"OwnerUserProfileName": owner});
            view["SpaceSharingSettingsSummary"] = json!({"SharingType": sharing});
        }
        view
    }

    fn view(&self, domain_id: &str, domain: &Domain) -> Value {
        let mut view = self.common_view(domain_id);
        self.stage.put_into(&mut view);
        view["SpaceArn"] = json!(domain.arn_of("space", &self.name));
        view["Url"] = json!(domain.url(&self.label));
        if domain.home.is_some() {
            view["HomeEfsFileSystemUid"] = json!(self.uid.to_string());
        }
        if let Some(settings) = &self.settings {
            view["SpaceSettings"] = json!(settings);
        }
        if let Some(Ownership { owner, sharing }) = &self.ownership {
            view["OwnershipSettings"] = json!({"OwnerUserProfileName": owner});
            view["SpaceSharingSettings"] = json!({"SharingType": sharing});
        }
        view
    }
}

impl Domain {
    /// The space with this name.
    ///
    /// # Errors
    /// `ResourceNotFound`
    pub fn space(&self, name: &str) -> Result<&Space, ApiError> {
        let missing = || missing("Space", &self.arn_of("space", name));
        self.spaces.get(&name.to_lowercase()).ok_or_else(missing)
    }
}

impl SageMaker {
    pub(super) fn create_space(&mut self, context: &mut Context<'_>, request: CreateSpace) -> Answer {
        let domain = self.domain_mut(context, &request.domain_id)?;
        let (name, key) = (request.space_name.clone(), request.space_name.to_lowercase());
        let arn = domain.arn_of("space", &name);
        if domain.spaces.contains_key(&key) {
            return Err(exists("Space", &arn));
        }
        domain.check_in_service()?;
        let ownership = match (request.ownership_settings, request.space_sharing_settings) {
            (Some(ownership), Some(sharing)) => {
                let owner = ownership.owner_user_profile_name;
                domain.user_profile(&owner)?;
                Some(Ownership { owner, sharing: sharing.sharing_type })
            }
            (None, None) => None,
            _ => return Err(invalid("OwnershipSettings and SpaceSharingSettings must be specified together.")),
        };
        let settings = request.space_settings;
        if settings.as_ref().is_some_and(|settings| settings.get("SpaceManagedResources") == Some(&json!("ENABLED"))) {
            return Err(unsupported("spaces whose resources SageMaker makes"));
        }
        let space = Space {
            name,
            display_name: request.space_display_name,
            settings,
            ownership,
            label: context.dice.string(LABEL_ALPHABET, LABEL_LENGTH),
            uid: domain.next_uid(),
            stage: Stage::pending(context.due(durations::SPACE_CREATE)),
            created: context.now,
            modified: context.now,
            tags: tags::of_new(request.tags)?,
        };
        domain.spaces.insert(key, space);
        Ok(json!({"SpaceArn": arn}))
    }

    pub(super) fn describe_space(&self, context: &Context<'_>, request: &SpaceId) -> Answer {
        let domain = self.domain(context, &request.domain_id)?;
        Ok(domain.space(&request.space_name)?.view(&request.domain_id, domain))
    }

    pub(super) fn update_space(&mut self, context: &mut Context<'_>, request: UpdateSpace) -> Answer {
        let domain = self.domain_mut(context, &request.domain_id)?;
        let arn = domain.arn_of("space", &request.space_name);
        let key = request.space_name.to_lowercase();
        let space = domain.spaces.get_mut(&key).ok_or_else(|| missing("Space", &arn))?;
        space.stage.check_in_service("Space", &arn)?;
        let app_type = request.space_settings.get("AppType").and_then(Value::as_str);
        if app_type.is_some_and(|app_type| space.app_type() != Some(app_type)) {
            return Err(invalid("The AppType of a space can't be changed."));
        }
        settings::merge(space.settings.get_or_insert_default(), request.space_settings);
        space.display_name = request.space_display_name.or(space.display_name.take());
        space.stage = Stage::updating(context.due(durations::SPACE_UPDATE));
        space.modified = context.now;
        Ok(json!({"SpaceArn": arn}))
    }

    pub(super) fn delete_space(&mut self, context: &mut Context<'_>, request: &SpaceId) -> Answer {
        let domain = self.domain_mut(context, &request.domain_id)?;
        let arn = domain.arn_of("space", &request.space_name);
        let key = request.space_name.to_lowercase();
        let has_apps = domain.apps.values().any(|app: &App| app.is_active() && app.is_in_space(&key));
        let space = domain.spaces.get_mut(&key).ok_or_else(|| missing("Space", &arn))?;
        if has_apps {
            return Err(has_dependents("Space", &arn, "App"));
        }
        space.stage.check_deletable("Space", &arn)?;
        space.stage = Stage::deleting(context.due(durations::SPACE_DELETE));
        space.modified = context.now;
        Ok(json!({}))
    }

    pub(super) fn list_spaces(&self, request: &ListSpaces) -> Answer {
        let is_meant = |id: &str| request.domain_id_equals.as_ref().is_none_or(|wanted| wanted == id);
        let mut items: Vec<Item> = Vec::new();
        for (id, domain) in self.domains.iter().filter(|(id, _)| is_meant(id)) {
            let spaces = domain.spaces.iter();
            for (key, space) in spaces.filter(|(key, _)| contains(key, request.space_name_contains.as_deref())) {
                let time = match request.sort_by {
                    SortBy::CreationTime => space.created,
                    SortBy::LastModifiedTime => space.modified,
                };
                items.push((time, format!("{id}/{key}"), space.summary(id)));
            }
        }
        let page = Page { order: request.sort_order, most: request.max_results, token: request.next_token.as_deref() };
        page.answer("Spaces", items.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_space_is_pending_in_service_deleting_and_gone() {
        let mut world = Sandbox::new();
        let domain = world.create_domain(json!({}));
        world.create_profile(&domain, "alice");
        let id = json!({"DomainId": domain, "SpaceName": "lab"});
        let storage = json!({"EbsStorageSettings": {"EbsVolumeSizeInGb": 5}});
        let more = json!({
            "SpaceDisplayName": "The lab",
            "SpaceSettings": {"AppType": "JupyterLab", "SpaceStorageSettings": storage},
            "OwnershipSettings": {"OwnerUserProfileName": "alice"},
            "SpaceSharingSettings": {"SharingType": "Private"},
        });
        let made = world.ok("CreateSpace", extended(id.clone(), more.clone()));
        assert_eq!(made["SpaceArn"], format!("arn:aws:sagemaker:us-east-1:111122223333:space/{domain}/lab"));
        let space = world.ok("DescribeSpace", id.clone());
        assert_eq!(space["Status"], "Pending");
        for member in ["SpaceDisplayName", "SpaceSettings", "OwnershipSettings", "SpaceSharingSettings"] {
            assert_eq!(space[member], more[member], "{member}");
        }
        assert!(text(&space["Url"]).ends_with(".studio.us-east-1.sagemaker.aws"), "{space}");
        world.wait(4);
        let listed =
            world.ok("ListSpaces", json!({"DomainIdEquals": domain, "SpaceNameContains": "LA"}))["Spaces"].take();
        assert_eq!((&listed[0]["Status"], listed.as_array().unwrap().len()), (&json!("InService"), 1));
        assert_eq!(listed[0]["SpaceSettingsSummary"], more["SpaceSettings"]);
        assert_eq!(listed[0]["OwnershipSettingsSummary"], more["OwnershipSettings"]);

        let update = |settings: Value| extended(id.clone(), json!({"SpaceSettings": settings}));
        assert_eq!(world.refused("UpdateSpace", update(json!({"AppType": "CodeEditor"}))), "ValidationException");
        world.ok("UpdateSpace", update(json!({"RemoteAccess": "ENABLED"})));
        assert_eq!(world.ok("DescribeSpace", id.clone())["Status"], "Updating");
        world.wait(4);
        let space = world.ok("DescribeSpace", id.clone());
        assert_eq!(
            (&space["SpaceSettings"]["RemoteAccess"], &space["SpaceDisplayName"]),
            (&json!("ENABLED"), &json!("The lab"))
        );

        world.ok("DeleteSpace", id.clone());
        assert_eq!(world.ok("DescribeSpace", id.clone())["Status"], "Deleting");
        world.wait(6);
        assert_eq!(world.refused("DescribeSpace", id), "ResourceNotFound");
    }

    #[test]
    fn what_a_space_cannot_be_is_refused() {
        let mut world = Sandbox::new();
        let domain = world.create_domain(json!({}));
        world.create_profile(&domain, "alice");
        world.create_space(&domain, "Lab", "alice");
        let owner = |name: &str| json!({"OwnerUserProfileName": name});
        let private = json!({"SharingType": "Private"});
        for (more, code) in [
            (json!({"SpaceName": "lAB"}), "ResourceInUse"),
            (json!({"DomainId": "d-none"}), "ResourceNotFound"),
            (json!({"OwnershipSettings": owner("alice")}), "ValidationException"),
            (json!({"SpaceSharingSettings": private}), "ValidationException"),
            (json!({"OwnershipSettings": owner("bob"), "SpaceSharingSettings": private}), "ResourceNotFound"),
            (json!({"SpaceSettings": {"SpaceManagedResources": "ENABLED"}}), "NotImplemented"),
        ] {
            let input = extended(json!({"DomainId": domain, "SpaceName": "other"}), more);
            assert_eq!(world.refused("CreateSpace", input.clone()), code, "{input}");
        }
        for operation in ["DescribeSpace", "UpdateSpace", "DeleteSpace"] {
            let unknown = json!({"DomainId": domain, "SpaceName": "none"});
            assert_eq!(world.refused(operation, unknown), "ResourceNotFound", "{operation}");
        }
    }

    #[test]
    fn a_space_stays_as_long_as_an_app_runs_in_it() {
        let mut world = Sandbox::new();
        let domain = world.create_domain(json!({}));
        world.create_profile(&domain, "alice");
        world.create_space(&domain, "lab", "alice");
        world.ok("CreateApp", world.app_id(&domain, "lab"));
        world.wait(121);
        let space = json!({"DomainId": domain, "SpaceName": "lab"});
        assert_eq!(world.refused("DeleteSpace", space.clone()), "ResourceInUse");
        world.ok("DeleteApp", world.app_id(&domain, "lab"));
        assert_eq!(world.refused("DeleteSpace", space.clone()), "ResourceInUse");
        world.wait(181);
        world.ok("DeleteSpace", space);
    }
}
