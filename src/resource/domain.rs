//! A SageMaker domain, in which Studio's users are: <https://docs.aws.amazon.com/sagemaker/latest/dg/studio-entity-status.html>.
//! Outputs `arn`, `url`, and for policies `apps`, `spaces` and `profiles`: all that is in it of a kind.
//!
//! What users make in it (spaces, apps) and what SageMaker makes for it (a home file system and its two groups) goes
//! with it, and nothing of that carries a tag of ours by itself: see [`adopt_home`].

use aws_sdk_sagemaker::operation::describe_domain::DescribeDomainOutput;
use aws_sdk_sagemaker::types::{
    AppNetworkAccessType, AuthMode, HomeEfsFileSystemCreation, RetentionPolicy, RetentionType, StudioWebPortal, Tag,
    TagPropagation, UserSettings,
};
use futures::future;
use serde::{Deserialize, Serialize};

use super::file_system::{self, FileSystem};
use super::role::Role;
use super::security_group::SecurityGroup;
use super::subnet::Subnet;
use super::vpc::Vpc;
use super::{
    Creation, Kind, Listing, Observed, Operations, Query, Readiness, Ref, Resource, Seconds, Set, Spec, app, ec2,
    space, user_profile,
};
use crate::aws::tags::{self, Tags};
use crate::aws::{Aws, Class, Failure};

pub(super) const SERVICE: &str = "sagemaker";

/// What a domain is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// The VPC of its apps.
    pub vpc: Ref<Vpc>,
    /// How its lab is known where lists carry no tags.
    pub name: String,
    /// `IAM`, the only mode in which there are presigned URLs, or `SSO`.
    pub auth_mode: String,
    /// Where its apps have their network interfaces.
    pub subnets: Set<Ref<Subnet>>,
    /// `VpcOnly`, or `PublicInternetOnly`.
    pub network_access: String,
    /// The ARN of the role that its users work in.
    pub execution_role: Ref<Role>,
    /// The groups of its apps.
    pub security_groups: Set<Ref<SecurityGroup>>,
    /// What a presigned URL opens: `studio::`.
    pub landing_uri: String,
    /// `ENABLED`, or `DISABLED` for Studio Classic alone.
    pub web_portal: String,
    /// `ENABLED` where what users make gets the domain's tags.
    pub tag_propagation: String,
    /// Whether there is a file system for its users' homes. Once there, it goes only with the domain.
    pub home_file_system: bool,
    /// That file system; SageMaker makes it.
    pub home: Option<Ref<FileSystem>>,
}

