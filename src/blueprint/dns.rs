//! How names are answered in the corporate network: the resolver's inbound endpoint in the Studio VPC, and who forwards
//! to it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::vpc::security_group;
use super::{Blueprint, Facts, Network, hosts};
use crate::dns::{DnsServer, Forwarding, SampleZone};
use crate::plan::{DnsMode, Plan};
use crate::resource::dhcp_options::DhcpOptions;
use crate::resource::dhcp_options_association::DhcpOptionsAssociation;
use crate::resource::interface_endpoint::Placement;
use crate::resource::resolver_endpoint::ResolverEndpoint;

/// Adds the resolver endpoint, the DNS hosts if the plan has them, and the DHCP options that name either.
pub fn add(blueprint: &mut Blueprint, plan: &Plan, facts: &Facts, onprem: &Network, studio: &Network) {
    let dns = &plan.dns;
    let description = "Resolver endpoint, asked by the corporate DNS";
    let group = security_group(blueprint, "studio", "resolver", description, &studio.vpc, &dns.resolver_rules);
    let [a, b] = studio.tier("private").subnets.clone();
    let name = blueprint.lab.resolver_endpoint.clone();
    let spec = ResolverEndpoint {
        vpc: studio.vpc.clone(),
        name: name.clone(),
        direction: "INBOUND".into(),
        placements: [(a, dns.resolver.a), (b, dns.resolver.b)]
            .into_iter()
            .map(|(subnet, address)| Placement { subnet, address: Some(address) })
            .collect(),
        security_groups: [group].into_iter().collect(),
        protocols: ["Do53".to_owned()].into_iter().collect(),
        ip_address_type: "IPV4".into(),
    };
    blueprint.add("studio/resolver", &name, spec);

    let mut options = BTreeMap::new();
    let servers = match dns.mode {
        DnsMode::Server => {
            let placed = [("a", 0, dns.servers.a), ("b", 1, dns.servers.b)];
            for (letter, zone, address) in placed {
                let server = dns_server(plan, facts, address);
                hosts::add_dns_server(blueprint, plan, facts, onprem, letter, zone, &server);
            }
            options.insert("domain-name".to_owned(), vec![dns.domain.clone()]);
            dns.servers
        }
        DnsMode::Dhcp | DnsMode::Off => dns.resolver,
    };
    options.insert("domain-name-servers".into(), vec![servers.a.to_string(), servers.b.to_string()]);
    let options = blueprint.add("onprem/dhcp-options", "STUDIO-ONPREM-DHCP", DhcpOptions { options });
    let association = DhcpOptionsAssociation { vpc: onprem.vpc.clone(), dhcp_options: options };
    blueprint.add("onprem/dhcp-options/association", "", association);
}

fn dns_server(plan: &Plan, facts: &Facts, address: Ipv4Addr) -> DnsServer {
    let mut records =
        BTreeMap::from([("dns-a".to_owned(), plan.dns.servers.a), ("dns-b".to_owned(), plan.dns.servers.b)]);
    if plan.app_server.enabled {
        records.insert("app".into(), plan.app_server.address);
    }
    DnsServer {
        address,
        clients: vec![plan.onprem.cidr],
        forwarding: Forwarding::of(plan, &facts.region).unwrap_or_default(),
        upstream: Ipv4Addr::from_bits(plan.onprem.cidr.network().to_bits() + 2),
        sample: Some(SampleZone { name: plan.dns.domain.clone(), records }),
    }
}
