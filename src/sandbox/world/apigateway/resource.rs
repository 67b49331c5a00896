//! The paths of an API: a tree whose leaves and branches may have methods.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::method::Method;
use super::patch::PatchOperation;
use super::{ApiGateway, Definition, bad_request, conflict, limit_exceeded, listing, new_id, not_found};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Resources per API.
const QUOTA: usize = 300;

/// A path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// `None` for the root.
    pub parent_id: Option<String>,
    /// What follows the parent's path: `users`, `{user}`, `{proxy+}`. Empty for the root.
    pub path_part: String,
    /// By their verbs, or `ANY`.
    pub methods: BTreeMap<String, Method>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateResource {
    rest_api_id: String,
    parent_id: String,
    path_part: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetResource {
    rest_api_id: String,
    resource_id: String,
    #[serde(default)]
    embed: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetResources {
    rest_api_id: String,
    position: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    embed: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateResource {
    rest_api_id: String,
    resource_id: String,
    #[serde(default)]
    patch_operations: Vec<PatchOperation>,
}

impl Resource {
    /// The path that every API has.
    pub fn root() -> Self {
        Self { parent_id: None, path_part: String::new(), methods: BTreeMap::new() }
    }

    fn is_below(&self, parent_id: &str) -> bool {
        self.parent_id.as_deref() == Some(parent_id)
    }
}

impl Definition {
    /// The whole path of a resource: `/presign/{user}`.
    pub fn path(&self, resource_id: &str) -> String {
        let mut parts = Vec::new();
        let mut next = self.resources.get(resource_id);
        while let Some(resource) = next {
            parts.push(resource.path_part.as_str());
            next = resource.parent_id.as_ref().and_then(|parent| self.resources.get(parent));
        }
        // The root's own part is empty: it makes the leading slash.
        parts.reverse();
        if parts.len() == 1 { "/".to_owned() } else { parts.join("/") }
    }

    /// The resource itself and all below it.
    fn subtree(&self, resource_id: &str) -> Vec<String> {
        let mut found = vec![resource_id.to_owned()];
        let mut seen = 0;
        while let Some(parent) = found.get(seen).cloned() {
            let children = self.resources.iter().filter(|(_, resource)| resource.is_below(&parent));
            found.extend(children.map(|(id, _)| id.clone()));
            seen += 1;
        }
        found
    }

    fn resource_view(&self, id: &str, resource: &Resource, with_methods: bool) -> Value {
        let mut view = json!({"id": id, "path": self.path(id)});
        if let Some(parent_id) = &resource.parent_id {
            view["parentId"] = json!(parent_id);
            view["pathPart"] = json!(resource.path_part);
        }
        if !resource.methods.is_empty() {
            let shown = |(verb, method): (&String, &Method)| {
                (verb.clone(), if with_methods { method.view(verb) } else { json!({}) })
            };
            view["resourceMethods"] = resource.methods.iter().map(shown).collect();
        }
        view
    }

    /// Refuses a part that can't stand below this parent; `own_id` is whose part it is to be.
    fn check_part(&self, parent_id: &str, part: &str, own_id: Option<&str>) -> Result<(), ApiError> {
        let parent = self.resources.get(parent_id).ok_or_else(no_resource)?;
        check_path_part(part)?;
        if is_greedy(&parent.path_part) {
            let parent = &parent.path_part;
            return Err(bad_request(format!(
                "Cannot create a child of a resource with a greedy path variable: {parent}"
            )));
        }
        let siblings = self.resources.iter().filter(|(id, other)| other.is_below(parent_id) && own_id != Some(*id));
        for (_, sibling) in siblings {
            if sibling.path_part == part {
                let message = format!("Another resource with the same parent already has this name: {part}");
                return Err(conflict(message));
            }
            if is_variable(&sibling.path_part) && is_variable(part) {
                return Err(bad_request(format!(
                    "A sibling ({}) of this resource already has a variable path part -- only one is allowed",
                    sibling.path_part
                )));
            }
        }
        Ok(())
    }

    fn move_resource(&mut self, id: &str, parent_id: &str) -> Result<(), ApiError> {
        let part = self.resources.get(id).map(|resource| resource.path_part.clone()).ok_or_else(no_resource)?;
        self.check_part(parent_id, &part, Some(id))?;
        if self.subtree(id).iter().any(|below| below == parent_id) {
            return Err(bad_request("Resources cannot be cyclical."));
        }
        let resource = self.resources.get_mut(id).ok_or_else(no_resource)?;
        resource.parent_id = Some(parent_id.to_owned());
        Ok(())
    }

    fn rename_resource(&mut self, id: &str, part: String) -> Result<(), ApiError> {
        let parent_id = self.resources.get(id).and_then(|resource| resource.parent_id.clone());
        self.check_part(&parent_id.ok_or_else(no_resource)?, &part, Some(id))?;
        self.resources.get_mut(id).ok_or_else(no_resource)?.path_part = part;
        Ok(())
    }
}

fn no_resource() -> ApiError {
    not_found("Invalid Resource identifier specified")
}

fn is_variable(part: &str) -> bool {
    part.starts_with('{')
}

fn is_greedy(part: &str) -> bool {
    part.ends_with("+}")
}

/// Refuses a part that is neither a word nor `{word}` nor `{word+}`.
fn check_path_part(part: &str) -> Result<(), ApiError> {
    let inner = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
    let word = inner.map_or(part, |inner| inner.strip_suffix('+').unwrap_or(inner));
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-:".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Ok(());
    }
    Err(bad_request(
        "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning \
         and the end.",
    ))
}

/// Whether the call wants to see methods in full.
fn embeds_methods(embed: &[String]) -> Result<bool, ApiError> {
    match embed.iter().find(|member| *member != "methods") {
        Some(other) => Err(bad_request(format!("Invalid embed parameter specified: {other}"))),
        None => Ok(!embed.is_empty()),
    }
}

impl ApiGateway {
    /// A resource. An API that is not there has none: it is not told from one that lacks the resource.
    ///
    /// # Errors
    /// `NotFoundException`
    pub(super) fn resource(&self, api_id: &str, resource_id: &str) -> Result<&Resource, ApiError> {
        let api = self.apis.get(api_id).ok_or_else(no_resource)?;
        api.definition.resources.get(resource_id).ok_or_else(no_resource)
    }

    /// The same, to change.
    ///
    /// # Errors
    /// As [`ApiGateway::resource`].
    pub(super) fn resource_mut(&mut self, api_id: &str, resource_id: &str) -> Result<&mut Resource, ApiError> {
        self.definition_mut(api_id)?.resources.get_mut(resource_id).ok_or_else(no_resource)
    }

    /// What of an API is under construction, of which a resource is sought.
    ///
    /// # Errors
    /// As [`ApiGateway::resource`].
    pub(super) fn definition_mut(&mut self, api_id: &str) -> Result<&mut Definition, ApiError> {
        self.apis.get_mut(api_id).map(|api| &mut api.definition).ok_or_else(no_resource)
    }

    pub(super) fn create_resource(&mut self, context: &mut Context<'_>, request: CreateResource) -> Answer {
        let definition = &mut self.api_mut(context, &request.rest_api_id)?.definition;
        definition.check_part(&request.parent_id, &request.path_part, None)?;
        if definition.resources.len() >= QUOTA {
            return Err(limit_exceeded("resources"));
        }
        let id = new_id(context.dice, 6);
        let resource =
            Resource { parent_id: Some(request.parent_id), path_part: request.path_part, methods: BTreeMap::new() };
        definition.resources.insert(id.clone(), resource.clone());
        Ok(definition.resource_view(&id, &resource, false))
    }

    pub(super) fn get_resource(&self, request: GetResource) -> Answer {
        let resource = self.resource(&request.rest_api_id, &request.resource_id)?;
        let definition = &self.apis.get(&request.rest_api_id).ok_or_else(no_resource)?.definition;
        Ok(definition.resource_view(&request.resource_id, resource, embeds_methods(&request.embed)?))
    }

    pub(super) fn get_resources(&self, context: &Context<'_>, request: GetResources) -> Answer {
        let definition = &self.api(context, &request.rest_api_id)?.definition;
        let with_methods = embeds_methods(&request.embed)?;
        let view =
            |(id, resource): (&String, &Resource)| (id.clone(), definition.resource_view(id, resource, with_methods));
        let views = definition.resources.iter().map(view).collect();
        listing::page(views, request.limit, request.position.as_deref())
    }

    pub(super) fn update_resource(&mut self, request: UpdateResource) -> Answer {
        let id = &request.resource_id;
        self.resource(&request.rest_api_id, id)?;
        let definition = self.definition_mut(&request.rest_api_id)?;
        let is_root = definition.resources.get(id).is_some_and(|resource| resource.parent_id.is_none());
        for patch in &request.patch_operations {
            let refused = || patch.bad_path_of(&["/parentId", "/pathPart"]);
            patch.replaces().map_err(|_| refused())?;
            match patch.path.as_str() {
                "/pathPart" if is_root => return Err(bad_request("Root resource cannot update its pathPart.")),
                "/parentId" if is_root => return Err(bad_request("Root resource cannot update its parentId.")),
                "/pathPart" => definition.rename_resource(id, patch.text())?,
                "/parentId" => definition.move_resource(id, &patch.text())?,
                _ => return Err(refused()),
            }
        }
        let resource = definition.resources.get(id).ok_or_else(no_resource)?;
        Ok(definition.resource_view(id, resource, false))
    }

    pub(super) fn delete_resource(&mut self, request: GetResource) -> Answer {
        if self.resource(&request.rest_api_id, &request.resource_id)?.parent_id.is_none() {
            return Err(bad_request("Root resource cannot be deleted"));
        }
        let definition = self.definition_mut(&request.rest_api_id)?;
        for id in definition.subtree(&request.resource_id) {
            definition.resources.remove(&id);
        }
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn create(world: &mut Sandbox, api: &Api, parent: &str, part: &str) -> Answer {
        world.call("CreateResource", json!({"restApiId": api.id, "parentId": parent, "pathPart": part}))
    }

    fn paths(world: &mut Sandbox, api: &Api) -> Vec<String> {
        let answer = world.ok("GetResources", json!({"restApiId": api.id}));
        let mut paths: Vec<_> = answer["items"].as_array().unwrap().iter().map(|item| text(&item["path"])).collect();
        paths.sort();
        paths
    }

    #[test]
    fn an_api_begins_with_its_root() {
        let mut world = Sandbox::new();
        let api = world.api();
        let listed = world.ok("GetResources", json!({"restApiId": api.id}));
        assert_eq!(listed, json!({"items": [{"id": api.root, "path": "/"}]}));
    }

    #[test]
    fn a_path_goes_down_from_its_parent() {
        let mut world = Sandbox::new();
        let api = world.api();
        let presign = create(&mut world, &api, &api.root, "presign").unwrap();
        let id = text(&presign["id"]);
        assert_eq!(id.len(), 6);
        assert_eq!(presign, json!({"id": id, "parentId": api.root, "pathPart": "presign", "path": "/presign"}));
        let user = create(&mut world, &api, &id, "{user}").unwrap();
        assert_eq!(user["path"], "/presign/{user}");
        let read = world.ok("GetResource", json!({"restApiId": api.id, "resourceId": user["id"]}));
        assert_eq!(read, user);
        assert_eq!(paths(&mut world, &api), ["/", "/presign", "/presign/{user}"]);
    }

    #[test]
    fn parts_of_one_parent_are_unique_and_one_at_most_is_variable() {
        let mut world = Sandbox::new();
        let api = world.api();
        create(&mut world, &api, &api.root, "presign").unwrap();
        create(&mut world, &api, &api.root, "{user}").unwrap();
        let same = create(&mut world, &api, &api.root, "presign").unwrap_err();
        assert_eq!(same.code, "ConflictException");
        assert_eq!(same.message, "Another resource with the same parent already has this name: presign");
        let variable = create(&mut world, &api, &api.root, "{other}").unwrap_err();
        assert!(variable.message.starts_with("A sibling ({user})"), "{variable}");
    }

    #[test]
    fn nothing_is_below_a_greedy_variable() {
        let mut world = Sandbox::new();
        let api = world.api();
        let proxy = text(&create(&mut world, &api, &api.root, "{proxy+}").unwrap()["id"]);
        assert_eq!(create(&mut world, &api, &proxy, "a").unwrap_err().code, "BadRequestException");
    }

    #[test]
    fn a_part_is_a_word_or_a_variable() {
        let mut world = Sandbox::new();
        let api = world.api();
        for part in ["", "a/b", "{}", "{user", "us{er}", "a b", "{a++}"] {
            assert_eq!(create(&mut world, &api, &api.root, part).unwrap_err().code, "BadRequestException", "{part}");
        }
        assert_eq!(
            create(&mut world, &api, "a1b2c3", "a").unwrap_err().message,
            "Invalid Resource identifier specified"
        );
    }

    #[test]
    fn a_resource_is_renamed_and_moved_with_what_is_below_it() {
        let mut world = Sandbox::new();
        let api = world.api();
        let a = text(&create(&mut world, &api, &api.root, "a").unwrap()["id"]);
        let b = text(&create(&mut world, &api, &a, "b").unwrap()["id"]);
        create(&mut world, &api, &b, "a").unwrap();
        let mut patch = |id: &str, path: &str, value: &str| {
            let patches = json!([{"op": "replace", "path": path, "value": value}]);
            world.call("UpdateResource", json!({"restApiId": api.id, "resourceId": id, "patchOperations": patches}))
        };
        assert_eq!(patch(&b, "/pathPart", "c").unwrap()["path"], "/a/c");
        assert_eq!(patch(&a, "/parentId", &b).unwrap_err().code, "ConflictException");
        assert_eq!(patch(&a, "/pathPart", "d").unwrap()["path"], "/d");
        assert_eq!(patch(&a, "/parentId", &b).unwrap_err().message, "Resources cannot be cyclical.");
        assert_eq!(patch(&b, "/parentId", &api.root).unwrap()["path"], "/c");
        assert_eq!(patch(&api.root, "/pathPart", "r").unwrap_err().code, "BadRequestException");
        let wrong = patch(&a, "/invalid", "").unwrap_err().message;
        assert!(wrong.ends_with("for op 'replace'. Must be one of: [/parentId, /pathPart]"), "{wrong}");
        assert_eq!(paths(&mut world, &api), ["/", "/c", "/c/a", "/d"]);
    }

    #[test]
    fn a_deleted_resource_takes_along_what_is_below_it() {
        let mut world = Sandbox::new();
        let api = world.api();
        let a = text(&create(&mut world, &api, &api.root, "a").unwrap()["id"]);
        let b = text(&create(&mut world, &api, &a, "b").unwrap()["id"]);
        let delete = |id: &str| json!({"restApiId": api.id, "resourceId": id});
        world.ok("DeleteResource", delete(&a));
        assert_eq!(paths(&mut world, &api), ["/"]);
        assert_eq!(world.refused("DeleteResource", delete(&b)), "NotFoundException");
        assert_eq!(world.refused("DeleteResource", delete(&api.root)), "BadRequestException");
    }

    #[test]
    fn methods_are_shown_in_full_to_those_who_ask() {
        let mut world = Sandbox::new();
        let api = world.private_api();
        let mut input = json!({"restApiId": api.id, "resourceId": api.user});
        assert_eq!(world.ok("GetResource", input.clone())["resourceMethods"], json!({"GET": {}}));
        input["embed"] = json!(["methods"]);
        let method = world.ok("GetResource", input.clone())["resourceMethods"]["GET"].take();
        assert_eq!(method["methodIntegration"]["type"], "AWS_PROXY");
        input["embed"] = json!(["colours"]);
        assert_eq!(world.refused("GetResource", input), "BadRequestException");
    }

    #[test]
    fn an_api_has_300_resources_at_most() {
        let mut world = Sandbox::new();
        let api = world.api();
        for number in 1..QUOTA {
            create(&mut world, &api, &api.root, &format!("part{number}")).unwrap();
        }
        assert_eq!(create(&mut world, &api, &api.root, "more").unwrap_err().code, "LimitExceededException");
    }
}
