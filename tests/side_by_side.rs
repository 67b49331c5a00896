//! Labs side by side in one account and Region, with AWS's real request rates: nobody is throttled by our own doing, and
//! who is throttled by somebody else's comes back.

use std::time::Duration;

use breezeway::engine::event::Outcome;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Options;
use breezeway::plan::{Plan, Source, parse};
use breezeway::sandbox::dials::{Dials, Latency};
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::world::Durations;
use futures::future::join_all;

use crate::lab::*;

/// As far apart as the program begins runs on one machine.
const BEGIN: Duration = Duration::from_millis(1500);

fn account(seed: u64) -> Sandbox {
    let dials = Dials {
        throttle: true,
        quotas: 20,
        latency: Latency::Realistic,
        durations: Durations::Drawn,
        ..Dials::default()
    };
    let sandbox = world(seed, dials);
    sandbox.log_requests();
    sandbox
}

fn named(built_in: &str, name: &str) -> Plan {
    let mut plan = parse(&Source::built_in(built_in).unwrap()).unwrap();
    plan.name = name.to_owned();
    plan
}

/// The calls that were throttled.
fn throttled(sandbox: &Sandbox) -> Vec<String> {
    let codes = ["RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"];
    let refused = |line: &String| line.starts_with("= ") && codes.iter().any(|code| line.ends_with(code));
    sandbox.requests().into_iter().filter(refused).collect()
}

/// Builds twenty whole labs and removes them; returns how long either took on AWS's clock.
async fn twenty_labs() -> String {
    let sandbox = account(1);
    let before = sandbox.standing();
    let labs: Vec<String> = (1..=20).map(|number| format!("lab-{number:02}")).collect();
    let run = |verb: &'static str, seed: u64| {
        let sandbox = &sandbox;
        join_all(labs.iter().enumerate().map(move |(number, lab)| async move {
            tokio::time::sleep(BEGIN * u32::try_from(number).unwrap()).await;
            let person = Person::new(sandbox, lab, lab, CallerDials::default());
            let session = person.session(lab, seed, Options::default());
            let report = match verb {
                "up" => up(&session, Some(&named("@studio-private-access", lab))).await,
                _ => down(&session).await,
            };
            let report = report.unwrap();
            assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]), "{verb} {lab}");
        }))
    };
    let began = sandbox.clock().now();
    run("up", 1).await;
    let up_took = sandbox.clock().now().duration_since(began);
    assert_eq!(throttled(&sandbox), [""; 0], "up");
    let began = sandbox.clock().now();
    run("down", 2).await;
    let down_took = sandbox.clock().now().duration_since(began);
    assert_eq!(throttled(&sandbox), [""; 0], "down");
    assert!(sandbox.standing() == before, "something is left");
    format!("up in {up_took:#}, down in {down_took:#}")
}

#[test]
fn twenty_labs_are_never_throttled() {
    println!("{}", skipping().block_on(twenty_labs()));
}

#[test]
fn who_is_throttled_by_somebody_else_slows_down_and_comes_back() {
    skipping().block_on(async {
        let sandbox = account(1);
        let eve = Person::new(&sandbox, "eve", "eve", CallerDials::default());
        let eat = async {
            for _ in 0..600 {
                let call = eve.aws.ec2.create_vpc_endpoint().vpc_id("vpc-00000000000000000").service_name("none");
                let _ = call.send().await;
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
        };
        let ann = Person::new(&sandbox, "ann", "lab", CallerDials::default());
        let session = ann.session("lab", 1, Options::default());
        let plan = named("@minimal", "lab");
        let (report, ()) = tokio::join!(up(&session, Some(&plan)), eat);
        let report = report.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        let calls = ann.aws.calls();
        assert!((1..60).contains(&calls.retried), "{calls:?}");
        assert_eq!(ann.drift("lab").await, []);
    });
}
