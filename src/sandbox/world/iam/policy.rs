//! The grammar of policy documents, as far as AWS itself refuses what breaks it.

use crate::sandbox::api::ApiError;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What a document is for: the kinds want different elements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Says what an identity may do: actions and resources, no principal.
    Permissions,
    /// Says who may assume a role: principals and STS actions, no resource.
    Trust,
    /// Says who may do what through a resource: principals, actions and resources.
    Resource,
}

/// Service principals that IAM knows, without their `.amazonaws.com`.
const SERVICES: &str = "apidestinations.events apigateway application-autoscaling appsync athena autoscaling backup batch bedrock \
    cloudformation cloudtrail codebuild codedeploy codepipeline cognito-idp config datasync delivery.logs dms dynamodb ec2 ecs \
    ecs-tasks edgelambda eks eks-fargate-pods elasticache elasticfilesystem elasticloadbalancing elasticmapreduce es events firehose \
    fsx glue guardduty iot kinesis kinesisanalytics kms lakeformation lambda lex logs monitoring ops.apigateway organizations pipes \
    pods.eks quicksight rds redshift replicator.lambda rolesanywhere route53 route53resolver s3 sagemaker scheduler secretsmanager \
    servicecatalog sns spotfleet sqs ssm ssm-incidents states storagegateway streams.metrics.cloudwatch transfer vmie vpc-flow-logs \
    vpc-lattice wafv2";

const OPERATORS: &str = "StringEquals StringNotEquals StringEqualsIgnoreCase StringNotEqualsIgnoreCase StringLike StringNotLike \
    NumericEquals NumericNotEquals NumericLessThan NumericLessThanEquals NumericGreaterThan NumericGreaterThanEquals DateEquals \
    DateNotEquals DateLessThan DateLessThanEquals DateGreaterThan DateGreaterThanEquals Bool BinaryEquals IpAddress NotIpAddress \
    ArnEquals ArnLike ArnNotEquals ArnNotLike";

const STS_ACTIONS: &str = "sts:* sts:AssumeRole sts:AssumeRoleWithSAML sts:AssumeRoleWithWebIdentity sts:SetContext \
    sts:SetSourceIdentity sts:TagSession";

/// The size that quotas count: every character but white space.
pub fn size(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}

/// Refuses a document that IAM would call malformed. `is_principal` answers whether an AWS principal that
/// needs to exist does.
///
/// # Errors
/// `MalformedPolicyDocument`
pub fn check(document: &str, kind: Kind, is_principal: &dyn Fn(&str) -> bool) -> Result<(), ApiError> {
    let document: Value = serde_json::from_str(document).map_err(|_| match kind {
        Kind::Trust => malformed("This policy contains invalid Json"),
        Kind::Permissions | Kind::Resource => syntax(),
    })?;
    let document = document.as_object().ok_or_else(syntax)?;
    only(document, &["Version", "Id", "Statement"])?;
    if let Some(version) = document.get("Version")
        && !["2012-10-17", "2008-10-17"].iter().any(|known| version == known)
    {
        return Err(malformed("The policy must contain a valid version string"));
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        Some(_) => return Err(syntax()),
        None => return Err(malformed("Missing required field Statement")),
    };
    let mut sids = BTreeSet::new();
    for statement in statements {
        let statement = statement.as_object().ok_or_else(syntax)?;
        check_statement(statement, kind, is_principal)?;
        if let Some(sid) = statement.get("Sid") {
            let sid = sid.as_str().ok_or_else(syntax)?;
            let is_plain = sid.chars().all(|character| character.is_ascii_alphanumeric());
            if kind != Kind::Resource && !is_plain {
                return Err(malformed("Statement IDs (SID) must be alpha-numeric."));
            }
            if !sid.is_empty() && !sids.insert(sid) {
                return Err(malformed("Statement IDs (SID) in a single policy must be unique."));
            }
        }
    }
    Ok(())
}

