//! Launching instances.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::image::{self, Image};
use super::super::network_interface::{self, Attachment, NetworkInterface, address};
use super::super::tags::{self, Tags};
use super::super::volume::{self, Disk};
use super::super::{Ec2, Input, Operation, invalid, key_pair, missing_parameter, subnet, unsupported};
use super::attribute::{checked_behavior, checked_user_data};
use super::types::{self, InstanceType};
use super::{Instance, KIND, MetadataOptions, Password, ProfileAssociation, State};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

pub const OPERATIONS: &[Operation] = &[Operation {
    name: "RunInstances",
    members: &[
        "BlockDeviceMappings",
        "ClientToken",
        "CreditSpecification",
        "DisableApiStop",
        "DisableApiTermination",
        "EbsOptimized",
        "IamInstanceProfile",
        "ImageId",
        "InstanceInitiatedShutdownBehavior",
        "InstanceType",
        "KeyName",
        "MaxCount",
        "MetadataOptions",
        "MinCount",
        "Monitoring",
        "NetworkInterfaces",
        "Placement",
        "PrivateIpAddress",
        "SecurityGroupIds",
        "SecurityGroups",
        "SubnetId",
        "TagSpecifications",
        "UserData",
    ],
    run: Ec2::run_instances,
}];

/// vCPUs of all running instances in a Region.
const VCPU_QUOTA: usize = 32;

/// Where an instance's first interface goes, and what it has.
struct Network {
    interface: NetworkInterface,
    /// Its id, if it is there already.
    existing: Option<String>,
    public: bool,
    delete_on_termination: bool,
}

/// A volume that comes with the instance.
struct Device {
    disk: Disk,
    delete_on_termination: bool,
}

impl Ec2 {
    fn run_instances(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let image = image::resolve(context.region, context.now, input.required("ImageId")?)?;
        let instance_type = types::find(input.text("InstanceType").unwrap_or("m1.small"))?;
        instance_type.check_architecture(image.architecture)?;
        check_credits(input, &instance_type)?;
        let count = self.launch_count(context, input, &instance_type)?;
        let network = self.requested_network(context, input, &instance_type)?;
        if count > 1 && (asks_for_address(input) || network.existing.is_some()) {
            let message = "An address or a network interface cannot be specified when launching multiple instances.";
            return Err(ApiError::new("InvalidParameterCombination", message));
        }
        let key_pair = input.text("KeyName").map(|name| self.key_pair_named(name)).transpose()?;
        if image.is_windows() && key_pair.is_some_and(|pair| pair.key_type == key_pair::KeyType::Ed25519) {
            let message = "ED25519 key pairs are not supported with Windows AMIs. \
                           Choose a different key pair type and try again.";
            return Err(ApiError::new("Unsupported", message));
        }
        let administrator_key = key_pair.filter(|_| image.is_windows()).and_then(key_pair::KeyPair::rsa);
        let profile = input.structure("IamInstanceProfile");
        let profile = profile.map(|specification| ProfileAssociation::new(context, specification)).transpose()?;
        let devices = requested_devices(context, input, &image)?;
        let kinds = [&KIND, &volume::KIND, &network_interface::KIND];
        let tags = tags::by_resource_type(input, &kinds)?;
        let tags_of = |kind: &str| tags.get(kind).cloned().unwrap_or_else(Tags::new);
        let mut metadata_options = MetadataOptions::default_for(&image);
        if let Some(options) = input.structure("MetadataOptions") {
            metadata_options.update(options)?;
        }
        let zone = subnet::KIND.find(&self.subnets, &network.interface.subnet_id)?;
        let template = Instance {
            image_id: image.id.clone(),
            architecture: image.architecture.into(),
            windows: image.is_windows(),
            boot_mode: image.boot_mode().map(str::to_owned),
            root_device_name: image.root_device_name().into(),
            instance_type: instance_type.name,
            key_name: input.text("KeyName").map(str::to_owned),
            reservation_id: context.dice.id("r"),
            launch_index: 0,
            client_token: input.text("ClientToken").unwrap_or_default().into(),
            availability_zone: zone.availability_zone.clone(),
            availability_zone_id: zone.availability_zone_id.clone(),
            launched: context.now,
            user_data: checked_user_data(input.text("UserData").unwrap_or_default())?,
            booted_with: None,
            metadata_options,
            monitoring: input.structure("Monitoring").is_some_and(|monitoring| monitoring.flag("Enabled")),
            ebs_optimized: input.flag("EbsOptimized"),
            disable_api_termination: input.flag("DisableApiTermination"),
            disable_api_stop: input.flag("DisableApiStop"),
            shutdown_behavior: checked_behavior(input.text("InstanceInitiatedShutdownBehavior").unwrap_or("stop"))?,
            profile: None,
            password: None,
            public: network.public,
            checked_at: context.now,
            state: State::Pending,
            becomes: None,
            ended: None,
        };

        let mut launched = Vec::new();
        for launch_index in 0..count {
            let id = context.dice.id(KIND.prefix);
            let mut instance = Instance {
                launch_index,
                password: administrator_key.as_ref().and_then(|key| Password::new(context, key)),
                profile: profile.as_ref().map(|association| association.for_another(context.dice)),
                ..template.clone()
            };
            instance.start(context);
            self.attach_interface(
                context,
                &id,
                &network,
                launch_index,
                tags_of(network_interface::KIND.resource_type),
            )?;
            for (name, device) in &devices {
                let attachment = volume::Attachment {
                    instance_id: id.clone(),
                    device: name.clone(),
                    delete_on_termination: device.delete_on_termination,
                    attach_time: context.now,
                };
                let zone = (instance.availability_zone.as_str(), instance.availability_zone_id.as_str());
                let volume = self.add_attached_volume(context, device.disk.clone(), zone, attachment);
                self.tag(&volume, tags_of(volume::KIND.resource_type));
            }
            self.instances.insert(id.clone(), instance);
            self.tag(&id, tags_of(KIND.resource_type));
            launched.push(id);
        }
        self.settle_instances(context.now);
        let views = launched.iter().map(|id| as_launched(self.instance_view(context, id, &self.instances[id])));
        Ok(json!({
            "Groups": [],
            "Instances": views.collect::<Vec<_>>(),
            "OwnerId": context.account,
            "ReservationId": template.reservation_id,
        }))
    }

