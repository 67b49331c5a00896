//! SageMaker's API: somebody in a role asks for a presigned URL.

use serde_json::json;

use super::answer::{Answerer, json_error};
use super::studio::PRESIGN;
use super::url::Host;
use super::{End, Get, Place, Step, Stop, Traveller, together};
use crate::model::policy::{Arrival, Request};
use crate::sandbox::api::Call;
use crate::sandbox::world::iam::Identity;
use crate::sandbox::world::partition;

/// The one operation that is known here.
const OPERATION: &str = "CreatePresignedDomainUrl";

/// A presigned URL that is asked for.
pub struct Presign {
    /// The account and Region of the domain.
    pub account: String,
    pub region: String,
    pub domain: String,
    pub user_profile: String,
    /// Seconds; none leaves it to SageMaker.
    pub expires: Option<i64>,
    pub session_expires: Option<i64>,
}

impl Presign {
    pub fn profile_arn(&self) -> String {
        let Self { account, region, domain, user_profile, .. } = self;
        let user_profile = user_profile.to_lowercase();
        format!("arn:{}:sagemaker:{region}:{account}:user-profile/{domain}/{user_profile}", partition(region))
    }

    /// The call that makes it, signed with this access key.
    pub fn call(&self, access_key: &str) -> Call {
        let mut input = json!({"DomainId": self.domain, "UserProfileName": self.user_profile});
        if let Some(seconds) = self.expires {
            input["ExpiresInSeconds"] = json!(seconds);
        }
        if let Some(seconds) = self.session_expires {
            input["SessionExpirationDurationInSeconds"] = json!(seconds);
        }
        Call {
            service: "sagemaker".to_owned(),
            operation: OPERATION.to_owned(),
            account: self.account.clone(),
            region: self.region.clone(),
            access_key: access_key.to_owned(),
            input,
        }
    }
}

impl Traveller<'_> {
    /// Asks for a URL in the role with which the request is signed.
    pub(super) fn call_sagemaker(
        &mut self,
        place: &Place,
        arrival: &Arrival,
        host: &Host,
        get: &Get,
    ) -> Result<End, Stop> {
        let parameter = |name: &str| get.url.parameter(name).unwrap_or_default();
        if parameter("Action") != OPERATION {
            let says = format!("the sandbox knows what SageMaker does at ?Action={OPERATION} only");
            return Err(self.lost(Step::Unknown, says).into());
        }
        let Some((account, identity)) = self.signer(place, &host.region, get)? else {
            let body = json_error("MissingAuthenticationTokenException", "Missing Authentication Token");
            return Err(self
                .refused(Step::Presign, "nobody has signed the request: --as says in which role", 403, body)
                .into());
        };
        let presign = Presign {
            account,
            region: host.region.clone(),
            domain: parameter("DomainId"),
            user_profile: parameter("UserProfileName"),
            expires: parameter("ExpiresInSeconds").parse().ok(),
            session_expires: parameter("SessionExpirationDurationInSeconds").parse().ok(),
        };
        let who = identity.principal.to_string();
        let request = Request::new(identity.principal, PRESIGN, &presign.profile_arn());
        let decision = match arrival.judge(request, identity.policies) {
            Ok(decision) => decision,
            Err(malformed) => return Err(self.lost(Step::Door, malformed.to_string()).into()),
        };
        let because = together(&decision.because);
        if !decision.allowed() {
            let arn = presign.profile_arn();
            let message = format!("User: {who} is not authorized to perform: {PRESIGN} on resource: {arn}");
            let body = json_error("AccessDeniedException", &message);
            return Err(self
                .refused(Step::Presign, format!("{who} may not make a URL from here: {because}"), 400, body)
                .into());
        }
        self.pass(Step::Presign, format!("{who} may make a URL from here: {because}"));
        Err(Stop::Call(Box::new(presign.call(&identity.access_key)), Answerer::Itself))
    }

    /// The role that signs a request, and its account: by its name that of whoever asks, or for somebody on the internet
    /// any; by its ARN the one that this names.
    fn signer(&mut self, place: &Place, region: &str, get: &Get) -> Result<Option<(String, Identity)>, Stop> {
        let Some(role) = &get.role else { return Ok(None) };
        let world = self.world;
        let own = match place {
            Place::Inside(inside) => Some(&inside.account).filter(|_| !role.contains(':')),
            Place::Internet | Place::Lambda => None,
        };
        for (id, account) in world.accounts.iter().filter(|(id, _)| own.is_none_or(|own| own == *id)) {
            match account.iam.identity(partition(region), id, role) {
                Ok(Some(identity)) => return Ok(Some((id.clone(), identity))),
                Ok(None) => {}
                Err(error) => return Err(self.lost(Step::Presign, error.message).into()),
            }
        }
        Err(self.lost(Step::Presign, format!("there is no role {role}")).into())
    }
}
