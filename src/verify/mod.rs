//! Whether a lab is private: steps of the way from a corporate browser to a notebook, each shown to hold or not by what
//! is live. The plan says which names, hosts and endpoints are meant; everything else is read from the survey.
//!
//! A step holds when it holds from every host of the corporate network that somebody works on: the lab's app server
//! where it runs, and an imagined one in each subnet that has none. A host may ask any of the DNS servers that it is
//! told of, so each of them has to be right.

pub(crate) mod access;
mod leaks;
mod live;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::aws::services;
use crate::blueprint::Blueprint;
use crate::engine::holdings::Holdings;
use crate::model::names::{self, Answer, Client, Failure, Lookup, Server};
use crate::model::network::{self, End, Protocol};
use crate::plan::{DnsMode, Plan};
use crate::resource::interface_endpoint::InterfaceEndpoint;
use crate::resource::{Address, Kind, Observed, Spec};
use crate::survey::Survey;
use live::{Labels, Live, UserData, addresses};

/// Where the parts of a lab stand in its blueprint.
const ONPREM_VPC: &str = "onprem/vpc";
const STUDIO_VPC: &str = "studio/vpc";
const ONPREM_SUBNETS: [&str; 4] =
    ["onprem/subnet/private-a", "onprem/subnet/private-b", "onprem/subnet/public-a", "onprem/subnet/public-b"];
const DNS_SERVERS: [&str; 2] = ["onprem/dns/a", "onprem/dns/b"];

const NOBODY: &str = "the lab's corporate network has no host, and no subnet to imagine one in";

/// An address of nobody's, for hosts that would be given a public one: <https://www.rfc-editor.org/rfc/rfc5737>.
const SOME_PUBLIC_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// What decides whether packets pass.
const NETWORK: [Kind; 13] = [
    Kind::Vpc,
    Kind::Subnet,
    Kind::RouteTable,
    Kind::RouteTableAssociation,
    Kind::Route,
    Kind::SecurityGroup,
    Kind::SecurityGroupRule,
    Kind::NetworkAcl,
    Kind::VpcPeeringConnection,
    Kind::InternetGateway,
    Kind::NatGateway,
    Kind::InterfaceEndpoint,
    Kind::Instance,
];

/// What decides who answers a lookup, besides the network.
const NAMES: [Kind; 6] = [
    Kind::DhcpOptions,
    Kind::DhcpOptionsAssociation,
    Kind::ResolverEndpoint,
    Kind::ResolverRuleAssociation,
    Kind::HostedZone,
    Kind::RecordSet,
];

/// What of a lab's privacy could be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Whether every step looked at holds and nothing leaks.
    pub private: bool,
    /// Which of the eleven steps were looked at.
    pub looked_at: Vec<u8>,
    /// What was found of them, in order.
    pub steps: Vec<Step>,
    /// Ways past the private one, a sentence each.
    pub leaks: Vec<String>,
}

/// A step of the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number among the eleven.
    pub step: u8,
    /// What should be so.
    pub title: String,
    /// Whether it is.
    pub holds: Holds,
    /// Why, a sentence each.
    pub because: Vec<String>,
}

/// Whether something was shown to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// It is so.
    Yes,
    /// It isn't.
    No,
    /// It can't be known.
    Unknown,
}

/// Looks at a lab: its plan, what that asks for in a Region, and what is there.
pub fn verify(plan: &Plan, blueprint: &Blueprint, survey: &Survey, region: &str) -> Verification {
    let holdings = Holdings::sort(blueprint, survey);
    let labels = Labels::of(&holdings);
    let mut live = Live::read(survey, &labels, &UserData::planned(blueprint, &holdings));
    let hosts = hosts(&holdings, &labels, &mut live);
    let doors = doors(plan, blueprint, &holdings, region);
    let lab = Lab { plan, blueprint, survey, holdings: &holdings, labels: &labels, live: &live, hosts, doors };
    let steps = vec![lab.forwarding(), lab.resolver(), lab.studio_name(), lab.connection()];
    let leaks = lab.leaks();
    let private = leaks.is_empty() && steps.iter().all(|step| step.holds == Holds::Yes);
    Verification { private, looked_at: steps.iter().map(|step| step.step).collect(), steps, leaks }
}

/// An endpoint whose names corporate hosts should reach.
struct Door<'a> {
    /// Its service, as plans name it.
    service: &'a str,
    /// Names that should lead to it; none where the plan has no such endpoint.
    names: Vec<String>,
    /// In how many subnets it should stand.
    planned: usize,
    /// The endpoint as it stands.
    endpoint: Option<(&'a Observed, &'a InterfaceEndpoint)>,
}

impl Door<'_> {
    fn addresses(&self) -> BTreeSet<Ipv4Addr> {
        self.endpoint.iter().flat_map(|(_, endpoint)| addresses(&endpoint.placements)).collect()
    }
}

/// Studio's endpoint, and those of the other services whose names are forwarded.
fn doors<'a>(plan: &'a Plan, blueprint: &Blueprint, holdings: &Holdings<'a>, region: &str) -> Vec<Door<'a>> {
    let others = plan.dns.forward.iter().map(String::as_str).filter(|service| *service != "studio");
    let door = |service: &'a str| {
        let address = Address::from(format!("studio/endpoint/{service}"));
        let held = holdings.held.get(&address);
        let endpoint = held.and_then(|held| match &held.observed.spec {
            Spec::InterfaceEndpoint(endpoint) => Some((held.observed, endpoint)),
            _ => None,
        });
        let planned = blueprint.get(&address).map_or(0, |desired| match &desired.spec {
            Spec::InterfaceEndpoint(endpoint) => endpoint.placements.len(),
            _ => 0,
        });
        let names = match planned {
            0 => Vec::new(),
            _ => examples(service, region, endpoint.and_then(|(observed, _)| observed.output("private_dns_names"))),
        };
        Door { service, names, planned, endpoint }
    };
    std::iter::once("studio").chain(others).map(door).collect()
}

/// Names of a service, one in each of its zones. The domain and the API needn't exist yet: any name of theirs is
/// answered alike. An older endpoint may lack all zones but the first: then its private names don't say them.
fn examples(service: &str, region: &str, private_names: Option<&str>) -> Vec<String> {
    let has =
        |zone: &String| private_names.is_none_or(|names| names.split(',').any(|name| names::is_within(name, zone)));
    let zones = services::dns_zones(service, region).into_iter().enumerate();
    let zones = zones.filter(|(at, zone)| *at == 0 || has(zone)).map(|(_, zone)| zone);
    zones
        .map(|zone| match service {
            "studio" | "notebook" => format!("d-abcdefghijkl.{zone}"),
            "execute-api" => format!("abcdef1234.{zone}"),
            _ => zone,
        })
        .collect()
}

