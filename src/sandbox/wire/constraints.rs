//! What a service's model demands of a request: members present, values and lengths in range, enums, patterns.

use regex_lite::Regex;
use serde_json::Value;

use super::table::{Kind, Member, Operation, Protocol, Service, Shape, ShapeId};
use crate::sandbox::api::ApiError;

/// A pattern that a whole string must match.
#[derive(Debug)]
pub(super) struct Pattern {
    /// The pattern as the model has it.
    pub source: &'static str,
    regex: Regex,
}

/// The classes of Unicode that patterns name, each with what of it is ASCII.
const UNICODE_CLASSES: &[(&str, &str)] = &[
    (r"\p{L}", "a-zA-Z"),
    (r"\p{M}", ""),
    (r"\p{N}", "0-9"),
    (r"\p{P}", r"!-#%-*,-/:;?@\[-\]_{}"),
    (r"\p{S}", r"$+<=>\^`|~"),
    (r"\p{Z}", " "),
];

impl Pattern {
    /// `None` if the pattern isn't one.
    pub(super) fn new(source: &'static str) -> Option<Self> {
        // The regular expressions at hand have no Unicode classes: `matches` folds the text into ASCII's instead.
        let ascii = UNICODE_CLASSES.iter().fold(source.to_owned(), |ascii, (class, own)| ascii.replace(class, own));
        let regex = Regex::new(&format!("^(?:{ascii})$")).ok()?;
        Some(Self { source, regex })
    }

    fn matches(&self, text: &str) -> bool {
        if !self.source.contains(r"\p{") {
            return self.regex.is_match(text);
        }
        let folded: String = text
            .chars()
            .map(|letter| match letter {
                _ if letter.is_ascii() => letter,
                _ if letter.is_alphabetic() => 'a',
                _ if letter.is_numeric() => '0',
                _ if letter.is_whitespace() => ' ',
                _ => letter,
            })
            .collect();
        self.regex.is_match(&folded)
    }
}

/// One demand that a value doesn't meet.
#[derive(Debug, Clone, Copy)]
enum Demand<'a> {
    Present,
    AtLeast(i64),
    AtMost(i64),
    LongerThan(i64),
    ShorterThan(i64),
    OneOf(&'a [&'static str]),
    Matching(&'static str),
    /// That each item of a list meets all that its shape demands.
    Items(&'a Shape),
}

struct Failure<'a> {
    path: String,
    value: &'a Value,
    demand: Demand<'a>,
}

/// Checks a decoded request against the operation's model; the refusal is worded as the service's own.
pub(super) fn check(service: &Service, operation: &Operation, input: &Value) -> Result<(), ApiError> {
    let mut failures = Vec::new();
    if let Some(shape) = operation.input {
        collect(service, shape, input, "", &mut failures);
    }
    let Some(first) = failures.first() else { return Ok(()) };
    Err(match service.protocol {
        Protocol::Ec2 => first.in_words_of_ec2(),
        Protocol::Query => ApiError::new("ValidationError", in_common_words(&failures)),
        Protocol::RestXml => ApiError::new("InvalidInput", in_common_words(&failures)),
        Protocol::Json if service.name == "logs" => {
            ApiError::new("InvalidParameterException", in_common_words(&failures))
        }
        Protocol::Json | Protocol::RestJson => ApiError::new("ValidationException", in_common_words(&failures)),
    })
}

