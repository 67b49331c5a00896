//! A VPC with an endpoint for calls of APIs, for the tests of this folder.

use serde_json::{Value, json};

use super::ApiGateway;
use crate::sandbox::api::Answer;
use crate::sandbox::world::testing::{ACCOUNT, REGION};
pub use crate::sandbox::world::testing::{Stage, Staged};

pub const FUNCTION_URI: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
                                arn:aws:lambda:us-east-1:111122223333:function:presign/invocations";
pub const POOL_ARN: &str = "arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_Ab1Cd2Ef3";

pub struct Sandbox {
    pub stage: Stage,
    /// For calls of APIs.
    pub endpoint: String,
    /// For something else.
    pub other_endpoint: String,
}

impl Staged for Sandbox {
    const SERVICE: &'static str = "apigateway";

    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

/// The ids of an API and what is in it.
pub struct Api {
    pub id: String,
    pub root: String,
    /// The resource `/presign/{user}`, where there is one.
    pub user: String,
}

impl Api {
    /// What names its method `GET /presign/{user}`.
    pub fn get(&self) -> Value {
        json!({"restApiId": self.id, "resourceId": self.user, "httpMethod": "GET"})
    }
}

impl Sandbox {
    pub fn new() -> Self {
        let mut new = Self { stage: Stage::new(), endpoint: String::new(), other_endpoint: String::new() };
        let vpc = text(&new.ec2("CreateVpc", json!({"CidrBlock": "10.0.0.0/16"}))["Vpc"]["VpcId"]);
        new.endpoint = new.vpc_endpoint(&vpc, "com.amazonaws.us-east-1.execute-api");
        new.other_endpoint = new.vpc_endpoint(&vpc, "com.amazonaws.us-east-1.lambda");
        new
    }

    fn vpc_endpoint(&mut self, vpc: &str, service: &str) -> String {
        let input = json!({
            "VpcId": vpc, "ServiceName": service, "VpcEndpointType": "Interface", "PrivateDnsEnabled": false,
        });
        text(&self.ec2("CreateVpcEndpoint", input)["VpcEndpoint"]["VpcEndpointId"])
    }

    fn ec2(&mut self, operation: &str, input: Value) -> Value {
        self.ok_of("ec2", operation, input)
    }

    pub fn gateway(&self) -> &ApiGateway {
        &self.stage.world.accounts[ACCOUNT].regions[REGION].apigateway
    }

    /// An API on the internet, without anything in it.
    pub fn api(&mut self) -> Api {
        let made = self.ok("CreateRestApi", json!({"name": "lab"}));
        Api { id: text(&made["id"]), root: text(&made["rootResourceId"]), user: String::new() }
    }

    /// A resource below the root.
    pub fn resource(&mut self, api: &Api, part: &str) -> String {
        self.resource_below(api, &api.root, part)
    }

    fn resource_below(&mut self, api: &Api, parent: &str, part: &str) -> String {
        let input = json!({"restApiId": api.id, "parentId": parent, "pathPart": part});
        text(&self.ok("CreateResource", input)["id"])
    }

    /// An API with the method `GET /presign/{user}`, which nothing answers.
    pub fn api_with_method(&mut self) -> Api {
        let api = self.api();
        self.add_method(api)
    }

    fn add_method(&mut self, mut api: Api) -> Api {
        let presign = self.resource(&api, "presign");
        api.user = self.resource_below(&api, &presign, "{user}");
        self.ok("PutMethod", merged(api.get(), json!({"authorizationType": "NONE"})));
        api
    }

    /// A private API that is bound to the endpoint; a function answers `GET /presign/{user}`.
    pub fn private_api(&mut self) -> Api {
        let made = self.ok(
            "CreateRestApi",
            json!({
                "name": "lab",
                "endpointConfiguration": {"types": ["PRIVATE"], "vpcEndpointIds": [self.endpoint]},
                "policy": invoke_policy(&self.endpoint),
            }),
        );
        let api = Api { id: text(&made["id"]), root: text(&made["rootResourceId"]), user: String::new() };
        let api = self.add_method(api);
        let integration = json!({"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": FUNCTION_URI});
        self.ok("PutIntegration", merged(api.get(), integration));
        api
    }

    /// The same with a stage.
    pub fn deployed_api(&mut self, stage: &str) -> Api {
        let api = self.private_api();
        self.ok("CreateDeployment", json!({"restApiId": api.id, "stageName": stage}));
        api
    }

    pub fn pool_authorizer(&mut self, api: &Api) -> String {
        let input =
            json!({"restApiId": api.id, "name": "pools", "type": "COGNITO_USER_POOLS", "providerARNs": [POOL_ARN]});
        text(&self.ok("CreateAuthorizer", input)["id"])
    }

    pub fn token_authorizer(&mut self, api: &Api) -> String {
        let input = json!({
            "restApiId": api.id,
            "name": "token",
            "type": "TOKEN",
            "authorizerUri": FUNCTION_URI,
            "identitySource": "method.request.header.Authorization",
        });
        text(&self.ok("CreateAuthorizer", input)["id"])
    }

    pub fn patch_api(&mut self, id: &str, op: &str, path: &str, value: &str) -> Answer {
        let patches = json!([{"op": op, "path": path, "value": value}]);
        self.call("UpdateRestApi", json!({"restApiId": id, "patchOperations": patches}))
    }

    /// Patches the stage `prod`.
    pub fn patch_stage(&mut self, api: &Api, op: &str, path: &str, value: &str) -> Answer {
        let patches = json!([{"op": op, "path": path, "value": value}]);
        self.call("UpdateStage", json!({"restApiId": api.id, "stageName": "prod", "patchOperations": patches}))
    }
}

/// Lets those call who come through an endpoint.
pub fn invoke_policy(endpoint: &str) -> String {
    let statement = json!({
        "Effect": "Allow",
        "Principal": "*",
        "Action": "execute-api:Invoke",
        "Resource": "execute-api:/*",
        "Condition": {"StringEquals": {"aws:SourceVpce": endpoint}},
    });
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

/// A policy as it was answered, read.
pub fn unescaped(policy: &Value) -> Value {
    let text: String = serde_json::from_str(&format!("\"{}\"", policy.as_str().expect("a policy"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The members of both, and where they have the same ones those of `more`; null takes one away.
pub fn merged(mut base: Value, more: Value) -> Value {
    let members = base.as_object_mut().expect("members");
    members.extend(more.as_object().expect("members").clone());
    members.retain(|_, value| !value.is_null());
    base
}

pub fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
