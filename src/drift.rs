//! Drift: what of a lab is no longer as asked for, in classes, each with what it opens or breaks.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blueprint::Blueprint;
use crate::engine::difference::{FieldDifference, differences_now, shown};
use crate::engine::holdings::{Holdings, Proof};
use crate::engine::run::retag_command;
use crate::resource::route::Target;
use crate::resource::security_group_rule::{Direction, Peer, SecurityGroupRule};
use crate::resource::{Address, Kind, Observed, Spec};
use crate::survey::Survey;

/// What kind of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A field is not as asked for.
    Changed,
    /// A resource isn't there.
    Missing,
    /// Something nobody asked for is inside what the lab owns.
    Unmanaged,
    /// It looks like the lab's, but nothing proves it.
    Unproven,
    /// It could not be read.
    Unknown,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Where: an address of the lab, or kind and id of what has none.
    pub address: Address,
    /// The kind of resource.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The class.
    pub class: Class,
    /// AWS's id, where something stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Which field, for `changed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<Value>,
    /// Whether it is somebody else's, so that `up` leaves it alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// What that opens or breaks.
    pub effect: String,
}

/// Compares a blueprint with a survey.
pub fn drift(blueprint: &Blueprint, survey: &Survey) -> Vec<Difference> {
    let holdings = Holdings::sort(blueprint, survey);
    let mut found = Vec::new();
    for desired in blueprint.iter() {
        let (address, kind) = (desired.address.clone(), desired.kind());
        match holdings.held.get(&address) {
            Some(held) => {
                let id = Some(held.observed.id.clone());
                let fields = differences_now(desired, held.observed, &holdings);
                if held.proof == Proof::Unproven {
                    let command = retag_command(&blueprint.lab.name, &address, held.observed);
                    let effect =
                        format!("its tag is gone, so `up` and `down` leave it alone; if it is the lab's: {command}");
                    found.push(Difference { id: id.clone(), ..plain(address.clone(), kind, Class::Unproven, effect) });
                }
                let tagless =
                    |field: &&FieldDifference| held.proof != Proof::Unproven || !field.field.starts_with("tags.");
                for field in fields.iter().filter(tagless) {
                    found.push(Difference {
                        id: id.clone(),
                        field: Some(field.field.clone()),
                        expected: Some(field.expected.clone()),
                        actual: Some(field.actual.clone()),
                        ..plain(address.clone(), kind, Class::Changed, changed(kind, field))
                    });
                }
            }
            // What can't be read may well be there.
            None if survey.why_unreadable(kind).is_some() => {}
            None => found.push(plain(address, kind, Class::Missing, missing(&desired.spec))),
        }
    }
    for (address, observed) in &holdings.obsolete {
        found.push(extra(address.clone(), observed, "it carries the lab's tags, but the plan doesn't ask for it"));
    }
    for (address, observed) in &holdings.duplicates {
        found.push(extra(address.clone(), observed, "the lab has two of these; `up` removes this one"));
    }
    for observed in &holdings.unmanaged {
        let address = within(&holdings, observed);
        found.push(extra(address, observed, &opened(&observed.spec)));
    }
    for observed in &holdings.foreign {
        let address = within(&holdings, observed);
        let effect = match observed.blocks() {
            true => "it is not the lab's: `up` leaves it alone, and `down` can't remove what holds it",
            false => {
                "somebody changed what came with the VPC: `up` leaves it alone, and packets may be refused or let in"
            }
        };
        found.push(Difference { foreign: true, ..extra(address, observed, effect) });
    }
    for (kind, failure) in &survey.unreadable {
        let effect = format!("{kind} could not be read: {failure}");
        found.push(plain(Address::from(kind.name()), *kind, Class::Unknown, effect));
    }
    found
}

fn plain(address: Address, kind: Kind, class: Class, effect: String) -> Difference {
    Difference { address, kind, class, id: None, field: None, expected: None, actual: None, foreign: false, effect }
}

