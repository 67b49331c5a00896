//! Can a packet of a connection get there, and its answer back: security groups, network ACLs, routes, peerings.
//!
//! - Groups are stateful: what one lets in or out, its answers pass. ACLs and routes are not: both are asked again for
//!   the way back, where the client's port is any of 1024-65535.
//! - The most specific route counts; a VPC's own range is always local. A peering leads to the ranges of the VPC at its
//!   other end and no further: <https://docs.aws.amazon.com/vpc/latest/peering/invalid-peering-configurations.html>.
//! - ACLs stand between subnets: they say nothing within one.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

/// The ports that a client's own end of a connection may have.
const EPHEMERAL: (u16, u16) = (1024, 65535);

/// Networks as they are.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Network {
    /// The ranges of each VPC, by its name.
    pub vpcs: BTreeMap<String, Vec<Ipv4Net>>,
    /// By name.
    pub subnets: BTreeMap<String, Subnet>,
    /// The routes of each table, by its name; the local ones needn't be among them.
    pub route_tables: BTreeMap<String, Vec<Route>>,
    /// By name.
    pub peerings: BTreeMap<String, Peering>,
    /// By private address.
    pub interfaces: BTreeMap<Ipv4Addr, Interface>,
    /// The rules of each group, by its name.
    pub groups: BTreeMap<String, Vec<Rule>>,
    /// The entries of each ACL, by its name.
    pub acls: BTreeMap<String, Vec<AclEntry>>,
    /// The VPC that each internet gateway is attached to, by the gateway's name.
    pub internet_gateways: BTreeMap<String, String>,
}

impl Network {
    /// Whether DNS passes between two addresses: over UDP, which is enough for answers that aren't long.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn dns_passes(&self, from: Ipv4Addr, to: Ipv4Addr) -> Result<(), Obstacle> {
        match self.leads_beyond(from, to) {
            Some(way) => Err(Obstacle::Unknown(format!("{way}: what answers at {to} isn't known"))),
            None => self.port_53_passes(Protocol::Udp, from, to).map_err(Obstacle::Blocked),
        }
    }

    /// Whether long answers pass as well, which are asked for again over TCP.
    ///
    /// # Errors
    /// What stands in the way, as a sentence.
    pub fn long_answers_pass(&self, from: Ipv4Addr, to: Ipv4Addr) -> Result<(), String> {
        self.port_53_passes(Protocol::Tcp, from, to)
    }

    fn port_53_passes(&self, protocol: Protocol, from: Ipv4Addr, to: Ipv4Addr) -> Result<(), String> {
        let passed = connect(self, End::Host(from), to, protocol, 53);
        passed.map(drop).map_err(|why| format!("{protocol} 53 doesn't pass from {from} to {to}: {why}"))
    }

    /// The way by which packets leave all that is known here, if they do.
    fn leads_beyond(&self, from: Ipv4Addr, to: Ipv4Addr) -> Option<String> {
        let client = self.interfaces.get(&from).filter(|_| !self.is_inside(to))?;
        let connection = Connection { network: self, protocol: Protocol::Udp, port: 53 };
        let (table, route) = connection.route(client, to, to.into()).ok()?;
        let target = match &route.target {
            Target::Other(target) => target,
            Target::Peering(peering) => {
                let across = connection.across(peering, &connection.subnet(client).ok()?.vpc).ok()?;
                if self.vpcs.contains_key(across) {
                    return None;
                }
                peering
            }
            Target::Local | Target::InternetGateway(_) | Target::NatGateway(_) => return None,
        };
        Some(format!("the route table {table} sends {} to {target}", route.destination))
    }

    /// Whether an address is one of some VPC here.
    fn is_inside(&self, address: Ipv4Addr) -> bool {
        self.vpcs.values().flatten().any(|cidr| cidr.contains(&address))
    }

    /// Puts a host at the first free address of a subnet, behind a group that lets everything pass; returns the address.
    pub fn imagine_host(&mut self, subnet: &str) -> Option<Ipv4Addr> {
        let group = "of an imagined host".to_owned();
        let all = |egress| Rule { egress, traffic: Traffic::ALL, peer: Peer::Cidr(Ipv4Net::default()) };
        self.groups.insert(group.clone(), vec![all(true), all(false)]);
        let address = self.put_host(subnet, "", vec![group])?;
        let interface = self.interfaces.get_mut(&address)?;
        interface.name = format!("an imagined host at {address}");
        Some(address)
    }

    /// Puts a host at the first free address of a subnet, behind these groups; returns the address.
    pub fn put_host(&mut self, subnet: &str, name: &str, groups: Vec<String>) -> Option<Ipv4Addr> {
        let cidr = self.subnets.get(subnet)?.cidr;
        // The first three addresses of a subnet are AWS's.
        let address = cidr.hosts().skip(3).find(|address| !self.interfaces.contains_key(address))?;
        let (name, subnet) = (name.to_owned(), subnet.to_owned());
        self.interfaces.insert(address, Interface { name, subnet, groups, public: None });
        Some(address)
    }
}

/// A subnet.
#[derive(Debug, Clone, PartialEq)]
pub struct Subnet {
    /// The VPC it is part of.
    pub vpc: String,
    /// Its range.
    pub cidr: Ipv4Net,
    /// The route table it uses; none where it is the VPC's main one and nothing is known of that.
    pub route_table: Option<String>,
    /// Its ACL; none lets everything pass, as AWS's default does.
    pub acl: Option<String>,
}

