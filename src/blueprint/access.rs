//! The role in which the portal acts.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::Blueprint;
use crate::plan::Plan;
use crate::resource::policy::Policy;
use crate::resource::role::Role;
use crate::resource::role_policy::RolePolicy;

/// IAM's limit: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const LONGEST_NAME: usize = 64;

/// Adds the role and its policy.
pub fn add(blueprint: &mut Blueprint, plan: &Plan, region: &str) {
    let access = &plan.access;
    let name = role_name(&plan.name, region, "portal");
    let trust = Policy::new(json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": access.service}, "Action": "sts:AssumeRole"}],
    }));
    let role = Role {
        name: name.clone(),
        path: blueprint.lab.path.clone(),
        description: access.description.clone(),
        trust,
        max_session_seconds: i32::try_from(access.max_session_seconds).unwrap_or(i32::MAX),
        permissions_boundary: plan.permissions_boundary.clone(),
    };
    let role = blueprint.add("access/role/portal", &name, role);
    let document = Policy::new(json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": access.actions, "Resource": access.resources}],
    }));
    blueprint.add("access/role/portal/policy/work", "", RolePolicy { role, name: "work".into(), document });
}

/// IAM's names are the account's while labs are the Region's: `breezeway-LAB-REGION-ROLE`, its middle replaced by a
/// digest where that is too long.
fn role_name(lab: &str, region: &str, role: &str) -> String {
    let name = format!("breezeway-{lab}-{region}-{role}");
    if name.len() <= LONGEST_NAME {
        return name;
    }
    let digest: String = Sha256::digest(name.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let kept = LONGEST_NAME - digest.len() - role.len() - 2;
    format!("{}-{digest}-{role}", &name[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_stay_distinct_and_within_iams_limit() {
        let one = role_name(&"a".repeat(60), "ap-southeast-2", "portal");
        let two = role_name(&format!("{}b", "a".repeat(59)), "ap-southeast-2", "portal");
        assert!(one.len() <= LONGEST_NAME && two.len() <= LONGEST_NAME);
        assert_ne!(one, two);
        assert_eq!(role_name("demo", "eu-west-1", "portal"), "breezeway-demo-eu-west-1-portal");
    }
}