/// A host of the corporate network, there or imagined.
struct Host {
    /// What sentences call it.
    name: String,
    client: Client,
}

/// The lab's hosts that somebody works on, and an imagined one in each subnet without.
fn hosts(holdings: &Holdings<'_>, labels: &Labels<'_>, live: &mut Live) -> Vec<Host> {
    let Some(vpc) = holdings.held.get(&Address::from(ONPREM_VPC)) else { return Vec::new() };
    let vpc = labels.label(&vpc.observed.id);
    let client = |address| Client { address, vpc: vpc.clone() };
    let mut hosts = Vec::new();
    let mut peopled = BTreeSet::new();
    for (address, held) in holdings.held.iter().filter(|(address, _)| !DNS_SERVERS.contains(&address.as_str())) {
        if let Spec::Instance(instance) = &held.observed.spec
            && instance.running
        {
            peopled.insert(instance.subnet.text());
            let name = format!("{} ({address})", instance.private_address);
            hosts.push(Host { name, client: client(instance.private_address) });
        }
    }
    let subnets = ONPREM_SUBNETS.iter().filter_map(|address| holdings.held.get(&Address::from(*address)));
    for observed in subnets.map(|held| held.observed).filter(|observed| !peopled.contains(&observed.id)) {
        let label = labels.label(&observed.id);
        let Some(address) = live.network.imagine_host(&label) else { continue };
        if let Spec::Subnet(subnet) = &observed.spec
            && subnet.public
            && let Some(interface) = live.network.interfaces.get_mut(&address)
        {
            interface.public = Some(SOME_PUBLIC_ADDRESS);
        }
        hosts.push(Host { name: format!("{address} (imagined, in {label})"), client: client(address) });
    }
    hosts
}

/// Everything that the steps are about.
struct Lab<'a> {
    plan: &'a Plan,
    blueprint: &'a Blueprint,
    survey: &'a Survey,
    holdings: &'a Holdings<'a>,
    labels: &'a Labels<'a>,
    live: &'a Live,
    hosts: Vec<Host>,
    doors: Vec<Door<'a>>,
}

/// Sentences in order, each once.
#[derive(Default)]
struct Reasons(Vec<String>);

impl Reasons {
    fn add(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if !self.0.contains(&sentence) {
            self.0.push(sentence);
        }
    }

    fn add_all(&mut self, sentences: impl IntoIterator<Item = String>) {
        sentences.into_iter().for_each(|sentence| self.add(sentence));
    }
}

fn hops(lookup: &Lookup) -> Vec<String> {
    lookup.hops.iter().map(|hop| hop.says.clone()).collect()
}

/// Whether lookups are as they should be, and why.
type Judgement = (Holds, Vec<String>);

/// What was found of a step.
#[derive(Default)]
struct Found {
    /// Why it holds.
    for_it: Reasons,
    /// Why it doesn't.
    against: Reasons,
    /// What can't be known of it.
    unknown: Reasons,
    /// What doesn't keep it from holding.
    remarks: Reasons,
}

impl Found {
    fn against(why: impl Into<String>) -> Self {
        let mut found = Self::default();
        found.against.add(why);
        found
    }

    fn side(&mut self, holds: Holds) -> &mut Reasons {
        match holds {
            Holds::Yes => &mut self.for_it,
            Holds::No => &mut self.against,
            Holds::Unknown => &mut self.unknown,
        }
    }

    fn verdict(mut self) -> Judgement {
        if !self.against.0.is_empty() {
            return (Holds::No, self.against.0);
        }
        if !self.unknown.0.is_empty() {
            return (Holds::Unknown, self.unknown.0);
        }
        self.for_it.add_all(self.remarks.0);
        (Holds::Yes, self.for_it.0)
    }
}

