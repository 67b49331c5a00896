//! The lock: a lease kept in the account, as courtesy between people. Nothing depends on it for correctness.
//!
//! A lease is an SSM parameter `/breezeway/locks/LAB/N` created without overwrite; the highest N holds. A dead holder is
//! succeeded by creating N + 1, so that exactly one can win; a name is never deleted and made again while the lab lives.
//!
//! The leases of all labs, read together, say who is at work in the account and Region: they share its request rates.
//! Everyone looks when the same moment of AWS's time comes. Who comes to others first waits until they have looked, and
//! does nothing before; who sees nobody right after the lease was made has the rates alone until the next look.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ssm::types::Parameter;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::parameters;
use crate::aws::{Aws, Class, Failure};

mod held;
mod holder;
pub mod under;

pub use held::{Beat, Held};
pub use holder::Holder;

/// Where the leases of all labs are.
const ROOT: &str = "/breezeway/locks";
/// How often a holder says that it is alive.
pub const BEAT: Duration = Duration::from_secs(20);
/// How long a holder elsewhere may be silent, by the clock of the one who waits.
pub const SILENCE: Duration = Duration::from_secs(60);
/// How often taking the lock is tried while it isn't said whether it worked, or somebody else is quicker.
const ATTEMPTS: u32 = 8;
/// How often one who waits looks, and whoever is at work: when AWS's time is a multiple of it.
pub const LOOK: Duration = Duration::from_secs(5);
/// How long it takes until all have looked.
const ALL_HAVE_LOOKED: Duration = Duration::from_secs(2);

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
    /// Somebody else works on the lab; none where their lease can't be read.
    #[error("{}", said(.0.as_deref()))]
    Held(Option<Box<Lease>>),
    /// The parameters can't be read or written.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Who has the lock, since when and for what, by their own clock.
pub fn said(lease: Option<&Lease>) -> String {
    let Some(Lease { holder, verb, since, ended, .. }) = lease else {
        return "somebody has this lab's lock, with a lease that this version can't read".to_owned();
    };
    let Holder { who, host, pid, .. } = holder;
    if *ended {
        return format!("{who} took this lab's lock away with `{verb}` at {since:.0} (process {pid} on {host})");
    }
    format!("{who} has held this lab's lock for `{verb}` since {since:.0} (process {pid} on {host})")
}

/// Whether a process of this machine lives; tests hand in their own.
pub type Alive = fn(&Holder) -> bool;

/// A lease as the account has it.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    lab: String,
    number: u64,
    text: String,
    /// AWS's time of its last change.
    modified: Option<Duration>,
    /// Whether it was written but once.
    new: bool,
}

impl Entry {
    /// What it says; none where that can't be read, which is no reason to think that nobody has the lock.
    fn lease(&self) -> Option<Lease> {
        serde_json::from_str(&self.text).ok()
    }
}

fn name(lab: &str, number: u64) -> String {
    format!("{ROOT}/{lab}/{number}")
}

/// The leases below a path.
async fn entries(aws: &Aws, path: &str) -> Result<Vec<Entry>, Failure> {
    let parse = |one: Parameter| {
        let name = one.name?;
        let (lab, number) = name.strip_prefix(ROOT)?.strip_prefix('/')?.split_once('/')?;
        let modified = one.last_modified_date.map(|date| Duration::try_from_secs_f64(date.as_secs_f64()));
        Some(Entry {
            lab: lab.to_owned(),
            // Nobody takes over often enough for a larger number than this.
            number: number.parse::<u32>().ok()?.into(),
            text: one.value?,
            modified: modified.and_then(Result::ok),
            new: one.version == 1,
        })
    };
    Ok(parameters::list(aws, path).await?.into_iter().filter_map(parse).collect())
}

/// The leases that hold, by lab.
fn highest(entries: &[Entry]) -> BTreeMap<&str, &Entry> {
    let mut highest: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in entries {
        let held = highest.entry(&entry.lab).or_insert(entry);
        if entry.number > held.number {
            *held = entry;
        }
    }
    highest
}

/// The leases of a lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Leases(Vec<Entry>);

impl Leases {
    /// Reads them.
    ///
    /// # Errors
    /// The parameters can't be read.
    pub async fn read(aws: &Aws, lab: &str) -> Result<Self, Failure> {
        Ok(Self(entries(aws, &format!("{ROOT}/{lab}")).await?))
    }

    fn newest(&self) -> Option<&Entry> {
        self.0.iter().max_by_key(|entry| entry.number)
    }

