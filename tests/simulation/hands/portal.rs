//! What is done by hand to the portal's functions, their logs and the table of users.

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use breezeway::portal::Program;
use breezeway::resource::Kind;
use breezeway::sandbox::api::ApiError;
use breezeway::sandbox::host::Sandbox;
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use super::{Hands, LAB, text, told};
use crate::lab::{REGION, by_hand};

/// How many different deeds there are.
pub const DEEDS: u32 = 13;

/// The kinds that carry tags, and stand by themselves.
pub const KINDS: [Kind; 3] = [Kind::Table, Kind::Function, Kind::LogGroup];

fn function(program: Program) -> String {
    format!("breezeway-{LAB}-{}", program.name())
}

fn names(kind: Kind) -> Vec<String> {
    match kind {
        Kind::Table => vec![format!("breezeway-{LAB}-users")],
        Kind::Function => Program::ALL.map(function).into(),
        _ => Program::ALL.map(|program| format!("/aws/lambda/{}", function(program))).into(),
    }
}

/// The names of a kind that stand.
pub fn standing(sandbox: &Sandbox, kind: Kind) -> Vec<String> {
    names(kind).into_iter().filter(|name| tags(sandbox, kind, name).is_some()).collect()
}

fn arn(kind: Kind, name: &str) -> String {
    let at = |service: &str, rest: &str| format!("arn:aws:{service}:{REGION}:{DEFAULT_ACCOUNT}:{rest}");
    match kind {
        Kind::Table => at("dynamodb", &format!("table/{name}")),
        Kind::Function => at("lambda", &format!("function:{name}")),
        _ => at("logs", &format!("log-group:{name}")),
    }
}

/// The tags of one that stands, as EC2 writes them; none of a table that is being deleted.
fn tags(sandbox: &Sandbox, kind: Kind, name: &str) -> Option<Value> {
    let arn = arn(kind, name);
    let tags = match kind {
        Kind::Table => {
            let table = by_hand(sandbox, "dynamodb", "DescribeTable", json!({"TableName": name})).ok()?;
            if table["Table"]["TableStatus"] == "DELETING" {
                return None;
            }
            return by_hand(sandbox, "dynamodb", "ListTagsOfResource", json!({"ResourceArn": arn})).ok();
        }
        Kind::Function => by_hand(sandbox, "lambda", "ListTags", json!({"Resource": arn})).ok()?["Tags"].clone(),
        _ => by_hand(sandbox, "logs", "ListTagsForResource", json!({"resourceArn": arn})).ok()?["tags"].clone(),
    };
    let pairs = tags.as_object().cloned().unwrap_or_default();
    let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Some(json!({ "Tags": pairs }))
}

/// Takes a tag off.
pub fn untag(sandbox: &Sandbox, kind: Kind, name: &str, key: &str) -> String {
    let arn = arn(kind, name);
    match kind {
        Kind::Table => told(sandbox, "dynamodb", "UntagResource", json!({"ResourceArn": arn, "TagKeys": [key]})),
        Kind::Function => told(sandbox, "lambda", "UntagResource", json!({"Resource": arn, "TagKeys": [key]})),
        _ => told(sandbox, "logs", "UntagResource", json!({"resourceArn": arn, "tagKeys": [key]})),
    }
}

/// Gives tags back.
pub fn tag(sandbox: &Sandbox, kind: Kind, name: &str, tags: &Value) -> Result<Value, ApiError> {
    let arn = arn(kind, name);
    let pairs = tags.as_array().into_iter().flatten();
    let map: Map<_, _> = pairs.map(|pair| (text(pair, "Key").to_owned(), pair["Value"].clone())).collect();
    match kind {
        Kind::Table => by_hand(sandbox, "dynamodb", "TagResource", json!({"ResourceArn": arn, "Tags": tags})),
        Kind::Function => by_hand(sandbox, "lambda", "TagResource", json!({"Resource": arn, "Tags": map})),
        _ => by_hand(sandbox, "logs", "TagResource", json!({"resourceArn": arn, "tags": map})),
    }
}

impl Hands {
    pub(super) fn meddle_with_portal(
        &mut self,
        sandbox: &Sandbox,
        random: &mut ChaCha8Rng,
        what: u32,
    ) -> Option<String> {
        let call = |service: &str, operation: &str, input: Value| told(sandbox, service, operation, input);
        let program = *Program::ALL.choose(random)?;
        let name = standing(sandbox, Kind::Function).into_iter().find(|name| *name == function(program));
        let table = standing(sandbox, Kind::Table).pop();
        let group = standing(sandbox, Kind::LogGroup).choose(random).cloned();
        let user = *["alice", "Bob", "mallory"].choose(random)?;
        Some(match what {
            0 | 1 => call("lambda", "DeleteFunction", json!({"FunctionName": name?})),
            2 => {
                let variables = json!({"TABLE": "theirs"});
                let input = json!({"FunctionName": name?, "Environment": {"Variables": variables}, "Timeout": 3});
                call("lambda", "UpdateFunctionConfiguration", input)
            }
            3 => {
                let other = if program == Program::Presign { Program::Authorizer } else { Program::Presign };
                let zip = BASE64.encode(other.package().zip);
                call("lambda", "UpdateFunctionCode", json!({"FunctionName": name?, "ZipFile": zip}))
            }
            4 => {
                let presign = function(Program::Presign);
                let input = json!({"FunctionName": presign});
                let seen = by_hand(sandbox, "lambda", "GetFunctionConfiguration", input).ok()?;
                let vpc = json!({
                    "SubnetIds": [seen["VpcConfig"]["SubnetIds"].get(0)?],
                    "SecurityGroupIds": seen["VpcConfig"]["SecurityGroupIds"],
                });
                let nowhere = json!({"SubnetIds": [], "SecurityGroupIds": []});
                let vpc = if random.random_bool(0.5) { vpc } else { nowhere };
                call("lambda", "UpdateFunctionConfiguration", json!({"FunctionName": presign, "VpcConfig": vpc}))
            }
            5 => {
                let input = json!({
                    "FunctionName": name?, "StatementId": format!("mine-{}", random.random_range(0..3)),
                    "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
                });
                call("lambda", "AddPermission", input)
            }
            6 | 7 => {
                let item = json!({"user": {"S": user}, "domain": {"S": "d-theirs"}, "profile": {"S": "alice"}});
                call("dynamodb", "PutItem", json!({"TableName": table?, "Item": item}))
            }
            8 => call("dynamodb", "DeleteItem", json!({"TableName": table?, "Key": {"user": {"S": user}}})),
            9 if random.random_bool(0.5) => {
                let input = json!({"TableName": table?, "DeletionProtectionEnabled": true});
                call("dynamodb", "UpdateTable", input)
            }
            9 => call("dynamodb", "DeleteTable", json!({"TableName": table?})),
            10 => call("logs", "PutRetentionPolicy", json!({"logGroupName": group?, "retentionInDays": 1})),
            11 => call("logs", "DeleteLogGroup", json!({"logGroupName": group?})),
            _ => {
                let kind = *KINDS.choose(random)?;
                let name = standing(sandbox, kind).choose(random).cloned()?;
                let seen = tags(sandbox, kind, &name)?;
                self.untag(sandbox, random, (kind, &name), &seen)?
            }
        })
    }
}
