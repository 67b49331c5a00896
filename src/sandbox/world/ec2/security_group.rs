//! Security groups and their rules.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::tags::{self, Tags};
use super::{Ec2, Input, Kind, Operation, dependency_violation, invalid, missing_parameter, unsupported, vpc};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice};

pub const KIND: Kind = Kind {
    prefix: "sg",
    resource_type: "security-group",
    label: "security group",
    not_found: "InvalidGroup.NotFound",
    malformed: "InvalidGroupId.Malformed",
};

pub const RULE_KIND: Kind = Kind {
    prefix: "sgr",
    resource_type: "security-group-rule",
    label: "security group rule ID",
    not_found: "InvalidSecurityGroupRuleId.NotFound",
    malformed: "InvalidSecurityGroupRuleId.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateSecurityGroup",
        members: &["GroupName", "Description", "VpcId", "TagSpecifications"],
        run: Ec2::create_security_group,
    },
    Operation { name: "DeleteSecurityGroup", members: &["GroupId", "GroupName"], run: Ec2::delete_security_group },
    Operation {
        name: "DescribeSecurityGroups",
        members: &["GroupIds", "GroupNames", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_security_groups,
    },
    Operation {
        name: "DescribeSecurityGroupRules",
        members: &["SecurityGroupRuleIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_security_group_rules,
    },
    Operation {
        name: "AuthorizeSecurityGroupIngress",
        members: &[
            "GroupId",
            "GroupName",
            "IpPermissions",
            "IpProtocol",
            "FromPort",
            "ToPort",
            "CidrIp",
            "TagSpecifications",
        ],
        run: |ec2, context, input| ec2.authorize(context, input, false),
    },
    Operation {
        name: "AuthorizeSecurityGroupEgress",
        members: &["GroupId", "IpPermissions", "TagSpecifications"],
        run: |ec2, context, input| ec2.authorize(context, input, true),
    },
    Operation {
        name: "RevokeSecurityGroupIngress",
        members: &[
            "GroupId",
            "GroupName",
            "IpPermissions",
            "IpProtocol",
            "FromPort",
            "ToPort",
            "CidrIp",
            "SecurityGroupRuleIds",
        ],
        run: |ec2, context, input| ec2.revoke(context, input, false),
    },
    Operation {
        name: "RevokeSecurityGroupEgress",
        members: &["GroupId", "IpPermissions", "SecurityGroupRuleIds"],
        run: |ec2, context, input| ec2.revoke(context, input, true),
    },
    Operation {
        name: "ModifySecurityGroupRules",
        members: &["GroupId", "SecurityGroupRules"],
        run: Ec2::modify_security_group_rules,
    },
    Operation {
        name: "UpdateSecurityGroupRuleDescriptionsIngress",
        members: &["GroupId", "GroupName", "IpPermissions", "SecurityGroupRuleDescriptions"],
        run: |ec2, context, input| ec2.update_rule_descriptions(context, input, false),
    },
    Operation {
        name: "UpdateSecurityGroupRuleDescriptionsEgress",
        members: &["GroupId", "GroupName", "IpPermissions", "SecurityGroupRuleDescriptions"],
        run: |ec2, context, input| ec2.update_rule_descriptions(context, input, true),
    },
];

const LISTING: Listing = Listing {
    ids: Some(("GroupIds", &KIND)),
    result: "SecurityGroups",
    key: &["GroupId"],
    most: 1000,
    filters: &[
        ("description", "Description"),
        ("egress.ip-permission.cidr", "IpPermissionsEgress.IpRanges.CidrIp"),
        ("egress.ip-permission.from-port", "IpPermissionsEgress.FromPort"),
        ("egress.ip-permission.group-id", "IpPermissionsEgress.UserIdGroupPairs.GroupId"),
        ("egress.ip-permission.group-name", "IpPermissionsEgress.UserIdGroupPairs.GroupName"),
        ("egress.ip-permission.ipv6-cidr", "IpPermissionsEgress.Ipv6Ranges.CidrIpv6"),
        ("egress.ip-permission.prefix-list-id", "IpPermissionsEgress.PrefixListIds.PrefixListId"),
        ("egress.ip-permission.protocol", "IpPermissionsEgress.IpProtocol"),
        ("egress.ip-permission.to-port", "IpPermissionsEgress.ToPort"),
        ("egress.ip-permission.user-id", "IpPermissionsEgress.UserIdGroupPairs.UserId"),
        ("group-id", "GroupId"),
        ("group-name", "GroupName"),
        ("ip-permission.cidr", "IpPermissions.IpRanges.CidrIp"),
        ("ip-permission.from-port", "IpPermissions.FromPort"),
        ("ip-permission.group-id", "IpPermissions.UserIdGroupPairs.GroupId"),
        ("ip-permission.group-name", "IpPermissions.UserIdGroupPairs.GroupName"),
        ("ip-permission.ipv6-cidr", "IpPermissions.Ipv6Ranges.CidrIpv6"),
        ("ip-permission.prefix-list-id", "IpPermissions.PrefixListIds.PrefixListId"),
        ("ip-permission.protocol", "IpPermissions.IpProtocol"),
        ("ip-permission.to-port", "IpPermissions.ToPort"),
        ("ip-permission.user-id", "IpPermissions.UserIdGroupPairs.UserId"),
        ("owner-id", "OwnerId"),
        ("vpc-id", "VpcId"),
    ],
};

const RULE_LISTING: Listing = Listing {
    ids: Some(("SecurityGroupRuleIds", &RULE_KIND)),
    result: "SecurityGroupRules",
    key: &["SecurityGroupRuleId"],
    most: 1000,
    filters: &[("group-id", "GroupId"), ("security-group-rule-id", "SecurityGroupRuleId")],
};

/// Groups per Region; rules per group, direction and address family.
const GROUP_QUOTA: usize = 2500;
const RULE_QUOTA: usize = 60;

/// The group that comes with a VPC.
const DEFAULT_NAME: &str = "default";

/// What the names and descriptions of groups and rules may hold beside letters and digits.
const PUNCTUATION: &str = " ._-:/()#,@[]+=&;{}!$*";

/// A security group; its rules are kept apart, by their own ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecurityGroup {
    pub group_name: String,
    pub description: String,
    pub vpc_id: String,
}

