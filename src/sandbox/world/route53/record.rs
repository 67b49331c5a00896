//! Record sets.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::{ApiError, bare, invalid_input, name, unsupported};
use crate::sandbox::world::ec2::endpoint_zone_id;

/// All records of one name and type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RecordSet {
    pub name: String,
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(rename = "TTL", default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_records: Vec<Record>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias_target: Option<AliasTarget>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Record {
    pub value: String,
}

/// What else answers for the name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AliasTarget {
    pub hosted_zone_id: String,
    #[serde(rename = "DNSName")]
    pub dns_name: String,
    pub evaluate_target_health: bool,
}

impl RecordSet {
    /// What a zone has that was just made. Private zones all have the same name servers, which nobody can ask.
    ///
    /// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/SOA-NSrecords.html>
    pub fn of_new_zone(zone: &str) -> Vec<Self> {
        let servers = [(0, "com"), (512, "net"), (1024, "org"), (1536, "co.uk")];
        let servers = servers.map(|(number, domain)| format!("ns-{number}.awsdns-00.{domain}."));
        let soa = format!("{} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", servers[3]);
        let own = |kind: &str, ttl: i64, values: &[String]| Self {
            name: zone.to_owned(),
            kind: kind.to_owned(),
            ttl: Some(ttl),
            resource_records: values.iter().map(|value| Record { value: value.clone() }).collect(),
            alias_target: None,
        };
        vec![own("NS", 172_800, &servers), own("SOA", 900, &[soa])]
    }

    /// Whether every zone of that name has it.
    pub fn comes_with(&self, zone: &str) -> bool {
        self.name == zone && ["NS", "SOA"].contains(&self.kind.as_str())
    }

    /// Whether they are of one name and type.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.kind == other.kind
    }

    /// Whether they say the same, in whatever order.
    pub fn says_same(&self, other: &Self) -> bool {
        let values = |set: &Self| set.resource_records.iter().cloned().collect::<BTreeSet<_>>();
        self.ttl == other.ttl && values(self) == values(other) && self.alias_target == other.alias_target
    }

    /// The set as it is kept.
    ///
    /// # Errors
    /// `InvalidInput`, `InvalidDomainName`: it is neither records nor an alias, or its names are none.
    pub fn canonical(mut self, action: &str) -> Result<Self, ApiError> {
        self.name = name::canonical(&self.name)?;
        let has_records = self.ttl.is_some() && !self.resource_records.is_empty();
        let has_some = self.ttl.is_some() || !self.resource_records.is_empty();
        let found = match (&self.alias_target, has_records, has_some) {
            (Some(_), _, true) => "more than one",
            (None, false, _) => "none",
            _ => "",
        };
        if !found.is_empty() {
            return Err(invalid_input(format!(
                "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or \
                 TrafficPolicyInstanceId], but found {found} in Change with [Action={action}, Name={}, Type={}, \
                 SetIdentifier=null]",
                self.name, self.kind
            )));
        }
        if let Some(target) = &mut self.alias_target {
            target.dns_name = name::canonical(&target.dns_name)?;
            target.hosted_zone_id = bare(&target.hosted_zone_id).to_owned();
        }
        Ok(self)
    }

    /// What is wrong with the values, if anything is.
    pub fn fault(&self) -> Option<String> {
        let mut seen = BTreeSet::new();
        let values = || self.resource_records.iter().map(|record| &record.value);
        if let Some(value) = values().find(|value| !seen.insert(*value)) {
            return Some(format!("Duplicate Resource Record: '{value}'"));
        }
        let illegal = |problem: &str, value: &str| {
            format!("Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''")
        };
        match self.kind.as_str() {
            "A" => {
                let wrong = values().find(|value| value.parse::<Ipv4Addr>().is_err());
                wrong.map(|value| illegal("ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)", value))
            }
            "AAAA" => {
                let wrong = values().find(|value| value.parse::<Ipv6Addr>().is_err());
                wrong.map(|value| illegal("AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)", value))
            }
            "CNAME" if values().count() > 1 => Some("CNAME records can't have more than one value".to_owned()),
            "CNAME" => {
                let wrong = values().find(|value| name::canonical(value).is_err());
                wrong.map(|value| illegal("DomainNameIllegal (Value is not a valid domain name)", value))
            }
            _ => None,
        }
    }

    /// What is wrong with where an alias leads, if anything is.
    ///
    /// # Errors
    /// `NotImplemented`: it leads to neither the zone itself nor an interface endpoint.
    pub fn alias_fault(&self, zone_id: &str, zone: &str, records: &[Self]) -> Result<Option<String>, ApiError> {
        let Some(AliasTarget { hosted_zone_id, dns_name, .. }) = &self.alias_target else { return Ok(None) };
        let fault = |why: &str| {
            let kind = &self.kind;
            Some(format!(
                "Tried to create an alias that targets {dns_name}, type {kind} in zone {hosted_zone_id}, but {why}"
            ))
        };
        let outside = "the alias target name does not lie within the target zone";
        if hosted_zone_id == zone_id {
            let is_there = records.iter().any(|other| other.name == *dns_name && other.kind == self.kind);
            return Ok(match name::is_within(dns_name, zone) {
                false => fault(outside),
                true if !is_there => fault("that target was not found"),
                true => None,
            });
        }
        let labels: Vec<&str> = dns_name.split('.').collect();
        let region = labels.windows(2).find(|pair| pair[1] == "vpce").map(|pair| pair[0]);
        let region = region.ok_or_else(|| unsupported(&format!("an alias to {dns_name}")))?;
        Ok(if *hosted_zone_id == endpoint_zone_id(region) { None } else { fault(outside) })
    }
}
