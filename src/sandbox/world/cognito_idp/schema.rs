//! The attributes that a pool's users may have.
//!
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::invalid;
use crate::sandbox::api::ApiError;

/// Attributes that every pool has, and their types.
const STANDARD: [(&str, &str); 20] = [
    ("profile", "String"),
    ("address", "String"),
    ("birthdate", "String"),
    ("gender", "String"),
    ("preferred_username", "String"),
    ("updated_at", "Number"),
    ("website", "String"),
    ("picture", "String"),
    ("identities", "String"),
    ("sub", "String"),
    ("phone_number", "String"),
    ("phone_number_verified", "Boolean"),
    ("zoneinfo", "String"),
    ("locale", "String"),
    ("email", "String"),
    ("email_verified", "Boolean"),
    ("given_name", "String"),
    ("family_name", "String"),
    ("middle_name", "String"),
    ("name", "String"),
];

/// An attribute of a pool's users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Attribute {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute_data_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub developer_only_attribute: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutable: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_attribute_constraints: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_attribute_constraints: Option<Value>,
}

/// What a user's attributes are in a call.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NameAndValue {
    pub name: String,
    #[serde(default)]
    pub value: String,
}

/// The attributes of a new pool: the standard ones, as changed by those that are given, and custom ones.
///
/// # Errors
/// `InvalidParameterException`
pub fn of_pool(given: Vec<Attribute>) -> Result<Vec<Attribute>, ApiError> {
    let mut schema: Vec<Attribute> = STANDARD.iter().map(|&(name, data_type)| standard(name, data_type)).collect();
    for attribute in given {
        match schema.iter_mut().find(|standard| standard.name == attribute.name) {
            Some(standard) => standard.change(attribute)?,
            None => schema.push(custom(attribute)?),
        }
    }
    Ok(schema)
}

fn standard(name: &str, data_type: &str) -> Attribute {
    let longest = if name == "birthdate" { "10" } else { "2048" };
    let shortest = if name == "birthdate" {
        "10"
    } else if name == "sub" {
        "1"
    } else {
        "0"
    };
    let has_length = data_type == "String";
    Attribute {
        name: name.to_owned(),
        attribute_data_type: Some(data_type.to_owned()),
        developer_only_attribute: Some(false),
        mutable: Some(name != "sub"),
        required: Some(name == "sub"),
        string_attribute_constraints: has_length.then(|| json!({"MinLength": shortest, "MaxLength": longest})),
        number_attribute_constraints: (data_type == "Number").then(|| json!({"MinValue": "0"})),
    }
}

/// An attribute that only this pool has.
fn custom(mut attribute: Attribute) -> Result<Attribute, ApiError> {
    if attribute.required == Some(true) {
        return Err(invalid("Required custom attributes are not supported currently."));
    }
    attribute.name = format!("custom:{}", attribute.name);
    attribute.attribute_data_type.get_or_insert_with(|| "String".to_owned());
    attribute.developer_only_attribute.get_or_insert(false);
    attribute.mutable.get_or_insert(true);
    attribute.required.get_or_insert(false);
    Ok(attribute)
}

impl Attribute {
    fn change(&mut self, given: Attribute) -> Result<(), ApiError> {
        if given.attribute_data_type.is_some() && given.attribute_data_type != self.attribute_data_type {
            let message = format!("You can not change AttributeDataType of the standard attribute {}.", self.name);
            return Err(invalid(message));
        }
        self.mutable = given.mutable.or(self.mutable);
        self.required = given.required.or(self.required);
        self.string_attribute_constraints =
            given.string_attribute_constraints.or(self.string_attribute_constraints.take());
        self.number_attribute_constraints =
            given.number_attribute_constraints.or(self.number_attribute_constraints.take());
        Ok(())
    }
}

/// Refuses attributes that no user of the pool can have, and those that may not change.
///
/// # Errors
/// `InvalidParameterException`
pub fn check(schema: &[Attribute], given: &[NameAndValue], is_new: bool) -> Result<(), ApiError> {
    for NameAndValue { name, value } in given {
        let Some(attribute) = schema.iter().find(|attribute| attribute.name == *name) else {
            return Err(unlike_schema(name, "Attribute does not exist in the schema."));
        };
        if name == "sub" || (!is_new && attribute.mutable == Some(false)) {
            return Err(invalid(format!("user.{name}: Attribute cannot be updated.")));
        }
        let is_boolean = attribute.attribute_data_type.as_deref() == Some("Boolean");
        if is_boolean && !["true", "false", ""].contains(&value.as_str()) {
            return Err(unlike_schema(name, "The attribute must be a boolean."));
        }
        if name == "email" && !value.is_empty() && !is_email(value) {
            return Err(invalid("Invalid email address format."));
        }
    }
    Ok(())
}

