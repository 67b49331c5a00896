//! `plan`: says what `up` would do.

use super::Exit;
use super::args::{DEFAULT_PLAN, PlaceArgs, Subject};
use super::out::Out;
use super::place::visit_to_read;
use super::trouble::Trouble;
use crate::engine::run::check_place;
use crate::engine::view::view;
use crate::report::Document;
use crate::report::plan::PlanDocument;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A plan file, a built-in plan (@foundation), or the name of a lab that exists
    #[arg(default_value = DEFAULT_PLAN)]
    plan: String,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Exit with 2 when something would change, be it the lab's record only
    #[arg(long)]
    detailed_exitcode: bool,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    let aim = args.place.aim()?;
    let subject = Subject::read(&args.plan)?;
    let lab = subject.lab();
    visit_to_read(&args.place, Some(lab), out, async |here| {
        let connected = &here.connected;
        let view = view(&connected.aws, lab, subject.plan()).await.map_err(|error| Trouble::of_run(&error, lab))?;
        let plan = subject.plan().or(view.record.as_ref().map(|record| &record.plan));
        let plan = plan.ok_or_else(|| Trouble::no_lab(lab, aim))?;
        let refusal = check_place(&connected.place, plan).err();
        let document = PlanDocument::of(&view, subject.plan(), refusal.as_ref(), here.today());
        let document = document.map_err(|circle| Trouble::new(circle.to_string()))?;
        out.text(&document.text(out.style));
        out.json(&Document::of(&connected.place, &document));
        Ok(match () {
            () if !document.obstacles.is_empty() => Exit::Failed,
            () if args.detailed_exitcode && (!document.changes.is_empty() || document.record_changes) => Exit::Differs,
            () => Exit::Done,
        })
    })
}
