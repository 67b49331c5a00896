//! What is done to the lab by hand, so that each of the permissions is needed once.

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use breezeway::portal::Program;
use breezeway::sandbox::host::Sandbox;
use serde_json::{Value, json};

use super::{LAB, rest};
use crate::lab::{REGION, hand, zone_of_somebody};

fn ec2(sandbox: &Sandbox, operation: &str, input: Value) -> Value {
    hand(sandbox, "ec2", operation, input)
}

fn items(value: &Value, member: &str) -> Vec<Value> {
    value[member].as_array().cloned().unwrap_or_default()
}

/// What of EC2's carries the lab's tag, and this address if one is given.
fn of_lab(sandbox: &Sandbox, operation: &str, member: &str, address: &str) -> Vec<Value> {
    let name = if operation == "DescribeNatGateways" { "Filter" } else { "Filters" };
    let mut filters = vec![json!({"Name": "tag:breezeway:lab", "Values": [LAB]})];
    if !address.is_empty() {
        filters.push(json!({"Name": "tag:breezeway:address", "Values": [address]}));
    }
    let answer = ec2(sandbox, operation, json!({ name: filters }));
    if member == "Instances" {
        let all = items(&answer, "Reservations").iter().flat_map(|one| items(one, member)).collect::<Vec<_>>();
        return all.into_iter().filter(|one| one["State"]["Name"] != "terminated").collect();
    }
    items(&answer, member)
}

fn one(sandbox: &Sandbox, operation: &str, member: &str, address: &str) -> Value {
    let found = of_lab(sandbox, operation, member, address);
    found.first().cloned().unwrap_or_else(|| panic!("{operation} {address}"))
}

fn host(sandbox: &Sandbox, address: &str) -> Value {
    one(sandbox, "DescribeInstances", "Instances", address)
}

/// The id of the app server.
pub fn app_server(sandbox: &Sandbox) -> String {
    host(sandbox, "onprem/app")["InstanceId"].as_str().unwrap().to_owned()
}

fn domain(sandbox: &Sandbox) -> Value {
    hand(sandbox, "sagemaker", "ListDomains", json!({}))["Domains"][0]["DomainId"].clone()
}

/// What was put into the lab's network that isn't the lab's.
pub struct Foreign {
    instance: Value,
    table: Value,
    rule: Value,
    vpc: Value,
}

impl Foreign {
    /// Takes it away: it would be in the way of `down`.
    pub async fn taken_away(self, sandbox: &Sandbox) {
        ec2(sandbox, "TerminateInstances", json!({"InstanceIds": [self.instance]}));
        ec2(sandbox, "DeleteRouteTable", json!({"RouteTableId": self.table}));
        let of_rule = json!({"ResolverRuleId": self.rule, "VPCId": self.vpc});
        hand(sandbox, "route53resolver", "DisassociateResolverRule", of_rule);
        rest().await;
    }
}

/// Somebody meddles with everything.
pub async fn meddle(sandbox: &Sandbox) -> Foreign {
    let foreign = network(sandbox);
    hosts(sandbox);
    dns(sandbox).await;
    roles(sandbox);
    portal(sandbox);
    sign_in(sandbox);
    let landing = json!({"DefaultLandingUri": "app:JupyterServer:"});
    hand(sandbox, "sagemaker", "UpdateDomain", json!({"DomainId": domain(sandbox), "DefaultUserSettings": landing}));
    rest().await;
    foreign
}

/// Somebody has a zone of their own answer in a lab's VPC.
pub fn leave_a_zone(sandbox: &Sandbox, lab: &str) {
    let filters = json!([{"Name": "tag:breezeway:lab", "Values": [lab]}]);
    let vpcs = ec2(sandbox, "DescribeVpcs", json!({"Filters": filters}));
    zone_of_somebody(sandbox, "corp.example", vpcs["Vpcs"][0]["VpcId"].as_str().unwrap());
}

