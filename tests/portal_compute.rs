//! The functions, the table and the logs of the portal on the sandbox: built, meddled with, and gone without a trace.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use breezeway::drift::{Class, Difference};
use breezeway::engine::event::{Event, Outcome, StepState};
use breezeway::engine::run::{down, up};
use breezeway::engine::session::{Options, Report};
use breezeway::portal::Program;
use breezeway::resource::Kind;
use breezeway::sandbox::dials::{Death, Dials, Side};
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::request::Question;
use breezeway::sandbox::resolve::Standpoint;
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::lab::*;

const WITHOUT: &str = r#"
name = "demo"
[[studio.gateway_endpoints]]
service = "dynamodb"
[[studio.endpoints]]
service = "studio"
[[studio.endpoints]]
service = "sagemaker.api"
[[studio.endpoints]]
service = "execute-api"
[access]
mode = "source-vpce"
[domain]
enabled = true
users = ["alice", "Bob"]
[sign_in]
enabled = true
"#;
const PORTAL: &str = "[portal]\nenabled = true\n";
const PRESIGN: &str = "breezeway-demo-presign";
const AUTHORIZER: &str = "breezeway-demo-authorizer";
const PASSWORD: &str = "Correct-Horse-7";
const USERS: &str = "breezeway-demo-users";
const LOG: &str = "/aws/lambda/breezeway-demo-presign";

fn with_portal() -> String {
    format!("{WITHOUT}{PORTAL}")
}

async fn taken_down(sandbox: &Sandbox) -> Report {
    down(&ann(sandbox).session(LAB, 2, Options::default())).await.unwrap()
}

fn done(report: Report) {
    assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
}

fn assert_nothing_left(sandbox: &Sandbox, before: &Value) {
    assert_eq!(
        serde_json::to_string_pretty(&sandbox.standing()).unwrap(),
        serde_json::to_string_pretty(before).unwrap()
    );
}

/// The network interfaces that Lambda made, by id, with their states.
fn interfaces(sandbox: &Sandbox) -> Vec<(String, String)> {
    let filter = json!([{"Name": "interface-type", "Values": ["lambda"]}]);
    let found = hand(sandbox, "ec2", "DescribeNetworkInterfaces", json!({"Filters": filter}));
    let text = |one: &Value, member: &str| one[member].as_str().unwrap().to_owned();
    let found = found["NetworkInterfaces"].as_array().unwrap().iter();
    found.map(|one| (text(one, "NetworkInterfaceId"), text(one, "Status"))).collect()
}

/// What differs, as `class kind field: effect`.
async fn differences(sandbox: &Sandbox) -> Vec<String> {
    let told = |one: &Difference| {
        let field = one.field.as_deref().map_or(String::new(), |field| format!(" {field}"));
        format!("{:?} {}{field}: {}", one.class, one.address, one.effect)
    };
    ann(sandbox).drift(LAB).await.iter().map(told).collect()
}

#[test]
fn a_portal_goes_up_stays_clean_and_comes_down_without_a_trace() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, &with_portal()).await;
        assert_eq!(differences(&sandbox).await, [""; 0]);
        let configuration = hand(&sandbox, "lambda", "GetFunctionConfiguration", json!({"FunctionName": PRESIGN}));
        let variables = json!({"TABLE": USERS, "EXPIRES": "60", "SESSION_EXPIRES": "43200"});
        assert_eq!(configuration["Environment"]["Variables"], variables);
        let domain = hand(&sandbox, "sagemaker", "ListDomains", json!({}))["Domains"][0]["DomainId"].clone();
        let alice = json!({"user": {"S": "alice"}, "domain": {"S": domain}, "profile": {"S": "alice"}});
        let key = json!({"TableName": USERS, "Key": {"user": {"S": "alice"}}});
        assert_eq!(hand(&sandbox, "dynamodb", "GetItem", key)["Item"], alice);

        let standing = sandbox.standing();
        built(&sandbox, &with_portal()).await;
        assert_eq!(
            sandbox.standing()["111122223333"]["us-east-1/lambda"],
            standing["111122223333"]["us-east-1/lambda"]
        );

        done(taken_down(&sandbox).await);
        assert_nothing_left(&sandbox, &before);
    });
}

