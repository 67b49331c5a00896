//! A Lambda function: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>. Outputs `arn`, and for an
//! API `invoke_arn`.
//!
//! In a VPC it has network interfaces, one per subnet and set of groups, which are Lambda's and stay for a while after it
//! is gone: see [`Observed::function_served`].

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_lambda::operation::update_function_configuration::builders::UpdateFunctionConfigurationInputBuilder;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, Environment, EphemeralStorage, FunctionCode, FunctionConfiguration, LastUpdateStatus, LogFormat,
    LoggingConfig, Runtime, State, TracingConfig, TracingMode, VpcConfig,
};
use futures::future;
use serde::{Deserialize, Serialize};

use super::log_group::LogGroup;
use super::role::Role;
use super::security_group::SecurityGroup;
use super::subnet::Subnet;
use super::{
    Creation, Kind, Listing, Observed, Operations, Query, Readiness, Ref, Resource, Seconds, Set, Spec, Text,
    function_permission,
};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};
use crate::portal;

pub(super) const SERVICE: &str = "lambda";

/// How often to ask whether a function is done with a change.
const RHYTHM: Duration = Duration::from_secs(2);
/// How often at most: in a VPC a change takes half a minute, at worst some.
const LOOKS: usize = 120;

/// What a function is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Unique in the account and Region, at most 64 characters. It is also its id, and how its lab is known where lists
    /// carry no tags.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The ARN of the role that it acts in.
    pub role: Ref<Role>,
    /// The digest of its package, SHA-256 in base64, as AWS says it.
    pub code_sha256: String,
    /// What its code is written for: `python3.13`.
    pub runtime: String,
    /// What is called: `FILE.FUNCTION`.
    pub handler: String,
    /// `x86_64`, or `arm64`.
    pub architecture: String,
    /// After how many seconds it is stopped.
    pub timeout_seconds: i32,
    /// How much memory it has, in MB.
    pub memory_mb: i32,
    /// How much room it has in `/tmp`, in MB.
    pub ephemeral_storage_mb: i32,
    /// The variables that it finds.
    pub environment: BTreeMap<String, Text>,
    /// Code of others that is put beside its own, by ARN.
    pub layers: Vec<String>,
    /// Where its calls leave from; none for a function outside of every VPC.
    pub subnets: Set<Ref<Subnet>>,
    /// The groups of its interfaces; none for a function outside of every VPC.
    pub security_groups: Set<Ref<SecurityGroup>>,
    /// Where it writes its log.
    pub log_group: Ref<LogGroup>,
    /// `Text`, or `JSON`.
    pub log_format: String,
    /// `PassThrough`, or `Active` where every call is traced.
    pub tracing: String,
}

impl Function {
    fn environment(&self) -> Result<Environment, Failure> {
        let variables = self.environment.iter().map(|(name, value)| Ok((name.clone(), value.id()?.to_owned())));
        Ok(Environment::builder().set_variables(Some(variables.collect::<Result<_, _>>()?)).build())
    }

    fn vpc(&self) -> Result<VpcConfig, Failure> {
        let config = VpcConfig::builder().set_subnet_ids(Some(self.subnets.ids()?));
        Ok(config.set_security_group_ids(Some(self.security_groups.ids()?)).build())
    }

    fn logging(&self) -> Result<LoggingConfig, Failure> {
        let config = LoggingConfig::builder().log_group(self.log_group.id()?);
        Ok(config.log_format(LogFormat::from(self.log_format.as_str())).build())
    }

    fn ephemeral_storage(&self) -> Result<EphemeralStorage, Failure> {
        let storage = EphemeralStorage::builder().size(self.ephemeral_storage_mb).build();
        storage.map_err(|error| Failure::here("CreateFunction", Class::Wrong, error.to_string()))
    }

    fn tracing(&self) -> TracingConfig {
        TracingConfig::builder().mode(TracingMode::from(self.tracing.as_str())).build()
    }

    fn package(&self) -> Result<Blob, Failure> {
        let unknown =
            || Failure::here("package", Class::Wrong, format!("no package has the digest {}", self.code_sha256));
        portal::by_digest(&self.code_sha256).map(Blob::new).ok_or_else(unknown)
    }

