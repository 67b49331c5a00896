//! NAT gateways.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::network_interface::{Association, Attachment, ElasticAssociation, NetworkInterface};
use super::{Ec2, Input, Kind, Operation, elastic_ip, missing_parameter, subnet, tags};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, durations, later};

pub const KIND: Kind = Kind {
    prefix: "nat",
    resource_type: "natgateway",
    label: "NatGateway",
    not_found: "NatGatewayNotFound",
    malformed: "NatGatewayMalformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateNatGateway",
        members: &[
            "AllocationId",
            "ClientToken",
            "SubnetId",
            "TagSpecifications",
            "ConnectivityType",
            "PrivateIpAddress",
        ],
        run: Ec2::create_nat_gateway,
    },
    Operation { name: "DeleteNatGateway", members: &["NatGatewayId"], run: Ec2::delete_nat_gateway },
    Operation {
        name: "DescribeNatGateways",
        members: &["NatGatewayIds", "Filter", "MaxResults", "NextToken"],
        run: Ec2::describe_nat_gateways,
    },
];

const LISTING: Listing = Listing {
    ids: Some(("NatGatewayIds", &KIND)),
    result: "NatGateways",
    key: &["NatGatewayId"],
    most: 1000,
    filters: &[("nat-gateway-id", "NatGatewayId"), ("state", "State"), ("subnet-id", "SubnetId"), ("vpc-id", "VpcId")],
};

/// Gateways per availability zone.
const QUOTA: usize = 5;
/// How long a deleted or failed gateway stays in lists.
const GHOST: SignedDuration = SignedDuration::from_hours(1);
/// Who holds the interfaces of gateways.
const REQUESTER: &str = "036872051663";

/// A gateway's state; serialises to the word on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Pending,
    Failed,
    Available,
    Deleting,
    Deleted,
}

/// A NAT gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NatGateway {
    pub vpc_id: String,
    pub subnet_id: String,
    /// `public` or `private`
    pub connectivity_type: String,
    pub state: State,
    /// What it becomes by itself, and when; no state: it leaves the lists.
    becomes: Option<(Timestamp, Option<State>)>,
    created: Timestamp,
    deleted: Option<Timestamp>,
    /// Code and message of why it is going to fail.
    failure: Option<(String, String)>,
    address: Address,
}

/// The addresses of a gateway, which lists show after its end too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Address {
    allocation_id: Option<String>,
    association_id: Option<String>,
    network_interface_id: Option<String>,
    private_ip: Option<Ipv4Addr>,
    public_ip: Option<Ipv4Addr>,
}

impl NatGateway {
    /// Whether it is only listed still, as AWS's own tombstone.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Deleted | State::Failed)
    }

    /// Whether routes to it lead anywhere.
    pub fn works(&self) -> bool {
        matches!(self.state, State::Pending | State::Available)
    }

    /// Goes through the states that are due; false if it is to leave the lists.
    fn settle(&mut self, now: Timestamp) -> bool {
        while let Some((at, next)) = self.becomes.filter(|(at, _)| *at <= now) {
            let Some(state) = next else { return false };
            self.state = state;
            self.becomes = self.has_ended().then(|| (later(at, GHOST), None));
        }
        true
    }
}

impl Ec2 {
    /// Lets gateways reach the states that are due: the interfaces of ended ones go, and ghosts leave.
    pub(super) fn settle_nat_gateways(&mut self, now: Timestamp) {
        let before = self.nat_gateways.len();
        self.nat_gateways.retain(|_, gateway| {
            let stays = gateway.settle(now);
            if (!stays || gateway.has_ended())
                && let Some(interface) = &gateway.address.network_interface_id
            {
                self.network_interfaces.remove(interface);
            }
            stays
        });
        if self.nat_gateways.len() < before {
            self.drop_stray_tags();
        }
    }

    /// Removes ended gateways before their time.
    pub(super) fn bury_nat_gateways(&mut self) {
        self.nat_gateways.retain(|_, gateway| !gateway.has_ended());
        self.drop_stray_tags();
    }

