//! VPC endpoints: interfaces and gateways to AWS's services.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::network_interface::{Attachment, NetworkInterface};
use super::vpc_endpoint_service::{self as services, Service};
use super::{Ec2, Input, Kind, Operation, prefix_list, route_table, subnet, tags, unsupported, vpc};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::iam::policy as grammar;
use crate::sandbox::world::{Context, Dice, durations, later};

pub const KIND: Kind = Kind {
    prefix: "vpce",
    resource_type: "vpc-endpoint",
    label: "Vpc Endpoint Id",
    not_found: "InvalidVpcEndpointId.NotFound",
    malformed: "InvalidVpcEndpointId.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateVpcEndpoint",
        members: &[
            "VpcEndpointType",
            "VpcId",
            "ServiceName",
            "PolicyDocument",
            "RouteTableIds",
            "SubnetIds",
            "SecurityGroupIds",
            "IpAddressType",
            "DnsOptions",
            "ClientToken",
            "PrivateDnsEnabled",
            "TagSpecifications",
            "SubnetConfigurations",
            "ServiceRegion",
        ],
        run: Ec2::create_vpc_endpoint,
    },
    Operation {
        name: "ModifyVpcEndpoint",
        members: &[
            "VpcEndpointId",
            "ResetPolicy",
            "PolicyDocument",
            "AddRouteTableIds",
            "RemoveRouteTableIds",
            "AddSubnetIds",
            "RemoveSubnetIds",
            "AddSecurityGroupIds",
            "RemoveSecurityGroupIds",
            "IpAddressType",
            "DnsOptions",
            "PrivateDnsEnabled",
            "SubnetConfigurations",
        ],
        run: Ec2::modify_vpc_endpoint,
    },
    Operation { name: "DeleteVpcEndpoints", members: &["VpcEndpointIds"], run: Ec2::delete_vpc_endpoints },
    Operation {
        name: "DescribeVpcEndpoints",
        members: &["VpcEndpointIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_vpc_endpoints,
    },
];

const LISTING: Listing = Listing {
    ids: Some(("VpcEndpointIds", &KIND)),
    result: "VpcEndpoints",
    key: &["VpcEndpointId"],
    most: 1000,
    filters: &[
        ("ip-address-type", "IpAddressType"),
        ("service-name", "ServiceName"),
        ("service-region", "ServiceRegion"),
        ("vpc-endpoint-id", "VpcEndpointId"),
        ("vpc-endpoint-state", "State"),
        ("vpc-endpoint-type", "VpcEndpointType"),
        ("vpc-id", "VpcId"),
    ],
};

/// Interface endpoints per VPC, and gateway endpoints per Region.
const INTERFACE_QUOTA: usize = 50;
const GATEWAY_QUOTA: usize = 20;
/// Characters of a policy, white space included.
const POLICY_QUOTA: usize = 20_480;
/// How long a deleted endpoint stays in lists.
const GHOST: SignedDuration = SignedDuration::from_secs(60);

/// Who holds the interfaces of endpoints.
const REQUESTER: &str = "727180483921";

/// The policies that endpoints have when the caller gives none: everything is allowed.
const INTERFACE_POLICY: &str = "{\n  \"Statement\": [\n    {\n      \"Action\": \"*\", \n      \"Effect\": \"Allow\", \n      \
                                \"Principal\": \"*\", \n      \"Resource\": \"*\"\n    }\n  ]\n}";
const GATEWAY_POLICY: &str = "{\"Version\":\"2008-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\
                              \"Action\":\"*\",\"Resource\":\"*\"}]}";

/// How an endpoint leads to its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndpointType {
    /// By interfaces in subnets.
    Interface,
    /// By routes in route tables.
    Gateway,
}

impl fmt::Display for EndpointType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// An endpoint's state; serialises to the word on the wire, which is not spelled as in the service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    Pending,
    Available,
    Deleting,
    Deleted,
}

/// A VPC endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpcEndpoint {
    pub vpc_id: String,
    pub service_name: String,
    pub endpoint_type: EndpointType,
    pub state: State,
    /// What it becomes by itself, and when; no state: it leaves the lists.
    becomes: Option<(Timestamp, Option<State>)>,
    created: Timestamp,
    pub policy_document: String,
    /// The tables that a gateway has its route in.
    pub route_table_ids: BTreeSet<String>,
    /// The interface in each subnet.
    pub network_interfaces: BTreeMap<String, String>,
    pub group_ids: Vec<String>,
    pub private_dns_enabled: bool,
    pub dns_record_ip_type: String,
    /// Whether only resolver endpoints see the private names; for services that have gateways too.
    pub private_dns_only_for_inbound_resolver_endpoint: bool,
    /// What tells its names from those of other endpoints, after its id.
    dns_label: String,
    /// The hosted zone of its private names.
    hosted_zone_id: String,
}

impl VpcEndpoint {
    /// Whether it is only listed still, as AWS's own tombstone.
    pub fn has_ended(&self) -> bool {
        self.state == State::Deleted
    }

    /// Whether its routes are in its route tables.
    pub fn has_routes(&self) -> bool {
        self.endpoint_type == EndpointType::Gateway && matches!(self.state, State::Pending | State::Available)
    }

    /// Whether it leads to its service by interfaces.
    pub fn is_interface(&self) -> bool {
        self.endpoint_type == EndpointType::Interface
    }

    /// Is pending until `due`.
    fn begin(&mut self, due: Timestamp, now: Timestamp) {
        self.state = State::Pending;
        self.becomes = Some((due, Some(State::Available)));
        self.settle(now);
    }

    /// Goes through the states that are due; false if it is to leave the lists.
    fn settle(&mut self, now: Timestamp) -> bool {
        while let Some((at, next)) = self.becomes.filter(|(at, _)| *at <= now) {
            let Some(state) = next else { return false };
            self.state = state;
            self.becomes = (state == State::Deleted).then(|| (later(at, GHOST), None));
        }
        true
    }

    /// The name that leads to all of it, or to its interface in one zone.
    pub fn dns_name(&self, id: &str, zone: Option<&str>, service: &Service) -> String {
        let zone = zone.map(|zone| format!("-{zone}")).unwrap_or_default();
        // Buckets are labels in front of S3's names.
        let star = if service.is_s3() { "*." } else { "" };
        format!("{star}{id}-{}{zone}.{}", self.dns_label, service.base_dns_name)
    }
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameter", message)
}

