//! A VPC with a subnet and a clock, for the tests of this folder.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sandbox::api::{Answer, Call};
use crate::sandbox::wire;
use crate::sandbox::world::{Durations, Moment, World};

pub struct Sandbox {
    pub world: World,
    pub now: Timestamp,
    /// 10.0.0.0/16, with both DNS attributes.
    pub vpc: String,
    /// 10.0.0.0/24
    pub subnet: String,
}

impl Sandbox {
    pub fn new() -> Self {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut new = Self { world: World::new(7), now, vpc: String::new(), subnet: String::new() };
        new.vpc = new.new_vpc("10.0.0.0/16");
        new.subnet = new.new_subnet(&new.vpc.clone(), "10.0.0.0/24");
        new
    }

    pub fn new_vpc(&mut self, block: &str) -> String {
        let vpc = text(&self.ec2("CreateVpc", json!({"CidrBlock": block}))["Vpc"]["VpcId"]);
        self.ec2("ModifyVpcAttribute", json!({"VpcId": vpc, "EnableDnsHostnames": {"Value": true}}));
        vpc
    }

    pub fn new_subnet(&mut self, vpc: &str, block: &str) -> String {
        let input = json!({"VpcId": vpc, "CidrBlock": block, "AvailabilityZone": "us-east-1a"});
        text(&self.ec2("CreateSubnet", input)["Subnet"]["SubnetId"])
    }

    /// What makes an endpoint of Lambda in the subnet.
    pub fn endpoint_input(&self, private_dns: bool) -> Value {
        json!({
            "VpcId": self.vpc,
            "VpcEndpointType": "Interface",
            "ServiceName": "com.amazonaws.us-east-1.lambda",
            "SubnetIds": [self.subnet],
            "PrivateDnsEnabled": private_dns,
        })
    }

    /// An endpoint of Lambda, available.
    pub fn endpoint(&mut self, private_dns: bool) -> Value {
        let endpoint = self.ec2("CreateVpcEndpoint", self.endpoint_input(private_dns))["VpcEndpoint"].take();
        self.wait(60);
        endpoint
    }

    /// What makes a zone in the VPC.
    pub fn zone_input(&self, name: &str, reference: &str) -> Value {
        json!({"Name": name, "CallerReference": reference, "VPC": {"VPCRegion": "us-east-1", "VPCId": self.vpc}})
    }

    /// A zone in the VPC; returns its id, without a path.
    pub fn zone(&mut self, name: &str) -> String {
        let made = self.ok("CreateHostedZone", self.zone_input(name, name));
        text(&made["HostedZone"]["Id"]).trim_start_matches("/hostedzone/").to_owned()
    }

    pub fn change(&mut self, zone: &str, changes: Value) -> Answer {
        self.call("ChangeResourceRecordSets", json!({"HostedZoneId": zone, "ChangeBatch": {"Changes": changes}}))
    }

    pub fn call(&mut self, operation: &str, input: Value) -> Answer {
        self.call_service("route53", operation, input)
    }

    pub fn call_ec2(&mut self, operation: &str, input: Value) -> Answer {
        self.call_service("ec2", operation, input)
    }

    fn call_service(&mut self, service: &str, operation: &str, input: Value) -> Answer {
        let call = Call {
            service: service.into(),
            operation: operation.into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            access_key: "AKIDEXAMPLE".into(),
            input,
        };
        let answer = self.world.handle(&Moment { now: self.now, durations: Durations::Typical }, &call);
        if let Ok(answer) = &answer {
            let unknown = wire::unknown_members(service, operation, answer);
            assert!(unknown.is_empty(), "{operation} answers what the wire leaves out: {unknown:?}");
        }
        answer
    }

    /// The answer of a call that must work.
    pub fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The answer of a call of EC2 that must work.
    pub fn ec2(&mut self, operation: &str, input: Value) -> Value {
        self.call_ec2(operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
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
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// A change that gives a name an address.
pub fn upsert(name: &str, address: &str) -> Value {
    let set = json!({"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": address}]});
    json!({"Action": "UPSERT", "ResourceRecordSet": set})
}

/// A change that lets something else answer for a name.
pub fn alias(name: &str, zone: &Value, target: &Value) -> Value {
    let target = json!({"HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": false});
    json!({"Action": "UPSERT", "ResourceRecordSet": {"Name": name, "Type": "A", "AliasTarget": target}})
}
