//! The images that AWS publishes, with the public parameters that name the latest of each.
//!
//! Nothing of this is state: each image appears anew every month, on the same day everywhere, and its id follows
//! from Region, parameter and month.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use super::filter::Listing;
use super::volume::Disk;
use super::{Ec2, Input, Kind, Operation, invalid, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice, partition};

pub const KIND: Kind = Kind {
    prefix: "ami",
    resource_type: "image",
    label: "image id",
    not_found: "InvalidAMIID.NotFound",
    malformed: "InvalidAMIID.Malformed",
};

pub const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeImages",
    members: &["ImageIds", "Owners", "ExecutableUsers", "IncludeDeprecated", "Filters", "MaxResults", "NextToken"],
    run: Ec2::describe_images,
}];

const LISTING: Listing = Listing {
    ids: Some(("ImageIds", &KIND)),
    result: "Images",
    key: &["ImageId"],
    most: 1000,
    filters: &[
        ("architecture", "Architecture"),
        ("block-device-mapping.delete-on-termination", "BlockDeviceMappings.Ebs.DeleteOnTermination"),
        ("block-device-mapping.device-name", "BlockDeviceMappings.DeviceName"),
        ("block-device-mapping.snapshot-id", "BlockDeviceMappings.Ebs.SnapshotId"),
        ("block-device-mapping.volume-size", "BlockDeviceMappings.Ebs.VolumeSize"),
        ("block-device-mapping.volume-type", "BlockDeviceMappings.Ebs.VolumeType"),
        ("creation-date", "CreationDate"),
        ("description", "Description"),
        ("ena-support", "EnaSupport"),
        ("hypervisor", "Hypervisor"),
        ("image-id", "ImageId"),
        ("image-type", "ImageType"),
        ("is-public", "Public"),
        ("name", "Name"),
        ("owner-alias", "ImageOwnerAlias"),
        ("owner-id", "OwnerId"),
        ("platform", "Platform"),
        ("root-device-name", "RootDeviceName"),
        ("root-device-type", "RootDeviceType"),
        ("state", "State"),
        ("virtualization-type", "VirtualizationType"),
    ],
};

/// What an image runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    AmazonLinux2,
    AmazonLinux2023,
    Windows,
}

impl System {
    /// Where its public parameters are.
    fn path(self) -> &'static str {
        match self {
            System::AmazonLinux2 | System::AmazonLinux2023 => "/aws/service/ami-amazon-linux-latest",
            System::Windows => "/aws/service/ami-windows-latest",
        }
    }
}

/// What AWS publishes month by month.
struct Publication {
    /// The public parameters that name the latest image.
    parameters: &'static [&'static str],
    architecture: &'static str,
    system: System,
    /// GiB of the root volume.
    size: i64,
}

const PUBLICATIONS: &[Publication] = &[
    Publication {
        parameters: &["al2023-ami-kernel-default-arm64", "al2023-ami-kernel-6.1-arm64"],
        architecture: "arm64",
        system: System::AmazonLinux2023,
        size: 8,
    },
    Publication {
        parameters: &["al2023-ami-kernel-default-x86_64", "al2023-ami-kernel-6.1-x86_64"],
        architecture: "x86_64",
        system: System::AmazonLinux2023,
        size: 8,
    },
    Publication {
        parameters: &["al2023-ami-minimal-kernel-default-arm64", "al2023-ami-minimal-kernel-6.1-arm64"],
        architecture: "arm64",
        system: System::AmazonLinux2023,
        size: 2,
    },
    Publication {
        parameters: &["al2023-ami-minimal-kernel-default-x86_64", "al2023-ami-minimal-kernel-6.1-x86_64"],
        architecture: "x86_64",
        system: System::AmazonLinux2023,
        size: 2,
    },
    Publication {
        parameters: &["amzn2-ami-hvm-arm64-gp2"],
        architecture: "arm64",
        system: System::AmazonLinux2,
        size: 8,
    },
    Publication {
        parameters: &["amzn2-ami-hvm-x86_64-gp2"],
        architecture: "x86_64",
        system: System::AmazonLinux2,
        size: 8,
    },
    Publication {
        parameters: &["Windows_Server-2019-English-Full-Base"],
        architecture: "x86_64",
        system: System::Windows,
        size: 30,
    },
    Publication {
        parameters: &["Windows_Server-2022-English-Full-Base"],
        architecture: "x86_64",
        system: System::Windows,
        size: 30,
    },
    Publication {
        parameters: &["Windows_Server-2025-English-Full-Base"],
        architecture: "x86_64",
        system: System::Windows,
        size: 30,
    },
];