#[test]
fn what_down_waits_for_is_said() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &with_portal()).await;
        let held = interfaces(&sandbox);
        assert_eq!(held.len(), 2);
        let person = ann(&sandbox);
        done(down(&person.session(LAB, 2, Options::default())).await.unwrap());
        let events = person.events.borrow();
        for (id, _) in held {
            let expected = format!("until Lambda lets go of {id}, up to 45 minutes after {PRESIGN} is gone");
            let waits = |event: &Event| match event {
                Event::Step { state: StepState::Waiting, message: Some(message), .. } => *message == expected,
                _ => false,
            };
            assert!(events.iter().any(|happened| waits(&happened.event)), "{expected}");
        }
    });
}

async fn stopped(detach: bool) {
    let sandbox = world(1, Dials::default());
    let before = sandbox.standing();
    built(&sandbox, &with_portal()).await;
    let person = ann(&sandbox);
    let session = person.session(LAB, 2, Options { detach, ..Options::default() });
    let began = sandbox.clock().now();
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        session.stop_now();
        std::future::pending::<()>().await;
    };
    let report = tokio::select! {
        report = down(&session) => report.unwrap(),
        () = stopping => unreachable!("stopping goes on"),
    };
    assert!(matches!(report.outcome, Outcome::Failed | Outcome::Interrupted), "{report:?}");
    assert!(sandbox.clock().now().duration_since(began).as_secs() < 200);
    done(taken_down(&sandbox).await);
    assert_nothing_left(&sandbox, &before);
}

#[test]
fn who_says_stop_does_not_wait_for_lambda() {
    skipping().block_on(async {
        for detach in [false, true] {
            stopped(detach).await;
        }
    });
}

#[test]
fn down_detached_leaves_nothing_but_what_lambda_holds_and_the_next_finishes() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, &with_portal()).await;
        let detach = Options { detach: true, ..Options::default() };
        let began = sandbox.clock().now();
        let person = ann(&sandbox);
        let report = down(&person.session(LAB, 2, detach)).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Detached, vec![]));
        let gone = sandbox.clock().now().duration_since(began);
        assert!(gone.as_secs() < 240, "Lambda's interfaces take 240 s, this {gone}");
        assert_eq!(interfaces(&sandbox).len(), 2);
        for (service, operation, member) in [
            ("ec2", "DescribeVpcEndpoints", "VpcEndpoints"),
            ("sagemaker", "ListDomains", "Domains"),
            ("lambda", "ListFunctions", "Functions"),
            ("apigateway", "GetRestApis", "items"),
        ] {
            assert_eq!(hand(&sandbox, service, operation, json!({}))[member], json!([]), "{operation}");
        }
        let left = person.events.borrow().iter().filter(|happened| is_left(&happened.event)).count();
        assert!(left > 0 && report.resources.unwrap() > left, "{left} of {:?}", report.resources);

        done(down(&ann(&sandbox).session(LAB, 3, Options::default())).await.unwrap());
        assert_nothing_left(&sandbox, &before);
    });
}

fn is_left(event: &Event) -> bool {
    let Event::Step { state: StepState::Skipped, message: Some(message), .. } = event else { return false };
    message == "left for the next `down`"
}

#[test]
fn a_plan_without_a_portal_takes_it_away_and_leaves_the_rest() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &with_portal()).await;
        built(&sandbox, WITHOUT).await;
        assert_eq!(differences(&sandbox).await, [""; 0]);
        let standing = &sandbox.standing()["111122223333"];
        for service in ["lambda", "dynamodb", "logs"] {
            assert_eq!(standing.get(format!("us-east-1/{service}")), None, "{service}");
        }
        assert_eq!(interfaces(&sandbox), []);
    });
}

