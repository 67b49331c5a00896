//! The customer VPC, where SageMaker Studio lives.

use super::vpc::{Tier, security_group, vpc};
use super::{Blueprint, Facts, Network};
use crate::plan::Plan;

/// Adds the Studio side.
pub fn add(blueprint: &mut Blueprint, plan: &Plan, facts: &Facts) -> Network {
    let zones = &facts.zones;
    let studio = &plan.studio;
    let vpc = vpc(blueprint, "studio", studio.cidr, studio.dns_support, studio.dns_hostnames);
    let private = Tier {
        side: "studio",
        name: "private",
        subnets: &studio.private,
        subnet_name: "sn-studio",
        route_table_name: "STUDIO-RT",
    }
    .add(blueprint, &vpc, zones);
    let description = "Private endpoints, reached from the corporate network";
    security_group(blueprint, "studio", "endpoints", description, &vpc, &studio.rules);
    // Studio's apps, which carry the group, reach the service by this endpoint: without it there are none.
    if studio.endpoints.iter().any(|endpoint| endpoint.service == "studio") {
        security_group(blueprint, "studio", "studio", "Apps of SageMaker Studio", &vpc, &studio.app_rules);
    }
    Network { vpc, cidr: studio.cidr, tiers: vec![private] }
}
