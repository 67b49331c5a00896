//! Requests whose method and path say the operation: the `rest-json` and `rest-xml` protocols.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::route::Labels;
use super::table::{Kind, Member, Operation, Place, Protocol, Service, ShapeId};
use super::{HttpRequest, HttpResponse, json, scalar, xml};
use crate::sandbox::api::ApiError;

/// Finds out which operation is called, and with what input.
pub(super) fn decode<'s>(service: &'s Service, request: &HttpRequest<'_>) -> Result<(&'s Operation, Value), ApiError> {
    let unknown = || {
        let message = format!("There is no operation {} {}.", request.method, request.path);
        ApiError::new("UnknownOperationException", message).with_status(404)
    };
    let (name, labels) = service.way(request).ok_or_else(unknown)?;
    let operation = service.find(name)?.ok_or_else(unknown)?;
    let input = match operation.input {
        Some(shape) => read(service, operation, shape, request, &labels)?,
        None => json!({}),
    };
    Ok((operation, input))
}

fn read(
    service: &Service,
    operation: &Operation,
    shape: ShapeId,
    request: &HttpRequest<'_>,
    labels: &Labels,
) -> Result<Value, ApiError> {
    let members = service.members(shape);
    let mut input = match members.iter().find(|member| member.place == Place::Payload) {
        Some(member) => read_payload(service, member, request.body)?,
        None if !has_body(members) => json!({}),
        None if service.protocol == Protocol::RestXml => xml::read(service, operation, shape, request.body)?,
        None => json::read(service, shape, json::parse(request.body)?)?,
    };
    for member in members {
        if let Some(value) = read_beside(service, member, request, labels)? {
            input[member.name] = value;
        }
    }
    Ok(input)
}

fn has_body(members: &[Member]) -> bool {
    members.iter().any(|member| member.place == Place::Body)
}

/// The member that is the body; absent with an empty one.
fn read_payload(service: &Service, member: &Member, body: &[u8]) -> Result<Value, ApiError> {
    let value = match service.shape(member.shape).kind {
        _ if body.is_empty() => return Ok(json!({})),
        Kind::Blob => STANDARD.encode(body).into(),
        Kind::String => String::from_utf8_lossy(body).into(),
        _ => json::read(service, member.shape, json::parse(body)?)?,
    };
    Ok(json!({ member.name: value }))
}

/// A member that stands in the path, the query string or a header; `None` if it isn't there.
fn read_beside(
    service: &Service,
    member: &Member,
    request: &HttpRequest<'_>,
    labels: &Labels,
) -> Result<Option<Value>, ApiError> {
    let parameters = || {
        let pairs = form_urlencoded::parse(request.query.as_bytes());
        pairs.filter(|(name, _)| name == member.request).map(|(_, value)| value)
    };
    let kind = &service.shape(member.shape).kind;
    match (member.place, kind) {
        (Place::Path, _) => labels.get(member.request).map(|text| read_text(service, kind, text)).transpose(),
        (Place::Header, _) => request.header(member.request).map(|text| read_text(service, kind, text)).transpose(),
        (Place::Query, Kind::List { item, .. }) => {
            let item = &service.shape(*item).kind;
            let items = parameters().map(|text| read_text(service, item, &text)).collect::<Result<Vec<_>, _>>()?;
            Ok((!items.is_empty()).then_some(items.into()))
        }
        (Place::Query, _) => parameters().next().map(|text| read_text(service, kind, &text)).transpose(),
        (Place::Body | Place::Payload | Place::Status, _) => Ok(None),
    }
}

fn read_text(service: &Service, kind: &Kind, text: &str) -> Result<Value, ApiError> {
    let code = if service.protocol == Protocol::RestXml { "InvalidInput" } else { "SerializationException" };
    let message = || format!("Value '{text}' can't be read: {} is expected.", scalar::expected(kind));
    scalar::read(kind, text).ok_or_else(|| ApiError::new(code, message()))
}

