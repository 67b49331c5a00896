//! Requests to the sandbox, which any process of this machine can send. Each part is one: the service, the method and
//! what follows the host, on a line; headers, a line each; an empty line; the body.

use std::cell::OnceCell;

use breezeway::sandbox::clock::WorldClock;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::{Caller, OwnedHttpRequest, Sandbox};
use breezeway::sandbox::request::Question;
use breezeway::sandbox::world::World;
use breezeway::sandbox::{request, resolve};

use super::parts;
use crate::lab::{dawn, skipping};

thread_local! {
    static FRESH: OnceCell<World> = const { OnceCell::new() };
}

pub fn run(bytes: &[u8]) {
    let world = FRESH.with(|fresh| fresh.get_or_init(|| World::new(1)).clone());
    let sandbox = Sandbox::new(world, WorldClock::new(dawn(), 1.0), Dials::default(), None);
    skipping().block_on(async {
        for part in parts(bytes) {
            ask(&sandbox, part).await;
        }
    });
    sandbox.standing();
}

async fn ask(sandbox: &Sandbox, part: &[u8]) {
    let text = String::from_utf8_lossy(part);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().splitn(3, ' ').map(str::to_owned);
    let (service, method) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let target = first.next().unwrap_or_default();
    match service.as_str() {
        "_resolve" => {
            if let Ok(question) = serde_json::from_str::<resolve::Question>(body) {
                let _ = sandbox.resolve(&question);
            }
        }
        "_request" => {
            if let Ok(question) = serde_json::from_str::<request::Question>(body) {
                answered(sandbox, &question);
            }
        }
        _ => {
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            let mut headers: Vec<_> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            if !service.is_empty() {
                let scope = format!("Credential=111122223333/20260101/us-east-1/{service}/aws4_request");
                let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
                headers.push(("authorization".to_owned(), signature));
            }
            let (path, query, body) = (path.to_owned(), query.to_owned(), body.as_bytes().to_vec());
            let request = OwnedHttpRequest { method, path, query, headers, body };
            sandbox.answer(&request, &Caller::default()).await;
        }
    }
}

fn answered(sandbox: &Sandbox, question: &Question) {
    if let Ok(response) = sandbox.request(question) {
        assert!(serde_json::to_string(&response).is_ok());
    }
}
