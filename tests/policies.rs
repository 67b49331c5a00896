//! Every policy of every lab, before an independent checker: its actions, condition keys and resources have to be IAM's.

use std::process::Command;

use breezeway::engine::event::Outcome;
use breezeway::engine::run::up;
use breezeway::engine::session::Options;
use breezeway::permissions::{Scope, Site, permissions};
use breezeway::plan::{BUILT_IN, Plan, Source, parse};
use breezeway::resource::Spec;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use breezeway::survey::{lab_name, survey};
use serde_json::{Value, json};

use crate::lab::*;
use crate::python::python;

/// A shipped plan with another mode of access; none where it isn't one.
fn with_mode(text: &str, mode: &str) -> Option<Plan> {
    let mut file: toml::Table = text.parse().unwrap();
    let mut access = toml::Table::new();
    access.insert("mode".into(), mode.into());
    if mode == "source-ip" {
        access.insert("source_ip".into(), vec!["203.0.113.0/24".to_owned()].into());
        // URLs are made elsewhere then.
        file.remove("portal");
    }
    file.insert("access".into(), access.into());
    parse(&Source { name: mode.into(), text: file.to_string() }).ok()
}

/// The shipped plans in each mode of access that they have endpoints for, and as they are without any.
fn plans() -> Vec<(String, Plan)> {
    let mut plans = Vec::new();
    for (name, text) in BUILT_IN {
        let shipped = parse(&Source { name: (*name).into(), text: (*text).into() }).unwrap();
        if shipped.access.mode.is_none() {
            plans.push((format!("@{name}"), shipped));
        }
        for mode in ["source-vpce", "source-vpc", "source-ip"] {
            plans.extend(with_mode(text, mode).map(|plan| (format!("@{name} {mode}"), plan)));
        }
    }
    plans
}

/// All policy documents within a value, and where.
fn documents(at: &str, value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(members) if members.contains_key("Statement") => found.push(json!({"of": at, "document": value})),
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| documents(&format!("{at} {name}"), member, found));
        }
        _ => {}
    }
}

/// What a lab that was built sent to AWS: its documents with the ids in them, and the ARNs of policies that aren't its own.
async fn sent(sandbox: &Sandbox, of: &str, plan: &Plan) -> (Vec<Value>, Vec<String>) {
    let person = Person::new(sandbox, "ann", &plan.name, CallerDials::default());
    let report = up(&person.session(&plan.name, 1, Options::default()), Some(plan)).await.unwrap();
    assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]), "{of}");
    assert_eq!(person.drift(&plan.name).await, [], "{of}: all of the blueprint stands, and as it says");
    let (mut found, mut attached) = (Vec::new(), Vec::new());
    for observed in &survey(&person.aws, &lab_name(&plan.name, REGION)).await.found {
        documents(
            &format!("{of} {} {}", observed.kind(), observed.id),
            &Value::Object(observed.spec.fields()),
            &mut found,
        );
        match &observed.spec {
            Spec::RolePolicyAttachment(attachment) => attached.push(attachment.policy_arn.clone()),
            Spec::Function(function) => {
                let named = json!({"FunctionName": function.name});
                let policy = by_hand(sandbox, "lambda", "GetPolicy", named).unwrap()["Policy"].take();
                let document: Value = serde_json::from_str(policy.as_str().unwrap()).unwrap();
                documents(&format!("{of} the callers of {}", function.name), &document, &mut found);
            }
            _ => {}
        }
    }
    (found, attached)
}

#[test]
fn every_policy_is_one_that_iam_knows() {
    let plans = plans();
    let names: Vec<_> = plans.iter().map(|(name, _)| name.as_str()).collect();
    insta::assert_snapshot!(names.join("\n"), @"
    @foundation source-vpce
    @foundation source-vpc
    @foundation source-ip
    @minimal source-vpce
    @minimal source-vpc
    @minimal source-ip
    @skeleton
    @skeleton source-ip
    @studio-private-access source-vpce
    @studio-private-access source-vpc
    @studio-private-access source-ip
    ");
    let (mut policies, mut managed, mut printed) = (Vec::new(), Vec::new(), Vec::new());
    for (of, plan) in &plans {
        let (found, attached) = skipping().block_on(sent(&world(1, Dials::default()), of, plan));
        policies.extend(found);
        managed.extend(attached);
        // And what the tool itself needs for it.
        let site = Site { partition: "aws".into(), account: DEFAULT_ACCOUNT.into(), region: REGION.into() };
        for scope in [Scope::All, Scope::ReadOnly] {
            let documents = permissions(plan, &site, scope).policies;
            let statements = documents.iter().flat_map(|one| one.document["Statement"].as_array().unwrap());
            let document = json!({"Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>()});
            printed.push(json!({"of": format!("{of} {scope:?}"), "document": document}));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policies.json");
    std::fs::write(&file, json!({"policies": policies, "managed": managed, "printed": printed}).to_string()).unwrap();
    let mut command = Command::new(python());
    command.args(["-B", "tests/policies.py"]).arg(&file).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
