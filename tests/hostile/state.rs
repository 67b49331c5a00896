//! The state folder: full, absent, unwritable, not a folder, full of others' things, torn, of another version, left
//! behind by the dead.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::open;
use crate::program::{Ended, breezeway};

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn run(home: &Path, arguments: &[&str]) -> Ended {
    breezeway(home).args(arguments).output().unwrap().into()
}

/// A home with a lab.
fn with_a_lab() -> TempDir {
    let home = home();
    run(home.path(), &["up", "@skeleton"]).expect(0, "up");
    home
}

#[test]
fn a_folder_that_cannot_be_made_is_named_with_a_way_out() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for (folder, why) in [(file.path(), "Not a directory"), (Path::new("/proc/breezeway"), "")] {
        let mut command = breezeway(Path::new("/"));
        let ended: Ended = command.arg("list").env("BREEZEWAY_HOME", folder).output().unwrap().into();
        ended.expect(1, &folder.display().to_string());
        let said = format!("error: Can't make {}/sandbox: {why}", folder.display());
        assert!(ended.stderr.starts_with(&said), "{}", ended.stderr);
        assert!(ended.stderr.ends_with("hint: BREEZEWAY_HOME moves the folder.\n"), "{}", ended.stderr);
    }
}

#[test]
fn without_any_home_there_is_a_sentence_and_with_aws_none_is_needed() {
    let bare = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_breezeway"));
        command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").current_dir("/").stdin(Stdio::null());
        command
    };
    let ended: Ended = bare().args(["up", "@skeleton"]).output().unwrap().into();
    ended.expect(1, "no home");
    let said = "error: There is no folder to keep the sandbox in\nhint: Set BREEZEWAY_HOME.\n";
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", said));
    bare().args(["check", "@skeleton"]).output().map(Ended::from).unwrap().expect(0, "check needs none");
    let aws: Ended = bare().args(["list", "--aws", "--region", "eu-west-1"]).output().unwrap().into();
    aws.expect(1, "there are no credentials");
    assert!(!aws.stderr.contains("folder"), "{}", aws.stderr);
}

/// Runs the program where no file may grow beyond so many half kilobytes, as on a disk that is full.
fn on_a_full_disk(home: &Path, arguments: &str, blocks: u64) -> Ended {
    let program = env!("CARGO_BIN_EXE_breezeway");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec {program} {arguments}");
    let mut shell = Command::new("sh");
    shell.env_clear().env("BREEZEWAY_HOME", home).current_dir(home).stdin(Stdio::null());
    shell.args(["-c", &script]).output().unwrap().into()
}

#[test]
fn a_disk_that_fills_up_fails_the_run_and_loses_nothing() {
    for blocks in [0, 1, 8, 20, 30] {
        let home = home();
        let ended = on_a_full_disk(home.path(), "up @skeleton", blocks);
        ended.expect(1, "a full disk");
        let said = format!("{}{}", ended.stdout, ended.stderr).to_lowercase();
        assert!(said.contains("can't write ") && said.contains("file too large"), "{said}");
        for arguments in [&["up", "@skeleton"][..], &["drift", "skeleton"], &["down", "skeleton"]] {
            let ended = run(home.path(), arguments);
            ended.expect(0, &format!("{arguments:?} after {blocks} blocks"));
            assert!(!ended.stderr.contains("set aside"), "{}", ended.stderr);
        }
    }
    let home = with_a_lab();
    on_a_full_disk(home.path(), "down skeleton", 30).expect(1, "a full disk");
    run(home.path(), &["down", "skeleton"]).expect(0, "down");
}

#[test]
fn things_of_others_in_the_folder_are_left_alone() {
    let home = with_a_lab();
    let folder = home.path().join("sandbox");
    let others = ["notes.txt", "world.json.bak", "journal-.ndjson", "journal-x.ndjson", "journal-7.ndjson.old"];
    for name in others {
        fs::write(folder.join(name), name).unwrap();
    }
    fs::create_dir(folder.join("world")).unwrap();
    run(home.path(), &["drift", "skeleton"]).expect(0, "drift");
    run(home.path(), &["down", "skeleton"]).expect(0, "down");
    run(home.path(), &["sandbox", "reset"]).expect(0, "reset");
    for name in others {
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), name);
    }
    assert!(folder.join("world").is_dir());
}

