//! Answers that are none: whoever sends them, what they are about is unknown then, and never taken for absent.

use std::sync::atomic::{AtomicUsize, Ordering};

use breezeway::aws::Aws;
use breezeway::engine::event::Outcome;
use breezeway::engine::record;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Options;
use breezeway::resource::Kind;
use breezeway::sandbox::host::CallerDials;
use breezeway::survey::{lab_name, survey};
use insta::assert_snapshot;
use serde_json::Value;

use crate::fuzzing::answers::{Lie, lied_to_by, standing};
use crate::lab::*;

/// This answer to all that is asked with these words.
fn always(
    about: &'static str,
    status: u16,
    content_type: &'static str,
    body: &[u8],
) -> impl Fn(&str) -> Option<Lie> + use<> {
    let (about, content_type, body) = (about.to_owned(), content_type.to_owned(), body.to_vec());
    let lie = Lie { about, status, content_type, body };
    move |asked| asked.contains(&lie.about).then(|| lie.clone())
}

/// What comes of asking for what a test lies about.
fn asked<T>(lies: impl Fn(&str) -> Option<Lie> + Send + Sync + 'static, ask: impl AsyncFnOnce(Aws) -> T) -> T {
    skipping().block_on(async { ask(lied_to_by(&standing().await, lies)).await })
}

/// Why subnets can't be read that AWS lists so; None where they can.
fn subnets(status: u16, content_type: &'static str, body: &[u8]) -> Option<String> {
    let seen = asked(always("Action=DescribeSubnets", status, content_type, body), async |aws| {
        survey(&aws, &lab_name("demo", REGION)).await
    });
    let stand = seen.found.iter().any(|observed| observed.kind() == Kind::Subnet);
    let why = seen.why_unreadable(Kind::Subnet).map(ToString::to_string);
    assert!(!(stand && why.is_some()));
    assert_eq!(seen.why_unreadable(Kind::Vpc), None, "what nobody lies about is known");
    why
}

/// Why parameters can't be read.
fn parameters(body: &[u8]) -> String {
    let lies = always("AmazonSSM.GetParametersByPath", 200, "application/x-amz-json-1.1", body);
    asked(lies, async |aws| record::read(&aws, "demo").await.map(|kept| kept.is_empty()))
        .map_or_else(|failure| failure.to_string(), |empty| format!("empty: {empty}"))
}

