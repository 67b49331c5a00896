//! EC2 networking: one file per kind of thing, and what all kinds share.
//!
//! A kind's file lists its operations with the members they understand. A member that an operation of the real
//! EC2 has and ours lacks is refused by name, never ignored.

mod account;
mod dhcp_options;
mod elastic_ip;
mod filter;
mod image;
mod instance;
mod internet_gateway;
mod key_pair;
mod lookup;
mod nat_gateway;
mod network_acl;
mod network_interface;
mod peering;
mod prefix_list;
mod route_table;
mod security_group;
mod subnet;
mod tags;
#[cfg(test)]
mod testing;
mod volume;
mod vpc;
mod vpc_endpoint;
mod vpc_endpoint_service;
mod zones;

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Context, Dice, later, not_implemented};
use crate::sandbox::api::{Answer, ApiError, Call};
pub use filter::like;
pub use image::published as published_images;
pub use network_interface::{Attachment, NetworkInterface};
pub use vpc_endpoint::endpoint_zone_id;
pub use zones::{is_region, regions};

/// EC2's state in one account and Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ec2 {
    vpcs: BTreeMap<String, vpc::Vpc>,
    subnets: BTreeMap<String, subnet::Subnet>,
    route_tables: BTreeMap<String, route_table::RouteTable>,
    security_groups: BTreeMap<String, security_group::SecurityGroup>,
    security_group_rules: BTreeMap<String, security_group::Rule>,
    internet_gateways: BTreeMap<String, internet_gateway::InternetGateway>,
    peerings: BTreeMap<String, peering::Peering>,
    network_acls: BTreeMap<String, network_acl::NetworkAcl>,
    network_interfaces: BTreeMap<String, network_interface::NetworkInterface>,
    dhcp_options: BTreeMap<String, dhcp_options::DhcpOptions>,
    key_pairs: BTreeMap<String, key_pair::KeyPair>,
    instances: BTreeMap<String, instance::Instance>,
    volumes: BTreeMap<String, volume::Volume>,
    elastic_ips: BTreeMap<String, elastic_ip::ElasticIp>,
    nat_gateways: BTreeMap<String, nat_gateway::NatGateway>,
    vpc_endpoints: BTreeMap<String, vpc_endpoint::VpcEndpoint>,
    /// The tags of everything that has an id.
    tags: BTreeMap<String, BTreeMap<String, String>>,
    /// By operation and token.
    tokens: BTreeMap<String, Token>,
}

/// What a client token was used for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Token {
    parameters: Value,
    answer: Value,
    expires: Timestamp,
}

/// Characters of a client token.
///
/// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>
const TOKEN_LENGTH: usize = 64;
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// A kind of thing with ids.
pub struct Kind {
    /// What its ids begin with, without the hyphen.
    prefix: &'static str,
    /// Its resource type, in tag specifications and DescribeTags.
    resource_type: &'static str,
    /// How messages call it.
    label: &'static str,
    /// The code for an id that nothing has.
    not_found: &'static str,
    /// The code for an id that nothing could have.
    malformed: &'static str,
}

/// Every kind that takes tags.
const KINDS: &[&Kind] = &[
    &vpc::KIND,
    &subnet::KIND,
    &route_table::KIND,
    &security_group::KIND,
    &security_group::RULE_KIND,
    &internet_gateway::KIND,
    &peering::KIND,
    &network_acl::KIND,
    &network_interface::KIND,
    &dhcp_options::KIND,
    &key_pair::KIND,
    &instance::KIND,
    &volume::KIND,
    &elastic_ip::KIND,
    &nat_gateway::KIND,
    &vpc_endpoint::KIND,
];

impl Kind {
    /// Refuses an id that cannot be one of this kind.
    fn check(&self, id: &str) -> Result<(), ApiError> {
        let Some(digits) = id.strip_prefix(self.prefix).and_then(|rest| rest.strip_prefix('-')) else {
            let message = format!("Invalid id: \"{id}\" (expecting \"{}-...\")", self.prefix);
            return Err(ApiError::new(self.malformed, message));
        };
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if is_hex && matches!(digits.len(), 8 | 17) {
            Ok(())
        } else {
            Err(ApiError::new(self.malformed, format!("Invalid id: \"{id}\"")))
        }
    }

    fn missing(&self, id: &str) -> ApiError {
        ApiError::new(self.not_found, format!("The {} '{id}' does not exist", self.label))
    }