#[test]
fn what_has_the_name_of_a_portals_and_no_tag_is_foreign() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, WITHOUT).await;
        let allow =
            json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"});
        let trust = json!({"Version": "2012-10-17", "Statement": [allow]}).to_string();
        let role = json!({"RoleName": "mine", "AssumeRolePolicyDocument": trust});
        let role = hand(&sandbox, "iam", "CreateRole", role)["Role"]["Arn"].clone();
        let key = json!([{"AttributeName": "user", "KeyType": "HASH"}]);
        let attribute = json!([{"AttributeName": "user", "AttributeType": "S"}]);
        let table = json!({
            "TableName": USERS, "KeySchema": key, "AttributeDefinitions": attribute, "BillingMode": "PAY_PER_REQUEST",
        });
        hand(&sandbox, "dynamodb", "CreateTable", table);
        hand(&sandbox, "logs", "CreateLogGroup", json!({"logGroupName": LOG}));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let function = json!({
            "FunctionName": PRESIGN, "Runtime": "python3.13", "Handler": "presign.handler", "Role": role,
            "Code": {"ZipFile": BASE64.encode(Program::Presign.package().zip)},
        });
        hand(&sandbox, "lambda", "CreateFunction", function);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let theirs = |drift: Vec<Difference>| -> Vec<_> {
            drift.into_iter().map(|one| (one.kind, one.class, one.foreign)).collect()
        };
        let found = theirs(ann(&sandbox).drift(LAB).await);
        assert_eq!(found, [Kind::Table, Kind::LogGroup, Kind::Function].map(|kind| (kind, Class::Unmanaged, true)));
        built(&sandbox, WITHOUT).await;
        assert_eq!(theirs(ann(&sandbox).drift(LAB).await), found, "`up` leaves them alone");
        let refused = taken_down(&sandbox).await;
        assert_eq!((refused.outcome, refused.causes.len()), (Outcome::Failed, 3), "{:#?}", refused.causes);
    });
}

/// Does something by hand and says what drift tells; then `up` puts it right.
async fn told_and_mended(sandbox: &Sandbox, deeds: &[(&str, &str, Value)]) -> Vec<String> {
    for (service, operation, input) in deeds {
        hand(sandbox, service, operation, input.clone());
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let told = differences(sandbox).await;
    built(sandbox, &with_portal()).await;
    assert_eq!(differences(sandbox).await, [""; 0], "after {deeds:?}");
    told
}

#[test]
fn every_field_of_a_function_that_somebody_changes_is_drift() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &with_portal()).await;
        let groups = json!([{"Name": "group-name", "Values": ["demo-studio-endpoints"]}]);
        let groups = hand(&sandbox, "ec2", "DescribeSecurityGroups", json!({"Filters": groups}));
        let other_group = &groups["SecurityGroups"][0]["GroupId"];
        let own = hand(&sandbox, "lambda", "GetFunctionConfiguration", json!({"FunctionName": PRESIGN}));
        let subnet = &own["VpcConfig"]["SubnetIds"][0];
        let other_role = hand(&sandbox, "lambda", "GetFunctionConfiguration", json!({"FunctionName": AUTHORIZER}));
        let configured = |member: &str, value: Value| {
            let input = json!({"FunctionName": PRESIGN, member: value});
            vec![("lambda", "UpdateFunctionConfiguration", input)]
        };
        let code = BASE64.encode(Program::Authorizer.package().zip);
        let code = json!({"FunctionName": PRESIGN, "ZipFile": code, "Architectures": ["arm64"]});
        let vpc = json!({"SubnetIds": [subnet], "SecurityGroupIds": [other_group]});
        let variables = json!({"Variables": {"TABLE": "theirs", "EXPIRES": "60", "MORE": "1"}});
        let group = json!({"LogFormat": "JSON", "LogGroup": "/theirs"});
        let deeds = [
            (configured("Description", json!("mine")), vec!["description"]),
            (configured("Runtime", json!("python3.12")), vec!["runtime"]),
            (configured("Handler", json!("mine.handler")), vec!["handler"]),
            (configured("Timeout", json!(3)), vec!["timeout_seconds"]),
            (configured("MemorySize", json!(128)), vec!["memory_mb"]),
            (configured("EphemeralStorage", json!({"Size": 1024})), vec!["ephemeral_storage_mb"]),
            (configured("Environment", variables), vec!["environment"]),
            (configured("TracingConfig", json!({"Mode": "Active"})), vec!["tracing"]),
            (configured("LoggingConfig", group), vec!["log_format", "log_group"]),
            (configured("VpcConfig", vpc), vec!["security_groups", "subnets"]),
            (vec![("lambda", "UpdateFunctionCode", code)], vec!["architecture", "code_sha256"]),
        ];
        for (deeds, fields) in deeds {
            let told = told_and_mended(&sandbox, &deeds).await;
            let expected: Vec<_> = fields.iter().map(|field| format!("Changed portal/presign {field}: ")).collect();
            assert_eq!(told.len(), expected.len(), "{told:#?}");
            assert!(told.iter().zip(&expected).all(|(told, expected)| told.starts_with(expected)), "{told:#?}");
        }
        let role = json!({"FunctionName": AUTHORIZER, "Role": own["Role"]});
        assert_ne!(own["Role"], other_role["Role"]);
        let told = told_and_mended(&sandbox, &[("lambda", "UpdateFunctionConfiguration", role)]).await;
        assert_eq!(told, ["Changed portal/authorizer role: the function acts in another role"]);
    });
}

