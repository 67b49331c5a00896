//! A world with a clock, for the tests of this folder.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sandbox::api::{Answer, Call};
use crate::sandbox::wire;
use crate::sandbox::world::{Durations, Moment, World};

pub struct Sandbox {
    world: World,
    pub now: Timestamp,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { world: World::new(7), now: "2026-01-01T00:00:00Z".parse().unwrap() }
    }

    /// With a stream `s` in a group `g`.
    pub fn with_stream() -> Self {
        let mut new = Self::new();
        new.ok("CreateLogGroup", json!({"logGroupName": "g"}));
        new.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"}));
        new
    }

    pub fn call(&mut self, operation: &str, input: Value) -> Answer {
        let call = Call {
            service: "logs".into(),
            operation: operation.into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            access_key: "AKIDEXAMPLE".into(),
            input,
        };
        let answer = self.world.handle(&Moment { now: self.now, durations: Durations::Typical }, &call);
        if let Ok(answer) = &answer {
            let unknown = wire::unknown_members("logs", operation, answer);
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

    /// What writes messages to the stream, each so many seconds from now.
    pub fn batch(&self, events: &[(i64, &str)]) -> Value {
        let event = |(seconds, message): &(i64, &str)| json!({"timestamp": self.now.as_millisecond() + seconds * 1000, "message": message});
        let events: Vec<_> = events.iter().map(event).collect();
        json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events})
    }

    pub fn put(&mut self, events: &[(i64, &str)]) {
        let input = self.batch(events);
        self.ok("PutLogEvents", input);
    }
}
