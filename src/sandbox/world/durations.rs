//! How long AWS takes over what it does after it has answered.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Dice;

/// Which durations the world shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durations {
    /// No pending states: everything is ready when the call answers.
    Instant,
    /// The same typical time whenever the same thing is done.
    #[default]
    Typical,
    /// Drawn around the typical time, with a longer tail above it than below.
    Drawn,
}

/// A VPC until `available`, in seconds.
pub const VPC_CREATE: f64 = 1.1;
/// A subnet until `available`, in seconds.
pub const SUBNET_CREATE: f64 = 0.6;
/// A peering from its request until `pending-acceptance` or `failed`, in seconds.
pub const PEERING_REQUEST: f64 = 1.2;
/// A peering from its acceptance until `active`, in seconds.
pub const PEERING_ACCEPT: f64 = 2.0;
/// A peering from `deleting` until `deleted`, in seconds.
pub const PEERING_DELETE: f64 = 1.0;
/// A resolver endpoint from its creation until `OPERATIONAL`, an address of it until `ATTACHED`, in seconds.
pub const RESOLVER_ENDPOINT_CREATE: f64 = 72.0;
/// A resolver endpoint or an address of it from `DELETING` until it is gone, in seconds.
pub const RESOLVER_ENDPOINT_DELETE: f64 = 60.0;
/// A resolver rule from a change until `COMPLETE`, in seconds.
pub const RESOLVER_RULE_UPDATE: f64 = 30.0;
/// A resolver rule from `DELETING` until it is gone, in seconds.
pub const RESOLVER_RULE_DELETE: f64 = 5.0;
/// A resolver rule's association with a VPC from its creation until `COMPLETE`, in seconds.
pub const RESOLVER_RULE_ASSOCIATE: f64 = 60.0;
/// A resolver rule's association with a VPC from `DELETING` until it is gone, in seconds.
pub const RESOLVER_RULE_DISASSOCIATE: f64 = 60.0;
/// A change of a hosted zone, its creation included, until every DNS server knows of it, in seconds.
pub const ZONE_CHANGE: f64 = 32.0;
/// An instance profile, or a role in it, until EC2 has heard of it, in seconds.
pub const INSTANCE_PROFILE_KNOWN: f64 = 7.0;
/// A role, or a policy that it is given, until other services have heard of it, in seconds.
pub const ROLE_KNOWN: f64 = 7.0;
/// An instance until `running`, in seconds.
pub const INSTANCE_START: f64 = 12.0;
/// An instance from `stopping` until `stopped`, in seconds.
pub const INSTANCE_STOP: f64 = 30.0;
/// An instance from `shutting-down` until `terminated`, in seconds.
pub const INSTANCE_TERMINATE: f64 = 40.0;
/// An instance from `running` until both its status checks are `ok`, in seconds.
pub const INSTANCE_CHECKS: f64 = 150.0;
/// A Windows instance from its launch until its password can be had, in seconds.
pub const WINDOWS_PASSWORD: f64 = 420.0;
/// A volume of its own until `available`, in seconds.
pub const VOLUME_CREATE: f64 = 2.0;
/// An interface endpoint until `available`, in seconds.
pub const INTERFACE_ENDPOINT_CREATE: f64 = 43.0;
/// An interface endpoint until it has changed its subnets or its private names, in seconds.
pub const INTERFACE_ENDPOINT_MODIFY: f64 = 20.0;
/// An interface endpoint from `deleting` until `deleted`, in seconds.
pub const INTERFACE_ENDPOINT_DELETE: f64 = 45.0;
/// A gateway endpoint until `available`, in seconds.
pub const GATEWAY_ENDPOINT_CREATE: f64 = 6.0;
/// A gateway endpoint from `deleting` until `deleted`, in seconds.
pub const GATEWAY_ENDPOINT_DELETE: f64 = 3.0;
/// A NAT gateway until `available`, in seconds.
pub const NAT_GATEWAY_CREATE: f64 = 90.0;
/// A NAT gateway that cannot work until `failed`, in seconds.
pub const NAT_GATEWAY_FAIL: f64 = 8.0;
/// A NAT gateway from `deleting` until `deleted`, in seconds.
pub const NAT_GATEWAY_DELETE: f64 = 60.0;
/// A function outside of every VPC until `Active`, in seconds.
pub const FUNCTION_CREATE: f64 = 2.0;
/// A function in a VPC until `Active`, in seconds.
pub const FUNCTION_CREATE_IN_VPC: f64 = 22.0;
/// A function until a change of its code or configuration is `Successful`, in seconds.
pub const FUNCTION_UPDATE: f64 = 2.0;
/// An interface of Lambda's from when no function needs it until it is `available`, in seconds.
pub const FUNCTION_INTERFACE_DETACH: f64 = 240.0;
/// An interface of Lambda's from when no function needs it until Lambda deletes it, in seconds.
pub const FUNCTION_INTERFACE_REAP: f64 = 1800.0;
/// The same where the role that Lambda made it by is gone, in seconds.
pub const FUNCTION_INTERFACE_LINGER: f64 = 2700.0;
/// A table until `ACTIVE`, in seconds.
pub const TABLE_CREATE: f64 = 8.0;
/// A table from a change until it is `ACTIVE` again, in seconds.
pub const TABLE_UPDATE: f64 = 4.0;
/// A table from `DELETING` until it is gone, in seconds.
pub const TABLE_DELETE: f64 = 6.0;
/// A file system until `available`, in seconds.
pub const FILE_SYSTEM_CREATE: f64 = 5.0;
/// A file system until it has changed its throughput, in seconds.
pub const FILE_SYSTEM_UPDATE: f64 = 10.0;
/// A file system from `deleting` until it is gone, in seconds.
pub const FILE_SYSTEM_DELETE: f64 = 5.0;
/// A mount target until `available`, in seconds.
pub const MOUNT_TARGET_CREATE: f64 = 80.0;
/// A mount target from `deleting` until it is gone, in seconds.
pub const MOUNT_TARGET_DELETE: f64 = 15.0;
/// A Studio domain until `InService`, or an older one until it has a home file system, in seconds.
pub const DOMAIN_CREATE: f64 = 115.0;
/// A Studio domain without a home file system until `InService`, in seconds.
pub const DOMAIN_CREATE_WITHOUT_HOME: f64 = 60.0;
/// A Studio domain from `Updating` until `InService`, in seconds.
pub const DOMAIN_UPDATE: f64 = 10.0;
/// A Studio domain from `Deleting` until it is gone, in seconds.
pub const DOMAIN_DELETE: f64 = 100.0;
/// A user profile until `InService`, in seconds.
pub const USER_PROFILE_CREATE: f64 = 4.0;
/// A user profile from `Updating` until `InService`, in seconds.
pub const USER_PROFILE_UPDATE: f64 = 3.0;
/// A user profile from `Deleting` until it is gone, in seconds.
pub const USER_PROFILE_DELETE: f64 = 6.0;
/// A space until `InService`, in seconds.
pub const SPACE_CREATE: f64 = 3.0;
/// A space from `Updating` until `InService`, in seconds.
pub const SPACE_UPDATE: f64 = 3.0;
/// A space from `Deleting` until it is gone, in seconds.
pub const SPACE_DELETE: f64 = 5.0;
/// An app until `InService` or `Failed`, in seconds.
pub const APP_CREATE: f64 = 120.0;
/// An app from `Deleting` until `Deleted`, in seconds.
pub const APP_DELETE: f64 = 180.0;
/// The network interface of an app that is `Deleted` until it is gone, in seconds.
pub const APP_DRAIN: f64 = 60.0;

