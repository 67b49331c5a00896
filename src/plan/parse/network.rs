//! The two VPCs: their ranges, subnets, security group rules and endpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::Range;

use ipnet::Ipv4Net;

use crate::plan::mistake::Fault;
use crate::plan::policy::endpoint_policy;
use crate::plan::section::{Said, Section};
use crate::plan::warning::open_rdp;
use crate::plan::{
    Addresses, Direction, GatewayEndpoint, InterfaceEndpoint, Onprem, Ports, Protocol, Remote, Rule, STUDIO_CIDR,
    Studio, Subnets, usable, value,
};

/// The most rules that a group may have each way:
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.
const MOST_RULES: usize = 60;

/// A VPC of the plan, and what the sections that come after it are checked against.
pub(super) struct Network<T> {
    pub vpc: T,
    /// What the file says of its range.
    pub cidr: Said<Ipv4Net>,
    /// The subnets in which endpoints and DNS servers stand.
    pub private: [Room; 2],
    /// Whether nothing is wrong with the names of its interface endpoints.
    pub endpoints_known: bool,
    /// Whether nothing is wrong with the names of its gateway endpoints.
    pub gateways_known: bool,
}

/// The VPC, and the subnet in which the app server stands.
pub(super) fn onprem(mut file: Section) -> (Network<Onprem>, Room) {
    let cidr = file.text("cidr", |text| value::vpc(text, 26));
    let default = cidr.value().map_or_else(Onprem::default, |cidr| Onprem::within(*cidr));
    let (dns_support, dns_hostnames) = dns_attributes(&mut file);
    let private = subnets(file.section("private"));
    let public = subnets(file.section("public"));
    let [private_a, private_b, public_a, _] = rooms(
        &file,
        (!cidr.is_wrong()).then_some(default.cidr),
        [
            ("private.a", &private.0, default.private.a),
            ("private.b", &private.1, default.private.b),
            ("public.a", &public.0, default.public.a),
            ("public.b", &public.1, default.public.b),
        ],
    );
    let mut private_rooms = [private_a, private_b];
    let rules = rules(&mut file, "rules").unwrap_or(default.rules);
    let internet_gateway = file.boolean("internet_gateway");
    let nat = file.boolean("nat");
    if nat.value() == Some(&true)
        && matches!(internet_gateway.value(), None | Some(false))
        && !internet_gateway.is_wrong()
        && let Some(span) = nat.span()
    {
        let sentence = "A NAT gateway leads nowhere without an internet gateway";
        file.report(span, Fault::new(sentence, "set internet_gateway = true as well"));
    }
    let gateway_endpoints = gateway_endpoints(&mut file);
    let private_names = PrivateNames::of(dns_support, dns_hostnames, gateway_endpoints.as_deref());
    let (endpoints, endpoints_known) = interface_endpoints(&mut file, &mut private_rooms, private_names);
    file.finish();
    let gateways_known = gateway_endpoints.is_some();
    let onprem = Onprem {
        cidr: default.cidr,
        dns_support,
        dns_hostnames,
        private: Subnets { a: private.0.or(default.private.a), b: private.1.or(default.private.b) },
        public: Subnets { a: public.0.or(default.public.a), b: public.1.or(default.public.b) },
        rules,
        internet_gateway: internet_gateway.or(default.internet_gateway),
        nat: nat.or(default.nat),
        endpoints,
        gateway_endpoints: gateway_endpoints.unwrap_or_default(),
    };
    (Network { vpc: onprem, cidr, private: private_rooms, endpoints_known, gateways_known }, public_a)
}

/// The VPC; `onprem` is the range of the other one.
pub(super) fn studio(mut file: Section, onprem: Ipv4Net) -> Network<Studio> {
    let cidr = file.text("cidr", |text| value::vpc(text, 27));
    let default = Studio::within(cidr.value().copied().unwrap_or(STUDIO_CIDR), onprem);
    let (dns_support, dns_hostnames) = dns_attributes(&mut file);
    let private = subnets(file.section("private"));
    let mut rooms = rooms(
        &file,
        (!cidr.is_wrong()).then_some(default.cidr),
        [("private.a", &private.0, default.private.a), ("private.b", &private.1, default.private.b)],
    );
    let endpoint_rules = rules(&mut file, "rules").unwrap_or(default.rules);
    let app_rules = rules(&mut file, "app_rules").unwrap_or(default.app_rules);
    let gateway_endpoints = gateway_endpoints(&mut file);
    let private_names = PrivateNames::of(dns_support, dns_hostnames, gateway_endpoints.as_deref());
    let (endpoints, endpoints_known) = interface_endpoints(&mut file, &mut rooms, private_names);
    file.finish();
    let gateways_known = gateway_endpoints.is_some();
    let studio = Studio {
        cidr: default.cidr,
        dns_support,
        dns_hostnames,
        private: Subnets { a: private.0.or(default.private.a), b: private.1.or(default.private.b) },
        rules: endpoint_rules,
        app_rules,
        endpoints,
        gateway_endpoints: gateway_endpoints.unwrap_or_default(),
    };
    Network { vpc: studio, cidr, private: rooms, endpoints_known, gateways_known }
}

