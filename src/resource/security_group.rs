//! A security group: <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html>.

use aws_sdk_ec2::types::{IpPermission, IpRange, ResourceType, SecurityGroup as SdkSecurityGroup};
use serde::{Deserialize, Serialize};

use super::vpc::Vpc;
use super::{Creation, Listing, Observed, Operations, Query, Ref, Resource, Seconds, ec2};
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

fn read(group: &SdkSecurityGroup) -> Option<Observed> {
    let spec = SecurityGroup {
        vpc: Ref::known(group.vpc_id()?),
        name: group.group_name()?.to_owned(),
        description: group.description().unwrap_or_default().to_owned(),
    };
    Some(Observed::standing(group.group_id()?, ec2::read_tags(group.tags()), spec))
}

/// Lists security groups, but for the `default` one that AWS makes with each VPC.
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
    let found = groups.iter().filter(|group| group.group_name() != Some("default")).filter_map(read).collect();
    Ok(Listing { found, ..Listing::default() })
}
