//! STS: who is calling.

use super::{Context, not_implemented};
use crate::sandbox::api::{Answer, Call};
use serde_json::json;

/// Answers one call of STS.
pub fn handle(context: &mut Context<'_>, call: &Call) -> Answer {
    match call.operation.as_str() {
        "GetCallerIdentity" => Ok(json!({
            "UserId": format!("AIDASANDBOX{:0>10}", context.account.get(2..).unwrap_or_default()),
            "Account": context.account,
            "Arn": caller_arn(context),
        })),
        _ => Err(not_implemented(call, "the operation")),
    }
}

/// The ARN of the one user that every access key of an account belongs to.
pub fn caller_arn(context: &Context<'_>) -> String {
    context.global_arn("iam", "user/sandbox")
}