/// How many months an image can be launched.
const MONTHS: i64 = 24;
/// The day of the month on which images are published.
const DAY: i64 = 12;

/// A published image.
pub struct Image {
    pub id: String,
    /// The version of the parameters that name it: one more each month.
    pub version: u64,
    pub published: Timestamp,
    pub architecture: &'static str,
    pub system: System,
    /// GiB of the root volume.
    pub size: i64,
    pub snapshot_id: String,
    names: &'static [&'static str],
    date: Date,
}

/// The images that can be launched in a Region, oldest first for each parameter.
pub fn published(region: &str, now: Timestamp) -> Vec<Image> {
    let today = now.to_zoned_datetime(TimeZone::UTC).date();
    let this_month = today.first_of_month();
    let months = (0..=MONTHS).rev().map(|ago| this_month.saturating_sub(Span::new().months(ago)));
    let dates: Vec<Date> =
        months.map(|first| first.saturating_add(Span::new().days(DAY - 1))).filter(|date| *date <= today).collect();
    let of = |publication| dates.iter().map(move |date| Image::new(region, publication, *date));
    PUBLICATIONS.iter().flat_map(of).collect()
}

impl Image {
    fn new(region: &str, publication: &Publication, date: Date) -> Self {
        let Publication { parameters, system, .. } = publication;
        let parameter = format!("{}/{}", system.path(), parameters[0]);
        let mut dice = Dice::labelled(0, &[region, &parameter, &date.to_string()]);
        let months = (i64::from(date.year()) - 2023) * 12 + i64::from(date.month());
        Self {
            id: dice.id(KIND.prefix),
            version: u64::try_from(months).unwrap_or(0),
            published: date.to_zoned_datetime(TimeZone::UTC).map_or(Timestamp::MIN, |day| day.timestamp()),
            architecture: publication.architecture,
            system: *system,
            size: publication.size,
            snapshot_id: dice.id("snap"),
            names: parameters,
            date,
        }
    }

    /// The public parameters that name it, as long as it is the latest.
    pub fn parameters(&self) -> impl Iterator<Item = String> {
        self.names.iter().map(|name| format!("{}/{name}", self.system.path()))
    }

    /// Whether it runs Windows.
    pub fn is_windows(&self) -> bool {
        self.system == System::Windows
    }

    /// Whether its instances refuse requests for metadata that have no token, unless their launch says otherwise.
    pub fn wants_tokens(&self) -> bool {
        self.system == System::AmazonLinux2023
    }

