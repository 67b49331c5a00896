//! The command line: one verb per file, and the only place that prints.

mod args;
mod check;
mod completions;
mod connect;
mod dns_config;
mod down;
mod drift;
mod interrupt;
mod list;
mod look;
mod man;
mod open;
mod out;
mod password;
mod permissions;
mod place;
mod plan;
mod progress;
mod run;
mod sandbox;
mod schema;
mod status;
mod trouble;
mod turn;
mod unlock;
mod up;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::aws::connect::Target;
use crate::engine::event::Outcome;
use out::{Format, Out};
use trouble::Trouble;

/// A private network for SageMaker Studio in AWS: built, checked and taken away.
///
/// Without --aws everything happens in a sandbox inside this program and costs nothing.
#[derive(Debug, Parser)]
#[command(name = "breezeway", version, max_term_width = 100, after_help = ENVIRONMENT)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Who reads the output
    #[arg(long, global = true, value_enum, default_value_t = Format::Human, env = "BREEZEWAY_OUTPUT", hide_env = true)]
    output: Format,
}

const ENVIRONMENT: &str = "\
Environment:
  BREEZEWAY_TARGET   sandbox or aws, where neither --target nor --aws is given
  BREEZEWAY_OUTPUT   human or json, where --output isn't given
  BREEZEWAY_HOME     the state folder; the sandbox's world is in its `sandbox` folder
  BREEZEWAY_SANDBOX  how the sandbox behaves: latency=realistic,throttle=aws,…
  BREEZEWAY_TOKEN    the ID token that `open` and `sandbox request` show
  BREEZEWAY_KEY_PASSPHRASE
                     opens the key file of `connect --key`
  NO_COLOR           no colours";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say what `up` would do
    Plan(plan::Args),
    /// Build a lab, or repair it
    Up(up::Args),
    /// Show what of a lab stands
    Status(status::Args),
    /// Say what is no longer as asked for
    Drift(drift::Args),
    /// Show whether it is private
    Verify(verify::Args),
    /// Take a lab away
    Down(down::Args),
    /// Say how to reach a lab's app server, and its password
    Connect(connect::Args),
    /// Ask the portal for the URL that opens a user's Studio, and print nothing else
    Open(open::Args),
    /// Print what a corporate DNS server must forward
    DnsConfig(dns_config::Args),
    /// Print the IAM policy that Breezeway itself needs for a plan
    Permissions(permissions::Args),
    /// List the labs of the account and Region
    List(list::Args),
    /// Check a plan file, without any call
    Check(check::Args),
    /// Print the JSON Schema of plan files
    Schema,
    /// Take a lab's lock away from a run that is stuck
    Unlock(unlock::Args),
    /// Serve the sandbox on a port, look names up in it, send requests through it, or empty it
    #[command(subcommand)]
    Sandbox(sandbox::Verb),
    /// Print completions for a shell
    Completions(completions::Args),
    /// Print the man page
    Man,
}

impl Verb {
    /// The target and the Region that the command line names, for documents of commands that go nowhere.
    fn aim(&self) -> (Option<Target>, Option<String>) {
        let place = match self {
            Verb::Plan(args) => &args.place,
            Verb::Up(args) => &args.place,
            Verb::Down(args) => &args.place,
            Verb::List(args) => &args.place,
            Verb::Check(args) => &args.place,
            Verb::Unlock(args) => &args.place,
            Verb::Status(args) => &args.lab.place,
            Verb::Drift(args) => &args.lab.place,
            Verb::Verify(args) => &args.lab.place,
            Verb::Connect(args) => &args.lab.place,
            Verb::Open(args) => &args.place,
            Verb::DnsConfig(args) => &args.lab.place,
            Verb::Permissions(args) => &args.lab.place,
            Verb::Sandbox(_) => return (Some(Target::Sandbox), None),
            Verb::Schema | Verb::Completions(_) | Verb::Man => return (None, None),
        };
        (place.aim().ok().map(|aim| aim.target), place.region.clone())
    }
}

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Done, and nothing differs.
    Done,
    /// Failed, incomplete, or used wrongly.
    Failed,
    /// Differences were found, or something is unknown.
    Differs,
    /// Stopped on request.
    Interrupted,
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Differs => 2,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            // What was asked for, though not all of it: `down` again finishes.
            Outcome::Done | Outcome::Detached => Exit::Done,
            Outcome::Failed => Exit::Failed,
            Outcome::Interrupted => Exit::Interrupted,
        }
    }
}

/// Runs a command line, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let exit = match Cli::try_parse_from(&arguments) {
        Ok(cli) => dispatch(cli),
        Err(error) => refuse(&error, &arguments),
    };
    ExitCode::from(exit.code())
}

