//! Instance types, and where they are offered.

use serde_json::{Value, json};

use super::super::filter::Listing;
use super::super::zones::{self, Zone};
use super::super::{Ec2, Input, Operation, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DescribeInstanceTypeOfferings",
        members: &["LocationType", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_instance_type_offerings,
    },
    Operation {
        name: "DescribeInstanceTypes",
        members: &["InstanceTypes", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_instance_types,
    },
];

const OFFERINGS: Listing = Listing {
    ids: None,
    result: "InstanceTypeOfferings",
    key: &["InstanceType", "Location"],
    most: 1000,
    filters: &[("instance-type", "InstanceType"), ("location", "Location")],
};

const LISTING: Listing = Listing {
    ids: None,
    result: "InstanceTypes",
    key: &["InstanceType"],
    most: 100,
    filters: &[
        ("bare-metal", "BareMetal"),
        ("burstable-performance-supported", "BurstablePerformanceSupported"),
        ("current-generation", "CurrentGeneration"),
        ("free-tier-eligible", "FreeTierEligible"),
        ("hypervisor", "Hypervisor"),
        ("instance-storage-supported", "InstanceStorageSupported"),
        ("instance-type", "InstanceType"),
        ("memory-info.size-in-mib", "MemoryInfo.SizeInMiB"),
        ("network-info.ena-support", "NetworkInfo.EnaSupport"),
        ("network-info.ipv4-addresses-per-interface", "NetworkInfo.Ipv4AddressesPerInterface"),
        ("network-info.ipv6-addresses-per-interface", "NetworkInfo.Ipv6AddressesPerInterface"),
        ("network-info.ipv6-supported", "NetworkInfo.Ipv6Supported"),
        ("network-info.maximum-network-cards", "NetworkInfo.MaximumNetworkCards"),
        ("network-info.maximum-network-interfaces", "NetworkInfo.MaximumNetworkInterfaces"),
        ("network-info.network-performance", "NetworkInfo.NetworkPerformance"),
        ("processor-info.supported-architecture", "ProcessorInfo.SupportedArchitectures"),
        ("supported-root-device-type", "SupportedRootDeviceTypes"),
        ("supported-usage-class", "SupportedUsageClasses"),
        ("supported-virtualization-type", "SupportedVirtualizationTypes"),
        ("vcpu-info.default-cores", "VCpuInfo.DefaultCores"),
        ("vcpu-info.default-threads-per-core", "VCpuInfo.DefaultThreadsPerCore"),
        ("vcpu-info.default-vcpus", "VCpuInfo.DefaultVCpus"),
    ],
};

const SMALL: &[&str] = &["nano", "micro", "small", "medium", "large", "xlarge", "2xlarge"];
const LARGE: &[&str] = &["large", "xlarge", "2xlarge", "4xlarge"];

/// Instance types that are called alike.
struct Family {
    name: &'static str,
    architecture: &'static str,
    sizes: &'static [&'static str],
    /// In AWS's words.
    network: &'static str,
}

/// <https://docs.aws.amazon.com/ec2/latest/instancetypes/>
const FAMILIES: &[Family] = &[
    Family { name: "c5", architecture: "x86_64", sizes: LARGE, network: "Up to 10 Gigabit" },
    Family { name: "c6g", architecture: "arm64", sizes: LARGE, network: "Up to 10 Gigabit" },
    Family { name: "c6i", architecture: "x86_64", sizes: LARGE, network: "Up to 12.5 Gigabit" },
    Family { name: "c7g", architecture: "arm64", sizes: LARGE, network: "Up to 12.5 Gigabit" },
    Family { name: "c7i", architecture: "x86_64", sizes: LARGE, network: "Up to 12.5 Gigabit" },
    Family { name: "m1", architecture: "x86_64", sizes: &["small"], network: "Low" },
    Family { name: "m5", architecture: "x86_64", sizes: LARGE, network: "Up to 10 Gigabit" },
    Family { name: "m5a", architecture: "x86_64", sizes: LARGE, network: "Up to 10 Gigabit" },
    Family { name: "m6g", architecture: "arm64", sizes: LARGE, network: "Up to 10 Gigabit" },
    Family { name: "m6i", architecture: "x86_64", sizes: LARGE, network: "Up to 12.5 Gigabit" },
    Family { name: "m7g", architecture: "arm64", sizes: LARGE, network: "Up to 12.5 Gigabit" },
    Family { name: "m7i", architecture: "x86_64", sizes: LARGE, network: "Up to 12.5 Gigabit" },
    Family { name: "r5", architecture: "x86_64", sizes: LARGE, network: "Up to 10 Gigabit" },
    Family { name: "r6g", architecture: "arm64", sizes: LARGE, network: "Up to 10 Gigabit" },
    Family { name: "r6i", architecture: "x86_64", sizes: LARGE, network: "Up to 12.5 Gigabit" },
    Family { name: "t2", architecture: "x86_64", sizes: SMALL, network: "Low to Moderate" },
    Family { name: "t3", architecture: "x86_64", sizes: SMALL, network: "Up to 5 Gigabit" },
    Family { name: "t3a", architecture: "x86_64", sizes: SMALL, network: "Up to 5 Gigabit" },
    Family { name: "t4g", architecture: "arm64", sizes: SMALL, network: "Up to 5 Gigabit" },
];

