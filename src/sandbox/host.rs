//! The host of the world: answers HTTP requests, as well and as badly as the dials say.

use super::api::{Answer, ApiError, Call};
use super::clock::WorldClock;
use super::dials::{Death, Dials, Latency, Side};
use super::home::{Home, HomeError};
use super::request::{self, Response};
use super::resolve::{self, Question, Refusal, Resolution};
use super::throttle::Throttle;
use super::wire::{self, HttpRequest, HttpResponse};
use super::world::authorization::{Needed, denied};
use super::world::{Moment, World};
use crate::model::policy::Policies;
use jiff::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long a lost answer keeps its caller waiting.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP request with its whole body.
#[derive(Debug, Clone, Default)]
pub struct OwnedHttpRequest {
    /// `POST`.
    pub method: String,
    /// The path of the URL, percent-encoded as sent.
    pub path: String,
    /// What follows the `?`, without it.
    pub query: String,
    /// Names and values as sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl OwnedHttpRequest {
    fn borrowed(&self) -> HttpRequest<'_> {
        HttpRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }

    /// What the request says, on one line; the signature and other headers left out. Members of JSON are sorted: the
    /// SDK has some in maps without an order.
    fn line(&self) -> String {
        let target = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-target"));
        let target = target.map_or("", |(_, value)| value);
        let json: Option<Value> = serde_json::from_slice(&self.body).ok();
        let body = json.map_or_else(|| String::from_utf8_lossy(&self.body).into_owned(), |json| json.to_string());
        format!("{} {}?{} {target} {body}", self.method, self.path, self.query)
    }
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Outcome {
    /// An answer.
    Response(HttpResponse),
    /// The connection closes without one.
    Dropped,
    /// None came in time.
    TimedOut,
}

/// One who calls: a process, or a person of a simulation.
#[derive(Debug, Default)]
pub struct Caller {
    dials: CallerDials,
    calls: Mutex<Calls>,
    needed: Mutex<BTreeSet<Needed>>,
    answers: Mutex<Vec<Answered>>,
    death: Notify,
}

/// What is different for one caller.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallerDials {
    /// How many of a hundred calls go wrong, in place of the sandbox's own dial.
    pub faults: Option<f64>,
    /// At which of its calls the caller dies: from then on none of its calls is answered, nor begun.
    pub die: Option<Death>,
    /// An operation that the caller may not use.
    pub denied: Option<&'static str>,
    /// What the caller may do; without them everything, or what the role may that signs. The place of the endpoint and that of the resource stay empty.
    pub policies: Option<&'static Policies>,
    /// An operation that fails whenever the caller uses it, and how.
    pub failing: Option<(&'static str, Failing)>,
}

/// How an operation fails, however often it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// It is over its request rate.
    Throttled,
    /// The first page of its list has little room, and none that follows is answered.
    CutShort,
}

/// A call, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The service's signing name.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// The request's members.
    pub input: Value,
    /// Why it was refused; none where it wasn't, and where the caller didn't get to know.
    pub refusal: Option<String>,
}

/// How many calls a caller made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Calls that change nothing.
    pub read: u64,
    /// All others.
    pub write: u64,
}

impl Caller {
    /// One who has not called yet.
    pub fn new(dials: CallerDials) -> Self {
        Self { dials, ..Self::default() }
    }

    /// What is different for this one.
    pub fn dials(&self) -> CallerDials {
        self.dials
    }

    /// How many calls were made so far.
    pub fn calls(&self) -> Calls {
        *locked(&self.calls)
    }

    /// All that the calls needed the permission for and had; nothing of whoever may do everything.
    pub fn needed(&self) -> BTreeSet<Needed> {
        locked(&self.needed).clone()
    }

    /// The calls that reached AWS while the sandbox logged requests.
    pub fn answers(&self) -> Vec<Answered> {
        locked(&self.answers).clone()
    }

    /// Waits until the caller has died.
    pub async fn death(&self) {
        self.death.notified().await;
    }

    /// Counts the call, and says which it is.
    fn count(&self, call: &Call) -> u64 {
        let mut calls = locked(&self.calls);
        if call.is_read() {
            calls.read += 1;
        } else {
            calls.write += 1;
        }
        calls.read + calls.write
    }