#[test]
fn variables_and_code_say_what_they_change() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &with_portal()).await;
        let variables = json!({"Variables": {"TABLE": "theirs", "EXPIRES": "60", "SESSION_EXPIRES": "43200"}});
        let variables = json!({"FunctionName": PRESIGN, "Environment": variables});
        let code = BASE64.encode(Program::Presign.package().zip);
        let code = json!({"FunctionName": AUTHORIZER, "ZipFile": code});
        let deeds = [("lambda", "UpdateFunctionConfiguration", variables), ("lambda", "UpdateFunctionCode", code)];
        assert_eq!(
            told_and_mended(&sandbox, &deeds).await,
            [
                "Changed portal/presign environment: the function goes by another TABLE",
                "Changed portal/authorizer code_sha256: other code runs than what is deployed here: it may do all that \
                 the function's role allows",
            ]
        );
    });
}

#[test]
fn every_row_and_statement_that_nobody_asked_for_is_drift() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &with_portal()).await;
        let domain = hand(&sandbox, "sagemaker", "ListDomains", json!({}))["Domains"][0]["DomainId"].clone();
        let row = |user: &str, profile: &str| {
            let item = json!({"user": {"S": user}, "domain": {"S": domain}, "profile": {"S": profile}});
            json!({"TableName": USERS, "Item": item})
        };
        let mut with_more = row("bob", "Bob");
        with_more["Item"]["admin"] = json!({"BOOL": true});
        let deeds = [
            ("dynamodb", "PutItem", row("mallory", "alice")),
            ("dynamodb", "PutItem", row("alice", "Bob")),
            ("dynamodb", "PutItem", with_more),
        ];
        let domain = domain.as_str().unwrap();
        assert_eq!(
            told_and_mended(&sandbox, &deeds).await,
            [
                format!(
                    "Changed portal/table/user/alice profile: instead, alice gets URLs for the profile Bob of {domain}"
                ),
                "Changed portal/table/user/bob others: the row of bob says more than the portal reads".to_owned(),
                format!("Unmanaged portal/table/mallory: mallory gets URLs for the profile alice of {domain}"),
            ]
        );
        let gone = ("dynamodb", "DeleteItem", json!({"TableName": USERS, "Key": {"user": {"S": "bob"}}}));
        assert_eq!(told_and_mended(&sandbox, &[gone]).await, ["Missing portal/table/user/bob: bob gets no URL"]);

        let permission = json!({
            "FunctionName": PRESIGN, "StatementId": "mine", "Action": "lambda:InvokeFunction", "Principal": "*",
        });
        assert_eq!(
            told_and_mended(&sandbox, &[("lambda", "AddPermission", permission)]).await,
            ["Unmanaged portal/presign/mine: anybody may call lambda:InvokeFunction"]
        );
    });
}