    /// The one that holds, or held last: itself none where it can't be read.
    pub fn held(&self) -> Option<Option<Lease>> {
        self.newest().map(Entry::lease)
    }

    /// Removes those that a later one has succeeded.
    async fn remove_before(&self, aws: &Aws, number: u64) -> Result<(), Failure> {
        let older = self.0.iter().filter(|entry| entry.number < number);
        parameters::remove(aws, older.map(|entry| name(&entry.lab, entry.number)).collect()).await
    }
}

/// Removes every lease of a lab that is gone, and what else is where they are; returns whether there was any.
///
/// # Errors
/// The parameters can't be read or removed.
pub async fn forget(aws: &Aws, lab: &str) -> Result<bool, Failure> {
    let found = parameters::list(aws, &format!("{ROOT}/{lab}")).await?;
    let names: Vec<String> = found.into_iter().filter_map(|one| one.name).collect();
    let any = !names.is_empty();
    parameters::remove(aws, names).await?;
    Ok(any)
}

/// Takes the lock of a lab. While somebody has it, `wait` waits until it is worth another look, about [`LOOK`], or
/// says that nobody waits.
///
/// # Errors
/// Somebody may have it and nobody waits, or the parameters can't be read or written.
pub async fn acquire(
    aws: &Aws,
    lab: &str,
    verb: &str,
    holder: &Holder,
    alive: Alive,
    mut wait: impl AsyncFnMut(Option<&Lease>) -> bool,
) -> Result<Held, LockError> {
    let mut silent: Option<(u64, String, Instant)> = None;
    let mut attempts = 0;
    let held = |number, lease, settled, wrote| Held::new(aws, lab, number, lease, settled, wrote);
    loop {
        let leases = Leases::read(aws, lab).await?;
        let newest = leases.newest();
        let lease = newest.and_then(Entry::lease);
        if let Some(Entry { number, text, .. }) = newest {
            if let Some(lease) = lease.as_ref().filter(|lease| lease.holder.run == holder.run) {
                leases.remove_before(aws, *number).await?;
                return Ok(held(*number, lease.clone(), false, None));
            }
            let here = |lease: &Lease| lease.holder.boot.is_some() && lease.holder.boot == holder.boot;
            let dead = lease.as_ref().is_some_and(|lease| lease.ended || here(lease) && !alive(&lease.holder));
            // What a lease says of the time is by its holder's clock, which may be wrong: only that it changes counts.
            let since = match &silent {
                Some((n, last, since)) if (n, last) == (number, text) => *since,
                _ => Instant::now(),
            };
            silent = Some((*number, text.clone(), since));
            if !dead && since.elapsed() < SILENCE {
                if !wait(lease.as_ref()).await {
                    return Err(LockError::Held(lease.map(Box::new)));
                }
                continue;
            }
        }
        let settled = newest.is_none() || lease.is_some_and(|lease| lease.settled);
        let number = newest.map_or(1, |entry| entry.number + 1);
        let (verb, since) = (verb.to_owned(), aws.clock.now());
        let lease = Lease { holder: holder.clone(), verb, since, beat: 0, ended: false, settled: false };
        let value = serde_json::to_string(&lease).unwrap_or_default();
        match parameters::create(aws, lab, &name(lab, number), &value).await {
            Ok(wrote) => {
                leases.remove_before(aws, number).await?;
                return Ok(held(number, lease, settled, Some(wrote)));
            }
            // Somebody was quicker, or it was us: the next look tells.
            Err(failure)
                if matches!(failure.class, Class::AlreadySo | Class::UnknownOutcome) && attempts < ATTEMPTS =>
            {
                attempts += 1;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(failure) => return Err(failure.into()),
        }
    }
}

/// Takes the lock from whoever has it by the leases that were seen, and gives it back at once: a holder that lives starts
/// nothing new when it sees that.
///
/// # Errors
/// [`Class::AlreadySo`] where somebody else was quicker; the parameters can't be written.
pub async fn unlock(aws: &Aws, lab: &str, holder: &Holder, leases: &Leases) -> Result<(), Failure> {
    let Some(newest) = leases.newest() else { return Ok(()) };
    let now = aws.clock.now();
    let ours =
        Lease { holder: holder.clone(), verb: "unlock".to_owned(), since: now, beat: 0, ended: true, settled: false };
    let value = serde_json::to_string(&ours).unwrap_or_default();
    let number = newest.number + 1;
    parameters::create(aws, lab, &name(lab, number), &value).await?;
    leases.remove_before(aws, number).await
}
