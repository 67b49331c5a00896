//! The program against moto, an emulator of AWS that nobody here wrote, with real HTTP between the two.
//!
//! Where moto does otherwise than AWS documents and a lab can't stand on that, `amended.py` mends it; every such
//! difference is asserted by name, in `differences`.

mod census;
mod deaths;
mod differences;
mod limited;
pub mod proxy;
pub mod server;
mod whole;

use std::process::Command;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use breezeway::aws::{Aws, Clock};
use jiff::Timestamp;
use serde_json::Value;

use crate::lab::REGION;
use crate::program::{Ended, breezeway};
use crate::python;
use census::Census;
use proxy::{Death, Proxy, Request};
use server::Moto;

const UP: &[&str] = &["up", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/lab.toml"), "--aws", "--yes"];
const DOWN: &[&str] = &["down", "foundation", "--aws", "--yes"];
const DRIFT: &[&str] = &["drift", "foundation", "--aws"];
const VERIFY: &[&str] = &["verify", "foundation", "--aws"];
const LIST: &[&str] = &["list", "--aws"];
/// How many resources the lab has.
const RESOURCES: usize = 65;

/// An account of a moto server, and the way to it with somebody's keys.
struct Account {
    id: String,
    proxy: Proxy,
    keys: Credentials,
}

impl Account {
    fn new(moto: &Moto, number: usize) -> Self {
        let id = format!("{:012}", 444_455_550_000 + number);
        Self { proxy: Proxy::start(moto.address, &id), id, keys: Credentials::new("test", "test", None, None, "test") }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.proxy.address)
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_to(None, arguments)
    }

    /// Runs the program in an empty folder of its own, until its death if one is set.
    fn run_to(&self, death: Option<Death>, arguments: &[&str]) -> Ended {
        let home = tempfile::tempdir().unwrap();
        let mut command = breezeway(home.path());
        command.args(arguments).envs([
            ("AWS_ENDPOINT_URL", self.endpoint().as_str()),
            ("AWS_ACCESS_KEY_ID", self.keys.access_key_id()),
            ("AWS_SECRET_ACCESS_KEY", self.keys.secret_access_key()),
            ("AWS_REGION", REGION),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]);
        self.proxy.run(&mut command, death).into()
    }

    fn run_json(&self, arguments: &[&str]) -> Vec<Value> {
        self.run_json_to(0, arguments)
    }

    /// Runs the program with `--output json`, which ends with this code; every line of its output is a document that
    /// says where it is.
    fn run_json_to(&self, code: i32, arguments: &[&str]) -> Vec<Value> {
        let ended = self.run(&[arguments, &["--output", "json"]].concat());
        ended.expect(code, &format!("{arguments:?}"));
        let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for line in &lines {
            assert_eq!(
                (&line["target"], &line["account"], &line["region"]),
                (&"aws".into(), &self.id.as_str().into(), &REGION.into())
            );
        }
        lines
    }

    /// What boto3 finds.
    fn look(&self) -> Value {
        serde_json::from_slice(&self.boto3("look.py")).unwrap()
    }

    /// Runs a script of this folder.
    fn boto3(&self, script: &str) -> Vec<u8> {
        let script = format!("{}/tests/moto/{script}", env!("CARGO_MANIFEST_DIR"));
        let output = Command::new(python::python()).args([&script, &self.endpoint(), REGION]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn census(&self) -> Census {
        self.by_hand(census::take)
    }

    /// Works on the account with the SDK.
    fn by_hand<T>(&self, work: impl AsyncFnOnce(&Aws) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let config = aws_config::SdkConfig::builder()
                .behavior_version(aws_config::BehaviorVersion::latest())
                .region(aws_config::Region::new(REGION))
                .endpoint_url(self.endpoint())
                .credentials_provider(SharedCredentialsProvider::new(self.keys.clone()))
                .build();
            work(&Aws::new(&config, Clock::starting_at(Timestamp::now()))).await
        })
    }
}

