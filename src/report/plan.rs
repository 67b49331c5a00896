//! What `up` would do.

use std::time::Duration;

use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;

use super::Style;
use super::changes::{counts, tree};
use super::text::{seconds, wrap};
use crate::aws::failure::printable;
use crate::aws::pace::Pace;
use crate::cost::hourly_usd_of;
use crate::engine::changes::{Action, Change, CircularSteps};
use crate::engine::difference::FieldDifference;
use crate::engine::run::RunError;
use crate::engine::view::View;
use crate::plan::{Plan, Warning};
use crate::resource::Address;

/// What `up` would do to a lab.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanDocument {
    /// The lab.
    pub lab: String,
    /// What changes.
    pub changes: Vec<Change>,
    /// How long it is expected to take.
    pub forecast_seconds: f64,
    /// The chain that decides how long.
    pub critical_path: Vec<Address>,
    /// US dollars an hour for the lab when it stands, before any traffic.
    pub hourly_cost_usd: f64,
    /// Where the plan given says something else than the lab's record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub record_differences: Vec<FieldDifference>,
    /// Whether the lab's record changes, or is made.
    pub record_changes: bool,
    /// What keeps `up` from doing it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub obstacles: Vec<String>,
    /// What the plan's choices mean for those who work behind them: sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What may not be meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

impl PlanDocument {
    /// What `up` would do on this day, with the plan given, to a lab that looks like this; `refused` is why it may not.
    ///
    /// # Errors
    /// The steps need each other in a circle.
    pub fn of(
        view: &View,
        given: Option<&Plan>,
        refused: Option<&RunError>,
        today: Date,
    ) -> Result<Self, CircularSteps> {
        let record_differences = view.differences_from_record(given);
        let plan = given.or(view.record.as_ref().map(|record| &record.plan));
        let changes = view.changes();
        let forecast = changes.graph()?.forecast(&Pace::default(), Duration::ZERO);
        let address = |index: usize| changes.steps[index].address.clone();
        let unreadable = view.survey.unreadable.iter();
        let unreadable = unreadable.map(|(kind, failure)| format!("{kind} could not be read: {failure}"));
        Ok(Self {
            lab: view.blueprint.lab.name.clone(),
            changes: changes.list(),
            forecast_seconds: forecast.seconds,
            critical_path: forecast.critical_path.into_iter().map(address).collect(),
            hourly_cost_usd: hourly_usd_of(&view.blueprint),
            record_changes: view.record.is_none() || !record_differences.is_empty(),
            record_differences,
            notes: plan.map_or(Vec::new(), Plan::notes),
            warnings: plan.map_or(Vec::new(), |plan| plan.warnings(today)),
            obstacles: refused.map(ToString::to_string).into_iter().chain(unreadable).collect(),
        })
    }

    /// For people.
    pub fn text(&self, style: Style) -> String {
        let mut lines = record_notes(&self.record_differences, style);
        if !self.changes.is_empty() {
            lines.push(tree(&self.changes, style));
        }
        lines.push(self.summary(style));
        lines.push(self.cost(style));
        lines.extend(self.notes(style));
        let obstacles = self.obstacles.iter();
        lines.extend(obstacles.map(|obstacle| wrap(obstacle, style.width, "! ", "  ")));
        lines.extend(super::warnings(&self.warnings, style));
        lines.join("\n")
    }

    fn summary(&self, style: Style) -> String {
        let mut summary = match (self.changes.is_empty(), self.record_changes) {
            (true, true) => format!("{}: nothing to build, the record changes", self.lab),
            _ => format!("{}: {}", self.lab, counts(&self.changes)),
        };
        if !self.changes.is_empty() {
            summary += &format!("; {}", forecast(self.forecast_seconds, &self.critical_path));
        }
        wrap(&summary, style.width, "", "  ")
    }

    fn cost(&self, style: Style) -> String {
        let cost = match self.hourly_cost_usd {
            0.0 => "What it builds has no hourly price.".to_owned(),
            price => format!("It costs about ${price:.2} an hour, before any traffic."),
        };
        wrap(&cost, style.width, "", "  ")
    }

    /// What the plan's choices mean, while they are new: a lab that stands by this plan is no news.
    fn notes(&self, style: Style) -> Vec<String> {
        let notes = self.notes.iter().filter(|_| self.record_changes);
        notes.map(|note| wrap(&format!("note: {note}"), style.width, "", "  ")).collect()
    }