impl SecurityGroup {
    /// Whether it came with its VPC.
    pub fn is_default(&self) -> bool {
        self.group_name == DEFAULT_NAME
    }
}

/// A rule of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rule {
    pub group_id: String,
    pub is_egress: bool,
    pub permission: Permission,
    pub description: Option<String>,
}

/// What a rule allows; no group has the same twice in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Permission {
    /// Ports, or ICMP's type and code; -1 for all.
    pub service: Service,
    pub peer: Peer,
}

/// A protocol with its ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Service {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, another protocol's number, or -1 for all.
    pub ip_protocol: String,
    pub from_port: i64,
    pub to_port: i64,
}

/// Where packets may come from or go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub enum Peer {
    Block(IpNet),
    Group(String),
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Block(block) => block.fmt(formatter),
            Peer::Group(id) => id.fmt(formatter),
        }
    }
}

impl Permission {
    /// Everything, to or from anywhere or one group.
    fn everything(peer: Peer) -> Self {
        Self { service: Service { ip_protocol: "-1".into(), from_port: -1, to_port: -1 }, peer }
    }
}

impl Service {
    fn has_ports(&self) -> bool {
        matches!(self.ip_protocol.as_str(), "tcp" | "udp" | "icmp" | "icmpv6")
    }

    /// Reads IpProtocol, FromPort and ToPort.
    fn parse(input: Input<'_>) -> Result<Self, ApiError> {
        let protocol = input.required("IpProtocol")?.to_ascii_lowercase();
        let ip_protocol = match protocol.parse::<u8>() {
            Ok(1) => "icmp".into(),
            Ok(6) => "tcp".into(),
            Ok(17) => "udp".into(),
            Ok(58) => "icmpv6".into(),
            Ok(number) => number.to_string(),
            Err(_) if protocol == "all" => "-1".into(),
            Err(_) => protocol,
        };
        let ports = (input.number("FromPort"), input.number("ToPort"));
        let (from_port, to_port) = match (ip_protocol.as_str(), ports) {
            ("tcp" | "udp", (Some(from), Some(to))) => {
                let valid = 0..=65535;
                if !valid.contains(&from) || !valid.contains(&to) || from > to {
                    return Err(invalid(format!("Invalid value '{from}-{to}' for portRange.")));
                }
                (from, to)
            }
            ("tcp" | "udp", _) => {
                let message = "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
                return Err(invalid(message));
            }
            ("icmp" | "icmpv6", (kind, code)) => {
                let (kind, code) = (kind.unwrap_or(-1), code.unwrap_or(-1));
                let valid = -1..=255;
                if !valid.contains(&kind) || !valid.contains(&code) || (kind == -1 && code != -1) {
                    return Err(invalid(format!("Invalid ICMP type or code: {kind}, {code}")));
                }
                (kind, code)
            }
            (other, _) if other == "-1" || other.parse::<u8>().is_ok() => (-1, -1),
            (unknown, _) => {
                return Err(invalid(format!("Invalid value '{unknown}' for IP protocol. Unknown protocol.")));
            }
        };
        Ok(Self { ip_protocol, from_port, to_port })
    }
}

/// A block in canonical form: EC2 clears the host bits of a rule's.
fn parse_block(text: &str, is_v4: bool) -> Result<Peer, ApiError> {
    match text.parse::<IpNet>() {
        Ok(net) if net.addr().is_ipv4() == is_v4 => Ok(Peer::Block(net.trunc())),
        _ => Err(invalid(format!("CIDR block {text} is malformed"))),
    }
}

fn is_v4(peer: &Peer) -> Option<bool> {
    match peer {
        Peer::Block(block) => Some(matches!(block.addr(), IpAddr::V4(_))),
        Peer::Group(_) => None,
    }
}

/// Refuses a name or description that EC2 would not store.
fn check_text(text: &str, what: &str) -> Result<(), ApiError> {
    if text.len() <= 255 && text.chars().all(|char| char.is_ascii_alphanumeric() || PUNCTUATION.contains(char)) {
        return Ok(());
    }
    let message =
        format!("Invalid {what}. Valid values are strings less than 256 characters of a-zA-Z0-9 and{PUNCTUATION}");
    Err(invalid(message))
}

fn description(input: Input<'_>) -> Result<Option<String>, ApiError> {
    let text = input.text("Description").filter(|text| !text.is_empty());
    text.map(|text| check_text(text, "rule description").map(|()| text.to_owned())).transpose()
}

