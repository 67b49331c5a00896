//! Resources by themselves, through the SDK: what changes in place, and what is left behind.

use std::time::Duration;

use breezeway::aws::{Aws, Class, Failure};
use breezeway::resource::instance::{Instance, Metadata, RootVolume};
use breezeway::resource::instance_profile::InstanceProfile;
use breezeway::resource::interface_endpoint::{InterfaceEndpoint, Placement};
use breezeway::resource::policy::Policy;
use breezeway::resource::resolver_endpoint::ResolverEndpoint;
use breezeway::resource::role::Role;
use breezeway::resource::security_group::SecurityGroup;
use breezeway::resource::subnet::Subnet;
use breezeway::resource::vpc::Vpc;
use breezeway::resource::{Creation, Kind, Observed, Query, Readiness, Ref, Set, Spec};
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::survey::lab_name;
use serde_json::json;

use crate::lab::*;

fn ann(sandbox: &Sandbox) -> Aws {
    Person::new(sandbox, "ann", LAB, CallerDials::default()).aws
}

fn of_lab() -> Query {
    Query::Lab(lab_name(LAB, REGION))
}

/// Makes a resource, waits for it and completes it.
async fn made(aws: &Aws, address: &str, spec: impl Into<Spec>) -> Observed {
    let spec = spec.into();
    let tags = [("breezeway:lab", LAB), ("breezeway:address", address)];
    let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let creation = Creation { tags, token: format!("token-{address}") };
    let observed = insist(|| spec.create(aws, &creation)).await;
    let observed = ready(aws, observed).await;
    insist(|| spec.complete(aws, &observed.id)).await;
    observed
}

async fn changed(aws: &Aws, from: &Observed, spec: impl Into<Spec>) {
    let spec = spec.into();
    insist(|| spec.change(aws, from)).await;
    insist(|| spec.change(aws, from)).await;
}

/// Repeats what AWS says to repeat.
async fn insist<T, F: Future<Output = Result<T, Failure>>>(call: impl Fn() -> F) -> T {
    loop {
        match call().await {
            Err(failure) if matches!(failure.class, Class::NotYetAssumable | Class::InUse | Class::NotFound) => {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            answer => return answer.unwrap(),
        }
    }
}

async fn ready(aws: &Aws, mut observed: Observed) -> Observed {
    while observed.readiness == Readiness::Pending {
        tokio::time::sleep(Duration::from_secs(5)).await;
        observed = only(aws, observed.kind(), &Query::Ids(vec![observed.id])).await;
    }
    observed
}

async fn all(aws: &Aws, kind: Kind, query: &Query) -> Vec<Observed> {
    let listing = kind.list(aws, query).await.unwrap();
    assert_eq!(listing.unreadable, []);
    listing.found.into_iter().filter(|observed| observed.kind() == kind).collect()
}

async fn only(aws: &Aws, kind: Kind, query: &Query) -> Observed {
    let [only] = all(aws, kind, query).await.try_into().unwrap();
    only
}

struct Network {
    vpc: Observed,
    a: Observed,
    b: Observed,
    groups: [Observed; 2],
}

async fn network(aws: &Aws) -> Network {
    let vpc = Vpc { cidr: "10.0.0.0/16".parse().unwrap(), dns_support: Some(true), dns_hostnames: Some(true) };
    let vpc = made(aws, "vpc", vpc).await;
    let subnet = |third: u8, letter: &str| Subnet {
        vpc: Ref::known(&vpc.id),
        cidr: format!("10.0.{third}.0/24").parse().unwrap(),
        zone: format!("{REGION}{letter}"),
        public: false,
    };
    let group =
        |name: &str| SecurityGroup { vpc: Ref::known(&vpc.id), name: name.into(), description: "Of a test".into() };
    let (a, b) = (made(aws, "subnet/a", subnet(0, "a")).await, made(aws, "subnet/b", subnet(1, "b")).await);
    let groups = [made(aws, "group/one", group("one")).await, made(aws, "group/two", group("two")).await];
    Network { vpc, a, b, groups }
}

async fn role(aws: &Aws, name: &str) -> Ref<Role> {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    });
    let role = Role {
        name: name.into(),
        path: lab_name(LAB, REGION).path,
        description: "Of a test".into(),
        trust: Policy::new(trust),
        max_session_seconds: 3600,
        permissions_boundary: None,
    };
    Ref::known(made(aws, name, role).await.id)
}