fn check_statement(
    statement: &Map<String, Value>,
    kind: Kind,
    is_principal: &dyn Fn(&str) -> bool,
) -> Result<(), ApiError> {
    only(
        statement,
        &["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"],
    )?;
    match statement.get("Effect") {
        Some(effect) if effect == "Allow" || effect == "Deny" => {}
        Some(effect) => return Err(malformed(format!("Invalid effect: {}", plain(effect)))),
        None => return Err(malformed("Missing required field Effect")),
    }
    let actions = one_of(statement, "Action", "NotAction")?;
    let resources = one_of(statement, "Resource", "NotResource")?;
    let principals = match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(_), Some(_)) => return Err(syntax()),
        (principal, other) => principal.or(other),
    };
    match kind {
        Kind::Trust => {
            if resources.is_some() {
                return Err(malformed("Has prohibited field Resource"));
            }
            check_principals(principals.ok_or_else(|| malformed("Missing required field Principal"))?, is_principal)?;
            for action in actions.ok_or_else(|| malformed("Missing required field Action"))? {
                if !STS_ACTIONS.split_whitespace().any(|known| known.eq_ignore_ascii_case(action)) {
                    return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
                }
            }
        }
        Kind::Permissions => {
            if principals.is_some() {
                return Err(malformed("Policy document should not specify a principal."));
            }
            check_actions(actions)?;
            check_resources(resources)?;
        }
        Kind::Resource => {
            check_principals(principals.ok_or_else(|| malformed("Missing required field Principal"))?, is_principal)?;
            check_actions(actions)?;
            check_resources(resources)?;
        }
    }
    statement.get("Condition").map_or(Ok(()), check_condition)
}

fn check_actions(actions: Option<Vec<&str>>) -> Result<(), ApiError> {
    let actions = actions.ok_or_else(|| malformed("Policy statement must contain actions."))?;
    actions.into_iter().try_for_each(check_action)
}

fn check_resources(resources: Option<Vec<&str>>) -> Result<(), ApiError> {
    for resource in resources.ok_or_else(|| malformed("Policy statement must contain resources."))? {
        if resource != "*" && resource.splitn(6, ':').count() < 6 {
            return Err(malformed(format!("Resource {resource} must be in ARN format or \"*\".")));
        }
        if resource != "*" && !resource.starts_with("arn:") && !resource.starts_with('*') {
            return Err(malformed(format!("Partition \"\" is not valid for resource \"{resource}\".")));
        }
    }
    Ok(())
}

