//! Answers as XML: the `ec2`, `query` and `rest-xml` protocols, the last of which has requests in it too.

use serde_json::{Map, Value, json};

use super::element::{self, Element};
use super::table::{Kind, Operation, Place, Protocol, Service, ShapeId};
use super::{HttpResponse, scalar};
use crate::sandbox::api::ApiError;

/// Reads the input of an operation from a request's body; from an empty one, nothing.
pub(super) fn read(service: &Service, operation: &Operation, shape: ShapeId, body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    let malformed = |message: &str| ApiError::new("MalformedInput", message);
    let document = std::str::from_utf8(body).ok().and_then(element::parse);
    let root = document.ok_or_else(|| malformed("The body isn't XML."))?;
    let expected = format!("{}Request", operation.name);
    if root.name != expected {
        return Err(malformed(&format!("{} is not valid, expected {expected}", root.name)));
    }
    read_element(service, shape, &root)
}

/// An element as its shape has it: what the shape doesn't know is passed over.
fn read_element(service: &Service, shape: ShapeId, element: &Element) -> Result<Value, ApiError> {
    let children = |name: &'static str| element.children.iter().filter(move |child| child.name == name);
    let kind = &service.shape(shape).kind;
    match kind {
        Kind::Structure(members) => {
            let mut object = Map::new();
            for member in members.iter().filter(|member| member.place == Place::Body) {
                if let Some(child) = children(member.request).next() {
                    object.insert(member.name.to_owned(), read_element(service, member.shape, child)?);
                }
            }
            Ok(Value::Object(object))
        }
        Kind::List { item, name, .. } => {
            children(name.unwrap_or("member")).map(|child| read_element(service, *item, child)).collect()
        }
        _ => scalar::read(kind, &element.text).ok_or_else(|| {
            let Element { name, text, .. } = element;
            let expected = scalar::expected(kind);
            ApiError::new("InvalidInput", format!("Invalid XML ; {name} is '{text}', expected {expected}"))
        }),
    }
}

/// Writes an operation's result.
pub(super) fn answer(service: &Service, operation: &Operation, result: &Value, request_id: &str) -> HttpResponse {
    let mut members = String::new();
    if let Some(output) = operation.output {
        write_content(&mut members, service, output, result);
    }
    let (name, namespace, request_id) = (operation.name, service.namespace, escape(request_id));
    let content = match (service.protocol, operation.output) {
        (Protocol::Ec2, None) => format!("<requestId>{request_id}</requestId><return>true</return>"),
        (Protocol::Ec2, Some(_)) => format!("<requestId>{request_id}</requestId>{members}"),
        (Protocol::RestXml, _) => members,
        (_, None) => format!("<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"),
        (_, Some(_)) => format!(
            "<{name}Result>{members}</{name}Result>\
             <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        ),
    };
    response(200, &format!("<{name}Response xmlns=\"{namespace}\">{content}</{name}Response>"))
}

/// Writes a refusal.
pub(super) fn error(protocol: Protocol, namespace: &str, error: &ApiError, request_id: &str) -> HttpResponse {
    let (code, message, request_id) = (escape(&error.code), escape(&error.message), escape(request_id));
    let fault = if error.status < 500 { "Sender" } else { "Receiver" };
    let body = match protocol {
        Protocol::Ec2 => format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>{request_id}</RequestID></Response>"
        ),
        _ => format!(
            "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        ),
    };
    response(error.status, &body)
}

fn response(status: u16, document: &str) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![("content-type".to_owned(), "text/xml;charset=UTF-8".to_owned())],
        body: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{document}").into_bytes(),
    }
}

/// Writes a member or an item: one element, or one for each item where a list or map is flat.
fn write_element(out: &mut String, service: &Service, name: &str, shape: ShapeId, value: &Value) {
    match (&service.shape(shape).kind, value) {
        (Kind::List { item, flat: true, .. }, Value::Array(items)) => {
            for value in items {
                write_element(out, service, name, *item, value);
            }
        }
        (Kind::Map { key, value: item, flat: true }, Value::Object(entries)) => {
            for entry in entries {
                write_entry(out, service, name, (*key, *item), entry);
            }
        }
        _ => {
            out.push_str(&format!("<{name}>"));
            write_content(out, service, shape, value);
            out.push_str(&format!("</{name}>"));
        }
    }
}

/// Writes what stands between an element's tags: only what its shape knows.
fn write_content(out: &mut String, service: &Service, shape: ShapeId, value: &Value) {
    match (&service.shape(shape).kind, value) {
        (Kind::Structure(members), Value::Object(object)) => {
            for member in members.iter().filter(|member| member.place == Place::Body) {
                if let Some(value) = object.get(member.name) {
                    write_element(out, service, member.response, member.shape, value);
                }
            }
        }
        (Kind::List { item, name, .. }, Value::Array(items)) => {
            let usual = if service.protocol == Protocol::Ec2 { "item" } else { "member" };
            for value in items {
                write_element(out, service, name.unwrap_or(usual), *item, value);
            }
        }
        (Kind::Map { key, value: item, .. }, Value::Object(entries)) => {
            for entry in entries {
                write_entry(out, service, "entry", (*key, *item), entry);
            }
        }
        (_, Value::String(text)) => out.push_str(&escape(text)),
        (_, Value::Bool(_) | Value::Number(_)) => out.push_str(&value.to_string()),
        _ => {}
    }
}

