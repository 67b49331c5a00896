//! Which step waits for which: each question that is asked of two steps is one reason.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Builder, Replaced, Step, Work, excludes, vanishes_with};
use crate::blueprint::Desired;
use crate::engine::difference::resolved_fields;
use crate::engine::holdings::names;
use crate::resource::{Address, Kind, Observed, Pointer, Spec};

/// For each step, those that have to be done before it.
pub(super) fn order(builder: &Builder<'_, '_>) -> Vec<BTreeSet<usize>> {
    let order = Order::new(builder);
    (0..order.steps.len()).map(|step| order.before(step)).collect()
}

struct Order<'o> {
    builder: &'o Builder<'o, 'o>,
    steps: &'o [Step],
    /// The steps after which an address has its holder.
    makes: BTreeMap<&'o Address, usize>,
    updates: BTreeMap<(Kind, &'o str), usize>,
    /// By kind and id: a role and its instance profile may have one name, which is the id of both.
    deletes: BTreeMap<(Kind, &'o str), usize>,
    leaving: BTreeSet<String>,
    /// Per step, the VPC of what it makes, and the id of the VPC of what stands: none for what is in none.
    planned: Vec<Option<Address>>,
    standing: Vec<Option<String>>,
    /// Per step, the domains that it lets something answer for, see [`crate::resource::Resource::answers_for`].
    begins: Vec<BTreeSet<String>>,
    /// Per step, the domains that it leaves to others.
    ceases: Vec<BTreeSet<String>>,
}

impl<'o> Order<'o> {
    fn new(builder: &'o Builder<'o, 'o>) -> Self {
        let steps = builder.changes.steps.as_slice();
        let (mut makes, mut updates, mut deletes) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (index, step) in steps.iter().enumerate() {
            match &step.work {
                Work::Create { .. } => {
                    makes.insert(&step.address, index);
                }
                Work::Update { observed, .. } => {
                    makes.insert(&step.address, index);
                    updates.insert((step.kind, observed.id.as_str()), index);
                }
                Work::Delete { observed } => {
                    deletes.insert((step.kind, observed.id.as_str()), index);
                }
            }
        }
        let leaving = deletes.keys().map(|(_, id)| (*id).to_owned()).collect();
        let (planned, standing) = steps.iter().map(|step| networks(builder, step)).unzip();
        let (begins, ceases) = steps.iter().map(|step| answers(builder, step)).unzip();
        Self { builder, steps, makes, updates, deletes, leaving, planned, standing, begins, ceases }
    }

    fn before(&self, index: usize) -> BTreeSet<usize> {
        let step = &self.steps[index];
        // AWS let it go already: it is only waited for, whoever still names it.
        if step.work.is_under_way() {
            return BTreeSet::new();
        }
        let others = self.steps.iter().enumerate().filter(|(other, before)| {
            in_use_until(before, step)
                || self.makes_way(before, step)
                || !self.begins[index].is_disjoint(&self.ceases[*other])
                || self.needed(*other, index)
        });
        let mut before: BTreeSet<usize> = others.map(|(other, _)| other).collect();
        match &step.work {
            Work::Create { desired, .. } | Work::Update { desired, .. } => before.extend(self.referred_to(desired)),
            Work::Delete { observed } => before.extend(self.naming(observed)),
        }
        before.remove(&index);
        before
    }

    /// What this one refers to is there first.
    fn referred_to(&self, desired: &Desired) -> impl Iterator<Item = usize> {
        desired.pointers().into_iter().filter_map(|(_, pointer)| self.makes.get(&pointer.address).copied())
    }

    /// Before something is removed, everything that names it was removed or moved.
    fn naming(&self, gone: &Observed) -> impl Iterator<Item = usize> {
        let another = move |other: &&Observed| (other.kind(), &other.id) != (gone.kind(), &gone.id);
        self.builder.survey.found.iter().filter(another).filter_map(move |other| {
            let weak = other.kind().weak();
            let named: Vec<String> = names(other).filter(|(_, id)| *id == gone.id).map(|(field, _)| field).collect();
            if named.is_empty() {
                return None;
            }
            if let Some(update) = self.updates.get(&(other.kind(), other.id.as_str())) {
                return Some(*update);
            }
            if named.iter().all(|field| weak.contains(&field.as_str())) {
                return None;
            }
            let goes_with = vanishes_with(other, &self.leaving).filter(|owner| *owner != gone.id);
            let owner = |owner: &str| self.deletes.iter().find(|((_, id), _)| *id == owner).map(|(_, index)| *index);
            self.deletes.get(&(other.kind(), other.id.as_str())).copied().or_else(|| owner(goes_with.as_deref()?))
        })
    }

    /// Of a replacement whose two can stand side by side the new one comes first; of any other two the old one goes first.
    fn makes_way(&self, before: &Step, step: &Step) -> bool {
        let replacement = |old: &Step, new: &Step| old.address == new.address && old.action == Action::Replace;
        match (&before.work, &step.work) {
            (Work::Create { replaces, .. }, Work::Delete { .. }) => replacement(step, before) && replaces.is_some(),
            (Work::Delete { .. }, Work::Create { replaces, .. }) if replacement(before, step) => replaces.is_none(),
            (Work::Delete { observed }, Work::Create { desired, .. }) => {
                excludes(desired, observed, &|pointer: &Pointer| self.builder.known(pointer))
            }
            _ => false,
        }
    }

    /// What works by means of all of a kind in its VPC comes after them; those that have to outlive it go once it is gone
    /// or does without them.
    fn needed(&self, other: usize, index: usize) -> bool {
        let (before, step) = (&self.steps[other], &self.steps[index]);
        match (&before.work, &step.work) {
            (_, Work::Delete { .. }) => {
                // One that stays until its successor is there, which may need the successor of the other.
                let stays = self.builder.replaced.get(&before.address) == Some(&Replaced::CreateFirst);
                outlived_by(before).contains(&step.kind)
                    && near(&self.standing[other], &self.standing[index])
                    && !will_need(before).contains(&step.kind)
                    && !(stays && step.action == Action::Replace)
            }
            (Work::Create { .. } | Work::Update { .. }, _) => {
                will_need(step).contains(&before.kind) && near(&self.planned[other], &self.planned[index])
            }
            (Work::Delete { .. }, _) => false,
        }
    }
}

/// What AWS holds, or would make again, until another is gone.
fn in_use_until(gone: &Step, step: &Step) -> bool {
    let Work::Delete { observed } = &step.work else { return false };
    let endpoint = || observed.is_guard_dutys() && gone.kind == Kind::Instance && gone.action == Action::Delete;
    let interface = || observed.function_served().is_some() && gone.kind == Kind::Function && !gone.makes();
    // A home's groups until it is gone, and those of apps until the domain is.
    let group = || {
        let served = observed.domain_served().filter(|_| step.kind == Kind::SecurityGroup);
        let Work::Delete { observed } = &gone.work else { return false };
        let of_home = |domain| gone.kind == Kind::FileSystem && observed.domain_served() == Some(domain);
        served.is_some_and(|domain| observed.id == domain || of_home(domain))
    };
    endpoint() || interface() || group()
}

/// The kinds by means of which it works once this is done.
fn will_need(step: &Step) -> &'static [Kind] {
    match &step.work {
        Work::Create { desired, .. } | Work::Update { desired, .. } => desired.spec.needs(),
        Work::Delete { .. } => &[],
    }
}

