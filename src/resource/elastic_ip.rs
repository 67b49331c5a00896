//! An Elastic IP address: <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-eips.html>. Output `public_ip`.

use aws_sdk_ec2::types::{DomainType, ResourceType};
use serde::{Deserialize, Serialize};

use super::{Creation, Listing, Observed, Operations, Query, Resource, Seconds, ec2};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What an address is: nothing about it can be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElasticIp {}

impl Resource for ElasticIp {
    const ROOT: bool = true;
    const OPERATIONS: Operations =
        Operations { service: "ec2", create: "AllocateAddress", change: "AllocateAddress", delete: "ReleaseAddress" };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let tags = ec2::tag_specification(ResourceType::ElasticIp, &with.tags);
        let answer = aws
            .write("ec2", "AllocateAddress", || {
                let call = aws.ec2.allocate_address().domain(DomainType::Vpc);
                call.set_tag_specifications(tags.clone().map(|tags| vec![tags])).send()
            })
            .await?;
        observed(answer.allocation_id(), answer.public_ip(), with.tags.clone())
            .ok_or_else(|| Failure::here("AllocateAddress", Class::UnknownOutcome, "no address in the answer"))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let call = || aws.ec2.release_address().allocation_id(&observed.id).send();
        aws.write("ec2", "ReleaseAddress", call).await.map(drop)
    }
}

fn observed(id: Option<&str>, public_ip: Option<&str>, tags: Tags) -> Option<Observed> {
    let mut observed = Observed::standing(id?, tags, ElasticIp {});
    observed.outputs.extend(public_ip.map(|ip| ("public_ip".to_owned(), ip.to_owned())));
    Some(observed)
}

/// Lists addresses. They are the account's, inside no VPC.
///
/// # Errors
/// The list could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    if matches!(query, Query::Inside(_)) {
        return Ok(Listing::default());
    }
    let filters = ec2::filters(query, "", "allocation-id");
    let call = || aws.ec2.describe_addresses().set_filters(Some(filters.clone())).send();
    let answer = aws.read("ec2", "DescribeAddresses", call).await?;
    let addresses = answer.addresses().iter();
    let found = addresses
        .filter_map(|address| observed(address.allocation_id(), address.public_ip(), ec2::read_tags(address.tags())));
    Ok(Listing { found: found.collect(), ..Listing::default() })
}
