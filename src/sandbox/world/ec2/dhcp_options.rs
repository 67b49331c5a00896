//! DHCP option sets: AWS's own.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::{Ec2, Input, Kind, Operation};
use crate::sandbox::api::Answer;
use crate::sandbox::world::{Context, Dice};

pub const KIND: Kind = Kind {
    prefix: "dopt",
    resource_type: "dhcp-options",
    label: "dhcpOption ID",
    not_found: "InvalidDhcpOptionID.NotFound",
    malformed: "InvalidDhcpOptionsId.Malformed",
};

pub const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeDhcpOptions",
    members: &["DhcpOptionsIds", "Filters", "MaxResults", "NextToken"],
    run: Ec2::describe_dhcp_options,
}];

const LISTING: Listing = Listing {
    ids: Some(("DhcpOptionsIds", &KIND)),
    result: "DhcpOptions",
    key: &["DhcpOptionsId"],
    most: 1000,
    filters: &[
        ("dhcp-options-id", "DhcpOptionsId"),
        ("key", "DhcpConfigurations.Key"),
        ("value", "DhcpConfigurations.Values.Value"),
        ("owner-id", "OwnerId"),
    ],
};

/// A set of DHCP options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DhcpOptions {
    /// Whether it is the set that the Region came with.
    pub is_default: bool,
    /// Option names with their values, in the order they were given.
    pub options: Vec<(String, Vec<String>)>,
}

impl Ec2 {
    pub(super) fn add_default_dhcp_options(&mut self, region: &str, dice: &mut Dice) -> String {
        let domain = if region == "us-east-1" { "ec2.internal".into() } else { format!("{region}.compute.internal") };
        let options = vec![
            ("domain-name".into(), vec![domain]),
            ("domain-name-servers".into(), vec!["AmazonProvidedDNS".into()]),
        ];
        let id = dice.id(KIND.prefix);
        self.dhcp_options.insert(id.clone(), DhcpOptions { is_default: true, options });
        id
    }

    /// The set that a new VPC gets.
    pub(super) fn default_dhcp_options(&self) -> String {
        let default = self.dhcp_options.iter().find(|(_, set)| set.is_default);
        default.map_or("default".into(), |(id, _)| id.clone())
    }

    fn describe_dhcp_options(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        LISTING
            .answer(input, self.dhcp_options.iter().map(|(id, set)| self.dhcp_options_view(context, id, set)).collect())
    }

    fn dhcp_options_view(&self, context: &Context<'_>, id: &str, set: &DhcpOptions) -> Value {
        let configuration = |(key, values): &(String, Vec<String>)| {
            let values: Vec<Value> = values.iter().map(|value| json!({"Value": value})).collect();
            json!({"Key": key, "Values": values})
        };
        json!({
            "DhcpConfigurations": set.options.iter().map(configuration).collect::<Vec<_>>(),
            "DhcpOptionsId": id,
            "OwnerId": context.account,
            "Tags": self.tags_view(id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn every_new_vpc_uses_the_sets_that_its_region_came_with() {
        let mut world = Sandbox::new();
        let vpc = world.ok("CreateVpc", json!({"CidrBlock": "10.0.0.0/16"}));
        let sets = world.ok("DescribeDhcpOptions", json!({"DhcpOptionsIds": [vpc["Vpc"]["DhcpOptionsId"]]}));
        assert_eq!(sets["DhcpOptions"][0]["DhcpConfigurations"][0]["Values"][0]["Value"], "ec2.internal");
    }
}
