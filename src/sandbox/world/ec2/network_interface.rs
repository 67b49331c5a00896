//! Network interfaces: the account's own, and those that AWS's services put into its subnets.
//!
//! Whatever has one keeps its subnet, groups and VPC from being deleted.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::{Ec2, Input, Kind, Operation, invalid, missing_parameter, security_group, subnet, tags, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice};

pub const KIND: Kind = Kind {
    prefix: "eni",
    resource_type: "network-interface",
    label: "networkInterface ID",
    not_found: "InvalidNetworkInterfaceID.NotFound",
    malformed: "InvalidNetworkInterfaceId.Malformed",
};

/// What the ids of attachments by AWS's services begin with.
const SERVICE_ATTACHMENT: &str = "ela-attach";

/// An attachment to an instance.
const ATTACHMENT: Kind = Kind {
    prefix: "eni-attach",
    resource_type: "",
    label: "attachment",
    not_found: "InvalidAttachmentID.NotFound",
    malformed: "InvalidAttachmentID.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateNetworkInterface",
        members: &[
            "SubnetId",
            "Description",
            "Groups",
            "PrivateIpAddress",
            "InterfaceType",
            "ClientToken",
            "TagSpecifications",
        ],
        run: Ec2::create_network_interface,
    },
    Operation { name: "DeleteNetworkInterface", members: &["NetworkInterfaceId"], run: Ec2::delete_network_interface },
    Operation {
        name: "DescribeNetworkInterfaces",
        members: &["NetworkInterfaceIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_network_interfaces,
    },
    Operation {
        name: "DescribeNetworkInterfaceAttribute",
        members: &["NetworkInterfaceId", "Attribute"],
        run: Ec2::describe_network_interface_attribute,
    },
    Operation {
        name: "ModifyNetworkInterfaceAttribute",
        members: &[
            "NetworkInterfaceId",
            "AssociatePublicIpAddress",
            "Attachment",
            "Description",
            "Groups",
            "SourceDestCheck",
        ],
        run: Ec2::modify_network_interface_attribute,
    },
    Operation {
        name: "DetachNetworkInterface",
        members: &["AttachmentId", "Force"],
        run: Ec2::detach_network_interface,
    },
];

const LISTING: Listing = Listing {
    ids: Some(("NetworkInterfaceIds", &KIND)),
    result: "NetworkInterfaces",
    key: &["NetworkInterfaceId"],
    most: 1000,
    filters: &[
        ("addresses.association.owner-id", "PrivateIpAddresses.Association.IpOwnerId"),
        ("addresses.association.public-ip", "PrivateIpAddresses.Association.PublicIp"),
        ("addresses.primary", "PrivateIpAddresses.Primary"),
        ("addresses.private-ip-address", "PrivateIpAddresses.PrivateIpAddress"),
        ("association.allocation-id", "Association.AllocationId"),
        ("association.association-id", "Association.AssociationId"),
        ("association.ip-owner-id", "Association.IpOwnerId"),
        ("association.public-dns-name", "Association.PublicDnsName"),
        ("association.public-ip", "Association.PublicIp"),
        ("attachment.attach-time", "Attachment.AttachTime"),
        ("attachment.attachment-id", "Attachment.AttachmentId"),
        ("attachment.delete-on-termination", "Attachment.DeleteOnTermination"),
        ("attachment.device-index", "Attachment.DeviceIndex"),
        ("attachment.instance-id", "Attachment.InstanceId"),
        ("attachment.instance-owner-id", "Attachment.InstanceOwnerId"),
        ("attachment.status", "Attachment.Status"),
        ("availability-zone", "AvailabilityZone"),
        ("availability-zone-id", "AvailabilityZoneId"),
        ("description", "Description"),
        ("group-id", "Groups.GroupId"),
        ("group-name", "Groups.GroupName"),
        ("interface-type", "InterfaceType"),
        ("mac-address", "MacAddress"),
        ("network-interface-id", "NetworkInterfaceId"),
        ("owner-id", "OwnerId"),
        ("private-dns-name", "PrivateDnsName"),
        ("private-ip-address", "PrivateIpAddress"),
        ("requester-id", "RequesterId"),
        ("requester-managed", "RequesterManaged"),
        ("source-dest-check", "SourceDestCheck"),
        ("status", "Status"),
        ("subnet-id", "SubnetId"),
        ("vpc-id", "VpcId"),
    ],
};