impl Resource for Domain {
    const IN_PLACE: &'static [&'static str] = &[
        "subnets",
        "network_access",
        "execution_role",
        "security_groups",
        "landing_uri",
        "web_portal",
        "tag_propagation",
        "home_file_system",
    ];
    const OWNERS: &'static [&'static str] = &["vpc"];
    const ROOT: bool = true;
    // The quota is small, and one that failed counts.
    const DELETED_FIRST: bool = true;
    const LINGERS: bool = true;
    const OPERATIONS: Operations =
        Operations { service: SERVICE, create: "CreateDomain", change: "UpdateDomain", delete: "DeleteDomain" };
    const SECONDS: Seconds = Seconds { create: 115.0, delete: 100.0 };

    fn natural_key(&self) -> Option<String> {
        Some(self.name.clone())
    }

    /// Two of one name may stand in a Region, for all that is documented.
    fn excludes(&self, _other: &Self) -> bool {
        false
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let (subnets, settings, tags) = (self.subnets.ids()?, self.user_settings()?, to_sdk(&with.tags)?);
        let vpc = self.vpc.id()?;
        let answer = aws
            .write(SERVICE, "CreateDomain", || {
                let call = aws.sagemaker.create_domain().domain_name(&self.name).vpc_id(vpc);
                let call = call.auth_mode(AuthMode::from(self.auth_mode.as_str()));
                let call = call.set_subnet_ids(Some(subnets.clone())).default_user_settings(settings.clone());
                let call = call.app_network_access_type(self.network_access());
                let call = call.tag_propagation(TagPropagation::from(self.tag_propagation.as_str()));
                call.home_efs_file_system_creation(self.home_creation()).set_tags(Some(tags.clone())).send()
            })
            .await?;
        let arn = answer.domain_arn().unwrap_or_default();
        let id = answer.domain_id().or_else(|| arn.rsplit('/').next()).unwrap_or_default();
        let mut observed = Observed::standing(id, with.tags.clone(), self.clone());
        observed.readiness = Readiness::Pending;
        observed.state = "Pending".into();
        outputs(&mut observed, Some(arn), answer.url());
        Ok(observed)
    }

    async fn complete(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        if self.home_file_system { adopt_home(aws, id).await } else { Ok(()) }
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let Spec::Domain(now) = &from.spec else { return Ok(()) };
        if now.home_file_system && !self.home_file_system {
            let message = format!("{} has a home file system, which goes only with the domain", from.id);
            return Err(Failure::here("UpdateDomain", Class::Wrong, message));
        }
        let (subnets, settings) = (self.subnets.ids()?, self.user_settings()?);
        aws.write(SERVICE, "UpdateDomain", || {
            let call = aws.sagemaker.update_domain().domain_id(&from.id).default_user_settings(settings.clone());
            let call = call.app_network_access_type(self.network_access());
            let call = call.tag_propagation(TagPropagation::from(self.tag_propagation.as_str()));
            let call = call.set_subnet_ids((now.subnets != self.subnets).then(|| subnets.clone()));
            let home = (!now.home_file_system && self.home_file_system).then(|| self.home_creation());
            call.set_home_efs_file_system_creation(home).send()
        })
        .await
        .map(drop)
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        if matches!(&observed.spec, Spec::Domain(domain) if domain.home.is_some()) {
            adopt_home(aws, &observed.id).await?;
        }
        let retention = RetentionPolicy::builder().home_efs_file_system(RetentionType::Delete).build();
        aws.write(SERVICE, "DeleteDomain", || {
            aws.sagemaker.delete_domain().domain_id(&observed.id).retention_policy(retention.clone()).send()
        })
        .await
        .map(drop)
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        let domain = describe(aws, id).await?;
        add_tags(aws, domain.domain_arn().unwrap_or_default(), tags).await
    }
}

impl Domain {
    fn network_access(&self) -> AppNetworkAccessType {
        AppNetworkAccessType::from(self.network_access.as_str())
    }

    fn home_creation(&self) -> HomeEfsFileSystemCreation {
        if self.home_file_system { HomeEfsFileSystemCreation::Enabled } else { HomeEfsFileSystemCreation::Disabled }
    }

    fn user_settings(&self) -> Result<UserSettings, Failure> {
        let settings = UserSettings::builder().execution_role(self.execution_role.id()?);
        let settings = settings.set_security_groups(Some(self.security_groups.ids()?));
        let settings = settings.default_landing_uri(&self.landing_uri);
        Ok(settings.studio_web_portal(StudioWebPortal::from(self.web_portal.as_str())).build())
    }
}

/// Puts the domain's lab on its home file system and the two groups of it, so that they are still known for the
/// lab's when the domain is gone. Doing it twice is harmless, and so is a home that is gone.
async fn adopt_home(aws: &Aws, id: &str) -> Result<(), Failure> {
    let domain = describe(aws, id).await?;
    let tags = read_tags(aws, domain.domain_arn().unwrap_or_default()).await?;
    let lab: Tags = tags.into_iter().filter(|(key, _)| key == tags::LAB).collect();
    let Some(file_system) = domain.home_efs_file_system_id().filter(|_| !lab.is_empty()) else { return Ok(()) };
    let gone = |failure: &Failure| failure.class == Class::NotFound;
    let tagged = FileSystem::tag(aws, file_system, &lab).await;
    tagged.or_else(|failure| if gone(&failure) { Ok(()) } else { Err(failure) })?;
    for group in file_system::groups_of(aws, domain.domain_arn().unwrap_or_default()).await? {
        let tagged = ec2::create_tags(aws, &group, &lab).await;
        tagged.or_else(|failure| if gone(&failure) { Ok(()) } else { Err(failure) })?;
    }
    Ok(())
}

