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
/// A private hosted zone, an hour: 0.50 a month of 730 hours for each of the first 25,
/// <https://aws.amazon.com/route53/pricing/>. AWS charges whole months, and nothing for one that stood less than 12 hours.
const HOSTED_ZONE: f64 = 0.50 / 730.0;
/// A GiB of a gp3 volume, an hour: 0.08 a month of 730 hours, <https://aws.amazon.com/ebs/pricing/>.
const VOLUME_GIB: f64 = 0.08 / 730.0;

/// US dollars an hour for one resource before any traffic, by AWS's list prices in us-east-1.
///
/// VPCs with their subnets, route tables, groups and rules, peerings, gateway endpoints, key pairs, IAM and user pools have
/// no hourly price; functions, log groups, APIs and a table on demand cost by what is done with them.
pub fn hourly_usd(spec: &Spec) -> f64 {
    match spec {
        // Idle or in use, a public address costs the same.
        Spec::ElasticIp(_) => PUBLIC_ADDRESS,
        Spec::NatGateway(_) => NAT_GATEWAY,
        Spec::InterfaceEndpoint(endpoint) => ENDPOINT_INTERFACE * endpoint.placements.len() as f64,
        Spec::ResolverEndpoint(endpoint) => RESOLVER_ADDRESS * endpoint.placements.len() as f64,
        Spec::HostedZone(_) => HOSTED_ZONE,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::{Facts, draw};
    use crate::plan::{DnsMode, Plan, Source, parse};

    const README: &str = include_str!("../README.md");

    fn cost(plan: &Plan) -> f64 {
        let facts = Facts {
            region: "us-east-1".into(),
            account: "111122223333".into(),
            zones: ["us-east-1a".into(), "us-east-1b".into()],
            linux_image: "ami-1".into(),
            windows_image: "ami-2".into(),
        };
        hourly_usd_of(&draw(plan, &facts))
    }

    /// The last cell of the README's table row that begins like this.
    fn promised(row: &str) -> &'static str {
        let line = README.lines().find(|line| line.starts_with(&format!("| {row}")));
        line.and_then(|line| line.trim_end_matches(" |").rsplit("| ").next()).unwrap_or_else(|| panic!("no row {row}"))
    }

    fn said(usd: f64) -> String {
        if usd == 0.0 { "nothing".into() } else { format!("${usd:.2}") }
    }

    #[test]
    fn the_readme_says_what_the_built_in_plans_cost() {
        for name in ["@foundation", "@minimal", "@skeleton"] {
            let plan = parse(&Source::built_in(name).unwrap()).unwrap();
            assert_eq!(promised(&format!("`{name}`")), said(cost(&plan)), "{name}");
        }
    }

    #[test]
    fn the_readme_says_what_each_part_costs() {
        let all = parse(&Source::built_in("@foundation").unwrap()).unwrap();
        let less = |change: fn(&mut Plan)| {
            let mut plan = all.clone();
            change(&mut plan);
            (cost(&all) - cost(&plan)).abs()
        };
        let app = less(|plan| plan.app_server.enabled = false);
        let nat = less(|plan| plan.onprem.nat = true);
        let endpoint = less(|plan| drop(plan.studio.endpoints.pop()));
        let resolver = less(|plan| plan.dns.mode = DnsMode::Off) - less(|plan| plan.dns.mode = DnsMode::Dhcp);
        let hosts = less(|plan| plan.dns.mode = DnsMode::Dhcp);
        assert_eq!(promised("app server"), said(app));
        assert_eq!(promised("NAT gateway"), said(nat));
        assert_eq!(promised("interface endpoint"), format!("{} each", said(endpoint)));
        assert_eq!(promised("resolver endpoint"), said(resolver));
        assert_eq!(promised("DNS hosts"), said(hosts));
    }
}
