//! Associations: in which VPCs a rule holds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::listing::List;
use super::rule::INTERNET_RESOLVER;
use super::{Route53Resolver, check_name, invalid_parameter, invalid_request, not_found};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::ec2::Ec2;
use crate::sandbox::world::{Context, durations};

const FILTERS: &[(&str, &str)] =
    &[("Name", "Name"), ("ResolverRuleId", "ResolverRuleId"), ("Status", "Status"), ("VPCId", "VPCId")];

/// A rule's association with a VPC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Association {
    pub resolver_rule_id: String,
    pub vpc_id: String,
    name: Option<String>,
    complete_at: Timestamp,
    gone_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AssociateRule {
    resolver_rule_id: String,
    #[serde(rename = "VPCId")]
    vpc_id: String,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DisassociateRule {
    resolver_rule_id: String,
    #[serde(rename = "VPCId")]
    vpc_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AssociationId {
    resolver_rule_association_id: String,
}

impl Association {
    /// Whether its deletion is over.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.gone_at.is_some_and(|gone_at| gone_at <= now)
    }

    /// Whether the rule holds in the VPC.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.gone_at.is_none() && self.complete_at <= now
    }

    fn view(&self, id: &str, now: Timestamp) -> Value {
        let (status, message) = match self.gone_at {
            Some(_) => ("DELETING", "Deleting Association"),
            None if now < self.complete_at => ("CREATING", "Creating the association."),
            None => ("COMPLETE", ""),
        };
        let mut view = json!({
            "Id": id,
            "ResolverRuleId": self.resolver_rule_id,
            "VPCId": self.vpc_id,
            "Status": status,
            "StatusMessage": message,
        });
        if let Some(name) = &self.name {
            view["Name"] = json!(name);
        }
        view
    }
}

/// The association of AWS's own rule, which every VPC has.
fn autodefined_view(vpc_id: &str) -> Value {
    json!({
        "Id": format!("rslvr-autodefined-assoc-{vpc_id}-internet-resolver"),
        "ResolverRuleId": INTERNET_RESOLVER,
        "Name": "System Rule Association",
        "VPCId": vpc_id,
        "Status": "COMPLETE",
        "StatusMessage": "",
    })
}

impl Route53Resolver {
    pub(super) fn associate_rule(&mut self, context: &mut Context<'_>, ec2: &Ec2, request: AssociateRule) -> Answer {
        let AssociateRule { resolver_rule_id, vpc_id, name } = request;
        check_name(name.as_deref())?;
        refuse_autodefined(&resolver_rule_id)?;
        let rule = self.rule(&resolver_rule_id)?;
        if rule.is_deleting() {
            let message = format!("The Resolver rule '{resolver_rule_id}' is being deleted.");
            return Err(ApiError::new("ResourceUnavailableException", message));
        }
        if !ec2.vpc_ids().any(|id| id == vpc_id) {
            return Err(invalid_parameter(format!("The vpc ID '{vpc_id}' does not exist")));
        }
        let of_domain = |other: &&Association| {
            let other_rule = self.rules.get(&other.resolver_rule_id);
            other.vpc_id == vpc_id
                && other_rule.is_some_and(|other| other.domain_name.eq_ignore_ascii_case(&rule.domain_name))
        };
        if let Some(other) = self.associations.values().find(of_domain) {
            return Err(invalid_request(format!(
                "[RSLVR-00802] Cannot associate rules with same domain name with same VPC. Conflict with resolver rule \
                 \"{}\"",
                other.resolver_rule_id
            )));
        }
        let mut inbound = self.endpoints.values().filter(|endpoint| endpoint.host_vpc_id == vpc_id);
        if inbound.any(|endpoint| rule.targets().any(|target| endpoint.listens_at(target))) {
            return Err(invalid_request(format!(
                "[RSLVR-00804] Cannot associate rule {resolver_rule_id} to VPC {vpc_id} because the VPC include an \
                 INBOUND resolver endpoints with rule's target IP. Please try a different rule or update rule's target \
                 IP."
            )));
        }
        let association = Association {
            resolver_rule_id,
            vpc_id,
            name,
            complete_at: context.due(durations::RESOLVER_RULE_ASSOCIATE),
            gone_at: None,
        };
        let id = format!("rslvr-rrassoc-{}", context.dice.hex(17));
        let view = association.view(&id, context.now);
        self.associations.insert(id, association);
        Ok(json!({"ResolverRuleAssociation": view}))
    }

