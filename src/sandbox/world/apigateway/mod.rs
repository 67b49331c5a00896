//! API Gateway's REST APIs in one account and Region.
//!
//! What is under construction and what is deployed are two things: a [`Deployment`](deployment::Deployment) keeps a
//! copy of the API's [`Definition`], and a stage shows callers that copy.

pub mod authorizer;
mod deployment;
mod endpoint;
mod gateway_response;
pub mod integration;
mod integration_response;
mod listing;
pub mod method;
mod patch;
mod policy;
mod resource;
mod rest_api;
mod stage;
mod stage_settings;
mod tags;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ec2::Ec2;
use super::{Context, Dice, not_implemented, read};
use crate::sandbox::api::{Answer, ApiError, Call};
use authorizer::Authorizer;
use gateway_response::GatewayResponse;
use resource::Resource;
use rest_api::RestApi;

/// API Gateway's REST APIs in one account and Region, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ApiGateway {
    #[serde(default)]
    apis: BTreeMap<String, RestApi>,
}

/// What of an API a deployment takes with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// The resource policy, minified; with whole ARNs where the caller gave `execute-api:/…`.
    pub policy: Option<String>,
    /// The paths, by their ids.
    pub resources: BTreeMap<String, Resource>,
    /// Who is asked before a method runs, by their ids.
    pub authorizers: BTreeMap<String, Authorizer>,
    /// What API Gateway itself answers, by the type, where it is not the default.
    pub gateway_responses: BTreeMap<String, GatewayResponse>,
}

impl ApiGateway {
    /// Answers a call.
    ///
    /// # Errors
    /// The refusal, after which the caller must restore the state as it was.
    pub fn handle(&mut self, context: &mut Context<'_>, ec2: &Ec2, call: &Call) -> Answer {
        match call.operation.as_str() {
            "CreateRestApi" => self.create_rest_api(context, ec2, read(call)?),
            "GetRestApi" => self.get_rest_api(context, read(call)?),
            "GetRestApis" => self.get_rest_apis(read(call)?),
            "UpdateRestApi" => self.update_rest_api(context, ec2, read(call)?),
            "DeleteRestApi" => self.delete_rest_api(context, read(call)?),
            "CreateResource" => self.create_resource(context, read(call)?),
            "GetResource" => self.get_resource(read(call)?),
            "GetResources" => self.get_resources(context, read(call)?),
            "UpdateResource" => self.update_resource(read(call)?),
            "DeleteResource" => self.delete_resource(read(call)?),
            "PutMethod" => self.put_method(read(call)?),
            "GetMethod" => self.get_method(read(call)?),
            "UpdateMethod" => self.update_method(read(call)?),
            "DeleteMethod" => self.delete_method(read(call)?),
            "PutMethodResponse" => self.put_method_response(read(call)?),
            "GetMethodResponse" => self.get_method_response(read(call)?),
            "DeleteMethodResponse" => self.delete_method_response(read(call)?),
            "PutIntegration" => self.put_integration(context, read(call)?),
            "GetIntegration" => self.get_integration(read(call)?),
            "UpdateIntegration" => self.update_integration(context, read(call)?),
            "DeleteIntegration" => self.delete_integration(read(call)?),
            "PutIntegrationResponse" => self.put_integration_response(read(call)?),
            "GetIntegrationResponse" => self.get_integration_response(read(call)?),
            "DeleteIntegrationResponse" => self.delete_integration_response(read(call)?),
            "CreateAuthorizer" => self.create_authorizer(context, read(call)?),
            "GetAuthorizer" => self.get_authorizer(context, read(call)?),
            "GetAuthorizers" => self.get_authorizers(context, read(call)?),
            "UpdateAuthorizer" => self.update_authorizer(context, read(call)?),
            "DeleteAuthorizer" => self.delete_authorizer(context, read(call)?),
            "CreateDeployment" => self.create_deployment(context, read(call)?),
            "GetDeployment" => self.get_deployment(context, read(call)?),
            "GetDeployments" => self.get_deployments(context, read(call)?),
            "UpdateDeployment" => self.update_deployment(context, read(call)?),
            "DeleteDeployment" => self.delete_deployment(context, read(call)?),
            "CreateStage" => self.create_stage(context, read(call)?),
            "GetStage" => self.get_stage(context, read(call)?),
            "GetStages" => self.get_stages(context, read(call)?),
            "UpdateStage" => self.update_stage(context, read(call)?),
            "DeleteStage" => self.delete_stage(context, read(call)?),
            "PutGatewayResponse" => self.put_gateway_response(context, read(call)?),
            "GetGatewayResponse" => self.get_gateway_response(context, read(call)?),
            "GetGatewayResponses" => self.get_gateway_responses(context, read(call)?),
            "DeleteGatewayResponse" => self.delete_gateway_response(context, read(call)?),
            "TagResource" => self.tag_resource(context, read(call)?),
            "UntagResource" => self.untag_resource(context, read(call)?),
            "GetTags" => self.get_tags(context, read(call)?),
            "GetAccount" => Ok(account()),
            _ => Err(not_implemented(call, "the operation")),
        }
    }

