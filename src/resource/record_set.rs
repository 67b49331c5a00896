//! A record set of a hosted zone:
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values.html>. All of a zone are its
//! owner's, but for the NS and SOA that come with it. Its id is `ZONE TYPE NAME`.

use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use serde::{Deserialize, Serialize};

use super::hosted_zone::{HostedZone, SERVICE, as_asked};
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Set, Spec, Text};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// The most records that Route 53 takes in one change.
const BATCH: usize = 1000;

/// What a record set is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordSet {
    /// The zone that it stands in.
    pub hosted_zone: Ref<HostedZone>,
    /// The name, without a dot at the end; `*.NAME` for all names below.
    pub name: String,
    /// `A`, `CNAME`.
    pub record_type: String,
    /// What tells it from others of its name and type, between which Route 53 chooses; empty where it is the only one.
    pub set_identifier: String,
    /// What answers in its place.
    pub alias: Option<Alias>,
    /// For how long an answer is kept; an alias has what it leads to say so.
    pub ttl_seconds: Option<i64>,
    /// The answers.
    pub values: Set<String>,
}

/// What answers for a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// Its name.
    pub name: Text,
    /// The id of the zone of that name, which is AWS's own for an endpoint.
    pub hosted_zone: Text,
    /// Whether Route 53 answers only while that is well.
    pub evaluate_target_health: bool,
}

impl Resource for RecordSet {
    const IN_PLACE: &'static [&'static str] = &["alias", "ttl_seconds", "values"];
    const OWNERS: &'static [&'static str] = &["hosted_zone"];
    const IN_SET: bool = true;
    // The delete of a zone takes them along.
    const VANISHES: bool = true;
    const TAGGED: bool = false;
    const OPERATIONS: Operations = Operations {
        service: SERVICE,
        create: "ChangeResourceRecordSets",
        change: "ChangeResourceRecordSets",
        delete: "ChangeResourceRecordSets",
    };
    const SECONDS: Seconds = Seconds { create: 0.5, delete: 0.5 };

    fn natural_key(&self) -> Option<String> {
        Some(id(&self.hosted_zone.text(), self))
    }

    /// A name has one CNAME, or no CNAME; and one set of a type that is the only one.
    fn excludes(&self, other: &Self) -> bool {
        let is_cname = |set: &Self| set.record_type == "CNAME";
        let same_type = self.record_type == other.record_type;
        let alone = self.set_identifier == other.set_identifier || self.set_identifier.is_empty();
        let same_name = self.hosted_zone == other.hosted_zone && self.name == other.name;
        same_name && (is_cname(self) != is_cname(other) || same_type && alone)
    }

    /// Whatever is there of this name and type is the lab's to replace.
    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let zone = self.hosted_zone.id()?;
        change(aws, zone, vec![(ChangeAction::Upsert, self.to_sdk()?)]).await?;
        Ok(Observed::standing(id(zone, self), Tags::new(), self.clone()))
    }

    async fn change(&self, aws: &Aws, _from: &Observed) -> Result<(), Failure> {
        change(aws, self.hosted_zone.id()?, vec![(ChangeAction::Upsert, self.to_sdk()?)]).await
    }

    /// A set is deleted by all that it says, which may be more than is read of it.
    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::RecordSet(set) = &observed.spec else { return Ok(()) };
        let zone = set.hosted_zone.id()?;
        let mut sets = of_zone(aws, zone).await?;
        sets.retain(|one| read(zone, one).id == observed.id);
        remove(aws, zone, sets).await
    }

    async fn tag(_aws: &Aws, id: &str, _tags: &Tags) -> Result<(), Failure> {
        Err(Failure::here("tag", Class::Wrong, format!("{id} takes no tags")))
    }
}

impl RecordSet {
    fn to_sdk(&self) -> Result<ResourceRecordSet, Failure> {
        let values = self.values.iter().map(|value| ResourceRecord::builder().value(value).build());
        let values = values.collect::<Result<Vec<_>, _>>().map_err(incomplete)?;
        let identifier = (!self.set_identifier.is_empty()).then(|| self.set_identifier.clone());
        let set = ResourceRecordSet::builder().name(&self.name).r#type(RrType::from(self.record_type.as_str()));
        let set = set.set_set_identifier(identifier).set_ttl(self.ttl_seconds);
        let set = set.set_resource_records((!values.is_empty()).then_some(values));
        set.set_alias_target(self.alias.as_ref().map(Alias::to_sdk).transpose()?).build().map_err(incomplete)
    }
}

impl Alias {
    fn to_sdk(&self) -> Result<AliasTarget, Failure> {
        let target = AliasTarget::builder().dns_name(self.name.id()?).hosted_zone_id(self.hosted_zone.id()?);
        target.evaluate_target_health(self.evaluate_target_health).build().map_err(incomplete)
    }
}

fn incomplete(error: impl std::fmt::Display) -> Failure {
    Failure::here("ChangeResourceRecordSets", Class::Wrong, error.to_string())
}

fn id(zone: &str, set: &RecordSet) -> String {
    let RecordSet { name, record_type, set_identifier, .. } = set;
    let which = if set_identifier.is_empty() { String::new() } else { format!(" {set_identifier}") };
    format!("{zone} {record_type}{which} {name}")
}

