//! Random plans of the kind that there is.

use breezeway::plan::Plan;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::lab::plan;

/// A random plan for a lab of this name.
pub fn random(random: &mut ChaCha8Rng, lab: &str) -> Plan {
    let onprem = ["192.168.10.0/24", "192.168.0.0/22", "172.20.4.0/23"].choose(random).unwrap();
    let studio = ["10.16.0.0/16", "10.40.0.0/20", "10.8.8.0/24"].choose(random).unwrap();
    let mut text = format!("name = \"{lab}\"\n");
    if random.random_bool(0.3) {
        text += "[tags]\nteam = \"platform\"\n";
    }
    text += &format!("[onprem]\ncidr = \"{onprem}\"\n");
    if random.random_bool(0.2) {
        text += "dns_hostnames = false\n";
    }
    text += &format!("[studio]\ncidr = \"{studio}\"\n");
    if random.random_bool(0.2) {
        text += "dns_hostnames = false\ndns_support = false\n";
    }
    if random.random_bool(0.4) {
        text += &rules(random, "studio");
    }
    if random.random_bool(0.15) {
        text += "[peering]\nenabled = false\n";
    }
    if random.random_bool(0.2) {
        text += "[access]\nrole = false\n";
    } else if random.random_bool(0.3) {
        text += "[access]\nactions = [\"s3:GetObject\", \"s3:ListBucket\"]\nmax_session_seconds = 7200\n";
    }
    plan(&text)
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
    let other = self::random(random, &before.name);
    let mut plan = before.clone();
    match random.random_range(0..7) {
        0 => plan.onprem = other.onprem,
        1 => plan.studio = other.studio,
        2 => plan.peering = other.peering,
        3 => plan.access = other.access,
        4 => plan.tags = other.tags,
        5 => std::mem::swap(&mut plan.onprem.private.a, &mut plan.onprem.private.b),
        _ => plan = other,
    }
    plan
}
