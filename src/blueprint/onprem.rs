//! The VPC that stands in for the corporate network.

use super::vpc::{Tier, security_group, vpc};
use super::{Blueprint, Network};
use crate::plan::Plan;

/// Adds the on-premises side.
pub fn add(blueprint: &mut Blueprint, plan: &Plan, zones: &[String; 2]) -> Network {
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
    Network { vpc, cidr: onprem.cidr, route_tables: vec![("private", private), ("public", public)] }
}
