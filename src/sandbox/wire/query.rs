//! Requests as form parameters: the `ec2` and `query` protocols.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::table::{Kind, Member, Operation, Protocol, Service, ShapeId};
use super::{HttpRequest, scalar};
use crate::sandbox::api::ApiError;

/// Parameters that are about the request, not members of its input.
const ABOUT_THE_REQUEST: [&str; 9] = [
    "Action",
    "Version",
    "AWSAccessKeyId",
    "Expires",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "Timestamp",
];

/// What is left of each parameter's name below some point of the input, and its value.
type Params<'a> = Vec<(&'a str, &'a str)>;

/// The request's parameters, those of the URL first.
pub(super) fn parameters<'a>(request: &HttpRequest<'a>) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    form_urlencoded::parse(request.query.as_bytes()).chain(form_urlencoded::parse(request.body)).collect()
}

/// Finds out which operation is called, and with what input.
pub(super) fn decode<'s>(service: &'s Service, request: &HttpRequest<'_>) -> Result<(&'s Operation, Value), ApiError> {
    let parameters = parameters(request);
    let named = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref());

    let action = named("Action").ok_or_else(|| missing_action(service.protocol))?;
    let version = named("Version").unwrap_or(service.version);
    if version != service.version {
        return Err(no_such_operation(service, action, version));
    }
    let operation = service.find(action)?.ok_or_else(|| no_such_operation(service, action, version))?;

    let members: Params<'_> = parameters
        .iter()
        .map(|(name, value)| (name.as_ref(), value.as_ref()))
        .filter(|(name, _)| !ABOUT_THE_REQUEST.contains(name) && !name.starts_with("X-Amz-"))
        .collect();
    let decoder = Decoder { service };
    let input = match operation.input {
        Some(shape) => decoder.value(shape, &members, "")?,
        None => None,
    };
    Ok((operation, input.unwrap_or_else(|| Value::Object(Map::new()))))
}

fn missing_action(protocol: Protocol) -> ApiError {
    match protocol {
        Protocol::Ec2 => ApiError::new("MissingParameter", "The request must contain the parameter Action"),
        _ => ApiError::new("MissingAction", "Missing Action"),
    }
}

fn no_such_operation(service: &Service, action: &str, version: &str) -> ApiError {
    let message = match service.protocol {
        Protocol::Ec2 => format!("The action {action} is not valid for this web service."),
        _ => format!("Could not find operation {action} for version {version}"),
    };
    ApiError::new("InvalidAction", message)
}

struct Decoder<'s> {
    service: &'s Service,
}

