//! The way in for every other process: HTTP on a loopback port, where AWS's command line and any SDK can look around.

use super::host::{Caller, CallerDials, Outcome, OwnedHttpRequest, Sandbox};
use super::request;
use super::resolve::{self, Refusal, Resolution};
use super::wire::HttpResponse;
use crate::aws::partition::dns_suffix;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::future::Future;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The largest request body that is read, in bytes.
const MAX_BODY: usize = 10 << 20;
/// Where the server is asked how a name resolves: a [`resolve::Question`] in JSON, answered by a `Result` in JSON.
const RESOLVE: &str = "/_breezeway/resolve";
/// Where it is asked how far a request gets: a [`request::Question`] in JSON, answered by a `Result` in JSON.
const REQUEST: &str = "/_breezeway/request";
/// How long a server may take to say so.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long calls that run may take to end when the server does.
const GRACE: Duration = Duration::from_secs(2);

/// A listener on a loopback port; 0 takes any that is free.
///
/// # Errors
/// What the system says, for instance that the port is in use.
pub async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// Serves the sandbox until `shutdown` is done, then lets the calls that run end. The dials are those of whoever calls. To
/// save the world is left to the caller.
pub async fn serve(listener: TcpListener, sandbox: Sandbox, dials: CallerDials, shutdown: impl Future<Output = ()>) {
    let caller = Arc::new(Caller::new(dials));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, sandbox.clone(), caller.clone(), stopped.clone()));
                }
                // Out of file descriptors, most likely: connections that end will free some.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(stop);
    let _ = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

/// Speaks HTTP/1.1 on one connection until it closes; a client that breaks the protocol is cut off.
async fn connection(stream: TcpStream, sandbox: Sandbox, caller: Arc<Caller>, mut stopped: watch::Receiver<()>) {
    let service = service_fn(|request| respond(&sandbox, &caller, request));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = &mut connection => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// An error closes the connection without an answer.
async fn respond(sandbox: &Sandbox, caller: &Caller, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/_breezeway/health" {
        let clock = sandbox.clock();
        let health = json!({ "now": clock.now(), "speed": clock.speed(), "version": env!("CARGO_PKG_VERSION") });
        return Ok(Response::new(Full::from(health.to_string())));
    }
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE));
    }
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE)),
        Err(error) => return Err(io::Error::other(error)),
    };
    if parts.uri.path() == RESOLVE {
        return Ok(answer(&body, |question: resolve::Question| sandbox.resolve(&question)));
    }
    if parts.uri.path() == REQUEST {
        return Ok(answer(&body, |question: request::Question| sandbox.request(&question)));
    }
    if let Some(document) = provider_document(sandbox, parts.uri.path()) {
        return Ok(open_to_pages(Response::new(Full::from(document.to_string()))));
    }
    let from_a_page = parts.headers.contains_key("origin") && is_sign_in(&parts);
    if from_a_page && parts.method == Method::OPTIONS {
        return Ok(open_to_pages(plain(StatusCode::OK)));
    }
    let headers = parts.headers.iter();
    let request = OwnedHttpRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: body.to_vec(),
    };
    match sandbox.answer(&request, caller).await {
        Outcome::Response(response) if from_a_page => Ok(open_to_pages(http_response(response))),
        Outcome::Response(response) => Ok(http_response(response)),
        Outcome::Dropped | Outcome::TimedOut => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// What a user pool publishes of itself:
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints.html>.
fn provider_document(sandbox: &Sandbox, path: &str) -> Option<Value> {
    let (pool, document) = path.strip_prefix('/')?.split_once("/.well-known/")?;
    let keys = sandbox.jwks(pool)?;
    let region = pool.split_once('_')?.0;
    let issuer = format!("https://cognito-idp.{region}.{}/{pool}", dns_suffix(region));
    match document {
        "jwks.json" => Some(keys),
        "openid-configuration" => Some(json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "token"],
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
        })),
        _ => None,
    }
}

/// Whether a request is one of Cognito's, which browsers may make from any page, or asks whether they may.
fn is_sign_in(parts: &Parts) -> bool {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let asks = parts.headers.get("access-control-request-headers").and_then(|value| value.to_str().ok());
    target.is_some_and(|target| target.starts_with("AWSCognitoIdentityProviderService."))
        || asks.is_some_and(|asks| asks.to_lowercase().contains("x-amz-target"))
}

/// The answer with what browsers ask for before they show it to a page, as Cognito says it.
fn open_to_pages(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let said = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, x-amz-target, x-amz-user-agent"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "x-amzn-requestid, x-amzn-errortype, x-amzn-errormessage, date"),
    ];
    response.headers_mut().extend(said.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

fn http_response(response: HttpResponse) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(response.status);
    for (name, value) in response.headers {
        builder = builder.header(name, value);
    }
    builder.body(Full::from(response.body)).unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
}

/// Answers a question of another process of ours.
fn answer<Q: DeserializeOwned, A: Serialize>(body: &[u8], answer: impl FnOnce(Q) -> A) -> Response<Full<Bytes>> {
    match serde_json::from_slice(body) {
        Ok(question) => Response::new(Full::from(json!(answer(question)).to_string())),
        Err(_) => plain(StatusCode::BAD_REQUEST),
    }
}

