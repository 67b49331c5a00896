//! What the two VPCs of a lab have in common: subnets, route tables, a security group and its rules.

use std::collections::BTreeMap;

use ipnet::{IpNet, Ipv4Net};

use super::Blueprint;
use crate::plan::{Direction, Protocol, Remote, Rule, Subnets};
use crate::resource::Ref;
use crate::resource::route_table::RouteTable;
use crate::resource::route_table_association::RouteTableAssociation;
use crate::resource::security_group::SecurityGroup;
use crate::resource::security_group_rule::{self as rule, Peer, SecurityGroupRule};
use crate::resource::subnet::Subnet;
use crate::resource::vpc::Vpc;

/// Adds the VPC itself.
pub fn vpc(blueprint: &mut Blueprint, side: &str, cidr: Ipv4Net, dns_support: bool, dns_hostnames: bool) -> Ref<Vpc> {
    let name = format!("STUDIO-{side}");
    let spec = Vpc { cidr, dns_support: Some(dns_support), dns_hostnames: Some(dns_hostnames) };
    blueprint.add(&format!("{side}/vpc"), &name, spec)
}

/// A pair of subnets, one a zone, and the route table that both use.
pub struct Tier<'a> {
    /// `onprem` or `studio`.
    pub side: &'a str,
    /// `private` or `public`.
    pub name: &'static str,
    /// The ranges.
    pub subnets: &'a Subnets,
    /// The `Name` tag of the subnets, to which `-A` and `-B` are added.
    pub subnet_name: &'a str,
    /// The `Name` tag of the route table.
    pub route_table_name: &'a str,
}

/// A tier that was added.
pub struct AddedTier {
    /// `private` or `public`.
    pub name: &'static str,
    /// The route table of its subnets.
    pub route_table: Ref<RouteTable>,
    /// Its subnets, one a zone.
    pub subnets: [Ref<Subnet>; 2],
}

impl Tier<'_> {
    /// Adds the tier to a VPC.
    pub fn add(&self, blueprint: &mut Blueprint, vpc: &Ref<Vpc>, zones: &[String; 2]) -> AddedTier {
        let Self { side, name, .. } = self;
        let table = RouteTable { vpc: vpc.clone() };
        let table = blueprint.add(&format!("{side}/route-table/{name}"), self.route_table_name, table);
        let places = [("a", self.subnets.a, &zones[0]), ("b", self.subnets.b, &zones[1])];
        let subnets = places.map(|(letter, cidr, zone)| {
            let subnet = Subnet { vpc: vpc.clone(), cidr, zone: zone.clone(), public: *name == "public" };
            let subnet_name = format!("{}-{}", self.subnet_name, letter.to_uppercase());
            let subnet = blueprint.add(&format!("{side}/subnet/{name}-{letter}"), &subnet_name, subnet);
            let association = RouteTableAssociation { route_table: table.clone(), subnet: subnet.clone() };
            blueprint.add(&format!("{side}/route-table/{name}/association/{letter}"), "", association);
            subnet
        });
        AddedTier { name, route_table: table, subnets }
    }
}

/// Adds a security group with its rules. A rule's address is made of what it lets pass, so that reordering the plan
/// changes nothing.
pub fn security_group(
    blueprint: &mut Blueprint,
    side: &str,
    name: &str,
    description: &str,
    vpc: &Ref<Vpc>,
    rules: &[Rule],
) -> Ref<SecurityGroup> {
    let address = format!("{side}/security-group/{name}");
    let group_name = format!("{}-{side}-{name}", blueprint.lab.name);
    let group = SecurityGroup { vpc: vpc.clone(), name: group_name.clone(), description: description.to_owned() };
    let group = blueprint.add(&address, &group_name, group);
    let mut added = BTreeMap::new();
    for rule in rules {
        let label = label(rule);
        if added.insert(label.clone(), ()).is_none() {
            let spec = spec(&group, rule);
            blueprint.add(&format!("{address}/rule/{label}"), &label, spec);
        }
    }
    group
}

fn label(rule: &Rule) -> String {
    let direction = match rule.direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let remote = match &rule.remote {
        Remote::Cidr(range) => range.trunc().to_string(),
        Remote::Group(_) => "itself".to_owned(),
    };
    let ports = rule.ports.as_ref().map_or(String::new(), |ports| format!("-{ports}"));
    format!("{}{ports}-{direction}-{remote}", protocol(rule.protocol))
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Icmp => "icmp",
        Protocol::All => "all",
    }
}

fn spec(group: &Ref<SecurityGroup>, rule: &Rule) -> SecurityGroupRule {
    let every_port = matches!(rule.protocol, Protocol::Tcp | Protocol::Udp).then_some((0, 65535));
    let ports = rule.ports.as_ref().map(|ports| (i32::from(ports.from), i32::from(ports.to))).or(every_port);
    SecurityGroupRule {
        group: group.clone(),
        direction: match rule.direction {
            Direction::Ingress => rule::Direction::Ingress,
            Direction::Egress => rule::Direction::Egress,
        },
        protocol: protocol(rule.protocol).to_owned(),
        from_port: ports.map(|(from, _)| from),
        to_port: ports.map(|(_, to)| to),
        peer: match &rule.remote {
            Remote::Cidr(range) => Peer::Cidr(IpNet::V4(range.trunc())),
            Remote::Group(_) => Peer::Group(group.clone()),
        },
        description: rule.description.clone(),
    }
}
