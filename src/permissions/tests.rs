//! What every policy that is printed keeps to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex_lite::Regex;
use serde_json::{Value, json};

use super::*;
use crate::model::policy::Policy;
use crate::plan::{BUILT_IN, Source, parse};
use crate::resource::Kind;

/// A plan with something of every kind.
const WHOLE: &str = include_str!("../../tests/permissions/whole.toml");

fn plan(text: &str) -> Plan {
    parse(&Source { name: "test".into(), text: text.into() }).unwrap()
}

fn site() -> Site {
    Site { partition: "aws".into(), account: "111122223333".into(), region: "ap-southeast-2".into() }
}

/// The shipped plans, and two with everything: no plan has both modes of DNS, and one needs no key of its own.
fn plans() -> Vec<Plan> {
    let dhcp = everything().replace("mode = \"server\"\nimage = \"ami-0123456789abcdef0\"", "mode = \"dhcp\"");
    let dhcp = plan(&dhcp.replace("public_key = ", "# public_key = "));
    let shipped = BUILT_IN.iter().map(|(_, text)| plan(text));
    shipped.chain([plan(&everything()), dhcp]).collect()
}

/// A plan with all that a policy can depend on, and names as long as names may be.
fn everything() -> String {
    WHOLE
        .replace("name = \"demo\"", "name = \"a-name-as-long-as-names-may-be\"")
        .replace("us-east-1", "ap-southeast-2")
        .replace("mode = \"server\"", "mode = \"server\"\nimage = \"ami-0123456789abcdef0\"")
        .replace("[app_server]", "[app_server]\noperator_cidr = \"203.0.113.7/32\"")
        .replace(
            "[[studio.endpoints]]\nservice = \"sagemaker.api\"",
            "[[studio.endpoints]]\nservice = \"sagemaker.api\"\nhosted_zone = true",
        )
}

fn policies() -> Vec<(String, Permissions)> {
    let scopes = [Scope::All, Scope::ReadOnly];
    let both = plans().into_iter().flat_map(|plan| scopes.map(|scope| (plan.clone(), scope)));
    both.map(|(plan, scope)| (format!("{} {scope:?}", plan.name), permissions(&plan, &site(), scope))).collect()
}

