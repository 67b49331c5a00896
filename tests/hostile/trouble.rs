//! A way to AWS on which some requests come to grief: the sandbox inside this process, below the SDK, with something in
//! between.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::timeout::TimeoutConfig;
use breezeway::aws::{Aws, Clock};
use breezeway::sandbox::connector::SandboxHttpClient;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;

use crate::lab::{Person, REGION};

/// What becomes of a request in place of an answer.
#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    /// Nothing comes back, ever.
    Silence,
    /// The network is gone.
    NoNetwork,
    /// AWS refuses it so, before it has any effect: code and message.
    Refused(&'static str, &'static str),
}

/// A request: its service and operation, as far as the wire names it.
pub struct Asked<'a> {
    pub service: &'a str,
    pub operation: &'a str,
}

type Fate = dyn Fn(&Asked<'_>) -> Option<Trouble> + Send + Sync;

/// An HTTP client whose requests may come to grief.
#[derive(Clone)]
struct Troubled {
    inner: SandboxHttpClient,
    fate: Arc<Fate>,
}

/// A person whose requests meet this fate.
pub fn troubled(
    sandbox: &Sandbox,
    name: &str,
    lab: &str,
    fate: impl Fn(&Asked<'_>) -> Option<Trouble> + Send + Sync + 'static,
) -> Person {
    let person = Person::new(sandbox, name, lab, CallerDials::default());
    let clock = Clock::starting_at(sandbox.clock().now());
    let client = Troubled { inner: person.client.clone(), fate: Arc::new(fate) };
    let credentials = Credentials::new(DEFAULT_ACCOUNT, "not-a-secret", None, None, "test");
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(std::time::Duration::from_secs(60)).build();
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(SharedHttpClient::new(client))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(clock))
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .timeout_config(timeouts)
        .build();
    Person { aws: Aws::new(&config, clock), ..person }
}

impl Troubled {
    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let scope = request.headers().get("authorization").and_then(|value| value.split_once("Credential="));
        let service = scope.and_then(|(_, scope)| scope.split('/').nth(3)).unwrap_or_default().to_owned();
        let operation = operation(&request);
        match (self.fate)(&Asked { service: &service, operation: &operation }) {
            None => self.inner.call(request).await,
            Some(Trouble::Silence) => std::future::pending().await,
            Some(Trouble::NoNetwork) => Err(ConnectorError::io("Network is unreachable (os error 101)".into())),
            Some(Trouble::Refused(code, message)) => Ok(refusal(&service, code, message)),
        }
    }
}

fn operation(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    let body = request.body().bytes().unwrap_or_default();
    let action = form_urlencoded::parse(body).find(|(name, _)| name == "Action").map(|(_, action)| action.into_owned());
    action.unwrap_or_else(|| request.method().to_owned())
}

/// A refusal as the service's protocol has it.
pub fn refusal_body(service: &str, code: &str, message: &str) -> String {
    let error = format!("<Code>{code}</Code><Message>{message}</Message>");
    match service {
        "ec2" => format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>0</RequestID></Response>"),
        "iam" | "sts" | "route53" => {
            format!("<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>0</RequestId></ErrorResponse>")
        }
        _ => serde_json::json!({"__type": code, "message": message}).to_string(),
    }
}

fn refusal(service: &str, code: &'static str, message: &str) -> HttpResponse {
    let mut response =
        HttpResponse::new(400u16.try_into().unwrap(), SdkBody::from(refusal_body(service, code, message)));
    response.headers_mut().insert("x-amzn-errortype", code);
    response
}

impl HttpClient for Troubled {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Troubled {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl Debug for Troubled {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Troubled").finish_non_exhaustive()
    }
}
