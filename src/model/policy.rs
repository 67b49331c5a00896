//! Is a request allowed: policies of identities, permissions boundary, session, resource and endpoint.
//!
//! - A Deny that applies decides, wherever it stands. What no policy allows is denied, but for an account's root user
//!   in its own account: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>.
//! - A permissions boundary and a session policy limit what identity policies grant. A resource policy grants by itself
//!   in its own account, beyond these limits where it names the user or the session, within them where it names the
//!   role; where it names the account, identity policies have to allow as well. In another account they always have to.
//! - An endpoint policy limits whatever passes the endpoint.
//! - Organisations' policies are not looked at.

pub mod api;
mod arrival;
mod condition;
mod context;
mod document;
mod pattern;
mod principal;

use std::collections::BTreeMap;
use std::fmt;

pub use arrival::{Arrival, Door};
use condition::Outcome;
pub use context::Context;
use document::Statement;
pub use document::{Malformed, Policy, Position};
use principal::Named;
pub use principal::Principal;

/// A request as AWS sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub principal: Principal,
    /// `sagemaker:CreatePresignedDomainUrl`; its case says nothing.
    pub action: String,
    /// The ARN of what it is about; `*` for actions that are about nothing in particular.
    pub resource: String,
    /// The account that owns the resource, where its ARN doesn't say; none stands for the principal's own.
    pub owner: Option<String>,
    /// What else AWS knows of the request.
    pub context: Context,
}

impl Request {
    /// A request with nothing in its context but what the principal brings with it.
    pub fn new(principal: Principal, action: &str, resource: &str) -> Self {
        let context = Context::of(&principal);
        Self { principal, action: action.to_owned(), resource: resource.to_owned(), owner: None, context }
    }

    /// The same with a key in its context, in the place of what it had.
    pub fn with(mut self, key: &str, values: &[&str]) -> Self {
        self.context.set(key, values.iter().copied());
        self
    }

    /// Whether the resource is in the principal's own account.
    pub fn at_home(&self) -> bool {
        let owner = principal::account(&self.resource).or(self.owner.as_deref());
        owner.is_none() || owner == self.principal.account()
    }

    /// Whether the resource policy has to allow even at home: trust policies of roles, and policies of KMS keys.
    fn needs_resource_policy(&self) -> bool {
        let action = self.action.to_lowercase();
        !self.at_home() || action.starts_with("sts:assumerole") || action.starts_with("kms:")
    }
}

/// The policies that have a say in a request.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// Those of the user or role.
    pub identity: Vec<Policy>,
    /// What limits them.
    pub boundary: Option<Policy>,
    /// What a session was limited to when it began.
    pub session: Option<Policy>,
    /// The resource's own.
    pub resource: Option<Policy>,
    /// That of the VPC endpoint which the request passes.
    pub endpoint: Option<Policy>,
}

impl Policies {
    fn at(&self, place: Place) -> Vec<&Policy> {
        match place {
            Place::Identity => self.identity.iter().collect(),
            Place::Boundary => self.boundary.iter().collect(),
            Place::Session => self.session.iter().collect(),
            Place::Resource => self.resource.iter().collect(),
            Place::Endpoint => self.endpoint.iter().collect(),
        }
    }

    /// The context keys that these policies ask for and a context lacks, in the order of their names.
    pub fn missing_keys(&self, context: &Context) -> Vec<String> {
        let policies = Place::ALL.into_iter().flat_map(|place| self.at(place));
        let asked = policies.flat_map(Policy::keys).filter(|key| context.get(key).is_none());
        let by_name: BTreeMap<String, String> = asked.map(|key| (key.to_lowercase(), key.to_owned())).collect();
        by_name.into_values().collect()
    }
}

/// Where a policy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// On a user or role.
    Identity,
    /// The permissions boundary of a user or role.
    Boundary,
    /// In a session.
    Session,
    /// On a resource.
    Resource,
    /// On a VPC endpoint.
    Endpoint,
}

impl Place {
    const ALL: [Self; 5] = [Self::Identity, Self::Boundary, Self::Session, Self::Resource, Self::Endpoint];
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Identity => "identity policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Resource => "resource policy",
            Self::Endpoint => "endpoint policy",
        })
    }
}

