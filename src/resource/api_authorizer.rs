//! Who is asked before a method of a REST API runs:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html>.

use aws_sdk_apigateway::types::{Authorizer as SdkAuthorizer, AuthorizerType, Op};
use serde::{Deserialize, Serialize};

use super::rest_api::{RestApi, SERVICE, patch};
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Set, Spec, Text};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Failure};

/// What an authorizer is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiAuthorizer {
    /// The API it is in.
    pub rest_api: Ref<RestApi>,
    /// Unique in the API.
    pub name: String,
    /// `REQUEST`: the function sees the whole request. `TOKEN`, `COGNITO_USER_POOLS`.
    pub kind: String,
    /// The function, by the URI that API Gateway calls it by.
    pub uri: Option<Text>,
    /// The ARN of the role that API Gateway calls it in; none where the function permits it.
    pub credentials: Option<String>,
    /// What must be there of a request, or it is refused unasked: `method.request.header.Authorization`.
    pub identity_source: String,
    /// How long an answer holds for all that show the same, in seconds; 0 to ask every time.
    pub ttl_seconds: i32,
    /// The ARNs of the user pools whose tokens are good.
    pub user_pools: Set<String>,
}

impl Resource for ApiAuthorizer {
    const IN_PLACE: &'static [&'static str] = &["uri", "identity_source", "ttl_seconds"];
    const OWNERS: &'static [&'static str] = &["rest_api"];
    const IN_SET: bool = true;
    const VANISHES: bool = true;
    const TAGGED: bool = false;
    const OPERATIONS: Operations = Operations {
        service: SERVICE,
        create: "CreateAuthorizer",
        change: "UpdateAuthorizer",
        delete: "DeleteAuthorizer",
    };
    const SECONDS: Seconds = Seconds { create: 0.5, delete: 0.5 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.rest_api.text(), self.name))
    }

    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let api = self.rest_api.id()?;
        let uri = self.uri.as_ref().map(|uri| uri.id().map(str::to_owned)).transpose()?;
        let pools: Vec<String> = self.user_pools.iter().cloned().collect();
        let answer = aws
            .write(SERVICE, "CreateAuthorizer", || {
                let call = aws.apigateway.create_authorizer().rest_api_id(api).name(&self.name);
                let call = call.r#type(AuthorizerType::from(self.kind.as_str())).set_authorizer_uri(uri.clone());
                let call = call.set_authorizer_credentials(self.credentials.clone());
                let call = call.identity_source(&self.identity_source);
                let call = call.authorizer_result_ttl_in_seconds(self.ttl_seconds);
                call.set_provider_arns((!pools.is_empty()).then(|| pools.clone())).send()
            })
            .await?;
        Ok(Observed::standing(answer.id().unwrap_or_default(), Tags::new(), self.clone()))
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let api = self.rest_api.id()?;
        let ttl = self.ttl_seconds.to_string();
        let mut patches = vec![
            patch(Op::Replace, "/identitySource", &self.identity_source),
            patch(Op::Replace, "/authorizerResultTtlInSeconds", &ttl),
        ];
        if let Some(uri) = &self.uri {
            patches.push(patch(Op::Replace, "/authorizerUri", uri.id()?));
        }
        aws.write(SERVICE, "UpdateAuthorizer", || {
            let call = aws.apigateway.update_authorizer().rest_api_id(api).authorizer_id(&from.id);
            call.set_patch_operations(Some(patches.clone())).send()
        })
        .await
        .map(drop)
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::ApiAuthorizer(authorizer) = &observed.spec else { return Ok(()) };
        let api = authorizer.rest_api.id()?;
        let call = || aws.apigateway.delete_authorizer().rest_api_id(api).authorizer_id(&observed.id).send();
        aws.write(SERVICE, "DeleteAuthorizer", call).await.map(drop)
    }
}

fn read(api: &str, authorizer: &SdkAuthorizer) -> Option<Observed> {
    let spec = ApiAuthorizer {
        rest_api: Ref::known(api),
        name: authorizer.name().unwrap_or_default().to_owned(),
        kind: authorizer.r#type().map_or("", AuthorizerType::as_str).to_owned(),
        uri: authorizer.authorizer_uri().map(Ref::known),
        credentials: authorizer.authorizer_credentials().map(str::to_owned),
        identity_source: authorizer.identity_source().unwrap_or_default().to_owned(),
        ttl_seconds: authorizer.authorizer_result_ttl_in_seconds().unwrap_or(300),
        user_pools: authorizer.provider_arns().iter().cloned().collect(),
    };
    Some(Observed::standing(authorizer.id()?, Tags::new(), spec))
}

/// The authorizers of an API.
///
/// # Errors
/// The list could not be read.
pub(super) async fn of_api(aws: &Aws, api: &str) -> Result<Vec<Observed>, Failure> {
    let authorizers = aws
        .read_pages(SERVICE, "GetAuthorizers", |position| {
            let call = aws.apigateway.get_authorizers().rest_api_id(api).limit(500).set_position(position);
            async { call.send().await.map(|page| (page.items.unwrap_or_default(), page.position)) }
        })
        .await?;
    Ok(authorizers.iter().filter_map(|authorizer| read(api, authorizer)).collect())
}
