//! Route 53 Resolver: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53resolver.html>.
//!
//! The addresses of endpoints are network interfaces that Resolver makes and removes in the caller's name.

use serde_json::json;

use super::asked::said;
use super::needed::Needed;
use super::{Asked, ec2};

const ENDPOINT: &str = "resolver-endpoint";
const RULE: &str = "resolver-rule";

pub fn needed(asked: &mut Asked<'_>) -> Option<Vec<Needed>> {
    Some(match asked.call.operation.as_str() {
        "CreateResolverEndpoint" => {
            let mut needed = made(asked, ENDPOINT);
            needed.extend(interfaces_made(asked, "IpAddresses.SubnetId"));
            needed.extend(asked.described(&["NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs"]));
            needed
        }
        "CreateResolverRule" => made(asked, RULE),
        "AssociateResolverEndpointIpAddress" => {
            let mut needed = vec![on(asked, ENDPOINT, "ResolverEndpointId")];
            needed.extend(interfaces_made(asked, "IpAddress.SubnetId"));
            needed.extend(asked.described(&["NetworkInterfaces", "Subnets"]));
            needed
        }
        "DisassociateResolverEndpointIpAddress" | "DeleteResolverEndpoint" => {
            let mut needed = vec![on(asked, ENDPOINT, "ResolverEndpointId")];
            needed.extend(interfaces_removed(asked));
            needed.extend(asked.described(&["NetworkInterfaces"]));
            needed
        }
        "UpdateResolverEndpoint" => {
            let mut needed = vec![on(asked, ENDPOINT, "ResolverEndpointId")];
            if asked.has("ResolverEndpointType") {
                needed.extend(asked.described(&["NetworkInterfaces", "Subnets"]));
            }
            needed
        }
        "GetResolverEndpoint" | "ListResolverEndpointIpAddresses" => vec![on(asked, ENDPOINT, "ResolverEndpointId")],
        "AssociateResolverRule" => {
            let on = on(asked, RULE, "ResolverRuleId");
            std::iter::once(on).chain(asked.described(&["Vpcs"])).collect()
        }
        "DeleteResolverRule" | "DisassociateResolverRule" | "GetResolverRule" | "UpdateResolverRule" => {
            vec![on(asked, RULE, "ResolverRuleId")]
        }
        "GetResolverRuleAssociation" => {
            let id = asked.first("ResolverRuleAssociationId").unwrap_or_default();
            let input = json!({"ResolverRuleAssociationId": id});
            let association = asked.read("route53resolver", "GetResolverRuleAssociation", input);
            let rules = said(&association, "ResolverRuleAssociation.ResolverRuleId");
            vec![on_id(asked, RULE, rules.first().map_or("*", String::as_str))]
        }
        "ListResolverEndpoints" | "ListResolverRules" => vec![Needed::new(asked.action(), "*")],
        "ListResolverRuleAssociations" => {
            let list = Needed::new(asked.action(), "*");
            std::iter::once(list).chain(asked.described(&["Vpcs"])).collect()
        }
        "ListTagsForResource" => vec![on_arn(asked)],
        "TagResource" => vec![on_arn(asked).with_request_tags(&asked.tags("Tags"))],
        "UntagResource" => vec![on_arn(asked).with_tag_keys(asked.said("TagKeys"))],
        _ => return None,
    })
}

fn made(asked: &Asked<'_>, kind: &str) -> Vec<Needed> {
    let (arn, tags) = (asked.arn("route53resolver", &format!("{kind}/*")), asked.tags("Tags"));
    let make = Needed::new(asked.action(), &arn).with_request_tags(&tags);
    let tag = (!tags.is_empty()).then(|| Needed::new("route53resolver:TagResource", arn).with_request_tags(&tags));
    std::iter::once(make).chain(tag).collect()
}

fn on(asked: &mut Asked<'_>, kind: &str, member: &str) -> Needed {
    let id = asked.first(member).unwrap_or_default();
    on_id(asked, kind, &id)
}

fn on_id(asked: &mut Asked<'_>, kind: &str, id: &str) -> Needed {
    let arn = asked.arn("route53resolver", &format!("{kind}/{id}"));
    on_existing(asked, arn)
}

fn on_arn(asked: &mut Asked<'_>) -> Needed {
    let arn = asked.first("ResourceArn").unwrap_or_default();
    on_existing(asked, arn)
}

fn on_existing(asked: &mut Asked<'_>, arn: String) -> Needed {
    let tags = asked.tags_of("ListTagsForResource", json!({"ResourceArn": arn}), "Tags");
    Needed::new(asked.action(), arn).with_resource_tags(&tags, &["aws:ResourceTag"])
}

fn interfaces_made(asked: &mut Asked<'_>, subnets: &str) -> Vec<Needed> {
    let groups = match asked.first("ResolverEndpointId") {
        Some(id) => said(
            &asked.read("route53resolver", "GetResolverEndpoint", json!({"ResolverEndpointId": id})),
            "ResolverEndpoint.SecurityGroupIds",
        ),
        None => asked.said("SecurityGroupIds"),
    };
    let mut on = vec!["network-interface/*".to_owned()];
    on.extend(asked.said(subnets).iter().map(|id| format!("subnet/{id}")));
    on.extend(groups.iter().map(|id| format!("security-group/{id}")));
    ec2::also(asked, "CreateNetworkInterface", &on)
}

/// The interfaces of the endpoint, or of the one address that is meant.
fn interfaces_removed(asked: &mut Asked<'_>) -> Vec<Needed> {
    let id = asked.first("ResolverEndpointId").unwrap_or_default();
    let (address, number) = (asked.first("IpAddress.Ip"), asked.first("IpAddress.IpId"));
    let pattern = format!("Route 53 Resolver: {id}:{}", number.as_deref().unwrap_or("*"));
    let found = asked.find("DescribeNetworkInterfaces", "NetworkInterfaces", "description", &pattern);
    let is_meant = |ip: &serde_json::Value| address.as_deref().is_none_or(|address| ip["PrivateIpAddress"] == address);
    let on = found.iter().filter(|found| is_meant(found)).flat_map(|found| said(found, "NetworkInterfaceId"));
    let on: Vec<String> = on.map(|id| format!("network-interface/{id}")).collect();
    ec2::also(asked, "DeleteNetworkInterface", &on)
}
