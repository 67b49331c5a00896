//! A Studio domain on the sandbox: with what users and SageMaker put there, and out again without a trace.

use std::collections::BTreeSet;
use std::time::Duration;

use breezeway::blueprint::{Facts, draw};
use breezeway::drift::{Class, Difference};
use breezeway::engine::event::Outcome;
use breezeway::engine::run::{RunError, down, up};
use breezeway::engine::session::{Options, Report};
use breezeway::resource::Kind;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use serde_json::{Value, json};

use crate::lab::*;

const PLAN: &str = r#"
name = "demo"
[[studio.endpoints]]
service = "studio"
[[studio.endpoints]]
service = "sagemaker.api"
[access]
mode = "source-vpce"
[domain]
enabled = true
users = ["alice", "Bob"]
"#;
const WITH_HOME: &str = "home_file_system = true\n";
const WITH_DATA: Options =
    Options { no_lock: false, wait: false, leave_blocked: false, detach: false, delete_user_data: true, defect: None };

async fn taken_down(sandbox: &Sandbox, options: Options) -> Result<Report, RunError> {
    down(&ann(sandbox).session(LAB, 2, options)).await
}

fn sagemaker(sandbox: &Sandbox, operation: &str, input: Value) -> Value {
    hand(sandbox, "sagemaker", operation, input)
}

fn domain_id(sandbox: &Sandbox) -> Value {
    sagemaker(sandbox, "ListDomains", json!({}))["Domains"][0]["DomainId"].clone()
}

/// A space of alice's, with an app that runs in it.
async fn alice_works(sandbox: &Sandbox) {
    let id = domain_id(sandbox);
    let space = json!({
        "DomainId": id, "SpaceName": "work", "OwnershipSettings": {"OwnerUserProfileName": "alice"},
        "SpaceSharingSettings": {"SharingType": "Private"}, "SpaceSettings": {"AppType": "JupyterLab"},
    });
    sagemaker(sandbox, "CreateSpace", space);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let app = json!({"DomainId": id, "SpaceName": "work", "AppType": "JupyterLab", "AppName": "default"});
    sagemaker(sandbox, "CreateApp", app);
    tokio::time::sleep(Duration::from_secs(600)).await;
    let apps = sagemaker(sandbox, "ListApps", json!({"DomainIdEquals": id}));
    assert_eq!(apps["Apps"][0]["Status"], "InService");
}

/// Takes the lab down, which leaves the account as it was before.
async fn assert_comes_down(sandbox: &Sandbox, options: Options, before: &Value) {
    let report = taken_down(sandbox, options).await.unwrap();
    assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    assert_eq!(pretty(&sandbox.standing()), pretty(before));
}

#[test]
fn a_domain_goes_up_stays_clean_and_comes_down_without_a_trace() {
    skipping().block_on(async {
        for home in ["", WITH_HOME] {
            let sandbox = world(1, Dials::default());
            let before = sandbox.standing();
            built(&sandbox, &format!("{PLAN}{home}")).await;
            assert_eq!(ann(&sandbox).drift(LAB).await, []);
            assert_comes_down(&sandbox, WITH_DATA, &before).await;
        }
    });
}

#[test]
fn an_app_that_runs_and_a_space_in_use_go_with_their_domain() {
    skipping().block_on(async {
        for home in ["", WITH_HOME] {
            let sandbox = world(1, Dials::default());
            let before = sandbox.standing();
            built(&sandbox, &format!("{PLAN}{home}")).await;
            alice_works(&sandbox).await;
            assert_eq!(ann(&sandbox).drift(LAB).await, [], "what users do in Studio is no drift");
            assert_comes_down(&sandbox, WITH_DATA, &before).await;
        }
    });
}