/// Groups of one interface.
const GROUP_QUOTA: usize = 5;
/// First octets of public addresses.
const PUBLIC_RANGES: [u8; 4] = [3, 18, 52, 54];

/// A network interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkInterface {
    pub vpc_id: String,
    pub subnet_id: String,
    pub group_ids: Vec<String>,
    pub private_ip: Ipv4Addr,
    pub mac_address: String,
    /// The public address that it is reached by.
    pub association: Option<Association>,
    pub description: String,
    /// `interface`, `vpc_endpoint`, `nat_gateway`, `lambda`, …
    pub interface_type: String,
    /// The service that manages it; `None` if the account does.
    pub requester_id: Option<String>,
    pub source_dest_check: bool,
    pub attachment: Option<Attachment>,
}

/// What an interface is attached to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attachment {
    pub attachment_id: String,
    /// `None` if a service of AWS holds it.
    pub instance_id: Option<String>,
    /// The account, or AWS's own name for itself.
    pub instance_owner_id: String,
    pub device_index: u32,
    pub delete_on_termination: bool,
    pub attach_time: Timestamp,
}

/// A public address of an interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Association {
    pub public_ip: Ipv4Addr,
    /// `None` if the address is Amazon's, lent for as long as the interface has it.
    pub elastic: Option<ElasticAssociation>,
}

/// How an Elastic IP address is tied to an interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ElasticAssociation {
    pub allocation_id: String,
    pub association_id: String,
}

impl NetworkInterface {
    /// The instance that it is attached to.
    fn instance_id(&self) -> Option<&str> {
        self.attachment.as_ref()?.instance_id.as_deref()
    }
}

impl Attachment {
    /// By a service of AWS, which alone can undo it.
    pub fn to_service(dice: &mut Dice, now: Timestamp) -> Self {
        Self {
            attachment_id: dice.id(SERVICE_ATTACHMENT),
            instance_id: None,
            instance_owner_id: "amazon-aws".into(),
            device_index: 1,
            delete_on_termination: false,
            attach_time: now,
        }
    }

    /// To an instance of the account, as its first interface.
    pub fn to_instance(context: &mut Context<'_>, instance_id: &str) -> Self {
        Self {
            attachment_id: context.dice.id(ATTACHMENT.prefix),
            instance_id: Some(instance_id.into()),
            instance_owner_id: context.account.into(),
            device_index: 0,
            delete_on_termination: true,
            attach_time: context.now,
        }
    }
}

impl Ec2 {
    /// An address of the subnet that nothing has: the wanted one, or the highest.
    ///
    /// # Errors
    /// No such subnet; an address outside of it, kept by AWS or taken; none left.
    pub fn take_address(&self, subnet_id: &str, wanted: Option<Ipv4Addr>) -> Result<Ipv4Addr, ApiError> {
        let subnet = subnet::KIND.find(&self.subnets, subnet_id)?;
        let interfaces = self.network_interfaces.values().filter(|interface| interface.subnet_id == subnet_id);
        let taken: BTreeSet<Ipv4Addr> = interfaces.map(|interface| interface.private_ip).collect();
        let (first, last) = subnet.usable_addresses();
        let Some(address) = wanted else {
            let mut addresses = (u32::from(first)..=u32::from(last)).rev().map(Ipv4Addr::from);
            return addresses.find(|address| !taken.contains(address)).ok_or_else(|| {
                let message = format!("insufficient free addresses in subnet '{subnet_id}'");
                ApiError::new("InsufficientFreeAddressesInSubnet", message)
            });
        };
        if !subnet.cidr_block.contains(&address) {
            return Err(invalid(format!("Address {address} does not fall within the subnet's address range")));
        }
        if !(first..=last).contains(&address) {
            return Err(invalid(format!("Address {address} is in subnet's reserved address range")));
        }
        if taken.contains(&address) {
            return Err(ApiError::new("InvalidIPAddress.InUse", format!("Address {address} is in use.")));
        }
        Ok(address)
    }

