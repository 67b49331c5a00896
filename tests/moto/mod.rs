//! The program against moto, an emulator of AWS that nobody here wrote, with real HTTP between the two.
//!
//! An ordinary test run kills the program at a sample of its calls; this kills it at every one, on both sides, and
//! lets both `up` and `down` come after:
//!
//!     cargo test --test breezeway -- --ignored over_http

mod proxy;
mod server;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_ec2::types::{Filter, RouteState, Tag, VpcPeeringConnectionStateReasonCode, VpcState};
use breezeway::aws::{Aws, Clock};
use breezeway::sandbox::dials::{Death, Side};
use jiff::Timestamp;
use serde_json::Value;

use crate::lab::REGION;
use crate::program::{Ended, breezeway};
use crate::python;
use proxy::{Proxy, Request};
use server::Moto;

const UP: &[&str] = &["up", "@skeleton", "--aws", "--yes"];
const DOWN: &[&str] = &["down", "skeleton", "--aws", "--yes"];
const DRIFT: &[&str] = &["drift", "skeleton", "--aws"];
const LIST: &[&str] = &["list", "--aws"];

/// How many lives go on at once: they mostly wait.
const AT_ONCE: usize = 32;
/// At how many calls of each verb the sample dies.
const SAMPLE: u64 = 8;

/// An account of a moto server, and the way to it.
struct Account {
    id: String,
    proxy: Proxy,
}

impl Account {
    fn new(moto: &Moto, number: usize) -> Self {
        let id = format!("{:012}", 444_455_550_000 + number);
        Self { proxy: Proxy::start(moto.address, &id), id }
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
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", REGION),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]);
        self.proxy.run(&mut command, death).into()
    }

    /// Runs the program with `--output json`; every line of its output is a document that says where it is.
    fn run_json(&self, arguments: &[&str]) -> Vec<Value> {
        let ended = self.run(&[arguments, &["--output", "json"]].concat());
        ended.expect(0, &format!("{arguments:?}"));
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
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/look.py");
        let output = Command::new(python::python()).arg(script).args([&self.endpoint(), REGION]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Works on the account with the SDK.
    fn by_hand<T>(&self, work: impl AsyncFnOnce(&Aws) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let config = aws_config::SdkConfig::builder()
                .behavior_version(aws_config::BehaviorVersion::latest())
                .region(aws_config::Region::new(REGION))
                .endpoint_url(self.endpoint())
                .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
                    aws_credential_types::Credentials::new("test", "test", None, None, "test"),
                ))
                .build();
            work(&Aws::new(&config, Clock::starting_at(Timestamp::now()))).await
        })
    }

    /// How many of each there are; what is the lab's, by its address.
    fn census(&self) -> BTreeMap<String, usize> {
        self.by_hand(count).into_iter().fold(BTreeMap::new(), |mut census, one| {
            *census.entry(one).or_default() += 1;
            census
        })
    }
}

/// A word for each thing in the account.
async fn count(aws: &Aws) -> Vec<String> {
    let mut all = Vec::new();
    let mut add = |kind: &str, tags: &[Tag], holds: usize| {
        let address = tags.iter().find(|tag| tag.key() == Some("breezeway:address")).and_then(Tag::value);
        all.push(format!("{kind} {} with {holds}", address.unwrap_or("of others")));
    };
    for vpc in aws.ec2.describe_vpcs().send().await.unwrap().vpcs() {
        add("vpc", vpc.tags(), 0);
    }
    for subnet in aws.ec2.describe_subnets().send().await.unwrap().subnets() {
        add("subnet", subnet.tags(), 0);
    }
    for table in aws.ec2.describe_route_tables().send().await.unwrap().route_tables() {
        add("route table", table.tags(), table.routes().len() + table.associations().len());
    }
    for group in aws.ec2.describe_security_groups().send().await.unwrap().security_groups() {
        add("security group", group.tags(), 0);
    }
    for rule in aws.ec2.describe_security_group_rules().send().await.unwrap().security_group_rules() {
        add("rule", rule.tags(), 0);
    }
    for peering in aws.ec2.describe_vpc_peering_connections().send().await.unwrap().vpc_peering_connections() {
        let state = peering.status().and_then(|status| status.code());
        if state != Some(&VpcPeeringConnectionStateReasonCode::Deleted) {
            add("peering", peering.tags(), 0);
        }
    }
    for role in aws.iam.list_roles().send().await.unwrap().roles() {
        let policies = aws.iam.list_role_policies().role_name(role.role_name()).send().await.unwrap();
        all.push(format!("role {} with {}", role.role_name(), policies.policy_names().len()));
    }
    for parameter in aws.ssm.describe_parameters().send().await.unwrap().parameters() {
        let name = parameter.name().unwrap_or_default();
        all.push(name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned());
    }
    all
}

