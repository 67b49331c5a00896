//! Log streams.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event::Event;
use super::group::group_arn;
use super::{Logs, exists, invalid, listing, not_found};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// A log stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogStream {
    created: Timestamp,
    pub last_ingested: Option<Timestamp>,
    /// In the order of their times.
    pub events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamName {
    log_group_name: String,
    log_stream_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeStreams {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    #[serde(default)]
    order_by: Order,
    #[serde(default)]
    descending: bool,
    limit: Option<usize>,
    next_token: Option<String>,
}

#[derive(Default, PartialEq, Deserialize)]
enum Order {
    #[default]
    LogStreamName,
    LastEventTime,
}

impl LogStream {
    /// Bytes.
    pub fn size(&self) -> usize {
        self.events.iter().map(Event::size).sum()
    }

    fn view(&self, context: &Context<'_>, group: &str, name: &str) -> Value {
        let mut view = json!({
            "logStreamName": name,
            "creationTime": self.created.as_millisecond(),
            "arn": format!("{}:log-stream:{name}", group_arn(context, group)),
            "storedBytes": 0,
        });
        if let [first, ..] = self.events.as_slice() {
            view["firstEventTimestamp"] = json!(first.timestamp);
        }
        if let Some(last) = self.events.last() {
            view["lastEventTimestamp"] = json!(last.timestamp);
        }
        if let Some(time) = self.last_ingested {
            view["lastIngestionTime"] = json!(time.as_millisecond());
        }
        view
    }
}

impl Logs {
    pub(super) fn create_stream(&mut self, context: &Context<'_>, request: StreamName) -> Answer {
        let group = self.group_mut(&request.log_group_name)?;
        if group.streams.contains_key(&request.log_stream_name) {
            return Err(exists("The specified log stream already exists"));
        }
        let stream = LogStream { created: context.now, last_ingested: None, events: Vec::new() };
        group.streams.insert(request.log_stream_name, stream);
        Ok(json!({}))
    }

    pub(super) fn delete_stream(&mut self, request: StreamName) -> Answer {
        let group = self.group_mut(&request.log_group_name)?;
        group.streams.remove(&request.log_stream_name).ok_or_else(missing)?;
        Ok(json!({}))
    }

    pub(super) fn describe_streams(&self, context: &Context<'_>, request: DescribeStreams) -> Answer {
        let (name, identifier) = (request.log_group_name.as_deref(), request.log_group_identifier.as_deref());
        let (group_name, group) = self.identified(context, name, identifier)?;
        let by_time = request.order_by == Order::LastEventTime;
        let prefix = request.log_stream_name_prefix;
        if by_time && prefix.is_some() {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        let streams = group.streams.iter();
        let wanted = streams.filter(|(name, _)| prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix.as_str())));
        let views = wanted.map(|(name, stream)| {
            let last = stream.events.last().filter(|_| by_time).map_or(0, |event| event.timestamp);
            (format!("{last:020}{name}"), stream.view(context, group_name, name))
        });
        let token = request.next_token.as_deref();
        listing::page("logStreams", views.collect(), request.descending, request.limit, token)
    }
}

pub fn missing() -> ApiError {
    not_found("The specified log stream does not exist.")
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn names(world: &mut Sandbox, mut input: Value) -> Vec<String> {
        input["logGroupName"] = json!("g");
        let streams = world.ok("DescribeLogStreams", input)["logStreams"].take();
        let name = |stream: &Value| stream["logStreamName"].as_str().unwrap().to_owned();
        streams.as_array().unwrap().iter().map(name).collect()
    }

    #[test]
    fn a_stream_is_made_once_and_deleted_with_its_events() {
        let mut world = Sandbox::with_stream();
        let name = json!({"logGroupName": "g", "logStreamName": "s"});
        assert_eq!(world.refused("CreateLogStream", name.clone()), "ResourceAlreadyExistsException");
        let other = json!({"logGroupName": "none", "logStreamName": "s"});
        assert_eq!(world.refused("CreateLogStream", other), "ResourceNotFoundException");
        world.ok("DeleteLogStream", name.clone());
        assert_eq!(world.refused("DeleteLogStream", name), "ResourceNotFoundException");
        assert_eq!(names(&mut world, json!({})), Vec::<String>::new());
    }

    #[test]
    fn streams_come_by_name_or_by_their_last_event() {
        let mut world = Sandbox::with_stream();
        world.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "a"}));
        world.put(&[(0, "hello")]);
        assert_eq!(names(&mut world, json!({})), ["a", "s"]);
        assert_eq!(names(&mut world, json!({"descending": true})), ["s", "a"]);
        assert_eq!(names(&mut world, json!({"orderBy": "LastEventTime", "descending": true, "limit": 1})), ["s"]);
        assert_eq!(names(&mut world, json!({"logStreamNamePrefix": "a"})), ["a"]);
        let both = json!({"logGroupName": "g", "orderBy": "LastEventTime", "logStreamNamePrefix": "a"});
        assert_eq!(world.refused("DescribeLogStreams", both), "InvalidParameterException");
        let arn = "arn:aws:logs:us-east-1:111122223333:log-group:g";
        let streams = world.ok("DescribeLogStreams", json!({"logGroupIdentifier": arn}))["logStreams"].take();
        assert_eq!(streams[1]["arn"], format!("{arn}:log-stream:s"));
        assert_eq!(streams[1]["lastEventTimestamp"], streams[1]["firstEventTimestamp"]);
        assert_eq!(streams[0].get("lastEventTimestamp"), None);
        assert_eq!(world.refused("DescribeLogStreams", json!({})), "InvalidParameterException");
    }
}
