//! `sandbox serve`, `sandbox resolve`, `sandbox request` and `sandbox reset`.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::json;

use super::Exit;
use super::args::{parse_dials, sandbox_folder, variable};
use super::interrupt::Interrupts;
use super::out::Out;
use super::place::{patiently, runtime};
use super::trouble::Trouble;
use crate::model::policy::{Malformed, Policies, Policy};
use crate::report::Document;
use crate::report::request::RequestDocument;
use crate::report::resolve::ResolveDocument;
use crate::report::text::wrap;
use crate::sandbox::clock::WorldClock;
use crate::sandbox::home::{Home, HomeError, Opened, reset};
use crate::sandbox::host::{CallerDials, Sandbox};
use crate::sandbox::request;
use crate::sandbox::resolve::{Question, Refusal, Standpoint, host_name};
use crate::sandbox::serve::{ask, ask_to_request, listen, serve};
use crate::sandbox::wire::{DEFAULT_ACCOUNT, DEFAULT_REGION};

/// The port where nobody names one.
const PORT: u16 = 4600;

#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Serve the sandbox on a loopback port, for the AWS CLI and any SDK
    Serve(ServeArgs),
    /// Say who answers a name in the sandbox, and with what
    Resolve(ResolveArgs),
    /// Send an HTTPS request through the sandbox's network, and say how far it gets
    Request(RequestArgs),
    /// Empty the sandbox
    Reset,
}

#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// The port; 0 takes any that is free
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// How many seconds pass in the sandbox each second
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// How the sandbox behaves: latency=realistic,throttle=aws,staleness=2000,faults=1,durations=drawn,seed=7
    #[arg(long, env = "BREEZEWAY_SANDBOX", hide_env = true, default_value = "")]
    dials: String,
    /// An IAM policy of whoever calls, in JSON; may be given more than once. Without any, they may do everything
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct ResolveArgs {
    /// The name, such as d-abcdefghijkl.studio.us-east-1.sagemaker.aws
    #[arg(value_parser = host_name)]
    name: String,
    /// Who asks: onprem, studio, internet, a VPC's or an instance's id
    #[arg(long, value_parser = Standpoint::from_str)]
    from: Standpoint,
    /// The lab whose onprem or studio is meant, where several stand
    #[arg(long)]
    lab: Option<String>,
}

#[derive(clap::Args)]
pub struct RequestArgs {
    /// Where to, such as https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/studio/users/ann/url
    url: String,
    /// From where: onprem, studio, internet, a VPC's or an instance's id
    #[arg(long, value_parser = Standpoint::from_str)]
    from: Standpoint,
    /// The lab whose onprem or studio is meant, where several stand
    #[arg(long)]
    lab: Option<String>,
    /// The token to show, as Authorization: Bearer TOKEN
    #[arg(long, env = "BREEZEWAY_TOKEN", hide_env_values = true, hide_env = true)]
    token: Option<String>,
    /// The role that signs the request, by name or ARN
    #[arg(long = "as", value_name = "ROLE")]
    role: Option<String>,
    /// A header: NAME:VALUE
    #[arg(long = "header", value_name = "NAME:VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
}

/// A token stays out of every log.
impl std::fmt::Debug for RequestArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestArgs").field("from", &self.from).field("lab", &self.lab).finish_non_exhaustive()
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    let (name, value) =
        text.split_once(':').filter(|(name, _)| is_name(name)).ok_or("it takes a name, a colon, a value")?;
    Ok((name.to_owned(), value.trim().to_owned()))
}

pub fn run(verb: &Verb, out: &Out) -> Result<Exit, Trouble> {
    match verb {
        Verb::Serve(args) => run_serve(args, out),
        Verb::Resolve(args) => run_resolve(args, out),
        Verb::Request(args) => run_request(args, out),
        Verb::Reset => {
            reset(&sandbox_folder()?)?;
            out.text("The sandbox is empty.");
            out.json(&Document::of_sandbox(json!({ "reset": true })));
            Ok(Exit::Done)
        }
    }
}

fn run_serve(args: &ServeArgs, out: &Out) -> Result<Exit, Trouble> {
    let dials = parse_dials("--dials", &args.dials)?;
    if !(args.speed > 0.0 && args.speed.is_finite()) {
        return Err(Trouble::new("The sandbox can't run at that speed").hint("--speed takes a number above 0."));
    }
    let callers = CallerDials { policies: policies(&args.policies)?, ..CallerDials::default() };
    let folder = sandbox_folder()?;
    let open = || Home::open_lagging(&folder, dials.seed, dials.staleness);
    let Opened { mut home, world, now, past, set_aside } = patiently(out, open)?;
    if let Some(sentence) = set_aside {
        out.notice(&wrap(&sentence, out.error_style.width, "", "  "));
    }
    runtime(false)?.block_on(async {
        let mut interrupts = Interrupts::listen()?;
        let taken = |error| Trouble::new(format!("Port {} can't be used: {error}", args.port));
        let taken = |error| taken(error).hint("Another one: --port N; any that is free: --port 0.");
        let listener = listen(args.port).await.map_err(taken)?;
        let port = listener.local_addr().map_err(taken)?.port();
        home.announce(Some(port))?;
        let sandbox = Sandbox::new(world, WorldClock::new(now, args.speed), dials, Some(home)).with_past(past);
        let address = format!("http://127.0.0.1:{port}");
        out.text(&introduction(&address, args.speed));
        out.json(&Document::of_sandbox(json!({
            "event": "serving", "address": address, "speed": args.speed, "dials": dials.to_string(),
        })));
        serve(listener, sandbox.clone(), callers, async {
            let _ = interrupts.next().await;
        })
        .await;
        sandbox.save()?;
        Ok(Exit::Done)
    })
}

