//! Whose is what: which observed resource holds which address of the lab, and what of the rest is ours.
//!
//! Proof is, in this order: the lab's tag with an address; a natural key that is unique in a container of ours (for
//! children); being named by a tagged neighbour. A root that only its neighbours prove is `unproven`: reported, and
//! never acted upon.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::difference::{differences, resolved_fields};
use crate::aws::tags;
use crate::blueprint::{Blueprint, Desired};
use crate::resource::{Address, Fields, Kind, Observed, Pointer, Readiness, Spec};
use crate::survey::Survey;

/// How we know that a resource is the one at its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Its tags say so; for kinds without tags, its natural key in a set that is ours.
    Tag,
    /// Its tags are gone, but it is a child of ours and no other could be it.
    NaturalKey,
    /// A root without its tag, named by tagged neighbours.
    Unproven,
    /// A root that its neighbours name, of a kind that could not be read: its tag may well be there.
    Unread,
}

/// The holder of an address.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held<'a> {
    /// What holds it.
    pub observed: &'a Observed,
    /// How we know.
    pub proof: Proof,
}

impl Held<'_> {
    /// Whether it may be changed and removed.
    pub fn is_ours(&self) -> bool {
        matches!(self.proof, Proof::Tag | Proof::NaturalKey)
    }
}

/// Everything that a survey found, sorted by what it is to the lab.
#[derive(Debug, Default)]
pub struct Holdings<'a> {
    /// Address → its holder.
    pub held: BTreeMap<Address, Held<'a>>,
    /// More of what one address already has.
    pub duplicates: Vec<(Address, &'a Observed)>,
    /// Tagged as ours, at an address that the blueprint doesn't have.
    pub obsolete: Vec<(Address, &'a Observed)>,
    /// Members of sets that are ours entire, which nobody asked for.
    pub unmanaged: Vec<&'a Observed>,
    /// Other people's things inside containers of ours; the profiles of a domain and the users of a pool among them,
    /// which go with it.
    pub foreign: Vec<&'a Observed>,
    /// What AWS itself (Lambda's interfaces among it), or the users of a domain, put inside containers of ours: it is nobody's fault, and goes with
    /// them.
    pub companions: Vec<&'a Observed>,
    /// The specs of those that nothing holds: an output that is a field of its spec is known before it is made.
    pub foreseen: BTreeMap<Address, Fields>,
    /// Addresses that nothing is seen to hold, of kinds that could not be read: what refers to them can't be compared.
    pub unknown: BTreeSet<Address>,
}

impl<'a> Holdings<'a> {
    /// Sorts a survey by a blueprint.
    pub fn sort(blueprint: &Blueprint, survey: &'a Survey) -> Self {
        let mut sorting = Sorting::new(blueprint, survey);
        sorting.by_tag();
        while sorting.by_natural_key() || sorting.by_neighbours() {}
        let mut holdings = sorting.the_rest();
        let missing = blueprint.iter().filter(|desired| !holdings.held.contains_key(&desired.address));
        holdings.foreseen = missing.map(|desired| (desired.address.clone(), desired.spec.fields())).collect();
        let unseen = blueprint.iter().filter(|desired| survey.why_unreadable(desired.kind()).is_some());
        let unseen = unseen.map(|desired| desired.address.clone());
        holdings.unknown = unseen.filter(|address| !holdings.held.contains_key(address)).collect();
        holdings
    }

    /// The value that a pointer stands for, where its resource has a holder.
    pub fn lookup(&self, pointer: &Pointer) -> Option<String> {
        match self.held.get(&pointer.address) {
            Some(held) => held.observed.output(&pointer.output).map(str::to_owned),
            None => self.foreseen.get(&pointer.address)?.get(&pointer.output)?.as_str().map(str::to_owned),
        }
    }

    /// A desired spec's fields with every pointer resolved that has a holder.
    pub fn resolved(&self, desired: &Desired) -> Fields {
        resolved_fields(desired, &|pointer| self.lookup(pointer))
    }

    /// Everything that is ours, whether it should be there or not.
    pub fn ours(&self) -> impl Iterator<Item = &'a Observed> {
        let held = self.held.values().filter(|held| held.is_ours()).map(|held| held.observed);
        let others = self.duplicates.iter().chain(&self.obsolete).map(|(_, observed)| *observed);
        held.chain(others).chain(self.unmanaged.iter().copied())
    }

    /// The roots that only their neighbours prove: without their tag, or not to be read.
    pub fn unproven(&self) -> impl Iterator<Item = (&Address, &'a Observed)> {
        let unproven = self.held.iter().filter(|(_, held)| !held.is_ours());
        unproven.map(|(address, held)| (address, held.observed))
    }

    /// What others have inside this resource, or attached to it, so that it can't be removed.
    pub fn foreign_inside(&self, observed: &Observed) -> Vec<&'a Observed> {
        let inside = |foreign: &&&Observed| {
            let weak = foreign.kind().weak();
            let named = names(foreign).any(|(field, id)| id == observed.id && !weak.contains(&field.as_str()));
            named && foreign.blocks()
        };
        self.foreign.iter().filter(inside).copied().collect()
    }
}

