//! VPC peering connections within one account and Region.

use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::{Ec2, Input, Kind, Operation, invalid, missing_parameter, overlap, unsupported, vpc};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, durations, later};

pub const KIND: Kind = Kind {
    prefix: "pcx",
    resource_type: "vpc-peering-connection",
    label: "vpcPeeringConnection ID",
    not_found: "InvalidVpcPeeringConnectionID.NotFound",
    malformed: "InvalidVpcPeeringConnectionId.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateVpcPeeringConnection",
        members: &["VpcId", "PeerVpcId", "PeerOwnerId", "PeerRegion", "TagSpecifications"],
        run: Ec2::create_peering,
    },
    Operation { name: "AcceptVpcPeeringConnection", members: &["VpcPeeringConnectionId"], run: Ec2::accept_peering },
    Operation { name: "RejectVpcPeeringConnection", members: &["VpcPeeringConnectionId"], run: Ec2::reject_peering },
    Operation { name: "DeleteVpcPeeringConnection", members: &["VpcPeeringConnectionId"], run: Ec2::delete_peering },
    Operation {
        name: "DescribeVpcPeeringConnections",
        members: &["VpcPeeringConnectionIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_peerings,
    },
    Operation {
        name: "ModifyVpcPeeringConnectionOptions",
        members: &["VpcPeeringConnectionId", "RequesterPeeringConnectionOptions", "AccepterPeeringConnectionOptions"],
        run: Ec2::modify_peering_options,
    },
];

const LISTING: Listing = Listing {
    ids: Some(("VpcPeeringConnectionIds", &KIND)),
    result: "VpcPeeringConnections",
    key: &["VpcPeeringConnectionId"],
    most: 1000,
    filters: &[
        ("accepter-vpc-info.cidr-block", "AccepterVpcInfo.CidrBlock"),
        ("accepter-vpc-info.owner-id", "AccepterVpcInfo.OwnerId"),
        ("accepter-vpc-info.vpc-id", "AccepterVpcInfo.VpcId"),
        ("expiration-time", "ExpirationTime"),
        ("requester-vpc-info.cidr-block", "RequesterVpcInfo.CidrBlock"),
        ("requester-vpc-info.owner-id", "RequesterVpcInfo.OwnerId"),
        ("requester-vpc-info.vpc-id", "RequesterVpcInfo.VpcId"),
        ("status-code", "Status.Code"),
        ("status-message", "Status.Message"),
        ("vpc-peering-connection-id", "VpcPeeringConnectionId"),
    ],
};

/// Peerings per VPC.
const QUOTA: usize = 50;
const EXPIRY: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long an ended peering stays in lists, and an expired one.
const GHOST: SignedDuration = SignedDuration::from_hours(2);
const EXPIRED_GHOST: SignedDuration = SignedDuration::from_hours(48);

/// A peering's state; serialises to AWS's status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    InitiatingRequest,
    PendingAcceptance,
    Provisioning,
    Active,
    Deleting,
    Deleted,
    Rejected,
    Failed,
    Expired,
}

/// A peering between two VPCs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Peering {
    requester: Side,
    accepter: Side,
    /// When it expires unless it is accepted.
    expires: Timestamp,
    accepted: bool,
    state: State,
    /// What it becomes by itself, and when; no state: it leaves the lists.
    becomes: Option<(Timestamp, Option<State>)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Side {
    vpc_id: String,
    cidr_block: Ipv4Net,
    allow_dns_resolution_from_remote_vpc: bool,
}

impl Peering {
    /// Whether the VPC is one of the two.
    pub fn joins(&self, vpc_id: &str) -> bool {
        self.requester.vpc_id == vpc_id || self.accepter.vpc_id == vpc_id
    }

    /// The VPC that asked, and the one that accepts.
    pub fn vpc_ids(&self) -> [&String; 2] {
        [&self.requester.vpc_id, &self.accepter.vpc_id]
    }

