//! What is right in a plan and yet may not be meant.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use jiff::civil::Date;
use serde::Serialize;

use super::{Direction, DnsMode, Plan, Ports, Protocol, Remote, Rule, value};

/// The port of the Remote Desktop Protocol.
const RDP: u16 = 3389;

/// Something that may not be meant. It keeps nothing from being done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What it is.
    pub sentence: String,
    /// What to do about it.
    pub hint: String,
}

impl Plan {
    /// What may not be meant, on this day.
    pub fn warnings(&self, today: Date) -> Vec<Warning> {
        let past = self.expires.filter(|expires| *expires < today).map(|expires| Warning {
            sentence: format!("The lab was wanted until {expires}, which is past"),
            hint: "set `expires` to a day to come, or leave it out".into(),
        });
        let open = self.groups().into_iter().flat_map(|(field, rules)| {
            open_to_everyone(rules).into_iter().map(move |what| Warning {
                sentence: format!("`{field}` lets {what} in from the whole internet, or nearly"),
                hint: "name the networks that need it".into(),
            })
        });
        past.into_iter().chain(open).collect()
    }

    /// The rules of each group that the plan gives, by its key.
    fn groups(&self) -> Vec<(&'static str, &[Rule])> {
        let mut groups: Vec<(_, &[Rule])> = vec![
            ("onprem.rules", &self.onprem.rules),
            ("studio.rules", &self.studio.rules),
            ("studio.app_rules", &self.studio.app_rules),
        ];
        if self.dns.mode != DnsMode::Off {
            groups.push(("dns.resolver_rules", &self.dns.resolver_rules));
        }
        groups
    }
}

impl Rule {
    /// The network that it lets in, if it does one.
    fn source(&self) -> Option<Ipv4Net> {
        match self.remote {
            Remote::Cidr(network) if self.direction == Direction::Ingress => Some(network),
            _ => None,
        }
    }

    /// Whether it lets in all of what another protocol and its ports say.
    fn covers(&self, protocol: Protocol, ports: Option<Ports>) -> bool {
        let (all, own) = (ports.unwrap_or(Ports::ALL), self.ports.unwrap_or(Ports::ALL));
        self.protocol == Protocol::All || self.protocol == protocol && own.from <= all.from && all.to <= own.to
    }
}

/// Whether these rules together open RDP to everyone.
pub(super) fn open_rdp<'r>(rules: impl Iterator<Item = &'r Rule>) -> bool {
    let rdp = rules.filter(|rule| rule.covers(Protocol::Tcp, Some(Ports { from: RDP, to: RDP })));
    value::is_everyone(rdp.filter_map(Rule::source))
}

/// What these rules together let in from everyone, in words.
fn open_to_everyone(rules: &[Rule]) -> Vec<String> {
    let all: BTreeSet<_> =
        rules.iter().filter(|rule| rule.source().is_some()).map(|rule| (rule.protocol, rule.ports)).collect();
    let open = all.into_iter().filter(|(protocol, ports)| {
        let covering = || rules.iter().filter(|rule| rule.covers(*protocol, *ports));
        let wider = covering().filter(|rule| (rule.protocol, rule.ports) != (*protocol, *ports));
        value::is_everyone(covering().filter_map(Rule::source)) && !value::is_everyone(wider.filter_map(Rule::source))
    });
    let words = open.map(|(protocol, ports)| {
        let protocol = match protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Icmp => "ICMP",
            Protocol::All => "everything",
        };
        ports.map_or(protocol.to_owned(), |ports| format!("{protocol} {ports}"))
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use crate::plan::{Source, parse};

    fn warnings(text: &str) -> Vec<String> {
        let source = Source { name: "lab.toml".into(), text: format!("name = \"lab\"\n{text}") };
        let warnings = parse(&source).unwrap().warnings(date(2026, 11, 25));
        warnings.into_iter().map(|warning| warning.sentence).collect()
    }

    fn rules(rules: &[(&str, &str, &str)]) -> String {
        let rule = |(protocol, ports, cidr): &(&str, &str, &str)| {
            let ports = if ports.is_empty() { String::new() } else { format!("ports = \"{ports}\"\n") };
            format!("[[studio.rules]]\nprotocol = \"{protocol}\"\n{ports}cidr = \"{cidr}\"\n")
        };
        rules.iter().map(rule).collect()
    }

    #[test]
    fn the_shipped_plans_and_the_defaults_are_meant() {
        for (_, text) in crate::plan::BUILT_IN {
            assert_eq!(
                parse(&Source { name: "x".into(), text: (*text).into() }).unwrap().warnings(date(2026, 1, 1)),
                []
            );
        }
        assert!(warnings("").is_empty());
        assert!(warnings(&rules(&[("tcp", "443", "203.0.0.0/8"), ("all", "", "10.0.0.0/8")])).is_empty());
    }

    #[test]
    fn a_day_that_is_past_is_noticed() {
        assert!(warnings("expires = \"2026-11-25\"").is_empty());
        assert_eq!(warnings("expires = \"2026-11-24\""), ["The lab was wanted until 2026-11-24, which is past"]);
    }

    #[test]
    fn what_is_open_to_everyone_is_noticed_however_it_is_put_together() {
        let open = |what: &str| format!("`studio.rules` lets {what} in from the whole internet, or nearly");
        assert_eq!(warnings(&rules(&[("tcp", "443", "0.0.0.0/0")])), [open("TCP 443")]);
        assert_eq!(warnings(&rules(&[("udp", "", "8.0.0.0/8"), ("udp", "53", "9.0.0.0/8")])), [open("UDP 53")]);
        let halves: Vec<_> = (1..=9).map(|first| format!("{first}.0.0.0/9")).collect();
        let halves: Vec<_> = halves.iter().map(|half| ("icmp", "", half.as_str())).collect();
        assert_eq!(warnings(&rules(&halves[..2])), [""; 0]);
        assert_eq!(warnings(&rules(&halves)), [open("ICMP")]);
        assert_eq!(
            warnings(&rules(&[("tcp", "1-3000", "0.0.0.0/0"), ("tcp", "443", "0.0.0.0/0")])),
            [open("TCP 1-3000")]
        );
    }

    #[test]
    fn what_goes_out_may_go_anywhere() {
        let out = "[[studio.rules]]\ndirection = \"egress\"\nprotocol = \"all\"\ncidr = \"0.0.0.0/0\"";
        assert!(warnings(out).is_empty());
    }
}