#[test]
fn a_world_that_cannot_be_read_is_set_aside_in_a_sentence_and_kept() {
    let torn = |whole: Vec<u8>| whole[..whole.len() / 2].to_vec();
    let spoils: [Option<&[u8]>; 4] = [None, Some(b""), Some(b"\x00\xff\x00"), Some(b"[]")];
    for spoilt in spoils {
        let home = with_a_lab();
        let world = home.path().join("sandbox/world.json");
        let spoilt = spoilt.map_or_else(|| torn(fs::read(&world).unwrap()), <[u8]>::to_vec);
        fs::write(&world, &spoilt).unwrap();
        let ended = run(home.path(), &["list", "--output", "json"]);
        ended.expect(0, "an empty world");
        let said = format!("The sandbox's world in {}/sandbox can't be read (", home.path().display());
        assert!(ended.stderr.starts_with(&said), "{}", ended.stderr);
        assert!(ended.stderr.contains("It was set aside under names ending in .unreadable-1, and an empty one begun."));
        let document: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(document["labs"], serde_json::json!([]));
        assert_eq!(fs::read(home.path().join("sandbox/world.json.unreadable-1")).unwrap(), spoilt);
        assert_eq!(run(home.path(), &["list"]).stderr, "", "once is enough");
    }
}

#[test]
fn a_world_torn_near_its_end_is_never_taken_for_whole() {
    let home = with_a_lab();
    let folder = home.path().join("sandbox");
    let whole = fs::read(folder.join("world.json")).unwrap();
    for length in whole.len() - 30..whole.len() {
        fs::write(folder.join("world.json"), &whole[..length]).unwrap();
        assert!(open(home.path()).set_aside.is_some(), "{length} of {}", whole.len());
    }
    fs::write(folder.join("world.json"), &whole).unwrap();
}

#[test]
fn a_world_of_a_newer_version_is_refused_and_left_alone() {
    let home = with_a_lab();
    let world = home.path().join("sandbox/world.json");
    let newer = "{\"format\":99,\"everything\":\"else\"}";
    fs::write(&world, newer).unwrap();
    for arguments in [&["list"][..], &["up", "@skeleton"], &["down", "skeleton"]] {
        let ended = run(home.path(), arguments);
        ended.expect(1, "newer");
        let said = "world.json has format 99, and this version knows formats up to 1\n\
                    hint: Use that version, or another folder with BREEZEWAY_HOME.\n";
        assert!(ended.stderr.ends_with(said), "{}", ended.stderr);
    }
    assert_eq!(fs::read_to_string(world).unwrap(), newer);
}

#[test]
fn what_a_dead_process_left_in_the_lock_file_holds_nobody_up() {
    for left in ["{\"pid\":999999,\"port\":1}", "{\"pid\":1,\"port\":null}", "", "garbage", "{\"pid\":-1}"] {
        let home = with_a_lab();
        fs::write(home.path().join("sandbox/lock"), left).unwrap();
        run(home.path(), &["drift", "skeleton"]).expect(0, left);
    }
}

#[test]
fn a_folder_may_be_elsewhere_by_a_link_and_a_link_that_leads_nowhere_is_no_world() {
    let (home, elsewhere) = (home(), with_a_lab());
    let link = home.path().join("link");
    symlink(elsewhere.path(), &link).unwrap();
    run(&link, &["drift", "skeleton"]).expect(0, "by a link");

    let nowhere = tempfile::tempdir().unwrap();
    fs::create_dir(nowhere.path().join("sandbox")).unwrap();
    symlink("/none/world.json", nowhere.path().join("sandbox/world.json")).unwrap();
    run(nowhere.path(), &["up", "@skeleton"]).expect(0, "an empty world");
    run(nowhere.path(), &["drift", "skeleton"]).expect(0, "which is kept");

    let moved = with_a_lab();
    let world = moved.path().join("sandbox/world.json");
    let target = elsewhere.path().join("moved.json");
    fs::rename(&world, &target).unwrap();
    let kept = fs::read(&target).unwrap();
    symlink(&target, &world).unwrap();
    run(moved.path(), &["drift", "skeleton"]).expect(0, "the world is where the link leads");
    assert_eq!(fs::read(&target).unwrap(), kept, "and what the link leads to is not written");
}

#[test]
fn a_clock_that_is_years_off_makes_nothing_panic() {
    for (now, written) in [
        ("9999-12-30T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00Z", "9999-12-30T00:00:00Z"),
        ("9999-12-30T00:00:00Z", "9999-12-30T00:00:00Z"),
        ("-009999-01-02T01:59:59Z", "-009999-01-02T01:59:59Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
    ] {
        let home = with_a_lab();
        let world = home.path().join("sandbox/world.json");
        let mut snapshot: Value = serde_json::from_slice(&fs::read(&world).unwrap()).unwrap();
        (snapshot["now"], snapshot["written"]) = (now.into(), written.into());
        fs::write(&world, snapshot.to_string()).unwrap();
        for arguments in [&["list"][..], &["drift", "skeleton"], &["up", "@skeleton"], &["down", "skeleton"]] {
            let ended = run(home.path(), arguments);
            assert!(matches!(ended.code, Some(0..=2)), "{now} {arguments:?} {ended:?}");
            assert!(!ended.stderr.contains("panicked"), "{now} {arguments:?} {}", ended.stderr);
        }
    }
}
