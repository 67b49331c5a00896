//! File systems.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tags::{self, Tag, Tags};
use super::{ElasticFileSystem, bad_request, page};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, durations};

/// What an empty file system holds, in bytes.
const EMPTY: u64 = 6144;

/// A file system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileSystem {
    creation_token: String,
    performance_mode: String,
    throughput_mode: String,
    provisioned_throughput_in_mibps: Option<f64>,
    /// `None` if it isn't encrypted.
    kms_key_id: Option<String>,
    /// The zone of a One Zone file system.
    availability_zone_name: Option<String>,
    pub tags: Tags,
    created: Timestamp,
    available_at: Timestamp,
    updated_at: Timestamp,
    gone_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateFileSystem {
    creation_token: String,
    performance_mode: Option<String>,
    #[serde(default)]
    encrypted: bool,
    kms_key_id: Option<String>,
    throughput_mode: Option<String>,
    provisioned_throughput_in_mibps: Option<f64>,
    availability_zone_name: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeFileSystems {
    file_system_id: Option<String>,
    creation_token: Option<String>,
    max_items: Option<usize>,
    marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateFileSystem {
    file_system_id: String,
    throughput_mode: Option<String>,
    provisioned_throughput_in_mibps: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FileSystemId {
    file_system_id: String,
}

impl FileSystem {
    /// An encrypted file system of general purpose that is being made.
    fn new(context: &mut Context<'_>, creation_token: &str, kms_key_id: Option<String>) -> Self {
        let available_at = context.due(durations::FILE_SYSTEM_CREATE);
        let kms_key_id = kms_key_id.unwrap_or_else(|| {
            let aws_managed = context.dice.uuid();
            context.arn("kms", &format!("key/{aws_managed}"))
        });
        Self {
            creation_token: creation_token.to_owned(),
            performance_mode: "generalPurpose".into(),
            throughput_mode: "bursting".into(),
            provisioned_throughput_in_mibps: None,
            kms_key_id: Some(kms_key_id),
            availability_zone_name: None,
            tags: Tags::new(),
            created: context.now,
            available_at,
            updated_at: available_at,
            gone_at: None,
        }
    }

    /// Whether its deletion is over.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.gone_at.is_some_and(|gone_at| gone_at <= now)
    }

    /// Refuses to go on with a file system that isn't available.
    pub fn check_available(&self, id: &str, now: Timestamp) -> Result<(), ApiError> {
        match self.state(now) {
            "available" => Ok(()),
            state => {
                let message = format!("File system '{id}' is in the life cycle state '{state}'.");
                Err(ApiError::new("IncorrectFileSystemLifeCycleState", message))
            }
        }
    }

    /// The zone that its one mount target must lie in, if it is kept in one zone only.
    pub fn only_zone(&self) -> Option<&str> {
        self.availability_zone_name.as_deref()
    }

    fn state(&self, now: Timestamp) -> &'static str {
        if self.gone_at.is_some() {
            "deleting"
        } else if now < self.available_at {
            "creating"
        } else if now < self.updated_at {
            "updating"
        } else {
            "available"
        }
    }

    fn view(&self, context: &Context<'_>, id: &str, mount_targets: usize) -> Value {
        let mut view = json!({
            "OwnerId": context.account,
            "CreationToken": self.creation_token,
            "FileSystemId": id,
            "FileSystemArn": arn(context, id),
            "CreationTime": self.created,
            "LifeCycleState": self.state(context.now),
            "NumberOfMountTargets": mount_targets,
            "SizeInBytes": {"Value": EMPTY, "ValueInIA": 0, "ValueInStandard": EMPTY, "ValueInArchive": 0},
            "PerformanceMode": self.performance_mode,
            "Encrypted": self.kms_key_id.is_some(),
            "ThroughputMode": self.throughput_mode,
            "Tags": tags::view(&self.tags),
            "FileSystemProtection": {"ReplicationOverwriteProtection": "ENABLED"},
        });
        let optional = [
            ("Name", self.tags.get("Name").map(|name| json!(name))),
            ("KmsKeyId", self.kms_key_id.as_ref().map(|key| json!(key))),
            ("ProvisionedThroughputInMibps", self.provisioned_throughput_in_mibps.map(|mibps| json!(mibps))),
            ("AvailabilityZoneName", self.availability_zone_name.as_ref().map(|zone| json!(zone))),
        ];
        for (member, value) in optional {
            if let Some(value) = value {
                view[member] = value;
            }
        }
        view
    }
}

impl ElasticFileSystem {
    /// Makes a file system; returns its id.
    pub fn add_file_system(
        &mut self,
        context: &mut Context<'_>,
        creation_token: &str,
        kms_key_id: Option<String>,
        tags: Tags,
    ) -> String {
        let file_system = FileSystem { tags, ..FileSystem::new(context, creation_token, kms_key_id) };
        let id = context.dice.id("fs");
        self.file_systems.insert(id.clone(), file_system);
        id
    }

    /// Removes a file system at once, if it is there; refuses to while it has mount targets.
    ///
    /// # Errors
    /// `FileSystemInUse`
    pub fn remove_file_system(&mut self, id: &str) -> Result<(), ApiError> {
        self.check_unused(id)?;
        self.file_systems.remove(id);
        Ok(())
    }

    pub(super) fn create_file_system(&mut self, context: &mut Context<'_>, request: CreateFileSystem) -> Answer {
        let token = request.creation_token;
        let mut others = self.file_systems.iter();
        if let Some((id, _)) = others.find(|(_, other)| other.creation_token == token) {
            let message = format!("File system '{id}' already exists with creation token '{token}'");
            return Err(ApiError::new("FileSystemAlreadyExists", message));
        }
        if request.kms_key_id.is_some() && !request.encrypted {
            return Err(bad_request("A KMS key can be specified for an encrypted file system only."));
        }
        let throughput_mode = request.throughput_mode.unwrap_or_else(|| "bursting".into());
        check_throughput(&throughput_mode, request.provisioned_throughput_in_mibps)?;
        let performance_mode = request.performance_mode.unwrap_or_else(|| "generalPurpose".into());
        let one_zone = request.availability_zone_name.is_some();
        if performance_mode == "maxIO" && (one_zone || throughput_mode == "elastic") {
            let message = "The performance mode maxIO is not supported with One Zone storage or elastic throughput.";
            return Err(bad_request(message));
        }
        let mut tags = Tags::new();
        tags::put(&mut tags, request.tags)?;

        let made = FileSystem::new(context, &token, request.kms_key_id);
        let file_system = FileSystem {
            performance_mode,
            throughput_mode,
            provisioned_throughput_in_mibps: request.provisioned_throughput_in_mibps,
            kms_key_id: made.kms_key_id.clone().filter(|_| request.encrypted),
            availability_zone_name: request.availability_zone_name,
            tags,
            ..made
        };
        let id = context.dice.id("fs");
        let view = file_system.view(context, &id, 0);
        self.file_systems.insert(id, file_system);
        Ok(view)
    }

    pub(super) fn describe_file_systems(&self, context: &Context<'_>, request: DescribeFileSystems) -> Answer {
        let id = request.file_system_id.as_deref().map(|id| id_in(context, id));
        let token = request.creation_token;
        let is_meant = |(own_id, own): &(&String, &FileSystem)| {
            id.is_none_or(|id| id == *own_id) && token.as_ref().is_none_or(|token| *token == own.creation_token)
        };
        let found: Vec<_> = self.file_systems.iter().filter(is_meant).map(|(id, _)| self.view(context, id)).collect();
        match id.or(token.as_deref()) {
            Some(sought) if found.is_empty() => Err(missing(sought)),
            _ => page("FileSystems", "FileSystemId", found, request.max_items, request.marker.as_deref()),
        }
    }

    pub(super) fn update_file_system(&mut self, context: &mut Context<'_>, request: UpdateFileSystem) -> Answer {
        let updated_at = context.due(durations::FILE_SYSTEM_UPDATE);
        let id = id_in(context, &request.file_system_id).to_owned();
        let file_system = self.file_system_mut(context, &id)?;
        file_system.check_available(&id, context.now)?;
        let mode = request.throughput_mode.unwrap_or_else(|| file_system.throughput_mode.clone());
        check_throughput(&mode, request.provisioned_throughput_in_mibps)?;
        if mode == "elastic" && file_system.performance_mode == "maxIO" {
            return Err(bad_request("Elastic throughput is not supported with the performance mode maxIO."));
        }
        file_system.throughput_mode = mode;
        file_system.provisioned_throughput_in_mibps = request.provisioned_throughput_in_mibps;
        file_system.updated_at = updated_at;
        Ok(self.view(context, &id))
    }

    pub(super) fn delete_file_system(&mut self, context: &mut Context<'_>, request: FileSystemId) -> Answer {
        let gone_at = context.due(durations::FILE_SYSTEM_DELETE);
        let id = id_in(context, &request.file_system_id);
        self.check_unused(id)?;
        self.file_system_mut(context, id)?.gone_at.get_or_insert(gone_at);
        Ok(json!({}))
    }

    /// The file system with this id or ARN.
    pub(super) fn file_system_mut(&mut self, context: &Context<'_>, id: &str) -> Result<&mut FileSystem, ApiError> {
        self.file_systems.get_mut(id_in(context, id)).ok_or_else(|| missing(id))
    }

    fn check_unused(&self, id: &str) -> Result<(), ApiError> {
        if self.mount_targets_of(id).next().is_some() {
            let message = format!("File system '{id}' has mount targets and can't be deleted.");
            return Err(ApiError::new("FileSystemInUse", message));
        }
        Ok(())
    }

    fn view(&self, context: &Context<'_>, id: &str) -> Value {
        let mount_targets = self.mount_targets_of(id).count();
        self.file_systems.get(id).map_or(Value::Null, |file_system| file_system.view(context, id, mount_targets))
    }
}

fn check_throughput(mode: &str, provisioned: Option<f64>) -> Result<(), ApiError> {
    if (mode == "provisioned") == provisioned.is_some() {
        return Ok(());
    }
    let message = "ProvisionedThroughputInMibps is required with the throughput mode provisioned, and with no other.";
    Err(bad_request(message))
}

/// The id in a file system's ARN, or the id itself.
pub fn id_in<'a>(context: &Context<'_>, id: &'a str) -> &'a str {
    id.strip_prefix(&arn(context, "")).unwrap_or(id)
}

fn arn(context: &Context<'_>, id: &str) -> String {
    context.arn("elasticfilesystem", &format!("file-system/{id}"))
}

pub fn missing(id: &str) -> ApiError {
    ApiError::new("FileSystemNotFound", format!("File system '{id}' does not exist."))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_file_system_is_creating_available_deleting_and_gone() {
        let mut world = Sandbox::new();
        let before = world.standing();
        let made = world.ok("CreateFileSystem", json!({"CreationToken": "a", "Encrypted": true}));
        let id = &made["FileSystemId"];
        assert!(id.as_str().unwrap().starts_with("fs-0") && id.as_str().unwrap().len() == 20, "{id}");
        assert_eq!((&made["LifeCycleState"], &made["ThroughputMode"]), (&json!("creating"), &json!("bursting")));
        assert!(made["KmsKeyId"].as_str().unwrap().starts_with("arn:aws:kms:us-east-1:111122223333:key/"));
        world.wait(6);
        assert_eq!(world.file_system(id)["LifeCycleState"], "available");

        world.ok("DeleteFileSystem", json!({"FileSystemId": id}));
        assert_eq!(world.file_system(id)["LifeCycleState"], "deleting");
        world.wait(6);
        assert_eq!(world.refused("DescribeFileSystems", json!({"FileSystemId": id})), "FileSystemNotFound");
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn a_creation_token_makes_one_file_system_and_names_it() {
        let mut world = Sandbox::new();
        let id = world.create_file_system("a");
        let refusal = world.call("CreateFileSystem", json!({"CreationToken": "a", "Encrypted": true})).unwrap_err();
        assert_eq!(refusal.code, "FileSystemAlreadyExists");
        assert!(refusal.message.contains(&id), "{refusal}");
        let found = world.ok("DescribeFileSystems", json!({"CreationToken": "a"}));
        assert_eq!(found["FileSystems"][0]["FileSystemId"], id);
        assert_eq!(world.refused("DescribeFileSystems", json!({"CreationToken": "b"})), "FileSystemNotFound");
    }

    #[test]
    fn file_systems_are_found_by_arn_and_come_in_pages() {
        let mut world = Sandbox::new();
        let mut made = ["a", "b", "c"].map(|token| world.create_file_system(token));
        made.sort_unstable();
        let first = world.ok("DescribeFileSystems", json!({"MaxItems": 2}));
        let ids = |page: &Value| -> Vec<String> {
            let found = page["FileSystems"].as_array().unwrap().iter();
            found.map(|one| one["FileSystemId"].as_str().unwrap().to_owned()).collect()
        };
        let rest = world.ok("DescribeFileSystems", json!({"MaxItems": 2, "Marker": first["NextMarker"]}));
        assert_eq!([ids(&first), ids(&rest)].concat(), made);
        assert_eq!((&rest["Marker"], rest.get("NextMarker")), (&first["NextMarker"], None));
        let arn = &first["FileSystems"][0]["FileSystemArn"];
        assert_eq!(ids(&world.ok("DescribeFileSystems", json!({"FileSystemId": arn}))), made[..1]);
        assert_eq!(world.refused("DescribeFileSystems", json!({"Marker": "?"})), "BadRequest");
    }

    #[test]
    fn its_throughput_changes_and_takes_a_while() {
        let mut world = Sandbox::new();
        let id = json!(world.create_file_system("a"));
        let update = |mode: &str| json!({"FileSystemId": id, "ThroughputMode": mode});
        assert_eq!(world.refused("UpdateFileSystem", update("provisioned")), "BadRequest");
        let mut provisioned = update("provisioned");
        provisioned["ProvisionedThroughputInMibps"] = json!(8.5);
        let updated = world.ok("UpdateFileSystem", provisioned);
        assert_eq!(updated["LifeCycleState"], "updating");
        assert_eq!(updated["ProvisionedThroughputInMibps"], 8.5);
        assert_eq!(world.refused("UpdateFileSystem", update("elastic")), "IncorrectFileSystemLifeCycleState");
        world.wait(11);
        assert_eq!(world.ok("UpdateFileSystem", update("elastic")).get("ProvisionedThroughputInMibps"), None);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let mut world = Sandbox::new();
        for more in [
            json!({"KmsKeyId": "alias/mine"}),
            json!({"ThroughputMode": "provisioned"}),
            json!({"ProvisionedThroughputInMibps": 1.0}),
            json!({"PerformanceMode": "maxIO", "ThroughputMode": "elastic"}),
            json!({"PerformanceMode": "maxIO", "AvailabilityZoneName": "us-east-1a"}),
            json!({"Tags": [{"Key": "aws:x", "Value": "v"}]}),
        ] {
            let mut input = json!({"CreationToken": "a"});
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            assert_eq!(world.refused("CreateFileSystem", input), "BadRequest", "{more}");
        }
        assert_eq!(world.refused("CreateFileSystem", json!({"CreationToken": "a", "Backup": true})), "NotImplemented");
        assert_eq!(world.refused("DeleteFileSystem", json!({"FileSystemId": "fs-01234567"})), "FileSystemNotFound");
    }
}
