//! The policy that `permissions` prints: enough for all that the verbs do, and no more. The sandbox asks it at every call.
//!
//! An ordinary run takes some of its actions away, one at a time; `cargo test --release permissions -- --ignored` each.

mod hands;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use breezeway::aws::Class;
use breezeway::engine::event::Outcome;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Options;
use breezeway::engine::view::view;
use breezeway::model::policy::{Policies, Policy, Principal, Request, evaluate};
use breezeway::permissions::{Scope, Site, permissions};
use breezeway::plan::{Plan, Source, parse};
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use breezeway::sandbox::world::authorization::Needed;
use breezeway::verify::verify;
use serde_json::{Value, json};

use crate::lab::*;
use crate::program::breezeway;

/// A lab with something of every kind.
const WHOLE: &str = include_str!("whole.toml");

/// Every so many actions, an ordinary run takes one away.
const STRIDE: usize = 32;

/// What no test here uses, and why it is asked for all the same.
const UNTRIED: [&str; 3] = [
    // The sandbox doesn't know these two.
    "LogsNamed logs:DisassociateKmsKey",
    "LogsNamed logs:PutLogGroupDeletionProtection",
    // The sandbox's API Gateway has no role of its own.
    "IamLinkedRoleOfOpsApigateway iam:CreateServiceLinkedRole",
];

fn whole() -> Plan {
    plan(WHOLE)
}

