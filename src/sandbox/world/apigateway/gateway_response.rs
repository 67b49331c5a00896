//! What API Gateway itself answers, where a request reaches no integration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ApiGateway, Definition, bad_request, listing, not_found};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// The types, each with the status that is answered by default; those of a class have none of their own.
const TYPES: [(&str, Option<&str>); 21] = [
    ("ACCESS_DENIED", Some("403")),
    ("API_CONFIGURATION_ERROR", Some("500")),
    ("AUTHORIZER_CONFIGURATION_ERROR", Some("500")),
    ("AUTHORIZER_FAILURE", Some("500")),
    ("BAD_REQUEST_BODY", Some("400")),
    ("BAD_REQUEST_PARAMETERS", Some("400")),
    ("DEFAULT_4XX", None),
    ("DEFAULT_5XX", None),
    ("EXPIRED_TOKEN", Some("403")),
    ("INTEGRATION_FAILURE", Some("504")),
    ("INTEGRATION_TIMEOUT", Some("504")),
    ("INVALID_API_KEY", Some("403")),
    ("INVALID_SIGNATURE", Some("403")),
    ("MISSING_AUTHENTICATION_TOKEN", Some("403")),
    ("QUOTA_EXCEEDED", Some("429")),
    ("REQUEST_TOO_LARGE", Some("413")),
    ("RESOURCE_NOT_FOUND", Some("404")),
    ("THROTTLED", Some("429")),
    ("UNAUTHORIZED", Some("401")),
    ("UNSUPPORTED_MEDIA_TYPE", Some("415")),
    ("WAF_FILTERED", Some("403")),
];

