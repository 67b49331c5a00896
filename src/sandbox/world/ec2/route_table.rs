//! Route tables: routes and associations.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::nat_gateway::NatGateway;
use super::network_interface::Attachment;
use super::{
    Ec2, Input, Kind, Operation, invalid, missing_parameter, network_interface, parse_cidr, peering, prefix_list,
    subnet, vpc,
};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice};

pub const KIND: Kind = Kind {
    prefix: "rtb",
    resource_type: "route-table",
    label: "routeTable ID",
    not_found: "InvalidRouteTableID.NotFound",
    malformed: "InvalidRouteTableId.Malformed",
};

const ASSOCIATION: Kind = Kind {
    prefix: "rtbassoc",
    resource_type: "",
    label: "association ID",
    not_found: "InvalidAssociationID.NotFound",
    malformed: "InvalidAssociationID.Malformed",
};

/// An internet gateway as the target of a route.
const GATEWAY: Kind = Kind {
    prefix: "igw",
    resource_type: "",
    label: "gateway ID",
    not_found: "InvalidGatewayID.NotFound",
    malformed: "InvalidGatewayID.Malformed",
};

/// A NAT gateway as the target of a route.
const NAT_GATEWAY: Kind = Kind {
    prefix: "nat",
    resource_type: "",
    label: "natGateway ID",
    not_found: "InvalidNatGatewayID.NotFound",
    malformed: "InvalidNatGatewayID.Malformed",
};

/// Targets of kinds that nothing makes, with their NotFound codes.
const ABSENT_TARGETS: &[(&str, &str)] = &[
    ("EgressOnlyInternetGatewayId", "InvalidGatewayID.NotFound"),
    ("TransitGatewayId", "InvalidTransitGatewayID.NotFound"),
    ("VpcEndpointId", "InvalidVpcEndpointId.NotFound"),
];

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateRouteTable",
        members: &["VpcId", "ClientToken", "TagSpecifications"],
        run: Ec2::create_route_table,
    },
    Operation { name: "DeleteRouteTable", members: &["RouteTableId"], run: Ec2::delete_route_table },
    Operation {
        name: "DescribeRouteTables",
        members: &["RouteTableIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_route_tables,
    },
    Operation { name: "CreateRoute", members: ROUTE_MEMBERS, run: Ec2::create_route },
    Operation { name: "ReplaceRoute", members: ROUTE_MEMBERS, run: Ec2::replace_route },
    Operation {
        name: "DeleteRoute",
        members: &["RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"],
        run: Ec2::delete_route,
    },
    Operation { name: "AssociateRouteTable", members: &["RouteTableId", "SubnetId"], run: Ec2::associate_route_table },
    Operation { name: "DisassociateRouteTable", members: &["AssociationId"], run: Ec2::disassociate_route_table },
    Operation {
        name: "ReplaceRouteTableAssociation",
        members: &["AssociationId", "RouteTableId"],
        run: Ec2::replace_route_table_association,
    },
];

const ROUTE_MEMBERS: &[&str] = &[
    "RouteTableId",
    "DestinationCidrBlock",
    "DestinationIpv6CidrBlock",
    "GatewayId",
    "VpcPeeringConnectionId",
    "NetworkInterfaceId",
    "EgressOnlyInternetGatewayId",
    "InstanceId",
    "NatGatewayId",
    "TransitGatewayId",
    "VpcEndpointId",
];

const LISTING: Listing = Listing {
    ids: Some(("RouteTableIds", &KIND)),
    result: "RouteTables",
    key: &["RouteTableId"],
    most: 100,
    filters: &[
        ("association.gateway-id", "Associations.GatewayId"),
        ("association.main", "Associations.Main"),
        ("association.route-table-association-id", "Associations.RouteTableAssociationId"),
        ("association.route-table-id", "Associations.RouteTableId"),
        ("association.subnet-id", "Associations.SubnetId"),
        ("owner-id", "OwnerId"),
        ("route-table-id", "RouteTableId"),
        ("route.destination-cidr-block", "Routes.DestinationCidrBlock"),
        ("route.destination-ipv6-cidr-block", "Routes.DestinationIpv6CidrBlock"),
        ("route.destination-prefix-list-id", "Routes.DestinationPrefixListId"),
        ("route.egress-only-internet-gateway-id", "Routes.EgressOnlyInternetGatewayId"),
        ("route.gateway-id", "Routes.GatewayId"),
        ("route.instance-id", "Routes.InstanceId"),
        ("route.nat-gateway-id", "Routes.NatGatewayId"),
        ("route.origin", "Routes.Origin"),
        ("route.state", "Routes.State"),
        ("route.transit-gateway-id", "Routes.TransitGatewayId"),
        ("route.vpc-peering-connection-id", "Routes.VpcPeeringConnectionId"),
        ("vpc-id", "VpcId"),
    ],
};

