//! What lookups depend on, as the evaluators take it: read from EC2's own state, and named by id.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ipnet::IpNet;
use serde::Serialize;
use serde_json::json;

use super::instance::{self, Instance};
use super::network_acl::{Entry, NetworkAcl};
use super::tags::Tags;
use super::vpc_endpoint::{EndpointType, State, VpcEndpoint};
use super::{Ec2, overlap, security_group, vpc, vpc_endpoint_service};
use crate::model::bind;
use crate::model::names::{self, DnsServer, Forwarder, Names, PrivateZone, Server};
use crate::model::network::{self, AclEntry, Interface, Network, Peer, Peering, Protocol, Route, Target, Traffic};
use crate::sandbox::world::Context;

/// A host that may ask.
pub struct Asker {
    /// The VPC it stands in.
    pub vpc_id: String,
    pub address: Ipv4Addr,
    /// Why it doesn't ask, if it doesn't.
    pub unable: Option<String>,
}

impl Ec2 {
    /// The tags of each VPC.
    pub fn vpc_tags(&self) -> impl Iterator<Item = (&String, &Tags)> {
        self.tags.iter().filter(|(id, _)| self.vpcs.contains_key(*id))
    }

    /// The instance with this id, if it is listed and has an address.
    pub fn asker(&self, instance_id: &str) -> Option<Asker> {
        let instance = self.instances.get(instance_id)?;
        let interface = self.network_interfaces.get(&self.primary_interface_id(instance_id)?)?;
        let (vpc_id, address) = (interface.vpc_id.clone(), interface.private_ip);
        Some(Asker { vpc_id, address, unable: why_silent(instance) })
    }

    /// The name of the service that an interface endpoint leads to, while it does.
    pub fn service_of_vpc_endpoint(&self, id: &str) -> Option<&str> {
        let endpoint = self.vpc_endpoints.get(id).filter(|endpoint| endpoint.is_interface())?;
        matches!(endpoint.state, State::Pending | State::Available).then_some(&endpoint.service_name)
    }

    /// The subnets of a VPC, by their ranges.
    pub fn subnets_of(&self, vpc_id: &str) -> Vec<&String> {
        let mut subnets: Vec<_> = self.subnets.iter().filter(|(_, subnet)| subnet.vpc_id == vpc_id).collect();
        subnets.sort_by_key(|(_, subnet)| subnet.cidr_block);
        subnets.into_iter().map(|(id, _)| id).collect()
    }

    /// A VPC, and those that peerings join to it, over others too. Of two whose ranges overlap only the nearer is in it.
    pub fn network_around(&self, vpc_id: &str) -> Network {
        let mut network = Network::default();
        let vpcs = self.vpcs_around(vpc_id);
        let is_near = |id: &str| vpcs.contains(id);
        for (id, vpc) in self.vpcs.iter().filter(|(id, _)| is_near(id)) {
            network.vpcs.insert(id.clone(), vec![vpc.cidr_block]);
        }
        for (id, subnet) in self.subnets.iter().filter(|(_, subnet)| is_near(&subnet.vpc_id)) {
            let route_table = self.table_of_subnet(&subnet.vpc_id, id).cloned();
            let acl = self.acl_of_subnet(subnet).cloned();
            let subnet = network::Subnet { vpc: subnet.vpc_id.clone(), cidr: subnet.cidr_block, route_table, acl };
            network.subnets.insert(id.clone(), subnet);
        }
        for (id, table) in self.route_tables.iter().filter(|(_, table)| is_near(&table.vpc_id)) {
            let routes = table.routes.iter();
            let routes = routes.filter_map(|(destination, target)| self.route(&table.vpc_id, destination, target));
            network.route_tables.insert(id.clone(), routes.collect());
        }
        for (id, peering) in &self.peerings {
            let [requester, accepter] = peering.vpc_ids().map(Clone::clone);
            network.peerings.insert(id.clone(), Peering { requester, accepter, active: peering.is_active() });
        }
        for (id, interface) in self.network_interfaces.iter().filter(|(_, interface)| is_near(&interface.vpc_id)) {
            let public = interface.association.as_ref().map(|association| association.public_ip);
            let (subnet, groups) = (interface.subnet_id.clone(), interface.group_ids.clone());
            let interface_of = Interface { name: self.holder_of_interface(id), subnet, groups, public };
            network.interfaces.insert(interface.private_ip, interface_of);
        }
        for (id, _) in self.security_groups.iter().filter(|(_, group)| is_near(&group.vpc_id)) {
            let rules = self.security_group_rules.values().filter(|rule| rule.group_id == *id);
            network.groups.insert(id.clone(), rules.filter_map(group_rule).collect());
        }
        for (id, acl) in self.network_acls.iter().filter(|(_, acl)| is_near(&acl.vpc_id)) {
            network.acls.insert(id.clone(), acl_entries(acl));
        }
        for (id, gateway) in &self.internet_gateways {
            network.internet_gateways.extend(gateway.vpc_id.clone().map(|vpc_id| (id.clone(), vpc_id)));
        }
        network
    }

