//! Mount targets: the addresses in a VPC where a file system is reached.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::file_system::{id_in, missing as missing_file_system};
use super::{ElasticFileSystem, bad_request, page};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::ec2::{Attachment, Ec2, NetworkInterface};
use crate::sandbox::world::{Context, durations};

/// A mount target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MountTarget {
    pub file_system_id: String,
    subnet_id: String,
    vpc_id: String,
    availability_zone_name: String,
    availability_zone_id: String,
    ip_address: Ipv4Addr,
    pub network_interface_id: String,
    available_at: Timestamp,
    gone_at: Option<Timestamp>,
}

/// Where a mount target shall be.
pub struct Place<'a> {
    pub subnet_id: &'a str,
    /// An address of the subnet; `None` for one of AWS's choice.
    pub ip: Option<Ipv4Addr>,
    /// The VPC's default group if there are none.
    pub groups: &'a [&'a str],
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateMountTarget {
    file_system_id: String,
    subnet_id: String,
    ip_address: Option<String>,
    #[serde(rename = "IpAddressType")]
    _type: Option<AddressType>,
    #[serde(default)]
    security_groups: Vec<String>,
}

/// What is modelled of IPV4_ONLY, IPV6_ONLY and DUAL_STACK.
#[derive(Deserialize)]
enum AddressType {
    #[serde(rename = "IPV4_ONLY")]
    Ipv4Only,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeMountTargets {
    file_system_id: Option<String>,
    mount_target_id: Option<String>,
    access_point_id: Option<String>,
    max_items: Option<usize>,
    marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MountTargetId {
    mount_target_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ModifyGroups {
    mount_target_id: String,
    #[serde(default)]
    security_groups: Vec<String>,
}

impl MountTarget {
    /// Whether its deletion is over.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.gone_at.is_some_and(|gone_at| gone_at <= now)
    }

    fn view(&self, context: &Context<'_>, id: &str) -> Value {
        let state = match self.gone_at {
            Some(_) => "deleting",
            None if context.now < self.available_at => "creating",
            None => "available",
        };
        json!({
            "OwnerId": context.account,
            "MountTargetId": id,
            "FileSystemId": self.file_system_id,
            "SubnetId": self.subnet_id,
            "LifeCycleState": state,
            "IpAddress": self.ip_address,
            "NetworkInterfaceId": self.network_interface_id,
            "AvailabilityZoneId": self.availability_zone_id,
            "AvailabilityZoneName": self.availability_zone_name,
            "VpcId": self.vpc_id,
        })
    }
}

impl ElasticFileSystem {
    /// Makes a mount target; returns its id.
    ///
    /// # Errors
    /// EFS's refusal of the subnet, the address or a group, or of a second mount target in a zone or VPC.
    pub fn add_mount_target(
        &mut self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        file_system_id: &str,
        place: &Place<'_>,
    ) -> Result<String, ApiError> {
        let &Place { subnet_id, ip, groups } = place;
        let known = ec2.vpc_of_subnet(subnet_id).zip(ec2.zone_of_subnet(subnet_id));
        let Some((vpc_id, (zone, zone_id))) = known else {
            return Err(ApiError::new("SubnetNotFound", format!("The subnet ID '{subnet_id}' does not exist")));
        };
        for (_, other) in self.mount_targets_of(file_system_id) {
            let why = if other.vpc_id != vpc_id {
                "requested subnet for new mount target is not in the same VPC as existing mount targets"
            } else if other.availability_zone_name == zone {
                "mount target already exists in this AZ"
            } else {
                continue;
            };
            return Err(ApiError::new("MountTargetConflict", why));
        }
        let group_ids = interface_groups(ec2, vpc_id, groups)?;
        let id = context.dice.id("fsmt");
        let interface = ec2.new_network_interface(subnet_id, ip).map_err(in_own_words)?;
        let target = MountTarget {
            file_system_id: file_system_id.to_owned(),
            subnet_id: subnet_id.to_owned(),
            vpc_id: vpc_id.to_owned(),
            availability_zone_name: zone.to_owned(),
            availability_zone_id: zone_id.to_owned(),
            ip_address: interface.private_ip,
            network_interface_id: String::new(),
            available_at: context.due(durations::MOUNT_TARGET_CREATE),
            gone_at: None,
        };
        let interface = NetworkInterface {
            group_ids,
            description: format!("EFS mount target for {file_system_id} ({id})"),
            interface_type: "efs".into(),
            requester_id: Some("amazon-elasticfilesystem".into()),
            attachment: Some(Attachment::to_service(context.dice, context.now)),
            ..interface
        };
        let network_interface_id = ec2.add_network_interface(context.dice, interface);
        self.mount_targets.insert(id.clone(), MountTarget { network_interface_id, ..target });
        Ok(id)
    }

    /// Begins to delete every mount target of a file system. Returns when the last is gone.
    pub fn drop_mount_targets(&mut self, context: &mut Context<'_>, file_system_id: &str) -> Timestamp {
        let mut last = context.now;
        for target in self.mount_targets.values_mut().filter(|target| target.file_system_id == file_system_id) {
            let gone_at = context.due(durations::MOUNT_TARGET_DELETE);
            last = last.max(*target.gone_at.get_or_insert(gone_at));
        }
        last
    }

    /// When the last of a file system's mount targets is available.
    pub fn mountable_at(&self, file_system_id: &str) -> Option<Timestamp> {
        self.mount_targets_of(file_system_id).map(|(_, target)| target.available_at).max()
    }

    pub(super) fn mount_targets_of(&self, file_system_id: &str) -> impl Iterator<Item = (&String, &MountTarget)> {
        self.mount_targets.iter().filter(move |(_, target)| target.file_system_id == file_system_id)
    }

    pub(super) fn create_mount_target(
        &mut self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        request: CreateMountTarget,
    ) -> Answer {
        let file_system_id = id_in(context, &request.file_system_id).to_owned();
        let file_system = self.file_system_mut(context, &file_system_id)?;
        file_system.check_available(&file_system_id, context.now)?;
        let zone = ec2.zone_of_subnet(&request.subnet_id).map(|(name, _)| name);
        if file_system.only_zone().is_some_and(|only| zone.is_some_and(|zone| zone != only)) {
            let message = "The subnet of a One Zone file system's mount target must lie in the file system's zone.";
            return Err(ApiError::new("AvailabilityZonesMismatch", message));
        }
        let malformed = |_| bad_request("The specified IP address is invalid.");
        let ip = request.ip_address.as_deref().map(|ip| ip.parse().map_err(malformed)).transpose()?;
        let groups: Vec<_> = request.security_groups.iter().map(String::as_str).collect();
        let place = Place { subnet_id: &request.subnet_id, ip, groups: &groups };
        let id = self.add_mount_target(context, ec2, &file_system_id, &place)?;
        Ok(self.mount_target(&id)?.view(context, &id))
    }

    pub(super) fn describe_mount_targets(&self, context: &Context<'_>, request: DescribeMountTargets) -> Answer {
        let DescribeMountTargets { file_system_id, mount_target_id, access_point_id, max_items, marker } = request;
        let views = match (&file_system_id, &mount_target_id, &access_point_id) {
            (Some(id), None, None) => {
                let own_id = id_in(context, id);
                if !self.file_systems.contains_key(own_id) {
                    return Err(missing_file_system(id));
                }
                self.mount_targets_of(own_id).map(|(id, target)| target.view(context, id)).collect()
            }
            (None, Some(id), None) => vec![self.mount_target(id)?.view(context, id)],
            (None, None, Some(id)) => {
                let message = format!("Access point '{id}' does not exist.");
                return Err(ApiError::new("AccessPointNotFound", message));
            }
            _ => {
                let message = "One of FileSystemId, MountTargetId and AccessPointId must be specified.";
                return Err(bad_request(message));
            }
        };
        page("MountTargets", "MountTargetId", views, max_items, marker.as_deref())
    }

    pub(super) fn delete_mount_target(&mut self, context: &mut Context<'_>, request: MountTargetId) -> Answer {
        let gone_at = context.due(durations::MOUNT_TARGET_DELETE);
        let target = self.mount_targets.get_mut(&request.mount_target_id);
        let target = target.ok_or_else(|| missing(&request.mount_target_id))?;
        target.gone_at.get_or_insert(gone_at);
        Ok(json!({}))
    }

    pub(super) fn describe_groups(&self, ec2: &Ec2, request: MountTargetId) -> Answer {
        let target = self.mount_target(&request.mount_target_id)?;
        let interface = ec2.network_interface(&target.network_interface_id);
        Ok(json!({"SecurityGroups": interface.map_or(&[][..], |interface| &interface.group_ids)}))
    }

    pub(super) fn modify_groups(&mut self, ec2: &mut Ec2, request: ModifyGroups) -> Answer {
        let id = &request.mount_target_id;
        let target = self.mount_target(id)?;
        if target.gone_at.is_some() {
            let message = format!("Mount target '{id}' is in the life cycle state 'deleting'.");
            return Err(ApiError::new("IncorrectMountTargetState", message));
        }
        let groups: Vec<_> = request.security_groups.iter().map(String::as_str).collect();
        let group_ids = interface_groups(ec2, &target.vpc_id, &groups)?;
        if let Some(interface) = ec2.network_interface_mut(&target.network_interface_id) {
            interface.group_ids = group_ids;
        }
        Ok(json!({}))
    }

    fn mount_target(&self, id: &str) -> Result<&MountTarget, ApiError> {
        self.mount_targets.get(id).ok_or_else(|| missing(id))
    }
}

fn missing(id: &str) -> ApiError {
    ApiError::new("MountTargetNotFound", format!("Mount target '{id}' does not exist."))
}

fn interface_groups(ec2: &Ec2, vpc_id: &str, ids: &[&str]) -> Result<Vec<String>, ApiError> {
    ec2.interface_groups(vpc_id, ids).map_err(|refusal| {
        let code = match refusal.code.as_str() {
            "SecurityGroupsPerInterfaceLimitExceeded" => "SecurityGroupLimitExceeded",
            _ => "SecurityGroupNotFound",
        };
        ApiError::new(code, refusal.message)
    })
}

/// EC2's refusal of an address, as this service has it.
fn in_own_words(refusal: ApiError) -> ApiError {
    let code = match refusal.code.as_str() {
        "InsufficientFreeAddressesInSubnet" => "NoFreeAddressesInSubnet",
        "InvalidIPAddress.InUse" => "IpAddressInUse",
        _ => "BadRequest",
    };
    ApiError::new(code, refusal.message)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_mount_target_is_an_interface_in_its_subnet_until_it_is_gone() {
        let mut world = Sandbox::new();
        let file_system = world.create_file_system("a");
        let before = world.standing();
        let input = json!({
            "FileSystemId": file_system,
            "SubnetId": world.subnets[0],
            "IpAddress": "10.0.0.20",
            "SecurityGroups": [world.group],
        });
        let target = world.ok("CreateMountTarget", input);
        let id = &target["MountTargetId"];
        assert_eq!((&target["LifeCycleState"], &target["IpAddress"]), (&json!("creating"), &json!("10.0.0.20")));
        assert_eq!((&target["AvailabilityZoneName"], &target["VpcId"]), (&json!("us-east-1a"), &json!(world.vpc)));
        let interface = world.interfaces()[0].clone();
        assert_eq!(interface["NetworkInterfaceId"], target["NetworkInterfaceId"]);
        assert_eq!(interface["Description"], format!("EFS mount target for {file_system} ({})", id.as_str().unwrap()));
        assert_eq!((&interface["Status"], &interface["RequesterManaged"]), (&json!("in-use"), &json!(true)));
        assert_eq!(interface["Groups"][0]["GroupId"], world.group);
        world.wait(81);
        assert_eq!(world.mount_targets(&file_system)[0]["LifeCycleState"], "available");
        assert_eq!(world.file_system(&json!(file_system))["NumberOfMountTargets"], 1);

        world.ok("DeleteMountTarget", json!({"MountTargetId": id}));
        assert_eq!(world.mount_targets(&file_system)[0]["LifeCycleState"], "deleting");
        world.wait(16);
        assert_eq!(world.mount_targets(&file_system), Vec::<Value>::new());
        assert_eq!(world.refused("DeleteMountTarget", json!({"MountTargetId": id})), "MountTargetNotFound");
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn it_holds_its_file_system_its_subnet_its_groups_and_its_vpc() {
        let mut world = Sandbox::new();
        let file_system = world.create_file_system("a");
        world.create_mount_target(&file_system, 0);
        let delete = json!({"FileSystemId": file_system});
        assert_eq!(world.refused("DeleteFileSystem", delete.clone()), "FileSystemInUse");
        for (operation, input) in [
            ("DeleteSubnet", json!({"SubnetId": world.subnets[0]})),
            ("DeleteSecurityGroup", json!({"GroupId": world.group})),
            ("DeleteVpc", json!({"VpcId": world.vpc})),
        ] {
            assert_eq!(world.ec2(operation, input).unwrap_err().code, "DependencyViolation", "{operation}");
        }
        let attachment = world.interfaces()[0]["Attachment"]["AttachmentId"].clone();
        assert!(world.ec2("DetachNetworkInterface", json!({"AttachmentId": attachment})).is_err());

        let target = world.mount_targets(&file_system)[0]["MountTargetId"].clone();
        world.ok("DeleteMountTarget", json!({"MountTargetId": target}));
        assert_eq!(world.refused("DeleteFileSystem", delete.clone()), "FileSystemInUse");
        world.wait(16);
        world.ok("DeleteFileSystem", delete);
        world.ec2("DeleteSubnet", json!({"SubnetId": world.subnets[0]})).unwrap();
    }

    #[test]
    fn there_is_one_in_a_zone_and_all_are_in_one_vpc() {
        let mut world = Sandbox::new();
        let file_system = world.create_file_system("a");
        world.create_mount_target(&file_system, 0);
        let in_subnet = |subnet: &Value| json!({"FileSystemId": file_system, "SubnetId": subnet});
        let again = in_subnet(&json!(world.subnets[0]));
        assert_eq!(world.refused("CreateMountTarget", again), "MountTargetConflict");
        let vpc = world.ec2("CreateVpc", json!({"CidrBlock": "10.9.0.0/16"})).unwrap()["Vpc"]["VpcId"].clone();
        let subnet = json!({"VpcId": vpc, "CidrBlock": "10.9.0.0/24", "AvailabilityZone": "us-east-1c"});
        let elsewhere = world.ec2("CreateSubnet", subnet).unwrap()["Subnet"]["SubnetId"].clone();
        assert_eq!(world.refused("CreateMountTarget", in_subnet(&elsewhere)), "MountTargetConflict");
        world.create_mount_target(&file_system, 1);
    }

    #[test]
    fn its_groups_are_changed_as_a_whole() {
        let mut world = Sandbox::new();
        let file_system = world.create_file_system("a");
        let id = world.create_mount_target(&file_system, 0);
        let target = json!({"MountTargetId": id});
        let groups = |world: &mut Sandbox| world.ok("DescribeMountTargetSecurityGroups", target.clone());
        assert_eq!(groups(&mut world), json!({"SecurityGroups": [world.group]}));
        world.ok("ModifyMountTargetSecurityGroups", target.clone());
        let default = world.interfaces()[0]["Groups"][0].clone();
        assert_eq!(default["GroupName"], "default");
        assert_eq!(groups(&mut world), json!({"SecurityGroups": [default["GroupId"]]}));
        let unknown = json!({"MountTargetId": id, "SecurityGroups": ["sg-0123456789abcdef0"]});
        assert_eq!(world.refused("ModifyMountTargetSecurityGroups", unknown), "SecurityGroupNotFound");
        world.ok("DeleteMountTarget", target.clone());
        assert_eq!(world.refused("ModifyMountTargetSecurityGroups", target), "IncorrectMountTargetState");
    }

    #[test]
    fn what_it_cannot_be_made_of_is_refused() {
        let mut world = Sandbox::new();
        let file_system = world.create_file_system("a");
        let one_zone = json!({"CreationToken": "b", "AvailabilityZoneName": "us-east-1c"});
        let one_zone = world.ok("CreateFileSystem", one_zone)["FileSystemId"].clone();
        let fresh = world.ok("CreateFileSystem", json!({"CreationToken": "c"}))["FileSystemId"].clone();
        for (member, value, code) in [
            ("FileSystemId", json!("fs-01234567"), "FileSystemNotFound"),
            ("FileSystemId", fresh, "IncorrectFileSystemLifeCycleState"),
            ("SubnetId", json!("subnet-0123456789abcdef0"), "SubnetNotFound"),
            ("IpAddress", json!("10.9.0.1"), "BadRequest"),
            ("IpAddress", json!("10.0.0.999"), "BadRequest"),
            ("SecurityGroups", json!(["sg-0123456789abcdef0"]), "SecurityGroupNotFound"),
            ("IpAddressType", json!("IPV6_ONLY"), "NotImplemented"),
        ] {
            let mut input = json!({"FileSystemId": file_system, "SubnetId": world.subnets[0]});
            input[member] = value.clone();
            assert_eq!(world.refused("CreateMountTarget", input), code, "{member} {value}");
        }
        world.wait(6);
        let input = json!({"FileSystemId": one_zone, "SubnetId": world.subnets[0]});
        assert_eq!(world.refused("CreateMountTarget", input), "AvailabilityZonesMismatch");
        let taken = json!({"SubnetId": world.subnets[0], "PrivateIpAddress": "10.0.0.9"});
        world.ec2("CreateNetworkInterface", taken).unwrap();
        let input = json!({"FileSystemId": file_system, "SubnetId": world.subnets[0], "IpAddress": "10.0.0.9"});
        assert_eq!(world.refused("CreateMountTarget", input), "IpAddressInUse");
    }

    #[test]
    fn mount_targets_are_described_by_one_of_three() {
        let mut world = Sandbox::new();
        let file_system = world.create_file_system("a");
        let ids = [world.create_mount_target(&file_system, 0), world.create_mount_target(&file_system, 1)];
        let one = world.ok("DescribeMountTargets", json!({"MountTargetId": ids[1]}));
        assert_eq!(one["MountTargets"].as_array().unwrap().len(), 1);
        assert_eq!(one["MountTargets"][0]["SubnetId"], world.subnets[1]);
        let first = world.ok("DescribeMountTargets", json!({"FileSystemId": file_system, "MaxItems": 1}));
        let rest = json!({"FileSystemId": file_system, "Marker": first["NextMarker"]});
        let rest = world.ok("DescribeMountTargets", rest);
        assert_ne!(first["MountTargets"][0]["MountTargetId"], rest["MountTargets"][0]["MountTargetId"]);
        for (input, code) in [
            (json!({}), "BadRequest"),
            (json!({"FileSystemId": file_system, "MountTargetId": ids[0]}), "BadRequest"),
            (json!({"FileSystemId": "fs-01234567"}), "FileSystemNotFound"),
            (json!({"MountTargetId": "fsmt-01234567"}), "MountTargetNotFound"),
            (json!({"AccessPointId": "fsap-01234567"}), "AccessPointNotFound"),
        ] {
            assert_eq!(world.refused("DescribeMountTargets", input.clone()), code, "{input}");
        }
    }
}
