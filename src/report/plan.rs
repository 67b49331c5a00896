//! What `up` would do.

use std::time::Duration;

use serde::Serialize;

use super::Style;
use super::changes::{counts, tree};
use super::text::{seconds, wrap};
use crate::aws::failure::printable;
use crate::aws::pace::Pace;
use crate::cost::hourly_usd_of;
use crate::engine::changes::Change;
use crate::engine::difference::FieldDifference;
use crate::engine::run::RunError;
use crate::engine::schedule::Circle;
use crate::engine::view::View;
use crate::plan::Plan;
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
    /// What keeps `up` from doing it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub obstacles: Vec<String>,
}

impl PlanDocument {
    /// What `up` would do, with the plan given, to a lab that looks like this; `refused` is why it may not.
    ///
    /// # Errors
    /// The steps need each other in a circle.
    pub fn of(view: &View, given: Option<&Plan>, refused: Option<&RunError>) -> Result<Self, Circle> {
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
            record_differences: view.differences_from_record(given),
            obstacles: refused.map(ToString::to_string).into_iter().chain(unreadable).collect(),
        })
    }

    /// For people.
    pub fn text(&self, style: Style) -> String {
        let mut lines = record_notes(&self.record_differences, style);
        if !self.changes.is_empty() {
            lines.push(tree(&self.changes, style));
        }
        let mut summary = format!("{}: {}", self.lab, counts(&self.changes));
        if !self.changes.is_empty() {
            summary += &format!("; {}", forecast(self.forecast_seconds, &self.critical_path));
        }
        lines.push(wrap(&summary, style.width, "", "  "));
        let cost = match self.hourly_cost_usd {
            0.0 => "What it builds has no hourly price.".to_owned(),
            price => format!("It costs about ${price:.2} an hour, before any traffic."),
        };
        lines.push(wrap(&cost, style.width, "", "  "));
        let obstacles = self.obstacles.iter();
        lines.extend(obstacles.map(|obstacle| wrap(obstacle, style.width, "! ", "  ")));
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
        let text = format!("the plan given says {field} = {expected}, the lab's record {actual}");
        wrap(&printable(&text), style.width, "* ", "  ")
    };
    differences.iter().map(sentence).collect()
}
