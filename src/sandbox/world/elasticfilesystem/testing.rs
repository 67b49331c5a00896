//! A VPC with two subnets in two zones and a group, for the tests of this folder.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sandbox::api::{Answer, Call};
use crate::sandbox::wire;
use crate::sandbox::world::{Durations, Moment, World};

const SERVICE: &str = "elasticfilesystem";

pub struct Sandbox {
    world: World,
    now: Timestamp,
    pub vpc: String,
    /// 10.0.0.0/24 in us-east-1a and 10.0.1.0/24 in us-east-1b.
    pub subnets: [String; 2],
    pub group: String,
}

impl Sandbox {
    pub fn new() -> Self {
        let mut new = Self {
            world: World::new(7),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            vpc: String::new(),
            subnets: Default::default(),
            group: String::new(),
        };
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

    fn handle(&mut self, service: &str, operation: &str, input: Value) -> Answer {
        let call = Call {
            service: service.into(),
            operation: operation.into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            access_key: "AKIDEXAMPLE".into(),
            input,
        };
        self.world.handle(&Moment { now: self.now, durations: Durations::Typical }, &call)
    }

    pub fn call(&mut self, operation: &str, input: Value) -> Answer {
        let answer = self.handle(SERVICE, operation, input);
        if let Ok(answer) = &answer {
            let mut unknown = wire::unknown_members(SERVICE, operation, answer);
            // The wire may have no table for the service.
            unknown.retain(|member| *member != format!("{SERVICE} {operation}"));
            assert!(unknown.is_empty(), "{operation} answers what the wire leaves out: {unknown:?}");
        }
        answer
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
