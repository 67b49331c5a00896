//! A public NAT gateway: <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html>.

use std::net::Ipv4Addr;

use aws_sdk_ec2::types::{ConnectivityType, NatGateway as SdkNatGateway, ResourceType};
use serde::{Deserialize, Serialize};

use super::elastic_ip::ElasticIp;
use super::subnet::Subnet;
use super::{Creation, Kind, Listing, Observed, Operations, Query, Readiness, Ref, Resource, Seconds, ec2};
use crate::aws::{Aws, Class, Failure};

/// What a NAT gateway is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatGateway {
    /// The public subnet it stands in.
    pub subnet: Ref<Subnet>,
    /// Its address in it. `None`: AWS chooses.
    pub private_address: Option<Ipv4Addr>,
    /// Its public address; none for a private one.
    pub elastic_ip: Option<Ref<ElasticIp>>,
}

impl Resource for NatGateway {
    const OWNERS: &'static [&'static str] = &["subnet"];
    /// Without an attached internet gateway it ends as `failed`.
    const NEEDS: &'static [Kind] = &[Kind::InternetGateway];
    const LINGERS: bool = true;
    const FAILED_IS_GONE: bool = true;
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "CreateNatGateway",
        change: "CreateNatGateway",
        delete: "DeleteNatGateway",
    };
    const SECONDS: Seconds = Seconds { create: 90.0, delete: 60.0 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {:?}", self.subnet.text(), self.elastic_ip.as_ref().map(Ref::text)))
    }

    /// An address serves one gateway.
    fn excludes(&self, other: &Self) -> bool {
        self.elastic_ip.is_some() && self.elastic_ip == other.elastic_ip
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let subnet = self.subnet.id()?;
        let address = self.elastic_ip.as_ref().map(Ref::id).transpose()?;
        let connectivity = if address.is_some() { ConnectivityType::Public } else { ConnectivityType::Private };
        let tags = ec2::tag_specification(ResourceType::Natgateway, &with.tags);
        let answer = aws
            .write("ec2", "CreateNatGateway", || {
                let call = aws.ec2.create_nat_gateway().subnet_id(subnet).set_allocation_id(address.map(str::to_owned));
                let call = call.connectivity_type(connectivity.clone()).client_token(&with.token);
                let call = call.set_private_ip_address(self.private_address.map(|address| address.to_string()));
                call.set_tag_specifications(tags.clone().map(|tags| vec![tags])).send()
            })
            .await?;
        answer
            .nat_gateway()
            .and_then(read)
            .ok_or_else(|| Failure::here("CreateNatGateway", Class::UnknownOutcome, "no NAT gateway in the answer"))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let call = || aws.ec2.delete_nat_gateway().nat_gateway_id(&observed.id).send();
        aws.write("ec2", "DeleteNatGateway", call).await.map(drop)
    }
}

/// A gateway, unless it is a ghost: AWS lists those that are deleted for an hour.
fn read(gateway: &SdkNatGateway) -> Option<Observed> {
    let state = gateway.state().map_or("available", |state| state.as_str()).to_lowercase();
    let readiness = match state.as_str() {
        "pending" => Readiness::Pending,
        "deleting" => Readiness::Deleting,
        "deleted" => return None,
        "failed" => Readiness::Failed(gateway.failure_message().unwrap_or("no reason given").to_owned()),
        _ => Readiness::Ready,
    };
    let addresses = gateway.nat_gateway_addresses();
    let primary = addresses.iter().find(|address| address.is_primary() == Some(true)).or(addresses.first());
    let spec = NatGateway {
        subnet: Ref::known(gateway.subnet_id()?),
        private_address: primary.and_then(|address| address.private_ip()?.parse().ok()),
        elastic_ip: primary.and_then(|address| address.allocation_id()).map(Ref::known),
    };
    // While it is pending AWS doesn't yet know all of its addresses.
    let mut unread = Vec::new();
    if spec.private_address.is_none() {
        unread.push("private_address".into());
    }
    if spec.elastic_ip.is_none() && readiness == Readiness::Pending {
        unread.push("elastic_ip".into());
    }
    let standing = Observed::standing(gateway.nat_gateway_id()?, ec2::read_tags(gateway.tags()), spec);
    Some(Observed { state, readiness, unread, ..standing })
}

/// Lists NAT gateways.
///
/// # Errors
/// A page could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let filters = ec2::filters(query, "vpc-id", "nat-gateway-id");
    let gateways = aws
        .read_pages("ec2", "DescribeNatGateways", |next| {
            let call = aws.ec2.describe_nat_gateways().set_filter(Some(filters.clone())).max_results(1000);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.nat_gateways.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    Ok(Listing { found: gateways.iter().filter_map(read).collect(), ..Listing::default() })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{NatGatewayAddress, NatGatewayState};

    use super::*;

    fn gateway(state: NatGatewayState) -> SdkNatGateway {
        let address = |id, primary| {
            NatGatewayAddress::builder().allocation_id(id).private_ip("10.0.0.9").is_primary(primary).build()
        };
        SdkNatGateway::builder()
            .nat_gateway_id("nat-1")
            .subnet_id("subnet-1")
            .state(state)
            .failure_message("Network vpc-1 has no Internet gateway attached")
            .nat_gateway_addresses(address("eipalloc-2", false))
            .nat_gateway_addresses(address("eipalloc-1", true))
            .build()
    }

    #[test]
    fn its_address_is_the_primary_one() {
        let observed = read(&gateway(NatGatewayState::Available)).unwrap();
        let (private_address, elastic_ip) = (Some([10, 0, 0, 9].into()), Some(Ref::known("eipalloc-1")));
        let expected = NatGateway { subnet: Ref::known("subnet-1"), private_address, elastic_ip };
        assert_eq!(observed.spec, expected.into());
    }

    #[test]
    fn what_a_pending_one_does_not_show_yet_is_unread() {
        let pending = |address: NatGatewayAddress| {
            let gateway = SdkNatGateway::builder().nat_gateway_id("nat-1").subnet_id("subnet-1");
            read(&gateway.state(NatGatewayState::Pending).nat_gateway_addresses(address).build()).unwrap()
        };
        let allocated = NatGatewayAddress::builder().allocation_id("eipalloc-1");
        assert_eq!(pending(allocated.clone().build()).unread, ["private_address"]);
        assert_eq!(pending(NatGatewayAddress::builder().build()).unread, ["private_address", "elastic_ip"]);
        assert!(pending(allocated.private_ip("10.0.0.9").build()).unread.is_empty());
    }

    #[test]
    fn a_failed_one_says_why_and_a_deleted_one_is_not_there() {
        let why = "Network vpc-1 has no Internet gateway attached".to_owned();
        assert_eq!(read(&gateway(NatGatewayState::Failed)).unwrap().readiness, Readiness::Failed(why));
        assert_eq!(read(&gateway(NatGatewayState::Deleting)).unwrap().readiness, Readiness::Deleting);
        assert_eq!(read(&gateway(NatGatewayState::Deleted)), None);
    }

    #[test]
    fn two_in_different_subnets_cannot_share_an_address() {
        let private = |subnet: &str| NatGateway { subnet: Ref::known(subnet), private_address: None, elastic_ip: None };
        let gateway = |subnet: &str| NatGateway { elastic_ip: Some(Ref::known("eip")), ..private(subnet) };
        assert!(gateway("subnet-1").excludes(&gateway("subnet-2")));
        assert!(!private("subnet-1").excludes(&private("subnet-1")));
    }
}
