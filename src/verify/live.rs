//! What a survey found, as the evaluators take it. Resources are named by id, and address where they have one.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use crate::engine::holdings::Holdings;
use crate::model::bind;
use crate::model::names::{self, DnsServer, Forwarder, Names, PrivateZone, Server};
use crate::model::network::{self, Interface, Network, Protocol, Traffic};
use crate::resource::dhcp_options::DhcpOptions;
use crate::resource::instance::Instance;
use crate::resource::interface_endpoint::{InterfaceEndpoint, Placement};
use crate::resource::network_acl::Entry;
use crate::resource::route::{Route, Target};
use crate::resource::security_group::SecurityGroup;
use crate::resource::security_group_rule::{Direction, Peer, SecurityGroupRule};
use crate::resource::{Observed, Readiness, Ref, Set, Spec};
use crate::survey::Survey;

/// Names and network as they are, and what the survey leaves open.
#[derive(Debug, Default)]
pub struct Live {
    /// Who answers what.
    pub names: Names,
    /// Which packets pass.
    pub network: Network,
    /// What had to be known of names and isn't, a sentence each.
    pub unknown_names: Vec<String>,
    /// What had to be known of the network and isn't.
    pub unknown_network: Vec<String>,
}

/// What resources are called in sentences.
pub struct Labels<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Labels<'a> {
    /// The labels of what the lab holds.
    pub fn of(holdings: &'a Holdings<'_>) -> Self {
        Self(holdings.held.iter().map(|(address, held)| (held.observed.id.as_str(), address.as_str())).collect())
    }

    /// `rtb-1 (onprem/route-table/public)`, or the id alone.
    pub fn label(&self, id: &str) -> String {
        self.0.get(id).map_or_else(|| id.to_owned(), |address| format!("{id} ({address})"))
    }

    fn of_ref<T>(&self, reference: &Ref<T>) -> String {
        self.label(&reference.text())
    }

    fn of_refs<T>(&self, references: &Set<Ref<T>>) -> Vec<String> {
        references.iter().map(|reference| self.of_ref(reference)).collect()
    }
}

impl Live {
    /// Reads a survey.
    pub fn read(survey: &Survey, labels: &Labels<'_>) -> Self {
        let mut live = Live::default();
        let all: Vec<&Observed> = survey.live().collect();
        for observed in &all {
            live.add(observed, labels);
        }
        for observed in &all {
            live.add_to_others(observed, &all, labels);
        }
        live
    }

    /// What stands by itself.
    fn add(&mut self, observed: &Observed, labels: &Labels<'_>) {
        let label = labels.label(&observed.id);
        match &observed.spec {
            Spec::Vpc(vpc) => {
                self.network.vpcs.insert(label.clone(), vec![vpc.cidr]);
                let names = names::Vpc {
                    cidr: vpc.cidr,
                    dns_support: vpc.dns_support == Some(true),
                    dns_hostnames: vpc.dns_hostnames == Some(true),
                    dhcp_options: "AWS's own set of DHCP options".to_owned(),
                    dns_servers: vec![DnsServer::AmazonProvided],
                    private_zones: Vec::new(),
                    rules: Vec::new(),
                };
                self.names.vpcs.insert(label, names);
            }
            Spec::Subnet(subnet) => {
                let vpc = labels.of_ref(&subnet.vpc);
                self.network
                    .subnets
                    .insert(label, network::Subnet { vpc, cidr: subnet.cidr, route_table: None, acl: None });
            }
            Spec::RouteTable(_) => {
                self.network.route_tables.entry(label).or_default();
            }
            Spec::Route(route) => {
                let table = self.network.route_tables.entry(labels.of_ref(&route.route_table)).or_default();
                table.extend(read_route(route, observed, labels));
            }
            Spec::VpcPeeringConnection(peering) => {
                let (requester, accepter) = (labels.of_ref(&peering.requester), labels.of_ref(&peering.accepter));
                let active = peering.accepted && observed.readiness == Readiness::Ready;
                self.network.peerings.insert(label, network::Peering { requester, accepter, active });
            }
            Spec::InternetGateway(gateway) => {
                let attached = gateway.vpc.as_ref().map(|vpc| labels.of_ref(vpc));
                self.network.internet_gateways.extend(attached.map(|vpc| (label, vpc)));
            }
            Spec::SecurityGroup(_) => {
                self.network.groups.entry(label).or_default();
            }
            Spec::SecurityGroupRule(rule) => {
                let group = self.network.groups.entry(labels.of_ref(&rule.group)).or_default();
                group.extend(read_rule(rule, labels));
            }
            Spec::InterfaceEndpoint(endpoint) => {
                self.add_interfaces(&label, &endpoint.placements, &endpoint.security_groups, labels);
            }
            Spec::ResolverEndpoint(endpoint) => {
                self.add_interfaces(&label, &endpoint.placements, &endpoint.security_groups, labels);
                let speaks = endpoint.protocols.iter().any(|protocol| protocol == "Do53");
                let silent = (!speaks).then(|| "doesn't answer plain DNS".to_owned());
                let unusable = not_ready(observed).or(silent);
                let vpc = labels.of_ref(&endpoint.vpc);
                for address in addresses(&endpoint.placements).filter(|_| endpoint.direction == "INBOUND") {
                    let (name, vpc, unusable) = (label.clone(), vpc.clone(), unusable.clone());
                    self.names.servers.insert(address, Server::InboundEndpoint { name, vpc, unusable });
                }
            }
            Spec::Instance(instance) => {
                let interface = Interface {
                    name: label,
                    subnet: labels.of_ref(&instance.subnet),
                    groups: labels.of_refs(&instance.security_groups),
                    public: observed.output("public_ip").and_then(|address| address.parse().ok()),
                };
                self.network.interfaces.insert(instance.private_address, interface);
            }
            _ => {}
        }
    }

