//! `connect`: says how to reach a lab's app server, and its password.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::Exit;
use super::look::LabArgs;
use super::out::Out;
use super::trouble::Trouble;
use crate::aws::Aws;
use crate::engine::view::View;
use crate::password::{PasswordError, PrivateKey, Secret};
use crate::plan::open_file;
use crate::report::Document;
use crate::report::connect::ConnectDocument;
use crate::resource::Kind;

/// The largest key file, in bytes: ten times what a key of 4096 bits needs.
const LARGEST: u64 = 32768;

/// Where the passphrase of a key file is taken from.
const PASSPHRASE: &str = "BREEZEWAY_KEY_PASSPHRASE";

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub lab: LabArgs,
    /// Fetch the Administrator's password and decrypt it here with this private key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    let key = args.key.as_deref().map(read_key).transpose()?;
    args.lab.visit(out, async |looking| {
        let view = looking.standing(None).await?;
        let place = looking.place();
        let Some(mut document) = ConnectDocument::of(&view, place, args.lab.place.profile.as_deref()) else {
            return Err(no_app_server(&view, looking.lab()));
        };
        if let Some(key) = &key {
            if !document.key_pair {
                let trouble = format!("{} has no key pair, so nobody can ask for its password", document.id);
                let hint = "public_key in the plan's [app_server] gives it one, which takes a new instance.";
                return Err(Trouble::new(trouble).hint(hint));
            }
            let recorded = view.record.as_ref().and_then(|record| record.plan.app_server.public_key.as_deref());
            if recorded.is_some_and(|public| !key.belongs_to(public)) {
                return Err(stays_closed(&document.id, &PasswordError::WrongKey));
            }
            document.password = Some(password(&looking.here.connected.aws, &document.id, key).await?);
        }
        out.text(&document.text(&args.lab.command("connect", looking.lab()), place, out.style));
        out.json(&Document::of(place, &document));
        Ok(if document.reachable() { Exit::Done } else { Exit::Failed })
    })
}

/// Why there is nothing to connect to.
fn no_app_server(view: &View, lab: &str) -> Trouble {
    if let Some(failure) = view.survey.why_unreadable(Kind::Instance) {
        return failure.clone().into();
    }
    match &view.record {
        None => Trouble::new(format!("The record of `{lab}` is missing: which host is its app server is unknown"))
            .hint("`breezeway up` with its plan writes it."),
        Some(record) if !record.plan.app_server.enabled => {
            Trouble::new(format!("The plan of `{lab}` has no app server")).hint("app_server.enabled asks for one.")
        }
        Some(_) => {
            Trouble::new(format!("The app server of `{lab}` isn't there")).hint("`breezeway up` makes what is missing.")
        }
    }
}

fn read_key(path: &Path) -> Result<PrivateKey, Trouble> {
    let cannot = |why: &str| Trouble::new(format!("The key file {} can't be used: {why}", path.display()));
    let mut text = String::new();
    let reading = open_file(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text));
    reading.map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound | ErrorKind::IsADirectory => "Name the file of your private key: --key ~/.ssh/id_rsa",
            ErrorKind::PermissionDenied => "Ask again as somebody who may read it.",
            _ => "It should be a file that ssh-keygen or openssl wrote.",
        };
        cannot(&error.to_string()).hint(hint)
    })?;
    let passphrase = std::env::var(PASSPHRASE).ok();
    PrivateKey::read(&text, passphrase.as_deref()).map_err(|error| cannot(&error.to_string()).hint(hint(&error)))
}

async fn password(aws: &Aws, id: &str, key: &PrivateKey) -> Result<Secret, Trouble> {
    let call = || aws.ec2.get_password_data().instance_id(id).send();
    let answer = aws.read("ec2", "GetPasswordData", call).await?;
    match answer.password_data().map(str::trim) {
        None | Some("") => Err(Trouble::new(format!("{id} has no password yet"))
            .hint("Windows sets it 4 to 15 minutes after its first start: ask again then.")),
        Some(data) => key.decrypt(data).map_err(|error| stays_closed(id, &error)),
    }
}

fn stays_closed(id: &str, error: &PasswordError) -> Trouble {
    Trouble::new(format!("The password of {id} stays closed: {error}")).hint(hint(error))
}

/// What to do about a key that doesn't open the password.
fn hint(error: &PasswordError) -> String {
    match error {
        PasswordError::NoKey => "A PuTTY key (.ppk) can be exported in OpenSSH's form.".to_owned(),
        PasswordError::PublicKey => "The private key is usually the file of that name without .pub.".to_owned(),
        PasswordError::Locked | PasswordError::WrongPassphrase => format!("Set {PASSPHRASE} to its passphrase."),
        PasswordError::TooManyRounds(_) => "`ssh-keygen -p -a 100 -f FILE`, on a copy, asks for fewer.".to_owned(),
        PasswordError::EncryptedPem => "`ssh-keygen -p -f FILE`, on a copy, turns it into OpenSSH's form.".to_owned(),
        PasswordError::NotRsa | PasswordError::WrongKey => {
            "Name the private half of public_key in the plan's [app_server].".to_owned()
        }
        PasswordError::NotBase64 => "Ask again.".to_owned(),
    }
}
