//! Names resolve in the world: what a host gets for one, or somebody on the internet.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use jiff::Timestamp;

use super::ec2::Ec2;
use super::{Context, Dice, Durations, Region, World};
use crate::model::names::{self, Answer, Client, Hop, Lookup, Names};
use crate::model::network::Network;

/// A lookup, and who asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The account of whoever asked.
    pub account: String,
    /// The Region where they stand.
    pub region: String,
    /// Their address.
    pub client: Client,
    /// What came of it.
    pub lookup: Lookup,
}

/// Somebody in a VPC, and the network around them.
#[derive(Debug, Clone, PartialEq)]
pub struct Inside {
    /// Their account.
    pub account: String,
    /// The Region where they stand.
    pub region: String,
    /// Their address and VPC.
    pub client: Client,
    /// The VPCs around.
    pub network: Network,
}

/// Why nothing is looked up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NobodyAsks {
    /// There is nobody of this id.
    #[error("The sandbox holds no VPC and no instance {0}")]
    Unknown(String),
    /// The instance is in no state to ask.
    #[error("{id} {why}: it asks nobody")]
    Silent {
        /// The instance.
        id: String,
        /// `is stopped`
        why: String,
    },
    /// The VPC has no room for a host.
    #[error("{0} has no subnet with a free address: nobody can ask from there")]
    NoSubnet(String),
}

impl World {
    /// The VPCs of all accounts and Regions that have a tag, each with the value of another.
    pub fn vpcs_tagged(&self, key: &str, value: &str, other: &str) -> Vec<(String, Option<String>)> {
        let regions = self.accounts.values().flat_map(|account| account.regions.values());
        let vpcs = regions.flat_map(|region| region.ec2.vpc_tags());
        let tagged = vpcs.filter(|(_, tags)| tags.get(key).is_some_and(|own| own == value));
        tagged.map(|(id, tags)| (id.clone(), tags.get(other).cloned())).collect()
    }

    /// What an instance gets for a name, or an imagined host of a VPC: in its first subnet, behind a group that lets
    /// everything pass.
    ///
    /// # Errors
    /// Nobody is there who could ask.
    pub fn look_up(&self, now: Timestamp, id: &str, name: &str) -> Result<Asked, NobodyAsks> {
        let inside = self.inside(now, id)?;
        let lookup = self.look_up_from_inside(now, &inside, name);
        let Inside { account, region, client, .. } = inside;
        Ok(Asked { account, region, client, lookup })
    }

    /// An instance, or an imagined host of a VPC, as [`World::look_up`] takes it, and the network around it.
    ///
    /// # Errors
    /// Nobody is there.
    pub fn inside(&self, now: Timestamp, id: &str) -> Result<Inside, NobodyAsks> {
        let found = self.in_each_region(now, |context, region| {
            let found = client(&region.ec2, id)?;
            let (account, region) = (context.account.to_owned(), context.region.to_owned());
            Some(found.map(|(client, network)| Inside { account, region, client, network }))
        });
        found.unwrap_or_else(|| Err(NobodyAsks::Unknown(id.to_owned())))
    }

    /// What somebody in a VPC gets for a name.
    pub(super) fn look_up_from_inside(&self, now: Timestamp, inside: &Inside, name: &str) -> Lookup {
        let Inside { account, region, client, network } = inside;
        let lookup = self.in_each_region(now, |context, found| {
            if (context.account, context.region) != (account.as_str(), region.as_str()) {
                return None;
            }
            let mut network = network.clone();
            let mut names = found.ec2.names(context, &network);
            self.add_zones(&mut names, context, now);
            found.route53resolver.add_to(&mut names, &mut network, now);
            let pass = |from, to| network.dns_passes(from, to);
            Some(names::lookup(&names, client, name, &pass))
        });
        match lookup {
            Some(lookup) if lookup.answer != Answer::Public => lookup,
            Some(lookup) => self.ask_internet(now, lookup),
            None => self.look_up_from_internet(now, name),
        }
    }

    /// What somebody on the internet gets for a name.
    pub fn look_up_from_internet(&self, now: Timestamp, name: &str) -> Lookup {
        let (name, hops, asked, answer) = (name.to_owned(), Vec::new(), Vec::new(), Answer::Public);
        self.ask_internet(now, Lookup { name, hops, asked, answer })
    }

    /// Goes on with a lookup where the internet's servers are asked: they know the endpoints' own names.
    fn ask_internet(&self, now: Timestamp, mut lookup: Lookup) -> Lookup {
        let name = &lookup.name;
        if let Some((owner, addresses)) = self.published(now, name) {
            let says = format!("the internet's servers have {name} from {owner}");
            lookup.hops.push(Hop { says, by_resolver: false });
            lookup.answer = Answer::Private { addresses, owner };
        }
        lookup
    }

    /// The endpoint whose own name it is, or that of an API which is bound to it, and its addresses.
    fn published(&self, now: Timestamp, name: &str) -> Option<(String, BTreeSet<Ipv4Addr>)> {
        self.in_each_region(now, |context, region| {
            let of_api = || region.ec2.addresses_of_endpoint(region.apigateway.bound_name(context, name)?);
            region.ec2.published(context, name).or_else(of_api)
        })
    }

    /// Adds the hosted zones of VPCs that are known already.
    fn add_zones(&self, names: &mut Names, context: &Context<'_>, now: Timestamp) {
        let Some(account) = self.accounts.get(context.account) else { return };
        let published = |name: &str| self.published(now, name).map(|(_, addresses)| addresses).unwrap_or_default();
        for (id, vpc) in &mut names.vpcs {
            vpc.private_zones.extend(account.route53.private_zones(now, context.region, id, &published));
        }
    }

    /// The first that is found in some account and Region as they are now.
    fn in_each_region<T>(&self, now: Timestamp, find: impl Fn(&Context<'_>, &Region) -> Option<T>) -> Option<T> {
        for (account_id, account) in &self.accounts {
            for (name, region) in &account.regions {
                let mut region = region.clone();
                region.settle(now);
                let (durations, dice) = (Durations::Typical, &mut Dice::new(self.seed));
                let (account, access_key, service_linked_role) = (account_id.as_str(), "", None);
                let (iam, hosted_zones) = (None, None);
                let region_name = name.as_str();
                let context = Context {
                    now,
                    durations,
                    quotas: 1,
                    dice,
                    account,
                    access_key,
                    region: region_name,
                    iam,
                    hosted_zones,
                    service_linked_role,
                };
                if let Some(found) = find(&context, &region) {
                    return Some(found);
                }
            }
        }
        None
    }
}

/// Who asks, and the network around them; nothing where nobody here has the id.
fn client(ec2: &Ec2, id: &str) -> Option<Result<(Client, Network), NobodyAsks>> {
    if let Some(asker) = ec2.asker(id) {
        let network = ec2.network_around(&asker.vpc_id);
        return Some(match asker.unable {
            Some(why) => Err(NobodyAsks::Silent { id: id.to_owned(), why }),
            None => Ok((Client { address: asker.address, vpc: asker.vpc_id }, network)),
        });
    }
    ec2.vpc_ids().find(|vpc| *vpc == id)?;
    let mut network = ec2.network_around(id);
    let address = ec2.subnets_of(id).into_iter().find_map(|subnet| network.imagine_host(subnet));
    let none = || NobodyAsks::NoSubnet(id.to_owned());
    Some(address.ok_or_else(none).map(|address| (Client { address, vpc: id.to_owned() }, network)))
}