    /// The thing with this id.
    fn find<'a, T>(&self, store: &'a BTreeMap<String, T>, id: &str) -> Result<&'a T, ApiError> {
        self.check(id)?;
        store.get(id).ok_or_else(|| self.missing(id))
    }

    /// The thing with this id, to change.
    fn find_mut<'a, T>(&self, store: &'a mut BTreeMap<String, T>, id: &str) -> Result<&'a mut T, ApiError> {
        self.check(id)?;
        store.get_mut(id).ok_or_else(|| self.missing(id))
    }

    /// The refusal to delete what something else depends on.
    fn in_use(&self, id: &str) -> ApiError {
        let noun = self.label.trim_end_matches(" ID");
        dependency_violation(format!("The {noun} '{id}' has dependencies and cannot be deleted."))
    }
}

/// An operation, the members of its input that are understood, and what it does.
struct Operation {
    name: &'static str,
    members: &'static [&'static str],
    run: fn(&mut Ec2, &mut Context<'_>, Input<'_>) -> Answer,
}

const OPERATIONS: &[&[Operation]] = &[
    vpc::OPERATIONS,
    subnet::OPERATIONS,
    route_table::OPERATIONS,
    security_group::OPERATIONS,
    internet_gateway::OPERATIONS,
    peering::OPERATIONS,
    network_acl::OPERATIONS,
    network_interface::OPERATIONS,
    dhcp_options::OPERATIONS,
    key_pair::OPERATIONS,
    image::OPERATIONS,
    volume::OPERATIONS,
    instance::OPERATIONS,
    instance::console::OPERATIONS,
    instance::attribute::OPERATIONS,
    instance::launch::OPERATIONS,
    instance::password::OPERATIONS,
    instance::profile::OPERATIONS,
    instance::types::OPERATIONS,
    elastic_ip::OPERATIONS,
    nat_gateway::OPERATIONS,
    vpc_endpoint::OPERATIONS,
    vpc_endpoint_service::OPERATIONS,
    prefix_list::OPERATIONS,
    tags::OPERATIONS,
    zones::OPERATIONS,
    account::OPERATIONS,
];

impl Ec2 {
    /// EC2 as a new account finds it: a default VPC with a public subnet in each zone.
    pub fn fresh(region: &str, dice: &mut Dice) -> Self {
        let mut ec2 = Self::default();
        let dhcp_options = ec2.add_default_dhcp_options(region, dice);
        let network = Ipv4Net::new_assert([172, 31, 0, 0].into(), 16);
        let vpc = ec2.add_vpc(dice, vpc::Vpc::default_for_region(network, dhcp_options));
        for (zone, cidr) in zones::of(region).iter().zip(network.subnets(20).into_iter().flatten()) {
            ec2.add_subnet(dice, subnet::Subnet::default_for_zone(&vpc, cidr, zone));
        }
        ec2.add_default_gateway(dice, &vpc);
        ec2
    }

    /// Answers a call.
    ///
    /// # Errors
    /// The refusal, after which the caller must restore the state as it was.
    pub fn handle(&mut self, context: &mut Context<'_>, call: &Call) -> Answer {
        let input = Input(&call.input);
        let Some(operation) = OPERATIONS.iter().copied().flatten().find(|known| known.name == call.operation) else {
            return Err(not_implemented(call, "the operation"));
        };
        for (member, value) in call.input.as_object().into_iter().flatten() {
            let asks_nothing = *value == json!(false) || *value == json!([]) || value.is_null();
            if member != "DryRun" && !operation.members.contains(&member.as_str()) && !asks_nothing {
                return Err(not_implemented(call, &format!("the parameter {member}")));
            }
        }
        let answer = match input.text("ClientToken") {
            Some(token) => self.once(context, call, operation, token)?,
            None => (operation.run)(self, context, input)?,
        };
        if input.flag("DryRun") {
            let message = "Request would have succeeded, but DryRun flag is set.";
            return Err(ApiError::new("DryRunOperation", message).with_status(412));
        }
        Ok(answer)
    }

