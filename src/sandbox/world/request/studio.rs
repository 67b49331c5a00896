//! Studio: a presigned URL is opened.

use super::url::Host;
use super::{End, Get, Step, Traveller, together};
use crate::model::policy::{Arrival, Policies, Request};
use crate::sandbox::world::partition;

/// What Studio asks about whoever opens a URL: the same as of who makes one.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/studio-interface-endpoint.html>
pub const PRESIGN: &str = "sagemaker:CreatePresignedDomainUrl";

/// What Studio shows to whom the policies refuse.
const INSUFFICIENT: &str = "Auth token containing insufficient permissions";
const EXPIRED: &str = "The presigned URL has expired or was never made";

impl Traveller<'_> {
    /// Studio looks at the token: whether it is still good, and whether who made it may do so from here.
    pub(super) fn open_studio(&mut self, arrival: &Arrival, host: &Host, get: &Get) -> Result<End, End> {
        let token = get.url.parameter("token").filter(|_| get.url.path == "/auth");
        let Some(token) = token else {
            let says =
                "Studio sends whoever has no session to sign in; the sandbox knows only its path /auth, with a token";
            return Err(self.refused(Step::Studio, says, 403, INSUFFICIENT));
        };
        let label = host.label.as_deref().unwrap_or_default();
        let Some((account, made)) = self.opened_by(&host.region, label, &token) else {
            return Err(self.refused(Step::Studio, "the URL has expired, or nobody made it", 403, EXPIRED));
        };
        let Made { user, caller, profile_arn } = made;
        let identity = self.world.accounts.get(&account).map(|own| &own.iam);
        let identity = identity.map(|iam| iam.identity(partition(&host.region), &account, &caller));
        let identity = match identity {
            Some(Ok(Some(identity))) => identity,
            Some(Err(error)) => return Err(self.lost(Step::Studio, error.message)),
            Some(Ok(None)) | None => {
                let says = format!("{caller}, who made the URL, is gone");
                return Err(self.refused(Step::Studio, says, 403, INSUFFICIENT));
            }
        };
        let request = Request::new(identity.principal, PRESIGN, &profile_arn);
        let policies: Policies = identity.policies;
        match arrival.judge(request, policies) {
            Err(malformed) => Err(self.lost(Step::Door, malformed.to_string())),
            Ok(decision) if decision.allowed() => {
                self.pass(
                    Step::Studio,
                    format!("{caller} made the URL, and may from here: {}", together(&decision.because)),
                );
                self.pass(Step::Studio, format!("Studio opens as {user}"));
                Ok(End { admitted: true, status: Some(302), body: None })
            }
            Ok(decision) => {
                let says = format!("{caller} made the URL, and may not from here: {}", together(&decision.because));
                Err(self.refused(Step::Studio, says, 403, INSUFFICIENT))
            }
        }
    }

    /// What a token opens, and in whose account.
    fn opened_by(&self, region: &str, label: &str, token: &str) -> Option<(String, Made)> {
        self.world.accounts.iter().find_map(|(id, account)| {
            let studio = &account.regions.get(region)?.sagemaker;
            let (url, profile_arn) = studio.opened_by(label, token)?;
            let made = Made { user: url.user_profile_name.clone(), caller: url.caller.clone(), profile_arn };
            (url.expires > self.now).then(|| (id.clone(), made))
        })
    }
}

/// A URL, as far as Studio looks at it.
struct Made {
    user: String,
    caller: String,
    profile_arn: String,
}
