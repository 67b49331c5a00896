//! What lookups depend on of the Resolver, as the evaluators take it: inbound endpoints and rules, named by id.

use jiff::Timestamp;

use super::Route53Resolver;
use super::endpoint::Direction;
use crate::model::names::{Names, Rule, RuleAction, Server};
use crate::model::network::Network;

impl Route53Resolver {
    /// Adds what stands in VPCs that are known already.
    pub fn add_to(&self, names: &mut Names, network: &mut Network, now: Timestamp) {
        for (id, endpoint) in &self.endpoints {
            let vpc = &endpoint.host_vpc_id;
            for (address, unusable) in endpoint.doors(now).filter(|_| names.vpcs.contains_key(vpc)) {
                if let Some(interface) = network.interfaces.get_mut(&address) {
                    interface.name.clone_from(id);
                }
                if endpoint.direction == Direction::Inbound {
                    let (name, vpc) = (id.clone(), vpc.clone());
                    names.servers.insert(address, Server::InboundEndpoint { name, vpc, unusable });
                }
            }
        }
        for association in self.associations.values().filter(|association| association.holds(now)) {
            let rule = self.rules.get_key_value(&association.resolver_rule_id);
            if let (Some((id, rule)), Some(vpc)) = (rule, names.vpcs.get_mut(&association.vpc_id)) {
                let action = rule.endpoint_id().map_or(RuleAction::System, |endpoint_id| {
                    let doors = self.endpoints.get(endpoint_id).into_iter().flat_map(|endpoint| endpoint.doors(now));
                    let open = doors.filter(|(_, unusable)| unusable.is_none());
                    RuleAction::Forward {
                        from: open.map(|(address, _)| address).collect(),
                        to: rule.targets().collect(),
                    }
                });
                vpc.rules.push(Rule { name: id.clone(), domain: rule.domain_name.to_ascii_lowercase(), action });
            }
        }
    }
}