    /// Runs a call with a client token, or repeats the answer that the token had.
    fn once(&mut self, context: &mut Context<'_>, call: &Call, operation: &Operation, token: &str) -> Answer {
        if token.len() > TOKEN_LENGTH || !token.is_ascii() {
            let message = format!(
                "Value ({token}) for parameter clientToken is invalid. At most {TOKEN_LENGTH} ASCII characters."
            );
            return Err(invalid(message));
        }
        let mut parameters = call.input.clone();
        if let Some(members) = parameters.as_object_mut() {
            members.remove("ClientToken");
            members.remove("DryRun");
        }
        let key = token_key(&call.operation, token);
        if let Some(used) = self.tokens.get(&key) {
            if used.parameters == parameters {
                return Ok(used.answer.clone());
            }
            let message = "The request uses the same client token as a previous, but non-identical request.";
            return Err(ApiError::new("IdempotentParameterMismatch", message));
        }
        let answer = (operation.run)(self, context, Input(&call.input))?;
        let used = Token { parameters, answer: answer.clone(), expires: later(context.now, TOKEN_LIFE) };
        self.tokens.insert(key, used);
        Ok(answer)
    }

    /// Lets happen what is due by now.
    pub fn settle(&mut self, now: Timestamp) {
        let mut tokens = std::mem::take(&mut self.tokens);
        tokens.retain(|key, token| token.expires > now || self.is_launch_token(key));
        self.tokens = tokens;
        self.settle_peerings(now);
        self.settle_instances(now);
        self.settle_vpc_endpoints(now);
        self.settle_nat_gateways(now);
    }

    /// What stands of settled state, without tokens and tombstones.
    pub fn standing(&self) -> Value {
        let mut ec2 = self.clone();
        ec2.tokens.clear();
        ec2.bury_peerings();
        ec2.bury_instances();
        ec2.bury_vpc_endpoints();
        ec2.bury_nat_gateways();
        json!(ec2)
    }

    /// Whether a taggable thing with this id is listed.
    fn holds(&self, kind: &Kind, id: &str) -> bool {
        match kind.prefix {
            "vpc" => self.vpcs.contains_key(id),
            "subnet" => self.subnets.contains_key(id),
            "rtb" => self.route_tables.contains_key(id),
            "sg" => self.security_groups.contains_key(id),
            "sgr" => self.security_group_rules.contains_key(id),
            "igw" => self.internet_gateways.contains_key(id),
            "pcx" => self.peerings.contains_key(id),
            "acl" => self.network_acls.contains_key(id),
            "eni" => self.network_interfaces.contains_key(id),
            "dopt" => self.dhcp_options.contains_key(id),
            "key" => self.key_pairs.contains_key(id),
            "i" => self.instances.contains_key(id),
            "vol" => self.volumes.contains_key(id),
            "eipalloc" => self.elastic_ips.contains_key(id),
            "nat" => self.nat_gateways.contains_key(id),
            "vpce" => self.vpc_endpoints.contains_key(id),
            _ => false,
        }
    }

    /// The ids of all VPCs.
    pub fn vpc_ids(&self) -> impl Iterator<Item = &str> {
        self.vpcs.keys().map(String::as_str)
    }

    /// The VPC of a subnet, if there is such a subnet.
    pub fn vpc_of_subnet(&self, subnet_id: &str) -> Option<&str> {
        self.subnets.get(subnet_id).map(|subnet| subnet.vpc_id.as_str())
    }

    /// The name and the id of a subnet's zone, if there is such a subnet.
    pub fn zone_of_subnet(&self, subnet_id: &str) -> Option<(&str, &str)> {
        let subnet = self.subnets.get(subnet_id)?;
        Some((&subnet.availability_zone, &subnet.availability_zone_id))
    }

    /// The VPC that is meant where none is named.
    fn default_vpc(&self) -> Result<&str, ApiError> {
        let default = self.vpcs.iter().find(|(_, vpc)| vpc.is_default);
        let (id, _) = default.ok_or_else(|| ApiError::new("VPCIdNotSpecified", "No default VPC for this user"))?;
        Ok(id)
    }
}

/// A call's members, or those of a structure in it.
#[derive(Clone, Copy)]
pub struct Input<'a>(pub &'a Value);

impl<'a> Input<'a> {
    /// The member, if it is a text.
    pub fn text(self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// `MissingParameter`
    pub fn required(self, name: &str) -> Result<&'a str, ApiError> {
        self.text(name).filter(|text| !text.is_empty()).ok_or_else(|| missing_parameter(name))
    }

