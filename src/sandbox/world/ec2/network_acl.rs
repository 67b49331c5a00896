//! Network ACLs: each VPC's default one, which lets everything pass until its entries are changed, and those that are
//! made, which let nothing pass until then.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::subnet::Subnet;
use super::{Ec2, Input, Kind, Operation, invalid, missing_parameter, route_table, tags, vpc};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice};

pub const KIND: Kind = Kind {
    prefix: "acl",
    resource_type: "network-acl",
    label: "networkAcl ID",
    not_found: "InvalidNetworkAclID.NotFound",
    malformed: "InvalidNetworkAclId.Malformed",
};

const ASSOCIATION: Kind = Kind {
    prefix: "aclassoc",
    resource_type: "",
    label: "association ID",
    not_found: "InvalidAssociationID.NotFound",
    malformed: "InvalidAssociationID.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateNetworkAcl",
        members: &["VpcId", "ClientToken", "TagSpecifications"],
        run: Ec2::create_network_acl,
    },
    Operation { name: "DeleteNetworkAcl", members: &["NetworkAclId"], run: Ec2::delete_network_acl },
    Operation {
        name: "ReplaceNetworkAclAssociation",
        members: &["AssociationId", "NetworkAclId"],
        run: Ec2::replace_network_acl_association,
    },
    Operation {
        name: "DescribeNetworkAcls",
        members: &["NetworkAclIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_network_acls,
    },
    Operation { name: "CreateNetworkAclEntry", members: ENTRY_MEMBERS, run: Ec2::create_network_acl_entry },
    Operation { name: "ReplaceNetworkAclEntry", members: ENTRY_MEMBERS, run: Ec2::replace_network_acl_entry },
    Operation {
        name: "DeleteNetworkAclEntry",
        members: &["NetworkAclId", "RuleNumber", "Egress"],
        run: Ec2::delete_network_acl_entry,
    },
];

const ENTRY_MEMBERS: &[&str] = &[
    "NetworkAclId",
    "RuleNumber",
    "Protocol",
    "RuleAction",
    "Egress",
    "CidrBlock",
    "Ipv6CidrBlock",
    "IcmpTypeCode",
    "PortRange",
];

const LISTING: Listing = Listing {
    ids: Some(("NetworkAclIds", &KIND)),
    result: "NetworkAcls",
    key: &["NetworkAclId"],
    most: 1000,
    filters: &[
        ("association.association-id", "Associations.NetworkAclAssociationId"),
        ("association.network-acl-id", "Associations.NetworkAclId"),
        ("association.subnet-id", "Associations.SubnetId"),
        ("default", "IsDefault"),
        ("entry.cidr", "Entries.CidrBlock"),
        ("entry.egress", "Entries.Egress"),
        ("entry.icmp.code", "Entries.IcmpTypeCode.Code"),
        ("entry.icmp.type", "Entries.IcmpTypeCode.Type"),
        ("entry.ipv6-cidr", "Entries.Ipv6CidrBlock"),
        ("entry.port-range.from", "Entries.PortRange.From"),
        ("entry.port-range.to", "Entries.PortRange.To"),
        ("entry.protocol", "Entries.Protocol"),
        ("entry.rule-action", "Entries.RuleAction"),
        ("entry.rule-number", "Entries.RuleNumber"),
        ("network-acl-id", "NetworkAclId"),
        ("owner-id", "OwnerId"),
        ("vpc-id", "VpcId"),
    ],
};

/// ACLs per VPC.
const QUOTA: usize = 200;
/// Entries of an ACL in one direction.
const ENTRY_QUOTA: usize = 20;
/// The number of the entry that refuses what no other allows, and that nothing can change.
const LAST_ENTRY: i64 = 32767;

/// A network ACL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkAcl {
    pub vpc_id: String,
    pub is_default: bool,
    /// Entries by number, of packets that enter a subnet and of those that leave one.
    pub ingress: BTreeMap<i64, Entry>,
    pub egress: BTreeMap<i64, Entry>,
}

/// What an ACL does with some packets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Entry {
    /// A protocol's number; -1 for all.
    pub protocol: i64,
    /// `allow` or `deny`
    pub rule_action: String,
    pub block: IpNet,
    /// First and last, for TCP and UDP.
    pub ports: Option<(i64, i64)>,
    /// Type and code, for ICMP.
    pub icmp: Option<(i64, i64)>,
}

impl NetworkAcl {
    fn entries_mut(&mut self, egress: bool) -> &mut BTreeMap<i64, Entry> {
        if egress { &mut self.egress } else { &mut self.ingress }
    }
}

