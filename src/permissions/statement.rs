//! What is allowed alike, put together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::calls::{Call, If, Need, Service};
use super::lab::Lab;
use crate::aws::partition::dns_suffix;
use crate::aws::tags;
use crate::resource::file_system;

/// Actions on resources under one condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its name in a document.
    pub sid: String,
    /// What it allows: `ec2:CreateVpc`.
    pub actions: BTreeSet<String>,
    /// ARNs, or `*`.
    pub resources: BTreeSet<String>,
    /// Under which conditions.
    pub conditions: Conditions,
    /// Why it is as wide as it is, where it isn't limited to the lab.
    pub why: Option<&'static str>,
}

/// Operator → key → values.
pub type Conditions = BTreeMap<&'static str, BTreeMap<String, BTreeSet<String>>>;

impl Statement {
    /// The statement as IAM reads it.
    pub fn json(&self) -> Value {
        let mut statement = Map::new();
        statement.insert("Sid".into(), self.sid.clone().into());
        statement.insert("Effect".into(), "Allow".into());
        statement.insert("Action".into(), one_or_all(&self.actions));
        statement.insert("Resource".into(), one_or_all(&self.resources));
        if !self.conditions.is_empty() {
            let keys = |keys: &BTreeMap<String, BTreeSet<String>>| {
                keys.iter().map(|(key, values)| (key.clone(), one_or_all(values))).collect::<Map<_, _>>()
            };
            let operators = self.conditions.iter().map(|(operator, all)| ((*operator).to_owned(), keys(all).into()));
            statement.insert("Condition".into(), operators.collect::<Map<_, _>>().into());
        }
        statement.into()
    }
}

/// A lone value without a list.
fn one_or_all(values: &BTreeSet<String>) -> Value {
    let mut all = values.iter();
    match (all.next(), all.next()) {
        (Some(one), None) => one.as_str().into(),
        _ => json!(values),
    }
}

/// Allows what a call needs, with what is allowed alike.
pub fn allow(statements: &mut Vec<Statement>, lab: &Lab<'_>, service: &Service, call: &Call, need: &Need) {
    let resources: BTreeSet<String> = need.on.iter().flat_map(|on| resources(lab, service, on)).collect();
    if resources.is_empty() {
        return;
    }
    let sid = sid(call, need, &resources);
    let conditions = conditions(lab, call, need);
    match statements.iter_mut().find(|statement| statement.sid == sid) {
        Some(statement) => {
            statement.actions.insert(need.action.into());
            statement.resources.extend(resources);
            for (operator, keys) in conditions {
                for (key, values) in keys {
                    statement.conditions.entry(operator).or_default().entry(key).or_default().extend(values);
                }
            }
        }
        None => {
            let actions = BTreeSet::from([need.action.to_owned()]);
            statements.push(Statement { sid, actions, resources, conditions, why: need.why });
        }
    }
}

fn resources(lab: &Lab<'_>, service: &Service, on: &str) -> Vec<String> {
    let arn = |rest: &str| format!("arn:{}:{rest}", lab.site.partition);
    match on.strip_prefix('=') {
        None if on == "*" => vec!["*".into()],
        // A whole ARN is in the plan itself.
        Some("{kms_key}") => lab.fill("{kms_key}"),
        Some(whole) => lab.fill(&arn(whole)),
        None => lab.fill(&arn(&format!("{}{on}", service.arn))),
    }
}

