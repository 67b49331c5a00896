//! A request goes through the sandbox's network: the eleven steps from a corporate browser to a notebook, and what stands
//! in the way where one is broken by hand.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breezeway::engine::event::Outcome;
use breezeway::engine::run::up;
use breezeway::engine::session::Options;
use breezeway::portal::Program;
use breezeway::sandbox::api::Call;
use breezeway::sandbox::clock::WorldClock;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::home::{Home, Opened};
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::request::{Question, Response};
use breezeway::sandbox::resolve::Standpoint;
use breezeway::sandbox::serve::{ask_to_request, listen, serve};
use breezeway::sandbox::world::request::Step;
use serde_json::{Value, json};

use crate::lab::*;
use crate::program::{Ended, breezeway};

const PLAN: &str = r#"
name = "demo"
[onprem]
internet_gateway = true
[[studio.endpoints]]
service = "studio"
[[studio.endpoints]]
service = "sagemaker.api"
[[studio.endpoints]]
service = "execute-api"
[[studio.gateway_endpoints]]
service = "dynamodb"
[dns]
mode = "dhcp"
[app_server]
enabled = true
[access]
mode = "source-vpce"
[domain]
enabled = true
users = ["alice", "Bob"]
"#;
const ROLE: &str = "breezeway-demo-us-east-1-portal";
const PASSWORD: &str = "Correct-Horse-7";
const INSUFFICIENT: &str = "Auth token containing insufficient permissions";

/// A lab as it stands.
struct Lab {
    sandbox: Sandbox,
    domain: String,
}

impl Lab {
    async fn new(text: &str) -> Self {
        Self::on(world(1, Dials::default()), text).await
    }

    async fn on(sandbox: Sandbox, text: &str) -> Self {
        let person = Person::new(&sandbox, "ann", "demo", CallerDials::default());
        let report = up(&person.session("demo", 1, Options::default()), Some(&plan(text))).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        let mut new = Self { sandbox, domain: String::new() };
        new.domain = text_of(&new.ok("sagemaker", "ListDomains", json!({}))["Domains"][0]["DomainId"]);
        new
    }

    fn ok(&self, service: &str, operation: &str, input: Value) -> Value {
        hand(&self.sandbox, service, operation, input)
    }

    fn ec2(&self, operation: &str, input: Value) -> Value {
        self.ok("ec2", operation, input)
    }

    /// Sends a request, in a role if one is named.
    fn send(&self, from: &str, url: &str, token: Option<&str>, role: Option<&str>) -> Response {
        let from = if from == "app" { Standpoint::Id(self.app()) } else { from.parse().unwrap() };
        let (token, role) = (token.map(str::to_owned), role.map(str::to_owned));
        let question = Question { url: url.to_owned(), from, lab: None, token, role, headers: Vec::new() };
        let response = self.sandbox.request(&question).unwrap();
        let shown = serde_json::to_string(&(&response.steps, &response.url)).unwrap();
        for secret in [token_of(url), question.token].into_iter().flatten() {
            assert!(!shown.contains(&secret), "{shown}");
        }
        response
    }

    /// The app server.
    fn app(&self) -> String {
        let filters = json!({"Filters": [{"Name": "tag:breezeway:address", "Values": ["onprem/app"]}]});
        text_of(&self.ec2("DescribeInstances", filters)["Reservations"][0]["Instances"][0]["InstanceId"])
    }

    fn endpoint(&self, service: &str) -> Value {
        let filters = json!({"Filters": [{"Name": "service-name", "Values": [format!("*.{service}")]}]});
        self.ec2("DescribeVpcEndpoints", filters)["VpcEndpoints"][0].clone()
    }

    fn endpoint_id(&self, service: &str) -> String {
        text_of(&self.endpoint(service)["VpcEndpointId"])
    }

    /// Changes an endpoint, and waits until it is so.
    async fn modify_endpoint(&self, service: &str, change: Value) {
        let mut input = json!({"VpcEndpointId": self.endpoint_id(service)});
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        self.ec2("ModifyVpcEndpoint", input);
        settled().await;
    }

    /// Puts an endpoint behind a group that lets nothing in.
    async fn shut(&self, service: &str) {
        let endpoint = self.endpoint(service);
        let input = json!({"VpcId": endpoint["VpcId"], "GroupName": "shut", "Description": "lets nothing in"});
        let group = self.ec2("CreateSecurityGroup", input)["GroupId"].take();
        let old: Vec<_> = endpoint["Groups"].as_array().unwrap().iter().map(|group| &group["GroupId"]).collect();
        let change = json!({"AddSecurityGroupIds": [group], "RemoveSecurityGroupIds": old});
        self.modify_endpoint(service, change).await;
    }

    /// Takes away the route to a range from the table of a subnet, or of the subnet of an endpoint's first interface.
    fn unroute(&self, subnet: &Value, range: &str) {
        let filters = json!({"Filters": [{"Name": "association.subnet-id", "Values": [subnet]}]});
        let table = self.ec2("DescribeRouteTables", filters)["RouteTables"][0]["RouteTableId"].take();
        self.ec2("DeleteRoute", json!({"RouteTableId": table, "DestinationCidrBlock": range}));
    }

    fn subnet_of_app(&self) -> Value {
        let app = self.ec2("DescribeInstances", json!({"InstanceIds": [self.app()]}));
        app["Reservations"][0]["Instances"][0]["SubnetId"].clone()
    }

