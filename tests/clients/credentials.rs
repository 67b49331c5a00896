//! Credentials, profiles, Regions and endpoints, found where users of AWS's own tools keep them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use insta::assert_snapshot;
use tempfile::TempDir;

use super::Machine;
use crate::moto::server::Moto;
use crate::program::{Ended, breezeway};

const CONFIG: &str = r#"
[profile work]
region = eu-west-1
credential_process = echo '{"Version": 1, "AccessKeyId": "444455556666", "SecretAccessKey": "anything"}'

[profile builder]
region = eu-west-2
role_arn = arn:aws:iam::777788889999:role/Builder
source_profile = work

[profile corporate]
region = eu-west-1
sso_session = corporate
sso_account_id = 444455556666
sso_role_name = Builder

[sso-session corporate]
sso_region = eu-west-1
sso_start_url = https://example.awsapps.com/start
"#;

/// A user with these profiles and nothing else.
struct User {
    home: TempDir,
}

impl User {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        fs::write(home.path().join(".aws/config"), CONFIG).unwrap();
        Self { home }
    }

    /// `list --aws` with these variables and flags.
    fn list(&self, variables: &[(&str, &str)], flags: &[&str]) -> Ended {
        self.command(variables, flags).output().expect("breezeway starts").into()
    }

    fn command(&self, variables: &[(&str, &str)], flags: &[&str]) -> Command {
        let mut command = breezeway(self.home.path());
        command.env("AWS_EC2_METADATA_DISABLED", "true").envs(variables.iter().copied());
        command.args(["list", "--aws"]).args(flags);
        command
    }

    /// Target, account and Region, as the first line names them.
    fn place(&self, variables: &[(&str, &str)], flags: &[&str]) -> String {
        let ended = self.list(variables, flags);
        ended.expect(0, &format!("{variables:?} {flags:?}"));
        ended.stdout.lines().next().unwrap().to_owned()
    }

    fn trouble(&self, variables: &[(&str, &str)], flags: &[&str]) -> String {
        let ended = self.list(variables, flags);
        ended.expect(1, &format!("{variables:?} {flags:?}"));
        ended.stderr
    }
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "111122223333"), ("AWS_SECRET_ACCESS_KEY", "anything")];

#[test]
fn profiles_regions_and_endpoints_are_those_of_the_aws_cli() {
    let machine = Machine::new();
    let served = machine.serve();
    let user = User::new();
    let endpoint = ("AWS_ENDPOINT_URL", served.address.as_str());
    let ireland = "aws, account 444455556666, eu-west-1";
    let paris = "aws, account 444455556666, eu-west-3";
    for (variables, flags, place) in [
        (vec![], vec!["--profile", "work"], ireland),
        (vec![("AWS_PROFILE", "work")], vec![], ireland),
        // A profile that is named counts for more than keys in the environment, and those for more than any other.
        (KEYS.to_vec(), vec!["--profile", "work"], ireland),
        ([&KEYS[..], &[("AWS_PROFILE", "work")]].concat(), vec![], "aws, account 111122223333, eu-west-1"),
        (vec![("AWS_REGION", "eu-west-3")], vec!["--profile", "work"], paris),
        (vec![("AWS_DEFAULT_REGION", "eu-west-3")], vec!["--profile", "work"], paris),
        (vec![("AWS_REGION", "eu-west-2")], vec!["--profile", "work", "--region", "eu-west-3"], paris),
    ] {
        let variables = [&[endpoint], &variables[..]].concat();
        assert_eq!(user.place(&variables, &flags), place, "{variables:?} {flags:?}");
    }

    let credentials = user.home.path().join("credentials");
    fs::write(&credentials, "[work]\naws_access_key_id = 444455556666\naws_secret_access_key = anything\n").unwrap();
    let moved = [
        endpoint,
        ("AWS_SHARED_CREDENTIALS_FILE", credentials.to_str().unwrap()),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_REGION", "eu-west-1"),
    ];
    assert_eq!(user.place(&moved, &["--profile", "work"]), ireland);

    // A service's own endpoint counts for more than that of all.
    let nowhere = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let services = ["EC2", "IAM", "ROUTE53RESOLVER", "SSM", "STS"].map(|name| format!("AWS_ENDPOINT_URL_{name}"));
    let own = services.iter().map(|name| (name.as_str(), served.address.as_str()));
    let variables: Vec<_> = own.chain([nowhere]).collect();
    assert_eq!(user.place(&variables, &["--profile", "work"]), ireland);
}

#[test]
fn a_role_is_assumed_with_the_credentials_of_its_source_profile() {
    let moto = Moto::as_released();
    let address = format!("http://{}", moto.address);
    let place = User::new().place(&[("AWS_ENDPOINT_URL", &address)], &["--profile", "builder"]);
    assert_eq!(place, "aws, account 777788889999, eu-west-2");
}

#[test]
fn what_is_missing_is_said_in_a_sentence() {
    let user = User::new();
    let region = ("AWS_REGION", "eu-west-1");
    assert_snapshot!(user.trouble(&[region], &[]), @"
    error: There are no AWS credentials
    hint: Name a profile with --profile or AWS_PROFILE: `aws configure list-profiles` shows them.
    ");
    assert_snapshot!(user.trouble(&[region], &["--profile", "nobody"]), @"
    error: There are no AWS credentials
    hint: Name a profile with --profile or AWS_PROFILE: `aws configure list-profiles` shows them.
    ");
    assert_snapshot!(user.trouble(&[], &[]), @"
    error: No AWS Region is set: use --region, AWS_REGION or a profile that has one
    hint: Name the Region of the lab: --region eu-west-1
    ");
    assert_snapshot!(user.trouble(&[], &["--profile", "corporate"]), @"
    error: There is no valid login to AWS IAM Identity Center
    hint: Log in: aws sso login --profile corporate
    ");
    assert_snapshot!(user.trouble(&[("AWS_PROFILE", "corporate")], &[]), @"
    error: There is no valid login to AWS IAM Identity Center
    hint: Log in: aws sso login --profile corporate
    ");
}

/// The first line of a request that comes in at this listener, which is answered with this status.
fn asked(listener: &TcpListener, status: &str) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    reader.read_line(&mut line).unwrap();
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    line.trim_end().to_owned()
}

#[test]
fn a_proxy_is_asked_for_the_way_to_aws() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let user = User::new();
    let mut process = user.command(&[("HTTPS_PROXY", &proxy)], &["--profile", "work"]).spawn().unwrap();
    assert_eq!(asked(&listener, "407 No"), "CONNECT sts.eu-west-1.amazonaws.com:443 HTTP/1.1");
    process.kill().unwrap();
    process.wait().unwrap();

    let refusing = thread::spawn(move || asked(&listener, "403 No"));
    let variables = [("HTTP_PROXY", proxy.as_str()), ("AWS_ENDPOINT_URL", "http://aws.example")];
    let trouble = user.trouble(&variables, &["--profile", "work"]);
    assert_eq!(refusing.join().unwrap(), "POST http://aws.example/ HTTP/1.1");
    assert_snapshot!(trouble, @"
    error: There is no way to AWS: GetCallerIdentity: no message (HTTP 403)
    hint: Check the network, the proxy in HTTP_PROXY, the Region and AWS_ENDPOINT_URL.
    ");
}
