//! Lambda's functions in one account and Region.
//!
//! Functions run nowhere here. In a VPC they have interfaces in EC2, so every call is handed the state of that.

mod account;
mod check;
mod function;
mod interface;
mod name;
mod permission;
mod tags;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ec2::Ec2;
use super::{Context, not_implemented, read};
use crate::sandbox::api::{Answer, ApiError, Call};
use function::Function;
use interface::Interface;

/// Lambda's functions in one account and Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lambda {
    /// By name.
    functions: BTreeMap<String, Function>,
    /// By their ids in EC2.
    interfaces: BTreeMap<String, Interface>,
}

impl Lambda {
    /// Answers a call.
    ///
    /// # Errors
    /// The refusal, after which the caller must restore both states as they were.
    pub fn handle(&mut self, context: &mut Context<'_>, ec2: &mut Ec2, call: &Call) -> Answer {
        match call.operation.as_str() {
            "CreateFunction" => self.create_function(context, ec2, read(call)?),
            "GetFunction" => self.get_function(context, read(call)?),
            "GetFunctionConfiguration" => self.get_configuration(context, read(call)?),
            "ListFunctions" => self.list_functions(context, read(call)?),
            "ListVersionsByFunction" => self.list_versions(context, read(call)?),
            "UpdateFunctionCode" => self.update_code(context, read(call)?),
            "UpdateFunctionConfiguration" => self.update_configuration(context, ec2, read(call)?),
            "DeleteFunction" => self.delete_function(context, read(call)?),
            "AddPermission" => self.add_permission(context, read(call)?),
            "RemovePermission" => self.remove_permission(context, read(call)?),
            "GetPolicy" => self.get_policy(context, read(call)?),
            "TagResource" => self.tag_resource(context, read(call)?),
            "UntagResource" => self.untag_resource(context, read(call)?),
            "ListTags" => self.list_tags(context, read(call)?),
            "PutFunctionConcurrency" => self.put_concurrency(context, read(call)?),
            "GetFunctionConcurrency" => self.get_concurrency(context, read(call)?),
            "DeleteFunctionConcurrency" => self.delete_concurrency(context, read(call)?),
            "GetAccountSettings" => Ok(self.account_settings()),
            _ => Err(not_implemented(call, "the operation")),
        }
    }

    /// Lets happen what is due by now.
    pub fn settle(&mut self, ec2: &mut Ec2, now: Timestamp) {
        self.settle_interfaces(ec2, now);
    }

    /// What stands of what was made here.
    pub fn standing(&self) -> Value {
        json!(self)
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValueException", message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceNotFoundException", message)
}

fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceConflictException", message)
}

/// The refusal of a member that does not meet its constraint.
fn validation(value: &str, member: &str, constraint: &str) -> ApiError {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    );
    ApiError::new("ValidationException", message)
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    #[test]
    fn what_is_not_modelled_is_refused_by_name() {
        let mut world = Sandbox::new();
        let mut input = world.function("presign");
        input["Publish"] = json!(false);
        world.ok("CreateFunction", input.clone());
        input["FunctionName"] = json!("other");
        for (member, value) in [
            ("Publish", json!(true)),
            ("PackageType", json!("Image")),
            ("Layers", json!(["arn:aws:lambda:us-east-1:111122223333:layer:a:1"])),
            ("KMSKeyArn", json!("arn:aws:kms:us-east-1:111122223333:key/1")),
            ("Code", json!({"S3Bucket": "bucket", "S3Key": "key"})),
        ] {
            let mut input = input.clone();
            input[member] = value;
            assert_eq!(world.refused("CreateFunction", input), "NotImplemented", "{member}");
        }
        assert_eq!(world.refused("Invoke", json!({"FunctionName": "presign"})), "NotImplemented");
    }

    #[test]
    fn a_region_that_was_only_looked_at_holds_nothing() {
        let mut world = Sandbox::new();
        let before = world.standing();
        world.ok("ListFunctions", json!({}));
        world.ok("GetAccountSettings", json!({}));
        assert_eq!(world.standing(), before);
    }
}