/// The members that say where an interface endpoint has its interfaces.
struct Placement<'a> {
    subnet_ids: Vec<&'a str>,
    /// The address that is wanted in a subnet.
    addresses: BTreeMap<&'a str, Ipv4Addr>,
}

impl<'a> Placement<'a> {
    fn read(input: Input<'a>, subnets: &'static str) -> Result<Self, ApiError> {
        let mut addresses = BTreeMap::new();
        for configuration in input.list("SubnetConfigurations").iter().map(Input) {
            let subnet_id = configuration.required("SubnetId")?;
            if configuration.text("Ipv6").is_some() {
                return Err(invalid_parameter(format!("The subnet {subnet_id} has no IPv6 CIDR block.")));
            }
            if let Some(address) = super::network_interface::address(configuration, "Ipv4")?
                && addresses.insert(subnet_id, address).is_some()
            {
                return Err(invalid_parameter(format!("The subnet {subnet_id} is configured more than once.")));
            }
        }
        Ok(Self { subnet_ids: input.texts(subnets), addresses })
    }
}

impl Ec2 {
    /// Lets endpoints reach the states that are due: the interfaces of deleted ones go, and ghosts leave.
    pub(super) fn settle_vpc_endpoints(&mut self, now: Timestamp) {
        let mut endpoints = std::mem::take(&mut self.vpc_endpoints);
        let before = endpoints.len();
        endpoints.retain(|_, endpoint| {
            let stays = endpoint.settle(now);
            if !stays || endpoint.has_ended() {
                for interface in std::mem::take(&mut endpoint.network_interfaces).into_values() {
                    self.network_interfaces.remove(&interface);
                }
            }
            stays
        });
        let left = endpoints.len() < before;
        self.vpc_endpoints = endpoints;
        if left {
            self.drop_stray_tags();
        }
    }

    /// Removes deleted endpoints before their time.
    pub(super) fn bury_vpc_endpoints(&mut self) {
        self.vpc_endpoints.retain(|_, endpoint| !endpoint.has_ended());
        self.drop_stray_tags();
    }

    fn create_vpc_endpoint(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let vpc_id = input.required("VpcId")?;
        vpc::KIND.find(&self.vpcs, vpc_id)?;
        let endpoint_type = match input.text("VpcEndpointType").unwrap_or("Gateway") {
            "Gateway" => EndpointType::Gateway,
            "Interface" => EndpointType::Interface,
            other => return Err(unsupported(&format!("VPC endpoints of the type {other}"))),
        };
        if input.text("ServiceRegion").is_some_and(|region| region != context.region) {
            return Err(unsupported("endpoints to services of another Region"));
        }
        let service = services::find(context, input.required("ServiceName")?, endpoint_type)?;
        let tags = tags::from_specifications(input, &KIND)?;
        refuse_foreign_members(endpoint_type, input)?;
        self.refuse_beyond_quota(context, endpoint_type, vpc_id)?;

        let default_policy = match endpoint_type {
            EndpointType::Interface => INTERFACE_POLICY,
            EndpointType::Gateway => GATEWAY_POLICY,
        };
        let mut endpoint = VpcEndpoint {
            vpc_id: vpc_id.into(),
            service_name: service.name.clone(),
            endpoint_type,
            state: State::Pending,
            becomes: None,
            created: context.now,
            policy_document: policy(input)?.unwrap_or(default_policy).into(),
            route_table_ids: BTreeSet::new(),
            network_interfaces: BTreeMap::new(),
            group_ids: Vec::new(),
            private_dns_enabled: false,
            dns_record_ip_type: "service-defined".into(),
            private_dns_only_for_inbound_resolver_endpoint: false,
            dns_label: context.dice.string(b"abcdefghijklmnopqrstuvwxyz0123456789", 8),
            hosted_zone_id: hosted_zone_id(context.dice),
        };
        let id = context.dice.id(KIND.prefix);
        let typical = match endpoint_type {
            EndpointType::Gateway => {
                self.add_routes(&id, &mut endpoint, &input.texts("RouteTableIds"))?;
                durations::GATEWAY_ENDPOINT_CREATE
            }
            EndpointType::Interface => {
                endpoint.dns_record_ip_type = "ipv4".into();
                endpoint.group_ids = self.interface_groups(vpc_id, &input.texts("SecurityGroupIds"))?;
                self.place(context, &id, &mut endpoint, &service, &Placement::read(input, "SubnetIds")?)?;
                // Where a gateway could do the same, private names are for those who ask for them.
                let default = !service.private_dns_names.is_empty() && !service.has_gateway();
                endpoint.private_dns_enabled = input.boolean("PrivateDnsEnabled").unwrap_or(default);
                self.set_dns(context, &id, &mut endpoint, &service, input)?;
                durations::INTERFACE_ENDPOINT_CREATE
            }
        };
        endpoint.begin(context.due(typical), context.now);
        self.vpc_endpoints.insert(id.clone(), endpoint);
        self.tag(&id, tags);

        let mut answer = json!({"VpcEndpoint": self.vpc_endpoint_view(context, &id, &self.vpc_endpoints[&id])});
        if let Some(token) = input.text("ClientToken") {
            answer["ClientToken"] = json!(token);
        }
        Ok(answer)
    }

    fn refuse_beyond_quota(
        &self,
        context: &Context<'_>,
        endpoint_type: EndpointType,
        vpc_id: &str,
    ) -> Result<(), ApiError> {
        let standing = self.vpc_endpoints.values().filter(|endpoint| !endpoint.has_ended());
        let of_type = standing.filter(|endpoint| endpoint.endpoint_type == endpoint_type);
        let full = match endpoint_type {
            EndpointType::Interface => {
                of_type.filter(|endpoint| endpoint.vpc_id == vpc_id).count() >= context.quota(INTERFACE_QUOTA)
            }
            EndpointType::Gateway => of_type.count() >= context.quota(GATEWAY_QUOTA),
        };
        if full {
            let message = "The maximum number of VPC endpoints has been reached.";
            return Err(ApiError::new("VpcEndpointLimitExceeded", message));
        }
        Ok(())
    }

