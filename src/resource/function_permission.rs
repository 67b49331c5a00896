//! A statement of a function's own policy: who may call it besides its account. All of them are the function's owner's;
//! its id is `FUNCTION STATEMENT`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::function::{Function, SERVICE};
use super::{Creation, Listing, Observed, Operations, Ref, Resource, Seconds, Spec, Text};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What a statement is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionPermission {
    /// The function that may be called.
    pub function: Ref<Function>,
    /// Unique in the function's policy.
    pub statement_id: String,
    /// What may be done: `lambda:InvokeFunction`.
    pub action: String,
    /// Who may: a service such as `apigateway.amazonaws.com`, an ARN, or `*`.
    pub principal: String,
    /// The ARN, or a pattern of it, on whose behalf; empty for any.
    pub source_arn: Text,
    /// The account on whose behalf; empty for any.
    pub source_account: String,
    /// Any other conditions, as JSON; empty for none.
    pub conditions: String,
}

impl FunctionPermission {
    /// The statement as it stands in the policy of the function that has this ARN.
    pub fn statement(&self, function: &str) -> Value {
        let mut conditions = serde_json::from_str(&self.conditions).unwrap_or_else(|_| json!({}));
        let source = self.source_arn.text();
        if !source.is_empty() {
            conditions["ArnLike"]["AWS:SourceArn"] = source.into();
        }
        if !self.source_account.is_empty() {
            conditions["StringEquals"]["AWS:SourceAccount"] = self.source_account.as_str().into();
        }
        let principal = match self.principal.as_str() {
            "*" => json!("*"),
            name if name.contains(".amazonaws.") => json!({"Service": name}),
            name => json!({"AWS": serde_json::from_str(name).unwrap_or_else(|_| json!(name))}),
        };
        let mut statement = json!({
            "Sid": self.statement_id, "Effect": "Allow", "Principal": principal, "Action": self.action,
            "Resource": function,
        });
        if conditions != json!({}) {
            statement["Condition"] = conditions;
        }
        statement
    }
}

impl Resource for FunctionPermission {
    const WEAK: &'static [&'static str] = &["source_arn"];
    const OWNERS: &'static [&'static str] = &["function"];
    const IN_SET: bool = true;
    const VANISHES: bool = true;
    const OPERATIONS: Operations =
        Operations { service: SERVICE, create: "AddPermission", change: "AddPermission", delete: "RemovePermission" };
    const SECONDS: Seconds = Seconds { create: 0.5, delete: 0.5 };
    const TAGGED: bool = false;

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.function.text(), self.statement_id))
    }

    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let (function, source) = (self.function.id()?, self.source_arn.id()?);
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        aws.write(SERVICE, "AddPermission", || {
            let call = aws.lambda.add_permission().function_name(function).statement_id(&self.statement_id);
            let call = call.action(&self.action).principal(&self.principal);
            call.set_source_arn(given(source)).set_source_account(given(&self.source_account)).send()
        })
        .await?;
        Ok(Observed::standing(id(function, &self.statement_id), Tags::new(), self.clone()))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::FunctionPermission(permission) = &observed.spec else { return Ok(()) };
        let function = permission.function.id()?;
        let call =
            || aws.lambda.remove_permission().function_name(function).statement_id(&permission.statement_id).send();
        aws.write(SERVICE, "RemovePermission", call).await.map(drop)
    }

    async fn tag(_aws: &Aws, id: &str, _tags: &Tags) -> Result<(), Failure> {
        Err(Failure::here("tag", Class::Wrong, format!("{id} takes no tags")))
    }
}

fn id(function: &str, statement: &str) -> String {
    format!("{function} {statement}")
}

/// The statements of a function's policy; one without a policy, or that isn't there, has none.
///
/// # Errors
/// The policy could not be read.
pub(super) async fn of_function(aws: &Aws, function: &str) -> Result<Vec<Observed>, Failure> {
    let call = || aws.lambda.get_policy().function_name(function).send();
    let policy = match aws.read(SERVICE, "GetPolicy", call).await {
        Ok(answer) => answer.policy.unwrap_or_default(),
        Err(failure) if failure.class == Class::NotFound => return Ok(Vec::new()),
        Err(failure) => return Err(failure),
    };
    let unreadable = |error: serde_json::Error| Failure::here("GetPolicy", Class::UnknownOutcome, error.to_string());
    let document: Value = serde_json::from_str(&policy).map_err(unreadable)?;
    let statements = document["Statement"].as_array().into_iter().flatten();
    Ok(statements.map(|statement| read(function, statement)).collect())
}

