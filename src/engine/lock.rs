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
pub const SILENCE: Duration = Duration::from_secs(60);
/// How often taking the lock is tried while it isn't said whether it worked, or somebody else is quicker.
const ATTEMPTS: u32 = 8;
/// How often one who waits looks.
pub const LOOK: Duration = Duration::from_secs(5);

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

/// What came of saying that we live.
#[derive(Debug, Clone, PartialEq)]
pub enum Beat {
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
}

/// The highest lease among what is kept of a lab; none where it can't be read, which is no reason to think that nobody
/// has the lock.
pub fn highest(kept: &Kept) -> Option<(u64, Option<Lease>)> {
    newest(kept).map(|(number, text)| (number, serde_json::from_str(text).ok()))
}

fn newest(kept: &Kept) -> Option<(u64, &String)> {
    let leases =
        kept.parameters.iter().filter_map(|(name, value)| Some((name.strip_prefix("lock/")?.parse().ok()?, value)));
    leases.max_by_key(|(number, _)| *number)
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
    loop {
        let kept = record::read(aws, lab).await?;
        let newest = newest(&kept);
        let lease: Option<Lease> = newest.and_then(|(_, text)| serde_json::from_str(text).ok());
        if let Some((number, text)) = newest {
            if let Some(lease) = lease.as_ref().filter(|lease| lease.holder.run == holder.run) {
                let (lease, lab) = (lease.clone(), lab.to_owned());
                return Ok(Held { number, lease, lab, settled: false, taken: false });
            }
            let here = |lease: &Lease| lease.holder.boot.is_some() && lease.holder.boot == holder.boot;
            let dead = lease.as_ref().is_some_and(|lease| lease.ended || here(lease) && !alive(&lease.holder));
            // What a lease says of the time is by its holder's clock, which may be wrong: only that it changes counts.
            let since = match &silent {
                Some((n, last, since)) if (*n, last) == (number, text) => *since,
                _ => Instant::now(),
            };
            silent = Some((number, text.clone(), since));
            if !dead && since.elapsed() < SILENCE {
                if !wait(lease.as_ref()).await {
                    return Err(LockError::Held(lease.map(Box::new)));
                }
                continue;
            }
        }
        let settled = newest.is_none() || lease.is_some_and(|lease| lease.settled);
        let number = newest.map_or(1, |(number, _)| number + 1);
        let (verb, since) = (verb.to_owned(), aws.clock.now());
        let lease = Lease { holder: holder.clone(), verb, since, beat: 0, ended: false, settled: false };
        let value = serde_json::to_string(&lease).unwrap_or_default();
        match record::create(aws, lab, &format!("lock/{number}"), &value).await {
            Ok(()) => {
                let old = kept.parameters.keys().filter(|name| name.starts_with("lock/")).cloned().collect();
                record::remove(aws, lab, old).await?;
                return Ok(Held { number, lease, lab: lab.to_owned(), settled, taken: false });
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

/// Takes the lock from whoever has it by what is kept of the lab, and gives it back at once: a holder that lives starts
/// nothing new when it sees that.
///
/// # Errors
/// [`Class::AlreadySo`] where somebody else was quicker; the parameters can't be written.
pub async fn unlock(aws: &Aws, lab: &str, holder: &Holder, kept: &Kept) -> Result<(), Failure> {
    let Some((number, _)) = newest(kept) else { return Ok(()) };
    let now = aws.clock.now();
    let ours =
        Lease { holder: holder.clone(), verb: "unlock".to_owned(), since: now, beat: 0, ended: true, settled: false };
    let value = serde_json::to_string(&ours).unwrap_or_default();
    record::create(aws, lab, &format!("lock/{}", number + 1), &value).await?;
    let old = kept.parameters.keys().filter(|name| name.starts_with("lock/")).cloned().collect();
    record::remove(aws, lab, old).await
}

impl Held {
    /// Says that we live.
    pub async fn beat(&mut self, aws: &Aws) -> Beat {
        if let Ok(kept) = record::read(aws, &self.lab).await {
            match highest(&kept) {
                Some((number, _)) if number == self.number => {}
                // Gone with the lab, or succeeded.
                other => {
                    self.taken = true;
                    return Beat::Taken(other.and_then(|(_, lease)| lease));
                }
            }
        }
        self.lease.beat += 1;
        let value = serde_json::to_string(&self.lease).unwrap_or_default();
        let written = record::overwrite(aws, &self.lab, &format!("lock/{}", self.number), &value).await;
        written.map_or_else(Beat::Unheard, |()| Beat::Heard)
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
        record::overwrite(aws, &self.lab, &format!("lock/{}", self.number), &value).await
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