    /// How many instances there is room for, at least `MinCount` and at most `MaxCount`.
    fn launch_count(
        &self,
        context: &Context<'_>,
        input: Input<'_>,
        instance_type: &InstanceType,
    ) -> Result<i64, ApiError> {
        let least = input.number("MinCount").ok_or_else(|| missing_parameter("MinCount"))?;
        let most = input.number("MaxCount").ok_or_else(|| missing_parameter("MaxCount"))?;
        if least < 1 || most < least {
            let message =
                format!("Value ({most}) for parameter maxCount is invalid. maxCount must be at least minCount.");
            return Err(invalid(message));
        }
        let running = self.instances.values().filter(|one| matches!(one.state, State::Pending | State::Running));
        let vcpus = running.filter_map(|one| types::find(&one.instance_type).ok()).map(|one| one.vcpus);
        let quota = context.quota(VCPU_QUOTA);
        let room = quota.saturating_sub(vcpus.sum()) / instance_type.vcpus;
        let count = most.min(i64::try_from(room).unwrap_or(most));
        if count < least {
            let message = format!(
                "You have requested more vCPU capacity than your current vCPU limit of {quota} allows for the \
                 instance bucket that the specified instance type belongs to."
            );
            return Err(ApiError::new("VcpuLimitExceeded", message));
        }
        Ok(count)
    }

