//! `unlock`: takes a lab's lock away from a run that is stuck.

use serde::Serialize;

use super::Exit;
use super::args::PlaceArgs;
use super::out::Out;
use super::place::{confirm, need_a_yes, stands_nothing, visit_to_read};
use super::trouble::Trouble;
use crate::aws::failure::printable;
use crate::aws::{Class, Failure};
use crate::engine::lock::{self, Holder, Lease, Leases};
use crate::engine::record;
use crate::plan::check_name;
use crate::report::Document;
use crate::report::text::wrap;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the lab
    lab: String,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Don't ask before changing AWS
    #[arg(short, long)]
    yes: bool,
}

#[derive(Serialize)]
struct UnlockDocument<'a> {
    lab: &'a str,
    /// Whether somebody had the lock.
    taken: bool,
    /// Who had it; null where nobody did, or their lease can't be read.
    taken_from: Option<&'a Lease>,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    check_name(&args.lab)?;
    need_a_yes(&args.place, args.yes, out)?;
    let (aim, lab) = (args.place.aim()?, args.lab.as_str());
    visit_to_read(&args.place, Some(lab), out, async |here| {
        let (aws, place) = (&here.connected.aws, &here.connected.place);
        let leases = Leases::read(aws, lab).await?;
        if leases.held().is_none() && record::read(aws, lab).await?.is_empty() && stands_nothing(aws, lab).await {
            return Err(Trouble::no_lab(lab, aim));
        }
        let held = leases.held().filter(|lease| !lease.as_ref().is_some_and(|lease| lease.ended));
        let text = match &held {
            Some(lease) => {
                let about = [format!("{}.", said(lab, lease.as_ref())), MEANING.to_owned()];
                confirm(here, args.yes, &about, out).await?;
                let holder = Holder::this_process(&place.caller, &format!("{:016x}", rand::random::<u64>()));
                lock::unlock(aws, lab, &holder, &leases).await.map_err(|failure| refused(failure, lab))?;
                format!("{}, and has it no more. {MEANING}", said(lab, lease.as_ref()))
            }
            None => format!("Nobody has the lock of `{lab}`."),
        };
        out.text(&wrap(&text, out.style.width, "", "  "));
        out.json(&Document::of(
            place,
            UnlockDocument { lab, taken: held.is_some(), taken_from: held.as_ref().and_then(Option::as_ref) },
        ));
        Ok(Exit::Done)
    })
}

/// What it means to take the lock away.
const MEANING: &str = "If that run is alive, it starts nothing new once it sees this, within 5 seconds, and finishes what \
                       it has begun. A run beside it loses nothing, but the two may undo each other's work.";

fn refused(failure: Failure, lab: &str) -> Trouble {
    match failure.class {
        Class::AlreadySo => Trouble::new(format!("The lock of `{lab}` has changed hands just now"))
            .hint("Whoever has it is alive. Ask again to see who it is."),
        _ => failure.into(),
    }
}

fn said(lab: &str, lease: Option<&Lease>) -> String {
    let Some(Lease { holder, verb, since, .. }) = lease else {
        return format!("Somebody has had the lock of `{lab}`, with a lease that this version can't read");
    };
    let Holder { who, host, pid, .. } = holder;
    printable(&format!("Process {pid} of {who} on {host} has had the lock of `{lab}` for `{verb}` since {since:.0}"))
}
