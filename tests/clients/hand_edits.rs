//! What people do to a lab with the AWS CLI, and what `drift`, `up` and `down` say and do about it.

use serde_json::{Value, json};

use super::{Machine, Shell};

/// Names the lab's things for the shell, as `status` has them.
fn name_things(machine: &Machine, shell: &mut Shell) {
    let status = machine.document(&["status", "skeleton"], 0);
    for (name, address) in [
        ("onprem", "onprem/vpc"),
        ("private_subnet", "onprem/subnet/private-b"),
        ("public_subnet", "onprem/subnet/public-a"),
        ("studio", "studio/vpc"),
        ("table", "studio/route-table/private"),
        ("group", "studio/security-group/endpoints"),
        ("peering", "peering"),
        ("role", "access/role/portal"),
    ] {
        let mut resources = status["resources"].as_array().unwrap().iter();
        let resource = resources.find(|resource| resource["address"] == address).expect(address);
        shell.variables.insert(name, resource["id"].as_str().unwrap().to_owned());
    }
}

/// Class, address and field of each difference; an id in an address as `ID`.
fn differences(drift: &Value) -> Vec<String> {
    let line = |difference: &Value| {
        let text = |member: &str| difference[member].as_str().unwrap_or_default();
        let address = match text("id") {
            "" => text("address").to_owned(),
            id => text("address").replace(id, "ID"),
        };
        format!("{} {address} {}", text("class"), text("field")).trim_end().to_owned()
    };
    let mut lines: Vec<_> = drift["differences"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn drift_shows_what_was_done_by_hand_and_up_repairs_what_is_the_labs() {
    let machine = Machine::with_a_lab();
    let served = machine.serve();
    let mut shell = served.shell();
    name_things(&machine, &mut shell);
    for command in [
        // A route added, a rule opened.
        "aws ec2 create-route --route-table-id $table --destination-cidr-block 203.0.113.0/24 \
         --vpc-peering-connection-id $peering",
        "aws ec2 authorize-security-group-ingress --group-id $group --protocol tcp --port 22 --cidr 0.0.0.0/0",
        // Attributes flipped, a policy changed.
        "aws ec2 modify-vpc-attribute --vpc-id $onprem --no-enable-dns-hostnames",
        "aws ec2 modify-subnet-attribute --subnet-id $private_subnet --map-public-ip-on-launch",
        "aws iam put-role-policy --role-name $role --policy-name work --policy-document \
         '{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}]}'",
        // A tag removed from a child and from a VPC, a subnet deleted.
        "aws ec2 delete-tags --resources $group $studio --tags Key=breezeway:lab",
        "aws ec2 delete-subnet --subnet-id $public_subnet",
    ] {
        shell.run(command);
    }

    let drift = machine.document(&["drift", "skeleton"], 2);
    assert_eq!(drift["clean"], false);
    let shown = [
        "changed access/role/portal/policy/work document",
        "changed onprem/subnet/private-b public",
        "changed onprem/vpc dns_hostnames",
        "changed studio/security-group/endpoints tags.breezeway:lab",
        "missing onprem/route-table/public/association/a",
        "missing onprem/subnet/public-a",
        "unmanaged studio/route-table/private/203.0.113.0/24",
        "unmanaged studio/security-group/endpoints/ID",
        "unproven studio/vpc",
    ];
    assert_eq!(differences(&drift), shown);
    let drift = machine.breezeway(&["drift", "skeleton"]);
    drift.expect(2, "drift");
    for effect in [
        "private DNS names of endpoints don't work",
        "what starts in this subnet gets a public address",
        "opens the way for tcp 22 from 0.0.0.0/0, to the whole internet",
        "the policy allows everything; no longer allows",
        "skeleton: 9 differences (4 changed, 2 missing, 2 unmanaged, 1 unproven).",
    ] {
        assert!(drift.stdout.contains(effect), "{effect}\n{}", drift.stdout);
    }
    drop(served);

    let stopped = machine.breezeway(&["up", "skeleton"]);
    stopped.expect(1, "up does not touch what may be somebody else's");
    let (_, command) = stopped.stdout.split_once("If it is: ").expect("up says how to go on");
    let (command, _) = command.split_once('\n').unwrap();
    let drift = machine.document(&["drift", "skeleton"], 2);
    assert_eq!(differences(&drift), shown);

    machine.serve().shell().run(command);
    machine.breezeway(&["up", "skeleton"]).expect(0, "up, once it is clear whose the VPC is");
    let drift = machine.document(&["drift", "skeleton"], 0);
    assert_eq!((&drift["clean"], &drift["differences"]), (&json!(true), &json!([])));
}

#[test]
fn down_leaves_what_is_not_the_labs_and_nothing_else() {
    let machine = Machine::new();
    let before = machine.serve().look();
    machine.breezeway(&["up", "@skeleton"]).expect(0, "up");

    let served = machine.serve();
    let mut shell = served.shell();
    name_things(&machine, &mut shell);
    shell.set(
        "foreign",
        "aws ec2 create-subnet --vpc-id $studio --cidr-block 10.16.200.0/24 --query Subnet.SubnetId --output text",
    );
    let studio = shell.variables["studio"].clone();
    let foreign = shell.variables["foreign"].clone();
    assert_eq!(differences(&machine.document(&["drift", "skeleton"], 2)), ["unmanaged studio/vpc/ID"]);

    let everything = served.look();
    let blocked = machine.breezeway(&["down", "skeleton"]);
    blocked.expect(1, "down");
    assert!(blocked.stdout.contains(&format!("subnet {foreign} is inside the lab")), "{}", blocked.stdout);
    let mut untouched = served.look();
    // The record of the lab's lock is all that `down` wrote.
    untouched["Parameters"] = everything["Parameters"].clone();
    assert_eq!(untouched, everything);
    drop(served);

    let left = machine.breezeway(&["down", "skeleton", "--leave-blocked"]);
    left.expect(1, "down --leave-blocked");
    let named = format!("{studio} can't be removed: it holds subnet {foreign}");
    assert!(left.stdout.contains(&named), "{}", left.stdout);
    let labs = machine.document(&["list"], 0);
    assert_eq!(labs["labs"][0]["resources"], 1);

    let served = machine.serve();
    served.shell().run(&format!("aws ec2 delete-subnet --subnet-id {foreign}"));
    drop(served);
    machine.breezeway(&["down", "skeleton"]).expect(0, "down, once the foreign subnet is gone");
    assert_eq!(machine.document(&["list"], 0)["labs"], json!([]));
    assert_eq!(machine.serve().look(), before);
}
