//! What the real program says to programs, and when it can't.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::program::{Ended, breezeway};

fn run(home: &Path, arguments: &[&str]) -> Ended {
    breezeway(home).args(arguments).args(["--output", "json"]).output().unwrap().into()
}

/// The last document of a command that ends with this code.
fn document(home: &Path, arguments: &[&str], code: i32) -> Value {
    let ended = run(home, arguments);
    ended.expect(code, &arguments.join(" "));
    serde_json::from_str(ended.stdout.lines().last().unwrap_or_default()).unwrap()
}

#[test]
fn every_document_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    for (arguments, code, target) in [
        (&["check", "./none.toml"][..], 1, Some("sandbox")),
        (&["check", "@skeleton"], 0, Some("sandbox")),
        (&["plan", "./none.toml", "--aws"], 1, Some("aws")),
        (&["connect", "--key", "none"], 1, Some("sandbox")),
        (&["connect", "--key", "/dev/zero"], 1, Some("sandbox")),
        (&["open", "ann"], 1, Some("sandbox")),
        (&["list", "--aws"], 1, Some("aws")),
        (&["list", "--profile", "none"], 1, Some("sandbox")),
        (&["sandbox", "reset"], 0, Some("sandbox")),
        (&["sandbox", "resolve", "a.example", "--from", "internet"], 0, Some("sandbox")),
        (&["sandbox", "request", "https://a.example", "--from", "internet"], 2, Some("sandbox")),
        (&["unlock", "none"], 1, Some("sandbox")),
        (&["fly"], 1, None),
        (&["up", "--fly"], 1, None),
    ] {
        let document = document(home, arguments, code);
        assert_eq!(document["target"].as_str(), target, "{arguments:?}");
        for field in ["target", "account", "region"] {
            assert!(document.get(field).is_some(), "{arguments:?}: {document}");
        }
    }
}

#[test]
fn a_change_of_the_record_alone_is_told_and_a_protected_lab_stays() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let write = |more: &str| fs::write(home.join("lab.toml"), format!("name = \"demo\"\n{more}")).unwrap();
    let plan = |code| document(home, &["plan", "lab.toml", "--detailed-exitcode"], code);
    write("");
    document(home, &["up", "lab.toml"], 0);
    assert_eq!(plan(0)["record_changes"], false);
    write("protect = true");
    let changed = plan(2);
    assert_eq!((&changed["record_changes"], changed["changes"].as_array().unwrap().len()), (&true.into(), 0));
    document(home, &["up", "lab.toml"], 0);
    let finished = document(home, &["down", "demo"], 1);
    assert_eq!((finished["event"].as_str(), &finished["resources"]), (Some("finished"), &Value::Null));
    assert!(finished["hint"].as_str().unwrap().contains("protect = false"), "{finished}");
}

#[test]
fn output_that_is_lost_is_a_failure_unless_nobody_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["list"][..], &["schema"], &["--help"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended: Ended = breezeway(folder.path()).args(arguments).stdout(full).output().unwrap().into();
        ended.expect(1, "a full disk");
        assert!(ended.stderr.contains("The output could not be written"), "{}", ended.stderr);
        let mut reading = breezeway(folder.path()).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        drop(reading.stdout.take());
        let status = reading.wait().unwrap();
        let ended: Ended = Output { status, stdout: Vec::new(), stderr: Vec::new() }.into();
        ended.expect(0, "a reader that went away");
    }
}
