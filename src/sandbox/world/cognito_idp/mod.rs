//! Cognito's user pools in one account and Region: pools, their app clients, domains and users, and signing in.
//!
//! What is not modelled: federation, groups, Lambda triggers, codes that are sent by mail or message, MFA, SRP.

mod auth;
mod client;
mod domain;
mod keys;
mod listing;
mod pool;
mod schema;
mod secret;
mod session;
mod tags;
#[cfg(test)]
mod testing;
mod token;
mod user;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Context, not_implemented, read};
use crate::sandbox::api::{Answer, ApiError, Call};
use pool::UserPool;

/// The user pools of one account and Region, by id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CognitoIdp {
    pools: BTreeMap<String, UserPool>,
}

impl CognitoIdp {
    /// Answers a call.
    ///
    /// # Errors
    /// The refusal, after which the caller must restore the state as it was.
    pub fn handle(&mut self, context: &mut Context<'_>, call: &Call) -> Answer {
        match call.operation.as_str() {
            "CreateUserPool" => self.create_pool(context, call),
            "DescribeUserPool" => self.describe_pool(context, read(call)?),
            "UpdateUserPool" => self.update_pool(context, call),
            "DeleteUserPool" => self.delete_pool(read(call)?),
            "ListUserPools" => self.list_pools(read(call)?),
            "GetUserPoolMfaConfig" => self.mfa_config(read(call)?),
            "SetUserPoolMfaConfig" => self.set_mfa_config(read(call)?),
            "CreateUserPoolClient" => self.create_client(context, call),
            "DescribeUserPoolClient" => self.describe_client(read(call)?),
            "UpdateUserPoolClient" => self.update_client(context, call),
            "DeleteUserPoolClient" => self.delete_client(read(call)?),
            "ListUserPoolClients" => self.list_clients(read(call)?),
            "CreateUserPoolDomain" => self.create_domain(context, read(call)?),
            "DescribeUserPoolDomain" => self.describe_domain(context, read(call)?),
            "DeleteUserPoolDomain" => self.delete_domain(read(call)?),
            "AdminCreateUser" => self.create_user(context, read(call)?),
            "AdminGetUser" => self.get_user(read(call)?),
            "AdminDeleteUser" => self.delete_user(read(call)?),
            "AdminSetUserPassword" => self.set_password(context, read(call)?),
            "AdminDisableUser" => self.enable_user(context, read(call)?, false),
            "AdminEnableUser" => self.enable_user(context, read(call)?, true),
            "AdminUpdateUserAttributes" => self.update_attributes(context, read(call)?),
            "ListUsers" => self.list_users(read(call)?),
            "InitiateAuth" => self.initiate_auth(context, read(call)?),
            "AdminInitiateAuth" => self.admin_initiate_auth(context, read(call)?),
            "RespondToAuthChallenge" => self.respond_to_challenge(context, read(call)?),
            "TagResource" => self.tag_resource(context, read(call)?),
            "UntagResource" => self.untag_resource(context, read(call)?),
            "ListTagsForResource" => self.list_resource_tags(context, read(call)?),
            _ => Err(not_implemented(call, "the operation")),
        }
    }

    /// Lets happen what is due by now: sign-ins that were begun and refresh tokens run out.
    pub fn settle(&mut self, now: Timestamp) {
        for pool in self.pools.values_mut() {
            pool.sessions.expire(now);
        }
    }

    /// What stands of what was made here.
    pub fn standing(&self) -> Value {
        let mut standing = self.clone();
        for pool in standing.pools.values_mut() {
            pool.sessions = Default::default();
        }
        json!(standing)
    }

    /// Whether an app client with this id is in one of the pools.
    pub fn has_client(&self, client_id: &str) -> bool {
        self.pools.values().any(|pool| pool.clients.contains_key(client_id))
    }

    fn pool(&self, id: &str) -> Result<&UserPool, ApiError> {
        self.pools.get(id).ok_or_else(|| no_pool(id))
    }

    fn pool_mut(&mut self, id: &str) -> Result<&mut UserPool, ApiError> {
        self.pools.get_mut(id).ok_or_else(|| no_pool(id))
    }
}

