//! A DynamoDB table: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html>. Output `arn`.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_table::builders::UpdateTableInputBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, SseSpecification, SseStatus,
    StreamSpecification, TableClass, TableDescription, TableStatus, Tag,
};
use futures::future;
use serde::{Deserialize, Serialize};

use super::{
    Creation, Kind, Listing, Observed, Operations, Query, Readiness, Resource, Seconds, Set, Spec, table_item,
};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

pub(super) const SERVICE: &str = "dynamodb";

/// The attribute that is the key of a new table.
pub const USER: &str = "user";

/// How often to ask whether a table is done with a change.
const RHYTHM: Duration = Duration::from_secs(2);
/// How often at most.
const LOOKS: usize = 60;

/// What a table is; its rows are resources of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Unique in the account and Region. It is also its id, and how its lab is known where lists carry no tags.
    pub name: String,
    /// The attributes of its key, each with its type: `user S`.
    pub key: Vec<String>,
    /// `PAY_PER_REQUEST`, or `PROVISIONED`, which costs by the hour.
    pub billing_mode: String,
    /// `STANDARD`, or `STANDARD_INFREQUENT_ACCESS`.
    pub table_class: String,
    /// Whether nobody can delete it.
    pub deletion_protection: bool,
    /// What a stream of its changes shows; empty for no stream.
    pub stream: String,
    /// The ARN of the KMS key that it is encrypted with; empty for DynamoDB's own.
    pub kms_key: String,
    /// Its secondary indexes.
    pub indexes: Set<String>,
    /// The other Regions where it has a replica.
    pub replicas: Set<String>,
}

impl Table {
    /// A table on demand with the key `user`, and nothing else that costs or copies.
    pub fn of_users(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: vec![format!("{USER} S")],
            billing_mode: "PAY_PER_REQUEST".into(),
            table_class: "STANDARD".into(),
            deletion_protection: false,
            stream: String::new(),
            kms_key: String::new(),
            indexes: Set::default(),
            replicas: Set::default(),
        }
    }

    /// The updates that turn `now` into this one, one by one as AWS wants them; protection last.
    fn updates(&self, now: &Self) -> Vec<UpdateTableInputBuilder> {
        let update = UpdateTableInputBuilder::default;
        let mut updates = Vec::new();
        if now.billing_mode != self.billing_mode {
            updates.push(update().billing_mode(BillingMode::from(self.billing_mode.as_str())));
        }
        if now.table_class != self.table_class {
            updates.push(update().table_class(TableClass::from(self.table_class.as_str())));
        }
        // A lab's table has no stream and no key of its own: they can only be taken off.
        let off = StreamSpecification::builder().stream_enabled(false).build().ok();
        updates.extend(off.filter(|_| now.stream != self.stream).map(|off| update().stream_specification(off)));
        if now.kms_key != self.kms_key {
            updates.push(update().sse_specification(SseSpecification::builder().enabled(false).build()));
        }
        if now.deletion_protection != self.deletion_protection {
            updates.push(update().deletion_protection_enabled(self.deletion_protection));
        }
        updates
    }
}

