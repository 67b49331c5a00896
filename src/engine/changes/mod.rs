//! What has to happen to turn what is into what should be: a pure function of blueprint and survey.

mod order;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::order::order;
use super::difference::{FieldDifference, differences, resolved_fields};
use super::holdings::{Holdings, names, unnamed};
use super::schedule::{Graph, Task};
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

    /// What it does; the two steps of a replacement are told apart.
    fn told(&self) -> String {
        let verb = match &self.work {
            Work::Create { .. } => "create",
            Work::Update { .. } => "update",
            Work::Delete { .. } => "delete",
        };
        format!("{verb} {}", self.address)
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

    /// Whether it is the removal of what AWS lets go of already.
    fn is_under_way(&self) -> bool {
        matches!(self, Self::Delete { observed } if observed.readiness == Readiness::Deleting)
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

/// Steps that need each other in a circle, each the next: a bug, or AWS said what can't be. Reported rather than waited for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these steps need each other in a circle, each the next: {}", .0.join(", "))]
pub struct CircularSteps(pub Vec<String>);

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
            Work::Delete { observed } if step.refused.is_none() && !step.work.is_under_way() => match &observed.spec {
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
    /// The steps need each other in a circle.
    pub fn graph(&self) -> Result<Graph, CircularSteps> {
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
        let graph = Graph::new(self.steps.iter().zip(&self.after).map(task).collect());
        graph.map_err(|circle| CircularSteps(circle.0.iter().map(|index| self.steps[*index].told()).collect()))
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
        self.changes.after = order(&self);
        self.changes
    }

    fn push(&mut self, step: Step) {
        self.changes.steps.push(step);
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
            // Also where it wants the place of another, or another its place: of two that swap places, neither can come
            // first.
            let in_the_way = || self.survey.live().any(|other| excludes(desired, other, &known));
            let others = || self.blueprint.iter().filter(|other| other.address != desired.address);
            let wanted = || others().any(|other| excludes(other, held.observed, &known));
            let delete_first = delete_first || in_the_way() || wanted();
            let mode = if delete_first { Replaced::DeleteFirst } else { Replaced::CreateFirst };
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
            let refused = self.why_blocked(observed).or_else(|| self.why_needed(observed));
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

    /// What is on its way out and still has the name or the address of something new, which comes when it is gone. Where
    /// all of a lab goes, nothing is gone before that is.
    fn leaving(&mut self) {
        let known = |pointer: &Pointer| self.known(pointer);
        let in_the_way = |observed: &&Observed| {
            let mut made = self.changes.steps.iter().filter_map(|step| match &step.work {
                Work::Create { desired, .. } => Some(desired),
                _ => None,
            });
            observed.readiness == Readiness::Deleting
                && (self.blueprint.is_empty() || made.any(|new| excludes(new, observed, &known)))
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

    /// Lambda lets go of its network interfaces in the name of a function's role. Where they can't be seen, it may have to.
    fn why_needed(&self, observed: &Observed) -> Option<String> {
        let failure = self.survey.why_unreadable(Kind::NetworkInterface)?;
        let role = match &observed.spec {
            Spec::Role(_) => observed.id.clone(),
            Spec::RolePolicy(policy) => policy.role.text(),
            Spec::RolePolicyAttachment(attachment) => attachment.role.text(),
            _ => return None,
        };
        let serves_another = match self.survey.by_id(Kind::Role, &role).map(|role| &role.spec) {
            Some(Spec::Role(role)) => !role.trust.document().contains("lambda.amazonaws.com"),
            _ => false,
        };
        let why = format!("network interfaces, which could not be read: {failure}");
        (!serves_another).then(|| format!("{} stays, since Lambda may need it to let go of {why}", observed.id))
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
mod tests;
