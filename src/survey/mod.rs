//! What AWS holds now, read in one concurrent pass.
//!
//! The roots (VPCs, addresses, roles, zones) are listed by the lab's tag, name, path or caller reference; what is inside the lab's VPCs is
//! listed by containment, whoever made it; the rules by their groups. A VPC that lost its tag is found through tagged
//! neighbours, an address or a set of DHCP options through what names it. Four rounds
//! of latency on an unharmed lab, five with a domain or a portal, two more on a harmed one.

use std::collections::{BTreeMap, BTreeSet};

use futures::future;
use serde::{Deserialize, Serialize};

use crate::aws::tags;
use crate::aws::{Aws, Failure};
use crate::resource::network_interface::NetworkInterface;
use crate::resource::{
    Kind, LabName, Listing, Observed, Query, Readiness, Ref, Spec, ec2, hosted_zone, route_table, security_group,
};

/// The kinds that are listed by the lab's path or name, or their caller reference, and lead nowhere.
const APART: [Kind; 8] = [
    Kind::InstanceProfile,
    Kind::Role,
    Kind::UserPool,
    Kind::Table,
    Kind::LogGroup,
    Kind::Function,
    Kind::RestApi,
    Kind::HostedZone,
];

/// The kinds that are listed by the lab's tag or name.
const ROOTS: [Kind; 5] = [Kind::Vpc, Kind::ElasticIp, Kind::DhcpOptions, Kind::KeyPair, Kind::Volume];

/// The kinds that live inside a VPC and are listed by it.
const INSIDE: [Kind; 11] = [
    Kind::Subnet,
    Kind::RouteTable,
    Kind::SecurityGroup,
    Kind::VpcPeeringConnection,
    Kind::InternetGateway,
    Kind::NatGateway,
    Kind::InterfaceEndpoint,
    Kind::ResolverEndpoint,
    Kind::ResolverRuleAssociation,
    Kind::Instance,
    Kind::NetworkAcl,
];

/// What other resources name by id and only tags would show otherwise: the field that names it.
const NAMED: [(&str, Kind); 2] = [("dhcp_options", Kind::DhcpOptions), ("elastic_ip", Kind::ElasticIp)];

/// What AWS holds of a lab, and in its containers.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The lab's name.
    pub lab: String,
    /// Everything found, ghosts left out, in order of kind and id.
    pub found: Vec<Observed>,
    /// What AWS made with the VPCs and nobody touched: default groups with their rules, main route tables. Neither the
    /// lab's nor foreign, but packets go by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub came_with_vpcs: Vec<Observed>,
    /// Kinds that could not be read, and why. Unreadable is not empty.
    pub unreadable: BTreeMap<Kind, Failure>,
}

impl Survey {
    /// What stands: not what is on its way out.
    pub fn live(&self) -> impl Iterator<Item = &Observed> {
        self.found.iter().filter(|observed| observed.readiness != Readiness::Deleting)
    }

    /// All that packets and lookups go by: what stands, and what came with the VPCs.
    pub fn everything(&self) -> impl Iterator<Item = &Observed> {
        self.live().chain(&self.came_with_vpcs)
    }

    /// The resource with this id.
    pub fn by_id(&self, kind: Kind, id: &str) -> Option<&Observed> {
        self.found.iter().find(|observed| observed.id == id && observed.kind() == kind)
    }

    /// Why this kind is unknown, if it is.
    pub fn why_unreadable(&self, kind: Kind) -> Option<&Failure> {
        self.unreadable.get(&kind)
    }
}

/// How AWS knows a lab of this name in this Region.
pub fn lab_name(lab: &str, region: &str) -> LabName {
    LabName {
        name: lab.to_owned(),
        path: format!("/breezeway/{region}/{lab}/"),
        key_pair: format!("breezeway-{lab}"),
        resolver_endpoint: format!("breezeway-{lab}-inbound"),
        domain: format!("breezeway-{lab}"),
        rest_api: format!("breezeway-{lab}"),
        table: format!("breezeway-{lab}-users"),
        functions: ["presign", "authorizer"].map(|function| format!("breezeway-{lab}-{function}")).into(),
        user_pool: format!("breezeway-{lab}"),
    }
}

/// Reads what AWS holds of a lab. Never fails: what can't be read is said in the survey.
pub async fn survey(aws: &Aws, lab: &LabName) -> Survey {
    let by_lab = Query::Lab(lab.clone());
    let apart = future::join_all(APART.iter().map(|kind| kind.list(aws, &by_lab)));
    let (apart, studio, mut pass) =
        future::join3(apart, studio(aws, &by_lab), Box::pin(network(aws, lab, &by_lab))).await;
    for (kind, answer) in APART.iter().copied().zip(apart).chain(studio) {
        pass.take(kind, answer);
    }
    pass.finish(aws.region())
}