impl Lab<'_> {
    /// Step 3.
    fn forwarding(&self) -> Step {
        let title = "Corporate DNS forwards the private names to the inbound resolver";
        self.step(3, title, &NAMES, |lab| {
            if lab.plan.dns.mode == DnsMode::Off {
                return Found::against("the plan has no DNS forwarding: `dns.mode` is off");
            }
            let forwarded =
                lab.doors.iter().filter(|door| lab.plan.dns.forward.iter().any(|name| name == door.service));
            let is_inbound = |address: &Ipv4Addr| {
                matches!(lab.live.names.servers.get(address), Some(Server::InboundEndpoint { .. }))
            };
            let mut found = lab.look_up_everywhere(forwarded, |_, lookup| {
                if lookup.asked.iter().any(is_inbound) {
                    let on_the_way = lookup.hops.iter().filter(|hop| !hop.by_resolver);
                    return (Holds::Yes, on_the_way.map(|hop| hop.says.clone()).collect());
                }
                match &lookup.answer {
                    Answer::Unknown(_) => (Holds::Unknown, hops(lookup)),
                    _ => (Holds::No, [hops(lookup), vec!["so the inbound resolver isn't asked".to_owned()]].concat()),
                }
            });
            found.remarks.add_all(lab.silent_resolvers());
            found
        })
    }

    /// The addresses of the inbound resolver where nothing answers, while it should.
    fn silent_resolvers(&self) -> Vec<String> {
        let planned = [self.plan.dns.resolver.a, self.plan.dns.resolver.b];
        let answers = |address: &Ipv4Addr| {
            let server = self.live.names.servers.get(address);
            matches!(server, Some(Server::InboundEndpoint { unusable: None, .. }))
        };
        let silent = planned.iter().filter(|address| !answers(address));
        silent
            .map(|address| format!("the inbound resolver doesn't answer at {address}: only the other is left"))
            .collect()
    }

    /// Step 4.
    fn resolver(&self) -> Step {
        let title = "The VPC resolver answers with the endpoints' addresses";
        self.step(4, title, &NAMES, |lab| {
            let Some(held) = lab.holdings.held.get(&Address::from(STUDIO_VPC)) else {
                return Found::against("the Studio VPC is missing");
            };
            let vpc = lab.labels.label(&held.observed.id);
            let mut found = Found::default();
            for door in &lab.doors {
                if let Err(why) = lab.stands(door) {
                    found.against.add(why);
                    continue;
                }
                for name in &door.names {
                    let lookup = names::resolve(&lab.live.names, &vpc, name, &|from, to| lab.live.dns_passes(from, to));
                    let holds = match &lookup.answer {
                        answer if lab.leads_to(answer, door) => Holds::Yes,
                        Answer::Unknown(_) => Holds::Unknown,
                        _ => Holds::No,
                    };
                    let side = found.side(holds);
                    if holds == Holds::Yes {
                        side.add_all(hops(&lookup));
                    } else {
                        side.add(format!("{name} is looked up in the Studio VPC"));
                        side.add_all(hops(&lookup));
                        side.add(format!("so {}", instead(&lookup.answer)));
                    }
                }
                found.remarks.add_all(lab.missing_subnets(door));
            }
            found
        })
    }

    /// Whether an endpoint stands in fewer subnets than it should.
    fn missing_subnets(&self, door: &Door<'_>) -> Option<String> {
        let standing = door.addresses().len();
        let (observed, _) = door.endpoint.filter(|_| standing < door.planned)?;
        let label = self.labels.label(&observed.id);
        Some(format!("{label} has {standing} of its {} addresses: when a zone fails, so does it", door.planned))
    }

    /// Step 9.
    fn studio_name(&self) -> Step {
        let title = "The Studio URL resolves to the Studio endpoint";
        self.step(9, title, &NAMES, |lab| {
            lab.look_up_everywhere(lab.doors.iter().take(1), |door, lookup| match &lookup.answer {
                Answer::Private { addresses, owner } if lab.leads_to(&lookup.answer, door) => {
                    (Holds::Yes, vec![format!("it leads to {}, the addresses of {owner}", join(addresses))])
                }
                Answer::Unknown(_) => (Holds::Unknown, hops(lookup)),
                answer => (Holds::No, [hops(lookup), vec![format!("so {}", instead(answer))]].concat()),
            })
        })
    }

    /// Step 11.
    fn connection(&self) -> Step {
        let title = "HTTPS passes from the corporate network to the endpoints, and back";
        self.step(11, title, &[], |lab| {
            let mut found = Found::default();
            if lab.hosts.is_empty() {
                found.against.add(NOBODY);
            }
            let (mut open, mut blocked) = (Stretches::default(), Stretches::default());
            for door in &lab.doors {
                if let Err(why) = lab.stands(door) {
                    found.against.add(why);
                }
                for (host, address) in
                    lab.hosts.iter().flat_map(|host| door.addresses().into_iter().map(move |to| (host, to)))
                {
                    let from = End::Host(host.client.address);
                    match network::connect(&lab.live.network, from, address, Protocol::Tcp, 443) {
                        Ok(hops) => hops.iter().for_each(|hop| open.add(lab, host, address, hop)),
                        Err(why) => blocked.add(lab, host, address, &why),
                    }
                }
                found.remarks.add_all(lab.missing_subnets(door));
            }
            found.for_it.add_all(open.0.iter().map(Stretch::sentence));
            for stretch in &blocked.0 {
                let (hosts, addresses) = (join(&stretch.hosts), join(&stretch.addresses));
                let why = stretch.sentence();
                found.against.add(format!("tcp 443 doesn't pass from {hosts} to {addresses}: {why}"));
            }
            found
        })
    }

    /// A step, unless what it depends on could not be read: the network, and these kinds.
    fn step(&self, step: u8, title: &str, names: &[Kind], look: impl FnOnce(&Self) -> Found) -> Step {
        let kinds = NETWORK.iter().chain(names);
        let unreadable = kinds.filter_map(|kind| Some((kind, self.survey.why_unreadable(*kind)?)));
        let mut unknown = Reasons::default();
        unknown.add_all(unreadable.map(|(kind, failure)| format!("{kind} could not be read: {failure}")));
        unknown.add_all(self.live.unknown_network.iter().cloned());
        unknown.add_all(self.live.unknown_names.iter().filter(|_| !names.is_empty()).cloned());
        let (holds, because) = match unknown.0.is_empty() {
            true => look(self).verdict(),
            false => (Holds::Unknown, unknown.0),
        };
        Step { step, title: title.to_owned(), holds, because }
    }

    /// Looks up the names of these doors from every host; `judge` says whether a lookup is as it should be, and why.
    fn look_up_everywhere<'d>(
        &'d self,
        doors: impl Iterator<Item = &'d Door<'d>>,
        judge: impl Fn(&Door<'_>, &Lookup) -> Judgement,
    ) -> Found {
        let mut found = Found::default();
        if self.hosts.is_empty() {
            found.against.add(NOBODY);
        }
        // Hosts and names of which the same is said are named together.
        let mut judgements: Vec<(Judgement, Vec<&str>, Vec<&str>)> = Vec::new();
        for door in doors {
            if let Err(why) = self.stands(door) {
                found.against.add(why);
                continue;
            }
            for name in &door.names {
                let mut of_name: Vec<(Judgement, Vec<&str>)> = Vec::new();
                for host in &self.hosts {
                    let judgement = self.judge_servers(host, name, &mut found.remarks, |lookup| judge(door, lookup));
                    match of_name.iter_mut().find(|(same, _)| *same == judgement) {
                        Some((_, hosts)) => hosts.push(&host.name),
                        None => of_name.push((judgement, vec![&host.name])),
                    }
                }
                for (judgement, hosts) in of_name {
                    match judgements.iter_mut().find(|(same, of, _)| *same == judgement && *of == hosts) {
                        Some((.., names)) => names.push(name),
                        None => judgements.push((judgement, hosts, vec![name])),
                    }
                }
            }
        }
        let mut said: Vec<(Holds, Vec<&str>)> = Vec::new();
        for ((holds, reasons), hosts, names) in judgements {
            let again = said.last().is_some_and(|last| *last == (holds, hosts.clone()));
            let (who, verb) = match (again, hosts.as_slice()) {
                (true, [_]) => ("the same host".to_owned(), "looks"),
                (true, _) => ("the same hosts".to_owned(), "look"),
                (false, [host]) => ((*host).to_owned(), "looks"),
                (false, hosts) => (join(hosts), "look"),
            };
            let side = found.side(holds);
            side.add(format!("{who} {verb} up {}", join(names)));
            side.add_all(reasons);
            said.push((holds, hosts));
        }
        found
    }

    /// Looks up a name at each server that a host may ask. One that is silent is passed over while another answers;
    /// those that answer have to be right, whichever comes first.
    fn judge_servers(
        &self,
        host: &Host,
        name: &str,
        remarks: &mut Reasons,
        judge: impl Fn(&Lookup) -> Judgement,
    ) -> Judgement {
        let (names, client) = (&self.live.names, &host.client);
        let short_only = RefCell::new(Reasons::default());
        let pass = |from, to| {
            let passes = self.live.dns_passes(from, to);
            if passes.is_ok()
                && let Err(why) = self.live.network.long_answers_pass(from, to)
            {
                short_only.borrow_mut().add(format!("long answers fail: {why}"));
            }
            passes
        };
        let servers = names.vpcs.get(&client.vpc).map(|vpc| vpc.dns_servers.as_slice()).unwrap_or_default();
        let lookups: Vec<_> = servers.iter().map(|server| names::ask(names, client, *server, name, &pass)).collect();
        let why_silent = |lookup: &Lookup| match &lookup.answer {
            Answer::Failed { why, .. } => Some(why.clone()),
            _ => None,
        };
        if lookups.iter().all(|lookup| why_silent(lookup).is_some()) {
            return judge(&names::lookup(names, client, name, &pass));
        }
        let judged: Vec<_> = lookups.iter().map(|lookup| (why_silent(lookup), judge(lookup))).collect();
        for (worst, silent_too) in [(Holds::No, true), (Holds::Unknown, false)] {
            let is_bad = |(why, (holds, _)): &&(Option<String>, Judgement)| match why {
                Some(_) => silent_too,
                None => *holds == worst,
            };
            if judged.iter().any(|(why, (holds, _))| why.is_none() && *holds == worst) {
                let reasons = judged.iter().zip(&lookups).filter(|(judged, _)| is_bad(judged));
                let reasons = reasons.flat_map(|((why, (_, reasons)), lookup)| match why {
                    Some(_) => hops(lookup),
                    None => reasons.clone(),
                });
                return (worst, reasons.collect());
            }
        }
        let silent = judged.iter().filter_map(|(why, _)| why.as_ref());
        remarks.add_all(silent.map(|why| format!("{why}; another DNS server answers")));
        remarks.add_all(short_only.into_inner().0);
        let first = judged.into_iter().find(|(why, _)| why.is_none());
        first.map_or_else(|| (Holds::Unknown, Vec::new()), |(_, judgement)| judgement)
    }

    /// Whether the plan has a door, and it stands.
    fn stands(&self, door: &Door<'_>) -> Result<(), String> {
        if door.names.is_empty() {
            return Err(format!("the plan has no endpoint for {} in the Studio VPC", door.service));
        }
        door.endpoint.map(drop).ok_or_else(|| format!("the endpoint for {} is missing", door.service))
    }

    fn leads_to(&self, answer: &Answer, door: &Door<'_>) -> bool {
        // By itself, or by a hosted zone: its addresses are nobody else's.
        matches!(answer, Answer::Private { addresses, .. } if !addresses.is_empty() && *addresses == door.addresses())
    }
}

