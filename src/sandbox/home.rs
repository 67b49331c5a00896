//! The world in a folder: a snapshot, a journal of what was applied since, and a lock.
//!
//! `world.json` names the generation of the journal that continues it, `journal-GENERATION.ndjson`. To save is to
//! begin an empty journal of the next generation and then to replace the snapshot, in one rename, by one that names it:
//! whenever the process is killed, snapshot and journal together hold every answered call once.

use super::api::Call;
use super::host::Past;
use super::world::{Durations, Moment, World};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FORMAT: u32 = 1;
const SNAPSHOT: &str = "world.json";
const LOCK: &str = "lock";
/// So many entries make a journal long enough to begin another.
const LONG: u64 = 1000;
/// No world is as large as this, in bytes.
const LARGEST: u64 = 512 << 20;

/// A folder that this process owns, until this is dropped.
#[derive(Debug)]
pub struct Home {
    folder: PathBuf,
    lock: File,
    journal: File,
    generation: u64,
    entries: u64,
}

/// A home, and what was found in it.
#[derive(Debug)]
pub struct Opened {
    /// The home.
    pub home: Home,
    /// The world as it was left.
    pub world: World,
    /// The world's time to go on from.
    pub now: Timestamp,
    /// How the world was a moment ago.
    pub past: Past,
    /// A sentence about a world that was set aside because it could not be read.
    pub set_aside: Option<String>,
}