/// As [`survey`], with the zones that others have answer in the lab's VPCs. Lookups go by them, so that whoever asks what
/// is so has to know; runs needn't: they keep nothing from being made or removed. A round of latency more, three where
/// there are any.
pub async fn survey_with_zones_of_others(aws: &Aws, lab: &LabName) -> Survey {
    let mut survey = survey(aws, lab).await;
    let ids = |kind| survey.live().filter(move |observed| observed.kind() == kind).map(|observed| observed.id.clone());
    let (vpcs, known): (Vec<_>, _) = (ids(Kind::Vpc).collect(), ids(Kind::HostedZone).collect());
    let listing = hosted_zone::answering_in(aws, &vpcs, &known).await;
    let listing = listing
        .unwrap_or_else(|failure| Listing { unreadable: hosted_zone::unread(&failure).into(), ..Listing::default() });
    survey.found.extend(listing.found);
    survey.found.sort_by_key(|observed| (observed.kind(), observed.id.clone()));
    for (kind, failure) in listing.unreadable {
        survey.unreadable.entry(kind).or_insert(failure);
    }
    survey
}

/// The lab's domain with all that is in it, and the home that SageMaker made for it: the domain names it, and its tag
/// says whose it is when the domain is gone.
async fn studio(aws: &Aws, by_lab: &Query) -> Vec<(Kind, Result<Listing, Failure>)> {
    let (domains, homes) = future::join(Kind::Domain.list(aws, by_lab), Kind::FileSystem.list(aws, by_lab)).await;
    let named: BTreeSet<String> =
        domains.as_ref().map_or(&[][..], |listing| &listing.found).iter().filter_map(home).collect();
    let seen = |id: &String| homes.as_ref().is_ok_and(|homes| homes.found.iter().any(|home| home.id == *id));
    let unseen: Vec<String> = named.into_iter().filter(|id| !seen(id)).collect();
    let mut lists = vec![(Kind::Domain, domains), (Kind::FileSystem, homes)];
    if !unseen.is_empty() {
        lists.push((Kind::FileSystem, Kind::FileSystem.list(aws, &Query::Ids(unseen)).await));
    }
    lists
}

/// Everything that VPCs hold, or that stands beside them.
async fn network<'a>(aws: &Aws, lab: &'a LabName, by_lab: &Query) -> Pass<'a> {
    let mut pass = Pass::new(lab);
    let roots = future::join_all(ROOTS.iter().map(|kind| kind.list(aws, by_lab)));
    let (roots, tagged) = future::join(roots, tagged_ids(aws, lab)).await;
    for (kind, answer) in ROOTS.iter().zip(roots) {
        pass.take(*kind, answer);
    }
    let tagged = tagged.unwrap_or_else(|failure| {
        INSIDE.iter().for_each(|kind| pass.unread(*kind, &failure));
        BTreeMap::new()
    });
    while let Some(lists) = pass.next(&tagged) {
        let answers = future::join_all(lists.iter().map(|(kind, query)| list(aws, *kind, query))).await;
        for (kind, answer) in answers.into_iter().flatten() {
            pass.take(kind, answer);
        }
    }
    pass
}

/// Lists a kind, and the rules of the groups that it shows.
async fn list(aws: &Aws, kind: Kind, query: &Query) -> Vec<(Kind, Result<Listing, Failure>)> {
    let listing = kind.list(aws, query).await;
    let groups: Vec<String> = match &listing {
        Ok(listing) if kind == Kind::SecurityGroup => listing.found.iter().map(|group| group.id.clone()).collect(),
        _ => Vec::new(),
    };
    let mut answers = vec![(kind, listing)];
    if !groups.is_empty() {
        let rules = Kind::SecurityGroupRule.list(aws, &Query::Inside(groups)).await;
        answers.push((Kind::SecurityGroupRule, rules));
    }
    answers
}