impl Entry {
    /// About all packets.
    fn everything(rule_action: &str) -> Self {
        let block = route_table::anywhere();
        Self { protocol: -1, rule_action: rule_action.into(), block, ports: None, icmp: None }
    }

    fn parse(input: Input<'_>) -> Result<Self, ApiError> {
        let protocol = match input.required("Protocol")? {
            "all" | "-1" => -1,
            "icmp" => 1,
            "tcp" => 6,
            "udp" => 17,
            number => match number.parse::<u8>() {
                Ok(number) => number.into(),
                Err(_) => return Err(invalid(format!("Invalid value '{number}' for protocol."))),
            },
        };
        let rule_action = input.required("RuleAction")?;
        if !matches!(rule_action, "allow" | "deny") {
            return Err(invalid(format!("Value ({rule_action}) for parameter ruleAction is invalid.")));
        }
        let block = block(input)?;
        let wants_icmp = protocol == 1 || (protocol == 58 && matches!(block, IpNet::V6(_)));
        Ok(Self {
            protocol,
            rule_action: rule_action.into(),
            block,
            ports: matches!(protocol, 6 | 17).then(|| ports(input)).transpose()?,
            icmp: wants_icmp.then(|| icmp(input)).transpose()?,
        })
    }

    fn view(&self, egress: bool, number: i64) -> Value {
        let block_member = if matches!(self.block, IpNet::V4(_)) { "CidrBlock" } else { "Ipv6CidrBlock" };
        let mut view = json!({
            block_member: self.block,
            "Egress": egress,
            "Protocol": self.protocol.to_string(),
            "RuleAction": self.rule_action,
            "RuleNumber": number,
        });
        if let Some((from, to)) = self.ports {
            view["PortRange"] = json!({"From": from, "To": to});
        }
        if let Some((kind, code)) = self.icmp {
            view["IcmpTypeCode"] = json!({"Type": kind, "Code": code});
        }
        view
    }
}

/// The one block that the call names, in canonical form.
fn block(input: Input<'_>) -> Result<IpNet, ApiError> {
    let (text, is_v4) = match (input.text("CidrBlock"), input.text("Ipv6CidrBlock")) {
        (Some(text), None) => (text, true),
        (None, Some(text)) => (text, false),
        _ => return Err(missing_parameter("CidrBlock")),
    };
    match text.parse::<IpNet>() {
        Ok(net) if net.addr().is_ipv4() == is_v4 => Ok(net.trunc()),
        _ => Err(invalid(format!("CIDR block {text} is malformed"))),
    }
}

fn ports(input: Input<'_>) -> Result<(i64, i64), ApiError> {
    let range = input.structure("PortRange").ok_or_else(|| missing_parameter("PortRange"))?;
    match (range.number("From"), range.number("To")) {
        (Some(from), Some(to)) if 0 <= from && from <= to && to <= 65535 => Ok((from, to)),
        _ => Err(invalid("The port range must be from 0 to 65535, its first port not above its last.")),
    }
}

fn icmp(input: Input<'_>) -> Result<(i64, i64), ApiError> {
    let icmp = input.structure("IcmpTypeCode").ok_or_else(|| missing_parameter("Icmp"))?;
    match (icmp.number("Type"), icmp.number("Code")) {
        (Some(kind), Some(code)) if (-1..=255).contains(&kind) && (-1..=255).contains(&code) => Ok((kind, code)),
        _ => Err(invalid("The ICMP type and code must be from -1 to 255.")),
    }
}

impl Ec2 {
    pub(super) fn add_default_acl(&mut self, dice: &mut Dice, vpc_id: &str) {
        let entries = BTreeMap::from([(100, Entry::everything("allow"))]);
        let acl = NetworkAcl { vpc_id: vpc_id.into(), is_default: true, ingress: entries.clone(), egress: entries };
        self.network_acls.insert(dice.id(KIND.prefix), acl);
    }

    /// The ACL that stands between a subnet and the others.
    pub(super) fn acl_of_subnet<'a>(&'a self, subnet: &'a Subnet) -> Option<&'a String> {
        let default = || self.network_acls.iter().find(|(_, acl)| acl.is_default && acl.vpc_id == subnet.vpc_id);
        subnet.network_acl_id.as_ref().or_else(|| default().map(|(id, _)| id))
    }

