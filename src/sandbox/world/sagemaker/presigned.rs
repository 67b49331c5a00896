//! Presigned URLs: whoever has one opens Studio as a user, as long as the policies of who made it allow.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::domain::AuthMode;
use super::{SageMaker, invalid};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, later, sts};

const TOKEN_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const TOKEN_LENGTH: usize = 256;

/// How long a URL can be opened, and the session that follows lasts, in seconds, if the call doesn't say.
const EXPIRES_IN: i64 = 300;
const SESSION: i64 = 43_200;

/// What a URL opens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Presigned {
    pub domain_id: String,
    pub user_profile_name: String,
    space_name: Option<String>,
    landing_uri: Option<String>,
    /// The ARN of who made it: their policies hold for every request of the session, too.
    pub caller: String,
    pub expires: Timestamp,
    session_seconds: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreatePresignedUrl {
    domain_id: String,
    user_profile_name: String,
    space_name: Option<String>,
    landing_uri: Option<String>,
    expires_in_seconds: Option<i64>,
    session_expiration_duration_in_seconds: Option<i64>,
}

impl SageMaker {
    pub(super) fn create_presigned_url(&mut self, context: &mut Context<'_>, request: CreatePresignedUrl) -> Answer {
        let domain = self.domain(context, &request.domain_id)?;
        if domain.auth_mode != AuthMode::Iam {
            return Err(invalid("Presigned URLs are for domains with the AuthMode IAM only."));
        }
        if !domain.stage.is_in_service() {
            return Err(not_in_service("Domain", &domain.arn));
        }
        let name = &request.user_profile_name;
        if !domain.user_profile(name)?.stage.is_in_service() {
            return Err(not_in_service("UserProfile", &domain.arn_of("user-profile", name)));
        }
        let label = match &request.space_name {
            Some(name) => &domain.space(name)?.label,
            None => &request.domain_id,
        };
        if request.landing_uri.as_ref().is_some_and(|uri| !uri.starts_with("studio::") && !uri.starts_with("app:")) {
            return Err(invalid("LandingUri must begin with studio:: or app: and an app's type."));
        }

        let token = context.dice.string(TOKEN_ALPHABET, TOKEN_LENGTH);
        let url = format!("{}/auth?token={token}", domain.url(label));
        let expires_in = request.expires_in_seconds.unwrap_or(EXPIRES_IN);
        let presigned = Presigned {
            domain_id: request.domain_id,
            user_profile_name: request.user_profile_name,
            space_name: request.space_name,
            landing_uri: request.landing_uri,
            caller: sts::caller_arn(context),
            expires: later(context.now, SignedDuration::from_secs(expires_in)),
            session_seconds: request.session_expiration_duration_in_seconds.unwrap_or(SESSION),
        };
        self.presigned.insert(digest(&token), presigned);
        Ok(json!({"AuthorizedUrl": url}))
    }
}

impl SageMaker {
    /// What a token opens at the host of Studio whose name begins with this label, until it expires, with the ARN of the
    /// user profile.
    pub fn opened_by(&self, label: &str, token: &str) -> Option<(&Presigned, String)> {
        let presigned = self.presigned.get(&digest(token))?;
        let domain = self.domains.get(&presigned.domain_id)?;
        let own = match &presigned.space_name {
            Some(name) => &domain.space(name).ok()?.label,
            None => &presigned.domain_id,
        };
        (own == label).then(|| (presigned, domain.arn_of("user-profile", &presigned.user_profile_name)))
    }
}

fn not_in_service(kind: &str, arn: &str) -> ApiError {
    invalid(format!("{kind} [{arn}] is not in the status InService."))
}

