//! Scalars as text, as parameters, paths, headers and XML carry them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::table::Kind;

/// The value that a text says; `None` if it says none of this kind.
pub(super) fn read(kind: &Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Integer => text.parse::<i32>().ok().map(Value::from),
        Kind::Long => text.parse::<i64>().ok().map(Value::from),
        Kind::Double => text.parse::<f64>().ok().filter(|it| it.is_finite()).map(Value::from),
        Kind::Boolean => text.to_ascii_lowercase().parse::<bool>().ok().map(Value::from),
        Kind::Timestamp => text.parse::<jiff::Timestamp>().ok().map(|time| time.to_string().into()),
        Kind::Blob => STANDARD.decode(text).ok().map(|_| Value::from(text)),
        _ => Some(Value::from(text)),
    }
}

/// What a text should have been that says no value of this kind.
pub(super) fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Integer | Kind::Long => "an integer",
        Kind::Double => "a number",
        Kind::Boolean => "a boolean",
        Kind::Timestamp => "a timestamp",
        Kind::Blob => "base64",
        _ => "a string",
    }
}

/// A value as text; `None` of what isn't a scalar.
pub(super) fn write(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}