fn statements_of(permissions: &Permissions) -> Vec<Value> {
    let of = |one: &Named| one.document["Statement"].as_array().unwrap().clone();
    permissions.policies.iter().flat_map(of).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn has_condition(statement: &Value, key: &str) -> bool {
    let operators = statement["Condition"].as_object().into_iter().flatten();
    operators.flat_map(|(_, keys)| keys.as_object().unwrap()).any(|(name, _)| name == key)
}

const OURS: &str = "aws:ResourceTag/breezeway:lab";

#[test]
fn each_action_is_named_in_full() {
    for (of, permissions) in policies() {
        for statement in statements_of(&permissions) {
            for action in texts(&statement["Action"]) {
                assert!(!action.contains(['*', '?']) && action.contains(':'), "{of}: {action}");
            }
        }
    }
}

#[test]
fn what_takes_something_away_is_limited_to_the_lab_or_says_why_not() {
    let takes =
        Regex::new("^[a-z0-9-]+:(Admin)?(DELETE|Delete|Detach|Disassociate|Release|Remove|Revoke|Terminate)").unwrap();
    for (of, permissions) in policies() {
        let reasons: BTreeSet<&str> = permissions.reasons.iter().map(|reason| reason.sid.as_str()).collect();
        let statements = statements_of(&permissions);
        let mut found = 0;
        for statement in &statements {
            for action in texts(&statement["Action"]).into_iter().filter(|action| takes.is_match(action)) {
                found += 1;
                let named = |resource: &&str| {
                    resource.contains("a-name-as-long")
                        || resource.contains("studio-private")
                        || ["foundation", "minimal", "skeleton"].iter().any(|lab| resource.contains(lab))
                };
                let by_name = texts(&statement["Resource"]).iter().all(named);
                let reasoned = reasons.contains(statement["Sid"].as_str().unwrap());
                assert!(has_condition(statement, OURS) || by_name || reasoned, "{of}: {action}");
            }
        }
        assert_eq!(found > 0, of.ends_with("All"), "{of}");
    }
}

#[test]
fn roles_are_passed_by_name_and_to_one_service() {
    let mut passed = 0;
    for (of, permissions) in policies() {
        for statement in statements_of(&permissions) {
            if !texts(&statement["Action"]).contains(&"iam:PassRole") {
                continue;
            }
            passed += 1;
            assert!(texts(&statement["Resource"]).iter().all(|role| !role.contains('*')), "{of}: {statement}");
            assert_eq!(texts(&statement["Condition"]["StringEquals"]["iam:PassedToService"]).len(), 1, "{of}");
        }
    }
    assert!(passed > 5);
}

#[test]
fn whatever_makes_a_role_more_powerful_is_limited_to_the_labs_and_to_its_boundary() {
    let statements = statements_of(&permissions(&plan(&everything()), &site(), Scope::All));
    let powerful = ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"];
    for action in powerful {
        let of: Vec<_> = statements.iter().filter(|one| texts(&one["Action"]).contains(&action)).collect();
        assert_eq!(of.len(), 1, "{action}");
        let path = "arn:aws:iam::111122223333:role/breezeway/ap-southeast-2/a-name-as-long-as-names-may-be/*";
        assert_eq!(of[0]["Resource"], path);
        assert_eq!(
            of[0]["Condition"]["StringEquals"]["iam:PermissionsBoundary"], "arn:aws:iam::aws:policy/PowerUserAccess",
            "{action}"
        );
    }
    let all: BTreeSet<&str> = statements.iter().flat_map(|one| texts(&one["Action"])).collect();
    assert!(!all.contains("iam:DeleteRolePermissionsBoundary"));
    let unbounded = plan("name = \"demo\"");
    let reasons = permissions(&unbounded, &site(), Scope::All).reasons;
    assert!(reasons.iter().any(|reason| reason.why.contains("permissions_boundary")));
}

#[test]
fn what_is_attached_is_what_the_plan_attaches() {
    let statements = statements_of(&permissions(&plan(&everything()), &site(), Scope::All));
    let attach = statements.iter().find(|one| one["Sid"] == "IamAttachRolePolicy").unwrap();
    assert_eq!(
        attach["Condition"]["ArnEquals"]["iam:PolicyARN"],
        json!([
            "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
            "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
        ])
    );
}

#[test]
fn new_things_carry_the_labs_tag_and_tags_are_given_to_new_things_or_to_the_labs() {
    for (of, permissions) in policies() {
        for statement in statements_of(&permissions) {
            let actions = texts(&statement["Action"]);
            let tags = actions.iter().any(|action| {
                ["ec2:CreateTags", "sagemaker:AddTags"].contains(action) || action.ends_with("TagResource")
            });
            if !tags {
                continue;
            }
            assert!(has_condition(&statement, "aws:RequestTag/breezeway:lab"), "{of}: {statement}");
            let named = texts(&statement["Resource"]).iter().all(|on| !on.ends_with("/*") && *on != "*");
            let keys = [
                "ec2:CreateAction",
                "sagemaker:TaggingAction",
                OURS,
                "aws:ResourceTag/ManagedByAmazonSageMakerResource",
            ];
            assert!(named || keys.iter().any(|key| has_condition(&statement, key)), "{of}: {statement}");
        }
    }
}

#[test]
fn what_belongs_to_a_region_is_asked_for_there_only() {
    for (of, permissions) in policies() {
        for statement in statements_of(&permissions) {
            let global = ["iam:", "route53:"];
            let actions = texts(&statement["Action"]);
            if actions.iter().all(|action| global.iter().any(|service| action.starts_with(service))) {
                continue;
            }
            let there = |on: &&str| on.split(':').nth(3) == Some("ap-southeast-2");
            let by_name = texts(&statement["Resource"]).iter().all(there);
            assert!(by_name || has_condition(&statement, "aws:RequestedRegion"), "{of}: {statement}");
        }
    }
}

#[test]
fn each_document_is_one_that_is_read_and_within_iams_limits() {
    let mut sizes = Vec::new();
    for (of, permissions) in policies() {
        let mut names = BTreeSet::new();
        for Named { name, document, characters } in &permissions.policies {
            let text = document.to_string();
            Policy::of_identity(name, &text).unwrap();
            assert_eq!(*characters, text.chars().filter(|one| !one.is_whitespace()).count());
            assert!(*characters <= LONGEST && name.len() <= 128 && names.insert(name), "{name}: {characters}");
            let sids: BTreeSet<&str> =
                document["Statement"].as_array().unwrap().iter().map(|one| one["Sid"].as_str().unwrap()).collect();
            assert_eq!(sids.len(), document["Statement"].as_array().unwrap().len());
            assert!(sids.iter().all(|sid| sid.chars().all(|one| one.is_ascii_alphanumeric())), "{sids:?}");
        }
        // IAM's limit for a role, before anybody asks for more.
        assert!(permissions.policies.len() <= 10);
        sizes.push(format!("{of}: {}", permissions.policies.len()));
    }
    insta::assert_snapshot!(sizes.join("\n"), @"
    foundation All: 3
    foundation ReadOnly: 1
    minimal All: 2
    minimal ReadOnly: 1
    skeleton All: 2
    skeleton ReadOnly: 1
    studio-private-access All: 4
    studio-private-access ReadOnly: 1
    a-name-as-long-as-names-may-be All: 5
    a-name-as-long-as-names-may-be ReadOnly: 1
    a-name-as-long-as-names-may-be All: 5
    a-name-as-long-as-names-may-be ReadOnly: 1
    ");
}

#[test]
fn a_document_is_split_between_statements() {
    let statement = |number: usize| Statement {
        sid: format!("S{number}"),
        actions: BTreeSet::from(["a:B".to_owned()]),
        resources: BTreeSet::from(["x".repeat(1000)]),
        conditions: statement::Conditions::new(),
        why: None,
    };
    let all: Vec<Statement> = (0..11).map(statement).collect();
    let parts = document::policies("lab", &all);
    assert_eq!(parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["lab-1", "lab-2", "lab-3"]);
    let statements = parts.iter().map(|part| part.document["Statement"].as_array().unwrap().len());
    assert_eq!(statements.collect::<Vec<_>>(), [5, 5, 1]);
    assert_eq!(document::policies("lab", &all[..1])[0].name, "lab");
}

#[test]
fn only_looking_takes_nothing_that_changes_anything() {
    let changes = Regex::new(":(Describe|Get|List|Scan|GET)").unwrap();
    for plan in plans() {
        for statement in statements_of(&permissions(&plan, &site(), Scope::ReadOnly)) {
            for action in texts(&statement["Action"]) {
                assert!(changes.is_match(action) && action != "ec2:GetPasswordData", "{}: {action}", plan.name);
            }
        }
    }
}

#[test]
fn a_plan_asks_for_no_more_than_is_in_it() {
    let actions = |text: &str| -> BTreeSet<String> {
        let permissions = permissions(&plan(text), &site(), Scope::All);
        let statements = statements_of(&permissions);
        statements.iter().flat_map(|one| texts(&one["Action"])).map(str::to_owned).collect()
    };
    let without = actions("name = \"demo\"\n[onprem]\ninternet_gateway = true");
    let with = actions("name = \"demo\"\n[onprem]\ninternet_gateway = true\nnat = true");
    assert!(without.is_subset(&with));
    let more: Vec<_> = with.difference(&without).collect();
    assert_eq!(more, ["ec2:AllocateAddress", "ec2:CreateNatGateway", "ec2:DeleteNatGateway", "ec2:ReleaseAddress"]);
    assert!(
        !without.iter().any(|action| action.starts_with("sagemaker:Create") || action.starts_with("lambda:Create"))
    );
}

#[test]
fn other_partitions_have_their_own_arns() {
    let china = Site { partition: "aws-cn".into(), account: "111122223333".into(), region: "cn-north-1".into() };
    let (_, text) = BUILT_IN.iter().find(|(name, _)| *name == "foundation").unwrap();
    let permissions = permissions(&plan(text), &china, Scope::All);
    let all: Vec<String> = permissions.policies.iter().map(|one| one.document.to_string()).collect();
    assert!(!all.iter().any(|text| text.contains("arn:aws:") || text.contains("ap-southeast-2")));
    assert!(all.iter().any(|text| text.contains("ec2.amazonaws.com.cn")));
}

/// The Rust files below a folder, without their tests.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push(text.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
        }
    }
}

