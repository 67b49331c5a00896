//! Elastic IP addresses.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::network_interface::{Association, ElasticAssociation, NetworkInterface};
use super::{Ec2, Input, Kind, Operation, invalid, missing_parameter, network_interface, tags, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

pub const KIND: Kind = Kind {
    prefix: "eipalloc",
    resource_type: "elastic-ip",
    label: "allocation ID",
    not_found: "InvalidAllocationID.NotFound",
    malformed: "InvalidAllocationID.Malformed",
};

/// An association of an address with an interface.
pub const ASSOCIATION: Kind = Kind {
    prefix: "eipassoc",
    resource_type: "",
    label: "association ID",
    not_found: "InvalidAssociationID.NotFound",
    malformed: "InvalidAssociationID.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "AllocateAddress",
        members: &["Domain", "NetworkBorderGroup", "PublicIpv4Pool", "TagSpecifications"],
        run: Ec2::allocate_address,
    },
    Operation { name: "ReleaseAddress", members: &["AllocationId", "NetworkBorderGroup"], run: Ec2::release_address },
    Operation {
        name: "DescribeAddresses",
        members: &["AllocationIds", "PublicIps", "Filters"],
        run: Ec2::describe_addresses,
    },
    Operation {
        name: "AssociateAddress",
        members: &["AllocationId", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress", "AllowReassociation"],
        run: Ec2::associate_address,
    },
    Operation { name: "DisassociateAddress", members: &["AssociationId"], run: Ec2::disassociate_address },
];

const LISTING: Listing = Listing {
    ids: Some(("AllocationIds", &KIND)),
    result: "Addresses",
    key: &["AllocationId"],
    most: 1000,
    filters: &[
        ("allocation-id", "AllocationId"),
        ("association-id", "AssociationId"),
        ("domain", "Domain"),
        ("instance-id", "InstanceId"),
        ("network-border-group", "NetworkBorderGroup"),
        ("network-interface-id", "NetworkInterfaceId"),
        ("network-interface-owner-id", "NetworkInterfaceOwnerId"),
        ("private-ip-address", "PrivateIpAddress"),
        ("public-ip", "PublicIp"),
    ],
};

/// Addresses per Region.
const QUOTA: usize = 5;

/// An Elastic IP address. The interface that has it knows so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ElasticIp {
    pub public_ip: Ipv4Addr,
}

impl Ec2 {
    /// The interface that has an Elastic IP address.
    pub(super) fn holder_of(&self, allocation_id: &str) -> Option<(&String, &NetworkInterface)> {
        self.network_interfaces.iter().find(|(_, interface)| {
            let elastic = interface.association.as_ref().and_then(|association| association.elastic.as_ref());
            elastic.is_some_and(|elastic| elastic.allocation_id == allocation_id)
        })
    }

    fn allocate_address(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        if input.text("Domain").is_some_and(|domain| domain != "vpc") {
            return Err(unsupported("EC2-Classic"));
        }
        if input.text("NetworkBorderGroup").is_some_and(|group| group != context.region) {
            return Err(unsupported("network border groups other than the Region's"));
        }
        if input.text("PublicIpv4Pool").is_some_and(|pool| pool != "amazon") {
            return Err(unsupported("address pools other than Amazon's"));
        }
        let tags = tags::from_specifications(input, &KIND)?;
        if self.elastic_ips.len() >= context.quota(QUOTA) {
            let message = "The maximum number of addresses has been reached.";
            return Err(ApiError::new("AddressLimitExceeded", message));
        }
        let id = context.dice.id(KIND.prefix);
        let public_ip = self.draw_public_address(context.dice);
        self.elastic_ips.insert(id.clone(), ElasticIp { public_ip });
        self.tag(&id, tags);
        Ok(json!({
            "AllocationId": id,
            "Domain": "vpc",
            "NetworkBorderGroup": context.region,
            "PublicIp": public_ip,
            "PublicIpv4Pool": "amazon",
        }))
    }

    fn release_address(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("AllocationId")?;
        let address = KIND.find(&self.elastic_ips, id)?;
        if self.holder_of(id).is_some() {
            let message = format!("Address {} is in use.", address.public_ip);
            return Err(ApiError::new("InvalidIPAddress.InUse", message));
        }
        self.elastic_ips.remove(id);
        self.drop_stray_tags();
        Ok(json!({}))
    }