    fn vpcs_around<'a>(&'a self, vpc_id: &'a str) -> BTreeSet<&'a str> {
        let mut found: Vec<(&str, &vpc::Vpc)> = self.vpcs.get(vpc_id).map(|vpc| (vpc_id, vpc)).into_iter().collect();
        let mut looked_at = 0;
        while let Some((here, _)) = found.get(looked_at).copied() {
            looked_at += 1;
            let peerings = self.peerings.values().filter(|peering| !peering.has_ended() && peering.joins(here));
            for other in peerings.flat_map(|peering| peering.vpc_ids()) {
                let Some(vpc) = self.vpcs.get(other) else { continue };
                if !found.iter().any(|(_, nearer)| overlap(nearer.cidr_block, vpc.cidr_block)) {
                    found.push((other, vpc));
                }
            }
        }
        found.into_iter().map(|(id, _)| id).collect()
    }

    fn route(&self, vpc_id: &str, destination: &IpNet, target: &str) -> Option<Route> {
        let IpNet::V4(destination) = *destination else { return None };
        let id = target.to_owned();
        let blackhole = self.is_blackhole(vpc_id, target);
        let target = match target.split('-').next() {
            Some("pcx") => Target::Peering(id),
            Some("igw") => Target::InternetGateway(id),
            Some("nat") => Target::NatGateway(id),
            _ => Target::Other(id),
        };
        Some(Route { destination, target, blackhole })
    }

    /// The instance or endpoint that has an interface, or else the interface.
    fn holder_of_interface(&self, id: &str) -> String {
        let attachment = self.network_interfaces.get(id).and_then(|interface| interface.attachment.as_ref());
        let instance = attachment.and_then(|attachment| attachment.instance_id.as_ref());
        let has_it = |endpoint: &VpcEndpoint| endpoint.network_interfaces.values().any(|own| own == id);
        let endpoint = || self.vpc_endpoints.iter().find(|(_, endpoint)| has_it(endpoint)).map(|(id, _)| id);
        instance.or_else(endpoint).map_or_else(|| id.to_owned(), Clone::clone)
    }

    /// What the VPCs of a network say of names, and the DNS servers on hosts there.
    pub fn names(&self, context: &Context<'_>, network: &Network) -> Names {
        let mut names = Names::default();
        for (id, vpc) in self.vpcs.iter().filter(|(id, _)| network.vpcs.contains_key(*id)) {
            let own = self.dhcp_options.get(&vpc.dhcp_options_id);
            let aws_own = || ("AWS's own set of DHCP options".to_owned(), vec![DnsServer::AmazonProvided]);
            let (dhcp_options, dns_servers) =
                own.map_or_else(aws_own, |set| (vpc.dhcp_options_id.clone(), dns_servers(&set.options)));
            let endpoints = self.vpc_endpoints.iter().filter(|(_, endpoint)| endpoint.vpc_id == *id);
            let zones = endpoints.flat_map(|(id, endpoint)| self.private_zones(context, id, endpoint));
            let names_of_vpc = names::Vpc {
                cidr: vpc.cidr_block,
                dns_support: vpc.enable_dns_support,
                dns_hostnames: vpc.enable_dns_hostnames,
                dhcp_options,
                dns_servers,
                private_zones: zones.collect(),
                rules: Vec::new(),
            };
            names.vpcs.insert(id.clone(), names_of_vpc);
        }
        for (id, instance) in &self.instances {
            let Some(asker) = self.asker(id).filter(|asker| names.vpcs.contains_key(&asker.vpc_id)) else { continue };
            let server = self.name_server(id, instance, &asker);
            names.servers.extend(server.map(|server| (asker.address, Server::Forwarder(server))));
        }
        names
    }

