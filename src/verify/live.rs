//! What a survey found, as the evaluators take it. Resources are named by id, and address where they have one.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use crate::blueprint::Blueprint;
use crate::engine::holdings::Holdings;
use crate::model::bind;
use crate::model::names::{self, DnsServer, Forwarder, Names, PrivateZone, Rule, RuleAction, Server, Zone};
use crate::model::network::{self, Interface, Network, Obstacle, Protocol, Traffic};
use crate::resource::dhcp_options::DhcpOptions;
use crate::resource::hosted_zone::{HostedZone, RECORDS};
use crate::resource::instance::Instance;
use crate::resource::interface_endpoint::{InterfaceEndpoint, Placement};
use crate::resource::network_acl::Entry;
use crate::resource::record_set::RecordSet;
use crate::resource::resolver_rule_association::ResolverRuleAssociation;
use crate::resource::route::{Route, Target};
use crate::resource::security_group::SecurityGroup;
use crate::resource::security_group_rule::{Direction, Peer, SecurityGroupRule};
use crate::resource::{Observed, Readiness, Ref, Set, Spec, route_table};
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
    /// Ranges in which something that nothing accounts for has an address, by its name.
    pub strangers: BTreeMap<String, Ipv4Net>,
    /// Zones of which a host's user data says that the internet is asked when the forwarders are silent.
    pub forward_first: Vec<String>,
    /// The main route table of each VPC.
    main_tables: BTreeMap<String, String>,
}

/// The user data that the plan gives to hosts of the lab, by their id. A host runs what it was first started with.
pub struct UserData<'a>(BTreeMap<&'a str, Option<String>>);

impl<'a> UserData<'a> {
    /// What the plan gives to the hosts that stand.
    pub fn planned(blueprint: &Blueprint, holdings: &Holdings<'a>) -> Self {
        let of_host = |(address, held): (&_, &crate::engine::holdings::Held<'a>)| match &blueprint.get(address)?.spec {
            Spec::Instance(instance) => Some((held.observed.id.as_str(), instance.user_data.clone())),
            _ => None,
        };
        Self(holdings.held.iter().filter_map(of_host).collect())
    }

    /// Why it can't be told what a host runs, if it can't.
    fn why_unknown(&self, observed: &Observed, instance: &Instance) -> Option<&'static str> {
        match self.0.get(observed.id.as_str()) {
            None => Some("it isn't one of the lab's hosts"),
            Some(_) if observed.unread.iter().any(|field| field == "user_data") => {
                Some("its user data could not be read")
            }
            Some(planned) if *planned != instance.user_data => {
                Some("its user data is not what the plan gives it, and it runs what it was first started with")
            }
            Some(_) => None,
        }
    }
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

    /// The labels of several.
    pub fn of_refs<T>(&self, references: &Set<Ref<T>>) -> Vec<String> {
        references.iter().map(|reference| self.of_ref(reference)).collect()
    }
}

impl Live {
    /// Reads a survey.
    pub fn read(survey: &Survey, labels: &Labels<'_>, user_data: &UserData<'_>) -> Self {
        let mut live = Live::default();
        let all: Vec<&Observed> = survey.everything().collect();
        for observed in &all {
            live.add(observed, labels);
        }
        for observed in &all {
            live.add_to_others(observed, &all, labels, user_data);
        }
        for subnet in live.network.subnets.values_mut().filter(|subnet| subnet.route_table.is_none()) {
            subnet.route_table = live.main_tables.get(&subnet.vpc).cloned();
        }
        let groups =
            live.network.interfaces.values().flat_map(|interface| {
                interface.groups.iter().map(|group| (group, &interface.name)).collect::<Vec<_>>()
            });
        let unread = groups.filter(|(group, _)| !live.network.groups.contains_key(*group));
        let unread: Vec<_> =
            unread.map(|(group, name)| format!("the group {group} of {name} could not be read")).collect();
        live.unknown_network.extend(unread);
        live
    }

