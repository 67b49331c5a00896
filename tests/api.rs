//! The portal's private API on the sandbox: every part of it edited by hand, found, and put right.

use breezeway::drift::{Class, Difference};
use breezeway::engine::event::Outcome;
use breezeway::engine::run::up;
use breezeway::engine::session::Options;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::Sandbox;
use serde_json::{Value, json};

use crate::lab::*;

const PLAN: &str = r#"
name = "demo"
[[studio.gateway_endpoints]]
service = "dynamodb"
[[studio.endpoints]]
service = "studio"
[[studio.endpoints]]
service = "sagemaker.api"
[[studio.endpoints]]
service = "execute-api"
[access]
mode = "source-vpce"
[domain]
enabled = true
users = ["alice"]
[sign_in]
enabled = true
[portal]
enabled = true
"#;

fn call(sandbox: &Sandbox, operation: &str, input: Value) -> Value {
    hand(sandbox, "apigateway", operation, input)
}

/// The ids of what stands.
struct Ids {
    api: Value,
    root: Value,
    users: Value,
    url: Value,
    authorizer: Value,
}

impl Ids {
    fn read(sandbox: &Sandbox) -> Self {
        let api = call(sandbox, "GetRestApis", json!({}))["items"][0].clone();
        let resources = call(sandbox, "GetResources", json!({"restApiId": api["id"]}));
        let at = |path: &str| {
            let mut all = resources["items"].as_array().unwrap().iter();
            all.find(|resource| resource["path"] == path).unwrap()["id"].clone()
        };
        let authorizers = call(sandbox, "GetAuthorizers", json!({"restApiId": api["id"]}));
        Self {
            root: at("/"),
            users: at("/users"),
            url: at("/users/{user}/url"),
            authorizer: authorizers["items"][0]["id"].clone(),
            api: api["id"].clone(),
        }
    }
}

fn patch(op: &str, path: &str, value: &str) -> Value {
    json!([{"op": op, "path": path, "value": value}])
}

fn told(differences: &[Difference]) -> Vec<String> {
    let told = differences.iter().map(|one| {
        let class = match one.class {
            Class::Changed => "changed",
            Class::Missing => "missing",
            Class::Unmanaged => "unmanaged",
            Class::Unproven => "unproven",
            Class::Unknown => "unknown",
        };
        format!("{class} {} {}", one.kind, one.field.as_deref().unwrap_or_default()).trim_end().to_owned()
    });
    told.collect()
}

/// What somebody does by hand.
type Edit<'a> = &'a dyn Fn(&Sandbox, &Ids);

/// Makes one edit on a fresh lab; what drift then says, and that `up` puts it right.
async fn found_and_mended(edit: impl Fn(&Sandbox, &Ids), expected: &[&str]) {
    let sandbox = world(1, Dials::default());
    built(&sandbox, PLAN).await;
    assert_eq!(ann(&sandbox).drift(LAB).await, []);
    edit(&sandbox, &Ids::read(&sandbox));
    assert_eq!(told(&ann(&sandbox).drift(LAB).await), expected);
    built(&sandbox, PLAN).await;
    assert_eq!(ann(&sandbox).drift(LAB).await, []);
}

#[test]
fn every_field_of_an_api_is_looked_at() {
    let open = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]}"#;
    let edits: [(Value, &str); 5] = [
        (patch("replace", "/name", "another"), "name"),
        (patch("replace", "/description", "another"), "description"),
        (patch("replace", "/policy", open), "policy"),
        (patch("replace", "/disableExecuteApiEndpoint", "true"), "default_name_disabled"),
        (patch("add", "/binaryMediaTypes/image~1png", ""), "binary_media_types"),
    ];
    for (operations, field) in edits {
        let edit = |sandbox: &Sandbox, ids: &Ids| {
            call(sandbox, "UpdateRestApi", json!({"restApiId": ids.api, "patchOperations": operations}));
        };
        skipping().block_on(found_and_mended(edit, &[&format!("changed rest_api {field}")]));
    }
}

