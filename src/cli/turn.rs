//! Runs that begin at once on one machine take their locks one after another: before it has one, a run can't know of
//! the others, and AWS takes about three writes of parameters a second.

use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};

use crate::engine::session::Session;

/// How far apart runs begin.
const APART: Duration = Duration::from_millis(1500);
/// Nobody has to wait longer, whatever the clock or the file says.
const LONGEST: Duration = Duration::from_secs(120);

/// Waits for our turn to begin. Where the machine has no place to agree upon turns, there is none to wait for.
pub async fn take(session: &Session<'_>) {
    let place = &session.place;
    let folder = std::env::temp_dir().join(format!("breezeway-{}", rustix::process::getuid().as_raw()));
    let name = format!("{}-{}", place.account, place.region);
    let wait = book(&folder, &name, SystemTime::now()).unwrap_or_default();
    session.pause(wait).await;
}

/// Books the next turn, the time of the last one being that of a file's change; returns how long until it comes.
fn book(folder: &Path, name: &str, now: SystemTime) -> io::Result<Duration> {
    let created = DirBuilder::new().mode(0o700).create(folder);
    let metadata = folder.symlink_metadata().map_err(|error| created.err().unwrap_or(error))?;
    if !is_private(&metadata) {
        return Err(io::Error::from(io::ErrorKind::PermissionDenied));
    }
    let path = folder.join(name);
    let begins_first = !path.exists();
    let file = File::options().create(true).append(true).open(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    let next = file.metadata()?.modified()? + APART;
    let ours = if begins_first || next > now + LONGEST { now } else { next.max(now) };
    file.set_modified(ours)?;
    Ok(ours.duration_since(now).unwrap_or_default())
}

/// Whether nobody else can put anything there.
fn is_private(folder: &Metadata) -> bool {
    folder.is_dir() && folder.uid() == rustix::process::getuid().as_raw() && folder.mode() & 0o022 == 0
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn those_who_begin_at_once_come_one_after_another() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("breezeway");
        let now = SystemTime::now();
        let waits = [0, 0, 0, 2].map(|later| book(&folder, "here", now + Duration::from_secs(later)).unwrap());
        assert_eq!(waits.map(|wait| wait.as_millis()), [0, 1500, 3000, 2500]);
        assert_eq!(book(&folder, "elsewhere", now).unwrap(), Duration::ZERO);
        assert_eq!(book(&folder, "here", now + Duration::from_secs(60)).unwrap(), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_was_put_back_keeps_nobody_waiting() {
        let home = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        book(home.path(), "here", now + Duration::from_secs(86_400)).unwrap();
        assert_eq!(book(home.path(), "here", now).unwrap(), Duration::ZERO);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_trusted() {
        let home = tempfile::tempdir().unwrap();
        set_permissions(home.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(book(home.path(), "here", SystemTime::now()).is_err());
    }
}