/// A token as it is remembered: whoever reads the world can't open Studio with it.
fn digest(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::testing::*;
    use super::*;

    fn with_profile(more: Value) -> (Sandbox, Value) {
        let mut world = Sandbox::new();
        let domain = world.create_domain(more);
        world.create_profile(&domain, "Alice");
        (world, json!({"DomainId": domain, "UserProfileName": "alice"}))
    }

    #[test]
    fn a_url_is_of_the_domain_and_its_token_is_nowhere_written_down() {
        let (mut world, input) = with_profile(json!({}));
        let before = world.standing();
        let url = text(&world.ok("CreatePresignedDomainUrl", input.clone())["AuthorizedUrl"]);
        let (host, token) = url.split_once("/auth?token=").unwrap();
        assert_eq!(host, format!("https://{}.studio.us-east-1.sagemaker.aws", text(&input["DomainId"])));
        assert_eq!(token.len(), TOKEN_LENGTH);
        assert!(!world.written().contains(token));
        assert!(world.written().contains(&digest(token)));
        assert_eq!(world.standing(), before);
        let other = text(&world.ok("CreatePresignedDomainUrl", input)["AuthorizedUrl"]);
        assert_ne!(other, url);
    }

    #[test]
    fn a_url_is_remembered_until_it_expires() {
        let (mut world, input) = with_profile(json!({}));
        let short = extended(input.clone(), json!({"ExpiresInSeconds": 5, "LandingUri": "studio::"}));
        let token = |url: Value| text(&url["AuthorizedUrl"]).split_once('=').unwrap().1.to_owned();
        let short = token(world.ok("CreatePresignedDomainUrl", short));
        let long = token(world.ok("CreatePresignedDomainUrl", input));
        world.wait(6);
        world.ok("ListDomains", json!({}));
        let written = world.written();
        assert_eq!((written.contains(&digest(&short)), written.contains(&digest(&long))), (false, true));
        assert!(written.contains(r#""Caller":"arn:aws:iam::111122223333:user/sandbox""#));
    }

    #[test]
    fn a_space_has_a_host_name_of_its_own() {
        let (mut world, input) = with_profile(json!({}));
        let domain = text(&input["DomainId"]);
        world.create_space(&domain, "lab", "alice");
        let space = world.ok("DescribeSpace", json!({"DomainId": domain, "SpaceName": "lab"}));
        let url = world.ok("CreatePresignedDomainUrl", extended(input, json!({"SpaceName": "lab"})));
        assert!(text(&url["AuthorizedUrl"]).starts_with(&format!("{}/auth?token=", text(&space["Url"]))), "{url}");
    }

    #[test]
    fn a_url_for_what_cannot_be_opened_is_refused() {
        let (mut world, input) = with_profile(json!({}));
        for (more, code) in [
            (json!({"DomainId": "d-none"}), "ResourceNotFound"),
            (json!({"UserProfileName": "bob"}), "ResourceNotFound"),
            (json!({"SpaceName": "none"}), "ResourceNotFound"),
            (json!({"LandingUri": "https://example.com"}), "ValidationException"),
        ] {
            let input = extended(input.clone(), more);
            assert_eq!(world.refused("CreatePresignedDomainUrl", input.clone()), code, "{input}");
        }
        let fresh = extended(input.clone(), json!({"UserProfileName": "carol"}));
        world.ok("CreateUserProfile", fresh.clone());
        assert_eq!(world.refused("CreatePresignedDomainUrl", fresh), "ValidationException");
        world.ok("UpdateDomain", json!({"DomainId": input["DomainId"]}));
        assert_eq!(world.refused("CreatePresignedDomainUrl", input), "ValidationException");
    }

    #[test]
    fn there_are_none_where_single_sign_on_lets_users_in() {
        let mut world = Sandbox::new();
        let domain = world.create_domain(json!({"AuthMode": "SSO"}));
        let user = json!({"SingleSignOnUserIdentifier": "UserName", "SingleSignOnUserValue": "alice"});
        let id = json!({"DomainId": domain, "UserProfileName": "alice"});
        world.ok("CreateUserProfile", extended(id.clone(), user));
        world.wait(5);
        assert_eq!(world.refused("CreatePresignedDomainUrl", id), "ValidationException");
    }
}
