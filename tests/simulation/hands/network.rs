//! Meddling with the network and the role.

use breezeway::resource::Kind;
use breezeway::sandbox::host::Sandbox;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Hands, SUBNET, list_roles, of_lab, text, told};
use crate::lab::by_hand;
use crate::simulation::life::LAB;

/// How many things there are to do.
pub const DEEDS: u32 = 19;
/// A foreign subnet in the lab.
pub const FOREIGN_SUBNET: u32 = 11;

impl Hands {
    pub(super) fn meddle_with_network(
        &mut self,
        sandbox: &Sandbox,
        random: &mut ChaCha8Rng,
        what: u32,
    ) -> Option<String> {
        let hand = |service: &str, operation: &str, input: Value| told(sandbox, service, operation, input);
        let vpcs = of_lab(sandbox, "DescribeVpcs", "Vpcs");
        let subnets = of_lab(sandbox, "DescribeSubnets", "Subnets");
        let tables = of_lab(sandbox, "DescribeRouteTables", "RouteTables");
        let groups = of_lab(sandbox, "DescribeSecurityGroups", "SecurityGroups");
        let rules = of_lab(sandbox, "DescribeSecurityGroupRules", "SecurityGroupRules");
        let peerings = of_lab(sandbox, "DescribeVpcPeeringConnections", "VpcPeeringConnections");
        let live = |peering: &&Value| peering["Status"]["Code"] == "active";
        let role = list_roles(sandbox).choose(random).cloned();
        Some(match what {
            0 => {
                let (table, peering) = (tables.choose(random)?, peerings.iter().find(live)?);
                let (table, peering) = (&table["RouteTableId"], &peering["VpcPeeringConnectionId"]);
                hand(
                    "ec2",
                    "CreateRoute",
                    json!({"RouteTableId": table, "DestinationCidrBlock": "203.0.113.0/24", "VpcPeeringConnectionId": peering}),
                )
            }
            1 => {
                let table = tables.choose(random)?;
                let routes = table["Routes"].as_array()?;
                let route = routes.iter().find(|route| route["GatewayId"] != "local")?;
                hand(
                    "ec2",
                    "DeleteRoute",
                    json!({"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": route["DestinationCidrBlock"]}),
                )
            }
            2 => {
                let group = &groups.choose(random)?["GroupId"];
                let open =
                    json!([{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
                hand("ec2", "AuthorizeSecurityGroupIngress", json!({"GroupId": group, "IpPermissions": open}))
            }
            3 => {
                let rule = rules.iter().find(|rule| rule["IsEgress"] == false)?;
                hand(
                    "ec2",
                    "RevokeSecurityGroupIngress",
                    json!({"GroupId": rule["GroupId"], "SecurityGroupRuleIds": [rule["SecurityGroupRuleId"]]}),
                )
            }
            4 => {
                let vpc = &vpcs.choose(random)?["VpcId"];
                hand(
                    "ec2",
                    "ModifyVpcAttribute",
                    json!({"VpcId": vpc, "EnableDnsHostnames": {"Value": random.random_bool(0.5)}}),
                )
            }
            5 => {
                let subnet = &subnets.choose(random)?["SubnetId"];
                hand(
                    "ec2",
                    "ModifySubnetAttribute",
                    json!({"SubnetId": subnet, "MapPublicIpOnLaunch": {"Value": random.random_bool(0.5)}}),
                )
            }
            6 => {
                let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
                let name = if random.random_bool(0.5) { "work" } else { "more" };
                hand(
                    "iam",
                    "PutRolePolicy",
                    json!({"RoleName": role?, "PolicyName": name, "PolicyDocument": document.to_string()}),
                )
            }
            7 => hand(
                "iam",
                "AttachRolePolicy",
                json!({"RoleName": role?, "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
            ),
            8 => {
                let child = [&subnets, &tables, &groups].choose(random)?.choose(random)?;
                let id = ["SubnetId", "RouteTableId", "GroupId"].iter().find_map(|member| child[*member].as_str())?;
                let key = *["breezeway:lab", "Name", "breezeway:address"].choose(random)?;
                hand("ec2", "DeleteTags", json!({"Resources": [id], "Tags": [{"Key": key}]}))
            }
            9 => {
                let vpc = vpcs.choose(random)?;
                self.untag(sandbox, random, (Kind::Vpc, text(vpc, "VpcId")), vpc)?
            }
            10 => {
                let subnet = &subnets.choose(random)?["SubnetId"];
                hand("ec2", "DeleteSubnet", json!({"SubnetId": subnet}))
            }
            11 => {
                let vpc = vpcs.choose(random)?;
                let range = last_addresses(text(vpc, "CidrBlock"))?;
                let tags = json!([{"ResourceType": "subnet", "Tags": [{"Key": "Name", "Value": "sn-onprem-A"}]}]);
                let input = json!({"VpcId": vpc["VpcId"], "CidrBlock": range, "TagSpecifications": tags});
                self.leave_foreign(sandbox, &SUBNET, "CreateSubnet", input)
            }
            12 => {
                let peering = &peerings.iter().find(live)?["VpcPeeringConnectionId"];
                hand("ec2", "DeleteVpcPeeringConnection", json!({"VpcPeeringConnectionId": peering}))
            }
            13 => {
                let table = tables.choose(random)?;
                for association in table["Associations"].as_array()? {
                    let id = &association["RouteTableAssociationId"];
                    by_hand(sandbox, "ec2", "DisassociateRouteTable", json!({"AssociationId": id})).ok()?;
                }
                hand("ec2", "DeleteRouteTable", json!({"RouteTableId": table["RouteTableId"]}))
            }
            14 => {
                let tables: Vec<_> = tables.iter().filter(|table| table["VpcId"] == tables[0]["VpcId"]).collect();
                let association =
                    tables.first()?["Associations"].as_array()?.first()?["RouteTableAssociationId"].clone();
                let other = &tables.last()?["RouteTableId"];
                hand(
                    "ec2",
                    "ReplaceRouteTableAssociation",
                    json!({"AssociationId": association, "RouteTableId": other}),
                )
            }
            15 => {
                let rule = rules.choose(random)?;
                let change =
                    json!({"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "CidrIpv4": "198.51.100.0/24"});
                let update = json!([{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": change}]);
                hand(
                    "ec2",
                    "ModifySecurityGroupRules",
                    json!({"GroupId": rule["GroupId"], "SecurityGroupRules": update}),
                )
            }
            16 => {
                let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
                hand("iam", "UpdateAssumeRolePolicy", json!({"RoleName": role?, "PolicyDocument": trust.to_string()}))
            }
            17 => {
                self.unrecorded = true;
                hand("ssm", "DeleteParameter", json!({"Name": format!("/breezeway/labs/{LAB}/record")}))
            }
            _ => {
                let name = role?;
                let tags = by_hand(sandbox, "iam", "ListRoleTags", json!({"RoleName": name})).ok()?;
                self.untag(sandbox, random, (Kind::Role, &name), &tags)?
            }
        })
    }
}

/// The last /28 of a range, which no plan here uses where the range is large.
fn last_addresses(cidr: &str) -> Option<String> {
    let range: ipnet::Ipv4Net = cidr.parse().ok()?;
    range.subnets(28).ok()?.last().map(|range| range.to_string())
}
