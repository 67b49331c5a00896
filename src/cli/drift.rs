//! `drift`: says what of a lab is no longer as asked for.

use super::Exit;
use super::look::LabArgs;
use super::out::Out;
use super::trouble::Trouble;
use crate::drift::drift;
use crate::report::Document;
use crate::report::drift::DriftDocument;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub lab: LabArgs,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    args.lab.visit(out, async |looking| {
        let given = looking.subject.plan();
        let view = looking.view(given).await?;
        let known = given.is_some() || view.record.is_some();
        if !view.holds_lab() && view.survey.unreadable.is_empty() && !(known && looking.aim.named) {
            return Err(looking.no_lab());
        }
        if !known {
            return Err(looking.no_record("Name its plan, to compare with that."));
        }
        let differences = drift(&view.blueprint, &view.survey);
        let document = DriftDocument {
            lab: looking.lab().to_owned(),
            clean: differences.is_empty(),
            differences,
            record_differences: view.differences_from_record(given),
        };
        out.text(&document.text(&args.lab.command("up", looking.lab()), out.style));
        out.json(&Document::of(looking.place(), &document));
        Ok(if document.clean { Exit::Done } else { Exit::Differs })
    })
}
