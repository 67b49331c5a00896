use serde_json::{Value, json};

use super::*;
use crate::model::policy::Policy;
use crate::sandbox::wire;
use crate::sandbox::world::Durations;

const ACCOUNT: &str = "111122223333";

/// An account in which somebody may do everything, and somebody else what a policy says.
struct Account {
    world: World,
    moment: Moment,
}

impl Account {
    fn new() -> Self {
        let moment = Moment { durations: Durations::Instant, ..Moment::at("2026-01-01T00:00:00Z".parse().unwrap()) };
        Self { world: World::new(1), moment }
    }

    fn ok(&mut self, service: &str, operation: &str, input: Value) -> Value {
        self.world.handle(&self.moment, &call(service, operation, input)).unwrap()
    }

    fn vpc(&mut self, tags: Value) -> String {
        let tags = if tags == json!([]) { tags } else { json!([{"ResourceType": "vpc", "Tags": tags}]) };
        let made = self.ok("ec2", "CreateVpc", json!({"CidrBlock": "10.0.0.0/16", "TagSpecifications": tags}));
        text(&made["Vpc"]["VpcId"])
    }

    fn subnet(&mut self, vpc: &str) -> String {
        let made = self.ok("ec2", "CreateSubnet", json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24"}));
        text(&made["Subnet"]["SubnetId"])
    }

    /// What a call needs, a line each; the default Region and ids as they come left out.
    fn needs(&mut self, service: &str, operation: &str, input: Value) -> String {
        let needed = self.world.needed(&self.moment, &call(service, operation, input)).unwrap();
        let key = |(key, values): (&String, &Vec<String>)| format!("\n  {key} = {}", values.join(", "));
        let line = |one: &Needed| {
            let keys: String = one.keys.iter().filter(|(key, _)| *key != "ec2:Region").map(key).collect();
            format!("{} on {}{keys}", one.action, one.resource)
        };
        needed.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Whether a person with these statements may make a call; the denial if not.
    fn may(&mut self, statements: Value, service: &str, operation: &str, input: Value) -> Result<(), ApiError> {
        let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let identity = vec![Policy::of_identity("Person", &document).unwrap()];
        let policies = Policies { identity, ..Policies::default() };
        self.world.authorize(&self.moment, &call(service, operation, input), Some(&policies)).map(drop)
    }
}

fn call(service: &str, operation: &str, input: Value) -> Call {
    Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        account: ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
        access_key: "AKIDEXAMPLE".to_owned(),
        input,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Nothing that any call here needs.
fn nothing() -> Value {
    allow(&["s3:GetObject"], "*")
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resource})
}

#[test]
fn every_operation_of_the_wire_is_known() {
    let mut account = Account::new();
    let unknown = wire::operations().into_iter().filter(|(service, operation)| {
        account.world.needed(&account.moment, &call(service, operation, json!({}))).is_none()
    });
    assert_eq!(unknown.collect::<Vec<_>>(), []);
}

#[test]
fn whoever_calls_may_ask_who_they_are_and_sign_in() {
    let mut account = Account::new();
    assert_eq!(account.may(nothing(), "sts", "GetCallerIdentity", json!({})), Ok(()));
    assert_eq!(account.may(nothing(), "cognito-idp", "InitiateAuth", json!({})), Ok(()));
}

#[test]
fn a_call_needs_its_action_on_what_it_names_and_on_what_it_makes_and_to_tag_that() {
    let mut account = Account::new();
    let vpc = account.vpc(json!([{"Key": "lab", "Value": "demo"}]));
    let tags = json!([{"ResourceType": "subnet", "Tags": [{"Key": "lab", "Value": "demo"}]}]);
    let input = json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24", "TagSpecifications": tags});
    let needs = account.needs("ec2", "CreateSubnet", input).replace(&vpc, "VPC");
    insta::assert_snapshot!(needs, @"
    ec2:CreateSubnet on arn:aws:ec2:us-east-1:111122223333:subnet/*
      aws:RequestTag/lab = demo
      aws:TagKeys = lab
    ec2:CreateSubnet on arn:aws:ec2:us-east-1:111122223333:vpc/VPC
      aws:ResourceTag/lab = demo
      ec2:ResourceTag/lab = demo
      ec2:Tenancy = default
      ec2:VpcID = VPC
    ec2:CreateTags on arn:aws:ec2:us-east-1:111122223333:subnet/*
      aws:RequestTag/lab = demo
      aws:TagKeys = lab
      ec2:CreateAction = CreateSubnet
    ");
}

#[test]
fn a_launch_needs_whatever_instances_get_and_the_role_passed_to_them() {
    let mut account = Account::new();
    let vpc = account.vpc(json!([]));
    let subnet = account.subnet(&vpc);
    let trust = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole",
    }});
    let role = json!({"RoleName": "Host", "Path": "/lab/", "AssumeRolePolicyDocument": trust.to_string()});
    account.ok("iam", "CreateRole", role);
    account.ok("iam", "CreateInstanceProfile", json!({"InstanceProfileName": "Host"}));
    account.ok("iam", "AddRoleToInstanceProfile", json!({"InstanceProfileName": "Host", "RoleName": "Host"}));
    let tags = |kind: &str| json!({"ResourceType": kind, "Tags": [{"Key": "lab", "Value": "demo"}]});
    let input = json!({
        "ImageId": "ami-00000000000000009", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "KeyName": "k",
        "SubnetId": subnet, "SecurityGroupIds": ["sg-00000000000000009"], "IamInstanceProfile": {"Name": "Host"},
        "TagSpecifications": [tags("instance"), tags("volume")],
    });
    let needs = account.needs("ec2", "RunInstances", input).replace(&vpc, "VPC").replace(&subnet, "SUBNET");
    insta::assert_snapshot!(needs, @"
    ec2:RunInstances on arn:aws:ec2:us-east-1::image/ami-00000000000000009
    ec2:RunInstances on arn:aws:ec2:us-east-1:111122223333:instance/*
      aws:RequestTag/lab = demo
      aws:TagKeys = lab
      ec2:AvailabilityZone = us-east-1a
      ec2:InstanceProfile = arn:aws:iam::111122223333:instance-profile/Host
      ec2:InstanceType = t3.micro
      ec2:RootDeviceType = ebs
      ec2:Tenancy = default
    ec2:RunInstances on arn:aws:ec2:us-east-1:111122223333:key-pair/k
    ec2:RunInstances on arn:aws:ec2:us-east-1:111122223333:security-group/sg-00000000000000009
    ec2:RunInstances on arn:aws:ec2:us-east-1:111122223333:subnet/SUBNET
      ec2:AvailabilityZone = us-east-1a
      ec2:SubnetID = SUBNET
      ec2:Vpc = arn:aws:ec2:us-east-1:111122223333:vpc/VPC
    ec2:RunInstances on arn:aws:ec2:us-east-1:111122223333:volume/*
      aws:RequestTag/lab = demo
      aws:TagKeys = lab
      ec2:AvailabilityZone = us-east-1a
    ec2:RunInstances on arn:aws:ec2:us-east-1:111122223333:network-interface/*
      ec2:AvailabilityZone = us-east-1a
      ec2:Subnet = arn:aws:ec2:us-east-1:111122223333:subnet/SUBNET
      ec2:Vpc = arn:aws:ec2:us-east-1:111122223333:vpc/VPC
    ec2:CreateTags on arn:aws:ec2:us-east-1:111122223333:instance/*
      aws:RequestTag/lab = demo
      aws:TagKeys = lab
      ec2:CreateAction = RunInstances
    ec2:CreateTags on arn:aws:ec2:us-east-1:111122223333:volume/*
      aws:RequestTag/lab = demo
      aws:TagKeys = lab
      ec2:CreateAction = RunInstances
    iam:PassRole on arn:aws:iam::111122223333:role/lab/Host
      iam:PassedToService = ec2.amazonaws.com
    ");
}

#[test]
fn what_only_an_association_names_is_looked_up() {
    let mut account = Account::new();
    let vpc = account.vpc(json!([]));
    let subnet = account.subnet(&vpc);
    let table = account.ok("ec2", "CreateRouteTable", json!({"VpcId": vpc}));
    let table = text(&table["RouteTable"]["RouteTableId"]);
    let association = account.ok("ec2", "AssociateRouteTable", json!({"RouteTableId": table, "SubnetId": subnet}));
    let input = json!({"AssociationId": association["AssociationId"]});
    let needs = account.needs("ec2", "DisassociateRouteTable", input);
    let on: Vec<&str> = needs.lines().filter(|line| !line.starts_with(' ')).collect();
    let expected = [format!("route-table/{table}"), format!("subnet/{subnet}")];
    assert_eq!(
        on,
        expected.map(|what| format!("ec2:DisassociateRouteTable on arn:aws:ec2:us-east-1:{ACCOUNT}:{what}"))
    );
}

#[test]
fn other_services_need_what_they_do_in_the_callers_name() {
    let mut account = Account::new();
    let role = "arn:aws:iam::111122223333:role/Portal";
    let function = json!({
        "FunctionName": "presign", "Role": role, "Tags": {"lab": "demo"},
        "VpcConfig": {"SubnetIds": ["subnet-00000000000000009"], "SecurityGroupIds": ["sg-00000000000000009"]},
    });
    insta::assert_snapshot!(account.needs("lambda", "CreateFunction", function), @"
    lambda:CreateFunction on arn:aws:lambda:us-east-1:111122223333:function:presign
      aws:RequestTag/lab = demo
      aws:TagKeys = lab
      lambda:SecurityGroupIds = sg-00000000000000009
      lambda:SubnetIds = subnet-00000000000000009
    lambda:TagResource on arn:aws:lambda:us-east-1:111122223333:function:presign
      aws:RequestTag/lab = demo
      aws:TagKeys = lab
    iam:PassRole on arn:aws:iam::111122223333:role/Portal
      iam:PassedToService = lambda.amazonaws.com
    ec2:DescribeSecurityGroups on *
    ec2:DescribeSubnets on *
    ec2:DescribeVpcs on *
    ");
    let domain = json!({"DomainName": "d", "DefaultUserSettings": {"ExecutionRole": role}});
    insta::assert_snapshot!(account.needs("sagemaker", "CreateDomain", domain), @"
    sagemaker:CreateDomain on arn:aws:sagemaker:us-east-1:111122223333:domain/*
    iam:PassRole on arn:aws:iam::111122223333:role/Portal
      iam:PassedToService = sagemaker.amazonaws.com
    iam:CreateServiceLinkedRole on arn:aws:iam::111122223333:role/aws-service-role/sagemaker.amazonaws.com/AWSServiceRoleForAmazonSageMakerNotebooks
      iam:AWSServiceName = sagemaker.amazonaws.com
    ");
    let api = json!({"name": "portal", "policy": "{}", "tags": {"lab": "demo"}});
    insta::assert_snapshot!(account.needs("apigateway", "CreateRestApi", api), @"
    apigateway:POST on arn:aws:apigateway:us-east-1::/restapis
      apigateway:Request/ApiName = portal
      aws:RequestTag/lab = demo
      aws:TagKeys = lab
    apigateway:UpdateRestApiPolicy on arn:aws:apigateway:us-east-1::/restapis
    apigateway:PUT on arn:aws:apigateway:us-east-1::/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2F*
      aws:RequestTag/lab = demo
      aws:TagKeys = lab
    ");
    let method = json!({"restApiId": "a1", "resourceId": "r1", "httpMethod": "GET"});
    insta::assert_snapshot!(account.needs("apigateway", "PutMethod", method), @"apigateway:PUT on arn:aws:apigateway:us-east-1::/restapis/a1/resources/r1/methods/GET");
    let zone = json!({"HostedZoneId": "/hostedzone/Z1", "ChangeBatch": {"Changes": [
        {"Action": "UPSERT", "ResourceRecordSet": {"Name": "Api.Example.", "Type": "A"}},
    ]}});
    insta::assert_snapshot!(account.needs("route53", "ChangeResourceRecordSets", zone), @"
    route53:ChangeResourceRecordSets on arn:aws:route53:::hostedzone/Z1
      route53:ChangeResourceRecordSetsActions = UPSERT
      route53:ChangeResourceRecordSetsNormalizedRecordNames = api.example
      route53:ChangeResourceRecordSetsRecordTypes = A
    ");
    let group = json!({"logGroupName": "/aws/lambda/presign"});
    insta::assert_snapshot!(account.needs("logs", "DeleteLogGroup", group), @"logs:DeleteLogGroup on arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/presign:log-stream:");
}

#[test]
fn awss_own_parameters_are_in_no_account() {
    let mut account = Account::new();
    let mut of = |name: &str| account.needs("ssm", "GetParameter", json!({"Name": name}));
    let own = of("/aws/service/ami-windows-latest/x");
    assert_eq!(own, "ssm:GetParameter on arn:aws:ssm:us-east-1::parameter/aws/service/ami-windows-latest/x");
    assert_eq!(of("/lab/record"), "ssm:GetParameter on arn:aws:ssm:us-east-1:111122223333:parameter/lab/record");
    assert_eq!(of("record"), "ssm:GetParameter on arn:aws:ssm:us-east-1:111122223333:parameter/record");
}

#[test]
fn the_tags_of_a_thing_decide_who_may_delete_it() {
    let mut account = Account::new();
    let vpc = |account: &mut Account, lab: &str| account.vpc(json!([{"Key": "lab", "Value": lab}]));
    let [mine, other] = ["mine", "other"].map(|lab| json!({"VpcId": vpc(&mut account, lab)}));
    let if_mine = json!({"StringEquals": {"aws:ResourceTag/lab": "mine"}});
    let statements = json!([{"Effect": "Allow", "Action": "ec2:DeleteVpc", "Resource": "*", "Condition": if_mine}]);
    assert_eq!(account.may(statements.clone(), "ec2", "DeleteVpc", mine), Ok(()));
    assert!(account.may(statements.clone(), "ec2", "DeleteVpc", other).is_err());
    let gone = json!({"VpcId": "vpc-00000000000000009"});
    assert!(account.may(statements, "ec2", "DeleteVpc", gone).is_err(), "what isn't there has no tags");
}

#[test]
fn a_role_is_made_with_the_boundary_that_a_policy_asks_for_or_not_at_all() {
    let mut account = Account::new();
    let bounded = json!({"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess"}});
    let role = "arn:aws:iam::111122223333:role/lab/*";
    let statements = json!([
        {"Effect": "Allow", "Action": ["iam:CreateRole", "iam:PutRolePolicy"], "Resource": role, "Condition": bounded},
    ]);
    let trust = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole",
    }});
    let mut input = json!({"RoleName": "Host", "Path": "/lab/", "AssumeRolePolicyDocument": trust.to_string()});
    assert!(account.may(statements.clone(), "iam", "CreateRole", input.clone()).is_err());
    input["PermissionsBoundary"] = json!("arn:aws:iam::aws:policy/PowerUserAccess");
    assert_eq!(account.may(statements.clone(), "iam", "CreateRole", input.clone()), Ok(()));
    account.ok("iam", "CreateRole", input);
    let policy = json!({"RoleName": "host", "PolicyName": "p"});
    assert_eq!(
        account.may(statements, "iam", "PutRolePolicy", policy),
        Ok(()),
        "the role's own path and boundary count"
    );
}

#[test]
fn a_denial_names_who_may_not_do_what_and_why() {
    let mut account = Account::new();
    let vpc = json!({"CidrBlock": "10.0.0.0/16"});
    let mut refused = |statements: Value, service: &str, operation: &str, input: Value| {
        let error = account.may(statements, service, operation, input).unwrap_err();
        format!("{} {}: {}", error.status, error.code, error.message)
    };
    insta::assert_snapshot!(refused(nothing(), "ec2", "CreateVpc", vpc.clone()), @"403 UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/sandbox is not authorized to perform: ec2:CreateVpc on resource: arn:aws:ec2:us-east-1:111122223333:vpc/* because no identity-based policy allows the ec2:CreateVpc action");
    let but = json!([
        allow(&["*"], "*"),
        {"Effect": "Deny", "Action": "ssm:Put*", "Resource": "*"},
    ]);
    insta::assert_snapshot!(refused(but, "ssm", "PutParameter", json!({"Name": "a"})), @"400 AccessDeniedException: User: arn:aws:iam::111122223333:user/sandbox is not authorized to perform: ssm:PutParameter on resource: arn:aws:ssm:us-east-1:111122223333:parameter/a with an explicit deny in an identity-based policy");
    insta::assert_snapshot!(refused(nothing(), "iam", "ListRoles", json!({})), @"403 AccessDenied: User: arn:aws:iam::111122223333:user/sandbox is not authorized to perform: iam:ListRoles on resource: * because no identity-based policy allows the iam:ListRoles action");
}

#[test]
fn a_boundary_limits_what_identity_policies_allow() {
    let mut account = Account::new();
    let policy = |statement: Value| {
        Policy::of_identity("p", &json!({"Version": "2012-10-17", "Statement": statement}).to_string()).unwrap()
    };
    let identity = vec![policy(allow(&["*"], "*"))];
    let boundary = Some(policy(allow(&["ssm:*"], "*")));
    let policies = Policies { identity, boundary, ..Policies::default() };
    let mut authorize = |service: &str, operation: &str| {
        account.world.authorize(&account.moment, &call(service, operation, json!({})), Some(&policies))
    };
    assert!(authorize("ssm", "DescribeParameters").is_ok());
    let message = authorize("iam", "ListRoles").unwrap_err().message;
    assert!(message.ends_with("because no permissions boundary allows the iam:ListRoles action"), "{message}");
}

#[test]
fn whoever_signs_as_a_role_may_do_what_the_role_may() {
    let mut account = Account::new();
    let trust = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
    }});
    let role = json!({"RoleName": "Portal", "AssumeRolePolicyDocument": trust.to_string()});
    let id = text(&account.ok("iam", "CreateRole", role)["Role"]["RoleId"]);
    let policy = json!({"Version": "2012-10-17", "Statement": allow(&["ssm:GetParameter"], "*")}).to_string();
    let policy = json!({"RoleName": "Portal", "PolicyName": "p", "PolicyDocument": policy});
    account.ok("iam", "PutRolePolicy", policy);
    let mut as_role = |operation: &str| {
        let access_key = id.replace("AROA", "ASIA");
        let call = Call { access_key, ..call("ssm", operation, json!({"Name": "a"})) };
        account.world.authorize(&account.moment, &call, None)
    };
    assert!(as_role("GetParameter").is_ok());
    let message = as_role("DeleteParameter").unwrap_err().message;
    let who = "User: arn:aws:sts::111122223333:assumed-role/Portal/sandbox is not authorized";
    assert!(message.starts_with(who), "{message}");
}
