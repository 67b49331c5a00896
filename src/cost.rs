//! What a lab costs while it stands.

use crate::blueprint::Blueprint;
use crate::resource::Kind;

/// US dollars an hour for one resource of this kind, before any traffic.
///
/// VPCs with their subnets, tables, groups and rules, peerings and IAM have no hourly price:
/// <https://aws.amazon.com/vpc/pricing/>, <https://aws.amazon.com/iam/faqs/>.
pub fn hourly_usd(kind: Kind) -> f64 {
    match kind {
        Kind::Vpc
        | Kind::Subnet
        | Kind::RouteTable
        | Kind::RouteTableAssociation
        | Kind::Route
        | Kind::SecurityGroup
        | Kind::SecurityGroupRule
        | Kind::VpcPeeringConnection
        | Kind::Role
        | Kind::RolePolicy
        | Kind::RolePolicyAttachment => 0.0,
    }
}

/// US dollars an hour for everything that the blueprint asks for, before any traffic.
pub fn hourly_usd_of(blueprint: &Blueprint) -> f64 {
    blueprint.iter().map(|desired| hourly_usd(desired.kind())).sum()
}