    /// What of the configuration of `now` has to be changed to make it this one's.
    fn configuration_left(&self, now: &Self) -> Result<UpdateFunctionConfigurationInputBuilder, Failure> {
        let mut left = UpdateFunctionConfigurationInputBuilder::default();
        if now.description != self.description {
            left = left.description(&self.description);
        }
        if now.role != self.role {
            left = left.role(self.role.id()?);
        }
        if now.runtime != self.runtime {
            left = left.runtime(Runtime::from(self.runtime.as_str()));
        }
        if now.handler != self.handler {
            left = left.handler(&self.handler);
        }
        if now.timeout_seconds != self.timeout_seconds {
            left = left.timeout(self.timeout_seconds);
        }
        if now.memory_mb != self.memory_mb {
            left = left.memory_size(self.memory_mb);
        }
        if now.ephemeral_storage_mb != self.ephemeral_storage_mb {
            left = left.ephemeral_storage(self.ephemeral_storage()?);
        }
        if now.environment != self.environment {
            left = left.environment(self.environment()?);
        }
        if now.layers != self.layers {
            left = left.set_layers(Some(self.layers.clone()));
        }
        if (&now.subnets, &now.security_groups) != (&self.subnets, &self.security_groups) {
            left = left.vpc_config(self.vpc()?);
        }
        if (&now.log_group, &now.log_format) != (&self.log_group, &self.log_format) {
            left = left.logging_config(self.logging()?);
        }
        if now.tracing != self.tracing {
            left = left.tracing_config(self.tracing());
        }
        Ok(left)
    }
}

impl Resource for Function {
    const IN_PLACE: &'static [&'static str] = &[
        "description",
        "role",
        "code_sha256",
        "runtime",
        "handler",
        "architecture",
        "timeout_seconds",
        "memory_mb",
        "ephemeral_storage_mb",
        "environment",
        "layers",
        "subnets",
        "security_groups",
        "log_group",
        "log_format",
        "tracing",
    ];
    const ROOT: bool = true;
    // Lambda makes no function in a VPC before its role may manage network interfaces.
    const NEEDS: &'static [Kind] = &[Kind::RolePolicyAttachment];
    const OPERATIONS: Operations = Operations {
        service: SERVICE,
        create: "CreateFunction",
        change: "UpdateFunctionConfiguration",
        delete: "DeleteFunction",
    };
    const SECONDS: Seconds = Seconds { create: 22.0, delete: 5.0 };

    fn natural_key(&self) -> Option<String> {
        Some(self.name.clone())
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let code = FunctionCode::builder().zip_file(self.package()?).build();
        let (role, environment, logging) = (self.role.id()?, self.environment()?, self.logging()?);
        let (storage, vpc) = (self.ephemeral_storage()?, self.vpc()?);
        let answer = aws
            .write(SERVICE, "CreateFunction", || {
                let call = aws.lambda.create_function().function_name(&self.name).description(&self.description);
                let call = call.role(role).code(code.clone()).runtime(Runtime::from(self.runtime.as_str()));
                let call = call.handler(&self.handler).timeout(self.timeout_seconds).memory_size(self.memory_mb);
                let call = call.architectures(Architecture::from(self.architecture.as_str()));
                let call = call.ephemeral_storage(storage.clone()).environment(environment.clone());
                let call = call.set_layers((!self.layers.is_empty()).then(|| self.layers.clone()));
                let call = call.set_vpc_config((!self.subnets.is_empty()).then(|| vpc.clone()));
                let call = call.logging_config(logging.clone()).tracing_config(self.tracing());
                call.set_tags(Some(with.tags.clone().into_iter().collect())).send()
            })
            .await?;
        let mut observed = Observed::standing(&self.name, with.tags.clone(), self.clone());
        observed.readiness = Readiness::Pending;
        observed.state = "Pending".into();
        outputs(&mut observed, answer.function_arn().unwrap_or_default());
        Ok(observed)
    }

    /// Lambda takes one change at a time: each is waited for before the next.
    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let now = settled(aws, &from.id).await?;
        let left = self.configuration_left(&now)?;
        if left != UpdateFunctionConfigurationInputBuilder::default() {
            let call = || left.clone().function_name(&self.name).send_with(&aws.lambda);
            aws.write(SERVICE, "UpdateFunctionConfiguration", call).await?;
            settled(aws, &from.id).await?;
        }
        if (&now.code_sha256, &now.architecture) != (&self.code_sha256, &self.architecture) {
            let package = self.package()?;
            aws.write(SERVICE, "UpdateFunctionCode", || {
                let call = aws.lambda.update_function_code().function_name(&self.name).zip_file(package.clone());
                call.architectures(Architecture::from(self.architecture.as_str())).send()
            })
            .await?;
            settled(aws, &from.id).await?;
        }
        Ok(())
    }

    /// First out of its VPC: Lambda then begins to give up its interfaces while it still knows whose they are.
    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let name = &observed.id;
        if !settled(aws, name).await?.subnets.is_empty() {
            let call = || {
                let nowhere = VpcConfig::builder().set_subnet_ids(Some(vec![])).set_security_group_ids(Some(vec![]));
                aws.lambda.update_function_configuration().function_name(name).vpc_config(nowhere.build()).send()
            };
            match aws.write(SERVICE, "UpdateFunctionConfiguration", call).await {
                Ok(_) => drop(settled(aws, name).await?),
                Err(failure) if matches!(failure.class, Class::InUse | Class::UnknownOutcome) => return Err(failure),
                // Its role may be gone: deleting it takes it out of the VPC as well.
                Err(_) => {}
            }
        }
        let call = || aws.lambda.delete_function().function_name(name).send();
        aws.write(SERVICE, "DeleteFunction", call).await.map(drop)
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        let function = get(aws, id).await?;
        let arn = function.output("arn").unwrap_or_default();
        let call = || aws.lambda.tag_resource().resource(arn).set_tags(Some(tags.clone().into_iter().collect())).send();
        aws.write(SERVICE, "TagResource", call).await.map(drop)
    }
}

