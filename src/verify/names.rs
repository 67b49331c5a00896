//! Steps 3, 4 and 9: who answers the private names, and with what.

use std::cell::RefCell;
use std::net::Ipv4Addr;

use crate::model::names::{self, Answer, Failure, Lookup, Server};
use crate::plan::DnsMode;
use crate::resource::Address;

use super::doors::Door;
use super::found::{Found, Judgement, Reasons, join};
use super::hosts::Host;
use super::{Basis, Holds, Lab, NOBODY, STUDIO_VPC, Step};

impl Lab<'_> {
    /// Step 3.
    pub(super) fn forwarding(&self) -> Step {
        let title = "Corporate DNS forwards the private names to the inbound resolver";
        self.step(3, title, Basis::NAMES, |lab| {
            if lab.plan.dns.mode == DnsMode::Off {
                return Found::against("the plan has no DNS forwarding: `dns.mode` is off");
            }
            let forwarded =
                lab.doors.iter().filter(|door| lab.plan.dns.forward.iter().any(|name| name == door.service));
            let is_inbound = |address: &Ipv4Addr| {
                matches!(lab.live.names.servers.get(address), Some(Server::InboundEndpoint { .. }))
            };
            let mut found = lab.look_up_everywhere(forwarded, |_, lookup| {
                if lookup.asked.iter().any(is_inbound) {
                    let on_the_way = lookup.hops.iter().filter(|hop| !hop.by_resolver);
                    return (Holds::Yes, on_the_way.map(|hop| hop.says.clone()).collect());
                }
                match &lookup.answer {
                    Answer::Unknown(_) => (Holds::Unknown, hops(lookup)),
                    _ => (Holds::No, [hops(lookup), vec!["so the inbound resolver isn't asked".to_owned()]].concat()),
                }
            });
            found.remarks.add_all(lab.silent_resolvers());
            found
        })
    }

    /// The addresses of the inbound resolver where nothing answers, while it should.
    fn silent_resolvers(&self) -> Vec<String> {
        let planned = [self.plan.dns.resolver.a, self.plan.dns.resolver.b];
        let answers = |address: &Ipv4Addr| {
            let server = self.live.names.servers.get(address);
            matches!(server, Some(Server::InboundEndpoint { unusable: None, .. }))
        };
        let silent = planned.iter().filter(|address| !answers(address));
        silent
            .map(|address| format!("the inbound resolver doesn't answer at {address}: only the other is left"))
            .collect()
    }

    /// Step 4.
    pub(super) fn resolver(&self) -> Step {
        let title = "The VPC resolver answers with the endpoints' addresses";
        self.step(4, title, Basis::NAMES, |lab| {
            let Some(held) = lab.holdings.held.get(&Address::from(STUDIO_VPC)) else {
                return Found::against("the Studio VPC is missing");
            };
            let vpc = lab.labels.label(&held.observed.id);
            let mut found = Found::default();
            for door in &lab.doors {
                if let Err(why) = lab.stands(door) {
                    found.against.add(why);
                    continue;
                }
                for name in &door.names {
                    let lookup = names::resolve(&lab.live.names, &vpc, name, &|from, to| lab.live.dns_passes(from, to));
                    let holds = match &lookup.answer {
                        answer if lab.leads_to(answer, door) => Holds::Yes,
                        Answer::Unknown(_) => Holds::Unknown,
                        _ => Holds::No,
                    };
                    let side = found.side(holds);
                    if holds == Holds::Yes {
                        side.add_all(hops(&lookup));
                    } else {
                        side.add(format!("{name} is looked up in the Studio VPC"));
                        side.add_all(hops(&lookup));
                        side.add(format!("so {}", instead(&lookup.answer)));
                    }
                }
                found.remarks.add_all(lab.missing_subnets(door));
            }
            found
        })
    }

    /// Step 9.
    pub(super) fn studio_name(&self) -> Step {
        let title = "The Studio URL resolves to the Studio endpoint";
        self.step(9, title, Basis::NAMES, |lab| {
            lab.look_up_everywhere(lab.doors.iter().take(1), |door, lookup| match &lookup.answer {
                Answer::Private { addresses, owner } if lab.leads_to(&lookup.answer, door) => {
                    (Holds::Yes, vec![format!("it leads to {}, the addresses of {owner}", join(addresses))])
                }
                Answer::Unknown(_) => (Holds::Unknown, hops(lookup)),
                answer => (Holds::No, [hops(lookup), vec![format!("so {}", instead(answer))]].concat()),
            })
        })
    }

    /// Looks up the names of these doors from every host; `judge` says whether a lookup is as it should be, and why.
    pub(super) fn look_up_everywhere<'d>(
        &'d self,
        doors: impl Iterator<Item = &'d Door<'d>>,
        judge: impl Fn(&Door<'_>, &Lookup) -> Judgement,
    ) -> Found {
        let mut found = Found::default();
        if self.hosts.is_empty() {
            found.against.add(NOBODY);
        }
        // Hosts and names of which the same is said are named together.
        let mut judgements: Vec<(Judgement, Vec<&str>, Vec<&str>)> = Vec::new();
        for door in doors {
            if let Err(why) = self.stands(door) {
                found.against.add(why);
                continue;
            }
            for name in &door.names {
                let mut of_name: Vec<(Judgement, Vec<&str>)> = Vec::new();
                for host in &self.hosts {
                    let judgement = self.judge_servers(host, name, &mut found.remarks, |lookup| judge(door, lookup));
                    match of_name.iter_mut().find(|(same, _)| *same == judgement) {
                        Some((_, hosts)) => hosts.push(&host.name),
                        None => of_name.push((judgement, vec![&host.name])),
                    }
                }
                for (judgement, hosts) in of_name {
                    match judgements.iter_mut().find(|(same, of, _)| *same == judgement && *of == hosts) {
                        Some((.., names)) => names.push(name),
                        None => judgements.push((judgement, hosts, vec![name])),
                    }
                }
            }
        }
        let mut said: Vec<(Holds, Vec<&str>)> = Vec::new();
        for ((holds, reasons), hosts, names) in judgements {
            let again = said.last().is_some_and(|last| *last == (holds, hosts.clone()));
            let (who, verb) = match (again, hosts.as_slice()) {
                (true, [_]) => ("the same host".to_owned(), "looks"),
                (true, _) => ("the same hosts".to_owned(), "look"),
                (false, [host]) => ((*host).to_owned(), "looks"),
                (false, hosts) => (join(hosts), "look"),
            };
            let side = found.side(holds);
            side.add(format!("{who} {verb} up {}", join(names)));
            side.add_all(reasons);
            said.push((holds, hosts));
        }
        found
    }

    /// Looks up a name at each server that a host may ask. One that is silent is passed over while another answers;
    /// those that answer have to be right, whichever comes first.
    fn judge_servers(
        &self,
        host: &Host,
        name: &str,
        remarks: &mut Reasons,
        judge: impl Fn(&Lookup) -> Judgement,
    ) -> Judgement {
        let (names, client) = (&self.live.names, &host.client);
        let short_only = RefCell::new(Reasons::default());
        let pass = |from, to| {
            let passes = self.live.dns_passes(from, to);
            if passes.is_ok()
                && let Err(why) = self.live.network.long_answers_pass(from, to)
            {
                short_only.borrow_mut().add(format!("long answers fail: {why}"));
            }
            passes
        };
        let servers = names.vpcs.get(&client.vpc).map(|vpc| vpc.dns_servers.as_slice()).unwrap_or_default();
        let lookups: Vec<_> = servers.iter().map(|server| names::ask(names, client, *server, name, &pass)).collect();
        let why_silent = |lookup: &Lookup| match &lookup.answer {
            Answer::Failed { why, .. } => Some(why.clone()),
            _ => None,
        };
        if lookups.iter().all(|lookup| why_silent(lookup).is_some()) {
            return judge(&names::lookup(names, client, name, &pass));
        }
        let judged: Vec<_> = lookups.iter().map(|lookup| (why_silent(lookup), judge(lookup))).collect();
        for (worst, silent_too) in [(Holds::No, true), (Holds::Unknown, false)] {
            let is_bad = |(why, (holds, _)): &&(Option<String>, Judgement)| match why {
                Some(_) => silent_too,
                None => *holds == worst,
            };
            if judged.iter().any(|(why, (holds, _))| why.is_none() && *holds == worst) {
                let reasons = judged.iter().zip(&lookups).filter(|(judged, _)| is_bad(judged));
                let reasons = reasons.flat_map(|((why, (_, reasons)), lookup)| match why {
                    Some(_) => hops(lookup),
                    None => reasons.clone(),
                });
                return (worst, reasons.collect());
            }
        }
        let silent = judged.iter().filter_map(|(why, _)| why.as_ref());
        remarks.add_all(silent.map(|why| format!("{why}; another DNS server answers")));
        remarks.add_all(short_only.into_inner().0);
        let first = judged.into_iter().find(|(why, _)| why.is_none());
        first.map_or_else(|| (Holds::Unknown, Vec::new()), |(_, judgement)| judgement)
    }

    pub(super) fn leads_to(&self, answer: &Answer, door: &Door<'_>) -> bool {
        // By itself, or by a hosted zone: its addresses are nobody else's.
        matches!(answer, Answer::Private { addresses, .. } if !addresses.is_empty() && *addresses == door.addresses())
    }
}

