//! The way to AWS, and who asks there: no network, a proxy that hangs, servers that hang or lie, certificates of nobody
//! known, credentials that are missing, expire or wait for somebody, and a clock that is wrong.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use breezeway::aws::Class;
use breezeway::engine::event::{Event, Outcome, StepState};
use breezeway::engine::run::{RunError, down, up};
use breezeway::engine::session::Options;
use breezeway::report::events::hint;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::CallerDials;
use insta::assert_snapshot;
use rustix::process::Signal;
use tempfile::TempDir;

use super::gate::{Gate, Rule};
use super::trouble::{Asked, Trouble, troubled};
use super::{Running, documents, towards};
use crate::clients::Machine;
use crate::lab::*;
use crate::program::Ended;
use crate::python;

const EXPIRED: &str = "The security token included in the request is expired";

fn list(address: &str, variables: &[(&str, &str)]) -> Ended {
    let home = tempfile::tempdir().unwrap();
    let mut command = towards(address, home.path());
    command.envs(variables.iter().copied()).args(["list", "--aws"]).output().expect("the program starts").into()
}

/// What a command that fails says.
fn trouble(ended: Ended) -> String {
    ended.expect(1, "trouble");
    ended.stderr
}

#[test]
fn where_nobody_listens_there_is_no_way() {
    let shut = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_snapshot!(trouble(list(&format!("http://{shut}"), &[])), @"
    error: There is no way to AWS: GetCallerIdentity: Connection refused (os error 111) (Connection)
    hint: Check the network, the Region and AWS_ENDPOINT_URL.
    ");
    let proxy = format!("http://{shut}");
    assert_snapshot!(trouble(list("https://sts.example", &[("HTTPS_PROXY", &proxy)])), @"
    error: There is no way to AWS: GetCallerIdentity: Connection refused (os error 111) (Connection)
    hint: Check the network, the proxy in HTTPS_PROXY, the Region and AWS_ENDPOINT_URL.
    ");
}

#[test]
fn a_name_that_nobody_knows_is_no_way() {
    let said = trouble(list("http://aws.invalid", &[]));
    assert!(said.starts_with("error: There is no way to AWS: GetCallerIdentity: failed to lookup address"), "{said}");
    assert!(said.ends_with("hint: Check the network, the Region and AWS_ENDPOINT_URL.\n"), "{said}");
}

/// Whoever gives no answer is told of after a while, and can be left.
fn is_told_of_and_left(command: &mut Command) {
    let mut waiting = Running::start(command.args(["list", "--aws"]));
    waiting.notices("No answer yet, neither for credentials nor from AWS: still trying. Ctrl-C leaves.");
    waiting.signal(Signal::INT);
    waiting.ended().expect(130, "interrupted");
}

#[test]
fn a_proxy_that_accepts_and_hangs_is_told_of_and_can_be_left() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (proxy, home) = (format!("http://{}", silent.local_addr().unwrap()), tempfile::tempdir().unwrap());
    is_told_of_and_left(towards("https://sts.example", home.path()).env("HTTPS_PROXY", proxy));
}

#[test]
fn credentials_that_wait_for_somebody_are_told_of_and_can_be_left() {
    let home = with_profile("credential_process = tail -f /dev/null");
    is_told_of_and_left(&mut profiled(home.path()));
}

/// A home with a profile `work` that says this.
fn with_profile(says: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), format!("[profile work]\nregion = eu-west-1\n{says}\n")).unwrap();
    home
}

/// The program with this home's profile and no other credentials.
fn profiled(home: &Path) -> Command {
    let mut command = towards("http://127.0.0.1:1", home);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env("AWS_PROFILE", "work");
    command.env("PATH", "/usr/bin:/bin");
    command
}