/// Route tables per VPC, and routes per table.
const TABLE_QUOTA: usize = 200;
const ROUTE_QUOTA: usize = 50;

/// Where AWS's own services are that instances reach; no route can lead there.
///
/// <https://docs.aws.amazon.com/vpc/latest/userguide/RouteTables.html>
const RESERVED: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 168, 0), 22);

/// A route table. Its local route is that of the VPC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RouteTable {
    pub vpc_id: String,
    /// The subnet of each association; none: the VPC's main association.
    pub associations: BTreeMap<String, Option<String>>,
    /// The id of each destination's target, which may be gone.
    pub routes: BTreeMap<IpNet, String>,
}

impl RouteTable {
    fn new(vpc_id: &str) -> Self {
        Self { vpc_id: vpc_id.into(), associations: BTreeMap::new(), routes: BTreeMap::new() }
    }

    /// Whether it serves the subnets that have no table of their own.
    pub fn is_main(&self) -> bool {
        self.associations.values().any(Option::is_none)
    }
}

/// The destination of a default route.
pub fn anywhere() -> IpNet {
    Ipv4Net::default().into()
}

impl Ec2 {
    pub(super) fn add_main_route_table(&mut self, dice: &mut Dice, vpc_id: &str) {
        let mut table = RouteTable::new(vpc_id);
        table.associations.insert(dice.id(ASSOCIATION.prefix), None);
        self.route_tables.insert(dice.id(KIND.prefix), table);
    }

    fn create_route_table(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let vpc_id = input.required("VpcId")?;
        vpc::KIND.find(&self.vpcs, vpc_id)?;
        let tags = super::tags::from_specifications(input, &KIND)?;
        if self.route_tables.values().filter(|table| table.vpc_id == vpc_id).count() >= TABLE_QUOTA {
            let message = "The maximum number of route tables has been reached.";
            return Err(ApiError::new("RouteTableLimitExceeded", message));
        }
        let id = context.dice.id(KIND.prefix);
        self.route_tables.insert(id.clone(), RouteTable::new(vpc_id));
        self.tag(&id, tags);
        let mut answer = json!({"RouteTable": self.route_table_view(context, &id, &self.route_tables[&id])});
        if let Some(token) = input.text("ClientToken") {
            answer["ClientToken"] = json!(token);
        }
        Ok(answer)
    }

    fn delete_route_table(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("RouteTableId")?;
        if !KIND.find(&self.route_tables, id)?.associations.is_empty() {
            return Err(KIND.in_use(id));
        }
        self.route_tables.remove(id);
        for endpoint in self.vpc_endpoints.values_mut() {
            endpoint.route_table_ids.remove(id);
        }
        self.drop_stray_tags();
        Ok(json!({}))
    }

    fn describe_route_tables(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let tables = self.route_tables.iter();
        LISTING.answer(input, tables.map(|(id, table)| self.route_table_view(context, id, table)).collect())
    }

    fn route_table_view(&self, context: &Context<'_>, id: &str, table: &RouteTable) -> Value {
        let association = |(association_id, subnet_id): (&String, &Option<String>)| {
            let mut view = json!({
                "AssociationState": {"State": "associated"},
                "Main": subnet_id.is_none(),
                "RouteTableAssociationId": association_id,
                "RouteTableId": id,
            });
            if let Some(subnet_id) = subnet_id {
                view["SubnetId"] = json!(subnet_id);
            }
            view
        };
        let local = self.vpcs.get(&table.vpc_id).map(|vpc| {
            json!({
                "DestinationCidrBlock": vpc.cidr_block,
                "GatewayId": "local",
                "Origin": "CreateRouteTable",
                "State": "active",
            })
        });
        let routes =
            table.routes.iter().map(|(destination, target)| self.route_view(&table.vpc_id, destination, target));
        json!({
            "Associations": table.associations.iter().map(association).collect::<Vec<_>>(),
            "OwnerId": context.account,
            "PropagatingVgws": [],
            "RouteTableId": id,
            "Routes": local.into_iter().chain(routes).chain(self.endpoint_routes(id)).collect::<Vec<_>>(),
            "Tags": self.tags_view(id),
            "VpcId": table.vpc_id,
        })
    }