/// The same with other tags, and a user less.
fn amended() -> Plan {
    let tags = "[tags]\nteam = \"platform\"\n[onprem]\n";
    plan(&WHOLE.replacen("[onprem]\n", tags, 1).replace(r#", "bob""#, ""))
}

fn built_in(name: &str) -> Plan {
    parse(&Source::built_in(name).unwrap()).unwrap()
}

fn site() -> Site {
    Site { partition: "aws".into(), account: DEFAULT_ACCOUNT.into(), region: REGION.into() }
}

/// The statements that are printed for a plan.
fn printed(plan: &Plan, scope: Scope) -> Vec<Value> {
    let documents = permissions(plan, &site(), scope).policies;
    documents.iter().flat_map(|one| one.document["Statement"].as_array().unwrap().clone()).collect()
}

pub fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// Statements without something that one of a member's texts is.
pub fn without(statements: &[Value], member: &str, is_gone: impl Fn(&str, &str) -> bool) -> Vec<Value> {
    let kept = statements.iter().filter_map(|statement| {
        let sid = statement["Sid"].as_str().unwrap();
        let kept: Vec<&str> = texts(&statement[member]).into_iter().filter(|text| !is_gone(sid, text)).collect();
        let mut statement = statement.clone();
        statement[member] = json!(kept);
        (!texts(&statement[member]).is_empty()).then_some(statement)
    });
    kept.collect()
}

fn policies(statements: &[Value]) -> Policies {
    let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Policies { identity: vec![Policy::of_identity("printed", &document).unwrap()], ..Policies::default() }
}

/// Somebody who may do what these statements allow, and nothing else.
fn limited(sandbox: &Sandbox, lab: &str, statements: &[Value]) -> Person {
    let policies = Box::leak(Box::new(policies(statements)));
    Person::new(sandbox, "bob", lab, CallerDials { policies: Some(policies), ..CallerDials::default() })
}

/// Runs what needs more of a stack than tests have: a lab's whole life, in a debug build.
fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let thread = std::thread::Builder::new().stack_size(32 << 20);
    let joined = std::thread::scope(|scope| thread.spawn_scoped(scope, work).expect("a thread").join());
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What went wrong.
type Troubles = Vec<String>;

/// One who runs the verbs on a lab.
struct Operator {
    bob: Person,
    lab: String,
    runs: std::cell::Cell<u64>,
}

impl Operator {
    fn new(sandbox: &Sandbox, lab: &str, statements: &[Value]) -> Self {
        Self { bob: limited(sandbox, lab, statements), lab: lab.to_owned(), runs: Default::default() }
    }

    fn session(&self, options: Options) -> breezeway::engine::session::Session<'static> {
        self.runs.set(self.runs.get() + 1);
        self.bob.session(&self.lab, self.runs.get(), options)
    }

    async fn up(&self, plan: Option<&Plan>) -> Result<(), Troubles> {
        match Box::pin(up(&self.session(Options::default()), plan)).await {
            Ok(report) if report.outcome == Outcome::Done => Ok(()),
            Ok(report) => Err(report.causes),
            Err(error) => Err(vec![error.to_string()]),
        }
    }

    async fn down(&self) -> Result<(), Troubles> {
        let options = Options { delete_user_data: true, ..Options::default() };
        match Box::pin(down(&self.session(options))).await {
            Ok(report) if report.outcome == Outcome::Done => Ok(()),
            Ok(report) => Err(report.causes),
            Err(error) => Err(vec![error.to_string()]),
        }
    }

    /// `plan`, `status`, `drift` and `verify`: all of them read the lab, and say what they couldn't.
    async fn look(&self, plan: Option<&Plan>) -> Result<(), Troubles> {
        let view = Box::pin(view(&self.bob.aws, &self.lab, plan)).await.map_err(|error| vec![error.to_string()])?;
        let unread: Troubles = view.survey.unreadable.values().map(ToString::to_string).collect();
        if !unread.is_empty() {
            return Err(unread);
        }
        if let Some(record) = &view.record {
            let _ = verify(&record.plan, &view.blueprint, &view.survey, REGION);
        }
        Ok(())
    }

    /// `connect --key`.
    async fn ask_for_the_password(&self, host: &str) -> Result<(), Troubles> {
        let call = || self.bob.aws.ec2.get_password_data().instance_id(host).send();
        self.bob.aws.read("ec2", "GetPasswordData", call).await.map(drop).map_err(|error| vec![error.to_string()])
    }

    fn needed(&self) -> BTreeSet<Needed> {
        self.bob.client.caller().needed()
    }
}

/// A lab is built, looked at, and taken away.
async fn plain(plan: &Plan, statements: &[Value]) -> Result<(), Troubles> {
    let sandbox = world(1, Dials::default());
    let before = sandbox.standing();
    let operator = Operator::new(&sandbox, &plan.name, statements);
    operator.look(Some(plan)).await?;
    operator.up(Some(plan)).await?;
    operator.up(Some(plan)).await?;
    operator.look(None).await?;
    operator.look(Some(plan)).await?;
    operator.down().await?;
    let left = sandbox.standing() != before;
    // SageMaker's own role stays.
    if left && plan.domain.enabled {
        Ok(())
    } else if left {
        Err(vec!["something is left".into()])
    } else {
        Ok(())
    }
}

/// The whole lab is built, meddled with, repaired, amended, and taken away: with this it needs all that it asks for.
async fn eventful(statements: &[Value], needed: &mut BTreeSet<Needed>) -> Result<(), Troubles> {
    let sandbox = world(1, Dials::default());
    let operator = Operator::new(&sandbox, LAB, statements);
    let result = Box::pin(events(&sandbox, &operator)).await;
    needed.extend(operator.needed());
    result
}

async fn events(sandbox: &Sandbox, operator: &Operator) -> Result<(), Troubles> {
    let plan = whole();
    operator.look(Some(&plan)).await?;
    operator.up(Some(&plan)).await?;
    operator.look(None).await?;
    let foreign = hands::meddle(sandbox).await;
    operator.look(None).await?;
    operator.up(None).await?;
    hands::meddle_more(sandbox).await;
    operator.up(None).await?;
    hands::meddle_with_profile(sandbox).await;
    // A profile's own settings can't be taken back, and `up` says so.
    match operator.up(None).await {
        Err(causes) if causes.iter().all(|cause| cause.contains("which AWS doesn't take back")) => {}
        Err(causes) => return Err(causes),
        Ok(()) => return Err(vec!["the profile kept nothing".into()]),
    }
    hands::delete_profile(sandbox).await;
    operator.up(Some(&amended())).await?;
    operator.ask_for_the_password(&hands::app_server(sandbox)).await?;
    operator.look(None).await?;
    hands::leave_work(sandbox).await;
    foreign.taken_away(sandbox).await;
    operator.down().await
}

/// A domain is deleted by hand, and its home isn't.
async fn widowed(statements: &[Value], needed: &mut BTreeSet<Needed>) -> Result<(), Troubles> {
    let sandbox = world(1, Dials::default());
    let operator = Operator::new(&sandbox, LAB, statements);
    operator.up(Some(&whole())).await?;
    hands::delete_domain(&sandbox).await;
    let result = operator.down().await;
    needed.extend(operator.needed());
    result
}

async fn everything(statements: &[Value]) -> (Result<(), Troubles>, BTreeSet<Needed>) {
    let mut needed = BTreeSet::new();
    let result = Box::pin(eventful(statements, &mut needed)).await;
    let result = if result.is_ok() { Box::pin(widowed(statements, &mut needed)).await } else { result };
    (result, needed)
}

fn is_allowed(policies: &Policies, needed: &Needed) -> bool {
    let caller = Principal::User(format!("arn:aws:iam::{DEFAULT_ACCOUNT}:user/bob"));
    let mut request = Request::new(caller, &needed.action, &needed.resource).with("aws:RequestedRegion", &[REGION]);
    for (key, values) in &needed.keys {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        request = request.with(key, &values);
    }
    evaluate(&request, policies).allowed()
}

/// What of statements could be left out, as `SID TEXT`: all that was needed would still be allowed.
fn superfluous(statements: &[Value], member: &str, needed: &BTreeSet<Needed>) -> Vec<String> {
    let mut by_action: BTreeMap<&str, Vec<&Needed>> = BTreeMap::new();
    for one in needed {
        by_action.entry(&one.action).or_default().push(one);
    }
    let mut found = Vec::new();
    for statement in statements {
        let sid = statement["Sid"].as_str().unwrap();
        for text in texts(&statement[member]) {
            let rest = policies(&without(statements, member, |of, one| of == sid && one == text));
            let actions = if member == "Action" { vec![text] } else { texts(&statement["Action"]) };
            let mut asked = actions.iter().filter_map(|action| by_action.get(action)).flatten();
            if asked.all(|needed| is_allowed(&rest, needed)) {
                found.push(format!("{sid} {text}"));
            }
        }
    }
    found
}

#[test]
fn it_is_enough_for_every_shipped_plan() {
    let dhcp =
        plan("name = \"demo\"\n[dns]\nmode = \"dhcp\"\n[[studio.endpoints]]\nservice = \"studio\"\nhosted_zone = true");
    let shipped = ["@skeleton", "@minimal", "@foundation", "@studio-private-access"].map(built_in);
    for plan in shipped.iter().chain([&dhcp]) {
        let result = deep(|| skipping().block_on(plain(plan, &printed(plan, Scope::All))));
        assert_eq!(result, Ok(()), "{}", plan.name);
    }
}

#[test]
fn it_is_enough_for_whatever_happens_and_nothing_in_it_is_superfluous() {
    let statements = printed(&whole(), Scope::All);
    let (result, needed) = deep(|| skipping().block_on(everything(&statements)));
    assert_eq!(result, Ok(()));
    assert!(needed.len() > 300, "{}", needed.len());
    let untried: BTreeSet<String> = UNTRIED.map(str::to_owned).into();
    let actions: BTreeSet<String> = superfluous(&statements, "Action", &needed).into_iter().collect();
    assert_eq!(actions, untried);
    // AWS doesn't say whether what is read by path is named by it alone, or with all that is below it.
    let below = format!("SsmRead arn:aws:ssm:{REGION}:{DEFAULT_ACCOUNT}:parameter/breezeway/labs/{LAB}/*");
    let role = format!("arn:aws:iam::{DEFAULT_ACCOUNT}:role/aws-service-role/ops.apigateway.amazonaws.com");
    let untried = [format!("IamLinkedRoleOfOpsApigateway {role}/AWSServiceRoleForAPIGateway"), below];
    assert_eq!(superfluous(&statements, "Resource", &needed), untried);
}

/// Takes actions away, one at a time: something goes wrong each time, and says which is missing.
fn lacking(every: usize) {
    let statements = printed(&whole(), Scope::All);
    let untried = UNTRIED.map(|untried| untried.split(' ').nth(1).unwrap());
    let actions: BTreeSet<&str> = statements.iter().flat_map(|statement| texts(&statement["Action"])).collect();
    let actions =
        actions.into_iter().filter(|action| !untried.contains(action) || *action == "iam:CreateServiceLinkedRole");
    let mut unsaid = Vec::new();
    for action in actions.skip(every / 2).step_by(every) {
        let rest = without(&statements, "Action", |_, one| one == action);
        let (result, _) = deep(|| skipping().block_on(everything(&rest)));
        let says = |troubles: &Troubles| troubles.iter().any(|trouble| trouble.contains(action));
        if !result.as_ref().is_err_and(says) {
            unsaid.push(format!("{action}: {result:?}"));
        }
    }
    assert_eq!(unsaid, [""; 0]);
}

#[test]
fn without_one_of_its_actions_some_verb_says_which_is_missing() {
    lacking(STRIDE);
}

#[test]
#[ignore = "the same for each action: an hour"]
fn without_any_one_of_its_actions_some_verb_says_which_is_missing() {
    lacking(1);
}

#[test]
fn tags_that_may_not_be_read_are_not_taken_for_lost() {
    for action in ["dynamodb:ListTagsOfResource", "logs:ListTagsForResource", "sagemaker:ListTags"] {
        deep(|| {
            skipping().block_on(async {
                let sandbox = world(1, Dials::default());
                let statements = printed(&whole(), Scope::All);
                assert_eq!(Operator::new(&sandbox, LAB, &statements).up(Some(&whole())).await, Ok(()));
                let rest = without(&statements, "Action", |_, one| one == action);
                let operator = Operator::new(&sandbox, LAB, &rest);
                for result in [operator.look(None).await, operator.up(None).await, operator.down().await] {
                    let troubles = result.unwrap_err();
                    assert!(troubles.iter().any(|trouble| trouble.contains(action)), "{troubles:?}");
                    assert!(!troubles.iter().any(|trouble| trouble.contains("lost its tag")), "{troubles:?}");
                }
            });
        });
    }
}

#[test]
fn to_look_it_takes_only_what_is_printed_for_that() {
    for plan in
        ["@skeleton", "@minimal", "@foundation", "@studio-private-access"].map(built_in).into_iter().chain([whole()])
    {
        skipping().block_on(async {
            let sandbox = world(1, Dials::default());
            let statements = printed(&plan, Scope::ReadOnly);
            let reader = Operator::new(&sandbox, &plan.name, &statements);
            assert_eq!(reader.look(Some(&plan)).await, Ok(()), "{}", plan.name);
            let builder = Person::new(&sandbox, "ann", &plan.name, CallerDials::default());
            let report = up(&builder.session(&plan.name, 1, Options::default()), Some(&plan)).await.unwrap();
            assert_eq!(report.outcome, Outcome::Done);
            hands::leave_a_zone(&sandbox, &plan.name);
            assert_eq!(reader.look(None).await, Ok(()), "{}", plan.name);
            assert_eq!(reader.look(Some(&plan)).await, Ok(()), "{}", plan.name);
            let refused = reader.down().await.unwrap_err();
            assert!(refused[0].contains("ssm:PutParameter"), "{refused:?}");
        });
    }
}

#[test]
fn another_labs_things_and_strangers_are_out_of_reach() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let (mine, theirs) = (plan("name = \"mine\""), plan("name = \"theirs\"\n[onprem]\ncidr = \"192.168.20.0/24\""));
        let ann = Person::new(&sandbox, "ann", "theirs", CallerDials::default());
        assert_eq!(
            up(&ann.session("theirs", 1, Options::default()), Some(&theirs)).await.unwrap().outcome,
            Outcome::Done
        );
        let bob = limited(&sandbox, "theirs", &printed(&mine, Scope::All));
        let vpcs = by_hand(&sandbox, "ec2", "DescribeVpcs", json!({})).unwrap()["Vpcs"].take();
        for vpc in vpcs.as_array().unwrap() {
            let id = vpc["VpcId"].as_str().unwrap();
            let deleted = bob.aws.write("ec2", "DeleteVpc", || bob.aws.ec2.delete_vpc().vpc_id(id).send()).await;
            assert_eq!(deleted.unwrap_err().class, Class::Denied);
            let tag = aws_sdk_ec2::types::Tag::builder().key("breezeway:lab").value("mine").build();
            let tagged = || bob.aws.ec2.create_tags().resources(id).tags(tag.clone()).send();
            assert_eq!(bob.aws.write("ec2", "CreateTags", tagged).await.unwrap_err().class, Class::Denied);
        }
        let role = format!("breezeway-theirs-{REGION}-portal");
        let deleted = bob.aws.write("iam", "DeleteRole", || bob.aws.iam.delete_role().role_name(&role).send()).await;
        assert_eq!(deleted.unwrap_err().class, Class::Denied);
    });
}