    /// Has the portal's role make URLs through these endpoints only.
    fn presign_through(&self, endpoints: &[String]) {
        let statement = |effect: &str, operator: &str| {
            json!({
                "Effect": effect, "Action": "sagemaker:CreatePresignedDomainUrl", "Resource": "*",
                "Condition": {operator: {"aws:SourceVpce": endpoints}},
            })
        };
        let statements = [statement("Allow", "StringEquals"), statement("Deny", "StringNotEquals")];
        let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let input = json!({"RoleName": ROLE, "PolicyName": "presign", "PolicyDocument": document});
        self.ok("iam", "PutRolePolicy", input);
    }

    /// The address at which SageMaker makes a URL for alice.
    fn api_of_sagemaker(&self) -> String {
        self.api_of_sagemaker_at("api.sagemaker.us-east-1.amazonaws.com")
    }

    fn api_of_sagemaker_at(&self, host: &str) -> String {
        format!("https://{host}/?Action=CreatePresignedDomainUrl&DomainId={}&UserProfileName=alice", self.domain)
    }

    /// The name of a second endpoint of SageMaker's API in the Studio VPC.
    async fn another_endpoint(&self) -> String {
        let first = self.endpoint("sagemaker.api");
        let input = json!({
            "VpcId": first["VpcId"], "ServiceName": first["ServiceName"], "VpcEndpointType": "Interface",
            "SubnetIds": first["SubnetIds"], "SecurityGroupIds": [first["Groups"][0]["GroupId"]],
            "PrivateDnsEnabled": false,
        });
        let made = self.ec2("CreateVpcEndpoint", input)["VpcEndpoint"].take();
        settled().await;
        text_of(&made["DnsEntries"][0]["DnsName"])
    }

    /// A URL that the portal's role made from here, or the way to a refusal.
    fn make(&self, from: &str) -> Result<String, Box<Response>> {
        let response = self.send(from, &self.api_of_sagemaker(), None, Some(ROLE));
        if response.admitted { Ok(url_in(&response)) } else { Err(Box::new(response)) }
    }

    fn open(&self, from: &str, url: &str) -> Response {
        self.send(from, url, None, None)
    }
}

/// The portal, as it is put onto a lab by hand.
struct Portal {
    lab: Lab,
    api: String,
    client: String,
}

impl Portal {
    async fn new() -> Self {
        let lab = Lab::new(PLAN).await;
        let (pool, client) = sign_in_with(&lab);
        fill_table(&lab);
        give_role(&lab);
        tokio::time::sleep(Duration::from_secs(30)).await;
        let [presign, authorizer] = functions(&lab, &pool, &client);
        tokio::time::sleep(Duration::from_secs(120)).await;
        let api = api(&lab, &presign, &authorizer);
        settled().await;
        Self { lab, api, client }
    }

    /// An ID token.
    fn token(&self, user: &str) -> String {
        let parameters = json!({"USERNAME": user, "PASSWORD": PASSWORD});
        let input = json!({"ClientId": self.client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters});
        text_of(&self.lab.ok("cognito-idp", "InitiateAuth", input)["AuthenticationResult"]["IdToken"])
    }

    fn base(&self) -> String {
        format!("https://{}.execute-api.us-east-1.amazonaws.com/studio", self.api)
    }

    /// Asks for the URL of a user with a token of alice's.
    fn ask(&self, from: &str, user: &str) -> Response {
        let token = self.token("alice");
        self.lab.send(from, &format!("{}/users/{user}/url", self.base()), Some(&token), None)
    }

    /// The URL that alice gets on the corporate network.
    fn url(&self) -> String {
        let response = self.ask("onprem", "alice");
        assert!(response.admitted, "{response:#?}");
        let body: Value = serde_json::from_str(response.body.as_deref().unwrap()).unwrap();
        text_of(&body["url"])
    }

    fn deploy(&self) {
        self.lab.ok("apigateway", "CreateDeployment", json!({"restApiId": self.api, "stageName": "studio"}));
    }
}

fn sign_in_with(lab: &Lab) -> (String, String) {
    let cognito = |operation: &str, input: Value| lab.ok("cognito-idp", operation, input);
    let pool = cognito("CreateUserPool", json!({"PoolName": "corporate"}))["UserPool"]["Id"].take();
    let input = json!({"UserPoolId": pool, "ClientName": "portal", "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]});
    let client = cognito("CreateUserPoolClient", input)["UserPoolClient"]["ClientId"].take();
    for user in ["alice", "Bob"] {
        cognito("AdminCreateUser", json!({"UserPoolId": pool, "Username": user}));
        let password = json!({"UserPoolId": pool, "Username": user, "Password": PASSWORD, "Permanent": true});
        cognito("AdminSetUserPassword", password);
    }
    (text_of(&pool), text_of(&client))
}

fn fill_table(lab: &Lab) {
    let dynamodb = |operation: &str, input: Value| lab.ok("dynamodb", operation, input);
    dynamodb(
        "CreateTable",
        json!({
            "TableName": "users", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "user", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "user", "KeyType": "HASH"}],
        }),
    );
}