    /// Gives a gateway its route in more tables.
    fn add_routes(&self, id: &str, endpoint: &mut VpcEndpoint, table_ids: &[&str]) -> Result<(), ApiError> {
        for table_id in table_ids {
            let table = route_table::KIND.find(&self.route_tables, table_id)?;
            if table.vpc_id != endpoint.vpc_id {
                let message = format!("Route table {table_id} does not belong to VPC {}.", endpoint.vpc_id);
                return Err(invalid_parameter(message));
            }
            let holds = |other: &VpcEndpoint| {
                other.service_name == endpoint.service_name && other.route_table_ids.contains(*table_id)
            };
            let mut others = self.vpc_endpoints.iter().filter(|(other, gateway)| *other != id && gateway.has_routes());
            if endpoint.route_table_ids.contains(*table_id) || others.any(|(_, other)| holds(other)) {
                let list = prefix_list::id_of(&endpoint.service_name);
                let message =
                    format!("route table {table_id} already has a route with destination-prefix-list-id {list}");
                return Err(ApiError::new("RouteAlreadyExists", message));
            }
            endpoint.route_table_ids.insert((*table_id).into());
        }
        Ok(())
    }

    /// Gives an endpoint interfaces in more subnets, or other addresses where it has some.
    fn place(
        &mut self,
        context: &mut Context<'_>,
        id: &str,
        endpoint: &mut VpcEndpoint,
        service: &Service,
        placement: &Placement<'_>,
    ) -> Result<(), ApiError> {
        let added: BTreeSet<&str> = placement.subnet_ids.iter().copied().collect();
        for subnet_id in placement.addresses.keys() {
            if let Some(old) = endpoint.network_interfaces.remove(*subnet_id) {
                self.remove_network_interface(&old);
            } else if !added.contains(subnet_id) {
                let message = format!("The subnet {subnet_id} of the configuration is not a subnet of the endpoint.");
                return Err(invalid_parameter(message));
            }
        }
        let configured = placement.addresses.keys().copied();
        for subnet_id in added.iter().copied().chain(configured.filter(|id| !added.contains(id))) {
            if endpoint.network_interfaces.contains_key(subnet_id) {
                continue;
            }
            self.refuse_subnet(endpoint, service, subnet_id)?;
            let interface = NetworkInterface {
                group_ids: endpoint.group_ids.clone(),
                description: format!("VPC Endpoint Interface {id}"),
                interface_type: "vpc_endpoint".into(),
                requester_id: Some(REQUESTER.into()),
                attachment: Some(Attachment::to_service(context.dice, context.now)),
                ..self.new_network_interface(subnet_id, placement.addresses.get(subnet_id).copied())?
            };
            let interface = self.add_network_interface(context.dice, interface);
            endpoint.network_interfaces.insert(subnet_id.into(), interface);
        }
        Ok(())
    }

    fn refuse_subnet(&self, endpoint: &VpcEndpoint, service: &Service, subnet_id: &str) -> Result<(), ApiError> {
        let subnet = subnet::KIND.find(&self.subnets, subnet_id)?;
        if subnet.vpc_id != endpoint.vpc_id {
            let message = format!("The subnet {subnet_id} does not belong to VPC {}.", endpoint.vpc_id);
            return Err(invalid_parameter(message));
        }
        if !service.zones.iter().any(|zone| zone.name == subnet.availability_zone) {
            let message = format!(
                "The VPC endpoint service {} does not support the availability zone of the subnet: {subnet_id}.",
                service.name
            );
            return Err(invalid_parameter(message));
        }
        let zone_of = |id: &String| self.subnets.get(id).map(|subnet| subnet.availability_zone.as_str());
        let mut own = endpoint.network_interfaces.keys();
        if let Some(neighbour) = own.find(|own| zone_of(own) == Some(&subnet.availability_zone)) {
            let message = format!("Found another VPC endpoint subnet in the availability zone of {neighbour}");
            return Err(ApiError::new("DuplicateSubnetsInSameZone", message));
        }
        Ok(())
    }

    /// Applies DnsOptions and IpAddressType, and refuses private names that cannot be had.
    fn set_dns(
        &self,
        context: &Context<'_>,
        id: &str,
        endpoint: &mut VpcEndpoint,
        service: &Service,
        input: Input<'_>,
    ) -> Result<(), ApiError> {
        if input.text("IpAddressType").is_some_and(|kind| kind != "ipv4") {
            return Err(invalid_parameter("The subnets of the endpoint have no IPv6 CIDR blocks."));
        }
        let options = input.structure("DnsOptions");
        let option = |name| options.and_then(|options| options.text(name));
        match option("DnsRecordIpType") {
            Some(kind @ ("ipv4" | "service-defined")) => endpoint.dns_record_ip_type = kind.into(),
            Some(kind) => {
                let message = format!("The DNS record IP type {kind} does not match the IP address type ipv4.");
                return Err(invalid_parameter(message));
            }
            None => {}
        }
        if ["PrivateDnsPreference", "PrivateDnsSpecifiedDomains"].iter().any(|name| option(name).is_some()) {
            return Err(unsupported("private DNS preferences of resource endpoints"));
        }
        if !endpoint.private_dns_enabled {
            return Ok(());
        }

        let vpc = vpc::KIND.find(&self.vpcs, &endpoint.vpc_id)?;
        if !vpc.enable_dns_support || !vpc.enable_dns_hostnames {
            let message = format!(
                "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames \
                 VPC attributes set to true for {}",
                endpoint.vpc_id
            );
            return Err(invalid_parameter(message));
        }
        if service.private_dns_names.is_empty() {
            let message = format!(
                "Private DNS can't be enabled because the service {} does not provide a private DNS name.",
                service.name
            );
            return Err(invalid_parameter(message));
        }
        // A deleting endpoint holds its names until it is gone.
        let rival = |(other_id, other): &(&String, &VpcEndpoint)| {
            *other_id != id && !other.has_ended() && other.vpc_id == endpoint.vpc_id && other.private_dns_enabled
        };
        let mut rivals = self.vpc_endpoints.iter().filter(rival);
        let is_zone = |name: &String| {
            let domain = name.strip_prefix("*.").unwrap_or(name);
            context.hosted_zones.is_some_and(|zones| zones.has_zone(context.region, &endpoint.vpc_id, domain))
        };
        if rivals.any(|(_, other)| other.service_name == endpoint.service_name)
            || service.private_dns_names.iter().any(is_zone)
        {
            let message = format!(
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {} \
                 in the VPC {}",
                service.private_dns_names[0], endpoint.vpc_id
            );
            return Err(invalid_parameter(message));
        }
        if service.has_gateway() {
            let only_inbound = options.and_then(|options| options.boolean("PrivateDnsOnlyForInboundResolverEndpoint"));
            endpoint.private_dns_only_for_inbound_resolver_endpoint = only_inbound.unwrap_or(true);
            let mut gateways = self.vpc_endpoints.values().filter(|other| other.has_routes());
            let has_gateway =
                gateways.any(|other| other.vpc_id == endpoint.vpc_id && other.service_name == endpoint.service_name);
            if endpoint.private_dns_only_for_inbound_resolver_endpoint && !has_gateway {
                let message = format!(
                    "To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC {} \
                     must have a Gateway endpoint for the service.",
                    endpoint.vpc_id
                );
                return Err(invalid_parameter(message));
            }
        }
        Ok(())
    }

