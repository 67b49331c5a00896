//! DHCP option sets: AWS's own and those of the account.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::{Ec2, Input, Kind, Operation, dependency_violation, invalid, missing_parameter, tags, vpc};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice};

pub const KIND: Kind = Kind {
    prefix: "dopt",
    resource_type: "dhcp-options",
    label: "dhcpOption ID",
    not_found: "InvalidDhcpOptionID.NotFound",
    malformed: "InvalidDhcpOptionsId.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateDhcpOptions",
        members: &["DhcpConfigurations", "TagSpecifications"],
        run: Ec2::create_dhcp_options,
    },
    Operation { name: "DeleteDhcpOptions", members: &["DhcpOptionsId"], run: Ec2::delete_dhcp_options },
    Operation { name: "AssociateDhcpOptions", members: &["DhcpOptionsId", "VpcId"], run: Ec2::associate_dhcp_options },
    Operation {
        name: "DescribeDhcpOptions",
        members: &["DhcpOptionsIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_dhcp_options,
    },
];

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

/// In place of an id: no set of the account's, but what AWS itself hands out.
const NO_SET: &str = "default";
/// Servers of a kind and an address family.
const SERVER_QUOTA: usize = 4;

/// A set of DHCP options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DhcpOptions {
    /// Whether it is the set that the Region came with.
    pub is_default: bool,
    /// Option names with their values, in the order they were given.
    pub options: Vec<(String, Vec<String>)>,
}

/// The domain of the hosts of a Region.
pub fn default_domain(region: &str) -> String {
    if region == "us-east-1" { "ec2.internal".into() } else { format!("{region}.compute.internal") }
}

