//! EBS volumes.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::{Ec2, Input, Kind, Operation, instance, invalid, missing_parameter, tags, zones};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice, durations, later};

pub const KIND: Kind = Kind {
    prefix: "vol",
    resource_type: "volume",
    label: "volume",
    not_found: "InvalidVolume.NotFound",
    malformed: "InvalidParameterValue",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateVolume",
        members: &[
            "AvailabilityZone",
            "AvailabilityZoneId",
            "ClientToken",
            "Encrypted",
            "Iops",
            "KmsKeyId",
            "Size",
            "TagSpecifications",
            "Throughput",
            "VolumeType",
        ],
        run: Ec2::create_volume,
    },
    Operation { name: "DeleteVolume", members: &["VolumeId"], run: Ec2::delete_volume },
    Operation {
        name: "DescribeVolumes",
        members: &["VolumeIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_volumes,
    },
    Operation {
        name: "ModifyVolume",
        members: &["VolumeId", "Size", "VolumeType", "Iops", "Throughput"],
        run: Ec2::modify_volume,
    },
    Operation {
        name: "DetachVolume",
        members: &["VolumeId", "InstanceId", "Device", "Force"],
        run: Ec2::detach_volume,
    },
];

const LISTING: Listing = Listing {
    ids: Some(("VolumeIds", &KIND)),
    result: "Volumes",
    key: &["VolumeId"],
    most: 1000,
    filters: &[
        ("attachment.attach-time", "Attachments.AttachTime"),
        ("attachment.delete-on-termination", "Attachments.DeleteOnTermination"),
        ("attachment.device", "Attachments.Device"),
        ("attachment.instance-id", "Attachments.InstanceId"),
        ("attachment.status", "Attachments.State"),
        ("availability-zone", "AvailabilityZone"),
        ("availability-zone-id", "AvailabilityZoneId"),
        ("create-time", "CreateTime"),
        ("encrypted", "Encrypted"),
        ("multi-attach-enabled", "MultiAttachEnabled"),
        ("size", "Size"),
        ("snapshot-id", "SnapshotId"),
        ("status", "State"),
        ("volume-id", "VolumeId"),
        ("volume-type", "VolumeType"),
    ],
};

/// How often a volume may be modified within a day.
const MODIFICATIONS: usize = 4;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Volume {
    pub disk: Disk,
    pub availability_zone: String,
    pub availability_zone_id: String,
    pub created: Timestamp,
    /// When it is no longer `creating`.
    pub available_at: Timestamp,
    pub attachment: Option<Attachment>,
    /// When it was modified, within the last day.
    pub modified: Vec<Timestamp>,
}

/// What a volume is asked to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Disk {
    /// GiB.
    pub size: i64,
    /// `gp3`, `io2`, …
    pub volume_type: String,
    pub iops: Option<i64>,
    /// MiB a second.
    pub throughput: Option<i64>,
    pub encrypted: bool,
    /// An ARN.
    pub kms_key_id: Option<String>,
    pub snapshot_id: Option<String>,
}

/// A volume's place in an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attachment {
    pub instance_id: String,
    pub device: String,
    pub delete_on_termination: bool,
    pub attach_time: Timestamp,
}

/// What a type of volume can be: sizes, and rates where they can be chosen.
struct Limits {
    volume_type: &'static str,
    /// GiB.
    sizes: (i64, i64),
    /// The least, which is also the default if there is one, and the most.
    iops: Option<(i64, i64)>,
    /// The most for each GiB, above the least.
    iops_per_gib: i64,
    throughput: Option<(i64, i64)>,
}

const LIMITS: &[Limits] = &[
    Limits { volume_type: "gp2", sizes: (1, 16_384), iops: None, iops_per_gib: 0, throughput: None },
    Limits {
        volume_type: "gp3",
        sizes: (1, 65_536),
        iops: Some((3000, 80_000)),
        iops_per_gib: 500,
        throughput: Some((125, 2000)),
    },
    Limits { volume_type: "io1", sizes: (4, 16_384), iops: Some((100, 64_000)), iops_per_gib: 50, throughput: None },
    Limits { volume_type: "io2", sizes: (4, 65_536), iops: Some((100, 256_000)), iops_per_gib: 1000, throughput: None },
    Limits { volume_type: "sc1", sizes: (125, 16_384), iops: None, iops_per_gib: 0, throughput: None },
    Limits { volume_type: "st1", sizes: (125, 16_384), iops: None, iops_per_gib: 0, throughput: None },
    Limits { volume_type: "standard", sizes: (1, 1024), iops: None, iops_per_gib: 0, throughput: None },
];

