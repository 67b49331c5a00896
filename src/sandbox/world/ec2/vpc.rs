//! VPCs and their attributes.

use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::{Ec2, Input, Kind, Operation, invalid, parse_cidr};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice, durations};

pub const KIND: Kind = Kind {
    prefix: "vpc",
    resource_type: "vpc",
    label: "vpc ID",
    not_found: "InvalidVpcID.NotFound",
    malformed: "InvalidVpcID.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateVpc",
        members: &["CidrBlock", "InstanceTenancy", "TagSpecifications"],
        run: Ec2::create_vpc,
    },
    Operation { name: "DeleteVpc", members: &["VpcId"], run: Ec2::delete_vpc },
    Operation {
        name: "DescribeVpcs",
        members: &["VpcIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_vpcs,
    },
    Operation {
        name: "ModifyVpcAttribute",
        members: &["VpcId", "EnableDnsSupport", "EnableDnsHostnames", "EnableNetworkAddressUsageMetrics"],
        run: Ec2::modify_vpc_attribute,
    },
    Operation { name: "DescribeVpcAttribute", members: &["VpcId", "Attribute"], run: Ec2::describe_vpc_attribute },
];

const LISTING: Listing = Listing {
    ids: Some(("VpcIds", &KIND)),
    result: "Vpcs",
    key: &["VpcId"],
    most: 1000,
    filters: &[
        ("cidr", "CidrBlock"),
        ("cidr-block", "CidrBlock"),
        ("cidr-block-association.cidr-block", "CidrBlockAssociationSet.CidrBlock"),
        ("cidr-block-association.association-id", "CidrBlockAssociationSet.AssociationId"),
        ("cidr-block-association.state", "CidrBlockAssociationSet.CidrBlockState.State"),
        ("dhcp-options-id", "DhcpOptionsId"),
        ("ipv6-cidr-block-association.ipv6-cidr-block", "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock"),
        ("ipv6-cidr-block-association.ipv6-pool", "Ipv6CidrBlockAssociationSet.Ipv6Pool"),
        ("ipv6-cidr-block-association.association-id", "Ipv6CidrBlockAssociationSet.AssociationId"),
        ("ipv6-cidr-block-association.state", "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State"),
        ("is-default", "IsDefault"),
        ("isDefault", "IsDefault"),
        ("owner-id", "OwnerId"),
        ("state", "State"),
        ("vpc-id", "VpcId"),
    ],
};

/// VPCs per Region, the default one included.
const QUOTA: usize = 5;

/// A VPC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Vpc {
    pub cidr_block: Ipv4Net,
    pub dhcp_options_id: String,
    pub instance_tenancy: String,
    pub is_default: bool,
    pub available_at: Timestamp,
    pub enable_dns_support: bool,
    pub enable_dns_hostnames: bool,
    pub enable_network_address_usage_metrics: bool,
    /// The id of the association of its CIDR block.
    pub cidr_association_id: String,
}

impl Vpc {
    /// The VPC that a Region begins with.
    pub fn default_for_region(cidr_block: Ipv4Net, dhcp_options_id: String) -> Self {
        Self {
            is_default: true,
            available_at: Timestamp::MIN,
            enable_dns_hostnames: true,
            ..Self::new(cidr_block, dhcp_options_id)
        }
    }

    fn new(cidr_block: Ipv4Net, dhcp_options_id: String) -> Self {
        Self {
            cidr_block,
            dhcp_options_id,
            instance_tenancy: "default".into(),
            is_default: false,
            available_at: Timestamp::MIN,
            enable_dns_support: true,
            enable_dns_hostnames: false,
            enable_network_address_usage_metrics: false,
            cidr_association_id: String::new(),
        }
    }
}

impl Ec2 {
    /// Adds a VPC with its main route table, default security group and default network ACL; returns its id.
    pub(super) fn add_vpc(&mut self, dice: &mut Dice, vpc: Vpc) -> String {
        let id = dice.id("vpc");
        let cidr_association_id = dice.id("vpc-cidr-assoc");
        self.vpcs.insert(id.clone(), Vpc { cidr_association_id, ..vpc });
        self.add_main_route_table(dice, &id);
        self.add_default_group(dice, &id);
        self.add_default_acl(dice, &id);
        id
    }

