//! An IAM role: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html>.

use aws_sdk_iam::types::{Role as SdkRole, Tag};
use futures::future;
use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::{
    Creation, Kind, Listing, Observed, Operations, Query, Resource, Seconds, Spec, role_policy, role_policy_attachment,
};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What a role is; its policies are resources of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Unique in the account, whatever the case of its letters; at most 64 characters. It is also its id.
    pub name: String,
    /// `/breezeway/REGION/LAB/`: how its lab is known where lists carry no tags.
    pub path: String,
    /// What it is for.
    pub description: String,
    /// Who may assume it.
    pub trust: Policy,
    /// How long a session may last, 3600 to 43200 seconds.
    pub max_session_seconds: i32,
    /// The ARN of the policy that bounds what it may ever do. `None`: not ours to say.
    pub permissions_boundary: Option<String>,
}

impl Resource for Role {
    const IN_PLACE: &'static [&'static str] = &["description", "trust", "max_session_seconds", "permissions_boundary"];
    const ROOT: bool = true;
    const OPERATIONS: Operations =
        Operations { service: "iam", create: "CreateRole", change: "UpdateRole", delete: "DeleteRole" };
    const SECONDS: Seconds = Seconds { create: 2.0, delete: 0.5 };

    fn natural_key(&self) -> Option<String> {
        Some(self.name.to_lowercase())
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let tags = to_sdk(&with.tags)?;
        let answer = aws
            .write("iam", "CreateRole", || {
                let call = aws.iam.create_role().role_name(&self.name).path(&self.path).description(&self.description);
                call.assume_role_policy_document(self.trust.document())
                    .max_session_duration(self.max_session_seconds)
                    .set_permissions_boundary(self.permissions_boundary.clone())
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await?;
        let arn = answer.role().map(|role| role.arn().to_owned()).unwrap_or_default();
        let mut observed = Observed::standing(&self.name, with.tags.clone(), self.clone());
        observed.outputs.insert("arn".into(), arn);
        Ok(observed)
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let Spec::Role(now) = &from.spec else { return Ok(()) };
        if now.trust != self.trust {
            aws.write("iam", "UpdateAssumeRolePolicy", || {
                let call = aws.iam.update_assume_role_policy().role_name(&self.name);
                call.policy_document(self.trust.document()).send()
            })
            .await?;
        }
        if (&now.description, now.max_session_seconds) != (&self.description, self.max_session_seconds) {
            aws.write("iam", "UpdateRole", || {
                let call = aws.iam.update_role().role_name(&self.name).description(&self.description);
                call.max_session_duration(self.max_session_seconds).send()
            })
            .await?;
        }
        if let Some(boundary) =
            self.permissions_boundary.as_ref().filter(|_| now.permissions_boundary != self.permissions_boundary)
        {
            aws.write("iam", "PutRolePermissionsBoundary", || {
                let call = aws.iam.put_role_permissions_boundary().role_name(&self.name);
                call.permissions_boundary(boundary).send()
            })
            .await?;
        }
        Ok(())
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        aws.write("iam", "DeleteRole", || aws.iam.delete_role().role_name(&observed.id).send()).await.map(drop)
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        let tags = to_sdk(tags)?;
        let call = || aws.iam.tag_role().role_name(id).set_tags(Some(tags.clone())).send();
        aws.write("iam", "TagRole", call).await.map(drop)
    }
}

/// Tags for IAM's calls.
pub(super) fn to_sdk(tags: &Tags) -> Result<Vec<Tag>, Failure> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter()
        .map(tag)
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::here("tag", Class::Wrong, error.to_string()))
}

fn read(role: &SdkRole) -> Observed {
    let spec = Role {
        name: role.role_name().to_owned(),
        path: role.path().to_owned(),
        description: role.description().unwrap_or_default().to_owned(),
        trust: Policy::from_iam(role.assume_role_policy_document().unwrap_or_default()),
        max_session_seconds: role.max_session_duration().unwrap_or(3600),
        permissions_boundary: role
            .permissions_boundary()
            .and_then(|boundary| boundary.permissions_boundary_arn())
            .map(str::to_owned),
    };
    let tags = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    let mut observed = Observed::standing(role.role_name(), tags, spec);
    observed.outputs.insert("arn".into(), role.arn().to_owned());
    observed
}

/// Lists the roles under the lab's path, with their policies: for each role its tags (lists carry none), the names of
/// its inline policies and their documents, and what is attached.
///
/// # Errors
/// The list itself could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let names = match query {
        Query::Lab(lab) => {
            let roles = aws
                .read_pages("iam", "ListRoles", |marker| {
                    let call = aws.iam.list_roles().path_prefix(&lab.path).set_marker(marker);
                    async { call.send().await.map(|page| (page.roles, page.marker)) }
                })
                .await?;
            roles.into_iter().map(|role| role.role_name).collect()
        }
        Query::Ids(names) => names.clone(),
        Query::Inside(_) => Vec::new(),
    };
    let roles = future::join_all(names.iter().map(|name| one(aws, name))).await;
    let mut listing = Listing::default();
    for role in roles {
        listing.found.extend(role.found);
        listing.unreadable.extend(role.unreadable);
    }
    Ok(listing)
}

async fn one(aws: &Aws, name: &str) -> Listing {
    let role = async {
        let answer = aws.read_listed("iam", "GetRole", || aws.iam.get_role().role_name(name).send()).await?;
        Ok(answer.role().map(read).into_iter().collect::<Vec<_>>())
    };
    let (role, policies, attached) =
        future::join3(role, role_policy::of_role(aws, name), role_policy_attachment::of_role(aws, name)).await;
    let mut listing = Listing::default();
    for (kind, found) in [(Kind::Role, role), (Kind::RolePolicy, policies), (Kind::RolePolicyAttachment, attached)] {
        match found {
            Ok(found) => listing.found.extend(found),
            Err(failure) if failure.class == Class::NotFound => {}
            Err(failure) => listing.unreadable.push((kind, failure)),
        }
    }
    listing
}
