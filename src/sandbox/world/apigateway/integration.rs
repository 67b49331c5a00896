//! Integrations: what answers the calls of a method.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::integration_response::IntegrationResponse;
use super::method::{Method, MethodId};
use super::patch::PatchOperation;
use super::{ApiGateway, bad_request, check_role, function_of, not_found, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Milliseconds, by default and at most.
const TIMEOUT: i64 = 29_000;
const MIN_TIMEOUT: i64 = 50;

const PASSTHROUGH: [&str; 3] = ["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"];

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IntegrationType {
    /// A server, with mapped requests.
    Http,
    /// A server.
    HttpProxy,
    /// A service of AWS, with mapped requests.
    Aws,
    /// A Lambda function, which sees the request as it came.
    AwsProxy,
    /// API Gateway itself.
    Mock,
}

/// What answers the calls of a method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    /// Who answers.
    #[serde(rename = "type")]
    pub integration_type: IntegrationType,
    /// The verb of API Gateway's own call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    /// Where that goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The role it is made with; the function's own policy must allow it if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_type: Option<ConnectionType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_parameters: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_templates: Option<BTreeMap<String, String>>,
    passthrough_behavior: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_handling: Option<ContentHandling>,
    /// Milliseconds.
    pub timeout_in_millis: i64,
    cache_namespace: String,
    cache_key_parameters: Vec<String>,
    /// How its answers become those of the method, by the status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub integration_responses: BTreeMap<String, IntegrationResponse>,
}

/// What is modelled of `INTERNET` and `VPC_LINK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum ConnectionType {
    Internet,
}

