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
use crate::aws::pace::Share;
use crate::aws::{Aws, Class, Failure};

/// Where the leases of all labs are.
const ROOT: &str = "/breezeway/locks";
/// How often a holder says that it is alive.
const BEAT: Duration = Duration::from_secs(20);
/// How long a holder elsewhere may be silent, by the clock of the one who waits.
const SILENCE: Duration = Duration::from_secs(60);
/// How often one who waits looks, and whoever is at work: when AWS's time is a multiple of it.
const LOOK: Duration = Duration::from_secs(5);
/// How long it takes until all have looked.
const ALL_HAVE_LOOKED: Duration = Duration::from_secs(2);

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
    /// When the lease was last written, by our clock: none where that wasn't answered.
    wrote: Option<Duration>,
    /// When to say next that we live.
    beat_at: Duration,
    /// What AWS's time was when our clock began.
    aws_began: Option<Duration>,
    /// The last beat seen of others, by the names of their labs, and when it came: none where it was old already.
    others: BTreeMap<String, (u64, Option<Instant>)>,
}

/// A lease as the account has it.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    lab: String,
    number: u64,
    /// None where it can't be read: held by nobody.
    lease: Option<Lease>,
    /// AWS's time of its last change.
    modified: Option<Duration>,
    /// Whether it was written but once.
    new: bool,
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
            number: number.parse().ok()?,
            lease: serde_json::from_str(&one.value?).ok(),
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

async fn of_lab(aws: &Aws, lab: &str) -> Result<Vec<Entry>, Failure> {
    entries(aws, &format!("{ROOT}/{lab}")).await
}

/// The lease of a lab, ended or not.
///
/// # Errors
/// The parameters can't be read.
pub async fn lease(aws: &Aws, lab: &str) -> Result<Option<Lease>, Failure> {
    Ok(highest(&of_lab(aws, lab).await?).get(lab).and_then(|entry| entry.lease.clone()))
}

/// Removes every lease of a lab that is gone; returns whether there were any.
///
/// # Errors
/// The parameters can't be read or removed.
pub async fn forget(aws: &Aws, lab: &str) -> Result<bool, Failure> {
    let names = names(&of_lab(aws, lab).await?, lab);
    let any = !names.is_empty();
    parameters::remove(aws, names).await?;
    Ok(any)
}

