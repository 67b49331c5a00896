//! The Studio domain, the role that its users work in, and their profiles.

use serde_json::json;

use super::access::iam_name;
use super::{Blueprint, Facts, Network};
use crate::plan::Plan;
use crate::resource::domain::Domain as SageMakerDomain;
use crate::resource::policy::Policy;
use crate::resource::role::Role;
use crate::resource::role_policy::RolePolicy;
use crate::resource::security_group::SecurityGroup;
use crate::resource::user_profile::UserProfile;
use crate::resource::{Address, Ref, Set};

/// Adds them, in the Studio VPC.
pub fn add(blueprint: &mut Blueprint, plan: &Plan, facts: &Facts, studio: &Network) -> Ref<SageMakerDomain> {
    let name = iam_name(&plan.name, &facts.region, "studio");
    let trust = Policy::new(json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ],
    }));
    let role = Role {
        name: name.clone(),
        path: blueprint.lab.path.clone(),
        description: "The users of a Breezeway lab's Studio".into(),
        trust,
        max_session_seconds: 3600,
        permissions_boundary: plan.permissions_boundary.clone(),
    };
    let role = blueprint.add("domain/role/execution", &name, role);
    let private = studio.tier("private");
    let domain = SageMakerDomain {
        vpc: studio.vpc.clone(),
        name: blueprint.lab.domain.clone(),
        auth_mode: "IAM".into(),
        subnets: private.subnets.iter().cloned().collect(),
        network_access: "VpcOnly".into(),
        execution_role: role.output("arn"),
        security_groups: Set::from(vec![Ref::<SecurityGroup>::to(&Address::from("studio/security-group/studio"))]),
        landing_uri: "studio::".into(),
        web_portal: "ENABLED".into(),
        tag_propagation: "DISABLED".into(),
        home_file_system: plan.domain.home_file_system,
        home: None,
    };
    let domain = blueprint.add("domain", &blueprint.lab.domain.clone(), domain);
    // Both name the domain, so they come after it: the role is assumed before, but nobody works in it before there is
    // a profile.
    let document = may(&plan.domain.actions, &domain);
    blueprint.add("domain/role/execution/policy/work", "", RolePolicy { role, name: "work".into(), document });
    for user in &plan.domain.users {
        let profile = UserProfile {
            domain: domain.clone(),
            name: user.clone(),
            execution_role: String::new(),
            security_groups: Set::default(),
            landing_uri: String::new(),
            web_portal: String::new(),
        };
        blueprint.add(&format!("domain/user-profile/{}", user.to_lowercase()), user, profile);
    }
    domain
}

/// What users may do in the domain. Lists are of everything or nothing: IAM knows no resource that they are about, but
/// for a resource's tags.
fn may(actions: &[String], domain: &Ref<SageMakerDomain>) -> Policy {
    let is_list = |action: &&String| {
        let action = action.to_lowercase();
        action.starts_with("sagemaker:list") && action != "sagemaker:listtags"
    };
    let (lists, others): (Vec<_>, Vec<_>) = actions.iter().partition(is_list);
    let own = json!(["arn", "apps", "spaces", "profiles"].map(|output| domain.output(output)));
    let statements = [(others, own), (lists, json!("*"))].into_iter().filter(|(actions, _)| !actions.is_empty());
    let statements = statements.map(|(actions, on)| json!({"Effect": "Allow", "Action": actions, "Resource": on}));
    Policy::new(json!({"Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>()}))
}