    fn modify_vpc_endpoint(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("VpcEndpointId")?;
        let mut endpoint = KIND.find(&self.vpc_endpoints, id)?.clone();
        if endpoint.has_ended() {
            return Err(KIND.missing(id));
        }
        if endpoint.state == State::Deleting {
            let message = format!("The Vpc Endpoint {id} is being deleted and cannot be modified.");
            return Err(ApiError::new("IncorrectState", message));
        }
        refuse_foreign_members(endpoint.endpoint_type, input)?;
        if input.flag("ResetPolicy") && input.text("PolicyDocument").is_some() {
            return Err(invalid_parameter("ResetPolicy and PolicyDocument cannot be used together."));
        }
        if let Some(policy) = policy(input)? {
            endpoint.policy_document = policy.into();
        }
        let before = endpoint.clone();
        if endpoint.is_interface() {
            if input.flag("ResetPolicy") {
                endpoint.policy_document = INTERFACE_POLICY.into();
            }
            let service = services::find(context, &endpoint.service_name, EndpointType::Interface)?;
            self.regroup(&mut endpoint, input)?;
            for subnet_id in input.texts("RemoveSubnetIds") {
                let Some(interface) = endpoint.network_interfaces.remove(subnet_id) else {
                    return Err(invalid_parameter(format!("The subnet {subnet_id} is not a subnet of {id}.")));
                };
                self.remove_network_interface(&interface);
            }
            self.place(context, id, &mut endpoint, &service, &Placement::read(input, "AddSubnetIds")?)?;
            if let Some(enabled) = input.boolean("PrivateDnsEnabled") {
                endpoint.private_dns_enabled = enabled;
            }
            self.set_dns(context, id, &mut endpoint, &service, input)?;
        } else {
            if input.flag("ResetPolicy") {
                endpoint.policy_document = GATEWAY_POLICY.into();
            }
            for table_id in input.texts("RemoveRouteTableIds") {
                if !endpoint.route_table_ids.remove(table_id) {
                    let message = format!("The route table {table_id} is not associated with {id}.");
                    return Err(invalid_parameter(message));
                }
            }
            self.add_routes(id, &mut endpoint, &input.texts("AddRouteTableIds"))?;
        }
        let moved = endpoint.network_interfaces != before.network_interfaces
            || endpoint.private_dns_enabled != before.private_dns_enabled;
        if moved {
            endpoint.begin(context.due(durations::INTERFACE_ENDPOINT_MODIFY), context.now);
        }
        self.vpc_endpoints.insert(id.into(), endpoint);
        Ok(json!({"Return": true}))
    }

    /// Adds and removes groups, on the endpoint and on its interfaces.
    fn regroup(&mut self, endpoint: &mut VpcEndpoint, input: Input<'_>) -> Result<(), ApiError> {
        let removed = input.texts("RemoveSecurityGroupIds");
        let added = input.texts("AddSecurityGroupIds");
        if removed.is_empty() && added.is_empty() {
            return Ok(());
        }
        let kept = endpoint.group_ids.iter().map(String::as_str).filter(|group| !removed.contains(group));
        let wanted: Vec<&str> = kept.chain(added).collect();
        if wanted.is_empty() {
            return Err(invalid_parameter("An interface endpoint must have at least one security group."));
        }
        let group_ids = self.interface_groups(&endpoint.vpc_id, &wanted)?;
        for interface in endpoint.network_interfaces.values() {
            if let Some(interface) = self.network_interfaces.get_mut(interface) {
                interface.group_ids.clone_from(&group_ids);
            }
        }
        endpoint.group_ids = group_ids;
        Ok(())
    }

    fn delete_vpc_endpoints(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let ids = input.texts("VpcEndpointIds");
        if ids.is_empty() {
            return Err(super::missing_parameter("VpcEndpointId"));
        }
        let mut unsuccessful = Vec::new();
        for id in ids {
            if let Err(error) = self.delete_vpc_endpoint(context, id) {
                let error = json!({"Code": error.code, "Message": error.message});
                unsuccessful.push(json!({"ResourceId": id, "Error": error}));
            }
        }
        self.settle_vpc_endpoints(context.now);
        Ok(json!({"Unsuccessful": unsuccessful}))
    }

    fn delete_vpc_endpoint(&mut self, context: &mut Context<'_>, id: &str) -> Result<(), ApiError> {
        // A list of ids is answered with another code than one that is asked for.
        let missing = || ApiError::new("InvalidVpcEndpoint.NotFound", KIND.missing(id).message);
        KIND.check(id)?;
        let endpoint = self.vpc_endpoints.get_mut(id).filter(|endpoint| !endpoint.has_ended()).ok_or_else(missing)?;
        if endpoint.state == State::Deleting {
            return Ok(());
        }
        let typical = match endpoint.endpoint_type {
            EndpointType::Interface => durations::INTERFACE_ENDPOINT_DELETE,
            EndpointType::Gateway => durations::GATEWAY_ENDPOINT_DELETE,
        };
        endpoint.state = State::Deleting;
        endpoint.becomes = Some((context.due(typical), Some(State::Deleted)));
        Ok(())
    }

