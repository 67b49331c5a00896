//! What AWS answers. The first part says what is asked, in a letter. Each other part is a lie: on its first line, a text
//! that tells the requests that it is an answer to, the HTTP status and the content type, parted by tabs; the body. All
//! other requests are answered truthfully, by a sandbox.

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use breezeway::aws::connect::inside;
use breezeway::aws::{Aws, Clock};
use breezeway::drift::drift;
use breezeway::engine::lock::Leases;
use breezeway::engine::record;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Options;
use breezeway::engine::view::{View, labs, view};
use breezeway::plan::Plan;
use breezeway::report::connect::ConnectDocument;
use breezeway::report::drift::DriftDocument;
use breezeway::report::labs::ListDocument;
use breezeway::report::plan::PlanDocument;
use breezeway::report::status::StatusDocument;
use breezeway::report::verify::VerifyDocument;
use breezeway::report::{Style, events};
use breezeway::sandbox::connector::SandboxHttpClient;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use breezeway::verify::verify;
use jiff::civil::date;

use super::{harmless, parts, said};
use crate::lab::{Person, REGION, plan, skipping, world};

/// The lab that stands: something of every kind.
pub const STANDING: &str = r#"
name = "demo"
[[studio.gateway_endpoints]]
service = "dynamodb"
[[studio.endpoints]]
service = "studio"
[[studio.endpoints]]
service = "sagemaker.api"
[[studio.endpoints]]
service = "execute-api"
[dns]
mode = "dhcp"
[access]
mode = "source-vpce"
[domain]
enabled = true
users = ["ann"]
[sign_in]
enabled = true
[portal]
enabled = true
"#;

/// The lab that is built on lies.
const SMALL: &str = "name = \"demo\"\n[access]\nrole = true\n";

thread_local! {
    static STOOD: OnceCell<Sandbox> = const { OnceCell::new() };
}

pub fn run(bytes: &[u8]) {
    let mut parts = parts(bytes).into_iter();
    let what = parts.next().unwrap_or_default();
    let lies: Vec<Lie> = parts.filter_map(Lie::read).collect();
    skipping().block_on(async {
        match what {
            b"u" => build(lies).await,
            b"l" => list(&liar(&standing().await, lies)).await,
            b"d" => take_down(lies).await,
            b"p" => look(&liar(&standing().await, lies), Some(&plan(STANDING))).await,
            _ => look(&liar(&standing().await, lies), None).await,
        }
    });
}

/// A sandbox in which the lab stands; nobody changes anything there.
pub async fn standing() -> Sandbox {
    if let Some(sandbox) = STOOD.with(|stood| stood.get().cloned()) {
        return sandbox;
    }
    let sandbox = world(1, Dials::default());
    let ann = Person::new(&sandbox, "ann", "demo", CallerDials::default());
    up(&ann.session("demo", 1, Options::default()), Some(&plan(STANDING))).await.expect("the truth leads to a lab");
    STOOD.with(|stood| drop(stood.set(sandbox.clone())));
    sandbox
}

/// One who is lied to.
fn liar(sandbox: &Sandbox, lies: Vec<Lie>) -> Aws {
    lied_to_by(sandbox, move |asked| lies.iter().find(|lie| asked.contains(&lie.about)).cloned())
}

/// One who is told what this answers, and the truth where it answers nothing.
pub fn lied_to_by(sandbox: &Sandbox, lies: impl Fn(&str) -> Option<Lie> + Send + Sync + 'static) -> Aws {
    let client = Liar { truth: sandbox.client(CallerDials::default()), lies: Arc::new(lies) };
    inside(client, DEFAULT_ACCOUNT, REGION, Some("demo"), Clock::starting_at(sandbox.clock().now()))
}

/// All that looks at a lab.
async fn look(aws: &Aws, given: Option<&Plan>) {
    match view(aws, "demo", given).await {
        Ok(view) => told(&view, given),
        Err(error) => said(&error.to_string()),
    }
    if let Ok(kept) = record::read(aws, "demo").await {
        drop(kept.record());
    }
    if let Ok(leases) = Leases::read(aws, "demo").await {
        leases.held();
    }
}

