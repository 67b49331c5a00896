//! `up` and `down` on the sandbox, each promise by itself.

use std::time::Duration;

use breezeway::drift::Class;
use breezeway::engine::event::{Event, Outcome};
use breezeway::engine::lock::LockError;
use breezeway::engine::run::{RunError, down, up};
use breezeway::engine::session::{Options, Report};
use breezeway::plan::Plan;
use breezeway::sandbox::dials::{Dials, Latency};
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::world::Durations;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::lab::*;

fn demo() -> Plan {
    plan("name = \"demo\"")
}

async fn built(sandbox: &Sandbox, plan: &Plan) -> Report {
    up(&ann(sandbox).session(LAB, 1, Options::default()), Some(plan)).await.unwrap()
}

fn ids(sandbox: &Sandbox, operation: &str, member: &str, id: &str) -> Vec<String> {
    let filters = json!([{"Name": "tag:breezeway:lab", "Values": [LAB]}]);
    let answer = by_hand(sandbox, "ec2", operation, json!({"Filters": filters})).unwrap();
    answer[member].as_array().unwrap().iter().map(|item| item[id].as_str().unwrap().to_owned()).collect()
}

fn foreign_subnet(sandbox: &Sandbox) -> String {
    let studio = json!([{"Name": "tag:breezeway:address", "Values": ["studio/vpc"]}]);
    let vpcs = by_hand(sandbox, "ec2", "DescribeVpcs", json!({"Filters": studio})).unwrap();
    let subnet = json!({"VpcId": vpcs["Vpcs"][0]["VpcId"], "CidrBlock": "10.16.200.0/24"});
    by_hand(sandbox, "ec2", "CreateSubnet", subnet).unwrap()["Subnet"]["SubnetId"].as_str().unwrap().to_owned()
}

#[test]
fn a_lab_goes_up_stays_clean_and_comes_down_without_a_trace() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        assert_eq!(built(&sandbox, &demo()).await.outcome, Outcome::Done);
        assert_eq!(ann(&sandbox).drift(LAB).await, []);
        let report = down(&ann(&sandbox).session(LAB, 2, Options::default())).await.unwrap();
        assert_eq!((report.outcome, report.resources), (Outcome::Done, Some(0)));
        assert_eq!(sandbox.standing(), before);
    });
}

#[test]
fn calls_are_counted_and_few() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let person = ann(&sandbox);
        up(&person.session(LAB, 1, Options::default()), Some(&demo())).await.unwrap();
        let first = person.aws.calls();
        // 29 resources; VPC attributes, public subnets, default egress rules and the acceptance are calls besides, and
        // so are the record, the lock and looking who else is at work. Each VPC attribute that was set is looked at.
        assert!(first.write <= 42 && first.read <= 70, "{first:?}");
        assert_eq!(first.retried, 0);

        let person = ann(&sandbox);
        up(&person.session(LAB, 2, Options::default()), None).await.unwrap();
        let second = person.aws.calls();
        assert!(second.read <= 50 && second.write <= 3, "{second:?}");
        let counted = person.client.caller().calls();
        assert_eq!((counted.read, counted.write), (second.read, second.write), "as the other side counts");
    });
}

#[test]
fn the_forecast_is_what_typical_durations_come_to() {
    skipping().block_on(async {
        for (durations, tolerance) in [(Durations::Typical, 1.5), (Durations::Drawn, 4.0)] {
            for seed in 0..10 {
                let sandbox = world(seed, Dials { durations, ..Dials::default() });
                let person = ann(&sandbox);
                up(&person.session(LAB, seed, Options::default()), Some(&demo())).await.unwrap();
                let events = person.events.borrow();
                let forecast = events.iter().find_map(|happened| match &happened.event {
                    Event::Planned { forecast_seconds, .. } => Some(*forecast_seconds),
                    _ => None,
                });
                let took = events.iter().find_map(|happened| match &happened.event {
                    Event::Finished { aws_seconds, .. } => Some(*aws_seconds),
                    _ => None,
                });
                let (forecast, took) = (forecast.unwrap(), took.unwrap());
                assert!(took / forecast < tolerance && forecast / took < tolerance, "forecast {forecast}, took {took}");
            }
        }
    });
}