    /// The routes that gateway endpoints have in a table; nothing else can change them.
    fn endpoint_routes(&self, table_id: &str) -> impl Iterator<Item = Value> {
        let gateways = self.vpc_endpoints.iter();
        let gateways =
            gateways.filter(move |(_, gateway)| gateway.has_routes() && gateway.route_table_ids.contains(table_id));
        gateways.map(|(id, gateway)| {
            json!({
                "DestinationPrefixListId": prefix_list::id_of(&gateway.service_name),
                "GatewayId": id,
                "Origin": "CreateRoute",
                "State": "active",
            })
        })
    }

    fn route_view(&self, vpc_id: &str, destination: &IpNet, target: &str) -> Value {
        let destination_member = match destination {
            IpNet::V4(_) => "DestinationCidrBlock",
            IpNet::V6(_) => "DestinationIpv6CidrBlock",
        };
        let target_member = match target.split('-').next() {
            Some("pcx") => "VpcPeeringConnectionId",
            Some("eni") => "NetworkInterfaceId",
            Some("nat") => "NatGatewayId",
            _ => "GatewayId",
        };
        let mut view = json!({
            destination_member: destination,
            target_member: target,
            "Origin": "CreateRoute",
            "State": if self.is_blackhole(vpc_id, target) { "blackhole" } else { "active" },
        });
        let attachment = self.network_interfaces.get(target).and_then(|interface| interface.attachment.as_ref());
        if let Some(Attachment { instance_id: Some(instance_id), instance_owner_id, .. }) = attachment {
            view["InstanceId"] = json!(instance_id);
            view["InstanceOwnerId"] = json!(instance_owner_id);
        }
        view
    }

    /// Whether the target of a VPC's route is gone or doesn't work.
    pub(super) fn is_blackhole(&self, vpc_id: &str, target: &str) -> bool {
        let works = match target.split('-').next() {
            Some("pcx") => self.peerings.get(target).is_some_and(peering::Peering::is_active),
            Some("eni") => {
                let interface = self.network_interfaces.get(target);
                interface.is_some_and(|interface| interface.attachment.is_some())
            }
            Some("nat") => self.nat_gateways.get(target).is_some_and(NatGateway::works),
            _ => {
                let gateway = self.internet_gateways.get(target);
                gateway.is_some_and(|gateway| gateway.vpc_id.as_deref() == Some(vpc_id))
            }
        };
        !works
    }

    /// The table that a subnet uses: its own, or the VPC's main one.
    pub(super) fn table_of_subnet(&self, vpc_id: &str, subnet_id: &str) -> Option<&String> {
        let serves = |table: &RouteTable| table.associations.values().any(|id| id.as_deref() == Some(subnet_id));
        let mut tables = self.route_tables.iter().filter(|(_, table)| table.vpc_id == vpc_id);
        let own = tables.clone().find(|(_, table)| serves(table));
        own.or_else(|| tables.find(|(_, table)| table.is_main())).map(|(id, _)| id)
    }

    fn create_route(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("RouteTableId")?;
        let table = KIND.find(&self.route_tables, id)?;
        let destination = usable_destination(input)?;
        let target = self.route_target(input, id, table)?;
        self.refuse_inside_vpc(table, destination, &target)?;
        if table.routes.contains_key(&destination) {
            let message = format!("The route identified by {destination} already exists.");
            return Err(ApiError::new("RouteAlreadyExists", message));
        }
        if table.routes.len() >= ROUTE_QUOTA {
            return Err(ApiError::new("RouteLimitExceeded", "The maximum number of routes has been reached."));
        }
        KIND.find_mut(&mut self.route_tables, id)?.routes.insert(destination, target);
        Ok(json!({"Return": true}))
    }