    /// The zones of an endpoint's private names.
    fn private_zones(&self, context: &Context<'_>, id: &str, endpoint: &VpcEndpoint) -> Vec<PrivateZone> {
        let service = vpc_endpoint_service::find(context, &endpoint.service_name, endpoint.endpoint_type);
        let Ok(service) = service else { return Vec::new() };
        // The hosts of the VPC go to such a service through its gateway.
        let for_hosts = endpoint.private_dns_enabled && !endpoint.private_dns_only_for_inbound_resolver_endpoint;
        if endpoint.has_ended() || !for_hosts {
            return Vec::new();
        }
        let unusable = (endpoint.state != State::Available).then(|| format!("is {}", word(endpoint.state)));
        let private_names = service.private_dns_names.iter().map(String::as_str);
        let private_names = private_names.flat_map(|name| name.strip_prefix("*.").into_iter().chain([name]));
        names::endpoint_zones(id, private_names, &self.addresses_of(endpoint, None), unusable)
    }

    /// The VPCs, each with the domains that its endpoints answer for there. An endpoint that is being deleted holds
    /// its names until it is gone.
    pub fn private_domains(&self, context: &Context<'_>) -> BTreeMap<String, BTreeSet<String>> {
        let mut domains: BTreeMap<_, BTreeSet<_>> = self.vpcs.keys().map(|id| (id.clone(), BTreeSet::new())).collect();
        let holding =
            self.vpc_endpoints.values().filter(|endpoint| endpoint.private_dns_enabled && !endpoint.has_ended());
        for endpoint in holding {
            let service = vpc_endpoint_service::find(context, &endpoint.service_name, endpoint.endpoint_type);
            let names = service.map(|service| service.private_dns_names).unwrap_or_default();
            let names = names.iter().map(|name| name.strip_prefix("*.").unwrap_or(name).to_owned());
            domains.entry(endpoint.vpc_id.clone()).or_default().extend(names);
        }
        domains
    }

    /// The addresses of an endpoint's interfaces, or of the one in a zone.
    fn addresses_of(&self, endpoint: &VpcEndpoint, zone: Option<&str>) -> BTreeSet<Ipv4Addr> {
        let zone_of = |subnet_id: &String| self.subnets.get(subnet_id).map(|subnet| subnet.availability_zone.as_str());
        let interfaces = endpoint.network_interfaces.iter();
        let interfaces = interfaces.filter(|(subnet_id, _)| zone.is_none() || zone_of(subnet_id) == zone);
        let interfaces = interfaces.filter_map(|(_, id)| self.network_interfaces.get(id));
        interfaces.map(|interface| interface.private_ip).collect()
    }

    /// An interface endpoint that leads to its service, and its addresses.
    pub fn addresses_of_endpoint(&self, id: &str) -> Option<(String, BTreeSet<Ipv4Addr>)> {
        self.service_of_vpc_endpoint(id)?;
        Some((id.to_owned(), self.addresses_of(self.vpc_endpoints.get(id)?, None)))
    }

