//! Step 10: from where a presigned URL works. What the role's policies come to for a request is worked out, as AWS does it
//! on every request of a browser's.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::aws::partition::partition;
use crate::blueprint::Blueprint;
use crate::engine::holdings::Holdings;
use crate::model::policy::{Arrival, Door, Kind as Outcome, Place, Policies, Policy, Principal, Request};
use crate::plan::AccessMode;
use crate::resource::policy::Policy as Document;
use crate::resource::role::Role as Spelt;
use crate::resource::{Address, Kind, Observed, Spec};
use crate::survey::Survey;

use super::found::Found;
use super::live::Labels;
use super::{Basis, DOMAIN, Lab, STUDIO_VPC, Step};

/// Where the role in which the portal acts stands in a blueprint.
pub(crate) const PORTAL: &str = "access/role/portal";

/// Where its policy on presigned URLs stands.
pub(crate) const PRESIGN: &str = "access/role/portal/policy/presign";

/// The call that makes the URL by which a browser enters Studio, and what Studio asks about whoever opens it:
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/studio-interface-endpoint.html>
pub(crate) const PRESIGN_ACTION: &str = "sagemaker:CreatePresignedDomainUrl";

/// Somebody on the internet: <https://www.rfc-editor.org/rfc/rfc5737>.
const SOMEBODY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// An endpoint and a VPC that nobody has.
const OTHER_ENDPOINT: &str = "vpce-00000000000000000";
const OTHER_VPC: &str = "vpc-00000000000000000";

/// What a role's policies go by.
pub(super) const KINDS: [Kind; 3] = [Kind::Role, Kind::RolePolicy, Kind::RolePolicyAttachment];

/// What becomes of a request, and why.
pub(super) enum Ruling {
    /// It is admitted.
    Admitted(String),
    /// It is refused.
    Refused(String),
    /// Not all policies are known that have a say.
    Unknown(String),
}

/// A role with its policies.
pub(super) struct Role {
    principal: Principal,
    policies: Policies,
    /// Policies that may allow or deny anything: what they say isn't read.
    unread: Vec<String>,
    /// Why its policies make no sense, if they don't.
    malformed: Option<String>,
}

impl Role {
    /// A role as it stands, in a session of this name. What AWS's own managed policies say is known of those that the plan
    /// attaches: nothing of Studio or the table.
    fn read(
        observed: &Observed,
        spec: &Spelt,
        session: &str,
        blueprint: &Blueprint,
        survey: &Survey,
        labels: &Labels<'_>,
    ) -> Self {
        let arn = observed.output("arn").unwrap_or_default().to_owned();
        let principal = Principal::Role { arn, session: session.to_owned() };
        let mut role = Self { principal, policies: Policies::default(), unread: Vec::new(), malformed: None };
        let planned = |arn: &str| {
            blueprint.iter().any(|desired| match &desired.spec {
                Spec::RolePolicyAttachment(attachment) => attachment.policy_arn == arn,
                _ => false,
            })
        };
        for other in survey.live() {
            match &other.spec {
                Spec::RolePolicy(policy) if policy.role.text() == observed.id => {
                    match Policy::of_identity(&labels.label(&other.id), &policy.document.document()) {
                        Ok(policy) => role.policies.identity.push(policy),
                        Err(malformed) => role.malformed = Some(malformed.to_string()),
                    }
                }
                Spec::RolePolicyAttachment(attachment) if attachment.role.text() == observed.id => {
                    let arn = &attachment.policy_arn;
                    role.unread.extend((!planned(arn)).then(|| format!("what {arn} allows and denies isn't read")));
                }
                _ => {}
            }
        }
        let boundary = spec.permissions_boundary.iter();
        role.unread.extend(boundary.map(|arn| format!("how far the permissions boundary {arn} goes isn't read")));
        role
    }

