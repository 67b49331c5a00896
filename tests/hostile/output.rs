//! Output that nobody reads or nothing takes, terminals of every kind and none, arguments and environments that are no
//! text.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use regex_lite::Regex;
use serde_json::Value;
use tempfile::TempDir;

use super::towards;
use crate::clients::Machine;
use crate::program::{Ended, breezeway};

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn run(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    breezeway(home).args(arguments).envs(variables.iter().copied()).output().unwrap().into()
}

fn stands(home: &Path) {
    run(home, &["drift", "skeleton"], &[]).expect(0, "the lab stands as it should");
}

#[test]
fn a_run_whose_reader_went_away_goes_on_to_its_end_and_says_so() {
    for format in ["human", "json"] {
        let home = home();
        let mut command = breezeway(home.path());
        let mut up = command.args(["up", "@skeleton", "--output", format]).spawn().unwrap();
        drop(up.stdout.take());
        let ended: Ended = up.wait_with_output().unwrap().into();
        ended.expect(0, "it is done, though nobody reads");
        assert_eq!(ended.stderr, "The output can't be written any more. The run goes on; Ctrl-C stops it.\n");
        stands(home.path());
    }
}

#[test]
fn a_run_whose_output_fills_the_disk_goes_on_to_its_end_and_fails() {
    let home = home();
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended: Ended = breezeway(home.path()).args(["up", "@skeleton"]).stdout(full()).output().unwrap().into();
    ended.expect(1, "a full disk");
    let said: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(said[0], "The output can't be written any more. The run goes on; Ctrl-C stops it.");
    assert!(said[1].starts_with("error: The output could not be written: No space left on device"), "{said:?}");
    assert_eq!(said[2], "hint: What was done is done: ask again.");
    stands(home.path());
    // What is said beside the output is not missed.
    let ended: Ended = breezeway(home.path()).args(["up", "@skeleton"]).stderr(full()).output().unwrap().into();
    ended.expect(0, "only stderr is full");
    assert!(ended.stdout.contains("skeleton is as asked for"), "{}", ended.stdout);
}

/// Runs the program with redirections of the shell's.
fn redirected(home: &Path, arguments: &str, redirections: &str) -> Ended {
    let program = env!("CARGO_BIN_EXE_breezeway");
    let mut shell = Command::new("sh");
    shell.env_clear().env("BREEZEWAY_HOME", home).current_dir(home);
    shell.args(["-c", &format!("exec {program} {arguments} {redirections}")]).output().unwrap().into()
}

#[test]
fn closed_outputs_change_no_exit_code() {
    let home = home();
    for redirections in ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        redirected(home.path(), "up @skeleton", redirections).expect(0, redirections);
        redirected(home.path(), "status none", redirections).expect(1, redirections);
        redirected(home.path(), "drift skeleton", redirections).expect(0, redirections);
        redirected(home.path(), "fly", redirections).expect(1, redirections);
        redirected(home.path(), "down skeleton", redirections).expect(0, redirections);
    }
}

#[test]
fn without_a_terminal_there_is_no_colour_and_no_bar() {
    let home = home();
    for variables in
        [&[][..], &[("TERM", "xterm-256color")], &[("TERM", "dumb")], &[("NO_COLOR", "1")], &[("TERM", "")]]
    {
        for arguments in [&["up", "@skeleton"][..], &["status", "skeleton"], &["list"], &["down", "skeleton"]] {
            let ended = run(home.path(), arguments, variables);
            ended.expect(0, &format!("{variables:?} {arguments:?}"));
            assert!(!ended.stdout.contains('\u{1b}') && !ended.stdout.contains('\r'), "{:?}", ended.stdout);
            assert_eq!(ended.stderr, "");
        }
    }
}

#[test]
fn no_width_breaks_anything_and_forty_columns_hold_every_line() {
    let home = home();
    for columns in ["40", "0", "1", "-5", "65536", "99999999999999999999", "wide", ""] {
        for (arguments, code) in [
            (&["--help"][..], 0),
            (&["up", "--help"], 0),
            (&["plan", "@skeleton"], 0),
            (&["up", "@skeleton"], 0),
            (&["status", "skeleton"], 0),
            (&["list"], 0),
            (&["status", "none"], 1),
            (&["down", "skeleton"], 0),
        ] {
            let ended = run(home.path(), arguments, &[("COLUMNS", columns)]);
            ended.expect(code, &format!("{columns:?} {arguments:?}"));
            let text = format!("{}{}", ended.stdout, ended.stderr);
            let breaks = |line: &&str| line.chars().count() > 40 && line.trim().contains(' ');
            let ours = columns == "40" && !arguments.contains(&"--help");
            assert_eq!(text.lines().find(breaks).filter(|_| ours), None, "{arguments:?}");
        }
    }
}

