//! The user guide's pages on policy evaluation, as tests. Expected answers are taken from them by hand.

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ACCOUNT: &str = "111122223333";
const OTHER_ACCOUNT: &str = "444455556666";
const ROLE: &str = "arn:aws:iam::111122223333:role/labs/portal";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/portal/url";
const USER: &str = "arn:aws:iam::111122223333:user/bob";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const OBJECT: &str = "arn:aws:s3:::bucket/object";

fn role() -> Principal {
    Principal::Role { arn: ROLE.into(), session: "url".into() }
}

fn user() -> Principal {
    Principal::User(USER.into())
}

fn statement(effect: &str) -> Value {
    json!({ "Effect": effect, "Action": "s3:GetObject", "Resource": "*" })
}

fn document(statements: Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// A policy without principals.
fn policy(statements: Value) -> Policy {
    Policy::of_identity("work", &document(statements)).unwrap()
}

/// A policy of the bucket or an endpoint with one statement for these principals.
fn attached(effect: &str, principal: Value) -> Policy {
    let mut statement = statement(effect);
    statement["Principal"] = principal;
    Policy::of_resource("bucket", &document(statement)).unwrap()
}

fn to(name: &str) -> Policy {
    attached("Allow", json!({ "AWS": name }))
}

fn allows() -> Policy {
    policy(statement("Allow"))
}

fn denies() -> Policy {
    policy(statement("Deny"))
}

/// Allows something else.
fn silent() -> Policy {
    policy(json!({ "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*" }))
}

fn of_role(identity: Policy) -> Policies {
    Policies { identity: vec![identity], ..Policies::default() }
}

/// Whether the object may be read.
fn get(principal: Principal, policies: &Policies) -> Kind {
    evaluate(&Request::new(principal, "s3:GetObject", OBJECT), policies).kind
}

/// The same where another account owns the bucket.
fn get_abroad(principal: Principal, policies: &Policies) -> Kind {
    let request = Request { owner: Some(OTHER_ACCOUNT.into()), ..Request::new(principal, "s3:GetObject", OBJECT) };
    evaluate(&request, policies).kind
}

fn because(request: &Request, policies: &Policies) -> String {
    evaluate(request, policies).because.join("\n")
}

#[test]
fn what_nothing_allows_is_denied() {
    assert_eq!(get(role(), &Policies::default()), Kind::ImplicitDeny);
    assert_eq!(get(role(), &of_role(silent())), Kind::ImplicitDeny);
    assert_eq!(get(role(), &of_role(allows())), Kind::Allowed);
    let several = Policies { identity: vec![silent(), allows()], ..Policies::default() };
    assert_eq!(get(role(), &several), Kind::Allowed);
}

#[test]
fn an_explicit_deny_wins_wherever_it_stands() {
    let open = || Policies { resource: Some(to(SESSION)), ..of_role(allows()) };
    assert_eq!(get(role(), &open()), Kind::Allowed);
    let everybody = attached("Deny", json!("*"));
    for policies in [
        Policies { identity: vec![allows(), denies()], ..open() },
        Policies { boundary: Some(denies()), ..open() },
        Policies { session: Some(denies()), ..open() },
        Policies { resource: Some(everybody.clone()), ..open() },
        Policies { endpoint: Some(everybody.clone()), ..open() },
    ] {
        assert_eq!(get(role(), &policies), Kind::ExplicitDeny);
        assert_eq!(get_abroad(role(), &policies), Kind::ExplicitDeny);
    }
    let endpoint = Policies { endpoint: Some(everybody), ..Policies::default() };
    assert_eq!(get(Principal::Root(ROOT.into()), &endpoint), Kind::ExplicitDeny);
}

#[test]
fn a_boundary_and_a_session_policy_limit_what_identity_policies_grant() {
    for limit in [silent, denies] {
        let bounded = Policies { boundary: Some(limit()), ..of_role(allows()) };
        let limited = Policies { session: Some(limit()), ..of_role(allows()) };
        assert_ne!(get(role(), &bounded), Kind::Allowed);
        assert_ne!(get(role(), &limited), Kind::Allowed);
    }
    let both = Policies { boundary: Some(allows()), session: Some(allows()), ..of_role(allows()) };
    assert_eq!(get(role(), &both), Kind::Allowed);
    let nothing_granted = Policies { identity: Vec::new(), ..both };
    assert_eq!(get(role(), &nothing_granted), Kind::ImplicitDeny);
}

/// The table "Resource-based policies and implicit denies in other policy types (same account)".
#[test]
fn a_resource_policy_grants_by_itself_in_its_own_account() {
    use Kind::{Allowed, ImplicitDeny};
    // Who is named, and what comes of it when the identity policies, the boundary or the session policy say nothing.
    for (principal, named, [identity, boundary, session]) in [
        (role(), ROLE, [Allowed, ImplicitDeny, ImplicitDeny]),
        (role(), SESSION, [Allowed, Allowed, Allowed]),
        (role(), "*", [Allowed, Allowed, Allowed]),
        (role(), ROOT, [ImplicitDeny, ImplicitDeny, ImplicitDeny]),
        (role(), ACCOUNT, [ImplicitDeny, ImplicitDeny, ImplicitDeny]),
        (role(), USER, [ImplicitDeny, ImplicitDeny, ImplicitDeny]),
        (user(), USER, [Allowed, Allowed, Allowed]),
        (user(), ROOT, [ImplicitDeny, ImplicitDeny, ImplicitDeny]),
        (user(), ROLE, [ImplicitDeny, ImplicitDeny, ImplicitDeny]),
    ] {
        let with = |boundary, session| Policies { boundary, session, resource: Some(to(named)), ..of_role(silent()) };
        assert_eq!(get(principal.clone(), &with(Some(allows()), Some(allows()))), identity, "{named}");
        assert_eq!(get(principal.clone(), &with(Some(silent()), None)), boundary, "{named}");
        assert_eq!(get(principal.clone(), &with(None, Some(silent()))), session, "{named}");
    }
}

#[test]
fn either_the_identity_or_the_resource_policy_is_enough_at_home() {
    for named in [ROOT, "arn:aws:iam::111122223333:role/labs/other"] {
        assert_eq!(get(role(), &Policies { resource: Some(to(named)), ..of_role(allows()) }), Kind::Allowed);
    }
}

#[test]
fn both_have_to_allow_across_accounts() {
    for named in [ROOT, ACCOUNT, ROLE, SESSION, "*"] {
        let both = || Policies { resource: Some(to(named)), ..of_role(allows()) };
        assert_eq!(get_abroad(role(), &both()), Kind::Allowed, "{named}");
        for policies in [
            Policies { identity: Vec::new(), ..both() },
            Policies { resource: None, ..both() },
            Policies { resource: Some(to(OTHER_ACCOUNT)), ..both() },
            Policies { boundary: Some(silent()), ..both() },
            Policies { session: Some(silent()), ..both() },
        ] {
            assert_eq!(get_abroad(role(), &policies), Kind::ImplicitDeny, "{named}");
        }
    }
}

#[test]
fn the_account_in_an_arn_owns_the_resource() {
    let own = "arn:aws:sqs:us-east-1:111122223333:queue";
    let foreign = "arn:aws:sqs:us-east-1:444455556666:queue";
    for (arn, owner, expected) in [
        (own, Some(OTHER_ACCOUNT), Kind::Allowed),
        (foreign, Some(ACCOUNT), Kind::ImplicitDeny),
        (foreign, None, Kind::ImplicitDeny),
        (OBJECT, Some(ACCOUNT), Kind::Allowed),
        (OBJECT, None, Kind::Allowed),
    ] {
        let request = Request { owner: owner.map(str::to_owned), ..Request::new(role(), "s3:GetObject", arn) };
        assert_eq!(evaluate(&request, &of_role(allows())).kind, expected, "{arn} {owner:?}");
    }
}

#[test]
fn a_root_user_may_do_everything_in_its_own_account() {
    let root = || Principal::Root(ROOT.into());
    assert_eq!(get(root(), &Policies::default()), Kind::Allowed);
    assert_eq!(get_abroad(root(), &Policies::default()), Kind::ImplicitDeny);
    let named = Policies { resource: Some(to(ROOT)), ..Policies::default() };
    assert_eq!(get_abroad(root(), &named), Kind::Allowed);
    assert_snapshot!(
        because(&Request::new(root(), "s3:GetObject", OBJECT), &Policies::default()),
        @"arn:aws:iam::111122223333:root may do everything in its account"
    );
}

#[test]
fn anonymous_callers_and_services_need_the_resource_policy() {
    let service = || Principal::Service("lambda.amazonaws.com".into());
    let by = |principal| Policies { resource: Some(attached("Allow", principal)), ..of_role(allows()) };
    for everybody in [json!("*"), json!({ "AWS": "*" })] {
        assert_eq!(get(Principal::Anonymous, &by(everybody.clone())), Kind::Allowed);
        assert_eq!(get(service(), &by(everybody)), Kind::Allowed);
    }
    assert_eq!(get(Principal::Anonymous, &by(json!({ "AWS": ROOT }))), Kind::ImplicitDeny);
    assert_eq!(get(Principal::Anonymous, &of_role(allows())), Kind::ImplicitDeny);
    assert_eq!(get(service(), &by(json!({ "Service": "lambda.amazonaws.com" }))), Kind::Allowed);
    assert_eq!(get(service(), &by(json!({ "Service": ["ec2.amazonaws.com"] }))), Kind::ImplicitDeny);
    assert_eq!(get(service(), &of_role(allows())), Kind::ImplicitDeny);
    let federated = Principal::Federated("accounts.google.com".into());
    assert_eq!(get(federated.clone(), &by(json!({ "Federated": "accounts.google.com" }))), Kind::Allowed);
    assert_eq!(get(federated, &by(json!({ "Federated": "graph.facebook.com" }))), Kind::ImplicitDeny);
}

#[test]
fn a_role_or_a_key_is_used_only_if_its_own_policy_allows_it() {
    for action in ["sts:AssumeRole", "kms:Decrypt"] {
        let may = || policy(json!({ "Effect": "Allow", "Action": action, "Resource": "*" }));
        let trusts = |principal: Value| {
            let statement = json!({ "Effect": "Allow", "Action": action, "Principal": principal });
            Policy::of_resource("trust", &document(statement)).unwrap()
        };
        let asked = |principal: Principal, identity: Vec<Policy>, resource: Option<Policy>| {
            let request = Request::new(principal, action, "arn:aws:iam::111122223333:role/other");
            evaluate(&request, &Policies { identity, resource, ..Policies::default() }).allowed()
        };
        assert!(!asked(user(), vec![may()], None), "{action}");
        assert!(!asked(user(), vec![may()], Some(trusts(json!({ "Service": "lambda.amazonaws.com" })))), "{action}");
        assert!(asked(user(), vec![may()], Some(trusts(json!({ "AWS": ACCOUNT })))), "{action}");
        assert!(!asked(user(), Vec::new(), Some(trusts(json!({ "AWS": ACCOUNT })))), "{action}");
        assert!(asked(user(), Vec::new(), Some(trusts(json!({ "AWS": USER })))), "{action}");
        let lambda = Principal::Service("lambda.amazonaws.com".into());
        assert!(asked(lambda, Vec::new(), Some(trusts(json!({ "Service": "lambda.amazonaws.com" })))), "{action}");
    }
}

/// The page on `NotPrincipal`.
#[test]
fn not_principal_denies_everybody_who_is_not_named_in_full() {
    let denies = |names: &[&str]| {
        let mut statement = statement("Deny");
        statement["NotPrincipal"] = json!({ "AWS": names });
        let resource = Some(Policy::of_resource("bucket", &document(statement)).unwrap());
        Policies { resource, ..of_role(allows()) }
    };
    assert_eq!(get(user(), &denies(&[USER, ROOT])), Kind::Allowed);
    assert_eq!(get(user(), &denies(&[USER])), Kind::ExplicitDeny);
    assert_eq!(get(user(), &denies(&[ROOT])), Kind::ExplicitDeny);
    assert_eq!(get(role(), &denies(&[SESSION, ROLE, ROOT])), Kind::Allowed);
    assert_eq!(get(role(), &denies(&[SESSION, ROOT])), Kind::ExplicitDeny);
    assert_eq!(get(role(), &denies(&[USER, ROOT])), Kind::ExplicitDeny);
    assert_eq!(get(Principal::Anonymous, &denies(&[USER, ROOT])), Kind::ExplicitDeny);
    let bounded = Policies { boundary: Some(allows()), ..denies(&[USER, ROOT]) };
    assert_eq!(get(user(), &bounded), Kind::ExplicitDeny);
}

#[test]
fn not_principal_allows_everybody_who_is_not_named_at_all() {
    let allows = |name: &str| {
        let mut statement = statement("Allow");
        statement["NotPrincipal"] = json!({ "AWS": name });
        Policies { resource: Some(Policy::of_resource("bucket", &document(statement)).unwrap()), ..Policies::default() }
    };
    assert_eq!(get(user(), &allows(ROLE)), Kind::Allowed);
    assert_eq!(get(Principal::Anonymous, &allows(USER)), Kind::Allowed);
    for name in [USER, ROOT, ACCOUNT] {
        assert_eq!(get(user(), &allows(name)), Kind::ImplicitDeny, "{name}");
    }
}

#[test]
fn what_passes_an_endpoint_has_to_be_allowed_by_its_policy_too() {
    let through = |endpoint| Policies { endpoint: Some(endpoint), ..of_role(allows()) };
    assert_eq!(get(role(), &through(attached("Allow", json!("*")))), Kind::Allowed);
    assert_eq!(get(role(), &through(to(ROOT))), Kind::Allowed);
    assert_eq!(get(role(), &through(to(ROLE))), Kind::Allowed);
    assert_eq!(get(role(), &through(to(OTHER_ACCOUNT))), Kind::ImplicitDeny);
    let grants_nothing = Policies { endpoint: Some(to(SESSION)), ..Policies::default() };
    assert_eq!(get(role(), &grants_nothing), Kind::ImplicitDeny);
    assert_eq!(get(Principal::Root(ROOT.into()), &through(to(OTHER_ACCOUNT))), Kind::ImplicitDeny);
    // The portal's callers have no identity that IAM knows.
    let portal = |endpoint| Policies {
        endpoint: Some(endpoint),
        resource: Some(attached("Allow", json!("*"))),
        ..Policies::default()
    };
    assert_eq!(get(Principal::Anonymous, &portal(attached("Allow", json!("*")))), Kind::Allowed);
    assert_eq!(get(Principal::Anonymous, &portal(to(ROOT))), Kind::ImplicitDeny);
}

/// The page's example: Carlos and the log buckets.
#[test]
fn carlos_reads_his_bucket_and_no_logs() {
    let identity = policy(json!([
        {
            "Sid": "AllowS3ListRead", "Effect": "Allow", "Resource": "arn:aws:s3:::*",
            "Action": ["s3:GetBucketLocation", "s3:GetAccountPublicAccessBlock", "s3:ListAllMyBuckets"],
        },
        {
            "Sid": "AllowS3Self", "Effect": "Allow", "Action": "s3:*",
            "Resource": ["arn:aws:s3:::carlossalazar/*", "arn:aws:s3:::carlossalazar"],
        },
        { "Sid": "DenyS3Logs", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::*log*" },
    ]));
    let carlos = || Principal::User("arn:aws:iam::123456789012:user/carlossalazar".into());
    let policies = of_role(identity);
    for (action, resource, expected) in [
        ("s3:PutObject", "arn:aws:s3:::carlossalazar-logs/file", Kind::ExplicitDeny),
        ("s3:PutObject", "arn:aws:s3:::carlossalazar/file", Kind::Allowed),
        ("s3:ListAllMyBuckets", "arn:aws:s3:::anybody", Kind::Allowed),
        ("s3:PutObject", "arn:aws:s3:::anybody/file", Kind::ImplicitDeny),
    ] {
        assert_eq!(
            evaluate(&Request::new(carlos(), action, resource), &policies).kind,
            expected,
            "{action} {resource}"
        );
    }
}

#[test]
fn actions_ignore_case_and_resources_do_not() {
    let asks = |action: &str, resource: &str| {
        let statement = json!({ "Effect": "Allow", "Action": action, "Resource": resource });
        get(role(), &of_role(policy(statement))) == Kind::Allowed
    };
    assert!(asks("S3:gETobject", OBJECT));
    assert!(asks("s3:*", "arn:aws:s3:::bucket/*"));
    assert!(asks("s3:Get?bject", "*"));
    assert!(asks("*", "*"));
    assert!(!asks("s3:Put*", "*"));
    assert!(!asks("s3:GetObject", "arn:aws:s3:::Bucket/object"));
}

#[test]
fn not_action_and_not_resource_are_about_everything_else() {
    let asks = |element: &str, value: Value, other: &str| {
        let statement = json!({ "Effect": "Allow", element: value, other: "*" });
        get(role(), &of_role(policy(statement))) == Kind::Allowed
    };
    assert!(asks("NotAction", json!("iam:*"), "Resource"));
    assert!(!asks("NotAction", json!(["iam:*", "S3:Get*"]), "Resource"));
    assert!(asks("NotResource", json!("arn:aws:s3:::other/*"), "Action"));
    assert!(!asks("NotResource", json!(["arn:aws:s3:::other/*", "arn:aws:s3:::bucket/*"]), "Action"));
    assert!(!asks("NotResource", json!("arn:aws:s3:::${aws:userid}/*"), "Action"));
}

#[test]
fn variables_are_those_of_the_newer_language_only() {
    let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::bucket/${aws:username}" });
    let asks = |version: Option<&str>, resource: &str| {
        let document = json!({ "Version": version.unwrap_or("2008-10-17"), "Statement": statement });
        let policy = Policy::of_identity("work", &document.to_string()).unwrap();
        evaluate(&Request::new(user(), "s3:GetObject", resource), &of_role(policy)).allowed()
    };
    assert!(asks(Some("2012-10-17"), "arn:aws:s3:::bucket/bob"));
    assert!(!asks(None, "arn:aws:s3:::bucket/bob"));
    assert!(asks(None, "arn:aws:s3:::bucket/${aws:username}"));
}

#[test]
fn a_request_brings_what_its_principal_says() {
    let get = |principal: Principal, key: &str| {
        Request::new(principal, "s3:GetObject", OBJECT).context.get(key).map(|values| values.join(","))
    };
    assert_eq!(get(role(), "aws:principalarn").as_deref(), Some(ROLE));
    assert_eq!(get(role(), "aws:PrincipalType").as_deref(), Some("AssumedRole"));
    assert_eq!(get(role(), "aws:username"), None);
    assert_eq!(get(user(), "aws:username").as_deref(), Some("bob"));
    assert_eq!(get(user(), "aws:PrincipalAccount").as_deref(), Some(ACCOUNT));
    assert_eq!(get(Principal::Anonymous, "aws:PrincipalArn"), None);
    assert_eq!(get(Principal::Anonymous, "aws:PrincipalIsAWSService"), None);
    assert_eq!(get(user(), "aws:PrincipalIsAWSService").as_deref(), Some("false"));
    let lambda = Principal::Service("lambda.amazonaws.com".into());
    assert_eq!(get(lambda, "aws:PrincipalIsAWSService").as_deref(), Some("true"));
}

#[test]
fn passing_a_role_may_be_bound_to_a_service() {
    let statement = json!({
        "Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE,
        "Condition": { "StringEquals": { "iam:PassedToService": "sagemaker.amazonaws.com" } },
    });
    let policies = of_role(policy(statement));
    let passes = |service: &str| {
        let request = Request::new(user(), "iam:PassRole", ROLE).with("iam:PassedToService", &[service]);
        evaluate(&request, &policies).allowed()
    };
    assert!(passes("sagemaker.amazonaws.com"));
    assert!(!passes("lambda.amazonaws.com"));
}

#[test]
fn all_conditions_of_a_statement_have_to_hold() {
    let statement = json!({
        "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {
            "StringEquals": { "aws:PrincipalTag/team": "red", "aws:ResourceTag/team": "red" },
            "ForAllValues:StringEquals": { "aws:TagKeys": ["team", "name"] },
        },
    });
    let policies = of_role(policy(statement));
    let request = || {
        let request = Request::new(role(), "ec2:CreateTags", "*").with("aws:principaltag/TEAM", &["red"]);
        request.with("aws:ResourceTag/team", &["red"]).with("aws:TagKeys", &["team"])
    };
    assert!(evaluate(&request(), &policies).allowed());
    for (key, values) in
        [("aws:PrincipalTag/team", &["blue"][..]), ("aws:ResourceTag/team", &[]), ("aws:TagKeys", &["team", "owner"])]
    {
        assert!(!evaluate(&request().with(key, values), &policies).allowed(), "{key}");
    }
}

/// What binds a presigned URL, in the three ways that AWS's post on them names: an Allow, and a Deny for all else.
fn presign(operator: &str, other: &str, key: &str, values: &[&str]) -> Policies {
    let statement = |effect: &str, operator: &str| {
        json!({
            "Effect": effect,
            "Action": ["sagemaker:CreatePresignedDomainUrl", "sagemaker:DescribeUserProfile"],
            "Resource": "arn:aws:sagemaker:us-east-1:*:user-profile/*",
            "Condition": { operator: { key: values } },
        })
    };
    let document = document(json!([statement("Allow", operator), statement("Deny", other)]));
    of_role(Policy::of_identity("presign", &document).unwrap())
}

fn url() -> Request {
    let profile = "arn:aws:sagemaker:us-east-1:111122223333:user-profile/d-1/bob";
    Request::new(role(), "sagemaker:CreatePresignedDomainUrl", profile)
}

/// Through an endpoint: there is no `aws:SourceIp`.
fn through(endpoint: &str, vpc: &str, address: &str) -> Request {
    let request = url().with("aws:SourceVpce", &[endpoint]).with("aws:SourceVpc", &[vpc]);
    request.with("aws:VpcSourceIp", &[address])
}

/// Over the internet: there are no keys of endpoints.
fn from_internet(address: &str) -> Request {
    url().with("aws:SourceIp", &[address])
}

/// From the corporate network and from the Studio VPC by the named endpoints, by another endpoint of that VPC, by one of
/// another VPC, and over the internet from the corporate egress and from anywhere else.
fn everywhere() -> [Request; 6] {
    [
        through("vpce-api", "vpc-studio", "192.168.10.148"),
        through("vpce-studio", "vpc-studio", "10.16.40.9"),
        through("vpce-other", "vpc-studio", "10.16.40.9"),
        through("vpce-foreign", "vpc-foreign", "10.99.0.9"),
        from_internet("203.0.113.7"),
        from_internet("198.51.100.9"),
    ]
}

#[test]
fn a_url_bound_to_endpoints_works_through_them_only() {
    let policies = presign("StringEquals", "StringNotEquals", "aws:SourceVpce", &["vpce-api", "vpce-studio"]);
    let kinds = everywhere().map(|request| evaluate(&request, &policies).kind);
    use Kind::{Allowed, ExplicitDeny};
    assert_eq!(kinds, [Allowed, Allowed, ExplicitDeny, ExplicitDeny, ExplicitDeny, ExplicitDeny]);
    assert_snapshot!(because(&everywhere()[0], &policies), @"statement 1 of the identity policy presign allows sagemaker:CreatePresignedDomainUrl: aws:SourceVpce is vpce-api, which meets StringEquals vpce-api or vpce-studio");
    assert_snapshot!(because(&everywhere()[4], &policies), @"statement 2 of the identity policy presign denies sagemaker:CreatePresignedDomainUrl: aws:SourceVpce is absent, which meets StringNotEquals vpce-api or vpce-studio");
}

#[test]
fn a_url_bound_to_a_vpc_works_through_any_of_its_endpoints() {
    let policies = presign("StringEquals", "StringNotEquals", "aws:SourceVpc", &["vpc-studio"]);
    let kinds = everywhere().map(|request| evaluate(&request, &policies).kind);
    use Kind::{Allowed, ExplicitDeny};
    assert_eq!(kinds, [Allowed, Allowed, Allowed, ExplicitDeny, ExplicitDeny, ExplicitDeny]);
}

#[test]
fn a_url_bound_to_addresses_works_over_the_internet_only() {
    let policies = presign("IpAddress", "NotIpAddress", "aws:SourceIp", &["203.0.113.0/24"]);
    let kinds = everywhere().map(|request| evaluate(&request, &policies).kind);
    use Kind::{Allowed, ExplicitDeny};
    assert_eq!(kinds, [ExplicitDeny, ExplicitDeny, ExplicitDeny, ExplicitDeny, Allowed, ExplicitDeny]);
    assert_snapshot!(because(&everywhere()[0], &policies), @"statement 2 of the identity policy presign denies sagemaker:CreatePresignedDomainUrl: aws:SourceIp is absent, which meets NotIpAddress 203.0.113.0/24");
}

#[test]
fn a_vpc_may_be_bound_together_with_addresses_in_it() {
    let statement = json!({
        "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*",
        "Condition": {
            "StringEquals": { "aws:SourceVpc": "vpc-studio" },
            "IpAddress": { "aws:VpcSourceIp": "192.168.10.0/24" },
        },
    });
    let policies = of_role(policy(statement));
    let allowed = everywhere().map(|request| evaluate(&request, &policies).allowed());
    assert_eq!(allowed, [true, false, false, false, false, false]);
}

#[test]
fn an_allow_without_its_deny_leaves_room_for_another_allow() {
    let mut policies = presign("StringEquals", "StringEquals", "aws:SourceVpce", &["vpce-api"]);
    policies.identity = vec![policy(json!([
        { "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*", "Condition": { "StringEquals": { "aws:SourceVpce": "vpce-api" } } },
        { "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*", "Condition": { "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } } },
    ]))];
    assert!(evaluate(&from_internet("203.0.113.7"), &policies).allowed());
}

#[test]
fn a_denial_says_everything_that_was_lacking() {
    let near = json!({
        "Sid": "Inside", "Effect": "Allow", "Action": "s3:*", "Resource": "*",
        "Condition": { "StringEquals": { "aws:SourceVpce": ["vpce-1", "vpce-2"] }, "Bool": { "aws:SecureTransport": "true" } },
    });
    let policies = Policies {
        boundary: Some(
            Policy::of_identity("edge", &document(statement("Deny")).replace("s3:GetObject", "iam:*")).unwrap(),
        ),
        resource: Some(to(USER)),
        endpoint: Some(Policy::of_resource("vpce-9", &attached_document(OTHER_ACCOUNT)).unwrap()),
        ..of_role(policy(json!([near, statement("Allow")])))
    };
    let request = Request { owner: Some(OTHER_ACCOUNT.into()), ..Request::new(role(), "s3:PutObject", OBJECT) };
    let request = request.with("aws:SourceVpce", &["vpce-9"]).with("aws:SecureTransport", &["true"]);
    assert_snapshot!(because(&request, &policies), @"
    no identity policy allows s3:PutObject on arn:aws:s3:::bucket/object
    the statement Inside of the identity policy work would, but aws:SourceVpce is vpce-9, which doesn't meet StringEquals vpce-1 or vpce-2
    the permissions boundary edge doesn't allow s3:PutObject on arn:aws:s3:::bucket/object
    the resource policy bucket doesn't allow s3:PutObject to arn:aws:iam::111122223333:role/labs/portal
    the endpoint policy vpce-9 doesn't allow s3:PutObject on arn:aws:s3:::bucket/object
    ");
    assert_snapshot!(because(&Request::new(Principal::Anonymous, "s3:GetObject", OBJECT), &Policies::default()), @"there is no resource policy that allows s3:GetObject to anonymous callers");
}

fn attached_document(account: &str) -> String {
    document(json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Principal": { "AWS": account } }))
}

#[test]
fn a_decision_lists_the_statements_that_decided_and_what_each_place_says() {
    let identity = policy(json!([
        { "Sid": "First", "Effect": "Allow", "Action": "s3:*", "Resource": "*" },
        { "Effect": "Allow", "Action": "iam:*", "Resource": "*" },
        { "Effect": "Allow", "Action": "s3:Get*", "Resource": "*" },
    ]));
    let policies = Policies { boundary: Some(allows()), resource: Some(to(ROLE)), ..of_role(identity) };
    let listed = |decision: &Decision| -> Vec<String> {
        let line = |matched: &Matched| format!("{} {} {:?}", matched.place, matched.number, matched.sid.as_deref());
        decision.statements.iter().map(line).collect()
    };
    let request = Request::new(role(), "s3:GetObject", OBJECT);
    let allowed = evaluate(&request, &policies);
    assert_eq!(
        listed(&allowed),
        ["identity policy 1 Some(\"First\")", "identity policy 3 None", "resource policy 1 None"]
    );
    let places = [(Place::Identity, Kind::Allowed), (Place::Boundary, Kind::Allowed), (Place::Resource, Kind::Allowed)];
    assert_eq!(allowed.places, BTreeMap::from(places));
    let denied = evaluate(&request, &Policies { boundary: Some(denies()), ..policies.clone() });
    assert_eq!(listed(&denied), ["permissions boundary 1 None"]);
    assert_eq!(denied.places[&Place::Boundary], Kind::ExplicitDeny);
    let bounded = evaluate(&request, &Policies { boundary: Some(silent()), ..policies });
    assert_eq!((bounded.kind, bounded.statements), (Kind::ImplicitDeny, Vec::new()));
}

#[test]
fn the_keys_that_policies_ask_for_and_a_request_lacks_are_listed() {
    let identity = policy(json!([
        {
            "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}/${s3:prefix, 'all'}",
            "Condition": { "StringLike": { "aws:SourceVpce": "${aws:PrincipalTag/door}" }, "Null": { "AWS:sourcevpce": "false" } },
        },
        { "Effect": "Deny", "Action": "iam:*", "Resource": "*", "Condition": { "IpAddress": { "aws:SourceIp": "${x:y}" } } },
    ]));
    let policies = Policies { boundary: Some(allows()), ..of_role(identity) };
    let missing = |principal, key: &str| {
        policies.missing_keys(&Request::new(principal, "s3:GetObject", OBJECT).with(key, &["some"]).context)
    };
    assert_eq!(
        missing(role(), "aws:none"),
        ["aws:PrincipalTag/door", "aws:SourceIp", "aws:SourceVpce", "aws:username"]
    );
    assert_eq!(missing(user(), "aws:SOURCEVPCE"), ["aws:PrincipalTag/door", "aws:SourceIp"]);
}

/// A statement that may or may not be about the request of [`get`].
fn any_statement() -> impl Strategy<Value = Value> {
    let action = prop::sample::select(vec!["s3:*", "s3:GetObject", "iam:*", "*"]);
    let resource = prop::sample::select(vec!["*", "arn:aws:s3:::bucket/*", "arn:aws:s3:::other/*"]);
    let operator = prop::sample::select(vec!["StringEquals", "StringNotEquals", "StringLikeIfExists", "Null"]);
    let value = prop::sample::select(vec!["vpce-1", "vpce-*", "true"]);
    let condition = prop::option::of((operator, value));
    (action, resource, condition).prop_map(|(action, resource, condition)| {
        let mut statement = json!({ "Action": action, "Resource": resource });
        if let Some((operator, value)) = condition {
            statement["Condition"] = json!({ operator: { "aws:SourceVpce": value } });
        }
        statement
    })
}

fn policy_of(statements: &[(bool, Value)]) -> Policy {
    let statements = statements.iter().map(|(allow, statement)| {
        let mut statement = statement.clone();
        statement["Effect"] = json!(if *allow { "Allow" } else { "Deny" });
        statement
    });
    let nothing = json!({ "Effect": "Allow", "Action": "none:None", "Resource": "*" });
    policy(statements.chain([nothing]).collect())
}

proptest! {
    #[test]
    fn another_deny_never_allows_and_another_allow_never_undoes_a_deny(
        statements in prop::collection::vec((any::<bool>(), any_statement()), 0..5),
        more in any_statement(),
        bounded in any::<bool>(),
    ) {
        let with = |more: &[(bool, Value)]| {
            let policies = of_role(policy_of(&[&statements, more].concat()));
            get(role(), &Policies { boundary: bounded.then(allows), ..policies })
        };
        let before = with(&[]);
        if before != Kind::Allowed {
            prop_assert_ne!(with(&[(false, more.clone())]), Kind::Allowed);
        }
        prop_assert_eq!(with(&[(true, more)]) == Kind::ExplicitDeny, before == Kind::ExplicitDeny);
    }

    #[test]
    fn a_limit_never_grants(
        identity in prop::collection::vec((any::<bool>(), any_statement()), 0..4),
        limit in prop::collection::vec((any::<bool>(), any_statement()), 0..4),
    ) {
        let without = of_role(policy_of(&identity));
        let limited = [
            Policies { boundary: Some(policy_of(&limit)), ..without.clone() },
            Policies { session: Some(policy_of(&limit)), ..without.clone() },
        ];
        for policies in limited {
            prop_assert!(get(role(), &policies) != Kind::Allowed || get(role(), &without) == Kind::Allowed);
        }
    }
}
