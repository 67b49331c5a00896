//! Carries changes out: starts steps as the schedule says, answers each failure by its class, and finishes what runs
//! when it is told to stop.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::answer::{Answer, Doing, answer};
use super::changes::{Action, Changes, Step, Work};
use super::defect::Defect;
use super::difference::FieldDifference;
use super::event::{Event, StepState};
use super::holdings::Holdings;
use super::schedule::Progress;
use super::session::{Session, Told};
use super::wait::{Until, Waiter};
use crate::aws::tags::{self, Tags};
use crate::aws::{Class, Failure};
use crate::blueprint::Desired;
use crate::resource::reference::resolve;
use crate::resource::{Address, Creation, Kind, Observed, Pointer, Query, Readiness, Spec};

/// Reads may lag behind writes for about this long: what isn't seen after it isn't there.
pub const SETTLE: Duration = Duration::from_secs(8);
/// When to look for what a call without an answer may have made, each after the one before; together over [`SETTLE`].
const LOOKS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(5)];

/// What came of the changes.
#[derive(Debug, Default)]
pub struct Applied {
    /// Steps that failed, and why: causes only, not what merely depended on them.
    pub failed: Vec<(Address, String)>,
    /// Whether it stopped on request before everything was started.
    pub interrupted: bool,
    /// Whether it left what waits for AWS to let go.
    pub detached: bool,
    /// The step at which AWS no longer knew who is asking, and what it said: nothing was started after that.
    pub unidentified: Option<(Address, Failure)>,
}

/// Carries out the changes.
pub async fn apply(session: &Session<'_>, changes: &Changes, holdings: &Holdings<'_>) -> Applied {
    let mut applied = Applied::default();
    let graph = match changes.graph() {
        Ok(graph) => graph,
        Err(circle) => {
            applied.failed.push((Address::from("plan"), circle.to_string()));
            return applied;
        }
    };
    let forecast = graph.forecast(&session.aws.pace(), session.aws.clock.elapsed());
    session.emit(Event::Planned {
        steps: changes.steps.len(),
        forecast_seconds: forecast.seconds,
        critical_path: forecast.critical_path.iter().map(|index| changes.steps[*index].address.clone()).collect(),
        changes: changes.list(),
    });

    let run = Run::new(session, changes, holdings);
    let mut progress = vec![Progress::Waiting; changes.steps.len()];
    for (index, step) in changes.steps.iter().enumerate() {
        let Some(why) = &step.refused else { continue };
        progress[index] = Progress::Dead;
        if step.consequence {
            session.step(step, StepState::Skipped, Told { message: Some(why.clone()), ..Told::default() });
        } else {
            let failure = Failure::here("plan", Class::Wrong, why.clone());
            session.step(step, StepState::Failed, Told { error: Some(&failure), ..Told::default() });
            applied.failed.push((step.address.clone(), why.clone()));
        }
    }
    let mut running = FuturesUnordered::new();
    let mut poller = pin!(run.waiter.run());
    let mut stop = session.stop.clone();
    loop {
        skip_what_depends(session, changes, &mut progress);
        let mut again = None;
        if !session.stopped() && applied.unidentified.is_none() {
            let decision = graph.next(&progress, &session.aws.pace(), session.aws.clock.elapsed());
            again = decision.again;
            for index in decision.start {
                progress[index] = Progress::Running;
                session.step(&changes.steps[index], StepState::Started, Told::default());
                let run = &run;
                running.push(async move { (index, run.step(&changes.steps[index]).await) });
            }
        }
        if running.is_empty() && again.is_none() {
            break;
        }
        // Who said stop has kept back what else could be done.
        let can_leave = session.options.detach && !session.stopped();
        if can_leave && again.is_none() && run.outwaited.get() == running.len() {
            applied.detached = true;
            break;
        }
        tokio::select! {
            biased;
            _ = stop.changed(), if !session.stopped() => {}
            Some((index, result)) = running.next(), if !running.is_empty() => {
                let step = &changes.steps[index];
                match result {
                    Ok(id) => {
                        progress[index] = Progress::Done;
                        session.step(step, StepState::Done, Told { id: id.as_deref(), ..Told::default() });
                    }
                    Err(failure) => {
                        progress[index] = Progress::Dead;
                        session.step(step, StepState::Failed, Told { error: Some(&failure), ..Told::default() });
                        applied.failed.push((step.address.clone(), failure.to_string()));
                        if failure.class == Class::Unidentified {
                            run.waiter.give_up(&failure);
                            applied.unidentified.get_or_insert((step.address.clone(), failure));
                        }
                    }
                }
            }
            () = &mut poller => {}
            () = run.outwaits.notified() => {}
            () = tokio::time::sleep(again.unwrap_or_default()), if again.is_some() => {}
        }
    }
    for (index, step) in changes.steps.iter().enumerate() {
        if progress[index] == Progress::Waiting {
            applied.interrupted |= !applied.detached && applied.unidentified.is_none();
            let why = match (applied.detached, &applied.unidentified) {
                (true, _) => "left for the next `down`",
                (_, Some(_)) => "AWS no longer knows who is asking",
                _ => "interrupted before it was started",
            };
            let message = Some(why.to_owned());
            session.step(step, StepState::Skipped, Told { message, ..Told::default() });
        }
    }
    applied
}

