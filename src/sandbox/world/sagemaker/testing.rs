//! A VPC with two subnets in two zones, a group and a role, for the tests of this folder.

use serde_json::{Value, json};

use crate::sandbox::api::Answer;
pub use crate::sandbox::world::testing::{Stage, Staged};

pub struct Sandbox {
    pub stage: Stage,
    pub vpc: String,
    /// 10.16.0.0/24 in us-east-1a and 10.16.1.0/24 in us-east-1b.
    pub subnets: [String; 2],
    pub group: String,
    /// The ARN of a role that SageMaker may assume.
    pub role: String,
}

impl Staged for Sandbox {
    const SERVICE: &'static str = "sagemaker";

    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Sandbox {
    pub fn new() -> Self {
        let mut new = Self {
            stage: Stage::new(),
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
        self.stage.call(service, operation, input)
    }

    /// The answer of a call of EC2 that must work.
    pub fn ec2(&mut self, operation: &str, input: Value) -> Value {
        self.ok_of("ec2", operation, input)
    }

    /// The answer of a call of EFS that must work.
    pub fn efs(&mut self, operation: &str, input: Value) -> Value {
        self.ok_of("elasticfilesystem", operation, input)
    }

    /// The world as it is written down.
    pub fn written(&self) -> String {
        serde_json::to_string(&self.stage.world).unwrap()
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