/// Refuses a user who lacks an attribute that all must have.
///
/// # Errors
/// `InvalidParameterException`
pub fn check_complete(schema: &[Attribute], attributes: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let missing =
        schema.iter().find(|attribute| attribute.required == Some(true) && !attributes.contains_key(&attribute.name));
    missing.map_or(Ok(()), |attribute| Err(unlike_schema(&attribute.name, "The attribute is required")))
}

fn unlike_schema(name: &str, why: &str) -> ApiError {
    invalid(format!("Attributes did not conform to the schema: {name}: {why}\n"))
}

/// Whether a text looks like an email address.
pub fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(who, domain)| !who.is_empty() && domain.contains('.') && !domain.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_pool_has_the_standard_attributes_and_its_own() {
        let mut world = Sandbox::new();
        let schema = json!([
            {"Name": "email", "Required": true, "Mutable": false},
            {"Name": "badge", "AttributeDataType": "Number"},
        ]);
        let pool = world.ok("CreateUserPool", json!({"PoolName": "p", "Schema": schema}));
        let attributes = pool["UserPool"]["SchemaAttributes"].as_array().unwrap();
        let named = |name| attributes.iter().find(|attribute| attribute["Name"] == name).unwrap();
        assert_eq!(attributes.len(), 21);
        assert_eq!((&named("sub")["Required"], &named("name")["Required"]), (&json!(true), &json!(false)));
        assert_eq!((&named("email")["Required"], &named("email")["Mutable"]), (&json!(true), &json!(false)));
        assert_eq!(named("custom:badge")["AttributeDataType"], "Number");
    }

    #[test]
    fn an_attribute_that_cannot_be_is_refused() {
        let mut world = Sandbox::new();
        for attribute in
            [json!({"Name": "badge", "Required": true}), json!({"Name": "email", "AttributeDataType": "Number"})]
        {
            let input = json!({"PoolName": "p", "Schema": [attribute]});
            assert_eq!(world.refused("CreateUserPool", input), "InvalidParameterException", "{attribute}");
        }
    }

    #[test]
    fn an_immutable_attribute_is_set_once() {
        let mut world = Sandbox::new();
        let schema = json!([{"Name": "badge", "Mutable": false}]);
        let pool = world.ok("CreateUserPool", json!({"PoolName": "p", "Schema": schema}))["UserPool"]["Id"].take();
        let badge = |value| json!({"UserPoolId": pool, "Username": "ada", "UserAttributes": [{"Name": "custom:badge", "Value": value}]});
        world.ok("AdminCreateUser", badge("1"));
        assert_eq!(world.refused("AdminUpdateUserAttributes", badge("2")), "InvalidParameterException");
    }

    #[test]
    fn a_users_attributes_conform_to_the_schema() {
        let mut world = Sandbox::new();
        let schema = json!([{"Name": "name", "Required": true}]);
        let pool = world.ok("CreateUserPool", json!({"PoolName": "p", "Schema": schema}));
        let id = &pool["UserPool"]["Id"];
        let mut create = |name: &str, value: &str| {
            let attributes = json!([{"Name": name, "Value": value}]);
            let input = json!({"UserPoolId": id, "Username": "ada", "UserAttributes": attributes});
            world.call("AdminCreateUser", input).err().map(|error| error.message)
        };
        let mut refusal = |name, value| create(name, value).unwrap_or_default();
        assert!(refusal("custom:x", "1").contains("custom:x: Attribute does not exist in the schema."));
        assert!(refusal("email", "a@example.com").contains("name: The attribute is required"));
        assert!(refusal("email_verified", "yes").contains("must be a boolean"));
        assert!(refusal("email", "nowhere").contains("Invalid email address format"));
        assert!(refusal("sub", "1").contains("cannot be updated"));
        assert_eq!(refusal("name", "Ada"), "");
    }
}
