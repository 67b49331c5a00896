//! `down`: takes a lab away.

use super::Exit;
use super::args::{PlaceArgs, RunArgs, Subject};
use super::out::Out;
use super::place::{confirm, need_a_yes, stands_nothing, visit};
use super::run::{about, options, run as run_engine};
use super::trouble::Trouble;
use crate::aws::connect::Target;
use crate::engine::record;
use crate::engine::run::down;
use crate::engine::session::Options;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of a lab, or its plan [in the sandbox, default: studio-private-access]
    lab: Option<String>,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Don't ask before changing AWS
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    run: RunArgs,
    /// Where others have things inside the lab, remove all but what holds these
    #[arg(long)]
    leave_blocked: bool,
    /// Leave when all that remains waits for Lambda to let go of its network interfaces, up to 45 minutes
    #[arg(long)]
    detach: bool,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    let aim = args.place.aim()?;
    let subject = match &args.lab {
        Some(argument) => Subject::read(argument)?,
        None if aim.target == Target::Sandbox => Subject::default_lab()?,
        None => return Err(Trouble::new("Which lab?").hint("In AWS, `down` takes the name of a lab.")),
    };
    let lab = subject.lab();
    need_a_yes(&args.place, args.yes, out)?;
    visit(&args.place, Some(lab), out, async |here| {
        let prepare = async {
            let aws = &here.connected.aws;
            let kept = record::read(aws, lab).await?;
            if !aim.named && kept.is_empty() && stands_nothing(aws, lab).await {
                return Err(Trouble::no_lab(lab, aim));
            }
            // `down` needs no record, so one that can't be used is no obstacle.
            confirm(here, args.yes, &about(lab, kept.record().ok().flatten().as_ref()), out).await
        };
        here.or_interrupted(prepare).await?;
        let options = Options { leave_blocked: args.leave_blocked, detach: args.detach, ..options(&args.run) };
        run_engine("down", lab, here, &args.place, options, out, async |session| down(session).await).await
    })
}