    fn describe_vpc_endpoints(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let endpoints = self.vpc_endpoints.iter();
        LISTING.answer(input, endpoints.map(|(id, endpoint)| self.vpc_endpoint_view(context, id, endpoint)).collect())
    }

    fn vpc_endpoint_view(&self, context: &Context<'_>, id: &str, endpoint: &VpcEndpoint) -> Value {
        let mut dns_options = json!({"DnsRecordIpType": endpoint.dns_record_ip_type});
        if endpoint.private_dns_enabled && endpoint.private_dns_only_for_inbound_resolver_endpoint {
            dns_options["PrivateDnsOnlyForInboundResolverEndpoint"] = json!(true);
        }
        json!({
            "CreationTimestamp": endpoint.created,
            "DnsEntries": self.dns_entries(context, id, endpoint),
            "DnsOptions": dns_options,
            "Groups": self.groups_view(&endpoint.group_ids),
            "IpAddressType": "ipv4",
            "NetworkInterfaceIds": endpoint.network_interfaces.values().collect::<Vec<_>>(),
            "OwnerId": context.account,
            "PolicyDocument": endpoint.policy_document,
            "PrivateDnsEnabled": endpoint.private_dns_enabled,
            "RequesterManaged": false,
            "RouteTableIds": endpoint.route_table_ids,
            "ServiceName": endpoint.service_name,
            "ServiceRegion": context.region,
            "State": endpoint.state,
            "SubnetIds": endpoint.network_interfaces.keys().collect::<Vec<_>>(),
            "Tags": self.tags_view(id),
            "VpcEndpointId": id,
            "VpcEndpointType": endpoint.endpoint_type,
            "VpcId": endpoint.vpc_id,
        })
    }

    /// The names that lead to an interface endpoint: its own, those of its zones, and the private ones.
    fn dns_entries(&self, context: &Context<'_>, id: &str, endpoint: &VpcEndpoint) -> Vec<Value> {
        if !endpoint.is_interface() || endpoint.has_ended() {
            return Vec::new();
        }
        let Ok(service) = services::find(context, &endpoint.service_name, EndpointType::Interface) else {
            return Vec::new();
        };
        let public_zone = endpoint_zone_id(context.region);
        let zones = endpoint.network_interfaces.keys().filter_map(|subnet| self.subnets.get(subnet));
        let zones: BTreeSet<&str> = zones.map(|subnet| subnet.availability_zone.as_str()).collect();
        let own = [None].into_iter().chain(zones.into_iter().map(Some));
        let own = own.map(|zone| (endpoint.dns_name(id, zone, &service), public_zone.as_str()));
        let mut entries: Vec<(String, &str)> = own.collect();
        if endpoint.private_dns_enabled {
            let zone_id = if endpoint.state == State::Pending { "ZONEIDPENDING" } else { &endpoint.hosted_zone_id };
            for name in &service.private_dns_names {
                let apex = name.strip_prefix("*.").map(|apex| (apex.to_owned(), zone_id));
                entries.extend(apex);
                entries.push((name.clone(), zone_id));
            }
        }
        entries.into_iter().map(|(name, zone)| json!({"DnsName": name, "HostedZoneId": zone})).collect()
    }
}

/// The public zone of the endpoints' own names: AWS keeps one for all endpoints of a Region.
pub fn endpoint_zone_id(region: &str) -> String {
    hosted_zone_id(&mut Dice::labelled(0, &["endpoints", region]))
}

fn hosted_zone_id(dice: &mut Dice) -> String {
    format!("Z{}", dice.string(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 20))
}

/// The policy that the call gives.
///
/// # Errors
/// `InvalidPolicyDocument`: not as the grammar has it, or too long.
fn policy(input: Input<'_>) -> Result<Option<&str>, ApiError> {
    let Some(text) = input.text("PolicyDocument").filter(|text| !text.is_empty()) else { return Ok(None) };
    let refused = |message| ApiError::new("InvalidPolicyDocument", message);
    if text.chars().count() > POLICY_QUOTA {
        return Err(refused(format!("The specified policy document has more than {POLICY_QUOTA} characters.")));
    }
    // Whether a principal exists is found out when it comes.
    let is_principal = |name: &str| !name.is_empty();
    grammar::check(text, grammar::Kind::Resource, &is_principal).map_err(|error| refused(error.message))?;
    Ok(Some(text))
}

