//! A method of a path of a REST API, with what answers it. Its id is `RESOURCE METHOD`.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigateway::types::{Integration as SdkIntegration, IntegrationType, Method as SdkMethod};
use serde::{Deserialize, Serialize};

use super::api_authorizer::ApiAuthorizer;
use super::rest_api::{RestApi, SERVICE};
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Set, Spec, Text};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What a method is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiMethod {
    /// The API it is in.
    pub rest_api: Ref<RestApi>,
    /// Its path, or the root of the API.
    pub resource: Text,
    /// `GET`.
    pub http_method: String,
    /// Who is let in: `NONE` for everybody, `CUSTOM` for whom the authorizer lets in, `AWS_IAM`, `COGNITO_USER_POOLS`.
    pub authorization: String,
    /// Who is asked.
    pub authorizer: Option<Ref<ApiAuthorizer>>,
    /// What a token has to be good for.
    pub scopes: Set<String>,
    /// Whether callers show an API key.
    pub api_key_required: bool,
    /// What of a request is looked at, and whether it must be there.
    pub request_parameters: BTreeMap<String, bool>,
    /// Who answers.
    pub integration: Option<Integration>,
}

/// Who answers a method, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Integration {
    /// `AWS_PROXY`: a function, with the whole request. `MOCK`: API Gateway itself, with its templates.
    pub kind: String,
    /// By which method the function is called: always `POST`.
    pub http_method: Option<String>,
    /// The function, by the URI that API Gateway calls it by.
    pub uri: Option<Text>,
    /// The ARN of the role that API Gateway calls it in; none where the function permits it.
    pub credentials: Option<String>,
    /// What it is asked with, by content type.
    pub request_templates: BTreeMap<String, String>,
    /// How long API Gateway waits, in milliseconds: 50 to 29,000.
    pub timeout_millis: i32,
    /// What comes back, by status.
    pub responses: BTreeMap<String, Response>,
}

/// One answer of an integration that is no proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Headers, by `method.response.header.NAME`, with their values in quotes.
    pub parameters: BTreeMap<String, String>,
    /// Bodies, by content type.
    pub templates: BTreeMap<String, String>,
}

/// What an integration waits for unless told otherwise: API Gateway's default.
pub const TIMEOUT_MILLIS: i32 = 29_000;

impl Resource for ApiMethod {
    // It is put anew as a whole: callers see what is deployed, so nobody sees it gone.
    const IN_PLACE: &'static [&'static str] =
        &["authorization", "authorizer", "scopes", "api_key_required", "request_parameters", "integration"];
    const OWNERS: &'static [&'static str] = &["resource", "rest_api"];
    const IN_SET: bool = true;
    const VANISHES: bool = true;
    const TAGGED: bool = false;
    const OPERATIONS: Operations =
        Operations { service: SERVICE, create: "PutMethod", change: "PutMethod", delete: "DeleteMethod" };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 0.5 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.resource.text(), self.http_method))
    }

    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let (api, resource) = (self.rest_api.id()?, self.resource.id()?);
        let authorizer = self.authorizer.as_ref().map(|authorizer| authorizer.id().map(str::to_owned)).transpose()?;
        let scopes: Vec<String> = self.scopes.iter().cloned().collect();
        let parameters: HashMap<String, bool> = self.request_parameters.clone().into_iter().collect();
        aws.write(SERVICE, "PutMethod", || {
            let call = aws.apigateway.put_method().rest_api_id(api).resource_id(resource);
            let call = call.http_method(&self.http_method).authorization_type(&self.authorization);
            let call = call.set_authorizer_id(authorizer.clone()).api_key_required(self.api_key_required);
            let call = call.set_request_parameters(Some(parameters.clone()));
            call.set_authorization_scopes((!scopes.is_empty()).then(|| scopes.clone())).send()
        })
        .await?;
        Ok(Observed::standing(id(resource, &self.http_method), Tags::new(), Self { integration: None, ..self.clone() }))
    }

    /// What answers it takes calls of its own.
    async fn complete(&self, aws: &Aws, _id: &str) -> Result<(), Failure> {
        match &self.integration {
            Some(integration) => self.put_integration(aws, integration).await,
            None => Ok(()),
        }
    }

    fn as_created(&self) -> Self {
        Self { integration: None, ..self.clone() }
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        match Self::delete(aws, from).await {
            Err(failure) if failure.class != Class::NotFound => return Err(failure),
            _ => {}
        }
        let made = self.create(aws, &Creation::default()).await?;
        self.complete(aws, &made.id).await
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::ApiMethod(method) = &observed.spec else { return Ok(()) };
        let (api, resource) = (method.rest_api.id()?, method.resource.id()?);
        aws.write(SERVICE, "DeleteMethod", || {
            let call = aws.apigateway.delete_method().rest_api_id(api).resource_id(resource);
            call.http_method(&method.http_method).send()
        })
        .await
        .map(drop)
    }
}

