//! Who answers a lookup, and with what: DHCP options, VPC resolvers, private zones, resolver rules, forwarders.
//!
//! - A host asks the DNS servers of its VPC's DHCP options in their order; the next is asked when one is silent,
//!   refuses or fails.
//! - A VPC's own resolver, at base + 2, answers hosts of that VPC only, and inbound endpoints that stand in it. It goes
//!   by the most specific of its private zones and rules, a rule before a zone of the same name:
//!   <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html>. A name that
//!   neither has is answered as on the internet.
//! - A forwarder goes by the most specific of its zones, and asks its upstream otherwise. Where forwarding is `only`,
//!   silence upstream is SERVFAIL; else it asks the internet's servers itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::network::{Obstacle, is_public};

/// Where every VPC's resolver answers besides base + 2.
const LINK_LOCAL_RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);

/// More questions than this for one lookup are a loop.
const MOST_QUESTIONS: usize = 16;

/// Everything that lookups depend on, but for the network itself.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Names {
    /// By name.
    pub vpcs: BTreeMap<String, Vpc>,
    /// What listens on port 53, by address; VPC resolvers are not among them.
    pub servers: BTreeMap<Ipv4Addr, Server>,
}

/// What a VPC says of names.
#[derive(Debug, Clone, PartialEq)]
pub struct Vpc {
    /// Its primary range; its resolver is at base + 2.
    pub cidr: Ipv4Net,
    /// Whether its resolver answers.
    pub dns_support: bool,
    /// Whether its resolver knows private zones; needs `dns_support` as well.
    pub dns_hostnames: bool,
    /// The name of its DHCP options.
    pub dhcp_options: String,
    /// The DNS servers that they name, in order.
    pub dns_servers: Vec<DnsServer>,
    /// Names that its resolver answers by itself: hosted zones, private names of endpoints.
    pub private_zones: Vec<PrivateZone>,
    /// Rules of its resolver.
    pub rules: Vec<Rule>,
}

/// A DNS server that DHCP options name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DnsServer {
    /// `AmazonProvidedDNS`: the VPC's own resolver.
    AmazonProvided,
    /// A server at an address.
    Address(Ipv4Addr),
}

/// A zone that only a VPC's own resolver knows. A name in it that has no record does not exist: the internet isn't asked.
#[derive(Debug, Clone, PartialEq)]
pub struct PrivateZone {
    /// Whose it is: an endpoint or a hosted zone.
    pub owner: String,
    /// The zone.
    pub zone: String,
    /// Addresses by name; `*.NAME` stands for all names below, however deep. One without any exists all the same.
    pub records: BTreeMap<String, BTreeSet<Ipv4Addr>>,
    /// Names that stand for other names, which are asked for in their place.
    pub cnames: BTreeMap<String, String>,
    /// Why it isn't served yet, or any more, if it isn't.
    pub unusable: Option<String>,
    /// Why it isn't known what it says, if it isn't.
    pub unknown: Option<String>,
}

/// A rule of a VPC's resolver.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// It is for this domain and everything below.
    pub domain: String,
    /// What it says.
    pub action: RuleAction,
}

/// What a resolver rule says.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleAction {
    /// Ask these servers, from the addresses of an outbound endpoint.
    Forward {
        /// The outbound endpoint's addresses.
        from: Vec<Ipv4Addr>,
        /// The servers.
        to: Vec<Ipv4Addr>,
    },
    /// Answer as if there were no rule for the domain.
    System,
    /// Something of which nothing is known, and why not.
    Unknown(String),
}

/// What listens on port 53 at an address.
#[derive(Debug, Clone, PartialEq)]
pub enum Server {
    /// A Route 53 Resolver inbound endpoint: the way to a VPC's resolver from outside the VPC.
    InboundEndpoint {
        /// Its name.
        name: String,
        /// The VPC it stands in.
        vpc: String,
        /// Why it doesn't answer, if it doesn't.
        unusable: Option<String>,
    },
    /// A DNS server on a host.
    Forwarder(Forwarder),
    /// What may be a DNS server.
    Unknown {
        /// Its name.
        name: String,
        /// Why nothing is known of it.
        why: String,
    },
}

/// A DNS server on a host.
#[derive(Debug, Clone, PartialEq)]
pub struct Forwarder {
    /// The host's name.
    pub name: String,
    /// The VPC it stands in.
    pub vpc: String,
    /// Why it doesn't answer, if it doesn't.
    pub unusable: Option<String>,
    /// Who is answered at all: the first range that holds the client counts.
    pub clients: Vec<ClientRange>,
    /// Who is answered from elsewhere than the server's own zones.
    pub recursive_clients: Vec<ClientRange>,
    /// What it does about a domain and everything below.
    pub zones: BTreeMap<String, Zone>,
    /// Where it asks for everything else.
    pub upstream: Upstream,
}

/// Clients that a DNS server answers, or refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientRange {
    /// Their addresses.
    pub range: Ipv4Net,
    /// Whether they are refused.
    pub refused: bool,
}

/// Whether the first range that holds an address doesn't refuse it.
pub fn admits(ranges: &[ClientRange], address: Ipv4Addr) -> bool {
    ranges.iter().find(|range| range.range.contains(&address)).is_some_and(|range| !range.refused)
}

/// What a DNS server on a host does about a zone.
#[derive(Debug, Clone, PartialEq)]
pub enum Zone {
    /// Asks others.
    Forward(Upstream),
    /// Answers by itself.
    Authoritative,
}

/// The servers that a forwarder asks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Upstream {
    /// In order; none means that it asks the internet's servers itself.
    pub servers: Vec<Ipv4Addr>,
    /// Whether it gives up when none of them answers, rather than ask the internet's servers itself.
    pub only: bool,
}

