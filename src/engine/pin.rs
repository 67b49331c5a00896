//! What a lab takes from the place where it stands: zones and images, chosen when it is first built and kept in its
//! record from then on.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::LocationType;

use super::run::RunError;
use crate::aws::{Aws, Class, Failure, services};
use crate::blueprint::Facts;
use crate::plan::{DnsMode, Plan};
use crate::resource::ec2;

/// AWS's public parameter for Amazon Linux 2023:
/// <https://docs.aws.amazon.com/linux/al2023/ug/ec2.html>.
const LINUX: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
/// AWS's public parameter for Windows Server 2022:
/// <https://docs.aws.amazon.com/AWSEC2/latest/WindowsGuide/finding-an-ami.html>.
const WINDOWS: &str = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base";

/// The plan with everything in it that is chosen once: what it says itself, else what was chosen before, else a choice
/// made now.
///
/// # Errors
/// AWS can't be asked, or offers nothing to choose from.
pub async fn pin(aws: &Aws, plan: &Plan, recorded: Option<&Plan>) -> Result<Plan, RunError> {
    let mut plan = plan.clone();
    if let Some(recorded) = recorded {
        plan.take_choices(recorded);
    }
    plan.zones = Some(match plan.zones.take() {
        Some(zones) if zones.iter().all(|zone| is_name(zone, aws.region())) => zones,
        chosen => choose_zones(aws, &plan, chosen).await?,
    });
    if plan.dns.mode == DnsMode::Server && plan.dns.image.is_none() {
        plan.dns.image = Some(image(aws, LINUX).await?);
    }
    if plan.app_server.enabled && plan.app_server.image.is_none() {
        plan.app_server.image = Some(image(aws, WINDOWS).await?);
    }
    Ok(plan)
}

/// What a pinned plan was built with; none where its zones were never chosen.
pub fn facts(plan: &Plan, region: &str) -> Option<Facts> {
    Some(Facts {
        region: region.to_owned(),
        zones: plan.zones.clone()?,
        linux_image: plan.dns.image.clone().unwrap_or_default(),
        windows_image: plan.app_server.image.clone().unwrap_or_default(),
    })
}

/// Whether it is a zone's name in this account, not its id.
fn is_name(zone: &str, region: &str) -> bool {
    zone.starts_with(region)
}

async fn image(aws: &Aws, parameter: &str) -> Result<String, RunError> {
    let answer = aws.read("ssm", "GetParameter", || aws.ssm.get_parameter().name(parameter).send()).await?;
    let image = answer.parameter().and_then(|parameter| parameter.value()).map(str::to_owned);
    let missing = || Failure::here("GetParameter", Class::NotFound, format!("{parameter} has no value"));
    Ok(image.ok_or_else(missing)?)
}

/// Two zones in which everything that the plan asks for is offered, the first by zone *id*: it names the same place
/// in every account, which the zone's name doesn't.
async fn choose_zones(aws: &Aws, plan: &Plan, ids: Option<[String; 2]>) -> Result<[String; 2], RunError> {
    let zones = zones(aws).await?;
    if let Some([a, b]) = ids {
        let named =
            |id: &String| zones.get(id).cloned().ok_or_else(|| RunError::NoZone(id.clone(), aws.region().to_owned()));
        return Ok([named(&a)?, named(&b)?]);
    }
    let mut offered: Vec<String> = zones.into_values().collect();
    for (service, names) in zones_of_services(aws, plan).await? {
        if names.is_empty() {
            return Err(RunError::NoService(service, aws.region().to_owned()));
        }
        offered.retain(|zone| names.contains(zone));
    }
    for names in zones_of_instance_types(aws, plan).await? {
        offered.retain(|zone| names.contains(zone));
    }
    let count = offered.len();
    let mut offered = offered.into_iter();
    match (offered.next(), offered.next()) {
        (Some(a), Some(b)) => Ok([a, b]),
        _ => Err(RunError::Zones(aws.region().to_owned(), count)),
    }
}

/// The Region's zones that need no opting in: id → name.
async fn zones(aws: &Aws) -> Result<BTreeMap<String, String>, RunError> {
    let filters = vec![ec2::filter("state", ["available"]), ec2::filter("opt-in-status", ["opt-in-not-required"])];
    let call = || aws.ec2.describe_availability_zones().set_filters(Some(filters.clone())).send();
    let answer = aws.read("ec2", "DescribeAvailabilityZones", call).await?;
    let zones = answer.availability_zones().iter();
    Ok(zones.filter_map(|zone| Some((zone.zone_id()?.to_owned(), zone.zone_name()?.to_owned()))).collect())
}

/// For each service that the plan has an interface endpoint for, the zones that have it, by this account's names.
async fn zones_of_services(aws: &Aws, plan: &Plan) -> Result<BTreeMap<String, BTreeSet<String>>, RunError> {
    let endpoints = plan.onprem.endpoints.iter().chain(&plan.studio.endpoints);
    let names = endpoints.map(|endpoint| services::full_name(&endpoint.service, aws.region()));
    let mut zones: BTreeMap<String, BTreeSet<String>> = names.map(|name| (name, BTreeSet::new())).collect();
    if zones.is_empty() {
        return Ok(zones);
    }
    // By filter: asking by name is refused altogether where the Region lacks one of them.
    let filters = vec![ec2::filter("service-name", zones.keys()), ec2::filter("service-type", ["Interface"])];
    let details = aws
        .read_pages("ec2", "DescribeVpcEndpointServices", |next| {
            let call = aws.ec2.describe_vpc_endpoint_services().set_filters(Some(filters.clone()));
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.service_details.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    for detail in details {
        if let Some(zones) = detail.service_name().and_then(|name| zones.get_mut(name)) {
            zones.extend(detail.availability_zones().iter().cloned());
        }
    }
    Ok(zones)
}

/// For each instance type that the plan asks for, the zones that offer it.
async fn zones_of_instance_types(aws: &Aws, plan: &Plan) -> Result<Vec<BTreeSet<String>>, RunError> {
    let hosts = (plan.dns.mode == DnsMode::Server).then_some(&plan.dns.instance_type);
    let app = plan.app_server.enabled.then_some(&plan.app_server.instance_type);
    let types: BTreeSet<&String> = hosts.into_iter().chain(app).collect();
    if types.is_empty() {
        return Ok(Vec::new());
    }
    let filters = vec![ec2::filter("instance-type", types.iter().copied())];
    let offerings = aws
        .read_pages("ec2", "DescribeInstanceTypeOfferings", |next| {
            let call = aws.ec2.describe_instance_type_offerings().location_type(LocationType::AvailabilityZone);
            let call = call.set_filters(Some(filters.clone())).set_next_token(next);
            async { call.send().await.map(|page| (page.instance_type_offerings.unwrap_or_default(), page.next_token)) }
        })
        .await?;
    let of = |wanted: &&String| {
        let offered =
            offerings.iter().filter(|one| one.instance_type().is_some_and(|known| known.as_str() == **wanted));
        offered.filter_map(|one| one.location().map(str::to_owned)).collect()
    };
    Ok(types.iter().map(of).collect())
}
