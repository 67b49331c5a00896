//! A gateway VPC endpoint: <https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>.

use aws_sdk_ec2::operation::modify_vpc_endpoint::builders::ModifyVpcEndpointInputBuilder;
use aws_sdk_ec2::types::{ResourceType, VpcEndpoint, VpcEndpointType};
use serde::{Deserialize, Serialize};

use super::interface_endpoint::{self, missing};
use super::policy::Policy;
use super::route_table::RouteTable;
use super::vpc::Vpc;
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Set, Spec, ec2};
use crate::aws::{Aws, Class, Failure};

/// What a gateway endpoint is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayEndpoint {
    /// The VPC it stands in.
    pub vpc: Ref<Vpc>,
    /// The service, by its full name: `com.amazonaws.eu-west-1.s3`.
    pub service: String,
    /// The tables in which it puts its route.
    pub route_tables: Set<Ref<RouteTable>>,
    /// What may be asked through it.
    pub policy: Policy,
}

impl Resource for GatewayEndpoint {
    const IN_PLACE: &'static [&'static str] = &["route_tables", "policy"];
    const OWNERS: &'static [&'static str] = &["vpc"];
    const LINGERS: bool = true;
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "CreateVpcEndpoint",
        change: "ModifyVpcEndpoint",
        delete: "DeleteVpcEndpoints",
    };
    const SECONDS: Seconds = Seconds { create: 6.0, delete: 3.0 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.vpc.text(), self.service))
    }

    /// A table has one route to a service.
    fn excludes(&self, other: &Self) -> bool {
        let shared = self.route_tables.iter().any(|one| other.route_tables.iter().any(|two| one == two));
        self.vpc == other.vpc && self.service == other.service && shared
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let (vpc, tables) = (self.vpc.id()?, self.route_tables.ids()?);
        let policy = self.policy.endpoint_document();
        let tags = ec2::tag_specification(ResourceType::VpcEndpoint, &with.tags);
        let answer = aws
            .write("ec2", "CreateVpcEndpoint", || {
                let call = aws.ec2.create_vpc_endpoint().vpc_endpoint_type(VpcEndpointType::Gateway).vpc_id(vpc);
                let call = call.service_name(&self.service).set_route_table_ids(Some(tables.clone()));
                let call = call.set_policy_document(policy.clone()).client_token(&with.token);
                call.set_tag_specifications(tags.clone().map(|tags| vec![tags])).send()
            })
            .await?;
        answer
            .vpc_endpoint()
            .and_then(read)
            .ok_or_else(|| Failure::here("CreateVpcEndpoint", Class::UnknownOutcome, "no endpoint in the answer"))
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        interface_endpoint::modify(aws, from, self.vpc.id()?, |now| match now {
            Spec::GatewayEndpoint(now) => self.modification(now),
            _ => Ok(ModifyVpcEndpointInputBuilder::default()),
        })
        .await
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        interface_endpoint::delete(aws, &observed.id).await
    }
}

impl GatewayEndpoint {
    /// What turns `now` into this one.
    fn modification(&self, now: &Self) -> Result<ModifyVpcEndpointInputBuilder, Failure> {
        let (wanted, there) = (self.route_tables.ids()?, now.route_tables.ids()?);
        let policy = (self.policy != now.policy).then(|| self.policy.document());
        Ok(ModifyVpcEndpointInputBuilder::default()
            .set_add_route_table_ids(missing(&wanted, &there))
            .set_remove_route_table_ids(missing(&there, &wanted))
            .set_policy_document(policy))
    }
}

pub(super) fn read(endpoint: &VpcEndpoint) -> Option<Observed> {
    let spec = GatewayEndpoint {
        vpc: Ref::known(endpoint.vpc_id()?),
        service: endpoint.service_name()?.to_owned(),
        route_tables: endpoint.route_table_ids().iter().map(Ref::known).collect(),
        policy: Policy::of_endpoint(endpoint.policy_document()),
    };
    interface_endpoint::observed(endpoint, spec.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(tables: &[&str], policy: &str) -> GatewayEndpoint {
        GatewayEndpoint {
            vpc: Ref::known("vpc-1"),
            service: "com.amazonaws.eu-west-1.s3".into(),
            route_tables: tables.iter().copied().map(Ref::known).collect(),
            policy: Policy::parse(policy),
        }
    }

    #[test]
    fn only_what_differs_is_modified() {
        let (wanted, now) = (endpoint(&["rtb-1", "rtb-2"], "{}"), endpoint(&["rtb-2", "rtb-3"], "{}"));
        let input = wanted.modification(&now).unwrap();
        let expected = ModifyVpcEndpointInputBuilder::default();
        assert_eq!(input, expected.add_route_table_ids("rtb-1").remove_route_table_ids("rtb-3"));
        assert_eq!(wanted.modification(&wanted).unwrap(), ModifyVpcEndpointInputBuilder::default());
    }
}
