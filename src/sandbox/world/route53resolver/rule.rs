//! Rules: which names are asked for where.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::endpoint::Direction;
use super::listing::List;
use super::tags::{Tag, rule_arn};
use super::{Route53Resolver, check_name, exists, invalid_parameter, invalid_request, limit_exceeded, not_found, time};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, durations, partition};

/// Rules per Region, targets per rule.
const QUOTA: usize = 1000;
const TARGET_QUOTA: usize = 6;

/// The rule that AWS defines itself: what no other rule covers is looked up on the internet.
pub const INTERNET_RESOLVER: &str = "rslvr-autodefined-rr-internet-resolver";

const FILTERS: &[(&str, &str)] = &[
    ("CreatorRequestId", "CreatorRequestId"),
    ("DomainName", "DomainName"),
    ("Name", "Name"),
    ("ResolverEndpointId", "ResolverEndpointId"),
    ("Status", "Status"),
    ("Type", "RuleType"),
];

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rule {
    creator_request_id: String,
    name: Option<String>,
    /// With a dot at its end.
    pub domain_name: String,
    /// Where its queries go; `None` for a SYSTEM rule, whose names the VPC's own resolver answers.
    forward: Option<Forward>,
    created: Timestamp,
    modified: Timestamp,
    complete_at: Timestamp,
    gone_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Forward {
    resolver_endpoint_id: String,
    target_ips: Vec<Target>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    ip: Ipv4Addr,
    port: u16,
    protocol: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TargetAddress {
    ip: Option<String>,
    port: Option<u16>,
    protocol: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateRule {
    creator_request_id: String,
    name: Option<String>,
    rule_type: String,
    domain_name: Option<String>,
    #[serde(default)]
    target_ips: Vec<TargetAddress>,
    resolver_endpoint_id: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RuleId {
    resolver_rule_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateRule {
    resolver_rule_id: String,
    config: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Config {
    name: Option<String>,
    #[serde(default)]
    target_ips: Vec<TargetAddress>,
    resolver_endpoint_id: Option<String>,
}

impl From<&Target> for TargetAddress {
    fn from(target: &Target) -> Self {
        let Target { ip, port, protocol } = target;
        Self { ip: Some(ip.to_string()), port: Some(*port), protocol: Some(protocol.clone()) }
    }
}

impl Rule {
    /// Whether its deletion is over.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.gone_at.is_some_and(|gone_at| gone_at <= now)
    }

    /// Whether its deletion has begun.
    pub fn is_deleting(&self) -> bool {
        self.gone_at.is_some()
    }

    /// The addresses that its queries are sent to.
    pub fn targets(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.forward.iter().flat_map(|forward| &forward.target_ips).map(|target| target.ip)
    }

    /// The outbound endpoint that its queries leave by; `None` for a SYSTEM rule.
    pub fn endpoint_id(&self) -> Option<&str> {
        self.forward.as_ref().map(|forward| forward.resolver_endpoint_id.as_str())
    }

    fn view(&self, context: &Context<'_>, id: &str) -> Value {
        let (status, message) = match self.gone_at {
            Some(_) => ("DELETING", "Deleting the Resolver Rule."),
            None if context.now < self.complete_at => ("UPDATING", "Updating the Resolver Rule."),
            None => ("COMPLETE", "Successfully created Resolver Rule."),
        };
        let mut view = json!({
            "Id": id,
            "CreatorRequestId": self.creator_request_id,
            "Arn": rule_arn(context, id),
            "DomainName": self.domain_name,
            "Status": status,
            "StatusMessage": message,
            "RuleType": if self.forward.is_some() { "FORWARD" } else { "SYSTEM" },
            "OwnerId": context.account,
            "ShareStatus": "NOT_SHARED",
            "CreationTime": time(self.created),
            "ModificationTime": time(self.modified),
        });
        if let Some(name) = &self.name {
            view["Name"] = json!(name);
        }
        if let Some(Forward { resolver_endpoint_id, target_ips }) = &self.forward {
            view["ResolverEndpointId"] = json!(resolver_endpoint_id);
            view["TargetIps"] = json!(target_ips);
        }
        view
    }
}

fn internet_resolver_view(context: &Context<'_>) -> Value {
    let (partition, region) = (partition(context.region), context.region);
    json!({
        "Id": INTERNET_RESOLVER,
        "CreatorRequestId": "",
        "Arn": format!("arn:{partition}:route53resolver:{region}::autodefined-rule/{INTERNET_RESOLVER}"),
        "DomainName": ".",
        "Status": "COMPLETE",
        "StatusMessage": "",
        "RuleType": "RECURSIVE",
        "Name": "Internet Resolver",
        "OwnerId": "Route 53 Resolver",
        "ShareStatus": "NOT_SHARED",
    })
}

impl Route53Resolver {
    pub(super) fn create_rule(&mut self, context: &mut Context<'_>, request: CreateRule) -> Answer {
        check_name(request.name.as_deref())?;
        let creator_request_id = request.creator_request_id;
        if let Some((id, _)) = self.rules.iter().find(|(_, rule)| rule.creator_request_id == creator_request_id) {
            return Err(exists(format!(
                "Resolver rule with creator request ID '{creator_request_id}' already exists: '{id}'"
            )));
        }
        if self.rules.len() >= QUOTA {
            return Err(limit_exceeded(format!("Account '{}' has exceeded 'max-rules'", context.account)));
        }
        let domain_name = read_domain(request.domain_name.as_deref().unwrap_or_default())?;
        let endpoint_id = request.resolver_endpoint_id.as_deref();
        let forward = match request.rule_type.as_str() {
            "FORWARD" => {
                let no_endpoint = || invalid_request("A FORWARD rule needs the ID of an outbound Resolver endpoint.");
                Some(self.forward(endpoint_id.ok_or_else(no_endpoint)?, &request.target_ips)?)
            }
            "SYSTEM" if endpoint_id.is_some() || !request.target_ips.is_empty() => {
                let message = "Cannot specify resolver endpoint ID and target IP for SYSTEM type resolver rule";
                return Err(invalid_request(message));
            }
            "SYSTEM" => None,
            "RECURSIVE" => {
                return Err(invalid_request("[RSLVR-00718] Cannot create a rule with type RECURSIVE"));
            }
            other => {
                let message = format!("the sandbox does not model rules of type {other}");
                return Err(ApiError::new("NotImplemented", message).with_status(501));
            }
        };
        let id = format!("rslvr-rr-{}", context.dice.hex(17));
        let rule = Rule {
            creator_request_id,
            name: request.name,
            domain_name,
            forward,
            created: context.now,
            modified: context.now,
            complete_at: context.now,
            gone_at: None,
        };
        self.tag(&id, request.tags)?;
        let view = rule.view(context, &id);
        self.rules.insert(id, rule);
        Ok(json!({"ResolverRule": view}))
    }

    pub(super) fn get_rule(&self, context: &Context<'_>, request: RuleId) -> Answer {
        let id = &request.resolver_rule_id;
        if id == INTERNET_RESOLVER {
            return Ok(json!({"ResolverRule": internet_resolver_view(context)}));
        }
        Ok(json!({"ResolverRule": self.rule(id)?.view(context, id)}))
    }

    pub(super) fn list_rules(&self, context: &Context<'_>, request: List) -> Answer {
        let mut views = vec![internet_resolver_view(context)];
        views.extend(self.rules.iter().map(|(id, rule)| rule.view(context, id)));
        request.answer("ResolverRules", views, FILTERS)
    }

    pub(super) fn update_rule(&mut self, context: &mut Context<'_>, request: UpdateRule) -> Answer {
        let UpdateRule { resolver_rule_id: id, config } = request;
        check_name(config.name.as_deref())?;
        refuse_autodefined(&id)?;
        let rule = self.rule(&id)?;
        if rule.is_deleting() || context.now < rule.complete_at {
            let message = "[RSLVR-00705] Cannot update Resolver Rule because it's currently updating.";
            return Err(invalid_request(message));
        }
        let mut rule = rule.clone();
        if config.resolver_endpoint_id.is_some() || !config.target_ips.is_empty() {
            let Some(old) = &rule.forward else {
                let message = "Cannot specify resolver endpoint ID and target IP for SYSTEM type resolver rule";
                return Err(invalid_request(message));
            };
            let endpoint_id = config.resolver_endpoint_id.as_ref().unwrap_or(&old.resolver_endpoint_id);
            let mut targets = config.target_ips;
            if targets.is_empty() {
                targets = old.target_ips.iter().map(TargetAddress::from).collect();
            }
            rule.forward = Some(self.forward(endpoint_id, &targets)?);
        }
        if config.name.is_some() {
            rule.name = config.name;
        }
        rule.modified = context.now;
        rule.complete_at = context.due(durations::RESOLVER_RULE_UPDATE);
        let view = rule.view(context, &id);
        self.rules.insert(id, rule);
        Ok(json!({"ResolverRule": view}))
    }

    pub(super) fn delete_rule(&mut self, context: &mut Context<'_>, request: RuleId) -> Answer {
        let id = &request.resolver_rule_id;
        refuse_autodefined(id)?;
        if self.rule(id)?.is_deleting() {
            return Err(invalid_request(format!("The Resolver rule '{id}' is being deleted.")));
        }
        if self.associations.values().any(|association| association.resolver_rule_id == *id) {
            let message = "Please disassociate this resolver rule from VPC first before deleting";
            return Err(ApiError::new("ResourceInUseException", message));
        }
        let gone_at = context.due(durations::RESOLVER_RULE_DELETE);
        let rule = self.rules.get_mut(id).ok_or_else(|| missing(id))?;
        rule.gone_at = Some(gone_at);
        rule.modified = context.now;
        Ok(json!({"ResolverRule": rule.view(context, id)}))
    }

    /// The rule with this id, unless AWS defined it.
    pub(super) fn rule(&self, id: &str) -> Result<&Rule, ApiError> {
        self.rules.get(id).ok_or_else(|| missing(id))
    }

    /// The rules that forward through an endpoint.
    pub(super) fn rules_of(&self, endpoint_id: &str) -> impl Iterator<Item = &String> {
        let uses =
            move |rule: &Rule| rule.forward.as_ref().is_some_and(|forward| forward.resolver_endpoint_id == endpoint_id);
        self.rules.iter().filter(move |(_, rule)| uses(rule)).map(|(id, _)| id)
    }

    /// Checks where a rule sends its queries.
    fn forward(&self, endpoint_id: &str, targets: &[TargetAddress]) -> Result<Forward, ApiError> {
        let endpoint = self.endpoint(endpoint_id)?;
        if endpoint.direction != Direction::Outbound {
            return Err(invalid_request("Cannot create resolver rules to an INBOUND resolver endpoint."));
        }
        if endpoint.is_deleting() {
            let message = format!("The Resolver endpoint '{endpoint_id}' is being deleted.");
            return Err(ApiError::new("ResourceUnavailableException", message));
        }
        if targets.is_empty() {
            return Err(invalid_request("A FORWARD rule needs at least one target IP."));
        }
        if targets.len() > TARGET_QUOTA {
            return Err(limit_exceeded(format!("A Resolver rule can have at most {TARGET_QUOTA} target IPs.")));
        }
        let targets = targets.iter().map(|target| read_target(target, &endpoint.protocols));
        let target_ips = targets.collect::<Result<_, _>>()?;
        Ok(Forward { resolver_endpoint_id: endpoint_id.to_owned(), target_ips })
    }
}

/// A target with its defaults; `protocols` are those of the endpoint.
fn read_target(target: &TargetAddress, protocols: &[String]) -> Result<Target, ApiError> {
    let ip = target.ip.as_deref().unwrap_or_default();
    let protocol = match (&target.protocol, protocols) {
        (Some(protocol), _) if protocols.contains(protocol) => protocol,
        (Some(protocol), _) => {
            return Err(invalid_request(format!("The Resolver endpoint does not support the protocol {protocol}.")));
        }
        (None, [only]) => only,
        (None, _) => {
            let message = "[RSLVR-00726] Endpoint has more than 1 protocol. Add one of the endpoint protocol for rule \
                           creation";
            return Err(invalid_request(message));
        }
    };
    Ok(Target {
        ip: ip.parse().map_err(|_| invalid_parameter(format!("Invalid IP address: '{ip}'")))?,
        port: target.port.unwrap_or(53),
        protocol: protocol.clone(),
    })
}

/// A domain name as it is answered: with a dot at its end.
fn read_domain(name: &str) -> Result<String, ApiError> {
    let plain = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        (1..=63).contains(&label.len()) && label.chars().all(allowed)
    };
    if name != "." && !plain.split('.').all(is_label) {
        return Err(invalid_parameter(format!("Invalid domain name: '{name}'")));
    }
    Ok(format!("{plain}."))
}

/// Refuses to change the rule that AWS defines.
fn refuse_autodefined(id: &str) -> Result<(), ApiError> {
    if id == INTERNET_RESOLVER {
        return Err(invalid_request("Cannot update or delete Auto Defined Rule."));
    }
    Ok(())
}

fn missing(id: &str) -> ApiError {
    not_found(format!("[RSLVR-00703] Resolver rule with ID \"{id}\" does not exist."))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn forward(endpoint: &str) -> Value {
        json!({
            "CreatorRequestId": "rule",
            "Name": "corp",
            "RuleType": "FORWARD",
            "DomainName": "corp.example",
            "ResolverEndpointId": endpoint,
            "TargetIps": [{"Ip": "192.168.10.10"}],
        })
    }

    fn with(mut input: Value, member: &str, value: Value) -> Value {
        input[member] = value;
        input
    }

    #[test]
    fn a_rule_forwards_a_domain_through_an_outbound_endpoint() {
        let mut world = Sandbox::new();
        let endpoint = world.create_outbound();
        let rule = world.ok("CreateResolverRule", forward(&endpoint))["ResolverRule"].clone();
        let id = rule["Id"].as_str().unwrap();
        assert!(id.starts_with("rslvr-rr-") && id.len() == 26, "{id}");
        assert_eq!(rule["Arn"], format!("arn:aws:route53resolver:us-east-1:111122223333:resolver-rule/{id}"));
        assert_eq!(rule["DomainName"], "corp.example.");
        assert_eq!(rule["TargetIps"], json!([{"Ip": "192.168.10.10", "Port": 53, "Protocol": "Do53"}]));
        assert_eq!((&rule["Status"], &rule["RuleType"]), (&json!("COMPLETE"), &json!("FORWARD")));
        assert_eq!(world.ok("GetResolverRule", json!({"ResolverRuleId": id}))["ResolverRule"], rule);
        let filters =
            json!([{"Name": "DomainName", "Values": ["corp.example."]}, {"Name": "TYPE", "Values": ["FORWARD"]}]);
        assert_eq!(world.ok("ListResolverRules", json!({"Filters": filters}))["ResolverRules"], json!([rule]));
        assert_eq!(world.refused("CreateResolverRule", forward(&endpoint)), "ResourceExistsException");
    }

    #[test]
    fn a_rule_must_fit_its_type_and_its_endpoint() {
        let mut world = Sandbox::new();
        let (inbound, outbound) = (world.create_inbound(), world.create_outbound());
        let valid = forward(&outbound);
        let seven: Vec<_> = (1..=7).map(|n| json!({"Ip": format!("192.168.10.{n}")})).collect();
        for (member, value, code) in [
            ("ResolverEndpointId", json!(inbound), "InvalidRequestException"),
            ("ResolverEndpointId", json!("rslvr-out-0"), "ResourceNotFoundException"),
            ("ResolverEndpointId", Value::Null, "InvalidRequestException"),
            ("TargetIps", json!([]), "InvalidRequestException"),
            ("TargetIps", json!(seven), "LimitExceededException"),
            ("TargetIps", json!([{"Ip": "nowhere"}]), "InvalidParameterException"),
            ("TargetIps", json!([{"Ip": "192.168.10.10", "Protocol": "DoH"}]), "InvalidRequestException"),
            ("RuleType", json!("SYSTEM"), "InvalidRequestException"),
            ("RuleType", json!("RECURSIVE"), "InvalidRequestException"),
            ("RuleType", json!("DELEGATE"), "NotImplemented"),
            ("DomainName", json!("corp..example"), "InvalidParameterException"),
            ("Name", json!("a/b"), "ValidationException"),
        ] {
            let input = with(valid.clone(), member, value.clone());
            assert_eq!(world.refused("CreateResolverRule", input), code, "{member} {value}");
        }
        world.ok("DeleteResolverEndpoint", json!({"ResolverEndpointId": outbound}));
        assert_eq!(world.refused("CreateResolverRule", valid), "ResourceUnavailableException");
    }

    #[test]
    fn a_system_rule_has_no_targets() {
        let mut world = Sandbox::new();
        let input = json!({"CreatorRequestId": "a", "RuleType": "SYSTEM", "DomainName": "aws.corp.example."});
        let rule = world.ok("CreateResolverRule", input)["ResolverRule"].clone();
        assert_eq!((&rule["RuleType"], &rule["DomainName"]), (&json!("SYSTEM"), &json!("aws.corp.example.")));
        assert_eq!(rule.get("TargetIps"), None);
        let config = json!({"TargetIps": [{"Ip": "10.0.0.1"}]});
        let update = json!({"ResolverRuleId": rule["Id"], "Config": config});
        assert_eq!(world.refused("UpdateResolverRule", update), "InvalidRequestException");
    }

    #[test]
    fn an_update_takes_a_while_in_which_there_is_no_other() {
        let mut world = Sandbox::new();
        let endpoint = world.create_outbound();
        let id = world.ok("CreateResolverRule", forward(&endpoint))["ResolverRule"]["Id"].clone();
        let update = json!({"ResolverRuleId": id, "Config": {"TargetIps": [{"Ip": "192.168.10.11", "Port": 54}]}});
        let rule = world.ok("UpdateResolverRule", update.clone())["ResolverRule"].clone();
        assert_eq!((&rule["Status"], &rule["Name"]), (&json!("UPDATING"), &json!("corp")));
        assert_eq!(rule["TargetIps"], json!([{"Ip": "192.168.10.11", "Port": 54, "Protocol": "Do53"}]));
        assert_eq!(world.refused("UpdateResolverRule", update), "InvalidRequestException");
        world.wait(31);
        let rename = json!({"ResolverRuleId": id, "Config": {"Name": "other"}});
        let rule = world.ok("UpdateResolverRule", rename)["ResolverRule"].clone();
        assert_eq!((&rule["Name"], &rule["TargetIps"][0]["Port"]), (&json!("other"), &json!(54)));
    }

    #[test]
    fn an_endpoint_stays_as_long_as_a_rule_uses_it() {
        let mut world = Sandbox::new();
        let endpoint = world.create_outbound();
        let before = world.standing();
        let id = world.ok("CreateResolverRule", forward(&endpoint))["ResolverRule"]["Id"].clone();
        let delete_endpoint = json!({"ResolverEndpointId": endpoint});
        assert_eq!(world.refused("DeleteResolverEndpoint", delete_endpoint.clone()), "InvalidRequestException");

        let rule = json!({"ResolverRuleId": id});
        assert_eq!(world.ok("DeleteResolverRule", rule.clone())["ResolverRule"]["Status"], "DELETING");
        assert_eq!(world.refused("DeleteResolverRule", rule.clone()), "InvalidRequestException");
        world.wait(6);
        assert_eq!(world.refused("GetResolverRule", rule), "ResourceNotFoundException");
        assert_eq!(world.standing(), before);
        world.ok("DeleteResolverEndpoint", delete_endpoint);
    }

    #[test]
    fn the_internet_resolver_is_always_there_and_not_ours_to_change() {
        let mut world = Sandbox::new();
        let id = json!({"ResolverRuleId": INTERNET_RESOLVER});
        let rule = world.ok("GetResolverRule", id.clone())["ResolverRule"].clone();
        assert_eq!(rule["Arn"], format!("arn:aws:route53resolver:us-east-1::autodefined-rule/{INTERNET_RESOLVER}"));
        assert_eq!((&rule["DomainName"], &rule["RuleType"]), (&json!("."), &json!("RECURSIVE")));
        assert_eq!(world.ok("ListResolverRules", json!({}))["ResolverRules"], json!([rule]));
        assert_eq!(world.refused("DeleteResolverRule", id), "InvalidRequestException");
        let update = json!({"ResolverRuleId": INTERNET_RESOLVER, "Config": {"Name": "mine"}});
        assert_eq!(world.refused("UpdateResolverRule", update), "InvalidRequestException");
    }
}