impl ApiMethod {
    async fn put_integration(&self, aws: &Aws, integration: &Integration) -> Result<(), Failure> {
        let (api, resource) = (self.rest_api.id()?, self.resource.id()?);
        let uri = integration.uri.as_ref().map(|uri| uri.id().map(str::to_owned)).transpose()?;
        let templates: HashMap<String, String> = integration.request_templates.clone().into_iter().collect();
        aws.write(SERVICE, "PutIntegration", || {
            let call = aws.apigateway.put_integration().rest_api_id(api).resource_id(resource);
            let call = call.http_method(&self.http_method).r#type(IntegrationType::from(integration.kind.as_str()));
            let call = call.set_integration_http_method(integration.http_method.clone()).set_uri(uri.clone());
            let call = call.set_credentials(integration.credentials.clone());
            let call = call.set_request_templates((!templates.is_empty()).then(|| templates.clone()));
            call.timeout_in_millis(integration.timeout_millis).send()
        })
        .await?;
        for (status, response) in &integration.responses {
            self.put_response(aws, api, resource, status, response).await?;
        }
        Ok(())
    }

    async fn put_response(
        &self,
        aws: &Aws,
        api: &str,
        resource: &str,
        status: &str,
        response: &Response,
    ) -> Result<(), Failure> {
        let declared: HashMap<String, bool> = response.parameters.keys().map(|name| (name.clone(), false)).collect();
        let declared = aws
            .write(SERVICE, "PutMethodResponse", || {
                let call = aws.apigateway.put_method_response().rest_api_id(api).resource_id(resource);
                let call = call.http_method(&self.http_method).status_code(status);
                call.set_response_parameters(Some(declared.clone())).send()
            })
            .await;
        match declared {
            Err(failure) if failure.class != Class::AlreadySo => return Err(failure),
            _ => {}
        }
        let (parameters, templates): (HashMap<_, _>, HashMap<_, _>) =
            (response.parameters.clone().into_iter().collect(), response.templates.clone().into_iter().collect());
        aws.write(SERVICE, "PutIntegrationResponse", || {
            let call = aws.apigateway.put_integration_response().rest_api_id(api).resource_id(resource);
            let call = call.http_method(&self.http_method).status_code(status);
            let call = call.set_response_parameters(Some(parameters.clone()));
            call.set_response_templates(Some(templates.clone())).send()
        })
        .await
        .map(drop)
    }
}

fn id(resource: &str, method: &str) -> String {
    format!("{resource} {method}")
}

fn sorted<T: Clone>(map: Option<&HashMap<String, T>>) -> BTreeMap<String, T> {
    map.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A method as the list of an API's resources shows it.
pub(super) fn read(api: &str, resource: &str, name: &str, method: &SdkMethod) -> Observed {
    let spec = ApiMethod {
        rest_api: Ref::known(api),
        resource: Ref::known(resource),
        http_method: name.to_owned(),
        authorization: method.authorization_type().unwrap_or("NONE").to_owned(),
        authorizer: method.authorizer_id().map(Ref::known),
        scopes: method.authorization_scopes().iter().cloned().collect(),
        api_key_required: method.api_key_required().unwrap_or_default(),
        request_parameters: sorted(method.request_parameters()),
        integration: method.method_integration().map(read_integration),
    };
    Observed::standing(id(resource, name), Tags::new(), spec)
}

fn read_integration(integration: &SdkIntegration) -> Integration {
    let response = |(status, response): (&String, &aws_sdk_apigateway::types::IntegrationResponse)| {
        let parameters = sorted(response.response_parameters());
        (status.clone(), Response { parameters, templates: sorted(response.response_templates()) })
    };
    let timeout = integration.timeout_in_millis();
    Integration {
        kind: integration.r#type().map_or("", IntegrationType::as_str).to_owned(),
        http_method: integration.http_method().map(str::to_owned),
        uri: integration.uri().map(Ref::known),
        credentials: integration.credentials().map(str::to_owned),
        request_templates: sorted(integration.request_templates()),
        timeout_millis: if timeout == 0 { TIMEOUT_MILLIS } else { timeout },
        responses: integration.integration_responses().into_iter().flatten().map(response).collect(),
    }
}
