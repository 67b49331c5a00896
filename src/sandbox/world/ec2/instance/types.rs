//! Instance types, and where they are offered.

use serde_json::{Value, json};

use super::super::filter::Listing;
use super::super::zones::{self, Zone};
use super::super::{Ec2, Input, Operation, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

pub const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeInstanceTypeOfferings",
    members: &["LocationType", "Filters", "MaxResults", "NextToken"],
    run: Ec2::describe_instance_type_offerings,
}];

const LISTING: Listing = Listing {
    ids: None,
    result: "InstanceTypeOfferings",
    key: &["InstanceType", "Location"],
    most: 1000,
    filters: &[("instance-type", "InstanceType"), ("location", "Location")],
};

const SMALL: &[&str] = &["nano", "micro", "small", "medium", "large", "xlarge", "2xlarge"];
const LARGE: &[&str] = &["large", "xlarge", "2xlarge", "4xlarge"];

/// Each family with its architecture and its sizes.
const FAMILIES: &[(&str, &str, &[&str])] = &[
    ("c5", "x86_64", LARGE),
    ("c6g", "arm64", LARGE),
    ("c6i", "x86_64", LARGE),
    ("c7g", "arm64", LARGE),
    ("c7i", "x86_64", LARGE),
    ("m5", "x86_64", LARGE),
    ("m5a", "x86_64", LARGE),
    ("m6g", "arm64", LARGE),
    ("m6i", "x86_64", LARGE),
    ("m7g", "arm64", LARGE),
    ("m7i", "x86_64", LARGE),
    ("r5", "x86_64", LARGE),
    ("r6g", "arm64", LARGE),
    ("r6i", "x86_64", LARGE),
    ("t3", "x86_64", SMALL),
    ("t3a", "x86_64", SMALL),
    ("t4g", "arm64", SMALL),
];

/// The families that the third zone of a Region doesn't have; real ones differ from zone to zone like this.
const NOT_IN_THIRD_ZONE: &[&str] = &["m5a", "t3a"];

/// An instance type.
pub struct InstanceType {
    pub name: String,
    family: &'static str,
    pub architecture: &'static str,
    pub vcpus: usize,
}

/// Every instance type that the world knows.
fn all() -> impl Iterator<Item = InstanceType> {
    FAMILIES.iter().flat_map(|(family, architecture, sizes)| {
        sizes.iter().map(move |size| InstanceType {
            name: format!("{family}.{size}"),
            family,
            architecture,
            vcpus: match *size {
                "xlarge" => 4,
                "2xlarge" => 8,
                "4xlarge" => 16,
                _ => 2,
            },
        })
    })
}

/// The type of that name.
///
/// # Errors
/// `NotImplemented` for one that only AWS knows: the wire has refused what nobody does.
pub fn find(name: &str) -> Result<InstanceType, ApiError> {
    all().find(|known| known.name == name).ok_or_else(|| unsupported(&format!("the instance type {name}")))
}

impl InstanceType {
    /// The zones of a Region that offer it.
    pub fn zones(&self, region: &str) -> Vec<Zone> {
        let mut zones = zones::of(region);
        if NOT_IN_THIRD_ZONE.contains(&self.family) {
            zones.truncate(2);
        }
        zones
    }

    /// Whether it earns CPU credits.
    pub fn is_burstable(&self) -> bool {
        self.family.starts_with('t')
    }
}

impl Ec2 {
    fn describe_instance_type_offerings(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let location_type = input.text("LocationType").unwrap_or("region");
        let locations = |instance_type: &InstanceType| -> Vec<String> {
            let zones = instance_type.zones(context.region).into_iter();
            match location_type {
                "availability-zone" => zones.map(|zone| zone.name).collect(),
                "availability-zone-id" => zones.map(|zone| zone.id).collect(),
                "region" => vec![context.region.to_owned()],
                _ => Vec::new(),
            }
        };
        let offerings = all().flat_map(|instance_type| {
            let offering = |location| {
                json!({"InstanceType": instance_type.name, "Location": location, "LocationType": location_type})
            };
            locations(&instance_type).into_iter().map(offering).collect::<Vec<Value>>()
        });
        let mut offerings: Vec<Value> = offerings.collect();
        let key = |offering: &Value| {
            [&offering["InstanceType"], &offering["Location"]].map(|it| it.as_str().map(str::to_owned))
        };
        offerings.sort_by_key(key);
        LISTING.answer(input, offerings)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::*;
    use super::*;

    fn offerings(world: &mut Sandbox, location_type: &str, instance_type: &str) -> Vec<String> {
        let filters = json!([{"Name": "instance-type", "Values": [instance_type]}]);
        let input = json!({"LocationType": location_type, "Filters": filters});
        let offerings = world.ok("DescribeInstanceTypeOfferings", input)["InstanceTypeOfferings"].take();
        offerings.as_array().unwrap().iter().map(|one| one["Location"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_type_is_offered_in_a_region_and_in_some_of_its_zones() {
        let mut world = Sandbox::new();
        assert_eq!(offerings(&mut world, "region", "t3a.medium"), ["us-east-1"]);
        assert_eq!(offerings(&mut world, "availability-zone", "t3a.medium"), ["us-east-1a", "us-east-1b"]);
        assert_eq!(offerings(&mut world, "availability-zone-id", "t3.medium"), ["use1-az1", "use1-az2", "use1-az3"]);
        assert!(offerings(&mut world, "region", "t9.medium").is_empty());
    }

    #[test]
    fn offerings_come_in_pages_that_together_hold_each_once() {
        let mut world = Sandbox::new();
        let all = world.ok("DescribeInstanceTypeOfferings", json!({"LocationType": "availability-zone"}));
        let mut found = Vec::new();
        let mut input = json!({"LocationType": "availability-zone", "MaxResults": 100});
        loop {
            let page = world.ok("DescribeInstanceTypeOfferings", input.clone());
            found.extend(page["InstanceTypeOfferings"].as_array().unwrap().clone());
            let Some(token) = page.get("NextToken") else { break };
            input["NextToken"] = token.clone();
        }
        assert_eq!(json!(found), all["InstanceTypeOfferings"]);
    }
}