/// A route.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Where to.
    pub destination: Ipv4Net,
    /// By which way.
    pub target: Target,
    /// Whether its target is gone or doesn't work.
    pub blackhole: bool,
}

/// The way that a route takes, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Inside the VPC.
    Local,
    /// A VPC peering.
    Peering(String),
    /// An internet gateway.
    InternetGateway(String),
    /// A NAT gateway: to the internet, never from it.
    NatGateway(String),
    /// Anything else, where nothing is known of the way from there.
    Other(String),
}

/// A peering of two VPCs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peering {
    /// The VPC that asked.
    pub requester: String,
    /// The VPC that accepts.
    pub accepter: String,
    /// Whether it was accepted and stands.
    pub active: bool,
}

/// What has an address.
#[derive(Debug, Clone, PartialEq)]
pub struct Interface {
    /// Whose it is: an instance, an endpoint, a resolver endpoint.
    pub name: String,
    /// Its subnet.
    pub subnet: String,
    /// Its security groups.
    pub groups: Vec<String>,
    /// Its public address.
    pub public: Option<Ipv4Addr>,
}

/// A rule of a security group.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Whether it lets traffic out, rather than in.
    pub egress: bool,
    /// What it lets pass.
    pub traffic: Traffic,
    /// From whom, or to whom.
    pub peer: Peer,
}

/// The other side of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// A range of addresses.
    Cidr(Ipv4Net),
    /// What carries this group, at its private address; also at the other end of a peering.
    Group(String),
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Peer::Cidr(range) => write!(f, "{range}"),
            Peer::Group(group) => write!(f, "what carries the group {group}"),
        }
    }
}

/// An entry of an ACL.
#[derive(Debug, Clone, PartialEq)]
pub struct AclEntry {
    /// The lowest that matches counts.
    pub number: i32,
    /// Whether it is about what leaves the subnet, rather than what enters.
    pub egress: bool,
    /// Whether it allows.
    pub allow: bool,
    /// What it is about.
    pub traffic: Traffic,
    /// From whom, or to whom.
    pub cidr: Ipv4Net,
}

/// What a rule or an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// The protocol; none stands for all.
    pub protocol: Option<Protocol>,
    /// First and last port.
    pub ports: (u16, u16),
}

impl Traffic {
    /// Everything.
    pub const ALL: Self = Self { protocol: None, ports: (0, u16::MAX) };

    /// One port of one protocol.
    pub fn port(protocol: Protocol, port: u16) -> Self {
        Self { protocol: Some(protocol), ports: (port, port) }
    }

    fn covers(&self, protocol: Protocol, port: u16) -> bool {
        self.protocol.is_none_or(|own| own == protocol) && (self.ports.0..=self.ports.1).contains(&port)
    }
}

/// A protocol with ports, or another that no connection here has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Anything else.
    Other,
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Other => "another protocol",
        })
    }
}

/// What keeps DNS from passing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// It doesn't pass, and why, as a sentence.
    Blocked(String),
    /// Whether it passes, or what it reaches, can't be known, and why not.
    Unknown(String),
}

/// Who opens a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The interface that has this private address.
    Host(Ipv4Addr),
    /// Somebody on the internet.
    Internet(Ipv4Addr),
}

/// Whether a connection to a port of an address works: a sentence for each stretch of the way there and back.
///
/// # Errors
/// The first thing that stands in the way, as a sentence.
pub fn connect(
    network: &Network,
    from: End,
    to: Ipv4Addr,
    protocol: Protocol,
    port: u16,
) -> Result<Vec<String>, String> {
    let connection = Connection { network, protocol, port };
    match from {
        End::Internet(source) => connection.internet_to_host(source, to),
        End::Host(source) => {
            let client = connection.interface(source)?;
            match network.interfaces.get(&to) {
                Some(server) => connection.host_to_host((source, client), (to, server)),
                None if network.is_inside(to) => Err(format!("nothing has the address {to}")),
                None => connection.host_to_internet((source, client), to),
            }
        }
    }
}

/// Whether a connection to a port of an address outside passes what guards its client: groups and ACLs. The way from
/// there is another question: a gateway endpoint's route stands in no range of addresses.
///
/// # Errors
/// The first thing that stands in the way, as a sentence.
pub fn may_leave(
    network: &Network,
    from: Ipv4Addr,
    to: Ipv4Addr,
    protocol: Protocol,
    port: u16,
) -> Result<Vec<String>, String> {
    let connection = Connection { network, protocol, port };
    let client = (from, connection.interface(from)?);
    let mut hops = connection.may_leave(client, to)?;
    hops.extend(connection.acl_lets(client.1, false, to, EPHEMERAL)?);
    Ok(hops)
}

/// Whether the groups of what has an address let a connection in that a host opens to one of its ports.
///
/// # Errors
/// That they don't, as a sentence.
pub fn admits(
    network: &Network,
    from: Ipv4Addr,
    to: Ipv4Addr,
    protocol: Protocol,
    port: u16,
) -> Result<String, String> {
    let connection = Connection { network, protocol, port };
    let client = network.interfaces.get(&from);
    connection.groups_let(connection.interface(to)?, false, from, client)
}

/// The way that a host's packets to an address take, by its routes.
pub fn way_of(network: &Network, from: Ipv4Addr, to: Ipv4Addr) -> Option<Target> {
    let connection = Connection { network, protocol: Protocol::Tcp, port: 0 };
    let (_, route) = connection.route(network.interfaces.get(&from)?, to, to.into()).ok()?;
    Some(route.target)
}