#[test]
fn a_second_person_is_told_who_works_since_when() {
    skipping().block_on(async {
        let sandbox = world(1, Dials { latency: Latency::Realistic, ..Dials::default() });
        let bob = Person::new(&sandbox, "bob", LAB, CallerDials::default());
        let plan = demo();
        let (first, second) = futures::join!(built(&sandbox, &plan), async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            up(&bob.session(LAB, 2, Options::default()), Some(&plan)).await
        });
        assert_eq!(first.outcome, Outcome::Done);
        let Err(RunError::Lock(LockError::Held(Some(lease)))) = second else { panic!("{second:?}") };
        assert!(lease.holder.who.ends_with("user/ann") && lease.verb == "up", "{lease:?}");
    });
}

#[test]
fn one_who_waits_goes_on_when_the_lock_is_free() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let bob = Person::new(&sandbox, "bob", LAB, CallerDials::default());
        let plan = demo();
        let (first, second) = futures::join!(built(&sandbox, &plan), async {
            up(&bob.session(LAB, 2, Options { wait: true, ..Options::default() }), Some(&plan)).await
        });
        assert_eq!(first.outcome, Outcome::Done);
        assert_eq!(second.unwrap().outcome, Outcome::Done);
    });
}

#[test]
fn without_a_lock_two_at_once_end_with_one_of_each() {
    skipping().block_on(async {
        for seed in 0..20 {
            let dials = Dials { durations: Durations::Drawn, latency: Latency::Realistic, ..Dials::default() };
            let sandbox = world(seed, dials);
            let options = Options { no_lock: true, ..Options::default() };
            let (ann, bob) = (ann(&sandbox), Person::new(&sandbox, "bob", LAB, CallerDials::default()));
            let plan = demo();
            let (ann, bob) = (ann.session(LAB, seed, options), bob.session(LAB, seed + 100, options));
            let (_, _) = futures::join!(up(&ann, Some(&plan)), up(&bob, Some(&plan)));
            assert_eq!(built(&sandbox, &plan).await.outcome, Outcome::Done, "seed {seed}");
            assert_eq!(ids(&sandbox, "DescribeVpcs", "Vpcs", "VpcId").len(), 2, "seed {seed}");
            assert_eq!(ids(&sandbox, "DescribeSubnets", "Subnets", "SubnetId").len(), 6, "seed {seed}");
        }
    });
}

#[test]
fn down_needs_no_record() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, &demo()).await;
        by_hand(&sandbox, "ssm", "DeleteParameter", json!({"Name": "/breezeway/labs/demo/record"})).unwrap();
        let report = down(&ann(&sandbox).session(LAB, 2, Options::default())).await.unwrap();
        assert_eq!(report.outcome, Outcome::Done);
        assert_eq!(sandbox.standing(), before);
    });
}

#[test]
fn a_plan_too_large_for_one_parameter_is_kept_in_parts_and_none_is_left_behind() {
    // Descriptions that don't compress, so that the record needs several Standard-tier parameters.
    let large = |seed: u64| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let rule = |port: u16, random: &mut ChaCha8Rng| {
            let noise: String = (0..200).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect();
            format!(
                "[[studio.rules]]\nprotocol = \"tcp\"\nports = \"{port}\"\ncidr = \"10.0.0.0/8\"\ndescription = \"{noise}\"\n"
            )
        };
        let rules: String = (1000..1050).map(|port| rule(port, &mut random)).collect();
        plan(&format!("name = \"demo\"\n{rules}"))
    };
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        let parts = || {
            let path = json!({"Path": "/breezeway/labs/demo/record", "Recursive": true});
            by_hand(&sandbox, "ssm", "GetParametersByPath", path).unwrap()["Parameters"].as_array().unwrap().len()
        };
        built(&sandbox, &large(1)).await;
        assert_eq!(ann(&sandbox).drift(LAB).await, []);
        let count = parts();
        assert!(count > 1, "{count}");
        built(&sandbox, &large(2)).await;
        assert_eq!(ann(&sandbox).drift(LAB).await, []);
        assert_eq!(parts(), count, "the parts of the plan before are gone");
        down(&ann(&sandbox).session(LAB, 2, Options::default())).await.unwrap();
        assert_eq!(sandbox.standing(), before);
    });
}