fn outputs(observed: &mut Observed, arn: &str) {
    let mut parts = arn.split(':').skip(1);
    let (partition, region) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
    // How API Gateway calls it: <https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegration.html>.
    let invoke = format!("arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations");
    observed.outputs.extend([("arn".to_owned(), arn.to_owned()), ("invoke_arn".to_owned(), invoke)]);
}

/// What a function is once no change of it is going on.
async fn settled(aws: &Aws, name: &str) -> Result<Function, Failure> {
    for _ in 0..LOOKS {
        let observed = get(aws, name).await?;
        if let (false, Spec::Function(function)) = (observed.readiness == Readiness::Pending, observed.spec) {
            return Ok(function);
        }
        tokio::time::sleep(RHYTHM).await;
    }
    Err(Failure::here("GetFunction", Class::InUse, format!("{name} is still being changed")))
}

async fn get(aws: &Aws, name: &str) -> Result<Observed, Failure> {
    let call = || aws.lambda.get_function().function_name(name).send();
    let answer = aws.read(SERVICE, "GetFunction", call).await?;
    let tags: Tags = answer.tags.unwrap_or_default().into_iter().collect();
    let missing = || Failure::here("GetFunction", Class::NotFound, format!("{name} isn't in the answer"));
    answer.configuration.as_ref().map(|configuration| read(name, configuration, tags)).ok_or_else(missing)
}

fn read(name: &str, function: &FunctionConfiguration, tags: Tags) -> Observed {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let vpc = function.vpc_config();
    let environment = function.environment();
    let variables = environment.and_then(|environment| environment.variables()).into_iter().flatten();
    let logging = function.logging_config();
    let spec = Function {
        name: name.to_owned(),
        description: text(function.description()),
        role: Ref::known(text(function.role())),
        code_sha256: text(function.code_sha256()),
        runtime: text(function.runtime().map(Runtime::as_str)),
        handler: text(function.handler()),
        architecture: function.architectures().first().map_or("x86_64", Architecture::as_str).to_owned(),
        timeout_seconds: function.timeout().unwrap_or_default(),
        memory_mb: function.memory_size().unwrap_or_default(),
        ephemeral_storage_mb: function.ephemeral_storage().map_or(512, EphemeralStorage::size),
        environment: variables.map(|(name, value)| (name.clone(), Ref::known(value))).collect(),
        layers: function.layers().iter().filter_map(|layer| layer.arn().map(str::to_owned)).collect(),
        subnets: vpc.map_or(&[][..], |vpc| vpc.subnet_ids()).iter().map(Ref::known).collect(),
        security_groups: vpc.map_or(&[][..], |vpc| vpc.security_group_ids()).iter().map(Ref::known).collect(),
        log_group: Ref::known(text(logging.and_then(LoggingConfig::log_group))),
        log_format: logging.and_then(LoggingConfig::log_format).map_or("Text", LogFormat::as_str).to_owned(),
        tracing: function
            .tracing_config()
            .and_then(|all| all.mode())
            .map_or("PassThrough", TracingMode::as_str)
            .to_owned(),
    };
    let mut observed = Observed::standing(name, tags, spec);
    if environment.is_some_and(|environment| environment.error().is_some()) {
        observed.unread.push("environment".into());
    }
    (observed.state, observed.readiness) = readiness(function);
    outputs(&mut observed, function.function_arn().unwrap_or_default());
    observed
}

