//! The way to AWS: clients, the one place where calls are made and counted, error classes, rates, tags.

pub mod clock;
pub mod connect;
pub mod failure;
pub mod guard;
pub mod https;
pub mod pace;
pub mod partition;
pub mod services;
pub mod tags;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::{Deserialize, Serialize};

pub use clock::Clock;
pub use failure::{Class, Failure};
use pace::{Pace, Share};

/// How often a read is asked that gets no answer.
const ATTEMPTS: u32 = 8;
/// The same of the first question, since there may be no way at all.
const FIRST_ATTEMPTS: u32 = 4;
/// How long a read is asked again before its failure is believed, where each attempt takes its time to fail.
const PATIENCE: Duration = Duration::from_secs(120);
/// The first pause between two attempts; each further one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A list of more pages has no end: an account may have 10,000 parameters, and ten are on a page.
const MOST_PAGES: usize = 1100;

/// Calls made so far. Throttled and repeated attempts count as calls and as `retried`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Calls that change nothing.
    pub read: u64,
    /// Calls that may change something.
    pub write: u64,
    /// How many of both were repetitions.
    pub retried: u64,
}

/// Whose account and which Region a run works in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `sandbox` or `aws`.
    pub target: String,
    /// Twelve digits.
    pub account: String,
    /// `eu-west-1`.
    pub region: String,
    /// `aws`, `aws-cn`, `aws-us-gov`: from the caller's own ARN.
    pub partition: String,
    /// The caller's ARN.
    pub caller: String,
}

/// The clients of one run, and the count and pace of its calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Aws {
    /// API Gateway.
    pub apigateway: aws_sdk_apigateway::Client,
    /// DynamoDB: which user has which Studio profile.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Cognito's user pools: who signs in.
    pub cognito: aws_sdk_cognitoidentityprovider::Client,
    /// EC2.
    pub ec2: aws_sdk_ec2::Client,
    /// EFS: what SageMaker made for a domain.
    pub efs: aws_sdk_efs::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Route 53: hosted zones.
    pub route53: aws_sdk_route53::Client,
    /// Route 53 Resolver.
    pub route53resolver: aws_sdk_route53resolver::Client,
    /// SageMaker.
    pub sagemaker: aws_sdk_sagemaker::Client,
    /// Systems Manager: the record and the lock.
    pub ssm: aws_sdk_ssm::Client,
    /// STS: who we are.
    pub sts: aws_sdk_sts::Client,
    /// The run's clock.
    pub clock: Clock,
    region: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    calls: Calls,
    account: Option<String>,
    pace: Pace,
}

/// The settings that every configuration of the SDK gets: its own retries and protections off, since the engine's are
/// the only ones.
fn loader(lab: Option<&str>) -> aws_config::ConfigLoader {
    let loader = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .http_client(guard::https(None))
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts());
    match app_name(lab) {
        Some(name) => loader.app_name(name),
        None => loader,
    }
}

/// Tool, version and lab: what CloudTrail shows of who called.
fn app_name(lab: Option<&str>) -> Option<aws_config::AppName> {
    let version = env!("CARGO_PKG_VERSION");
    let name = lab.map_or(format!("breezeway-{version}"), |lab| format!("breezeway-{version}-{lab}"));
    aws_config::AppName::new(name).ok()
}

fn timeouts() -> aws_config::timeout::TimeoutConfig {
    aws_config::timeout::TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(10))
        .operation_attempt_timeout(Duration::from_secs(60))
        .build()
}

impl Aws {
    /// Clients from an SDK configuration made with [`loader`].
    pub fn new(config: &SdkConfig, clock: Clock) -> Self {
        Self {
            apigateway: aws_sdk_apigateway::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            cognito: aws_sdk_cognitoidentityprovider::Client::new(config),
            ec2: aws_sdk_ec2::Client::new(config),
            efs: aws_sdk_efs::Client::new(config),
            iam: aws_sdk_iam::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            route53: aws_sdk_route53::Client::new(config),
            route53resolver: aws_sdk_route53resolver::Client::new(config),
            sagemaker: aws_sdk_sagemaker::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
            clock,
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            shared: Arc::default(),
        }
    }

    /// The Region that the clients talk to.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Calls made so far.
    pub fn calls(&self) -> Calls {
        self.lock().calls
    }

    /// The request buckets as they stand.
    pub fn pace(&self) -> Pace {
        self.lock().pace.clone()
    }

    /// Our share in the account's request rates; none where they are ours alone.
    pub fn share(&self) -> Option<Share> {
        self.lock().pace.share()
    }

    /// Takes this share in the account's request rates from now on.
    pub fn take_share(&self, share: Option<Share>) {
        let now = self.clock.elapsed();
        self.lock().pace.take_share(share, now);
    }