#[test]
fn a_protected_lab_is_not_taken_away() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &plan("name = \"demo\"\nprotect = true\n")).await;
        let refused = down(&ann(&sandbox).session(LAB, 2, Options::default())).await;
        assert!(matches!(refused, Err(RunError::Protected(_))), "{refused:?}");
        assert_eq!(ann(&sandbox).drift(LAB).await, []);
    });
}

#[test]
fn a_plan_is_not_applied_where_it_may_not_be() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        let elsewhere = plan("name = \"demo\"\naccounts = [\"999999999999\"]\n");
        let refused = up(&ann(&sandbox).session(LAB, 1, Options::default()), Some(&elsewhere)).await;
        assert!(matches!(refused, Err(RunError::NotHere(_))), "{refused:?}");
        let after = down(&ann(&sandbox).session(LAB, 2, Options::default())).await.unwrap();
        assert_eq!(after.outcome, Outcome::Done);
        assert_eq!(sandbox.standing(), before);
    });
}

#[test]
fn a_foreign_subnet_blocks_down_before_anything_is_deleted() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, &demo()).await;
        let subnet = foreign_subnet(&sandbox);
        let report = down(&ann(&sandbox).session(LAB, 2, Options::default())).await.unwrap();
        assert_eq!(report.outcome, Outcome::Failed);
        assert!(report.causes.len() == 1 && report.causes[0].contains(&subnet), "{:?}", report.causes);
        assert_eq!(ids(&sandbox, "DescribeSubnets", "Subnets", "SubnetId").len(), 6);

        let options = Options { leave_blocked: true, ..Options::default() };
        let report = down(&ann(&sandbox).session(LAB, 3, options)).await.unwrap();
        assert_eq!(report.outcome, Outcome::Failed);
        assert_eq!(ids(&sandbox, "DescribeVpcs", "Vpcs", "VpcId").len(), 1, "only the VPC that holds it is left");
        assert_eq!(ids(&sandbox, "DescribeSubnets", "Subnets", "SubnetId").len(), 0);

        by_hand(&sandbox, "ec2", "DeleteSubnet", json!({"SubnetId": subnet})).unwrap();
        let report = down(&ann(&sandbox).session(LAB, 4, Options::default())).await.unwrap();
        assert_eq!(report.outcome, Outcome::Done);
        assert_eq!(sandbox.standing(), before);
    });
}

#[test]
fn what_an_up_beside_it_made_at_the_last_moment_is_removed_too_where_no_lock_keeps_them_apart() {
    skipping().block_on(async {
        let sandbox = world(1, Dials { latency: Latency::Realistic, ..Dials::default() });
        built(&sandbox, &demo()).await;
        let options = Options { no_lock: true, ..Options::default() };
        let person = ann(&sandbox);
        let session = person.session(LAB, 2, options);
        sandbox.log_requests();
        let forgets = |line: &String| line.contains("DeleteParameters");
        let beside = async {
            while !sandbox.requests().iter().any(forgets) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let tags = json!([
                {"Key": "breezeway:lab", "Value": LAB}, {"Key": "breezeway:address", "Value": "studio/vpc"},
            ]);
            let tags = json!([{"ResourceType": "vpc", "Tags": tags}]);
            by_hand(&sandbox, "ec2", "CreateVpc", json!({"CidrBlock": "10.16.0.0/16", "TagSpecifications": tags}))
        };
        let (report, vpc) = futures::join!(down(&session), beside);
        assert_eq!((report.unwrap().outcome, vpc.is_ok()), (Outcome::Done, true));
        assert_eq!(ids(&sandbox, "DescribeVpcs", "Vpcs", "VpcId"), [""; 0]);
        let again =
            sandbox.requests().iter().filter(|line| line.starts_with("POST") && line.contains("PutParameter")).count();
        assert_eq!(again, 1, "the record stood while the VPC did");
        let told = person.notes().iter().filter(|note| note.ends_with("the work begins anew")).count();
        assert_eq!(told, 1, "{:?}", person.notes());
    });
}