impl Disk {
    /// What the members of an EBS block device ask for; what they leave out is as in `base`, that of a snapshot.
    ///
    /// # Errors
    /// A size, a rate or a key that doesn't go with the type; `InvalidBlockDeviceMapping` for less than the snapshot.
    pub fn from_input(
        context: &Context<'_>,
        input: Input<'_>,
        size: &str,
        base: Option<&Disk>,
    ) -> Result<Self, ApiError> {
        let wanted =
            input.number(size).or(base.map(|base| base.size)).ok_or_else(|| missing_parameter("size/snapshot"))?;
        if let Some(base) = base.filter(|base| wanted < base.size) {
            let message = format!(
                "Volume of size {wanted}GB is smaller than snapshot '{}', expect size >= {}GB",
                base.snapshot_id.as_deref().unwrap_or_default(),
                base.size
            );
            return Err(ApiError::new("InvalidBlockDeviceMapping", message));
        }
        let volume_type = input.text("VolumeType").or(base.map(|base| base.volume_type.as_str())).unwrap_or("gp2");
        let encrypted = input.flag("Encrypted");
        let key = input.text("KmsKeyId");
        if key.is_some() && !encrypted {
            let message = "The parameter KmsKeyId requires the parameter Encrypted to be set.";
            return Err(ApiError::new("InvalidParameterDependency", message));
        }
        let mut disk = Self {
            size: wanted,
            volume_type: volume_type.into(),
            iops: input.number("Iops"),
            throughput: input.number("Throughput"),
            encrypted,
            kms_key_id: encrypted.then(|| kms_key_arn(context, key)),
            snapshot_id: base.and_then(|base| base.snapshot_id.clone()),
        };
        disk.check()?;
        Ok(disk)
    }

    /// Checks the size and the rates, and fills in the rates that the type begins with.
    fn check(&mut self) -> Result<(), ApiError> {
        let volume_type = self.volume_type.as_str();
        let limits = LIMITS.iter().find(|limits| limits.volume_type == volume_type);
        let limits = limits.ok_or_else(|| invalid(format!("Invalid volume type: {volume_type}")))?;
        let (least, most) = limits.sizes;
        if !(least..=most).contains(&self.size) {
            let message =
                format!("Volume of {}GiB is not between {least} and {most} GiB, as {volume_type} takes.", self.size);
            return Err(invalid(message));
        }
        if volume_type.starts_with("io") && self.iops.is_none() {
            return Err(missing_parameter("iops"));
        }
        self.iops = checked_rate("iops", volume_type, self.iops, limits.iops)?;
        if let Some((iops, (least, _))) = self.iops.zip(limits.iops)
            && iops > least.max(limits.iops_per_gib * self.size)
        {
            let ratio = iops as f64 / self.size as f64;
            let message =
                format!("Iops to volume size ratio of {ratio:.6} is too high; maximum is {}.", limits.iops_per_gib);
            return Err(invalid(message));
        }
        self.throughput = checked_rate("throughput", volume_type, self.throughput, limits.throughput)?;
        if self.throughput.zip(self.iops).is_some_and(|(throughput, iops)| throughput * 4 > iops) {
            return Err(invalid("The throughput in MiB/s can be at most a quarter of the iops."));
        }
        Ok(())
    }

    /// The rate as it is answered: some types' follows from the size.
    fn effective_iops(&self) -> Option<i64> {
        match self.volume_type.as_str() {
            "gp2" => Some((3 * self.size).clamp(100, 16_000)),
            _ => self.iops,
        }
    }
}

fn checked_rate(
    parameter: &str,
    volume_type: &str,
    rate: Option<i64>,
    range: Option<(i64, i64)>,
) -> Result<Option<i64>, ApiError> {
    let Some((least, most)) = range else {
        return match rate {
            None => Ok(None),
            Some(_) => {
                let message = format!("The parameter {parameter} is not supported for {volume_type} volumes.");
                Err(ApiError::new("InvalidParameterCombination", message))
            }
        };
    };
    let rate = rate.unwrap_or(least);
    if !(least..=most).contains(&rate) {
        return Err(invalid(format!("Volume {parameter} of {rate} is not between {least} and {most}.")));
    }
    Ok(Some(rate))
}

