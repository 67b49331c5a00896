//! `permissions`: prints the IAM policy that Breezeway itself needs.

use std::fs;
use std::path::{Path, PathBuf};

use super::Exit;
use super::args::Subject;
use super::look::{LabArgs, Looking};
use super::out::Out;
use super::trouble::Trouble;
use crate::aws::Place;
use crate::aws::partition::partition;
use crate::permissions::{Scope, Site, permissions};
use crate::plan::Plan;
use crate::report::Document;
use crate::report::permissions::PermissionsDocument;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub lab: LabArgs,
    /// Only what `plan`, `status`, `drift` and `verify` need
    #[arg(long)]
    read_only: bool,
    /// The account of a plan's lab, by its twelve digits: with --region, nobody is asked
    #[arg(long, value_name = "DIGITS", requires = "region")]
    account: Option<String>,
    /// Write each policy document to a file in this folder
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    if let Some(account) = &args.account {
        let subject = args.lab.subject()?;
        let plan = subject.plan().ok_or_else(|| no_plan(&subject))?;
        return tell(args, plan, &args.elsewhere(account)?, out);
    }
    args.lab.visit(out, async |looking| match looking.subject.plan() {
        Some(plan) => tell(args, plan, looking.place(), out),
        None => tell(args, &recorded(looking).await?, looking.place(), out),
    })
}

impl Args {
    /// A place where nobody goes.
    fn elsewhere(&self, account: &str) -> Result<Place, Trouble> {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            let trouble = Trouble::new(format!("`{account}` is not an account"));
            return Err(trouble.hint("It has twelve digits: aws sts get-caller-identity shows yours."));
        }
        let choice = self.lab.place.choice()?;
        let region = choice.region.unwrap_or_default();
        Ok(Place {
            target: choice.target.name().to_owned(),
            account: account.to_owned(),
            partition: partition(&region).to_owned(),
            caller: String::new(),
            region,
        })
    }
}

fn no_plan(subject: &Subject) -> Trouble {
    let trouble = Trouble::new(format!("`{}` is the name of a lab, and it is in its own account", subject.lab()));
    trouble.hint("Leave --account out, or name a plan: a file, or @foundation.")
}

/// The plan that a lab was built with.
async fn recorded(looking: &Looking<'_>) -> Result<Plan, Trouble> {
    let view = looking.standing(None).await?;
    let plan = view.record.map(|record| record.plan);
    plan.ok_or_else(|| looking.no_record("Name its plan: the file, or a built-in one."))
}

fn tell(args: &Args, plan: &Plan, place: &Place, out: &Out) -> Result<Exit, Trouble> {
    let Place { partition, account, region, .. } = place.clone();
    let scope = if args.read_only { Scope::ReadOnly } else { Scope::All };
    let needed = permissions(plan, &Site { partition, account, region }, scope);
    let document = PermissionsDocument::of(&plan.name, needed);
    match &args.folder {
        Some(folder) => keep(&document, folder, out)?,
        None => out.text(&document.text()),
    }
    out.json(&Document::of(place, &document));
    let remarks = document.remarks(args.folder.is_some(), out.error_style);
    remarks.iter().for_each(|line| out.aside(line));
    Ok(Exit::Done)
}

/// Writes each document to a file of its name, and says which.
fn keep(document: &PermissionsDocument, folder: &Path, out: &Out) -> Result<(), Trouble> {
    let unwritten = |path: &Path, error| Trouble::new(format!("{} can't be written: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| unwritten(folder, error))?;
    for policy in &document.policies {
        let path = folder.join(format!("{}.json", policy.name));
        fs::write(&path, format!("{:#}\n", policy.document)).map_err(|error| unwritten(&path, error))?;
        out.text(&path.display().to_string());
    }
    Ok(())
}