#[test]
fn every_setting_of_a_table_and_a_log_is_drift() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &with_portal()).await;
        let table = |member: &str, value: Value| {
            let mut input = json!({"TableName": USERS, member: value});
            if value_is(&input, "BillingMode", "PROVISIONED") {
                input["ProvisionedThroughput"] = json!({"ReadCapacityUnits": 1, "WriteCapacityUnits": 1});
            }
            ("dynamodb", "UpdateTable", input)
        };
        let deeds = [
            table("BillingMode", json!("PROVISIONED")),
            table("TableClass", json!("STANDARD_INFREQUENT_ACCESS")),
            table("DeletionProtectionEnabled", json!(true)),
            ("logs", "PutRetentionPolicy", json!({"logGroupName": LOG, "retentionInDays": 1})),
        ];
        let told = told_and_mended(&sandbox, &deeds).await;
        let expected = [
            "Changed portal/table billing_mode: ",
            "Changed portal/table deletion_protection: whoever deletes it",
            "Changed portal/table table_class: ",
            "Changed portal/presign/log-group retention_days: what the function says is kept for 1 days",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        assert!(told.iter().zip(expected).all(|(told, expected)| told.starts_with(expected)), "{told:#?}");
        let kept = ("logs", "DeleteRetentionPolicy", json!({"logGroupName": LOG}));
        let told = told_and_mended(&sandbox, &[kept]).await;
        assert_eq!(told, ["Changed portal/presign/log-group retention_days: what the function says is kept for ever"]);
    });
}

fn value_is(input: &Value, member: &str, value: &str) -> bool {
    input[member] == value
}

#[test]
fn what_is_deleted_by_hand_is_missed_and_made_again() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &with_portal()).await;
        let deeds = [
            ("lambda", "DeleteFunction", json!({"FunctionName": PRESIGN})),
            ("dynamodb", "DeleteTable", json!({"TableName": USERS})),
            ("logs", "DeleteLogGroup", json!({"logGroupName": LOG})),
        ];
        let told = told_and_mended(&sandbox, &deeds).await;
        assert!(told.iter().any(|one| one == "Missing portal/presign: the portal hands out no URL"), "{told:#?}");
        assert!(told.iter().any(|one| one.starts_with("Missing portal/table: ")), "{told:#?}");
        assert!(told.iter().any(|one| one.starts_with("Missing portal/presign/log-group: ")), "{told:#?}");
    });
}

#[test]
fn one_without_its_tag_is_left_alone_until_somebody_says_whose_it_is() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &with_portal()).await;
        let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{REGION}:{DEFAULT_ACCOUNT}:{rest}");
        let function = arn("lambda", &format!("function:{PRESIGN}"));
        let table = arn("dynamodb", &format!("table/{USERS}"));
        let group = arn("logs", &format!("log-group:{LOG}"));
        let keys = json!(["breezeway:lab"]);
        hand(&sandbox, "lambda", "UntagResource", json!({"Resource": function, "TagKeys": keys}));
        hand(&sandbox, "dynamodb", "UntagResource", json!({"ResourceArn": table, "TagKeys": keys}));
        hand(&sandbox, "logs", "UntagResource", json!({"resourceArn": group, "tagKeys": keys}));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let unproven = ann(&sandbox).drift(LAB).await;
        let told: Vec<_> = unproven.iter().map(|one| (one.class, one.kind)).collect();
        let expected = [Kind::Table, Kind::LogGroup, Kind::Function].map(|kind| (Class::Unproven, kind));
        assert_eq!(told, expected, "{unproven:#?}");
        let commands = [
            format!("aws dynamodb tag-resource --resource-arn {table} --tags Key=breezeway:lab,Value=demo"),
            format!("aws logs tag-resource --resource-arn {group} --tags breezeway:lab=demo"),
            format!("aws lambda tag-resource --resource {function} --tags breezeway:lab=demo"),
        ];
        for (one, command) in unproven.iter().zip(&commands) {
            assert!(one.effect.contains(command), "{}", one.effect);
        }
        let refused = taken_down(&sandbox).await;
        assert_eq!((refused.outcome, refused.causes.len()), (Outcome::Failed, 3), "{:#?}", refused.causes);
    });
}