fn network(sandbox: &Sandbox) -> Foreign {
    let subnet = one(sandbox, "DescribeSubnets", "Subnets", "onprem/subnet/private-a");
    let vpc = subnet["VpcId"].clone();
    let name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
    let image = hand(sandbox, "ssm", "GetParameter", json!({"Name": name}))["Parameter"]["Value"].take();
    let input = json!({
        "ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet["SubnetId"],
    });
    let instance = ec2(sandbox, "RunInstances", input)["Instances"][0]["InstanceId"].take();
    let tags = json!([{"ResourceType": "network-acl", "Tags": [{"Key": "breezeway:lab", "Value": LAB}]}]);
    ec2(sandbox, "CreateNetworkAcl", json!({"VpcId": vpc, "TagSpecifications": tags}));
    let table = ec2(sandbox, "CreateRouteTable", json!({"VpcId": vpc}))["RouteTable"]["RouteTableId"].take();
    let private = one(sandbox, "DescribeRouteTables", "RouteTables", "onprem/route-table/private");
    let association = &private["Associations"][0]["RouteTableAssociationId"];
    ec2(sandbox, "ReplaceRouteTableAssociation", json!({"AssociationId": association, "RouteTableId": table}));
    let peering = one(sandbox, "DescribeVpcPeeringConnections", "VpcPeeringConnections", "");
    let public = &one(sandbox, "DescribeRouteTables", "RouteTables", "onprem/route-table/public")["RouteTableId"];
    let by_peering = |destination: &str| {
        let peering = &peering["VpcPeeringConnectionId"];
        json!({"RouteTableId": public, "DestinationCidrBlock": destination, "VpcPeeringConnectionId": peering})
    };
    ec2(sandbox, "ReplaceRoute", by_peering("0.0.0.0/0"));
    ec2(sandbox, "CreateRoute", by_peering("203.0.113.0/24"));
    let rules = of_lab(sandbox, "DescribeSecurityGroupRules", "SecurityGroupRules", "");
    let rule = rules.iter().find(|rule| rule["IsEgress"] == false && rule["CidrIpv4"].is_string()).unwrap();
    let mut other = json!({"Description": "mine"});
    for member in ["IpProtocol", "FromPort", "ToPort", "CidrIpv4"] {
        other[member] = rule[member].clone();
    }
    let update = json!([{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": other}]);
    ec2(sandbox, "ModifySecurityGroupRules", json!({"GroupId": rule["GroupId"], "SecurityGroupRules": update}));
    let open = json!([{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
    ec2(sandbox, "AuthorizeSecurityGroupIngress", json!({"GroupId": rule["GroupId"], "IpPermissions": open}));
    let endpoints = of_lab(sandbox, "DescribeVpcEndpoints", "VpcEndpoints", "");
    let of =
        |service: &str| endpoints.iter().find(|one| one["ServiceName"].as_str().unwrap().ends_with(service)).unwrap();
    let (doors, gateway) = (of("lambda"), of("dynamodb"));
    let moved = json!({"VpcEndpointId": doors["VpcEndpointId"], "RemoveSubnetIds": [doors["SubnetIds"][0]]});
    ec2(sandbox, "ModifyVpcEndpoint", moved);
    let groups = of_lab(sandbox, "DescribeSecurityGroups", "SecurityGroups", "");
    let in_use =
        |group: &&Value| doors["Groups"].as_array().unwrap().iter().any(|one| one["GroupId"] == group["GroupId"]);
    let spare = groups.iter().find(|group| group["VpcId"] == doors["VpcId"] && !in_use(group)).unwrap();
    let joined =
        json!({"VpcEndpointId": of("execute-api")["VpcEndpointId"], "AddSecurityGroupIds": [spare["GroupId"]]});
    ec2(sandbox, "ModifyVpcEndpoint", joined);
    let off = json!({"VpcEndpointId": gateway["VpcEndpointId"], "RemoveRouteTableIds": gateway["RouteTableIds"]});
    ec2(sandbox, "ModifyVpcEndpoint", off);
    let rule = json!({"CreatorRequestId": "mine", "Name": "mine", "RuleType": "SYSTEM", "DomainName": "mine.example"});
    let rule = hand(sandbox, "route53resolver", "CreateResolverRule", rule)["ResolverRule"]["Id"].take();
    hand(sandbox, "route53resolver", "AssociateResolverRule", json!({"ResolverRuleId": rule, "VPCId": vpc}));
    Foreign { instance, table, rule, vpc }
}

fn hosts(sandbox: &Sandbox) {
    let (app, a, b) = (host(sandbox, "onprem/app"), host(sandbox, "onprem/dns/a"), host(sandbox, "onprem/dns/b"));
    let of_app = json!([{"Name": "instance-id", "Values": [app["InstanceId"]]}]);
    let associations = ec2(sandbox, "DescribeIamInstanceProfileAssociations", json!({"Filters": of_app}));
    let association = &associations["IamInstanceProfileAssociations"][0];
    let profile = json!({"Arn": association["IamInstanceProfile"]["Arn"]});
    ec2(sandbox, "DisassociateIamInstanceProfile", json!({"AssociationId": association["AssociationId"]}));
    ec2(sandbox, "AssociateIamInstanceProfile", json!({"InstanceId": a["InstanceId"], "IamInstanceProfile": profile}));
    let optional = json!({"InstanceId": a["InstanceId"], "HttpTokens": "optional", "HttpPutResponseHopLimit": 2});
    ec2(sandbox, "ModifyInstanceMetadataOptions", optional);
    let kept = json!({"InstanceId": a["InstanceId"], "DisableApiTermination": {"Value": true}});
    ec2(sandbox, "ModifyInstanceAttribute", kept);
    let groups = of_lab(sandbox, "DescribeSecurityGroups", "SecurityGroups", "onprem/security-group/app");
    ec2(sandbox, "ModifyInstanceAttribute", json!({"InstanceId": b["InstanceId"], "Groups": [groups[0]["GroupId"]]}));
    let address = ec2(sandbox, "AllocateAddress", json!({"Domain": "vpc"}))["AllocationId"].take();
    ec2(sandbox, "AssociateAddress", json!({"AllocationId": address, "InstanceId": b["InstanceId"]}));
}

async fn dns(sandbox: &Sandbox) {
    let resolver = |operation: &str, input: Value| hand(sandbox, "route53resolver", operation, input);
    let id = resolver("ListResolverEndpoints", json!({}))["ResolverEndpoints"][0]["Id"].take();
    resolver("UpdateResolverEndpoint", json!({"ResolverEndpointId": id, "Name": "mine"}));
    let listed = resolver("ListResolverEndpointIpAddresses", json!({"ResolverEndpointId": id}));
    let first = &listed["IpAddresses"][0];
    let more = json!({"ResolverEndpointId": id, "IpAddress": {"SubnetId": first["SubnetId"]}});
    resolver("AssociateResolverEndpointIpAddress", more);
    rest().await;
    let less = json!({"ResolverEndpointId": id, "IpAddress": {"IpId": first["IpId"]}});
    resolver("DisassociateResolverEndpointIpAddress", less);
    let route53 = |operation: &str, input: Value| hand(sandbox, "route53", operation, input);
    let zone = route53("ListHostedZones", json!({}))["HostedZones"][0]["Id"].take();
    let zone = zone.as_str().unwrap().trim_start_matches("/hostedzone/").to_owned();
    route53("UpdateHostedZoneComment", json!({"Id": zone, "Comment": "mine"}));
    let vpc = |address: &str| {
        let id = &one(sandbox, "DescribeVpcs", "Vpcs", address)["VpcId"];
        json!({"HostedZoneId": zone, "VPC": {"VPCRegion": REGION, "VPCId": id}})
    };
    route53("AssociateVPCWithHostedZone", vpc("onprem/vpc"));
    route53("DisassociateVPCFromHostedZone", vpc("studio/vpc"));
}

fn roles(sandbox: &Sandbox) {
    let iam = |operation: &str, input: Value| hand(sandbox, "iam", operation, input);
    let role = format!("breezeway-{LAB}-{REGION}-studio");
    let trusted = json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"});
    let trust = json!({"Version": "2012-10-17", "Statement": [trusted]}).to_string();
    iam("UpdateAssumeRolePolicy", json!({"RoleName": role, "PolicyDocument": trust}));
    iam("UpdateRole", json!({"RoleName": role, "Description": "mine"}));
    iam("DeleteRolePermissionsBoundary", json!({"RoleName": role}));
}

fn portal(sandbox: &Sandbox) {
    let call = |service: &str, operation: &str, input: Value| hand(sandbox, service, operation, input);
    let function = |program: Program| format!("breezeway-{LAB}-{}", program.name());
    let authorizer = function(Program::Authorizer);
    call("lambda", "UpdateFunctionConfiguration", json!({"FunctionName": authorizer, "Timeout": 3}));
    let extra = json!({
        "FunctionName": authorizer, "StatementId": "mine", "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    });
    call("lambda", "AddPermission", extra);
    let zip = BASE64.encode(Program::Authorizer.package().zip);
    call("lambda", "UpdateFunctionCode", json!({"FunctionName": function(Program::Presign), "ZipFile": zip}));
    let table = format!("breezeway-{LAB}-users");
    call("dynamodb", "UpdateTable", json!({"TableName": table, "DeletionProtectionEnabled": true}));
    let item = json!({"user": {"S": "mallory"}, "domain": {"S": "d-theirs"}, "profile": {"S": "ann"}});
    call("dynamodb", "PutItem", json!({"TableName": table, "Item": item}));
    let group = format!("/aws/lambda/{authorizer}");
    call("logs", "PutRetentionPolicy", json!({"logGroupName": group, "retentionInDays": 1}));
    let api = call("apigateway", "GetRestApis", json!({}))["items"][0]["id"].take();
    let open =
        json!({"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"});
    let policy = json!({"Version": "2012-10-17", "Statement": [open]}).to_string();
    let patches = json!([
        {"op": "replace", "path": "/description", "value": "mine"},
        {"op": "replace", "path": "/policy", "value": policy},
    ]);
    call("apigateway", "UpdateRestApi", json!({"restApiId": api, "patchOperations": patches}));
}

fn sign_in(sandbox: &Sandbox) {
    let call = |operation: &str, input: Value| hand(sandbox, "cognito-idp", operation, input);
    let pool = call("ListUserPools", json!({"MaxResults": 60}))["UserPools"][0]["Id"].take();
    let here = json!({"UserPoolId": pool});
    let tags = call("DescribeUserPool", here.clone())["UserPool"]["UserPoolTags"].take();
    let anybody = json!({"AllowAdminCreateUserOnly": false});
    let update = json!({"UserPoolId": pool, "UserPoolTags": tags, "AdminCreateUserConfig": anybody});
    call("UpdateUserPool", update);
    let client = call("ListUserPoolClients", here)["UserPoolClients"][0]["ClientId"].take();
    call("UpdateUserPoolClient", json!({"UserPoolId": pool, "ClientId": client}));
    call("CreateUserPoolClient", json!({"UserPoolId": pool, "ClientName": "mine"}));
    call("CreateUserPoolDomain", json!({"UserPoolId": pool, "Domain": "mine-and-nobody-elses"}));
    call("AdminDisableUser", json!({"UserPoolId": pool, "Username": "ann"}));
}

/// What can't be done at the same time as the rest.
pub async fn meddle_more(sandbox: &Sandbox) {
    rest().await;
    let (app, a, b) = (host(sandbox, "onprem/app"), host(sandbox, "onprem/dns/a"), host(sandbox, "onprem/dns/b"));
    ec2(sandbox, "StopInstances", json!({"InstanceIds": [a["InstanceId"]]}));
    let kept =
        json!([{"DeviceName": b["BlockDeviceMappings"][0]["DeviceName"], "Ebs": {"DeleteOnTermination": false}}]);
    ec2(sandbox, "ModifyInstanceAttribute", json!({"InstanceId": b["InstanceId"], "BlockDeviceMappings": kept}));
    let iam = |operation: &str, input: Value| hand(sandbox, "iam", operation, input);
    let trusted = json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"});
    let trust = json!({"Version": "2012-10-17", "Statement": [trusted]}).to_string();
    iam("CreateRole", json!({"RoleName": "mine", "AssumeRolePolicyDocument": trust}));
    iam("CreateInstanceProfile", json!({"InstanceProfileName": "mine"}));
    iam("AddRoleToInstanceProfile", json!({"InstanceProfileName": "mine", "RoleName": "mine"}));
    rest().await;
    let of_app = json!([{"Name": "instance-id", "Values": [app["InstanceId"]]}]);
    let associations = ec2(sandbox, "DescribeIamInstanceProfileAssociations", json!({"Filters": of_app}));
    let association = &associations["IamInstanceProfileAssociations"][0]["AssociationId"];
    let other = json!({"AssociationId": association, "IamInstanceProfile": {"Name": "mine"}});
    ec2(sandbox, "ReplaceIamInstanceProfileAssociation", other);
    rest().await;
}

/// A profile gets a setting of its own.
pub async fn meddle_with_profile(sandbox: &Sandbox) {
    let settings = json!({"DefaultLandingUri": "app:JupyterServer:"});
    let input = json!({"DomainId": domain(sandbox), "UserProfileName": "ann", "UserSettings": settings});
    hand(sandbox, "sagemaker", "UpdateUserProfile", input);
    rest().await;
}

/// That profile is deleted.
pub async fn delete_profile(sandbox: &Sandbox) {
    rest().await;
    let input = json!({"DomainId": domain(sandbox), "UserProfileName": "ann"});
    hand(sandbox, "sagemaker", "DeleteUserProfile", input);
    rest().await;
}

/// A user works in Studio.
pub async fn leave_work(sandbox: &Sandbox) {
    rest().await;
    let id = domain(sandbox);
    let space = json!({
        "DomainId": id, "SpaceName": "work", "OwnershipSettings": {"OwnerUserProfileName": "ann"},
        "SpaceSharingSettings": {"SharingType": "Private"}, "SpaceSettings": {"AppType": "JupyterLab"},
    });
    hand(sandbox, "sagemaker", "CreateSpace", space);
    rest().await;
    let app = json!({"DomainId": id, "SpaceName": "work", "AppType": "JupyterLab", "AppName": "default"});
    hand(sandbox, "sagemaker", "CreateApp", app);
    rest().await;
}

/// The domain goes, but for the home of its users.
pub async fn delete_domain(sandbox: &Sandbox) {
    rest().await;
    let id = domain(sandbox);
    for user in ["ann", "bob", "carol"] {
        hand(sandbox, "sagemaker", "DeleteUserProfile", json!({"DomainId": id, "UserProfileName": user}));
    }
    rest().await;
    hand(sandbox, "sagemaker", "DeleteDomain", json!({"DomainId": id}));
    rest().await;
}
