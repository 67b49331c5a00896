//! Log events: written, read one stream at a time, and searched for in a whole group.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pattern::Pattern;
use super::{Logs, invalid, listing, stream};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, later};

/// Events in one answer.
const PAGE: usize = 10_000;
/// Bytes of one call, each event counted with this much besides its message.
const MAX_BATCH: usize = 1_048_576;
const EVENT_OVERHEAD: usize = 26;
/// What one call may span, in milliseconds.
const MAX_SPAN: i64 = 86_400_000;
/// How far from now events may be.
const TOO_OLD: SignedDuration = SignedDuration::from_hours(14 * 24);
const TOO_NEW: SignedDuration = SignedDuration::from_hours(2);

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    id: String,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    message: String,
    ingested: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutEvents {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<InputEvent>,
    #[serde(rename = "sequenceToken")]
    _sequence_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InputEvent {
    timestamp: i64,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    limit: Option<usize>,
    #[serde(default)]
    start_from_head: bool,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FilterEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    limit: Option<usize>,
    #[serde(rename = "interleaved")]
    _interleaved: Option<bool>,
    next_token: Option<String>,
}

/// From the first time on, up to but without the other.
struct Span {
    start: Option<i64>,
    end: Option<i64>,
}

impl Span {
    fn holds(&self, event: &Event) -> bool {
        self.start.is_none_or(|start| event.timestamp >= start) && self.end.is_none_or(|end| event.timestamp < end)
    }
}

impl Event {
    /// Bytes, as they are counted.
    pub fn size(&self) -> usize {
        self.message.len() + EVENT_OVERHEAD
    }

    fn view(&self) -> Value {
        json!({
            "timestamp": self.timestamp,
            "message": self.message,
            "ingestionTime": self.ingested.as_millisecond(),
        })
    }
}

/// Refuses a call whose events are not in order, lie too far apart or are too large.
fn check_batch(events: &[InputEvent]) -> Result<(), ApiError> {
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    if let ([first, ..], [.., last]) = (events, events)
        && last.timestamp.saturating_sub(first.timestamp) > MAX_SPAN
    {
        return Err(invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    let size: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD).sum();
    if size > MAX_BATCH {
        return Err(invalid(format!("Upload too large: {size} bytes exceeds limit of {MAX_BATCH}")));
    }
    Ok(())
}

impl Logs {
    pub(super) fn put_events(&mut self, context: &mut Context<'_>, request: PutEvents) -> Answer {
        check_batch(&request.log_events)?;
        let now = context.now;
        let group = self.group_mut(&request.log_group_name)?;
        let oldest = later(now, -TOO_OLD).as_millisecond();
        let (kept_since, newest) = (group.kept_since(now), later(now, TOO_NEW).as_millisecond());
        let stream = group.streams.get_mut(&request.log_stream_name).ok_or_else(stream::missing)?;

        // What is refused comes first and last, since the events are in order.
        let before = |time: i64| request.log_events.iter().take_while(|event| event.timestamp < time).count();
        let (too_old, expired, too_new) = (before(oldest), before(kept_since), before(newest + 1));
        let total = request.log_events.len();
        let taken = request.log_events.into_iter().take(too_new).skip(too_old.max(expired));
        for InputEvent { timestamp, message } in taken {
            let id = context.dice.string(b"0123456789", 56);
            stream.events.push(Event { id, timestamp, message, ingested: now });
            stream.last_ingested = Some(now);
        }
        stream.events.sort_by_key(|event| event.timestamp);

        let mut rejected = serde_json::Map::new();
        for (member, index, happened) in [
            ("tooOldLogEventEndIndex", too_old, too_old > 0),
            ("expiredLogEventEndIndex", expired, expired > 0),
            ("tooNewLogEventStartIndex", too_new, too_new < total),
        ] {
            if happened {
                rejected.insert(member.into(), json!(index));
            }
        }
        let mut answer = json!({"nextSequenceToken": context.dice.string(b"0123456789", 56)});
        if !rejected.is_empty() {
            answer["rejectedLogEventsInfo"] = Value::Object(rejected);
        }
        Ok(answer)
    }

    pub(super) fn get_events(&self, context: &Context<'_>, request: GetEvents) -> Answer {
        let (name, identifier) = (request.log_group_name.as_deref(), request.log_group_identifier.as_deref());
        let (_, group) = self.identified(context, name, identifier)?;
        let stream = group.streams.get(&request.log_stream_name).ok_or_else(stream::missing)?;
        let span = Span { start: request.start_time, end: request.end_time };
        let events: Vec<_> = stream.events.iter().filter(|event| span.holds(event)).collect();
        let limit = request.limit.unwrap_or(PAGE);
        let (from, to) = match request.next_token.as_deref().map(read_direction).transpose()? {
            Some(Direction::Forward(from)) => (from, from.saturating_add(limit)),
            Some(Direction::Backward(to)) => (to.saturating_sub(limit), to),
            None if request.start_from_head => (0, limit),
            None => (events.len().saturating_sub(limit), events.len()),
        };
        let (from, to) = (from.min(events.len()), to.min(events.len()));
        let views: Vec<_> = events[from..to].iter().map(|event| event.view()).collect();
        Ok(json!({
            "events": views,
            "nextForwardToken": format!("f/{to:056}"),
            "nextBackwardToken": format!("b/{from:056}"),
        }))
    }

    pub(super) fn filter_events(&self, context: &Context<'_>, request: FilterEvents) -> Answer {
        let (name, identifier) = (request.log_group_name.as_deref(), request.log_group_identifier.as_deref());
        let (_, group) = self.identified(context, name, identifier)?;
        let (names, prefix) = (request.log_stream_names, request.log_stream_name_prefix);
        if names.is_some() && prefix.is_some() {
            return Err(invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters."));
        }
        if names.iter().flatten().any(|name| !group.streams.contains_key(name)) {
            return Err(stream::missing());
        }
        let is_wanted = |name: &String| {
            names.as_ref().is_none_or(|names| names.contains(name))
                && prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix.as_str()))
        };
        let span = Span { start: request.start_time, end: request.end_time };
        let pattern = Pattern::parse(request.filter_pattern.as_deref().unwrap_or_default())?;
        let streams = group.streams.iter().filter(|(name, _)| is_wanted(name));
        let events = streams.flat_map(|(name, stream)| stream.events.iter().map(move |event| (name, event)));
        let mut found: Vec<_> =
            events.filter(|(_, event)| span.holds(event) && pattern.matches(&event.message)).collect();
        found.sort_by_key(|(name, event)| (event.timestamp, *name));

        let skipped = match &request.next_token {
            None => 0,
            Some(token) => {
                let count = listing::read_token(token)?.parse().ok();
                count.ok_or_else(|| invalid("The specified nextToken is invalid."))?
            }
        };
        let limit = request.limit.unwrap_or(PAGE);
        let more = found.len() > limit.saturating_add(skipped);
        let page = found.into_iter().skip(skipped).take(limit);
        let views: Vec<_> = page
            .map(|(name, event)| {
                let mut view = event.view();
                view["logStreamName"] = json!(name);
                view["eventId"] = json!(event.id);
                view
            })
            .collect();
        let mut answer = json!({"events": views, "searchedLogStreams": []});
        if more {
            answer["nextToken"] = json!(listing::write_token(&(skipped + limit).to_string()));
        }
        Ok(answer)
    }
}

/// Where a token leads in a stream.
enum Direction {
    /// To what follows this many events.
    Forward(usize),
    /// To the last of this many events.
    Backward(usize),
}

fn read_direction(token: &str) -> Result<Direction, ApiError> {
    let parsed = token.split_once('/').and_then(|(direction, count)| {
        let count = count.parse().ok()?;
        match direction {
            "f" => Some(Direction::Forward(count)),
            "b" => Some(Direction::Backward(count)),
            _ => None,
        }
    });
    parsed.ok_or_else(|| invalid("The specified nextToken is invalid."))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const DAY: i64 = 86_400;

    fn messages(answer: &Value) -> Vec<String> {
        let events = answer["events"].as_array().unwrap().iter();
        events.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
    }

    fn get(world: &mut Sandbox, more: Value) -> Value {
        let mut input = json!({"logGroupName": "g", "logStreamName": "s"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.ok("GetLogEvents", input)
    }

    #[test]
    fn events_are_read_from_either_end_until_the_token_stays_the_same() {
        let mut world = Sandbox::with_stream();
        world.put(&[(0, "one"), (1, "two"), (2, "three")]);
        assert_eq!(messages(&get(&mut world, json!({"limit": 2}))), ["two", "three"]);
        let first = get(&mut world, json!({"limit": 2, "startFromHead": true}));
        assert_eq!(messages(&first), ["one", "two"]);
        let rest = get(&mut world, json!({"limit": 2, "nextToken": first["nextForwardToken"]}));
        assert_eq!(messages(&rest), ["three"]);
        let end = get(&mut world, json!({"nextToken": rest["nextForwardToken"]}));
        assert_eq!((messages(&end).len(), &end["nextForwardToken"]), (0, &rest["nextForwardToken"]));
        let back = get(&mut world, json!({"limit": 1, "nextToken": rest["nextBackwardToken"]}));
        assert_eq!(messages(&back), ["two"]);
        let wrong = json!({"logGroupName": "g", "logStreamName": "s", "nextToken": "x/1"});
        assert_eq!(world.refused("GetLogEvents", wrong), "InvalidParameterException");
    }

    #[test]
    fn times_bound_what_is_read_the_end_excluded() {
        let mut world = Sandbox::with_stream();
        world.put(&[(0, "one"), (1, "two"), (2, "three")]);
        let start = world.stage.now.as_millisecond();
        let found = get(&mut world, json!({"startTime": start + 1000, "endTime": start + 2000}));
        assert_eq!(messages(&found), ["two"]);
    }

    #[test]
    fn a_batch_is_in_order_within_a_day_and_a_megabyte() {
        let mut world = Sandbox::with_stream();
        let batch = |world: &Sandbox, events: &[(i64, &str)]| world.batch(events);
        for input in [
            batch(&world, &[(1, "later"), (0, "earlier")]),
            batch(&world, &[(-DAY - 1, "yesterday"), (0, "now")]),
            batch(&world, &[(0, &"x".repeat(MAX_BATCH))]),
        ] {
            assert_eq!(world.refused("PutLogEvents", input), "InvalidParameterException");
        }
        let mut other = batch(&world, &[(0, "now")]);
        other["logStreamName"] = json!("none");
        assert_eq!(world.refused("PutLogEvents", other), "ResourceNotFoundException");
    }

    #[test]
    fn events_too_old_expired_or_too_new_are_rejected_and_counted() {
        let mut world = Sandbox::with_stream();
        let old = world.batch(&[(-14 * DAY - 1, "old"), (-14 * DAY + 1, "older")]);
        let answer = world.ok("PutLogEvents", old);
        assert_eq!(answer["rejectedLogEventsInfo"], json!({"tooOldLogEventEndIndex": 1}));
        let new = world.batch(&[(7200, "soon"), (7201, "too new")]);
        let answer = world.ok("PutLogEvents", new);
        assert_eq!(answer["rejectedLogEventsInfo"], json!({"tooNewLogEventStartIndex": 1}));
        world.ok("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1}));
        let expired = world.batch(&[(-DAY - 1, "expired"), (-2, "kept")]);
        let answer = world.ok("PutLogEvents", expired);
        assert_eq!(answer["rejectedLogEventsInfo"], json!({"expiredLogEventEndIndex": 1}));
    }

    #[test]
    fn events_go_when_they_are_kept_no_longer() {
        let mut world = Sandbox::with_stream();
        world.put(&[(0, "one")]);
        world.ok("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1}));
        world.wait(DAY + 1);
        assert_eq!(messages(&get(&mut world, json!({}))), Vec::<String>::new());
    }

    #[test]
    fn a_whole_group_is_searched_by_time_stream_and_pattern() {
        let mut world = Sandbox::with_stream();
        world.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "t"}));
        world.put(&[(0, "START request"), (2, "END request")]);
        let mut other = world.batch(&[(1, "ERROR denied")]);
        other["logStreamName"] = json!("t");
        world.ok("PutLogEvents", other);
        let mut filter = |more: Value| {
            let mut input = json!({"logGroupName": "g"});
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            world.ok("FilterLogEvents", input)
        };
        assert_eq!(messages(&filter(json!({}))), ["START request", "ERROR denied", "END request"]);
        assert_eq!(messages(&filter(json!({"filterPattern": "request"}))), ["START request", "END request"]);
        assert_eq!(messages(&filter(json!({"logStreamNames": ["t"]}))), ["ERROR denied"]);
        assert_eq!(messages(&filter(json!({"logStreamNamePrefix": "s"}))).len(), 2);
        let first = filter(json!({"limit": 2}));
        assert_eq!(messages(&filter(json!({"limit": 2, "nextToken": first["nextToken"]}))), ["END request"]);
        let unknown = json!({"logGroupName": "g", "logStreamNames": ["none"]});
        assert_eq!(world.refused("FilterLogEvents", unknown), "ResourceNotFoundException");
    }
}
