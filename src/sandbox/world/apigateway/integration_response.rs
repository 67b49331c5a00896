//! How the answers of integrations that are no proxies become those of the method.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::integration::ContentHandling;
use super::method::ResponseId;
use super::{ApiGateway, not_found};
use crate::sandbox::api::{Answer, ApiError};

/// How some answers of an integration become one of the method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationResponse {
    /// Which answers: a pattern for the status or the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection_pattern: Option<String>,
    /// Where its headers come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_parameters: Option<BTreeMap<String, String>>,
    /// What its body is, by content type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_templates: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_handling: Option<ContentHandling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutIntegrationResponse {
    rest_api_id: String,
    resource_id: String,
    http_method: String,
    status_code: String,
    selection_pattern: Option<String>,
    response_parameters: Option<BTreeMap<String, String>>,
    response_templates: Option<BTreeMap<String, String>>,
    content_handling: Option<ContentHandling>,
}

impl IntegrationResponse {
    pub fn view(&self, status: &str) -> Value {
        let mut view = json!(self);
        view["statusCode"] = json!(status);
        view
    }
}

fn no_response() -> ApiError {
    not_found("Invalid Response status code specified")
}

impl ApiGateway {
    pub(super) fn put_integration_response(&mut self, request: PutIntegrationResponse) -> Answer {
        let resource = self.resource_mut(&request.rest_api_id, &request.resource_id)?;
        let method = resource.method_mut(&request.http_method)?;
        let integration = method.integration.as_mut();
        let integration = integration.ok_or_else(|| not_found("No integration defined for method"))?;
        let response = IntegrationResponse {
            selection_pattern: request.selection_pattern,
            response_parameters: request.response_parameters,
            response_templates: request.response_templates,
            content_handling: request.content_handling,
        };
        let view = response.view(&request.status_code);
        integration.integration_responses.insert(request.status_code, response);
        Ok(view)
    }

    pub(super) fn get_integration_response(&self, request: ResponseId) -> Answer {
        let resource = self.resource(&request.rest_api_id, &request.resource_id)?;
        let responses = &resource.method(&request.http_method)?.integration()?.integration_responses;
        Ok(responses.get(&request.status_code).ok_or_else(no_response)?.view(&request.status_code))
    }

    pub(super) fn delete_integration_response(&mut self, request: ResponseId) -> Answer {
        let resource = self.resource_mut(&request.rest_api_id, &request.resource_id)?;
        let integration = resource.method_mut(&request.http_method)?.integration_mut()?;
        integration.integration_responses.remove(&request.status_code).ok_or_else(no_response)?;
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_response_reads_as_it_was_put_last() {
        let mut world = Sandbox::new();
        let api = world.api_with_method();
        world.ok("PutIntegration", merged(api.get(), json!({"type": "MOCK"})));
        let id = merged(api.get(), json!({"statusCode": "200"}));
        let put = |template: &str| {
            let response = json!({"selectionPattern": "", "responseTemplates": {"application/json": template}});
            merged(id.clone(), response)
        };
        world.ok("PutIntegrationResponse", put("first"));
        let made = world.ok("PutIntegrationResponse", put("second"));
        let shown = json!({
            "statusCode": "200", "selectionPattern": "", "responseTemplates": {"application/json": "second"},
        });
        assert_eq!(made, shown);
        assert_eq!(world.ok("GetIntegrationResponse", id.clone()), shown);
        assert_eq!(world.ok("GetIntegration", api.get())["integrationResponses"], json!({"200": shown}));
        world.ok("DeleteIntegrationResponse", id.clone());
        for operation in ["GetIntegrationResponse", "DeleteIntegrationResponse"] {
            let refusal = world.call(operation, id.clone()).unwrap_err();
            assert_eq!(refusal.message, "Invalid Response status code specified", "{operation}");
        }
    }

    #[test]
    fn a_response_needs_its_integration() {
        let mut world = Sandbox::new();
        let api = world.api_with_method();
        let id = merged(api.get(), json!({"statusCode": "200"}));
        let put = world.call("PutIntegrationResponse", id.clone()).unwrap_err();
        assert_eq!(put.message, "No integration defined for method");
        let get = world.call("GetIntegrationResponse", id).unwrap_err();
        assert_eq!(get.message, "Invalid Integration identifier specified");
    }
}
