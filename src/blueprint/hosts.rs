//! The hosts of the corporate network: two DNS servers, and the Windows server from which Studio is opened.

use serde_json::json;

use super::access::iam_name;
use super::vpc::security_group;
use super::{Blueprint, Facts, Network};
use crate::aws::partition::{dns_suffix, partition};
use crate::dns::DnsServer;
use crate::plan::{Direction, Plan, Ports, Protocol, Remote, Rule};
use crate::resource::instance::{Instance, Metadata, RootVolume};
use crate::resource::instance_profile::InstanceProfile;
use crate::resource::key_pair::KeyPair;
use crate::resource::policy::Policy;
use crate::resource::role::Role;
use crate::resource::role_policy_attachment::RolePolicyAttachment;
use crate::resource::{Address, Ref, Set};

/// Adds a DNS server to a private subnet.
pub fn add_dns_server(
    blueprint: &mut Blueprint,
    plan: &Plan,
    facts: &Facts,
    onprem: &Network,
    letter: &str,
    zone: usize,
    server: &DnsServer,
) {
    let group = Ref::to(&Address::from("onprem/security-group/dns"));
    let spec = Instance {
        subnet: onprem.tier("private").subnets[zone].clone(),
        private_address: server.address,
        public: false,
        image: facts.linux_image.clone(),
        instance_type: plan.dns.instance_type.clone(),
        security_groups: [group].into_iter().collect(),
        key_pair: None,
        instance_profiles: Set::default(),
        user_data: Some(server.user_data()),
        ..host(plan, plan.dns.volume_gib)
    };
    blueprint.add(&format!("onprem/dns/{letter}"), &format!("STUDIO-ONPREM-DNS-{}", letter.to_uppercase()), spec);
}

/// Adds the app server, with its group, its key pair and the profile by which Systems Manager reaches it.
pub fn add_app_server(blueprint: &mut Blueprint, plan: &Plan, facts: &Facts, onprem: &Network) {
    let app = &plan.app_server;
    let description = "Windows server from which Studio is opened";
    let group = security_group(blueprint, "onprem", "app", description, &onprem.vpc, &app_rules(plan));
    let key_pair = app.public_key.as_ref().map(|public_key| {
        let name = blueprint.lab.key_pair.clone();
        let spec = KeyPair { name: name.clone(), public_key: public_key.clone() };
        blueprint.add("onprem/app/key-pair", &name, spec).output("name")
    });
    let instance_profiles = app.session_manager.then(|| managed_profile(blueprint, plan, facts)).into_iter().collect();
    let spec = Instance {
        subnet: onprem.tier("public").subnets[0].clone(),
        private_address: app.address,
        public: plan.onprem.internet_gateway,
        image: facts.windows_image.clone(),
        instance_type: app.instance_type.clone(),
        security_groups: [group].into_iter().collect(),
        key_pair,
        instance_profiles,
        user_data: Some(String::new()),
        ..host(plan, app.volume_gib)
    };
    blueprint.add("onprem/app", "STUDIO-ONPREM-APP", spec);
}

/// What every host has: metadata by version 2 only, an encrypted volume that goes with it, nothing that holds it back.
fn host(plan: &Plan, volume_gib: u32) -> Instance {
    Instance {
        subnet: Ref::known(""),
        private_address: std::net::Ipv4Addr::UNSPECIFIED,
        public: false,
        image: String::new(),
        instance_type: String::new(),
        security_groups: Set::default(),
        key_pair: None,
        instance_profiles: Set::default(),
        user_data: None,
        metadata: Metadata {
            endpoint: "enabled".into(),
            tokens: "required".into(),
            hop_limit: 1,
            tags: "disabled".into(),
        },
        root_volume: Some(RootVolume {
            size_gib: i32::try_from(volume_gib).unwrap_or(i32::MAX),
            volume_type: "gp3".into(),
            encrypted: true,
            kms_key: plan.kms_key.clone(),
            delete_on_termination: true,
        }),
        source_dest_check: true,
        termination_protection: Some(false),
        running: true,
    }
}

fn app_rules(plan: &Plan) -> Vec<Rule> {
    let rdp = plan.app_server.operator_cidr.map(|operator| Rule {
        direction: Direction::Ingress,
        protocol: Protocol::Tcp,
        ports: Some(Ports { from: 3389, to: 3389 }),
        remote: Remote::Cidr(operator),
        description: Some("RDP from the operator".into()),
    });
    let out = Rule {
        direction: Direction::Egress,
        protocol: Protocol::All,
        ports: None,
        remote: Remote::Cidr(ipnet::Ipv4Net::default()),
        description: Some("To anywhere".into()),
    };
    rdp.into_iter().chain([out]).collect()
}

/// A profile with what Session Manager and Run Command need, and no more.
fn managed_profile(blueprint: &mut Blueprint, plan: &Plan, facts: &Facts) -> Ref<InstanceProfile> {
    let (partition, suffix) = (partition(&facts.region), dns_suffix(&facts.region));
    let name = iam_name(&plan.name, &facts.region, "app");
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": format!("ec2.{suffix}")}, "Action": "sts:AssumeRole"}],
    });
    let role = Role {
        name: name.clone(),
        path: blueprint.lab.path.clone(),
        description: "The app server of a Breezeway lab".into(),
        trust: Policy::new(trust),
        max_session_seconds: 3600,
        permissions_boundary: plan.permissions_boundary.clone(),
    };
    let role = blueprint.add("onprem/app/role", &name, role);
    let policy_arn = format!("arn:{partition}:iam::aws:policy/AmazonSSMManagedInstanceCore");
    let attachment = RolePolicyAttachment { role: role.clone(), policy_arn };
    blueprint.add("onprem/app/role/session-manager", "", attachment);
    let profile = InstanceProfile { name: name.clone(), path: blueprint.lab.path.clone(), role: Some(role) };
    blueprint.add("onprem/app/profile", &name, profile)
}