    /// The interface that the call describes, in one of its two ways: by members of its own, or as the only one of
    /// `NetworkInterfaces`.
    fn requested_network(
        &self,
        context: &Context<'_>,
        input: Input<'_>,
        instance_type: &InstanceType,
    ) -> Result<Network, ApiError> {
        let interfaces = input.list("NetworkInterfaces");
        let (members, group_member) = match interfaces {
            [] => (input, "SecurityGroupIds"),
            [interface] => (Input(interface), "Groups"),
            _ => return Err(unsupported("instances with several network interfaces")),
        };
        if !interfaces.is_empty() {
            for member in ["SubnetId", "SecurityGroupIds", "SecurityGroups", "PrivateIpAddress"] {
                if input.0.get(member).is_some_and(|value| *value != json!([])) {
                    let message = format!(
                        "Network interfaces and an instance-level {member} may not be specified on the same request"
                    );
                    return Err(ApiError::new("InvalidParameterCombination", message));
                }
            }
            check_interface(members)?;
            if let Some(id) = members.text("NetworkInterfaceId") {
                return self.existing_interface(context, input, members, id, instance_type);
            }
        }
        let subnet_id = match members.text("SubnetId") {
            Some(id) => id,
            None => self.default_subnet(context, input, instance_type)?,
        };
        let subnet = subnet::KIND.find(&self.subnets, subnet_id)?;
        check_placement(input, &subnet.availability_zone)?;
        instance_type.check_zone(context.region, &subnet.availability_zone)?;
        let interface = self.new_network_interface(subnet_id, address(members, "PrivateIpAddress")?)?;
        let named = self.groups_by_name(input)?;
        let group_ids = members.texts(group_member).into_iter().chain(named.iter().map(String::as_str));
        let group_ids = self.interface_groups(&interface.vpc_id, &group_ids.collect::<Vec<_>>())?;
        let own = |member| members.boolean(member).filter(|_| !interfaces.is_empty());
        Ok(Network {
            interface: NetworkInterface {
                group_ids,
                description: members.text("Description").unwrap_or_default().into(),
                ..interface
            },
            existing: None,
            public: own("AssociatePublicIpAddress").unwrap_or(subnet.map_public_ip_on_launch),
            delete_on_termination: own("DeleteOnTermination").unwrap_or(true),
        })
    }

    /// An interface of the account's own that nothing has yet.
    fn existing_interface(
        &self,
        context: &Context<'_>,
        input: Input<'_>,
        members: Input<'_>,
        id: &str,
        instance_type: &InstanceType,
    ) -> Result<Network, ApiError> {
        let interface = network_interface::KIND.find(&self.network_interfaces, id)?;
        for member in ["AssociatePublicIpAddress", "Description", "Groups", "PrivateIpAddress", "SubnetId"] {
            if members.0.get(member).is_some_and(|value| *value != json!([])) {
                let message = format!("A network interface may not specify a network interface ID and a {member}");
                return Err(ApiError::new("InvalidParameterCombination", message));
            }
        }
        if members.flag("DeleteOnTermination") {
            let message =
                "A network interface may not specify a network interface ID and delete on termination as true";
            return Err(ApiError::new("InvalidParameterCombination", message));
        }
        if interface.attachment.is_some() {
            let message = format!("interface: [{id}] in-use");
            return Err(ApiError::new("InvalidNetworkInterface.InUse", message));
        }
        let subnet = subnet::KIND.find(&self.subnets, &interface.subnet_id)?;
        check_placement(input, &subnet.availability_zone)?;
        instance_type.check_zone(context.region, &subnet.availability_zone)?;
        let interface = interface.clone();
        Ok(Network { interface, existing: Some(id.to_owned()), public: false, delete_on_termination: false })
    }

    /// The groups that the call names by name, which the default VPC alone has.
    fn groups_by_name(&self, input: Input<'_>) -> Result<Vec<String>, ApiError> {
        let names = input.texts("SecurityGroups");
        if !names.is_empty() && input.text("SubnetId").is_some() {
            let message = "The parameter groupName cannot be used with the parameter subnet";
            return Err(ApiError::new("InvalidParameterCombination", message));
        }
        names.into_iter().map(|name| self.group_by_name(name)).collect()
    }

    /// A default subnet of the zone that the call names, or of one that offers the type.
    fn default_subnet(
        &self,
        context: &Context<'_>,
        input: Input<'_>,
        instance_type: &InstanceType,
    ) -> Result<&str, ApiError> {
        self.default_vpc()?;
        let wanted = input.structure("Placement").and_then(|placement| placement.text("AvailabilityZone"));
        let offering = instance_type.zones(context.region);
        let serves = |zone: &str| match wanted {
            Some(wanted) => wanted == zone,
            None => offering.iter().any(|offering| offering.name == zone),
        };
        let defaults =
            self.subnets.iter().filter(|(_, subnet)| subnet.default_for_az && serves(&subnet.availability_zone));
        let first = defaults.min_by_key(|(_, subnet)| &subnet.availability_zone);
        first.map(|(id, _)| id.as_str()).ok_or_else(|| {
            ApiError::new("MissingInput", "No subnets found for the default VPC. Please specify a subnet.")
        })
    }

