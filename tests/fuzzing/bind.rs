//! A host's user data, with the configuration of a DNS server in it or nothing of the kind.

use breezeway::model::bind::{named_conf, read};

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let network = "192.168.10.0/26".parse().expect("a range");
    let _ = read(&text, network);
    if let Some(config) = named_conf(&text) {
        let _ = read(&config, network);
    }
}
