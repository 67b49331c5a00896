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
use super::{Ec2, Input, Kind, Operation};
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

/// What AWS publishes month by month.
struct Publication {
    /// The public parameter that names the latest image.
    parameter: &'static str,
    architecture: &'static str,
    windows: bool,
    /// GiB of the root volume.
    size: i64,
}

const WINDOWS: &str = "/aws/service/ami-windows-latest/";

const PUBLICATIONS: &[Publication] = &[
    Publication {
        parameter: "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
        architecture: "arm64",
        windows: false,
        size: 8,
    },
    Publication {
        parameter: "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        architecture: "x86_64",
        windows: false,
        size: 8,
    },
    Publication {
        parameter: "/aws/service/ami-windows-latest/Windows_Server-2019-English-Full-Base",
        architecture: "x86_64",
        windows: true,
        size: 30,
    },
    Publication {
        parameter: "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base",
        architecture: "x86_64",
        windows: true,
        size: 30,
    },
    Publication {
        parameter: "/aws/service/ami-windows-latest/Windows_Server-2025-English-Full-Base",
        architecture: "x86_64",
        windows: true,
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
    pub parameter: &'static str,
    /// The version of the parameter that names it: one more each month.
    pub version: u64,
    pub published: Timestamp,
    pub architecture: &'static str,
    pub windows: bool,
    /// GiB of the root volume.
    pub size: i64,
    pub snapshot_id: String,
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
        let mut dice = Dice::labelled(0, &[region, publication.parameter, &date.to_string()]);
        let months = (i64::from(date.year()) - 2023) * 12 + i64::from(date.month());
        Self {
            id: dice.id(KIND.prefix),
            parameter: publication.parameter,
            version: u64::try_from(months).unwrap_or(0),
            published: date.to_zoned_datetime(TimeZone::UTC).map_or(Timestamp::MIN, |day| day.timestamp()),
            architecture: publication.architecture,
            windows: publication.windows,
            size: publication.size,
            snapshot_id: dice.id("snap"),
            date,
        }
    }

    /// The device of its root volume.
    pub fn root_device_name(&self) -> &'static str {
        if self.windows { "/dev/sda1" } else { "/dev/xvda" }
    }

    /// The volume that an instance of it begins with, unless its launch says otherwise.
    pub fn root_disk(&self) -> Disk {
        Disk {
            size: self.size,
            volume_type: "gp3".into(),
            iops: Some(3000),
            throughput: Some(125),
            encrypted: false,
            kms_key_id: None,
            snapshot_id: Some(self.snapshot_id.clone()),
        }
    }

    fn deprecated(&self) -> Date {
        self.date.saturating_add(if self.windows { Span::new().years(2) } else { Span::new().days(90) })
    }

    fn name(&self) -> String {
        let date = self.date.strftime("%Y.%m.%d");
        match self.parameter.strip_prefix(WINDOWS) {
            Some(name) => format!("{name}-{date}"),
            None => format!("al2023-ami-2023.0.{}-kernel-6.1-{}", self.date.strftime("%Y%m%d"), self.architecture),
        }
    }

    fn view(&self, region: &str) -> Value {
        let owner = match (partition(region), self.windows) {
            ("aws", true) => "801119661308",
            ("aws", false) => "137112412989",
            ("aws-cn", true) => "016951021795",
            ("aws-cn", false) => "141808717104",
            (_, true) => "077303321853",
            (_, false) => "045324592363",
        };
        let name = self.name();
        let mut view = json!({
            "Architecture": self.architecture,
            "BlockDeviceMappings": [{
                "DeviceName": self.root_device_name(),
                "Ebs": {
                    "DeleteOnTermination": true,
                    "Encrypted": false,
                    "Iops": 3000,
                    "SnapshotId": self.snapshot_id,
                    "Throughput": 125,
                    "VolumeSize": self.size,
                    "VolumeType": "gp3",
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
            "PlatformDetails": platform_details(self.windows),
            "ProductCodes": [],
            "Public": true,
            "RootDeviceName": self.root_device_name(),
            "RootDeviceType": "ebs",
            "SriovNetSupport": "simple",
            "State": "available",
            "Tags": [],
            "UsageOperation": usage_operation(self.windows),
            "VirtualizationType": "hvm",
        });
        if self.windows {
            view["Platform"] = json!("windows");
        } else {
            view["BootMode"] = json!(if self.architecture == "arm64" { "uefi" } else { "uefi-preferred" });
            view["ImdsSupport"] = json!("v2.0");
        }
        view
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
        images.into_iter().rfind(|image| image.parameter == parameter).unwrap().id
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
        let linux = json!([{"Name": "name", "Values": ["al2023-ami-*-x86_64"]}]);
        assert_eq!(listed(json!({"Owners": ["amazon"], "Filters": linux})), 3);
        assert_eq!(listed(json!({"Owners": ["137112412989"], "IncludeDeprecated": true, "Filters": linux})), 24);
        assert_eq!(listed(json!({"Owners": ["self"]})), 0);
        assert_eq!(listed(json!({"ExecutableUsers": ["self"]})), 0);
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
