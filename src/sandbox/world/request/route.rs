//! The way to a service: its name, the packets, and the door by which the request comes in.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::url::{Host, Service};
use super::{End, Place, Step, Traveller};
use crate::model::names::Answer;
use crate::model::network::{End as Side, Network, Protocol, Target, connect, may_leave, way_of};
use crate::model::policy::{Arrival, Door};
use crate::sandbox::world::lookup::Inside;

/// Where HTTPS is served.
const HTTPS: u16 = 443;
/// Somebody on the internet, and AWS's public front: addresses that are kept for documentation.
const SOMEBODY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const FRONT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 80);
/// Where functions come from that are in no VPC.
const LAMBDA: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 53);

impl Traveller<'_> {
    /// Goes from a place to a host, and says how it comes in there. All stretches are parts of one step, if one is given.
    pub(super) fn travel(&mut self, from: &Place, host: &str, within: Option<Step>) -> Result<Arrival, End> {
        let step = |own: Step| within.unwrap_or(own);
        let inside = match from {
            Place::Inside(inside) => inside,
            Place::Lambda => {
                self.pass(
                    step(Step::Network),
                    format!("Lambda's own network leads to {host}: the function is in no VPC"),
                );
                return Ok(Arrival::Front(LAMBDA));
            }
            Place::Internet => {
                let lookup = self.world.look_up_from_internet(self.now, host);
                return match lookup.answer {
                    Answer::Private { addresses, owner } => {
                        self.pass(step(Step::Name), format!("{host} has {}, of {owner}", list(&addresses)));
                        Err(self.lost(step(Step::Network), "nothing on the internet leads to a private address"))
                    }
                    _ => {
                        self.pass(step(Step::Name), format!("on the internet, {host} has public addresses"));
                        self.pass(step(Step::Door), format!("it arrives at AWS's public front, from {SOMEBODY}"));
                        Ok(Arrival::Front(SOMEBODY))
                    }
                };
            }
        };
        let addresses = self.look_up(inside, host, step(Step::Name))?;
        match addresses {
            Some(addresses) => {
                let address = self.reach(inside, &addresses, step(Step::Network))?;
                self.knock(inside, host, address, step(Step::Door))
            }
            None => self.leave(inside, host, step),
        }
    }

    /// The private addresses that somebody in a VPC gets for a name; none where the answer is public.
    fn look_up(&mut self, inside: &Inside, host: &str, step: Step) -> Result<Option<BTreeSet<Ipv4Addr>>, End> {
        let lookup = self.world.look_up_from_inside(self.now, inside, host);
        let mut hops: Vec<String> = lookup.hops.into_iter().map(|hop| hop.says).collect();
        let why = match lookup.answer {
            Answer::Private { addresses, owner } => {
                hops.push(format!("{host} has {}, of {owner}", list(&addresses)));
                hops.into_iter().for_each(|hop| self.pass(step, hop));
                return Ok(Some(addresses));
            }
            Answer::Public => {
                hops.push(format!("{host} has public addresses"));
                hops.into_iter().for_each(|hop| self.pass(step, hop));
                return Ok(None);
            }
            Answer::Authoritative { server } => {
                format!("{server} answers out of a zone of its own: the sandbox doesn't know with what")
            }
            Answer::NotFound(why) | Answer::Failed { why, .. } | Answer::Unknown(why) => why,
        };
        hops.pop_if(|last| *last == why);
        hops.into_iter().for_each(|hop| self.pass(step, hop));
        Err(self.lost(step, why))
    }

    /// The first of some addresses that a connection gets to. Browsers try one after the other, too.
    fn reach(&mut self, inside: &Inside, addresses: &BTreeSet<Ipv4Addr>, step: Step) -> Result<Ipv4Addr, End> {
        let (from, network) = (Side::Host(inside.client.address), &inside.network);
        let mut first = None;
        for address in addresses {
            match connect(network, from, *address, Protocol::Tcp, HTTPS) {
                Ok(hops) => {
                    hops.into_iter().for_each(|hop| self.pass(step, hop));
                    return Ok(*address);
                }
                Err(why) => {
                    first.get_or_insert(format!("{address} can't be reached: {why}"));
                }
            }
        }
        Err(self.lost(step, first.unwrap_or_else(|| "the name has no address".to_owned())))
    }

    /// The endpoint that has an address, if it leads to where the host's name is known.
    fn knock(&mut self, inside: &Inside, host: &str, address: Ipv4Addr, step: Step) -> Result<Arrival, End> {
        let holder = inside.network.interfaces.get(&address).map_or("", |interface| &interface.name).to_owned();
        let shown = holder.starts_with("vpce-").then(|| self.endpoints(inside, json!({"VpcEndpointIds": [holder]})));
        let Some(shown) = shown.and_then(|endpoints| endpoints.into_iter().next()) else {
            return Err(
                self.lost(Step::Unknown, format!("the sandbox doesn't know what answers at {address}, of {holder}"))
            );
        };
        let door = door(&shown, inside);
        let there = format!("{address} is of {}, the endpoint of {} in {}", door.id, door.service, door.vpc);
        if let Some(Host { service, region, .. }) = Host::read(host)
            && !door.service.ends_with(&format!(".{region}.{}", service.label()))
        {
            return Err(self.lost(step, format!("{there}, which has no certificate for {host}")));
        }
        self.pass(step, there);
        Ok(Arrival::Endpoint(door))
    }

    /// The way out of a VPC to where a name has public addresses: a gateway endpoint or the internet.
    fn leave(&mut self, inside: &Inside, host: &str, step: impl Fn(Step) -> Step) -> Result<Arrival, End> {
        let (address, network) = (inside.client.address, &inside.network);
        if let Some(door) = self.gateway_endpoint(inside, host) {
            let hops = may_leave(network, address, FRONT, Protocol::Tcp, HTTPS);
            let hops = hops.map_err(|why| self.lost(step(Step::Network), why))?;
            hops.into_iter().for_each(|hop| self.pass(step(Step::Network), hop));
            self.pass(
                step(Step::Door),
                format!("its route table leads to {}, the gateway of {}", door.id, door.service),
            );
            return Ok(Arrival::Endpoint(door));
        }
        let hops = connect(network, Side::Host(address), FRONT, Protocol::Tcp, HTTPS).map_err(|why| {
            self.lost(step(Step::Network), format!("there is no way to the internet, where {host} is: {why}"))
        })?;
        hops.into_iter().for_each(|hop| self.pass(step(Step::Network), hop));
        let Some(source) = self.public_address(inside) else {
            return Err(self.lost(step(Step::Network), "the gateway has no public address"));
        };
        self.pass(step(Step::Door), format!("it arrives at AWS's public front, from {source}"));
        Ok(Arrival::Front(source))
    }

    /// The gateway endpoint that the host's packets take, where its service has one.
    fn gateway_endpoint(&mut self, inside: &Inside, host: &str) -> Option<Door> {
        let Host { service: Service::Dynamodb, region, .. } = Host::read(host)? else { return None };
        let subnet = &inside.network.interfaces.get(&inside.client.address)?.subnet;
        let table = inside.network.subnets.get(subnet)?.route_table.clone()?;
        let of_vpc = json!({"Filters": [
            {"Name": "vpc-id", "Values": [inside.client.vpc]},
            {"Name": "vpc-endpoint-type", "Values": ["Gateway"]},
            {"Name": "service-name", "Values": [format!("com.amazonaws.{region}.dynamodb")]},
            {"Name": "vpc-endpoint-state", "Values": ["pending", "available"]},
        ]});
        let endpoints = self.endpoints(inside, of_vpc);
        let has_route =
            |shown: &&Value| shown["RouteTableIds"].as_array().is_some_and(|ids| ids.contains(&json!(table)));
        endpoints.iter().find(has_route).map(|shown| door(shown, inside))
    }

    fn endpoints(&mut self, inside: &Inside, input: Value) -> Vec<Value> {
        let answer = self.ask(&inside.account, &inside.region, "ec2", "DescribeVpcEndpoints", input);
        answer.ok().and_then(|mut answer| answer["VpcEndpoints"].as_array_mut().map(std::mem::take)).unwrap_or_default()
    }

    /// The address under which a host is seen on the internet: its own, or its NAT gateway's.
    fn public_address(&mut self, inside: &Inside) -> Option<Ipv4Addr> {
        let Network { interfaces, .. } = &inside.network;
        match way_of(&inside.network, inside.client.address, FRONT)? {
            Target::NatGateway(id) => {
                let input = json!({"NatGatewayIds": [id]});
                let answer = self.ask(&inside.account, &inside.region, "ec2", "DescribeNatGateways", input).ok()?;
                let address = &answer["NatGateways"][0]["NatGatewayAddresses"][0]["PublicIp"];
                address.as_str()?.parse().ok()
            }
            _ => interfaces.get(&inside.client.address)?.public,
        }
    }
}

fn door(shown: &Value, inside: &Inside) -> Door {
    let text = |member: &str| shown[member].as_str().unwrap_or_default().to_owned();
    Door {
        id: text("VpcEndpointId"),
        vpc: text("VpcId"),
        service: text("ServiceName"),
        policy: text("PolicyDocument"),
        source: inside.client.address,
    }
}

fn list(addresses: &BTreeSet<Ipv4Addr>) -> String {
    addresses.iter().map(Ipv4Addr::to_string).collect::<Vec<_>>().join(" and ")
}