    /// What says something of what [`Live::add`] added.
    fn add_to_others(&mut self, observed: &Observed, all: &[&Observed], labels: &Labels<'_>) {
        match &observed.spec {
            Spec::RouteTableAssociation(association) => {
                if let Some(subnet) = self.network.subnets.get_mut(&labels.of_ref(&association.subnet)) {
                    let table = labels.of_ref(&association.route_table);
                    // Of main tables the survey shows no routes.
                    if self.network.route_tables.contains_key(&table) {
                        subnet.route_table = Some(table);
                    }
                }
            }
            Spec::DhcpOptionsAssociation(association) => {
                let id = association.dhcp_options.text();
                let options = all.iter().find_map(|other| match &other.spec {
                    Spec::DhcpOptions(options) if other.id == id => Some(options),
                    _ => None,
                });
                let label = labels.label(&id);
                if options.is_none() {
                    self.unknown_names.push(format!("what the DHCP options {label} say could not be read"));
                }
                if let Some(vpc) = self.names.vpcs.get_mut(&labels.of_ref(&association.vpc)) {
                    vpc.dns_servers = options.map(dns_servers).unwrap_or_default();
                    vpc.dhcp_options = label;
                }
            }
            Spec::InterfaceEndpoint(endpoint) if endpoint.private_dns => {
                if let Some(vpc) = self.names.vpcs.get_mut(&labels.of_ref(&endpoint.vpc)) {
                    vpc.private_zones.extend(private_zones(endpoint, observed, labels));
                }
            }
            Spec::NetworkAcl(acl) => {
                let label = labels.label(&observed.id);
                self.network.acls.insert(label.clone(), acl.entries.iter().filter_map(read_entry).collect());
                for subnet in labels.of_refs(&acl.subnets) {
                    if let Some(subnet) = self.network.subnets.get_mut(&subnet) {
                        subnet.acl = Some(label.clone());
                    }
                }
            }
            Spec::Instance(instance) => self.add_name_server(instance, observed, all, labels),
            _ => {}
        }
    }

    fn add_interfaces(
        &mut self,
        name: &str,
        placements: &Set<Placement>,
        groups: &Set<Ref<SecurityGroup>>,
        labels: &Labels<'_>,
    ) {
        for placement in placements.iter() {
            let Some(address) = placement.address else {
                self.unknown_network.push(format!("which addresses {name} has could not be read"));
                continue;
            };
            let (name, subnet) = (name.to_owned(), labels.of_ref(&placement.subnet));
            let interface = Interface { name, subnet, groups: labels.of_refs(groups), public: None };
            self.network.interfaces.insert(address, interface);
        }
    }

