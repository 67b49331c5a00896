//! `up`: builds a lab, or repairs it.

use super::Exit;
use super::args::{DEFAULT_PLAN, PlaceArgs, RunArgs, Subject};
use super::out::Out;
use super::place::{confirm, need_a_yes, needs_asking, visit};
use super::run::{about, options, run as run_engine};
use super::trouble::Trouble;
use crate::engine::record;
use crate::engine::run::{RunError, check_place, up};
use crate::engine::view::view;
use crate::report::plan::PlanDocument;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A plan file, a built-in plan (@foundation), or the name of a lab that exists
    #[arg(default_value = DEFAULT_PLAN)]
    plan: String,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Don't ask before changing AWS
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    run: RunArgs,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    let aim = args.place.aim()?;
    let subject = Subject::read(&args.plan)?;
    let lab = subject.lab();
    need_a_yes(&args.place, args.yes, out)?;
    visit(&args.place, Some(lab), out, async |here| {
        let prepare = async {
            let kept = record::read(&here.connected.aws, lab).await?;
            let refused = |error: &RunError| Trouble::of_run(error, lab);
            let record = kept.record().map_err(|error| refused(&error.into()))?;
            let plan = subject.plan().or(record.as_ref().map(|record| &record.plan));
            let plan = plan.ok_or_else(|| Trouble::no_lab(lab, aim))?;
            check_place(&here.connected.place, plan).map_err(|error| refused(&error))?;
            if needs_asking(here, args.yes) {
                let view = view(&here.connected.aws, lab, subject.plan()).await.map_err(|error| refused(&error))?;
                let document = PlanDocument::of(&view, subject.plan(), None, here.today());
                let document = document.map_err(|circle| Trouble::new(circle.to_string()))?;
                out.notice(&document.question(out.error_style));
            }
            confirm(here, args.yes, &about(lab, record.as_ref()), out).await
        };
        here.or_interrupted(prepare).await?;
        run_engine("up", lab, here, &args.place, options(&args.run), out, async |session| {
            up(session, subject.plan()).await
        })
        .await
    })
}
