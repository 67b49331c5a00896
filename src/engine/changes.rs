//! What has to happen to turn what is into what should be: a pure function of blueprint and survey.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::difference::{FieldDifference, differences, resolved_fields};
use super::holdings::{Holdings, names, unnamed};
use super::schedule::{Circle, Graph, Task};
use crate::blueprint::{Blueprint, Desired};
use crate::resource::{Address, Kind, Observed, Pointer, Readiness, Ref, Spec};
use crate::survey::Survey;

/// Seconds from when no function needs an interface of Lambda's until it can be deleted, typically; Lambda itself
/// says up to 20 minutes: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>.
const LETTING_GO: f64 = 240.0;

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Made.
    Create,
    /// Changed in place.
    Update,
    /// Made anew, and the old one removed.
    Replace,
    /// Removed.
    Delete,
}

/// One step: a create, an update or a delete. A replacement is two steps of one address.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The address it works on; for what has none, its kind and id.
    pub address: Address,
    /// The kind of resource.
    pub kind: Kind,
    /// What users call it: the two steps of a replacement are both `Replace`.
    pub action: Action,
    /// What to do.
    pub work: Work,
    /// Which fields differ, for updates and replacements.
    pub fields: Vec<FieldDifference>,
    /// Why it can't be done, where that is known before anything is tried.
    pub refused: Option<String>,
    /// Whether that is only because another step is refused: then the other one is the cause.
    pub consequence: bool,
}

impl Step {
    /// Whether it makes something.
    fn makes(&self) -> bool {
        matches!(self.work, Work::Create { .. })
    }
}

/// The work of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Make what is desired; `replaces` is the id of what it replaces, if that still stands.
    Create {
        /// What to make.
        desired: Box<Desired>,
        /// What it replaces.
        replaces: Option<String>,
    },
    /// Turn this one into what is desired, once it is ready.
    Update {
        /// What it should be.
        desired: Box<Desired>,
        /// What it is.
        observed: Box<Observed>,
    },
    /// Remove this one, and wait until it is gone.
    Delete {
        /// What to remove.
        observed: Box<Observed>,
    },
}

impl Work {
    /// The id of what it removes.
    fn deleted(&self) -> Option<&str> {
        match self {
            Self::Delete { observed } => Some(&observed.id),
            _ => None,
        }
    }
}

/// What happens at one address, as users see it: a replacement is one change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The address; for what has none, its kind and id.
    pub address: Address,
    /// The kind of resource.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What is done to it.
    pub action: Action,
    /// Which fields differ, for updates and replacements.
    pub fields: Vec<FieldDifference>,
    /// Why it can't be done, where that is known before anything is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Steps and the order they need.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The steps.
    pub steps: Vec<Step>,
    /// For each step, the steps that come before it.
    pub after: Vec<BTreeSet<usize>>,
}

impl Changes {
    /// Compares a blueprint with a survey.
    pub fn between(blueprint: &Blueprint, survey: &Survey, holdings: &Holdings<'_>) -> Self {
        let changes = Self { steps: Vec::new(), after: Vec::new() };
        Builder { blueprint, survey, holdings, replaced: BTreeMap::new(), changes }.build()
    }

    /// Whether nothing has to happen.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What happens, address by address, in the order of the steps.
    pub fn list(&self) -> Vec<Change> {
        let old_half = |step: &&Step| step.action == Action::Replace && matches!(step.work, Work::Delete { .. });
        let steps = self.steps.iter().filter(|step| !old_half(step));
        steps
            .map(|step| Change {
                address: step.address.clone(),
                kind: step.kind,
                action: step.action,
                fields: step.fields.clone(),
                refused: step.refused.clone(),
            })
            .collect()
    }

    /// Whether something that isn't seen would be made.
    pub fn creates(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.work, Work::Create { .. }))
    }

    /// What users made and the steps would delete: spaces, with the apps in them, and home file systems. A home that
    /// could not be read goes with its domain all the same.
    pub fn lost_user_data(&self, survey: &Survey) -> Vec<String> {
        let unread = |id: &String| {
            survey.why_unreadable(Kind::FileSystem).is_some() && survey.by_id(Kind::FileSystem, id).is_none()
        };
        let lost = |step: &Step| match &step.work {
            Work::Delete { observed } if step.refused.is_none() => match &observed.spec {
                Spec::Space(space) => Some(format!("the space {} of {}", space.name, space.domain.text())),
                Spec::App(app) if app.space.is_none() => Some(format!("the app {}", observed.id)),
                Spec::FileSystem(_) => Some(format!("the home file system {}", observed.id)),
                Spec::Domain(_) => home(observed).filter(unread).map(|id| format!("the home file system {id}")),
                _ => None,
            },
            _ => None,
        };
        self.steps.iter().filter_map(lost).collect()
    }

    /// The graph of the steps, with the durations and calls of their kinds.
    ///
    /// # Errors
    /// The steps need each other in a circle: a bug, reported rather than waited for.
    pub fn graph(&self) -> Result<Graph, Circle> {
        let task = |(step, after): (&Step, &BTreeSet<usize>)| {
            let (operations, seconds) = (step.kind.operations(), step.kind.seconds());
            let (operation, seconds) = match &step.work {
                Work::Create { .. } => (operations.create, seconds.create),
                Work::Update { .. } => (operations.change, 1.0),
                Work::Delete { observed } if observed.function_served().is_some() => (operations.delete, LETTING_GO),
                Work::Delete { .. } => (operations.delete, seconds.delete),
            };
            Task { seconds, call: (operations.service, operation), after: after.iter().copied().collect() }
        };
        Graph::new(self.steps.iter().zip(&self.after).map(task).collect())
    }
}

