//! A private hosted zone: <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zones-private.html>.
//!
//! The create call takes no tags, but a caller reference, which stays and which nobody can change:
//! `breezeway/REGION/LAB/ADDRESS/NONCE` says whose a zone is. What it says is shown as the tags that other kinds have.
//!
//! It is ready at once. Route 53 spreads a change within about a minute, and nothing that comes later in a run looks up
//! what is in a zone: asking whether it has arrived would only spend calls, of which an account has five a second.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::types::{
    HostedZoneConfig, HostedZoneSummary, HostedZoneType, Tag, TagResourceType, Vpc as SdkVpc, VpcRegion,
};
use futures::future;
use serde::{Deserialize, Serialize};

use super::vpc::Vpc;
use super::{Creation, Kind, LabName, Listing, Observed, Operations, Query, Ref, Resource, Seconds, Set, record_set};
use crate::aws::tags::{self, Tags};
use crate::aws::{Aws, Class, Failure};

pub(super) const SERVICE: &str = "route53";

/// The most that Route 53 puts on a page.
const PAGE: i32 = 100;

/// What is [unread](Observed::unread) of another account's zone.
pub const RECORDS: &str = "records";

/// What a private hosted zone is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostedZone {
    /// The domain that it answers for, without a dot at the end.
    pub name: String,
    /// Where it does so. The create call takes the first; a lab's zones have just one.
    pub vpcs: Set<ZoneVpc>,
    /// What people may read about it.
    pub comment: String,
}

/// A VPC whose resolver answers from a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneVpc {
    /// The VPC.
    pub vpc: Ref<Vpc>,
    /// Its Region: zones have none.
    pub region: String,
}

impl Resource for HostedZone {
    const IN_PLACE: &'static [&'static str] = &["vpcs", "comment"];
    const ROOT: bool = true;
    const TAGGED_LATER: bool = true;
    const OPERATIONS: Operations = Operations {
        service: SERVICE,
        create: "CreateHostedZone",
        change: "AssociateVPCWithHostedZone",
        delete: "DeleteHostedZone",
    };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };

    fn excludes(&self, other: &Self) -> bool {
        self.name == other.name && self.vpcs.iter().any(|one| other.vpcs.iter().any(|two| one.vpc == two.vpc))
    }

    fn answers_for(&self) -> Vec<String> {
        self.vpcs.iter().map(|one| format!("{} {}", one.vpc.text(), self.name)).collect()
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let vpc = self.vpcs.iter().next().map(ZoneVpc::to_sdk).transpose()?;
        let config = HostedZoneConfig::builder().comment(&self.comment).private_zone(true).build();
        let reference = caller_reference(aws.region(), with);
        let answer = aws
            .write(SERVICE, "CreateHostedZone", || {
                let call = aws.route53.create_hosted_zone().name(&self.name).set_vpc(vpc.clone());
                call.caller_reference(&reference).hosted_zone_config(config.clone()).send()
            })
            .await?;
        let id = answer.hosted_zone().map(|zone| bare(zone.id())).unwrap_or_default();
        Ok(Observed::standing(id, owner(&reference, aws.region()), self.clone()))
    }

    /// Goes by what is there now, so that doing it twice is harmless. A zone keeps one VPC at least: new ones come first.
    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let now = get(aws, &from.id).await?;
        let now = now.hosted_zone().map(|zone| zone.config().and_then(HostedZoneConfig::comment)).zip(Some(vpcs(&now)));
        let Some((comment, vpcs)) = now else { return Ok(()) };
        if comment.unwrap_or_default() != self.comment {
            let call = || aws.route53.update_hosted_zone_comment().id(&from.id).comment(&self.comment).send();
            aws.write(SERVICE, "UpdateHostedZoneComment", call).await?;
        }
        for new in self.vpcs.iter().filter(|vpc| !vpcs.iter().any(|there| there == *vpc)) {
            let vpc = new.to_sdk()?;
            let call = || aws.route53.associate_vpc_with_hosted_zone().hosted_zone_id(&from.id).vpc(vpc.clone()).send();
            // What answers there already isn't this zone.
            aws.write(SERVICE, "AssociateVPCWithHostedZone", call).await.map_err(|failure| match failure.class {
                Class::AlreadySo => Failure { class: Class::InUse, ..failure },
                _ => failure,
            })?;
        }
        for extra in vpcs.iter().filter(|vpc| !self.vpcs.iter().any(|wanted| wanted == *vpc)) {
            let vpc = extra.to_sdk()?;
            let call =
                || aws.route53.disassociate_vpc_from_hosted_zone().hosted_zone_id(&from.id).vpc(vpc.clone()).send();
            aws.write(SERVICE, "DisassociateVPCFromHostedZone", call).await?;
        }
        Ok(())
    }

    /// A zone goes after its records, whoever made them.
    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let records = record_set::of_zone(aws, &observed.id).await?;
        record_set::remove(aws, &observed.id, records).await?;
        let call = || aws.route53.delete_hosted_zone().id(&observed.id).send();
        aws.write(SERVICE, "DeleteHostedZone", call).await.map(drop)
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        let tags: Vec<_> = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        aws.write(SERVICE, "ChangeTagsForResource", || {
            let call = aws.route53.change_tags_for_resource().resource_type(TagResourceType::Hostedzone);
            call.resource_id(id).set_add_tags(Some(tags.clone())).send()
        })
        .await
        .map(drop)
    }
}