/// What comes of a request, or what one place says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something allows it and nothing denies it.
    Allowed,
    /// Nothing allows it.
    ImplicitDeny,
    /// A Deny applies.
    ExplicitDeny,
}

/// What comes of a request, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What comes of it.
    pub kind: Kind,
    /// Sentences: what decided, or everything that was lacking.
    pub because: Vec<String>,
    /// The statements that decided: those that deny, else those that grant. None for an implicit deny.
    pub statements: Vec<Matched>,
    /// What each place says that has a policy.
    pub places: BTreeMap<Place, Kind>,
}

impl Decision {
    /// Whether the request is allowed.
    pub fn allowed(&self) -> bool {
        self.kind == Kind::Allowed
    }
}

/// A statement that had a part in a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The name of its policy.
    pub policy: String,
    /// Where that stands.
    pub place: Place,
    /// Its place in the policy, from 1.
    pub number: usize,
    /// Its `Sid`, if it has one.
    pub sid: Option<String>,
    /// Where it begins in the document.
    pub start: Position,
    /// Where it ends in the document.
    pub end: Position,
}

/// Whether a request is allowed, and why.
pub fn evaluate(request: &Request, policies: &Policies) -> Decision {
    let verdicts = Verdicts::new(request, policies);
    let (kind, because, statements) = verdicts.decide();
    let places = verdicts.all().into_iter().filter(|verdict| !verdict.policies.is_empty());
    Decision { kind, because, statements, places: places.map(|verdict| (verdict.place, verdict.kind())).collect() }
}

/// What each place says of a request.
struct Verdicts<'a> {
    request: &'a Request,
    identity: Verdict<'a>,
    boundary: Verdict<'a>,
    session: Verdict<'a>,
    resource: Verdict<'a>,
    endpoint: Verdict<'a>,
}

impl<'a> Verdicts<'a> {
    fn new(request: &'a Request, policies: &'a Policies) -> Self {
        let at = |place| Verdict::new(place, request, policies);
        Self {
            request,
            identity: at(Place::Identity),
            boundary: at(Place::Boundary),
            session: at(Place::Session),
            resource: at(Place::Resource),
            endpoint: at(Place::Endpoint),
        }
    }

    fn all(&self) -> [&Verdict<'a>; 5] {
        [&self.identity, &self.boundary, &self.session, &self.resource, &self.endpoint]
    }

    fn decide(&self) -> (Kind, Vec<String>, Vec<Matched>) {
        let denials: Vec<_> = self.all().into_iter().flat_map(|verdict| &verdict.denies).collect();
        if !denials.is_empty() {
            let because = denials.iter().map(|hit| hit.says("denies", self.request)).collect();
            return (Kind::ExplicitDeny, because, denials.into_iter().map(Hit::matched).collect());
        }
        let lacking = self.lacking();
        if !lacking.is_empty() {
            let because = lacking.into_iter().flat_map(|verdict| verdict.says_why_not(self.request)).collect();
            return (Kind::ImplicitDeny, because, Vec::new());
        }
        let first = |verdict: &Verdict<'_>| Some(verdict.allows.first()?.says("allows", self.request));
        let mut because: Vec<String> = self.all().into_iter().filter_map(first).collect();
        if because.is_empty() {
            because.push(format!("{} may do everything in its account", self.request.principal));
        }
        let grants = self.identity.allows.iter().chain(&self.resource.allows);
        (Kind::Allowed, because, grants.map(Hit::matched).collect())
    }

    /// The places that would have to allow the request, and don't.
    fn lacking(&self) -> Vec<&Verdict<'a>> {
        let mut lacking = self.ungranted();
        lacking.extend(Some(&self.endpoint).filter(|endpoint| endpoint.limits()));
        lacking
    }

    /// The same without the endpoint, which grants nothing.
    fn ungranted(&self) -> Vec<&Verdict<'a>> {
        let named = self.resource.allows.iter().map(|hit| hit.named).max();
        let resource = Some(&self.resource).filter(|_| named.is_none());
        if !self.request.principal.has_policies() {
            return resource.into_iter().collect();
        }
        let limits = [&self.boundary, &self.session].into_iter().filter(|verdict| verdict.limits());
        match named {
            Some(Named::Itself) if self.request.at_home() => return Vec::new(),
            Some(Named::Role) if self.request.at_home() => return limits.collect(),
            _ => {}
        }
        let root = matches!(self.request.principal, Principal::Root(_));
        let identity = Some(&self.identity).filter(|identity| !root && identity.allows.is_empty());
        let resource = resource.filter(|_| self.request.needs_resource_policy());
        identity.into_iter().chain(limits).chain(resource).collect()
    }
}