    /// The member, if it is a whole number.
    pub fn number(self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    /// The member, if it is a boolean.
    pub fn boolean(self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    /// Whether the member is true.
    pub fn flag(self, name: &str) -> bool {
        self.boolean(name) == Some(true)
    }

    /// The members of a list; none if it is absent.
    pub fn list(self, name: &str) -> &'a [Value] {
        self.0.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The texts of a list; none if it is absent.
    pub fn texts(self, name: &str) -> Vec<&'a str> {
        self.list(name).iter().filter_map(Value::as_str).collect()
    }

    /// A structure, if it is there.
    pub fn structure(self, name: &str) -> Option<Input<'a>> {
        self.0.get(name).filter(|value| value.is_object()).map(Input)
    }

    /// The boolean of an attribute that is sent as `{Value: …}`.
    ///
    /// # Errors
    /// `MissingParameter` if the attribute is there without a value.
    pub fn attribute(self, name: &str) -> Result<Option<bool>, ApiError> {
        let Some(attribute) = self.structure(name) else { return Ok(None) };
        attribute.boolean("Value").map(Some).ok_or_else(|| missing_parameter(&format!("{name}.Value")))
    }
}

/// What a client token of an operation is kept under: each operation has tokens of its own.
fn token_key(operation: &str, token: &str) -> String {
    format!("{operation} {token}")
}

fn missing_parameter(name: &str) -> ApiError {
    ApiError::new("MissingParameter", format!("The request must contain the parameter {}", lower_camel(name)))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValue", message)
}

fn dependency_violation(message: impl Into<String>) -> ApiError {
    ApiError::new("DependencyViolation", message)
}

/// The refusal of a value that AWS takes and this world does not model.
fn unsupported(what: &str) -> ApiError {
    ApiError::new("NotImplemented", format!("the sandbox does not model {what}")).with_status(501)
}

/// An IPv4 block in canonical form: EC2 clears the host bits.
fn parse_cidr(text: &str, parameter: &str) -> Result<Ipv4Net, ApiError> {
    let malformed =
        |_| invalid(format!("Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block."));
    text.parse::<Ipv4Net>().map(|net| net.trunc()).map_err(malformed)
}