    pub(super) fn get_association(&self, context: &Context<'_>, ec2: &Ec2, request: AssociationId) -> Answer {
        let id = &request.resolver_rule_association_id;
        let view = self.association_views(context, ec2).find(|view| view["Id"] == **id);
        let missing = || not_found(format!("ResolverRuleAssociation '{id}' does not exist."));
        Ok(json!({"ResolverRuleAssociation": view.ok_or_else(missing)?}))
    }

    pub(super) fn list_associations(&self, context: &Context<'_>, ec2: &Ec2, request: List) -> Answer {
        request.answer("ResolverRuleAssociations", self.association_views(context, ec2).collect(), FILTERS)
    }

    pub(super) fn disassociate_rule(&mut self, context: &mut Context<'_>, request: DisassociateRule) -> Answer {
        let DisassociateRule { resolver_rule_id, vpc_id } = request;
        refuse_autodefined(&resolver_rule_id)?;
        self.rule(&resolver_rule_id)?;
        let is_meant = |association: &Association| {
            association.resolver_rule_id == resolver_rule_id && association.vpc_id == vpc_id
        };
        let Some((id, association)) = self.associations.iter_mut().find(|(_, association)| is_meant(association))
        else {
            return Err(not_found(format!(
                "Resolver Rule Association between Resolver Rule '{resolver_rule_id}' and VPC '{vpc_id}' does not exist"
            )));
        };
        let gone_at = context.due(durations::RESOLVER_RULE_DISASSOCIATE);
        association.gone_at.get_or_insert(gone_at);
        Ok(json!({"ResolverRuleAssociation": association.view(id, context.now)}))
    }

    fn association_views(&self, context: &Context<'_>, ec2: &Ec2) -> impl Iterator<Item = Value> {
        let own = self.associations.iter().map(|(id, association)| association.view(id, context.now));
        ec2.vpc_ids().map(autodefined_view).chain(own)
    }
}

