//! One life of a lab: a random plan, random verbs by random people, random faults and deaths; then the invariants.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::time::Duration;

use breezeway::aws::Calls;
use breezeway::drift::{Class, drift};
use breezeway::engine::defect::Defect;
use breezeway::engine::event::{Event, Happened, Outcome, StepState};
use breezeway::engine::run::{self, RunError};
use breezeway::engine::session::{Options, Report};
use breezeway::engine::view::view;
use breezeway::plan::Plan;
use breezeway::sandbox::dials::{Death, Dials, Latency, Side};
use breezeway::sandbox::host::{Answered, CallerDials, Failing, Sandbox};
use breezeway::sandbox::world::Durations;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::hands::{Hands, studio};
use super::plans;
use crate::lab::{Person, skipping, world};

pub const LAB: &str = "sim";
/// No run of a verb takes longer on the world's clock.
const LONGEST: Duration = Duration::from_secs(3 * 3600);
/// After this long what was told to go is gone.
const GONE: Duration = Duration::from_secs(600);
/// After this long every read shows what was written last.
const SETTLED: Duration = Duration::from_secs(30);
/// After this long AWS has let go of what it keeps for a while: Lambda of network interfaces, after up to 45 minutes.
const LET_GO: Duration = Duration::from_secs(3600);

/// Lists and other reads of which one may fail for good.
const LISTS: [&str; 52] = [
    "DescribeVpcs",
    "DescribeVpcAttribute",
    "DescribeSubnets",
    "DescribeRouteTables",
    "DescribeNetworkAcls",
    "DescribeSecurityGroups",
    "DescribeSecurityGroupRules",
    "ListRoles",
    "ListRolePolicies",
    "ListAttachedRolePolicies",
    "DescribeVpcPeeringConnections",
    "DescribeTags",
    "DescribeInternetGateways",
    "DescribeAddresses",
    "DescribeNatGateways",
    "DescribeVpcEndpoints",
    "DescribeNetworkInterfaces",
    "DescribeDhcpOptions",
    "ListResolverEndpoints",
    "ListResolverEndpointIpAddresses",
    "ListHostedZones",
    "ListResourceRecordSets",
    "DescribeKeyPairs",
    "DescribeInstances",
    "DescribeInstanceAttribute",
    "DescribeVolumes",
    "ListInstanceProfiles",
    "GetInstanceProfile",
    "ListDomains",
    "DescribeDomain",
    "ListTags",
    "ListUserProfiles",
    "ListSpaces",
    "ListApps",
    "DescribeFileSystems",
    "DescribeMountTargets",
    "DescribeTable",
    "Scan",
    "ListTagsOfResource",
    "DescribeLogGroups",
    "GetFunction",
    "GetPolicy",
    "ListUserPools",
    "DescribeUserPool",
    "ListUserPoolClients",
    "DescribeUserPoolClient",
    "ListUsers",
    "GetRestApis",
    "GetResources",
    "GetDeployments",
    "GetStages",
    "GetAuthorizers",
];
/// Those that every look needs, whatever stands.
const NEEDED: [&str; 13] = [
    "DescribeVpcs",
    "DescribeTags",
    "DescribeAddresses",
    "DescribeDhcpOptions",
    "DescribeKeyPairs",
    "DescribeVolumes",
    "ListRoles",
    "ListInstanceProfiles",
    "ListDomains",
    "DescribeFileSystems",
    "DescribeLogGroups",
    "ListUserPools",
    "GetRestApis",
];
/// Lists that may be longer than a page.
const PAGED: [&str; 8] = [
    "DescribeSubnets",
    "DescribeRouteTables",
    "DescribeSecurityGroups",
    "DescribeSecurityGroupRules",
    "DescribeVpcEndpoints",
    "DescribeNetworkInterfaces",
    "DescribeTags",
    "ListRoles",
];
/// Those that show what users made.
const OF_USERS: [&str; 4] = ["DescribeFileSystems", "DescribeMountTargets", "ListSpaces", "ListApps"];
/// Changes of which one may be denied.
const WRITES: [&str; 18] = [
    "CreateVpc",
    "CreateSubnet",
    "CreateSecurityGroup",
    "CreateVpcEndpoint",
    "RunInstances",
    "CreateRole",
    "CreateDomain",
    "CreateFunction",
    "CreateTags",
    "DeleteSubnet",
    "DeleteSecurityGroup",
    "DeleteVpcEndpoints",
    "DeleteNetworkInterface",
    "DeleteRole",
    "DeleteDomain",
    "DeleteMountTarget",
    "DeleteFileSystem",
    "DeleteFunction",
];

