//! The portal: the table that says who has which Studio profile, the function that makes their URLs, and the one that says
//! who they are, each with its log and its role.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::access::iam_name;
use super::sign_in::SignIn;
use super::vpc::security_group;
use super::{Blueprint, Facts, Network};
use crate::aws::partition::partition;
use crate::plan::{Direction, Plan, Ports, Protocol, Remote, Rule};
use crate::portal::Program;
use crate::resource::domain::Domain;
use crate::resource::function::Function;
use crate::resource::log_group::{self, LogGroup};
use crate::resource::policy::Policy;
use crate::resource::role::Role;
use crate::resource::role_policy::RolePolicy;
use crate::resource::role_policy_attachment::RolePolicyAttachment;
use crate::resource::security_group::SecurityGroup;
use crate::resource::table::Table;
use crate::resource::table_item::TableItem;
use crate::resource::{Address, Ref, Set, Text};

/// The functions that an API calls.
#[derive(Debug, Clone)]
pub struct Functions {
    /// Makes a presigned URL.
    pub presign: Ref<Function>,
    /// Says who asks for one.
    pub authorizer: Ref<Function>,
}

/// Where the functions stand in a blueprint.
pub fn functions() -> Functions {
    let at = |program| Ref::to(&Address::from(address(program)));
    Functions { presign: at(Program::Presign), authorizer: at(Program::Authorizer) }
}

fn address(program: Program) -> String {
    format!("portal/{}", program.name())
}

/// Adds all but the API itself.
pub fn add_compute(
    blueprint: &mut Blueprint,
    plan: &Plan,
    facts: &Facts,
    studio: &Network,
    domain: Option<&Ref<Domain>>,
    sign_in: Option<&SignIn>,
) -> Functions {
    let table = table(blueprint, plan, domain);
    let presign = presign(blueprint, plan, facts, studio, &table);
    let authorizer = authorizer(blueprint, plan, facts, sign_in);
    Functions { presign, authorizer }
}

/// The table, with a row for everybody who has a profile.
fn table(blueprint: &mut Blueprint, plan: &Plan, domain: Option<&Ref<Domain>>) -> Ref<Table> {
    let name = blueprint.lab.table.clone();
    let table = blueprint.add("portal/table", &name, Table::of_users(&name));
    let rows = plan.profiles().into_iter().zip(domain.into_iter().cycle());
    for ((user, profile), domain) in rows {
        let address = format!("portal/table/user/{user}");
        let row = TableItem { table: table.clone(), user, domain: domain.clone(), profile, others: BTreeMap::new() };
        blueprint.add(&address, "", row);
    }
    table
}

/// The function that makes URLs, in the private subnets: what its calls come through is what the policy asks for.
fn presign(
    blueprint: &mut Blueprint,
    plan: &Plan,
    facts: &Facts,
    studio: &Network,
    table: &Ref<Table>,
) -> Ref<Function> {
    let role = Ref::<Role>::to(&Address::from("access/role/portal"));
    let log_group = log_group(blueprint, plan, Program::Presign);
    let reads = json!({"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": table.output("arn")});
    let document = policy(&[reads, writes_log(&log_group)]);
    blueprint.add(
        "access/role/portal/policy/function",
        "",
        RolePolicy { role: role.clone(), name: "function".into(), document },
    );
    let partition = partition(&facts.region);
    let policy_arn = format!("arn:{partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole");
    let attachment = RolePolicyAttachment { role: role.clone(), policy_arn };
    blueprint.add("access/role/portal/vpc-access", "", attachment);
    let environment = [
        ("TABLE", table.as_text()),
        ("EXPIRES", Text::known(plan.portal.url_expires_seconds.to_string())),
        ("SESSION_EXPIRES", Text::known(plan.portal.session_expires_seconds.to_string())),
    ];
    let spec = Function {
        description: "Makes a presigned URL for whoever is signed in".into(),
        // Below the 29 seconds that API Gateway waits.
        timeout_seconds: 25,
        memory_mb: 256,
        environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
        subnets: studio.tier("private").subnets.iter().cloned().collect(),
        security_groups: [egress_only(blueprint, studio)].into_iter().collect(),
        ..function(blueprint, Program::Presign, role, log_group)
    };
    blueprint.add(&address(Program::Presign), &spec.name.clone(), spec)
}