/// Adds what is wrong with `value` and everything below it.
fn collect<'a>(service: &'a Service, id: ShapeId, value: &'a Value, path: &str, failures: &mut Vec<Failure<'a>>) {
    let shape = service.shape(id);
    for demand in unmet(shape, value) {
        failures.push(Failure { path: path.to_owned(), value, demand });
    }
    match (&shape.kind, value) {
        (Kind::Structure(members), Value::Object(object)) => {
            for member in members {
                let path = member_path(service.protocol, path, member);
                match object.get(member.name) {
                    Some(value) => collect(service, member.shape, value, &path, failures),
                    None if member.required => {
                        failures.push(Failure { path, value: &Value::Null, demand: Demand::Present });
                    }
                    None => {}
                }
            }
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            let shape = service.shape(*item);
            let scalar = !matches!(shape.kind, Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. });
            if scalar && service.protocol != Protocol::Ec2 {
                if items.iter().any(|value| !unmet(shape, value).is_empty()) {
                    failures.push(Failure { path: path.to_owned(), value, demand: Demand::Items(shape) });
                }
                return;
            }
            for (index, value) in items.iter().enumerate() {
                let path = match service.protocol {
                    Protocol::Ec2 => format!("{path}.{}", index + 1),
                    _ => format!("{path}.{}.member", index + 1),
                };
                collect(service, *item, value, &path, failures);
            }
        }
        (Kind::Map { value: item, .. }, Value::Object(entries)) => {
            for (key, value) in entries {
                collect(service, *item, value, &format!("{path}.{key}.member"), failures);
            }
        }
        _ => {}
    }
}

/// Where a member is, as the service's messages say it: EC2 as it is sent, the others in camel case.
fn member_path(protocol: Protocol, parent: &str, member: &Member) -> String {
    let name = match protocol {
        Protocol::Ec2 => member.request.to_owned(),
        _ => camel_case(member.name),
    };
    if parent.is_empty() { name } else { format!("{parent}.{name}") }
}

fn camel_case(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// The demands of the shape itself that the value doesn't meet.
fn unmet<'a>(shape: &'a Shape, value: &Value) -> Vec<Demand<'a>> {
    demands(shape)
        .into_iter()
        .filter(|demand| match (demand, value) {
            (Demand::AtLeast(min), Value::Number(number)) => number.as_f64().is_some_and(|number| number < *min as f64),
            (Demand::AtMost(max), Value::Number(number)) => number.as_f64().is_some_and(|number| number > *max as f64),
            (Demand::LongerThan(min), _) => length(value).is_some_and(|length| length < *min),
            (Demand::ShorterThan(max), _) => length(value).is_some_and(|length| length > *max),
            (Demand::OneOf(values), Value::String(text)) => !values.contains(&text.as_str()),
            (Demand::Matching(_), Value::String(text)) => shape.pattern.as_ref().is_some_and(|it| !it.matches(text)),
            _ => false,
        })
        .collect()
}

/// All that the shape demands of a value.
fn demands(shape: &Shape) -> Vec<Demand<'_>> {
    let number = matches!(shape.kind, Kind::Integer | Kind::Long | Kind::Double);
    let least = if number { Demand::AtLeast } else { Demand::LongerThan };
    let most = if number { Demand::AtMost } else { Demand::ShorterThan };
    let values = (!shape.values.is_empty()).then_some(Demand::OneOf(&shape.values));
    let pattern = shape.pattern.as_ref().map(|pattern| Demand::Matching(pattern.source));
    [shape.max.map(most), shape.min.map(least), values, pattern].into_iter().flatten().collect()
}

fn length(value: &Value) -> Option<i64> {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        _ => return None,
    };
    i64::try_from(length).ok()
}

impl Failure<'_> {
    fn in_words_of_ec2(&self) -> ApiError {
        let (path, value) = (camel_case(&self.path), text(self.value));
        let invalid = |rest: String| {
            ApiError::new("InvalidParameterValue", format!("Value ( {value} ) for parameter {path} is invalid.{rest}"))
        };
        match self.demand {
            Demand::Present => {
                ApiError::new("MissingParameter", format!("The request must contain the parameter {}", self.path))
            }
            Demand::AtLeast(min) => invalid(format!(" Expecting a value greater than {min}.")),
            Demand::AtMost(max) => invalid(format!(" Expecting a value less than {max}.")),
            _ => invalid(String::new()),
        }
    }
}

