//! Methods of resources, and the responses that they declare.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::authorizer::AuthorizerType;
use super::integration::Integration;
use super::patch::PatchOperation;
use super::resource::Resource;
use super::{ApiGateway, Definition, bad_request, conflict, not_found};
use crate::sandbox::api::{Answer, ApiError};

const VERBS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY"];

/// The models that every API has; others can't be made here.
const MODELS: [&str; 2] = ["Empty", "Error"];

const NO_PARAMETER: &str = "Invalid parameter name specified";
const NO_CONTENT_TYPE: &str = "Content-Type specified was not found";

/// Who may call a method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthorizationType {
    /// Everybody.
    #[default]
    None,
    /// Who signs with credentials of AWS that allow it.
    AwsIam,
    /// Whom a function lets through.
    Custom,
    /// Who has a token of a user pool.
    CognitoUserPools,
}

/// What a resource does at one verb.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Method {
    /// Who may call it.
    pub authorization_type: AuthorizationType,
    /// The authorizer that is asked.
    pub authorizer_id: Option<String>,
    /// One of these must be in an access token; with none an id token is what counts.
    pub authorization_scopes: Vec<String>,
    /// Whether callers need an API key.
    pub api_key_required: bool,
    operation_name: Option<String>,
    request_parameters: Option<BTreeMap<String, bool>>,
    request_models: Option<BTreeMap<String, String>>,
    /// What it declares to answer, by the status.
    pub responses: BTreeMap<String, MethodResponse>,
    /// What answers.
    pub integration: Option<Integration>,
}