fn skip_what_depends(session: &Session<'_>, changes: &Changes, progress: &mut [Progress]) {
    loop {
        let dead_cause = |index: &usize| {
            let mut before = changes.after[*index].iter();
            before.find(|before| progress[**before] == Progress::Dead).map(|before| (*index, *before))
        };
        let waiting = (0..progress.len()).filter(|index| progress[*index] == Progress::Waiting);
        let Some((index, cause)) = waiting.filter_map(|index| dead_cause(&index)).next() else { return };
        progress[index] = Progress::Dead;
        let message = Some(format!("{} was not done", changes.steps[cause].address));
        session.step(&changes.steps[index], StepState::Skipped, Told { message, ..Told::default() });
    }
}

struct Run<'a> {
    session: &'a Session<'a>,
    waiter: Waiter<'a>,
    nonce: String,
    /// How many steps do nothing but ask again and again whether AWS has let go; who counts is told of more.
    outwaited: Cell<usize>,
    outwaits: Notify,
    /// The holders of addresses: those found, and those made on the way.
    holders: RefCell<BTreeMap<Address, Observed>>,
    /// The kinds that a look on the way could not read: nothing of them is made, since it may exist.
    unseen: RefCell<BTreeMap<Kind, Failure>>,
}

impl<'a> Run<'a> {
    fn new(session: &'a Session<'a>, changes: &Changes, holdings: &Holdings<'_>) -> Self {
        let replaced = |address: &Address| {
            let made = |step: &Step| step.address == *address && matches!(step.work, Work::Create { .. });
            changes.steps.iter().any(made)
        };
        let holders = holdings.held.iter().filter(|(address, _)| !replaced(address));
        let holders = holders.map(|(address, held)| (address.clone(), held.observed.clone())).collect();
        let mut waiter = Waiter::new(&session.aws);
        waiter.ends_at_deleting = session.armed(Defect::WaitEndsAtDeleting);
        let nonce = if session.armed(Defect::TokenReused) { String::new() } else { session.random_id() };
        let (outwaited, outwaits) = (Cell::default(), Notify::new());
        let (holders, unseen) = (RefCell::new(holders), RefCell::default());
        Self { session, waiter, nonce, outwaited, outwaits, holders, unseen }
    }

    async fn step(&self, step: &Step) -> Result<Option<String>, Failure> {
        match &step.work {
            Work::Create { desired, replaces } => {
                let observed = self.create(step, desired, replaces.as_deref()).await?;
                let id = observed.id.clone();
                self.holders.borrow_mut().insert(step.address.clone(), observed);
                Ok(Some(id))
            }
            Work::Update { desired, observed } => {
                self.update(step, desired, observed).await?;
                Ok(Some(observed.id.clone()))
            }
            Work::Delete { observed } => {
                self.delete(step, observed).await?;
                Ok(Some(observed.id.clone()))
            }
        }
    }

