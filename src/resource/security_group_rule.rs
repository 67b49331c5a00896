//! A rule of a security group: <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>.

use aws_sdk_ec2::types::{
    IpPermission, IpRange, PrefixListId, ResourceType, SecurityGroupRule as SdkRule, SecurityGroupRuleRequest,
    SecurityGroupRuleUpdate, UserIdGroupPair,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::security_group::SecurityGroup;
use super::{Creation, Listing, Observed, Operations, Query, Ref, Resource, Seconds, ec2};
use crate::aws::{Aws, Class, Failure};

/// What a rule is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroupRule {
    /// The group it stands in, and vanishes with.
    pub group: Ref<SecurityGroup>,
    /// In or out.
    pub direction: Direction,
    /// `tcp`, `udp`, `icmp`, a protocol number, or `all`.
    pub protocol: String,
    /// First port; none with `all`.
    pub from_port: Option<i32>,
    /// Last port.
    pub to_port: Option<i32>,
    /// Who is let in, or may be reached.
    pub peer: Peer,
    /// What it is for.
    pub description: Option<String>,
}

/// Which way a rule lets traffic pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Towards what carries the group.
    Ingress,
    /// From it.
    Egress,
}

/// The other side of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// A range of addresses, canonical.
    Cidr(IpNet),
    /// Whatever carries this group.
    Group(Ref<SecurityGroup>),
    /// An AWS or customer prefix list, by id.
    PrefixList(String),
}

impl SecurityGroupRule {
    /// What passes: `tcp 443`, `udp 1024-65535`, `all`.
    pub fn traffic(&self) -> String {
        match (self.from_port, self.to_port) {
            (Some(from), Some(to)) if from == to => format!("{} {from}", self.protocol),
            (Some(from), Some(to)) => format!("{} {from}-{to}", self.protocol),
            _ => self.protocol.clone(),
        }
    }

    fn protocol_on_the_wire(&self) -> &str {
        if self.protocol == "all" { "-1" } else { &self.protocol }
    }

    fn ports_on_the_wire(&self) -> (Option<i32>, Option<i32>) {
        let any = self.protocol == "icmp" || self.protocol == "icmpv6";
        (self.from_port.or(any.then_some(-1)), self.to_port.or(any.then_some(-1)))
    }

    fn permission(&self) -> Result<IpPermission, Failure> {
        let (from, to) = self.ports_on_the_wire();
        let permission = IpPermission::builder().ip_protocol(self.protocol_on_the_wire());
        let permission = permission.set_from_port(from).set_to_port(to);
        let description = self.description.clone();
        Ok(match &self.peer {
            Peer::Cidr(IpNet::V4(range)) => {
                let range = IpRange::builder().cidr_ip(range.to_string()).set_description(description).build();
                permission.ip_ranges(range)
            }
            Peer::Cidr(IpNet::V6(range)) => {
                let range = aws_sdk_ec2::types::Ipv6Range::builder().cidr_ipv6(range.to_string());
                permission.ipv6_ranges(range.set_description(description).build())
            }
            Peer::Group(group) => {
                let pair = UserIdGroupPair::builder().group_id(group.id()?).set_description(description).build();
                permission.user_id_group_pairs(pair)
            }
            Peer::PrefixList(id) => {
                let list = PrefixListId::builder().prefix_list_id(id).set_description(description).build();
                permission.prefix_list_ids(list)
            }
        }
        .build())
    }
}

