//! The published base architecture on the sandbox: endpoints, resolver, DNS hosts, app server.

use std::collections::BTreeMap;
use std::time::Duration;

use breezeway::engine::event::Outcome;
use breezeway::engine::pin::pin;
use breezeway::engine::record;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::{Options, Report};
use breezeway::plan::Plan;
use breezeway::sandbox::dials::{Dials, Latency};
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use breezeway::survey::{lab_name, survey};
use serde_json::json;

use crate::lab::*;

pub fn foundation() -> Plan {
    serde_json::from_value(json!({
        "name": "demo",
        "onprem": {"internet_gateway": true, "gateway_endpoints": [{"service": "s3"}]},
        "studio": {
            "endpoints": [
                {"service": "studio"}, {"service": "sagemaker.api"}, {"service": "sagemaker.runtime"},
                {"service": "execute-api"}, {"service": "lambda"},
            ],
            "gateway_endpoints": [{"service": "s3"}],
        },
        "dns": {"mode": "server", "forward": ["studio", "execute-api", "sagemaker.api"]},
        "app_server": {"enabled": true},
        "access": {"mode": "source-vpce"},
    }))
    .unwrap()
}

async fn built(sandbox: &Sandbox) -> Report {
    let ann = Person::new(sandbox, "ann", LAB, CallerDials::default());
    up(&ann.session(LAB, 1, Options::default()), Some(&foundation())).await.unwrap()
}

#[test]
fn the_foundation_goes_up_stays_clean_and_comes_down_without_a_trace() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        let report = built(&sandbox).await;
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        let bob = Person::new(&sandbox, "bob", LAB, CallerDials::default());
        assert_eq!(bob.drift(LAB).await, []);
        let bob = Person::new(&sandbox, "bob", LAB, CallerDials::default());
        let again = up(&bob.session(LAB, 2, Options::default()), None).await.unwrap();
        assert_eq!((again.outcome, again.addresses), (Outcome::Done, report.addresses));
        assert_eq!(bob.aws.calls().write, 3, "the lock, taken and given back, and the old one removed");
        let report = down(&bob.session(LAB, 3, Options::default())).await.unwrap();
        assert_eq!((report.outcome, report.resources), (Outcome::Done, Some(0)));
        assert!(sandbox.standing() == before, "something is left");
    });
}

#[test]
fn a_survey_of_the_foundation_is_54_calls_in_four_rounds() {
    skipping().block_on(async {
        let second = Duration::from_secs(1);
        let sandbox = world(1, Dials { latency: Latency::Fixed(second), ..Dials::default() });
        built(&sandbox).await;
        let bob = Person::new(&sandbox, "bob", LAB, CallerDials::default());
        let began = bob.aws.clock.elapsed();
        let found = survey(&bob.aws, &lab_name(LAB, REGION)).await;
        assert_eq!(found.unreadable, BTreeMap::new());
        let calls = bob.aws.calls();
        assert!(calls.read <= 54 && calls.write == 0, "{calls:?}");
        let rounds = (bob.aws.clock.elapsed() - began).as_secs_f64() / second.as_secs_f64();
        assert!(rounds <= 4.0, "{rounds} rounds");
    });
}

#[test]
fn a_new_image_is_no_drift() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox).await;
        let images = || {
            let found = by_hand(&sandbox, "ec2", "DescribeInstances", json!({})).unwrap();
            let instances = found["Reservations"].as_array().unwrap().iter();
            instances.map(|one| one["Instances"][0]["ImageId"].clone()).collect::<Vec<_>>()
        };
        let newest = || {
            let name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
            by_hand(&sandbox, "ssm", "GetParameter", json!({"Name": name})).unwrap()["Parameter"]["Value"].clone()
        };
        let (before, of_then) = (newest(), images());
        tokio::time::sleep(Duration::from_secs(60 * 24 * 3600)).await;
        assert_ne!(newest(), before, "two months later there is another");
        let bob = Person::new(&sandbox, "bob", LAB, CallerDials::default());
        assert_eq!(bob.drift(LAB).await, []);
        let again = up(&bob.session(LAB, 2, Options::default()), Some(&foundation())).await.unwrap();
        assert_eq!((again.outcome, images()), (Outcome::Done, of_then));
    });
}

#[test]
fn zones_are_those_that_have_every_service_and_instance_type() {
    let zones = |sections: &str| {
        skipping().block_on(async {
            let sandbox = world(1, Dials::default());
            let ann = Person::new(&sandbox, "ann", LAB, CallerDials::default());
            let plan = plan(&format!("name = \"demo\"\n{sections}"));
            pin(&ann.aws, &plan, None)
                .await
                .map(|plan| plan.zones.unwrap().join(" "))
                .map_err(|error| error.to_string())
        })
    };
    let endpoint = |service: &str| format!("[[studio.endpoints]]\nservice = \"{service}\"\n");
    assert_eq!(zones("").unwrap(), "us-east-1a us-east-1b");
    assert_eq!(zones(&endpoint("servicecatalog")).unwrap(), "us-east-1b us-east-1c", "the first zone lacks it");
    let error = zones(&(endpoint("servicecatalog") + &endpoint("studio"))).unwrap_err();
    let beginning = "us-east-1 has 1 Availability Zone that offers everything the plan asks for; a lab needs two: ";
    assert!(error.starts_with(beginning), "{error}");
    assert!(error.contains("us-east-1a lacks com.amazonaws.us-east-1.servicecatalog"), "{error}");
    assert_eq!(zones("zones = [\"use1-az3\", \"use1-az1\"]").unwrap(), "us-east-1c us-east-1a", "by id");
}

