//! `verify` on the foundation and on the whole architecture: yes as built; and what breaks by hand breaks the right step, by
//! name. What then becomes of a request says the same.

use breezeway::drift::drift;
use breezeway::engine::event::Outcome;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Options;
use breezeway::engine::view::{View, view};
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::resolve::Standpoint;
use breezeway::sandbox::world::request::Step;
use breezeway::verify::{Holds, Verification, verify};
use serde_json::{Value, json};
use std::time::Duration;

use crate::foundation::foundation;
use crate::lab::*;
use crate::whole;

/// What `verify` says of the foundation after something was done to it by hand.
fn after(breaking: impl Fn(&Sandbox)) -> Verification {
    after_all(breaking).0
}

/// The same, and what `drift` says: class, address and effect.
fn after_all(breaking: impl Fn(&Sandbox)) -> (Verification, Vec<String>) {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let person = Person::new(&sandbox, "ann", "demo", CallerDials::default());
        let report = up(&person.session("demo", 1, Options::default()), Some(&foundation())).await.unwrap();
        assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
        breaking(&sandbox);
        told(&person, "demo").await
    })
}

/// What `verify` and `drift` say of a lab, by its record.
async fn told(person: &Person, lab: &str) -> (Verification, Vec<String>) {
    let View { record, blueprint, survey } = view(&person.aws, lab, None).await.unwrap();
    let drift = drift(&blueprint, &survey);
    let drift = drift.iter().map(|one| format!("{:?} {}: {}", one.class, one.address, one.effect)).collect();
    (verify(&record.expect("the lab has a record").plan, &blueprint, &survey, REGION), drift)
}

/// Which steps hold: `3 yes, 4 no, …`.
fn holds(found: &Verification) -> String {
    let name = |holds| format!("{holds:?}").to_lowercase();
    let steps = found.steps.iter().map(|step| format!("{} {}", step.step, name(step.holds)));
    steps.collect::<Vec<_>>().join(", ")
}

/// Whether some reason of a step holds this.
fn says(found: &Verification, step: u8, words: &str) -> bool {
    found.steps.iter().any(|one| one.step == step && one.because.iter().any(|reason| reason.contains(words)))
}