/// What the function needs besides making URLs.
fn give_role(lab: &Lab) {
    let read = json!({"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "arn:aws:dynamodb:*:*:table/users"});
    let document = json!({"Version": "2012-10-17", "Statement": [read]}).to_string();
    lab.ok("iam", "PutRolePolicy", json!({"RoleName": ROLE, "PolicyName": "function", "PolicyDocument": document}));
    let policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";
    lab.ok("iam", "AttachRolePolicy", json!({"RoleName": ROLE, "PolicyArn": policy}));
}

/// The two functions' ARNs.
fn functions(lab: &Lab, pool: &str, client: &str) -> [String; 2] {
    let row = json!({"user": {"S": "alice"}, "domain": {"S": lab.domain}, "profile": {"S": "alice"}});
    lab.ok("dynamodb", "PutItem", json!({"TableName": "users", "Item": row}));
    let endpoint = lab.endpoint("execute-api");
    let input = json!({"VpcId": endpoint["VpcId"], "GroupName": "function", "Description": "of the function"});
    let group = lab.ec2("CreateSecurityGroup", input)["GroupId"].take();
    let role = lab.ok("iam", "GetRole", json!({"RoleName": ROLE}))["Role"]["Arn"].take();
    let issuer = format!("https://cognito-idp.us-east-1.amazonaws.com/{pool}");
    let presign = json!({"TABLE": "users", "EXPIRES": "60", "SESSION_EXPIRES": "43200"});
    let authorizer = json!({"ISSUER": issuer, "AUDIENCE": client, "USER_CLAIM": "cognito:username"});
    let vpc = json!({"SubnetIds": endpoint["SubnetIds"], "SecurityGroupIds": [group]});
    [(Program::Presign, presign, Some(vpc)), (Program::Authorizer, authorizer, None)].map(
        |(program, variables, vpc)| {
            let name = program.name();
            let mut input = json!({
                "FunctionName": name, "Runtime": "python3.13", "Role": role, "Handler": format!("{name}.handler"),
                "Code": {"ZipFile": BASE64.encode(program.package().zip)}, "Environment": {"Variables": variables},
            });
            if let Some(vpc) = vpc {
                input["VpcConfig"] = vpc;
            }
            text_of(&lab.ok("lambda", "CreateFunction", input)["FunctionArn"])
        },
    )
}

/// A private API with a page at its root, and the method that hands out URLs below /users.
fn api(lab: &Lab, presign: &str, authorizer: &str) -> String {
    let gateway = |operation: &str, input: Value| lab.ok("apigateway", operation, input);
    let endpoint = lab.endpoint_id("execute-api");
    let input = json!({
        "name": "portal", "policy": invoke_through(&endpoint),
        "endpointConfiguration": {"types": ["PRIVATE"], "vpcEndpointIds": [endpoint]},
    });
    let made = gateway("CreateRestApi", input);
    let api = text_of(&made["id"]);
    let below = |parent: &Value, part: &str| {
        gateway("CreateResource", json!({"restApiId": api, "parentId": parent, "pathPart": part}))["id"].take()
    };
    let root = &made["rootResourceId"];
    let url = below(&below(&below(root, "users"), "{user}"), "url");
    let uri = |function: &str| {
        format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations")
    };
    let by = json!({
        "restApiId": api, "name": "signed-in", "type": "REQUEST", "authorizerUri": uri(authorizer),
        "identitySource": "method.request.header.Authorization", "authorizerResultTtlInSeconds": 0,
    });
    let by = gateway("CreateAuthorizer", by)["id"].take();
    show_page(lab, &api, root);
    let get = json!({"restApiId": api, "resourceId": url, "httpMethod": "GET"});
    gateway("PutMethod", with(&get, json!({"authorizationType": "CUSTOM", "authorizerId": by})));
    let proxy = json!({"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": uri(presign)});
    gateway("PutIntegration", with(&get, proxy));
    gateway("CreateDeployment", json!({"restApiId": api, "stageName": "studio"}));
    let source = |rest: &str| format!("arn:aws:execute-api:us-east-1:111122223333:{api}/{rest}");
    for (function, source) in [("presign", source("*/GET/users/*/url")), ("authorizer", source("authorizers/*"))] {
        let permission = json!({
            "FunctionName": function, "StatementId": "api", "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com", "SourceArn": source,
        });
        lab.ok("lambda", "AddPermission", permission);
    }
    api
}

/// Has API Gateway itself show a page at the root of an API.
fn show_page(lab: &Lab, api: &str, root: &Value) {
    let gateway = |operation: &str, input: Value| lab.ok("apigateway", operation, input);
    let page = json!({"restApiId": api, "resourceId": root, "httpMethod": "GET"});
    gateway("PutMethod", with(&page, json!({"authorizationType": "NONE"})));
    let asked = json!({"application/json": "{\"statusCode\": 200}"});
    gateway("PutIntegration", with(&page, json!({"type": "MOCK", "requestTemplates": asked})));
    gateway("PutMethodResponse", with(&page, json!({"statusCode": "200"})));
    let shown = json!({"statusCode": "200", "responseTemplates": {"text/html": "<h1>Studio</h1>"}});
    gateway("PutIntegrationResponse", with(&page, shown));
}

/// The members of both.
fn with(base: &Value, more: Value) -> Value {
    let mut all = base.clone();
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

/// Lets those call an API who come through an endpoint.
fn invoke_through(endpoint: &str) -> String {
    let all =
        json!({"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"});
    let mut others = all.clone();
    others["Effect"] = json!("Deny");
    others["Condition"] = json!({"StringNotEquals": {"aws:SourceVpce": endpoint}});
    json!({"Version": "2012-10-17", "Statement": [all, others]}).to_string()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The URL that SageMaker made.
#[track_caller]
fn url_in(response: &Response) -> String {
    assert_admitted(response);
    let body: Value = serde_json::from_str(response.body.as_deref().unwrap()).unwrap();
    text_of(&body["AuthorizedUrl"])
}

fn token_of(url: &str) -> Option<String> {
    url.split_once("token=").map(|(_, token)| token.to_owned())
}

/// Waits until what was changed by hand has taken effect.
async fn settled() {
    tokio::time::sleep(Duration::from_secs(300)).await;
}

/// Where a request ended, and with what.
#[track_caller]
fn assert_ends(response: &Response, step: Step, status: Option<u16>, says: &str) {
    let last = response.steps.last().unwrap();
    assert_eq!((response.ended_at, response.status, response.admitted), (Some(step), status, false), "{response:#?}");
    assert!(last.says.contains(says) && !last.holds, "{last:#?}");
}

#[track_caller]
fn assert_admitted(response: &Response) {
    assert!(response.admitted && response.steps.iter().all(|stretch| stretch.holds), "{response:#?}");
}

fn on_the_lab(test: impl AsyncFnOnce(&Lab)) {
    skipping().block_on(async { test(&Lab::new(PLAN).await).await });
}

fn at_the_portal(test: impl AsyncFnOnce(&Portal)) {
    skipping().block_on(async { test(&Portal::new().await).await });
}

#[test]
fn before_a_lab_stands_studio_is_on_the_internet() {
    let sandbox = world(1, Dials::default());
    let url = "https://d-abcdefghijkl.studio.us-east-1.sagemaker.aws/auth?token=none".to_owned();
    let question =
        Question { url, from: Standpoint::Internet, lab: None, token: None, role: None, headers: Vec::new() };
    let response = sandbox.request(&question).unwrap();
    assert_eq!(
        response.steps[0].says,
        "on the internet, d-abcdefghijkl.studio.us-east-1.sagemaker.aws has public addresses"
    );
    assert_ends(&response, Step::Studio, Some(403), "the URL has expired, or nobody made it");
    let from = Standpoint::Onprem;
    assert_eq!(
        sandbox.request(&Question { from, ..question }).unwrap_err().message,
        "No lab in the sandbox has onprem/vpc"
    );
}

#[test]
fn step_1_whoever_signs_in_sees_the_page_and_is_believed_until_the_token_runs_out() {
    at_the_portal(async |portal| {
        let page = portal.lab.send("app", &portal.base(), None, None);
        assert_admitted(&page);
        assert_eq!((page.status, page.body.as_deref()), (Some(200), Some("<h1>Studio</h1>")));
        let url = format!("{}/users/alice/url", portal.base());
        let token = portal.token("alice");
        assert_admitted(&portal.lab.send("app", &url, Some(&token), None));
        tokio::time::sleep(Duration::from_secs(3600 + 60)).await;
        let late = portal.lab.send("app", &url, Some(&token), None);
        assert_ends(&late, Step::Authorizer, Some(401), "the token has run out");
        assert_eq!(late.body.as_deref(), Some(r#"{"message":"Unauthorized"}"#));
        let nobody = portal.lab.send("app", &url, None, None);
        assert_ends(&nobody, Step::Authorizer, Some(401), "the request has no header Authorization");
        let forged = portal.lab.send("app", &url, Some("a.b.c"), None);
        assert_ends(&forged, Step::Authorizer, Some(401), "the token is signed with no key of the provider");
    });
}

#[test]
fn step_2_the_api_is_called_over_the_peering_and_from_nowhere_else() {
    at_the_portal(async |portal| {
        assert_admitted(&portal.ask("onprem", "alice"));
        assert_admitted(&portal.ask("app", "alice"));
        let outside = portal.ask("internet", "alice");
        assert_ends(&outside, Step::Api, Some(403), "is private: it can be called through endpoints only");
        assert_eq!(outside.body.as_deref(), Some(r#"{"message":"Forbidden"}"#));
        // The step that the published walk-through does by hand.
        portal.lab.unroute(&portal.lab.subnet_of_app(), "10.16.0.0/16");
        assert_ends(&portal.ask("app", "alice"), Step::Name, None, "udp 53 doesn't pass");
        // With a DNS server that it reaches, it is told the endpoint's address, and doesn't get there.
        let vpcs = json!({"Filters": [{"Name": "tag:breezeway:address", "Values": ["onprem/vpc"]}]});
        let vpc = portal.lab.ec2("DescribeVpcs", vpcs)["Vpcs"][0]["VpcId"].take();
        portal.lab.ec2("AssociateDhcpOptions", json!({"VpcId": vpc, "DhcpOptionsId": "default"}));
        let endpoint = portal.lab.endpoint_id("execute-api");
        let bound = format!("https://{}-{endpoint}.execute-api.us-east-1.amazonaws.com/studio", portal.api);
        assert_ends(&portal.lab.send("app", &bound, None, None), Step::Network, None, "has no route to 10.16.");
    });
}

#[test]
fn step_3_the_name_is_asked_for_in_the_studio_vpc() {
    at_the_portal(async |portal| {
        let hops: Vec<_> = portal.ask("app", "alice").steps;
        assert!(hops.iter().any(|hop| hop.step == Step::Name && hop.says.contains("inbound resolver endpoint")));
        let endpoints = portal.lab.ok("route53resolver", "ListResolverEndpoints", json!({}));
        let id = &endpoints["ResolverEndpoints"][0]["Id"];
        portal.lab.ok("route53resolver", "DeleteResolverEndpoint", json!({"ResolverEndpointId": id}));
        settled().await;
        let response = portal.ask("app", "alice");
        assert_ends(&response, Step::Name, None, "udp 53 doesn't pass");
    });
}

#[test]
fn step_4_the_name_leads_to_the_endpoint_while_it_has_private_names() {
    at_the_portal(async |portal| {
        let lab = &portal.lab;
        let endpoint = lab.endpoint_id("execute-api");
        let door = portal.ask("app", "alice").steps.into_iter().find(|hop| hop.step == Step::Door).unwrap();
        assert!(door.says.contains(&format!("of {endpoint}, the endpoint of com.amazonaws.us-east-1.execute-api")));
        lab.modify_endpoint("execute-api", json!({"PrivateDnsEnabled": false})).await;
        // The app server has a way to the internet, the other hosts have none.
        assert_ends(&portal.ask("app", "alice"), Step::Api, Some(403), "is private");
        assert_ends(&portal.ask("onprem", "alice"), Step::Network, None, "there is no way to the internet");
        // A bound API has a name of its own at the endpoint, which everybody's DNS knows.
        let base = format!("https://{}-{endpoint}.execute-api.us-east-1.amazonaws.com/studio", portal.api);
        assert_admitted(&lab.send("app", &base, None, None));
        let outside = lab.send("internet", &base, None, None);
        assert_ends(&outside, Step::Network, None, "nothing on the internet leads to a private address");
        // The endpoint's own name leads there too, and needs to be told which API is meant.
        let name = text_of(&lab.endpoint("execute-api")["DnsEntries"][0]["DnsName"]);
        let own = format!("https://{name}/studio");
        assert_ends(&lab.send("app", &own, None, None), Step::Api, Some(403), "which API is meant");
        let headers = vec![("x-apigw-api-id".to_owned(), portal.api.clone())];
        let from = Standpoint::Id(lab.app());
        let question = Question { url: own, from, lab: None, token: None, role: None, headers };
        assert_admitted(&lab.sandbox.request(&question).unwrap());
    });
}

#[test]
fn step_5_the_endpoint_lets_the_request_in_and_the_apis_policy_names_it() {
    at_the_portal(async |portal| {
        let lab = &portal.lab;
        let policy = |document: &str| {
            let patch = json!([{"op": "replace", "path": "/policy", "value": document}]);
            lab.ok("apigateway", "UpdateRestApi", json!({"restApiId": portal.api, "patchOperations": patch}));
        };
        policy(&invoke_through(&lab.endpoint_id("studio")));
        assert_admitted(&portal.ask("app", "alice"));
        portal.deploy();
        let refused = portal.ask("app", "alice");
        assert_ends(&refused, Step::Api, Some(403), "the API's policy refuses");
        assert_eq!(
            refused.body.unwrap(),
            format!(
                "{{\"Message\":\"User: anonymous is not authorized to perform: execute-api:Invoke on resource: \
                 arn:aws:execute-api:us-east-1:********3333:{}/studio/GET/users/alice/url with an explicit deny in a \
                 resource-based policy\"}}",
                portal.api
            )
        );
        policy(&invoke_through(&lab.endpoint_id("execute-api")));
        portal.deploy();
        assert_admitted(&portal.ask("app", "alice"));
        let nothing = json!({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]});
        lab.modify_endpoint("execute-api", json!({"PolicyDocument": nothing.to_string()})).await;
        assert_ends(&portal.ask("app", "alice"), Step::Door, Some(403), "the endpoint's policy refuses");
        lab.modify_endpoint("execute-api", json!({"ResetPolicy": true})).await;
        lab.shut("execute-api").await;
        assert_ends(&portal.ask("app", "alice"), Step::Network, None, "doesn't let tcp 443 in from");
    });
}

#[test]
fn step_6_a_user_gets_their_own_url_and_nobody_elses() {
    at_the_portal(async |portal| {
        let lab = &portal.lab;
        let other = portal.ask("app", "Bob");
        assert_ends(&other, Step::Authorizer, Some(403), "alice is signed in, and the path is somebody else's");
        assert!(other.body.unwrap().contains("explicit deny"));
        let token = portal.token("alice");
        let elsewhere = lab.send("app", &format!("{}/users/alice", portal.base()), Some(&token), None);
        assert_ends(&elsewhere, Step::Api, Some(403), "has no GET at this path");
        assert_eq!(elsewhere.body.as_deref(), Some(r#"{"message":"Missing Authentication Token"}"#));
        for (function, step) in [("presign", Step::Function), ("authorizer", Step::Authorizer)] {
            lab.ok("lambda", "RemovePermission", json!({"FunctionName": function, "StatementId": "api"}));
            assert_ends(&portal.ask("app", "alice"), step, Some(500), "API Gateway may not call it");
        }
    });
}

#[test]
fn step_7_lambda_runs_the_function_while_there_is_one() {
    at_the_portal(async |portal| {
        let way = portal.ask("app", "alice");
        assert!(
            way.steps.iter().any(|hop| hop.step == Step::Function && hop.says.contains("API Gateway calls presign"))
        );
        let none = json!({"FunctionName": "presign", "ReservedConcurrentExecutions": 0});
        portal.lab.ok("lambda", "PutFunctionConcurrency", none);
        assert_ends(&portal.ask("app", "alice"), Step::Function, Some(500), "presign is switched off");
        portal.lab.ok("lambda", "DeleteFunction", json!({"FunctionName": "presign"}));
        let gone = portal.ask("app", "alice");
        assert_ends(&gone, Step::Function, Some(500), "there is no function presign");
        assert_eq!(gone.body.as_deref(), Some(r#"{"message": "Internal server error"}"#));
    });
}

#[test]
fn step_8_the_function_makes_the_url_through_its_endpoint() {
    at_the_portal(async |portal| {
        let lab = &portal.lab;
        let [table, api] = ["dynamodb", "sagemaker.api"].map(|service| lab.endpoint_id(service));
        let way = portal.ask("app", "alice");
        for (step, door) in [(Step::Table, &table), (Step::Presign, &api)] {
            assert!(way.steps.iter().any(|hop| hop.step == step && hop.says.contains(door)), "{way:#?}");
        }
        lab.presign_through(&[lab.endpoint_id("studio")]);
        let refused = portal.ask("app", "alice");
        assert_ends(&refused, Step::Presign, Some(403), "may not sagemaker:CreatePresignedDomainUrl from here");
        assert!(refused.body.unwrap().contains("this way is not the one that the policy asks for"));
        lab.ok("dynamodb", "DeleteItem", json!({"TableName": "users", "Key": {"user": {"S": "alice"}}}));
        assert_ends(&portal.ask("app", "alice"), Step::Table, Some(404), "has no row for alice");
        lab.ec2("DeleteVpcEndpoints", json!({"VpcEndpointIds": [table]}));
        assert_ends(&portal.ask("app", "alice"), Step::Table, Some(502), "there is no way to the internet");
    });
}

#[test]
fn step_9_the_url_leads_to_the_studio_endpoint() {
    at_the_portal(async |portal| {
        let lab = &portal.lab;
        let way = lab.open("app", &portal.url());
        assert_admitted(&way);
        let studio = lab.endpoint_id("studio");
        assert!(way.steps.iter().any(|hop| hop.step == Step::Door && hop.says.contains(&studio)));
        lab.modify_endpoint("studio", json!({"PrivateDnsEnabled": false})).await;
        // The name is public again, and the policy still refuses.
        let public = lab.open("app", &portal.url());
        assert!(public.steps.iter().any(|hop| hop.says.ends_with("has public addresses")), "{public:#?}");
        assert_ends(&public, Step::Studio, Some(403), "may not from here");
    });
}

#[test]
fn step_10_studio_admits_whom_the_role_lets_through_this_endpoint() {
    at_the_portal(async |portal| {
        let lab = &portal.lab;
        let url = portal.url();
        assert_admitted(&lab.open("onprem", &url));
        let outside = lab.open("internet", &url);
        assert!(outside.steps[0].says.ends_with("has public addresses"));
        assert_ends(&outside, Step::Studio, Some(403), "may not from here");
        assert_eq!(outside.body.as_deref(), Some(INSUFFICIENT));
        let other = url.replace("/auth?token=", "/auth?token=x");
        assert_ends(&lab.open("onprem", &other), Step::Studio, Some(403), "has expired, or nobody made it");
        lab.presign_through(&[lab.endpoint_id("sagemaker.api")]);
        // What is made may not be used: the browser comes through another endpoint.
        let refused = lab.open("onprem", &portal.url());
        assert_ends(&refused, Step::Studio, Some(403), "may not from here");
        assert_eq!(refused.body.as_deref(), Some(INSUFFICIENT));
        // The policy is asked anew on every request: a URL that is out there is refused, too.
        assert_ends(&lab.open("onprem", &url), Step::Studio, Some(403), "may not from here");
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_ends(&lab.open("onprem", &url), Step::Studio, Some(403), "has expired, or nobody made it");
    });
}

#[test]
fn step_11_the_notebook_comes_back_over_the_peering() {
    on_the_lab(async |lab| {
        let url = lab.make("studio").unwrap();
        assert_admitted(&lab.open("app", &url));
        lab.shut("studio").await;
        let url = lab.make("studio").unwrap();
        assert_ends(&lab.open("app", &url), Step::Network, None, "doesn't let tcp 443 in from");
        lab.unroute(&lab.endpoint("studio")["SubnetIds"][0], "192.168.10.0/24");
        assert_ends(&lab.open("app", &url), Step::Name, None, "the answer can't come back");
    });
}

#[test]
fn each_mode_of_access_admits_what_it_says() {
    skipping().block_on(async {
        let by_ip = PLAN.replace("\"source-vpce\"", "\"source-ip\"\nsource_ip = [\"198.51.100.0/24\"]");
        let by_vpc = PLAN.replace("source-vpce", "source-vpc");
        for (text, inside, outside) in [(PLAN, true, false), (&by_vpc, true, false), (&by_ip, false, true)] {
            let lab = Lab::new(text).await;
            for (from, may) in [("onprem", inside), ("app", inside), ("studio", inside), ("internet", outside)] {
                assert_eq!(lab.make(from).is_ok(), may, "{from} {text}");
            }
            // Another endpoint of the same VPC, by its own name, is what tells one from the other.
            let other = lab.send("onprem", &lab.api_of_sagemaker_at(&lab.another_endpoint().await), None, Some(ROLE));
            assert_eq!(other.admitted, text == by_vpc, "{text} {other:#?}");
            let url = lab.make(if inside { "studio" } else { "internet" }).unwrap();
            for (from, may) in [("onprem", inside), ("app", inside), ("studio", inside), ("internet", outside)] {
                let response = lab.open(from, &url);
                assert_eq!(response.admitted, may, "{from} {text} {response:#?}");
                if !may {
                    assert_ends(&response, Step::Studio, Some(403), "may not from here");
                }
            }
        }
    });
}

const OTHER: &str = "444455556666";
const STRANGER: &str = "arn:aws:iam::444455556666:role/stranger";

/// A Studio of another account, and a role there that may make URLs for it from anywhere: the domain's id.
async fn anothers_studio(lab: &Lab) -> String {
    let call = |service: &str, operation: &str, input: Value| {
        let (service, operation, access_key) = (service.to_owned(), operation.to_owned(), "AKIAOTHER".to_owned());
        let account = OTHER.to_owned();
        let call = Call { service, operation, account, region: REGION.into(), access_key, input };
        lab.sandbox.call(&call).unwrap_or_else(|error| panic!("{}: {error}", call.operation))
    };
    let trust = |service: &str| {
        let principal = json!({"Service": format!("{service}.amazonaws.com")});
        let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    let role = |name: &str, service: &str| {
        call("iam", "CreateRole", json!({"RoleName": name, "AssumeRolePolicyDocument": trust(service)}))
    };
    let execution = role("execution", "sagemaker")["Role"]["Arn"].take();
    role("stranger", "lambda");
    let all = json!({"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"});
    let document = json!({"Version": "2012-10-17", "Statement": [all]}).to_string();
    call("iam", "PutRolePolicy", json!({"RoleName": "stranger", "PolicyName": "all", "PolicyDocument": document}));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let subnets = call("ec2", "DescribeSubnets", json!({}))["Subnets"].take();
    let input = json!({
        "DomainName": "theirs", "AuthMode": "IAM", "DefaultUserSettings": {"ExecutionRole": execution},
        "VpcId": subnets[0]["VpcId"], "SubnetIds": [subnets[0]["SubnetId"]],
    });
    call("sagemaker", "CreateDomain", input);
    tokio::time::sleep(Duration::from_secs(1200)).await;
    let domain = call("sagemaker", "ListDomains", json!({}))["Domains"][0]["DomainId"].take();
    call("sagemaker", "CreateUserProfile", json!({"DomainId": domain, "UserProfileName": "alice"}));
    settled().await;
    text_of(&domain)
}

#[test]
fn a_role_of_another_account_is_refused_at_the_door() {
    on_the_lab(async |lab| {
        let domain = anothers_studio(lab).await;
        let api = lab.api_of_sagemaker().replace(&lab.domain, &domain);
        let ask = |from: &str| lab.send(from, &api, None, Some(STRANGER));
        for from in ["app", "onprem", "studio"] {
            let refused = ask(from);
            assert_ends(&refused, Step::Presign, Some(400), "of the endpoint policy vpce-");
        }
        // Over the internet it is their own business, until somebody opens it here.
        let url = url_in(&ask("internet"));
        assert_admitted(&lab.open("internet", &url));
        for from in ["app", "onprem", "studio"] {
            assert_ends(&lab.open(from, &url), Step::Studio, Some(403), "of the endpoint policy vpce-");
        }
        // It is the doors that refuse: with AWS's own policies they let it pass.
        for service in ["sagemaker.api", "studio"] {
            lab.modify_endpoint(service, json!({"ResetPolicy": true})).await;
        }
        assert_admitted(&lab.open("onprem", &url_in(&ask("onprem"))));
    });
}

#[test]
fn a_door_whose_policy_was_edited_away_is_drift_and_mended() {
    on_the_lab(async |lab| {
        let drift = async || {
            let person = Person::new(&lab.sandbox, "ann", "demo", CallerDials::default());
            let told = person.drift("demo").await;
            told.iter().map(|one| format!("{:?} {}: {}", one.class, one.address, one.effect)).collect::<Vec<_>>()
        };
        lab.modify_endpoint("studio", json!({"ResetPolicy": true})).await;
        let says = "the endpoint's policy no longer denies sagemaker:CreatePresignedDomainUrl";
        assert_eq!(drift().await, [format!("Changed studio/endpoint/studio: {says}")]);
        let person = Person::new(&lab.sandbox, "ann", "demo", CallerDials::default());
        let report = up(&person.session("demo", 2, Options::default()), None).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        assert_eq!(drift().await, [""; 0]);
    });
}

#[test]
fn a_url_made_in_the_role_outside_the_endpoint_is_access_denied() {
    on_the_lab(async |lab| {
        let refused = lab.make("internet").unwrap_err();
        assert_ends(&refused, Step::Presign, Some(400), "may not make a URL from here");
        let body: Value = serde_json::from_str(refused.body.as_deref().unwrap()).unwrap();
        assert_eq!(body["__type"], "AccessDeniedException");
        let unsigned = lab.send("studio", &lab.api_of_sagemaker(), None, None);
        assert_ends(&unsigned, Step::Presign, Some(403), "nobody has signed the request");
        let stranger = lab.send("studio", &lab.api_of_sagemaker(), None, Some("nobody"));
        assert_ends(&stranger, Step::Presign, None, "there is no role nobody");
    });
}

#[test]
fn a_url_is_written_down_as_any_call_is() {
    skipping().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = || {
            let Opened { home, world, now, set_aside, .. } = Home::open(folder.path(), 1).unwrap();
            assert_eq!(set_aside, None);
            Sandbox::new(world, WorldClock::new(now, 1.0), Dials::default(), Some(home))
        };
        let lab = Lab::on(sandbox(), PLAN).await;
        let url = lab.make("studio").unwrap();
        drop(lab);
        let question =
            Question { url, from: Standpoint::Onprem, lab: None, token: None, role: None, headers: Vec::new() };
        assert_admitted(&sandbox().request(&question).unwrap());
    });
}

#[test]
fn the_process_that_serves_a_sandbox_is_asked() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = listen(0).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(serve(listener, world(1, Dials::default()), CallerDials::default(), std::future::pending()));
        let url = "https://example.com/".to_owned();
        let question =
            Question { url, from: Standpoint::Internet, lab: None, token: None, role: None, headers: Vec::new() };
        let response = tokio::task::spawn_blocking(move || ask_to_request(port, &question)).await.unwrap();
        assert_ends(
            &response.unwrap().unwrap(),
            Step::Unknown,
            None,
            "the sandbox doesn't know what is at example.com",
        );
    });
}

#[test]
fn a_host_behind_a_nat_gateway_comes_from_the_gateways_address() {
    skipping().block_on(async {
        let lab = Lab::new(&PLAN.replace("internet_gateway = true", "internet_gateway = true\nnat = true")).await;
        lab.modify_endpoint("studio", json!({"PrivateDnsEnabled": false})).await;
        let gateways = lab.ec2("DescribeNatGateways", json!({}));
        let address = text_of(&gateways["NatGateways"][0]["NatGatewayAddresses"][0]["PublicIp"]);
        let way = lab.open("onprem", &lab.make("studio").unwrap());
        let door = way.steps.iter().find(|hop| hop.step == Step::Door).unwrap();
        assert_eq!(door.says, format!("it arrives at AWS's public front, from {address}"));
        assert_ends(&way, Step::Studio, Some(403), "may not from here");
    });
}

#[test]
fn a_public_api_is_called_from_the_internet_and_not_through_the_endpoint() {
    on_the_lab(async |lab| {
        let input = json!({"name": "public", "endpointConfiguration": {"types": ["REGIONAL"]}});
        let made = lab.ok("apigateway", "CreateRestApi", input);
        let api = text_of(&made["id"]);
        show_page(lab, &api, &made["rootResourceId"]);
        lab.ok("apigateway", "CreateDeployment", json!({"restApiId": api, "stageName": "studio"}));
        let base = format!("https://{api}.execute-api.us-east-1.amazonaws.com");
        let send = |from: &str, stage: &str| lab.send(from, &format!("{base}/{stage}"), None, None);
        assert_admitted(&send("internet", "studio"));
        assert_ends(&send("internet", "none"), Step::Api, Some(403), "has no stage `none`");
        // What private names for execute-api cost: no public API of the Region can be called from behind them.
        assert_ends(&send("app", "studio"), Step::Api, Some(403), "can't be called through vpce-");
        let other = "https://abcdef1234.execute-api.us-east-1.amazonaws.com/studio";
        assert_ends(&lab.send("app", other, None, None), Step::Api, Some(403), "there is no API abcdef1234");
    });
}

#[test]
fn a_pool_in_the_authorizers_place_lets_users_in_and_the_function_nobody() {
    at_the_portal(async |portal| {
        let gateway = |operation: &str, input: Value| portal.lab.ok("apigateway", operation, input);
        let api = json!({"restApiId": portal.api});
        let resources = gateway("GetResources", api.clone());
        let mut resources = resources["items"].as_array().unwrap().iter();
        let url = &resources.find(|resource| resource["path"] == "/users/{user}/url").unwrap()["id"];
        let authorize_by = |patch: Value| {
            let method = json!({"resourceId": url, "httpMethod": "GET", "patchOperations": patch});
            gateway("UpdateMethod", with(&api, method));
            portal.deploy();
        };
        let pools = portal.lab.ok("cognito-idp", "ListUserPools", json!({"MaxResults": 1}));
        let arn =
            format!("arn:aws:cognito-idp:us-east-1:111122223333:userpool/{}", text_of(&pools["UserPools"][0]["Id"]));
        let input = json!({"name": "pool", "type": "COGNITO_USER_POOLS", "providerARNs": [arn]});
        let pool = gateway("CreateAuthorizer", with(&api, input))["id"].take();
        authorize_by(json!([
            {"op": "replace", "path": "/authorizationType", "value": "COGNITO_USER_POOLS"},
            {"op": "replace", "path": "/authorizerId", "value": pool},
        ]));
        let address = format!("{}/users/alice/url", portal.base());
        let believed = portal.ask("app", "alice");
        assert!(believed.steps.iter().any(|hop| hop.says == "the token is one of the user pool's"), "{believed:#?}");
        // It is told claims and no user: the function doesn't take them.
        assert_ends(&believed, Step::Function, Some(401), "no authorizer says who calls");
        let forged = portal.lab.send("app", &address, Some("a.b.c"), None);
        assert_ends(&forged, Step::Authorizer, Some(401), "the token is none of the user pool's");
        authorize_by(json!([{"op": "replace", "path": "/authorizationType", "value": "NONE"}]));
        assert_ends(&portal.ask("app", "alice"), Step::Function, Some(401), "no authorizer says who calls");
        authorize_by(json!([{"op": "replace", "path": "/apiKeyRequired", "value": "true"}]));
        assert_ends(&portal.ask("app", "alice"), Step::Api, Some(403), "asks for an API key");
        authorize_by(json!([{"op": "replace", "path": "/authorizationType", "value": "AWS_IAM"}]));
        assert_ends(&portal.ask("app", "alice"), Step::Authorizer, Some(403), "for signed requests only");
    });
}

#[test]
fn the_program_tells_the_body_to_whoever_asks_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let run = |arguments: &[&str]| -> Ended {
        breezeway(home).args(arguments).env("BREEZEWAY_TOKEN", "bearer-of-alice").output().unwrap().into()
    };
    std::fs::write(home.join("lab.toml"), PLAN).unwrap();
    run(&["up", "lab.toml"]).expect(0, "up");
    let status = run(&["status", "demo", "--output", "json"]);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    let mut resources = status["resources"].as_array().unwrap().iter();
    let domain = &resources.find(|resource| resource["address"] == "domain").expect("a domain")["id"];
    let api = format!(
        "https://api.sagemaker.us-east-1.amazonaws.com/?Action=CreatePresignedDomainUrl&DomainId={}&UserProfileName=alice",
        domain.as_str().unwrap()
    );
    let made = run(&["sandbox", "request", &api, "--from", "studio", "--as", ROLE, "--output", "json"]);
    made.expect(0, "a URL");
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let body: Value = serde_json::from_str(made["body"].as_str().unwrap()).unwrap();
    let url = text_of(&body["AuthorizedUrl"]);
    let opened = run(&["sandbox", "request", &url, "--from", "onprem"]);
    opened.expect(0, "opened");
    assert!(opened.stdout.ends_with("Admitted: 302\n"), "{}", opened.stdout);
    let refused = run(&["sandbox", "request", &url, "--from", "internet"]);
    refused.expect(2, "refused");
    assert!(refused.stdout.ends_with(&format!("Refused: 403\n{INSUFFICIENT}\n")), "{}", refused.stdout);
    for ended in [opened, refused] {
        let said = ended.stdout + &ended.stderr;
        assert!(!said.contains(&token_of(&url).unwrap()) && !said.contains("bearer-of-alice"), "{said}");
    }
    run(&["sandbox", "request", "http://example.com", "--from", "internet"]).expect(1, "no address");
}