impl Ec2 {
    pub(super) fn add_default_group(&mut self, dice: &mut Dice, vpc_id: &str) {
        let id = self.add_group(dice, vpc_id, DEFAULT_NAME, "default VPC security group");
        self.add_rule(dice, &id, false, Permission::everything(Peer::Group(id.clone())), None);
    }

    /// Adds a group with the rule that every new one has: everything may go out.
    fn add_group(&mut self, dice: &mut Dice, vpc_id: &str, name: &str, description: &str) -> String {
        let id = self.add_empty_group(dice, vpc_id, name, description);
        let anywhere = Peer::Block(super::route_table::anywhere());
        self.add_rule(dice, &id, true, Permission::everything(anywhere), None);
        id
    }

    /// Adds a group without rules, as services of AWS make them; returns its id.
    pub fn add_empty_group(&mut self, dice: &mut Dice, vpc_id: &str, name: &str, description: &str) -> String {
        let id = dice.id(KIND.prefix);
        let group = SecurityGroup { group_name: name.into(), description: description.into(), vpc_id: vpc_id.into() };
        self.security_groups.insert(id.clone(), group);
        id
    }

    /// Lets TCP to these ports out of one group and into another.
    pub fn let_pass(&mut self, dice: &mut Dice, from: &str, to: &str, ports: &[(i64, i64)]) {
        for &(from_port, to_port) in ports {
            let service = Service { ip_protocol: "tcp".into(), from_port, to_port };
            let permission = |peer: &str| Permission { service: service.clone(), peer: Peer::Group(peer.into()) };
            self.add_rule(dice, from, true, permission(to), None);
            self.add_rule(dice, to, false, permission(from), None);
        }
    }

    fn add_rule(
        &mut self,
        dice: &mut Dice,
        group_id: &str,
        is_egress: bool,
        permission: Permission,
        description: Option<String>,
    ) -> String {
        let id = dice.id(RULE_KIND.prefix);
        let rule = Rule { group_id: group_id.into(), is_egress, permission, description };
        self.security_group_rules.insert(id.clone(), rule);
        id
    }

    fn create_security_group(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let name = input.required("GroupName")?;
        let description = input.required("Description")?;
        let vpc_id = match input.text("VpcId") {
            Some(id) => id.to_owned(),
            None => self.default_vpc()?.to_owned(),
        };
        vpc::KIND.find(&self.vpcs, &vpc_id)?;
        check_text(name, "security group name")?;
        check_text(description, "security group description")?;
        if name.to_ascii_lowercase().starts_with("sg-") {
            return Err(invalid(format!("Group names may not be in the format sg-*: {name}")));
        }
        if name.eq_ignore_ascii_case(DEFAULT_NAME) {
            return Err(invalid("Cannot use reserved security group name: default"));
        }
        let mut groups = self.security_groups.values();
        if groups.any(|group| group.vpc_id == vpc_id && group.group_name.eq_ignore_ascii_case(name)) {
            let message = format!("The security group '{name}' already exists for VPC '{vpc_id}'");
            return Err(ApiError::new("InvalidGroup.Duplicate", message));
        }
        if self.security_groups.len() >= GROUP_QUOTA {
            let message = "The maximum number of security groups has been reached.";
            return Err(ApiError::new("SecurityGroupLimitExceeded", message));
        }
        let tags = tags::from_specifications(input, &KIND)?;

        let id = self.add_group(context.dice, &vpc_id, name, description);
        self.tag(&id, tags);
        Ok(json!({"GroupId": id, "SecurityGroupArn": group_arn(context, &id), "Tags": self.tags_view(&id)}))
    }

    fn delete_security_group(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = self.named_group(input)?;
        let group = KIND.find(&self.security_groups, &id)?;
        if group.is_default() {
            let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
            return Err(ApiError::new("CannotDelete", message));
        }
        // A rule of a peered VPC's group does not hold it: that rule goes stale.
        let refers = |rule: &Rule| {
            let neighbour = self.security_groups.get(&rule.group_id).is_some_and(|other| other.vpc_id == group.vpc_id);
            rule.group_id != id && neighbour && rule.permission.peer == Peer::Group(id.clone())
        };
        let in_use = self.security_group_rules.values().any(refers)
            || self.network_interfaces.values().any(|interface| interface.group_ids.contains(&id));
        if in_use {
            return Err(dependency_violation(format!("resource {id} has a dependent object")));
        }
        self.security_groups.remove(&id);
        self.security_group_rules.retain(|_, rule| rule.group_id != id);
        self.drop_stray_tags();
        Ok(json!({"Return": true, "GroupId": id}))
    }

    /// The group that the call names by id, or by its name in the default VPC.
    fn named_group(&self, input: Input<'_>) -> Result<String, ApiError> {
        if let Some(id) = input.text("GroupId") {
            KIND.find(&self.security_groups, id)?;
            return Ok(id.to_owned());
        }
        let name = input.text("GroupName").ok_or_else(|| {
            ApiError::new("MissingParameter", "The request must contain the parameter groupName or groupId")
        })?;
        self.group_by_name(name)
    }