impl Resource for Table {
    const IN_PLACE: &'static [&'static str] =
        &["billing_mode", "table_class", "deletion_protection", "stream", "kms_key"];
    const LINGERS: bool = true;
    const ROOT: bool = true;
    const OPERATIONS: Operations =
        Operations { service: SERVICE, create: "CreateTable", change: "UpdateTable", delete: "DeleteTable" };
    const SECONDS: Seconds = Seconds { create: 8.0, delete: 6.0 };

    fn natural_key(&self) -> Option<String> {
        Some(self.name.clone())
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let (tags, (definitions, schema)) = (to_sdk(&with.tags)?, key(&self.key)?);
        let answer = aws
            .write(SERVICE, "CreateTable", || {
                let call = aws.dynamodb.create_table().table_name(&self.name).set_tags(Some(tags.clone()));
                let call = call.set_attribute_definitions(Some(definitions.clone()));
                let call = call.set_key_schema(Some(schema.clone()));
                let call = call.billing_mode(BillingMode::from(self.billing_mode.as_str()));
                let call = call.table_class(TableClass::from(self.table_class.as_str()));
                call.deletion_protection_enabled(self.deletion_protection).send()
            })
            .await?;
        let arn = answer.table_description().and_then(TableDescription::table_arn).unwrap_or_default();
        let mut observed = Observed::standing(&self.name, with.tags.clone(), self.clone());
        observed.readiness = Readiness::Pending;
        observed.state = "CREATING".into();
        observed.outputs.insert("arn".into(), arn.to_owned());
        Ok(observed)
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let now = settled(aws, &from.id).await?;
        for update in self.updates(&now) {
            let call = || update.clone().table_name(&self.name).send_with(&aws.dynamodb);
            aws.write(SERVICE, "UpdateTable", call).await?;
            settled(aws, &from.id).await?;
        }
        Ok(())
    }

    /// What somebody protected from deletion loses the protection first.
    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        if matches!(&observed.spec, Spec::Table(table) if table.deletion_protection)
            && settled(aws, &observed.id).await?.deletion_protection
        {
            let call =
                || aws.dynamodb.update_table().table_name(&observed.id).deletion_protection_enabled(false).send();
            aws.write(SERVICE, "UpdateTable", call).await?;
            settled(aws, &observed.id).await?;
        }
        let call = || aws.dynamodb.delete_table().table_name(&observed.id).send();
        aws.write(SERVICE, "DeleteTable", call).await.map(drop)
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        let (table, tags) = (describe(aws, id).await?, to_sdk(tags)?);
        let arn = table.table_arn().unwrap_or_default();
        let call = || aws.dynamodb.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send();
        aws.write(SERVICE, "TagResource", call).await.map(drop)
    }
}

fn to_sdk(tags: &Tags) -> Result<Vec<Tag>, Failure> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))
}

fn wrong(message: String) -> Failure {
    Failure::here("CreateTable", Class::Wrong, message)
}

/// The attributes of a key, `NAME TYPE` each, as the create call takes them.
fn key(attributes: &[String]) -> Result<(Vec<AttributeDefinition>, Vec<KeySchemaElement>), Failure> {
    let (mut definitions, mut schema) = (Vec::new(), Vec::new());
    for (attribute, role) in attributes.iter().zip([KeyType::Hash, KeyType::Range]) {
        let (name, kind) = attribute.rsplit_once(' ').ok_or_else(|| wrong(format!("{attribute} has no type")))?;
        let definition = AttributeDefinition::builder().attribute_name(name);
        let definition = definition.attribute_type(ScalarAttributeType::from(kind)).build();
        definitions.push(definition.map_err(|error| wrong(error.to_string()))?);
        let element = KeySchemaElement::builder().attribute_name(name).key_type(role).build();
        schema.push(element.map_err(|error| wrong(error.to_string()))?);
    }
    Ok((definitions, schema))
}

async fn describe(aws: &Aws, name: &str) -> Result<TableDescription, Failure> {
    let call = || aws.dynamodb.describe_table().table_name(name).send();
    let answer = aws.read(SERVICE, "DescribeTable", call).await?;
    let missing = || Failure::here("DescribeTable", Class::NotFound, format!("{name} isn't in the answer"));
    answer.table.ok_or_else(missing)
}

/// What a table is once no change of it is going on.
async fn settled(aws: &Aws, name: &str) -> Result<Table, Failure> {
    for _ in 0..LOOKS {
        let table = describe(aws, name).await?;
        if !matches!(table.table_status(), Some(TableStatus::Creating | TableStatus::Updating)) {
            return Ok(spec(name, &table));
        }
        tokio::time::sleep(RHYTHM).await;
    }
    Err(Failure::here("DescribeTable", Class::InUse, format!("{name} is still being changed")))
}

