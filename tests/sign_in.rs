//! Sign-in on the sandbox: the lab's own user pool, what hands do to it, and out again without a trace.

use breezeway::drift::{Class, Difference};
use breezeway::engine::event::Outcome;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Options;
use breezeway::resource::Kind;
use breezeway::sandbox::dials::{Death, Dials, Side};
use breezeway::sandbox::host::{CallerDials, Sandbox};
use serde_json::{Value, json};

use crate::lab::*;

const PLAN: &str = r#"
name = "demo"
[[studio.endpoints]]
service = "studio"
[domain]
enabled = true
users = ["alice", "Bob"]
[sign_in]
enabled = true
"#;

async fn built(sandbox: &Sandbox, text: &str) {
    let report = up(&ann(sandbox).session(LAB, 1, Options::default()), Some(&plan(text))).await.unwrap();
    assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
    assert_eq!(ann(sandbox).drift(LAB).await, []);
}

async fn taken_down(sandbox: &Sandbox, before: &Value) {
    let report = down(&ann(sandbox).session(LAB, 2, Options::default())).await.unwrap();
    assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
    let pretty = |standing: &Value| serde_json::to_string_pretty(standing).unwrap();
    assert_eq!(pretty(&sandbox.standing()), pretty(before));
}

fn cognito(sandbox: &Sandbox, operation: &str, input: Value) -> Value {
    hand(sandbox, "cognito-idp", operation, input)
}

fn pool(sandbox: &Sandbox) -> Value {
    cognito(sandbox, "ListUserPools", json!({"MaxResults": 60}))["UserPools"][0]["Id"].clone()
}

fn client(sandbox: &Sandbox) -> Value {
    let clients = cognito(sandbox, "ListUserPoolClients", json!({"UserPoolId": pool(sandbox)}));
    clients["UserPoolClients"][0]["ClientId"].clone()
}

fn user(sandbox: &Sandbox, name: &str) -> Value {
    json!({"UserPoolId": pool(sandbox), "Username": name})
}

/// Changes the pool by hand and leaves nothing else out, as the console does.
fn update_pool(sandbox: &Sandbox, change: Value) {
    let pool = cognito(sandbox, "DescribeUserPool", json!({"UserPoolId": pool(sandbox)}))["UserPool"].take();
    let mut input = json!({"UserPoolId": pool["Id"], "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true}});
    for same in ["UserPoolTags", "AccountRecoverySetting"] {
        input[same] = pool[same].clone();
    }
    let change = change.as_object().unwrap().clone();
    input.as_object_mut().unwrap().extend(change);
    cognito(sandbox, "UpdateUserPool", input);
}

/// Changes the client by hand and leaves nothing else out.
fn update_client(sandbox: &Sandbox, change: Value) {
    let which = json!({"UserPoolId": pool(sandbox), "ClientId": client(sandbox)});
    let mut input = cognito(sandbox, "DescribeUserPoolClient", which)["UserPoolClient"].take();
    let change = change.as_object().unwrap().clone();
    let members = input.as_object_mut().unwrap();
    members.retain(|name, _| !name.ends_with("Date"));
    members.extend(change);
    cognito(sandbox, "UpdateUserPoolClient", input);
}

fn told(differences: &[Difference]) -> Vec<String> {
    let one = |one: &Difference| {
        let field = one.field.as_deref().map_or(String::new(), |field| format!(" {field}"));
        format!("{:?} {}{field}: {}", one.class, one.address, one.effect)
    };
    differences.iter().map(one).collect()
}

#[test]
fn a_protected_pool_without_a_way_to_recover_accounts_is_removed() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, PLAN).await;
        let pool = pool(&sandbox);
        let seen = cognito(&sandbox, "DescribeUserPool", json!({"UserPoolId": pool}))["UserPool"].take();
        // AWS resets what an update doesn't name.
        let update = json!({"UserPoolId": pool, "DeletionProtection": "ACTIVE", "UserPoolTags": seen["UserPoolTags"]});
        cognito(&sandbox, "UpdateUserPool", update);
        taken_down(&sandbox, &before).await;
    });
}