async fn profile(aws: &Aws, role: &Ref<Role>) -> InstanceProfile {
    let path = lab_name(LAB, REGION).path;
    let profile = InstanceProfile { name: "hosts".into(), path, role: Some(role.clone()) };
    made(aws, "profile", profile.clone()).await;
    profile
}

async fn host(aws: &Aws, network: &Network) -> Instance {
    let name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
    let image = aws.ssm.get_parameter().name(name).send().await.unwrap();
    let tokens = "required".into();
    Instance {
        subnet: Ref::known(&network.a.id),
        private_address: "10.0.0.20".parse().unwrap(),
        public: false,
        image: image.parameter().and_then(|image| image.value()).unwrap().to_owned(),
        instance_type: "t3.micro".into(),
        security_groups: vec![Ref::known(&network.groups[0].id)].into(),
        key_pair: None,
        instance_profiles: Set::default(),
        user_data: Some("#!/bin/bash\necho hello\n".into()),
        metadata: Metadata { endpoint: "enabled".into(), tokens, hop_limit: 1, tags: "disabled".into() },
        root_volume: Some(RootVolume {
            size_gib: 30,
            volume_type: "gp3".into(),
            encrypted: false,
            kms_key: None,
            delete_on_termination: true,
        }),
        source_dest_check: true,
        termination_protection: Some(false),
        running: true,
    }
}

#[test]
fn a_host_is_as_drawn_and_its_parts_are_tagged_apart() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let aws = ann(&sandbox);
        let network = network(&aws).await;
        let host = Instance { source_dest_check: false, ..host(&aws, &network).await };
        let observed = made(&aws, "host", host.clone()).await;
        assert_eq!(only(&aws, Kind::Instance, &of_lab()).await.spec, host.into());

        let tags = by_hand(&sandbox, "ec2", "DescribeTags", json!({})).unwrap();
        let tags = tags["Tags"].as_array().unwrap().iter().filter(|tag| tag["Key"] == "breezeway:address");
        let mut parts: Vec<_> = tags.filter_map(|tag| tag["Value"].as_str()?.strip_prefix("host/")).collect();
        parts.sort_unstable();
        assert_eq!(parts, ["network-interface", "volume"]);
        assert_eq!(all(&aws, Kind::Volume, &of_lab()).await, [], "{} has it", observed.id);
    });
}

#[test]
fn the_user_data_of_somebody_elses_host_is_not_read() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        sandbox.log_requests();
        let aws = ann(&sandbox);
        let network = network(&aws).await;
        let host = host(&aws, &network).await;
        let (spec, creation) = (Spec::from(host.clone()), Creation::default());
        let theirs = insist(|| spec.create(&aws, &creation)).await;
        ready(&aws, theirs).await;
        let found = only(&aws, Kind::Instance, &Query::Inside(vec![network.vpc.id])).await;
        assert_eq!(found.unread, ["user_data"]);
        assert_eq!(found.spec, Instance { user_data: None, ..host }.into());
        let read = sandbox.requests();
        assert!(read.iter().all(|line| !line.contains("userData")), "{read:?}");
        assert!(read.iter().any(|line| line.contains("disableApiTermination")), "{read:?}");
    });
}

#[test]
fn the_attributes_of_a_vpc_are_shown_once_it_is_complete() {
    skipping().block_on(async {
        let mut waited = false;
        for seed in 0..20 {
            let sandbox = world(seed, Dials { staleness: Some(Duration::from_secs(5)), ..Dials::default() });
            sandbox.log_requests();
            let aws = ann(&sandbox);
            let vpc = Vpc { cidr: "10.0.0.0/16".parse().unwrap(), dns_support: Some(true), dns_hostnames: Some(true) };
            let spec = Spec::from(vpc);
            let made = spec.create(&aws, &Creation::default()).await.unwrap();
            let complete = || spec.complete(&aws, &made.id);
            while complete().await.is_err_and(|failure| failure.class == Class::NotFound) {}
            let answers: Vec<_> = sandbox.requests().into_iter().filter(|line| line.starts_with("= ")).collect();
            assert!(answers.last().unwrap().contains("DescribeVpcAttribute"), "seed {seed}: {answers:?}");
            waited |= answers.iter().filter(|line| line.contains("DescribeVpcAttribute")).count() > 1;
        }
        assert!(waited, "one look was never too early");
    });
}

