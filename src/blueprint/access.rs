//! The role in which the portal acts.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::endpoints::Endpoints;
use super::{Blueprint, Facts, Network};
use crate::aws::partition::partition;
use crate::plan::{Access, AccessMode, Plan};
use crate::resource::Ref;
use crate::resource::domain::Domain;
use crate::resource::policy::Policy;
use crate::resource::role::Role;
use crate::resource::role_policy::RolePolicy;

/// IAM's limit: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const LONGEST_NAME: usize = 64;

/// Adds the role and its policies.
pub fn add(
    blueprint: &mut Blueprint,
    plan: &Plan,
    facts: &Facts,
    studio: &Network,
    endpoints: &Endpoints,
    domain: Option<&Ref<Domain>>,
) {
    let access = &plan.access;
    let name = iam_name(&plan.name, &facts.region, "portal");
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
    // The portal brings a policy with what its function needs, and no more.
    let default = Access::default();
    let only_logs = (&access.actions, &access.resources) == (&default.actions, &default.resources);
    if !(plan.portal.enabled && only_logs) {
        let document = Policy::new(json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": access.actions, "Resource": access.resources}],
        }));
        let policy = RolePolicy { role: role.clone(), name: "work".into(), document };
        blueprint.add("access/role/portal/policy/work", "", policy);
    }
    if let Some(mode) = access.mode {
        let document = presign(plan, facts, mode, studio, endpoints, domain);
        blueprint.add("access/role/portal/policy/presign", "", RolePolicy { role, name: "presign".into(), document });
    }
}

/// The statement that lets a URL be made, and later used, by one way only: for the profiles of the lab's domain, or where
/// it has none, for any. Its Deny also covers requests without the
/// key, as the IAM user guide says of negated operators: for the endpoint keys, those over the internet.
fn presign(
    plan: &Plan,
    facts: &Facts,
    mode: AccessMode,
    studio: &Network,
    endpoints: &Endpoints,
    domain: Option<&Ref<Domain>>,
) -> Policy {
    let (partition, region) = (partition(&facts.region), &facts.region);
    let actions = ["sagemaker:CreatePresignedDomainUrl", "sagemaker:DescribeUserProfile"];
    let anybody = json!(format!("arn:{partition}:sagemaker:{region}:*:user-profile/*"));
    let profiles = domain.map_or(anybody.clone(), |domain| json!(domain.output("profiles")));
    let (equal, other, key, values): (_, _, _, Vec<Value>) = match mode {
        AccessMode::SourceVpce => {
            // A URL is made through the one and used through the other.
            let doors = ["sagemaker.api", "studio"].iter().filter_map(|service| endpoints.get(*service));
            ("StringEquals", "StringNotEquals", "aws:SourceVpce", doors.map(|door| json!(door)).collect())
        }
        AccessMode::SourceVpc => ("StringEquals", "StringNotEquals", "aws:SourceVpc", vec![json!(studio.vpc)]),
        AccessMode::SourceIp => {
            let networks = plan.access.source_ip.iter().map(|network| json!(network.to_string()));
            ("IpAddress", "NotIpAddress", "aws:SourceIp", networks.collect())
        }
    };
    Policy::new(json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": profiles, "Condition": {equal: {key: values}}},
            {"Effect": "Deny", "Action": actions, "Resource": anybody, "Condition": {other: {key: values}}},
        ],
    }))
}

