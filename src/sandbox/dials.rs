//! How slow, stale, busy and unreliable the sandbox is.

use super::world::Durations;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::time::Duration;

/// The sandbox's dials. As text they are `key=value` pairs with commas between, in any order; what isn't named is
/// off: `latency=realistic,throttle=aws,faults=5,seed=7`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dials {
    /// How long asynchronous work takes.
    pub durations: Durations,
    /// How long a call takes to be answered.
    pub latency: Latency,
    /// How far reads may lag behind, at most.
    pub staleness: Option<Duration>,
    /// Whether AWS's request buckets hold.
    pub throttle: bool,
    /// How many times AWS's own the account's quotas are, as if Service Quotas had been asked.
    pub quotas: u32,
    /// How many of a hundred calls go wrong.
    pub faults: f64,
    /// When to kill this process.
    pub kill: Option<Death>,
    /// Begins the randomness of everything above.
    pub seed: u64,
}

impl Default for Dials {
    fn default() -> Self {
        Self {
            durations: Durations::default(),
            latency: Latency::Off,
            staleness: None,
            throttle: false,
            quotas: 1,
            faults: 0.0,
            kill: None,
            seed: 0,
        }
    }
}

/// How long a call takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Latency {
    /// Answered at once.
    #[default]
    Off,
    /// About what AWS takes, drawn anew for each: writes longer than reads.
    Realistic,
    /// Always this.
    Fixed(Duration),
}

/// A death at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// On which side of the call's effect.
    pub side: Side,
    /// Which call, counted from 1.
    pub call: u64,
}

/// A side of a call's effect on the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The call has no effect.
    Before,
    /// The call has its effect, and nobody learns of it.
    After,
}

/// Why a text doesn't set the dials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// Not of the form `key=value`.
    #[error("`{0}` is not of the form key=value")]
    NotAPair(String),
    /// No dial has this name.
    #[error(
        "there is no dial `{0}`; the dials are durations, latency, staleness, throttle, quotas, faults, kill and seed"
    )]
    Unknown(String),
    /// The same dial is set twice.
    #[error("the dial `{0}` is set twice")]
    Twice(String),
    /// The dial doesn't take this value.
    #[error("the dial `{dial}` can't be `{value}`; it takes {takes}")]
    Value {
        /// Which dial.
        dial: &'static str,
        /// What it was set to.
        value: String,
        /// What it takes.
        takes: &'static str,
    },
}

/// A day: no call waits longer, and no read is older.
const MAX_MILLIS: u64 = 86_400_000;

impl FromStr for Dials {
    type Err = DialError;

    fn from_str(text: &str) -> Result<Self, DialError> {
        let mut dials = Self::default();
        let mut seen = Vec::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| DialError::NotAPair(pair.to_owned()))?;
            let (name, value) = (name.trim(), value.trim());
            if seen.contains(&name) {
                return Err(DialError::Twice(name.to_owned()));
            }
            seen.push(name);
            dials.set(name, value)?;
        }
        Ok(dials)
    }
}

impl Dials {
    fn set(&mut self, name: &str, value: &str) -> Result<(), DialError> {
        let refused = |dial, takes| DialError::Value { dial, value: value.to_owned(), takes };
        match name {
            "durations" => {
                self.durations = match value {
                    "instant" => Durations::Instant,
                    "typical" => Durations::Typical,
                    "drawn" => Durations::Drawn,
                    _ => return Err(refused("durations", "instant, typical or drawn")),
                }
            }
            "latency" => {
                self.latency = match value {
                    "off" => Latency::Off,
                    "realistic" => Latency::Realistic,
                    _ => millis(value)
                        .map(Latency::Fixed)
                        .ok_or_else(|| refused("latency", "off, realistic or milliseconds up to a day"))?,
                }
            }
            "staleness" => {
                self.staleness = match value {
                    "off" => None,
                    _ => Some(millis(value).ok_or_else(|| refused("staleness", "off or milliseconds up to a day"))?),
                }
            }
            "throttle" => {
                self.throttle = match value {
                    "off" => false,
                    "aws" => true,
                    _ => return Err(refused("throttle", "off or aws")),
                }
            }
            "quotas" => {
                self.quotas = value
                    .parse()
                    .ok()
                    .filter(|times| (1..=1000).contains(times))
                    .ok_or_else(|| refused("quotas", "a whole number from 1 to 1000"))?
            }
            "faults" => {
                self.faults = match value {
                    "off" => 0.0,
                    _ => value
                        .parse()
                        .ok()
                        .filter(|percent| (0.0..=100.0).contains(percent))
                        .ok_or_else(|| refused("faults", "off or a number from 0 to 100"))?,
                }
            }
            "kill" => {
                self.kill = match value {
                    "off" => None,
                    _ => Some(value.parse().map_err(|()| refused("kill", "off, before:K or after:K, K from 1"))?),
                }
            }
            "seed" => self.seed = value.parse().map_err(|_| refused("seed", "a whole number from 0 to 2^64-1"))?,
            _ => return Err(DialError::Unknown(name.to_owned())),
        }
        Ok(())
    }
}

