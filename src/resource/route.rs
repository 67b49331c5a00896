//! A route of a route table.

use aws_sdk_ec2::types::{Route as SdkRoute, RouteOrigin, RouteTable as SdkRouteTable};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::internet_gateway::InternetGateway;
use super::nat_gateway::NatGateway;
use super::route_table::RouteTable;
use super::vpc_peering_connection::VpcPeeringConnection;
use super::{Creation, Observed, Operations, Ref, Resource, Seconds};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What a route is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The table it stands in, and vanishes with.
    pub route_table: Ref<RouteTable>,
    /// Where to: an IPv4 or IPv6 range or a prefix list, canonical.
    pub destination: String,
    /// By which way.
    pub target: Target,
}

/// The way that a route takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A VPC peering.
    VpcPeeringConnection(Ref<VpcPeeringConnection>),
    /// An internet gateway.
    InternetGateway(Ref<InternetGateway>),
    /// A NAT gateway.
    NatGateway(Ref<NatGateway>),
    /// Another gateway, such as a virtual private one, by id.
    Gateway(String),
    /// Anything else, by id.
    Other(String),
}

impl Route {
    /// A route to an IPv4 range.
    pub fn to(route_table: Ref<RouteTable>, destination: Ipv4Net, target: Target) -> Self {
        Self { route_table, destination: destination.trunc().to_string(), target }
    }

    fn way(&self, operation: &str) -> Result<Way, Failure> {
        let mut way = Way::default();
        match &self.target {
            Target::VpcPeeringConnection(peering) => way.peering = Some(peering.id()?.to_owned()),
            Target::InternetGateway(gateway) => way.gateway = Some(gateway.id()?.to_owned()),
            Target::NatGateway(gateway) => way.nat_gateway = Some(gateway.id()?.to_owned()),
            Target::Gateway(id) | Target::Other(id) => {
                return Err(Failure::here(operation, Class::Wrong, format!("a route to {id} can't be made here")));
            }
        }
        Ok(way)
    }
}

/// A target as the calls take it: one of these is said.
#[derive(Default)]
struct Way {
    peering: Option<String>,
    gateway: Option<String>,
    nat_gateway: Option<String>,
}

impl Resource for Route {
    const IN_PLACE: &'static [&'static str] = &["target"];
    const WEAK: &'static [&'static str] = &["target"];
    const OWNERS: &'static [&'static str] = &["route_table"];
    const IN_SET: bool = true;
    const VANISHES: bool = true;
    const OPERATIONS: Operations =
        Operations { service: "ec2", create: "CreateRoute", change: "ReplaceRoute", delete: "DeleteRoute" };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };
    const TAGGED: bool = false;

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.route_table.text(), self.destination))
    }

    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let (table, way) = (self.route_table.id()?, self.way("CreateRoute")?);
        aws.write("ec2", "CreateRoute", || {
            let call = aws.ec2.create_route().route_table_id(table).destination_cidr_block(&self.destination);
            call.set_vpc_peering_connection_id(way.peering.clone())
                .set_gateway_id(way.gateway.clone())
                .set_nat_gateway_id(way.nat_gateway.clone())
                .send()
        })
        .await?;
        Ok(Observed::standing(id(table, &self.destination), Tags::new(), self.clone()))
    }

    async fn change(&self, aws: &Aws, _from: &Observed) -> Result<(), Failure> {
        let (table, way) = (self.route_table.id()?, self.way("ReplaceRoute")?);
        aws.write("ec2", "ReplaceRoute", || {
            let call = aws.ec2.replace_route().route_table_id(table).destination_cidr_block(&self.destination);
            call.set_vpc_peering_connection_id(way.peering.clone())
                .set_gateway_id(way.gateway.clone())
                .set_nat_gateway_id(way.nat_gateway.clone())
                .send()
        })
        .await
        .map(drop)
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let super::Spec::Route(route) = &observed.spec else { return Ok(()) };
        let table = route.route_table.id()?;
        aws.write("ec2", "DeleteRoute", || {
            let call = aws.ec2.delete_route().route_table_id(table);
            match route.destination.as_str() {
                list if list.starts_with("pl-") => call.destination_prefix_list_id(list),
                ipv6 if ipv6.contains(':') => call.destination_ipv6_cidr_block(ipv6),
                ipv4 => call.destination_cidr_block(ipv4),
            }
            .send()
        })
        .await
        .map(drop)
    }

    async fn tag(_aws: &Aws, id: &str, _tags: &Tags) -> Result<(), Failure> {
        Err(Failure::here("tag", Class::Wrong, format!("{id} takes no tags")))
    }
}