    /// Lets happen what is due by now: nothing here takes time.
    pub fn settle(&mut self, _now: Timestamp) {}

    /// What stands of what was made here.
    pub fn standing(&self) -> Value {
        json!(self)
    }

    fn api(&self, context: &Context<'_>, id: &str) -> Result<&RestApi, ApiError> {
        self.apis.get(id).ok_or_else(|| no_api(context, id))
    }

    fn api_mut(&mut self, context: &Context<'_>, id: &str) -> Result<&mut RestApi, ApiError> {
        self.apis.get_mut(id).ok_or_else(|| no_api(context, id))
    }
}

/// What requests to deployed APIs need to know.
impl ApiGateway {
    /// What callers of an API's stage get, if there is such a stage.
    pub fn deployed(&self, api_id: &str, stage: &str) -> Option<&Definition> {
        let api = self.apis.get(api_id)?;
        let stage = api.stages.get(stage)?;
        api.deployments.get(&stage.deployment_id).map(|deployment| &deployment.definition)
    }

    /// The VPC endpoint that an API is bound to, if this is its name there: `APIID-VPCEID.execute-api.…`.
    pub fn bound_name<'a>(&self, context: &Context<'_>, name: &'a str) -> Option<&'a str> {
        let domain = format!(".execute-api.{}.{}", context.region, context.dns_suffix());
        let (api_id, vpc_endpoint_id) = name.strip_suffix(&domain)?.split_once('-')?;
        self.is_bound(api_id, vpc_endpoint_id).then_some(vpc_endpoint_id)
    }

    /// Whether an API is bound to a VPC endpoint.
    pub fn is_bound(&self, api_id: &str, vpc_endpoint_id: &str) -> bool {
        let api = self.apis.get(api_id);
        api.is_some_and(|api| api.endpoint.vpc_endpoint_ids.iter().any(|id| id == vpc_endpoint_id))
    }

    /// Whether nobody may call an API by the name that API Gateway gave it.
    pub fn hides_own_name(&self, api_id: &str) -> bool {
        self.apis.get(api_id).is_some_and(RestApi::hides_own_name)
    }

    /// Whether an API can be called through VPC endpoints only, if there is such an API.
    pub fn is_private(&self, api_id: &str) -> Option<bool> {
        self.apis.get(api_id).map(|api| api.endpoint.is_private())
    }
}

/// The settings of the account, which nobody can change here.
fn account() -> Value {
    json!({
        "throttleSettings": {"burstLimit": 5000, "rateLimit": 10_000.0},
        "features": ["UsagePlans"],
        "apiKeyVersion": "4",
    })
}

/// An id as API Gateway makes them.
fn new_id(dice: &mut Dice, length: usize) -> String {
    dice.string(b"abcdefghijklmnopqrstuvwxyz0123456789", length)
}

fn no_api(context: &Context<'_>, id: &str) -> ApiError {
    not_found(format!("Invalid API identifier specified {}:{id}", context.account))
}

fn bad_request(message: impl Into<String>) -> ApiError {
    ApiError::new("BadRequestException", message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new("NotFoundException", message)
}

fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new("ConflictException", message)
}

/// The refusal of one more of what an API has as many of as it may: `what` is in the plural.
fn limit_exceeded(what: &str) -> ApiError {
    let message = format!(
        "Maximum number of {what} for this API has been reached. Please contact AWS if you need additional {what}."
    );
    ApiError::new("LimitExceededException", message)
}

/// The refusal of something that API Gateway has and this world lacks.
fn unsupported(what: &str) -> ApiError {
    ApiError::new("NotImplemented", format!("the sandbox does not model {what} (apigateway)")).with_status(501)
}

/// The refusal of a role that another account has.
///
/// # Errors
/// `AccessDeniedException`; `BadRequestException` for what is no role.
fn check_role(context: &Context<'_>, arn: &str) -> Result<(), ApiError> {
    let role = context.global_arn("iam", "role/");
    // The caller's own credentials pass through.
    if arn.starts_with(&role) || arn == format!("arn:{}:iam::*:user/*", context.partition()) {
        return Ok(());
    }
    if arn.split(':').nth(4).is_some_and(|account| account != context.account) {
        return Err(ApiError::new("AccessDeniedException", "Cross-account pass role is not allowed."));
    }
    Err(bad_request("Invalid ARN specified in the request"))
}

