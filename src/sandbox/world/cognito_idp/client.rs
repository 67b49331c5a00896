//! App clients: what signs users of a pool in.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{CognitoIdp, invalid, limit_exceeded, listing, not_found, read_with_settings};
use crate::sandbox::api::{Answer, ApiError, Call};
use crate::sandbox::world::Context;

/// App clients per user pool.
const QUOTA: usize = 1000;
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// An app client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Client {
    name: String,
    pub secret: Option<String>,
    pub settings: Settings,
    created: Timestamp,
    modified: Timestamp,
}

/// What can be changed of a client. A change says all of it: what it leaves out gets its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Settings {
    explicit_auth_flows: Vec<String>,
    refresh_token_validity: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_validity: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token_validity: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_validity_units: Option<Units>,
    auth_session_validity: Option<i64>,
    prevent_user_existence_errors: Option<String>,
    enable_token_revocation: Option<bool>,
    allowed_o_auth_flows_user_pool_client: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    supported_identity_providers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", rename = "CallbackURLs")]
    callback_urls: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", rename = "LogoutURLs")]
    logout_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "DefaultRedirectURI")]
    default_redirect_uri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_o_auth_flows: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_o_auth_scopes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    read_attributes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    write_attributes: Vec<String>,
}

/// What the validities of tokens are counted in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Units {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<Unit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<Unit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Unit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Seconds,
    Minutes,
    Hours,
    Days,
}

impl Unit {
    fn seconds(self) -> i64 {
        match self {
            Unit::Seconds => 1,
            Unit::Minutes => MINUTE,
            Unit::Hours => HOUR,
            Unit::Days => DAY,
        }
    }
}

