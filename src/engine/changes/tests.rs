use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::aws::{Class, Failure, tags};
use crate::blueprint::draw;
use crate::drift::drift;
use crate::engine::testing::{blueprint, built, facts};
use crate::plan::{Plan, Source, parse};
use crate::resource::Set;
use crate::resource::instance_profile::InstanceProfile;
use crate::resource::internet_gateway::InternetGateway;

const PLAN: &str = "name = \"demo\"";

fn between(blueprint: &Blueprint, survey: &Survey) -> Changes {
    Changes::between(blueprint, survey, &Holdings::sort(blueprint, survey))
}

fn told(changes: &Changes) -> Vec<String> {
    changes.steps.iter().map(Step::told).collect()
}

fn position(changes: &Changes, told: &str) -> usize {
    self::told(changes).iter().position(|step| step == told).unwrap_or_else(|| panic!("no step `{told}`"))
}

/// Whether one step comes before another, directly or through others.
fn comes_before(changes: &Changes, one: &str, two: &str) -> bool {
    let (one, mut reached) = (position(changes, one), BTreeSet::from([position(changes, two)]));
    loop {
        let more: BTreeSet<usize> = reached.iter().flat_map(|index| changes.after[*index].iter().copied()).collect();
        let before = reached.len();
        reached.extend(more);
        if reached.len() == before {
            return reached.contains(&one);
        }
    }
}

#[test]
fn a_lab_that_stands_as_drawn_needs_nothing() {
    let blueprint = blueprint(PLAN);
    assert!(between(&blueprint, &built(&blueprint)).is_empty());
}

#[test]
fn a_new_lab_is_made_each_thing_after_what_it_refers_to() {
    let blueprint = blueprint(PLAN);
    let changes = between(&blueprint, &Survey::default());
    assert_eq!(changes.steps.len(), blueprint.len());
    assert!(comes_before(&changes, "create studio/vpc", "create studio/route-table/private/route/peering"));
    assert!(!comes_before(&changes, "create access/role/portal", "create peering"));
}

#[test]
fn a_vpc_of_another_range_takes_everything_in_it_along_and_goes_first() {
    let old = blueprint(PLAN);
    let new = blueprint("name = \"demo\"\n[studio]\ncidr = \"10.40.0.0/16\"\n");
    let changes = between(&new, &built(&old));
    changes.graph().unwrap();
    assert!(comes_before(&changes, "delete studio/subnet/private-a", "delete studio/vpc"));
    assert!(comes_before(&changes, "delete peering", "delete studio/vpc"));
    assert!(comes_before(&changes, "delete studio/vpc", "create studio/vpc"));
    assert!(told(&changes).iter().all(|step| !step.ends_with(" onprem/vpc")));
}

#[test]
fn what_can_stand_beside_its_successor_goes_last_and_is_named_by_it() {
    let blueprint = blueprint(PLAN);
    let mut survey = built(&blueprint);
    if let Spec::SecurityGroup(group) = &mut survey.at("onprem/security-group/dns").spec {
        group.name = "an-older-name".into();
    }
    let changes = between(&blueprint, &survey);
    changes.graph().unwrap();
    assert!(comes_before(&changes, "create onprem/security-group/dns", "delete onprem/security-group/dns"));
    let Work::Create { replaces, .. } = &changes.steps[position(&changes, "create onprem/security-group/dns")].work
    else {
        panic!("a create")
    };
    assert_eq!(replaces.as_deref(), Some("id:onprem/security-group/dns"));
}

#[test]
fn swapped_ranges_are_freed_before_they_are_taken() {
    let blueprint = blueprint(PLAN);
    let mut survey = built(&blueprint);
    let range = |survey: &mut Survey, letter: &str, range: &str| {
        if let Spec::Subnet(subnet) = &mut survey.at(&format!("studio/subnet/private-{letter}")).spec {
            subnet.cidr = range.parse().unwrap();
        }
    };
    range(&mut survey, "a", "10.16.96.0/20");
    range(&mut survey, "b", "10.16.32.0/20");
    let changes = between(&blueprint, &survey);
    changes.graph().unwrap();
    assert!(comes_before(&changes, "delete studio/subnet/private-b", "create studio/subnet/private-a"));
    assert!(comes_before(&changes, "delete studio/subnet/private-a", "create studio/subnet/private-b"));
}