#[test]
fn sign_in_goes_up_stays_clean_and_comes_down_without_a_trace() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, PLAN).await;
        let users = cognito(&sandbox, "ListUsers", json!({"UserPoolId": pool(&sandbox)}));
        let named = |one: &Value| (one["Username"].clone(), one["UserStatus"].clone());
        let users: Vec<_> = users["Users"].as_array().unwrap().iter().map(named).collect();
        let no_password = json!("FORCE_CHANGE_PASSWORD");
        assert_eq!(users, [(json!("alice"), no_password.clone()), (json!("bob"), no_password)]);
        let standing = sandbox.standing();
        built(&sandbox, PLAN).await;
        assert_eq!(
            sandbox.standing()["111122223333"]["us-east-1/cognito-idp"],
            standing["111122223333"]["us-east-1/cognito-idp"]
        );
        taken_down(&sandbox, &before).await;
    });
}

#[test]
fn a_user_signs_in_once_an_administrator_gave_them_a_password() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, PLAN).await;
        let password = "Correct-horse-7";
        let input = json!({"UserPoolId": pool(&sandbox), "Username": "bob", "Password": password, "Permanent": true});
        cognito(&sandbox, "AdminSetUserPassword", input);
        let input = json!({
            "ClientId": client(&sandbox), "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": "Bob", "PASSWORD": password},
        });
        let answer = cognito(&sandbox, "InitiateAuth", input);
        assert_eq!(answer["AuthenticationResult"]["ExpiresIn"], 3600);
        assert_eq!(ann(&sandbox).drift(LAB).await, [], "a password is no drift");
    });
}

#[test]
fn every_field_edited_by_hand_is_drift_and_repaired() {
    type Edit = fn(&Sandbox);
    let edits: [(&str, Edit); 14] = [
        ("sign-in/pool admin_create_only: anybody can sign up, and have tokens that the portal believes", |sandbox| {
            update_pool(sandbox, json!({"AdminCreateUserConfig": {}}));
        }),
        ("sign-in/pool password_policy: passwords may be other than planned, and weaker", |sandbox| {
            update_pool(sandbox, json!({"Policies": {"PasswordPolicy": {"MinimumLength": 6}}}));
        }),
        ("sign-in/pool mfa: signing in takes a second step, which the portal's page doesn't have", |sandbox| {
            let token = json!({"Enabled": true});
            let input = json!({"UserPoolId": pool(sandbox), "MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": token});
            cognito(sandbox, "SetUserPoolMfaConfig", input);
        }),
        ("sign-in/pool recovery: users may replace a forgotten password by themselves", |sandbox| {
            let by_mail = json!([{"Name": "verified_email", "Priority": 1}]);
            update_pool(sandbox, json!({"AccountRecoverySetting": {"RecoveryMechanisms": by_mail}}));
        }),
        ("sign-in/pool deletion_protection: whoever deletes the pool must take this off first", |sandbox| {
            update_pool(sandbox, json!({"DeletionProtection": "ACTIVE"}));
        }),
        ("sign-in/pool tier: it is billed by another feature plan", |sandbox| {
            update_pool(sandbox, json!({"UserPoolTier": "PLUS"}));
        }),
        (
            "sign-in/pool domains: it has sign-in pages on the internet, and can't be used through an endpoint any more",
            |sandbox| {
                cognito(sandbox, "CreateUserPoolDomain", json!({"UserPoolId": pool(sandbox), "Domain": "mine"}));
            },
        ),
        ("sign-in/client auth_flows: users can sign in by other ways too", |sandbox| {
            let flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_CUSTOM_AUTH"];
            update_client(sandbox, json!({"ExplicitAuthFlows": flows}));
        }),
        ("sign-in/client id_token_seconds: whoever has a token can use it for longer", |sandbox| {
            update_client(sandbox, json!({"IdTokenValidity": 61}));
        }),
        ("sign-in/client refresh_token_seconds: whoever has a token can use it for less long", |sandbox| {
            update_client(sandbox, json!({"RefreshTokenValidity": 120}));
        }),
        ("sign-in/client hides_users: anybody can find out who is a user", |sandbox| {
            update_client(sandbox, json!({"PreventUserExistenceErrors": "LEGACY"}));
        }),
        ("sign-in/client token_revocation: a token that was stolen can't be revoked", |sandbox| {
            update_client(sandbox, json!({"EnableTokenRevocation": false}));
        }),
        ("sign-in/client oauth_flows: sign-in pages of the pool would give tokens too", |sandbox| {
            let input = json!({"AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["implicit"]});
            update_client(sandbox, input);
        }),
        ("sign-in/user/alice enabled: alice can't sign in", |sandbox| {
            cognito(sandbox, "AdminDisableUser", user(sandbox, "alice"));
        }),
    ];
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, PLAN).await;
        let (pool_id, client_id) = (pool(&sandbox), client(&sandbox));
        for (expected, edit) in edits {
            edit(&sandbox);
            assert_eq!(told(&ann(&sandbox).drift(LAB).await), [format!("Changed {expected}")]);
            built(&sandbox, PLAN).await;
        }
        assert_eq!((pool(&sandbox), client(&sandbox)), (pool_id, client_id), "repaired in place");
        taken_down(&sandbox, &before).await;
    });
}

