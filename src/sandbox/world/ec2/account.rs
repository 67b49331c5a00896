//! What EC2 says of the account itself.

use serde_json::{Value, json};

use super::{Ec2, Input, Operation, invalid};
use crate::sandbox::api::Answer;
use crate::sandbox::world::Context;

pub const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeAccountAttributes",
    members: &["AttributeNames"],
    run: Ec2::describe_account_attributes,
}];

impl Ec2 {
    fn describe_account_attributes(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let attributes = [
            ("supported-platforms", "VPC"),
            ("default-vpc", self.default_vpc().unwrap_or("none")),
            ("max-instances", "20"),
            ("max-elastic-ips", "5"),
            ("vpc-max-elastic-ips", "5"),
            ("vpc-max-security-groups-per-interface", "5"),
        ];
        let names = input.texts("AttributeNames");
        if let Some(unknown) = names.iter().find(|name| !attributes.iter().any(|(known, _)| known == *name)) {
            return Err(invalid(format!("Value ({unknown}) for parameter attributeName is invalid.")));
        }
        let wanted = attributes.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
        let view = |(name, value): &(&str, &str)| {
            let value = json!({"AttributeValue": value});
            json!({"AttributeName": name, "AttributeValues": [value]})
        };
        Ok(json!({"AccountAttributes": wanted.map(view).collect::<Vec<Value>>()}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn the_default_vpc_is_an_attribute_of_the_account() {
        let mut world = Sandbox::new();
        let vpc = world.ok("DescribeVpcs", json!({}))["Vpcs"][0]["VpcId"].clone();
        let attributes = world.ok("DescribeAccountAttributes", json!({"AttributeNames": ["default-vpc"]}));
        assert_eq!(attributes["AccountAttributes"][0]["AttributeValues"][0]["AttributeValue"], vpc);
    }
}