    fn create_vpc(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let cidr_block = parse_cidr(input.required("CidrBlock")?, "cidrBlock")?;
        let address = cidr_block.network();
        let reserved =
            address.is_loopback() || address.is_link_local() || address.is_multicast() || address.octets()[0] == 0;
        if !(16..=28).contains(&cidr_block.prefix_len()) || reserved {
            return Err(ApiError::new("InvalidVpc.Range", format!("The CIDR '{cidr_block}' is invalid.")));
        }
        let instance_tenancy = input.text("InstanceTenancy").unwrap_or("default");
        if !matches!(instance_tenancy, "default" | "dedicated") {
            let message = format!("Value ({instance_tenancy}) for parameter instanceTenancy is invalid.");
            return Err(invalid(message));
        }
        let tags = super::tags::from_specifications(input, &KIND)?;
        if self.vpcs.len() >= context.quota(QUOTA) {
            return Err(ApiError::new("VpcLimitExceeded", "The maximum number of VPCs has been reached."));
        }

        let dhcp_options_id = self.default_dhcp_options();
        let vpc = Vpc {
            instance_tenancy: instance_tenancy.into(),
            available_at: context.due(durations::VPC_CREATE),
            ..Vpc::new(cidr_block, dhcp_options_id)
        };
        let id = self.add_vpc(context.dice, vpc);
        self.tag(&id, tags);
        Ok(json!({"Vpc": self.vpc_view(context, &id, &self.vpcs[&id])}))
    }

    fn delete_vpc(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("VpcId")?;
        KIND.find(&self.vpcs, id)?;
        let occupied = self.subnets.values().any(|subnet| subnet.vpc_id == id)
            || self.security_groups.values().any(|group| group.vpc_id == id && !group.is_default())
            || self.route_tables.values().any(|table| table.vpc_id == id && !table.is_main())
            || self.network_acls.values().any(|acl| acl.vpc_id == id && !acl.is_default)
            || self.has_internet_gateway(id)
            || self.network_interfaces.values().any(|interface| interface.vpc_id == id)
            || self.vpc_endpoints.values().any(|endpoint| endpoint.vpc_id == id && !endpoint.has_ended())
            || self.peerings.values().any(|peering| peering.joins(id) && !peering.has_ended());
        if occupied {
            return Err(KIND.in_use(id));
        }

        self.vpcs.remove(id);
        self.route_tables.retain(|_, table| table.vpc_id != id);
        self.security_groups.retain(|_, group| group.vpc_id != id);
        self.security_group_rules.retain(|_, rule| self.security_groups.contains_key(&rule.group_id));
        self.network_acls.retain(|_, acl| acl.vpc_id != id);
        self.drop_stray_tags();
        Ok(json!({}))
    }

    fn describe_vpcs(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let views = self.vpcs.iter().map(|(id, vpc)| self.vpc_view(context, id, vpc)).collect();
        LISTING.answer(input, views)
    }

    fn vpc_view(&self, context: &Context<'_>, id: &str, vpc: &Vpc) -> Value {
        json!({
            "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
            "VpcId": id,
            "CidrBlock": vpc.cidr_block,
            "CidrBlockAssociationSet": [{
                "AssociationId": vpc.cidr_association_id,
                "CidrBlock": vpc.cidr_block,
                "CidrBlockState": {"State": "associated"},
            }],
            "Ipv6CidrBlockAssociationSet": [],
            "DhcpOptionsId": vpc.dhcp_options_id,
            "InstanceTenancy": vpc.instance_tenancy,
            "IsDefault": vpc.is_default,
            "OwnerId": context.account,
            "State": if context.now < vpc.available_at { "pending" } else { "available" },
            "Tags": self.tags_view(id),
        })
    }

    fn modify_vpc_attribute(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let vpc = KIND.find_mut(&mut self.vpcs, input.required("VpcId")?)?;
        let support = input.attribute("EnableDnsSupport")?;
        let hostnames = input.attribute("EnableDnsHostnames")?;
        let metrics = input.attribute("EnableNetworkAddressUsageMetrics")?;
        match (support, hostnames, metrics) {
            (Some(value), None, None) => vpc.enable_dns_support = value,
            (None, Some(true), None) if !vpc.enable_dns_support => {
                return Err(invalid("DNS hostnames can only be enabled while DNS support is enabled."));
            }
            (None, Some(value), None) => vpc.enable_dns_hostnames = value,
            (None, None, Some(value)) => vpc.enable_network_address_usage_metrics = value,
            (None, None, None) => return Err(super::missing_parameter("attribute")),
            _ => {
                let message = "Fields for multiple attribute types specified";
                return Err(ApiError::new("InvalidParameterCombination", message));
            }
        }
        Ok(json!({}))
    }

