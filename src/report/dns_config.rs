//! What a corporate DNS server must forward.

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::dns::{Flavour, Forwarding};
use crate::engine::view::View;
use crate::resource::{Observed, Spec};

/// The answer of `dns-config`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DnsConfigDocument {
    /// The lab.
    pub lab: String,
    /// For which kind of server.
    #[serde(rename = "for")]
    pub flavour: Flavour,
    /// What is forwarded, and where to.
    #[serde(flatten)]
    pub forwarding: Forwarding,
    /// The configuration, as text.
    pub config: String,
}

impl DnsConfigDocument {
    /// The configuration for one kind of server.
    pub fn of(lab: &str, flavour: Flavour, forwarding: Forwarding) -> Self {
        Self { lab: lab.to_owned(), flavour, config: forwarding.config(flavour), forwarding }
    }
}

/// The addresses at which the lab's inbound resolver endpoint listens; empty where none stands.
pub fn listening(view: &View) -> Vec<Ipv4Addr> {
    let holdings = view.holdings();
    let observed = holdings.held.values().map(|held| held.observed);
    let mut addresses: Vec<_> = observed.flat_map(inbound).collect();
    addresses.sort();
    addresses
}

fn inbound(observed: &Observed) -> Vec<Ipv4Addr> {
    match &observed.spec {
        Spec::ResolverEndpoint(endpoint) if endpoint.direction == "INBOUND" => {
            endpoint.placements.iter().filter_map(|placement| placement.address).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tags;
    use crate::blueprint::Blueprint;
    use crate::resource::interface_endpoint::Placement;
    use crate::resource::resolver_endpoint::ResolverEndpoint;
    use crate::resource::{Readiness, Ref};
    use crate::survey::{Survey, lab_name};

    #[test]
    fn the_addresses_are_those_of_the_endpoint_that_stands() {
        let placement =
            |address: &str| Placement { subnet: Ref::known("subnet-1"), address: Some(address.parse().unwrap()) };
        let endpoint = ResolverEndpoint {
            vpc: Ref::known("vpc-1"),
            name: "breezeway-demo-inbound".into(),
            direction: "INBOUND".into(),
            placements: vec![placement("10.16.96.11"), placement("10.16.32.11")].into(),
            security_groups: Vec::new().into(),
            protocols: vec!["Do53".to_owned()].into(),
            ip_address_type: "IPV4".into(),
        };
        let mut blueprint = Blueprint::empty(lab_name("demo", "eu-west-1"));
        blueprint.add("studio/resolver", "resolver", endpoint.clone());
        let tags = [(tags::LAB, "demo"), (tags::ADDRESS, "studio/resolver")];
        let observed = Observed {
            unread: Vec::new(),
            id: "rslvr-in-1".into(),
            state: "OPERATIONAL".into(),
            readiness: Readiness::Ready,
            tags: tags.map(|(key, value)| (key.into(), value.into())).into(),
            spec: endpoint.into(),
            outputs: Default::default(),
        };
        let survey = Survey { lab: "demo".into(), found: vec![observed], ..Survey::default() };
        let mut view = View { record: None, blueprint, survey };
        assert_eq!(listening(&view), [Ipv4Addr::new(10, 16, 32, 11), Ipv4Addr::new(10, 16, 96, 11)]);
        view.survey.found.clear();
        assert!(listening(&view).is_empty());
    }

    #[test]
    fn json_has_zones_resolvers_and_text() {
        let zones = vec!["studio.eu-west-1.sagemaker.aws".to_owned()];
        let forwarding = Forwarding { zones, resolvers: vec![Ipv4Addr::new(10, 16, 32, 10)] };
        let json = serde_json::to_value(DnsConfigDocument::of("demo", Flavour::Unbound, forwarding)).unwrap();
        assert_eq!(json["lab"], "demo");
        assert_eq!(json["for"], "unbound");
        assert_eq!(json["zones"][0], "studio.eu-west-1.sagemaker.aws");
        assert_eq!(json["resolvers"][0], "10.16.32.10");
        assert!(json["config"].as_str().unwrap().contains("forward-first: no"));
    }
}
