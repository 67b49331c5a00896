//! Roles as the services see them that are to assume them.

use std::slice;

use jiff::Timestamp;
use serde_json::Value;

use super::{Iam, Owner, Role};
use crate::sandbox::world::Context;
use crate::sandbox::world::ec2::like;

/// A role that a service may assume.
pub struct ServiceRole<'a> {
    iam: &'a Iam,
    owner: Owner<'a>,
    role: &'a Role,
    now: Timestamp,
}

impl Iam {
    /// Whether there is a role with this ARN.
    pub fn has_role(&self, arn: &str) -> bool {
        self.role_of(arn).is_some()
    }

    /// The role with this ARN, if it trusts the service (`lambda.amazonaws.com`) and the service has heard of it.
    pub fn service_role<'a>(&'a self, context: &Context<'a>, arn: &str, service: &str) -> Option<ServiceRole<'a>> {
        let ours = arn.starts_with(&context.global_arn("iam", "role/"));
        let role = self.role_of(arn).filter(|role| ours && role.known_at <= context.now)?;
        let owner = Owner { partition: context.partition(), account: context.account };
        trusts(&role.trust, service).then_some(ServiceRole { iam: self, owner, role, now: context.now })
    }

    fn role_of(&self, arn: &str) -> Option<&Role> {
        let (_, path_and_name) = arn.split_once(":role")?;
        let (_, name) = path_and_name.rsplit_once('/')?;
        let role = self.roles.get(&name.to_lowercase())?;
        (format!("{}{}", role.path, role.name) == path_and_name).then_some(role)
    }
}

impl ServiceRole<'_> {
    /// Its unique id: `AROA…`.
    pub fn id(&self) -> &str {
        &self.role.id
    }

    /// Whether one of its policies allows the action (`ec2:CreateNetworkInterface`), on whatever resource.
    pub fn may(&self, action: &str) -> bool {
        let is_known = |key: &str| self.role.policies_known_at.get(key).is_none_or(|at| *at <= self.now);
        let inline = self.role.inline.iter().filter(|(key, _)| is_known(key));
        let attached = self.role.attached.iter().filter(|arn| is_known(arn));
        inline.into_iter().any(|(_, policy)| allows(&policy.document, action))
            || attached.into_iter().any(|arn| {
                let policy = self.iam.find_policy(&self.owner, arn, super::no_policy);
                policy.is_ok_and(|policy| allows(&policy.document, action))
            })
    }
}

/// Its conditions are taken to hold: they say for which account or thing the service may.
fn trusts(document: &str, service: &str) -> bool {
    let says = |effect: &str| {
        statements(document).iter().any(|statement| {
            let principals = &statement["Principal"];
            let named = one_or_many(&principals["Service"]).iter().any(|name| name == service);
            says_of(statement, effect, "sts:AssumeRole") && (named || principals == "*")
        })
    };
    says("Allow") && !says("Deny")
}

fn allows(document: &str, action: &str) -> bool {
    statements(document).iter().any(|statement| says_of(statement, "Allow", action))
}

fn says_of(statement: &Value, effect: &str, action: &str) -> bool {
    let action = action.to_lowercase();
    let patterns = one_or_many(&statement["Action"]).iter().filter_map(Value::as_str);
    statement["Effect"] == effect && patterns.into_iter().any(|pattern| like(&pattern.to_lowercase(), &action))
}

fn statements(document: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    one_or_many(&document["Statement"]).to_vec()
}

/// Policies write a list of one without brackets.
fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(values) => values,
        one => slice::from_ref(one),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_is_trusted_by_name_alone_or_among_others() {
        let trust = |principal: Value, action: &str, effect: &str| {
            json!({"Statement": {"Effect": effect, "Principal": principal, "Action": action}}).to_string()
        };
        let lambda = json!({"Service": "lambda.amazonaws.com"});
        let several = json!({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]});
        for (document, trusted) in [
            (trust(lambda.clone(), "sts:AssumeRole", "Allow"), true),
            (trust(several, "sts:*", "Allow"), true),
            (trust(lambda.clone(), "sts:AssumeRole", "Deny"), false),
            (trust(lambda, "sts:TagSession", "Allow"), false),
            (trust(json!({"Service": "ec2.amazonaws.com"}), "sts:AssumeRole", "Allow"), false),
            ("{".to_owned(), false),
        ] {
            assert_eq!(trusts(&document, "lambda.amazonaws.com"), trusted, "{document}");
        }
    }

    #[test]
    fn a_service_that_is_denied_is_not_trusted() {
        let statement = |effect: &str| json!({"Effect": effect, "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"});
        let document = json!({"Statement": [statement("Allow"), statement("Deny")]}).to_string();
        assert!(!trusts(&document, "sagemaker.amazonaws.com"));
    }

    #[test]
    fn an_action_is_allowed_by_name_or_pattern_whatever_its_case() {
        let policy = |actions: Value| json!({"Statement": [{"Effect": "Allow", "Action": actions}]}).to_string();
        for (actions, allowed) in [
            (json!("*"), true),
            (json!("ec2:*NetworkInterface"), true),
            (json!(["logs:*", "EC2:createNetworkInterface"]), true),
            (json!(["ec2:DescribeNetworkInterfaces"]), false),
            (json!([]), false),
        ] {
            assert_eq!(allows(&policy(actions.clone()), "ec2:CreateNetworkInterface"), allowed, "{actions}");
        }
    }
}