#[test]
fn arguments_and_variables_that_are_no_text_are_refused_in_a_sentence() {
    let home = home();
    let nonsense = OsStr::from_bytes(b"a\xffb");
    for arguments in
        [vec![nonsense], vec![OsStr::new("up"), nonsense], vec![OsStr::new("list"), OsStr::new("--region"), nonsense]]
    {
        let ended: Ended = breezeway(home.path()).args(&arguments).output().unwrap().into();
        ended.expect(1, &format!("{arguments:?}"));
        assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    }
    for name in ["BREEZEWAY_TARGET", "BREEZEWAY_SANDBOX", "BREEZEWAY_OUTPUT"] {
        let ended: Ended = breezeway(home.path()).arg("list").env(name, nonsense).output().unwrap().into();
        ended.expect(1, name);
        assert!(ended.stderr.starts_with("error: "), "{name}: {}", ended.stderr);
    }
    for name in ["TERM", "COLUMNS", "NO_COLOR", "HOME", "LANG", "TZ", "NONSENSE"] {
        let ended: Ended =
            breezeway(home.path()).args(["up", "@skeleton"]).env(name, nonsense).output().unwrap().into();
        ended.expect(0, name);
    }
    let folder = home.path().join(nonsense);
    let ended: Ended =
        breezeway(home.path()).args(["up", "@skeleton"]).env("BREEZEWAY_HOME", &folder).output().unwrap().into();
    ended.expect(0, "a folder is no text");
    assert!(folder.join("sandbox/world.json").exists());
}

#[test]
fn no_clock_time_zone_or_epoch_of_a_build_makes_it_panic() {
    let home = home();
    for (name, value) in [
        ("TZ", "Nowhere/Never"),
        ("TZ", ":/dev/null"),
        ("TZ", "XXX-99999999"),
        ("TZ", "<+99>-167:59:59"),
        ("SOURCE_DATE_EPOCH", ""),
        ("SOURCE_DATE_EPOCH", "-1"),
        ("SOURCE_DATE_EPOCH", "99999999999999999999"),
        ("SOURCE_DATE_EPOCH", "yesterday"),
    ] {
        for arguments in [&["up", "@skeleton"][..], &["list"], &["man"], &["down", "skeleton"]] {
            run(home.path(), arguments, &[(name, value)]).expect(0, &format!("{name}={value} {arguments:?}"));
        }
    }
}

/// A terminal of forty columns: what is seen there, once this was asked and that was typed, and how the program ends.
const TERMINAL: &str = r#"
import fcntl, os, pty, struct, sys, termios
asked, typed, program = sys.argv[1].encode(), sys.argv[2].encode(), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    os.execv(program[0], program)
seen = b""
try:
    while asked and asked not in seen:
        seen += os.read(terminal, 1024)
    os.write(terminal, typed)
    while chunk := os.read(terminal, 1024):
        seen += chunk
except OSError:
    pass
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// What somebody at a terminal sees.
fn at_terminal(program: &Command, variables: &[(&str, &str)], asked: &str, typed: &str) -> Ended {
    let mut command = Command::new("python3");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).stdin(Stdio::null());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(variables.iter().copied());
    command.args(["-c", TERMINAL, asked, typed]).arg(program.get_program()).args(program.get_args());
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    Ended { code: status.code(), stdout: String::from_utf8_lossy(&stdout).into_owned(), stderr: String::new() }
}

#[test]
fn every_terminal_gets_what_it_can_draw() {
    let (home, coloured) = (home(), Regex::new("\u{1b}\\[[0-9;]*m").unwrap());
    for (term, escapes) in [("xterm-256color", true), ("dumb", false)] {
        for verb in ["up", "down"] {
            let mut program = breezeway(home.path());
            program.args([verb, if verb == "up" { "@skeleton" } else { "skeleton" }, "--target", "sandbox"]);
            let ended = at_terminal(&program, &[("TERM", term)], "", "");
            ended.expect(0, term);
            assert_eq!(ended.stdout.contains('\u{1b}'), escapes, "{term}: {:?}", ended.stdout);
            let plain = at_terminal(&program, &[("TERM", term), ("NO_COLOR", "1")], "", "");
            plain.expect(0, term);
            assert!(!coloured.is_match(&plain.stdout), "{:?}", plain.stdout);
        }
    }
}

#[test]
fn a_question_is_left_by_ctrl_c_and_nothing_is_done() {
    let machine = Machine::new();
    let served = machine.serve_at("1000");
    let mut program = towards(&served.address, machine.home());
    program.args(["up", "@skeleton", "--aws"]);
    let left = at_terminal(&program, &[("TERM", "dumb")], "Go on? [y/N]", "\x03");
    left.expect(130, "interrupted");
    assert!(left.stdout.contains("error: Interrupted"), "{}", left.stdout);
    let no = at_terminal(&program, &[("TERM", "dumb")], "Go on? [y/N]", "n\n");
    no.expect(1, "no is no");
    assert!(no.stdout.contains("error: Nothing was done"), "{}", no.stdout);
    let listed = machine.breezeway(&["list", "--output", "json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed["labs"], serde_json::json!([]));
    at_terminal(&program, &[("TERM", "dumb")], "Go on? [y/N]", "y\n").expect(0, "yes is yes");
}