    /// What becomes of a request of the role's that comes in by this way. Its own Deny stands whatever else is attached.
    pub fn may(&self, action: &str, resource: &str, arrival: &Arrival) -> Ruling {
        if let Some(malformed) = &self.malformed {
            return Ruling::Unknown(malformed.clone());
        }
        let request = Request::new(self.principal.clone(), action, resource);
        let decision = match arrival.judge(request, self.policies.clone()) {
            Ok(decision) => decision,
            Err(malformed) => return Ruling::Unknown(malformed.to_string()),
        };
        let because = decision.because.join("; ");
        let of_endpoint = decision.places.get(&Place::Endpoint).copied().unwrap_or(Outcome::Allowed);
        match decision.kind {
            Outcome::ExplicitDeny => Ruling::Refused(because),
            Outcome::ImplicitDeny if of_endpoint != Outcome::Allowed => Ruling::Refused(because),
            _ if !self.unread.is_empty() => Ruling::Unknown(self.unread.join("; ")),
            Outcome::Allowed => Ruling::Admitted(because),
            Outcome::ImplicitDeny => Ruling::Refused(because),
        }
    }

    /// The values that its policies compare a key with.
    fn values_of(&self, key: &str) -> Vec<&str> {
        self.policies.identity.iter().flat_map(|policy| policy.values_of(key)).collect()
    }
}

/// The portal's role, in a session of this name.
fn portal_role(
    session: &str,
    blueprint: &Blueprint,
    survey: &Survey,
    holdings: &Holdings<'_>,
    labels: &Labels<'_>,
) -> Option<Role> {
    let held = holdings.held.get(&Address::from(PORTAL))?;
    let Spec::Role(spec) = &held.observed.spec else { return None };
    Some(Role::read(held.observed, spec, session, blueprint, survey, labels))
}

/// Whether a URL that the portal's role makes may work on the internet, as its policies stand.
pub(crate) fn may_work_anywhere(blueprint: &Blueprint, survey: &Survey, holdings: &Holdings<'_>) -> bool {
    let labels = Labels::of(holdings);
    let Some(role) = portal_role("url", blueprint, survey, holdings, &labels) else { return false };
    let profile = profile_arn(&role.principal, blueprint.lab.region(), "d-abcdefghijkl", "somebody");
    !matches!(role.may(PRESIGN_ACTION, &profile, &Arrival::Front(SOMEBODY)), Ruling::Refused(_))
}

/// The ARN of a user profile in the account of a role.
fn profile_arn(principal: &Principal, region: &str, domain: &str, profile: &str) -> String {
    let account = principal.account().unwrap_or_default();
    let profile = profile.to_lowercase();
    format!("arn:{}:sagemaker:{region}:{account}:user-profile/{domain}/{profile}", partition(region))
}

/// Ways by which nobody should come, with what sentences call them: those that nobody planned, and those that policies
/// name beyond it.
pub(super) struct Strangers<'a> {
    /// The ids of the endpoints that are meant.
    pub doors: Vec<&'a str>,
    /// The id of the Studio VPC.
    pub vpc: &'a str,
    /// What it is bound to.
    pub mode: Option<AccessMode>,
}

impl Strangers<'_> {
    /// All of them; `values_of` says what policies compare a key with.
    pub fn ways(&self, values_of: impl Fn(&str) -> Vec<String>) -> Vec<(String, Arrival)> {
        let from = Arrival::Front;
        let through = |id: &str, vpc: &str| Arrival::Endpoint(open_door(id, vpc));
        let mut ways = vec![
            ("over the internet".to_owned(), from(SOMEBODY)),
            ("through an endpoint of another VPC".to_owned(), through(OTHER_ENDPOINT, OTHER_VPC)),
        ];
        let by_vpc = self.mode == Some(AccessMode::SourceVpc);
        if !by_vpc {
            ways.push(("through another endpoint of the Studio VPC".to_owned(), through(OTHER_ENDPOINT, self.vpc)));
        }
        for id in values_of("aws:SourceVpce").iter().filter(|id| !self.doors.contains(&id.as_str())) {
            ways.push((format!("through {id}"), through(id, if by_vpc { OTHER_VPC } else { self.vpc })));
        }
        for vpc in values_of("aws:SourceVpc").iter().filter(|vpc| *vpc != self.vpc) {
            ways.push((format!("through an endpoint of {vpc}"), through(OTHER_ENDPOINT, vpc)));
        }
        for range in values_of("aws:SourceIp") {
            let first = range.parse().map(|range: IpNet| range.addr()).or_else(|_| range.parse());
            if let Ok(IpAddr::V4(address)) = first {
                ways.push((format!("over the internet from {range}"), from(address)));
            }
        }
        ways
    }
}

