//! `status`: says what of a lab stands.

use super::Exit;
use super::look::LabArgs;
use super::out::Out;
use super::trouble::Trouble;
use crate::engine::lock::Leases;
use crate::report::Document;
use crate::report::status::StatusDocument;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub lab: LabArgs,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    args.lab.visit(out, async |looking| {
        let view = looking.standing(None).await?;
        let leases = Leases::read(&looking.here.connected.aws, looking.lab()).await?;
        let document = StatusDocument::of(&view, leases.held().flatten());
        out.text(&document.text(out.style));
        out.json(&Document::of(looking.place(), &document));
        Ok(if document.unknown.is_empty() { Exit::Done } else { Exit::Failed })
    })
}