/// Calls that changed something other than the lab's lock and record.
fn changes(requests: &[Request]) -> Vec<&Request> {
    let reads = |request: &Request| ["Describe", "Get", "List"].iter().any(|verb| request.operation.starts_with(verb));
    let own = |request: &Request| request.service == "ssm" && request.body.contains("\"/breezeway/labs/skeleton/");
    requests.iter().filter(|request| !reads(request) && !own(request)).collect()
}

#[test]
fn a_lab_comes_and_goes_for_people() {
    let moto = Moto::start();
    let account = Account::new(&moto, 0);
    let before = account.look();
    let told = |arguments: &[&str]| {
        let ended = account.run(arguments);
        ended.expect(0, &format!("{arguments:?}"));
        assert!(ended.stdout.starts_with(&format!("aws, account {}, {REGION}\n", account.id)), "{}", ended.stdout);
        ended.stdout
    };

    assert!(told(UP).contains("skeleton is up: 29 resources stand"));
    assert!(told(DRIFT).contains("nothing differs"));
    assert!(told(UP).contains("nothing was done"));
    let requests = account.proxy.requests();
    assert!(!requests.is_empty() && changes(&requests).is_empty(), "{:?}", changes(&requests));
    assert!(told(LIST).contains("skeleton"));
    assert!(told(DOWN).contains("nothing of it is left"));
    assert!(told(LIST).contains("No lab stands here"));
    assert_eq!(account.look(), before);
}

#[test]
fn a_lab_comes_and_goes_for_programs() {
    let moto = Moto::start();
    let account = Account::new(&moto, 0);
    let before = account.look();
    let finished = |lines: Vec<Value>| {
        assert_eq!(lines.first().unwrap()["event"], "started");
        let last = lines.into_iter().next_back().unwrap();
        assert_eq!((&last["event"], &last["outcome"]), (&"finished".into(), &"done".into()));
        last
    };

    assert_eq!(finished(account.run_json(UP))["resources"], 29);
    let drift = account.run_json(DRIFT);
    assert_eq!((drift.len(), &drift[0]["clean"]), (1, &true.into()));
    assert_eq!(finished(account.run_json(UP))["resources"], 29);
    let requests = account.proxy.requests();
    assert!(!requests.is_empty() && changes(&requests).is_empty(), "{:?}", changes(&requests));
    assert_eq!(account.run_json(LIST)[0]["labs"][0]["name"], "skeleton");
    assert_eq!(finished(account.run_json(DOWN))["resources"], 0);
    assert_eq!(account.run_json(LIST)[0]["labs"], Value::Array(Vec::new()));
    assert_eq!(account.look(), before);
}

/// Where moto does otherwise than AWS's documentation says, and a lab could notice. Breezeway goes by the
/// documentation; the sandbox shows what AWS does.
#[test]
fn moto_differs_from_aws_in_these() {
    let moto = Moto::start();
    let account = Account::new(&moto, 0);
    account.by_hand(async |aws| {
        let create = |cidr: &str| aws.ec2.create_vpc().cidr_block(cidr).send();
        let (one, two) = (create("10.1.0.0/16").await.unwrap(), create("10.2.0.0/16").await.unwrap());
        let (one, two) = (one.vpc().unwrap(), two.vpc().unwrap());
        let (one_id, two_id) = (one.vpc_id().unwrap(), two.vpc_id().unwrap());
        // A VPC begins as `pending`: moto waits for nothing.
        assert_eq!(one.state(), Some(&VpcState::Available));
        // A dry run makes nothing and is answered by `DryRunOperation`.
        aws.ec2.create_vpc().cidr_block("10.3.0.0/16").dry_run(true).send().await.unwrap();
        // Names of security groups are unique within a VPC whatever their case.
        for name in ["group", "GROUP"] {
            let call = aws.ec2.create_security_group().vpc_id(one_id).group_name(name).description("d");
            call.send().await.unwrap();
        }
        // A client token answers with the resource that it made.
        let table = || aws.ec2.create_route_table().vpc_id(one_id).client_token("token").send();
        let (table, again) = (table().await.unwrap(), table().await.unwrap());
        let table = table.route_table().unwrap().route_table_id().unwrap();
        assert_ne!(again.route_table().unwrap().route_table_id(), Some(table));
        // A second peering of the same pair is refused.
        let peer = || aws.ec2.create_vpc_peering_connection().vpc_id(one_id).peer_vpc_id(two_id).send();
        let (peering, _second) = (peer().await.unwrap(), peer().await.unwrap());
        let peering = peering.vpc_peering_connection().unwrap().vpc_peering_connection_id().unwrap();
        // A route into a peering that is pending, or deleted, is a `blackhole`.
        let route = aws.ec2.create_route().route_table_id(table).destination_cidr_block("10.2.0.0/16");
        route.vpc_peering_connection_id(peering).send().await.unwrap();
        aws.ec2.delete_vpc_peering_connection().vpc_peering_connection_id(peering).send().await.unwrap();
        let tables = aws.ec2.describe_route_tables().route_table_ids(table).send().await.unwrap();
        assert!(tables.route_tables()[0].routes().iter().all(|route| route.state() == Some(&RouteState::Active)));
        // A VPC takes its network ACL with it.
        aws.ec2.delete_vpc().vpc_id(two_id).send().await.unwrap();
        let of_two = Filter::builder().name("vpc-id").values(two_id).build();
        let acls = aws.ec2.describe_network_acls().filters(of_two).send().await.unwrap();
        assert_eq!(acls.network_acls().len(), 1);
    });
}

