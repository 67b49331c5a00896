//! A VPC: <https://docs.aws.amazon.com/vpc/latest/userguide/configure-your-vpc.html>.

use std::time::Duration;

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Vpc as SdkVpc, VpcAttributeName};
use futures::future;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::{
    Creation, Kind, Listing, Observed, Operations, Query, Readiness, Resource, Seconds, dhcp_options_association, ec2,
};
use crate::aws::{Aws, Class, Failure};

/// How often, and how many times, to ask whether an attribute is as it was set: reads lag behind writes.
const RHYTHM: Duration = Duration::from_secs(1);
const LOOKS: u32 = 60;

/// What a VPC is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// Its primary range, /16 to /28.
    pub cidr: Ipv4Net,
    /// Whether AWS's resolver answers at base + 2. `None`: not read.
    pub dns_support: Option<bool>,
    /// Whether instances get DNS names; private DNS of endpoints needs it. `None`: not read.
    pub dns_hostnames: Option<bool>,
}

impl Resource for Vpc {
    const IN_PLACE: &'static [&'static str] = &["dns_support", "dns_hostnames"];
    const ROOT: bool = true;
    /// The default quota is five VPCs a Region, the default one among them: there is no room for old and new.
    const DELETED_FIRST: bool = true;
    const OPERATIONS: Operations =
        Operations { service: "ec2", create: "CreateVpc", change: "ModifyVpcAttribute", delete: "DeleteVpc" };
    const SECONDS: Seconds = Seconds { create: 1.1, delete: 1.0 };

    fn as_created(&self) -> Self {
        Self { dns_support: Some(true), dns_hostnames: Some(false), ..self.clone() }
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let tags = ec2::tag_specification(ResourceType::Vpc, &with.tags);
        let answer = aws
            .write("ec2", "CreateVpc", || {
                let call = aws.ec2.create_vpc().cidr_block(self.cidr.to_string());
                call.set_tag_specifications(tags.clone().map(|tags| vec![tags])).send()
            })
            .await?;
        answer
            .vpc()
            .and_then(read)
            .ok_or_else(|| Failure::here("CreateVpc", Class::UnknownOutcome, "no VPC in the answer"))
    }

    async fn complete(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        self.set_attributes(aws, id, &self.as_created()).await
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        match &from.spec {
            super::Spec::Vpc(now) => self.set_attributes(aws, &from.id, now).await,
            _ => Ok(()),
        }
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        aws.write("ec2", "DeleteVpc", || aws.ec2.delete_vpc().vpc_id(&observed.id).send()).await.map(drop)
    }
}

impl Vpc {
    /// One attribute a call; host names need support, so support is turned on first and off last. Done once AWS shows
    /// them so: private DNS of endpoints needs both.
    async fn set_attributes(&self, aws: &Aws, id: &str, now: &Self) -> Result<(), Failure> {
        let value = |on| AttributeBooleanValue::builder().value(on).build();
        let support = self.dns_support.filter(|on| now.dns_support != Some(*on));
        let hostnames = self.dns_hostnames.filter(|on| now.dns_hostnames != Some(*on));
        let set_support = async |on: bool| {
            let call = || aws.ec2.modify_vpc_attribute().vpc_id(id).enable_dns_support(value(on)).send();
            aws.write("ec2", "ModifyVpcAttribute", call).await
        };
        if support == Some(true) {
            set_support(true).await?;
        }
        if let Some(on) = hostnames {
            let call = || aws.ec2.modify_vpc_attribute().vpc_id(id).enable_dns_hostnames(value(on)).send();
            aws.write("ec2", "ModifyVpcAttribute", call).await?;
        }
        if support == Some(false) {
            set_support(false).await?;
        }
        let shown = |name, on: Option<bool>| async move {
            if let Some(on) = on { settled(aws, id, name, on).await } else { Ok(()) }
        };
        let (support, hostnames) = future::join(
            shown(VpcAttributeName::EnableDnsSupport, support),
            shown(VpcAttributeName::EnableDnsHostnames, hostnames),
        )
        .await;
        support.and(hostnames)
    }
}

/// Waits until an attribute is shown as it was set.
async fn settled(aws: &Aws, id: &str, name: VpcAttributeName, on: bool) -> Result<(), Failure> {
    for _ in 0..LOOKS {
        if attribute(aws, id, name.clone()).await? == on {
            return Ok(());
        }
        tokio::time::sleep(RHYTHM).await;
    }
    let message = format!("{} of {id} is not {on} yet", name.as_str());
    Err(Failure::here("DescribeVpcAttribute", Class::InUse, message))
}

fn read(vpc: &SdkVpc) -> Option<Observed> {
    let state = vpc.state().map_or("available", |state| state.as_str()).to_lowercase();
    let readiness = if state == "pending" { Readiness::Pending } else { Readiness::Ready };
    let spec = Vpc { cidr: vpc.cidr_block()?.parse().ok()?, dns_support: None, dns_hostnames: None };
    Some(Observed { state, readiness, ..Observed::standing(vpc.vpc_id()?, ec2::read_tags(vpc.tags()), spec) })
}

/// Lists VPCs and which DHCP options each hands out; a query by id asks for their state only, any other reads both DNS attributes of each as well.
///
/// # Errors
/// A page could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let filters = ec2::filters(query, "vpc-id", "vpc-id");
    let vpcs = aws
        .read_pages("ec2", "DescribeVpcs", |next| {
            let call = aws.ec2.describe_vpcs().set_filters(Some(filters.clone())).max_results(1000);
            async {
                call.set_next_token(next).send().await.map(|page| (page.vpcs.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    let mut listing = Listing { found: vpcs.iter().filter_map(read).collect(), ..Listing::default() };
    let associations = vpcs.iter().filter_map(dhcp_options_association::of_vpc);
    if matches!(query, Query::Ids(_)) {
        listing.found.extend(associations);
        return Ok(listing);
    }
    let attributes = future::join_all(listing.found.iter().map(|vpc| async {
        future::try_join(
            attribute(aws, &vpc.id, VpcAttributeName::EnableDnsSupport),
            attribute(aws, &vpc.id, VpcAttributeName::EnableDnsHostnames),
        )
        .await
    }))
    .await;
    let mut kept = Vec::new();
    for (mut vpc, attributes) in listing.found.into_iter().zip(attributes) {
        match attributes {
            Ok((support, hostnames)) => {
                if let super::Spec::Vpc(spec) = &mut vpc.spec {
                    (spec.dns_support, spec.dns_hostnames) = (Some(support), Some(hostnames));
                }
                kept.push(vpc);
            }
            Err(failure) if failure.class == Class::NotFound => {}
            Err(failure) => {
                listing.unreadable.push((Kind::Vpc, failure));
                kept.push(vpc);
            }
        }
    }
    listing.found = kept.into_iter().chain(associations).collect();
    Ok(listing)
}

async fn attribute(aws: &Aws, id: &str, name: VpcAttributeName) -> Result<bool, Failure> {
    let call = || aws.ec2.describe_vpc_attribute().vpc_id(id).attribute(name.clone()).send();
    let answer = aws.read_listed("ec2", "DescribeVpcAttribute", call).await?;
    let value = match name {
        VpcAttributeName::EnableDnsSupport => answer.enable_dns_support(),
        _ => answer.enable_dns_hostnames(),
    };
    Ok(value.and_then(AttributeBooleanValue::value).unwrap_or_default())
}
