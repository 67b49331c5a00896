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
pub const BEAT: Duration = Duration::from_secs(20);
/// How long a holder elsewhere may be silent, by the clock of the one who waits.
pub const SILENCE: Duration = Duration::from_secs(60);
/// How often taking the lock is tried while it isn't said whether it worked, or somebody else is quicker.
const ATTEMPTS: u32 = 8;
/// How often one who waits looks, and whoever is at work: when AWS's time is a multiple of it.
pub const LOOK: Duration = Duration::from_secs(5);
/// How long it takes until all have looked.
const ALL_HAVE_LOOKED: Duration = Duration::from_secs(2);

/// A process that may hold a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The caller's ARN.
    pub who: String,
    /// The machine's name.
    pub host: String,
    /// The machine's boot, and among whom its processes are counted: containers of one machine share the boot, not the
    /// numbers. Where the system tells.
    pub boot: Option<String>,
    /// The process.
    pub pid: u32,
    /// When it was started, in ticks since the boot, where the system tells: another process may get its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
    /// A random number of this run: tells our own lease from another's.
    pub run: String,
}

impl Holder {
    /// This process.
    pub fn this_process(who: &str, run: &str) -> Self {
        let pid = std::process::id();
        Self {
            who: who.to_owned(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            boot: boot(),
            pid,
            started: seen(pid).map(|(_, started)| started),
            run: run.to_owned(),
        }
    }

    /// Whether this process runs on this machine.
    pub fn is_alive(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        let counted = pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
        counted
            && seen(self.pid).is_none_or(|(state, started)| {
                // A zombie only waits for its parent to ask how it ended.
                state != 'Z' && state != 'X' && self.started.is_none_or(|then| then == started)
            })
    }
}

/// The boot of this machine and the namespace of its process numbers.
fn boot() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let counted = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), counted.display()))
}

