//! Subnets.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::zones::{self, Zone};
use super::{Ec2, Input, Kind, Operation, missing_parameter, overlap, parse_cidr, vpc};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice, durations};

pub const KIND: Kind = Kind {
    prefix: "subnet",
    resource_type: "subnet",
    label: "subnet ID",
    not_found: "InvalidSubnetID.NotFound",
    malformed: "InvalidSubnetID.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateSubnet",
        members: &["VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId", "TagSpecifications"],
        run: Ec2::create_subnet,
    },
    Operation { name: "DeleteSubnet", members: &["SubnetId"], run: Ec2::delete_subnet },
    Operation {
        name: "DescribeSubnets",
        members: &["SubnetIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_subnets,
    },
    Operation {
        name: "ModifySubnetAttribute",
        members: &["SubnetId", "MapPublicIpOnLaunch"],
        run: Ec2::modify_subnet_attribute,
    },
];

const LISTING: Listing = Listing {
    ids: Some(("SubnetIds", &KIND)),
    result: "Subnets",
    key: &["SubnetId"],
    most: 1000,
    filters: &[
        ("availability-zone", "AvailabilityZone"),
        ("availabilityZone", "AvailabilityZone"),
        ("availability-zone-id", "AvailabilityZoneId"),
        ("availabilityZoneId", "AvailabilityZoneId"),
        ("available-ip-address-count", "AvailableIpAddressCount"),
        ("cidr", "CidrBlock"),
        ("cidr-block", "CidrBlock"),
        ("cidrBlock", "CidrBlock"),
        ("default-for-az", "DefaultForAz"),
        ("defaultForAz", "DefaultForAz"),
        ("enable-dns64", "EnableDns64"),
        ("ipv6-cidr-block-association.ipv6-cidr-block", "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock"),
        ("ipv6-cidr-block-association.association-id", "Ipv6CidrBlockAssociationSet.AssociationId"),
        ("ipv6-cidr-block-association.state", "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State"),
        ("ipv6-native", "Ipv6Native"),
        ("map-customer-owned-ip-on-launch", "MapCustomerOwnedIpOnLaunch"),
        ("map-public-ip-on-launch", "MapPublicIpOnLaunch"),
        ("outpost-arn", "OutpostArn"),
        ("owner-id", "OwnerId"),
        ("private-dns-name-options-on-launch.hostname-type", "PrivateDnsNameOptionsOnLaunch.HostnameType"),
        (
            "private-dns-name-options-on-launch.enable-resource-name-dns-a-record",
            "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord",
        ),
        (
            "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
            "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord",
        ),
        ("state", "State"),
        ("subnet-arn", "SubnetArn"),
        ("subnet-id", "SubnetId"),
        ("vpc-id", "VpcId"),
    ],
};

/// Subnets per VPC.
const QUOTA: usize = 200;
/// Addresses of each subnet that AWS keeps: the first four and the last.
const RESERVED_ADDRESSES: usize = 5;

/// A subnet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Subnet {
    pub vpc_id: String,
    pub cidr_block: Ipv4Net,
    pub availability_zone: String,
    pub availability_zone_id: String,
    pub default_for_az: bool,
    pub map_public_ip_on_launch: bool,
    pub available_at: Timestamp,
    pub network_acl_association_id: String,
    /// The network ACL that it was associated with; none: the VPC's default one.
    pub network_acl_id: Option<String>,
}

impl Subnet {
    /// The public subnet that a zone begins with.
    pub fn default_for_zone(vpc_id: &str, cidr_block: Ipv4Net, zone: &Zone) -> Self {
        Self { default_for_az: true, map_public_ip_on_launch: true, ..Self::new(vpc_id, cidr_block, zone) }
    }

    /// The first and the last address that an interface can have.
    pub fn usable_addresses(&self) -> (Ipv4Addr, Ipv4Addr) {
        let (first, last) = (u32::from(self.cidr_block.network()) + 4, u32::from(self.cidr_block.broadcast()) - 1);
        (first.into(), last.into())
    }

