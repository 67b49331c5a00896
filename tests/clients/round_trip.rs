//! The wire against botocore's own serialisers and parsers, for every operation in its tables.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use breezeway::sandbox::api::{ApiError, Call};
use breezeway::sandbox::wire::{HttpRequest, HttpResponse, decode, encode, unknown_members};
use serde_json::{Map, Value, json};

use crate::python;

#[test]
fn botocore_and_the_wire_understand_each_other() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/round_trip.py");
    let mut botocore = Command::new(python::python())
        .arg("-B")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut replies = botocore.stdin.take().unwrap();
    let (mut operations, mut misread) = (0, Vec::new());
    for line in BufReader::new(botocore.stdout.take().unwrap()).lines() {
        let said: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let reply = reply(&said).unwrap_or_else(|why| {
            misread.push(format!("{} {}: {why}", said["service"], said["operation"]));
            Value::Null
        });
        writeln!(replies, "{reply}").unwrap();
        operations += 1;
    }
    assert!(misread.is_empty(), "{}", misread.join("\n"));
    assert!(botocore.wait().unwrap().success());
    assert!(operations > 300, "{operations}");
}

/// What the wire makes of an operation's request, and of what is to be answered; or what it misread.
fn reply(said: &Value) -> Result<Value, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (service, operation, request) = (text(&said["service"]), text(&said["operation"]), &said["request"]);
    let headers = request["headers"].as_object().unwrap().iter();
    let headers: Vec<_> = headers.map(|(name, value)| (name.clone(), text(value))).collect();
    let request = HttpRequest {
        method: request["method"].as_str().unwrap(),
        path: request["path"].as_str().unwrap(),
        query: request["query"].as_str().unwrap(),
        headers: &headers,
        body: &STANDARD.decode(request["body"].as_str().unwrap()).unwrap(),
    };
    let decoded = decode(&request, "r-1").map_err(|refusal| String::from_utf8_lossy(&refusal.body).into_owned())?;
    let Call { service: meant, operation: called, input, .. } = &decoded.call;
    if (meant, called, input) != (&service, &operation, &said["input"]) {
        return Err(format!("{} is read as {meant} {called} {input}", said["input"]));
    }
    let unknown = unknown_members(&service, &operation, &said["output"]);
    if !unknown.is_empty() {
        return Err(format!("{unknown:?} are unknown"));
    }
    let errors = said["errors"].as_object().unwrap().iter();
    let refusals = errors.map(|(code, message)| {
        let refusal = ApiError::new(code, text(message));
        (code.clone(), response(&encode(&decoded, &Err(refusal), "r-1")))
    });
    Ok(json!({
        "answer": response(&encode(&decoded, &Ok(said["output"].clone()), "r-1")),
        "refusals": refusals.collect::<Map<_, _>>(),
    }))
}

fn response(response: &HttpResponse) -> Value {
    json!({
        "status": response.status,
        "headers": response.headers,
        "body": STANDARD.encode(&response.body),
    })
}