#[test]
fn a_host_that_is_replaced_beside_subnets_that_swap_ranges_makes_no_circle() {
    let blueprint = blueprint("name = \"demo\"\n[app_server]\nenabled = true\n");
    let mut survey = built(&blueprint);
    for (letter, range) in [("a", "192.168.10.64/26"), ("b", "192.168.10.0/26")] {
        if let Spec::Subnet(subnet) = &mut survey.at(&format!("onprem/subnet/private-{letter}")).spec {
            subnet.cidr = range.parse().unwrap();
        }
    }
    if let Spec::Instance(host) = &mut survey.at("onprem/app").spec {
        host.private_address = "192.168.10.149".parse().unwrap();
    }
    let changes = between(&blueprint, &survey);
    changes.graph().unwrap();
    assert!(comes_before(&changes, "create onprem/app", "delete onprem/app"));
}

#[test]
fn a_host_that_is_replaced_beside_another_vpc_that_is_made_anew_makes_no_circle() {
    let plan = "name = \"demo\"\n[app_server]\nenabled = true\n";
    let with_endpoint = format!("{plan}[[studio.gateway_endpoints]]\nservice = \"dynamodb\"\n");
    let mut survey = built(&blueprint(&with_endpoint));
    if let Spec::Instance(host) = &mut survey.at("onprem/app").spec {
        host.private_address = "192.168.10.149".parse().unwrap();
    }
    let changes = between(&blueprint(&format!("{plan}[studio]\ncidr = \"10.40.0.0/16\"\n")), &survey);
    changes.graph().unwrap();
    assert!(comes_before(&changes, "create onprem/app", "delete onprem/app"));
    assert!(comes_before(&changes, "delete studio/gateway-endpoint/dynamodb", "create studio/vpc"));
}

#[test]
fn a_host_starts_once_its_own_vpc_has_its_routes() {
    let plan = "name = \"demo\"\n[onprem]\ninternet_gateway = true\n[app_server]\nenabled = true\n";
    let changes = between(&blueprint(plan), &Survey::default());
    assert!(comes_before(&changes, "create onprem/route-table/public/route/internet", "create onprem/app"));
    assert!(comes_before(&changes, "create onprem/route-table/public/association/a", "create onprem/app"));
    assert!(!comes_before(&changes, "create studio/route-table/private/association/a", "create onprem/app"));
}

#[test]
fn what_guard_duty_put_into_a_vpc_is_nobodys_fault_and_goes_with_it() {
    let plan = "name = \"demo\"\n[[studio.endpoints]]\nservice = \"studio\"\n[app_server]\nenabled = true\n";
    let drawn = blueprint(plan);
    let mut survey = built(&drawn);
    survey.copy("studio/security-group/endpoints", "sg-guard", |copy| {
        copy.tags.clear();
        if let Spec::SecurityGroup(group) = &mut copy.spec {
            group.name = format!("GuardDutyManagedSecurityGroup-{}", group.vpc.text());
        }
    });
    survey.copy("studio/endpoint/studio", "vpce-guard", |copy| {
        copy.tags = [("GuardDutyManaged".to_owned(), "true".to_owned())].into();
        if let Spec::InterfaceEndpoint(endpoint) = &mut copy.spec {
            endpoint.service = "com.amazonaws.eu-west-1.guardduty-data".into();
            endpoint.security_groups = [Ref::known("sg-guard")].into_iter().collect();
        }
    });
    assert_eq!(told(&between(&drawn, &survey)), Vec::<String>::new());
    assert_eq!(drift(&drawn, &survey), []);

    let nothing = Blueprint::empty(drawn.lab.clone());
    let changes = between(&nothing, &survey);
    let (endpoint, group) = ("delete interface_endpoint vpce-guard", "delete security_group sg-guard");
    assert!(comes_before(&changes, "delete onprem/app", endpoint));
    assert!(comes_before(&changes, endpoint, "delete studio/subnet/private-a"));
    assert!(comes_before(&changes, endpoint, group) && comes_before(&changes, group, "delete studio/vpc"));
}