/// Why a home can't be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Another process owns it.
    #[error("the sandbox's world is in use by {}", owner(*.pid))]
    Busy {
        /// The owner.
        pid: Option<u32>,
        /// The loopback port where the owner serves it.
        port: Option<u16>,
    },
    /// It was written by a newer version.
    #[error("{} has format {found}, and this version knows formats up to {FORMAT}", .path.display())]
    Newer {
        /// The snapshot.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The file system refused.
    #[error("can't {what} {}: {source}", .path.display())]
    Io {
        /// What was tried: `write`.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

fn owner(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

#[derive(Serialize, Deserialize)]
struct Snapshot<W> {
    format: u32,
    generation: u64,
    /// World time.
    now: Timestamp,
    /// Real time.
    written: Timestamp,
    world: W,
}

/// The part of a snapshot that every format has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// A call that was applied.
#[derive(Serialize, Deserialize)]
struct Entry<C> {
    now: Timestamp,
    durations: Durations,
    call: C,
    /// Digest of the answer, so that a replay that leads elsewhere is noticed.
    answer: String,
}

/// Who holds the lock.
#[derive(Default, Serialize, Deserialize)]
struct Owner {
    pid: Option<u32>,
    port: Option<u16>,
}

/// A world as loaded.
struct Loaded {
    world: World,
    now: Timestamp,
    past: Past,
    generation: u64,
}

enum Trouble {
    /// The files are there and can't be understood: why.
    Unreadable(String),
    /// Nothing can be said about the files.
    Home(HomeError),
}

impl From<HomeError> for Trouble {
    fn from(error: HomeError) -> Self {
        Trouble::Home(error)
    }
}

impl Home {
    /// Takes possession of a folder, making it if need be, and loads its world; a new one begins with `seed`.
    ///
    /// A world that can't be read is renamed, not erased, and a new one begun.
    ///
    /// # Errors
    /// [`HomeError::Busy`] while another process owns the folder, [`HomeError::Newer`] when a newer version wrote it,
    /// and whatever the file system refuses.
    pub fn open(folder: &Path, seed: u64) -> Result<Opened, HomeError> {
        Self::open_lagging(folder, seed, None)
    }

    /// As [`Home::open`], for reads that may lag behind by as much as `staleness`: behind what the owner before did, too.
    ///
    /// # Errors
    /// As [`Home::open`].
    pub fn open_lagging(folder: &Path, seed: u64, staleness: Option<Duration>) -> Result<Opened, HomeError> {
        let lock = lock(folder)?;
        let real = whole_milliseconds(Timestamp::now());
        let (loaded, set_aside) = match load(folder, real, staleness) {
            Ok(loaded) => (loaded, None),
            Err(Trouble::Unreadable(reason)) => (None, Some(set_aside(folder, &reason)?)),
            Err(Trouble::Home(error)) => return Err(error),
        };
        let fresh = || Loaded { world: World::new(seed), now: real, past: Past::default(), generation: 0 };
        let Loaded { world, now, past, generation } = loaded.unwrap_or_else(fresh);
        let journal = begin(folder, generation + 1, &world, now)?;
        let mut home = Home { folder: folder.to_owned(), lock, journal, generation: generation + 1, entries: 0 };
        home.announce(None)?;
        Ok(Opened { home, world, now, past, set_aside })
    }

    /// Says in the lock file on which loopback port this process serves the world.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn announce(&mut self, port: Option<u16>) -> Result<(), HomeError> {
        let owner = json!(Owner { pid: Some(std::process::id()), port }).to_string();
        let written =
            self.lock.set_len(0).and_then(|()| self.lock.rewind()).and_then(|()| self.lock.write_all(owner.as_bytes()));
        written.map_err(|source| failed("write", &self.folder.join(LOCK), source))
    }

    /// Appends a call that was applied, in one write.
    ///
    /// # Errors
    /// What the file system refuses; the journal then doesn't hold the call.
    pub fn record(&mut self, moment: &Moment, call: &Call, answer: &Value) -> Result<(), HomeError> {
        let entry = Entry { now: moment.now, durations: moment.durations, call, answer: digest(answer) };
        let mut line = json!(entry).to_string();
        line.push('\n');
        append(&mut self.journal, line.as_bytes())
            .map_err(|source| failed("write", &journal_path(&self.folder, self.generation), source))?;
        self.entries += 1;
        Ok(())
    }

    /// Whether the journal is long enough for [`Home::save`] to be worth its while.
    pub fn is_long(&self) -> bool {
        self.entries >= LONG
    }

    /// Writes the whole world, which is at `now` by its own clock, and begins an empty journal.
    ///
    /// # Errors
    /// What the file system refuses; snapshot and journal go on as they were then.
    pub fn save(&mut self, world: &World, now: Timestamp) -> Result<(), HomeError> {
        self.journal = begin(&self.folder, self.generation + 1, world, now)?;
        self.generation += 1;
        self.entries = 0;
        Ok(())
    }
}

/// Erases the world of a folder. What was set aside stays.
///
/// # Errors
/// [`HomeError::Busy`] while a process owns the folder, and whatever the file system refuses.
pub fn reset(folder: &Path) -> Result<(), HomeError> {
    let _lock = lock(folder)?;
    for path in files(folder)? {
        fs::remove_file(&path).map_err(|source| failed("remove", &path, source))?;
    }
    Ok(())
}

/// Begins a generation: an empty journal, then the snapshot that names it, then no older journal.
fn begin(folder: &Path, generation: u64, world: &World, now: Timestamp) -> Result<File, HomeError> {
    let path = journal_path(folder, generation);
    let opened = File::create(&path).and_then(|_| OpenOptions::new().append(true).open(&path));
    let journal = opened.map_err(|source| failed("write", &path, source))?;
    let snapshot = Snapshot { format: FORMAT, generation, now, written: Timestamp::now(), world };
    replace(&folder.join(SNAPSHOT), json!(snapshot).to_string().as_bytes())?;
    for (older, path) in journals(folder)? {
        if older < generation {
            // It counts for nothing any more, and the next generation tries again.
            let _ = fs::remove_file(path);
        }
    }
    Ok(journal)
}

fn lock(folder: &Path) -> Result<File, HomeError> {
    fs::create_dir_all(folder).map_err(|source| failed("make", folder, source))?;
    let path = folder.join(LOCK);
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let lock = opened.map_err(|source| failed("open", &path, source))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let owner = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let Owner { pid, port } = owner.unwrap_or_default();
            Err(HomeError::Busy { pid, port })
        }
        Err(TryLockError::Error(source)) => Err(failed("lock", &path, source)),
    }
}

