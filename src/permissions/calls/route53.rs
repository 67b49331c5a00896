//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html>

use super::When::{Always, Has};
use super::{Call, If, Service, look, named, need, wide, work};
use crate::resource::Kind::*;

pub(super) const CALLS: Service = Service { name: "route53", arn: "route53:::", calls: ALL };

const ZONES: &[&str] = &["hostedzone/*"];

const NO_TAGS: &str = "Route 53 knows no conditions on a hosted zone's tags, and its create call takes none. A zone is the \
                       lab's by its caller reference.";

const ALL: &[Call] = &[
    look("ListHostedZones", Always, &[named("route53:ListHostedZones", &["*"])]),
    // Needs ec2:DescribeVpcs as well, as the survey does.
    look("ListHostedZonesByVPC", Always, &[named("route53:ListHostedZonesByVPC", &["*"])]),
    // Of others' zones that answer in the lab's VPCs, too.
    look("GetHostedZone", Always, &[named("route53:GetHostedZone", ZONES)]),
    look("ListResourceRecordSets", Always, &[named("route53:ListResourceRecordSets", ZONES)]),
    look("ListTagsForResource", Has(&[HostedZone]), &[named("route53:ListTagsForResource", ZONES)]),
    // Needs ec2:DescribeVpcs, too.
    work("CreateHostedZone", Has(&[HostedZone]), &[need("route53:CreateHostedZone", &["*"], If::VpcsHere)]),
    work(
        "ChangeTagsForResource",
        Has(&[HostedZone]),
        &[wide("route53:ChangeTagsForResource", ZONES, If::Named, NO_TAGS)],
    ),
    work(
        "UpdateHostedZoneComment",
        Has(&[HostedZone]),
        &[wide("route53:UpdateHostedZoneComment", ZONES, If::Named, NO_TAGS)],
    ),
    work(
        "AssociateVPCWithHostedZone",
        Has(&[HostedZone]),
        &[need("route53:AssociateVPCWithHostedZone", &["*"], If::VpcsHere)],
    ),
    work(
        "DisassociateVPCFromHostedZone",
        Has(&[HostedZone]),
        &[wide("route53:DisassociateVPCFromHostedZone", ZONES, If::Named, NO_TAGS)],
    ),
    work(
        "ChangeResourceRecordSets",
        Has(&[HostedZone]),
        &[wide("route53:ChangeResourceRecordSets", ZONES, If::InZones, NO_TAGS)],
    ),
    work("DeleteHostedZone", Has(&[HostedZone]), &[wide("route53:DeleteHostedZone", ZONES, If::Named, NO_TAGS)]),
];
