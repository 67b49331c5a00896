//! What lookups depend on of hosted zones, as the evaluators take it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use jiff::Timestamp;

use super::Route53;
use super::name::as_asked;
use super::record::RecordSet;
use super::zone::HostedZone;
use crate::model::names::PrivateZone;

/// Aliases that lead to aliases end here.
const MOST_ALIASES: usize = 8;

/// The addresses that the internet's servers have for a name.
pub type Published<'a> = dyn Fn(&str) -> BTreeSet<Ipv4Addr> + 'a;

impl Route53 {
    /// The zones that a VPC's resolver answers from.
    pub fn private_zones(
        &self,
        now: Timestamp,
        region: &str,
        vpc_id: &str,
        published: &Published<'_>,
    ) -> Vec<PrivateZone> {
        let zone = |(id, zone): (&String, &HostedZone)| {
            let association = zone.vpcs.iter().find(|vpc| vpc.is_of(region, vpc_id))?;
            let unusable = (association.in_sync > now).then(|| "isn't in sync yet".to_owned());
            Some(zone.as_asked(id, unusable, published))
        };
        self.zones.iter().filter_map(zone).collect()
    }
}

impl HostedZone {
    fn as_asked(&self, id: &str, unusable: Option<String>, published: &Published<'_>) -> PrivateZone {
        let mut zone = PrivateZone {
            owner: id.to_owned(),
            zone: as_asked(&self.name),
            records: Default::default(),
            cnames: Default::default(),
            unusable,
            unknown: None,
        };
        for set in &self.records {
            let name = as_asked(&set.name);
            match set.resource_records.first().filter(|_| set.kind == "CNAME") {
                Some(target) => _ = zone.cnames.insert(name, target.value.clone()),
                // A name that has other records only exists, without an address.
                None => zone.records.entry(name).or_default().extend(self.addresses(id, set, published, MOST_ALIASES)),
            }
        }
        zone
    }

    fn addresses(&self, id: &str, set: &RecordSet, published: &Published<'_>, left: usize) -> BTreeSet<Ipv4Addr> {
        if set.kind != "A" || left == 0 {
            return BTreeSet::new();
        }
        let Some(target) = &set.alias_target else {
            return set.resource_records.iter().filter_map(|record| record.value.parse().ok()).collect();
        };
        if target.hosted_zone_id != id {
            return published(&as_asked(&target.dns_name));
        }
        let target = self.records.iter().find(|own| own.name == target.dns_name && own.kind == set.kind);
        target.map(|target| self.addresses(id, target, published, left - 1)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;
    use crate::model::names::Answer;

    /// What a host of the VPC gets.
    fn ask(world: &Sandbox, name: &str) -> Answer {
        world.stage.world.look_up(world.stage.now, &world.vpc, name).unwrap().lookup.answer
    }

    fn addresses(answer: &Answer) -> Vec<String> {
        match answer {
            Answer::Private { addresses, .. } => addresses.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_hosts_resolver_answers_from_the_vpcs_zones() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        world
            .change(&zone, json!([upsert("www.corp.example", "10.0.0.9"), upsert("*.dev.corp.example", "10.0.0.8")]))
            .unwrap();
        assert_eq!(ask(&world, "www.corp.example"), Answer::Public, "the zone isn't in sync yet");
        world.wait(60);
        assert_eq!(addresses(&ask(&world, "WWW.corp.example.")), ["10.0.0.9"]);
        assert_eq!(addresses(&ask(&world, "a.dev.corp.example")), ["10.0.0.8"]);
        assert_eq!(ask(&world, "example.org"), Answer::Public);
    }

    #[test]
    fn a_zone_without_a_matching_record_doesnt_fall_through() {
        let mut world = Sandbox::new();
        world.zone("amazonaws.com");
        world.wait(60);
        assert!(matches!(ask(&world, "sts.us-east-1.amazonaws.com"), Answer::NotFound(_)));
        assert!(matches!(ask(&world, "amazonaws.com"), Answer::NotFound(_)), "the apex has no address");
    }

    #[test]
    fn another_vpc_doesnt_know_the_zone() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        world.change(&zone, json!([upsert("www.corp.example", "10.0.0.9")])).unwrap();
        world.wait(60);
        let (here, there) = (world.vpc.clone(), world.new_vpc("10.1.0.0/16"));
        world.new_subnet(&there, "10.1.0.0/24");
        let input = json!({"HostedZoneId": zone, "VPC": {"VPCRegion": "us-east-1", "VPCId": there}});
        world.vpc = there;
        assert_eq!(ask(&world, "www.corp.example"), Answer::Public);
        world.ok("AssociateVPCWithHostedZone", input);
        world.wait(60);
        assert_eq!(addresses(&ask(&world, "www.corp.example")), ["10.0.0.9"]);
        world.vpc = here;
        assert_eq!(addresses(&ask(&world, "www.corp.example")), ["10.0.0.9"]);
    }

    #[test]
    fn an_alias_to_an_endpoint_has_the_endpoints_addresses() {
        let mut world = Sandbox::new();
        let zone = world.zone("lambda.us-east-1.amazonaws.com");
        let endpoint = world.endpoint(false);
        let entry = &endpoint["DnsEntries"][0];
        let apex = alias("lambda.us-east-1.amazonaws.com", &entry["HostedZoneId"], &entry["DnsName"]);
        let wild = alias("*.lambda.us-east-1.amazonaws.com", &json!(zone), &json!("lambda.us-east-1.amazonaws.com"));
        world.change(&zone, json!([apex, wild])).unwrap();
        world.wait(60);
        let by_endpoint = addresses(&ask(&world, entry["DnsName"].as_str().unwrap()));
        assert_eq!(by_endpoint.len(), 1);
        assert_eq!(addresses(&ask(&world, "lambda.us-east-1.amazonaws.com")), by_endpoint);
        assert_eq!(addresses(&ask(&world, "x.lambda.us-east-1.amazonaws.com")), by_endpoint);
    }

    #[test]
    fn a_cname_leads_on_even_to_what_the_internet_knows() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        let endpoint = world.endpoint(false);
        let target = &endpoint["DnsEntries"][0]["DnsName"];
        let set =
            json!({"Name": "api.corp.example", "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": target}]});
        world.change(&zone, json!([{"Action": "CREATE", "ResourceRecordSet": set}])).unwrap();
        world.wait(60);
        let by_endpoint = ask(&world, target.as_str().unwrap());
        assert_eq!(addresses(&ask(&world, "api.corp.example")), addresses(&by_endpoint));
    }
}
