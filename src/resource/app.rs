//! An app of a SageMaker domain: what runs, and costs. Users start them; its id is `DOMAIN/app/OWNER/TYPE/NAME`.

use aws_sdk_sagemaker::types::{AppDetails, AppType};
use serde::{Deserialize, Serialize};

use super::domain::{Domain, SERVICE, readiness};
use super::space::{self, Space};
use super::user_profile::{self, UserProfile};
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What an app is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The domain it is in.
    pub domain: Ref<Domain>,
    /// The space that it runs in.
    pub space: Option<Ref<Space>>,
    /// Or the user whose it is, as in Studio Classic.
    pub user_profile: Option<Ref<UserProfile>>,
    /// `JupyterLab`, `CodeEditor`, `JupyterServer`, `KernelGateway`.
    pub app_type: String,
    /// Unique with its owner and type.
    pub name: String,
}

impl Resource for App {
    const OWNERS: &'static [&'static str] = &["domain"];
    const LINGERS: bool = true;
    const TAGGED: bool = false;
    const OPERATIONS: Operations =
        Operations { service: SERVICE, create: "CreateApp", change: "CreateApp", delete: "DeleteApp" };
    const SECONDS: Seconds = Seconds { create: 120.0, delete: 180.0 };

    async fn create(&self, _aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        Err(Failure::here("CreateApp", Class::Wrong, "apps are started by their users"))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::App(app) = &observed.spec else { return Ok(()) };
        let domain = app.domain.id()?;
        let named = |id: &str| id.rsplit('/').next().unwrap_or_default().to_owned();
        let space = app.space.as_ref().map(|space| space.id().map(named)).transpose()?;
        let user = app.user_profile.as_ref().map(|user| user.id().map(named)).transpose()?;
        aws.write(SERVICE, "DeleteApp", || {
            let call = aws.sagemaker.delete_app().domain_id(domain).app_type(AppType::from(app.app_type.as_str()));
            call.app_name(&app.name).set_space_name(space.clone()).set_user_profile_name(user.clone()).send()
        })
        .await
        .map(drop)
    }
}

fn read(app: &AppDetails) -> Option<Observed> {
    let (domain, name) = (app.domain_id()?, app.app_name()?);
    let app_type = app.app_type().map_or("", AppType::as_str).to_owned();
    let owner = app.space_name().or(app.user_profile_name()).unwrap_or_default();
    let id = format!("{domain}/app/{owner}/{app_type}/{name}");
    let spec = App {
        domain: Ref::known(domain),
        space: app.space_name().map(|space| Ref::known(space::id(domain, space))),
        user_profile: app.user_profile_name().map(|user| Ref::known(user_profile::id(domain, user))),
        app_type,
        name: name.to_owned(),
    };
    let mut observed = Observed::standing(id, Tags::new(), spec);
    observed.state = app.status().map_or("", |status| status.as_str()).to_owned();
    observed.readiness = readiness(&observed.state, None);
    Some(observed)
}

/// The apps of a domain, without those that have ended or failed, which hold nothing and which AWS lists for a day.
///
/// # Errors
/// The list could not be read.
pub(super) async fn of_domain(aws: &Aws, domain: &str) -> Result<Vec<Observed>, Failure> {
    let apps = aws
        .read_pages(SERVICE, "ListApps", |next| {
            let call = aws.sagemaker.list_apps().domain_id_equals(domain).max_results(100);
            async {
                call.set_next_token(next).send().await.map(|page| (page.apps.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    let holds_nothing =
        |app: &Observed| ["Deleted", "Failed"].iter().any(|state| app.state.eq_ignore_ascii_case(state));
    Ok(apps.iter().filter_map(read).filter(|app| !holds_nothing(app)).collect())
}