/// A VPC's two DNS attributes, support and host names: AWS has no host names without support.
fn dns_attributes(file: &mut Section) -> (bool, bool) {
    let support = file.boolean("dns_support");
    let hostnames = file.boolean("dns_hostnames");
    if support.value() == Some(&false)
        && !hostnames.is_wrong()
        && hostnames.value() != Some(&false)
        && let Some(span) = support.span()
    {
        let hint = "set dns_support = true, or dns_hostnames = false as well";
        let fault = Fault::new("AWS has no DNS host names without DNS support", hint);
        file.report(span, fault);
    }
    (support.or(true), hostnames.or(true))
}

fn subnets(mut file: Section) -> (Said<Ipv4Net>, Said<Ipv4Net>) {
    let (a, b) = (file.text("a", value::subnet), file.text("b", value::subnet));
    file.finish();
    (a, b)
}

/// A subnet, and the addresses in it that the file gives to something.
pub(super) struct Room {
    /// Where the plan has it: `onprem.private.a`.
    name: String,
    /// `None` where the file is wrong about it.
    range: Option<Ipv4Net>,
    taken: BTreeMap<Ipv4Addr, String>,
}

impl Room {
    /// Gives an address to `whom`; reports one that can't be had.
    pub fn give(&mut self, file: &Section, address: &Said<Ipv4Addr>, whom: &str) {
        let (Some(range), Said::Value(said)) = (self.range, address) else { return };
        let (span, address) = (said.span(), *said.get_ref());
        let (first, last) = usable(range);
        let hint = format!("choose one from {first} to {last}");
        if !range.contains(&address) {
            let sentence = format!("{address} is not in the subnet `{}`, which is {range}", self.name);
            file.report(span, Fault::new(sentence, hint));
        } else if !(first..=last).contains(&address) {
            let sentence = format!("AWS keeps {address} for itself, as it does with five addresses of every subnet");
            file.report(span, Fault::new(sentence, hint));
        } else if let Some(other) = self.taken.get(&address) {
            file.report(span, Fault::new(format!("{address} is taken by {other}"), hint));
        } else {
            self.taken.insert(address, whom.to_owned());
        }
    }

    /// How many addresses it has for use, where it is known.
    fn size(&self) -> Option<usize> {
        let (first, last) = usable(self.range?);
        usize::try_from(last.to_bits() - first.to_bits() + 1).ok()
    }
}

/// Two addresses, one for each subnet.
pub(super) struct SaidAddresses {
    a: Said<Ipv4Addr>,
    b: Said<Ipv4Addr>,
}

impl SaidAddresses {
    pub fn read(mut file: Section) -> Self {
        let both = Self { a: file.text("a", value::address), b: file.text("b", value::address) };
        file.finish();
        both
    }

    /// Gives both to `whom`; reports what can't be had.
    pub fn give(&self, file: &Section, rooms: &mut [Room; 2], whom: &str) {
        rooms[0].give(file, &self.a, whom);
        rooms[1].give(file, &self.b, whom);
    }

    pub fn or(self, default: Addresses) -> Addresses {
        Addresses { a: self.a.or(default.a), b: self.b.or(default.b) }
    }
}

