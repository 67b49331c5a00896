//! What each API call is authorised as, by AWS's Service Authorization Reference:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.
//!
//! Where AWS doesn't say whether tags in a create call need the permission to tag as well, they do here.

mod apigateway;
mod cognito_idp;
mod dynamodb;
mod ec2;
mod elasticfilesystem;
mod iam;
mod lambda;
mod logs;
mod route53;
mod route53resolver;
mod sagemaker;
mod ssm;

use super::lab::Lab;
use crate::resource::Kind;

/// The calls of a service.
#[derive(Debug)]
pub struct Service {
    /// What the calls name it.
    pub name: &'static str,
    /// What stands in ARNs between the partition and the resource.
    pub arn: &'static str,
    /// Its calls.
    pub calls: &'static [Call],
}

/// A call that the tool makes.
#[derive(Debug)]
pub struct Call {
    /// `CreateVpc`.
    pub operation: &'static str,
    /// For which labs.
    pub when: When,
    /// Whether `plan`, `status`, `drift` or `verify` make it.
    pub looks: bool,
    /// What it needs.
    pub needs: &'static [Need],
}

/// For which labs a call is made.
#[derive(Debug, Clone, Copy)]
pub enum When {
    /// For all.
    Always,
    /// For those that have something of one of these kinds.
    Has(&'static [Kind]),
    /// For those of which this is true.
    If(fn(&Lab<'_>) -> bool),
}

/// One thing that a call needs the permission for.
#[derive(Debug)]
pub struct Need {
    /// `ec2:CreateVpc`.
    pub action: &'static str,
    /// On what: `vpc/*`; after `=`, all of an ARN but its partition; `*` where the action is on nothing in particular.
    pub on: &'static [&'static str],
    /// What limits it.
    pub only: If,
    /// Why that isn't to the lab, where it isn't.
    pub why: Option<&'static str>,
}

/// What limits a permission besides the resources that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum If {
    /// Nothing: the name says whose it is, or it only reads.
    Named,
    /// Nothing: the plan names it.
    Pinned,
    /// The Region that is asked.
    Here,
    /// The call gives the lab's tag.
    New,
    /// The same for a role, with the plan's boundary.
    NewRole,
    /// Tags of a create call, the lab's among them.
    Tagging,
    /// It has the lab's tag.
    Ours,
    /// It has the lab's tag, and is given it.
    Retagging,
    /// It is given the lab's tag and doesn't have another lab's.
    Claiming,
    /// It is given the lab's tag, and SageMaker made it for a domain.
    OfDomain,
    /// The role is passed to this service.
    PassedTo(&'static str),
    /// The role is this service's own.
    LinkedTo(&'static str),
    /// The role has the plan's boundary, if there is one.
    Bounded,
    /// What is attached is a policy that the plan attaches.
    Attaching,
    /// Who may call is this service.
    CalledBy(&'static str),
    /// The image is one of Amazon's.
    Amazons,
    /// The records' names are in the lab's zones.
    InZones,
    /// The VPCs are in the lab's Region.
    VpcsHere,
    /// EC2 uses the key.
    ForVolumes,
}

/// All calls.
pub const ALL: &[Service] = &[
    apigateway::CALLS,
    cognito_idp::CALLS,
    dynamodb::CALLS,
    ec2::CALLS,
    elasticfilesystem::CALLS,
    iam::CALLS,
    lambda::CALLS,
    logs::CALLS,
    route53::CALLS,
    route53resolver::CALLS,
    sagemaker::CALLS,
    ssm::CALLS,
    // Everybody may make its calls: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>.
    Service { name: "sts", arn: "", calls: &[look("GetCallerIdentity", When::Always, &[])] },
];

/// For none: the code makes the call, and no plan leads to it.
const NEVER: When = When::If(|_| false);

/// A call that `plan`, `status`, `drift` or `verify` make.
const fn look(operation: &'static str, when: When, needs: &'static [Need]) -> Call {
    Call { operation, when, looks: true, needs }
}

/// A call that only other verbs make.
const fn work(operation: &'static str, when: When, needs: &'static [Need]) -> Call {
    Call { operation, when, looks: false, needs }
}

const fn need(action: &'static str, on: &'static [&'static str], only: If) -> Need {
    Need { action, on, only, why: None }
}

const fn wide(action: &'static str, on: &'static [&'static str], only: If, why: &'static str) -> Need {
    Need { action, on, only, why: Some(why) }
}

/// An action on nothing in particular.
const fn here(action: &'static str) -> Need {
    need(action, &["*"], If::Here)
}

/// An action on what has the lab's tag.
const fn ours(action: &'static str, on: &'static [&'static str]) -> Need {
    need(action, on, If::Ours)
}

/// An action on what is made, and given the lab's tag.
const fn new(action: &'static str, on: &'static [&'static str]) -> Need {
    need(action, on, If::New)
}

/// An action on what its ARN names.
const fn named(action: &'static str, on: &'static [&'static str]) -> Need {
    need(action, on, If::Named)
}
