//! Death at every call: the real process, killed before and after each of its calls in the sandbox, and what a fresh
//! process makes of what it left behind, with nothing but the account to go by.
//!
//! An ordinary run dies at some of the calls; `cargo test --release crash -- --ignored` at each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use breezeway::sandbox::api::Call;
use breezeway::sandbox::home::{Home, HomeError, Opened};
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use breezeway::sandbox::world::Moment;
use jiff::SignedDuration;
use regex_lite::{Captures, Regex};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lab::REGION;
use crate::program::{Ended, breezeway};

/// No verb on the whole lab makes fewer calls than this.
const FEWEST_CALLS: u64 = 200;
/// At which calls an ordinary run dies: every so many.
const STRIDE: u64 = 24;
/// The same where nothing goes smoothly.
const ROUGH_STRIDE: u64 = 80;
/// How often an heir that failed honestly is run again.
const PATIENCE: u64 = 4;

const UP: &[&str] = &["up", "@studio-private-access", "--target", "sandbox"];
const DOWN: &[&str] = &["down", "studio-private-access", "--target", "sandbox"];
const DRIFT: &[&str] = &["drift", "studio-private-access", "--target", "sandbox"];

/// The dials of an account in which nothing goes wrong by itself.
const CALM: &str = "seed=1";

/// The dials of an account in which calls fail, reads lag behind, and what takes long takes unforeseen times.
fn rough(seed: u64) -> String {
    format!("durations=drawn,staleness=3000,throttle=aws,faults=3,seed={seed}")
}

/// A simulated account, in the home of a user who has nothing else.
struct Account(TempDir);

impl Account {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// An account in which somebody else has things of the same names, at the same addresses.
    fn with_neighbours() -> Self {
        let account = Self::new();
        let Opened { mut home, mut world, now, .. } = account.open();
        let moment = Moment::at(now);
        let mut by_hand = |service: &str, operation: &str, input: Value| {
            let call = Call {
                service: service.into(),
                operation: operation.into(),
                account: DEFAULT_ACCOUNT.into(),
                region: REGION.into(),
                access_key: "AKIAHAND".into(),
                input,
            };
            world.handle(&moment, &call).unwrap()
        };
        let tags = json!([{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "STUDIO-onprem"}]}]);
        let vpc = by_hand("ec2", "CreateVpc", json!({"CidrBlock": "192.168.10.0/24", "TagSpecifications": tags}));
        let subnet = json!({"VpcId": vpc["Vpc"]["VpcId"], "CidrBlock": "192.168.10.0/26"});
        by_hand("ec2", "CreateSubnet", subnet);
        let parameter =
            json!({"Name": "/breezeway/labs/studio-private-access-2/record", "Value": "{}", "Type": "String"});
        by_hand("ssm", "PutParameter", parameter);
        home.save(&world, now).unwrap();
        account
    }

    /// The same account for a process with a fresh home: nothing but the world is copied.
    fn copy(&self) -> Self {
        let copy = Self::new();
        fs::create_dir(copy.folder()).unwrap();
        for file in fs::read_dir(self.folder()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.folder().join(file.file_name())).unwrap();
        }
        copy
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("sandbox")
    }

    /// A process that another thread is just starting has our files, and so their locks, until it is another program.
    fn open(&self) -> Opened {
        loop {
            match Home::open(&self.folder(), 1) {
                Err(HomeError::Busy { .. }) => std::thread::yield_now(),
                opened => return opened.unwrap(),
            }
        }
    }

    fn run(&self, arguments: &[&str], dials: &str) -> Ended {
        let dials = format!("latency=realistic,{dials}");
        let output = breezeway(self.0.path()).env("BREEZEWAY_SANDBOX", dials).args(arguments).output();
        output.expect("the program starts").into()
    }

    /// Everything that stands, once nothing is pending any more.
    fn standing(&self) -> Value {
        let Opened { world, now, set_aside, .. } = self.open();
        assert_eq!(set_aside, None);
        world.standing(now + SignedDuration::from_hours(1))
    }
}

/// What stands, with addresses in place of ids and without times, so that two lives of a lab can be compared. Of the
/// parameters only the names are kept.
fn portrait(standing: &Value) -> BTreeMap<String, Vec<String>> {
    let account = &standing[DEFAULT_ACCOUNT];
    let ec2 = &account[format!("{REGION}/ec2")];
    let mut portrait = BTreeMap::new();
    let services = account.as_object().into_iter().flatten().filter(|(service, _)| !service.ends_with("/ssm"));
    for (service, collections) in services {
        let faceless = Faceless::new(&ec2["Tags"], service);
        for (name, entries) in collections.as_object().into_iter().flatten() {
            let entries = entries.as_object().into_iter().flatten();
            let mut seen: Vec<_> =
                entries.map(|(id, entry)| format!("{} {}", faceless.text(id), faceless.value(entry))).collect();
            seen.sort();
            portrait.insert(format!("{service} {name}"), seen);
        }
    }
    let parameters = account[format!("{REGION}/ssm")]["parameters"].as_object().into_iter().flatten();
    let numberless = |name: &String| name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    portrait.insert("ssm parameters".into(), parameters.map(|(name, _)| numberless(name)).collect());
    portrait
}

