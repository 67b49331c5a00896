//! User pools.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::Client;
use super::domain::Domain;
use super::schema::{self, Attribute};
use super::session::Sessions;
use super::tags::{self, pool_arn};
use super::user::User;
use super::{CognitoIdp, invalid, limit_exceeded, listing, read_with_settings, unsupported};
use crate::sandbox::api::{Answer, ApiError, Call};
use crate::sandbox::world::Context;

/// User pools per account and Region.
const QUOTA: usize = 1000;

/// A user pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserPool {
    pub name: String,
    pub settings: Settings,
    pub alias_attributes: Vec<String>,
    pub username_attributes: Vec<String>,
    /// Whether names that differ in case only are two names; none is as AWS has it where nothing was said: they are.
    pub case_sensitive: Option<bool>,
    pub schema: Vec<Attribute>,
    pub software_token_mfa: bool,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// What the pool's keys are made from: one signs ID tokens, the other access tokens.
    pub key_seeds: [u64; 2],
    /// By id.
    pub clients: BTreeMap<String, Client>,
    pub domain: Option<Domain>,
    /// By name.
    pub users: BTreeMap<String, User>,
    /// Sign-ins that were begun, and who may go on without a password.
    pub sessions: Sessions,
}

/// What can be changed of a pool. A change says all of it: what it leaves out gets its default, tags included; but
/// for policies, MFA and tier, which stay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Settings {
    #[serde(default)]
    pub policies: Policies,
    #[serde(default)]
    deletion_protection: DeletionProtection,
    #[serde(default)]
    pub mfa_configuration: Mfa,
    #[serde(default)]
    pub user_pool_tags: BTreeMap<String, String>,
    #[serde(default)]
    admin_create_user_config: AdminCreateUserConfig,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    auto_verified_attributes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_pool_tier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_recovery_setting: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email_configuration: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email_verification_message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email_verification_subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verification_message_template: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_attribute_update_settings: Option<Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Policies {
    #[serde(default)]
    pub password_policy: PasswordPolicy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sign_in_policy: Option<Value>,
}

/// What a password must have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PasswordPolicy {
    #[serde(default = "eight")]
    minimum_length: usize,
    #[serde(default)]
    require_uppercase: bool,
    #[serde(default)]
    require_lowercase: bool,
    #[serde(default)]
    require_numbers: bool,
    #[serde(default)]
    require_symbols: bool,
    #[serde(default = "seven")]
    pub temporary_password_validity_days: i64,
}

/// That of a pool for which none is given; a member that a given one leaves out isn't required.
impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            minimum_length: eight(),
            require_uppercase: true,
            require_lowercase: true,
            require_numbers: true,
            require_symbols: true,
            temporary_password_validity_days: seven(),
        }
    }
}

fn eight() -> usize {
    8
}

fn seven() -> i64 {
    7
}