#[test]
fn what_users_made_is_not_deleted_unasked() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &format!("{PLAN}{WITH_HOME}")).await;
        alice_works(&sandbox).await;
        let standing = sandbox.standing();
        let Err(RunError::UserData(lost)) = taken_down(&sandbox, Options::default()).await else {
            panic!("not refused")
        };
        assert_eq!(lost.len(), 2, "{lost:?}");
        assert!(lost.iter().any(|one| one.starts_with("the space work of d-")), "{lost:?}");
        assert!(lost.iter().any(|one| one.starts_with("the home file system fs-")), "{lost:?}");
        let now = sandbox.standing();
        assert_eq!(now["111122223333"]["us-east-1/sagemaker"], standing["111122223333"]["us-east-1/sagemaker"]);
        assert_eq!(now["111122223333"]["us-east-1/ec2"], standing["111122223333"]["us-east-1/ec2"]);

        let fewer = PLAN.replace("\"alice\", ", "");
        let session = ann(&sandbox).session(LAB, 3, Options::default());
        let refused = up(&session, Some(&plan(&format!("{fewer}{WITH_HOME}")))).await;
        assert!(matches!(refused, Err(RunError::UserData(lost)) if lost.len() == 1));
    });
}

#[test]
fn a_user_whom_the_plan_no_longer_names_goes_with_their_space() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, PLAN).await;
        alice_works(&sandbox).await;
        let fewer = plan(&PLAN.replace("\"alice\", ", ""));
        let report = up(&ann(&sandbox).session(LAB, 3, WITH_DATA), Some(&fewer)).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        let id = domain_id(&sandbox);
        let profiles = sagemaker(&sandbox, "ListUserProfiles", json!({"DomainIdEquals": id}));
        assert_eq!(profiles["UserProfiles"].as_array().unwrap().len(), 1);
        assert_eq!(sagemaker(&sandbox, "ListSpaces", json!({"DomainIdEquals": id}))["Spaces"], json!([]));
    });
}

#[test]
fn profiles_that_could_not_be_read_on_the_way_are_not_made() {
    skipping().block_on(async {
        let plan = plan(PLAN);
        let dials = CallerDials { denied: Some("ListUserProfiles"), faults: Some(10.0), ..CallerDials::default() };
        // Where the answer to CreateDomain is lost, the domain is looked for, with all that is in it.
        let mut looked = 0;
        for seed in 20..27 {
            let sandbox = world(seed, Dials::default());
            sandbox.log_requests();
            let bob = Person::new(&sandbox, "bob", LAB, dials);
            up(&bob.session(LAB, seed, Options::default()), Some(&plan)).await.unwrap();
            let of_profiles =
                |operation: &String| ["ListUserProfiles", "CreateUserProfile"].contains(&operation.as_str());
            let operations = bob.client.caller().answers().into_iter().map(|answer| answer.operation);
            let operations: Vec<_> = operations.filter(of_profiles).collect();
            if operations.first().is_some_and(|first| first == "ListUserProfiles") {
                looked += 1;
                assert!(!operations.contains(&"CreateUserProfile".to_owned()), "seed {seed}");
            }
        }
        assert!(looked > 0);
    });
}

#[test]
fn a_home_that_could_not_be_read_is_not_deleted_unasked() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &format!("{PLAN}{WITH_HOME}")).await;
        for denied in ["DescribeFileSystems", "DescribeMountTargets"] {
            let dials = CallerDials { denied: Some(denied), ..CallerDials::default() };
            let bob = Person::new(&sandbox, "bob", LAB, dials);
            let refused = down(&bob.session(LAB, 3, Options::default())).await;
            assert!(matches!(&refused, Err(RunError::UserData(lost)) if lost.len() == 1), "{denied}: {refused:?}");
            assert_eq!(homes(&sandbox), 1, "{denied}");
        }
    });
}

