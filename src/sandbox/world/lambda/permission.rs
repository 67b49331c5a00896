//! Who may invoke a function besides its account: the policy of the function.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::function::{FunctionName, check_revision};
use super::name::function_arn;
use super::{Lambda, conflict, invalid, not_found};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Bytes of a policy.
const MAX_POLICY: usize = 20_480;

/// The statements of a function's policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    statements: Vec<Statement>,
    revision_id: String,
}

/// A statement, its members in the order in which Lambda writes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: String,
    effect: String,
    principal: Value,
    action: String,
    resource: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AddPermission {
    function_name: String,
    statement_id: String,
    action: String,
    principal: String,
    source_arn: Option<String>,
    source_account: Option<String>,
    event_source_token: Option<String>,
    #[serde(rename = "PrincipalOrgID")]
    principal_org_id: Option<String>,
    qualifier: Option<String>,
    revision_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RemovePermission {
    function_name: String,
    statement_id: String,
    qualifier: Option<String>,
    revision_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    version: &'a str,
    id: &'a str,
    statement: &'a [Statement],
}

impl Policy {
    fn document(&self) -> String {
        let document = Document { version: "2012-10-17", id: "default", statement: &self.statements };
        serde_json::to_string(&document).unwrap_or_default()
    }
}

impl AddPermission {
    fn condition(&self) -> Option<Value> {
        let equals = [
            ("AWS:SourceAccount", &self.source_account),
            ("lambda:EventSourceToken", &self.event_source_token),
            ("aws:PrincipalOrgID", &self.principal_org_id),
        ];
        let mut condition = serde_json::Map::new();
        for (key, value) in equals {
            if let Some(value) = value {
                condition.entry("StringEquals").or_insert_with(|| json!({}))[key] = json!(value);
            }
        }
        if let Some(arn) = &self.source_arn {
            condition.insert("ArnLike".into(), json!({"AWS:SourceArn": arn}));
        }
        (!condition.is_empty()).then_some(Value::Object(condition))
    }
}

/// The principal of a statement: anybody, a service, an account, or a part of one.
fn principal(context: &Context<'_>, text: &str) -> Result<Value, ApiError> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if text == "*" {
        Ok(json!("*"))
    } else if is_account {
        Ok(json!({"AWS": format!("arn:{}:iam::{text}:root", context.partition())}))
    } else if text.starts_with("arn:") && text.contains(":iam::") {
        Ok(json!({"AWS": text}))
    } else if text.contains(".amazonaws.com") {
        Ok(json!({"Service": text}))
    } else {
        Err(invalid("The provided principal was invalid. Please check the principal and try again."))
    }
}

impl Lambda {
    pub(super) fn add_permission(&mut self, context: &mut Context<'_>, request: AddPermission) -> Answer {
        let name = self.name_of(context, &request.function_name, request.qualifier.as_deref())?;
        let statement = Statement {
            sid: request.statement_id.clone(),
            effect: "Allow".into(),
            principal: principal(context, &request.principal)?,
            action: request.action.clone(),
            resource: function_arn(context, &name),
            condition: request.condition(),
        };
        let (_, function) = self.function_mut(context, &name)?;
        let policy = &mut function.policy;
        if !policy.statements.is_empty() {
            check_revision(request.revision_id.as_deref(), &policy.revision_id)?;
        }
        if policy.statements.iter().any(|other| other.sid == statement.sid) {
            return Err(conflict(format!(
                "The statement id ({}) provided already exists. Please provide a new statement id, or remove the \
                 existing statement.",
                statement.sid
            )));
        }
        let text = serde_json::to_string(&statement).unwrap_or_default();
        policy.statements.push(statement);
        policy.revision_id = context.dice.uuid();
        let size = policy.document().len();
        if size > MAX_POLICY {
            let message = format!("The final policy size ({size}) is bigger than the limit ({MAX_POLICY}).");
            return Err(ApiError::new("PolicyLengthExceededException", message));
        }
        Ok(json!({"Statement": text}))
    }

    pub(super) fn remove_permission(&mut self, context: &mut Context<'_>, request: RemovePermission) -> Answer {
        let name = self.name_of(context, &request.function_name, request.qualifier.as_deref())?;
        let (_, function) = self.function_mut(context, &name)?;
        let policy = &mut function.policy;
        if policy.statements.is_empty() {
            return Err(not_found("No policy is associated with the given resource."));
        }
        let position = policy.statements.iter().position(|statement| statement.sid == request.statement_id);
        let missing = || not_found(format!("Statement {} is not found in resource policy.", request.statement_id));
        let position = position.ok_or_else(missing)?;
        check_revision(request.revision_id.as_deref(), &policy.revision_id)?;
        policy.statements.remove(position);
        policy.revision_id = context.dice.uuid();
        if policy.statements.is_empty() {
            function.policy = Policy::default();
        }
        Ok(json!({}))
    }