#[test]
fn private_names_of_s3_come_after_its_gateway_and_go_before_it() {
    let gateway = "[[studio.gateway_endpoints]]\nservice = \"s3\"\n";
    let endpoint = "[[studio.endpoints]]\nservice = \"s3\"\n";
    let both = blueprint(&format!("name = \"demo\"\n{gateway}{endpoint}"));
    let (s3, gateway) = ("studio/endpoint/s3", "studio/gateway-endpoint/s3");
    let changes = between(&both, &Survey::default());
    assert!(comes_before(&changes, &format!("create {gateway}"), &format!("create {s3}")));
    let changes = between(&Blueprint::empty(both.lab.clone()), &built(&both));
    assert!(comes_before(&changes, &format!("delete {s3}"), &format!("delete {gateway}")));

    let neither = blueprint(&format!("name = \"demo\"\n{endpoint}private_dns = false\n"));
    let changes = between(&neither, &built(&both));
    assert!(comes_before(&changes, &format!("update {s3}"), &format!("delete {gateway}")));
    let changes = between(&both, &built(&neither));
    assert!(comes_before(&changes, &format!("create {gateway}"), &format!("update {s3}")));
}

#[test]
fn a_domain_is_answered_for_by_one_after_the_other() {
    let endpoint = "name = \"demo\"\n[[studio.endpoints]]\nservice = \"lambda\"\n";
    let (by_endpoint, by_zone) = (blueprint(endpoint), blueprint(&format!("{endpoint}hosted_zone = true\n")));
    let (door, zone) = ("studio/endpoint/lambda", "studio/hosted-zone/lambda");
    let changes = between(&by_zone, &built(&by_endpoint));
    assert!(comes_before(&changes, &format!("update {door}"), &format!("create {zone}")));
    let changes = between(&by_endpoint, &built(&by_zone));
    assert!(comes_before(&changes, &format!("delete {zone}"), &format!("update {door}")));
}

#[test]
fn what_still_names_something_on_its_way_out_does_not_hold_up_its_successor() {
    let drawn = blueprint(crate::plan::Source::built_in("@studio-private-access").unwrap().text.as_str());
    let mut survey = built(&drawn);
    let door = "studio/endpoint/execute-api";
    survey.at(door).readiness = Readiness::Deleting;
    let changes = between(&drawn, &survey);
    assert!(comes_before(&changes, &format!("delete {door}"), &format!("create {door}")));
    assert!(comes_before(&changes, &format!("create {door}"), "update portal/api"));
    assert!(changes.graph().is_ok());
}

#[test]
fn what_is_on_its_way_out_is_waited_for_where_something_new_needs_its_name() {
    let drawn = blueprint("name = \"demo\"\n[[studio.endpoints]]\nservice = \"studio\"\n");
    let mut survey = built(&drawn);
    survey.at("studio/endpoint/studio").readiness = Readiness::Deleting;
    let changes = between(&drawn, &survey);
    assert!(comes_before(&changes, "delete studio/endpoint/studio", "create studio/endpoint/studio"));
    if let Spec::InterfaceEndpoint(endpoint) = &mut survey.at("studio/endpoint/studio").spec {
        (endpoint.private_dns, endpoint.placements) = (false, Set::default());
    }
    assert_eq!(told(&between(&drawn, &survey)), ["create studio/endpoint/studio"]);
}

#[test]
fn where_all_goes_what_is_on_its_way_out_is_waited_for_and_nobody_is_asked_again() {
    let plan = "[[studio.endpoints]]\nservice = \"studio\"\n[domain]\nenabled = true\nhome_file_system = true\n";
    let drawn = blueprint(&format!("name = \"demo\"\n{plan}"));
    let mut survey = built(&drawn);
    for leaving in ["domain", "studio/endpoint/studio"] {
        survey.at(leaving).readiness = Readiness::Deleting;
    }
    let changes = between(&Blueprint::empty(drawn.lab.clone()), &survey);
    changes.graph().unwrap();
    assert!(changes.after[position(&changes, "delete domain")].is_empty());
    assert!(comes_before(&changes, "delete studio/endpoint/studio", "delete studio/security-group/endpoints"));
    assert!(comes_before(&changes, "delete domain", "delete studio/subnet/private-a"));
    assert_eq!(changes.lost_user_data(&survey), [""; 0]);
}