/// IAM's names are the account's while labs are the Region's: `breezeway-LAB-REGION-ROLE`, its middle replaced by a
/// digest where that is too long.
pub fn iam_name(lab: &str, region: &str, role: &str) -> String {
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
    use crate::blueprint::draw;
    use crate::engine::testing::{blueprint, facts, id};
    use crate::model::policy::{self, Kind::*, Policies, Principal, Request, evaluate};
    use crate::plan::{Source, parse};
    use crate::resource::reference::resolve;
    use crate::resource::{Kind, Pointer, Spec};

    /// The characters of the role's two policies, in the Region with the longest name.
    fn size(plan: &Plan) -> usize {
        let region = "ap-southeast-2";
        let facts = Facts {
            region: region.into(),
            account: "111122223333".into(),
            zones: ["a", "b"].map(|zone| format!("{region}{zone}")),
            linux_image: String::new(),
            windows_image: String::new(),
        };
        let drawn = draw(plan, &facts);
        let documents = drawn.iter().filter_map(|desired| match &desired.spec {
            Spec::RolePolicy(policy) => Some(serde_json::to_string(&policy.document).unwrap()),
            _ => None,
        });
        documents.map(|document| document.len()).sum()
    }

    #[test]
    fn the_policies_of_any_plan_are_short_enough_for_iam() {
        let doors = "[[studio.endpoints]]\nservice = \"studio\"\n[[studio.endpoints]]\nservice = \"sagemaker.api\"";
        let with = |count: usize| {
            let actions: Vec<_> = (0..count).map(|n| format!("\"s3:Action{n}\"")).collect();
            let access = format!("access = {{ mode = \"source-vpce\", actions = [{}] }}", actions.join(",\n"));
            parse(&Source { name: "x".into(), text: format!("name = \"lab\"\n{access}\n{doors}") })
        };
        let longest = (500..700).rev().find_map(|count| with(count).ok()).unwrap();
        let size = size(&longest);
        assert!((9_500..=10_240).contains(&size), "{size}");
    }

    /// What the portal's role may do in a lab with this access.
    fn portal(access: &str) -> Policies {
        let doors = ["studio", "sagemaker.api", "execute-api"]
            .map(|service| format!("[[studio.endpoints]]\nservice = \"{service}\"\n"));
        let blueprint = blueprint(&format!("name = \"demo\"\n{access}\n{}", doors.concat()));
        let lookup = |pointer: &Pointer| Some(id(&pointer.address));
        let policies = blueprint.iter().filter(|desired| desired.kind() == Kind::RolePolicy).map(|desired| {
            let document = resolve(&desired.spec.fields()["document"], &lookup).to_string();
            policy::Policy::of_identity(desired.address.as_str(), &document).unwrap()
        });
        Policies { identity: policies.collect(), ..Policies::default() }
    }

    /// Whether a URL may be made, or used, from the corporate network and from the Studio VPC, by each through an endpoint
    /// that the plan means; through another endpoint of the Studio VPC; through one of another VPC; over the internet
    /// from 203.0.113.7; and over the internet from elsewhere.
    fn from_everywhere(policies: &Policies) -> [policy::Kind; 6] {
        let profile = format!("arn:aws:sagemaker:{}:111122223333:user-profile/d-1/bob", facts().region);
        let role = Principal::Role { arn: "arn:aws:iam::111122223333:role/portal".into(), session: "url".into() };
        let url = || Request::new(role.clone(), "sagemaker:CreatePresignedDomainUrl", &profile);
        let through = |door: &str, vpc: &str, address: &str| {
            let request = url().with("aws:SourceVpce", &[door]).with("aws:SourceVpc", &[vpc]);
            request.with("aws:VpcSourceIp", &[address])
        };
        let from = |address: &str| url().with("aws:SourceIp", &[address]);
        let requests = [
            through("id:studio/endpoint/sagemaker.api", "id:studio/vpc", "192.168.10.148"),
            through("id:studio/endpoint/studio", "id:studio/vpc", "10.16.40.9"),
            through("id:studio/endpoint/execute-api", "id:studio/vpc", "192.168.10.148"),
            through("vpce-foreign", "vpc-foreign", "192.168.10.148"),
            from("203.0.113.7"),
            from("198.51.100.9"),
        ];
        requests.map(|request| evaluate(&request, policies).kind)
    }

    #[test]
    fn a_url_is_bound_to_its_two_endpoints() {
        let policies = portal("access.mode = \"source-vpce\"");
        let expected = [Allowed, Allowed, ExplicitDeny, ExplicitDeny, ExplicitDeny, ExplicitDeny];
        assert_eq!(from_everywhere(&policies), expected);
    }

    #[test]
    fn a_url_is_bound_to_the_studio_vpc() {
        let policies = portal("access.mode = \"source-vpc\"");
        assert_eq!(from_everywhere(&policies), [Allowed, Allowed, Allowed, ExplicitDeny, ExplicitDeny, ExplicitDeny]);
    }

    #[test]
    fn a_url_is_bound_to_public_addresses() {
        let policies = portal("access = { mode = \"source-ip\", source_ip = [\"203.0.113.0/24\"] }");
        let expected = [ExplicitDeny, ExplicitDeny, ExplicitDeny, ExplicitDeny, Allowed, ExplicitDeny];
        assert_eq!(from_everywhere(&policies), expected);
    }

    #[test]
    fn long_names_stay_distinct_and_within_iams_limit() {
        let one = iam_name(&"a".repeat(60), "ap-southeast-2", "portal");
        let two = iam_name(&format!("{}b", "a".repeat(59)), "ap-southeast-2", "portal");
        assert!(one.len() <= LONGEST_NAME && two.len() <= LONGEST_NAME);
        assert_ne!(one, two);
        assert_eq!(iam_name("demo", "eu-west-1", "portal"), "breezeway-demo-eu-west-1-portal");
    }
}
