//! What people do to a lab with the AWS CLI, and what `drift`, `up` and `down` say and do about it.

use serde_json::Value;

use super::{Machine, Served, Shell};
use crate::program::Ended;

/// Names the lab's things for the shell, as `status` has them.
fn name_things(machine: &Machine, shell: &mut Shell<'_>) {
    let status = machine.document(&["status", "skeleton"], 0);
    for (name, address) in [
        ("onprem", "onprem/vpc"),
        ("studio", "studio/vpc"),
        ("table", "studio/route-table/private"),
        ("group", "studio/security-group/endpoints"),
        ("subnet", "onprem/subnet/public-a"),
        ("other_subnet", "onprem/subnet/private-b"),
        ("peering", "peering"),
        ("role", "access/role/portal"),
    ] {
        let mut resources = status["resources"].as_array().unwrap().iter();
        let resource = resources.find(|resource| resource["address"] == address).expect(address);
        shell.variables.insert(name, resource["id"].as_str().unwrap().to_owned());
    }
}

/// Class, address and field of each difference, the ids in an address left out.
fn differences(document: &Value) -> Vec<String> {
    let text = |difference: &Value, member: &str| difference[member].as_str().unwrap_or_default().to_owned();
    let line = |difference: &Value| {
        let mut address = text(difference, "address");
        if let Some(id) = difference["id"].as_str() {
            address = address.replace(id, "ID");
        }
        format!("{} {address} {}", text(difference, "class"), text(difference, "field")).trim_end().to_owned()
    };
    let mut lines: Vec<_> = document["differences"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn drift_shows_what_was_done_by_hand_and_up_repairs_what_is_ours() {
    let machine = Machine::with_a_lab();
    let served = machine.serve();
    let mut shell = served.shell();
    name_things(&machine, &mut shell);
    let trust = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
    for command in [
        // A route added, a rule opened.
        "aws ec2 create-route --route-table-id $table --destination-cidr-block 203.0.113.0/24 \
         --vpc-peering-connection-id $peering",
        "aws ec2 authorize-security-group-ingress --group-id $group --protocol tcp --port 22 --cidr 0.0.0.0/0",
        // Two attributes flipped, a policy changed.
        "aws ec2 modify-vpc-attribute --vpc-id $onprem --no-enable-dns-hostnames",
        "aws ec2 modify-subnet-attribute --subnet-id $other_subnet --map-public-ip-on-launch",
        &format!("aws iam put-role-policy --role-name $role --policy-name work --policy-document '{trust}'"),
        // A tag removed from a child and from a VPC.
        "aws ec2 delete-tags --resources $group --tags Key=breezeway:lab",
        "aws ec2 delete-tags --resources $studio --tags Key=breezeway:lab",
        // A subnet deleted.
        "aws ec2 delete-subnet --subnet-id $subnet",
    ] {
        shell.run(command);
    }

    let drift = machine.document(&["drift", "skeleton"], 2);
    assert_eq!(drift["clean"], false);
    assert_eq!(differences(&drift), [
            "changed access/role/portal/policy/work document",
            "changed onprem/subnet/private-b public",
            "changed onprem/vpc dns_hostnames",
            "changed studio/security-group/endpoints tags.breezeway:lab",
            "missing onprem/route-table/public/association/a",
            "missing onprem/subnet/public-a",
            "unmanaged studio/route-table/private/203.0.113.0/24",
            "unmanaged studio/security-group/endpoints/ID",
            "unproven studio/vpc",
        ]);
    let ended = machine.breezeway(&["drift", "skeleton"]);
    ended.expect(2, "drift");
    println!("{}", ended.stdout);

    let stopped = machine.breezeway(&["up", "skeleton"]);
    stopped.expect(1, "up does not touch what may not be ours");
    println!("{}\n{}", stopped.stdout, stopped.stderr);
    panic!();
}
