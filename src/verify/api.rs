//! Steps 2 and 5: the portal's name leads to its endpoint, and whom the endpoint and the API's policy let through.

use std::net::Ipv4Addr;

use serde_json::json;

use crate::aws::services;
use crate::blueprint::api;
use crate::model::names::Answer;
use crate::model::network::{Protocol, admits};
use crate::model::policy::api::write_out;
use crate::model::policy::{Arrival, Kind as Outcome, Place, Policies, Policy, Principal, Request};
use crate::plan::AccessMode;
use crate::resource::rest_api::RestApi;
use crate::resource::{Kind, Observed, Spec};

use super::access::{Ruling, Strangers};
use super::doors::{Door, door};
use super::found::{Found, join};
use super::names::{hops, instead};
use super::packets::HTTPS;
use super::{Basis, Holds, Lab, STUDIO_VPC, Step};

/// Where the parts of the API stand in a blueprint.
pub const API: &str = "portal/api";
pub const STAGE: &str = "portal/api/stage";
pub const DEPLOYMENT: &str = "portal/api/deployment";
pub const PAGE: &str = "portal/api/method/page";
/// The endpoint by which it is called.
pub const ENDPOINT: &str = "studio/endpoint/execute-api";

const INVOKE: &str = "execute-api:Invoke";

/// What callers of the portal ask for: a path below the stage, and whether an authorizer that is a function is asked, which
/// may let in whom the policy says nothing of:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html>
const CALLS: [(&str, bool); 2] = [("", false), ("users/{user}/url", true)];

impl<'a> Lab<'a> {
    /// The API as it stands.
    pub(super) fn api(&self) -> Option<(&'a Observed, &'a RestApi)> {
        match self.at(API)? {
            (observed, Spec::RestApi(api)) => Some((observed, api)),
            _ => None,
        }
    }

    /// The ARN of something in the API: `STAGE/GET/path`, `authorizers/a1b2c3`.
    pub(super) fn api_arn(&self, observed: &Observed, rest: &str) -> String {
        let all = observed.output("callers").unwrap_or_default();
        format!("{}{rest}", all.strip_suffix('*').unwrap_or(all))
    }

    /// Step 2.
    pub(super) fn portal_name(&self) -> Step {
        let title = "The portal's name leads from the corporate network to its endpoint";
        let basis = Basis::NAMES.and(&[Kind::RestApi, Kind::ApiStage, Kind::ApiDeployment]);
        self.step(2, title, basis, |lab| {
            let mut door = door("execute-api", lab.blueprint, lab.holdings, lab.region);
            if let Err(why) = lab.stands(&door) {
                return Found::against(why);
            }
            let Some((observed, api)) = lab.api() else {
                return Found::against(format!("the API {API} is missing"));
            };
            let mut found = Found::default();
            let bound = lab.is_callable(observed, api, &door, &mut found);
            lab.has_stage(&mut found);
            let (own, by_endpoint) = lab.names_of(observed, &door);
            if lab.plan.studio.answers("execute-api") {
                door.names = vec![own];
                found.take(lab.look_up_everywhere(std::iter::once(&door), |door, lookup| match &lookup.answer {
                    Answer::Private { addresses, owner } if lab.leads_to(&lookup.answer, door) => {
                        (Holds::Yes, vec![format!("it leads to {}, the addresses of {owner}", join(addresses))])
                    }
                    Answer::Unknown(_) => (Holds::Unknown, hops(lookup)),
                    answer => (Holds::No, [hops(lookup), vec![format!("so {}", instead(answer))]].concat()),
                }));
            } else {
                // Everybody is told the endpoint's addresses for this name, so a public answer is the right one.
                door.names = vec![by_endpoint];
                found.take(lab.look_up_everywhere(std::iter::once(&door), |_, lookup| match &lookup.answer {
                    Answer::Public if bound => {
                        (Holds::Yes, vec!["AWS publishes the endpoint's private addresses for it".to_owned()])
                    }
                    Answer::Unknown(_) => (Holds::Unknown, hops(lookup)),
                    answer => (Holds::No, [hops(lookup), vec![format!("so {}", instead(answer))]].concat()),
                }));
            }
            found.take(lab.connections(std::iter::once(&door)));
            found
        })
    }