/// What the policies of one place say of a request.
struct Verdict<'a> {
    place: Place,
    policies: Vec<&'a Policy>,
    allows: Vec<Hit<'a>>,
    denies: Vec<Hit<'a>>,
    /// What would allow, were it not for its conditions.
    nearly: Vec<Hit<'a>>,
}

impl<'a> Verdict<'a> {
    fn new(place: Place, request: &Request, policies: &'a Policies) -> Self {
        let bounded = policies.boundary.is_some();
        let policies = policies.at(place);
        let mut verdict = Self { place, policies, allows: Vec::new(), denies: Vec::new(), nearly: Vec::new() };
        let of_policy = |policy: &'a Policy| policy.statements.iter().map(move |statement| (policy, statement));
        for (policy, statement) in verdict.policies.iter().copied().flat_map(of_policy) {
            let Some(named) = statement.is_about(request, place, bounded) else { continue };
            let outcomes = statement.outcomes(&request.context);
            let hit = Hit { place, policy, statement, named, outcomes };
            match (hit.outcomes.iter().all(|outcome| outcome.holds), statement.allows) {
                (true, true) => verdict.allows.push(hit),
                (true, false) => verdict.denies.push(hit),
                (false, true) => verdict.nearly.push(hit),
                (false, false) => {}
            }
        }
        verdict
    }

    fn kind(&self) -> Kind {
        match (self.denies.is_empty(), self.allows.is_empty()) {
            (false, _) => Kind::ExplicitDeny,
            (true, false) => Kind::Allowed,
            (true, true) => Kind::ImplicitDeny,
        }
    }

    /// Whether there is something, and it doesn't allow.
    fn limits(&self) -> bool {
        !self.policies.is_empty() && self.allows.is_empty()
    }

    fn says_why_not(&self, request: &Request) -> Vec<String> {
        let (place, action) = (self.place, &request.action);
        let plain = match (place, self.policies.as_slice()) {
            (Place::Resource, [policy]) => {
                format!("the {place} {} doesn't allow {action} to {}", policy.name, request.principal)
            }
            (Place::Resource, _) => format!("there is no {place} that allows {action} to {}", request.principal),
            (Place::Identity, _) => format!("no {place} allows {action} on {}", request.resource),
            (_, policies) => {
                let name = policies.first().map_or("", |policy| &policy.name);
                format!("the {place} {name} doesn't allow {action} on {}", request.resource)
            }
        };
        std::iter::once(plain).chain(self.nearly.iter().map(Hit::says_why_not)).collect()
    }
}

/// A statement that is about a request, whether or not its conditions hold.
struct Hit<'a> {
    place: Place,
    policy: &'a Policy,
    statement: &'a Statement,
    named: Named,
    outcomes: Vec<Outcome>,
}

impl Hit<'_> {
    fn name(&self) -> String {
        format!("{} of the {} {}", self.statement.name(), self.place, self.policy.name)
    }

    fn says(&self, does: &str, request: &Request) -> String {
        let says = format!("{} {does} {}", self.name(), request.action);
        let outcomes: Vec<&str> = self.outcomes.iter().map(|outcome| outcome.says.as_str()).collect();
        if outcomes.is_empty() { says } else { format!("{says}: {}", outcomes.join(", and ")) }
    }

    fn says_why_not(&self) -> String {
        let failed = self.outcomes.iter().filter(|outcome| !outcome.holds);
        let failed: Vec<&str> = failed.map(|outcome| outcome.says.as_str()).collect();
        format!("{} would, but {}", self.name(), failed.join(", and "))
    }

    fn matched(&self) -> Matched {
        let Statement { number, sid, start, end, .. } = self.statement;
        Matched {
            policy: self.policy.name.clone(),
            place: self.place,
            number: *number,
            sid: sid.clone(),
            start: *start,
            end: *end,
        }
    }
}

#[cfg(test)]
mod tests;
