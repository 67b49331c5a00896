use std::collections::BTreeMap;

use serde_json::json;

use super::super::{Class, Difference, drift};
use super::*;
use crate::engine::testing::{blueprint, built};
use crate::resource::Ref;
use crate::resource::internet_gateway::InternetGateway;
use crate::resource::policy::Policy;
use crate::resource::role_policy::RolePolicy;
use crate::resource::route::Target;

const PLAN: &str = "name = \"demo\"\n[onprem]\ninternet_gateway = true\ngateway_endpoints = [{ service = \"s3\" }]\n[studio]\nendpoints = [{ service = \"studio\" }, \
                    { service = \"sagemaker.api\" }]\n[dns]\nmode = \"server\"\n[access]\nmode = \"source-vpce\"\n";

/// What drift says after something was changed by hand, with the addresses of the lab for ids.
fn after(change: impl FnOnce(&mut Survey)) -> Vec<String> {
    let drawn = blueprint(PLAN);
    let mut survey = built(&drawn);
    change(&mut survey);
    let told = |one: &Difference| {
        let field = one.field.as_deref().map_or(String::new(), |field| format!(" {field}"));
        format!("{:?} {}{field}: {}", one.class, one.address, one.effect).replace("id:", "")
    };
    drift(&drawn, &survey).iter().map(told).collect()
}

fn spec<'a, T>(
    survey: &'a mut Survey,
    address: &str,
    part: impl FnOnce(&'a mut Spec) -> Option<&'a mut T>,
) -> &'a mut T {
    part(&mut survey.at(address).spec).unwrap()
}

fn route(spec: &mut Spec) -> Option<&mut Route> {
    if let Spec::Route(route) = spec { Some(route) } else { None }
}

fn policy(spec: &mut Spec) -> Option<&mut RolePolicy> {
    if let Spec::RolePolicy(policy) = spec { Some(policy) } else { None }
}

