//! The whole published architecture, as the default plan builds it: up, clean, used from the portal to the notebook, and
//! gone without a trace.

use std::collections::BTreeMap;
use std::time::Duration;

use breezeway::engine::event::Outcome;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Options;
use breezeway::engine::view::view;
use breezeway::plan::{Plan, Source, parse};
use breezeway::report::status::StatusDocument;
use breezeway::sandbox::dials::{Dials, Latency};
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::request::{Question, Response};
use breezeway::sandbox::resolve::{self, Standpoint};
use breezeway::sandbox::world::Durations;
use breezeway::survey::{lab_name, survey};
use breezeway::verify::verify;
use serde_json::{Value, json};

use crate::lab::*;

pub const LAB: &str = "studio-private-access";
pub const USER: &str = "studio-user";
const PASSWORD: &str = "Correct-Horse-7";
/// Every read of a survey of the whole lab, and how many have to wait for others.
const CALLS: u64 = 84;
const ROUNDS: f64 = 5.0;

fn whole() -> Plan {
    parse(&Source::built_in("@studio-private-access").unwrap()).unwrap()
}

fn ann(sandbox: &Sandbox) -> Person {
    Person::new(sandbox, "ann", LAB, CallerDials::default())
}

pub async fn built(sandbox: &Sandbox) {
    built_as(sandbox, &whole()).await;
}

async fn built_as(sandbox: &Sandbox, plan: &Plan) {
    let report = up(&ann(sandbox).session(LAB, 1, Options::default()), Some(plan)).await.unwrap();
    assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
}

#[test]
fn it_goes_up_stays_clean_and_comes_down_without_a_trace() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox).await;
        assert_eq!(ann(&sandbox).drift(LAB).await, []);
        let again = ann(&sandbox);
        let report = up(&again.session(LAB, 2, Options::default()), None).await.unwrap();
        assert_eq!((report.outcome, again.aws.calls().write), (Outcome::Done, 3), "nothing but the lock");
        let report = down(&ann(&sandbox).session(LAB, 3, Options::default())).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        assert!(sandbox.standing() == before, "something is left");
    });
}

#[test]
fn alone_in_an_account_it_is_never_throttled() {
    skipping().block_on(async {
        let dials =
            Dials { throttle: true, latency: Latency::Realistic, durations: Durations::Drawn, ..Dials::default() };
        let sandbox = world(1, dials);
        sandbox.log_requests();
        let person = ann(&sandbox);
        let throttled = |verb: &str| {
            let codes = ["RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"];
            let requests = sandbox.requests();
            let answers: Vec<_> = requests.iter().filter(|line| line.starts_with("= ")).collect();
            assert!(answers.len() > 100, "{verb}");
            let refused = answers.into_iter().filter(|line| codes.iter().any(|code| line.ends_with(code)));
            assert_eq!(refused.collect::<Vec<_>>(), [""; 0], "{verb}");
        };
        assert_eq!(
            up(&person.session(LAB, 1, Options::default()), Some(&whole())).await.unwrap().outcome,
            Outcome::Done
        );
        throttled("up");
        assert_eq!(ann(&sandbox).drift(LAB).await, []);
        assert_eq!(down(&person.session(LAB, 2, Options::default())).await.unwrap().outcome, Outcome::Done);
        throttled("down");
    });
}

#[test]
fn a_survey_of_it_takes_so_many_calls_and_rounds() {
    skipping().block_on(async {
        let second = Duration::from_secs(1);
        let sandbox = world(1, Dials { latency: Latency::Fixed(second), ..Dials::default() });
        built(&sandbox).await;
        let bob = ann(&sandbox);
        let began = bob.aws.clock.elapsed();
        let found = survey(&bob.aws, &lab_name(LAB, REGION)).await;
        assert_eq!(found.unreadable, BTreeMap::new());
        let calls = bob.aws.calls();
        let rounds = (bob.aws.clock.elapsed() - began).as_secs_f64() / second.as_secs_f64();
        assert!(calls.read <= CALLS && calls.write == 0 && rounds <= ROUNDS, "{calls:?}, {rounds} rounds");
    });
}

pub fn send(sandbox: &Sandbox, from: &Standpoint, url: &str, token: Option<&str>) -> Response {
    let (from, token) = (from.clone(), token.map(str::to_owned));
    let question = Question { url: url.to_owned(), from, lab: None, token, role: None, headers: Vec::new() };
    sandbox.request(&question).unwrap()
}

/// Where the portal is.
pub fn portal(sandbox: &Sandbox) -> String {
    let apis = hand(sandbox, "apigateway", "GetRestApis", json!({}));
    format!("https://{}.execute-api.{REGION}.amazonaws.com/portal", apis["items"][0]["id"].as_str().unwrap())
}

