//! Signing in, step by step.
//!
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow-methods.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::client::no_client;
use super::pool::UserPool;
use super::schema::{self, NameAndValue};
use super::secret::secret_hash;
use super::session::Holder;
use super::token::SignIn;
use super::user::{Status, User, no_user};
use super::{CognitoIdp, invalid, not_authorized, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, later};

type Parameters = BTreeMap<String, String>;

/// Metadata goes to triggers, and analytics and contexts to what watches over sign-ins: nothing of which is here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct InitiateAuth {
    client_id: String,
    auth_flow: String,
    #[serde(default)]
    auth_parameters: Parameters,
    #[serde(default, rename = "ClientMetadata")]
    _metadata: Map<String, Value>,
    #[serde(default, rename = "AnalyticsMetadata")]
    _analytics: Map<String, Value>,
    #[serde(default, rename = "UserContextData")]
    _context: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AdminInitiateAuth {
    user_pool_id: String,
    client_id: String,
    auth_flow: String,
    #[serde(default)]
    auth_parameters: Parameters,
    #[serde(default, rename = "ClientMetadata")]
    _metadata: Map<String, Value>,
    #[serde(default, rename = "AnalyticsMetadata")]
    _analytics: Map<String, Value>,
    #[serde(default, rename = "ContextData")]
    _context: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RespondToChallenge {
    client_id: String,
    challenge_name: String,
    session: Option<String>,
    #[serde(default)]
    challenge_responses: Parameters,
    #[serde(default, rename = "ClientMetadata")]
    _metadata: Map<String, Value>,
    #[serde(default, rename = "AnalyticsMetadata")]
    _analytics: Map<String, Value>,
    #[serde(default, rename = "UserContextData")]
    _context: Map<String, Value>,
}

impl CognitoIdp {
    pub(super) fn initiate_auth(&mut self, context: &mut Context<'_>, request: InitiateAuth) -> Answer {
        let pool_id = self.pool_of_client(&request.client_id)?;
        let door = Door { pool_id, client_id: request.client_id };
        match request.auth_flow.as_str() {
            "USER_PASSWORD_AUTH" => self.by_password(context, &door, "USER_PASSWORD_AUTH", &request.auth_parameters),
            "REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN" => self.by_refresh_token(context, &door, &request.auth_parameters),
            "ADMIN_USER_PASSWORD_AUTH" | "ADMIN_NO_SRP_AUTH" => Err(invalid("Initiate Auth method not supported.")),
            other => Err(unsupported(&format!("the flow {other}"))),
        }
    }

    pub(super) fn admin_initiate_auth(&mut self, context: &mut Context<'_>, request: AdminInitiateAuth) -> Answer {
        self.client(&request.user_pool_id, &request.client_id)?;
        let door = Door { pool_id: request.user_pool_id, client_id: request.client_id };
        match request.auth_flow.as_str() {
            "ADMIN_USER_PASSWORD_AUTH" | "ADMIN_NO_SRP_AUTH" => {
                self.by_password(context, &door, "ADMIN_USER_PASSWORD_AUTH", &request.auth_parameters)
            }
            "REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN" => self.by_refresh_token(context, &door, &request.auth_parameters),
            "USER_PASSWORD_AUTH" => Err(invalid("Initiate Auth method not supported.")),
            other => Err(unsupported(&format!("the flow {other}"))),
        }
    }

    pub(super) fn respond_to_challenge(&mut self, context: &mut Context<'_>, request: RespondToChallenge) -> Answer {
        let pool_id = self.pool_of_client(&request.client_id)?;
        if request.challenge_name != "NEW_PASSWORD_REQUIRED" {
            return Err(unsupported(&format!("the challenge {}", request.challenge_name)));
        }
        let door = Door { pool_id, client_id: request.client_id };
        let responses = &request.challenge_responses;
        let given = required(responses, "USERNAME")?;
        let new_password = required(responses, "NEW_PASSWORD")?;
        self.check_secret(&door, given, responses)?;
        let pool = self.pool_mut(&door.pool_id)?;
        let holder = request.session.and_then(|session| pool.sessions.take(&session));
        let holder = holder.filter(|holder| holder.client_id == door.client_id);
        let holder = holder.filter(|holder| pool.find_user(given) == Some(&holder.username));
        let holder = holder.ok_or_else(|| not_authorized("Invalid session for the user."))?;
        if holder.expires <= context.now {
            return Err(not_authorized("Invalid session for the user, session is expired."));
        }
        pool.change_password(context, &holder.username, new_password, responses)?;
        self.admit(context, &door, holder)
    }

    fn by_password(&mut self, context: &mut Context<'_>, door: &Door, flow: &str, given: &Parameters) -> Answer {
        let settings = &self.client(&door.pool_id, &door.client_id)?.settings;
        if !settings.allows(flow) {
            let flow = if flow == "USER_PASSWORD_AUTH" { "USER_PASSWORD_AUTH" } else { "Auth" };
            return Err(invalid(format!("{flow} flow not enabled for this client")));
        }
        let name = required(given, "USERNAME")?;
        let password = required(given, "PASSWORD")?;
        self.check_secret(door, name, given)?;
        let (hides_users, session_validity) = (settings.hides_users(), settings.session_validity());
        let pool = self.pool_mut(&door.pool_id)?;
        let refused = || not_authorized("Incorrect username or password.");
        let Some((name, user)) = pool.find_user(name).and_then(|name| pool.users.get_key_value(name)) else {
            return Err(if hides_users { refused() } else { no_user() });
        };
        if !user.password.as_ref().is_some_and(|own| own.matches(password)) {
            return Err(refused());
        }
        check_may_sign_in(context, user)?;
        let holder = Holder {
            client_id: door.client_id.clone(),
            username: name.clone(),
            signed_in: context.now,
            origin: context.dice.uuid(),
            expires: later(context.now, session_validity),
        };
        if user.status == Status::ForceChangePassword {
            return Ok(pool.challenge(context, holder));
        }
        self.admit(context, door, holder)
    }

    fn by_refresh_token(&self, context: &mut Context<'_>, door: &Door, given: &Parameters) -> Answer {
        if !self.client(&door.pool_id, &door.client_id)?.settings.allows("REFRESH_TOKEN_AUTH") {
            return Err(invalid("Auth flow not enabled for this client"));
        }
        let token = required(given, "REFRESH_TOKEN")?;
        let pool = self.pool(&door.pool_id)?;
        let holder = pool.sessions.refreshing(token).filter(|holder| holder.client_id == door.client_id);
        let holder = holder.ok_or_else(|| not_authorized("Invalid Refresh Token"))?;
        self.check_secret(door, &holder.username, given)?;
        let user = pool.users.get(&holder.username).ok_or_else(no_user)?;
        check_may_sign_in(context, user)?;
        let tokens = self.sign_in(door, holder)?.tokens(context)?;
        Ok(json!({"AuthenticationResult": tokens, "ChallengeParameters": {}}))
    }

    /// Gives tokens to somebody who took every step.
    fn admit(&mut self, context: &mut Context<'_>, door: &Door, mut holder: Holder) -> Answer {
        let mut tokens = self.sign_in(door, &holder)?.tokens(context)?;
        let validity = self.client(&door.pool_id, &door.client_id)?.settings.validity();
        holder.expires = later(context.now, validity.refresh);
        let sessions = &mut self.pool_mut(&door.pool_id)?.sessions;
        tokens["RefreshToken"] = json!(sessions.give_refresh(context.dice, holder));
        Ok(json!({"AuthenticationResult": tokens, "ChallengeParameters": {}}))
    }

    fn sign_in<'a>(&'a self, door: &'a Door, holder: &'a Holder) -> Result<SignIn<'a>, ApiError> {
        let pool = self.pool(&door.pool_id)?;
        let client = self.client(&door.pool_id, &door.client_id)?;
        let user = pool.users.get(&holder.username).ok_or_else(no_user)?;
        Ok(SignIn { pool_id: &door.pool_id, pool, client, user, holder })
    }

    fn pool_of_client(&self, client_id: &str) -> Result<String, ApiError> {
        let found = self.pools.iter().find(|(_, pool)| pool.clients.contains_key(client_id));
        found.map(|(id, _)| id.clone()).ok_or_else(|| no_client(client_id))
    }

    /// A client with a secret proves that it has it.
    fn check_secret(&self, door: &Door, username: &str, given: &Parameters) -> Result<(), ApiError> {
        let id = &door.client_id;
        match (&self.client(&door.pool_id, id)?.secret, given.get("SECRET_HASH")) {
            (None, None) => Ok(()),
            (None, Some(_)) => {
                Err(not_authorized(format!("Client {id} is not configured for secret but secret hash was received")))
            }
            (Some(_), None) => {
                Err(not_authorized(format!("Client {id} is configured with secret but SECRET_HASH was not received")))
            }
            (Some(secret), Some(hash)) if *hash == secret_hash(username, id, secret) => Ok(()),
            (Some(_), Some(_)) => Err(not_authorized(format!("Unable to verify secret hash for client {id}"))),
        }
    }
}

