//! A security group: <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html>.

use aws_sdk_ec2::types::{IpPermission, IpRange, ResourceType, SecurityGroup as SdkSecurityGroup};
use serde::{Deserialize, Serialize};

use super::security_group_rule::{Direction, Peer, SecurityGroupRule};
use super::vpc::Vpc;
use super::{Creation, Listing, Observed, Operations, Query, Ref, Resource, Seconds, ec2};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Failure};

/// What a security group is; its rules are resources of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroup {
    /// The VPC it is part of.
    pub vpc: Ref<Vpc>,
    /// Unique within the VPC, whatever the case of its letters.
    pub name: String,
    /// What it is for; can't be changed.
    pub description: String,
}

impl Resource for SecurityGroup {
    const OWNERS: &'static [&'static str] = &["vpc"];
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "CreateSecurityGroup",
        change: "CreateSecurityGroup",
        delete: "DeleteSecurityGroup",
    };
    const SECONDS: Seconds = Seconds { create: 1.9, delete: 1.1 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.vpc.text(), self.name.to_lowercase()))
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let vpc = self.vpc.id()?;
        let tags = ec2::tag_specification(ResourceType::SecurityGroup, &with.tags);
        let answer = aws
            .write("ec2", "CreateSecurityGroup", || {
                let call = aws.ec2.create_security_group().vpc_id(vpc).group_name(&self.name);
                let call = call.description(&self.description);
                call.set_tag_specifications(tags.clone().map(|tags| vec![tags])).send()
            })
            .await?;
        Ok(Observed::standing(answer.group_id().unwrap_or_default(), with.tags.clone(), self.clone()))
    }

    /// AWS gives every new group an egress rule that allows everything, without tags. The rules that are wanted are
    /// resources of their own, so it goes.
    async fn complete(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        let everything = IpPermission::builder()
            .ip_protocol("-1")
            .ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build())
            .build();
        let call = || aws.ec2.revoke_security_group_egress().group_id(id).ip_permissions(everything.clone()).send();
        match aws.write("ec2", "RevokeSecurityGroupEgress", call).await {
            Err(failure) if failure.code == "InvalidPermission.NotFound" => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let call = || aws.ec2.delete_security_group().group_id(&observed.id).send();
        aws.write("ec2", "DeleteSecurityGroup", call).await.map(drop)
    }
}

impl SecurityGroup {
    /// Whether it is the group that AWS makes with each VPC; nobody else's may have its name.
    pub fn is_default(&self) -> bool {
        self.name == "default"
    }
}

/// Whether the rules of a default group are as AWS makes them: everything from itself, and out to anywhere. With IPv6
/// out to anywhere there as well.
pub fn is_untouched<'a>(id: &str, rules: impl Iterator<Item = &'a SecurityGroupRule>) -> bool {
    let rules: Vec<_> = rules.collect();
    let everything = |rule: &SecurityGroupRule| rule.protocol == "all";
    let inside = |rule: &SecurityGroupRule| {
        rule.direction == Direction::Ingress && rule.peer == Peer::Group(Ref::known(id)) && everything(rule)
    };
    let out = |rule: &SecurityGroupRule, family: &str| {
        let anywhere = matches!(&rule.peer, Peer::Cidr(range) if range.to_string() == family);
        rule.direction == Direction::Egress && anywhere && everything(rule)
    };
    let (ipv4, ipv6) = ("0.0.0.0/0", "::/0");
    rules.iter().any(|rule| inside(rule))
        && rules.iter().any(|rule| out(rule, ipv4))
        && rules.iter().all(|rule| inside(rule) || out(rule, ipv4) || out(rule, ipv6))
}

/// The tags of the default group prove nothing: it is AWS's own, whoever put tags on it.
fn read(group: &SdkSecurityGroup) -> Option<Observed> {
    let spec = SecurityGroup {
        vpc: Ref::known(group.vpc_id()?),
        name: group.group_name()?.to_owned(),
        description: group.description().unwrap_or_default().to_owned(),
    };
    let tags = if spec.is_default() { Tags::new() } else { ec2::read_tags(group.tags()) };
    Some(Observed::standing(group.group_id()?, tags, spec))
}

/// Lists security groups.
///
/// # Errors
/// A page could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let filters = ec2::filters(query, "vpc-id", "group-id");
    let groups = aws
        .read_pages("ec2", "DescribeSecurityGroups", |next| {
            let call = aws.ec2.describe_security_groups().set_filters(Some(filters.clone())).max_results(1000);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.security_groups.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    Ok(Listing { found: groups.iter().filter_map(read).collect(), ..Listing::default() })
}