fn tell(sandbox: &Sandbox, operation: &str, input: Value) -> Value {
    by_hand(sandbox, "ec2", operation, input).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

/// The id of what stands at an address of the lab.
fn id(sandbox: &Sandbox, address: &str) -> String {
    let filters = json!([{"Name": "key", "Values": ["breezeway:address"]}, {"Name": "value", "Values": [address]}]);
    let tags = tell(sandbox, "DescribeTags", json!({"Filters": filters}));
    tags["Tags"][0]["ResourceId"].as_str().unwrap_or_else(|| panic!("nothing stands at {address}")).to_owned()
}

#[test]
fn the_foundation_as_built_is_private() {
    let found = after(|_| {});
    assert!(found.private, "{found:#?}");
}

#[test]
fn a_route_taken_away_is_named() {
    let found = after(|sandbox| {
        let table = id(sandbox, "onprem/route-table/public");
        tell(sandbox, "DeleteRoute", json!({"RouteTableId": table, "DestinationCidrBlock": "10.16.0.0/16"}));
    });
    assert_eq!(holds(&found), "3 yes, 4 yes, 9 yes, 10 yes, 11 no");
    assert!(says(&found, 11, "(onprem/route-table/public) has no route to 10.16.32.0/20"), "{found:#?}");
}

#[test]
fn a_rule_taken_away_is_named_with_its_group() {
    let found = after(|sandbox| {
        let group = id(sandbox, "studio/security-group/resolver");
        let rule =
            json!([{"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "192.168.10.0/24"}]}]);
        tell(sandbox, "RevokeSecurityGroupIngress", json!({"GroupId": group, "IpPermissions": rule}));
    });
    assert_eq!(holds(&found), "3 no, 4 yes, 9 no, 10 yes, 11 yes");
    assert!(says(&found, 3, "(studio/security-group/resolver)"), "{found:#?}");
}

#[test]
fn private_dns_turned_off_leads_to_public_addresses() {
    let found = after(|sandbox| {
        let endpoint = id(sandbox, "studio/endpoint/studio");
        tell(sandbox, "ModifyVpcEndpoint", json!({"VpcEndpointId": endpoint, "PrivateDnsEnabled": false}));
    });
    assert_eq!(holds(&found), "3 yes, 4 no, 9 no, 10 yes, 11 yes");
    assert!(says(&found, 4, "it leads to a public address"), "{found:#?}");
    assert_eq!(found.leaks.len(), 4, "two names from two servers: {found:#?}");
}

#[test]
fn dhcp_options_of_awss_own_ask_nobody_private() {
    let found = after(|sandbox| {
        let vpc = id(sandbox, "onprem/vpc");
        tell(sandbox, "AssociateDhcpOptions", json!({"VpcId": vpc, "DhcpOptionsId": "default"}));
    });
    assert_eq!(holds(&found), "3 no, 4 yes, 9 no, 10 yes, 11 yes");
    assert!(says(&found, 3, "AWS's own set of DHCP options"), "{found:#?}");
}

#[test]
fn forwarders_that_are_stopped_answer_nobody() {
    let found = after(|sandbox| {
        let hosts = ["onprem/dns/a", "onprem/dns/b"].map(|address| host(sandbox, address));
        tell(sandbox, "StopInstances", json!({"InstanceIds": hosts}));
    });
    assert_eq!(holds(&found), "3 no, 4 yes, 9 no, 10 yes, 11 yes");
    assert!(says(&found, 3, "(onprem/dns/a) at 192.168.10.10 is stop"), "{found:#?}");
}

/// The id of an instance, whose volume and interface carry its address too.
fn host(sandbox: &Sandbox, address: &str) -> String {
    let filters = json!([{"Name": "tag:breezeway:address", "Values": [address]}]);
    let found = tell(sandbox, "DescribeInstances", json!({"Filters": filters}));
    let id = &found["Reservations"][0]["Instances"][0]["InstanceId"];
    id.as_str().unwrap_or_else(|| panic!("nothing runs at {address}")).to_owned()
}

#[test]
fn without_the_way_back_nothing_comes_back() {
    let found = after(|sandbox| {
        let table = id(sandbox, "studio/route-table/private");
        tell(sandbox, "DeleteRoute", json!({"RouteTableId": table, "DestinationCidrBlock": "192.168.10.0/24"}));
    });
    assert_eq!(holds(&found), "3 no, 4 yes, 9 no, 10 yes, 11 no");
    assert!(says(&found, 11, "(studio/route-table/private) has no route to 192.168.10."), "{found:#?}");
}

#[test]
fn a_network_acl_that_refuses_is_named() {
    let found = after(|sandbox| {
        let subnet = id(sandbox, "studio/subnet/private-a");
        let filters = json!([{"Name": "association.subnet-id", "Values": [subnet]}]);
        let acls = tell(sandbox, "DescribeNetworkAcls", json!({"Filters": filters}));
        let acl = &acls["NetworkAcls"][0]["NetworkAclId"];
        let entry = json!({
            "NetworkAclId": acl, "RuleNumber": 50, "Egress": false, "Protocol": "6", "RuleAction": "deny",
            "CidrBlock": "0.0.0.0/0", "PortRange": {"From": 443, "To": 443},
        });
        tell(sandbox, "CreateNetworkAclEntry", entry);
    });
    assert_eq!(holds(&found), "3 yes, 4 yes, 9 yes, 10 yes, 11 no");
    assert!(says(&found, 11, "doesn't let tcp 443 in from 192.168.10.148"), "{found:#?}");
}

/// The id of the default group of a VPC.
fn default_group(sandbox: &Sandbox, vpc: &str) -> String {
    let of_vpc = json!([{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]);
    let groups = tell(sandbox, "DescribeSecurityGroups", json!({"Filters": of_vpc}));
    groups["SecurityGroups"][0]["GroupId"].as_str().unwrap().to_owned()
}

/// The association by which a table is the main one of a VPC, and the table's id.
fn main_table(sandbox: &Sandbox, vpc: &str) -> (String, String) {
    let filters = json!([{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]);
    let tables = tell(sandbox, "DescribeRouteTables", json!({"Filters": filters}));
    let table = &tables["RouteTables"][0];
    let associations = table["Associations"].as_array().unwrap();
    let main = associations.iter().find(|association| association["Main"] == true).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&main["RouteTableAssociationId"]), text(&table["RouteTableId"]))
}

#[test]
fn what_is_opened_in_the_default_group_leaks_and_is_drift() {
    let (found, drift) = after_all(|sandbox| {
        let group = default_group(sandbox, &id(sandbox, "studio/vpc"));
        let rdp =
            json!([{"IpProtocol": "tcp", "FromPort": 3389, "ToPort": 3389, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
        tell(sandbox, "AuthorizeSecurityGroupIngress", json!({"GroupId": group, "IpPermissions": rdp}));
    });
    assert!(
        found.leaks.iter().any(|leak| leak.ends_with("lets tcp 3389 in from 0.0.0.0/0: from everywhere")),
        "{found:#?}"
    );
    let [only] = drift.as_slice() else { panic!("{drift:#?}") };
    assert!(only.starts_with("Unmanaged studio/vpc/sg-"), "{only}");
    assert!(only.ends_with("it opens the way for tcp 3389 from 0.0.0.0/0, to the whole internet"), "{only}");
}

#[test]
fn an_endpoint_behind_the_default_group_is_reached_by_its_rules() {
    let found = after(|sandbox| {
        let group = default_group(sandbox, &id(sandbox, "studio/vpc"));
        let (endpoint, other) = (id(sandbox, "studio/endpoint/studio"), id(sandbox, "studio/security-group/endpoints"));
        let groups =
            json!({"VpcEndpointId": endpoint, "AddSecurityGroupIds": [group], "RemoveSecurityGroupIds": [other]});
        tell(sandbox, "ModifyVpcEndpoint", groups);
        let https =
            json!([{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "192.168.10.0/24"}]}]);
        tell(sandbox, "AuthorizeSecurityGroupIngress", json!({"GroupId": group, "IpPermissions": https}));
    });
    assert_eq!(holds(&found), "3 yes, 4 yes, 9 yes, 10 yes, 11 yes");
}

#[test]
fn routes_in_the_main_table_are_drift_and_lead_where_they_lead() {
    let (found, drift) = after_all(|sandbox| {
        let (_, table) = main_table(sandbox, &id(sandbox, "studio/vpc"));
        let peering = id(sandbox, "peering");
        let route =
            json!({"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/1", "VpcPeeringConnectionId": peering});
        tell(sandbox, "CreateRoute", route);
    });
    assert!(found.leaks.iter().any(|leak| leak.ends_with("sends 0.0.0.0/1 out of the Studio VPC")), "{found:#?}");
    let [only] = drift.as_slice() else { panic!("{drift:#?}") };
    assert!(only.starts_with("Unmanaged studio/vpc/rtb-"), "{only}");
    assert!(only.contains("addresses of the internet, out of the Studio VPC, by the VPC's main route table"), "{only}");
}

#[test]
fn a_table_of_the_lab_that_is_made_the_main_one_is_still_the_labs() {
    let (found, drift) = after_all(|sandbox| {
        let (association, _) = main_table(sandbox, &id(sandbox, "studio/vpc"));
        let table = id(sandbox, "studio/route-table/private");
        let input = json!({"AssociationId": association, "RouteTableId": table});
        tell(sandbox, "ReplaceRouteTableAssociation", input);
    });
    assert!(found.private, "{found:#?}");
    let [only] = drift.as_slice() else { panic!("{drift:#?}") };
    assert!(only.starts_with("Unmanaged studio/vpc/rtb-"), "what was the main table is nobody's now: {only}");
}

/// Has the names of a domain asked of a server in the corporate network.
fn forward(sandbox: &Sandbox, domain: &str) {
    let resolver = |operation: &str, input: Value| hand(sandbox, "route53resolver", operation, input);
    let subnets = ["studio/subnet/private-a", "studio/subnet/private-b"].map(|subnet| id(sandbox, subnet));
    let endpoint = resolver(
        "CreateResolverEndpoint",
        json!({
            "CreatorRequestId": "mine", "Direction": "OUTBOUND",
            "SecurityGroupIds": [id(sandbox, "studio/security-group/resolver")],
            "IpAddresses": subnets.map(|subnet| json!({"SubnetId": subnet})),
        }),
    );
    let rule = resolver(
        "CreateResolverRule",
        json!({
            "CreatorRequestId": "mine", "RuleType": "FORWARD", "DomainName": domain,
            "ResolverEndpointId": endpoint["ResolverEndpoint"]["Id"], "TargetIps": [{"Ip": "192.168.10.99"}],
        }),
    );
    let vpc = id(sandbox, "studio/vpc");
    resolver("AssociateResolverRule", json!({"ResolverRuleId": rule["ResolverRule"]["Id"], "VPCId": vpc}));
}

#[test]
fn a_resolver_rule_that_takes_the_names_elsewhere_is_named() {
    let (found, drift) = after_all(|sandbox| forward(sandbox, "studio.us-east-1.sagemaker.aws"));
    assert_eq!(holds(&found), "3 yes, 4 no, 9 no, 10 yes, 11 yes");
    assert!(says(&found, 4, "the rule rslvr-rr-"), "{found:#?}");
    let names = "names below studio.us-east-1.sagemaker.aws. are answered by another rule in the Studio VPC";
    assert!(drift.iter().any(|one| one.contains(names)), "{drift:#?}");
}

#[test]
fn a_public_dns_server_beside_the_private_ones_is_named() {
    let (found, drift) = after_all(|sandbox| {
        let values = ["192.168.10.10", "8.8.8.8"];
        let options = json!([{"Key": "domain-name-servers", "Values": values}]);
        let set = tell(sandbox, "CreateDhcpOptions", json!({"DhcpConfigurations": options}));
        let set = &set["DhcpOptions"]["DhcpOptionsId"];
        tell(sandbox, "AssociateDhcpOptions", json!({"VpcId": id(sandbox, "onprem/vpc"), "DhcpOptionsId": set}));
    });
    assert_eq!(holds(&found), "3 no, 4 yes, 9 no, 10 yes, 11 yes");
    assert!(found.leaks.iter().any(|leak| leak.starts_with("the DNS server at 8.8.8.8 answers")), "{found:#?}");
    let effect = "which names 192.168.10.10 and 8.8.8.8: 8.8.8.8 answers the private names with public addresses";
    assert!(drift.iter().any(|one| one.ends_with(effect)), "{drift:#?}");
}

const PORTAL: &str = "breezeway-studio-private-access-us-east-1-portal";
const PRESIGN: &str = "breezeway-studio-private-access-presign";
const TABLE: &str = "breezeway-studio-private-access-users";

/// What both readings say of the whole architecture after something was done to it by hand: the steps that don't hold, of
/// what `verify` says; and where the way of a user from the portal to the notebook ends.
struct Readings {
    found: Verification,
    drift: Vec<String>,
    ends_at: Option<Step>,
}

fn whole_after(breaking: impl FnOnce(&Sandbox)) -> Readings {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        whole::built(&sandbox).await;
        breaking(&sandbox);
        tokio::time::sleep(Duration::from_secs(600)).await;
        let person = Person::new(&sandbox, "ann", whole::LAB, CallerDials::default());
        let (found, drift) = told(&person, whole::LAB).await;
        let app = Standpoint::Id(host(&sandbox, "onprem/app"));
        let ends = [Standpoint::Onprem, app].map(|from| where_it_ends(&sandbox, &from));
        Readings { found, drift, ends_at: ends.into_iter().flatten().next() }
    })
}

/// Where the way of the plan's user ends, who comes from here; nowhere if they get to Studio.
fn where_it_ends(sandbox: &Sandbox, from: &Standpoint) -> Option<Step> {
    let (portal, token) = (whole::portal(sandbox), whole::signed_in(sandbox));
    let page = whole::send(sandbox, from, &format!("{portal}/"), None);
    if !page.admitted {
        return page.ended_at;
    }
    let url = whole::send(sandbox, from, &format!("{portal}/users/{}/url", whole::USER), Some(&token));
    if !url.admitted {
        return url.ended_at;
    }
    let url: Value = serde_json::from_str(&url.body.unwrap()).unwrap();
    let opened = whole::send(sandbox, from, url["url"].as_str().unwrap(), None);
    opened.ended_at.filter(|_| !opened.admitted)
}

impl Readings {
    /// That these steps don't hold, that the first of them says this, and that a user's way ends here.
    #[track_caller]
    fn are(&self, steps: &str, words: &str, ends_at: Option<Step>) {
        let broken: Vec<_> = self.found.steps.iter().filter(|step| step.holds != Holds::Yes).collect();
        let told: Vec<_> =
            broken.iter().map(|step| format!("{} {}", step.step, format!("{:?}", step.holds).to_lowercase())).collect();
        assert_eq!((told.join(", ").as_str(), self.ends_at), (steps, ends_at), "{broken:#?}");
        let first = broken.first().map(|step| step.because.join("\n")).unwrap_or_default();
        assert!(first.contains(words), "{broken:#?}");
        assert_eq!(self.found.looked_at.len(), 11);
    }
}

/// The API, and the resource of its path `/users/{user}/url`.
fn api(sandbox: &Sandbox) -> (String, String) {
    let apis = hand(sandbox, "apigateway", "GetRestApis", json!({}));
    let api = apis["items"][0]["id"].as_str().unwrap().to_owned();
    let resources = hand(sandbox, "apigateway", "GetResources", json!({"restApiId": api}));
    let mut resources = resources["items"].as_array().unwrap().iter();
    let url = resources.find(|resource| resource["path"] == "/users/{user}/url").unwrap();
    (api, url["id"].as_str().unwrap().to_owned())
}

fn deploy(sandbox: &Sandbox) {
    let input = json!({"restApiId": api(sandbox).0, "stageName": "portal"});
    hand(sandbox, "apigateway", "CreateDeployment", input);
}

/// Has the API let those in who come through an endpoint that it hasn't.
fn let_others_in(sandbox: &Sandbox) {
    let statement = |effect: &str| json!({"Effect": effect, "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"});
    let mut others = statement("Deny");
    others["Condition"] = json!({"StringNotEquals": {"aws:SourceVpce": "vpce-0123456789abcdef0"}});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement("Allow"), others]}).to_string();
    let patch = json!([{"op": "replace", "path": "/policy", "value": policy}]);
    hand(sandbox, "apigateway", "UpdateRestApi", json!({"restApiId": api(sandbox).0, "patchOperations": patch}));
}