#[test]
fn a_field_that_aws_changes_in_place_is_an_update() {
    let blueprint = blueprint(PLAN);
    let mut survey = built(&blueprint);
    survey.at("studio/vpc").tags.remove("Name");
    if let Spec::Subnet(subnet) = &mut survey.at("onprem/subnet/public-b").spec {
        subnet.public = false;
    }
    let changes = between(&blueprint, &survey);
    assert_eq!(told(&changes), ["update onprem/subnet/public-b", "update studio/vpc"]);
}

#[test]
fn a_child_that_lost_its_tags_is_known_by_its_place_and_tagged_again() {
    let blueprint = blueprint(PLAN);
    let mut survey = built(&blueprint);
    survey.at("studio/subnet/private-a").tags.clear();
    survey.at("onprem/route-table/public").tags.clear();
    let changes = between(&blueprint, &survey);
    assert_eq!(told(&changes), ["update onprem/route-table/public", "update studio/subnet/private-a"]);
}

#[test]
fn a_child_with_half_its_tags_that_the_plan_has_no_place_for_goes() {
    let old = blueprint(PLAN);
    let mut survey = built(&old);
    survey.at("studio/subnet/private-a").tags.remove(tags::LAB);
    let new = blueprint("name = \"demo\"\n[studio.private]\na = \"10.16.128.0/20\"\nb = \"10.16.96.0/20\"\n");
    let changes = between(&new, &survey);
    assert!(told(&changes).contains(&"delete studio/subnet/private-a".to_owned()), "{:?}", told(&changes));
    assert!(told(&changes).contains(&"create studio/subnet/private-a".to_owned()));
}

#[test]
fn what_carries_the_labs_name_and_no_address_goes_wherever_it_is() {
    let blueprint = blueprint(PLAN);
    let mut survey = built(&blueprint);
    let mut gateway = Observed::standing("igw-1", survey.at("studio/vpc").tags.clone(), InternetGateway { vpc: None });
    gateway.tags.remove(tags::ADDRESS);
    survey.found.push(gateway);
    assert_eq!(told(&between(&blueprint, &survey)), ["delete internet_gateway igw-1"]);
}

#[test]
fn a_set_of_dhcp_options_that_somebody_associated_is_not_taken_for_the_labs() {
    let plan = "name = \"demo\"\n[[studio.endpoints]]\nservice = \"studio\"\n[dns]\nmode = \"dhcp\"\n";
    let blueprint = blueprint(plan);
    let mut survey = built(&blueprint);
    survey.at("onprem/dhcp-options").tags.clear();
    let unproven = |survey: &Survey| Holdings::sort(&blueprint, survey).unproven().count();
    assert_eq!(unproven(&survey), 1, "it is as the plan has it");
    if let Spec::DhcpOptions(set) = &mut survey.at("onprem/dhcp-options").spec {
        set.options.insert("domain-name-servers".into(), vec!["8.8.8.8".into()]);
    }
    assert_eq!(unproven(&survey), 0);
    let steps = ["create onprem/dhcp-options", "update onprem/dhcp-options/association"];
    assert_eq!(told(&between(&blueprint, &survey)), steps);
}

#[test]
fn a_role_under_the_labs_path_without_its_tag_is_never_passed_over() {
    let drawn = blueprint(PLAN);
    let mut survey = built(&drawn);
    survey.at("access/role/portal").tags.clear();
    let nothing = Blueprint::empty(drawn.lab.clone());
    let foreign = |blueprint: &Blueprint| Holdings::sort(blueprint, &survey).foreign.len();
    assert_eq!((foreign(&drawn), foreign(&nothing)), (0, 1));
}

#[test]
fn a_root_that_lost_its_tag_is_unproven_and_left_alone() {
    let blueprint = blueprint(PLAN);
    let mut survey = built(&blueprint);
    survey.at("studio/vpc").tags.clear();
    let holdings = Holdings::sort(&blueprint, &survey);
    assert_eq!(holdings.unproven().map(|(address, _)| address.as_str()).collect::<Vec<_>>(), ["studio/vpc"]);
    assert!(Changes::between(&blueprint, &survey, &holdings).is_empty());
}

