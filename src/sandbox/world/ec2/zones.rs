//! Regions and their availability zones.

use serde_json::{Value, json};

use super::filter::retain_matching;
use super::{Ec2, Input, Operation, invalid};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, partition};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DescribeAvailabilityZones",
        members: &["ZoneNames", "ZoneIds", "AllAvailabilityZones", "Filters"],
        run: Ec2::describe_availability_zones,
    },
    Operation {
        name: "DescribeRegions",
        members: &["RegionNames", "AllRegions", "Filters"],
        run: Ec2::describe_regions,
    },
];

/// Each Region with the prefix of its zone ids, the letters of its zones and what AWS calls it in words.
const REGIONS: &[(&str, &str, &str, &str)] = &[
    ("ap-east-1", "ape1", "abc", "Asia Pacific (Hong Kong)"),
    ("ap-northeast-1", "apne1", "acd", "Asia Pacific (Tokyo)"),
    ("ap-northeast-2", "apne2", "abc", "Asia Pacific (Seoul)"),
    ("ap-northeast-3", "apne3", "abc", "Asia Pacific (Osaka)"),
    ("ap-south-1", "aps1", "abc", "Asia Pacific (Mumbai)"),
    ("ap-south-2", "aps2", "abc", "Asia Pacific (Hyderabad)"),
    ("ap-southeast-1", "apse1", "abc", "Asia Pacific (Singapore)"),
    ("ap-southeast-2", "apse2", "abc", "Asia Pacific (Sydney)"),
    ("ap-southeast-3", "apse3", "abc", "Asia Pacific (Jakarta)"),
    ("ap-southeast-4", "apse4", "abc", "Asia Pacific (Melbourne)"),
    ("ca-central-1", "cac1", "abd", "Canada (Central)"),
    ("ca-west-1", "caw1", "abc", "Canada West (Calgary)"),
    ("cn-north-1", "cnn1", "abd", "China (Beijing)"),
    ("cn-northwest-1", "cnnw1", "abc", "China (Ningxia)"),
    ("eu-central-1", "euc1", "abc", "Europe (Frankfurt)"),
    ("eu-central-2", "euc2", "abc", "Europe (Zurich)"),
    ("eu-north-1", "eun1", "abc", "Europe (Stockholm)"),
    ("eu-south-1", "eus1", "abc", "Europe (Milan)"),
    ("eu-south-2", "eus2", "abc", "Europe (Spain)"),
    ("eu-west-1", "euw1", "abc", "Europe (Ireland)"),
    ("eu-west-2", "euw2", "abc", "Europe (London)"),
    ("eu-west-3", "euw3", "abc", "Europe (Paris)"),
    ("il-central-1", "ilc1", "abc", "Israel (Tel Aviv)"),
    ("me-central-1", "mec1", "abc", "Middle East (UAE)"),
    ("me-south-1", "mes1", "abc", "Middle East (Bahrain)"),
    ("sa-east-1", "sae1", "abc", "South America (Sao Paulo)"),
    ("us-east-1", "use1", "abc", "US East (N. Virginia)"),
    ("us-east-2", "use2", "abc", "US East (Ohio)"),
    ("us-gov-east-1", "usge1", "abc", "AWS GovCloud (US-East)"),
    ("us-gov-west-1", "usgw1", "abc", "AWS GovCloud (US-West)"),
    ("us-west-1", "usw1", "ac", "US West (N. California)"),
    ("us-west-2", "usw2", "abc", "US West (Oregon)"),
];

/// An availability zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// `us-east-1a`
    pub name: String,
    /// `use1-az1`
    pub id: String,
}

/// Whether a Region of this name exists.
pub fn is_region(name: &str) -> bool {
    REGIONS.iter().any(|(region, ..)| *region == name)
}

/// All Regions of all partitions, each with what AWS calls it in words.
pub fn regions() -> impl Iterator<Item = (&'static str, &'static str)> {
    REGIONS.iter().map(|(name, .., words)| (*name, *words))
}

/// The zones of a Region, by name; none if there is no such Region.
pub fn of(region: &str) -> Vec<Zone> {
    let Some((name, prefix, letters, _)) = REGIONS.iter().find(|(name, ..)| *name == region) else { return Vec::new() };
    let zone = |(number, letter)| Zone { name: format!("{name}{letter}"), id: format!("{prefix}-az{number}") };
    (1..).zip(letters.chars()).map(zone).collect()
}

