//! Ways past the private one.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::model::names::{self, Answer, DnsServer};
use crate::plan::DnsMode;
use crate::resource::route::{Route, Target};
use crate::resource::security_group_rule::{Direction, Peer};
use crate::resource::{Address, Observed, Spec};

use super::{Lab, STUDIO_VPC};

impl Lab<'_> {
    /// Everything that the survey proves to be open.
    pub(super) fn leaks(&self) -> Vec<String> {
        [self.public_answers(), self.open_groups(), self.ways_out()].concat()
    }

    /// Each server that DHCP names is asked by itself: any of them may be asked when another is slow.
    fn public_answers(&self) -> Vec<String> {
        let mut found = BTreeSet::new();
        let forwarded = self.doors.iter().filter(|_| self.plan.dns.mode != DnsMode::Off);
        for name in forwarded.filter_map(|door| door.name.as_deref()) {
            for host in &self.hosts {
                let servers = self.live.names.vpcs.get(&host.client.vpc).map(|vpc| vpc.dns_servers.as_slice());
                for server in servers.unwrap_or_default() {
                    let pass = |from, to| self.live.network.dns_passes(from, to);
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

    /// Rules that admit everybody, in groups of the lab or of what stands in it.
    fn open_groups(&self) -> Vec<String> {
        let mut found = Vec::new();
        for observed in self.survey.live() {
            let Spec::SecurityGroupRule(rule) = &observed.spec else { continue };
            let Peer::Cidr(range) = &rule.peer else { continue };
            if rule.direction != Direction::Ingress || range.prefix_len() != 0 {
                continue;
            }
            let group = self.labels.label(&rule.group.text());
            let ports = match (rule.from_port, rule.to_port) {
                (Some(from), Some(to)) if from == to => format!(" {from}"),
                (Some(from), Some(to)) => format!(" {from}-{to}"),
                _ => String::new(),
            };
            found.push(format!("the group {group} lets {}{ports} in from {range}: from everywhere", rule.protocol));
        }
        found
    }

    /// Whatever leads from the Studio VPC to the internet.
    fn ways_out(&self) -> Vec<String> {
        let Some(studio) = self.holdings.held.get(&Address::from(STUDIO_VPC)).map(|held| held.observed) else {
            return Vec::new();
        };
        self.survey.live().filter_map(|observed| self.way_out(observed, studio)).collect()
    }

    fn way_out(&self, observed: &Observed, studio: &Observed) -> Option<String> {
        let label = self.labels.label(&observed.id);
        let inside = |id: &str| {
            let parent = self.survey.live().find(|other| other.id == id)?;
            let fields = parent.spec.fields();
            Some(fields.get("vpc")?.as_str()? == studio.id)
        };
        match &observed.spec {
            Spec::InternetGateway(gateway) if gateway.vpc.as_ref()?.text() == studio.id => {
                Some(format!("the internet gateway {label} is attached to the Studio VPC"))
            }
            Spec::NatGateway(gateway) if inside(&gateway.subnet.text())? => {
                Some(format!("the NAT gateway {label} stands in the Studio VPC"))
            }
            Spec::Route(route) if inside(&route.route_table.text())? && leads_out(route) => {
                let table = self.labels.label(&route.route_table.text());
                Some(format!("the route table {table} sends {} out of the Studio VPC", route.destination))
            }
            Spec::Instance(instance) if inside(&instance.subnet.text())? && instance.public => {
                Some(format!("the instance {label} in the Studio VPC has a public address"))
            }
            _ => None,
        }
    }
}

fn leads_out(route: &Route) -> bool {
    let everywhere = route.destination.parse::<IpNet>().is_ok_and(|range| range.prefix_len() == 0);
    everywhere
        || match &route.target {
            Target::InternetGateway(_) | Target::NatGateway(_) => true,
            Target::Other(id) => id.starts_with("eigw-"),
            Target::VpcPeeringConnection(_) | Target::Gateway(_) => false,
        }
}