fn millis(value: &str) -> Option<Duration> {
    value.parse().ok().filter(|millis| *millis <= MAX_MILLIS).map(Duration::from_millis)
}

impl FromStr for Death {
    type Err = ();

    /// `before:3`, `after:3`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (side, call) = text.split_once(':').ok_or(())?;
        let side = match side {
            "before" => Side::Before,
            "after" => Side::After,
            _ => return Err(()),
        };
        let call = call.parse().ok().filter(|call| *call > 0).ok_or(())?;
        Ok(Death { side, call })
    }
}

impl Display for Dials {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let durations = match self.durations {
            Durations::Instant => "instant",
            Durations::Typical => "typical",
            Durations::Drawn => "drawn",
        };
        let latency = match self.latency {
            Latency::Off => "off".to_owned(),
            Latency::Realistic => "realistic".to_owned(),
            Latency::Fixed(time) => time.as_millis().to_string(),
        };
        let staleness = self.staleness.map_or("off".to_owned(), |most| most.as_millis().to_string());
        let throttle = if self.throttle { "aws" } else { "off" };
        let kill = match self.kill {
            None => "off".to_owned(),
            Some(Death { side: Side::Before, call }) => format!("before:{call}"),
            Some(Death { side: Side::After, call }) => format!("after:{call}"),
        };
        write!(
            formatter,
            "durations={durations},latency={latency},staleness={staleness},throttle={throttle},quotas={},faults={},kill={kill},\
             seed={}",
            self.quotas, self.faults, self.seed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<Dials>().unwrap_err().to_string()
    }

    #[test]
    fn nothing_named_is_everything_off() {
        assert_eq!("".parse(), Ok(Dials::default()));
        assert_eq!(Dials::default().durations, Durations::Typical);
    }

    #[test]
    fn every_dial_is_read_and_written() {
        for text in [
            "durations=typical,latency=off,staleness=off,throttle=off,quotas=1,faults=0,kill=off,seed=0",
            "durations=drawn,latency=realistic,staleness=1500,throttle=aws,quotas=20,faults=2.5,kill=before:12,seed=7",
            "durations=instant,latency=80,staleness=0,throttle=off,quotas=1,faults=100,kill=after:1,seed=18446744073709551615",
        ] {
            assert_eq!(text.parse::<Dials>().unwrap().to_string(), text);
        }
        let spaced: Dials = " seed = 3 , faults=1 ,".parse().unwrap();
        assert_eq!((spaced.seed, spaced.faults), (3, 1.0));
    }

    #[test]
    fn what_no_dial_takes_is_refused_with_a_sentence() {
        assert_eq!(refused("fast"), "`fast` is not of the form key=value");
        assert!(refused("speed=3").starts_with("there is no dial `speed`; the dials are "));
        assert_eq!(refused("seed=1,seed=2"), "the dial `seed` is set twice");
        assert_eq!(refused("faults=101"), "the dial `faults` can't be `101`; it takes off or a number from 0 to 100");
        for text in [
            "faults=NaN",
            "faults=-1",
            "kill=before:0",
            "kill=never",
            "kill=after:x",
            "latency=-5",
            "seed=-1",
            "latency=86400001",
            "staleness=soon",
            "throttle=on",
            "quotas=0",
            "durations=long",
        ] {
            assert!(refused(text).contains("can't be"), "{text}");
        }
    }
}
