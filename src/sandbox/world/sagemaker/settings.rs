//! The settings of users and spaces. They are kept as they are given; the world understands the role, the groups and
//! where apps run.

use serde_json::{Map, Value};

use super::invalid;
use crate::sandbox::api::ApiError;
use crate::sandbox::world::Context;
use crate::sandbox::world::ec2::Ec2;

/// UserSettings, DefaultSpaceSettings, SpaceSettings or DomainSettings.
pub type Settings = Map<String, Value>;

/// Groups that an app can be given: Studio adds one of its own to the five that an interface has at most.
const GROUP_QUOTA: usize = 4;

/// Who must be trusted by the roles.
const SERVICE: &str = "sagemaker.amazonaws.com";

/// The role that apps run with.
pub fn execution_role(settings: &Settings) -> Option<&str> {
    settings.get("ExecutionRole").and_then(Value::as_str)
}

/// The groups of apps.
pub fn groups(settings: &Settings) -> Vec<&str> {
    let groups = settings.get("SecurityGroups").and_then(Value::as_array);
    groups.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What apps of a type run on, such as their InstanceType.
pub fn resource_spec(settings: &Settings, app_type: &str) -> Settings {
    let spec = settings.get(&format!("{app_type}AppSettings")).and_then(|app| app.get("DefaultResourceSpec"));
    spec.and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Takes in those settings that are newly given; each replaces the former as a whole.
pub fn merge(own: &mut Settings, new: Settings) {
    own.extend(new);
}

/// Refuses settings that a domain of a VPC can't have.
///
/// # Errors
/// `ValidationException` for a role that SageMaker can't assume (yet), groups that the VPC lacks or too many of them,
/// and a landing page that is closed.
pub fn check(context: &Context<'_>, ec2: &Ec2, vpc_id: &str, settings: &Settings) -> Result<(), ApiError> {
    if let Some(role) = execution_role(settings) {
        check_role(context, role)?;
    }
    let text = |member: &str| settings.get(member).and_then(Value::as_str);
    let wants_portal = text("DefaultLandingUri").is_some_and(|uri| uri.starts_with("studio:"));
    if wants_portal && text("StudioWebPortal") == Some("DISABLED") {
        return Err(invalid("DefaultLandingUri can be studio:: only if StudioWebPortal is ENABLED."));
    }
    check_groups(ec2, vpc_id, &groups(settings))
}

/// Refuses groups that a VPC lacks, or too many.
pub fn check_groups(ec2: &Ec2, vpc_id: &str, groups: &[&str]) -> Result<(), ApiError> {
    if groups.len() > GROUP_QUOTA {
        return Err(invalid(format!("At most {GROUP_QUOTA} security groups can be specified.")));
    }
    if !groups.is_empty() {
        ec2.interface_groups(vpc_id, groups).map_err(|refusal| invalid(refusal.message))?;
    }
    Ok(())
}

fn check_role(context: &Context<'_>, arn: &str) -> Result<(), ApiError> {
    if context.iam.is_some_and(|iam| iam.service_role(context, arn, SERVICE).is_some()) {
        return Ok(());
    }
    Err(invalid(format!(
        "Could not assume role {arn}. Please ensure that the role exists and allows principal '{SERVICE}' to assume \
         the role."
    )))
}
