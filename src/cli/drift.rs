//! `drift`: says what is no longer as asked for.

use super::Exit;
use super::args::{PlaceArgs, Subject};
use super::out::Out;
use super::place::visit_to_read;
use super::trouble::Trouble;
use crate::drift::drift;
use crate::engine::view::view;
use crate::report::Document;
use crate::report::drift::DriftDocument;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of a lab, or a plan to compare it with [default: skeleton]
    lab: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    let aim = args.place.aim()?;
    let subject = args.lab.as_deref().map_or_else(Subject::default_lab, Subject::read)?;
    let lab = subject.lab();
    visit_to_read(&args.place, Some(lab), out, async |here| {
        let connected = &here.connected;
        let view = view(&connected.aws, lab, subject.plan()).await.map_err(|error| Trouble::of_run(&error, lab))?;
        let known = subject.plan().is_some() || view.record.is_some();
        if !view.holds_lab() && view.survey.unreadable.is_empty() && !(known && aim.named) {
            return Err(Trouble::no_lab(lab, aim));
        }
        if !known {
            let trouble = Trouble::new(format!("The record of `{lab}` is missing: what was asked for is unknown"));
            return Err(trouble.hint("Name its plan, to compare with that."));
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