/// All that is said of a lab.
pub fn told(view: &View, given: Option<&Plan>) {
    let style = Style::plain(60);
    let place = place();
    let plan = given.or(view.record.as_ref().map(|record| &record.plan));
    // What depends on itself is an error, and said.
    match PlanDocument::of(view, given, None, date(2026, 1, 5)) {
        Ok(changes) => harmless(&changes.text(style)),
        Err(circle) => said(&circle.to_string()),
    }
    harmless(&StatusDocument::of(view, None).text(style));
    let differences = drift(&view.blueprint, &view.survey);
    let record_differences = view.differences_from_record(given);
    let clean = differences.is_empty();
    let document = DriftDocument { lab: "demo".into(), clean, differences, record_differences };
    harmless(&document.text("breezeway up demo", style));
    if let Some(plan) = plan {
        let verification = verify(plan, &view.blueprint, &view.survey, REGION);
        harmless(&VerifyDocument { lab: "demo".into(), verification }.text(style));
    }
    if let Some(document) = ConnectDocument::of(view, &place, None) {
        harmless(&document.text("breezeway connect demo", &place, style));
    }
}

fn place() -> breezeway::aws::Place {
    let caller = format!("arn:aws:iam::{DEFAULT_ACCOUNT}:user/ann");
    let (target, account) = ("sandbox".to_owned(), DEFAULT_ACCOUNT.to_owned());
    breezeway::aws::Place { target, account, region: REGION.to_owned(), partition: "aws".to_owned(), caller }
}

async fn list(aws: &Aws) {
    match labs(aws).await {
        Ok(labs) => harmless(&ListDocument::of(&place(), labs).text(Style::plain(60))),
        Err(failure) => said(&failure.to_string()),
    }
}

/// A lab is built on lies; then the truth is told, and it ends well.
async fn build(lies: Vec<Lie>) {
    let sandbox = world(1, Dials::default());
    lied_to(&sandbox, lies, async |person| {
        let report = up(&person.session("demo", 2, Options::default()), Some(&plan(SMALL))).await;
        report.iter().flat_map(|report| &report.causes).for_each(|cause| said(cause));
    })
    .await;
}

/// A small lab is taken down on lies.
async fn take_down(lies: Vec<Lie>) {
    let sandbox = world(1, Dials::default());
    let ann = Person::new(&sandbox, "ann", "demo", CallerDials::default());
    let built = up(&ann.session("demo", 1, Options::default()), Some(&plan(SMALL))).await;
    assert!(built.is_ok());
    lied_to(&sandbox, lies, async |person| {
        let report = down(&person.session("demo", 2, Options::default())).await;
        report.iter().flat_map(|report| &report.causes).for_each(|cause| said(cause));
    })
    .await;
}

/// What somebody does who is lied to, and what the program says of it.
async fn lied_to(sandbox: &Sandbox, lies: Vec<Lie>, work: impl AsyncFnOnce(&Person)) {
    let person = Person { aws: liar(sandbox, lies), ..Person::new(sandbox, "bob", "demo", CallerDials::default()) };
    work(&person).await;
    for happened in person.events.borrow().iter() {
        if let Some(line) = events::line(&happened.event, 0.0, Style::plain(60)) {
            harmless(&line);
        }
    }
}

/// A false answer.
#[derive(Debug, Clone)]
pub struct Lie {
    pub about: String,
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Lie {
    fn read(part: &[u8]) -> Option<Self> {
        let end = part.iter().position(|byte| *byte == b'\n')?;
        let mut words = std::str::from_utf8(&part[..end]).ok()?.splitn(3, '\t');
        let (about, status, content_type) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            about: about.to_owned(),
            status: status.parse().ok().filter(|status| (100..1000).contains(status))?,
            content_type: content_type.to_owned(),
            body: part[end + 1..].to_vec(),
        })
    }

    fn answer(&self) -> Result<HttpResponse, ConnectorError> {
        let status = self.status.try_into().map_err(|_| ConnectorError::io("no such status".into()))?;
        let mut answer = HttpResponse::new(status, SdkBody::from(self.body.clone()));
        let _ = answer.headers_mut().try_append("content-type", self.content_type.clone());
        Ok(answer)
    }
}

/// What tells a request from others: what it asks for.
pub fn asked(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
    format!("{target} {} {} {body}", request.method(), request.uri())
}

/// What is answered to what is asked, where it is a lie.
type Lies = dyn Fn(&str) -> Option<Lie> + Send + Sync;

#[derive(Clone)]
struct Liar {
    truth: SandboxHttpClient,
    lies: Arc<Lies>,
}

impl fmt::Debug for Liar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Liar")
    }
}

impl HttpClient for Liar {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Liar {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = asked(&request);
        match (self.lies)(&asked) {
            Some(lie) => HttpConnectorFuture::ready(lie.answer()),
            None => self.truth.call(request),
        }
    }
}