    /// The name that API Gateway gave the API, and the one that it has at an endpoint.
    fn names_of(&self, observed: &Observed, door: &Door<'_>) -> (String, String) {
        let zone = services::dns_zones("execute-api", self.region).swap_remove(0);
        let endpoint = door.endpoint.map_or("", |(endpoint, _)| endpoint.id.as_str());
        (format!("{}.{zone}", observed.id), format!("{}-{endpoint}.{zone}", observed.id))
    }

    /// Whether the API can be called through an endpoint. Without private DNS it has to be bound to it, by which it gets its
    /// name there; says whether it is.
    fn is_callable(&self, observed: &Observed, api: &RestApi, door: &Door<'_>, found: &mut Found) -> bool {
        let label = self.label(observed);
        let against = format!("{label} is {}, not PRIVATE: it can't be called through an endpoint", api.endpoint_type);
        found.check(api.endpoint_type == "PRIVATE", format!("{label} is private"), against);
        if api.default_name_disabled {
            found.against.add(format!("{label} can't be called by the name that API Gateway gave it"));
        }
        let Some((endpoint, _)) = door.endpoint else { return false };
        let bound = api.vpc_endpoints.iter().any(|own| own.text() == endpoint.id);
        let to = self.label(endpoint);
        found.check(bound, format!("{label} is bound to {to}"), format!("{label} isn't bound to {to}"));
        bound
    }

    /// Whether the stage stands, with a deployment.
    fn has_stage(&self, found: &mut Found) {
        let Some((observed, Spec::ApiStage(stage))) = self.at(STAGE) else {
            return found.against.add(format!("the stage {STAGE} is missing"));
        };
        let (label, deployment) = (self.label(observed), stage.deployment.text());
        let stands = self.survey.by_id(Kind::ApiDeployment, &deployment).is_some();
        let against = format!("the deployment {deployment} of {label} is missing");
        found.check(stands, format!("{label} serves {}", self.labels.label(&deployment)), against);
    }

    /// Step 5.
    pub(super) fn portal_door(&self) -> Step {
        let title = "The endpoint lets the portal's callers through, and the API nobody else";
        self.step(5, title, Basis::NETWORK.and(&[Kind::RestApi]), |lab| {
            let Some((observed, Spec::InterfaceEndpoint(_))) = lab.at(ENDPOINT) else {
                return Found::against(format!("the endpoint {ENDPOINT} is missing"));
            };
            let mut found = Found::default();
            lab.usable(observed, &mut found);
            lab.group_admits(&mut found);
            match lab.api() {
                Some((api, spec)) => lab.policy_admits(api, spec, observed, &mut found),
                None => found.against.add(format!("the API {API} is missing")),
            }
            found
        })
    }

    /// Whether the endpoint's groups let every host in.
    fn group_admits(&self, found: &mut Found) {
        let door = door("execute-api", self.blueprint, self.holdings, self.region);
        for (host, to) in self.hosts.iter().flat_map(|host| door.addresses().into_iter().map(move |to| (host, to))) {
            match admits(&self.live.network, host.client.address, to, Protocol::Tcp, HTTPS) {
                Ok(says) => found.for_it.add(says),
                Err(why) => found.against.add(why),
            }
        }
    }