/// Where somebody wants in.
struct Door {
    pool_id: String,
    client_id: String,
}

fn required<'a>(given: &'a Parameters, name: &str) -> Result<&'a str, ApiError> {
    given.get(name).map(String::as_str).ok_or_else(|| invalid(format!("Missing required parameter {name}")))
}

fn check_may_sign_in(context: &Context<'_>, user: &User) -> Result<(), ApiError> {
    if !user.enabled {
        return Err(not_authorized("User is disabled."));
    }
    if user.password_expires.is_some_and(|expires| expires <= context.now) {
        return Err(not_authorized("Temporary password has expired and must be reset by an administrator."));
    }
    Ok(())
}

impl UserPool {
    /// Asks for a new password.
    fn challenge(&mut self, context: &mut Context<'_>, holder: Holder) -> Value {
        let attributes = self.users.get(&holder.username).map(|user| user.attributes.clone()).unwrap_or_default();
        let attributes: BTreeMap<_, _> = attributes.into_iter().filter(|(name, _)| name != "sub").collect();
        let parameters = json!({
            "USER_ID_FOR_SRP": holder.username,
            "requiredAttributes": "[]",
            "userAttributes": json!(attributes).to_string(),
        });
        let session = self.sessions.begin(context.dice, holder);
        json!({"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": session, "ChallengeParameters": parameters})
    }