#[test]
fn every_field_of_a_method_is_looked_at() {
    let edits: [(&str, Value, &str); 4] = [
        ("UpdateMethod", patch("replace", "/authorizationType", "NONE"), "authorization"),
        ("UpdateMethod", patch("replace", "/apiKeyRequired", "true"), "api_key_required"),
        ("UpdateMethod", patch("add", "/requestParameters/method.request.querystring.x", "true"), "request_parameters"),
        ("UpdateIntegration", patch("replace", "/timeoutInMillis", "5000"), "integration"),
    ];
    for (operation, operations, field) in edits {
        let edit = |sandbox: &Sandbox, ids: &Ids| {
            let input = json!({
                "restApiId": ids.api, "resourceId": ids.url, "httpMethod": "GET", "patchOperations": operations,
            });
            call(sandbox, operation, input);
        };
        let line = format!("changed api_method {field}");
        // Without it the authorizer is no longer asked either.
        let expected: &[&str] = match field {
            "authorization" => &["changed api_method authorization", "changed api_method authorizer"],
            _ => &[&line],
        };
        skipping().block_on(found_and_mended(edit, expected));
    }
}

#[test]
fn every_field_of_an_authorizer_is_looked_at() {
    let edits: [(Value, &str); 2] = [
        (patch("replace", "/authorizerResultTtlInSeconds", "300"), "ttl_seconds"),
        (patch("replace", "/identitySource", "method.request.header.X"), "identity_source"),
    ];
    for (operations, field) in edits {
        let edit = |sandbox: &Sandbox, ids: &Ids| {
            let input = json!({"restApiId": ids.api, "authorizerId": ids.authorizer, "patchOperations": operations});
            call(sandbox, "UpdateAuthorizer", input);
        };
        skipping().block_on(found_and_mended(edit, &[&format!("changed api_authorizer {field}")]));
    }
}

#[test]
fn every_field_of_a_stage_is_looked_at() {
    let edits: [(Value, &str); 3] = [
        (patch("replace", "/variables/claim", "email"), "variables"),
        (patch("replace", "/variables/more", "x"), "variables"),
        (patch("replace", "/tracingEnabled", "true"), "tracing"),
    ];
    for (operations, field) in edits {
        let edit = |sandbox: &Sandbox, ids: &Ids| {
            let input = json!({"restApiId": ids.api, "stageName": "portal", "patchOperations": operations});
            call(sandbox, "UpdateStage", input);
        };
        skipping().block_on(found_and_mended(edit, &[&format!("changed api_stage {field}")]));
    }
}

#[test]
fn what_is_deployed_by_hand_is_taken_back() {
    let edit = |sandbox: &Sandbox, ids: &Ids| {
        call(sandbox, "CreateDeployment", json!({"restApiId": ids.api, "stageName": "portal"}));
    };
    let expected = ["changed api_stage deployment", "unmanaged api_deployment"];
    skipping().block_on(found_and_mended(edit, &expected));
}