/// The ARN of the Lambda function in `arn:PARTITION:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`.
fn function_of<'a>(context: &Context<'_>, uri: &'a str) -> Option<&'a str> {
    let prefix = format!("arn:{}:apigateway:{}:lambda:path/", context.partition(), context.region);
    let path = uri.strip_prefix(&prefix)?.trim_start_matches('/');
    let function = path.strip_prefix("2015-03-31/functions/")?.strip_suffix("/invocations")?;
    let mut parts = function.split(':');
    let is_function = parts.next() == Some("arn") && parts.nth(1) == Some("lambda") && parts.nth(2) == Some("function");
    (is_function && parts.next().is_some_and(|name| !name.is_empty())).then_some(function)
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    #[test]
    fn what_is_not_modelled_is_refused_by_name() {
        let mut world = Sandbox::new();
        for (member, value) in [
            ("cloneFrom", json!("a1b2c3d4e5")),
            ("securityPolicy", json!("TLS_1_2")),
            ("endpointAccessMode", json!("STRICT")),
        ] {
            let input = json!({"name": "lab", member: value});
            assert_eq!(world.refused("CreateRestApi", input), "NotImplemented", "{member}");
        }
        assert_eq!(world.refused("GetUsagePlans", json!({})), "NotImplemented");
    }

    #[test]
    fn a_region_that_was_only_looked_at_holds_nothing() {
        let mut world = Sandbox::new();
        let before = world.standing();
        world.ok("GetRestApis", json!({}));
        assert_eq!(world.ok("GetAccount", json!({}))["throttleSettings"]["burstLimit"], 5000);
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn a_stage_shows_what_was_deployed_and_not_what_was_changed_since() {
        let mut world = Sandbox::new();
        let api = world.deployed_api("prod");
        let late = world.resource(&api, "late");
        world.ok("DeleteResource", json!({"restApiId": api.id, "resourceId": api.user}));
        let gateway = world.gateway();
        let deployed = gateway.deployed(&api.id, "prod").unwrap();
        assert!(deployed.resources.contains_key(&api.user));
        assert!(!deployed.resources.contains_key(&late));
        assert!(gateway.deployed(&api.id, "test").is_none());
        assert!(gateway.deployed("a1b2c3d4e5", "prod").is_none());
    }

    #[test]
    fn a_changed_policy_takes_effect_when_it_is_deployed() {
        let mut world = Sandbox::new();
        let api = world.deployed_api("prod");
        let policy = |world: &Sandbox| world.gateway().deployed(&api.id, "prod").unwrap().policy.clone().unwrap();
        assert!(!policy(&world).contains("vpce-changed"));
        world.patch_api(&api.id, "replace", "/policy", &invoke_policy("vpce-changed")).unwrap();
        assert!(!policy(&world).contains("vpce-changed"));
        world.ok("CreateDeployment", json!({"restApiId": api.id, "stageName": "prod"}));
        assert!(policy(&world).contains("vpce-changed"));
    }

    #[test]
    fn an_api_is_found_by_the_endpoint_that_it_is_bound_to() {
        let mut world = Sandbox::new();
        let endpoint = world.endpoint.clone();
        let api = world.private_api();
        world.ok("CreateRestApi", json!({"name": "public"}));
        assert!(world.gateway().is_bound(&api.id, &endpoint));
        assert_eq!(world.gateway().is_private(&api.id), Some(true));
        assert!(!world.gateway().is_bound(&api.id, "vpce-00000000000000000"));
    }

    #[test]
    fn a_bound_api_has_a_name_at_its_endpoint_in_its_own_region() {
        let mut world = Sandbox::new();
        let (id, endpoint) = (world.private_api().id, world.endpoint.clone());
        let context = Context {
            now: world.stage.now,
            durations: crate::sandbox::world::Durations::Typical,
            quotas: 1,
            dice: &mut Dice::new(1),
            account: "111122223333",
            access_key: "",
            region: "us-east-1",
            iam: None,
            hosted_zones: None,
            service_linked_role: None,
        };
        let bound = |name: String| world.gateway().bound_name(&context, &name).map(str::to_owned);
        assert_eq!(bound(format!("{id}-{endpoint}.execute-api.us-east-1.amazonaws.com")), Some(endpoint.clone()));
        for other in [
            format!("{id}.execute-api.us-east-1.amazonaws.com"),
            format!("{id}-{endpoint}.execute-api.eu-west-1.amazonaws.com"),
            format!("{id}-{}.execute-api.us-east-1.amazonaws.com", world.other_endpoint),
            format!("other-{endpoint}.execute-api.us-east-1.amazonaws.com"),
        ] {
            assert_eq!(bound(other.clone()), None, "{other}");
        }
    }
}