/// A response that a method declares.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MethodResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    response_parameters: Option<BTreeMap<String, bool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_models: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutMethod {
    rest_api_id: String,
    resource_id: String,
    http_method: String,
    authorization_type: String,
    authorizer_id: Option<String>,
    #[serde(default)]
    authorization_scopes: Vec<String>,
    #[serde(default)]
    api_key_required: bool,
    operation_name: Option<String>,
    request_parameters: Option<BTreeMap<String, bool>>,
    request_models: Option<BTreeMap<String, String>>,
    request_validator_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MethodId {
    pub rest_api_id: String,
    pub resource_id: String,
    pub http_method: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateMethod {
    rest_api_id: String,
    resource_id: String,
    http_method: String,
    #[serde(default)]
    patch_operations: Vec<PatchOperation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutMethodResponse {
    rest_api_id: String,
    resource_id: String,
    http_method: String,
    status_code: String,
    response_parameters: Option<BTreeMap<String, bool>>,
    response_models: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResponseId {
    pub rest_api_id: String,
    pub resource_id: String,
    pub http_method: String,
    pub status_code: String,
}

impl Method {
    pub fn view(&self, verb: &str) -> Value {
        let mut view = json!({
            "httpMethod": verb,
            "authorizationType": self.authorization_type,
            "apiKeyRequired": self.api_key_required,
        });
        let responses = self.responses.iter().map(|(status, response)| (status.clone(), response.view(status)));
        let optional = [
            ("authorizerId", json!(self.authorizer_id)),
            ("operationName", json!(self.operation_name)),
            ("requestParameters", json!(self.request_parameters)),
            ("requestModels", json!(self.request_models)),
            (
                "authorizationScopes",
                json!((!self.authorization_scopes.is_empty()).then_some(&self.authorization_scopes)),
            ),
            ("methodResponses", json!((!self.responses.is_empty()).then(|| responses.collect::<Value>()))),
            ("methodIntegration", json!(self.integration.as_ref().map(Integration::view))),
        ];
        for (member, value) in optional {
            if !value.is_null() {
                view[member] = value;
            }
        }
        view
    }

    fn patch(&mut self, patch: &PatchOperation) -> Result<(), ApiError> {
        let segments = patch.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["authorizationType"] => self.authorization_type = authorization_type(&patch.replaces()?.text())?,
            ["authorizerId"] => self.authorizer_id = patch.replaces()?.optional(),
            ["apiKeyRequired"] => self.api_key_required = patch.replaces()?.flag(),
            ["operationName"] => self.operation_name = patch.replaces()?.optional(),
            ["requestValidatorId"] => check_validator(patch.replaces()?.optional().as_deref())?,
            ["requestParameters", name] => {
                patch.apply_to(&mut self.request_parameters, name, patch.flag(), NO_PARAMETER)?;
            }
            ["requestModels", content_type] => {
                patch.apply_to(&mut self.request_models, content_type, patch.text(), NO_CONTENT_TYPE)?;
            }
            ["authorizationScopes"] => {
                let missing = "Invalid authorization scope specified";
                patch.apply_to_list(&mut self.authorization_scopes, &patch.text(), missing)?;
            }
            _ => return Err(patch.bad_path()),
        }
        Ok(())
    }

    /// Forgets the authorizer where the authorization type asks none, and refuses what does not fit together.
    fn fit(&mut self, definition: &Definition) -> Result<(), ApiError> {
        let authorizer = self.authorizer_id.as_ref().and_then(|id| definition.authorizers.get(id));
        let is_valid = match self.authorization_type {
            AuthorizationType::None | AuthorizationType::AwsIam => {
                self.authorizer_id = None;
                self.authorization_scopes.clear();
                true
            }
            AuthorizationType::Custom => {
                authorizer.is_some_and(|authorizer| authorizer.authorizer_type != AuthorizerType::CognitoUserPools)
            }
            AuthorizationType::CognitoUserPools => {
                authorizer.is_some_and(|authorizer| authorizer.authorizer_type == AuthorizerType::CognitoUserPools)
            }
        };
        if !is_valid {
            return Err(bad_request(
                "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires \
                 a valid authorizer.",
            ));
        }
        let parameters = self.request_parameters.iter().flatten().map(|(name, _)| name.as_str());
        check_request_parameters(parameters)?;
        self.request_models.iter().flatten().try_for_each(|(_, model)| check_model(model))
    }
}

impl MethodResponse {
    fn view(&self, status: &str) -> Value {
        let mut view = json!(self);
        view["statusCode"] = json!(status);
        view
    }
}

fn authorization_type(text: &str) -> Result<AuthorizationType, ApiError> {
    let valid = "Valid options are NONE, AWS_IAM, CUSTOM, COGNITO_USER_POOLS";
    serde_json::from_value(json!(text))
        .map_err(|_| bad_request(format!("Invalid authorization type specified: {text}. {valid}")))
}

/// Validators can't be made here: an API has none.
fn check_validator(id: Option<&str>) -> Result<(), ApiError> {
    if id.is_some() { Err(bad_request("Invalid Request Validator identifier specified")) } else { Ok(()) }
}

fn check_model(name: &str) -> Result<(), ApiError> {
    if MODELS.contains(&name) {
        return Ok(());
    }
    Err(bad_request(format!("Invalid model identifier specified: {name}")))
}

fn wrong_mapping(expression: &str) -> ApiError {
    bad_request(format!(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression \
         specified: {expression}]"
    ))
}

fn check_request_parameters<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), ApiError> {
    let mut seen = BTreeSet::new();
    for name in names {
        let rest = name.strip_prefix("method.request.").and_then(|rest| rest.split_once('.'));
        let known = ["path", "querystring", "header", "multivaluequerystring", "multivalueheader"];
        let (_, parameter) = rest
            .filter(|(location, parameter)| known.contains(location) && !parameter.is_empty())
            .ok_or_else(|| wrong_mapping(name))?;
        if !seen.insert(parameter) {
            return Err(bad_request("Parameter names must be unique across querystring, header and path"));
        }
    }
    Ok(())
}

pub(super) fn no_method() -> ApiError {
    not_found("Invalid Method identifier specified")
}

fn no_response() -> ApiError {
    not_found("Invalid Response status code specified")
}

impl Resource {
    pub(super) fn method(&self, verb: &str) -> Result<&Method, ApiError> {
        self.methods.get(verb).ok_or_else(no_method)
    }

    pub(super) fn method_mut(&mut self, verb: &str) -> Result<&mut Method, ApiError> {
        self.methods.get_mut(verb).ok_or_else(no_method)
    }
}