    fn replace_route(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("RouteTableId")?;
        let table = KIND.find(&self.route_tables, id)?;
        let destination = usable_destination(input)?;
        let target = self.route_target(input, id, table)?;
        self.refuse_inside_vpc(table, destination, &target)?;
        let routes = &mut KIND.find_mut(&mut self.route_tables, id)?.routes;
        let Some(old) = routes.get_mut(&destination) else {
            let message =
                format!("There is no route defined for '{destination}' in the route table. Use CreateRoute instead.");
            return Err(invalid(message));
        };
        *old = target;
        Ok(json!({}))
    }

    fn delete_route(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("RouteTableId")?;
        KIND.find(&self.route_tables, id)?;
        if let Some(list) = input.text("DestinationPrefixListId") {
            if self.endpoint_routes(id).any(|route| route["DestinationPrefixListId"] == list) {
                return Err(invalid(format!("cannot remove VPC endpoint route {list} in route table {id}")));
            }
            let message = format!("no route with destination-prefix-list-id {list} in route table {id}");
            return Err(ApiError::new("InvalidRoute.NotFound", message));
        }
        let table = KIND.find_mut(&mut self.route_tables, id)?;
        let destination = destination(input)?;
        if self.vpcs.get(&table.vpc_id).is_some_and(|vpc| IpNet::V4(vpc.cidr_block) == destination) {
            return Err(invalid(format!("cannot remove local route {destination} in route table {id}")));
        }
        if table.routes.remove(&destination).is_none() {
            let message = format!("no route with destination-cidr-block {destination} in route table {id}");
            return Err(ApiError::new("InvalidRoute.NotFound", message));
        }
        Ok(json!({}))
    }

