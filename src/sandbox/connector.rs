//! The way in for an SDK client of this process: an HTTP client that asks the sandbox.

use super::host::{Caller, CallerDials, Outcome, OwnedHttpRequest, Sandbox};
use super::wire;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// An HTTP client of one caller; its clones call for the same one.
#[derive(Clone)]
pub struct SandboxHttpClient {
    sandbox: Sandbox,
    caller: Arc<Caller>,
}

impl Sandbox {
    /// An HTTP client for a new caller.
    pub fn client(&self, dials: CallerDials) -> SandboxHttpClient {
        SandboxHttpClient { sandbox: self.clone(), caller: Arc::new(Caller::new(dials)) }
    }
}

impl SandboxHttpClient {
    /// Who calls through this client.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = own(&request)?;
        match self.sandbox.answer(&request, &self.caller).await {
            Outcome::Response(response) => answered(response),
            Outcome::Dropped => Err(ConnectorError::io("the connection was closed without an answer".into())),
            Outcome::TimedOut => Err(ConnectorError::timeout("no answer came in time".into())),
        }
    }
}

impl HttpClient for SandboxHttpClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for SandboxHttpClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl Debug for SandboxHttpClient {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SandboxHttpClient").finish_non_exhaustive()
    }
}

fn own(request: &HttpRequest) -> Result<OwnedHttpRequest, ConnectorError> {
    let uri: http::Uri =
        request.uri().parse().map_err(|error: http::uri::InvalidUri| ConnectorError::user(error.into()))?;
    let body = request.body().bytes().ok_or_else(|| ConnectorError::user("the body must be in memory".into()))?;
    let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let host = uri.host().map(|host| ("host".to_owned(), host.to_owned()));
    Ok(OwnedHttpRequest {
        method: request.method().to_owned(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers: headers.chain(host).collect(),
        body: body.to_vec(),
    })
}

fn answered(response: wire::HttpResponse) -> Result<HttpResponse, ConnectorError> {
    let status = response.status.try_into().map_err(|_| ConnectorError::other("no such HTTP status".into(), None))?;
    let mut answered = HttpResponse::new(status, SdkBody::from(response.body));
    for (name, value) in response.headers {
        answered.headers_mut().try_append(name, value).map_err(|error| ConnectorError::other(error.into(), None))?;
    }
    Ok(answered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::clock::WorldClock;
    use crate::sandbox::host::Calls;
    use crate::sandbox::world::World;
    use jiff::Timestamp;

    fn client(dials: &str) -> SandboxHttpClient {
        let clock = WorldClock::new(Timestamp::UNIX_EPOCH, 1.0);
        Sandbox::new(World::new(1), clock, dials.parse().unwrap(), None).client(CallerDials::default())
    }

    fn identity() -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from("Action=GetCallerIdentity&Version=2011-06-15"));
        request.set_method("POST").unwrap();
        request.set_uri("https://sts.us-east-1.amazonaws.com/").unwrap();
        request.headers_mut().insert("content-type", "application/x-www-form-urlencoded");
        let signature = "AWS4-HMAC-SHA256 Credential=444455556666/20260101/us-east-1/sts/aws4_request, \
            SignedHeaders=host, Signature=0";
        request.headers_mut().insert("authorization", signature);
        request
    }

    #[tokio::test(start_paused = true)]
    async fn an_sdk_gets_the_answer_as_bytes() {
        let client = client("");
        let response = client.call(identity()).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let body = std::str::from_utf8(response.body().bytes().unwrap()).unwrap();
        assert!(body.contains("<Arn>arn:aws:iam::444455556666:user/sandbox</Arn>"), "{body}");
        assert_eq!(client.caller().calls(), Calls { read: 1, write: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn paths_and_methods_reach_the_sandbox_as_they_are() {
        let client = client("");
        client.sandbox.log_requests();
        let mut request = identity();
        for (method, target) in [
            ("GET", "/restapis/a?limit=5"),
            ("PUT", "/tags/arn%3Aaws%3Aapigateway"),
            ("PATCH", "/a"),
            ("DELETE", "/a/"),
        ] {
            request.set_method(method).unwrap();
            request.set_uri(format!("https://apigateway.us-east-1.amazonaws.com{target}")).unwrap();
            client.call(request.try_clone().unwrap()).await.unwrap();
        }
        let requests = client.sandbox.requests();
        let requested = requests.iter().filter(|line| !line.starts_with('='));
        let lines: Vec<_> = requested.map(|line| line.split("  ").next().unwrap()).collect();
        let expected = ["GET /restapis/a?limit=5", "PUT /tags/arn%3Aaws%3Aapigateway?", "PATCH /a?", "DELETE /a/?"];
        assert_eq!(lines, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unsigned_call_is_for_the_region_of_its_host() {
        let client = client("");
        client.sandbox.log_requests();
        let mut request = HttpRequest::new(SdkBody::from(r#"{"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "abc"}"#));
        request.set_method("POST").unwrap();
        request.set_uri("https://cognito-idp.eu-west-1.amazonaws.com/").unwrap();
        request.headers_mut().insert("x-amz-target", "AWSCognitoIdentityProviderService.InitiateAuth");
        let own = own(&request).unwrap();
        assert!(own.headers.contains(&("host".to_owned(), "cognito-idp.eu-west-1.amazonaws.com".to_owned())));
        client.call(request).await.unwrap();
        assert!(client.sandbox.requests()[1].starts_with("= cognito-idp InitiateAuth"));
    }

    #[tokio::test(start_paused = true)]
    async fn lost_answers_are_errors_of_the_connection() {
        let client = client("faults=100");
        let mut errors = Vec::new();
        for _ in 0..60 {
            errors.extend(client.call(identity()).await.err());
        }
        assert!(errors.iter().any(ConnectorError::is_io));
        assert!(errors.iter().any(ConnectorError::is_timeout));
        assert!(errors.iter().all(|error| error.is_io() || error.is_timeout()));
    }
}
