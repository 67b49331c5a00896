//! What people do by hand, with the console or the AWS CLI: neighbours who own other things in the account, and
//! somebody who meddles with the lab.

mod crowd;
mod foundation;
mod network;
mod portal;
mod sign_in;
pub mod studio;
mod zones;

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
    /// Foreign things inside the lab by id, with what they look like.
    foreign: BTreeMap<String, (&'static Thing, Value)>,
    /// Roots that lost their tags, and the tags.
    untagged: BTreeMap<(Kind, String), Value>,
    /// The neighbours' things, as they were.
    neighbours: Vec<Value>,
    /// What neighbours have at hand: a set of DHCP options, an address, an internet gateway.
    at_hand: AtHand,
    /// The calls that undo what uses up the account.
    crowd: Vec<(&'static str, &'static str, Value)>,
    /// Whether the record may have been removed under a lab that stands.
    pub unrecorded: bool,
    /// Whether they did anything to the lab.
    pub meddled: bool,
    /// Whether neighbours may have more than at the beginning.
    pub crowded: bool,
}

#[derive(Default)]
struct AtHand {
    dhcp_options: String,
    address: String,
    gateway: String,
    image: String,
}

/// A kind of thing, as the API lists, makes and deletes it.
#[derive(Debug)]
struct Thing {
    kind: Kind,
    list: &'static str,
    members: &'static str,
    id: &'static str,
    filter: &'static str,
    /// What stays the same for as long as nobody changes it.
    same: &'static [&'static str],
    delete: &'static str,
}

static SUBNET: Thing = Thing {
    kind: Kind::Subnet,
    list: "DescribeSubnets",
    members: "Subnets",
    id: "SubnetId",
    filter: "subnet-id",
    same: &["CidrBlock", "Tags", "MapPublicIpOnLaunch", "VpcId"],
    delete: "DeleteSubnet",
};

/// The EC2 kinds that carry tags: list operation, member, id member.
const TAGGED: [(&str, &str, &str); 15] = [
    ("DescribeVpcs", "Vpcs", "VpcId"),
    ("DescribeSubnets", "Subnets", "SubnetId"),
    ("DescribeRouteTables", "RouteTables", "RouteTableId"),
    ("DescribeSecurityGroups", "SecurityGroups", "GroupId"),
    ("DescribeSecurityGroupRules", "SecurityGroupRules", "SecurityGroupRuleId"),
    ("DescribeVpcPeeringConnections", "VpcPeeringConnections", "VpcPeeringConnectionId"),
    ("DescribeInternetGateways", "InternetGateways", "InternetGatewayId"),
    ("DescribeAddresses", "Addresses", "AllocationId"),
    ("DescribeNatGateways", "NatGateways", "NatGatewayId"),
    ("DescribeVpcEndpoints", "VpcEndpoints", "VpcEndpointId"),
    ("DescribeDhcpOptions", "DhcpOptions", "DhcpOptionsId"),
    ("DescribeKeyPairs", "KeyPairs", "KeyPairId"),
    ("DescribeInstances", "Instances", "InstanceId"),
    ("DescribeVolumes", "Volumes", "VolumeId"),
    ("DescribeNetworkInterfaces", "NetworkInterfaces", "NetworkInterfaceId"),
];

/// How many deeds come before those to the portal.
const BEFORE_PORTAL: u32 = network::DEEDS + foundation::DEEDS + studio::DEEDS;

fn list(sandbox: &Sandbox, operation: &str, member: &str, filters: Value) -> Vec<Value> {
    let name = if operation == "DescribeNatGateways" { "Filter" } else { "Filters" };
    let answer = by_hand(sandbox, "ec2", operation, json!({ name: filters })).unwrap_or_default();
    let items = |value: &Value, member: &str| value[member].as_array().cloned().unwrap_or_default();
    if member == "Instances" {
        return items(&answer, "Reservations").iter().flat_map(|reservation| items(reservation, member)).collect();
    }
    items(&answer, member)
}

