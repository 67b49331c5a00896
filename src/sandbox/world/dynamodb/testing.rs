//! A world with a clock, for the tests of this folder.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sandbox::api::{Answer, Call};
use crate::sandbox::wire;
use crate::sandbox::world::{Durations, Moment, World};

pub struct Sandbox {
    world: World,
    now: Timestamp,
    pub durations: Durations,
}

impl Sandbox {
    pub fn new() -> Self {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Self { world: World::new(7), now, durations: Durations::Typical }
    }

    pub fn call(&mut self, operation: &str, input: Value) -> Answer {
        let call = Call {
            service: "dynamodb".into(),
            operation: operation.into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            access_key: "AKIDEXAMPLE".into(),
            input,
        };
        let answer = self.world.handle(&Moment { now: self.now, durations: self.durations }, &call);
        if let Ok(answer) = &answer {
            let unknown = wire::unknown_members("dynamodb", operation, answer);
            assert!(unknown.is_empty(), "{operation} answers what the wire leaves out: {unknown:?}");
        }
        answer
    }

    /// The answer of a call that must work.
    pub fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The code of a call that must be refused and must change nothing.
    pub fn refused(&mut self, operation: &str, input: Value) -> String {
        let before = self.standing();
        let refusal = self.call(operation, input).expect_err("the call should have been refused");
        assert_eq!(self.standing(), before, "a refused {operation} changed something");
        refusal.code
    }

    pub fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    pub fn standing(&self) -> Value {
        self.world.standing(self.now)
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