#[test]
fn a_home_that_could_not_be_read_is_unknown_and_its_interfaces_are_not_foreign() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &format!("{PLAN}{WITH_HOME}")).await;
        for denied in ["DescribeFileSystems", "DescribeMountTargets"] {
            let dials = CallerDials { denied: Some(denied), ..CallerDials::default() };
            let bob = Person::new(&sandbox, "bob", LAB, dials);
            let drift = bob.drift(LAB).await;
            let told: Vec<_> = drift.iter().map(|one| (one.class, one.kind)).collect();
            assert_eq!(told, [(Class::Unknown, Kind::FileSystem)], "{denied}: {drift:#?}");
        }
    });
}

#[test]
fn with_consent_a_home_that_could_not_be_read_goes_and_down_says_what_it_does_not_know() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, &format!("{PLAN}{WITH_HOME}")).await;
        let dials = CallerDials { denied: Some("DescribeFileSystems"), ..CallerDials::default() };
        let bob = Person::new(&sandbox, "bob", LAB, dials);
        let report = down(&bob.session(LAB, 3, WITH_DATA)).await.unwrap();
        assert_eq!(report.outcome, Outcome::Failed);
        let [cause] = report.causes.as_slice() else { panic!("{:#?}", report.causes) };
        assert!(cause.contains("could not be read, so it is unknown: DescribeFileSystems"), "{cause}");
        assert_eq!(homes(&sandbox), 0);
        assert_comes_down(&sandbox, Options::default(), &before).await;
    });
}

/// How many home file systems there are.
fn homes(sandbox: &Sandbox) -> usize {
    hand(sandbox, "elasticfilesystem", "DescribeFileSystems", json!({}))["FileSystems"].as_array().unwrap().len()
}

/// Deletes the domain as the console does: everything in it first, and the home stays.
async fn delete_domain_by_hand(sandbox: &Sandbox) {
    let id = domain_id(sandbox);
    for name in ["alice", "Bob"] {
        sagemaker(sandbox, "DeleteUserProfile", json!({"DomainId": id, "UserProfileName": name}));
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    sagemaker(sandbox, "DeleteDomain", json!({"DomainId": id}));
    tokio::time::sleep(Duration::from_secs(600)).await;
}

#[test]
fn a_domain_deleted_by_hand_leaves_a_home_that_down_finds() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, &format!("{PLAN}{WITH_HOME}")).await;
        delete_domain_by_hand(&sandbox).await;
        assert_eq!(homes(&sandbox), 1);
        let missing = ann(&sandbox).drift(LAB).await;
        assert!(missing.iter().all(|one| one.class == Class::Missing || one.kind == Kind::RolePolicy), "{missing:#?}");
        assert_comes_down(&sandbox, WITH_DATA, &before).await;
    });
}

#[test]
fn a_domain_deleted_by_hand_is_built_again() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, &format!("{PLAN}{WITH_HOME}")).await;
        delete_domain_by_hand(&sandbox).await;
        built(&sandbox, &format!("{PLAN}{WITH_HOME}")).await;
        assert_eq!(homes(&sandbox), 2, "nobody deletes unasked what users had");
        assert_eq!(ann(&sandbox).drift(LAB).await, []);
        assert_comes_down(&sandbox, WITH_DATA, &before).await;
    });
}

#[test]
fn a_profile_made_by_hand_is_drift_and_goes_with_the_domain() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, PLAN).await;
        let profile = json!({"DomainId": domain_id(&sandbox), "UserProfileName": "mallory"});
        sagemaker(&sandbox, "CreateUserProfile", profile);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let drift = ann(&sandbox).drift(LAB).await;
        let [mallory] = drift.as_slice() else { panic!("{drift:#?}") };
        assert_eq!((mallory.kind, mallory.class, mallory.foreign), (Kind::UserProfile, Class::Unmanaged, true));
        assert_eq!(
            mallory.effect,
            "mallory may open Studio, whom the plan doesn't name; it is not the lab's: `up` leaves it alone"
        );
        assert_comes_down(&sandbox, Options::default(), &before).await;
    });
}

