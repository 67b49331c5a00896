//! Tables.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::attribute::{Attribute, Item, item_size};
use super::backup::Recovery;
use super::tags::{self, Tag};
use super::{Dynamodb, in_use, invalid, invalid_value, not_found};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, durations};

/// Tables per account and Region.
const QUOTA: usize = 2500;
/// Names on one page.
const PAGE: usize = 100;
/// Bytes of the first and the second attribute of a key.
const MAX_HASH: usize = 2048;
const MAX_RANGE: usize = 1024;

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Table {
    id: String,
    created: Timestamp,
    pub hash: KeyAttribute,
    pub range: Option<KeyAttribute>,
    billing: Billing,
    class: Option<TableClass>,
    deletion_protection: bool,
    pub tags: BTreeMap<String, String>,
    active_at: Timestamp,
    updated_at: Timestamp,
    gone_at: Option<Timestamp>,
    pub recovery: Option<Recovery>,
    /// By their keys, as JSON.
    pub items: BTreeMap<String, Item>,
}

/// An attribute that is part of a table's key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyAttribute {
    pub name: String,
    pub kind: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Billing {
    PayPerRequest { since: Timestamp },
    Provisioned(Throughput),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum TableClass {
    Standard,
    StandardInfrequentAccess,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Throughput {
    read_capacity_units: i64,
    write_capacity_units: i64,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum BillingMode {
    Provisioned,
    PayPerRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AttributeDefinition {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct KeySchemaElement {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateTable {
    table_name: String,
    #[serde(default)]
    attribute_definitions: Vec<AttributeDefinition>,
    #[serde(default)]
    key_schema: Vec<KeySchemaElement>,
    billing_mode: Option<BillingMode>,
    provisioned_throughput: Option<Throughput>,
    table_class: Option<TableClass>,
    #[serde(default)]
    deletion_protection_enabled: bool,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateTable {
    table_name: String,
    billing_mode: Option<BillingMode>,
    provisioned_throughput: Option<Throughput>,
    table_class: Option<TableClass>,
    deletion_protection_enabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TableName {
    pub table_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListTables {
    exclusive_start_table_name: Option<String>,
    limit: Option<usize>,
}

/// The ARN of a table of the caller.
pub fn table_arn(context: &Context<'_>, name: &str) -> String {
    context.arn("dynamodb", &format!("table/{name}"))
}

/// The name of the table that a call has by name or by ARN.
///
/// # Errors
/// `ValidationException` for what can't be a name.
pub fn name_in<'a>(context: &Context<'_>, text: &'a str) -> Result<&'a str, ApiError> {
    let name = text.strip_prefix(&table_arn(context, "")).unwrap_or(text);
    if name.starts_with("arn:") {
        return Err(not_found("Requested resource not found"));
    }
    let well_formed = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    let constraint = if name.len() < 3 {
        "Member must have length greater than or equal to 3"
    } else if name.len() > 255 {
        "Member must have length less than or equal to 255"
    } else if !name.chars().all(well_formed) {
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    } else {
        return Ok(name);
    };
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: {constraint}"
    )))
}

impl KeyAttribute {
    fn check_value(&self, value: &Attribute, most: usize) -> Result<(), ApiError> {
        if value.length() == Some(0) {
            let kind = if self.kind == "B" { "binary" } else { "string" };
            return Err(invalid(format!(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
                 empty {kind} value. Key: {}",
                self.name
            )));
        }
        if value.size() <= most {
            return Ok(());
        }
        Err(invalid_value(if most == MAX_HASH {
            format!("Size of hashkey has exceeded the maximum size limit of{most} bytes")
        } else {
            format!("Aggregated size of all range keys has exceeded the size limit of {most} bytes")
        }))
    }
}

impl Table {
    /// Whether its deletion is over.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.gone_at.is_some_and(|gone_at| gone_at <= now)
    }

    /// `CREATING`, `ACTIVE`, `UPDATING`, `DELETING`.
    pub fn status(&self, now: Timestamp) -> &'static str {
        if self.gone_at.is_some() {
            "DELETING"
        } else if now < self.active_at {
            "CREATING"
        } else if now < self.updated_at {
            "UPDATING"
        } else {
            "ACTIVE"
        }
    }

    /// The attributes of its key.
    pub fn key_attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.hash).chain(&self.range)
    }

    /// Whether an attribute is part of its key.
    pub fn is_key(&self, name: &str) -> bool {
        self.key_attributes().any(|attribute| attribute.name == name)
    }

    /// Where an item belongs.
    ///
    /// # Errors
    /// `ValidationException` for an item without the whole key.
    pub fn position_of_item(&self, item: &Item) -> Result<String, ApiError> {
        for attribute in self.key_attributes() {
            let KeyAttribute { name, kind } = attribute;
            let value = item.get(name).ok_or_else(|| invalid_value(format!("Missing the key {name} in the item")))?;
            if value.kind() != kind {
                let actual = value.kind();
                return Err(invalid_value(format!("Type mismatch for key {name} expected: {kind} actual: {actual}")));
            }
        }
        self.position(item)
    }

    /// Where the item with this key is.
    ///
    /// # Errors
    /// `ValidationException` for what is not exactly a key.
    pub fn position_of_key(&self, key: &Item) -> Result<String, ApiError> {
        let has =
            |attribute: &KeyAttribute| key.get(&attribute.name).is_some_and(|value| value.kind() == attribute.kind);
        if key.len() != self.key_attributes().count() || !self.key_attributes().all(has) {
            return Err(invalid("The provided key element does not match the schema"));
        }
        self.position(key)
    }

    fn position(&self, item: &Item) -> Result<String, ApiError> {
        for (attribute, most) in self.key_attributes().zip([MAX_HASH, MAX_RANGE]) {
            if let Some(value) = item.get(&attribute.name) {
                attribute.check_value(value, most)?;
            }
        }
        let values: Vec<_> = self.key_attributes().filter_map(|attribute| item.get(&attribute.name)).collect();
        Ok(json!(values).to_string())
    }

    /// The key of an item.
    pub fn key_of(&self, item: &Item) -> Item {
        item.iter().filter(|(name, _)| self.is_key(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Refuses a change while another one is going on.
    fn check_changeable(&self, now: Timestamp, name: &str) -> Result<(), ApiError> {
        let what = match self.status(now) {
            "ACTIVE" => return Ok(()),
            "CREATING" => "created",
            "UPDATING" => "updated",
            _ => "deleted",
        };
        Err(in_use(format!("Attempt to change a resource which is still in use: Table is being {what}: {name}")))
    }

    fn view(&self, context: &Context<'_>, name: &str) -> Value {
        let definition =
            |attribute: &KeyAttribute| json!({"AttributeName": attribute.name, "AttributeType": attribute.kind});
        let element =
            |(attribute, role): (&KeyAttribute, &str)| json!({"AttributeName": attribute.name, "KeyType": role});
        let status = self.status(context.now);
        let mut view = json!({
            "AttributeDefinitions": self.key_attributes().map(definition).collect::<Vec<_>>(),
            "TableName": name,
            "KeySchema": self.key_attributes().zip(["HASH", "RANGE"]).map(element).collect::<Vec<_>>(),
            "TableStatus": status,
            "CreationDateTime": self.created,
            "ProvisionedThroughput": {
                "NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0,
            },
            "TableSizeBytes": self.items.values().map(item_size).sum::<usize>(),
            "ItemCount": self.items.len(),
            "TableArn": table_arn(context, name),
            "TableId": self.id,
            "DeletionProtectionEnabled": self.deletion_protection,
        });
        match self.billing {
            Billing::PayPerRequest { since } => {
                view["BillingModeSummary"] = json!({"BillingMode": "PAY_PER_REQUEST"});
                if status != "CREATING" {
                    view["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] = json!(since);
                }
                view["WarmThroughput"] =
                    json!({"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE"});
            }
            Billing::Provisioned(Throughput { read_capacity_units, write_capacity_units }) => {
                view["ProvisionedThroughput"]["ReadCapacityUnits"] = json!(read_capacity_units);
                view["ProvisionedThroughput"]["WriteCapacityUnits"] = json!(write_capacity_units);
            }
        }
        if let Some(class) = self.class {
            view["TableClassSummary"] = json!({"TableClass": class});
        }
        view
    }
}

/// The key of a table, checked against the attributes that are defined.
fn key(
    definitions: &[AttributeDefinition],
    schema: &[KeySchemaElement],
) -> Result<(KeyAttribute, Option<KeyAttribute>), ApiError> {
    let (hash, range) = match schema {
        [hash] => (hash, None),
        [hash, range] => (hash, Some(range)),
        _ => return Err(invalid("A table's KeySchema has one or two elements.")),
    };
    if hash.key_type != "HASH" {
        return Err(invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type"));
    }
    if range.is_some_and(|range| range.key_type != "RANGE") {
        return Err(invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"));
    }
    if range.is_some_and(|range| range.attribute_name == hash.attribute_name) {
        return Err(invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name"));
    }
    let defined = |element: &KeySchemaElement| {
        let definition = definitions.iter().find(|definition| definition.attribute_name == element.attribute_name);
        definition
            .map(|definition| KeyAttribute {
                name: element.attribute_name.clone(),
                kind: definition.attribute_type.clone(),
            })
            .ok_or_else(|| {
                let keys: Vec<_> = schema.iter().map(|element| element.attribute_name.as_str()).collect();
                let names: Vec<_> = definitions.iter().map(|definition| definition.attribute_name.as_str()).collect();
                invalid_value(format!(
                    "Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], \
                     AttributeDefinitions: [{}]",
                    keys.join(", "),
                    names.join(", ")
                ))
            })
    };
    let key = (defined(hash)?, range.map(defined).transpose()?);
    if definitions.len() != schema.len() {
        return Err(invalid_value(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in \
             AttributeDefinitions",
        ));
    }
    Ok(key)
}

fn billing(mode: BillingMode, throughput: Option<Throughput>, now: Timestamp) -> Result<Billing, ApiError> {
    match (mode, throughput) {
        (BillingMode::PayPerRequest, None) => Ok(Billing::PayPerRequest { since: now }),
        (BillingMode::Provisioned, Some(throughput)) => Ok(Billing::Provisioned(throughput)),
        (BillingMode::PayPerRequest, Some(_)) => Err(invalid_value(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        )),
        (BillingMode::Provisioned, None) => Err(invalid_value(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        )),
    }
}

impl Dynamodb {
    pub(super) fn create_table(&mut self, context: &mut Context<'_>, request: CreateTable) -> Answer {
        let name = name_in(context, &request.table_name)?;
        let (hash, range) = key(&request.attribute_definitions, &request.key_schema)?;
        let mode = request.billing_mode.unwrap_or(BillingMode::Provisioned);
        let billing = billing(mode, request.provisioned_throughput, context.now)?;
        let tags = tags::read(request.tags)?;
        if self.tables.contains_key(name) {
            return Err(in_use(format!("Table already exists: {name}")));
        }
        if self.tables.len() >= QUOTA {
            let message = format!("Subscriber limit exceeded: There is a limit of {QUOTA} tables per subscriber");
            return Err(ApiError::new("LimitExceededException", message));
        }
        let table = Table {
            id: context.dice.uuid(),
            created: context.now,
            hash,
            range,
            billing,
            class: request.table_class,
            deletion_protection: request.deletion_protection_enabled,
            tags,
            active_at: context.due(durations::TABLE_CREATE),
            updated_at: context.now,
            gone_at: None,
            recovery: None,
            items: BTreeMap::new(),
        };
        let view = table.view(context, name);
        self.tables.insert(name.to_owned(), table);
        Ok(json!({"TableDescription": view}))
    }

    pub(super) fn describe_table(&self, context: &Context<'_>, request: TableName) -> Answer {
        let (name, table) = self.table(context, &request.table_name)?;
        Ok(json!({"Table": table.view(context, name)}))
    }

    pub(super) fn update_table(&mut self, context: &mut Context<'_>, request: UpdateTable) -> Answer {
        let name = name_in(context, &request.table_name)?;
        let UpdateTable { billing_mode, provisioned_throughput, table_class, deletion_protection_enabled, .. } =
            request;
        let bills = billing_mode.is_some() || provisioned_throughput.is_some();
        if !bills && table_class.is_none() && deletion_protection_enabled.is_none() {
            return Err(invalid(
                "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates \
                 or SSESpecification or ReplicaUpdates is required",
            ));
        }
        let table = self.tables.get_mut(name).ok_or_else(|| missing(name))?;
        table.check_changeable(context.now, name)?;
        let own_mode = match table.billing {
            Billing::PayPerRequest { .. } => BillingMode::PayPerRequest,
            Billing::Provisioned(_) => BillingMode::Provisioned,
        };
        let mode = billing_mode.unwrap_or(own_mode);
        if bills && (mode != own_mode || provisioned_throughput.is_some()) {
            table.billing = billing(mode, provisioned_throughput, context.now)?;
        }
        table.class = table_class.or(table.class);
        table.deletion_protection = deletion_protection_enabled.unwrap_or(table.deletion_protection);
        table.updated_at = context.due(durations::TABLE_UPDATE);
        Ok(json!({"TableDescription": table.view(context, name)}))
    }

    pub(super) fn delete_table(&mut self, context: &mut Context<'_>, request: TableName) -> Answer {
        let name = name_in(context, &request.table_name)?;
        let table = self.tables.get_mut(name).ok_or_else(|| missing(name))?;
        table.check_changeable(context.now, name)?;
        if table.deletion_protection {
            return Err(invalid(
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection \
                 first.",
            ));
        }
        table.gone_at = Some(context.due(durations::TABLE_DELETE));
        Ok(json!({"TableDescription": table.view(context, name)}))
    }

    pub(super) fn list_tables(&self, request: ListTables) -> Answer {
        let after = request.exclusive_start_table_name;
        let limit = request.limit.unwrap_or(PAGE);
        let mut rest = self.tables.keys().filter(|name| after.as_ref().is_none_or(|after| *name > after));
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let mut answer = json!({"TableNames": page});
        if let Some(last) = page.last().filter(|_| rest.next().is_some()) {
            answer["LastEvaluatedTableName"] = json!(last);
        }
        Ok(answer)
    }

    /// The table that a call means, with its name.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `ValidationException`
    pub(super) fn table<'a>(&self, context: &Context<'_>, text: &'a str) -> Result<(&'a str, &Table), ApiError> {
        let name = name_in(context, text)?;
        Ok((name, self.tables.get(name).ok_or_else(|| missing(name))?))
    }

    /// The table whose items a call is about.
    ///
    /// # Errors
    /// As [`Dynamodb::table`], for a table in creation or deletion too.
    pub(super) fn usable(&self, context: &Context<'_>, text: &str) -> Result<&Table, ApiError> {
        let table = self.tables.get(name_in(context, text)?);
        let usable = |table: &&Table| ["ACTIVE", "UPDATING"].contains(&table.status(context.now));
        table.filter(usable).ok_or_else(|| not_found("Requested resource not found"))
    }

    /// The same, to change its items.
    ///
    /// # Errors
    /// As [`Dynamodb::usable`].
    pub(super) fn usable_mut(&mut self, context: &Context<'_>, text: &str) -> Result<&mut Table, ApiError> {
        self.usable(context, text)?;
        let name = name_in(context, text)?;
        self.tables.get_mut(name).ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> ApiError {
    not_found(format!("Requested resource not found: Table: {name} not found"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::sandbox::world::{Dice, Durations};

    fn describe(world: &mut Sandbox, name: &str) -> Value {
        world.ok("DescribeTable", json!({"TableName": name}))["Table"].take()
    }

    #[test]
    fn a_table_is_created_active_deleted_and_gone() {
        let mut world = Sandbox::new();
        let before = world.standing();
        let name = json!({"TableName": "users"});
        let made = world.ok("CreateTable", Sandbox::table("users"))["TableDescription"].take();
        assert_eq!(made["TableStatus"], "CREATING");
        for operation in ["DeleteTable", "UpdateTable"] {
            let mut input = name.clone();
            if operation == "UpdateTable" {
                input["DeletionProtectionEnabled"] = json!(true);
            }
            let refusal = world.call(operation, input).unwrap_err();
            assert_eq!(refusal.code, "ResourceInUseException");
            assert!(refusal.message.ends_with("Table is being created: users"), "{refusal}");
        }
        let get = json!({"TableName": "users", "Key": {"user": {"S": "a"}}});
        assert_eq!(world.refused("GetItem", get.clone()), "ResourceNotFoundException");
        assert_eq!(world.refused("CreateTable", Sandbox::table("users")), "ResourceInUseException");
        world.wait(8);
        let table = describe(&mut world, "users");
        assert_eq!(table["TableStatus"], "ACTIVE");
        assert_eq!(table["TableArn"], "arn:aws:dynamodb:us-east-1:111122223333:table/users");
        assert_eq!(table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST");
        assert_eq!(table["KeySchema"], json!([{"AttributeName": "user", "KeyType": "HASH"}]));
        assert_eq!(table["DeletionProtectionEnabled"], false);

        let deleted = world.ok("DeleteTable", name.clone());
        assert_eq!(deleted["TableDescription"]["TableStatus"], "DELETING");
        assert_eq!(world.refused("DeleteTable", name.clone()), "ResourceInUseException");
        assert_eq!(world.refused("CreateTable", Sandbox::table("users")), "ResourceInUseException");
        assert_eq!(world.refused("GetItem", get), "ResourceNotFoundException");
        world.wait(6);
        let refusal = world.call("DescribeTable", name).unwrap_err();
        assert_eq!(refusal.code, "ResourceNotFoundException");
        assert_eq!(refusal.message, "Requested resource not found: Table: users not found");
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn without_durations_it_is_active_and_gone_at_once() {
        let mut world = Sandbox::new();
        world.stage.durations = Durations::Instant;
        let made = world.ok("CreateTable", Sandbox::table("users"));
        assert_eq!(made["TableDescription"]["TableStatus"], "ACTIVE");
        world.ok("DeleteTable", json!({"TableName": "users"}));
        assert_eq!(world.ok("ListTables", json!({})), json!({"TableNames": []}));
    }

    #[test]
    fn keys_and_billing_are_checked() {
        let mut world = Sandbox::new();
        let hash = json!({"AttributeName": "user", "KeyType": "HASH"});
        let range = json!({"AttributeName": "at", "KeyType": "RANGE"});
        let throughput = json!({"ReadCapacityUnits": 1, "WriteCapacityUnits": 1});
        for (member, value, message) in [
            ("KeySchema", json!([range]), "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
            (
                "KeySchema",
                json!([hash, hash]),
                "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
            ),
            (
                "KeySchema",
                json!([hash, {"AttributeName": "user", "KeyType": "RANGE"}]),
                "Both the Hash Key and the Range Key element in the KeySchema have the same name",
            ),
            (
                "KeySchema",
                json!([hash, range]),
                "One or more parameter values were invalid: Some index key attributes are not defined in \
                 AttributeDefinitions. Keys: [user, at], AttributeDefinitions: [user]",
            ),
            (
                "AttributeDefinitions",
                json!([
                    {"AttributeName": "user", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "N"},
                ]),
                "One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match \
                 number of attributes defined in AttributeDefinitions",
            ),
            (
                "BillingMode",
                json!("PROVISIONED"),
                "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be \
                 specified when BillingMode is PROVISIONED",
            ),
            (
                "ProvisionedThroughput",
                throughput.clone(),
                "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be \
                 specified when BillingMode is PAY_PER_REQUEST",
            ),
            (
                "TableName",
                json!("ab"),
                "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have \
                 length greater than or equal to 3",
            ),
            (
                "TableName",
                json!("a table"),
                "1 validation error detected: Value 'a table' at 'tableName' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
            ),
        ] {
            let mut input = Sandbox::table("users");
            input[member] = value;
            let refusal = world.call("CreateTable", input).unwrap_err();
            assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("ValidationException", message));
        }
    }

    #[test]
    fn billing_and_protection_change_one_at_a_time() {
        let mut world = Sandbox::new();
        world.create("users");
        let update = |members: Value| {
            let mut input = json!({"TableName": "users"});
            input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            input
        };
        assert_eq!(world.refused("UpdateTable", update(json!({}))), "ValidationException");
        let throughput = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 2});
        let alone = update(json!({"ProvisionedThroughput": throughput}));
        assert_eq!(world.refused("UpdateTable", alone), "ValidationException");
        let provisioned = update(json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": throughput}));
        let updating = world.ok("UpdateTable", provisioned)["TableDescription"].take();
        assert_eq!((&updating["TableStatus"], updating.get("BillingModeSummary")), (&json!("UPDATING"), None));
        assert_eq!(updating["ProvisionedThroughput"]["ReadCapacityUnits"], 5);
        let back = update(json!({"BillingMode": "PAY_PER_REQUEST"}));
        assert_eq!(world.refused("UpdateTable", back.clone()), "ResourceInUseException");
        world.wait(4);
        world.ok("UpdateTable", back);
        world.wait(4);
        world.ok("UpdateTable", update(json!({"DeletionProtectionEnabled": true})));
        world.wait(4);
        let refusal = world.call("DeleteTable", json!({"TableName": "users"})).unwrap_err();
        assert_eq!(refusal.code, "ValidationException");
        assert!(refusal.message.contains("protected against deletion"), "{refusal}");
        world.ok("UpdateTable", update(json!({"DeletionProtectionEnabled": false})));
        world.wait(4);
        assert_eq!(describe(&mut world, "users")["DeletionProtectionEnabled"], false);
        world.ok("DeleteTable", json!({"TableName": "users"}));
    }

    #[test]
    fn lists_come_in_pages_and_tables_go_by_arn_too() {
        let mut world = Sandbox::new();
        for name in ["ccc", "aaa", "bbb"] {
            world.create(name);
        }
        let first = world.ok("ListTables", json!({"Limit": 2}));
        assert_eq!(first, json!({"TableNames": ["aaa", "bbb"], "LastEvaluatedTableName": "bbb"}));
        let rest = json!({"ExclusiveStartTableName": "bbb", "Limit": 1});
        assert_eq!(world.ok("ListTables", rest), json!({"TableNames": ["ccc"]}));
        let arn = "arn:aws:dynamodb:us-east-1:111122223333:table/aaa";
        assert_eq!(describe(&mut world, arn)["TableName"], "aaa");
        let abroad = json!({"TableName": arn.replace("us-east-1", "eu-west-1")});
        assert_eq!(world.refused("DescribeTable", abroad), "ResourceNotFoundException");
    }

    #[test]
    fn an_account_has_a_limit_of_tables() {
        let mut dynamodb = Dynamodb::default();
        let mut context = Context {
            now: Timestamp::UNIX_EPOCH,
            durations: Durations::Typical,
            quotas: 1,
            dice: &mut Dice::new(7),
            account: "111122223333",
            access_key: "",
            region: "us-east-1",
            iam: None,
            hosted_zones: None,
            service_linked_role: None,
        };
        let refused = (0..=QUOTA).find_map(|number| {
            let request = CreateTable::deserialize(Sandbox::table(&format!("table-{number}"))).unwrap();
            dynamodb.create_table(&mut context, request).err().map(|refusal| (number, refusal.code))
        });
        assert_eq!(refused, Some((QUOTA, "LimitExceededException".to_owned())));
    }
}