/// The ids that an observed resource names, by field: owners and everything else it refers to.
pub fn names(observed: &Observed) -> impl Iterator<Item = (String, String)> {
    fn walk(field: &str, value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::String(text) => {
                // A role's id is its name; others take its ARN.
                let is_role = |arn: &str| arn.starts_with("arn:") && arn.contains(":role");
                if let Some((_, name)) = text.rsplit_once('/').filter(|(arn, _)| is_role(arn)) {
                    found.push((field.to_owned(), name.to_owned()));
                }
                found.push((field.to_owned(), text.clone()));
            }
            Value::Object(members) => members.values().for_each(|member| walk(field, member, found)),
            Value::Array(items) => items.iter().for_each(|item| walk(field, item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    // Policy documents name things by ARN, which holds nothing back.
    let fields = observed.spec.fields();
    fields
        .iter()
        .filter(|(field, _)| {
            !matches!(field.as_str(), "document" | "trust" | "policy" | "user_data" | "description" | "name")
        })
        .for_each(|(field, value)| walk(field, value, &mut found));
    found.into_iter()
}

struct Sorting<'a, 'b> {
    blueprint: &'b Blueprint,
    survey: &'a Survey,
    live: Vec<&'a Observed>,
    taken: BTreeSet<(Kind, &'a str)>,
    result: Holdings<'a>,
}

impl<'a, 'b> Sorting<'a, 'b> {
    fn new(blueprint: &'b Blueprint, survey: &'a Survey) -> Self {
        let live = survey.live().collect();
        Self { blueprint, survey, live, taken: BTreeSet::new(), result: Holdings::default() }
    }

    fn tagged_ours(&self, observed: &Observed) -> bool {
        observed.lab() == Some(&self.blueprint.lab.name) && observed.address().is_some()
    }

    /// Whether it carries one of the two tags that only we set, inside a container of ours: somebody removed the other.
    fn half_tagged(&self, observed: &Observed) -> bool {
        let lab = observed.lab();
        lab == Some(&self.blueprint.lab.name) || lab.is_none() && observed.address().is_some()
    }

    /// Whether its IAM path, or its name, is the lab's: for what lists show without tags, as good as being inside.
    fn named_ours(&self, observed: &Observed, fields: &Fields) -> bool {
        let lab = &self.blueprint.lab;
        match &observed.spec {
            Spec::Table(table) => table.name == lab.table,
            Spec::Function(function) => lab.functions.contains(&function.name),
            Spec::LogGroup(group) => lab.log_groups().contains(&group.name),
            _ => fields.get("path").and_then(Value::as_str) == Some(&lab.path),
        }
    }

    fn hold(&mut self, address: &Address, observed: &'a Observed, proof: Proof) {
        self.taken.insert((observed.kind(), &observed.id));
        self.result.held.insert(address.clone(), Held { observed, proof });
    }

    /// Tags first, parents before children, so that a child of the parent that is kept is preferred.
    fn by_tag(&mut self) {
        let mut claims: BTreeMap<Address, Vec<&'a Observed>> = BTreeMap::new();
        for observed in self.live.clone() {
            let Some(address) = observed.address().filter(|_| self.tagged_ours(observed)) else { continue };
            match self.blueprint.get(&address).filter(|desired| desired.kind() == observed.kind()) {
                Some(desired) => claims.entry(desired.address.clone()).or_default().push(observed),
                None => {
                    self.taken.insert((observed.kind(), &observed.id));
                    self.result.obsolete.push((address, observed));
                }
            }
        }
        for desired in self.blueprint.iter() {
            let Some(claims) = claims.remove(&desired.address) else { continue };
            let keeper = self.choose(desired, &claims);
            for observed in claims {
                if observed.id == keeper.id {
                    self.hold(&desired.address, observed, Proof::Tag);
                } else {
                    self.taken.insert((observed.kind(), &observed.id));
                    self.result.duplicates.push((desired.address.clone(), observed));
                }
            }
        }
    }

    /// Of several holders: the replacement, else the one whose references fit what is kept, else the one that more of
    /// the lab refers to, else the lower id.
    fn choose(&self, desired: &Desired, claims: &[&'a Observed]) -> &'a Observed {
        let replaces = |one: &Observed, other: &Observed| one.tags.get(tags::REPLACES) == Some(&other.id);
        let is_replacement = |one: &Observed| {
            let usable = !matches!(one.readiness, Readiness::Failed(_));
            usable && claims.iter().any(|other| replaces(one, other) && !replaces(other, one))
        };
        let fits = |observed: &Observed| {
            let known = self.result.resolved(desired);
            let actual = observed.spec.fields();
            desired.pointers().iter().filter(|(field, _)| known.get(field) == actual.get(field)).count()
        };
        let referred = |observed: &Observed| {
            let naming = |other: &&&Observed| self.tagged_ours(other) && names(other).any(|(_, id)| id == observed.id);
            self.live.iter().filter(naming).count()
        };
        let rank = |observed: &&Observed| (is_replacement(observed), fits(observed), referred(observed));
        claims
            .iter()
            .copied()
            .reduce(|best, other| {
                let (one, two) = (rank(&best), rank(&other));
                if two > one || two == one && other.id < best.id { other } else { best }
            })
            .expect("an address is only claimed by somebody")
    }

    /// Children whose tags are gone, and kinds that take none, by what tells them from their siblings.
    fn by_natural_key(&mut self) -> bool {
        let mut progress = false;
        for desired in
            self.blueprint.iter().filter(|desired| !self.result.held.contains_key(&desired.address)).collect::<Vec<_>>()
        {
            let fields = self.result.resolved(desired);
            let Ok(spec) = Spec::from_fields(desired.kind(), fields) else { continue };
            let Some(key) = spec.natural_key() else { continue };
            let same = |observed: &&&Observed| {
                observed.kind() == desired.kind()
                    && observed.spec.natural_key().as_ref() == Some(&key)
                    && !self.taken.contains(&(observed.kind(), observed.id.as_str()))
                    && (observed.lab().is_none() || observed.lab() == Some(&self.blueprint.lab.name))
            };
            let candidates: Vec<_> = self.live.iter().filter(same).copied().collect();
            // Where several of one key may stand, whoever looks takes the same one for ours.
            let several = candidates.iter().all(|one| !spec.excludes(&one.spec));
            if let Some(only) = candidates.iter().min_by_key(|one| &one.id)
                && (candidates.len() == 1 || several)
            {
                let proof = match desired.kind() {
                    kind if !kind.tagged() => Proof::Tag,
                    kind if kind.root() => self.not_proven(kind),
                    _ => Proof::NaturalKey,
                };
                self.hold(&desired.address, only, proof);
                progress = true;
            }
        }
        progress
    }

    /// What tagged neighbours name: the subnet's VPC is the lab's VPC. What a neighbour may be told to name another day
    /// has to be what is asked for as well.
    fn by_neighbours(&mut self) -> bool {
        let mut named: Vec<(&'b Desired, bool, String)> = Vec::new();
        for desired in self.blueprint.iter() {
            let Some(held) = self.result.held.get(&desired.address) else { continue };
            let actual = held.observed.spec.fields();
            for (field, pointer) in desired.pointers() {
                let (Some(target), Some(id)) = (self.blueprint.get(&pointer.address), find_id(actual.get(&field)))
                else {
                    continue;
                };
                if pointer.output == "id" && !self.result.held.contains_key(&pointer.address) {
                    named.push((target, desired.kind().in_place().contains(&field.as_str()), id));
                }
            }
        }
        for (target, changeable, id) in named {
            let kind = target.kind();
            let unclaimed = |observed: &&&Observed| {
                observed.kind() == kind
                    && observed.id == id
                    && !self.taken.contains(&(kind, observed.id.as_str()))
                    && (observed.lab().is_none() || observed.lab() == Some(&self.blueprint.lab.name))
                    && (!changeable || self.looks_like(target, observed))
            };
            let Some(observed) = self.live.iter().find(unclaimed).copied() else { continue };
            let proof = if kind.root() { self.not_proven(kind) } else { Proof::NaturalKey };
            self.hold(&target.address, observed, proof);
            return true;
        }
        false
    }

    /// What is known of a root that has no tag to be seen.
    fn not_proven(&self, kind: Kind) -> Proof {
        if self.survey.why_unreadable(kind).is_some() { Proof::Unread } else { Proof::Unproven }
    }

    /// Whether it differs from what is desired in nothing but tags, as far as the holders are known yet.
    fn looks_like(&self, desired: &Desired, observed: &Observed) -> bool {
        let all = self.blueprint.iter().map(|desired| desired.address.clone());
        let unknown = all.filter(|address| !self.result.held.contains_key(address)).collect();
        let found = differences(desired, observed, &|pointer| self.result.lookup(pointer), &unknown);
        found.iter().all(|difference| difference.field.starts_with("tags."))
    }

    fn the_rest(mut self) -> Holdings<'a> {
        let ours: BTreeSet<String> = self.result.held.values().map(|held| held.observed.id.clone()).collect();
        let leaving = self.result.duplicates.iter().chain(&self.result.obsolete);
        let leaving: BTreeSet<String> = leaving.map(|(_, observed)| observed.id.clone()).collect();
        let rest: Vec<&Observed> = self.live.clone().into_iter().filter(|observed| !self.is_taken(observed)).collect();
        let of_aws = |observed: &&&Observed| self.is_aws_own(observed, &|id| ours.contains(id) || leaving.contains(id));
        let companions: BTreeSet<&str> = rest.iter().filter(of_aws).map(|observed| observed.id.as_str()).collect();
        for observed in rest {
            let in_companion = names(observed).any(|(_, id)| companions.contains(id.as_str()));
            if companions.contains(observed.id.as_str()) || observed.kind().in_set() && in_companion {
                self.result.companions.push(observed);
                // Somebody may work there who shouldn't.
                if observed.kind() == Kind::UserProfile {
                    self.result.foreign.push(observed);
                }
                continue;
            }
            let fields = observed.spec.fields();
            let owners = observed.kind().owners().iter().filter_map(|field| fields.get(*field)?.as_str());
            let owners: Vec<_> = owners.collect();
            let owned = owners.iter().any(|id| ours.contains(*id) || leaving.contains(*id));
            if observed.kind().in_set() {
                let peer_is_ours = || names(observed).any(|(_, id)| ours.contains(&id) || leaving.contains(&id));
                if owned {
                    self.result.unmanaged.push(observed);
                } else if observed.kind() == Kind::SecurityGroupRule && peer_is_ours() {
                    self.result.foreign.push(observed);
                }
            } else if owned && self.half_tagged(observed) || observed.lab() == Some(&self.blueprint.lab.name) {
                let address = observed.address().unwrap_or_else(|| unnamed(observed));
                self.result.obsolete.push((address, observed));
            } else if owned || self.named_ours(observed, &fields) || answers_in(observed, &ours) {
                self.result.foreign.push(observed);
            }
        }
        self.result
    }

    fn is_taken(&self, observed: &Observed) -> bool {
        self.taken.contains(&(observed.kind(), observed.id.as_str()))
    }

    /// Whether AWS, or a user of the lab's domain, put it into what is `ours`.
    fn is_aws_own(&self, observed: &Observed, ours: &impl Fn(&str) -> bool) -> bool {
        let fields = observed.spec.fields();
        let owned = || {
            observed.kind().owners().iter().any(|field| fields.get(*field).and_then(Value::as_str).is_some_and(ours))
        };
        let labs = observed.lab() == Some(&self.blueprint.lab.name);
        match observed.kind() {
            Kind::Space | Kind::App => owned(),
            Kind::UserProfile => owned() && !self.half_tagged(observed),
            Kind::FileSystem => true,
            Kind::NetworkInterface if observed.function_served().is_some() => {
                let labs = |function: &str| self.blueprint.lab.functions.iter().any(|one| one == function);
                owned() && observed.function_served().is_some_and(labs)
            }
            // Somebody else's domain would show by its network interfaces.
            Kind::SecurityGroup if observed.domain_served().is_some() => owned() || labs,
            _ => observed.is_guard_dutys() && owned(),
        }
    }
}

/// Whether it is a hosted zone by which one of these VPCs goes.
fn answers_in(observed: &Observed, vpcs: &BTreeSet<String>) -> bool {
    matches!(&observed.spec, Spec::HostedZone(zone) if zone.vpcs.iter().any(|one| vpcs.contains(&one.vpc.text())))
}

/// How something without an address is called: its kind and id.
pub fn unnamed(observed: &Observed) -> Address {
    Address::from(format!("{} {}", observed.kind(), observed.id))
}

/// The id that a field of an observed spec holds, directly or as its one member (`{"group": "sg-1"}`).
fn find_id(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(id) => Some(id.clone()),
        Value::Object(members) if members.len() == 1 => find_id(members.values().next()),
        _ => None,
    }
}