#[test]
fn interfaces_of_a_function_that_was_deleted_by_hand_go_with_the_lab() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, &with_portal()).await;
        hand(&sandbox, "lambda", "DeleteFunction", json!({"FunctionName": PRESIGN}));
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(interfaces(&sandbox).iter().filter(|(_, state)| state == "in-use").count(), 2);
        done(taken_down(&sandbox).await);
        assert_nothing_left(&sandbox, &before);
    });
}

#[test]
fn down_right_after_a_death_waits_for_interfaces_that_do_not_show_yet() {
    skipping().block_on(async {
        let dials = Dials { staleness: Some(Duration::from_secs(5)), ..Dials::default() };
        let plan = plan(&with_portal());
        let whole = world(1, dials);
        whole.log_requests();
        done(up(&ann(&whole).session(LAB, 1, Options::default()), Some(&plan)).await.unwrap());
        let requests = whole.requests();
        let calls: Vec<_> = requests.iter().filter(|line| !line.starts_with("= ")).collect();
        let in_vpc = |line: &&String| line.starts_with("POST /2015-03-31/functions?") && line.contains("SubnetIds");
        let making = calls.iter().rposition(in_vpc).unwrap() as u64 + 1;

        let sandbox = world(1, dials);
        let before = sandbox.standing();
        let die = Some(Death { side: Side::After, call: making });
        let dying = Person::new(&sandbox, "ann", LAB, CallerDials { die, ..CallerDials::default() });
        let session = dying.session(LAB, 1, Options::default());
        tokio::select! {
            biased;
            () = dying.client.caller().death() => {}
            _ = up(&session, Some(&plan)) => panic!("who makes a function dies of it"),
        }
        assert_eq!(interfaces(&sandbox).len(), 2);

        let began = sandbox.clock().now();
        let at_once = Options { no_lock: true, ..Options::default() };
        done(down(&ann(&sandbox).session(LAB, 2, at_once)).await.unwrap());
        let took = sandbox.clock().now().duration_since(began);
        assert!(took < SignedDuration::from_mins(30), "without its role Lambda keeps interfaces for 45: {took:#}");
        assert_nothing_left(&sandbox, &before);
    });
}

#[test]
fn a_role_that_was_deleted_by_hand_holds_nothing_back() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, &with_portal()).await;
        let role = "breezeway-demo-us-east-1-portal";
        for policy in ["function", "presign"] {
            hand(&sandbox, "iam", "DeleteRolePolicy", json!({"RoleName": role, "PolicyName": policy}));
        }
        let policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";
        hand(&sandbox, "iam", "DetachRolePolicy", json!({"RoleName": role, "PolicyArn": policy}));
        hand(&sandbox, "iam", "DeleteRole", json!({"RoleName": role}));
        done(taken_down(&sandbox).await);
        assert_nothing_left(&sandbox, &before);
    });
}

#[test]
fn a_table_and_a_log_that_somebody_protected_go_all_the_same() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, &with_portal()).await;
        hand(&sandbox, "dynamodb", "UpdateTable", json!({"TableName": USERS, "DeletionProtectionEnabled": true}));
        done(taken_down(&sandbox).await);
        assert_nothing_left(&sandbox, &before);
    });
}

