//! A log group, made before the function that writes to it, since one that Lambda makes has neither tags nor an end:
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>. Outputs `arn`, and for
//! policies `streams`: all that is in it.

use aws_sdk_cloudwatchlogs::types::{LogGroup as SdkLogGroup, LogGroupClass};
use futures::future;
use serde::{Deserialize, Serialize};

use super::{Creation, Kind, Listing, Observed, Operations, Query, Resource, Seconds, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

const SERVICE: &str = "logs";

/// What a log group is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogGroup {
    /// Unique in the account and Region. It is also its id, and how its lab is known where lists carry no tags.
    pub name: String,
    /// After how many days what was said is forgotten; 0 for never.
    pub retention_days: i32,
    /// `STANDARD`, or `INFREQUENT_ACCESS`.
    pub class: String,
    /// The ARN of the KMS key that it is encrypted with; empty for the service's own.
    pub kms_key: String,
    /// Whether nobody can delete it.
    pub deletion_protection: bool,
}

/// The name of a function's log group: Lambda writes there unless told otherwise.
pub fn of_function(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

impl LogGroup {
    async fn retain(&self, aws: &Aws) -> Result<(), Failure> {
        if self.retention_days == 0 {
            let call = || aws.logs.delete_retention_policy().log_group_name(&self.name).send();
            return aws.write(SERVICE, "DeleteRetentionPolicy", call).await.map(drop);
        }
        let call = || {
            let call = aws.logs.put_retention_policy().log_group_name(&self.name);
            call.retention_in_days(self.retention_days).send()
        };
        aws.write(SERVICE, "PutRetentionPolicy", call).await.map(drop)
    }
}

impl Resource for LogGroup {
    const IN_PLACE: &'static [&'static str] = &["retention_days", "kms_key", "deletion_protection"];
    const ROOT: bool = true;
    const OPERATIONS: Operations = Operations {
        service: SERVICE,
        create: "CreateLogGroup",
        change: "PutRetentionPolicy",
        delete: "DeleteLogGroup",
    };
    const SECONDS: Seconds = Seconds { create: 0.5, delete: 0.5 };

    fn natural_key(&self) -> Option<String> {
        Some(self.name.clone())
    }

    fn as_created(&self) -> Self {
        Self { retention_days: 0, ..self.clone() }
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let tags = with.tags.clone().into_iter().collect();
        aws.write(SERVICE, "CreateLogGroup", || {
            let call = aws.logs.create_log_group().log_group_name(&self.name);
            let call = call.log_group_class(LogGroupClass::from(self.class.as_str()));
            call.set_tags(Some(std::collections::HashMap::clone(&tags))).send()
        })
        .await?;
        // The answer says nothing, not even the ARN.
        let shown = pages(aws, &self.name).await?.iter().find_map(|group| read(group, &self.name));
        let shown = shown.map(|shown| Observed { tags: with.tags.clone(), ..shown });
        let not_yet = || format!("{} is made, and isn't shown yet", self.name);
        shown.ok_or_else(|| Failure::here("CreateLogGroup", Class::UnknownOutcome, not_yet()))
    }

    async fn complete(&self, aws: &Aws, _id: &str) -> Result<(), Failure> {
        if *self == self.as_created() { Ok(()) } else { self.retain(aws).await }
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let Spec::LogGroup(now) = &from.spec else { return Ok(()) };
        if now.retention_days != self.retention_days {
            self.retain(aws).await?;
        }
        // A lab's group has no key of its own: it can only be taken off.
        if now.kms_key != self.kms_key {
            let call = || aws.logs.disassociate_kms_key().log_group_name(&self.name).send();
            aws.write(SERVICE, "DisassociateKmsKey", call).await?;
        }
        if now.deletion_protection != self.deletion_protection {
            protect(aws, &self.name, self.deletion_protection).await?;
        }
        Ok(())
    }

    /// What somebody protected from deletion loses the protection first.
    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        if matches!(&observed.spec, Spec::LogGroup(group) if group.deletion_protection) {
            protect(aws, &observed.id, false).await?;
        }
        let call = || aws.logs.delete_log_group().log_group_name(&observed.id).send();
        aws.write(SERVICE, "DeleteLogGroup", call).await.map(drop)
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        let group = pages(aws, id).await?.iter().find_map(|group| read(group, id));
        let missing = || Failure::here("TagResource", Class::NotFound, format!("{id} isn't shown"));
        let group = group.ok_or_else(missing)?;
        let arn = group.output("arn").unwrap_or_default();
        let call = || {
            let call = aws.logs.tag_resource().resource_arn(arn);
            call.set_tags(Some(tags.clone().into_iter().collect())).send()
        };
        aws.write(SERVICE, "TagResource", call).await.map(drop)
    }
}