    fn describe_vpc_attribute(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("VpcId")?;
        let vpc = KIND.find(&self.vpcs, id)?;
        let (member, value) = match input.required("Attribute")? {
            "enableDnsSupport" => ("EnableDnsSupport", vpc.enable_dns_support),
            "enableDnsHostnames" => ("EnableDnsHostnames", vpc.enable_dns_hostnames),
            "enableNetworkAddressUsageMetrics" => {
                ("EnableNetworkAddressUsageMetrics", vpc.enable_network_address_usage_metrics)
            }
            other => return Err(invalid(format!("Value ({other}) for parameter attribute is invalid."))),
        };
        Ok(json!({"VpcId": id, member: {"Value": value}}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_fresh_region_has_a_default_vpc_with_a_subnet_in_each_zone() {
        let mut world = Sandbox::new();
        let vpcs = world.ok("DescribeVpcs", json!({}));
        assert_eq!(vpcs["Vpcs"].as_array().unwrap().len(), 1);
        let vpc = &vpcs["Vpcs"][0];
        assert_eq!((&vpc["IsDefault"], &vpc["CidrBlock"]), (&json!(true), &json!("172.31.0.0/16")));
        let subnets = world.ok("DescribeSubnets", json!({"Filters": [{"Name": "default-for-az", "Values": ["true"]}]}));
        let zones: Vec<_> =
            subnets["Subnets"].as_array().unwrap().iter().map(|s| s["AvailabilityZone"].clone()).collect();
        assert_eq!(zones.len(), 3);
        assert!(zones.contains(&json!("us-east-1a")) && zones.contains(&json!("us-east-1c")));
        let gateways = world.ok("DescribeInternetGateways", json!({}));
        assert_eq!(gateways["InternetGateways"][0]["Attachments"][0]["VpcId"], vpc["VpcId"]);
    }

    #[test]
    fn a_new_vpc_is_pending_at_first_and_brings_its_main_table_default_group_and_acl() {
        let mut world = Sandbox::new();
        let vpc = world.ok("CreateVpc", json!({"CidrBlock": "10.0.0.0/16"}))["Vpc"].clone();
        assert_eq!(vpc["State"], "pending");
        world.wait(2);
        let mine = json!({"Filters": [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]});
        assert_eq!(world.ok("DescribeVpcs", mine.clone())["Vpcs"][0]["State"], "available");
        let tables = world.ok("DescribeRouteTables", mine.clone());
        assert_eq!(tables["RouteTables"][0]["Associations"][0]["Main"], true);
        let groups = world.ok("DescribeSecurityGroups", mine.clone());
        assert_eq!(groups["SecurityGroups"][0]["GroupName"], "default");
        assert_eq!(world.ok("DescribeNetworkAcls", mine)["NetworkAcls"][0]["IsDefault"], true);
    }

    #[test]
    fn blocks_are_from_16_to_28_and_lose_their_host_bits() {
        let mut world = Sandbox::new();
        for block in ["10.0.0.0/15", "10.0.0.0/29", "127.0.0.0/16"] {
            assert_eq!(world.refused("CreateVpc", json!({"CidrBlock": block})), "InvalidVpc.Range");
        }
        assert_eq!(world.refused("CreateVpc", json!({"CidrBlock": "10.0.0/16"})), "InvalidParameterValue");
        assert_eq!(world.refused("CreateVpc", json!({})), "MissingParameter");
        assert_eq!(world.ok("CreateVpc", json!({"CidrBlock": "10.0.3.1/16"}))["Vpc"]["CidrBlock"], "10.0.0.0/16");
    }

    #[test]
    fn what_is_not_modelled_is_refused_by_name() {
        let mut world = Sandbox::new();
        let refusal =
            world.call("CreateVpc", json!({"CidrBlock": "10.0.0.0/16", "Ipv4IpamPoolId": "ipam-1"})).unwrap_err();
        assert_eq!((refusal.code.as_str(), refusal.status), ("NotImplemented", 501));
        assert!(refusal.message.contains("Ipv4IpamPoolId"));
        world.ok("CreateVpc", json!({"CidrBlock": "10.0.0.0/16", "AmazonProvidedIpv6CidrBlock": false}));
        assert_eq!(world.refused("CreateFleet", json!({})), "NotImplemented");
    }

    #[test]
    fn a_region_takes_five_vpcs_with_the_default_one() {
        let mut world = Sandbox::new();
        for _ in 0..4 {
            world.vpc("10.0.0.0/16");
        }
        assert_eq!(world.refused("CreateVpc", json!({"CidrBlock": "10.0.0.0/16"})), "VpcLimitExceeded");
    }

    #[test]
    fn dns_attributes_are_changed_one_a_call_and_hostnames_need_support() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let attribute = |world: &mut Sandbox, name: &str| {
            world.ok("DescribeVpcAttribute", json!({"VpcId": vpc, "Attribute": name}))
        };
        assert_eq!(attribute(&mut world, "enableDnsSupport")["EnableDnsSupport"]["Value"], true);
        assert_eq!(attribute(&mut world, "enableDnsHostnames")["EnableDnsHostnames"]["Value"], false);
        let on = json!({"Value": true});
        let both = json!({"VpcId": vpc, "EnableDnsSupport": on, "EnableDnsHostnames": on});
        assert_eq!(world.refused("ModifyVpcAttribute", both), "InvalidParameterCombination");
        world.ok("ModifyVpcAttribute", json!({"VpcId": vpc, "EnableDnsSupport": {"Value": false}}));
        let hostnames = json!({"VpcId": vpc, "EnableDnsHostnames": on});
        assert_eq!(world.refused("ModifyVpcAttribute", hostnames.clone()), "InvalidParameterValue");
        world.ok("ModifyVpcAttribute", json!({"VpcId": vpc, "EnableDnsSupport": on}));
        world.ok("ModifyVpcAttribute", hostnames);
        assert_eq!(attribute(&mut world, "enableDnsHostnames")["EnableDnsHostnames"]["Value"], true);
    }

    #[test]
    fn a_vpc_with_anything_of_ours_in_it_cannot_be_deleted() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let before = world.standing();
        let delete = json!({"VpcId": vpc});

        let subnet = world.subnet(&vpc, "10.0.0.0/24");
        assert_eq!(world.refused("DeleteVpc", delete.clone()), "DependencyViolation");
        world.ok("DeleteSubnet", json!({"SubnetId": subnet}));

        let group = world.group(&vpc, "web");
        assert_eq!(world.refused("DeleteVpc", delete.clone()), "DependencyViolation");
        world.ok("DeleteSecurityGroup", json!({"GroupId": group}));

        let table = world.table(&vpc);
        assert_eq!(world.refused("DeleteVpc", delete.clone()), "DependencyViolation");
        world.ok("DeleteRouteTable", json!({"RouteTableId": table}));

        let gateway = world.gateway(&vpc);
        assert_eq!(world.refused("DeleteVpc", delete.clone()), "DependencyViolation");
        world.ok("DetachInternetGateway", json!({"InternetGatewayId": gateway, "VpcId": vpc}));
        world.ok("DeleteInternetGateway", json!({"InternetGatewayId": gateway}));

        assert_eq!(world.standing(), before);
        world.ok("DeleteVpc", delete.clone());
        assert_eq!(world.refused("DeleteVpc", delete), "InvalidVpcID.NotFound");
        assert_eq!(world.standing(), Sandbox::new().standing());
    }

    #[test]
    fn unknown_and_malformed_ids_have_their_own_codes() {
        let mut world = Sandbox::new();
        let ask = |id: &str| json!({"VpcIds": [id]});
        assert_eq!(world.refused("DescribeVpcs", ask("vpc-0123456789abcdef0")), "InvalidVpcID.NotFound");
        assert_eq!(world.refused("DescribeVpcs", ask("vpc-xyz")), "InvalidVpcID.Malformed");
        assert_eq!(world.refused("DescribeVpcs", ask("subnet-0123456789abcdef0")), "InvalidVpcID.Malformed");
    }
}