#[test]
fn of_two_holders_the_replacement_stays() {
    let blueprint = blueprint(PLAN);
    let mut survey = built(&blueprint);
    survey.copy("onprem/route-table/private", "new", |copy| {
        copy.tags.insert(tags::REPLACES.into(), "id:onprem/route-table/private".into());
    });
    let holdings = Holdings::sort(&blueprint, &survey);
    assert_eq!(holdings.held[&"onprem/route-table/private".into()].observed.id, "new");
}

#[test]
fn of_two_holders_the_one_that_the_lab_refers_to_stays_else_the_lower_id() {
    let blueprint = blueprint(PLAN);
    let mut survey = built(&blueprint);
    survey.copy("studio/vpc", "a-lower-id", |_| {});
    let changes = between(&blueprint, &survey);
    assert_eq!(told(&changes), ["delete studio/vpc"]);
    assert!(matches!(&changes.steps[0].work, Work::Delete { observed } if observed.id == "a-lower-id"));

    let only = Survey { found: vec![survey.at("studio/vpc").clone()], ..survey.clone() };
    let mut two = only.clone();
    two.copy("studio/vpc", "a-lower-id", |_| {});
    let holdings = Holdings::sort(&blueprint, &two);
    assert_eq!(holdings.held[&"studio/vpc".into()].observed.id, "a-lower-id");
}

#[test]
fn a_rule_that_nobody_asked_for_goes_and_a_foreign_subnet_stays() {
    let blueprint = blueprint(PLAN);
    let mut survey = built(&blueprint);
    survey.copy("onprem/security-group/dns/rule/tcp-53-from-192.168.10.0/24", "sgr-open", |copy| {
        copy.tags.clear();
        if let Spec::SecurityGroupRule(rule) = &mut copy.spec {
            (rule.from_port, rule.to_port) = (Some(22), Some(22));
        }
    });
    survey.copy("onprem/subnet/private-a", "subnet-foreign", |copy| {
        copy.tags.clear();
        if let Spec::Subnet(subnet) = &mut copy.spec {
            subnet.cidr = "192.168.10.240/28".parse().unwrap();
        }
    });
    let holdings = Holdings::sort(&blueprint, &survey);
    assert_eq!(holdings.foreign.iter().map(|foreign| foreign.id.as_str()).collect::<Vec<_>>(), ["subnet-foreign"]);
    let changes = Changes::between(&blueprint, &survey, &holdings);
    assert_eq!(told(&changes), ["delete security_group_rule sgr-open"]);
}

#[test]
fn a_vpc_with_something_foreign_in_it_is_not_replaced() {
    let old = blueprint(PLAN);
    let mut survey = built(&old);
    survey.copy("onprem/security-group/dns", "sg-foreign", |copy| {
        copy.tags.clear();
        if let Spec::SecurityGroup(group) = &mut copy.spec {
            group.name = "theirs".into();
        }
    });
    let new = blueprint("name = \"demo\"\n[onprem]\ncidr = \"192.168.20.0/24\"\n");
    let changes = between(&new, &survey);
    let refused = |told: &str| changes.steps[position(&changes, told)].refused.is_some();
    assert!(refused("delete onprem/vpc") && refused("create onprem/vpc"));
    assert!(refused("delete onprem/subnet/private-a"), "or the VPC would stand there emptied");
}

#[test]
fn what_could_not_be_read_is_not_made() {
    let blueprint = blueprint(PLAN);
    let mut survey = Survey::default();
    survey.unreadable.insert(Kind::Vpc, Failure::here("DescribeVpcs", Class::Denied, "no"));
    let changes = between(&blueprint, &survey);
    assert!(changes.steps[position(&changes, "create onprem/vpc")].refused.is_some());
    assert!(changes.steps[position(&changes, "create access/role/portal")].refused.is_none());
}