/// The ARN of the named key, or of the one that AWS keeps for EBS.
fn kms_key_arn(context: &Context<'_>, key: Option<&str>) -> String {
    match key {
        Some(arn) if arn.starts_with("arn:") => arn.into(),
        Some(alias) if alias.starts_with("alias/") => context.arn("kms", alias),
        Some(id) => context.arn("kms", &format!("key/{id}")),
        None => {
            let id = Dice::labelled(0, &[context.account, context.region, "aws/ebs"]).uuid();
            context.arn("kms", &format!("key/{id}"))
        }
    }
}

impl Ec2 {
    /// Adds a volume that is attached to an instance; returns its id.
    pub(super) fn add_attached_volume(
        &mut self,
        context: &mut Context<'_>,
        disk: Disk,
        zone: (&str, &str),
        attachment: Attachment,
    ) -> String {
        let volume = Volume {
            disk,
            availability_zone: zone.0.into(),
            availability_zone_id: zone.1.into(),
            created: context.now,
            available_at: context.now,
            attachment: Some(attachment),
            modified: Vec::new(),
        };
        let id = context.dice.id(KIND.prefix);
        self.volumes.insert(id.clone(), volume);
        id
    }

    /// The volumes of an instance with their attachments, by device.
    pub(super) fn volumes_of(&self, instance_id: &str) -> Vec<(&str, &Attachment)> {
        let attached = self.volumes.iter().filter_map(|(id, volume)| Some((id.as_str(), volume.attachment.as_ref()?)));
        let mut attached: Vec<_> = attached.filter(|(_, attachment)| attachment.instance_id == instance_id).collect();
        attached.sort_by(|(_, one), (_, other)| one.device.cmp(&other.device));
        attached
    }

    /// Takes the volumes from an instance that has ended, and deletes those that go with it.
    pub(super) fn release_volumes(&mut self, instance_id: &str) {
        self.volumes.retain(|_, volume| {
            let Some(attachment) = volume.attachment.take_if(|attachment| attachment.instance_id == instance_id) else {
                return true;
            };
            !attachment.delete_on_termination
        });
    }

    fn create_volume(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let zone = zones::named(context.region, input)?.ok_or_else(|| missing_parameter("AvailabilityZone"))?;
        let disk = Disk::from_input(context, input, "Size", None)?;
        let tags = tags::from_specifications(input, &KIND)?;
        let volume = Volume {
            disk,
            availability_zone: zone.name,
            availability_zone_id: zone.id,
            created: context.now,
            available_at: context.due(durations::VOLUME_CREATE),
            attachment: None,
            modified: Vec::new(),
        };
        let id = context.dice.id(KIND.prefix);
        self.volumes.insert(id.clone(), volume);
        self.tag(&id, tags);
        Ok(self.volume_view(context, &id, &self.volumes[&id]))
    }

    fn delete_volume(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("VolumeId")?;
        if let Some(attachment) = &KIND.find(&self.volumes, id)?.attachment {
            let message = format!("Volume {id} is currently attached to {}", attachment.instance_id);
            return Err(ApiError::new("VolumeInUse", message));
        }
        self.volumes.remove(id);
        self.drop_stray_tags();
        Ok(json!({}))
    }

    fn describe_volumes(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        if !input.list("VolumeIds").is_empty() && input.number("MaxResults").is_some() {
            let message = "The parameter volumeSet cannot be used with the parameter maxResults";
            return Err(ApiError::new("InvalidParameterCombination", message));
        }
        let volumes = self.volumes.iter();
        LISTING.answer(input, volumes.map(|(id, volume)| self.volume_view(context, id, volume)).collect())
    }

