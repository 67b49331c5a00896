//! The corpus again, as it is and mutated: the same mutations every time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use breezeway::aws::Clock;
use breezeway::aws::connect::inside;
use breezeway::engine::record;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Options;
use breezeway::engine::view::view;
use breezeway::sandbox::clock::WorldClock;
use breezeway::sandbox::connector::SandboxHttpClient;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::home::Home;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::answers::{STANDING, asked};
use super::{PART, TARGETS};
use crate::lab::{Person, REGION, by_hand, dawn, plan, skipping, world};

/// The corpus of a target.
fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

/// Its inputs, by the names of their files.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<_> = fs::read_dir(folder(target)).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs the corpus of a target, and so many mutations of it.
fn replay(target: &str, mutations: u64) {
    let (_, run) = TARGETS.into_iter().find(|(name, _)| *name == target).unwrap();
    let corpus = corpus(target);
    assert!(!corpus.is_empty());
    corpus.iter().for_each(|input| run(input));
    for seed in 0..mutations {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let input = mutated(&corpus, &mut random);
        if std::panic::catch_unwind(|| run(&input)).is_err() {
            panic!("{target}, mutation {seed}: {:?}", String::from_utf8_lossy(&input));
        }
    }
}

/// Bytes that parsers look for, and some that nobody looks for.
const TOKENS: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"<",
    b"/>",
    b"</",
    b"&#27;",
    b"\\u001b",
    b"\x1b[2J",
    b"\n",
    b"\0",
    b"\xff",
    b"-1",
    b"18446744073709551615",
    b"1e999",
    b"null",
    b"*",
    b"${",
    "\u{202e}".as_bytes(),
    "\u{9b}".as_bytes(),
    b"",
];

fn mutated(corpus: &[Vec<u8>], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut input = corpus[random.random_range(0..corpus.len())].clone();
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=input.len());
        let end = (at + random.random_range(0..32)).min(input.len());
        match random.random_range(0..6) {
            0 => input.truncate(at),
            1 => drop(input.splice(at..end, TOKENS[random.random_range(0..TOKENS.len())].iter().copied())),
            2 => drop(input.splice(at..at, TOKENS[random.random_range(0..TOKENS.len())].iter().copied())),
            3 => drop(input.splice(at..at, input[at..end].repeat(random.random_range(1..9)))),
            4 => {
                let other = &corpus[random.random_range(0..corpus.len())];
                let from = random.random_range(0..=other.len());
                let to = (from + random.random_range(0..64)).min(other.len());
                drop(input.splice(at..end, other[from..to].iter().copied()));
            }
            _ => drop(input.drain(at..end)),
        }
    }
    input
}

#[test]
fn answers() {
    replay("answers", 25);
}

#[test]
fn bind() {
    replay("bind", 5000);
}

#[test]
fn keys() {
    replay("key", 500);
}

#[test]
fn plans() {
    replay("plan", 1000);
}

#[test]
fn policies() {
    replay("policy", 2000);
}

#[test]
fn records() {
    replay("record", 500);
}

#[test]
fn requests() {
    replay("request", 500);
}

#[test]
fn states() {
    replay("state", 200);
}

/// Writes inputs to begin with: plans, and what a lab's life asks AWS and is answered.
#[test]
#[ignore = "for whoever begins a corpus"]
fn seeds() {
    let put = |target: &str, name: &str, input: &[u8]| {
        let folder = folder(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("seed-{name}")), input).unwrap();
    };
    for (name, text) in breezeway::plan::BUILT_IN {
        put("plan", name, text.as_bytes());
    }
    put("plan", "small", STANDING.as_bytes());
    let (record, files) = left_behind();
    put("record", "whole", record.as_bytes());
    put("record", "lock", b"!1\x1e{\"who\":\"a\",\"host\":\"b\",\"boot\":null,\"pid\":1,\"run\":\"c\",\"verb\":\"up\",\"since\":\"2026-01-05T08:00:00Z\",\"beat\":1,\"ended\":false}");
    put(
        "record",
        "raw",
        b"!record\x1e{\"format\":1,\"written_by\":\"0\",\"digest\":\"00\",\"chunks\":1}\x1erecord/00/0\x1eAAAA",
    );
    put("state", "whole", &files.join(&PART));
    for (number, (asked, request, status, content_type, answer)) in a_life().into_iter().enumerate() {
        put("request", &format!("{number:03}"), &request);
        let about = about(&asked);
        let reads = ["Describe", "Get", "List", "GET", "Scan"].iter().any(|verb| about.contains(verb));
        let lie = format!("{about}\t{status}\t{content_type}\n");
        let what: &[u8] = if reads { b"s\x1e" } else { b"u\x1e" };
        put("answers", &format!("{number:03}"), &[what, lie.as_bytes(), &answer].concat());
    }
}

