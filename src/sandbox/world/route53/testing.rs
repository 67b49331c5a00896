//! A VPC with a subnet and a clock, for the tests of this folder.

use serde_json::{Value, json};

use crate::sandbox::api::Answer;
pub use crate::sandbox::world::testing::{Stage, Staged};

pub struct Sandbox {
    pub stage: Stage,
    /// 10.0.0.0/16, with both DNS attributes.
    pub vpc: String,
    /// 10.0.0.0/24
    pub subnet: String,
}

impl Staged for Sandbox {
    const SERVICE: &'static str = "route53";

    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Sandbox {
    pub fn new() -> Self {
        let mut new = Self { stage: Stage::new(), vpc: String::new(), subnet: String::new() };
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

    pub fn call_ec2(&mut self, operation: &str, input: Value) -> Answer {
        self.stage.call("ec2", operation, input)
    }

    /// The answer of a call of EC2 that must work.
    pub fn ec2(&mut self, operation: &str, input: Value) -> Value {
        self.ok_of("ec2", operation, input)
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