fn spec(name: &str, table: &TableDescription) -> Table {
    let kind = |element: &KeySchemaElement| {
        let name = element.attribute_name();
        let definition = table.attribute_definitions().iter().find(|definition| definition.attribute_name() == name);
        format!("{name} {}", definition.map_or("?", |definition| definition.attribute_type().as_str()))
    };
    let billing = table.billing_mode_summary().and_then(|summary| summary.billing_mode());
    let class = table.table_class_summary().and_then(|summary| summary.table_class());
    let stream = table.stream_specification().filter(|stream| stream.stream_enabled());
    let encryption = table.sse_description().filter(|sse| sse.status() != Some(&SseStatus::Disabled));
    let global = table.global_secondary_indexes().iter().filter_map(|index| index.index_name());
    let local = table.local_secondary_indexes().iter().filter_map(|index| index.index_name());
    Table {
        name: name.to_owned(),
        key: table.key_schema().iter().map(kind).collect(),
        // Tables that never were on demand have no summary.
        billing_mode: billing.map_or("PROVISIONED", BillingMode::as_str).to_owned(),
        table_class: class.map_or("STANDARD", TableClass::as_str).to_owned(),
        deletion_protection: table.deletion_protection_enabled().unwrap_or_default(),
        stream: stream.and_then(|stream| stream.stream_view_type()).map_or("", |view| view.as_str()).to_owned(),
        kms_key: encryption.map_or("", |sse| sse.kms_master_key_arn().unwrap_or("KMS")).to_owned(),
        indexes: global.chain(local).map(str::to_owned).collect(),
        replicas: table.replicas().iter().filter_map(|replica| replica.region_name().map(str::to_owned)).collect(),
    }
}

fn read(name: &str, table: &TableDescription) -> Observed {
    let mut observed = Observed::standing(name, Tags::new(), spec(name, table));
    observed.state = table.table_status().map_or("", TableStatus::as_str).to_owned();
    observed.readiness = match table.table_status() {
        Some(TableStatus::Creating) => Readiness::Pending,
        Some(TableStatus::Deleting) => Readiness::Deleting,
        // AWS archives what it couldn't decrypt for a week.
        Some(TableStatus::Archived | TableStatus::Archiving | TableStatus::InaccessibleEncryptionCredentials) => {
            Readiness::Failed(format!("it is {}", observed.state))
        }
        _ => Readiness::Ready,
    };
    observed.outputs.insert("arn".into(), table.table_arn().unwrap_or_default().to_owned());
    observed
}

async fn read_tags(aws: &Aws, arn: &str) -> Result<Tags, Failure> {
    let tags = aws
        .read_pages(SERVICE, "ListTagsOfResource", |next| {
            let call = aws.dynamodb.list_tags_of_resource().resource_arn(arn).set_next_token(next);
            async { call.send().await.map(|page| (page.tags.unwrap_or_default(), page.next_token)) }
        })
        .await?;
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// Reads the lab's table by its name, with its tags and its rows: other tables of the account cost nothing. A query by
/// id reads tables alone.
///
/// # Errors
/// A table itself could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let mut listing = Listing::default();
    match query {
        Query::Lab(lab) => {
            let Some(mut table) = one(aws, &lab.table).await? else { return Ok(listing) };
            let arn = table.output("arn").unwrap_or_default().to_owned();
            let (tags, rows) = future::join(read_tags(aws, &arn), table_item::of_table(aws, &lab.table)).await;
            match tags {
                Ok(tags) => table.tags = tags,
                // Gone meanwhile.
                Err(failure) if failure.class == Class::NotFound => return Ok(listing),
                Err(failure) => listing.unreadable.push((Kind::Table, failure)),
            }
            listing.found.push(table);
            match rows {
                Ok(rows) => listing.found.extend(rows),
                Err(failure) => listing.unreadable.push((Kind::TableItem, failure)),
            }
        }
        Query::Ids(names) => {
            for table in future::join_all(names.iter().map(|name| one(aws, name))).await {
                listing.found.extend(table?);
            }
        }
        Query::Inside(_) => {}
    }
    Ok(listing)
}

async fn one(aws: &Aws, name: &str) -> Result<Option<Observed>, Failure> {
    match describe(aws, name).await {
        Ok(table) => Ok(Some(read(name, &table))),
        Err(failure) if failure.class == Class::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
