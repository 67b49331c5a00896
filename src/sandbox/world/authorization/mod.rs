//! What a call has to be authorised as: actions on resources, with what IAM knows of each besides.
//!
//! AWS's own tables, one file per service: the Service Authorization Reference,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>,
//! and what the services' guides say of the permissions that a caller needs in other services. Where it isn't said
//! whether a call that sets tags needs the permission to tag as well, it does here: a policy that is too narrow fails, one
//! that is too wide doesn't.
//!
//! Of the world, this sees what any reader is shown: a resource's tags and properties are what its service describes.

mod apigateway;
mod asked;
mod cognito_idp;
mod dynamodb;
mod ec2;
mod elasticfilesystem;
mod iam;
mod lambda;
mod logs;
mod needed;
mod route53;
mod route53resolver;
mod sagemaker;
mod ssm;

use asked::Asked;
pub use needed::Needed;

use serde_json::json;

use super::{Context, Dice, Moment, World, iam::Iam, not_implemented, partition, sts};
use crate::model::policy::{Decision, Kind, Place, Policies, Policy, Principal, Request, evaluate};
use crate::sandbox::api::{ApiError, Call};

/// The services that belong to no Region are called in this one.
const GLOBAL: &str = "us-east-1";

impl World {
    /// What a call has to be authorised as, in AWS's order as far as it is known; nothing if everybody may make it. `None`
    /// for a call that AWS doesn't have, or that isn't known here.
    pub fn needed(&mut self, moment: &Moment, call: &Call) -> Option<Vec<Needed>> {
        let mut asked = Asked::new(self, moment, call);
        match call.service.as_str() {
            "apigateway" => apigateway::needed(&mut asked),
            "cognito-idp" => cognito_idp::needed(&mut asked),
            "dynamodb" => dynamodb::needed(&mut asked),
            "ec2" => ec2::needed(&mut asked),
            "elasticfilesystem" => elasticfilesystem::needed(&mut asked),
            "iam" => iam::needed(&mut asked),
            "lambda" => lambda::needed(&mut asked),
            "logs" => logs::needed(&mut asked),
            "route53" => route53::needed(&mut asked),
            "route53resolver" => route53resolver::needed(&mut asked),
            "sagemaker" => sagemaker::needed(&mut asked),
            "ssm" => ssm::needed(&mut asked),
            // "No permissions are required to perform this operation."
            "sts" => (call.operation == "GetCallerIdentity").then(Vec::new),
            _ => None,
        }
    }

    /// Whether the caller may make a call; returns what it needed. `policies` are what the caller may do. Without them,
    /// whoever signs as a role may do what the role may, and anybody else everything.
    ///
    /// # Errors
    /// The service's denial, which names the first action and resource that isn't allowed.
    pub fn authorize(
        &mut self,
        moment: &Moment,
        call: &Call,
        policies: Option<&Policies>,
    ) -> Result<Vec<Needed>, ApiError> {
        let of_role = if policies.is_none() { self.policies_of_role(call)? } else { None };
        let Some(policies) = policies.or(of_role.as_ref()) else { return Ok(Vec::new()) };
        let needed = self.needed(moment, call);
        let needed = needed.ok_or_else(|| not_implemented(call, "the permissions of this operation"))?;
        let (principal, name) = self.caller(moment, call);
        for one in &needed {
            let request = request(moment, call, &principal, one);
            let decision = if one.action.starts_with("kms:") {
                evaluate(&request, &Policies { resource: Some(key_policy(call)?), ..policies.clone() })
            } else {
                evaluate(&request, policies)
            };
            if !decision.allowed() {
                return Err(denial(call, &name, one, &decision));
            }
        }
        Ok(needed)
    }

    /// What the role may do in whose session the call is signed.
    fn policies_of_role(&self, call: &Call) -> Result<Option<Policies>, ApiError> {
        let account = self.accounts.get(&call.account);
        let Some(iam) = account.map(|account| &account.iam).filter(|_| call.access_key.starts_with("ASIA")) else {
            return Ok(None);
        };
        let (partition, account) = (partition(&call.region), &call.account);
        let Some(session) = iam.session_of(partition, account, &call.access_key) else { return Ok(None) };
        Ok(iam.identity(partition, account, &session)?.map(|identity| identity.policies))
    }

