//! The question of `sandbox resolve`: who answers a name, for whom, with what. Asked of a world at hand, or of the
//! process that serves it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::world::World;
use super::world::lookup::{Asked, NobodyAsks};
use crate::aws::tags;
use crate::model::names::{self, Failure, Lookup};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The name that is looked up.
    pub name: String,
    /// From where.
    pub from: Standpoint,
    /// Whose corporate network or Studio VPC is meant, where several labs stand.
    pub lab: Option<String>,
}

/// From where a name is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standpoint {
    /// A lab's corporate network.
    Onprem,
    /// A lab's Studio VPC.
    Studio,
    /// Outside of everything.
    Internet,
    /// The VPC or instance with this id.
    Id(String),
}

impl FromStr for Standpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "onprem" => Ok(Standpoint::Onprem),
            "studio" => Ok(Standpoint::Studio),
            "internet" => Ok(Standpoint::Internet),
            id if id.starts_with("vpc-") || id.starts_with("i-") => Ok(Standpoint::Id(id.to_owned())),
            _ => Err("it takes onprem, studio, internet, or the id of a VPC or an instance".to_owned()),
        }
    }
}

/// The name that a text is: labels of letters, digits, `-` and `_` between dots.
///
/// # Errors
/// It is none, as a sentence's end.
pub fn host_name(text: &str) -> Result<String, String> {
    let sound = |label: &str| {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        (1..=63).contains(&label.len()) && label.chars().all(allowed)
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.len() <= 253 && name.split('.').all(sound) {
        Ok(name.to_owned())
    } else {
        Err("no host can have this name".to_owned())
    }
}

/// How a name resolves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// The account of whoever asks; none on the internet.
    pub account: Option<String>,
    /// The Region where they stand.
    pub region: Option<String>,
    /// The name that is looked up.
    pub name: String,
    /// Who asks: the id of an instance, or of the VPC of an imagined host, or `internet`.
    pub from: String,
    /// Their address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// What happens, a sentence each.
    pub hops: Vec<String>,
    /// What comes of it.
    pub answer: Answer,
    /// The addresses of a private answer.
    pub addresses: BTreeSet<Ipv4Addr>,
    /// Whose answer it is: an endpoint's, or that of a DNS server with a zone of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What comes of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Private addresses of an endpoint.
    Private,
    /// What everybody on the internet is told; the sandbox doesn't know more of that.
    Public,
    /// What a DNS server on a host says out of a zone of its own.
    Authoritative,
    /// There is no such name: NXDOMAIN.
    NotFound,
    /// SERVFAIL.
    Servfail,
    /// REFUSED.
    Refused,
    /// Nothing comes back.
    Timeout,
    /// The sandbox doesn't know what is there.
    Unknown,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// A sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Answers the question, which changes nothing.
///
/// # Errors
/// It can't be told from where to ask, or nobody is there to do so.
pub fn resolve(world: &World, now: Timestamp, question: &Question) -> Result<Resolution, Refusal> {
    let lab = question.lab.as_deref();
    let id = match &question.from {
        Standpoint::Internet => {
            let lookup = world.look_up_from_internet(now, &question.name);
            return Ok(resolution(question, "internet", lookup));
        }
        Standpoint::Onprem => vpc_of_lab(world, "onprem/vpc", lab)?,
        Standpoint::Studio => vpc_of_lab(world, "studio/vpc", lab)?,
        Standpoint::Id(id) => id.clone(),
    };
    let Asked { account, region, client, lookup } = world.look_up(now, &id, &question.name).map_err(refusal)?;
    let (account, region, address) = (Some(account), Some(region), Some(client.address));
    Ok(Resolution { account, region, address, ..resolution(question, &id, lookup) })
}

fn resolution(question: &Question, from: &str, lookup: Lookup) -> Resolution {
    let (answer, addresses, by) = match lookup.answer {
        names::Answer::Private { addresses, owner } => (Answer::Private, addresses, Some(owner)),
        names::Answer::Authoritative { server } => (Answer::Authoritative, BTreeSet::new(), Some(server)),
        names::Answer::Public => (Answer::Public, BTreeSet::new(), None),
        names::Answer::NotFound(_) => (Answer::NotFound, BTreeSet::new(), None),
        names::Answer::Unknown(_) => (Answer::Unknown, BTreeSet::new(), None),
        names::Answer::Failed { how, .. } => {
            let answer = match how {
                Failure::Servfail => Answer::Servfail,
                Failure::Refused => Answer::Refused,
                Failure::Timeout => Answer::Timeout,
            };
            (answer, BTreeSet::new(), None)
        }
    };
    Resolution {
        account: None,
        region: None,
        name: question.name.clone(),
        from: from.to_owned(),
        address: None,
        hops: lookup.hops.into_iter().map(|hop| hop.says).collect(),
        answer,
        addresses,
        by,
    }
}

/// The one VPC that has this address in the lab, or in any.
pub(super) fn vpc_of_lab(world: &World, address: &str, lab: Option<&str>) -> Result<String, Refusal> {
    let mut vpcs = world.vpcs_tagged(tags::ADDRESS, address, tags::LAB);
    vpcs.retain(|(_, own)| lab.is_none() || own.as_deref() == lab);
    match (vpcs.as_slice(), lab) {
        ([(id, _)], _) => Ok(id.clone()),
        ([], None) => Err(Refusal {
            message: format!("No lab in the sandbox has {address}"),
            hint: Some("`breezeway up` builds one.".to_owned()),
        }),
        ([], Some(lab)) => Err(Refusal {
            message: format!("The sandbox has no lab `{lab}` with {address}"),
            hint: Some("`breezeway list` shows which labs are there.".to_owned()),
        }),
        (several, _) => {
            let holders = several.iter().map(|(id, lab)| format!("{id} of {}", lab.as_deref().unwrap_or("no lab")));
            Err(Refusal {
                message: format!("Several VPCs are {address}: {}", holders.collect::<Vec<_>>().join(", ")),
                hint: Some("Say which lab with --lab, or --from with the VPC's id.".to_owned()),
            })
        }
    }
}

pub(super) fn refusal(error: NobodyAsks) -> Refusal {
    let hint = match &error {
        NobodyAsks::Unknown(_) => Some("`breezeway status` shows the ids of a lab.".to_owned()),
        NobodyAsks::Silent { .. } | NobodyAsks::NoSubnet(_) => None,
    };
    Refusal { message: error.to_string(), hint }
}
