//! A VPC with two subnets in two zones and a group, for the tests of this folder.

use serde_json::{Value, json};

use crate::sandbox::api::Answer;
pub use crate::sandbox::world::testing::{Stage, Staged};

pub struct Sandbox {
    pub stage: Stage,
    pub vpc: String,
    /// 10.0.0.0/24 in us-east-1a and 10.0.1.0/24 in us-east-1b.
    pub subnets: [String; 2],
    pub group: String,
}

impl Staged for Sandbox {
    const SERVICE: &'static str = "elasticfilesystem";

    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Sandbox {
    pub fn new() -> Self {
        let mut new =
            Self { stage: Stage::new(), vpc: String::new(), subnets: Default::default(), group: String::new() };
        new.vpc = text(&new.ec2("CreateVpc", json!({"CidrBlock": "10.0.0.0/16"})).unwrap()["Vpc"]["VpcId"]);
        new.subnets = [new.subnet("10.0.0.0/24", "us-east-1a"), new.subnet("10.0.1.0/24", "us-east-1b")];
        let group = json!({"VpcId": new.vpc, "GroupName": "nfs", "Description": "test"});
        new.group = text(&new.ec2("CreateSecurityGroup", group).unwrap()["GroupId"]);
        new
    }

    fn subnet(&mut self, block: &str, zone: &str) -> String {
        let input = json!({"VpcId": self.vpc, "CidrBlock": block, "AvailabilityZone": zone});
        text(&self.ec2("CreateSubnet", input).unwrap()["Subnet"]["SubnetId"])
    }

    pub fn ec2(&mut self, operation: &str, input: Value) -> Answer {
        self.stage.call("ec2", operation, input)
    }

    /// The id of a file system that is available.
    pub fn create_file_system(&mut self, token: &str) -> String {
        let id = text(&self.ok("CreateFileSystem", json!({"CreationToken": token}))["FileSystemId"]);
        self.wait(6);
        id
    }

    pub fn file_system(&mut self, id: &Value) -> Value {
        self.ok("DescribeFileSystems", json!({"FileSystemId": id}))["FileSystems"][0].take()
    }

    /// The id of a mount target with the group, in one of the two subnets.
    pub fn create_mount_target(&mut self, file_system: &str, subnet: usize) -> String {
        let (subnet, group) = (&self.subnets[subnet], &self.group);
        let input = json!({"FileSystemId": file_system, "SubnetId": subnet, "SecurityGroups": [group]});
        text(&self.ok("CreateMountTarget", input)["MountTargetId"])
    }

    pub fn mount_targets(&mut self, file_system: &str) -> Vec<Value> {
        let listed = self.ok("DescribeMountTargets", json!({"FileSystemId": file_system}));
        listed["MountTargets"].as_array().unwrap().clone()
    }

    pub fn interfaces(&mut self) -> Vec<Value> {
        let listed = self.ec2("DescribeNetworkInterfaces", json!({})).unwrap();
        listed["NetworkInterfaces"].as_array().unwrap().clone()
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("an id").to_owned()
}
