//! The whole published architecture, as the default plan builds it: up, clean, used from the portal to the notebook, and
//! gone without a trace.

use std::collections::BTreeMap;
use std::time::Duration;

use breezeway::engine::event::Outcome;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Options;
use breezeway::plan::{Plan, Source, parse};
use breezeway::sandbox::dials::{Dials, Latency};
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::request::{Question, Response};
use breezeway::sandbox::resolve::Standpoint;
use breezeway::survey::{lab_name, survey};
use serde_json::{Value, json};

use crate::lab::*;

pub const LAB: &str = "studio-private-access";
pub const USER: &str = "studio-user";
const PASSWORD: &str = "Correct-Horse-7";
/// Every read of a survey of the whole lab, and how many have to wait for others.
const CALLS: u64 = 83;
const ROUNDS: f64 = 5.0;

fn whole() -> Plan {
    parse(&Source::built_in("@studio-private-access").unwrap()).unwrap()
}

fn ann(sandbox: &Sandbox) -> Person {
    Person::new(sandbox, "ann", LAB, CallerDials::default())
}

pub async fn built(sandbox: &Sandbox) {
    let report = up(&ann(sandbox).session(LAB, 1, Options::default()), Some(&whole())).await.unwrap();
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

fn hand(sandbox: &Sandbox, service: &str, operation: &str, input: Value) -> Value {
    by_hand(sandbox, service, operation, input.clone()).unwrap_or_else(|error| panic!("{operation} {input}: {error}"))
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