/// Writes an operation's result.
pub(super) fn answer(service: &Service, operation: &Operation, result: &Value, request_id: &str) -> HttpResponse {
    let members = operation.output.map_or(&[][..], |shape| service.members(shape));
    let said = |place| {
        let members = members.iter().filter(move |member| member.place == place);
        members.filter_map(|member| Some((member, result.get(member.name)?)))
    };
    let mut response = match service.protocol {
        Protocol::RestXml => xml::answer(service, operation, result, request_id),
        _ => response(json_body(service, operation, result)),
    };
    response.status =
        said(Place::Status).find_map(|(_, status)| status.as_u64()?.try_into().ok()).unwrap_or(operation.status);
    let headers = said(Place::Header);
    response.headers.extend(
        headers.filter_map(|(member, value)| Some((member.response.to_ascii_lowercase(), scalar::write(value)?))),
    );
    response
}

/// An answer's body; empty where the output has nothing in it.
fn json_body(service: &Service, operation: &Operation, result: &Value) -> Vec<u8> {
    let Some(shape) = operation.output else { return Vec::new() };
    let members = service.members(shape);
    if has_body(members) {
        return json::written(service, shape, result).to_string().into_bytes();
    }
    let payload = members.iter().find(|member| member.place == Place::Payload);
    let Some((member, value)) = payload.and_then(|member| Some((member, result.get(member.name)?))) else {
        return Vec::new();
    };
    match (&service.shape(member.shape).kind, value) {
        (Kind::Blob, Value::String(text)) => STANDARD.decode(text).unwrap_or_default(),
        (Kind::String, Value::String(text)) => text.clone().into_bytes(),
        _ => json::written(service, member.shape, value).to_string().into_bytes(),
    }
}

/// Writes a refusal of rest-json.
pub(super) fn error(service: &Service, error: &ApiError) -> HttpResponse {
    let fault = if error.status < 500 { "User" } else { "Service" };
    let members = service.error_members(&error.code).iter().map(|member| {
        let value = match *member {
            "Type" => fault,
            "ErrorCode" => &error.code,
            _ => &error.message,
        };
        ((*member).to_owned(), value.into())
    });
    let body = Value::Object(members.collect::<Map<_, _>>());
    let mut response = response(body.to_string().into_bytes());
    response.status = error.status;
    response.headers.push(("x-amzn-errortype".to_owned(), error.code.clone()));
    response
}

