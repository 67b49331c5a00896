//! Ways and rules in words.

use ipnet::IpNet;

use crate::model::network::is_public;
use crate::resource::Address;
use crate::resource::network_acl::NetworkAcl;
use crate::resource::route::Target;
use crate::resource::security_group_rule::{Direction, Peer, SecurityGroupRule};

/// What a route that leads out of a network opens.
pub fn way_out(address: &Address, destination: &str, target: &Target) -> String {
    let side = side(address);
    let public = destination.parse::<IpNet>().is_ok_and(is_public);
    match target {
        Target::InternetGateway(_) => format!(": opens {side} to the internet"),
        Target::NatGateway(_) => format!(": opens a way from {side} to the internet"),
        Target::Other(id) if id.starts_with("eigw-") => format!(": opens a way from {side} to the internet"),
        Target::VpcPeeringConnection(_) | Target::Gateway(_) | Target::Other(_) if public => {
            format!(": addresses of the internet, out of {side}")
        }
        Target::VpcPeeringConnection(_) | Target::Gateway(_) | Target::Other(_) => String::new(),
    }
}

/// Which of a lab's networks an address is in.
pub fn side(address: &Address) -> &'static str {
    match address.as_str().split('/').next() {
        Some("studio") => "the Studio VPC",
        Some("onprem") => "the corporate network",
        _ => "the VPC",
    }
}

/// The id of where a route leads.
pub fn target(target: &Target) -> String {
    match target {
        Target::VpcPeeringConnection(peering) => peering.text(),
        Target::InternetGateway(gateway) => gateway.text(),
        Target::NatGateway(gateway) => gateway.text(),
        Target::Gateway(id) | Target::Other(id) => id.clone(),
    }
}

/// The traffic that a rule is about, and from or to whom.
pub fn what_passes(rule: &SecurityGroupRule) -> String {
    let peer = match &rule.peer {
        Peer::Cidr(range) => range.to_string(),
        Peer::Group(group) => group.text(),
        Peer::PrefixList(id) => id.clone(),
    };
    let way = if rule.direction == Direction::Ingress { "from" } else { "to" };
    format!("{} {way} {peer}", rule.traffic())
}

/// What a network ACL other than AWS's own does.
pub fn acl(acl: &NetworkAcl) -> String {
    let refused = acl.entries.iter().filter(|entry| !entry.allow).count();
    let whose = if acl.default { "somebody changed what came with the VPC" } else { "somebody made it" };
    match refused {
        0 => format!("{whose}: `up` leaves it alone, and packets that no entry allows are refused"),
        _ => format!("{whose}: `up` leaves it alone, and packets may be refused by {refused} of its entries"),
    }
}