/// A host that asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// Its address.
    pub address: Ipv4Addr,
    /// The VPC it stands in.
    pub vpc: String,
}

/// A lookup, step by step.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    /// The name that the answer is for: another than was asked for, where that stands for it.
    pub name: String,
    /// What happened; where it failed, the last says why.
    pub hops: Vec<Hop>,
    /// The servers that took the question, VPC resolvers left out.
    pub asked: Vec<Ipv4Addr>,
    /// What came of it.
    pub answer: Answer,
}

/// Something that happened in a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// A sentence.
    pub says: String,
    /// Whether it is about what a VPC's resolver knows, rather than about the way to it.
    pub by_resolver: bool,
}

/// What comes of a lookup.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// These addresses, out of a private zone.
    Private {
        /// The addresses.
        addresses: BTreeSet<Ipv4Addr>,
        /// Whose zone it is.
        owner: String,
    },
    /// What a server on a host says by itself.
    Authoritative {
        /// The host.
        server: String,
    },
    /// What everybody on the internet is told.
    Public,
    /// There is no such name, and why not.
    NotFound(String),
    /// No answer.
    Failed {
        /// What the client sees.
        how: Failure,
        /// Why.
        why: String,
    },
    /// It can't be known, and why not.
    Unknown(String),
}

/// How a lookup fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The server couldn't find out.
    Servfail,
    /// The server doesn't answer this client.
    Refused,
    /// Nothing came back.
    Timeout,
}

impl Answer {
    fn failed(how: Failure, why: impl Into<String>) -> Self {
        Answer::Failed { how, why: why.into() }
    }

    fn timeout(why: impl Into<String>) -> Self {
        Self::failed(Failure::Timeout, why)
    }

    fn servfail(why: impl Into<String>) -> Self {
        Self::failed(Failure::Servfail, why)
    }
}

/// Whether DNS packets pass from one address to another and back; else what stands in the way.
pub type Reach<'a> = dyn Fn(Ipv4Addr, Ipv4Addr) -> Result<(), Obstacle> + 'a;

/// What a host gets for a name when it asks the DNS servers that DHCP gave it.
pub fn lookup(names: &Names, from: &Client, name: &str, reach: &Reach<'_>) -> Lookup {
    trace(names, name, reach, |question| question.host(from))
}

/// What a host gets for a name from one server.
pub fn ask(names: &Names, from: &Client, server: DnsServer, name: &str, reach: &Reach<'_>) -> Lookup {
    trace(names, name, reach, |question| question.ask_one(from, server))
}

/// What the resolver of a VPC says of a name.
pub fn resolve(names: &Names, vpc: &str, name: &str, reach: &Reach<'_>) -> Lookup {
    trace(names, name, reach, |question| question.vpc_resolver(vpc))
}

/// The private zones in which an endpoint answers for its private names, such as `*.studio.R.sagemaker.aws`.
pub fn endpoint_zones<'a>(
    owner: &str,
    private_names: impl IntoIterator<Item = &'a str>,
    addresses: &BTreeSet<Ipv4Addr>,
    unusable: Option<String>,
) -> Vec<PrivateZone> {
    let mut zones: BTreeMap<String, BTreeMap<String, BTreeSet<Ipv4Addr>>> = BTreeMap::new();
    for name in private_names.into_iter().map(canonical) {
        let zone = name.strip_prefix("*.").unwrap_or(&name).to_owned();
        zones.entry(zone).or_default().insert(name, addresses.clone());
    }
    let zone = |(zone, records)| PrivateZone {
        owner: owner.to_owned(),
        zone,
        records,
        cnames: BTreeMap::new(),
        unusable: unusable.clone(),
        unknown: None,
    };
    zones.into_iter().map(zone).collect()
}

/// Whether a name is a domain or below it; both in any case, with or without a dot at the end.
pub fn is_within(name: &str, domain: &str) -> bool {
    let (name, domain) = (canonical(name), canonical(domain));
    domain.is_empty() || name == domain || name.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
}

fn canonical(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// How specific a domain is: the number of its labels.
fn labels(domain: &str) -> usize {
    let domain = domain.trim_end_matches('.');
    if domain.is_empty() { 0 } else { domain.split('.').count() }
}

fn trace(names: &Names, name: &str, reach: &Reach<'_>, ask: impl FnOnce(&mut Question<'_>) -> Answer) -> Lookup {
    let (name, hops, asked) = (canonical(name), Vec::new(), Vec::new());
    let mut question = Question { names, reach, name, hops, asked, questions: 0 };
    let answer = ask(&mut question);
    if let Answer::Failed { why, .. } | Answer::NotFound(why) | Answer::Unknown(why) = &answer
        && question.hops.last().is_none_or(|hop| hop.says != *why)
    {
        question.says(why.clone());
    }
    Lookup { name: question.name, hops: question.hops, asked: question.asked, answer }
}

/// A lookup under way.
struct Question<'a> {
    names: &'a Names,
    reach: &'a Reach<'a>,
    name: String,
    hops: Vec<Hop>,
    asked: Vec<Ipv4Addr>,
    questions: usize,
}

