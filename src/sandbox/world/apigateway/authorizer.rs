//! Authorizers: who is asked before a method runs.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::patch::{Op, PatchOperation};
use super::{
    ApiGateway, Definition, bad_request, check_role, conflict, function_of, limit_exceeded, listing, new_id, not_found,
};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Authorizers per API.
const QUOTA: usize = 10;

/// Seconds for which a result counts, by default and at most.
const TTL: i64 = 300;
const MAX_TTL: i64 = 3600;

/// Where a token is, if nothing else is said.
const TOKEN_HEADER: &str = "method.request.header.Authorization";

/// What an authorizer looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthorizerType {
    /// A function looks at one header.
    Token,
    /// A function looks at the request.
    Request,
    /// API Gateway itself looks at a token of a user pool.
    CognitoUserPools,
}

/// Who is asked before a method runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorizer {
    /// Unique in its API.
    pub name: String,
    /// What it looks at.
    #[serde(rename = "type")]
    pub authorizer_type: AuthorizerType,
    /// The user pools whose tokens count.
    #[serde(rename = "providerARNs", default, skip_serializing_if = "Vec::is_empty")]
    pub provider_arns: Vec<String>,
    auth_type: String,
    /// How its function is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer_credentials: Option<String>,
    /// Where in a request to look: `method.request.header.Authorization`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_validation_expression: Option<String>,
    /// Seconds for which a result counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer_result_ttl_in_seconds: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateAuthorizer {
    rest_api_id: String,
    name: String,
    #[serde(rename = "type")]
    authorizer_type: AuthorizerType,
    #[serde(rename = "providerARNs", default)]
    provider_arns: Vec<String>,
    auth_type: Option<String>,
    authorizer_uri: Option<String>,
    authorizer_credentials: Option<String>,
    identity_source: Option<String>,
    identity_validation_expression: Option<String>,
    authorizer_result_ttl_in_seconds: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthorizerId {
    rest_api_id: String,
    authorizer_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetAuthorizers {
    rest_api_id: String,
    position: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateAuthorizer {
    rest_api_id: String,
    authorizer_id: String,
    #[serde(default)]
    patch_operations: Vec<PatchOperation>,
}

impl Authorizer {
    fn new(request: CreateAuthorizer) -> Self {
        let asks_pools = request.authorizer_type == AuthorizerType::CognitoUserPools;
        let auth_type = if asks_pools { "cognito_user_pools" } else { "custom" };
        let default_source = asks_pools.then(|| TOKEN_HEADER.to_owned());
        // API Gateway keeps no results of pools.
        let default_ttl = (!asks_pools).then_some(TTL);
        Self {
            name: request.name,
            authorizer_type: request.authorizer_type,
            provider_arns: request.provider_arns,
            auth_type: request.auth_type.unwrap_or_else(|| auth_type.into()),
            authorizer_uri: request.authorizer_uri,
            authorizer_credentials: request.authorizer_credentials,
            identity_source: request.identity_source.or(default_source),
            identity_validation_expression: request.identity_validation_expression,
            authorizer_result_ttl_in_seconds: request.authorizer_result_ttl_in_seconds.or(default_ttl),
        }
    }

    fn view(&self, id: &str) -> Value {
        let mut view = json!(self);
        view["id"] = json!(id);
        view
    }

    fn check(&self, context: &Context<'_>) -> Result<(), ApiError> {
        if self.name.is_empty() {
            return Err(bad_request("Authorizer name cannot be empty"));
        }
        if self.authorizer_result_ttl_in_seconds.is_some_and(|ttl| !(0..=MAX_TTL).contains(&ttl)) {
            return Err(bad_request(format!("Authorizer result TTL should be between 0 and {MAX_TTL} seconds")));
        }
        if let Some(credentials) = &self.authorizer_credentials {
            check_role(context, credentials)?;
        }
        let sources: Vec<&str> = self.identity_source.iter().flat_map(|sources| sources.split(',')).collect();
        if let Some(wrong) = sources.iter().find(|source| !is_identity_source(source.trim())) {
            return Err(bad_request(format!("Invalid identity source expression specified: {wrong}")));
        }
        match self.authorizer_type {
            AuthorizerType::CognitoUserPools => self.check_pools(context),
            AuthorizerType::Token => {
                if sources.len() != 1 || !sources.iter().all(|source| source.contains(".header.")) {
                    return Err(bad_request("A TOKEN authorizer needs one request header as its identity source"));
                }
                self.check_function(context)
            }
            AuthorizerType::Request => {
                if sources.is_empty() && self.authorizer_result_ttl_in_seconds != Some(0) {
                    return Err(bad_request("A REQUEST authorizer that keeps results needs an identity source"));
                }
                self.check_function(context)
            }
        }
    }

    /// Whether there is such a function is found out when it is called.
    fn check_function(&self, context: &Context<'_>) -> Result<(), ApiError> {
        let uri = self.authorizer_uri.as_deref().unwrap_or_default();
        if function_of(context, uri).is_some() {
            return Ok(());
        }
        Err(bad_request(format!(
            "Invalid Authorizer URI: {uri}. Authorizer URI should be a valid API Gateway ARN that represents a Lambda \
             function invocation."
        )))
    }

    /// Whether there is such a pool is found out when a token comes.
    fn check_pools(&self, context: &Context<'_>) -> Result<(), ApiError> {
        if self.provider_arns.is_empty() {
            return Err(bad_request("A COGNITO_USER_POOLS authorizer needs at least one user pool"));
        }
        let prefix = format!("arn:{}:cognito-idp:", context.partition());
        let is_pool = |arn: &str| {
            let mut parts = arn.strip_prefix(&prefix).unwrap_or_default().splitn(3, ':');
            let (region, account, pool) = (parts.next(), parts.next(), parts.next());
            let named = pool.and_then(|pool| pool.strip_prefix("userpool/")).is_some_and(|id| !id.is_empty());
            named && region.is_some_and(|region| !region.is_empty()) && account.is_some_and(|id| id.len() == 12)
        };
        match self.provider_arns.iter().find(|arn| !is_pool(arn)) {
            Some(arn) => Err(bad_request(format!("Invalid Cognito User Pool ARN specified: {arn}"))),
            None => Ok(()),
        }
    }

    fn patch(&mut self, patch: &PatchOperation) -> Result<(), ApiError> {
        match patch.path.as_str() {
            "/name" => self.name = patch.replaces()?.text(),
            "/type" => {
                self.authorizer_type = serde_json::from_value(json!(patch.replaces()?.text()))
                    .map_err(|_| bad_request("Invalid authorizer type specified"))?;
            }
            "/authType" => self.auth_type = patch.replaces()?.text(),
            "/authorizerUri" => self.authorizer_uri = patch.replaces()?.optional(),
            "/authorizerCredentials" => self.authorizer_credentials = patch.replaces()?.optional(),
            "/identitySource" => {
                self.identity_source = patch.leaves(&[Op::Add, Op::Replace, Op::Remove])?;
            }
            "/identityValidationExpression" => self.identity_validation_expression = patch.replaces()?.optional(),
            "/authorizerResultTtlInSeconds" => {
                let ttl = patch.replaces()?.text().parse();
                let wrong = |_| bad_request("Authorizer result TTL must be a number");
                self.authorizer_result_ttl_in_seconds = Some(ttl.map_err(wrong)?);
            }
            "/providerARNs" => {
                let missing = "Invalid provider ARN specified";
                patch.apply_to_list(&mut self.provider_arns, &patch.text(), missing)?;
            }
            _ => return Err(patch.bad_path()),
        }
        Ok(())
    }
}

fn is_identity_source(source: &str) -> bool {
    let prefixes = [
        "method.request.header.",
        "method.request.querystring.",
        "method.request.path.",
        "stageVariables.",
        "context.",
    ];
    prefixes.iter().any(|prefix| source.strip_prefix(prefix).is_some_and(|name| !name.is_empty()))
}

fn no_authorizer() -> ApiError {
    not_found("Invalid Authorizer identifier specified")
}

impl Definition {
    fn check_name(&self, name: &str, own_id: Option<&str>) -> Result<(), ApiError> {
        let mut others = self.authorizers.iter().filter(|(id, _)| own_id != Some(*id));
        if others.any(|(_, other)| other.name == name) {
            let message = format!("Authorizer name must be unique. Authorizer {name} already exists in this RestApi.");
            return Err(conflict(message));
        }
        Ok(())
    }

    /// A method that asks the authorizer, as API Gateway names it.
    fn asked_by(&self, authorizer_id: &str) -> Option<String> {
        self.resources.iter().find_map(|(id, resource)| {
            let mut methods = resource.methods.iter();
            let (verb, _) = methods.find(|(_, method)| method.authorizer_id.as_deref() == Some(authorizer_id))?;
            Some(format!("{verb}/{}", self.path(id)))
        })
    }
}

impl ApiGateway {
    pub(super) fn create_authorizer(&mut self, context: &mut Context<'_>, request: CreateAuthorizer) -> Answer {
        // What API Gateway really says where there is no such API.
        let busy = || conflict("Unable to complete operation due to concurrent modification. Please try again later.");
        let definition = &mut self.apis.get_mut(&request.rest_api_id).ok_or_else(busy)?.definition;
        let authorizer = Authorizer::new(request);
        authorizer.check(context)?;
        definition.check_name(&authorizer.name, None)?;
        if definition.authorizers.len() >= QUOTA {
            return Err(limit_exceeded("authorizers"));
        }
        let id = new_id(context.dice, 6);
        let view = authorizer.view(&id);
        definition.authorizers.insert(id, authorizer);
        Ok(view)
    }

    pub(super) fn get_authorizer(&self, context: &Context<'_>, request: AuthorizerId) -> Answer {
        let authorizers = &self.api(context, &request.rest_api_id)?.definition.authorizers;
        Ok(authorizers.get(&request.authorizer_id).ok_or_else(no_authorizer)?.view(&request.authorizer_id))
    }

    pub(super) fn get_authorizers(&self, context: &Context<'_>, request: GetAuthorizers) -> Answer {
        let authorizers = self.api(context, &request.rest_api_id)?.definition.authorizers.iter();
        let views = authorizers.map(|(id, authorizer)| (id.clone(), authorizer.view(id))).collect();
        listing::page(views, request.limit, request.position.as_deref())
    }

    pub(super) fn update_authorizer(&mut self, context: &Context<'_>, request: UpdateAuthorizer) -> Answer {
        let id = &request.authorizer_id;
        let definition = &mut self.api_mut(context, &request.rest_api_id)?.definition;
        let mut authorizer = definition.authorizers.get(id).ok_or_else(no_authorizer)?.clone();
        request.patch_operations.iter().try_for_each(|patch| authorizer.patch(patch))?;
        authorizer.check(context)?;
        definition.check_name(&authorizer.name, Some(id))?;
        let view = authorizer.view(id);
        definition.authorizers.insert(id.clone(), authorizer);
        Ok(view)
    }

    pub(super) fn delete_authorizer(&mut self, context: &Context<'_>, request: AuthorizerId) -> Answer {
        let id = &request.authorizer_id;
        let definition = &mut self.api_mut(context, &request.rest_api_id)?.definition;
        let authorizer = definition.authorizers.get(id).ok_or_else(no_authorizer)?;
        if let Some(method) = definition.asked_by(id) {
            let name = &authorizer.name;
            return Err(conflict(format!("Cannot delete authorizer '{name}', is referenced in method: {method}")));
        }
        definition.authorizers.remove(id);
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn token(api: &Api, more: Value) -> Value {
        let base = json!({
            "restApiId": api.id,
            "name": "token",
            "type": "TOKEN",
            "authorizerUri": FUNCTION_URI,
            "identitySource": TOKEN_HEADER,
        });
        merged(base, more)
    }

    fn pools(api: &Api, more: Value) -> Value {
        let base =
            json!({"restApiId": api.id, "name": "pools", "type": "COGNITO_USER_POOLS", "providerARNs": [POOL_ARN]});
        merged(base, more)
    }

    #[test]
    fn an_authorizer_of_pools_reads_a_header_and_keeps_no_results() {
        let mut world = Sandbox::new();
        let api = world.api();
        let made = world.ok("CreateAuthorizer", pools(&api, json!({})));
        let id = text(&made["id"]);
        assert_eq!(id.len(), 6);
        let shown = json!({
            "id": id,
            "name": "pools",
            "type": "COGNITO_USER_POOLS",
            "providerARNs": [POOL_ARN],
            "authType": "cognito_user_pools",
            "identitySource": "method.request.header.Authorization",
        });
        assert_eq!(made, shown);
        assert_eq!(world.ok("GetAuthorizer", json!({"restApiId": api.id, "authorizerId": id})), shown);
        assert_eq!(world.ok("GetAuthorizers", json!({"restApiId": api.id})), json!({"items": [shown]}));
    }

    #[test]
    fn results_of_functions_count_for_five_minutes_unless_said_otherwise() {
        let mut world = Sandbox::new();
        let api = world.api();
        let ttl = |world: &mut Sandbox, name: &str, more: Value| {
            let input = merged(token(&api, json!({"name": name})), more);
            world.ok("CreateAuthorizer", input)["authorizerResultTtlInSeconds"].clone()
        };
        assert_eq!(ttl(&mut world, "a", json!({})), 300);
        assert_eq!(ttl(&mut world, "b", json!({"authorizerResultTtlInSeconds": 0})), 0);
        assert_eq!(ttl(&mut world, "c", json!({"authorizerResultTtlInSeconds": 3600})), 3600);
    }

    #[test]
    fn wrong_authorizers_are_refused() {
        let mut world = Sandbox::new();
        let api = world.api();
        let function = "arn:aws:lambda:us-east-1:111122223333:function:presign";
        for input in [
            token(&api, json!({"authorizerResultTtlInSeconds": 3601})),
            token(&api, json!({"authorizerResultTtlInSeconds": -1})),
            token(&api, json!({"authorizerUri": function})),
            token(&api, json!({"authorizerUri": null})),
            token(&api, json!({"identitySource": null})),
            token(&api, json!({"identitySource": "Authorization"})),
            token(&api, json!({"identitySource": "method.request.querystring.token"})),
            token(&api, json!({"type": "REQUEST", "identitySource": null})),
            token(&api, json!({"name": ""})),
            pools(&api, json!({"providerARNs": []})),
            pools(&api, json!({"providerARNs": ["us-east-1_Ab1Cd2Ef3"]})),
            pools(&api, json!({"providerARNs": [POOL_ARN.replace("arn:aws:", "arn:aws-cn:")]})),
        ] {
            let shown = input.to_string();
            assert_eq!(world.refused("CreateAuthorizer", input), "BadRequestException", "{shown}");
        }
    }

    #[test]
    fn a_request_authorizer_that_keeps_no_results_needs_no_source() {
        let mut world = Sandbox::new();
        let api = world.api();
        let more = json!({"type": "REQUEST", "identitySource": null, "authorizerResultTtlInSeconds": 0});
        assert_eq!(world.ok("CreateAuthorizer", token(&api, more)).get("identitySource"), None);
    }

    #[test]
    fn names_are_unique_in_an_api() {
        let mut world = Sandbox::new();
        let (api, other) = (world.api(), world.api());
        world.ok("CreateAuthorizer", pools(&api, json!({})));
        assert_eq!(world.refused("CreateAuthorizer", pools(&api, json!({}))), "ConflictException");
        world.ok("CreateAuthorizer", pools(&other, json!({})));
    }

    #[test]
    fn an_api_has_ten_authorizers_at_most() {
        let mut world = Sandbox::new();
        let api = world.api();
        for number in 0..QUOTA {
            world.ok("CreateAuthorizer", pools(&api, json!({"name": number.to_string()})));
        }
        assert_eq!(world.refused("CreateAuthorizer", pools(&api, json!({}))), "LimitExceededException");
    }

    #[test]
    fn an_api_that_is_not_there_reads_as_busy_to_a_create_call() {
        let mut world = Sandbox::new();
        let mut api = world.api();
        api.id = "a1b2c3d4e5".into();
        assert_eq!(world.refused("CreateAuthorizer", pools(&api, json!({}))), "ConflictException");
        assert_eq!(world.refused("GetAuthorizers", json!({"restApiId": api.id})), "NotFoundException");
    }

    #[test]
    fn patches_change_what_their_paths_name() {
        let mut world = Sandbox::new();
        let api = world.api();
        let id = world.pool_authorizer(&api);
        let other = POOL_ARN.replace("Ab1", "Zz9");
        let mut patch = |op: &str, path: &str, value: &str| {
            let patches = json!([{"op": op, "path": path, "value": value}]);
            let input = json!({"restApiId": api.id, "authorizerId": id, "patchOperations": patches});
            world.call("UpdateAuthorizer", input)
        };
        assert_eq!(patch("add", "/providerARNs", &other).unwrap()["providerARNs"], json!([POOL_ARN, other]));
        assert_eq!(patch("remove", "/providerARNs", POOL_ARN).unwrap()["providerARNs"], json!([other]));
        assert_eq!(patch("replace", "/name", "other").unwrap()["name"], "other");
        let ttl = patch("replace", "/authorizerResultTtlInSeconds", "60").unwrap();
        assert_eq!(ttl["authorizerResultTtlInSeconds"], 60);
        for (op, path, value, code) in [
            ("remove", "/providerARNs", other.as_str(), "BadRequestException"),
            ("replace", "/authorizerResultTtlInSeconds", "4000", "BadRequestException"),
            ("add", "/name", "a", "BadRequestException"),
            ("replace", "/id", "a", "BadRequestException"),
        ] {
            assert_eq!(patch(op, path, value).unwrap_err().code, code, "{op} {path}");
        }
    }

    #[test]
    fn an_authorizer_that_a_method_asks_can_not_be_deleted() {
        let mut world = Sandbox::new();
        let api = world.private_api();
        let id = world.pool_authorizer(&api);
        let patches = json!([
            {"op": "replace", "path": "/authorizationType", "value": "COGNITO_USER_POOLS"},
            {"op": "replace", "path": "/authorizerId", "value": id},
        ]);
        world.ok("UpdateMethod", merged(api.get(), json!({"patchOperations": patches})));
        let delete = json!({"restApiId": api.id, "authorizerId": id});
        let refusal = world.call("DeleteAuthorizer", delete.clone()).unwrap_err();
        let message = "Cannot delete authorizer 'pools', is referenced in method: GET//presign/{user}";
        assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("ConflictException", message));
        world.ok("DeleteMethod", api.get());
        world.ok("DeleteAuthorizer", delete.clone());
        assert_eq!(world.refused("DeleteAuthorizer", delete.clone()), "NotFoundException");
        assert_eq!(world.refused("GetAuthorizer", delete), "NotFoundException");
    }
}