    /// Whether DNS passes from one address to another.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn dns_passes(&self, from: Ipv4Addr, to: Ipv4Addr) -> Result<(), Obstacle> {
        let holds = |(_, range): &(&String, &Ipv4Net)| range.contains(&to);
        match self.strangers.iter().find(holds) {
            Some((name, _)) if !self.network.interfaces.contains_key(&to) => {
                Err(Obstacle::Unknown(format!("{to} may be an address of {name}, of which nothing is known")))
            }
            _ => self.network.dns_passes(from, to),
        }
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
            Spec::RouteTable(table) => {
                if route_table::is_main(observed) {
                    self.main_tables.insert(labels.of_ref(&table.vpc), label.clone());
                }
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
    fn add_to_others(&mut self, observed: &Observed, all: &[&Observed], labels: &Labels<'_>, user_data: &UserData<'_>) {
        match &observed.spec {
            Spec::RouteTableAssociation(association) => {
                if let Some(subnet) = self.network.subnets.get_mut(&labels.of_ref(&association.subnet)) {
                    subnet.route_table = Some(labels.of_ref(&association.route_table));
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
            Spec::HostedZone(zone) => {
                let served = hosted_zone(zone, observed, all, labels);
                for vpc in zone.vpcs.iter() {
                    if let Some(vpc) = self.names.vpcs.get_mut(&labels.of_ref(&vpc.vpc)) {
                        vpc.private_zones.push(served.clone());
                    }
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
            Spec::NetworkInterface(interface) => {
                let subnet = self.network.subnets.get(&labels.of_ref(&interface.subnet));
                self.strangers.extend(subnet.map(|subnet| (labels.label(&observed.id), subnet.cidr)));
            }
            Spec::ResolverRuleAssociation(association) => self.add_rule(association, observed, all, labels),
            Spec::Instance(instance) => self.add_name_server(instance, observed, all, labels, user_data),
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

    /// A resolver rule that holds in a VPC.
    fn add_rule(
        &mut self,
        association: &ResolverRuleAssociation,
        observed: &Observed,
        all: &[&Observed],
        labels: &Labels<'_>,
    ) {
        let ResolverRuleAssociation { vpc, rule, domain, rule_type, endpoint, targets } = association;
        let vpc = labels.of_ref(vpc);
        let Some(domain) = domain.clone() else {
            self.unknown_names.push(format!("what the rule {rule} of the resolver of {vpc} says could not be read"));
            return;
        };
        let from = all.iter().find_map(|other| match &other.spec {
            Spec::ResolverEndpoint(own) if endpoint.as_ref() == Some(&other.id) => {
                Some(addresses(&own.placements).filter(|_| other.readiness == Readiness::Ready).collect())
            }
            _ => None,
        });
        let to: Vec<Ipv4Addr> = targets.iter().filter_map(|target| target.parse().ok()).collect();
        let action = match (rule_type.as_deref(), from) {
            (Some("SYSTEM" | "RECURSIVE"), _) => RuleAction::System,
            (Some("FORWARD"), Some(from)) => RuleAction::Forward { from, to },
            (Some("FORWARD"), None) => {
                let endpoint = endpoint.as_deref().unwrap_or_default();
                RuleAction::Unknown(format!("it forwards from {endpoint}, of which nothing is known"))
            }
            (other, _) => RuleAction::Unknown(format!("it is of the type {}", other.unwrap_or("unknown"))),
        };
        let names = self.names.vpcs.get_mut(&vpc).filter(|_| !matches!(observed.readiness, Readiness::Failed(_)));
        if let Some(names) = names {
            names.rules.push(Rule { name: rule.clone(), domain, action });
        }
    }

    /// The DNS server that an instance is, if it is one.
    fn add_name_server(
        &mut self,
        instance: &Instance,
        observed: &Observed,
        all: &[&Observed],
        labels: &Labels<'_>,
        user_data: &UserData<'_>,
    ) {
        let name = labels.label(&observed.id);
        let why_unknown = user_data.why_unknown(observed, instance).filter(|_| instance.running);
        if let Some(why) = why_unknown {
            let unknown = Server::Unknown { name: name.clone(), why: why.to_owned() };
            self.names.servers.insert(instance.private_address, unknown);
        }
        let Some(text) = instance.user_data.as_deref().and_then(bind::named_conf) else { return };
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
        let config = bind::read(&text, network);
        if let Ok(config) = &config {
            self.forward_first.extend(forward_first(&forwarder.name, config));
        }
        if why_unknown.is_some() {
            return;
        }
        match config {
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

/// The zones that a DNS server would ask the internet for when its forwarders are silent, a sentence each.
fn forward_first<'a>(name: &'a str, config: &'a bind::Config) -> impl Iterator<Item = String> + 'a {
    config.zones.iter().filter_map(move |(zone, kind)| match kind {
        Zone::Forward(upstream) if !upstream.only => Some(format!(
            "the user data of {name} forwards {zone} first, not only: when nobody answers, the internet is asked"
        )),
        _ => None,
    })
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

/// A hosted zone as resolvers answer from it.
fn hosted_zone(zone: &HostedZone, observed: &Observed, all: &[&Observed], labels: &Labels<'_>) -> PrivateZone {
    let mut served = PrivateZone {
        owner: labels.label(&observed.id),
        zone: zone.name.clone(),
        records: BTreeMap::new(),
        cnames: BTreeMap::new(),
        unusable: not_ready(observed),
        unknown: observed.unread.iter().any(|field| field == RECORDS).then(|| "its records can't be read".to_owned()),
    };
    let sets: Vec<&RecordSet> = all
        .iter()
        .filter_map(|other| match &other.spec {
            Spec::RecordSet(set) if set.hosted_zone.text() == observed.id => Some(set),
            _ => None,
        })
        .collect();
    for set in &sets {
        match set.values.iter().next().filter(|_| set.record_type == "CNAME") {
            Some(target) => drop(served.cnames.insert(set.name.clone(), target.clone())),
            // A name that has other records only exists, without an address.
            None => served.records.entry(set.name.clone()).or_default().extend(record_addresses(set, &sets, all)),
        }
    }
    served
}

/// The addresses of a record set, its own or those of the endpoint or the records that it leads to.
fn record_addresses(set: &RecordSet, beside: &[&RecordSet], all: &[&Observed]) -> Vec<Ipv4Addr> {
    if set.record_type != "A" {
        return Vec::new();
    }
    let Some(target) = set.alias.as_ref().map(|alias| alias.name.text()) else {
        return set.values.iter().filter_map(|value| value.parse().ok()).collect();
    };
    let of_endpoint = all.iter().filter_map(|other| match &other.spec {
        Spec::InterfaceEndpoint(endpoint) if other.output("dns_name") == Some(&target) => Some(endpoint),
        _ => None,
    });
    let of_endpoint = of_endpoint.flat_map(|endpoint| addresses(&endpoint.placements));
    // One that leads to another alias isn't followed: no lab has any.
    let in_zone =
        beside.iter().filter(|other| other.name == target && other.record_type == "A" && other.alias.is_none());
    let in_zone = in_zone.flat_map(|other| other.values.iter().filter_map(|value| value.parse().ok()));
    of_endpoint.chain(in_zone).collect()
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