pub(super) fn hops(lookup: &Lookup) -> Vec<String> {
    lookup.hops.iter().map(|hop| hop.says.clone()).collect()
}

/// What a name gets in place of its endpoint.
pub(super) fn instead(answer: &Answer) -> String {
    match answer {
        Answer::Private { addresses, owner } => format!("it leads to {} of {owner}", join(addresses)),
        Answer::Authoritative { server } => format!("it is what {server} says by itself"),
        Answer::Public => "it leads to a public address".to_owned(),
        Answer::NotFound(_) => "there is no such name".to_owned(),
        Answer::Unknown(_) => "it can't be known where it leads".to_owned(),
        Answer::Failed { how: Failure::Servfail, .. } => "it fails with SERVFAIL".to_owned(),
        Answer::Failed { how: Failure::Refused, .. } => "it is REFUSED".to_owned(),
        Answer::Failed { how: Failure::Timeout, .. } => "nobody answers".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use insta::assert_snapshot;

    use super::super::testing::{edit, endpoint, host, lab, server};
    use super::*;
    use crate::resource::hosted_zone::{HostedZone, RECORDS, ZoneVpc};
    use crate::resource::interface_endpoint::Placement;
    use crate::resource::resolver_rule_association::ResolverRuleAssociation;
    use crate::resource::{Observed, Readiness, Ref, Set, Spec};
    use crate::survey::Survey;

    fn vpc(spec: &mut Spec) -> Option<&mut crate::resource::vpc::Vpc> {
        if let Spec::Vpc(vpc) = spec { Some(vpc) } else { None }
    }

    #[test]
    fn without_hosts_imagined_ones_ask() {
        let lab = lab(DnsMode::Dhcp);
        assert_snapshot!(lab.short(&lab.verify().steps[2].because.join("\n")), @"
        192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b), 192.168.10.132 (imagined, in onprem/subnet/public-a) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws and d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        it leads to 10.16.42.74 and 10.16.100.7, the addresses of studio/endpoint/studio
        ");
    }

    #[test]
    fn a_missing_rule_is_named_with_its_group() {
        let no_udp = server().without("studio/security-group/resolver/rule/udp-53-from-192.168.10.0/24");
        assert_snapshot!(no_udp.told(), @"
        3 no, 4 yes, 9 no, 11 yes
        3: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        3: onprem/dhcp-options names 192.168.10.10
        3: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        3: udp 53 doesn't pass from 192.168.10.10 to 10.16.32.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.10
        3: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        3: udp 53 doesn't pass from 192.168.10.10 to 10.16.96.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.10
        3: onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        3: onprem/dhcp-options names 192.168.10.74
        3: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        3: udp 53 doesn't pass from 192.168.10.74 to 10.16.32.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.74
        3: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        3: udp 53 doesn't pass from 192.168.10.74 to 10.16.96.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.74
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
        9: udp 53 doesn't pass from 192.168.10.10 to 10.16.32.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        9: udp 53 doesn't pass from 192.168.10.10 to 10.16.96.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.10
        9: onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        9: onprem/dhcp-options names 192.168.10.74
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: udp 53 doesn't pass from 192.168.10.74 to 10.16.32.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.74
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        9: udp 53 doesn't pass from 192.168.10.74 to 10.16.96.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.74
        9: onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        9: so it fails with SERVFAIL
        9: the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        9: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        9: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        9: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        9: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.96.10
        ");
        let no_tcp = server().without("studio/security-group/resolver/rule/tcp-53-from-192.168.10.0/24");
        assert_eq!(no_tcp.holds(), "3 yes, 4 yes, 9 yes, 11 yes");
        let long = |step: &Step| step.because.iter().any(|reason| reason.starts_with("long answers fail: tcp 53"));
        assert!(long(&no_tcp.verify().steps[0]), "{:#?}", no_tcp.verify());
        let no_https = server().but(|survey| {
            survey.found.retain(|observed| !observed.id.starts_with("id:studio/security-group/endpoints/rule/"));
        });
        assert_eq!(no_https.holds(), "3 yes, 4 yes, 9 yes, 11 no");
    }

    #[test]
    fn private_dns_turned_off_is_a_public_answer() {
        let off =
            server().but(|survey| edit(survey.at("studio/endpoint/studio"), endpoint, |it| it.private_dns = false));
        assert_snapshot!(off.told(), @"
        3 yes, 4 no, 9 no, 11 yes
        4: d-abcdefghijkl.studio.eu-west-1.sagemaker.aws is looked up in the Studio VPC
        4: the resolver of studio/vpc has no private zone for it: it answers as on the internet
        4: so it leads to a public address
        4: d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws is looked up in the Studio VPC
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        9: onprem/dhcp-options names 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: 10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
        9: the resolver of studio/vpc has no private zone for it: it answers as on the internet
        9: so it leads to a public address
        9: onprem/dhcp-options names 192.168.10.74
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        9: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        9: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        leak: the DNS server at 192.168.10.10 answers d-abcdefghijkl.studio.eu-west-1.sagemaker.aws as on the internet, with a public address
        leak: the DNS server at 192.168.10.10 answers d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws as on the internet, with a public address
        leak: the DNS server at 192.168.10.74 answers d-abcdefghijkl.studio.eu-west-1.sagemaker.aws as on the internet, with a public address
        leak: the DNS server at 192.168.10.74 answers d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws as on the internet, with a public address
        ");
        let hostnames = server().but(|survey| edit(survey.at(STUDIO_VPC), vpc, |it| it.dns_hostnames = Some(false)));
        assert_eq!(hostnames.holds(), "3 yes, 4 no, 9 no, 11 yes");
        let pending = server().but(|survey| {
            let endpoint = survey.at("studio/endpoint/studio");
            (endpoint.readiness, endpoint.state) = (Readiness::Pending, "pending".into());
        });
        assert_eq!(pending.holds(), "3 yes, 4 no, 9 no, 11 yes");
    }

    #[test]
    fn dhcp_options_that_name_awss_own_dns_are_a_leak() {
        assert_snapshot!(server().without("onprem/dhcp-options/association").told(), @"
        3 no, 4 yes, 9 no, 11 yes
        3: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws, d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws and api.sagemaker.eu-west-1.amazonaws.com
        3: AWS's own set of DHCP options names the resolver of onprem/vpc
        3: the resolver of onprem/vpc has no private zone for it: it answers as on the internet
        3: so the inbound resolver isn't asked
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws and d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        9: AWS's own set of DHCP options names the resolver of onprem/vpc
        9: the resolver of onprem/vpc has no private zone for it: it answers as on the internet
        9: so it leads to a public address
        leak: the resolver of onprem/vpc answers api.sagemaker.eu-west-1.amazonaws.com as on the internet, with a public address
        leak: the resolver of onprem/vpc answers d-abcdefghijkl.studio.eu-west-1.sagemaker.aws as on the internet, with a public address
        leak: the resolver of onprem/vpc answers d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws as on the internet, with a public address
        ");
    }

    #[test]
    fn what_a_host_runs_whose_user_data_was_changed_is_unknown() {
        let change = |from: &'static str, to: &'static str| {
            server().but(|survey| {
                edit(survey.at("onprem/dns/b"), host, |it| {
                    it.user_data = it.user_data.take().map(|text| text.replace(from, to));
                });
            })
        };
        assert_snapshot!(change("studio.eu-west-1.sagemaker.aws", "example").told(), @"
        3 unknown, 4 yes, 9 unknown, 11 yes
        3: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws, d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws and api.sagemaker.eu-west-1.amazonaws.com
        3: onprem/dhcp-options names 192.168.10.74
        3: what onprem/dns/b at 192.168.10.74 answers isn't known: its user data is not what the plan gives it, and it runs what it was first started with
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws and d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        9: onprem/dhcp-options names 192.168.10.74
        9: what onprem/dns/b at 192.168.10.74 answers isn't known: its user data is not what the plan gives it, and it runs what it was first started with
        ");
        let first = change("forward only; forwarders { 10.16.32.10;", "forward first; forwarders { 10.16.32.10;");
        assert_eq!(first.verify().leaks.len(), 3, "{:#?}", first.verify().leaks);
    }

    #[test]
    fn a_resolver_rule_for_the_names_is_named() {
        let rule = |domain: Option<&str>| {
            let association = ResolverRuleAssociation {
                vpc: Ref::known("id:studio/vpc"),
                rule: "rslvr-rr-1".into(),
                domain: domain.map(str::to_owned),
                rule_type: Some("FORWARD".into()),
                endpoint: Some("id:studio/resolver".into()),
                targets: ["10.16.32.99".to_owned()].into_iter().collect(),
            };
            server().but(|survey| survey.found.push(Observed::standing("assoc", BTreeMap::new(), association)))
        };
        assert_snapshot!(rule(Some("studio.eu-west-1.sagemaker.aws.")).told(), @"
        3 yes, 4 no, 9 no, 11 yes
        4: d-abcdefghijkl.studio.eu-west-1.sagemaker.aws is looked up in the Studio VPC
        4: the resolver of studio/vpc forwards it to 10.16.32.99, by the rule rslvr-rr-1
        4: udp 53 doesn't pass from 10.16.32.10 to 10.16.32.99: nothing has the address 10.16.32.99
        4: udp 53 doesn't pass from 10.16.96.10 to 10.16.32.99: nothing has the address 10.16.32.99
        4: the rule rslvr-rr-1 forwards to 10.16.32.99, and gets no answer
        4: so it fails with SERVFAIL
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        9: onprem/dhcp-options names 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: 10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
        9: the resolver of studio/vpc forwards it to 10.16.32.99, by the rule rslvr-rr-1
        9: udp 53 doesn't pass from 10.16.32.10 to 10.16.32.99: nothing has the address 10.16.32.99
        9: udp 53 doesn't pass from 10.16.96.10 to 10.16.32.99: nothing has the address 10.16.32.99
        9: the rule rslvr-rr-1 forwards to 10.16.32.99, and gets no answer
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        9: 10.16.96.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
        9: onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        9: onprem/dhcp-options names 192.168.10.74
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.96.10
        9: onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        9: so it fails with SERVFAIL
        ");
        assert_eq!(rule(Some("sagemaker.aws.")).holds(), "3 yes, 4 yes, 9 yes, 11 yes");
        assert_eq!(rule(None).holds(), "3 unknown, 4 unknown, 9 unknown, 11 yes");
    }

    #[test]
    fn of_another_accounts_zone_it_is_not_known_what_it_says() {
        let zone = |name: &str| {
            let vpcs = vec![ZoneVpc { vpc: Ref::known("id:studio/vpc"), region: "eu-west-1".into() }];
            let zone = HostedZone { name: name.into(), vpcs: Set::from(vpcs), comment: String::new() };
            let zone = Observed { unread: vec![RECORDS.into()], ..Observed::standing("Z1", BTreeMap::new(), zone) };
            server().but(|survey| survey.found.push(zone.clone()))
        };
        let of_the_notebook = zone("d-abcdefghijkl.studio.eu-west-1.sagemaker.aws");
        assert_eq!(of_the_notebook.holds(), "3 yes, 4 unknown, 9 unknown, 11 yes");
        let because = "the resolver of studio/vpc goes by the private zone d-abcdefghijkl.studio.eu-west-1.sagemaker.aws of \
                       Z1: its records can't be read";
        let told = of_the_notebook.told();
        assert!(told.contains(because), "{told}");
        assert_eq!(zone("sagemaker.aws").holds(), "3 yes, 4 yes, 9 yes, 11 yes");
    }

    #[test]
    fn a_stopped_dns_host_is_passed_over_and_two_are_the_end() {
        let stop = |survey: &mut Survey, address: &str| {
            let observed = survey.at(address);
            observed.state = "stopped".into();
            edit(observed, host, |it| it.running = false);
        };
        let one = server().but(|survey| stop(survey, "onprem/dns/a"));
        assert_eq!(one.holds(), "3 yes, 4 yes, 9 yes, 11 yes");
        let left = |step: &Step| step.because.iter().any(|why| why.ends_with("is stopped; another DNS server answers"));
        assert!(left(&one.verify().steps[0]), "{:#?}", one.verify());
        let both = one.but(|survey| stop(survey, "onprem/dns/b"));
        assert_eq!(both.holds(), "3 no, 4 yes, 9 no, 11 yes");
    }

    #[test]
    fn a_name_that_leads_to_another_endpoint_isnt_the_studio_endpoints() {
        let moved = server().but(|survey| {
            survey.copy("studio/endpoint/studio", "vpce-2", |copy| {
                copy.tags.clear();
                edit(copy, endpoint, |it| {
                    let next = |placement: &Placement| Placement {
                        address: placement.address.map(|address| Ipv4Addr::from_bits(address.to_bits() + 25)),
                        ..placement.clone()
                    };
                    it.placements = it.placements.iter().map(next).collect();
                });
            });
            edit(survey.at("studio/endpoint/studio"), endpoint, |it| it.private_dns = false);
        });
        assert_snapshot!(moved.told(), @"
        3 yes, 4 no, 9 no, 11 yes
        4: d-abcdefghijkl.studio.eu-west-1.sagemaker.aws is looked up in the Studio VPC
        4: the resolver of studio/vpc has *.studio.eu-west-1.sagemaker.aws from vpce-2: 10.16.42.99 and 10.16.100.32
        4: so it leads to 10.16.42.99 and 10.16.100.32 of vpce-2
        4: d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws is looked up in the Studio VPC
        4: the resolver of studio/vpc has *.studio.sagemaker.eu-west-1.app.aws from vpce-2: 10.16.42.99 and 10.16.100.32
        9: 192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
        9: onprem/dhcp-options names 192.168.10.10
        9: onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: 10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
        9: the resolver of studio/vpc has *.studio.eu-west-1.sagemaker.aws from vpce-2: 10.16.42.99 and 10.16.100.32
        9: so it leads to 10.16.42.99 and 10.16.100.32 of vpce-2
        9: onprem/dhcp-options names 192.168.10.74
        9: onprem/dns/b forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
        9: the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
        9: onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        9: the resolver of studio/vpc has *.studio.sagemaker.eu-west-1.app.aws from vpce-2: 10.16.42.99 and 10.16.100.32
        9: onprem/dns/b forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
        ");
    }
}
