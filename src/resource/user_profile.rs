//! A user profile of a SageMaker domain: <https://docs.aws.amazon.com/sagemaker/latest/dg/domain-user-profile.html>.
//! Its id is `DOMAIN/NAME`; output `arn`.

use aws_sdk_sagemaker::operation::describe_user_profile::DescribeUserProfileOutput;
use aws_sdk_sagemaker::types::{StudioWebPortal, UserSettings};
use futures::future;
use serde::{Deserialize, Serialize};

use super::domain::{self, Domain, SERVICE, readiness};
use super::{Creation, Observed, Operations, Readiness, Ref, Resource, Seconds, Set, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What a user profile is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserProfile {
    /// The domain it is in.
    pub domain: Ref<Domain>,
    /// Unique in the domain, whatever the case of its letters.
    pub name: String,
    /// The ARN of the role that this user works in; empty for the domain's.
    pub execution_role: String,
    /// The groups that this user's apps have besides the domain's.
    pub security_groups: Set<String>,
    /// What a presigned URL opens for this user; empty for the domain's.
    pub landing_uri: String,
    /// Whether this user has today's Studio; empty for what the domain says.
    pub web_portal: String,
}

impl Resource for UserProfile {
    const IN_PLACE: &'static [&'static str] = &["execution_role", "security_groups", "landing_uri", "web_portal"];
    const OWNERS: &'static [&'static str] = &["domain"];
    const LINGERS: bool = true;
    const OPERATIONS: Operations = Operations {
        service: SERVICE,
        create: "CreateUserProfile",
        change: "UpdateUserProfile",
        delete: "DeleteUserProfile",
    };
    const SECONDS: Seconds = Seconds { create: 4.0, delete: 6.0 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.domain.text(), self.name.to_lowercase()))
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let (domain, tags) = (self.domain.id()?, domain::to_sdk(&with.tags)?);
        let answer = aws
            .write(SERVICE, "CreateUserProfile", || {
                let call = aws.sagemaker.create_user_profile().domain_id(domain).user_profile_name(&self.name);
                call.set_user_settings(self.settings()).set_tags(Some(tags.clone())).send()
            })
            .await?;
        let mut observed = Observed::standing(id(domain, &self.name), with.tags.clone(), self.clone());
        observed.readiness = Readiness::Pending;
        observed.state = "Pending".into();
        observed.outputs.insert("arn".into(), answer.user_profile_arn().unwrap_or_default().to_owned());
        Ok(observed)
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let domain = self.domain.id()?;
        aws.write(SERVICE, "UpdateUserProfile", || {
            let call = aws.sagemaker.update_user_profile().domain_id(domain).user_profile_name(&self.name);
            call.user_settings(self.settings().unwrap_or_else(|| UserSettings::builder().build())).send()
        })
        .await?;
        // What a profile has of its own can be changed by the API, but not taken from it.
        let Spec::UserProfile(now) = &from.spec else { return Ok(()) };
        let taken = [
            (now.execution_role.is_empty(), self.execution_role.is_empty()),
            (now.security_groups.is_empty(), self.security_groups.is_empty()),
            (now.landing_uri.is_empty(), self.landing_uri.is_empty()),
            (now.web_portal.is_empty(), self.web_portal.is_empty()),
        ];
        if taken.iter().any(|(had_none, wants_none)| !had_none && *wants_none) {
            let message =
                format!("{} has settings of its own, which AWS doesn't take back: delete the profile", from.id);
            return Err(Failure::here("UpdateUserProfile", Class::Wrong, message));
        }
        Ok(())
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::UserProfile(profile) = &observed.spec else { return Ok(()) };
        let domain = profile.domain.id()?;
        aws.write(SERVICE, "DeleteUserProfile", || {
            aws.sagemaker.delete_user_profile().domain_id(domain).user_profile_name(&profile.name).send()
        })
        .await
        .map(drop)
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        let (domain, name) = id.split_once('/').unwrap_or_default();
        let profile = describe(aws, domain, name).await?;
        domain::add_tags(aws, profile.user_profile_arn().unwrap_or_default(), tags).await
    }
}

