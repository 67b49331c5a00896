//! `verify` on the foundation: yes as it was built; and what breaks by hand breaks the right step, by name.

use breezeway::blueprint::draw;
use breezeway::engine::event::Outcome;
use breezeway::engine::pin::facts;
use breezeway::engine::record;
use breezeway::engine::run::up;
use breezeway::engine::session::Options;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::survey::{lab_name, survey};
use breezeway::verify::{Verification, verify};
use serde_json::{Value, json};

use crate::foundation::foundation;
use crate::lab::*;

/// What `verify` says of the foundation after something was done to it by hand.
fn after(breaking: impl Fn(&Sandbox)) -> Verification {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let person = Person::new(&sandbox, "ann", "demo", CallerDials::default());
        let report = up(&person.session("demo", 1, Options::default()), Some(&foundation())).await.unwrap();
        assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
        breaking(&sandbox);
        let kept = record::read(&person.aws, "demo").await.unwrap();
        let plan = kept.record().unwrap().expect("the lab has a record").plan;
        let blueprint = draw(&plan, &facts(&plan, REGION).expect("a recorded plan is pinned"));
        verify(&plan, &blueprint, &survey(&person.aws, &lab_name("demo", REGION)).await, REGION)
    })
}

/// Which steps hold: `3 yes, 4 no, …`.
fn holds(found: &Verification) -> String {
    let name = |holds| format!("{holds:?}").to_lowercase();
    let steps = found.steps.iter().map(|step| format!("{} {}", step.step, name(step.holds)));
    steps.collect::<Vec<_>>().join(", ")
}

/// Whether some reason of a step holds this.
fn says(found: &Verification, step: u8, words: &str) -> bool {
    found.steps.iter().any(|one| one.step == step && one.because.iter().any(|reason| reason.contains(words)))
}

fn tell(sandbox: &Sandbox, operation: &str, input: Value) -> Value {
    by_hand(sandbox, "ec2", operation, input).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

/// The id of what stands at an address of the lab.
fn id(sandbox: &Sandbox, address: &str) -> String {
    let filters = json!([{"Name": "key", "Values": ["breezeway:address"]}, {"Name": "value", "Values": [address]}]);
    let tags = tell(sandbox, "DescribeTags", json!({"Filters": filters}));
    tags["Tags"][0]["ResourceId"].as_str().unwrap_or_else(|| panic!("nothing stands at {address}")).to_owned()
}

#[test]
fn the_foundation_as_built_is_private() {
    let found = after(|_| {});
    assert!(found.private, "{found:#?}");
}

#[test]
fn a_route_taken_away_is_named() {
    let found = after(|sandbox| {
        let table = id(sandbox, "onprem/route-table/public");
        tell(sandbox, "DeleteRoute", json!({"RouteTableId": table, "DestinationCidrBlock": "10.16.0.0/16"}));
    });
    assert_eq!(holds(&found), "3 yes, 4 yes, 9 yes, 11 no");
    assert!(says(&found, 11, "(onprem/route-table/public) has no route to 10.16.32.0/20"), "{found:#?}");
}

#[test]
fn a_rule_taken_away_is_named_with_its_group() {
    let found = after(|sandbox| {
        let group = id(sandbox, "studio/security-group/resolver");
        let rule =
            json!([{"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "192.168.10.0/24"}]}]);
        tell(sandbox, "RevokeSecurityGroupIngress", json!({"GroupId": group, "IpPermissions": rule}));
    });
    assert_eq!(holds(&found), "3 no, 4 yes, 9 no, 11 yes");
    assert!(says(&found, 3, "(studio/security-group/resolver)"), "{found:#?}");
}

#[test]
fn private_dns_turned_off_leads_to_public_addresses() {
    let found = after(|sandbox| {
        let endpoint = id(sandbox, "studio/endpoint/studio");
        tell(sandbox, "ModifyVpcEndpoint", json!({"VpcEndpointId": endpoint, "PrivateDnsEnabled": false}));
    });
    assert_eq!(holds(&found), "3 yes, 4 no, 9 no, 11 yes");
    assert!(says(&found, 4, "it leads to a public address"), "{found:#?}");
    assert_eq!(found.leaks.len(), 2, "{found:#?}");
}

#[test]
fn dhcp_options_of_awss_own_ask_nobody_private() {
    let found = after(|sandbox| {
        let vpc = id(sandbox, "onprem/vpc");
        tell(sandbox, "AssociateDhcpOptions", json!({"VpcId": vpc, "DhcpOptionsId": "default"}));
    });
    assert_eq!(holds(&found), "3 no, 4 yes, 9 no, 11 yes");
    assert!(says(&found, 3, "AWS's own set of DHCP options"), "{found:#?}");
}

#[test]
fn forwarders_that_are_stopped_answer_nobody() {
    let found = after(|sandbox| {
        let hosts = ["onprem/dns/a", "onprem/dns/b"].map(|address| host(sandbox, address));
        tell(sandbox, "StopInstances", json!({"InstanceIds": hosts}));
    });
    assert_eq!(holds(&found), "3 no, 4 yes, 9 no, 11 yes");
    assert!(says(&found, 3, "(onprem/dns/a) at 192.168.10.10 is stop"), "{found:#?}");
}

/// The id of an instance, whose volume and interface carry its address too.
fn host(sandbox: &Sandbox, address: &str) -> String {
    let filters = json!([{"Name": "tag:breezeway:address", "Values": [address]}]);
    let found = tell(sandbox, "DescribeInstances", json!({"Filters": filters}));
    let id = &found["Reservations"][0]["Instances"][0]["InstanceId"];
    id.as_str().unwrap_or_else(|| panic!("nothing runs at {address}")).to_owned()
}

#[test]
fn without_the_way_back_nothing_comes_back() {
    let found = after(|sandbox| {
        let table = id(sandbox, "studio/route-table/private");
        tell(sandbox, "DeleteRoute", json!({"RouteTableId": table, "DestinationCidrBlock": "192.168.10.0/24"}));
    });
    assert_eq!(holds(&found), "3 no, 4 yes, 9 no, 11 no");
    assert!(says(&found, 11, "(studio/route-table/private) has no route to 192.168.10."), "{found:#?}");
}

#[test]
fn a_network_acl_that_refuses_is_named() {
    let found = after(|sandbox| {
        let subnet = id(sandbox, "studio/subnet/private-a");
        let filters = json!([{"Name": "association.subnet-id", "Values": [subnet]}]);
        let acls = tell(sandbox, "DescribeNetworkAcls", json!({"Filters": filters}));
        let acl = &acls["NetworkAcls"][0]["NetworkAclId"];
        let entry = json!({
            "NetworkAclId": acl, "RuleNumber": 50, "Egress": false, "Protocol": "6", "RuleAction": "deny",
            "CidrBlock": "0.0.0.0/0", "PortRange": {"From": 443, "To": 443},
        });
        tell(sandbox, "CreateNetworkAclEntry", entry);
    });
    assert_eq!(holds(&found), "3 yes, 4 yes, 9 yes, 11 no");
    assert!(says(&found, 11, "doesn't let tcp 443 in from 192.168.10.148"), "{found:#?}");
}