    fn modify_volume(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("VolumeId")?;
        let volume = KIND.find_mut(&mut self.volumes, id)?;
        if context.now < volume.available_at {
            return Err(ApiError::new("IncorrectState", format!("Volume {id} is still being created.")));
        }
        volume.modified.retain(|at| later(*at, DAY) > context.now);
        if volume.modified.len() >= MODIFICATIONS {
            let message = "You've reached the maximum modification rate per volume limit.";
            return Err(ApiError::new("VolumeModificationRateExceeded", message));
        }
        let old = volume.disk.clone();
        let size = input.number("Size").unwrap_or(old.size);
        if size < old.size {
            return Err(invalid("New size cannot be smaller than existing size"));
        }
        let volume_type = input.text("VolumeType").unwrap_or(&old.volume_type);
        let kept = |rate: Option<i64>| rate.filter(|_| volume_type == old.volume_type);
        let mut disk = Disk {
            size,
            volume_type: volume_type.into(),
            iops: input.number("Iops").or(kept(old.iops)),
            throughput: input.number("Throughput").or(kept(old.throughput)),
            ..old.clone()
        };
        disk.check()?;
        volume.modified.push(context.now);
        volume.disk = disk.clone();
        let mut view = json!({
            "ModificationState": "modifying",
            "OriginalMultiAttachEnabled": false,
            "OriginalSize": old.size,
            "OriginalVolumeType": old.volume_type,
            "Progress": 0,
            "StartTime": context.now,
            "TargetMultiAttachEnabled": false,
            "TargetSize": disk.size,
            "TargetVolumeType": disk.volume_type,
            "VolumeId": id,
        });
        for (member, rate) in [
            ("OriginalIops", old.effective_iops()),
            ("OriginalThroughput", old.throughput),
            ("TargetIops", disk.effective_iops()),
            ("TargetThroughput", disk.throughput),
        ] {
            if let Some(rate) = rate {
                view[member] = json!(rate);
            }
        }
        Ok(json!({"VolumeModification": view}))
    }

    fn detach_volume(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("VolumeId")?;
        let volume = KIND.find(&self.volumes, id)?;
        let is_meant = |attachment: &&Attachment| {
            input.text("InstanceId").is_none_or(|wanted| wanted == attachment.instance_id)
                && input.text("Device").is_none_or(|wanted| wanted == attachment.device)
        };
        let Some(attachment) = volume.attachment.as_ref().filter(is_meant) else {
            return Err(ApiError::new("IncorrectState", format!("Volume '{id}' is in the 'available' state.")));
        };
        let instance = instance::KIND.find(&self.instances, &attachment.instance_id)?;
        if attachment.device == instance.root_device_name && !instance.is_stopped() {
            let message = format!("Unable to detach root volume '{id}' from instance '{}'", attachment.instance_id);
            return Err(ApiError::new("OperationNotPermitted", message));
        }
        let mut view = attachment_view(id, attachment);
        view["State"] = json!("detaching");
        let volume = KIND.find_mut(&mut self.volumes, id)?;
        volume.attachment = None;
        volume.available_at = context.now;
        Ok(view)
    }

    fn volume_view(&self, context: &Context<'_>, id: &str, volume: &Volume) -> Value {
        let disk = &volume.disk;
        let attachments = volume.attachment.iter().map(|attachment| attachment_view(id, attachment));
        let state = match volume.attachment {
            Some(_) => "in-use",
            None if context.now < volume.available_at => "creating",
            None => "available",
        };
        let mut view = json!({
            "Attachments": attachments.collect::<Vec<_>>(),
            "AvailabilityZone": volume.availability_zone,
            "AvailabilityZoneId": volume.availability_zone_id,
            "CreateTime": volume.created,
            "Encrypted": disk.encrypted,
            "MultiAttachEnabled": false,
            "Size": disk.size,
            "SnapshotId": disk.snapshot_id.as_deref().unwrap_or_default(),
            "State": state,
            "Tags": self.tags_view(id),
            "VolumeId": id,
            "VolumeType": disk.volume_type,
        });
        for (member, rate) in [("Iops", disk.effective_iops()), ("Throughput", disk.throughput)] {
            if let Some(rate) = rate {
                view[member] = json!(rate);
            }
        }
        if let Some(key) = &disk.kms_key_id {
            view["KmsKeyId"] = json!(key);
        }
        view
    }
}

