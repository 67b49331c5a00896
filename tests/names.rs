//! Names resolve in the sandbox: before and after the lab, and after what people do to it by hand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breezeway::blueprint::draw;
use breezeway::engine::event::Outcome;
use breezeway::engine::pin::facts;
use breezeway::engine::record;
use breezeway::engine::run::up;
use breezeway::engine::session::Options;
use breezeway::report::Style;
use breezeway::report::resolve::ResolveDocument;
use breezeway::sandbox::dials::Dials;
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::resolve::{Answer, Question, Resolution, Standpoint};
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use breezeway::survey::{lab_name, survey};
use breezeway::verify::{Holds, Verification, verify};
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::time::Duration;

use crate::foundation::foundation;
use crate::lab::*;

const STUDIO: &str = "d-abcdefghijkl.studio.us-east-1.sagemaker.aws";
/// The names that corporate DNS forwards, with the endpoints that they should lead to.
const FORWARDED: [(&str, &str); 4] = [
    (STUDIO, "studio/endpoint/studio"),
    ("d-abcdefghijkl.studio.sagemaker.us-east-1.app.aws", "studio/endpoint/studio"),
    ("abcdef1234.execute-api.us-east-1.amazonaws.com", "studio/endpoint/execute-api"),
    ("api.sagemaker.us-east-1.amazonaws.com", "studio/endpoint/sagemaker.api"),
];

/// The foundation, as it stands.
struct Lab {
    sandbox: Sandbox,
    person: Person,
}

impl Lab {
    async fn new() -> Self {
        let sandbox = world(1, Dials::default());
        let person = Person::new(&sandbox, "ann", "demo", CallerDials::default());
        let report = up(&person.session("demo", 1, Options::default()), Some(&foundation())).await.unwrap();
        assert_eq!(report.outcome, Outcome::Done);
        Self { sandbox, person }
    }

    /// Somebody works by hand, and waits until it has taken effect.
    async fn by_hand(&self, service: &str, operation: &str, input: Value) -> Value {
        let answer = by_hand(&self.sandbox, service, operation, input);
        tokio::time::sleep(Duration::from_secs(300)).await;
        answer.unwrap_or_else(|refusal| panic!("{operation}: {refusal}"))
    }

    async fn ec2(&self, operation: &str, input: Value) -> Value {
        self.by_hand("ec2", operation, input).await
    }

    /// The ids of all that carries tags, with their addresses in the lab.
    fn addresses(&self) -> Vec<(String, String)> {
        let filters = json!([{"Name": "key", "Values": ["breezeway:address"]}]);
        let tags = by_hand(&self.sandbox, "ec2", "DescribeTags", json!({"Filters": filters})).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let tags = tags["Tags"].as_array().unwrap().iter();
        let mut addresses: Vec<_> = tags.map(|tag| (text(&tag["ResourceId"]), text(&tag["Value"]))).collect();
        addresses.push((self.resolver(), "studio/resolver".to_owned()));
        addresses
    }

    fn id(&self, address: &str) -> String {
        let mut all = self.addresses().into_iter().filter(|(id, _)| !id.starts_with("eni-") && !id.starts_with("vol-"));
        all.find(|(_, own)| own == address).unwrap_or_else(|| panic!("nothing is {address}")).0
    }

    fn resolver(&self) -> String {
        let endpoints = by_hand(&self.sandbox, "route53resolver", "ListResolverEndpoints", json!({})).unwrap();
        endpoints["ResolverEndpoints"][0]["Id"].as_str().unwrap_or("none").to_owned()
    }

    /// How a name resolves for a host of the lab, or from `onprem`, `studio`, `internet`.
    fn resolve(&self, from: &str, name: &str) -> Resolution {
        let from = if from.contains('/') { Standpoint::Id(self.id(from)) } else { from.parse().unwrap() };
        self.sandbox.resolve(&Question { name: name.to_owned(), from, lab: None }).unwrap()
    }

    /// The same as people read it, with the lab's addresses for ids.
    fn told(&self, from: &str, name: &str) -> String {
        let text = ResolveDocument::of(self.resolve(from, name)).text(Style::plain(1000));
        self.addresses().iter().fold(text, |text, (id, address)| text.replace(id, address))
    }

    fn leads_to(&self, from: &str, (name, endpoint): (&str, &str)) -> bool {
        let Resolution { answer, by, addresses, .. } = self.resolve(from, name);
        answer == Answer::Private && by == Some(self.id(endpoint)) && addresses.len() == 2
    }

