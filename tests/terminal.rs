//! Whatever the names, tags, descriptions and messages are that AWS and files have: no terminal obeys them.

use std::fs;

use breezeway::aws::{Class, Failure};
use breezeway::engine::event::Happened;
use breezeway::engine::lock::Lease;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Options;
use breezeway::engine::view::{Lab, View, view};
use breezeway::report::Style;
use breezeway::report::events::{End, line};
use breezeway::report::labs::ListDocument;
use breezeway::report::status::StatusDocument;
use breezeway::resource::{Kind, Observed};
use breezeway::sandbox::clock::WorldClock;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::home::Home;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::fuzzing::answers::{STANDING, standing, told};
use crate::fuzzing::harmless;
use crate::lab::*;
use crate::program::{Ended, breezeway};

/// What a terminal would obey: colours, a bell, a line of its own, text that runs backwards, one of the controls above
/// ASCII; and what nobody sees.
const EVIL: &str = "\u{1b}[31m\u{7}\r\nerror: \u{202e}\u{9b}2J\u{200b}\u{2066}";

/// The value with something evil in every text that may be any text.
fn evil<T: Serialize + DeserializeOwned>(value: &T, spare: &dyn Fn(&str) -> bool) -> T {
    let mut json = serde_json::to_value(value).unwrap();
    let mut pointers = Vec::new();
    texts(&json, String::new(), &mut pointers);
    for pointer in pointers {
        let text = json.pointer(&pointer).and_then(Value::as_str).unwrap().to_owned();
        if spare(&text) {
            continue;
        }
        *json.pointer_mut(&pointer).unwrap() = json!(format!("{text}{EVIL}"));
        if serde_json::from_value::<T>(json.clone()).is_err() {
            *json.pointer_mut(&pointer).unwrap() = json!(text);
        }
    }
    serde_json::from_value(json).unwrap()
}

/// Where texts stand.
fn texts(value: &Value, at: String, found: &mut Vec<String>) {
    let below = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::String(_) => found.push(at),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| texts(item, below(&n.to_string()), found)),
        Value::Object(members) => members.iter().for_each(|(name, member)| texts(member, below(name), found)),
        _ => {}
    }
}

fn failure() -> Failure {
    let (operation, message) = (format!("DescribeVpcs{EVIL}"), format!("not now{EVIL}"));
    Failure { operation, class: Class::Denied, code: EVIL.to_owned(), message }
}

/// The same lab, evil in all that its resources say, but for what `spare` says.
fn evil_view(view: &View, spare: &dyn Fn(&str) -> bool) -> View {
    let mut view = view.clone();
    let found: Vec<Observed> = view.survey.found.iter().map(|observed| evil(observed, spare)).collect();
    view.survey.found = found;
    view
}

#[test]
fn no_report_repeats_what_a_terminal_obeys() {
    let seen = skipping().block_on(async {
        let sandbox = standing().await;
        view(&Person::new(&sandbox, "ann", "demo", CallerDials::default()).aws, "demo", None).await.unwrap()
    });
    let ids: Vec<String> = seen.survey.found.iter().map(|observed| observed.id.clone()).collect();
    let names = |text: &str| ids.iter().any(|id| id == text) || text == "demo" || text.contains('/');
    // What is still the lab's, with strange values; and what nobody knows any more.
    for spare in [&names as &dyn Fn(&str) -> bool, &|_: &str| false] {
        let mut view = evil_view(&seen, spare);
        assert_ne!(view.survey, seen.survey);
        told(&view, Some(&plan(STANDING)));
        for kind in [Kind::Vpc, Kind::Role, Kind::RestApi] {
            view.survey.unreadable.insert(kind, failure());
        }
        view.record.iter_mut().for_each(|record| record.created_by += EVIL);
        told(&view, None);
        let lease = json!({"who": EVIL, "host": EVIL, "boot": EVIL, "pid": 1, "run": EVIL, "verb": EVIL,
            "since": "2026-01-05T08:00:00Z", "beat": 0, "ended": false});
        let lease: Lease = serde_json::from_value(lease).unwrap();
        harmless(&StatusDocument::of(&view, Some(lease)).text(Style::plain(60)));
    }
}

