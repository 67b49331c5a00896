//! A world with a clock, for the tests of this folder.

use serde_json::{Value, json};

use super::{Ec2, published_images};
use crate::sandbox::api::Answer;
use crate::sandbox::world::testing::{ACCOUNT, REGION};
pub use crate::sandbox::world::testing::{Stage, Staged};

pub struct Sandbox {
    pub stage: Stage,
}

impl Staged for Sandbox {
    const SERVICE: &'static str = "ec2";

    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Sandbox {
    pub fn new() -> Self {
        Self { stage: Stage::new() }
    }

    pub fn in_region(&mut self, region: &str, operation: &str, input: Value) -> Answer {
        self.stage.call_as("AKIDEXAMPLE", (ACCOUNT, region), Self::SERVICE, operation, input)
    }

    /// The state behind the calls, for what no call can make yet.
    pub fn ec2(&mut self) -> &mut Ec2 {
        let account = self.stage.world.accounts.get_mut(ACCOUNT).expect("a call was made");
        &mut account.regions.get_mut(REGION).expect("a call was made").ec2
    }

    pub fn vpc(&mut self, block: &str) -> String {
        id(&self.ok("CreateVpc", json!({"CidrBlock": block}))["Vpc"]["VpcId"])
    }

    pub fn subnet(&mut self, vpc: &str, block: &str) -> String {
        id(&self.ok("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": block}))["Subnet"]["SubnetId"])
    }

    pub fn table(&mut self, vpc: &str) -> String {
        id(&self.ok("CreateRouteTable", json!({"VpcId": vpc}))["RouteTable"]["RouteTableId"])
    }

    pub fn group(&mut self, vpc: &str, name: &str) -> String {
        id(&self.ok("CreateSecurityGroup", json!({"VpcId": vpc, "GroupName": name, "Description": "test"}))["GroupId"])
    }

    /// The answer of a call of IAM that must work.
    pub fn iam(&mut self, operation: &str, input: Value) -> Value {
        self.ok_of("iam", operation, input)
    }

    /// The id of the latest Amazon Linux for x86_64.
    pub fn linux(&self) -> String {
        self.image("al2023-ami-kernel-default-x86_64")
    }

    /// The id of the latest Windows Server 2022.
    pub fn windows(&self) -> String {
        self.image("Windows_Server-2022-English-Full-Base")
    }

    fn image(&self, name: &str) -> String {
        let mut images = published_images(REGION, self.stage.now).into_iter();
        images
            .rfind(|image| image.parameters().any(|parameter| parameter.ends_with(name)))
            .expect("a published image")
            .id
    }

    /// A launch of one small Linux instance in a subnet, with more members or others.
    pub fn launch_input(&self, subnet: &str, more: Value) -> Value {
        let mut input = json!({
            "ImageId": self.linux(),
            "InstanceType": "t3.micro",
            "MaxCount": 1,
            "MinCount": 1,
            "SubnetId": subnet,
        });
        if let (Some(input), Value::Object(more)) = (input.as_object_mut(), more) {
            input.extend(more);
        }
        input
    }

    pub fn launch(&mut self, subnet: &str, more: Value) -> String {
        let input = self.launch_input(subnet, more);
        id(&self.ok("RunInstances", input)["Instances"][0]["InstanceId"])
    }

    pub fn instance(&mut self, id: &str) -> Value {
        self.ok("DescribeInstances", json!({"InstanceIds": [id]}))["Reservations"][0]["Instances"][0].take()
    }

    /// A gateway that is attached to the VPC.
    pub fn gateway(&mut self, vpc: &str) -> String {
        let gateway = id(&self.ok("CreateInternetGateway", json!({}))["InternetGateway"]["InternetGatewayId"]);
        self.ok("AttachInternetGateway", json!({"InternetGatewayId": gateway, "VpcId": vpc}));
        gateway
    }
}

fn id(value: &Value) -> String {
    value.as_str().expect("an id").to_owned()
}
