//! An account for tests.

use super::super::testing::{ACCOUNT, REGION, Stage};
use super::super::{Durations, World};
use crate::sandbox::api::Answer;
use serde_json::{Value, json};

/// Lets Lambda assume a role.
pub const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
/// Allows what logs need.
pub const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:*","Resource":"*"}]}"#;
/// Allows everything.
pub const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// The IAM of an account in a world of its own.
pub struct Account(Stage);

impl Account {
    pub fn new() -> Self {
        Account(Stage { world: World::new(1), durations: Durations::Instant, ..Stage::new() })
    }

    pub fn answer(&mut self, operation: &str, input: Value) -> Answer {
        self.0.call_as(ACCOUNT, (ACCOUNT, REGION), "iam", operation, input)
    }

    /// Its state.
    pub fn iam(&self) -> super::Iam {
        self.0.world.accounts[ACCOUNT].iam.clone()
    }

    pub fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.answer(operation, input).unwrap()
    }

    pub fn refused(&mut self, operation: &str, input: Value) -> (String, u16) {
        let error = self.answer(operation, input).unwrap_err();
        (error.code, error.status)
    }

    pub fn role(&mut self, name: &str, path: &str) -> Value {
        let input = json!({ "RoleName": name, "Path": path, "AssumeRolePolicyDocument": TRUST });
        self.ok("CreateRole", input)["Role"].take()
    }
}

/// A code and a status.
pub fn refusal(code: &str, status: u16) -> (String, u16) {
    (code.to_owned(), status)
}