#[test]
fn a_way_to_the_internet_is_called_one() {
    let added = after(|survey| {
        let gateway = InternetGateway { vpc: Some(Ref::known("id:studio/vpc")) };
        survey.found.push(Observed::standing("igw-1", BTreeMap::new(), gateway));
        let target = Target::InternetGateway(Ref::known("igw-1"));
        let table = Ref::known("id:studio/route-table/private");
        let route = Route { route_table: table, destination: "0.0.0.0/0".into(), target };
        survey.found.push(Observed::standing("rtb 0.0.0.0/0", BTreeMap::new(), route));
    });
    insta::assert_snapshot!(added.join("\n"), @"
    Unmanaged studio/route-table/private/0.0.0.0/0: sends packets for 0.0.0.0/0 to igw-1: opens the Studio VPC to the internet
    Unmanaged studio/vpc/igw-1: opens the Studio VPC to the internet where a route leads to it; it is not the lab's: `up` leaves it alone, and `down` can't remove what holds it
    ");
}

#[test]
fn a_route_that_leads_elsewhere_says_where() {
    let moved = after(|survey| {
        let route = spec(survey, "studio/route-table/private/route/peering", route);
        route.target = Target::VpcPeeringConnection(Ref::known("pcx-9"));
        survey.copy("peering", "pcx-9", |copy| {
            copy.tags.clear();
            if let Spec::VpcPeeringConnection(peering) = &mut copy.spec {
                peering.accepter = Ref::known("vpc-third");
            }
        });
    });
    insta::assert_snapshot!(moved.join("\n"), @"
    Changed studio/route-table/private/route/peering target: packets for 192.168.10.0/24 go to pcx-9 instead of peering
    Unmanaged studio/vpc/pcx-9: joins studio/vpc and vpc-third where routes lead from one to the other; it is not the lab's: `up` leaves it alone, and `down` can't remove what holds it
    ");
}

#[test]
fn other_groups_say_what_they_let_in() {
    let changed = after(|survey| {
        if let Spec::InterfaceEndpoint(endpoint) = &mut survey.at("studio/endpoint/studio").spec {
            endpoint.security_groups = [Ref::known("id:studio/security-group/resolver")].into_iter().collect();
        }
    });
    insta::assert_snapshot!(changed.join("\n"), @"Changed studio/endpoint/studio security_groups: studio/security-group/resolver lets in tcp 53 from 192.168.10.0/24 and udp 53 from 192.168.10.0/24; studio/security-group/endpoints no longer lets in tcp 443 from 192.168.10.0/24 and tcp 443 from 10.16.0.0/16");
}

#[test]
fn halves_of_the_internet_are_the_whole() {
    let halves = after(|survey| {
        for half in ["0.0.0.0/1", "128.0.0.0/1"] {
            survey.copy("studio/security-group/resolver/rule/udp-53-from-192.168.10.0/24", half, |copy| {
                copy.tags.clear();
                if let Spec::SecurityGroupRule(rule) = &mut copy.spec {
                    rule.peer = Peer::Cidr(half.parse().unwrap());
                }
            });
        }
    });
    assert!(halves.iter().all(|one| one.ends_with(", to the whole internet")) && halves.len() == 2, "{halves:#?}");
}

#[test]
fn policies_say_what_they_open_and_break() {
    let without_deny = after(|survey| {
        let policy = spec(survey, "access/role/portal/policy/presign", policy);
        let document = serde_json::to_value(&policy.document).unwrap();
        let allow = policy::statements(&document).find(|statement| policy::is(statement, "Allow")).unwrap();
        policy.document = Policy::new(json!({"Version": "2012-10-17", "Statement": [allow]}));
    });
    insta::assert_snapshot!(without_deny.join("\n"), @"Changed access/role/portal/policy/presign document: the policy no longer denies sagemaker:CreatePresignedDomainUrl and sagemaker:DescribeUserProfile");
    let open = after(|survey| {
        let document = json!({"Statement": [{"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}]});
        spec(survey, "access/role/portal/policy/presign", policy).document = Policy::new(document);
    });
    assert!(open.len() == 1 && open[0].ends_with(ANYWHERE), "{open:#?}");
    let missing = after(|survey| *survey = survey.clone().without("access/role/portal/policy/presign"));
    insta::assert_snapshot!(missing.join("\n"), @"Missing access/role/portal/policy/presign: the role lacks these permissions, and nothing denies sagemaker:CreatePresignedDomainUrl and sagemaker:DescribeUserProfile any more: a presigned URL may work from anywhere, if another policy allows it");
    let trust = after(|survey| {
        if let Spec::Role(role) = &mut survey.at("access/role/portal").spec {
            let anybody = json!([{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]);
            role.trust = Policy::new(json!({"Version": "2012-10-17", "Statement": anybody}));
        }
        if let Spec::InterfaceEndpoint(endpoint) = &mut survey.at("studio/endpoint/studio").spec {
            let nobody = json!([{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]);
            endpoint.policy = Policy::new(json!({"Statement": nobody}));
        }
    });
    insta::assert_snapshot!(trust.join("\n"), @"
    Changed studio/endpoint/studio policy: the endpoint's policy denies everything; no longer allows everything; no longer denies sagemaker:CreatePresignedDomainUrl
    Changed access/role/portal trust: the role's trust allows sts:AssumeRole to *; no longer allows sts:AssumeRole to lambda.amazonaws.com
    ");
}

#[test]
fn other_user_data_says_what_would_be_forwarded_no_longer() {
    let changed = after(|survey| {
        if let Spec::Instance(instance) = &mut survey.at("onprem/dns/a").spec {
            let text = instance.user_data.take().unwrap();
            instance.user_data = Some(text.replace("studio.eu-west-1.sagemaker.aws", "example"));
        }
    });
    insta::assert_snapshot!(changed.join("\n"), @"Changed onprem/dns/a user_data: what the host runs is what it was first started with, and isn't known; started anew, it would answer studio.eu-west-1.sagemaker.aws as on the internet");
}

#[test]
fn sign_in_says_who_gets_in() {
    let drawn = blueprint(
        "name = \"demo\"\n[sign_in]\nenabled = true\n[domain]\nenabled = true\nusers = [\"alice\"]\n\
         [[studio.endpoints]]\nservice = \"studio\"",
    );
    let mut survey = built(&drawn);
    if let Spec::UserPool(pool) = &mut survey.at("sign-in/pool").spec {
        pool.triggers = vec!["arn:f".to_owned()].into();
        pool.case_sensitive = true;
    }
    if let Spec::UserPoolClient(client) = &mut survey.at("sign-in/client").spec {
        client.auth_flows = vec!["ALLOW_REFRESH_TOKEN_AUTH".to_owned()].into();
        client.secret = true;
    }
    for (name, enabled) in [("eve", true), ("mallory", true), ("trent", false)] {
        survey.copy("sign-in/user/alice", &format!("pool {name}"), |copy| {
            if let Spec::UserPoolUser(user) = &mut copy.spec {
                (user.name, user.enabled) = (name.into(), enabled);
            }
        });
    }
    survey.copy("domain/user-profile/alice", "d/Eve", |copy| {
        copy.tags.clear();
        if let Spec::UserProfile(profile) = &mut copy.spec {
            profile.name = "Eve".into();
        }
    });
    let told = |one: &Difference| {
        let field = one.field.as_deref().map_or(String::new(), |field| format!(" {field}"));
        format!("{:?} {}{field}: {}", one.class, one.address, one.effect)
    };
    let drift = drift(&drawn, &survey);
    let of_sign_in = drift.iter().filter(|one| one.address.as_str().starts_with("sign-in/"));
    let told: Vec<_> = of_sign_in.map(told).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    Changed sign-in/pool case_sensitive: names that differ in case only are two users'
    Changed sign-in/pool triggers: arn:f decides who signs in, and what tokens say
    Changed sign-in/client auth_flows: users can't sign in as the portal does it
    Changed sign-in/client secret: a page in a browser can't sign users in by it
    Unmanaged sign-in/pool/eve: eve can sign in, whom the plan doesn't name, and there is a profile for eve; it is not the lab's: `up` leaves it alone
    Unmanaged sign-in/pool/mallory: mallory can sign in; there is no profile for mallory; it is not the lab's: `up` leaves it alone
    Unmanaged sign-in/pool/trent: trent is a user whom the plan doesn't name, and is disabled; it is not the lab's: `up` leaves it alone
    ");
}

#[test]
fn what_is_as_asked_for_is_no_difference() {
    let drawn = blueprint(PLAN);
    assert_eq!(drift(&drawn, &built(&drawn)), []);
    let unmanaged = after(|survey| {
        let document = Policy::new(json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}));
        let policy = RolePolicy { role: Ref::known("id:access/role/portal"), name: "mine".into(), document };
        survey.found.push(Observed::standing("portal mine", BTreeMap::new(), policy));
    });
    assert_eq!(unmanaged, [format!("{:?} access/role/portal/mine: allows the role everything", Class::Unmanaged)]);
}