/// What is said of connections, hosts and addresses of which the same is said taken together.
#[derive(Default)]
struct Stretches(Vec<Stretch>);

/// Something said of the connections from some hosts to some addresses.
struct Stretch {
    /// With [`PLACES`] for the host, the address, and their subnets' ranges.
    template: String,
    hosts: Vec<String>,
    addresses: BTreeSet<Ipv4Addr>,
    /// What stood in each place.
    fillings: [Vec<String>; 4],
}

/// What can't be in a sentence otherwise. Ranges are looked for before the addresses that begin like them.
const PLACES: [char; 4] = ['\u{1}', '\u{2}', '\u{3}', '\u{4}'];

impl Stretches {
    fn add(&mut self, lab: &Lab<'_>, host: &Host, to: Ipv4Addr, says: &str) {
        let range = |address: Ipv4Addr| {
            let interface = lab.live.network.interfaces.get(&address)?;
            Some(lab.live.network.subnets.get(&interface.subnet)?.cidr.to_string())
        };
        let from = host.client.address;
        let words = [range(from).unwrap_or_default(), range(to).unwrap_or_default(), from.to_string(), to.to_string()];
        let mut template = says.to_owned();
        let mut used: [Vec<String>; 4] = Default::default();
        for (at, word) in words.into_iter().enumerate().filter(|(_, word)| !word.is_empty()) {
            let replaced = replace_word(&template, &word, PLACES[at]);
            if replaced != template {
                (template, used[at]) = (replaced, vec![word]);
            }
        }
        let place = self.0.iter().position(|stretch| stretch.template == template).unwrap_or_else(|| {
            let (hosts, addresses, fillings) = Default::default();
            self.0.push(Stretch { template, hosts, addresses, fillings });
            self.0.len() - 1
        });
        let stretch = &mut self.0[place];
        if !stretch.hosts.contains(&host.name) {
            stretch.hosts.push(host.name.clone());
        }
        stretch.addresses.insert(to);
        for (filling, word) in stretch.fillings.iter_mut().zip(used) {
            filling.extend(word.into_iter().filter(|word| !filling.contains(word)).collect::<Vec<_>>());
        }
    }
}

impl Stretch {
    fn sentence(&self) -> String {
        let filled = PLACES.iter().zip(&self.fillings);
        filled.fold(self.template.clone(), |text, (place, words)| text.replace(*place, &join(words)))
    }
}

/// Puts a sign in the place of an address or a range, but not of the beginning of a longer one.
fn replace_word(text: &str, word: &str, sign: char) -> String {
    let part = |letter: char| letter.is_ascii_digit() || letter == '/';
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let whole =
            !before.ends_with(|letter: char| letter.is_ascii_digit() || letter == '.') && !after.starts_with(part);
        replaced.push_str(before);
        if whole {
            replaced.push(sign);
        } else {
            replaced.push_str(word);
        }
        rest = after;
    }
    replaced + rest
}

/// What a name gets in place of its endpoint.
fn instead(answer: &Answer) -> String {
    match answer {
        Answer::Private { addresses, owner } => format!("it leads to {} of {owner}", join(addresses)),
        Answer::Authoritative { server } => format!("it is what {server} says by itself"),
        Answer::Public => "it leads to a public address".to_owned(),
        Answer::NotFound(_) => "there is no such name".to_owned(),
        Answer::Unknown(_) => "it can't be known where it leads".to_owned(),
        Answer::Failed { how: Failure::Servfail, .. } => "it fails with SERVFAIL".to_owned(),
        Answer::Failed { how: Failure::Refused, .. } => "it is REFUSED".to_owned(),
        Answer::Failed { how: Failure::Timeout, .. } => "nobody answers".to_owned(),
    }
}

