//! What a lab takes from the place where it stands: zones and images, chosen when it is first built and kept in its
//! record from then on. An image that was chosen and that AWS offers no more is chosen anew once a host needs it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::LocationType;

use super::changes::{Changes, Work};
use super::record::Record;
use super::run::RunError;
use crate::aws::{Aws, Class, Failure, services};
use crate::blueprint::Facts;
use crate::plan::{DnsMode, Plan};
use crate::resource::{Spec, ec2};

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

/// Whether the zones of a pinned plan have what it asks for in them.
///
/// # Errors
/// AWS can't be asked, or a zone lacks something.
pub async fn check_zones(aws: &Aws, plan: &Plan) -> Result<(), RunError> {
    for offer in offers(aws, plan).await? {
        let mut zones = plan.zones.iter().flatten().take(if offer.in_both { 2 } else { 1 });
        if let Some(zone) = zones.find(|zone| !offer.zones.contains(*zone)) {
            return Err(RunError::NotInZone(zone.clone(), offer.what));
        }
    }
    Ok(())
}

/// The public parameters that name the images which a plan leaves open.
pub fn public_images(plan: &Plan) -> impl Iterator<Item = &'static str> {
    let linux = plan.dns.mode == DnsMode::Server && plan.dns.image.is_none();
    let windows = plan.app_server.enabled && plan.app_server.image.is_none();
    [(linux, LINUX), (windows, WINDOWS)].into_iter().filter_map(|(left_open, name)| left_open.then_some(name))
}

/// Those images of a pinned plan that nobody asked for: not `given`, the plan file if there is one, nor the record.
pub fn chosen_images(given: Option<&Plan>, pinned: &Plan, recorded: Option<&Record>) -> BTreeSet<String> {
    let images = |plan: &Plan| [plan.dns.image.clone(), plan.app_server.image.clone()];
    let asked = given.map(images);
    let chosen = |(place, image): (usize, Option<String>)| {
        let before = |image: &String| recorded.is_some_and(|record| record.chosen_images.contains(image));
        image.filter(|image| asked.as_ref().map_or_else(|| before(image), |asked| asked[place].is_none()))
    };
    images(pinned).into_iter().enumerate().filter_map(chosen).collect()
}

/// The record with other images in place of those that were chosen, that hosts are to start from, and that AWS offers
/// no more: it makes those of Windows private after some months. None where there are no such.
///
/// # Errors
/// AWS can't be asked.
pub async fn renew_images(aws: &Aws, record: &Record, changes: &Changes) -> Result<Option<Record>, RunError> {
    let started = changes.steps.iter().filter_map(|step| match &step.work {
        Work::Create { desired, .. } => match &desired.spec {
            Spec::Instance(host) => Some(host.image.clone()),
            _ => None,
        },
        _ => None,
    });
    let mut gone: BTreeSet<String> = started.filter(|image| record.chosen_images.contains(image)).collect();
    if gone.is_empty() {
        return Ok(None);
    }
    let filters = vec![ec2::filter("image-id", &gone), ec2::filter("state", ["available"])];
    let call = || aws.ec2.describe_images().include_deprecated(true).set_filters(Some(filters.clone())).send();
    let answer = aws.read("ec2", "DescribeImages", call).await?;
    gone.retain(|id| !answer.images().iter().any(|image| image.image_id() == Some(id)));

    let mut record = record.clone();
    let images = [(&mut record.plan.dns.image, LINUX), (&mut record.plan.app_server.image, WINDOWS)];
    for (pinned, parameter) in images {
        let Some(old) = pinned.take_if(|image| gone.contains(image)) else { continue };
        record.chosen_images.remove(&old);
        record.chosen_images.insert(pinned.insert(image(aws, parameter).await?).clone());
    }
    Ok((!gone.is_empty()).then_some(record))
}

/// What a pinned plan was built with in this Region and account; none where its zones were never chosen.
pub fn facts(plan: &Plan, region: &str, account: &str) -> Option<Facts> {
    Some(Facts {
        region: region.to_owned(),
        account: account.to_owned(),
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
    let offers = offers(aws, plan).await?;
    let (mut fit, mut lacks) = (Vec::new(), Vec::new());
    for zone in zones.into_values() {
        let lacking = offers.iter().filter(|offer| !offer.zones.contains(&zone)).map(|offer| offer.what.as_str());
        let lacking: Vec<_> = lacking.collect();
        if lacking.is_empty() {
            fit.push(zone);
        } else {
            lacks.push(format!("{zone} lacks {}", lacking.join(" and ")));
        }
    }
    match fit.as_slice() {
        [a, b, ..] => Ok([a.clone(), b.clone()]),
        _ => Err(RunError::Zones(aws.region().to_owned(), fit.len(), lacks)),
    }
}

/// Something that a plan asks for, and the zones that have it, by this account's names.
struct Offer {
    what: String,
    zones: BTreeSet<String>,
    /// Whether both zones of the lab need it, or only the first.
    in_both: bool,
}

/// All that the plan asks for and that some zones lack.
async fn offers(aws: &Aws, plan: &Plan) -> Result<Vec<Offer>, RunError> {
    let mut offers = Vec::new();
    for (service, zones) in zones_of_services(aws, plan).await? {
        if zones.is_empty() {
            return Err(RunError::NoService(service, aws.region().to_owned()));
        }
        offers.push(Offer { what: service, zones, in_both: true });
    }
    let hosts = (plan.dns.mode == DnsMode::Server).then_some(&plan.dns.instance_type);
    let app = plan.app_server.enabled.then_some(&plan.app_server.instance_type);
    let types: BTreeSet<&String> = hosts.into_iter().chain(app).collect();
    for (instance_type, zones) in zones_of_instance_types(aws, &types).await? {
        offers.push(Offer { in_both: hosts == Some(&instance_type), what: instance_type, zones });
    }
    Ok(offers)
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

/// For each of these instance types, the zones that offer it.
async fn zones_of_instance_types(
    aws: &Aws,
    types: &BTreeSet<&String>,
) -> Result<BTreeMap<String, BTreeSet<String>>, RunError> {
    let mut zones: BTreeMap<String, BTreeSet<String>> =
        types.iter().map(|name| (name.to_string(), BTreeSet::new())).collect();
    if zones.is_empty() {
        return Ok(zones);
    }
    let filters = vec![ec2::filter("instance-type", types.iter().copied())];
    let offerings = aws
        .read_pages("ec2", "DescribeInstanceTypeOfferings", |next| {
            let call = aws.ec2.describe_instance_type_offerings().location_type(LocationType::AvailabilityZone);
            let call = call.set_filters(Some(filters.clone())).set_next_token(next);
            async { call.send().await.map(|page| (page.instance_type_offerings.unwrap_or_default(), page.next_token)) }
        })
        .await?;
    for offering in offerings {
        if let Some(zones) = offering.instance_type().and_then(|name| zones.get_mut(name.as_str())) {
            zones.extend(offering.location().map(str::to_owned));
        }
    }
    Ok(zones)
}
