//! Hosted zones.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::association::{Association, VpcName};
use super::record::RecordSet;
use super::{Route53, Vpc, bare, invalid_input, name, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// Hosted zones per account.
const QUOTA: usize = 500;

/// A private hosted zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostedZone {
    pub name: String,
    pub caller_reference: String,
    pub comment: Option<String>,
    pub vpcs: Vec<Association>,
    pub records: Vec<RecordSet>,
    pub tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateZone {
    name: String,
    #[serde(rename = "VPC")]
    vpc: Option<VpcName>,
    caller_reference: String,
    #[serde(default)]
    hosted_zone_config: Config,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Config {
    comment: Option<String>,
    #[serde(default)]
    private_zone: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ZoneId {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateComment {
    id: String,
    comment: Option<String>,
}

impl HostedZone {
    /// `HostedZone` in answers.
    pub fn view(&self, id: &str) -> Value {
        let mut config = json!({"PrivateZone": true});
        if let Some(comment) = &self.comment {
            config["Comment"] = json!(comment);
        }
        json!({
            "Id": format!("/hostedzone/{id}"),
            "Name": self.name,
            "CallerReference": self.caller_reference,
            "Config": config,
            "ResourceRecordSetCount": self.records.len(),
        })
    }
}

impl Route53 {
    pub(super) fn create_zone(&mut self, context: &mut Context<'_>, vpcs: &[Vpc], request: CreateZone) -> Answer {
        let Some(wanted) = request.vpc else {
            return Err(match request.hosted_zone_config.private_zone {
                true => invalid_input(
                    "When you're creating a private hosted zone (when you specify true for PrivateZone), \
                     you must also specify values for VPCId and VPCRegion.",
                ),
                false => unsupported("public hosted zones"),
            });
        };
        let name = name::canonical(&request.name)?;
        let is_known = |zone: &HostedZone| zone.caller_reference == request.caller_reference;
        if self.zones.values().any(is_known) || self.spent_references.contains(&request.caller_reference) {
            let message = "A hosted zone has already been created with the specified caller reference.";
            return Err(ApiError::new("HostedZoneAlreadyExists", message));
        }
        if self.zones.len() >= QUOTA {
            let message = format!("This account has reached its limit of {QUOTA} hosted zones.");
            return Err(ApiError::new("TooManyHostedZones", message));
        }
        let vpc = wanted.find(vpcs)?;
        self.check_conflict(&name, vpc)?;

        let id = format!("Z{}", context.dice.string(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 20));
        let (change, in_sync) = self.submit(context, None);
        let zone = HostedZone {
            records: RecordSet::of_new_zone(&name),
            name,
            caller_reference: request.caller_reference,
            comment: request.hosted_zone_config.comment,
            vpcs: vec![Association { region: vpc.region.clone(), id: vpc.id.clone(), in_sync }],
            tags: BTreeMap::new(),
        };
        let host = format!("route53.{}", context.dns_suffix());
        let answer = json!({
            "HostedZone": zone.view(&id),
            "ChangeInfo": change,
            "VPC": {"VPCRegion": vpc.region, "VPCId": vpc.id},
            "Location": format!("https://{host}/2013-04-01/hostedzone/{id}"),
        });
        self.zones.insert(id, zone);
        Ok(answer)
    }

    pub(super) fn get_zone(&self, request: ZoneId) -> Answer {
        let zone = self.zone(&request.id)?;
        let vpcs: Vec<_> = zone.vpcs.iter().map(Association::view).collect();
        Ok(json!({"HostedZone": zone.view(bare(&request.id)), "VPCs": vpcs}))
    }

    pub(super) fn delete_zone(&mut self, context: &mut Context<'_>, request: ZoneId) -> Answer {
        let zone = self.zone(&request.id)?;
        if zone.records.iter().any(|record| !record.comes_with(&zone.name)) {
            let message =
                "The specified hosted zone contains non-required resource record sets and so cannot be deleted.";
            return Err(ApiError::new("HostedZoneNotEmpty", message));
        }
        self.spent_references.insert(zone.caller_reference.clone());
        self.zones.remove(bare(&request.id));
        let (change, _) = self.submit(context, None);
        Ok(json!({"ChangeInfo": change}))
    }

    pub(super) fn update_comment(&mut self, request: UpdateComment) -> Answer {
        let zone = self.zone_mut(&request.id)?;
        zone.comment = request.comment;
        Ok(json!({"HostedZone": zone.view(bare(&request.id))}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_private_zone_begins_with_its_own_ns_and_soa() {
        let mut world = Sandbox::new();
        let made = world.ok("CreateHostedZone", world.zone_input("Corp.Example", "1"));
        let zone = &made["HostedZone"];
        assert_eq!((&zone["Name"], &zone["ResourceRecordSetCount"]), (&json!("corp.example."), &json!(2)));
        assert_eq!(zone["Config"], json!({"PrivateZone": true}));
        assert!(zone["Id"].as_str().unwrap().starts_with("/hostedzone/Z"));
        assert_eq!(made["VPC"]["VPCId"], world.vpc.as_str());
        assert!(made["DelegationSet"].is_null(), "only public zones have one");
        let listed = world.ok("ListResourceRecordSets", json!({"HostedZoneId": zone["Id"]}));
        let types: Vec<_> = listed["ResourceRecordSets"].as_array().unwrap().iter().map(|own| &own["Type"]).collect();
        assert_eq!(types, ["NS", "SOA"]);
    }

    #[test]
    fn a_caller_reference_is_good_for_one_zone_ever() {
        let mut world = Sandbox::new();
        let input = world.zone_input("corp.example", "1");
        let made = world.ok("CreateHostedZone", input.clone());
        assert_eq!(world.refused("CreateHostedZone", input.clone()), "HostedZoneAlreadyExists");
        let other = world.zone_input("other.example", "1");
        assert_eq!(world.refused("CreateHostedZone", other), "HostedZoneAlreadyExists");
        world.ok("DeleteHostedZone", json!({"Id": made["HostedZone"]["Id"]}));
        assert_eq!(world.refused("CreateHostedZone", input), "HostedZoneAlreadyExists");
    }

    #[test]
    fn a_vpc_has_one_zone_of_a_name() {
        let mut world = Sandbox::new();
        world.zone("corp.example");
        let again = world.zone_input("corp.example", "again");
        assert_eq!(world.refused("CreateHostedZone", again), "ConflictingDomainExists");
        world.ok("CreateHostedZone", world.zone_input("sub.corp.example", "sub"));
        let mut elsewhere = world.zone_input("corp.example", "elsewhere");
        elsewhere["VPC"]["VPCId"] = json!(world.new_vpc("10.1.0.0/16"));
        world.ok("CreateHostedZone", elsewhere);
    }

    #[test]
    fn a_name_that_an_endpoint_answers_for_is_taken() {
        let mut world = Sandbox::new();
        let endpoint = world.endpoint(true);
        let input = world.zone_input("lambda.us-east-1.amazonaws.com", "1");
        assert_eq!(world.refused("CreateHostedZone", input.clone()), "ConflictingDomainExists");
        world.ec2("DeleteVpcEndpoints", json!({"VpcEndpointIds": [endpoint["VpcEndpointId"]]}));
        assert_eq!(world.refused("CreateHostedZone", input.clone()), "ConflictingDomainExists");
        world.wait(60);
        world.ok("CreateHostedZone", input);
    }

    #[test]
    fn a_zone_that_cannot_be_is_refused() {
        let mut world = Sandbox::new();
        let mut no_such_vpc = world.zone_input("corp.example", "1");
        no_such_vpc["VPC"]["VPCId"] = json!("vpc-0123456789abcdef0");
        assert_eq!(world.refused("CreateHostedZone", no_such_vpc), "InvalidVPCId");
        let mut elsewhere = world.zone_input("corp.example", "1");
        elsewhere["VPC"]["VPCRegion"] = json!("eu-west-1");
        assert_eq!(world.refused("CreateHostedZone", elsewhere), "InvalidVPCId");
        let misnamed = world.zone_input("corp..example", "1");
        assert_eq!(world.refused("CreateHostedZone", misnamed), "InvalidDomainName");
        let homeless = json!({"Name": "a.example", "CallerReference": "1", "HostedZoneConfig": {"PrivateZone": true}});
        assert_eq!(world.refused("CreateHostedZone", homeless), "InvalidInput");
    }

    #[test]
    fn a_zone_goes_after_its_records() {
        let mut world = Sandbox::new();
        let id = world.zone("corp.example");
        world.change(&id, json!([upsert("www.corp.example", "10.0.0.9")])).unwrap();
        let refusal = world.call("DeleteHostedZone", json!({"Id": id})).unwrap_err();
        assert_eq!(refusal.code, "HostedZoneNotEmpty");
        let mut gone = upsert("www.corp.example", "10.0.0.9");
        gone["Action"] = json!("DELETE");
        world.change(&id, json!([gone])).unwrap();
        world.ok("DeleteHostedZone", json!({"Id": id}));
        let refusal = world.call("GetHostedZone", json!({"Id": id})).unwrap_err();
        assert_eq!((refusal.code.as_str(), refusal.message.contains(&id)), ("NoSuchHostedZone", true));
    }

    #[test]
    fn a_comment_changes_and_goes() {
        let mut world = Sandbox::new();
        let id = world.zone("corp.example");
        let commented = world.ok("UpdateHostedZoneComment", json!({"Id": id, "Comment": "ours"}));
        assert_eq!(commented["HostedZone"]["Config"]["Comment"], "ours");
        world.ok("UpdateHostedZoneComment", json!({"Id": id}));
        let zone = world.ok("GetHostedZone", json!({"Id": id}));
        assert!(zone["HostedZone"]["Config"]["Comment"].is_null());
        assert_eq!(world.ok("GetHostedZoneCount", json!({}))["HostedZoneCount"], 1);
    }
}