#[test]
fn somebody_elses_function_in_the_subnets_is_foreign() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, &with_portal()).await;
        let own = hand(&sandbox, "lambda", "GetFunctionConfiguration", json!({"FunctionName": PRESIGN}));
        let groups = json!([{"Name": "group-name", "Values": ["default"]}, {"Name": "vpc-id", "Values": [own["VpcConfig"]["VpcId"]]}]);
        let groups = hand(&sandbox, "ec2", "DescribeSecurityGroups", json!({"Filters": groups}));
        let vpc = json!({
            "SubnetIds": [own["VpcConfig"]["SubnetIds"][0]],
            "SecurityGroupIds": [groups["SecurityGroups"][0]["GroupId"]],
        });
        let theirs = json!({
            "FunctionName": "breezeway-demo-presign-2", "Runtime": "python3.13", "Handler": "presign.handler",
            "Role": own["Role"], "VpcConfig": vpc, "Code": {"ZipFile": BASE64.encode(Program::Presign.package().zip)},
        });
        hand(&sandbox, "lambda", "CreateFunction", theirs);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let drift = ann(&sandbox).drift(LAB).await;
        let [interface] = drift.as_slice() else { panic!("{drift:#?}") };
        assert_eq!((interface.kind, interface.class, interface.foreign), (Kind::NetworkInterface, Class::Unmanaged, true));
        let refused = taken_down(&sandbox).await;
        assert_eq!((refused.outcome, refused.causes.len()), (Outcome::Failed, 1), "{:#?}", refused.causes);

        hand(&sandbox, "lambda", "DeleteFunction", json!({"FunctionName": "breezeway-demo-presign-2"}));
        tokio::time::sleep(Duration::from_secs(3600)).await;
        done(taken_down(&sandbox).await);
        assert_nothing_left(&sandbox, &before);
    });
}

#[test]
fn a_lab_whose_name_begins_with_anothers_is_left_alone() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &with_portal()).await;
        let other = with_portal().replace("name = \"demo\"", "name = \"demo-2\"");
        built(&sandbox, &other).await;
        assert_eq!(differences(&sandbox).await, [""; 0]);
        done(taken_down(&sandbox).await);
        assert_eq!(ann(&sandbox).drift("demo-2").await, []);
    });
}

#[test]
fn what_could_not_be_read_is_not_made_again() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, &with_portal()).await;
        for (denied, kinds) in [
            ("GetFunction", vec![Kind::Function, Kind::FunctionPermission]),
            ("GetPolicy", vec![Kind::FunctionPermission]),
            ("DescribeTable", vec![Kind::Table, Kind::TableItem]),
            ("Scan", vec![Kind::TableItem]),
            ("ListTagsOfResource", vec![Kind::Table]),
            ("DescribeLogGroups", vec![Kind::LogGroup]),
        ] {
            let dials = CallerDials { denied: Some(denied), ..CallerDials::default() };
            let blind = Person::new(&sandbox, "bob", LAB, dials);
            let unknown: Vec<_> =
                blind.drift(LAB).await.into_iter().filter(|one| one.class == Class::Unknown).collect();
            let seen: Vec<_> = unknown.iter().map(|one| one.kind).collect();
            assert!(kinds.iter().all(|kind| seen.contains(kind)), "{denied}: {unknown:#?}");
            let plan = plan(&with_portal());
            let report = up(&blind.session(LAB, 3, Options::default()), Some(&plan)).await.unwrap();
            assert_eq!(report.outcome, Outcome::Failed, "{denied}");
            if denied == "GetFunction" {
                let report = down(&blind.session(LAB, 3, Options::default())).await.unwrap();
                assert_eq!(report.outcome, Outcome::Failed);
                built(&sandbox, &with_portal()).await;
            }
        }
    });
}

