//! Step 11: packets get to the endpoints and back.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::model::network::{self, End, Protocol};

use super::doors::Door;
use super::found::{Found, join};
use super::hosts::Host;
use super::{Basis, Lab, NOBODY, Step};

/// Where HTTPS is served.
pub const HTTPS: u16 = 443;

impl Lab<'_> {
    /// Step 11.
    pub(super) fn connection(&self) -> Step {
        let title = "HTTPS passes from the corporate network to the endpoints, and back";
        self.step(11, title, Basis::NETWORK, |lab| {
            let mut found = Found::default();
            if lab.hosts.is_empty() {
                found.against.add(NOBODY);
            }
            for door in &lab.doors {
                if let Err(why) = lab.stands(door) {
                    found.against.add(why);
                }
            }
            found.take(lab.connections(lab.doors.iter()));
            found
        })
    }

    /// Whether every host gets to every address of these doors.
    pub(super) fn connections<'d>(&'d self, doors: impl Iterator<Item = &'d Door<'d>>) -> Found {
        let mut found = Found::default();
        let (mut open, mut blocked) = (Stretches::default(), Stretches::default());
        for door in doors {
            for (host, address) in
                self.hosts.iter().flat_map(|host| door.addresses().into_iter().map(move |to| (host, to)))
            {
                let from = End::Host(host.client.address);
                match network::connect(&self.live.network, from, address, Protocol::Tcp, HTTPS) {
                    Ok(hops) => hops.iter().for_each(|hop| open.add(self, host, address, hop)),
                    Err(why) => blocked.add(self, host, address, &why),
                }
            }
            found.remarks.add_all(self.missing_subnets(door));
        }
        found.for_it.add_all(open.0.iter().map(Stretch::sentence));
        for stretch in &blocked.0 {
            let (hosts, addresses) = (join(&stretch.hosts), join(&stretch.addresses));
            let why = stretch.sentence();
            found.against.add(format!("tcp 443 doesn't pass from {hosts} to {addresses}: {why}"));
        }
        found
    }
}

/// What is said of connections, hosts and addresses of which the same is said taken together.
#[derive(Default)]
struct Stretches(Vec<Stretch>);

/// Something said of the connections from some hosts to some addresses.
struct Stretch {
    /// With [`PLACES`] for the host, the address, and their subnets' ranges.
    template: String,
    hosts: Vec<String>,
    addresses: BTreeSet<Ipv4Addr>,
    /// What stood in each place.
    fillings: [Vec<String>; 4],
}

/// What can't be in a sentence otherwise. Ranges are looked for before the addresses that begin like them.
const PLACES: [char; 4] = ['\u{1}', '\u{2}', '\u{3}', '\u{4}'];

impl Stretches {
    fn add(&mut self, lab: &Lab<'_>, host: &Host, to: Ipv4Addr, says: &str) {
        let range = |address: Ipv4Addr| {
            let interface = lab.live.network.interfaces.get(&address)?;
            Some(lab.live.network.subnets.get(&interface.subnet)?.cidr.to_string())
        };
        let from = host.client.address;
        let words = [range(from).unwrap_or_default(), range(to).unwrap_or_default(), from.to_string(), to.to_string()];
        let mut template = says.to_owned();
        let mut used: [Vec<String>; 4] = Default::default();
        for (at, word) in words.into_iter().enumerate().filter(|(_, word)| !word.is_empty()) {
            let replaced = replace_word(&template, &word, PLACES[at]);
            if replaced != template {
                (template, used[at]) = (replaced, vec![word]);
            }
        }
        let place = self.0.iter().position(|stretch| stretch.template == template).unwrap_or_else(|| {
            let (hosts, addresses, fillings) = Default::default();
            self.0.push(Stretch { template, hosts, addresses, fillings });
            self.0.len() - 1
        });
        let stretch = &mut self.0[place];
        if !stretch.hosts.contains(&host.name) {
            stretch.hosts.push(host.name.clone());
        }
        stretch.addresses.insert(to);
        for (filling, word) in stretch.fillings.iter_mut().zip(used) {
            filling.extend(word.into_iter().filter(|word| !filling.contains(word)).collect::<Vec<_>>());
        }
    }
}

impl Stretch {
    fn sentence(&self) -> String {
        let filled = PLACES.iter().zip(&self.fillings);
        filled.fold(self.template.clone(), |text, (place, words)| text.replace(*place, &join(words)))
    }
}