    fn create_network_acl(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let vpc_id = input.required("VpcId")?;
        vpc::KIND.find(&self.vpcs, vpc_id)?;
        let tags = tags::from_specifications(input, &KIND)?;
        if self.network_acls.values().filter(|acl| acl.vpc_id == vpc_id).count() >= QUOTA {
            let message = "The maximum number of network acls has been reached.";
            return Err(ApiError::new("NetworkAclLimitExceeded", message));
        }
        let (ingress, egress) = (BTreeMap::new(), BTreeMap::new());
        let acl = NetworkAcl { vpc_id: vpc_id.into(), is_default: false, ingress, egress };
        let id = context.dice.id(KIND.prefix);
        self.network_acls.insert(id.clone(), acl);
        self.tag(&id, tags);
        let mut answer = json!({"NetworkAcl": self.network_acl_view(context, &id, &self.network_acls[&id])});
        if let Some(token) = input.text("ClientToken") {
            answer["ClientToken"] = json!(token);
        }
        Ok(answer)
    }

    fn delete_network_acl(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("NetworkAclId")?;
        if KIND.find(&self.network_acls, id)?.is_default {
            return Err(invalid(format!("cannot delete default network ACL {id}")));
        }
        if self.subnets.values().any(|subnet| subnet.network_acl_id.as_deref() == Some(id)) {
            return Err(KIND.in_use(id));
        }
        self.network_acls.remove(id);
        self.drop_stray_tags();
        Ok(json!({}))
    }

    fn replace_network_acl_association(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let association_id = input.required("AssociationId")?;
        let id = input.required("NetworkAclId")?;
        let acl = KIND.find(&self.network_acls, id)?;
        ASSOCIATION.check(association_id)?;
        let mut subnets = self.subnets.iter_mut();
        let associated = subnets.find(|(_, subnet)| subnet.network_acl_association_id == association_id);
        let (subnet_id, subnet) = associated.ok_or_else(|| ASSOCIATION.missing(association_id))?;
        if subnet.vpc_id != acl.vpc_id {
            return Err(invalid(format!("network ACL {id} and subnet {subnet_id} belong to different networks")));
        }
        subnet.network_acl_id = (!acl.is_default).then(|| id.to_owned());
        subnet.network_acl_association_id = context.dice.id(ASSOCIATION.prefix);
        Ok(json!({"NewAssociationId": subnet.network_acl_association_id}))
    }

    /// The entries that an entry call is about, with the number it names.
    fn named_entry<'a>(&'a mut self, input: Input<'_>) -> Result<(&'a mut BTreeMap<i64, Entry>, i64), ApiError> {
        let acl = KIND.find_mut(&mut self.network_acls, input.required("NetworkAclId")?)?;
        let egress = input.boolean("Egress").ok_or_else(|| missing_parameter("Egress"))?;
        let number = input.number("RuleNumber").ok_or_else(|| missing_parameter("RuleNumber"))?;
        if !(1..LAST_ENTRY).contains(&number) {
            let message = format!("Value ({number}) for parameter ruleNumber is invalid. It must be from 1 to 32766.");
            return Err(invalid(message));
        }
        Ok((acl.entries_mut(egress), number))
    }

    fn create_network_acl_entry(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let (entries, number) = self.named_entry(input)?;
        let entry = Entry::parse(input)?;
        if entries.contains_key(&number) {
            let message = format!("The network acl entry identified by {number} already exists.");
            return Err(ApiError::new("NetworkAclEntryAlreadyExists", message));
        }
        if entries.len() >= ENTRY_QUOTA {
            let message = "The maximum number of network acl entries has been reached.";
            return Err(ApiError::new("NetworkAclEntryLimitExceeded", message));
        }
        entries.insert(number, entry);
        Ok(json!({}))
    }

    fn replace_network_acl_entry(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let (entries, number) = self.named_entry(input)?;
        *entries.get_mut(&number).ok_or_else(|| missing_entry(number))? = Entry::parse(input)?;
        Ok(json!({}))
    }

    fn delete_network_acl_entry(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let (entries, number) = self.named_entry(input)?;
        entries.remove(&number).ok_or_else(|| missing_entry(number))?;
        Ok(json!({}))
    }

    fn describe_network_acls(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        LISTING
            .answer(input, self.network_acls.iter().map(|(id, acl)| self.network_acl_view(context, id, acl)).collect())
    }

    fn network_acl_view(&self, context: &Context<'_>, id: &str, acl: &NetworkAcl) -> Value {
        let last = Entry::everything("deny");
        let directions = [(true, &acl.egress), (false, &acl.ingress)];
        let entries = directions.into_iter().flat_map(|(egress, entries)| {
            let own = entries.iter().map(move |(number, entry)| entry.view(egress, *number));
            own.chain([last.view(egress, LAST_ENTRY)])
        });
        let entries: Vec<Value> = entries.collect();
        let subnets = self.subnets.iter();
        let subnets = subnets.filter(|(_, subnet)| self.acl_of_subnet(subnet).is_some_and(|own| own == id));
        let association = |(subnet_id, subnet): (&String, &Subnet)| {
            json!({
                "NetworkAclAssociationId": subnet.network_acl_association_id,
                "NetworkAclId": id,
                "SubnetId": subnet_id,
            })
        };
        json!({
            "Associations": subnets.map(association).collect::<Vec<_>>(),
            "Entries": entries,
            "IsDefault": acl.is_default,
            "NetworkAclId": id,
            "OwnerId": context.account,
            "Tags": self.tags_view(id),
            "VpcId": acl.vpc_id,
        })
    }
}

