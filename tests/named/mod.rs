//! The generated DNS configurations in the real servers: BIND as a lab's own DNS host, set up by its user data, and
//! BIND and Unbound with what a corporate server must add.

pub mod daemon;
mod wire;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use breezeway::dns::{DnsServer, Flavour, Forwarding, SampleZone};
use hickory_proto::op::ResponseCode;
use insta::assert_snapshot;
use tempfile::TempDir;

use crate::python;
use daemon::{CLIENT, Daemon, Network, PRIVATE, PUBLIC, RESOLVERS, ROOT, SERVER, STRANGER, UPSTREAM, program};
use wire::{Answer, LARGE, ask};

const STUDIO: &str = "d-example.studio.us-east-1.sagemaker.aws";
const API: &str = "abcdef1234.execute-api.us-east-1.amazonaws.com";

fn forwarding() -> Forwarding {
    Forwarding {
        zones: vec!["execute-api.us-east-1.amazonaws.com".into(), "studio.us-east-1.sagemaker.aws".into()],
        resolvers: RESOLVERS.into(),
    }
}

fn dns_server() -> DnsServer {
    DnsServer {
        address: SERVER,
        clients: vec!["127.10.0.0/24".parse().unwrap()],
        forwarding: forwarding(),
        upstream: UPSTREAM,
        sample: Some(SampleZone {
            name: "corp.example".into(),
            records: [("app".to_owned(), "192.168.10.148".parse().unwrap())].into(),
        }),
    }
}

