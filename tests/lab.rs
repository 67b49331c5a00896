//! A lab in the sandbox, driven through the library: what most tests start from.

use std::cell::RefCell;
use std::rc::Rc;

use breezeway::aws::connect::inside;
use breezeway::aws::{Aws, Clock, Place};
use breezeway::blueprint::draw;
use breezeway::drift::{Difference, drift};
use breezeway::engine::event::{Event, Happened, Outcome};
use breezeway::engine::lock::Holder;
use breezeway::engine::pin::facts;
use breezeway::engine::record;
use breezeway::engine::run::up;
use breezeway::engine::session::{Options, Session};
use breezeway::plan::{Plan, Source, parse};
use breezeway::sandbox::api::{Answer, Call};
use breezeway::sandbox::clock::WorldClock;
use breezeway::sandbox::connector::SandboxHttpClient;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use breezeway::sandbox::world::World;
use breezeway::survey::{lab_name, survey};
use jiff::Timestamp;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

pub const REGION: &str = "us-east-1";
/// The lab of most tests.
pub const LAB: &str = "demo";

/// The time at which every simulated world begins.
pub fn dawn() -> Timestamp {
    "2026-01-05T08:00:00Z".parse().unwrap()
}

/// A runtime on which waits are skipped.
pub fn skipping() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

pub fn plan(text: &str) -> Plan {
    parse(&Source { name: "test".into(), text: text.into() }).unwrap()
}

/// A world in memory.
pub fn world(seed: u64, dials: Dials) -> Sandbox {
    Sandbox::new(World::new(seed), WorldClock::new(dawn(), 1.0), Dials { seed, ..dials }, None)
}

/// One process that works on the world: its own clients, its own clock reading, its own name.
pub struct Person {
    pub name: String,
    pub aws: Aws,
    pub client: SandboxHttpClient,
    pub events: Rc<RefCell<Vec<Happened>>>,
}

impl Person {
    pub fn new(sandbox: &Sandbox, name: &str, lab: &str, dials: CallerDials) -> Self {
        let client = sandbox.client(dials);
        let clock = Clock::starting_at(sandbox.clock().now());
        let aws = inside(client.clone(), DEFAULT_ACCOUNT, REGION, Some(lab), clock);
        Self { name: name.to_owned(), aws, client, events: Rc::default() }
    }

    pub fn session(&self, lab: &str, seed: u64, options: Options) -> Session<'static> {
        let place = Place {
            target: "sandbox".into(),
            account: DEFAULT_ACCOUNT.into(),
            region: REGION.into(),
            partition: "aws".into(),
            caller: format!("arn:aws:iam::{DEFAULT_ACCOUNT}:user/{}", self.name),
        };
        let holder = Holder {
            who: place.caller.clone(),
            host: self.name.clone(),
            boot: Some(self.name.clone()),
            pid: 1,
            started: None,
            run: format!("{}-{seed:x}", self.name),
        };
        let events = Rc::clone(&self.events);
        let random = ChaCha8Rng::seed_from_u64(seed);
        let mut session = Session::new(self.aws.clone(), place, lab, holder, random, move |happened| {
            events.borrow_mut().push(happened);
        });
        session.options = options;
        session.timed = false;
        session
    }

    /// What this person was told besides the steps.
    pub fn notes(&self) -> Vec<String> {
        let events = self.events.borrow();
        let notes = events.iter().filter_map(|happened| match &happened.event {
            Event::Note { message } => Some(message.clone()),
            _ => None,
        });
        notes.collect()
    }

    /// What differs from the lab's record.
    pub async fn drift(&self, lab: &str) -> Vec<Difference> {
        let kept = record::read(&self.aws, lab).await.unwrap();
        let plan = kept.record().unwrap().expect("the lab has a record").plan;
        let facts = facts(&plan, REGION, DEFAULT_ACCOUNT).expect("a recorded plan is pinned");
        drift(&draw(&plan, &facts), &survey(&self.aws, &lab_name(lab, REGION)).await)
    }
}

/// Ann, whom nothing troubles.
pub fn ann(sandbox: &Sandbox) -> Person {
    Person::new(sandbox, "ann", LAB, CallerDials::default())
}

/// Ann builds a lab.
pub async fn built(sandbox: &Sandbox, text: &str) {
    let plan = plan(text);
    let report = up(&ann(sandbox).session(&plan.name, 1, Options::default()), Some(&plan)).await.unwrap();
    assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
}

/// What a call of somebody who works by hand answers, which works.
pub fn hand(sandbox: &Sandbox, service: &str, operation: &str, input: Value) -> Value {
    by_hand(sandbox, service, operation, input.clone()).unwrap_or_else(|error| panic!("{operation} {input}: {error}"))
}

/// A call of somebody who works by hand.
pub fn by_hand(sandbox: &Sandbox, service: &str, operation: &str, input: Value) -> Answer {
    let (service, operation) = (service.to_owned(), operation.to_owned());
    let (account, access_key) = (DEFAULT_ACCOUNT.to_owned(), "AKIAHAND".to_owned());
    sandbox.call(&Call { service, operation, account, region: REGION.into(), access_key, input })
}

/// Somebody's own zone of a name that answers in a VPC with an address of their own: its id.
pub fn zone_of_somebody(sandbox: &Sandbox, name: &str, vpc: &str) -> String {
    let route53 = |operation: &str, input: Value| hand(sandbox, "route53", operation, input);
    let vpc = json!({"VPCRegion": REGION, "VPCId": vpc});
    let zone = route53("CreateHostedZone", json!({"Name": name, "CallerReference": name, "VPC": vpc}));
    let zone = zone["HostedZone"]["Id"].as_str().unwrap().trim_start_matches("/hostedzone/").to_owned();
    let record = json!({"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.9.9.9"}]});
    let changes = json!([{"Action": "CREATE", "ResourceRecordSet": record}]);
    route53("ChangeResourceRecordSets", json!({"HostedZoneId": zone, "ChangeBatch": {"Changes": changes}}));
    zone
}