    fn asks_inbound_resolver(&self, from: &str, name: &str) -> bool {
        self.resolve(from, name).hops.iter().any(|hop| hop.contains("is the inbound resolver endpoint"))
    }

    /// The steps that are about names, as the sandbox itself sees them. `verify`, which has only the API to go by,
    /// must see the same, for the same reasons.
    async fn steps(&self) -> String {
        // Somebody who works on the app server, and somebody else in the corporate network.
        let hosts = ["onprem/app", "onprem"];
        let everywhere = |is_so: &dyn Fn(&str, (&str, &str)) -> bool| {
            hosts.iter().all(|host| FORWARDED.iter().all(|forwarded| is_so(host, *forwarded)))
        };
        let own = [
            (3, everywhere(&|host, (name, _)| self.asks_inbound_resolver(host, name))),
            (4, FORWARDED.iter().all(|forwarded| self.leads_to("studio", *forwarded))),
            (9, hosts.iter().all(|host| self.leads_to(host, FORWARDED[0]))),
        ];
        let verification = self.verification().await;
        let steps = verification.steps.iter().filter(|step| step.step < 10);
        let seen: Vec<_> = steps.clone().map(|step| (step.step, step.holds)).collect();
        let expected = own.map(|(step, holds)| (step, if holds { Holds::Yes } else { Holds::No }));
        assert_eq!(seen, expected, "{verification:#?}");

        let because = verification.steps.iter().find(|step| step.step == 9).unwrap().because.join("\n");
        let because =
            self.addresses().iter().fold(because, |text, (id, address)| text.replace(&format!("{id} ({address})"), id));
        for host in hosts.iter().filter(|host| !self.leads_to(host, FORWARDED[0])) {
            for hop in self.resolve(host, STUDIO).hops {
                assert!(because.lines().any(|reason| reason == hop), "{hop}\nis not among\n{because}");
            }
        }
        own.map(|(step, holds)| format!("{step} {}", if holds { "yes" } else { "no" })).join(", ")
    }

    async fn verification(&self) -> Verification {
        let aws = &self.person.aws;
        let plan = record::read(aws, "demo").await.unwrap().record().unwrap().unwrap().plan;
        let blueprint = draw(&plan, &facts(&plan, REGION, DEFAULT_ACCOUNT).unwrap());
        verify(&plan, &blueprint, &survey(aws, &lab_name("demo", REGION)).await, REGION)
    }

    /// What the app server is told, and what that makes of the steps.
    async fn outcome(&self) -> String {
        format!("{}\n{}", self.told("onprem/app", STUDIO), self.steps().await)
    }

    async fn stop(&self, host: &str) {
        self.ec2("StopInstances", json!({"InstanceIds": [self.id(host)]})).await;
    }

    /// The user data of a host, edited.
    async fn edited(&self, host: &str, edit: impl FnOnce(&str) -> String) -> String {
        let attribute = json!({"InstanceId": self.id(host), "Attribute": "userData"});
        let found = self.ec2("DescribeInstanceAttribute", attribute).await;
        let user_data = BASE64.decode(found["UserData"]["Value"].as_str().unwrap()).unwrap();
        BASE64.encode(edit(&String::from_utf8(user_data).unwrap()))
    }

    /// Gives a host other user data, for which it has to be off.
    async fn give_user_data(&self, host: &str, user_data: &str) {
        let id = self.id(host);
        self.stop(host).await;
        self.ec2("ModifyInstanceAttribute", json!({"InstanceId": id, "UserData": {"Value": user_data}})).await;
        self.ec2("StartInstances", json!({"InstanceIds": [id]})).await;
    }

    /// Has another host take the place of one, with other user data.
    async fn replace(&self, host: &str, user_data: &str) {
        let by_id = json!({"InstanceIds": [self.id(host)]});
        let old = self.ec2("DescribeInstances", by_id.clone()).await["Reservations"][0]["Instances"][0].take();
        self.ec2("TerminateInstances", by_id).await;
        let launch = json!({
            "ImageId": old["ImageId"],
            "InstanceType": old["InstanceType"],
            "MinCount": 1,
            "MaxCount": 1,
            "PrivateIpAddress": old["PrivateIpAddress"],
            "SecurityGroupIds": [old["SecurityGroups"][0]["GroupId"]],
            "SubnetId": old["SubnetId"],
            "UserData": user_data,
        });
        self.ec2("RunInstances", launch).await;
    }
}

fn on_the_foundation(test: impl AsyncFnOnce(&Lab)) {
    skipping().block_on(async { test(&Lab::new().await).await });
}

