//! How a name resolves in the sandbox.

use std::net::Ipv4Addr;

use serde::Serialize;

use super::Style;
use super::text::wrap;
use crate::aws::failure::printable;
use crate::sandbox::resolve::{Answer, Resolution};

/// The answer of `sandbox resolve`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResolveDocument {
    target: &'static str,
    #[serde(flatten)]
    resolution: Resolution,
}

impl ResolveDocument {
    /// A document about a resolution.
    pub fn of(resolution: Resolution) -> Self {
        Self { target: "sandbox", resolution }
    }

    /// For people.
    pub fn text(&self, style: Style) -> String {
        let Resolution { name, from, address, hops, .. } = &self.resolution;
        let asker = match address {
            Some(address) if from.starts_with("vpc-") => format!("{from}, as a host at {address}"),
            Some(address) => format!("{from}, at {address}"),
            None => format!("the {from}"),
        };
        let line = |text: &str, first: &str| wrap(&printable(text), style.width, first, "    ");
        let mut lines = vec![style.bold(&line(&format!("{name}, from {asker}"), ""))];
        lines.extend(hops.iter().map(|hop| style.dim(&line(hop, "  "))));
        lines.push(line(&self.answer(), ""));
        lines.join("\n")
    }

    fn answer(&self) -> String {
        let Resolution { answer, addresses, by, .. } = &self.resolution;
        let by = by.as_deref().unwrap_or_default();
        match answer {
            Answer::Private => {
                let addresses: Vec<_> = addresses.iter().map(Ipv4Addr::to_string).collect();
                format!("Private: {}, of {by}", addresses.join(" and "))
            }
            Answer::Public => "Public: what everybody on the internet is told".to_owned(),
            Answer::Authoritative => format!("From a zone of its own: {by} knows what"),
            Answer::NotFound => "There is no such name (NXDOMAIN)".to_owned(),
            Answer::Servfail => "No answer (SERVFAIL)".to_owned(),
            Answer::Refused => "No answer (REFUSED)".to_owned(),
            Answer::Timeout => "No answer (nobody replies)".to_owned(),
            Answer::Unknown => "Unknown: what is asked is not of the sandbox".to_owned(),
        }
    }
}
