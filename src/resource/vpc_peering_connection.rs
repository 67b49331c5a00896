//! A VPC peering: <https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html>.

use aws_sdk_ec2::types::{ResourceType, VpcPeeringConnection as SdkPeering};
use futures::future;
use serde::{Deserialize, Serialize};

use super::vpc::Vpc;
use super::{Creation, Listing, Observed, Operations, Query, Readiness, Ref, Resource, Seconds, ec2};
use crate::aws::{Aws, Class, Failure};

/// What a peering between two VPCs of one account is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VpcPeeringConnection {
    /// The VPC that asks.
    pub requester: Ref<Vpc>,
    /// The VPC that accepts.
    pub accepter: Ref<Vpc>,
    /// Whether it was accepted; packets pass only then.
    pub accepted: bool,
}

impl Resource for VpcPeeringConnection {
    const IN_PLACE: &'static [&'static str] = &["accepted"];
    const OWNERS: &'static [&'static str] = &["requester", "accepter"];
    const LINGERS: bool = true;
    const FAILED_IS_GONE: bool = true;
    const ROOT: bool = true;
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "CreateVpcPeeringConnection",
        change: "AcceptVpcPeeringConnection",
        delete: "DeleteVpcPeeringConnection",
    };
    const SECONDS: Seconds = Seconds { create: 3.5, delete: 1.0 };

    /// Two VPCs have one peering between them, whichever asked.
    fn natural_key(&self) -> Option<String> {
        let mut vpcs = [self.requester.text(), self.accepter.text()];
        vpcs.sort();
        Some(vpcs.join(" "))
    }

    fn as_created(&self) -> Self {
        Self { accepted: false, ..self.clone() }
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let (requester, accepter) = (self.requester.id()?, self.accepter.id()?);
        let tags = ec2::tag_specification(ResourceType::VpcPeeringConnection, &with.tags);
        let answer = aws
            .write("ec2", "CreateVpcPeeringConnection", || {
                let call = aws.ec2.create_vpc_peering_connection().vpc_id(requester).peer_vpc_id(accepter);
                call.set_tag_specifications(tags.clone().map(|tags| vec![tags])).send()
            })
            .await?;
        answer.vpc_peering_connection().and_then(read).ok_or_else(|| {
            Failure::here("CreateVpcPeeringConnection", Class::UnknownOutcome, "no peering in the answer")
        })
    }

    async fn complete(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        if self.accepted { accept(aws, id).await } else { Ok(()) }
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        self.complete(aws, &from.id).await
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let call = || aws.ec2.delete_vpc_peering_connection().vpc_peering_connection_id(&observed.id).send();
        aws.write("ec2", "DeleteVpcPeeringConnection", call).await.map(drop)
    }
}

/// Accepting what was accepted is refused as a wrong state: then the state decides.
async fn accept(aws: &Aws, id: &str) -> Result<(), Failure> {
    let call = || aws.ec2.accept_vpc_peering_connection().vpc_peering_connection_id(id).send();
    match aws.write("ec2", "AcceptVpcPeeringConnection", call).await {
        Err(failure) if failure.code == "InvalidStateTransition" => {
            let listing = list(aws, &Query::Ids(vec![id.to_owned()])).await?;
            let states: Vec<_> = listing.found.iter().map(|peering| peering.state.as_str()).collect();
            match states.as_slice() {
                ["active" | "provisioning"] => Ok(()),
                _ => Err(failure),
            }
        }
        answer => answer.map(drop),
    }
}

fn read(peering: &SdkPeering) -> Option<Observed> {
    let status = peering.status();
    let state = status.and_then(|status| status.code()).map_or("unknown", |code| code.as_str()).to_lowercase();
    let readiness = match state.as_str() {
        "pending-acceptance" | "active" | "provisioning" => Readiness::Ready,
        "initiating-request" => Readiness::Pending,
        "deleting" => Readiness::Deleting,
        _ => {
            let message = status.and_then(|status| status.message()).unwrap_or("no reason given");
            Readiness::Failed(format!("{state}: {message}"))
        }
    };
    let spec = VpcPeeringConnection {
        requester: Ref::known(peering.requester_vpc_info()?.vpc_id()?),
        accepter: Ref::known(peering.accepter_vpc_info()?.vpc_id()?),
        accepted: matches!(state.as_str(), "active" | "provisioning"),
    };
    let id = peering.vpc_peering_connection_id()?;
    Some(Observed { state, readiness, ..Observed::standing(id, ec2::read_tags(peering.tags()), spec) })
}

/// Lists peerings; [`Query::Inside`] finds them from either side. Those that ended (deleted, failed, rejected,
/// expired) stay in AWS's lists for hours: only a query by id shows them.
///
/// # Errors
/// A page could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let id = "vpc-peering-connection-id";
    let mut peerings = match query {
        Query::Inside(_) => {
            let (asking, accepting) = future::try_join(
                pages(aws, ec2::filters(query, "requester-vpc-info.vpc-id", id)),
                pages(aws, ec2::filters(query, "accepter-vpc-info.vpc-id", id)),
            )
            .await?;
            asking.into_iter().chain(accepting).collect()
        }
        _ => pages(aws, ec2::filters(query, "", id)).await?,
    };
    peerings.sort_by(|one, two| one.id.cmp(&two.id));
    peerings.dedup_by(|one, two| one.id == two.id);
    if !matches!(query, Query::Ids(_)) {
        peerings.retain(|peering| !matches!(peering.readiness, Readiness::Failed(_)));
    }
    Ok(Listing { found: peerings, ..Listing::default() })
}

async fn pages(aws: &Aws, filters: Vec<aws_sdk_ec2::types::Filter>) -> Result<Vec<Observed>, Failure> {
    let peerings = aws
        .read_pages("ec2", "DescribeVpcPeeringConnections", |next| {
            let call = aws.ec2.describe_vpc_peering_connections().set_filters(Some(filters.clone())).max_results(1000);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.vpc_peering_connections.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    Ok(peerings.iter().filter_map(read).collect())
}