/// State and start of a process, where the system tells; <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
fn seen(pid: u32) -> Option<(char, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name, which may hold anything, is in parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
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
    /// Somebody else works on the lab; none where their lease can't be read.
    #[error("{}", said(.0.as_deref()))]
    Held(Option<Box<Lease>>),
    /// The parameters can't be read or written.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Who has the lock, since when and for what, by their own clock.
pub fn said(lease: Option<&Lease>) -> String {
    let Some(Lease { holder, verb, since, .. }) = lease else {
        return "somebody has this lab's lock, with a lease that this version can't read".to_owned();
    };
    let Holder { who, host, pid, .. } = holder;
    format!("{who} has held this lab's lock for `{verb}` since {since:.0} (process {pid} on {host})")
}

/// What came of looking, and of saying now and then that we live.
#[derive(Debug, Clone, PartialEq)]
pub enum Beat {
    /// The lock is ours, and it isn't time to say so.
    Resting,
    /// It is written.
    Heard,
    /// Somebody has taken the lock over, or took it and is done.
    Taken(Option<Lease>),
    /// It could not be written: the next may be.
    Unheard(Failure),
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
    taken: bool,
    /// When the lease was last written, by our clock: none where that wasn't answered.
    wrote: Option<Duration>,
    /// When to say next that we live.
    beat_at: Duration,
    /// What AWS's time was when our clock began: ours, until AWS has said when our lease was written.
    aws_began: Duration,
    /// The last beat seen of others, by the names of their labs, and when it came: none where it was old already.
    others: BTreeMap<String, (u64, Option<Instant>)>,
}

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

    async fn remove(&self, aws: &Aws) -> Result<(), Failure> {
        parameters::remove(aws, self.0.iter().map(|entry| name(&entry.lab, entry.number)).collect()).await
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
    let held = |number, lease, settled, wrote| Held {
        number,
        lease,
        lab: lab.to_owned(),
        settled,
        taken: false,
        wrote,
        beat_at: aws.clock.elapsed() + BEAT,
        aws_began: since_1970(aws.clock.now()).saturating_sub(aws.clock.elapsed()),
        others: BTreeMap::new(),
    };
    loop {
        let leases = Leases::read(aws, lab).await?;
        let newest = leases.newest();
        let lease = newest.and_then(Entry::lease);
        if let Some(Entry { number, text, .. }) = newest {
            if let Some(lease) = lease.as_ref().filter(|lease| lease.holder.run == holder.run) {
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
                leases.remove(aws).await?;
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
    parameters::create(aws, lab, &name(lab, newest.number + 1), &value).await?;
    leases.remove(aws).await
}

fn since_1970(time: Timestamp) -> Duration {
    time.duration_since(Timestamp::UNIX_EPOCH).try_into().unwrap_or_default()
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
        self.aws_began.saturating_add(aws.clock.elapsed())
    }

    /// How long until everybody knows of us.
    pub fn until_known(&self, aws: &Aws) -> Duration {
        self.until_look(aws) + ALL_HAVE_LOOKED
    }

    /// Takes our place among those at work in the account and Region; returns how many others there are. Until all of
    /// them know of us, they take what would be our share.
    pub async fn join(&mut self, aws: &Aws) -> usize {
        self.look_around(aws, Duration::MAX).await;
        aws.share().map_or(0, |share| share.of - 1)
    }

    /// Looks who is at work in the account and Region, takes our share of its request rates, and says now and then
    /// that we live.
    pub async fn look(&mut self, aws: &Aws) -> Beat {
        let now = self.aws_time(aws);
        let since_look = Duration::from_nanos(u64::try_from(now.as_nanos() % LOOK.as_nanos()).unwrap_or_default());
        if let Some(other) = self.look_around(aws, now.saturating_sub(since_look)).await {
            self.taken = true;
            return Beat::Taken(other);
        }
        if aws.clock.elapsed() < self.beat_at {
            return Beat::Resting;
        }
        self.beat(aws).await
    }

    /// Who came or went after the `moment`, of AWS's time, isn't known to all. Returns the lease that holds where that
    /// isn't ours any more: itself none where the lock is gone with the lab, or it can't be read.
    async fn look_around(&mut self, aws: &Aws, moment: Duration) -> Option<Option<Lease>> {
        let entries = entries(aws, ROOT).await.ok()?;
        let highest = highest(&entries);
        let ours = match highest.get(self.lab.as_str()) {
            Some(entry) if entry.number == self.number => entry,
            other => return Some(other.and_then(|entry| entry.lease())),
        };
        if let (Some(modified), Some(wrote)) = (ours.modified, self.wrote) {
            self.aws_began = modified.saturating_sub(wrote);
        }
        let now = self.aws_time(aws);
        aws.take_share(self.share(&highest, moment, now));
        None
    }

    /// Our share among those at work: none where we are alone.
    fn share(&mut self, highest: &BTreeMap<&str, &Entry>, moment: Duration, now: Duration) -> Option<Share> {
        let mut labs = vec![self.lab.as_str()];
        for (lab, entry) in highest {
            let Some(lease) = entry.lease().filter(|_| **lab != self.lab) else { continue };
            let modified = entry.modified.unwrap_or(now);
            let (beat, came) = self.others.entry((*lab).to_owned()).or_insert_with(|| {
                let fresh = modified.saturating_add(SILENCE) > now;
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
        (labs.len() > 1).then_some(Share { of: labs.len(), mine, aws_began: self.aws_began })
    }

    async fn beat(&mut self, aws: &Aws) -> Beat {
        self.lease.beat += 1;
        let value = serde_json::to_string(&self.lease).unwrap_or_default();
        self.beat_at = aws.clock.elapsed() + BEAT;
        self.wrote = None;
        match parameters::overwrite(aws, &name(&self.lab, self.number), &value).await {
            Ok(wrote) => {
                self.wrote = Some(wrote);
                Beat::Heard
            }
            Err(failure) => Beat::Unheard(failure),
        }
    }

    /// Whether the one before us, if any, left everything as it should be.
    pub fn settled(&self) -> bool {
        self.settled
    }

    /// Gives the lock back, unless somebody is known to have taken it.
    ///
    /// # Errors
    /// The parameter can't be written.
    pub async fn release(self, aws: &Aws, settled: bool) -> Result<(), Failure> {
        if self.taken {
            return Ok(());
        }
        let lease = Lease { ended: true, settled, ..self.lease };
        let value = serde_json::to_string(&lease).unwrap_or_default();
        parameters::overwrite(aws, &name(&self.lab, self.number), &value).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let own = Holder::this_process("ann", "1");
        assert!(own.is_alive());
        let another = Holder { started: own.started.map(|started| started - 1), ..own.clone() };
        assert!(!another.is_alive(), "its number was given to another process");
        let older = Holder { started: None, ..own.clone() };
        assert!(older.is_alive(), "an older version says no start");
        for pid in [0, u32::MAX] {
            assert!(!Holder { pid, ..own.clone() }.is_alive());
        }
    }

    #[test]
    fn a_process_that_has_ended_is_dead_before_its_parent_asks() {
        let mut child = Command::new("true").spawn().unwrap();
        let (pid, own) = (child.id(), Holder::this_process("ann", "1"));
        while seen(pid).is_some_and(|(state, _)| state != 'Z') {
            std::thread::yield_now();
        }
        assert!(!Holder { pid, started: None, ..own.clone() }.is_alive());
        child.wait().unwrap();
        assert!(!Holder { pid, started: None, ..own }.is_alive());
    }

    #[test]
    fn the_numbers_of_processes_are_those_of_a_boot_and_a_namespace() {
        let boot = Holder::this_process("ann", "1").boot.unwrap();
        assert!(boot.contains(" pid:["), "{boot}");
    }
}