/// Refuses to touch where AWS's own rule holds.
fn refuse_autodefined(rule_id: &str) -> Result<(), ApiError> {
    if rule_id == INTERNET_RESOLVER {
        return Err(invalid_request("[RSLVR-00713] Cannot associate or disassociate Auto Defined Rule."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn rule(world: &mut Sandbox, endpoint: &str, token: &str, target: &str) -> Value {
        let input = json!({
            "CreatorRequestId": token,
            "RuleType": "FORWARD",
            "DomainName": "corp.example",
            "ResolverEndpointId": endpoint,
            "TargetIps": [{"Ip": target}],
        });
        world.ok("CreateResolverRule", input)["ResolverRule"]["Id"].clone()
    }

    #[test]
    fn a_rule_is_associated_with_a_vpc_and_stays_until_it_is_not() {
        let mut world = Sandbox::new();
        let endpoint = world.create_outbound();
        let rule = rule(&mut world, &endpoint, "a", "192.168.10.10");
        let before = world.standing();
        let input = json!({"ResolverRuleId": rule, "VPCId": world.vpc, "Name": "studio"});
        let association = world.ok("AssociateResolverRule", input)["ResolverRuleAssociation"].clone();
        assert_eq!(association["Status"], "CREATING");
        let get = json!({"ResolverRuleAssociationId": association["Id"]});
        world.wait(61);
        assert_eq!(
            world.ok("GetResolverRuleAssociation", get.clone())["ResolverRuleAssociation"]["Status"],
            "COMPLETE"
        );
        let of_rule = json!({"Filters": [{"Name": "ResolverRuleId", "Values": [rule]}]});
        let listed = world.ok("ListResolverRuleAssociations", of_rule)["ResolverRuleAssociations"].clone();
        assert_eq!((&listed[0]["Id"], &listed[0]["VPCId"]), (&association["Id"], &json!(world.vpc)));
        assert_eq!(world.refused("DeleteResolverRule", json!({"ResolverRuleId": rule})), "ResourceInUseException");

        let pair = json!({"ResolverRuleId": rule, "VPCId": world.vpc});
        let left = world.ok("DisassociateResolverRule", pair.clone());
        assert_eq!(left["ResolverRuleAssociation"]["Status"], "DELETING");
        assert_eq!(world.refused("DeleteResolverRule", json!({"ResolverRuleId": rule})), "ResourceInUseException");
        world.wait(61);
        assert_eq!(world.standing(), before);
        assert_eq!(world.refused("GetResolverRuleAssociation", get), "ResourceNotFoundException");
        assert_eq!(world.refused("DisassociateResolverRule", pair), "ResourceNotFoundException");
        world.ok("DeleteResolverRule", json!({"ResolverRuleId": rule}));
    }

    #[test]
    fn a_vpc_has_one_rule_for_a_domain_and_none_that_leads_back_to_itself() {
        let mut world = Sandbox::new();
        let (inbound, outbound) = (world.create_inbound(), world.create_outbound());
        let addresses = world.ok("ListResolverEndpointIpAddresses", json!({"ResolverEndpointId": inbound}));
        let own = addresses["IpAddresses"][0]["Ip"].as_str().unwrap().to_owned();
        let (good, same, back) = (
            rule(&mut world, &outbound, "a", "192.168.10.10"),
            rule(&mut world, &outbound, "b", "192.168.10.11"),
            rule(&mut world, &outbound, "c", &own),
        );
        let vpc = world.vpc.clone();
        let pair = |rule: &Value| json!({"ResolverRuleId": rule, "VPCId": vpc});
        assert_eq!(world.refused("AssociateResolverRule", pair(&back)), "InvalidRequestException");
        world.ok("AssociateResolverRule", pair(&good));
        for again in [&good, &same] {
            assert_eq!(world.refused("AssociateResolverRule", pair(again)), "InvalidRequestException");
        }
        let nowhere = json!({"ResolverRuleId": same, "VPCId": "vpc-0123456789abcdef0"});
        assert_eq!(world.refused("AssociateResolverRule", nowhere), "InvalidParameterException");
        assert_eq!(world.refused("AssociateResolverRule", pair(&json!("rslvr-rr-0"))), "ResourceNotFoundException");
    }

    #[test]
    fn a_domain_is_the_same_in_capitals() {
        let mut world = Sandbox::new();
        let outbound = world.create_outbound();
        let lower = rule(&mut world, &outbound, "a", "192.168.10.10");
        let input = json!({
            "CreatorRequestId": "b",
            "RuleType": "FORWARD",
            "DomainName": "Corp.EXAMPLE",
            "ResolverEndpointId": outbound,
            "TargetIps": [{"Ip": "192.168.10.11"}],
        });
        let upper = world.ok("CreateResolverRule", input)["ResolverRule"]["Id"].clone();
        let vpc = world.vpc.clone();
        let pair = |rule: &Value| json!({"ResolverRuleId": rule, "VPCId": vpc});
        world.ok("AssociateResolverRule", pair(&lower));
        assert_eq!(world.refused("AssociateResolverRule", pair(&upper)), "InvalidRequestException");
    }

    #[test]
    fn every_vpc_has_the_internet_resolver() {
        let mut world = Sandbox::new();
        let vpc = world.vpc.clone();
        let of_vpc = json!({"Filters": [{"Name": "VPCId", "Values": [vpc]}]});
        let listed = world.ok("ListResolverRuleAssociations", of_vpc)["ResolverRuleAssociations"].clone();
        assert_eq!(listed[0]["Id"], format!("rslvr-autodefined-assoc-{vpc}-internet-resolver"));
        let pair = json!({"ResolverRuleId": INTERNET_RESOLVER, "VPCId": vpc});
        assert_eq!(world.refused("DisassociateResolverRule", pair), "InvalidRequestException");
    }
}