#[test]
fn the_whole_architecture_is_private_by_all_eleven_steps() {
    let readings = whole_after(|_| {});
    assert!(readings.found.private, "{:#?}", readings.found);
    readings.are("", "", None);
}

#[test]
fn a_missing_public_route_keeps_the_app_server_from_the_portal_and_from_studio() {
    let readings = whole_after(|sandbox| {
        let table = id(sandbox, "onprem/route-table/public");
        tell(sandbox, "DeleteRoute", json!({"RouteTableId": table, "DestinationCidrBlock": "10.16.0.0/16"}));
    });
    readings.are("2 no, 11 no", "(onprem/route-table/public) has no route to 10.16.", Some(Step::Network));
}

#[test]
fn a_wrong_group_shuts_studio() {
    let readings = whole_after(|sandbox| {
        let [endpoint, other, own] =
            ["studio/endpoint/studio", "studio/security-group/resolver", "studio/security-group/endpoints"]
                .map(|address| id(sandbox, address));
        let groups =
            json!({"VpcEndpointId": endpoint, "AddSecurityGroupIds": [other], "RemoveSecurityGroupIds": [own]});
        tell(sandbox, "ModifyVpcEndpoint", groups);
    });
    readings.are("11 no", "(studio/security-group/resolver)", Some(Step::Network));
}