/// A verb that dies at a call, and the verb that comes after it.
#[derive(Debug, Clone, Copy)]
struct Life {
    dies: &'static [&'static str],
    death: Death,
    then: &'static [&'static str],
}

/// What an account holds without a lab and with one, and how many calls each verb makes, all undisturbed.
struct Undisturbed {
    empty: BTreeMap<String, usize>,
    whole: BTreeMap<String, usize>,
    up: u64,
    down: u64,
}

fn undisturbed(account: &Account) -> Undisturbed {
    let empty = account.census();
    account.run(UP).expect(0, "an undisturbed up");
    let up = account.proxy.requests().len() as u64;
    let whole = account.census();
    account.run(DOWN).expect(0, "an undisturbed down");
    let down = account.proxy.requests().len() as u64;
    assert_eq!(account.census(), empty);
    Undisturbed { empty, whole, up, down }
}

/// Lives a life in an empty account; returns whether its death came.
fn live(account: &Account, life: Life, undisturbed: &Undisturbed) -> bool {
    if life.dies == DOWN {
        account.run(UP).expect(0, "an up before the down that dies");
    }
    let ended = account.run_to(Some(life.death), life.dies);
    if !ended.was_killed() {
        ended.expect(0, &format!("{life:?}"));
    }
    if life.then == UP {
        account.run(UP).expect(0, &format!("up after {life:?}"));
        account.run(DRIFT).expect(0, &format!("drift after {life:?}"));
        assert_eq!(account.census(), undisturbed.whole, "{life:?}");
    }
    account.run(DOWN).expect(0, &format!("down after {life:?}"));
    assert_eq!(account.census(), undisturbed.empty, "{life:?}");
    ended.was_killed()
}

/// Lives all these lives, many at once, each in an account of its own; returns how many died.
fn live_all(moto: &Moto, lives: Vec<Life>, undisturbed: &Undisturbed) -> usize {
    let (next, deaths) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(lives.len()) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(life) = lives.get(number) else { return };
                    let died = live(&Account::new(moto, 1 + number), *life, undisturbed);
                    deaths.fetch_add(usize::from(died), Ordering::Relaxed);
                }
            });
        }
    });
    deaths.into_inner()
}

/// A death on both sides of each of these calls.
fn deaths(calls: impl Iterator<Item = u64>) -> impl Iterator<Item = Death> {
    calls.flat_map(|call| [Side::Before, Side::After].map(|side| Death { side, call }))
}

#[test]
fn a_sample_of_deaths_over_http_is_outlived() {
    let moto = Moto::start();
    let undisturbed = undisturbed(&Account::new(&moto, 0));
    let mut lives = Vec::new();
    for (dies, calls) in [(UP, undisturbed.up), (DOWN, undisturbed.down)] {
        let spread = (0..SAMPLE).map(|number| 1 + number * (calls - 1) / (SAMPLE - 1));
        for (number, death) in deaths(spread).enumerate() {
            // Both sides with the one, then both with the other.
            lives.push(Life { dies, death, then: if number / 2 % 2 == 0 { UP } else { DOWN } });
        }
    }
    let (planned, died) = (lives.len(), live_all(&moto, lives, &undisturbed));
    // A run may make a few calls less than the undisturbed one.
    assert!(died + 4 >= planned, "only {died} of {planned} died");
}

#[test]
#[ignore = "takes some ten minutes"]
fn every_death_over_http_is_outlived() {
    let moto = Moto::start();
    let undisturbed = undisturbed(&Account::new(&moto, 0));
    let mut lives = Vec::new();
    for (dies, calls) in [(UP, undisturbed.up), (DOWN, undisturbed.down)] {
        for death in deaths(1..=calls) {
            lives.extend([UP, DOWN].map(|then| Life { dies, death, then }));
        }
    }
    let (planned, died) = (lives.len(), live_all(&moto, lives, &undisturbed));
    assert!(died + planned / 20 >= planned, "only {died} of {planned} died");
}
