//! `open`: from a password, or a token, to the URL that opens Studio in the corporate network and nowhere else.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use breezeway::aws::connect::Corporate;
use breezeway::engine::event::Outcome;
use breezeway::engine::run::up;
use breezeway::engine::session::Options;
use breezeway::engine::view::view;
use breezeway::open::{Closed, Portal};
use breezeway::password::Secret;
use breezeway::plan::{Plan, Source, parse};
use breezeway::sandbox::clock::WorldClock;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::home::{Home, Opened};
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::request::Question;
use serde_json::{Value, json};

use crate::lab::*;
use crate::program::{Ended, breezeway};

const PASSWORD: &str = "Correct-Horse-7-Canary";
const PLAN: &str = r#"
name = "demo"
[[studio.gateway_endpoints]]
service = "dynamodb"
[[studio.endpoints]]
service = "studio"
[[studio.endpoints]]
service = "sagemaker.api"
[[studio.endpoints]]
service = "execute-api"
[dns]
mode = "dhcp"
[access]
mode = "source-vpce"
[domain]
enabled = true
users = ["Ann", "bob"]
[sign_in]
enabled = true
[portal]
enabled = true
"#;

/// A lab of two users, and what is done to it by hand.
struct Lab {
    sandbox: Sandbox,
    ann: Person,
}

impl Lab {
    async fn new(plan: &Plan) -> Self {
        let sandbox = world(1, Dials::default());
        let ann = Person::new(&sandbox, "ann", &plan.name, CallerDials::default());
        let report = up(&ann.session(&plan.name, 1, Options::default()), Some(plan)).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        // Roles and policies spread.
        tokio::time::sleep(Duration::from_secs(600)).await;
        Self { sandbox, ann }
    }

    fn hand(&self, service: &str, operation: &str, input: Value) -> Value {
        hand(&self.sandbox, service, operation, input)
    }

    fn pool(&self) -> Value {
        self.hand("cognito-idp", "ListUserPools", json!({"MaxResults": 10}))["UserPools"][0]["Id"].clone()
    }

    fn set_password(&self, user: &str, permanent: bool) {
        let input = json!({"UserPoolId": self.pool(), "Username": user, "Password": PASSWORD, "Permanent": permanent});
        self.hand("cognito-idp", "AdminSetUserPassword", input);
    }

    async fn portal_of(&self, user: &str) -> Result<Portal, Closed> {
        let place = self.ann.session(LAB, 1, Options::default()).place;
        let view = view(&self.ann.aws, LAB, None).await.unwrap();
        Portal::of(&view, &place, user, "")
    }

    /// A token of a user, by the password that everybody has here.
    async fn token(&self, user: &str) -> Secret {
        self.portal_of(user).await.unwrap().sign_in(&self.ann.aws, &secret(PASSWORD)).await.unwrap()
    }

    /// The URL of a user, asked for with a token that was brought along.
    async fn ask(&self, user: &str, token: &Secret) -> Result<Secret, Closed> {
        let portal = self.portal_of(user).await?;
        portal.ask(&Corporate::Inside(self.sandbox.clone()), token, true).await
    }

    /// Whether Studio lets somebody in who has this URL.
    fn admits(&self, from: &str, url: &Secret) -> bool {
        let (url, from) = (url.reveal().to_owned(), from.parse().unwrap());
        let question = Question { url, from, lab: None, token: None, role: None, headers: Vec::new() };
        self.sandbox.request(&question).unwrap().admitted
    }
}

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

fn on_the_lab(work: impl AsyncFnOnce(Lab)) {
    skipping().block_on(async { work(Lab::new(&plan(PLAN)).await).await });
}

fn why<T>(closed: Result<T, Closed>) -> (String, String) {
    let closed = closed.err().expect("it stays closed");
    (closed.sentence, closed.hint.unwrap_or_default())
}

#[test]
fn a_user_with_a_password_gets_a_url_that_works_in_the_corporate_network_only() {
    on_the_lab(async |lab| {
        lab.set_password("ann", true);
        // Whatever the case in which the plan, or the user, writes the name.
        let url = lab.ask("ANN", &lab.token("Ann").await).await.unwrap();
        assert!(url.reveal().starts_with("https://d-") && !format!("{url:?}").contains("https"));
        assert!(!lab.admits("internet", &url));
        assert!(lab.admits("onprem", &url));
    });
}