    /// The id of the group of that name in the default VPC.
    ///
    /// # Errors
    /// `InvalidGroup.NotFound`; no default VPC.
    pub(super) fn group_by_name(&self, name: &str) -> Result<String, ApiError> {
        let vpc_id = self.default_vpc()?;
        let mut groups = self.security_groups.iter();
        let found = groups.find(|(_, group)| group.vpc_id == vpc_id && group.group_name.eq_ignore_ascii_case(name));
        found.map(|(id, _)| id.clone()).ok_or_else(|| {
            let message = format!("The security group '{name}' does not exist in default VPC '{vpc_id}'");
            ApiError::new(KIND.not_found, message)
        })
    }

    fn describe_security_groups(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let mut groups: Vec<(&String, &SecurityGroup)> = self.security_groups.iter().collect();
        let names = input.texts("GroupNames");
        if !names.is_empty() {
            let ids = names.iter().map(|name| self.group_by_name(name)).collect::<Result<Vec<_>, _>>()?;
            groups.retain(|(id, _)| ids.contains(id));
        }
        LISTING.answer(input, groups.into_iter().map(|(id, group)| self.group_view(context, id, group)).collect())
    }

    fn group_view(&self, context: &Context<'_>, id: &str, group: &SecurityGroup) -> Value {
        json!({
            "Description": group.description,
            "GroupId": id,
            "GroupName": group.group_name,
            "IpPermissions": self.permissions_view(context, id, false),
            "IpPermissionsEgress": self.permissions_view(context, id, true),
            "OwnerId": context.account,
            "SecurityGroupArn": group_arn(context, id),
            "Tags": self.tags_view(id),
            "VpcId": group.vpc_id,
        })
    }

    /// A group's rules of one direction, put together by protocol and ports.
    fn permissions_view(&self, context: &Context<'_>, group_id: &str, is_egress: bool) -> Vec<Value> {
        let mut permissions = BTreeMap::new();
        for rule in self.rules_of(group_id, is_egress) {
            let service = &rule.permission.service;
            let view = permissions.entry(service).or_insert_with(|| {
                let mut view = json!({
                    "IpProtocol": service.ip_protocol,
                    "IpRanges": [],
                    "Ipv6Ranges": [],
                    "PrefixListIds": [],
                    "UserIdGroupPairs": [],
                });
                if service.has_ports() {
                    view["FromPort"] = json!(service.from_port);
                    view["ToPort"] = json!(service.to_port);
                }
                view
            });
            let (list, mut entry) = match &rule.permission.peer {
                Peer::Block(block @ IpNet::V4(_)) => ("IpRanges", json!({"CidrIp": block})),
                Peer::Block(block @ IpNet::V6(_)) => ("Ipv6Ranges", json!({"CidrIpv6": block})),
                Peer::Group(peer) => ("UserIdGroupPairs", self.reference_view(context, group_id, peer)),
            };
            if let Some(description) = &rule.description {
                entry["Description"] = json!(description);
            }
            if let Some(entries) = view[list].as_array_mut() {
                entries.push(entry);
            }
        }
        permissions.into_values().collect()
    }

    /// How a rule of one group refers to another; more is said if that is in a peered VPC.
    fn reference_view(&self, context: &Context<'_>, group_id: &str, peer_id: &str) -> Value {
        let mut view = json!({"GroupId": peer_id, "UserId": context.account});
        let vpc_of = |id: &str| self.security_groups.get(id).map(|group| group.vpc_id.as_str());
        if let (Some(own), Some(other)) = (vpc_of(group_id), vpc_of(peer_id))
            && own != other
        {
            view["VpcId"] = json!(other);
            view["PeeringStatus"] = json!("deleted");
            if let Some(peering) = self.active_peering(own, other) {
                view["PeeringStatus"] = json!("active");
                view["VpcPeeringConnectionId"] = json!(peering);
            }
        }
        view
    }

    fn describe_security_group_rules(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let rules = self.security_group_rules.iter();
        RULE_LISTING.answer(input, rules.map(|(id, rule)| self.rule_view(context, id, rule)).collect())
    }

    fn rule_view(&self, context: &Context<'_>, id: &str, rule: &Rule) -> Value {
        let mut view = bare_rule_view(id, rule);
        view["GroupOwnerId"] = json!(context.account);
        view["SecurityGroupRuleArn"] = json!(context.arn("ec2", &format!("security-group-rule/{id}")));
        view["Tags"] = self.tags_view(id);
        if let Peer::Group(peer) = &rule.permission.peer {
            view["ReferencedGroupInfo"] = self.reference_view(context, &rule.group_id, peer);
        }
        view
    }

    fn rules_of(&self, group_id: &str, is_egress: bool) -> impl Iterator<Item = &Rule> {
        self.security_group_rules.values().filter(move |rule| rule.group_id == group_id && rule.is_egress == is_egress)
    }

    /// The id of the rule that allows this.
    fn rule_id(&self, group_id: &str, is_egress: bool, permission: &Permission) -> Option<&str> {
        let is_it =
            |rule: &Rule| rule.group_id == group_id && rule.is_egress == is_egress && rule.permission == *permission;
        self.security_group_rules.iter().find(|(_, rule)| is_it(rule)).map(|(id, _)| id.as_str())
    }