/// What became of a life.
pub struct Life {
    /// What happened, in the order it did.
    pub story: String,
    /// Every request and its answer, a line each.
    pub requests: Vec<String>,
    /// The invariant that broke, if one did.
    pub broken: Option<String>,
}

/// Lives one life.
pub fn live(seed: u64, defect: Option<Defect>) -> Life {
    skipping().block_on(async {
        let mut sim = Simulation::new(seed, defect);
        let broken = sim.live().await.err();
        Life { story: sim.story, requests: sim.sandbox.requests(), broken }
    })
}

struct Simulation {
    random: ChaCha8Rng,
    sandbox: Sandbox,
    hands: Hands,
    defect: Option<Defect>,
    people: u64,
    locked: bool,
    story: String,
    /// What stood before the lab did.
    before: Value,
}

/// How a person's run ended.
enum Ended {
    Returned(Result<Report, RunError>),
    Vanished,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Up,
    Down,
}

impl Simulation {
    fn new(seed: u64, defect: Option<Defect>) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let dials = Dials {
            durations: if random.random_bool(0.8) { Durations::Drawn } else { Durations::Instant },
            latency: if random.random_bool(0.7) { Latency::Realistic } else { Latency::Off },
            staleness: random.random_bool(0.6).then(|| Duration::from_millis(random.random_range(200..5000))),
            throttle: random.random_bool(0.5),
            ..Dials::default()
        };
        let sandbox = world(seed, dials);
        sandbox.log_requests();
        let locked = random.random_bool(0.7);
        let story = format!("{dials}, lock {}\n", if locked { "on" } else { "off" });
        Self { random, sandbox, hands: Hands::default(), defect, people: 0, locked, story, before: Value::Null }
    }

    async fn live(&mut self) -> Result<(), String> {
        self.hands.neighbours(&self.sandbox);
        self.before = self.sandbox.standing();
        let mut plan = plans::random(&mut self.random, LAB);
        for act in 0..self.random.random_range(2..7) {
            match self.random.random_range(0..11) {
                3 if act > 0 => self.one(Verb::Down, &plan).await?,
                4 => {
                    plan = plans::changed(&mut self.random, &plan);
                    self.tell("the plan changes");
                    self.one(Verb::Up, &plan).await?;
                }
                5..8 if act > 0 => {
                    for _ in 0..self.random.random_range(1..4) {
                        let told = self.hands.meddle(&self.sandbox, &mut self.random);
                        self.tell(&told);
                    }
                    // A run can't be blamed for not seeing what reads don't show yet.
                    tokio::time::sleep(SETTLED).await;
                }
                8 => self.two(&plan).await?,
                9 if act > 0 => self.look(&plan).await?,
                10 => {
                    let told = self.hands.crowd(&self.sandbox, &mut self.random);
                    self.tell(&told);
                    tokio::time::sleep(SETTLED).await;
                    self.one(Verb::Up, &plan).await?;
                }
                _ => self.one(Verb::Up, &plan).await?,
            }
            if self.random.random_bool(0.3) {
                tokio::time::sleep(Duration::from_secs(self.random.random_range(1..4000))).await;
            }
        }
        tokio::time::sleep(SETTLED).await;
        let removed = self.hands.leave(&self.sandbox)?;
        tokio::time::sleep(if removed { GONE } else { SETTLED }).await;
        // What hands took the tags of may need an `up` to be known for the lab's again.
        if self.hands.meddled || self.random.random_bool(0.7) {
            self.complete(&plan).await?;
        }
        self.gone(&plan).await
    }

    fn tell(&mut self, what: &str) {
        let _ = writeln!(self.story, "-- {what}");
    }

    fn person(&mut self, dials: CallerDials) -> (Person, u64) {
        self.people += 1;
        let name = format!("person{}", self.people);
        (Person::new(&self.sandbox, &name, LAB, dials), self.random.random())
    }

    /// Trouble for one run: none, or faults, an operation that always fails, death at a call.
    fn trouble(&mut self) -> CallerDials {
        let random = &mut self.random;
        let faults = if random.random_bool(0.5) { random.random_range(0.5..12.0) } else { 0.0 };
        let side = if random.random_bool(0.5) { Side::Before } else { Side::After };
        let die = random.random_bool(0.5).then(|| Death { side, call: random.random_range(1..250) });
        let mut dials = CallerDials { faults: Some(faults), die, ..CallerDials::default() };
        let list = LISTS[random.random_range(0..LISTS.len())];
        match random.random_range(0..40) {
            0..5 => dials.denied = Some(list),
            5..8 => dials.failing = Some((list, Failing::Throttled)),
            8..11 => dials.failing = Some((PAGED[random.random_range(0..PAGED.len())], Failing::CutShort)),
            11..13 => dials.denied = Some(WRITES[random.random_range(0..WRITES.len())]),
            _ => {}
        }
        dials
    }

    fn options(&self, delete_user_data: bool) -> Options {
        Options { no_lock: !self.locked, wait: true, delete_user_data, defect: self.defect, ..Options::default() }
    }

    /// One person runs a verb, with trouble; what it claims at the end must be so.
    async fn one(&mut self, verb: Verb, plan: &Plan) -> Result<(), String> {
        let mut trouble = self.trouble();
        let stop = self.random.random_bool(0.1).then(|| self.random.random_range(0..20_000));
        let asked = self.random.random_bool(0.8);
        let options = self.options(asked);
        if !asked && self.random.random_bool(0.3) {
            trouble.denied = Some(OF_USERS[self.random.random_range(0..OF_USERS.len())]);
        }
        // What is done by hand meanwhile may leave any run with less than it claims, but must not break anything.
        if self.random.random_bool(0.15) {
            let when = Duration::from_millis(self.random.random_range(0..120_000));
            return self.run_disturbed(verb, plan, trouble, options, when).await;
        }
        let of_users = studio::of_users(&self.sandbox);
        let (person, ended) = self.run(verb, plan, trouble, options, stop).await?;
        let left = studio::of_users(&self.sandbox);
        if let Some(lost) = of_users.difference(&left).next().filter(|_| !options.delete_user_data) {
            return Err(format!("{lost} is lost, and nobody asked for that"));
        }
        blind(&person)?;
        if let (Ended::Returned(Ok(Report { outcome: Outcome::Done, .. })), Some(list)) = (&ended, unread(&person)) {
            return Err(format!("{verb:?} said done, but {list} was never shown to it"));
        }
        self.claims(verb, &ended).await
    }

    /// One person runs a verb, with trouble, while another meddles with the lab.
    async fn run_disturbed(
        &mut self,
        verb: Verb,
        plan: &Plan,
        trouble: CallerDials,
        options: Options,
        when: Duration,
    ) -> Result<(), String> {
        let (person, seed) = self.person(trouble);
        self.tell(&format!("{} runs {verb:?} with {trouble:?}, disturbed after {when:?}", person.name));
        let told = RefCell::new(None);
        let mut random = ChaCha8Rng::seed_from_u64(self.random.random());
        let (hands, sandbox) = (&mut self.hands, &self.sandbox);
        let meddling = async {
            tokio::time::sleep(when).await;
            *told.borrow_mut() = Some(hands.meddle(sandbox, &mut random));
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! {
            biased;
            ended = act(&person, seed, options, verb, plan, None) => ended,
            () = meddling => unreachable!("nobody stops meddling"),
        };
        self.note_events(&person);
        self.tell(&told.into_inner().unwrap_or_default());
        ended?;
        insisting(&person)?;
        tokio::time::sleep(SETTLED).await;
        Ok(())
    }

    /// One person only looks, with trouble: that changes nothing.
    async fn look(&mut self, plan: &Plan) -> Result<(), String> {
        let trouble = self.trouble();
        let (person, _) = self.person(trouble);
        self.tell(&format!("{} looks for drift, with {trouble:?}", person.name));
        let from = self.sandbox.requests().len();
        let seen = tokio::select! {
            biased;
            () = person.client.caller().death() => return Ok(()),
            seen = view(&person.aws, LAB, Some(plan)) => seen,
            () = tokio::time::sleep(LONGEST) => return Err("a look did not end".to_owned()),
        };
        if let Ok(seen) = seen {
            let differences = drift(&seen.blueprint, &seen.survey);
            self.tell(&format!("{} differences", differences.len()));
            let unknown = differences.iter().any(|difference| difference.class == Class::Unknown);
            if let Some(list) = unread(&person).filter(|_| !unknown) {
                return Err(format!("{list} was never shown to who looked for drift, and nothing is unknown"));
            }
        }
        match self.sandbox.requests()[from..].iter().find_map(|line| write_of(line)) {
            Some((service, operation)) => Err(format!("a look called {service} {operation}")),
            None => Ok(()),
        }
    }

    async fn run(
        &mut self,
        verb: Verb,
        plan: &Plan,
        trouble: CallerDials,
        options: Options,
        stop: Option<u64>,
    ) -> Result<(Person, Ended), String> {
        let (person, seed) = self.person(trouble);
        let asked = if options.delete_user_data { "" } else { ", users' data kept" };
        self.tell(&format!("{} runs {verb:?} with {trouble:?}, stop at {stop:?} ms{asked}", person.name));
        let ended = act(&person, seed, options, verb, plan, stop).await;
        self.note_events(&person);
        let ended = ended?;
        insisting(&person)?;
        self.tell(&match &ended {
            Ended::Vanished => format!("{} vanishes", person.name),
            Ended::Returned(Ok(report)) => format!("{}: {report:?}", person.name),
            Ended::Returned(Err(error)) => format!("{}: {error}", person.name),
        });
        if matches!(&ended, Ended::Returned(Ok(report)) if report.outcome == Outcome::Failed && report.causes.is_empty())
        {
            return Err(format!("{verb:?} failed without a cause"));
        }
        self.recorded()?;
        Ok((person, ended))
    }

    /// Two people at once.
    async fn two(&mut self, plan: &Plan) -> Result<(), String> {
        let other = if self.random.random_bool(0.3) { plans::changed(&mut self.random, plan) } else { plan.clone() };
        let second = if self.random.random_bool(0.2) { Verb::Down } else { Verb::Up };
        let (trouble, trouble2) = (self.trouble(), self.trouble());
        let (ann, seed) = self.person(trouble);
        let (bob, seed2) = self.person(trouble2);
        self.tell(&format!("{} runs Up and {} runs {second:?} at once", ann.name, bob.name));
        let late = Duration::from_millis(self.random.random_range(0..8000));
        let options = self.options(true);
        let (one, two) = futures::join!(act(&ann, seed, options, Verb::Up, plan, None), async {
            tokio::time::sleep(late).await;
            act(&bob, seed2, options, second, &other, None).await
        });
        self.note_events(&ann);
        self.note_events(&bob);
        insisting(&ann)?;
        insisting(&bob)?;
        // Without a lock, `down` may take the record from under an `up` that then dies.
        let vanished = matches!((one?, two?), (Ended::Vanished, _) | (_, Ended::Vanished));
        self.hands.unrecorded |= vanished && !self.locked && second == Verb::Down;
        if vanished { Ok(()) } else { self.recorded() }
    }

    fn note_events(&mut self, person: &Person) {
        for Happened { at, event } in person.events.borrow_mut().drain(..) {
            let _ = match event {
                Event::Step { state: StepState::Started, .. } => Ok(()),
                Event::Step { address, action, state, id, message, error, .. } => {
                    let why = error.map(|error| error.to_string()).or(message).unwrap_or_default();
                    let id = id.unwrap_or_default();
                    writeln!(self.story, "{at:.3} {} {action:?} {address} {state:?} {id} {why}", person.name)
                }
                event => writeln!(self.story, "{at:.3} {} {event:?}", person.name),
            };
        }
    }

    /// What a run says it did, it did.
    async fn claims(&mut self, verb: Verb, ended: &Ended) -> Result<(), String> {
        let Ended::Returned(Ok(report)) = ended else { return Ok(()) };
        if report.outcome != Outcome::Done {
            return Ok(());
        }
        tokio::time::sleep(SETTLED).await;
        let ours = self.hands.standing_ours(&self.sandbox);
        match verb {
            Verb::Down if !ours.is_empty() => Err(format!("`down` said done, but {ours:?} stand")),
            Verb::Up => self.clean("after an `up` that said done").await,
            Verb::Down => self.as_before("a `down` that said done"),
        }
    }

    /// Nothing is left of the lab, nor of what AWS made for it; known where hands left nothing.
    fn as_before(&self, what: &str) -> Result<(), String> {
        let after = self.sandbox.standing();
        if self.hands.meddled || self.hands.crowded || after == self.before {
            Ok(())
        } else {
            Err(format!("{what} left another world:\n{:#}\nbecame\n{after:#}", self.before))
        }
    }

    /// While anything of the lab stands, its record does, so that `list` shows it.
    fn recorded(&self) -> Result<(), String> {
        let ours = self.hands.standing_ours(&self.sandbox);
        if !ours.is_empty() && !self.hands.record_stands(&self.sandbox) {
            return Err(format!("{ours:?} stand without a record"));
        }
        Ok(())
    }

    async fn clean(&mut self, when: &str) -> Result<(), String> {
        let (person, _) = self.person(CallerDials { faults: Some(0.0), ..CallerDials::default() });
        let differences = person.drift(LAB).await;
        let unexpected: Vec<_> = differences.into_iter().filter(|found| !self.hands.knows(found)).collect();
        if unexpected.is_empty() { Ok(()) } else { Err(format!("{when} there is drift: {unexpected:#?}")) }
    }

    /// A fault-free `up` ends complete, with exactly one of each; run again, it changes nothing.
    async fn complete(&mut self, plan: &Plan) -> Result<(), String> {
        let quiet = CallerDials { faults: Some(0.0), ..CallerDials::default() };
        let (_, ended) = self.run(Verb::Up, plan, quiet, self.options(true), None).await?;
        done("a fault-free `up`", &ended)?;
        tokio::time::sleep(SETTLED).await;
        self.clean("after a fault-free `up`").await?;
        self.hands.one_of_each(&self.sandbox)?;

        tokio::time::sleep(LET_GO).await;
        let standing = without_lab_parameters(&self.sandbox.standing());
        let from = self.sandbox.requests().len();
        let (_, ended) = self.run(Verb::Up, plan, quiet, self.options(true), None).await?;
        done("a second fault-free `up`", &ended)?;
        let requests = self.sandbox.requests();
        let mut writes = requests[from..].iter().filter_map(|line| write_of(line));
        if let Some((service, operation)) = writes.find(|(service, _)| *service != "ssm") {
            return Err(format!("a second `up` called {service} {operation}"));
        }
        let after = without_lab_parameters(&self.sandbox.standing());
        if after != standing {
            return Err(format!("a second `up` left another world:\n{standing:#}\nbecame\n{after:#}"));
        }
        Ok(())
    }

    /// A fault-free `down` leaves the world as it was, without a refused call.
    async fn gone(&mut self, plan: &Plan) -> Result<(), String> {
        let quiet = CallerDials { faults: Some(0.0), ..CallerDials::default() };
        let from = self.sandbox.requests().len();
        let (_, ended) = self.run(Verb::Down, plan, quiet, self.options(true), None).await?;
        done("a fault-free `down`", &ended)?;
        tokio::time::sleep(SETTLED).await;
        self.hands.unharmed(&self.sandbox)?;
        (self.hands.meddled, self.hands.crowded) = (false, false);
        self.as_before("`down`")?;
        let requests = self.sandbox.requests();
        let too_early = ["DependencyViolation", "DeleteConflict", "InvalidIPAddress.InUse", "VolumeInUse"];
        let refused = requests[from..]
            .iter()
            .find(|line| line.starts_with("= ") && too_early.iter().any(|code| line.ends_with(code)));
        match refused {
            Some(line) if self.sandbox.dials().staleness.is_none() => Err(format!("`down` was too early: {line}")),
            _ => Ok(()),
        }
    }
}