/// Every EC2 id that carries the lab's tag, by kind: the evidence that finds a VPC which lost its own, and what is
/// attached to no VPC any more.
async fn tagged_ids(aws: &Aws, lab: &LabName) -> Result<BTreeMap<Kind, BTreeSet<String>>, Failure> {
    let filters = vec![ec2::filter("key", [tags::LAB]), ec2::filter("value", [&lab.name])];
    let tagged = aws
        .read_pages("ec2", "DescribeTags", |next| {
            let call = aws.ec2.describe_tags().set_filters(Some(filters.clone())).max_results(1000);
            async {
                call.set_next_token(next).send().await.map(|page| (page.tags.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    let mut ids: BTreeMap<Kind, BTreeSet<String>> = BTreeMap::new();
    for tag in tagged {
        let kind = match tag.resource_type().map(|kind| kind.as_str()) {
            Some("subnet") => Kind::Subnet,
            Some("route-table") => Kind::RouteTable,
            Some("security-group") => Kind::SecurityGroup,
            Some("internet-gateway") => Kind::InternetGateway,
            Some("vpc-peering-connection") => Kind::VpcPeeringConnection,
            // With it, gateway endpoints are listed, too.
            Some("vpc-endpoint") => Kind::InterfaceEndpoint,
            _ => continue,
        };
        ids.entry(kind).or_default().extend(tag.resource_id().map(str::to_owned));
    }
    Ok(ids)
}

/// A survey under way.
struct Pass<'a> {
    lab: &'a LabName,
    found: BTreeMap<(Kind, String), Observed>,
    unreadable: BTreeMap<Kind, Failure>,
    visited: BTreeSet<String>,
    looked_for: BTreeSet<String>,
}

impl<'a> Pass<'a> {
    fn new(lab: &'a LabName) -> Self {
        Self {
            lab,
            found: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            visited: BTreeSet::new(),
            looked_for: BTreeSet::new(),
        }
    }

    fn take(&mut self, kind: Kind, listing: Result<Listing, Failure>) {
        match listing {
            Ok(listing) => {
                // By their ids, peerings show that ended hours ago.
                let ended = |observed: &Observed| {
                    observed.kind() == Kind::VpcPeeringConnection && matches!(observed.readiness, Readiness::Failed(_))
                };
                for observed in listing.found.into_iter().filter(|observed| !ended(observed)) {
                    self.found.insert((observed.kind(), observed.id.clone()), observed);
                }
                listing.unreadable.iter().for_each(|(kind, failure)| self.unread(*kind, failure));
            }
            Err(failure) => self.unread(kind, &failure),
        }
    }

    /// A kind is unreadable together with all that only it leads to.
    fn unread(&mut self, kind: Kind, failure: &Failure) {
        for other in Kind::ALL {
            let led_to = match kind {
                Kind::Vpc => INSIDE.contains(&other.listed_with()) || *other == Kind::SecurityGroupRule,
                Kind::SecurityGroup => *other == Kind::SecurityGroupRule,
                // Only its content tells AWS's own set, which is no association, from another.
                Kind::DhcpOptions => *other == Kind::DhcpOptionsAssociation,
                _ => false,
            };
            if other.listed_with() == kind.listed_with() || led_to {
                self.unreadable.entry(*other).or_insert_with(|| failure.clone());
            }
        }
    }

    /// What to list next: what is inside VPCs of the lab that nobody looked into yet, what is named there and wasn't
    /// seen; at last tagged things that no VPC looked into so far has shown.
    fn next(&mut self, tagged: &BTreeMap<Kind, BTreeSet<String>>) -> Option<Vec<(Kind, Query)>> {
        let mut lists = Vec::new();
        let vpcs: Vec<_> = self.vpcs_of_lab().into_iter().filter(|id| self.visited.insert(id.clone())).collect();
        if !vpcs.is_empty() {
            lists.extend(INSIDE.map(|kind| (kind, Query::Inside(vpcs.clone()))));
            let unseen = vpcs.iter().filter(|id| !self.found.contains_key(&(Kind::Vpc, id.to_string()))).cloned();
            let unseen: Vec<_> = unseen.collect();
            if !unseen.is_empty() {
                lists.push((Kind::Vpc, Query::Inside(unseen)));
            }
        }
        for (kind, ids) in self.named() {
            lists.extend(self.unseen(kind, ids));
        }
        if lists.is_empty() {
            for (kind, ids) in tagged.clone() {
                lists.extend(self.unseen(kind, ids));
            }
        }
        (!lists.is_empty()).then_some(lists)
    }

    /// The VPCs that carry the lab's tag, or that something which carries it names.
    fn vpcs_of_lab(&self) -> BTreeSet<String> {
        let ours = self.found.values().filter(|observed| observed.lab() == Some(&self.lab.name));
        let mut vpcs = BTreeSet::new();
        for observed in ours {
            if observed.kind() == Kind::Vpc {
                vpcs.insert(observed.id.clone());
            }
            let fields = observed.spec.fields();
            let named = ["vpc", "requester", "accepter"].iter().filter_map(|field| fields.get(*field)?.as_str());
            vpcs.extend(named.map(str::to_owned));
        }
        vpcs
    }

    /// The roots that something found names.
    fn named(&self) -> BTreeMap<Kind, BTreeSet<String>> {
        let mut named: BTreeMap<Kind, BTreeSet<String>> = BTreeMap::new();
        for observed in self.found.values() {
            let fields = observed.spec.fields();
            for (field, kind) in NAMED {
                named.entry(kind).or_default().extend(fields.get(field).and_then(|id| id.as_str()).map(str::to_owned));
            }
        }
        named
    }

    /// The query for those of these ids that were neither found nor looked for.
    fn unseen(&mut self, kind: Kind, ids: BTreeSet<String>) -> Option<(Kind, Query)> {
        let listed: Vec<Kind> = Kind::ALL.iter().copied().filter(|other| other.listed_with() == kind).collect();
        let unseen =
            ids.into_iter().filter(|id| !listed.iter().any(|kind| self.found.contains_key(&(*kind, id.clone()))));
        let unseen: Vec<_> = unseen.filter(|id| self.looked_for.insert(id.clone())).collect();
        (!unseen.is_empty()).then_some((kind, Query::Ids(unseen)))
    }

    fn finish(mut self, region: &str) -> Survey {
        let aws_own: BTreeSet<String> = self
            .found
            .values()
            .filter(|set| matches!(&set.spec, Spec::DhcpOptions(options) if options.is_aws_default(region)))
            .map(|set| set.id.clone())
            .collect();
        let homes: BTreeSet<String> = self.found.values().filter_map(home).collect();
        let sets_unread = self.unreadable.contains_key(&Kind::DhcpOptions);
        self.found.retain(|_, observed| match &observed.spec {
            Spec::DhcpOptionsAssociation(association) => {
                !sets_unread && !aws_own.contains(&association.dhcp_options.text())
            }
            Spec::NetworkInterface(interface) => {
                !is_part_of_another(observed) && mounted_by(interface).is_none_or(|home| !homes.contains(home))
            }
            _ => true,
        });
        let untouched = untouched(self.found.values());
        let is_own = |observed: &Observed| match &observed.spec {
            Spec::SecurityGroupRule(rule) => untouched.contains(&rule.group.text()),
            _ => untouched.contains(&observed.id),
        };
        let (came_with_vpcs, found) = self.found.into_values().partition(is_own);
        Survey { lab: self.lab.name.clone(), found, came_with_vpcs, unreadable: self.unreadable }
    }
}

/// The ids of what came with a VPC and is as AWS made it: default groups, and main tables without routes or tags.
fn untouched<'a>(found: impl Iterator<Item = &'a Observed> + Clone) -> BTreeSet<String> {
    let is_untouched = |observed: &&Observed| match &observed.spec {
        Spec::SecurityGroup(group) if group.is_default() => {
            let rules = found.clone().filter_map(|other| match &other.spec {
                Spec::SecurityGroupRule(rule) if rule.group.text() == observed.id => Some(rule),
                _ => None,
            });
            security_group::is_untouched(&observed.id, rules)
        }
        Spec::RouteTable(_) if route_table::is_main(observed) => {
            let routes =
                |other: &Observed| matches!(&other.spec, Spec::Route(route) if route.route_table.text() == observed.id);
            observed.address().is_none() && !found.clone().any(routes)
        }
        _ => false,
    };
    found.clone().filter(is_untouched).map(|observed| observed.id.clone()).collect()
}

/// The home file system that this is or names: one that can't be read is known by its domain.
fn home(observed: &Observed) -> Option<String> {
    match &observed.spec {
        Spec::FileSystem(_) => Some(observed.id.clone()),
        Spec::Domain(domain) => domain.home.as_ref().map(Ref::text),
        _ => None,
    }
}

/// The file system whose mount target has this network interface, as AWS's description of it says.
fn mounted_by(interface: &NetworkInterface) -> Option<&str> {
    interface.description.strip_prefix("EFS mount target for ")?.split(' ').next()
}

/// Whether a network interface is part of something that is listed by itself: an instance, an endpoint, a resolver
/// endpoint or a NAT gateway, as AWS's description of it says.
fn is_part_of_another(interface: &Observed) -> bool {
    let Spec::NetworkInterface(spec) = &interface.spec else { return false };
    let made_for = [
        "VPC Endpoint Interface ",
        "Interface for NAT Gateway ",
        "Route 53 Resolver: ",
        "[DO NOT DELETE] ENI managed by SageMaker",
    ];
    interface.output("attached_to").is_some() || made_for.iter().any(|start| spec.description.starts_with(start))
}