#[test]
fn a_pool_with_a_domain_or_protected_comes_down() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, PLAN).await;
        cognito(&sandbox, "CreateUserPoolDomain", json!({"UserPoolId": pool(&sandbox), "Domain": "mine"}));
        update_pool(&sandbox, json!({"DeletionProtection": "ACTIVE"}));
        taken_down(&sandbox, &before).await;
    });
}

#[test]
fn a_pool_deleted_by_hand_is_built_again() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, PLAN).await;
        cognito(&sandbox, "DeleteUserPool", json!({"UserPoolId": pool(&sandbox)}));
        let missing = ann(&sandbox).drift(LAB).await;
        assert_eq!(
            told(&missing),
            [
                "Missing sign-in/pool: nobody can sign in, and its users have to be given passwords anew",
                "Missing sign-in/client: nobody can sign in: tokens for the portal are made by this client",
                "Missing sign-in/user/alice: alice can't sign in",
                "Missing sign-in/user/bob: bob can't sign in",
            ]
        );
        built(&sandbox, PLAN).await;
        taken_down(&sandbox, &before).await;
    });
}

#[test]
fn a_second_client_is_removed_and_a_user_of_somebody_elses_left_alone() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, PLAN).await;
        cognito(&sandbox, "CreateUserPoolClient", json!({"UserPoolId": pool(&sandbox), "ClientName": "mine"}));
        cognito(&sandbox, "AdminCreateUser", user(&sandbox, "Mallory"));
        let found = ann(&sandbox).drift(LAB).await;
        let [second, mallory] = found.as_slice() else { panic!("{found:#?}") };
        assert_eq!((second.kind, second.class, second.foreign), (Kind::UserPoolClient, Class::Unmanaged, false));
        assert_eq!(
            second.effect,
            "users can sign in by it too; its tokens are made for itself, and the portal refuses them"
        );
        assert_eq!((mallory.kind, mallory.class, mallory.foreign), (Kind::UserPoolUser, Class::Unmanaged, true));
        assert_eq!(mallory.address.as_str(), "sign-in/pool/mallory");
        assert_eq!(
            mallory.effect,
            "mallory can sign in; there is no profile for mallory; it is not the lab's: `up` leaves it alone"
        );
        let report = up(&ann(&sandbox).session(LAB, 3, Options::default()), None).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        let clients = cognito(&sandbox, "ListUserPoolClients", json!({"UserPoolId": pool(&sandbox)}));
        assert_eq!(clients["UserPoolClients"].as_array().map(Vec::len), Some(1));
        cognito(&sandbox, "AdminGetUser", user(&sandbox, "mallory"));
        taken_down(&sandbox, &before).await;
    });
}

#[test]
fn one_pool_more_than_the_plan_asks_for_is_drift_and_removed() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        built(&sandbox, PLAN).await;
        let kept = pool(&sandbox);
        let tags = json!({"breezeway:lab": LAB, "breezeway:address": "extra/pool"});
        cognito(&sandbox, "CreateUserPool", json!({"PoolName": "breezeway-demo", "UserPoolTags": tags}));
        let found = ann(&sandbox).drift(LAB).await;
        let [extra] = found.as_slice() else { panic!("{found:#?}") };
        assert_eq!((extra.kind, extra.class, extra.foreign), (Kind::UserPool, Class::Unmanaged, false));
        built(&sandbox, PLAN).await;
        assert_eq!(pool(&sandbox), kept);
        taken_down(&sandbox, &before).await;
    });
}

#[test]
fn of_two_clients_of_one_name_one_stays() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, PLAN).await;
        cognito(&sandbox, "CreateUserPoolClient", json!({"UserPoolId": pool(&sandbox), "ClientName": "portal"}));
        built(&sandbox, PLAN).await;
        let clients = cognito(&sandbox, "ListUserPoolClients", json!({"UserPoolId": pool(&sandbox)}));
        assert_eq!(clients["UserPoolClients"].as_array().map(Vec::len), Some(1));
    });
}

