//! What Lambda refuses of a function: its role, its code, its runtime, its sizes, its environment.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{invalid, validation};
use crate::sandbox::api::ApiError;
use crate::sandbox::world::Context;
use crate::sandbox::world::iam::ServiceRole;

/// Runtimes of zip archives; see "Lambda runtimes" in the developer guide.
const RUNTIMES: &[&str] = &[
    "dotnet10",
    "dotnet6",
    "dotnet8",
    "java11",
    "java17",
    "java21",
    "java25",
    "java8.al2",
    "nodejs16.x",
    "nodejs18.x",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "provided.al2",
    "provided.al2023",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "python3.8",
    "python3.9",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
    "ruby4.0",
];

/// Runtimes that no function can be made with or changed to any more.
const BLOCKED_RUNTIMES: &[&str] = &[
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "go1.x",
    "java8",
    "nodejs",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs4.3",
    "nodejs4.3-edge",
    "nodejs6.10",
    "nodejs8.10",
    "provided",
    "python2.7",
    "python3.6",
    "python3.7",
    "ruby2.5",
    "ruby2.7",
];

/// Names of variables that Lambda itself sets.
const RESERVED_VARIABLES: &[&str] = &[
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
];

/// What a role must allow for functions in a VPC.
const INTERFACE_ACTIONS: [&str; 3] = ["CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface"];

/// Seconds.
const MAX_TIMEOUT: i64 = 900;
/// MB.
const MEMORY: (i64, i64) = (128, 10_240);
/// Bytes of a whole request, base64 included: 50 MB of archive fit in.
const MAX_REQUEST: usize = 70_167_211;
/// Bytes of all variables, as JSON.
const MAX_ENVIRONMENT: usize = 4096;

/// What zip archives begin with.
const ZIP_ENTRY: &[u8] = b"PK\x03\x04";
/// What begins the end of a zip archive.
const ZIP_END: &[u8] = b"PK\x05\x06";

/// What is kept of a deployment package.
#[derive(Debug, PartialEq)]
pub struct Package {
    /// Bytes.
    pub size: usize,
    /// Base64.
    pub sha256: String,
}

/// The role with this ARN, if Lambda may assume it and, for a function in a VPC, have interfaces with it.
pub fn role<'a>(context: &Context<'a>, arn: &str, in_vpc: bool) -> Result<ServiceRole<'a>, ApiError> {
    let account = arn.split(':').nth(4).unwrap_or_default();
    if account != context.account {
        return Err(ApiError::new("AccessDeniedException", "Cross-account pass role is not allowed."));
    }
    let role = context.iam.and_then(|iam| iam.service_role(context, arn, "lambda.amazonaws.com"));
    let role = role.ok_or_else(|| invalid("The role defined for the function cannot be assumed by Lambda."))?;
    let lacking = INTERFACE_ACTIONS.iter().find(|action| in_vpc && !role.may(&format!("ec2:{action}")));
    match lacking {
        None => Ok(role),
        Some(action) => {
            Err(invalid(format!("The provided execution role does not have permissions to call {action} on EC2")))
        }
    }
}

/// Refuses a runtime that Lambda has no more, or never had.
pub fn runtime(runtime: &str) -> Result<(), ApiError> {
    if RUNTIMES.contains(&runtime) {
        return Ok(());
    }
    if BLOCKED_RUNTIMES.contains(&runtime) {
        return Err(invalid(format!(
            "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. \
             We recommend you use a supported runtime while creating or updating functions."
        )));
    }
    Err(invalid(format!(
        "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{}] or be a \
         valid ARN",
        RUNTIMES.join(", ")
    )))
}

/// Refuses a timeout in seconds or a memory size in MB that no function can have.
pub fn sizes(timeout: Option<i64>, memory: Option<i64>) -> Result<(), ApiError> {
    let (least, most) = MEMORY;
    for (value, member, least, most) in [(timeout, "timeout", 1, MAX_TIMEOUT), (memory, "memorySize", least, most)] {
        let Some(value) = value else { continue };
        if value > most {
            let constraint = format!("Member must have value less than or equal to {most}");
            return Err(validation(&value.to_string(), member, &constraint));
        }
        if value < least {
            let constraint = format!("Member must have value greater than or equal to {least}");
            return Err(validation(&value.to_string(), member, &constraint));
        }
    }
    Ok(())
}

