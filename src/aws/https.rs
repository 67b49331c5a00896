//! One HTTPS request that is none of the SDK's: what a machine of the corporate network asks the portal.
//!
//! It is sent from here, to a private address or not at all, past any proxy: a proxy looks names up by itself, and stands
//! where they are public.

use std::net::IpAddr;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError, SharedDnsResolver};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use futures::future;
use http_body_util::{BodyExt, Limited};
use ipnet::Ipv4Net;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::failure::deepest;
use crate::password::Secret;

/// How long a name may take to be looked up, and a connection to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long all the rest may take: a little more than API Gateway waits for a function,
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>.
const ANSWER: Duration = Duration::from_secs(35);
/// The largest answer, in bytes: some times what a presigned URL takes.
const LARGEST: usize = 1 << 16;

/// A GET that shows a token.
#[derive(Debug, Clone, Copy)]
pub struct Get<'a> {
    /// Where to.
    pub url: &'a str,
    /// What is shown, as `Authorization: Bearer TOKEN`.
    pub token: &'a Secret,
    /// The VPC in which whoever answers stands; its addresses count as private, whatever they are.
    pub network: Ipv4Net,
    /// The lab whose corporate network is meant.
    pub lab: &'a str,
}

/// What it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body. It may hold a URL that opens Studio.
    pub body: Secret,
}

/// Why nobody answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreached {
    /// The name has no address where we stand.
    NoName(String),
    /// The name has a public address where we stand; nothing was sent there.
    Public(IpAddr),
    /// No connection comes about.
    NoWay {
        /// Where to.
        address: IpAddr,
        /// What the system says.
        why: String,
    },
    /// There was a connection, and no answer.
    NoAnswer {
        /// With whom.
        address: IpAddr,
        /// What went wrong, of the certificate for instance.
        why: String,
    },
    /// The sandbox's network doesn't lead there, and why.
    NotInSandbox(String),
}

/// The network that this machine stands in.
#[derive(Debug, Clone)]
pub struct Direct {
    names: SharedDnsResolver,
}

impl Default for Direct {
    fn default() -> Self {
        Self::with_names(System)
    }
}

impl Direct {
    /// The same with names looked up in another way than the system's.
    pub fn with_names(names: impl ResolveDns + 'static) -> Self {
        Self { names: SharedDnsResolver::new(names) }
    }

    /// Sends a GET, once.
    ///
    /// # Errors
    /// Nobody answered.
    pub async fn get(&self, get: &Get<'_>) -> Result<Answer, Unreached> {
        let uri: http::Uri =
            get.url.parse().map_err(|error: http::uri::InvalidUri| Unreached::NoName(error.to_string()))?;
        let addresses = self.addresses(uri.host().unwrap_or_default()).await?;
        if let Some(public) = addresses.iter().find(|address| !is_private(**address, get.network)) {
            return Err(Unreached::Public(*public));
        }
        let port = uri.port_u16().unwrap_or(443);
        let attempts = addresses.into_iter().map(|address| Box::pin(connects(address, port)));
        let (address, _) = future::select_ok(attempts).await?;
        let no_answer = |why: String| Unreached::NoAnswer { address, why };
        match timeout(ANSWER, answer(address, get)).await {
            Ok(answered) => answered.map_err(no_answer),
            Err(_) => Err(no_answer(format!("nothing came within {} seconds", ANSWER.as_secs()))),
        }
    }

    /// The addresses of a host, at least one.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Unreached> {
        let no_name = |why: &str| Unreached::NoName(why.to_owned());
        match timeout(CONNECT, self.names.resolve_dns(host)).await {
            Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
            Ok(Ok(_)) => Err(no_name("it has none")),
            Ok(Err(error)) => Err(no_name(&deepest(&error))),
            Err(_) => Err(no_name("no DNS server answers")),
        }
    }
}

/// Whether an address can be that of an endpoint in a VPC with this range.
fn is_private(address: IpAddr, network: Ipv4Net) -> bool {
    match address {
        IpAddr::V4(address) => network.contains(&address) || address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

/// The address, if a connection to it comes about.
async fn connects(address: IpAddr, port: u16) -> Result<IpAddr, Unreached> {
    let no_way = |why: String| Unreached::NoWay { address, why };
    match timeout(CONNECT, TcpStream::connect((address, port))).await {
        Ok(Ok(_)) => Ok(address),
        Ok(Err(error)) => Err(no_way(error.to_string())),
        Err(_) => Err(no_way(format!("nothing came back within {} seconds", CONNECT.as_secs()))),
    }
}

/// Sends the request to an address, by the HTTP client of the SDK.
async fn answer(address: IpAddr, get: &Get<'_>) -> Result<Answer, String> {
    let connector = Connector::builder()
        .proxy_config(ProxyConfig::disabled())
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_with_resolver(Pinned(address));
    let mut request = HttpRequest::get(get.url).map_err(|error| error.to_string())?;
    let headers = [
        ("authorization", format!("Bearer {}", get.token.reveal())),
        ("user-agent", format!("breezeway/{}", env!("CARGO_PKG_VERSION"))),
    ];
    for (name, value) in headers {
        // The error would say the value.
        request.headers_mut().try_insert(name, value).map_err(|_| format!("it can't be sent as the header {name}"))?;
    }
    let response = connector.call(request).await.map_err(|error| deepest(&error))?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), LARGEST).collect().await.map_err(|error| error.to_string())?;
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    Ok(Answer { status, body: Secret::from(body) })
}

/// Every name leads to the address that was looked at.
#[derive(Debug, Clone)]
struct Pinned(IpAddr);

