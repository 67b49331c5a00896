//! What AWS holds now, read in one concurrent pass.
//!
//! The roots (VPCs, peerings, roles) are listed by the lab's tag or path; what is inside the lab's VPCs is listed by
//! containment, whoever made it; the rules by their groups. A VPC that lost its tag is found through tagged
//! neighbours. Two to three rounds of latency on an unharmed lab, at most five on a harmed one.

use std::collections::{BTreeMap, BTreeSet};

use futures::future;
use serde::{Deserialize, Serialize};

use crate::aws::tags;
use crate::aws::{Aws, Failure};
use crate::resource::{Kind, LabName, Listing, Observed, Query, Readiness, ec2};

/// The kinds that live inside a VPC and are listed by it.
const INSIDE: [Kind; 4] = [Kind::Subnet, Kind::RouteTable, Kind::SecurityGroup, Kind::VpcPeeringConnection];

/// What AWS holds of a lab, and in its containers.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The lab's name.
    pub lab: String,
    /// Everything found, ghosts left out, in order of kind and id.
    pub found: Vec<Observed>,
    /// Kinds that could not be read, and why. Unreadable is not empty.
    pub unreadable: BTreeMap<Kind, Failure>,
}

impl Survey {
    /// What stands: not what is on its way out.
    pub fn live(&self) -> impl Iterator<Item = &Observed> {
        self.found.iter().filter(|observed| observed.readiness != Readiness::Deleting)
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
    LabName { name: lab.to_owned(), path: format!("/breezeway/{region}/{lab}/") }
}

/// Reads what AWS holds of a lab. Never fails: what can't be read is said in the survey.
pub async fn survey(aws: &Aws, lab: &LabName) -> Survey {
    let mut pass = Pass::new(lab);
    let by_lab = Query::Lab(lab.clone());
    let (vpcs, peerings, roles, tagged) = future::join4(
        Kind::Vpc.list(aws, &by_lab),
        Kind::VpcPeeringConnection.list(aws, &by_lab),
        Kind::Role.list(aws, &by_lab),
        tagged_ids(aws, lab),
    )
    .await;
    pass.take(Kind::Vpc, vpcs);
    pass.take(Kind::VpcPeeringConnection, peerings);
    pass.take(Kind::Role, roles);
    let tagged = tagged.unwrap_or_else(|failure| {
        INSIDE.iter().for_each(|kind| pass.unread(*kind, &failure));
        BTreeMap::new()
    });

    while let Some(Visit { vpcs, strays }) = pass.next(&tagged) {
        let inside = Query::Inside(vpcs.clone());
        let unseen = vpcs.iter().filter(|id| !pass.found.contains_key(&(Kind::Vpc, id.to_string()))).cloned();
        let unseen: Vec<_> = unseen.collect();
        let mut lists: Vec<(Kind, Query)> = Vec::new();
        if !vpcs.is_empty() {
            lists.extend(INSIDE.map(|kind| (kind, inside.clone())));
        }
        if !unseen.is_empty() {
            lists.push((Kind::Vpc, Query::Inside(unseen)));
        }
        lists.extend(strays.into_iter().map(|(kind, ids)| (kind, Query::Ids(ids))));
        let answers = future::join_all(lists.iter().map(|(kind, query)| kind.list(aws, query))).await;
        for ((kind, _), answer) in lists.iter().zip(answers) {
            pass.take(*kind, answer);
        }
    }

    let groups: Vec<_> =
        pass.found.keys().filter(|(kind, _)| *kind == Kind::SecurityGroup).map(|(_, id)| id.clone()).collect();
    if !groups.is_empty() {
        let rules = Kind::SecurityGroupRule.list(aws, &Query::Inside(groups)).await;
        pass.take(Kind::SecurityGroupRule, rules);
    }
    pass.finish()
}

/// Every EC2 id that carries the lab's tag, by kind: the evidence that finds a VPC which lost its own.
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
            _ => continue,
        };
        ids.entry(kind).or_default().extend(tag.resource_id().map(str::to_owned));
    }
    Ok(ids)
}

/// Where to look next: inside these VPCs, and for these ids.
struct Visit {
    vpcs: Vec<String>,
    strays: Vec<(Kind, Vec<String>)>,
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
                for observed in listing.found {
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
                Kind::RouteTable | Kind::Role => other.listed_with() == kind,
                _ => false,
            };
            if *other == kind || led_to {
                self.unreadable.entry(*other).or_insert_with(|| failure.clone());
            }
        }
    }

    /// The VPCs to look into next, and tagged things that no VPC looked into so far has shown.
    fn next(&mut self, tagged: &BTreeMap<Kind, BTreeSet<String>>) -> Option<Visit> {
        let ours = self.found.values().filter(|observed| observed.lab() == Some(&self.lab.name));
        let mut vpcs = BTreeSet::new();
        for observed in ours {
            match observed.kind() {
                Kind::Vpc => vpcs.extend([observed.id.clone()]),
                _ => {
                    let fields = observed.spec.fields();
                    let named =
                        ["vpc", "requester", "accepter"].iter().filter_map(|field| fields.get(*field)?.as_str());
                    vpcs.extend(named.map(str::to_owned));
                }
            }
        }
        let vpcs: Vec<_> = vpcs.into_iter().filter(|id| self.visited.insert(id.clone())).collect();
        if !vpcs.is_empty() {
            return Some(Visit { vpcs, strays: Vec::new() });
        }
        let mut strays = Vec::new();
        for (kind, ids) in tagged {
            let unseen = ids.iter().filter(|id| !self.found.contains_key(&(*kind, id.to_string()))).cloned();
            let unseen: Vec<_> = unseen.filter(|id| self.looked_for.insert(id.clone())).collect();
            if !unseen.is_empty() {
                strays.push((*kind, unseen));
            }
        }
        (!strays.is_empty()).then_some(Visit { vpcs, strays })
    }

    fn finish(self) -> Survey {
        Survey { lab: self.lab.name.clone(), found: self.found.into_values().collect(), unreadable: self.unreadable }
    }
}
