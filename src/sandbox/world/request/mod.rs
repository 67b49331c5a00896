//! An HTTPS request goes through the simulated network: how far it gets, and what it is answered.
//!
//! A [`Traveller`] goes step by step and notes a sentence for each stretch; the first that doesn't hold is the end. What
//! decides about names, packets and policies is `model`; here is who is asked, in which order, and with what in the
//! request's context. Nothing changes the world: where a URL is to be made, the call for it comes back, to be made as any
//! other is.

mod answer;
mod api;
mod authorizer;
mod function;
mod presign;
mod route;
mod sagemaker;
mod studio;
pub mod url;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lookup::Inside;
use super::{Moment, World};
use crate::sandbox::api::{Answer, Call};
use answer::Answerer;
use url::{Host, Service, Url};

/// An HTTPS GET.
#[derive(Clone)]
pub struct Get {
    /// Where it goes.
    pub url: Url,
    /// Its headers, in the order in which they were given.
    pub headers: Vec<(String, String)>,
    /// The role that signs it, by name or ARN, where one does.
    pub role: Option<String>,
}

impl Get {
    /// The value of a header.
    fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }
}

/// A part of a request's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The name is looked up.
    Name,
    /// Packets go there and back.
    Network,
    /// An endpoint lets it in, or AWS's public front.
    Door,
    /// API Gateway finds out what is called, and whether anybody may from there.
    Api,
    /// The authorizer finds out who calls.
    Authorizer,
    /// The portal's function.
    Function,
    /// The function reads the mapping table.
    Table,
    /// SageMaker makes a URL.
    Presign,
    /// Studio opens it.
    Studio,
    /// Nothing here is known of what answers there.
    Unknown,
}

impl Step {
    /// Its word, as in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Network => "network",
            Self::Door => "door",
            Self::Api => "api",
            Self::Authorizer => "authorizer",
            Self::Function => "function",
            Self::Table => "table",
            Self::Presign => "presign",
            Self::Studio => "studio",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What happens on one stretch of the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// The part of the way.
    pub step: Step,
    /// Whether the request goes on.
    pub holds: bool,
    /// A sentence.
    pub says: String,
}

/// Where a request ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Whether it got what it asked for.
    pub admitted: bool,
    /// The status of the answer; none where none came.
    pub status: Option<u16>,
    /// Its body.
    pub body: Option<String>,
}

/// The way of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journey {
    /// Stretch by stretch; the last is where it ended.
    pub stretches: Vec<Stretch>,
    /// What came of it.
    pub end: End,
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is over.
    Ended(Journey),
    /// It has come as far as a call that changes the world.
    Calls {
        /// The call.
        call: Box<Call>,
        /// The way so far, and who makes an answer of the call's.
        rest: Rest,
    },
}

/// What follows the answer of a call.
#[derive(Debug, Clone)]
pub struct Rest {
    stretches: Vec<Stretch>,
    answerer: Answerer,
}

impl Rest {
    /// The whole journey, with what the call was answered.
    pub fn after(self, answer: Answer) -> Journey {
        let Self { mut stretches, answerer } = self;
        let end = answerer.answer(&mut stretches, answer);
        Journey { stretches, end }
    }
}

/// Where somebody stands.
enum Place {
    /// On the internet.
    Internet,
    /// Where Lambda runs functions that are in no VPC: behind public addresses of AWS.
    Lambda,
    /// In a VPC.
    Inside(Box<Inside>),
}

/// What makes a traveller stop: an end, or a call that has to be made first.
enum Stop {
    End(End),
    Call(Box<Call>, Answerer),
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

/// Who goes with a request, and remembers the way.
struct Traveller<'w> {
    world: &'w World,
    /// A copy of the world to put questions to: to answer them it brings itself up to date.
    copy: World,
    now: Timestamp,
    stretches: Vec<Stretch>,
}

impl World {
    /// Follows a request of somebody in a VPC, or else on the internet.
    pub fn request(&self, now: Timestamp, from: Option<Inside>, get: &Get) -> Outcome {
        let place = from.map_or(Place::Internet, |inside| Place::Inside(Box::new(inside)));
        let mut traveller = Traveller { world: self, copy: self.clone(), now, stretches: Vec::new() };
        let stop = match traveller.go(&place, get) {
            Ok(end) => Stop::End(end),
            Err(stop) => stop,
        };
        let stretches = traveller.stretches;
        match stop {
            Stop::End(end) => Outcome::Ended(Journey { stretches, end }),
            Stop::Call(call, answerer) => Outcome::Calls { call, rest: Rest { stretches, answerer } },
        }
    }
}

impl Traveller<'_> {
    fn go(&mut self, place: &Place, get: &Get) -> Result<End, Stop> {
        let arrival = self.travel(place, &get.url.host, None)?;
        match Host::read(&get.url.host) {
            Some(host) => match host.service {
                Service::ExecuteApi => self.call_api(&arrival, &host, get),
                Service::Studio => Ok(self.open_studio(&arrival, &host, get)?),
                Service::SageMaker => self.call_sagemaker(place, &arrival, &host, get),
                Service::Dynamodb | Service::CognitoIdp => Err(self.unknown(&get.url.host).into()),
            },
            None => Err(self.unknown(&get.url.host).into()),
        }
    }

    /// Notes a stretch that was passed.
    fn pass(&mut self, step: Step, says: impl Into<String>) {
        self.stretches.push(Stretch { step, holds: true, says: says.into() });
    }

    /// Notes where the request got stuck, without an answer.
    fn lost(&mut self, step: Step, says: impl Into<String>) -> End {
        self.stretches.push(Stretch { step, holds: false, says: says.into() });
        End { admitted: false, status: None, body: None }
    }

    /// Notes who refused the request, and with what.
    fn refused(&mut self, step: Step, says: impl Into<String>, status: u16, body: impl Into<String>) -> End {
        self.stretches.push(Stretch { step, holds: false, says: says.into() });
        End { admitted: false, status: Some(status), body: Some(body.into()) }
    }

    fn unknown(&mut self, host: &str) -> End {
        self.lost(Step::Unknown, format!("the sandbox doesn't know what is at {host}"))
    }

    /// Asks a service of AWS, as somebody who may see everything.
    fn ask(&mut self, account: &str, region: &str, service: &str, operation: &str, input: Value) -> Answer {
        let call = Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
            access_key: String::new(),
            input,
        };
        self.copy.handle(&Moment::at(self.now), &call)
    }
}

/// Sentences, as one.
fn together(because: &[String]) -> String {
    because.join("; ")
}
