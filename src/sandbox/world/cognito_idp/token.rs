//! The tokens of somebody who signed in.
//!
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html>
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html>

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::CognitoIdp;
use super::client::Client;
use super::keys::SigningKey;
use super::pool::UserPool;
use super::session::Holder;
use super::user::User;
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, World};

/// What the owner of an access token may do with the API: everything about themselves.
const SCOPE: &str = "aws.cognito.signin.user.admin";

/// Who signed in to what.
pub struct SignIn<'a> {
    pub pool_id: &'a str,
    pub pool: &'a UserPool,
    pub client: &'a Client,
    pub user: &'a User,
    pub holder: &'a Holder,
}

impl SignIn<'_> {
    /// `AuthenticationResult`, without a refresh token.
    ///
    /// # Errors
    /// `InternalErrorException`
    pub fn tokens(&self, context: &mut Context<'_>) -> Answer {
        let validity = self.client.settings.validity();
        let event = context.dice.uuid();
        let id = self.common(context, &event, "id", validity.id);
        let access = self.common(context, &event, "access", validity.access);
        let [id_key, access_key] = self.pool.key_seeds;
        Ok(json!({
            "IdToken": self.sign(id_key, id, self.id_claims())?,
            "AccessToken": self.sign(access_key, access, self.access_claims())?,
            "ExpiresIn": validity.access.as_secs(),
            "TokenType": "Bearer",
        }))
    }

    fn sign(&self, seed: u64, mut common: Map<String, Value>, own: Map<String, Value>) -> Result<String, ApiError> {
        common.extend(own);
        SigningKey::of(seed)?.token(&Value::Object(common))
    }

    /// What both tokens say.
    fn common(
        &self,
        context: &mut Context<'_>,
        event: &str,
        token_use: &str,
        validity: SignedDuration,
    ) -> Map<String, Value> {
        let now = context.now.as_second();
        let (region, suffix) = (context.region, context.dns_suffix());
        object(json!({
            "sub": self.user.attributes.get("sub"),
            "iss": format!("https://cognito-idp.{region}.{suffix}/{}", self.pool_id),
            "origin_jti": self.holder.origin,
            "event_id": event,
            "token_use": token_use,
            "auth_time": self.holder.signed_in.as_second(),
            "exp": now + validity.as_secs(),
            "iat": now,
            "jti": context.dice.uuid(),
        }))
    }

    /// What only the ID token says: the attributes that the client may read.
    fn id_claims(&self) -> Map<String, Value> {
        let attributes = self.user.attributes.iter();
        let attributes = attributes.filter(|(name, _)| *name != "sub" && self.client.settings.reads(name));
        let mut claims: Map<String, Value> =
            attributes.map(|(name, value)| (name.clone(), claim(name, value))).collect();
        claims.insert("aud".to_owned(), json!(self.holder.client_id));
        claims.insert("cognito:username".to_owned(), json!(self.holder.username));
        claims
    }

    /// What only the access token says; it has no `aud`.
    fn access_claims(&self) -> Map<String, Value> {
        object(json!({"client_id": self.holder.client_id, "username": self.holder.username, "scope": SCOPE}))
    }
}