/// How long the tokens of a client are valid.
pub struct Validity {
    pub id: SignedDuration,
    pub access: SignedDuration,
    pub refresh: SignedDuration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Creation {
    user_pool_id: String,
    client_name: String,
    #[serde(default)]
    generate_secret: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Update {
    user_pool_id: String,
    client_id: String,
    client_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ClientId {
    user_pool_id: String,
    client_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListClients {
    user_pool_id: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl Settings {
    /// With AWS's defaults where nothing is said.
    ///
    /// # Errors
    /// `InvalidParameterException`
    fn complete(mut self) -> Result<Self, ApiError> {
        if self.explicit_auth_flows.is_empty() {
            let flows = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"];
            self.explicit_auth_flows = flows.map(str::to_owned).into();
        }
        if self.refresh_token_validity == 0 {
            self.refresh_token_validity = 30;
            // Days, whatever the unit is said to be.
            if let Some(units) = &mut self.token_validity_units {
                units.refresh_token = Some(Unit::Days);
            }
        }
        self.auth_session_validity.get_or_insert(3);
        self.enable_token_revocation.get_or_insert(true);
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), ApiError> {
        let is_new = |flow: &String| flow.starts_with("ALLOW_");
        if self.explicit_auth_flows.iter().any(is_new) && !self.explicit_auth_flows.iter().all(is_new) {
            return Err(invalid("ExplicitAuthFlows can't have values with and without the prefix ALLOW_ at once."));
        }
        if let Some(provider) = self.supported_identity_providers.iter().find(|provider| *provider != "COGNITO") {
            return Err(invalid(format!("The provider {provider} does not exist for the user pool.")));
        }
        if self.default_redirect_uri.as_ref().is_some_and(|uri| !self.callback_urls.contains(uri)) {
            return Err(invalid("Default redirect URI should be one of the callback URLs."));
        }
        let Validity { id, access, refresh } = self.validity();
        let is_short = |validity: SignedDuration| (5 * MINUTE..=DAY).contains(&validity.as_secs());
        if !is_short(id) || !is_short(access) || !(HOUR..=3650 * DAY).contains(&refresh.as_secs()) {
            return Err(invalid("Invalid range for token validity."));
        }
        if id > refresh || access > refresh {
            return Err(invalid("Refresh token validity must be longer than that of ID and access tokens."));
        }
        Ok(())
    }

    /// How long tokens are valid.
    pub fn validity(&self) -> Validity {
        let units = self.token_validity_units.clone().unwrap_or_default();
        let lasting = |validity: Option<i64>, unit: Option<Unit>, by_default: Unit| {
            let unit = unit.unwrap_or(by_default).seconds();
            SignedDuration::from_secs(validity.unwrap_or(1).saturating_mul(unit))
        };
        Validity {
            // One hour, in whatever unit, where no number is said.
            id: lasting(
                self.id_token_validity,
                units.id_token.filter(|_| self.id_token_validity.is_some()),
                Unit::Hours,
            ),
            access: lasting(
                self.access_token_validity,
                units.access_token.filter(|_| self.access_token_validity.is_some()),
                Unit::Hours,
            ),
            refresh: lasting(Some(self.refresh_token_validity), units.refresh_token, Unit::Days),
        }
    }

    /// Whether users may sign in this way: `USER_PASSWORD_AUTH`.
    pub fn allows(&self, flow: &str) -> bool {
        let legacy = if flow == "ADMIN_USER_PASSWORD_AUTH" { "ADMIN_NO_SRP_AUTH" } else { flow };
        // With values of old, tokens can always be refreshed.
        let is_old = !self.explicit_auth_flows.iter().any(|flow| flow.starts_with("ALLOW_"));
        let named = |allowed: &String| allowed.strip_prefix("ALLOW_") == Some(flow) || allowed == legacy;
        self.explicit_auth_flows.iter().any(named) || (is_old && flow == "REFRESH_TOKEN_AUTH")
    }

    /// Whether nobody is told that a user doesn't exist.
    pub fn hides_users(&self) -> bool {
        self.prevent_user_existence_errors.as_deref() == Some("ENABLED")
    }

    /// How long somebody may take for the next step of signing in.
    pub fn session_validity(&self) -> SignedDuration {
        SignedDuration::from_mins(self.auth_session_validity.unwrap_or(3))
    }

    /// Whether an attribute is in the tokens of the client's users.
    pub fn reads(&self, attribute: &str) -> bool {
        self.read_attributes.is_empty() || self.read_attributes.iter().any(|name| name == attribute)
    }
}

impl Client {
    fn view(&self, pool_id: &str, id: &str) -> Value {
        let mut view = json!(self.settings);
        let more = json!({
            "UserPoolId": pool_id,
            "ClientId": id,
            "ClientName": self.name,
            "CreationDate": self.created,
            "LastModifiedDate": self.modified,
        });
        if let (Some(view), Value::Object(more)) = (view.as_object_mut(), more) {
            view.extend(more);
            view.extend(self.secret.as_ref().map(|secret| ("ClientSecret".to_owned(), json!(secret))));
            view.retain(|_, value| !value.is_null());
        }
        view
    }
}

impl CognitoIdp {
    /// A client of a pool.
    pub(super) fn client(&self, pool_id: &str, id: &str) -> Result<&Client, ApiError> {
        self.pool(pool_id)?.clients.get(id).ok_or_else(|| no_client(id))
    }

    pub(super) fn create_client(&mut self, context: &mut Context<'_>, call: &Call) -> Answer {
        let named = ["UserPoolId", "ClientName", "GenerateSecret"];
        let (creation, settings): (Creation, Settings) = read_with_settings(call, &named)?;
        let settings = settings.complete()?;
        let pool = self.pool_mut(&creation.user_pool_id)?;
        if pool.clients.len() >= QUOTA {
            return Err(limit_exceeded("The maximum number of app clients has been reached."));
        }
        let id = context.dice.string(LETTERS, 26);
        let secret = creation.generate_secret.then(|| context.dice.string(LETTERS, 51));
        let (created, modified) = (context.now, context.now);
        let client = Client { name: creation.client_name, secret, settings, created, modified };
        let answer = json!({"UserPoolClient": client.view(&creation.user_pool_id, &id)});
        pool.clients.insert(id, client);
        Ok(answer)
    }

    pub(super) fn describe_client(&self, request: ClientId) -> Answer {
        let ClientId { user_pool_id, client_id } = &request;
        Ok(json!({"UserPoolClient": self.client(user_pool_id, client_id)?.view(user_pool_id, client_id)}))
    }

    pub(super) fn update_client(&mut self, context: &Context<'_>, call: &Call) -> Answer {
        let named = ["UserPoolId", "ClientId", "ClientName"];
        let (update, settings): (Update, Settings) = read_with_settings(call, &named)?;
        let Update { user_pool_id, client_id, client_name } = update;
        let clients = &mut self.pool_mut(&user_pool_id)?.clients;
        let client = clients.get_mut(&client_id).ok_or_else(|| no_client(&client_id))?;
        client.settings = settings.complete()?;
        client.name = client_name.unwrap_or_else(|| std::mem::take(&mut client.name));
        client.modified = context.now;
        Ok(json!({"UserPoolClient": client.view(&user_pool_id, &client_id)}))
    }

    pub(super) fn delete_client(&mut self, request: ClientId) -> Answer {
        let pool = self.pool_mut(&request.user_pool_id)?;
        pool.clients.remove(&request.client_id).ok_or_else(|| no_client(&request.client_id))?;
        pool.sessions.forget_client(&request.client_id);
        Ok(json!({}))
    }

    pub(super) fn list_clients(&self, request: ListClients) -> Answer {
        let pool_id = &request.user_pool_id;
        let item = |(id, client): (&String, &Client)| {
            (id.clone(), json!({"ClientId": id, "UserPoolId": pool_id, "ClientName": client.name}))
        };
        let items = self.pool(pool_id)?.clients.iter().map(item).collect();
        listing::page(("UserPoolClients", "NextToken"), items, request.max_results, request.next_token.as_deref())
    }
}

/// The refusal of a client id that is none.
pub fn no_client(id: &str) -> ApiError {
    not_found(format!("User pool client {id} does not exist."))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_client_has_awss_defaults() {
        let mut world = Sandbox::with_pool();
        let input = json!({"UserPoolId": world.pool, "ClientName": "portal"});
        let client = world.ok("CreateUserPoolClient", input)["UserPoolClient"].take();
        let id = client["ClientId"].as_str().unwrap();
        assert!(id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{id}");
        let flows = json!(["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"]);
        assert_eq!(client["ExplicitAuthFlows"], flows);
        assert_eq!(client["RefreshTokenValidity"], 30);
        assert_eq!(client["AuthSessionValidity"], 3);
        assert_eq!(client["EnableTokenRevocation"], true);
        assert!(client["ClientSecret"].is_null());
        let same = json!({"UserPoolId": world.pool, "ClientId": id});
        assert_eq!(world.ok("DescribeUserPoolClient", same)["UserPoolClient"], client);
    }

    #[test]
    fn a_secret_is_made_where_one_is_asked_for_and_kept_by_updates() {
        let mut world = Sandbox::with_pool();
        let id = world.new_client(json!({"GenerateSecret": true}));
        let which = json!({"UserPoolId": world.pool, "ClientId": id});
        let secret = world.ok("DescribeUserPoolClient", which.clone())["UserPoolClient"]["ClientSecret"].take();
        assert_eq!(secret.as_str().map(str::len), Some(51));
        let updated = world.ok("UpdateUserPoolClient", which);
        assert_eq!(updated["UserPoolClient"]["ClientSecret"], secret);
    }

    #[test]
    fn an_update_puts_back_to_the_default_what_it_leaves_out() {
        let mut world = Sandbox::with_client();
        let which = json!({"UserPoolId": world.pool, "ClientId": world.client});
        let updated = world.ok("UpdateUserPoolClient", which)["UserPoolClient"].take();
        assert_eq!(updated["ClientName"], "portal");
        assert_eq!(updated["ExplicitAuthFlows"][1], "ALLOW_USER_SRP_AUTH");
    }

    #[test]
    fn settings_that_cannot_be_are_refused() {
        let mut world = Sandbox::with_pool();
        for settings in [
            json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"]}),
            json!({"SupportedIdentityProviders": ["Google"]}),
            json!({"DefaultRedirectURI": "https://a.example"}),
            json!({"IdTokenValidity": 25}),
            json!({"AccessTokenValidity": 4, "TokenValidityUnits": {"AccessToken": "minutes"}}),
            json!({"RefreshTokenValidity": 59, "TokenValidityUnits": {"RefreshToken": "minutes"}}),
            json!({"IdTokenValidity": 2, "RefreshTokenValidity": 1, "TokenValidityUnits": {"RefreshToken": "hours"}}),
        ] {
            let mut input = json!({"UserPoolId": world.pool, "ClientName": "c"});
            input.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
            assert_eq!(world.refused("CreateUserPoolClient", input), "InvalidParameterException", "{settings}");
        }
    }

    #[test]
    fn a_deleted_client_does_not_exist() {
        let mut world = Sandbox::with_client();
        let which = json!({"UserPoolId": world.pool, "ClientId": world.client});
        world.ok("DeleteUserPoolClient", which.clone());
        let refusal = world.call("DescribeUserPoolClient", which.clone()).unwrap_err();
        assert_eq!(refusal.code, "ResourceNotFoundException");
        assert_eq!(refusal.message, format!("User pool client {} does not exist.", world.client));
        assert_eq!(world.refused("DeleteUserPoolClient", which), "ResourceNotFoundException");
    }

    #[test]
    fn clients_are_listed_by_page() {
        let mut world = Sandbox::with_client();
        world.new_client(json!({}));
        let first = world.ok("ListUserPoolClients", json!({"UserPoolId": world.pool, "MaxResults": 1}));
        let next = json!({"UserPoolId": world.pool, "NextToken": first["NextToken"]});
        let second = world.ok("ListUserPoolClients", next);
        assert_ne!(first["UserPoolClients"][0]["ClientId"], second["UserPoolClients"][0]["ClientId"]);
        assert!(second["NextToken"].is_null());
    }
}