    /// The DNS server that an instance's user data sets up, if it does.
    fn add_name_server(&mut self, instance: &Instance, observed: &Observed, all: &[&Observed], labels: &Labels<'_>) {
        let Some(text) = instance.user_data.as_deref().and_then(bind::named_conf) else { return };
        let name = labels.label(&observed.id);
        let subnet_id = instance.subnet.text();
        let range = all.iter().find_map(|other| match &other.spec {
            Spec::Subnet(subnet) if other.id == subnet_id => Some(subnet.cidr),
            _ => None,
        });
        let network = range.unwrap_or_else(|| instance.private_address.into());
        let vpc = self.network.subnets.get(&labels.label(&subnet_id)).map(|subnet| subnet.vpc.clone());
        let stopped = (!instance.running).then(|| format!("is {}", observed.state));
        let mut forwarder = Forwarder {
            name,
            vpc: vpc.unwrap_or_default(),
            unusable: not_ready(observed).or(stopped),
            clients: Vec::new(),
            recursive_clients: Vec::new(),
            zones: BTreeMap::new(),
            upstream: names::Upstream::default(),
        };
        match bind::read(&text, network) {
            Ok(config) => {
                if !names::admits(&config.listen_on, instance.private_address) {
                    forwarder.unusable.get_or_insert_with(|| "doesn't listen there".to_owned());
                }
                forwarder.clients = config.allow_query;
                forwarder.recursive_clients = config.allow_recursion;
                forwarder.zones = config.zones;
                forwarder.upstream = config.upstream;
            }
            Err(why) => {
                forwarder.unusable = Some(format!("has a configuration that BIND refuses: {why}"));
            }
        }
        self.names.servers.insert(instance.private_address, Server::Forwarder(forwarder));
    }
}

/// The addresses of an endpoint's network interfaces.
pub fn addresses(placements: &Set<Placement>) -> impl Iterator<Item = Ipv4Addr> {
    placements.iter().filter_map(|placement| placement.address)
}

fn not_ready(observed: &Observed) -> Option<String> {
    (observed.readiness != Readiness::Ready).then(|| format!("is {}", observed.state))
}

fn private_zones(endpoint: &InterfaceEndpoint, observed: &Observed, labels: &Labels<'_>) -> Vec<PrivateZone> {
    let private_names = observed.output("private_dns_names").unwrap_or_default().split(',');
    let private_names = private_names.filter(|name| !name.is_empty());
    let addresses = addresses(&endpoint.placements).collect();
    names::endpoint_zones(&labels.label(&observed.id), private_names, &addresses, not_ready(observed))
}

fn dns_servers(options: &DhcpOptions) -> Vec<DnsServer> {
    let named = options.options.get("domain-name-servers").map(Vec::as_slice).unwrap_or_default();
    let server = |text: &String| match text.as_str() {
        "AmazonProvidedDNS" => Some(DnsServer::AmazonProvided),
        address => address.parse().ok().map(DnsServer::Address),
    };
    named.iter().filter_map(server).collect()
}

/// A route to IPv4 addresses; others lead nowhere that is asked about.
fn read_route(route: &Route, observed: &Observed, labels: &Labels<'_>) -> Option<network::Route> {
    let destination: Ipv4Net = route.destination.parse().ok()?;
    let target = match &route.target {
        Target::VpcPeeringConnection(peering) => network::Target::Peering(labels.of_ref(peering)),
        Target::InternetGateway(gateway) => network::Target::InternetGateway(labels.of_ref(gateway)),
        Target::NatGateway(gateway) => network::Target::NatGateway(labels.of_ref(gateway)),
        Target::Gateway(id) | Target::Other(id) => network::Target::Other(labels.label(id)),
    };
    Some(network::Route { destination, target, blackhole: observed.state == "blackhole" })
}

/// An entry about IPv4 addresses.
fn read_entry(entry: &Entry) -> Option<network::AclEntry> {
    let port = |port: i32| u16::try_from(port).ok();
    let ports = entry.ports.and_then(|(from, to)| Some((port(from)?, port(to)?))).unwrap_or((0, u16::MAX));
    let protocol = match entry.protocol.as_str() {
        "-1" => None,
        "6" => Some(Protocol::Tcp),
        "17" => Some(Protocol::Udp),
        _ => Some(Protocol::Other),
    };
    let Entry { number, egress, allow, .. } = *entry;
    let traffic = Traffic { protocol, ports };
    Some(network::AclEntry { number, egress, allow, traffic, cidr: entry.cidr.parse().ok()? })
}

/// A rule about IPv4 addresses. What a prefix list holds isn't known: it admits nobody.
fn read_rule(rule: &SecurityGroupRule, labels: &Labels<'_>) -> Option<network::Rule> {
    let peer = match &rule.peer {
        Peer::Cidr(IpNet::V4(range)) => network::Peer::Cidr(*range),
        Peer::Group(group) => network::Peer::Group(labels.of_ref(group)),
        Peer::Cidr(IpNet::V6(_)) | Peer::PrefixList(_) => return None,
    };
    let port = |port: Option<i32>, default| port.and_then(|port| u16::try_from(port).ok()).unwrap_or(default);
    let protocol = match rule.protocol.as_str() {
        "all" => None,
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        _ => Some(Protocol::Other),
    };
    let ports = (port(rule.from_port, 0), port(rule.to_port, u16::MAX));
    Some(network::Rule { egress: rule.direction == Direction::Egress, traffic: Traffic { protocol, ports }, peer })
}
