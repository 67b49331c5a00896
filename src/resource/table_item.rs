//! A row of a table that says which Studio profile a user has. All rows of a table are its owner's; its id is
//! `TABLE USER`.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::domain::Domain;
use super::table::{self, SERVICE, Table};
use super::{Creation, Listing, Observed, Operations, Ref, Resource, Seconds, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What a row is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableItem {
    /// The table it stands in, and vanishes with.
    pub table: Ref<Table>,
    /// The key: who is signed in.
    pub user: String,
    /// The domain of the user's profile.
    pub domain: Ref<Domain>,
    /// The name of the user's profile.
    pub profile: String,
    /// Any other attributes, and those of other types than text, by name.
    pub others: BTreeMap<String, String>,
}

type Item = HashMap<String, AttributeValue>;

impl TableItem {
    fn item(&self) -> Result<Item, Failure> {
        let attributes =
            [(table::USER, self.user.as_str()), ("domain", self.domain.id()?), ("profile", self.profile.as_str())];
        Ok(attributes.map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned()))).into())
    }
}

impl Resource for TableItem {
    const IN_PLACE: &'static [&'static str] = &["domain", "profile", "others"];
    const WEAK: &'static [&'static str] = &["domain"];
    const OWNERS: &'static [&'static str] = &["table"];
    const IN_SET: bool = true;
    const VANISHES: bool = true;
    const OPERATIONS: Operations =
        Operations { service: SERVICE, create: "PutItem", change: "PutItem", delete: "DeleteItem" };
    const SECONDS: Seconds = Seconds { create: 0.2, delete: 0.2 };
    const TAGGED: bool = false;

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.table.text(), self.user))
    }

    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let (table, item) = (self.table.id()?, self.item()?);
        aws.write(SERVICE, "PutItem", || {
            let call = aws.dynamodb.put_item().table_name(table).set_item(Some(item.clone()));
            let call = call.condition_expression("attribute_not_exists(#user)");
            call.expression_attribute_names("#user", table::USER).send()
        })
        .await?;
        Ok(Observed::standing(format!("{table} {}", self.user), Tags::new(), self.clone()))
    }

    async fn change(&self, aws: &Aws, _from: &Observed) -> Result<(), Failure> {
        let (table, item) = (self.table.id()?, self.item()?);
        let call = || aws.dynamodb.put_item().table_name(table).set_item(Some(item.clone())).send();
        aws.write(SERVICE, "PutItem", call).await.map(drop)
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::TableItem(row) = &observed.spec else { return Ok(()) };
        let (table, user) = (row.table.id()?, AttributeValue::S(row.user.clone()));
        let call = || aws.dynamodb.delete_item().table_name(table).key(table::USER, user.clone()).send();
        aws.write(SERVICE, "DeleteItem", call).await.map(drop)
    }

    async fn tag(_aws: &Aws, id: &str, _tags: &Tags) -> Result<(), Failure> {
        Err(Failure::here("tag", Class::Wrong, format!("{id} takes no tags")))
    }
}

fn read(table: &str, mut item: Item) -> Observed {
    let mut text = |name: &str| match item.remove(name) {
        Some(AttributeValue::S(text)) => text,
        Some(other) => {
            item.insert(name.to_owned(), other);
            String::new()
        }
        None => String::new(),
    };
    let (user, domain, profile) = (text(table::USER), text("domain"), text("profile"));
    let others = item.into_iter().map(|(name, value)| (name, written(&value))).collect();
    let id = format!("{table} {user}");
    let spec = TableItem { table: Ref::known(table), user, domain: Ref::known(domain), profile, others };
    Observed::standing(id, Tags::new(), spec)
}

/// An attribute as a person reads it: text plainly, anything else as JSON.
fn written(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) => text.clone(),
        other => json_of(other).to_string(),
    }
}

fn json_of(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.as_str().into(),
        AttributeValue::Bool(value) => (*value).into(),
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::L(values) => values.iter().map(json_of).collect(),
        AttributeValue::M(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), json_of(value))).collect())
        }
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => texts.clone().into(),
        AttributeValue::B(blob) => BASE64.encode(blob).into(),
        AttributeValue::Bs(blobs) => blobs.iter().map(|blob| BASE64.encode(blob)).collect(),
        _ => "?".into(),
    }
}

/// The rows of a table, as they were written last. One that isn't there, or not yet, has none.
///
/// # Errors
/// A page could not be read.
pub(super) async fn of_table(aws: &Aws, table: &str) -> Result<Vec<Observed>, Failure> {
    let mut rows = Vec::new();
    let mut start: Option<Item> = None;
    loop {
        let call = || {
            let call = aws.dynamodb.scan().table_name(table).consistent_read(true);
            call.set_exclusive_start_key(start.clone()).send()
        };
        let page = match aws.read(SERVICE, "Scan", call).await {
            Err(failure) if failure.class == Class::NotFound => return Ok(rows),
            page => page?,
        };
        rows.extend(page.items.unwrap_or_default().into_iter().map(|item| read(table, item)));
        start = page.last_evaluated_key.filter(|key| !key.is_empty());
        if start.is_none() {
            return Ok(rows);
        }
    }
}

/// The rows of these tables.
///
/// # Errors
/// A page could not be read.
pub(super) async fn of_tables(aws: &Aws, tables: &[String]) -> Result<Listing, Failure> {
    let mut listing = Listing::default();
    for table in tables {
        listing.found.extend(of_table(aws, table).await?);
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_has_besides_is_seen() {
        let text = |text: &str| AttributeValue::S(text.into());
        let item = |domain: AttributeValue| {
            let attributes = [("user", text("bob")), ("domain", domain), ("profile", text("bob"))];
            attributes.map(|(name, value)| (name.to_owned(), value)).into()
        };
        let others = |item: Item| match read("users", item).spec {
            Spec::TableItem(row) => row.others,
            _ => unreachable!(),
        };
        assert_eq!(others(item(text("d-1"))), BTreeMap::new());
        let mut extra: Item = item(AttributeValue::N("7".into()));
        extra.insert("admin".into(), AttributeValue::Bool(true));
        let seen = [("admin", "true"), ("domain", "\"7\"")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(others(extra), seen.into());
    }
}
