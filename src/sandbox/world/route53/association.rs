//! The VPCs in which a zone is served.
//!
//! A VPC can be deleted while a zone is associated with it: nothing in DeleteVpc's documentation says otherwise, and
//! the zone keeps the association. DisassociateVPCFromHostedZone then still takes its id.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::name::as_asked;
use super::zone::HostedZone;
use super::{Route53, Vpc, invalid_input};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

/// VPCs per hosted zone.
const QUOTA: usize = 300;

/// A VPC in which a zone is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Association {
    pub region: String,
    pub id: String,
    /// From when on its resolver knows the zone.
    pub in_sync: Timestamp,
}

impl Association {
    /// `VPC` in answers.
    pub fn view(&self) -> Value {
        json!({"VPCRegion": self.region, "VPCId": self.id})
    }

    /// Whether it is this VPC's.
    pub fn is_of(&self, region: &str, vpc_id: &str) -> bool {
        self.region == region && self.id == vpc_id
    }
}

/// A VPC as a request names it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VpcName {
    #[serde(rename = "VPCRegion")]
    region: Option<String>,
    #[serde(rename = "VPCId")]
    id: Option<String>,
}

impl VpcName {
    fn whole(&self) -> Result<(&str, &str), ApiError> {
        let both = self.region.as_deref().zip(self.id.as_deref());
        both.ok_or_else(|| invalid_input("Both VPCId and VPCRegion must be specified."))
    }

