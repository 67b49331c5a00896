//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>

use super::When::{Always, Has};
use super::{Call, NEVER, Service, here, look, named, new, work};
use crate::resource::Kind::*;

pub(super) const CALLS: Service = Service { name: "logs", arn: "logs:{region}:{account}:", calls: ALL };

/// What is about tags names a group so, everything else with its streams:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html>.
const TAGGED: &[&str] = &["log-group:{log_group}"];
const GROUPS: &[&str] = &["log-group:{log_group}:*"];

const ALL: &[Call] = &[
    look("DescribeLogGroups", Always, &[here("logs:DescribeLogGroups")]),
    look("ListTagsForResource", Has(&[LogGroup]), &[named("logs:ListTagsForResource", TAGGED)]),
    work("CreateLogGroup", Has(&[LogGroup]), &[new("logs:CreateLogGroup", GROUPS), new("logs:TagResource", TAGGED)]),
    work("PutRetentionPolicy", Has(&[LogGroup]), &[named("logs:PutRetentionPolicy", GROUPS)]),
    // No plan keeps logs for ever.
    work("DeleteRetentionPolicy", NEVER, &[named("logs:DeleteRetentionPolicy", GROUPS)]),
    work("DisassociateKmsKey", Has(&[LogGroup]), &[named("logs:DisassociateKmsKey", GROUPS)]),
    work("PutLogGroupDeletionProtection", Has(&[LogGroup]), &[named("logs:PutLogGroupDeletionProtection", GROUPS)]),
    work("DeleteLogGroup", Has(&[LogGroup]), &[named("logs:DeleteLogGroup", GROUPS)]),
    work("TagResource", Has(&[LogGroup]), &[new("logs:TagResource", TAGGED)]),
];
