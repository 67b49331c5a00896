//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticfilesystem.html>

use super::When::{Always, If as When};
use super::ec2::NO_TAG;
use super::{Call, If, Service, here, look, named, ours, wide, work};

pub(super) const CALLS: Service =
    Service { name: "elasticfilesystem", arn: "elasticfilesystem:{region}:{account}:", calls: ALL };

const HOMES: &str = "SageMaker makes the file system of a domain without the lab's tag. It gets it so that it is found when the \
                     domain is gone.";

const ALL: &[Call] = &[
    look("DescribeFileSystems", Always, &[here("elasticfilesystem:DescribeFileSystems")]),
    look(
        "DescribeMountTargets",
        When(|lab| lab.homes()),
        &[named("elasticfilesystem:DescribeMountTargets", &["file-system/*"])],
    ),
    work(
        "TagResource",
        When(|lab| lab.homes()),
        &[wide("elasticfilesystem:TagResource", &["file-system/*"], If::OfDomain, HOMES)],
    ),
    // Its network interface goes in the caller's name: <https://docs.aws.amazon.com/efs/latest/ug/API_DeleteMountTarget.html>.
    work(
        "DeleteMountTarget",
        When(|lab| lab.homes()),
        &[
            ours("elasticfilesystem:DeleteMountTarget", &["file-system/*"]),
            wide("ec2:DeleteNetworkInterface", &["=ec2:{region}:{account}:network-interface/*"], If::Named, NO_TAG),
        ],
    ),
    work(
        "DeleteFileSystem",
        When(|lab| lab.homes()),
        &[ours("elasticfilesystem:DeleteFileSystem", &["file-system/*"])],
    ),
];