/// An endpoint that lets everything pass.
fn open_door(id: &str, vpc: &str) -> Door {
    let (id, vpc, policy) = (id.to_owned(), vpc.to_owned(), Document::full_access().document());
    Door { id, vpc, service: String::new(), policy, source: SOMEBODY }
}

impl<'a> Lab<'a> {
    /// Step 10.
    pub(super) fn binding(&self) -> Step {
        let title = "Studio admits a URL through its endpoint, and by no other way";
        let basis = Basis::APART.and(&[
            Kind::Role,
            Kind::RolePolicy,
            Kind::RolePolicyAttachment,
            Kind::InterfaceEndpoint,
            Kind::Vpc,
            Kind::Domain,
            Kind::TableItem,
        ]);
        self.step(10, title, basis, |lab| {
            let mut found = Found::default();
            if lab.plan.access.mode == Some(AccessMode::SourceIp) {
                found.against.add(
                    "`access.mode` is `source-ip`: a URL works over the internet from those addresses, and through no \
                     endpoint, where requests have no public address: bind it to endpoints, with `source-vpce`",
                );
            }
            // With a portal, step 8 is about the making.
            let made = if lab.plan.portal.enabled { None } else { Some("sagemaker.api") };
            for service in made.into_iter().chain(["studio"]) {
                lab.admits_presigning(service, &mut found);
            }
            lab.refuses_strangers(&mut found);
            found
        })
    }

    /// The portal's role as it stands.
    pub(super) fn role(&self) -> Option<Role> {
        let session = self.blueprint.lab.functions.iter().find(|name| name.ends_with("-presign"));
        let session = session.map_or("url", String::as_str);
        portal_role(session, self.blueprint, self.survey, self.holdings, self.labels)
    }

    /// An endpoint of the Studio VPC as a request passes it that comes from an address.
    pub(super) fn door_of(&self, address: &str, source: Ipv4Addr) -> Option<Door> {
        let (observed, spec) = self.at(address)?;
        let (vpc, service, policy) = match spec {
            Spec::InterfaceEndpoint(endpoint) => (endpoint.vpc.text(), &endpoint.service, &endpoint.policy),
            Spec::GatewayEndpoint(endpoint) => (endpoint.vpc.text(), &endpoint.service, &endpoint.policy),
            _ => return None,
        };
        Some(Door { id: observed.id.clone(), vpc, service: service.clone(), policy: policy.document(), source })
    }

    /// The user profiles that the portal's users have, by domain and name; an imagined one where there is none.
    fn profiles(&self) -> Vec<(String, String)> {
        let rows = self.survey.live().filter_map(|observed| match &observed.spec {
            Spec::TableItem(row) => Some((row.domain.text(), row.profile.clone())),
            _ => None,
        });
        let domain = self.at(DOMAIN).map_or("d-abcdefghijkl", |(observed, _)| observed.id.as_str());
        let own = rows.filter(|(of, _)| of == domain).collect::<Vec<_>>();
        if own.is_empty() { vec![(domain.to_owned(), "somebody".to_owned())] } else { own }
    }

    /// The ARN of a user profile.
    pub(super) fn profile_arn(&self, role: &Role, domain: &str, profile: &str) -> String {
        profile_arn(&role.principal, self.region, domain, profile)
    }

    /// Whether a URL may be made, or opened, through the endpoint of a service from every host of the corporate network.
    fn admits_presigning(&self, service: &str, found: &mut Found) {
        let address = format!("studio/endpoint/{service}");
        let Some(role) = self.role() else {
            return found.against.add(format!("the role {PORTAL} is missing"));
        };
        if self.plan.domain.enabled && self.at(DOMAIN).is_none() {
            return found.against.add("the domain is missing: there is no Studio to open");
        }
        let sources: Vec<Ipv4Addr> = self.hosts.iter().map(|host| host.client.address).collect();
        let verb = if service == "studio" { "opening" } else { "making" };
        for source in if sources.is_empty() { vec![SOMEBODY] } else { sources } {
            let Some(door) = self.door_of(&address, source) else {
                return found.against.add(format!("the endpoint {address} is missing"));
            };
            let request = format!("{verb} a URL through {}", self.labels.label(&door.id));
            for (domain, profile) in self.profiles() {
                let profile = self.profile_arn(&role, &domain, &profile);
                let ruling = role.may(PRESIGN_ACTION, &profile, &Arrival::Endpoint(door.clone()));
                found.expect_admitted(&request, ruling);
            }
        }
    }

