//! Random plans: some bare, some with all that the foundation has.

use std::net::Ipv4Addr;
use std::sync::LazyLock;

use breezeway::plan::{Plan, Source, parse};
use breezeway::sandbox::dials::Dials;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::lab::{by_hand, world};

const KEY: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCspAo0VBR7oGbGvAJLYDy03UEANgADTJcDFFk4EO7uOtAd7WwGKWZTAiKwtygbhjFcbbsvOhOUKwZdWGpEjmsT2+cKOZ8Yhjx4CrOhbmZpV1f6vvXhKb1Dj4qFayJfx4AgLVY+pZ++15Ljf/dOwH/pPsyfaU1mnKNL8eDMr1ovX1Vuou53DVI3AB6fpK1zNf7HLNNHOGU7/6YCQBZULaqXhslyIY3/sQlPVdxD4L/67/mrDoRevtmrJ5j3WQAYHCaSysnPSbfhVz2Y1g3AH+62U9ITD6/qPaP1ZaTC30G9ToalUTDoE8Krk2PO79z5A23bqRI7/sfJDlRzVlOvPX+/";

/// An image for the app server that isn't the one it gets by itself.
static OTHER_IMAGE: LazyLock<String> = LazyLock::new(|| {
    let name = json!({"Name": "/aws/service/ami-windows-latest/Windows_Server-2019-English-Full-Base"});
    let answer = by_hand(&world(0, Dials::default()), "ssm", "GetParameter", name).unwrap();
    answer["Parameter"]["Value"].as_str().unwrap().to_owned()
});

/// A random plan for a lab of this name.
pub fn random(random: &mut ChaCha8Rng, lab: &str) -> Plan {
    // The parts are drawn without regard to each other: those that don't fit are drawn again.
    loop {
        if let Some(plan) = read(text(random, lab)) {
            return plan;
        }
    }
}

fn read(text: String) -> Option<Plan> {
    parse(&Source { name: "random".into(), text }).ok()
}

fn text(random: &mut ChaCha8Rng, lab: &str) -> String {
    let size = *[0, 1, 2, 2].choose(random).unwrap();
    let portal = size > 0 && random.random_bool(0.3);
    let with_domain = portal || size > 0 && random.random_bool(0.4);
    let mut text = format!("name = \"{lab}\"\n");
    if random.random_bool(0.3) {
        text += "[tags]\nteam = \"platform\"\n";
    }
    text += &onprem(random, size);
    text += &studio(random, size, portal, with_domain);
    if random.random_bool(0.15) {
        text += "[peering]\nenabled = false\n";
    }
    text += &access(random, size, portal);
    if with_domain {
        text += &domain(random);
    }
    if portal {
        let days = [1, 30, 3653].choose(random).unwrap();
        text += &format!("[portal]\nenabled = true\nlog_retention_days = {days}\n");
        if random.random_bool(0.3) {
            text += &profiles(random);
        }
    }
    if portal || random.random_bool(0.3) {
        text += sign_in(random);
    }
    if size > 0 {
        let mode = if size == 1 { "dhcp" } else { ["off", "dhcp", "server", "server"].choose(random).unwrap() };
        text += &format!("[dns]\nmode = \"{mode}\"\n");
    }
    if size == 2 && random.random_bool(0.6) {
        text += &app_server(random);
    }
    text
}

fn onprem(random: &mut ChaCha8Rng, size: u8) -> String {
    let cidr = ["192.168.10.0/24", "192.168.0.0/22", "172.20.4.0/23"].choose(random).unwrap();
    let mut text = format!("[onprem]\ncidr = \"{cidr}\"\n");
    if random.random_bool(0.2) {
        text += "dns_hostnames = false\n";
    }
    if size == 2 && random.random_bool(0.8) {
        text += "internet_gateway = true\n";
        if random.random_bool(0.2) {
            text += "nat = true\n";
        }
    }
    if size == 2 && random.random_bool(0.7) {
        text += "gateway_endpoints = [{ service = \"s3\" }]\n";
    }
    if size == 2 && random.random_bool(0.15) {
        text += "endpoints = [{ service = \"ssm\" }]\n";
    }
    text
}