#[test]
fn without_private_dns_the_notebooks_name_is_public() {
    let readings = whole_after(|sandbox| {
        let endpoint = id(sandbox, "studio/endpoint/studio");
        tell(sandbox, "ModifyVpcEndpoint", json!({"VpcEndpointId": endpoint, "PrivateDnsEnabled": false}));
    });
    readings.are("4 no, 9 no", "so it leads to a public address", Some(Step::Network));
}

/// The name of the notebook that users open, which is below the zone that the endpoint answers.
fn notebook(sandbox: &Sandbox) -> String {
    let domain = hand(sandbox, "sagemaker", "ListDomains", json!({}))["Domains"][0]["DomainId"].take();
    format!("{}.studio.{REGION}.sagemaker.aws", domain.as_str().unwrap())
}

#[test]
fn somebody_elses_zone_for_the_notebooks_own_name_is_named() {
    let readings =
        whole_after(|sandbox| drop(zone_of_somebody(sandbox, &notebook(sandbox), &id(sandbox, "studio/vpc"))));
    readings.are("4 no, 9 no", "it leads to 10.9.9.9 of Z", Some(Step::Network));
    let names = ".studio.us-east-1.sagemaker.aws are answered from another zone in the Studio VPC; it is not the lab's: \
                 `up` leaves it alone";
    assert!(readings.drift.len() == 1 && readings.drift[0].ends_with(names), "{:#?}", readings.drift);
}