#[test]
fn what_is_added_by_hand_is_removed() {
    let edits: [(&str, Edit<'_>); 4] = [
        ("api_resource", &|sandbox, ids| {
            call(sandbox, "CreateResource", json!({"restApiId": ids.api, "parentId": ids.root, "pathPart": "more"}));
        }),
        ("api_method", &|sandbox, ids| {
            let input = json!({
                "restApiId": ids.api, "resourceId": ids.users, "httpMethod": "GET", "authorizationType": "NONE",
            });
            call(sandbox, "PutMethod", input);
        }),
        ("api_authorizer", &|sandbox, ids| {
            let pool = "arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_AbCdEf123";
            let input = json!({
                "restApiId": ids.api, "name": "more", "type": "COGNITO_USER_POOLS", "providerARNs": [pool],
                "identitySource": "method.request.header.Authorization",
            });
            call(sandbox, "CreateAuthorizer", input);
        }),
        ("api_stage", &|sandbox, ids| {
            let deployments = call(sandbox, "GetDeployments", json!({"restApiId": ids.api}));
            let deployment = &deployments["items"][0]["id"];
            let input = json!({"restApiId": ids.api, "stageName": "more", "deploymentId": deployment});
            call(sandbox, "CreateStage", input);
        }),
    ];
    for (kind, edit) in edits {
        skipping().block_on(found_and_mended(edit, &[&format!("unmanaged {kind}")]));
    }
}

#[test]
fn one_api_more_than_the_plan_asks_for_is_drift_and_removed() {
    let edit = |sandbox: &Sandbox, _: &Ids| {
        let tags = json!({"breezeway:lab": LAB, "breezeway:address": "extra/api"});
        call(sandbox, "CreateRestApi", json!({"name": "more", "tags": tags}));
    };
    skipping().block_on(found_and_mended(edit, &["unmanaged rest_api"]));
}

#[test]
fn what_is_removed_by_hand_is_made_again() {
    let edits: [(Edit<'_>, &[&str]); 3] = [
        (
            &|sandbox, ids| {
                let input = json!({"restApiId": ids.api, "resourceId": ids.url, "httpMethod": "GET"});
                call(sandbox, "DeleteMethod", input);
            },
            &["missing api_method"],
        ),
        (
            &|sandbox, ids| {
                call(sandbox, "DeleteStage", json!({"restApiId": ids.api, "stageName": "portal"}));
            },
            &["missing api_stage"],
        ),
        (
            &|sandbox, ids| {
                call(sandbox, "DeleteResource", json!({"restApiId": ids.api, "resourceId": ids.url}));
            },
            &["missing api_resource", "missing api_method"],
        ),
    ];
    for (edit, expected) in edits {
        skipping().block_on(async {
            let sandbox = world(1, Dials::default());
            built(&sandbox, PLAN).await;
            edit(&sandbox, &Ids::read(&sandbox));
            let told = told(&ann(&sandbox).drift(LAB).await);
            assert!(expected.iter().all(|line| told.iter().any(|told| told == line)), "{told:?}");
            built(&sandbox, PLAN).await;
            assert_eq!(ann(&sandbox).drift(LAB).await, []);
        });
    }
}

#[test]
fn a_changed_policy_is_deployed() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, PLAN).await;
        let ids = Ids::read(&sandbox);
        let stage = |sandbox: &Sandbox| call(sandbox, "GetStage", json!({"restApiId": ids.api, "stageName": "portal"}));
        let before = stage(&sandbox)["deploymentId"].clone();
        built(&sandbox, &PLAN.replace("source-vpce", "source-vpc")).await;
        assert_ne!(stage(&sandbox)["deploymentId"], before);
        let deployments = call(&sandbox, "GetDeployments", json!({"restApiId": ids.api}));
        assert_eq!(deployments["items"].as_array().unwrap().len(), 1, "the old one is gone");
        let api = call(&sandbox, "GetRestApi", json!({"restApiId": ids.api}));
        assert!(api["policy"].as_str().unwrap().contains("aws:SourceVpc\\\""), "{api}");
    });
}

#[test]
fn an_api_that_lost_its_tags_is_not_built_twice() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, PLAN).await;
        let ids = Ids::read(&sandbox);
        let arn = format!("arn:aws:apigateway:us-east-1::/restapis/{}", ids.api.as_str().unwrap());
        call(&sandbox, "UntagResource", json!({"resourceArn": arn, "tagKeys": ["breezeway:lab"]}));
        let told = told(&ann(&sandbox).drift(LAB).await);
        assert!(told.contains(&"unproven rest_api".to_owned()), "{told:?}");
        let report = up(&ann(&sandbox).session(LAB, 2, Options::default()), Some(&plan(PLAN))).await.unwrap();
        assert_eq!(report.outcome, Outcome::Failed);
        assert!(report.causes[0].contains("aws apigateway tag-resource"), "{:?}", report.causes);
        assert_eq!(call(&sandbox, "GetRestApis", json!({}))["items"].as_array().unwrap().len(), 1);
    });
}
