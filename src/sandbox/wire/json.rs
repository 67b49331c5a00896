//! Requests and answers as JSON: the `json` protocol, versions 1.0 and 1.1.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::HttpResponse;
use super::table::{Kind, Operation, Place, Service, ShapeId};
use crate::sandbox::api::ApiError;

/// Finds out which operation is called, and with what input; `target` is the header `X-Amz-Target`.
pub(super) fn decode<'s>(
    service: &'s Service,
    target: Option<&str>,
    body: &[u8],
) -> Result<(&'s Operation, Value), ApiError> {
    let name = operation_name(service, target).unwrap_or_default();
    let unknown = || ApiError::new("UnknownOperationException", format!("There is no operation {name:?}."));
    let operation = service.find(name)?.ok_or_else(unknown)?;

    let body = parse(body)?;
    let input = match operation.input {
        Some(shape) => read(service, shape, body)?,
        None => json!({}),
    };
    Ok((operation, input))
}

/// The operation that the header `X-Amz-Target` names, if it is one of this service.
pub(super) fn operation_name<'t>(service: &Service, target: Option<&'t str>) -> Option<&'t str> {
    target?.strip_prefix(service.target)?.strip_prefix('.')
}

/// A body as JSON; an empty one is an empty object.
pub(super) fn parse(body: &[u8]) -> Result<Value, ApiError> {
    match body {
        b"" => Ok(json!({})),
        _ => serde_json::from_slice(body).map_err(|error| malformed(&format!("The body isn't JSON: {error}"))),
    }
}

/// A value of the request's body as its shape has it: unknown members and nulls are passed over.
pub(super) fn read(service: &Service, id: ShapeId, value: Value) -> Result<Value, ApiError> {
    match (&service.shape(id).kind, value) {
        (Kind::Structure(members), Value::Object(mut object)) => {
            let mut known = Map::new();
            for member in members.iter().filter(|member| member.place == Place::Body) {
                if let Some(value) = object.remove(member.request).filter(|value| !value.is_null()) {
                    known.insert(member.name.to_owned(), read(service, member.shape, value)?);
                }
            }
            Ok(Value::Object(known))
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            items.into_iter().filter(|item| !item.is_null()).map(|value| read(service, *item, value)).collect()
        }
        (Kind::Map { value: item, .. }, Value::Object(entries)) => entries
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| Ok((key, read(service, *item, value)?)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        (Kind::String, value @ Value::String(_)) | (Kind::Boolean, value @ Value::Bool(_)) => Ok(value),
        (Kind::Integer, Value::Number(number)) => number
            .as_i64()
            .and_then(|number| i32::try_from(number).ok())
            .map(Value::from)
            .ok_or_else(|| malformed(&format!("{number} is not an Integer"))),
        (Kind::Long, Value::Number(number)) => {
            number.as_i64().map(Value::from).ok_or_else(|| malformed(&format!("{number} is not a Long")))
        }
        (Kind::Double, value @ Value::Number(_)) => Ok(value),
        (Kind::Timestamp, Value::Number(number)) => {
            timestamp(&number).ok_or_else(|| malformed(&format!("{number} is not a Timestamp")))
        }
        (Kind::Blob, Value::String(text)) if STANDARD.decode(&text).is_ok() => Ok(Value::String(text)),
        (kind, value) => Err(malformed(&mismatch(kind, &value))),
    }
}

/// Seconds since 1970, as the wire has them, in the form that the sandbox has them.
fn timestamp(seconds: &serde_json::Number) -> Option<Value> {
    let milliseconds = (seconds.as_f64()? * 1000.0).round();
    // A cast of a float saturates, and what is out of jiff's range is refused.
    let time = jiff::Timestamp::from_millisecond(milliseconds as i64).ok()?;
    Some(time.to_string().into())
}

fn mismatch(kind: &Kind, value: &Value) -> String {
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => return "Start of list found where not expected".to_owned(),
        Value::Object(_) => return "Start of structure or map found where not expected.".to_owned(),
    };
    let expected = match kind {
        Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. } => return "Unexpected field type".to_owned(),
        Kind::String => "String",
        Kind::Integer => "Integer",
        Kind::Long => "Long",
        Kind::Double => "Double",
        Kind::Boolean => "Boolean",
        Kind::Timestamp => "Timestamp",
        Kind::Blob => "Blob",
    };
    format!("{found} can not be converted to {expected}")
}

fn malformed(message: &str) -> ApiError {
    ApiError::new("SerializationException", message)
}

/// Writes an operation's result.
pub(super) fn answer(service: &Service, operation: &Operation, result: &Value) -> HttpResponse {
    let body = operation.output.map_or_else(|| json!({}), |output| written(service, output, result));
    response(200, service.json_version, &body)
}

/// Writes a refusal; `version` is the JSON protocol's.
pub(super) fn error(version: &str, error: &ApiError) -> HttpResponse {
    response(error.status, version, &json!({"__type": error.code, "message": error.message}))
}

fn response(status: u16, version: &str, body: &Value) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![("content-type".to_owned(), format!("application/x-amz-json-{version}"))],
        body: body.to_string().into_bytes(),
    }
}

