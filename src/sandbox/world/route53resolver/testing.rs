//! A VPC with two subnets and a group, for the tests of this folder.

use serde_json::{Value, json};

use crate::sandbox::api::Answer;
pub use crate::sandbox::world::testing::{Stage, Staged};

pub struct Sandbox {
    pub stage: Stage,
    pub vpc: String,
    /// 10.0.0.0/24 and 10.0.1.0/24.
    pub subnets: [String; 2],
    pub group: String,
}

impl Staged for Sandbox {
    const SERVICE: &'static str = "route53resolver";

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
        let group = json!({"VpcId": new.vpc, "GroupName": "dns", "Description": "test"});
        new.group = text(&new.ec2("CreateSecurityGroup", group).unwrap()["GroupId"]);
        new
    }

    fn subnet(&mut self, block: &str) -> String {
        let subnet = self.ec2("CreateSubnet", json!({"VpcId": self.vpc, "CidrBlock": block})).unwrap();
        text(&subnet["Subnet"]["SubnetId"])
    }

    pub fn ec2(&mut self, operation: &str, input: Value) -> Answer {
        self.stage.call("ec2", operation, input)
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
