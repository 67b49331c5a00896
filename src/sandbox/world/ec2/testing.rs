//! A world with a clock, for the tests of this folder.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Ec2;
use crate::sandbox::api::{Answer, Call};
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
        let call = Call {
            service: "ec2".into(),
            operation: operation.into(),
            account: ACCOUNT.into(),
            region: region.into(),
            access_key: "AKIDEXAMPLE".into(),
            input,
        };
        self.world.handle(&Moment { now: self.now, durations: self.durations }, &call)
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
