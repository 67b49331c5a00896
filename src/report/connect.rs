//! How to reach the app server of a lab.

use std::net::Ipv4Addr;

use ipnet::IpNet;
use serde::Serialize;

use super::Style;
use super::text::wrap;
use crate::aws::Place;
use crate::aws::failure::printable;
use crate::engine::view::View;
use crate::password::Secret;
use crate::resource::instance::Instance;
use crate::resource::security_group_rule::{Direction, Peer, SecurityGroupRule};
use crate::resource::{Address, Observed, Spec};

/// The port of the Remote Desktop Protocol.
const RDP: i32 = 3389;
/// The local end of the way through Session Manager.
const LOCAL_PORT: u16 = 13389;

/// The answer of `connect`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConnectDocument {
    /// The lab.
    pub lab: String,
    /// The app server's address within the lab.
    pub address: Address,
    /// Its instance id.
    pub id: String,
    /// AWS's word for its state.
    pub state: String,
    /// Its address in the on-premises VPC.
    pub private_ip: Ipv4Addr,
    /// Its public address, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<String>,
    /// Who may reach its port 3389.
    pub rdp_from: Vec<IpNet>,
    /// The commands that open the desktop over its public address; none where that is closed.
    pub rdp: Vec<String>,
    /// The command that brings its port 3389 to this machine without a public way; none where Session Manager doesn't
    /// reach it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_forward: Option<String>,
    /// Whether it has a key pair, without which nobody can ask for its password.
    pub key_pair: bool,
    /// Who to sign in as.
    pub user: &'static str,
    /// The password, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "super::revealed")]
    pub password: Option<Secret>,
}

impl ConnectDocument {
    /// The app server of a lab that looks like this; none where none stands. `profile` is the user's AWS profile.
    pub fn of(view: &View, place: &Place, profile: Option<&str>) -> Option<Self> {
        let app_server = &view.record.as_ref()?.plan.app_server;
        let holdings = view.holdings();
        let (address, observed, instance) = holdings.held.iter().find_map(|(address, held)| {
            let Spec::Instance(instance) = &held.observed.spec else { return None };
            let is_it = instance.private_address == app_server.address;
            is_it.then_some((address, held.observed, instance))
        })?;
        let public_ip = observed.output("public_ip").map(str::to_owned);
        let rdp_from = rdp_from(instance, view.survey.live());
        let rdp = match &public_ip {
            Some(ip) if !rdp_from.is_empty() => {
                vec![format!("mstsc /v:{ip}"), format!("xfreerdp /v:{ip} /u:Administrator")]
            }
            _ => Vec::new(),
        };
        let port_forward = app_server.session_manager.then(|| port_forward(&observed.id, &place.region, profile));
        Some(Self {
            lab: view.blueprint.lab.name.clone(),
            address: address.clone(),
            id: observed.id.clone(),
            state: observed.state.clone(),
            private_ip: instance.private_address,
            public_ip,
            rdp_from,
            rdp,
            port_forward,
            key_pair: instance.key_pair.is_some(),
            user: "Administrator",
            password: None,
        })
    }

    /// Whether somebody can get in now.
    pub fn reachable(&self) -> bool {
        self.state == "running" && (!self.rdp.is_empty() || self.port_forward.is_some())
    }

    /// For people; `again` is the command that asks this.
    pub fn text(&self, again: &str, place: &Place, style: Style) -> String {
        let sentence = |text: &str| wrap(&printable(text), style.width, "", "  ");
        let command = |text: &str| format!("  {}", printable(text));
        let Self { address, id, state, private_ip, .. } = self;
        let public = self.public_ip.as_ref().map_or("without a public address".to_owned(), |ip| format!("public {ip}"));
        let mut lines = vec![sentence(&format!("{address} ({id}) is {state}, at {private_ip}, {public}."))];
        if state == "stopped" {
            lines.push(sentence("It has to run first: `breezeway up` starts it."));
        }
        if !self.rdp.is_empty() {
            let from: Vec<_> = self.rdp_from.iter().map(ToString::to_string).collect();
            lines.push(sentence(&format!("Remote Desktop, from {} only:", from.join(" and "))));
            lines.extend(self.rdp.iter().map(|line| command(line)));
        } else if self.public_ip.is_some() {
            lines.push(sentence("Remote Desktop is open to nobody: operator_cidr in [app_server] says who may."));
        }
        if let Some(port_forward) = &self.port_forward {
            lines.push(sentence("Through Session Manager, without a public way:"));
            lines.push(command(port_forward));
            lines.push(command(&format!("mstsc /v:localhost:{LOCAL_PORT}")));
        }
        if self.rdp.is_empty() && self.port_forward.is_none() {
            lines.push(sentence("There is no way in."));
        }
        match &self.password {
            Some(password) => lines.push(format!("The password of {} is {}", self.user, password.reveal())),
            None if !self.key_pair => lines.push(sentence("It has no key pair, so nobody can ask for its password.")),
            None => {
                lines.push(sentence(&format!("Sign in as {}. The password:", self.user)));
                lines.push(command(&format!("{again} --key PRIVATE-KEY-FILE")));
            }
        }
        if place.target == "sandbox" {
            lines.push(sentence("This is the sandbox: nothing listens at these addresses."));
        }
        lines.join("\n")
    }
}