impl Durations {
    /// How long something takes this time that typically takes `seconds`.
    pub fn pick(self, seconds: f64, dice: &mut Dice) -> SignedDuration {
        let factor = match self {
            Durations::Instant => return SignedDuration::ZERO,
            Durations::Typical => 1.0,
            Durations::Drawn => log_normal(dice),
        };
        // Whole milliseconds survive every serialisation.
        SignedDuration::from_millis((seconds * factor * 1000.0).round() as i64)
    }
}

/// A factor with median 1, between a quarter and four.
fn log_normal(dice: &mut Dice) -> f64 {
    // The sum of twelve uniform numbers is close to a normal one of variance 1.
    let normal = (0..12).map(|_| dice.unit()).sum::<f64>() - 6.0;
    (0.4 * normal).exp().clamp(0.25, 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instant_takes_no_time_and_typical_always_the_same() {
        let mut dice = Dice::new(1);
        assert_eq!(Durations::Instant.pick(1.1, &mut dice), SignedDuration::ZERO);
        assert_eq!(Durations::Typical.pick(1.1, &mut dice), SignedDuration::from_millis(1100));
    }

    #[test]
    fn drawn_times_scatter_around_the_typical_one() {
        let mut dice = Dice::new(7);
        let mut times: Vec<_> = (0..1001).map(|_| Durations::Drawn.pick(10.0, &mut dice).as_millis()).collect();
        times.sort_unstable();
        assert!((9_000..11_000).contains(&times[500]), "median {}", times[500]);
        assert!(times[0] >= 2_500 && times[1000] <= 40_000);
        assert!(times[0] < 6_000 && times[1000] > 16_000);
    }
}