#[test]
fn the_default_plan_is_opened_the_same_way() {
    skipping().block_on(async {
        let whole = parse(&Source::built_in("@studio-private-access").unwrap()).unwrap();
        let lab = Lab::new(&whole).await;
        lab.set_password("studio-user", true);
        let place = lab.ann.session(&whole.name, 1, Options::default()).place;
        let view = view(&lab.ann.aws, &whole.name, None).await.unwrap();
        let portal = Portal::of(&view, &place, "studio-user", "").unwrap();
        let token = portal.sign_in(&lab.ann.aws, &secret(PASSWORD)).await.unwrap();
        let url = portal.ask(&Corporate::Inside(lab.sandbox.clone()), &token, false).await.unwrap();
        assert!(lab.admits("onprem", &url) && !lab.admits("internet", &url));
    });
}

#[test]
fn a_wrong_password_and_no_password_yet_are_told_apart() {
    on_the_lab(async |lab| {
        lab.set_password("ann", true);
        let sign_in = async |user: &str, password: &str| {
            let portal = lab.portal_of(user).await.unwrap();
            why(portal.sign_in(&lab.ann.aws, &secret(password)).await)
        };
        let (sentence, hint) = sign_in("ann", "Wrong-Horse-7").await;
        assert_eq!(sentence, "Cognito doesn't know ann by this password");
        assert!(hint.starts_with("Ask again") && !hint.contains("Wrong-Horse-7"), "{hint}");
        let (sentence, hint) = sign_in("bob", "Wrong-Horse-7").await;
        assert_eq!(sentence, "Cognito doesn't know bob by this password");
        assert!(hint.starts_with("bob has no password of their own yet. An administrator gives one: aws "), "{hint}");
        lab.set_password("bob", false);
        let (sentence, hint) = sign_in("bob", PASSWORD).await;
        assert_eq!(sentence, "The password of bob is a temporary one: bob has to choose another first");
        assert!(hint.starts_with("That is done at https://") && !hint.contains(PASSWORD), "{hint}");
        lab.hand("cognito-idp", "AdminDisableUser", json!({"UserPoolId": lab.pool(), "Username": "ann"}));
        assert_eq!(sign_in("ann", PASSWORD).await.0, "ann can't sign in: User is disabled.");
    });
}

#[test]
fn a_user_without_a_profile_learns_who_has_one() {
    on_the_lab(async |lab| {
        let (sentence, hint) = why(lab.portal_of("eve").await);
        assert_eq!(sentence, "eve has no Studio profile in `demo`");
        assert_eq!(hint, "ann, bob have; `users` in [domain] of its plan says who.");
        let row = json!({"TableName": "breezeway-demo-users", "Key": {"user": {"S": "bob"}}});
        lab.hand("dynamodb", "DeleteItem", row);
        let (sentence, hint) = why(lab.portal_of("bob").await);
        assert_eq!(sentence, "The row of bob is missing in the portal's table");
        assert_eq!(hint, "`breezeway up demo` makes what is missing.");
    });
}

#[test]
fn a_token_opens_the_studio_of_its_user_until_it_runs_out() {
    on_the_lab(async |lab| {
        for user in ["ann", "bob"] {
            lab.set_password(user, true);
        }
        let of_ann = lab.token("ann").await;
        let (sentence, hint) = why(lab.ask("bob", &of_ann).await);
        assert_eq!(sentence, "The portal refuses: the token is somebody else's, not one of bob");
        assert!(!hint.contains(of_ann.reveal()));
        assert!(lab.ask("ann", &of_ann).await.is_ok());
        tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
        assert_eq!(why(lab.ask("ann", &of_ann).await).0, "The portal doesn't believe the token");
        assert_eq!(why(lab.ask("ann", &secret("no.token.atall")).await).0, "The portal doesn't believe the token");
    });
}