    /// The account's VPC of that name.
    ///
    /// # Errors
    /// `InvalidVPCId`
    pub fn find<'v>(&self, vpcs: &'v [Vpc]) -> Result<&'v Vpc, ApiError> {
        let (region, id) = self.whole()?;
        let found = vpcs.iter().find(|vpc| vpc.region == region && vpc.id == id);
        found.ok_or_else(|| {
            let message =
                format!("The VPC {id} in region {region} does not exist, or you are not authorized to access it.");
            ApiError::new("InvalidVPCId", message)
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Associate {
    hosted_zone_id: String,
    #[serde(rename = "VPC")]
    vpc: VpcName,
    comment: Option<String>,
}

impl Route53 {
    /// Refuses a name that something answers for in the VPC already.
    ///
    /// # Errors
    /// `ConflictingDomainExists`
    pub(super) fn check_conflict(&self, name: &str, vpc: &Vpc) -> Result<(), ApiError> {
        let Vpc { region, id, private_domains } = vpc;
        if self.has_zone(region, id, name) || private_domains.contains(&as_asked(name)) {
            let message = format!(
                "The VPC that you chose, {id} in region {region}, is already associated with another private hosted \
                 zone that has an overlapping name space, {name}."
            );
            return Err(ApiError::new("ConflictingDomainExists", message));
        }
        Ok(())
    }

    /// Whether a VPC has a zone of that name, with or without a dot at the end.
    pub fn has_zone(&self, region: &str, vpc_id: &str, name: &str) -> bool {
        let is_named = |zone: &&HostedZone| as_asked(&zone.name) == as_asked(name);
        let mut zones = self.zones.values().filter(is_named);
        zones.any(|zone| zone.vpcs.iter().any(|vpc| vpc.is_of(region, vpc_id)))
    }

    pub(super) fn associate(&mut self, context: &mut Context<'_>, vpcs: &[Vpc], request: Associate) -> Answer {
        let zone = self.zone(&request.hosted_zone_id)?;
        let vpc = request.vpc.find(vpcs)?;
        self.check_conflict(&zone.name, vpc)?;
        if zone.vpcs.len() >= QUOTA {
            let message = format!("A hosted zone can be associated with at most {QUOTA} VPCs.");
            return Err(ApiError::new("LimitsExceeded", message));
        }
        let (change, in_sync) = self.submit(context, request.comment);
        let association = Association { region: vpc.region.clone(), id: vpc.id.clone(), in_sync };
        self.zone_mut(&request.hosted_zone_id)?.vpcs.push(association);
        Ok(json!({"ChangeInfo": change}))
    }

    pub(super) fn disassociate(&mut self, context: &mut Context<'_>, request: Associate) -> Answer {
        let (region, id) = request.vpc.whole()?;
        let zone = self.zone_mut(&request.hosted_zone_id)?;
        if !zone.vpcs.iter().any(|vpc| vpc.is_of(region, id)) {
            let message = format!("The VPC {id} in region {region} is not associated with the hosted zone.");
            return Err(ApiError::new("VPCAssociationNotFound", message));
        }
        if zone.vpcs.len() == 1 {
            let message = format!(
                "The VPC {id} in region {region} is the last one that is associated with the hosted zone: a private \
                 hosted zone must have at least one."
            );
            return Err(ApiError::new("LastVPCAssociation", message));
        }
        zone.vpcs.retain(|vpc| !vpc.is_of(region, id));
        let (change, _) = self.submit(context, request.comment);
        Ok(json!({"ChangeInfo": change}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn vpcs(world: &mut Sandbox, zone: &str) -> Vec<String> {
        let zone = world.ok("GetHostedZone", json!({"Id": zone}));
        zone["VPCs"].as_array().unwrap().iter().map(|vpc| text(&vpc["VPCId"])).collect()
    }

    #[test]
    fn vpcs_come_and_go_and_one_stays() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        let (first, second) = (world.vpc.clone(), world.new_vpc("10.1.0.0/16"));
        let with = |vpc: &str| json!({"HostedZoneId": zone, "VPC": {"VPCRegion": "us-east-1", "VPCId": vpc}});
        assert_eq!(world.refused("DisassociateVPCFromHostedZone", with(&second)), "VPCAssociationNotFound");
        assert_eq!(world.refused("DisassociateVPCFromHostedZone", with(&first)), "LastVPCAssociation");
        world.ok("AssociateVPCWithHostedZone", with(&second));
        assert_eq!(vpcs(&mut world, &zone), [first.clone(), second.clone()]);
        world.ok("DisassociateVPCFromHostedZone", with(&first));
        assert_eq!(vpcs(&mut world, &zone), [second]);
    }

    #[test]
    fn a_vpc_is_associated_once_and_with_one_zone_of_a_name() {
        let mut world = Sandbox::new();
        let zone = world.zone("corp.example");
        let own = json!({"HostedZoneId": zone, "VPC": {"VPCRegion": "us-east-1", "VPCId": world.vpc}});
        assert_eq!(world.refused("AssociateVPCWithHostedZone", own), "ConflictingDomainExists");
        let mut input = world.zone_input("corp.example", "2");
        let second = world.new_vpc("10.1.0.0/16");
        input["VPC"]["VPCId"] = json!(second);
        world.ok("CreateHostedZone", input);
        let other = json!({"HostedZoneId": zone, "VPC": {"VPCRegion": "us-east-1", "VPCId": second}});
        assert_eq!(world.refused("AssociateVPCWithHostedZone", other), "ConflictingDomainExists");
    }

    #[test]
    fn a_vpc_goes_before_its_zone_and_stays_in_it() {
        let mut world = Sandbox::new();
        let (zone, vpc) = (world.zone("corp.example"), world.vpc.clone());
        world.ec2("DeleteSubnet", json!({"SubnetId": world.subnet}));
        world.ec2("DeleteVpc", json!({"VpcId": vpc}));
        assert_eq!(vpcs(&mut world, &zone), [vpc]);
        world.ok("DeleteHostedZone", json!({"Id": zone}));
    }

    #[test]
    fn an_endpoints_private_names_are_refused_where_a_zone_has_them() {
        let mut world = Sandbox::new();
        world.zone("lambda.us-east-1.amazonaws.com");
        let refusal = world.call_ec2("CreateVpcEndpoint", world.endpoint_input(true)).unwrap_err();
        assert_eq!(refusal.code, "InvalidParameter");
        assert!(refusal.message.contains("conflicting DNS domain for lambda.us-east-1.amazonaws.com"));
        world.endpoint(false);
    }
}
