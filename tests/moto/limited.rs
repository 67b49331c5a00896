//! The policy that `permissions` prints, by moto's IAM: a second opinion on its actions.
//!
//! It is one on nothing else: moto asks for one action a call, named like the operation, on `*`, and whatever the
//! conditions. What a call needs besides, resources and conditions are between AWS's documentation and the sandbox.

use std::collections::BTreeSet;

use aws_credential_types::Credentials;
use aws_sdk_iam::error::ProvideErrorMetadata;
use breezeway::engine::event::Outcome;
use breezeway::engine::run::{down, up};
use breezeway::permissions::{Named, Scope, Site, permissions};
use breezeway::plan::{Plan, Source, parse};
use serde_json::{Value, json};

use super::Account;
use super::proxy::Proxy;
use super::server::Moto;
use super::whole::{PLAN, work};
use crate::lab::{REGION, plan};
use crate::permissions::{texts, without};

const USER: &str = "bob";

/// API Gateway's actions are HTTP's methods, and moto wants names of operations: it has no opinion on that service.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagement.html>
const NOT_ASKED_RIGHT: &str = "apigateway:*";

/// How many actions moto asks for at least. The others are for accidents that don't happen here, come with other calls,
/// or are API Gateway's.
const CONFIRMED: usize = 130;

/// The documents that are printed for a plan.
fn printed(account: &Account, plan: &Plan) -> Vec<Named> {
    let site = Site { partition: "aws".into(), account: account.id.clone(), region: REGION.into() };
    permissions(plan, &site, Scope::All).policies
}

fn actions(policies: &[Named]) -> BTreeSet<String> {
    let statements = policies.iter().flat_map(|one| one.document["Statement"].as_array().unwrap());
    statements.flat_map(|statement| texts(&statement["Action"])).map(str::to_owned).collect()
}

/// A document on all resources, without an action.
fn widened(document: &Value, lacking: Option<&str>) -> Value {
    let mut statements = without(document["Statement"].as_array().unwrap(), "Action", |_, one| Some(one) == lacking);
    for statement in &mut statements {
        statement["Resource"] = "*".into();
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn allowing(action: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})
}

impl Account {
    /// The same account for a new user with these policies.
    fn user(&self, moto: &Moto, policies: impl IntoIterator<Item = (String, Value)>) -> Self {
        let keys = self.by_hand(async |aws| {
            aws.iam.create_user().user_name(USER).send().await.unwrap();
            for (name, document) in policies {
                let policy = aws.iam.create_policy().policy_name(name).policy_document(document.to_string());
                let policy = policy.send().await.unwrap();
                let arn = policy.policy().unwrap().arn().unwrap();
                aws.iam.attach_user_policy().user_name(USER).policy_arn(arn).send().await.unwrap();
            }
            let made = aws.iam.create_access_key().user_name(USER).send().await.unwrap();
            let key = made.access_key().unwrap();
            Credentials::new(key.access_key_id(), key.secret_access_key(), None, None, "test")
        });
        Self { proxy: Proxy::start(moto.address, &self.id), id: self.id.clone(), keys }
    }

    /// The same account for a new user with what is printed for a plan, without an action.
    fn operator(&self, moto: &Moto, plan: &Plan, lacking: Option<&str>) -> Self {
        let printed = printed(self, plan).into_iter().map(|one| (one.name, widened(&one.document, lacking)));
        self.user(moto, printed.chain([("api-gateway".into(), allowing(NOT_ASKED_RIGHT, "*"))]))
    }
}

fn foundation() -> Plan {
    plan(include_str!("lab.toml"))
}

/// A lab comes, is worked on by others, and goes, by somebody who may do what is printed for it.
fn live(moto: &Moto, account: &Account, plan: &Plan, meddle: impl FnOnce()) {
    let lab = &plan.name;
    let before = account.look();
    let operator = account.operator(moto, plan, None);
    let comes = || {
        let report = work(&operator, lab, async |session| up(session, Some(plan)).await.unwrap());
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        operator.run(&["drift", lab, "--aws"]).expect(0, "drift");
    };
    moto.enforce(true);
    comes();
    moto.enforce(false);
    meddle();
    moto.enforce(true);
    comes();
    let report = work(&operator, lab, async |session| down(session).await.unwrap());
    assert_eq!((report.outcome, report.causes, report.resources), (Outcome::Done, vec![], Some(0)));
    moto.enforce(false);
    assert_eq!(account.look(), before);
}