/// What API Gateway itself answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayResponse {
    /// The HTTP status; a class of responses may have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<String>,
    /// Headers, and where they come from.
    pub response_parameters: BTreeMap<String, String>,
    /// What its body is, by content type.
    pub response_templates: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutGatewayResponse {
    rest_api_id: String,
    response_type: String,
    status_code: Option<String>,
    response_parameters: Option<BTreeMap<String, String>>,
    response_templates: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayResponseId {
    rest_api_id: String,
    response_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetGatewayResponses {
    rest_api_id: String,
    position: Option<String>,
    limit: Option<usize>,
}

impl GatewayResponse {
    /// What every API answers.
    fn default_of(response_type: &str) -> Result<Self, ApiError> {
        let known = TYPES.iter().find(|(known, _)| *known == response_type);
        let (_, status) = known.ok_or_else(|| bad_request(format!("Invalid response type: {response_type}")))?;
        let template = "{\"message\":$context.error.messageString}";
        Ok(Self {
            status_code: status.map(str::to_owned),
            response_parameters: BTreeMap::new(),
            response_templates: [("application/json".to_owned(), template.to_owned())].into(),
        })
    }

    fn view(&self, response_type: &str, is_default: bool) -> Value {
        let mut view = json!(self);
        view["responseType"] = json!(response_type);
        view["defaultResponse"] = json!(is_default);
        view
    }
}

impl Definition {
    /// What is answered in a case: the API's own response, that of its class, or what every API answers.
    ///
    /// # Errors
    /// `BadRequestException` for a case that there is not.
    pub fn gateway_response(&self, response_type: &str) -> Result<GatewayResponse, ApiError> {
        if let Some(own) = self.gateway_responses.get(response_type) {
            return Ok(own.clone());
        }
        let default = GatewayResponse::default_of(response_type)?;
        let class = match default.status_code.as_deref() {
            Some(status) if status.starts_with('4') => self.gateway_responses.get("DEFAULT_4XX"),
            Some(_) => self.gateway_responses.get("DEFAULT_5XX"),
            None => None,
        };
        let Some(class) = class.cloned() else { return Ok(default) };
        Ok(GatewayResponse { status_code: class.status_code.or(default.status_code), ..class })
    }

    fn gateway_response_view(&self, response_type: &str) -> Answer {
        let is_default = !self.gateway_responses.contains_key(response_type);
        Ok(self.gateway_response(response_type)?.view(response_type, is_default))
    }
}

impl ApiGateway {
    pub(super) fn put_gateway_response(&mut self, context: &Context<'_>, request: PutGatewayResponse) -> Answer {
        let definition = &mut self.api_mut(context, &request.rest_api_id)?.definition;
        let default = GatewayResponse::default_of(&request.response_type)?;
        let response = GatewayResponse {
            status_code: request.status_code.or(default.status_code),
            response_parameters: request.response_parameters.unwrap_or(default.response_parameters),
            response_templates: request.response_templates.unwrap_or(default.response_templates),
        };
        for name in response.response_parameters.keys() {
            if !name.starts_with("gatewayresponse.header.") {
                return Err(bad_request(format!("Invalid mapping expression parameter specified: {name}")));
            }
        }
        definition.gateway_responses.insert(request.response_type.clone(), response);
        definition.gateway_response_view(&request.response_type)
    }

    pub(super) fn get_gateway_response(&self, context: &Context<'_>, request: GatewayResponseId) -> Answer {
        self.api(context, &request.rest_api_id)?.definition.gateway_response_view(&request.response_type)
    }

    pub(super) fn get_gateway_responses(&self, context: &Context<'_>, request: GetGatewayResponses) -> Answer {
        let definition = &self.api(context, &request.rest_api_id)?.definition;
        let view = |(name, _): &(&str, _)| Ok((name.to_string(), definition.gateway_response_view(name)?));
        let views = TYPES.iter().map(view).collect::<Result<Vec<_>, ApiError>>()?;
        listing::page(views, request.limit, request.position.as_deref())
    }

    pub(super) fn delete_gateway_response(&mut self, context: &Context<'_>, request: GatewayResponseId) -> Answer {
        let responses = &mut self.api_mut(context, &request.rest_api_id)?.definition.gateway_responses;
        let missing = || not_found("Gateway response type not defined on api");
        responses.remove(&request.response_type).ok_or_else(missing)?;
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn get(world: &mut Sandbox, api: &Api, response_type: &str) -> Value {
        world.ok("GetGatewayResponse", json!({"restApiId": api.id, "responseType": response_type}))
    }

    fn put(api: &Api, response_type: &str, more: Value) -> Value {
        merged(json!({"restApiId": api.id, "responseType": response_type}), more)
    }

    #[test]
    fn every_api_answers_in_21_cases() {
        let mut world = Sandbox::new();
        let api = world.api();
        let listed = world.ok("GetGatewayResponses", json!({"restApiId": api.id}))["items"].take();
        let listed = listed.as_array().unwrap();
        assert_eq!(listed.len(), 21);
        assert!(listed.iter().all(|response| response["defaultResponse"] == true));
        let shown = json!({
            "responseType": "UNAUTHORIZED",
            "statusCode": "401",
            "responseParameters": {},
            "responseTemplates": {"application/json": "{\"message\":$context.error.messageString}"},
            "defaultResponse": true,
        });
        assert_eq!(get(&mut world, &api, "UNAUTHORIZED"), shown);
        assert_eq!(get(&mut world, &api, "DEFAULT_4XX").get("statusCode"), None);
    }

    #[test]
    fn a_response_is_put_and_deleted() {
        let mut world = Sandbox::new();
        let api = world.api();
        let made = world.ok("PutGatewayResponse", put(&api, "UNAUTHORIZED", json!({"statusCode": "403"})));
        assert_eq!((&made["statusCode"], &made["defaultResponse"]), (&json!("403"), &json!(false)));
        assert_eq!(get(&mut world, &api, "UNAUTHORIZED"), made);
        world.ok("DeleteGatewayResponse", put(&api, "UNAUTHORIZED", json!({})));
        assert_eq!(get(&mut world, &api, "UNAUTHORIZED")["defaultResponse"], true);
        let again = put(&api, "UNAUTHORIZED", json!({}));
        assert_eq!(world.refused("DeleteGatewayResponse", again), "NotFoundException");
    }

    #[test]
    fn the_response_of_a_class_stands_for_those_without_their_own() {
        let mut world = Sandbox::new();
        let api = world.api();
        let header = json!({"gatewayresponse.header.a": "'b'"});
        let class = json!({"statusCode": "599", "responseParameters": header});
        world.ok("PutGatewayResponse", put(&api, "DEFAULT_5XX", class));
        world.ok("PutGatewayResponse", put(&api, "AUTHORIZER_FAILURE", json!({})));
        let timeout = get(&mut world, &api, "INTEGRATION_TIMEOUT");
        assert_eq!((&timeout["statusCode"], &timeout["responseParameters"]), (&json!("599"), &header));
        assert_eq!(timeout["defaultResponse"], true);
        assert_eq!(get(&mut world, &api, "AUTHORIZER_FAILURE")["statusCode"], "500");
        assert_eq!(get(&mut world, &api, "UNAUTHORIZED")["statusCode"], "401");
    }

    #[test]
    fn parameters_are_headers() {
        let mut world = Sandbox::new();
        let api = world.api();
        let input = put(&api, "UNAUTHORIZED", json!({"responseParameters": {"a": "'b'"}}));
        assert_eq!(world.refused("PutGatewayResponse", input), "BadRequestException");
    }
}