    /// Whether the endpoint's policy and the API's admit a call through the endpoint, and the API's no other.
    fn policy_admits(&self, observed: &Observed, api: &RestApi, endpoint: &Observed, found: &mut Found) {
        let label = self.label(observed);
        let mut document = json!(api.policy);
        if document.is_string() {
            return found.against.add(format!("{label} has no policy: a private API without one lets nobody in"));
        }
        write_out(&mut document, &self.api_arn(observed, ""));
        let policy = match Policy::of_resource(&label, &document.to_string()) {
            Ok(policy) => policy,
            Err(malformed) => return found.unknown.add(malformed.to_string()),
        };
        let through = self.label(endpoint);
        for call in CALLS {
            let name = format!("GET /{} of {label}", call.0);
            for source in self.sources() {
                let Some(door) = self.door_of(ENDPOINT, source) else { continue };
                let ruling = self.may_invoke(observed, &policy, call, &Arrival::Endpoint(door));
                found.expect_admitted(&format!("{name} through {through}"), ruling);
            }
            let vpc = self.at(STUDIO_VPC).map_or("", |(vpc, _)| vpc.id.as_str());
            // But for `source-vpc`, it is bound to its endpoint: nobody comes to it from a public address.
            let mode = self.plan.access.mode.filter(|mode| *mode == AccessMode::SourceVpc);
            let strangers = Strangers { doors: vec![&endpoint.id], vpc, mode };
            let values_of = |key: &str| policy.values_of(key).into_iter().map(str::to_owned).collect();
            for (way, arrival) in strangers.ways(values_of) {
                found.expect_refused(&format!("{name} {way}"), self.may_invoke(observed, &policy, call, &arrival));
            }
        }
    }

    /// The addresses from which the corporate network calls.
    fn sources(&self) -> Vec<Ipv4Addr> {
        self.hosts.iter().map(|host| host.client.address).collect()
    }