/// The function that says who asks, outside of the VPC, with no permission but to write its log.
fn authorizer(blueprint: &mut Blueprint, plan: &Plan, facts: &Facts, sign_in: Option<&SignIn>) -> Ref<Function> {
    let log_group = log_group(blueprint, plan, Program::Authorizer);
    let name = iam_name(&plan.name, &facts.region, "authorizer");
    let trust =
        json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"});
    let role = Role {
        name: name.clone(),
        path: blueprint.lab.path.clone(),
        description: "The authorizer of a Breezeway lab's portal".into(),
        trust: policy(&[trust]),
        max_session_seconds: 3600,
        permissions_boundary: plan.permissions_boundary.clone(),
    };
    let role = blueprint.add("portal/authorizer/role", &name, role);
    let document = policy(&[writes_log(&log_group)]);
    blueprint.add(
        "portal/authorizer/role/policy/log",
        "",
        RolePolicy { role: role.clone(), name: "log".into(), document },
    );
    let environment = sign_in.map(|sign_in| {
        let SignIn { issuer, audience, user_claim, .. } = sign_in.clone();
        [("ISSUER", issuer), ("AUDIENCE", audience), ("USER_CLAIM", Text::known(user_claim))]
    });
    let environment = environment.into_iter().flatten();
    let spec = Function {
        description: "Says who is signed in, and that they ask for their own URL".into(),
        // The provider's keys are asked for in two calls of at most three seconds.
        timeout_seconds: 10,
        memory_mb: 128,
        environment: environment.map(|(name, value)| (name.to_owned(), value)).collect(),
        ..function(blueprint, Program::Authorizer, role, log_group)
    };
    blueprint.add(&address(Program::Authorizer), &spec.name.clone(), spec)
}

/// What all functions have in common.
fn function(blueprint: &Blueprint, program: Program, role: Ref<Role>, log_group: Ref<LogGroup>) -> Function {
    Function {
        name: name(blueprint, program),
        description: String::new(),
        role: role.output("arn"),
        code_sha256: program.package().sha256,
        runtime: "python3.13".into(),
        handler: program.handler(),
        architecture: "x86_64".into(),
        timeout_seconds: 3,
        memory_mb: 128,
        ephemeral_storage_mb: 512,
        environment: BTreeMap::new(),
        layers: Vec::new(),
        subnets: Set::default(),
        security_groups: Set::default(),
        log_group,
        log_format: "Text".into(),
        tracing: "PassThrough".into(),
    }
}

/// One of the names by which the lab's functions are known.
fn name(blueprint: &Blueprint, program: Program) -> String {
    let ending = format!("-{}", program.name());
    let named = blueprint.lab.functions.iter().find(|name| name.ends_with(&ending));
    named.expect("a lab has a function for each program").clone()
}

fn log_group(blueprint: &mut Blueprint, plan: &Plan, program: Program) -> Ref<LogGroup> {
    let name = log_group::of_function(&name(blueprint, program));
    let spec = LogGroup {
        name: name.clone(),
        retention_days: i32::try_from(plan.portal.log_retention_days).unwrap_or(i32::MAX),
        class: "STANDARD".into(),
        kms_key: String::new(),
        deletion_protection: false,
    };
    blueprint.add(&format!("{}/log-group", address(program)), &name, spec)
}

/// A group that lets nobody in, and out what DynamoDB and the endpoints are reached by: the addresses of DynamoDB, behind
/// its gateway endpoint, are public ones.
fn egress_only(blueprint: &mut Blueprint, studio: &Network) -> Ref<SecurityGroup> {
    let https = Rule {
        direction: Direction::Egress,
        protocol: Protocol::Tcp,
        ports: Some(Ports { from: 443, to: 443 }),
        remote: Remote::Cidr(Ipv4Net::default()),
        description: Some("HTTPS to the endpoints of the VPC".into()),
    };
    let description = "The function that makes presigned URLs";
    security_group(blueprint, "studio", "portal", description, &studio.vpc, &[https])
}

fn writes_log(log_group: &Ref<LogGroup>) -> Value {
    let actions = ["logs:CreateLogStream", "logs:PutLogEvents"];
    json!({"Effect": "Allow", "Action": actions, "Resource": log_group.output("streams")})
}

fn policy(statements: &[Value]) -> Policy {
    Policy::new(json!({"Version": "2012-10-17", "Statement": statements}))
}
