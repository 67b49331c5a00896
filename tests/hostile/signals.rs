//! Signals as people, terminals, CI systems and supervisors send them, to a run that waits in the middle of its work:
//! the sandbox is served so slowly that what is pending stays so.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use breezeway::sandbox::api::Call;
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use breezeway::sandbox::world::Moment;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Running, documents, open, towards};
use crate::clients::{Machine, Served};
use crate::lab::REGION;
use crate::program::Ended;

/// A lab with one endpoint, which is pending for a minute and a half at this speed.
const PLAN: &str = "name = \"demo\"\n[[studio.endpoints]]\nservice = \"execute-api\"\n";
const SLOW: &str = "0.5";
const PENDING: [&str; 3] = ["\"event\":\"step\"", "\"state\":\"waiting\"", "execute-api"];

/// A machine where `up` is in the middle of its work: an endpoint is pending.
struct Middle {
    machine: Machine,
    served: Served,
}

impl Middle {
    fn new() -> Self {
        let machine = Machine::new();
        std::fs::write(machine.home().join("demo.toml"), PLAN).unwrap();
        let served = machine.serve_at(SLOW);
        Self { machine, served }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = towards(&self.served.address, self.machine.home());
        command.args(arguments).args(["--aws", "--yes"]);
        command
    }

    /// `up` for programs, which waits for the endpoint.
    fn up(&self) -> Running {
        let mut up = Running::start(self.command(&["up", "demo.toml"]).args(["--output", "json"]));
        up.says(&PENDING);
        up
    }

    /// Ends the serving; what the lab's leases say, in their order, then.
    fn leases(self) -> (Machine, Vec<Value>) {
        drop(self.served);
        let mut opened = open(self.machine.home());
        let call = Call {
            service: "ssm".into(),
            operation: "GetParametersByPath".into(),
            account: DEFAULT_ACCOUNT.into(),
            region: REGION.into(),
            access_key: "AKIAHAND".into(),
            input: json!({"Path": "/breezeway/locks/demo", "Recursive": true}),
        };
        let moment = Moment::at(opened.now);
        let kept = opened.world.handle(&moment, &call).unwrap();
        let leases = kept["Parameters"].as_array().unwrap().iter();
        let leases = leases.map(|kept| serde_json::from_str(kept["Value"].as_str().unwrap()).unwrap()).collect();
        drop(opened);
        (self.machine, leases)
    }
}

/// The next `up` finishes and the next `down` leaves nothing, in the same world with all waits skipped.
fn nothing_is_lost(machine: &Machine) {
    for arguments in [&["up", "demo"][..], &["drift", "demo"], &["down", "demo"]] {
        machine.breezeway(&[arguments, &["--target", "sandbox"]].concat()).expect(0, &format!("{arguments:?}"));
    }
    let listed = machine.breezeway(&["list", "--target", "sandbox"]);
    assert!(!listed.stdout.contains("demo"), "{}", listed.stdout);
}

fn finished(ended: &Ended) -> Value {
    documents(ended).pop().expect("something was said")
}

fn assert_interrupted(ended: &Ended) {
    ended.expect(130, "interrupted");
    let finished = finished(ended);
    let said = [&finished["event"], &finished["outcome"], &finished["resources"]];
    assert_eq!(said, [&json!("finished"), &json!("interrupted"), &Value::Null], "{}", ended.stdout);
}

#[test]
fn a_cancelled_ci_job_says_what_it_waits_for_then_leaves_and_gives_the_lock_back() {
    let middle = Middle::new();
    let mut up = middle.up();
    up.signal(Signal::INT);
    let said = up.notices("Stopping");
    assert!(said.starts_with("Stopping: nothing new is started. What runs is finished: "), "{said}");
    assert!(said.ends_with("Ctrl-C again leaves at once; the next run finds what stands."), "{said}");
    assert!(up.is_running(), "it waits for what runs");
    up.signal(Signal::TERM);
    let ended = up.ended();
    assert_interrupted(&ended);
    let (machine, leases) = middle.leases();
    assert_eq!((leases.len(), &leases[0]["ended"], &leases[0]["settled"]), (1, &json!(true), &json!(false)));
    nothing_is_lost(&machine);
}

#[test]
fn a_ci_job_that_is_killed_at_last_loses_nothing() {
    let middle = Middle::new();
    let mut up = middle.up();
    up.signal(Signal::INT);
    up.notices("Stopping");
    up.signal(Signal::KILL);
    assert!(up.ended().was_killed());
    let (machine, leases) = middle.leases();
    assert_eq!((leases.len(), &leases[0]["ended"]), (1, &json!(false)));
    nothing_is_lost(&machine);
}

#[test]
fn a_second_ctrl_c_leaves_at_once_and_says_what_is_not_known_and_how_to_go_on() {
    let middle = Middle::new();
    let mut up = Running::start(&mut middle.command(&["up", "demo.toml"]));
    up.says(&["waiting", "execute-api"]);
    up.signal(Signal::INT);
    up.notices("Stopping");
    up.signal(Signal::INT);
    let ended = up.ended();
    ended.expect(130, "interrupted");
    let end: Vec<_> = ended.stdout.lines().rev().take(4).collect();
    assert!(end[3].starts_with("Interrupted: ") && end[3].contains("what became of "), "{end:?}");
    assert!(end[1].contains("breezeway up demo --aws"), "{end:?}");
    assert!(end[0].contains("breezeway down demo --aws"), "{end:?}");
    nothing_is_lost(&middle.leases().0);
}

