//! Internet gateways.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::{Ec2, Input, Kind, Operation, dependency_violation, invalid, route_table, vpc};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice};

pub const KIND: Kind = Kind {
    prefix: "igw",
    resource_type: "internet-gateway",
    label: "internetGateway ID",
    not_found: "InvalidInternetGatewayID.NotFound",
    malformed: "InvalidInternetGatewayId.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "CreateInternetGateway", members: &["TagSpecifications"], run: Ec2::create_internet_gateway },
    Operation { name: "DeleteInternetGateway", members: &["InternetGatewayId"], run: Ec2::delete_internet_gateway },
    Operation {
        name: "AttachInternetGateway",
        members: &["InternetGatewayId", "VpcId"],
        run: Ec2::attach_internet_gateway,
    },
    Operation {
        name: "DetachInternetGateway",
        members: &["InternetGatewayId", "VpcId"],
        run: Ec2::detach_internet_gateway,
    },
    Operation {
        name: "DescribeInternetGateways",
        members: &["InternetGatewayIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_internet_gateways,
    },
];

const LISTING: Listing = Listing {
    ids: Some(("InternetGatewayIds", &KIND)),
    result: "InternetGateways",
    key: &["InternetGatewayId"],
    most: 1000,
    filters: &[
        ("attachment.state", "Attachments.State"),
        ("attachment.vpc-id", "Attachments.VpcId"),
        ("internet-gateway-id", "InternetGatewayId"),
        ("owner-id", "OwnerId"),
    ],
};

/// Gateways per Region.
const QUOTA: usize = 5;

/// An internet gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InternetGateway {
    /// The VPC it is attached to.
    pub vpc_id: Option<String>,
}

impl Ec2 {
    /// Gives a Region's default VPC its gateway, and its main route table the way there.
    pub(super) fn add_default_gateway(&mut self, dice: &mut Dice, vpc_id: &str) {
        let id = dice.id(KIND.prefix);
        self.internet_gateways.insert(id.clone(), InternetGateway { vpc_id: Some(vpc_id.into()) });
        for table in self.route_tables.values_mut().filter(|table| table.vpc_id == vpc_id) {
            table.routes.insert(route_table::anywhere(), id.clone());
        }
    }

    /// Whether a VPC has a way to the internet.
    pub(super) fn has_internet_gateway(&self, vpc_id: &str) -> bool {
        self.internet_gateways.values().any(|gateway| gateway.vpc_id.as_deref() == Some(vpc_id))
    }

    fn create_internet_gateway(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let tags = super::tags::from_specifications(input, &KIND)?;
        if self.internet_gateways.len() >= context.quota(QUOTA) {
            let message = "The maximum number of internet gateways has been reached.";
            return Err(ApiError::new("InternetGatewayLimitExceeded", message));
        }
        let id = context.dice.id(KIND.prefix);
        self.internet_gateways.insert(id.clone(), InternetGateway::default());
        self.tag(&id, tags);
        Ok(json!({"InternetGateway": self.internet_gateway_view(context, &id, &self.internet_gateways[&id])}))
    }

    fn delete_internet_gateway(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("InternetGatewayId")?;
        if KIND.find(&self.internet_gateways, id)?.vpc_id.is_some() {
            return Err(KIND.in_use(id));
        }
        self.internet_gateways.remove(id);
        self.drop_stray_tags();
        Ok(json!({}))
    }

    fn attach_internet_gateway(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("InternetGatewayId")?;
        let vpc_id = input.required("VpcId")?;
        let gateway = KIND.find(&self.internet_gateways, id)?;
        vpc::KIND.find(&self.vpcs, vpc_id)?;
        if let Some(attached) = &gateway.vpc_id {
            let message = format!("resource {id} is already attached to network {attached}");
            return Err(ApiError::new("Resource.AlreadyAssociated", message));
        }
        if self.has_internet_gateway(vpc_id) {
            return Err(invalid(format!("Network {vpc_id} already has an internet gateway attached")));
        }
        KIND.find_mut(&mut self.internet_gateways, id)?.vpc_id = Some(vpc_id.into());
        Ok(json!({}))
    }