#[test]
fn a_resolver_rule_for_the_notebooks_own_name_is_named() {
    let readings = whole_after(|sandbox| forward(sandbox, &notebook(sandbox)));
    readings.are("4 no, 9 no", "the rule rslvr-rr-", Some(Step::Name));
}

#[test]
fn somebody_elses_zone_for_other_names_breaks_nothing_and_is_told() {
    let readings = whole_after(|sandbox| drop(zone_of_somebody(sandbox, "corp.example", &id(sandbox, "onprem/vpc"))));
    readings.are("", "", None);
    let names = "names below corp.example are answered from another zone in the corporate network";
    assert!(readings.drift.len() == 1 && readings.drift[0].contains(names), "{:#?}", readings.drift);
}

#[test]
fn somebody_elses_zone_outlives_the_lab() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let person = Person::new(&sandbox, "ann", LAB, CallerDials::default());
        built(&sandbox, "name = \"demo\"").await;
        let zone = zone_of_somebody(&sandbox, "corp.example", &id(&sandbox, "studio/vpc"));
        let sets = || hand(&sandbox, "route53", "ListResourceRecordSets", json!({"HostedZoneId": zone}));
        let before = sets();
        let report = down(&person.session(LAB, 2, Options::default())).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        assert_eq!(sets(), before);
    });
}