/// The families that the third zone of a Region doesn't have; real ones differ from zone to zone like this.
const NOT_IN_THIRD_ZONE: &[&str] = &["m5a", "t3a"];
/// Families of before Nitro: one thread on each core, no ENA.
const ON_XEN: &[&str] = &["m1", "t2"];

/// An instance type.
pub struct InstanceType {
    pub name: String,
    family: &'static Family,
    size: &'static str,
    pub architecture: &'static str,
    pub vcpus: usize,
}

/// Every instance type that the world knows.
fn all() -> impl Iterator<Item = InstanceType> {
    FAMILIES.iter().flat_map(|family| {
        family.sizes.iter().map(move |size| InstanceType {
            name: format!("{}.{size}", family.name),
            family,
            size,
            architecture: family.architecture,
            vcpus: match *size {
                "xlarge" => 4,
                "2xlarge" => 8,
                "4xlarge" => 16,
                "nano" | "micro" | "small" if ON_XEN.contains(&family.name) => 1,
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
        if NOT_IN_THIRD_ZONE.contains(&self.family.name) {
            zones.truncate(2);
        }
        zones
    }

    /// Whether it runs on the Nitro system.
    pub fn is_nitro(&self) -> bool {
        !ON_XEN.contains(&self.family.name)
    }

    /// MiB of memory.
    fn memory(&self) -> usize {
        let per_vcpu = match self.family.name {
            name if name.starts_with('c') => 2048,
            name if name.starts_with('r') => 8192,
            _ => 4096,
        };
        match (self.family.name, self.size) {
            ("m1", _) => 1740,
            (_, "nano") => 512,
            (_, "micro") => 1024,
            (_, "small") => 2048,
            (_, "medium") => 4096,
            _ => self.vcpus * per_vcpu,
        }
    }

    /// Network interfaces, and IPv4 addresses of each.
    fn interfaces(&self) -> (usize, usize) {
        let burstable = self.is_burstable();
        match (self.family.name, self.size) {
            ("m1", _) => (2, 4),
            ("t3a", "small") => (2, 4),
            ("t2", "xlarge" | "2xlarge") => (3, 15),
            (_, "nano" | "micro") => (2, 2),
            (_, "small") => (3, 4),
            (_, "medium") => (3, 6),
            (_, "large") if burstable => (3, 12),
            (_, "large") => (3, 10),
            (_, "4xlarge") => (8, 30),
            _ => (4, 15),
        }
    }

    /// In AWS's words; the largest of some families have more than the others.
    fn network_performance(&self) -> &'static str {
        match (self.family.name, self.size) {
            ("t2", "xlarge" | "2xlarge") => "Moderate",
            ("c7g" | "m7g", "2xlarge" | "4xlarge") => "Up to 15 Gigabit",
            _ => self.family.network,
        }
    }

    fn manufacturer(&self) -> &'static str {
        match self.family.name {
            _ if self.architecture == "arm64" => "AWS",
            name if name.ends_with('a') => "AMD",
            _ => "Intel",
        }
    }

    fn view(&self) -> Value {
        let (is_nitro, is_free) = (self.is_nitro(), ["t2.micro", "t3.micro"].contains(&self.name.as_str()));
        let threads = if is_nitro && self.architecture == "x86_64" { 2 } else { 1 };
        let (interfaces, addresses) = self.interfaces();
        let card = json!({
            "MaximumNetworkInterfaces": interfaces,
            "NetworkCardIndex": 0,
            "NetworkPerformance": self.network_performance(),
        });
        let architectures: &[&str] = if is_nitro { &[self.architecture] } else { &["i386", "x86_64"] };
        json!({
            "AutoRecoverySupported": true,
            "BareMetal": false,
            "BurstablePerformanceSupported": self.is_burstable(),
            "CurrentGeneration": self.family.name != "m1",
            "FreeTierEligible": is_free,
            "Hypervisor": if is_nitro { "nitro" } else { "xen" },
            "InstanceStorageSupported": self.family.name == "m1",
            "InstanceType": self.name,
            "MemoryInfo": {"SizeInMiB": self.memory()},
            "NetworkInfo": {
                "DefaultNetworkCardIndex": 0,
                "EfaSupported": false,
                "EnaSupport": if is_nitro { "required" } else { "unsupported" },
                "Ipv4AddressesPerInterface": addresses,
                "Ipv6AddressesPerInterface": if self.family.name == "m1" { 0 } else { addresses },
                "Ipv6Supported": self.family.name != "m1",
                "MaximumNetworkCards": 1,
                "MaximumNetworkInterfaces": interfaces,
                "NetworkCards": [card],
                "NetworkPerformance": self.network_performance(),
            },
            "ProcessorInfo": {"Manufacturer": self.manufacturer(), "SupportedArchitectures": architectures},
            "SupportedRootDeviceTypes": ["ebs"],
            "SupportedUsageClasses": ["on-demand", "spot"],
            "SupportedVirtualizationTypes": ["hvm"],
            "VCpuInfo": {
                "DefaultCores": self.vcpus / threads,
                "DefaultThreadsPerCore": threads,
                "DefaultVCpus": self.vcpus,
            },
        })
    }

    /// Whether it earns CPU credits.
    pub fn is_burstable(&self) -> bool {
        self.family.name.starts_with('t')
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
        OFFERINGS.answer(input, offerings.collect())
    }

    fn describe_instance_types(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let names = input.texts("InstanceTypes");
        let wanted: Vec<InstanceType> = match names.as_slice() {
            [] => all().collect(),
            names => names.iter().map(|name| find(name)).collect::<Result<_, _>>()?,
        };
        LISTING.answer(input, wanted.iter().map(InstanceType::view).collect())
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
    fn a_type_says_what_it_has() {
        let mut world = Sandbox::new();
        let mut describe =
            |name: &str| world.ok("DescribeInstanceTypes", json!({"InstanceTypes": [name]}))["InstanceTypes"][0].take();
        for (name, vcpus, cores, memory, interfaces, addresses, architecture, hypervisor) in [
            ("t2.micro", 1, 1, 1024, 2, 2, "x86_64", "xen"),
            ("t3.medium", 2, 1, 4096, 3, 6, "x86_64", "nitro"),
            ("t4g.2xlarge", 8, 8, 32_768, 4, 15, "arm64", "nitro"),
            ("m5.large", 2, 1, 8192, 3, 10, "x86_64", "nitro"),
            ("r6g.4xlarge", 16, 16, 131_072, 8, 30, "arm64", "nitro"),
            ("c7i.xlarge", 4, 2, 8192, 4, 15, "x86_64", "nitro"),
            ("m1.small", 1, 1, 1740, 2, 4, "x86_64", "xen"),
        ] {
            let shown = describe(name);
            assert_eq!(shown["VCpuInfo"]["DefaultVCpus"], vcpus, "{name}");
            assert_eq!(shown["VCpuInfo"]["DefaultCores"], cores, "{name}");
            assert_eq!(shown["MemoryInfo"]["SizeInMiB"], memory, "{name}");
            assert_eq!(shown["NetworkInfo"]["MaximumNetworkInterfaces"], interfaces, "{name}");
            assert_eq!(shown["NetworkInfo"]["Ipv4AddressesPerInterface"], addresses, "{name}");
            let architectures = shown["ProcessorInfo"]["SupportedArchitectures"].as_array().unwrap();
            assert_eq!(architectures.last().unwrap(), architecture, "{name}");
            assert_eq!(shown["Hypervisor"], hypervisor, "{name}");
        }
        let small = json!([
            {"Name": "memory-info.size-in-mib", "Values": ["512"]},
            {"Name": "processor-info.supported-architecture", "Values": ["arm64"]},
        ]);
        let found = world.ok("DescribeInstanceTypes", json!({"Filters": small}))["InstanceTypes"].take();
        assert_eq!((found.as_array().unwrap().len(), &found[0]["InstanceType"]), (1, &json!("t4g.nano")));
    }

    #[test]
    fn a_launch_that_names_no_type_gets_the_oldest_small_one() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let mut input = world.launch_input(&subnet, json!({}));
        input.as_object_mut().unwrap().remove("InstanceType");
        assert_eq!(world.ok("RunInstances", input)["Instances"][0]["InstanceType"], "m1.small");
    }
}