    /// Whether somebody who comes by a way may call a path.
    fn may_invoke(
        &self,
        observed: &Observed,
        policy: &Policy,
        (path, by_function): (&str, bool),
        arrival: &Arrival,
    ) -> Ruling {
        let arn = self.api_arn(observed, &format!("{}/GET/{path}", api::STAGE));
        let request = Request::new(Principal::Anonymous, INVOKE, &arn);
        let policies = Policies { resource: Some(policy.clone()), ..Policies::default() };
        let decision = match arrival.judge(request, policies) {
            Ok(decision) => decision,
            Err(malformed) => return Ruling::Unknown(malformed.to_string()),
        };
        let place = |at| decision.places.get(&at).copied();
        let passes = place(Place::Endpoint).is_none_or(|door| door == Outcome::Allowed);
        let because = decision.because.join("; ");
        match place(Place::Resource) {
            Some(Outcome::Allowed) if passes => Ruling::Admitted(because),
            Some(Outcome::ImplicitDeny) if passes && by_function => {
                Ruling::Admitted(format!("{because}; it is for the authorizer alone to say"))
            }
            _ => Ruling::Refused(because),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{Built, edit, endpoint, whole, whole_but};
    use super::*;
    use crate::resource::policy::Policy as Document;
    use crate::resource::{Ref, Set};
    use crate::survey::Survey;

    const DOOR: &str = "id:studio/endpoint/execute-api";

    fn api(survey: &mut Survey) -> &mut RestApi {
        let Spec::RestApi(api) = &mut survey.at(API).spec else { panic!("no API") };
        api
    }

    fn statement(effect: &str, condition: Value) -> Value {
        let mut statement =
            json!({"Effect": effect, "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"});
        if condition != json!({}) {
            statement["Condition"] = condition;
        }
        statement
    }

    /// The lab with another policy on its API, not deployed.
    fn policy(statements: &[Value]) -> Built {
        let document = Document::new(json!({"Version": "2012-10-17", "Statement": statements}));
        whole().but(|survey| api(survey).policy = document)
    }

    #[test]
    fn the_portals_own_name_is_looked_up() {
        let told = whole().because(2);
        assert!(told.contains("look up id:portal/api.execute-api.eu-west-1.amazonaws.com"), "{told}");
        let off = whole().but(|survey| edit(survey.at(ENDPOINT), endpoint, |it| it.private_dns = false));
        off.breaks("2 no, 4 no", "2: so it leads to a public address");
    }

    #[test]
    fn the_api_is_private_and_bound_to_its_endpoint() {
        whole().but(|survey| api(survey).vpc_endpoints = Set::default()).breaks("2 no", "isn't bound to");
        let public = whole().but(|survey| api(survey).endpoint_type = "REGIONAL".into());
        public.breaks("2 no", "leak: the API portal/api is REGIONAL: it can be called from the internet");
        whole().but(|survey| api(survey).default_name_disabled = true).breaks("2 no", "can't be called by the name");
        whole().without(API).breaks("1 no, 2 no, 5 no, 6 no", "the API portal/api is missing");
        whole().without(STAGE).breaks("1 no, 2 no, 6 no", "the stage portal/api/stage is missing");
        whole().without(DEPLOYMENT).breaks("2 no, 6 no", "the deployment id:portal/api/deployment of");
    }

    #[test]
    fn without_private_dns_the_portal_has_a_name_at_its_endpoint() {
        let nameless = || {
            whole_but(|plan| {
                let endpoint = plan.studio.endpoints.iter_mut().find(|endpoint| endpoint.service == "execute-api");
                endpoint.unwrap().private_dns = false;
                plan.dns.forward.retain(|service| service != "execute-api");
            })
        };
        assert_eq!(nameless().broken(), "");
        let told = nameless().because(2);
        let name = format!("look up id:portal/api-{DOOR}.execute-api.eu-west-1.amazonaws.com");
        assert!(told.contains(&name), "{told}");
        nameless().but(|survey| api(survey).vpc_endpoints = Set::default()).breaks("2 no", "isn't bound to");
    }

    #[test]
    fn packets_have_to_get_to_the_portal() {
        let unrouted = whole().without("onprem/route-table/public/route/peering");
        unrouted.breaks("2 no, 11 no", "2: tcp 443 doesn't pass from 192.168.10.");
        let shut = whole().but(|survey| {
            let other = Ref::known("id:studio/security-group/resolver");
            edit(survey.at(ENDPOINT), endpoint, |it| it.security_groups = [other].into_iter().collect());
        });
        shut.breaks("2 no, 5 no, 11 no", "5: the group studio/security-group/resolver of studio/endpoint/execute-api");
    }

    #[test]
    fn the_apis_policy_is_worked_out() {
        let only = |door: &str| statement("Deny", json!({"StringNotEquals": {"aws:SourceVpce": door}}));
        let allow = || statement("Allow", json!({}));
        policy(&[allow(), only("vpce-9")]).breaks("5 no", "through studio/endpoint/execute-api is refused");
        policy(&[allow()]).breaks("5 no", "over the internet is admitted");
        let two = json!({"StringNotEquals": {"aws:SourceVpce": [DOOR, "vpce-9"]}});
        policy(&[allow(), statement("Deny", two)]).breaks("5 no", "through vpce-9 is admitted");
        let positive = statement("Allow", json!({"StringEquals": {"aws:SourceVpce": DOOR}}));
        // Whom a policy says nothing of, the authorizer may let in.
        policy(&[positive]).breaks("5 no", "it is for the authorizer alone to say");
        // The same in other words.
        let other = statement("Deny", json!({"StringNotLike": {"aws:sourceVpce": DOOR}}));
        assert_eq!(policy(&[allow(), other]).broken(), "");
        let none = whole().but(|survey| api(survey).policy = Document::parse(""));
        none.breaks("5 no", "has no policy: a private API without one lets nobody in");
    }

    #[test]
    fn a_lab_that_is_bound_to_its_vpc_admits_any_endpoint_of_it() {
        let bound = whole_but(|plan| plan.access.mode = Some(AccessMode::SourceVpc));
        assert_eq!(bound.broken(), "", "{}", bound.trouble());
        assert!(!bound.because(5).contains("another endpoint of the Studio VPC"));
    }

    #[test]
    fn the_endpoints_policy_and_state_count() {
        let nobody = json!({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]});
        let shut = whole().but(|survey| edit(survey.at(ENDPOINT), endpoint, |it| it.policy = Document::new(nobody)));
        shut.breaks("5 no", "the endpoint policy id:studio/endpoint/execute-api denies");
        let gone = whole().but(|survey| {
            survey.at(ENDPOINT).readiness = crate::resource::Readiness::Failed("no room".into());
        });
        assert!(gone.because(5).contains("studio/endpoint/execute-api is available: no room"), "{}", gone.trouble());
    }
}