/// The world as the snapshot and its journal have it; None in an empty folder.
fn load(folder: &Path, real: Timestamp, staleness: Option<Duration>) -> Result<Option<Loaded>, Trouble> {
    let journals = journals(folder)?;
    let Some(bytes) = read(&folder.join(SNAPSHOT))? else {
        let empty = journals.iter().all(|(_, path)| is_empty(path));
        return if empty {
            Ok(None)
        } else {
            Err(Trouble::Unreadable("there is a journal without a snapshot".to_owned()))
        };
    };
    let unreadable = |error: serde_json::Error| Trouble::Unreadable(format!("{SNAPSHOT}: {error}"));
    let Format { format } = serde_json::from_slice(&bytes).map_err(unreadable)?;
    if format > FORMAT {
        return Err(HomeError::Newer { path: folder.join(SNAPSHOT), found: format }.into());
    }
    let snapshot: Snapshot<World> = serde_json::from_slice(&bytes).map_err(unreadable)?;
    let generation = snapshot.generation;
    if journals.iter().any(|(later, path)| *later > generation && !is_empty(path)) {
        return Err(Trouble::Unreadable("there is a journal later than the snapshot".to_owned()));
    }
    let mut world = snapshot.world;
    let mut last = snapshot.now;
    let mut past = Past::default();
    let path = journal_path(folder, generation);
    let journal = read(&path)?.unwrap_or_default();
    // What follows the last line end was being written when the process died: nobody got its answer.
    let whole = journal.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for (number, line) in journal[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let before = staleness.map(|most| (world.clone(), most));
        last = replay(&mut world, line)
            .map_err(|reason| Trouble::Unreadable(format!("{}, line {}: {reason}", path.display(), number + 1)))?;
        if let Some((before, most)) = before {
            past.keep(before, last, most);
        }
    }
    let now = resume(real, snapshot.now, snapshot.written, last);
    Ok(Some(Loaded { world, now, past, generation }))
}

/// Applies a line of the journal again, and returns its moment.
fn replay(world: &mut World, line: &[u8]) -> Result<Timestamp, String> {
    let entry: Entry<Call> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    // What the journal has was let through: the quotas of its time don't matter.
    let moment = Moment { now: entry.now, durations: entry.durations, quotas: u32::MAX };
    let answer = world.handle(&moment, &entry.call).map_err(|refusal| refusal.to_string())?;
    if digest(&answer) == entry.answer { Ok(entry.now) } else { Err("the answer is another one now".to_owned()) }
}

/// World time goes on as real time plus what was skipped so far, and never back behind the last call.
fn resume(real: Timestamp, now: Timestamp, written: Timestamp, last: Timestamp) -> Timestamp {
    let skipped = now.duration_since(written).max(SignedDuration::ZERO);
    whole_milliseconds(real.checked_add(skipped).unwrap_or(real)).max(last).max(now)
}

/// As the world's clock ticks.
fn whole_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

/// Renames what is in the folder, and says so.
fn set_aside(folder: &Path, reason: &str) -> Result<String, HomeError> {
    let files = files(folder)?;
    let renamed = |path: &Path, number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".unreadable-{number}"));
        PathBuf::from(name)
    };
    let is_free = |number: &u32| {
        !renamed(&folder.join(SNAPSHOT), *number).exists() && files.iter().all(|path| !renamed(path, *number).exists())
    };
    let number = (1..).find(is_free).unwrap_or(u32::MAX);
    for path in &files {
        fs::rename(path, renamed(path, number)).map_err(|source| failed("rename", path, source))?;
    }
    Ok(format!(
        "The sandbox's world in {} can't be read ({reason}). It was set aside under names ending in \
         .unreadable-{number}, and an empty one begun.",
        folder.display()
    ))
}