fn studio(random: &mut ChaCha8Rng, size: u8, portal: bool, with_domain: bool) -> String {
    const POLICY: &str = r#"'{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sagemaker:*", "Resource": "*"}]}'"#;
    // SageMaker, EFS and Lambda take any addresses: in small subnets sooner or later one that an endpoint is to have.
    let ranges: &[&str] =
        if with_domain { &["10.16.0.0/16", "10.32.0.0/16"] } else { &["10.16.0.0/16", "10.40.0.0/20", "10.8.8.0/24"] };
    let cidr = ranges.choose(random).unwrap();
    let mut text = format!("[studio]\ncidr = \"{cidr}\"\n");
    if random.random_bool(0.2) {
        text += "dns_hostnames = false\ndns_support = false\n";
    }
    if random.random_bool(0.4) {
        text += &rules(random, "studio");
    }
    if size == 0 {
        return text;
    }
    if random.random_bool(0.4) {
        text += "[[studio.gateway_endpoints]]\nservice = \"s3\"\n";
    }
    if portal {
        text += "[[studio.gateway_endpoints]]\nservice = \"dynamodb\"\n";
    }
    for service in ["studio", "sagemaker.api", "execute-api"] {
        let needed = portal;
        if needed || random.random_bool(0.6) {
            text += &format!("[[studio.endpoints]]\nservice = \"{service}\"\n");
            match random.random_range(0..10) {
                0 | 1 if !needed || service == "execute-api" => text += "private_dns = false\n",
                2..5 => text += "hosted_zone = true\n",
                _ => {}
            }
            if random.random_bool(0.2) {
                text += &format!("policy = {POLICY}\n");
            }
        }
    }
    text
}

fn access(random: &mut ChaCha8Rng, size: u8, portal: bool) -> String {
    if portal {
        let mode = ["source-vpce", "source-vpc"].choose(random).unwrap();
        let more = if random.random_bool(0.2) { "actions = [\"s3:GetObject\"]\n" } else { "" };
        return format!("[access]\nmode = \"{mode}\"\n{more}");
    }
    match random.random_range(0..10) {
        0 | 1 => "[access]\nrole = false\n".to_owned(),
        2 | 3 => "[access]\nactions = [\"s3:GetObject\", \"s3:ListBucket\"]\nmax_session_seconds = 7200\n".to_owned(),
        4 => "[access]\nmode = \"source-ip\"\nsource_ip = [\"203.0.113.0/24\"]\n".to_owned(),
        5 if size > 0 => "[access]\nmode = \"source-vpc\"\n".to_owned(),
        6 | 7 if size > 0 => "[access]\nmode = \"source-vpce\"\n".to_owned(),
        _ => String::new(),
    }
}

fn domain(random: &mut ChaCha8Rng) -> String {
    let users: Vec<_> = ["\"alice\"", "\"Bob\"", "\"carol\""].into_iter().filter(|_| random.random_bool(0.6)).collect();
    let mut text = "[domain]\nenabled = true\n".to_owned();
    if !users.is_empty() {
        text += &format!("users = [{}]\n", users.join(", "));
    }
    if random.random_bool(0.4) {
        text += "home_file_system = true\n";
    }
    text
}

/// For users whom a domain may have.
fn profiles(random: &mut ChaCha8Rng) -> String {
    let user = ["alice", "Bob", "studio-user"].choose(random).unwrap();
    let names = ["ann@corp.example", "b.o_b+1@corp.example", "alice"].into_iter().filter(|_| random.random_bool(0.6));
    let rows: String = names.map(|name| format!("\"{name}\" = \"{user}\"\n")).collect();
    format!("[portal.profiles]\n{rows}")
}