impl ZoneVpc {
    fn to_sdk(&self) -> Result<SdkVpc, Failure> {
        let region = VpcRegion::from(self.region.as_str());
        Ok(SdkVpc::builder().vpc_id(self.vpc.id()?).vpc_region(region).build())
    }
}

/// An id without the path that answers write before it.
fn bare(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(_, id)| id)
}

/// A name as it is asked for: answers have a dot at its end, and `\052` for `*`.
pub(super) fn as_asked(name: &str) -> String {
    name.trim_end_matches('.').replace("\\052", "*").to_ascii_lowercase()
}

/// At most 128 characters. Zones have no Region, and a lab has its name in one.
fn caller_reference(region: &str, with: &Creation) -> String {
    let tag = |key: &str| with.tags.get(key).map(String::as_str).unwrap_or_default();
    let nonce = with.token.get(..16).unwrap_or(&with.token);
    format!("breezeway/{region}/{}/{}/{nonce}", tag(tags::LAB), tag(tags::ADDRESS))
}

/// The tags that a caller reference stands for.
fn owner(reference: &str, region: &str) -> Tags {
    let read = || {
        let (lab, rest) = reference.strip_prefix(&format!("breezeway/{region}/"))?.split_once('/')?;
        let (address, _) = rest.rsplit_once('/')?;
        Some([(tags::LAB, lab), (tags::ADDRESS, address)])
    };
    read().into_iter().flatten().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn vpcs(zone: &GetHostedZoneOutput) -> Set<ZoneVpc> {
    let vpc = |vpc: &SdkVpc| {
        let region = vpc.vpc_region().map(|region| region.as_str().to_owned()).unwrap_or_default();
        Some(ZoneVpc { vpc: Ref::known(vpc.vpc_id()?), region })
    };
    zone.vpcs().iter().filter_map(vpc).collect()
}

/// A zone that a list just showed, or that stood a moment ago.
async fn get(aws: &Aws, id: &str) -> Result<GetHostedZoneOutput, Failure> {
    aws.read_listed(SERVICE, "GetHostedZone", || aws.route53.get_hosted_zone().id(id).send()).await
}

async fn tags_of(aws: &Aws, id: &str) -> Result<Tags, Failure> {
    let call = || {
        let call = aws.route53.list_tags_for_resource().resource_type(TagResourceType::Hostedzone);
        call.resource_id(id).send()
    };
    let answer = aws.read_listed(SERVICE, "ListTagsForResource", call).await?;
    let tags = answer.resource_tag_set().map(|set| set.tags()).unwrap_or_default();
    Ok(tags
        .iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect())
}

/// The ids of a lab's zones. Zones are listed for the whole account, a hundred private ones a call: only there is the
/// caller reference, and a zone that was taken from its VPC is no longer listed by that.
async fn of_lab(aws: &Aws, lab: &LabName) -> Result<Vec<String>, Failure> {
    let zones = aws
        .read_pages(SERVICE, "ListHostedZones", |next| {
            let call = aws.route53.list_hosted_zones().hosted_zone_type(HostedZoneType::PrivateHostedZone);
            let call = call.max_items(PAGE).set_marker(next);
            async { call.send().await.map(|page| (page.hosted_zones, page.next_marker)) }
        })
        .await?;
    let is_ours = |reference: &str| reference.starts_with(lab.path.trim_start_matches('/'));
    Ok(zones.iter().filter(|zone| is_ours(zone.caller_reference())).map(|zone| bare(zone.id()).to_owned()).collect())
}

/// Lists the zones of a lab with their records: for each zone itself, its tags and a page of 300 records.
///
/// # Errors
/// The list itself could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let ids = match query {
        Query::Lab(lab) => of_lab(aws, lab).await?,
        Query::Ids(ids) => ids.clone(),
        Query::Inside(_) => Vec::new(),
    };
    Ok(gathered(future::join_all(ids.iter().map(|id| one(aws, id, tags_of(aws, id)))).await))
}