/// Refuses what endpoints of the other type have.
fn refuse_foreign_members(endpoint_type: EndpointType, input: Input<'_>) -> Result<(), ApiError> {
    let foreign: &[&str] = match endpoint_type {
        EndpointType::Interface => &["RouteTableIds", "AddRouteTableIds", "RemoveRouteTableIds"],
        EndpointType::Gateway => &[
            "SubnetIds",
            "AddSubnetIds",
            "RemoveSubnetIds",
            "SubnetConfigurations",
            "SecurityGroupIds",
            "AddSecurityGroupIds",
            "RemoveSecurityGroupIds",
        ],
    };
    let given = foreign.iter().find(|member| !input.list(member).is_empty());
    let private_dns = endpoint_type == EndpointType::Gateway && input.flag("PrivateDnsEnabled");
    if let Some(member) = given.or(private_dns.then_some(&"PrivateDnsEnabled")) {
        let message = format!("{member} cannot be used with VPC endpoints of the type {endpoint_type}.");
        return Err(invalid_parameter(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::testing::*;
    use super::*;

    const STUDIO: &str = "aws.sagemaker.us-east-1.studio";
    const LAMBDA: &str = "com.amazonaws.us-east-1.lambda";
    const S3: &str = "com.amazonaws.us-east-1.s3";

    /// A VPC with both DNS attributes on.
    fn named_vpc(world: &mut Sandbox) -> String {
        let vpc = world.vpc("10.0.0.0/16");
        world.ok("ModifyVpcAttribute", json!({"VpcId": vpc, "EnableDnsHostnames": {"Value": true}}));
        vpc
    }

    fn subnet(world: &mut Sandbox, vpc: &str, third: u8, zone: &str) -> String {
        let input = json!({"VpcId": vpc, "CidrBlock": format!("10.0.{third}.0/24"), "AvailabilityZone": zone});
        world.ok("CreateSubnet", input)["Subnet"]["SubnetId"].as_str().unwrap().into()
    }

    fn interface(vpc: &str, service: &str, subnets: &[&str]) -> Value {
        json!({"VpcId": vpc, "ServiceName": service, "VpcEndpointType": "Interface", "SubnetIds": subnets})
    }

    fn gateway(vpc: &str, service: &str, tables: &[&str]) -> Value {
        json!({"VpcId": vpc, "ServiceName": service, "RouteTableIds": tables})
    }

    fn create(world: &mut Sandbox, input: Value) -> String {
        world.ok("CreateVpcEndpoint", input)["VpcEndpoint"]["VpcEndpointId"].as_str().unwrap().into()
    }

    fn describe(world: &mut Sandbox, id: &str) -> Value {
        world.ok("DescribeVpcEndpoints", json!({"VpcEndpointIds": [id]}))["VpcEndpoints"][0].clone()
    }

    fn delete(world: &mut Sandbox, id: &str) -> Value {
        world.ok("DeleteVpcEndpoints", json!({"VpcEndpointIds": [id]}))["Unsuccessful"].clone()
    }

    #[test]
    fn an_interface_endpoint_is_pending_available_deleting_deleted_and_gone() {
        let mut world = Sandbox::new();
        let vpc = named_vpc(&mut world);
        let (subnet, group) = (subnet(&mut world, &vpc, 1, "us-east-1a"), world.group(&vpc, "door"));
        let before = world.standing();
        let mut input = interface(&vpc, STUDIO, &[&subnet]);
        input["SecurityGroupIds"] = json!([group]);
        let id = create(&mut world, input);
        assert_eq!(describe(&mut world, &id)["State"], "pending");
        world.wait(44);
        assert_eq!(describe(&mut world, &id)["State"], "available");

        assert_eq!(delete(&mut world, &id), json!([]));
        assert_eq!(describe(&mut world, &id)["State"], "deleting");
        for (operation, input) in [
            ("DeleteSubnet", json!({"SubnetId": subnet})),
            ("DeleteSecurityGroup", json!({"GroupId": group})),
            ("DeleteVpc", json!({"VpcId": vpc})),
        ] {
            assert_eq!(world.refused(operation, input), "DependencyViolation", "{operation}");
        }
        world.wait(45);
        assert_eq!(describe(&mut world, &id)["State"], "deleted");
        assert_eq!(world.standing(), before);
        world.ok("DeleteSubnet", json!({"SubnetId": subnet}));
        world.wait(60);
        let gone = json!({"VpcEndpointIds": [id]});
        assert_eq!(world.refused("DescribeVpcEndpoints", gone), "InvalidVpcEndpointId.NotFound");
    }

    #[test]
    fn an_endpoint_has_an_interface_with_an_address_in_each_subnet() {
        let mut world = Sandbox::new();
        let vpc = named_vpc(&mut world);
        let one = subnet(&mut world, &vpc, 1, "us-east-1a");
        let two = subnet(&mut world, &vpc, 2, "us-east-1b");
        let mut input = interface(&vpc, STUDIO, &[&one, &two]);
        input["SubnetConfigurations"] = json!([{"SubnetId": two, "Ipv4": "10.0.2.42"}]);
        let id = create(&mut world, input);
        let ids = describe(&mut world, &id)["NetworkInterfaceIds"].clone();
        let described = world.ok("DescribeNetworkInterfaces", json!({"NetworkInterfaceIds": ids}));
        let described = described["NetworkInterfaces"].as_array().unwrap();
        assert_eq!(described.len(), 2);
        for shown in described {
            assert_eq!(shown["Description"], format!("VPC Endpoint Interface {id}"));
            assert_eq!(shown["InterfaceType"], "vpc_endpoint");
            assert_eq!(shown["Groups"][0]["GroupName"], "default");
            let address = if shown["SubnetId"] == *two { "10.0.2.42" } else { "10.0.1.254" };
            assert_eq!(shown["PrivateIpAddress"], address);
        }
    }

    #[test]
    fn names_are_the_endpoints_own_those_of_its_zones_and_the_private_ones() {
        let mut world = Sandbox::new();
        let vpc = named_vpc(&mut world);
        let one = subnet(&mut world, &vpc, 1, "us-east-1a");
        let two = subnet(&mut world, &vpc, 2, "us-east-1b");
        let id = create(&mut world, interface(&vpc, STUDIO, &[&one, &two]));
        let names = |world: &mut Sandbox| {
            let endpoint = describe(world, &id);
            let entries = endpoint["DnsEntries"].as_array().unwrap().clone();
            let name = |entry: &Value| entry["DnsName"].as_str().unwrap().to_owned();
            let label = name(&entries[0])[id.len() + 1..][..8].to_owned();
            let names: Vec<String> =
                entries.iter().map(|entry| name(entry).replace(&id, "ID").replace(&label, "LABEL")).collect();
            names.join("\n")
        };
        assert_snapshot!(names(&mut world), @"
        ID-LABEL.studio.us-east-1.vpce.sagemaker.aws
        ID-LABEL-us-east-1a.studio.us-east-1.vpce.sagemaker.aws
        ID-LABEL-us-east-1b.studio.us-east-1.vpce.sagemaker.aws
        studio.us-east-1.sagemaker.aws
        *.studio.us-east-1.sagemaker.aws
        studio.sagemaker.us-east-1.app.aws
        *.studio.sagemaker.us-east-1.app.aws
        ");
        let zone = |world: &mut Sandbox| describe(world, &id)["DnsEntries"][3]["HostedZoneId"].clone();
        assert_eq!(zone(&mut world), "ZONEIDPENDING");
        world.wait(44);
        assert!(zone(&mut world).as_str().unwrap().starts_with('Z') && zone(&mut world) != "ZONEIDPENDING");
        world.ok("ModifyVpcEndpoint", json!({"VpcEndpointId": id, "PrivateDnsEnabled": false}));
        assert_eq!(names(&mut world).lines().count(), 3);
    }

    #[test]
    fn private_names_need_both_attributes_of_the_vpc() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = subnet(&mut world, &vpc, 1, "us-east-1a");
        let mut input = interface(&vpc, LAMBDA, &[&subnet]);
        assert_eq!(world.refused("CreateVpcEndpoint", input.clone()), "InvalidParameter");
        input["PrivateDnsEnabled"] = json!(false);
        create(&mut world, input);
    }

    #[test]
    fn a_private_name_has_one_owner_in_a_vpc_until_that_is_gone() {
        let mut world = Sandbox::new();
        let vpc = named_vpc(&mut world);
        let subnet = subnet(&mut world, &vpc, 1, "us-east-1a");
        let first = create(&mut world, interface(&vpc, LAMBDA, &[&subnet]));
        let second = interface(&vpc, LAMBDA, &[&subnet]);
        let refusal = world.call("CreateVpcEndpoint", second.clone()).unwrap_err();
        assert_eq!(refusal.code, "InvalidParameter");
        assert!(refusal.message.contains("conflicting DNS domain for lambda.us-east-1.amazonaws.com"));
        delete(&mut world, &first);
        assert_eq!(world.refused("CreateVpcEndpoint", second.clone()), "InvalidParameter");
        world.wait(45);
        create(&mut world, second);
    }

    #[test]
    fn subnets_are_of_the_vpc_in_zones_of_the_service_and_one_a_zone() {
        let mut world = Sandbox::new();
        let (vpc, other) = (named_vpc(&mut world), world.vpc("10.0.0.0/16"));
        let one = subnet(&mut world, &vpc, 1, "us-east-1a");
        let twin = subnet(&mut world, &vpc, 2, "us-east-1a");
        let third = subnet(&mut world, &vpc, 3, "us-east-1c");
        let foreign = subnet(&mut world, &other, 1, "us-east-1b");
        for (subnets, code) in [
            (vec![one.as_str(), &twin], "DuplicateSubnetsInSameZone"),
            (vec![&third], "InvalidParameter"),
            (vec![&foreign], "InvalidParameter"),
            (vec!["subnet-0123456789abcdef0"], "InvalidSubnetID.NotFound"),
        ] {
            assert_eq!(world.refused("CreateVpcEndpoint", interface(&vpc, STUDIO, &subnets)), code, "{subnets:?}");
        }
        create(&mut world, interface(&vpc, LAMBDA, &[&one, &third]));
    }

    #[test]
    fn services_are_known_by_name_and_type() {
        let mut world = Sandbox::new();
        let vpc = named_vpc(&mut world);
        assert_eq!(world.refused("CreateVpcEndpoint", gateway(&vpc, "com.amazonaws.none", &[])), "InvalidServiceName");
        assert_eq!(world.refused("CreateVpcEndpoint", gateway(&vpc, LAMBDA, &[])), "InvalidParameter");
        let table = world.table(&vpc);
        let mut mixed = interface(&vpc, LAMBDA, &[]);
        mixed["RouteTableIds"] = json!([table]);
        assert_eq!(world.refused("CreateVpcEndpoint", mixed), "InvalidParameter");
    }

    #[test]
    fn a_policy_is_returned_as_given_and_must_be_one() {
        let mut world = Sandbox::new();
        let vpc = named_vpc(&mut world);
        let subnet = subnet(&mut world, &vpc, 1, "us-east-1a");
        let with = |policy: &str| {
            let mut input = interface(&vpc, LAMBDA, &[&subnet]);
            input["PolicyDocument"] = json!(policy);
            input
        };
        let ok = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
        let but = |element: &str, value: Value| {
            let mut statement = ok.clone();
            statement[element] = value;
            json!({"Statement": [statement]}).to_string()
        };
        let mut without = ok.clone();
        without.as_object_mut().unwrap().remove("Principal");
        for policy in [
            "{\"Statement\"".to_owned(),
            json!({"Statement": []}).to_string(),
            json!({"Version": "2020-01-01", "Statement": [ok]}).to_string(),
            json!({"Statement": [without]}).to_string(),
            json!({"Statement": [{"Sid": "a"}, {"Sid": "a"}]}).to_string(),
            but("Effect", json!("Perhaps")),
            but("Colour", json!("blue")),
            but("NotAction", json!("s3:*")),
            but("Action", json!([])),
            but("Resource", json!(7)),
            but("Principal", json!("arn:aws:iam::111122223333:root")),
            but("Condition", json!({"StringEqual": {"aws:SourceVpc": "vpc-1"}})),
            but("Resource", json!(format!("arn:aws:s3:::{}", "b".repeat(20_480)))),
        ] {
            assert_eq!(world.refused("CreateVpcEndpoint", with(&policy)), "InvalidPolicyDocument", "{policy}");
        }
        let policy = "{ \"Statement\": {\n \"Effect\": \"Allow\", \"Principal\": {\"AWS\": \"*\"}, \"Action\": \"*\", \
                      \"Resource\": \"*\" } }";
        let id = create(&mut world, with(policy));
        assert_eq!(describe(&mut world, &id)["PolicyDocument"], policy);
        world.ok("ModifyVpcEndpoint", json!({"VpcEndpointId": id, "ResetPolicy": true}));
        assert_eq!(describe(&mut world, &id)["PolicyDocument"], INTERFACE_POLICY);
    }

    #[test]
    fn a_gateway_has_a_route_that_only_it_can_remove() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let table = world.table(&vpc);
        let before = world.standing();
        let id = create(&mut world, gateway(&vpc, S3, &[&table]));
        let routes = |world: &mut Sandbox| {
            world.ok("DescribeRouteTables", json!({"RouteTableIds": [table]}))["RouteTables"][0]["Routes"].clone()
        };
        let list = prefix_list::id_of(S3);
        let route =
            json!({"DestinationPrefixListId": list, "GatewayId": id, "Origin": "CreateRoute", "State": "active"});
        assert_eq!(routes(&mut world)[1], route);
        world.wait(7);
        assert_eq!(describe(&mut world, &id)["State"], "available");
        let by_hand = json!({"RouteTableId": table, "DestinationPrefixListId": list});
        assert_eq!(world.refused("DeleteRoute", by_hand), "InvalidParameterValue");
        assert_eq!(world.refused("CreateVpcEndpoint", gateway(&vpc, S3, &[&table])), "RouteAlreadyExists");
        assert_eq!(world.refused("DeleteVpc", json!({"VpcId": vpc})), "DependencyViolation");

        world.ok("ModifyVpcEndpoint", json!({"VpcEndpointId": id, "RemoveRouteTableIds": [table]}));
        assert_eq!(routes(&mut world).as_array().unwrap().len(), 1);
        world.ok("ModifyVpcEndpoint", json!({"VpcEndpointId": id, "AddRouteTableIds": [table]}));
        delete(&mut world, &id);
        assert_eq!(routes(&mut world).as_array().unwrap().len(), 1);
        world.wait(3);
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn deleting_a_route_table_ends_its_association_with_gateways() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let table = world.table(&vpc);
        let id = create(&mut world, gateway(&vpc, S3, &[&table]));
        world.ok("DeleteRouteTable", json!({"RouteTableId": table}));
        assert_eq!(describe(&mut world, &id)["RouteTableIds"], json!([]));
    }

    #[test]
    fn private_names_of_s3_are_for_inbound_resolvers_beside_a_gateway() {
        let mut world = Sandbox::new();
        let vpc = named_vpc(&mut world);
        let subnet = subnet(&mut world, &vpc, 1, "us-east-1a");
        let mut input = interface(&vpc, S3, &[&subnet]);
        input["PrivateDnsEnabled"] = json!(true);
        assert_eq!(world.refused("CreateVpcEndpoint", input.clone()), "InvalidParameter");
        create(&mut world, gateway(&vpc, S3, &[]));
        let id = create(&mut world, input);
        assert_eq!(
            describe(&mut world, &id)["DnsOptions"],
            json!({"DnsRecordIpType": "ipv4", "PrivateDnsOnlyForInboundResolverEndpoint": true})
        );
    }

    #[test]
    fn subnets_addresses_and_groups_can_be_changed() {
        let mut world = Sandbox::new();
        let vpc = named_vpc(&mut world);
        let (group, one) = (world.group(&vpc, "door"), subnet(&mut world, &vpc, 1, "us-east-1a"));
        let two = subnet(&mut world, &vpc, 2, "us-east-1b");
        let id = create(&mut world, interface(&vpc, LAMBDA, &[&one]));
        let default = describe(&mut world, &id)["Groups"][0]["GroupId"].clone();
        world.wait(44);
        world.ok(
            "ModifyVpcEndpoint",
            json!({
                "VpcEndpointId": id,
                "AddSubnetIds": [two],
                "RemoveSubnetIds": [one],
                "SubnetConfigurations": [{"SubnetId": two, "Ipv4": "10.0.2.9"}],
                "AddSecurityGroupIds": [group],
                "RemoveSecurityGroupIds": [default],
            }),
        );
        assert_eq!(describe(&mut world, &id)["State"], "pending");
        world.wait(21);
        let endpoint = describe(&mut world, &id);
        assert_eq!((&endpoint["State"], &endpoint["SubnetIds"]), (&json!("available"), &json!([two])));
        let interfaces = world.ok("DescribeNetworkInterfaces", json!({}))["NetworkInterfaces"].clone();
        assert_eq!(interfaces.as_array().unwrap().len(), 1);
        assert_eq!(interfaces[0]["PrivateIpAddress"], "10.0.2.9");
        assert_eq!(interfaces[0]["Groups"][0]["GroupId"], *group);
    }

    #[test]
    fn ids_that_cannot_be_deleted_are_answered_one_by_one() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let id = create(&mut world, gateway(&vpc, S3, &[]));
        let unknown = "vpce-0123456789abcdef0";
        let answer = world.ok("DeleteVpcEndpoints", json!({"VpcEndpointIds": [unknown, id]}));
        let failed = answer["Unsuccessful"].as_array().unwrap();
        assert_eq!(failed.len(), 1);
        assert_eq!(
            (&failed[0]["ResourceId"], &failed[0]["Error"]["Code"]),
            (&json!(unknown), &json!("InvalidVpcEndpoint.NotFound"))
        );
        assert_eq!(describe(&mut world, &id)["State"], "deleting");
        let modify = json!({"VpcEndpointId": id, "ResetPolicy": true});
        assert_eq!(world.refused("ModifyVpcEndpoint", modify), "IncorrectState");
    }

    #[test]
    fn only_names_of_s3_have_buckets_before_them() {
        let mut world = Sandbox::new();
        let vpc = named_vpc(&mut world);
        let subnet = subnet(&mut world, &vpc, 1, "us-east-1a");
        let mut first = |service: &str| {
            let id = create(&mut world, interface(&vpc, service, &[&subnet]));
            describe(&mut world, &id)["DnsEntries"][0]["DnsName"].as_str().unwrap().to_owned()
        };
        assert!(first(S3).starts_with("*.vpce-"));
        assert!(first("com.amazonaws.us-east-1.dynamodb").starts_with("vpce-"));
    }

    #[test]
    fn the_region_of_the_service_may_be_said() {
        let mut world = Sandbox::new();
        let vpc = named_vpc(&mut world);
        let mut input = gateway(&vpc, S3, &[]);
        input["ServiceRegion"] = json!("us-west-2");
        assert_eq!(world.refused("CreateVpcEndpoint", input.clone()), "NotImplemented");
        input["ServiceRegion"] = json!("us-east-1");
        create(&mut world, input);
    }

    #[test]
    fn one_client_token_makes_one_endpoint() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let mut input = gateway(&vpc, S3, &[]);
        input["ClientToken"] = json!("token");
        let id = create(&mut world, input.clone());
        delete(&mut world, &id);
        world.wait(3600);
        assert_eq!(create(&mut world, input.clone()), id);
        input["ServiceName"] = json!("com.amazonaws.us-east-1.dynamodb");
        assert_eq!(world.refused("CreateVpcEndpoint", input), "IdempotentParameterMismatch");
    }

    #[test]
    fn a_region_takes_twenty_gateways() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        for _ in 0..20 {
            create(&mut world, gateway(&vpc, S3, &[]));
        }
        assert_eq!(world.refused("CreateVpcEndpoint", gateway(&vpc, S3, &[])), "VpcEndpointLimitExceeded");
    }
}