#[test]
fn what_is_missing_of_a_portal_is_said() {
    skipping().block_on(async {
        let without = PLAN.replace("[portal]\nenabled = true\n", "");
        let lab = Lab::new(&plan(&without)).await;
        assert_eq!(why(lab.portal_of("ann").await).0, "The plan of `demo` has no portal");
    });
    on_the_lab(async |lab| {
        lab.set_password("ann", true);
        let token = lab.token("ann").await;
        let function = json!({"FunctionName": "breezeway-demo-presign"});
        lab.hand("lambda", "DeleteFunction", function);
        let (sentence, hint) = why(lab.ask("ann", &token).await);
        assert_eq!(sentence, "The portal's function failed: HTTP 500");
        assert!(hint.starts_with("`breezeway sandbox request https://"), "{hint}");

        let api = lab.hand("apigateway", "GetRestApis", json!({}))["items"][0]["id"].clone();
        lab.hand("apigateway", "DeleteStage", json!({"restApiId": api, "stageName": "portal"}));
        let (sentence, hint) = why(lab.ask("ann", &token).await);
        assert_eq!(sentence, "The portal of `demo` isn't there, or not all of it");
        assert_eq!(hint, "`breezeway up demo` makes what is missing.");
    });
    on_the_lab(async |lab| {
        lab.hand("cognito-idp", "DeleteUserPool", json!({"UserPoolId": lab.pool()}));
        let (sentence, _) = why(lab.portal_of("ann").await);
        assert_eq!(sentence, "The user pool of `demo` isn't there, or the client that users sign in by");
    });
}

#[test]
fn an_api_behind_an_endpoint_without_private_names_has_the_endpoint_in_its_name() {
    on_the_lab(async |lab| {
        let filters = json!([{"Name": "service-name", "Values": ["*.execute-api"]}]);
        let found = lab.hand("ec2", "DescribeVpcEndpoints", json!({"Filters": filters}));
        let door = found["VpcEndpoints"][0]["VpcEndpointId"].as_str().unwrap();
        let before = lab.portal_of("ann").await.unwrap().address;
        assert!(!before.contains(door), "{before}");
        lab.hand("ec2", "ModifyVpcEndpoint", json!({"VpcEndpointId": door, "PrivateDnsEnabled": false}));
        let after = lab.portal_of("ann").await.unwrap().address;
        assert_eq!(after, before.replacen('.', &format!("-{door}."), 1));
    });
}

#[test]
fn a_kind_that_can_not_be_read_is_not_taken_for_missing() {
    on_the_lab(async |lab| {
        let place = lab.ann.session(LAB, 1, Options::default()).place;
        for (denied, may) in [("GetStages", false), ("Scan", true)] {
            let dials = CallerDials { denied: Some(denied), ..CallerDials::default() };
            let eve = Person::new(&lab.sandbox, "eve", LAB, dials);
            let view = view(&eve.aws, LAB, None).await.unwrap();
            let portal = Portal::of(&view, &place, "ann", "");
            assert_eq!(portal.is_ok(), may, "{denied}: {portal:?}");
            assert!(may || why(portal).0.starts_with(denied), "{denied}");
        }
    });
}

#[test]
fn a_way_that_is_blocked_in_the_corporate_network_is_said() {
    on_the_lab(async |lab| {
        lab.set_password("ann", true);
        let token = lab.token("ann").await;
        let peerings = lab.hand("ec2", "DescribeVpcPeeringConnections", json!({}));
        let peering = peerings["VpcPeeringConnections"][0]["VpcPeeringConnectionId"].clone();
        lab.hand("ec2", "DeleteVpcPeeringConnection", json!({"VpcPeeringConnectionId": peering}));
        let (sentence, hint) = why(lab.ask("ann", &token).await);
        assert!(
            sentence.starts_with("The portal can't be reached from the sandbox's corporate network: "),
            "{sentence}"
        );
        assert!(hint.starts_with("`breezeway sandbox request https://"), "{hint}");
    });
}

#[test]
fn another_provider_signs_in_elsewhere() {
    skipping().block_on(async {
        let other = "[sign_in]\nissuer = \"https://login.example.com\"\naudience = \"api\"\nuser_claim = \"email\"\n";
        let lab = Lab::new(&plan(&PLAN.replace("[sign_in]\n", other))).await;
        let portal = lab.portal_of("ann").await.unwrap();
        let (sentence, hint) = why(portal.sign_in(&lab.ann.aws, &secret(PASSWORD)).await);
        assert_eq!(sentence, "https://login.example.com signs users in by a browser only");
        assert!(hint.starts_with("Put an ID token of ann into BREEZEWAY_TOKEN"), "{hint}");
    });
}

/// The program, with a lab in its home.
struct Program {
    folder: tempfile::TempDir,
}

