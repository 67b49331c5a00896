//! Users, as an administrator sees them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::pool::UserPool;
use super::schema::{self, NameAndValue, is_email};
use super::secret::PasswordHash;
use super::{CognitoIdp, invalid, listing, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, later};

/// A user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// By name; `sub` is among them.
    pub attributes: BTreeMap<String, String>,
    pub enabled: bool,
    pub status: Status,
    /// None where it was sent to the user: nobody else knows it.
    pub password: Option<PasswordHash>,
    /// Until when a temporary password is good.
    pub password_expires: Option<Timestamp>,
    created: Timestamp,
    modified: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Confirmed,
    ForceChangePassword,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateUser {
    user_pool_id: String,
    username: String,
    #[serde(default)]
    user_attributes: Vec<NameAndValue>,
    temporary_password: Option<String>,
    message_action: Option<String>,
    /// Nothing is sent here, whatever the way.
    #[serde(default, rename = "DesiredDeliveryMediums")]
    _mediums: Vec<String>,
    #[serde(default, rename = "ForceAliasCreation")]
    _force_alias: bool,
    #[serde(default, rename = "ClientMetadata")]
    _metadata: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UserName {
    user_pool_id: String,
    username: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SetPassword {
    user_pool_id: String,
    username: String,
    password: String,
    #[serde(default)]
    permanent: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateAttributes {
    user_pool_id: String,
    username: String,
    user_attributes: Vec<NameAndValue>,
    #[serde(default, rename = "ClientMetadata")]
    _metadata: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListUsers {
    user_pool_id: String,
    #[serde(default)]
    attributes_to_get: Vec<String>,
    limit: Option<usize>,
    pagination_token: Option<String>,
    filter: Option<String>,
}

impl User {
    /// Sets attributes; one without a value goes.
    pub fn set_attributes(&mut self, given: Vec<NameAndValue>) {
        for NameAndValue { name, value } in given {
            match value.is_empty() {
                true => self.attributes.remove(&name),
                false => self.attributes.insert(name, value),
            };
        }
    }

    /// A password that the user chose.
    pub fn confirm(&mut self, context: &mut Context<'_>, password: &str) {
        self.password = Some(PasswordHash::new(password, context.dice));
        self.password_expires = None;
        self.status = Status::Confirmed;
        self.modified = context.now;
    }

    /// A password that the user has to change, or none that anybody knows here.
    fn force_change(&mut self, context: &mut Context<'_>, password: Option<&str>, days: i64) {
        self.password = password.map(|password| PasswordHash::new(password, context.dice));
        self.password_expires = Some(later(context.now, SignedDuration::from_hours(24 * days)));
        self.status = Status::ForceChangePassword;
        self.modified = context.now;
    }

    fn view(&self, name: &str, attributes_as: &str, wanted: &[String]) -> Value {
        let wanted = |(name, _): &(&String, &String)| wanted.is_empty() || wanted.contains(name);
        let attributes = self.attributes.iter().filter(wanted);
        let attributes: Vec<_> = attributes.map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        json!({
            "Username": name,
            attributes_as: attributes,
            "UserCreateDate": self.created,
            "UserLastModifiedDate": self.modified,
            "Enabled": self.enabled,
            "UserStatus": self.status,
        })
    }

    /// What a filter compares.
    fn searched(&self, name: &str, attribute: &str) -> Option<String> {
        match attribute {
            "username" => Some(name.to_owned()),
            "cognito:user_status" => json!(self.status).as_str().map(str::to_owned),
            "status" => Some(if self.enabled { "Enabled" } else { "Disabled" }.to_owned()),
            attribute => self.attributes.get(attribute).cloned(),
        }
    }
}

impl UserPool {
    /// The user that a name, or an address that serves as one, stands for.
    pub fn find_user(&self, given: &str) -> Option<&String> {
        let given = self.cased(given);
        let by_name = self.users.get_key_value(&given).map(|(name, _)| name);
        by_name.or_else(|| self.users.iter().find(|(_, user)| self.has_alias(user, &given)).map(|(name, _)| name))
    }

    fn has_alias(&self, user: &User, given: &str) -> bool {
        let is_verified = |name: &str| user.attributes.get(&format!("{name}_verified")).is_some_and(|is| is == "true");
        let aliases = self.alias_attributes.iter().filter(|name| *name == "preferred_username" || is_verified(name));
        let mut names = self.username_attributes.iter().chain(aliases);
        names.any(|name| user.attributes.get(name).is_some_and(|value| self.cased(value) == given))
    }

    /// A name as names are compared.
    fn cased(&self, name: &str) -> String {
        if self.case_sensitive == Some(false) { name.to_lowercase() } else { name.to_owned() }
    }

    fn known(&mut self, given: &str) -> Result<(String, &mut User), ApiError> {
        let name = self.find_user(given).cloned().ok_or_else(no_user)?;
        let user = self.users.get_mut(&name).ok_or_else(no_user)?;
        Ok((name, user))
    }

    /// The name of a new user, with the attribute that it stands for in a pool whose users have no other name.
    fn new_name(&self, given: &str, sub: &str) -> Result<(String, Option<NameAndValue>), ApiError> {
        if self.username_attributes.is_empty() {
            return Ok((self.cased(given), None));
        }
        let takes = |attribute: &str| self.username_attributes.iter().any(|own| own == attribute);
        let is_phone = given.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let name = match (takes("email"), takes("phone_number")) {
            (true, _) if is_email(given) => "email",
            (_, true) if is_phone => "phone_number",
            (true, false) => return Err(invalid("Username should be an email.")),
            (false, _) => return Err(invalid("Username should be a phone number.")),
            (true, true) => return Err(invalid("Username should be either an email or a phone number.")),
        };
        Ok((sub.to_owned(), Some(NameAndValue { name: name.to_owned(), value: given.to_owned() })))
    }

    fn create_user(&mut self, context: &mut Context<'_>, request: CreateUser) -> Result<String, ApiError> {
        let sub = context.dice.uuid();
        let (name, identity) = self.new_name(&request.username, &sub)?;
        if self.find_user(&request.username).is_some() {
            return Err(ApiError::new("UsernameExistsException", "User account already exists"));
        }
        schema::check(&self.schema, &request.user_attributes, true)?;
        let mut user = User {
            attributes: BTreeMap::from([("sub".to_owned(), sub)]),
            enabled: true,
            status: Status::ForceChangePassword,
            password: None,
            password_expires: None,
            created: context.now,
            modified: context.now,
        };
        user.set_attributes(request.user_attributes);
        if let Some(NameAndValue { name, value }) = identity {
            let set = user.attributes.entry(name).or_insert(value.clone());
            if *set != value {
                return Err(invalid(
                    "User email should be empty or same as username, since username attribute is email",
                ));
            }
        }
        schema::check_complete(&self.schema, &user.attributes)?;
        self.give_temporary(context, &mut user, request.temporary_password.as_deref())?;
        self.users.insert(name.clone(), user);
        Ok(name)
    }

    /// A user who is there and didn't sign in yet gets another temporary password.
    fn invite_again(&mut self, context: &mut Context<'_>, request: &CreateUser) -> Result<String, ApiError> {
        let name = self.find_user(&request.username).cloned().ok_or_else(no_user)?;
        let mut user = self.users.get(&name).cloned().ok_or_else(no_user)?;
        if user.status != Status::ForceChangePassword {
            let message = format!("Resend not possible. {name} status is not FORCE_CHANGE_PASSWORD");
            return Err(ApiError::new("UnsupportedUserStateException", message));
        }
        self.give_temporary(context, &mut user, request.temporary_password.as_deref())?;
        self.users.insert(name.clone(), user);
        Ok(name)
    }

    fn give_temporary(
        &self,
        context: &mut Context<'_>,
        user: &mut User,
        password: Option<&str>,
    ) -> Result<(), ApiError> {
        let policy = &self.settings.policies.password_policy;
        password.map_or(Ok(()), |password| policy.check(password))?;
        user.force_change(context, password, policy.temporary_password_validity_days);
        Ok(())
    }
}

impl CognitoIdp {
    pub(super) fn create_user(&mut self, context: &mut Context<'_>, request: CreateUser) -> Answer {
        let pool = self.pool_mut(&request.user_pool_id)?;
        let name = match request.message_action.as_deref() {
            Some("RESEND") => pool.invite_again(context, &request)?,
            _ => pool.create_user(context, request)?,
        };
        let user = pool.users.get(&name).ok_or_else(no_user)?;
        Ok(json!({"User": user.view(&name, "Attributes", &[])}))
    }

    pub(super) fn get_user(&mut self, request: UserName) -> Answer {
        let (name, user) = self.pool_mut(&request.user_pool_id)?.known(&request.username)?;
        Ok(user.view(&name, "UserAttributes", &[]))
    }

    pub(super) fn delete_user(&mut self, request: UserName) -> Answer {
        let pool = self.pool_mut(&request.user_pool_id)?;
        let (name, _) = pool.known(&request.username)?;
        pool.users.remove(&name);
        pool.sessions.forget_user(&name);
        Ok(json!({}))
    }

    pub(super) fn set_password(&mut self, context: &mut Context<'_>, request: SetPassword) -> Answer {
        let pool = self.pool_mut(&request.user_pool_id)?;
        let policy = pool.settings.policies.password_policy.clone();
        let (_, user) = pool.known(&request.username)?;
        policy.check(&request.password)?;
        if request.permanent {
            user.confirm(context, &request.password);
        } else {
            user.force_change(context, Some(&request.password), policy.temporary_password_validity_days);
        }
        Ok(json!({}))
    }

    pub(super) fn enable_user(&mut self, context: &Context<'_>, request: UserName, enabled: bool) -> Answer {
        let pool = self.pool_mut(&request.user_pool_id)?;
        let (name, user) = pool.known(&request.username)?;
        user.enabled = enabled;
        user.modified = context.now;
        if !enabled {
            pool.sessions.forget_user(&name);
        }
        Ok(json!({}))
    }

    pub(super) fn update_attributes(&mut self, context: &Context<'_>, request: UpdateAttributes) -> Answer {
        let pool = self.pool_mut(&request.user_pool_id)?;
        schema::check(&pool.schema, &request.user_attributes, false)?;
        let (_, user) = pool.known(&request.username)?;
        user.set_attributes(request.user_attributes);
        user.modified = context.now;
        Ok(json!({}))
    }

    pub(super) fn list_users(&self, request: ListUsers) -> Answer {
        let filter = request.filter.as_deref().filter(|filter| !filter.is_empty()).map(Filter::read).transpose()?;
        let users = self.pool(&request.user_pool_id)?.users.iter();
        let users = users.filter(|(name, user)| filter.as_ref().is_none_or(|filter| filter.admits(name, user)));
        let item =
            |(name, user): (&String, &User)| (name.clone(), user.view(name, "Attributes", &request.attributes_to_get));
        let names = ("Users", "PaginationToken");
        listing::page(names, users.map(item).collect(), request.limit, request.pagination_token.as_deref())
    }
}

/// A search for users: `email ^= "ada@"`.
struct Filter {
    attribute: String,
    /// Whether the beginning is enough.
    by_prefix: bool,
    value: String,
}

impl Filter {
    /// <https://docs.aws.amazon.com/cognito/latest/developerguide/how-to-manage-user-accounts.html>
    const ATTRIBUTES: [&str; 10] = [
        "username",
        "email",
        "phone_number",
        "name",
        "given_name",
        "family_name",
        "preferred_username",
        "cognito:user_status",
        "status",
        "sub",
    ];

    fn read(text: &str) -> Result<Self, ApiError> {
        let malformed = || invalid(format!("Error while parsing filter: {text}"));
        let (left, value) = text.split_once('=').ok_or_else(malformed)?;
        let (attribute, by_prefix) = left.strip_suffix('^').map_or((left, false), |attribute| (attribute, true));
        let attribute = attribute.trim().trim_matches('"');
        let value = value.trim().strip_prefix('"').and_then(|value| value.strip_suffix('"')).ok_or_else(malformed)?;
        if attribute.starts_with("custom:") || !Self::ATTRIBUTES.contains(&attribute) {
            return Err(invalid(format!("Users can't be searched by the attribute {attribute}.")));
        }
        if attribute == "status" && by_prefix {
            return Err(unsupported("a search for the beginning of a status"));
        }
        Ok(Self { attribute: attribute.to_owned(), by_prefix, value: value.replace("\\\"", "\"") })
    }

    fn admits(&self, name: &str, user: &User) -> bool {
        let has = |value: String| if self.by_prefix { value.starts_with(&self.value) } else { value == self.value };
        user.searched(name, &self.attribute).is_some_and(has)
    }
}

/// The refusal of a name that is no user's.
pub fn no_user() -> ApiError {
    ApiError::new("UserNotFoundException", "User does not exist.")
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn in_pool(world: &Sandbox, more: Value) -> Value {
        let mut input = json!({"UserPoolId": world.pool, "Username": "ada"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    }

    fn names(answer: &Value) -> Vec<String> {
        answer["Users"].as_array().unwrap().iter().map(|user| text(&user["Username"])).collect()
    }

    #[test]
    fn a_new_user_has_to_change_the_password() {
        let mut world = Sandbox::with_pool();
        let made = world.new_user("ada")["User"].take();
        assert_eq!((&made["Username"], &made["UserStatus"]), (&json!("ada"), &json!("FORCE_CHANGE_PASSWORD")));
        let user = world.ok("AdminGetUser", in_pool(&world, json!({})));
        assert_eq!(user["UserAttributes"], made["Attributes"]);
        let attributes = user["UserAttributes"].as_array().unwrap();
        assert!(attributes.contains(&json!({"Name": "email", "Value": "ada@example.com"})));
        assert!(attributes.iter().any(|attribute| attribute["Name"] == "sub"));
    }

    #[test]
    fn a_name_has_one_user() {
        let mut world = Sandbox::with_pool();
        world.new_user("ada");
        assert_eq!(world.refused("AdminCreateUser", in_pool(&world, json!({}))), "UsernameExistsException");
        world.ok("AdminCreateUser", in_pool(&world, json!({"Username": "Ada"})));
    }

    #[test]
    fn names_of_a_pool_that_says_so_ignore_case() {
        let mut world = Sandbox::new();
        let made = json!({"PoolName": "p", "UsernameConfiguration": {"CaseSensitive": false}});
        world.pool = text(&world.ok("CreateUserPool", made)["UserPool"]["Id"]);
        assert_eq!(world.new_user("Ada")["User"]["Username"], "ada");
        let again = in_pool(&world, json!({"Username": "ADA"}));
        assert_eq!(world.refused("AdminCreateUser", again), "UsernameExistsException");
    }

    #[test]
    fn users_of_a_pool_of_addresses_are_named_by_their_sub() {
        let mut world = Sandbox::new();
        let made = json!({"PoolName": "p", "UsernameAttributes": ["email"]});
        world.pool = text(&world.ok("CreateUserPool", made)["UserPool"]["Id"]);
        assert_eq!(world.refused("AdminCreateUser", in_pool(&world, json!({}))), "InvalidParameterException");
        let address = json!({"Username": "ada@example.com"});
        let user = world.ok("AdminCreateUser", in_pool(&world, address.clone()))["User"].take();
        let attributes = user["Attributes"].as_array().unwrap();
        assert!(attributes.contains(&json!({"Name": "sub", "Value": user["Username"]})));
        assert!(attributes.contains(&json!({"Name": "email", "Value": "ada@example.com"})));
        let found = world.ok("AdminGetUser", in_pool(&world, address));
        assert_eq!(found["Username"], user["Username"]);
    }

    #[test]
    fn a_verified_address_is_another_name_where_the_pool_says_so() {
        let mut world = Sandbox::new();
        let made = json!({"PoolName": "p", "AliasAttributes": ["email"]});
        world.pool = text(&world.ok("CreateUserPool", made)["UserPool"]["Id"]);
        world.new_user("ada");
        let by_alias = in_pool(&world, json!({"Username": "ada@example.com"}));
        assert_eq!(world.ok("AdminGetUser", by_alias.clone())["Username"], "ada");
        let unverified = json!({"UserAttributes": [{"Name": "email_verified", "Value": "false"}]});
        world.ok("AdminUpdateUserAttributes", in_pool(&world, unverified));
        assert_eq!(world.refused("AdminGetUser", by_alias), "UserNotFoundException");
    }

    #[test]
    fn passwords_follow_the_policy() {
        let mut world = Sandbox::with_pool();
        let weak = in_pool(&world, json!({"TemporaryPassword": "weak"}));
        assert_eq!(world.refused("AdminCreateUser", weak), "InvalidPasswordException");
        world.new_user("ada");
        let weak = in_pool(&world, json!({"Password": "weak", "Permanent": true}));
        assert_eq!(world.refused("AdminSetUserPassword", weak), "InvalidPasswordException");
    }

    #[test]
    fn a_permanent_password_confirms_and_another_has_to_be_changed() {
        let mut world = Sandbox::with_user();
        let status = |world: &mut Sandbox| {
            let input = in_pool(world, json!({}));
            world.ok("AdminGetUser", input)["UserStatus"].take()
        };
        assert_eq!(status(&mut world), "CONFIRMED");
        world.ok("AdminSetUserPassword", in_pool(&world, json!({"Password": PASSWORD})));
        assert_eq!(status(&mut world), "FORCE_CHANGE_PASSWORD");
    }

    #[test]
    fn passwords_are_not_in_the_worlds_file() {
        let mut world = Sandbox::with_user();
        world.new_user("bob");
        let file = serde_json::to_string(&world.stage.world).unwrap();
        assert!(!file.contains(PASSWORD) && !file.contains(TEMPORARY));
    }

    #[test]
    fn an_invitation_is_sent_again_to_who_did_not_sign_in() {
        let mut world = Sandbox::with_pool();
        let resend = in_pool(&world, json!({"MessageAction": "RESEND"}));
        assert_eq!(world.refused("AdminCreateUser", resend.clone()), "UserNotFoundException");
        world.new_user("ada");
        world.ok("AdminCreateUser", resend.clone());
        world.ok("AdminSetUserPassword", in_pool(&world, json!({"Password": PASSWORD, "Permanent": true})));
        assert_eq!(world.refused("AdminCreateUser", resend), "UnsupportedUserStateException");
    }

    #[test]
    fn a_deleted_user_does_not_exist() {
        let mut world = Sandbox::with_user();
        world.ok("AdminDeleteUser", in_pool(&world, json!({})));
        for operation in ["AdminGetUser", "AdminDeleteUser", "AdminDisableUser"] {
            assert_eq!(world.refused(operation, in_pool(&world, json!({}))), "UserNotFoundException", "{operation}");
        }
    }

    #[test]
    fn an_attribute_without_value_goes() {
        let mut world = Sandbox::with_pool();
        world.new_user("ada");
        let gone = json!({"UserAttributes": [{"Name": "email", "Value": ""}, {"Name": "name", "Value": "Ada"}]});
        world.ok("AdminUpdateUserAttributes", in_pool(&world, gone));
        let user = world.ok("AdminGetUser", in_pool(&world, json!({})));
        let has = |name: &str| user["UserAttributes"].as_array().unwrap().iter().any(|own| own["Name"] == name);
        assert_eq!((has("email"), has("name")), (false, true));
    }

    #[test]
    fn users_are_listed_by_page_and_found_by_filter() {
        let mut world = Sandbox::with_pool();
        for name in ["ada", "bob", "bea"] {
            world.new_user(name);
        }
        let pool = world.pool.clone();
        let first = world.ok("ListUsers", json!({"UserPoolId": pool, "Limit": 2}));
        let second = world.ok("ListUsers", json!({"UserPoolId": pool, "PaginationToken": first["PaginationToken"]}));
        assert_eq!((names(&first), names(&second)), (vec!["ada".into(), "bea".into()], vec!["bob".into()]));
        world.ok("AdminDisableUser", in_pool(&world, json!({})));
        for (filter, found) in [
            ("email = \"bob@example.com\"", 1),
            ("username ^= \"b\"", 2),
            ("\"status\"=\"Disabled\"", 1),
            ("cognito:user_status = \"FORCE_CHANGE_PASSWORD\"", 3),
            ("name = \"Ada\"", 0),
        ] {
            let answer = world.ok("ListUsers", json!({"UserPoolId": pool, "Filter": filter}));
            assert_eq!(names(&answer).len(), found, "{filter}");
        }
        for filter in ["email", "email = bob", "birthdate = \"x\"", "custom:x = \"1\""] {
            let input = json!({"UserPoolId": pool, "Filter": filter});
            assert_eq!(world.refused("ListUsers", input), "InvalidParameterException", "{filter}");
        }
    }

    #[test]
    fn a_list_shows_the_attributes_that_are_asked_for() {
        let mut world = Sandbox::with_pool();
        world.new_user("ada");
        let listed = world.ok("ListUsers", json!({"UserPoolId": world.pool, "AttributesToGet": ["email"]}));
        assert_eq!(listed["Users"][0]["Attributes"], json!([{"Name": "email", "Value": "ada@example.com"}]));
    }
}
