//! `verify`: proves that a lab is private, or says where it isn't.

use super::Exit;
use super::look::LabArgs;
use super::out::Out;
use super::trouble::Trouble;
use crate::report::Document;
use crate::report::verify::VerifyDocument;
use crate::verify::verify;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub lab: LabArgs,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    args.lab.visit(out, async |looking| {
        let given = looking.subject.plan();
        let view = looking.standing(given).await?;
        let Some(plan) = given.or(view.record.as_ref().map(|record| &record.plan)) else {
            return Err(looking.no_record("Name its plan, to go by that."));
        };
        let verification = verify(plan, &view.blueprint, &view.survey, &looking.place().region);
        let document = VerifyDocument { lab: looking.lab().to_owned(), verification };
        out.text(&document.text(out.style));
        out.json(&Document::of(looking.place(), &document));
        Ok(if document.verification.private { Exit::Done } else { Exit::Differs })
    })
}
