//! Stages: the names under which callers find a deployment.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::patch::{Op, PatchOperation};
use super::rest_api::RestApi;
use super::stage_settings::MethodSettings;
use super::tags::{self, Tags};
use super::{ApiGateway, bad_request, conflict, limit_exceeded, not_found, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Stages per API.
const QUOTA: usize = 10;
/// Variables per stage, and characters of one.
const MAX_VARIABLES: usize = 100;
const MAX_VARIABLE_NAME: usize = 64;
const MAX_VARIABLE_VALUE: usize = 512;
/// Characters of a name.
const MAX_NAME: usize = 128;

/// The name under which callers find a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    pub deployment_id: String,
    pub description: Option<String>,
    pub variables: BTreeMap<String, String>,
    pub tracing_enabled: bool,
    pub tags: Tags,
    /// By path and verb, as `presign/GET`; `*/*` for all.
    method_settings: BTreeMap<String, MethodSettings>,
    created: Timestamp,
    updated: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateStage {
    rest_api_id: String,
    stage_name: String,
    deployment_id: String,
    description: Option<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    tracing_enabled: bool,
    #[serde(default)]
    tags: Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StageId {
    rest_api_id: String,
    stage_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetStages {
    rest_api_id: String,
    deployment_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateStage {
    rest_api_id: String,
    stage_name: String,
    #[serde(default)]
    patch_operations: Vec<PatchOperation>,
}

impl Stage {
    pub fn new(now: Timestamp, deployment_id: String) -> Self {
        Self {
            deployment_id,
            description: None,
            variables: BTreeMap::new(),
            tracing_enabled: false,
            tags: Tags::new(),
            method_settings: BTreeMap::new(),
            created: now,
            updated: now,
        }
    }

    /// Shows another deployment.
    pub fn show(&mut self, deployment_id: String, now: Timestamp) {
        self.deployment_id = deployment_id;
        self.updated = now;
    }

    fn view(&self, name: &str) -> Value {
        let mut view = json!({
            "stageName": name,
            "deploymentId": self.deployment_id,
            "cacheClusterEnabled": false,
            "cacheClusterStatus": "NOT_AVAILABLE",
            "methodSettings": self.method_settings,
            "tracingEnabled": self.tracing_enabled,
            "createdDate": self.created,
            "lastUpdatedDate": self.updated,
        });
        if let Some(description) = &self.description {
            view["description"] = json!(description);
        }
        if !self.variables.is_empty() {
            view["variables"] = json!(self.variables);
        }
        if !self.tags.is_empty() {
            view["tags"] = json!(self.tags);
        }
        view
    }

    /// Applies a patch but for those of the deployment, which the API knows more about.
    fn patch(&mut self, patch: &PatchOperation) -> Result<(), ApiError> {
        let segments = patch.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["description"] => self.description = patch.replaces()?.optional(),
            ["tracingEnabled"] => self.tracing_enabled = patch.replaces()?.flag(),
            ["variables", name] => {
                let mut variables = Some(std::mem::take(&mut self.variables));
                patch.apply_to(&mut variables, name, patch.text(), "Invalid stage variable name specified")?;
                self.variables = variables.unwrap_or_default();
                check_variables(&self.variables)?;
            }
            ["accessLogSettings", ..] => return Err(no_log_role()),
            ["cacheClusterEnabled" | "cacheClusterSize" | "clientCertificateId" | "documentationVersion"]
            | ["canarySettings" | "webAclArn", ..] => {
                return Err(unsupported(&format!("patches of {}", patch.path)));
            }
            // The path of a resource comes in one part, its slashes escaped.
            [resource, verb, group, setting] => {
                let key = format!("{}/{verb}", resource.trim_start_matches('/'));
                self.method_settings.entry(key).or_default().set(patch, group, setting)?;
            }
            [resource, verb] if patch.one_of(&[Op::Remove]).is_ok() => {
                let key = format!("{}/{verb}", resource.trim_start_matches('/'));
                let settings = self.method_settings.remove(&key);
                settings.ok_or_else(|| bad_request(format!("Invalid method setting path: {}", patch.path)))?;
            }
            _ => return Err(bad_request(format!("Invalid method setting path: {}", patch.path))),
        }
        Ok(())
    }
}

/// The refusal of logs in an account that has no role for them: it can't be set here.
pub(super) fn no_log_role() -> ApiError {
    bad_request("CloudWatch Logs role ARN must be set in account settings to enable logging")
}

pub(super) fn no_stage() -> ApiError {
    not_found("Invalid stage identifier specified")
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(bad_request("Stage name only allows a-zA-Z0-9_-"));
    }
    if name.len() > MAX_NAME {
        return Err(bad_request(format!("Stage name can have at most {MAX_NAME} characters")));
    }
    Ok(())
}

/// # Errors
/// `BadRequestException` for names and values that stage variables can't have, and for too many.
pub(super) fn check_variables<'a>(
    variables: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<(), ApiError> {
    let is_name = |name: &str| name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    let is_value = |value: &str| {
        value.chars().all(|character| character.is_ascii_alphanumeric() || "-._~:/?#&=,".contains(character))
    };
    let mut count = 0;
    for (name, value) in variables {
        count += 1;
        if name.is_empty() || !is_name(name) || name.len() > MAX_VARIABLE_NAME {
            return Err(bad_request(format!("Invalid stage variable name: {name}. Please use a-zA-Z0-9_")));
        }
        if !is_value(value) || value.len() > MAX_VARIABLE_VALUE {
            let allowed = "[A-Za-z0-9-._~:/?#&=,]+";
            return Err(bad_request(format!(
                "Invalid stage variable value: {value}. Please use values matching {allowed}"
            )));
        }
    }
    if count > MAX_VARIABLES {
        return Err(bad_request(format!("A stage can have at most {MAX_VARIABLES} variables")));
    }
    Ok(())
}

impl RestApi {
    /// # Errors
    /// `BadRequestException` for its name, `ConflictException` if there is one, `LimitExceededException`.
    pub(super) fn add_stage(&mut self, name: &str, stage: Stage) -> Result<(), ApiError> {
        check_name(name)?;
        if self.stages.contains_key(name) {
            return Err(conflict("Stage already exists"));
        }
        if self.stages.len() >= QUOTA {
            return Err(limit_exceeded("stages"));
        }
        self.stages.insert(name.to_owned(), stage);
        Ok(())
    }

    fn check_deployment(&self, id: &str) -> Result<(), ApiError> {
        if self.deployments.contains_key(id) {
            return Ok(());
        }
        Err(not_found("Invalid Deployment identifier specified"))
    }
}

impl ApiGateway {
    pub(super) fn create_stage(&mut self, context: &Context<'_>, request: CreateStage) -> Answer {
        let api = self.api_mut(context, &request.rest_api_id)?;
        api.check_deployment(&request.deployment_id)?;
        check_variables(&request.variables)?;
        tags::check(&request.tags)?;
        let stage = Stage {
            description: request.description,
            variables: request.variables,
            tracing_enabled: request.tracing_enabled,
            tags: request.tags,
            ..Stage::new(context.now, request.deployment_id)
        };
        let view = stage.view(&request.stage_name);
        api.add_stage(&request.stage_name, stage)?;
        Ok(view)
    }

    pub(super) fn get_stage(&self, context: &Context<'_>, request: StageId) -> Answer {
        let stages = &self.api(context, &request.rest_api_id)?.stages;
        Ok(stages.get(&request.stage_name).ok_or_else(no_stage)?.view(&request.stage_name))
    }

    pub(super) fn get_stages(&self, context: &Context<'_>, request: GetStages) -> Answer {
        let stages = self.api(context, &request.rest_api_id)?.stages.iter();
        let shows = |stage: &Stage| request.deployment_id.as_ref().is_none_or(|id| stage.deployment_id == *id);
        let views = stages.filter(|(_, stage)| shows(stage)).map(|(name, stage)| stage.view(name));
        Ok(json!({"item": views.collect::<Vec<_>>()}))
    }

    pub(super) fn update_stage(&mut self, context: &Context<'_>, request: UpdateStage) -> Answer {
        let api = self.api_mut(context, &request.rest_api_id)?;
        let mut stage = api.stages.get(&request.stage_name).ok_or_else(no_stage)?.clone();
        for patch in &request.patch_operations {
            if patch.path == "/deploymentId" {
                api.check_deployment(&patch.replaces()?.text())?;
                stage.deployment_id = patch.text();
            } else {
                stage.patch(patch)?;
            }
        }
        stage.updated = context.now;
        let view = stage.view(&request.stage_name);
        api.stages.insert(request.stage_name, stage);
        Ok(view)
    }

    pub(super) fn delete_stage(&mut self, context: &Context<'_>, request: StageId) -> Answer {
        let stages = &mut self.api_mut(context, &request.rest_api_id)?.stages;
        stages.remove(&request.stage_name).ok_or_else(no_stage)?;
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    /// An API with a deployment, and what makes a stage of that.
    fn begin(world: &mut Sandbox) -> (Api, Value) {
        let api = world.private_api();
        let deployment = world.ok("CreateDeployment", json!({"restApiId": api.id}))["id"].clone();
        let input = json!({"restApiId": api.id, "deploymentId": deployment, "stageName": "prod"});
        (api, input)
    }

    #[test]
    fn a_stage_reads_as_it_was_made() {
        let mut world = Sandbox::new();
        let (api, input) = begin(&mut world);
        let more = json!({"description": "a stage", "variables": {"user": "x"}, "tags": {"breezeway:lab": "a"}});
        let made = world.ok("CreateStage", merged(input.clone(), more));
        let shown = json!({
            "stageName": "prod",
            "deploymentId": input["deploymentId"],
            "description": "a stage",
            "variables": {"user": "x"},
            "cacheClusterEnabled": false,
            "cacheClusterStatus": "NOT_AVAILABLE",
            "methodSettings": {},
            "tracingEnabled": false,
            "createdDate": world.stage.now,
            "lastUpdatedDate": world.stage.now,
            "tags": {"breezeway:lab": "a"},
        });
        assert_eq!(made, shown);
        let id = json!({"restApiId": api.id, "stageName": "prod"});
        assert_eq!(world.ok("GetStage", id.clone()), shown);
        assert_eq!(world.ok("GetStages", json!({"restApiId": api.id})), json!({"item": [shown]}));
        assert_eq!(world.refused("CreateStage", input), "ConflictException");
        world.ok("DeleteStage", id.clone());
        for operation in ["GetStage", "DeleteStage", "UpdateStage"] {
            let refusal = world.call(operation, id.clone()).unwrap_err();
            assert_eq!(refusal.message, "Invalid stage identifier specified", "{operation}");
        }
    }

    #[test]
    fn stages_are_found_by_what_they_show() {
        let mut world = Sandbox::new();
        let (api, input) = begin(&mut world);
        world.ok("CreateStage", input.clone());
        world.ok("CreateDeployment", json!({"restApiId": api.id, "stageName": "test"}));
        let listed = json!({"restApiId": api.id, "deploymentId": input["deploymentId"]});
        let stages = world.ok("GetStages", listed)["item"].take();
        assert_eq!(stages.as_array().unwrap().len(), 1);
        assert_eq!(stages[0]["stageName"], "prod");
    }

    #[test]
    fn a_stage_shows_another_deployment_when_it_is_patched() {
        let mut world = Sandbox::new();
        let (api, input) = begin(&mut world);
        world.ok("CreateStage", input);
        let second = world.ok("CreateDeployment", json!({"restApiId": api.id}))["id"].clone();
        world.wait(60);
        let mut patch = |id: &Value| {
            let patches = json!([{"op": "replace", "path": "/deploymentId", "value": id}]);
            let stage = json!({"restApiId": api.id, "stageName": "prod", "patchOperations": patches});
            world.call("UpdateStage", stage)
        };
        let updated = patch(&second).unwrap();
        assert_eq!(updated["deploymentId"], second);
        assert_ne!(updated["lastUpdatedDate"], updated["createdDate"]);
        assert_eq!(patch(&json!("a1b2c3")).unwrap_err().code, "NotFoundException");
    }

    #[test]
    fn wrong_stages_are_refused() {
        let mut world = Sandbox::new();
        let (_, input) = begin(&mut world);
        for (more, code) in [
            (json!({"stageName": "a b"}), "BadRequestException"),
            (json!({"stageName": ""}), "BadRequestException"),
            (json!({"stageName": "a".repeat(129)}), "BadRequestException"),
            (json!({"deploymentId": "a1b2c3"}), "NotFoundException"),
            (json!({"variables": {"a-b": "c"}}), "BadRequestException"),
            (json!({"variables": {"a": "b c"}}), "BadRequestException"),
            (json!({"tags": {"aws:lab": "a"}}), "BadRequestException"),
            (json!({"cacheClusterEnabled": true}), "NotImplemented"),
            (json!({"canarySettings": {"percentTraffic": 1.0}}), "NotImplemented"),
        ] {
            let shown = more.to_string();
            assert_eq!(world.refused("CreateStage", merged(input.clone(), more)), code, "{shown}");
        }
        world.ok("CreateStage", merged(input, json!({"stageName": "a-b_C1", "cacheClusterEnabled": false})));
    }

    #[test]
    fn an_api_has_ten_stages_at_most() {
        let mut world = Sandbox::new();
        let (_, input) = begin(&mut world);
        for number in 0..QUOTA {
            world.ok("CreateStage", merged(input.clone(), json!({"stageName": format!("s{number}")})));
        }
        assert_eq!(world.refused("CreateStage", input), "LimitExceededException");
    }

    #[test]
    fn patches_change_what_their_paths_name() {
        let mut world = Sandbox::new();
        let api = world.deployed_api("prod");
        for (op, path, value, member, shown) in [
            ("replace", "/description", "b", "description", json!("b")),
            ("replace", "/tracingEnabled", "true", "tracingEnabled", json!(true)),
            ("replace", "/variables/user", "x", "variables", json!({"user": "x"})),
            ("remove", "/variables/user", "", "variables", json!(null)),
        ] {
            assert_eq!(world.patch_stage(&api, op, path, value).unwrap()[member], shown, "{op} {path}");
        }
    }

    #[test]
    fn patches_of_what_a_stage_lacks_are_refused_by_name() {
        let mut world = Sandbox::new();
        let api = world.deployed_api("prod");
        for (op, path, value, code) in [
            ("replace", "/tags/lab", "a", "BadRequestException"),
            ("replace", "/colour", "red", "BadRequestException"),
            ("remove", "/variables/user", "", "NotFoundException"),
            ("replace", "/accessLogSettings/format", "$context.requestId", "BadRequestException"),
            ("replace", "/cacheClusterEnabled", "true", "NotImplemented"),
            ("replace", "/canarySettings/percentTraffic", "1", "NotImplemented"),
        ] {
            assert_eq!(world.patch_stage(&api, op, path, value).unwrap_err().code, code, "{op} {path}");
        }
    }
}
