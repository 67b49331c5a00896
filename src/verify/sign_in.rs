//! Step 1: users can sign in where the portal's page sends them.

use serde_json::Value;

use crate::plan::SignIn;
use crate::portal;
use crate::resource::{Kind, Spec};

use super::api::{PAGE, STAGE};
use super::found::Found;
use super::{Basis, Lab, Step};

const POOL: &str = "sign-in/pool";
const CLIENT: &str = "sign-in/client";
const USERS: &str = "sign-in/user/";

/// By which the page signs users in.
const FLOW: &str = "ALLOW_USER_PASSWORD_AUTH";

impl Lab<'_> {
    /// Step 1.
    pub(super) fn sign_in(&self) -> Step {
        let title = "Users sign in with the provider that the portal's page names";
        let basis = Basis::APART.and(&[
            Kind::UserPool,
            Kind::UserPoolClient,
            Kind::UserPoolUser,
            Kind::RestApi,
            Kind::ApiMethod,
            Kind::ApiStage,
        ]);
        self.step(1, title, basis, |lab| {
            let mut found = Found::default();
            match other_provider(&lab.plan.sign_in) {
                Some(provider) => found.for_it.add(format!(
                    "{provider} signs users in, as the plan says; whom it knows, and whether it lets them in, can't be \
                     seen from here"
                )),
                None => lab.own_pool(&mut found),
            }
            lab.page(&mut found);
            found
        })
    }

    /// The lab's own pool, with its client and users.
    fn own_pool(&self, found: &mut Found) {
        match self.at(POOL) {
            Some((observed, Spec::UserPool(pool))) => {
                let label = self.label(observed);
                let against = format!("{label} asks for a second step, which the portal's page doesn't have");
                found.check(pool.mfa != "ON", format!("{label} signs users in"), against);
            }
            _ => found.against.add(format!("the user pool {POOL} is missing")),
        }
        match self.at(CLIENT) {
            Some((observed, Spec::UserPoolClient(client))) => {
                let label = self.label(observed);
                let has_flow = client.auth_flows.iter().any(|flow| flow == FLOW);
                let against = format!("{label} doesn't let users sign in as the page does it, by {FLOW}");
                found.check(has_flow, format!("{label} lets users sign in by {FLOW}"), against);
                if client.secret {
                    found.against.add(format!("{label} has a secret, which the portal's page doesn't know"));
                }
            }
            _ => found.against.add(format!("the app client {CLIENT} is missing")),
        }
        for address in self.planned_below(USERS) {
            match self.at(address) {
                Some((observed, Spec::UserPoolUser(user))) => {
                    let label = self.label(observed);
                    found.check(user.enabled, format!("{label} may sign in"), format!("{label} is disabled"));
                    if observed.state == "FORCE_CHANGE_PASSWORD" {
                        found.remarks.add(format!("{label} has no password of their own yet"));
                    }
                }
                _ => found.against.add(format!("the user {address} is missing")),
            }
        }
    }

    /// The page at the root of the API, and what it is told of the provider.
    fn page(&self, found: &mut Found) {
        match self.at(PAGE) {
            Some((observed, Spec::ApiMethod(method))) => {
                let label = self.label(observed);
                let integration = method.integration.as_ref().filter(|integration| integration.kind == "MOCK");
                let answer = integration.and_then(|integration| integration.responses.get("200"));
                let shown = answer.and_then(|answer| answer.templates.get("text/html"));
                let against = format!("{label} shows another page than the portal's, and users type passwords there");
                found.check(shown == Some(&portal::page()), format!("{label} shows the portal's page"), against);
                let open = method.authorization == "NONE" && !method.api_key_required;
                let against = format!("{label} asks who comes before anybody could sign in");
                found.check(open, format!("{label} shows it to everybody who gets there"), against);
            }
            _ => found.against.add(format!("the page {PAGE} is missing")),
        }
        let Some((observed, Spec::ApiStage(stage))) = self.at(STAGE) else {
            return found.against.add(format!("the stage {STAGE} is missing"));
        };
        let label = self.label(observed);
        let planned = self.planned(STAGE).and_then(|mut fields| fields.remove("variables"));
        for (name, wanted) in planned.as_ref().and_then(Value::as_object).into_iter().flatten() {
            let given = stage.variables.get(name).map(|value| Value::String(value.text()));
            if given.as_ref() != Some(wanted) {
                found
                    .against
                    .add(format!("{label} tells the page another `{name}` than the plan's: users sign in elsewhere"));
            }
        }
        found.for_it.add(format!("{label} tells the page where that is"));
    }
}