/// The networks that the instance's groups let in for RDP.
fn rdp_from<'a>(instance: &Instance, live: impl Iterator<Item = &'a Observed>) -> Vec<IpNet> {
    let rules = live.filter_map(|observed| match &observed.spec {
        Spec::SecurityGroupRule(rule) if instance.security_groups.iter().any(|group| *group == rule.group) => {
            Some(rule)
        }
        _ => None,
    });
    let mut networks: Vec<_> = rules.filter_map(lets_rdp_in).collect();
    networks.sort();
    networks.dedup();
    networks
}

fn lets_rdp_in(rule: &SecurityGroupRule) -> Option<IpNet> {
    let port = rule.from_port.is_none_or(|from| from <= RDP) && rule.to_port.is_none_or(|to| RDP <= to);
    let protocol = matches!(rule.protocol.as_str(), "tcp" | "all");
    match rule.peer {
        Peer::Cidr(network) if rule.direction == Direction::Ingress && protocol && port => Some(network),
        _ => None,
    }
}

fn port_forward(id: &str, region: &str, profile: Option<&str>) -> String {
    let profile = profile.map_or(String::new(), |profile| format!(" --profile {profile}"));
    format!(
        "aws ssm start-session --target {id} --document-name AWS-StartPortForwardingSession \
         --parameters portNumber={RDP},localPortNumber={LOCAL_PORT} --region {region}{profile}"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use insta::assert_snapshot;

    use super::*;
    use crate::aws::tags;
    use crate::blueprint::Blueprint;
    use crate::engine::record::Record;
    use crate::plan::{Source, parse};
    use crate::resource::instance::{Instance, Metadata};
    use crate::resource::{Readiness, Ref};
    use crate::survey::{Survey, lab_name};

    fn place() -> Place {
        Place {
            target: "aws".into(),
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            partition: "aws".into(),
            caller: "arn:aws:iam::111122223333:user/ada".into(),
        }
    }

    fn instance() -> Instance {
        Instance {
            subnet: Ref::known("subnet-1"),
            private_address: "192.168.10.148".parse().unwrap(),
            public: true,
            image: "ami-1".into(),
            instance_type: "t3a.medium".into(),
            security_groups: vec![Ref::known("sg-app")].into(),
            key_pair: Some(Ref::known("breezeway-demo")),
            instance_profiles: Vec::new().into(),
            user_data: None,
            metadata: Metadata {
                endpoint: "enabled".into(),
                tokens: "required".into(),
                hop_limit: 1,
                tags: "disabled".into(),
            },
            root_volume: None,
            source_dest_check: true,
            termination_protection: None,
            running: true,
        }
    }

    fn rule(group: &str, ports: Option<(i32, i32)>, direction: Direction, peer: Peer) -> Observed {
        let rule = SecurityGroupRule {
            group: Ref::known(group),
            direction,
            protocol: if ports.is_some() { "tcp" } else { "all" }.into(),
            from_port: ports.map(|(from, _)| from),
            to_port: ports.map(|(_, to)| to),
            peer,
            description: None,
        };
        Observed::standing(format!("sgr-{group}-{ports:?}-{direction:?}"), BTreeMap::new(), rule)
    }

    fn cidr(text: &str) -> Peer {
        Peer::Cidr(text.parse().unwrap())
    }

    /// A lab whose app server looks like this.
    fn view(instance: &Instance, state: &str, public_ip: Option<&str>, rules: Vec<Observed>) -> View {
        let mut plan = parse(&Source { name: "test".into(), text: "name = \"demo\"".into() }).unwrap();
        plan.app_server.enabled = true;
        plan.app_server.address = "192.168.10.148".parse().unwrap();
        let mut blueprint = Blueprint::empty(lab_name("demo", "eu-west-1"));
        blueprint.add("onprem/app-server", "app-server", instance.clone());
        let tags = [(tags::LAB, "demo"), (tags::ADDRESS, "onprem/app-server")];
        let observed = Observed {
            unread: Vec::new(),
            id: "i-0a1b2c".into(),
            state: state.into(),
            readiness: Readiness::Ready,
            tags: tags.map(|(key, value)| (key.into(), value.into())).into(),
            spec: instance.clone().into(),
            outputs: public_ip.map(|ip| ("public_ip".into(), ip.into())).into_iter().collect(),
        };
        let record = Record {
            lab_id: "1".into(),
            created_by: place().caller,
            created_at: "2026-01-05T08:00:00Z".parse().unwrap(),
            written_by: "0.1.0".into(),
            chosen_images: Default::default(),
            plan,
        };
        let found = std::iter::once(observed).chain(rules).collect();
        View { record: Some(record), blueprint, survey: Survey { lab: "demo".into(), found, ..Survey::default() } }
    }

    fn document(view: &View) -> ConnectDocument {
        ConnectDocument::of(view, &place(), Some("work")).unwrap()
    }

    fn text(document: &ConnectDocument) -> String {
        document.text("breezeway connect demo --aws", &place(), Style::plain(100))
    }

    #[test]
    fn over_its_public_address_and_through_session_manager() {
        let rules = vec![rule("sg-app", Some((3389, 3389)), Direction::Ingress, cidr("203.0.113.7/32"))];
        let view = view(&instance(), "running", Some("198.51.100.4"), rules);
        let mut document = document(&view);
        assert!(document.reachable());
        assert_snapshot!(text(&document), @r"
        onprem/app-server (i-0a1b2c) is running, at 192.168.10.148, public 198.51.100.4.
        Remote Desktop, from 203.0.113.7/32 only:
          mstsc /v:198.51.100.4
          xfreerdp /v:198.51.100.4 /u:Administrator
        Through Session Manager, without a public way:
          aws ssm start-session --target i-0a1b2c --document-name AWS-StartPortForwardingSession --parameters portNumber=3389,localPortNumber=13389 --region eu-west-1 --profile work
          mstsc /v:localhost:13389
        Sign in as Administrator. The password:
          breezeway connect demo --aws --key PRIVATE-KEY-FILE
        ");
        document.password = Some(Secret::from("pa$$W0rd".to_owned()));
        assert!(text(&document).contains("The password of Administrator is pa$$W0rd"));
    }

    #[test]
    fn what_is_not_open_is_not_offered() {
        let view = view(&instance(), "running", Some("198.51.100.4"), Vec::new());
        let mut document = document(&view);
        assert!(document.reachable());
        assert_snapshot!(text(&document), @r"
        onprem/app-server (i-0a1b2c) is running, at 192.168.10.148, public 198.51.100.4.
        Remote Desktop is open to nobody: operator_cidr in [app_server] says who may.
        Through Session Manager, without a public way:
          aws ssm start-session --target i-0a1b2c --document-name AWS-StartPortForwardingSession --parameters portNumber=3389,localPortNumber=13389 --region eu-west-1 --profile work
          mstsc /v:localhost:13389
        Sign in as Administrator. The password:
          breezeway connect demo --aws --key PRIVATE-KEY-FILE
        ");
        document.port_forward = None;
        assert!(!document.reachable());
        assert!(text(&document).contains("There is no way in."));
    }

    #[test]
    fn a_stopped_host_is_to_be_started_first() {
        let closed = Instance { key_pair: None, ..instance() };
        let view = view(&closed, "stopped", None, Vec::new());
        let document = document(&view);
        assert!(!document.reachable());
        assert_snapshot!(text(&document), @r"
        onprem/app-server (i-0a1b2c) is stopped, at 192.168.10.148, without a public address.
        It has to run first: `breezeway up` starts it.
        Through Session Manager, without a public way:
          aws ssm start-session --target i-0a1b2c --document-name AWS-StartPortForwardingSession --parameters portNumber=3389,localPortNumber=13389 --region eu-west-1 --profile work
          mstsc /v:localhost:13389
        It has no key pair, so nobody can ask for its password.
        ");
    }

    #[test]
    fn only_rules_of_its_own_groups_that_let_3389_in_count() {
        let rules = vec![
            rule("sg-app", Some((3000, 4000)), Direction::Ingress, cidr("198.51.100.0/24")),
            rule("sg-app", None, Direction::Ingress, cidr("192.0.2.0/24")),
            rule("sg-app", Some((3390, 4000)), Direction::Ingress, cidr("10.1.0.0/16")),
            rule("sg-app", Some((3389, 3389)), Direction::Egress, cidr("10.2.0.0/16")),
            rule("sg-other", Some((3389, 3389)), Direction::Ingress, cidr("10.3.0.0/16")),
            rule("sg-app", Some((3389, 3389)), Direction::Ingress, Peer::Group(Ref::known("sg-app"))),
        ];
        let view = view(&instance(), "running", Some("198.51.100.4"), rules);
        let from: Vec<_> = document(&view).rdp_from.iter().map(ToString::to_string).collect();
        assert_eq!(from, ["192.0.2.0/24", "198.51.100.0/24"]);
    }

    #[test]
    fn without_an_app_server_there_is_nothing_to_say() {
        let mut view = view(&instance(), "running", None, Vec::new());
        view.survey.found.clear();
        assert_eq!(ConnectDocument::of(&view, &place(), None), None);
    }

    #[test]
    fn programs_get_the_password_too() {
        let view = view(&instance(), "running", None, Vec::new());
        let mut document = document(&view);
        assert_eq!(serde_json::to_value(&document).unwrap().get("password"), None);
        document.password = Some(Secret::from("pa$$W0rd".to_owned()));
        assert_eq!(serde_json::to_value(&document).unwrap()["password"], "pa$$W0rd");
    }
}
