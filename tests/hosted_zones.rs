//! Private hosted zones in place of endpoints' private DNS: built, used, edited by hand, and exchanged for it and back.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use breezeway::engine::event::Outcome;
use breezeway::engine::run::{down, up};
use breezeway::engine::session::Options;
use breezeway::engine::view::view;
use breezeway::plan::{Plan, Source, parse};
use breezeway::sandbox::dials::{Dials, Latency};
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::request::{self, Response};
use breezeway::sandbox::resolve::{Answer, Question, Resolution};
use breezeway::survey::{lab_name, survey};
use breezeway::verify::{Verification, verify};
use serde_json::{Value, json};

use crate::lab::*;

const ZONE: &str = "api.sagemaker.us-east-1.amazonaws.com";
const STUDIO: &str = "d-abcdefghijkl.studio.us-east-1.sagemaker.aws";
const ZONES: &str = r#"
name = "demo"
[dns]
mode = "dhcp"
[[studio.endpoints]]
service = "studio"
hosted_zone = true
[[studio.endpoints]]
service = "sagemaker.api"
hosted_zone = true
[[studio.endpoints]]
service = "lambda"
"#;

fn private_dns() -> Plan {
    plan(&ZONES.replace("hosted_zone = true\n", ""))
}

/// A lab as it stands.
struct Lab {
    sandbox: Sandbox,
    /// How many runs there were: each draws what it draws by itself.
    runs: Cell<u64>,
}

impl Lab {
    async fn new(plan: &Plan) -> Self {
        Self::on(world(1, Dials::default()), plan).await
    }

    async fn on(sandbox: Sandbox, plan: &Plan) -> Self {
        let lab = Self { sandbox, runs: Cell::new(0) };
        lab.up(plan).await;
        lab
    }

    fn ann(&self) -> Person {
        Person::new(&self.sandbox, "ann", LAB, CallerDials::default())
    }

    /// One run, after which all is as it should be, and names are too.
    async fn up(&self, plan: &Plan) {
        self.runs.set(self.runs.get() + 1);
        let report = up(&self.ann().session(LAB, self.runs.get(), Options::default()), Some(plan)).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        assert_eq!(self.ann().drift(LAB).await, []);
        tokio::time::sleep(Duration::from_secs(120)).await;
    }

    async fn drift(&self) -> Vec<String> {
        let told = |one: &breezeway::drift::Difference| {
            let field = one.field.as_deref().unwrap_or_default();
            format!("{:?} {} {field}: {}", one.class, one.address, one.effect)
        };
        self.ann().drift(LAB).await.iter().map(told).collect()
    }

    async fn verify(&self) -> Verification {
        let view = view(&self.ann().aws, LAB, None).await.unwrap();
        let plan = &view.record.as_ref().unwrap().plan;
        verify(plan, &view.blueprint, &view.survey, REGION)
    }

    fn call(&self, service: &str, operation: &str, input: Value) -> Value {
        let answer = by_hand(&self.sandbox, service, operation, input.clone());
        answer.unwrap_or_else(|error| panic!("{operation} {input}: {error}"))
    }

    fn route53(&self, operation: &str, input: Value) -> Value {
        self.call("route53", operation, input)
    }

    /// The zones of the account, by name.
    fn zones(&self) -> BTreeMap<String, String> {
        let zones = self.route53("ListHostedZones", json!({}))["HostedZones"].take();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let id = |zone: &Value| text(&zone["Id"]).trim_start_matches("/hostedzone/").to_owned();
        let name = |zone: &Value| text(&zone["Name"]).trim_end_matches('.').to_owned();
        zones.as_array().unwrap().iter().map(|zone| (name(zone), id(zone))).collect()
    }

    fn vpc(&self, address: &str) -> Value {
        let filters = json!([{"Name": "tag:breezeway:address", "Values": [address]}]);
        self.call("ec2", "DescribeVpcs", json!({"Filters": filters}))["Vpcs"][0]["VpcId"].take()
    }

    /// Changes one record set of a zone.
    fn change(&self, zone: &str, action: &str, set: Value) {
        let changes = json!([{"Action": action, "ResourceRecordSet": set}]);
        self.route53("ChangeResourceRecordSets", json!({"HostedZoneId": zone, "ChangeBatch": {"Changes": changes}}));
    }

    fn resolve(&self, from: &str, name: &str) -> Resolution {
        self.sandbox.resolve(&Question { name: name.into(), from: from.parse().unwrap(), lab: None }).unwrap()
    }

    /// Whose answer somebody in the corporate network gets.
    fn answered_by(&self, name: &str) -> String {
        let resolution = self.resolve("onprem", name);
        assert_eq!(resolution.answer, Answer::Private, "{resolution:?}");
        resolution.by.unwrap()
    }
}

