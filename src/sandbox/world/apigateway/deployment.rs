//! Deployments: snapshots of an API, which stages show to callers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::patch::PatchOperation;
use super::rest_api::RestApi;
use super::stage::{self, Stage};
use super::{ApiGateway, Definition, bad_request, listing, new_id, not_found, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// A snapshot of an API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    description: Option<String>,
    created: Timestamp,
    /// The API as it was.
    pub definition: Definition,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateDeployment {
    rest_api_id: String,
    description: Option<String>,
    stage_name: Option<String>,
    stage_description: Option<String>,
    variables: Option<BTreeMap<String, String>>,
    tracing_enabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetDeployment {
    rest_api_id: String,
    deployment_id: String,
    #[serde(default)]
    embed: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetDeployments {
    rest_api_id: String,
    position: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateDeployment {
    rest_api_id: String,
    deployment_id: String,
    #[serde(default)]
    patch_operations: Vec<PatchOperation>,
}

impl Deployment {
    fn view(&self, id: &str) -> Value {
        let mut view = json!({"id": id, "createdDate": self.created});
        if let Some(description) = &self.description {
            view["description"] = json!(description);
        }
        view
    }

    /// What can be called, and with what authorization, by path and verb.
    fn summary(&self) -> Value {
        let resources = self.definition.resources.iter().filter(|(_, resource)| !resource.methods.is_empty());
        let summary = resources.map(|(id, resource)| {
            let methods = resource.methods.iter().map(|(verb, method)| {
                let summary = json!({
                    "authorizationType": method.authorization_type,
                    "apiKeyRequired": method.api_key_required,
                });
                (verb.clone(), summary)
            });
            (self.definition.path(id), methods.collect::<Value>())
        });
        summary.collect()
    }
}

impl RestApi {
    /// Refuses to deploy what nobody could call.
    fn check_deployable(&self) -> Result<(), ApiError> {
        let mut methods = self.definition.resources.values().flat_map(|resource| resource.methods.values()).peekable();
        if methods.peek().is_none() {
            return Err(bad_request("The REST API doesn't contain any methods"));
        }
        if methods.any(|method| method.integration.is_none()) {
            return Err(bad_request("No integration defined for method"));
        }
        if self.endpoint.is_private() && self.definition.policy.is_none() {
            return Err(bad_request("Private REST API doesn't have a resource policy attached to it"));
        }
        Ok(())
    }
}

fn no_deployment() -> ApiError {
    not_found("Invalid Deployment identifier specified")
}

impl ApiGateway {
    pub(super) fn create_deployment(&mut self, context: &mut Context<'_>, request: CreateDeployment) -> Answer {
        let api = self.api_mut(context, &request.rest_api_id)?;
        api.check_deployable()?;
        let id = new_id(context.dice, 6);
        let definition = api.definition.clone();
        let deployment = Deployment { description: request.description, created: context.now, definition };
        let view = deployment.view(&id);
        api.deployments.insert(id.clone(), deployment);

        let Some(name) = request.stage_name.filter(|name| !name.is_empty()) else {
            let described = request.stage_description.is_some() || request.tracing_enabled == Some(true);
            if described || request.variables.is_some_and(|variables| !variables.is_empty()) {
                return Err(unsupported("a deployment that describes a stage and names none"));
            }
            return Ok(view);
        };
        stage::check_variables(request.variables.iter().flatten())?;
        if !api.stages.contains_key(&name) {
            api.add_stage(&name, Stage::new(context.now, id.clone()))?;
        }
        let stage = api.stages.get_mut(&name).ok_or_else(stage::no_stage)?;
        stage.show(id, context.now);
        if let Some(description) = request.stage_description {
            stage.description = Some(description);
        }
        if let Some(variables) = request.variables {
            stage.variables = variables;
        }
        if let Some(enabled) = request.tracing_enabled {
            stage.tracing_enabled = enabled;
        }
        Ok(view)
    }

    pub(super) fn get_deployment(&self, context: &Context<'_>, request: GetDeployment) -> Answer {
        let deployments = &self.api(context, &request.rest_api_id)?.deployments;
        let deployment = deployments.get(&request.deployment_id).ok_or_else(no_deployment)?;
        let mut view = deployment.view(&request.deployment_id);
        for member in &request.embed {
            if !member.eq_ignore_ascii_case("apisummary") {
                return Err(bad_request(format!("Invalid embed parameter specified: {member}")));
            }
            view["apiSummary"] = deployment.summary();
        }
        Ok(view)
    }

    pub(super) fn get_deployments(&self, context: &Context<'_>, request: GetDeployments) -> Answer {
        let deployments = self.api(context, &request.rest_api_id)?.deployments.iter();
        let views = deployments.map(|(id, deployment)| (id.clone(), deployment.view(id))).collect();
        listing::page(views, request.limit, request.position.as_deref())
    }

    pub(super) fn update_deployment(&mut self, context: &Context<'_>, request: UpdateDeployment) -> Answer {
        let deployments = &mut self.api_mut(context, &request.rest_api_id)?.deployments;
        let deployment = deployments.get_mut(&request.deployment_id).ok_or_else(no_deployment)?;
        for patch in &request.patch_operations {
            match patch.path.as_str() {
                "/description" => deployment.description = patch.replaces()?.optional(),
                _ => return Err(patch.bad_path_of(&["/description"])),
            }
        }
        Ok(deployment.view(&request.deployment_id))
    }

    pub(super) fn delete_deployment(&mut self, context: &Context<'_>, request: GetDeployment) -> Answer {
        let api = self.api_mut(context, &request.rest_api_id)?;
        if !api.deployments.contains_key(&request.deployment_id) {
            return Err(no_deployment());
        }
        if api.stages.values().any(|stage| stage.deployment_id == request.deployment_id) {
            return Err(bad_request("Active stages pointing to this deployment must be moved or deleted"));
        }
        api.deployments.remove(&request.deployment_id);
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn refused(world: &mut Sandbox, api: &Api) -> (String, String) {
        let refusal = world.call("CreateDeployment", json!({"restApiId": api.id})).unwrap_err();
        (refusal.code, refusal.message)
    }

    fn bad(message: &str) -> (String, String) {
        ("BadRequestException".into(), message.into())
    }

    #[test]
    fn an_api_without_methods_can_not_be_deployed() {
        let mut world = Sandbox::new();
        let api = world.api();
        assert_eq!(refused(&mut world, &api), bad("The REST API doesn't contain any methods"));
    }

    #[test]
    fn an_api_can_not_be_deployed_while_one_of_its_methods_has_no_integration() {
        let mut world = Sandbox::new();
        let api = world.private_api();
        world.ok("PutMethod", merged(api.get(), json!({"httpMethod": "POST", "authorizationType": "NONE"})));
        assert_eq!(refused(&mut world, &api), bad("No integration defined for method"));
    }

    #[test]
    fn a_private_api_can_not_be_deployed_without_a_policy() {
        let mut world = Sandbox::new();
        let api = world.private_api();
        world.patch_api(&api.id, "replace", "/policy", "").unwrap();
        let message = "Private REST API doesn't have a resource policy attached to it";
        assert_eq!(refused(&mut world, &api), bad(message));
        world.patch_api(&api.id, "replace", "/policy", &invoke_policy("vpce-1")).unwrap();
        world.ok("CreateDeployment", json!({"restApiId": api.id}));
    }

    #[test]
    fn a_deployment_reads_as_it_was_made() {
        let mut world = Sandbox::new();
        let api = world.private_api();
        let made = world.ok("CreateDeployment", json!({"restApiId": api.id, "description": "first"}));
        let id = text(&made["id"]);
        assert_eq!(id.len(), 6);
        assert_eq!(made, json!({"id": id, "createdDate": world.stage.now, "description": "first"}));
        let input = json!({"restApiId": api.id, "deploymentId": id});
        assert_eq!(world.ok("GetDeployment", input.clone()), made);
        assert_eq!(world.ok("GetDeployments", json!({"restApiId": api.id})), json!({"items": [made]}));
        let summary = world.ok("GetDeployment", merged(input, json!({"embed": ["apisummary"]})))["apiSummary"].take();
        let methods = json!({"GET": {"authorizationType": "NONE", "apiKeyRequired": false}});
        assert_eq!(summary, json!({"/presign/{user}": methods}));
    }

    #[test]
    fn a_named_stage_is_made_without_tags_or_shows_the_new_deployment() {
        let mut world = Sandbox::new();
        let api = world.private_api();
        let mut deploy = |more: Value| {
            let made = world.ok("CreateDeployment", merged(json!({"restApiId": api.id, "stageName": "prod"}), more));
            let stage = world.ok("GetStage", json!({"restApiId": api.id, "stageName": "prod"}));
            assert_eq!(stage["deploymentId"], made["id"]);
            stage
        };
        let first = deploy(json!({"stageDescription": "a", "variables": {"user": "x"}, "tracingEnabled": true}));
        assert_eq!(first.get("tags"), None);
        assert_eq!((&first["description"], &first["tracingEnabled"]), (&json!("a"), &json!(true)));
        let second = deploy(json!({}));
        assert_eq!((&second["variables"], &second["description"]), (&json!({"user": "x"}), &json!("a")));
    }

    #[test]
    fn a_deployment_that_a_stage_shows_can_not_be_deleted() {
        let mut world = Sandbox::new();
        let api = world.deployed_api("prod");
        let first = world.ok("GetStage", json!({"restApiId": api.id, "stageName": "prod"}))["deploymentId"].clone();
        let delete = json!({"restApiId": api.id, "deploymentId": first});
        let refusal = world.call("DeleteDeployment", delete.clone()).unwrap_err();
        assert_eq!(refusal.message, "Active stages pointing to this deployment must be moved or deleted");
        world.ok("CreateDeployment", json!({"restApiId": api.id, "stageName": "prod"}));
        world.ok("DeleteDeployment", delete.clone());
        for operation in ["GetDeployment", "DeleteDeployment"] {
            let refusal = world.call(operation, delete.clone()).unwrap_err();
            assert_eq!(refusal.message, "Invalid Deployment identifier specified", "{operation}");
        }
    }

    #[test]
    fn only_the_description_of_a_deployment_changes() {
        let mut world = Sandbox::new();
        let api = world.private_api();
        let id = world.ok("CreateDeployment", json!({"restApiId": api.id}))["id"].clone();
        let patch = |path: &str| {
            let patches = json!([{"op": "replace", "path": path, "value": "new"}]);
            json!({"restApiId": api.id, "deploymentId": id, "patchOperations": patches})
        };
        assert_eq!(world.ok("UpdateDeployment", patch("/description"))["description"], "new");
        assert_eq!(world.refused("UpdateDeployment", patch("/id")), "BadRequestException");
    }

    #[test]
    fn a_refused_stage_leaves_no_deployment_behind() {
        let mut world = Sandbox::new();
        let api = world.private_api();
        for more in [json!({"stageName": "a b"}), json!({"stageName": "a", "variables": {"a b": "c"}})] {
            let input = merged(json!({"restApiId": api.id}), more);
            assert_eq!(world.refused("CreateDeployment", input), "BadRequestException");
        }
        let nameless = json!({"restApiId": api.id, "variables": {"a": "b"}});
        assert_eq!(world.refused("CreateDeployment", nameless), "NotImplemented");
    }
}