/// A corporate user pool with somebody in it whose mail address is verified, and its client.
fn corporate(sandbox: &Sandbox, email: &str) -> [String; 2] {
    let cognito = |operation: &str, input: Value| hand(sandbox, "cognito-idp", operation, input);
    let pool = cognito("CreateUserPool", json!({"PoolName": "corporate"}))["UserPool"]["Id"].take();
    let flows = ["ALLOW_USER_PASSWORD_AUTH"];
    let input = json!({"UserPoolId": pool, "ClientName": "portal", "ExplicitAuthFlows": flows});
    let client = cognito("CreateUserPoolClient", input)["UserPoolClient"]["ClientId"].take();
    let verified = json!([{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]);
    cognito("AdminCreateUser", json!({"UserPoolId": pool, "Username": "u-4711", "UserAttributes": verified}));
    let set = json!({"UserPoolId": pool, "Username": "u-4711", "Password": PASSWORD, "Permanent": true});
    cognito("AdminSetUserPassword", set);
    [pool, client].map(|one| one.as_str().unwrap().to_owned())
}

#[test]
fn somebody_known_by_a_mail_address_opens_the_profile_that_the_plan_says() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let [pool, client] = corporate(&sandbox, "ann@corp.example");
        let sign_in = format!("pool = \"{pool}\"\nclient = \"{client}\"\nuser_claim = \"email\"\n");
        let text = |profile: &str| {
            format!("{WITHOUT}{sign_in}{PORTAL}[portal.profiles]\n\"ann@corp.example\" = \"{profile}\"\n")
        };
        built(&sandbox, &text("alice")).await;
        assert_eq!(differences(&sandbox).await, [""; 0]);
        let rows = hand(&sandbox, "dynamodb", "Scan", json!({"TableName": USERS}))["Items"].take();
        assert_eq!(rows.as_array().unwrap().len(), 1);
        assert_eq!((&rows[0]["user"]["S"], &rows[0]["profile"]["S"]), (&json!("ann@corp.example"), &json!("alice")));
        tokio::time::sleep(Duration::from_secs(600)).await;

        let input = json!({
            "ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": "u-4711", "PASSWORD": PASSWORD},
        });
        let token = hand(&sandbox, "cognito-idp", "InitiateAuth", input)["AuthenticationResult"]["IdToken"].take();
        let send = |url: &str, token: Option<&str>| {
            let (url, token) = (url.to_owned(), token.map(str::to_owned));
            let from = Standpoint::Studio;
            sandbox.request(&Question { url, from, lab: None, token, role: None, headers: Vec::new() }).unwrap()
        };
        let apis = hand(&sandbox, "apigateway", "GetRestApis", json!({}));
        let api = apis["items"][0]["id"].as_str().unwrap();
        let portal = format!("https://{api}.execute-api.{REGION}.amazonaws.com/portal/users");
        let opened_as = |name: &str| {
            let answer = send(&format!("{portal}/{name}/url"), token.as_str());
            assert!(answer.admitted, "{:?}", answer.steps);
            let body: Value = serde_json::from_str(answer.body.as_deref().unwrap()).unwrap();
            send(body["url"].as_str().unwrap(), None).steps.last().unwrap().says.clone()
        };
        // A path may write it in either way.
        for name in ["ann@corp.example", "ann%40corp.example"] {
            assert_eq!(opened_as(name), "Studio opens as alice");
        }
        for name in ["alice", "u-4711", "ann%2540corp.example"] {
            assert_eq!(send(&format!("{portal}/{name}/url"), token.as_str()).status, Some(403), "{name}");
        }

        built(&sandbox, &text("Bob")).await;
        assert_eq!(differences(&sandbox).await, [""; 0]);
        assert_eq!(opened_as("ann@corp.example"), "Studio opens as Bob");
        let other = format!("{WITHOUT}{sign_in}{PORTAL}[portal.profiles]\n\"bob@corp.example\" = \"Bob\"\n");
        built(&sandbox, &other).await;
        let nobody = send(&format!("{portal}/ann@corp.example/url"), token.as_str());
        assert_eq!(nobody.status, Some(404), "{:?}", nobody.steps);
    });
}