/// What stands in for the package manager, the service manager and the clock when the user data runs: functions of
/// bash, which it takes from the environment. The way to the packages opens at the third attempt; they bring their
/// folders along.
const STAND_INS: [(&str, &str); 3] = [
    ("dnf", r#"[ "$(grep -c ^dnf "$ROOT/calls")" -ge 3 ] && mkdir -p "$ROOT/var/named" "$ROOT/run/named""#),
    ("systemctl", "true"),
    ("sleep", "true"),
];

/// A machine on which the user data ran.
struct Machine {
    root: TempDir,
}

impl Machine {
    fn new(dns_server: &DnsServer) -> Self {
        let machine = Self { root: tempfile::tempdir().unwrap() };
        machine.boot(dns_server);
        machine
    }

    fn boot(&self, dns_server: &DnsServer) {
        let checkconf = program("named-checkconf", "bind9");
        let root = self.root.path();
        let path = format!("{}:/usr/bin:/bin", checkconf.parent().unwrap().display());
        let mut command = Command::new("bash");
        command.arg("-c").arg(dns_server.user_data_below(root.to_str().unwrap()));
        command.env_clear().env("PATH", path).env("ROOT", root);
        for (name, body) in STAND_INS {
            let function = format!("() {{ echo \"{name} $*\" >>\"$ROOT/calls\"; {body}; }}");
            command.env(format!("BASH_FUNC_{name}%%"), function);
        }
        clean(&command.output().unwrap());
    }

    fn file(&self, path: &str) -> String {
        fs::read_to_string(self.root.path().join(path)).unwrap()
    }

    /// Runs named on what the user data left, with a port of its own to listen on and to ask at, and an internet of its
    /// own: whoever looks there is heard.
    fn serve(&self, network: &Network) -> Daemon {
        let root = self.root.path();
        let (hints, conf) = (root.join("hints"), root.join("test.conf"));
        fs::write(&hints, format!(". 3600 NS root.test.\nroot.test. 3600 A {ROOT}\n")).unwrap();
        let port = format!("options {{\n    port {};", network.port);
        let internet = format!("zone \".\" {{ type hint; file \"{}\"; }};", hints.display());
        let named_conf = self.file("etc/named.conf").replace("options {", &port);
        fs::write(&conf, format!("{named_conf}{internet}\n")).unwrap();
        let arguments = ["-g", "-n", "1", "-c", conf.to_str().unwrap()];
        Daemon::start(&program("named", "bind9"), &arguments, root, network.server(), "corp.example")
    }
}

/// A DNS host of a lab and all that it can ask.
struct Host {
    network: Network,
    _named: Daemon,
    _machine: Machine,
}

impl Host {
    fn start() -> Self {
        let network = Network::start();
        let machine = Machine::new(&dns_server());
        Self { _named: machine.serve(&network), network, _machine: machine }
    }

    fn ask(&self, name: &str) -> Answer {
        ask(self.network.server(), CLIENT, name)
    }
}

/// A process that succeeded and had nothing to complain of.
fn clean(output: &Output) {
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(!said.contains("warning") && !said.contains("error"), "{said}");
}

#[test]
fn private_names_are_forwarded_to_the_resolver_and_nobody_else_hears_of_them() {
    let host = Host::start();
    assert_eq!(host.ask(STUDIO), Answer::Address(PRIVATE));
    assert_eq!(host.ask(API), Answer::Address(PRIVATE));
    assert_eq!(host.ask("studio.us-east-1.sagemaker.aws"), Answer::Address(PRIVATE));
    assert_eq!(host.ask("A.B.Studio.US-East-1.SageMaker.AWS"), Answer::Address(PRIVATE));
    assert!(!host.network.public_was_asked_for("sagemaker.aws"));
    assert!(!host.network.public_was_asked_for("amazonaws.com"));
}

#[test]
fn all_other_names_go_to_the_resolver_of_the_vpc() {
    let host = Host::start();
    let others = [
        "example.com",
        "studio.eu-west-1.sagemaker.aws",
        "sagemaker.aws",
        "notstudio.us-east-1.sagemaker.aws",
        "api.sagemaker.us-east-1.amazonaws.com",
        "1.10.168.192.in-addr.arpa",
    ];
    for name in others {
        assert_eq!(host.ask(name), Answer::Address(PUBLIC), "{name}");
        assert!(!host.network.resolvers_were_asked_for(name), "{name}");
    }
}

#[test]
fn one_resolver_address_is_enough() {
    let mut host = Host::start();
    host.network.resolvers.pop();
    assert_eq!(host.ask(STUDIO), Answer::Address(PRIVATE));
}

#[test]
fn without_the_resolver_a_private_name_fails_and_is_never_asked_for_in_public() {
    let mut host = Host::start();
    host.network.resolvers.clear();
    assert_eq!(host.ask(STUDIO), Answer::Failure(ResponseCode::ServFail));
    assert_eq!(host.ask(API), Answer::Failure(ResponseCode::ServFail));
    assert_eq!(host.ask("example.com"), Answer::Address(PUBLIC));
    assert!(!host.network.public_was_asked_for("sagemaker.aws"));
    assert!(!host.network.public_was_asked_for("amazonaws.com"));
}

#[test]
fn without_the_resolver_of_the_vpc_other_names_fail() {
    let mut host = Host::start();
    host.network.upstream = None;
    assert_eq!(host.ask("example.com"), Answer::Failure(ResponseCode::ServFail));
    assert_eq!(host.ask(STUDIO), Answer::Address(PRIVATE));
    assert!(!host.network.public_was_asked_for("example.com"));
}

#[test]
fn an_answer_too_large_for_udp_is_fetched_over_tcp() {
    let host = Host::start();
    assert_eq!(host.ask(&format!("{LARGE}{STUDIO}")), Answer::Address(PRIVATE));
}

#[test]
fn the_sample_zone_is_answered_from_the_host_itself() {
    let host = Host::start();
    assert_eq!(host.ask("app.corp.example"), Answer::Address("192.168.10.148".parse().unwrap()));
    assert_eq!(host.ask("dns.corp.example"), Answer::Address(SERVER));
    assert_eq!(host.ask("none.corp.example"), Answer::Failure(ResponseCode::NXDomain));
    assert!(!host.network.public_was_asked_for("corp.example"));
}

#[test]
fn strangers_are_refused() {
    let host = Host::start();
    for name in [STUDIO, "example.com", "app.corp.example"] {
        let answer = ask(host.network.server(), STRANGER, name);
        assert_eq!(answer, Answer::Failure(ResponseCode::Refused), "{name}");
    }
    assert_eq!(ask(host.network.server(), SERVER, STUDIO), Answer::Address(PRIVATE), "itself is no stranger");
}

#[test]
fn the_user_data_waits_for_the_packages_and_then_starts_the_server() {
    let machine = Machine::new(&dns_server());
    assert_snapshot!(machine.file("calls"), @r"
    systemctl restart systemd-resolved
    dnf --assumeyes install bind bind-utils
    sleep 10
    dnf --assumeyes install bind bind-utils
    sleep 10
    dnf --assumeyes install bind bind-utils
    systemctl enable named
    systemctl restart named
    ");
}

#[test]
fn the_user_data_may_run_again() {
    let machine = Machine::new(&dns_server());
    let files = ["etc/named.conf", "var/named/corp.example.zone", "etc/systemd/resolved.conf.d/breezeway.conf"];
    let first = files.map(|file| machine.file(file));
    machine.boot(&dns_server());
    assert_eq!(files.map(|file| machine.file(file)), first);
}

#[test]
fn the_user_data_is_sound_bash() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("user-data");
    fs::write(&script, dns_server().user_data()).unwrap();
    clean(&Command::new("bash").arg("-n").arg(&script).output().unwrap());
    clean(&Command::new(python::shellcheck()).arg(&script).output().unwrap());
}

#[test]
fn bind_takes_the_zones_into_a_configuration_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("named.conf");
    let zones = forwarding().config(Flavour::Bind);
    fs::write(&conf, format!("options {{ directory \"{}\"; }};\n{zones}", folder.path().display())).unwrap();
    clean(&Command::new(program("named-checkconf", "bind9")).arg("-z").arg(&conf).output().unwrap());
}

