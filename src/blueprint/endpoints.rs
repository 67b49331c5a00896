//! The private doors: interface endpoints in the private subnets of both VPCs, gateway endpoints on their tables.
//!
//! Where the plan gives an endpoint no policy, it lets everything through, as AWS's own does; but for the two by which
//! presigned URLs are made and opened, once the plan says what URLs are bound to:
//!
//! - Bound to endpoints or their VPC, nobody else's Studio is opened through this door. What a URL leads to is known by
//!   its resource, as in AWS's own example for these endpoints; who made it, by `aws:PrincipalAccount`, where a request
//!   has that: nothing says that it does when a URL is opened. `IfExists` would not do, since a negated operator that
//!   ends so holds of an absent key, too:
//!   <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.
//! - Bound to public addresses, no URL may come by an endpoint at all.
//!
//! Everything else has to pass, among it what Studio's pages call on behalf of their users:
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/studio-interface-endpoint.html>.

use std::collections::BTreeMap;

use serde_json::json;

use super::addresses::choose;
use super::vpc::security_group;
use super::{Blueprint, Facts, Network};
use crate::aws::partition::partition;
use crate::aws::services;
use crate::plan::{self, AccessMode, Addresses, DnsMode, Plan, Ports, Protocol, Remote, Rule, Subnets};
use crate::resource::gateway_endpoint::GatewayEndpoint;
use crate::resource::hosted_zone::{HostedZone, ZoneVpc};
use crate::resource::interface_endpoint::{InterfaceEndpoint, Placement};
use crate::resource::policy::Policy;
use crate::resource::record_set::{Alias, RecordSet};
use crate::resource::security_group::SecurityGroup;
use crate::resource::{Address, Ref, Set};

/// The interface endpoints of the Studio VPC, by the service's name in the plan.
pub type Endpoints = BTreeMap<String, Ref<InterfaceEndpoint>>;

/// Adds the endpoints of both VPCs.
pub fn add(blueprint: &mut Blueprint, plan: &Plan, facts: &Facts, onprem: &Network, studio: &Network) -> Endpoints {
    let server = plan.dns.mode == DnsMode::Server;
    if !plan.onprem.endpoints.is_empty() {
        let https = Rule {
            direction: plan::Direction::Ingress,
            protocol: Protocol::Tcp,
            ports: Some(Ports { from: 443, to: 443 }),
            remote: Remote::Cidr(onprem.cidr),
            description: Some("HTTPS from the corporate network".into()),
        };
        let description = "Private endpoints of the corporate network";
        let group = security_group(blueprint, "onprem", "endpoints", description, &onprem.vpc, &[https]);
        let promised = server.then_some(plan.dns.servers);
        let rooms = Rooms { subnets: &plan.onprem.private, promised, endpoints: &plan.onprem.endpoints };
        interface_endpoints(blueprint, plan, facts, "onprem", onprem, &group, &rooms);
    }
    let group = Ref::to(&Address::from("studio/security-group/endpoints"));
    let promised = (plan.dns.mode != DnsMode::Off).then_some(plan.dns.resolver);
    let rooms = Rooms { subnets: &plan.studio.private, promised, endpoints: &plan.studio.endpoints };
    let doors = interface_endpoints(blueprint, plan, facts, "studio", studio, &group, &rooms);
    let gateways =
        [("onprem", onprem, &plan.onprem.gateway_endpoints), ("studio", studio, &plan.studio.gateway_endpoints)];
    for (side, network, endpoints) in gateways {
        for endpoint in endpoints {
            gateway_endpoint(blueprint, facts, side, network, endpoint);
        }
    }
    doors
}

/// The private subnets of a VPC, the addresses in them that the plan has promised to others, and the endpoints that are
/// to have their own there.
struct Rooms<'a> {
    subnets: &'a Subnets,
    promised: Option<Addresses>,
    endpoints: &'a [plan::InterfaceEndpoint],
}