fn extra(address: Address, observed: &Observed, effect: &str) -> Difference {
    let fields = observed.spec.fields().into_iter().map(|(field, value)| (field.clone(), shown(&field, value)));
    Difference {
        id: Some(observed.id.clone()),
        actual: Some(Value::Object(fields.collect())),
        ..plain(address, observed.kind(), Class::Unmanaged, effect.to_owned())
    }
}

/// Where something without an address stands: below the address of its owner.
fn within(holdings: &Holdings<'_>, observed: &Observed) -> Address {
    let fields = observed.spec.fields();
    let mut owners = observed.kind().owners().iter().filter_map(|field| fields.get(*field)?.as_str());
    let address = owners.find_map(|id| {
        let mut held = holdings.held.iter();
        held.find(|(_, held)| held.observed.id == id).map(|(address, _)| address.clone())
    });
    let own = observed.id.rsplit_once(' ').map_or(observed.id.as_str(), |(_, own)| own);
    match address {
        Some(address) => Address::from(format!("{address}/{own}")),
        None => Address::from(format!("{} {own}", observed.kind())),
    }
}

fn missing(spec: &Spec) -> String {
    match spec {
        Spec::Vpc(_) => "nothing of this side of the lab can stand".into(),
        Spec::Subnet(subnet) => format!("there is no room in {} for what belongs there", subnet.zone),
        Spec::RouteTable(_) => "its subnets fall back to the main route table".into(),
        Spec::RouteTableAssociation(_) => "the subnet falls back to the main route table, which has no way out".into(),
        Spec::Route(route) => format!("packets for {} have no way", route.destination),
        Spec::SecurityGroup(_) => "what should carry the group is not protected by it".into(),
        Spec::SecurityGroupRule(rule) => format!("{} is refused", what_passes(rule)),
        Spec::VpcPeeringConnection(_) => "the two networks are cut off from each other".into(),
        Spec::InternetGateway(_) => "the public subnets have no way to the internet".into(),
        Spec::ElasticIp(_) => "the NAT gateway has no public address".into(),
        Spec::NatGateway(_) => "the private subnets have no way to the internet".into(),
        Spec::InterfaceEndpoint(endpoint) => format!("{} is not reached privately", endpoint.service),
        Spec::GatewayEndpoint(endpoint) => format!("{} is not reached without the internet", endpoint.service),
        Spec::DhcpOptions(_) | Spec::DhcpOptionsAssociation(_) => {
            "hosts ask AWS's own DNS, which answers the private names with public addresses".into()
        }
        Spec::ResolverEndpoint(_) => "the corporate DNS has nobody to ask for the private names".into(),
        Spec::KeyPair(_) => "the Administrator's password of a new host can't be decrypted".into(),
        Spec::Instance(instance) => format!("nothing answers at {}", instance.private_address),
        Spec::InstanceProfile(_) => "hosts act in no role".into(),
        Spec::NetworkAcl(_) => "its subnets are guarded by another one".into(),
        Spec::Volume(_) | Spec::NetworkInterface(_) => "it is part of a host that is gone".into(),
        Spec::Role(_) => "nobody can act in this role".into(),
        Spec::RolePolicy(_) | Spec::RolePolicyAttachment(_) => "the role lacks these permissions".into(),
    }
}

fn opened(spec: &Spec) -> String {
    match spec {
        Spec::SecurityGroupRule(rule) => {
            let world = matches!(&rule.peer, Peer::Cidr(range) if range.prefix_len() == 0);
            let who = if world { ", to the whole internet" } else { "" };
            format!("opens the way for {}{who}", what_passes(rule))
        }
        Spec::Route(route) => {
            let way = match &route.target {
                Target::VpcPeeringConnection(peering) => peering.text(),
                Target::InternetGateway(gateway) => gateway.text(),
                Target::NatGateway(gateway) => gateway.text(),
                Target::Gateway(id) | Target::Other(id) => id.clone(),
            };
            format!("sends packets for {} to {way}", route.destination)
        }
        Spec::RolePolicy(policy) => format!("gives the role what `{}` allows", policy.name),
        Spec::RolePolicyAttachment(attachment) => format!("gives the role what {} allows", attachment.policy_arn),
        Spec::RouteTableAssociation(_) => "the subnet uses a route table that nobody asked for".into(),
        Spec::DhcpOptionsAssociation(association) => {
            format!("hosts of the VPC take their DNS servers from {}", association.dhcp_options.text())
        }
        _ => "nobody asked for it".into(),
    }
}

