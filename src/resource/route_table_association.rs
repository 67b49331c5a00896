//! Which route table a subnet uses.

use aws_sdk_ec2::types::RouteTable as SdkRouteTable;
use serde::{Deserialize, Serialize};

use super::route_table::RouteTable;
use super::subnet::Subnet;
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What an association is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTableAssociation {
    /// The table that the subnet uses.
    pub route_table: Ref<RouteTable>,
    /// The subnet; it uses one table at a time.
    pub subnet: Ref<Subnet>,
}

impl Resource for RouteTableAssociation {
    const IN_PLACE: &'static [&'static str] = &["route_table"];
    const OWNERS: &'static [&'static str] = &["subnet"];
    const IN_SET: bool = true;
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "AssociateRouteTable",
        change: "ReplaceRouteTableAssociation",
        delete: "DisassociateRouteTable",
    };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };
    const TAGGED: bool = false;

    fn natural_key(&self) -> Option<String> {
        Some(self.subnet.text())
    }

    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let (table, subnet) = (self.route_table.id()?, self.subnet.id()?);
        let call = || aws.ec2.associate_route_table().route_table_id(table).subnet_id(subnet).send();
        let answer = aws.write("ec2", "AssociateRouteTable", call).await?;
        Ok(Observed::standing(answer.association_id().unwrap_or_default(), Tags::new(), self.clone()))
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let table = self.route_table.id()?;
        aws.write("ec2", "ReplaceRouteTableAssociation", || {
            aws.ec2.replace_route_table_association().association_id(&from.id).route_table_id(table).send()
        })
        .await
        .map(drop)
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let call = || aws.ec2.disassociate_route_table().association_id(&observed.id).send();
        aws.write("ec2", "DisassociateRouteTable", call).await.map(drop)
    }

    async fn tag(_aws: &Aws, id: &str, _tags: &Tags) -> Result<(), Failure> {
        Err(Failure::here("tag", Class::Wrong, format!("{id} takes no tags")))
    }
}

/// The subnets associated with a table. Its being the main table, and gateways, are not associations of a subnet.
pub(super) fn of_table(table: &SdkRouteTable) -> Vec<Observed> {
    let associations = table.associations().iter().filter(|association| association.main() != Some(true));
    associations
        .filter(|association| {
            let state = association.association_state().and_then(|state| state.state());
            !state.is_some_and(|state| matches!(state.as_str(), "disassociating" | "disassociated" | "failed"))
        })
        .filter_map(|association| {
            let spec: Spec = RouteTableAssociation {
                route_table: Ref::known(table.route_table_id()?),
                subnet: Ref::known(association.subnet_id()?),
            }
            .into();
            Some(Observed::standing(association.route_table_association_id()?, Tags::new(), spec))
        })
        .collect()
}
