//! A VPC with two subnets and a group, and a role for functions, for the tests of this folder.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::sandbox::api::Answer;
pub use crate::sandbox::world::testing::{Stage, Staged};

pub const ROLE: &str = "arn:aws:iam::111122223333:role/lab/presign";

pub struct Sandbox {
    pub stage: Stage,
    pub vpc: String,
    /// 10.0.0.0/24 and 10.0.1.0/24.
    pub subnets: [String; 2],
    pub group: String,
}

impl Staged for Sandbox {
    const SERVICE: &'static str = "lambda";

    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Sandbox {
    pub fn new() -> Self {
        let mut new =
            Self { stage: Stage::new(), vpc: String::new(), subnets: Default::default(), group: String::new() };
        new.vpc = text(&new.ec2("CreateVpc", json!({"CidrBlock": "10.0.0.0/16"})).unwrap()["Vpc"]["VpcId"]);
        new.subnets = [new.subnet("10.0.0.0/24"), new.subnet("10.0.1.0/24")];
        let group = json!({"VpcId": new.vpc, "GroupName": "studio", "Description": "test"});
        new.group = text(&new.ec2("CreateSecurityGroup", group).unwrap()["GroupId"]);
        new.create_role("presign", "lambda.amazonaws.com");
        let policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";
        new.iam("AttachRolePolicy", json!({"RoleName": "presign", "PolicyArn": policy}));
        new.wait(7);
        new
    }

    fn subnet(&mut self, block: &str) -> String {
        let subnet = self.ec2("CreateSubnet", json!({"VpcId": self.vpc, "CidrBlock": block})).unwrap();
        text(&subnet["Subnet"]["SubnetId"])
    }

    pub fn ec2(&mut self, operation: &str, input: Value) -> Answer {
        self.stage.call("ec2", operation, input)
    }

    /// The answer of a call of IAM that must work.
    pub fn iam(&mut self, operation: &str, input: Value) -> Value {
        self.ok_of("iam", operation, input)
    }

    /// A role under `/lab/` that a service may assume.
    pub fn create_role(&mut self, name: &str, service: &str) {
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        });
        let document = trust.to_string();
        self.iam("CreateRole", json!({"RoleName": name, "Path": "/lab/", "AssumeRolePolicyDocument": document}));
    }

    pub fn put_policy(&mut self, role: &str, name: &str, statement: Value) {
        let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        self.iam("PutRolePolicy", json!({"RoleName": role, "PolicyName": name, "PolicyDocument": document}));
    }

    /// What creates a function outside of every VPC.
    pub fn function(&self, name: &str) -> Value {
        json!({
            "FunctionName": name,
            "Runtime": "python3.13",
            "Role": ROLE,
            "Handler": "presign.handler",
            "Code": {"ZipFile": zip("return 1")},
        })
    }

    /// What creates a function in both subnets.
    pub fn function_in_vpc(&self, name: &str) -> Value {
        let mut input = self.function(name);
        input["VpcConfig"] = json!({"SubnetIds": self.subnets, "SecurityGroupIds": [self.group]});
        input
    }

    /// Creates a function outside of every VPC and waits until it is active.
    pub fn create(&mut self, name: &str) {
        let input = self.function(name);
        self.ok("CreateFunction", input);
        self.wait(2);
    }

    /// Creates a function in both subnets and waits until it is active.
    pub fn create_in_vpc(&mut self, name: &str) {
        let input = self.function_in_vpc(name);
        self.ok("CreateFunction", input);
        self.wait(22);
    }

    pub fn configuration(&mut self, name: &str) -> Value {
        self.ok("GetFunctionConfiguration", json!({"FunctionName": name}))
    }

    pub fn delete(&mut self, name: &str) {
        self.ok("DeleteFunction", json!({"FunctionName": name}));
    }

    /// The interfaces of the VPC.
    pub fn interfaces(&mut self) -> Vec<Value> {
        let filters = json!({"Filters": [{"Name": "vpc-id", "Values": [self.vpc]}]});
        let listed = self.ec2("DescribeNetworkInterfaces", filters).unwrap();
        listed["NetworkInterfaces"].as_array().unwrap().clone()
    }
}

/// What passes for a zip archive, in base64.
pub fn zip(source: &str) -> String {
    BASE64_STANDARD.encode(["PK\x03\x04", source, "PK\x05\x06"].concat())
}

fn text(value: &Value) -> String {
    value.as_str().expect("an id").to_owned()
}
