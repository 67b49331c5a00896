//! What the tests of every service start from: a world with a clock, and somebody who calls.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Durations, Moment, World};
use crate::sandbox::api::{Answer, Call};
use crate::sandbox::wire;

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "us-east-1";

/// A world with a clock.
pub struct Stage {
    pub world: World,
    pub now: Timestamp,
    pub durations: Durations,
}

impl Stage {
    pub fn new() -> Self {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Self { world: World::new(7), now, durations: Durations::Typical }
    }

    pub fn call(&mut self, service: &str, operation: &str, input: Value) -> Answer {
        self.call_as("AKIDEXAMPLE", (ACCOUNT, REGION), service, operation, input)
    }

    /// A call of somebody else: with an access key, for an account and Region.
    pub fn call_as(
        &mut self,
        access_key: &str,
        (account, region): (&str, &str),
        service: &str,
        operation: &str,
        input: Value,
    ) -> Answer {
        let call = Call {
            service: service.into(),
            operation: operation.into(),
            account: account.into(),
            region: region.into(),
            access_key: access_key.into(),
            input,
        };
        let answer = self.world.handle(&Moment { durations: self.durations, ..Moment::at(self.now) }, &call);
        if let Ok(answer) = &answer {
            let unknown = wire::unknown_members(service, operation, answer);
            assert!(unknown.is_empty(), "{operation} answers what the wire leaves out: {unknown:?}");
        }
        answer
    }
}

/// A stage set for the tests of one service.
pub trait Staged {
    const SERVICE: &'static str;

    fn stage(&mut self) -> &mut Stage;

    fn call(&mut self, operation: &str, input: Value) -> Answer {
        self.stage().call(Self::SERVICE, operation, input)
    }

    /// The answer of a call that must work.
    fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.ok_of(Self::SERVICE, operation, input)
    }

    /// The answer of a call of any service that must work.
    fn ok_of(&mut self, service: &str, operation: &str, input: Value) -> Value {
        self.stage().call(service, operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The code of a call that must be refused and must change nothing.
    fn refused(&mut self, operation: &str, input: Value) -> String {
        let before = self.standing();
        let refusal = self.call(operation, input).expect_err("the call should have been refused");
        assert_eq!(self.standing(), before, "a refused {operation} changed something");
        refusal.code
    }

    fn wait(&mut self, seconds: i64) {
        self.stage().now += SignedDuration::from_secs(seconds);
    }

    fn standing(&mut self) -> Value {
        let stage = self.stage();
        stage.world.standing(stage.now)
    }
}