/// `a, b and c`.
fn join(items: impl IntoIterator<Item = impl ToString>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    match items.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => items.concat(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use insta::assert_snapshot;

    use super::*;
    use crate::aws::{Class, Failure as Denied};
    use crate::blueprint::draw;
    use crate::engine::testing::{built, facts, id};
    use crate::plan::{self, Addresses, Source, parse};
    use crate::resource::instance::Instance;
    use crate::resource::interface_endpoint::Placement;
    use crate::resource::internet_gateway::InternetGateway;
    use crate::resource::policy::Policy;
    use crate::resource::resolver_rule_association::ResolverRuleAssociation;
    use crate::resource::route::{Route, Target};
    use crate::resource::route_table::RouteTable;
    use crate::resource::security_group::SecurityGroup;
    use crate::resource::security_group_rule;
    use crate::resource::{Readiness, Ref};

    /// A lab with everything that the steps are about, and how it looks when it stands.
    struct Lab {
        plan: Plan,
        blueprint: Blueprint,
        survey: Survey,
    }

    fn plan() -> Plan {
        parse(&Source { name: "test".into(), text: "name = \"demo\"".into() }).unwrap()
    }

    fn lab(mode: DnsMode) -> Lab {
        let mut plan = plan();
        let doors = [("studio", "10.16.42.74", "10.16.100.7"), ("sagemaker.api", "10.16.42.75", "10.16.100.8")];
        for (service, a, b) in doors {
            let addresses = Some(Addresses { a: a.parse().unwrap(), b: b.parse().unwrap() });
            let endpoint = plan::InterfaceEndpoint {
                service: service.into(),
                private_dns: true,
                hosted_zone: false,
                addresses,
                policy: None,
            };
            plan.studio.endpoints.push(endpoint);
        }
        plan.dns.mode = mode;
        plan.dns.forward = vec!["sagemaker.api".into(), "studio".into()];
        plan.onprem.internet_gateway = true;
        plan.app_server.enabled = mode == DnsMode::Server;
        let blueprint = draw(&plan, &facts());
        let mut survey = built(&blueprint);
        let private = [
            ("studio", "*.studio.eu-west-1.sagemaker.aws,*.studio.sagemaker.eu-west-1.app.aws"),
            ("sagemaker.api", "api.sagemaker.eu-west-1.amazonaws.com"),
        ];
        for (service, name) in private {
            let outputs = &mut survey.at(&format!("studio/endpoint/{service}")).outputs;
            outputs.insert("private_dns_names".into(), name.into());
        }
        Lab { plan, blueprint, survey }
    }

    impl Lab {
        fn verify(&self) -> Verification {
            verify(&self.plan, &self.blueprint, &self.survey, "eu-west-1")
        }

        /// The lab with something changed by hand.
        fn but(mut self, change: impl FnOnce(&mut Survey)) -> Self {
            change(&mut self.survey);
            self
        }

        fn without(mut self, address: &str) -> Self {
            self.survey = self.survey.without(address);
            self
        }

        /// Which steps hold: `3 yes, 4 no, …`.
        fn holds(&self) -> String {
            let name = |holds| format!("{holds:?}").to_lowercase();
            let steps = self.verify().steps;
            steps.iter().map(|step| format!("{} {}", step.step, name(step.holds))).collect::<Vec<_>>().join(", ")
        }

        /// Which steps hold, what the others say, and what leaks.
        fn told(&self) -> String {
            let found = self.verify();
            let mut lines = vec![self.holds()];
            for step in found.steps.iter().filter(|step| step.holds != Holds::Yes) {
                lines.extend(step.because.iter().map(|reason| format!("{}: {reason}", step.step)));
            }
            lines.extend(found.leaks.iter().map(|leak| format!("leak: {leak}")));
            self.short(&lines.join("\n"))
        }

        /// Addresses in place of labels.
        fn short(&self, text: &str) -> String {
            self.blueprint.iter().fold(text.to_owned(), |text, desired| {
                let address = &desired.address;
                text.replace(&format!("{} ({address})", id(address)), address.as_str())
            })
        }
    }

    fn server() -> Lab {
        lab(DnsMode::Server)
    }

    fn edit<T>(observed: &mut Observed, part: impl FnOnce(&mut Spec) -> Option<&mut T>, change: impl FnOnce(&mut T)) {
        change(part(&mut observed.spec).unwrap());
    }

    fn vpc(spec: &mut Spec) -> Option<&mut crate::resource::vpc::Vpc> {
        if let Spec::Vpc(vpc) = spec { Some(vpc) } else { None }
    }

    fn host(spec: &mut Spec) -> Option<&mut Instance> {
        if let Spec::Instance(instance) = spec { Some(instance) } else { None }
    }

    fn endpoint(spec: &mut Spec) -> Option<&mut InterfaceEndpoint> {
        if let Spec::InterfaceEndpoint(endpoint) = spec { Some(endpoint) } else { None }
    }

    #[test]
    fn a_lab_as_it_was_built_is_private() {
        for mode in [DnsMode::Server, DnsMode::Dhcp] {
            let found = lab(mode).verify();
            assert!(found.private, "{mode:?}: {found:#?}");
        }
    }

    #[test]
    fn each_step_says_why_it_holds() {
        let lab = server();
        let steps = lab.verify().steps;
        let told = steps.iter().map(|step| format!("{}\n  {}", step.title, step.because.join("\n  ")));
        assert_snapshot!(lab.short(&told.collect::<Vec<_>>().join("\n")), @"
        Corporate DNS forwards the private names to the inbound resolver
          192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
          10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
          the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
          onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
          the same hosts look up api.sagemaker.eu-west-1.amazonaws.com
          onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        The VPC resolver answers with the endpoints' addresses
          the resolver of studio/vpc has *.studio.eu-west-1.sagemaker.aws from studio/endpoint/studio: 10.16.42.74 and 10.16.100.7
          the resolver of studio/vpc has *.studio.sagemaker.eu-west-1.app.aws from studio/endpoint/studio: 10.16.42.74 and 10.16.100.7
          the resolver of studio/vpc has api.sagemaker.eu-west-1.amazonaws.com from studio/endpoint/sagemaker.api: 10.16.42.75 and 10.16.100.8
        The Studio URL resolves to the Studio endpoint
          192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws and d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
          it leads to 10.16.42.74 and 10.16.100.7, the addresses of studio/endpoint/studio
        HTTPS passes from the corporate network to the endpoints, and back
          the group onprem/security-group/app lets tcp 443 out to 0.0.0.0/0
          the route table onprem/route-table/public sends 10.16.0.0/16 to the peering peering
          the group studio/security-group/endpoints lets tcp 443 in from 192.168.10.0/24
          back, the route table studio/route-table/private sends 192.168.10.0/24 to the peering peering
          the group of an imagined host lets tcp 443 out to 0.0.0.0/0
          the route table onprem/route-table/private sends 10.16.0.0/16 to the peering peering
        ");
    }

    #[test]
    fn without_hosts_imagined_ones_ask() {
        let lab = lab(DnsMode::Dhcp);
        assert_snapshot!(lab.short(&lab.verify().steps[2].because.join("\n")), @"
        192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b), 192.168.10.132 (imagined, in onprem/subnet/public-a) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws and d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        it leads to 10.16.42.74 and 10.16.100.7, the addresses of studio/endpoint/studio
        ");
    }

    #[test]
    fn a_missing_route_breaks_the_way_of_names_or_of_the_browser() {
        let private = server().without("onprem/route-table/private/route/peering");
        assert_snapshot!(private.told(), @"
        3 no, 4 yes, 9 no, 11 no
        3: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        3: onprem/dhcp-options names 192.168.10.10
        3: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        3: udp 53 doesn't pass from 192.168.10.10 to 10.16.32.10: the route table onprem/route-table/private has no route to 10.16.32.0/20
        3: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        3: udp 53 doesn't pass from 192.168.10.10 to 10.16.96.10: the route table onprem/route-table/private has no route to 10.16.96.0/20
        3: onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        3: onprem/dhcp-options names 192.168.10.74
        3: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        3: udp 53 doesn't pass from 192.168.10.74 to 10.16.32.10: the route table onprem/route-table/private has no route to 10.16.32.0/20
        3: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        3: udp 53 doesn't pass from 192.168.10.74 to 10.16.96.10: the route table onprem/route-table/private has no route to 10.16.96.0/20
        3: onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        3: so the inbound resolver isn't asked
        3: the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        3: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        3: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        3: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        3: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        3: the same hosts look up api.sagemaker.eu-west-1.amazonaws.com
        3: onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        3: onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.96.10
        3: onprem/dns/b forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        3: onprem/dns/b forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.96.10
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        9: onprem/dhcp-options names 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: udp 53 doesn't pass from 192.168.10.10 to 10.16.32.10: the route table onprem/route-table/private has no route to 10.16.32.0/20
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        9: udp 53 doesn't pass from 192.168.10.10 to 10.16.96.10: the route table onprem/route-table/private has no route to 10.16.96.0/20
        9: onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        9: onprem/dhcp-options names 192.168.10.74
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: udp 53 doesn't pass from 192.168.10.74 to 10.16.32.10: the route table onprem/route-table/private has no route to 10.16.32.0/20
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        9: udp 53 doesn't pass from 192.168.10.74 to 10.16.96.10: the route table onprem/route-table/private has no route to 10.16.96.0/20
        9: onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        9: so it fails with SERVFAIL
        9: the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        9: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        9: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        9: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        9: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        11: tcp 443 doesn't pass from 192.168.10.4 (imagined, in onprem/subnet/private-a) and 192.168.10.68 (imagined, in onprem/subnet/private-b) to 10.16.42.74, 10.16.42.75, 10.16.100.7 and 10.16.100.8: the route table onprem/route-table/private has no route to 10.16.32.0/20 and 10.16.96.0/20
        ");
        let public = server().without("onprem/route-table/public/route/peering");
        assert_snapshot!(public.told(), @"
        3 yes, 4 yes, 9 yes, 11 no
        11: tcp 443 doesn't pass from 192.168.10.148 (onprem/app) and 192.168.10.196 (imagined, in onprem/subnet/public-b) to 10.16.42.74, 10.16.42.75, 10.16.100.7 and 10.16.100.8: the route table onprem/route-table/public has no route to 10.16.32.0/20 and 10.16.96.0/20, and sends everything else to onprem/internet-gateway, which doesn't lead to studio/vpc
        ");
        assert_eq!(server().without("studio/route-table/private/route/peering").holds(), "3 no, 4 yes, 9 no, 11 no");
    }

    #[test]
    fn a_blackhole_is_no_route() {
        let dead =
            server().but(|survey| survey.at("onprem/route-table/public/route/peering").state = "blackhole".into());
        assert_snapshot!(dead.told(), @"
        3 yes, 4 yes, 9 yes, 11 no
        11: tcp 443 doesn't pass from 192.168.10.148 (onprem/app) and 192.168.10.196 (imagined, in onprem/subnet/public-b) to 10.16.42.74, 10.16.42.75, 10.16.100.7 and 10.16.100.8: the route to 10.16.0.0/16 in the route table onprem/route-table/public is a blackhole
        ");
    }

    #[test]
    fn a_missing_rule_is_named_with_its_group() {
        let no_udp = server().without("studio/security-group/resolver/rule/udp-53-from-192.168.10.0/24");
        assert_snapshot!(no_udp.told(), @"
        3 no, 4 yes, 9 no, 11 yes
        3: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        3: onprem/dhcp-options names 192.168.10.10
        3: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        3: udp 53 doesn't pass from 192.168.10.10 to 10.16.32.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.10
        3: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        3: udp 53 doesn't pass from 192.168.10.10 to 10.16.96.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.10
        3: onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        3: onprem/dhcp-options names 192.168.10.74
        3: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        3: udp 53 doesn't pass from 192.168.10.74 to 10.16.32.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.74
        3: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        3: udp 53 doesn't pass from 192.168.10.74 to 10.16.96.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.74
        3: onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        3: so the inbound resolver isn't asked
        3: the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        3: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        3: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        3: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        3: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        3: the same hosts look up api.sagemaker.eu-west-1.amazonaws.com
        3: onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        3: onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.96.10
        3: onprem/dns/b forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        3: onprem/dns/b forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.96.10
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        9: onprem/dhcp-options names 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: udp 53 doesn't pass from 192.168.10.10 to 10.16.32.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        9: udp 53 doesn't pass from 192.168.10.10 to 10.16.96.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.10
        9: onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        9: onprem/dhcp-options names 192.168.10.74
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: udp 53 doesn't pass from 192.168.10.74 to 10.16.32.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.74
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        9: udp 53 doesn't pass from 192.168.10.74 to 10.16.96.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.74
        9: onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        9: so it fails with SERVFAIL
        9: the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        9: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        9: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        9: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        9: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        ");
        let no_tcp = server().without("studio/security-group/resolver/rule/tcp-53-from-192.168.10.0/24");
        assert_eq!(no_tcp.holds(), "3 yes, 4 yes, 9 yes, 11 yes");
        let long = |step: &Step| step.because.iter().any(|reason| reason.starts_with("long answers fail: tcp 53"));
        assert!(long(&no_tcp.verify().steps[0]), "{:#?}", no_tcp.verify());
        let no_https = server().but(|survey| {
            survey.found.retain(|observed| !observed.id.starts_with("id:studio/security-group/endpoints/rule/"));
        });
        assert_eq!(no_https.holds(), "3 yes, 4 yes, 9 yes, 11 no");
    }

    #[test]
    fn private_dns_turned_off_is_a_public_answer() {
        let off =
            server().but(|survey| edit(survey.at("studio/endpoint/studio"), endpoint, |it| it.private_dns = false));
        assert_snapshot!(off.told(), @"
        3 yes, 4 no, 9 no, 11 yes
        4: d-abcdefghijkl.studio.eu-west-1.sagemaker.aws is looked up in the Studio VPC
        4: the resolver of studio/vpc has no private zone for it: it answers as on the internet
        4: so it leads to a public address
        4: d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws is looked up in the Studio VPC
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        9: onprem/dhcp-options names 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: 10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
        9: the resolver of studio/vpc has no private zone for it: it answers as on the internet
        9: so it leads to a public address
        9: onprem/dhcp-options names 192.168.10.74
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        9: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        9: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        leak: the DNS server at 192.168.10.10 answers d-abcdefghijkl.studio.eu-west-1.sagemaker.aws as on the internet, with a public address
        leak: the DNS server at 192.168.10.10 answers d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws as on the internet, with a public address
        leak: the DNS server at 192.168.10.74 answers d-abcdefghijkl.studio.eu-west-1.sagemaker.aws as on the internet, with a public address
        leak: the DNS server at 192.168.10.74 answers d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws as on the internet, with a public address
        ");
        let hostnames = server().but(|survey| edit(survey.at(STUDIO_VPC), vpc, |it| it.dns_hostnames = Some(false)));
        assert_eq!(hostnames.holds(), "3 yes, 4 no, 9 no, 11 yes");
        let pending = server().but(|survey| {
            let endpoint = survey.at("studio/endpoint/studio");
            (endpoint.readiness, endpoint.state) = (Readiness::Pending, "pending".into());
        });
        assert_eq!(pending.holds(), "3 yes, 4 no, 9 no, 11 yes");
    }

    #[test]
    fn dhcp_options_that_name_awss_own_dns_are_a_leak() {
        assert_snapshot!(server().without("onprem/dhcp-options/association").told(), @"
        3 no, 4 yes, 9 no, 11 yes
        3: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws, d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws and api.sagemaker.eu-west-1.amazonaws.com
        3: AWS's own set of DHCP options names the resolver of onprem/vpc
        3: the resolver of onprem/vpc has no private zone for it: it answers as on the internet
        3: so the inbound resolver isn't asked
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws and d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        9: AWS's own set of DHCP options names the resolver of onprem/vpc
        9: the resolver of onprem/vpc has no private zone for it: it answers as on the internet
        9: so it leads to a public address
        leak: the resolver of onprem/vpc answers api.sagemaker.eu-west-1.amazonaws.com as on the internet, with a public address
        leak: the resolver of onprem/vpc answers d-abcdefghijkl.studio.eu-west-1.sagemaker.aws as on the internet, with a public address
        leak: the resolver of onprem/vpc answers d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws as on the internet, with a public address
        ");
    }

    #[test]
    fn what_a_host_runs_whose_user_data_was_changed_is_unknown() {
        let change = |from: &'static str, to: &'static str| {
            server().but(|survey| {
                edit(survey.at("onprem/dns/b"), host, |it| {
                    it.user_data = it.user_data.take().map(|text| text.replace(from, to));
                });
            })
        };
        assert_snapshot!(change("studio.eu-west-1.sagemaker.aws", "example").told(), @"
        3 unknown, 4 yes, 9 unknown, 11 yes
        3: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws, d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws and api.sagemaker.eu-west-1.amazonaws.com
        3: onprem/dhcp-options names 192.168.10.74
        3: what onprem/dns/b at 192.168.10.74 answers isn't known: its user data is not what the plan gives it, and it runs what it was first started with
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws and d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        9: onprem/dhcp-options names 192.168.10.74
        9: what onprem/dns/b at 192.168.10.74 answers isn't known: its user data is not what the plan gives it, and it runs what it was first started with
        ");
        let first = change("forward only; forwarders { 10.16.32.10;", "forward first; forwarders { 10.16.32.10;");
        assert_eq!(first.verify().leaks.len(), 3, "{:#?}", first.verify().leaks);
    }

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
    fn a_resolver_rule_for_the_names_is_named() {
        let rule = |domain: Option<&str>| {
            let association = ResolverRuleAssociation {
                vpc: Ref::known("id:studio/vpc"),
                rule: "rslvr-rr-1".into(),
                domain: domain.map(str::to_owned),
                rule_type: Some("FORWARD".into()),
                endpoint: Some("id:studio/resolver".into()),
                targets: ["10.16.32.99".to_owned()].into_iter().collect(),
            };
            server().but(|survey| survey.found.push(Observed::standing("assoc", BTreeMap::new(), association)))
        };
        assert_snapshot!(rule(Some("studio.eu-west-1.sagemaker.aws.")).told(), @"
        3 yes, 4 no, 9 no, 11 yes
        4: d-abcdefghijkl.studio.eu-west-1.sagemaker.aws is looked up in the Studio VPC
        4: the resolver of studio/vpc forwards it to 10.16.32.99, by the rule rslvr-rr-1
        4: udp 53 doesn't pass from 10.16.32.10 to 10.16.32.99: nothing has the address 10.16.32.99
        4: udp 53 doesn't pass from 10.16.96.10 to 10.16.32.99: nothing has the address 10.16.32.99
        4: the rule rslvr-rr-1 forwards to 10.16.32.99, and gets no answer
        4: so it fails with SERVFAIL
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        9: onprem/dhcp-options names 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: 10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
        9: the resolver of studio/vpc forwards it to 10.16.32.99, by the rule rslvr-rr-1
        9: udp 53 doesn't pass from 10.16.32.10 to 10.16.32.99: nothing has the address 10.16.32.99
        9: udp 53 doesn't pass from 10.16.96.10 to 10.16.32.99: nothing has the address 10.16.32.99
        9: the rule rslvr-rr-1 forwards to 10.16.32.99, and gets no answer
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        9: 10.16.96.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
        9: onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        9: onprem/dhcp-options names 192.168.10.74
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        9: onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        9: so it fails with SERVFAIL
        ");
        assert_eq!(rule(Some("sagemaker.aws.")).holds(), "3 yes, 4 yes, 9 yes, 11 yes");
        assert_eq!(rule(None).holds(), "3 unknown, 4 unknown, 9 unknown, 11 yes");
    }

    #[test]
    fn subnets_without_a_table_of_their_own_use_the_main_one() {
        let main = |routes: &[(&str, Target)]| {
            server().without("onprem/route-table/public/association/a").but(|survey| {
                let table = RouteTable { vpc: Ref::known("id:onprem/vpc") };
                let mut table = Observed::standing("rtb-main", BTreeMap::new(), table);
                table.outputs.insert("main".into(), "true".into());
                survey.came_with_vpcs.push(table);
                for (destination, target) in routes {
                    let (route_table, target) = (Ref::known("rtb-main"), target.clone());
                    let route = Route { route_table, destination: (*destination).to_owned(), target };
                    survey.found.push(Observed::standing(*destination, BTreeMap::new(), route));
                }
            })
        };
        assert_eq!(main(&[]).holds(), "3 yes, 4 yes, 9 yes, 11 no");
        let peering = ("10.16.0.0/16", Target::VpcPeeringConnection(Ref::known("id:peering")));
        assert_eq!(main(&[peering]).holds(), "3 yes, 4 yes, 9 yes, 11 yes");
    }

    #[test]
    fn a_group_that_could_not_be_read_is_unknown_and_the_default_one_counts() {
        let other = |survey: &mut Survey| {
            edit(survey.at("studio/endpoint/studio"), endpoint, |it| {
                it.security_groups = [Ref::known("sg-default")].into_iter().collect();
            });
        };
        let unread = server().but(other);
        assert_eq!(unread.holds(), "3 unknown, 4 unknown, 9 unknown, 11 unknown");
        let read = unread.but(|survey| {
            let name = "default".to_owned();
            let group = SecurityGroup { vpc: Ref::known("id:studio/vpc"), name, description: String::new() };
            survey.came_with_vpcs.push(Observed::standing("sg-default", BTreeMap::new(), group));
        });
        assert_eq!(read.holds(), "3 yes, 4 yes, 9 yes, 11 no");
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
    fn without_the_deny_a_presigned_url_may_work_from_anywhere() {
        let mut lab = server();
        lab.plan.access.mode = Some(plan::AccessMode::SourceVpce);
        lab.blueprint = draw(&lab.plan, &facts());
        lab.survey.found.extend(
            built(&lab.blueprint)
                .found
                .into_iter()
                .filter(|observed| matches!(observed.kind(), Kind::RolePolicy) && observed.id.ends_with("presign")),
        );
        assert_eq!(lab.verify().leaks, [""; 0]);
        let work = |survey: &mut Survey, action: &str| {
            if let Spec::RolePolicy(policy) = &mut survey.at("access/role/portal/policy/work").spec {
                let statement = serde_json::json!({"Effect": "Allow", "Action": action, "Resource": "*"});
                policy.document = Policy::new(serde_json::json!({"Statement": [statement]}));
            }
        };
        let wide = lab.but(|survey| work(survey, "sagemaker:*"));
        assert_eq!(wide.verify().leaks, [""; 0], "the Deny covers it");
        let open = wide.without("access/role/portal/policy/presign");
        assert_snapshot!(open.told(), @"
        3 yes, 4 yes, 9 yes, 11 yes
        leak: no policy of the role access/role/portal denies sagemaker:CreatePresignedDomainUrl but through the endpoints, and `work` allows it: a presigned URL may work from anywhere
        ");
        let narrow = open.but(|survey| work(survey, "sagemaker:DescribeDomain"));
        assert_snapshot!(narrow.told(), @"
        3 yes, 4 yes, 9 yes, 11 yes
        leak: no policy of the role access/role/portal denies sagemaker:CreatePresignedDomainUrl but through the endpoints: whatever else allows it may let a presigned URL work from anywhere
        ");
    }

    #[test]
    fn a_stopped_dns_host_is_passed_over_and_two_are_the_end() {
        let stop = |survey: &mut Survey, address: &str| {
            let observed = survey.at(address);
            observed.state = "stopped".into();
            edit(observed, host, |it| it.running = false);
        };
        let one = server().but(|survey| stop(survey, "onprem/dns/a"));
        assert_eq!(one.holds(), "3 yes, 4 yes, 9 yes, 11 yes");
        let left = |step: &Step| step.because.iter().any(|why| why.ends_with("is stopped; another DNS server answers"));
        assert!(left(&one.verify().steps[0]), "{:#?}", one.verify());
        let both = one.but(|survey| stop(survey, "onprem/dns/b"));
        assert_eq!(both.holds(), "3 no, 4 yes, 9 no, 11 yes");
    }

    #[test]
    fn a_peering_that_isnt_accepted_cuts_everything_between() {
        let cut = server().but(|survey| {
            if let Spec::VpcPeeringConnection(peering) = &mut survey.at("peering").spec {
                peering.accepted = false;
            }
        });
        assert_eq!(cut.holds(), "3 no, 4 yes, 9 no, 11 no");
    }

    #[test]
    fn a_name_that_leads_to_another_endpoint_isnt_the_studio_endpoints() {
        let moved = server().but(|survey| {
            survey.copy("studio/endpoint/studio", "vpce-2", |copy| {
                copy.tags.clear();
                edit(copy, endpoint, |it| {
                    let next = |placement: &Placement| Placement {
                        address: placement.address.map(|address| Ipv4Addr::from_bits(address.to_bits() + 25)),
                        ..placement.clone()
                    };
                    it.placements = it.placements.iter().map(next).collect();
                });
            });
            edit(survey.at("studio/endpoint/studio"), endpoint, |it| it.private_dns = false);
        });
        assert_snapshot!(moved.told(), @"
        3 yes, 4 no, 9 no, 11 yes
        4: d-abcdefghijkl.studio.eu-west-1.sagemaker.aws is looked up in the Studio VPC
        4: the resolver of studio/vpc has *.studio.eu-west-1.sagemaker.aws from vpce-2: 10.16.42.99 and 10.16.100.32
        4: so it leads to 10.16.42.99 and 10.16.100.32 of vpce-2
        4: d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws is looked up in the Studio VPC
        4: the resolver of studio/vpc has *.studio.sagemaker.eu-west-1.app.aws from vpce-2: 10.16.42.99 and 10.16.100.32
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        9: onprem/dhcp-options names 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: 10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
        9: the resolver of studio/vpc has *.studio.eu-west-1.sagemaker.aws from vpce-2: 10.16.42.99 and 10.16.100.32
        9: so it leads to 10.16.42.99 and 10.16.100.32 of vpce-2
        9: onprem/dhcp-options names 192.168.10.74
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        9: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        9: the resolver of studio/vpc has *.studio.sagemaker.eu-west-1.app.aws from vpce-2: 10.16.42.99 and 10.16.100.32
        9: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        ");
    }

    #[test]
    fn what_could_not_be_read_is_unknown_and_never_yes() {
        let denied = Denied::here("DescribeRouteTables", Class::Denied, "not authorised");
        let blind = server().but(|survey| drop(survey.unreadable.insert(Kind::Route, denied.clone())));
        assert_eq!(blind.holds(), "3 unknown, 4 unknown, 9 unknown, 11 unknown");
        assert!(!blind.verify().private);
        let no_dhcp = server().but(|survey| drop(survey.unreadable.insert(Kind::DhcpOptions, denied)));
        assert_eq!(no_dhcp.holds(), "3 unknown, 4 unknown, 9 unknown, 11 yes");
        let gone = server().without("onprem/dhcp-options");
        assert_eq!(gone.holds(), "3 unknown, 4 unknown, 9 unknown, 11 yes");
    }

    #[test]
    fn what_the_plan_doesnt_have_is_said() {
        let plan = plan();
        let blueprint = draw(&plan, &facts());
        let survey = built(&blueprint);
        assert_snapshot!(Lab { plan, blueprint, survey }.told(), @"
        3 no, 4 no, 9 no, 11 no
        3: the plan has no DNS forwarding: `dns.mode` is off
        4: the plan has no endpoint for studio in the Studio VPC
        9: the plan has no endpoint for studio in the Studio VPC
        11: the plan has no endpoint for studio in the Studio VPC
        ");
    }

    #[test]
    fn of_nothing_that_stands_nothing_holds() {
        let nothing = server().but(|survey| survey.found.clear());
        assert_eq!(nothing.holds(), "3 no, 4 no, 9 no, 11 no");
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