/// What callers may do, as these files say; everything if there are none. They last as long as the process.
fn policies(files: &[PathBuf]) -> Result<Option<&'static Policies>, Trouble> {
    if files.is_empty() {
        return Ok(None);
    }
    let identity = files.iter().map(|file| policy(file)).collect::<Result<_, _>>()?;
    Ok(Some(Box::leak(Box::new(Policies { identity, ..Policies::default() }))))
}

fn policy(file: &Path) -> Result<Policy, Trouble> {
    let name = file.display().to_string();
    let unreadable = |error| Trouble::new(format!("{name} can't be read: {error}"));
    let unreadable = |error| unreadable(error).hint("--policy takes a file that holds one IAM policy.");
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let malformed = |error: Malformed| Trouble::new(format!("{name} is no IAM policy: {}", error.why));
    Policy::of_identity(&name, &text)
        .map_err(|error| malformed(error).hint("It takes what `aws iam create-policy --policy-document` takes."))
}

fn run_resolve(args: &ResolveArgs, out: &Out) -> Result<Exit, Trouble> {
    let question = Question { name: args.name.clone(), from: args.from.clone(), lab: args.lab.clone() };
    let resolution = answered(out, |sandbox| sandbox.resolve(&question), |port| ask(port, &question))?;
    let document = ResolveDocument::of(resolution);
    out.text(&document.text(out.style));
    out.json(&document);
    Ok(Exit::Done)
}

fn run_request(args: &RequestArgs, out: &Out) -> Result<Exit, Trouble> {
    let question = request::Question {
        url: args.url.clone(),
        from: args.from.clone(),
        lab: args.lab.clone(),
        token: args.token.clone(),
        role: args.role.clone(),
        headers: args.headers.clone(),
    };
    let response = answered(out, |sandbox| sandbox.request(&question), |port| ask_to_request(port, &question))?;
    let document = RequestDocument::of(response);
    out.text(&document.text(out.style));
    out.json(&document);
    Ok(if document.admitted() { Exit::Done } else { Exit::Differs })
}

/// The answer of the sandbox that is at hand, or of the process that serves it.
fn answered<A>(
    out: &Out,
    here: impl FnOnce(&Sandbox) -> Result<A, Refusal>,
    there: impl FnOnce(u16) -> io::Result<Result<A, Refusal>>,
) -> Result<A, Trouble> {
    let dials = parse_dials("BREEZEWAY_SANDBOX", &variable("BREEZEWAY_SANDBOX").unwrap_or_default())?;
    let folder = sandbox_folder()?;
    let answer = match patiently(out, || Home::open(&folder, dials.seed)) {
        Ok(Opened { home, world, now, set_aside, .. }) => {
            if let Some(sentence) = set_aside {
                out.notice(&wrap(&sentence, out.error_style.width, "", "  "));
            }
            here(&Sandbox::new(world, WorldClock::new(now, 1.0), dials, Some(home)))
        }
        Err(HomeError::Busy { port: Some(port), .. }) => there(port).map_err(|error| {
            Trouble::new(format!("The sandbox that is served on port {port} doesn't say: {error}"))
                .hint("Is it served by another version of Breezeway?")
        })?,
        Err(error) => return Err(error.into()),
    };
    answer.map_err(|Refusal { message, hint }| {
        let trouble = Trouble::new(message);
        if let Some(hint) = hint { trouble.hint(hint) } else { trouble }
    })
}

fn introduction(address: &str, speed: f64) -> String {
    format!(
        "The sandbox is at {address}, {speed} of its seconds to one of yours, until Ctrl-C.\n\
         Other breezeway commands find it by themselves. For the AWS CLI and SDKs:\n\
         \n  export AWS_ENDPOINT_URL={address}\n  \
         export AWS_REGION={DEFAULT_REGION} AWS_DEFAULT_REGION={DEFAULT_REGION}\n  \
         export AWS_ACCESS_KEY_ID={DEFAULT_ACCOUNT}   # twelve digits: the account you are\n  \
         export AWS_SECRET_ACCESS_KEY=anything\n  \
         aws ec2 describe-vpcs\n"
    )
}
