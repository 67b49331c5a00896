//! The customer VPC, where SageMaker Studio lives.

use super::vpc::{Tier, security_group, vpc};
use super::{Blueprint, Network};
use crate::plan::Plan;

/// Adds the Studio side.
pub fn add(blueprint: &mut Blueprint, plan: &Plan, zones: &[String; 2]) -> Network {
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
    Network { vpc, cidr: studio.cidr, route_tables: vec![("private", private)] }
}
