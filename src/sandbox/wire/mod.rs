//! The wire: real HTTP requests of AWS's SDKs and its command line to [`Call`]s, and answers back.
//!
//! Tables drawn from AWS's service models say how each service writes its members; `query`, `json` and `rest` are
//! the protocols (with `xml`, and `route` from method and path to the operation), and `constraints` refuses what
//! the models refuse.

mod constraints;
mod element;
mod json;
mod query;
mod rest;
mod route;
mod scalar;
mod table;
mod xml;

use serde_json::Value;

use super::api::{Answer, ApiError, Call};
use table::{Kind, Operation, Protocol, Service, ShapeId};

/// The account of callers whose access key id isn't itself an account id.
pub const DEFAULT_ACCOUNT: &str = "111122223333";
/// The Region where none is asked for, and that of unsigned requests to a host whose name has none.
pub const DEFAULT_REGION: &str = "us-east-1";

/// Enough of an HTTP request to decode it.
#[derive(Debug, Clone, Copy)]
pub struct HttpRequest<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The URL's path, as sent.
    pub path: &'a str,
    /// What follows the URL's `?`, as sent; empty if nothing does.
    pub query: &'a str,
    /// Names in any case.
    pub headers: &'a [(String, String)],
    /// The whole body.
    pub body: &'a [u8],
}

impl<'a> HttpRequest<'a> {
    fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// An encoded answer; its `content-length` is for the server to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// A decoded call, with what it takes to answer in its protocol.
#[derive(Debug)]
pub struct Decoded {
    /// The call.
    pub call: Call,
    service: &'static Service,
    operation: &'static Operation,
}

/// Decodes a request.
///
/// The signature says who calls which service where, and isn't checked itself.
///
/// # Errors
///
/// The encoded refusal of a request that should be signed and isn't, names no operation of the tables, or whose
/// members aren't what the service's model demands.
pub fn decode(request: &HttpRequest<'_>, request_id: &str) -> Result<Decoded, HttpResponse> {
    let Some(caller) = Caller::of(request).or_else(|| Caller::unsigned(request)) else {
        let service = service_by_content(request);
        return Err(encode_error(service, request, &unsigned(service), request_id));
    };
    let Some(service) = table::service(&caller.service) else {
        let message = format!("The sandbox has no service {}.", caller.service);
        let error = ApiError::new("NotImplemented", message).with_status(501);
        return Err(encode_error(None, request, &error, request_id));
    };
    match decode_input(service, request) {
        Ok((operation, input)) => Ok(Decoded { call: caller.calls(operation.name, input), service, operation }),
        Err(error) => Err(encode_error(Some(service), request, &error, request_id)),
    }
}

fn decode_input<'s>(service: &'s Service, request: &HttpRequest<'_>) -> Result<(&'s Operation, Value), ApiError> {
    let (operation, input) = match service.protocol {
        Protocol::Ec2 | Protocol::Query => query::decode(service, request)?,
        Protocol::Json => json::decode(service, request.header("x-amz-target"), request.body)?,
        Protocol::RestJson | Protocol::RestXml => rest::decode(service, request)?,
    };
    constraints::check(service, operation, &input)?;
    Ok((operation, input))
}

/// The method and the path of a call in a REST protocol. `encoded` writes what fills a segment.
pub fn way(call: &Call, encoded: &dyn Fn(&str) -> String) -> Option<(&'static str, String)> {
    let service = table::service(&call.service)?;
    let operation = service.operation(&call.operation)?;
    let route = service.way_of(operation.name)?;
    let members = operation.input.map_or(&[][..], |input| service.members(input));
    let said = |label: &str| {
        let member = members.iter().find(|member| member.place == table::Place::Path && member.request == label);
        encoded(member.and_then(|member| call.input[member.name].as_str()).unwrap_or_default())
    };
    Some((route.method, route.path(said)))
}

/// Every operation that the wire knows, after its service's signing name.
pub fn operations() -> Vec<(&'static str, &'static str)> {
    let of = |service: &'static Service| service.operations().map(|operation| (service.name, operation));
    table::services().iter().flat_map(of).collect()
}

/// Encodes what the world answers to a call.
///
/// Members that the operation's output lacks are left out; [`unknown_members`] finds them.
pub fn encode(decoded: &Decoded, answer: &Answer, request_id: &str) -> HttpResponse {
    let Decoded { service, operation, .. } = decoded;
    let response = match (answer, service.protocol) {
        (Ok(result), Protocol::Ec2 | Protocol::Query) => xml::answer(service, operation, result, request_id),
        (Ok(result), Protocol::Json) => json::answer(service, operation, result),
        (Ok(result), Protocol::RestJson | Protocol::RestXml) => rest::answer(service, operation, result, request_id),
        (Err(error), _) => encode_refusal(service, error, request_id),
    };
    with_request_id(response, request_id)
}