/// Unbound with what it must add, on loopback and as a plain user, which needs settings of its own.
fn unbound(network: &Network, folder: &Path) -> Daemon {
    let added = forwarding().config(Flavour::Unbound);
    let port = network.port;
    // In production, the resolver listens on port 53.
    let added = RESOLVERS.iter().fold(added, |text, resolver| {
        text.replace(&format!("forward-addr: {resolver}"), &format!("forward-addr: {resolver}@{port}"))
    });
    let text = format!(
        "\
server:
    directory: \"{0}\"
    chroot: \"\"
    username: \"\"
    pidfile: \"\"
    use-syslog: no
    interface: {SERVER}
    port: {port}
    do-not-query-localhost: no
    private-address: 10.0.0.0/8
    # It would try for minutes before it gives up.
    outbound-msg-retry: 1
    unknown-server-time-limit: 50
forward-zone:
    name: \".\"
    forward-addr: {UPSTREAM}@{port}
{added}",
        folder.display()
    );
    let conf = folder.join("unbound.conf");
    fs::write(&conf, text).unwrap();
    let checked = Command::new(program("unbound-checkconf", "unbound")).arg(&conf).output().unwrap();
    assert!(checked.status.success() && checked.stderr.is_empty(), "{checked:?}");
    let arguments = ["-d", "-c", conf.to_str().unwrap()];
    Daemon::start(&program("unbound", "unbound"), &arguments, folder, network.server(), "example.com")
}

#[test]
fn unbound_forwards_private_names_and_fails_without_the_resolver() {
    let mut network = Network::start();
    let folder = tempfile::tempdir().unwrap();
    let _unbound = unbound(&network, folder.path());
    let ask = |network: &Network, name| ask(network.server(), SERVER, name);
    assert_eq!(ask(&network, STUDIO), Answer::Address(PRIVATE));
    assert_eq!(ask(&network, "example.org"), Answer::Address(PUBLIC));
    network.resolvers.clear();
    assert_eq!(ask(&network, API), Answer::Failure(ResponseCode::ServFail));
    assert!(!network.public_was_asked_for("sagemaker.aws"));
    assert!(!network.public_was_asked_for("amazonaws.com"));
}