fn id(table: &str, destination: &str) -> String {
    format!("{table} {destination}")
}

/// The routes that somebody put into a table: not AWS's local ones, nor those that gateway endpoints and virtual
/// private gateways put there and alone can remove.
pub(super) fn of_table(table: &SdkRouteTable) -> Vec<Observed> {
    let Some(table_id) = table.route_table_id() else { return Vec::new() };
    let made = |route: &&SdkRoute| {
        let by_endpoint = route.gateway_id().is_some_and(|id| id.starts_with("vpce-"));
        let local = route.gateway_id() == Some("local");
        let propagated = route.origin() == Some(&RouteOrigin::EnableVgwRoutePropagation);
        !by_endpoint && !local && !propagated
    };
    let routes = table.routes().iter().filter(made).filter_map(|route| {
        let destination = route
            .destination_cidr_block()
            .or(route.destination_ipv6_cidr_block())
            .or(route.destination_prefix_list_id())?
            .to_owned();
        let spec = Route { route_table: Ref::known(table_id), destination: destination.clone(), target: target(route) };
        let state = route.state().map_or("active", |state| state.as_str()).to_owned();
        Some(Observed { state, ..Observed::standing(id(table_id, &destination), Tags::new(), spec) })
    });
    routes.collect()
}

fn target(route: &SdkRoute) -> Target {
    if let Some(peering) = route.vpc_peering_connection_id() {
        return Target::VpcPeeringConnection(Ref::known(peering));
    }
    if let Some(gateway) = route.nat_gateway_id() {
        return Target::NatGateway(Ref::known(gateway));
    }
    match route.gateway_id() {
        Some(gateway) if gateway.starts_with("igw-") => return Target::InternetGateway(Ref::known(gateway)),
        Some(gateway) => return Target::Gateway(gateway.to_owned()),
        None => {}
    }
    let other = route
        .transit_gateway_id()
        .or(route.network_interface_id())
        .or(route.egress_only_internet_gateway_id())
        .or(route.local_gateway_id())
        .or(route.carrier_gateway_id())
        .or(route.core_network_arn());
    Target::Other(other.unwrap_or("unknown").to_owned())
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::RouteState;

    use super::*;

    fn to(gateway: &str) -> SdkRoute {
        SdkRoute::builder().destination_cidr_block("0.0.0.0/0").gateway_id(gateway).build()
    }

    #[test]
    fn gateways_are_told_apart_by_their_ids() {
        assert_eq!(target(&to("igw-1")), Target::InternetGateway(Ref::known("igw-1")));
        assert_eq!(target(&to("vgw-1")), Target::Gateway("vgw-1".into()));
        let nat = SdkRoute::builder().nat_gateway_id("nat-1").build();
        assert_eq!(target(&nat), Target::NatGateway(Ref::known("nat-1")));
    }

    #[test]
    fn a_route_whose_target_is_gone_is_a_black_hole() {
        let nat = SdkRoute::builder().destination_cidr_block("0.0.0.0/0").nat_gateway_id("nat-1");
        let gone = nat.state(RouteState::Blackhole).build();
        let table = SdkRouteTable::builder().route_table_id("rtb-1").routes(to("local")).routes(gone).build();
        let states: Vec<_> = of_table(&table).into_iter().map(|route| route.state).collect();
        assert_eq!(states, ["blackhole"]);
    }
}