fn interface_endpoints(
    blueprint: &mut Blueprint,
    plan: &Plan,
    facts: &Facts,
    side: &str,
    network: &Network,
    group: &Ref<SecurityGroup>,
    rooms: &Rooms<'_>,
) -> Endpoints {
    let given = || rooms.endpoints.iter().filter_map(|endpoint| endpoint.addresses).chain(rooms.promised);
    let (mut in_a, mut in_b) = (given().map(|both| both.a).collect(), given().map(|both| both.b).collect());
    let [a, b] = &network.tier("private").subnets;
    let mut doors = Endpoints::new();
    for endpoint in rooms.endpoints {
        let service = &endpoint.service;
        let placements = match endpoint.addresses {
            Some(both) => [(a, Some(both.a)), (b, Some(both.b))],
            None => {
                [(a, choose(rooms.subnets.a, service, &mut in_a)), (b, choose(rooms.subnets.b, service, &mut in_b))]
            }
        };
        let placements = placements.into_iter();
        let spec = InterfaceEndpoint {
            vpc: network.vpc.clone(),
            service: services::full_name(service, &facts.region),
            placements: placements.map(|(subnet, address)| Placement { subnet: subnet.clone(), address }).collect(),
            security_groups: [group.clone()].into_iter().collect(),
            private_dns: endpoint.private_dns,
            private_dns_only_for_inbound_resolver_endpoint: endpoint.private_dns
                && services::GATEWAY.contains(&service.as_str()),
            policy: policy(plan, facts, endpoint),
            ip_address_type: "ipv4".into(),
            dns_record_ip_type: "ipv4".into(),
        };
        let door = blueprint.add(&format!("{side}/endpoint/{service}"), &format!("STUDIO-{side}-{service}"), spec);
        if endpoint.hosted_zone {
            hosted_zones(blueprint, facts, side, network, service, &door);
        }
        doors.insert(service.clone(), door);
    }
    doors
}

/// What may be asked through an interface endpoint.
fn policy(plan: &Plan, facts: &Facts, endpoint: &plan::InterfaceEndpoint) -> Policy {
    let is_of_urls = ["sagemaker.api", "studio"].contains(&endpoint.service.as_str());
    match (plan.access.mode, &endpoint.policy) {
        (Some(mode), None) if is_of_urls => all_but_foreign_urls(facts, mode),
        (_, own) => Policy::of_endpoint(own.as_deref()),
    }
}

/// Everything but making and opening presigned URLs that are none of the lab's business.
fn all_but_foreign_urls(facts: &Facts, mode: AccessMode) -> Policy {
    const URL: &str = "sagemaker:CreatePresignedDomainUrl";
    let Facts { region, account, .. } = facts;
    let allow = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    let denies = match mode {
        AccessMode::SourceVpce | AccessMode::SourceVpc => {
            let own = format!("arn:{}:sagemaker:{region}:{account}:*", partition(region));
            let known_to_be_another = json!({
                "StringNotEquals": {"aws:PrincipalAccount": account},
                "Null": {"aws:PrincipalAccount": "false"},
            });
            vec![
                json!({"Effect": "Deny", "Principal": "*", "Action": URL, "NotResource": own}),
                json!({"Effect": "Deny", "Principal": "*", "Action": URL, "Resource": "*", "Condition": known_to_be_another}),
            ]
        }
        AccessMode::SourceIp => vec![json!({"Effect": "Deny", "Principal": "*", "Action": URL, "Resource": "*"})],
    };
    let statements: Vec<_> = [allow].into_iter().chain(denies).collect();
    Policy::new(json!({"Version": "2012-10-17", "Statement": statements}))
}

/// Zones that say what the endpoint's private DNS would say: the service's names, and no others, lead to it.
fn hosted_zones(
    blueprint: &mut Blueprint,
    facts: &Facts,
    side: &str,
    network: &Network,
    service: &str,
    door: &Ref<InterfaceEndpoint>,
) {
    for (zone, number) in services::dns_zones(service, &facts.region).into_iter().zip(1..) {
        // Short: caller references hold it.
        let number = if number > 1 { format!("-{number}") } else { String::new() };
        let address = format!("{side}/hosted-zone/{service}{number}");
        let spec = HostedZone {
            name: zone.clone(),
            vpcs: Set::from(vec![ZoneVpc { vpc: network.vpc.clone(), region: facts.region.clone() }]),
            comment: format!("Leads to the {side} endpoint for {service} of a Breezeway lab"),
        };
        let hosted_zone = blueprint.add(&address, &format!("STUDIO-{side}-{service}{number}"), spec);
        let below = services::has_names_below(service).then(|| ("below", format!("*.{zone}")));
        for (which, name) in [("itself", zone)].into_iter().chain(below) {
            let alias = Alias {
                name: door.output("dns_name").as_text(),
                hosted_zone: door.output("dns_zone").as_text(),
                evaluate_target_health: false,
            };
            let record = RecordSet {
                hosted_zone: hosted_zone.clone(),
                name,
                record_type: "A".into(),
                set_identifier: String::new(),
                alias: Some(alias),
                ttl_seconds: None,
                values: Set::default(),
            };
            blueprint.add(&format!("{address}/{which}"), "", record);
        }
    }
}

