//! Who holds a lock: a process of some machine, and whether it lives.

use serde::{Deserialize, Serialize};

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