fn encode_refusal(service: &Service, error: &ApiError, request_id: &str) -> HttpResponse {
    let error = &error.clone().with_status(service.status_of(error));
    match service.protocol {
        Protocol::Json => json::error(service.json_version, error),
        Protocol::RestJson => rest::error(service, error),
        protocol => xml::error(protocol, service.namespace, error, request_id),
    }
}

/// Encodes the refusal of what couldn't be decoded, its service perhaps unknown.
fn encode_error(
    service: Option<&Service>,
    request: &HttpRequest<'_>,
    error: &ApiError,
    request_id: &str,
) -> HttpResponse {
    let response = match service {
        Some(service) => encode_refusal(service, error, request_id),
        None if request.header("x-amz-target").is_some() => json::error("1.1", error),
        None => {
            let mut response = xml::error(Protocol::Query, "", error, request_id);
            // Where clients of rest-json look.
            response.headers.push(("x-amzn-errortype".to_owned(), error.code.clone()));
            response
        }
    };
    with_request_id(response, request_id)
}

fn with_request_id(mut response: HttpResponse, request_id: &str) -> HttpResponse {
    response.headers.push(("x-amzn-requestid".to_owned(), request_id.to_owned()));
    response
}

/// Who calls, as the credential scope of the signature says: `AKID/20260101/us-east-1/ec2/aws4_request`.
struct Caller {
    access_key: String,
    region: String,
    service: String,
}

impl Caller {
    /// `None` for a request that isn't signed with Signature Version 4, in its headers or its URL.
    fn of(request: &HttpRequest<'_>) -> Option<Self> {
        if let Some(authorization) = request.header("authorization") {
            let (_, rest) = authorization.strip_prefix("AWS4-HMAC-SHA256")?.split_once("Credential=")?;
            return Self::parse(rest.split([',', ' ']).next()?);
        }
        let (_, credential) =
            form_urlencoded::parse(request.query.as_bytes()).find(|(name, _)| name == "X-Amz-Credential")?;
        Self::parse(&credential)
    }

    /// Nobody in particular, of an operation that clients don't sign; `None` for any other.
    fn unsigned(request: &HttpRequest<'_>) -> Option<Self> {
        let service = service_by_content(request)?;
        let name = json::operation_name(service, request.header("x-amz-target"))?;
        service.operation(name).filter(|operation| operation.unsigned)?;
        let host = request.header("host").and_then(|host| host.strip_prefix(service.name)?.strip_prefix('.'));
        let region = host.and_then(|rest| rest.split('.').next()).unwrap_or(DEFAULT_REGION);
        Some(Self { access_key: String::new(), region: region.to_owned(), service: service.name.to_owned() })
    }

    fn parse(credential: &str) -> Option<Self> {
        let parts: Vec<_> = credential.split('/').collect();
        let [access_key, _date, region, service, "aws4_request"] = parts[..] else { return None };
        let all_said = ![access_key, region, service].contains(&"");
        all_said.then(|| Self { access_key: access_key.into(), region: region.into(), service: service.into() })
    }

    fn calls(self, operation: &str, input: Value) -> Call {
        let is_account = self.access_key.len() == 12 && self.access_key.bytes().all(|byte| byte.is_ascii_digit());
        let account = if is_account { self.access_key.clone() } else { DEFAULT_ACCOUNT.to_owned() };
        Call {
            service: self.service,
            operation: operation.to_owned(),
            account,
            region: self.region,
            access_key: self.access_key,
            input,
        }
    }
}