/// One person's run, until it returns, vanishes or takes too long.
async fn act(
    person: &Person,
    seed: u64,
    options: Options,
    verb: Verb,
    plan: &Plan,
    stop: Option<u64>,
) -> Result<Ended, String> {
    let session = person.session(LAB, seed, options);
    let stopped = Cell::new(None);
    // Boxed: a test's thread has little room.
    let work = Box::pin(async {
        match verb {
            Verb::Up => run::up(&session, Some(plan)).await,
            Verb::Down => run::down(&session).await,
        }
    });
    let stopping = async {
        match stop {
            Some(after) => tokio::time::sleep(Duration::from_millis(after)).await,
            None => std::future::pending().await,
        }
        session.stop_now();
        stopped.set(Some(person.aws.clock.now()));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = person.client.caller().death() => Ok(Ended::Vanished),
        report = work => {
            bounded(&person.aws.calls(), plan)?;
            let late = |happened: &Happened| stopped.get().is_some_and(|at| happened.at > at) && is_start(happened);
            match person.events.borrow().iter().find(|happened| late(happened)) {
                Some(Happened { event, .. }) => Err(format!("after it was stopped {verb:?} went on: {event:?}")),
                None => Ok(Ended::Returned(report)),
            }
        }
        () = stopping => unreachable!("stopping goes on"),
        () = tokio::time::sleep(LONGEST) => Err(format!("{verb:?} did not end within {LONGEST:?}")),
    }
}