    fn describe_addresses(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let mut views: Vec<Value> =
            self.elastic_ips.iter().map(|(id, address)| self.address_view(context, id, address)).collect();
        let wanted = input.texts("PublicIps");
        if let Some(unknown) = wanted.iter().find(|wanted| !views.iter().any(|view| view["PublicIp"] == **wanted)) {
            return Err(ApiError::new("InvalidAddress.NotFound", format!("Address '{unknown}' not found.")));
        }
        views.retain(|view| wanted.is_empty() || wanted.iter().any(|wanted| view["PublicIp"] == *wanted));
        LISTING.answer(input, views)
    }

    fn address_view(&self, context: &Context<'_>, id: &str, address: &ElasticIp) -> Value {
        let mut view = json!({
            "AllocationId": id,
            "Domain": "vpc",
            "NetworkBorderGroup": context.region,
            "PublicIp": address.public_ip,
            "PublicIpv4Pool": "amazon",
            "Tags": self.tags_view(id),
        });
        if let Some((interface_id, interface)) = self.holder_of(id) {
            let elastic = interface.association.as_ref().and_then(|association| association.elastic.as_ref());
            view["AssociationId"] = json!(elastic.map(|elastic| &elastic.association_id));
            view["NetworkInterfaceId"] = json!(interface_id);
            view["NetworkInterfaceOwnerId"] = json!(context.account);
            view["PrivateIpAddress"] = json!(interface.private_ip);
            view["SubnetId"] = json!(interface.subnet_id);
            let attachment = interface.attachment.as_ref();
            if let Some(instance_id) = attachment.and_then(|attachment| attachment.instance_id.as_ref()) {
                view["InstanceId"] = json!(instance_id);
            }
        }
        view
    }

    fn associate_address(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("AllocationId")?;
        let public_ip = KIND.find(&self.elastic_ips, id)?.public_ip;
        let interface_id = match (input.text("NetworkInterfaceId"), input.text("InstanceId")) {
            (Some(interface_id), None) => interface_id.to_owned(),
            (None, Some(instance_id)) => self.first_interface_of(instance_id)?.to_owned(),
            (None, None) => return Err(missing_parameter("NetworkInterfaceId")),
            (Some(_), Some(_)) => {
                let message = "You may specify instance id or network interface id, but not both";
                return Err(ApiError::new("InvalidParameterCombination", message));
            }
        };
        let interface = network_interface::KIND.find(&self.network_interfaces, &interface_id)?;
        if interface.requester_id.is_some() {
            return Err(network_interface::not_ours());
        }
        let wanted = network_interface::address(input, "PrivateIpAddress")?;
        if wanted.is_some_and(|wanted| wanted != interface.private_ip) {
            let message = format!("The private IP address is not assigned to the network interface {interface_id}");
            return Err(invalid(message));
        }
        self.refuse_without_gateway(&interface.vpc_id)?;
        let holder = self.holder_of(id).map(|(holder, interface)| (holder.clone(), interface.requester_id.is_some()));
        if let Some((holder, is_managed)) = holder.filter(|(holder, _)| *holder != interface_id) {
            if input.boolean("AllowReassociation") == Some(false) || is_managed {
                let message = format!("resource {id} is already associated with associate-id {holder}");
                return Err(ApiError::new("Resource.AlreadyAssociated", message));
            }
            network_interface::KIND.find_mut(&mut self.network_interfaces, &holder)?.association = None;
        }
        let association_id = context.dice.id(ASSOCIATION.prefix);
        let elastic = ElasticAssociation { allocation_id: id.into(), association_id: association_id.clone() };
        let interface = network_interface::KIND.find_mut(&mut self.network_interfaces, &interface_id)?;
        interface.association = Some(Association { public_ip, elastic: Some(elastic) });
        Ok(json!({"AssociationId": association_id}))
    }

    /// The interface of an instance that it cannot be without.
    pub(super) fn first_interface_of(&self, instance_id: &str) -> Result<&str, ApiError> {
        let is_first = |interface: &NetworkInterface| {
            let attachment = interface.attachment.as_ref();
            attachment.is_some_and(|own| own.device_index == 0 && own.instance_id.as_deref() == Some(instance_id))
        };
        let first = self.network_interfaces.iter().find(|(_, interface)| is_first(interface));
        first.map(|(id, _)| id.as_str()).ok_or_else(|| {
            let message = format!("The instance ID '{instance_id}' does not exist");
            ApiError::new("InvalidInstanceID.NotFound", message)
        })
    }

    fn refuse_without_gateway(&self, vpc_id: &str) -> Result<(), ApiError> {
        if self.has_internet_gateway(vpc_id) {
            return Ok(());
        }
        let message = format!("Network {vpc_id} is not attached to any internet gateway");
        Err(ApiError::new("Gateway.NotAttached", message))
    }

