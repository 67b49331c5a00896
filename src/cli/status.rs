//! `status`: shows what of a lab stands.

use super::Exit;
use super::args::{PlaceArgs, Subject};
use super::out::Out;
use super::place::visit_to_read;
use super::trouble::Trouble;
use crate::engine::view::view;
use crate::engine::{lock, record};
use crate::report::Document;
use crate::report::status::StatusDocument;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of a lab, or its plan [default: skeleton]
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
        let view = view(&connected.aws, lab, None).await.map_err(|error| Trouble::of_run(&error, lab))?;
        if !view.holds_lab() && view.survey.unreadable.is_empty() {
            return Err(Trouble::no_lab(lab, aim));
        }
        let lease = lock::highest(&record::read(&connected.aws, lab).await?).and_then(|(_, lease)| lease);
        let document = StatusDocument::of(&view, lease);
        out.text(&document.text(out.style));
        out.json(&Document::of(&connected.place, &document));
        Ok(if document.unknown.is_empty() { Exit::Done } else { Exit::Failed })
    })
}
