//! Route 53 Resolver in one account and Region: endpoints, rules, and the rules' associations with VPCs.
//!
//! States follow from the time alone: a thing knows from when it is ready and from when it is gone. An endpoint's
//! addresses are EC2's network interfaces, so every call of the one service is handed the state of the other.

mod association;
mod endpoint;
mod listing;
mod lookup;
mod rule;
mod tags;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ec2::Ec2;
use super::{Context, not_implemented, read};
use crate::sandbox::api::{Answer, ApiError, Call};
use association::Association;
use endpoint::Endpoint;
use rule::Rule;
use tags::Tags;

/// The Resolver's state in one account and Region; everything by its id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Route53Resolver {
    endpoints: BTreeMap<String, Endpoint>,
    rules: BTreeMap<String, Rule>,
    associations: BTreeMap<String, Association>,
    /// The tags of endpoints and rules.
    tags: BTreeMap<String, Tags>,
}

impl Route53Resolver {
    /// Answers a call.
    ///
    /// # Errors
    /// The refusal, after which the caller must restore both states as they were.
    pub fn handle(&mut self, context: &mut Context<'_>, ec2: &mut Ec2, call: &Call) -> Answer {
        match call.operation.as_str() {
            "CreateResolverEndpoint" => self.create_endpoint(context, ec2, read(call)?),
            "GetResolverEndpoint" => self.get_endpoint(context, read(call)?),
            "ListResolverEndpoints" => self.list_endpoints(context, read(call)?),
            "ListResolverEndpointIpAddresses" => self.list_addresses(context, read(call)?),
            "UpdateResolverEndpoint" => self.update_endpoint(context, read(call)?),
            "AssociateResolverEndpointIpAddress" => self.add_address(context, ec2, read(call)?),
            "DisassociateResolverEndpointIpAddress" => self.remove_address(context, read(call)?),
            "DeleteResolverEndpoint" => self.delete_endpoint(context, read(call)?),
            "CreateResolverRule" => self.create_rule(context, read(call)?),
            "GetResolverRule" => self.get_rule(context, read(call)?),
            "ListResolverRules" => self.list_rules(context, read(call)?),
            "UpdateResolverRule" => self.update_rule(context, read(call)?),
            "DeleteResolverRule" => self.delete_rule(context, read(call)?),
            "AssociateResolverRule" => self.associate_rule(context, ec2, read(call)?),
            "GetResolverRuleAssociation" => self.get_association(context, ec2, read(call)?),
            "ListResolverRuleAssociations" => self.list_associations(context, ec2, read(call)?),
            "DisassociateResolverRule" => self.disassociate_rule(context, read(call)?),
            "TagResource" => self.tag_resource(context, read(call)?),
            "UntagResource" => self.untag_resource(context, read(call)?),
            "ListTagsForResource" => self.list_tags(context, read(call)?),
            _ => Err(not_implemented(call, "the operation")),
        }
    }

    /// Lets happen what is due by now: what was deleted goes, an endpoint's network interfaces with it.
    pub fn settle(&mut self, ec2: &mut Ec2, now: Timestamp) {
        for endpoint in self.endpoints.values_mut() {
            for interface in endpoint.drop_addresses(now) {
                ec2.remove_network_interface(&interface);
            }
        }
        self.endpoints.retain(|_, endpoint| !endpoint.is_gone(now));
        self.rules.retain(|_, rule| !rule.is_gone(now));
        self.associations.retain(|_, association| !association.is_gone(now));
        self.tags.retain(|id, _| self.endpoints.contains_key(id) || self.rules.contains_key(id));
    }

    /// What stands of what was made here; the rules that AWS defines itself are not among it.
    pub fn standing(&self) -> Value {
        json!(self)
    }
}

/// Refuses a name that AWS's pattern does not allow.
fn check_name(name: Option<&str>) -> Result<(), ApiError> {
    let Some(name) = name else { return Ok(()) };
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_' ".contains(letter);
    let only_digits = name.chars().all(|letter| letter.is_ascii_digit());
    if name.chars().all(allowed) && !only_digits && name.len() <= 64 {
        return Ok(());
    }
    let message = format!(
        "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9\\-_' ']+)"
    );
    Err(ApiError::new("ValidationException", message))
}

/// A time as this service writes it.
fn time(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

fn invalid_request(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidRequestException", message)
}

fn limit_exceeded(message: impl Into<String>) -> ApiError {
    ApiError::new("LimitExceededException", message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceNotFoundException", message)
}

fn exists(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceExistsException", message)
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    #[test]
    fn names_hold_letters_digits_and_few_signs_and_are_not_only_digits() {
        for name in ["breezeway_lab-resolver", "it's 1", "a"] {
            assert_eq!(check_name(Some(name)), Ok(()), "{name}");
        }
        for name in ["", "12", "a/b", "a.b", "ä", &"a".repeat(65)] {
            assert_eq!(check_name(Some(name)).unwrap_err().code, "ValidationException", "{name}");
        }
    }

    #[test]
    fn what_is_not_modelled_is_refused_by_name() {
        let mut world = Sandbox::new();
        let mut input = world.inbound();
        input["Dns64Enabled"] = json!(false);
        world.ok("CreateResolverEndpoint", input.clone());
        input["Dns64Enabled"] = json!(true);
        let refusal = world.call("CreateResolverEndpoint", input).unwrap_err();
        assert_eq!(refusal.code, "NotImplemented");
        assert!(refusal.message.contains("Dns64Enabled"), "{}", refusal.message);
    }

    #[test]
    fn a_region_that_was_only_looked_at_holds_nothing() {
        let mut world = Sandbox::new();
        let before = world.standing();
        world.ok("ListResolverEndpoints", json!({}));
        world.ok("ListResolverRules", json!({}));
        assert_eq!(world.standing(), before);
    }
}