#[test]
fn before_there_is_a_lab_everybody_gets_the_public_answer() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let vpcs = by_hand(&sandbox, "ec2", "DescribeVpcs", json!({})).unwrap();
        let from = Standpoint::Id(vpcs["Vpcs"][0]["VpcId"].as_str().unwrap().to_owned());
        let resolve = |from| sandbox.resolve(&Question { name: STUDIO.to_owned(), from, lab: None });
        assert_eq!(resolve(from).unwrap().answer, Answer::Public);
        assert_eq!(resolve(Standpoint::Internet).unwrap().answer, Answer::Public);
        assert_eq!(resolve(Standpoint::Onprem).unwrap_err().message, "No lab in the sandbox has onprem/vpc");
    });
}

#[test]
fn the_studio_name_is_public_outside_and_the_endpoints_inside() {
    on_the_foundation(async |lab| {
        let told = ["internet", "studio", "onprem", "onprem/app", "onprem/dns/a", "onprem/dns/b"];
        let told = told.map(|from| lab.told(from, STUDIO)).join("\n");
        assert_snapshot!(told, @"
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from the internet
        Public: what everybody on the internet is told
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from studio/vpc, as a host at 10.16.32.4
          dopt-0f4202e72dd7e9a2f names the resolver of studio/vpc
          the resolver of studio/vpc has *.studio.us-east-1.sagemaker.aws from studio/endpoint/studio: 10.16.36.84 and 10.16.100.84
        Private: 10.16.36.84 and 10.16.100.84, of studio/endpoint/studio
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from onprem/vpc, as a host at 192.168.10.4
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
          the resolver of studio/vpc has *.studio.us-east-1.sagemaker.aws from studio/endpoint/studio: 10.16.36.84 and 10.16.100.84
        Private: 10.16.36.84 and 10.16.100.84, of studio/endpoint/studio
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from onprem/app, at 192.168.10.148
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
          the resolver of studio/vpc has *.studio.us-east-1.sagemaker.aws from studio/endpoint/studio: 10.16.36.84 and 10.16.100.84
        Private: 10.16.36.84 and 10.16.100.84, of studio/endpoint/studio
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from onprem/dns/a, at 192.168.10.10
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
          the resolver of studio/vpc has *.studio.us-east-1.sagemaker.aws from studio/endpoint/studio: 10.16.36.84 and 10.16.100.84
        Private: 10.16.36.84 and 10.16.100.84, of studio/endpoint/studio
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from onprem/dns/b, at 192.168.10.74
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
          the resolver of studio/vpc has *.studio.us-east-1.sagemaker.aws from studio/endpoint/studio: 10.16.36.84 and 10.16.100.84
        Private: 10.16.36.84 and 10.16.100.84, of studio/endpoint/studio
        ");
        assert_eq!(lab.steps().await, "3 yes, 4 yes, 9 yes");
    });
}

#[test]
fn other_names_stay_public_or_are_the_corporate_networks_own() {
    on_the_foundation(async |lab| {
        assert_snapshot!(lab.told("onprem/app", "example.com"), @"
        example.com, from onprem/app, at 192.168.10.148
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a has no zone for it and asks 192.168.10.2
          the resolver of onprem/vpc has no private zone for it: it answers as on the internet
        Public: what everybody on the internet is told
        ");
        assert_snapshot!(lab.told("onprem/app", "app.corp.example"), @"
        app.corp.example, from onprem/app, at 192.168.10.148
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a has the zone corp.example itself
        From a zone of its own: onprem/dns/a knows what
        ");
        // Not forwarded, so private for the Studio VPC alone.
        let runtime = "runtime.sagemaker.us-east-1.amazonaws.com";
        assert_eq!(lab.resolve("onprem/app", runtime).answer, Answer::Public);
        assert_eq!(lab.resolve("studio", runtime).answer, Answer::Private);
    });
}

#[test]
fn without_private_dns_the_studio_vpc_itself_gives_the_public_answer() {
    on_the_foundation(async |lab| {
        let input = json!({"VpcEndpointId": lab.id("studio/endpoint/studio"), "PrivateDnsEnabled": false});
        lab.ec2("ModifyVpcEndpoint", input).await;
        assert_snapshot!(lab.outcome().await, @"
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from onprem/app, at 192.168.10.148
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
          the resolver of studio/vpc has no private zone for it: it answers as on the internet
        Public: what everybody on the internet is told
        3 yes, 4 no, 9 no
        ");
    });
}

#[test]
fn without_the_resolver_endpoint_nobody_answers() {
    on_the_foundation(async |lab| {
        let input = json!({"ResolverEndpointId": lab.resolver()});
        by_hand(&lab.sandbox, "route53resolver", "DeleteResolverEndpoint", input).unwrap();
        assert_snapshot!(lab.told("onprem/app", STUDIO), @"
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from onprem/app, at 192.168.10.148
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          the inbound resolver endpoint studio/resolver at 10.16.32.10 is DELETING
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.96.10
          the inbound resolver endpoint studio/resolver at 10.16.96.10 is DELETING
          onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
          onprem/dhcp-options names 192.168.10.74
          onprem/dns/b forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          the inbound resolver endpoint studio/resolver at 10.16.32.10 is DELETING
          onprem/dns/b forwards studio.us-east-1.sagemaker.aws to 10.16.96.10
          the inbound resolver endpoint studio/resolver at 10.16.96.10 is DELETING
          onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        No answer (SERVFAIL)
        ");
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert_snapshot!(lab.outcome().await, @"
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from onprem/app, at 192.168.10.148
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          udp 53 doesn't pass from 192.168.10.10 to 10.16.32.10: nothing has the address 10.16.32.10
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.96.10
          udp 53 doesn't pass from 192.168.10.10 to 10.16.96.10: nothing has the address 10.16.96.10
          onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
          onprem/dhcp-options names 192.168.10.74
          onprem/dns/b forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          udp 53 doesn't pass from 192.168.10.74 to 10.16.32.10: nothing has the address 10.16.32.10
          onprem/dns/b forwards studio.us-east-1.sagemaker.aws to 10.16.96.10
          udp 53 doesn't pass from 192.168.10.74 to 10.16.96.10: nothing has the address 10.16.96.10
          onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        No answer (SERVFAIL)
        3 no, 4 yes, 9 no
        ");
    });
}

#[test]
fn with_awss_own_dhcp_options_the_corporate_hosts_get_the_public_answer() {
    on_the_foundation(async |lab| {
        let input = json!({"DhcpOptionsId": "default", "VpcId": lab.id("onprem/vpc")});
        lab.ec2("AssociateDhcpOptions", input).await;
        assert_snapshot!(lab.outcome().await, @"
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from onprem/app, at 192.168.10.148
          AWS's own set of DHCP options names the resolver of onprem/vpc
          the resolver of onprem/vpc has no private zone for it: it answers as on the internet
        Public: what everybody on the internet is told
        3 no, 4 yes, 9 no
        ");
    });
}

#[test]
fn without_the_dns_hosts_way_to_the_resolver_there_is_no_answer() {
    on_the_foundation(async |lab| {
        let table = lab.id("onprem/route-table/private");
        lab.ec2("DeleteRoute", json!({"RouteTableId": table, "DestinationCidrBlock": "10.16.0.0/16"})).await;
        assert_snapshot!(lab.outcome().await, @"
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from onprem/app, at 192.168.10.148
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          udp 53 doesn't pass from 192.168.10.10 to 10.16.32.10: the route table onprem/route-table/private has no route to 10.16.32.0/20
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.96.10
          udp 53 doesn't pass from 192.168.10.10 to 10.16.96.10: the route table onprem/route-table/private has no route to 10.16.96.0/20
          onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
          onprem/dhcp-options names 192.168.10.74
          onprem/dns/b forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          udp 53 doesn't pass from 192.168.10.74 to 10.16.32.10: the route table onprem/route-table/private has no route to 10.16.32.0/20
          onprem/dns/b forwards studio.us-east-1.sagemaker.aws to 10.16.96.10
          udp 53 doesn't pass from 192.168.10.74 to 10.16.96.10: the route table onprem/route-table/private has no route to 10.16.96.0/20
          onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        No answer (SERVFAIL)
        3 no, 4 yes, 9 no
        ");
    });
}

#[test]
fn the_app_servers_own_way_to_the_studio_vpc_is_not_that_of_its_lookups() {
    on_the_foundation(async |lab| {
        let table = lab.id("onprem/route-table/public");
        lab.ec2("DeleteRoute", json!({"RouteTableId": table, "DestinationCidrBlock": "10.16.0.0/16"})).await;
        assert_eq!(lab.steps().await, "3 yes, 4 yes, 9 yes");
    });
}

#[test]
fn a_group_that_keeps_queries_from_the_resolver_ends_in_servfail() {
    on_the_foundation(async |lab| {
        let udp =
            json!({"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "192.168.10.0/24"}]});
        let group = lab.id("studio/security-group/resolver");
        lab.ec2("RevokeSecurityGroupIngress", json!({"GroupId": group, "IpPermissions": [udp]})).await;
        assert_snapshot!(lab.outcome().await, @"
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from onprem/app, at 192.168.10.148
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          udp 53 doesn't pass from 192.168.10.10 to 10.16.32.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.10
          onprem/dns/a forwards studio.us-east-1.sagemaker.aws to 10.16.96.10
          udp 53 doesn't pass from 192.168.10.10 to 10.16.96.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.10
          onprem/dns/a forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
          onprem/dhcp-options names 192.168.10.74
          onprem/dns/b forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          udp 53 doesn't pass from 192.168.10.74 to 10.16.32.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.74
          onprem/dns/b forwards studio.us-east-1.sagemaker.aws to 10.16.96.10
          udp 53 doesn't pass from 192.168.10.74 to 10.16.96.10: the group studio/security-group/resolver of studio/resolver doesn't let udp 53 in from 192.168.10.74
          onprem/dns/b forwards to 10.16.32.10 and 10.16.96.10 only, and gets no answer
        No answer (SERVFAIL)
        3 no, 4 yes, 9 no
        ");
    });
}

#[test]
fn one_dns_host_is_enough_and_none_is_the_end() {
    on_the_foundation(async |lab| {
        lab.stop("onprem/dns/a").await;
        assert_snapshot!(lab.outcome().await, @"
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from onprem/app, at 192.168.10.148
          onprem/dhcp-options names 192.168.10.10
          the DNS server onprem/dns/a at 192.168.10.10 is stopped
          onprem/dhcp-options names 192.168.10.74
          onprem/dns/b forwards studio.us-east-1.sagemaker.aws to 10.16.32.10
          10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
          the resolver of studio/vpc has *.studio.us-east-1.sagemaker.aws from studio/endpoint/studio: 10.16.36.84 and 10.16.100.84
        Private: 10.16.36.84 and 10.16.100.84, of studio/endpoint/studio
        3 yes, 4 yes, 9 yes
        ");
        lab.stop("onprem/dns/b").await;
        assert_snapshot!(lab.outcome().await, @"
        d-abcdefghijkl.studio.us-east-1.sagemaker.aws, from onprem/app, at 192.168.10.148
          onprem/dhcp-options names 192.168.10.10
          the DNS server onprem/dns/a at 192.168.10.10 is stopped
          onprem/dhcp-options names 192.168.10.74
          the DNS server onprem/dns/b at 192.168.10.74 is stopped
        No answer (nobody replies)
        3 no, 4 yes, 9 no
        ");
        let question = Question { name: STUDIO.to_owned(), from: Standpoint::Id(lab.id("onprem/dns/a")), lab: None };
        let refusal = lab.sandbox.resolve(&question).unwrap_err();
        assert!(refusal.message.ends_with("is stopped: it asks nobody"), "{refusal:?}");
    });
}

#[test]
fn user_data_that_forwards_elsewhere_leaks_once_a_host_boots_with_it() {
    on_the_foundation(async |lab| {
        let edit = |text: &str| text.replace("studio.us-east-1.sagemaker.aws", "example");
        let edited = lab.edited("onprem/dns/a", edit).await;
        lab.give_user_data("onprem/dns/a", &edited).await;
        assert!(lab.leads_to("onprem/app", FORWARDED[0]), "{}", lab.told("onprem/app", STUDIO));
        // A host goes on with what it was first started with, which the API no longer shows.
        let steps = lab.verification().await.steps;
        let holds: Vec<_> = steps.iter().map(|step| (step.step, step.holds)).collect();
        assert_eq!(
            holds,
            [(3, Holds::Unknown), (4, Holds::Yes), (9, Holds::Unknown), (10, Holds::Yes), (11, Holds::Yes)]
        );

        lab.replace("onprem/dns/a", &edited).await;
        assert_eq!(lab.resolve("onprem/app", STUDIO).answer, Answer::Public);
    });
}

#[test]
fn the_names_that_aws_publishes_for_an_endpoint_lead_to_it_from_everywhere() {
    on_the_foundation(async |lab| {
        let input = json!({"VpcEndpointIds": [lab.id("studio/endpoint/studio")]});
        let found = by_hand(&lab.sandbox, "ec2", "DescribeVpcEndpoints", input).unwrap();
        let name = found["VpcEndpoints"][0]["DnsEntries"][0]["DnsName"].as_str().unwrap();
        for from in ["internet", "studio", "onprem/app"] {
            assert!(lab.leads_to(from, (name, "studio/endpoint/studio")), "{from}");
        }
    });
}