fn check_action(action: &str) -> Result<(), ApiError> {
    if action == "*" {
        return Ok(());
    }
    let Some((vendor, name)) = action.split_once(':') else {
        return Err(malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
    };
    if vendor.is_empty() || !vendor.chars().all(|character| character.is_ascii_alphanumeric() || character == '-') {
        return Err(malformed(format!("Vendor {vendor} is not valid")));
    }
    if name.is_empty()
        || name.chars().any(|character| !character.is_ascii_alphanumeric() && !"*?_-:".contains(character))
    {
        return Err(malformed("The policy failed legacy parsing: an action contains characters that no action has."));
    }
    Ok(())
}

fn check_principals(principals: &Value, is_principal: &dyn Fn(&str) -> bool) -> Result<(), ApiError> {
    if principals == "*" {
        return Ok(());
    }
    let principals = principals.as_object().filter(|map| !map.is_empty()).ok_or_else(syntax)?;
    only(principals, &["AWS", "Service", "Federated", "CanonicalUser"])?;
    for (class, names) in principals {
        for name in texts(names)? {
            let known = match class.as_str() {
                "Service" => is_service(name),
                "AWS" => name == "*" || is_principal(name),
                _ => !name.is_empty(),
            };
            if !known {
                let class = class.to_uppercase();
                return Err(malformed(format!("Invalid principal in policy: \"{class}\":\"{name}\"")));
            }
        }
    }
    Ok(())
}

/// `lambda.amazonaws.com`, `logs.eu-west-1.amazonaws.com`, `ec2.amazonaws.com.cn`.
fn is_service(principal: &str) -> bool {
    let Some(name) = principal.strip_suffix(".cn").unwrap_or(principal).strip_suffix(".amazonaws.com") else {
        return false;
    };
    let regional =
        name.rsplit_once('.').filter(|(_, region)| region.split('-').count() >= 3).map(|(service, _)| service);
    SERVICES.split_whitespace().any(|known| known == name || Some(known) == regional)
}

fn check_condition(condition: &Value) -> Result<(), ApiError> {
    for (operator, keys) in condition.as_object().ok_or_else(syntax)? {
        let name = operator
            .strip_prefix("ForAllValues:")
            .or_else(|| operator.strip_prefix("ForAnyValue:"))
            .unwrap_or(operator);
        // `Null` asks of existence itself.
        let compared = name.strip_suffix("IfExists").unwrap_or(name);
        if name != "Null" && !OPERATORS.split_whitespace().any(|known| known.eq_ignore_ascii_case(compared)) {
            return Err(malformed(format!("Invalid Condition type : {operator}.")));
        }
        for (key, values) in keys.as_object().ok_or_else(syntax)? {
            if !key.contains(':') {
                return Err(malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
            }
            let scalar = |value: &Value| !matches!(value, Value::Null | Value::Object(_) | Value::Array(_));
            if !values.as_array().map_or_else(|| scalar(values), |list| list.iter().all(scalar)) {
                return Err(syntax());
            }
        }
    }
    Ok(())
}

/// The strings of the one of two elements that exclude each other.
fn one_of<'a>(statement: &'a Map<String, Value>, one: &str, other: &str) -> Result<Option<Vec<&'a str>>, ApiError> {
    match (statement.get(one), statement.get(other)) {
        (Some(_), Some(_)) => Err(syntax()),
        (Some(value), None) | (None, Some(value)) => texts(value).map(Some),
        (None, None) => Ok(None),
    }
}

/// A string or a list of strings, not empty.
fn texts(value: &Value) -> Result<Vec<&str>, ApiError> {
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(list) if !list.is_empty() => list.iter().map(|item| item.as_str().ok_or_else(syntax)).collect(),
        _ => Err(syntax()),
    }
}