    fn disassociate_address(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let association_id = input.required("AssociationId")?;
        ASSOCIATION.check(association_id)?;
        let has_it = |interface: &&mut NetworkInterface| {
            let elastic = interface.association.as_ref().and_then(|association| association.elastic.as_ref());
            elastic.is_some_and(|elastic| elastic.association_id == association_id)
        };
        let Some(interface) = self.network_interfaces.values_mut().find(has_it) else {
            return Err(ASSOCIATION.missing(association_id));
        };
        if interface.requester_id.is_some() {
            return Err(network_interface::not_ours());
        }
        interface.association = None;
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn allocate(world: &mut Sandbox) -> String {
        world.ok("AllocateAddress", json!({"Domain": "vpc"}))["AllocationId"].as_str().unwrap().into()
    }

    fn interface(world: &mut Sandbox, subnet: &str) -> String {
        let interface = world.ok("CreateNetworkInterface", json!({"SubnetId": subnet}));
        interface["NetworkInterface"]["NetworkInterfaceId"].as_str().unwrap().into()
    }

    #[test]
    fn an_address_is_allocated_associated_disassociated_and_released() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.0.0/24");
        let interface = interface(&mut world, &subnet);
        let before = world.standing();
        let id = allocate(&mut world);
        let associate = json!({"AllocationId": id, "NetworkInterfaceId": interface});
        assert_eq!(world.refused("AssociateAddress", associate.clone()), "Gateway.NotAttached");
        let gateway = world.gateway(&vpc);
        let association = world.ok("AssociateAddress", associate)["AssociationId"].clone();

        let of_interface = json!({"Filters": [{"Name": "network-interface-id", "Values": [interface]}]});
        let address = world.ok("DescribeAddresses", of_interface)["Addresses"][0].clone();
        assert_eq!((&address["AllocationId"], &address["AssociationId"]), (&json!(id), &association));
        let shown = world.ok("DescribeNetworkInterfaces", json!({"NetworkInterfaceIds": [interface]}));
        assert_eq!(shown["NetworkInterfaces"][0]["Association"]["PublicIp"], address["PublicIp"]);

        assert_eq!(world.refused("ReleaseAddress", json!({"AllocationId": id})), "InvalidIPAddress.InUse");
        let detach = json!({"InternetGatewayId": gateway, "VpcId": vpc});
        assert_eq!(world.refused("DetachInternetGateway", detach.clone()), "DependencyViolation");
        let disassociate = json!({"AssociationId": association});
        world.ok("DisassociateAddress", disassociate.clone());
        assert_eq!(world.refused("DisassociateAddress", disassociate), "InvalidAssociationID.NotFound");
        world.ok("ReleaseAddress", json!({"AllocationId": id}));
        assert_eq!(world.refused("ReleaseAddress", json!({"AllocationId": id})), "InvalidAllocationID.NotFound");
        world.ok("DetachInternetGateway", detach);
        world.ok("DeleteInternetGateway", json!({"InternetGatewayId": gateway}));
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn an_address_moves_unless_the_caller_forbids_it() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.0.0/24");
        world.gateway(&vpc);
        let (one, other) = (interface(&mut world, &subnet), interface(&mut world, &subnet));
        let id = allocate(&mut world);
        world.ok("AssociateAddress", json!({"AllocationId": id, "NetworkInterfaceId": one}));
        let mut again = json!({"AllocationId": id, "NetworkInterfaceId": other, "AllowReassociation": false});
        assert_eq!(world.refused("AssociateAddress", again.clone()), "Resource.AlreadyAssociated");
        again["AllowReassociation"] = json!(true);
        world.ok("AssociateAddress", again);
        let addresses = world.ok("DescribeAddresses", json!({"AllocationIds": [id]}));
        assert_eq!(addresses["Addresses"][0]["NetworkInterfaceId"], *other);
    }

    #[test]
    fn a_region_takes_five_addresses() {
        let mut world = Sandbox::new();
        for _ in 0..5 {
            allocate(&mut world);
        }
        assert_eq!(world.refused("AllocateAddress", json!({})), "AddressLimitExceeded");
    }

    #[test]
    fn unknown_addresses_are_refused() {
        let mut world = Sandbox::new();
        assert_eq!(world.refused("DescribeAddresses", json!({"PublicIps": ["3.1.1.1"]})), "InvalidAddress.NotFound");
        let unknown = json!({"AllocationIds": ["eipalloc-0123456789abcdef0"]});
        assert_eq!(world.refused("DescribeAddresses", unknown), "InvalidAllocationID.NotFound");
    }
}