/// Puts a sign in the place of an address or a range, but not of the beginning of a longer one.
fn replace_word(text: &str, word: &str, sign: char) -> String {
    let part = |letter: char| letter.is_ascii_digit() || letter == '/';
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let whole =
            !before.ends_with(|letter: char| letter.is_ascii_digit() || letter == '.') && !after.starts_with(part);
        replaced.push_str(before);
        if whole {
            replaced.push(sign);
        } else {
            replaced.push_str(word);
        }
        rest = after;
    }
    replaced + rest
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use insta::assert_snapshot;

    use super::super::testing::{edit, endpoint, server};
    use crate::resource::route::{Route, Target};
    use crate::resource::route_table::RouteTable;
    use crate::resource::security_group::SecurityGroup;
    use crate::resource::{Observed, Ref, Spec};
    use crate::survey::Survey;

    #[test]
    fn a_missing_route_breaks_the_way_of_names_or_of_the_browser() {
        let private = server().without("onprem/route-table/private/route/peering");
        assert_snapshot!(private.told(), @"
        3 no, 4 yes, 9 no, 11 no
        3: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        3: onprem/dhcp-options names 192.168.10.10
        3: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        3: udp 53 doesn't pass from 192.168.10.10 to 10.16.32.10: the route table onprem/route-table/private has no route to 10.16.32.0/20
        3: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        3: udp 53 doesn't pass from 192.168.10.10 to 10.16.96.10: the route table onprem/route-table/private has no route to 10.16.96.0/20
        3: onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        3: onprem/dhcp-options names 192.168.10.74
        3: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        3: udp 53 doesn't pass from 192.168.10.74 to 10.16.32.10: the route table onprem/route-table/private has no route to 10.16.32.0/20
        3: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        3: udp 53 doesn't pass from 192.168.10.74 to 10.16.96.10: the route table onprem/route-table/private has no route to 10.16.96.0/20
        3: onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        3: so the inbound resolver isn't asked
        3: the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        3: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        3: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        3: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        3: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        3: the same hosts look up api.sagemaker.eu-west-1.amazonaws.com
        3: onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        3: onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.96.10
        3: onprem/dns/b forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        3: onprem/dns/b forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.96.10
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        9: onprem/dhcp-options names 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: udp 53 doesn't pass from 192.168.10.10 to 10.16.32.10: the route table onprem/route-table/private has no route to 10.16.32.0/20
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        9: udp 53 doesn't pass from 192.168.10.10 to 10.16.96.10: the route table onprem/route-table/private has no route to 10.16.96.0/20
        9: onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        9: onprem/dhcp-options names 192.168.10.74
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: udp 53 doesn't pass from 192.168.10.74 to 10.16.32.10: the route table onprem/route-table/private has no route to 10.16.32.0/20
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        9: udp 53 doesn't pass from 192.168.10.74 to 10.16.96.10: the route table onprem/route-table/private has no route to 10.16.96.0/20
        9: onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        9: so it fails with SERVFAIL
        9: the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        9: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        9: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        9: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        9: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        11: tcp 443 doesn't pass from 192.168.10.4 (imagined, in onprem/subnet/private-a) and 192.168.10.68 (imagined, in onprem/subnet/private-b) to 10.16.42.74, 10.16.42.75, 10.16.100.7 and 10.16.100.8: the route table onprem/route-table/private has no route to 10.16.32.0/20 and 10.16.96.0/20
        ");
        let public = server().without("onprem/route-table/public/route/peering");
        assert_snapshot!(public.told(), @"
        3 yes, 4 yes, 9 yes, 11 no
        11: tcp 443 doesn't pass from 192.168.10.148 (onprem/app) and 192.168.10.196 (imagined, in onprem/subnet/public-b) to 10.16.42.74, 10.16.42.75, 10.16.100.7 and 10.16.100.8: the route table onprem/route-table/public has no route to 10.16.32.0/20 and 10.16.96.0/20, and sends everything else to onprem/internet-gateway, which doesn't lead to studio/vpc
        ");
        assert_eq!(server().without("studio/route-table/private/route/peering").holds(), "3 no, 4 yes, 9 no, 11 no");
    }

    #[test]
    fn a_blackhole_is_no_route() {
        let dead =
            server().but(|survey| survey.at("onprem/route-table/public/route/peering").state = "blackhole".into());
        assert_snapshot!(dead.told(), @"
        3 yes, 4 yes, 9 yes, 11 no
        11: tcp 443 doesn't pass from 192.168.10.148 (onprem/app) and 192.168.10.196 (imagined, in onprem/subnet/public-b) to 10.16.42.74, 10.16.42.75, 10.16.100.7 and 10.16.100.8: the route to 10.16.0.0/16 in the route table onprem/route-table/public is a blackhole
        ");
    }

    #[test]
    fn subnets_without_a_table_of_their_own_use_the_main_one() {
        let main = |routes: &[(&str, Target)]| {
            server().without("onprem/route-table/public/association/a").but(|survey| {
                let table = RouteTable { vpc: Ref::known("id:onprem/vpc") };
                let mut table = Observed::standing("rtb-main", BTreeMap::new(), table);
                table.outputs.insert("main".into(), "true".into());
                survey.came_with_vpcs.push(table);
                for (destination, target) in routes {
                    let (route_table, target) = (Ref::known("rtb-main"), target.clone());
                    let route = Route { route_table, destination: (*destination).to_owned(), target };
                    survey.found.push(Observed::standing(*destination, BTreeMap::new(), route));
                }
            })
        };
        assert_eq!(main(&[]).holds(), "3 yes, 4 yes, 9 yes, 11 no");
        let peering = ("10.16.0.0/16", Target::VpcPeeringConnection(Ref::known("id:peering")));
        assert_eq!(main(&[peering]).holds(), "3 yes, 4 yes, 9 yes, 11 yes");
    }

    #[test]
    fn a_group_that_could_not_be_read_is_unknown_and_the_default_one_counts() {
        let other = |survey: &mut Survey| {
            edit(survey.at("studio/endpoint/studio"), endpoint, |it| {
                it.security_groups = [Ref::known("sg-default")].into_iter().collect();
            });
        };
        let unread = server().but(other);
        assert_eq!(unread.holds(), "3 unknown, 4 unknown, 9 unknown, 11 unknown");
        let read = unread.but(|survey| {
            let name = "default".to_owned();
            let group = SecurityGroup { vpc: Ref::known("id:studio/vpc"), name, description: String::new() };
            survey.came_with_vpcs.push(Observed::standing("sg-default", BTreeMap::new(), group));
        });
        assert_eq!(read.holds(), "3 yes, 4 yes, 9 yes, 11 no");
    }

    #[test]
    fn a_peering_that_isnt_accepted_cuts_everything_between() {
        let cut = server().but(|survey| {
            if let Spec::VpcPeeringConnection(peering) = &mut survey.at("peering").spec {
                peering.accepted = false;
            }
        });
        assert_eq!(cut.holds(), "3 no, 4 yes, 9 no, 11 no");
    }
}