impl Ec2 {
    fn describe_availability_zones(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let zones = of(context.region);
        let (names, ids) = (input.texts("ZoneNames"), input.texts("ZoneIds"));
        let unknown = names.iter().find(|name| !zones.iter().any(|zone| zone.name == **name));
        let unknown = unknown.or(ids.iter().find(|id| !zones.iter().any(|zone| zone.id == **id)));
        if let Some(unknown) = unknown {
            return Err(invalid(format!("Invalid availability zone: [{unknown}]")));
        }
        let wanted = |zone: &&Zone| {
            (names.is_empty() || names.contains(&zone.name.as_str()))
                && (ids.is_empty() || ids.contains(&zone.id.as_str()))
        };
        let view = |zone: &Zone| {
            json!({
                "GroupName": format!("{}-zg-1", context.region),
                "Messages": [],
                "NetworkBorderGroup": context.region,
                "OptInStatus": "opt-in-not-required",
                "RegionName": context.region,
                "State": "available",
                "ZoneId": zone.id,
                "ZoneName": zone.name,
                "ZoneType": "availability-zone",
            })
        };
        let mut views: Vec<Value> = zones.iter().filter(wanted).map(view).collect();
        let filters = [
            ("group-name", "GroupName"),
            ("message", "Messages.Message"),
            ("network-border-group", "NetworkBorderGroup"),
            ("opt-in-status", "OptInStatus"),
            ("parent-zone-id", "ParentZoneId"),
            ("parent-zone-name", "ParentZoneName"),
            ("region-name", "RegionName"),
            ("state", "State"),
            ("zone-id", "ZoneId"),
            ("zone-name", "ZoneName"),
            ("zone-type", "ZoneType"),
        ];
        retain_matching(&mut views, input, &filters)?;
        Ok(json!({"AvailabilityZones": views}))
    }

    fn describe_regions(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let own = context.partition();
        let regions: Vec<&str> = REGIONS.iter().map(|(name, ..)| *name).filter(|name| partition(name) == own).collect();
        let names = input.texts("RegionNames");
        if let Some(unknown) = names.iter().find(|name| !regions.contains(*name)) {
            return Err(invalid(format!("Invalid region names: [{unknown}]")));
        }
        let suffix = context.dns_suffix();
        let view = |name: &&str| {
            json!({
                "Endpoint": format!("ec2.{name}.{suffix}"),
                "OptInStatus": "opt-in-not-required",
                "RegionName": name,
            })
        };
        let wanted = regions.iter().filter(|name| names.is_empty() || names.contains(*name));
        let mut views: Vec<Value> = wanted.map(view).collect();
        let filters = [("endpoint", "Endpoint"), ("opt-in-status", "OptInStatus"), ("region-name", "RegionName")];
        retain_matching(&mut views, input, &filters)?;
        Ok(json!({"Regions": views}))
    }
}

/// The zone that a call names by name or id; `None` if it names none.
pub fn named(region: &str, input: Input<'_>) -> Result<Option<Zone>, ApiError> {
    let (parameter, wanted, spelling): (_, _, fn(&Zone) -> &str) =
        match (input.text("AvailabilityZone"), input.text("AvailabilityZoneId")) {
            (None, None) => return Ok(None),
            (Some(name), None) => ("availabilityZone", name, |zone| &zone.name),
            (None, Some(id)) => ("availabilityZoneId", id, |zone| &zone.id),
            (Some(_), Some(_)) => {
                let message = "The parameter availabilityZone cannot be used with the parameter availabilityZoneId";
                return Err(ApiError::new("InvalidParameterCombination", message));
            }
        };
    let zones = of(region);
    if let Some(zone) = zones.iter().find(|zone| spelling(zone) == wanted) {
        return Ok(Some(zone.clone()));
    }
    let possible: Vec<&str> = zones.iter().map(spelling).collect();
    Err(invalid(format!(
        "Value ({wanted}) for parameter {parameter} is invalid. \
         Subnets can currently only be created in the following availability zones: {}.",
        possible.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn zones_are_those_of_the_region() {
        let mut world = Sandbox::new();
        let zones = world.ok("DescribeAvailabilityZones", json!({"ZoneNames": ["us-east-1b"]}));
        assert_eq!(zones["AvailabilityZones"][0]["ZoneId"], "use1-az2");
        let unknown = json!({"ZoneNames": ["us-east-1z"]});
        assert_eq!(world.refused("DescribeAvailabilityZones", unknown), "InvalidParameterValue");
        let tokyo = world.in_region("ap-northeast-1", "DescribeAvailabilityZones", json!({})).unwrap();
        let names: Vec<_> =
            tokyo["AvailabilityZones"].as_array().unwrap().iter().map(|zone| &zone["ZoneName"]).collect();
        assert_eq!(names, ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]);
    }

    #[test]
    fn regions_are_those_of_the_partition() {
        let mut world = Sandbox::new();
        let china = world.in_region("cn-north-1", "DescribeRegions", json!({})).unwrap();
        assert_eq!(china["Regions"].as_array().unwrap().len(), 2);
        assert_eq!(china["Regions"][0]["Endpoint"], "ec2.cn-north-1.amazonaws.com.cn");
        assert_eq!(world.refused("DescribeRegions", json!({"RegionNames": ["cn-north-1"]})), "InvalidParameterValue");
        assert_eq!(world.in_region("mars-1", "DescribeVpcs", json!({})).unwrap_err().code, "AuthFailure");
    }
}
