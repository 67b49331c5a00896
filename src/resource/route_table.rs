//! A route table: <https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html>.

use aws_sdk_ec2::types::{ResourceType, RouteTable as SdkRouteTable};
use serde::{Deserialize, Serialize};

use super::vpc::Vpc;
use super::{
    Creation, Listing, Observed, Operations, Query, Ref, Resource, Seconds, ec2, route, route_table_association,
};
use crate::aws::{Aws, Class, Failure};

/// The output of a VPC's main table.
const MAIN: &str = "main";

/// What a route table is; its routes and associations are resources of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    /// The VPC it is part of.
    pub vpc: Ref<Vpc>,
}

impl Resource for RouteTable {
    const OWNERS: &'static [&'static str] = &["vpc"];
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "CreateRouteTable",
        change: "CreateRouteTable",
        delete: "DeleteRouteTable",
    };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let vpc = self.vpc.id()?;
        let tags = ec2::tag_specification(ResourceType::RouteTable, &with.tags);
        let answer = aws
            .write("ec2", "CreateRouteTable", || {
                let call = aws.ec2.create_route_table().vpc_id(vpc).client_token(&with.token);
                call.set_tag_specifications(tags.clone().map(|tags| vec![tags])).send()
            })
            .await?;
        answer
            .route_table()
            .and_then(read)
            .ok_or_else(|| Failure::here("CreateRouteTable", Class::UnknownOutcome, "no route table in the answer"))
    }

    /// The main table of a VPC can't be deleted: it goes with the VPC.
    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        if is_main(observed) {
            return Ok(());
        }
        let call = || aws.ec2.delete_route_table().route_table_id(&observed.id).send();
        aws.write("ec2", "DeleteRouteTable", call).await.map(drop)
    }
}

fn read(table: &SdkRouteTable) -> Option<Observed> {
    let spec = RouteTable { vpc: Ref::known(table.vpc_id()?) };
    let mut observed = Observed::standing(table.route_table_id()?, ec2::read_tags(table.tags()), spec);
    if table.associations().iter().any(|association| association.main() == Some(true)) {
        observed.outputs.insert(MAIN.into(), "true".into());
    }
    Some(observed)
}

/// Whether it is the main table of its VPC: that of the subnets that are associated with none.
pub fn is_main(observed: &Observed) -> bool {
    observed.outputs.contains_key(MAIN)
}

/// Lists route tables, their routes and their associations.
///
/// # Errors
/// A page could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let filters = ec2::filters(query, "vpc-id", "route-table-id");
    let tables = aws
        .read_pages("ec2", "DescribeRouteTables", |next| {
            let call = aws.ec2.describe_route_tables().set_filters(Some(filters.clone())).max_results(100);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.route_tables.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    let mut listing = Listing::default();
    for table in &tables {
        listing.found.extend(read(table));
        listing.found.extend(route::of_table(table));
        listing.found.extend(route_table_association::of_table(table));
    }
    Ok(listing)
}
