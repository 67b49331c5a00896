//! Secrets are planted wherever the program can see some; then everything that it says and writes is searched for them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breezeway::aws::Clock;
use breezeway::aws::connect::inside;

use crate::lab::{REGION, dawn, skipping};
use crate::program::{Ended, breezeway};

const CANARY: &str = "Canary7x";

/// The key file that the passphrase doesn't open; its content is a canary too.
const KEY: &str = include_str!("../fuzz/corpus/key/seed-encrypted");

/// A command of the program with a canary in everything that is secret.
fn with_canaries(home: &Path) -> Command {
    let mut command = breezeway(home);
    command
        .env("AWS_ACCESS_KEY_ID", "111122223333")
        .env("AWS_SECRET_ACCESS_KEY", format!("{CANARY}-secret-key"))
        .env("AWS_SESSION_TOKEN", format!("{CANARY}-session-token"))
        .env("HTTPS_PROXY", format!("http://{CANARY}-user:{CANARY}-proxy@127.0.0.1:9"))
        .env("NO_PROXY", "127.0.0.1")
        .env("BREEZEWAY_TOKEN", format!("a.{CANARY}.c"))
        .env("BREEZEWAY_KEY_PASSPHRASE", format!("{CANARY}-passphrase"))
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full");
    command
}

/// Everything below a folder, names and contents.
fn written(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all += &path.display().to_string();
        all += &match path.is_dir() {
            true => written(&path),
            false => String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned(),
        };
    }
    all
}

fn clean(text: &str, what: &str) {
    let half_of_key = KEY.lines().nth(3).unwrap();
    for canary in [CANARY, &BASE64.encode(CANARY)[..8], half_of_key] {
        assert!(!text.contains(canary), "{what} says {canary}: {text}");
    }
}

#[test]
fn no_verb_says_or_writes_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let outside = tempfile::tempdir().unwrap();
    let key = outside.path().join("key");
    fs::write(&key, KEY).unwrap();
    let key = key.to_str().unwrap();
    let plan = "name = \"demo\"\n[app_server]\nenabled = true\npublic_key = \"";
    let public = include_str!("../src/engine/testing.pub").trim();
    fs::write(home.join("lab.toml"), format!("{plan}{public}\"\n")).unwrap();
    for arguments in [
        &["check", "lab.toml"][..],
        &["plan", "lab.toml"],
        &["up", "lab.toml"],
        &["up", "lab.toml"],
        &["status", "demo"],
        &["drift", "demo"],
        &["verify", "demo"],
        &["list"],
        &["connect", "demo"],
        &["connect", "demo", "--key", key],
        &["open", "ann", "--lab", "demo"],
        &["dns-config", "demo", "--for", "bind"],
        &["unlock", "demo"],
        &["sandbox", "resolve", "a.example", "--from", "internet"],
        &["sandbox", "request", "https://a.example", "--from", "internet"],
        &["down", "demo"],
        &["sandbox", "reset"],
    ] {
        for output in ["human", "json"] {
            let ended: Ended = with_canaries(home).args(arguments).args(["--output", output]).output().unwrap().into();
            clean(&format!("{}{}", ended.stdout, ended.stderr), &arguments.join(" "));
            clean(&written(home), &arguments.join(" "));
        }
    }
}

/// A sandbox that stands in for AWS on a port.
struct Served(Child, String);

impl Served {
    fn new(home: &Path) -> Self {
        let arguments = ["sandbox", "serve", "--port", "0", "--speed", "600", "--output", "json"];
        let mut serving = breezeway(home).args(arguments).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(serving.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let start = said.find("http://").unwrap_or_else(|| panic!("{said}"));
        let address = said[start..].split(['"', ' ']).next().unwrap().to_owned();
        Self(serving, address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn no_verb_says_or_writes_the_credentials_that_it_signs_with() {
    let folder = tempfile::tempdir().unwrap();
    let away = tempfile::tempdir().unwrap();
    let home = folder.path();
    let served = Served::new(away.path());
    fs::write(home.join("lab.toml"), "name = \"demo\"\n[access]\nrole = true\n").unwrap();
    for arguments in [
        &["up", "lab.toml", "--yes"][..],
        &["status", "demo"],
        &["drift", "demo"],
        &["list"],
        &["down", "demo", "--yes"],
    ] {
        let mut command = with_canaries(home);
        command.env("AWS_ENDPOINT_URL", &served.1).args(arguments).args(["--aws", "--region", REGION]);
        let ended: Ended = command.output().unwrap().into();
        ended.expect(0, &arguments.join(" "));
        clean(&format!("{}{}", ended.stdout, ended.stderr), &arguments.join(" "));
    }
    clean(&written(home), "the state folder");
    clean(&written(away.path()), "the account");
}

/// A proxy that lets nobody through, and says back what it was told.
fn proxy() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 8192];
            let read = stream.read(&mut asked).unwrap_or(0);
            let body = format!("<html><title>No entry</title>{}</html>", String::from_utf8_lossy(&asked[..read]));
            let head = "HTTP/1.1 407 Proxy Authentication Required\r\nconnection: close\r\ncontent-type: text/html";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    port
}

#[test]
fn a_proxy_that_refuses_is_named_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = with_canaries(folder.path());
    let address = format!("http://{CANARY}-user:{CANARY}-proxy@127.0.0.1:{}", proxy());
    command.env("HTTP_PROXY", address).env("NO_PROXY", "").env("AWS_ENDPOINT_URL", "http://aws.example");
    let ended: Ended = command.args(["list", "--aws", "--region", REGION]).output().unwrap().into();
    ended.expect(1, "list");
    clean(&format!("{}{}", ended.stdout, ended.stderr), "list");
    assert!(ended.stderr.contains("a web page, \"No entry\" (HTTP 407)"), "{}", ended.stderr);
}

/// Answers everything in the same way.
#[derive(Debug, Clone)]
struct Says(u16, String);

impl HttpClient for Says {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Says {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let mut answer = HttpResponse::new(self.0.try_into().unwrap(), SdkBody::from(self.1.as_str()));
        answer.headers_mut().insert("content-type", "text/xml");
        HttpConnectorFuture::ready(Ok(answer))
    }
}

/// What a call fails with that is answered so.
fn failure(status: u16, body: &str) -> String {
    let client = Says(status, body.to_owned());
    let aws = inside(client, "111122223333", REGION, None, Clock::starting_at(dawn()));
    skipping().block_on(async { aws.place("aws").await.unwrap_err().to_string() })
}

/// AWS says the whole request back where its signature is wrong, the session's token included:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html>.
#[test]
fn a_signature_that_is_wrong_is_told_without_what_was_signed() {
    let message = format!(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
         and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request \
         should have been\n'POST\n/\n\nhost:sts.amazonaws.com\nx-amz-security-token:{CANARY}\n'\n"
    );
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>{message}</Message></Error>\
         <RequestId>1</RequestId></ErrorResponse>"
    );
    let said = failure(403, &body);
    clean(&said, "the failure");
    assert!(said.ends_with("Consult the service documentation for details. (SignatureDoesNotMatch)"), "{said}");
}

#[test]
fn what_can_not_be_read_is_not_shown() {
    for body in [format!("<half><token>{CANARY}"), format!("{{\"token\": \"{CANARY}"), CANARY.to_owned()] {
        for status in [200, 400, 403, 500] {
            clean(&failure(status, &body), "the failure");
        }
    }
}