/// Takes the lab down as far as somebody gets who may not do one thing, and then by hand as far as AWS lets go.
async fn taken_down_but_for(sandbox: &Sandbox, denied: &'static str) {
    let dials = CallerDials { denied: Some(denied), ..CallerDials::default() };
    let bob = Person::new(sandbox, "bob", LAB, dials);
    let report = down(&bob.session(LAB, 3, WITH_DATA)).await.unwrap();
    assert_eq!(report.outcome, Outcome::Failed);
    tokio::time::sleep(Duration::from_secs(600)).await;
    let role = json!({"RoleName": "breezeway-demo-us-east-1-studio"});
    if by_hand(sandbox, "iam", "GetRole", role.clone()).is_ok() {
        for policy in hand(sandbox, "iam", "ListRolePolicies", role.clone())["PolicyNames"].as_array().unwrap() {
            let input = json!({"RoleName": role["RoleName"], "PolicyName": policy});
            hand(sandbox, "iam", "DeleteRolePolicy", input);
        }
        hand(sandbox, "iam", "DeleteRole", role);
    }
    // Groups may name each other, and hold back the VPC.
    for _ in 0..3 {
        for (list, member, delete, id) in [
            ("DescribeSubnets", "Subnets", "DeleteSubnet", "SubnetId"),
            ("DescribeRouteTables", "RouteTables", "DeleteRouteTable", "RouteTableId"),
            ("DescribeSecurityGroups", "SecurityGroups", "DeleteSecurityGroup", "GroupId"),
            ("DescribeVpcs", "Vpcs", "DeleteVpc", "VpcId"),
        ] {
            // The home's groups have no address in the lab.
            let ours = json!([{"Name": "tag-key", "Values": ["breezeway:address"]}]);
            let found = hand(sandbox, "ec2", list, json!({"Filters": ours}));
            for one in found[member].as_array().unwrap() {
                let _ = by_hand(sandbox, "ec2", delete, json!({id: one[id]}));
            }
        }
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
}

/// Forgets what the lab's plan was.
fn forget_the_record(sandbox: &Sandbox) {
    let parameters = hand(sandbox, "ssm", "DescribeParameters", json!({}));
    for parameter in parameters["Parameters"].as_array().unwrap() {
        hand(sandbox, "ssm", "DeleteParameter", json!({"Name": parameter["Name"]}));
    }
}

/// The services in which more stands than before.
fn standing_in(sandbox: &Sandbox, before: &Value) -> Vec<String> {
    let now = sandbox.standing()["111122223333"].as_object().unwrap().clone();
    let more = now.into_iter().filter(|(service, standing)| before["111122223333"].get(service) != Some(standing));
    more.map(|(service, _)| service).collect()
}

#[test]
fn a_domain_that_alone_is_left_comes_down_with_and_without_a_record() {
    skipping().block_on(async {
        // The domain is empty, or still has its users.
        for denied in ["DeleteDomain", "DeleteUserProfile"] {
            for forgotten in [false, true] {
                let sandbox = world(1, Dials::default());
                let before = sandbox.standing();
                built(&sandbox, PLAN).await;
                taken_down_but_for(&sandbox, denied).await;
                if forgotten {
                    forget_the_record(&sandbox);
                }
                let left = standing_in(&sandbox, &before);
                let expected: &[&str] =
                    if forgotten { &["us-east-1/sagemaker"] } else { &["us-east-1/sagemaker", "us-east-1/ssm"] };
                assert_eq!(left, expected, "{denied}");
                // The domain's name and its own tags say whose it is; that its network is gone holds nothing back.
                assert_comes_down(&sandbox, Options::default(), &before).await;
            }
        }
    });
}

#[test]
fn a_home_that_alone_is_left_with_its_groups_comes_down() {
    skipping().block_on(async {
        for forgotten in [false, true] {
            let sandbox = world(1, Dials::default());
            let before = sandbox.standing();
            built(&sandbox, &format!("{PLAN}{WITH_HOME}")).await;
            delete_domain_by_hand(&sandbox).await;
            taken_down_but_for(&sandbox, "DeleteFileSystem").await;
            if forgotten {
                forget_the_record(&sandbox);
            }
            let groups = json!([{"Name": "tag-key", "Values": ["ManagedByAmazonSageMakerResource"]}]);
            let groups = hand(&sandbox, "ec2", "DescribeSecurityGroups", json!({"Filters": groups}));
            assert_eq!((homes(&sandbox), groups["SecurityGroups"].as_array().unwrap().len()), (1, 2));
            let subnets = json!([{"Name": "tag-key", "Values": ["breezeway:lab"]}]);
            let subnets = hand(&sandbox, "ec2", "DescribeSubnets", json!({"Filters": subnets}));
            assert_eq!(subnets["Subnets"], json!([]), "of the network, nothing but the VPC of the two groups");
            // Users had it: its tag says whose it is, and it goes when asked for.
            let refused = taken_down(&sandbox, Options::default()).await;
            assert!(matches!(&refused, Err(RunError::UserData(lost)) if lost.len() == 1), "{refused:?}");
            assert_comes_down(&sandbox, WITH_DATA, &before).await;
        }
    });
}

/// What differs, as `class address field: effect`.
async fn told(sandbox: &Sandbox) -> Vec<String> {
    let one = |one: &Difference| {
        let field = one.field.as_deref().map_or(String::new(), |field| format!(" {field}"));
        format!("{:?} {}{field}: {}", one.class, one.address, one.effect)
    };
    ann(sandbox).drift(LAB).await.iter().map(one).collect()
}

/// The ARN of a role that users could work in, which is not the lab's.
async fn another_role(sandbox: &Sandbox) -> Value {
    let allow =
        json!({"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"});
    let trust = json!({"Version": "2012-10-17", "Statement": [allow]}).to_string();
    let role = hand(sandbox, "iam", "CreateRole", json!({"RoleName": "mine", "AssumeRolePolicyDocument": trust}));
    tokio::time::sleep(Duration::from_secs(60)).await;
    role["Role"]["Arn"].clone()
}

/// The domain's VPC's own group.
fn default_group(sandbox: &Sandbox) -> Value {
    let domain = sagemaker(sandbox, "DescribeDomain", json!({"DomainId": domain_id(sandbox)}));
    let filters =
        json!([{"Name": "group-name", "Values": ["default"]}, {"Name": "vpc-id", "Values": [domain["VpcId"]]}]);
    hand(sandbox, "ec2", "DescribeSecurityGroups", json!({"Filters": filters}))["SecurityGroups"][0]["GroupId"].clone()
}

/// Changes something of the domain, or of a user's profile, by hand, and waits until it is so.
async fn edited(sandbox: &Sandbox, operation: &str, change: &Value) {
    let mut input = json!({"DomainId": domain_id(sandbox)});
    input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    sagemaker(sandbox, operation, input);
    tokio::time::sleep(Duration::from_secs(600)).await;
}

/// The fields of what the blueprint has at an address.
fn fields(address: &str) -> BTreeSet<String> {
    let image = || "ami-00000000000000001".to_owned();
    let zones = ["us-east-1a", "us-east-1b"].map(String::from);
    let account = breezeway::sandbox::wire::DEFAULT_ACCOUNT.into();
    let facts = Facts { region: REGION.into(), account, zones, linux_image: image(), windows_image: image() };
    draw(&plan(PLAN), &facts).get(&address.into()).unwrap().spec.fields().keys().cloned().collect()
}

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_field_of_a_domain_edited_by_hand_is_drift_and_repaired() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, PLAN).await;
        let id = domain_id(&sandbox);
        let domain = sagemaker(&sandbox, "DescribeDomain", json!({"DomainId": id}));
        let role = another_role(&sandbox).await;
        let settings = |settings: Value| json!({"DefaultUserSettings": settings});
        let edits = [
            (
                json!({"SubnetIds": [domain["SubnetIds"][0]]}),
                vec!["subnets: apps have their network interfaces elsewhere"],
            ),
            (
                json!({"AppNetworkAccessType": "PublicInternetOnly"}),
                vec!["network_access: apps reach the internet beside the VPC"],
            ),
            (settings(json!({"ExecutionRole": role})), vec!["execution_role: users work in another role"]),
            (settings(json!({"SecurityGroups": [default_group(&sandbox)]})), vec!["security_groups: "]),
            (
                settings(json!({"DefaultLandingUri": "app:JupyterServer:"})),
                vec!["landing_uri: a presigned URL opens something else than Studio"],
            ),
            (
                settings(json!({"DefaultLandingUri": "app:JupyterServer:", "StudioWebPortal": "DISABLED"})),
                vec![
                    "landing_uri: a presigned URL opens something else than Studio",
                    "web_portal: a presigned URL opens something else than Studio",
                ],
            ),
            (json!({"TagPropagation": "ENABLED"}), vec!["tag_propagation: "]),
        ];
        let mut seen = names(["home_file_system"]);
        for (change, expected) in edits {
            edited(&sandbox, "UpdateDomain", &change).await;
            let told = told(&sandbox).await;
            assert_eq!(told.len(), expected.len(), "{told:#?}");
            let expected: Vec<_> = expected.iter().map(|line| format!("Changed domain {line}")).collect();
            assert!(told.iter().zip(&expected).all(|(told, expected)| told.starts_with(expected)), "{told:#?}");
            seen.extend(expected.iter().map(|line| line.split([' ', ':']).nth(2).unwrap().to_owned()));
            built(&sandbox, PLAN).await;
            assert_eq!(ann(&sandbox).drift(LAB).await, [], "after {change}");
        }
        assert_eq!(domain_id(&sandbox), id, "repaired in place");
        // UpdateDomain changes none of these; a home's id is SageMaker's to give.
        seen.extend(names(["vpc", "name", "auth_mode", "home"]));
        assert_eq!(seen, fields("domain"));
    });
}

