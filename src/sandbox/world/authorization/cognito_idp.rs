//! Cognito user pools: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncognitouserpools.html>.

use serde_json::json;

use super::Asked;
use super::needed::Needed;

pub fn needed(asked: &mut Asked<'_>) -> Option<Vec<Needed>> {
    Some(match asked.call.operation.as_str() {
        // Anybody's: no request of theirs is signed.
        "InitiateAuth" | "RespondToAuthChallenge" => Vec::new(),
        "CreateUserPool" => {
            let tags = asked.tags("UserPoolTags");
            let make = Needed::new(asked.action(), "*").with_request_tags(&tags);
            let tag = (!tags.is_empty()).then(|| Needed::new("cognito-idp:TagResource", "*").with_request_tags(&tags));
            std::iter::once(make).chain(tag).chain(role_passed(asked)).collect()
        }
        "UpdateUserPool" => {
            let tags = asked.tags("UserPoolTags");
            let update = on_pool(asked);
            let tag = Needed::new("cognito-idp:TagResource", &update.resource).with_request_tags(&tags);
            let tag = (!tags.is_empty()).then_some(tag);
            std::iter::once(update.with_request_tags(&tags)).chain(tag).chain(role_passed(asked)).collect()
        }
        "AdminCreateUser"
        | "AdminDeleteUser"
        | "AdminDisableUser"
        | "AdminEnableUser"
        | "AdminGetUser"
        | "AdminInitiateAuth"
        | "AdminSetUserPassword"
        | "AdminUpdateUserAttributes"
        | "CreateUserPoolClient"
        | "CreateUserPoolDomain"
        | "DeleteUserPool"
        | "DeleteUserPoolClient"
        | "DeleteUserPoolDomain"
        | "DescribeUserPool"
        | "DescribeUserPoolClient"
        | "GetUserPoolMfaConfig"
        | "ListUserPoolClients"
        | "ListUsers"
        | "UpdateUserPoolClient" => vec![on_pool(asked)],
        "SetUserPoolMfaConfig" => {
            let role = asked.first("SmsMfaConfiguration.SmsConfiguration.SnsCallerArn");
            let passed = role.and_then(|role| asked.pass_role(&role, "cognito-idp"));
            std::iter::once(on_pool(asked)).chain(passed).collect()
        }
        "DescribeUserPoolDomain" | "ListUserPools" => vec![Needed::new(asked.action(), "*")],
        "ListTagsForResource" => vec![on_arn(asked)],
        "TagResource" => vec![on_arn(asked).with_request_tags(&asked.tags("Tags"))],
        "UntagResource" => vec![on_arn(asked).with_tag_keys(asked.said("TagKeys"))],
        _ => return None,
    })
}

fn on_pool(asked: &mut Asked<'_>) -> Needed {
    let arn = asked.arn("cognito-idp", &format!("userpool/{}", asked.first("UserPoolId").unwrap_or_default()));
    on(asked, arn)
}

fn on_arn(asked: &mut Asked<'_>) -> Needed {
    let arn = asked.first("ResourceArn").unwrap_or_default();
    on(asked, arn)
}

fn on(asked: &mut Asked<'_>, arn: String) -> Needed {
    let tags = asked.tags_of("ListTagsForResource", json!({"ResourceArn": arn}), "Tags");
    Needed::new(asked.action(), arn).with_resource_tags(&tags, &["aws:ResourceTag"])
}

/// The role with which text messages are sent.
fn role_passed(asked: &Asked<'_>) -> Option<Needed> {
    asked.pass_role(&asked.first("SmsConfiguration.SnsCallerArn")?, "cognito-idp")
}
