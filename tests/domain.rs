//! A Studio domain on the sandbox: with what users and SageMaker put there, and out again without a trace.

use std::time::Duration;

use breezeway::drift::Class;
use breezeway::engine::event::Outcome;
use breezeway::engine::run::{RunError, down, up};
use breezeway::engine::session::{Options, Report};
use breezeway::resource::Kind;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use serde_json::{Value, json};

use crate::lab::*;

const LAB: &str = "demo";
const PLAN: &str = r#"
name = "demo"
[[studio.endpoints]]
service = "studio"
[[studio.endpoints]]
service = "sagemaker.api"
[access]
mode = "source-vpce"
[domain]
enabled = true
users = ["alice", "Bob"]
"#;
const WITH_HOME: &str = "home_file_system = true\n";
const WITH_DATA: Options =
    Options { no_lock: false, wait: false, leave_blocked: false, detach: false, delete_user_data: true, defect: None };

fn ann(sandbox: &Sandbox) -> Person {
    Person::new(sandbox, "ann", LAB, CallerDials::default())
}

async fn built(sandbox: &Sandbox, text: &str) {
    let report = up(&ann(sandbox).session(LAB, 1, Options::default()), Some(&plan(text))).await.unwrap();
    assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
}

async fn taken_down(sandbox: &Sandbox, options: Options) -> Result<Report, RunError> {
    down(&ann(sandbox).session(LAB, 2, options)).await
}

fn sagemaker(sandbox: &Sandbox, operation: &str, input: Value) -> Value {
    by_hand(sandbox, "sagemaker", operation, input.clone())
        .unwrap_or_else(|error| panic!("{operation} {input}: {error}"))
}

fn domain_id(sandbox: &Sandbox) -> Value {
    sagemaker(sandbox, "ListDomains", json!({}))["Domains"][0]["DomainId"].clone()
}

/// A space of alice's, with an app that runs in it.
async fn alice_works(sandbox: &Sandbox) {
    let id = domain_id(sandbox);
    let space = json!({
        "DomainId": id, "SpaceName": "work", "OwnershipSettings": {"OwnerUserProfileName": "alice"},
        "SpaceSharingSettings": {"SharingType": "Private"}, "SpaceSettings": {"AppType": "JupyterLab"},
    });
    sagemaker(sandbox, "CreateSpace", space);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let app = json!({"DomainId": id, "SpaceName": "work", "AppType": "JupyterLab", "AppName": "default"});
    sagemaker(sandbox, "CreateApp", app);
    tokio::time::sleep(Duration::from_secs(600)).await;
    let apps = sagemaker(sandbox, "ListApps", json!({"DomainIdEquals": id}));
    assert_eq!(apps["Apps"][0]["Status"], "InService");
}

fn assert_nothing_left(sandbox: &Sandbox, before: &Value) {
    assert_eq!(
        serde_json::to_string_pretty(&sandbox.standing()).unwrap(),
        serde_json::to_string_pretty(before).unwrap()
    );
}

#[test]
fn a_domain_goes_up_stays_clean_and_comes_down_without_a_trace() {
    skipping().block_on(async {
        for home in ["", WITH_HOME] {
            let sandbox = world(1, Dials::default());
            let before = sandbox.standing();
            built(&sandbox, &format!("{PLAN}{home}")).await;
            assert_eq!(ann(&sandbox).drift(LAB).await, []);
            let report = taken_down(&sandbox, WITH_DATA).await.unwrap();
            assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
            assert_nothing_left(&sandbox, &before);
        }
    });
}

#[test]
fn an_app_that_runs_and_a_space_in_use_go_with_their_domain() {
    skipping().block_on(async {
        for home in ["", WITH_HOME] {
            let sandbox = world(1, Dials::default());
            let before = sandbox.standing();
            built(&sandbox, &format!("{PLAN}{home}")).await;
            alice_works(&sandbox).await;
            assert_eq!(ann(&sandbox).drift(LAB).await, [], "what users do in Studio is no drift");
            let report = taken_down(&sandbox, WITH_DATA).await.unwrap();
            assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
            assert_nothing_left(&sandbox, &before);
        }
    });
}