/// The record of a lab, and the files of a sandbox in which a few calls were made.
fn left_behind() -> (String, Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let opened = Home::open(folder.path(), 1).unwrap();
    let sandbox = Sandbox::new(opened.world, WorldClock::new(dawn(), 1.0), Dials::default(), Some(opened.home));
    let ann = Person::new(&sandbox, "ann", "demo", CallerDials::default());
    let kept = skipping().block_on(async {
        up(&ann.session("demo", 1, Options::default()), Some(&plan("name = \"demo\""))).await.unwrap();
        record::read(&ann.aws, "demo").await.unwrap()
    });
    let record = serde_json::to_string(&kept.record().unwrap().unwrap()).unwrap();
    sandbox.save().unwrap();
    for number in 0..3 {
        let name = format!("p{number}");
        by_hand(&sandbox, "ssm", "PutParameter", json!({"Name": name, "Value": "v", "Type": "String"})).unwrap();
    }
    drop(sandbox);
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let journals = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let journal = journals.filter(|name| name.starts_with("journal-")).max().unwrap();
    let snapshot: String = String::from_utf8(read("world.json")).unwrap();
    // The name that the target gives it.
    let mut snapshot: Value = serde_json::from_str(&snapshot).unwrap();
    snapshot["generation"] = json!(1);
    (record, vec![snapshot.to_string().into_bytes(), read(&journal), read("lock")])
}

type Exchange = (String, Vec<u8>, u16, String, Vec<u8>);

/// What is asked and answered while a lab is built, looked at and taken down: each operation once.
fn a_life() -> Vec<Exchange> {
    let sandbox = world(1, Dials::default());
    let heard = Arc::<Mutex<Vec<Exchange>>>::default();
    let client = Listener { truth: sandbox.client(CallerDials::default()), heard: Arc::clone(&heard) };
    let clock = Clock::starting_at(sandbox.clock().now());
    let aws = inside(client, DEFAULT_ACCOUNT, REGION, Some("demo"), clock);
    let ann = Person { aws, ..Person::new(&sandbox, "ann", "demo", CallerDials::default()) };
    let options = Options { delete_user_data: true, ..Options::default() };
    skipping().block_on(async {
        up(&ann.session("demo", 1, options), Some(&plan(STANDING))).await.unwrap();
        view(&ann.aws, "demo", None).await.unwrap();
        down(&ann.session("demo", 2, options)).await.unwrap();
    });
    let heard = heard.lock().unwrap().clone();
    let mut seen = std::collections::BTreeMap::new();
    for exchange in heard {
        seen.insert(operation(&exchange.0), exchange);
    }
    seen.into_values().collect()
}

/// What of a request tells all of its operation.
fn about(asked: &str) -> String {
    let (target, rest) = asked.split_once(' ').unwrap();
    match rest.split_once("Action=") {
        _ if !target.is_empty() => target.to_owned(),
        Some((_, action)) => format!("Action={}&", action.split('&').next().unwrap()),
        None => rest.chars().take(70).filter(|letter| !letter.is_control()).collect(),
    }
}

/// What tells operations apart: the target, or the action, or the method and the beginning of the path.
fn operation(asked: &str) -> String {
    let (target, rest) = asked.split_once(' ').unwrap();
    match rest.split_once("Action=") {
        _ if !target.is_empty() => target.to_owned(),
        Some((_, action)) => action.split('&').next().unwrap().to_owned(),
        None => rest.chars().filter(|letter| !letter.is_ascii_digit()).take(70).collect(),
    }
}

#[derive(Debug, Clone)]
struct Listener {
    truth: SandboxHttpClient,
    heard: Arc<Mutex<Vec<Exchange>>>,
}

impl HttpClient for Listener {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Listener {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (asked, sent, heard) = (asked(&request), sent(&request), Arc::clone(&self.heard));
        let answer = self.truth.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            let content_type = answer.headers().get("content-type").unwrap_or_default().to_owned();
            let body = answer.body().bytes().unwrap_or_default().to_vec();
            heard.lock().unwrap().push((asked, sent, answer.status().as_u16(), content_type, body));
            Ok(answer)
        })
    }
}

/// A request as the target `request` takes it.
fn sent(request: &HttpRequest) -> Vec<u8> {
    let uri: http::Uri = request.uri().parse().unwrap();
    let signature = request.headers().get("authorization").unwrap_or_default();
    let service = signature.split('/').nth(3).unwrap_or_default();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut text = format!("{service} {} {target}\n", request.method()).into_bytes();
    for name in ["x-amz-target", "content-type"] {
        if let Some(value) = request.headers().get(name) {
            text.extend(format!("{name}: {value}\n").bytes());
        }
    }
    text.push(b'\n');
    text.extend(request.body().bytes().unwrap_or_default().iter().filter(|byte| **byte != PART));
    text
}