fn write_entry(
    out: &mut String,
    service: &Service,
    name: &str,
    (key_shape, value_shape): (ShapeId, ShapeId),
    (key, value): (&String, &Value),
) {
    out.push_str(&format!("<{name}>"));
    write_element(out, service, "key", key_shape, &Value::from(key.as_str()));
    write_element(out, service, "value", value_shape, value);
    out.push_str(&format!("</{name}>"));
}

/// Text as XML carries it. A carriage return would be read as a line feed unless it is a reference;
/// what XML 1.0 can't carry at all becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#xD;"),
            '\t' | '\n' => escaped.push(letter),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::table;
    use super::*;

    fn body(response: HttpResponse) -> String {
        let body = String::from_utf8(response.body).unwrap();
        body.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap().to_owned()
    }

    fn answered(service: &Service, operation: &str, result: Value) -> String {
        body(answer(service, service.operation(operation).unwrap(), &result, "r-1"))
    }

    #[test]
    fn ec2_names_members_and_items_in_its_own_way() {
        let vpc = json!({"VpcId": "vpc-1", "IsDefault": false, "Tags": [{"Key": "a", "Value": "b"}], "Surprise": 1});
        assert_eq!(
            answered(table::service("ec2").unwrap(), "DescribeVpcs", json!({ "Vpcs": [vpc] })),
            "<DescribeVpcsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r-1</requestId>\
             <vpcSet><item><isDefault>false</isDefault>\
             <tagSet><item><key>a</key><value>b</value></item></tagSet>\
             <vpcId>vpc-1</vpcId></item></vpcSet></DescribeVpcsResponse>"
        );
    }

    #[test]
    fn an_empty_list_is_an_empty_element() {
        let answer = answered(table::service("ec2").unwrap(), "DescribeVpcs", json!({"Vpcs": []}));
        assert!(answer.contains("<vpcSet></vpcSet>"), "{answer}");
    }

    #[test]
    fn ec2_says_true_where_there_is_nothing_to_say() {
        assert_eq!(
            answered(table::service("ec2").unwrap(), "DeleteVpc", json!({})),
            "<DeleteVpcResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
             <requestId>r-1</requestId><return>true</return></DeleteVpcResponse>"
        );
    }

    #[test]
    fn query_puts_members_into_a_result() {
        let iam = table::service("iam").unwrap();
        assert_eq!(
            answered(iam, "ListRolePolicies", json!({"PolicyNames": ["a", "b"], "IsTruncated": false})),
            "<ListRolePoliciesResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ListRolePoliciesResult>\
             <PolicyNames><member>a</member><member>b</member></PolicyNames><IsTruncated>false</IsTruncated>\
             </ListRolePoliciesResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>\
             </ListRolePoliciesResponse>"
        );
        assert_eq!(
            answered(iam, "DeleteRole", json!({})),
            "<DeleteRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></DeleteRoleResponse>"
        );
    }

    #[test]
    fn flat_lists_and_maps_have_no_element_around_them() {
        let service = Service::parse(
            "service s\nprotocol query\nnamespace n\noperation Op - Out\nstructure Out\n  Ids Ids response=Id\n\
             \x20 Labels Labels\n  Tints Tints response=Tint\nlist Ids string flat\nmap Labels string integer\n\
             map Tints string string flat",
        )
        .unwrap();
        let answer =
            answered(&service, "Op", json!({"Ids": ["x", "y"], "Labels": {"a": 1}, "Tints": {"b": "c", "d": "e"}}));
        assert!(
            answer.contains(
                "<OpResult><Id>x</Id><Id>y</Id><Labels><entry><key>a</key><value>1</value></entry></Labels>\
                 <Tint><key>b</key><value>c</value></Tint><Tint><key>d</key><value>e</value></Tint></OpResult>"
            ),
            "{answer}"
        );
    }

    #[test]
    fn errors_have_the_form_of_their_protocol() {
        let refusal = ApiError::new("NoSuchEntity", "No <role> here").with_status(404);
        let response = error(Protocol::Ec2, "", &refusal, "r-1");
        assert_eq!(response.status, 404);
        assert_eq!(
            body(response),
            "<Response><Errors><Error><Code>NoSuchEntity</Code><Message>No &lt;role&gt; here</Message></Error></Errors>\
             <RequestID>r-1</RequestID></Response>"
        );
        assert_eq!(
            body(error(Protocol::Query, "n", &refusal, "r-1")),
            "<ErrorResponse xmlns=\"n\"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>\
             <Message>No &lt;role&gt; here</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
        );
    }

    #[test]
    fn text_survives_or_is_replaced_where_xml_cannot_carry_it() {
        assert_eq!(escape("a&b<c>\"d\"\r\n\té🦀"), "a&amp;b&lt;c&gt;&quot;d&quot;&#xD;\n\té🦀");
        assert_eq!(escape("\0\u{1b}\u{ffff}"), "\u{fffd}\u{fffd}\u{fffd}");
    }
}
