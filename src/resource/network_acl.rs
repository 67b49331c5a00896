//! A network ACL: <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html>. A lab has none of its own;
//! shown are those that somebody made, and AWS's default one where somebody changed it.

use aws_sdk_ec2::types::{NetworkAcl as SdkNetworkAcl, NetworkAclEntry, RuleAction};
use serde::{Deserialize, Serialize};

use super::subnet::Subnet;
use super::vpc::Vpc;
use super::{Creation, Listing, Observed, Operations, Query, Ref, Resource, Seconds, Set, ec2};
use crate::aws::{Aws, Class, Failure};

/// The number of the entry that AWS puts last, which refuses everything and can't be removed.
const LAST: i32 = 32767;

/// What a network ACL is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkAcl {
    /// The VPC it is part of.
    pub vpc: Ref<Vpc>,
    /// Whether it is the one that came with the VPC, and goes with it.
    pub default: bool,
    /// The subnets that it guards.
    pub subnets: Set<Ref<Subnet>>,
    /// What passes, and what doesn't.
    pub entries: Set<Entry>,
}

/// An entry of a network ACL. The lowest number that matches counts; what none matches is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number, 1 to 32766.
    pub number: i32,
    /// Whether it is about what leaves the subnets, rather than what enters.
    pub egress: bool,
    /// Whether it lets pass.
    pub allow: bool,
    /// A protocol number; `-1` stands for all.
    pub protocol: String,
    /// First and last port; none for protocols without.
    pub ports: Option<(i32, i32)>,
    /// From whom, or to whom: an IPv4 or IPv6 range.
    pub cidr: String,
}

impl Entry {
    /// What AWS's default ACL begins with, in one direction.
    fn everything(egress: bool) -> Self {
        Self { number: 100, egress, allow: true, protocol: "-1".into(), ports: None, cidr: "0.0.0.0/0".into() }
    }
}

impl NetworkAcl {
    /// Whether it lets everything pass because AWS made it so.
    fn is_untouched(&self) -> bool {
        self.default && self.entries == [Entry::everything(false), Entry::everything(true)].into_iter().collect()
    }
}

impl Resource for NetworkAcl {
    const OWNERS: &'static [&'static str] = &["vpc"];
    const WEAK: &'static [&'static str] = &["subnets"];
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "CreateNetworkAcl",
        change: "ReplaceNetworkAclEntry",
        delete: "DeleteNetworkAcl",
    };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };

    async fn create(&self, _aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        Err(Failure::here("CreateNetworkAcl", Class::Wrong, "no lab has a network ACL of its own"))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let call = || aws.ec2.delete_network_acl().network_acl_id(&observed.id).send();
        aws.write("ec2", "DeleteNetworkAcl", call).await.map(drop)
    }
}

fn read_entry(entry: &NetworkAclEntry) -> Option<Entry> {
    let number = entry.rule_number().filter(|number| *number != LAST)?;
    Some(Entry {
        number,
        egress: entry.egress().unwrap_or_default(),
        allow: entry.rule_action() == Some(&RuleAction::Allow),
        protocol: entry.protocol().unwrap_or("-1").to_owned(),
        ports: entry.port_range().and_then(|range| Some((range.from()?, range.to()?))),
        cidr: entry.cidr_block().or(entry.ipv6_cidr_block()).unwrap_or_default().to_owned(),
    })
}

fn read(acl: &SdkNetworkAcl) -> Option<Observed> {
    let spec = NetworkAcl {
        vpc: Ref::known(acl.vpc_id()?),
        default: acl.is_default().unwrap_or_default(),
        subnets: acl.associations().iter().filter_map(|one| one.subnet_id()).map(Ref::known).collect(),
        entries: acl.entries().iter().filter_map(read_entry).collect(),
    };
    let untouched = spec.is_untouched();
    (!untouched).then_some(Observed::standing(acl.network_acl_id()?, ec2::read_tags(acl.tags()), spec))
}

/// Lists network ACLs, but for AWS's default ones as AWS made them.
///
/// # Errors
/// A page could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let filters = ec2::filters(query, "vpc-id", "network-acl-id");
    let acls = aws
        .read_pages("ec2", "DescribeNetworkAcls", |next| {
            let call = aws.ec2.describe_network_acls().set_filters(Some(filters.clone())).max_results(1000);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.network_acls.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    Ok(Listing { found: acls.iter().filter_map(read).collect(), ..Listing::default() })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::NetworkAclAssociation;

    use super::*;

    fn entry(number: i32, egress: bool, action: RuleAction) -> NetworkAclEntry {
        let entry = NetworkAclEntry::builder().rule_number(number).egress(egress).rule_action(action);
        entry.protocol("-1").cidr_block("0.0.0.0/0").build()
    }

    fn acl(default: bool, entries: impl IntoIterator<Item = NetworkAclEntry>) -> SdkNetworkAcl {
        let last = [false, true].map(|egress| entry(LAST, egress, RuleAction::Deny));
        let association = NetworkAclAssociation::builder().subnet_id("subnet-1").build();
        let acl = SdkNetworkAcl::builder().network_acl_id("acl-1").vpc_id("vpc-1").is_default(default);
        acl.associations(association).set_entries(Some(entries.into_iter().chain(last).collect())).build()
    }

    #[test]
    fn the_default_acl_as_aws_makes_it_is_nothing_to_see() {
        let open = || [false, true].map(|egress| entry(100, egress, RuleAction::Allow));
        assert_eq!(read(&acl(true, open())), None);
        assert!(read(&acl(false, open())).is_some());
        let changed = read(&acl(true, open().into_iter().chain([entry(50, false, RuleAction::Deny)]))).unwrap();
        let super::super::Spec::NetworkAcl(spec) = changed.spec else { panic!("an ACL") };
        assert_eq!((spec.entries.len(), spec.subnets.len()), (3, 1));
    }
}
