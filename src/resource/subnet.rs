//! A subnet: <https://docs.aws.amazon.com/vpc/latest/userguide/configure-subnets.html>.

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Subnet as SdkSubnet};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::vpc::Vpc;
use super::{Creation, Listing, Observed, Operations, Query, Readiness, Ref, Resource, Seconds, ec2};
use crate::aws::{Aws, Class, Failure};

/// Stands for the IPv4 range of a subnet that has none.
pub const NO_RANGE: Ipv4Net = Ipv4Net::new_assert(std::net::Ipv4Addr::UNSPECIFIED, 32);

/// What a subnet is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subnet {
    /// The VPC it is part of.
    pub vpc: Ref<Vpc>,
    /// Its range, inside the VPC's; [`NO_RANGE`] for one that has IPv6 only, as somebody else's may.
    pub cidr: Ipv4Net,
    /// Its availability zone, by this account's name for it.
    pub zone: String,
    /// Whether what starts in it gets a public address.
    pub public: bool,
}

impl Resource for Subnet {
    const IN_PLACE: &'static [&'static str] = &["public"];
    const OWNERS: &'static [&'static str] = &["vpc"];
    const OPERATIONS: Operations =
        Operations { service: "ec2", create: "CreateSubnet", change: "ModifySubnetAttribute", delete: "DeleteSubnet" };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.vpc.text(), self.cidr))
    }

    fn excludes(&self, other: &Self) -> bool {
        let overlap = self.cidr.contains(&other.cidr) || other.cidr.contains(&self.cidr);
        self.vpc == other.vpc && overlap
    }

    fn as_created(&self) -> Self {
        Self { public: false, ..self.clone() }
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let vpc = self.vpc.id()?;
        let tags = ec2::tag_specification(ResourceType::Subnet, &with.tags);
        let answer = aws
            .write("ec2", "CreateSubnet", || {
                let call = aws.ec2.create_subnet().vpc_id(vpc).cidr_block(self.cidr.to_string());
                let call = call.availability_zone(&self.zone);
                call.set_tag_specifications(tags.clone().map(|tags| vec![tags])).send()
            })
            .await?;
        answer
            .subnet()
            .and_then(read)
            .ok_or_else(|| Failure::here("CreateSubnet", Class::UnknownOutcome, "no subnet in the answer"))
    }

    async fn complete(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        if self.public { self.set_public(aws, id).await } else { Ok(()) }
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        self.set_public(aws, &from.id).await
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        aws.write("ec2", "DeleteSubnet", || aws.ec2.delete_subnet().subnet_id(&observed.id).send()).await.map(drop)
    }
}

impl Subnet {
    async fn set_public(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        let value = AttributeBooleanValue::builder().value(self.public).build();
        aws.write("ec2", "ModifySubnetAttribute", || {
            aws.ec2.modify_subnet_attribute().subnet_id(id).map_public_ip_on_launch(value.clone()).send()
        })
        .await
        .map(drop)
    }
}

fn read(subnet: &SdkSubnet) -> Option<Observed> {
    let state = subnet.state().map_or("available", |state| state.as_str()).to_lowercase();
    let readiness = match state.as_str() {
        "pending" => Readiness::Pending,
        "failed" | "failed-insufficient-capacity" => Readiness::Failed(state.clone()),
        _ => Readiness::Ready,
    };
    let spec = Subnet {
        vpc: Ref::known(subnet.vpc_id()?),
        cidr: subnet.cidr_block().and_then(|range| range.parse().ok()).unwrap_or(NO_RANGE),
        zone: subnet.availability_zone().unwrap_or_default().to_owned(),
        public: subnet.map_public_ip_on_launch().unwrap_or_default(),
    };
    Some(Observed { state, readiness, ..Observed::standing(subnet.subnet_id()?, ec2::read_tags(subnet.tags()), spec) })
}

/// Lists subnets.
///
/// # Errors
/// A page could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let filters = ec2::filters(query, "vpc-id", "subnet-id");
    let subnets = aws
        .read_pages("ec2", "DescribeSubnets", |next| {
            let call = aws.ec2.describe_subnets().set_filters(Some(filters.clone())).max_results(1000);
            async {
                call.set_next_token(next).send().await.map(|page| (page.subnets.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    Ok(Listing { found: subnets.iter().filter_map(read).collect(), ..Listing::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_without_ipv4_is_shown_and_overlaps_with_none() {
        let shown = SdkSubnet::builder().subnet_id("subnet-1").vpc_id("vpc-1").build();
        let super::super::Spec::Subnet(one) = read(&shown).unwrap().spec else { panic!("a subnet") };
        let two = Subnet { cidr: "10.0.0.0/16".parse().unwrap(), ..one.clone() };
        assert!(!one.excludes(&two) && !two.excludes(&one));
    }
}