    /// The one target that the call names, which must be there for this table's VPC.
    fn route_target<'a>(&'a self, input: Input<'a>, table_id: &str, table: &RouteTable) -> Result<String, ApiError> {
        let named = |member: &&&str| input.text(member).is_some();
        let mut members = ROUTE_MEMBERS[3..].iter().filter(named);
        let (Some(member), None) = (members.next(), members.next()) else {
            let message = format!("The request must contain exactly one of {}", ROUTE_MEMBERS[3..].join(", "));
            return Err(ApiError::new("InvalidParameterCombination", message));
        };
        let mut target = input.required(member)?;
        let belongs = match *member {
            "GatewayId" => {
                let gateway = GATEWAY.find(&self.internet_gateways, target)?;
                gateway.vpc_id.as_deref() == Some(table.vpc_id.as_str())
            }
            "VpcPeeringConnectionId" => {
                let connection = peering::KIND.find(&self.peerings, target)?;
                if connection.has_ended() {
                    return Err(peering::KIND.missing(target));
                }
                connection.joins(&table.vpc_id)
            }
            "NatGatewayId" => {
                let gateway = NAT_GATEWAY.find(&self.nat_gateways, target)?;
                if !gateway.works() {
                    return Err(NAT_GATEWAY.missing(target));
                }
                gateway.vpc_id == table.vpc_id
            }
            "InstanceId" => {
                target = self.first_interface_of(target)?;
                network_interface::KIND.find(&self.network_interfaces, target)?.vpc_id == table.vpc_id
            }
            "NetworkInterfaceId" => {
                network_interface::KIND.find(&self.network_interfaces, target)?.vpc_id == table.vpc_id
            }
            other => {
                let code =
                    ABSENT_TARGETS.iter().find(|(member, _)| *member == other).map_or("InvalidID", |(_, code)| code);
                return Err(ApiError::new(code, format!("The ID '{target}' does not exist")));
            }
        };
        if !belongs {
            let message = format!("route table {table_id} and network gateway {target} belong to different networks");
            return Err(invalid(message));
        }
        Ok(target.to_owned())
    }

    /// Within the VPC only an interface can be a route's target.
    fn refuse_inside_vpc(&self, table: &RouteTable, destination: IpNet, target: &str) -> Result<(), ApiError> {
        let inside = self.vpcs.get(&table.vpc_id).is_some_and(|vpc| IpNet::V4(vpc.cidr_block).contains(&destination));
        if inside && !target.starts_with("eni-") {
            let message = format!(
                "The destination CIDR block {destination} is equal to or more specific than \
                 one of this VPC's CIDR blocks. This route can target only an interface or an instance."
            );
            return Err(invalid(message));
        }
        Ok(())
    }

    fn associate_route_table(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("RouteTableId")?;
        let subnet_id = input.required("SubnetId")?;
        let table = KIND.find(&self.route_tables, id)?;
        if subnet::KIND.find(&self.subnets, subnet_id)?.vpc_id != table.vpc_id {
            let message = format!("route table {id} and subnet {subnet_id} belong to different networks");
            return Err(invalid(message));
        }
        let mut associated = self.route_tables.values().flat_map(|table| table.associations.values());
        if associated.any(|associated| associated.as_deref() == Some(subnet_id)) {
            let message =
                format!("the specified association for route table {id} conflicts with an existing association");
            return Err(ApiError::new("Resource.AlreadyAssociated", message));
        }
        let association_id = context.dice.id(ASSOCIATION.prefix);
        let associations = &mut KIND.find_mut(&mut self.route_tables, id)?.associations;
        associations.insert(association_id.clone(), Some(subnet_id.into()));
        Ok(json!({"AssociationId": association_id, "AssociationState": {"State": "associated"}}))
    }

    /// The table that holds an association.
    fn associated_table(&mut self, association_id: &str) -> Result<&mut RouteTable, ApiError> {
        ASSOCIATION.check(association_id)?;
        let mut tables = self.route_tables.values_mut();
        let table = tables.find(|table| table.associations.contains_key(association_id));
        table.ok_or_else(|| ASSOCIATION.missing(association_id))
    }

    fn disassociate_route_table(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let association_id = input.required("AssociationId")?;
        let table = self.associated_table(association_id)?;
        if let Some(None) = table.associations.remove(association_id) {
            let message = format!("cannot disassociate the main route table association {association_id}");
            return Err(invalid(message));
        }
        Ok(json!({}))
    }

    fn replace_route_table_association(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let association_id = input.required("AssociationId")?;
        let id = input.required("RouteTableId")?;
        let vpc_id = KIND.find(&self.route_tables, id)?.vpc_id.clone();
        let old = self.associated_table(association_id)?;
        if old.vpc_id != vpc_id {
            let message = format!("route table {id} and association {association_id} belong to different networks");
            return Err(invalid(message));
        }
        let subnet_id = old.associations.remove(association_id).flatten();
        let new_id = context.dice.id(ASSOCIATION.prefix);
        KIND.find_mut(&mut self.route_tables, id)?.associations.insert(new_id.clone(), subnet_id);
        Ok(json!({"NewAssociationId": new_id, "AssociationState": {"State": "associated"}}))
    }
}

/// The one destination that the call names, if a route may have it.
fn usable_destination(input: Input<'_>) -> Result<IpNet, ApiError> {
    let destination = destination(input)?;
    if IpNet::V4(RESERVED).contains(&destination) {
        let message = format!("The destination CIDR block {destination} is reserved: it lies in {RESERVED}.");
        return Err(invalid(message));
    }
    Ok(destination)
}