#[test]
fn a_credential_process_that_fails_is_named() {
    let home = with_profile("credential_process = sh -c 'echo nobody is logged in >&2; exit 3'");
    let said = trouble(profiled(home.path()).args(["list", "--aws"]).output().unwrap().into());
    assert!(said.starts_with("error: AWS doesn't know who is asking: GetCallerIdentity: "), "{said}");
    assert!(said.contains("nobody is logged in"), "{said}");
    let hint = "hint: No credentials could be had: `aws sts get-caller-identity` shows whether there are any. Then run it again.";
    assert!(said.contains(hint), "{said}");
}

#[test]
fn what_is_not_aws_is_no_way() {
    let machine = Machine::new();
    let served = machine.serve_at("1");
    let gate = Gate::before(&served.address, Rule::Page(407));
    assert_snapshot!(trouble(list(&gate.address, &[])), @"
    error: There is no way to AWS: GetCallerIdentity: a web page (HTTP 407)
    hint: Check the network, the Region and AWS_ENDPOINT_URL.
    ");
    gate.set(Rule::Cut);
    let said = trouble(list(&gate.address, &[]));
    assert!(said.starts_with("error: There is no way to AWS: GetCallerIdentity: "), "{said}");
}

#[test]
fn who_is_not_known_at_the_start_is_told_why_and_what_to_do() {
    let machine = Machine::new();
    let served = machine.serve_at("1");
    let gate = Gate::before(&served.address, Rule::Open);
    let refused = |code, message| {
        gate.set(Rule::Refuse(0, code, message));
        trouble(list(&gate.address, &[]))
    };
    assert_snapshot!(refused("ExpiredToken", EXPIRED), @"
    error: AWS doesn't know who is asking: GetCallerIdentity: The security token included in the request is expired (ExpiredToken)
    hint: The credentials have expired: get new ones (`aws sso login`, if that is where they come from), and run it again.
    ");
    assert_snapshot!(refused("InvalidClientTokenId", "The security token included in the request is invalid."), @"
    error: AWS doesn't know who is asking: GetCallerIdentity: The security token included in the request is invalid. (InvalidClientTokenId)
    hint: AWS doesn't know these credentials: check profile, keys and this machine's clock. Then run it again.
    ");
    let late = "Signature expired: 20260105T080000Z is now earlier than 20260105T095500Z (20260105T100000Z - 5 min.)";
    assert_snapshot!(refused("SignatureDoesNotMatch", late), @"
    error: AWS doesn't know who is asking: GetCallerIdentity: Signature expired: 20260105T080000Z is now earlier than 20260105T095500Z (20260105T100000Z - 5 min.) (SignatureDoesNotMatch)
    hint: Is this machine's clock right? AWS takes requests that are at most 5 minutes old. Set it, then run it again.
    ");
}

#[test]
fn every_way_of_saying_that_the_clock_is_wrong_has_the_hint() {
    for (code, message) in [
        ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
        ("SignatureDoesNotMatch", "Signature not yet current: 20260105T100000Z is still later than 20260105T080500Z"),
        ("InvalidSignatureException", "Signature expired: 20260105T080000Z is now earlier than 20260105T095500Z"),
        ("RequestInTheFuture", "The request is in the future"),
    ] {
        let failure = breezeway::aws::Failure::in_answer("DescribeVpcs", Some(code), Some(message));
        assert_eq!(failure.class, Class::Unidentified, "{code}");
        assert!(hint(&failure).unwrap().starts_with("Is this machine's clock right?"), "{code}");
    }
}

#[test]
fn credentials_that_expire_in_the_middle_end_up_once_and_fresh_ones_complete_it() {
    let machine = Machine::new();
    let served = machine.serve_at("1000");
    let gate = Gate::before(&served.address, Rule::Refuse(60, "ExpiredToken", EXPIRED));
    let mut command = towards(&gate.address, machine.home());
    let ended: Ended = command.args(["up", "@skeleton", "--aws", "--yes"]).output().unwrap().into();
    ended.expect(1, "expired");
    let causes: Vec<_> = ended.stdout.lines().filter(|line| line.starts_with("! ")).collect();
    assert!(causes.len() == 1 && causes[0].contains(EXPIRED), "{}", ended.stdout);
    assert!(ended.stdout.contains("The credentials have expired: get new ones"), "{}", ended.stdout);
    assert!(ended.stdout.contains("skeleton is not complete: "), "{}", ended.stdout);
    assert!(ended.stdout.contains("The next run finds what stands"), "{}", ended.stdout);
    gate.set(Rule::Open);
    for arguments in [&["up", "skeleton", "--yes"][..], &["drift", "skeleton"], &["down", "skeleton", "--yes"]] {
        let mut command = towards(&gate.address, machine.home());
        let ended: Ended = command.args(arguments).arg("--aws").output().unwrap().into();
        ended.expect(0, &format!("{arguments:?}"));
    }
}

/// How each service says that credentials have expired.
fn expired(asked: &Asked<'_>) -> Trouble {
    match asked.service {
        "ec2" => Trouble::Refused("RequestExpired", "Request has expired."),
        "iam" | "sts" | "route53" => Trouble::Refused("ExpiredToken", EXPIRED),
        _ => Trouble::Refused("ExpiredTokenException", EXPIRED),
    }
}

#[test]
fn credentials_that_expire_at_any_time_cause_no_storm_and_lose_nothing() {
    skipping().block_on(async {
        for seconds in [0, 3, 6, 20, 40, 60, 90] {
            let sandbox = world(1, Dials::default());
            let before = sandbox.standing();
            let clock = sandbox.clock();
            let dawn = clock.now();
            let refused: &'static AtomicU64 = Box::leak(Box::default());
            let ann = troubled(&sandbox, "ann", LAB, move |asked| {
                let late = clock.now().duration_since(dawn).as_secs() >= seconds;
                late.then(|| {
                    refused.fetch_add(1, Ordering::Relaxed);
                    expired(asked)
                })
            });
            let plan = plan("name = \"demo\"\n[[studio.endpoints]]\nservice = \"execute-api\"\n");
            let report = up(&ann.session(LAB, 1, Options::default()), Some(&plan)).await;
            match &report {
                Ok(report) if report.outcome == Outcome::Done => assert!(seconds >= 60, "{seconds}"),
                Ok(report) => {
                    assert_eq!((report.outcome, report.resources, report.causes.len()), (Outcome::Failed, None, 1));
                    let failure = report.unidentified.as_ref().expect("the cause is known");
                    assert!(hint(failure).unwrap().starts_with("The credentials have expired"), "{failure}");
                }
                Err(error) => assert!(matches!(error, RunError::Call(_) | RunError::Lock(_)), "{error}"),
            }
            let asked = refused.load(Ordering::Relaxed);
            assert!(asked < 80, "{asked} requests were refused at {seconds} s");
            let took = clock.now().duration_since(dawn).as_secs();
            assert!(took < seconds + 60, "{took} s");

            let fresh = Person::new(&sandbox, "ann", LAB, CallerDials::default());
            let wait = Options { wait: true, ..Options::default() };
            assert_eq!(up(&fresh.session(LAB, 2, wait), Some(&plan)).await.unwrap().outcome, Outcome::Done);
            assert_eq!(fresh.drift(LAB).await, []);
            assert_eq!(down(&fresh.session(LAB, 3, wait)).await.unwrap().outcome, Outcome::Done);
            assert_eq!(sandbox.standing(), before, "{seconds}");
        }
    });
}

#[test]
fn a_network_that_goes_away_in_the_middle_ends_in_minutes_and_the_next_up_completes() {
    skipping().block_on(async {
        for trouble in [Trouble::Silence, Trouble::NoNetwork] {
            let sandbox = world(1, Dials::default());
            let clock = sandbox.clock();
            let dawn = clock.now();
            let ann = troubled(&sandbox, "ann", LAB, move |_| {
                (clock.now().duration_since(dawn).as_secs() >= 6).then_some(trouble)
            });
            let plan = plan("name = \"demo\"\n[[studio.endpoints]]\nservice = \"execute-api\"\n");
            let report = up(&ann.session(LAB, 1, Options::default()), Some(&plan)).await.unwrap();
            assert_eq!((report.outcome, report.resources), (Outcome::Failed, None), "{report:?}");
            let took = clock.now().duration_since(dawn).as_secs();
            assert!(took < 45 * 60, "{trouble:?}: {took} s");
            let failed = ann.events.borrow().iter().any(|happened| {
                matches!(&happened.event, Event::Step { state: StepState::Failed, error: Some(error), .. }
                    if error.class == Class::UnknownOutcome)
            });
            assert!(failed, "{:?}", report.causes);
            let fresh = Person::new(&sandbox, "ann", LAB, CallerDials::default());
            let wait = Options { wait: true, ..Options::default() };
            assert_eq!(up(&fresh.session(LAB, 2, wait), Some(&plan)).await.unwrap().outcome, Outcome::Done);
            assert_eq!(fresh.drift(LAB).await, []);
        }
    });
}

#[test]
fn the_first_question_gives_up_soon_on_a_server_that_hangs() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let ann = troubled(&sandbox, "ann", LAB, |_| Some(Trouble::Silence));
        let began = sandbox.clock().now();
        let failure = ann.aws.place("aws").await.unwrap_err();
        assert_eq!(failure.class, Class::UnknownOutcome);
        assert!(failure.message.contains("time"), "{failure}");
        assert!(sandbox.clock().now().duration_since(began).as_secs() < 130);
    });
}

/// A served sandbox behind a TLS server whose certificate is of no authority that anybody knows; the file says of which.
struct Tls {
    process: Child,
    address: String,
    folder: TempDir,
}

impl Tls {
    fn before(served: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile/tls.py");
        let mut command = Command::new(python::python());
        command.arg(script).arg(served.trim_start_matches("http://")).arg(folder.path());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, address: format!("https://localhost:{}", port.trim()), folder }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_certificate_of_nobody_known_is_refused_and_aws_ca_bundle_says_whom_to_trust() {
    let machine = Machine::new();
    let served = machine.serve_at("1");
    let tls = Tls::before(&served.address);
    assert_snapshot!(trouble(list(&tls.address, &[])), @"
    error: There is no way to AWS: GetCallerIdentity: invalid peer certificate: UnknownIssuer (Certificate)
    hint: Does a proxy here sign with a certificate of its own? AWS_CA_BUNDLE names the file of those to trust. Or is this machine's clock wrong?
    ");
    let bundle = tls.folder.path().join("ca.pem");
    list(&tls.address, &[("AWS_CA_BUNDLE", bundle.to_str().unwrap())]).expect(0, "trusted");

    assert_snapshot!(trouble(list(&tls.address, &[("AWS_CA_BUNDLE", "/none.pem")])), @"
    error: /none.pem of AWS_CA_BUNDLE can't be used: No such file or directory (os error 2)
    hint: It takes a file of certificates in PEM.
    ");
    let pem = fs::read_to_string(&bundle).unwrap();
    let torn = pem.replace("MII", "AAA");
    for unusable in ["", "garbage", &pem[..pem.len() / 2], &torn, &format!("{pem}{torn}")] {
        fs::write(&bundle, unusable).unwrap();
        let said = trouble(list(&tls.address, &[("AWS_CA_BUNDLE", bundle.to_str().unwrap())]));
        assert!(said.contains("of AWS_CA_BUNDLE can't be used: "), "{unusable}\n{said}");
    }
}

#[test]
fn programs_get_the_same_sentence_and_hint() {
    let shut = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut command = towards(&format!("http://{shut}"), home.path());
    let ended: Ended = command.args(["up", "--aws", "--yes", "--output", "json"]).output().unwrap().into();
    ended.expect(1, "no way");
    let error = &documents(&ended)[0]["error"];
    assert!(error["message"].as_str().unwrap().starts_with("There is no way to AWS: "), "{error}");
    assert_eq!(error["hint"], "Check the network, the Region and AWS_ENDPOINT_URL.");
}
