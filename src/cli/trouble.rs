//! Why a command didn't do its work: the one place that turns errors into a sentence, a hint and an exit code.
//!
//! A verb that returns a [`Trouble`] has said nothing of it yet. People get sentence and hint on stderr. Programs get
//! them too, and on stdout the document `{"target": …, "error": {"message": …, "hint": …}}` as the last line, with
//! account and Region, null where they aren't known. An `up` or `down` that has begun says what went wrong, and the
//! hint, in its last event, `finished`, instead; unless it is left at once.

use std::io;

use super::Exit;
use super::args::Aim;
use super::out::Out;
use crate::aws::connect::{ConnectError, Target};
use crate::aws::failure::{CERTIFICATE, printable};
use crate::aws::{Class, Failure, Place};
use crate::engine::lock::LockError;
use crate::engine::run::RunError;
use crate::open::Closed;
use crate::plan::PlanError;
use crate::report::events::hint;
use crate::report::text::wrap;
use crate::report::{Document, ErrorBody, ErrorDocument, mistakes};
use crate::sandbox::home::HomeError;

/// Why a command didn't do its work.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Trouble {
    message: String,
    hint: Option<String>,
    exit: Exit,
    plan: Option<Box<PlanError>>,
    place: Option<Box<Place>>,
}

impl Trouble {
    /// Trouble with a sentence, which fails the command.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Failed, plan: None, place: None }
    }

    /// What to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same, in this account and Region.
    pub fn in_place(self, place: &Place) -> Self {
        Self { place: Some(Box::new(place.clone())), ..self }
    }

    /// Output could not be written.
    pub fn of_output(error: &io::Error) -> Self {
        Self::new(format!("The output could not be written: {error}")).hint("What was done is done: ask again.")
    }

    /// The user wants to leave at once.
    pub fn interrupted() -> Self {
        Self { exit: Exit::Interrupted, ..Self::new("Interrupted") }
    }

    /// There is no such lab where the user looked, or where we did since the user named no target.
    pub fn no_lab(lab: &str, aim: Aim) -> Self {
        if aim.named {
            Self::new(format!("There is no lab `{lab}` here"))
                .hint("`breezeway list` shows which are. To build one, name a plan: a file, or @foundation.")
        } else {
            Self::new(format!("The sandbox has no lab `{lab}`"))
                .hint("Is it in AWS? Then ask again, with --aws. To build one, name a plan: a file, or @foundation.")
        }
    }

    /// Says it to whoever reads, and how the command ends.
    pub fn tell(&self, out: &Out) -> Exit {
        self.say(out);
        self.document(out);
        self.exit
    }

    /// Says it to programs.
    pub fn document(&self, out: &Out) {
        let error = ErrorDocument { error: ErrorBody { message: &self.message, hint: self.hint.as_deref() } };
        match &self.place {
            Some(place) => out.json(&Document::of(place, error)),
            None => {
                let (target, region) = (out.target.map(Target::name), out.region.as_deref());
                out.json(&Document { target, account: None, region, body: error });
            }
        }
    }

    /// What to do about it, if that is known.
    pub fn what_to_do(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Says it to people.
    pub fn say(&self, out: &Out) {
        let style = out.error_style;
        match &self.plan {
            Some(error) => out.notice(&mistakes::text(error, style)),
            None => {
                out.notice(&wrap(&format!("error: {}", printable(&self.message)), style.width, "", "  "));
                if let Some(hint) = &self.hint {
                    out.notice(&wrap(&format!("hint: {hint}"), style.width, "", "  "));
                }
            }
        }
    }
}

/// What to do about a run that could not begin.
fn hint_of(error: &RunError, lab: &str) -> Option<String> {
    Some(match error {
        RunError::Lock(LockError::Held(Some(lease))) if lease.ended => {
            "Nothing was done. Ask them why, then run it again.".to_owned()
        }
        RunError::Lock(LockError::Held(_)) => {
            format!("Wait for it with --wait; if that run is dead, `breezeway unlock {lab}`.")
        }
        RunError::Lock(LockError::Failed(failure)) | RunError::Call(failure) => {
            return hint(failure);
        }
        RunError::Record(_) => "Use the Breezeway that wrote it; `down` needs no record.".to_owned(),
        RunError::NoPlan(_) => "Name a plan: a file, or @foundation.".to_owned(),
        RunError::Protected(_) => {
            format!("Set protect = false in its plan file, run `up` with it, and then `down {lab}`.")
        }
        RunError::UserData(_) => "If nobody needs it any more: --delete-user-data.".to_owned(),
        RunError::NotHere(_) => {
            "Its `accounts` and `regions` say where it may be applied; see --profile, --region.".to_owned()
        }
        RunError::NoZone(..) | RunError::NotInZone(..) | RunError::NoService(..) => {
            "`aws ec2 describe-availability-zones` and `describe-vpc-endpoint-services` show what there is.".to_owned()
        }
        RunError::Zones(..) => "Use another Region, or name two zones in the plan.".to_owned(),
    })
}

