//! EFS in one account and Region: file systems and their mount targets.
//!
//! A mount target is one of EC2's network interfaces. File systems are the account's own, or SageMaker's homes for
//! Studio domains.

mod file_system;
mod mount_target;
mod tags;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ec2::Ec2;
use super::{Context, not_implemented, read};
use crate::sandbox::api::{Answer, ApiError, Call};
use file_system::FileSystem;
use mount_target::MountTarget;
pub use mount_target::Place;
pub use tags::Tags;

/// As many things a list call shows at most, whatever it is asked for.
const PAGE: usize = 100;

/// EFS in one account and Region: file systems and their mount targets, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ElasticFileSystem {
    file_systems: BTreeMap<String, FileSystem>,
    mount_targets: BTreeMap<String, MountTarget>,
}

impl ElasticFileSystem {
    /// Answers a call.
    ///
    /// # Errors
    /// The refusal, after which the caller must restore both states as they were.
    pub fn handle(&mut self, context: &mut Context<'_>, ec2: &mut Ec2, call: &Call) -> Answer {
        match call.operation.as_str() {
            "CreateFileSystem" => self.create_file_system(context, read(call)?),
            "DescribeFileSystems" => self.describe_file_systems(context, read(call)?),
            "UpdateFileSystem" => self.update_file_system(context, read(call)?),
            "DeleteFileSystem" => self.delete_file_system(context, read(call)?),
            "CreateMountTarget" => self.create_mount_target(context, ec2, read(call)?),
            "DescribeMountTargets" => self.describe_mount_targets(context, read(call)?),
            "DeleteMountTarget" => self.delete_mount_target(context, read(call)?),
            "DescribeMountTargetSecurityGroups" => self.describe_groups(ec2, read(call)?),
            "ModifyMountTargetSecurityGroups" => self.modify_groups(ec2, read(call)?),
            "TagResource" => self.tag_resource(context, read(call)?),
            "UntagResource" => self.untag_resource(context, read(call)?),
            "ListTagsForResource" => self.list_tags(context, read(call)?),
            _ => Err(not_implemented(call, "the operation")),
        }
    }

    /// Lets happen what is due by now: what was deleted goes, a mount target with its network interface.
    pub fn settle(&mut self, ec2: &mut Ec2, now: Timestamp) {
        let gone = self.mount_targets.extract_if(.., |_, target| target.is_gone(now));
        for (_, target) in gone {
            ec2.remove_network_interface(&target.network_interface_id);
        }
        self.file_systems.retain(|_, file_system| !file_system.is_gone(now));
    }

    /// What stands of what was made here.
    pub fn standing(&self) -> Value {
        json!(self)
    }
}

/// An answer with a page of views, which are in the order of their member `key`.
///
/// # Errors
/// As [`cut`].
fn page(result: &str, key: &str, mut views: Vec<Value>, most: Option<usize>, marker: Option<&str>) -> Answer {
    let next = cut(&mut views, key, most, marker)?;
    let mut answer = json!({result: views});
    if let Some(marker) = marker {
        answer["Marker"] = json!(marker);
    }
    if let Some(next) = next {
        answer["NextMarker"] = json!(next);
    }
    Ok(answer)
}

/// Cuts views, which are in the order of their member `key`, down to a page. Returns the marker of the next.
///
/// # Errors
/// `BadRequest` for a marker that no page ended with.
fn cut(
    views: &mut Vec<Value>,
    key: &str,
    most: Option<usize>,
    marker: Option<&str>,
) -> Result<Option<String>, ApiError> {
    if let Some(marker) = marker {
        let last = BASE64_STANDARD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let last = last.ok_or_else(|| bad_request("The specified marker is invalid."))?;
        views.retain(|view| view[key].as_str() > Some(last.as_str()));
    }
    let most = most.unwrap_or(PAGE).min(PAGE);
    let more = views.len() > most;
    views.truncate(most);
    let last = views.last().and_then(|view| view[key].as_str()).filter(|_| more);
    Ok(last.map(|last| BASE64_STANDARD.encode(last)))
}

fn bad_request(message: impl Into<String>) -> ApiError {
    ApiError::new("BadRequest", message)
}