    /// What somebody has to know who is asked for a yes: all that changes where something stands already, and what of
    /// it is lost.
    pub fn question(&self, style: Style) -> String {
        let new = self.record_changes && self.record_differences.is_empty();
        let creates_only = self.changes.iter().all(|change| change.action == Action::Create);
        let mut lines = match new && creates_only {
            true => [vec![self.summary(style), self.cost(style)], self.notes(style)].concat(),
            false => vec![self.text(style)],
        };
        for (action, verb) in [(Action::Replace, "replaced"), (Action::Delete, "deleted")] {
            let lost = self.changes.iter().filter(|change| change.action == action);
            let lost: Vec<_> = lost.map(|change| change.address.to_string()).collect();
            if !lost.is_empty() {
                let text = printable(&format!("{} will be {verb}.", lost.join(", ")));
                lines.push(style.action(action, &wrap(&text, style.width, "! ", "  ")));
            }
        }
        lines.join("\n")
    }
}

/// `about 2 m 04 s, studio/domain being the long pole`.
pub fn forecast(after: f64, critical_path: &[Address]) -> String {
    let last = critical_path.last().map_or(String::new(), |last| format!(", {last} being the long pole"));
    format!("about {}{last}", seconds(after))
}

/// Where a plan given and the lab's record differ.
pub fn record_notes(differences: &[FieldDifference], style: Style) -> Vec<String> {
    let sentence = |FieldDifference { field, expected, actual }: &FieldDifference| {
        let given = match expected {
            Value::Null => format!("the plan given says no {field}"),
            _ => format!("the plan given says {field} = {}", short(expected)),
        };
        let text = format!("{given}, the lab's record {}", short(actual));
        wrap(&printable(&text), style.width, "* ", "  ")
    };
    differences.iter().map(sentence).collect()
}

/// A value of a plan, cut where it is long: a key, a policy.
fn short(value: &Value) -> String {
    const LONGEST: usize = 60;
    match value {
        Value::Null => "none".to_owned(),
        _ => {
            let text = value.to_string();
            let cut: String = text.chars().take(LONGEST).collect();
            if cut.len() < text.len() { format!("{cut}…") } else { text }
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;
    use crate::resource::Kind;

    fn document(changes: &[(&str, Action)]) -> PlanDocument {
        let change = |(address, action): &(&str, Action)| Change {
            address: Address::from(*address),
            kind: Kind::Vpc,
            action: *action,
            fields: Vec::new(),
            refused: None,
        };
        PlanDocument {
            lab: "demo".into(),
            changes: changes.iter().map(change).collect(),
            forecast_seconds: 12.0,
            critical_path: Vec::new(),
            hourly_cost_usd: 0.0,
            record_differences: Vec::new(),
            record_changes: true,
            obstacles: Vec::new(),
            notes: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_record_that_changes_is_told() {
        let expires = FieldDifference { field: "expires".into(), expected: json!(null), actual: json!("2026-12-31") };
        let key = FieldDifference {
            field: "app_server.public_key".into(),
            expected: json!("a".repeat(100)),
            actual: json!(null),
        };
        let changed = PlanDocument { record_differences: vec![expires, key], ..document(&[]) };
        assert_snapshot!(changed.text(Style::plain(200)), @r#"
        * the plan given says no expires, the lab's record "2026-12-31"
        * the plan given says app_server.public_key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…, the lab's record none
        demo: nothing to build, the record changes
        What it builds has no hourly price.
        "#);
        let same = PlanDocument { record_changes: false, ..document(&[]) };
        assert_snapshot!(same.summary(Style::plain(80)), @"demo: nothing to do");
    }

    #[test]
    fn what_a_plan_means_is_noted_while_it_is_new() {
        let noted = PlanDocument { notes: vec!["It is so.".into()], ..document(&[("a", Action::Create)]) };
        assert_snapshot!(noted.question(Style::plain(80)), @"
        demo: 1 to create; about 12 s
        What it builds has no hourly price.
        note: It is so.
        ");
        assert!(noted.text(Style::plain(80)).ends_with("\nnote: It is so."));
        let standing = PlanDocument { record_changes: false, ..noted };
        assert!(!standing.text(Style::plain(80)).contains("note"));
        assert_eq!(serde_json::to_value(&standing).unwrap()["notes"], json!(["It is so."]));
    }

    #[test]
    fn a_question_names_what_is_lost() {
        let some = [("a", Action::Create), ("b", Action::Update), ("c", Action::Replace), ("d", Action::Delete)];
        assert_snapshot!(document(&some).question(Style::plain(80)), @"
        + a
        ~ b
        ± c
        − d
        demo: 1 to create, 1 to change, 1 to replace, 1 to delete; about 12 s
        What it builds has no hourly price.
        ! c will be replaced.
        ! d will be deleted.
        ");
        assert_snapshot!(document(&some[..1]).question(Style::plain(80)), @"
        demo: 1 to create; about 12 s
        What it builds has no hourly price.
        ");
    }
}