impl PasswordPolicy {
    /// Refuses a password that lacks something.
    ///
    /// # Errors
    /// `InvalidPasswordException`
    pub fn check(&self, password: &str) -> Result<(), ApiError> {
        let has = |is: fn(&char) -> bool| password.chars().any(|letter| is(&letter));
        let lacks = [
            (password.chars().count() < self.minimum_length, "Password not long enough"),
            (self.require_uppercase && !has(char::is_ascii_uppercase), "Password must have uppercase characters"),
            (self.require_lowercase && !has(char::is_ascii_lowercase), "Password must have lowercase characters"),
            (self.require_numbers && !has(char::is_ascii_digit), "Password must have numeric characters"),
            (self.require_symbols && !has(char::is_ascii_punctuation), "Password must have symbol characters"),
        ];
        let Some((_, lack)) = lacks.into_iter().find(|(is_lacking, _)| *is_lacking) else { return Ok(()) };
        let message = format!("Password did not conform with policy: {lack}");
        Err(ApiError::new("InvalidPasswordException", message))
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum DeletionProtection {
    Active,
    #[default]
    Inactive,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mfa {
    #[default]
    Off,
    On,
    Optional,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AdminCreateUserConfig {
    #[serde(default)]
    allow_admin_create_user_only: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unused_account_validity_days: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invite_message_template: Option<Value>,
}

const CREATION_MEMBERS: &[&str] =
    &["PoolName", "AliasAttributes", "UsernameAttributes", "UsernameConfiguration", "Schema"];

/// What is said once, at the creation of a pool.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Creation {
    pool_name: String,
    #[serde(default)]
    alias_attributes: Vec<String>,
    #[serde(default)]
    username_attributes: Vec<String>,
    username_configuration: Option<UsernameConfiguration>,
    #[serde(default)]
    schema: Vec<Attribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UsernameConfiguration {
    case_sensitive: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Update {
    user_pool_id: String,
    pool_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PoolId {
    user_pool_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListPools {
    max_results: usize,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SetMfa {
    user_pool_id: String,
    software_token_mfa_configuration: Option<SoftwareTokenMfa>,
    #[serde(default)]
    mfa_configuration: Mfa,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SoftwareTokenMfa {
    #[serde(default)]
    enabled: bool,
}

impl Settings {
    fn check(&self, has_software_token: bool) -> Result<(), ApiError> {
        tags::check(&self.user_pool_tags)?;
        let only_password = json!({"AllowedFirstAuthFactors": ["PASSWORD"]});
        if self.policies.sign_in_policy.as_ref().is_some_and(|policy| *policy != only_password) {
            return Err(unsupported("signing in without a password"));
        }
        check_mfa(self.mfa_configuration, has_software_token)
    }

    fn tier(&self) -> &str {
        self.user_pool_tier.as_deref().unwrap_or("ESSENTIALS")
    }
}

fn check_mfa(mfa: Mfa, has_software_token: bool) -> Result<(), ApiError> {
    match mfa {
        Mfa::Off => Ok(()),
        _ if !has_software_token => Err(invalid(
            "Invalid MFA configuration given, can't turn on MFA and configure without any MFA method: SMS \
             configuration is required when MFA is required/optional.",
        )),
        // Nobody can register a device here, so nobody is asked for it.
        Mfa::Optional => Ok(()),
        Mfa::On => Err(unsupported("required MFA")),
    }
}

impl UserPool {
    fn view(&self, context: &Context<'_>, id: &str) -> Value {
        let mut view = json!(self.settings);
        let more = json!({
            "Id": id,
            "Name": self.name,
            "Arn": pool_arn(context, id),
            "CreationDate": self.created,
            "LastModifiedDate": self.modified,
            "EstimatedNumberOfUsers": self.users.len(),
            "SchemaAttributes": self.schema,
            "LambdaConfig": {},
            "UserPoolTier": self.settings.tier(),
        });
        if let (Some(view), Value::Object(more)) = (view.as_object_mut(), more) {
            view.extend(more);
            let lists =
                [("AliasAttributes", &self.alias_attributes), ("UsernameAttributes", &self.username_attributes)];
            let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
            view.extend(lists.map(|(name, list)| (name.to_owned(), json!(list))));
            let cased = self.case_sensitive.map(|cased| json!({"CaseSensitive": cased}));
            view.extend(cased.map(|cased| ("UsernameConfiguration".to_owned(), cased)));
            view.extend(self.domain.as_ref().map(|domain| ("Domain".to_owned(), json!(domain.name))));
            view.entry("EmailConfiguration").or_insert(json!({"EmailSendingAccount": "COGNITO_DEFAULT"}));
        }
        if view["AdminCreateUserConfig"]["UnusedAccountValidityDays"].is_null() {
            let days = self.settings.policies.password_policy.temporary_password_validity_days;
            view["AdminCreateUserConfig"]["UnusedAccountValidityDays"] = json!(days);
        }
        view
    }

    fn mfa_view(&self) -> Value {
        let mut view = json!({"MfaConfiguration": self.settings.mfa_configuration});
        if self.software_token_mfa {
            view["SoftwareTokenMfaConfiguration"] = json!({"Enabled": true});
        }
        view
    }
}

impl CognitoIdp {
    pub(super) fn create_pool(&mut self, context: &mut Context<'_>, call: &Call) -> Answer {
        let (creation, settings): (Creation, Settings) = read_with_settings(call, CREATION_MEMBERS)?;
        settings.check(false)?;
        if !creation.alias_attributes.is_empty() && !creation.username_attributes.is_empty() {
            return Err(invalid("Only one of aliasAttributes or usernameAttributes can be set in a user pool."));
        }
        if self.pools.len() >= QUOTA {
            return Err(limit_exceeded("The maximum number of user pools has been reached."));
        }
        const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let id = format!("{}_{}", context.region, context.dice.string(LETTERS, 9));
        let pool = UserPool {
            name: creation.pool_name,
            settings,
            alias_attributes: creation.alias_attributes,
            username_attributes: creation.username_attributes,
            case_sensitive: creation.username_configuration.map(|configuration| configuration.case_sensitive),
            schema: schema::of_pool(creation.schema)?,
            software_token_mfa: false,
            created: context.now,
            modified: context.now,
            key_seeds: [context.dice.throw(), context.dice.throw()],
            clients: BTreeMap::new(),
            domain: None,
            users: BTreeMap::new(),
            sessions: Sessions::default(),
        };
        let answer = json!({"UserPool": pool.view(context, &id)});
        self.pools.insert(id, pool);
        Ok(answer)
    }

    pub(super) fn describe_pool(&self, context: &Context<'_>, request: PoolId) -> Answer {
        let id = &request.user_pool_id;
        Ok(json!({"UserPool": self.pool(id)?.view(context, id)}))
    }

    pub(super) fn update_pool(&mut self, context: &Context<'_>, call: &Call) -> Answer {
        let (update, mut settings): (Update, Settings) = read_with_settings(call, &["UserPoolId", "PoolName"])?;
        let pool = self.pool_mut(&update.user_pool_id)?;
        let leaves_out = |member: &str| call.input[member].is_null();
        if leaves_out("Policies") {
            settings.policies = pool.settings.policies.clone();
        }
        if leaves_out("MfaConfiguration") {
            settings.mfa_configuration = pool.settings.mfa_configuration;
        }
        settings.user_pool_tier = settings.user_pool_tier.or(pool.settings.user_pool_tier.take());
        settings.check(pool.software_token_mfa)?;
        pool.settings = settings;
        pool.name = update.pool_name.unwrap_or_else(|| std::mem::take(&mut pool.name));
        pool.modified = context.now;
        Ok(json!({}))
    }

    pub(super) fn delete_pool(&mut self, request: PoolId) -> Answer {
        let pool = self.pool(&request.user_pool_id)?;
        if pool.settings.deletion_protection == DeletionProtection::Active {
            return Err(invalid(
                "The user pool cannot be deleted because deletion protection is activated. \
                 Deletion protection must be inactivated first.",
            ));
        }
        if pool.domain.is_some() {
            return Err(invalid(
                "User pool cannot be deleted. It has a domain configured that should be deleted first.",
            ));
        }
        self.pools.remove(&request.user_pool_id);
        Ok(json!({}))
    }

    pub(super) fn list_pools(&self, request: ListPools) -> Answer {
        let item = |(id, pool): (&String, &UserPool)| {
            let (created, modified) = (pool.created, pool.modified);
            let item = json!({
                "Id": id, "Name": pool.name, "LambdaConfig": {}, "CreationDate": created, "LastModifiedDate": modified,
            });
            (id.clone(), item)
        };
        let items = self.pools.iter().map(item).collect();
        listing::page(("UserPools", "NextToken"), items, Some(request.max_results), request.next_token.as_deref())
    }

    pub(super) fn mfa_config(&self, request: PoolId) -> Answer {
        Ok(self.pool(&request.user_pool_id)?.mfa_view())
    }

    pub(super) fn set_mfa_config(&mut self, request: SetMfa) -> Answer {
        let pool = self.pool_mut(&request.user_pool_id)?;
        let software_token = request.software_token_mfa_configuration.is_some_and(|token| token.enabled);
        check_mfa(request.mfa_configuration, software_token)?;
        pool.software_token_mfa = software_token;
        pool.settings.mfa_configuration = request.mfa_configuration;
        Ok(pool.mfa_view())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_pool_has_awss_defaults() {
        let mut world = Sandbox::with_pool();
        let pool = world.ok("DescribeUserPool", json!({"UserPoolId": world.pool}))["UserPool"].take();
        let (region, id) = world.pool.split_once('_').unwrap();
        assert_eq!((region, id.len()), ("us-east-1", 9));
        assert_eq!(pool["Arn"], format!("arn:aws:cognito-idp:us-east-1:111122223333:userpool/{}", world.pool));
        assert_eq!(
            pool["Policies"]["PasswordPolicy"],
            json!({
                "MinimumLength": 8,
                "RequireUppercase": true,
                "RequireLowercase": true,
                "RequireNumbers": true,
                "RequireSymbols": true,
                "TemporaryPasswordValidityDays": 7,
            })
        );
        assert_eq!(pool["DeletionProtection"], "INACTIVE");
        assert_eq!(pool["MfaConfiguration"], "OFF");
        assert_eq!(pool["UserPoolTier"], "ESSENTIALS");
        assert_eq!(pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"], false);
    }

    #[test]
    fn two_pools_may_have_one_name() {
        let mut world = Sandbox::with_pool();
        let other = world.ok("CreateUserPool", json!({"PoolName": "lab"}));
        assert_ne!(other["UserPool"]["Id"], world.pool.as_str());
    }

    #[test]
    fn an_update_leaves_policies_mfa_and_tier_alone() {
        let mut world = Sandbox::new();
        let policies = json!({"PasswordPolicy": {"MinimumLength": 12}});
        let made = json!({"PoolName": "p", "Policies": policies, "UserPoolTier": "LITE"});
        let id = world.ok("CreateUserPool", made)["UserPool"]["Id"].take();
        let token = json!({"Enabled": true});
        let mfa = json!({"UserPoolId": id, "MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": token});
        world.ok("SetUserPoolMfaConfig", mfa);
        world.ok("UpdateUserPool", json!({"UserPoolId": id}));
        let pool = world.ok("DescribeUserPool", json!({"UserPoolId": id}))["UserPool"].take();
        assert_eq!(pool["Policies"]["PasswordPolicy"]["MinimumLength"], 12);
        assert_eq!((&pool["MfaConfiguration"], &pool["UserPoolTier"]), (&json!("OPTIONAL"), &json!("LITE")));
    }

    #[test]
    fn an_update_puts_back_to_the_default_what_it_leaves_out() {
        let mut world = Sandbox::new();
        let made = json!({"PoolName": "p", "UserPoolTags": {"a": "b"}, "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true}});
        let id = world.ok("CreateUserPool", made)["UserPool"]["Id"].take();
        world.wait(5);
        world.ok("UpdateUserPool", json!({"UserPoolId": id, "UserPoolTags": {"c": "d"}}));
        let pool = world.ok("DescribeUserPool", json!({"UserPoolId": id}))["UserPool"].take();
        assert_eq!(pool["Name"], "p");
        assert_eq!(pool["UserPoolTags"], json!({"c": "d"}));
        assert_eq!(pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"], false);
        assert_ne!(pool["LastModifiedDate"], pool["CreationDate"]);
    }

    #[test]
    fn a_protected_pool_is_not_deleted() {
        let mut world = Sandbox::new();
        let made = json!({"PoolName": "p", "DeletionProtection": "ACTIVE"});
        let id = world.ok("CreateUserPool", made)["UserPool"]["Id"].take();
        assert_eq!(world.refused("DeleteUserPool", json!({"UserPoolId": id})), "InvalidParameterException");
        world.ok("UpdateUserPool", json!({"UserPoolId": id, "DeletionProtection": "INACTIVE"}));
        world.ok("DeleteUserPool", json!({"UserPoolId": id}));
        let refusal = world.call("DescribeUserPool", json!({"UserPoolId": id})).unwrap_err();
        assert_eq!(refusal.code, "ResourceNotFoundException");
        assert_eq!(refusal.message, format!("User pool {} does not exist.", id.as_str().unwrap()));
    }

    #[test]
    fn lists_are_paged_and_have_no_tags() {
        let mut world = Sandbox::new();
        for name in ["a", "b", "c"] {
            world.ok("CreateUserPool", json!({"PoolName": name, "UserPoolTags": {"k": "v"}}));
        }
        let first = world.ok("ListUserPools", json!({"MaxResults": 2}));
        let second = world.ok("ListUserPools", json!({"MaxResults": 2, "NextToken": first["NextToken"]}));
        let count = |page: &Value| page["UserPools"].as_array().unwrap().len();
        assert_eq!((count(&first), count(&second)), (2, 1));
        assert!(second["NextToken"].is_null());
        assert!(first["UserPools"][0]["UserPoolTags"].is_null());
    }

    #[test]
    fn a_password_lacks_nothing_that_the_policy_asks_for() {
        let refusal = |policy: &PasswordPolicy, password| policy.check(password).err().map(|refusal| refusal.message);
        let by_default = PasswordPolicy::default();
        for (password, lack) in [
            ("Aa1!", "not long enough"),
            ("aaaaaa1!", "uppercase"),
            ("AAAAAA1!", "lowercase"),
            ("Aaaaaaa!", "numeric"),
            ("Aaaaaaa1", "symbol"),
        ] {
            assert!(refusal(&by_default, password).is_some_and(|message| message.contains(lack)), "{password}");
        }
        assert_eq!(refusal(&by_default, "Aaaaaa1!"), None);
        let given: PasswordPolicy = serde_json::from_value(json!({"MinimumLength": 6})).unwrap();
        assert_eq!(refusal(&given, "aaaaaa"), None);
    }

    #[test]
    fn names_are_aliases_or_attributes_not_both() {
        let mut world = Sandbox::new();
        let input = json!({"PoolName": "p", "AliasAttributes": ["email"], "UsernameAttributes": ["email"]});
        assert_eq!(world.refused("CreateUserPool", input), "InvalidParameterException");
    }

    #[test]
    fn mfa_needs_a_method() {
        let mut world = Sandbox::with_pool();
        let id = world.pool.clone();
        let optional = json!({"UserPoolId": id, "MfaConfiguration": "OPTIONAL"});
        assert_eq!(world.refused("SetUserPoolMfaConfig", optional.clone()), "InvalidParameterException");
        let mut with_token = optional;
        with_token["SoftwareTokenMfaConfiguration"] = json!({"Enabled": true});
        world.ok("SetUserPoolMfaConfig", with_token.clone());
        let config = world.ok("GetUserPoolMfaConfig", json!({"UserPoolId": id}));
        assert_eq!(config, json!({"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true}}));
        with_token["MfaConfiguration"] = json!("ON");
        assert_eq!(world.refused("SetUserPoolMfaConfig", with_token), "NotImplemented");
    }
}