    /// Whether it carries packets.
    pub fn is_active(&self) -> bool {
        self.state == State::Active
    }

    /// Whether it is only listed still, as AWS's own tombstone.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Deleted | State::Rejected | State::Failed | State::Expired)
    }

    fn enter(&mut self, state: State, at: Timestamp) {
        self.state = state;
        self.becomes = match state {
            State::PendingAcceptance => Some((self.expires, Some(State::Expired))),
            State::Deleted | State::Rejected | State::Failed => Some((later(at, GHOST), None)),
            State::Expired => Some((later(at, EXPIRED_GHOST), None)),
            State::InitiatingRequest | State::Provisioning | State::Active | State::Deleting => None,
        };
    }

    /// Goes through the states that are due; false if it is to leave the lists.
    fn settle(&mut self, now: Timestamp) -> bool {
        while let Some((at, next)) = self.becomes.filter(|(at, _)| *at <= now) {
            let Some(state) = next else { return false };
            self.enter(state, at);
        }
        true
    }

    fn refuse_unless(&self, id: &str, allowed: &[State], action: &str) -> Result<(), ApiError> {
        if allowed.contains(&self.state) {
            return Ok(());
        }
        let message =
            format!("The vpcPeeringConnection '{id}' is in the state {} and cannot be {action}.", json!(self.state));
        Err(ApiError::new("InvalidStateTransition", message))
    }

    fn message(&self, account: &str) -> String {
        match self.state {
            State::InitiatingRequest => format!("Initiating Request to {account}"),
            State::PendingAcceptance => format!("Pending Acceptance by {account}"),
            State::Provisioning => "Provisioning".into(),
            State::Active => "Active".into(),
            State::Deleting => "Deleting".into(),
            State::Deleted => format!("Deleted by {account}"),
            State::Rejected => format!("Rejected by {account}"),
            State::Failed => "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range".into(),
            State::Expired => format!("Expired before it was accepted by {account}"),
        }
    }
}

impl Ec2 {
    /// Lets peerings reach the states that are due, and ended ones leave.
    pub(super) fn settle_peerings(&mut self, now: Timestamp) {
        let before = self.peerings.len();
        self.peerings.retain(|_, peering| peering.settle(now));
        if self.peerings.len() < before {
            self.drop_stray_tags();
        }
    }

    /// Removes ended peerings before their time.
    pub(super) fn bury_peerings(&mut self) {
        self.peerings.retain(|_, peering| !peering.has_ended());
        self.drop_stray_tags();
    }

    /// The active peering between two VPCs.
    pub(super) fn active_peering(&self, one: &str, other: &str) -> Option<&str> {
        let joining =
            |(_, peering): &(&String, &Peering)| peering.is_active() && peering.joins(one) && peering.joins(other);
        self.peerings.iter().find(joining).map(|(id, _)| id.as_str())
    }