impl ApiGateway {
    pub(super) fn put_method(&mut self, request: PutMethod) -> Answer {
        let (id, verb) = (&request.resource_id, &request.http_method);
        self.resource(&request.rest_api_id, id)?;
        if !VERBS.contains(&verb.as_str()) {
            let valid = VERBS.join(",");
            return Err(bad_request(format!("Invalid HttpMethod specified. Valid options are {valid}")));
        }
        check_validator(request.request_validator_id.as_deref())?;
        let mut method = Method {
            authorization_type: authorization_type(&request.authorization_type)?,
            authorizer_id: request.authorizer_id,
            authorization_scopes: request.authorization_scopes,
            api_key_required: request.api_key_required,
            operation_name: request.operation_name,
            request_parameters: request.request_parameters,
            request_models: request.request_models,
            ..Method::default()
        };
        method.fit(self.definition_mut(&request.rest_api_id)?)?;
        let resource = self.resource_mut(&request.rest_api_id, id)?;
        if resource.methods.contains_key(verb) {
            return Err(conflict("Method already exists for this resource"));
        }
        let view = method.view(verb);
        resource.methods.insert(verb.clone(), method);
        Ok(view)
    }

    pub(super) fn get_method(&self, request: MethodId) -> Answer {
        let resource = self.resource(&request.rest_api_id, &request.resource_id)?;
        Ok(resource.method(&request.http_method)?.view(&request.http_method))
    }

    pub(super) fn update_method(&mut self, request: UpdateMethod) -> Answer {
        let resource = self.resource(&request.rest_api_id, &request.resource_id)?;
        let mut method = resource.method(&request.http_method)?.clone();
        request.patch_operations.iter().try_for_each(|patch| method.patch(patch))?;
        method.fit(self.definition_mut(&request.rest_api_id)?)?;
        let view = method.view(&request.http_method);
        let resource = self.resource_mut(&request.rest_api_id, &request.resource_id)?;
        *resource.method_mut(&request.http_method)? = method;
        Ok(view)
    }

    pub(super) fn delete_method(&mut self, request: MethodId) -> Answer {
        let resource = self.resource_mut(&request.rest_api_id, &request.resource_id)?;
        resource.methods.remove(&request.http_method).ok_or_else(no_method)?;
        Ok(json!({}))
    }

    pub(super) fn put_method_response(&mut self, request: PutMethodResponse) -> Answer {
        let resource = self.resource_mut(&request.rest_api_id, &request.resource_id)?;
        let method = resource.method_mut(&request.http_method)?;
        if method.responses.contains_key(&request.status_code) {
            return Err(conflict("Response already exists for this resource"));
        }
        for (name, _) in request.response_parameters.iter().flatten() {
            let header = name.strip_prefix("method.response.header.");
            header.filter(|header| !header.is_empty()).ok_or_else(|| wrong_mapping(name))?;
        }
        request.response_models.iter().flatten().try_for_each(|(_, model)| check_model(model))?;
        let response = MethodResponse {
            response_parameters: request.response_parameters,
            response_models: request.response_models,
        };
        let view = response.view(&request.status_code);
        method.responses.insert(request.status_code, response);
        Ok(view)
    }

    pub(super) fn get_method_response(&self, request: ResponseId) -> Answer {
        let resource = self.resource(&request.rest_api_id, &request.resource_id)?;
        let responses = &resource.method(&request.http_method)?.responses;
        Ok(responses.get(&request.status_code).ok_or_else(no_response)?.view(&request.status_code))
    }