    /// The endpoint that a name leads to which AWS publishes on the internet, and its private addresses.
    pub fn published(&self, context: &Context<'_>, name: &str) -> Option<(String, BTreeSet<Ipv4Addr>)> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        for (id, endpoint) in self.vpc_endpoints.iter().filter(|(_, endpoint)| endpoint.is_interface()) {
            let service = vpc_endpoint_service::find(context, &endpoint.service_name, EndpointType::Interface);
            let Ok(service) = service else { continue };
            let zones = endpoint.network_interfaces.keys().filter_map(|subnet| self.subnets.get(subnet));
            let zones = [None].into_iter().chain(zones.map(|subnet| Some(subnet.availability_zone.as_str())));
            for zone in zones {
                let published = endpoint.dns_name(id, zone, &service);
                let is_it = match published.strip_prefix("*.") {
                    Some(domain) => names::is_within(&name, domain),
                    None => name == published,
                };
                if is_it {
                    return Some((id.clone(), self.addresses_of(endpoint, zone)));
                }
            }
        }
        None
    }

    /// The DNS server that an instance's user data sets up, if it does.
    fn name_server(&self, id: &str, instance: &Instance, asker: &Asker) -> Option<Forwarder> {
        let user_data = String::from_utf8(BASE64.decode(instance.booted_with()).ok()?).ok()?;
        let text = bind::named_conf(&user_data)?;
        let mut server = Forwarder {
            name: id.to_owned(),
            vpc: asker.vpc_id.clone(),
            unusable: asker.unable.clone(),
            clients: Vec::new(),
            recursive_clients: Vec::new(),
            zones: Default::default(),
            upstream: names::Upstream::default(),
        };
        let interface = self.network_interfaces.get(&self.primary_interface_id(id)?)?;
        match bind::read(&text, self.subnets.get(&interface.subnet_id)?.cidr_block) {
            Ok(config) => {
                if !names::admits(&config.listen_on, asker.address) {
                    server.unusable.get_or_insert_with(|| "doesn't listen there".to_owned());
                }
                server.clients = config.allow_query;
                server.recursive_clients = config.allow_recursion;
                server.zones = config.zones;
                server.upstream = config.upstream;
            }
            Err(why) => server.unusable = Some(format!("has a configuration that BIND refuses: {why}")),
        }
        Some(server)
    }
}

fn why_silent(instance: &Instance) -> Option<String> {
    (instance.state != instance::State::Running).then(|| format!("is {}", word(instance.state)))
}

/// A state in AWS's word for it.
fn word(state: impl Serialize) -> String {
    json!(state).as_str().unwrap_or_default().to_owned()
}

fn dns_servers(options: &[(String, Vec<String>)]) -> Vec<DnsServer> {
    let named = options.iter().find(|(option, _)| option == "domain-name-servers");
    let server = |text: &String| match text.as_str() {
        "AmazonProvidedDNS" => Some(DnsServer::AmazonProvided),
        address => address.parse().ok().map(DnsServer::Address),
    };
    named.into_iter().flat_map(|(_, servers)| servers).filter_map(server).collect()
}

/// A rule about IPv4 addresses.
fn group_rule(rule: &security_group::Rule) -> Option<network::Rule> {
    let security_group::Permission { service, peer } = &rule.permission;
    let peer = match peer {
        security_group::Peer::Block(IpNet::V4(block)) => Peer::Cidr(*block),
        security_group::Peer::Block(IpNet::V6(_)) => return None,
        security_group::Peer::Group(id) => Peer::Group(id.clone()),
    };
    let traffic = match service.ip_protocol.as_str() {
        "-1" => Traffic::ALL,
        "tcp" => traffic(Protocol::Tcp, (service.from_port, service.to_port)),
        "udp" => traffic(Protocol::Udp, (service.from_port, service.to_port)),
        _ => Traffic { protocol: Some(Protocol::Other), ..Traffic::ALL },
    };
    Some(network::Rule { egress: rule.is_egress, traffic, peer })
}

fn acl_entries(acl: &NetworkAcl) -> Vec<AclEntry> {
    let entry = |egress: bool| {
        move |(number, entry): (&i64, &Entry)| {
            let IpNet::V4(cidr) = entry.block else { return None };
            let traffic = match entry.protocol {
                -1 => Traffic::ALL,
                6 => traffic(Protocol::Tcp, entry.ports.unwrap_or((0, 65535))),
                17 => traffic(Protocol::Udp, entry.ports.unwrap_or((0, 65535))),
                _ => Traffic { protocol: Some(Protocol::Other), ..Traffic::ALL },
            };
            let (number, allow) = (i32::try_from(*number).ok()?, entry.rule_action == "allow");
            Some(AclEntry { number, egress, allow, traffic, cidr })
        }
    };
    acl.ingress.iter().filter_map(entry(false)).chain(acl.egress.iter().filter_map(entry(true))).collect()
}

fn traffic(protocol: Protocol, (first, last): (i64, i64)) -> Traffic {
    let port = |port: i64, otherwise| u16::try_from(port).unwrap_or(otherwise);
    Traffic { protocol: Some(protocol), ports: (port(first, 0), port(last, u16::MAX)) }
}
