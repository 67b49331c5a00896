//! What calls are authorised as, before AWS's own tables; and people who may do some things and not others.

use std::collections::BTreeSet;
use std::process::Command;

use breezeway::engine::event::Outcome;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Options;
use breezeway::model::policy::{Policies, Policy};
use breezeway::plan::{Plan, Source, parse};
use breezeway::sandbox::api::Call;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use breezeway::sandbox::world::authorization::Needed;
use breezeway::sandbox::world::{Moment, World};
use serde_json::{Value, json};

use crate::lab::*;
use crate::python::python;
use crate::whole;

/// Somebody who may do what these statements say.
fn limited(sandbox: &Sandbox, lab: &str, statements: Value) -> Person {
    let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let identity = vec![Policy::of_identity("Person", &document).unwrap()];
    let policies = Box::leak(Box::new(Policies { identity, ..Policies::default() }));
    Person::new(sandbox, "bob", lab, CallerDials { policies: Some(policies), ..CallerDials::default() })
}

fn built_in(name: &str) -> Plan {
    parse(&Source::built_in(name).unwrap()).unwrap()
}

/// Python's checker, its standard output.
fn checker(arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(python());
    command.args(["-B", "tests/authorization.py"]).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What the whole lab takes, from nothing to nothing.
async fn taken_by_a_lab() -> BTreeSet<Needed> {
    let sandbox = world(1, Dials::default());
    let plan = built_in("@studio-private-access");
    let all = json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]);
    let bob = limited(&sandbox, whole::LAB, all);
    let report = up(&bob.session(whole::LAB, 1, Options::default()), Some(&plan)).await.unwrap();
    assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
    assert_eq!(bob.drift(whole::LAB).await, []);
    let report = down(&bob.session(whole::LAB, 2, Options::default())).await.unwrap();
    assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
    bob.client.caller().needed()
}

fn described(needed: impl IntoIterator<Item = Needed>) -> Value {
    let one = |one: Needed| json!({"action": one.action, "resource": one.resource, "keys": one.keys});
    needed.into_iter().map(one).collect()
}

#[test]
fn every_call_is_authorised_as_aws_says() {
    let samples: Vec<Value> = serde_json::from_slice(&checker(&["samples"])).unwrap();
    assert!(samples.len() > 300, "{}", samples.len());
    let moment = Moment::at(dawn());
    let mut world = World::new(1);
    let mut calls: Vec<Value> = Vec::new();
    for sample in &samples {
        let text = |member: &str| sample[member].as_str().unwrap().to_owned();
        let call = Call {
            service: text("service"),
            operation: text("operation"),
            account: DEFAULT_ACCOUNT.into(),
            region: REGION.into(),
            access_key: DEFAULT_ACCOUNT.into(),
            input: sample["input"].clone(),
        };
        let needed = world.needed(&moment, &call).expect("every operation is known");
        let needed = described(needed);
        calls.push(json!({"service": call.service, "operation": call.operation, "needed": needed}));
    }
    let lab = described(skipping().block_on(taken_by_a_lab()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("needed.json");
    std::fs::write(&file, json!({"calls": calls, "lab": lab}).to_string()).unwrap();
    checker(&["check", file.to_str().unwrap()]);
}

#[test]
fn who_lacks_a_right_is_told_which_and_what_needs_it_is_not_made() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let plan = built_in("@skeleton");
        let but = json!([
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "ec2:CreateSubnet", "Resource": "*"},
        ]);
        let bob = limited(&sandbox, &plan.name, but);
        let report = up(&bob.session(&plan.name, 1, Options::default()), Some(&plan)).await.unwrap();
        assert_eq!(report.outcome, Outcome::Failed);
        let cause = report.causes.first().expect("a cause");
        let says = "is not authorized to perform: ec2:CreateSubnet on resource: \
                    arn:aws:ec2:us-east-1:111122223333:subnet/* with an explicit deny in an identity-based policy";
        assert!(cause.contains(says), "{cause}");
        let ours = json!({"Filters": [{"Name": "tag-key", "Values": ["breezeway:lab"]}]});
        let subnets = by_hand(&sandbox, "ec2", "DescribeSubnets", ours).unwrap();
        assert_eq!(subnets["Subnets"], json!([]));
    });
}
