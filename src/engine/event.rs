//! What the engine says while it works: its only output. Bars, plain lines and NDJSON are readers of this one stream.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::changes::{Action, Change};
use crate::aws::{Calls, Failure};
use crate::resource::{Address, Kind};

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Its first call is about to be made.
    Started,
    /// AWS is at work, or something must settle first; the message says what.
    Waiting,
    /// Done.
    Done,
    /// Failed; the error says why.
    Failed,
    /// Not tried, because of another's failure or an interruption.
    Skipped,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything is as asked.
    Done,
    /// Something is not.
    Failed,
    /// Stopped on request; what ran was finished.
    Interrupted,
    /// Left on request while AWS still holds on to the rest.
    Detached,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run begins.
    Started {
        /// `up` or `down`.
        verb: String,
        /// The lab.
        lab: String,
    },
    /// A plain sentence about the run as a whole.
    Note {
        /// The sentence.
        message: String,
    },
    /// What is going to be done, before it is.
    Planned {
        /// How many addresses change.
        steps: usize,
        /// How long it is expected to take.
        forecast_seconds: f64,
        /// The chain that decides how long.
        critical_path: Vec<Address>,
        /// What changes, address by address.
        changes: Vec<Change>,
    },
    /// A step changes its state.
    Step {
        /// Which resource of the lab.
        address: Address,
        /// Its kind.
        #[serde(rename = "type")]
        kind: Kind,
        /// What is done to it.
        action: Action,
        /// How far it is.
        state: StepState,
        /// AWS's id, once known.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// What it waits for, or why it is skipped.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// Why it failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    },
    /// The run is over.
    Finished {
        /// How.
        outcome: Outcome,
        /// How many resources of the lab stand now; null where nobody could count them.
        resources: Option<usize>,
        /// Seconds on this machine's clock.
        seconds: f64,
        /// Seconds on AWS's clock, which the sandbox can skip.
        aws_seconds: f64,
        /// Calls made.
        calls: Calls,
        /// What went wrong, or why the run could not begin: causes only.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        causes: Vec<String>,
        /// The network addresses of what stands now, by the address within the lab.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        addresses: BTreeMap<Address, Vec<String>>,
        /// US dollars an hour for what stands now, before any traffic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hourly_cost_usd: Option<f64>,
    },
}

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Happened {
    /// When, on AWS's clock.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}