    /// An interface of the account's own that can be added to the subnet; without groups.
    ///
    /// # Errors
    /// As [`Ec2::take_address`].
    pub fn new_network_interface(
        &self,
        subnet_id: &str,
        wanted: Option<Ipv4Addr>,
    ) -> Result<NetworkInterface, ApiError> {
        let private_ip = self.take_address(subnet_id, wanted)?;
        Ok(NetworkInterface {
            vpc_id: subnet::KIND.find(&self.subnets, subnet_id)?.vpc_id.clone(),
            subnet_id: subnet_id.into(),
            group_ids: Vec::new(),
            private_ip,
            mac_address: String::new(),
            association: None,
            description: String::new(),
            interface_type: "interface".into(),
            requester_id: None,
            source_dest_check: true,
            attachment: None,
        })
    }

    /// Adds an interface and gives it its MAC address; returns its id.
    pub fn add_network_interface(&mut self, dice: &mut Dice, interface: NetworkInterface) -> String {
        let id = dice.id(KIND.prefix);
        let octets: Vec<String> = (0..5).map(|_| dice.hex(2)).collect();
        let mac_address = format!("02:{}", octets.join(":"));
        self.network_interfaces.insert(id.clone(), NetworkInterface { mac_address, ..interface });
        id
    }

    /// The interface with this id, to read.
    pub fn network_interface(&self, id: &str) -> Option<&NetworkInterface> {
        self.network_interfaces.get(id)
    }

    /// The interface with this id, to change.
    pub fn network_interface_mut(&mut self, id: &str) -> Option<&mut NetworkInterface> {
        self.network_interfaces.get_mut(id)
    }

    /// Removes an interface with its tags and its address; an Elastic IP address stays allocated.
    pub fn remove_network_interface(&mut self, id: &str) {
        self.network_interfaces.remove(id);
        self.drop_stray_tags();
    }

    /// A public address that nothing has.
    pub fn draw_public_address(&self, dice: &mut Dice) -> Ipv4Addr {
        let lent = self.network_interfaces.values().filter_map(|interface| interface.association.as_ref());
        let lent = lent.map(|association| association.public_ip);
        let taken: BTreeSet<Ipv4Addr> =
            lent.chain(self.elastic_ips.values().map(|address| address.public_ip)).collect();
        loop {
            let [first, second, third, fourth, ..] = dice.throw().to_be_bytes();
            let first = PUBLIC_RANGES[usize::from(first) % PUBLIC_RANGES.len()];
            let address = Ipv4Addr::new(first, second, third, fourth);
            if !taken.contains(&address) {
                return address;
            }
        }
    }

    /// The groups for an interface in a VPC: the named ones, or the VPC's default group.
    ///
    /// # Errors
    /// `InvalidGroup.NotFound`; `InvalidParameter` for a group of another VPC; too many groups.
    pub fn interface_groups(&self, vpc_id: &str, ids: &[&str]) -> Result<Vec<String>, ApiError> {
        if ids.is_empty() {
            let mut groups = self.security_groups.iter();
            let default = groups.find(|(_, group)| group.vpc_id == vpc_id && group.is_default());
            return Ok(default.map(|(id, _)| id.clone()).into_iter().collect());
        }
        let mut groups: Vec<String> = Vec::new();
        for id in ids {
            if security_group::KIND.find(&self.security_groups, id)?.vpc_id != vpc_id {
                let message = format!("Security group {id} and subnet belong to different networks.");
                return Err(ApiError::new("InvalidParameter", message));
            }
            if !groups.iter().any(|group| group == id) {
                groups.push((*id).into());
            }
        }
        if groups.len() > GROUP_QUOTA {
            let message = "The maximum number of security groups per interface has been reached.";
            return Err(ApiError::new("SecurityGroupsPerInterfaceLimitExceeded", message));
        }
        Ok(groups)
    }

    fn create_network_interface(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let wanted = address(input, "PrivateIpAddress")?;
        let interface = self.new_network_interface(input.required("SubnetId")?, wanted)?;
        if input.text("InterfaceType").is_some_and(|kind| kind != "interface") {
            return Err(unsupported("network interfaces of special types"));
        }
        let tags = tags::from_specifications(input, &KIND)?;
        let interface = NetworkInterface {
            group_ids: self.interface_groups(&interface.vpc_id, &input.texts("Groups"))?,
            description: input.text("Description").unwrap_or_default().into(),
            ..interface
        };
        let id = self.add_network_interface(context.dice, interface);
        self.tag(&id, tags);
        let mut view = self.network_interface_view(context, &id, &self.network_interfaces[&id]);
        view["Status"] = json!("pending");
        let mut answer = json!({"NetworkInterface": view});
        if let Some(token) = input.text("ClientToken") {
            answer["ClientToken"] = json!(token);
        }
        Ok(answer)
    }

