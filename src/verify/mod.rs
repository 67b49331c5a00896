//! Whether a lab is private: steps of the way from a corporate browser to a notebook, each shown to hold or not by what
//! is live. The plan says which names, hosts and endpoints are meant; everything else is read from the survey.
//!
//! A step holds when it holds from every host of the corporate network: those of the lab, and where none of them is
//! there to work on, an imagined one in each private subnet.

mod leaks;
mod live;

use std::collections::{BTreeMap, BTreeSet};
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
use live::{Labels, Live, addresses};

/// Where the parts of a lab stand in its blueprint.
const ONPREM_VPC: &str = "onprem/vpc";
const STUDIO_VPC: &str = "studio/vpc";
const ONPREM_PRIVATE_SUBNETS: [&str; 2] = ["onprem/subnet/private-a", "onprem/subnet/private-b"];

const NOBODY: &str = "the lab's corporate network has no host, and no private subnet to imagine one in";

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
const NAMES: [Kind; 3] = [Kind::DhcpOptions, Kind::DhcpOptionsAssociation, Kind::ResolverEndpoint];

/// What of a lab's privacy could be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Whether every step holds and nothing leaks.
    pub private: bool,
    /// The steps looked at, in order.
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
    let mut live = Live::read(survey, &labels);
    let hosts = hosts(blueprint, &holdings, &labels, &mut live);
    let doors = doors(plan, blueprint, &holdings, region);
    let lab = Lab { plan, survey, holdings: &holdings, labels: &labels, live: &live, hosts, doors };
    let steps = vec![lab.forwarding(), lab.resolver(), lab.studio_name(), lab.connection()];
    let leaks = lab.leaks();
    Verification { private: leaks.is_empty() && steps.iter().all(|step| step.holds == Holds::Yes), steps, leaks }
}

/// An endpoint whose names corporate hosts should reach.
struct Door<'a> {
    /// Its service, as plans name it.
    service: &'a str,
    /// A name that should lead to it; none where the plan has no such endpoint.
    name: Option<String>,
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
        let name = blueprint.get(&address).map(|_| example(service, &services::dns_zone(service, region)));
        Door { service, name, endpoint }
    };
    std::iter::once("studio").chain(others).map(door).collect()
}

/// A name of a service. The domain and the API needn't exist yet: any name of theirs is answered alike.
fn example(service: &str, zone: &str) -> String {
    match service {
        "studio" | "notebook" => format!("d-abcdefghijkl.{zone}"),
        "execute-api" => format!("abcdef1234.{zone}"),
        _ => zone.to_owned(),
    }
}

/// A host of the corporate network, there or imagined.
struct Host {
    /// What sentences call it.
    name: String,
    client: Client,
}

/// The lab's hosts, and imagined ones where all of those only answer lookups.
fn hosts(blueprint: &Blueprint, holdings: &Holdings<'_>, labels: &Labels<'_>, live: &mut Live) -> Vec<Host> {
    let Some(vpc) = holdings.held.get(&Address::from(ONPREM_VPC)) else { return Vec::new() };
    let vpc = labels.label(&vpc.observed.id);
    let mut hosts = Vec::new();
    let mut somebody_works = false;
    for desired in blueprint.iter() {
        if let Some(held) = holdings.held.get(&desired.address)
            && let Spec::Instance(instance) = &held.observed.spec
        {
            let address = instance.private_address;
            somebody_works |= !matches!(live.names.servers.get(&address), Some(Server::Forwarder(_)));
            let name = format!("{address} ({})", desired.address);
            hosts.push(Host { name, client: Client { address, vpc: vpc.clone() } });
        }
    }
    let subnets = ONPREM_PRIVATE_SUBNETS.iter().filter_map(|address| holdings.held.get(&Address::from(*address)));
    for held in subnets.filter(|_| !somebody_works) {
        let label = labels.label(&held.observed.id);
        if let Some(address) = live.network.imagine_host(&label) {
            let name = format!("{address} (imagined, in {label})");
            hosts.push(Host { name, client: Client { address, vpc: vpc.clone() } });
        }
    }
    hosts
}