    /// The device of its root volume.
    pub fn root_device_name(&self) -> &'static str {
        if self.is_windows() { "/dev/sda1" } else { "/dev/xvda" }
    }

    /// The volume that an instance of it begins with, unless its launch says otherwise.
    pub fn root_disk(&self) -> Disk {
        let is_gp3 = self.system != System::AmazonLinux2;
        Disk {
            size: self.size,
            volume_type: if is_gp3 { "gp3" } else { "gp2" }.into(),
            iops: is_gp3.then_some(3000),
            throughput: is_gp3.then_some(125),
            encrypted: false,
            kms_key_id: None,
            snapshot_id: Some(self.snapshot_id.clone()),
        }
    }

    fn deprecated(&self) -> Date {
        self.date.saturating_add(if self.is_windows() { Span::new().years(2) } else { Span::new().days(90) })
    }

    fn name(&self) -> String {
        let (name, date) = (self.names[0], self.date.strftime("%Y%m%d"));
        match self.system {
            System::AmazonLinux2 => name.replace("-hvm-", &format!("-hvm-2.0.{date}.0-")),
            System::AmazonLinux2023 => name.replace("kernel-default", &format!("2023.0.{date}-kernel-6.1")),
            System::Windows => format!("{name}-{}", self.date.strftime("%Y.%m.%d")),
        }
    }

    fn view(&self, region: &str) -> Value {
        let owner = match (partition(region), self.is_windows()) {
            ("aws", true) => "801119661308",
            ("aws", false) => "137112412989",
            ("aws-cn", true) => "016951021795",
            ("aws-cn", false) => "141808717104",
            (_, true) => "077303321853",
            (_, false) => "045324592363",
        };
        let (name, disk) = (self.name(), self.root_disk());
        let mut view = json!({
            "Architecture": self.architecture,
            "BlockDeviceMappings": [{
                "DeviceName": self.root_device_name(),
                "Ebs": {
                    "DeleteOnTermination": true,
                    "Encrypted": false,
                    "SnapshotId": self.snapshot_id,
                    "VolumeSize": self.size,
                    "VolumeType": disk.volume_type,
                },
            }],
            "CreationDate": self.date.strftime("%Y-%m-%dT00:00:00.000Z").to_string(),
            "DeprecationTime": self.deprecated().strftime("%Y-%m-%dT00:00:00.000Z").to_string(),
            "Description": name,
            "EnaSupport": true,
            "Hypervisor": "xen",
            "ImageId": self.id,
            "ImageLocation": format!("amazon/{name}"),
            "ImageOwnerAlias": "amazon",
            "ImageType": "machine",
            "Name": name,
            "OwnerId": owner,
            "PlatformDetails": platform_details(self.is_windows()),
            "ProductCodes": [],
            "Public": true,
            "RootDeviceName": self.root_device_name(),
            "RootDeviceType": "ebs",
            "SriovNetSupport": "simple",
            "State": "available",
            "Tags": [],
            "UsageOperation": usage_operation(self.is_windows()),
            "VirtualizationType": "hvm",
        });
        if let Some((iops, throughput)) = disk.iops.zip(disk.throughput) {
            let ebs = &mut view["BlockDeviceMappings"][0]["Ebs"];
            ebs["Iops"] = json!(iops);
            ebs["Throughput"] = json!(throughput);
        }
        if let Some(boot_mode) = self.boot_mode() {
            view["BootMode"] = json!(boot_mode);
        }
        if self.wants_tokens() {
            view["ImdsSupport"] = json!("v2.0");
        }
        if self.is_windows() {
            view["Platform"] = json!("windows");
        }
        view
    }

    /// How it says that its instances boot, if it does.
    pub fn boot_mode(&self) -> Option<&'static str> {
        match (self.system, self.architecture) {
            (System::Windows, _) => None,
            (_, "arm64") => Some("uefi"),
            (System::AmazonLinux2, _) => None,
            (System::AmazonLinux2023, _) => Some("uefi-preferred"),
        }
    }
}

/// How AWS calls what an image runs.
pub fn platform_details(windows: bool) -> &'static str {
    if windows { "Windows" } else { "Linux/UNIX" }
}

/// How AWS bills what an image runs.
pub fn usage_operation(windows: bool) -> &'static str {
    if windows { "RunInstances:0002" } else { "RunInstances" }
}

/// The image with that id.
///
/// # Errors
/// `InvalidAMIID.NotFound`, `InvalidAMIID.Malformed`
pub fn find(region: &str, now: Timestamp, id: &str) -> Result<Image, ApiError> {
    KIND.check(id)?;
    published(region, now).into_iter().find(|image| image.id == id).ok_or_else(|| KIND.missing(id))
}