    fn delete_network_interface(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("NetworkInterfaceId")?;
        if KIND.find(&self.network_interfaces, id)?.attachment.is_some() {
            return Err(invalid(format!("Network interface '{id}' is currently in use.")));
        }
        self.remove_network_interface(id);
        Ok(json!({}))
    }

    fn describe_network_interfaces(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        if !input.list("NetworkInterfaceIds").is_empty() && input.number("MaxResults").is_some() {
            let message = "The parameter NetworkInterfaceIds cannot be used with the parameter MaxResults";
            return Err(ApiError::new("InvalidParameterCombination", message));
        }
        let interfaces = self.network_interfaces.iter();
        LISTING.answer(input, interfaces.map(|(id, one)| self.network_interface_view(context, id, one)).collect())
    }

    /// An interface as it is answered.
    pub(super) fn network_interface_view(
        &self,
        context: &Context<'_>,
        id: &str,
        interface: &NetworkInterface,
    ) -> Value {
        let mut address = json!({"Primary": true, "PrivateIpAddress": interface.private_ip});
        let mut view = json!({
            "Description": interface.description,
            "Groups": self.groups_view(&interface.group_ids),
            "InterfaceType": interface.interface_type,
            "Ipv6Addresses": [],
            "MacAddress": interface.mac_address,
            "NetworkInterfaceId": id,
            "OwnerId": context.account,
            "PrivateIpAddress": interface.private_ip,
            "RequesterManaged": interface.requester_id.is_some(),
            "SourceDestCheck": interface.source_dest_check,
            "Status": if interface.attachment.is_some() { "in-use" } else { "available" },
            "SubnetId": interface.subnet_id,
            "TagSet": self.tags_view(id),
            "VpcId": interface.vpc_id,
        });
        if let Some(subnet) = self.subnets.get(&interface.subnet_id) {
            view["AvailabilityZone"] = json!(subnet.availability_zone);
            view["AvailabilityZoneId"] = json!(subnet.availability_zone_id);
        }
        if let Some(requester_id) = &interface.requester_id {
            view["RequesterId"] = json!(requester_id);
        }
        if let Some(attachment) = &interface.attachment {
            view["Attachment"] = attachment_view(attachment);
        }
        let has_hostnames = self.vpcs.get(&interface.vpc_id).is_some_and(|vpc| vpc.enable_dns_hostnames);
        if has_hostnames {
            view["PrivateDnsName"] = json!(private_dns_name(context, interface.private_ip));
            address["PrivateDnsName"] = view["PrivateDnsName"].clone();
        }
        if let Some(association) = &interface.association {
            view["Association"] = association_view(context, association, has_hostnames);
            address["Association"] = view["Association"].clone();
        }
        view["PrivateIpAddresses"] = json!([address]);
        view
    }

    /// Groups with their names, as they are answered.
    pub(super) fn groups_view(&self, ids: &[String]) -> Value {
        let view = |id: &String| {
            let name = self.security_groups.get(id).map_or("", |group| &group.group_name);
            json!({"GroupId": id, "GroupName": name})
        };
        ids.iter().map(view).collect()
    }

    fn describe_network_interface_attribute(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("NetworkInterfaceId")?;
        let interface = KIND.find(&self.network_interfaces, id)?;
        let mut answer = json!({"NetworkInterfaceId": id});
        match input.required("Attribute")? {
            "attachment" => {
                if let Some(attachment) = &interface.attachment {
                    answer["Attachment"] = attachment_view(attachment);
                }
            }
            "description" => answer["Description"] = json!({"Value": interface.description}),
            "groupSet" => answer["Groups"] = self.groups_view(&interface.group_ids),
            "sourceDestCheck" => answer["SourceDestCheck"] = json!({"Value": interface.source_dest_check}),
            "associatePublicIpAddress" => {
                let instance = interface.instance_id().and_then(|id| self.instances.get(id));
                answer["AssociatePublicIpAddress"] = json!(instance.is_some_and(|instance| instance.public));
            }
            other => return Err(invalid(format!("Value ({other}) for parameter attribute is invalid."))),
        }
        Ok(answer)
    }

