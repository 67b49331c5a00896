//! What the verbs that look at one lab share.

use super::Exit;
use super::args::{Aim, PlaceArgs, Subject};
use super::out::Out;
use super::place::{Here, visit_to_read};
use super::trouble::Trouble;
use crate::aws::Place;
use crate::engine::view::{View, view};
use crate::plan::Plan;

/// The lab to look at, and where.
#[derive(Debug, clap::Args)]
pub struct LabArgs {
    /// The name of a lab, or a plan [default: studio-private-access]
    lab: Option<String>,
    #[command(flatten)]
    pub place: PlaceArgs,
}

impl LabArgs {
    /// Goes where the lab is.
    pub fn visit(
        &self,
        out: &Out,
        work: impl AsyncFnOnce(&Looking<'_>) -> Result<Exit, Trouble>,
    ) -> Result<Exit, Trouble> {
        visit(self.lab.as_deref(), &self.place, out, work)
    }

    /// What the user named; the default plan's lab where that is nothing.
    pub fn subject(&self) -> Result<Subject, Trouble> {
        Ok(self.lab.as_deref().map_or_else(Subject::default_lab, Subject::read)?)
    }

    /// The same lab at the same place, for another verb: `breezeway up my-lab.toml --aws`.
    pub fn command(&self, verb: &str, lab: &str) -> String {
        format!("breezeway {verb} {}{}", self.lab.as_deref().unwrap_or(lab), self.place.flags())
    }
}

/// Goes where a lab is, by its name or plan; the default plan's where none is named.
pub fn visit(
    lab: Option<&str>,
    place: &PlaceArgs,
    out: &Out,
    work: impl AsyncFnOnce(&Looking<'_>) -> Result<Exit, Trouble>,
) -> Result<Exit, Trouble> {
    let aim = place.aim()?;
    let subject = lab.map_or_else(Subject::default_lab, Subject::read)?;
    visit_to_read(place, Some(subject.lab()), out, async |here| work(&Looking { here, aim, subject: &subject }).await)
}

/// A lab that is being looked at.
pub struct Looking<'a> {
    /// The way there.
    pub here: &'a Here,
    /// The target, and whether the user named it.
    pub aim: Aim,
    /// What the user named.
    pub subject: &'a Subject,
}

impl Looking<'_> {
    /// The lab's name.
    pub fn lab(&self) -> &str {
        self.subject.lab()
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.here.connected.place
    }

    /// The lab as it is, and as it should be: by the plan given, or else by its record.
    pub async fn view(&self, given: Option<&Plan>) -> Result<View, Trouble> {
        view(&self.here.connected.aws, self.lab(), given).await.map_err(|error| Trouble::of_run(&error, self.lab()))
    }

    /// The same, where there must be such a lab.
    pub async fn standing(&self, given: Option<&Plan>) -> Result<View, Trouble> {
        let view = self.view(given).await?;
        if view.holds_lab() || !view.survey.unreadable.is_empty() { Ok(view) } else { Err(self.no_lab()) }
    }

    /// There is no such lab here.
    pub fn no_lab(&self) -> Trouble {
        Trouble::no_lab(self.lab(), self.aim)
    }

    /// What was asked for is unknown; `hint` says what a plan is good for.
    pub fn no_record(&self, hint: &str) -> Trouble {
        Trouble::new(format!("The record of `{}` is missing: what was asked for is unknown", self.lab())).hint(hint)
    }
}