impl Program {
    fn new() -> Self {
        let program = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(program.home().join("lab.toml"), PLAN).unwrap();
        let up: Ended = breezeway(program.home()).args(["up", "lab.toml"]).output().unwrap().into();
        up.expect(0, "up");
        assert!(up.stdout.contains("breezeway open ann --lab demo"), "{}", up.stdout);
        program.in_the_sandbox(|sandbox| {
            let hand = |operation: &str, input: Value| by_hand(sandbox, "cognito-idp", operation, input).unwrap();
            let pool = hand("ListUserPools", json!({"MaxResults": 10}))["UserPools"][0]["Id"].clone();
            let input = json!({"UserPoolId": pool, "Username": "ann", "Password": PASSWORD, "Permanent": true});
            hand("AdminSetUserPassword", input);
        });
        program
    }

    fn home(&self) -> &Path {
        self.folder.path()
    }

    /// Does something in the world between two commands.
    fn in_the_sandbox<T>(&self, work: impl FnOnce(&Sandbox) -> T) -> T {
        skipping().block_on(async {
            let Opened { home, world, now, .. } = Home::open(&self.home().join("sandbox"), 1).unwrap();
            let sandbox = Sandbox::new(world, WorldClock::new(now, 1.0), Dials::default(), Some(home));
            let done = work(&sandbox);
            sandbox.save().unwrap();
            done
        })
    }

    /// Runs `open` with this on stdin, and these variables.
    fn open(&self, arguments: &[&str], stdin: &str, variables: &[(&str, &str)]) -> Ended {
        let mut command = breezeway(self.home());
        command.arg("open").args(arguments).args(["--lab", LAB]).envs(variables.iter().copied());
        let mut running = command.stdin(Stdio::piped()).spawn().unwrap();
        // Whoever needs no password doesn't read it.
        let _ = running.stdin.take().unwrap().write_all(stdin.as_bytes());
        running.wait_with_output().unwrap().into()
    }

    /// Whether any file of the home has this text.
    fn keeps(&self, text: &str) -> bool {
        fn search(folder: &Path, text: &[u8]) -> bool {
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
                if path.is_dir() {
                    return search(&path, text);
                }
                fs::read(path).unwrap().windows(text.len()).any(|window| window == text)
            })
        }
        search(self.home(), text.as_bytes())
    }
}

#[test]
fn the_program_prints_the_url_and_nothing_else_and_keeps_it_nowhere() {
    let program = Program::new();
    let piped = format!("{PASSWORD}\n");
    let opened = program.open(&["ann", "--password-stdin"], &piped, &[]);
    opened.expect(0, "opened");
    let [url] = opened.stdout.lines().collect::<Vec<_>>()[..] else { panic!("{}", opened.stdout) };
    let (_, token) = url.split_once("/auth?token=").expect("a presigned URL");
    assert!(opened.stderr.starts_with("sandbox, account 111122223333, us-east-1\n"), "{}", opened.stderr);
    assert!(!opened.stderr.contains(token) && !opened.stderr.contains(PASSWORD));
    assert!(!program.keeps(token) && !program.keeps(PASSWORD));

    let document = program.open(&["ANN", "--password-stdin", "--output", "json"], &piped, &[]);
    document.expect(0, "a document");
    let value: Value = serde_json::from_str(&document.stdout).unwrap();
    assert!(value["url"].as_str().unwrap().starts_with("https://d-"));
    let named = ["target", "account", "region", "lab", "user", "expires_seconds"].map(|name| value[name].clone());
    assert_eq!(json!(named), json!(["sandbox", "111122223333", "us-east-1", "demo", "ann", 60]));
    assert_eq!(document.stderr, "");
}

#[test]
fn the_program_hands_the_url_to_a_browser_and_shows_it_to_nobody() {
    let program = Program::new();
    let folder = program.home().join("bin");
    fs::create_dir(&folder).unwrap();
    let opener = folder.join("xdg-open");
    let install = |script: &str| {
        fs::write(&opener, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&opener, fs::Permissions::from_mode(0o700)).unwrap();
    };
    let outside = tempfile::tempdir().unwrap();
    let taken = outside.path().join("taken");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let open = |json: bool| {
        let arguments = ["ann", "--browser", "--password-stdin", "--output", if json { "json" } else { "human" }];
        program.open(&arguments, &format!("{PASSWORD}\r\n"), &[("PATH", &path), ("TAKEN", taken.to_str().unwrap())])
    };
    // It may say the URL: nobody hears it.
    install("printf '%s|' \"$#\" \"$1\" > \"$TAKEN\"; echo \"$1\"; echo \"$1\" >&2");
    let opened = open(false);
    opened.expect(0, "opened");
    let said = fs::read_to_string(&taken).unwrap();
    let url = said.strip_prefix("1|").and_then(|rest| rest.strip_suffix('|')).unwrap();
    assert!(url.starts_with("https://d-"), "{url}");
    assert_eq!(opened.stdout, "");
    assert!(opened.stderr.ends_with("Studio of ann is opened in the browser.\n"), "{}", opened.stderr);
    assert!(!opened.stderr.contains("/auth"));
    let document: Value = serde_json::from_str(&open(true).stdout).unwrap();
    assert_eq!((document.get("url"), document["user"].as_str()), (None, Some("ann")));

    install("echo \"$1\" >&2; exit 3");
    let failed = open(false);
    failed.expect(1, "no browser");
    assert!(failed.stderr.contains("Leave --browser out"), "{}", failed.stderr);
    assert!(!failed.stderr.contains("/auth") && failed.stdout.is_empty());
}

