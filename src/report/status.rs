//! What of a lab stands.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::sign_in::set_password_command;
use super::text::{table, wrap};
use super::{Style, count};
use crate::aws::failure::printable;
use crate::engine::holdings::{Holdings, Proof};
use crate::engine::lock::Lease;
use crate::engine::portal;
use crate::engine::view::View;
use crate::resource::{Address, Kind, Observed, Readiness, Spec};

/// The answer of `status`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusDocument {
    /// The lab.
    pub lab: String,
    /// What stands, and what should.
    pub resources: Vec<ResourceDocument>,
    /// Values that exist since the lab does, by address and name: `access/role/portal.arn`.
    pub outputs: BTreeMap<String, String>,
    /// How a user comes to Studio by the portal, step by step; absent where there is no portal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect: Vec<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The ARN of who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// The day after which it is no longer wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
    /// Who works on it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_by: Option<Lease>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// One resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceDocument {
    /// Its address.
    pub address: Address,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// AWS's id; absent where it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// AWS's word for its state, or `missing`, `unknown`, `unproven`, `duplicate`, `obsolete`.
    pub state: String,
}

impl StatusDocument {
    /// The status of a lab that looks like this.
    pub fn of(view: &View, lease: Option<Lease>) -> Self {
        let holdings = view.holdings();
        let mut resources = Vec::new();
        let mut outputs = BTreeMap::new();
        for desired in view.blueprint.iter() {
            let (address, kind) = (desired.address.clone(), desired.kind());
            let Some(held) = holdings.held.get(&address) else {
                let state = if holdings.unknown.contains(&address) { "unknown" } else { "missing" };
                resources.push(ResourceDocument { address, kind, id: None, state: state.to_owned() });
                continue;
            };
            let state = match held.proof {
                Proof::Tag | Proof::NaturalKey => state(held.observed),
                Proof::Unproven => "unproven".to_owned(),
                Proof::Unread => "unknown".to_owned(),
            };
            for (name, output) in &held.observed.outputs {
                outputs.insert(format!("{address}.{name}"), output.clone());
            }
            resources.push(ResourceDocument { address, kind, id: Some(held.observed.id.clone()), state });
        }
        let extras = [(&holdings.duplicates, "duplicate"), (&holdings.obsolete, "obsolete")];
        for (address, observed, state) in extras.into_iter().flat_map(|(list, state)| {
            list.iter().map(move |(address, observed)| (address.clone(), *observed, state.to_owned()))
        }) {
            resources.push(ResourceDocument { address, kind: observed.kind(), id: Some(observed.id.clone()), state });
        }
        outputs.extend(portal::address(&holdings).map(|url| ("portal/api/stage.url".to_owned(), url)));
        let unreadable = view.survey.unreadable.iter();
        Self {
            lab: view.blueprint.lab.name.clone(),
            resources,
            outputs,
            connect: connect(&view.blueprint.lab.name, &holdings),
            created: view.record.as_ref().map(|record| record.created_at),
            created_by: view.record.as_ref().map(|record| record.created_by.clone()),
            expires: view.record.as_ref().and_then(|record| record.plan.expires),
            locked_by: lease.filter(|lease| !lease.ended),
            unknown: unreadable.map(|(kind, failure)| format!("{kind} could not be read: {failure}")).collect(),
        }
    }

