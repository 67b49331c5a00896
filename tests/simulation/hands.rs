//! What people do by hand, with the console or the AWS CLI: neighbours who own other things in the account, and
//! somebody who meddles with the lab.

use std::collections::BTreeMap;

use breezeway::drift::{Class, Difference};
use breezeway::resource::Kind;
use breezeway::sandbox::host::Sandbox;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::life::LAB;
use crate::lab::{REGION, by_hand};

/// What was done by hand, and has to be undone or looked after by the same hands.
#[derive(Default)]
pub struct Hands {
    /// Foreign things inside the lab: subnet ids, with what they look like.
    foreign: BTreeMap<String, Value>,
    /// VPCs, peerings and roles that lost their tags: id and the tags.
    untagged: BTreeMap<String, Vec<Value>>,
    /// The neighbours' things, as they were.
    neighbours: Vec<Value>,
    /// Whether the record may have been removed under a lab that stands.
    pub unrecorded: bool,
}

fn list(sandbox: &Sandbox, operation: &str, member: &str, filters: Value) -> Vec<Value> {
    let input = if filters.is_null() { json!({}) } else { json!({ "Filters": filters }) };
    let answer = by_hand(sandbox, "ec2", operation, input).unwrap_or_default();
    answer[member].as_array().cloned().unwrap_or_default()
}

