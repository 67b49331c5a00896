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

#[cfg(test)]
mod tests {
    use super::super::{Durations, Moment, World};
    use super::*;
    use serde_json::Value;

    fn answer(world: &mut World, service: &str, operation: &str, access_key: &str, input: Value) -> Value {
        let moment = Moment { durations: Durations::Instant, ..Moment::at("2026-01-01T00:00:00Z".parse().unwrap()) };
        let call = Call {
            service: service.into(),
            operation: operation.into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            access_key: access_key.into(),
            input,
        };
        world.handle(&moment, &call).unwrap()
    }

    #[test]
    fn a_roles_own_access_key_is_a_session_of_it_and_any_other_the_users() {
        let mut world = World::new(1);
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
        }]});
        let input = json!({"RoleName": "Portal", "AssumeRolePolicyDocument": trust.to_string()});
        let role = answer(&mut world, "iam", "CreateRole", "AKID", input)["Role"].take();
        let rest = role["RoleId"].as_str().unwrap().strip_prefix("AROA").unwrap();
        let mut arn = |key: &str| answer(&mut world, "sts", "GetCallerIdentity", key, json!({}));
        let session = arn(&format!("ASIA{rest}"));
        assert_eq!(session["Arn"], "arn:aws:sts::111122223333:assumed-role/Portal/sandbox");
        assert_eq!(session["UserId"], format!("AROA{rest}:sandbox"));
        assert_eq!(arn("AKID")["Arn"], "arn:aws:iam::111122223333:user/sandbox");
    }
}
