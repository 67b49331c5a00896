//! A VPC with two subnets and a group, for the tests of this folder.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sandbox::api::{Answer, Call};
use crate::sandbox::world::{Durations, Moment, World};

pub struct Sandbox {
    world: World,
    now: Timestamp,
    pub durations: Durations,
    pub vpc: String,
    /// 10.0.0.0/24 and 10.0.1.0/24.
    pub subnets: [String; 2],
    pub group: String,
}

impl Sandbox {
    pub fn new() -> Self {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut new = Self {
            world: World::new(7),
            now,
            durations: Durations::Typical,
            vpc: String::new(),
            subnets: Default::default(),
            group: String::new(),
        };
        new.vpc = text(&new.ec2("CreateVpc", json!({"CidrBlock": "10.0.0.0/16"})).unwrap()["Vpc"]["VpcId"]);
        new.subnets = [new.subnet("10.0.0.0/24"), new.subnet("10.0.1.0/24")];
        let group = json!({"VpcId": new.vpc, "GroupName": "dns", "Description": "test"});
        new.group = text(&new.ec2("CreateSecurityGroup", group).unwrap()["GroupId"]);
        new
    }

    fn subnet(&mut self, block: &str) -> String {
        let subnet = self.ec2("CreateSubnet", json!({"VpcId": self.vpc, "CidrBlock": block})).unwrap();
        text(&subnet["Subnet"]["SubnetId"])
    }

    fn handle(&mut self, service: &str, operation: &str, input: Value) -> Answer {
        let call = Call {
            service: service.into(),
            operation: operation.into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            access_key: "AKIDEXAMPLE".into(),
            input,
        };
        self.world.handle(&Moment { now: self.now, durations: self.durations }, &call)
    }

    pub fn call(&mut self, operation: &str, input: Value) -> Answer {
        self.handle("route53resolver", operation, input)
    }

    pub fn ec2(&mut self, operation: &str, input: Value) -> Answer {
        self.handle("ec2", operation, input)
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

    /// What creates an inbound endpoint: 10.0.0.10 and an address of AWS's choice in the other subnet.
    pub fn inbound(&self) -> Value {
        json!({
            "CreatorRequestId": "inbound",
            "Name": "breezeway resolver",
            "Direction": "INBOUND",
            "SecurityGroupIds": [self.group],
            "IpAddresses": [{"SubnetId": self.subnets[0], "Ip": "10.0.0.10"}, {"SubnetId": self.subnets[1]}],
        })
    }

    pub fn create_inbound(&mut self) -> String {
        let input = self.inbound();
        text(&self.ok("CreateResolverEndpoint", input)["ResolverEndpoint"]["Id"])
    }

    pub fn create_outbound(&mut self) -> String {
        let mut input = self.inbound();
        input["CreatorRequestId"] = json!("outbound");
        input["Direction"] = json!("OUTBOUND");
        input["IpAddresses"] = json!([{"SubnetId": self.subnets[0]}, {"SubnetId": self.subnets[1]}]);
        text(&self.ok("CreateResolverEndpoint", input)["ResolverEndpoint"]["Id"])
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("an id").to_owned()
}
