//! A space of a SageMaker domain, where a user's apps and data are. Users make them; its id is `DOMAIN/space/NAME`.

use serde::{Deserialize, Serialize};

use super::domain::{Domain, SERVICE, readiness};
use super::user_profile::{self, UserProfile};
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What a space is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// The domain it is in.
    pub domain: Ref<Domain>,
    /// Unique in the domain.
    pub name: String,
    /// Whose it is; nobody's where several work in it.
    pub owner: Option<Ref<UserProfile>>,
}

impl Resource for Space {
    const OWNERS: &'static [&'static str] = &["domain"];
    const LINGERS: bool = true;
    const TAGGED: bool = false;
    const OPERATIONS: Operations =
        Operations { service: SERVICE, create: "CreateSpace", change: "UpdateSpace", delete: "DeleteSpace" };
    const SECONDS: Seconds = Seconds { create: 3.0, delete: 5.0 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.domain.text(), self.name.to_lowercase()))
    }

    async fn create(&self, _aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        Err(Failure::here("CreateSpace", Class::Wrong, "spaces are made by their users"))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::Space(space) = &observed.spec else { return Ok(()) };
        let domain = space.domain.id()?;
        let call = || aws.sagemaker.delete_space().domain_id(domain).space_name(&space.name).send();
        aws.write(SERVICE, "DeleteSpace", call).await.map(drop)
    }
}

pub(super) fn id(domain: &str, name: &str) -> String {
    format!("{domain}/space/{name}")
}

/// The spaces of a domain.
///
/// # Errors
/// The list could not be read.
pub(super) async fn of_domain(aws: &Aws, domain: &str) -> Result<Vec<Observed>, Failure> {
    let spaces = aws
        .read_pages(SERVICE, "ListSpaces", |next| {
            let call = aws.sagemaker.list_spaces().domain_id_equals(domain).max_results(100);
            async {
                call.set_next_token(next).send().await.map(|page| (page.spaces.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    let read = |space: &aws_sdk_sagemaker::types::SpaceDetails| {
        let name = space.space_name()?;
        let owner = space.ownership_settings_summary().and_then(|summary| summary.owner_user_profile_name());
        let owner = owner.map(|owner| Ref::known(user_profile::id(domain, owner)));
        let spec = Space { domain: Ref::known(domain), name: name.to_owned(), owner };
        let mut observed = Observed::standing(id(domain, name), Tags::new(), spec);
        observed.state = space.status().map_or("", |status| status.as_str()).to_owned();
        observed.readiness = readiness(&observed.state, None);
        Some(observed)
    };
    Ok(spaces.iter().filter_map(read).collect())
}