    fn create_peering(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let vpc_id = input.required("VpcId")?;
        let peer_id = input.required("PeerVpcId")?;
        let vpc = vpc::KIND.find(&self.vpcs, vpc_id)?;
        if input.text("PeerOwnerId").is_some_and(|owner| owner != context.account) {
            return Err(unsupported("peering with another account"));
        }
        if input.text("PeerRegion").is_some_and(|region| region != context.region) {
            return Err(unsupported("peering with another Region"));
        }
        let peer = vpc::KIND.find(&self.vpcs, peer_id)?;
        if vpc_id == peer_id {
            return Err(invalid(format!("The VPC {vpc_id} cannot be peered with itself.")));
        }
        let standing = || self.peerings.values().filter(|peering| !peering.has_ended());
        if standing().any(|peering| peering.joins(vpc_id) && peering.joins(peer_id)) {
            let message = "A VPC peering connection between the VPCs already exists.";
            return Err(ApiError::new("VpcPeeringConnectionAlreadyExists", message));
        }
        if [vpc_id, peer_id].iter().any(|id| standing().filter(|peering| peering.joins(id)).count() >= QUOTA) {
            let message = "The maximum number of VPC peering connections for the VPC has been reached.";
            return Err(ApiError::new("VpcPeeringConnectionsPerVpcLimitExceeded", message));
        }
        let tags = super::tags::from_specifications(input, &KIND)?;

        let clash = overlap(vpc.cidr_block, peer.cidr_block);
        let outcome = if clash { State::Failed } else { State::PendingAcceptance };
        let side =
            |id: &str, cidr_block| Side { vpc_id: id.into(), cidr_block, allow_dns_resolution_from_remote_vpc: false };
        let mut peering = Peering {
            requester: side(vpc_id, vpc.cidr_block),
            accepter: side(peer_id, peer.cidr_block),
            expires: later(context.now, EXPIRY),
            accepted: false,
            state: State::InitiatingRequest,
            becomes: Some((context.due(durations::PEERING_REQUEST), Some(outcome))),
        };
        peering.settle(context.now);
        let id = context.dice.id(KIND.prefix);
        self.peerings.insert(id.clone(), peering);
        self.tag(&id, tags);
        Ok(json!({"VpcPeeringConnection": self.peering_view(context, &id, &self.peerings[&id])}))
    }

    fn accept_peering(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("VpcPeeringConnectionId")?;
        let peering = KIND.find_mut(&mut self.peerings, id)?;
        peering.refuse_unless(id, &[State::PendingAcceptance], "accepted")?;
        peering.accepted = true;
        peering.enter(State::Provisioning, context.now);
        peering.becomes = Some((context.due(durations::PEERING_ACCEPT), Some(State::Active)));
        peering.settle(context.now);
        Ok(json!({"VpcPeeringConnection": self.peering_view(context, id, &self.peerings[id])}))
    }

    fn reject_peering(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("VpcPeeringConnectionId")?;
        let peering = KIND.find_mut(&mut self.peerings, id)?;
        peering.refuse_unless(id, &[State::PendingAcceptance], "rejected")?;
        peering.enter(State::Rejected, context.now);
        Ok(json!({"Return": true}))
    }

    fn delete_peering(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("VpcPeeringConnectionId")?;
        let peering = KIND.find_mut(&mut self.peerings, id)?;
        peering.refuse_unless(id, &[State::PendingAcceptance, State::Provisioning, State::Active], "deleted")?;
        peering.enter(State::Deleting, context.now);
        peering.becomes = Some((context.due(durations::PEERING_DELETE), Some(State::Deleted)));
        peering.settle(context.now);
        Ok(json!({"Return": true}))
    }

    fn describe_peerings(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let peerings = self.peerings.iter();
        LISTING.answer(input, peerings.map(|(id, peering)| self.peering_view(context, id, peering)).collect())
    }

    fn peering_view(&self, context: &Context<'_>, id: &str, peering: &Peering) -> Value {
        let side = |side: &Side| {
            json!({
                "OwnerId": context.account,
                "Region": context.region,
                "VpcId": side.vpc_id,
                "CidrBlock": side.cidr_block,
                "CidrBlockSet": [{"CidrBlock": side.cidr_block}],
                "PeeringOptions": options_view(side),
            })
        };
        let mut view = json!({
            "AccepterVpcInfo": side(&peering.accepter),
            "RequesterVpcInfo": side(&peering.requester),
            "Status": {"Code": peering.state, "Message": peering.message(context.account)},
            "Tags": self.tags_view(id),
            "VpcPeeringConnectionId": id,
        });
        if !peering.accepted {
            // The requester learns the other side's addresses only when it accepts.
            view["AccepterVpcInfo"] = json!({
                "OwnerId": context.account,
                "Region": context.region,
                "VpcId": peering.accepter.vpc_id,
            });
            view["ExpirationTime"] = json!(peering.expires);
        }
        view
    }