/// Calls that changed something other than the lab's lock and record.
fn changes(requests: &[Request]) -> Vec<&Request> {
    let reads = |request: &Request| ["Describe", "Get", "List"].iter().any(|verb| request.operation.starts_with(verb));
    let ours = ["\"/breezeway/labs/foundation/", "\"/breezeway/locks/foundation/"];
    let own = |request: &Request| request.service == "ssm" && ours.iter().any(|path| request.body.contains(path));
    requests.iter().filter(|request| !reads(request) && !own(request)).collect()
}

#[test]
fn a_lab_comes_and_goes_for_people() {
    let moto = Moto::amended();
    let account = Account::new(&moto, 0);
    let before = account.look();
    let told = |arguments: &[&str]| {
        let ended = account.run(arguments);
        ended.expect(0, &format!("{arguments:?}"));
        assert!(ended.stdout.starts_with(&format!("aws, account {}, {REGION}\n", account.id)), "{}", ended.stdout);
        ended.stdout
    };

    assert!(told(UP).contains(&format!("foundation is up: {RESOURCES} resources stand")));
    assert!(told(DRIFT).contains("nothing differs"));
    assert!(told(VERIFY).contains("foundation: names, packets and policies are private"));
    assert!(told(UP).contains("nothing was done"));
    let requests = account.proxy.requests();
    assert!(!requests.is_empty() && changes(&requests).is_empty(), "{:?}", changes(&requests));
    assert!(told(LIST).contains("foundation"));
    assert!(told(DOWN).contains("nothing of it is left"));
    assert!(told(LIST).contains("No lab stands here"));
    assert_eq!(account.look(), before);
}

#[test]
fn a_lab_comes_and_goes_for_programs() {
    let moto = Moto::amended();
    let account = Account::new(&moto, 0);
    let before = account.look();
    let finished = |lines: Vec<Value>| {
        assert_eq!(lines.first().unwrap()["event"], "started");
        let last = lines.into_iter().next_back().unwrap();
        assert_eq!((&last["event"], &last["outcome"]), (&"finished".into(), &"done".into()));
        last
    };

    assert_eq!(finished(account.run_json(UP))["resources"], RESOURCES);
    let drift = account.run_json(DRIFT);
    assert_eq!((drift.len(), &drift[0]["clean"]), (1, &true.into()));
    assert_eq!(account.run_json(VERIFY)[0]["private"], true);
    assert_eq!(finished(account.run_json(UP))["resources"], RESOURCES);
    let requests = account.proxy.requests();
    assert!(!requests.is_empty() && changes(&requests).is_empty(), "{:?}", changes(&requests));
    assert_eq!(account.run_json(LIST)[0]["labs"][0]["name"], "foundation");
    assert_eq!(finished(account.run_json(DOWN))["resources"], 0);
    assert_eq!(account.run_json(LIST)[0]["labs"], Value::Array(Vec::new()));
    assert_eq!(account.look(), before);
}

#[test]
fn what_is_done_by_hand_is_found_and_put_right() {
    let moto = Moto::amended();
    let account = Account::new(&moto, 0);
    let before = account.look();
    account.run(UP).expect(0, "up");
    account.boto3("edits.py");

    let drift = account.run_json_to(2, DRIFT);
    let differences = drift[0]["differences"].as_array().unwrap().iter();
    let word = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let told = differences
        .map(|one| ["class", "address", "field"].map(|name| word(one, name)).join(" ").trim_end().to_owned());
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r"
    missing onprem/nat-gateway
    changed onprem/route-table/private/route/internet target
    changed studio/endpoint/sagemaker.api policy
    missing studio/endpoint/lambda
    missing studio/resolver
    changed onprem/dns/a running
    missing onprem/dns/b
    missing onprem/dhcp-options/association
    changed onprem/app instance_profiles
    changed onprem/app metadata
    ");

    account.run(UP).expect(0, "the up that repairs");
    account.run(DRIFT).expect(0, "drift");
    account.run(VERIFY).expect(0, "verify");
    account.run(DOWN).expect(0, "down");
    assert_eq!(account.look(), before);
}