    /// The permissions, with their descriptions, that a call gives as IpPermissions or as one protocol and block.
    fn permissions(
        &self,
        context: &Context<'_>,
        input: Input<'_>,
    ) -> Result<Vec<(Permission, Option<String>)>, ApiError> {
        let mut permissions = Vec::new();
        if input.text("IpProtocol").is_some() || input.text("CidrIp").is_some() {
            let peer = parse_block(input.required("CidrIp")?, true)?;
            permissions.push((Permission { service: Service::parse(input)?, peer }, None));
        }
        for permission in input.list("IpPermissions").iter().map(Input) {
            let service = Service::parse(permission)?;
            if !permission.list("PrefixListIds").is_empty() {
                return Err(unsupported("prefix lists"));
            }
            let mut peers = Vec::new();
            for range in permission.list("IpRanges").iter().map(Input) {
                peers.push((parse_block(range.required("CidrIp")?, true)?, description(range)?));
            }
            for range in permission.list("Ipv6Ranges").iter().map(Input) {
                peers.push((parse_block(range.required("CidrIpv6")?, false)?, description(range)?));
            }
            for pair in permission.list("UserIdGroupPairs").iter().map(Input) {
                if pair.text("UserId").is_some_and(|owner| owner != context.account) {
                    return Err(unsupported("security groups of another account"));
                }
                peers.push((Peer::Group(self.named_group(pair)?), description(pair)?));
            }
            if peers.is_empty() {
                return Err(missing_parameter("CidrIp"));
            }
            permissions
                .extend(peers.into_iter().map(|(peer, text)| (Permission { service: service.clone(), peer }, text)));
        }
        if permissions.is_empty() {
            return Err(missing_parameter("IpPermissions"));
        }
        for (index, (permission, _)) in permissions.iter().enumerate() {
            if permissions[..index].iter().any(|(earlier, _)| earlier == permission) {
                return Err(invalid("The same permission must not appear multiple times"));
            }
        }
        Ok(permissions)
    }

    /// Refuses a group that packets of this group's VPC cannot come from.
    fn refuse_unreachable(&self, group_id: &str, peer: &Peer) -> Result<(), ApiError> {
        let Peer::Group(peer_id) = peer else { return Ok(()) };
        let own = &KIND.find(&self.security_groups, group_id)?.vpc_id;
        let other = &KIND.find(&self.security_groups, peer_id)?.vpc_id;
        if own != other && self.active_peering(own, other).is_none() {
            let message = "You have specified two resources that belong to different networks.";
            return Err(ApiError::new(KIND.not_found, message));
        }
        Ok(())
    }

    fn refuse_too_many_rules(&self, group_id: &str, is_egress: bool) -> Result<(), ApiError> {
        // A rule for a group counts for both address families.
        for family in [true, false] {
            let counts = |rule: &&Rule| is_v4(&rule.permission.peer).is_none_or(|is_v4| is_v4 == family);
            if self.rules_of(group_id, is_egress).filter(counts).count() > RULE_QUOTA {
                let message = "The maximum number of rules per security group has been reached.";
                return Err(ApiError::new("RulesPerSecurityGroupLimitExceeded", message));
            }
        }
        Ok(())
    }

    fn authorize(&mut self, context: &mut Context<'_>, input: Input<'_>, is_egress: bool) -> Answer {
        let group_id = self.named_group(input)?;
        let permissions = self.permissions(context, input)?;
        let tags: Tags = tags::from_specifications(input, &RULE_KIND)?;
        let mut views = Vec::new();
        for (permission, description) in permissions {
            self.refuse_unreachable(&group_id, &permission.peer)?;
            if self.rule_id(&group_id, is_egress, &permission).is_some() {
                return Err(duplicate(&permission));
            }
            let id = self.add_rule(context.dice, &group_id, is_egress, permission, description);
            self.tag(&id, tags.clone());
            views.push(self.rule_view(context, &id, &self.security_group_rules[&id]));
        }
        self.refuse_too_many_rules(&group_id, is_egress)?;
        Ok(json!({"Return": true, "SecurityGroupRules": views}))
    }

    fn revoke(&mut self, context: &Context<'_>, input: Input<'_>, is_egress: bool) -> Answer {
        let group_id = self.named_group(input)?;
        let by_id = input.texts("SecurityGroupRuleIds");
        let by_permission = !input.list("IpPermissions").is_empty() || input.text("IpProtocol").is_some();
        let mut doomed = Vec::new();
        if by_id.is_empty() {
            for (permission, _) in self.permissions(context, input)? {
                doomed.push(self.rule_id(&group_id, is_egress, &permission).ok_or_else(no_such_rule)?.to_owned());
            }
        } else if by_permission {
            let message = "The parameter securityGroupRuleIds cannot be used with the parameter ipPermissions";
            return Err(ApiError::new("InvalidParameterCombination", message));
        } else {
            for id in by_id {
                let rule = RULE_KIND.find(&self.security_group_rules, id)?;
                if rule.group_id != group_id || rule.is_egress != is_egress {
                    return Err(RULE_KIND.missing(id));
                }
                doomed.push(id.to_owned());
            }
        }
        let removed = doomed.iter().filter_map(|id| self.security_group_rules.remove(id).map(|rule| (id, rule)));
        let views: Vec<Value> = removed.map(|(id, rule)| bare_rule_view(id, &rule)).collect();
        self.drop_stray_tags();
        Ok(json!({"Return": true, "RevokedSecurityGroupRules": views}))
    }