/// What is modelled of `BUFFERED` and `STREAM`.
#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum TransferMode {
    Buffered,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContentHandling {
    ConvertToBinary,
    ConvertToText,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutIntegration {
    rest_api_id: String,
    resource_id: String,
    http_method: String,
    #[serde(rename = "type")]
    integration_type: IntegrationType,
    integration_http_method: Option<String>,
    uri: Option<String>,
    connection_type: Option<ConnectionType>,
    credentials: Option<String>,
    request_parameters: Option<BTreeMap<String, String>>,
    request_templates: Option<BTreeMap<String, String>>,
    passthrough_behavior: Option<String>,
    cache_namespace: Option<String>,
    #[serde(default)]
    cache_key_parameters: Vec<String>,
    content_handling: Option<ContentHandling>,
    timeout_in_millis: Option<i64>,
    #[serde(rename = "responseTransferMode")]
    _response_transfer_mode: Option<TransferMode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateIntegration {
    rest_api_id: String,
    resource_id: String,
    http_method: String,
    #[serde(default)]
    patch_operations: Vec<PatchOperation>,
}

impl Integration {
    pub fn view(&self) -> Value {
        let mut view = json!(self);
        if !self.integration_responses.is_empty() {
            let responses = self.integration_responses.iter();
            let views = responses.map(|(status, response)| (status.clone(), response.view(status)));
            view["integrationResponses"] = views.collect();
        }
        view
    }

    /// The ARN of the Lambda function that answers, if one does.
    pub fn function<'a>(&'a self, context: &Context<'_>) -> Option<&'a str> {
        function_of(context, self.uri.as_deref()?)
    }

    fn check(&self, context: &Context<'_>) -> Result<(), ApiError> {
        if let Some(credentials) = &self.credentials {
            check_role(context, credentials)?;
        }
        if !(MIN_TIMEOUT..=TIMEOUT).contains(&self.timeout_in_millis) {
            return Err(bad_request(format!("Timeout should be between {MIN_TIMEOUT} ms and {TIMEOUT} ms")));
        }
        if !PASSTHROUGH.contains(&self.passthrough_behavior.as_str()) {
            let valid = PASSTHROUGH.join(", ");
            return Err(bad_request(format!("Invalid passthrough behavior specified. Valid options are [{valid}]")));
        }
        if self.integration_type != IntegrationType::Mock && self.http_method.as_deref().is_none_or(str::is_empty) {
            return Err(bad_request("Enumeration value for HttpMethod must be non-empty"));
        }
        let uri = self.uri.as_deref().unwrap_or_default();
        match self.integration_type {
            IntegrationType::Mock => Ok(()),
            IntegrationType::Http | IntegrationType::HttpProxy => check_url(uri),
            IntegrationType::Aws => self.check_service(context, uri),
            IntegrationType::AwsProxy => {
                self.check_service(context, uri)?;
                if self.function(context).is_none() {
                    return Err(bad_request(
                        "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream \
                         invocations.",
                    ));
                }
                Ok(())
            }
        }
    }

    /// Refuses what is no call of a service. Whether there is such a function is found out when it is called.
    fn check_service(&self, context: &Context<'_>, uri: &str) -> Result<(), ApiError> {
        let arn = format!("arn:{}:", context.partition());
        let rest = uri.strip_prefix(&arn).ok_or_else(|| bad_request("Invalid ARN specified in the request"))?;
        let parts: Vec<&str> = rest.splitn(4, ':').collect();
        let ["apigateway", _, service, path] = parts.as_slice() else {
            return Err(bad_request("AWS ARN for integration must contain path or action"));
        };
        if !path.starts_with("path/") && !path.starts_with("action/") {
            return Err(bad_request("AWS ARN for integration must contain path or action"));
        }
        if *service != "lambda" && self.credentials.is_none() {
            return Err(bad_request("Role ARN must be specified for AWS integrations"));
        }
        Ok(())
    }

    fn patch(&mut self, patch: &PatchOperation) -> Result<(), ApiError> {
        let segments = patch.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["uri"] => self.uri = patch.replaces()?.optional(),
            ["httpMethod"] => self.http_method = patch.replaces()?.optional(),
            ["credentials"] => self.credentials = patch.replaces()?.optional(),
            ["passthroughBehavior"] => self.passthrough_behavior = patch.replaces()?.text(),
            ["cacheNamespace"] => self.cache_namespace = patch.replaces()?.text(),
            ["timeoutInMillis"] => {
                let number = patch.replaces()?.text().parse();
                self.timeout_in_millis = number.map_err(|_| bad_request("Timeout must be a number"))?;
            }
            ["contentHandling"] => {
                let word = patch.replaces()?.optional().map(|word| serde_json::from_value(json!(word)));
                let wrong = |_| bad_request("Invalid contentHandling specified");
                self.content_handling = word.transpose().map_err(wrong)?;
            }
            ["requestParameters", name] => {
                let missing = "Invalid parameter name specified";
                patch.apply_to(&mut self.request_parameters, name, patch.text(), missing)?;
            }
            ["requestTemplates", content_type] => {
                let missing = "Content-Type specified was not found";
                patch.apply_to(&mut self.request_templates, content_type, patch.text(), missing)?;
            }
            ["cacheKeyParameters", name] => {
                let missing = "Invalid cache key parameter specified";
                patch.apply_to_list(&mut self.cache_key_parameters, name, missing)?;
            }
            ["connectionType" | "connectionId" | "tlsConfig" | "responseTransferMode" | "integrationTarget", ..] => {
                return Err(unsupported(&format!("patches of {}", patch.path)));
            }
            _ => return Err(patch.bad_path()),
        }
        Ok(())
    }
}

fn check_url(uri: &str) -> Result<(), ApiError> {
    let host = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"));
    if host.is_some_and(|host| !host.is_empty() && !host.starts_with('/')) {
        return Ok(());
    }
    Err(bad_request("Invalid HTTP endpoint specified for URI"))
}

fn no_integration() -> ApiError {
    not_found("Invalid Integration identifier specified")
}

impl Method {
    pub(super) fn integration(&self) -> Result<&Integration, ApiError> {
        self.integration.as_ref().ok_or_else(no_integration)
    }

    pub(super) fn integration_mut(&mut self) -> Result<&mut Integration, ApiError> {
        self.integration.as_mut().ok_or_else(no_integration)
    }
}

impl ApiGateway {
    pub(super) fn put_integration(&mut self, context: &Context<'_>, request: PutIntegration) -> Answer {
        let resource = self.resource_mut(&request.rest_api_id, &request.resource_id)?;
        let method = resource.method_mut(&request.http_method)?;
        let integration = Integration {
            integration_type: request.integration_type,
            http_method: request.integration_http_method,
            uri: request.uri,
            credentials: request.credentials,
            connection_type: request.connection_type,
            request_parameters: request.request_parameters,
            request_templates: request.request_templates,
            passthrough_behavior: request.passthrough_behavior.unwrap_or_else(|| "WHEN_NO_MATCH".into()),
            content_handling: request.content_handling,
            timeout_in_millis: request.timeout_in_millis.unwrap_or(TIMEOUT),
            cache_namespace: request.cache_namespace.unwrap_or(request.resource_id),
            cache_key_parameters: request.cache_key_parameters,
            integration_responses: BTreeMap::new(),
        };
        integration.check(context)?;
        let view = integration.view();
        method.integration = Some(integration);
        Ok(view)
    }

    pub(super) fn get_integration(&self, request: MethodId) -> Answer {
        let resource = self.resource(&request.rest_api_id, &request.resource_id)?;
        Ok(resource.method(&request.http_method)?.integration()?.view())
    }

    pub(super) fn update_integration(&mut self, context: &Context<'_>, request: UpdateIntegration) -> Answer {
        let resource = self.resource_mut(&request.rest_api_id, &request.resource_id)?;
        let integration = resource.method_mut(&request.http_method)?.integration_mut()?;
        request.patch_operations.iter().try_for_each(|patch| integration.patch(patch))?;
        integration.check(context)?;
        Ok(integration.view())
    }

    pub(super) fn delete_integration(&mut self, request: MethodId) -> Answer {
        let resource = self.resource_mut(&request.rest_api_id, &request.resource_id)?;
        resource.method_mut(&request.http_method)?.integration.take().ok_or_else(no_integration)?;
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn put(world: &mut Sandbox, api: &Api, integration: Value) -> Answer {
        world.call("PutIntegration", merged(api.get(), integration))
    }

    fn proxy() -> Value {
        json!({"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": FUNCTION_URI})
    }

    #[test]
    fn an_integration_reads_as_it_was_put() {
        let mut world = Sandbox::new();
        let api = world.api_with_method();
        assert_eq!(world.refused("GetIntegration", api.get()), "NotFoundException");
        let shown = json!({
            "type": "AWS_PROXY",
            "httpMethod": "POST",
            "uri": FUNCTION_URI,
            "passthroughBehavior": "WHEN_NO_MATCH",
            "timeoutInMillis": 29_000,
            "cacheNamespace": api.user,
            "cacheKeyParameters": [],
        });
        assert_eq!(put(&mut world, &api, proxy()).unwrap(), shown);
        assert_eq!(world.ok("GetIntegration", api.get()), shown);
        assert_eq!(world.ok("GetMethod", api.get())["methodIntegration"], shown);
        world.ok("DeleteIntegration", api.get());
        assert_eq!(world.refused("DeleteIntegration", api.get()), "NotFoundException");
    }

    #[test]
    fn an_integration_replaces_the_one_before() {
        let mut world = Sandbox::new();
        let api = world.api_with_method();
        put(&mut world, &api, proxy()).unwrap();
        let mock = json!({"type": "MOCK", "requestTemplates": {"application/json": "{\"statusCode\": 200}"}});
        let made = put(&mut world, &api, mock).unwrap();
        assert_eq!((made.get("uri"), &made["type"]), (None, &json!("MOCK")));
    }

    #[test]
    fn an_integration_needs_its_method() {
        let mut world = Sandbox::new();
        let api = world.api_with_method();
        let input = merged(merged(api.get(), proxy()), json!({"httpMethod": "PUT"}));
        let refusal = world.call("PutIntegration", input).unwrap_err();
        assert_eq!(refusal.message, "Invalid Method identifier specified");
    }

    #[test]
    fn each_type_has_its_kind_of_address() {
        let mut world = Sandbox::new();
        let api = world.api_with_method();
        let s3 = "arn:aws:apigateway:us-east-1:s3:path/bucket/key";
        for (kind, uri, message) in [
            ("AWS_PROXY", "https://example.com", "Invalid ARN specified in the request"),
            ("AWS_PROXY", s3, "Role ARN must be specified for AWS integrations"),
            (
                "AWS_PROXY",
                "arn:aws:lambda:us-east-1:111122223333:function:presign",
                "AWS ARN for integration must contain path or action",
            ),
            ("AWS", "arn:aws-cn:apigateway:us-east-1:s3:path/b", "Invalid ARN specified in the request"),
            ("AWS", "arn:aws:apigateway:us-east-1:s3:b", "AWS ARN for integration must contain path or action"),
            ("AWS", s3, "Role ARN must be specified for AWS integrations"),
            ("HTTP", "example.com", "Invalid HTTP endpoint specified for URI"),
            ("HTTP_PROXY", "https://", "Invalid HTTP endpoint specified for URI"),
        ] {
            let input = json!({"type": kind, "integrationHttpMethod": "POST", "uri": uri});
            assert_eq!(put(&mut world, &api, input).unwrap_err().message, message, "{kind} {uri}");
        }
        let role = "arn:aws:iam::111122223333:role/lab/api";
        let not_lambda = json!({"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": s3, "credentials": role});
        assert!(put(&mut world, &api, not_lambda).unwrap_err().message.contains("currently only supports Lambda"));
        for (kind, uri) in [("AWS", s3), ("HTTP", "https://example.com/{user}"), ("AWS", FUNCTION_URI)] {
            let input = json!({"type": kind, "integrationHttpMethod": "POST", "uri": uri, "credentials": role});
            assert_eq!(put(&mut world, &api, input).unwrap()["uri"], uri);
        }
    }

    #[test]
    fn wrong_settings_are_refused() {
        let mut world = Sandbox::new();
        let api = world.api_with_method();
        for (more, code) in [
            (json!({"integrationHttpMethod": null}), "BadRequestException"),
            (json!({"timeoutInMillis": 29_001}), "BadRequestException"),
            (json!({"timeoutInMillis": 49}), "BadRequestException"),
            (json!({"passthroughBehavior": "ALWAYS"}), "BadRequestException"),
            (json!({"credentials": "arn:aws:iam::444455556666:role/api"}), "AccessDeniedException"),
            (json!({"credentials": "arn:aws:iam::111122223333:user/api"}), "BadRequestException"),
            (json!({"connectionType": "VPC_LINK"}), "NotImplemented"),
            (json!({"responseTransferMode": "STREAM"}), "NotImplemented"),
        ] {
            let shown = more.to_string();
            assert_eq!(put(&mut world, &api, merged(proxy(), more)).unwrap_err().code, code, "{shown}");
        }
    }

    #[test]
    fn patches_change_what_their_paths_name_and_are_checked_like_the_whole() {
        let mut world = Sandbox::new();
        let api = world.api_with_method();
        put(&mut world, &api, proxy()).unwrap();
        let mut patch = |op: &str, path: &str, value: &str| {
            let patches = json!([{"op": op, "path": path, "value": value}]);
            world.call("UpdateIntegration", merged(api.get(), json!({"patchOperations": patches})))
        };
        assert_eq!(patch("replace", "/timeoutInMillis", "3000").unwrap()["timeoutInMillis"], 3000);
        let templates = patch("add", "/requestTemplates/application~1json", "{}").unwrap();
        assert_eq!(templates["requestTemplates"], json!({"application/json": "{}"}));
        for (op, path, value, code) in [
            ("replace", "/timeoutInMillis", "30000", "BadRequestException"),
            ("replace", "/uri", "https://example.com", "BadRequestException"),
            ("add", "/uri", FUNCTION_URI, "BadRequestException"),
            ("replace", "/colour", "red", "BadRequestException"),
            ("replace", "/connectionType", "VPC_LINK", "NotImplemented"),
        ] {
            assert_eq!(patch(op, path, value).unwrap_err().code, code, "{op} {path}");
        }
    }
}