    fn modify_network_interface_attribute(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("NetworkInterfaceId")?;
        let interface = KIND.find(&self.network_interfaces, id)?;
        if interface.requester_id.is_some() {
            return Err(not_ours());
        }
        let group_ids = match input.texts("Groups") {
            ids if ids.is_empty() => None,
            ids => Some(self.interface_groups(&interface.vpc_id, &ids)?),
        };
        let description = input.structure("Description").map(|value| value.text("Value").unwrap_or_default());
        let source_dest_check = input.attribute("SourceDestCheck")?;
        let changes = input.structure("Attachment");
        let public = input.boolean("AssociatePublicIpAddress");

        let interface = KIND.find_mut(&mut self.network_interfaces, id)?;
        match (group_ids, description, source_dest_check, changes, public) {
            (Some(group_ids), None, None, None, None) => interface.group_ids = group_ids,
            (None, Some(description), None, None, None) => interface.description = description.into(),
            (None, None, Some(check), None, None) => interface.source_dest_check = check,
            (None, None, None, None, Some(public)) => {
                if let Some(instance_id) = interface.instance_id().map(str::to_owned) {
                    self.set_public(context.dice, &instance_id, public);
                }
            }
            (None, None, None, Some(changes), None) => {
                let wanted = changes.required("AttachmentId")?;
                let attachment = interface.attachment.as_mut().filter(|own| own.attachment_id == wanted);
                let attachment = attachment.ok_or_else(|| ATTACHMENT.missing(wanted))?;
                attachment.delete_on_termination = changes
                    .boolean("DeleteOnTermination")
                    .ok_or_else(|| missing_parameter("Attachment.DeleteOnTermination"))?;
            }
            (None, None, None, None, None) => return Err(missing_parameter("attribute")),
            _ => {
                let message = "Fields for multiple attribute types specified";
                return Err(ApiError::new("InvalidParameterCombination", message));
            }
        }
        Ok(json!({}))
    }

    fn detach_network_interface(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let wanted = input.required("AttachmentId")?;
        if wanted.starts_with(SERVICE_ATTACHMENT) {
            let message = format!("You are not allowed to manage '{SERVICE_ATTACHMENT}' attachments.");
            return Err(ApiError::new("OperationNotPermitted", message));
        }
        ATTACHMENT.check(wanted)?;
        for interface in self.network_interfaces.values_mut() {
            let Some(attachment) = interface.attachment.as_ref().filter(|own| own.attachment_id == wanted) else {
                continue;
            };
            if attachment.device_index == 0 {
                let message = "The network interface at device index 0 cannot be detached.";
                return Err(ApiError::new("OperationNotPermitted", message));
            }
            interface.attachment = None;
            return Ok(json!({}));
        }
        Err(ATTACHMENT.missing(wanted))
    }
}

/// The refusal to change an interface that a service of AWS manages.
pub(super) fn not_ours() -> ApiError {
    ApiError::new("AuthFailure", "You do not have permission to access the specified resource.")
}

/// The IPv4 address in a member, if it is there.
pub(super) fn address(input: Input<'_>, member: &str) -> Result<Option<Ipv4Addr>, ApiError> {
    let Some(text) = input.text(member) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| invalid(format!("Invalid IPv4 address: {text}")))
}

/// The name that a VPC with DNS hostnames gives a private address: `ip-10-0-0-4.ec2.internal`.
pub(super) fn private_dns_name(context: &Context<'_>, address: Ipv4Addr) -> String {
    let domain = super::dhcp_options::default_domain(context.region);
    format!("ip-{}.{domain}", address.to_string().replace('.', "-"))
}

/// The name that a VPC with DNS hostnames gives a public address: `ec2-3-1-2-3.compute-1.amazonaws.com`.
pub(super) fn public_dns_name(context: &Context<'_>, address: Ipv4Addr) -> String {
    let zone = match context.region {
        "us-east-1" => "compute-1".into(),
        region => format!("{region}.compute"),
    };
    format!("ec2-{}.{zone}.{}", address.to_string().replace('.', "-"), context.dns_suffix())
}

fn attachment_view(attachment: &Attachment) -> Value {
    let mut view = json!({
        "AttachTime": attachment.attach_time,
        "AttachmentId": attachment.attachment_id,
        "DeleteOnTermination": attachment.delete_on_termination,
        "DeviceIndex": attachment.device_index,
        "InstanceOwnerId": attachment.instance_owner_id,
        "Status": "attached",
    });
    if let Some(instance_id) = &attachment.instance_id {
        view["InstanceId"] = json!(instance_id);
        view["NetworkCardIndex"] = json!(0);
    }
    view
}