/// What AWS draws, or a run.
const DRAWN: [&str; 9] = [
    "ClientToken",
    "CreatorRequestId",
    "DnsLabel",
    "HostedZoneId",
    "LastUid",
    "MacAddress",
    "PublicIp",
    "Uid",
    "key_seeds",
];
/// Times, and ids that aren't a prefix and seventeen digits: of IAM, domains, user pools and their clients, parts of APIs,
/// and digests of what names these.
const OTHER: &str = concat!(
    r"-?\d{4,6}-\d\d-\d\dT[0-9:.]+Z|\bA[A-Z]{3}[A-Z2-7]{17}\b|\bd-[a-z0-9]{12}\b|_[A-Za-z0-9]{9}\b|\b[a-z0-9]{26}\b",
    r"|:[a-z0-9]{10}/|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32,64}\b",
);

/// Takes out what differs between two lives of a lab.
struct Faceless<'a> {
    tags: &'a Value,
    id: Regex,
    other: Regex,
}

impl<'a> Faceless<'a> {
    fn new(tags: &'a Value, service: &str) -> Self {
        let id = Regex::new("([a-z-]+)-[0-9a-f]{17}").unwrap();
        // Their ids look like words, so elsewhere these are kept.
        let parts_of_apis = if service.ends_with("/apigateway") { r"|\b[a-z0-9]{10}\b|\b[a-z0-9]{6}\b" } else { "" };
        let other = Regex::new(&format!("{OTHER}{parts_of_apis}")).unwrap();
        Self { tags, id, other }
    }

    fn text(&self, text: &str) -> String {
        let name = |found: &Captures<'_>| {
            let address = self.tags[&found[0]]["breezeway:address"].as_str();
            address.map_or_else(|| format!("some {}", &found[1]), str::to_owned)
        };
        self.other.replace_all(&self.id.replace_all(text, name), "…").into_owned()
    }

    /// Sorted where ids decided the order.
    fn value(&self, value: &Value) -> String {
        let mut parts: Vec<String> = match value {
            Value::Object(members) => {
                let chosen = |name: &str| {
                    let aws_chooses =
                        || ["lambda", "vpc_endpoint"].iter().any(|kind| members["InterfaceType"] == *kind);
                    DRAWN.contains(&name) || name == "PrivateIp" && aws_chooses()
                };
                let members = members.iter().filter(|(name, _)| !chosen(name));
                members.map(|(name, value)| format!("{}: {}", self.text(name), self.value(value))).collect()
            }
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            value => return self.text(&value.to_string()),
        };
        parts.sort();
        format!("{{{}}}", parts.join(", "))
    }
}

/// Kills a verb before and after each `stride`-th of its calls, until it makes so few that it lives; `dials` of each
/// death. `heirs` look at what is left of each; returns how many there were.
fn die_at_calls(
    stride: u64,
    from: &Account,
    verb: &[&str],
    dials: impl Fn(u64) -> String + Sync,
    heirs: impl Fn(&Account, u64, &str) + Sync,
) -> u64 {
    let (next, deaths) = (AtomicU64::new(1), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let call = next.fetch_add(stride, Ordering::Relaxed);
                    for (seed, side) in [(2 * call, "before"), (2 * call + 1, "after")] {
                        let death = format!("{},kill={side}:{call}", dials(seed));
                        let account = from.copy();
                        let ended = account.run(verb, &death);
                        if ended.was_killed() {
                            heirs(&account, seed, &death);
                            deaths.fetch_add(1, Ordering::Relaxed);
                        } else if call > FEWEST_CALLS {
                            return;
                        } else {
                            honest(&ended, &death);
                        }
                    }
                }
            });
        }
    });
    deaths.into_inner()
}