fn is_start(happened: &Happened) -> bool {
    matches!(happened.event, Event::Step { state: StepState::Started, .. })
}

/// Of what a run asked for and wasn't shown, it makes nothing: there may be one.
fn blind(person: &Person) -> Result<(), String> {
    let Some((list, making)) = always_failing(person).and_then(|list| Some((list, making(list)?))) else {
        return Ok(());
    };
    let mut blind = false;
    for Answered { operation, refusal, .. } in person.client.caller().answers() {
        match &refusal {
            _ if operation == making && blind => return Err(format!("{making} was called although {list} failed")),
            _ if operation == making => return Ok(()),
            refusal if operation == list => blind = is_unshown(person, refusal.as_deref()),
            _ => {}
        }
    }
    Ok(())
}

/// Whether the list that always fails was not shown by this answer. One that ends on its first page is shown as a whole,
/// whatever went wrong on the way: so it does while there is little.
fn is_unshown(person: &Person, refusal: Option<&str>) -> bool {
    let cut_short = matches!(person.client.caller().dials().failing, Some((_, Failing::CutShort)));
    refusal.is_some_and(|code| !cut_short || code == "Dropped")
}

/// The operation that fails however often this person uses it.
fn always_failing(person: &Person) -> Option<&'static str> {
    let dials = person.client.caller().dials();
    dials.denied.or(dials.failing.map(|(operation, _)| operation))
}