#[test]
fn who_may_not_list_the_zones_of_a_vpc_is_told_what_that_leaves_open() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        up(&ann(&sandbox).session(LAB, 1, Options::default()), Some(&foundation())).await.unwrap();
        let denied = CallerDials { denied: Some("ListHostedZonesByVPC"), ..CallerDials::default() };
        let (found, drift) = told(&Person::new(&sandbox, "bob", LAB, denied), LAB).await;
        assert_eq!(holds(&found), "3 unknown, 4 unknown, 9 unknown, 10 yes, 11 yes");
        assert!(drift.iter().any(|one| one.starts_with("Unknown hosted_zone: ")), "{drift:#?}");
    });
}

#[test]
fn a_role_without_the_studio_endpoint_is_refused_by_studio() {
    let readings = whole_after(|sandbox| {
        let domain = hand(sandbox, "sagemaker", "ListDomains", json!({}))["Domains"][0]["DomainId"].clone();
        let profiles = format!("arn:aws:sagemaker:us-east-1:*:user-profile/{}/*", domain.as_str().unwrap());
        let statement = |effect: &str, operator: &str| {
            json!({
                "Effect": effect, "Action": "sagemaker:CreatePresignedDomainUrl", "Resource": profiles,
                "Condition": {operator: {"aws:SourceVpce": id(sandbox, "studio/endpoint/sagemaker.api")}},
            })
        };
        let statements = [statement("Allow", "StringEquals"), statement("Deny", "StringNotEquals")];
        let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let input = json!({"RoleName": PORTAL, "PolicyName": "presign", "PolicyDocument": document});
        hand(sandbox, "iam", "PutRolePolicy", input);
    });
    readings.are("10 no", "(studio/endpoint/studio) is refused", Some(Step::Studio));
}

