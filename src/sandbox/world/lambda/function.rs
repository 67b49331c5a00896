//! Functions: made, changed, looked at and deleted.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::check::{self, Package};
use super::interface::{Vpc, VpcConfig};
use super::name::{LATEST, Reference, function_arn};
use super::permission::Policy;
use super::{Lambda, conflict, invalid, tags};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::ec2::Ec2;
use crate::sandbox::world::{Context, durations};

/// Functions on one page, however many are asked for.
const PAGE: usize = 50;

/// A function; it has no version but the latest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Function {
    role: String,
    runtime: String,
    handler: String,
    description: String,
    /// Seconds.
    timeout: i64,
    /// MB.
    memory_size: i64,
    /// MB.
    ephemeral_storage: i64,
    architecture: String,
    tracing: String,
    variables: Option<BTreeMap<String, String>>,
    log_format: String,
    log_group: Option<String>,
    /// `None` if it never was in one.
    vpc: Option<Vpc>,
    /// Bytes.
    pub code_size: usize,
    code_sha256: String,
    /// What tells the package from all others where Lambda keeps it.
    code_id: String,
    pub tags: BTreeMap<String, String>,
    pub policy: Policy,
    /// The executions that are kept for it.
    pub reserved: Option<i64>,
    revision_id: String,
    modified: Timestamp,
    active_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateFunction {
    function_name: String,
    runtime: Option<String>,
    role: String,
    handler: Option<String>,
    code: Code,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(rename = "PackageType")]
    _package_type: Option<PackageType>,
    architectures: Option<Vec<String>>,
    description: Option<String>,
    timeout: Option<i64>,
    memory_size: Option<i64>,
    vpc_config: Option<VpcConfig>,
    environment: Option<Environment>,
    tracing_config: Option<TracingConfig>,
    ephemeral_storage: Option<EphemeralStorage>,
    logging_config: Option<LoggingConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateConfiguration {
    function_name: String,
    runtime: Option<String>,
    role: Option<String>,
    handler: Option<String>,
    revision_id: Option<String>,
    description: Option<String>,
    timeout: Option<i64>,
    memory_size: Option<i64>,
    vpc_config: Option<VpcConfig>,
    environment: Option<Environment>,
    tracing_config: Option<TracingConfig>,
    ephemeral_storage: Option<EphemeralStorage>,
    logging_config: Option<LoggingConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateCode {
    function_name: String,
    zip_file: Option<String>,
    architectures: Option<Vec<String>>,
    revision_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FunctionName {
    pub function_name: String,
    pub qualifier: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct List {
    function_version: Option<String>,
    marker: Option<String>,
    max_items: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListVersions {
    function_name: String,
    #[serde(rename = "Marker")]
    _marker: Option<String>,
    #[serde(rename = "MaxItems")]
    _max_items: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Code {
    zip_file: Option<String>,
}

/// What is modelled of Zip and Image.
#[derive(Deserialize)]
enum PackageType {
    Zip,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TracingConfig {
    mode: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EphemeralStorage {
    size: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LoggingConfig {
    log_format: Option<String>,
    log_group: Option<String>,
}

impl Function {
    /// Where it is, if it is in a VPC.
    pub fn vpc(&self) -> Option<&Vpc> {
        self.vpc.as_ref().filter(|vpc| !vpc.subnet_ids.is_empty())
    }

    /// As lists show it: without its state.
    fn listed(&self, context: &Context<'_>, name: &str, qualifier: Option<&str>) -> Value {
        let qualifier = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
        let own_group = || format!("/aws/lambda/{name}");
        let mut listed = json!({
            "FunctionName": name,
            "FunctionArn": format!("{}{qualifier}", function_arn(context, name)),
            "Runtime": self.runtime,
            "Role": self.role,
            "Handler": self.handler,
            "CodeSize": self.code_size,
            "Description": self.description,
            "Timeout": self.timeout,
            "MemorySize": self.memory_size,
            "LastModified": self.modified.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string(),
            "CodeSha256": self.code_sha256,
            "Version": LATEST,
            "TracingConfig": {"Mode": self.tracing},
            "RevisionId": self.revision_id,
            "PackageType": "Zip",
            "Architectures": [self.architecture],
            "EphemeralStorage": {"Size": self.ephemeral_storage},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {
                "LogFormat": self.log_format,
                "LogGroup": self.log_group.clone().unwrap_or_else(own_group),
            },
        });
        if let Some(variables) = &self.variables {
            listed["Environment"] = json!({"Variables": variables});
        }
        if let Some(vpc) = &self.vpc {
            listed["VpcConfig"] = vpc.view();
        }
        listed
    }

    fn configuration(&self, context: &Context<'_>, name: &str, qualifier: Option<&str>) -> Value {
        let mut configuration = self.listed(context, name, qualifier);
        let being_created = "The function is being created.";
        if context.now < self.active_at {
            configuration["State"] = json!("Pending");
            configuration["StateReason"] = json!(being_created);
            configuration["StateReasonCode"] = json!("Creating");
        } else {
            configuration["State"] = json!("Active");
            configuration["LastUpdateStatus"] = json!("Successful");
        }
        if context.now < self.updated_at {
            configuration["LastUpdateStatus"] = json!("InProgress");
            configuration["LastUpdateStatusReason"] = json!(being_created);
            configuration["LastUpdateStatusReasonCode"] = json!("Creating");
        }
        configuration
    }

    /// Refuses a change while another one, or the creation, is going on, or of another revision.
    fn check_changeable(&self, context: &Context<'_>, name: &str, revision_id: Option<&str>) -> Result<(), ApiError> {
        let busy = "The operation cannot be performed at this time.";
        if context.now < self.active_at {
            return Err(conflict(format!("{busy} The function is currently in the following state: Pending")));
        }
        if context.now < self.updated_at {
            let arn = function_arn(context, name);
            return Err(conflict(format!("{busy} An update is in progress for resource: {arn}")));
        }
        check_revision(revision_id, &self.revision_id)
    }

    /// Begins a change that typically takes `seconds`.
    fn begin_update(&mut self, context: &mut Context<'_>, seconds: f64) {
        self.modified = context.now;
        self.revision_id = context.dice.uuid();
        self.updated_at = context.due(seconds);
    }

    fn put_package(&mut self, context: &mut Context<'_>, package: Package) {
        self.code_size = package.size;
        self.code_sha256 = package.sha256;
        self.code_id = context.dice.uuid();
    }
}

/// Refuses to change what is not what the caller thinks it is.
pub fn check_revision(wanted: Option<&str>, actual: &str) -> Result<(), ApiError> {
    if wanted.is_none_or(|wanted| wanted == actual) {
        return Ok(());
    }
    let message = "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to \
                   retrieve the latest RevisionId";
    Err(ApiError::new("PreconditionFailedException", message))
}

fn only(architectures: Option<Vec<String>>) -> Option<String> {
    architectures.and_then(|list| list.into_iter().next())
}

impl Lambda {
    pub(super) fn create_function(
        &mut self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        request: CreateFunction,
    ) -> Answer {
        let reference = Reference::parse(context, &request.function_name, None);
        let reference = reference.filter(|reference| reference.qualifier.is_none());
        let name = reference.map(|reference| reference.name.to_owned());
        let name = name.ok_or_else(|| invalid(format!("Invalid function name: {}", request.function_name)))?;
        if self.functions.contains_key(&name) {
            return Err(conflict(format!("Function already exist: {name}")));
        }
        let (Some(runtime), Some(handler)) = (request.runtime, request.handler) else {
            let message =
                "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
            return Err(invalid(message));
        };
        check::runtime(&runtime)?;
        check::sizes(request.timeout, request.memory_size)?;
        let variables = request.environment.map(|environment| environment.variables);
        check::environment(variables.as_ref().unwrap_or(&BTreeMap::new()))?;
        tags::check(&request.tags)?;
        let zip_file = request.code.zip_file.ok_or_else(|| invalid("Please provide a source for function code."))?;
        let package = check::package("CreateFunction", &zip_file)?;
        let vpc = request.vpc_config.map(|config| config.find(ec2)).transpose()?.flatten();
        let role = check::role(context, &request.role, vpc.is_some())?;

        if let Some(vpc) = &vpc {
            self.enter(context, ec2, &name, role.id(), vpc)?;
        }
        let logging = request.logging_config.unwrap_or(LoggingConfig { log_format: None, log_group: None });
        let seconds = if vpc.is_some() { durations::FUNCTION_CREATE_IN_VPC } else { durations::FUNCTION_CREATE };
        let mut function = Function {
            role: request.role,
            runtime,
            handler,
            description: request.description.unwrap_or_default(),
            timeout: request.timeout.unwrap_or(3),
            memory_size: request.memory_size.unwrap_or(128),
            ephemeral_storage: request.ephemeral_storage.map_or(512, |storage| storage.size),
            architecture: only(request.architectures).unwrap_or_else(|| "x86_64".into()),
            tracing: request.tracing_config.map_or_else(|| "PassThrough".into(), |tracing| tracing.mode),
            variables,
            log_format: logging.log_format.unwrap_or_else(|| "Text".into()),
            log_group: logging.log_group,
            vpc,
            code_size: 0,
            code_sha256: String::new(),
            code_id: String::new(),
            tags: request.tags,
            policy: Policy::default(),
            reserved: None,
            revision_id: context.dice.uuid(),
            modified: context.now,
            active_at: context.due(seconds),
            updated_at: context.now,
        };
        function.put_package(context, package);
        let view = function.configuration(context, &name, None);
        self.functions.insert(name, function);
        Ok(view)
    }

    pub(super) fn get_function(&self, context: &Context<'_>, request: FunctionName) -> Answer {
        let configuration = self.get_configuration(context, request)?;
        let name = configuration["FunctionName"].as_str().unwrap_or_default();
        let (name, function) = self.function(context, name)?;
        let (region, account) = (context.region, context.account);
        let host = format!("awslambda-{region}-tasks.s3.{region}.{}", context.dns_suffix());
        let location = format!("https://{host}/snapshots/{account}/{name}-{}", function.code_id);
        let mut answer =
            json!({"Configuration": configuration, "Code": {"RepositoryType": "S3", "Location": location}});
        if !function.tags.is_empty() {
            answer["Tags"] = json!(function.tags);
        }
        if let Some(reserved) = function.reserved {
            answer["Concurrency"] = json!({"ReservedConcurrentExecutions": reserved});
        }
        Ok(answer)
    }

    pub(super) fn get_configuration(&self, context: &Context<'_>, request: FunctionName) -> Answer {
        let FunctionName { function_name, qualifier } = request;
        let name = self.name_of(context, &function_name, qualifier.as_deref())?;
        let reference = Reference::parse(context, &function_name, qualifier.as_deref());
        let (name, function) = self.function(context, &name)?;
        Ok(function.configuration(context, &name, reference.and_then(|reference| reference.qualifier)))
    }

    pub(super) fn list_functions(&self, context: &Context<'_>, request: List) -> Answer {
        let qualifier = request.function_version.map(|_| LATEST);
        let after = match &request.marker {
            None => None,
            Some(marker) => {
                let name = BASE64_STANDARD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                Some(name.ok_or_else(|| invalid(format!("Invalid marker: {marker}")))?)
            }
        };
        let size = request.max_items.unwrap_or(PAGE).min(PAGE);
        let mut rest = self.functions.iter().filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after));
        let page: Vec<_> = rest.by_ref().take(size).collect();
        let more = rest.next().is_some();
        let views: Vec<_> = page.iter().map(|(name, function)| function.listed(context, name, qualifier)).collect();
        let mut answer = json!({"Functions": views});
        if let Some((last, _)) = page.last().filter(|_| more) {
            answer["NextMarker"] = json!(BASE64_STANDARD.encode(last));
        }
        Ok(answer)
    }

    pub(super) fn list_versions(&self, context: &Context<'_>, request: ListVersions) -> Answer {
        let (name, function) = self.function(context, &request.function_name)?;
        Ok(json!({"Versions": [function.configuration(context, &name, Some(LATEST))]}))
    }

    pub(super) fn update_code(&mut self, context: &mut Context<'_>, request: UpdateCode) -> Answer {
        let (name, function) = self.function_mut(context, &request.function_name)?;
        function.check_changeable(context, &name, request.revision_id.as_deref())?;
        let zip_file = request.zip_file.ok_or_else(|| invalid("Please provide a source for function code."))?;
        let package = check::package("UpdateFunctionCode", &zip_file)?;
        function.put_package(context, package);
        if let Some(architecture) = only(request.architectures) {
            function.architecture = architecture;
        }
        function.begin_update(context, durations::FUNCTION_UPDATE);
        Ok(function.configuration(context, &name, None))
    }

    pub(super) fn update_configuration(
        &mut self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        request: UpdateConfiguration,
    ) -> Answer {
        let (name, function) = self.function(context, &request.function_name)?;
        function.check_changeable(context, &name, request.revision_id.as_deref())?;
        request.runtime.as_deref().map(check::runtime).transpose()?;
        check::sizes(request.timeout, request.memory_size)?;
        let variables = request.environment.map(|environment| environment.variables);
        check::environment(variables.as_ref().unwrap_or(&BTreeMap::new()))?;

        let mut function = function.clone();
        let old_role = function.role.clone();
        let moves = request.vpc_config.is_some();
        if let Some(config) = request.vpc_config {
            let vpc = config.find(ec2)?;
            function.vpc = if function.vpc.is_some() { Some(vpc.unwrap_or_default()) } else { vpc };
        }
        if moves || request.role.is_some() {
            function.role = request.role.unwrap_or(function.role);
            let role = check::role(context, &function.role, function.vpc().is_some())?;
            if let Some(vpc) = function.vpc() {
                self.enter(context, ec2, &name, role.id(), vpc)?;
            }
        }
        function.runtime = request.runtime.unwrap_or(function.runtime);
        function.handler = request.handler.unwrap_or(function.handler);
        function.description = request.description.unwrap_or(function.description);
        function.timeout = request.timeout.unwrap_or(function.timeout);
        function.memory_size = request.memory_size.unwrap_or(function.memory_size);
        function.variables = variables.or(function.variables);
        function.tracing = request.tracing_config.map_or(function.tracing, |tracing| tracing.mode);
        function.ephemeral_storage =
            request.ephemeral_storage.map_or(function.ephemeral_storage, |storage| storage.size);
        if let Some(logging) = request.logging_config {
            function.log_format = logging.log_format.unwrap_or(function.log_format);
            function.log_group = logging.log_group.or(function.log_group);
        }
        let enters = moves && function.vpc().is_some();
        let seconds = if enters { durations::FUNCTION_CREATE_IN_VPC } else { durations::FUNCTION_UPDATE };
        function.begin_update(context, seconds);
        let view = function.configuration(context, &name, None);
        self.functions.insert(name, function);
        self.leave(context, &old_role);
        Ok(view)
    }

    pub(super) fn delete_function(&mut self, context: &mut Context<'_>, request: FunctionName) -> Answer {
        let FunctionName { function_name, qualifier } = request;
        let name = self.name_of(context, &function_name, qualifier.as_deref())?;
        if Reference::parse(context, &function_name, qualifier.as_deref())
            .is_some_and(|reference| reference.qualifier.is_some())
        {
            return Err(invalid("$LATEST version cannot be deleted without deleting the function."));
        }
        if let Some(function) = self.functions.remove(&name) {
            self.leave(context, &function.role);
        }
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::testing::*;
    use super::*;
    use crate::sandbox::world::Durations;

    #[test]
    fn a_function_is_pending_active_and_gone() {
        let mut world = Sandbox::new();
        let before = world.standing();
        let input = world.function("presign");
        let made = world.ok("CreateFunction", input);
        assert_eq!((&made["State"], &made["StateReasonCode"]), (&json!("Pending"), &json!("Creating")));
        assert_eq!(made.get("LastUpdateStatus"), None);
        world.wait(2);
        let mut rest = world.configuration("presign");
        assert_eq!(rest["RevisionId"], made["RevisionId"]);
        rest.as_object_mut().unwrap().remove("RevisionId");
        assert_snapshot!(format!("{rest:#}"), @r#"
        {
          "Architectures": [
            "x86_64"
          ],
          "CodeSha256": "v9SmQFU4V4Ctu3lSXp/3ktKpfZeCb9SBJ/+JQEeqvr8=",
          "CodeSize": 16,
          "Description": "",
          "EphemeralStorage": {
            "Size": 512
          },
          "FunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:presign",
          "FunctionName": "presign",
          "Handler": "presign.handler",
          "LastModified": "2026-01-01T00:00:07.000+0000",
          "LastUpdateStatus": "Successful",
          "LoggingConfig": {
            "LogFormat": "Text",
            "LogGroup": "/aws/lambda/presign"
          },
          "MemorySize": 128,
          "PackageType": "Zip",
          "Role": "arn:aws:iam::111122223333:role/lab/presign",
          "Runtime": "python3.13",
          "SnapStart": {
            "ApplyOn": "None",
            "OptimizationStatus": "Off"
          },
          "State": "Active",
          "Timeout": 3,
          "TracingConfig": {
            "Mode": "PassThrough"
          },
          "Version": "$LATEST"
        }
        "#);
        world.delete("presign");
        let name = json!({"FunctionName": "presign"});
        for operation in ["GetFunction", "GetFunctionConfiguration", "DeleteFunction", "ListVersionsByFunction"] {
            assert_eq!(world.refused(operation, name.clone()), "ResourceNotFoundException", "{operation}");
        }
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn without_durations_it_is_active_at_once() {
        let mut world = Sandbox::new();
        world.stage.durations = Durations::Instant;
        let input = world.function_in_vpc("presign");
        assert_eq!(world.ok("CreateFunction", input)["State"], "Active");
        let update = json!({"FunctionName": "presign", "Timeout": 5});
        assert_eq!(world.ok("UpdateFunctionConfiguration", update)["LastUpdateStatus"], "Successful");
    }

    #[test]
    fn a_name_is_used_once() {
        let mut world = Sandbox::new();
        world.create("presign");
        let input = world.function("presign");
        let refusal = world.call("CreateFunction", input).unwrap_err();
        assert_eq!(refusal.code, "ResourceConflictException");
        assert_eq!(refusal.message, "Function already exist: presign");
    }

    #[test]
    fn get_function_tells_tags_code_and_concurrency() {
        let mut world = Sandbox::new();
        let mut input = world.function("presign");
        input["Tags"] = json!({"breezeway:lab": "a"});
        world.ok("CreateFunction", input);
        let got = world.ok("GetFunction", json!({"FunctionName": "presign"}));
        assert_eq!(got["Tags"], json!({"breezeway:lab": "a"}));
        assert_eq!(got["Code"]["RepositoryType"], "S3");
        let location = got["Code"]["Location"].as_str().unwrap();
        assert!(location.starts_with("https://awslambda-us-east-1-tasks.s3.us-east-1.amazonaws.com/"), "{location}");
        assert_eq!(got.get("Concurrency"), None);
        let latest = json!({"FunctionName": "presign", "Qualifier": "$LATEST"});
        let arn = &world.ok("GetFunction", latest)["Configuration"]["FunctionArn"];
        assert!(arn.as_str().unwrap().ends_with(":function:presign:$LATEST"), "{arn}");
    }

    #[test]
    fn lists_come_in_pages_without_tags_and_state() {
        let mut world = Sandbox::new();
        for name in ["c", "a", "b"] {
            let mut input = world.function(name);
            input["Tags"] = json!({"k": "v"});
            world.ok("CreateFunction", input);
        }
        let first = world.ok("ListFunctions", json!({"MaxItems": 2}));
        let names = |page: &Value| {
            let functions = page["Functions"].as_array().unwrap().iter();
            functions.map(|function| function["FunctionName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&first), ["a", "b"]);
        for member in ["State", "LastUpdateStatus", "Tags", "StateReason"] {
            assert_eq!(first["Functions"][0].get(member), None, "{member}");
        }
        let rest = world.ok("ListFunctions", json!({"MaxItems": 2, "Marker": first["NextMarker"]}));
        assert_eq!((names(&rest), rest.get("NextMarker")), (vec!["c".to_owned()], None));
        let wrong = json!({"Marker": "?"});
        assert_eq!(world.refused("ListFunctions", wrong), "InvalidParameterValueException");
        let versions = world.ok("ListVersionsByFunction", json!({"FunctionName": "a"}))["Versions"].take();
        assert_eq!((versions.as_array().unwrap().len(), &versions[0]["Version"]), (1, &json!("$LATEST")));
    }

    #[test]
    fn no_page_has_more_than_fifty() {
        let mut world = Sandbox::new();
        for number in 0..51 {
            let input = world.function(&format!("function-{number}"));
            world.ok("CreateFunction", input);
        }
        let page = world.ok("ListFunctions", json!({"MaxItems": 10_000}));
        assert_eq!(page["Functions"].as_array().unwrap().len(), 50);
        assert_ne!(page.get("NextMarker"), None);
    }

    #[test]
    fn code_and_configuration_change_one_at_a_time() {
        let mut world = Sandbox::new();
        let input = world.function("presign");
        let made = world.ok("CreateFunction", input);
        let code = json!({"FunctionName": "presign", "ZipFile": zip("return 2")});
        let configuration = json!({
            "FunctionName": "presign", "Timeout": 10, "Environment": {"Variables": {"TABLE": "users"}},
        });
        for (operation, input) in [("UpdateFunctionCode", &code), ("UpdateFunctionConfiguration", &configuration)] {
            let refusal = world.call(operation, input.clone()).unwrap_err();
            assert_eq!(refusal.code, "ResourceConflictException");
            assert!(refusal.message.ends_with("in the following state: Pending"), "{refusal}");
        }
        world.wait(2);
        let changed = world.ok("UpdateFunctionCode", code.clone());
        assert_eq!((&changed["State"], &changed["LastUpdateStatus"]), (&json!("Active"), &json!("InProgress")));
        assert_ne!(changed["CodeSha256"], made["CodeSha256"]);
        assert_ne!(changed["RevisionId"], made["RevisionId"]);
        let refusal = world.call("UpdateFunctionConfiguration", configuration.clone()).unwrap_err();
        assert_eq!(refusal.code, "ResourceConflictException");
        assert!(refusal.message.contains("An update is in progress for resource: arn:aws:lambda"), "{refusal}");
        world.wait(2);
        world.ok("UpdateFunctionConfiguration", configuration);
        world.wait(2);
        let now = world.configuration("presign");
        assert_eq!((&now["Timeout"], &now["Environment"]["Variables"]["TABLE"]), (&json!(10), &json!("users")));
        assert_eq!((&now["LastUpdateStatus"], &now["Handler"]), (&json!("Successful"), &json!("presign.handler")));
    }

    #[test]
    fn a_change_of_another_revision_is_refused() {
        let mut world = Sandbox::new();
        world.create("presign");
        let update = json!({"FunctionName": "presign", "Timeout": 5, "RevisionId": "other"});
        assert_eq!(world.refused("UpdateFunctionConfiguration", update.clone()), "PreconditionFailedException");
        let mut right = update;
        right["RevisionId"] = world.configuration("presign")["RevisionId"].clone();
        world.ok("UpdateFunctionConfiguration", right);
    }

    #[test]
    fn a_changed_role_and_runtime_are_checked() {
        let mut world = Sandbox::new();
        world.create("presign");
        for (member, value) in [("Role", "arn:aws:iam::111122223333:role/none"), ("Runtime", "python3.6")] {
            let update = json!({"FunctionName": "presign", member: value});
            let refused = world.refused("UpdateFunctionConfiguration", update);
            assert_eq!(refused, "InvalidParameterValueException", "{member}");
        }
    }

    #[test]
    fn the_latest_version_is_not_deleted_alone() {
        let mut world = Sandbox::new();
        world.create("presign");
        let latest = json!({"FunctionName": "presign", "Qualifier": "$LATEST"});
        assert_eq!(world.refused("DeleteFunction", latest), "InvalidParameterValueException");
    }
}