    async fn create(&self, step: &Step, desired: &Desired, replaces: Option<&str>) -> Result<Observed, Failure> {
        let aws = &self.session.aws;
        if let Some(failure) = self.unseen.borrow().get(&desired.kind()) {
            let message = format!("not made, since it may exist: {}", failure.message);
            return Err(Failure { message, ..failure.clone() });
        }
        let spec = self.resolved(desired)?;
        let mut tags = desired.tags.clone();
        if let Some(old) = replaces.filter(|_| !tags.is_empty()) {
            tags.insert(tags::REPLACES.into(), old.to_owned());
        }
        let late = self.session.armed(Defect::TagAfterCreate) && !tags.is_empty();
        let creation =
            Creation { tags: if late { Tags::new() } else { tags.clone() }, token: self.token(desired, &spec) };
        let mut observed = self.make(desired, &spec, &creation, replaces).await?;
        if late || desired.kind().tagged_later() {
            self.insist(Doing::Change, || observed.tag(aws, &tags)).await?;
        }
        if observed.readiness == Readiness::Pending {
            observed = self.until_ready(step, &observed).await?;
        }
        self.insist(Doing::Change, || spec.complete(aws, &observed.id)).await?;
        Ok(observed)
    }

    /// Makes the create call until it is sure that the resource stands, once.
    async fn make(
        &self,
        desired: &Desired,
        spec: &Spec,
        creation: &Creation,
        replaces: Option<&str>,
    ) -> Result<Observed, Failure> {
        let started = tokio::time::Instant::now();
        for attempt in 1.. {
            let failure = match spec.create(&self.session.aws, creation).await {
                Ok(observed) => return Ok(observed),
                Err(failure) => failure,
            };
            match answer(self.class(&failure), Doing::Create, attempt, started.elapsed()) {
                Answer::Again(pause) => tokio::time::sleep(pause).await,
                Answer::Look => {
                    if let Some(observed) = self.look(desired, spec, replaces).await? {
                        return Ok(observed);
                    }
                }
                Answer::Done | Answer::Fail if failure.class == Class::AlreadySo => {
                    let message =
                        format!("{} exists already and isn't this lab's: {}", desired.kind(), failure.message);
                    return Err(Failure { message, class: Class::Wrong, ..failure });
                }
                Answer::Done | Answer::Fail => return Err(failure),
            }
        }
        unreachable!("patience ends")
    }

    /// Whether what a create call may have made is there: more than once, since reads may be stale.
    async fn look(&self, desired: &Desired, spec: &Spec, replaces: Option<&str>) -> Result<Option<Observed>, Failure> {
        let looks: &[Duration] = if self.session.armed(Defect::NoSecondLook) { &[Duration::ZERO] } else { &LOOKS };
        for pause in looks {
            tokio::time::sleep(*pause).await;
            let listing = desired.kind().list(&self.session.aws, &self.where_to_look(spec)).await?;
            self.unseen.borrow_mut().extend(listing.unreadable.iter().cloned());
            let found = listing.pick(spec.kind(), |observed| {
                let tagged = observed.lab() == Some(&self.session.lab.name)
                    && observed.address().as_ref() == Some(&desired.address);
                let untagged = spec.kind().in_set() || !spec.kind().tagged();
                let member = untagged && observed.spec.natural_key() == spec.natural_key();
                (tagged || member)
                    && observed.readiness != Readiness::Deleting
                    && Some(observed.id.as_str()) != replaces
            })?;
            if found.is_some() {
                return Ok(found.cloned());
            }
        }
        Ok(None)
    }

    /// Members of a set are looked up by their owner, with which they are listed, everything else by the lab.
    fn where_to_look(&self, spec: &Spec) -> Query {
        let fields = spec.fields();
        let named = |field: &str| fields.get(field).and_then(Value::as_str).map(str::to_owned).into_iter().collect();
        match spec.kind() {
            Kind::SecurityGroupRule => Query::Inside(named("group")),
            kind if kind.in_set() => Query::Ids(named(kind.listed_with().name())),
            _ => Query::Lab(self.session.lab.clone()),
        }
    }

    async fn update(&self, step: &Step, desired: &Desired, observed: &Observed) -> Result<(), Failure> {
        let aws = &self.session.aws;
        if observed.readiness == Readiness::Pending {
            self.until_ready(step, observed).await?;
        }
        let is_tag = |difference: &&FieldDifference| difference.field.starts_with("tags.");
        if step.fields.iter().any(|difference| is_tag(&difference)) {
            self.insist(Doing::Change, || observed.tag(aws, &desired.tags)).await?;
        }
        if step.fields.iter().any(|difference| !is_tag(&difference)) {
            let spec = self.resolved(desired)?;
            self.insist(Doing::Change, || spec.change(aws, observed)).await?;
        }
        Ok(())
    }

