//! STS: who is calling.

use super::{Context, not_implemented};
use crate::sandbox::api::{Answer, Call};
use serde_json::json;

/// Answers one call of STS.
pub fn handle(context: &mut Context<'_>, call: &Call) -> Answer {
    match call.operation.as_str() {
        "GetCallerIdentity" => {
            let arn = caller_arn(context);
            let user_id = match context.access_key.strip_prefix("ASIA").filter(|_| arn.contains(":assumed-role/")) {
                Some(rest) => format!("AROA{rest}:{}", arn.rsplit('/').next().unwrap_or_default()),
                None => format!("AIDASANDBOX{:0>10}", context.account.get(2..).unwrap_or_default()),
            };
            Ok(json!({ "UserId": user_id, "Account": context.account, "Arn": arn }))
        }
        _ => Err(not_implemented(call, "the operation")),
    }
}

/// The ARN of who calls: the session of a role whose access key it is, or else the account's one user.
pub fn caller_arn(context: &Context<'_>) -> String {
    let iam = context.iam;
    let session = iam.and_then(|iam| iam.session_of(context.partition(), context.account, context.access_key));
    session.unwrap_or_else(|| context.global_arn("iam", "user/sandbox"))
}