impl Question<'_> {
    fn says(&mut self, sentence: String) {
        self.hops.push(Hop { says: sentence, by_resolver: false });
    }

    fn resolver_says(&mut self, sentence: String) {
        self.hops.push(Hop { says: sentence, by_resolver: true });
    }

    fn host(&mut self, from: &Client) -> Answer {
        let Some(vpc) = self.names.vpcs.get(&from.vpc) else {
            return Answer::timeout(format!("nothing is known of {}", from.vpc));
        };
        let mut answer = Answer::timeout(format!("{} names no DNS server", vpc.dhcp_options));
        for server in &vpc.dns_servers {
            answer = self.ask_one(from, *server);
            match &answer {
                Answer::Failed { why, .. } => self.says(why.clone()),
                _ => break,
            }
        }
        answer
    }

    fn ask_one(&mut self, from: &Client, server: DnsServer) -> Answer {
        let by_dhcp = self.names.vpcs.get(&from.vpc).map_or("DHCP", |vpc| &vpc.dhcp_options);
        match server {
            DnsServer::AmazonProvided => {
                self.says(format!("{by_dhcp} names the resolver of {}", from.vpc));
                self.vpc_resolver(&from.vpc)
            }
            DnsServer::Address(address) => {
                self.says(format!("{by_dhcp} names {address}"));
                self.server(from, address)
            }
        }
    }

    /// Asks whatever is at an address.
    fn server(&mut self, from: &Client, address: Ipv4Addr) -> Answer {
        self.questions += 1;
        if self.questions > MOST_QUESTIONS {
            return Answer::servfail("the servers ask each other in a loop");
        }
        let names = self.names;
        if address == LINK_LOCAL_RESOLVER || names.vpcs.get(&from.vpc).is_some_and(|vpc| resolver_of(vpc) == address) {
            return self.vpc_resolver(&from.vpc);
        }
        if let Some((vpc, _)) = names.vpcs.iter().find(|(_, vpc)| resolver_of(vpc) == address) {
            return Answer::timeout(format!("{address}, the resolver of {vpc}, answers only inside {vpc}"));
        }
        if from.address != address {
            match (self.reach)(from.address, address) {
                Ok(()) => {}
                Err(Obstacle::Blocked(why)) => return Answer::timeout(why),
                Err(Obstacle::Unknown(why)) => return Answer::Unknown(why),
            }
        }
        match names.servers.get(&address) {
            None if names.vpcs.values().any(|vpc| vpc.cidr.contains(&address)) => {
                Answer::timeout(format!("nothing answers DNS at {address}"))
            }
            None => self.outside(address),
            Some(Server::Unknown { name, why }) => {
                Answer::Unknown(format!("what {name} at {address} answers isn't known: {why}"))
            }
            Some(Server::InboundEndpoint { name, unusable: Some(why), .. }) => {
                Answer::timeout(format!("the inbound resolver endpoint {name} at {address} {why}"))
            }
            Some(Server::InboundEndpoint { name, vpc, unusable: None }) => {
                self.asked.push(address);
                self.says(format!("{address} is the inbound resolver endpoint {name}: it asks the resolver of {vpc}"));
                match self.vpc_resolver(vpc) {
                    Answer::Failed { why, .. } => Answer::servfail(why),
                    answer => answer,
                }
            }
            Some(Server::Forwarder(forwarder)) => self.forwarder(from, address, forwarder),
        }
    }

    /// Asks what has an address outside of all VPCs.
    fn outside(&mut self, address: Ipv4Addr) -> Answer {
        if !is_public(Ipv4Net::from(address).into()) {
            return Answer::Unknown(format!("nothing is known of what answers DNS at {address}"));
        }
        self.asked.push(address);
        self.says(format!("{address} is a server on the internet: it answers what everybody is told there"));
        Answer::Public
    }

    fn forwarder(&mut self, from: &Client, address: Ipv4Addr, forwarder: &Forwarder) -> Answer {
        let name = &forwarder.name;
        if let Some(why) = &forwarder.unusable {
            return Answer::timeout(format!("the DNS server {name} at {address} {why}"));
        }
        let zones = forwarder.zones.iter().filter(|(zone, _)| is_within(&self.name, zone));
        let zone = zones.max_by_key(|(zone, _)| labels(zone));
        let own = matches!(zone, Some((_, Zone::Authoritative)));
        // A host that asks its own server does so from the loopback address.
        let client = if from.address == address { Ipv4Addr::LOCALHOST } else { from.address };
        if !admits(&forwarder.clients, client) || !own && !admits(&forwarder.recursive_clients, client) {
            let why = format!("the DNS server {name} at {address} doesn't answer {}", from.address);
            return Answer::failed(Failure::Refused, why);
        }
        self.asked.push(address);
        match zone {
            Some((zone, Zone::Authoritative)) => {
                self.says(format!("{name} has the zone {zone} itself"));
                Answer::Authoritative { server: name.clone() }
            }
            Some((zone, Zone::Forward(upstream))) => self.upstream(forwarder, address, zone, upstream),
            None => self.upstream(forwarder, address, ".", &forwarder.upstream),
        }
    }

    fn upstream(&mut self, forwarder: &Forwarder, address: Ipv4Addr, zone: &str, upstream: &Upstream) -> Answer {
        let (name, client) = (&forwarder.name, Client { address, vpc: forwarder.vpc.clone() });
        for server in &upstream.servers {
            self.says(match zone {
                "." => format!("{name} has no zone for it and asks {server}"),
                _ => format!("{name} forwards {zone} to {server}"),
            });
            match self.server(&client, *server) {
                Answer::Failed { why, .. } => self.says(why),
                answer => return answer,
            }
        }
        if upstream.only && !upstream.servers.is_empty() {
            let servers = join(upstream.servers.iter());
            return Answer::servfail(format!("{name} forwards to {servers} only, and gets no answer"));
        }
        let why = if upstream.servers.is_empty() { "has nobody to forward to" } else { "doesn't forward only" };
        self.says(format!("{name} {why}: it asks the internet's servers itself"));
        Answer::Public
    }

    fn vpc_resolver(&mut self, name: &str) -> Answer {
        let Some(vpc) = self.names.vpcs.get(name) else {
            return Answer::timeout(format!("nothing is known of {name}"));
        };
        if !vpc.dns_support {
            return Answer::timeout(format!("DNS support of {name} is off: its resolver doesn't answer"));
        }
        let rules = vpc.rules.iter().filter(|rule| is_within(&self.name, &rule.domain));
        let rule = rules.max_by_key(|rule| labels(&rule.domain));
        let zone = self.private_zone(name, vpc);
        let specific = |zone: &PrivateZone| labels(&zone.zone);
        if let Some(Rule { name: rule, domain, action }) = rule
            && labels(domain) >= zone.map_or(0, specific)
        {
            match action {
                RuleAction::Forward { from, to } => return self.outbound(name, rule, from, to),
                RuleAction::Unknown(why) => {
                    return Answer::Unknown(format!(
                        "the resolver of {name} goes by the rule {rule} for {domain}: {why}"
                    ));
                }
                RuleAction::System => {}
            }
        }
        let Some(zone) = zone else {
            self.resolver_says(format!(
                "the resolver of {name} has no private zone for it: it answers as on the internet"
            ));
            return Answer::Public;
        };
        let owner = &zone.owner;
        if let Some(why) = &zone.unknown {
            return Answer::Unknown(format!(
                "the resolver of {name} goes by the private zone {} of {owner}: {why}",
                zone.zone
            ));
        }
        match record(zone, &self.name) {
            None => Answer::NotFound(format!("the private zone {} of {owner} has no such name", zone.zone)),
            Some((record, Record::Name(target))) => {
                self.resolver_says(format!(
                    "the resolver of {name} has {record} from {owner}: it stands for {}",
                    canonical(target)
                ));
                self.follow(name, target)
            }
            Some((record, Record::Addresses(addresses))) if addresses.is_empty() => {
                Answer::NotFound(format!("the private zone {} of {owner} has no address for {record}", zone.zone))
            }
            Some((record, Record::Addresses(addresses))) => {
                let listed = join(addresses.iter());
                self.resolver_says(format!("the resolver of {name} has {record} from {owner}: {listed}"));
                Answer::Private { addresses: addresses.clone(), owner: owner.clone() }
            }
        }
    }

    /// Asks a VPC's resolver for the name that another stands for.
    fn follow(&mut self, vpc: &str, target: &str) -> Answer {
        self.questions += 1;
        if self.questions > MOST_QUESTIONS {
            return Answer::servfail("the names stand for each other in a loop");
        }
        let asked = std::mem::replace(&mut self.name, canonical(target));
        let answer = self.vpc_resolver(vpc);
        // Whoever is asked next is asked for the first name.
        if let Answer::Failed { .. } = answer {
            self.name = asked;
        }
        answer
    }

    /// The most specific private zone that is served; says which aren't.
    fn private_zone<'v>(&mut self, name: &str, vpc: &'v Vpc) -> Option<&'v PrivateZone> {
        let zones: Vec<_> = vpc.private_zones.iter().filter(|zone| is_within(&self.name, &zone.zone)).collect();
        for zone in &zones {
            let (zone, owner) = (&zone.zone, &zone.owner);
            if !vpc.dns_hostnames {
                self.resolver_says(format!(
                    "DNS hostnames of {name} are off: the private zone {zone} of {owner} isn't served"
                ));
            }
        }
        for zone in &zones {
            if let Some(why) = &zone.unusable {
                self.resolver_says(format!("{} {why}: its private zone {} isn't served", zone.owner, zone.zone));
            }
        }
        let served = zones.into_iter().filter(|zone| vpc.dns_hostnames && zone.unusable.is_none());
        served.max_by_key(|zone| labels(&zone.zone))
    }

    fn outbound(&mut self, vpc: &str, rule: &str, from: &[Ipv4Addr], to: &[Ipv4Addr]) -> Answer {
        for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (from, to))) {
            self.resolver_says(format!("the resolver of {vpc} forwards it to {to}, by the rule {rule}"));
            match self.server(&Client { address: *from, vpc: vpc.to_owned() }, *to) {
                Answer::Failed { why, .. } => self.says(why),
                answer => return answer,
            }
        }
        Answer::servfail(format!("the rule {rule} forwards to {}, and gets no answer", join(to.iter())))
    }
}