fn what_passes(rule: &SecurityGroupRule) -> String {
    let ports = match (rule.from_port, rule.to_port) {
        (Some(from), Some(to)) if from == to => format!(" {from}"),
        (Some(from), Some(to)) => format!(" {from}-{to}"),
        _ => String::new(),
    };
    let peer = match &rule.peer {
        Peer::Cidr(range) => range.to_string(),
        Peer::Group(group) => group.text(),
        Peer::PrefixList(id) => id.clone(),
    };
    let way = if rule.direction == Direction::Ingress { "from" } else { "to" };
    format!("{}{ports} {way} {peer}", rule.protocol)
}

fn changed(kind: Kind, field: &FieldDifference) -> String {
    match (kind, field.field.as_str()) {
        (_, "tags.breezeway:lab" | "tags.breezeway:address") => {
            "without this tag only its place shows whose it is".into()
        }
        (_, tag) if tag.starts_with("tags.") => "reports and policies that go by this tag miss it".into(),
        (Kind::Vpc, "dns_support") => "names don't resolve inside the VPC".into(),
        (Kind::Vpc, "dns_hostnames") => "private DNS names of endpoints don't work".into(),
        (Kind::Subnet, "public") if field.actual == Value::Bool(true) => {
            "what starts in this subnet gets a public address".into()
        }
        (Kind::Subnet, "public") => "what starts in this subnet gets no public address".into(),
        (Kind::Route, "target") => "packets go another way than planned, or none".into(),
        (Kind::RouteTableAssociation, _) => "the subnet uses another route table than planned".into(),
        (Kind::SecurityGroupRule, "description") => {
            "nothing passes that shouldn't; only the description differs".into()
        }
        (Kind::SecurityGroupRule, _) => "lets pass something else than planned".into(),
        (Kind::InternetGateway, "vpc") => "the public subnets have no way to the internet".into(),
        (Kind::InterfaceEndpoint, "private_dns") if field.actual == Value::Bool(false) => {
            "the service's names are answered with public addresses again".into()
        }
        (Kind::InterfaceEndpoint | Kind::GatewayEndpoint, "policy") => {
            "the endpoint lets pass something else than planned".into()
        }
        (Kind::InterfaceEndpoint | Kind::ResolverEndpoint | Kind::Instance, "security_groups") => {
            "somebody else may reach it, or the right one may not".into()
        }
        (Kind::InterfaceEndpoint | Kind::ResolverEndpoint, "placements") => {
            "it is not at the addresses that others go by".into()
        }
        (Kind::GatewayEndpoint, "route_tables") => "some subnets reach the service another way, or not at all".into(),
        (Kind::DhcpOptionsAssociation, _) => "hosts take their DNS servers from another set than planned".into(),
        (Kind::Instance, "instance_profiles") => "the host may do something else in AWS than planned".into(),
        (Kind::Instance, "metadata") => "the host's credentials can be asked for in another way than planned".into(),
        (Kind::Instance, "user_data") => "the host was set up in another way than planned".into(),
        (Kind::Instance, "running") => "the host does not answer".into(),
        (Kind::Instance, "public") if field.actual == Value::Bool(true) => "the host has a public address".into(),
        (Kind::Instance, "termination_protection") => "whoever terminates the host must take this off first".into(),
        (Kind::InstanceProfile, "role") => "hosts act in another role, or in none".into(),
        (Kind::VpcPeeringConnection, "accepted") => "no packet passes until it is accepted".into(),
        (Kind::Role, "trust") => "somebody else may act in this role, or the right one may not".into(),
        (Kind::RolePolicy, "document") => "the role may do something else than planned".into(),
        _ => "it is not what the plan asks for".into(),
    }
}