/// Asks the process that serves a sandbox on a loopback port how a name resolves there.
///
/// # Errors
/// The server can't be reached, or it speaks otherwise: `InvalidData`.
pub fn ask(port: u16, question: &resolve::Question) -> io::Result<Result<Resolution, Refusal>> {
    put(port, RESOLVE, question)
}

/// Asks the process that serves a sandbox on a loopback port how far a request gets there.
///
/// # Errors
/// As [`ask`].
pub fn ask_to_request(port: u16, question: &request::Question) -> io::Result<Result<request::Response, Refusal>> {
    put(port, REQUEST, question)
}

fn put<A: DeserializeOwned>(port: u16, path: &str, question: &impl Serialize) -> io::Result<A> {
    let question = json!(question).to_string();
    let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{question}",
        question.len()
    )?;
    let mut answer = String::new();
    stream.take(MAX_BODY as u64).read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(serde_json::from_str(body)?)
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::clock::WorldClock;
    use crate::sandbox::world::World;
    use jiff::Timestamp;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    struct Server {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        running: JoinHandle<()>,
    }

    async fn server(dials: &str) -> Server {
        let listener = listen(0).await.unwrap();
        let address = listener.local_addr().unwrap();
        let clock = WorldClock::new(Timestamp::UNIX_EPOCH, 60.0);
        let sandbox = Sandbox::new(World::new(1), clock, dials.parse().unwrap(), None);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        Server { address, stop, running: tokio::spawn(serve(listener, sandbox, CallerDials::default(), shutdown)) }
    }

    impl Server {
        /// Sends these bytes and returns everything that comes back.
        async fn exchange(&self, bytes: &[u8]) -> String {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap();
            String::from_utf8_lossy(&answer).into_owned()
        }
    }

    const IDENTITY: &str = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
        content-type: application/x-www-form-urlencoded\r\n\
        authorization: AWS4-HMAC-SHA256 Credential=444455556666/20260101/us-east-1/sts/aws4_request, \
        SignedHeaders=host, Signature=0\r\n\
        content-length: 43\r\n\r\nAction=GetCallerIdentity&Version=2011-06-15";

    #[tokio::test]
    async fn a_request_over_http_is_answered() {
        let server = server("").await;
        let answer = server.exchange(IDENTITY.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains("<Account>444455556666</Account>"), "{answer}");
    }

    #[tokio::test]
    async fn method_path_and_query_are_the_clients_own() {
        let server = server("").await;
        let request = "GET /2015-03-31/functions/arn%3Aaws%3Alambda/aliases?MaxItems=5 HTTP/1.1\r\nhost: x\r\n\
            connection: close\r\nauthorization: AWS4-HMAC-SHA256 \
            Credential=444455556666/20260101/us-east-1/lambda/aws4_request, Signature=0\r\n\r\n";
        let answer = server.exchange(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 501 Not Implemented"), "{answer}");
        assert!(answer.contains("x-amzn-errortype: NotImplemented") && answer.contains("ListAliases"), "{answer}");
    }

    #[tokio::test]
    async fn health_says_time_speed_and_version() {
        let server = server("").await;
        let answer = server.exchange(b"GET /_breezeway/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let health: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(health["now"].as_str().unwrap().starts_with("1970-01-01T00:"));
        assert_eq!((&health["speed"], &health["version"]), (&json!(60.0), &json!(env!("CARGO_PKG_VERSION"))));
    }

    #[tokio::test]
    async fn what_is_not_http_or_too_large_breaks_nothing() {
        let server = server("").await;
        assert!(!server.exchange(b"\x16\x03\x01\x00nonsense\r\n\r\n").await.contains("200"));
        assert!(!server.exchange(b"POST / HTTP/1.1\r\ncontent-length: -5\r\n\r\n").await.contains("200"));
        let large =
            format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", MAX_BODY + 1);
        assert!(server.exchange(large.as_bytes()).await.starts_with("HTTP/1.1 413"));
        let unsigned = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: \xff\xfe\r\n\r\n";
        assert!(server.exchange(unsigned).await.starts_with("HTTP/1.1 4"));
        assert!(server.exchange(IDENTITY.as_bytes()).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_dropped_connection_closes_without_a_byte() {
        let server = server("faults=100,seed=1").await;
        let mut dropped = 0;
        for _ in 0..30 {
            let answer = server.exchange(IDENTITY.as_bytes()).await;
            dropped += usize::from(answer.is_empty());
            assert!(answer.is_empty() || !answer.starts_with("HTTP/1.1 200"));
        }
        assert!(dropped > 0);
    }

    #[tokio::test]
    async fn shutdown_closes_idle_connections_and_ends() {
        let server = server("").await;
        let mut idle = TcpStream::connect(server.address).await.unwrap();
        idle.write_all(IDENTITY.replace("close", "keep-alive").as_bytes()).await.unwrap();
        idle.readable().await.unwrap();
        server.stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(5), server.running).await.unwrap().unwrap();
        assert!(TcpStream::connect(server.address).await.is_err());
    }
}