fn address_record(name: &str, address: &str) -> Value {
    json!({"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": address}]})
}

#[test]
fn a_lab_with_hosted_zones_goes_up_stays_clean_and_comes_down_without_a_trace() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        let lab = Lab::on(sandbox, &plan(ZONES)).await;
        let bob = lab.ann();
        let report = up(&bob.session(LAB, 98, Options::default()), None).await.unwrap();
        assert_eq!((report.outcome, bob.aws.calls().write), (Outcome::Done, 3), "nothing but the lock");
        let found = lab.verify().await;
        assert!(found.private, "{found:#?}");
        let report = down(&lab.ann().session(LAB, 99, Options::default())).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        assert!(lab.sandbox.standing() == before, "something is left");
    });
}

#[test]
fn the_names_are_those_that_private_dns_would_answer() {
    skipping().block_on(async {
        let names = [
            STUDIO,
            "studio.us-east-1.sagemaker.aws",
            "d-1.studio.sagemaker.us-east-1.app.aws",
            ZONE,
            "more.api.sagemaker.us-east-1.amazonaws.com",
            "runtime.sagemaker.us-east-1.amazonaws.com",
            "lambda.us-east-1.amazonaws.com",
        ];
        let mut answers = Vec::new();
        for plan in [plan(ZONES), private_dns()] {
            let lab = Lab::new(&plan).await;
            let all = names.iter().flat_map(|name| ["onprem", "studio"].map(|from| lab.resolve(from, name)));
            answers.push(all.map(|resolution| (resolution.answer, resolution.addresses)).collect::<Vec<_>>());
        }
        assert_eq!(answers[0], answers[1]);
    });
}

#[test]
fn private_dns_is_exchanged_for_hosted_zones_and_back_in_one_run_each() {
    skipping().block_on(async {
        let lab = Lab::new(&private_dns()).await;
        assert!(lab.answered_by(STUDIO).starts_with("vpce-"));
        for _ in 0..2 {
            lab.up(&plan(ZONES)).await;
            assert_eq!(lab.zones().len(), 3);
            assert_eq!(lab.answered_by(STUDIO), lab.zones()["studio.us-east-1.sagemaker.aws"]);
            assert_eq!(lab.answered_by(ZONE), lab.zones()[ZONE]);
            lab.up(&private_dns()).await;
            assert_eq!(lab.zones(), BTreeMap::new());
            assert!(lab.answered_by(STUDIO).starts_with("vpce-"));
            assert!(lab.answered_by(ZONE).starts_with("vpce-"));
        }
    });
}

#[test]
fn an_endpoint_that_is_made_anew_is_what_the_records_lead_to() {
    skipping().block_on(async {
        let lab = Lab::new(&plan(ZONES)).await;
        let before = lab.resolve("onprem", ZONE).addresses;
        let filters = json!([{"Name": "service-name", "Values": ["com.amazonaws.us-east-1.sagemaker.api"]}]);
        let endpoints = lab.call("ec2", "DescribeVpcEndpoints", json!({"Filters": filters}));
        let id = &endpoints["VpcEndpoints"][0]["VpcEndpointId"];
        lab.call("ec2", "DeleteVpcEndpoints", json!({"VpcEndpointIds": [id]}));
        lab.up(&plan(ZONES)).await;
        assert_eq!(lab.resolve("onprem", ZONE).addresses, before);
        let moved = ZONES.replace("10.16.0.0", "10.20.0.0") + "[studio]\ncidr = \"10.20.0.0/16\"\n";
        lab.up(&plan(&moved)).await;
        assert!(lab.verify().await.private, "the whole Studio VPC is another one");
    });
}

/// What drift says, of what somebody does by hand to a lab and a zone of it, and whether the lab stays private.
type Edit<'a> = (&'a str, &'a dyn Fn(&Lab, &str), bool);

