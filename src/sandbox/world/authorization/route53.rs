//! Route 53: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html>.

use super::Asked;
use super::asked::{items, said};
use super::needed::Needed;

pub fn needed(asked: &mut Asked<'_>) -> Option<Vec<Needed>> {
    Some(match asked.call.operation.as_str() {
        "AssociateVPCWithHostedZone" | "DisassociateVPCFromHostedZone" => {
            let vpcs = vpcs(asked, "VPC.VPCId", "VPC.VPCRegion");
            let on = on(asked, "hostedzone", "HostedZoneId").into_iter();
            on.map(|needed| needed.with("route53:VPCs", vpcs.clone())).chain(asked.described(&["Vpcs"])).collect()
        }
        "CreateHostedZone" => {
            let vpcs = vpcs(asked, "VPC.VPCId", "VPC.VPCRegion");
            let private = vpcs.is_some();
            let create = Needed::new(asked.action(), "*").with("route53:VPCs", vpcs);
            std::iter::once(create).chain(asked.described(if private { &["Vpcs"] } else { &[] })).collect()
        }
        "ListHostedZonesByVPC" => {
            let list = Needed::new(asked.action(), "*").with("route53:VPCs", vpcs(asked, "VPCId", "VPCRegion"));
            std::iter::once(list).chain(asked.described(&["Vpcs"])).collect()
        }
        "ChangeResourceRecordSets" => {
            on(asked, "hostedzone", "HostedZoneId").into_iter().map(|needed| changes(asked, needed)).collect()
        }
        "ListResourceRecordSets" => on(asked, "hostedzone", "HostedZoneId"),
        "DeleteHostedZone" | "GetHostedZone" | "UpdateHostedZoneComment" => on(asked, "hostedzone", "Id"),
        "ChangeTagsForResource" | "ListTagsForResource" => on_typed(asked, "ResourceId"),
        "ListTagsForResources" => on_typed(asked, "ResourceIds"),
        "GetChange" => on(asked, "change", "Id"),
        "GetHostedZoneCount" | "ListHostedZones" | "ListHostedZonesByName" => {
            vec![Needed::new(asked.action(), "*")]
        }
        _ => return None,
    })
}

/// The operation's action on what a member names: by its id, or with its type before that, `/hostedzone/Z1`.
fn on(asked: &Asked<'_>, kind: &str, member: &str) -> Vec<Needed> {
    let ids = asked.said(member);
    let id = |id: &String| id.rsplit('/').next().unwrap_or_default().to_owned();
    let arn = |id: String| format!("arn:{}:route53:::{kind}/{id}", asked.partition());
    ids.iter().map(|named| Needed::new(asked.action(), arn(id(named)))).collect()
}

fn on_typed(asked: &Asked<'_>, member: &str) -> Vec<Needed> {
    on(asked, &asked.first("ResourceType").unwrap_or_default(), member)
}

/// As the condition key has them: <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html>.
fn vpcs(asked: &Asked<'_>, id: &str, region: &str) -> Option<String> {
    Some(format!("VPCId={},VPCRegion={}", asked.first(id)?, asked.first(region)?))
}

/// The names, types and actions of a batch of changes; names as the same page has them.
fn changes(asked: &Asked<'_>, needed: Needed) -> Needed {
    let changes = items(&asked.call.input, "ChangeBatch.Changes");
    let all = |path: &str| changes.iter().flat_map(|change| said(change, path)).collect::<Vec<_>>();
    let normal = |name: &String| name.strip_suffix('.').unwrap_or(name).to_lowercase();
    let names = all("ResourceRecordSet.Name").iter().map(normal).collect::<Vec<_>>();
    needed
        .with("route53:ChangeResourceRecordSetsActions", all("Action"))
        .with("route53:ChangeResourceRecordSetsNormalizedRecordNames", names)
        .with("route53:ChangeResourceRecordSetsRecordTypes", all("ResourceRecordSet.Type"))
}