    fn attach_interface(
        &mut self,
        context: &mut Context<'_>,
        instance_id: &str,
        network: &Network,
        launch_index: i64,
        tags: Tags,
    ) -> Result<(), ApiError> {
        let mut interface = network.interface.clone();
        // The first takes the address that was checked, which may be a wanted one.
        if launch_index > 0 {
            interface.private_ip = self.take_address(&interface.subnet_id, None)?;
        }
        let delete_on_termination = network.delete_on_termination;
        let attachment = Attachment { delete_on_termination, ..Attachment::to_instance(context, instance_id) };
        interface.attachment = Some(attachment);
        if let Some(id) = &network.existing {
            self.network_interfaces.insert(id.clone(), interface);
            return Ok(());
        }
        let id = self.add_network_interface(context.dice, interface);
        self.tag(&id, tags);
        if network.public {
            self.lend_public_address(context.dice, instance_id);
        }
        Ok(())
    }
}

impl InstanceType {
    /// Refuses an image of another architecture.
    pub fn check_architecture(&self, image: &str) -> Result<(), ApiError> {
        if self.architecture == image {
            return Ok(());
        }
        Err(invalid(format!(
            "The architecture '{}' of the specified instance type does not match the architecture '{image}' of the \
             specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You \
             can use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type \
             or AMI.",
            self.architecture
        )))
    }

    /// Refuses a zone that doesn't offer it.
    pub fn check_zone(&self, region: &str, zone: &str) -> Result<(), ApiError> {
        let zones = self.zones(region);
        if zones.iter().any(|offering| offering.name == zone) {
            return Ok(());
        }
        let others: Vec<&str> = zones.iter().map(|zone| zone.name.as_str()).collect();
        let message = format!(
            "Your requested instance type ({}) is not supported in your requested Availability Zone ({zone}). Please \
             retry your request by not specifying an Availability Zone or choosing {}.",
            self.name,
            others.join(", ")
        );
        Err(ApiError::new("Unsupported", message))
    }
}

/// An instance as its launch answers: the address that Amazon lends it is shown by lists only.
fn as_launched(mut view: Value) -> Value {
    let mut forget = |pointer: &str, member: &str| {
        let within = view.pointer_mut(pointer).and_then(Value::as_object_mut);
        within.and_then(|members| members.remove(member));
    };
    forget("", "PublicIpAddress");
    forget("/NetworkInterfaces/0", "Association");
    forget("/NetworkInterfaces/0/PrivateIpAddresses/0", "Association");
    view["PublicDnsName"] = json!("");
    view
}

fn check_credits(input: Input<'_>, instance_type: &InstanceType) -> Result<(), ApiError> {
    let Some(credits) = input.structure("CreditSpecification") else { return Ok(()) };
    let credits = credits.required("CpuCredits")?;
    if !["standard", "unlimited"].contains(&credits) {
        return Err(invalid(format!("Value ({credits}) for parameter CreditSpecification.CpuCredits is invalid.")));
    }
    if !instance_type.is_burstable() {
        let message = format!("The credit specification is not supported for {}.", instance_type.name);
        return Err(ApiError::new("InvalidParameterCombination", message));
    }
    Ok(())
}

fn asks_for_address(input: Input<'_>) -> bool {
    let of = |members: Input<'_>| members.text("PrivateIpAddress").is_some();
    of(input) || input.list("NetworkInterfaces").iter().map(Input).any(of)
}

fn check_interface(interface: Input<'_>) -> Result<(), ApiError> {
    let known = [
        "AssociatePublicIpAddress",
        "DeleteOnTermination",
        "Description",
        "DeviceIndex",
        "Groups",
        "InterfaceType",
        "NetworkCardIndex",
        "NetworkInterfaceId",
        "PrivateIpAddress",
        "SubnetId",
    ];
    refuse_others(interface, "NetworkInterface", &known)?;
    if interface.number("DeviceIndex").ok_or_else(|| missing_parameter("deviceIndex"))? != 0 {
        return Err(invalid("The primary network interface must have the device index 0."));
    }
    match interface.text("InterfaceType") {
        None | Some("interface") => Ok(()),
        Some(other) => Err(unsupported(&format!("network interfaces of the type {other}"))),
    }
}

/// A placement says no more than the zone that the subnet has anyway.
fn check_placement(input: Input<'_>, zone: &str) -> Result<(), ApiError> {
    let Some(placement) = input.structure("Placement") else { return Ok(()) };
    refuse_others(placement, "Placement", &["AvailabilityZone", "Tenancy"])?;
    if placement.text("Tenancy").is_some_and(|tenancy| tenancy != "default") {
        return Err(unsupported("dedicated tenancy"));
    }
    match placement.text("AvailabilityZone").filter(|wanted| *wanted != zone) {
        None => Ok(()),
        Some(wanted) => Err(invalid(format!(
            "The availability zone '{wanted}' is not that of the specified subnet, which is in '{zone}'."
        ))),
    }
}