async fn protect(aws: &Aws, name: &str, on: bool) -> Result<(), Failure> {
    let call = || {
        let call = aws.logs.put_log_group_deletion_protection().log_group_identifier(name);
        call.deletion_protection_enabled(on).send()
    };
    aws.write(SERVICE, "PutLogGroupDeletionProtection", call).await.map(drop)
}

async fn pages(aws: &Aws, prefix: &str) -> Result<Vec<SdkLogGroup>, Failure> {
    aws.read_pages(SERVICE, "DescribeLogGroups", |next| {
        let call = aws.logs.describe_log_groups().log_group_name_prefix(prefix).limit(50).set_next_token(next);
        async { call.send().await.map(|page| (page.log_groups.unwrap_or_default(), page.next_token)) }
    })
    .await
}

/// The group, if it is the one of this name: prefixes bring longer ones.
fn read(group: &SdkLogGroup, name: &str) -> Option<Observed> {
    if group.log_group_name() != Some(name) {
        return None;
    }
    let spec = LogGroup {
        name: name.to_owned(),
        retention_days: group.retention_in_days().unwrap_or_default(),
        class: group.log_group_class().map_or("STANDARD", LogGroupClass::as_str).to_owned(),
        kms_key: group.kms_key_id().unwrap_or_default().to_owned(),
        deletion_protection: group.deletion_protection_enabled().unwrap_or_default(),
    };
    // The older member ends in `:*`.
    let arn = group.log_group_arn().or(group.arn()).unwrap_or_default();
    let arn = arn.strip_suffix(":*").unwrap_or(arn);
    let mut observed = Observed::standing(name, Tags::new(), spec);
    let outputs = [("arn", arn.to_owned()), ("streams", format!("{arn}:*"))];
    observed.outputs = outputs.map(|(output, value)| (output.to_owned(), value)).into();
    Some(observed)
}

/// Lists the log groups of the lab's functions, and reads the tags of each; a query by id reads groups alone.
///
/// # Errors
/// The list itself could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let (names, tagged) = match query {
        Query::Lab(lab) => (lab.log_groups(), true),
        Query::Ids(names) => (names.clone(), false),
        Query::Inside(_) => return Ok(Listing::default()),
    };
    let shown = pages(aws, common_prefix(&names)).await?;
    let groups = names.iter().filter_map(|name| shown.iter().find_map(|group| read(group, name)));
    let mut listing = Listing::default();
    for (mut group, tags) in future::join_all(groups.map(async |group| {
        let tags = if tagged { read_tags(aws, &group).await } else { Ok(Tags::new()) };
        (group, tags)
    }))
    .await
    {
        match tags {
            Ok(tags) => group.tags = tags,
            // Gone meanwhile.
            Err(failure) if failure.class == Class::NotFound => continue,
            Err(failure) => listing.unreadable.push((Kind::LogGroup, failure)),
        }
        listing.found.push(group);
    }
    Ok(listing)
}

/// What all of these names begin with.
fn common_prefix(names: &[String]) -> &str {
    let Some((first, others)) = names.split_first() else { return "" };
    let shared = |other: &String| first.bytes().zip(other.bytes()).take_while(|(one, two)| one == two).count();
    let length = others.iter().map(shared).min().unwrap_or(first.len());
    first.get(..length).unwrap_or_default()
}

async fn read_tags(aws: &Aws, group: &Observed) -> Result<Tags, Failure> {
    let arn = group.output("arn").unwrap_or_default();
    let call = || aws.logs.list_tags_for_resource().resource_arn(arn).send();
    let answer = aws.read(SERVICE, "ListTagsForResource", call).await?;
    Ok(answer.tags.unwrap_or_default().into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_prefix_lists_all_groups_of_a_lab() {
        let names = ["presign", "authorizer"].map(|function| of_function(&format!("breezeway-demo-{function}")));
        assert_eq!(common_prefix(&names), "/aws/lambda/breezeway-demo-");
        assert_eq!(common_prefix(&names[..1]), names[0]);
    }

    #[test]
    fn a_group_of_another_lab_is_not_read() {
        let group = |name: &str| SdkLogGroup::builder().log_group_name(name).arn(format!("arn:{name}:*")).build();
        let (ours, other) = ("/aws/lambda/breezeway-demo-presign", "/aws/lambda/breezeway-demo-presign-2");
        assert!(read(&group(other), ours).is_none());
        let read = read(&group(ours), ours).unwrap();
        assert_eq!(read.output("arn").unwrap(), format!("arn:{ours}"));
        assert_eq!(read.output("streams").unwrap(), format!("arn:{ours}:*"));
    }
}