impl ResolveDns for Pinned {
    fn resolve_dns<'a>(&'a self, _: &'a str) -> DnsFuture<'a> {
        DnsFuture::ready(Ok(vec![self.0]))
    }
}

/// Names as this machine has them.
#[derive(Debug)]
struct System;

impl ResolveDns for System {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, 443)).await.map_err(ResolveDnsError::new)?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    /// Every name has these addresses.
    #[derive(Debug)]
    struct Names(Vec<IpAddr>);

    impl ResolveDns for Names {
        fn resolve_dns<'a>(&'a self, _: &'a str) -> DnsFuture<'a> {
            DnsFuture::ready(Ok(self.0.clone()))
        }
    }

    /// No DNS server answers.
    #[derive(Debug)]
    struct Silence;

    impl ResolveDns for Silence {
        fn resolve_dns<'a>(&'a self, _: &'a str) -> DnsFuture<'a> {
            DnsFuture::new(std::future::pending())
        }
    }

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// Asks for this URL in a network where every name has these addresses, and loopback is the VPC's.
    async fn ask(addresses: &[IpAddr], url: &str) -> Result<Answer, Unreached> {
        let token = Secret::from("bearer".to_owned());
        let network = "127.0.0.0/8".parse().unwrap();
        Direct::with_names(Names(addresses.to_vec())).get(&Get { url, token: &token, network, lab: "demo" }).await
    }

    /// A server on loopback that answers one request with these bytes; it returns what it was asked.
    async fn server(answer: &'static [u8]) -> (u16, JoinHandle<String>) {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = vec![0; 4096];
                let read = stream.read(&mut asked).await.unwrap();
                // The first connection only finds out whether there is a way.
                if read > 0 {
                    stream.write_all(answer).await.unwrap();
                    return String::from_utf8_lossy(&asked[..read]).into_owned();
                }
            }
        });
        (port, serving)
    }

    #[tokio::test]
    async fn a_private_address_is_asked_and_shown_the_token() {
        let (port, serving) = server(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\n{}").await;
        let answer = ask(&[LOOPBACK], &format!("http://api.example:{port}/portal/users/ann/url")).await.unwrap();
        assert_eq!((answer.status, answer.body.reveal()), (403, "{}"));
        let asked = serving.await.unwrap();
        assert!(asked.starts_with("GET /portal/users/ann/url HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("authorization: Bearer bearer\r\n"), "{asked}");
        assert!(asked.contains(&format!("host: api.example:{port}\r\n")), "{asked}");
    }

    #[tokio::test]
    async fn a_public_address_is_sent_nothing() {
        let public: IpAddr = "203.0.113.7".parse().unwrap();
        for addresses in [&[public][..], &[LOOPBACK, public]] {
            assert_eq!(ask(addresses, "https://api.example/").await, Err(Unreached::Public(public)));
        }
        let network = "100.64.0.0/16".parse().unwrap();
        let private = |address: &str| is_private(address.parse().unwrap(), network);
        assert!(private("10.16.42.74") && private("100.64.1.1") && private("fd00::1"));
        assert!(!private("100.65.1.1") && !private("8.8.8.8") && !private("2600::1"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_without_an_address_ends_it() {
        assert_eq!(ask(&[], "https://api.example/").await, Err(Unreached::NoName("it has none".into())));
        let (token, network) = (Secret::from(String::new()), Ipv4Net::default());
        let get = Get { url: "https://api.example/", token: &token, network, lab: "demo" };
        let silence = Direct::with_names(Silence).get(&get).await;
        assert_eq!(silence, Err(Unreached::NoName("no DNS server answers".into())));
    }

    #[tokio::test]
    async fn a_door_that_is_shut_is_no_way() {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let shut = ask(&[LOOPBACK], &format!("https://api.example:{port}/")).await.unwrap_err();
        let Unreached::NoWay { address: LOOPBACK, why } = shut else { panic!("{shut:?}") };
        assert!(why.contains("refused"), "{why}");
    }

    #[tokio::test]
    async fn whoever_speaks_no_tls_is_not_believed() {
        let (port, serving) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let other = ask(&[LOOPBACK], &format!("https://api.example:{port}/")).await;
        assert!(matches!(&other, Err(Unreached::NoAnswer { address: LOOPBACK, .. })), "{other:?}");
        assert!(!serving.await.unwrap().contains("bearer"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_come_is_not_waited_for_longer_than_a_function_may_take() {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let silent = ask(&[LOOPBACK], &format!("http://api.example:{port}/")).await;
        let why = "nothing came within 35 seconds".to_owned();
        assert_eq!(silent, Err(Unreached::NoAnswer { address: LOOPBACK, why }));
        drop(listener);
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_is_none() {
        let (port, serving) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
        let large = ask(&[LOOPBACK], &format!("http://api.example:{port}/")).await;
        assert!(matches!(&large, Err(Unreached::NoAnswer { .. })), "{large:?}");
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_token_that_is_no_header_is_not_said() {
        let (port, serving) = server(b"").await;
        let (url, token) = (format!("http://api.example:{port}/"), Secret::from("canary\nline".to_owned()));
        let network = "127.0.0.0/8".parse().unwrap();
        let get = Get { url: &url, token: &token, network, lab: "demo" };
        let refused = Direct::with_names(Names(vec![LOOPBACK])).get(&get).await.unwrap_err();
        assert_eq!(
            refused,
            Unreached::NoAnswer { address: LOOPBACK, why: "it can't be sent as the header authorization".into() }
        );
        assert!(!format!("{get:?}").contains("canary"));
        serving.abort();
    }
}
