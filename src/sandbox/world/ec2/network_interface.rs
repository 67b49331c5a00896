//! Network interfaces. Nothing makes them yet; whatever has one keeps its subnet, groups and VPC from being deleted.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::{Ec2, Input, Kind, Operation};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

pub const KIND: Kind = Kind {
    prefix: "eni",
    resource_type: "network-interface",
    label: "networkInterface ID",
    not_found: "InvalidNetworkInterfaceID.NotFound",
    malformed: "InvalidNetworkInterfaceId.Malformed",
};

pub const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeNetworkInterfaces",
    members: &["NetworkInterfaceIds", "Filters", "MaxResults", "NextToken"],
    run: Ec2::describe_network_interfaces,
}];

const LISTING: Listing = Listing {
    ids: Some(("NetworkInterfaceIds", &KIND)),
    result: "NetworkInterfaces",
    key: &["NetworkInterfaceId"],
    most: 1000,
    filters: &[
        ("addresses.association.public-ip", "PrivateIpAddresses.Association.PublicIp"),
        ("addresses.primary", "PrivateIpAddresses.Primary"),
        ("addresses.private-ip-address", "PrivateIpAddresses.PrivateIpAddress"),
        ("association.public-ip", "Association.PublicIp"),
        ("attachment.instance-id", "Attachment.InstanceId"),
        ("attachment.status", "Attachment.Status"),
        ("availability-zone", "AvailabilityZone"),
        ("description", "Description"),
        ("group-id", "Groups.GroupId"),
        ("group-name", "Groups.GroupName"),
        ("interface-type", "InterfaceType"),
        ("network-interface-id", "NetworkInterfaceId"),
        ("owner-id", "OwnerId"),
        ("private-ip-address", "PrivateIpAddress"),
        ("requester-id", "RequesterId"),
        ("requester-managed", "RequesterManaged"),
        ("source-dest-check", "SourceDestCheck"),
        ("status", "Status"),
        ("subnet-id", "SubnetId"),
        ("vpc-id", "VpcId"),
    ],
};

/// A network interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkInterface {
    pub vpc_id: String,
    pub subnet_id: String,
    pub group_ids: Vec<String>,
    pub private_ip: Ipv4Addr,
    pub public_ip: Option<Ipv4Addr>,
    pub description: String,
    /// `interface`, `vpc_endpoint`, `lambda`, …
    pub interface_type: String,
    /// The service that manages it; `None` if the account does.
    pub requester_id: Option<String>,
    /// `available`, or `in-use` when it is attached.
    pub status: String,
}

impl Ec2 {
    fn describe_network_interfaces(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        if !input.list("NetworkInterfaceIds").is_empty() && input.number("MaxResults").is_some() {
            let message = "The parameter NetworkInterfaceIds cannot be used with the parameter MaxResults";
            return Err(ApiError::new("InvalidParameterCombination", message));
        }
        let interfaces = self.network_interfaces.iter();
        LISTING.answer(input, interfaces.map(|(id, one)| self.network_interface_view(context, id, one)).collect())
    }

    fn network_interface_view(&self, context: &Context<'_>, id: &str, interface: &NetworkInterface) -> Value {
        let zone = self.subnets.get(&interface.subnet_id).map(|subnet| subnet.availability_zone.as_str());
        let group = |group_id: &String| {
            let name = self.security_groups.get(group_id).map(|group| group.group_name.as_str());
            json!({"GroupId": group_id, "GroupName": name.unwrap_or_default()})
        };
        let mut address = json!({"Primary": true, "PrivateIpAddress": interface.private_ip});
        let mut view = json!({
            "AvailabilityZone": zone.unwrap_or_default(),
            "Description": interface.description,
            "Groups": interface.group_ids.iter().map(group).collect::<Vec<_>>(),
            "InterfaceType": interface.interface_type,
            "Ipv6Addresses": [],
            "NetworkInterfaceId": id,
            "OwnerId": context.account,
            "PrivateIpAddress": interface.private_ip,
            "RequesterManaged": interface.requester_id.is_some(),
            "SourceDestCheck": true,
            "Status": interface.status,
            "SubnetId": interface.subnet_id,
            "TagSet": self.tags_view(id),
            "VpcId": interface.vpc_id,
        });
        if let Some(requester_id) = &interface.requester_id {
            view["RequesterId"] = json!(requester_id);
        }
        if let Some(public_ip) = interface.public_ip {
            view["Association"] = json!({"IpOwnerId": "amazon", "PublicIp": public_ip});
            address["Association"] = view["Association"].clone();
        }
        view["PrivateIpAddresses"] = json!([address]);
        view
    }
}

#[cfg(test)]
impl NetworkInterface {
    /// An interface of the account's own.
    pub fn sample(vpc_id: &str, subnet_id: &str, group_ids: &[&str]) -> Self {
        Self {
            vpc_id: vpc_id.into(),
            subnet_id: subnet_id.into(),
            group_ids: group_ids.iter().map(|&id| id.into()).collect(),
            private_ip: [10, 0, 0, 10].into(),
            public_ip: None,
            description: String::new(),
            interface_type: "interface".into(),
            requester_id: None,
            status: "available".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn an_interface_takes_an_address_and_keeps_what_it_is_in_from_being_deleted() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (subnet, group) = (world.subnet(&vpc, "10.0.0.0/24"), world.group(&vpc, "web"));
        let interface = NetworkInterface::sample(&vpc, &subnet, &[&group]);
        world.ec2().network_interfaces.insert("eni-0123456789abcdef0".into(), interface);

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
    }

    #[test]
    fn ids_and_pages_do_not_go_together() {
        let input = json!({"NetworkInterfaceIds": ["eni-0123456789abcdef0"], "MaxResults": 5});
        assert_eq!(Sandbox::new().refused("DescribeNetworkInterfaces", input), "InvalidParameterCombination");
    }
}
