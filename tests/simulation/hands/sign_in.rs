//! What is done by hand to a lab's user pool.

use breezeway::resource::Kind;
use breezeway::sandbox::host::Sandbox;
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Hands, LAB, text, told};
use crate::lab::{REGION, by_hand};

/// How many different deeds there are.
pub const DEEDS: u32 = 11;

/// The ARN of a pool.
pub fn arn(id: &str) -> String {
    format!("arn:aws:cognito-idp:{REGION}:{DEFAULT_ACCOUNT}:userpool/{id}")
}

/// The ids of the pools of the lab's name.
pub fn pools(sandbox: &Sandbox) -> Vec<String> {
    let pools = listed(sandbox, "ListUserPools", "UserPools", json!({"MaxResults": 60}));
    let named = pools.iter().filter(|pool| text(pool, "Name") == format!("breezeway-{LAB}"));
    named.map(|pool| text(pool, "Id").to_owned()).collect()
}

/// The pools that carry the lab's tag.
pub fn of_lab(sandbox: &Sandbox) -> Vec<String> {
    let is_ours = |id: &String| {
        let answer = by_hand(sandbox, "cognito-idp", "DescribeUserPool", json!({"UserPoolId": id})).unwrap_or_default();
        answer["UserPool"]["UserPoolTags"]["breezeway:lab"] == LAB
    };
    pools(sandbox).into_iter().filter(is_ours).collect()
}

/// Tags as Cognito has them, from a list.
pub fn tag_map(tags: &Value) -> Value {
    let tags = tags.as_array().into_iter().flatten();
    tags.map(|tag| (text(tag, "Key").to_owned(), tag["Value"].clone())).collect()
}

fn listed(sandbox: &Sandbox, operation: &str, member: &str, input: Value) -> Vec<Value> {
    let answer = by_hand(sandbox, "cognito-idp", operation, input).unwrap_or_default();
    answer[member].as_array().cloned().unwrap_or_default()
}

impl Hands {
    pub(super) fn meddle_with_sign_in(
        &mut self,
        sandbox: &Sandbox,
        random: &mut ChaCha8Rng,
        what: u32,
    ) -> Option<String> {
        let call = |operation: &str, input: Value| told(sandbox, "cognito-idp", operation, input);
        let id = pools(sandbox).choose(random)?.clone();
        let here = json!({"UserPoolId": id});
        let pool = by_hand(sandbox, "cognito-idp", "DescribeUserPool", here.clone()).ok()?["UserPool"].take();
        let client = listed(sandbox, "ListUserPoolClients", "UserPoolClients", here.clone()).choose(random).cloned();
        let user = listed(sandbox, "ListUsers", "Users", here.clone()).choose(random).cloned();
        let user = user.map(|user| json!({"UserPoolId": id, "Username": user["Username"]}));
        let update = |member: &str, value: Value| {
            let mut input = json!({"UserPoolId": id, "UserPoolTags": pool["UserPoolTags"]});
            input[member] = value;
            call("UpdateUserPool", input)
        };
        Some(match what {
            0 => call("DeleteUserPool", here),
            1 => {
                let name = ["mine", "portal"].choose(random)?;
                call("CreateUserPoolClient", json!({"UserPoolId": id, "ClientName": name}))
            }
            2 => call("DeleteUserPoolClient", json!({"UserPoolId": id, "ClientId": client?["ClientId"]})),
            3 => call("UpdateUserPoolClient", json!({"UserPoolId": id, "ClientId": client?["ClientId"]})),
            4 => call("AdminCreateUser", json!({"UserPoolId": id, "Username": "visitor"})),
            5 => call("AdminDisableUser", user?),
            6 => call("AdminDeleteUser", user?),
            7 => update("AdminCreateUserConfig", json!({"AllowAdminCreateUserOnly": false})),
            8 => update("DeletionProtection", json!("ACTIVE")),
            9 => {
                let domain = format!("sign-in-{}", random.random_range(0..4));
                call("CreateUserPoolDomain", json!({"UserPoolId": id, "Domain": domain}))
            }
            _ => {
                let tags = pool["UserPoolTags"].as_object()?;
                let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
                self.untag(sandbox, random, (Kind::UserPool, &id), &json!({"Tags": tags}))?
            }
        })
    }
}