impl Trouble {
    /// A run on this lab could not begin.
    pub fn of_run(error: &RunError, lab: &str) -> Self {
        Self { hint: hint_of(error, lab), ..Self::new(sentence(&error.to_string())) }
    }
}

impl From<PlanError> for Trouble {
    fn from(error: PlanError) -> Self {
        let mistakes = error.mistakes.iter();
        let mistakes = mistakes.map(|mistake| format!("{}:{}: {}", mistake.line, mistake.column, mistake.sentence));
        let message = std::iter::once(error.sentence.clone()).chain(mistakes).collect::<Vec<_>>().join("; ");
        let hint = error.hint.clone().or_else(|| error.mistakes.first()?.hint.clone());
        Self { hint, plan: Some(Box::new(error)), ..Self::new(message) }
    }
}

impl From<HomeError> for Trouble {
    fn from(error: HomeError) -> Self {
        let hint = match &error {
            HomeError::Busy { .. } => "Let it end, or serve one world to all with `breezeway sandbox serve`.",
            HomeError::Newer { .. } => "Use that version, or another folder with BREEZEWAY_HOME.",
            HomeError::Io { .. } => "BREEZEWAY_HOME moves the folder.",
        };
        Self::new(sentence(&error.to_string())).hint(hint)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self { hint: hint(&failure), ..Self::new(failure.to_string()) }
    }
}

impl From<Closed> for Trouble {
    fn from(closed: Closed) -> Self {
        let Closed { sentence, hint } = closed;
        Self { hint, ..Self::new(sentence) }
    }
}

impl From<ConnectError> for Trouble {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Home(error) => error.into(),
            ConnectError::NoRegion => {
                Self::new(sentence(&error.to_string())).hint("Name the Region of the lab: --region eu-west-1")
            }
            ConnectError::NoCredentials => Self::new(sentence(&error.to_string()))
                .hint("Name a profile with --profile or AWS_PROFILE: `aws configure list-profiles` shows them."),
            ConnectError::NotLoggedIn { ref profile } => {
                let profile = profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
                let flag = profile.map_or(String::new(), |profile| format!(" --profile {profile}"));
                Self::new(sentence(&error.to_string())).hint(format!("Log in: aws sso login{flag}"))
            }
            ConnectError::Certificates { .. } => {
                Self::new(sentence(&error.to_string())).hint("It takes a file of certificates in PEM.")
            }
            ConnectError::Silence { .. } => Self::new(sentence(&error.to_string())).hint(format!(
                "{} If a credential_process or a login waits for somebody, run `aws sts get-caller-identity` first.",
                check_the_way()
            )),
            ConnectError::Identity(failure) => {
                let what = match failure.class {
                    Class::Denied | Class::Unidentified => "AWS doesn't know who is asking",
                    _ => "There is no way to AWS",
                };
                let hint = match failure.class {
                    Class::Unidentified | Class::Denied => hint(&failure),
                    Class::Wrong if failure.code == CERTIFICATE => hint(&failure),
                    _ => Some(check_the_way()),
                };
                Self { hint, ..Self::new(format!("{what}: {failure}")) }
            }
        }
    }
}

/// What may be wrong with the way to AWS.
fn check_the_way() -> String {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let proxies = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let proxy = proxies.iter().find(|name| is_set(name)).map_or(String::new(), |name| format!(" the proxy in {name},"));
    format!("Check the network,{proxy} the Region and AWS_ENDPOINT_URL.")
}

/// The same text with a capital at its beginning, unless it begins with a name: `us-east-1`.
fn sentence(text: &str) -> String {
    let is_name = text.split_whitespace().next().is_some_and(|word| word.contains(|c: char| c.is_ascii_digit()));
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if !is_name => first.to_uppercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_with_a_capital_or_with_a_name() {
        assert_eq!(sentence("there is no lab"), "There is no lab");
        assert_eq!(sentence("us-east-1 has 1 zone"), "us-east-1 has 1 zone");
        assert_eq!(sentence(""), "");
    }
}