/// Refuses by name what a structure asks for beyond the known members.
fn refuse_others(structure: Input<'_>, what: &str, known: &[&str]) -> Result<(), ApiError> {
    let mut members = structure.0.as_object().into_iter().flatten();
    let asks = |value: &Value| *value != json!([]) && *value != json!("") && *value != json!(false) && !value.is_null();
    match members.find(|(member, value)| !known.contains(&member.as_str()) && asks(value)) {
        None => Ok(()),
        Some((member, _)) => Err(unsupported(&format!("{what}.{member}"))),
    }
}

/// The volumes of the launch by device: the image's own as the call changes it, and what the call adds.
fn requested_devices(
    context: &Context<'_>,
    input: Input<'_>,
    image: &Image,
) -> Result<BTreeMap<String, Device>, ApiError> {
    let root = image.root_disk();
    let mut devices = BTreeMap::new();
    devices.insert(image.root_device_name().to_owned(), Device { disk: root.clone(), delete_on_termination: true });
    for mapping in input.list("BlockDeviceMappings").iter().map(Input) {
        refuse_others(mapping, "BlockDeviceMapping", &["DeviceName", "Ebs"])?;
        let name = mapping.required("DeviceName")?;
        let ebs = mapping.structure("Ebs").ok_or_else(|| missing_parameter("ebs"))?;
        let known = ["DeleteOnTermination", "Encrypted", "Iops", "KmsKeyId", "Throughput", "VolumeSize", "VolumeType"];
        refuse_others(ebs, "BlockDeviceMapping.Ebs", &known)?;
        let base = Some(&root).filter(|_| name == image.root_device_name());
        let device = Device {
            disk: Disk::from_input(context, ebs, "VolumeSize", base)?,
            delete_on_termination: ebs.boolean("DeleteOnTermination").unwrap_or(true),
        };
        devices.insert(name.to_owned(), device);
    }
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    use super::super::super::testing::*;
    use super::*;

    #[test]
    fn an_instance_comes_with_an_interface_and_a_volume_that_each_have_their_own_tags() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (subnet, group) = (world.subnet(&vpc, "10.0.1.0/24"), world.group(&vpc, "dns"));
        let tags = |kind: &str| json!({"ResourceType": kind, "Tags": [{"Key": "kind", "Value": kind}]});
        let id = world.launch(
            &subnet,
            json!({
                "PrivateIpAddress": "10.0.1.10",
                "SecurityGroupIds": [group],
                "TagSpecifications": [tags("instance"), tags("volume"), tags("network-interface")],
            }),
        );
        let instance = world.instance(&id);
        assert_eq!(instance["PrivateIpAddress"], "10.0.1.10");
        assert_eq!(instance["SecurityGroups"], json!([{"GroupId": group, "GroupName": "dns"}]));
        assert_eq!((&instance["VpcId"], &instance["SubnetId"]), (&json!(vpc), &json!(subnet)));
        assert_eq!(instance.get("PublicIpAddress"), None);
        let tagged = |kind: &str| json!({"Filters": [{"Name": "tag:kind", "Values": [kind]}]});
        let interface = world.ok("DescribeNetworkInterfaces", tagged("network-interface"));
        assert_eq!(interface["NetworkInterfaces"][0]["Attachment"]["InstanceId"], *id);
        let volume = world.ok("DescribeVolumes", tagged("volume"))["Volumes"][0].clone();
        assert_eq!(
            (&volume["Size"], &volume["VolumeType"], &volume["State"]),
            (&json!(8), &json!("gp3"), &json!("in-use"))
        );
        assert_eq!(volume["Attachments"][0]["Device"], "/dev/xvda");
        assert_eq!(instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"], volume["VolumeId"]);
        for (operation, input) in [
            ("DeleteSubnet", json!({"SubnetId": subnet})),
            ("DeleteSecurityGroup", json!({"GroupId": group})),
            ("DeleteVpc", json!({"VpcId": vpc})),
        ] {
            assert_eq!(world.refused(operation, input), "DependencyViolation", "{operation}");
        }
    }

    #[test]
    fn what_a_launch_names_must_exist_and_fit() {
        let mut world = Sandbox::new();
        let (vpc, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        let (subnet, stranger) = (world.subnet(&vpc, "10.0.1.0/24"), world.group(&other, "web"));
        world.launch(&subnet, json!({"PrivateIpAddress": "10.0.1.10"}));
        for (more, code) in [
            (json!({"ImageId": "ami-0123456789abcdef0"}), "InvalidAMIID.NotFound"),
            (json!({"SubnetId": "subnet-0123456789abcdef0"}), "InvalidSubnetID.NotFound"),
            (json!({"SecurityGroupIds": ["sg-0123456789abcdef0"]}), "InvalidGroup.NotFound"),
            (json!({"SecurityGroupIds": [stranger]}), "InvalidParameter"),
            (json!({"KeyName": "nobody"}), "InvalidKeyPair.NotFound"),
            (json!({"InstanceType": "t4g.micro"}), "InvalidParameterValue"),
            (json!({"InstanceType": "u-6tb1.metal"}), "NotImplemented"),
            (json!({"PrivateIpAddress": "10.0.2.10"}), "InvalidParameterValue"),
            (json!({"PrivateIpAddress": "10.0.1.10"}), "InvalidIPAddress.InUse"),
            (json!({"UserData": "not base64!"}), "InvalidUserData.Malformed"),
            (json!({"UserData": BASE64.encode(vec![b'#'; 16_385])}), "InvalidParameterValue"),
            (json!({"MinCount": 2}), "InvalidParameterValue"),
            (json!({"MinCount": 0}), "InvalidParameterValue"),
            (
                json!({"InstanceType": "m5.large", "CreditSpecification": {"CpuCredits": "standard"}}),
                "InvalidParameterCombination",
            ),
            (json!({"MetadataOptions": {"HttpPutResponseHopLimit": 65}}), "InvalidParameterValue"),
            (json!({"Placement": {"GroupName": "cluster"}}), "NotImplemented"),
        ] {
            let input = world.launch_input(&subnet, more);
            assert_eq!(world.refused("RunInstances", input.clone()), code, "{input}");
        }
        let most = world.launch_input(&subnet, json!({"UserData": BASE64.encode(vec![b'#'; 16_384])}));
        world.ok("RunInstances", most);
    }

    #[test]
    fn a_type_is_refused_in_a_zone_that_lacks_it() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let mut launch = |cidr: &str, zone: &str| {
            let create = json!({"VpcId": vpc, "CidrBlock": cidr, "AvailabilityZone": zone});
            let subnet = world.ok("CreateSubnet", create)["Subnet"]["SubnetId"].as_str().unwrap().to_owned();
            let input = world.launch_input(&subnet, json!({"InstanceType": "t3a.medium"}));
            world.call("RunInstances", input).map(drop).map_err(|error| error.code)
        };
        assert_eq!(launch("10.0.1.0/24", "us-east-1a"), Ok(()));
        assert_eq!(launch("10.0.3.0/24", "us-east-1c"), Err("Unsupported".into()));
    }

    #[test]
    fn the_interface_may_be_described_by_itself_but_not_twice() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (subnet, group) = (world.subnet(&vpc, "10.0.1.0/24"), world.group(&vpc, "web"));
        let interface = json!({
            "AssociatePublicIpAddress": true,
            "DeleteOnTermination": false,
            "DeviceIndex": 0,
            "Groups": [group],
            "PrivateIpAddress": "10.0.1.20",
            "SubnetId": subnet,
        });
        let both = world.launch_input(&subnet, json!({"NetworkInterfaces": [interface]}));
        assert_eq!(world.refused("RunInstances", both.clone()), "InvalidParameterCombination");
        let mut input = both;
        input.as_object_mut().unwrap().remove("SubnetId");
        let id = world.ok("RunInstances", input)["Instances"][0]["InstanceId"].as_str().unwrap().to_owned();
        let instance = world.instance(&id);
        assert_eq!(instance["PrivateIpAddress"], "10.0.1.20");
        assert!(instance["PublicIpAddress"].is_string());
        world.ok("TerminateInstances", json!({"InstanceIds": [id]}));
        world.wait(60);
        let left = world.ok("DescribeNetworkInterfaces", json!({}))["NetworkInterfaces"][0].clone();
        assert_eq!((&left["Status"], left.get("Association")), (&json!("available"), None));
    }

    #[test]
    fn an_interface_that_is_there_becomes_the_first_one_and_outlives_the_instance() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let made = world.ok("CreateNetworkInterface", json!({"SubnetId": subnet, "PrivateIpAddress": "10.0.1.30"}));
        let interface = made["NetworkInterface"]["NetworkInterfaceId"].clone();
        let with = |world: &Sandbox, more: Value| {
            let mut described = json!({"DeviceIndex": 0, "NetworkInterfaceId": interface});
            described.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let mut input = world.launch_input("", json!({"NetworkInterfaces": [described]}));
            input.as_object_mut().unwrap().remove("SubnetId");
            input
        };
        for more in [json!({"SubnetId": subnet}), json!({"PrivateIpAddress": "10.0.1.31"})] {
            let input = with(&world, more);
            assert_eq!(world.refused("RunInstances", input), "InvalidParameterCombination");
        }
        let unknown = with(&world, json!({"NetworkInterfaceId": "eni-0123456789abcdef0"}));
        assert_eq!(world.refused("RunInstances", unknown), "InvalidNetworkInterfaceID.NotFound");
        let input = with(&world, json!({}));
        let id = world.ok("RunInstances", input.clone())["Instances"][0]["InstanceId"].as_str().unwrap().to_owned();
        let instance = world.instance(&id);
        assert_eq!(instance["PrivateIpAddress"], "10.0.1.30");
        assert_eq!(instance["NetworkInterfaces"][0]["NetworkInterfaceId"], interface);
        assert_eq!(world.refused("RunInstances", input), "InvalidNetworkInterface.InUse");
        world.ok("TerminateInstances", json!({"InstanceIds": [id]}));
        world.wait(60);
        world.ok("DeleteNetworkInterface", json!({"NetworkInterfaceId": interface}));
    }

    #[test]
    fn groups_have_names_in_the_default_vpc_only() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let made = world.ok("CreateSecurityGroup", json!({"GroupName": "web", "Description": "test"}));
        let mut input = world.launch_input(&subnet, json!({"SecurityGroups": ["web"]}));
        assert_eq!(world.refused("RunInstances", input.clone()), "InvalidParameterCombination");
        input.as_object_mut().unwrap().remove("SubnetId");
        let launched = world.ok("RunInstances", input.clone())["Instances"][0].take();
        assert_eq!(launched["SecurityGroups"], json!([{"GroupId": made["GroupId"], "GroupName": "web"}]));
        input["SecurityGroups"] = json!(["none"]);
        assert_eq!(world.refused("RunInstances", input), "InvalidGroup.NotFound");
    }

    #[test]
    fn a_subnet_that_maps_public_addresses_gives_one() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let gateway = world.gateway(&vpc);
        world.ok("ModifySubnetAttribute", json!({"SubnetId": subnet, "MapPublicIpOnLaunch": {"Value": true}}));
        let input = world.launch_input(&subnet, json!({}));
        let launched = world.ok("RunInstances", input)["Instances"][0].take();
        assert_eq!((launched.get("PublicIpAddress"), &launched["PublicDnsName"]), (None, &json!("")));
        assert!(!launched["NetworkInterfaces"].to_string().contains("Association"));
        let id = launched["InstanceId"].as_str().unwrap().to_owned();
        assert!(world.instance(&id)["PublicIpAddress"].is_string());
        assert!(world.instance(&id)["NetworkInterfaces"][0]["Association"].is_object());
        let detach = json!({"InternetGatewayId": gateway, "VpcId": vpc});
        assert_eq!(world.refused("DetachInternetGateway", detach.clone()), "DependencyViolation");
        world.ok("TerminateInstances", json!({"InstanceIds": [id]}));
        world.wait(60);
        world.ok("DetachInternetGateway", detach);
    }

    #[test]
    fn without_a_subnet_an_instance_goes_to_the_default_vpc() {
        let mut world = Sandbox::new();
        let mut input = world.launch_input("", json!({}));
        input.as_object_mut().unwrap().remove("SubnetId");
        let id = world.ok("RunInstances", input.clone())["Instances"][0]["InstanceId"].as_str().unwrap().to_owned();
        let instance = world.instance(&id);
        assert_eq!(instance["Placement"]["AvailabilityZone"], "us-east-1a");
        assert!(instance["PrivateIpAddress"].as_str().unwrap().starts_with("172.31."));
        input["Placement"] = json!({"AvailabilityZone": "us-east-1c"});
        let answer = world.ok("RunInstances", input);
        assert_eq!(answer["Instances"][0]["Placement"]["AvailabilityZone"], "us-east-1c");
    }

    #[test]
    fn the_root_volume_is_the_image_s_as_the_launch_changes_it() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let windows = world.windows();
        let with = |ebs: Value| {
            let mapping = json!({"DeviceName": "/dev/sda1", "Ebs": ebs});
            json!({"ImageId": windows, "BlockDeviceMappings": [mapping]})
        };
        for (ebs, code) in [
            (json!({"VolumeSize": 29}), "InvalidBlockDeviceMapping"),
            (json!({"VolumeSize": 70_000}), "InvalidParameterValue"),
            (json!({"KmsKeyId": "alias/mine"}), "InvalidParameterDependency"),
            (json!({"VolumeType": "gp2", "Iops": 3000}), "InvalidParameterCombination"),
            (json!({"Throughput": 1000}), "InvalidParameterValue"),
            (json!({"VolumeType": "io2"}), "MissingParameter"),
            (json!({"SnapshotId": "snap-0123456789abcdef0"}), "NotImplemented"),
        ] {
            let input = world.launch_input(&subnet, with(ebs.clone()));
            assert_eq!(world.refused("RunInstances", input), code, "{ebs}");
        }
        let id = world.launch(&subnet, with(json!({"VolumeSize": 40, "Encrypted": true, "VolumeType": "gp3"})));
        let of_instance = json!({"Filters": [{"Name": "attachment.instance-id", "Values": [id]}]});
        let volumes = world.ok("DescribeVolumes", of_instance)["Volumes"].clone();
        assert_eq!(volumes.as_array().unwrap().len(), 1);
        assert_eq!((&volumes[0]["Size"], &volumes[0]["Encrypted"]), (&json!(40), &json!(true)));
        assert!(volumes[0]["KmsKeyId"].as_str().unwrap().starts_with("arn:aws:kms:us-east-1:111122223333:key/"));
    }

    #[test]
    fn windows_takes_no_ed25519_key() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let key = BASE64.encode(key_pair::tests::ED25519);
        world.ok("ImportKeyPair", json!({"KeyName": "admin", "PublicKeyMaterial": key}));
        let windows = json!({"KeyName": "admin", "ImageId": world.windows()});
        let input = world.launch_input(&subnet, windows);
        assert_eq!(world.refused("RunInstances", input), "Unsupported");
        world.launch(&subnet, json!({"KeyName": "admin"}));
    }

    #[test]
    fn a_client_token_answers_with_the_same_instance_for_a_day_after_its_end() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let input = world.launch_input(&subnet, json!({"ClientToken": "token"}));
        let first = world.ok("RunInstances", input.clone());
        assert_eq!(first["Instances"][0]["ClientToken"], "token");
        world.wait(30 * 3600);
        assert_eq!(world.ok("RunInstances", input.clone()), first);
        world.ok("TerminateInstances", json!({"InstanceIds": [first["Instances"][0]["InstanceId"]]}));
        world.wait(23 * 3600);
        assert_eq!(world.ok("RunInstances", input.clone()), first);
        let other = world.launch_input(&subnet, json!({"ClientToken": "token", "InstanceType": "t3.small"}));
        assert_eq!(world.refused("RunInstances", other), "IdempotentParameterMismatch");
        world.wait(2 * 3600);
        assert_ne!(world.ok("RunInstances", input), first);
    }

    #[test]
    fn a_launch_takes_as_many_as_there_is_room_for() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let input = world.launch_input(&subnet, json!({"MinCount": 2, "MaxCount": 2_000_000_000}));
        let launched = world.ok("RunInstances", input.clone());
        let indices: Vec<_> =
            launched["Instances"].as_array().unwrap().iter().map(|one| one["AmiLaunchIndex"].clone()).collect();
        assert_eq!(json!(indices), json!((0..16).collect::<Vec<_>>()));
        assert_eq!(world.ok("DescribeInstances", json!({}))["Reservations"].as_array().unwrap().len(), 1);
        assert_eq!(world.refused("RunInstances", input), "VcpuLimitExceeded");
        let two = json!({"MinCount": 2, "MaxCount": 2, "PrivateIpAddress": "10.0.1.10", "InstanceType": "t3.nano"});
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let input = world.launch_input(&subnet, two);
        assert_eq!(world.refused("RunInstances", input), "InvalidParameterCombination");
    }
}