#[test]
fn what_is_edited_by_hand_is_found_breaks_verify_and_is_put_right() {
    skipping().block_on(async {
        let edits: [Edit; 8] = [
            (
                "Changed studio/hosted-zone/sagemaker.api/itself alias: api.sagemaker.us-east-1.amazonaws.com leads to \
                 10.9.9.9 (A), in place of what is planned",
                &|lab, zone| lab.change(zone, "UPSERT", address_record(ZONE, "10.9.9.9")),
                false,
            ),
            (
                "Missing studio/hosted-zone/sagemaker.api/itself : nobody in the VPC has an address for \
                 api.sagemaker.us-east-1.amazonaws.com",
                &|lab, zone| {
                    let sets = lab.route53("ListResourceRecordSets", json!({"HostedZoneId": zone}));
                    let sets = sets["ResourceRecordSets"].as_array().unwrap();
                    let own = sets.iter().find(|set| set["Type"] == "A").unwrap();
                    lab.change(zone, "DELETE", own.clone());
                },
                false,
            ),
            (
                "more.api.sagemaker.us-east-1.amazonaws.com leads to 10.9.9.9 (A)",
                &|lab, zone| lab.change(zone, "CREATE", address_record(&format!("more.{ZONE}"), "10.9.9.9")),
                true,
            ),
            (
                "Changed studio/hosted-zone/sagemaker.api vpcs: in the lab's VPC, names of \
                 api.sagemaker.us-east-1.amazonaws.com are answered with public addresses",
                &|lab, zone| {
                    let vpc = |address: &str| json!({"VPCRegion": REGION, "VPCId": lab.vpc(address)});
                    let [onprem, studio] = ["onprem/vpc", "studio/vpc"].map(vpc);
                    lab.route53("AssociateVPCWithHostedZone", json!({"HostedZoneId": zone, "VPC": onprem}));
                    lab.route53("DisassociateVPCFromHostedZone", json!({"HostedZoneId": zone, "VPC": studio}));
                },
                false,
            ),
            (
                "Changed studio/hosted-zone/sagemaker.api vpcs: names of api.sagemaker.us-east-1.amazonaws.com are \
                 answered from it in other VPCs too",
                &|lab, zone| {
                    let onprem = json!({"VPCRegion": REGION, "VPCId": lab.vpc("onprem/vpc")});
                    lab.route53("AssociateVPCWithHostedZone", json!({"HostedZoneId": zone, "VPC": onprem}));
                },
                true,
            ),
            (
                "Changed studio/hosted-zone/sagemaker.api comment: nothing is answered otherwise; only the comment \
                 differs",
                &|lab, zone| drop(lab.route53("UpdateHostedZoneComment", json!({"Id": zone, "Comment": "mine"}))),
                true,
            ),
            (
                "Changed studio/hosted-zone/sagemaker.api tags.Name: reports and policies that go by this tag miss it",
                &|lab, zone| {
                    let keys = ["Name", "breezeway:lab", "breezeway:address"];
                    let input = json!({"ResourceType": "hostedzone", "ResourceId": zone, "RemoveTagKeys": keys});
                    lab.route53("ChangeTagsForResource", input);
                },
                true,
            ),
            (
                "Missing studio/hosted-zone/sagemaker.api : names of api.sagemaker.us-east-1.amazonaws.com are \
                 answered with public addresses",
                &|lab, zone| {
                    let sets = lab.route53("ListResourceRecordSets", json!({"HostedZoneId": zone}));
                    let sets = sets["ResourceRecordSets"].as_array().unwrap();
                    sets.iter()
                        .filter(|set| set["Type"] == "A")
                        .for_each(|set| lab.change(zone, "DELETE", set.clone()));
                    lab.route53("DeleteHostedZone", json!({"Id": zone}));
                },
                false,
            ),
        ];
        let lab = Lab::new(&plan(ZONES)).await;
        for (sentence, edit, private) in edits {
            edit(&lab, &lab.zones()[ZONE]);
            let drift = lab.drift().await;
            assert!(drift.iter().any(|line| line.ends_with(sentence)), "{sentence}: {drift:#?}");
            let found = lab.verify().await;
            assert_eq!(found.private, private, "{sentence}: {found:#?}");
            lab.up(&plan(ZONES)).await;
            assert!(lab.verify().await.private, "{sentence}");
        }
    });
}

#[test]
fn what_stands_in_the_place_of_a_record_makes_way() {
    skipping().block_on(async {
        let lab = Lab::new(&plan(ZONES)).await;
        let zone = lab.zones()["studio.us-east-1.sagemaker.aws"].clone();
        let sets = lab.route53("ListResourceRecordSets", json!({"HostedZoneId": zone}))["ResourceRecordSets"].take();
        let below = sets.as_array().unwrap().iter().find(|set| set["Name"].as_str().unwrap().starts_with('\\'));
        lab.change(&zone, "DELETE", below.unwrap().clone());
        let name = "*.studio.us-east-1.sagemaker.aws";
        let elsewhere = json!([{"Value": "elsewhere.example"}]);
        lab.change(&zone, "CREATE", json!({"Name": name, "Type": "CNAME", "TTL": 60, "ResourceRecords": elsewhere}));
        assert!(!lab.verify().await.private);
        lab.up(&plan(ZONES)).await;
        assert!(lab.verify().await.private);
    });
}