/// The list that every look needs and that this person's last look was not shown.
fn unread(person: &Person) -> Option<&'static str> {
    let list = always_failing(person).filter(|list| NEEDED.contains(list))?;
    let answers = person.client.caller().answers();
    let last = answers.iter().rfind(|answer| answer.operation == list)?;
    is_unshown(person, last.refusal.as_deref()).then_some(list)
}

/// What AWS refused for good isn't asked for again in the same run.
fn insisting(person: &Person) -> Result<(), String> {
    const ENDS: [&str; 3] = ["LimitExceeded", "LimitExceededException", "UnauthorizedOperation"];
    let throttled = ["RequestLimitExceeded"];
    let for_good = |code: &str| ENDS.iter().any(|end| code.ends_with(end)) || code.starts_with("AccessDenied");
    let answers = person.client.caller().answers();
    let mut refused: Vec<&Answered> = Vec::new();
    for answer in answers.iter().filter(|answer| !is_read(&answer.operation)) {
        let same = |before: &&&Answered| {
            (&before.service, &before.operation, &before.input) == (&answer.service, &answer.operation, &answer.input)
        };
        if let Some(before) = refused.iter().find(same) {
            let (operation, input) = (&before.operation, &before.input);
            return Err(format!("{operation} {input} was called again after {:?}", before.refusal));
        }
        let code = answer.refusal.as_deref().unwrap_or_default();
        // That a profile has a role already is no reason to give up: it is emptied, unless it has the right one.
        let full = answer.operation == "AddRoleToInstanceProfile" && code == "LimitExceeded";
        if for_good(code) && !throttled.contains(&code) && !full {
            refused.push(answer);
        }
    }
    Ok(())
}

