//! `drift`: says what is no longer as asked for.

use super::Exit;
use super::args::{OutputArgs, PlaceArgs, Subject};
use super::out::Out;
use super::place::visit_to_read;
use super::trouble::Trouble;
use crate::drift::drift;
use crate::engine::run::RunError;
use crate::engine::view::view;
use crate::report::Document;
use crate::report::drift::DriftDocument;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of a lab, or a plan to compare it with [default: skeleton]
    lab: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    let aim = args.place.aim()?;
    let subject = args.lab.as_deref().map_or_else(Subject::default_lab, Subject::read)?;
    let lab = subject.lab();
    visit_to_read(&args.place, Some(lab), out, async |here| {
        let connected = &here.connected;
        let refused = |error: &RunError| Trouble::of_run(error, lab);
        let view = view(&connected.aws, lab, subject.plan()).await.map_err(|error| refused(&error))?;
        if !aim.named && !view.holds_lab() && view.survey.unreadable.is_empty() {
            return Err(Trouble::not_in_the_sandbox(lab));
        }
        if subject.plan().is_none() && view.record.is_none() {
            return Err(refused(&RunError::NoPlan(lab.to_owned())));
        }
        let differences = drift(&view.blueprint, &view.survey);
        let document = DriftDocument {
            lab: lab.to_owned(),
            clean: differences.is_empty(),
            differences,
            record_differences: view.differences_from_record(subject.plan()),
        };
        let argument = args.lab.as_deref().unwrap_or(lab);
        out.text(&document.text(&format!("breezeway up {argument}{}", args.place.flags()), out.style));
        out.json(&Document::of(&connected.place, &document));
        Ok(if document.clean { Exit::Done } else { Exit::Differs })
    })
}