fn attachment_view(id: &str, attachment: &Attachment) -> Value {
    json!({
        "AttachTime": attachment.attach_time,
        "DeleteOnTermination": attachment.delete_on_termination,
        "Device": attachment.device,
        "InstanceId": attachment.instance_id,
        "State": "attached",
        "VolumeId": id,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn iops_are_bounded_by_the_size() {
        let mut world = Sandbox::new();
        let mut create = |kind: &str, size: i64, iops: i64| {
            let input = json!({"AvailabilityZone": "us-east-1a", "VolumeType": kind, "Size": size, "Iops": iops});
            world.call("CreateVolume", input).map(drop).map_err(|error| error.code)
        };
        for (kind, size, most) in [("gp3", 1, 3000), ("gp3", 8, 4000), ("io1", 4, 200), ("io2", 4, 4000)] {
            assert_eq!(create(kind, size, most), Ok(()), "{kind}");
            assert_eq!(create(kind, size, most + 1), Err("InvalidParameterValue".into()), "{kind}");
        }
    }

    fn create(world: &mut Sandbox, more: Value) -> String {
        let mut input = json!({"AvailabilityZone": "us-east-1a", "Size": 10, "VolumeType": "gp3"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.ok("CreateVolume", input)["VolumeId"].as_str().unwrap().to_owned()
    }

    fn describe(world: &mut Sandbox, id: &str) -> Value {
        world.ok("DescribeVolumes", json!({"VolumeIds": [id]}))["Volumes"][0].clone()
    }

    #[test]
    fn a_new_volume_is_creating_at_first_and_has_the_rates_of_its_type() {
        let mut world = Sandbox::new();
        let tags = json!([{"ResourceType": "volume", "Tags": [{"Key": "lab", "Value": "x"}]}]);
        let id = create(&mut world, json!({"Encrypted": true, "TagSpecifications": tags}));
        let volume = describe(&mut world, &id);
        assert_eq!((&volume["State"], &volume["AvailabilityZoneId"]), (&json!("creating"), &json!("use1-az1")));
        assert_eq!((&volume["Iops"], &volume["Throughput"]), (&json!(3000), &json!(125)));
        assert_eq!(volume["Tags"], json!([{"Key": "lab", "Value": "x"}]));
        world.wait(2);
        assert_eq!(describe(&mut world, &id)["State"], "available");
        world.ok("DeleteVolume", json!({"VolumeId": id}));
        assert_eq!(world.refused("DeleteVolume", json!({"VolumeId": id})), "InvalidVolume.NotFound");
        let old = create(&mut world, json!({"VolumeType": "gp2", "Size": 100}));
        let old = describe(&mut world, &old);
        assert_eq!((&old["Iops"], old.get("Throughput")), (&json!(300), None));
    }

    #[test]
    fn a_volume_in_use_is_not_deleted_and_a_root_is_detached_only_from_a_stopped_instance() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let data = json!({"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 5}});
        let id = world.launch(&subnet, json!({"BlockDeviceMappings": [data]}));
        world.wait(12);
        let mappings = world.instance(&id)["BlockDeviceMappings"].clone();
        let (data, root) = (mappings[0]["Ebs"]["VolumeId"].clone(), mappings[1]["Ebs"]["VolumeId"].clone());
        assert_eq!(world.refused("DeleteVolume", json!({"VolumeId": data})), "VolumeInUse");
        assert_eq!(world.ok("DetachVolume", json!({"VolumeId": data}))["State"], "detaching");
        assert_eq!(world.refused("DetachVolume", json!({"VolumeId": data})), "IncorrectState");
        world.ok("DeleteVolume", json!({"VolumeId": data}));
        assert_eq!(world.refused("DetachVolume", json!({"VolumeId": root})), "OperationNotPermitted");
        world.ok("StopInstances", json!({"InstanceIds": [id]}));
        world.wait(30);
        world.ok("DetachVolume", json!({"VolumeId": root}));
    }

    #[test]
    fn a_volume_grows_and_changes_its_type_four_times_a_day() {
        let mut world = Sandbox::new();
        let id = create(&mut world, json!({}));
        let modify = |more: Value| {
            let mut input = json!({"VolumeId": id});
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            input
        };
        assert_eq!(world.refused("ModifyVolume", modify(json!({"Size": 20}))), "IncorrectState");
        world.wait(2);
        assert_eq!(world.refused("ModifyVolume", modify(json!({"Size": 9}))), "InvalidParameterValue");
        let grown = world.ok("ModifyVolume", modify(json!({"Size": 20, "Iops": 4000})))["VolumeModification"].clone();
        assert_eq!((&grown["OriginalSize"], &grown["TargetSize"]), (&json!(10), &json!(20)));
        world.ok("ModifyVolume", modify(json!({"VolumeType": "gp2"})));
        let volume = describe(&mut world, &id);
        assert_eq!((&volume["VolumeType"], &volume["Iops"]), (&json!("gp2"), &json!(100)));
        world.ok("ModifyVolume", modify(json!({"Size": 21})));
        world.ok("ModifyVolume", modify(json!({"Size": 22})));
        assert_eq!(world.refused("ModifyVolume", modify(json!({"Size": 23}))), "VolumeModificationRateExceeded");
        world.wait(24 * 3600);
        world.ok("ModifyVolume", modify(json!({"Size": 23})));
    }
}
