//! A world with a clock, for the tests of this folder.

use serde_json::{Value, json};

pub use crate::sandbox::world::testing::{Stage, Staged};

pub struct Sandbox {
    pub stage: Stage,
}

impl Staged for Sandbox {
    const SERVICE: &'static str = "logs";

    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Sandbox {
    pub fn new() -> Self {
        Self { stage: Stage::new() }
    }

    /// With a stream `s` in a group `g`.
    pub fn with_stream() -> Self {
        let mut new = Self::new();
        new.ok("CreateLogGroup", json!({"logGroupName": "g"}));
        new.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"}));
        new
    }

    /// What writes messages to the stream, each so many seconds from now.
    pub fn batch(&self, events: &[(i64, &str)]) -> Value {
        let event = |(seconds, message): &(i64, &str)| json!({"timestamp": self.stage.now.as_millisecond() + seconds * 1000, "message": message});
        let events: Vec<_> = events.iter().map(event).collect();
        json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events})
    }

    pub fn put(&mut self, events: &[(i64, &str)]) {
        let input = self.batch(events);
        self.ok("PutLogEvents", input);
    }
}
