//! The state folder of the sandbox: snapshot, journal and lock file, in turn. What can't be read is set aside, and the
//! world that follows works.

use std::fs;
use std::path::Path;

use breezeway::sandbox::clock::WorldClock;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::home::{Home, HomeError};
use breezeway::sandbox::host::Sandbox;
use serde_json::json;

use super::{call, parts, said};

const LOOKS: [(&str, &str); 12] = [
    ("ec2", "DescribeVpcs"),
    ("ec2", "DescribeSubnets"),
    ("ec2", "DescribeNetworkInterfaces"),
    ("ec2", "DescribeSecurityGroups"),
    ("ec2", "DescribeInstances"),
    ("ec2", "DescribeVpcEndpoints"),
    ("iam", "ListRoles"),
    ("ssm", "DescribeParameters"),
    ("sagemaker", "ListDomains"),
    ("cognito-idp", "ListUserPools"),
    ("lambda", "ListFunctions"),
    ("route53", "ListHostedZones"),
];

pub fn run(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["world.json", "journal-1.ndjson", "lock", "journal-2.ndjson"];
    for (name, content) in names.iter().zip(parts(bytes)) {
        fs::write(folder.path().join(name), content).expect("the folder takes files");
    }
    open(folder.path());
    // Whatever was found, what was made of it is found again.
    assert_eq!(open(folder.path()), None, "what was written by this version can't be read by it");
}

/// What was set aside, if anything was.
fn open(folder: &Path) -> Option<String> {
    let opened = match Home::open(folder, 1) {
        Ok(opened) => opened,
        Err(error @ (HomeError::Newer { .. } | HomeError::Io { .. })) => {
            said(&error.to_string());
            return None;
        }
        Err(error @ HomeError::Busy { .. }) => panic!("nobody has it: {error}"),
    };
    opened.set_aside.iter().for_each(|sentence| said(sentence));
    let clock = WorldClock::new(opened.now, 1.0);
    let sandbox = Sandbox::new(opened.world, clock, Dials::default(), Some(opened.home));
    for (service, operation) in LOOKS {
        let _ = sandbox.call(&call(service, operation, json!({})));
    }
    let tags = json!({"CidrBlock": "10.0.0.0/16"});
    let _ = sandbox.call(&call("ec2", "CreateVpc", tags));
    sandbox.standing();
    opened.set_aside
}