    /// Whether a URL may be made or opened by any other way.
    pub(super) fn refuses_strangers(&self, found: &mut Found) {
        let Some(role) = self.role() else { return };
        for (way, arrival) in self.strangers_of(&role) {
            for (domain, profile) in self.profiles() {
                let profile = self.profile_arn(&role, &domain, &profile);
                found.expect_refused(&format!("a URL {way}"), role.may(PRESIGN_ACTION, &profile, &arrival));
            }
        }
    }

    fn strangers_of(&self, role: &Role) -> Vec<(String, Arrival)> {
        let doors = ["studio/endpoint/sagemaker.api", "studio/endpoint/studio"];
        let doors = doors.iter().filter_map(|address| Some(self.at(address)?.0.id.as_str())).collect();
        let vpc = self.at(STUDIO_VPC).map_or(OTHER_VPC, |(vpc, _)| vpc.id.as_str());
        let strangers = Strangers { doors, vpc, mode: self.plan.access.mode };
        strangers.ways(|key| role.values_of(key).into_iter().map(str::to_owned).collect())
    }

    /// Whether the portal's role can make URLs that work from anywhere.
    pub(super) fn open_access(&self) -> Vec<String> {
        let unread = KINDS.iter().any(|kind| self.survey.why_unreadable(*kind).is_some());
        let Some(role) = self.role().filter(|_| self.plan.access.mode.is_some() && !unread) else { return Vec::new() };
        let (domain, profile) = self.profiles().swap_remove(0);
        let profile = self.profile_arn(&role, &domain, &profile);
        match role.may(PRESIGN_ACTION, &profile, &Arrival::Front(SOMEBODY)) {
            Ruling::Admitted(why) => vec![format!("a presigned URL works from anywhere: {why}")],
            Ruling::Refused(_) | Ruling::Unknown(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{Built, endpoint, whole, whole_but};
    use super::*;
    use crate::resource::Ref;
    use crate::resource::role_policy::RolePolicy;
    use crate::resource::role_policy_attachment::RolePolicyAttachment;

    const STUDIO: &str = "id:studio/endpoint/studio";
    const API: &str = "id:studio/endpoint/sagemaker.api";

    fn bound(observed: &mut Observed, to: &[&str]) {
        let profiles = |domain: &str| format!("arn:aws:sagemaker:*:*:user-profile/{domain}/*");
        let statement = |effect: &str, operator: &str| {
            json!({
                "Effect": effect, "Action": PRESIGN_ACTION, "Resource": [profiles("id:domain"), profiles("d-abcdefghijkl")],
                "Condition": {operator: {"aws:SourceVpce": to}},
            })
        };
        let statements = [statement("Allow", "StringEquals"), statement("Deny", "StringNotEquals")];
        say(observed, json!({"Version": "2012-10-17", "Statement": statements}));
    }

    fn say(observed: &mut Observed, document: Value) {
        if let Spec::RolePolicy(policy) = &mut observed.spec {
            policy.document = Document::new(document);
        }
    }

    /// The whole lab, its role bound to these endpoints.
    fn through(endpoints: &[&str]) -> Built {
        whole().but(|survey| bound(survey.at(PRESIGN), endpoints))
    }

    /// A lab in which URLs are bound to this, and nothing else is built that uses it.
    fn only(mode: AccessMode) -> Built {
        whole_but(|plan| {
            (plan.portal.enabled, plan.domain.enabled, plan.sign_in.enabled) = (false, false, false);
            plan.access.mode = Some(mode);
            if mode == AccessMode::SourceIp {
                plan.access.source_ip = vec!["203.0.113.0/24".parse().unwrap()];
            }
        })
    }

    #[test]
    fn a_role_without_the_studio_endpoint_makes_urls_that_nobody_opens() {
        through(&[API]).breaks("10 no", "opening a URL through studio/endpoint/studio is refused");
        through(&[STUDIO]).breaks("8 no", "through studio/endpoint/sagemaker.api is refused");
        through(&[STUDIO, API, "vpce-9"]).breaks("8 no, 10 no", "a URL through vpce-9 is admitted");
    }

    #[test]
    fn an_endpoints_own_policy_has_a_say() {
        let shut = whole().but(|survey| {
            let nobody = json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"});
            if let Some(studio) = endpoint(&mut survey.at("studio/endpoint/studio").spec) {
                studio.policy = Document::new(json!({"Statement": [nobody]}));
            }
        });
        shut.breaks("10 no", "the endpoint policy id:studio/endpoint/studio denies");
    }

    #[test]
    fn without_the_deny_a_presigned_url_works_from_anywhere_once_something_allows_it() {
        let allow = |action: &str| json!({"Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]});
        let with = |lab: Built, action: &str| {
            let (document, role) = (Document::new(allow(action)), Ref::known("id:access/role/portal"));
            lab.but(|survey| {
                let policy = RolePolicy { role, name: "mine".into(), document };
                survey.found.push(Observed::standing("portal mine", Default::default(), policy));
            })
        };
        let wide = with(whole(), "sagemaker:*");
        wide.breaks("8 no", "making a URL for another domain is admitted");
        assert_eq!(wide.verify().leaks, [""; 0], "the Deny covers it");
        let open = with(whole().without(PRESIGN), "sagemaker:createpresigned*");
        open.breaks("8 no, 10 no", "leak: a presigned URL works from anywhere: ");
        let narrow = with(whole().without(PRESIGN), "sagemaker:DescribeDomain");
        narrow.breaks(
            "8 no, 10 no",
            "opening a URL through studio/endpoint/studio is refused: no identity policy allows",
        );
        assert_eq!(narrow.verify().leaks, [""; 0], "nothing allows it");
    }

    #[test]
    fn policies_that_are_not_read_leave_it_unknown_but_for_what_is_denied() {
        let attached = whole().but(|survey| {
            let (role, policy_arn) = (Ref::known("id:access/role/portal"), "arn:aws:iam::111122223333:policy/x".into());
            let attachment = RolePolicyAttachment { role, policy_arn };
            survey.found.push(Observed::standing("portal x", Default::default(), attachment));
        });
        attached
            .breaks("8 unknown, 10 unknown", "what arn:aws:iam::111122223333:policy/x allows and denies isn't read");
        let bounded = whole().but(|survey| {
            if let Spec::Role(role) = &mut survey.at(PORTAL).spec {
                role.permissions_boundary = Some("arn:b".into());
            }
        });
        bounded.breaks("8 unknown, 10 unknown", "how far the permissions boundary arn:b goes isn't read");
        let malformed = whole().but(|survey| say(survey.at(PRESIGN), json!("x")));
        malformed.breaks("8 unknown, 10 unknown", "the policy access/role/portal/policy/presign can't be read");
    }

    #[test]
    fn each_mode_is_held_to_what_it_promises() {
        assert_eq!(only(AccessMode::SourceVpce).holds(), "3 yes, 4 yes, 9 yes, 10 yes, 11 yes");
        let vpc = only(AccessMode::SourceVpc);
        assert_eq!(vpc.holds(), "3 yes, 4 yes, 9 yes, 10 yes, 11 yes");
        assert!(!vpc.because(10).contains("another endpoint of the Studio VPC"));
        only(AccessMode::SourceIp).breaks("10 no", "`access.mode` is `source-ip`: a URL works over the internet");
    }

    #[test]
    fn without_a_portal_the_making_is_looked_at_too() {
        let lab = only(AccessMode::SourceVpce).but(|survey| bound(survey.at(PRESIGN), &[STUDIO]));
        lab.breaks("10 no", "making a URL through studio/endpoint/sagemaker.api is refused");
        only(AccessMode::SourceVpce).without(PORTAL).breaks("10 no", "the role access/role/portal is missing");
    }
}