    fn create_nat_gateway(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let subnet_id = input.required("SubnetId")?;
        let subnet = subnet::KIND.find(&self.subnets, subnet_id)?.clone();
        let wanted = super::network_interface::address(input, "PrivateIpAddress")?;
        let tags = tags::from_specifications(input, &KIND)?;
        let connectivity_type = input.text("ConnectivityType").unwrap_or("public");
        let allocation_id = match (connectivity_type, input.text("AllocationId")) {
            ("public", Some(id)) => Some(id),
            ("public", None) => return Err(missing_parameter("AllocationId")),
            ("private", None) => None,
            _ => {
                let message = "A private NAT gateway has no Elastic IP address; a gateway is public or private.";
                return Err(ApiError::new("InvalidParameterCombination", message));
            }
        };
        self.refuse_nat_beyond_quota(context, &subnet.availability_zone)?;

        let id = context.dice.id(KIND.prefix);
        let mut gateway = NatGateway {
            vpc_id: subnet.vpc_id.clone(),
            subnet_id: subnet_id.into(),
            connectivity_type: connectivity_type.into(),
            state: State::Pending,
            becomes: None,
            created: context.now,
            deleted: None,
            failure: None,
            address: Address { allocation_id: allocation_id.map(Into::into), ..Address::default() },
        };
        let association = match allocation_id {
            Some(allocation_id) => Some(Association {
                public_ip: elastic_ip::KIND.find(&self.elastic_ips, allocation_id)?.public_ip,
                elastic: Some(ElasticAssociation {
                    allocation_id: allocation_id.into(),
                    association_id: context.dice.id(elastic_ip::ASSOCIATION.prefix),
                }),
            }),
            None => None,
        };
        gateway.failure = self.nat_failure(&gateway.vpc_id, allocation_id);
        if gateway.failure.is_none() {
            let interface = NetworkInterface {
                description: format!("Interface for NAT Gateway {id}"),
                interface_type: "nat_gateway".into(),
                requester_id: Some(REQUESTER.into()),
                source_dest_check: false,
                attachment: Some(Attachment::to_service(context.dice, context.now)),
                association,
                ..self.new_network_interface(subnet_id, wanted)?
            };
            let elastic = interface.association.as_ref();
            gateway.address.public_ip = elastic.map(|association| association.public_ip);
            let elastic = elastic.and_then(|association| association.elastic.as_ref());
            gateway.address.association_id = elastic.map(|elastic| elastic.association_id.clone());
            gateway.address.private_ip = Some(interface.private_ip);
            gateway.address.network_interface_id = Some(self.add_network_interface(context.dice, interface));
        }
        let (outcome, typical) = match gateway.failure {
            None => (State::Available, durations::NAT_GATEWAY_CREATE),
            Some(_) => (State::Failed, durations::NAT_GATEWAY_FAIL),
        };
        gateway.becomes = Some((context.due(typical), Some(outcome)));
        gateway.settle(context.now);
        self.nat_gateways.insert(id.clone(), gateway);
        self.tag(&id, tags);

        let mut answer = json!({"NatGateway": self.nat_gateway_view(&id, &self.nat_gateways[&id])});
        if let Some(token) = input.text("ClientToken") {
            answer["ClientToken"] = json!(token);
        }
        Ok(answer)
    }

    fn refuse_nat_beyond_quota(&self, context: &Context<'_>, zone: &str) -> Result<(), ApiError> {
        let standing = self.nat_gateways.values().filter(|gateway| !gateway.has_ended());
        let zone_of = |gateway: &NatGateway| self.subnets.get(&gateway.subnet_id).map(|one| &one.availability_zone);
        if standing.filter(|gateway| zone_of(gateway).is_some_and(|own| own == zone)).count() >= context.quota(QUOTA) {
            let message = format!("The maximum limit of NAT gateways in {zone} has been reached.");
            return Err(ApiError::new("NatGatewayLimitExceeded", message));
        }
        Ok(())
    }

    /// Why a gateway is going to fail: AWS finds out after it has answered.
    fn nat_failure(&self, vpc_id: &str, allocation_id: Option<&str>) -> Option<(String, String)> {
        let allocation_id = allocation_id?;
        if self.holder_of(allocation_id).is_some() {
            let message = format!("Elastic IP address [{allocation_id}] is already associated");
            return Some(("Resource.AlreadyAssociated".into(), message));
        }
        if !self.has_internet_gateway(vpc_id) {
            let message = format!("Network {vpc_id} has no Internet gateway attached");
            return Some(("Gateway.NotAttached".into(), message));
        }
        None
    }