/// Lists the zones that answer in these VPCs, but for those `known` already and those of AWS's own services, such as
/// endpoints' private names. Of another account's zone nothing but its name can be read. Tags aren't asked for: they would
/// prove nothing.
///
/// # Errors
/// The zones of a VPC can't be listed, or the account isn't known.
pub async fn answering_in(aws: &Aws, vpcs: &[String], known: &BTreeSet<String>) -> Result<Listing, Failure> {
    let answers = future::try_join_all(vpcs.iter().map(|vpc| in_vpc(aws, vpc))).await?;
    let mut zones: BTreeMap<&str, (&str, &str, Vec<ZoneVpc>)> = BTreeMap::new();
    for (vpc, summaries) in vpcs.iter().zip(&answers) {
        for summary in summaries.iter().filter(|summary| !known.contains(bare(summary.hosted_zone_id()))) {
            let Some(account) = summary.owner().and_then(|owner| owner.owning_account()) else { continue };
            let new = || (account, summary.name(), Vec::new());
            let (.., vpcs) = zones.entry(bare(summary.hosted_zone_id())).or_insert_with(new);
            vpcs.push(ZoneVpc { vpc: Ref::known(vpc), region: aws.region().to_owned() });
        }
    }
    if zones.is_empty() {
        return Ok(Listing::default());
    }
    let own = aws.account().await?;
    let read = zones.into_iter().map(|(id, (account, name, vpcs))| {
        let own = &own;
        async move {
            if account == own {
                return one(aws, id, future::ok(Tags::new())).await;
            }
            let spec = HostedZone { name: as_asked(name), vpcs: Set::from(vpcs), comment: String::new() };
            Ok(vec![Observed { unread: vec![RECORDS.to_owned()], ..Observed::standing(id, Tags::new(), spec) }])
        }
    });
    Ok(gathered(future::join_all(read).await))
}

/// The zones that answer in a VPC, whoever has them.
async fn in_vpc(aws: &Aws, vpc: &str) -> Result<Vec<HostedZoneSummary>, Failure> {
    aws.read_pages(SERVICE, "ListHostedZonesByVPC", |next| {
        let call = aws.route53.list_hosted_zones_by_vpc().vpc_id(vpc).vpc_region(VpcRegion::from(aws.region()));
        let call = call.max_items(PAGE).set_next_token(next);
        async { call.send().await.map(|page| (page.hosted_zone_summaries, page.next_token)) }
    })
    .await
}

