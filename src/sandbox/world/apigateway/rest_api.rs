//! REST APIs: made, changed, looked at and deleted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::deployment::Deployment;
use super::endpoint::{Endpoint, EndpointConfiguration};
use super::patch::{Op, PatchOperation};
use super::resource::Resource;
use super::stage::Stage;
use super::tags::{self, Tags};
use super::{ApiGateway, Definition, bad_request, listing, new_id, no_api, policy, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;
use crate::sandbox::world::ec2::Ec2;

/// Bytes from which on answers may be compressed.
const COMPRESSION: std::ops::RangeInclusive<i64> = 0..=10_485_760;

/// A REST API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestApi {
    name: String,
    description: Option<String>,
    version: Option<String>,
    created: Timestamp,
    binary_media_types: Vec<String>,
    minimum_compression_size: Option<i64>,
    api_key_source: ApiKeySource,
    disable_execute_api_endpoint: bool,
    pub endpoint: Endpoint,
    pub tags: Tags,
    pub root_resource_id: String,
    /// What is under construction.
    pub definition: Definition,
    pub deployments: BTreeMap<String, Deployment>,
    /// By name.
    pub stages: BTreeMap<String, Stage>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum ApiKeySource {
    #[default]
    Header,
    Authorizer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRestApi {
    name: String,
    description: Option<String>,
    version: Option<String>,
    #[serde(default)]
    binary_media_types: Vec<String>,
    minimum_compression_size: Option<i64>,
    #[serde(default)]
    api_key_source: ApiKeySource,
    #[serde(default)]
    endpoint_configuration: EndpointConfiguration,
    policy: Option<String>,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    disable_execute_api_endpoint: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiId {
    rest_api_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetRestApis {
    position: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateRestApi {
    rest_api_id: String,
    #[serde(default)]
    patch_operations: Vec<PatchOperation>,
}

impl RestApi {
    /// Whether nobody may call it by the name that API Gateway gave it.
    pub fn hides_own_name(&self) -> bool {
        self.disable_execute_api_endpoint
    }

    fn view(&self, id: &str) -> Value {
        let mut view = json!({
            "id": id,
            "name": self.name,
            "createdDate": self.created,
            "apiKeySource": self.api_key_source,
            "endpointConfiguration": self.endpoint.view(),
            "disableExecuteApiEndpoint": self.disable_execute_api_endpoint,
            "rootResourceId": self.root_resource_id,
        });
        let optional = [
            ("description", json!(self.description)),
            ("version", json!(self.version)),
            ("minimumCompressionSize", json!(self.minimum_compression_size)),
            ("policy", json!(self.definition.policy.as_deref().map(policy::escaped))),
        ];
        for (member, value) in optional {
            if !value.is_null() {
                view[member] = value;
            }
        }
        if !self.binary_media_types.is_empty() {
            view["binaryMediaTypes"] = json!(self.binary_media_types);
        }
        if !self.tags.is_empty() {
            view["tags"] = json!(self.tags);
        }
        view
    }

    /// The same with its tags, even if there are none.
    fn view_with_tags(&self, id: &str) -> Value {
        let mut view = self.view(id);
        view["tags"] = json!(self.tags);
        view
    }

    fn patch(&mut self, context: &Context<'_>, ec2: &Ec2, id: &str, patch: &PatchOperation) -> Result<(), ApiError> {
        let segments = patch.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["name"] => self.name = name(patch.replaces()?.text())?,
            // Descriptions can be removed, though the documentation has it otherwise.
            ["description"] => self.description = patch.leaves(&[Op::Replace, Op::Remove])?,
            ["policy"] => {
                let text = patch.replaces()?.optional();
                self.definition.policy = text.map(|text| policy::read(context, id, &text)).transpose()?;
            }
            ["apiKeySource"] => {
                self.api_key_source = serde_json::from_value(json!(patch.replaces()?.text())).map_err(|_| {
                    bad_request("Invalid API key source specified. Valid options are HEADER,AUTHORIZER")
                })?;
            }
            ["disableExecuteApiEndpoint"] => self.disable_execute_api_endpoint = patch.replaces()?.flag(),
            ["minimumCompressionSize"] => {
                let size = patch.replaces()?.optional();
                let read = |size: String| size.parse().map_or_else(|_| Err(wrong_compression_size()), compression_size);
                self.minimum_compression_size = size.map(read).transpose()?;
            }
            ["binaryMediaTypes", old] => self.patch_media_types(patch, old)?,
            ["endpointConfiguration", rest @ ..] => self.endpoint.patch(ec2, patch, rest)?,
            ["securityPolicy" | "endpointAccessMode"] => {
                return Err(unsupported(&format!("patches of {}", patch.path)));
            }
            _ => return Err(patch.bad_path()),
        }
        Ok(())
    }

    /// A media type is added and removed by the path; one that replaces it is in the value.
    fn patch_media_types(&mut self, patch: &PatchOperation, old: &str) -> Result<(), ApiError> {
        if let Ok(patch) = patch.replaces() {
            let position = self.binary_media_types.iter().position(|known| known == old);
            match position.and_then(|position| self.binary_media_types.get_mut(position)) {
                Some(known) => *known = patch.text(),
                None => return Err(patch.bad_path()),
            }
            return Ok(());
        }
        patch.apply_to_list(&mut self.binary_media_types, old, "Invalid binary media type specified")
    }
}

fn name(name: String) -> Result<String, ApiError> {
    if name.is_empty() { Err(bad_request("Name cannot be empty")) } else { Ok(name) }
}

fn compression_size(size: i64) -> Result<i64, ApiError> {
    if COMPRESSION.contains(&size) { Ok(size) } else { Err(wrong_compression_size()) }
}

fn wrong_compression_size() -> ApiError {
    bad_request("Invalid minimum compression size, must be between 0 and 10485760")
}

impl ApiGateway {
    pub(super) fn create_rest_api(&mut self, context: &mut Context<'_>, ec2: &Ec2, request: CreateRestApi) -> Answer {
        if request.description.as_deref() == Some("") {
            return Err(bad_request("Description cannot be an empty string"));
        }
        tags::check(&request.tags)?;
        let id = new_id(context.dice, 10);
        let root_resource_id = new_id(context.dice, 10);
        let policy = request.policy.filter(|text| !text.is_empty());
        let mut definition = Definition {
            policy: policy.map(|text| policy::read(context, &id, &text)).transpose()?,
            ..Definition::default()
        };
        definition.resources.insert(root_resource_id.clone(), Resource::root());
        let endpoint = Endpoint::read(ec2, request.endpoint_configuration)?;
        let alike = self.apis.values().filter(|api| api.endpoint.is_like(&endpoint));
        if alike.count() >= endpoint.quota() {
            let message = "Maximum number of APIs of this endpoint type has been reached.";
            return Err(ApiError::new("LimitExceededException", message));
        }
        let api = RestApi {
            name: name(request.name)?,
            description: request.description,
            version: request.version,
            created: context.now,
            binary_media_types: request.binary_media_types,
            minimum_compression_size: request.minimum_compression_size.map(compression_size).transpose()?,
            api_key_source: request.api_key_source,
            disable_execute_api_endpoint: request.disable_execute_api_endpoint,
            endpoint,
            tags: request.tags,
            root_resource_id,
            definition,
            deployments: BTreeMap::new(),
            stages: BTreeMap::new(),
        };
        let view = api.view(&id);
        self.apis.insert(id, api);
        Ok(view)
    }

    pub(super) fn get_rest_api(&self, context: &Context<'_>, request: ApiId) -> Answer {
        Ok(self.api(context, &request.rest_api_id)?.view_with_tags(&request.rest_api_id))
    }

    pub(super) fn get_rest_apis(&self, request: GetRestApis) -> Answer {
        let apis = self.apis.iter().map(|(id, api)| (id.clone(), api.view(id)));
        listing::page(apis.collect(), request.limit, request.position.as_deref())
    }

    pub(super) fn update_rest_api(&mut self, context: &Context<'_>, ec2: &Ec2, request: UpdateRestApi) -> Answer {
        let id = &request.rest_api_id;
        let api = self.api_mut(context, id)?;
        for patch in &request.patch_operations {
            api.patch(context, ec2, id, patch)?;
        }
        Ok(api.view_with_tags(id))
    }

    pub(super) fn delete_rest_api(&mut self, context: &Context<'_>, request: ApiId) -> Answer {
        self.apis.remove(&request.rest_api_id).ok_or_else(|| no_api(context, &request.rest_api_id))?;
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn an_api_reads_as_it_was_made() {
        let mut world = Sandbox::new();
        let made = world.ok("CreateRestApi", json!({"name": "lab", "tags": {"breezeway:lab": "a"}}));
        let (id, root) = (made["id"].as_str().unwrap(), made["rootResourceId"].as_str().unwrap());
        assert_eq!((id.len(), root.len()), (10, 10));
        let shown = json!({
            "id": id,
            "name": "lab",
            "createdDate": world.stage.now,
            "apiKeySource": "HEADER",
            "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"},
            "disableExecuteApiEndpoint": false,
            "rootResourceId": root,
            "tags": {"breezeway:lab": "a"},
        });
        assert_eq!(made, shown);
        assert_eq!(world.ok("GetRestApi", json!({"restApiId": id})), shown);
        assert_eq!(world.ok("GetRestApis", json!({})), json!({"items": [shown]}));
    }

    #[test]
    fn only_the_reads_of_one_api_show_that_it_has_no_tags() {
        let mut world = Sandbox::new();
        let made = world.ok("CreateRestApi", json!({"name": "lab"}));
        assert_eq!(made.get("tags"), None);
        assert_eq!(world.ok("GetRestApis", json!({}))["items"][0].get("tags"), None);
        assert_eq!(world.ok("GetRestApi", json!({"restApiId": made["id"]}))["tags"], json!({}));
    }

    #[test]
    fn names_are_not_unique() {
        let mut world = Sandbox::new();
        for _ in 0..3 {
            world.ok("CreateRestApi", json!({"name": "lab"}));
        }
        let first = world.ok("GetRestApis", json!({"limit": 2}));
        assert_eq!(first["items"].as_array().unwrap().len(), 2);
        let rest = world.ok("GetRestApis", json!({"limit": 2, "position": first["position"]}));
        assert_eq!(rest["items"].as_array().unwrap().len(), 1);
        assert_eq!(rest.get("position"), None);
    }

    #[test]
    fn a_region_has_120_edge_optimised_apis_at_most() {
        let mut world = Sandbox::new();
        for _ in 0..120 {
            world.api();
        }
        assert_eq!(world.refused("CreateRestApi", json!({"name": "lab"})), "LimitExceededException");
        world.private_api();
    }

    #[test]
    fn a_deleted_api_is_gone_with_all_that_it_had() {
        let mut world = Sandbox::new();
        let before = world.standing();
        let api = world.deployed_api("prod");
        world.ok("DeleteRestApi", json!({"restApiId": api.id}));
        assert_eq!(world.standing(), before);
        for operation in ["GetRestApi", "DeleteRestApi", "GetResources", "GetStages", "GetDeployments"] {
            let refusal = world.call(operation, json!({"restApiId": api.id})).unwrap_err();
            assert_eq!(refusal.code, "NotFoundException", "{operation}");
            assert_eq!(refusal.message, format!("Invalid API identifier specified 111122223333:{}", api.id));
        }
    }

    #[test]
    fn patches_change_what_their_paths_name() {
        let mut world = Sandbox::new();
        let id = world.ok("CreateRestApi", json!({"name": "lab", "description": "a lab"}))["id"].clone();
        for (op, path, value, member, shown) in [
            ("replace", "/name", "other", "name", json!("other")),
            ("replace", "/description", "b", "description", json!("b")),
            ("remove", "/description", "", "description", json!(null)),
            ("replace", "/disableExecuteApiEndpoint", "true", "disableExecuteApiEndpoint", json!(true)),
            ("replace", "/minimumCompressionSize", "10", "minimumCompressionSize", json!(10)),
            ("replace", "/minimumCompressionSize", "", "minimumCompressionSize", json!(null)),
            ("replace", "/apiKeySource", "AUTHORIZER", "apiKeySource", json!("AUTHORIZER")),
            ("add", "/binaryMediaTypes/image~1png", "", "binaryMediaTypes", json!(["image/png"])),
            ("replace", "/binaryMediaTypes/image~1png", "image/gif", "binaryMediaTypes", json!(["image/gif"])),
            ("remove", "/binaryMediaTypes/image~1gif", "", "binaryMediaTypes", json!(null)),
        ] {
            let updated = world.patch_api(id.as_str().unwrap(), op, path, value).unwrap();
            assert_eq!(updated[member], shown, "{op} {path}");
            assert_eq!(world.ok("GetRestApi", json!({"restApiId": id})), updated);
        }
    }

    #[test]
    fn patches_of_what_is_not_there_are_refused_by_name() {
        let mut world = Sandbox::new();
        let id = world.ok("CreateRestApi", json!({"name": "lab"}))["id"].clone();
        for (op, path, value, code) in [
            ("add", "/name", "other", "BadRequestException"),
            ("add", "/description", "other", "BadRequestException"),
            ("replace", "/name", "", "BadRequestException"),
            ("replace", "/minimumCompressionSize", "-1", "BadRequestException"),
            ("replace", "/minimumCompressionSize", "many", "BadRequestException"),
            ("add", "/minimumCompressionSize", "10", "BadRequestException"),
            ("add", "/binaryMediaTypes", "image/png", "BadRequestException"),
            ("replace", "/tags", "", "BadRequestException"),
            ("replace", "/securityPolicy", "TLS_1_2", "NotImplemented"),
        ] {
            let refusal = world.patch_api(id.as_str().unwrap(), op, path, value).unwrap_err();
            assert_eq!(refusal.code, code, "{op} {path}");
        }
        let refusal = world.patch_api(id.as_str().unwrap(), "add", "/colour", "red").unwrap_err();
        assert_eq!(refusal.message, "Invalid patch path /colour");
    }

    #[test]
    fn a_wrong_name_description_or_size_is_refused() {
        let mut world = Sandbox::new();
        for input in [
            json!({"name": ""}),
            json!({"name": "lab", "description": ""}),
            json!({"name": "lab", "minimumCompressionSize": -1}),
            json!({"name": "lab", "tags": {"aws:lab": "a"}}),
        ] {
            let shown = input.to_string();
            assert_eq!(world.refused("CreateRestApi", input), "BadRequestException", "{shown}");
        }
    }
}