    fn modify_security_group_rules(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let group_id = input.required("GroupId")?;
        KIND.find(&self.security_groups, group_id)?;
        let updates = input.list("SecurityGroupRules");
        if updates.is_empty() {
            return Err(missing_parameter("SecurityGroupRule"));
        }
        for update in updates.iter().map(Input) {
            let id = update.required("SecurityGroupRuleId")?;
            let new = update.structure("SecurityGroupRule").ok_or_else(|| missing_parameter("SecurityGroupRule"))?;
            let peer = match (new.text("CidrIpv4"), new.text("CidrIpv6"), new.text("ReferencedGroupId")) {
                (Some(block), None, None) => parse_block(block, true)?,
                (None, Some(block), None) => parse_block(block, false)?,
                (None, None, Some(peer)) => Peer::Group(peer.into()),
                _ if new.text("PrefixListId").is_some() => return Err(unsupported("prefix lists")),
                _ => {
                    let message = "A rule needs exactly one of cidrIpv4, cidrIpv6, prefixListId, referencedGroupId";
                    return Err(ApiError::new("InvalidParameterCombination", message));
                }
            };
            self.refuse_unreachable(group_id, &peer)?;
            let permission = Permission { service: Service::parse(new)?, peer };
            let rule = RULE_KIND.find(&self.security_group_rules, id)?;
            if rule.group_id != group_id {
                return Err(RULE_KIND.missing(id));
            }
            let is_egress = rule.is_egress;
            if self.rule_id(group_id, is_egress, &permission).is_some_and(|twin| twin != id) {
                return Err(duplicate(&permission));
            }
            let rule = RULE_KIND.find_mut(&mut self.security_group_rules, id)?;
            rule.permission = permission;
            rule.description = description(new)?;
            self.refuse_too_many_rules(group_id, is_egress)?;
        }
        Ok(json!({"Return": true}))
    }

    fn update_rule_descriptions(&mut self, context: &Context<'_>, input: Input<'_>, is_egress: bool) -> Answer {
        let group_id = self.named_group(input)?;
        let mut updates = Vec::new();
        for update in input.list("SecurityGroupRuleDescriptions").iter().map(Input) {
            updates.push((update.required("SecurityGroupRuleId")?.to_owned(), description(update)?));
        }
        if updates.is_empty() {
            for (permission, description) in self.permissions(context, input)? {
                let id = self.rule_id(&group_id, is_egress, &permission).ok_or_else(no_such_rule)?;
                updates.push((id.to_owned(), description));
            }
        }
        for (id, description) in updates {
            let rule = RULE_KIND.find_mut(&mut self.security_group_rules, &id)?;
            if rule.group_id != group_id || rule.is_egress != is_egress {
                return Err(RULE_KIND.missing(&id));
            }
            rule.description = description;
        }
        Ok(json!({"Return": true}))
    }
}

fn group_arn(context: &Context<'_>, id: &str) -> String {
    context.arn("ec2", &format!("security-group/{id}"))
}

/// What every answer says of a rule.
fn bare_rule_view(id: &str, rule: &Rule) -> Value {
    let service = &rule.permission.service;
    let mut view = json!({
        "FromPort": service.from_port,
        "GroupId": rule.group_id,
        "IpProtocol": service.ip_protocol,
        "IsEgress": rule.is_egress,
        "SecurityGroupRuleId": id,
        "ToPort": service.to_port,
    });
    match &rule.permission.peer {
        Peer::Block(block @ IpNet::V4(_)) => view["CidrIpv4"] = json!(block),
        Peer::Block(block @ IpNet::V6(_)) => view["CidrIpv6"] = json!(block),
        Peer::Group(_) => {}
    }
    if let Some(description) = &rule.description {
        view["Description"] = json!(description);
    }
    view
}

fn duplicate(permission: &Permission) -> ApiError {
    let Permission { service, peer } = permission;
    let protocol = if service.ip_protocol == "-1" { "ALL".into() } else { service.ip_protocol.to_ascii_uppercase() };
    let ports = match service.has_ports() {
        true => format!(", from port: {}, to port: {}", service.from_port, service.to_port),
        false => String::new(),
    };
    let message = format!("the specified rule \"peer: {peer}, {protocol}{ports}, ALLOW\" already exists");
    ApiError::new("InvalidPermission.Duplicate", message)
}