    fn new(vpc_id: &str, cidr_block: Ipv4Net, zone: &Zone) -> Self {
        Self {
            vpc_id: vpc_id.into(),
            cidr_block,
            availability_zone: zone.name.clone(),
            availability_zone_id: zone.id.clone(),
            default_for_az: false,
            map_public_ip_on_launch: false,
            available_at: Timestamp::MIN,
            network_acl_association_id: String::new(),
            network_acl_id: None,
        }
    }
}

impl Ec2 {
    /// Adds a subnet; returns its id.
    pub(super) fn add_subnet(&mut self, dice: &mut Dice, subnet: Subnet) -> String {
        let id = dice.id("subnet");
        let network_acl_association_id = dice.id("aclassoc");
        self.subnets.insert(id.clone(), Subnet { network_acl_association_id, ..subnet });
        id
    }

    fn create_subnet(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let vpc_id = input.required("VpcId")?;
        let vpc = vpc::KIND.find(&self.vpcs, vpc_id)?;
        let cidr = parse_cidr(input.required("CidrBlock")?, "cidrBlock")?;
        if !(16..=28).contains(&cidr.prefix_len()) || !vpc.cidr_block.contains(&cidr) {
            return Err(ApiError::new("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid.")));
        }
        let mut siblings = self.subnets.values().filter(|subnet| subnet.vpc_id == vpc_id);
        if siblings.clone().any(|subnet| overlap(subnet.cidr_block, cidr)) {
            let message = format!("The CIDR '{cidr}' conflicts with another subnet");
            return Err(ApiError::new("InvalidSubnet.Conflict", message));
        }
        if siblings.nth(QUOTA - 1).is_some() {
            return Err(ApiError::new("SubnetLimitExceeded", "The maximum number of subnets has been reached."));
        }
        let zone = match zones::named(context.region, input)? {
            Some(zone) => zone,
            None => {
                let mut zones = zones::of(context.region);
                zones.swap_remove(context.dice.below(zones.len() as u64) as usize)
            }
        };
        let tags = super::tags::from_specifications(input, &KIND)?;