struct Builder<'a, 'b> {
    blueprint: &'b Blueprint,
    survey: &'a Survey,
    holdings: &'b Holdings<'a>,
    replaced: BTreeMap<Address, Replaced>,
    changes: Changes,
}

/// How a replaced resource makes way.
#[derive(Clone, Copy, PartialEq)]
enum Replaced {
    /// The new one is made first, then what refers to the old one is moved.
    CreateFirst,
    /// The two can't stand side by side: the old one goes first, and all that refers to it before it.
    DeleteFirst,
}

impl<'a> Builder<'a, '_> {
    fn build(mut self) -> Changes {
        self.desired();
        self.unwanted();
        self.companions();
        self.leaving();
        self.order();
        self.changes
    }

    fn push(&mut self, step: Step) {
        self.changes.steps.push(step);
        self.changes.after.push(BTreeSet::new());
    }

    /// A value of another resource, unless that one is being made anew.
    fn known(&self, pointer: &Pointer) -> Option<String> {
        if self.replaced.contains_key(&pointer.address) { None } else { self.holdings.lookup(pointer) }
    }

    /// Creates, updates and replacements, each after what it depends on.
    fn desired(&mut self) {
        let mut blocked: BTreeSet<Address> = BTreeSet::new();
        for desired in self.blueprint.iter() {
            let known = |pointer: &Pointer| self.known(pointer);
            let unreadable = self.survey.why_unreadable(desired.kind()).map(|failure| format!("{failure}"));
            let Some(held) = self.holdings.held.get(&desired.address).copied() else {
                let work = Work::Create { desired: Box::new(desired.clone()), replaces: None };
                let step = step(desired, Action::Create, work, Vec::new());
                self.push(Step {
                    refused: unreadable.map(|why| format!("not made, since it may exist: {why}")),
                    ..step
                });
                continue;
            };
            if !held.is_ours() {
                continue;
            }
            let fields = differences(desired, held.observed, &known, &self.holdings.unknown);
            if fields.is_empty() && held.observed.readiness == Readiness::Ready {
                continue;
            }
            let refers_to = |mode| desired.pointers().iter().any(|(_, p)| self.replaced.get(&p.address) == Some(&mode));
            let in_place = fields.iter().all(|difference| difference.in_place(desired.kind()));
            if in_place && !refers_to(Replaced::DeleteFirst) {
                let work =
                    Work::Update { desired: Box::new(desired.clone()), observed: Box::new(held.observed.clone()) };
                self.push(step(desired, Action::Update, work, fields));
                continue;
            }
            let delete_first = desired.kind().deleted_first() || refers_to(Replaced::DeleteFirst);
            // Also where it wants the place of another: of two that swap places, neither can come first.
            let in_the_way = || self.survey.live().any(|other| excludes(desired, other, &known));
            let mode = if delete_first || in_the_way() { Replaced::DeleteFirst } else { Replaced::CreateFirst };
            let foreign = self.why_blocked(held.observed);
            let parent = desired.pointers().into_iter().find(|(_, pointer)| blocked.contains(&pointer.address));
            let consequence = foreign.is_none() && parent.is_some();
            let refused = foreign.or(parent.map(|(_, pointer)| format!("{} can't be replaced", pointer.address)));
            if refused.is_some() {
                blocked.insert(desired.address.clone());
            }
            self.replaced.insert(desired.address.clone(), mode);
            let replaces = (mode == Replaced::CreateFirst).then(|| held.observed.id.clone());
            let create = Work::Create { desired: Box::new(desired.clone()), replaces };
            let create = step(desired, Action::Replace, create, fields);
            let delete = Work::Delete { observed: Box::new(held.observed.clone()) };
            let delete = step(desired, Action::Replace, delete, Vec::new());
            self.push(Step { refused: refused.clone(), consequence, ..create });
            self.push(Step { refused, consequence: true, ..delete });
        }
    }

    /// Deletes of what is ours and should not be there.
    fn unwanted(&mut self) {
        let named = self.holdings.duplicates.iter().chain(&self.holdings.obsolete);
        let named = named.map(|(address, observed)| (address.clone(), *observed));
        let extras = self.holdings.unmanaged.iter().map(|observed| (unnamed(observed), *observed));
        let unwanted: Vec<_> = named.chain(extras).collect();
        let leaving: BTreeSet<String> =
            unwanted.iter().map(|(_, observed)| observed.id.clone()).chain(self.deleted()).collect();
        for (address, observed) in unwanted {
            if vanishes_with(observed, &leaving).is_some() {
                continue;
            }
            let refused = self.why_blocked(observed);
            self.push(Step { refused, ..delete(address, observed) });
        }
    }

    /// Deletes of what AWS put into what goes.
    fn companions(&mut self) {
        let going = self.changes.steps.iter().filter(|step| step.refused.is_none());
        let mut leaving: BTreeSet<String> = going.filter_map(|step| step.work.deleted().map(str::to_owned)).collect();
        let mut staying = self.holdings.companions.clone();
        let orphans = self.orphans();
        loop {
            let homes: BTreeSet<String> =
                self.survey.live().filter(|one| leaving.contains(&one.id)).filter_map(home).collect();
            let goes = |companion: &&'a Observed| {
                homes.contains(&companion.id)
                    || orphans.contains(companion.id.as_str())
                    || companion.domain_served().is_some_and(|domain| leaving.contains(domain))
                    || names(companion).any(|(_, id)| leaving.contains(&id))
            };
            let (going, rest): (Vec<_>, Vec<_>) = staying.into_iter().partition(goes);
            if going.is_empty() {
                return;
            }
            for companion in going {
                leaving.insert(companion.id.clone());
                self.push(delete(unnamed(companion), companion));
            }
            staying = rest;
        }
    }

    /// Homes that no domain names any more. Where all of a lab goes they go with it, even if their subnets went before.
    fn orphans(&self) -> BTreeSet<&'a str> {
        if !self.blueprint.is_empty() || self.survey.why_unreadable(Kind::Domain).is_some() {
            return BTreeSet::new();
        }
        let named: BTreeSet<String> = self.survey.live().filter_map(home).collect();
        let homes = self.holdings.companions.iter().filter(|one| one.kind() == Kind::FileSystem);
        homes.map(|one| one.id.as_str()).filter(|id| !named.contains(*id)).collect()
    }

    /// What is on its way out and still has the name or the address of something new, which comes when it is gone.
    fn leaving(&mut self) {
        let known = |pointer: &Pointer| self.known(pointer);
        let in_the_way = |observed: &&Observed| {
            let made = self.changes.steps.iter().filter_map(|step| match &step.work {
                Work::Create { desired, .. } => Some(desired),
                _ => None,
            });
            observed.readiness == Readiness::Deleting && made.into_iter().any(|new| excludes(new, observed, &known))
        };
        for observed in self.survey.found.iter().filter(in_the_way).collect::<Vec<_>>() {
            self.push(delete(observed.address().unwrap_or_else(|| unnamed(observed)), observed));
        }
    }

    fn deleted(&self) -> impl Iterator<Item = String> {
        self.changes.steps.iter().filter_map(|step| step.work.deleted().map(str::to_owned))
    }

    fn why_blocked(&self, observed: &Observed) -> Option<String> {
        let foreign = self.holdings.foreign_inside(observed);
        let ids: Vec<_> = foreign.iter().map(|foreign| format!("{} {}", foreign.kind(), foreign.id)).collect();
        (!ids.is_empty())
            .then(|| format!("{} can't be removed: it holds {}, which is not the lab's", observed.id, ids.join(", ")))
    }

    fn order(&mut self) {
        let steps = &self.changes.steps;
        let mut makes: BTreeMap<&Address, usize> = BTreeMap::new();
        // A role and its instance profile may have one name, which is the id of both.
        let mut deletes: BTreeMap<(Kind, &str), usize> = BTreeMap::new();
        let mut updates: BTreeMap<(Kind, &str), usize> = BTreeMap::new();
        for (index, step) in steps.iter().enumerate() {
            match &step.work {
                Work::Create { .. } => {
                    makes.insert(&step.address, index);
                }
                Work::Update { observed, .. } => {
                    makes.insert(&step.address, index);
                    updates.insert((step.kind, &observed.id), index);
                }
                Work::Delete { observed } => {
                    deletes.insert((step.kind, &observed.id), index);
                }
            }
        }
        let leaving: BTreeSet<String> = deletes.keys().map(|(_, id)| id.to_string()).collect();
        let mut edges: Vec<(usize, usize)> = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            match &step.work {
                Work::Create { desired, .. } | Work::Update { desired, .. } => {
                    let before =
                        desired.pointers().into_iter().filter_map(|(_, pointer)| makes.get(&pointer.address).copied());
                    edges.extend(before.map(|before| (before, index)));
                }
                // AWS let it go already: it is only waited for, whoever still names it.
                Work::Delete { observed } if observed.readiness == Readiness::Deleting => {}
                Work::Delete { observed } => {
                    edges.extend(
                        self.before_delete(observed, &deletes, &updates, &leaving).map(|before| (before, index)),
                    );
                    // Before its instances go, it would be made again.
                    let hosts = steps.iter().enumerate().filter(|(_, other)| {
                        observed.is_guard_dutys() && other.kind == Kind::Instance && other.action == Action::Delete
                    });
                    edges.extend(hosts.map(|(host, _)| (host, index)));
                    // The groups of a home are in use until it is gone, and apps until the domain is.
                    let served = observed.domain_served().filter(|_| step.kind == Kind::SecurityGroup);
                    let users = steps.iter().enumerate().filter(|(_, other)| match &other.work {
                        Work::Delete { observed } => served.is_some_and(|domain| {
                            observed.id == domain
                                || other.kind == Kind::FileSystem && observed.domain_served() == Some(domain)
                        }),
                        _ => false,
                    });
                    edges.extend(users.map(|(user, _)| (user, index)));
                    // Lambda needs it until then.
                    let functions = steps.iter().enumerate().filter(|(_, other)| {
                        observed.function_served().is_some() && other.kind == Kind::Function && !other.makes()
                    });
                    edges.extend(functions.map(|(function, _)| (function, index)));
                }
            }
            if let Work::Create { desired, replaces } = &step.work {
                let known = |pointer: &Pointer| self.known(pointer);
                for (other, second) in steps.iter().enumerate() {
                    let Work::Delete { observed } = &second.work else { continue };
                    let same = second.address == step.address && second.action == Action::Replace;
                    if same && replaces.is_some() {
                        edges.push((index, other));
                    } else if same || excludes(desired, observed, &known) {
                        edges.push((other, index));
                    }
                }
            }
        }
        for (index, step) in steps.iter().enumerate() {
            let begins = self.begins_to_answer_for(step);
            let in_the_way =
                steps.iter().enumerate().filter(|(_, other)| !begins.is_disjoint(&self.ceases_to_answer_for(other)));
            edges.extend(in_the_way.map(|(other, _)| (other, index)));
        }
        for (index, step) in steps.iter().enumerate() {
            let (will_need, has_needed): (&[Kind], &[Kind]) = match &step.work {
                Work::Create { desired, .. } => (desired.spec.needs(), &[]),
                Work::Update { desired, observed } => (desired.spec.needs(), observed.spec.needs()),
                Work::Delete { observed } => (&[], observed.spec.needs()),
            };
            for (other, needed) in steps.iter().enumerate() {
                match &needed.work {
                    Work::Create { .. } | Work::Update { .. } if will_need.contains(&needed.kind) => {
                        edges.push((other, index));
                    }
                    // One that stays until its successor is there, which may need the successor of the other.
                    Work::Delete { .. }
                        if needed.action == Action::Replace
                            && self.replaced.get(&step.address) == Some(&Replaced::CreateFirst) => {}
                    Work::Delete { .. } if has_needed.contains(&needed.kind) && !will_need.contains(&needed.kind) => {
                        edges.push((index, other));
                    }
                    _ => {}
                }
            }
        }
        for (before, index) in edges.into_iter().filter(|(before, index)| before != index) {
            self.changes.after[index].insert(before);
        }
    }

    /// The domains that a step lets something answer for, see [`crate::resource::Resource::answers_for`].
    fn begins_to_answer_for(&self, step: &Step) -> BTreeSet<String> {
        match &step.work {
            Work::Create { desired, .. } => self.will_answer_for(desired),
            Work::Update { desired, observed } => &self.will_answer_for(desired) - &answers_for(observed),
            Work::Delete { .. } => BTreeSet::new(),
        }
    }

    /// The domains that a step leaves to others.
    fn ceases_to_answer_for(&self, step: &Step) -> BTreeSet<String> {
        match &step.work {
            Work::Create { .. } => BTreeSet::new(),
            Work::Update { desired, observed } => &answers_for(observed) - &self.will_answer_for(desired),
            Work::Delete { observed } => answers_for(observed),
        }
    }

    fn will_answer_for(&self, desired: &Desired) -> BTreeSet<String> {
        let fields = resolved_fields(desired, &|pointer| self.known(pointer));
        let spec = Spec::from_fields(desired.kind(), fields);
        spec.map(|spec| spec.answers_for().into_iter().collect()).unwrap_or_default()
    }

    /// What must have happened before this can be removed: everything that names it was removed or moved.
    fn before_delete<'c>(
        &'c self,
        gone: &'c Observed,
        deletes: &'c BTreeMap<(Kind, &str), usize>,
        updates: &'c BTreeMap<(Kind, &str), usize>,
        leaving: &'c BTreeSet<String>,
    ) -> impl Iterator<Item = usize> + 'c {
        let another = |other: &&Observed| (other.kind(), &other.id) != (gone.kind(), &gone.id);
        self.survey.live().filter(another).filter_map(move |other| {
            let weak = other.kind().weak();
            let named: Vec<String> = names(other).filter(|(_, id)| *id == gone.id).map(|(field, _)| field).collect();
            if named.is_empty() {
                return None;
            }
            if let Some(update) = updates.get(&(other.kind(), other.id.as_str())) {
                return Some(*update);
            }
            if named.iter().all(|field| weak.contains(&field.as_str())) {
                return None;
            }
            let goes_with = vanishes_with(other, leaving).filter(|owner| *owner != gone.id);
            let owner = |owner: &str| deletes.iter().find(|((_, id), _)| *id == owner).map(|(_, index)| *index);
            deletes.get(&(other.kind(), other.id.as_str())).copied().or_else(|| owner(goes_with.as_deref()?))
        })
    }
}

