//! The private doors: interface endpoints in the private subnets of both VPCs, gateway endpoints on their tables.

use std::collections::BTreeMap;

use super::addresses::choose;
use super::vpc::security_group;
use super::{Blueprint, Facts, Network};
use crate::aws::services;
use crate::plan::{self, Addresses, DnsMode, Plan, Ports, Protocol, Remote, Rule, Subnets};
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
        let rooms = Rooms { subnets: &plan.onprem.private, promised: server.then_some(plan.dns.servers) };
        interface_endpoints(blueprint, facts, "onprem", onprem, &group, &rooms, &plan.onprem.endpoints);
    }
    let group = Ref::to(&Address::from("studio/security-group/endpoints"));
    let resolver = (plan.dns.mode != DnsMode::Off).then_some(plan.dns.resolver);
    let rooms = Rooms { subnets: &plan.studio.private, promised: resolver };
    let doors = interface_endpoints(blueprint, facts, "studio", studio, &group, &rooms, &plan.studio.endpoints);
    let gateways =
        [("onprem", onprem, &plan.onprem.gateway_endpoints), ("studio", studio, &plan.studio.gateway_endpoints)];
    for (side, network, endpoints) in gateways {
        for endpoint in endpoints {
            gateway_endpoint(blueprint, facts, side, network, endpoint);
        }
    }
    doors
}

/// The private subnets of a VPC, and the addresses in them that the plan has promised to others.
struct Rooms<'a> {
    subnets: &'a Subnets,
    promised: Option<Addresses>,
}

fn interface_endpoints(
    blueprint: &mut Blueprint,
    facts: &Facts,
    side: &str,
    network: &Network,
    group: &Ref<SecurityGroup>,
    rooms: &Rooms<'_>,
    endpoints: &[plan::InterfaceEndpoint],
) -> Endpoints {
    let given = || endpoints.iter().filter_map(|endpoint| endpoint.addresses).chain(rooms.promised);
    let (mut in_a, mut in_b) = (given().map(|both| both.a).collect(), given().map(|both| both.b).collect());
    let [a, b] = &network.tier("private").subnets;
    let mut doors = Endpoints::new();
    for endpoint in endpoints {
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
            policy: Policy::of_endpoint(endpoint.policy.as_deref()),
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