#[test]
fn an_api_that_lets_others_in_is_found_before_it_is_deployed_and_after() {
    let before = whole_after(let_others_in);
    before.are("5 no", "(studio/endpoint/execute-api) is refused", None);
    let after = whole_after(|sandbox| {
        let_others_in(sandbox);
        deploy(sandbox);
    });
    after.are("5 no, 6 no", "(studio/endpoint/execute-api) is refused", Some(Step::Api));
}

#[test]
fn without_the_authorizer_nobody_is_asked() {
    let readings = whole_after(|sandbox| {
        let (api, url) = api(sandbox);
        let patch = json!([{"op": "replace", "path": "/authorizationType", "value": "NONE"}]);
        let method = json!({"restApiId": api, "resourceId": url, "httpMethod": "GET", "patchOperations": patch});
        hand(sandbox, "apigateway", "UpdateMethod", method);
        let authorizers = hand(sandbox, "apigateway", "GetAuthorizers", json!({"restApiId": api}));
        let authorizer = &authorizers["items"][0]["id"];
        deploy(sandbox);
        hand(sandbox, "apigateway", "DeleteAuthorizer", json!({"restApiId": api, "authorizerId": authorizer}));
    });
    readings.are("6 no", "the authorizer portal/api/authorizer is missing", Some(Step::Function));
    let leak = "hands out URLs, and asks nobody who calls";
    assert!(readings.found.leaks.iter().any(|one| one.ends_with(leak)), "{:#?}", readings.found.leaks);
}

#[test]
fn a_function_that_the_api_may_not_call_is_named() {
    let readings = whole_after(|sandbox| {
        hand(sandbox, "lambda", "RemovePermission", json!({"FunctionName": PRESIGN, "StatementId": "api"}));
    });
    readings.are("6 no", "(portal/presign) has no policy that lets anybody call it", Some(Step::Function));
}

#[test]
fn a_stage_on_another_deployment_is_named() {
    let readings = whole_after(|sandbox| {
        let (api, _) = api(sandbox);
        let made = hand(sandbox, "apigateway", "CreateDeployment", json!({"restApiId": api, "description": "mine"}));
        let patch = json!([{"op": "replace", "path": "/deploymentId", "value": made["id"]}]);
        hand(
            sandbox,
            "apigateway",
            "UpdateStage",
            json!({"restApiId": api, "stageName": "portal", "patchOperations": patch}),
        );
    });
    // It is of the same content, which nobody can see: so the way is open all the same.
    readings.are("6 no", "which isn't of what stands", None);
}

#[test]
fn a_user_without_a_row_gets_no_url() {
    let readings = whole_after(|sandbox| {
        let key = json!({"user": {"S": whole::USER}});
        hand(sandbox, "dynamodb", "DeleteItem", json!({"TableName": TABLE, "Key": key}));
    });
    readings.are("8 no", "the row portal/table/user/studio-user is missing", Some(Step::Table));
}

#[test]
fn a_user_whose_profile_is_gone_gets_no_url() {
    let readings = whole_after(|sandbox| {
        let domain = hand(sandbox, "sagemaker", "ListDomains", json!({}))["Domains"][0]["DomainId"].clone();
        let profile = json!({"DomainId": domain, "UserProfileName": whole::USER});
        hand(sandbox, "sagemaker", "DeleteUserProfile", profile);
    });
    readings.are("8 no", "leads to the profile studio-user, which is missing", Some(Step::Presign));
}

#[test]
fn a_table_that_the_function_has_no_way_to_is_named() {
    let readings = whole_after(|sandbox| {
        let [endpoint, table] =
            ["studio/gateway-endpoint/dynamodb", "studio/route-table/private"].map(|address| id(sandbox, address));
        tell(sandbox, "ModifyVpcEndpoint", json!({"VpcEndpointId": endpoint, "RemoveRouteTableIds": [table]}));
    });
    readings.are("8 no", "has no way to DynamoDB", Some(Step::Table));
}