#[test]
fn a_zone_that_the_plan_names_and_that_lacks_something_is_refused_before_anything_is_written() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        let ann = Person::new(&sandbox, "ann", LAB, CallerDials::default());
        let plan = plan(
            "name = \"demo\"\nzones = [\"us-east-1a\", \"us-east-1b\"]\n[[studio.endpoints]]\nservice = \"servicecatalog\"\n",
        );
        let error = up(&ann.session(LAB, 1, Options::default()), Some(&plan)).await.unwrap_err();
        let what = "com.amazonaws.us-east-1.servicecatalog";
        assert_eq!(error.to_string(), format!("the lab's Availability Zone us-east-1a doesn't offer {what}"));
        let after = down(&ann.session(LAB, 2, Options::default())).await.unwrap();
        assert_eq!((after.outcome, sandbox.standing() == before), (Outcome::Done, true));
    });
}

#[test]
fn a_host_whose_chosen_image_is_offered_no_more_starts_from_another() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox).await;
        let bob = Person::new(&sandbox, "bob", LAB, CallerDials::default());
        let app = |ids: &[&str]| {
            let filters = json!([{"Name": "tag:breezeway:address", "Values": ids}]);
            by_hand(&sandbox, "ec2", "DescribeInstances", json!({"Filters": filters})).unwrap()["Reservations"].clone()
        };
        // As if AWS had made it private: the record names an image that nobody can see.
        let kept = record::read(&bob.aws, LAB).await.unwrap();
        let mut old = kept.record().unwrap().unwrap();
        let gone = "ami-0123456789abcdef0".to_owned();
        let image = old.plan.app_server.image.replace(gone.clone()).unwrap();
        assert!(old.chosen_images.remove(&image) && old.chosen_images.insert(gone));
        record::write(&bob.aws, &old, &kept).await.unwrap();
        let id = app(&["onprem/app"])[0]["Instances"][0]["InstanceId"].clone();
        by_hand(&sandbox, "ec2", "TerminateInstances", json!({"InstanceIds": [id]})).unwrap();
        tokio::time::sleep(Duration::from_secs(7200)).await;

        let report = up(&bob.session(LAB, 2, Options::default()), None).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        assert_eq!(app(&["onprem/app"])[0]["Instances"][0]["ImageId"], *image);
        let kept = record::read(&bob.aws, LAB).await.unwrap().record().unwrap().unwrap();
        assert_eq!(kept.plan.app_server.image, Some(image));
        assert_eq!(bob.drift(LAB).await, []);
    });
}

#[test]
fn an_image_that_somebody_asked_for_is_never_changed_for_another() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let ann = Person::new(&sandbox, "ann", LAB, CallerDials::default());
        let mut plan = foundation();
        plan.app_server.image = Some("ami-0123456789abcdef0".into());
        let first = up(&ann.session(LAB, 1, Options::default()), Some(&plan)).await.unwrap();
        let again = up(&ann.session(LAB, 2, Options::default()), None).await.unwrap();
        for report in [first, again] {
            assert_eq!(report.outcome, Outcome::Failed);
            assert!(report.causes.iter().any(|cause| cause.contains("ami-0123456789abcdef0")), "{:?}", report.causes);
        }
    });
}

#[test]
fn an_interface_that_aws_was_told_to_keep_goes_with_its_host() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        assert_eq!(built(&sandbox).await.outcome, Outcome::Done);
        let of_hosts = json!({"Filters": [{"Name": "attachment.instance-owner-id", "Values": [DEFAULT_ACCOUNT]}]});
        let found = hand(&sandbox, "ec2", "DescribeNetworkInterfaces", of_hosts)["NetworkInterfaces"].take();
        let interface =
            found.as_array().unwrap().iter().find(|one| one["Attachment"]["InstanceId"].is_string()).unwrap();
        let kept = json!({"AttachmentId": interface["Attachment"]["AttachmentId"], "DeleteOnTermination": false});
        let input = json!({"NetworkInterfaceId": interface["NetworkInterfaceId"], "Attachment": kept});
        hand(&sandbox, "ec2", "ModifyNetworkInterfaceAttribute", input);
        let report = down(&ann(&sandbox).session(LAB, 2, Options::default())).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        assert!(sandbox.standing() == before);
    });
}

#[test]
fn s3_is_reached_by_its_own_names_beside_its_gateway() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        let ann = Person::new(&sandbox, "ann", LAB, CallerDials::default());
        let plan = plan(
            "name = \"demo\"\n[[studio.endpoints]]\nservice = \"s3\"\n[[studio.gateway_endpoints]]\nservice = \"s3\"\n",
        );
        let report = up(&ann.session(LAB, 1, Options::default()), Some(&plan)).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        let filters = json!([{"Name": "vpc-endpoint-type", "Values": ["Interface"]}]);
        let found = by_hand(&sandbox, "ec2", "DescribeVpcEndpoints", json!({"Filters": filters})).unwrap();
        let for_all = json!({
            "VpcEndpointId": found["VpcEndpoints"][0]["VpcEndpointId"],
            "DnsOptions": {"PrivateDnsOnlyForInboundResolverEndpoint": false},
        });
        by_hand(&sandbox, "ec2", "ModifyVpcEndpoint", for_all).unwrap();
        let fields: Vec<_> = ann.drift(LAB).await.into_iter().filter_map(|found| found.field).collect();
        assert_eq!(fields, ["private_dns_only_for_inbound_resolver_endpoint"]);
        up(&ann.session(LAB, 2, Options::default()), None).await.unwrap();
        assert_eq!(ann.drift(LAB).await, []);
        let report = down(&ann.session(LAB, 3, Options::default())).await.unwrap();
        assert_eq!((report.outcome, sandbox.standing() == before), (Outcome::Done, true));
    });
}
