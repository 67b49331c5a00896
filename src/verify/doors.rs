//! The endpoints whose names corporate hosts should reach.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::aws::services;
use crate::blueprint::Blueprint;
use crate::engine::holdings::Holdings;
use crate::model::names;
use crate::plan::Plan;
use crate::resource::interface_endpoint::InterfaceEndpoint;
use crate::resource::{Address, Observed, Spec};

use super::api::API;
use super::live::addresses;
use super::{DOMAIN, Lab};

/// An endpoint whose names corporate hosts should reach.
pub struct Door<'a> {
    /// Its service, as plans name it.
    pub service: &'a str,
    /// Names that should lead to it; none where the plan has no such endpoint.
    pub names: Vec<String>,
    /// In how many subnets it should stand.
    pub planned: usize,
    /// The endpoint as it stands.
    pub endpoint: Option<(&'a Observed, &'a InterfaceEndpoint)>,
}

impl Door<'_> {
    /// The addresses at which it stands.
    pub fn addresses(&self) -> BTreeSet<Ipv4Addr> {
        self.endpoint.iter().flat_map(|(_, endpoint)| addresses(&endpoint.placements)).collect()
    }
}

/// Studio's endpoint, and those of the other services whose names are forwarded.
pub fn doors<'a>(plan: &'a Plan, blueprint: &Blueprint, holdings: &Holdings<'a>, region: &str) -> Vec<Door<'a>> {
    let others = plan.dns.forward.iter().map(String::as_str).filter(|service| *service != "studio");
    std::iter::once("studio").chain(others).map(|service| door(service, blueprint, holdings, region)).collect()
}

/// The endpoint of a service in the Studio VPC.
pub fn door<'a>(service: &'a str, blueprint: &Blueprint, holdings: &Holdings<'a>, region: &str) -> Door<'a> {
    let address = Address::from(format!("studio/endpoint/{service}"));
    let held = holdings.held.get(&address);
    let endpoint = held.and_then(|held| match &held.observed.spec {
        Spec::InterfaceEndpoint(endpoint) => Some((held.observed, endpoint)),
        _ => None,
    });
    let planned = blueprint.get(&address).map_or(0, |desired| match &desired.spec {
        Spec::InterfaceEndpoint(endpoint) => endpoint.placements.len(),
        _ => 0,
    });
    let private_names = endpoint.and_then(|(observed, _)| observed.output("private_dns_names"));
    let host = host(service, holdings);
    let named = |zone: String| host.map_or_else(|| zone.clone(), |host| format!("{host}.{zone}"));
    let names = match planned {
        0 => Vec::new(),
        _ => zones(service, region, private_names).map(named).collect(),
    };
    Door { service, names, planned, endpoint }
}

/// What comes before a service's zone in the name that users need: somebody may have that one name answered by a zone
/// or a rule of its own. Where the domain or the API doesn't stand yet, any name will do.
fn host<'a>(service: &str, holdings: &Holdings<'a>) -> Option<&'a str> {
    let standing = |address: &str| holdings.held.get(&Address::from(address)).map(|held| held.observed.id.as_str());
    match service {
        "studio" => Some(standing(DOMAIN).unwrap_or("d-abcdefghijkl")),
        "notebook" => Some("d-abcdefghijkl"),
        "execute-api" => Some(standing(API).unwrap_or("abcdef1234")),
        _ => None,
    }
}

/// The zones of a service. An older endpoint may lack all but the first: then its private names don't say them.
fn zones(service: &str, region: &str, private_names: Option<&str>) -> impl Iterator<Item = String> {
    let has =
        move |zone: &str| private_names.is_none_or(|names| names.split(',').any(|name| names::is_within(name, zone)));
    let zones = services::dns_zones(service, region).into_iter().enumerate();
    zones.filter(move |(at, zone)| *at == 0 || has(zone)).map(|(_, zone)| zone)
}

impl Lab<'_> {
    /// Whether an endpoint stands in fewer subnets than it should.
    pub(super) fn missing_subnets(&self, door: &Door<'_>) -> Option<String> {
        let standing = door.addresses().len();
        let (observed, _) = door.endpoint.filter(|_| standing < door.planned)?;
        let label = self.labels.label(&observed.id);
        Some(format!("{label} has {standing} of its {} addresses: when a zone fails, so does it", door.planned))
    }

    /// Whether the plan has a door, and it stands.
    pub(super) fn stands(&self, door: &Door<'_>) -> Result<(), String> {
        if door.names.is_empty() {
            return Err(format!("the plan has no endpoint for {} in the Studio VPC", door.service));
        }
        door.endpoint.map(drop).ok_or_else(|| format!("the endpoint for {} is missing", door.service))
    }
}
