//! `check`: checks a plan file, without any call.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::Exit;
use super::args::{PlaceArgs, plan_source};
use super::out::{Format, Out};
use super::trouble::Trouble;
use crate::plan::parse;
use crate::report::check::{CheckDocument, text};
use crate::report::{Document, warnings};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A plan file, or a built-in plan (@foundation)
    plan: String,
    #[command(flatten)]
    pub place: PlaceArgs,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    let target = args.place.aim()?.target;
    let Some(source) = plan_source(&args.plan) else {
        let trouble = Trouble::new(format!("`{}` is the name of a lab, not of a plan", args.plan));
        return Err(trouble.hint(format!("A plan file in this folder is ./{}", args.plan)));
    };
    let parsed = source.and_then(|source| parse(&source));
    let plan = parsed.as_ref().ok();
    let today = Offset::UTC.to_datetime(Timestamp::now()).date();
    let doubts = plan.map_or(Vec::new(), |plan| plan.warnings(today));
    if out.format == Format::Json {
        let (target, region) = (Some(target.name()), args.place.region.as_deref());
        out.json(&Document { target, account: None, region, body: CheckDocument::of(&parsed, &doubts) });
        return Ok(if parsed.is_ok() { Exit::Done } else { Exit::Failed });
    }
    warnings(&doubts, out.error_style).iter().for_each(|line| out.notice(line));
    out.text(&text(&parsed?, out.style));
    Ok(Exit::Done)
}
