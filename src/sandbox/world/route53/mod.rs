//! Route 53's private hosted zones in one account.
//!
//! What is not modelled: public zones, routing policies, health checks, zones that other accounts' VPCs use.

mod association;
mod change;
mod listing;
mod lookup;
mod name;
mod record;
mod tags;
#[cfg(test)]
mod testing;
mod zone;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Context, not_implemented, read};
use crate::sandbox::api::{Answer, ApiError, Call};
use change::Submitted;
use zone::HostedZone;

/// A VPC of the account, as Route 53 sees it.
pub struct Vpc {
    /// `us-east-1`
    pub region: String,
    /// `vpc-…`
    pub id: String,
    /// What its interface endpoints answer for there.
    pub private_domains: BTreeSet<String>,
}

/// Route 53's hosted zones in one account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Route53 {
    /// By id.
    zones: BTreeMap<String, HostedZone>,
    /// By id.
    changes: BTreeMap<String, Submitted>,
    /// The caller references of zones that were deleted: each is good for one call ever.
    spent_references: BTreeSet<String>,
}

impl Route53 {
    /// Answers a call; `vpcs` are all of the account's.
    ///
    /// # Errors
    /// The refusal, after which the caller must restore the state as it was.
    pub fn handle(&mut self, context: &mut Context<'_>, vpcs: &[Vpc], call: &Call) -> Answer {
        match call.operation.as_str() {
            "CreateHostedZone" => self.create_zone(context, vpcs, read(call)?),
            "GetHostedZone" => self.get_zone(read(call)?),
            "DeleteHostedZone" => self.delete_zone(context, read(call)?),
            "UpdateHostedZoneComment" => self.update_comment(read(call)?),
            "GetHostedZoneCount" => Ok(json!({"HostedZoneCount": self.zones.len()})),
            "ListHostedZones" => self.list_zones(read(call)?),
            "ListHostedZonesByName" => self.list_zones_by_name(read(call)?),
            "ListHostedZonesByVPC" => self.list_zones_by_vpc(context, vpcs, read(call)?),
            "AssociateVPCWithHostedZone" => self.associate(context, vpcs, read(call)?),
            "DisassociateVPCFromHostedZone" => self.disassociate(context, read(call)?),
            "ChangeResourceRecordSets" => self.change_record_sets(context, read(call)?),
            "ListResourceRecordSets" => self.list_record_sets(read(call)?),
            "GetChange" => self.get_change(context, read(call)?),
            "ChangeTagsForResource" => self.change_tags(read(call)?),
            "ListTagsForResource" => self.list_tags(read(call)?),
            "ListTagsForResources" => self.list_tags_of_many(read(call)?),
            _ => Err(not_implemented(call, "the operation")),
        }
    }

    /// What stands of what was made here.
    pub fn standing(&self) -> Value {
        json!({"zones": self.zones})
    }

    fn zone(&self, id: &str) -> Result<&HostedZone, ApiError> {
        let id = bare(id);
        self.zones.get(id).ok_or_else(|| no_zone(id))
    }

    fn zone_mut(&mut self, id: &str) -> Result<&mut HostedZone, ApiError> {
        let id = bare(id);
        self.zones.get_mut(id).ok_or_else(|| no_zone(id))
    }
}

/// An id without the path that answers write before it: `/hostedzone/`, `/change/`.
fn bare(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(_, id)| id)
}

fn no_zone(id: &str) -> ApiError {
    ApiError::new("NoSuchHostedZone", format!("No hosted zone found with ID: {id}"))
}

fn invalid_input(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidInput", message)
}

/// The refusal of what Route 53 has and this world lacks.
fn unsupported(what: &str) -> ApiError {
    ApiError::new("NotImplemented", format!("the sandbox does not model {what} (route53)")).with_status(501)
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    #[test]
    fn what_is_not_modelled_is_refused_by_name() {
        let mut world = Sandbox::new();
        let public = json!({"Name": "example.com", "CallerReference": "1"});
        assert_eq!(world.refused("CreateHostedZone", public), "NotImplemented");
    }

    #[test]
    fn an_account_that_was_only_looked_at_holds_nothing() {
        let mut world = Sandbox::new();
        let before = world.standing();
        assert_eq!(world.ok("GetHostedZoneCount", json!({})), json!({"HostedZoneCount": 0}));
        assert_eq!(world.standing(), before);
    }
}