    /// For people.
    pub fn text(&self, style: Style) -> String {
        let row = |resource: &ResourceDocument| {
            let id = resource.id.as_deref().unwrap_or_default();
            vec![resource.address.to_string(), printable(id), printable(&resource.state)]
        };
        let rows: Vec<_> = self.resources.iter().map(row).collect();
        let mut lines = vec![table(&["address", "id", "state"], &rows, style.width)];
        let outputs = self.outputs.iter().map(|(name, output)| format!("{name} = {}", printable(output)));
        lines.extend(outputs.map(|line| wrap(&line, style.width, "", "  ")));
        let steps = self.connect.iter().enumerate().map(|(at, step)| format!("{}. {}", at + 1, printable(step)));
        lines.extend(steps.map(|step| wrap(&step, style.width, "", "   ")));
        let standing = self.resources.iter().filter(|resource| resource.id.is_some()).count();
        let mut summary = format!("{}: {}", self.lab, count(standing, "resource", "resources"));
        if standing < self.resources.len() {
            summary += &format!(" of {}", self.resources.len());
        }
        if let (Some(created), Some(by)) = (self.created, &self.created_by) {
            summary += &format!(", made {created:.0} by {}", printable(by));
        }
        if let Some(expires) = self.expires {
            summary += &format!(", wanted until {expires}");
        }
        lines.push(wrap(&summary, style.width, "", "  "));
        if let Some(lease) = &self.locked_by {
            let line = format!("{} has its lock for `{}` since {:.0}.", lease.holder.who, lease.verb, lease.since);
            lines.push(wrap(&printable(&line), style.width, "", "  "));
        }
        lines.extend(self.unknown.iter().map(|line| wrap(&printable(line), style.width, "! ", "  ")));
        lines.join("\n")
    }
}

/// How a user comes to Studio by the portal.
fn connect(lab: &str, holdings: &Holdings<'_>) -> Vec<String> {
    let held = |kind: Kind| holdings.held.values().map(|held| held.observed).find(|observed| observed.kind() == kind);
    let Some(address) = portal::address(holdings) else { return Vec::new() };
    let users = holdings.held.values().filter_map(|held| match &held.observed.spec {
        Spec::UserPoolUser(user) => Some(user.name.as_str()),
        _ => None,
    });
    let password = held(Kind::UserPool).zip(users.min()).map(|(pool, user)| {
        format!("Give a user a password, which nobody has before: {}", set_password_command(&pool.id, user))
    });
    let command = portal::user(holdings)
        .map(|user| format!("Or have `breezeway open {user} --lab {lab}` print that URL, there."));
    let steps = [
        format!("In the corporate network, on the app server for instance, open {address}/"),
        "Sign in, and click Open Studio. Anywhere else neither the page nor the URL works.".to_owned(),
    ];
    password.into_iter().chain(steps).chain(command).collect()
}

fn state(observed: &Observed) -> String {
    match &observed.readiness {
        Readiness::Failed(reason) if *reason != observed.state => format!("{}: {reason}", observed.state),
        _ => observed.state.clone(),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_table_of_what_stands_and_what_should() {
        let resource = |address: &str, kind, id: Option<&str>, state: &str| ResourceDocument {
            address: Address::from(address),
            kind,
            id: id.map(str::to_owned),
            state: state.to_owned(),
        };
        let status = StatusDocument {
            lab: "demo".into(),
            resources: vec![
                resource("studio/vpc", Kind::Vpc, Some("vpc-0a1"), "available"),
                resource("peering", Kind::VpcPeeringConnection, None, "missing"),
            ],
            outputs: BTreeMap::from([("access/role/portal.arn".into(), "arn:aws:iam::1:role/r".into())]),
            connect: vec!["Open the page.".into(), "Click.".into()],
            created: Some("2026-01-05T08:00:00.123Z".parse().unwrap()),
            created_by: Some("arn:aws:iam::1:user/ada".into()),
            expires: None,
            locked_by: None,
            unknown: vec!["subnet could not be read: denied".into()],
        };
        assert_snapshot!(status.text(Style::plain(80)), @r"
        address     id       state
        studio/vpc  vpc-0a1  available
        peering              missing
        access/role/portal.arn = arn:aws:iam::1:role/r
        1. Open the page.
        2. Click.
        demo: 1 resource of 2, made 2026-01-05T08:00:00Z by arn:aws:iam::1:user/ada
        ! subnet could not be read: denied
        ");
    }
}