fn missing_entry(number: i64) -> ApiError {
    ApiError::new("InvalidNetworkAclEntry.NotFound", format!("The network acl entry '{number}' does not exist"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn the_default_acl_lets_everything_pass_and_holds_every_subnet() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.0.0/24");
        let acls = world.ok("DescribeNetworkAcls", json!({"Filters": [{"Name": "vpc-id", "Values": [vpc]}]}));
        let acl = &acls["NetworkAcls"][0];
        assert_eq!(acl["Associations"][0]["SubnetId"], *subnet);
        assert_eq!(acl["Entries"].as_array().unwrap().len(), 4);
        assert_eq!(acls["NetworkAcls"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn an_acl_of_ones_own_lets_nothing_pass_and_takes_over_subnets() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let (one, other) = (world.subnet(&vpc, "10.0.0.0/24"), world.subnet(&vpc, "10.0.1.0/24"));
        let default = acl_of(&mut world, &vpc);
        let tags = json!([{"Key": "lab", "Value": "x"}]);
        let specifications = json!([{"ResourceType": "network-acl", "Tags": tags}]);
        let made = world.ok("CreateNetworkAcl", json!({"VpcId": vpc, "TagSpecifications": specifications}));
        let made = made["NetworkAcl"].clone();
        assert_eq!((&made["IsDefault"], &made["Associations"], &made["Tags"]), (&json!(false), &json!([]), &tags));
        assert_eq!(made["Entries"].as_array().unwrap().len(), 2);
        let id = made["NetworkAclId"].as_str().unwrap().to_owned();

        let of_one = default["Associations"].as_array().unwrap().iter().find(|found| found["SubnetId"] == *one);
        let replace = json!({"AssociationId": of_one.unwrap()["NetworkAclAssociationId"], "NetworkAclId": id});
        let new = world.ok("ReplaceNetworkAclAssociation", replace.clone())["NewAssociationId"].clone();
        assert_eq!(world.refused("ReplaceNetworkAclAssociation", replace), "InvalidAssociationID.NotFound");
        let associations = |world: &mut Sandbox, id: &Value| {
            world.ok("DescribeNetworkAcls", json!({"NetworkAclIds": [id]}))["NetworkAcls"][0]["Associations"].clone()
        };
        let expected = json!([{"NetworkAclAssociationId": new, "NetworkAclId": id, "SubnetId": one}]);
        assert_eq!(associations(&mut world, &json!(id)), expected);
        assert_eq!(associations(&mut world, &default["NetworkAclId"])[0]["SubnetId"], *other);

        let network = world.ec2().network_around(&vpc);
        assert_eq!(network.subnets[&one].acl.as_ref(), Some(&id));
        assert_eq!(network.subnets[&other].acl.as_deref(), default["NetworkAclId"].as_str());
        assert_eq!(network.acls[&id], []);

        let delete = json!({"NetworkAclId": id});
        assert_eq!(world.refused("DeleteNetworkAcl", delete.clone()), "DependencyViolation");
        assert_eq!(world.refused("DeleteVpc", json!({"VpcId": vpc})), "DependencyViolation");
        let back = json!({"AssociationId": new, "NetworkAclId": default["NetworkAclId"]});
        world.ok("ReplaceNetworkAclAssociation", back);
        world.ok("DeleteNetworkAcl", delete.clone());
        assert_eq!(world.refused("DeleteNetworkAcl", delete), "InvalidNetworkAclID.NotFound");
        assert_eq!(associations(&mut world, &default["NetworkAclId"]).as_array().unwrap().len(), 2);
    }

    #[test]
    fn acls_are_replaced_within_a_vpc_and_the_default_one_stays() {
        let mut world = Sandbox::new();
        let (vpc, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        world.subnet(&vpc, "10.0.0.0/24");
        let (own, foreign) = (acl_of(&mut world, &vpc), acl_of(&mut world, &other));
        let association = &own["Associations"][0]["NetworkAclAssociationId"];
        for (association, acl, code) in [
            (association, &foreign["NetworkAclId"], "InvalidParameterValue"),
            (association, &json!("acl-0123456789abcdef0"), "InvalidNetworkAclID.NotFound"),
            (&json!("aclassoc-0123456789abcdef0"), &own["NetworkAclId"], "InvalidAssociationID.NotFound"),
            (&json!("rtbassoc-0123456789abcdef0"), &own["NetworkAclId"], "InvalidAssociationID.Malformed"),
        ] {
            let input = json!({"AssociationId": association, "NetworkAclId": acl});
            assert_eq!(world.refused("ReplaceNetworkAclAssociation", input), code);
        }
        let default = json!({"NetworkAclId": own["NetworkAclId"]});
        assert_eq!(world.refused("DeleteNetworkAcl", default), "InvalidParameterValue");
        let nowhere = json!({"VpcId": "vpc-0123456789abcdef0"});
        assert_eq!(world.refused("CreateNetworkAcl", nowhere), "InvalidVpcID.NotFound");
    }

    fn acl_of(world: &mut Sandbox, vpc: &str) -> Value {
        let acls = world.ok("DescribeNetworkAcls", json!({"Filters": [{"Name": "vpc-id", "Values": [vpc]}]}));
        acls["NetworkAcls"][0].clone()
    }

    #[test]
    fn entries_are_added_replaced_and_removed_by_number_and_direction() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let before = world.standing();
        let id = acl_of(&mut world, &vpc)["NetworkAclId"].clone();
        let with = |action: &str| {
            json!({
                "NetworkAclId": id,
                "RuleNumber": 90,
                "Egress": false,
                "Protocol": "6",
                "RuleAction": action,
                "CidrBlock": "192.168.10.7/24",
                "PortRange": {"From": 443, "To": 443},
            })
        };
        assert_eq!(world.refused("ReplaceNetworkAclEntry", with("deny")), "InvalidNetworkAclEntry.NotFound");
        world.ok("CreateNetworkAclEntry", with("allow"));
        assert_eq!(world.refused("CreateNetworkAclEntry", with("deny")), "NetworkAclEntryAlreadyExists");
        world.ok("ReplaceNetworkAclEntry", with("deny"));
        let entry = json!({
            "CidrBlock": "192.168.10.0/24",
            "Egress": false,
            "PortRange": {"From": 443, "To": 443},
            "Protocol": "6",
            "RuleAction": "deny",
            "RuleNumber": 90,
        });
        assert!(acl_of(&mut world, &vpc)["Entries"].as_array().unwrap().contains(&entry));
        let named = json!({"NetworkAclId": id, "RuleNumber": 90, "Egress": false});
        world.ok("DeleteNetworkAclEntry", named.clone());
        assert_eq!(world.refused("DeleteNetworkAclEntry", named), "InvalidNetworkAclEntry.NotFound");
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn entries_are_checked() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let id = acl_of(&mut world, &vpc)["NetworkAclId"].clone();
        let entry = json!({
            "NetworkAclId": id,
            "RuleNumber": 1,
            "Egress": true,
            "Protocol": "-1",
            "RuleAction": "deny",
            "CidrBlock": "0.0.0.0/0",
        });
        for (member, value, code) in [
            ("RuleNumber", json!(32767), "InvalidParameterValue"),
            ("RuleNumber", json!(0), "InvalidParameterValue"),
            ("Protocol", json!("6"), "MissingParameter"),
            ("Protocol", json!("1"), "MissingParameter"),
            ("Protocol", json!("carrier pigeon"), "InvalidParameterValue"),
            ("RuleAction", json!("ignore"), "InvalidParameterValue"),
            ("CidrBlock", json!("everywhere"), "InvalidParameterValue"),
            ("NetworkAclId", json!("acl-0123456789abcdef0"), "InvalidNetworkAclID.NotFound"),
        ] {
            let mut input = entry.clone();
            input[member] = value;
            assert_eq!(world.refused("CreateNetworkAclEntry", input), code, "{member}");
        }
    }

    #[test]
    fn a_direction_takes_twenty_entries() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let id = acl_of(&mut world, &vpc)["NetworkAclId"].clone();
        let entry = |number: i64| {
            json!({
                "NetworkAclId": id,
                "RuleNumber": number,
                "Egress": true,
                "Protocol": "-1",
                "RuleAction": "allow",
                "CidrBlock": "10.0.0.0/8",
            })
        };
        for number in 1..20 {
            world.ok("CreateNetworkAclEntry", entry(number));
        }
        assert_eq!(world.refused("CreateNetworkAclEntry", entry(20)), "NetworkAclEntryLimitExceeded");
    }
}