#[test]
fn what_users_made_is_not_deleted_unasked() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &format!("{PLAN}{WITH_HOME}")).await;
        alice_works(&sandbox).await;
        let standing = sandbox.standing();
        let Err(RunError::UserData(lost)) = taken_down(&sandbox, Options::default()).await else {
            panic!("not refused")
        };
        assert_eq!(lost.len(), 2, "{lost:?}");
        assert!(lost.iter().any(|one| one.starts_with("the space work of d-")), "{lost:?}");
        assert!(lost.iter().any(|one| one.starts_with("the home file system fs-")), "{lost:?}");
        let now = sandbox.standing();
        assert_eq!(now["111122223333"]["us-east-1/sagemaker"], standing["111122223333"]["us-east-1/sagemaker"]);
        assert_eq!(now["111122223333"]["us-east-1/ec2"], standing["111122223333"]["us-east-1/ec2"]);

        let fewer = PLAN.replace("\"alice\", ", "");
        let session = ann(&sandbox).session(LAB, 3, Options::default());
        let refused = up(&session, Some(&plan(&format!("{fewer}{WITH_HOME}")))).await;
        assert!(matches!(refused, Err(RunError::UserData(lost)) if lost.len() == 1));
    });
}

#[test]
fn a_user_whom_the_plan_no_longer_names_goes_with_their_space() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, PLAN).await;
        alice_works(&sandbox).await;
        let fewer = plan(&PLAN.replace("\"alice\", ", ""));
        let report = up(&ann(&sandbox).session(LAB, 3, WITH_DATA), Some(&fewer)).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        let id = domain_id(&sandbox);
        let profiles = sagemaker(&sandbox, "ListUserProfiles", json!({"DomainIdEquals": id}));
        assert_eq!(profiles["UserProfiles"].as_array().unwrap().len(), 1);
        assert_eq!(sagemaker(&sandbox, "ListSpaces", json!({"DomainIdEquals": id}))["Spaces"], json!([]));
    });
}

/// Deletes the domain as the console does: everything in it first, and the home stays.
async fn delete_domain_by_hand(sandbox: &Sandbox) {
    let id = domain_id(sandbox);
    for name in ["alice", "Bob"] {
        sagemaker(sandbox, "DeleteUserProfile", json!({"DomainId": id, "UserProfileName": name}));
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    sagemaker(sandbox, "DeleteDomain", json!({"DomainId": id}));
    tokio::time::sleep(Duration::from_secs(600)).await;
}

#[test]
fn a_domain_deleted_by_hand_leaves_a_home_that_down_finds() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, &format!("{PLAN}{WITH_HOME}")).await;
        delete_domain_by_hand(&sandbox).await;
        let homes = by_hand(&sandbox, "elasticfilesystem", "DescribeFileSystems", json!({})).unwrap();
        assert_eq!(homes["FileSystems"].as_array().unwrap().len(), 1);
        let missing = ann(&sandbox).drift(LAB).await;
        assert!(missing.iter().all(|one| one.class == Class::Missing || one.kind == Kind::RolePolicy), "{missing:#?}");
        let report = taken_down(&sandbox, WITH_DATA).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        assert_nothing_left(&sandbox, &before);
    });
}

#[test]
fn a_domain_deleted_by_hand_is_built_again() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &format!("{PLAN}{WITH_HOME}")).await;
        delete_domain_by_hand(&sandbox).await;
        built(&sandbox, &format!("{PLAN}{WITH_HOME}")).await;
        assert_eq!(ann(&sandbox).drift(LAB).await, []);
    });
}

#[test]
fn a_profile_made_by_hand_is_drift_and_goes_with_the_domain() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, PLAN).await;
        let profile = json!({"DomainId": domain_id(&sandbox), "UserProfileName": "mallory"});
        sagemaker(&sandbox, "CreateUserProfile", profile);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let drift = ann(&sandbox).drift(LAB).await;
        let [mallory] = drift.as_slice() else { panic!("{drift:#?}") };
        assert_eq!((mallory.kind, mallory.class, mallory.foreign), (Kind::UserProfile, Class::Unmanaged, true));
        assert_eq!(
            mallory.effect,
            "mallory may open Studio, whom the plan doesn't name; it is not the lab's: `up` leaves it alone"
        );
        let report = taken_down(&sandbox, Options::default()).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        assert_nothing_left(&sandbox, &before);
    });
}