/// Reads a request of which some members are named, and all others are settings that are kept as given.
///
/// # Errors
/// `NotImplemented` for a member that neither has.
fn read_with_settings<N: DeserializeOwned, S: DeserializeOwned>(
    call: &Call,
    named: &[&str],
) -> Result<(N, S), ApiError> {
    let members = call.input.as_object().cloned().unwrap_or_default();
    let (named, settings): (serde_json::Map<_, _>, serde_json::Map<_, _>) =
        members.into_iter().partition(|(name, _)| named.contains(&name.as_str()));
    let part = |input: serde_json::Map<String, Value>| Call { input: Value::Object(input), ..call.clone() };
    Ok((read(&part(named))?, read(&part(settings))?))
}

fn no_pool(id: &str) -> ApiError {
    not_found(format!("User pool {id} does not exist."))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceNotFoundException", message)
}

fn not_authorized(message: impl Into<String>) -> ApiError {
    ApiError::new("NotAuthorizedException", message)
}

fn limit_exceeded(message: impl Into<String>) -> ApiError {
    ApiError::new("LimitExceededException", message)
}

/// The refusal of what Cognito has and this world lacks.
fn unsupported(what: &str) -> ApiError {
    ApiError::new("NotImplemented", format!("the sandbox does not model {what} (cognito-idp)")).with_status(501)
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    #[test]
    fn what_is_not_modelled_is_refused_by_name() {
        let mut world = Sandbox::new();
        for (member, value) in [
            ("LambdaConfig", json!({"PreSignUp": "arn:aws:lambda:us-east-1:111122223333:function:f"})),
            ("UserPoolAddOns", json!({"AdvancedSecurityMode": "AUDIT"})),
        ] {
            let input = json!({"PoolName": "p", member: value});
            assert_eq!(world.refused("CreateUserPool", input), "NotImplemented", "{member}");
        }
    }

    #[test]
    fn a_region_that_was_only_looked_at_holds_nothing() {
        let mut world = Sandbox::new();
        let before = world.standing();
        world.ok("ListUserPools", json!({"MaxResults": 60}));
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn signing_in_leaves_nothing_that_stands() {
        let mut world = Sandbox::with_user();
        let before = world.standing();
        world.sign_in(PASSWORD).unwrap();
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn who_signs_in_names_no_account_and_the_client_is_found() {
        let mut world = Sandbox::with_user();
        let input = json!({
            "ClientId": world.client,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD},
        });
        let elsewhere = ("444455556666", "us-east-1");
        let unsigned = world.call_as("", elsewhere, "InitiateAuth", input.clone()).unwrap();
        assert!(unsigned["AuthenticationResult"]["IdToken"].is_string());
        let signed = world.call_as("AKIDEXAMPLE", elsewhere, "InitiateAuth", input.clone()).unwrap_err();
        assert_eq!(signed.code, "ResourceNotFoundException");
        let other_region = world.call_as("", ("111122223333", "eu-west-1"), "InitiateAuth", input).unwrap_err();
        assert_eq!(other_region.code, "ResourceNotFoundException");
    }

    #[test]
    fn the_default_region_stands_for_every_one() {
        let mut world = Sandbox::new();
        let ireland = ("444455556666", "eu-west-1");
        let mut there = |operation: &str, input| world.call_as("AKIDEXAMPLE", ireland, operation, input).unwrap();
        let pool = there("CreateUserPool", json!({"PoolName": "p"}))["UserPool"]["Id"].take();
        let client = json!({"UserPoolId": pool, "ClientName": "c", "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]});
        let client = there("CreateUserPoolClient", client)["UserPoolClient"]["ClientId"].take();
        let parameters = json!({"USERNAME": "bob", "PASSWORD": PASSWORD});
        let input = json!({"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters});
        let place = ("111122223333", crate::sandbox::wire::DEFAULT_REGION);
        assert_eq!(world.call_as("", place, "InitiateAuth", input).unwrap_err().code, "UserNotFoundException");
    }
}