    fn delete_nat_gateway(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("NatGatewayId")?;
        let gateway = KIND.find_mut(&mut self.nat_gateways, id)?;
        match gateway.state {
            State::Deleted => return Err(KIND.missing(id)),
            State::Deleting => {}
            State::Pending | State::Available | State::Failed => {
                let due = context.due(durations::NAT_GATEWAY_DELETE);
                gateway.deleted = Some(due);
                gateway.state = State::Deleting;
                gateway.becomes = Some((due, Some(State::Deleted)));
            }
        }
        self.settle_nat_gateways(context.now);
        Ok(json!({"NatGatewayId": id}))
    }

    fn describe_nat_gateways(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let views = self.nat_gateways.iter().map(|(id, gateway)| self.nat_gateway_view(id, gateway)).collect();
        // This operation alone calls its filters `Filter`.
        let mut renamed = input.0.clone();
        if let Some(filters) = input.0.get("Filter") {
            renamed["Filters"] = filters.clone();
        }
        LISTING.answer(Input(&renamed), views)
    }

    fn nat_gateway_view(&self, id: &str, gateway: &NatGateway) -> Value {
        let mut address = json!({"IsPrimary": true});
        let mut show = |member: &str, value: Option<Value>| {
            if let Some(value) = value {
                address[member] = value;
            }
        };
        show("AllocationId", gateway.address.allocation_id.as_ref().map(|id| json!(id)));
        show("AssociationId", gateway.address.association_id.as_ref().map(|id| json!(id)));
        show("NetworkInterfaceId", gateway.address.network_interface_id.as_ref().map(|id| json!(id)));
        show("PrivateIp", gateway.address.private_ip.map(|address| json!(address)));
        show("PublicIp", gateway.address.public_ip.map(|address| json!(address)));
        let mut view = json!({
            "ConnectivityType": gateway.connectivity_type,
            "CreateTime": gateway.created,
            "NatGatewayAddresses": [address],
            "NatGatewayId": id,
            "State": gateway.state,
            "SubnetId": gateway.subnet_id,
            "Tags": self.tags_view(id),
            "VpcId": gateway.vpc_id,
        });
        if gateway.state == State::Deleted {
            view["DeleteTime"] = json!(gateway.deleted);
        }
        if gateway.state != State::Pending
            && let Some((code, message)) = &gateway.failure
        {
            view["FailureCode"] = json!(code);
            view["FailureMessage"] = json!(message);
        }
        view
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    /// A subnet in a VPC of its own.
    fn subnet(world: &mut Sandbox) -> (String, String) {
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.0.0/24");
        (vpc, subnet)
    }

    fn allocate(world: &mut Sandbox) -> String {
        world.ok("AllocateAddress", json!({}))["AllocationId"].as_str().unwrap().into()
    }

    fn create(world: &mut Sandbox, subnet: &str, allocation: &str) -> String {
        let input = json!({"SubnetId": subnet, "AllocationId": allocation});
        world.ok("CreateNatGateway", input)["NatGateway"]["NatGatewayId"].as_str().unwrap().into()
    }

    fn describe(world: &mut Sandbox, id: &str) -> Value {
        world.ok("DescribeNatGateways", json!({"NatGatewayIds": [id]}))["NatGateways"][0].clone()
    }

    #[test]
    fn a_gateway_is_pending_available_deleting_deleted_and_a_ghost_for_an_hour() {
        let mut world = Sandbox::new();
        let (vpc, subnet) = subnet(&mut world);
        let gateway = world.gateway(&vpc);
        let allocation = allocate(&mut world);
        let before = world.standing();
        let id = create(&mut world, &subnet, &allocation);
        assert_eq!(describe(&mut world, &id)["State"], "pending");
        world.wait(90);
        let nat = describe(&mut world, &id);
        assert_eq!(nat["State"], "available");
        let address = &nat["NatGatewayAddresses"][0];
        let interface = json!({"NetworkInterfaceIds": [address["NetworkInterfaceId"]]});
        let shown = world.ok("DescribeNetworkInterfaces", interface)["NetworkInterfaces"][0].clone();
        assert_eq!(shown["Description"], format!("Interface for NAT Gateway {id}"));
        assert_eq!(shown["Association"]["PublicIp"], address["PublicIp"]);
        let disassociate = json!({"AssociationId": address["AssociationId"]});
        assert_eq!(world.refused("DisassociateAddress", disassociate), "AuthFailure");

        world.ok("DeleteNatGateway", json!({"NatGatewayId": id}));
        assert_eq!(describe(&mut world, &id)["State"], "deleting");
        assert_eq!(world.refused("ReleaseAddress", json!({"AllocationId": allocation})), "InvalidIPAddress.InUse");
        let detach = json!({"InternetGatewayId": gateway, "VpcId": vpc});
        assert_eq!(world.refused("DetachInternetGateway", detach), "DependencyViolation");
        assert_eq!(world.refused("DeleteSubnet", json!({"SubnetId": subnet})), "DependencyViolation");
        world.wait(60);
        assert_eq!(describe(&mut world, &id)["State"], "deleted");
        assert_eq!(world.standing(), before);
        assert_eq!(world.refused("DeleteNatGateway", json!({"NatGatewayId": id})), "NatGatewayNotFound");
        world.ok("ReleaseAddress", json!({"AllocationId": allocation}));
        world.wait(3600);
        let gone = json!({"NatGatewayIds": [id]});
        assert_eq!(world.refused("DescribeNatGateways", gone), "NatGatewayNotFound");
    }

    #[test]
    fn a_public_gateway_fails_without_an_internet_gateway_or_with_an_address_in_use() {
        let mut world = Sandbox::new();
        let (vpc, subnet) = subnet(&mut world);
        let allocation = allocate(&mut world);
        let failure = |world: &mut Sandbox| {
            let id = create(world, &subnet, &allocation);
            world.wait(10);
            let nat = describe(world, &id);
            assert_eq!(nat["State"], "failed");
            nat["FailureCode"].clone()
        };
        assert_eq!(failure(&mut world), "Gateway.NotAttached");
        world.gateway(&vpc);
        create(&mut world, &subnet, &allocation);
        assert_eq!(failure(&mut world), "Resource.AlreadyAssociated");
    }

    #[test]
    fn subnet_and_address_must_exist() {
        let mut world = Sandbox::new();
        let (_, subnet) = subnet(&mut world);
        let unknown = json!({"SubnetId": subnet, "AllocationId": "eipalloc-0123456789abcdef0"});
        assert_eq!(world.refused("CreateNatGateway", unknown), "InvalidAllocationID.NotFound");
        assert_eq!(world.refused("CreateNatGateway", json!({"SubnetId": subnet})), "MissingParameter");
        let unknown = json!({"SubnetId": "subnet-0123456789abcdef0", "ConnectivityType": "private"});
        assert_eq!(world.refused("CreateNatGateway", unknown), "InvalidSubnetID.NotFound");
        world.ok("CreateNatGateway", json!({"SubnetId": subnet, "ConnectivityType": "private"}));
    }

    #[test]
    fn filters_are_called_filter() {
        let mut world = Sandbox::new();
        let (vpc, subnet) = subnet(&mut world);
        world.gateway(&vpc);
        let allocation = allocate(&mut world);
        let id = create(&mut world, &subnet, &allocation);
        let mut found = |state: &str| {
            let filter = json!({"Filter": [{"Name": "state", "Values": [state]}]});
            world.ok("DescribeNatGateways", filter)["NatGateways"].clone()
        };
        assert_eq!(found("pending")[0]["NatGatewayId"], *id);
        assert_eq!(found("available"), json!([]));
    }

    #[test]
    fn a_route_to_a_gateway_is_a_blackhole_once_that_is_deleted() {
        let mut world = Sandbox::new();
        let (vpc, subnet) = subnet(&mut world);
        world.gateway(&vpc);
        let (table, allocation) = (world.table(&vpc), allocate(&mut world));
        let id = create(&mut world, &subnet, &allocation);
        let route = json!({"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": id});
        world.ok("CreateRoute", route.clone());
        let shown = |world: &mut Sandbox| {
            world.ok("DescribeRouteTables", json!({"RouteTableIds": [table]}))["RouteTables"][0]["Routes"][1].clone()
        };
        assert_eq!((&shown(&mut world)["NatGatewayId"], &shown(&mut world)["State"]), (&json!(id), &json!("active")));
        world.ok("DeleteNatGateway", json!({"NatGatewayId": id}));
        world.wait(60);
        assert_eq!(shown(&mut world)["State"], "blackhole");
        assert_eq!(world.refused("ReplaceRoute", route), "InvalidNatGatewayID.NotFound");
    }
}
