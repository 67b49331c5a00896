//! What a run needs to know and to tell: clients, place, who we are, what was asked, where events go.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

use super::defect::Defect;
use super::event::{Event, Happened, Outcome, StepState};
use super::lock::{Alive, Holder};
use crate::aws::{Aws, Failure, Place};
use crate::resource::{Address, LabName};
use crate::survey::lab_name;

/// How long a run that is left may take to end: CI systems kill 2.5 seconds after their SIGTERM.
pub const FAREWELL: Duration = Duration::from_millis(1500);

/// What the user chose.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Work without taking the lock.
    pub no_lock: bool,
    /// Wait for whoever has the lock.
    pub wait: bool,
    /// `down` only: remove all but the containers that foreign things block.
    pub leave_blocked: bool,
    /// `down` only: leave when all that remains waits for what AWS lets go of in its own time.
    pub detach: bool,
    /// Delete what users made in a Studio domain, where it goes with what has to go.
    pub delete_user_data: bool,
    /// Armed by tests only.
    pub defect: Option<Defect>,
}

/// One run of a verb on one lab.
pub struct Session<'a> {
    /// The way to AWS.
    pub aws: Aws,
    /// Where.
    pub place: Place,
    /// Which lab.
    pub lab: LabName,
    /// Who we are, to other runs.
    pub holder: Holder,
    /// Whether a process of this machine lives.
    pub alive: Alive,
    /// What the user chose.
    pub options: Options,
    /// Turns true when no new work is to be started.
    pub stop: watch::Receiver<bool>,
    /// Time by a clock that goes on while the machine sleeps; one that stands still where no machine does.
    pub wall: fn() -> SystemTime,
    /// Whether `seconds` is measured; off where output must be the same every time.
    pub timed: bool,
    stopper: watch::Sender<bool>,
    leaver: watch::Sender<bool>,
    random: RefCell<ChaCha8Rng>,
    events: Box<dyn Fn(Happened) + 'a>,
}

impl<'a> Session<'a> {
    /// A session; `random` gives lab ids and the nonce of idempotency tokens.
    pub fn new(
        aws: Aws,
        place: Place,
        lab: &str,
        holder: Holder,
        random: ChaCha8Rng,
        events: impl Fn(Happened) + 'a,
    ) -> Self {
        let lab = lab_name(lab, &place.region);
        let (stopper, stop) = watch::channel(false);
        Self {
            aws,
            place,
            lab,
            holder,
            alive: |_| true,
            options: Options::default(),
            stop,
            wall: || SystemTime::UNIX_EPOCH,
            timed: true,
            stopper,
            leaver: watch::Sender::new(false),
            random: RefCell::new(random),
            events: Box::new(events),
        }
    }

    /// Tells what happened.
    pub fn emit(&self, event: Event) {
        (self.events)(Happened { at: self.aws.clock.now(), event });
    }

    /// Tells something about the run as a whole.
    pub fn note(&self, message: impl Into<String>) {
        self.emit(Event::Note { message: message.into() });
    }

    /// Tells that a step changed its state.
    pub fn step(&self, step: &super::changes::Step, state: StepState, told: Told<'_>) {
        self.emit(Event::Step {
            address: step.address.clone(),
            kind: step.kind,
            action: step.action,
            state,
            id: told.id.map(str::to_owned),
            message: told.message,
            error: told.error.cloned(),
        });
    }

    /// Whether no new work is to be started.
    pub fn stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Starts no new work from now on; what runs is finished.
    pub fn stop_now(&self) {
        self.stopper.send_replace(true);
    }

    /// Leaves what runs, too: the run ends as soon as it has given the lock back, if that takes no longer than
    /// [`FAREWELL`].
    pub fn leave_now(&self) {
        self.stop_now();
        self.leaver.send_replace(true);
    }

    /// Waits until the run is to be left.
    pub async fn left(&self) {
        // The session has the other end, so it doesn't close.
        let _ = self.leaver.subscribe().wait_for(|left| *left).await;
    }

    /// Waits for so long, or until no new work is to be started.
    pub async fn pause(&self, time: Duration) {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => {}
            () = tokio::time::sleep(time) => {}
        }
    }

    /// Whether this mistake is armed.
    pub fn armed(&self, defect: Defect) -> bool {
        self.options.defect == Some(defect)
    }

    /// Twelve random hexadecimal digits.
    pub fn random_id(&self) -> String {
        format!("{:012x}", self.random.borrow_mut().random::<u64>() >> 16)
    }
}

/// What a step's event carries besides its state.
#[derive(Debug, Default)]
pub struct Told<'a> {
    /// AWS's id.
    pub id: Option<&'a str>,
    /// What it waits for, or why it is skipped.
    pub message: Option<String>,
    /// Why it failed.
    pub error: Option<&'a Failure>,
}

/// How a run ended, with what it learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// How.
    pub outcome: Outcome,
    /// What went wrong, causes only.
    pub causes: Vec<String>,
    /// How many resources of the lab stand; none where nobody could count them.
    pub resources: Option<usize>,
    /// The network addresses of what stands, where a run got so far as to know them.
    pub addresses: BTreeMap<Address, Vec<String>>,
    /// US dollars an hour for what stands, before any traffic, where a run got so far as to know it.
    pub hourly_cost_usd: Option<f64>,
    /// A user who comes to Studio by the lab's portal, where a run got so far as to know one.
    pub portal_user: Option<String>,
    /// How AWS said that it no longer knows who is asking, which ended the run.
    pub unidentified: Option<Failure>,
}

impl Report {
    /// A report of a run that didn't get so far as to know network addresses and cost.
    pub fn new(outcome: Outcome, causes: Vec<String>, resources: Option<usize>) -> Self {
        Self {
            outcome,
            causes,
            resources,
            addresses: BTreeMap::new(),
            hourly_cost_usd: None,
            portal_user: None,
            unidentified: None,
        }
    }

    /// A report of a run in the middle of which AWS no longer knew who is asking: nothing more could be done or asked.
    pub fn unidentified(what: &str, failure: &Failure) -> Self {
        let causes = vec![format!("{what}: {failure}")];
        Self { unidentified: Some(failure.clone()), ..Self::new(Outcome::Failed, causes, None) }
    }

    /// A report of a run that was told to stop before it could count what stands.
    pub fn interrupted() -> Self {
        Self::new(Outcome::Interrupted, Vec::new(), None)
    }
}