/// The subnets of a VPC, each given with its name, what the file says of it and its default, which doesn't count where
/// the VPC isn't known. Reports those that are not within the VPC, or overlap.
fn rooms<const N: usize>(
    file: &Section,
    vpc: Option<Ipv4Net>,
    subnets: [(&str, &Said<Ipv4Net>, Ipv4Net); N],
) -> [Room; N] {
    let known = |said: &Said<Ipv4Net>, default| match said {
        Said::Value(subnet) => Some(*subnet.get_ref()),
        Said::Nothing => vpc.and(Some(default)),
        Said::Wrong => None,
    };
    for (index, (_, said, _)) in subnets.iter().enumerate() {
        let Said::Value(subnet) = said else { continue };
        let (span, subnet) = (subnet.span(), *subnet.get_ref());
        if let Some(vpc) = vpc
            && !vpc.contains(&subnet)
        {
            let sentence = format!("{subnet} is not within the VPC's {vpc}");
            file.report(span, Fault::new(sentence, "choose a part of the VPC, or change the VPC's `cidr`"));
            continue;
        }
        // Of two that the file gives, the latter is reported.
        let others = subnets.iter().enumerate().filter(|(at, (_, other, _))| match other {
            Said::Value(_) => *at < index,
            _ => *at != index,
        });
        for (_, (name, other, default)) in others {
            if let Some(range) = known(other, *default)
                && overlap(subnet, range)
            {
                let default = if other.value().is_none() { " by default" } else { "" };
                let sentence = format!("{subnet} overlaps the subnet `{name}`, which is {range}{default}");
                file.report(span.clone(), Fault::new(sentence, format!("move this one, or `{name}`")));
            }
        }
    }
    subnets.map(|(name, said, default)| Room {
        name: file.path_of(name),
        range: known(said, default),
        taken: BTreeMap::new(),
    })
}

pub(super) fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// What a VPC lacks for endpoints with private DNS.
#[derive(Clone, Copy)]
struct PrivateNames {
    attributes: bool,
    s3_gateway: bool,
}

impl PrivateNames {
    fn of(dns_support: bool, dns_hostnames: bool, gateways: Option<&[GatewayEndpoint]>) -> Self {
        let s3_gateway = gateways.is_none_or(|gateways| gateways.iter().any(|gateway| gateway.service == "s3"));
        Self { attributes: dns_support && dns_hostnames, s3_gateway }
    }

    /// Why the names of a service can't be private.
    fn fault(self, service: &str, in_zone: bool) -> Option<Fault> {
        if !self.attributes {
            let sentence = format!("The names of `{service}` can't be private without the DNS attributes of the VPC");
            let instead = if in_zone { "leave hosted_zone out and set private_dns" } else { "private_dns" };
            let hint = format!("set dns_support and dns_hostnames of the VPC to true, or {instead} = false here");
            return Some(Fault::new(sentence, hint));
        }
        if service == "s3" && !self.s3_gateway && !in_zone {
            let sentence = "The names of `s3` can't be private without a gateway endpoint for it in the same VPC";
            let hint = "set private_dns = false here, or add the gateway endpoint";
            return Some(Fault::new(sentence, hint));
        }
        None
    }
}

/// Why a service can't have a hosted zone.
fn zone_fault(service: &str, private_dns: bool) -> Option<Fault> {
    if private_dns {
        let sentence = format!("The names of `{service}` would have two answers: private DNS and a hosted zone");
        return Some(Fault::new(sentence, "leave private_dns out, or hosted_zone"));
    }
    let sentence = "`s3` has no hosted zone here: buckets are labels before the names of its endpoint, too";
    (service == "s3").then(|| Fault::new(sentence, "leave hosted_zone out"))
}

/// The endpoints, and whether nothing is wrong with their names.
fn interface_endpoints(
    file: &mut Section,
    rooms: &mut [Room; 2],
    private_names: PrivateNames,
) -> (Vec<InterfaceEndpoint>, bool) {
    let sections = match file.sections("endpoints") {
        Said::Nothing => return (Vec::new(), true),
        Said::Wrong => return (Vec::new(), false),
        Said::Value(sections) => sections.into_inner(),
    };
    let count = sections.len();
    let mut endpoints: Vec<InterfaceEndpoint> = Vec::new();
    for mut section in sections {
        let service = service(&mut section, value::interface_service);
        let (private_dns, hosted_zone) = (section.boolean("private_dns"), section.boolean("hosted_zone"));
        let has_zone = hosted_zone.value() == Some(&true);
        let addresses = endpoint_addresses(&mut section, rooms, service.value());
        let policy = section.text("policy", endpoint_policy);
        if let (Some(name), Some(span)) = (service.value(), service.span()) {
            if (private_dns.value() != Some(&false) || has_zone)
                && !private_dns.is_wrong()
                && let Some(fault) = private_names.fault(name, has_zone)
            {
                section.report(span.clone(), fault);
            }
            if let Some(zone) = hosted_zone.span().filter(|_| has_zone)
                && let Some(fault) = zone_fault(name, private_dns.value() == Some(&true))
            {
                section.report(zone, fault);
            }
            if endpoints.iter().any(|other| other.service == *name) {
                section.report(span, twice(name));
            } else if let Some(size) = rooms.iter().filter_map(Room::size).min()
                && endpoints.len() + 1 == size
            {
                let sentence = format!("There is no room for this endpoint: a subnet has {size} addresses for use");
                section.report(
                    span,
                    Fault::new(sentence, "one of them is for a DNS server or the resolver; make the subnets larger"),
                );
            }
        }
        section.finish();
        if let Said::Value(service) = service {
            endpoints.push(InterfaceEndpoint {
                service: service.into_inner(),
                private_dns: private_dns.or(!has_zone),
                hosted_zone: has_zone,
                addresses,
                policy: policy.into_value(),
            });
        }
    }
    let all_known = endpoints.len() == count;
    (endpoints, all_known)
}