/// The snapshot, then the journals: those that exist.
fn files(folder: &Path) -> Result<Vec<PathBuf>, HomeError> {
    let snapshot = Some(folder.join(SNAPSHOT)).filter(|path| path.exists());
    Ok(snapshot.into_iter().chain(journals(folder)?.into_iter().map(|(_, path)| path)).collect())
}

/// The journals by generation.
fn journals(folder: &Path) -> Result<Vec<(u64, PathBuf)>, HomeError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(|source| failed("list", folder, source))?;
    let mut journals: Vec<_> = entries
        .into_iter()
        .filter_map(|entry| {
            let name = entry.file_name();
            let generation = name.to_str()?.strip_prefix("journal-")?.strip_suffix(".ndjson")?.parse().ok()?;
            Some((generation, folder.join(&name)))
        })
        .collect();
    journals.sort();
    Ok(journals)
}

fn journal_path(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("journal-{generation}.ndjson"))
}

fn is_empty(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}

/// A file's content; None if there is no such file.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Trouble> {
    let unreadable = |why: &str| Err(Trouble::Unreadable(format!("{} is {why}", path.display())));
    let bytes = fs::metadata(path).and_then(|metadata| match metadata {
        metadata if metadata.is_dir() => Ok(unreadable("a folder")),
        metadata if !metadata.is_file() => Ok(unreadable("no file")),
        metadata if metadata.len() > LARGEST => Ok(unreadable("larger than 512 MB")),
        _ => fs::read(path).map(|bytes| Ok(Some(bytes))),
    });
    match bytes {
        Ok(read) => read,
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", path, source).into()),
    }
}

/// Replaces a file's content, all or nothing.
fn replace(path: &Path, content: &[u8]) -> Result<(), HomeError> {
    let temporary = path.with_extension("json.new");
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&temporary, path)).map_err(|source| failed("write", path, source))
}

/// Appends all or nothing.
fn append(file: &mut File, line: &[u8]) -> io::Result<()> {
    let length = file.metadata()?.len();
    file.write_all(line).or_else(|error| {
        file.set_len(length)?;
        Err(error)
    })
}

