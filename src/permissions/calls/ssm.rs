//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html>

use super::When::Always;
use super::{Call, Service, look, named, work};

pub(super) const CALLS: Service = Service { name: "ssm", arn: "ssm:{region}:{account}:", calls: ALL };

/// The record of the lab, and its lock.
const RECORD: &[&str] = &["parameter/breezeway/labs/{lab}/*", "parameter/breezeway/locks/{lab}/*"];
/// The same to read. The locks of all labs together say who shares the account's request rates.
const KEPT: &[&str] = &[
    "parameter/breezeway/labs/{lab}",
    "parameter/breezeway/labs/{lab}/*",
    "parameter/breezeway/locks",
    "parameter/breezeway/locks/*",
];

const ALL: &[Call] = &[
    look("GetParametersByPath", Always, &[named("ssm:GetParametersByPath", KEPT)]),
    // AWS's own, which say what the newest images are.
    look("GetParameter", Always, &[named("ssm:GetParameter", &["=ssm:{region}::parameter{image_parameter}"])]),
    work("PutParameter", Always, &[named("ssm:PutParameter", RECORD), named("ssm:AddTagsToResource", RECORD)]),
    work("DeleteParameters", Always, &[named("ssm:DeleteParameters", RECORD)]),
];