/// The kinds that stay until this is done.
fn outlived_by(step: &Step) -> &'static [Kind] {
    match &step.work {
        Work::Create { .. } => &[],
        Work::Update { observed, .. } | Work::Delete { observed } => observed.spec.outlived_by(),
    }
}

/// Whether two are in one VPC, or one of them is in none.
fn near<T: PartialEq>(one: &Option<T>, two: &Option<T>) -> bool {
    one.is_none() || two.is_none() || one == two
}

/// The VPC of what a step makes, and the id of the VPC of what it changes or removes.
fn networks(builder: &Builder<'_, '_>, step: &Step) -> (Option<Address>, Option<String>) {
    match &step.work {
        Work::Create { desired, .. } => (planned_network(builder, desired), None),
        Work::Update { desired, observed } => (planned_network(builder, desired), standing_network(builder, observed)),
        Work::Delete { observed } => (None, standing_network(builder, observed)),
    }
}

fn planned_network(builder: &Builder<'_, '_>, desired: &Desired) -> Option<Address> {
    if desired.kind() == Kind::Vpc {
        return Some(desired.address.clone());
    }
    let owners = desired.kind().owners();
    let (_, owner) = desired.pointers().into_iter().find(|(field, _)| owners.contains(&field.as_str()))?;
    planned_network(builder, builder.blueprint.get(&owner.address)?)
}

fn standing_network(builder: &Builder<'_, '_>, observed: &Observed) -> Option<String> {
    let mut within = observed;
    // A rule is in a group, which is in a VPC: no way is longer, but AWS might say that two are in each other.
    for _ in 0..3 {
        if within.kind() == Kind::Vpc {
            return Some(within.id.clone());
        }
        let fields = within.spec.fields();
        let owner = within.kind().owners().iter().find_map(|field| fields.get(*field)?.as_str())?;
        within = builder.survey.found.iter().find(|other| other.id == owner)?;
    }
    None
}

/// The domains that a step begins, and those that it ceases to answer for.
fn answers(builder: &Builder<'_, '_>, step: &Step) -> (BTreeSet<String>, BTreeSet<String>) {
    let does = |observed: &Observed| -> BTreeSet<String> { observed.spec.answers_for().into_iter().collect() };
    let will = |desired: &Desired| -> BTreeSet<String> {
        let fields = resolved_fields(desired, &|pointer| builder.known(pointer));
        let spec = Spec::from_fields(desired.kind(), fields);
        spec.map(|spec| spec.answers_for().into_iter().collect()).unwrap_or_default()
    };
    match &step.work {
        Work::Create { desired, .. } => (will(desired), BTreeSet::new()),
        Work::Update { desired, observed } => {
            let (will, does) = (will(desired), does(observed));
            (&will - &does, &does - &will)
        }
        Work::Delete { observed } => (BTreeSet::new(), does(observed)),
    }
}