    /// Never returns to a caller that has died or dies here.
    async fn survive(&self, side: Side, call: u64) {
        let Some(death) = self.dials.die else { return };
        if call > death.call || (call == death.call && side >= death.side) {
            self.death.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// The sandbox: a world, its clock and its dials. Clones share them.
#[derive(Clone)]
pub struct Sandbox {
    clock: WorldClock,
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    world: World,
    dials: Dials,
    random: ChaCha8Rng,
    throttle: Throttle,
    past: Past,
    home: Option<Home>,
    requests: Option<Vec<String>>,
    calls: u64,
}

/// What chance has in store for a call.
struct Luck {
    latency: Duration,
    fault: Option<Fault>,
    lag: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Throttled,
    InternalError,
    Unavailable,
    DroppedBefore,
    DroppedAfter,
    TimedOutAfter,
}

const FAULTS: [Fault; 6] = [
    Fault::Throttled,
    Fault::InternalError,
    Fault::Unavailable,
    Fault::DroppedBefore,
    Fault::DroppedAfter,
    Fault::TimedOutAfter,
];

impl Sandbox {
    /// A sandbox around a world. With a home, every change is written there before it is answered.
    pub fn new(world: World, clock: WorldClock, dials: Dials, home: Option<Home>) -> Self {
        let inside = Inside {
            world,
            dials,
            random: ChaCha8Rng::seed_from_u64(dials.seed),
            throttle: Throttle::default(),
            past: Past::default(),
            home,
            requests: None,
            calls: 0,
        };
        Self { clock, inside: Arc::new(Mutex::new(inside)) }
    }

    /// The same with a past, of which reads that lag behind may tell.
    pub fn with_past(self, past: Past) -> Self {
        self.lock().past = past;
        self
    }

    /// The world's clock.
    pub fn clock(&self) -> WorldClock {
        self.clock
    }

    /// Begins to remember every request; [`Sandbox::requests`] returns them.
    pub fn log_requests(&self) {
        self.lock().requests.get_or_insert_default();
    }

    /// How it behaves.
    pub fn dials(&self) -> Dials {
        self.lock().dials
    }

    /// What was requested since [`Sandbox::log_requests`], a line each, and what became of it in a line that begins
    /// with `=`.
    pub fn requests(&self) -> Vec<String> {
        self.lock().requests.clone().unwrap_or_default()
    }

    /// Everything that stands now; see [`World::standing`].
    pub fn standing(&self) -> Value {
        self.lock().world.standing(self.clock.now())
    }

    /// The public keys of a user pool.
    pub fn jwks(&self, pool: &str) -> Option<Value> {
        self.lock().world.jwks(pool)
    }

    /// Says how a name resolves in the world, past all dials.
    ///
    /// # Errors
    /// As [`resolve::resolve`].
    pub fn resolve(&self, question: &Question) -> Result<Resolution, Refusal> {
        resolve::resolve(&self.lock().world, self.clock.now(), question)
    }

    /// Sends a request through the world's network, past all dials. What it changes is written down as any call is.
    ///
    /// # Errors
    /// As [`request::send`].
    pub fn request(&self, question: &request::Question) -> Result<Response, Refusal> {
        let mut inside = self.lock();
        let now = self.clock.now();
        let sent = request::send(&inside.world, now, question)?;
        Ok(sent.finish(|call| inside.apply(now, call, None)))
    }

    /// Applies a call at once, past the wire and all dials but `durations`.
    ///
    /// # Errors
    /// The refusal of the world.
    pub fn call(&self, call: &Call) -> Answer {
        self.lock().apply(self.clock.now(), call, None)
    }

    /// Writes the whole world to its home, if it has one, and ends the journal so far.
    ///
    /// # Errors
    /// When the folder can't be written; the journal still holds everything then.
    pub fn save(&self) -> Result<(), HomeError> {
        let mut inside = self.lock();
        let Inside { world, home, .. } = &mut *inside;
        home.as_mut().map_or(Ok(()), |home| home.save(world, self.clock.now()))
    }

    /// Answers a request of this caller.
    pub async fn answer(&self, request: &OwnedHttpRequest, caller: &Caller) -> Outcome {
        let request_id = self.lock().receive(request);
        let mut decoded = match wire::decode(&request.borrowed(), &request_id) {
            Ok(decoded) => decoded,
            Err(refusal) => return Outcome::Response(refusal),
        };
        let failing = caller.dials.failing.filter(|(operation, _)| *operation == decoded.call.operation);
        let failing = failing.map(|(_, failing)| failing);
        let cut_off = failing == Some(Failing::CutShort) && is_later_page(&mut decoded.call.input);
        let call = &decoded.call;
        let nth = caller.count(call);
        let (luck, death) = self.lock().draw(call, caller);

        self.clock.sleep(luck.latency / 2).await;
        die(death, Side::Before);
        caller.survive(Side::Before, nth).await;
        let answer = match luck.fault {
            Some(Fault::DroppedBefore) => return Outcome::Dropped,
            Some(Fault::Throttled) => Err(throttled(call)),
            Some(Fault::InternalError) => Err(internal_error(call)),
            Some(Fault::Unavailable) => Err(unavailable(call)),
            _ if cut_off => Err(ApiError::new("Dropped", "")),
            _ if failing == Some(Failing::Throttled) => Err(throttled(call)),
            _ if caller.dials.denied == Some(call.operation.as_str()) => Err(denied(call, "")),
            Some(Fault::DroppedAfter | Fault::TimedOutAfter) | None => {
                self.lock().admit(self.clock.now(), caller, call, luck.lag)
            }
        };
        if self.lock().note(call, &answer) {
            let Call { service, operation, input, .. } = call.clone();
            let heard = !matches!(luck.fault, Some(Fault::DroppedAfter | Fault::TimedOutAfter));
            let refusal = answer.as_ref().err().filter(|_| heard).map(|error| error.code.clone());
            locked(&caller.answers).push(Answered { service, operation, input, refusal });
        }
        die(death, Side::After);
        caller.survive(Side::After, nth).await;
        self.clock.sleep(luck.latency / 2).await;

        match luck.fault {
            _ if cut_off => Outcome::Dropped,
            Some(Fault::DroppedAfter) => Outcome::Dropped,
            Some(Fault::TimedOutAfter) => {
                self.clock.sleep(TIMEOUT).await;
                Outcome::TimedOut
            }
            _ => Outcome::Response(wire::encode(&decoded, &answer, &request_id)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        locked(&self.inside)
    }
}

impl Inside {
    /// Logs a request, and gives it an id.
    fn receive(&mut self, request: &OwnedHttpRequest) -> String {
        if let Some(requests) = &mut self.requests {
            requests.push(request.line());
        }
        let digits = format!("{:032x}", self.random.random::<u128>());
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    }

    /// Logs what became of a request, if requests are logged.
    fn note(&mut self, call: &Call, answer: &Answer) -> bool {
        if let Some(requests) = &mut self.requests {
            let code = answer.as_ref().err().map_or("", |error| &error.code);
            requests.push(format!("= {} {} {code}", call.service, call.operation));
        }
        self.requests.is_some()
    }

    /// Draws the call's luck, and whether this process dies at it.
    fn draw(&mut self, call: &Call, caller: &Caller) -> (Luck, Option<Side>) {
        self.calls += 1;
        let death = self.dials.kill.filter(|death| death.call == self.calls).map(|death| death.side);
        let latency = match self.dials.latency {
            Latency::Off => Duration::ZERO,
            Latency::Realistic if call.is_read() => Duration::from_millis(self.random.random_range(40..=200)),
            Latency::Realistic => Duration::from_millis(self.random.random_range(100..=600)),
            Latency::Fixed(time) => time,
        };
        let percent = caller.dials.faults.unwrap_or(self.dials.faults);
        let faulty = self.random.random_range(0.0..100.0) < percent;
        let fault = faulty.then(|| FAULTS[self.random.random_range(0..FAULTS.len())]);
        let lag = match self.dials.staleness {
            Some(most) => most.mul_f64(self.random.random_range(0.0..=1.0)),
            None => Duration::ZERO,
        };
        (Luck { latency, fault, lag }, death)
    }

    /// Applies a call if its request bucket and the caller's policies allow, on a view of the world that may lag behind.
    fn admit(&mut self, now: Timestamp, caller: &Caller, call: &Call, lag: Duration) -> Answer {
        if self.dials.throttle && !self.throttle.admits(call, now) {
            return Err(throttled(call));
        }
        let needed = self.world.authorize(&self.moment(now), call, caller.dials.policies)?;
        locked(&caller.needed).extend(needed);
        let lags = ["ec2", "iam"].contains(&call.service.as_str());
        let seen = now.checked_sub(lag).unwrap_or(now);
        let moment = self.moment(seen);
        let stale = if lags { self.past.at(seen) } else { None };
        // Reads leave no trace in a world.
        let stale_answer = stale.map(|world| match call.is_read() {
            true => world.handle(&moment, call),
            false => world.clone().handle(&moment, call),
        });
        match stale_answer {
            Some(answer) if call.is_read() => answer,
            Some(Err(refusal)) if is_blind(&refusal.code) => self.apply(now, call, Some(refusal)),
            _ => self.apply(now, call, None),
        }
    }

    /// Applies a call to the world as it is. `instead` is the refusal to give where the world would accept it.
    fn apply(&mut self, now: Timestamp, call: &Call, instead: Option<ApiError>) -> Answer {
        let moment = self.moment(now);
        if call.is_read() {
            return self.world.handle(&moment, call);
        }
        let before = (self.home.is_some() || self.dials.staleness.is_some()).then(|| self.world.clone());
        let answer = self.world.handle(&moment, call)?;
        let Some(before) = before else { return Ok(answer) };
        let written = match (&instead, &mut self.home) {
            // The world keeps no password and no token; the journal would.
            (None, Some(home)) if call.service == "cognito-idp" => home.save(&self.world, now),
            (None, Some(home)) => home.record(&moment, call, &answer),
            _ => Ok(()),
        };
        let refusal = instead.or_else(|| {
            written.err().map(|error| ApiError::new("InternalFailure", error.to_string()).with_status(500))
        });
        if let Some(refusal) = refusal {
            self.world = before;
            return Err(refusal);
        }
        if let Some(most) = self.dials.staleness {
            self.past.keep(before, now, most);
        }
        if let Some(home) = self.home.as_mut().filter(|home| home.is_long()) {
            // The journal has it all, so a failure here costs nothing: the next call tries again.
            let _ = home.save(&self.world, now);
        }
        Ok(answer)
    }

    fn moment(&self, now: Timestamp) -> Moment {
        Moment { now, durations: self.dials.durations, quotas: self.dials.quotas }
    }
}

/// The worlds of the last moments, for reads that lag behind. Oldest first, each until when it stood.
#[derive(Debug, Default)]
pub struct Past(VecDeque<(Timestamp, World)>);

impl Past {
    /// Keeps a world that stood until now, and of the older ones those of the last `most`.
    pub fn keep(&mut self, world: World, until: Timestamp, most: Duration) {
        let oldest = until.checked_sub(most).unwrap_or(Timestamp::MIN);
        self.0.retain(|(until, _)| *until > oldest);
        self.0.push_back((until, world));
    }

    /// The world that stood then, unless it is the one that stands now.
    pub(super) fn at(&mut self, moment: Timestamp) -> Option<&mut World> {
        self.0.iter_mut().find(|(until, _)| *until > moment).map(|(_, world)| world)
    }
}

/// Whether a call asks for a page of a list after the first; of the first one it shall ask for no more than EC2's least.
fn is_later_page(input: &mut Value) -> bool {
    const TOKENS: [&str; 6] = ["NextToken", "nextToken", "Marker", "position", "PaginationToken", "ExclusiveStartKey"];
    for size in ["MaxResults", "MaxItems", "Limit", "limit"] {
        if input[size].is_u64() {
            input[size] = 5.into();
        }
    }
    TOKENS.iter().any(|token| !input[*token].is_null())
}

/// Whether a refusal comes of not seeing what was just made or deleted.
fn is_blind(code: &str) -> bool {
    code.ends_with(".NotFound") || ["NoSuchEntity", "DependencyViolation", "DeleteConflict"].contains(&code)
}

/// Kills this process as nothing else could: no destructor runs, no buffer is flushed.
fn die(death: Option<Side>, side: Side) {
    if death == Some(side) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

fn throttled(call: &Call) -> ApiError {
    match call.service.as_str() {
        "ec2" => ApiError::new("RequestLimitExceeded", "Request limit exceeded.").with_status(503),
        "iam" | "sts" | "route53" => ApiError::new("Throttling", "Rate exceeded"),
        "apigateway" => ApiError::new("TooManyRequestsException", "Too Many Requests"),
        "cognito-idp" | "lambda" => ApiError::new("TooManyRequestsException", "Rate exceeded"),
        _ => ApiError::new("ThrottlingException", "Rate exceeded"),
    }
}

fn internal_error(call: &Call) -> ApiError {
    let (code, status) = match call.service.as_str() {
        "ec2" => ("InternalError", 500),
        "iam" => ("ServiceFailure", 500),
        "ssm" | "dynamodb" | "elasticfilesystem" => ("InternalServerError", 500),
        "lambda" => ("ServiceException", 500),
        "cognito-idp" => ("InternalErrorException", 500),
        "route53resolver" => ("InternalServiceErrorException", 400),
        _ => ("InternalFailure", 500),
    };
    ApiError::new(code, "An internal error has occurred").with_status(status)
}

fn unavailable(call: &Call) -> ApiError {
    let code = match call.service.as_str() {
        "ec2" => "Unavailable",
        "apigateway" | "logs" => "ServiceUnavailableException",
        _ => "ServiceUnavailable",
    };
    ApiError::new(code, "The service is unavailable. Please try again shortly.").with_status(503)
}

/// A panic elsewhere leaves the world as the last call left it, so the lock is still good.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::Policy;
    use crate::sandbox::home::Opened;
    use crate::sandbox::world::Durations;
    use jiff::SignedDuration;
    use serde_json::json;
    use tokio::time::{Instant, timeout};

    fn signed(service: &str, headers: &[(&str, &str)], body: &str) -> OwnedHttpRequest {
        let scope = format!("Credential=111122223333/20260101/us-east-1/{service}/aws4_request");
        let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
        let own = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        OwnedHttpRequest {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: own.chain([("authorization".to_owned(), signature)]).collect(),
            body: body.as_bytes().to_vec(),
            ..OwnedHttpRequest::default()
        }
    }

    fn ssm(operation: &str, input: Value) -> OwnedHttpRequest {
        let target = format!("AmazonSSM.{operation}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.1")];
        signed("ssm", &headers, &input.to_string())
    }

    fn put(name: &str) -> OwnedHttpRequest {
        ssm("PutParameter", json!({ "Name": name, "Value": "v", "Type": "String" }))
    }

    fn iam(form: &str) -> OwnedHttpRequest {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        signed("iam", &headers, &format!("Version=2010-05-08&{form}"))
    }

    const CREATE_ROLE: &str = "Action=CreateRole&RoleName=r&AssumeRolePolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C\
        %22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com\
        %22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D";

    fn sandbox(dials: &str) -> Sandbox {
        let clock = WorldClock::new("2026-01-01T00:00:00Z".parse().unwrap(), 1.0);
        Sandbox::new(World::new(1), clock, dials.parse().unwrap(), None)
    }

    async fn status(sandbox: &Sandbox, request: &OwnedHttpRequest) -> Option<u16> {
        match sandbox.answer(request, &Caller::default()).await {
            Outcome::Response(response) => Some(response.status),
            Outcome::Dropped | Outcome::TimedOut => None,
        }
    }

    /// Whether the world has a parameter, past all dials.
    fn has(sandbox: &Sandbox, name: &str) -> bool {
        let call = Call {
            service: "ssm".to_owned(),
            operation: "GetParameter".to_owned(),
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            access_key: "111122223333".to_owned(),
            input: json!({ "Name": name }),
        };
        sandbox.call(&call).is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn with_all_dials_off_a_request_is_answered_at_once() {
        let sandbox = sandbox("");
        let begun = Instant::now();
        assert_eq!(status(&sandbox, &put("a")).await, Some(200));
        assert_eq!(status(&sandbox, &put("a")).await, Some(400));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!(has(&sandbox, "a"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_request_of_aws_is_refused() {
        let sandbox = sandbox("");
        for request in [OwnedHttpRequest::default(), signed("nothing", &[], ""), signed("ssm", &[], "{")] {
            let status = status(&sandbox, &request).await.unwrap();
            assert!((400..=501).contains(&status), "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn latency_is_drawn_for_every_call() {
        let sandbox = sandbox("latency=realistic");
        let mut times = Vec::new();
        for _ in 0..20 {
            let begun = Instant::now();
            status(&sandbox, &ssm("DescribeParameters", json!({}))).await;
            times.push(begun.elapsed());
        }
        assert!(times.iter().all(|time| (40..=202).contains(&time.as_millis())), "{times:?}");
        times.dedup();
        assert!(times.len() > 5);
    }

    #[tokio::test(start_paused = true)]
    async fn faults_strike_before_and_after_the_effect() {
        let sandbox = sandbox("faults=100,seed=3");
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..100 {
            let name = format!("p{number}");
            let begun = Instant::now();
            let (what, may_stand): (_, &[bool]) = match sandbox.answer(&put(&name), &Caller::default()).await {
                Outcome::Response(response) => (response.status.to_string(), &[false]),
                Outcome::Dropped => ("dropped".to_owned(), &[false, true]),
                Outcome::TimedOut => {
                    assert!(begun.elapsed() >= TIMEOUT);
                    ("timed out".to_owned(), &[true])
                }
            };
            let stands = has(&sandbox, &name);
            assert!(may_stand.contains(&stands), "{what}");
            seen.insert((what, stands));
        }
        let expected = [
            ("400", false),
            ("500", false),
            ("503", false),
            ("dropped", false),
            ("dropped", true),
            ("timed out", true),
        ];
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected.map(|(what, stands)| (what.to_owned(), stands)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_may_have_faults_of_its_own() {
        let sandbox = sandbox("faults=100");
        let spared = Caller::new(CallerDials { faults: Some(0.0), ..CallerDials::default() });
        for number in 0..20 {
            let outcome = sandbox.answer(&put(&format!("p{number}")), &spared).await;
            assert!(matches!(outcome, Outcome::Response(response) if response.status == 200));
        }
        assert_eq!(spared.calls(), Calls { read: 0, write: 20 });
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_seed_gives_the_same_luck() {
        let mut runs = Vec::new();
        for seed in [1, 1, 2] {
            let sandbox = sandbox(&format!("faults=30,latency=realistic,seed={seed}"));
            sandbox.log_requests();
            let begun = Instant::now();
            let mut outcomes = Vec::new();
            for number in 0..30 {
                let outcome = sandbox.answer(&put(&format!("p{number}")), &Caller::default()).await;
                outcomes.push(format!("{outcome:?} {:?}", begun.elapsed()));
            }
            runs.push((outcomes, sandbox.requests()));
        }
        assert_eq!(runs[0], runs[1]);
        assert_ne!(runs[0].0, runs[2].0);
        assert_eq!(runs[0].1.iter().filter(|line| line.starts_with("POST")).count(), 30);
        assert!(runs[0].1[0].starts_with("POST /? AmazonSSM.PutParameter {"));
    }

    #[test]
    fn a_password_is_kept_in_no_file_and_opens_the_next_life() {
        const PASSWORD: &str = "Canary-Password-7";
        let folder = tempfile::TempDir::new().unwrap();
        let live = || {
            let Opened { home, world, now, .. } = Home::open(folder.path(), 1).unwrap();
            Sandbox::new(world, WorldClock::new(now, 1.0), Dials::default(), Some(home))
        };
        let cognito = |sandbox: &Sandbox, operation: &str, input: Value| {
            let (service, operation) = ("cognito-idp".to_owned(), operation.to_owned());
            let (account, region, access_key) = ("111122223333".into(), "us-east-1".into(), "111122223333".into());
            sandbox.call(&Call { service, operation, account, region, access_key, input }).unwrap()
        };
        let one = live();
        let pool = cognito(&one, "CreateUserPool", json!({"PoolName": "p"}))["UserPool"]["Id"].clone();
        let flows = json!(["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]);
        let client = json!({"UserPoolId": pool, "ClientName": "c", "ExplicitAuthFlows": flows});
        let client = cognito(&one, "CreateUserPoolClient", client)["UserPoolClient"]["ClientId"].clone();
        cognito(&one, "AdminCreateUser", json!({"UserPoolId": pool, "Username": "ann"}));
        let password = json!({"UserPoolId": pool, "Username": "ann", "Password": PASSWORD, "Permanent": true});
        cognito(&one, "AdminSetUserPassword", password);
        let parameters = json!({"USERNAME": "ann", "PASSWORD": PASSWORD});
        let sign_in = json!({"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters});
        let tokens = cognito(&one, "InitiateAuth", sign_in.clone())["AuthenticationResult"].clone();
        drop(one);

        let files = std::fs::read_dir(folder.path()).unwrap();
        let kept: String = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        assert!(kept.contains("ann") && !kept.contains(PASSWORD));
        for token in ["IdToken", "AccessToken", "RefreshToken"] {
            assert!(!kept.contains(tokens[token].as_str().unwrap()), "{token}");
        }
        assert!(cognito(&live(), "InitiateAuth", sign_in)["AuthenticationResult"]["IdToken"].is_string());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_over_the_rate_are_throttled_until_time_passes() {
        let sandbox = sandbox("throttle=aws");
        for name in ["a", "b", "c"] {
            assert_eq!(status(&sandbox, &put(name)).await, Some(200));
        }
        assert_eq!(status(&sandbox, &put("d")).await, Some(400));
        assert!(!has(&sandbox, "d"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(status(&sandbox, &put("d")).await, Some(200));
    }

    #[tokio::test(start_paused = true)]
    async fn iam_may_not_see_yet_what_was_just_made() {
        let sandbox = sandbox("staleness=2000,seed=1");
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(status(&sandbox, &iam(CREATE_ROLE)).await, Some(200));
        let (mut blind, mut refused) = (0, 0);
        for _ in 0..40 {
            blind += usize::from(status(&sandbox, &iam("Action=GetRole&RoleName=r")).await == Some(404));
            let update = iam("Action=UpdateRole&RoleName=r&Description=new");
            refused += usize::from(status(&sandbox, &update).await == Some(404));
        }
        assert!(blind > 0, "{blind}");
        assert!(refused > 0, "{refused}");
        tokio::time::sleep(Duration::from_secs(3)).await;
        for _ in 0..40 {
            assert_eq!(status(&sandbox, &iam("Action=GetRole&RoleName=r")).await, Some(200));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_thing_may_still_be_seen_but_not_deleted_twice() {
        let sandbox = sandbox("staleness=2000,seed=1");
        status(&sandbox, &iam(CREATE_ROLE)).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(status(&sandbox, &iam("Action=DeleteRole&RoleName=r")).await, Some(200));
        let mut seen = 0;
        for _ in 0..40 {
            seen += usize::from(status(&sandbox, &iam("Action=GetRole&RoleName=r")).await == Some(200));
        }
        assert!(seen > 0);
        assert_eq!(status(&sandbox, &iam("Action=DeleteRole&RoleName=r")).await, Some(404));
    }

    #[tokio::test(start_paused = true)]
    async fn ssm_is_never_stale() {
        let sandbox = sandbox("staleness=60000");
        for number in 0..20 {
            let name = format!("p{number}");
            assert_eq!(status(&sandbox, &put(&name)).await, Some(200));
            assert_eq!(status(&sandbox, &ssm("GetParameter", json!({ "Name": name }))).await, Some(200));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_dies_is_never_answered_again() {
        for (side, stands) in [(Side::Before, false), (Side::After, true)] {
            let sandbox = sandbox("");
            let caller = Caller::new(CallerDials { die: Some(Death { side, call: 2 }), ..CallerDials::default() });
            sandbox.answer(&put("first"), &caller).await;
            let minute = Duration::from_secs(60);
            for name in ["second", "third"] {
                assert!(timeout(minute, sandbox.answer(&put(name), &caller)).await.is_err());
            }
            assert!(timeout(minute, caller.death()).await.is_ok());
            assert_eq!(has(&sandbox, "second"), stands);
            assert!(!has(&sandbox, "third"));
            assert_eq!(status(&sandbox, &put("another caller")).await, Some(400));
            assert_eq!(status(&sandbox, &put("another")).await, Some(200));
        }
    }

    fn limited(statements: Value) -> Caller {
        let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let identity = vec![Policy::of_identity("Person", &document).unwrap()];
        let policies = Box::leak(Box::new(Policies { identity, ..Policies::default() }));
        Caller::new(CallerDials { policies: Some(policies), ..CallerDials::default() })
    }

    async fn answered(sandbox: &Sandbox, request: &OwnedHttpRequest, caller: &Caller) -> (u16, String) {
        match sandbox.answer(request, caller).await {
            Outcome::Response(HttpResponse { status, body, .. }) => (status, String::from_utf8(body).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_callers_policies_do_not_allow_has_no_effect() {
        let sandbox = sandbox("");
        let on = "arn:aws:ssm:us-east-1:111122223333:parameter/lab/*";
        let ann = limited(json!([{ "Effect": "Allow", "Action": "ssm:PutParameter", "Resource": on }]));
        assert_eq!(answered(&sandbox, &put("/lab/a"), &ann).await.0, 200);
        let (code, body) = answered(&sandbox, &put("/other/a"), &ann).await;
        assert!(code == 400 && body.contains("AccessDeniedException") && body.contains("ssm:PutParameter"), "{body}");
        assert!(has(&sandbox, "/lab/a") && !has(&sandbox, "/other/a"));
        let needed: Vec<String> = ann.needed().into_iter().map(|needed| needed.resource).collect();
        assert_eq!(needed, ["arn:aws:ssm:us-east-1:111122223333:parameter/lab/a"]);
        assert_eq!(status(&sandbox, &put("/other/a")).await, Some(200), "whoever has no policies may do everything");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dry_run_says_whether_the_caller_may() {
        let sandbox = sandbox("");
        let content = [("content-type", "application/x-www-form-urlencoded")];
        let form = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16&DryRun=true";
        let request = signed("ec2", &content, form);
        let may = limited(json!([{ "Effect": "Allow", "Action": "ec2:CreateVpc", "Resource": "*" }]));
        let may_not = limited(json!({ "Effect": "Allow", "Action": "ec2:DeleteVpc", "Resource": "*" }));
        for (caller, code) in [(may, "DryRunOperation"), (may_not, "UnauthorizedOperation")] {
            let (_, body) = answered(&sandbox, &request, &caller).await;
            assert!(body.contains(&format!("<Code>{code}</Code>")), "{body}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn with_a_home_every_change_outlives_the_process() {
        let folder = tempfile::TempDir::new().unwrap();
        let open = || {
            let opened = Home::open(folder.path(), 1).unwrap();
            assert_eq!(opened.set_aside, None);
            let dials = Dials { durations: Durations::Drawn, ..Dials::default() };
            Sandbox::new(opened.world, WorldClock::new(opened.now, 1.0), dials, Some(opened.home))
        };
        let sandbox = open();
        for number in 0..1010 {
            assert_eq!(status(&sandbox, &put(&format!("p{number}"))).await, Some(200));
        }
        let standing = sandbox.standing();
        drop(sandbox);
        let sandbox = open();
        assert_eq!(sandbox.standing(), standing);
        sandbox.save().unwrap();
        drop(sandbox);
        assert_eq!(open().standing(), standing);
    }

    #[test]
    fn each_service_is_busy_broken_or_closed_in_its_own_words() {
        for (service, denial, throttle, fault) in [
            ("ec2", "UnauthorizedOperation", "RequestLimitExceeded", "InternalError"),
            ("iam", "AccessDenied", "Throttling", "ServiceFailure"),
            ("route53", "AccessDenied", "Throttling", "InternalFailure"),
            ("lambda", "AccessDeniedException", "TooManyRequestsException", "ServiceException"),
            ("apigateway", "AccessDeniedException", "TooManyRequestsException", "InternalFailure"),
            ("elasticfilesystem", "AccessDeniedException", "ThrottlingException", "InternalServerError"),
            ("cognito-idp", "AccessDeniedException", "TooManyRequestsException", "InternalErrorException"),
            ("ssm", "AccessDeniedException", "ThrottlingException", "InternalServerError"),
        ] {
            let call = Call { service: service.to_owned(), ..Call::default() };
            let codes = [denied(&call, ""), throttled(&call), internal_error(&call)].map(|refusal| refusal.code);
            assert_eq!(codes, [denial, throttle, fault], "{service}");
        }
    }

    #[test]
    fn the_past_keeps_no_more_than_it_may_show() {
        let mut past = Past::default();
        let start = Timestamp::UNIX_EPOCH;
        for second in 0..10 {
            past.keep(World::new(second), start + SignedDuration::from_secs(second as i64), Duration::from_secs(3));
        }
        assert_eq!(past.0.len(), 3);
        assert_eq!(past.at(start + SignedDuration::from_secs(7)), Some(&mut World::new(8)));
        assert_eq!(past.at(start + SignedDuration::from_secs(9)), None);
    }
}
