//! The whole published architecture on moto: over real HTTP, with the waiting skipped.
//!
//! Moto has no user profiles, and every domain of its has a home that EFS doesn't know: `amended.py` adds the ones and
//! takes the other. It has neither spaces nor apps, so nobody works in this Studio.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};

use aws_config::SdkConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use breezeway::aws::{Aws, Clock};
use breezeway::engine::event::Outcome;
use breezeway::engine::lock::Holder;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Session;
use breezeway::plan::{Source, parse};
use jiff::Timestamp;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::Account;
use super::proxy::receive;
use super::server::Moto;
use crate::lab::{REGION, skipping};

pub const PLAN: &str = "@studio-private-access";
const LAB: &str = "studio-private-access";
const USER: &str = "studio-user";
const TABLE: &str = "breezeway-studio-private-access-users";
/// How many resources the lab has.
const RESOURCES: usize = 89;

/// An HTTP client while whose calls are on their way a paused runtime's time stands still.
#[derive(Debug, Clone, Copy)]
struct Standstill(SocketAddr);

impl HttpClient for Standstill {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(*self)
    }
}

impl HttpConnector for Standstill {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let to = self.0;
        HttpConnectorFuture::new(async move {
            // Tokio skips no time while a blocking task runs.
            let answer = tokio::task::spawn_blocking(move || exchange(to, &request)).await;
            answer.unwrap().map_err(|error| ConnectorError::io(error.into()))
        })
    }
}

/// Sends a request, and receives its answer.
fn exchange(to: SocketAddr, request: &HttpRequest) -> io::Result<HttpResponse> {
    let uri: http::Uri = request.uri().parse().unwrap();
    let (target, body) = (uri.path_and_query().unwrap(), request.body().bytes().unwrap());
    let mut head = format!("{} {target} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n", request.method());
    for (name, value) in request.headers().iter().filter(|(name, _)| *name != "content-length") {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(to)?;
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let (head, body) = receive(&stream)?;
    let status = head[0].split(' ').nth(1).and_then(|status| status.parse::<u16>().ok()).unwrap();
    let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    for (name, value) in head.iter().filter_map(|line| line.split_once(": ")) {
        answer.headers_mut().append(name.to_lowercase(), value.to_owned());
    }
    Ok(answer)
}

/// Works on a lab and skips the waiting.
pub fn work<T>(account: &Account, lab: &str, work: impl AsyncFnOnce(&Session<'_>) -> T) -> T {
    skipping().block_on(async {
        let clock = Clock::starting_at(Timestamp::now());
        let config = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new(REGION))
            .endpoint_url(account.endpoint())
            .credentials_provider(SharedCredentialsProvider::new(account.keys.clone()))
            .http_client(Standstill(account.proxy.address))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .build();
        let aws = Aws::new(&config, clock);
        let place = aws.place("aws").await.unwrap();
        let holder = Holder {
            who: place.caller.clone(),
            host: "test".into(),
            boot: Some("test".into()),
            pid: 1,
            started: None,
            run: "test".into(),
        };
        work(&Session::new(aws, place, lab, holder, ChaCha8Rng::seed_from_u64(1), |_| ())).await
    })
}

#[test]
fn the_whole_lab_comes_and_goes() {
    let moto = Moto::amended();
    let account = Account::new(&moto, 0);
    let before = account.look();

    let plan = parse(&Source::built_in(PLAN).unwrap()).unwrap();
    let report = work(&account, LAB, async |session| up(session, Some(&plan)).await.unwrap());
    assert_eq!((report.outcome, report.causes, report.resources), (Outcome::Done, vec![], Some(RESOURCES)));

    let stands = account.look();
    let more = |member: &str| stands[member].as_array().unwrap().len() - before[member].as_array().unwrap().len();
    let members = ["Domains", "FileSystems", "Functions", "TableNames", "UserPools", "items", "logGroups"];
    assert_eq!(members.map(more), [1, 0, 2, 1, 1, 1, 2]);
    let domain = stands["Domains"][0]["DomainId"].as_str().unwrap();
    account.by_hand(async |aws| {
        let profiles = aws.sagemaker.list_user_profiles().domain_id_equals(domain).send().await.unwrap();
        let names: Vec<_> = profiles.user_profiles().iter().filter_map(|one| one.user_profile_name()).collect();
        assert_eq!(names, [USER]);
        let rows = aws.dynamodb.scan().table_name(TABLE).send().await.unwrap();
        let [row] = rows.items() else { panic!("{rows:?}") };
        let texts = ["user", "domain", "profile"].map(|name| row[name].as_s().unwrap().as_str());
        assert_eq!(texts, [USER, domain, USER]);
    });

    let drift = account.run(&["drift", LAB, "--aws"]);
    drift.expect(0, "drift");
    assert!(drift.stdout.contains("nothing differs"), "{}", drift.stdout);

    let report = work(&account, LAB, async |session| down(session).await.unwrap());
    assert_eq!((report.outcome, report.causes, report.resources), (Outcome::Done, vec![], Some(0)));
    assert_eq!(account.look(), before);
}