/// No run makes more calls than this, whatever happens.
fn bounded(calls: &Calls, plan: &Plan) -> Result<(), String> {
    let resources = 90 + plan.onprem.rules.len() as u64 + plan.studio.rules.len() as u64;
    let bound = 60 * resources;
    let made = calls.read + calls.write;
    if made > bound { Err(format!("{made} calls, more than {bound}")) } else { Ok(()) }
}

fn done(what: &str, ended: &Ended) -> Result<(), String> {
    match ended {
        Ended::Returned(Ok(report)) if report.outcome == Outcome::Done => Ok(()),
        Ended::Returned(Ok(report)) => Err(format!("{what} did not end well: {report:#?}")),
        Ended::Returned(Err(error)) => Err(format!("{what} could not begin: {error}")),
        Ended::Vanished => Err(format!("{what} vanished")),
    }
}

/// The call that makes what a list shows.
fn making(list: &str) -> Option<String> {
    match list {
        "DescribeTable" => return Some("CreateTable".into()),
        "Scan" => return Some("PutItem".into()),
        "GetFunction" => return Some("CreateFunction".into()),
        "GetPolicy" => return Some("AddPermission".into()),
        _ => {}
    }
    let plural = list.strip_prefix("Describe").or(list.strip_prefix("List"))?;
    Some(match plural {
        "Addresses" => "AllocateAddress".to_owned(),
        "DhcpOptions" => "CreateDhcpOptions".to_owned(),
        "Instances" => "RunInstances".to_owned(),
        "Users" => "AdminCreateUser".to_owned(),
        "KeyPairs" => "ImportKeyPair".to_owned(),
        _ => format!("Create{}", plural.strip_suffix('s')?),
    })
}

/// Service and operation, where a line of the log says that a call may have changed something.
fn write_of(line: &str) -> Option<(&str, &str)> {
    let mut words = line.strip_prefix("= ")?.split(' ');
    let (service, operation) = (words.next()?, words.next()?);
    (!is_read(operation)).then_some((service, operation))
}

fn is_read(operation: &str) -> bool {
    ["Describe", "Get", "List", "Scan"].iter().any(|prefix| operation.starts_with(prefix))
}

/// The world without lock and record, which every run may write.
fn without_lab_parameters(standing: &Value) -> Value {
    let mut standing = standing.clone();
    for account in standing.as_object_mut().into_iter().flat_map(|accounts| accounts.values_mut()) {
        if let Some(account) = account.as_object_mut() {
            account.retain(|name, _| !name.ends_with("/ssm"));
        }
    }
    standing
}