/// What was found, without zones that went meanwhile.
fn gathered(zones: Vec<Result<Vec<Observed>, Failure>>) -> Listing {
    let mut listing = Listing::default();
    for zone in zones {
        match zone {
            Ok(found) => listing.found.extend(found),
            Err(failure) if failure.class == Class::NotFound => {}
            Err(failure) => listing.unreadable.extend(unread(&failure)),
        }
    }
    listing
}

/// What isn't known where zones can't be read.
pub fn unread(failure: &Failure) -> [(Kind, Failure); 2] {
    [Kind::HostedZone, Kind::RecordSet].map(|kind| (kind, failure.clone()))
}

/// A zone and its records.
async fn one(aws: &Aws, id: &str, tags: impl Future<Output = Result<Tags, Failure>>) -> Result<Vec<Observed>, Failure> {
    let (zone, records, tags) = future::try_join3(get(aws, id), record_set::of_zone(aws, id), tags).await?;
    let records = records.iter().map(|record| record_set::read(id, record));
    Ok(read(&zone, tags, aws.region()).into_iter().chain(records).collect())
}

fn read(answer: &GetHostedZoneOutput, mut tags: Tags, region: &str) -> Option<Observed> {
    let zone = answer.hosted_zone()?;
    tags.extend(owner(zone.caller_reference(), region));
    let comment = zone.config().and_then(HostedZoneConfig::comment).unwrap_or_default();
    let spec = HostedZone { name: as_asked(zone.name()), vpcs: vpcs(answer), comment: comment.to_owned() };
    Some(Observed::standing(bare(zone.id()), tags, spec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::lab_name;

    fn creation(lab: &str, address: &str) -> Creation {
        let tags = [(tags::LAB, lab), (tags::ADDRESS, address), ("Name", "x")];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Creation { tags, token: "0123456789abcdef0123456789abcdef".into() }
    }

    #[test]
    fn a_caller_reference_says_whose_a_zone_is() {
        let reference = caller_reference("eu-west-1", &creation("demo", "studio/hosted-zone/studio"));
        assert_eq!(reference, "breezeway/eu-west-1/demo/studio/hosted-zone/studio/0123456789abcdef");
        assert!(reference.starts_with(lab_name("demo", "eu-west-1").path.trim_start_matches('/')));
        let tags = owner(&reference, "eu-west-1");
        assert_eq!(tags.get(tags::LAB).map(String::as_str), Some("demo"));
        assert_eq!(tags.get(tags::ADDRESS).map(String::as_str), Some("studio/hosted-zone/studio"));
        assert!(owner(&reference, "eu-west-2").is_empty(), "a lab of that name in another Region");
        assert!(owner("terraform-20260105", "eu-west-1").is_empty());
    }

    #[test]
    fn the_longest_caller_reference_is_short_enough() {
        let with = creation(&"l".repeat(32), "onprem/hosted-zone/sagemaker.featurestore-runtime-2");
        assert!(caller_reference("ap-southeast-1", &with).len() <= 128);
    }

    #[test]
    fn a_vpc_has_one_zone_of_a_name() {
        let zone = |name: &str, vpc: &str| {
            let vpc = ZoneVpc { vpc: Ref::known(vpc), region: "eu-west-1".into() };
            HostedZone { name: name.into(), vpcs: Set::from(vec![vpc]), comment: String::new() }
        };
        assert!(zone("a.example", "vpc-1").excludes(&zone("a.example", "vpc-1")));
        assert!(!zone("a.example", "vpc-1").excludes(&zone("a.example", "vpc-2")));
        assert!(!zone("a.example", "vpc-1").excludes(&zone("b.a.example", "vpc-1")));
    }
}