    /// Who calls, and their ARN as a denial says it.
    fn caller(&self, moment: &Moment, call: &Call) -> (Principal, String) {
        let iam = self.accounts.get(&call.account).map(|account| &account.iam);
        let context = Context {
            now: moment.now,
            durations: moment.durations,
            quotas: moment.quotas,
            dice: &mut Dice::new(0),
            account: &call.account,
            access_key: &call.access_key,
            region: &call.region,
            iam,
            hosted_zones: None,
            service_linked_role: None,
        };
        let name = sts::caller_arn(&context);
        let identity = |iam: &Iam| iam.identity(partition(&call.region), &call.account, &name).ok().flatten();
        let principal = iam.and_then(identity).map(|identity| identity.principal);
        (principal.unwrap_or_else(|| Principal::User(name.clone())), name)
    }
}

/// The policy that keys have unless they are given another: identity policies decide.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>.
fn key_policy(call: &Call) -> Result<Policy, ApiError> {
    let root = format!("arn:{}:iam::{}:root", partition(&call.region), call.account);
    let statement = json!({"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"});
    let document = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    Policy::of_resource("key policy", &document)
        .map_err(|malformed| ApiError::new("PolicyEvaluation", malformed.to_string()).with_status(500))
}

/// What IAM is asked of one thing that a call needs.
fn request(moment: &Moment, call: &Call, principal: &Principal, needed: &Needed) -> Request {
    let global = ["iam", "sts", "route53"].contains(&call.service.as_str());
    let region = if global { GLOBAL } else { &call.region };
    let mut request = Request::new(principal.clone(), &needed.action, &needed.resource)
        .with("aws:RequestedRegion", &[region])
        .with("aws:SecureTransport", &["true"])
        .with("aws:CurrentTime", &[&moment.now.to_string()])
        .with("aws:EpochTime", &[&moment.now.as_second().to_string()]);
    request.owner = Some(call.account.clone());
    for (key, values) in &needed.keys {
        request.context.set(key, values);
    }
    request
}

/// The service's refusal of what the caller may not do, in AWS's words:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.
fn denial(call: &Call, caller: &str, needed: &Needed, decision: &Decision) -> ApiError {
    let Needed { action, resource, .. } = needed;
    let of_kind = |wanted: Kind| decision.places.iter().find(|(_, kind)| **kind == wanted).map(|(place, _)| *place);
    let because = match of_kind(Kind::ExplicitDeny) {
        Some(place) => format!("with an explicit deny in {}", a_policy(place)),
        None => {
            let place = of_kind(Kind::ImplicitDeny).unwrap_or(Place::Identity);
            format!("because no {} allows the {action} action", kind_of_policy(place))
        }
    };
    let says = format!("User: {caller} is not authorized to perform: {action} on resource: {resource} {because}");
    denied(call, &says)
}

fn a_policy(place: Place) -> String {
    let article = if place == Place::Identity { "an" } else { "a" };
    format!("{article} {}", kind_of_policy(place))
}

fn kind_of_policy(place: Place) -> &'static str {
    match place {
        Place::Identity => "identity-based policy",
        Place::Boundary => "permissions boundary",
        Place::Session => "session policy",
        Place::Resource => "resource-based policy",
        Place::Endpoint => "VPC endpoint policy",
    }
}

/// The service's refusal for want of permission. `says` is what of it isn't the service's own; it may be nothing.
pub fn denied(call: &Call, says: &str) -> ApiError {
    let (code, status) = match call.service.as_str() {
        "ec2" => ("UnauthorizedOperation", 403),
        "iam" | "sts" | "route53" => ("AccessDenied", 403),
        "apigateway" | "elasticfilesystem" | "lambda" => ("AccessDeniedException", 403),
        _ => ("AccessDeniedException", 400),
    };
    let message = match (call.service.as_str(), says) {
        (_, "") => "You are not authorized to perform this operation.".to_owned(),
        ("ec2", says) => format!("You are not authorized to perform this operation. {says}"),
        (_, says) => says.to_owned(),
    };
    ApiError::new(code, message).with_status(status)
}

#[cfg(test)]
mod tests;