/// Makes changes in a zone, all of them or none. Nothing to do is no call.
async fn change(aws: &Aws, zone: &str, changes: Vec<(ChangeAction, ResourceRecordSet)>) -> Result<(), Failure> {
    if changes.is_empty() {
        return Ok(());
    }
    let change = |(action, set)| Change::builder().action(action).resource_record_set(set).build();
    let changes = changes.into_iter().map(change).collect::<Result<Vec<_>, _>>().map_err(incomplete)?;
    let batch = ChangeBatch::builder().set_changes(Some(changes)).build().map_err(incomplete)?;
    aws.write(SERVICE, "ChangeResourceRecordSets", || {
        aws.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch.clone()).send()
    })
    .await
    .map(drop)
}

/// Removes these sets from a zone, as they stand.
///
/// # Errors
/// Somebody changed one meanwhile, among others.
pub(super) async fn remove(aws: &Aws, zone: &str, sets: Vec<ResourceRecordSet>) -> Result<(), Failure> {
    let mut sets = sets.into_iter().map(|set| (ChangeAction::Delete, set)).peekable();
    while sets.peek().is_some() {
        change(aws, zone, sets.by_ref().take(BATCH).collect()).await?;
    }
    Ok(())
}

/// The sets of a zone, but for those that come with it.
///
/// # Errors
/// A page could not be read.
pub(super) async fn of_zone(aws: &Aws, zone: &str) -> Result<Vec<ResourceRecordSet>, Failure> {
    let mut sets = Vec::new();
    let mut start = (None, None, None);
    loop {
        let call = || {
            let (name, record_type, identifier) = start.clone();
            let call = aws.route53.list_resource_record_sets().hosted_zone_id(zone).set_start_record_name(name);
            call.set_start_record_type(record_type).set_start_record_identifier(identifier).send()
        };
        let page = aws.read_listed(SERVICE, "ListResourceRecordSets", call).await?;
        sets.extend(page.resource_record_sets);
        if !page.is_truncated {
            break;
        }
        start = (page.next_record_name, page.next_record_type, page.next_record_identifier);
    }
    // Only the zone itself has a SOA.
    let apex = sets.iter().find(|set| *set.r#type() == RrType::Soa).map(|set| set.name().to_owned());
    let own = |set: &ResourceRecordSet| {
        matches!(set.r#type(), RrType::Soa | RrType::Ns) && apex.as_deref() == Some(set.name())
    };
    sets.retain(|set| !own(set));
    Ok(sets)
}

pub(super) fn read(zone: &str, set: &ResourceRecordSet) -> Observed {
    let alias = |target: &AliasTarget| Alias {
        name: Text::known(as_asked(target.dns_name())),
        hosted_zone: Text::known(target.hosted_zone_id()),
        evaluate_target_health: target.evaluate_target_health(),
    };
    let spec = RecordSet {
        hosted_zone: Ref::known(zone),
        name: as_asked(set.name()),
        record_type: set.r#type().as_str().to_owned(),
        set_identifier: set.set_identifier().unwrap_or_default().to_owned(),
        alias: set.alias_target().map(alias),
        ttl_seconds: set.ttl(),
        values: set.resource_records().iter().map(|record| record.value().to_owned()).collect(),
    };
    Observed::standing(id(zone, &spec), Tags::new(), spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, record_type: &str, identifier: &str) -> RecordSet {
        RecordSet {
            hosted_zone: Ref::known("Z1"),
            name: name.into(),
            record_type: record_type.into(),
            set_identifier: identifier.into(),
            alias: None,
            ttl_seconds: Some(60),
            values: Set::from(vec!["10.0.0.9".to_owned()]),
        }
    }

    #[test]
    fn a_set_is_read_as_it_is_written() {
        let target = Alias {
            name: Text::known("vpce-1.lambda.eu-west-1.vpce.amazonaws.com"),
            hosted_zone: Text::known("Z7"),
            evaluate_target_health: false,
        };
        let alias =
            RecordSet { alias: Some(target), ttl_seconds: None, values: Set::default(), ..set("*.a.example", "A", "") };
        for set in [alias, set("a.example", "A", "blue")] {
            let Spec::RecordSet(again) = read("Z1", &set.to_sdk().unwrap()).spec else { panic!("a record set") };
            assert_eq!(again, set);
        }
        assert_eq!(id("Z1", &set("a.example", "A", "")), "Z1 A a.example");
        assert_eq!(id("Z1", &set("a.example", "A", "blue")), "Z1 A blue a.example");
    }

    #[test]
    fn names_have_one_form() {
        assert_eq!(as_asked("\\052.A.example."), "*.a.example");
    }

    #[test]
    fn what_cannot_stand_beside_it_goes_first() {
        let own = set("a.example", "A", "");
        assert!(own.excludes(&set("a.example", "A", "blue")));
        assert!(own.excludes(&set("a.example", "CNAME", "")));
        assert!(!own.excludes(&set("a.example", "TXT", "")));
        assert!(!own.excludes(&set("b.a.example", "A", "")));
    }
}
