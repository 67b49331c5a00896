//! An account for tests.

use super::super::{Durations, Moment, World};
use crate::sandbox::api::{Answer, Call};
use serde_json::{Value, json};

/// Lets Lambda assume a role.
pub const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
/// Allows what logs need.
pub const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:*","Resource":"*"}]}"#;
/// Allows everything.
pub const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// The IAM of an account in a world of its own.
pub struct Account(World);

impl Account {
    pub fn new() -> Self {
        Account(World::new(1))
    }

    pub fn answer(&mut self, operation: &str, input: Value) -> Answer {
        let call = Call {
            service: "iam".to_owned(),
            operation: operation.to_owned(),
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            access_key: "111122223333".to_owned(),
            input,
        };
        let moment = Moment { now: "2026-01-01T00:00:00Z".parse().unwrap(), durations: Durations::Instant };
        self.0.handle(&moment, &call)
    }

    /// Its state.
    pub fn iam(&self) -> super::Iam {
        self.0.accounts["111122223333"].iam.clone()
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