impl UserProfile {
    fn settings(&self) -> Option<UserSettings> {
        let own = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let groups: Vec<String> = self.security_groups.iter().cloned().collect();
        let settings = UserSettings::builder().set_execution_role(own(&self.execution_role));
        let settings = settings.set_security_groups((!groups.is_empty()).then_some(groups));
        let settings = settings.set_default_landing_uri(own(&self.landing_uri));
        let portal = own(&self.web_portal).map(|portal| StudioWebPortal::from(portal.as_str()));
        let settings = settings.set_studio_web_portal(portal).build();
        (settings != UserSettings::builder().build()).then_some(settings)
    }
}

/// The id of a profile, whose name AWS takes whatever the case of its letters.
pub(super) fn id(domain: &str, name: &str) -> String {
    format!("{domain}/{name}")
}

async fn describe(aws: &Aws, domain: &str, name: &str) -> Result<DescribeUserProfileOutput, Failure> {
    aws.read_listed(SERVICE, "DescribeUserProfile", || {
        aws.sagemaker.describe_user_profile().domain_id(domain).user_profile_name(name).send()
    })
    .await
}

/// The profiles of a domain; with what is in each, or only their names and states.
///
/// # Errors
/// The list, or one of the profiles, could not be read.
pub(super) async fn of_domain(aws: &Aws, domain: &str, whole: bool) -> Result<Vec<Observed>, Failure> {
    let listed = aws
        .read_pages(SERVICE, "ListUserProfiles", |next| {
            let call = aws.sagemaker.list_user_profiles().domain_id_equals(domain).max_results(100);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.user_profiles.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    let listed = listed.into_iter().filter_map(|profile| {
        let state = profile.status().map_or("", |status| status.as_str()).to_owned();
        Some((profile.user_profile_name?, state))
    });
    let profiles = future::join_all(listed.map(async |(name, state)| {
        let mut observed = listed_only(domain, &name, &state);
        if !whole || observed.readiness == Readiness::Deleting {
            return Ok(Some(observed));
        }
        match details(aws, domain, &name, &mut observed).await {
            Ok(()) => Ok(Some(observed)),
            // Gone meanwhile.
            Err(failure) if failure.class == Class::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }));
    Ok(profiles.await.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn listed_only(domain: &str, name: &str, state: &str) -> Observed {
    let spec = UserProfile {
        domain: Ref::known(domain),
        name: name.to_owned(),
        execution_role: String::new(),
        security_groups: Set::default(),
        landing_uri: String::new(),
        web_portal: String::new(),
    };
    let mut observed = Observed::standing(id(domain, name), Tags::new(), spec);
    observed.state = state.to_owned();
    observed.readiness = readiness(state, None);
    observed
}

async fn details(aws: &Aws, domain: &str, name: &str, observed: &mut Observed) -> Result<(), Failure> {
    let profile = describe(aws, domain, name).await?;
    let arn = profile.user_profile_arn().unwrap_or_default().to_owned();
    let settings = profile.user_settings();
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    observed.spec = UserProfile {
        domain: Ref::known(domain),
        name: name.to_owned(),
        execution_role: text(settings.and_then(UserSettings::execution_role)),
        security_groups: settings.map_or(&[][..], UserSettings::security_groups).iter().cloned().collect(),
        landing_uri: text(settings.and_then(UserSettings::default_landing_uri)),
        web_portal: text(settings.and_then(|all| all.studio_web_portal()).map(StudioWebPortal::as_str)),
    }
    .into();
    observed.readiness = readiness(&observed.state, profile.failure_reason());
    observed.tags = domain::read_tags(aws, &arn).await?;
    observed.outputs.insert("arn".into(), arn);
    Ok(())
}