fn claim(name: &str, value: &str) -> Value {
    if name.ends_with("_verified") { json!(value == "true") } else { json!(value) }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

impl CognitoIdp {
    /// The public keys of a pool's tokens, as `/POOLID/.well-known/jwks.json` has them: that of ID tokens, then that
    /// of access tokens.
    pub fn jwks(&self, pool_id: &str) -> Option<Value> {
        let pool = self.pools.get(pool_id)?;
        let keys: Result<Vec<_>, _> = pool.key_seeds.iter().map(|&seed| Ok(SigningKey::of(seed)?.jwk())).collect();
        Some(json!({"keys": keys.map_err(|_: ApiError| ()).ok()?}))
    }
}

impl CognitoIdp {
    /// The claims of a token of the pool, ID or access, that hasn't expired.
    pub fn claims(&self, pool_id: &str, token: &str, now: Timestamp) -> Option<Value> {
        let pool = self.pools.get(pool_id)?;
        let claims = pool.key_seeds.iter().find_map(|&seed| SigningKey::of(seed).ok()?.claims(token))?;
        (claims["exp"].as_i64()? > now.as_second()).then_some(claims)
    }
}

impl World {
    /// The public keys of a user pool's tokens, whoever's pool it is.
    pub fn jwks(&self, pool_id: &str) -> Option<Value> {
        self.user_pools().find_map(|pools| pools.jwks(pool_id))
    }

    /// The claims of a user pool's token that hasn't expired, whoever's pool it is.
    pub fn token_claims(&self, pool_id: &str, token: &str, now: Timestamp) -> Option<Value> {
        self.user_pools().find_map(|pools| pools.claims(pool_id, token, now))
    }

    fn user_pools(&self) -> impl Iterator<Item = &CognitoIdp> {
        self.accounts.values().flat_map(|account| account.regions.values()).map(|region| &region.cognito_idp)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use rsa::{BigUint, RsaPublicKey};
    use sha2::{Digest as _, Sha256};

    use super::super::testing::*;
    use super::*;

    /// Whether a token has the signature of the key that its header names.
    fn verifies(world: &Sandbox, token: &Value) -> bool {
        let kid = part(token, 0)["kid"].take();
        let jwks = world.stage.world.jwks(&world.pool).unwrap();
        let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).expect("a key of the pool");
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let number = |member: &str| BigUint::from_bytes_be(&bytes(key[member].as_str().unwrap()));
        let key = RsaPublicKey::new(number("n"), number("e")).unwrap();
        let (signed, signature) = token.as_str().unwrap().rsplit_once('.').unwrap();
        // The prefix of a SHA-256 digest, as RFC 8017 writes it.
        let prefix: Vec<u8> = (0..38)
            .step_by(2)
            .map(|at| u8::from_str_radix(&"3031300d060960864801650304020105000420"[at..at + 2], 16).unwrap())
            .collect();
        let scheme = rsa::Pkcs1v15Sign { hash_len: Some(32), prefix: prefix.into() };
        key.verify(scheme, &Sha256::digest(signed), &bytes(signature)).is_ok()
    }

    #[test]
    fn tokens_verify_with_the_pools_own_keys() {
        let mut world = Sandbox::with_user();
        let result = world.sign_in(PASSWORD).unwrap()["AuthenticationResult"].take();
        assert!(verifies(&world, &result["IdToken"]) && verifies(&world, &result["AccessToken"]));
        assert_eq!(part(&result["IdToken"], 0)["alg"], "RS256");
        assert_ne!(part(&result["IdToken"], 0)["kid"], part(&result["AccessToken"], 0)["kid"]);
        let id = result["IdToken"].as_str().unwrap();
        let (head, signature) = id.rsplit_once('.').unwrap();
        let forged = json!(format!("{head}x.{signature}"));
        assert!(!verifies(&world, &forged));
    }

    #[test]
    fn a_token_is_told_from_a_forged_an_expired_and_another_pools() {
        let mut world = Sandbox::with_user();
        let result = world.sign_in(PASSWORD).unwrap()["AuthenticationResult"].take();
        let claims =
            |world: &Sandbox, pool: &str, token: &str| world.stage.world.token_claims(pool, token, world.stage.now);
        let (pool, id) = (world.pool.clone(), text(&result["IdToken"]));
        assert_eq!(claims(&world, &pool, &id), Some(part(&result["IdToken"], 1)));
        let access = text(&result["AccessToken"]);
        assert_eq!(claims(&world, &pool, &access), Some(part(&result["AccessToken"], 1)));
        let [header, _, signature] = id.split('.').collect::<Vec<_>>()[..] else { panic!("{id}") };
        let forged = URL_SAFE_NO_PAD.encode(part(&result["IdToken"], 1).to_string().replace("ada", "eve"));
        assert_eq!(claims(&world, &pool, &format!("{header}.{forged}.{signature}")), None);
        let other = text(&world.ok("CreateUserPool", json!({"PoolName": "o"}))["UserPool"]["Id"]);
        assert_eq!(claims(&world, &other, &id), None);
        world.wait(3600);
        assert_eq!(claims(&world, &pool, &id), None);
    }

    #[test]
    fn keys_are_published_without_their_private_half() {
        let world = Sandbox::with_pool();
        let jwks = world.stage.world.jwks(&world.pool).unwrap();
        let key = &jwks["keys"][0];
        assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
        assert_eq!(
            (&key["kty"], &key["alg"], &key["use"], &key["e"]),
            (&json!("RSA"), &json!("RS256"), &json!("sig"), &json!("AQAB"))
        );
        assert!(key["d"].is_null());
        assert_eq!(world.stage.world.jwks("us-east-1_AAAAAAAAA"), None);
    }

    #[test]
    fn an_id_token_says_who_signed_in_and_for_whom() {
        let mut world = Sandbox::with_user();
        let result = world.sign_in(PASSWORD).unwrap()["AuthenticationResult"].take();
        let claims = part(&result["IdToken"], 1);
        let sub = world.ok("AdminGetUser", json!({"UserPoolId": world.pool, "Username": "ada"}));
        let sub = sub["UserAttributes"].as_array().unwrap().iter().find(|own| own["Name"] == "sub").unwrap();
        let now = world.stage.now.as_second();
        assert_eq!(claims["sub"], sub["Value"]);
        assert_eq!(claims["iss"], format!("https://cognito-idp.us-east-1.amazonaws.com/{}", world.pool));
        assert_eq!(claims["aud"], world.client.as_str());
        assert_eq!(claims["token_use"], "id");
        assert_eq!(claims["cognito:username"], "ada");
        assert_eq!((&claims["email"], &claims["email_verified"]), (&json!("ada@example.com"), &json!(true)));
        assert_eq!(
            (&claims["auth_time"], &claims["iat"], &claims["exp"]),
            (&json!(now), &json!(now), &json!(now + 3600))
        );
        assert!(claims["client_id"].is_null());
    }

    #[test]
    fn an_access_token_has_a_client_and_no_audience() {
        let mut world = Sandbox::with_user();
        let result = world.sign_in(PASSWORD).unwrap()["AuthenticationResult"].take();
        let claims = part(&result["AccessToken"], 1);
        assert_eq!((&claims["client_id"], &claims["token_use"]), (&json!(world.client), &json!("access")));
        assert_eq!((&claims["username"], &claims["scope"]), (&json!("ada"), &json!(SCOPE)));
        assert!(claims["aud"].is_null() && claims["email"].is_null());
        assert_eq!((&result["TokenType"], &result["ExpiresIn"]), (&json!("Bearer"), &json!(3600)));
    }

    #[test]
    fn tokens_last_as_long_as_the_client_says_and_tell_what_it_may_read() {
        let mut world = Sandbox::with_user();
        world.client = world.new_client(json!({
            "IdTokenValidity": 10,
            "TokenValidityUnits": {"IdToken": "minutes"},
            "ReadAttributes": ["email_verified"],
        }));
        let result = world.sign_in(PASSWORD).unwrap()["AuthenticationResult"].take();
        let claims = part(&result["IdToken"], 1);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        assert_eq!((&claims["email"], &claims["email_verified"]), (&Value::Null, &json!(true)));
    }
}