#[test]
fn a_sandbox_that_another_process_serves_is_asked_there() {
    let program = Program::new();
    let arguments = ["sandbox", "serve", "--port", "0", "--output", "json"];
    let mut serving = breezeway(program.home()).args(arguments).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(serving.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let opened = program.open(&["ann", "--password-stdin"], &format!("{PASSWORD}\n"), &[]);
    serving.kill().unwrap();
    serving.wait().unwrap();
    opened.expect(0, &said);
    assert!(opened.stdout.starts_with("https://d-") && opened.stdout.lines().count() == 1, "{}", opened.stdout);
    let (_, token) = opened.stdout.trim_end().split_once("/auth?token=").unwrap();
    assert!(!program.keeps(token) && !opened.stderr.contains(token));
}

/// Somebody at a terminal, who types when they are asked: what they see, and how the program ends.
const TYPIST: &str = r#"
import os, pty, sys
typed, program = sys.argv[1].encode(), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(program[0], program)
seen = b""
while b"Password of ann: " not in seen:
    seen += os.read(terminal, 1024)
os.write(terminal, typed)
try:
    while chunk := os.read(terminal, 1024):
        seen += chunk
except OSError:
    pass
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

#[test]
fn what_is_typed_is_not_shown_and_ctrl_c_ends_the_asking() {
    let program = Program::new();
    let typing = |typed: &str| -> Ended {
        let mut command = Command::new("python3");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("BREEZEWAY_HOME", program.home()).args(["-c", TYPIST, typed]);
        command.args([env!("CARGO_BIN_EXE_breezeway"), "open", "ann", "--lab", LAB]);
        command.output().unwrap().into()
    };
    let typed = typing(&format!("{PASSWORD}\n"));
    typed.expect(0, "typed");
    assert!(typed.stdout.contains("/auth?token=") && !typed.stdout.contains(PASSWORD), "{}", typed.stdout);
    typing("\x03").expect(130, "interrupted");
}

#[test]
fn the_program_says_why_it_prints_no_url() {
    let program = Program::new();
    for (arguments, stdin, variables, expected) in [
        (&["ann"][..], "", &[][..], "Nobody is here to type the password"),
        (&["ann", "--password-stdin"], "", &[], "There is no password"),
        (&["ann", "--password-stdin"], "Wrong-Horse-7\n", &[], "Cognito doesn't know ann by this password"),
        // What the command line says counts for more than the environment.
        (&["ann", "--password-stdin"], "Wrong-Horse-7\n", &[("BREEZEWAY_TOKEN", "a.b.c")], "Cognito doesn't know ann"),
        (&["ann"], "", &[("BREEZEWAY_TOKEN", "a.canary.c")], "The portal doesn't believe the token"),
        (&["ann"], "", &[("BREEZEWAY_TOKEN", "a canary c")], "What is in BREEZEWAY_TOKEN is no token"),
        (&["eve"], "", &[], "eve has no Studio profile in `demo`"),
    ] {
        let ended = program.open(arguments, stdin, variables);
        ended.expect(1, expected);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        assert!(ended.stderr.contains("\nhint: ") && ended.stdout.is_empty(), "{}", ended.stderr);
        assert!(!ended.stderr.contains("canary") && !ended.stderr.contains("Wrong-Horse"), "{}", ended.stderr);
    }
    let elsewhere: Ended = breezeway(program.home()).args(["open", "ann"]).output().unwrap().into();
    elsewhere.expect(1, "another lab");
    assert!(elsewhere.stderr.contains("The sandbox has no lab `studio-private-access`"), "{}", elsewhere.stderr);
    assert!(elsewhere.stderr.contains("with --aws"), "{}", elsewhere.stderr);
}