/// One that nobody called for weeks is `Inactive`, and comes back when it is called:
/// <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>.
fn readiness(function: &FunctionConfiguration) -> (String, Readiness) {
    let state = function.state().map_or("Active", State::as_str).to_owned();
    let why = |reason: Option<&str>| Readiness::Failed(reason.unwrap_or("no reason given").to_owned());
    let readiness = match (state.as_str(), function.last_update_status()) {
        ("Pending", _) | (_, Some(LastUpdateStatus::InProgress)) => Readiness::Pending,
        ("Deleting", _) => Readiness::Deleting,
        ("Failed", _) => why(function.state_reason()),
        (_, Some(LastUpdateStatus::Failed)) => why(function.last_update_status_reason()),
        _ => Readiness::Ready,
    };
    (state, readiness)
}

/// Reads the lab's functions by their names, with who may call them: other functions of the account cost nothing. A
/// query by id reads functions alone.
///
/// # Errors
/// A function itself could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let (names, whole) = match query {
        Query::Lab(lab) => (lab.functions.clone(), true),
        Query::Ids(names) => (names.clone(), false),
        Query::Inside(_) => return Ok(Listing::default()),
    };
    let mut listing = Listing::default();
    for one in future::join_all(names.iter().map(|name| one(aws, name, whole))).await {
        let one = one?;
        listing.found.extend(one.found);
        listing.unreadable.extend(one.unreadable);
    }
    Ok(listing)
}

async fn one(aws: &Aws, name: &str, whole: bool) -> Result<Listing, Failure> {
    let mut listing = Listing::default();
    match get(aws, name).await {
        Ok(function) => listing.found.push(function),
        Err(failure) if failure.class == Class::NotFound => return Ok(listing),
        Err(failure) => return Err(failure),
    }
    if !whole {
        return Ok(listing);
    }
    match function_permission::of_function(aws, name).await {
        Ok(permissions) => listing.found.extend(permissions),
        Err(failure) => listing.unreadable.push((Kind::FunctionPermission, failure)),
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_ready_when_no_change_is_going_on() {
        let shown = |state: &str, update: Option<&str>| {
            let function = FunctionConfiguration::builder().state(State::from(state)).state_reason("because");
            let function = function.set_last_update_status(update.map(LastUpdateStatus::from));
            readiness(&function.last_update_status_reason("it failed").build()).1
        };
        assert_eq!(shown("Pending", None), Readiness::Pending);
        assert_eq!(shown("Active", Some("InProgress")), Readiness::Pending);
        assert_eq!(shown("Active", Some("Successful")), Readiness::Ready);
        assert_eq!(shown("Inactive", Some("Successful")), Readiness::Ready);
        assert_eq!(shown("Failed", None), Readiness::Failed("because".into()));
        assert_eq!(shown("Active", Some("Failed")), Readiness::Failed("it failed".into()));
    }

    #[test]
    fn an_api_calls_a_function_by_an_arn_of_its_own() {
        let function = FunctionConfiguration::builder().function_arn("arn:aws-cn:lambda:cn-north-1:1:function:f");
        let read = read("f", &function.build(), Tags::new());
        let expected = "arn:aws-cn:apigateway:cn-north-1:lambda:path/2015-03-31/functions/\
                        arn:aws-cn:lambda:cn-north-1:1:function:f/invocations";
        assert_eq!(read.output("invoke_arn"), Some(expected));
    }
}