impl std::fmt::Display for Demand<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Demand::Present => write!(f, "Member must not be null"),
            Demand::AtLeast(min) => write!(f, "Member must have value greater than or equal to {min}"),
            Demand::AtMost(max) => write!(f, "Member must have value less than or equal to {max}"),
            Demand::LongerThan(min) => write!(f, "Member must have length greater than or equal to {min}"),
            Demand::ShorterThan(max) => write!(f, "Member must have length less than or equal to {max}"),
            Demand::OneOf(values) => write!(f, "Member must satisfy enum value set: [{}]", values.join(", ")),
            Demand::Matching(pattern) => write!(f, "Member must satisfy regular expression pattern: {pattern}"),
            Demand::Items(shape) => {
                let each: Vec<_> = demands(shape).iter().map(Demand::to_string).collect();
                write!(f, "Member must satisfy constraint: [{}]", each.join(", "))
            }
        }
    }
}

/// The sentence that IAM, SSM and most other services write.
fn in_common_words(failures: &[Failure<'_>]) -> String {
    let each: Vec<_> = failures
        .iter()
        .map(|Failure { path, value, demand }| {
            let value = if value.is_null() { "null".to_owned() } else { format!("'{}'", text(value)) };
            format!("Value {value} at '{path}' failed to satisfy constraint: {demand}")
        })
        .collect();
    let errors = if each.len() == 1 { "error" } else { "errors" };
    format!("{} validation {errors} detected: {}", each.len(), each.join("; "))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", ")),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::table;
    use super::*;

    fn refusal(service: &str, operation: &str, input: Value) -> String {
        let service = table::service(service).unwrap();
        check(service, service.operation(operation).unwrap(), &input).unwrap_err().to_string()
    }

    fn accepts(service: &str, operation: &str, input: Value) -> bool {
        let service = table::service(service).unwrap();
        check(service, service.operation(operation).unwrap(), &input).is_ok()
    }

    #[test]
    fn ec2_names_a_missing_parameter() {
        assert_eq!(
            refusal("ec2", "CreateSubnet", json!({"CidrBlock": "10.0.0.0/24"})),
            "MissingParameter: The request must contain the parameter VpcId"
        );
    }

    #[test]
    fn ec2_refuses_page_sizes_out_of_range() {
        assert_eq!(
            refusal("ec2", "DescribeVpcs", json!({"MaxResults": 4})),
            "InvalidParameterValue: Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5."
        );
        assert!(refusal("ec2", "DescribeRouteTables", json!({"MaxResults": 101})).contains("less than 100."));
        assert!(accepts("ec2", "DescribeVpcs", json!({"MaxResults": 5})));
        assert!(accepts("ec2", "DescribeVpcs", json!({"MaxResults": 1000})));
    }

    #[test]
    fn ec2_refuses_a_value_that_its_enum_lacks() {
        assert_eq!(
            refusal("ec2", "CreateVpc", json!({"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "shared"})),
            "InvalidParameterValue: Value ( shared ) for parameter instanceTenancy is invalid."
        );
        assert_eq!(
            refusal("ec2", "CreateVpc", json!({"TagSpecifications": [{"ResourceType": "castle"}]})),
            "InvalidParameterValue: Value ( castle ) for parameter tagSpecification.1.ResourceType is invalid."
        );
    }

    #[test]
    fn iam_says_what_a_name_must_match() {
        assert_eq!(
            refusal("iam", "GetRole", json!({"RoleName": "a b"})),
            "ValidationError: 1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [\\w+=,.@-]+"
        );
    }

    #[test]
    fn each_service_has_a_code_for_it() {
        let null = "1 validation error detected: Value null at";
        let wrong = "failed to satisfy constraint: Member must not be null";
        for (service, operation, input, code, member) in [
            ("lambda", "GetFunction", json!({}), "ValidationException", "functionName"),
            ("elasticfilesystem", "DeleteFileSystem", json!({}), "ValidationException", "fileSystemId"),
            ("apigateway", "GetRestApi", json!({}), "ValidationException", "restApiId"),
            ("route53", "GetHostedZone", json!({}), "InvalidInput", "id"),
            ("logs", "DeleteLogGroup", json!({}), "InvalidParameterException", "logGroupName"),
        ] {
            assert_eq!(refusal(service, operation, input), format!("{code}: {null} '{member}' {wrong}"));
        }
    }

    #[test]
    fn a_fraction_has_a_least_value_too() {
        let file_system = |throughput: f64| json!({"CreationToken": "t", "ProvisionedThroughputInMibps": throughput});
        assert!(accepts("elasticfilesystem", "CreateFileSystem", file_system(1.5)));
        let message = refusal("elasticfilesystem", "CreateFileSystem", file_system(0.5));
        assert!(message.ends_with("Member must have value greater than or equal to 1"), "{message}");
    }

    #[test]
    fn all_failures_are_told_at_once() {
        let name = "r".repeat(65);
        assert_eq!(
            refusal("iam", "CreateRole", json!({"RoleName": name, "MaxSessionDuration": 60})),
            format!(
                "ValidationError: 3 validation errors detected: \
                 Value '{name}' at 'roleName' failed to satisfy constraint: \
                 Member must have length less than or equal to 64; \
                 Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: \
                 Member must not be null; \
                 Value '60' at 'maxSessionDuration' failed to satisfy constraint: \
                 Member must have value greater than or equal to 3600"
            )
        );
    }

    #[test]
    fn members_of_items_are_named_by_their_place() {
        let tags = json!([{"Key": "a", "Value": ""}, {"Value": ""}]);
        let message = refusal("iam", "TagRole", json!({"RoleName": "r", "Tags": tags}));
        assert!(message.contains("Value null at 'tags.2.member.key' failed"), "{message}");
    }

    #[test]
    fn a_list_of_strings_fails_as_a_whole() {
        assert_eq!(
            refusal("ssm", "GetParameters", json!({"Names": ["a", ""]})),
            "ValidationException: 1 validation error detected: Value '[a, ]' at 'names' failed to satisfy constraint: \
             Member must satisfy constraint: [Member must have length less than or equal to 2048, \
             Member must have length greater than or equal to 1]"
        );
    }

    #[test]
    fn lists_have_a_least_and_a_greatest_length() {
        let named = |count: usize| json!({"Names": vec!["n"; count]});
        assert!(refusal("ssm", "GetParameters", named(0)).ends_with("length greater than or equal to 1"));
        assert!(accepts("ssm", "GetParameters", named(10)));
        assert!(refusal("ssm", "GetParameters", named(11)).ends_with("length less than or equal to 10"));
    }

    #[test]
    fn an_enum_lists_its_values() {
        let message = refusal("ssm", "PutParameter", json!({"Name": "n", "Value": "v", "Type": "Number"}));
        assert!(
            message.ends_with(
                "Value 'Number' at 'type' failed to satisfy constraint: \
                 Member must satisfy enum value set: [String, StringList, SecureString]"
            ),
            "{message}"
        );
    }

    #[test]
    fn tags_may_use_letters_and_digits_of_any_script() {
        let tagged =
            |value: &str| accepts("iam", "TagRole", json!({"RoleName": "r", "Tags": [{"Key": "k", "Value": value}]}));
        for value in ["", "a b", "naïve", "東京", "Ж٣", "a\u{a0}b", "x_.:/=+-@"] {
            assert!(tagged(value), "{value}");
        }
        for value in ["a#b", "a\tb", "a\n", "🦀"] {
            assert!(!tagged(value), "{value}");
        }
    }

    #[test]
    fn an_attribute_name_may_hold_signs_too() {
        let attribute = |name: &str| json!({"UserPoolId": "p_1", "AttributesToGet": [name]});
        assert!(accepts("cognito-idp", "ListUsers", attribute("a-1 $\\[x]^~")));
        assert!(!accepts("cognito-idp", "ListUsers", attribute("a\u{7}")));
    }

    #[test]
    fn a_role_name_is_ascii_and_is_matched_whole() {
        for name in ["rôle", "role\n", "a/b"] {
            assert!(!accepts("iam", "GetRole", json!({ "RoleName": name })), "{name}");
        }
        assert!(accepts("iam", "GetRole", json!({"RoleName": "Ab_1+=,.@-"})));
    }
}
