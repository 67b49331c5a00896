//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53resolver.html>
//!
//! The caller needs the permissions to make and remove the endpoints' network interfaces.

use super::When::{Always, Has};
use super::ec2::NO_TAG;
use super::{Call, If, Need, Service, here, look, named, new, ours, wide, work};
use crate::resource::Kind::*;

pub(super) const CALLS: Service =
    Service { name: "route53resolver", arn: "route53resolver:{region}:{account}:", calls: ALL };

const ENDPOINTS: &[&str] = &["resolver-endpoint/*"];

const CLAIMING: &str = "Route 53 Resolver doesn't tell the tags of a new endpoint from those of another: what has no lab's tag \
                        yet can be given this one.";

/// Into the lab's subnets, with the lab's groups.
const IN_SUBNETS: Need = ours(
    "ec2:CreateNetworkInterface",
    &["=ec2:{region}:{account}:security-group/*", "=ec2:{region}:{account}:subnet/*"],
);
const INTERFACE: Need = named("ec2:CreateNetworkInterface", &["=ec2:{region}:{account}:network-interface/*"]);
const INTERFACE_GOES: Need =
    wide("ec2:DeleteNetworkInterface", &["=ec2:{region}:{account}:network-interface/*"], If::Named, NO_TAG);

const ALL: &[Call] = &[
    look("ListResolverEndpoints", Always, &[here("route53resolver:ListResolverEndpoints")]),
    look("ListResolverRuleAssociations", Always, &[here("route53resolver:ListResolverRuleAssociations")]),
    // Where somebody's rules hold in the lab's VPCs.
    look("ListResolverRules", Always, &[here("route53resolver:ListResolverRules")]),
    look(
        "ListResolverEndpointIpAddresses",
        Has(&[ResolverEndpoint]),
        &[named("route53resolver:ListResolverEndpointIpAddresses", ENDPOINTS)],
    ),
    look("ListTagsForResource", Has(&[ResolverEndpoint]), &[named("route53resolver:ListTagsForResource", ENDPOINTS)]),
    work("GetResolverEndpoint", Has(&[ResolverEndpoint]), &[named("route53resolver:GetResolverEndpoint", ENDPOINTS)]),
    work(
        "CreateResolverEndpoint",
        Has(&[ResolverEndpoint]),
        &[
            new("route53resolver:CreateResolverEndpoint", ENDPOINTS),
            wide("route53resolver:TagResource", ENDPOINTS, If::Claiming, CLAIMING),
            INTERFACE,
            IN_SUBNETS,
        ],
    ),
    work(
        "UpdateResolverEndpoint",
        Has(&[ResolverEndpoint]),
        &[ours("route53resolver:UpdateResolverEndpoint", ENDPOINTS)],
    ),
    work(
        "AssociateResolverEndpointIpAddress",
        Has(&[ResolverEndpoint]),
        &[ours("route53resolver:AssociateResolverEndpointIpAddress", ENDPOINTS), INTERFACE, IN_SUBNETS],
    ),
    work(
        "DisassociateResolverEndpointIpAddress",
        Has(&[ResolverEndpoint]),
        &[ours("route53resolver:DisassociateResolverEndpointIpAddress", ENDPOINTS), INTERFACE_GOES],
    ),
    work(
        "DeleteResolverEndpoint",
        Has(&[ResolverEndpoint]),
        &[ours("route53resolver:DeleteResolverEndpoint", ENDPOINTS), INTERFACE_GOES],
    ),
    work(
        "TagResource",
        Has(&[ResolverEndpoint]),
        &[wide("route53resolver:TagResource", ENDPOINTS, If::Claiming, CLAIMING)],
    ),
];
