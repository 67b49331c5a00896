//! A managed policy attached to a role.

use serde::{Deserialize, Serialize};

use super::role::Role;
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What an attachment is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolePolicyAttachment {
    /// The role.
    pub role: Ref<Role>,
    /// The ARN of the managed policy.
    pub policy_arn: String,
}

impl Resource for RolePolicyAttachment {
    const OWNERS: &'static [&'static str] = &["role"];
    const IN_SET: bool = true;
    const OPERATIONS: Operations = Operations {
        service: "iam",
        create: "AttachRolePolicy",
        change: "AttachRolePolicy",
        delete: "DetachRolePolicy",
    };
    const SECONDS: Seconds = Seconds { create: 0.5, delete: 0.5 };
    const TAGGED: bool = false;

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.role.text(), self.policy_arn))
    }

    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let role = self.role.id()?;
        let call = || aws.iam.attach_role_policy().role_name(role).policy_arn(&self.policy_arn).send();
        aws.write("iam", "AttachRolePolicy", call).await?;
        Ok(Observed::standing(format!("{role} {}", self.policy_arn), Tags::new(), self.clone()))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::RolePolicyAttachment(attachment) = &observed.spec else { return Ok(()) };
        let role = attachment.role.id()?;
        let call = || aws.iam.detach_role_policy().role_name(role).policy_arn(&attachment.policy_arn).send();
        aws.write("iam", "DetachRolePolicy", call).await.map(drop)
    }

    async fn tag(_aws: &Aws, id: &str, _tags: &Tags) -> Result<(), Failure> {
        Err(Failure::here("tag", Class::Wrong, format!("{id} takes no tags")))
    }
}

/// What is attached to a role, in one paged list.
pub(super) async fn of_role(aws: &Aws, role: &str) -> Result<Vec<Observed>, Failure> {
    let attached = aws
        .read_pages("iam", "ListAttachedRolePolicies", |marker| {
            let call = aws.iam.list_attached_role_policies().role_name(role).set_marker(marker);
            async { call.send().await.map(|page| (page.attached_policies.unwrap_or_default(), page.marker)) }
        })
        .await?;
    let observed = attached.iter().filter_map(|policy| {
        let policy_arn = policy.policy_arn()?.to_owned();
        let id = format!("{role} {policy_arn}");
        Some(Observed::standing(id, Tags::new(), RolePolicyAttachment { role: Ref::known(role), policy_arn }))
    });
    Ok(observed.collect())
}