    /// Sets the password that a user chose, and the attributes that came with it.
    fn change_password(
        &mut self,
        context: &mut Context<'_>,
        username: &str,
        password: &str,
        responses: &Parameters,
    ) -> Result<(), ApiError> {
        self.settings.policies.password_policy.check(password)?;
        let attribute = |(name, value): (&String, &String)| {
            let name = name.strip_prefix("userAttributes.")?.to_owned();
            Some(NameAndValue { name, value: value.clone() })
        };
        let attributes: Vec<_> = responses.iter().filter_map(attribute).collect();
        schema::check(&self.schema, &attributes, false)?;
        let user = self.users.get_mut(username).ok_or_else(no_user)?;
        user.set_attributes(attributes);
        user.confirm(context, password);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn refusal(answer: Answer) -> (String, String) {
        let error = answer.expect_err("the call should have been refused");
        (error.code, error.message)
    }

    fn not_authorized(message: &str) -> (String, String) {
        ("NotAuthorizedException".into(), message.into())
    }

    /// `ada`, who has a temporary password, signs in; returns the session of the challenge.
    fn challenged(world: &mut Sandbox) -> Value {
        world.new_user("ada");
        let challenge = world.sign_in(TEMPORARY).unwrap();
        assert_eq!(challenge["ChallengeName"], "NEW_PASSWORD_REQUIRED");
        challenge["Session"].clone()
    }

    fn respond(world: &mut Sandbox, session: &Value, password: &str) -> Answer {
        let responses = json!({"USERNAME": "ada", "NEW_PASSWORD": password, "userAttributes.name": "Ada"});
        let input = json!({
            "ClientId": world.client,
            "ChallengeName": "NEW_PASSWORD_REQUIRED",
            "Session": session,
            "ChallengeResponses": responses,
        });
        world.call("RespondToAuthChallenge", input)
    }

    #[test]
    fn a_wrong_password_and_an_unknown_user_are_refused() {
        let mut world = Sandbox::with_user();
        assert_eq!(refusal(world.sign_in("Wr0ng-horse")), not_authorized("Incorrect username or password."));
        let nobody = json!({"USERNAME": "bob", "PASSWORD": PASSWORD});
        let refused = refusal(world.initiate("USER_PASSWORD_AUTH", nobody.clone()));
        assert_eq!(refused, ("UserNotFoundException".into(), "User does not exist.".into()));
        world.client = world.new_client(json!({"PreventUserExistenceErrors": "ENABLED"}));
        let refused = refusal(world.initiate("USER_PASSWORD_AUTH", nobody));
        assert_eq!(refused, not_authorized("Incorrect username or password."));
    }

    #[test]
    fn a_temporary_password_has_to_be_changed_before_there_are_tokens() {
        let mut world = Sandbox::with_client();
        let session = challenged(&mut world);
        let admitted = respond(&mut world, &session, PASSWORD).unwrap();
        assert_eq!(part(&admitted["AuthenticationResult"]["IdToken"], 1)["name"], "Ada");
        let user = world.ok("AdminGetUser", json!({"UserPoolId": world.pool, "Username": "ada"}));
        assert_eq!(user["UserStatus"], "CONFIRMED");
        assert!(world.sign_in(PASSWORD).unwrap()["AuthenticationResult"]["IdToken"].is_string());
    }

    #[test]
    fn a_challenge_tells_the_users_attributes() {
        let mut world = Sandbox::with_client();
        world.new_user("ada");
        let parameters = world.sign_in(TEMPORARY).unwrap()["ChallengeParameters"].take();
        assert_eq!(parameters["USER_ID_FOR_SRP"], "ada");
        let attributes: Value = serde_json::from_str(parameters["userAttributes"].as_str().unwrap()).unwrap();
        assert_eq!(attributes, json!({"email": "ada@example.com", "email_verified": "true"}));
    }

    #[test]
    fn a_session_is_good_for_one_step_and_three_minutes() {
        let mut world = Sandbox::with_client();
        let session = challenged(&mut world);
        assert_eq!(refusal(respond(&mut world, &session, "weak")).0, "InvalidPasswordException");
        world.wait(181);
        let expired = not_authorized("Invalid session for the user, session is expired.");
        assert_eq!(refusal(respond(&mut world, &session, PASSWORD)), expired);
        let session = world.sign_in(TEMPORARY).unwrap()["Session"].take();
        respond(&mut world, &session, PASSWORD).unwrap();
        let used = not_authorized("Invalid session for the user.");
        assert_eq!(refusal(respond(&mut world, &session, PASSWORD)), used);
    }

    #[test]
    fn a_temporary_password_is_good_for_seven_days() {
        let mut world = Sandbox::with_client();
        world.new_user("ada");
        world.wait(7 * 24 * 3600);
        let expired = not_authorized("Temporary password has expired and must be reset by an administrator.");
        assert_eq!(refusal(world.sign_in(TEMPORARY)), expired);
    }

    #[test]
    fn a_disabled_user_does_not_sign_in() {
        let mut world = Sandbox::with_user();
        let ada = json!({"UserPoolId": world.pool, "Username": "ada"});
        world.ok("AdminDisableUser", ada.clone());
        assert_eq!(refusal(world.sign_in(PASSWORD)), not_authorized("User is disabled."));
        world.ok("AdminEnableUser", ada);
        world.sign_in(PASSWORD).unwrap();
    }

    #[test]
    fn a_flow_is_enabled_on_the_client_or_refused() {
        let mut world = Sandbox::with_user();
        world.client = world.new_client(json!({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]}));
        let refused = refusal(world.sign_in(PASSWORD));
        let message = "USER_PASSWORD_AUTH flow not enabled for this client";
        assert_eq!(refused, ("InvalidParameterException".into(), message.into()));
        let by_admin = json!({
            "UserPoolId": world.pool,
            "ClientId": world.client,
            "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD},
        });
        let refused = refusal(world.call("AdminInitiateAuth", by_admin));
        assert_eq!(refused, ("InvalidParameterException".into(), "Auth flow not enabled for this client".into()));
        let refused = refusal(world.initiate("REFRESH_TOKEN_AUTH", json!({"REFRESH_TOKEN": "x"})));
        assert_eq!(refused.0, "InvalidParameterException");
    }