#[test]
fn a_home_that_somebody_gave_a_domain_is_drift_and_stays_until_the_domain_goes() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, PLAN).await;
        edited(&sandbox, "UpdateDomain", &json!({"HomeEfsFileSystemCreation": "Enabled"})).await;
        let effect = "files in the home file system cost, and outlive their users";
        assert_eq!(told(&sandbox).await, [format!("Changed domain home_file_system: {effect}")]);
        let report = up(&ann(&sandbox).session(LAB, 2, Options::default()), Some(&plan(PLAN))).await.unwrap();
        let [cause] = report.causes.as_slice() else { panic!("{:#?}", report.causes) };
        assert!(cause.contains("has a home file system, which goes only with the domain"), "{cause}");
        assert_eq!(told(&sandbox).await, [format!("Changed domain home_file_system: {effect}")]);
        assert_comes_down(&sandbox, WITH_DATA, &before).await;
    });
}

#[test]
fn every_field_of_a_profile_edited_by_hand_is_drift_until_the_profile_is_deleted() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, PLAN).await;
        let role = another_role(&sandbox).await;
        let edits = [
            (json!({"ExecutionRole": role}), "execution_role: alice works in another role"),
            (json!({"SecurityGroups": [default_group(&sandbox)]}), "security_groups: "),
            (
                json!({"DefaultLandingUri": "app:JupyterServer:"}),
                "landing_uri: a presigned URL opens something else than Studio",
            ),
            (json!({"StudioWebPortal": "DISABLED"}), "web_portal: a presigned URL opens something else than Studio"),
        ];
        let mut seen = BTreeSet::new();
        for (settings, expected) in edits {
            let change = json!({"UserProfileName": "alice", "UserSettings": settings});
            edited(&sandbox, "UpdateUserProfile", &change).await;
            let told = told(&sandbox).await;
            let expected = format!("Changed domain/user-profile/alice {expected}");
            assert!(matches!(told.as_slice(), [told] if told.starts_with(&expected)), "{told:#?}");
            seen.insert(expected.split([' ', ':']).nth(2).unwrap().to_owned());
            // UpdateUserProfile gives a profile settings of its own, and takes none from it.
            let report = up(&ann(&sandbox).session(LAB, 2, Options::default()), Some(&plan(PLAN))).await.unwrap();
            assert_eq!(report.outcome, Outcome::Failed);
            let [cause] = report.causes.as_slice() else { panic!("{:#?}", report.causes) };
            let why = "alice has settings of its own, which AWS doesn't take back: delete the profile";
            assert!(cause.contains(why), "{cause}");
            tokio::time::sleep(Duration::from_secs(60)).await;
            edited(&sandbox, "DeleteUserProfile", &json!({"UserProfileName": "alice"})).await;
            built(&sandbox, PLAN).await;
            assert_eq!(ann(&sandbox).drift(LAB).await, [], "after {settings}");
        }
        // By these it is known.
        seen.extend(names(["domain", "name"]));
        assert_eq!(seen, fields("domain/user-profile/alice"));
    });
}