/// The one destination that the call names, in canonical form.
fn destination(input: Input<'_>) -> Result<IpNet, ApiError> {
    match (input.text("DestinationCidrBlock"), input.text("DestinationIpv6CidrBlock")) {
        (Some(block), None) => Ok(IpNet::V4(parse_cidr(block, "destinationCidrBlock")?)),
        (None, Some(block)) => match block.parse::<IpNet>() {
            Ok(net @ IpNet::V6(_)) => Ok(net.trunc()),
            _ => Err(invalid(format!("Value ({block}) for parameter destinationIpv6CidrBlock is invalid."))),
        },
        (None, None) => Err(missing_parameter("DestinationCidrBlock")),
        (Some(_), Some(_)) => {
            let message = "The request must contain exactly one of destinationCidrBlock, destinationIpv6CidrBlock";
            Err(ApiError::new("InvalidParameterCombination", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn routes(world: &mut Sandbox, table: &str) -> Value {
        world.ok("DescribeRouteTables", json!({"RouteTableIds": [table]}))["RouteTables"][0]["Routes"].clone()
    }

    #[test]
    fn a_new_table_has_the_local_route_only() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let table = world.table(&vpc);
        let local = json!({
            "DestinationCidrBlock": "10.0.0.0/16",
            "GatewayId": "local",
            "Origin": "CreateRouteTable",
            "State": "active",
        });
        assert_eq!(routes(&mut world, &table), json!([local]));
    }

    #[test]
    fn a_route_is_stored_canonical_once_and_removed_by_destination() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (gateway, table) = (world.gateway(&vpc), world.table(&vpc));
        let route = |block: &str| json!({"RouteTableId": table, "DestinationCidrBlock": block, "GatewayId": gateway});
        world.ok("CreateRoute", route("192.168.10.77/24"));
        assert_eq!(world.refused("CreateRoute", route("192.168.10.0/24")), "RouteAlreadyExists");
        assert_eq!(world.refused("CreateRoute", route("all")), "InvalidParameterValue");
        let stored = &routes(&mut world, &table)[1];
        assert_eq!(stored["DestinationCidrBlock"], "192.168.10.0/24");
        assert_eq!((&stored["State"], &stored["Origin"]), (&json!("active"), &json!("CreateRoute")));
        let by_destination = |block: &str| json!({"RouteTableId": table, "DestinationCidrBlock": block});
        world.ok("DeleteRoute", by_destination("192.168.10.0/24"));
        assert_eq!(world.refused("DeleteRoute", by_destination("192.168.10.0/24")), "InvalidRoute.NotFound");
        assert_eq!(world.refused("DeleteRoute", by_destination("10.0.0.0/16")), "InvalidParameterValue");
    }

    #[test]
    fn the_local_route_cannot_be_undercut_by_a_gateway() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (gateway, table) = (world.gateway(&vpc), world.table(&vpc));
        for block in ["10.0.0.0/16", "10.0.5.0/24"] {
            let route = json!({"RouteTableId": table, "DestinationCidrBlock": block, "GatewayId": gateway});
            assert_eq!(world.refused("CreateRoute", route), "InvalidParameterValue");
        }
    }

    #[test]
    fn no_route_leads_where_aws_has_services_of_its_own() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (table, gateway) = (world.table(&vpc), world.gateway(&vpc));
        let route = |block: &str| json!({"RouteTableId": table, "DestinationCidrBlock": block, "GatewayId": gateway});
        for block in ["169.254.168.0/22", "169.254.170.2/32"] {
            assert_eq!(world.refused("CreateRoute", route(block)), "InvalidParameterValue");
            assert_eq!(world.refused("ReplaceRoute", route(block)), "InvalidParameterValue");
        }
        world.ok("CreateRoute", route("169.254.0.0/16"));
    }

    #[test]
    fn a_target_must_exist_and_belong_to_the_vpc() {
        let mut world = Sandbox::new();
        let (vpc, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        let (foreign, table) = (world.gateway(&other), world.table(&vpc));
        for (member, target, code) in [
            ("GatewayId", "igw-0123456789abcdef0", "InvalidGatewayID.NotFound"),
            ("GatewayId", foreign.as_str(), "InvalidParameterValue"),
            ("VpcPeeringConnectionId", "pcx-0123456789abcdef0", "InvalidVpcPeeringConnectionID.NotFound"),
            ("NatGatewayId", "nat-0123456789abcdef0", "InvalidNatGatewayID.NotFound"),
            ("NetworkInterfaceId", "eni-0123456789abcdef0", "InvalidNetworkInterfaceID.NotFound"),
            ("RouteTableId", table.as_str(), "InvalidParameterCombination"),
        ] {
            let route = json!({"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", member: target});
            assert_eq!(world.refused("CreateRoute", route), code, "{member} {target}");
        }
    }

    #[test]
    fn a_route_is_a_blackhole_until_its_peering_is_active_and_when_its_target_is_gone() {
        let mut world = Sandbox::new();
        let (vpc, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        let (gateway, table) = (world.gateway(&vpc), world.table(&vpc));
        let created = world.ok("CreateVpcPeeringConnection", json!({"VpcId": vpc, "PeerVpcId": other}));
        let peering = created["VpcPeeringConnection"]["VpcPeeringConnectionId"].clone();
        world.wait(2);
        world.ok(
            "CreateRoute",
            json!({"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway}),
        );
        let route =
            json!({"RouteTableId": table, "DestinationCidrBlock": "10.1.0.0/16", "VpcPeeringConnectionId": peering});
        world.ok("CreateRoute", route);
        let state = |world: &mut Sandbox, index: usize| routes(world, &table)[index]["State"].clone();
        assert_eq!((state(&mut world, 1), state(&mut world, 2)), (json!("active"), json!("blackhole")));
        world.ok("AcceptVpcPeeringConnection", json!({"VpcPeeringConnectionId": peering}));
        world.wait(3);
        assert_eq!(state(&mut world, 2), "active");
        world.ok("DetachInternetGateway", json!({"InternetGatewayId": gateway, "VpcId": vpc}));
        world.ok("DeleteInternetGateway", json!({"InternetGatewayId": gateway}));
        world.ok("DeleteVpcPeeringConnection", json!({"VpcPeeringConnectionId": peering}));
        world.wait(3 * 3600);
        assert_eq!((state(&mut world, 1), state(&mut world, 2)), (json!("blackhole"), json!("blackhole")));
        assert_eq!(routes(&mut world, &table)[2]["VpcPeeringConnectionId"], peering);
    }

    #[test]
    fn a_route_is_replaced_only_where_there_is_one() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (gateway, table) = (world.gateway(&vpc), world.table(&vpc));
        let route = json!({"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway});
        assert_eq!(world.refused("ReplaceRoute", route.clone()), "InvalidParameterValue");
        world.ok("CreateRoute", route.clone());
        world.ok("ReplaceRoute", route);
    }

    #[test]
    fn a_table_that_is_main_or_associated_cannot_be_deleted() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (subnet, table) = (world.subnet(&vpc, "10.0.0.0/24"), world.table(&vpc));
        let main_of_vpc =
            json!({"Filters": [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]});
        let main = world.ok("DescribeRouteTables", main_of_vpc.clone())["RouteTables"][0].clone();
        assert_eq!(
            world.refused("DeleteRouteTable", json!({"RouteTableId": main["RouteTableId"]})),
            "DependencyViolation"
        );
        let main_association = main["Associations"][0]["RouteTableAssociationId"].clone();
        assert_eq!(
            world.refused("DisassociateRouteTable", json!({"AssociationId": main_association})),
            "InvalidParameterValue"
        );

        let associate = json!({"RouteTableId": table, "SubnetId": subnet});
        let association = world.ok("AssociateRouteTable", associate.clone())["AssociationId"].clone();
        assert_eq!(world.refused("AssociateRouteTable", associate), "Resource.AlreadyAssociated");
        assert_eq!(world.refused("DeleteRouteTable", json!({"RouteTableId": table})), "DependencyViolation");
        world.ok("DisassociateRouteTable", json!({"AssociationId": association}));
        assert_eq!(
            world.refused("DisassociateRouteTable", json!({"AssociationId": association})),
            "InvalidAssociationID.NotFound"
        );

        let replace = json!({"AssociationId": main_association, "RouteTableId": table});
        world.ok("ReplaceRouteTableAssociation", replace);
        assert_eq!(world.ok("DescribeRouteTables", main_of_vpc)["RouteTables"][0]["RouteTableId"], *table);
        world.ok("DeleteRouteTable", json!({"RouteTableId": main["RouteTableId"]}));
    }

    #[test]
    fn table_and_subnet_must_be_of_one_vpc() {
        let mut world = Sandbox::new();
        let (vpc, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        let (subnet, table) = (world.subnet(&vpc, "10.0.0.0/24"), world.table(&other));
        assert_eq!(
            world.refused("AssociateRouteTable", json!({"RouteTableId": table, "SubnetId": subnet})),
            "InvalidParameterValue"
        );
    }

    #[test]
    fn a_table_takes_fifty_routes() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (gateway, table) = (world.gateway(&vpc), world.table(&vpc));
        let route = |n: u32| {
            let block = format!("192.168.{n}.0/24");
            json!({"RouteTableId": table, "DestinationCidrBlock": block, "GatewayId": gateway})
        };
        (0..50).for_each(|n| {
            world.ok("CreateRoute", route(n));
        });
        assert_eq!(world.refused("CreateRoute", route(50)), "RouteLimitExceeded");
    }
}