impl Decoder<'_> {
    /// The value of a shape; `None` if no parameter says anything about it.
    fn value(&self, id: ShapeId, params: &Params<'_>, path: &str) -> Result<Option<Value>, ApiError> {
        let kind = &self.service.shape(id).kind;
        match kind {
            Kind::Structure(members) => self.structure(members, params, path).map(Some),
            Kind::List { item, name, flat } => self.list(*item, name.unwrap_or("member"), *flat, params, path),
            Kind::Map { key, value, flat } => self.map(*key, *value, *flat, params, path),
            _ => self.scalar(kind, params, path),
        }
    }

    fn structure(&self, members: &[Member], params: &Params<'_>, path: &str) -> Result<Value, ApiError> {
        let mut object = Map::new();
        for (segment, below) in by_first_segment(params) {
            let path = join(path, segment);
            let Some(member) = members.iter().find(|member| member.request == segment) else {
                self.unknown(&path)?;
                continue;
            };
            if let Some(value) = self.value(member.shape, &below, &path)? {
                object.insert(member.name.to_owned(), value);
            }
        }
        Ok(Value::Object(object))
    }

    /// EC2 counts items right below the list, the others below an element's name, unless the list is flat.
    fn list(
        &self,
        item: ShapeId,
        name: &str,
        flat: bool,
        params: &Params<'_>,
        path: &str,
    ) -> Result<Option<Value>, ApiError> {
        let items = if flat || self.service.protocol == Protocol::Ec2 {
            self.numbered(params, path)?
        } else if params.contains(&("", "")) {
            return Ok(Some(Value::Array(Vec::new())));
        } else {
            self.below(name, params, path)?
        };
        let mut values = Vec::new();
        for (path, params) in items {
            values.extend(self.value(item, &params, &path)?);
        }
        Ok((!values.is_empty()).then_some(Value::Array(values)))
    }

    fn map(
        &self,
        key: ShapeId,
        value: ShapeId,
        flat: bool,
        params: &Params<'_>,
        path: &str,
    ) -> Result<Option<Value>, ApiError> {
        let entries = if flat { self.numbered(params, path)? } else { self.below("entry", params, path)? };
        let mut object = Map::new();
        for (path, params) in entries {
            let mut sides = by_first_segment(&params);
            let mut side = |name: &str, shape: ShapeId| {
                self.value(shape, &sides.remove(name).unwrap_or_default(), &join(&path, name))
            };
            if let (Some(Value::String(key)), Some(value)) = (side("key", key)?, side("value", value)?) {
                object.insert(key, value);
            }
        }
        Ok((!object.is_empty()).then_some(Value::Object(object)))
    }

    /// The items numbered below the element's name.
    fn below<'a>(&self, name: &str, params: &Params<'a>, path: &str) -> Result<Vec<(String, Params<'a>)>, ApiError> {
        let items = by_first_segment(params).remove(name).unwrap_or_default();
        self.numbered(&items, &join(path, name))
    }

    /// The items in the order of their numbers, each with its path.
    fn numbered<'a>(&self, params: &Params<'a>, path: &str) -> Result<Vec<(String, Params<'a>)>, ApiError> {
        let mut items = BTreeMap::new();
        for (segment, below) in by_first_segment(params) {
            let path = join(path, segment);
            match segment.parse::<u32>() {
                Ok(number) => {
                    items.insert(number, (path, below));
                }
                Err(_) => self.unknown(&path)?,
            }
        }
        Ok(items.into_values().collect())
    }

    fn scalar(&self, kind: &Kind, params: &Params<'_>, path: &str) -> Result<Option<Value>, ApiError> {
        for (rest, _) in params.iter().filter(|(rest, _)| !rest.is_empty()) {
            self.unknown(&join(path, rest))?;
        }
        let Some((_, text)) = params.iter().find(|(rest, _)| rest.is_empty()) else { return Ok(None) };
        match scalar::read(kind, text) {
            Some(value) => Ok(Some(value)),
            None => Err(self.wrong_type(text, path, scalar::expected(kind))),
        }
    }

    fn wrong_type(&self, text: &str, path: &str, expected: &str) -> ApiError {
        let code = match self.service.protocol {
            Protocol::Ec2 => "InvalidParameterValue",
            _ => "MalformedInput",
        };
        ApiError::new(code, format!("Value ( {text} ) for parameter {path} is invalid. Expecting {expected}."))
    }

    /// EC2 refuses parameters that it doesn't know, the others pass over them.
    fn unknown(&self, path: &str) -> Result<(), ApiError> {
        match self.service.protocol {
            Protocol::Ec2 => Err(ApiError::new("UnknownParameter", format!("The parameter {path} is not recognized"))),
            _ => Ok(()),
        }
    }
}

fn by_first_segment<'a>(params: &Params<'a>) -> BTreeMap<&'a str, Params<'a>> {
    let mut groups: BTreeMap<&str, Params<'_>> = BTreeMap::new();
    for (name, value) in params {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        groups.entry(first).or_default().push((rest, value));
    }
    groups
}