/// A value of the result as the answer's body has it: only what its shape knows.
pub(super) fn written(service: &Service, id: ShapeId, value: &Value) -> Value {
    match (&service.shape(id).kind, value) {
        (Kind::Structure(members), Value::Object(object)) => members
            .iter()
            .filter(|member| member.place == Place::Body)
            .filter_map(|member| {
                let value = object.get(member.name)?;
                Some((member.response.to_owned(), written(service, member.shape, value)))
            })
            .collect(),
        (Kind::List { item, .. }, Value::Array(items)) => {
            items.iter().map(|value| written(service, *item, value)).collect()
        }
        (Kind::Map { value: item, .. }, Value::Object(entries)) => {
            entries.iter().map(|(key, value)| (key.clone(), written(service, *item, value))).collect()
        }
        (Kind::Timestamp, Value::String(text)) => match text.parse::<jiff::Timestamp>() {
            Ok(time) => (time.as_millisecond() as f64 / 1000.0).into(),
            Err(_) => value.clone(),
        },
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    fn ssm(operation: &str, body: &str) -> Result<Value, ApiError> {
        let service = table::service("ssm").unwrap();
        decode(service, Some(&format!("AmazonSSM.{operation}")), body.as_bytes()).map(|(_, input)| input)
    }

    #[test]
    fn members_are_taken_as_they_are() {
        let body = r#"{"Name": "/a", "Value": "v", "Overwrite": false, "Tags": [{"Key": "k", "Value": "v"}]}"#;
        let input = json!({"Name": "/a", "Value": "v", "Overwrite": false, "Tags": [{"Key": "k", "Value": "v"}]});
        assert_eq!(ssm("PutParameter", body).unwrap(), input);
    }

    #[test]
    fn nulls_and_unknown_members_are_passed_over() {
        let body = r#"{"Name": "/a", "WithDecryption": null, "Colour": "blue"}"#;
        assert_eq!(ssm("GetParameter", body).unwrap(), json!({"Name": "/a"}));
        assert_eq!(ssm("DescribeParameters", "").unwrap(), json!({}));
    }

    #[test]
    fn a_value_of_another_type_is_a_serialization_exception() {
        for (body, message) in [
            (r#"{"Name": 5}"#, "NUMBER_VALUE can not be converted to String"),
            (r#"{"Name": ["a"]}"#, "Start of list found where not expected"),
            (r#"{"Name": {}}"#, "Start of structure or map found where not expected."),
            (r#"{"WithDecryption": "yes"}"#, "STRING_VALUE can not be converted to Boolean"),
            (r#"[]"#, "Start of list found where not expected"),
            (r#""x""#, "Unexpected field type"),
        ] {
            let error = ssm("GetParameter", body).unwrap_err();
            assert_eq!(error.to_string(), format!("SerializationException: {message}"), "{body}");
        }
        for max in ["1.5", "99999999999", "1e400"] {
            let body = format!(r#"{{"MaxResults": {max}}}"#);
            assert_eq!(ssm("DescribeParameters", &body).unwrap_err().code, "SerializationException", "{max}");
        }
    }

    #[test]
    fn what_is_not_json_is_a_serialization_exception() {
        let deep = "[".repeat(100_000);
        for body in ["{", "\u{feff}{}", deep.as_str()] {
            assert_eq!(ssm("GetParameter", body).unwrap_err().code, "SerializationException");
        }
        let service = table::service("ssm").unwrap();
        let error = decode(service, Some("AmazonSSM.GetParameter"), b"\xff").unwrap_err();
        assert_eq!(error.code, "SerializationException");
    }

    #[test]
    fn a_target_that_names_no_operation_is_unknown() {
        let service = table::service("ssm").unwrap();
        for target in
            [None, Some("GetParameter"), Some("AmazonEC2.GetParameter"), Some("AmazonSSM."), Some("AmazonSSM.MakeTea")]
        {
            assert_eq!(decode(service, target, b"{}").unwrap_err().code, "UnknownOperationException", "{target:?}");
        }
        assert_eq!(ssm("SendCommand", "{}").unwrap_err().code, "NotImplemented");
    }

    #[test]
    fn times_are_seconds_on_the_wire_and_text_inside() {
        let service = Service::parse(
            "service s\nprotocol json\ntarget T\njson 1.0\noperation Op Io Io\n\
             structure Io\n  When timestamp\n  Data blob",
        )
        .unwrap();
        let (operation, input) = decode(&service, Some("T.Op"), br#"{"When": 1767225600.5, "Data": "aGk="}"#).unwrap();
        assert_eq!(input, json!({"When": "2026-01-01T00:00:00.5Z", "Data": "aGk="}));
        let response = answer(&service, operation, &input);
        assert_eq!(response.headers, [("content-type".to_owned(), "application/x-amz-json-1.0".to_owned())]);
        assert_eq!(
            serde_json::from_slice::<Value>(&response.body).unwrap(),
            json!({"When": 1767225600.5, "Data": "aGk="})
        );
        for body in [r#"{"When": "today"}"#, r#"{"When": 1e300}"#, r#"{"Data": "*"}"#] {
            assert_eq!(decode(&service, Some("T.Op"), body.as_bytes()).unwrap_err().code, "SerializationException");
        }
    }

    #[test]
    fn an_answer_holds_what_its_shape_knows() {
        let service = table::service("ssm").unwrap();
        let result = json!({"Parameter": {"Name": "/a", "Version": 1, "Surprise": true}});
        let response = answer(service, service.operation("GetParameter").unwrap(), &result);
        assert_eq!(response.status, 200);
        assert_eq!(String::from_utf8(response.body).unwrap(), r#"{"Parameter":{"Name":"/a","Version":1}}"#);
    }

    #[test]
    fn a_refusal_has_a_type_and_a_message() {
        let response = error("1.1", &ApiError::new("ParameterNotFound", "None such."));
        assert_eq!(response.status, 400);
        assert_eq!(response.body, br#"{"__type":"ParameterNotFound","message":"None such."}"#);
    }
}
