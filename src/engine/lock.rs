//! The lock: a lease kept in the account, as courtesy between people. Nothing depends on it for correctness.
//!
//! A lease is an SSM parameter `lock/N` created without overwrite; the highest N holds. A dead holder is succeeded by
//! creating N + 1, so that exactly one can win; a name is never deleted and made again while the lab lives.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::record::{self, Kept};
use crate::aws::{Aws, Class, Failure};

/// How often a holder says that it is alive.
pub const BEAT: Duration = Duration::from_secs(20);
/// How long a holder elsewhere may be silent, by the clock of the one who waits.
const SILENCE: Duration = Duration::from_secs(60);
/// How often one who waits looks.
const LOOK: Duration = Duration::from_secs(5);
/// Nobody is less quick than others so often: an account that says so each time is not to be believed.
const MOST_LOST: u32 = 100;

/// A process that may hold a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The caller's ARN.
    pub who: String,
    /// The machine's name.
    pub host: String,
    /// The machine's boot, where the system tells.
    pub boot: Option<String>,
    /// The process.
    pub pid: u32,
    /// A random number of this run: tells our own lease from another's.
    pub run: String,
}

impl Holder {
    /// This process.
    pub fn this_process(who: &str, run: &str) -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        Self {
            who: who.to_owned(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            boot: boot.map(|text| text.trim().to_owned()),
            pid: std::process::id(),
            run: run.to_owned(),
        }
    }

    /// Whether a process of this number runs on this machine.
    pub fn is_alive(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
    }
}

/// What a lease says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who holds it.
    #[serde(flatten)]
    pub holder: Holder,
    /// For what: `up`, `down`.
    pub verb: String,
    /// Since when.
    pub since: Timestamp,
    /// Counts up while the holder lives.
    pub beat: u64,
    /// Whether the holder is done.
    pub ended: bool,
    /// Whether its last look found everything as it should be, so that no later look can find traces of work under way.
    #[serde(default)]
    pub settled: bool,
}

/// Why there is no lease.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LockError {
    /// Somebody else works on the lab.
    #[error("{} has held this lab's lock for `{}` since {} (process {} on {})", .0.holder.who, .0.verb, .0.since, .0.holder.pid, .0.holder.host)]
    Held(Box<Lease>),
    /// The parameters can't be read or written.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Whether a process of this machine lives; tests hand in their own.
pub type Alive = fn(&Holder) -> bool;

/// A lease that we hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    number: u64,
    lease: Lease,
    lab: String,
    settled: bool,
}

/// The highest lease among what is kept of a lab. One that can't be read counts as held by nobody.
pub fn highest(kept: &Kept) -> Option<(u64, Option<Lease>)> {
    // Nobody takes over often enough for a larger number than this.
    let number = |name: &str| name.strip_prefix("lock/")?.parse::<u32>().ok();
    let leases = kept.parameters.iter().filter_map(|(name, value)| Some((number(name)?.into(), value)));
    leases.max_by_key(|(number, _)| *number).map(|(number, value)| (number, serde_json::from_str(value).ok()))
}

/// Takes the lock of a lab, at once or after waiting for whoever has it.
///
/// # Errors
/// Somebody alive has it and `wait` is off, or the parameters can't be read or written.
pub async fn acquire(
    aws: &Aws,
    lab: &str,
    verb: &str,
    holder: &Holder,
    alive: Alive,
    wait: bool,
) -> Result<Held, LockError> {
    let mut silent: Option<(u64, u64, Instant)> = None;
    let mut lost = 0;
    loop {
        let kept = record::read(aws, lab).await?;
        let highest = highest(&kept);
        if let Some((number, Some(lease))) = &highest {
            if lease.holder.run == holder.run {
                return Ok(Held { number: *number, lease: lease.clone(), lab: lab.to_owned(), settled: false });
            }
            let here = lease.holder.boot.is_some() && lease.holder.boot == holder.boot;
            let dead = lease.ended || here && !alive(&lease.holder);
            let since = match silent {
                Some((n, beat, since)) if (n, beat) == (*number, lease.beat) => since,
                _ => Instant::now(),
            };
            silent = Some((*number, lease.beat, since));
            if !dead && since.elapsed() < SILENCE {
                if !wait {
                    return Err(LockError::Held(Box::new(lease.clone())));
                }
                tokio::time::sleep(LOOK).await;
                continue;
            }
        }
        let settled = highest.as_ref().is_none_or(|(_, lease)| lease.as_ref().is_some_and(|lease| lease.settled));
        let number = highest.map_or(1, |(number, _)| number + 1);
        let (verb, since) = (verb.to_owned(), aws.clock.now());
        let lease = Lease { holder: holder.clone(), verb, since, beat: 0, ended: false, settled: false };
        let value = serde_json::to_string(&lease).unwrap_or_default();
        match record::create(aws, lab, &format!("lock/{number}"), &value).await {
            Ok(()) => {
                let old = kept.parameters.keys().filter(|name| name.starts_with("lock/")).cloned().collect();
                record::remove(aws, lab, old).await?;
                return Ok(Held { number, lease, lab: lab.to_owned(), settled });
            }
            // Somebody was quicker, or it was us: the next look tells.
            Err(failure) if lost < MOST_LOST && matches!(failure.class, Class::AlreadySo | Class::UnknownOutcome) => {
                lost += 1;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(failure) => return Err(failure.into()),
        }
    }
}

/// Takes the lock from whoever has it and gives it back at once: a holder that lives starts nothing new when it sees
/// that. Returns who had it.
///
/// # Errors
/// Somebody else was quicker, or the parameters can't be read or written.
pub async fn unlock(aws: &Aws, lab: &str, holder: &Holder) -> Result<Option<Lease>, Failure> {
    let kept = record::read(aws, lab).await?;
    let Some((number, Some(lease))) = highest(&kept).filter(|(_, lease)| !lease.as_ref().is_some_and(|l| l.ended))
    else {
        return Ok(None);
    };
    let now = aws.clock.now();
    let ours =
        Lease { holder: holder.clone(), verb: "unlock".to_owned(), since: now, beat: 0, ended: true, settled: false };
    let value = serde_json::to_string(&ours).unwrap_or_default();
    record::create(aws, lab, &format!("lock/{}", number + 1), &value).await?;
    let old = kept.parameters.keys().filter(|name| name.starts_with("lock/")).cloned().collect();
    record::remove(aws, lab, old).await?;
    Ok(Some(lease))
}

impl Held {
    /// Says that we live; returns who has taken over, if somebody has.
    pub async fn beat(&mut self, aws: &Aws) -> Option<Lease> {
        if let Ok(kept) = record::read(aws, &self.lab).await
            && let Some((number, other)) = highest(&kept)
            && number > self.number
        {
            return other;
        }
        self.lease.beat += 1;
        let value = serde_json::to_string(&self.lease).unwrap_or_default();
        // A beat that gets lost is made up for by the next.
        let _ = record::overwrite(aws, &self.lab, &format!("lock/{}", self.number), &value).await;
        None
    }

    /// Whether the one before us, if any, left everything as it should be.
    pub fn settled(&self) -> bool {
        self.settled
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// The parameter can't be written.
    pub async fn release(self, aws: &Aws, settled: bool) -> Result<(), Failure> {
        let lease = Lease { ended: true, settled, ..self.lease };
        let value = serde_json::to_string(&lease).unwrap_or_default();
        record::overwrite(aws, &self.lab, &format!("lock/{}", self.number), &value).await
    }
}
