//! Neighbours who use up what an account may have of something: whoever wants one more meets a quota.

use breezeway::sandbox::host::Sandbox;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Hands, list};
use crate::lab::by_hand;

/// More than any quota here.
const MANY: usize = 10;

/// How to make one more of something, and how to unmake it again.
struct Crowd {
    service: &'static str,
    create: &'static str,
    input: fn(&Sandbox) -> Value,
    delete: &'static str,
    undo: fn(&Value) -> Value,
}

static CROWDS: [Crowd; 4] = [
    Crowd {
        service: "ec2",
        create: "CreateVpc",
        input: |_| json!({"CidrBlock": "10.200.0.0/16"}),
        delete: "DeleteVpc",
        undo: |made| json!({"VpcId": made["Vpc"]["VpcId"]}),
    },
    Crowd {
        service: "ec2",
        create: "AllocateAddress",
        input: |_| json!({"Domain": "vpc"}),
        delete: "ReleaseAddress",
        undo: |made| json!({"AllocationId": made["AllocationId"]}),
    },
    Crowd {
        service: "ec2",
        create: "CreateInternetGateway",
        input: |_| json!({}),
        delete: "DeleteInternetGateway",
        undo: |made| json!({"InternetGatewayId": made["InternetGateway"]["InternetGatewayId"]}),
    },
    Crowd {
        service: "route53resolver",
        create: "CreateResolverEndpoint",
        input: resolver_in_default_vpc,
        delete: "DeleteResolverEndpoint",
        undo: |made| json!({"ResolverEndpointId": made["ResolverEndpoint"]["Id"]}),
    },
];

fn resolver_in_default_vpc(sandbox: &Sandbox) -> Value {
    let defaults = json!([{"Name": "is-default", "Values": ["true"]}]);
    let vpc = list(sandbox, "DescribeVpcs", "Vpcs", defaults).swap_remove(0)["VpcId"].take();
    let inside = json!([{"Name": "vpc-id", "Values": [vpc]}]);
    let subnets = list(sandbox, "DescribeSubnets", "Subnets", inside.clone());
    let addresses: Vec<_> = subnets[..2].iter().map(|subnet| json!({"SubnetId": subnet["SubnetId"]})).collect();
    let groups = list(sandbox, "DescribeSecurityGroups", "SecurityGroups", inside);
    // A token of the account's state: the same one would answer with the one that is there.
    let made = list_resolvers(sandbox);
    json!({
        "CreatorRequestId": format!("theirs-{made}"), "Direction": "INBOUND", "IpAddresses": addresses,
        "SecurityGroupIds": [groups[0]["GroupId"]],
    })
}

fn list_resolvers(sandbox: &Sandbox) -> usize {
    let answer = by_hand(sandbox, "route53resolver", "ListResolverEndpoints", json!({})).unwrap_or_default();
    answer["ResolverEndpoints"].as_array().map_or(0, Vec::len)
}

impl Hands {
    /// Leaves no room for one more of something, or makes room again.
    pub fn crowd(&mut self, sandbox: &Sandbox, random: &mut ChaCha8Rng) -> String {
        if !self.crowd.is_empty() {
            self.make_room(sandbox);
            return "the neighbours make room again".into();
        }
        self.crowded = true;
        let Some(Crowd { service, create, input, delete, undo }) = CROWDS.choose(random) else { return String::new() };
        for _ in 0..MANY {
            match by_hand(sandbox, service, create, input(sandbox)) {
                Ok(made) => self.crowd.push((service, delete, undo(&made))),
                Err(refused) => return format!("the neighbours {create}, {} more, until {refused}", self.crowd.len()),
            }
        }
        format!("the neighbours {create} without end")
    }

    /// Takes away what used up the account.
    pub(super) fn make_room(&mut self, sandbox: &Sandbox) {
        for (service, delete, input) in self.crowd.drain(..) {
            by_hand(sandbox, service, delete, input).expect("what the neighbours made can be removed");
        }
    }
}
