//! Resource policies: who may call an API.

use serde_json::Value;

use super::bad_request;
use crate::model::policy::api::write_out;
use crate::sandbox::api::ApiError;
use crate::sandbox::world::Context;
use crate::sandbox::world::iam::policy as grammar;

/// Characters of a policy.
const QUOTA: usize = 8192;

/// A policy as API Gateway keeps it: minified, with the ARN of the API.
///
/// # Errors
/// `BadRequestException`: not as the grammar has it, or too long.
pub fn read(context: &Context<'_>, api_id: &str, text: &str) -> Result<String, ApiError> {
    let invalid =
        || bad_request("Invalid policy document. Please check the policy syntax and ensure that Principals are valid.");
    let mut document: Value = serde_json::from_str(text).map_err(|_| invalid())?;
    write_out(&mut document, &context.arn("execute-api", &format!("{api_id}/")));
    let document = document.to_string();
    // Whether a principal exists is found out when it comes.
    let is_principal = |name: &str| !name.is_empty();
    grammar::check(&document, grammar::Kind::Resource, &is_principal).map_err(|_| invalid())?;
    if document.chars().count() > QUOTA {
        return Err(bad_request(format!("Resource policy size exceeds the limit of {QUOTA} characters.")));
    }
    Ok(document)
}

/// A policy as API Gateway answers it: the text as it would stand within a JSON string, slashes escaped too.
pub fn escaped(document: &str) -> String {
    document.replace('\\', "\\\\").replace('"', "\\\"").replace('/', "\\/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;
    use super::*;

    fn policy(resource: Value) -> String {
        let statement =
            json!({"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": resource});
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    }

    fn create(world: &mut Sandbox, policy: &str) -> Value {
        world.ok("CreateRestApi", json!({"name": "lab", "policy": policy}))
    }

    #[test]
    fn a_policy_is_answered_as_text_within_a_string() {
        let mut world = Sandbox::new();
        let made = create(&mut world, &policy(json!("*")));
        let answered = made["policy"].as_str().unwrap();
        assert!(answered.starts_with("{\\\"") && answered.contains("\\\"execute-api:Invoke\\\""), "{answered}");
        assert_eq!(unescaped(&made["policy"])["Statement"][0]["Resource"], "*");
        let read = world.ok("GetRestApi", json!({"restApiId": made["id"]}));
        assert_eq!(read["policy"], made["policy"]);
    }

    #[test]
    fn slashes_are_escaped_too() {
        assert_eq!(escaped(r#"{"a":"1/2"}"#), r#"{\"a\":\"1\/2\"}"#);
    }

    #[test]
    fn the_shorthand_becomes_the_arn_of_the_api() {
        let mut world = Sandbox::new();
        let made = create(&mut world, &policy(json!(["execute-api:/*", "execute-api:/prod/GET/*"])));
        let arn = format!("arn:aws:execute-api:us-east-1:111122223333:{}", made["id"].as_str().unwrap());
        let resources = unescaped(&made["policy"])["Statement"][0]["Resource"].clone();
        assert_eq!(resources, json!([format!("{arn}/*"), format!("{arn}/prod/GET/*")]));
    }

    #[test]
    fn a_malformed_policy_is_refused() {
        let mut world = Sandbox::new();
        let api = create(&mut world, &policy(json!("*")))["id"].clone();
        for bad in [
            "{",
            "[]",
            "{\"Statement\": []}",
            &policy(json!("everything")),
            &policy(json!("*")).replace("Allow", "May"),
        ] {
            assert_eq!(world.refused("CreateRestApi", json!({"name": "x", "policy": bad})), "BadRequestException");
            let refused = world.patch_api(api.as_str().unwrap(), "replace", "/policy", bad).unwrap_err();
            assert_eq!(refused.code, "BadRequestException", "{bad}");
        }
        let long = policy(json!("arn:aws:execute-api:us-east-1:111122223333:*/".to_owned() + &"a".repeat(QUOTA)));
        assert_eq!(world.refused("CreateRestApi", json!({"name": "x", "policy": long})), "BadRequestException");
    }

    #[test]
    fn an_empty_policy_takes_the_policy_away() {
        let mut world = Sandbox::new();
        let api = create(&mut world, &policy(json!("*")))["id"].clone();
        let updated = world.patch_api(api.as_str().unwrap(), "replace", "/policy", "").unwrap();
        assert_eq!(updated.get("policy"), None);
    }
}
