//! A VPC with two subnets in two zones, a group and a role, for the tests of this folder.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sandbox::api::{Answer, Call};
use crate::sandbox::wire;
use crate::sandbox::world::{Durations, Moment, World};

pub struct Sandbox {
    world: World,
    now: Timestamp,
    pub durations: Durations,
    pub vpc: String,
    /// 10.16.0.0/24 in us-east-1a and 10.16.1.0/24 in us-east-1b.
    pub subnets: [String; 2],
    pub group: String,
    /// The ARN of a role that SageMaker may assume.
    pub role: String,
}

impl Sandbox {
    pub fn new() -> Self {
        let mut new = Self {
            world: World::new(7),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            durations: Durations::Typical,
            vpc: String::new(),
            subnets: Default::default(),
            group: String::new(),
            role: String::new(),
        };
        new.vpc = text(&new.ec2("CreateVpc", json!({"CidrBlock": "10.16.0.0/16"}))["Vpc"]["VpcId"]);
        new.subnets = [new.subnet("10.16.0.0/24", "us-east-1a"), new.subnet("10.16.1.0/24", "us-east-1b")];
        new.group = new.create_group("studio");
        new.role = new.create_role("studio", "sagemaker.amazonaws.com");
        new.wait(10);
        new
    }

    pub fn subnet(&mut self, block: &str, zone: &str) -> String {
        let input = json!({"VpcId": self.vpc, "CidrBlock": block, "AvailabilityZone": zone});
        text(&self.ec2("CreateSubnet", input)["Subnet"]["SubnetId"])
    }

    pub fn create_group(&mut self, name: &str) -> String {
        let input = json!({"VpcId": self.vpc, "GroupName": name, "Description": "test"});
        text(&self.ec2("CreateSecurityGroup", input)["GroupId"])
    }

    /// Makes a role that a service may assume, some seconds from now. Returns its ARN.
    pub fn create_role(&mut self, name: &str, service: &str) -> String {
        let allow = json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"});
        let trust = json!({"Version": "2012-10-17", "Statement": [allow]}).to_string();
        let input = json!({"RoleName": name, "Path": "/lab/", "AssumeRolePolicyDocument": trust});
        text(&self.of("iam", "CreateRole", input).unwrap()["Role"]["Arn"])
    }

    /// The answer of a call of any service.
    pub fn of(&mut self, service: &str, operation: &str, input: Value) -> Answer {
        let call = Call {
            service: service.into(),
            operation: operation.into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            access_key: "AKIDEXAMPLE".into(),
            input,
        };
        let answer = self.world.handle(&Moment { now: self.now, durations: self.durations }, &call);
        if let Ok(answer) = &answer {
            let mut unknown = wire::unknown_members(service, operation, answer);
            // The wire may have no table for EFS.
            unknown.retain(|member| *member != format!("elasticfilesystem {operation}"));
            assert!(unknown.is_empty(), "{operation} answers what the wire leaves out: {unknown:?}");
        }
        answer
    }

    pub fn call(&mut self, operation: &str, input: Value) -> Answer {
        self.of("sagemaker", operation, input)
    }

    /// The answer of a call of EC2 that must work.
    pub fn ec2(&mut self, operation: &str, input: Value) -> Value {
        self.of("ec2", operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The answer of a call of EFS that must work.
    pub fn efs(&mut self, operation: &str, input: Value) -> Value {
        self.of("elasticfilesystem", operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The answer of a call that must work.
    pub fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The code of a call that must be refused and must change nothing.
    pub fn refused(&mut self, operation: &str, input: Value) -> String {
        let before = self.standing();
        let refusal = self.call(operation, input).expect_err("the call should have been refused");
        assert_eq!(self.standing(), before, "a refused {operation} changed something");
        refusal.code
    }

    pub fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    pub fn standing(&self) -> Value {
        self.world.standing(self.now)
    }

    /// The world as it is written down.
    pub fn written(&self) -> String {
        serde_json::to_string(&self.world).unwrap()
    }

    /// What creates a domain whose apps stay in the VPC.
    pub fn domain_input(&self) -> Value {
        json!({
            "DomainName": "lab",
            "AuthMode": "IAM",
            "DefaultUserSettings": {"ExecutionRole": self.role, "SecurityGroups": [self.group]},
            "VpcId": self.vpc,
            "SubnetIds": self.subnets,
            "AppNetworkAccessType": "VpcOnly",
        })
    }

    /// The id of a domain that is in service, made with more members or others.
    pub fn create_domain(&mut self, more: Value) -> String {
        let input = extended(self.domain_input(), more);
        let id = text(&self.ok("CreateDomain", input)["DomainId"]);
        self.wait(120);
        assert_eq!(self.domain(&id)["Status"], "InService");
        id
    }

    pub fn domain(&mut self, id: &str) -> Value {
        self.ok("DescribeDomain", json!({"DomainId": id}))
    }

    /// Makes a user profile and waits until it is in service.
    pub fn create_profile(&mut self, domain: &str, name: &str) {
        self.ok("CreateUserProfile", json!({"DomainId": domain, "UserProfileName": name}));
        self.wait(5);
    }

    /// Makes a private space of a user and waits until it is in service.
    pub fn create_space(&mut self, domain: &str, name: &str, owner: &str) {
        let input = json!({
            "DomainId": domain,
            "SpaceName": name,
            "OwnershipSettings": {"OwnerUserProfileName": owner},
            "SpaceSharingSettings": {"SharingType": "Private"},
        });
        self.ok("CreateSpace", input);
        self.wait(5);
    }

    /// What names the app of JupyterLab in a space.
    pub fn app_id(&self, domain: &str, space: &str) -> Value {
        json!({"DomainId": domain, "SpaceName": space, "AppType": "JupyterLab", "AppName": "default"})
    }

    /// The network interfaces of EC2 in the VPC.
    pub fn interfaces(&mut self) -> Vec<Value> {
        let of_vpc = json!({"Filters": [{"Name": "vpc-id", "Values": [self.vpc]}]});
        self.ec2("DescribeNetworkInterfaces", of_vpc)["NetworkInterfaces"].as_array().unwrap().clone()
    }

    /// The groups that belong to a domain's home.
    pub fn home_groups(&mut self) -> Vec<Value> {
        let tagged = json!({"Filters": [{"Name": "tag-key", "Values": ["ManagedByAmazonSageMakerResource"]}]});
        self.ec2("DescribeSecurityGroups", tagged)["SecurityGroups"].as_array().unwrap().clone()
    }

    /// Fills a subnet until it has no free address.
    pub fn fill(&mut self, subnet: &str) {
        let free = self.ec2("DescribeSubnets", json!({"SubnetIds": [subnet]}));
        for _ in 0..free["Subnets"][0]["AvailableIpAddressCount"].as_u64().unwrap() {
            self.ec2("CreateNetworkInterface", json!({"SubnetId": subnet}));
        }
    }
}

/// The members of both, the second's where both have one.
pub fn extended(mut input: Value, more: Value) -> Value {
    if let (Some(input), Value::Object(more)) = (input.as_object_mut(), more) {
        input.extend(more);
    }
    input
}

pub fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