    pub(super) fn delete_method_response(&mut self, request: ResponseId) -> Answer {
        let resource = self.resource_mut(&request.rest_api_id, &request.resource_id)?;
        let responses = &mut resource.method_mut(&request.http_method)?.responses;
        responses.remove(&request.status_code).ok_or_else(no_response)?;
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn put(api: &Api, verb: &str, more: Value) -> Value {
        let base = json!({
            "restApiId": api.id, "resourceId": api.root, "httpMethod": verb, "authorizationType": "NONE",
        });
        merged(base, more)
    }

    fn patch(world: &mut Sandbox, api: &Api, patches: Value) -> Answer {
        let id = json!({"restApiId": api.id, "resourceId": api.root, "httpMethod": "GET"});
        world.call("UpdateMethod", merged(id, json!({"patchOperations": patches})))
    }

    #[test]
    fn a_method_reads_as_it_was_put() {
        let mut world = Sandbox::new();
        let api = world.api();
        let input = put(&api, "GET", json!({"requestParameters": {"method.request.path.user": true}}));
        let made = world.ok("PutMethod", input.clone());
        let shown = json!({
            "httpMethod": "GET",
            "authorizationType": "NONE",
            "apiKeyRequired": false,
            "requestParameters": {"method.request.path.user": true},
        });
        assert_eq!(made, shown);
        let id = json!({"restApiId": api.id, "resourceId": api.root, "httpMethod": "GET"});
        assert_eq!(world.ok("GetMethod", id.clone()), shown);
        assert_eq!(world.refused("PutMethod", input), "ConflictException");
        world.ok("DeleteMethod", id.clone());
        assert_eq!(world.refused("GetMethod", id.clone()), "NotFoundException");
        assert_eq!(world.refused("DeleteMethod", id), "NotFoundException");
    }

    #[test]
    fn a_method_of_no_api_has_no_resource() {
        let mut world = Sandbox::new();
        let mut api = world.api();
        api.id = "a1b2c3d4e5".into();
        let refusal = world.call("PutMethod", put(&api, "GET", json!({}))).unwrap_err();
        assert_eq!(refusal.message, "Invalid Resource identifier specified");
    }

    #[test]
    fn a_method_with_a_pool_needs_an_authorizer_of_pools() {
        let mut world = Sandbox::new();
        let api = world.api();
        let (pools, token) = (world.pool_authorizer(&api), world.token_authorizer(&api));
        let with = |kind: &str, id: &str| put(&api, "GET", json!({"authorizationType": kind, "authorizerId": id}));
        for (kind, id) in [
            ("COGNITO_USER_POOLS", token.as_str()),
            ("COGNITO_USER_POOLS", "a1b2c3"),
            ("CUSTOM", &pools),
            ("SOMETHING", &pools),
        ] {
            assert_eq!(world.refused("PutMethod", with(kind, id)), "BadRequestException", "{kind} {id}");
        }
        let scopes = json!({"authorizationScopes": ["lab/presign"]});
        let made = world.ok("PutMethod", merged(with("COGNITO_USER_POOLS", &pools), scopes));
        assert_eq!((&made["authorizerId"], &made["authorizationScopes"][0]), (&json!(pools), &json!("lab/presign")));
        let open = patch(&mut world, &api, json!([{"op": "replace", "path": "/authorizationType", "value": "NONE"}]));
        assert_eq!(open.unwrap().get("authorizerId"), None);
    }

    #[test]
    fn a_method_without_authorization_asks_no_authorizer() {
        let mut world = Sandbox::new();
        let api = world.api();
        let pools = world.pool_authorizer(&api);
        let made = world.ok("PutMethod", put(&api, "GET", json!({"authorizerId": pools})));
        assert_eq!(made.get("authorizerId"), None);
    }

    #[test]
    fn wrong_verbs_parameters_models_and_validators_are_refused() {
        let mut world = Sandbox::new();
        let api = world.api();
        for (verb, more) in [
            ("get", json!({})),
            ("TRACE", json!({})),
            ("GET", json!({"requestParameters": {"user": true}})),
            ("GET", json!({"requestParameters": {"method.request.body.a": true}})),
            ("GET", json!({"requestParameters": {"method.request.path.a": true, "method.request.header.a": true}})),
            ("GET", json!({"requestModels": {"application/json": "Pet"}})),
            ("GET", json!({"requestValidatorId": "a1b2c3"})),
        ] {
            let shown = more.to_string();
            assert_eq!(world.refused("PutMethod", put(&api, verb, more)), "BadRequestException", "{verb} {shown}");
        }
        world.ok("PutMethod", put(&api, "GET", json!({"requestModels": {"application/json": "Empty"}})));
    }

    #[test]
    fn patches_change_what_their_paths_name() {
        let mut world = Sandbox::new();
        let api = world.api();
        world.ok("PutMethod", put(&api, "GET", json!({})));
        let added = json!([
            {"op": "add", "path": "/requestParameters/method.request.querystring.q", "value": "true"},
            {"op": "add", "path": "/requestModels/application~1json", "value": "Empty"},
            {"op": "replace", "path": "/apiKeyRequired", "value": "true"},
            {"op": "replace", "path": "/operationName", "value": "presign"},
            {"op": "replace", "path": "/authorizationType", "value": "AWS_IAM"},
        ]);
        let shown = json!({
            "httpMethod": "GET",
            "authorizationType": "AWS_IAM",
            "apiKeyRequired": true,
            "operationName": "presign",
            "requestParameters": {"method.request.querystring.q": true},
            "requestModels": {"application/json": "Empty"},
        });
        assert_eq!(patch(&mut world, &api, added).unwrap(), shown);
        let removed = json!([
            {"op": "remove", "path": "/requestParameters/method.request.querystring.q"},
            {"op": "remove", "path": "/requestModels/application~1json"},
        ]);
        let left = patch(&mut world, &api, removed).unwrap();
        assert_eq!((left.get("requestParameters"), left.get("requestModels")), (None, None));
    }

    #[test]
    fn patches_of_what_a_method_lacks_are_refused() {
        let mut world = Sandbox::new();
        let api = world.api();
        world.ok("PutMethod", put(&api, "GET", json!({})));
        for (op, path, value, code) in [
            ("add", "/apiKeyRequired", "true", "BadRequestException"),
            ("replace", "/httpMethod", "PUT", "BadRequestException"),
            ("add", "/requestParameters", "a", "BadRequestException"),
            ("add", "/requestModels/application/json", "Empty", "BadRequestException"),
            ("replace", "/authorizationType", "CUSTOM", "BadRequestException"),
            ("replace", "/requestValidatorId", "a1b2c3", "BadRequestException"),
            ("remove", "/requestModels/application~1json", "", "NotFoundException"),
        ] {
            let patches = json!([{"op": op, "path": path, "value": value}]);
            assert_eq!(patch(&mut world, &api, patches).unwrap_err().code, code, "{op} {path}");
        }
    }

    #[test]
    fn a_response_reads_as_it_was_put() {
        let mut world = Sandbox::new();
        let api = world.api();
        world.ok("PutMethod", put(&api, "GET", json!({})));
        let id = json!({"restApiId": api.id, "resourceId": api.root, "httpMethod": "GET", "statusCode": "200"});
        let response = json!({
            "responseModels": {"application/json": "Empty"},
            "responseParameters": {"method.response.header.Location": true},
        });
        let shown = merged(response.clone(), json!({"statusCode": "200"}));
        let input = merged(id.clone(), response);
        assert_eq!(world.ok("PutMethodResponse", input.clone()), shown);
        assert_eq!(world.refused("PutMethodResponse", input), "ConflictException");
        assert_eq!(world.ok("GetMethodResponse", id.clone()), shown);
        let method = json!({"restApiId": api.id, "resourceId": api.root, "httpMethod": "GET"});
        assert_eq!(world.ok("GetMethod", method)["methodResponses"], json!({"200": shown}));
        world.ok("DeleteMethodResponse", id.clone());
        for operation in ["GetMethodResponse", "DeleteMethodResponse"] {
            assert_eq!(world.refused(operation, id.clone()), "NotFoundException");
        }
    }

    #[test]
    fn a_response_declares_headers_and_known_models() {
        let mut world = Sandbox::new();
        let api = world.api();
        world.ok("PutMethod", put(&api, "GET", json!({})));
        let id = json!({"restApiId": api.id, "resourceId": api.root, "httpMethod": "GET", "statusCode": "200"});
        for more in
            [json!({"responseParameters": {"Location": true}}), json!({"responseModels": {"application/json": "Pet"}})]
        {
            let input = merged(id.clone(), more);
            assert_eq!(world.refused("PutMethodResponse", input), "BadRequestException");
        }
    }
}