#[test]
fn zones_of_others_are_left_alone() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let call = |service: &str, operation: &str, input: Value| by_hand(&sandbox, service, operation, input).unwrap();
        let vpc = call("ec2", "CreateVpc", json!({"CidrBlock": "10.99.0.0/16"}))["Vpc"]["VpcId"].take();
        let zone = |name: &str, reference: &str, vpc: &Value| {
            let vpc = json!({"VPCRegion": REGION, "VPCId": vpc});
            json!({"Name": name, "CallerReference": reference, "VPC": vpc})
        };
        call("route53", "CreateHostedZone", zone(ZONE, "mine", &vpc));
        // Another lab, in another Region.
        let of_another = "breezeway/eu-west-1/demo/studio/hosted-zone/sagemaker.api/0";
        call("route53", "CreateHostedZone", zone("other.example", of_another, &vpc));
        let before = sandbox.standing();
        let lab = Lab::on(sandbox.clone(), &plan(ZONES)).await;
        assert!(lab.verify().await.private);
        let report = down(&lab.ann().session(LAB, 99, Options::default())).await.unwrap();
        assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]));
        assert!(sandbox.standing() == before, "others' zones are as they were");
    });
}

#[test]
fn a_zone_of_somebody_elses_in_the_vpc_is_not_taken_for_the_labs() {
    skipping().block_on(async {
        let lab = Lab::new(&plan(
            &ZONES.replace("hosted_zone = true", "private_dns = false").replace("mode = \"dhcp\"", "mode = \"off\""),
        ))
        .await;
        let vpc = json!({"VPCRegion": REGION, "VPCId": lab.vpc("studio/vpc")});
        lab.route53("CreateHostedZone", json!({"Name": ZONE, "CallerReference": "mine", "VPC": vpc}));
        let before = lab.route53("GetHostedZone", json!({"Id": lab.zones()[ZONE]}));
        let report = up(&lab.ann().session(LAB, 98, Options::default()), Some(&plan(ZONES))).await.unwrap();
        assert_eq!(report.outcome, Outcome::Failed);
        assert!(report.causes.iter().any(|cause| cause.contains("ConflictingDomainExists")), "{:?}", report.causes);
        assert_eq!(lab.route53("GetHostedZone", json!({"Id": lab.zones()[ZONE]})), before);
        lab.route53("DeleteHostedZone", json!({"Id": lab.zones()[ZONE]}));
        lab.up(&plan(ZONES)).await;
    });
}

#[test]
fn a_survey_costs_a_list_and_three_calls_for_each_zone() {
    skipping().block_on(async {
        let second = Duration::from_secs(1);
        let calls = |plan: Plan, others: usize| async move {
            let sandbox = world(1, Dials { latency: Latency::Fixed(second), ..Dials::default() });
            let lab = Lab::on(sandbox, &plan).await;
            for other in 0..others {
                let vpc = json!({"VPCRegion": REGION, "VPCId": lab.vpc("onprem/vpc")});
                let name = format!("{other}.example");
                lab.route53("CreateHostedZone", json!({"Name": name, "CallerReference": name, "VPC": vpc}));
            }
            let bob = lab.ann();
            let began = bob.aws.clock.elapsed();
            let found = survey(&bob.aws, &lab_name(LAB, REGION)).await;
            assert_eq!(found.unreadable, BTreeMap::new());
            (bob.aws.calls().read, (bob.aws.clock.elapsed() - began).as_secs_f64() / second.as_secs_f64())
        };
        let (without, _) = calls(private_dns(), 0).await;
        let (with, rounds) = calls(plan(ZONES), 90).await;
        assert_eq!(with - without, 3 * 3);
        assert!(rounds <= 5.0, "{rounds}");
    });
}

#[test]
fn a_user_comes_from_the_portal_to_the_notebook_by_hosted_zones() {
    skipping().block_on(async {
        let mut source = Source::built_in("@studio-private-access").unwrap();
        source.text = source.text.replacen("name = \"studio-private-access\"", "name = \"demo\"", 1);
        for service in ["studio", "sagemaker.api", "execute-api"] {
            let endpoint = format!("service = \"{service}\"\n");
            source.text = source.text.replacen(&endpoint, &format!("{endpoint}hosted_zone = true\n"), 1);
        }
        let lab = Lab::new(&parse(&source).unwrap()).await;
        assert_eq!(lab.zones().len(), 4);
        let found = lab.verify().await;
        assert!(found.private, "{found:#?}");
        tokio::time::sleep(Duration::from_secs(600)).await;
        let api = lab.call("apigateway", "GetRestApis", json!({}))["items"][0]["id"].take();
        let page = format!("https://{}.execute-api.{REGION}.amazonaws.com/portal/", api.as_str().unwrap());
        let send = |from: &str| -> Response {
            let from = from.parse().unwrap();
            let question =
                request::Question { url: page.clone(), from, lab: None, token: None, role: None, headers: Vec::new() };
            lab.sandbox.request(&question).unwrap()
        };
        let response = send("onprem");
        assert!(response.admitted && response.body.unwrap().contains("Open Studio"), "{:?}", response.steps);
        assert!(!send("internet").admitted);
    });
}