fn step(desired: &Desired, action: Action, work: Work, fields: Vec<FieldDifference>) -> Step {
    Step {
        address: desired.address.clone(),
        kind: desired.kind(),
        action,
        work,
        fields,
        refused: None,
        consequence: false,
    }
}

fn delete(address: Address, observed: &Observed) -> Step {
    Step {
        address,
        kind: observed.kind(),
        action: Action::Delete,
        work: Work::Delete { observed: Box::new(observed.clone()) },
        fields: Vec::new(),
        refused: None,
        consequence: false,
    }
}

/// The home file system of a domain.
fn home(observed: &Observed) -> Option<String> {
    match &observed.spec {
        Spec::Domain(domain) => domain.home.as_ref().map(Ref::text),
        _ => None,
    }
}

fn answers_for(observed: &Observed) -> BTreeSet<String> {
    observed.spec.answers_for().into_iter().collect()
}

/// Whether the desired resource and the observed one can't stand side by side.
fn excludes(desired: &Desired, observed: &Observed, known: &impl Fn(&Pointer) -> Option<String>) -> bool {
    let fields = resolved_fields(desired, known);
    Spec::from_fields(desired.kind(), fields).is_ok_and(|spec| spec.excludes(&observed.spec))
}

/// The owner that AWS removes this one with, if that is leaving and nothing else that leaves waits for this.
fn vanishes_with(observed: &Observed, leaving: &BTreeSet<String>) -> Option<String> {
    let kind = observed.kind();
    if !kind.vanishes() {
        return None;
    }
    let fields = observed.spec.fields();
    let owner = kind.owners().iter().find_map(|field| fields.get(*field)?.as_str())?.to_owned();
    let holds_another = names(observed).any(|(field, id)| {
        id != owner
            && leaving.contains(&id)
            && !kind.owners().contains(&field.as_str())
            && !kind.weak().contains(&field.as_str())
    });
    (leaving.contains(&owner) && !holds_another).then_some(owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{Class, Failure, tags};
    use crate::drift::drift;
    use crate::engine::testing::{blueprint, built};
    use crate::resource::Set;
    use crate::resource::instance_profile::InstanceProfile;
    use crate::resource::internet_gateway::InternetGateway;

    const PLAN: &str = "name = \"demo\"";

    fn between(blueprint: &Blueprint, survey: &Survey) -> Changes {
        Changes::between(blueprint, survey, &Holdings::sort(blueprint, survey))
    }

    /// The steps as `action address`, creates and deletes of a replacement told apart.
    fn told(changes: &Changes) -> Vec<String> {
        let name = |work: &Work| match work {
            Work::Create { .. } => "create",
            Work::Update { .. } => "update",
            Work::Delete { .. } => "delete",
        };
        changes.steps.iter().map(|step| format!("{} {}", name(&step.work), step.address)).collect()
    }

    fn position(changes: &Changes, told: &str) -> usize {
        self::told(changes).iter().position(|step| step == told).unwrap_or_else(|| panic!("no step `{told}`"))
    }

    /// Whether one step comes before another, directly or through others.
    fn comes_before(changes: &Changes, one: &str, two: &str) -> bool {
        let (one, mut reached) = (position(changes, one), BTreeSet::from([position(changes, two)]));
        loop {
            let more: BTreeSet<usize> =
                reached.iter().flat_map(|index| changes.after[*index].iter().copied()).collect();
            let before = reached.len();
            reached.extend(more);
            if reached.len() == before {
                return reached.contains(&one);
            }
        }
    }

    #[test]
    fn a_lab_that_stands_as_drawn_needs_nothing() {
        let blueprint = blueprint(PLAN);
        assert!(between(&blueprint, &built(&blueprint)).is_empty());
    }

    #[test]
    fn a_new_lab_is_made_each_thing_after_what_it_refers_to() {
        let blueprint = blueprint(PLAN);
        let changes = between(&blueprint, &Survey::default());
        assert_eq!(changes.steps.len(), blueprint.len());
        assert!(comes_before(&changes, "create studio/vpc", "create studio/route-table/private/route/peering"));
        assert!(!comes_before(&changes, "create access/role/portal", "create peering"));
    }

    #[test]
    fn a_vpc_of_another_range_takes_everything_in_it_along_and_goes_first() {
        let old = blueprint(PLAN);
        let new = blueprint("name = \"demo\"\n[studio]\ncidr = \"10.40.0.0/16\"\n");
        let changes = between(&new, &built(&old));
        changes.graph().unwrap();
        assert!(comes_before(&changes, "delete studio/subnet/private-a", "delete studio/vpc"));
        assert!(comes_before(&changes, "delete peering", "delete studio/vpc"));
        assert!(comes_before(&changes, "delete studio/vpc", "create studio/vpc"));
        assert!(told(&changes).iter().all(|step| !step.ends_with(" onprem/vpc")));
    }

    #[test]
    fn what_can_stand_beside_its_successor_goes_last_and_is_named_by_it() {
        let blueprint = blueprint(PLAN);
        let mut survey = built(&blueprint);
        if let Spec::SecurityGroup(group) = &mut survey.at("onprem/security-group/dns").spec {
            group.name = "an-older-name".into();
        }
        let changes = between(&blueprint, &survey);
        changes.graph().unwrap();
        assert!(comes_before(&changes, "create onprem/security-group/dns", "delete onprem/security-group/dns"));
        let Work::Create { replaces, .. } = &changes.steps[position(&changes, "create onprem/security-group/dns")].work
        else {
            panic!("a create")
        };
        assert_eq!(replaces.as_deref(), Some("id:onprem/security-group/dns"));
    }

    #[test]
    fn swapped_ranges_are_freed_before_they_are_taken() {
        let blueprint = blueprint(PLAN);
        let mut survey = built(&blueprint);
        let range = |survey: &mut Survey, letter: &str, range: &str| {
            if let Spec::Subnet(subnet) = &mut survey.at(&format!("studio/subnet/private-{letter}")).spec {
                subnet.cidr = range.parse().unwrap();
            }
        };
        range(&mut survey, "a", "10.16.96.0/20");
        range(&mut survey, "b", "10.16.32.0/20");
        let changes = between(&blueprint, &survey);
        changes.graph().unwrap();
        assert!(comes_before(&changes, "delete studio/subnet/private-b", "create studio/subnet/private-a"));
        assert!(comes_before(&changes, "delete studio/subnet/private-a", "create studio/subnet/private-b"));
    }

    #[test]
    fn a_host_that_is_replaced_beside_subnets_that_swap_ranges_makes_no_circle() {
        let blueprint = blueprint("name = \"demo\"\n[app_server]\nenabled = true\n");
        let mut survey = built(&blueprint);
        for (letter, range) in [("a", "192.168.10.64/26"), ("b", "192.168.10.0/26")] {
            if let Spec::Subnet(subnet) = &mut survey.at(&format!("onprem/subnet/private-{letter}")).spec {
                subnet.cidr = range.parse().unwrap();
            }
        }
        if let Spec::Instance(host) = &mut survey.at("onprem/app").spec {
            host.private_address = "192.168.10.149".parse().unwrap();
        }
        let changes = between(&blueprint, &survey);
        changes.graph().unwrap();
        assert!(comes_before(&changes, "create onprem/app", "delete onprem/app"));
    }

    #[test]
    fn what_guard_duty_put_into_a_vpc_is_nobodys_fault_and_goes_with_it() {
        let plan = "name = \"demo\"\n[[studio.endpoints]]\nservice = \"studio\"\n[app_server]\nenabled = true\n";
        let drawn = blueprint(plan);
        let mut survey = built(&drawn);
        survey.copy("studio/security-group/endpoints", "sg-guard", |copy| {
            copy.tags.clear();
            if let Spec::SecurityGroup(group) = &mut copy.spec {
                group.name = format!("GuardDutyManagedSecurityGroup-{}", group.vpc.text());
            }
        });
        survey.copy("studio/endpoint/studio", "vpce-guard", |copy| {
            copy.tags = [("GuardDutyManaged".to_owned(), "true".to_owned())].into();
            if let Spec::InterfaceEndpoint(endpoint) = &mut copy.spec {
                endpoint.service = "com.amazonaws.eu-west-1.guardduty-data".into();
                endpoint.security_groups = [Ref::known("sg-guard")].into_iter().collect();
            }
        });
        assert_eq!(told(&between(&drawn, &survey)), Vec::<String>::new());
        assert_eq!(drift(&drawn, &survey), []);

        let nothing = Blueprint::empty(drawn.lab.clone());
        let changes = between(&nothing, &survey);
        let (endpoint, group) = ("delete interface_endpoint vpce-guard", "delete security_group sg-guard");
        assert!(comes_before(&changes, "delete onprem/app", endpoint));
        assert!(comes_before(&changes, endpoint, "delete studio/subnet/private-a"));
        assert!(comes_before(&changes, endpoint, group) && comes_before(&changes, group, "delete studio/vpc"));
    }

    #[test]
    fn private_names_of_s3_come_after_its_gateway_and_go_before_it() {
        let gateway = "[[studio.gateway_endpoints]]\nservice = \"s3\"\n";
        let endpoint = "[[studio.endpoints]]\nservice = \"s3\"\n";
        let both = blueprint(&format!("name = \"demo\"\n{gateway}{endpoint}"));
        let (s3, gateway) = ("studio/endpoint/s3", "studio/gateway-endpoint/s3");
        let changes = between(&both, &Survey::default());
        assert!(comes_before(&changes, &format!("create {gateway}"), &format!("create {s3}")));
        let changes = between(&Blueprint::empty(both.lab.clone()), &built(&both));
        assert!(comes_before(&changes, &format!("delete {s3}"), &format!("delete {gateway}")));

        let neither = blueprint(&format!("name = \"demo\"\n{endpoint}private_dns = false\n"));
        let changes = between(&neither, &built(&both));
        assert!(comes_before(&changes, &format!("update {s3}"), &format!("delete {gateway}")));
        let changes = between(&both, &built(&neither));
        assert!(comes_before(&changes, &format!("create {gateway}"), &format!("update {s3}")));
    }

    #[test]
    fn a_domain_is_answered_for_by_one_after_the_other() {
        let endpoint = "name = \"demo\"\n[[studio.endpoints]]\nservice = \"lambda\"\n";
        let (by_endpoint, by_zone) = (blueprint(endpoint), blueprint(&format!("{endpoint}hosted_zone = true\n")));
        let (door, zone) = ("studio/endpoint/lambda", "studio/hosted-zone/lambda");
        let changes = between(&by_zone, &built(&by_endpoint));
        assert!(comes_before(&changes, &format!("update {door}"), &format!("create {zone}")));
        let changes = between(&by_endpoint, &built(&by_zone));
        assert!(comes_before(&changes, &format!("delete {zone}"), &format!("update {door}")));
    }

    #[test]
    fn what_still_names_something_on_its_way_out_does_not_hold_up_its_successor() {
        let drawn = blueprint(crate::plan::Source::built_in("@studio-private-access").unwrap().text.as_str());
        let mut survey = built(&drawn);
        let door = "studio/endpoint/execute-api";
        survey.at(door).readiness = Readiness::Deleting;
        let changes = between(&drawn, &survey);
        assert!(comes_before(&changes, &format!("delete {door}"), &format!("create {door}")));
        assert!(comes_before(&changes, &format!("create {door}"), "update portal/api"));
        assert!(changes.graph().is_ok());
    }

    #[test]
    fn what_is_on_its_way_out_is_waited_for_where_something_new_needs_its_name() {
        let drawn = blueprint("name = \"demo\"\n[[studio.endpoints]]\nservice = \"studio\"\n");
        let mut survey = built(&drawn);
        survey.at("studio/endpoint/studio").readiness = Readiness::Deleting;
        let changes = between(&drawn, &survey);
        assert!(comes_before(&changes, "delete studio/endpoint/studio", "create studio/endpoint/studio"));
        if let Spec::InterfaceEndpoint(endpoint) = &mut survey.at("studio/endpoint/studio").spec {
            (endpoint.private_dns, endpoint.placements) = (false, Set::default());
        }
        assert_eq!(told(&between(&drawn, &survey)), ["create studio/endpoint/studio"]);
    }

    #[test]
    fn a_field_that_aws_changes_in_place_is_an_update() {
        let blueprint = blueprint(PLAN);
        let mut survey = built(&blueprint);
        survey.at("studio/vpc").tags.remove("Name");
        if let Spec::Subnet(subnet) = &mut survey.at("onprem/subnet/public-b").spec {
            subnet.public = false;
        }
        let changes = between(&blueprint, &survey);
        assert_eq!(told(&changes), ["update onprem/subnet/public-b", "update studio/vpc"]);
    }

    #[test]
    fn a_child_that_lost_its_tags_is_known_by_its_place_and_tagged_again() {
        let blueprint = blueprint(PLAN);
        let mut survey = built(&blueprint);
        survey.at("studio/subnet/private-a").tags.clear();
        survey.at("onprem/route-table/public").tags.clear();
        let changes = between(&blueprint, &survey);
        assert_eq!(told(&changes), ["update onprem/route-table/public", "update studio/subnet/private-a"]);
    }

    #[test]
    fn a_child_with_half_its_tags_that_the_plan_has_no_place_for_goes() {
        let old = blueprint(PLAN);
        let mut survey = built(&old);
        survey.at("studio/subnet/private-a").tags.remove(tags::LAB);
        let new = blueprint("name = \"demo\"\n[studio.private]\na = \"10.16.128.0/20\"\nb = \"10.16.96.0/20\"\n");
        let changes = between(&new, &survey);
        assert!(told(&changes).contains(&"delete studio/subnet/private-a".to_owned()), "{:?}", told(&changes));
        assert!(told(&changes).contains(&"create studio/subnet/private-a".to_owned()));
    }

    #[test]
    fn what_carries_the_labs_name_and_no_address_goes_wherever_it_is() {
        let blueprint = blueprint(PLAN);
        let mut survey = built(&blueprint);
        let mut gateway =
            Observed::standing("igw-1", survey.at("studio/vpc").tags.clone(), InternetGateway { vpc: None });
        gateway.tags.remove(tags::ADDRESS);
        survey.found.push(gateway);
        assert_eq!(told(&between(&blueprint, &survey)), ["delete internet_gateway igw-1"]);
    }

    #[test]
    fn a_set_of_dhcp_options_that_somebody_associated_is_not_taken_for_the_labs() {
        let plan = "name = \"demo\"\n[[studio.endpoints]]\nservice = \"studio\"\n[dns]\nmode = \"dhcp\"\n";
        let blueprint = blueprint(plan);
        let mut survey = built(&blueprint);
        survey.at("onprem/dhcp-options").tags.clear();
        let unproven = |survey: &Survey| Holdings::sort(&blueprint, survey).unproven().count();
        assert_eq!(unproven(&survey), 1, "it is as the plan has it");
        if let Spec::DhcpOptions(set) = &mut survey.at("onprem/dhcp-options").spec {
            set.options.insert("domain-name-servers".into(), vec!["8.8.8.8".into()]);
        }
        assert_eq!(unproven(&survey), 0);
        let steps = ["create onprem/dhcp-options", "update onprem/dhcp-options/association"];
        assert_eq!(told(&between(&blueprint, &survey)), steps);
    }

    #[test]
    fn a_role_under_the_labs_path_without_its_tag_is_never_passed_over() {
        let drawn = blueprint(PLAN);
        let mut survey = built(&drawn);
        survey.at("access/role/portal").tags.clear();
        let nothing = Blueprint::empty(drawn.lab.clone());
        let foreign = |blueprint: &Blueprint| Holdings::sort(blueprint, &survey).foreign.len();
        assert_eq!((foreign(&drawn), foreign(&nothing)), (0, 1));
    }

    #[test]
    fn a_root_that_lost_its_tag_is_unproven_and_left_alone() {
        let blueprint = blueprint(PLAN);
        let mut survey = built(&blueprint);
        survey.at("studio/vpc").tags.clear();
        let holdings = Holdings::sort(&blueprint, &survey);
        assert_eq!(holdings.unproven().map(|(address, _)| address.as_str()).collect::<Vec<_>>(), ["studio/vpc"]);
        assert!(Changes::between(&blueprint, &survey, &holdings).is_empty());
    }

    #[test]
    fn of_two_holders_the_replacement_stays() {
        let blueprint = blueprint(PLAN);
        let mut survey = built(&blueprint);
        survey.copy("onprem/route-table/private", "new", |copy| {
            copy.tags.insert(tags::REPLACES.into(), "id:onprem/route-table/private".into());
        });
        let holdings = Holdings::sort(&blueprint, &survey);
        assert_eq!(holdings.held[&"onprem/route-table/private".into()].observed.id, "new");
    }

    #[test]
    fn of_two_holders_the_one_that_the_lab_refers_to_stays_else_the_lower_id() {
        let blueprint = blueprint(PLAN);
        let mut survey = built(&blueprint);
        survey.copy("studio/vpc", "a-lower-id", |_| {});
        let changes = between(&blueprint, &survey);
        assert_eq!(told(&changes), ["delete studio/vpc"]);
        assert!(matches!(&changes.steps[0].work, Work::Delete { observed } if observed.id == "a-lower-id"));

        let only = Survey { found: vec![survey.at("studio/vpc").clone()], ..survey.clone() };
        let mut two = only.clone();
        two.copy("studio/vpc", "a-lower-id", |_| {});
        let holdings = Holdings::sort(&blueprint, &two);
        assert_eq!(holdings.held[&"studio/vpc".into()].observed.id, "a-lower-id");
    }

    #[test]
    fn a_rule_that_nobody_asked_for_goes_and_a_foreign_subnet_stays() {
        let blueprint = blueprint(PLAN);
        let mut survey = built(&blueprint);
        survey.copy("onprem/security-group/dns/rule/tcp-53-from-192.168.10.0/24", "sgr-open", |copy| {
            copy.tags.clear();
            if let Spec::SecurityGroupRule(rule) = &mut copy.spec {
                (rule.from_port, rule.to_port) = (Some(22), Some(22));
            }
        });
        survey.copy("onprem/subnet/private-a", "subnet-foreign", |copy| {
            copy.tags.clear();
            if let Spec::Subnet(subnet) = &mut copy.spec {
                subnet.cidr = "192.168.10.240/28".parse().unwrap();
            }
        });
        let holdings = Holdings::sort(&blueprint, &survey);
        assert_eq!(holdings.foreign.iter().map(|foreign| foreign.id.as_str()).collect::<Vec<_>>(), ["subnet-foreign"]);
        let changes = Changes::between(&blueprint, &survey, &holdings);
        assert_eq!(told(&changes), ["delete security_group_rule sgr-open"]);
    }

    #[test]
    fn a_vpc_with_something_foreign_in_it_is_not_replaced() {
        let old = blueprint(PLAN);
        let mut survey = built(&old);
        survey.copy("onprem/security-group/dns", "sg-foreign", |copy| {
            copy.tags.clear();
            if let Spec::SecurityGroup(group) = &mut copy.spec {
                group.name = "theirs".into();
            }
        });
        let new = blueprint("name = \"demo\"\n[onprem]\ncidr = \"192.168.20.0/24\"\n");
        let changes = between(&new, &survey);
        let refused = |told: &str| changes.steps[position(&changes, told)].refused.is_some();
        assert!(refused("delete onprem/vpc") && refused("create onprem/vpc"));
        assert!(refused("delete onprem/subnet/private-a"), "or the VPC would stand there emptied");
    }

    #[test]
    fn what_could_not_be_read_is_not_made() {
        let blueprint = blueprint(PLAN);
        let mut survey = Survey::default();
        survey.unreadable.insert(Kind::Vpc, Failure::here("DescribeVpcs", Class::Denied, "no"));
        let changes = between(&blueprint, &survey);
        assert!(changes.steps[position(&changes, "create onprem/vpc")].refused.is_some());
        assert!(changes.steps[position(&changes, "create access/role/portal")].refused.is_none());
    }

    #[test]
    fn what_stands_in_something_that_could_not_be_read_stays_as_it_is() {
        let blueprint = blueprint(PLAN);
        let mut survey = built(&blueprint).without("onprem/vpc").without("studio/vpc");
        survey.unreadable.insert(Kind::Vpc, Failure::here("DescribeVpcs", Class::Denied, "no"));
        assert_eq!(told(&between(&blueprint, &survey)), ["create onprem/vpc", "create studio/vpc"], "both refused");
    }

    #[test]
    fn a_key_pair_that_is_gone_comes_back_and_the_host_stays() {
        let key = include_str!("testing.pub").trim();
        let drawn = blueprint(&format!("{PLAN}\n[app_server]\nenabled = true\npublic_key = \"{key}\""));
        let mut survey = built(&drawn);
        if let Spec::Instance(app) = &mut survey.at("onprem/app").spec {
            app.key_pair = Some(Ref::known("breezeway-demo"));
        }
        survey.at("onprem/app/key-pair").outputs.insert("name".into(), "breezeway-demo".into());
        assert!(between(&drawn, &survey).is_empty());
        let survey = survey.without("onprem/app/key-pair");
        assert_eq!(told(&between(&drawn, &survey)), ["create onprem/app/key-pair"]);
    }

    #[test]
    fn a_role_goes_after_the_instance_profile_of_the_same_name() {
        let drawn = blueprint(PLAN);
        let mut survey = built(&drawn);
        let role = survey.at("access/role/portal").clone();
        let profile = InstanceProfile { name: "app".into(), path: "/".into(), role: Some(Ref::known("app")) };
        let tags = |address: &str| {
            let mut tags = role.tags.clone();
            tags.insert(tags::ADDRESS.into(), address.into());
            tags
        };
        let role = Observed { id: "app".into(), tags: tags("app/role"), ..role.clone() };
        survey.found = vec![role, Observed::standing("app", tags("app/profile"), profile)];
        let changes = between(&Blueprint::empty(drawn.lab.clone()), &survey);
        changes.graph().unwrap();
        assert!(comes_before(&changes, "delete app/profile", "delete app/role"));
    }

    #[test]
    fn groups_whose_rules_name_each_other_lose_the_rules_first() {
        let drawn = blueprint(PLAN);
        let mut survey = built(&drawn);
        let (dns, rule) =
            ("id:onprem/security-group/dns", "onprem/security-group/dns/rule/tcp-53-from-192.168.10.0/24");
        survey.copy("onprem/security-group/dns", "sg-two", |copy| {
            copy.tags.insert(tags::ADDRESS.into(), "onprem/security-group/two".into());
            if let Spec::SecurityGroup(group) = &mut copy.spec {
                group.name = "two".into();
            }
        });
        let mut name_each_other = |id: &str, group: &str, peer: &str| {
            survey.copy(rule, id, |copy| {
                copy.tags.insert(tags::ADDRESS.into(), id.into());
                if let Spec::SecurityGroupRule(rule) = &mut copy.spec {
                    rule.group = Ref::known(group);
                    rule.peer = crate::resource::security_group_rule::Peer::Group(Ref::known(peer));
                }
            });
        };
        name_each_other("one-names-two", dns, "sg-two");
        name_each_other("two-names-one", "sg-two", dns);
        let nothing = Blueprint::empty(drawn.lab.clone());
        let changes = between(&nothing, &survey);
        changes.graph().unwrap();
        assert!(comes_before(&changes, "delete one-names-two", "delete onprem/security-group/two"));
        assert!(comes_before(&changes, "delete two-names-one", "delete onprem/security-group/dns"));
    }
}
