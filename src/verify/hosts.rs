//! The hosts of the corporate network, there or imagined, and where the portal's function calls from.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::engine::holdings::Holdings;
use crate::model::names::Client;
use crate::resource::{Address, Spec};

use super::live::{Labels, Live};
use super::{DNS_SERVERS, FUNCTION, ONPREM_SUBNETS, ONPREM_VPC, STUDIO_VPC};

/// An address of nobody's, for hosts that would be given a public one: <https://www.rfc-editor.org/rfc/rfc5737>.
const SOME_PUBLIC_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// A host of the corporate network, there or imagined.
pub struct Host {
    /// What sentences call it.
    pub name: String,
    /// Where it asks from.
    pub client: Client,
}

/// The lab's hosts that somebody works on, and an imagined one in each subnet without.
pub fn hosts(holdings: &Holdings<'_>, labels: &Labels<'_>, live: &mut Live) -> Vec<Host> {
    let Some(vpc) = holdings.held.get(&Address::from(ONPREM_VPC)) else { return Vec::new() };
    let vpc = labels.label(&vpc.observed.id);
    let client = |address| Client { address, vpc: vpc.clone() };
    let mut hosts = Vec::new();
    let mut peopled = BTreeSet::new();
    for (address, held) in holdings.held.iter().filter(|(address, _)| !DNS_SERVERS.contains(&address.as_str())) {
        if let Spec::Instance(instance) = &held.observed.spec
            && instance.running
        {
            peopled.insert(instance.subnet.text());
            let name = format!("{} ({address})", instance.private_address);
            hosts.push(Host { name, client: client(instance.private_address) });
        }
    }
    let subnets = ONPREM_SUBNETS.iter().filter_map(|address| holdings.held.get(&Address::from(*address)));
    for observed in subnets.map(|held| held.observed).filter(|observed| !peopled.contains(&observed.id)) {
        let label = labels.label(&observed.id);
        let Some(address) = live.network.imagine_host(&label) else { continue };
        if let Spec::Subnet(subnet) = &observed.spec
            && subnet.public
            && let Some(interface) = live.network.interfaces.get_mut(&address)
        {
            interface.public = Some(SOME_PUBLIC_ADDRESS);
        }
        hosts.push(Host { name: format!("{address} (imagined, in {label})"), client: client(address) });
    }
    hosts
}

/// Where the portal's function calls from: an imagined interface of its in each of its subnets, behind its groups.
pub fn origins(holdings: &Holdings<'_>, labels: &Labels<'_>, live: &mut Live) -> Vec<Host> {
    let held = [FUNCTION, STUDIO_VPC].map(|address| holdings.held.get(&Address::from(address)));
    let [Some(function), Some(vpc)] = held.map(|held| held.map(|held| held.observed)) else { return Vec::new() };
    let (name, vpc) = (labels.label(&function.id), labels.label(&vpc.id));
    let Spec::Function(function) = &function.spec else { return Vec::new() };
    let groups = labels.of_refs(&function.security_groups);
    for group in groups.iter().filter(|group| !live.network.groups.contains_key(*group)) {
        live.unknown_network.push(format!("the group {group} of {name} could not be read"));
    }
    let mut origins = Vec::new();
    for subnet in labels.of_refs(&function.subnets) {
        if let Some(address) = live.network.put_host(&subnet, &name, groups.clone()) {
            let client = Client { address, vpc: vpc.clone() };
            origins.push(Host { name: format!("{name}, in {subnet}"), client });
        }
    }
    origins
}
