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
        [by_names, self.open_groups(), self.ways_out(), self.open_access(), self.open_portal()].concat()
    }

    /// Ways to the portal from outside, and past its authorizer.
    fn open_portal(&self) -> Vec<String> {
        let public = self.api().filter(|(_, api)| api.endpoint_type != "PRIVATE");
        let public = public.map(|(observed, api)| {
            format!("the API {} is {}: it can be called from the internet", self.label(observed), api.endpoint_type)
        });
        public.into_iter().chain(self.open_methods()).chain(self.open_functions()).collect()
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use insta::assert_snapshot;

    use super::super::testing::server;
    use super::*;
    use crate::resource::internet_gateway::InternetGateway;
    use crate::resource::{Ref, security_group_rule};

    #[test]
    fn a_public_dns_server_beside_the_private_ones_leaks_in_any_order() {
        let lists: [&[&str]; 3] = [&["8.8.8.8"], &["192.168.10.10", "8.8.8.8"], &["8.8.8.8", "192.168.10.10"]];
        for servers in lists {
            let lab = server().but(|survey| {
                if let Spec::DhcpOptions(set) = &mut survey.at("onprem/dhcp-options").spec {
                    let servers = servers.iter().map(|&server| server.to_owned()).collect();
                    set.options.insert("domain-name-servers".into(), servers);
                }
            });
            let found = lab.verify();
            assert_eq!(lab.holds(), "3 no, 4 yes, 9 no, 11 yes", "{servers:?}");
            let leaks =
                "the DNS server at 8.8.8.8 answers d-abcdefghijkl.studio.eu-west-1.sagemaker.aws as on the internet";
            assert!(found.leaks.iter().any(|leak| leak.starts_with(leaks)), "{servers:?}: {found:#?}");
        }
        let closed = server().without("onprem/internet-gateway").but(|survey| {
            if let Spec::DhcpOptions(set) = &mut survey.at("onprem/dhcp-options").spec {
                set.options.insert("domain-name-servers".into(), vec!["8.8.8.8".into(), "192.168.10.10".into()]);
            }
        });
        assert_eq!(closed.holds(), "3 yes, 4 yes, 9 yes, 11 yes", "nobody gets there");
    }

    #[test]
    fn another_network_that_is_peered_with_the_studio_vpc_is_a_leak_once_a_route_leads_there() {
        let third = server().but(|survey| {
            survey.copy("peering", "pcx-9", |copy| {
                copy.tags.clear();
                if let Spec::VpcPeeringConnection(peering) = &mut copy.spec {
                    peering.accepter = Ref::known("vpc-third");
                }
            });
        });
        assert_eq!(third.verify().leaks, [""; 0]);
        let routed = third.but(|survey| {
            let (route_table, destination) = (Ref::known("id:studio/route-table/private"), "10.99.0.0/16".to_owned());
            let target = Target::VpcPeeringConnection(Ref::known("pcx-9"));
            let route = Route { route_table, destination, target };
            survey.found.push(Observed::standing("route", BTreeMap::new(), route));
        });
        assert_snapshot!(routed.told(), @"
        3 yes, 4 yes, 9 yes, 11 yes
        leak: the peering pcx-9 joins the Studio VPC with vpc-third, and the route table studio/route-table/private sends 10.99.0.0/16 there
        ");
    }

    #[test]
    fn halves_of_the_internet_are_all_of_it() {
        let rule = "studio/security-group/endpoints/rule/tcp-443-from-192.168.10.0/24";
        let admit = |ranges: &[&str]| {
            let lab = server().but(|survey| {
                for range in ranges {
                    survey.copy(rule, range, |copy| {
                        copy.tags.clear();
                        if let Spec::SecurityGroupRule(rule) = &mut copy.spec {
                            rule.peer = security_group_rule::Peer::Cidr(range.parse().unwrap());
                        }
                    });
                }
            });
            lab.verify().leaks.iter().map(|leak| lab.short(leak)).collect::<Vec<_>>()
        };
        let group = "the group studio/security-group/endpoints lets tcp 443 in from";
        assert_eq!(admit(&["0.0.0.0/1", "128.0.0.0/1"]), [format!("{group} 0.0.0.0/0: from everywhere")]);
        assert_eq!(admit(&["8.8.0.0/16"]), [format!("{group} 8.8.0.0/16: from the internet")]);
        assert_eq!(admit(&["10.0.0.0/8"]), [""; 0]);
    }

    #[test]
    fn ways_to_the_internet_and_open_groups_are_leaks() {
        let open = server().but(|survey| {
            let gateway = InternetGateway { vpc: Some(Ref::known("id:studio/vpc")) };
            survey.found.push(Observed::standing("igw-1", BTreeMap::new(), gateway));
            let route = Route {
                route_table: Ref::known("id:studio/route-table/private"),
                destination: "0.0.0.0/0".into(),
                target: Target::InternetGateway(Ref::known("igw-1")),
            };
            survey.found.push(Observed::standing("route", BTreeMap::new(), route));
            let rule = "studio/security-group/endpoints/rule/tcp-443-from-192.168.10.0/24";
            survey.copy(rule, "sgr-1", |copy| {
                copy.tags.clear();
                if let Spec::SecurityGroupRule(rule) = &mut copy.spec {
                    rule.peer = security_group_rule::Peer::Cidr("0.0.0.0/0".parse().unwrap());
                }
            });
        });
        assert_snapshot!(open.told(), @"
        3 yes, 4 yes, 9 yes, 11 yes
        leak: the group studio/security-group/endpoints lets tcp 443 in from 0.0.0.0/0: from everywhere
        leak: the internet gateway igw-1 is attached to the Studio VPC
        leak: the route table studio/route-table/private sends 0.0.0.0/0 out of the Studio VPC
        ");
    }
}
