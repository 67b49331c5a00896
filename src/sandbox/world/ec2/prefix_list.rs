//! AWS's own prefix lists: the address blocks of the services that gateway endpoints lead to.

use serde_json::{Value, json};

use super::filter::Listing;
use super::vpc_endpoint::EndpointType;
use super::{Ec2, Input, Kind, Operation, vpc_endpoint_service};
use crate::sandbox::api::Answer;
use crate::sandbox::world::{Context, Dice};

const KIND: Kind = Kind {
    prefix: "pl",
    resource_type: "prefix-list",
    label: "prefix list ID",
    not_found: "InvalidPrefixListID.NotFound",
    malformed: "InvalidPrefixListId.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DescribePrefixLists",
        members: &["PrefixListIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_prefix_lists,
    },
    Operation {
        name: "DescribeManagedPrefixLists",
        members: &["PrefixListIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_managed_prefix_lists,
    },
    Operation {
        name: "GetManagedPrefixListEntries",
        members: &["PrefixListId", "TargetVersion", "MaxResults", "NextToken"],
        run: Ec2::get_managed_prefix_list_entries,
    },
];

const LISTING: Listing = Listing {
    ids: Some(("PrefixListIds", &KIND)),
    result: "PrefixLists",
    key: &["PrefixListId"],
    most: 1000,
    filters: &[("owner-id", "OwnerId"), ("prefix-list-id", "PrefixListId"), ("prefix-list-name", "PrefixListName")],
};

const ENTRIES: Listing = Listing { ids: None, result: "Entries", key: &["Cidr"], most: 100, filters: &[] };

/// The id of a service's list. A service keeps it forever in a Region.
pub fn id_of(service_name: &str) -> String {
    format!("pl-{}", Dice::labelled(0, &["prefix list", service_name]).hex(8))
}

/// The blocks of a service's list.
fn cidrs(service_name: &str) -> Vec<String> {
    let mut dice = Dice::labelled(0, &["blocks", service_name]);
    let mut second = || dice.below(128) * 2;
    vec![format!("3.{}.0.0/18", second()), format!("52.{}.0.0/15", second())]
}

/// The names of a Region's lists: those of the services that have gateways.
fn names(context: &Context<'_>) -> Vec<String> {
    let services = vpc_endpoint_service::services(context).into_iter();
    let gateways = services.filter(|service| service.endpoint_type == EndpointType::Gateway);
    gateways.map(|service| service.name).collect()
}

impl Ec2 {
    fn describe_prefix_lists(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let view = |name: &String| json!({"Cidrs": cidrs(name), "PrefixListId": id_of(name), "PrefixListName": name});
        LISTING.answer(input, names(context).iter().map(view).collect())
    }

    fn describe_managed_prefix_lists(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let view = |name: &String| {
            let id = id_of(name);
            json!({
                "AddressFamily": "IPv4",
                "OwnerId": "AWS",
                "PrefixListArn": format!("arn:{}:ec2:{}:aws:prefix-list/{id}", context.partition(), context.region),
                "PrefixListId": id,
                "PrefixListName": name,
                "State": "create-complete",
                "Tags": [],
            })
        };
        LISTING.answer(input, names(context).iter().map(view).collect())
    }

    fn get_managed_prefix_list_entries(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("PrefixListId")?;
        KIND.check(id)?;
        let names = names(context);
        let name = names.iter().find(|name| id_of(name) == id).ok_or_else(|| KIND.missing(id))?;
        let entries: Vec<Value> = cidrs(name).iter().map(|cidr| json!({"Cidr": cidr})).collect();
        ENTRIES.answer(input, entries)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_region_has_a_list_for_each_service_with_gateways() {
        let mut world = Sandbox::new();
        let lists = world.ok("DescribeManagedPrefixLists", json!({}));
        let lists = lists["PrefixLists"].as_array().unwrap().clone();
        let mut names: Vec<_> = lists.iter().map(|list| list["PrefixListName"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["com.amazonaws.us-east-1.dynamodb", "com.amazonaws.us-east-1.s3"]);

        let by_name = json!({"Filters": [{"Name": "prefix-list-name", "Values": ["com.amazonaws.us-east-1.s3"]}]});
        let list = world.ok("DescribePrefixLists", by_name)["PrefixLists"][0].clone();
        let entries = world.ok("GetManagedPrefixListEntries", json!({"PrefixListId": list["PrefixListId"]}));
        let blocks: Vec<_> = entries["Entries"].as_array().unwrap().iter().map(|entry| entry["Cidr"].clone()).collect();
        assert_eq!(json!(blocks), list["Cidrs"]);
    }

    #[test]
    fn unknown_lists_are_refused() {
        let mut world = Sandbox::new();
        let ask = |id: &str| json!({"PrefixListId": id});
        assert_eq!(world.refused("GetManagedPrefixListEntries", ask("pl-00000000")), "InvalidPrefixListID.NotFound");
        assert_eq!(world.refused("GetManagedPrefixListEntries", ask("list")), "InvalidPrefixListId.Malformed");
    }
}