fn digest(answer: &Value) -> String {
    let digest = Sha256::digest(answer.to_string());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> HomeError {
    HomeError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn put(name: &str) -> Call {
        Call {
            service: "ssm".to_owned(),
            operation: "PutParameter".to_owned(),
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            access_key: "111122223333".to_owned(),
            input: json!({ "Name": name, "Value": "v", "Type": "String" }),
        }
    }

    /// Applies and records, as the host does.
    fn apply(opened: &mut Opened, name: &str) {
        let moment = Moment::at(opened.now);
        let answer = opened.world.handle(&moment, &put(name)).unwrap();
        opened.home.record(&moment, &put(name), &answer).unwrap();
    }

    fn open(folder: &TempDir) -> Opened {
        Home::open(folder.path(), 1).unwrap()
    }

    fn journal_of(folder: &TempDir) -> PathBuf {
        journals(folder.path()).unwrap().pop().unwrap().1
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_folder_begins_an_empty_world_now() {
        let folder = TempDir::new().unwrap();
        let opened = Home::open(&folder.path().join("deep/er"), 7).unwrap();
        assert_eq!(opened.world, World::new(7));
        assert_eq!(opened.set_aside, None);
        assert!(Timestamp::now().duration_since(opened.now) < SignedDuration::from_mins(1));
    }

    #[test]
    fn who_takes_over_can_see_how_it_was_a_moment_before() {
        let folder = TempDir::new().unwrap();
        let mut opened = open(&folder);
        let moment = opened.now;
        apply(&mut opened, "a");
        drop(opened);
        let just_before = moment.checked_sub(SignedDuration::from_secs(1)).unwrap();
        let mut again = Home::open_lagging(folder.path(), 1, Some(Duration::from_secs(3))).unwrap();
        assert_eq!(again.past.at(just_before), Some(&mut World::new(1)));
        assert_eq!(again.past.at(moment), None);
        drop(again);
        assert_eq!(open(&folder).past.at(just_before), None);
    }

    #[test]
    fn what_was_recorded_survives_without_a_save() {
        let folder = TempDir::new().unwrap();
        let mut opened = open(&folder);
        apply(&mut opened, "a");
        apply(&mut opened, "b");
        let world = opened.world.clone();
        drop(opened);
        for _ in 0..2 {
            let again = open(&folder);
            assert_eq!(again.world, world);
            assert_eq!(again.set_aside, None);
        }
    }

    #[test]
    fn a_save_holds_everything_once_and_the_journal_goes_on() {
        let folder = TempDir::new().unwrap();
        let mut opened = open(&folder);
        apply(&mut opened, "a");
        opened.home.save(&opened.world, opened.now).unwrap();
        assert!(is_empty(&journal_of(&folder)));
        apply(&mut opened, "b");
        let world = opened.world.clone();
        drop(opened);
        assert_eq!(open(&folder).world, world);
        assert_eq!(names(&folder).len(), 3, "snapshot, journal and lock");
    }

    #[test]
    fn a_kill_within_a_save_neither_loses_nor_doubles() {
        let folder = TempDir::new().unwrap();
        let mut opened = open(&folder);
        apply(&mut opened, "a");
        let world = opened.world.clone();
        let generation = opened.home.generation;
        let journal = fs::read(journal_of(&folder)).unwrap();
        drop(opened);
        // Killed before the rename: the next journal is there, empty, and half a snapshot beside the whole one.
        fs::write(journal_path(folder.path(), generation + 1), "").unwrap();
        fs::write(folder.path().join("world.json.new"), "{\"format\":1,\"gen").unwrap();
        assert_eq!(open(&folder).world, world);
        // Killed after the rename: the old journal is still there.
        fs::write(journal_path(folder.path(), generation), journal).unwrap();
        let again = open(&folder);
        assert_eq!((again.world, again.set_aside), (world, None));
    }

    #[test]
    fn a_torn_last_line_is_dropped_at_whatever_byte() {
        let folder = TempDir::new().unwrap();
        let mut opened = open(&folder);
        apply(&mut opened, "a");
        let world = opened.world.clone();
        let kept = fs::read(journal_of(&folder)).unwrap();
        apply(&mut opened, "b");
        let path = journal_of(&folder);
        let snapshot = fs::read(folder.path().join(SNAPSHOT)).unwrap();
        drop(opened);
        let journal = fs::read(&path).unwrap();
        for length in kept.len()..journal.len() {
            fs::write(folder.path().join(SNAPSHOT), &snapshot).unwrap();
            for (_, stale) in journals(folder.path()).unwrap() {
                fs::remove_file(stale).unwrap();
            }
            fs::write(&path, &journal[..length]).unwrap();
            let again = open(&folder);
            assert_eq!((again.world, again.set_aside), (world.clone(), None));
        }
    }

    #[test]
    fn what_cannot_be_read_is_set_aside_whole_and_said() {
        let good = json!({ "format": 1, "generation": 3, "now": "2026-01-01T00:00:00Z",
            "written": "2026-01-01T00:00:00Z", "world": World::new(1) });
        for (snapshot, journal) in [
            (b"\x00\xffgarbage".to_vec(), b"".to_vec()),
            (b"".to_vec(), b"".to_vec()),
            ("[".repeat(100_000).into_bytes(), b"".to_vec()),
            (b"{\"format\":1}".to_vec(), b"{}\n".to_vec()),
            (good.to_string().into_bytes(), b"not json\n".to_vec()),
            (good.to_string().into_bytes(), b"\n\n".to_vec()),
        ] {
            let folder = TempDir::new().unwrap();
            for number in 1..3 {
                fs::write(folder.path().join(SNAPSHOT), &snapshot).unwrap();
                fs::write(journal_path(folder.path(), 3), &journal).unwrap();
                let opened = open(&folder);
                assert_eq!(opened.world, World::new(1));
                let sentence = opened.set_aside.unwrap();
                assert!(sentence.contains(&format!("unreadable-{number}")), "{sentence}");
                let kept = folder.path().join(format!("world.json.unreadable-{number}"));
                assert_eq!(fs::read(kept).unwrap(), snapshot);
                let kept = folder.path().join(format!("journal-3.ndjson.unreadable-{number}"));
                assert_eq!(fs::read(kept).unwrap(), journal);
            }
        }
    }

    #[test]
    fn a_folder_or_a_lone_journal_in_place_of_a_world_is_set_aside() {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join(SNAPSHOT)).unwrap();
        assert!(open(&folder).set_aside.unwrap().contains("is a folder"));
        fs::remove_file(folder.path().join(SNAPSHOT)).unwrap();
        fs::write(journal_path(folder.path(), 9), "x").unwrap();
        assert!(open(&folder).set_aside.unwrap().contains("without a snapshot"));
    }

    #[test]
    fn a_journal_that_leads_elsewhere_is_noticed() {
        let folder = TempDir::new().unwrap();
        let mut opened = open(&folder);
        apply(&mut opened, "a");
        let path = journal_of(&folder);
        drop(opened);
        let journal = fs::read_to_string(&path).unwrap();
        fs::write(&path, journal.replace("\"answer\":\"", "\"answer\":\"0")).unwrap();
        assert!(open(&folder).set_aside.unwrap().contains("line 1: the answer is another one now"));
    }

    #[test]
    fn a_newer_format_is_refused_and_left_alone() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(SNAPSHOT), "{\"format\":2,\"new\":[]}").unwrap();
        let error = Home::open(folder.path(), 1).unwrap_err();
        assert!(matches!(error, HomeError::Newer { found: 2, .. }));
        assert!(folder.path().join(SNAPSHOT).exists());
    }

    #[test]
    fn one_process_at_a_time_owns_a_folder() {
        let folder = TempDir::new().unwrap();
        let mut opened = open(&folder);
        let pid = std::process::id();
        for port in [None, Some(4566)] {
            opened.home.announce(port).unwrap();
            let error = Home::open(folder.path(), 1).unwrap_err();
            assert_eq!(error.to_string(), format!("the sandbox's world is in use by process {pid}"));
            assert!(matches!(error, HomeError::Busy { pid: Some(owner), port: at } if owner == pid && at == port));
            assert!(matches!(reset(folder.path()), Err(HomeError::Busy { .. })));
        }
        drop(opened);
        assert!(Home::open(folder.path(), 1).is_ok());
    }

    #[test]
    fn reset_erases_the_world_and_nothing_else() {
        let folder = TempDir::new().unwrap();
        let mut opened = open(&folder);
        apply(&mut opened, "a");
        drop(opened);
        fs::write(folder.path().join("world.json.unreadable-1"), "old").unwrap();
        reset(folder.path()).unwrap();
        assert_eq!(names(&folder), ["lock", "world.json.unreadable-1"]);
        assert_eq!(open(&folder).world, World::new(1));
    }

    #[test]
    fn world_time_keeps_what_was_skipped_and_never_goes_back() {
        let at = |text: &str| -> Timestamp { format!("2026-01-01T{text}Z").parse().unwrap() };
        assert_eq!(resume(at("10:00:00"), at("09:00:00"), at("09:00:00"), at("09:00:00")), at("10:00:00"));
        assert_eq!(resume(at("10:00:00"), at("09:30:00"), at("09:00:00"), at("09:30:00")), at("10:30:00"));
        assert_eq!(resume(at("10:00:00"), at("09:00:00"), at("09:00:00"), at("12:00:00")), at("12:00:00"));
        assert_eq!(resume(at("08:00:00"), at("09:00:00"), at("09:00:00"), at("09:00:00")), at("09:00:00"));
    }
}
