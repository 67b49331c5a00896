//! The one place that builds clients, and so the only one that knows the sandbox.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient};
use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use super::guard::{self, Guard};
use super::https::{Answer, Direct, Get, Unreached};
use super::{Aws, Class, Clock, Failure, Place, loader};
use crate::sandbox::clock::WorldClock;
use crate::sandbox::dials::Dials;
use crate::sandbox::home::{Home, HomeError, Opened};
use crate::sandbox::host::{CallerDials, Sandbox};
use crate::sandbox::request::{Question, Response};
use crate::sandbox::resolve::{Refusal, Standpoint};
use crate::sandbox::serve::ask_to_request;
use crate::sandbox::wire::{DEFAULT_ACCOUNT, DEFAULT_REGION};

/// What a run works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The embedded AWS: costs nothing, skips the waiting.
    Sandbox,
    /// The real one.
    Aws,
}

impl Target {
    /// `sandbox` or `aws`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Aws => "aws",
        }
    }
}

/// Where to go, as the user said.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Sandbox or AWS.
    pub target: Target,
    /// The Region, where the user names one.
    pub region: Option<String>,
    /// The AWS profile, where the user names one.
    pub profile: Option<String>,
    /// The folder of the sandbox's world; nothing, on the way to AWS.
    pub home: PathBuf,
    /// How the sandbox behaves.
    pub dials: Dials,
}

/// The way there; known before the runtime is built, since it decides whether waits are skipped.
#[derive(Debug)]
pub enum Way {
    /// The sandbox inside this process.
    Inside(Box<Opened>),
    /// The sandbox that another process serves on this loopback port.
    Port(u16),
    /// AWS.
    Aws,
}

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The sandbox's folder can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// No Region is named anywhere.
    #[error("no AWS Region is set: use --region, AWS_REGION or a profile that has one")]
    NoRegion,
    /// Nobody has given credentials.
    #[error("there are no AWS credentials")]
    NoCredentials,
    /// The profile takes its credentials from IAM Identity Center, where nobody is logged in (any more).
    #[error("there is no valid login to AWS IAM Identity Center")]
    NotLoggedIn {
        /// The profile, where the user names one.
        profile: Option<String>,
    },
    /// Nobody answered, neither for credentials nor in AWS.
    #[error("nothing answered within {seconds} seconds, neither for credentials nor in AWS")]
    Silence {
        /// How long was waited.
        seconds: u64,
    },
    /// The file of certificates to trust can't be used.
    #[error("{} of AWS_CA_BUNDLE can't be used: {why}", .path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The caller's identity can't be shown.
    #[error(transparent)]
    Identity(#[from] Failure),
}

/// Clients that work, and where they lead.
pub struct Connected {
    /// The clients.
    pub aws: Aws,
    /// The account and Region.
    pub place: Place,
    /// Where requests come from that a user makes.
    pub corporate: Corporate,
}

impl Connected {
    /// Saves the sandbox inside this process, if there is one: the last thing to do.
    ///
    /// # Errors
    /// Its folder can't be written.
    pub fn save(&self) -> Result<(), HomeError> {
        match &self.corporate {
            Corporate::Inside(sandbox) => sandbox.save(),
            Corporate::Port(_) | Corporate::Here(_) => Ok(()),
        }
    }
}

/// The corporate network, as far as a user stands in it.
#[derive(Clone)]
pub enum Corporate {
    /// That of a lab in the sandbox of this process.
    Inside(Sandbox),
    /// That of a lab in the sandbox that is served on this loopback port.
    Port(u16),
    /// Whatever network this machine is in.
    Here(Direct),
}

impl Corporate {
    /// Sends a GET, once.
    ///
    /// # Errors
    /// Nobody answered.
    pub async fn get(&self, get: &Get<'_>) -> Result<Answer, Unreached> {
        let question = Question {
            url: get.url.to_owned(),
            from: Standpoint::Onprem,
            lab: Some(get.lab.to_owned()),
            token: Some(get.token.reveal().to_owned()),
            role: None,
            headers: Vec::new(),
        };
        let went = match self {
            Self::Here(direct) => return direct.get(get).await,
            Self::Inside(sandbox) => sandbox.request(&question),
            &Self::Port(port) => {
                let asked = tokio::task::spawn_blocking(move || ask_to_request(port, &question)).await;
                let asked = asked.map_err(std::io::Error::other).and_then(|answer| answer);
                asked.map_err(|error| Unreached::NotInSandbox(format!("whoever serves it doesn't say: {error}")))?
            }
        };
        answer_of(went)
    }
}

/// What the sandbox's network brought back.
fn answer_of(went: Result<Response, Refusal>) -> Result<Answer, Unreached> {
    let Response { status, body, steps, .. } = went.map_err(|refusal| Unreached::NotInSandbox(refusal.message))?;
    match (status, steps.last()) {
        (Some(status), _) => Ok(Answer { status, body: body.unwrap_or_default().into() }),
        (None, end) => Err(Unreached::NotInSandbox(end.map(|end| end.says.clone()).unwrap_or_default())),
    }
}