/// A connection to be looked at; `port` is the server's.
struct Connection<'a> {
    network: &'a Network,
    protocol: Protocol,
    port: u16,
}

/// An interface and its private address.
type Station<'a> = (Ipv4Addr, &'a Interface);

impl Connection<'_> {
    fn host_to_host(&self, client: Station<'_>, server: Station<'_>) -> Result<Vec<String>, String> {
        if client.0 == server.0 {
            return Ok(vec![format!("{} is the host itself", server.0)]);
        }
        let mut hops = vec![self.groups_let(client.1, true, server.0, Some(server.1))?];
        hops.extend(self.acls_let(client, server, (self.port, self.port))?);
        hops.push(self.way(client.1, server)?);
        hops.push(self.groups_let(server.1, false, client.0, Some(client.1))?);
        let back = |why| format!("the answer can't come back: {why}");
        hops.extend(self.acls_let(server, client, EPHEMERAL).map_err(back)?);
        hops.push(format!("back, {}", self.way(server.1, client).map_err(back)?));
        Ok(hops)
    }

    fn host_to_internet(&self, client: Station<'_>, to: Ipv4Addr) -> Result<Vec<String>, String> {
        let mut hops = self.may_leave(client, to)?;
        hops.push(self.way_to_internet(client, to)?);
        hops.extend(self.acl_lets(client.1, false, to, EPHEMERAL)?);
        Ok(hops)
    }

    fn may_leave(&self, client: Station<'_>, to: Ipv4Addr) -> Result<Vec<String>, String> {
        let group = self.groups_let(client.1, true, to, None)?;
        let acl = self.acl_lets(client.1, true, to, (self.port, self.port))?;
        Ok(std::iter::once(group).chain(acl).collect())
    }

    fn internet_to_host(&self, source: Ipv4Addr, to: Ipv4Addr) -> Result<Vec<String>, String> {
        let public = |(_, interface): &(&Ipv4Addr, &Interface)| interface.public == Some(to);
        let Some((address, server)) = self.network.interfaces.iter().find(public) else {
            return Err(format!("nothing has the public address {to}"));
        };
        let vpc = &self.subnet(server)?.vpc;
        let Some((gateway, _)) = self.network.internet_gateways.iter().find(|(_, attached)| *attached == vpc) else {
            return Err(format!("{vpc} has no internet gateway"));
        };
        let mut hops = vec![format!("the internet gateway {gateway} brings it to {}", server.name)];
        hops.extend(self.acl_lets(server, false, source, (self.port, self.port))?);
        hops.push(self.groups_let(server, false, source, None)?);
        let back = |why| format!("the answer can't come back: {why}");
        hops.extend(self.acl_lets(server, true, source, EPHEMERAL).map_err(back)?);
        hops.push(format!("back, {}", self.way_to_internet((*address, server), source).map_err(back)?));
        Ok(hops)
    }

    /// Whether a group of an interface lets the connection out to, or in from, an address or what has it.
    fn groups_let(
        &self,
        interface: &Interface,
        egress: bool,
        other: Ipv4Addr,
        holder: Option<&Interface>,
    ) -> Result<String, String> {
        let admits = |rule: &&Rule| {
            let peer = match &rule.peer {
                Peer::Cidr(range) => range.contains(&other),
                Peer::Group(group) => holder.is_some_and(|holder| holder.groups.contains(group)),
            };
            rule.egress == egress && rule.traffic.covers(self.protocol, self.port) && peer
        };
        let rule_of = |group: &String| self.network.groups.get(group)?.iter().find(admits);
        let (way, what) = (if egress { "out to" } else { "in from" }, self.what());
        match interface.groups.iter().find_map(|group| Some((group, rule_of(group)?))) {
            Some((group, rule)) => Ok(format!("the group {group} lets {what} {way} {}", rule.peer)),
            None if interface.groups.is_empty() => Err(format!("{} has no security group", interface.name)),
            None => {
                let (group, lets) = match interface.groups.as_slice() {
                    [group] => (format!("the group {group}"), "doesn't let"),
                    groups => (format!("none of the groups {}", groups.join(", ")), "lets"),
                };
                Err(format!("{group} of {} {lets} {what} {way} {other}", interface.name))
            }
        }
    }

    /// Whether the ACLs at both ends let packets to these ports pass.
    fn acls_let(&self, from: Station<'_>, to: Station<'_>, ports: (u16, u16)) -> Result<Vec<String>, String> {
        if from.1.subnet == to.1.subnet {
            return Ok(Vec::new());
        }
        let out = self.acl_lets(from.1, true, to.0, ports)?;
        Ok(out.into_iter().chain(self.acl_lets(to.1, false, from.0, ports)?).collect())
    }

    /// Whether the ACL of an interface's subnet lets packets to each of these ports out to, or in from, an address.
    fn acl_lets(
        &self,
        interface: &Interface,
        egress: bool,
        other: Ipv4Addr,
        ports: (u16, u16),
    ) -> Result<Option<String>, String> {
        let Some(acl) = &self.subnet(interface)?.acl else { return Ok(None) };
        let mut entries: Vec<_> = self.network.acls.get(acl).into_iter().flatten().collect();
        entries.retain(|entry| entry.egress == egress && entry.cidr.contains(&other));
        entries.sort_by_key(|entry| entry.number);
        // What is decided changes only where some entry begins or ends.
        let edges = entries.iter().flat_map(|entry| [entry.traffic.ports.0, entry.traffic.ports.1.saturating_add(1)]);
        let probes = edges.chain([ports.0, ports.1]).filter(|port| (ports.0..=ports.1).contains(port));
        let allowed = |port: u16| {
            let first = entries.iter().find(|entry| entry.traffic.covers(self.protocol, port));
            first.is_some_and(|entry| entry.allow)
        };
        let way = if egress { "out to" } else { "in from" };
        let what = match ports {
            (first, last) if first == last => format!("{} {first}", self.protocol),
            (first, last) => format!("{} {first}-{last}", self.protocol),
        };
        let (open, closed): (Vec<u16>, Vec<u16>) = probes.partition(|port| allowed(*port));
        let subnet = &interface.subnet;
        match (open.is_empty(), closed.is_empty()) {
            (_, true) => Ok(Some(format!("the network ACL {acl} lets {what} {way} {other}"))),
            (true, false) => Err(format!("the network ACL {acl} of {subnet} doesn't let {what} {way} {other}")),
            (false, false) => {
                Err(format!("the network ACL {acl} of {subnet} lets only some ports of {what} {way} {other}"))
            }
        }
    }

    /// The way from an interface to another, by the routes of its subnet.
    fn way(&self, from: &Interface, to: Station<'_>) -> Result<String, String> {
        let vpc = &self.subnet(from)?.vpc;
        let there = self.subnet(to.1)?;
        let (table, route) = self.route(from, to.0, there.cidr)?;
        let says = format!("the route table {table} sends {}", route.destination);
        match &route.target {
            Target::Local if *vpc == there.vpc => Ok(format!("{} is local to {vpc}", there.cidr)),
            Target::Local => Err(format!("{} is not in {vpc}, whose range it has", to.0)),
            Target::Peering(peering) => {
                let other = self.across(peering, vpc)?;
                if *other != there.vpc || !self.ranges(other).any(|range| range.contains(&to.0)) {
                    let where_to = format!("which leads to {other} only");
                    return Err(format!("{says} to the peering {peering}, {where_to}: {} isn't there", to.0));
                }
                Ok(format!("{says} to the peering {peering}"))
            }
            Target::InternetGateway(target) | Target::NatGateway(target) | Target::Other(target) => {
                // The route for everything else is not one for this: say that there is none.
                let says = match route.destination.prefix_len() {
                    0 => format!("the route table {table} has no route to {}, and sends everything else", there.cidr),
                    _ => says,
                };
                Err(format!("{says} to {target}, which doesn't lead to {}", there.vpc))
            }
        }
    }

    fn way_to_internet(&self, from: Station<'_>, to: Ipv4Addr) -> Result<String, String> {
        let vpc = &self.subnet(from.1)?.vpc;
        let (table, route) = self.route(from.1, to, to.into())?;
        let says = format!("the route table {table} sends {}", route.destination);
        match &route.target {
            Target::InternetGateway(gateway) if self.network.internet_gateways.get(gateway) != Some(vpc) => {
                Err(format!("{says} to the internet gateway {gateway}, which isn't attached to {vpc}"))
            }
            Target::InternetGateway(_) if from.1.public.is_none() => {
                Err(format!("{} has no public address", from.1.name))
            }
            Target::InternetGateway(gateway) => Ok(format!("{says} to the internet gateway {gateway}")),
            Target::NatGateway(gateway) => Ok(format!("{says} to the NAT gateway {gateway}")),
            Target::Local => Err(format!("{to} is in {vpc}, not on the internet")),
            Target::Peering(target) | Target::Other(target) => {
                Err(format!("{says} to {target}, which doesn't lead to the internet"))
            }
        }
    }

    /// The most specific route that an interface's subnet has to an address in a range, with the name of its table.
    fn route(&self, from: &Interface, to: Ipv4Addr, range: Ipv4Net) -> Result<(&str, Route), String> {
        let subnet = self.subnet(from)?;
        let local = |range: &Ipv4Net| Route { destination: *range, target: Target::Local, blackhole: false };
        let local = self.ranges(&subnet.vpc).map(local);
        let own = subnet.route_table.as_ref().and_then(|table| self.network.route_tables.get(table));
        let routes = own.into_iter().flatten().cloned().chain(local).filter(|route| route.destination.contains(&to));
        let table = subnet.route_table.as_deref().unwrap_or("main");
        match routes.max_by_key(|route| route.destination.prefix_len()) {
            Some(route) if route.blackhole => {
                Err(format!("the route to {} in the route table {table} is a blackhole", route.destination))
            }
            Some(route) => Ok((table, route)),
            None if subnet.route_table.is_none() => {
                let why = "has no route table of its own, and nothing is known of the main one";
                Err(format!("the subnet {} {why}: no route to {}", from.subnet, whole(range)))
            }
            None => Err(format!("the route table {table} has no route to {}", whole(range))),
        }
    }

    /// The VPC at the other end of a peering.
    fn across(&self, peering: &str, from: &str) -> Result<&String, String> {
        let Some(Peering { requester, accepter, active }) = self.network.peerings.get(peering) else {
            return Err(format!("the peering {peering} is gone"));
        };
        match (active, from) {
            (false, _) => Err(format!("the peering {peering} isn't active")),
            (true, from) if from == requester => Ok(accepter),
            (true, from) if from == accepter => Ok(requester),
            _ => Err(format!("the peering {peering} isn't one of {from}")),
        }
    }

    fn interface(&self, address: Ipv4Addr) -> Result<&Interface, String> {
        self.network.interfaces.get(&address).ok_or_else(|| format!("nothing has the address {address}"))
    }

    fn subnet(&self, interface: &Interface) -> Result<&Subnet, String> {
        let subnet = &interface.subnet;
        self.network.subnets.get(subnet).ok_or_else(|| format!("nothing is known of the subnet {subnet}"))
    }

    fn ranges(&self, vpc: &str) -> impl Iterator<Item = &Ipv4Net> {
        self.network.vpcs.get(vpc).into_iter().flatten()
    }

    fn what(&self) -> String {
        format!("{} {}", self.protocol, self.port)
    }
}