/// The provider that the plan names in place of a pool of the lab's own.
fn other_provider(sign_in: &SignIn) -> Option<String> {
    let pool = sign_in.pool.as_ref().map(|pool| format!("the user pool {pool}"));
    sign_in.issuer.clone().or(pool)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{whole, whole_but};
    use super::*;
    use crate::resource::user_pool_client::UserPoolClient;
    use crate::survey::Survey;

    fn client(survey: &mut Survey) -> &mut UserPoolClient {
        let Spec::UserPoolClient(client) = &mut survey.at(CLIENT).spec else { panic!("no client") };
        client
    }

    #[test]
    fn users_sign_in_by_the_flow_that_the_page_uses() {
        let other = whole().but(|survey| client(survey).auth_flows = vec!["ALLOW_USER_SRP_AUTH".to_owned()].into());
        other.breaks("1 no", "sign-in/client doesn't let users sign in as the page does it");
        whole().but(|survey| client(survey).secret = true).breaks("1 no", "has a secret");
        whole().without(POOL).breaks("1 no, 6 no", "the user pool sign-in/pool is missing");
        let second = whole().but(|survey| {
            if let Spec::UserPool(pool) = &mut survey.at(POOL).spec {
                pool.mfa = "ON".into();
            }
        });
        second.breaks("1 no", "asks for a second step");
    }

    #[test]
    fn each_user_of_the_plan_may_sign_in() {
        let user = "sign-in/user/studio-user";
        whole().without(user).breaks("1 no", "the user sign-in/user/studio-user is missing");
        let disabled = whole().but(|survey| {
            if let Spec::UserPoolUser(user) = &mut survey.at(user).spec {
                user.enabled = false;
            }
        });
        disabled.breaks("1 no", "sign-in/user/studio-user is disabled");
        let new = whole().but(|survey| survey.at(user).state = "FORCE_CHANGE_PASSWORD".into());
        assert_eq!(new.broken(), "");
        assert!(new.because(1).contains("sign-in/user/studio-user has no password of their own yet"));
    }

    #[test]
    fn the_page_is_the_portals_and_sends_users_to_the_plans_provider() {
        let page = whole().but(|survey| {
            if let Spec::ApiMethod(method) = &mut survey.at(PAGE).spec {
                let answer = method.integration.as_mut().unwrap().responses.get_mut("200").unwrap();
                answer.templates.insert("text/html".into(), "<h1>Password?</h1>".into());
            }
        });
        page.breaks("1 no", "shows another page than the portal's");
        let elsewhere = whole().but(|survey| {
            if let Spec::ApiStage(stage) = &mut survey.at(STAGE).spec {
                stage.variables.insert("endpoint".into(), crate::resource::Text::known("https://evil.example/"));
            }
        });
        elsewhere.breaks("1 no", "tells the page another `endpoint` than the plan's");
    }

    #[test]
    fn of_another_provider_it_is_said_what_can_not_be_known() {
        let other = whole_but(|plan| {
            plan.sign_in.issuer = Some("https://login.example".into());
            plan.sign_in.audience = Some("portal".into());
            plan.sign_in.user_claim = Some("email".into());
        });
        assert_eq!(other.broken(), "");
        assert!(other.because(1).starts_with("https://login.example signs users in, as the plan says; whom it knows"));
    }
}
