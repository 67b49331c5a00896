//! Network ACLs: each VPC's default one, which lets everything pass.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::{Ec2, Input, Kind, Operation};
use crate::sandbox::api::Answer;
use crate::sandbox::world::{Context, Dice};

pub const KIND: Kind = Kind {
    prefix: "acl",
    resource_type: "network-acl",
    label: "networkAcl ID",
    not_found: "InvalidNetworkAclID.NotFound",
    malformed: "InvalidNetworkAclId.Malformed",
};

pub const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeNetworkAcls",
    members: &["NetworkAclIds", "Filters", "MaxResults", "NextToken"],
    run: Ec2::describe_network_acls,
}];

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

/// A network ACL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkAcl {
    pub vpc_id: String,
    pub is_default: bool,
}

impl Ec2 {
    pub(super) fn add_default_acl(&mut self, dice: &mut Dice, vpc_id: &str) {
        let acl = NetworkAcl { vpc_id: vpc_id.into(), is_default: true };
        self.network_acls.insert(dice.id(KIND.prefix), acl);
    }

    fn describe_network_acls(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        LISTING
            .answer(input, self.network_acls.iter().map(|(id, acl)| self.network_acl_view(context, id, acl)).collect())
    }

    fn network_acl_view(&self, context: &Context<'_>, id: &str, acl: &NetworkAcl) -> Value {
        let entry = |egress: bool, number: u32, action: &str| {
            json!({
                "CidrBlock": "0.0.0.0/0",
                "Egress": egress,
                "Protocol": "-1",
                "RuleAction": action,
                "RuleNumber": number,
            })
        };
        let entries: Vec<Value> = [true, false]
            .into_iter()
            .flat_map(|egress| [entry(egress, 100, "allow"), entry(egress, 32767, "deny")])
            .collect();
        // Every subnet is on the default ACL: there are no others.
        let subnets = self.subnets.iter().filter(|(_, subnet)| acl.is_default && subnet.vpc_id == acl.vpc_id);
        let association = |(subnet_id, subnet): (&String, &super::subnet::Subnet)| {
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
}