fn response(body: Vec<u8>) -> HttpResponse {
    let content_type = ("content-type".to_owned(), "application/json".to_owned());
    HttpResponse { status: 200, headers: vec![content_type], body }
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    type Header = (String, String);

    fn request<'a>(line: &'a str, headers: &'a [Header], body: &'a [u8]) -> HttpRequest<'a> {
        let (method, target) = line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        HttpRequest { method, path, query, headers, body }
    }

    fn decoded(service: &str, line: &str, body: &str) -> Result<(&'static str, Value), ApiError> {
        let service = table::service(service).unwrap();
        decode(service, &request(line, &[], body.as_bytes())).map(|(operation, input)| (operation.name, input))
    }

    fn answered(service: &str, operation: &str, result: Value) -> HttpResponse {
        let service = table::service(service).unwrap();
        answer(service, service.operation(operation).unwrap(), &result, "r-1")
    }

    fn text(response: &HttpResponse) -> &str {
        std::str::from_utf8(&response.body).unwrap()
    }

    fn header(name: &str, value: &str) -> Header {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn members_come_from_path_query_and_body() {
        let body =
            r#"{"StatementId": "s", "Action": "lambda:*", "Principal": "*", "Qualifier": "of the body", "X": 1}"#;
        assert_eq!(
            decoded("lambda", "POST /2015-03-31/functions/f/policy?Qualifier=1", body).unwrap(),
            (
                "AddPermission",
                json!({"FunctionName": "f", "Qualifier": "1", "StatementId": "s", "Action": "lambda:*", "Principal": "*"})
            )
        );
        assert_eq!(
            decoded("elasticfilesystem", "GET /2015-02-01/file-systems?MaxItems=5&Marker=a%2Fb%3D", "").unwrap(),
            ("DescribeFileSystems", json!({"MaxItems": 5, "Marker": "a/b="}))
        );
    }

    #[test]
    fn members_have_the_names_of_the_model() {
        let patch = json!({"op": "replace", "path": "/policy", "value": "{}"});
        assert_eq!(
            decoded("apigateway", "PATCH /restapis/a1", &json!({"patchOperations": [patch]}).to_string()).unwrap(),
            ("UpdateRestApi", json!({"restApiId": "a1", "patchOperations": [patch]}))
        );
        let line = "PUT /restapis/a1/resources/r1/methods/ANY/integration/responses/200";
        assert_eq!(
            decoded("apigateway", line, r#"{"contentHandling": "CONVERT_TO_TEXT"}"#).unwrap().1,
            json!({
                "restApiId": "a1",
                "resourceId": "r1",
                "httpMethod": "ANY",
                "statusCode": "200",
                "contentHandling": "CONVERT_TO_TEXT",
            })
        );
        let apis = answered(
            "apigateway",
            "GetRestApis",
            json!({"items": [{"id": "a1", "createdDate": "2026-01-01T00:00:00Z"}]}),
        );
        assert_eq!(text(&apis), r#"{"item":[{"createdDate":1767225600.0,"id":"a1"}]}"#);
    }

    #[test]
    fn a_list_in_the_query_string_repeats_its_name() {
        let arn = "arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fa1";
        assert_eq!(
            decoded("apigateway", &format!("DELETE /tags/{arn}?tagKeys=a%20b&tagKeys=c"), "").unwrap(),
            (
                "UntagResource",
                json!({"resourceArn": "arn:aws:apigateway:us-east-1::/restapis/a1", "tagKeys": ["a b", "c"]})
            )
        );
        let resources = decoded("apigateway", "GET /restapis/a1/resources?embed=methods", "").unwrap();
        assert_eq!(resources.1, json!({"restApiId": "a1", "embed": ["methods"]}));
    }

    #[test]
    fn a_payload_is_the_body_as_it_is() {
        let service = table::service("lambda").unwrap();
        let headers = [header("x-amz-invocation-type", "RequestResponse"), header("X-Amz-Log-Type", "Tail")];
        let line = "POST /2015-03-31/functions/f/invocations?Qualifier=%24LATEST";
        let (operation, input) = decode(service, &request(line, &headers, b"\xff{")).unwrap();
        let said = json!({
            "FunctionName": "f",
            "Qualifier": "$LATEST",
            "InvocationType": "RequestResponse",
            "LogType": "Tail",
            "Payload": "/3s=",
        });
        assert_eq!((operation.name, input), ("Invoke", said));
        assert!(decoded("lambda", line, "").unwrap().1.get("Payload").is_none());

        let result = json!({"StatusCode": 202, "FunctionError": "Unhandled", "Payload": "/3s="});
        let response = answered("lambda", "Invoke", result);
        assert_eq!((response.status, &response.body[..]), (202, &b"\xff{"[..]));
        assert!(response.headers.contains(&header("x-amz-function-error", "Unhandled")));
        let nothing = answered("lambda", "Invoke", json!({}));
        assert_eq!((nothing.status, &nothing.body[..]), (200, &b""[..]));
    }

    #[test]
    fn a_payload_may_be_text_or_a_structure() {
        for (shape, member, body, wrong) in [
            ("string", json!("a\"b"), "a\"b", None),
            ("Inner", json!({"Size": 5}), r#"{"size":5}"#, Some(r#"{"size": "5"}"#)),
        ] {
            let table = format!(
                "protocol rest-json\nroute Op PUT /op\noperation Op Io Io\nstructure Io\n  Content {shape} in=payload\n\
                 structure Inner\n  Size integer request=size response=size"
            );
            let service = Service::parse(table.leak()).unwrap();
            let (operation, input) = decode(&service, &request("PUT /op", &[], body.as_bytes())).unwrap();
            assert_eq!(input, json!({ "Content": member }));
            assert_eq!(text(&answer(&service, operation, &input, "r-1")), body);
            if let Some(wrong) = wrong {
                let refusal = decode(&service, &request("PUT /op", &[], wrong.as_bytes())).unwrap_err();
                assert_eq!(refusal.code, "SerializationException");
            }
        }
    }

    #[test]
    fn an_answer_has_the_status_of_its_operation() {
        let created = answered("elasticfilesystem", "CreateFileSystem", json!({"FileSystemId": "fs-1"}));
        assert_eq!((created.status, text(&created)), (201, r#"{"FileSystemId":"fs-1"}"#));
        let deleted = answered("apigateway", "DeleteRestApi", json!({}));
        assert_eq!((deleted.status, text(&deleted)), (202, ""));
        let nothing = answered("apigateway", "GetAccount", json!({"surprise": 1}));
        assert_eq!((nothing.status, text(&nothing)), (200, "{}"));
        let deleted = answered("lambda", "DeleteFunction", json!({"StatusCode": 204}));
        assert_eq!((deleted.status, text(&deleted)), (204, ""));
    }

    const NAMESPACE: &str = "xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"";

    #[test]
    fn rest_xml_reads_elements() {
        let body = format!(
            "<ChangeResourceRecordSetsRequest {NAMESPACE}><ChangeBatch><Changes><Change><Action>UPSERT</Action>\
             <ResourceRecordSet><Name>a.example.</Name><Type>A</Type><TTL>60</TTL><ResourceRecords>\
             <ResourceRecord><Value>10.0.0.1</Value></ResourceRecord><ResourceRecord><Value>10.0.0.2</Value>\
             </ResourceRecord></ResourceRecords></ResourceRecordSet></Change><Other/></Changes></ChangeBatch>\
             <HostedZoneId>Z2</HostedZoneId></ChangeResourceRecordSetsRequest>"
        );
        let record = json!({
            "Name": "a.example.",
            "Type": "A",
            "TTL": 60,
            "ResourceRecords": [{"Value": "10.0.0.1"}, {"Value": "10.0.0.2"}],
        });
        let changes = json!([{"Action": "UPSERT", "ResourceRecordSet": record}]);
        for line in ["POST /2013-04-01/hostedzone/Z1/rrset/", "POST /2013-04-01/hostedzone/Z1/rrset"] {
            assert_eq!(
                decoded("route53", line, &body).unwrap(),
                ("ChangeResourceRecordSets", json!({"HostedZoneId": "Z1", "ChangeBatch": {"Changes": changes}}))
            );
        }
        let listed = decoded("route53", "GET /2013-04-01/hostedzone?marker=Z1&maxitems=5", "").unwrap();
        assert_eq!(listed, ("ListHostedZones", json!({"Marker": "Z1", "MaxItems": "5"})));
    }

    #[test]
    fn rest_xml_writes_elements_and_headers() {
        let result = json!({
            "HostedZone": {"Id": "/hostedzone/Z1", "Config": {"PrivateZone": true}},
            "ChangeInfo": {"SubmittedAt": "2026-01-01T00:00:00Z"},
            "Location": "https://route53.amazonaws.com/2013-04-01/hostedzone/Z1",
        });
        let response = answered("route53", "CreateHostedZone", result);
        assert_eq!(response.status, 201);
        assert!(
            response.headers.contains(&header("location", "https://route53.amazonaws.com/2013-04-01/hostedzone/Z1"))
        );
        let (_, document) = text(&response).split_once('\n').unwrap();
        assert_eq!(
            document,
            format!(
                "<CreateHostedZoneResponse {NAMESPACE}><HostedZone><Id>/hostedzone/Z1</Id><Config>\
                 <PrivateZone>true</PrivateZone></Config></HostedZone><ChangeInfo>\
                 <SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo></CreateHostedZoneResponse>"
            )
        );
        let tags = json!({"ResourceTagSet": {"ResourceId": "Z1", "Tags": [{"Key": "a", "Value": "b"}]}});
        let response = answered("route53", "ListTagsForResource", tags);
        assert!(text(&response).contains("<Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let zone = |body: &str| format!("<CreateHostedZoneRequest>{body}</CreateHostedZoneRequest>");
        let change = "<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change><ResourceRecordSet><TTL>soon</TTL>\
            </ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>";
        for (service, line, body, code) in [
            ("lambda", "POST /2015-03-31/functions", "{", "SerializationException"),
            ("lambda", "POST /2015-03-31/functions", "[]", "SerializationException"),
            ("lambda", "POST /2015-03-31/functions", r#"{"Timeout": "3"}"#, "SerializationException"),
            ("lambda", "GET /2015-03-31/functions?MaxItems=few", "", "SerializationException"),
            ("route53", "POST /2013-04-01/hostedzone", "nonsense", "MalformedInput"),
            ("route53", "POST /2013-04-01/hostedzone", &zone("<Name>"), "MalformedInput"),
            ("route53", "POST /2013-04-01/hostedzone", "<HostedZone/>", "MalformedInput"),
            ("route53", "POST /2013-04-01/hostedzone/Z1/rrset", change, "InvalidInput"),
        ] {
            assert_eq!(decoded(service, line, body).unwrap_err().code, code, "{line} {body}");
        }
    }

    #[test]
    fn an_operation_that_only_aws_has_is_not_implemented() {
        for (service, line, name) in [
            ("lambda", "GET /2015-03-31/functions/f/aliases", "ListAliases"),
            ("apigateway", "POST /restapis?mode=import", "ImportRestApi"),
            ("route53", "GET /2013-04-01/geolocations", "ListGeoLocations"),
        ] {
            let refusal = decoded(service, line, "").unwrap_err();
            assert_eq!((refusal.code.as_str(), refusal.status), ("NotImplemented", 501));
            assert!(refusal.message.contains(name) && refusal.message.contains(service), "{refusal}");
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_is_unknown() {
        for line in ["GET /", "GET /restapis/a1/castles", "LOOK /restapis", "GET /restapis/a1/../a2"] {
            let refusal = decoded("apigateway", line, "").unwrap_err();
            assert_eq!((refusal.code.as_str(), refusal.status), ("UnknownOperationException", 404), "{line}");
        }
    }

    #[test]
    fn a_refusal_has_the_members_that_its_service_gives_it() {
        for (service, code, status, body) in [
            ("lambda", "ResourceNotFoundException", 404, json!({"Type": "User", "Message": "No."})),
            ("lambda", "ResourceConflictException", 409, json!({"Type": "User", "message": "No."})),
            ("lambda", "ServiceException", 500, json!({"Type": "Service", "Message": "No."})),
            ("lambda", "SomethingElse", 400, json!({"message": "No."})),
            ("apigateway", "NotFoundException", 404, json!({"message": "No."})),
            ("elasticfilesystem", "FileSystemInUse", 409, json!({"ErrorCode": "FileSystemInUse", "Message": "No."})),
        ] {
            let service = table::service(service).unwrap();
            let refusal = ApiError::new(code, "No.");
            let refusal = refusal.clone().with_status(service.status_of(&refusal));
            let response = error(service, &refusal);
            assert_eq!(response.status, status, "{code}");
            assert_eq!(serde_json::from_slice::<Value>(&response.body).unwrap(), body, "{code}");
            assert!(response.headers.contains(&header("x-amzn-errortype", code)), "{code}");
        }
    }
}