    #[test]
    fn an_administrators_flow_is_the_administrators() {
        let mut world = Sandbox::with_user();
        let parameters = json!({"USERNAME": "ada", "PASSWORD": PASSWORD});
        let refused = refusal(world.initiate("ADMIN_USER_PASSWORD_AUTH", parameters.clone()));
        assert_eq!(refused, ("InvalidParameterException".into(), "Initiate Auth method not supported.".into()));
        let input = json!({
            "UserPoolId": world.pool,
            "ClientId": world.client,
            "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
            "AuthParameters": parameters,
        });
        assert!(world.ok("AdminInitiateAuth", input)["AuthenticationResult"]["IdToken"].is_string());
    }

    #[test]
    fn flows_that_are_not_modelled_are_refused_by_name() {
        let mut world = Sandbox::with_user();
        assert_eq!(refusal(world.initiate("USER_SRP_AUTH", json!({}))).0, "NotImplemented");
    }

    #[test]
    fn parameters_that_lack_are_named() {
        let mut world = Sandbox::with_user();
        let refused = refusal(world.initiate("USER_PASSWORD_AUTH", json!({"USERNAME": "ada"})));
        assert_eq!(refused, ("InvalidParameterException".into(), "Missing required parameter PASSWORD".into()));
    }

    #[test]
    fn an_unknown_client_does_not_exist() {
        let mut world = Sandbox::with_user();
        world.client = "abc".into();
        let refused = refusal(world.sign_in(PASSWORD));
        assert_eq!(refused, ("ResourceNotFoundException".into(), "User pool client abc does not exist.".into()));
    }