/// A run that gave up says so, and why.
fn honest(ended: &Ended, what: &str) {
    let told = format!("{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.code, Some(1), "{what}\n{told}");
    let claims = ["is up:", "is as asked for", "is gone:", "There was nothing"];
    assert!(!claims.iter().any(|claim| told.contains(claim)), "{what}\n{told}");
    let why = told.lines().any(|line| line.starts_with("! ")) || !ended.stderr.is_empty();
    assert!(why, "{what}: it doesn't say why\n{told}");
}

/// Runs a verb where nothing goes smoothly, again where it gives up honestly, until it is done.
fn prevails(account: &Account, verb: &[&str], seed: u64, death: &str) {
    let attempts = (0..PATIENCE).map(|attempt| account.run(verb, &rough(1000 + PATIENCE * seed + attempt)));
    let mut told = Vec::new();
    for ended in attempts {
        if ended.code == Some(0) {
            return;
        }
        honest(&ended, &format!("{verb:?} after {death}"));
        told.push(ended);
    }
    panic!("{verb:?} after {death} is never done: {told:#?}");
}

/// An account with a lab that was built undisturbed, and how it looks.
fn built(from: &Account) -> (Account, BTreeMap<String, Vec<String>>) {
    let account = from.copy();
    account.run(UP, CALM).expect(0, "an undisturbed up");
    let portrait = portrait(&account.standing());
    (account, portrait)
}

/// Shows only what differs: whole worlds are long.
fn same<T: PartialEq + Serialize>(found: &T, expected: &T, death: &str) {
    let text = |value: &T| serde_json::to_string_pretty(value).unwrap();
    let (one, other) = (text(found), text(expected));
    let (one, other): (BTreeSet<_>, BTreeSet<_>) = (one.lines().collect(), other.lines().collect());
    let (more, less): (Vec<_>, Vec<_>) = (one.difference(&other).collect(), other.difference(&one).collect());
    assert!(found == expected, "{death}: there is {more:#?}, and there is not {less:#?}");
}

/// After an `up` the lab is complete: nothing is missing, nothing doubled, nothing differs.
fn complete(account: &Account, whole: &BTreeMap<String, Vec<String>>, death: &str) {
    account.run(DRIFT, CALM).expect(0, &format!("drift after {death}"));
    same(&portrait(&account.standing()), whole, death);
}

/// A fresh `up` completes the lab.
fn completes(account: &Account, whole: &BTreeMap<String, Vec<String>>, death: &str) {
    account.run(UP, CALM).expect(0, &format!("up after {death}"));
    complete(account, whole, death);
}

/// A fresh `down` leaves the account as it was before the lab.
fn removes(account: &Account, before: &Value, death: &str) {
    account.run(DOWN, CALM).expect(0, &format!("down after {death}"));
    same(&account.standing(), before, death);
}

fn ups_die(stride: u64) -> u64 {
    let empty = Account::with_neighbours();
    let before = empty.standing();
    let (_, whole) = built(&empty);
    let deaths = die_at_calls(
        stride,
        &empty,
        UP,
        |_| CALM.into(),
        |left, _, death| {
            let other = left.copy();
            removes(&other, &before, death);
            completes(left, &whole, death);
            removes(left, &before, death);
        },
    );
    assert!(deaths * stride >= 2 * FEWEST_CALLS, "only {deaths} deaths");
    deaths
}

fn downs_die(stride: u64) -> u64 {
    let empty = Account::with_neighbours();
    let before = empty.standing();
    let (lab, whole) = built(&empty);
    let deaths = die_at_calls(
        stride,
        &lab,
        DOWN,
        |_| CALM.into(),
        |left, _, death| {
            let other = left.copy();
            completes(&other, &whole, death);
            removes(left, &before, death);
        },
    );
    assert!(deaths * stride >= 2 * FEWEST_CALLS, "only {deaths} deaths");
    deaths
}

/// The same for both verbs where nothing goes smoothly, neither for who dies nor for the heirs, who come at once: what
/// the dead began is pending, and not all of it shows yet.
fn they_die_where_nothing_goes_smoothly(stride: u64) -> u64 {
    let empty = Account::with_neighbours();
    let before = empty.standing();
    let (lab, whole) = built(&empty);
    let mut all = 0;
    for (from, verb) in [(&empty, UP), (&lab, DOWN)] {
        let deaths = die_at_calls(stride, from, verb, rough, |left, seed, death| {
            let other = left.copy();
            prevails(&other, DOWN, seed, death);
            same(&other.standing(), &before, death);
            prevails(left, UP, seed, death);
            complete(left, &whole, death);
        });
        assert!(deaths * stride >= FEWEST_CALLS, "only {deaths} deaths of {verb:?}");
        all += deaths;
    }
    all
}

#[test]
fn who_dies_amid_faults_and_stale_reads_loses_nothing() {
    println!("{} deaths", they_die_where_nothing_goes_smoothly(ROUGH_STRIDE));
}

#[test]
#[ignore = "takes half an hour without --release"]
fn at_each_call_either_may_die_amid_faults_and_stale_reads() {
    println!("{} deaths", they_die_where_nothing_goes_smoothly(1));
}

#[test]
fn an_up_killed_at_any_call_is_completed_or_removed() {
    println!("{} deaths", ups_die(STRIDE));
}

#[test]
fn a_down_killed_at_any_call_is_finished_or_turned_back() {
    println!("{} deaths", downs_die(STRIDE));
}

#[test]
#[ignore = "takes ten minutes without --release"]
fn at_each_call_an_up_may_die() {
    println!("{} deaths", ups_die(1));
}

#[test]
#[ignore = "takes ten minutes without --release"]
fn at_each_call_a_down_may_die() {
    println!("{} deaths", downs_die(1));
}