fn of_lab(sandbox: &Sandbox, operation: &str, member: &str) -> Vec<Value> {
    let found = list(sandbox, operation, member, json!([{"Name": "tag:breezeway:lab", "Values": [LAB]}]));
    found.into_iter().filter(|value| !is_ghost(value)).collect()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

/// Makes a call, and tells what came of it.
fn told(sandbox: &Sandbox, service: &str, operation: &str, input: Value) -> String {
    let answer = by_hand(sandbox, service, operation, input.clone());
    format!("{operation} {input} → {}", answer.map_or_else(|error| error.code, |_| "done".into()))
}

impl Hands {
    /// Other people's things in the account: a VPC of the same name and range as the lab's, a role outside its path.
    pub fn neighbours(&mut self, sandbox: &Sandbox) {
        let named = |kind: &str, name: &str| json!([{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]);
        let made = |service: &str, operation: &str, input: Value| by_hand(sandbox, service, operation, input).unwrap();
        let input = json!({"CidrBlock": "192.168.10.0/24", "TagSpecifications": named("vpc", "STUDIO-onprem")});
        let vpc = made("ec2", "CreateVpc", input)["Vpc"].clone();
        made("ec2", "CreateSubnet", json!({"VpcId": vpc["VpcId"], "CidrBlock": "192.168.10.0/26"}));
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
        let role = json!({"RoleName": "somebody-elses", "AssumeRolePolicyDocument": trust.to_string()});
        made("iam", "CreateRole", role);
        let parameter = json!({"Name": "/breezeway/labs/simile/record", "Value": "{}", "Type": "String"});
        made("ssm", "PutParameter", parameter);
        let servers = json!([{"Key": "domain-name-servers", "Values": ["8.8.8.8"]}]);
        let tags = named("dhcp-options", "STUDIO-ONPREM-DHCP");
        let set = made("ec2", "CreateDhcpOptions", json!({"DhcpConfigurations": servers, "TagSpecifications": tags}));
        let tags = named("elastic-ip", "STUDIO-ONPREM-NAT");
        let address = made("ec2", "AllocateAddress", json!({"Domain": "vpc", "TagSpecifications": tags}));
        let tags = named("internet-gateway", "STUDIO-ONPREM-IGW");
        let gateway = made("ec2", "CreateInternetGateway", json!({"TagSpecifications": tags}));
        let image = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
        let image = made("ssm", "GetParameter", json!({"Name": image}));
        self.at_hand = AtHand {
            dhcp_options: text(&set["DhcpOptions"], "DhcpOptionsId").into(),
            address: text(&address, "AllocationId").into(),
            gateway: text(&gateway["InternetGateway"], "InternetGatewayId").into(),
            image: text(&image["Parameter"], "Value").into(),
        };
        let name = format!("api.sagemaker.{REGION}.amazonaws.com");
        let vpc = json!({"VPCRegion": REGION, "VPCId": vpc["VpcId"]});
        made("route53", "CreateHostedZone", json!({"Name": name, "CallerReference": "theirs", "VPC": vpc}));
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
        let ours = |value: &Value| self.untagged.contains_key(&(Kind::Vpc, text(value, "VpcId").to_owned()));
        let seen = seen.into_iter().filter(|value| !ours(value)).map(strip);
        seen.chain(zones::foreign(sandbox)).collect()
    }

    /// Does one random thing to the lab.
    pub fn meddle(&mut self, sandbox: &Sandbox, random: &mut ChaCha8Rng) -> String {
        self.meddled = true;
        for _ in 0..10 {
            // A foreign subnet inside the lab is what `down` and `up` must never take for theirs.
            let what = match random.random_range(0..22) {
                0..2 => network::FOREIGN_SUBNET,
                2..8 => random.random_range(0..network::DEEDS),
                8..11 => network::DEEDS + foundation::DEEDS + random.random_range(0..studio::DEEDS),
                11..14 => BEFORE_PORTAL + random.random_range(0..portal::DEEDS),
                14..16 => {
                    let what = random.random_range(0..sign_in::DEEDS);
                    if let Some(done) = self.meddle_with_sign_in(sandbox, random, what) {
                        return format!("by hand, {what} of sign-in: {done}");
                    }
                    continue;
                }
                16..18 => {
                    let what = random.random_range(0..zones::DEEDS);
                    if let Some(done) = self.meddle_with_zones(sandbox, random, what) {
                        return format!("by hand, {what} of zones: {done}");
                    }
                    continue;
                }
                _ => network::DEEDS + random.random_range(0..foundation::DEEDS),
            };
            let after = |before: u32| what.checked_sub(before);
            let done = if let Some(what) = after(BEFORE_PORTAL) {
                self.meddle_with_portal(sandbox, random, what)
            } else if let Some(what) = after(network::DEEDS + foundation::DEEDS) {
                self.meddle_with_studio(sandbox, random, what)
            } else if let Some(what) = after(network::DEEDS) {
                self.meddle_with_foundation(sandbox, random, what)
            } else {
                self.meddle_with_network(sandbox, random, what)
            };
            if let Some(done) = done {
                return format!("by hand, {what}: {done}");
            }
        }
        "by hand: nothing to do".into()
    }

    /// Makes something that is not the lab's inside of it.
    fn leave_foreign(&mut self, sandbox: &Sandbox, thing: &'static Thing, operation: &str, input: Value) -> String {
        let answer = match by_hand(sandbox, "ec2", operation, input.clone()) {
            Ok(answer) => answer,
            Err(error) => return format!("{operation} {input} → {}", error.code),
        };
        let holder =
            answer.as_object().and_then(|members| members.values().find(|value| value.get(thing.id).is_some()));
        let one = holder.cloned().or_else(|| Some(answer["Instances"].get(0)?.clone())).unwrap_or(answer);
        let id = text(&one, thing.id).to_owned();
        let seen = self.seen(sandbox, thing, &id).unwrap_or_default();
        self.foreign.insert(id.clone(), (thing, seen));
        format!("a foreign {} {id}", thing.kind)
    }

    fn seen(&self, sandbox: &Sandbox, thing: &Thing, id: &str) -> Option<Value> {
        list(sandbox, thing.list, thing.members, json!([{"Name": thing.filter, "Values": [id]}])).into_iter().next()
    }

    /// Takes one of the tags by which the lab knows a root off it.
    fn untag(
        &mut self,
        sandbox: &Sandbox,
        random: &mut ChaCha8Rng,
        (kind, id): (Kind, &str),
        seen: &Value,
    ) -> Option<String> {
        tag(seen, "breezeway:lab")?;
        let key = ["breezeway:lab", "breezeway:lab", "breezeway:address"].choose(random)?;
        self.untagged.entry((kind, id.to_owned())).or_insert(seen["Tags"].clone());
        Some(match kind {
            Kind::Role => told(sandbox, "iam", "UntagRole", json!({"RoleName": id, "TagKeys": [key]})),
            Kind::InstanceProfile => {
                told(sandbox, "iam", "UntagInstanceProfile", json!({"InstanceProfileName": id, "TagKeys": [key]}))
            }
            Kind::UserPool => {
                let input = json!({"ResourceArn": sign_in::arn(id), "TagKeys": [key]});
                told(sandbox, "cognito-idp", "UntagResource", input)
            }
            Kind::Domain => {
                let input = json!({"ResourceArn": studio::arn(id), "TagKeys": [key]});
                told(sandbox, "sagemaker", "DeleteTags", input)
            }
            _ if portal::KINDS.contains(&kind) => portal::untag(sandbox, kind, id, key),
            _ => told(sandbox, "ec2", "DeleteTags", json!({"Resources": [id], "Tags": [{"Key": key}]})),
        })
    }

    /// Whether a difference is of these hands' making and theirs to undo.
    pub fn knows(&self, difference: &Difference) -> bool {
        let Some(id) = &difference.id else { return false };
        let untagged = self.untagged.contains_key(&(difference.kind, id.clone()));
        match difference.class {
            Class::Unmanaged if matches!(difference.kind, Kind::UserProfile | Kind::UserPoolUser) => true,
            Class::Unmanaged => self.foreign.contains_key(id) || *id == self.at_hand.gateway || untagged,
            Class::Unproven => untagged || *id == self.at_hand.gateway,
            _ => false,
        }
    }

    /// Takes foreign things out of the lab, which must be as they were, and gives roots their tags back. Says whether
    /// there were foreign things, which may take a while to go.
    pub fn leave(&mut self, sandbox: &Sandbox) -> Result<bool, String> {
        for ((kind, id), tags) in std::mem::take(&mut self.untagged) {
            let tagged = match kind {
                Kind::Domain => {
                    by_hand(sandbox, "sagemaker", "AddTags", json!({"ResourceArn": studio::arn(&id), "Tags": tags}))
                }
                Kind::UserPool => {
                    let input = json!({"ResourceArn": sign_in::arn(&id), "Tags": sign_in::tag_map(&tags)});
                    by_hand(sandbox, "cognito-idp", "TagResource", input)
                }
                Kind::Role => by_hand(sandbox, "iam", "TagRole", json!({"RoleName": id, "Tags": tags})),
                Kind::InstanceProfile => {
                    let input = json!({"InstanceProfileName": id, "Tags": tags});
                    by_hand(sandbox, "iam", "TagInstanceProfile", input)
                }
                _ if portal::KINDS.contains(&kind) => portal::tag(sandbox, kind, &id, &tags),
                _ => by_hand(sandbox, "ec2", "CreateTags", json!({"Resources": [id], "Tags": tags})),
            };
            match tagged {
                // What was deleted meanwhile needs no tag.
                Err(error) if !error.code.contains("NotFound") && error.code != "NoSuchEntity" => {
                    return Err(format!("{id} could not be tagged again: {error}"));
                }
                _ => {}
            }
        }
        let foreign = std::mem::take(&mut self.foreign);
        let any = !foreign.is_empty() || !self.crowd.is_empty();
        self.make_room(sandbox);
        for (id, (thing, before)) in foreign {
            let now = self.seen(sandbox, thing, &id);
            let same = |member: &&&str| now.as_ref().map(|now| &now[**member]) == Some(&before[**member]);
            if let Some(member) = thing.same.iter().find(|member| !same(member)) {
                let (before, now) = (&before[*member], now.map(|now| now[*member].clone()));
                return Err(format!("{member} of the foreign {} {id} was {before}, is {now:?}", thing.kind));
            }
            let input = match thing.kind {
                Kind::InterfaceEndpoint => json!({"VpcEndpointIds": [id]}),
                Kind::Instance => json!({"InstanceIds": [id]}),
                _ => json!({ thing.id: id }),
            };
            by_hand(sandbox, "ec2", thing.delete, input).map_err(|error| error.to_string())?;
        }
        self.take_gateway_away(sandbox);
        Ok(any)
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

    /// Everything that carries the lab's tag, name or path.
    pub fn standing_ours(&self, sandbox: &Sandbox) -> Vec<String> {
        let mut ours: Vec<String> = Vec::new();
        for (operation, member, id) in TAGGED {
            ours.extend(of_lab(sandbox, operation, member).iter().map(|value| text(value, id).to_owned()));
        }
        ours.extend(list_roles(sandbox));
        ours.extend(list_profiles(sandbox));
        ours.extend(studio::domains(sandbox).iter().map(|domain| text(domain, "DomainId").to_owned()));
        ours.extend(studio::homes(sandbox));
        ours.extend(portal::KINDS.into_iter().flat_map(|kind| portal::standing(sandbox, kind)));
        ours.extend(sign_in::of_lab(sandbox));
        ours.extend(zones::zones(sandbox).into_iter().map(|(id, _)| id));
        ours.extend(list_resolvers(sandbox).iter().map(|endpoint| text(endpoint, "Id").to_owned()));
        ours
    }

    /// Exactly one holder of each address.
    pub fn one_of_each(&self, sandbox: &Sandbox) -> Result<(), String> {
        let mut holders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (operation, member, id) in TAGGED {
            for value in of_lab(sandbox, operation, member) {
                let address = tag(&value, "breezeway:address").unwrap_or_default();
                holders.entry(address).or_default().push(text(&value, id).to_owned());
            }
        }
        for endpoint in list_resolvers(sandbox) {
            holders.entry("studio/resolver".into()).or_default().push(text(&endpoint, "Id").to_owned());
        }
        for domain in studio::domains(sandbox) {
            holders.entry("domain".into()).or_default().push(text(&domain, "DomainId").to_owned());
        }
        for pool in sign_in::pools(sandbox) {
            holders.entry("sign-in/pool".into()).or_default().push(pool);
        }
        for (id, address) in zones::zones(sandbox) {
            holders.entry(address).or_default().push(id);
        }
        // The groups of a home carry the lab's tag without an address.
        holders.remove("");
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
    let tags = value["Tags"].as_array().or(value["TagSet"].as_array())?;
    tags.iter().find(|tag| tag["Key"] == key).map(|tag| text(tag, "Value").to_owned())
}

/// Whether it is gone, and only still listed.
fn is_ghost(value: &Value) -> bool {
    let states = [&value["Status"]["Code"], &value["State"]["Name"], &value["State"]];
    let state = states.into_iter().find_map(Value::as_str).unwrap_or_default();
    let failed_peering = value.get("VpcPeeringConnectionId").is_some() && state == "failed";
    failed_peering || ["deleted", "rejected", "expired", "terminated"].contains(&state)
}

fn list_roles(sandbox: &Sandbox) -> Vec<String> {
    names_under_path(sandbox, "ListRoles", "Roles", "RoleName")
}

fn list_profiles(sandbox: &Sandbox) -> Vec<String> {
    names_under_path(sandbox, "ListInstanceProfiles", "InstanceProfiles", "InstanceProfileName")
}

fn names_under_path(sandbox: &Sandbox, operation: &str, members: &str, name: &str) -> Vec<String> {
    let path = format!("/breezeway/{REGION}/{LAB}/");
    let answer = by_hand(sandbox, "iam", operation, json!({"PathPrefix": path})).unwrap_or_default();
    let found = answer[members].as_array().cloned().unwrap_or_default();
    found.iter().map(|one| text(one, name).to_owned()).collect()
}

/// The resolver endpoints of the lab's name.
fn list_resolvers(sandbox: &Sandbox) -> Vec<Value> {
    let answer = by_hand(sandbox, "route53resolver", "ListResolverEndpoints", json!({})).unwrap_or_default();
    let endpoints = answer["ResolverEndpoints"].as_array().cloned().unwrap_or_default();
    endpoints.into_iter().filter(|endpoint| text(endpoint, "Name").starts_with(&format!("breezeway-{LAB}-"))).collect()
}