fn only(map: &Map<String, Value>, known: &[&str]) -> Result<(), ApiError> {
    if map.keys().all(|key| known.contains(&key.as_str())) { Ok(()) } else { Err(syntax()) }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn syntax() -> ApiError {
    malformed("Syntax errors in policy.")
}

fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::new("MalformedPolicyDocument", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn trust(statement: Value) -> Result<(), String> {
        refusal(json!({ "Version": "2012-10-17", "Statement": [statement] }), Kind::Trust)
    }

    fn permissions(statement: Value) -> Result<(), String> {
        refusal(json!({ "Version": "2012-10-17", "Statement": statement }), Kind::Permissions)
    }

    fn refusal(document: Value, kind: Kind) -> Result<(), String> {
        check(&document.to_string(), kind, &|name| name == "111122223333").map_err(|error| {
            assert_eq!(error.code, "MalformedPolicyDocument");
            error.message
        })
    }

    #[test]
    fn a_trust_policy_names_known_principals_and_sts_actions_only() {
        let lambda = json!({ "Service": "lambda.amazonaws.com" });
        let ok = json!({ "Effect": "Allow", "Principal": lambda, "Action": "sts:AssumeRole" });
        assert_eq!(trust(ok.clone()), Ok(()));
        for (element, value, message) in [
            ("Effect", json!("Maybe"), "Invalid effect: Maybe"),
            ("Action", json!("s3:GetObject"), "AssumeRole policy may only specify STS AssumeRole actions."),
            ("Resource", json!("*"), "Has prohibited field Resource"),
            (
                "Principal",
                json!({ "Service": ["lamda.amazonaws.com"] }),
                "Invalid principal in policy: \"SERVICE\":\"lamda.amazonaws.com\"",
            ),
            (
                "Principal",
                json!({ "AWS": "arn:aws:iam::111122223333:role/none" }),
                "Invalid principal in policy: \"AWS\":\"arn:aws:iam::111122223333:role/none\"",
            ),
            ("Colour", json!("blue"), "Syntax errors in policy."),
        ] {
            let mut statement = ok.clone();
            statement[element] = value;
            assert_eq!(trust(statement), Err(message.to_owned()));
        }
        for element in ["Effect", "Principal", "Action"] {
            let mut statement = ok.clone();
            statement.as_object_mut().unwrap().remove(element);
            assert_eq!(trust(statement), Err(format!("Missing required field {element}")));
        }
    }

    #[test]
    fn regional_and_chinese_service_principals_are_known() {
        assert!(is_service("logs.eu-west-1.amazonaws.com"));
        assert!(is_service("ops.apigateway.amazonaws.com"));
        assert!(is_service("ec2.amazonaws.com.cn"));
        assert!(!is_service("lambda.example.com"));
        assert!(!is_service("nothing.amazonaws.com"));
    }

    #[test]
    fn a_permissions_policy_has_actions_and_resources_and_no_principal() {
        let ok = json!({ "Effect": "Allow", "Action": ["logs:PutLogEvents", "ec2:Describe*"], "Resource": "*" });
        assert_eq!(permissions(ok.clone()), Ok(()));
        for (element, value, message) in [
            ("Principal", json!("*"), "Policy document should not specify a principal."),
            ("Resource", json!("bucket"), "Resource bucket must be in ARN format or \"*\"."),
            (
                "Action",
                json!("GetObject"),
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            ),
            ("Action", json!([]), "Syntax errors in policy."),
            ("Condition", json!({ "StringEqual": { "aws:SourceVpc": "x" } }), "Invalid Condition type : StringEqual."),
            (
                "Condition",
                json!({ "NullIfExists": { "aws:SourceVpc": "true" } }),
                "Invalid Condition type : NullIfExists.",
            ),
            ("Sid", json!("no-hyphens"), "Statement IDs (SID) must be alpha-numeric."),
        ] {
            let mut statement = ok.clone();
            statement[element] = value;
            assert_eq!(permissions(statement), Err(message.to_owned()));
        }
        let mut twice = ok.clone();
        twice["Sid"] = json!("A");
        assert_eq!(
            permissions(json!([twice, twice])),
            Err("Statement IDs (SID) in a single policy must be unique.".to_owned())
        );
        let mut condition = ok;
        condition["Condition"] = json!({ "ForAnyValue:StringNotEqualsIfExists": { "aws:SourceVpce": ["vpce-1"] } });
        assert_eq!(permissions(condition), Ok(()));
    }

    #[test]
    fn a_resource_policy_has_principals_actions_and_resources() {
        let resource = |statement: Value| refusal(json!({ "Statement": [statement] }), Kind::Resource);
        let ok = json!({
            "Sid": "only-these buckets",
            "Effect": "Allow",
            "Principal": { "AWS": "111122223333" },
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::bucket/*",
        });
        assert_eq!(resource(ok.clone()), Ok(()));
        for (element, message) in [
            ("Principal", "Missing required field Principal"),
            ("Action", "Policy statement must contain actions."),
            ("Resource", "Policy statement must contain resources."),
        ] {
            let mut statement = ok.clone();
            statement.as_object_mut().unwrap().remove(element);
            assert_eq!(resource(statement), Err(message.to_owned()));
        }
    }

    #[test]
    fn what_is_no_policy_at_all_is_malformed() {
        for document in
            ["", "{", "[]", "7", "{\"Version\":\"2020-01-01\",\"Statement\":[]}", "{\"Statement\":[]}", "{}"]
        {
            for kind in [Kind::Trust, Kind::Permissions, Kind::Resource] {
                let error = check(document, kind, &|_| true).unwrap_err();
                assert_eq!(error.code, "MalformedPolicyDocument");
            }
        }
    }

    #[test]
    fn size_does_not_count_white_space() {
        assert_eq!(size("{ \"a\":\n\t1 }"), 7);
    }
}