/// The image that a launch names: by its id, or as `resolve:ssm:` and a public parameter, with `:VERSION` or without.
///
/// # Errors
/// As [`find`]; `InvalidParameterValue` for a parameter that names none.
pub fn resolve(region: &str, now: Timestamp, named: &str) -> Result<Image, ApiError> {
    let Some(wanted) = named.strip_prefix("resolve:ssm:") else { return find(region, now, named) };
    if !wanted.starts_with("/aws/service/") {
        return Err(unsupported("images that an account's own parameters name"));
    }
    let (parameter, version) = wanted.split_once(':').map_or((wanted, None), |(name, version)| (name, Some(version)));
    let images = published(region, now).into_iter();
    let mut images = images.filter(|image| image.parameters().any(|own| own == parameter));
    let image = match version {
        Some(version) => images.find(|image| image.version.to_string() == version),
        None => images.next_back(),
    };
    image.ok_or_else(|| {
        invalid(format!("Value ({named}) for parameter imageId is invalid. There is no such parameter."))
    })
}

impl Ec2 {
    fn describe_images(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let owners = input.texts("Owners");
        let executable = input.texts("ExecutableUsers");
        let with_deprecated = input.flag("IncludeDeprecated") || !input.list("ImageIds").is_empty();
        let today = context.now.to_zoned_datetime(TimeZone::UTC).date();
        let images = published(context.region, context.now).into_iter();
        let images = images.filter(|image| with_deprecated || today < image.deprecated());
        let mut views: Vec<Value> = images.map(|image| image.view(context.region)).collect();
        views.retain(|view| {
            let owned = |owner: &&str| *owner == "amazon" || view["OwnerId"] == **owner;
            (owners.is_empty() || owners.iter().any(owned)) && (executable.is_empty() || executable.contains(&"all"))
        });
        LISTING.answer(input, views)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const AL2023: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

    fn latest(region: &str, parameter: &str, now: &str) -> String {
        let images = published(region, now.parse().unwrap());
        images.into_iter().rfind(|image| image.parameters().any(|own| own == parameter)).unwrap().id
    }

    #[test]
    fn an_image_is_the_same_for_a_month_and_another_in_each_region() {
        let id = latest("us-east-1", AL2023, "2026-01-12T00:00:00Z");
        assert!(id.starts_with("ami-0") && id.len() == 21, "{id}");
        assert_eq!(latest("us-east-1", AL2023, "2026-02-11T23:59:59Z"), id);
        assert_ne!(latest("us-east-1", AL2023, "2026-02-12T00:00:00Z"), id);
        assert_ne!(latest("eu-west-1", AL2023, "2026-01-12T00:00:00Z"), id);
    }

    #[test]
    fn an_older_image_is_found_by_its_id_even_when_lists_leave_it_out() {
        let mut world = Sandbox::new();
        let old = latest("us-east-1", AL2023, "2025-08-20T00:00:00Z");
        let image = world.ok("DescribeImages", json!({"ImageIds": [old]}))["Images"][0].clone();
        assert_eq!(image["Name"], "al2023-ami-2023.0.20250812-kernel-6.1-x86_64");
        assert_eq!(image["DeprecationTime"], "2025-11-10T00:00:00.000Z");
        let mut listed = |input: Value| world.ok("DescribeImages", input)["Images"].as_array().unwrap().len();
        let linux = json!([{"Name": "name", "Values": ["al2023-ami-2023*-x86_64"]}]);
        assert_eq!(listed(json!({"Owners": ["amazon"], "Filters": linux})), 3);
        assert_eq!(listed(json!({"Owners": ["137112412989"], "IncludeDeprecated": true, "Filters": linux})), 24);
        assert_eq!(listed(json!({"Owners": ["self"]})), 0);
        assert_eq!(listed(json!({"ExecutableUsers": ["self"]})), 0);
    }

    #[test]
    fn some_parameters_name_the_same_image_and_others_smaller_or_older_ones() {
        let mut world = Sandbox::new();
        let now = "2026-01-01T00:00:00Z";
        let path = "/aws/service/ami-amazon-linux-latest";
        let kernel = latest("us-east-1", &format!("{path}/al2023-ami-kernel-6.1-x86_64"), now);
        assert_eq!(kernel, latest("us-east-1", AL2023, now));
        let minimal = latest("us-east-1", &format!("{path}/al2023-ami-minimal-kernel-default-x86_64"), now);
        let second = latest("us-east-1", &format!("{path}/amzn2-ami-hvm-x86_64-gp2"), now);
        let mut image = |id: &str| world.ok("DescribeImages", json!({"ImageIds": [id]}))["Images"][0].clone();
        let minimal = image(&minimal);
        assert_eq!(minimal["Name"], "al2023-ami-minimal-2023.0.20251212-kernel-6.1-x86_64");
        assert_eq!(minimal["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"], 2);
        let second = image(&second);
        assert_eq!(second["Name"], "amzn2-ami-hvm-2.0.20251212.0-x86_64-gp2");
        assert_eq!(second["BlockDeviceMappings"][0]["Ebs"]["VolumeType"], "gp2");
        assert_eq!((second.get("ImdsSupport"), second.get("BootMode")), (None, None));
    }

    #[test]
    fn only_a_launch_resolves_parameters() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let launch = |world: &mut Sandbox, parameter: &str| {
            let input = world.launch_input(&subnet, json!({"ImageId": format!("resolve:ssm:{parameter}")}));
            world.call("RunInstances", input).map(|answer| answer["Instances"][0]["ImageId"].clone())
        };
        let id = latest("us-east-1", AL2023, "2026-01-01T00:00:00Z");
        assert_eq!(launch(&mut world, AL2023).unwrap(), id);
        // One more each month since January 2023.
        assert_eq!(launch(&mut world, &format!("{AL2023}:36")).unwrap(), id);
        assert_ne!(launch(&mut world, &format!("{AL2023}:35")).unwrap(), id);
        for (parameter, code) in [
            ("/aws/service/ami-amazon-linux-latest/none", "InvalidParameterValue"),
            (&format!("{AL2023}:99"), "InvalidParameterValue"),
            ("/mine", "NotImplemented"),
        ] {
            assert_eq!(launch(&mut world, parameter).unwrap_err().code, code, "{parameter}");
        }
        let ask = json!({"ImageIds": [format!("resolve:ssm:{AL2023}")]});
        assert_eq!(world.refused("DescribeImages", ask), "InvalidAMIID.Malformed");
    }

    #[test]
    fn a_windows_image_says_so() {
        let mut world = Sandbox::new();
        let filters = json!([
            {"Name": "platform", "Values": ["windows"]},
            {"Name": "name", "Values": ["Windows_Server-2022-English-Full-Base-2025.12*"]},
        ]);
        let images = world.ok("DescribeImages", json!({"Filters": filters}));
        assert_eq!(images["Images"].as_array().unwrap().len(), 1);
        let image = &images["Images"][0];
        assert_eq!((&image["PlatformDetails"], &image["RootDeviceName"]), (&json!("Windows"), &json!("/dev/sda1")));
        assert_eq!(image["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"], 30);
    }

    #[test]
    fn unknown_and_malformed_ids_have_their_own_codes() {
        let mut world = Sandbox::new();
        let ask = |id: &str| json!({"ImageIds": [id]});
        assert_eq!(world.refused("DescribeImages", ask("ami-0123456789abcdef0")), "InvalidAMIID.NotFound");
        assert_eq!(world.refused("DescribeImages", ask("ami-xyz")), "InvalidAMIID.Malformed");
    }
}