    pub(super) fn get_policy(&self, context: &Context<'_>, request: FunctionName) -> Answer {
        let name = self.name_of(context, &request.function_name, request.qualifier.as_deref())?;
        let policy = &self.function(context, &name)?.1.policy;
        if policy.statements.is_empty() {
            return Err(not_found("The resource you requested does not exist."));
        }
        Ok(json!({"Policy": policy.document(), "RevisionId": policy.revision_id}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const API: &str = "arn:aws:execute-api:us-east-1:111122223333:a1b2c3d4e5/*/GET/presign/*";

    fn permission(statement_id: &str) -> Value {
        json!({
            "FunctionName": "presign",
            "StatementId": statement_id,
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": API,
        })
    }

    #[test]
    fn a_policy_reads_as_lambda_writes_it() {
        let mut world = Sandbox::new();
        world.create("presign");
        let name = json!({"FunctionName": "presign"});
        assert_eq!(world.refused("GetPolicy", name.clone()), "ResourceNotFoundException");
        let added = world.ok("AddPermission", permission("api"));
        let statement = format!(
            "{{\"Sid\":\"api\",\"Effect\":\"Allow\",\"Principal\":{{\"Service\":\"apigateway.amazonaws.com\"}},\
             \"Action\":\"lambda:InvokeFunction\",\
             \"Resource\":\"arn:aws:lambda:us-east-1:111122223333:function:presign\",\
             \"Condition\":{{\"ArnLike\":{{\"AWS:SourceArn\":\"{API}\"}}}}}}"
        );
        assert_eq!(added["Statement"], statement);
        let policy = world.ok("GetPolicy", name);
        let document = format!("{{\"Version\":\"2012-10-17\",\"Id\":\"default\",\"Statement\":[{statement}]}}");
        assert_eq!(policy["Policy"], document);
    }

    #[test]
    fn a_statement_id_is_used_once_and_removed_once() {
        let mut world = Sandbox::new();
        world.create("presign");
        let remove = |id: &str| json!({"FunctionName": "presign", "StatementId": id});
        assert_eq!(world.refused("RemovePermission", remove("api")), "ResourceNotFoundException");
        world.ok("AddPermission", permission("api"));
        world.ok("AddPermission", permission("other"));
        assert_eq!(world.refused("AddPermission", permission("api")), "ResourceConflictException");
        assert_eq!(world.refused("RemovePermission", remove("none")), "ResourceNotFoundException");
        world.ok("RemovePermission", remove("api"));
        world.ok("RemovePermission", remove("other"));
        assert_eq!(world.refused("GetPolicy", json!({"FunctionName": "presign"})), "ResourceNotFoundException");
        world.ok("AddPermission", permission("api"));
    }

    #[test]
    fn a_permission_goes_with_its_function_and_needs_one() {
        let mut world = Sandbox::new();
        assert_eq!(world.refused("AddPermission", permission("api")), "ResourceNotFoundException");
        world.create("presign");
        world.ok("AddPermission", permission("api"));
        world.delete("presign");
        world.create("presign");
        assert_eq!(world.refused("GetPolicy", json!({"FunctionName": "presign"})), "ResourceNotFoundException");
    }

    #[test]
    fn principals_are_services_accounts_parts_of_them_or_anybody() {
        let mut world = Sandbox::new();
        world.create("presign");
        for (index, (text, written)) in [
            ("*", json!("*")),
            ("444455556666", json!({"AWS": "arn:aws:iam::444455556666:root"})),
            ("arn:aws:iam::444455556666:role/caller", json!({"AWS": "arn:aws:iam::444455556666:role/caller"})),
            ("s3.amazonaws.com", json!({"Service": "s3.amazonaws.com"})),
        ]
        .into_iter()
        .enumerate()
        {
            let mut input = permission(&format!("s{index}"));
            input["Principal"] = json!(text);
            let statement = world.ok("AddPermission", input)["Statement"].take();
            let statement: Value = serde_json::from_str(statement.as_str().unwrap()).unwrap();
            assert_eq!(statement["Principal"], written);
        }
        let mut input = permission("wrong");
        input["Principal"] = json!("somebody");
        assert_eq!(world.refused("AddPermission", input), "InvalidParameterValueException");
    }

    #[test]
    fn conditions_name_source_account_token_and_organisation() {
        let mut world = Sandbox::new();
        world.create("presign");
        let mut input = permission("all");
        input["SourceAccount"] = json!("444455556666");
        input["EventSourceToken"] = json!("token");
        input["PrincipalOrgID"] = json!("o-0123456789");
        let statement = world.ok("AddPermission", input)["Statement"].take();
        let statement: Value = serde_json::from_str(statement.as_str().unwrap()).unwrap();
        assert_eq!(
            statement["Condition"],
            json!({
                "ArnLike": {"AWS:SourceArn": API},
                "StringEquals": {
                    "AWS:SourceAccount": "444455556666",
                    "aws:PrincipalOrgID": "o-0123456789",
                    "lambda:EventSourceToken": "token",
                },
            })
        );
    }

    #[test]
    fn a_policy_has_a_size_and_a_revision() {
        let mut world = Sandbox::new();
        world.create("presign");
        world.ok("AddPermission", permission("api"));
        let mut stale = permission("other");
        stale["RevisionId"] = json!("stale");
        assert_eq!(world.refused("AddPermission", stale), "PreconditionFailedException");
        let refused = (0..100).find_map(|index| world.call("AddPermission", permission(&format!("s{index}"))).err());
        assert_eq!(refused.unwrap().code, "PolicyLengthExceededException");
    }
}