#[test]
fn lost_tags_of_a_domain_and_a_profile_are_drift_and_repaired() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, PLAN).await;
        let id = domain_id(&sandbox);
        let domain = sagemaker(&sandbox, "DescribeDomain", json!({"DomainId": id}));
        let profile = json!({"DomainId": id, "UserProfileName": "alice"});
        let profile = sagemaker(&sandbox, "DescribeUserProfile", profile);
        for (address, arn) in
            [("domain", &domain["DomainArn"]), ("domain/user-profile/alice", &profile["UserProfileArn"])]
        {
            sagemaker(&sandbox, "DeleteTags", json!({"ResourceArn": arn, "TagKeys": ["Name"]}));
            let told = told(&sandbox).await;
            let expected = format!("Changed {address} tags.Name: ");
            assert!(matches!(told.as_slice(), [told] if told.starts_with(&expected)), "{told:#?}");
            built(&sandbox, PLAN).await;
            assert_eq!(ann(&sandbox).drift(LAB).await, []);
        }
        assert_eq!(domain_id(&sandbox), id, "repaired in place");
    });
}

#[test]
fn one_domain_more_than_the_plan_asks_for_is_drift_and_removed() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, PLAN).await;
        let id = domain_id(&sandbox);
        let mut another = sagemaker(&sandbox, "DescribeDomain", json!({"DomainId": id}));
        let asked = ["DomainName", "VpcId", "SubnetIds", "AuthMode", "DefaultUserSettings", "AppNetworkAccessType"];
        another.as_object_mut().unwrap().retain(|member, _| asked.contains(&member.as_str()));
        another["HomeEfsFileSystemCreation"] = json!("Disabled");
        for address in ["domain", "extra/domain"] {
            another["Tags"] =
                json!([{"Key": "breezeway:lab", "Value": LAB}, {"Key": "breezeway:address", "Value": address}]);
            sagemaker(&sandbox, "CreateDomain", another.clone());
            tokio::time::sleep(Duration::from_secs(600)).await;
            let drift = ann(&sandbox).drift(LAB).await;
            let [extra] = drift.as_slice() else { panic!("{drift:#?}") };
            assert_eq!((extra.kind, extra.class, extra.foreign), (Kind::Domain, Class::Unmanaged, false));
            let report = up(&ann(&sandbox).session(LAB, 2, WITH_DATA), Some(&plan(PLAN))).await.unwrap();
            assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
            assert_eq!(ann(&sandbox).drift(LAB).await, []);
            assert_eq!(domain_id(&sandbox), id, "the one that users have stays");
        }
    });
}