fn join(path: &str, segment: &str) -> String {
    match (path, segment) {
        ("", _) => segment.to_owned(),
        (_, "") => path.to_owned(),
        _ => format!("{path}.{segment}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::table;
    use super::*;

    fn decoded(service: &Service, body: &str) -> Result<Value, ApiError> {
        let request = HttpRequest { method: "POST", path: "/", query: "", headers: &[], body: body.as_bytes() };
        decode(service, &request).map(|(_, input)| input)
    }

    fn ec2(body: &str) -> Result<Value, ApiError> {
        decoded(table::service("ec2").unwrap(), body)
    }

    fn iam(body: &str) -> Result<Value, ApiError> {
        decoded(table::service("iam").unwrap(), body)
    }

    fn refusal(result: Result<Value, ApiError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn ec2_lists_are_numbered_below_their_request_name() {
        let input = ec2("Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16&DryRun=false\
            &TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.2.Key=b&TagSpecification.1.Tag.2.Value=\
            &TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=x+y")
        .unwrap();
        assert_eq!(
            input,
            json!({
                "CidrBlock": "10.0.0.0/16",
                "DryRun": false,
                "TagSpecifications": [
                    {"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "x y"}, {"Key": "b", "Value": ""}]},
                ],
            })
        );
    }

    #[test]
    fn items_are_ordered_by_number_not_by_text() {
        let input = ec2("Action=DescribeVpcs&VpcId.10=j&VpcId.9=i&VpcId.1=a").unwrap();
        assert_eq!(input, json!({"VpcIds": ["a", "i", "j"]}));
    }

    #[test]
    fn numbers_and_booleans_are_typed() {
        let input = ec2("Action=AuthorizeSecurityGroupIngress&GroupId=sg-1&IpPermissions.1.FromPort=-1\
            &IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0&IpPermissions.1.Groups.1.GroupId=sg-2&DryRun=True")
        .unwrap();
        assert_eq!(
            input,
            json!({
                "GroupId": "sg-1",
                "DryRun": true,
                "IpPermissions": [
                    {"FromPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "UserIdGroupPairs": [{"GroupId": "sg-2"}]},
                ],
            })
        );
    }

    #[test]
    fn ec2_refuses_what_is_not_of_its_type() {
        for body in [
            "Action=DescribeVpcs&MaxResults=many",
            "Action=DescribeVpcs&MaxResults=99999999999",
            "Action=DescribeVpcs&MaxResults=",
            "Action=DescribeVpcs&DryRun=maybe",
        ] {
            assert_eq!(ec2(body).unwrap_err().code, "InvalidParameterValue", "{body}");
        }
    }

    #[test]
    fn ec2_refuses_parameters_that_it_does_not_know() {
        for (body, name) in [
            ("Action=DescribeVpcs&Colour=blue", "Colour"),
            ("Action=DescribeVpcs&VpcId=vpc-1", "VpcId"),
            ("Action=DescribeVpcs&VpcId.one=vpc-1", "VpcId.one"),
            ("Action=DescribeVpcs&Filter.1.Tint=x", "Filter.1.Tint"),
            ("Action=DeleteVpc&VpcId.a.b=x", "VpcId.a.b"),
        ] {
            assert_eq!(refusal(ec2(body)), format!("UnknownParameter: The parameter {name} is not recognized"));
        }
    }

    #[test]
    fn names_nested_without_end_are_only_another_unknown_parameter() {
        let deep = "a.".repeat(500_000);
        assert_eq!(ec2(&format!("Action=DescribeVpcs&{deep}=x")).unwrap_err().code, "UnknownParameter");
        assert_eq!(ec2(&format!("Action=DescribeVpcs&Filter.1.{deep}=x")).unwrap_err().code, "UnknownParameter");
    }

    #[test]
    fn query_lists_are_numbered_below_member() {
        let input =
            iam("Action=TagRole&Version=2010-05-08&RoleName=r&Tags.member.1.Key=k&Tags.member.1.Value=v").unwrap();
        assert_eq!(input, json!({"RoleName": "r", "Tags": [{"Key": "k", "Value": "v"}]}));
    }

    #[test]
    fn query_lists_may_be_empty_and_unknown_parameters_are_passed_over() {
        let input = iam("Action=TagRole&RoleName=r&Tags=&Colour=blue&RoleName.x=y").unwrap();
        assert_eq!(input, json!({"RoleName": "r", "Tags": []}));
    }

    #[test]
    fn query_has_maps_flat_lists_and_every_scalar() {
        let service = Service::parse(
            "service s\nprotocol query\nversion 1\noperation Op In -\n\
             structure In\n  Labels Labels\n  Ids Ids\n  When timestamp\n  Ratio double\n  Data blob\n\
             map Labels string integer\nlist Ids string flat",
        )
        .unwrap();
        let input = decoded(
            &service,
            "Action=Op&Labels.entry.1.key=a&Labels.entry.1.value=1&Labels.entry.2.key=b&Labels.entry.2.value=2\
             &Ids.1=x&Ids.2=y&When=2026-01-01T00:00:00.000Z&Ratio=0.5&Data=aGk%3D",
        );
        assert_eq!(
            input.unwrap(),
            json!({
                "Labels": {"a": 1, "b": 2},
                "Ids": ["x", "y"],
                "When": "2026-01-01T00:00:00Z",
                "Ratio": 0.5,
                "Data": "aGk=",
            })
        );
        for wrong in ["When=soon", "Ratio=NaN", "Data=*", "Labels.entry.1.key=a&Labels.entry.1.value=x"] {
            let error = decoded(&service, &format!("Action=Op&{wrong}")).unwrap_err();
            assert_eq!(error.code, "MalformedInput", "{wrong}");
        }
    }

    #[test]
    fn an_unknown_action_or_version_is_invalid() {
        assert_eq!(
            refusal(ec2("Action=MakeTea")),
            "InvalidAction: The action MakeTea is not valid for this web service."
        );
        assert_eq!(
            refusal(iam("Action=GetRole&Version=1999-01-01")),
            "InvalidAction: Could not find operation GetRole for version 1999-01-01"
        );
        assert_eq!(refusal(iam("RoleName=r")), "MissingAction: Missing Action");
    }

    #[test]
    fn an_action_that_only_aws_has_is_not_implemented() {
        let error = ec2("Action=CreateCarrierGateway").unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (501, "NotImplemented"));
        assert!(error.message.contains("CreateCarrierGateway") && error.message.contains("ec2"));
    }

    #[test]
    fn parameters_of_the_signature_are_not_members() {
        let query = "Action=DescribeVpcs&Version=2016-11-15&X-Amz-Credential=a%2Fb&X-Amz-Signature=00";
        let request = HttpRequest { method: "GET", path: "/", query, headers: &[], body: b"" };
        let (operation, input) = decode(table::service("ec2").unwrap(), &request).unwrap();
        assert_eq!((operation.name, input), ("DescribeVpcs", json!({})));
    }
}