/// Tags for SageMaker's calls.
pub(super) fn to_sdk(tags: &Tags) -> Result<Vec<Tag>, Failure> {
    Ok(tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect())
}

pub(super) async fn add_tags(aws: &Aws, arn: &str, tags: &Tags) -> Result<(), Failure> {
    let tags = to_sdk(tags)?;
    let call = || aws.sagemaker.add_tags().resource_arn(arn).set_tags(Some(tags.clone())).send();
    aws.write(SERVICE, "AddTags", call).await.map(drop)
}

pub(super) async fn read_tags(aws: &Aws, arn: &str) -> Result<Tags, Failure> {
    let tags = aws
        .read_pages(SERVICE, "ListTags", |next| {
            let call = aws.sagemaker.list_tags().resource_arn(arn).max_results(50);
            async {
                call.set_next_token(next).send().await.map(|page| (page.tags.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    Ok(tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect())
}

async fn describe(aws: &Aws, id: &str) -> Result<DescribeDomainOutput, Failure> {
    aws.read(SERVICE, "DescribeDomain", || aws.sagemaker.describe_domain().domain_id(id).send()).await
}

/// What the words for the states of domains, profiles and spaces mean.
pub(super) fn readiness(state: &str, reason: Option<&str>) -> Readiness {
    match state.to_lowercase().as_str() {
        // A refused change leaves it as it was.
        "inservice" | "update_failed" => Readiness::Ready,
        "deleting" | "deleted" => Readiness::Deleting,
        "failed" | "delete_failed" => Readiness::Failed(reason.unwrap_or("no reason given").to_owned()),
        _ => Readiness::Pending,
    }
}

fn outputs(observed: &mut Observed, arn: Option<&str>, url: Option<&str>) {
    let arn = arn.unwrap_or_default();
    let (before, id) = arn.split_once(":domain/").unwrap_or((arn, &observed.id));
    let texts = [("arn", arn), ("url", url.unwrap_or_default())];
    observed.outputs.extend(texts.map(|(name, text)| (name.to_owned(), text.to_owned())));
    // A wildcard may not stand for the kind of a resource:
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    let kinds = [("apps", "app"), ("spaces", "space"), ("profiles", "user-profile")];
    observed.outputs.extend(kinds.map(|(name, kind)| (name.to_owned(), format!("{before}:{kind}/{id}/*"))));
}

fn read(domain: &DescribeDomainOutput) -> Option<Observed> {
    let settings = domain.default_user_settings();
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let home = domain.home_efs_file_system_id().filter(|id| !id.is_empty());
    let creation = domain.home_efs_file_system_creation().map(HomeEfsFileSystemCreation::as_str);
    let spec = Domain {
        vpc: Ref::known(domain.vpc_id()?),
        name: text(domain.domain_name()),
        auth_mode: text(domain.auth_mode().map(AuthMode::as_str)),
        subnets: domain.subnet_ids().iter().map(Ref::known).collect(),
        network_access: text(domain.app_network_access_type().map(AppNetworkAccessType::as_str)),
        execution_role: Ref::known(text(settings.and_then(UserSettings::execution_role))),
        security_groups: settings.map_or(&[][..], UserSettings::security_groups).iter().map(Ref::known).collect(),
        landing_uri: text(settings.and_then(UserSettings::default_landing_uri)),
        web_portal: text(settings.and_then(|all| all.studio_web_portal()).map(StudioWebPortal::as_str)),
        tag_propagation: domain.tag_propagation().map_or("DISABLED", TagPropagation::as_str).to_owned(),
        home_file_system: creation.map_or(home.is_some(), |creation| creation.eq_ignore_ascii_case("Enabled")),
        home: home.map(Ref::known),
    };
    let mut observed = Observed::standing(domain.domain_id()?, Tags::new(), spec);
    observed.state = text(domain.status().map(|status| status.as_str()));
    observed.readiness = readiness(&observed.state, domain.failure_reason());
    outputs(&mut observed, domain.domain_arn(), domain.url());
    Some(observed)
}

/// Lists the domains of the lab's name with their profiles, spaces and apps: for each domain its description, its tags
/// and three lists, for each profile its description and its tags. A query by id reads the domains alone.
///
/// # Errors
/// The list itself could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let ids = match query {
        Query::Lab(lab) => named(aws, &lab.domain).await?,
        Query::Ids(ids) => ids.clone(),
        Query::Inside(_) => Vec::new(),
    };
    let whole = matches!(query, Query::Lab(_));
    let mut listing = Listing::default();
    for domain in future::join_all(ids.iter().map(|id| one(aws, id, whole))).await {
        listing.found.extend(domain.found);
        listing.unreadable.extend(domain.unreadable);
    }
    Ok(listing)
}

async fn named(aws: &Aws, name: &str) -> Result<Vec<String>, Failure> {
    let domains = aws
        .read_pages(SERVICE, "ListDomains", |next| {
            let call = aws.sagemaker.list_domains().max_results(100).set_next_token(next);
            async { call.send().await.map(|page| (page.domains.unwrap_or_default(), page.next_token)) }
        })
        .await?;
    let named = domains.into_iter().filter(|domain| domain.domain_name() == Some(name));
    Ok(named.filter_map(|domain| domain.domain_id).collect())
}

async fn one(aws: &Aws, id: &str, whole: bool) -> Listing {
    let mut listing = Listing::default();
    let mut observed = match describe(aws, id).await.map(|domain| read(&domain)) {
        Ok(Some(observed)) => observed,
        // Gone between the list and the look.
        Ok(None) => return listing,
        Err(failure) if failure.class == Class::NotFound => return listing,
        Err(failure) => {
            listing.unreadable.push((Kind::Domain, failure));
            return listing;
        }
    };
    if !whole {
        listing.found.push(observed);
        return listing;
    }
    let arn = observed.output("arn").unwrap_or_default().to_owned();
    let (tags, profiles, spaces, apps) = future::join4(
        read_tags(aws, &arn),
        user_profile::of_domain(aws, id, true),
        space::of_domain(aws, id),
        app::of_domain(aws, id),
    )
    .await;
    match tags {
        Ok(tags) => observed.tags = tags,
        Err(failure) if failure.class == Class::NotFound => return listing,
        Err(failure) => listing.unreadable.push((Kind::Domain, failure)),
    }
    listing.found.push(observed);
    for (kind, found) in [(Kind::UserProfile, profiles), (Kind::Space, spaces), (Kind::App, apps)] {
        match found {
            Ok(found) => listing.found.extend(found),
            Err(failure) if failure.class == Class::NotFound => {}
            Err(failure) => listing.unreadable.push((kind, failure)),
        }
    }
    listing
}

/// The profiles, spaces or apps with these ids, `DOMAIN/…`, as far as the lists of their domains show them.
///
/// # Errors
/// A list could not be read.
pub(super) async fn children(aws: &Aws, kind: Kind, ids: &[String]) -> Result<Listing, Failure> {
    let mut domains: Vec<&str> = ids.iter().filter_map(|id| Some(id.split_once('/')?.0)).collect();
    domains.sort_unstable();
    domains.dedup();
    let mut listing = Listing::default();
    for domain in domains {
        let found = match kind {
            Kind::UserProfile => user_profile::of_domain(aws, domain, false).await,
            Kind::Space => space::of_domain(aws, domain).await,
            _ => app::of_domain(aws, domain).await,
        };
        match found {
            Ok(found) => listing.found.extend(found.into_iter().filter(|observed| ids.contains(&observed.id))),
            Err(failure) if failure.class == Class::NotFound => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_change_leaves_a_domain_that_works() {
        assert_eq!(readiness("Update_Failed", Some("why")), Readiness::Ready);
        assert_eq!(readiness("InService", None), Readiness::Ready);
        assert_eq!(readiness("Delete_Failed", Some("why")), Readiness::Failed("why".into()));
        assert_eq!(readiness("Updating", None), Readiness::Pending);
    }
}