#[test]
fn a_vpc_without_its_tag_stops_up_and_down_until_somebody_says_whose_it_is() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &demo()).await;
        let vpc = ids(&sandbox, "DescribeVpcs", "Vpcs", "VpcId").remove(0);
        let tag = json!([{"Key": "breezeway:lab"}]);
        by_hand(&sandbox, "ec2", "DeleteTags", json!({"Resources": [vpc], "Tags": tag})).unwrap();
        let classes: Vec<_> = ann(&sandbox).drift(LAB).await.iter().map(|found| found.class).collect();
        assert_eq!(classes, [Class::Unproven]);
        for report in
            [built(&sandbox, &demo()).await, down(&ann(&sandbox).session(LAB, 2, Options::default())).await.unwrap()]
        {
            assert_eq!(report.outcome, Outcome::Failed);
            let command = format!("aws ec2 create-tags --resources {vpc} --tags Key=breezeway:lab,Value=demo");
            assert!(report.causes[0].contains(&command), "{:?}", report.causes);
        }
        let tag = json!([{"Key": "breezeway:lab", "Value": LAB}]);
        by_hand(&sandbox, "ec2", "CreateTags", json!({"Resources": [vpc], "Tags": tag})).unwrap();
        assert_eq!(built(&sandbox, &demo()).await.outcome, Outcome::Done);
    });
}

#[test]
fn an_endpoint_of_the_lab_is_found_in_a_vpc_without_its_tag() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let vpc = by_hand(&sandbox, "ec2", "CreateVpc", json!({"CidrBlock": "10.9.0.0/16"})).unwrap();
        let tags = json!([
            {"Key": "breezeway:lab", "Value": LAB}, {"Key": "breezeway:address", "Value": "studio/gateway-endpoint/s3"},
        ]);
        let endpoint = json!({
            "VpcId": vpc["Vpc"]["VpcId"], "ServiceName": "com.amazonaws.us-east-1.s3", "VpcEndpointType": "Gateway",
            "TagSpecifications": [{"ResourceType": "vpc-endpoint", "Tags": tags}],
        });
        by_hand(&sandbox, "ec2", "CreateVpcEndpoint", endpoint).unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let report = down(&ann(&sandbox).session(LAB, 2, Options::default())).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        let endpoints = hand(&sandbox, "ec2", "DescribeVpcEndpoints", json!({}));
        assert_eq!(endpoints["VpcEndpoints"][0]["State"], "deleted");
        let vpcs = hand(&sandbox, "ec2", "DescribeVpcs", json!({"VpcIds": [vpc["Vpc"]["VpcId"]]}));
        assert_eq!(vpcs["Vpcs"][0]["State"], "available", "it may be somebody else's");
    });
}

#[test]
fn a_denied_list_is_unknown_not_empty() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &demo()).await;
        let standing = sandbox.standing();
        let blind = CallerDials { denied: Some("DescribeVpcs"), ..CallerDials::default() };
        let person = Person::new(&sandbox, "ann", LAB, blind);
        assert!(person.drift(LAB).await.iter().all(|found| found.class == Class::Unknown));
        let report = up(&person.session(LAB, 2, Options::default()), None).await.unwrap();
        assert_eq!(report.outcome, Outcome::Failed);
        let report = down(&person.session(LAB, 3, Options::default())).await.unwrap();
        assert_ne!(report.outcome, Outcome::Done);
        let vpcs = |world: &serde_json::Value| world["111122223333"]["us-east-1/ec2"]["vpcs"].clone();
        assert_eq!(vpcs(&sandbox.standing()), vpcs(&standing));
    });
}
