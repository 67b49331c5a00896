//! A world with a clock, for the tests of this folder.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Ec2, published_images};
use crate::sandbox::api::{Answer, Call};
use crate::sandbox::wire;
use crate::sandbox::world::{Durations, Moment, World};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";

pub struct Sandbox {
    pub world: World,
    pub now: Timestamp,
    pub durations: Durations,
}

impl Sandbox {
    pub fn new() -> Self {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Self { world: World::new(7), now, durations: Durations::Typical }
    }

    pub fn in_region(&mut self, region: &str, operation: &str, input: Value) -> Answer {
        self.of_service("ec2", region, operation, input)
    }

    fn of_service(&mut self, service: &str, region: &str, operation: &str, input: Value) -> Answer {
        let call = Call {
            service: service.into(),
            operation: operation.into(),
            account: ACCOUNT.into(),
            region: region.into(),
            access_key: "AKIDEXAMPLE".into(),
            input,
        };
        let answer = self.world.handle(&Moment { now: self.now, durations: self.durations }, &call);
        if let Ok(answer) = &answer {
            let unknown = wire::unknown_members(service, operation, answer);
            assert!(unknown.is_empty(), "{operation} answers what the wire leaves out: {unknown:?}");
        }
        answer
    }

    pub fn call(&mut self, operation: &str, input: Value) -> Answer {
        self.in_region(REGION, operation, input)
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

    /// The state behind the calls, for what no call can make yet.
    pub fn ec2(&mut self) -> &mut Ec2 {
        let account = self.world.accounts.get_mut(ACCOUNT).expect("a call was made");
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
        self.of_service("iam", REGION, operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
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
        let mut images = published_images(REGION, self.now).into_iter();
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
