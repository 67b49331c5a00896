//! An instance profile, which hands a role to instances:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2_instance-profiles.html>. Its id is
//! its name; output `arn`.

use aws_sdk_iam::types::InstanceProfile as SdkProfile;
use futures::future;
use serde::{Deserialize, Serialize};

use super::role::{self, Role};
use super::{Creation, Kind, Listing, Observed, Operations, Query, Ref, Resource, Seconds};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What an instance profile is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceProfile {
    /// Unique in the account, whatever the case of its letters.
    pub name: String,
    /// `/breezeway/REGION/LAB/`: how its lab is known where lists carry no tags.
    pub path: String,
    /// The role that it hands out; none for an empty one.
    pub role: Option<Ref<Role>>,
}

impl Resource for InstanceProfile {
    const IN_PLACE: &'static [&'static str] = &["role"];
    const ROOT: bool = true;
    const OPERATIONS: Operations = Operations {
        service: "iam",
        create: "CreateInstanceProfile",
        change: "AddRoleToInstanceProfile",
        delete: "DeleteInstanceProfile",
    };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 0.5 };

    fn natural_key(&self) -> Option<String> {
        Some(self.name.to_lowercase())
    }

    fn as_created(&self) -> Self {
        Self { role: None, ..self.clone() }
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let tags = role::to_sdk(&with.tags)?;
        let answer = aws
            .write("iam", "CreateInstanceProfile", || {
                let call = aws.iam.create_instance_profile().instance_profile_name(&self.name).path(&self.path);
                call.set_tags(Some(tags.clone())).send()
            })
            .await?;
        let arn = answer.instance_profile().map(|profile| profile.arn().to_owned()).unwrap_or_default();
        let mut observed = Observed::standing(&self.name, with.tags.clone(), self.as_created());
        observed.outputs.insert("arn".into(), arn);
        Ok(observed)
    }

    async fn complete(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        match &self.role {
            Some(role) => hand_out(aws, id, role.id()?).await,
            None => Ok(()),
        }
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        match &self.role {
            Some(_) => self.complete(aws, &from.id).await,
            None => empty(aws, &from.id).await,
        }
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        empty(aws, &observed.id).await?;
        let call = || aws.iam.delete_instance_profile().instance_profile_name(&observed.id).send();
        aws.write("iam", "DeleteInstanceProfile", call).await.map(drop)
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        let tags = role::to_sdk(tags)?;
        let call = || aws.iam.tag_instance_profile().instance_profile_name(id).set_tags(Some(tags.clone())).send();
        aws.write("iam", "TagInstanceProfile", call).await.map(drop)
    }
}

/// Makes the role the one that the profile hands out. A profile holds one at most: a full one is emptied of any other,
/// and the failure says to ask again.
async fn hand_out(aws: &Aws, profile: &str, role: &str) -> Result<(), Failure> {
    let call = || aws.iam.add_role_to_instance_profile().instance_profile_name(profile).role_name(role).send();
    let full = match aws.write("iam", "AddRoleToInstanceProfile", call).await {
        Err(failure) if failure.class == Class::HardLimit => Failure { class: Class::InUse, ..failure },
        answer => return answer.map(drop),
    };
    if get(aws, profile).await?.roles().iter().any(|held| held.role_name() == role) {
        return Ok(());
    }
    empty(aws, profile).await?;
    Err(full)
}

/// Takes out whatever role the profile holds now; one that is gone holds none.
async fn empty(aws: &Aws, profile: &str) -> Result<(), Failure> {
    let held = match get(aws, profile).await {
        Err(failure) if failure.class == Class::NotFound => return Ok(()),
        answer => answer?,
    };
    for role in held.roles() {
        let call = || {
            let call = aws.iam.remove_role_from_instance_profile().instance_profile_name(profile);
            call.role_name(role.role_name()).send()
        };
        match aws.write("iam", "RemoveRoleFromInstanceProfile", call).await {
            Err(failure) if failure.class == Class::NotFound => {}
            answer => drop(answer?),
        }
    }
    Ok(())
}

async fn get(aws: &Aws, name: &str) -> Result<SdkProfile, Failure> {
    let call = || aws.iam.get_instance_profile().instance_profile_name(name).send();
    let answer = aws.read_listed("iam", "GetInstanceProfile", call).await?;
    let missing = || Failure::here("GetInstanceProfile", Class::UnknownOutcome, "no profile in the answer");
    answer.instance_profile.ok_or_else(missing)
}

fn read(profile: &SdkProfile) -> Observed {
    let spec = InstanceProfile {
        name: profile.instance_profile_name().to_owned(),
        path: profile.path().to_owned(),
        role: profile.roles().first().map(|role| Ref::known(role.role_name())),
    };
    let tags = profile.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    let mut observed = Observed::standing(profile.instance_profile_name(), tags, spec);
    observed.outputs.insert("arn".into(), profile.arn().to_owned());
    observed
}

/// Lists the instance profiles under the lab's path, and reads each for its tags, which lists don't carry.
///
/// # Errors
/// The list itself could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let names: Vec<String> = match query {
        Query::Lab(lab) => {
            let profiles = aws
                .read_pages("iam", "ListInstanceProfiles", |marker| {
                    let call = aws.iam.list_instance_profiles().path_prefix(&lab.path).set_marker(marker);
                    async { call.send().await.map(|page| (page.instance_profiles, page.marker)) }
                })
                .await?;
            profiles.into_iter().map(|profile| profile.instance_profile_name).collect()
        }
        Query::Ids(names) => names.clone(),
        Query::Inside(_) => Vec::new(),
    };
    let mut listing = Listing::default();
    for profile in future::join_all(names.iter().map(|name| get(aws, name))).await {
        match profile {
            Ok(profile) => listing.found.push(read(&profile)),
            Err(failure) if failure.class == Class::NotFound => {}
            Err(failure) => listing.unreadable.push((Kind::InstanceProfile, failure)),
        }
    }
    Ok(listing)
}
