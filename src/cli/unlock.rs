//! `unlock`: takes a lab's lock away from a run that is stuck.

use serde::Serialize;

use super::Exit;
use super::args::PlaceArgs;
use super::out::Out;
use super::place::{confirm, need_a_yes, stands_nothing, visit};
use super::trouble::Trouble;
use crate::aws::failure::printable;
use crate::engine::lock::{self, Holder, Lease};
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
    /// Who had the lock; null where nobody did.
    taken_from: Option<&'a Lease>,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    check_name(&args.lab)?;
    need_a_yes(&args.place, args.yes, out)?;
    let (aim, lab) = (args.place.aim()?, args.lab.as_str());
    visit(&args.place, Some(lab), out, async |here| {
        let (aws, place) = (&here.connected.aws, &here.connected.place);
        let lease = lock::lease(aws, lab).await?;
        if lease.is_none() && record::read(aws, lab).await?.is_empty() && stands_nothing(aws, lab).await {
            return Err(Trouble::no_lab(lab, aim));
        }
        let held = lease.filter(|lease| !lease.ended);
        if let Some(lease) = &held {
            confirm(here, args.yes, &[said(lab, lease)], out)?;
        }
        let holder = Holder::this_process(&place.caller, &format!("{:016x}", rand::random::<u64>()));
        let taken = if held.is_some() { lock::unlock(aws, lab, &holder).await? } else { None };
        let text = match &taken {
            Some(lease) => format!("{} It has it no more; if it still runs, it starts nothing new.", said(lab, lease)),
            None => format!("Nobody has the lock of `{lab}`."),
        };
        out.text(&wrap(&text, out.style.width, "", "  "));
        out.json(&Document::of(place, UnlockDocument { lab, taken_from: taken.as_ref() }));
        Ok(Exit::Done)
    })
}

fn said(lab: &str, lease: &Lease) -> String {
    let Holder { who, host, pid, .. } = &lease.holder;
    let text = format!(
        "Process {pid} of {who} on {host} has had the lock of `{lab}` for `{}` since {:.0}.",
        lease.verb, lease.since
    );
    printable(&text)
}
