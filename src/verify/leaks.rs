//! Ways past the private one.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::model::names::{self, Answer, DnsServer};
use crate::model::network::is_public;
use crate::plan::DnsMode;
use crate::resource::route::{Route, Target};
use crate::resource::security_group_rule::{Direction, Peer, SecurityGroupRule};
use crate::resource::vpc_peering_connection::VpcPeeringConnection;
use crate::resource::{Address, Kind, Observed, Spec};

use super::{Lab, ONPREM_VPC, STUDIO_VPC};

impl Lab<'_> {
    /// Everything that the survey proves to be open.
    pub(super) fn leaks(&self) -> Vec<String> {
        let by_names = [self.public_answers(), self.live.forward_first.clone()].concat();
        [by_names, self.open_groups(), self.ways_out(), self.open_access()].concat()
    }

    /// Each server that DHCP names is asked by itself: any of them may be asked when another is slow.
    fn public_answers(&self) -> Vec<String> {
        let mut found = BTreeSet::new();
        let forwarded = self.doors.iter().filter(|_| self.plan.dns.mode != DnsMode::Off);
        for name in forwarded.flat_map(|door| &door.names) {
            for host in &self.hosts {
                let servers = self.live.names.vpcs.get(&host.client.vpc).map(|vpc| vpc.dns_servers.as_slice());
                for server in servers.unwrap_or_default() {
                    let pass = |from, to| self.live.dns_passes(from, to);
                    if names::ask(&self.live.names, &host.client, *server, name, &pass).answer == Answer::Public {
                        let server = match server {
                            DnsServer::AmazonProvided => format!("the resolver of {}", host.client.vpc),
                            DnsServer::Address(address) => format!("the DNS server at {address}"),
                        };
                        found.insert(format!("{server} answers {name} as on the internet, with a public address"));
                    }
                }
            }
        }
        found.into_iter().collect()
    }

    /// Rules that admit the internet or parts of it, in groups of the lab or of what stands in it: all but those parts
    /// that the plan admits.
    fn open_groups(&self) -> Vec<String> {
        let planned: Vec<_> = self.blueprint.iter().filter_map(|desired| self.planned_rule(desired)).collect();
        let mut open: BTreeMap<(String, String), Vec<IpNet>> = BTreeMap::new();
        for observed in self.survey.everything() {
            let Spec::SecurityGroupRule(rule) = &observed.spec else { continue };
            let Peer::Cidr(range) = rule.peer else { continue };
            let asked_for = range.prefix_len() > 0 && planned.iter().any(|planned| covers(planned, rule));
            if rule.direction == Direction::Ingress && self.is_outside(range) && !asked_for {
                let group = self.labels.label(&rule.group.text());
                open.entry((group, rule.traffic())).or_default().push(range);
            }
        }
        let mut found = Vec::new();
        for ((group, traffic), ranges) in open {
            for range in IpNet::aggregate(&ranges) {
                let who = if range.prefix_len() == 0 { "from everywhere" } else { "from the internet" };
                found.push(format!("the group {group} lets {traffic} in from {range}: {who}"));
            }
        }
        found
    }

    /// A rule that the plan asks for, in the group that stands.
    fn planned_rule(&self, desired: &crate::blueprint::Desired) -> Option<SecurityGroupRule> {
        let kind = Kind::SecurityGroupRule;
        let fields = (desired.kind() == kind).then(|| self.holdings.resolved(desired))?;
        match Spec::from_fields(kind, fields).ok()? {
            Spec::SecurityGroupRule(rule) => Some(rule),
            _ => None,
        }
    }

    /// Whether a range has addresses outside of private networks and of those of the plan.
    fn is_outside(&self, range: IpNet) -> bool {
        let of_plan = [self.plan.onprem.cidr, self.plan.studio.cidr].map(IpNet::V4);
        is_public(range) && !of_plan.iter().any(|own| own.contains(&range))
    }

    /// Whatever leads from the Studio VPC to the internet, or to a network that isn't the corporate one.
    fn ways_out(&self) -> Vec<String> {
        let Some(studio) = self.holdings.held.get(&Address::from(STUDIO_VPC)).map(|held| held.observed) else {
            return Vec::new();
        };
        self.survey.everything().filter_map(|observed| self.way_out(observed, studio)).collect()
    }

    fn way_out(&self, observed: &Observed, studio: &Observed) -> Option<String> {
        let label = self.labels.label(&observed.id);
        match &observed.spec {
            Spec::InternetGateway(gateway) if gateway.vpc.as_ref()?.text() == studio.id => {
                Some(format!("the internet gateway {label} is attached to the Studio VPC"))
            }
            Spec::NatGateway(gateway) if self.is_inside(&gateway.subnet.text(), studio) => {
                Some(format!("the NAT gateway {label} stands in the Studio VPC"))
            }
            Spec::Route(route) if self.is_inside(&route.route_table.text(), studio) && self.leads_out(route) => {
                let table = self.labels.label(&route.route_table.text());
                Some(format!("the route table {table} sends {} out of the Studio VPC", route.destination))
            }
            Spec::Instance(instance) if self.is_inside(&instance.subnet.text(), studio) && instance.public => {
                Some(format!("the instance {label} in the Studio VPC has a public address"))
            }
            Spec::VpcPeeringConnection(peering) => self.other_network(&observed.id, peering, studio),
            _ => None,
        }
    }

    /// A peering of the Studio VPC with another network than the corporate one, to which a route leads.
    fn other_network(&self, id: &str, peering: &VpcPeeringConnection, studio: &Observed) -> Option<String> {
        let ends = [peering.requester.text(), peering.accepter.text()];
        let other = ends.iter().find(|end| **end != studio.id).filter(|_| ends.contains(&studio.id))?;
        let onprem = self.holdings.held.get(&Address::from(ONPREM_VPC));
        if !peering.accepted || onprem.is_some_and(|held| held.observed.id == *other) {
            return None;
        }
        let route = self.survey.everything().find_map(|observed| match &observed.spec {
            Spec::Route(route) if matches!(&route.target, Target::VpcPeeringConnection(way) if way.text() == id) => {
                self.is_inside(&route.route_table.text(), studio).then_some(route)
            }
            _ => None,
        })?;
        let (table, label) = (self.labels.label(&route.route_table.text()), self.labels.label(id));
        Some(format!(
            "the peering {label} joins the Studio VPC with {other}, and the route table {table} sends {} there",
            route.destination
        ))
    }

    fn is_inside(&self, id: &str, vpc: &Observed) -> bool {
        let parent = self.survey.everything().find(|other| other.id == id);
        let fields = parent.map(|parent| parent.spec.fields()).unwrap_or_default();
        fields.get("vpc").and_then(|of| of.as_str()) == Some(vpc.id.as_str())
    }

    fn leads_out(&self, route: &Route) -> bool {
        route.destination.parse::<IpNet>().is_ok_and(|range| self.is_outside(range))
            || match &route.target {
                Target::InternetGateway(_) | Target::NatGateway(_) => true,
                Target::Other(id) => id.starts_with("eigw-"),
                Target::VpcPeeringConnection(_) | Target::Gateway(_) => false,
            }
    }
}

/// Whether a rule that is asked for lets pass all that another does.
fn covers(planned: &SecurityGroupRule, rule: &SecurityGroupRule) -> bool {
    let within = match (&planned.peer, &rule.peer) {
        (Peer::Cidr(planned), Peer::Cidr(range)) => planned.contains(range),
        _ => false,
    };
    let ports = planned.from_port <= rule.from_port && rule.to_port <= planned.to_port;
    let traffic = planned.protocol == "all" || planned.protocol == rule.protocol && ports;
    planned.group == rule.group && planned.direction == rule.direction && within && traffic
}