impl Choice {
    /// Finds the way.
    ///
    /// # Errors
    /// Another process has the sandbox and doesn't serve it, or the folder can't be used.
    pub fn way(&self) -> Result<Way, HomeError> {
        match self.target {
            Target::Aws => Ok(Way::Aws),
            Target::Sandbox => match Home::open_lagging(&self.home, self.dials.seed, self.dials.staleness) {
                Ok(opened) => Ok(Way::Inside(Box::new(opened))),
                Err(HomeError::Busy { port: Some(port), .. }) => Ok(Way::Port(port)),
                Err(error) => Err(error),
            },
        }
    }

    /// Goes there and asks who we are.
    ///
    /// # Errors
    /// No Region, no credentials, no answer.
    pub async fn connect(&self, way: Way, lab: Option<&str>) -> Result<Connected, ConnectError> {
        let region = self.region.clone().unwrap_or_else(|| DEFAULT_REGION.to_owned());
        let (aws, corporate) = match way {
            Way::Inside(opened) => {
                let Opened { home, world, now, past, .. } = *opened;
                let sandbox = Sandbox::new(world, WorldClock::new(now, 1.0), self.dials, Some(home)).with_past(past);
                let client = sandbox.client(CallerDials::default());
                (inside(client, DEFAULT_ACCOUNT, &region, lab, Clock::starting_at(now)), Corporate::Inside(sandbox))
            }
            Way::Port(port) => {
                let config = loader(lab)
                    .region(aws_config::Region::new(region))
                    .credentials_provider(credentials(DEFAULT_ACCOUNT))
                    .endpoint_url(format!("http://127.0.0.1:{port}"))
                    .load()
                    .await;
                (Aws::new(&config, Clock::starting_at(Timestamp::now())), Corporate::Port(port))
            }
            Way::Aws => {
                let mut loader = loader(lab);
                if let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
                    loader = loader.http_client(guard::https(Some(trusted(Path::new(&path))?)));
                }
                if let Some(region) = &self.region {
                    loader = loader.region(aws_config::Region::new(region.clone()));
                }
                if let Some(profile) = &self.profile {
                    loader = loader.profile_name(profile);
                }
                let mut config = loader.load().await;
                if let Some(profile) = self.profile.as_ref().filter(|_| std::env::var_os("AWS_ACCESS_KEY_ID").is_some())
                {
                    config = with_credentials_of(profile, &config);
                }
                if config.region().is_none() {
                    return Err(ConnectError::NoRegion);
                }
                (Aws::new(&config, Clock::starting_at(Timestamp::now())), Corporate::Here(Direct::default()))
            }
        };
        let place = aws.place(self.target.name()).await.map_err(|failure| self.no_identity(failure))?;
        Ok(Connected { aws, place, corporate })
    }

    /// The SDK says in words alone why it has no credentials.
    fn no_identity(&self, failure: Failure) -> ConnectError {
        let says = |words: &str| failure.class == Class::Unidentified && failure.message.contains(words);
        if says("SSO token") {
            ConnectError::NotLoggedIn { profile: self.profile.clone() }
        } else if says("credential provider was not enabled") {
            ConnectError::NoCredentials
        } else {
            ConnectError::Identity(failure)
        }
    }
}

/// The certificates of a file, to be trusted and no others, as AWS's tools take `AWS_CA_BUNDLE`; the SDK for Rust
/// doesn't know it.
fn trusted(path: &Path) -> Result<TlsContext, ConnectError> {
    let unusable = |why: String| ConnectError::Certificates { path: path.to_owned(), why };
    let text = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(format!("it isn't PEM: {error}")))?;
    // The SDK panics at what rustls refuses.
    let mut store = RootCertStore::empty();
    let (trusted, _) = store.add_parsable_certificates(certificates);
    if trusted == 0 || store.len() != CertificateDer::pem_slice_iter(&text).count() {
        return Err(unusable("it holds no certificate, or one that can't be read".to_owned()));
    }
    let context = TlsContext::builder().with_trust_store(TrustStore::empty().with_pem_certificate(text)).build();
    context.map_err(|error| unusable(error.to_string()))
}

/// The credentials of a profile that the user names count for more than keys in the environment, as with the AWS CLI;
/// the SDK has it the other way round.
fn with_credentials_of(profile: &str, config: &SdkConfig) -> SdkConfig {
    let place = ProviderConfig::without_region().with_region(config.region().cloned());
    let credentials = ProfileFileCredentialsProvider::builder().configure(&place).profile_name(profile).build();
    config.to_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build()
}

/// Clients of a sandbox inside this process, or of what a test puts in its place. Nothing of the environment reaches them.
pub fn inside(client: impl HttpClient + 'static, account: &str, region: &str, lab: Option<&str>, clock: Clock) -> Aws {
    let mut config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials(account)))
        .http_client(SharedHttpClient::new(Guard(client)))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(clock))
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .timeout_config(super::timeouts());
    config.set_stalled_stream_protection(Some(
        aws_config::stalled_stream_protection::StalledStreamProtectionConfig::disabled(),
    ));
    config.set_app_name(super::app_name(lab));
    Aws::new(&config.build(), clock)
}

/// The sandbox takes twelve digits for the account they are; it checks no signature.
fn credentials(account: &str) -> Credentials {
    Credentials::new(account, "not-a-secret", None, None, "sandbox")
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
            + std::time::Duration::from_millis(u64::try_from(Clock::now(self).as_millisecond()).unwrap_or(0))
    }
}