#[test]
fn a_list_that_is_none_is_unknown_and_the_sentence_says_what_came() {
    const XML: &str = "text/xml;charset=UTF-8";
    let deep = format!("<DescribeSubnetsResponse>{}", "<subnetSet><item>".repeat(100_000));
    let large =
        format!("<DescribeSubnetsResponse><subnetSet>{}</subnetSet></DescribeSubnetsResponse>", " ".repeat(17 << 20));
    let page = "<!DOCTYPE html><html><head><title>Grand Hotel\u{7}</title></head></html>";
    let whys: Vec<String> = [
        subnets(200, XML, b""),
        subnets(200, XML, b"<DescribeSubnetsResponse/>"),
        subnets(200, XML, b"<DescribeSubnetsResponse><subnetSet><item><subnetId>subnet-1</subnetId></item>"),
        subnets(200, XML, deep.as_bytes()),
        subnets(200, XML, large.as_bytes()),
        subnets(200, XML, b"<DescribeVpcsResponse><vpcSet/></DescribeVpcsResponse>"),
        subnets(200, "application/json", b"{\"Subnets\": []}"),
        subnets(200, "text/html", page.as_bytes()),
        subnets(302, "text/html", page.as_bytes()),
        subnets(200, XML, b"\xff\xfe\x00"),
    ]
    .map(|why| why.unwrap_or_else(|| "taken for a list".to_owned()))
    .into();
    assert_snapshot!(whys.join("\n"), @r#"
    DescribeSubnets: the answer says nothing (Connection)
    DescribeSubnets: the answer says nothing (Connection)
    DescribeSubnets: the answer was cut short (Connection)
    DescribeSubnets: the answer was cut short (Connection)
    DescribeSubnets: the answer is larger than 16 MB (Connection)
    DescribeSubnets: 54 bytes of text/xml;charset=UTF-8 (HTTP 200)
    DescribeSubnets: 15 bytes of application/json (HTTP 200)
    DescribeSubnets: what came is a web page, "Grand Hotel ", not AWS's answer: a proxy's, or that of a network to sign in to? (Connection)
    DescribeSubnets: a web page, "Grand Hotel " (HTTP 302)
    DescribeSubnets: 3 bytes of text/xml;charset=UTF-8 (HTTP 200)
    "#);
}

#[test]
fn parameters_that_are_none_are_unknown() {
    let deep = "[".repeat(1_000_000);
    let nested = format!("{{\"Parameters\": {deep}");
    let whys = ["", "{}", "[", "{\"Parameters\": [", "<html>", &deep, &nested].map(|body| parameters(body.as_bytes()));
    assert_snapshot!(whys.join("\n"), @r"
    GetParametersByPath: the answer says nothing (Connection)
    GetParametersByPath: the answer says nothing (Connection)
    GetParametersByPath: unreadable answer, HTTP 200: 1 bytes of application/x-amz-json-1.1 (Response)
    GetParametersByPath: unreadable answer, HTTP 200: 16 bytes of application/x-amz-json-1.1 (Response)
    GetParametersByPath: what came is a web page, not AWS's answer: a proxy's, or that of a network to sign in to? (Connection)
    GetParametersByPath: unreadable answer, HTTP 200: 1000000 bytes of application/x-amz-json-1.1 (Response)
    GetParametersByPath: unreadable answer, HTTP 200: 1000015 bytes of application/x-amz-json-1.1 (Response)
    ");
}

#[test]
fn a_list_without_an_end_is_unknown() {
    let pages = AtomicUsize::new(0);
    let endless = move |asked: &str| {
        let page = pages.fetch_add(1, Ordering::Relaxed);
        let body = format!("{{\"Parameters\": [], \"NextToken\": \"{page}\"}}");
        always("AmazonSSM.GetParametersByPath", 200, "application/x-amz-json-1.1", body.as_bytes())(asked)
    };
    let failure = asked(endless, async |aws| record::read(&aws, "demo").await.unwrap_err());
    assert_eq!(failure.to_string(), "GetParametersByPath: the list has no end (breezeway)");
}

#[test]
fn a_list_of_large_pages_is_not_kept_in_memory() {
    let pages = AtomicUsize::new(0);
    let endless = move |asked: &str| {
        let page = pages.fetch_add(1, Ordering::Relaxed);
        let value = "a".repeat(10 << 20);
        let body =
            format!("{{\"Parameters\": [{{\"Name\": \"/x\", \"Value\": \"{value}\"}}], \"NextToken\": \"{page}\"}}");
        always("AmazonSSM.GetParametersByPath", 200, "application/x-amz-json-1.1", body.as_bytes())(asked)
    };
    let failure = asked(endless, async |aws| record::read(&aws, "demo").await.unwrap_err());
    assert!(failure.message.contains("the list is larger than 64 MB"), "{failure}");
}

/// The ids of all that EC2 has, kind by kind.
fn ids(standing: &Value) -> Vec<(String, Vec<String>)> {
    let kinds = standing["111122223333"][format!("{REGION}/ec2")].as_object().unwrap().iter();
    let ids = |all: &Value| all.as_object().map_or(Vec::new(), |all| all.keys().cloned().collect());
    kinds.map(|(kind, all)| (kind.clone(), ids(all))).collect()
}

#[test]
fn a_lab_that_can_not_be_seen_is_neither_built_twice_nor_called_gone() {
    skipping().block_on(async {
        let sandbox = world(1, Default::default());
        let person = |name| Person::new(&sandbox, name, "demo", CallerDials::default());
        let small = plan("name = \"demo\"");
        up(&person("ann").session("demo", 1, Options::default()), Some(&small)).await.unwrap();
        let before = sandbox.standing();
        for about in ["Action=DescribeSubnets", "Action=DescribeVpcs&", "Action=DescribeTags"] {
            let page = b"<html><title>Grand Hotel</title></html>";
            let aws = lied_to_by(&sandbox, always(about, 200, "text/html", page));
            let bob = Person { aws, ..person("bob") };
            let report = up(&bob.session("demo", 2, Options::default()), None).await.unwrap();
            assert_eq!(report.outcome, Outcome::Failed, "{about}");
            assert!(report.causes.iter().any(|cause| cause.contains("Grand Hotel")), "{:?}", report.causes);
        }
        assert_eq!(ids(&sandbox.standing()), ids(&before));
        let aws = lied_to_by(&sandbox, always("Action=DescribeVpcs&", 200, "text/html", b"<html></html>"));
        let bob = Person { aws, ..person("bob") };
        let report = down(&bob.session("demo", 3, Options::default())).await.unwrap();
        assert_eq!(report.outcome, Outcome::Failed);
    });
}

#[test]
fn a_lock_that_nobody_has_and_nobody_gets_is_given_up() {
    skipping().block_on(async {
        let sandbox = world(1, Default::default());
        let taken = br#"{"__type": "ParameterAlreadyExists", "message": "The parameter already exists."}"#;
        let aws = lied_to_by(&sandbox, always("AmazonSSM.PutParameter", 400, "application/x-amz-json-1.1", taken));
        let bob = Person { aws, ..Person::new(&sandbox, "bob", "demo", CallerDials::default()) };
        let refused =
            up(&bob.session("demo", 1, Options::default()), Some(&plan("name = \"demo\""))).await.unwrap_err();
        assert!(refused.to_string().contains("ParameterAlreadyExists"), "{refused}");
    });
}

#[test]
fn a_lease_whose_number_nobody_counts_to_holds_nobody_up() {
    skipping().block_on(async {
        let sandbox = world(1, Default::default());
        let name = format!("/breezeway/locks/demo/{}", u64::MAX);
        let lease = r#"{"who": "a", "host": "b", "boot": null, "pid": 1, "run": "c", "verb": "up",
            "since": "2026-01-05T08:00:00Z", "beat": 18446744073709551615, "ended": true}"#;
        let input = serde_json::json!({"Name": name, "Value": lease, "Type": "String"});
        by_hand(&sandbox, "ssm", "PutParameter", input).unwrap();
        let bob = Person::new(&sandbox, "bob", "demo", CallerDials::default());
        let report = up(&bob.session("demo", 1, Options::default()), Some(&plan("name = \"demo\""))).await.unwrap();
        assert_eq!(report.outcome, Outcome::Done, "{:?}", report.causes);
    });
}