    /// Asks who we are: also the first proof that the credentials work.
    ///
    /// # Errors
    /// Whatever the SDK says of credentials, network or endpoint.
    pub async fn place(&self, target: &str) -> Result<Place, Failure> {
        let ask = || self.sts.get_caller_identity().send();
        let identity = self.attempt("sts", "GetCallerIdentity", true, FIRST_ATTEMPTS, ask).await?;
        let caller = identity.arn().unwrap_or_default().to_owned();
        let account = identity.account().unwrap_or_default().to_owned();
        self.lock().account = Some(account.clone());
        Ok(Place {
            target: target.to_owned(),
            account,
            region: self.region.clone(),
            partition: caller.split(':').nth(1).filter(|p| !p.is_empty()).unwrap_or("aws").to_owned(),
            caller,
        })
    }

    /// The caller's account, asked for once: some ARNs are in no answer.
    ///
    /// # Errors
    /// As of [`Aws::place`].
    pub async fn account(&self) -> Result<String, Failure> {
        let known = self.lock().account.clone();
        match known {
            Some(account) => Ok(account),
            None => Ok(self.place("").await?.account),
        }
    }

    /// Makes a call that changes nothing: repeated while throttled or unanswered.
    ///
    /// # Errors
    /// The last failure, once asking again is no use.
    pub async fn read<T, E, F>(&self, service: &str, operation: &str, call: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.attempt(service, operation, true, ATTEMPTS, call).await
    }

    /// Reads something that a list just showed: while reads lag behind writes it may seem to be missing, so that is
    /// believed only after asking for a while.
    ///
    /// # Errors
    /// The last failure.
    pub async fn read_listed<T, E, F>(&self, service: &str, operation: &str, call: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match self.attempt(service, operation, true, ATTEMPTS, &call).await {
                Err(failure) if failure.class == Class::NotFound => tokio::time::sleep(pause).await,
                answer => return answer,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.attempt(service, operation, true, ATTEMPTS, &call).await
    }

    /// Reads a list to its last page. A page that can't be read fails the whole: a list cut short is not a list.
    ///
    /// # Errors
    /// The failure of any page.
    pub async fn read_pages<T, E, F>(
        &self,
        service: &str,
        operation: &str,
        page: impl Fn(Option<String>) -> F,
    ) -> Result<Vec<T>, Failure>
    where
        F: Future<Output = Result<(Vec<T>, Option<String>), SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let unreadable = |message: &str| Err(Failure::here(operation, Class::UnknownOutcome, message));
        let list = async {
            let mut items = Vec::new();
            let mut next: Option<String> = None;
            for _ in 0..MOST_PAGES {
                let (more, token) = self.read(service, operation, || page(next.clone())).await?;
                items.extend(more);
                match token.filter(|token| !token.is_empty()) {
                    Some(token) if next.as_ref() == Some(&token) => {
                        return unreadable("the same page was offered twice");
                    }
                    Some(token) => next = Some(token),
                    None => return Ok(items),
                }
            }
            unreadable("the list has no end")
        };
        guard::one_list(list).await
    }

    /// Makes a call that changes something: repeated while throttled, which proves that it had no effect, and in no
    /// other case. What else to do about a failure depends on the change, and is the engine's to decide.
    ///
    /// # Errors
    /// The failure, with its class.
    pub async fn write<T, E, F>(&self, service: &str, operation: &str, call: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.attempt(service, operation, false, ATTEMPTS, call).await
    }

    async fn attempt<T, E, F>(
        &self,
        service: &str,
        operation: &str,
        read: bool,
        attempts: u32,
        call: impl Fn() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut pause = FIRST_PAUSE;
        let began = self.clock.elapsed();
        for attempt in 1.. {
            let now = self.clock.elapsed();
            let wait = self.lock().pace.book(service, operation, now);
            tokio::time::sleep(wait).await;
            {
                let calls = &mut self.lock().calls;
                *if read { &mut calls.read } else { &mut calls.write } += 1;
                calls.retried += u64::from(attempt > 1);
            }
            // Boxed: the SDK's futures are tens of kilobytes each.
            let failure = match Box::pin(call()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => Failure::from_sdk(operation, error),
            };
            if failure.class == Class::Throttled {
                let now = self.clock.elapsed();
                self.lock().pace.throttled(service, operation, now);
            }
            let in_time = self.clock.elapsed().saturating_sub(began) < PATIENCE;
            let worth_it = match failure.class {
                Class::Throttled => in_time,
                Class::UnknownOutcome => read && in_time && attempt < attempts,
                _ => false,
            };
            if !worth_it {
                return Err(failure);
            }
            tracing::debug!(operation, attempt, %failure, "asking again");
            tokio::time::sleep(self.scattered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        unreachable!("the loop returns at the last attempt")
    }

    /// Between half of a pause and all of it: those who were refused together don't come back together.
    fn scattered(&self, pause: Duration) -> Duration {
        let mixed = (self.clock.elapsed().as_millis() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        pause.mul_f64(0.5 + (mixed >> 32) as f64 / (1u64 << 33) as f64)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