/// The ID token of the plan's user, once an administrator has given them a password.
pub fn signed_in(sandbox: &Sandbox) -> String {
    let cognito = |operation: &str, input: Value| hand(sandbox, "cognito-idp", operation, input);
    let pool = cognito("ListUserPools", json!({"MaxResults": 10}))["UserPools"][0]["Id"].clone();
    let set = json!({"UserPoolId": pool, "Username": USER, "Password": PASSWORD, "Permanent": true});
    cognito("AdminSetUserPassword", set);
    let clients = cognito("ListUserPoolClients", json!({"UserPoolId": pool, "MaxResults": 10}));
    let answer = cognito(
        "InitiateAuth",
        json!({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": clients["UserPoolClients"][0]["ClientId"],
            "AuthParameters": {"USERNAME": USER, "PASSWORD": PASSWORD},
        }),
    );
    answer["AuthenticationResult"]["IdToken"].as_str().unwrap().to_owned()
}

#[test]
fn a_user_comes_from_the_portal_to_the_notebook_and_nobody_comes_from_the_street() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        let (portal, token) = (portal(&sandbox), signed_in(&sandbox));
        let own = format!("{portal}/users/{USER}/url");

        let page = send(&sandbox, &Standpoint::Onprem, &format!("{portal}/"), None);
        assert!(page.admitted && page.body.unwrap().contains("Open Studio"), "{:?}", page.steps);
        assert!(!send(&sandbox, &Standpoint::Internet, &format!("{portal}/"), None).admitted);

        let url = send(&sandbox, &Standpoint::Onprem, &own, Some(&token));
        assert!(url.admitted, "{:?}", url.steps);
        let url: Value = serde_json::from_str(&url.body.unwrap()).unwrap();
        let url = url["url"].as_str().unwrap();
        assert!(!send(&sandbox, &Standpoint::Internet, url, None).admitted);
        let opened = send(&sandbox, &Standpoint::Onprem, url, None);
        assert!(opened.admitted, "{:?}", opened.steps);

        let others = format!("{portal}/users/somebody-else/url");
        assert_eq!(send(&sandbox, &Standpoint::Onprem, &others, Some(&token)).status, Some(403));
        assert_eq!(send(&sandbox, &Standpoint::Onprem, &own, None).status, Some(401));
        assert!(!send(&sandbox, &Standpoint::Internet, &own, Some(&token)).admitted);
        tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
        assert!(!send(&sandbox, &Standpoint::Onprem, &own, Some(&token)).admitted, "the token has run out");
    });
}

fn resolved(sandbox: &Sandbox, from: &str, name: &str) -> resolve::Answer {
    let question = resolve::Question { name: name.to_owned(), from: from.parse().unwrap(), lab: None };
    sandbox.resolve(&question).unwrap().answer
}

/// The default plan, with `line` in the section of an endpoint.
fn with_endpoint(service: &str, line: &str) -> Plan {
    let mut source = Source::built_in("@studio-private-access").unwrap();
    let endpoint = format!("service = \"{service}\"\n");
    source.text = source.text.replacen(&endpoint, &format!("{endpoint}{line}\n"), 1);
    parse(&source).unwrap()
}

#[test]
fn the_portal_needs_no_private_names_of_apis() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built_as(&sandbox, &with_endpoint("execute-api", "private_dns = false")).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        let view = view(&ann(&sandbox).aws, LAB, None).await.unwrap();
        let plan = &view.record.as_ref().unwrap().plan;
        assert!(verify(plan, &view.blueprint, &view.survey, REGION).private);
        let status = StatusDocument::of(&view, None);
        let portal = &status.outputs["portal/api/stage.url"];
        assert!(status.connect.iter().any(|step| step.contains(&format!("{portal}/"))), "{:?}", status.connect);

        let name = portal.strip_prefix("https://").and_then(|rest| rest.strip_suffix("/portal")).unwrap();
        let api = name.split_once('-').unwrap().0;
        for from in ["onprem", "studio", "internet"] {
            assert_eq!(resolved(&sandbox, from, name), resolve::Answer::Private, "{from}");
            let others = format!("abcdef1234.execute-api.{REGION}.amazonaws.com");
            assert_eq!(resolved(&sandbox, from, &others), resolve::Answer::Public, "{from}");
        }

        let page = send(&sandbox, &Standpoint::Onprem, &format!("{portal}/"), None);
        assert!(page.admitted && page.body.unwrap().contains("Open Studio"), "{:?}", page.steps);
        let own = format!("{portal}/users/{USER}/url");
        let token = signed_in(&sandbox);
        let url = send(&sandbox, &Standpoint::Onprem, &own, Some(&token));
        assert!(url.admitted, "{:?}", url.steps);
        let outside = send(&sandbox, &Standpoint::Internet, &own, Some(&token));
        assert_eq!((outside.admitted, outside.status), (false, None), "{:?}", outside.steps);
        let by_plain_name = format!("https://{api}.execute-api.{REGION}.amazonaws.com/portal/");
        assert!(!send(&sandbox, &Standpoint::Onprem, &by_plain_name, None).admitted);
    });
}