fn no_such_rule() -> ApiError {
    ApiError::new("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn https(group: &str, block: &str) -> Value {
        let ranges = json!([{"CidrIp": block, "Description": "corporate"}]);
        let permission = json!({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges});
        json!({"GroupId": group, "IpPermissions": [permission]})
    }

    fn from_group(group: &str, source: &str) -> Value {
        json!({"GroupId": group, "IpPermissions": [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": source}]}]})
    }

    fn described(world: &mut Sandbox, group: &str) -> Value {
        world.ok("DescribeSecurityGroups", json!({"GroupIds": [group]}))["SecurityGroups"][0].clone()
    }

    #[test]
    fn a_new_group_lets_everything_out_and_nothing_in() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let group = world.group(&vpc, "web");
        let view = described(&mut world, &group);
        assert_eq!(view["IpPermissions"], json!([]));
        assert_eq!(view["IpPermissionsEgress"][0]["IpProtocol"], "-1");
        assert_eq!(view["IpPermissionsEgress"][0]["IpRanges"], json!([{"CidrIp": "0.0.0.0/0"}]));
        assert_eq!(view["IpPermissionsEgress"][0].get("FromPort"), None);
        let of_group = json!({"Filters": [{"Name": "group-id", "Values": [group]}]});
        let rule = world.ok("DescribeSecurityGroupRules", of_group)["SecurityGroupRules"][0].clone();
        assert_eq!((&rule["FromPort"], &rule["IsEgress"], &rule["Tags"]), (&json!(-1), &json!(true), &json!([])));
    }

    #[test]
    fn names_are_unique_in_their_vpc_whatever_their_case() {
        let mut world = Sandbox::new();
        let (vpc, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        world.group(&vpc, "Web");
        world.group(&other, "web");
        let mut refused = |name: &str| {
            world.refused("CreateSecurityGroup", json!({"VpcId": vpc, "GroupName": name, "Description": "test"}))
        };
        assert_eq!(refused("web"), "InvalidGroup.Duplicate");
        assert_eq!(refused("sg-web"), "InvalidParameterValue");
        assert_eq!(refused("default"), "InvalidParameterValue");
        assert_eq!(refused("naïve"), "InvalidParameterValue");
        assert_eq!(refused(&"x".repeat(256)), "InvalidParameterValue");
        assert_eq!(refused(""), "MissingParameter");
    }

    #[test]
    fn an_authorized_rule_has_an_id_a_canonical_block_and_tags() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let group = world.group(&vpc, "web");
        let mut input = https(&group, "192.168.10.77/24");
        input["TagSpecifications"] =
            json!([{"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}]);
        let rule = world.ok("AuthorizeSecurityGroupIngress", input)["SecurityGroupRules"][0].clone();
        assert!(rule["SecurityGroupRuleId"].as_str().unwrap().starts_with("sgr-0"));
        assert_eq!(rule["CidrIpv4"], "192.168.10.0/24");
        assert_eq!(rule["Tags"], json!([{"Key": "a", "Value": "b"}]));
        let permissions = json!([{
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": 443,
            "Ipv6Ranges": [],
            "PrefixListIds": [],
            "UserIdGroupPairs": [],
            "IpRanges": [{"CidrIp": "192.168.10.0/24", "Description": "corporate"}],
        }]);
        assert_eq!(described(&mut world, &group)["IpPermissions"], permissions);
        let by_block = json!({"Filters": [{"Name": "ip-permission.cidr", "Values": ["192.168.*"]}]});
        assert_eq!(world.ok("DescribeSecurityGroups", by_block)["SecurityGroups"][0]["GroupId"], *group);
    }

    #[test]
    fn a_duplicate_rule_is_refused_however_it_is_written() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let group = world.group(&vpc, "web");
        world.ok("AuthorizeSecurityGroupIngress", https(&group, "10.9.0.0/16"));
        assert_eq!(
            world.refused("AuthorizeSecurityGroupIngress", https(&group, "10.9.1.2/16")),
            "InvalidPermission.Duplicate"
        );
        let flat =
            json!({"GroupId": group, "IpProtocol": "6", "FromPort": 443, "ToPort": 443, "CidrIp": "10.9.0.0/16"});
        assert_eq!(world.refused("AuthorizeSecurityGroupIngress", flat), "InvalidPermission.Duplicate");
        world.ok("AuthorizeSecurityGroupEgress", https(&group, "10.9.0.0/16"));
    }

    #[test]
    fn malformed_rules_are_refused() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let group = world.group(&vpc, "web");
        for (permission, code) in [
            (json!({"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}), "InvalidParameterValue"),
            (
                json!({"IpProtocol": "tcp", "FromPort": 2, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}),
                "InvalidParameterValue",
            ),
            (
                json!({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 70000, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}),
                "InvalidParameterValue",
            ),
            (json!({"IpProtocol": "warp", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}), "InvalidParameterValue"),
            (json!({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/33"}]}), "InvalidParameterValue"),
            (json!({"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "10.0.0.0/8"}]}), "InvalidParameterValue"),
            (json!({"IpProtocol": "-1"}), "MissingParameter"),
            (
                json!({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-0123456789abcdef0"}]}),
                "InvalidGroup.NotFound",
            ),
        ] {
            let input = json!({"GroupId": group, "IpPermissions": [permission]});
            assert_eq!(world.refused("AuthorizeSecurityGroupIngress", input.clone()), code, "{input}");
        }
    }

    #[test]
    fn a_rule_is_revoked_by_what_it_allows_or_by_its_id() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let group = world.group(&vpc, "web");
        world.ok("AuthorizeSecurityGroupIngress", https(&group, "10.9.0.0/16"));
        let revoked = world.ok("RevokeSecurityGroupIngress", https(&group, "10.9.0.0/16"));
        assert_eq!(revoked["RevokedSecurityGroupRules"][0]["CidrIpv4"], "10.9.0.0/16");
        assert_eq!(
            world.refused("RevokeSecurityGroupIngress", https(&group, "10.9.0.0/16")),
            "InvalidPermission.NotFound"
        );

        let authorized = world.ok("AuthorizeSecurityGroupIngress", https(&group, "10.9.0.0/16"));
        let id = authorized["SecurityGroupRules"][0]["SecurityGroupRuleId"].clone();
        let by_id = json!({"GroupId": group, "SecurityGroupRuleIds": [id]});
        assert_eq!(world.refused("RevokeSecurityGroupEgress", by_id.clone()), "InvalidSecurityGroupRuleId.NotFound");
        world.ok("RevokeSecurityGroupIngress", by_id.clone());
        assert_eq!(world.refused("RevokeSecurityGroupIngress", by_id), "InvalidSecurityGroupRuleId.NotFound");
    }

    #[test]
    fn a_rule_keeps_its_id_when_it_is_modified() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let group = world.group(&vpc, "web");
        let authorized = world.ok("AuthorizeSecurityGroupIngress", https(&group, "10.9.0.0/16"));
        let id = authorized["SecurityGroupRules"][0]["SecurityGroupRuleId"].clone();
        let new = json!({"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "CidrIpv4": "10.8.0.0/16"});
        let update =
            json!({"GroupId": group, "SecurityGroupRules": [{"SecurityGroupRuleId": id, "SecurityGroupRule": new}]});
        world.ok("ModifySecurityGroupRules", update);
        let rules = world.ok("DescribeSecurityGroupRules", json!({"SecurityGroupRuleIds": [id]}));
        let rule = &rules["SecurityGroupRules"][0];
        assert_eq!((&rule["CidrIpv4"], &rule["IpProtocol"]), (&json!("10.8.0.0/16"), &json!("udp")));

        let text = json!({"SecurityGroupRuleId": id, "Description": "dns"});
        let described = json!({"GroupId": group, "SecurityGroupRuleDescriptions": [text]});
        world.ok("UpdateSecurityGroupRuleDescriptionsIngress", described);
        let rules = world.ok("DescribeSecurityGroupRules", json!({"SecurityGroupRuleIds": [id]}));
        assert_eq!(rules["SecurityGroupRules"][0]["Description"], "dns");
    }

    #[test]
    fn a_group_that_another_refers_to_cannot_be_deleted_and_default_never() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (one, other) = (world.group(&vpc, "one"), world.group(&vpc, "other"));
        world.ok("AuthorizeSecurityGroupIngress", from_group(&one, &other));
        world.ok("AuthorizeSecurityGroupIngress", from_group(&other, &other));
        assert_eq!(world.refused("DeleteSecurityGroup", json!({"GroupId": other})), "DependencyViolation");
        world.ok("RevokeSecurityGroupIngress", from_group(&one, &other));
        world.ok("DeleteSecurityGroup", json!({"GroupId": other}));
        assert_eq!(world.refused("DeleteSecurityGroup", json!({"GroupId": other})), "InvalidGroup.NotFound");

        let default =
            json!({"Filters": [{"Name": "group-name", "Values": ["default"]}, {"Name": "vpc-id", "Values": [vpc]}]});
        let default = world.ok("DescribeSecurityGroups", default)["SecurityGroups"][0]["GroupId"].clone();
        assert_eq!(world.refused("DeleteSecurityGroup", json!({"GroupId": default})), "CannotDelete");
    }

    #[test]
    fn a_group_of_another_vpc_can_be_referred_to_over_an_active_peering_only() {
        let mut world = Sandbox::new();
        let (vpc, peer) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        let (one, other) = (world.group(&vpc, "one"), world.group(&peer, "other"));
        assert_eq!(world.refused("AuthorizeSecurityGroupIngress", from_group(&one, &other)), "InvalidGroup.NotFound");
        let created = world.ok("CreateVpcPeeringConnection", json!({"VpcId": vpc, "PeerVpcId": peer}));
        let peering = created["VpcPeeringConnection"]["VpcPeeringConnectionId"].clone();
        world.wait(2);
        world.ok("AcceptVpcPeeringConnection", json!({"VpcPeeringConnectionId": peering}));
        world.wait(3);
        let rule = world.ok("AuthorizeSecurityGroupIngress", from_group(&one, &other))["SecurityGroupRules"][0].clone();
        assert_eq!(rule["ReferencedGroupInfo"]["VpcPeeringConnectionId"], peering);
        world.ok("DeleteSecurityGroup", json!({"GroupId": other}));
    }

    #[test]
    fn a_group_takes_sixty_rules_each_way() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let group = world.group(&vpc, "web");
        let ranges: Vec<_> = (0..60).map(|n| json!({"CidrIp": format!("10.{n}.0.0/16")})).collect();
        let many = json!({"GroupId": group, "IpPermissions": [{"IpProtocol": "-1", "IpRanges": ranges}]});
        assert_eq!(world.refused("AuthorizeSecurityGroupEgress", many.clone()), "RulesPerSecurityGroupLimitExceeded");
        world.ok("AuthorizeSecurityGroupIngress", many);
        assert_eq!(
            world.refused("AuthorizeSecurityGroupIngress", https(&group, "0.0.0.0/0")),
            "RulesPerSecurityGroupLimitExceeded"
        );
        let v6 =
            json!({"GroupId": group, "IpPermissions": [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]});
        world.ok("AuthorizeSecurityGroupIngress", v6);
    }

    #[test]
    fn ids_of_groups_have_their_own_words() {
        let mut world = Sandbox::new();
        assert_eq!(world.refused("DeleteSecurityGroup", json!({"GroupId": "web"})), "InvalidGroupId.Malformed");
        assert_eq!(world.refused("DeleteSecurityGroup", json!({"GroupName": "web"})), "InvalidGroup.NotFound");
        assert_eq!(world.refused("DeleteSecurityGroup", json!({})), "MissingParameter");
    }
}