#[test]
fn a_supervisor_that_sends_one_sigterm_needs_not_kill() {
    let middle = Middle::new();
    let mut up = middle.up();
    up.signal(Signal::TERM);
    let said = up.notices("Stopping");
    assert!(said.contains("After 7 seconds, or a second signal, it is left as it is"), "{said}");
    assert_interrupted(&up.ended());
    let (machine, leases) = middle.leases();
    assert_eq!(leases[0]["ended"], json!(true));
    nothing_is_lost(&machine);
}

#[test]
fn a_terminal_that_closes_stops_a_run_however_often_it_says_so() {
    let middle = Middle::new();
    let mut up = middle.up();
    up.signal(Signal::HUP);
    let said = up.notices("Stopping");
    assert!(said.contains("SIGTERM leaves at once"), "{said}");
    up.signal(Signal::HUP);
    up.signal(Signal::HUP);
    assert!(up.is_running());
    up.signal(Signal::TERM);
    assert_interrupted(&up.ended());
    nothing_is_lost(&middle.leases().0);
}

#[test]
fn nohup_is_respected() {
    let middle = Middle::new();
    let program = middle.command(&["up", "demo.toml"]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(program.get_program()).args(program.get_args());
    command.args(["--output", "json"]).current_dir(middle.machine.home());
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut up = Running::start(&mut command);
    up.says(&PENDING);
    up.signal(Signal::HUP);
    up.signal(Signal::INT);
    let said = up.notices("Stopping");
    assert!(said.contains("Ctrl-C again"), "SIGHUP stopped it: {said}");
    up.signal(Signal::INT);
    assert_interrupted(&up.ended());
}

#[test]
fn down_is_left_and_finished_like_up() {
    let middle = Middle::new();
    let up = middle.up();
    up.signal(Signal::KILL);
    up.ended();
    let mut down = Running::start(middle.command(&["down", "demo"]).args(["--output", "json"]));
    down.says(&["\"state\":\"waiting\"", "execute-api"]);
    down.signal(Signal::INT);
    down.notices("Stopping");
    down.signal(Signal::TERM);
    assert_interrupted(&down.ended());
    let (machine, leases) = middle.leases();
    assert_eq!(leases.last().unwrap()["ended"], json!(true));
    machine.breezeway(&["down", "demo", "--target", "sandbox"]).expect(0, "down");
    assert!(!machine.breezeway(&["list", "--target", "sandbox"]).stdout.contains("demo"));
}

#[test]
fn who_waits_for_the_lock_is_told_for_whom_and_leaves_at_the_first_ctrl_c() {
    let middle = Middle::new();
    let first = middle.up();
    let refused: Ended = middle.command(&["up", "demo"]).output().unwrap().into();
    refused.expect(1, "somebody has the lock");
    assert!(refused.stderr.contains("has held this lab's lock for `up` since "), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("hint: Wait for it with --wait; if that run is dead, `breezeway unlock demo --aws`.")
    );
    let mut second = Running::start(middle.command(&["up", "demo", "--wait"]).args(["--output", "json"]));
    let said = second.says(&["\"event\":\"note\""]);
    assert!(said.contains("waiting for the lock: arn:aws:iam::111122223333:user/sandbox has held"), "{said}");
    second.signal(Signal::INT);
    assert_interrupted(&second.ended());
    first.signal(Signal::KILL);
    first.ended();
}

#[test]
fn unlock_says_from_whom_the_lock_is_taken_and_what_that_means() {
    let middle = Middle::new();
    let first = middle.up();
    let unlocked: Ended = middle.command(&["unlock", "demo"]).output().unwrap().into();
    unlocked.expect(0, "unlock");
    assert!(unlocked.stdout.contains("has had the lock of `demo` for `up` since "), "{}", unlocked.stdout);
    assert!(unlocked.stdout.contains("If that run is alive, it starts nothing new once it sees this"));
    let again: Ended = middle.command(&["unlock", "demo"]).output().unwrap().into();
    again.expect(0, "unlock");
    assert!(again.stdout.contains("Nobody has the lock of `demo`."), "{}", again.stdout);
    first.signal(Signal::KILL);
    first.ended();
}

#[test]
fn ctrl_c_ends_a_command_that_nobody_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let home = tempfile::tempdir().unwrap();
    let mut arguments = towards(&address, home.path());
    let list = Running::start(arguments.args(["list", "--aws", "--output", "json"]));
    let (_connection, _) = silent.accept().unwrap();
    list.signal(Signal::INT);
    let ended = list.ended();
    ended.expect(130, "interrupted");
    assert!(ended.stderr.contains("error: Interrupted"), "{}", ended.stderr);
    assert_eq!(finished(&ended)["error"]["message"], "Interrupted");
}