    async fn delete(&self, step: &Step, observed: &Observed) -> Result<(), Failure> {
        if let Some(function) = observed.function_served() {
            let message = format!("until Lambda lets go of {}, up to 45 minutes after {function} is gone", observed.id);
            let told = Told { id: Some(&observed.id), message: Some(message), ..Told::default() };
            self.session.step(step, StepState::Waiting, told);
        }
        if observed.readiness != Readiness::Deleting {
            let doing = if observed.function_served().is_some() { Doing::Outwait } else { Doing::Delete };
            self.insist(doing, || observed.delete(&self.session.aws)).await?;
        }
        if observed.kind().lingers() {
            let message = Some(format!("until {} is gone", observed.id));
            self.session.step(step, StepState::Waiting, Told { id: Some(&observed.id), message, ..Told::default() });
            self.waiter.wait(observed.kind(), &observed.id, Until::Gone).await?;
        }
        Ok(())
    }

    async fn until_ready(&self, step: &Step, observed: &Observed) -> Result<Observed, Failure> {
        let message = Some(format!("{} is {}", observed.id, observed.state));
        self.session.step(step, StepState::Waiting, Told { id: Some(&observed.id), message, ..Told::default() });
        let ready = self.waiter.wait(observed.kind(), &observed.id, Until::Ready).await?;
        ready.ok_or_else(|| Failure::here("wait", Class::NotFound, format!("{} is gone", observed.id)))
    }

    /// Makes a call that may be made twice, until it is done or its failure is to be reported.
    async fn insist<F>(&self, doing: Doing, call: impl Fn() -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        let started = tokio::time::Instant::now();
        let mut outwaited = None;
        for attempt in 1.. {
            let failure = match call().await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            match answer(self.class(&failure), doing, attempt, started.elapsed()) {
                // Too long for who said stop.
                Answer::Again(_) if doing == Doing::Outwait && self.session.stopped() => return Err(failure),
                Answer::Again(pause) => {
                    if doing == Doing::Outwait {
                        outwaited.get_or_insert_with(|| Outwaited::one_more(self));
                    }
                    tokio::time::sleep(pause).await;
                }
                Answer::Done => return Ok(()),
                Answer::Look | Answer::Fail => return Err(failure),
            }
        }
        unreachable!("patience ends")
    }

    fn class(&self, failure: &Failure) -> Class {
        match failure.class {
            Class::HardLimit if self.session.armed(Defect::HardLimitRetried) => Class::Throttled,
            class => class,
        }
    }

    fn resolved(&self, desired: &Desired) -> Result<Spec, Failure> {
        let holders = self.holders.borrow();
        let lookup = |pointer: &Pointer| holders.get(&pointer.address)?.output(&pointer.output).map(str::to_owned);
        let wrong = |message: String| Failure::here("resolve", Class::Wrong, message);
        match resolve(&Value::Object(desired.spec.fields()), &lookup) {
            Value::Object(fields) => {
                Spec::from_fields(desired.kind(), fields).map_err(|error| wrong(error.to_string()))
            }
            _ => Err(wrong(format!("{} has no fields", desired.address))),
        }
    }

    /// A digest of this run, the address and the parameters: it guards a retry within a run. A token from an earlier
    /// life of the lab would answer with the dead resource.
    fn token(&self, desired: &Desired, spec: &Spec) -> String {
        let mut digest = Sha256::new();
        for part in [&self.nonce, desired.address.as_str(), &Value::Object(spec.fields()).to_string()] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A step that does nothing but ask whether AWS has let go, counted for as long as it does.
struct Outwaited<'a>(&'a Cell<usize>);

impl<'a> Outwaited<'a> {
    fn one_more(run: &'a Run<'_>) -> Self {
        run.outwaited.set(run.outwaited.get() + 1);
        run.outwaits.notify_one();
        Self(&run.outwaited)
    }
}

impl Drop for Outwaited<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// How many addresses the steps touch: a replacement is one.
pub fn addresses(changes: &Changes) -> usize {
    let halves = |step: &&Step| step.action == Action::Replace && matches!(step.work, Work::Delete { .. });
    changes.steps.len() - changes.steps.iter().filter(halves).count()
}
