//! What names lead to, said for a difference of zones, records, DHCP options and DNS servers.

use ipnet::IpNet;
use serde_json::Value;

use super::several;
use crate::model::bind::{self, Config};
use crate::model::names::Zone;
use crate::model::network::is_public;
use crate::resource::hosted_zone::HostedZone;
use crate::resource::instance::Instance;
use crate::resource::record_set::RecordSet;

/// Where a record set leads.
pub fn leads(record: &RecordSet) -> String {
    let to = record.alias.as_ref().map(|alias| alias.name.text());
    let to: Vec<String> = to.into_iter().chain(record.values.iter().cloned()).collect();
    format!("{} leads to {} ({})", record.name, several(&to), record.record_type)
}

/// What it does that a zone is answered in other VPCs than planned.
pub fn other_vpcs(zone: &HostedZone, expected: &Value, actual: &Value) -> String {
    let (expected, actual) = (expected.as_array(), actual.as_array());
    let lacks = expected.into_iter().flatten().any(|vpc| !actual.into_iter().flatten().any(|other| other == vpc));
    match lacks {
        true => format!("in the lab's VPC, names of {} are answered with public addresses", zone.name),
        false => format!("names of {} are answered from it in other VPCs too", zone.name),
    }
}

/// `, which names …`, with those that answer the private names as on the internet.
pub fn servers(named: &[String]) -> String {
    if named.is_empty() {
        return ", which names no DNS server".into();
    }
    let public = |server: &&String| {
        let on_the_internet = server.parse().is_ok_and(|address: std::net::IpAddr| is_public(IpNet::from(address)));
        on_the_internet || *server == "AmazonProvidedDNS"
    };
    let public: Vec<_> = named.iter().filter(public).collect();
    let leak = match public.as_slice() {
        [] => String::new(),
        [one] => format!(": {one} answers the private names with public addresses"),
        _ => format!(": {} answer the private names with public addresses", several(&public)),
    };
    format!(", which names {}{leak}", several(named))
}

/// What a host would be if it were started anew.
pub fn other_user_data(planned: &Instance, host: &Instance) -> String {
    let read = |instance: &Instance| {
        let text = bind::named_conf(instance.user_data.as_deref()?)?;
        bind::read(&text, ipnet::Ipv4Net::default()).ok()
    };
    let anew = match (read(planned), read(host)) {
        (Some(planned), Some(other)) => other_zones(&planned, &other),
        (Some(_), None) => "it would be no DNS server".to_owned(),
        _ => "it would be set up in another way".to_owned(),
    };
    format!("what the host runs is what it was first started with, and isn't known; started anew, {anew}")
}

fn other_zones(planned: &Config, other: &Config) -> String {
    let first = other.zones.iter().filter(|(_, zone)| matches!(zone, Zone::Forward(upstream) if !upstream.only));
    let first: Vec<_> = first.map(|(zone, _)| zone).collect();
    if !first.is_empty() {
        return format!("it would ask the internet for {} when nobody else answers", several(&first));
    }
    let lost: Vec<_> = planned.zones.keys().filter(|zone| !other.zones.contains_key(*zone)).collect();
    if !lost.is_empty() {
        return format!("it would answer {} as on the internet", several(&lost));
    }
    let moved = planned.zones.iter().filter(|(zone, what)| other.zones.get(*zone) != Some(what));
    let moved: Vec<_> = moved.map(|(zone, _)| zone).collect();
    match moved.is_empty() {
        true => "it would be set up in another way".to_owned(),
        false => format!("it would ask others for {}", several(&moved)),
    }
}