#[test]
fn a_host_changes_in_place_and_starts_again() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let aws = ann(&sandbox);
        let network = network(&aws).await;
        let as_made = host(&aws, &network).await;
        let id = made(&aws, "host", as_made.clone()).await.id;
        let role = role(&aws, "hosts").await;
        let profile = profile(&aws, &role).await;
        let mut wanted = Instance {
            public: true,
            security_groups: network.groups.iter().map(|group| Ref::known(&group.id)).collect(),
            instance_profiles: vec![Ref::known(&profile.name)].into(),
            metadata: Metadata { hop_limit: 2, tags: "enabled".into(), ..as_made.metadata.clone() },
            source_dest_check: false,
            termination_protection: Some(true),
            ..as_made
        };
        changed(&aws, &only(&aws, Kind::Instance, &of_lab()).await, wanted.clone()).await;
        let observed = only(&aws, Kind::Instance, &of_lab()).await;
        assert_eq!(observed.spec, wanted.clone().into());
        assert!(observed.output("public_ip").is_some());

        by_hand(&sandbox, "ec2", "StopInstances", json!({"InstanceIds": [id]})).unwrap();
        let stopped = ready(&aws, only(&aws, Kind::Instance, &of_lab()).await).await;
        assert_eq!(stopped.state, "stopped");
        changed(&aws, &only(&aws, Kind::Instance, &of_lab()).await, wanted.clone()).await;
        ready(&aws, only(&aws, Kind::Instance, &of_lab()).await).await;
        assert_eq!(only(&aws, Kind::Instance, &of_lab()).await.spec, wanted.clone().into());

        (wanted.public, wanted.instance_profiles) = (false, Set::default());
        changed(&aws, &only(&aws, Kind::Instance, &of_lab()).await, wanted.clone()).await;
        assert_eq!(only(&aws, Kind::Instance, &of_lab()).await.spec, wanted.into());
    });
}

#[test]
fn a_protected_host_goes_and_the_volume_that_it_leaves_is_the_labs() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let aws = ann(&sandbox);
        let network = network(&aws).await;
        let host = Instance { termination_protection: Some(true), ..host(&aws, &network).await };
        let id = made(&aws, "host", host).await.id;
        let kept = json!([{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": false}}]);
        let kept = json!({"InstanceId": id, "BlockDeviceMappings": kept});
        by_hand(&sandbox, "ec2", "ModifyInstanceAttribute", kept).unwrap();

        let observed = only(&aws, Kind::Instance, &of_lab()).await;
        observed.delete(&aws).await.unwrap();
        observed.delete(&aws).await.unwrap();
        assert_eq!(only(&aws, Kind::Instance, &of_lab()).await.readiness, Readiness::Deleting);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(all(&aws, Kind::Instance, &of_lab()).await, []);
        let ended = only(&aws, Kind::Instance, &Query::Ids(vec![id])).await;
        assert!(matches!(ended.readiness, Readiness::Failed(_)), "AWS still shows it");

        let volume = only(&aws, Kind::Volume, &of_lab()).await;
        assert_eq!(volume.address().unwrap().as_str(), "host/volume");
        volume.delete(&aws).await.unwrap();
        assert_eq!(all(&aws, Kind::Volume, &of_lab()).await, []);
    });
}

#[test]
fn a_profile_hands_out_another_role_and_is_emptied_before_it_goes() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let aws = ann(&sandbox);
        let (one, two) = (role(&aws, "one").await, role(&aws, "two").await);
        let first = profile(&aws, &one).await;
        let observed = only(&aws, Kind::InstanceProfile, &of_lab()).await;
        assert_eq!(observed.spec, first.clone().into());
        assert_eq!(observed.address().unwrap().as_str(), "profile");

        let wanted = InstanceProfile { role: Some(two), ..first };
        changed(&aws, &observed, wanted.clone()).await;
        let observed = only(&aws, Kind::InstanceProfile, &of_lab()).await;
        assert_eq!(observed.spec, wanted.into());
        observed.delete(&aws).await.unwrap();
        assert_eq!(observed.delete(&aws).await.unwrap_err().class, Class::NotFound);
    });
}