/// The name of the statement that a need belongs to: what has the same is allowed alike.
fn sid(call: &Call, need: &Need, resources: &BTreeSet<String>) -> String {
    let (service, action) = need.action.split_once(':').unwrap_or_default();
    let service: String = service.split('-').map(capitalised).collect();
    let on_all = resources.contains("*");
    let group = match need.only {
        // One with a reason stands alone.
        _ if need.why.is_some() => capitalised(action),
        If::Here => "List".into(),
        If::Named if on_all => "OnAll".into(),
        If::Named if call.looks => "Read".into(),
        If::Named => "Named".into(),
        If::New => "New".into(),
        If::Tagging => "TagNew".into(),
        If::Ours => "Ours".into(),
        If::Retagging => "TagOurs".into(),
        If::PassedTo(service) => format!("PassRoleTo{}", capitalised(service)),
        If::LinkedTo(service) => format!("LinkedRoleOf{}", service.split('.').map(capitalised).collect::<String>()),
        If::Bounded => "Permit".into(),
        If::VpcsHere => "OfVpcs".into(),
        If::ForVolumes => "ForVolumes".into(),
        If::Pinned => format!("{}Pinned", capitalised(action)),
        _ => capitalised(action),
    };
    format!("{service}{group}")
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

fn conditions(lab: &Lab<'_>, call: &Call, need: &Need) -> Conditions {
    let name = lab.name.name.as_str();
    let (request, resource) = (format!("aws:RequestTag/{}", tags::LAB), format!("aws:ResourceTag/{}", tags::LAB));
    let equals = |key: &str, value: &str| vec![("StringEquals", key.to_owned(), vec![value.to_owned()])];
    let made_by_sagemaker = format!("aws:ResourceTag/{}", file_system::MANAGED_BY);
    let all: Vec<(&'static str, String, Vec<String>)> = match need.only {
        If::Named | If::Pinned => Vec::new(),
        If::Here => equals("aws:RequestedRegion", &lab.site.region),
        If::New if need.on == ["*"] => {
            [equals(&request, name), equals("aws:RequestedRegion", &lab.site.region)].concat()
        }
        If::New => equals(&request, name),
        If::NewRole => [equals(&request, name), boundary(lab)].concat(),
        If::Tagging => {
            let by = if need.action == "ec2:CreateTags" { "ec2:CreateAction" } else { "sagemaker:TaggingAction" };
            [equals(&request, name), equals(by, call.operation)].concat()
        }
        If::Ours => equals(&resource, name),
        If::Retagging => [equals(&request, name), equals(&resource, name)].concat(),
        If::Claiming => {
            let unless_anothers = vec![("StringEqualsIfExists", resource, vec![name.to_owned()])];
            [equals(&request, name), equals("aws:RequestedRegion", &lab.site.region), unless_anothers].concat()
        }
        If::OfDomain => {
            let domains = lab.fill(&format!("arn:{}:sagemaker:{{region}}:{{account}}:domain/*", lab.site.partition));
            [equals(&request, name), vec![("StringLike", made_by_sagemaker, domains)]].concat()
        }
        If::PassedTo(service) => equals("iam:PassedToService", &service_name(lab, service)),
        If::LinkedTo(service) => equals("iam:AWSServiceName", &format!("{service}.amazonaws.com")),
        If::Bounded => boundary(lab),
        If::Attaching => {
            let policies = vec![("ArnEquals", "iam:PolicyARN".to_owned(), lab.fill("{attached_policy}"))];
            [policies, boundary(lab)].concat()
        }
        If::CalledBy(service) => equals("lambda:Principal", &format!("{service}.amazonaws.com")),
        If::Amazons => equals("ec2:Owner", "amazon"),
        If::InZones => {
            let names = lab.fill("{zone}").into_iter().flat_map(|zone| [format!("*.{zone}"), zone]).collect();
            let key = "route53:ChangeResourceRecordSetsNormalizedRecordNames".to_owned();
            vec![("ForAllValues:StringLike", key, names)]
        }
        If::VpcsHere => {
            let vpcs = vec![format!("VPCId=*,VPCRegion={}", lab.site.region)];
            vec![("ForAllValues:StringLike", "route53:VPCs".to_owned(), vpcs)]
        }
        If::ForVolumes => {
            let by_ec2 = format!("ec2.{}.{}", lab.site.region, dns_suffix(&lab.site.region));
            let granting = ("BoolIfExists", "kms:GrantIsForAWSResource".to_owned(), vec!["true".to_owned()]);
            [equals("kms:ViaService", &by_ec2), vec![granting]].concat()
        }
    };
    let mut conditions = Conditions::new();
    for (operator, key, values) in all {
        conditions.entry(operator).or_default().entry(key).or_default().extend(values);
    }
    conditions
}

fn boundary(lab: &Lab<'_>) -> Vec<(&'static str, String, Vec<String>)> {
    let boundary = lab.plan.permissions_boundary.iter().cloned();
    boundary.map(|boundary| ("StringEquals", "iam:PermissionsBoundary".to_owned(), vec![boundary])).collect()
}

/// EC2 alone has its partition's name.
fn service_name(lab: &Lab<'_>, service: &str) -> String {
    let suffix = if service == "ec2" { dns_suffix(&lab.site.region) } else { "amazonaws.com" };
    format!("{service}.{suffix}")
}