/// What isn't on the internet: private, shared by providers, or a host's own.
const NOT_ON_THE_INTERNET: [&str; 8] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "fc00::/7",
    "fe80::/10",
];

/// Whether a range has addresses that are on the internet.
pub fn is_public(range: IpNet) -> bool {
    let private = NOT_ON_THE_INTERNET.iter().filter_map(|private| private.parse::<IpNet>().ok());
    !private.into_iter().any(|private| private.contains(&range))
}

/// A range, or the one address that it is.
fn whole(range: Ipv4Net) -> String {
    if range.prefix_len() == 32 { range.addr().to_string() } else { range.to_string() }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    const APP: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 148);
    const APP_PUBLIC: Ipv4Addr = Ipv4Addr::new(54, 1, 2, 3);
    const DNS: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 10);
    const ENDPOINT: Ipv4Addr = Ipv4Addr::new(10, 16, 42, 74);
    const OPERATOR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
    const SOMEWHERE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    fn route(destination: &str, target: Target) -> Route {
        Route { destination: net(destination), target, blackhole: false }
    }

    fn rule(egress: bool, traffic: Traffic, peer: &str) -> Rule {
        let peer = peer.parse().map_or_else(|_| Peer::Group(peer.to_owned()), Peer::Cidr);
        Rule { egress, traffic, peer }
    }

    fn tcp(port: u16) -> Traffic {
        Traffic::port(Protocol::Tcp, port)
    }

    fn interface(name: &str, subnet: &str, group: &str) -> Interface {
        Interface { name: name.into(), subnet: subnet.into(), groups: vec![group.into()], public: None }
    }

    /// A corporate network with an app server in a public subnet and a DNS host in a private one, peered with a VPC
    /// that has an endpoint.
    fn network() -> Network {
        let subnet = |vpc: &str, cidr: &str, table: &str| Subnet {
            vpc: vpc.into(),
            cidr: net(cidr),
            route_table: Some(table.into()),
            acl: None,
        };
        let peering = || Target::Peering("pcx-1".into());
        Network {
            vpcs: BTreeMap::from([
                ("onprem".into(), vec![net("192.168.10.0/24")]),
                ("studio".into(), vec![net("10.16.0.0/16")]),
            ]),
            subnets: BTreeMap::from([
                ("onprem-public".into(), subnet("onprem", "192.168.10.128/26", "rtb-public")),
                ("onprem-private".into(), subnet("onprem", "192.168.10.0/26", "rtb-private")),
                ("studio-private".into(), subnet("studio", "10.16.32.0/20", "rtb-studio")),
            ]),
            route_tables: BTreeMap::from([
                (
                    "rtb-public".into(),
                    vec![route("10.16.0.0/16", peering()), route("0.0.0.0/0", Target::InternetGateway("igw-1".into()))],
                ),
                ("rtb-private".into(), vec![route("10.16.0.0/16", peering())]),
                ("rtb-studio".into(), vec![route("192.168.10.0/24", peering())]),
            ]),
            peerings: BTreeMap::from([(
                "pcx-1".into(),
                Peering { requester: "studio".into(), accepter: "onprem".into(), active: true },
            )]),
            interfaces: BTreeMap::from([
                (APP, Interface { public: Some(APP_PUBLIC), ..interface("i-app", "onprem-public", "sg-app") }),
                (DNS, interface("i-dns", "onprem-private", "sg-dns")),
                (ENDPOINT, interface("vpce-1", "studio-private", "sg-endpoints")),
            ]),
            groups: BTreeMap::from([
                (
                    "sg-app".into(),
                    vec![rule(true, Traffic::ALL, "0.0.0.0/0"), rule(false, tcp(3389), "198.51.100.0/24")],
                ),
                (
                    "sg-dns".into(),
                    vec![
                        rule(true, Traffic::ALL, "0.0.0.0/0"),
                        rule(false, Traffic::port(Protocol::Udp, 53), "192.168.10.0/24"),
                    ],
                ),
                ("sg-endpoints".into(), vec![rule(false, tcp(443), "192.168.10.0/24")]),
            ]),
            acls: BTreeMap::new(),
            internet_gateways: BTreeMap::from([("igw-1".into(), "onprem".into())]),
        }
    }

    impl Network {
        fn routes(&mut self, table: &str) -> &mut Vec<Route> {
            self.route_tables.get_mut(table).unwrap()
        }

        fn rules(&mut self, group: &str) -> &mut Vec<Rule> {
            self.groups.get_mut(group).unwrap()
        }

        fn with_acl(mut self, subnet: &str, entries: &[(i32, bool, bool, Traffic, &str)]) -> Self {
            let entry = |&(number, egress, allow, traffic, cidr): &_| AclEntry {
                number,
                egress,
                allow,
                traffic,
                cidr: net(cidr),
            };
            self.acls.insert("acl-1".into(), entries.iter().map(entry).collect());
            self.subnets.get_mut(subnet).unwrap().acl = Some("acl-1".into());
            self
        }
    }

    fn tell(result: Result<Vec<String>, String>) -> String {
        result.map_or_else(|why| format!("blocked: {why}"), |hops| hops.join("\n"))
    }

    /// From the app server to the endpoint.
    fn https(network: &Network) -> String {
        tell(connect(network, End::Host(APP), ENDPOINT, Protocol::Tcp, 443))
    }

    #[test]
    fn a_connection_over_the_peering_goes_there_and_back() {
        assert_snapshot!(https(&network()), @"
        the group sg-app lets tcp 443 out to 0.0.0.0/0
        the route table rtb-public sends 10.16.0.0/16 to the peering pcx-1
        the group sg-endpoints lets tcp 443 in from 192.168.10.0/24
        back, the route table rtb-studio sends 192.168.10.0/24 to the peering pcx-1
        ");
    }

    #[test]
    fn a_host_reaches_itself_and_its_neighbours() {
        let dns = |from, port| connect(&network(), End::Host(from), DNS, Protocol::Udp, port);
        assert_snapshot!(tell(dns(APP, 53)), @"
        the group sg-app lets udp 53 out to 0.0.0.0/0
        192.168.10.0/26 is local to onprem
        the group sg-dns lets udp 53 in from 192.168.10.0/24
        back, 192.168.10.128/26 is local to onprem
        ");
        assert_snapshot!(tell(dns(DNS, 53)), @"192.168.10.10 is the host itself");
        assert_snapshot!(tell(dns(APP, 54)), @"blocked: the group sg-dns of i-dns doesn't let udp 54 in from 192.168.10.148");
    }

    #[test]
    fn what_leaves_is_guarded_whichever_way_it_takes() {
        let mut network = network();
        assert!(may_leave(&network, APP, SOMEWHERE, Protocol::Tcp, 443).is_ok());
        assert_eq!(way_of(&network, APP, SOMEWHERE), Some(Target::InternetGateway("igw-1".into())));
        // It may leave, and has nowhere to go.
        assert!(may_leave(&network, DNS, SOMEWHERE, Protocol::Tcp, 443).is_ok());
        assert_eq!(way_of(&network, DNS, SOMEWHERE), None);
        network.groups.insert("sg-app".into(), vec![rule(true, tcp(80), "0.0.0.0/0")]);
        let refused = may_leave(&network, APP, SOMEWHERE, Protocol::Tcp, 443);
        assert_eq!(refused.unwrap_err(), "the group sg-app of i-app doesn't let tcp 443 out to 203.0.113.9");
    }

    #[test]
    fn groups_let_out_and_in_what_their_rules_say() {
        let mut network = network();
        network.rules("sg-app").remove(0);
        assert_snapshot!(https(&network), @"blocked: the group sg-app of i-app doesn't let tcp 443 out to 10.16.42.74");
        network.rules("sg-app").push(rule(true, tcp(443), "10.16.0.0/16"));
        assert!(https(&network).ends_with("to the peering pcx-1"));
        network.rules("sg-endpoints")[0].peer = Peer::Cidr(net("192.168.11.0/24"));
        assert_snapshot!(https(&network), @"blocked: the group sg-endpoints of vpce-1 doesn't let tcp 443 in from 192.168.10.148");
        network.rules("sg-endpoints")[0].traffic = Traffic::port(Protocol::Udp, 443);
        network.interfaces.get_mut(&ENDPOINT).unwrap().groups.push("sg-dns".into());
        assert_snapshot!(https(&network), @"blocked: none of the groups sg-endpoints, sg-dns of vpce-1 lets tcp 443 in from 192.168.10.148");
    }

    #[test]
    fn a_rule_may_name_a_group_across_the_peering() {
        let mut network = network();
        network.rules("sg-endpoints")[0].peer = Peer::Group("sg-app".into());
        assert!(!https(&network).starts_with("blocked"));
        let from_dns = connect(&network, End::Host(DNS), ENDPOINT, Protocol::Tcp, 443);
        assert_snapshot!(tell(from_dns), @"blocked: the group sg-endpoints of vpce-1 doesn't let tcp 443 in from 192.168.10.10");
    }

    #[test]
    fn a_missing_or_dead_route_is_named_on_either_way() {
        let mut there = network();
        there.routes("rtb-public").clear();
        assert_snapshot!(https(&there), @"blocked: the route table rtb-public has no route to 10.16.32.0/20");
        let mut back = network();
        back.routes("rtb-studio").clear();
        assert_snapshot!(https(&back), @"blocked: the answer can't come back: the route table rtb-studio has no route to 192.168.10.128/26");
        let mut dead = network();
        dead.routes("rtb-public")[0].blackhole = true;
        assert_snapshot!(https(&dead), @"blocked: the route to 10.16.0.0/16 in the route table rtb-public is a blackhole");
    }

    #[test]
    fn of_a_main_table_nothing_is_known_but_the_local_routes() {
        let mut network = network();
        network.subnets.get_mut("onprem-private").unwrap().route_table = None;
        let to = |to, port| tell(connect(&network, End::Host(DNS), to, Protocol::Tcp, port));
        assert!(to(APP, 3389).ends_with("in from 192.168.10.10"));
        assert_snapshot!(to(ENDPOINT, 443), @"blocked: the subnet onprem-private has no route table of its own, and nothing is known of the main one: no route to 10.16.32.0/20");
    }

    #[test]
    fn the_most_specific_route_counts() {
        let mut network = network();
        network.routes("rtb-public").push(route("10.16.42.0/24", Target::Other("eni-1".into())));
        assert_snapshot!(https(&network), @"blocked: the route table rtb-public sends 10.16.42.0/24 to eni-1, which doesn't lead to studio");
        network.routes("rtb-public").push(route("10.16.42.74/32", Target::Peering("pcx-1".into())));
        assert!(!https(&network).starts_with("blocked"));
        network.routes("rtb-public").retain(|route| route.destination.prefix_len() == 0);
        assert_snapshot!(https(&network), @"blocked: the route table rtb-public has no route to 10.16.32.0/20, and sends everything else to igw-1, which doesn't lead to studio");
    }

    #[test]
    fn a_peering_leads_nowhere_until_it_is_active() {
        let mut network = network();
        network.peerings.get_mut("pcx-1").unwrap().active = false;
        assert_snapshot!(https(&network), @"blocked: the peering pcx-1 isn't active");
        network.peerings.clear();
        assert_snapshot!(https(&network), @"blocked: the peering pcx-1 is gone");
    }

    #[test]
    fn a_peering_doesnt_lead_through_the_vpc_at_its_other_end() {
        let mut network = network();
        network.vpcs.insert("third".into(), vec![net("10.17.0.0/16")]);
        let cidr = net("10.17.0.0/24");
        let subnet = Subnet { vpc: "third".into(), cidr, route_table: Some("rtb-third".into()), acl: None };
        network.subnets.insert("third-private".into(), subnet);
        let third = Ipv4Addr::new(10, 17, 0, 9);
        network.interfaces.insert(third, interface("i-third", "third-private", "sg-endpoints"));
        network.routes("rtb-public").push(route("10.17.0.0/16", Target::Peering("pcx-1".into())));
        let connected = connect(&network, End::Host(APP), third, Protocol::Tcp, 443);
        assert_snapshot!(tell(connected), @"blocked: the route table rtb-public sends 10.17.0.0/16 to the peering pcx-1, which leads to studio only: 10.17.0.9 isn't there");
    }

    #[test]
    fn acls_are_asked_on_both_ways() {
        let (any, open) = ("0.0.0.0/0", Traffic::ALL);
        let to = |entries: &[_]| https(&network().with_acl("studio-private", entries));
        assert_snapshot!(to(&[(100, false, true, open, any), (100, true, true, open, any)]), @"
        the group sg-app lets tcp 443 out to 0.0.0.0/0
        the network ACL acl-1 lets tcp 443 in from 192.168.10.148
        the route table rtb-public sends 10.16.0.0/16 to the peering pcx-1
        the group sg-endpoints lets tcp 443 in from 192.168.10.0/24
        the network ACL acl-1 lets tcp 1024-65535 out to 192.168.10.148
        back, the route table rtb-studio sends 192.168.10.0/24 to the peering pcx-1
        ");
        assert_snapshot!(to(&[(100, true, true, open, any)]), @"blocked: the network ACL acl-1 of studio-private doesn't let tcp 443 in from 192.168.10.148");
        assert_snapshot!(to(&[(100, false, true, tcp(443), any)]), @"blocked: the answer can't come back: the network ACL acl-1 of studio-private doesn't let tcp 1024-65535 out to 192.168.10.148");
        let high = |from, to| Traffic { protocol: Some(Protocol::Tcp), ports: (from, to) };
        let back = |entries: &[_]| to(&[&[(100, false, true, open, any)], entries].concat());
        assert!(!back(&[(100, true, true, high(1024, 65535), any)]).starts_with("blocked"));
        assert!(
            !back(&[(1, true, true, high(1024, 2000), any), (2, true, true, high(2001, 65535), any)])
                .starts_with("blocked")
        );
        assert!(
            back(&[(1, true, true, high(1024, 2000), any), (2, true, true, high(2002, 65535), any)])
                .starts_with("blocked")
        );
        assert_snapshot!(back(&[(90, true, false, high(5000, 5000), "192.168.0.0/16"), (100, true, true, open, any)]), @"blocked: the answer can't come back: the network ACL acl-1 of studio-private lets only some ports of tcp 1024-65535 out to 192.168.10.148");
    }

    #[test]
    fn acls_say_nothing_within_a_subnet() {
        let mut network = network().with_acl("onprem-private", &[]);
        let neighbour = Ipv4Addr::new(192, 168, 10, 11);
        network.interfaces.insert(neighbour, interface("i-neighbour", "onprem-private", "sg-dns"));
        let connected = connect(&network, End::Host(neighbour), DNS, Protocol::Udp, 53);
        assert_snapshot!(tell(connected), @"
        the group sg-dns lets udp 53 out to 0.0.0.0/0
        192.168.10.0/26 is local to onprem
        the group sg-dns lets udp 53 in from 192.168.10.0/24
        back, 192.168.10.0/26 is local to onprem
        ");
    }

    #[test]
    fn nothing_answers_at_an_address_that_nothing_has() {
        let to = |address| tell(connect(&network(), End::Host(APP), address, Protocol::Tcp, 443));
        assert_snapshot!(to(Ipv4Addr::new(10, 16, 42, 75)), @"blocked: nothing has the address 10.16.42.75");
        let from = connect(&network(), End::Host(SOMEWHERE), DNS, Protocol::Udp, 53);
        assert_snapshot!(tell(from), @"blocked: nothing has the address 203.0.113.9");
    }

    #[test]
    fn the_internet_comes_in_by_a_gateway_to_a_public_address() {
        let rdp = |network: &Network, from, to| tell(connect(network, End::Internet(from), to, Protocol::Tcp, 3389));
        assert_snapshot!(rdp(&network(), OPERATOR, APP_PUBLIC), @"
        the internet gateway igw-1 brings it to i-app
        the group sg-app lets tcp 3389 in from 198.51.100.0/24
        back, the route table rtb-public sends 0.0.0.0/0 to the internet gateway igw-1
        ");
        assert_snapshot!(rdp(&network(), SOMEWHERE, APP_PUBLIC), @"blocked: the group sg-app of i-app doesn't let tcp 3389 in from 203.0.113.9");
        assert_snapshot!(rdp(&network(), OPERATOR, DNS), @"blocked: nothing has the public address 192.168.10.10");
        let mut detached = network();
        detached.internet_gateways.clear();
        assert_snapshot!(rdp(&detached, OPERATOR, APP_PUBLIC), @"blocked: onprem has no internet gateway");
        let mut no_way_back = network();
        no_way_back.routes("rtb-public").pop();
        assert_snapshot!(rdp(&no_way_back, OPERATOR, APP_PUBLIC), @"blocked: the answer can't come back: the route table rtb-public has no route to 198.51.100.7");
    }

    #[test]
    fn the_way_out_to_the_internet_needs_a_gateway_and_an_address() {
        let out = |network: &Network, from| tell(connect(network, End::Host(from), SOMEWHERE, Protocol::Tcp, 443));
        assert_snapshot!(out(&network(), APP), @"
        the group sg-app lets tcp 443 out to 0.0.0.0/0
        the route table rtb-public sends 0.0.0.0/0 to the internet gateway igw-1
        ");
        assert_snapshot!(out(&network(), DNS), @"blocked: the route table rtb-private has no route to 203.0.113.9");
        let mut changed = network();
        changed.routes("rtb-private").push(route("0.0.0.0/0", Target::InternetGateway("igw-1".into())));
        assert_snapshot!(out(&changed, DNS), @"blocked: i-dns has no public address");
        changed.routes("rtb-private")[1].target = Target::NatGateway("nat-1".into());
        assert_snapshot!(out(&changed, DNS), @"
        the group sg-dns lets tcp 443 out to 0.0.0.0/0
        the route table rtb-private sends 0.0.0.0/0 to the NAT gateway nat-1
        ");
        changed.internet_gateways.clear();
        assert_snapshot!(out(&changed, APP), @"blocked: the route table rtb-public sends 0.0.0.0/0 to the internet gateway igw-1, which isn't attached to onprem");
    }

    #[test]
    fn dns_needs_udp_and_long_answers_tcp_as_well() {
        let mut network = network();
        let tcp_only = "tcp 53 doesn't pass from 192.168.10.148 to 192.168.10.10: the group sg-dns of i-dns doesn't let tcp 53 in from 192.168.10.148";
        assert_eq!(network.dns_passes(APP, DNS), Ok(()));
        assert_eq!(network.long_answers_pass(APP, DNS), Err(tcp_only.to_owned()));
        network.rules("sg-dns").pop();
        assert!(matches!(network.dns_passes(APP, DNS), Err(Obstacle::Blocked(_))));
    }

    #[test]
    fn what_lies_beyond_a_way_that_is_not_known_may_answer() {
        let mut network = network();
        let corporate = Ipv4Addr::new(10, 99, 0, 53);
        network.routes("rtb-public").push(route("10.99.0.0/16", Target::Other("vgw-1".into())));
        let beyond = "the route table rtb-public sends 10.99.0.0/16 to vgw-1: what answers at 10.99.0.53 isn't known";
        assert_eq!(network.dns_passes(APP, corporate), Err(Obstacle::Unknown(beyond.to_owned())));
        network.routes("rtb-public").pop();
        network.routes("rtb-public").push(route("10.99.0.0/16", Target::Peering("pcx-1".into())));
        assert!(matches!(network.dns_passes(APP, corporate), Err(Obstacle::Blocked(_))), "studio has no such range");
        network.peerings.get_mut("pcx-1").unwrap().requester = "somebody's".into();
        assert!(matches!(network.dns_passes(APP, corporate), Err(Obstacle::Unknown(_))));
    }

    #[test]
    fn a_range_is_public_unless_all_of_it_is_private() {
        let public = ["0.0.0.0/0", "128.0.0.0/1", "8.8.8.8/32", "10.0.0.0/7", "::/0", "2001:db8::/32"];
        let private = ["10.0.0.0/8", "10.16.0.0/16", "172.31.0.0/16", "192.168.10.0/24", "100.64.0.0/10", "fd00::/8"];
        assert!(public.iter().all(|range| is_public(range.parse().unwrap())));
        assert!(!private.iter().any(|range| is_public(range.parse().unwrap())));
    }
}
