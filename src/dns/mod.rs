//! What DNS servers of a corporate network must be told so that the private names resolve to private addresses: the
//! whole configuration of a lab's own DNS hosts, and the part that a server already there must add to its own.
//!
//! Everywhere the names are forwarded *only*: when the resolver doesn't answer, the client gets SERVFAIL. A server
//! that went on to ask the internet would answer with public addresses, and nobody would notice.

mod forwarding;
mod server;

use std::net::Ipv4Addr;

pub use forwarding::Flavour;
use serde::{Deserialize, Serialize};
pub use server::{DnsServer, SampleZone};

use crate::aws::services;
use crate::plan::{DnsMode, Plan};

/// Which names to ask whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarding {
    /// The zones, without a dot at the end, in order: everything at and below them is forwarded.
    pub zones: Vec<String>,
    /// The addresses of the inbound resolver endpoint.
    pub resolvers: Vec<Ipv4Addr>,
}

impl Forwarding {
    /// What a plan asks for in a Region; none where it has no resolver to forward to, or nothing to forward.
    pub fn of(plan: &Plan, region: &str) -> Option<Self> {
        let dns = &plan.dns;
        let mut zones: Vec<_> = dns.forward.iter().flat_map(|service| services::dns_zones(service, region)).collect();
        zones.sort();
        zones.dedup();
        let resolvers = vec![dns.resolver.a, dns.resolver.b];
        (dns.mode != DnsMode::Off && !zones.is_empty()).then_some(Self { zones, resolvers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Source, parse};

    #[test]
    fn a_plan_says_what_is_forwarded_where() {
        let mut plan = parse(&Source { name: "test".into(), text: "name = \"demo\"".into() }).unwrap();
        assert_eq!(Forwarding::of(&plan, "eu-west-1"), None);
        plan.dns.mode = DnsMode::Dhcp;
        plan.dns.forward = vec!["studio".into(), "execute-api".into()];
        let forwarding = Forwarding::of(&plan, "eu-west-1").unwrap();
        let zones = [
            "execute-api.eu-west-1.amazonaws.com",
            "studio.eu-west-1.sagemaker.aws",
            "studio.sagemaker.eu-west-1.app.aws",
        ];
        assert_eq!(forwarding.zones, zones);
        assert_eq!(forwarding.resolvers, [plan.dns.resolver.a, plan.dns.resolver.b]);
        plan.dns.forward.clear();
        assert_eq!(Forwarding::of(&plan, "eu-west-1"), None);
    }
}
