//! `check`: checks a plan file, without any call.

use super::Exit;
use super::args::{PlaceArgs, plan_source};
use super::out::{Format, Out};
use super::trouble::Trouble;
use crate::plan::parse;
use crate::report::Document;
use crate::report::check::{CheckDocument, text};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A plan file, or a built-in plan (@foundation)
    plan: String,
    #[command(flatten)]
    place: PlaceArgs,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    let target = args.place.aim()?.target;
    let Some(source) = plan_source(&args.plan) else {
        let trouble = Trouble::new(format!("`{}` is the name of a lab, not of a plan", args.plan));
        return Err(trouble.hint(format!("A plan file in this folder is ./{}", args.plan)).at(target));
    };
    let parsed = source.and_then(|source| parse(&source));
    match (out.format, &parsed) {
        (Format::Json, _) => {
            let (target, region) = (target.name(), args.place.region.as_deref());
            out.json(&Document { target, account: None, region, body: CheckDocument::of(&parsed) });
        }
        (Format::Human, Ok(_)) => out.text(&text(&parsed, out.style)),
        (Format::Human, Err(_)) => out.notice(&text(&parsed, out.error_style)),
    }
    Ok(if parsed.is_ok() { Exit::Done } else { Exit::Failed })
}