/// A public address as it is answered; it has a name only in a VPC with DNS hostnames.
pub(super) fn association_view(context: &Context<'_>, association: &Association, has_hostnames: bool) -> Value {
    let mut view = json!({"IpOwnerId": "amazon", "PublicIp": association.public_ip});
    if let Some(elastic) = &association.elastic {
        view["IpOwnerId"] = json!(context.account);
        view["AllocationId"] = json!(elastic.allocation_id);
        view["AssociationId"] = json!(elastic.association_id);
    }
    if has_hostnames {
        view["PublicDnsName"] = json!(public_dns_name(context, association.public_ip));
    }
    view
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn create(world: &mut Sandbox, input: Value) -> Value {
        world.ok("CreateNetworkInterface", input)["NetworkInterface"].clone()
    }

    fn describe(world: &mut Sandbox, id: &Value) -> Value {
        let interfaces = world.ok("DescribeNetworkInterfaces", json!({"NetworkInterfaceIds": [id]}));
        interfaces["NetworkInterfaces"][0].clone()
    }

    #[test]
    fn an_interface_takes_an_address_and_keeps_what_it_is_in_from_being_deleted() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (subnet, group) = (world.subnet(&vpc, "10.0.0.0/24"), world.group(&vpc, "web"));
        let before = world.standing();
        let interface = create(&mut world, json!({"SubnetId": subnet, "Groups": [group]}));

        let subnets = world.ok("DescribeSubnets", json!({"SubnetIds": [subnet]}));
        assert_eq!(subnets["Subnets"][0]["AvailableIpAddressCount"], 250);
        let of_group = json!({"Filters": [{"Name": "group-id", "Values": [group]}]});
        assert_eq!(world.ok("DescribeNetworkInterfaces", of_group)["NetworkInterfaces"][0]["SubnetId"], *subnet);
        for (operation, input) in [
            ("DeleteSubnet", json!({"SubnetId": subnet})),
            ("DeleteSecurityGroup", json!({"GroupId": group})),
            ("DeleteVpc", json!({"VpcId": vpc})),
        ] {
            assert_eq!(world.refused(operation, input), "DependencyViolation", "{operation}");
        }
        world.ok("DeleteNetworkInterface", json!({"NetworkInterfaceId": interface["NetworkInterfaceId"]}));
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn an_address_is_free_inside_the_subnet_and_not_one_of_the_five_that_are_kept() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.0.0/28");
        let with = |address: &str| json!({"SubnetId": subnet, "PrivateIpAddress": address});
        assert_eq!(create(&mut world, with("10.0.0.4"))["PrivateIpAddress"], "10.0.0.4");
        for (address, code) in [
            ("10.0.0.4", "InvalidIPAddress.InUse"),
            ("10.0.0.3", "InvalidParameterValue"),
            ("10.0.0.15", "InvalidParameterValue"),
            ("10.0.1.4", "InvalidParameterValue"),
            ("ten", "InvalidParameterValue"),
        ] {
            assert_eq!(world.refused("CreateNetworkInterface", with(address)), code, "{address}");
        }
        for _ in 0..10 {
            create(&mut world, json!({"SubnetId": subnet}));
        }
        let one_more = json!({"SubnetId": subnet});
        assert_eq!(world.refused("CreateNetworkInterface", one_more), "InsufficientFreeAddressesInSubnet");
    }

    #[test]
    fn groups_are_of_the_same_vpc_and_the_default_one_where_none_is_named() {
        let mut world = Sandbox::new();
        let (vpc, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        let (subnet, foreign) = (world.subnet(&vpc, "10.0.0.0/24"), world.group(&other, "web"));
        let with = |group: &str| json!({"SubnetId": subnet, "Groups": [group]});
        assert_eq!(world.refused("CreateNetworkInterface", with(&foreign)), "InvalidParameter");
        assert_eq!(world.refused("CreateNetworkInterface", with("sg-0123456789abcdef0")), "InvalidGroup.NotFound");
        let interface = create(&mut world, json!({"SubnetId": subnet}));
        assert_eq!(interface["Groups"][0]["GroupName"], "default");
    }

    #[test]
    fn attributes_are_changed_one_a_call() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (subnet, group) = (world.subnet(&vpc, "10.0.0.0/24"), world.group(&vpc, "web"));
        let id = create(&mut world, json!({"SubnetId": subnet}))["NetworkInterfaceId"].clone();
        let with = |member: &str, value: Value| json!({"NetworkInterfaceId": id, member: value});
        world.ok("ModifyNetworkInterfaceAttribute", with("Description", json!({"Value": "door"})));
        world.ok("ModifyNetworkInterfaceAttribute", with("SourceDestCheck", json!({"Value": false})));
        world.ok("ModifyNetworkInterfaceAttribute", with("Groups", json!([group])));
        let mut two = with("Groups", json!([group]));
        two["SourceDestCheck"] = json!({"Value": true});
        assert_eq!(world.refused("ModifyNetworkInterfaceAttribute", two), "InvalidParameterCombination");
        let detached = with("Attachment", json!({"AttachmentId": "eni-attach-0123", "DeleteOnTermination": true}));
        assert_eq!(world.refused("ModifyNetworkInterfaceAttribute", detached), "InvalidAttachmentID.NotFound");

        let mut attribute = |name: &str| world.ok("DescribeNetworkInterfaceAttribute", with("Attribute", json!(name)));
        assert_eq!(attribute("description")["Description"]["Value"], "door");
        assert_eq!(attribute("sourceDestCheck")["SourceDestCheck"]["Value"], false);
        assert_eq!(attribute("groupSet")["Groups"][0]["GroupId"], *group);
        assert_eq!(attribute("attachment").get("Attachment"), None);
    }

    #[test]
    fn what_a_service_of_aws_holds_is_not_ours_to_change_detach_or_delete() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.0.0/24");
        let (mut dice, now) = (Dice::new(1), world.stage.now);
        let interface = NetworkInterface {
            requester_id: Some("123456789012".into()),
            attachment: Some(Attachment::to_service(&mut dice, now)),
            ..world.ec2().new_network_interface(&subnet, None).unwrap()
        };
        let id = json!(world.ec2().add_network_interface(&mut dice, interface));
        let shown = describe(&mut world, &id);
        assert_eq!((&shown["Status"], &shown["RequesterManaged"]), (&json!("in-use"), &json!(true)));
        let detach = json!({"AttachmentId": shown["Attachment"]["AttachmentId"]});
        assert_eq!(world.refused("DetachNetworkInterface", detach), "OperationNotPermitted");
        assert_eq!(world.refused("DeleteNetworkInterface", json!({"NetworkInterfaceId": id})), "InvalidParameterValue");
        let modify = json!({"NetworkInterfaceId": id, "Description": {"Value": "mine"}});
        assert_eq!(world.refused("ModifyNetworkInterfaceAttribute", modify), "AuthFailure");
    }

    #[test]
    fn attachments_and_associations_have_ids_of_their_own_form() {
        let mut world = Sandbox::new();
        world.vpc("10.0.0.0/16");
        for (operation, member, id, code) in [
            ("DetachNetworkInterface", "AttachmentId", "eni-attach-0123456789abcdef0", "InvalidAttachmentID.NotFound"),
            ("DetachNetworkInterface", "AttachmentId", "eni-0123456789abcdef0", "InvalidAttachmentID.Malformed"),
            ("DisassociateAddress", "AssociationId", "eipassoc-0123456789abcdef0", "InvalidAssociationID.NotFound"),
            ("DisassociateAddress", "AssociationId", "eipassoc-xyz", "InvalidAssociationID.Malformed"),
        ] {
            assert_eq!(world.refused(operation, json!({member: id})), code, "{id}");
        }
    }

    #[test]
    fn names_come_with_dns_hostnames() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.0.0/24");
        let id = create(&mut world, json!({"SubnetId": subnet, "PrivateIpAddress": "10.0.0.9"}))["NetworkInterfaceId"]
            .clone();
        assert_eq!(describe(&mut world, &id).get("PrivateDnsName"), None);
        world.ok("ModifyVpcAttribute", json!({"VpcId": vpc, "EnableDnsHostnames": {"Value": true}}));
        assert_eq!(describe(&mut world, &id)["PrivateDnsName"], "ip-10-0-0-9.ec2.internal");
    }

    #[test]
    fn ids_and_pages_do_not_go_together() {
        let input = json!({"NetworkInterfaceIds": ["eni-0123456789abcdef0"], "MaxResults": 5});
        assert_eq!(Sandbox::new().refused("DescribeNetworkInterfaces", input), "InvalidParameterCombination");
    }
}
