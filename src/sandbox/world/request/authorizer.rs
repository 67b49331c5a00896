//! Who calls an API: what `src/portal/authorizer.py` does, and API Gateway itself with tokens of a user pool.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::api::{Api, Found, MISSING_TOKEN, SERVER_ERROR};
use super::function::{Function, Invocation};
use super::url::decoded;
use super::{End, Get, Step, Traveller};
use crate::portal::Program;
use crate::sandbox::world::apigateway::authorizer::Authorizer;
use crate::sandbox::world::apigateway::method::AuthorizationType;

const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;
const NOT_THIS_USER: &str = r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#;

/// Clocks of the provider and of Lambda may differ by this much.
const LEEWAY: SignedDuration = SignedDuration::from_secs(30);
/// The longest name of a user.
const LONGEST_USER: usize = 128;

impl Traveller<'_> {
    /// The user who calls, where the method's authorizer says so to what answers.
    pub(super) fn authorize(&mut self, api: &Api, found: &Found, get: &Get) -> Result<Option<String>, End> {
        let authorizer = found
            .method
            .authorizer_id
            .as_ref()
            .and_then(|id| api.definition.authorizers.get(id).map(|authorizer| (id.clone(), authorizer.clone())));
        match (found.method.authorization_type, authorizer) {
            (AuthorizationType::None, _) => Ok(None),
            (AuthorizationType::AwsIam, _) => {
                Err(self.refused(Step::Authorizer, "the method is for signed requests only", 403, MISSING_TOKEN))
            }
            (AuthorizationType::CognitoUserPools, Some((_, authorizer))) => {
                self.ask_pools(&authorizer, &found.method.authorization_scopes, get)
            }
            (AuthorizationType::Custom, Some((id, authorizer))) => {
                self.ask_function(api, found, &id, &authorizer, get).map(Some)
            }
            (_, None) => Err(self.refused(Step::Authorizer, "the method's authorizer is gone", 500, SERVER_ERROR)),
        }
    }

    /// API Gateway looks at a token of a user pool. What answers is told the claims, and no user.
    fn ask_pools(&mut self, authorizer: &Authorizer, scopes: &[String], get: &Get) -> Result<Option<String>, End> {
        let Some(token) = get.header("authorization").map(bearer) else {
            return Err(self.refused(Step::Authorizer, "there is no token", 401, UNAUTHORIZED));
        };
        let pools = authorizer.provider_arns.iter().filter_map(|arn| arn.rsplit('/').next());
        let claims = pools.into_iter().find_map(|pool| self.world.token_claims(pool, token, self.now));
        let counts = |claims: &Value| {
            let own = claims["scope"].as_str().unwrap_or_default();
            match scopes {
                [] => claims["token_use"] == "id",
                scopes => own.split(' ').any(|own| scopes.iter().any(|scope| scope == own)),
            }
        };
        match claims.filter(counts) {
            Some(_) => {
                self.pass(Step::Authorizer, "the token is one of the user pool's");
                Ok(None)
            }
            None => {
                let says = "the token is none of the user pool's, has expired, or is not for this";
                Err(self.refused(Step::Authorizer, says, 401, UNAUTHORIZED))
            }
        }
    }

    /// The portal's authorizer looks at the token.
    fn ask_function(
        &mut self,
        api: &Api,
        found: &Found,
        id: &str,
        authorizer: &Authorizer,
        get: &Get,
    ) -> Result<String, End> {
        let sources = authorizer.identity_source.as_deref().unwrap_or_default().split(',').map(str::trim);
        let missing = sources
            .filter_map(|source| source.strip_prefix("method.request.header."))
            .find(|name| get.header(name).is_none_or(str::is_empty));
        if let Some(name) = missing {
            let says = format!("the request has no header {name}, which the authorizer is to look at");
            return Err(self.refused(Step::Authorizer, says, 401, UNAUTHORIZED));
        }
        let view = json!(authorizer);
        let invocation = Invocation {
            uri: authorizer.authorizer_uri.as_deref().unwrap_or_default(),
            credentials: view["authorizerCredentials"].as_str(),
            source_arn: api.arn(&format!("authorizers/{id}")),
            account: &api.account,
            region: &api.region,
        };
        let function = self.invoke(Step::Authorizer, &invocation, Program::Authorizer)?;
        let user = match self.signed_in(&function, get) {
            Ok(user) => user,
            Err(Refused::Token(why)) => return Err(self.refused(Step::Authorizer, why, 401, UNAUTHORIZED)),
            Err(Refused::Lost(end)) => return Err(end),
        };
        if found.parameters.get("user").map(|part| decoded(part)).as_ref() != Some(&user) {
            let says = format!("{user} is signed in, and the path is somebody else's");
            return Err(self.refused(Step::Authorizer, says, 403, NOT_THIS_USER));
        }
        self.pass(Step::Authorizer, format!("{user} is signed in, and the path is theirs"));
        Ok(user)
    }

    /// The user whom a token names, if it is to be believed.
    fn signed_in(&mut self, function: &Function, get: &Get) -> Result<String, Refused> {
        let set =
            |name: &str| function.environment.get(name).cloned().ok_or_else(|| token(&format!("{name} isn't set")));
        let (issuer, audience, claim) = (set("ISSUER")?, set("AUDIENCE")?, set("USER_CLAIM")?);
        let presented = get.header("authorization").map(bearer).ok_or_else(|| token("there is no token"))?;
        let rest = issuer.strip_prefix("https://").ok_or_else(|| token("the provider's keys are not behind https"))?;
        let (host, pool) = rest.split_once('/').unwrap_or((rest, ""));
        self.travel(&function.place, host, Some(Step::Authorizer))
            .map_err(|end| Refused::Lost(End { status: Some(401), body: Some(UNAUTHORIZED.to_owned()), ..end }))?;
        if !host.starts_with("cognito-idp.") {
            let says = format!("the sandbox doesn't know the keys of {issuer}");
            return Err(Refused::Lost(self.lost(Step::Authorizer, says)));
        }
        let claims_at = |now: Timestamp| self.world.token_claims(pool, presented, now);
        let earlier = self.now.checked_sub(LEEWAY).unwrap_or(self.now);
        let Some(claims) = claims_at(earlier) else {
            return Err(match claims_at(Timestamp::MIN) {
                Some(_) => token("the token has run out"),
                None => token("the token is signed with no key of the provider"),
            });
        };
        believed(&claims, &issuer, &audience, &claim)
    }
}