    fn detach_internet_gateway(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("InternetGatewayId")?;
        let vpc_id = input.required("VpcId")?;
        let gateway = KIND.find_mut(&mut self.internet_gateways, id)?;
        vpc::KIND.find(&self.vpcs, vpc_id)?;
        if gateway.vpc_id.as_deref() != Some(vpc_id) {
            let message = format!("resource {id} is not attached to network {vpc_id}");
            return Err(ApiError::new("Gateway.NotAttached", message));
        }
        let mut interfaces = self.network_interfaces.values().filter(|interface| interface.vpc_id == vpc_id);
        if interfaces.any(|interface| interface.association.is_some()) {
            let message = format!(
                "Network {vpc_id} has some mapped public address(es). \
                 Please unmap those public address(es) before detaching the gateway."
            );
            return Err(dependency_violation(message));
        }
        gateway.vpc_id = None;
        Ok(json!({}))
    }

    fn describe_internet_gateways(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let gateways = self.internet_gateways.iter();
        LISTING.answer(input, gateways.map(|(id, gateway)| self.internet_gateway_view(context, id, gateway)).collect())
    }

    fn internet_gateway_view(&self, context: &Context<'_>, id: &str, gateway: &InternetGateway) -> Value {
        let attachment = |vpc_id| json!({"State": "available", "VpcId": vpc_id});
        json!({
            "Attachments": gateway.vpc_id.iter().map(attachment).collect::<Vec<_>>(),
            "InternetGatewayId": id,
            "OwnerId": context.account,
            "Tags": self.tags_view(id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::network_interface::{Association, NetworkInterface};
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_gateway_serves_one_vpc_and_a_vpc_has_one_gateway() {
        let mut world = Sandbox::new();
        let (one, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        let gateway = world.gateway(&one);
        let attach = |gateway: &str, vpc: &str| json!({"InternetGatewayId": gateway, "VpcId": vpc});
        assert_eq!(world.refused("AttachInternetGateway", attach(&gateway, &one)), "Resource.AlreadyAssociated");
        assert_eq!(world.refused("AttachInternetGateway", attach(&gateway, &other)), "Resource.AlreadyAssociated");
        let second = world.ok("CreateInternetGateway", json!({}))["InternetGateway"]["InternetGatewayId"].clone();
        let second = second.as_str().unwrap();
        assert_eq!(world.refused("AttachInternetGateway", attach(second, &one)), "InvalidParameterValue");
        assert_eq!(world.refused("DetachInternetGateway", attach(second, &one)), "Gateway.NotAttached");
    }

    #[test]
    fn an_attached_gateway_cannot_be_deleted() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let gateway = world.gateway(&vpc);
        let delete = json!({"InternetGatewayId": gateway});
        assert_eq!(world.refused("DeleteInternetGateway", delete.clone()), "DependencyViolation");
        world.ok("DetachInternetGateway", json!({"InternetGatewayId": gateway, "VpcId": vpc}));
        world.ok("DeleteInternetGateway", delete.clone());
        assert_eq!(world.refused("DeleteInternetGateway", delete), "InvalidInternetGatewayID.NotFound");
    }

    #[test]
    fn a_vpc_with_public_addresses_keeps_its_gateway() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.0.0/24");
        let gateway = world.gateway(&vpc);
        let interface = NetworkInterface {
            association: Some(Association { public_ip: [203, 0, 113, 5].into(), elastic: None }),
            ..world.ec2().new_network_interface(&subnet, None).unwrap()
        };
        world.ec2().add_network_interface(&mut Dice::new(1), interface);
        let detach = json!({"InternetGatewayId": gateway, "VpcId": vpc});
        assert_eq!(world.refused("DetachInternetGateway", detach), "DependencyViolation");
    }
}