fn sign_in(random: &mut ChaCha8Rng) -> &'static str {
    match random.random_bool(0.9) {
        true => "[sign_in]\nenabled = true\n",
        false => "[sign_in]\nenabled = true\npool = \"us-east-1_AbCdEf123\"\nclient = \"1example23456789\"\n",
    }
}

fn app_server(random: &mut ChaCha8Rng) -> String {
    let mut text = "[app_server]\nenabled = true\n".to_owned();
    if random.random_bool(0.6) {
        text += &format!("public_key = \"{KEY}\"\n");
    }
    if random.random_bool(0.4) {
        text += "operator_cidr = \"203.0.113.7/32\"\n";
    }
    if random.random_bool(0.3) {
        text += "session_manager = false\n";
    }
    if random.random_bool(0.2) {
        text += &format!("image = \"{}\"\n", *OTHER_IMAGE);
    }
    text
}

fn rules(random: &mut ChaCha8Rng, side: &str) -> String {
    const RULES: [&str; 5] = [
        "protocol = \"tcp\"\nports = \"443\"\ncidr = \"192.168.0.0/16\"\n",
        "protocol = \"all\"\ngroup = \"self\"\n",
        "direction = \"egress\"\nprotocol = \"all\"\ncidr = \"0.0.0.0/0\"\n",
        "protocol = \"udp\"\nports = \"1000-2000\"\ncidr = \"10.0.0.0/8\"\ndescription = \"a range\"\n",
        "protocol = \"icmp\"\ncidr = \"10.0.0.0/8\"\n",
    ];
    let picked: Vec<_> = RULES.iter().filter(|_| random.random_bool(0.5)).collect();
    if picked.is_empty() {
        return "rules = []\n".to_owned();
    }
    picked.iter().map(|rule| format!("[[{side}.rules]]\n{rule}")).collect()
}

/// The plan after somebody changed their mind about something.
pub fn changed(random: &mut ChaCha8Rng, before: &Plan) -> Plan {
    loop {
        let other = self::random(random, &before.name);
        let mut plan = before.clone();
        match random.random_range(0..14) {
            0 => plan.onprem = other.onprem,
            1 => plan.studio = other.studio,
            2 => plan.peering = other.peering,
            3 => plan.access = other.access,
            4 => plan.tags = other.tags,
            5 => std::mem::swap(&mut plan.onprem.private.a, &mut plan.onprem.private.b),
            6 => plan.dns = other.dns,
            7 => plan.app_server = other.app_server,
            8 => plan.studio.endpoints = other.studio.endpoints,
            9 => plan.studio.gateway_endpoints = other.studio.gateway_endpoints,
            10 => {
                move_addresses(&mut plan);
                return plan;
            }
            // A home goes only with its domain.
            11 if plan.domain.enabled && other.domain.enabled => plan.domain.users = other.domain.users,
            11 => plan.domain = other.domain,
            12 => plan.portal = other.portal,
            13 => plan.sign_in = other.sign_in,
            _ => plan = other,
        }
        if let Some(plan) = fitted(&plan) {
            return plan;
        }
    }
}

fn move_addresses(plan: &mut Plan) {
    let next = |address: Ipv4Addr| Ipv4Addr::from_bits(address.to_bits() ^ 1);
    plan.dns.resolver.b = next(plan.dns.resolver.b);
    plan.dns.servers.a = next(plan.dns.servers.a);
    plan.app_server.address = next(plan.app_server.address);
}

/// The plan with what follows from its networks and endpoints drawn from them anew; none if it isn't one.
fn fitted(plan: &Plan) -> Option<Plan> {
    let mut file = toml::Table::try_from(plan).unwrap();
    let follow =
        [("dns", ["resolver", "resolver_rules", "servers", "forward"].as_slice()), ("app_server", &["address"])];
    for (section, keys) in follow {
        let section = file[section].as_table_mut().unwrap();
        section.retain(|key, _| !keys.contains(&key));
    }
    read(file.to_string())
}