/// Prints the help that was asked for, or why the command line makes no sense.
fn refuse(error: &clap::Error, arguments: &[OsString]) -> Exit {
    let printed = error.print();
    if !error.use_stderr() {
        return match printed.err().and_then(out::lost) {
            Some(error) => Trouble::of_output(&error).tell(&Out::new(Format::Human)),
            None => Exit::Done,
        };
    }
    let out = Out::new(asked_format(arguments));
    // Its first paragraph is a sentence; then come hints and usage.
    let text = error.to_string();
    let message = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect::<Vec<_>>().join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    Trouble::new(message).hint("`breezeway --help` shows how it is used.").document(&out);
    Exit::Failed
}

/// Who reads the output, as far as a command line says that can't be understood as a whole.
fn asked_format(arguments: &[OsString]) -> Format {
    let after = |flag: &str| arguments.iter().skip_while(|one| **one != *flag).nth(1);
    let json = after("--output").is_some_and(|value| value == "json")
        || arguments.iter().any(|one| one == "--output=json")
        || !arguments.iter().any(|one| one.to_string_lossy().starts_with("--output"))
            && std::env::var_os("BREEZEWAY_OUTPUT").is_some_and(|value| value == "json");
    if json { Format::Json } else { Format::Human }
}

fn dispatch(cli: Cli) -> Exit {
    let mut out = Out::new(cli.output);
    (out.target, out.region) = cli.verb.aim();
    out.bare = matches!(cli.verb, Verb::DnsConfig(_) | Verb::Open(_) | Verb::Permissions(_));
    let result: Result<Exit, Trouble> = match cli.verb {
        Verb::Plan(args) => plan::run(&args, &out),
        Verb::Up(args) => up::run(&args, &out),
        Verb::Status(args) => status::run(&args, &out),
        Verb::Drift(args) => drift::run(&args, &out),
        Verb::Verify(args) => verify::run(&args, &out),
        Verb::Down(args) => down::run(&args, &out),
        Verb::Connect(args) => connect::run(&args, &out),
        Verb::Open(args) => open::run(&args, &out),
        Verb::DnsConfig(args) => dns_config::run(&args, &out),
        Verb::Permissions(args) => permissions::run(&args, &out),
        Verb::List(args) => list::run(&args, &out),
        Verb::Check(args) => check::run(&args, &out),
        Verb::Schema => schema::run(&out),
        Verb::Unlock(args) => unlock::run(&args, &out),
        Verb::Sandbox(verb) => sandbox::run(&verb, &out),
        Verb::Completions(args) => completions::run(&args, &out),
        Verb::Man => man::run(&out),
    };
    let exit = result.unwrap_or_else(|trouble| trouble.tell(&out));
    out.lost().map_or(exit, |error| Trouble::of_output(&error).tell(&out))
}

/// The definition that help, completions and the man page come from.
fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(arguments: &[&str]) -> u8 {
        let all = std::iter::once("breezeway").chain(arguments.iter().copied());
        match Cli::try_parse_from(all) {
            Ok(_) => Exit::Done.code(),
            Err(error) if error.use_stderr() => Exit::Failed.code(),
            Err(_) => Exit::Done.code(),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_1_and_help_is_0() {
        assert_eq!(code(&["--help"]), 0);
        assert_eq!(code(&["--version"]), 0);
        assert_eq!(code(&["up", "--help"]), 0);
        assert_eq!(code(&[]), 1);
        assert_eq!(code(&["fly"]), 1);
        assert_eq!(code(&["up", "--target", "moon"]), 1);
        assert_eq!(code(&["up", "--aws", "--target", "sandbox"]), 1);
        assert_eq!(code(&["check"]), 1);
    }

    #[test]
    fn flags_may_stand_before_or_after_the_argument() {
        assert_eq!(code(&["up", "--aws", "--yes", "@skeleton"]), 0);
        assert_eq!(code(&["up", "@skeleton", "-y", "--output", "json", "--region", "eu-west-1"]), 0);
        assert_eq!(code(&["down", "demo", "--no-lock", "--wait", "--leave-blocked"]), 0);
        assert_eq!(code(&["sandbox", "serve", "--port", "0", "--speed", "60", "--dials", "faults=1"]), 0);
    }

    #[test]
    fn each_outcome_has_its_exit_code() {
        let code = |outcome| Exit::from(outcome).code();
        assert_eq!([Outcome::Done, Outcome::Failed, Outcome::Interrupted].map(code), [0, 1, 130]);
        assert_eq!(Exit::Differs.code(), 2);
    }
}