fn of_lab(sandbox: &Sandbox, operation: &str, member: &str) -> Vec<Value> {
    list(sandbox, operation, member, json!([{"Name": "tag:breezeway:lab", "Values": [LAB]}]))
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

/// The EC2 kinds that carry tags: list operation, member, id member.
const TAGGED: [(&str, &str, &str); 6] = [
    ("DescribeVpcs", "Vpcs", "VpcId"),
    ("DescribeSubnets", "Subnets", "SubnetId"),
    ("DescribeRouteTables", "RouteTables", "RouteTableId"),
    ("DescribeSecurityGroups", "SecurityGroups", "GroupId"),
    ("DescribeSecurityGroupRules", "SecurityGroupRules", "SecurityGroupRuleId"),
    ("DescribeVpcPeeringConnections", "VpcPeeringConnections", "VpcPeeringConnectionId"),
];

impl Hands {
    /// Other people's things in the account: a VPC of the same name and range as the lab's, a role outside its path.
    pub fn neighbours(&mut self, sandbox: &Sandbox) {
        let tags = json!([{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "STUDIO-onprem"}]}]);
        let input = json!({"CidrBlock": "192.168.10.0/24", "TagSpecifications": tags});
        let vpc = by_hand(sandbox, "ec2", "CreateVpc", input).unwrap()["Vpc"].clone();
        let subnet = json!({"VpcId": vpc["VpcId"], "CidrBlock": "192.168.10.0/26"});
        by_hand(sandbox, "ec2", "CreateSubnet", subnet).unwrap();
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
        let role = json!({"RoleName": "somebody-elses", "AssumeRolePolicyDocument": trust.to_string()});
        by_hand(sandbox, "iam", "CreateRole", role).unwrap();
        by_hand(
            sandbox,
            "ssm",
            "PutParameter",
            json!({"Name": "/breezeway/labs/simile/record", "Value": "{}", "Type": "String"}),
        )
        .unwrap();
        self.neighbours = self.others(sandbox);
    }

    /// What neighbours have, seen now.
    fn others(&self, sandbox: &Sandbox) -> Vec<Value> {
        let named = json!([{"Name": "tag:Name", "Values": ["STUDIO-onprem"]}]);
        let vpcs = list(sandbox, "DescribeVpcs", "Vpcs", named);
        let foreign = vpcs.into_iter().filter(|vpc| tag(vpc, "breezeway:lab").is_none());
        let mut seen: Vec<Value> = foreign.filter(|vpc| text(vpc, "CidrBlock") == "192.168.10.0/24").collect();
        for vpc in seen.clone() {
            let inside = json!([{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]);
            for (operation, member, _) in &TAGGED[1..4] {
                seen.extend(list(sandbox, operation, member, inside.clone()));
            }
        }
        let strip = |mut value: Value| {
            value.as_object_mut().map(|members| members.remove("State"));
            value
        };
        seen.into_iter().filter(|value| !self.untagged.contains_key(text(value, "VpcId"))).map(strip).collect()
    }

    /// Does one random thing to the lab.
    pub fn meddle(&mut self, sandbox: &Sandbox, random: &mut ChaCha8Rng) -> String {
        // A foreign subnet inside the lab is what `down` and `up` must never take for theirs.
        let what = if random.random_bool(0.2) { 11 } else { random.random_range(0..19) };
        let done = self.try_to_meddle(sandbox, random, what);
        format!("by hand, {what}: {}", done.unwrap_or_else(|| "nothing to do".into()))
    }

    fn try_to_meddle(&mut self, sandbox: &Sandbox, random: &mut ChaCha8Rng, what: u32) -> Option<String> {
        let hand = |service: &str, operation: &str, input: Value| {
            let answer = by_hand(sandbox, service, operation, input.clone());
            format!("{operation} {input} → {}", answer.map_or_else(|error| error.code, |_| "done".into()))
        };
        let vpcs = of_lab(sandbox, "DescribeVpcs", "Vpcs");
        let subnets = of_lab(sandbox, "DescribeSubnets", "Subnets");
        let tables = of_lab(sandbox, "DescribeRouteTables", "RouteTables");
        let groups = of_lab(sandbox, "DescribeSecurityGroups", "SecurityGroups");
        let rules = of_lab(sandbox, "DescribeSecurityGroupRules", "SecurityGroupRules");
        let peerings = of_lab(sandbox, "DescribeVpcPeeringConnections", "VpcPeeringConnections");
        let live = |peering: &&Value| peering["Status"]["Code"] == "active";
        let role = list_roles(sandbox).into_iter().next();
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
                let (id, tags) = (text(vpc, "VpcId"), vpc["Tags"].as_array()?.clone());
                self.untagged.entry(id.to_owned()).or_insert(tags);
                hand("ec2", "DeleteTags", json!({"Resources": [id], "Tags": [{"Key": "breezeway:lab"}]}))
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
                let Ok(answer) = by_hand(sandbox, "ec2", "CreateSubnet", input) else { return Some("no room".into()) };
                let subnet = answer["Subnet"].clone();
                let told = format!("a foreign subnet {}", text(&subnet, "SubnetId"));
                self.foreign.insert(text(&subnet, "SubnetId").to_owned(), subnet);
                told
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
                let tags = by_hand(sandbox, "iam", "ListRoleTags", json!({"RoleName": name})).ok()?["Tags"]
                    .as_array()?
                    .clone();
                if !tags.iter().any(|tag| tag["Key"] == "breezeway:lab") {
                    return None;
                }
                self.untagged.entry(name.clone()).or_insert(tags);
                hand("iam", "UntagRole", json!({"RoleName": name, "TagKeys": ["breezeway:lab"]}))
            }
        })
    }

    /// Whether a difference is of these hands' making and theirs to undo.
    pub fn knows(&self, difference: &Difference) -> bool {
        let ids = |id: &String| self.foreign.contains_key(id) || self.untagged.contains_key(id);
        let foreign = difference.class == Class::Unmanaged && difference.kind == Kind::Subnet;
        (foreign || difference.class == Class::Unproven) && difference.id.as_ref().is_some_and(ids)
    }

    /// Takes foreign things out of the lab, which must be as they were, and gives roots their tags back.
    pub fn leave(&mut self, sandbox: &Sandbox) -> Result<(), String> {
        for (id, tags) in std::mem::take(&mut self.untagged) {
            let tagged = if id.starts_with("vpc-") {
                by_hand(sandbox, "ec2", "CreateTags", json!({"Resources": [id], "Tags": tags}))
            } else {
                by_hand(sandbox, "iam", "TagRole", json!({"RoleName": id, "Tags": tags}))
            };
            match tagged {
                // What was deleted meanwhile needs no tag.
                Err(error) if !error.code.ends_with("NotFound") && error.code != "NoSuchEntity" => {
                    return Err(format!("{id} could not be tagged again: {error}"));
                }
                _ => {}
            }
        }
        for (id, subnet) in std::mem::take(&mut self.foreign) {
            let now = list(sandbox, "DescribeSubnets", "Subnets", json!([{"Name": "subnet-id", "Values": [id]}]));
            let same = |member: &str| now.first().map(|now| &now[member]) == Some(&subnet[member]);
            if !["CidrBlock", "Tags", "MapPublicIpOnLaunch", "VpcId"].into_iter().all(same) {
                return Err(format!("the foreign subnet {id} was {subnet}, is {now:?}"));
            }
            by_hand(sandbox, "ec2", "DeleteSubnet", json!({"SubnetId": id})).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The neighbours' things are as they were.
    pub fn unharmed(&self, sandbox: &Sandbox) -> Result<(), String> {
        let now = self.others(sandbox);
        if now == self.neighbours {
            Ok(())
        } else {
            Err(format!("the neighbours had {:?}, have {now:?}", self.neighbours))
        }
    }

    /// Everything that carries the lab's tag or path.
    pub fn standing_ours(&self, sandbox: &Sandbox) -> Vec<String> {
        let mut ours: Vec<String> = Vec::new();
        for (operation, member, id) in TAGGED {
            let standing = of_lab(sandbox, operation, member).into_iter().filter(|value| !is_ghost(value));
            ours.extend(standing.map(|value| text(&value, id).to_owned()));
        }
        ours.extend(list_roles(sandbox));
        ours
    }

    /// Exactly one holder of each address.
    pub fn one_of_each(&self, sandbox: &Sandbox) -> Result<(), String> {
        let mut holders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (operation, member, id) in TAGGED {
            for value in of_lab(sandbox, operation, member).iter().filter(|value| !is_ghost(value)) {
                let address = tag(value, "breezeway:address").unwrap_or_default();
                holders.entry(address).or_default().push(text(value, id).to_owned());
            }
        }
        match holders.iter().find(|(_, ids)| ids.len() != 1) {
            Some((address, ids)) => Err(format!("{address} has {ids:?}")),
            None => Ok(()),
        }
    }

    /// Whether the record is there, or these hands took it away.
    pub fn record_stands(&self, sandbox: &Sandbox) -> bool {
        let name = format!("/breezeway/labs/{LAB}/record");
        self.unrecorded || by_hand(sandbox, "ssm", "GetParameter", json!({"Name": name})).is_ok()
    }
}

fn tag(value: &Value, key: &str) -> Option<String> {
    let tags = value["Tags"].as_array()?;
    tags.iter().find(|tag| tag["Key"] == key).map(|tag| text(tag, "Value").to_owned())
}

fn is_ghost(value: &Value) -> bool {
    let state = value["Status"]["Code"].as_str().unwrap_or_default();
    ["deleted", "failed", "rejected", "expired"].contains(&state)
}

fn list_roles(sandbox: &Sandbox) -> Vec<String> {
    let path = format!("/breezeway/{REGION}/{LAB}/");
    let answer = by_hand(sandbox, "iam", "ListRoles", json!({"PathPrefix": path})).unwrap_or_default();
    let roles = answer["Roles"].as_array().cloned().unwrap_or_default();
    roles.iter().map(|role| text(role, "RoleName").to_owned()).collect()
}

/// The last /28 of a range, which no plan here uses where the range is large.
fn last_addresses(cidr: &str) -> Option<String> {
    let range: ipnet::Ipv4Net = cidr.parse().ok()?;
    range.subnets(28).ok()?.last().map(|range| range.to_string())
}
