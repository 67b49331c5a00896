//! What an account holds, counted.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{InstanceStateName, NatGatewayState, Tag, VpcPeeringConnectionStateReasonCode};
use breezeway::aws::Aws;

/// How many of each there are: a lab's by their addresses, and how much each holds.
pub type Census = BTreeMap<String, usize>;

/// Takes the census of an account without what only its ghosts are left of.
pub async fn take(aws: &Aws) -> Census {
    let mut census = Census::new();
    let mut add = |one: String| *census.entry(one).or_default() += 1;
    of_ec2(aws, &mut add).await;
    for role in aws.iam.list_roles().send().await.unwrap().roles() {
        let name = role.role_name();
        let inline = aws.iam.list_role_policies().role_name(name).send().await.unwrap();
        let attached = aws.iam.list_attached_role_policies().role_name(name).send().await.unwrap();
        add(format!("role {name} with {}", inline.policy_names().len() + attached.attached_policies().len()));
    }
    for profile in aws.iam.list_instance_profiles().send().await.unwrap().instance_profiles() {
        add(format!("instance profile {} with {}", profile.instance_profile_name(), profile.roles().len()));
    }
    let resolvers = aws.route53resolver.list_resolver_endpoints().send().await.unwrap();
    for resolver in resolvers.resolver_endpoints() {
        let (name, addresses) = (resolver.name().unwrap_or_default(), resolver.ip_address_count().unwrap_or_default());
        add(format!("resolver endpoint {name} with {addresses}"));
    }
    for parameter in aws.ssm.describe_parameters().send().await.unwrap().parameters() {
        let name = parameter.name().unwrap_or_default();
        add(name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned());
    }
    census
}

async fn of_ec2(aws: &Aws, tell: &mut impl FnMut(String)) {
    let ec2 = &aws.ec2;
    let mut add = |kind: &str, tags: &[Tag], holds: usize| {
        let address = tags.iter().find(|tag| tag.key() == Some("breezeway:address")).and_then(Tag::value);
        tell(format!("{kind} {} with {holds}", address.unwrap_or("of others")));
    };
    for vpc in ec2.describe_vpcs().send().await.unwrap().vpcs() {
        add("vpc", vpc.tags(), usize::from(vpc.dhcp_options_id() != Some("default")));
    }
    for subnet in ec2.describe_subnets().send().await.unwrap().subnets() {
        add("subnet", subnet.tags(), 0);
    }
    for table in ec2.describe_route_tables().send().await.unwrap().route_tables() {
        add("route table", table.tags(), table.routes().len() + table.associations().len());
    }
    for group in ec2.describe_security_groups().send().await.unwrap().security_groups() {
        add("security group", group.tags(), 0);
    }
    for rule in ec2.describe_security_group_rules().send().await.unwrap().security_group_rules() {
        add("rule", rule.tags(), 0);
    }
    for peering in ec2.describe_vpc_peering_connections().send().await.unwrap().vpc_peering_connections() {
        let state = peering.status().and_then(|status| status.code());
        if state != Some(&VpcPeeringConnectionStateReasonCode::Deleted) {
            add("peering", peering.tags(), 0);
        }
    }
    for gateway in ec2.describe_internet_gateways().send().await.unwrap().internet_gateways() {
        add("internet gateway", gateway.tags(), gateway.attachments().len());
    }
    for address in ec2.describe_addresses().send().await.unwrap().addresses() {
        add("address", address.tags(), address.association_id().iter().count());
    }
    for gateway in ec2.describe_nat_gateways().send().await.unwrap().nat_gateways() {
        if gateway.state() != Some(&NatGatewayState::Deleted) {
            add("NAT gateway", gateway.tags(), gateway.nat_gateway_addresses().len());
        }
    }
    for endpoint in ec2.describe_vpc_endpoints().send().await.unwrap().vpc_endpoints() {
        if endpoint.state().is_none_or(|state| state.as_str() != "deleted") {
            add("endpoint", endpoint.tags(), endpoint.subnet_ids().len() + endpoint.route_table_ids().len());
        }
    }
    for options in ec2.describe_dhcp_options().send().await.unwrap().dhcp_options() {
        add("DHCP options", options.tags(), options.dhcp_configurations().len());
    }
    for pair in ec2.describe_key_pairs().send().await.unwrap().key_pairs() {
        add("key pair", pair.tags(), 0);
    }
    for reservation in ec2.describe_instances().send().await.unwrap().reservations() {
        for instance in reservation.instances() {
            if instance.state().and_then(|state| state.name()) != Some(&InstanceStateName::Terminated) {
                add("instance", instance.tags(), instance.network_interfaces().len());
            }
        }
    }
    for volume in ec2.describe_volumes().send().await.unwrap().volumes() {
        add("volume", volume.tags(), volume.attachments().len());
    }
    for interface in ec2.describe_network_interfaces().send().await.unwrap().network_interfaces() {
        add("network interface", interface.tag_set(), interface.groups().len());
    }
}
