//! The VPC that stands in for the corporate network.

use ipnet::Ipv4Net;

use super::vpc::{AddedTier, Tier, security_group, vpc};
use super::{Blueprint, Facts, Network, addresses};
use crate::plan::Plan;
use crate::resource::Ref;
use crate::resource::elastic_ip::ElasticIp;
use crate::resource::internet_gateway::InternetGateway;
use crate::resource::nat_gateway::NatGateway;
use crate::resource::route::{Route, Target};
use crate::resource::vpc::Vpc;

/// Adds the on-premises side.
pub fn add(blueprint: &mut Blueprint, plan: &Plan, facts: &Facts) -> Network {
    let zones = &facts.zones;
    let onprem = &plan.onprem;
    let vpc = vpc(blueprint, "onprem", onprem.cidr, onprem.dns_support, onprem.dns_hostnames);
    let private = Tier {
        side: "onprem",
        name: "private",
        subnets: &onprem.private,
        subnet_name: "sn-onprem",
        route_table_name: "STUDIO-ONPREM-RT",
    }
    .add(blueprint, &vpc, zones);
    let public = Tier {
        side: "onprem",
        name: "public",
        subnets: &onprem.public,
        subnet_name: "sn-onprem-public",
        route_table_name: "STUDIO-ONPREM-PUBLIC-RT",
    }
    .add(blueprint, &vpc, zones);
    let description = "DNS servers of the corporate network";
    security_group(blueprint, "onprem", "dns", description, &vpc, &onprem.rules);
    if onprem.internet_gateway {
        internet_gateway(blueprint, &vpc, &public);
    }
    if onprem.nat {
        nat_gateway(blueprint, plan, &public, &private);
    }
    Network { vpc, cidr: onprem.cidr, tiers: vec![private, public] }
}

fn internet_gateway(blueprint: &mut Blueprint, vpc: &Ref<Vpc>, public: &AddedTier) {
    let gateway = InternetGateway { vpc: Some(vpc.clone()) };
    let gateway = blueprint.add("onprem/internet-gateway", "STUDIO-ONPREM-IGW", gateway);
    let route = Route::to(public.route_table.clone(), Ipv4Net::default(), Target::InternetGateway(gateway));
    blueprint.add("onprem/route-table/public/route/internet", "", route);
}

fn nat_gateway(blueprint: &mut Blueprint, plan: &Plan, public: &AddedTier, private: &AddedTier) {
    let mut taken = plan.app_server.enabled.then_some(plan.app_server.address).into_iter().collect();
    let private_address = addresses::choose(plan.onprem.public.a, "nat-gateway", &mut taken);
    let address = blueprint.add("onprem/nat-gateway/address", "STUDIO-ONPREM-NAT", ElasticIp {});
    let gateway = NatGateway { subnet: public.subnets[0].clone(), private_address, elastic_ip: Some(address) };
    let gateway = blueprint.add("onprem/nat-gateway", "STUDIO-ONPREM-NAT", gateway);
    let route = Route::to(private.route_table.clone(), Ipv4Net::default(), Target::NatGateway(gateway));
    blueprint.add("onprem/route-table/private/route/internet", "", route);
}