/// The statements of the policies of these functions.
///
/// # Errors
/// A policy could not be read.
pub(super) async fn of_functions(aws: &Aws, functions: &[String]) -> Result<Listing, Failure> {
    let mut listing = Listing::default();
    for function in functions {
        listing.found.extend(of_function(aws, function).await?);
    }
    Ok(listing)
}

fn read(function: &str, statement: &Value) -> Observed {
    let sid = written(&statement["Sid"]);
    let mut conditions = statement["Condition"].clone();
    let (source_arn, source_account) =
        (take(&mut conditions, "ArnLike", "AWS:SourceArn"), take(&mut conditions, "StringEquals", "AWS:SourceAccount"));
    let none = conditions.is_null() || conditions.as_object().is_some_and(serde_json::Map::is_empty);
    let principal = match &statement["Principal"] {
        Value::Object(members) if members.len() == 1 => members.values().next().map(written).unwrap_or_default(),
        other => written(other),
    };
    let spec = FunctionPermission {
        function: Ref::known(function),
        statement_id: sid.clone(),
        action: written(&statement["Action"]),
        principal,
        source_arn: Ref::known(source_arn),
        source_account,
        conditions: if none { String::new() } else { conditions.to_string() },
    };
    Observed::standing(id(function, &sid), Tags::new(), spec)
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Takes the one text of a condition out of all conditions; the case of its key says nothing.
fn take(conditions: &mut Value, operator: &str, key: &str) -> String {
    let Some(keys) = conditions.get_mut(operator).and_then(Value::as_object_mut) else { return String::new() };
    let same = |name: &&String| name.eq_ignore_ascii_case(key);
    let Some(name) = keys.iter().find(|(name, value)| same(name) && value.is_string()).map(|(name, _)| name.clone())
    else {
        return String::new();
    };
    let text = keys.remove(&name).map(|value| written(&value)).unwrap_or_default();
    if keys.is_empty() {
        conditions.as_object_mut().map(|all| all.remove(operator));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(statement: &Value) -> FunctionPermission {
        match read("presign", statement).spec {
            Spec::FunctionPermission(permission) => permission,
            _ => unreachable!(),
        }
    }

    #[test]
    fn a_statement_says_who_may_and_on_whose_behalf() {
        let read = permission(&json!({
            "Sid": "api", "Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "lambda:InvokeFunction", "Resource": "arn:function",
            "Condition": {"ArnLike": {"AWS:SourceArn": "arn:api/*"}},
        }));
        let expected = FunctionPermission {
            function: Ref::known("presign"),
            statement_id: "api".into(),
            action: "lambda:InvokeFunction".into(),
            principal: "apigateway.amazonaws.com".into(),
            source_arn: Ref::known("arn:api/*"),
            source_account: String::new(),
            conditions: String::new(),
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn conditions_of_other_kinds_are_kept() {
        let read = permission(&json!({
            "Sid": "any", "Principal": "*", "Action": "lambda:InvokeFunctionUrl",
            "Condition": {"StringEquals": {"AWS:SourceAccount": "111122223333", "lambda:FunctionUrlAuthType": "NONE"}},
        }));
        assert_eq!((read.principal.as_str(), read.source_account.as_str()), ("*", "111122223333"));
        assert_eq!(read.conditions, r#"{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}"#);
    }

    #[test]
    fn a_statement_is_written_as_it_was_read() {
        for (principal, condition) in [
            (json!({"Service": "apigateway.amazonaws.com"}), json!({"ArnLike": {"AWS:SourceArn": "arn:api/*"}})),
            (json!({"AWS": "arn:aws:iam::111122223333:role/x"}), json!({"StringEquals": {"AWS:SourceAccount": "1"}})),
            (json!("*"), json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}})),
        ] {
            let statement = json!({
                "Sid": "api", "Effect": "Allow", "Principal": principal, "Action": "lambda:InvokeFunction",
                "Resource": "arn:function", "Condition": condition,
            });
            assert_eq!(permission(&statement).statement("arn:function"), statement);
        }
    }
}
