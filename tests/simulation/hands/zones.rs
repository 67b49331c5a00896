//! Meddling with hosted zones.

use breezeway::sandbox::host::Sandbox;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Hands, of_lab, text, told};
use crate::lab::{REGION, by_hand};
use crate::simulation::life::LAB;

/// How many things there are to do.
pub const DEEDS: u32 = 8;

/// The zones of the lab by id, each with its address.
pub fn zones(sandbox: &Sandbox) -> Vec<(String, String)> {
    let answer = by_hand(sandbox, "route53", "ListHostedZones", json!({})).unwrap_or_default();
    let ours = |zone: &Value| {
        let reference = text(zone, "CallerReference").strip_prefix(&format!("breezeway/{REGION}/{LAB}/"))?;
        let (address, _) = reference.rsplit_once('/')?;
        Some((text(zone, "Id").trim_start_matches("/hostedzone/").to_owned(), address.to_owned()))
    };
    answer["HostedZones"].as_array().into_iter().flatten().filter_map(ours).collect()
}

/// The zones of others.
pub fn foreign(sandbox: &Sandbox) -> Vec<Value> {
    let answer = by_hand(sandbox, "route53", "ListHostedZones", json!({})).unwrap_or_default();
    let zones = answer["HostedZones"].as_array().cloned().unwrap_or_default();
    zones.into_iter().filter(|zone| !text(zone, "CallerReference").starts_with("breezeway/")).collect()
}

/// The record sets of a zone that didn't come with it.
fn records(sandbox: &Sandbox, zone: &str) -> Vec<Value> {
    let answer = by_hand(sandbox, "route53", "ListResourceRecordSets", json!({"HostedZoneId": zone}));
    let sets = answer.unwrap_or_default()["ResourceRecordSets"].as_array().cloned().unwrap_or_default();
    sets.into_iter().filter(|set| !["NS", "SOA"].contains(&text(set, "Type"))).collect()
}

impl Hands {
    pub(super) fn meddle_with_zones(
        &mut self,
        sandbox: &Sandbox,
        random: &mut ChaCha8Rng,
        what: u32,
    ) -> Option<String> {
        let (zone, _) = zones(sandbox).choose(random)?.clone();
        let records = records(sandbox, &zone);
        let record = records.choose(random).cloned();
        let call = |operation: &str, input: Value| told(sandbox, "route53", operation, input);
        let change = |action: &str, sets: &[Value]| {
            let changes: Vec<_> = sets.iter().map(|set| json!({"Action": action, "ResourceRecordSet": set})).collect();
            call("ChangeResourceRecordSets", json!({"HostedZoneId": zone, "ChangeBatch": {"Changes": changes}}))
        };
        let values = json!([{"Value": format!("10.9.9.{}", random.random_range(1..9))}]);
        let address = |name: &str| json!({"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": values});
        let vpc = |vpc: &Value| json!({"HostedZoneId": zone, "VPC": {"VPCRegion": REGION, "VPCId": vpc["VpcId"]}});
        Some(match what {
            0 => change("DELETE", &[record?]),
            1 => change("UPSERT", &[address(text(&record?, "Name"))]),
            2 => {
                let name = by_hand(sandbox, "route53", "GetHostedZone", json!({"Id": zone})).ok()?;
                change("UPSERT", &[address(&format!("mine.{}", text(&name["HostedZone"], "Name")))])
            }
            3 => {
                let emptied = if records.is_empty() { String::new() } else { change("DELETE", &records) };
                emptied + &call("DeleteHostedZone", json!({"Id": zone}))
            }
            4 => call("AssociateVPCWithHostedZone", vpc(of_lab(sandbox, "DescribeVpcs", "Vpcs").choose(random)?)),
            5 => {
                let vpcs = of_lab(sandbox, "DescribeVpcs", "Vpcs");
                let joined = vpcs.iter().map(|one| call("AssociateVPCWithHostedZone", vpc(one))).collect::<String>();
                joined + &call("DisassociateVPCFromHostedZone", vpc(vpcs.choose(random)?))
            }
            6 => call("UpdateHostedZoneComment", json!({"Id": zone, "Comment": "mine"})),
            _ => {
                let keys = ["Name", "breezeway:lab", "breezeway:address"];
                let input = json!({"ResourceType": "hostedzone", "ResourceId": zone, "RemoveTagKeys": keys});
                call("ChangeTagsForResource", input)
            }
        })
    }
}