/// Everything that the steps are about.
struct Lab<'a> {
    plan: &'a Plan,
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

/// Why a lookup is as it should be, or why it isn't.
type Judgement = Result<Vec<String>, Vec<String>>;

/// What a step comes to: why it holds, or why it doesn't.
type Found = Result<Reasons, Reasons>;

impl Lab<'_> {
    /// Step 3.
    fn forwarding(&self) -> Step {
        let title = "Corporate DNS forwards the private names to the inbound resolver";
        self.step(3, title, &NAMES, |lab| {
            if lab.plan.dns.mode == DnsMode::Off {
                return Err(Reasons(vec!["the plan has no DNS forwarding: `dns.mode` is off".to_owned()]));
            }
            let forwarded =
                lab.doors.iter().filter(|door| lab.plan.dns.forward.iter().any(|name| name == door.service));
            lab.look_up_everywhere(forwarded, |_, lookup| {
                let last = lookup.asked.last().and_then(|address| lab.live.names.servers.get(address));
                if matches!(last, Some(Server::InboundEndpoint { .. })) {
                    let on_the_way = lookup.hops.iter().filter(|hop| !hop.by_resolver);
                    return Ok(on_the_way.map(|hop| hop.says.clone()).collect());
                }
                Err([hops(lookup), vec!["so the inbound resolver isn't asked".to_owned()]].concat())
            })
        })
    }

    /// Step 4.
    fn resolver(&self) -> Step {
        let title = "The VPC resolver answers with the endpoints' addresses";
        self.step(4, title, &NAMES, |lab| {
            let Some(held) = lab.holdings.held.get(&Address::from(STUDIO_VPC)) else {
                return Err(Reasons(vec!["the Studio VPC is missing".to_owned()]));
            };
            let vpc = lab.labels.label(&held.observed.id);
            let (mut for_it, mut against) = (Reasons::default(), Reasons::default());
            for door in &lab.doors {
                match lab.name_of(door) {
                    Err(why) => against.add(why),
                    Ok(name) => {
                        let lookup = names::resolve(&lab.live.names, &vpc, name, &|from, to| {
                            lab.live.network.dns_passes(from, to)
                        });
                        if lab.leads_to(&lookup.answer, door) {
                            for_it.add_all(hops(&lookup));
                        } else {
                            against.add(format!("{name} is looked up in the Studio VPC"));
                            against.add_all(hops(&lookup));
                            against.add(format!("so {}", instead(&lookup.answer)));
                        }
                    }
                }
            }
            if against.0.is_empty() { Ok(for_it) } else { Err(against) }
        })
    }

    /// Step 9.
    fn studio_name(&self) -> Step {
        let title = "The Studio URL resolves to the Studio endpoint";
        self.step(9, title, &NAMES, |lab| {
            lab.look_up_everywhere(lab.doors.iter().take(1), |door, lookup| match &lookup.answer {
                Answer::Private { addresses, owner } if lab.leads_to(&lookup.answer, door) => {
                    Ok(vec![format!("it leads to {}, the addresses of {owner}", join(addresses))])
                }
                answer => Err([hops(lookup), vec![format!("so {}", instead(answer))]].concat()),
            })
        })
    }

    /// Step 11.
    fn connection(&self) -> Step {
        let title = "HTTPS passes from the corporate network to the endpoints, and back";
        self.step(11, title, &[], |lab| {
            let (mut for_it, mut against) = (Reasons::default(), Reasons::default());
            let mut blocked: BTreeMap<String, (BTreeSet<&str>, BTreeSet<Ipv4Addr>)> = BTreeMap::new();
            if lab.hosts.is_empty() {
                against.add(NOBODY);
            }
            for door in &lab.doors {
                if let Err(why) = lab.name_of(door) {
                    against.add(why);
                }
                for (host, address) in
                    lab.hosts.iter().flat_map(|host| door.addresses().into_iter().map(move |to| (host, to)))
                {
                    let from = End::Host(host.client.address);
                    match network::connect(&lab.live.network, from, address, Protocol::Tcp, 443) {
                        Ok(hops) => for_it.add_all(hops),
                        Err(why) => {
                            let (hosts, addresses) = blocked.entry(why).or_default();
                            hosts.insert(&host.name);
                            addresses.insert(address);
                        }
                    }
                }
            }
            for (why, (hosts, addresses)) in blocked {
                against.add(format!("tcp 443 doesn't pass from {} to {}: {why}", join(hosts), join(addresses)));
            }
            if against.0.is_empty() { Ok(for_it) } else { Err(against) }
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
        let (holds, because) = match look(self) {
            _ if !unknown.0.is_empty() => (Holds::Unknown, unknown),
            Ok(reasons) => (Holds::Yes, reasons),
            Err(reasons) => (Holds::No, reasons),
        };
        Step { step, title: title.to_owned(), holds, because: because.0 }
    }

    /// Looks up the names of these doors from every host; `judge` says whether a lookup is as it should be, and why.
    fn look_up_everywhere<'d>(
        &'d self,
        doors: impl Iterator<Item = &'d Door<'d>>,
        judge: impl Fn(&Door<'_>, &Lookup) -> Judgement,
    ) -> Found {
        let (mut for_it, mut against) = (Reasons::default(), Reasons::default());
        if self.hosts.is_empty() {
            against.add(NOBODY);
        }
        // Hosts and names of which the same is said are named together.
        let mut judgements: Vec<(Judgement, Vec<&str>, Vec<&str>)> = Vec::new();
        for door in doors {
            let name = match self.name_of(door) {
                Ok(name) => name,
                Err(why) => {
                    against.add(why);
                    continue;
                }
            };
            let mut of_name: Vec<(Judgement, Vec<&str>)> = Vec::new();
            for host in &self.hosts {
                let pass = |from, to| self.live.network.dns_passes(from, to);
                let judgement = judge(door, &names::lookup(&self.live.names, &host.client, name, &pass));
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
        for (judgement, hosts, names) in judgements {
            let side = if judgement.is_ok() { &mut for_it } else { &mut against };
            let verb = if hosts.len() == 1 { "looks" } else { "look" };
            side.add(format!("{} {verb} up {}", join(hosts), join(names)));
            side.add_all(judgement.unwrap_or_else(|against| against));
        }
        if against.0.is_empty() { Ok(for_it) } else { Err(against) }
    }

    /// The name that should lead through a door, if the plan has the door and it stands.
    fn name_of<'d>(&self, door: &'d Door<'_>) -> Result<&'d str, String> {
        match (&door.name, door.endpoint) {
            (None, _) => Err(format!("the plan has no endpoint for {} in the Studio VPC", door.service)),
            (_, None) => Err(format!("the endpoint for {} is missing", door.service)),
            (Some(name), Some(_)) => Ok(name),
        }
    }

    fn leads_to(&self, answer: &Answer, door: &Door<'_>) -> bool {
        match (answer, door.endpoint) {
            (Answer::Private { addresses, owner }, Some((observed, _))) => {
                let whole = !addresses.is_empty() && *addresses == door.addresses();
                whole && *owner == self.labels.label(&observed.id)
            }
            _ => false,
        }
    }
}

/// What a name gets in place of its endpoint.
fn instead(answer: &Answer) -> String {
    match answer {
        Answer::Private { addresses, owner } => format!("it leads to {} of {owner}", join(addresses)),
        Answer::Authoritative { server } => format!("it is what {server} says by itself"),
        Answer::Public => "it leads to a public address".to_owned(),
        Answer::NotFound(_) => "there is no such name".to_owned(),
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
    use insta::assert_snapshot;

    use super::*;
    use crate::aws::{Class, Failure as Denied};
    use crate::blueprint::draw;
    use crate::engine::testing::{built, facts, id};
    use crate::plan::{self, Addresses, Source, parse};
    use crate::resource::instance::Instance;
    use crate::resource::interface_endpoint::Placement;
    use crate::resource::internet_gateway::InternetGateway;
    use crate::resource::route::{Route, Target};
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
            let endpoint =
                plan::InterfaceEndpoint { service: service.into(), private_dns: true, addresses, policy: None };
            plan.studio.endpoints.push(endpoint);
        }
        plan.dns.mode = mode;
        plan.dns.forward = vec!["sagemaker.api".into(), "studio".into()];
        plan.onprem.internet_gateway = true;
        plan.app_server.enabled = mode == DnsMode::Server;
        let blueprint = draw(&plan, &facts());
        let mut survey = built(&blueprint);
        let private = [
            ("studio", "*.studio.eu-west-1.sagemaker.aws"),
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
          192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
          10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
          192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up api.sagemaker.eu-west-1.amazonaws.com
          onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        The VPC resolver answers with the endpoints' addresses
          the resolver of studio/vpc has *.studio.eu-west-1.sagemaker.aws from studio/endpoint/studio: 10.16.42.74 and 10.16.100.7
          the resolver of studio/vpc has api.sagemaker.eu-west-1.amazonaws.com from studio/endpoint/sagemaker.api: 10.16.42.75 and 10.16.100.8
        The Studio URL resolves to the Studio endpoint
          192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
          it leads to 10.16.42.74 and 10.16.100.7, the addresses of studio/endpoint/studio
        HTTPS passes from the corporate network to the endpoints, and back
          the group onprem/security-group/dns lets tcp 443 out to 0.0.0.0/0
          the route table onprem/route-table/private sends 10.16.0.0/16 to the peering peering
          the group studio/security-group/endpoints lets tcp 443 in from 192.168.10.0/24
          back, the route table studio/route-table/private sends 192.168.10.0/24 to the peering peering
          the group onprem/security-group/app lets tcp 443 out to 0.0.0.0/0
          the route table onprem/route-table/public sends 10.16.0.0/16 to the peering peering
        ");
    }

    #[test]
    fn without_hosts_imagined_ones_ask() {
        let lab = lab(DnsMode::Dhcp);
        assert_snapshot!(lab.short(&lab.verify().steps[2].because.join("\n")), @"
        192.168.10.4 (imagined, in onprem/subnet/private-a) and 192.168.10.68 (imagined, in onprem/subnet/private-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        it leads to 10.16.42.74 and 10.16.100.7, the addresses of studio/endpoint/studio
        ");
    }

    #[test]
    fn a_missing_route_breaks_the_way_of_names_or_of_the_browser() {
        let private = server().without("onprem/route-table/private/route/peering");
        assert_snapshot!(private.told(), @"
        3 no, 4 yes, 9 no, 11 no
        3: 192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
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
        3: 192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up api.sagemaker.eu-west-1.amazonaws.com
        3: onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        3: onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.96.10
        3: onprem/dns/b forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        3: onprem/dns/b forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.96.10
        9: 192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
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
        11: tcp 443 doesn't pass from 192.168.10.10 (onprem/dns/a) and 192.168.10.74 (onprem/dns/b) to 10.16.42.74 and 10.16.42.75: the route table onprem/route-table/private has no route to 10.16.32.0/20
        11: tcp 443 doesn't pass from 192.168.10.10 (onprem/dns/a) and 192.168.10.74 (onprem/dns/b) to 10.16.100.7 and 10.16.100.8: the route table onprem/route-table/private has no route to 10.16.96.0/20
        ");
        let public = server().without("onprem/route-table/public/route/peering");
        assert_snapshot!(public.told(), @"
        3 yes, 4 yes, 9 yes, 11 no
        11: tcp 443 doesn't pass from 192.168.10.148 (onprem/app) to 10.16.42.74 and 10.16.42.75: the route table onprem/route-table/public has no route to 10.16.32.0/20, and sends everything else to onprem/internet-gateway, which doesn't lead to studio/vpc
        11: tcp 443 doesn't pass from 192.168.10.148 (onprem/app) to 10.16.100.7 and 10.16.100.8: the route table onprem/route-table/public has no route to 10.16.96.0/20, and sends everything else to onprem/internet-gateway, which doesn't lead to studio/vpc
        ");
        assert_eq!(server().without("studio/route-table/private/route/peering").holds(), "3 no, 4 yes, 9 no, 11 no");
    }

    #[test]
    fn a_blackhole_is_no_route() {
        let dead =
            server().but(|survey| survey.at("onprem/route-table/public/route/peering").state = "blackhole".into());
        assert_snapshot!(dead.told(), @"
        3 yes, 4 yes, 9 yes, 11 no
        11: tcp 443 doesn't pass from 192.168.10.148 (onprem/app) to 10.16.42.74, 10.16.42.75, 10.16.100.7 and 10.16.100.8: the route to 10.16.0.0/16 in the route table onprem/route-table/public is a blackhole
        ");
    }

    #[test]
    fn a_missing_rule_is_named_with_its_group() {
        let no_udp = server().without("studio/security-group/resolver/rule/udp-53-from-192.168.10.0/24");
        assert_snapshot!(no_udp.told(), @"
        3 no, 4 yes, 9 no, 11 yes
        3: 192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
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
        3: 192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up api.sagemaker.eu-west-1.amazonaws.com
        3: onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        3: onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.96.10
        3: onprem/dns/b forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        3: onprem/dns/b forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.96.10
        9: 192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
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
        ");
        let no_tcp = server().without("studio/security-group/resolver/rule/tcp-53-from-192.168.10.0/24");
        assert_eq!(no_tcp.holds(), "3 no, 4 yes, 9 no, 11 yes");
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
        9: 192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        9: onprem/dhcp-options names 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: 10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
        9: the resolver of studio/vpc has no private zone for it: it answers as on the internet
        9: so it leads to a public address
        leak: the DNS server at 192.168.10.10 answers d-abcdefghijkl.studio.eu-west-1.sagemaker.aws as on the internet, with a public address
        leak: the DNS server at 192.168.10.74 answers d-abcdefghijkl.studio.eu-west-1.sagemaker.aws as on the internet, with a public address
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
        3: 192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws and api.sagemaker.eu-west-1.amazonaws.com
        3: AWS's own set of DHCP options names the resolver of onprem/vpc
        3: the resolver of onprem/vpc has no private zone for it: it answers as on the internet
        3: so the inbound resolver isn't asked
        9: 192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        9: AWS's own set of DHCP options names the resolver of onprem/vpc
        9: the resolver of onprem/vpc has no private zone for it: it answers as on the internet
        9: so it leads to a public address
        leak: the resolver of onprem/vpc answers api.sagemaker.eu-west-1.amazonaws.com as on the internet, with a public address
        leak: the resolver of onprem/vpc answers d-abcdefghijkl.studio.eu-west-1.sagemaker.aws as on the internet, with a public address
        ");
    }

    #[test]
    fn a_forwarder_without_the_zone_leaks_even_while_another_answers_first() {
        let second = server().but(|survey| {
            edit(survey.at("onprem/dns/b"), host, |it| {
                it.user_data =
                    it.user_data.take().map(|text| text.replace("studio.eu-west-1.sagemaker.aws", "example"));
            });
        });
        assert_snapshot!(second.told(), @"
        3 yes, 4 yes, 9 yes, 11 yes
        leak: the DNS server at 192.168.10.74 answers d-abcdefghijkl.studio.eu-west-1.sagemaker.aws as on the internet, with a public address
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
        9: 192.168.10.10 (onprem/dns/a), 192.168.10.74 (onprem/dns/b) and 192.168.10.148 (onprem/app) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        9: onprem/dhcp-options names 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: 10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
        9: the resolver of studio/vpc has *.studio.eu-west-1.sagemaker.aws from vpce-2: 10.16.42.99 and 10.16.100.32
        9: so it leads to 10.16.42.99 and 10.16.100.32 of vpce-2
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