/// The address of a VPC's resolver.
pub fn resolver_of(vpc: &Vpc) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(vpc.cidr.network()).saturating_add(2))
}

/// What a zone has for a name.
#[derive(Clone, Copy)]
enum Record<'a> {
    Addresses(&'a BTreeSet<Ipv4Addr>),
    Name(&'a str),
}

/// The record of a zone that answers for a name: its own, or else the nearest wildcard above it.
fn record<'a>(zone: &'a PrivateZone, name: &str) -> Option<(&'a String, Record<'a>)> {
    let cnames = zone.cnames.iter().map(|(record, target)| (record, Record::Name(target)));
    let records = zone.records.iter().map(|(record, addresses)| (record, Record::Addresses(addresses)));
    let all: Vec<_> = cnames.chain(records).collect();
    let find = |wanted: &str| all.iter().find(|(record, _)| canonical(record) == wanted).copied();
    let parents = name.match_indices('.').map(|(dot, _)| format!("*{}", &name[dot..]));
    find(name).or_else(|| parents.filter(|wildcard| is_within(wildcard, &zone.zone)).find_map(|name| find(&name)))
}

fn join(addresses: impl Iterator<Item = impl ToString>) -> String {
    addresses.map(|address| address.to_string()).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    const STUDIO: &str = "d-abcdefghijkl.studio.eu-west-1.sagemaker.aws";

    fn addresses(octets: &[[u8; 4]]) -> BTreeSet<Ipv4Addr> {
        octets.iter().copied().map(Ipv4Addr::from).collect()
    }

    fn vpc(cidr: &str, dns_servers: &[DnsServer]) -> Vpc {
        Vpc {
            cidr: cidr.parse().unwrap(),
            dns_support: true,
            dns_hostnames: true,
            dhcp_options: "dopt-1".into(),
            dns_servers: dns_servers.to_vec(),
            private_zones: Vec::new(),
            rules: Vec::new(),
        }
    }

    fn server(at: [u8; 4]) -> DnsServer {
        DnsServer::Address(Ipv4Addr::from(at))
    }

    fn everybody() -> Vec<ClientRange> {
        vec![ClientRange { range: "192.168.10.0/24".parse().unwrap(), refused: false }]
    }

    fn upstream(servers: &[[u8; 4]], only: bool) -> Upstream {
        Upstream { servers: servers.iter().copied().map(Ipv4Addr::from).collect(), only }
    }

    fn forwarder(name: &str) -> Server {
        let zone = Zone::Forward(upstream(&[[10, 16, 32, 10], [10, 16, 96, 10]], true));
        Server::Forwarder(Forwarder {
            name: name.into(),
            vpc: "onprem".into(),
            unusable: None,
            clients: everybody(),
            recursive_clients: everybody(),
            zones: BTreeMap::from([
                ("studio.eu-west-1.sagemaker.aws".into(), zone),
                ("corp.example".into(), Zone::Authoritative),
            ]),
            upstream: upstream(&[[192, 168, 10, 2]], true),
        })
    }

    fn inbound() -> Server {
        Server::InboundEndpoint { name: "rslvr-in-1".into(), vpc: "studio".into(), unusable: None }
    }

    /// Two DNS hosts that forward the Studio zone to the inbound endpoint of a VPC with a Studio endpoint.
    fn names() -> Names {
        let mut studio = vpc("10.16.0.0/16", &[DnsServer::AmazonProvided]);
        let endpoint = addresses(&[[10, 16, 42, 74], [10, 16, 100, 7]]);
        studio.private_zones = endpoint_zones("vpce-1", ["*.Studio.eu-west-1.sagemaker.aws."], &endpoint, None);
        Names {
            vpcs: BTreeMap::from([
                ("onprem".into(), vpc("192.168.10.0/24", &[server([192, 168, 10, 10]), server([192, 168, 10, 74])])),
                ("studio".into(), studio),
            ]),
            servers: BTreeMap::from([
                (Ipv4Addr::new(192, 168, 10, 10), forwarder("i-a")),
                (Ipv4Addr::new(192, 168, 10, 74), forwarder("i-b")),
                (Ipv4Addr::new(10, 16, 32, 10), inbound()),
                (Ipv4Addr::new(10, 16, 96, 10), inbound()),
            ]),
        }
    }

    impl Names {
        fn vpc(&mut self, name: &str) -> &mut Vpc {
            self.vpcs.get_mut(name).unwrap()
        }

        fn forwarder(&mut self, last: u8) -> &mut Forwarder {
            match self.servers.get_mut(&Ipv4Addr::new(192, 168, 10, last)) {
                Some(Server::Forwarder(forwarder)) => forwarder,
                _ => unreachable!(),
            }
        }
    }

    fn onprem() -> Client {
        Client { address: Ipv4Addr::new(192, 168, 10, 148), vpc: "onprem".into() }
    }

    fn inside() -> Client {
        Client { address: Ipv4Addr::new(10, 16, 33, 3), vpc: "studio".into() }
    }

    fn look(names: &Names, name: &str) -> String {
        told(&lookup(names, &onprem(), name, &|_, _| Ok(())))
    }

    fn told(lookup: &Lookup) -> String {
        let hops: String = lookup.hops.iter().map(|hop| format!("{}\n", hop.says)).collect();
        format!("{hops}{:?}", lookup.answer)
    }

    fn answer(names: &Names, from: &Client, name: &str) -> Answer {
        lookup(names, from, name, &|_, _| Ok(())).answer
    }

    fn endpoint() -> Answer {
        let addresses = addresses(&[[10, 16, 42, 74], [10, 16, 100, 7]]);
        Answer::Private { addresses, owner: "vpce-1".into() }
    }

    #[test]
    fn a_forwarded_name_ends_at_the_endpoint() {
        assert_snapshot!(look(&names(), STUDIO), @r#"
        dopt-1 names 192.168.10.10
        i-a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        10.16.32.10 is the inbound resolver endpoint rslvr-in-1: it asks the resolver of studio
        the resolver of studio has *.studio.eu-west-1.sagemaker.aws from vpce-1: 10.16.42.74 and 10.16.100.7
        Private { addresses: {10.16.42.74, 10.16.100.7}, owner: "vpce-1" }
        "#);
    }

    #[test]
    fn other_names_are_public_and_a_servers_own_zones_its_own() {
        assert_snapshot!(look(&names(), "example.com"), @"
        dopt-1 names 192.168.10.10
        i-a has no zone for it and asks 192.168.10.2
        the resolver of onprem has no private zone for it: it answers as on the internet
        Public
        ");
        assert_snapshot!(look(&names(), "www.corp.example"), @r#"
        dopt-1 names 192.168.10.10
        i-a has the zone corp.example itself
        Authoritative { server: "i-a" }
        "#);
    }

    #[test]
    fn case_dots_and_depth_dont_matter() {
        for name in ["D-X.STUDIO.EU-WEST-1.SAGEMAKER.AWS", "a.b.studio.eu-west-1.sagemaker.aws.", STUDIO] {
            assert_eq!(answer(&names(), &onprem(), name), endpoint(), "{name}");
        }
        assert_eq!(answer(&names(), &onprem(), "notstudio.eu-west-1.sagemaker.aws"), Answer::Public);
    }

    #[test]
    fn a_private_zone_hides_the_internets_names_of_the_zone() {
        assert_snapshot!(look(&names(), "studio.eu-west-1.sagemaker.aws"), @r#"
        dopt-1 names 192.168.10.10
        i-a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        10.16.32.10 is the inbound resolver endpoint rslvr-in-1: it asks the resolver of studio
        the private zone studio.eu-west-1.sagemaker.aws of vpce-1 has no such name
        NotFound("the private zone studio.eu-west-1.sagemaker.aws of vpce-1 has no such name")
        "#);
    }

    #[test]
    fn an_endpoint_answers_for_all_its_private_names() {
        let mut names = names();
        let private = ["*.studio.example", "studio.example", "api.example"];
        names.vpc("studio").private_zones = endpoint_zones("vpce-1", private, &addresses(&[[10, 16, 1, 1]]), None);
        let asked = ["studio.example", "x.studio.example", "api.example", "x.api.example", "example"];
        let private = asked.map(|name| matches!(answer(&names, &inside(), name), Answer::Private { .. }));
        assert_eq!(private, [true, true, true, false, false]);
    }

    #[test]
    fn peering_doesnt_extend_private_zones() {
        let mut names = names();
        names.vpc("onprem").dns_servers = vec![DnsServer::AmazonProvided];
        assert_snapshot!(look(&names, STUDIO), @"
        dopt-1 names the resolver of onprem
        the resolver of onprem has no private zone for it: it answers as on the internet
        Public
        ");
        names.vpc("onprem").dns_servers = vec![server([10, 16, 0, 2])];
        assert_snapshot!(look(&names, STUDIO), @r#"
        dopt-1 names 10.16.0.2
        10.16.0.2, the resolver of studio, answers only inside studio
        Failed { how: Timeout, why: "10.16.0.2, the resolver of studio, answers only inside studio" }
        "#);
    }

    #[test]
    fn inside_the_vpc_its_resolver_answers_at_each_of_its_addresses() {
        let mut names = names();
        for dns in [DnsServer::AmazonProvided, server([10, 16, 0, 2]), server([169, 254, 169, 253])] {
            names.vpc("studio").dns_servers = vec![dns];
            assert_eq!(answer(&names, &inside(), STUDIO), endpoint(), "{dns:?}");
        }
        names.vpc("studio").dns_servers.clear();
        assert!(matches!(answer(&names, &inside(), STUDIO), Answer::Failed { how: Failure::Timeout, .. }));
    }

    #[test]
    fn the_servers_of_the_dhcp_options_are_asked_in_order_until_one_answers() {
        let mut names = names();
        names.forwarder(10).unusable = Some("is stopped".into());
        assert_snapshot!(look(&names, STUDIO), @r#"
        dopt-1 names 192.168.10.10
        the DNS server i-a at 192.168.10.10 is stopped
        dopt-1 names 192.168.10.74
        i-b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        10.16.32.10 is the inbound resolver endpoint rslvr-in-1: it asks the resolver of studio
        the resolver of studio has *.studio.eu-west-1.sagemaker.aws from vpce-1: 10.16.42.74 and 10.16.100.7
        Private { addresses: {10.16.42.74, 10.16.100.7}, owner: "vpce-1" }
        "#);
    }

    #[test]
    fn forward_only_fails_rather_than_ask_the_internet() {
        let mut names = names();
        names.vpc("onprem").dns_servers.truncate(1);
        names.servers.remove(&Ipv4Addr::new(10, 16, 32, 10));
        let blocked = |_, to: Ipv4Addr| match to.octets() {
            [10, 16, ..] => Err(Obstacle::Blocked("the peering pcx-1 isn't active".to_owned())),
            _ => Ok(()),
        };
        assert_snapshot!(told(&lookup(&names, &onprem(), STUDIO, &blocked)), @r#"
        dopt-1 names 192.168.10.10
        i-a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        the peering pcx-1 isn't active
        i-a forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        the peering pcx-1 isn't active
        i-a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        Failed { how: Servfail, why: "i-a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer" }
        "#);
    }

    #[test]
    fn forward_first_and_nobody_to_forward_to_end_on_the_internet() {
        let mut names = names();
        let only = Upstream { only: false, ..upstream(&[[10, 16, 200, 1]], true) };
        names.forwarder(10).zones.insert("studio.eu-west-1.sagemaker.aws".into(), Zone::Forward(only));
        assert_snapshot!(look(&names, STUDIO), @"
        dopt-1 names 192.168.10.10
        i-a forwards studio.eu-west-1.sagemaker.aws to 10.16.200.1
        nothing answers DNS at 10.16.200.1
        i-a doesn't forward only: it asks the internet's servers itself
        Public
        ");
        names.forwarder(10).zones.clear();
        names.forwarder(10).upstream = Upstream { servers: Vec::new(), only: true };
        assert_snapshot!(look(&names, STUDIO), @"
        dopt-1 names 192.168.10.10
        i-a has nobody to forward to: it asks the internet's servers itself
        Public
        ");
    }

    #[test]
    fn a_missing_forward_zone_is_a_public_answer() {
        let mut names = names();
        names.forwarder(10).zones.remove("studio.eu-west-1.sagemaker.aws");
        assert_snapshot!(look(&names, STUDIO), @"
        dopt-1 names 192.168.10.10
        i-a has no zone for it and asks 192.168.10.2
        the resolver of onprem has no private zone for it: it answers as on the internet
        Public
        ");
    }

    #[test]
    fn the_most_specific_zone_of_a_forwarder_counts() {
        let mut names = names();
        let elsewhere = Zone::Forward(upstream(&[[10, 16, 200, 1]], true));
        names.forwarder(10).zones.insert("sagemaker.aws".into(), elsewhere.clone());
        assert_eq!(answer(&names, &onprem(), STUDIO), endpoint());
        names.vpc("onprem").dns_servers.truncate(1);
        names.forwarder(10).zones.insert(STUDIO.into(), elsewhere);
        assert!(matches!(answer(&names, &onprem(), STUDIO), Answer::Failed { how: Failure::Servfail, .. }));
    }

    #[test]
    fn a_client_that_isnt_admitted_is_refused_but_for_the_servers_own_zones() {
        let mut names = names();
        names.vpc("onprem").dns_servers.truncate(1);
        names.forwarder(10).recursive_clients.insert(0, ClientRange { range: onprem().address.into(), refused: true });
        assert_snapshot!(look(&names, STUDIO), @r#"
        dopt-1 names 192.168.10.10
        the DNS server i-a at 192.168.10.10 doesn't answer 192.168.10.148
        Failed { how: Refused, why: "the DNS server i-a at 192.168.10.10 doesn't answer 192.168.10.148" }
        "#);
        let own = Answer::Authoritative { server: "i-a".into() };
        assert_eq!(answer(&names, &onprem(), "www.corp.example"), own);
        names.forwarder(10).clients.clear();
        assert!(matches!(answer(&names, &onprem(), "www.corp.example"), Answer::Failed { how: Failure::Refused, .. }));
    }

    #[test]
    fn private_names_need_both_dns_attributes_of_their_own_vpc() {
        let mut names = names();
        names.vpc("onprem").dns_hostnames = false;
        assert_eq!(answer(&names, &onprem(), STUDIO), endpoint());
        names.vpc("studio").dns_hostnames = false;
        assert_snapshot!(look(&names, STUDIO), @"
        dopt-1 names 192.168.10.10
        i-a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        10.16.32.10 is the inbound resolver endpoint rslvr-in-1: it asks the resolver of studio
        DNS hostnames of studio are off: the private zone studio.eu-west-1.sagemaker.aws of vpce-1 isn't served
        the resolver of studio has no private zone for it: it answers as on the internet
        Public
        ");
        names.vpc("studio").dns_support = false;
        assert!(matches!(answer(&names, &onprem(), STUDIO), Answer::Failed { how: Failure::Servfail, .. }));
        assert!(matches!(answer(&names, &inside(), STUDIO), Answer::Failed { how: Failure::Timeout, .. }));
    }

    #[test]
    fn an_endpoint_that_isnt_ready_has_no_private_names() {
        let mut names = names();
        names.vpc("studio").private_zones[0].unusable = Some("is pending".into());
        assert_snapshot!(look(&names, STUDIO), @"
        dopt-1 names 192.168.10.10
        i-a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        10.16.32.10 is the inbound resolver endpoint rslvr-in-1: it asks the resolver of studio
        vpce-1 is pending: its private zone studio.eu-west-1.sagemaker.aws isn't served
        the resolver of studio has no private zone for it: it answers as on the internet
        Public
        ");
    }

    #[test]
    fn an_inbound_endpoint_that_isnt_operational_doesnt_answer() {
        let mut names = names();
        names.vpc("onprem").dns_servers = vec![server([10, 16, 32, 10])];
        assert_eq!(answer(&names, &onprem(), STUDIO), endpoint());
        let unusable = Some("is CREATING".to_owned());
        let creating = Server::InboundEndpoint { name: "rslvr-in-1".into(), vpc: "studio".into(), unusable };
        names.servers.insert(Ipv4Addr::new(10, 16, 32, 10), creating);
        assert_snapshot!(look(&names, STUDIO), @r#"
        dopt-1 names 10.16.32.10
        the inbound resolver endpoint rslvr-in-1 at 10.16.32.10 is CREATING
        Failed { how: Timeout, why: "the inbound resolver endpoint rslvr-in-1 at 10.16.32.10 is CREATING" }
        "#);
    }

    #[test]
    fn the_most_specific_private_zone_and_record_count() {
        let mut names = names();
        let record = |name: &str, last| (name.to_owned(), addresses(&[[10, 16, 1, last]]));
        let zone = |zone: &str, records: [(String, BTreeSet<Ipv4Addr>); 2]| PrivateZone {
            owner: zone.into(),
            zone: zone.into(),
            records: BTreeMap::from(records),
            cnames: BTreeMap::new(),
            unusable: None,
            unknown: None,
        };
        names.vpc("studio").private_zones = vec![
            zone("example.com", [record("*.example.com", 1), record("*.a.example.com", 2)]),
            zone("b.example.com", [record("b.example.com", 3), record("w.b.example.com", 4)]),
        ];
        let found = |name: &str| match answer(&names, &inside(), name) {
            Answer::Private { addresses, .. } => addresses.first().map(|address| address.octets()[3]),
            _ => None,
        };
        let asked = [
            "x.example.com",
            "x.y.a.example.com",
            "example.com",
            "b.example.com",
            "w.b.example.com",
            "x.b.example.com",
        ];
        assert_eq!(asked.map(found), [Some(1), Some(2), None, Some(3), Some(4), None]);
    }

    #[test]
    fn a_name_that_stands_for_another_is_asked_for_by_that() {
        let mut names = names();
        let cname = |name: &str, target: &str| (name.to_owned(), target.to_owned());
        names.vpc("studio").private_zones.push(PrivateZone {
            owner: "Z1".into(),
            zone: "corp.example".into(),
            records: BTreeMap::from([("text.corp.example".into(), BTreeSet::new())]),
            cnames: BTreeMap::from([
                cname("studio.corp.example", STUDIO),
                cname("web.corp.example", "www.Example.org."),
                cname("a.corp.example", "b.corp.example"),
                cname("b.corp.example", "a.corp.example"),
            ]),
            unusable: None,
            unknown: None,
        });
        assert_snapshot!(look(&names, "studio.corp.example"), @r#"
        dopt-1 names 192.168.10.10
        i-a has the zone corp.example itself
        Authoritative { server: "i-a" }
        "#);
        assert_eq!(answer(&names, &inside(), "studio.corp.example"), endpoint());
        let web = lookup(&names, &inside(), "web.corp.example", &|_, _| Ok(()));
        assert_eq!((web.answer, web.name.as_str()), (Answer::Public, "www.example.org"));
        let looped = answer(&names, &inside(), "a.corp.example");
        assert!(matches!(looped, Answer::Failed { how: Failure::Servfail, .. }), "{looped:?}");
        assert!(matches!(answer(&names, &inside(), "text.corp.example"), Answer::NotFound(_)));
    }

    #[test]
    fn a_rule_comes_before_a_private_zone_that_isnt_more_specific() {
        let mut names = names();
        let elsewhere = |domain: &str| Rule {
            name: "rslvr-rr-1".into(),
            domain: domain.into(),
            action: RuleAction::Forward {
                from: vec![Ipv4Addr::new(10, 16, 32, 99)],
                to: vec![Ipv4Addr::new(10, 16, 9, 9)],
            },
        };
        names.vpc("studio").rules = vec![elsewhere("."), elsewhere("sagemaker.aws")];
        assert_eq!(answer(&names, &inside(), STUDIO), endpoint());
        names.vpc("studio").rules.push(elsewhere("studio.eu-west-1.sagemaker.aws."));
        assert_snapshot!(told(&lookup(&names, &inside(), STUDIO, &|_, _| Ok(()))), @r#"
        dopt-1 names the resolver of studio
        the resolver of studio forwards it to 10.16.9.9, by the rule rslvr-rr-1
        nothing answers DNS at 10.16.9.9
        the rule rslvr-rr-1 forwards to 10.16.9.9, and gets no answer
        Failed { how: Servfail, why: "the rule rslvr-rr-1 forwards to 10.16.9.9, and gets no answer" }
        "#);
        let system = Rule { action: RuleAction::System, ..elsewhere(STUDIO) };
        names.vpc("studio").rules.push(system);
        assert_eq!(answer(&names, &inside(), STUDIO), endpoint());
    }

    #[test]
    fn a_rule_of_which_nothing_is_known_leaves_the_answer_open() {
        let mut names = names();
        let action = RuleAction::Unknown("another account's".into());
        names.vpc("studio").rules = vec![Rule { name: "rslvr-rr-1".into(), domain: ".".into(), action }];
        assert_eq!(answer(&names, &inside(), STUDIO), endpoint(), "the private zone is more specific");
        names.vpc("studio").rules[0].domain = STUDIO.into();
        assert!(matches!(answer(&names, &inside(), STUDIO), Answer::Unknown(_)));
    }

    #[test]
    fn a_server_on_the_internet_answers_as_everybody_is_told() {
        let mut names = names();
        names.vpc("onprem").dns_servers = vec![server([8, 8, 8, 8]), server([192, 168, 10, 10])];
        assert_snapshot!(look(&names, STUDIO), @"
        dopt-1 names 8.8.8.8
        8.8.8.8 is a server on the internet: it answers what everybody is told there
        Public
        ");
        let no_way = |_, to: Ipv4Addr| match is_public(Ipv4Net::from(to).into()) {
            false => Ok(()),
            true => Err(Obstacle::Blocked(format!("no way to {to}"))),
        };
        assert_eq!(lookup(&names, &onprem(), STUDIO, &no_way).answer, endpoint());
    }

    #[test]
    fn what_nothing_is_known_of_may_answer_anything() {
        let mut names = names();
        names.vpc("onprem").dns_servers = vec![server([10, 99, 0, 53])];
        assert_snapshot!(look(&names, STUDIO), @r#"
        dopt-1 names 10.99.0.53
        nothing is known of what answers DNS at 10.99.0.53
        Unknown("nothing is known of what answers DNS at 10.99.0.53")
        "#);
        names.vpc("onprem").dns_servers = vec![server([192, 168, 10, 10])];
        let why = "its user data was changed".to_owned();
        names.servers.insert(Ipv4Addr::new(192, 168, 10, 10), Server::Unknown { name: "i-a".into(), why });
        assert_snapshot!(look(&names, STUDIO), @r#"
        dopt-1 names 192.168.10.10
        what i-a at 192.168.10.10 answers isn't known: its user data was changed
        Unknown("what i-a at 192.168.10.10 answers isn't known: its user data was changed")
        "#);
    }

    #[test]
    fn servers_that_ask_each_other_fail() {
        let mut names = names();
        names.vpc("onprem").dns_servers.truncate(1);
        names.forwarder(10).upstream = upstream(&[[192, 168, 10, 74]], true);
        names.forwarder(74).upstream = upstream(&[[192, 168, 10, 10]], true);
        assert!(matches!(answer(&names, &onprem(), "example.com"), Answer::Failed { how: Failure::Servfail, .. }));
    }

    #[test]
    fn every_hop_between_hosts_is_asked_of_the_network() {
        let asked = std::cell::RefCell::new(Vec::new());
        let reach = |from: Ipv4Addr, to: Ipv4Addr| {
            asked.borrow_mut().push(format!("{from} -> {to}"));
            Ok(())
        };
        let found = lookup(&names(), &onprem(), STUDIO, &reach);
        assert_eq!(found.asked, [Ipv4Addr::new(192, 168, 10, 10), Ipv4Addr::new(10, 16, 32, 10)]);
        lookup(&names(), &onprem(), "example.com", &reach);
        let (to_host, to_inbound) = ("192.168.10.148 -> 192.168.10.10", "192.168.10.10 -> 10.16.32.10");
        assert_eq!(*asked.borrow(), [to_host, to_inbound, to_host]);
    }
}
