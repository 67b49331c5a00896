//! The question of `sandbox request`: how far a request gets, and where it ends. Asked of a world at hand, or of the
//! process that serves it.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::{Answer, Call};
use super::resolve::{Refusal, Standpoint, refusal, vpc_of_lab};
use super::world::World;
use super::world::lookup::Inside;
use super::world::request::url::Url;
use super::world::request::{Get, Journey, Outcome, Step, Stretch};

/// What is asked. It may hold a token, so it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Question {
    /// Where the request goes: `https://…`
    pub url: String,
    /// From where.
    pub from: Standpoint,
    /// Whose corporate network or Studio VPC is meant, where several labs stand.
    pub lab: Option<String>,
    /// The token that it shows: `Authorization: Bearer TOKEN`.
    pub token: Option<String>,
    /// The role that signs it, by name or ARN.
    pub role: Option<String>,
    /// More headers.
    pub headers: Vec<(String, String)>,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The account of whoever asked; none on the internet.
    pub account: Option<String>,
    /// The Region where they stand.
    pub region: Option<String>,
    /// Who asked: the id of an instance, or of the VPC of an imagined host, or `internet`.
    pub from: String,
    /// Their address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// Where the request went; a token in it is left out.
    pub url: String,
    /// Whether it got what it asked for.
    pub admitted: bool,
    /// The status of the answer; none where none came.
    pub status: Option<u16>,
    /// The part of the way on which it ended.
    pub ended_at: Option<Step>,
    /// The way.
    pub steps: Vec<Stretch>,
    /// The body of the answer. It may be a URL that opens Studio: it is for the one who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A question that is on its way.
pub struct Sent {
    /// Who asks, where it is somebody in a VPC: by which id, and where they stand.
    from: Option<(String, Inside)>,
    url: String,
    outcome: Outcome,
}

/// Sends the request as far as it gets without a change of the world.
///
/// # Errors
/// It can't be told from where to ask or where to, or nobody is there to do so.
pub fn send(world: &World, now: Timestamp, question: &Question) -> Result<Sent, Refusal> {
    let lab = question.lab.as_deref();
    let id = match &question.from {
        Standpoint::Internet => None,
        Standpoint::Onprem => Some(vpc_of_lab(world, "onprem/vpc", lab)?),
        Standpoint::Studio => Some(vpc_of_lab(world, "studio/vpc", lab)?),
        Standpoint::Id(id) => Some(id.clone()),
    };
    let url: Url = question.url.parse().map_err(|why| Refusal {
        message: format!("This is no address to go to: {why}"),
        hint: Some("It begins with https:// and the name of a host.".to_owned()),
    })?;
    let token = question.token.iter().map(|token| ("authorization".to_owned(), format!("Bearer {token}")));
    let headers = question.headers.iter().cloned().chain(token).collect();
    let get = Get { url: url.clone(), headers, role: question.role.clone() };
    let inside = id.as_deref().map(|id| world.inside(now, id)).transpose().map_err(refusal)?;
    let outcome = world.request(now, inside.clone(), &get);
    Ok(Sent { from: id.zip(inside), url: url.to_string(), outcome })
}

impl Sent {
    /// The answer; `call` makes the call that the journey may have come to.
    pub fn finish(self, call: impl FnOnce(&Call) -> Answer) -> Response {
        let Journey { stretches, end } = match self.outcome {
            Outcome::Ended(journey) => journey,
            Outcome::Calls { call: wanted, rest } => rest.after(call(&wanted)),
        };
        let (from, inside) = self.from.map_or_else(|| ("internet".to_owned(), None), |(id, own)| (id, Some(own)));
        let address = inside.as_ref().map(|inside| inside.client.address);
        let (account, region) = inside.map(|inside| (inside.account, inside.region)).unzip();
        Response {
            account,
            region,
            from,
            address,
            url: self.url,
            admitted: end.admitted,
            status: end.status,
            ended_at: stretches.last().map(|stretch| stretch.step),
            steps: stretches,
            body: end.body,
        }
    }
}
