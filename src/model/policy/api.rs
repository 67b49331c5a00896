//! Resource policies of API Gateway: in them, a resource may begin with `execute-api:/` in place of the API's ARN.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-resource-policies-examples.html>

use serde_json::Value;

const SHORTHAND: &str = "execute-api:/";

/// Puts the beginning of an API's ARN, `arn:aws:execute-api:REGION:ACCOUNT:API/`, where resources have the shorthand.
pub fn write_out(document: &mut Value, arn: &str) {
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.iter_mut().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    for statement in statements {
        for element in ["Resource", "NotResource"] {
            match statement.get_mut(element) {
                Some(Value::Array(resources)) => resources.iter_mut().for_each(|resource| write_out_one(resource, arn)),
                Some(resource) => write_out_one(resource, arn),
                None => {}
            }
        }
    }
}

fn write_out_one(resource: &mut Value, arn: &str) {
    if let Some(path) = resource.as_str().and_then(|resource| resource.strip_prefix(SHORTHAND)) {
        *resource = Value::String(format!("{arn}{path}"));
    }
}