#[test]
fn moto_asks_for_nothing_that_is_not_printed() {
    let moto = Moto::limited();
    let (one, other) = (Account::new(&moto, 0), Account::new(&moto, 1));
    let (foundation, whole) = (foundation(), parse(&Source::built_in(PLAN).unwrap()).unwrap());
    live(&moto, &one, &foundation, || drop(one.boto3("edits.py")));
    live(&moto, &other, &whole, || ());

    let printed = &actions(&printed(&one, &foundation)) | &actions(&printed(&other, &whole));
    let allowed = moto.allowed();
    // Everybody may ask who they are.
    let others = allowed.difference(&printed).filter(|action| *action != "sts:GetCallerIdentity");
    let others: Vec<&String> = others.filter(|action| !action.starts_with("apigateway:")).collect();
    assert_eq!(others, [""; 0]);
    let confirmed = allowed.intersection(&printed).count();
    assert!(confirmed >= CONFIRMED, "{confirmed} of {}, without {:?}", printed.len(), &printed - &allowed);
}

#[test]
fn what_moto_refuses_is_said_with_the_action_that_is_missing() {
    let moto = Moto::limited();
    let plan = foundation();
    for (number, action) in ["ec2:CreateVpc", "iam:PutRolePolicy", "ssm:PutParameter"].into_iter().enumerate() {
        let operator = Account::new(&moto, number).operator(&moto, &plan, Some(action));
        moto.enforce(true);
        let ended = work(&operator, &plan.name, async |session| up(session, Some(&plan)).await);
        moto.enforce(false);
        let causes = ended.map_or_else(|error| vec![error.to_string()], |report| report.causes);
        let refusal = format!("{}:user/{USER} is not authorized to perform: {action}", operator.id);
        assert!(causes.iter().any(|cause| cause.contains(&refusal)), "{action}: {causes:?}");
    }
}

/// Each comment says what AWS documents.
#[test]
fn moto_differs_from_iam_in_these() {
    let moto = Moto::as_released();
    let account = Account::new(&moto, 0);
    let user = account.user(&moto, []);
    let may = |document: Value| {
        moto.enforce(false);
        account.by_hand(async |aws| {
            let put = aws.iam.put_user_policy().user_name(USER).policy_name("all");
            put.policy_document(document.to_string()).send().await.unwrap();
        });
        moto.enforce(true);
    };
    let makes_vpc = || user.by_hand(async |aws| aws.ec2.create_vpc().cidr_block("10.1.0.0/16").send().await.is_ok());
    let lists_apis = || user.by_hand(async |aws| aws.apigateway.get_rest_apis().send().await.is_ok());

    may(allowing("ec2:DescribeVpcs", "*"));
    assert!(!makes_vpc());
    // IAM tells its refusals as it tells other errors.
    let refusal = user.by_hand(async |aws| aws.iam.list_roles().send().await.unwrap_err());
    assert_eq!(refusal.message(), None);
    may(allowing("ec2:CreateVpc", "*"));
    assert!(makes_vpc());
    // A VPC is what CreateVpc is authorised on.
    may(allowing("ec2:CreateVpc", "arn:aws:ec2:*:*:vpc/*"));
    assert!(!makes_vpc());
    // A condition that isn't met allows nothing.
    let mut elsewhere = allowing("ec2:CreateVpc", "*");
    elsewhere["Statement"][0]["Condition"] = json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}});
    may(elsewhere);
    assert!(makes_vpc());
    // Who may do everything on everything is let in everywhere.
    may(allowing("*", "*"));
    assert!(makes_vpc() && !lists_apis());
    moto.enforce(false);
}