/// The addresses of an endpoint, none where AWS chooses them.
fn endpoint_addresses(file: &mut Section, rooms: &mut [Room; 2], service: Option<&String>) -> Option<Addresses> {
    let addresses = SaidAddresses::read(file.section("addresses"));
    if let (Said::Value(only), Said::Nothing) | (Said::Nothing, Said::Value(only)) = (&addresses.a, &addresses.b) {
        let sentence = "This endpoint has an address of its own in one subnet only";
        file.report(only.span(), Fault::new(sentence, "give it one in each: `a` and `b`"));
    }
    let whom = service.map_or("another endpoint".into(), |service| format!("the endpoint for `{service}`"));
    addresses.give(file, rooms, &whom);
    Some(Addresses { a: addresses.a.into_value()?, b: addresses.b.into_value()? })
}

/// The endpoints; none where something is wrong with their names.
fn gateway_endpoints(file: &mut Section) -> Option<Vec<GatewayEndpoint>> {
    let sections = match file.sections("gateway_endpoints") {
        Said::Nothing => return Some(Vec::new()),
        Said::Wrong => return None,
        Said::Value(sections) => sections.into_inner(),
    };
    let count = sections.len();
    let mut endpoints: Vec<GatewayEndpoint> = Vec::new();
    for mut section in sections {
        let service = service(&mut section, value::gateway_service);
        let policy = section.text("policy", endpoint_policy);
        if let (Some(name), Some(span)) = (service.value(), service.span())
            && endpoints.iter().any(|other| other.service == *name)
        {
            section.report(span, twice(name));
        }
        section.finish();
        if let Some(service) = service.into_value() {
            endpoints.push(GatewayEndpoint { service, policy: policy.into_value() });
        }
    }
    Some(endpoints).filter(|endpoints| endpoints.len() == count)
}

fn service(file: &mut Section, meaning: impl Fn(&str) -> Result<String, Fault>) -> Said<String> {
    let service = file.text("service", meaning);
    if service.is_nothing() {
        let fault = Fault::new("This endpoint has no `service`", "say what it leads to: service = \"s3\"");
        file.lacks(&["service"], fault);
    }
    service
}

fn twice(service: &str) -> Fault {
    Fault::new(format!("This VPC has another endpoint for `{service}`"), "keep one of the two")
}

/// All rules of a security group, where the file gives them.
pub(super) fn rules(file: &mut Section, key: &'static str) -> Option<Vec<Rule>> {
    let sections = file.sections(key).into_value()?;
    let mut rules: Vec<Rule> = Vec::new();
    let mut spans = Vec::new();
    let mut seen = BTreeSet::new();
    for section in sections {
        let span = section.span();
        let Some(rule) = rule(section) else { continue };
        if !seen.insert((rule.direction, rule.protocol, rule.ports, rule.remote)) {
            let fault = Fault::new("This rule is given twice", "keep one of the two: descriptions make no difference");
            file.report(span, fault);
            continue;
        }
        if rules.iter().filter(|other| other.direction == rule.direction).count() == MOST_RULES {
            let sentence = format!("A group can't have more than {MOST_RULES} rules of one direction");
            file.report(
                span.clone(),
                Fault::new(sentence, "this is the first too many: put several networks into one"),
            );
        }
        rules.push(rule);
        spans.push(span);
    }
    check_rdp(file, &rules, spans);
    Some(rules)
}

