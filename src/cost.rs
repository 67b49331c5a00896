//! What a lab costs while it stands.

use crate::blueprint::Blueprint;
use crate::resource::Spec;
use crate::resource::instance::Instance;

/// One address of a public IPv4, an hour: <https://aws.amazon.com/vpc/pricing/>.
const PUBLIC_ADDRESS: f64 = 0.005;
/// One network interface of an interface endpoint, an hour: <https://aws.amazon.com/privatelink/pricing/>.
const ENDPOINT_INTERFACE: f64 = 0.01;
/// One address of a resolver endpoint, an hour: <https://aws.amazon.com/route53/pricing/>.
const RESOLVER_ADDRESS: f64 = 0.125;
/// A NAT gateway, an hour: <https://aws.amazon.com/vpc/pricing/>.
const NAT_GATEWAY: f64 = 0.045;
/// A GiB of a gp3 volume, an hour: 0.08 a month of 730 hours, <https://aws.amazon.com/ebs/pricing/>.
const VOLUME_GIB: f64 = 0.08 / 730.0;

/// US dollars an hour for one resource before any traffic, by AWS's list prices in us-east-1.
///
/// VPCs with their subnets, tables, groups and rules, peerings, gateway endpoints, key pairs and IAM have no hourly
/// price.
pub fn hourly_usd(spec: &Spec) -> f64 {
    match spec {
        // Idle or in use, a public address costs the same.
        Spec::ElasticIp(_) => PUBLIC_ADDRESS,
        Spec::NatGateway(_) => NAT_GATEWAY,
        Spec::InterfaceEndpoint(endpoint) => ENDPOINT_INTERFACE * endpoint.placements.len() as f64,
        Spec::ResolverEndpoint(endpoint) => RESOLVER_ADDRESS * endpoint.placements.len() as f64,
        Spec::Instance(instance) => instance_usd(instance),
        Spec::Volume(volume) => VOLUME_GIB * f64::from(volume.size_gib),
        _ => 0.0,
    }
}

fn instance_usd(instance: &Instance) -> f64 {
    let volume = instance.root_volume.as_ref().map_or(0.0, |volume| VOLUME_GIB * f64::from(volume.size_gib));
    let address = if instance.public { PUBLIC_ADDRESS } else { 0.0 };
    per_hour(&instance.instance_type) + volume + address
}

/// On demand, <https://aws.amazon.com/ec2/pricing/on-demand/>: Linux, and the types that the app server can have with
/// Windows. Doubling with each size, as AWS prices them.
fn per_hour(instance_type: &str) -> f64 {
    let (family, size) = instance_type.split_once('.').unwrap_or((instance_type, ""));
    let medium = match family {
        // The app server's default; Windows adds 0.0184.
        "t3a" => 0.0376 + 0.0184,
        "t3" => 0.0416,
        "t2" => 0.0464,
        "t4g" => 0.0336,
        "m5" | "m6i" | "m7i" => 0.048,
        _ => 0.05,
    };
    let sizes = ["nano", "micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge"];
    let step = sizes.iter().position(|name| *name == size).unwrap_or(3) as i32 - 3;
    medium * 2f64.powi(step)
}

/// US dollars an hour for everything that the blueprint asks for, before any traffic.
pub fn hourly_usd_of(blueprint: &Blueprint) -> f64 {
    blueprint.iter().map(|desired| hourly_usd(&desired.spec)).sum()
}