/// The service that an unsigned request seems to mean, so that it is refused in a form that its client reads.
fn service_by_content(request: &HttpRequest<'_>) -> Option<&'static Service> {
    if let Some(target) = request.header("x-amz-target") {
        let (prefix, _) = target.split_once('.')?;
        return table::services().iter().find(|service| service.target == prefix);
    }
    let parameters = query::parameters(request);
    let version = parameters.iter().find(|(name, _)| name == "Version").map(|(_, version)| version.as_ref());
    table::services().iter().find(|service| match version {
        Some(version) => service.version == version,
        None => service.way(request).is_some(),
    })
}

fn unsigned(service: Option<&Service>) -> ApiError {
    match service.map(|service| service.protocol) {
        Some(Protocol::Ec2) => {
            let message = "AWS was not able to validate the provided access credentials";
            ApiError::new("AuthFailure", message).with_status(401)
        }
        Some(Protocol::Json) => ApiError::new("MissingAuthenticationTokenException", "Missing Authentication Token"),
        Some(Protocol::RestJson) => {
            let message = "Missing Authentication Token";
            ApiError::new("MissingAuthenticationTokenException", message).with_status(403)
        }
        Some(Protocol::Query | Protocol::RestXml) | None => {
            ApiError::new("MissingAuthenticationToken", "Request is missing Authentication Token").with_status(403)
        }
    }
}

/// Finds what an answer holds and the operation's output lacks, or has as another type: `Vpcs.0.Colour`.
///
/// For tests of the world: the encoder leaves such members out in silence. A service or an operation that
/// the tables lack is itself reported.
pub fn unknown_members(service: &str, operation: &str, answer: &Value) -> Vec<String> {
    let known = table::service(service).and_then(|service| Some((service, service.operation(operation)?)));
    let Some((service, operation)) = known else { return vec![format!("{service} {operation}")] };
    let mut unknown = Vec::new();
    match operation.output {
        Some(output) => collect_unknown(service, output, answer, "", &mut unknown),
        None => unknown.extend(answer.as_object().into_iter().flat_map(|object| object.keys().cloned())),
    }
    unknown
}

fn collect_unknown(service: &Service, id: ShapeId, value: &Value, path: &str, unknown: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (&service.shape(id).kind, value) {
        (Kind::Structure(members), Value::Object(object)) => {
            for (name, value) in object {
                match members.iter().find(|member| member.name == name) {
                    Some(member) => collect_unknown(service, member.shape, value, &below(name), unknown),
                    None => unknown.push(below(name)),
                }
            }
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                collect_unknown(service, *item, value, &below(&index.to_string()), unknown);
            }
        }
        (Kind::Map { value: item, .. }, Value::Object(entries)) => {
            for (key, value) in entries {
                collect_unknown(service, *item, value, &below(key), unknown);
            }
        }
        (Kind::Timestamp, Value::String(text)) if text.parse::<jiff::Timestamp>().is_ok() => {}
        (Kind::String | Kind::Blob, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => {}
        (Kind::Integer | Kind::Long, Value::Number(number)) if number.is_i64() => {}
        (Kind::Double, Value::Number(_)) => {}
        _ => unknown.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn authorization(credential: &str) -> (String, String) {
        let value = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature=00");
        ("Authorization".to_owned(), value)
    }

    fn signed_for(service: &str) -> (String, String) {
        authorization(&format!("AKID/20260101/eu-west-1/{service}/aws4_request"))
    }

    fn post(headers: &[(String, String)], body: &str) -> Result<Decoded, HttpResponse> {
        decode(&HttpRequest { method: "POST", path: "/", query: "", headers, body: body.as_bytes() }, "r-1")
    }

    fn text(response: &HttpResponse) -> String {
        String::from_utf8(response.body.clone()).unwrap()
    }

    #[test]
    fn the_signature_says_who_calls_which_service_where() {
        let decoded = post(&[signed_for("ec2")], "Action=DeleteVpc&Version=2016-11-15&VpcId=vpc-1").unwrap();
        assert_eq!(
            decoded.call,
            Call {
                service: "ec2".to_owned(),
                operation: "DeleteVpc".to_owned(),
                account: DEFAULT_ACCOUNT.to_owned(),
                region: "eu-west-1".to_owned(),
                access_key: "AKID".to_owned(),
                input: json!({"VpcId": "vpc-1"}),
            }
        );
    }

    #[test]
    fn an_access_key_of_twelve_digits_is_an_account() {
        let account = |key: &str| {
            let headers = [authorization(&format!("{key}/20260101/us-east-1/sts/aws4_request"))];
            post(&headers, "Action=GetCallerIdentity&Version=2011-06-15").unwrap().call.account
        };
        assert_eq!(account("123456789012"), "123456789012");
        assert_eq!(account("1234567890123"), DEFAULT_ACCOUNT);
        assert_eq!(account("AKIAIOSFODNN"), DEFAULT_ACCOUNT);
    }

    #[test]
    fn a_url_may_carry_the_signature() {
        let query = "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
            &X-Amz-Credential=AKID%2F20260101%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Signature=00";
        let request = HttpRequest { method: "GET", path: "/", query, headers: &[], body: b"" };
        assert_eq!(decode(&request, "r-1").unwrap().call.operation, "GetCallerIdentity");
    }

    #[test]
    fn an_unsigned_request_is_refused_in_the_form_of_its_service() {
        let ec2 = post(&[], "Action=DescribeVpcs&Version=2016-11-15").unwrap_err();
        assert_eq!(ec2.status, 401);
        assert!(text(&ec2).contains("<Response><Errors><Error><Code>AuthFailure</Code>"));

        let iam = post(&[], "Action=ListRoles&Version=2010-05-08").unwrap_err();
        assert_eq!(iam.status, 403);
        assert!(text(&iam).contains("<Code>MissingAuthenticationToken</Code>"));

        let target = ("X-Amz-Target".to_owned(), "AmazonSSM.GetParameter".to_owned());
        let ssm = post(&[target], "{}").unwrap_err();
        assert!(text(&ssm).contains("\"__type\":\"MissingAuthenticationTokenException\""));

        let get = |path| HttpRequest { method: "GET", path, query: "", headers: &[], body: b"" };
        let lambda = decode(&get("/2015-03-31/functions/f"), "r-1").unwrap_err();
        assert_eq!((lambda.status, text(&lambda).as_str()), (403, r#"{"message":"Missing Authentication Token"}"#));
        let route53 = decode(&get("/2013-04-01/hostedzone"), "r-1").unwrap_err();
        assert_eq!(route53.status, 403);
        assert!(
            text(&route53).contains("doc/2013-04-01/\"><Error><Type>Sender</Type><Code>MissingAuthenticationToken<")
        );

        assert_eq!(post(&[], "").unwrap_err().status, 403);
    }

    #[test]
    fn what_clients_do_not_sign_is_accepted_unsigned() {
        let call = |operation: &str, host: &str| {
            let target = ("x-amz-target".to_owned(), format!("AWSCognitoIdentityProviderService.{operation}"));
            let body =
                r#"{"AuthFlow": "USER_PASSWORD_AUTH", "ChallengeName": "NEW_PASSWORD_REQUIRED", "ClientId": "c"}"#;
            post(&[target, ("Host".to_owned(), host.to_owned())], body).map(|decoded| decoded.call)
        };
        for operation in ["InitiateAuth", "RespondToAuthChallenge"] {
            let call = call(operation, "127.0.0.1:4600").unwrap();
            assert_eq!((call.service.as_str(), call.operation.as_str()), ("cognito-idp", operation));
            assert_eq!((call.account.as_str(), call.region.as_str()), (DEFAULT_ACCOUNT, DEFAULT_REGION));
            assert_eq!(call.access_key, "");
        }
        assert_eq!(call("InitiateAuth", "cognito-idp.eu-west-1.amazonaws.com").unwrap().region, "eu-west-1");
        assert!(text(&call("AdminInitiateAuth", "").unwrap_err()).contains("MissingAuthenticationToken"));
    }

    #[test]
    fn a_signature_that_cannot_be_read_is_none() {
        let body = "Action=DescribeVpcs&Version=2016-11-15";
        for value in [
            "",
            "Bearer x",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=",
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/ec2, Signature=00",
            "AWS4-HMAC-SHA256 Credential=/20260101/us-east-1/ec2/aws4_request, Signature=00",
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/ec2/other, Signature=00",
        ] {
            let header = ("authorization".to_owned(), value.to_owned());
            assert_eq!(post(&[header], body).unwrap_err().status, 401, "{value}");
        }
    }

    #[test]
    fn a_service_that_the_sandbox_lacks_is_named() {
        let response = post(&[signed_for("sqs")], "Action=ListQueues").unwrap_err();
        assert_eq!(response.status, 501);
        assert!(text(&response).contains("<Code>NotImplemented</Code><Message>The sandbox has no service sqs."));

        let target = ("x-amz-target".to_owned(), "Kinesis_20131202.ListStreams".to_owned());
        let response = post(&[signed_for("kinesis"), target], "{}").unwrap_err();
        assert!(text(&response).contains("\"__type\":\"NotImplemented\""));

        let headers = [signed_for("eks")];
        let request = HttpRequest { method: "GET", path: "/clusters", query: "", headers: &headers, body: b"" };
        let response = decode(&request, "r-1").unwrap_err();
        assert!(response.headers.contains(&("x-amzn-errortype".to_owned(), "NotImplemented".to_owned())));
    }

    #[test]
    fn a_refusal_has_the_status_that_the_model_has_for_its_code() {
        let status = |error: ApiError| {
            let headers = [signed_for("lambda")];
            let (method, path) = ("GET", "/2015-03-31/functions/f");
            let decoded =
                decode(&HttpRequest { method, path, query: "", headers: &headers, body: b"" }, "r-1").unwrap();
            encode(&decoded, &Err(error), "r-1").status
        };
        assert_eq!(status(ApiError::new("ResourceNotFoundException", "None such.")), 404);
        assert_eq!(status(ApiError::new("ResourceNotFoundException", "None such.").with_status(410)), 410);
        assert_eq!(status(ApiError::new("SomethingElse", "Else.")), 400);
    }

    #[test]
    fn a_violated_constraint_is_refused_before_the_world_sees_it() {
        let response = post(&[signed_for("ec2")], "Action=CreateSubnet&CidrBlock=10.0.0.0%2F24").unwrap_err();
        assert_eq!(response.status, 400);
        assert!(text(&response).contains("<Code>MissingParameter</Code>"));
    }

    #[test]
    fn every_response_carries_the_request_id() {
        let id = ("x-amzn-requestid".to_owned(), "r-1".to_owned());
        let target = ("x-amz-target".to_owned(), "AmazonSSM.GetParameter".to_owned());
        let ec2 = post(&[signed_for("ec2")], "Action=DescribeVpcs").unwrap();
        let ssm = post(&[signed_for("ssm"), target], r#"{"Name": "/a"}"#).unwrap();
        for decoded in [ec2, ssm] {
            assert!(encode(&decoded, &Ok(json!({})), "r-1").headers.contains(&id));
            assert!(encode(&decoded, &Err(ApiError::new("Code", "Sentence.")), "r-1").headers.contains(&id));
        }
        assert!(post(&[], "").unwrap_err().headers.contains(&id));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic() {
        let headers = [signed_for("ec2")];
        for rest in
            ["&&==%%%", "%ff=%00", ".=", "..=", "Filter.=", "Filter..1=", "Filter.4294967296.Name=x", "Filter=x"]
        {
            assert_eq!(post(&headers, &format!("Action=DescribeVpcs&{rest}")).unwrap_err().status, 400, "{rest}");
        }
        for (service, path, status) in [
            ("ec2", "", 400),
            ("iam", "", 400),
            ("ssm", "", 400),
            ("lambda", "", 404),
            ("lambda", "/2015-03-31/functions/%/code", 400),
            ("route53", "/%ff/", 404),
            ("route53", "/2013-04-01/hostedzone/%ff/", 400),
        ] {
            let headers = [signed_for(service)];
            let method = if service == "route53" { "POST" } else { "PUT" };
            let request = HttpRequest { method, path, query: "%", headers: &headers, body: &[0xff, 0, 0x80] };
            assert_eq!(decode(&request, "").unwrap_err().status, status, "{service} {path}");
        }
    }

    #[test]
    fn members_that_an_output_lacks_are_found() {
        let answer = json!({"Vpcs": [{"VpcId": "vpc-1", "Colour": "blue", "IsDefault": "no"}], "Next": 1});
        assert_eq!(unknown_members("ec2", "DescribeVpcs", &answer), ["Next", "Vpcs.0.Colour", "Vpcs.0.IsDefault"]);
        assert!(unknown_members("ec2", "DescribeVpcs", &json!({"Vpcs": [{"VpcId": "vpc-1"}]})).is_empty());
        assert!(unknown_members("ec2", "DeleteVpc", &json!({})).is_empty());
        assert_eq!(unknown_members("ec2", "DeleteVpc", &json!({"Return": true})), ["Return"]);
        let dated = json!({"Roles": [{"CreateDate": "today"}]});
        assert_eq!(unknown_members("iam", "ListRoles", &dated), ["Roles.0.CreateDate"]);
        let invoked = json!({"StatusCode": 200, "FunctionError": "Handled", "Payload": "e30=", "Colour": "blue"});
        assert_eq!(unknown_members("lambda", "Invoke", &invoked), ["Colour"]);
        let apis = json!({"items": [{"id": "a1", "endpointConfiguration": {"types": "PRIVATE"}}]});
        let types = ["items.0.endpointConfiguration.types"];
        assert_eq!(unknown_members("apigateway", "GetRestApis", &apis), types);
        assert_eq!(unknown_members("elasticfilesystem", "DeleteFileSystem", &json!({"Gone": true})), ["Gone"]);
        let zone = json!({"Location": "https://…", "HostedZone": {"Id": "Z1", "Colour": "blue"}});
        assert_eq!(unknown_members("route53", "CreateHostedZone", &zone), ["HostedZone.Colour"]);
        assert_eq!(unknown_members("ec2", "MakeTea", &json!({})), ["ec2 MakeTea"]);
    }
}