fn gateway_endpoint(
    blueprint: &mut Blueprint,
    facts: &Facts,
    side: &str,
    network: &Network,
    endpoint: &plan::GatewayEndpoint,
) {
    let spec = GatewayEndpoint {
        vpc: network.vpc.clone(),
        service: services::gateway_name(&endpoint.service, &facts.region),
        route_tables: [network.tier("private").route_table.clone()].into_iter().collect(),
        policy: Policy::of_endpoint(endpoint.policy.as_deref()),
    };
    let name = format!("STUDIO-{side}-{}", endpoint.service);
    blueprint.add(&format!("{side}/gateway-endpoint/{}", endpoint.service), &name, spec);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{blueprint, facts};
    use crate::model::policy::{self, Place, Policies, Principal, Request, evaluate};
    use crate::resource::Spec;

    const URL: &str = "sagemaker:CreatePresignedDomainUrl";
    const OWN: &str = "111122223333";
    const OTHER: &str = "444455556666";

    /// Endpoints for APIs and for URLs, that for Studio last.
    fn doors() -> String {
        let door = |service| format!("[[studio.endpoints]]\nservice = \"{service}\"\n");
        ["execute-api", "sagemaker.api", "studio"].map(door).concat()
    }

    /// The policy of the Studio VPC's endpoint for a service, in a lab with this access.
    fn of(access: &str, service: &str) -> policy::Policy {
        let blueprint = blueprint(&format!("name = \"demo\"\n{access}\n{}", doors()));
        let desired = blueprint.get(&Address::from(format!("studio/endpoint/{service}"))).unwrap();
        let Spec::InterfaceEndpoint(endpoint) = &desired.spec else { panic!("{desired:?}") };
        policy::Policy::of_resource("endpoint", &endpoint.policy.document()).unwrap()
    }

    fn role(account: &str) -> Principal {
        Principal::Role { arn: format!("arn:aws:iam::{account}:role/any"), session: "any".into() }
    }

    fn passes(policy: &policy::Policy, who: Principal, action: &str, account: &str) -> bool {
        let profile = format!("arn:aws:sagemaker:{}:{account}:user-profile/d-1/ann", facts().region);
        let policies = Policies { endpoint: Some(policy.clone()), ..Policies::default() };
        evaluate(&Request::new(who, action, &profile), &policies).places[&Place::Endpoint] == policy::Kind::Allowed
    }

    #[test]
    fn nobody_elses_studio_is_opened_through_the_private_door() {
        for (mode, service) in
            [("vpce", "studio"), ("vpce", "sagemaker.api"), ("vpc", "studio"), ("vpc", "sagemaker.api")]
        {
            let policy = of(&format!("access.mode = \"source-{mode}\""), service);
            assert!(passes(&policy, role(OWN), URL, OWN));
            assert!(!passes(&policy, role(OTHER), URL, OTHER));
            assert!(!passes(&policy, role(OTHER), URL, OWN));
            // Where nothing says who made the URL, what it opens decides.
            assert!(passes(&policy, Principal::Anonymous, URL, OWN));
            assert!(!passes(&policy, Principal::Anonymous, URL, OTHER));
            // Everything else is for others to judge.
            assert!(passes(&policy, role(OTHER), "sagemaker:CreateApp", OTHER));
        }
    }

    #[test]
    fn no_url_comes_by_an_endpoint_where_public_addresses_decide() {
        for service in ["studio", "sagemaker.api"] {
            let policy = of("access = { mode = \"source-ip\", source_ip = [\"203.0.113.0/24\"] }", service);
            assert!(!passes(&policy, role(OWN), URL, OWN));
            assert!(!passes(&policy, Principal::Anonymous, URL, OWN));
            assert!(passes(&policy, role(OWN), "sagemaker:CreateApp", OWN));
        }
    }

    #[test]
    fn every_other_door_is_as_aws_has_it_or_as_the_plan_says() {
        let open = Policy::full_access();
        let endpoint = |access: &str, own: &str, address: &str| {
            let blueprint = blueprint(&format!("name = \"demo\"\n{access}\n{}{own}", doors()));
            match &blueprint.get(&Address::from(address)).unwrap().spec {
                Spec::InterfaceEndpoint(endpoint) => endpoint.policy.clone(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(endpoint("", "", "studio/endpoint/studio"), open);
        let mode = "access.mode = \"source-vpce\"";
        assert_eq!(endpoint(mode, "", "studio/endpoint/execute-api"), open);
        let own = r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sagemaker:*", "Resource": "*"}]}"#;
        assert_eq!(endpoint(mode, &format!("policy = '{own}'"), "studio/endpoint/studio"), Policy::parse(own));
    }
}