#[test]
fn a_pool_without_its_tag_is_unproven() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        built(&sandbox, PLAN).await;
        let arn = format!("arn:aws:cognito-idp:us-east-1:111122223333:userpool/{}", pool(&sandbox).as_str().unwrap());
        cognito(&sandbox, "UntagResource", json!({"ResourceArn": arn, "TagKeys": ["breezeway:lab"]}));
        let found = ann(&sandbox).drift(LAB).await;
        let [unproven] = found.as_slice() else { panic!("{found:#?}") };
        assert_eq!((unproven.kind, unproven.class), (Kind::UserPool, Class::Unproven));
        let command = format!(
            "aws cognito-idp tag-resource --resource-arn {arn} --tags breezeway:lab=demo,breezeway:address=sign-in/pool"
        );
        assert!(unproven.effect.ends_with(&command), "{}", unproven.effect);
    });
}

/// The calls of an undisturbed `up` that make something at Cognito, counted from 1 among all its calls.
async fn makings() -> Vec<u64> {
    let sandbox = world(1, Dials::default());
    sandbox.log_requests();
    let session = ann(&sandbox).session(LAB, 1, Options::default());
    up(&session, Some(&plan(PLAN))).await.unwrap();
    let requests = sandbox.requests();
    let calls = requests.iter().filter(|line| line.starts_with("= ")).zip(1..);
    let makes = |line: &str| line.starts_with("= cognito-idp") && line.contains("Create");
    calls.filter(|(line, _)| makes(line)).map(|(_, call)| call).collect()
}

#[test]
fn death_at_a_call_leaves_nothing_twice() {
    skipping().block_on(async {
        let makings = makings().await;
        assert_eq!(makings.len(), 4, "a pool, its client and two users");
        for (call, side) in makings.into_iter().flat_map(|call| [(call, Side::Before), (call, Side::After)]) {
            let sandbox = world(1, Dials::default());
            let before = sandbox.standing();
            let dials = CallerDials { die: Some(Death { side, call }), ..CallerDials::default() };
            let mortal = Person::new(&sandbox, "ann", LAB, dials);
            let session = mortal.session(LAB, 1, Options::default());
            let the_plan = plan(PLAN);
            tokio::select! {
                biased;
                () = mortal.client.caller().death() => {}
                _ = Box::pin(up(&session, Some(&the_plan))) => panic!("alive after call {call}"),
            }
            let options = Options { wait: true, ..Options::default() };
            let report = up(&ann(&sandbox).session(LAB, 2, options), Some(&the_plan)).await.unwrap();
            assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]), "{side:?} {call}");
            assert_eq!(ann(&sandbox).drift(LAB).await, [], "{side:?} {call}");
            let pools = cognito(&sandbox, "ListUserPools", json!({"MaxResults": 60}));
            assert_eq!(pools["UserPools"].as_array().map(Vec::len), Some(1), "{side:?} {call}");
            taken_down(&sandbox, &before).await;
        }
    });
}

#[test]
fn what_may_not_be_listed_is_unknown_and_not_made_anew() {
    skipping().block_on(async {
        let lists = ["ListUserPools", "DescribeUserPool", "ListUserPoolClients", "DescribeUserPoolClient", "ListUsers"];
        for denied in lists {
            let sandbox = world(1, Dials::default());
            built(&sandbox, PLAN).await;
            let standing = sandbox.standing();
            let dials = CallerDials { denied: Some(denied), ..CallerDials::default() };
            let eve = Person::new(&sandbox, "eve", LAB, dials);
            let found = eve.drift(LAB).await;
            assert!(found.iter().all(|one| one.class == Class::Unknown), "{denied}: {found:#?}");
            assert!(found.iter().any(|one| one.kind == Kind::UserPool), "{denied}: {found:#?}");
            let report = up(&eve.session(LAB, 4, Options::default()), Some(&plan(PLAN))).await.unwrap();
            assert_eq!(report.outcome, Outcome::Failed, "{denied}");
            let pools = |standing: &Value| standing["111122223333"]["us-east-1/cognito-idp"].clone();
            assert_eq!(pools(&sandbox.standing()), pools(&standing), "{denied}");
            let report = down(&eve.session(LAB, 5, Options::default())).await.unwrap();
            let gone = denied != "ListUserPools" && report.outcome == Outcome::Done;
            let left = by_hand(&sandbox, "cognito-idp", "ListUserPools", json!({"MaxResults": 60})).unwrap();
            assert_eq!(left["UserPools"] == json!([]), gone, "{denied}: done means that nothing is left");
        }
    });
}