impl Ec2 {
    pub(super) fn add_default_dhcp_options(&mut self, region: &str, dice: &mut Dice) -> String {
        let options = vec![
            ("domain-name".into(), vec![default_domain(region)]),
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

    fn create_dhcp_options(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let mut options: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for configuration in input.list("DhcpConfigurations").iter().map(Input) {
            let key = configuration.required("Key")?;
            let values = configuration.texts("Values");
            let values: Vec<&str> = values.iter().flat_map(|value| value.split(',')).map(str::trim).collect();
            check_option(key, &values)?;
            if options.insert(key.into(), values.into_iter().map(String::from).collect()).is_some() {
                return Err(invalid(format!("The DHCP option {key} is specified more than once.")));
            }
        }
        if options.is_empty() {
            return Err(missing_parameter("DhcpConfiguration"));
        }
        let tags = tags::from_specifications(input, &KIND)?;
        let id = context.dice.id(KIND.prefix);
        let set = DhcpOptions { is_default: false, options: options.into_iter().collect() };
        self.dhcp_options.insert(id.clone(), set);
        self.tag(&id, tags);
        Ok(json!({"DhcpOptions": self.dhcp_options_view(context, &id, &self.dhcp_options[&id])}))
    }

    fn delete_dhcp_options(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("DhcpOptionsId")?;
        KIND.find(&self.dhcp_options, id)?;
        if self.vpcs.values().any(|vpc| vpc.dhcp_options_id == id) {
            let message = format!("The dhcpOptions '{id}' has dependencies and cannot be deleted.");
            return Err(dependency_violation(message));
        }
        self.dhcp_options.remove(id);
        self.drop_stray_tags();
        Ok(json!({}))
    }

    fn associate_dhcp_options(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("DhcpOptionsId")?;
        if id != NO_SET {
            KIND.find(&self.dhcp_options, id)?;
        }
        vpc::KIND.find_mut(&mut self.vpcs, input.required("VpcId")?)?.dhcp_options_id = id.into();
        Ok(json!({}))
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

/// Refuses an option that EC2 does not know, and values that it would not take.
fn check_option(key: &str, values: &[&str]) -> Result<(), ApiError> {
    let refusal = |value: &str| invalid(format!("Value ({value}) for parameter {key} is invalid."));
    let one = || match values {
        [one] => Ok(*one),
        _ => Err(invalid(format!("The DHCP option {key} takes one value."))),
    };
    match key {
        "domain-name" if !one()?.is_empty() => Ok(()),
        "domain-name-servers" if values == ["AmazonProvidedDNS"] => Ok(()),
        "domain-name-servers" | "ntp-servers" => check_servers(key, values),
        "netbios-name-servers" => match values.iter().find(|value| value.parse::<Ipv4Addr>().is_err()) {
            Some(value) => Err(refusal(value)),
            None => check_servers(key, values),
        },
        "netbios-node-type" if matches!(one()?, "1" | "2" | "4" | "8") => Ok(()),
        "ipv6-address-preferred-lease-time"
            if one()?.parse().is_ok_and(|seconds: i64| (140..=2_147_483_647).contains(&seconds)) =>
        {
            Ok(())
        }
        "domain-name" | "netbios-node-type" | "ipv6-address-preferred-lease-time" => Err(refusal(one()?)),
        _ => Err(invalid(format!("Value ({key}) for parameter key is invalid."))),
    }
}

fn check_servers(key: &str, values: &[&str]) -> Result<(), ApiError> {
    let mut families = [0, 0];
    for value in values {
        let Ok(address) = value.parse::<IpAddr>() else {
            return Err(invalid(format!("Value ({value}) for parameter {key} is invalid. Invalid IP address.")));
        };
        families[usize::from(address.is_ipv6())] += 1;
    }
    if values.is_empty() || families.iter().any(|count| *count > SERVER_QUOTA) {
        return Err(invalid(format!("The DHCP option {key} takes one to {SERVER_QUOTA} servers.")));
    }
    Ok(())
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

    fn create(world: &mut Sandbox, configurations: Value) -> String {
        let set = world.ok("CreateDhcpOptions", json!({"DhcpConfigurations": configurations}));
        set["DhcpOptions"]["DhcpOptionsId"].as_str().unwrap().into()
    }

    #[test]
    fn a_set_in_use_cannot_be_deleted_and_default_ends_its_use() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let id = create(&mut world, json!([{"Key": "domain-name-servers", "Values": ["10.0.0.10", "10.0.0.74"]}]));
        world.ok("AssociateDhcpOptions", json!({"DhcpOptionsId": id, "VpcId": vpc}));
        assert_eq!(world.ok("DescribeVpcs", json!({"VpcIds": [vpc]}))["Vpcs"][0]["DhcpOptionsId"], *id);
        let delete = json!({"DhcpOptionsId": id});
        assert_eq!(world.refused("DeleteDhcpOptions", delete.clone()), "DependencyViolation");
        world.ok("AssociateDhcpOptions", json!({"DhcpOptionsId": "default", "VpcId": vpc}));
        assert_eq!(world.ok("DescribeVpcs", json!({"VpcIds": [vpc]}))["Vpcs"][0]["DhcpOptionsId"], "default");
        world.ok("DeleteDhcpOptions", delete.clone());
        assert_eq!(world.refused("DeleteDhcpOptions", delete), "InvalidDhcpOptionID.NotFound");
    }

    #[test]
    fn servers_may_come_in_one_value_with_commas() {
        let mut world = Sandbox::new();
        let id = create(&mut world, json!([{"Key": "ntp-servers", "Values": ["10.0.0.1, 10.0.0.2"]}]));
        let sets = world.ok("DescribeDhcpOptions", json!({"DhcpOptionsIds": [id]}));
        let values = &sets["DhcpOptions"][0]["DhcpConfigurations"][0]["Values"];
        assert_eq!(*values, json!([{"Value": "10.0.0.1"}, {"Value": "10.0.0.2"}]));
    }

    #[test]
    fn options_and_values_are_checked() {
        let mut world = Sandbox::new();
        let five: Vec<String> = (1..=5).map(|n| format!("10.0.0.{n}")).collect();
        for (key, values) in [
            ("domain-name", json!(["a.example", "b.example"])),
            ("domain-name-servers", json!(["dns.example"])),
            ("domain-name-servers", json!(five)),
            ("domain-name-servers", json!([])),
            ("netbios-name-servers", json!(["2001:db8::1"])),
            ("netbios-node-type", json!(["3"])),
            ("ipv6-address-preferred-lease-time", json!(["1"])),
            ("routers", json!(["10.0.0.1"])),
        ] {
            let input = json!({"DhcpConfigurations": [{"Key": key, "Values": values}]});
            assert_eq!(world.refused("CreateDhcpOptions", input), "InvalidParameterValue", "{key}");
        }
        assert_eq!(world.refused("CreateDhcpOptions", json!({})), "MissingParameter");
        create(
            &mut world,
            json!([
                {"Key": "domain-name", "Values": ["corp.example"]},
                {"Key": "domain-name-servers", "Values": ["AmazonProvidedDNS"]},
                {"Key": "netbios-node-type", "Values": ["2"]},
                {"Key": "ipv6-address-preferred-lease-time", "Values": ["3600"]},
            ]),
        );
    }
}