/// Refuses variables that are too large together or that Lambda keeps for itself.
pub fn environment(variables: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let well_formed = |name: &str| {
        let letters = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        name.len() > 1 && name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.chars().all(letters)
    };
    let reserved: Vec<_> =
        variables.keys().map(String::as_str).filter(|name| RESERVED_VARIABLES.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used in \
             this request: {}",
            reserved.join(", ")
        )));
    }
    if let Some(name) = variables.keys().find(|name| !well_formed(name)) {
        let constraint = "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: \
                          [a-zA-Z]([a-zA-Z0-9_])+]";
        return Err(validation(&format!("{{{name}=…}}"), "environment.variables", constraint));
    }
    let text = json!(variables).to_string();
    if text.len() > MAX_ENVIRONMENT {
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit. String measured: {text}"
        )));
    }
    Ok(())
}

/// Takes a zip archive, sent as base64.
pub fn package(operation: &str, zip_file: &str) -> Result<Package, ApiError> {
    if zip_file.len() > MAX_REQUEST {
        let message = format!("Request must be smaller than {MAX_REQUEST} bytes for the {operation} operation");
        return Err(ApiError::new("RequestEntityTooLargeException", message).with_status(413));
    }
    let archive = BASE64_STANDARD.decode(zip_file).unwrap_or_default();
    let is_zip = archive.windows(ZIP_END.len()).any(|part| part == ZIP_END);
    if is_zip && archive.starts_with(ZIP_END) {
        return Err(invalid("Uploaded file must be a non-empty zip"));
    }
    if !is_zip || !archive.starts_with(ZIP_ENTRY) {
        return Err(invalid("Could not unzip uploaded file. Please check your file, then try to upload again."));
    }
    Ok(Package { size: archive.len(), sha256: BASE64_STANDARD.encode(Sha256::digest(&archive)) })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::testing::*;
    use super::*;

    /// The refusal of a function that differs in one member.
    fn refusal(world: &mut Sandbox, member: &str, value: Value) -> (String, String) {
        let mut input = world.function("presign");
        input[member] = value;
        let error = world.call("CreateFunction", input).unwrap_err();
        (error.code, error.message)
    }

    #[test]
    fn a_role_that_is_missing_fresh_or_trusts_another_service_cannot_be_assumed() {
        let mut world = Sandbox::new();
        let refused = (
            "InvalidParameterValueException".to_owned(),
            "The role defined for the function cannot be assumed by Lambda.".to_owned(),
        );
        let arn = |path_and_name: &str| json!(format!("arn:aws:iam::111122223333:role/{path_and_name}"));
        assert_eq!(refusal(&mut world, "Role", arn("none")), refused);
        assert_eq!(refusal(&mut world, "Role", arn("presign")), refused, "the role has a path");
        world.create_role("hosts", "ec2.amazonaws.com");
        world.create_role("fresh", "lambda.amazonaws.com");
        assert_eq!(refusal(&mut world, "Role", arn("lab/fresh")), refused);
        world.wait(7);
        assert_eq!(refusal(&mut world, "Role", arn("lab/hosts")), refused);
        let foreign = json!("arn:aws:iam::444455556666:role/presign");
        assert_eq!(refusal(&mut world, "Role", foreign).0, "AccessDeniedException");
        let mut input = world.function("presign");
        input["Role"] = arn("lab/fresh");
        world.ok("CreateFunction", input);
    }

    #[test]
    fn in_a_vpc_the_role_must_allow_network_interfaces() {
        let mut world = Sandbox::new();
        world.create_role("plain", "lambda.amazonaws.com");
        world.wait(7);
        let mut input = world.function_in_vpc("presign");
        input["Role"] = json!("arn:aws:iam::111122223333:role/lab/plain");
        let error = world.call("CreateFunction", input.clone()).unwrap_err();
        let message = "The provided execution role does not have permissions to call CreateNetworkInterface on EC2";
        assert_eq!((error.code.as_str(), error.message.as_str()), ("InvalidParameterValueException", message));

        let statement = json!({"Effect": "Allow", "Action": ["ec2:CreateNetworkInterface"], "Resource": "*"});
        world.put_policy("plain", "create", statement);
        assert_eq!(world.call("CreateFunction", input.clone()).unwrap_err().message, message, "the policy is fresh");
        world.wait(7);
        let error = world.call("CreateFunction", input.clone()).unwrap_err();
        assert!(error.message.ends_with("call DescribeNetworkInterfaces on EC2"), "{error}");
        world.put_policy("plain", "all", json!({"Effect": "Allow", "Action": "ec2:*Network*", "Resource": "*"}));
        world.wait(7);
        world.ok("CreateFunction", input);
    }

    #[test]
    fn runtimes_come_and_go() {
        let mut world = Sandbox::new();
        let (code, message) = refusal(&mut world, "Runtime", json!("python3.7"));
        assert_eq!(code, "InvalidParameterValueException");
        assert!(message.starts_with("The runtime parameter of python3.7 is no longer supported"), "{message}");
        let (code, message) = refusal(&mut world, "Runtime", json!("python4"));
        assert_eq!(code, "InvalidParameterValueException");
        assert!(message.starts_with("Value python4 at 'runtime' failed to satisfy constraint"), "{message}");
        for member in ["Runtime", "Handler"] {
            assert!(refusal(&mut world, member, Value::Null).1.starts_with("Runtime and Handler are mandatory"));
        }
    }

    #[test]
    fn timeout_and_memory_are_in_range() {
        let mut world = Sandbox::new();
        for (member, value, message) in [
            ("Timeout", 901, "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less"),
            ("Timeout", 0, "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater"),
            ("MemorySize", 10_241, "Value '10241' at 'memorySize' failed"),
            ("MemorySize", 127, "Value '127' at 'memorySize' failed"),
        ] {
            let refused = refusal(&mut world, member, json!(value));
            assert_eq!(refused.0, "ValidationException");
            assert!(refused.1.contains(message), "{}", refused.1);
        }
        let mut input = world.function("presign");
        input["Timeout"] = json!(900);
        input["MemorySize"] = json!(10_240);
        world.ok("CreateFunction", input);
    }

    #[test]
    fn variables_fit_four_kilobytes_and_leave_lambdas_own_alone() {
        let mut world = Sandbox::new();
        let of = |name: &str, value: &str| json!({"Variables": {name: value}});
        for (environment, code, message) in [
            (of("AWS_REGION", "x"), "InvalidParameterValueException", "Reserved keys used in this request: AWS_REGION"),
            (of("TABLE", &"x".repeat(4090)), "InvalidParameterValueException", "exceeded the 4KB limit"),
            (of("A-B", "x"), "ValidationException", "regular expression pattern"),
            (of("A", "x"), "ValidationException", "regular expression pattern"),
        ] {
            let refused = refusal(&mut world, "Environment", environment);
            assert_eq!(refused.0, code);
            assert!(refused.1.contains(message), "{}", refused.1);
        }
    }

    #[test]
    fn code_is_a_zip_archive_of_fifty_megabytes_at_most() {
        let mut world = Sandbox::new();
        let code = |archive: &[u8]| json!({"ZipFile": BASE64_STANDARD.encode(archive)});
        for (archive, message) in [
            (&b"print()"[..], "Could not unzip uploaded file"),
            (b"", "Could not unzip uploaded file"),
            (b"PK\x05\x06", "Uploaded file must be a non-empty zip"),
        ] {
            let refused = refusal(&mut world, "Code", code(archive));
            assert_eq!(refused.0, "InvalidParameterValueException");
            assert!(refused.1.starts_with(message), "{}", refused.1);
        }
        assert!(refusal(&mut world, "Code", json!({})).1.starts_with("Please provide a source for function code"));
        let large = json!({"ZipFile": "A".repeat(MAX_REQUEST + 1)});
        assert_eq!(refusal(&mut world, "Code", large).0, "RequestEntityTooLargeException");
    }
}