    #[test]
    fn a_client_with_a_secret_proves_it() {
        let mut world = Sandbox::with_user();
        world.client = world.new_client(json!({"GenerateSecret": true}));
        let which = json!({"UserPoolId": world.pool, "ClientId": world.client});
        let secret = text(&world.ok("DescribeUserPoolClient", which)["UserPoolClient"]["ClientSecret"]);
        let with_hash = |hash: String| json!({"USERNAME": "ada", "PASSWORD": PASSWORD, "SECRET_HASH": hash});
        let right = secret_hash("ada", &world.client, &secret);

        let id = world.client.clone();
        let lacking = format!("Client {id} is configured with secret but SECRET_HASH was not received");
        assert_eq!(refusal(world.sign_in(PASSWORD)), not_authorized(&lacking));
        let wrong = refusal(world.initiate("USER_PASSWORD_AUTH", with_hash("AAAA".into())));
        assert_eq!(wrong, not_authorized(&format!("Unable to verify secret hash for client {id}")));
        world.initiate("USER_PASSWORD_AUTH", with_hash(right.clone())).unwrap();

        world.client = world.new_client(json!({}));
        assert_eq!(refusal(world.initiate("USER_PASSWORD_AUTH", with_hash(right))).0, "NotAuthorizedException");
    }

    #[test]
    fn a_refresh_token_gives_new_tokens_until_it_runs_out() {
        let mut world = Sandbox::with_user();
        let first = world.sign_in(PASSWORD).unwrap()["AuthenticationResult"].take();
        let refresh = json!({"REFRESH_TOKEN": first["RefreshToken"]});
        world.wait(3600);
        let second = world.initiate("REFRESH_TOKEN_AUTH", refresh.clone()).unwrap()["AuthenticationResult"].take();
        let (before, after) = (part(&first["IdToken"], 1), part(&second["IdToken"], 1));
        assert_eq!((&after["auth_time"], &after["origin_jti"]), (&before["auth_time"], &before["origin_jti"]));
        assert_eq!(after["iat"].as_i64().unwrap() - before["iat"].as_i64().unwrap(), 3600);
        assert!(second["RefreshToken"].is_null());
        world.wait(30 * 24 * 3600);
        let refused = refusal(world.initiate("REFRESH_TOKEN_AUTH", refresh));
        assert_eq!(refused, not_authorized("Invalid Refresh Token"));
    }
}