        let available_at = context.due(durations::SUBNET_CREATE);
        let id = self.add_subnet(context.dice, Subnet { available_at, ..Subnet::new(vpc_id, cidr, &zone) });
        self.tag(&id, tags);
        Ok(json!({"Subnet": self.subnet_view(context, &id, &self.subnets[&id])}))
    }

    fn delete_subnet(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("SubnetId")?;
        KIND.find(&self.subnets, id)?;
        if self.network_interfaces.values().any(|interface| interface.subnet_id == id) {
            return Err(KIND.in_use(id));
        }
        self.subnets.remove(id);
        for table in self.route_tables.values_mut() {
            table.associations.retain(|_, subnet| subnet.as_deref() != Some(id));
        }
        self.drop_stray_tags();
        Ok(json!({}))
    }

    fn describe_subnets(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let views = self.subnets.iter().map(|(id, subnet)| self.subnet_view(context, id, subnet)).collect();
        LISTING.answer(input, views)
    }

    fn subnet_view(&self, context: &Context<'_>, id: &str, subnet: &Subnet) -> Value {
        let interfaces = self.network_interfaces.values().filter(|interface| interface.subnet_id == id).count();
        let addresses = 1_usize << (32 - subnet.cidr_block.prefix_len());
        json!({
            "AssignIpv6AddressOnCreation": false,
            "AvailabilityZone": subnet.availability_zone,
            "AvailabilityZoneId": subnet.availability_zone_id,
            "AvailableIpAddressCount": addresses.saturating_sub(RESERVED_ADDRESSES + interfaces),
            "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
            "CidrBlock": subnet.cidr_block,
            "DefaultForAz": subnet.default_for_az,
            "EnableDns64": false,
            "Ipv6CidrBlockAssociationSet": [],
            "Ipv6Native": false,
            "MapCustomerOwnedIpOnLaunch": false,
            "MapPublicIpOnLaunch": subnet.map_public_ip_on_launch,
            "OwnerId": context.account,
            "PrivateDnsNameOptionsOnLaunch": {
                "EnableResourceNameDnsAAAARecord": false,
                "EnableResourceNameDnsARecord": false,
                "HostnameType": "ip-name",
            },
            "State": if context.now < subnet.available_at { "pending" } else { "available" },
            "SubnetArn": context.arn("ec2", &format!("subnet/{id}")),
            "SubnetId": id,
            "Tags": self.tags_view(id),
            "VpcId": subnet.vpc_id,
        })
    }

    fn modify_subnet_attribute(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let subnet = KIND.find_mut(&mut self.subnets, input.required("SubnetId")?)?;
        let map = input.attribute("MapPublicIpOnLaunch")?;
        subnet.map_public_ip_on_launch = map.ok_or_else(|| missing_parameter("attribute"))?;
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_new_subnet_is_pending_at_first_and_has_five_addresses_less() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let input = json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24", "AvailabilityZoneId": "use1-az3"});
        let subnet = world.ok("CreateSubnet", input)["Subnet"].clone();
        assert_eq!(subnet["State"], "pending");
        assert_eq!(subnet["AvailableIpAddressCount"], 251);
        assert_eq!(subnet["AvailabilityZone"], "us-east-1c");
        let id = subnet["SubnetId"].as_str().unwrap();
        assert_eq!(subnet["SubnetArn"], format!("arn:aws:ec2:us-east-1:111122223333:subnet/{id}"));
        world.wait(2);
        assert_eq!(world.ok("DescribeSubnets", json!({"SubnetIds": [id]}))["Subnets"][0]["State"], "available");
    }

    #[test]
    fn a_block_must_lie_in_the_vpc_and_apart_from_other_subnets() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let mut refused = |block: &str| world.refused("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": block}));
        assert_eq!(refused("10.1.0.0/24"), "InvalidSubnet.Range");
        assert_eq!(refused("10.0.0.0/15"), "InvalidSubnet.Range");
        assert_eq!(refused("10.0.0.0/29"), "InvalidSubnet.Range");
        assert_eq!(refused("ten"), "InvalidParameterValue");
        world.subnet(&vpc, "10.0.1.0/24");
        let mut refused = |block: &str| world.refused("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": block}));
        assert_eq!(refused("10.0.1.128/25"), "InvalidSubnet.Conflict");
        assert_eq!(refused("10.0.0.0/20"), "InvalidSubnet.Conflict");
    }

    #[test]
    fn the_zone_must_be_one_of_the_region() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let input = json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-east-1z"});
        assert_eq!(world.refused("CreateSubnet", input), "InvalidParameterValue");
        let unnamed = world.ok("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24"}));
        assert!(unnamed["Subnet"]["AvailabilityZone"].as_str().unwrap().starts_with("us-east-1"));
    }

    #[test]
    fn deleting_a_subnet_drops_its_route_table_association() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (subnet, table) = (world.subnet(&vpc, "10.0.1.0/24"), world.table(&vpc));
        world.ok("AssociateRouteTable", json!({"RouteTableId": table, "SubnetId": subnet}));
        world.ok("DeleteSubnet", json!({"SubnetId": subnet}));
        let tables = world.ok("DescribeRouteTables", json!({"RouteTableIds": [table]}));
        assert_eq!(tables["RouteTables"][0]["Associations"], json!([]));
        assert_eq!(world.refused("DeleteSubnet", json!({"SubnetId": subnet})), "InvalidSubnetID.NotFound");
    }

    #[test]
    fn mapping_of_public_addresses_can_be_switched() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        world.ok("ModifySubnetAttribute", json!({"SubnetId": subnet, "MapPublicIpOnLaunch": {"Value": true}}));
        let subnets = world.ok("DescribeSubnets", json!({"SubnetIds": [subnet]}));
        assert_eq!(subnets["Subnets"][0]["MapPublicIpOnLaunch"], true);
        assert_eq!(world.refused("ModifySubnetAttribute", json!({"SubnetId": subnet})), "MissingParameter");
    }
}
