//! An EBS volume that no instance has: what an instance leaves behind when it was told not to take its volume along.
//! Volumes in use are part of their instance.

use aws_sdk_ec2::types::{Filter, Volume as SdkVolume};
use serde::{Deserialize, Serialize};

use super::{Creation, Listing, Observed, Operations, Query, Readiness, Resource, Seconds, ec2};
use crate::aws::{Aws, Class, Failure};

/// What a volume is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Its availability zone.
    pub zone: String,
    /// Its size.
    pub size_gib: i32,
}

impl Resource for Volume {
    const ROOT: bool = true;
    const OPERATIONS: Operations =
        Operations { service: "ec2", create: "CreateVolume", change: "ModifyVolume", delete: "DeleteVolume" };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };

    async fn create(&self, _aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        Err(Failure::here("CreateVolume", Class::Wrong, "no lab has a volume of its own"))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        aws.write("ec2", "DeleteVolume", || aws.ec2.delete_volume().volume_id(&observed.id).send()).await.map(drop)
    }
}

fn read(volume: &SdkVolume) -> Option<Observed> {
    let state = volume.state().map_or("available", |state| state.as_str()).to_lowercase();
    let readiness = match state.as_str() {
        "creating" => Readiness::Pending,
        "deleting" | "deleted" => Readiness::Deleting,
        "error" => Readiness::Failed(state.clone()),
        _ => Readiness::Ready,
    };
    let spec = Volume {
        zone: volume.availability_zone().unwrap_or_default().to_owned(),
        size_gib: volume.size().unwrap_or_default(),
    };
    Some(Observed { state, readiness, ..Observed::standing(volume.volume_id()?, ec2::read_tags(volume.tags()), spec) })
}

/// Lists volumes; of a lab only those that no instance has.
///
/// # Errors
/// A page could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let mut filters = ec2::filters(query, "", "volume-id");
    match query {
        Query::Lab(_) => filters.push(ec2::filter("status", ["available"])),
        Query::Ids(_) => {}
        Query::Inside(_) => return Ok(Listing::default()),
    }
    let volumes = describe(aws, filters).await?;
    Ok(Listing { found: volumes.iter().filter_map(read).collect(), ..Listing::default() })
}

/// The volumes that these filters let through.
pub(super) async fn describe(aws: &Aws, filters: Vec<Filter>) -> Result<Vec<SdkVolume>, Failure> {
    aws.read_pages("ec2", "DescribeVolumes", |next| {
        let call = aws.ec2.describe_volumes().set_filters(Some(filters.clone())).max_results(500);
        async { call.set_next_token(next).send().await.map(|page| (page.volumes.unwrap_or_default(), page.next_token)) }
    })
    .await
}