#[test]
fn a_denied_call_ends_in_a_sentence_that_names_the_action_and_the_way_to_the_policy() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let plan = built_in("@skeleton");
        let rest = without(&printed(&plan, Scope::All), "Action", |_, action| action == "ec2:CreateSubnet");
        let operator = Operator::new(&sandbox, &plan.name, &rest);
        let causes = operator.up(Some(&plan)).await.unwrap_err();
        assert!(causes[0].contains("is not authorized to perform: ec2:CreateSubnet"), "{causes:?}");
    });
}

#[test]
fn the_program_prints_one_document_or_writes_several() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let run = |arguments: &[&str]| {
        let ended: crate::program::Ended = breezeway(home).args(arguments).output().unwrap().into();
        ended.expect(0, &arguments.join(" "));
        ended
    };
    let one = run(&["permissions", "@skeleton", "--read-only"]);
    let document: Value = serde_json::from_str(&one.stdout).unwrap();
    Policy::of_identity("stdout", &document.to_string()).unwrap();
    assert!(one.stderr.contains("of 6144 characters"), "{}", one.stderr);

    let elsewhere = ["permissions", "@skeleton", "--account", "444455556666", "--region", "eu-west-1"];
    let named = run(&[&elsewhere[..], &["--output", "json"]].concat());
    let document: Value = serde_json::from_str(&named.stdout).unwrap();
    assert_eq!((&document["account"], &document["region"]), (&json!("444455556666"), &json!("eu-west-1")));
    assert!(document.to_string().contains("arn:aws:iam::444455556666:role/breezeway/eu-west-1/skeleton/*"));
    assert!(!document["reasons"].as_array().unwrap().is_empty() && named.stderr.is_empty());

    let several = run(&["permissions", "@studio-private-access"]);
    let documents: Vec<Value> = serde_json::from_str(&several.stdout).unwrap();
    assert!(documents.len() > 1 && several.stderr.contains("--folder"), "{}", several.stderr);
    let kept = home.join("policies");
    let written = run(&["permissions", "@studio-private-access", "--folder", kept.to_str().unwrap()]);
    let files: Vec<&str> = written.stdout.lines().collect();
    assert_eq!(files.len(), documents.len());
    for (file, document) in files.iter().zip(&documents) {
        assert_eq!(serde_json::from_str::<Value>(&fs::read_to_string(file).unwrap()).unwrap(), *document);
    }
}

#[test]
fn a_lab_that_stands_is_asked_for_its_plan() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], code: i32| {
        let ended: crate::program::Ended = breezeway(folder.path()).args(arguments).output().unwrap().into();
        ended.expect(code, &arguments.join(" "));
        ended
    };
    let missing = run(&["permissions", "skeleton"], 1);
    assert!(missing.stderr.contains("no lab `skeleton`"), "{}", missing.stderr);
    run(&["up", "@skeleton"], 0);
    assert_eq!(run(&["permissions", "skeleton"], 0).stdout, run(&["permissions", "@skeleton"], 0).stdout);
    let named = run(&["permissions", "skeleton", "--account", "444455556666", "--region", "eu-west-1"], 1);
    assert!(named.stderr.contains("Leave --account out"), "{}", named.stderr);
    let wrong = run(&["permissions", "@skeleton", "--account", "4444", "--region", "eu-west-1"], 1);
    assert!(wrong.stderr.contains("twelve digits"), "{}", wrong.stderr);
}

/// Time for what was changed to settle.
async fn rest() {
    tokio::time::sleep(Duration::from_secs(900)).await;
}