impl Resource for SecurityGroupRule {
    const IN_PLACE: &'static [&'static str] = &["protocol", "from_port", "to_port", "peer", "description"];
    const OWNERS: &'static [&'static str] = &["group"];
    const IN_SET: bool = true;
    const VANISHES: bool = true;
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "AuthorizeSecurityGroupIngress",
        change: "ModifySecurityGroupRules",
        delete: "RevokeSecurityGroupIngress",
    };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };

    fn natural_key(&self) -> Option<String> {
        let peer = match &self.peer {
            Peer::Cidr(range) => range.to_string(),
            Peer::Group(group) => group.text(),
            Peer::PrefixList(id) => id.clone(),
        };
        let (group, direction) = (self.group.text(), self.direction);
        Some(format!("{group} {direction:?} {} {:?}-{:?} {peer}", self.protocol, self.from_port, self.to_port))
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let group = self.group.id()?;
        let permission = self.permission()?;
        let tags = ec2::tag_specification(ResourceType::SecurityGroupRule, &with.tags).map(|tags| vec![tags]);
        let rules = match self.direction {
            Direction::Ingress => aws
                .write("ec2", "AuthorizeSecurityGroupIngress", || {
                    let call = aws.ec2.authorize_security_group_ingress().group_id(group);
                    call.ip_permissions(permission.clone()).set_tag_specifications(tags.clone()).send()
                })
                .await?
                .security_group_rules
                .unwrap_or_default(),
            Direction::Egress => aws
                .write("ec2", "AuthorizeSecurityGroupEgress", || {
                    let call = aws.ec2.authorize_security_group_egress().group_id(group);
                    call.ip_permissions(permission.clone()).set_tag_specifications(tags.clone()).send()
                })
                .await?
                .security_group_rules
                .unwrap_or_default(),
        };
        let id = rules
            .first()
            .and_then(SdkRule::security_group_rule_id)
            .ok_or_else(|| Failure::here("AuthorizeSecurityGroup", Class::UnknownOutcome, "no rule in the answer"))?;
        Ok(Observed::standing(id, with.tags.clone(), self.clone()))
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let (from_port, to_port) = self.ports_on_the_wire();
        let rule = SecurityGroupRuleRequest::builder()
            .ip_protocol(self.protocol_on_the_wire())
            .set_from_port(from_port.or(Some(-1)))
            .set_to_port(to_port.or(Some(-1)))
            .set_description(self.description.clone());
        let rule = match &self.peer {
            Peer::Cidr(IpNet::V4(range)) => rule.cidr_ipv4(range.to_string()),
            Peer::Cidr(IpNet::V6(range)) => rule.cidr_ipv6(range.to_string()),
            Peer::Group(group) => rule.referenced_group_id(group.id()?),
            Peer::PrefixList(id) => rule.prefix_list_id(id),
        };
        let update =
            SecurityGroupRuleUpdate::builder().security_group_rule_id(&from.id).security_group_rule(rule.build());
        let (group, update) = (self.group.id()?, update.build());
        aws.write("ec2", "ModifySecurityGroupRules", || {
            aws.ec2.modify_security_group_rules().group_id(group).security_group_rules(update.clone()).send()
        })
        .await
        .map(drop)
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let super::Spec::SecurityGroupRule(rule) = &observed.spec else { return Ok(()) };
        let (group, id) = (rule.group.id()?, observed.id.as_str());
        match rule.direction {
            Direction::Ingress => {
                let call =
                    || aws.ec2.revoke_security_group_ingress().group_id(group).security_group_rule_ids(id).send();
                aws.write("ec2", "RevokeSecurityGroupIngress", call).await.map(drop)
            }
            Direction::Egress => {
                let call = || aws.ec2.revoke_security_group_egress().group_id(group).security_group_rule_ids(id).send();
                aws.write("ec2", "RevokeSecurityGroupEgress", call).await.map(drop)
            }
        }
    }
}

fn read(rule: &SdkRule) -> Option<Observed> {
    let protocol = match rule.ip_protocol()? {
        "-1" => "all",
        protocol => protocol,
    };
    let port = |port: Option<i32>| port.filter(|port| *port != -1);
    let range = |text: Option<&str>| text.and_then(|text| text.parse::<IpNet>().ok()).map(Peer::Cidr);
    let group = rule.referenced_group_info().and_then(|info| info.group_id());
    let peer = range(rule.cidr_ipv4())
        .or_else(|| range(rule.cidr_ipv6()))
        .or_else(|| group.map(|id| Peer::Group(Ref::known(id))))
        .or_else(|| rule.prefix_list_id().map(|id| Peer::PrefixList(id.to_owned())))?;
    let spec = SecurityGroupRule {
        group: Ref::known(rule.group_id()?),
        direction: if rule.is_egress() == Some(true) { Direction::Egress } else { Direction::Ingress },
        protocol: protocol.to_owned(),
        from_port: port(rule.from_port()),
        to_port: port(rule.to_port()),
        peer,
        description: rule.description().filter(|text| !text.is_empty()).map(str::to_owned),
    };
    Some(Observed::standing(rule.security_group_rule_id()?, ec2::read_tags(rule.tags()), spec))
}

/// Lists rules; [`Query::Inside`] names groups.
///
/// # Errors
/// A page could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let filters = ec2::filters(query, "group-id", "security-group-rule-id");
    let rules = aws
        .read_pages("ec2", "DescribeSecurityGroupRules", |next| {
            let call = aws.ec2.describe_security_group_rules().set_filters(Some(filters.clone())).max_results(1000);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.security_group_rules.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    Ok(Listing { found: rules.iter().filter_map(read).collect(), ..Listing::default() })
}