#[test]
fn roles_that_lambda_may_need_stay_where_its_network_interfaces_could_not_be_read() {
    let drawn = blueprint(
        "name = \"demo\"\n[[studio.gateway_endpoints]]\nservice = \"dynamodb\"\n\
         [[studio.endpoints]]\nservice = \"studio\"\n[[studio.endpoints]]\nservice = \"sagemaker.api\"\n\
         [[studio.endpoints]]\nservice = \"execute-api\"\n[access]\nmode = \"source-vpce\"\n\
         [domain]\nenabled = true\n[sign_in]\nenabled = true\n[portal]\nenabled = true\n",
    );
    let mut survey = built(&drawn);
    survey.unreadable.insert(Kind::NetworkInterface, Failure::here("DescribeVpcEndpoints", Class::Denied, "no"));
    let changes = between(&Blueprint::empty(drawn.lab.clone()), &survey);
    let refused = |step: &str| changes.steps[position(&changes, step)].refused.is_some();
    let attachment = "role_policy_attachment id:access/role/portal/vpc-access";
    for needed in ["access/role/portal", attachment, "portal/authorizer/role"] {
        assert!(refused(&format!("delete {needed}")), "{needed}");
    }
    for other in ["domain/role/execution", "portal/presign", "studio/vpc"] {
        assert!(!refused(&format!("delete {other}")), "{other}");
    }
}

#[test]
fn what_stands_in_something_that_could_not_be_read_stays_as_it_is() {
    let blueprint = blueprint(PLAN);
    let mut survey = built(&blueprint).without("onprem/vpc").without("studio/vpc");
    survey.unreadable.insert(Kind::Vpc, Failure::here("DescribeVpcs", Class::Denied, "no"));
    assert_eq!(told(&between(&blueprint, &survey)), ["create onprem/vpc", "create studio/vpc"], "both refused");
}

#[test]
fn a_key_pair_that_is_gone_comes_back_and_the_host_stays() {
    let key = include_str!("../testing.pub").trim();
    let drawn = blueprint(&format!("{PLAN}\n[app_server]\nenabled = true\npublic_key = \"{key}\""));
    let mut survey = built(&drawn);
    if let Spec::Instance(app) = &mut survey.at("onprem/app").spec {
        app.key_pair = Some(Ref::known("breezeway-demo"));
    }
    survey.at("onprem/app/key-pair").outputs.insert("name".into(), "breezeway-demo".into());
    assert!(between(&drawn, &survey).is_empty());
    let survey = survey.without("onprem/app/key-pair");
    assert_eq!(told(&between(&drawn, &survey)), ["create onprem/app/key-pair"]);
}

#[test]
fn a_role_goes_after_the_instance_profile_of_the_same_name() {
    let drawn = blueprint(PLAN);
    let mut survey = built(&drawn);
    let role = survey.at("access/role/portal").clone();
    let profile = InstanceProfile { name: "app".into(), path: "/".into(), role: Some(Ref::known("app")) };
    let tags = |address: &str| {
        let mut tags = role.tags.clone();
        tags.insert(tags::ADDRESS.into(), address.into());
        tags
    };
    let role = Observed { id: "app".into(), tags: tags("app/role"), ..role.clone() };
    survey.found = vec![role, Observed::standing("app", tags("app/profile"), profile)];
    let changes = between(&Blueprint::empty(drawn.lab.clone()), &survey);
    changes.graph().unwrap();
    assert!(comes_before(&changes, "delete app/profile", "delete app/role"));
}

#[test]
fn groups_whose_rules_name_each_other_lose_the_rules_first() {
    let drawn = blueprint(PLAN);
    let mut survey = built(&drawn);
    let (dns, rule) = ("id:onprem/security-group/dns", "onprem/security-group/dns/rule/tcp-53-from-192.168.10.0/24");
    survey.copy("onprem/security-group/dns", "sg-two", |copy| {
        copy.tags.insert(tags::ADDRESS.into(), "onprem/security-group/two".into());
        if let Spec::SecurityGroup(group) = &mut copy.spec {
            group.name = "two".into();
        }
    });
    let mut name_each_other = |id: &str, group: &str, peer: &str| {
        survey.copy(rule, id, |copy| {
            copy.tags.insert(tags::ADDRESS.into(), id.into());
            if let Spec::SecurityGroupRule(rule) = &mut copy.spec {
                rule.group = Ref::known(group);
                rule.peer = crate::resource::security_group_rule::Peer::Group(Ref::known(peer));
            }
        });
    };
    name_each_other("one-names-two", dns, "sg-two");
    name_each_other("two-names-one", "sg-two", dns);
    let nothing = Blueprint::empty(drawn.lab.clone());
    let changes = between(&nothing, &survey);
    changes.graph().unwrap();
    assert!(comes_before(&changes, "delete one-names-two", "delete onprem/security-group/two"));
    assert!(comes_before(&changes, "delete two-names-one", "delete onprem/security-group/dns"));
}

