//! `open`: asks the portal for a user's URL, and prints it or has it opened.

use std::io;
use std::process::{Command, Stdio};

use super::Exit;
use super::args::PlaceArgs;
use super::look::{Looking, visit};
use super::out::Out;
use super::password;
use super::trouble::Trouble;
use crate::open::{Portal, Provider, TOKEN};
use crate::password::Secret;
use crate::report::Document;
use crate::report::open::OpenDocument;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose Studio, by the name they sign in with
    user: String,
    /// The name of a lab, or a plan [default: studio-private-access]
    #[arg(long)]
    lab: Option<String>,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Open the URL in this machine's browser, and don't print it
    #[arg(long)]
    browser: bool,
    /// Read the password from stdin
    #[arg(long)]
    password_stdin: bool,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    let given = given_token(args)?;
    visit(args.lab.as_deref(), &args.place, out, async |looking| {
        let view = looking.standing(None).await?;
        let portal = Portal::of(&view, looking.place(), &args.user, &args.place.flags())?;
        let token = match &given {
            Some(token) => token.clone(),
            None => sign_in(&portal, looking, args.password_stdin, out).await?,
        };
        let url = portal.ask(&looking.here.connected.corporate, &token, given.is_some()).await?;
        if args.browser {
            open_in_browser(&url).map_err(no_browser)?;
            out.notice(&format!("Studio of {} is opened in the browser.", portal.user));
        } else {
            out.text(url.reveal());
        }
        let shown = Some(url).filter(|_| !args.browser);
        out.json(&Document::of(looking.place(), OpenDocument::of(&portal, shown)));
        Ok(Exit::Done)
    })
}

/// The token that was got elsewhere, unless a password is to be read.
fn given_token(args: &Args) -> Result<Option<Secret>, Trouble> {
    let token = match std::env::var(TOKEN) {
        Ok(token) if !args.password_stdin => token.trim().to_owned(),
        Err(std::env::VarError::NotUnicode(_)) if !args.password_stdin => return Err(no_token()),
        _ => return Ok(None),
    };
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(no_token());
    }
    Ok(Some(Secret::from(token)).filter(|token| !token.reveal().is_empty()))
}

fn no_token() -> Trouble {
    Trouble::new(format!("What is in {TOKEN} is no token"))
        .hint("It takes an ID token as the provider made it: three words with dots between.")
}

async fn sign_in(portal: &Portal, looking: &Looking<'_>, piped: bool, out: &Out) -> Result<Secret, Trouble> {
    if let Provider::Other { .. } = portal.provider {
        return Err(portal.needs_token().into());
    }
    let password = password::read(&format!("Password of {}: ", portal.user), piped, out).await?;
    Ok(portal.sign_in(&looking.here.connected.aws, &password).await?)
}

/// Hands a URL to whatever opens URLs here. The URL is an argument of its own, which no shell reads.
fn open_in_browser(url: &Secret) -> io::Result<()> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    // Openers complain with the URL: nobody else is to see it.
    let mut command = Command::new(opener);
    command.arg(url.reveal()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().map_err(|error| io::Error::new(error.kind(), format!("{opener}: {error}")))?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{opener} ended with {status}"))) }
}

fn no_browser(error: io::Error) -> Trouble {
    Trouble::new(format!("No browser could be opened: {error}")).hint("Leave --browser out: then the URL is printed.")
}