#[test]
fn no_event_repeats_what_a_terminal_obeys() {
    let happened: Vec<Happened> = skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let ann = Person::new(&sandbox, "ann", "demo", CallerDials::default());
        up(&ann.session("demo", 1, Options::default()), Some(&plan("name = \"demo\""))).await.unwrap();
        down(&ann.session("demo", 2, Options::default())).await.unwrap();
        ann.events.take()
    });
    for happened in &happened {
        if let Some(line) = line(&evil(happened, &|_| false).event, 0.0, Style::plain(60)) {
            harmless(&line);
        }
    }
    let end = End {
        verb: "up".into(),
        lab: "demo".into(),
        outcome: breezeway::engine::event::Outcome::Failed,
        resources: Some(1),
        done: 1,
        left: vec![format!("studio/vpc{EVIL}").as_str().into()],
        seconds: (0.0, 0.0),
        calls: breezeway::aws::Calls::default(),
        causes: vec![(EVIL.into(), Some(EVIL.into()))],
        addresses: [(format!("studio/vpc{EVIL}").as_str().into(), vec![EVIL.into()])].into(),
        hourly_cost_usd: None,
        portal_user: Some(EVIL.into()),
        rehearsed: false,
        flags: String::new(),
    };
    harmless(&end.text(Style::plain(60)));
    let lab = Lab {
        name: EVIL.into(),
        resources: 1,
        created: None,
        created_by: Some(EVIL.into()),
        expires: None,
        problems: vec![EVIL.into()],
    };
    let place = Person::new(&world(1, Dials::default()), "ann", "demo", CallerDials::default())
        .session("demo", 1, Options::default())
        .place;
    for width in [20, 1000] {
        harmless(&ListDocument::of(&place, vec![lab.clone()]).text(Style::plain(width)));
    }
}

#[test]
fn no_verb_repeats_what_a_terminal_obeys() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let run = |arguments: &[&str]| -> Ended { breezeway(home).args(arguments).output().unwrap().into() };
    fs::write(home.join("lab.toml"), "name = \"demo\"").unwrap();
    run(&["up", "lab.toml"]).expect(0, "up");
    by_evil_hands(home);
    let evil_file = format!("evil{}.toml", EVIL.replace('\n', ""));
    fs::write(home.join(&evil_file), format!("name = \"demo{EVIL}\n\u{2028}")).unwrap();
    let none = format!("./none{EVIL}");
    for arguments in [
        &["plan", "lab.toml"][..],
        &["status", "demo"],
        &["drift", "demo"],
        &["verify", "demo"],
        &["list"],
        &["check", &evil_file],
        &["plan", &none],
        &["connect", "demo", "--key", &none],
        &["dns-config", "demo", "--for", "bind"],
        &["open", "ann", "--lab", "demo"],
        &["sandbox", "resolve", "a.example", "--from", "onprem"],
        &["up", "demo"],
        &["down", "demo"],
        &["down", "demo", "--leave-blocked"],
    ] {
        let ended = run(arguments);
        for text in [&ended.stdout, &ended.stderr] {
            assert!(!text.contains("\nerror: \u{fffd}") && !text.starts_with("error: \u{fffd}"), "{text}");
            harmless(text);
        }
    }
}

/// Somebody puts things into the lab whose names are not meant to be read.
fn by_evil_hands(home: &std::path::Path) {
    skipping().block_on(async {
        let opened = Home::open(&home.join("sandbox"), 1).unwrap();
        let clock = WorldClock::new(opened.now, 1.0);
        let sandbox = Sandbox::new(opened.world, clock, Dials::default(), Some(opened.home));
        let vpcs = by_hand(&sandbox, "ec2", "DescribeVpcs", json!({})).unwrap()["Vpcs"].clone();
        let of_lab = |vpc: &&Value| vpc["Tags"].as_array().is_some_and(|tags| !tags.is_empty());
        let vpc = vpcs.as_array().unwrap().iter().find(of_lab).unwrap()["VpcId"].clone();
        let strange = format!("strange{EVIL}");
        let tags = json!([{"ResourceType": "subnet", "Tags": [{"Key": "Name", "Value": strange}, {"Key": strange, "Value": ""}]}]);
        let groups = by_hand(&sandbox, "ec2", "DescribeSecurityGroups", json!({})).unwrap()["SecurityGroups"].clone();
        let block = vpcs.as_array().unwrap().iter().find(of_lab).unwrap()["CidrBlock"].as_str().unwrap().to_owned();
        let base = block.split('.').take(2).collect::<Vec<_>>().join(".");
        let mut made = 0;
        for third in [200, 220, 240, 250] {
            let input = json!({"VpcId": vpc, "CidrBlock": format!("{base}.{third}.0/28"), "TagSpecifications": tags});
            made += usize::from(by_hand(&sandbox, "ec2", "CreateSubnet", input).is_ok());
        }
        let group = groups.as_array().unwrap().iter().find(|group| group["VpcId"] == vpc).unwrap()["GroupId"].clone();
        let range = json!([{"CidrIp": "203.0.113.0/24", "Description": "strange"}]);
        let permissions = json!([{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": range}]);
        let rule = json!({"GroupId": group, "IpPermissions": permissions});
        made += usize::from(by_hand(&sandbox, "ec2", "AuthorizeSecurityGroupIngress", rule).is_ok());
        let tag = json!({"Resources": [group], "Tags": [{"Key": "Name", "Value": strange}]});
        made += usize::from(by_hand(&sandbox, "ec2", "CreateTags", tag).is_ok());
        assert!(made > 0, "nothing strange could be made");
        sandbox.save().unwrap();
    });
}
