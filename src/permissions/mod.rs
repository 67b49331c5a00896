//! The IAM policy that Breezeway itself needs for a plan: a pure function of the plan and of where its lab is to stand.
//!
//! - [`calls`]: what each API call is authorised as, one file per service. The one place to say so: a call without an
//!   entry fails a test.
//! - [`lab`]: what the names in those tables stand for, and what a plan asks for.
//! - [`statement`]: what is allowed alike, put together.
//! - [`document`]: statements as policy documents, within IAM's limits.
//!
//! Who may do what is a matter of the lab's tag: what is made must carry it, what is changed or removed must have it. Where
//! AWS knows no such condition the lab is in the resource's name, or else the statement says why it is as wide as it is.

pub mod calls;
pub mod document;
pub mod lab;
pub mod statement;

use std::collections::BTreeSet;

use crate::plan::Plan;
use crate::resource::Kind;
pub use document::{LONGEST, Named};
use lab::Lab;
use statement::Statement;

/// Where the lab is to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// `eu-west-1`.
    pub region: String,
}

/// Which verbs the permissions are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All that work on one lab.
    All,
    /// Those that only look: `plan`, `status`, `drift` and `verify`.
    ReadOnly,
}

/// What a plan needs, in documents that each are within IAM's limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Permissions {
    /// The documents.
    pub policies: Vec<Named>,
    /// Why some of what they allow isn't limited to the lab.
    pub reasons: Vec<Reason>,
}

/// Why a statement is as wide as it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reason {
    /// The statement.
    pub sid: String,
    /// What it allows.
    pub actions: BTreeSet<String>,
    /// Why.
    pub why: String,
}

/// What a plan needs at a place.
pub fn permissions(plan: &Plan, site: &Site, scope: Scope) -> Permissions {
    let lab = Lab::new(plan, site);
    let statements = statements(&lab, scope);
    let reason = |statement: &Statement| {
        let why = statement.why?.to_owned();
        Some(Reason { sid: statement.sid.clone(), actions: statement.actions.clone(), why })
    };
    let mut reasons: Vec<Reason> = statements.iter().filter_map(reason).collect();
    if scope == Scope::All && lab.wants(&[Kind::Role]) && plan.permissions_boundary.is_none() {
        reasons.push(unbounded(&statements));
    }
    let name = format!("breezeway-{}-{}", plan.name, site.region);
    let name = if scope == Scope::ReadOnly { format!("{name}-read-only") } else { name };
    Permissions { policies: document::policies(&name, &statements), reasons }
}

/// What its calls need, what is allowed alike together.
fn statements(lab: &Lab<'_>, scope: Scope) -> Vec<Statement> {
    let calls = calls::ALL.iter().flat_map(|service| service.calls.iter().map(move |call| (service, call)));
    let wanted =
        calls.filter(|(_, call)| scope == Scope::All || call.looks).filter(|(_, call)| lab.asks_for(call.when));
    let mut statements = Vec::new();
    for (service, call) in wanted {
        for need in call.needs {
            statement::allow(&mut statements, lab, service, call, need);
        }
    }
    statements.sort_by(|one: &Statement, other| one.sid.cmp(&other.sid));
    statements
}

fn unbounded(statements: &[Statement]) -> Reason {
    let grants = ["iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"];
    let allowed = |action: &&&str| statements.iter().any(|statement| statement.actions.contains(**action));
    Reason {
        sid: "IamCreateRole".into(),
        actions: grants.iter().filter(allowed).map(ToString::to_string).collect(),
        why: "Whoever may write the lab's roles may give them any permission. With permissions_boundary in the plan, no role \
              can have more than that policy allows."
            .into(),
    }
}

/// The actions that a call may be authorised as; none where it needs no permission, or isn't known here.
pub fn actions(operation: &str) -> Vec<&'static str> {
    let calls = calls::ALL.iter().flat_map(|service| service.calls).filter(|call| call.operation == operation);
    let mut actions: Vec<&str> = calls.flat_map(|call| call.needs).map(|need| need.action).collect();
    actions.sort_unstable();
    actions.dedup();
    actions
}

#[cfg(test)]
mod tests;
