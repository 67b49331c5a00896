//! A world with a clock, for the tests of this folder.

use serde_json::{Value, json};

pub use crate::sandbox::world::testing::{Stage, Staged};

pub struct Sandbox {
    pub stage: Stage,
}

impl Staged for Sandbox {
    const SERVICE: &'static str = "dynamodb";

    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Sandbox {
    pub fn new() -> Self {
        Self { stage: Stage::new() }
    }

    /// What creates a table on demand whose key is `user`, a text.
    pub fn table(name: &str) -> Value {
        json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "user", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "user", "KeyType": "HASH"}],
        })
    }

    /// Creates such a table and waits until it is active.
    pub fn create(&mut self, name: &str) {
        self.ok("CreateTable", Self::table(name));
        self.wait(8);
    }
}
