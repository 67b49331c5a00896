//! Addresses that a plan leaves open. They are chosen here rather than by AWS, which might give away one that the plan
//! has fixed for something that is made a moment later.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use sha2::{Digest, Sha256};

/// Addresses at the beginning of every subnet that AWS keeps for itself; the last is its own too:
/// <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>.
const KEPT: u32 = 4;

/// An address of a subnet for what has this name, and takes it. It depends on what else is in the plan only where that
/// has the same one. None: the subnet is full.
pub fn choose(subnet: Ipv4Net, name: &str, taken: &mut BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
    let first = subnet.network().to_bits() + KEPT;
    let count = subnet.broadcast().to_bits().checked_sub(first).filter(|count| *count > 0)?;
    let digest = Sha256::digest(name.as_bytes());
    let start = digest.iter().take(4).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) % count;
    (0..count).map(|step| Ipv4Addr::from_bits(first + (start + step) % count)).find(|address| taken.insert(*address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stays_while_nothing_else_wants_it() {
        let subnet = "10.16.32.0/20".parse().unwrap();
        let alone = choose(subnet, "studio", &mut BTreeSet::new()).unwrap();
        let mut taken = BTreeSet::new();
        let others = ["lambda", "sts"].map(|name| choose(subnet, name, &mut taken).unwrap());
        assert_eq!(choose(subnet, "studio", &mut taken), Some(alone));
        assert!(!others.contains(&alone) && subnet.contains(&alone));
        assert_ne!(choose(subnet, "studio", &mut taken), Some(alone), "taken now");
    }

    #[test]
    fn a_small_subnet_is_filled_to_its_last_usable_address_and_no_further() {
        let subnet: Ipv4Net = "10.0.0.0/28".parse().unwrap();
        let mut taken = BTreeSet::new();
        let chosen: BTreeSet<_> = (0..12).filter_map(|n| choose(subnet, &n.to_string(), &mut taken)).collect();
        let usable: BTreeSet<_> = (4..15).map(|last| Ipv4Addr::new(10, 0, 0, last)).collect();
        assert_eq!(chosen, usable);
    }
}