    fn modify_peering_options(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("VpcPeeringConnectionId")?;
        let peering = KIND.find_mut(&mut self.peerings, id)?;
        if !peering.is_active() {
            let message = format!("Peering {id} is not active. Peering options can be added only to active peerings.");
            return Err(ApiError::new("OperationNotPermitted", message));
        }
        let sides = [
            ("RequesterPeeringConnectionOptions", &mut peering.requester),
            ("AccepterPeeringConnectionOptions", &mut peering.accepter),
        ];
        let mut answer = json!({});
        for (name, side) in sides {
            let Some(options) = input.structure(name) else { continue };
            for classic in ["AllowEgressFromLocalClassicLinkToRemoteVpc", "AllowEgressFromLocalVpcToRemoteClassicLink"]
            {
                if options.flag(classic) {
                    return Err(unsupported("EC2-Classic"));
                }
            }
            if let Some(allow) = options.boolean("AllowDnsResolutionFromRemoteVpc") {
                side.allow_dns_resolution_from_remote_vpc = allow;
            }
            answer[name] = options_view(side);
        }
        if answer == json!({}) {
            return Err(missing_parameter("RequesterPeeringConnectionOptions"));
        }
        Ok(answer)
    }
}

fn options_view(side: &Side) -> Value {
    json!({
        "AllowDnsResolutionFromRemoteVpc": side.allow_dns_resolution_from_remote_vpc,
        "AllowEgressFromLocalClassicLinkToRemoteVpc": false,
        "AllowEgressFromLocalVpcToRemoteClassicLink": false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn request(world: &mut Sandbox, vpc: &str, peer: &str) -> String {
        let peering = world.ok("CreateVpcPeeringConnection", json!({"VpcId": vpc, "PeerVpcId": peer}));
        peering["VpcPeeringConnection"]["VpcPeeringConnectionId"].as_str().unwrap().into()
    }

    fn state(world: &mut Sandbox, id: &str) -> String {
        let peerings = world.ok("DescribeVpcPeeringConnections", json!({"VpcPeeringConnectionIds": [id]}));
        peerings["VpcPeeringConnections"][0]["Status"]["Code"].as_str().unwrap().into()
    }

    #[test]
    fn a_peering_is_requested_accepted_active_deleted_and_then_a_ghost_for_two_hours() {
        let mut world = Sandbox::new();
        let (one, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        let before = world.standing();
        let id = request(&mut world, &one, &other);
        let ask = json!({"VpcPeeringConnectionId": id});
        assert_eq!(state(&mut world, &id), "initiating-request");
        assert_eq!(world.refused("AcceptVpcPeeringConnection", ask.clone()), "InvalidStateTransition");
        world.wait(2);
        assert_eq!(state(&mut world, &id), "pending-acceptance");
        let accepted = world.ok("AcceptVpcPeeringConnection", ask.clone());
        assert_eq!(accepted["VpcPeeringConnection"]["Status"]["Code"], "provisioning");
        assert_eq!(accepted["VpcPeeringConnection"]["AccepterVpcInfo"]["CidrBlock"], "10.1.0.0/16");
        world.wait(3);
        assert_eq!(state(&mut world, &id), "active");
        assert_eq!(world.refused("AcceptVpcPeeringConnection", ask.clone()), "InvalidStateTransition");
        assert_eq!(world.refused("DeleteVpc", json!({"VpcId": one})), "DependencyViolation");

        world.ok("CreateTags", json!({"Resources": [id], "Tags": [{"Key": "a", "Value": "b"}]}));
        world.ok("DeleteVpcPeeringConnection", ask.clone());
        assert_eq!(state(&mut world, &id), "deleting");
        assert_ne!(world.standing(), before, "what is being deleted still stands");
        world.wait(2);
        assert_eq!(state(&mut world, &id), "deleted");
        assert_eq!(world.standing(), before);
        assert_eq!(world.refused("DeleteVpcPeeringConnection", ask), "InvalidStateTransition");
        let tagged = json!({"Filters": [{"Name": "tag:a", "Values": ["b"]}]});
        let ghosts = world.ok("DescribeVpcPeeringConnections", tagged.clone());
        assert_eq!(ghosts["VpcPeeringConnections"].as_array().unwrap().len(), 1);
        world.wait(2 * 3600);
        assert_eq!(world.ok("DescribeVpcPeeringConnections", tagged)["VpcPeeringConnections"], json!([]));
        assert_eq!(world.ok("DescribeTags", json!({}))["Tags"], json!([]));
    }

    #[test]
    fn overlapping_blocks_fail_by_themselves_and_cannot_be_deleted() {
        let mut world = Sandbox::new();
        let (one, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.0.128.0/20"));
        let id = request(&mut world, &one, &other);
        assert_eq!(state(&mut world, &id), "initiating-request");
        world.wait(2);
        assert_eq!(state(&mut world, &id), "failed");
        assert_eq!(
            world.refused("DeleteVpcPeeringConnection", json!({"VpcPeeringConnectionId": id})),
            "InvalidStateTransition"
        );
        world.ok("DeleteVpc", json!({"VpcId": other}));
    }

    #[test]
    fn a_pair_has_one_peering_in_either_direction() {
        let mut world = Sandbox::new();
        let (one, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        let id = request(&mut world, &one, &other);
        let again = json!({"VpcId": other, "PeerVpcId": one});
        assert_eq!(world.refused("CreateVpcPeeringConnection", again.clone()), "VpcPeeringConnectionAlreadyExists");
        world.wait(2);
        world.ok("RejectVpcPeeringConnection", json!({"VpcPeeringConnectionId": id}));
        assert_eq!(state(&mut world, &id), "rejected");
        world.ok("CreateVpcPeeringConnection", again);
    }

    #[test]
    fn a_peering_needs_two_vpcs_that_exist() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let with = |peer: &str| json!({"VpcId": vpc, "PeerVpcId": peer});
        assert_eq!(world.refused("CreateVpcPeeringConnection", with(&vpc)), "InvalidParameterValue");
        assert_eq!(world.refused("CreateVpcPeeringConnection", with("vpc-0123456789abcdef0")), "InvalidVpcID.NotFound");
        let abroad = json!({"VpcId": vpc, "PeerVpcId": "vpc-0123456789abcdef0", "PeerRegion": "eu-west-1"});
        assert_eq!(world.refused("CreateVpcPeeringConnection", abroad), "NotImplemented");
    }

    #[test]
    fn an_unaccepted_peering_expires_after_seven_days() {
        let mut world = Sandbox::new();
        let (one, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        let id = request(&mut world, &one, &other);
        world.wait(7 * 24 * 3600 - 10);
        assert_eq!(state(&mut world, &id), "pending-acceptance");
        world.wait(10);
        assert_eq!(state(&mut world, &id), "expired");
    }

    #[test]
    fn dns_options_are_for_active_peerings() {
        let mut world = Sandbox::new();
        let (one, other) = (world.vpc("10.0.0.0/16"), world.vpc("10.1.0.0/16"));
        let id = request(&mut world, &one, &other);
        world.wait(2);
        let options = json!({
            "VpcPeeringConnectionId": id,
            "RequesterPeeringConnectionOptions": {"AllowDnsResolutionFromRemoteVpc": true},
        });
        assert_eq!(world.refused("ModifyVpcPeeringConnectionOptions", options.clone()), "OperationNotPermitted");
        world.ok("AcceptVpcPeeringConnection", json!({"VpcPeeringConnectionId": id}));
        world.wait(3);
        world.ok("ModifyVpcPeeringConnectionOptions", options);
        let peerings = world.ok("DescribeVpcPeeringConnections", json!({}));
        let peering = &peerings["VpcPeeringConnections"][0];
        let allow = |side: &str| &peering[side]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"];
        assert_eq!((allow("RequesterVpcInfo"), allow("AccepterVpcInfo")), (&json!(true), &json!(false)));
    }
}
