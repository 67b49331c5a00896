//! `dns-config`: prints what a corporate DNS server must forward.

use super::Exit;
use super::look::LabArgs;
use super::out::Out;
use super::trouble::Trouble;
use crate::dns::{Flavour, Forwarding};
use crate::report::Document;
use crate::report::dns_config::{DnsConfigDocument, listening};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub lab: LabArgs,
    /// The kind of DNS server
    #[arg(long = "for", value_enum)]
    flavour: Flavour,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    args.lab.visit(out, async |looking| {
        let region = &looking.place().region;
        let forwarding = match looking.subject.plan() {
            Some(plan) => Forwarding::of(plan, region),
            None => {
                let view = looking.view(None).await?;
                let Some(record) = &view.record else { return Err(looking.no_lab()) };
                let live = listening(&view);
                Forwarding::of(&record.plan, region).map(|planned| match live.is_empty() {
                    true => planned,
                    false => Forwarding { resolvers: live, ..planned },
                })
            }
        };
        let Some(forwarding) = forwarding else {
            let lab = looking.lab();
            let trouble = Trouble::new(format!("The plan of `{lab}` forwards no names: it has no resolver endpoint"));
            return Err(trouble.hint("Set dns.mode to dhcp or server, and give the Studio VPC the endpoint `studio`."));
        };
        let document = DnsConfigDocument::of(looking.lab(), args.flavour, forwarding);
        out.text(document.config.trim_end());
        out.json(&Document::of(looking.place(), &document));
        Ok(Exit::Done)
    })
}