fn names(entries: &[Entry], lab: &str) -> Vec<String> {
    entries.iter().filter(|entry| entry.lab == lab).map(|entry| name(lab, entry.number)).collect()
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
    let held = |number, lease, settled, wrote| Held {
        number,
        lease,
        lab: lab.to_owned(),
        settled,
        wrote,
        beat_at: aws.clock.elapsed() + BEAT,
        aws_began: None,
        others: BTreeMap::new(),
    };
    loop {
        let entries = of_lab(aws, lab).await?;
        let highest = highest(&entries).get(lab).map(|entry| (entry.number, entry.lease.clone()));
        if let Some((number, Some(lease))) = &highest {
            if lease.holder.run == holder.run {
                return Ok(held(*number, lease.clone(), false, None));
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
        match parameters::create(aws, lab, &name(lab, number), &value).await {
            Ok(wrote) => {
                parameters::remove(aws, names(&entries, lab)).await?;
                return Ok(held(number, lease, settled, Some(wrote)));
            }
            // Somebody was quicker, or it was us: the next look tells.
            Err(failure) if matches!(failure.class, Class::AlreadySo | Class::UnknownOutcome) => {
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
    let entries = of_lab(aws, lab).await?;
    let highest = highest(&entries).get(lab).map(|entry| (entry.number, entry.lease.clone()));
    let Some((number, lease)) = highest.filter(|(_, lease)| !lease.as_ref().is_some_and(|lease| lease.ended)) else {
        return Ok(None);
    };
    let now = aws.clock.now();
    let ours =
        Lease { holder: holder.clone(), verb: "unlock".to_owned(), since: now, beat: 0, ended: true, settled: false };
    let value = serde_json::to_string(&ours).unwrap_or_default();
    parameters::create(aws, lab, &name(lab, number + 1), &value).await?;
    parameters::remove(aws, names(&entries, lab)).await?;
    Ok(lease)
}

impl Held {
    /// How long until the next look.
    pub fn until_look(&self, aws: &Aws) -> Duration {
        let now = self.aws_time(aws).as_nanos();
        let look = LOOK.as_nanos();
        Duration::from_nanos(u64::try_from(look - now % look).unwrap_or_default())
    }

    /// AWS's time, as far as its answers told.
    fn aws_time(&self, aws: &Aws) -> Duration {
        let now = aws.clock.elapsed();
        self.aws_began.map_or(now, |began| began + now)
    }

    /// Takes our place among those at work in the account and Region: where there are others, once all of them know of
    /// us. Returns how many others there are.
    pub async fn join(&mut self, aws: &Aws) -> usize {
        self.look_around(aws, Duration::MAX).await;
        if aws.share().is_some() {
            tokio::time::sleep(self.until_look(aws) + ALL_HAVE_LOOKED).await;
            self.look(aws).await;
        }
        aws.share().map_or(0, |share| share.of - 1)
    }

    /// Looks who is at work in the account and Region, takes our share of its request rates, and says now and then
    /// that we live. Returns who has taken the lab over, if somebody has.
    pub async fn look(&mut self, aws: &Aws) -> Option<Lease> {
        let now = self.aws_time(aws);
        let since_look = Duration::from_nanos(u64::try_from(now.as_nanos() % LOOK.as_nanos()).unwrap_or_default());
        let other = self.look_around(aws, now.saturating_sub(since_look)).await;
        if other.is_none() && aws.clock.elapsed() >= self.beat_at {
            self.beat(aws).await;
        }
        other
    }

    /// Who came or went after the `moment`, of AWS's time, isn't known to all.
    async fn look_around(&mut self, aws: &Aws, moment: Duration) -> Option<Lease> {
        let entries = entries(aws, ROOT).await.ok()?;
        let highest = highest(&entries);
        let ours = highest.get(self.lab.as_str());
        if let Some(other) = ours.filter(|entry| entry.number > self.number) {
            return other.lease.clone();
        }
        if let (Some(modified), Some(wrote)) = (ours.and_then(|entry| entry.modified), self.wrote) {
            self.aws_began = Some(modified.saturating_sub(wrote));
        }
        let now = self.aws_time(aws);
        aws.take_share(self.share(&highest, moment, now));
        None
    }

    /// Our share among those at work: none where we are alone.
    fn share(&mut self, highest: &BTreeMap<&str, &Entry>, moment: Duration, now: Duration) -> Option<Share> {
        let mut labs = vec![self.lab.as_str()];
        for (lab, entry) in highest {
            let Some(lease) = entry.lease.as_ref().filter(|_| **lab != self.lab) else { continue };
            let modified = entry.modified.unwrap_or(now);
            let (beat, came) = self.others.entry((*lab).to_owned()).or_insert_with(|| {
                let fresh = modified + SILENCE > now;
                (lease.beat, fresh.then(Instant::now))
            });
            if *beat != lease.beat {
                (*beat, *came) = (lease.beat, Some(Instant::now()));
            }
            let lives = came.is_some_and(|came| came.elapsed() < SILENCE);
            let (comes, went) = (entry.new && modified > moment, lease.ended && modified <= moment);
            if lives && !comes && !went {
                labs.push(lab);
            }
        }
        self.others.retain(|lab, _| highest.contains_key(lab.as_str()));
        labs.sort_unstable();
        let mine = labs.iter().position(|lab| *lab == self.lab)?;
        (labs.len() > 1).then_some(Share { of: labs.len(), mine, aws_began: self.aws_began? })
    }

    async fn beat(&mut self, aws: &Aws) {
        self.lease.beat += 1;
        let value = serde_json::to_string(&self.lease).unwrap_or_default();
        self.beat_at = aws.clock.elapsed() + BEAT;
        // A beat that gets lost is made up for by the next.
        self.wrote = parameters::overwrite(aws, &name(&self.lab, self.number), &value).await.ok();
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
        parameters::overwrite(aws, &name(&self.lab, self.number), &value).await.map(drop)
    }
}