/// A random lab; none where what was drawn doesn't fit together.
fn random_plan(random: &mut ChaCha8Rng) -> Option<Plan> {
    let mut text = "name = \"demo\"\n[onprem]\n".to_owned();
    let mut draw = |lines: &[&str]| text += lines.choose(random).unwrap();
    draw(&["", "cidr = \"192.168.0.0/22\"\n", "cidr = \"172.20.4.0/23\"\n"]);
    draw(&["", "internet_gateway = true\n", "internet_gateway = true\nnat = true\n"]);
    draw(&["", "gateway_endpoints = [{ service = \"s3\" }]\n"]);
    draw(&["", "endpoints = [{ service = \"ssm\" }]\n"]);
    draw(&["[studio]\n", "[studio]\ncidr = \"10.40.0.0/20\"\n", "[studio]\ncidr = \"10.32.0.0/16\"\n"]);
    for service in ["s3", "dynamodb"] {
        draw(&["", &format!("[[studio.gateway_endpoints]]\nservice = \"{service}\"\n")]);
    }
    for service in ["studio", "sagemaker.api", "execute-api", "s3"] {
        let endpoint = format!("[[studio.endpoints]]\nservice = \"{service}\"\n");
        let (public, zone) = (format!("{endpoint}private_dns = false\n"), format!("{endpoint}hosted_zone = true\n"));
        draw(&["", &endpoint, &public, &zone]);
    }
    draw(&["", "", "[peering]\nenabled = false\n"]);
    draw(&["", "[access]\nrole = false\n", "[access]\nmode = \"source-vpc\"\n", "[access]\nmode = \"source-vpce\"\n"]);
    draw(&["", "[dns]\nmode = \"off\"\n", "[dns]\nmode = \"dhcp\"\n", "[dns]\nmode = \"server\"\n"]);
    draw(&["", "[app_server]\nenabled = true\n"]);
    draw(&["", "[domain]\nenabled = true\n", "[domain]\nenabled = true\nhome_file_system = true\nusers = [\"ann\"]\n"]);
    draw(&["", "[sign_in]\nenabled = true\n", "[sign_in]\nenabled = true\n[portal]\nenabled = true\n"]);
    let mut plan = parse(&Source { name: "random".into(), text }).ok()?;
    if random.random_bool(0.2) {
        std::mem::swap(&mut plan.onprem.private.a, &mut plan.onprem.private.b);
    }
    if random.random_bool(0.2) {
        std::mem::swap(&mut plan.studio.private.a, &mut plan.studio.private.b);
    }
    Some(plan)
}

#[test]
fn whatever_stands_and_whatever_is_asked_for_no_steps_need_each_other() {
    for seed in 0..3000 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (Some(old), Some(new)) = (random_plan(&mut random), random_plan(&mut random)) else { continue };
        let (old, new) = (draw(&old, &facts()), draw(&new, &facts()));
        let mut survey = built(&old);
        let whole = std::mem::take(&mut survey.found);
        for mut observed in whole {
            let kind = observed.kind();
            match random.random_range(0..30) {
                0 => continue,
                1 if kind.lingers() => observed.readiness = Readiness::Deleting,
                2 => observed.tags.clear(),
                3 => survey.found.push(Observed { id: format!("{} again", observed.id), ..observed.clone() }),
                4 => {
                    if let Spec::Instance(host) = &mut observed.spec {
                        host.private_address = "192.168.10.200".parse().unwrap();
                    }
                }
                _ => {}
            }
            survey.found.push(observed);
        }
        for blueprint in [&new, &Blueprint::empty(new.lab.clone())] {
            if let Err(circle) = between(blueprint, &survey).graph() {
                panic!("seed {seed}: {circle}");
            }
        }
    }
}
