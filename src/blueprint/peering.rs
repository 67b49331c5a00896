//! The peering of the two VPCs, and the routes that make it a way there and back.

use super::{Blueprint, Network};
use crate::resource::Ref;
use crate::resource::route::{Route, Target};
use crate::resource::vpc_peering_connection::VpcPeeringConnection;

/// Adds the peering, requested by the Studio VPC, and a route to the other side in every table of both.
pub fn add(blueprint: &mut Blueprint, onprem: &Network, studio: &Network) {
    let peering = VpcPeeringConnection { requester: studio.vpc.clone(), accepter: onprem.vpc.clone(), accepted: true };
    let peering = blueprint.add("peering", "STUDIO-PEERING", peering);
    routes(blueprint, "onprem", onprem, studio, &peering);
    routes(blueprint, "studio", studio, onprem, &peering);
}

fn routes(blueprint: &mut Blueprint, side: &str, from: &Network, to: &Network, peering: &Ref<VpcPeeringConnection>) {
    for tier in &from.tiers {
        let route = Route::to(tier.route_table.clone(), to.cidr, Target::VpcPeeringConnection(peering.clone()));
        blueprint.add(&format!("{side}/route-table/{}/route/peering", tier.name), "", route);
    }
}