#[test]
fn a_resolver_endpoint_moves_to_other_addresses() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let aws = ann(&sandbox);
        let network = network(&aws).await;
        let placement = |subnet: &Observed, address: &str| Placement {
            subnet: Ref::known(&subnet.id),
            address: Some(address.parse().unwrap()),
        };
        let mut wanted = ResolverEndpoint {
            vpc: Ref::known(&network.vpc.id),
            name: "breezeway-demo-inbound".into(),
            direction: "INBOUND".into(),
            placements: vec![placement(&network.a, "10.0.0.10"), placement(&network.b, "10.0.1.10")].into(),
            security_groups: vec![Ref::known(&network.groups[0].id)].into(),
            protocols: vec!["Do53".to_owned()].into(),
            ip_address_type: "IPV4".into(),
        };
        made(&aws, "resolver", wanted.clone()).await;
        let observed = only(&aws, Kind::ResolverEndpoint, &of_lab()).await;
        assert_eq!(observed.spec, wanted.clone().into());
        assert_eq!(observed.address().unwrap().as_str(), "resolver");

        wanted.placements = vec![placement(&network.a, "10.0.0.11"), placement(&network.b, "10.0.1.11")].into();
        wanted.name = "renamed".into();
        changed(&aws, &observed, wanted.clone()).await;
        let inside = Query::Inside(vec![network.vpc.id]);
        let observed = only(&aws, Kind::ResolverEndpoint, &inside).await;
        assert_eq!(observed.spec, wanted.into());

        observed.delete(&aws).await.unwrap();
        observed.delete(&aws).await.unwrap();
        assert_eq!(only(&aws, Kind::ResolverEndpoint, &inside).await.readiness, Readiness::Deleting);
        tokio::time::sleep(Duration::from_secs(90)).await;
        assert_eq!(all(&aws, Kind::ResolverEndpoint, &Query::Ids(vec![observed.id])).await, []);
    });
}

#[test]
fn an_interface_endpoint_is_where_it_was_moved_to_once_it_is_changed() {
    skipping().block_on(async {
        let sandbox = world(1, Dials { staleness: Some(Duration::from_secs(3)), ..Dials::default() });
        let aws = ann(&sandbox);
        let network = network(&aws).await;
        let placement = |subnet: &Observed, address: &str| Placement {
            subnet: Ref::known(&subnet.id),
            address: Some(address.parse().unwrap()),
        };
        let mut wanted = InterfaceEndpoint {
            vpc: Ref::known(&network.vpc.id),
            service: format!("com.amazonaws.{REGION}.lambda"),
            placements: vec![placement(&network.a, "10.0.0.10")].into(),
            security_groups: vec![Ref::known(&network.groups[0].id)].into(),
            private_dns: true,
            private_dns_only_for_inbound_resolver_endpoint: false,
            policy: Policy::full_access(),
            ip_address_type: "ipv4".into(),
            dns_record_ip_type: "ipv4".into(),
        };
        made(&aws, "endpoint", wanted.clone()).await;
        let inside = Query::Inside(vec![network.vpc.id]);
        let observed = only(&aws, Kind::InterfaceEndpoint, &inside).await;
        assert_eq!(observed.spec, wanted.clone().into());
        for placements in [
            vec![placement(&network.a, "10.0.0.10"), placement(&network.b, "10.0.1.10")],
            vec![placement(&network.b, "10.0.1.10")],
        ] {
            wanted.placements = placements.into();
            let observed = only(&aws, Kind::InterfaceEndpoint, &inside).await;
            Spec::from(wanted.clone()).change(&aws, &observed).await.unwrap();
            let observed = only(&aws, Kind::InterfaceEndpoint, &inside).await;
            assert_eq!((observed.readiness, observed.spec), (Readiness::Ready, wanted.clone().into()));
        }
    });
}
