//! `list`: lists the labs of an account and Region.

use super::Exit;
use super::args::PlaceArgs;
use super::out::Out;
use super::place::visit_to_read;
use super::trouble::Trouble;
use crate::engine::view::labs;
use crate::report::Document;
use crate::report::labs::ListDocument;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub place: PlaceArgs,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    visit_to_read(&args.place, None, out, async |here| {
        let place = &here.connected.place;
        let document = ListDocument::of(place, labs(&here.connected.aws).await?);
        out.text(&document.text(out.style));
        out.json(&Document::of(place, &document));
        let complete = document.labs.iter().all(|lab| lab.lab.problems.is_empty());
        Ok(if complete { Exit::Done } else { Exit::Failed })
    })
}