/// Whether two blocks share an address.
fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// EC2 spells members in messages as its wire does: `VpcId` as `vpcId`.
fn lower_camel(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    #[test]
    fn a_dry_run_checks_everything_and_changes_nothing() {
        let mut world = Sandbox::new();
        let refusal = world.call("CreateVpc", json!({"CidrBlock": "10.0.0.0/16", "DryRun": true})).unwrap_err();
        assert_eq!((refusal.code.as_str(), refusal.status), ("DryRunOperation", 412));
        assert_eq!(world.ok("DescribeVpcs", json!({}))["Vpcs"].as_array().unwrap().len(), 1);
        assert_eq!(world.refused("CreateVpc", json!({"CidrBlock": "10.0.0.0/8", "DryRun": true})), "InvalidVpc.Range");
        assert_eq!(world.refused("DescribeVpcs", json!({"DryRun": true})), "DryRunOperation");
    }

    #[test]
    fn a_client_token_answers_with_the_same_table_even_when_it_is_gone() {
        let mut world = Sandbox::new();
        let (vpc, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        let create = |vpc: &str| json!({"VpcId": vpc, "ClientToken": "token"});
        let first = world.ok("CreateRouteTable", create(&vpc));
        assert_eq!(world.ok("CreateRouteTable", create(&vpc)), first);
        assert_eq!(world.refused("CreateRouteTable", create(&other)), "IdempotentParameterMismatch");
        world.ok("DeleteRouteTable", json!({"RouteTableId": first["RouteTable"]["RouteTableId"]}));
        assert_eq!(world.ok("CreateRouteTable", create(&vpc)), first);
        world.wait(25 * 3600);
        assert_ne!(world.ok("CreateRouteTable", create(&vpc)), first);
    }

    #[test]
    fn each_operation_has_client_tokens_of_its_own() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.0.0/24");
        world.ok("CreateRouteTable", json!({"VpcId": vpc, "ClientToken": "token"}));
        world.ok("CreateNetworkInterface", json!({"SubnetId": subnet, "ClientToken": "token"}));
    }

    #[test]
    fn a_client_token_has_at_most_sixty_four_characters() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let create = |length: usize| json!({"VpcId": vpc, "ClientToken": "t".repeat(length)});
        assert_eq!(world.refused("CreateRouteTable", create(65)), "InvalidParameterValue");
        world.ok("CreateRouteTable", create(64));
    }

    /// Everything that a list holds after all its pages, and how many those were.
    fn paged(world: &mut Sandbox, operation: &str, mut input: Value) -> (Value, usize) {
        let mut whole = json!({});
        for pages in 1.. {
            let mut page = world.ok(operation, input.clone());
            let token = page.as_object_mut().unwrap().remove("NextToken");
            for (member, items) in page.as_object().unwrap() {
                let so_far = whole.as_object_mut().unwrap().entry(member).or_insert(json!([])).as_array_mut().unwrap();
                so_far.extend(items.as_array().unwrap().iter().cloned());
                // A service of two types may end one page and begin the next.
                if member == "ServiceNames" {
                    so_far.dedup();
                }
            }
            let Some(token) = token else { return (whole, pages) };
            input["NextToken"] = token;
        }
        unreachable!()
    }

    #[test]
    fn the_pages_of_every_list_hold_together_what_the_list_holds_at_once() {
        let mut world = crowded();
        let lists = OPERATIONS.iter().copied().flatten().filter(|operation| operation.members.contains(&"NextToken"));
        for operation in lists {
            let mut input = json!({"MaxResults": 5});
            if operation.name == "GetManagedPrefixListEntries" {
                input["PrefixListId"] = json!(prefix_list::id_of("com.amazonaws.us-east-1.s3"));
            }
            let (whole, pages) = paged(&mut world, operation.name, input.clone());
            input.as_object_mut().unwrap().remove("MaxResults");
            let (at_once, _) = paged(&mut world, operation.name, input);
            assert_eq!(whole, at_once, "{}", operation.name);
            let items = at_once.as_object().unwrap().values().map(|items| items.as_array().unwrap().len()).max();
            assert!(pages >= items.unwrap().div_ceil(5), "{} has {pages} pages", operation.name);
            let few = [
                "DescribeInternetGateways",
                "DescribeManagedPrefixLists",
                "DescribePrefixLists",
                "DescribeVpcs",
                "GetManagedPrefixListEntries",
            ];
            assert!(pages > 1 || few.contains(&operation.name), "{} has one page", operation.name);
        }
    }

    /// A world with more than a page of everything that there can be so much of.
    fn crowded() -> Sandbox {
        let mut world = Sandbox::new();
        let vpcs: Vec<String> = (0..4).map(|n| world.vpc(&format!("10.{n}.0.0/16"))).collect();
        let vpc = &vpcs[0];
        let mut subnet = |block: &str, zone: &str| {
            let input = json!({"VpcId": vpc, "CidrBlock": block, "AvailabilityZone": zone});
            world.ok("CreateSubnet", input)["Subnet"]["SubnetId"].as_str().unwrap().to_owned()
        };
        let subnets = [subnet("10.0.0.0/24", "us-east-1a"), subnet("10.0.1.0/24", "us-east-1b")];
        subnet("10.0.2.0/24", "us-east-1c");
        let trust = json!({
            "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
        });
        world.iam("CreateRole", json!({"RoleName": "host", "AssumeRolePolicyDocument": trust.to_string()}));
        world.iam("CreateInstanceProfile", json!({"InstanceProfileName": "host"}));
        world.iam("AddRoleToInstanceProfile", json!({"InstanceProfileName": "host", "RoleName": "host"}));
        world.wait(10);
        let tags = json!([{"ResourceType": "instance", "Tags": [{"Key": "lab", "Value": "x"}]}]);
        for (n, (one, other)) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)].into_iter().enumerate() {
            let subnet = &subnets[n % 2];
            world.ok("CreateVpcPeeringConnection", json!({"VpcId": vpcs[one], "PeerVpcId": vpcs[other]}));
            world.group(vpc, &format!("group {n}"));
            world.table(vpc);
            world.ok("CreateNetworkAcl", json!({"VpcId": vpc}));
            let domain = json!({"Key": "domain-name", "Values": [format!("{n}.example.com")]});
            world.ok("CreateDhcpOptions", json!({"DhcpConfigurations": [domain]}));
            world.ok("CreateVpcEndpoint", json!({"VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.s3"}));
            world.ok("CreateNatGateway", json!({"SubnetId": subnet, "ConnectivityType": "private"}));
            world.launch(subnet, json!({"IamInstanceProfile": {"Name": "host"}, "TagSpecifications": tags}));
        }
        world.wait(60);
        world
    }

    #[test]
    fn lists_come_in_pages_that_together_hold_each_thing_once() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let mut groups: Vec<_> = (0..12).map(|n| world.group(&vpc, &format!("group {n}"))).collect();
        groups.sort_unstable();
        let filters = json!([{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["group *"]}]);
        let mut found = Vec::new();
        let mut input = json!({"Filters": filters, "MaxResults": 5});
        let mut pages = 0;
        loop {
            let page = world.ok("DescribeSecurityGroups", input.clone());
            let ids = page["SecurityGroups"].as_array().unwrap().iter().map(|group| group["GroupId"].clone());
            found.extend(ids);
            pages += 1;
            let Some(token) = page.get("NextToken") else { break };
            input["NextToken"] = token.clone();
        }
        assert_eq!((pages, json!(found)), (3, json!(groups)));
    }

    #[test]
    fn page_sizes_and_tokens_are_checked() {
        let mut world = Sandbox::new();
        for (operation, input, code) in [
            ("DescribeVpcs", json!({"MaxResults": 4}), "InvalidParameterValue"),
            ("DescribeVpcs", json!({"MaxResults": 1001}), "InvalidParameterValue"),
            ("DescribeRouteTables", json!({"MaxResults": 101}), "InvalidParameterValue"),
            ("DescribeVpcs", json!({"NextToken": "nonsense"}), "InvalidNextToken"),
        ] {
            assert_eq!(world.refused(operation, input.clone()), code, "{operation} {input}");
        }
        world.ok("DescribeVpcs", json!({"MaxResults": 1000}));
    }

    #[test]
    fn values_of_a_filter_are_alternatives_and_filters_add_up() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        world.vpc("10.1.0.0/16");
        let mut found =
            |filters: Value| world.ok("DescribeVpcs", json!({"Filters": filters}))["Vpcs"].as_array().unwrap().len();
        assert_eq!(found(json!([{"Name": "cidr", "Values": ["10.0.0.0/16", "10.1.0.0/16"]}])), 2);
        assert_eq!(found(json!([{"Name": "cidr", "Values": ["10.*"]}, {"Name": "vpc-id", "Values": [vpc]}])), 1);
        assert_eq!(found(json!([{"Name": "cidr", "Values": ["10.?.0.0/16"]}])), 2);
        assert_eq!(found(json!([{"Name": "is-default", "Values": ["false"]}])), 2);
        for filters in
            [json!([{"Name": "colour", "Values": ["red"]}]), json!([{"Name": "vpc-id", "Values": []}]), json!([{}])]
        {
            assert_eq!(world.refused("DescribeVpcs", json!({"Filters": filters})), "InvalidParameterValue");
        }
    }

    #[test]
    fn filters_and_their_values_are_counted_and_measured() {
        let mut world = Sandbox::new();
        world.vpc("10.0.0.0/16");
        let vpcs = |values: Vec<String>| json!({"Filters": [{"Name": "cidr", "Values": values}]});
        let many = |count: usize| vpcs(vec!["10.*".into(); count]);
        assert_eq!(world.refused("DescribeVpcs", many(201)), "FilterLimitExceeded");
        world.ok("DescribeVpcs", many(200));
        let filter = json!({"Name": "cidr", "Values": ["10.*"]});
        assert_eq!(world.refused("DescribeVpcs", json!({"Filters": vec![filter; 51]})), "FilterLimitExceeded");
        assert_eq!(world.refused("DescribeVpcs", vpcs(vec!["1".repeat(256)])), "InvalidParameterValue");
        world.ok("DescribeVpcs", vpcs(vec!["1".repeat(255)]));
    }

    #[test]
    fn nonsense_is_refused_and_never_a_panic() {
        let mut world = Sandbox::new();
        let odd =
            [json!(null), json!([]), json!(7), json!("text"), json!({"a": 1}), json!([{"a": 1}]), json!(i64::MAX)];
        for operation in OPERATIONS.iter().copied().flatten() {
            for value in &odd {
                let _ = world.call(operation.name, value.clone());
                let all: serde_json::Map<_, _> =
                    operation.members.iter().map(|member| (member.to_string(), value.clone())).collect();
                let _ = world.call(operation.name, Value::Object(all));
            }
        }
    }
}
