//! An inline policy of a role.

use futures::future;
use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::role::Role;
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What an inline policy is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolePolicy {
    /// The role that it gives permissions to.
    pub role: Ref<Role>,
    /// Unique within the role.
    pub name: String,
    /// What it allows and denies.
    pub document: Policy,
}

impl RolePolicy {
    async fn put(&self, aws: &Aws) -> Result<(), Failure> {
        let role = self.role.id()?;
        aws.write("iam", "PutRolePolicy", || {
            let call = aws.iam.put_role_policy().role_name(role).policy_name(&self.name);
            call.policy_document(self.document.document()).send()
        })
        .await
        .map(drop)
    }
}

impl Resource for RolePolicy {
    const IN_PLACE: &'static [&'static str] = &["document"];
    const OWNERS: &'static [&'static str] = &["role"];
    const IN_SET: bool = true;
    const OPERATIONS: Operations =
        Operations { service: "iam", create: "PutRolePolicy", change: "PutRolePolicy", delete: "DeleteRolePolicy" };
    const SECONDS: Seconds = Seconds { create: 0.5, delete: 0.5 };
    const TAGGED: bool = false;

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.role.text(), self.name.to_lowercase()))
    }

    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        self.put(aws).await?;
        Ok(Observed::standing(format!("{} {}", self.role.id()?, self.name), Tags::new(), self.clone()))
    }

    async fn change(&self, aws: &Aws, _from: &Observed) -> Result<(), Failure> {
        self.put(aws).await
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::RolePolicy(policy) = &observed.spec else { return Ok(()) };
        let role = policy.role.id()?;
        let call = || aws.iam.delete_role_policy().role_name(role).policy_name(&policy.name).send();
        aws.write("iam", "DeleteRolePolicy", call).await.map(drop)
    }

    async fn tag(_aws: &Aws, id: &str, _tags: &Tags) -> Result<(), Failure> {
        Err(Failure::here("tag", Class::Wrong, format!("{id} takes no tags")))
    }
}

/// The inline policies of a role: one list of names, one read per name.
pub(super) async fn of_role(aws: &Aws, role: &str) -> Result<Vec<Observed>, Failure> {
    let names = aws
        .read_pages("iam", "ListRolePolicies", |marker| {
            let call = aws.iam.list_role_policies().role_name(role).set_marker(marker);
            async { call.send().await.map(|page| (page.policy_names, page.marker)) }
        })
        .await?;
    let read = async |name: String| {
        let call = || aws.iam.get_role_policy().role_name(role).policy_name(&name).send();
        match aws.read_listed("iam", "GetRolePolicy", call).await {
            Ok(answer) => {
                let document = Policy::from_iam(answer.policy_document());
                let spec = RolePolicy { role: Ref::known(role), name: name.clone(), document };
                Ok(Some(Observed::standing(format!("{role} {name}"), Tags::new(), spec)))
            }
            Err(failure) if failure.class == Class::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    };
    Ok(future::try_join_all(names.into_iter().map(read)).await?.into_iter().flatten().collect())
}