/// Why there is no user.
enum Refused {
    /// The token is not to be believed.
    Token(String),
    /// Nobody can tell, and the request ends.
    Lost(End),
}

fn token(why: &str) -> Refused {
    Refused::Token(why.to_owned())
}

/// The user in the claims of a token that was signed by its provider and hasn't run out.
fn believed(claims: &Value, issuer: &str, audience: &str, claim: &str) -> Result<String, Refused> {
    if claims["iss"] != issuer {
        return Err(token("the token is of another provider"));
    }
    let audiences = claims["aud"].as_array().map_or_else(|| vec![&claims["aud"]], |all| all.iter().collect());
    if !audiences.into_iter().any(|own| own == audience) {
        return Err(token("the token is made for somebody else"));
    }
    if claims.get("token_use").is_some_and(|own| own != "id") {
        return Err(token("the token is not an ID token"));
    }
    if claim == "email" && ![json!(true), json!("true")].contains(&claims["email_verified"]) {
        return Err(token("the mail address is not verified"));
    }
    let user = claims[claim].as_str().filter(|user| is_user(user));
    user.map(str::to_owned).ok_or_else(|| token("the token names no user"))
}

/// Nothing that a policy or a path reads as more than itself.
fn is_user(name: &str) -> bool {
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._@+=-".contains(letter);
    begins && name.len() <= LONGEST_USER && name.chars().all(allowed)
}

/// The token in a header, with the word before it or without.
fn bearer(header: &str) -> &str {
    let header = header.trim();
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => header,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a";

    fn told(more: Value, claim: &str) -> String {
        let mut claims = json!({"iss": ISSUER, "aud": "portal", "token_use": "id", "cognito:username": "ann"});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        match believed(&claims, ISSUER, "portal", claim) {
            Ok(user) => user,
            Err(Refused::Token(why)) => why,
            Err(Refused::Lost(_)) => panic!("lost"),
        }
    }

    #[test]
    fn a_token_is_believed_as_the_function_does() {
        let username = "cognito:username";
        for (more, claim, expected) in [
            (json!({}), username, "ann"),
            (json!({"aud": ["other", "portal"]}), username, "ann"),
            (json!({"iss": "https://example.com"}), username, "the token is of another provider"),
            (json!({"aud": "other"}), username, "the token is made for somebody else"),
            (json!({"aud": null}), username, "the token is made for somebody else"),
            (json!({"token_use": "access"}), username, "the token is not an ID token"),
            (json!({"cognito:username": "a/b"}), username, "the token names no user"),
            (json!({"cognito:username": "*"}), username, "the token names no user"),
            (json!({"email": "ann@example.com"}), "email", "the mail address is not verified"),
            (json!({"email": "ann@example.com", "email_verified": true}), "email", "ann@example.com"),
        ] {
            assert_eq!(told(more.clone(), claim), expected, "{more}");
        }
    }

    #[test]
    fn the_word_before_a_token_may_be_left_out() {
        assert_eq!(["Bearer  t", "bearer t", "t", " t "].map(bearer), ["t"; 4]);
    }
}
