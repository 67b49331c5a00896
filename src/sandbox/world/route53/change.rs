//! Changes of record sets, all of a batch or none, and how far they got.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::listing::{page, page_size};
use super::name::{self, is_within, sort_key};
use super::record::RecordSet;
use super::zone::HostedZone;
use super::{ApiError, Route53, bare, invalid_input};
use crate::sandbox::api::Answer;
use crate::sandbox::world::durations::ZONE_CHANGE;
use crate::sandbox::world::{Context, later};

/// Records in one batch; one that is replaced counts twice.
const BATCH: usize = 1000;
/// Record sets on one page, at most.
const PAGE: usize = 300;
/// How long a change is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24 * 30);

/// A change that was submitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    at: Timestamp,
    in_sync: Timestamp,
    comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ChangeRecordSets {
    hosted_zone_id: String,
    change_batch: Batch,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Batch {
    comment: Option<String>,
    changes: Vec<Change>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Change {
    action: String,
    resource_record_set: RecordSet,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListRecordSets {
    hosted_zone_id: String,
    start_record_name: Option<String>,
    start_record_type: Option<String>,
    max_items: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetChange {
    id: String,
}

impl Submitted {
    fn view(&self, id: &str, now: Timestamp) -> Value {
        let status = if self.in_sync > now { "PENDING" } else { "INSYNC" };
        let mut view = json!({"Id": format!("/change/{id}"), "Status": status, "SubmittedAt": self.at});
        if let Some(comment) = &self.comment {
            view["Comment"] = json!(comment);
        }
        view
    }
}

impl HostedZone {
    /// Applies a change.
    ///
    /// # Errors
    /// What is wrong with it.
    fn change(&mut self, action: &str, set: RecordSet) -> Result<(), String> {
        let (zone, RecordSet { name, kind, .. }) = (&self.name, &set);
        let at = self.records.iter().position(|own| own.is_same(&set));
        let described = || format!("resource record set [name='{name}', type='{kind}']");
        match (action, at) {
            ("DELETE", None) => Err(format!("Tried to delete {} but it was not found", described())),
            ("DELETE", Some(at)) if !self.records[at].says_same(&set) => {
                Err(format!("Tried to delete {} but the values provided do not match the current values", described()))
            }
            ("DELETE", Some(_)) if set.comes_with(zone) && kind == "NS" => {
                Err("A HostedZone must contain at least one NS record for the zone itself.".to_owned())
            }
            ("DELETE", Some(_)) if set.comes_with(zone) => {
                Err("A HostedZone must contain exactly one SOA record.".to_owned())
            }
            ("DELETE", Some(at)) => {
                self.records.remove(at);
                Ok(())
            }
            ("CREATE", Some(_)) => Err(format!("Tried to create {} but it already exists", described())),
            (_, at) => {
                self.check_place(&set)?;
                match at {
                    Some(at) => self.records[at] = set,
                    None => self.records.push(set),
                }
                Ok(())
            }
        }
    }

    /// Whether a set may be where it wants to be.
    fn check_place(&self, set: &RecordSet) -> Result<(), String> {
        let (zone, RecordSet { name, kind, .. }) = (&self.name, set);
        if !is_within(name, zone) {
            return Err(format!("RRSet with DNS name {name} is not permitted in zone {zone}"));
        }
        if kind == "CNAME" && name == zone {
            return Err(format!("RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone}"));
        }
        let beside = self.records.iter().find(|own| own.name == *name && own.kind != *kind);
        if let Some(other) = beside.filter(|other| kind == "CNAME" || other.kind == "CNAME") {
            return Err(format!(
                "RRSet of type {kind} with DNS name {name} is not permitted because a conflicting RRSet of type {} \
                 with the same DNS name already exists in zone {zone}",
                other.kind
            ));
        }
        set.fault().map_or(Ok(()), Err)
    }
}

impl Route53 {
    /// Notes a change; returns what is answered about it and when everybody will know of it.
    pub(super) fn submit(&mut self, context: &mut Context<'_>, comment: Option<String>) -> (Value, Timestamp) {
        self.changes.retain(|_, change| later(change.at, REMEMBERED) > context.now);
        let id = format!("C{}", context.dice.string(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 20));
        let in_sync = context.due(ZONE_CHANGE);
        let change = Submitted { at: context.now, in_sync, comment };
        let view = change.view(&id, context.now);
        self.changes.insert(id, change);
        (view, in_sync)
    }

    pub(super) fn get_change(&self, context: &Context<'_>, request: GetChange) -> Answer {
        let id = bare(&request.id);
        let missing = || ApiError::new("NoSuchChange", format!("Could not find resource with ID: {id}"));
        let change = self.changes.get(id).ok_or_else(missing)?;
        Ok(json!({"ChangeInfo": change.view(id, context.now)}))
    }

    pub(super) fn change_record_sets(&mut self, context: &mut Context<'_>, request: ChangeRecordSets) -> Answer {
        let ChangeRecordSets { hosted_zone_id, change_batch: Batch { comment, changes } } = request;
        let zone = self.zone_mut(&hosted_zone_id)?;
        let weight = |change: &Change| {
            let records = change.resource_record_set.resource_records.len().max(1);
            if change.action == "UPSERT" { 2 * records } else { records }
        };
        let mut faults = Vec::new();
        if changes.iter().map(weight).sum::<usize>() > BATCH {
            faults.push(format!("Number of records limit of {BATCH} exceeded."));
        }
        let mut aliases = Vec::new();
        for Change { action, resource_record_set } in changes {
            let set = resource_record_set.canonical(&action)?;
            aliases.extend((action != "DELETE").then(|| set.clone()));
            faults.extend(zone.change(&action, set).err());
        }
        // An alias may lead to what the same batch makes after it.
        for alias in aliases {
            faults.extend(alias.alias_fault(bare(&hosted_zone_id), &zone.name, &zone.records)?);
        }
        if !faults.is_empty() {
            return Err(ApiError::new("InvalidChangeBatch", format!("[{}]", faults.join(", "))));
        }
        let (change, _) = self.submit(context, comment);
        Ok(json!({"ChangeInfo": change}))
    }

    pub(super) fn list_record_sets(&self, request: ListRecordSets) -> Answer {
        let size = page_size(request.max_items.as_deref(), PAGE)?;
        let start_name = request.start_record_name.as_deref().map(name::canonical).transpose()?;
        let start_type = request.start_record_type.as_deref();
        if start_type.is_some() && start_name.is_none() {
            return Err(invalid_input("A record type can be specified only together with a record name."));
        }
        fn key<'a>(name: &'a str, kind: &'a str) -> (Vec<&'a str>, &'a str) {
            (sort_key(name), kind)
        }
        let mut sets: Vec<&RecordSet> = self.zone(&request.hosted_zone_id)?.records.iter().collect();
        sets.sort_by_key(|set| key(&set.name, &set.kind));
        let start = start_name.as_deref().map(|name| key(name, start_type.unwrap_or_default()));
        let is_before = |set: &&RecordSet| start.as_ref().is_some_and(|start| key(&set.name, &set.kind) < *start);
        let (page, next) = page(sets, size, is_before);
        let mut answer =
            json!({"ResourceRecordSets": page, "IsTruncated": next.is_some(), "MaxItems": size.to_string()});
        if let Some(next) = next {
            (answer["NextRecordName"], answer["NextRecordType"]) = (json!(next.name), json!(next.kind));
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn act(action: &str, name: &str, kind: &str, value: &str) -> Value {
        let set = json!({"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]});
        json!({"Action": action, "ResourceRecordSet": set})
    }

    /// The sentences of a refused batch.
    fn refused(world: &mut Sandbox, zone: &str, changes: Value) -> String {
        let before = world.standing();
        let refusal = world.change(zone, changes).unwrap_err();
        assert_eq!(refusal.code, "InvalidChangeBatch", "{}", refusal.message);
        assert_eq!(world.standing(), before);
        refusal.message
    }

    fn listed(world: &mut Sandbox, input: Value) -> Vec<(String, String)> {
        let answer = world.ok("ListResourceRecordSets", input);
        let sets = answer["ResourceRecordSets"].as_array().unwrap();
        sets.iter().map(|set| (text(&set["Name"]), text(&set["Type"]))).collect()
    }

    #[test]
    fn record_sets_are_created_replaced_and_deleted() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        let (www, other) = (act("CREATE", "www.corp.example", "A", "10.0.0.9"), "10.0.0.10");
        world.change(&zone, json!([www])).unwrap();
        assert!(refused(&mut world, &zone, json!([www])).contains(
            "Tried to create resource record set [name='www.corp.example.', type='A'] but it already exists"
        ));
        world.change(&zone, json!([act("UPSERT", "WWW.corp.example.", "A", other)])).unwrap();
        let stale = act("DELETE", "www.corp.example", "A", "10.0.0.9");
        assert!(refused(&mut world, &zone, json!([stale])).contains("do not match the current values"));
        let current = act("DELETE", "www.corp.example", "A", other);
        world.change(&zone, json!([current])).unwrap();
        assert!(
            refused(&mut world, &zone, json!([current])).contains(
                "Tried to delete resource record set [name='www.corp.example.', type='A'] but it was not found"
            )
        );
    }

    #[test]
    fn a_batch_is_applied_whole_or_not_at_all() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        let batch = json!([
            act("CREATE", "a.corp.example", "A", "10.0.0.9"),
            act("DELETE", "b.corp.example", "A", "10.0.0.9"),
            act("CREATE", "c.other.example", "A", "10.0.0.9"),
        ]);
        let message = refused(&mut world, &zone, batch);
        assert!(message.contains("b.corp.example.") && message.contains("c.other.example."), "{message}");
        let swap = json!([
            act("CREATE", "a.corp.example", "A", "10.0.0.9"),
            act("DELETE", "a.corp.example", "A", "10.0.0.9"),
            act("CREATE", "a.corp.example", "A", "10.0.0.10"),
        ]);
        world.change(&zone, swap).unwrap();
    }

    #[test]
    fn record_sets_that_cannot_be_are_refused() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        world.change(&zone, json!([act("CREATE", "alias.corp.example", "CNAME", "www.corp.example")])).unwrap();
        for (change, why) in [
            (act("CREATE", "www.other.example", "A", "10.0.0.9"), "is not permitted in zone corp.example."),
            (act("CREATE", "corp.example", "CNAME", "a.example"), "is not permitted at apex"),
            (act("CREATE", "alias.corp.example", "A", "10.0.0.9"), "conflicting RRSet of type CNAME"),
            (act("CREATE", "www.corp.example", "A", "10.0.0"), "not a valid IPv4 address"),
            (act("CREATE", "www.corp.example", "AAAA", "10.0.0.9"), "not a valid IPv6 address"),
        ] {
            let message = refused(&mut world, &zone, json!([change]));
            assert!(message.contains(why), "{message}");
        }
        let mut twice = act("CREATE", "www.corp.example", "A", "10.0.0.9");
        twice["ResourceRecordSet"]["ResourceRecords"] = json!([{"Value": "10.0.0.9"}, {"Value": "10.0.0.9"}]);
        assert!(refused(&mut world, &zone, json!([twice])).contains("Duplicate Resource Record"));
    }

    #[test]
    fn the_zones_own_records_stay() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        let own = world.ok("ListResourceRecordSets", json!({"HostedZoneId": zone}))["ResourceRecordSets"].take();
        for (set, why) in own.as_array().unwrap().iter().zip(["at least one NS", "exactly one SOA"]) {
            let change = json!([{"Action": "DELETE", "ResourceRecordSet": set}]);
            assert!(refused(&mut world, &zone, change).contains(why));
        }
    }

    #[test]
    fn a_set_is_records_or_an_alias() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        let mut both = act("CREATE", "www.corp.example", "A", "10.0.0.9");
        both["ResourceRecordSet"]["AliasTarget"] =
            json!({"HostedZoneId": zone, "DNSName": "a.corp.example", "EvaluateTargetHealth": false});
        let neither = json!({"Action": "CREATE", "ResourceRecordSet": {"Name": "www.corp.example", "Type": "A"}});
        for change in [both, neither] {
            assert_eq!(world.change(&zone, json!([change])).unwrap_err().code, "InvalidInput");
        }
    }

    #[test]
    fn an_alias_leads_to_an_endpoint_or_into_the_zone() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        let endpoint = world.endpoint(false)["DnsEntries"][0].take();
        let alias = |zone: &Value, target: &Value| alias("api.corp.example", zone, target);
        world.change(&zone, json!([alias(&endpoint["HostedZoneId"], &endpoint["DnsName"])])).unwrap();
        let message = refused(&mut world, &zone, json!([alias(&json!("Z1"), &endpoint["DnsName"])]));
        assert!(message.contains("does not lie within the target zone"), "{message}");
        let own = json!(zone);
        let message = refused(&mut world, &zone, json!([alias(&own, &json!("www.corp.example"))]));
        assert!(message.contains("that target was not found"), "{message}");
        let both = json!([alias(&own, &json!("www.corp.example")), upsert("www.corp.example", "10.0.0.9")]);
        world.change(&zone, both).unwrap();
        let strange = world.change(&zone, json!([alias(&json!("Z1"), &json!("d1.cloudfront.net"))])).unwrap_err();
        assert_eq!(strange.code, "NotImplemented");
    }

    #[test]
    fn routing_policies_are_refused_by_name() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        let mut weighted = act("CREATE", "www.corp.example", "A", "10.0.0.9");
        weighted["ResourceRecordSet"]["SetIdentifier"] = json!("blue");
        let refusal = world.change(&zone, json!([weighted])).unwrap_err();
        assert!(refusal.code == "NotImplemented" && refusal.message.contains("SetIdentifier"));
    }

    #[test]
    fn record_sets_are_listed_in_order_by_page() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        world
            .change(&zone, json!([upsert("b.corp.example", "10.0.0.9"), upsert("*.corp.example", "10.0.0.9")]))
            .unwrap();
        let of = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
        let first = json!({"HostedZoneId": zone, "MaxItems": "3"});
        let (apex, wildcard) = ("corp.example.", "\\052.corp.example.");
        assert_eq!(listed(&mut world, first.clone()), [of(apex, "NS"), of(apex, "SOA"), of(wildcard, "A")]);
        let page = world.ok("ListResourceRecordSets", first);
        let (name, kind) = (&page["NextRecordName"], &page["NextRecordType"]);
        let rest = json!({"HostedZoneId": zone, "StartRecordName": name, "StartRecordType": kind});
        assert_eq!(listed(&mut world, rest), [of("b.corp.example.", "A")]);
    }

    #[test]
    fn a_change_is_pending_until_everybody_knows_of_it() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        let change = world.change(&zone, json!([upsert("www.corp.example", "10.0.0.9")])).unwrap()["ChangeInfo"].take();
        assert_eq!(change["Status"], "PENDING");
        world.wait(60);
        let id = text(&change["Id"]);
        for id in [id.as_str(), id.trim_start_matches("/change/")] {
            assert_eq!(world.ok("GetChange", json!({"Id": id}))["ChangeInfo"]["Status"], "INSYNC");
        }
        assert_eq!(world.refused("GetChange", json!({"Id": "C1"})), "NoSuchChange");
    }
}