/// The names of the calls that the code makes.
fn made() -> BTreeSet<String> {
    let call =
        Regex::new(r#"\.(read|write|read_pages|read_listed|attempt)\(\s*(SERVICE|"[a-z0-9-]+"),\s*"([A-Za-z]+)""#)
            .unwrap();
    let mut files = Vec::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for part in ["aws", "cli", "engine", "resource", "survey", "verify"] {
        sources(&source.join(part), &mut files);
    }
    files.push(fs::read_to_string(source.join("open.rs")).unwrap());
    files.push(fs::read_to_string(source.join("password.rs")).unwrap());
    let calls = files.iter().flat_map(|text| call.captures_iter(text).map(|found| found[3].to_owned()));
    calls.collect()
}

#[test]
fn each_call_of_the_code_has_an_entry_and_each_entry_is_a_call() {
    let made = made();
    assert!(made.len() > 150, "{}", made.len());
    let known: BTreeSet<String> =
        calls::ALL.iter().flat_map(|service| service.calls).map(|call| call.operation.to_owned()).collect();
    assert_eq!(made.difference(&known).collect::<Vec<_>>(), [""; 0], "add it to src/permissions/calls");
    assert_eq!(known.difference(&made).collect::<Vec<_>>(), [""; 0], "nothing makes this call any more");
}

#[test]
fn each_kind_of_resource_is_authorised_by_the_service_that_has_it() {
    let made = made();
    for kind in Kind::ALL {
        let operations = kind.operations();
        for operation in [operations.create, operations.change, operations.delete] {
            if made.contains(operation) {
                let known = calls::ALL.iter().filter(|service| service.name == operations.service);
                let mut calls = known.flat_map(|service| service.calls);
                assert!(calls.any(|call| call.operation == operation), "{} {operation}", operations.service);
            }
        }
    }
}

#[test]
fn an_action_is_in_one_statement_for_each_limit() {
    let statements = statements_of(&permissions(&plan(&everything()), &site(), Scope::All));
    let mut sids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for statement in &statements {
        for action in texts(&statement["Action"]) {
            sids.entry(action).or_default().insert(statement["Sid"].as_str().unwrap());
        }
    }
    let of = |action: &str| sids[action].iter().copied().collect::<Vec<_>>().join(" ");
    assert_eq!(of("ec2:CreateSubnet"), "Ec2New Ec2Ours");
    assert_eq!(of("ec2:CreateTags"), "Ec2CreateTags Ec2TagNew Ec2TagOurs");
    assert_eq!(of("ec2:RunInstances"), "Ec2New Ec2Ours Ec2RunInstances Ec2RunInstancesPinned");
    assert_eq!(of("iam:PassRole"), "IamPassRoleToEc2 IamPassRoleToLambda IamPassRoleToSagemaker");
}

#[test]
fn the_smallest_policy_reads_so() {
    let permissions = permissions(&plan("name = \"demo\""), &site(), Scope::ReadOnly);
    let line = |statement: &Value| {
        let [actions, on] = ["Action", "Resource"].map(|member| texts(&statement[member]).join(" "));
        let condition = statement.get("Condition").map_or(String::new(), |condition| format!(" if {condition}"));
        format!("{}: {actions} on {on}{condition}", statement["Sid"].as_str().unwrap())
    };
    let reasons = permissions.reasons.iter().map(|reason| format!("{}: {}", reason.sid, reason.why));
    let lines: Vec<String> = statements_of(&permissions).iter().map(line).chain(reasons).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    ApigatewayRead: apigateway:GET on arn:aws:apigateway:ap-southeast-2::/restapis
    CognitoIdpList: cognito-idp:ListUserPools on * if {"StringEquals":{"aws:RequestedRegion":"ap-southeast-2"}}
    DynamodbRead: dynamodb:DescribeTable on arn:aws:dynamodb:ap-southeast-2:111122223333:table/breezeway-demo-users
    Ec2DescribeInstanceAttribute: ec2:DescribeInstanceAttribute on arn:aws:ec2:ap-southeast-2:111122223333:instance/*
    Ec2List: ec2:DescribeAddresses ec2:DescribeAvailabilityZones ec2:DescribeDhcpOptions ec2:DescribeInstances ec2:DescribeInternetGateways ec2:DescribeKeyPairs ec2:DescribeNatGateways ec2:DescribeNetworkAcls ec2:DescribeNetworkInterfaces ec2:DescribeRouteTables ec2:DescribeSecurityGroupRules ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeTags ec2:DescribeVolumes ec2:DescribeVpcEndpoints ec2:DescribeVpcPeeringConnections ec2:DescribeVpcs on * if {"StringEquals":{"aws:RequestedRegion":"ap-southeast-2"}}
    Ec2Read: ec2:DescribeVpcAttribute on arn:aws:ec2:ap-southeast-2:111122223333:vpc/*
    ElasticfilesystemList: elasticfilesystem:DescribeFileSystems on * if {"StringEquals":{"aws:RequestedRegion":"ap-southeast-2"}}
    IamOnAll: iam:ListInstanceProfiles iam:ListRoles on *
    IamRead: iam:GetRole iam:GetRolePolicy iam:ListAttachedRolePolicies iam:ListRolePolicies on arn:aws:iam::111122223333:role/breezeway/ap-southeast-2/demo/*
    LambdaRead: lambda:GetFunction on arn:aws:lambda:ap-southeast-2:111122223333:function:breezeway-demo-authorizer arn:aws:lambda:ap-southeast-2:111122223333:function:breezeway-demo-presign
    LogsList: logs:DescribeLogGroups on * if {"StringEquals":{"aws:RequestedRegion":"ap-southeast-2"}}
    Route53OnAll: route53:ListHostedZones route53:ListHostedZonesByVPC on *
    Route53Read: route53:GetHostedZone route53:ListResourceRecordSets on arn:aws:route53:::hostedzone/*
    Route53resolverList: route53resolver:ListResolverEndpoints route53resolver:ListResolverRuleAssociations route53resolver:ListResolverRules on * if {"StringEquals":{"aws:RequestedRegion":"ap-southeast-2"}}
    SagemakerList: sagemaker:ListDomains on * if {"StringEquals":{"aws:RequestedRegion":"ap-southeast-2"}}
    SsmRead: ssm:GetParametersByPath on arn:aws:ssm:ap-southeast-2:111122223333:parameter/breezeway/labs/demo arn:aws:ssm:ap-southeast-2:111122223333:parameter/breezeway/labs/demo/* arn:aws:ssm:ap-southeast-2:111122223333:parameter/breezeway/locks arn:aws:ssm:ap-southeast-2:111122223333:parameter/breezeway/locks/*
    Ec2DescribeInstanceAttribute: Whatever stands in the lab's VPCs is asked whether it can be terminated, whoever made it. By the same permission an instance's user data can be read.
    "#);
}