/// Reports the rule that, alone or with those before it, opens RDP to everyone.
fn check_rdp(file: &Section, rules: &[Rule], spans: Vec<Range<usize>>) {
    let mut each = spans.into_iter().enumerate();
    if let Some((_, span)) = each.find(|(at, _)| open_rdp(rules[..=*at].iter())) {
        let sentence = "RDP would be open to the whole internet, or nearly";
        file.report(span, Fault::new(sentence, "leave port 3389 out, or name the networks that you come from"));
    }
}

fn rule(mut file: Section) -> Option<Rule> {
    let direction = file.text("direction", value::direction);
    let protocol = file.text("protocol", value::protocol);
    let ports = file.text("ports", value::ports);
    let cidr = file.text("cidr", value::network);
    let group = file.text("group", value::group);
    let description = file.text("description", value::rule_description);

    if protocol.is_nothing() {
        let hint = "write protocol = \"tcp\", \"udp\", \"icmp\" or \"all\"";
        file.lacks(&["protocol"], Fault::new("This rule has no `protocol`", hint));
    }
    if let Some(Protocol::Icmp | Protocol::All) = protocol.value()
        && let Some(span) = ports.span()
    {
        file.report(span, Fault::new("Only TCP and UDP have ports", "leave `ports` out"));
    }
    let remote = match (cidr, group) {
        (Said::Nothing, Said::Nothing) => {
            let hint = "say who is at the other end: cidr = \"10.16.0.0/16\" or group = \"self\"";
            file.lacks(&["cidr", "group"], Fault::new("This rule has neither `cidr` nor `group`", hint));
            None
        }
        (Said::Value(cidr), Said::Nothing) => Some(Remote::Cidr(cidr.into_inner())),
        (Said::Nothing, Said::Value(group)) => Some(Remote::Group(group.into_inner())),
        (Said::Value(_), Said::Value(group)) => {
            file.report(group.span(), Fault::new("This rule has both `cidr` and `group`", "make it two rules"));
            None
        }
        (Said::Wrong, _) | (_, Said::Wrong) => None,
    };
    let all_known = !direction.is_wrong() && !ports.is_wrong();
    file.finish();
    Some(Rule {
        direction: direction.or(Direction::default()),
        protocol: protocol.into_value()?,
        // AWS knows no difference between all ports and none named.
        ports: ports.into_value().filter(|ports| *ports != Ports::ALL),
        remote: remote?,
        description: description.into_value(),
    })
    .filter(|_| all_known)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::testing::{lab, mistakes, plan};
    use super::*;
    use crate::plan::Group;

    #[test]
    fn networks_are_checked_as_aws_would() {
        assert_snapshot!(mistakes(r#"
[onprem]
cidr = "192.168.10.0/27"
private.a = "192.168.10.0/29"
private.b = "fd00::/64"
public.a = "192.168.10.0"
public.b = "192.168.10.300/24"
[studio]
cidr = "169.254.0.0/16"
"#), @r#"
        4:8 A /27 is too small for the subnets of this VPC
            use /16 to /26
        5:13 A subnet can't be a /29
            AWS allows /16 to /28
        6:13 `fd00::/64` is not an IPv4 network
            only IPv4 is supported: "10.16.0.0/16"
        7:12 `192.168.10.0` is not an IPv4 network
            write an address and the length of its prefix: "10.16.0.0/16"
        8:12 `192.168.10.300/24` is not an IPv4 network
            write an address and the length of its prefix: "10.16.0.0/16"
        10:8 169.254.0.0/16 is reserved for link-local addresses
            use a private range: within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16
        "#);
    }

    #[test]
    fn subnets_lie_in_their_vpc_and_do_not_overlap() {
        assert_snapshot!(mistakes(r#"
[onprem.private]
a = "192.168.10.0/25"
[studio.private]
a = "10.16.0.0/17"
b = "10.17.0.0/20"
"#), @r"
        4:5 192.168.10.0/25 overlaps the subnet `private.b`, which is 192.168.10.64/26 by default
            move this one, or `private.b`
        7:5 10.17.0.0/20 is not within the VPC's 10.16.0.0/16
            choose a part of the VPC, or change the VPC's `cidr`
        ");
    }

    #[test]
    fn given_subnets_are_compared_even_where_their_vpc_is_wrong() {
        assert_snapshot!(mistakes(r#"
[studio]
cidr = "10.16.0.0"
private = { a = "10.99.0.0/20", b = "10.99.0.0/24" }
"#), @r#"
        4:8 `10.16.0.0` is not an IPv4 network
            write an address and the length of its prefix: "10.16.0.0/16"
        5:37 10.99.0.0/24 overlaps the subnet `private.a`, which is 10.99.0.0/20
            move this one, or `private.a`
        "#);
    }

    #[test]
    fn host_names_need_dns_support() {
        assert_snapshot!(mistakes("studio.dns_support = false"), @r"
        2:22 AWS has no DNS host names without DNS support
            set dns_support = true, or dns_hostnames = false as well
        ");
        plan("name = \"lab\"\nstudio = { dns_support = false, dns_hostnames = false }");
    }

    #[test]
    fn rules_are_checked() {
        assert_snapshot!(mistakes(r#"
[[onprem.rules]]
protocol = "icmp"
ports = "8"
cidr = "0.0.0.0/0"
[[onprem.rules]]
protocol = "tcp"
ports = "2048-1024"
cidr = "10.0.0.0/8"
group = "self"
[[onprem.rules]]
protocol = "tcp"
ports = 53
group = "dns"
description = "l'été"
[[onprem.rules]]
direction = "inbound"
protocol = "6"
ports = "70000"
cidr = "10.0.0.1/8"
"#), @r#"
        5:9 Only TCP and UDP have ports
            leave `ports` out
        9:9 2048-1024 ends before it begins
            did you mean "1024-2048"?
        11:9 This rule has both `cidr` and `group`
            make it two rules
        14:9 A text belongs here, not a number
            put it in quotes: "53"
        15:9 `dns` is not a group that a rule can name
            known here: `self`
        16:15 A rule can't be described as `l'été`
            use at most 255 letters without accents, digits, spaces and ._-:/()#,@[]+=&;{}!$*
        18:13 `inbound` is not a direction
            known here: `ingress`, `egress`
        19:12 `6` is not a protocol
            known here: `tcp`, `udp`, `icmp`, `all`
        20:9 `70000` is neither a port nor a range of ports
            write a port from 0 to 65535, "53", or two with a hyphen, "1024-2048"
        21:8 10.0.0.1 is not the first address of a /8
            did you mean "10.0.0.0/8"?
        "#);
    }

    #[test]
    fn the_same_rule_twice_is_a_mistake_however_it_is_written() {
        assert_snapshot!(mistakes(r#"
[[onprem.rules]]
protocol = "tcp"
group = "self"
[[onprem.rules]]
direction = "ingress"
protocol = "tcp"
ports = "0-65535"
group = "self"
description = "All ports are no ports"
"#), @r"
        6:1 This rule is given twice
            keep one of the two: descriptions make no difference
        ");
    }

    #[test]
    fn no_rule_opens_rdp_to_everyone() {
        let rule = |protocol: &str, ports: &str, cidr: &str| {
            format!("[[studio.rules]]\nprotocol = \"{protocol}\"\n{ports}cidr = \"{cidr}\"\n")
        };
        let halves = rule("tcp", "ports = \"3389\"\n", "0.0.0.0/1") + &rule("all", "", "128.0.0.0/1");
        assert_snapshot!(mistakes(&halves), @"
        2:1 RDP would be open to the whole internet, or nearly
            leave port 3389 out, or name the networks that you come from
        ");
        for rule in [rule("tcp", "", "0.0.0.0/0"), rule("tcp", "ports = \"3000-4000\"\n", "32.0.0.0/3")] {
            assert!(mistakes(&rule).contains("RDP"));
        }
        lab(&rule("tcp", "ports = \"443\"\n", "0.0.0.0/0"));
        lab(&rule("all", "", "10.0.0.0/8"));
    }

    #[test]
    fn the_members_of_a_group_are_a_remote() {
        let plan = plan("name = \"lab\"\n[[onprem.rules]]\nprotocol = \"tcp\"\ngroup = \"self\"");
        assert_eq!(plan.onprem.rules[0].remote, Remote::Group(Group::Own));
    }

    #[test]
    fn a_group_has_at_most_60_rules_each_way() {
        let rules = |count: u16, direction: &str| -> String {
            let rule =
                format!("[[studio.app_rules]]\ndirection = \"{direction}\"\nprotocol = \"tcp\"\ngroup = \"self\"\n");
            (1..=count).map(|port| format!("{rule}ports = \"{port}\"\n")).collect()
        };
        lab(&(rules(60, "ingress") + &rules(60, "egress")));
        assert_snapshot!(mistakes(&rules(62, "egress")), @r"
        302:1 A group can't have more than 60 rules of one direction
            this is the first too many: put several networks into one
        ");
    }

    #[test]
    fn a_nat_gateway_needs_an_internet_gateway() {
        assert_snapshot!(mistakes("onprem.nat = true"), @r"
        2:14 A NAT gateway leads nowhere without an internet gateway
            set internet_gateway = true as well
        ");
        assert!(lab("onprem = { nat = true, internet_gateway = true }").onprem.nat);
    }

    #[test]
    fn endpoints_lead_to_services_by_the_last_part_of_their_names() {
        assert_snapshot!(mistakes(r#"
[[onprem.gateway_endpoints]]
service = "sts"
[[studio.endpoints]]
service = "studo"
[[studio.endpoints]]
service = "com.amazonaws.eu-west-1.lambda"
[[studio.endpoints]]
service = "mail"
[[studio.endpoints]]
servise = "sts"
[[studio.endpoints]]
private_dns = true
"#), @r#"
        4:11 `sts` is not a service that gateway endpoints lead to
            known here: `dynamodb`, `s3`
        6:11 `studo` is not a service that interface endpoints lead to
            did you mean `studio`?
        8:11 `com.amazonaws.eu-west-1.lambda` is not a service that interface endpoints lead to
            write the last part of its name only: "lambda"
        10:11 `mail` is not a service that interface endpoints lead to
            known here: `athena`, `autoscaling`, `cloudformation`, `cognito-idp`, `ec2`, `ec2messages`, `ecr.api`, `ecr.dkr`, `elasticfilesystem`, `elasticloadbalancing`, `events`, `execute-api`, `glue`, `kms`, `lambda`, `logs`, `monitoring`, `notebook`, `s3`, `sagemaker.api`, `sagemaker.featurestore-runtime`, `sagemaker.runtime`, `secretsmanager`, `servicecatalog`, `sns`, `sqs`, `ssm`, `ssmmessages`, `states`, `sts`, `studio`
        12:1 `servise` is not a key of [studio.endpoints]
            did you mean `service`?
        13:1 This endpoint has no `service`
            say what it leads to: service = "s3"
        "#);
    }

    #[test]
    fn a_vpc_has_one_endpoint_for_a_service() {
        assert_snapshot!(mistakes(r#"
[[studio.endpoints]]
service = "sts"
[[studio.endpoints]]
service = "sts"
private_dns = false
[[studio.gateway_endpoints]]
service = "s3"
[[studio.gateway_endpoints]]
service = "s3"
"#), @r"
        6:11 This VPC has another endpoint for `sts`
            keep one of the two
        11:11 This VPC has another endpoint for `s3`
            keep one of the two
        ");
    }

    #[test]
    fn a_hosted_zone_stands_in_place_of_private_dns() {
        let endpoint = |fields: &str| {
            let endpoint = format!("[[studio.endpoints]]\nservice = \"sts\"\n{fields}");
            let endpoint = lab(&endpoint).studio.endpoints.remove(0);
            (endpoint.private_dns, endpoint.hosted_zone, endpoint.has_private_names())
        };
        assert_eq!(endpoint(""), (true, false, true));
        assert_eq!(endpoint("hosted_zone = false"), (true, false, true));
        assert_eq!(endpoint("hosted_zone = true"), (false, true, true));
        assert_eq!(endpoint("private_dns = false\nhosted_zone = true"), (false, true, true));
        assert_eq!(endpoint("private_dns = false"), (false, false, false));
        assert_snapshot!(mistakes(r#"
[[studio.endpoints]]
service = "sts"
private_dns = true
hosted_zone = true
[[studio.endpoints]]
service = "s3"
hosted_zone = true
[[onprem.endpoints]]
service = "sts"
hosted_zone = true
[onprem]
dns_hostnames = false
"#), @"
        6:15 The names of `sts` would have two answers: private DNS and a hosted zone
            leave private_dns out, or hosted_zone
        9:15 `s3` has no hosted zone here: buckets are labels before the names of its endpoint, too
            leave hosted_zone out
        11:11 The names of `sts` can't be private without the DNS attributes of the VPC
            set dns_support and dns_hostnames of the VPC to true, or leave hosted_zone out and set private_dns = false here
        ");
    }

    #[test]
    fn private_names_need_the_dns_attributes_of_the_vpc() {
        assert_snapshot!(mistakes(r#"
[studio]
dns_hostnames = false
[[studio.endpoints]]
service = "studio"
[[studio.endpoints]]
service = "lambda"
private_dns = false
"#), @r"
        6:11 The names of `studio` can't be private without the DNS attributes of the VPC
            set dns_support and dns_hostnames of the VPC to true, or private_dns = false here
        ");
    }

    #[test]
    fn the_private_names_of_s3_need_a_gateway_endpoint_too() {
        assert_snapshot!(mistakes("[[studio.endpoints]]\nservice = \"s3\""), @r"
        3:11 The names of `s3` can't be private without a gateway endpoint for it in the same VPC
            set private_dns = false here, or add the gateway endpoint
        ");
        lab("[[studio.endpoints]]\nservice = \"s3\"\n[[studio.gateway_endpoints]]\nservice = \"s3\"");
        lab("[[studio.endpoints]]\nservice = \"s3\"\nprivate_dns = false");
    }

    #[test]
    fn endpoints_have_addresses_of_their_own_in_both_subnets() {
        assert_snapshot!(mistakes(r#"
[[studio.endpoints]]
service = "studio"
addresses = { a = "10.16.32.3", b = "10.16.111.255" }
[[studio.endpoints]]
service = "lambda"
addresses = { a = "10.16.96.40", b = "10.16.96.40" }
[[studio.endpoints]]
service = "sts"
addresses = { a = "10.16.32.40", b = "10.16.96.40" }
[[studio.endpoints]]
service = "logs"
addresses = { a = "10.16.32.41" }
[[studio.endpoints]]
service = "kms"
addresses = { a = "10.16.32.256", b = "::1" }
"#), @r#"
        5:19 AWS keeps 10.16.32.3 for itself, as it does with five addresses of every subnet
            choose one from 10.16.32.4 to 10.16.47.254
        5:37 AWS keeps 10.16.111.255 for itself, as it does with five addresses of every subnet
            choose one from 10.16.96.4 to 10.16.111.254
        8:19 10.16.96.40 is not in the subnet `studio.private.a`, which is 10.16.32.0/20
            choose one from 10.16.32.4 to 10.16.47.254
        11:38 10.16.96.40 is taken by the endpoint for `lambda`
            choose one from 10.16.96.4 to 10.16.111.254
        14:19 This endpoint has an address of its own in one subnet only
            give it one in each: `a` and `b`
        17:19 `10.16.32.256` is not an IPv4 address
            write four numbers from 0 to 255: "10.16.32.10"
        17:39 `::1` is not an IPv4 address
            write four numbers from 0 to 255: "10.16.32.10"
        "#);
    }

    #[test]
    fn small_subnets_have_room_for_few_endpoints() {
        let services = ["athena", "ec2", "ecr.api", "ecr.dkr", "events", "glue", "kms", "lambda", "logs", "sns", "sqs"];
        let endpoints: String =
            services.iter().map(|service| format!("[[studio.endpoints]]\nservice = \"{service}\"\n")).collect();
        assert_snapshot!(mistakes(&format!("studio.cidr = \"10.16.0.0/27\"\n{endpoints}")), @r"
        24:11 There is no room for this endpoint: a subnet has 11 addresses for use
            one of them is for a DNS server or the resolver; make the subnets larger
        ");
    }

    #[test]
    fn policies_of_endpoints_are_checked_as_aws_would() {
        assert_snapshot!(mistakes(&format!(r#"
[[studio.endpoints]]
service = "studio"
policy = "*"
[[studio.endpoints]]
service = "lambda"
policy = '{{"Version": "2026-01-01", "Statement": [{{"Effect": "Allow"}}]}}'
[[studio.endpoints]]
service = "sts"
policy = '{{"Version": "2012-10-17", "Statement": []}}'
[[studio.endpoints]]
service = "logs"
policy = '{{"Version": "2012-10-17", "Statement": {{"Effect": "allow"}}}}'
[[studio.gateway_endpoints]]
service = "s3"
policy = '{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": "*", "Action": "*"}}]}}'
[[studio.gateway_endpoints]]
service = "dynamodb"
policy = """
{}"""
"#, "{ }\n".repeat(6000))), @r#"
        5:10 This policy is not JSON: expected value at line 1 column 1
            it has this form: {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", …}]}
        8:10 IAM doesn't know the `Version` of this policy
            it has this form: {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", …}]}
        11:10 This policy has no `Statement`
            it has this form: {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", …}]}
        14:10 An `Effect` is neither Allow nor Deny
            write one of the two
        17:10 A statement of this policy has no `Resource`
            policies of endpoints need Principal, Action and Resource
        20:10 This policy has more than 20480 characters
            AWS takes no longer ones, spaces included
        "#);
    }
}
