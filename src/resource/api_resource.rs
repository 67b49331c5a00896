//! A path part of a REST API: `users`, `{user}`. Its id is API Gateway's.

use aws_sdk_apigateway::types::Resource as SdkResource;
use serde::{Deserialize, Serialize};

use super::rest_api::{RestApi, SERVICE};
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Spec, Text};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Failure};

/// What a path part is. The root of an API isn't one: it comes with the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiResource {
    /// The API it is in.
    pub rest_api: Ref<RestApi>,
    /// The path part before it, or the root of the API.
    pub parent: Text,
    /// Unique below its parent.
    pub path_part: String,
}

impl Resource for ApiResource {
    const OWNERS: &'static [&'static str] = &["rest_api", "parent"];
    const IN_SET: bool = true;
    const VANISHES: bool = true;
    const TAGGED: bool = false;
    const OPERATIONS: Operations =
        Operations { service: SERVICE, create: "CreateResource", change: "CreateResource", delete: "DeleteResource" };
    const SECONDS: Seconds = Seconds { create: 0.5, delete: 0.5 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {} {}", self.rest_api.text(), self.parent.text(), self.path_part))
    }

    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let (api, parent) = (self.rest_api.id()?, self.parent.id()?);
        let answer = aws
            .write(SERVICE, "CreateResource", || {
                let call = aws.apigateway.create_resource().rest_api_id(api).parent_id(parent);
                call.path_part(&self.path_part).send()
            })
            .await?;
        Ok(Observed::standing(answer.id().unwrap_or_default(), Tags::new(), self.clone()))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::ApiResource(resource) = &observed.spec else { return Ok(()) };
        let api = resource.rest_api.id()?;
        let call = || aws.apigateway.delete_resource().rest_api_id(api).resource_id(&observed.id).send();
        aws.write(SERVICE, "DeleteResource", call).await.map(drop)
    }
}

/// A path part; none for the root.
pub(super) fn read(api: &str, resource: &SdkResource) -> Option<Observed> {
    let spec = ApiResource {
        rest_api: Ref::known(api),
        parent: Ref::known(resource.parent_id()?),
        path_part: resource.path_part()?.to_owned(),
    };
    Some(Observed::standing(resource.id()?, Tags::new(), spec))
}
