//! Steps 6 and 7: whom API Gateway asks who calls, and what answers.

use serde_json::json;

use crate::aws::partition::partition;
use crate::blueprint::api;
use crate::model::policy::{Kind as Outcome, Policies, Policy, Principal, Request, evaluate};
use crate::portal::Program;
use crate::resource::api_authorizer::ApiAuthorizer;
use crate::resource::api_deployment::Digest;
use crate::resource::api_method::ApiMethod;
use crate::resource::function::Function;
use crate::resource::{Kind, Observed, Ref, Spec};

use super::access::Ruling;
use super::api::{API, DEPLOYMENT, PAGE, STAGE};
use super::found::Found;
use super::{AUTHORIZER, Basis, FUNCTION, Lab, Step};

/// The method that hands out URLs, and who is asked before it does.
pub const URL: &str = "portal/api/method/url";
const ASKED: &str = "portal/api/authorizer";

const API_GATEWAY: &str = "apigateway.amazonaws.com";
const INVOKE: &str = "lambda:InvokeFunction";

/// An account that is nobody's.
const STRANGER: &str = "000000000000";

impl<'a> Lab<'a> {
    /// A function as it stands.
    pub(super) fn function(&self, address: &str) -> Option<(&'a Observed, &'a Function)> {
        match self.at(address)? {
            (observed, Spec::Function(function)) => Some((observed, function)),
            _ => None,
        }
    }

    /// Step 6.
    pub(super) fn call(&self) -> Step {
        let title = "The API asks who calls, and calls the function that makes URLs";
        let basis = Basis::APART.and(&[
            Kind::RestApi,
            Kind::ApiMethod,
            Kind::ApiAuthorizer,
            Kind::ApiDeployment,
            Kind::ApiStage,
            Kind::Function,
            Kind::FunctionPermission,
        ]);
        self.step(6, title, basis, |lab| {
            let Some((api, _)) = lab.api() else { return Found::against(format!("the API {API} is missing")) };
            let Some((method, Spec::ApiMethod(spec))) = lab.at(URL) else {
                return Found::against(format!("the method {URL} is missing"));
            };
            let mut found = Found::default();
            lab.asks(method, spec, &mut found);
            lab.answers(method, spec, &mut found);
            lab.may_be_called(api, &mut found);
            lab.is_deployed(&mut found);
            found
        })
    }

    /// Whether a method asks the portal's authorizer, anew for every call.
    fn asks(&self, observed: &Observed, method: &ApiMethod, found: &mut Found) {
        let label = self.label(observed);
        let Some((authorizer, Spec::ApiAuthorizer(spec))) = self.at(ASKED) else {
            return found.against.add(format!("the authorizer {ASKED} is missing: {label} asks nobody who calls"));
        };
        let name = self.label(authorizer);
        let asks = method.authorization == "CUSTOM"
            && method.authorizer.as_ref().is_some_and(|asked| asked.text() == authorizer.id);
        let against = format!("{label} doesn't ask {name} who calls: its authorization is {}", method.authorization);
        found.check(asks, format!("{label} asks {name} who calls"), against);
        if method.api_key_required {
            found.against.add(format!("{label} asks for an API key, which users don't have"));
        }
        self.is_authorizer(&name, spec, found);
    }

    fn is_authorizer(&self, name: &str, authorizer: &ApiAuthorizer, found: &mut Found) {
        let against = format!(
            "{name} keeps its answers for {} seconds: who was let in to one path may call others",
            authorizer.ttl_seconds
        );
        found.check(authorizer.ttl_seconds == 0, format!("{name} keeps no answer"), against);
        let Some((function, spec)) = self.function(AUTHORIZER) else {
            return found.against.add(format!("the function {AUTHORIZER} is missing"));
        };
        let label = self.label(function);
        let uri = authorizer.uri.as_ref().map(Ref::text);
        let asks = uri.is_some() && uri.as_deref() == function.output("invoke_arn");
        found.check(asks, format!("{name} calls {label}"), format!("{name} doesn't call {label}"));
        self.is_program(function, spec, Program::Authorizer, found);
        self.believes(function, spec, found);
    }

    /// Whether a function runs a program of the portal's, and nothing else.
    pub(super) fn is_program(&self, observed: &Observed, function: &Function, program: Program, found: &mut Found) {
        let label = self.label(observed);
        let own = function.code_sha256 == program.package().sha256
            && function.handler == program.handler()
            && function.layers.is_empty();
        found.check(
            own,
            format!("{label} runs the portal's code"),
            format!("{label} runs other code than the portal's"),
        );
    }

    /// Whether the authorizer believes the provider that the plan says, and no other.
    fn believes(&self, observed: &Observed, function: &Function, found: &mut Found) {
        let label = self.label(observed);
        if observed.unread.iter().any(|field| field == "environment") {
            return found.unknown.add(format!("the environment of {label} could not be read"));
        }
        let planned = self.planned(AUTHORIZER).and_then(|mut fields| fields.remove("environment"));
        let given = json!(function.environment);
        let against = format!("{label} believes tokens of others than the plan says: its environment differs");
        found.check(planned == Some(given), format!("{label} believes the provider that the plan says"), against);
    }

    /// Whether a method is answered by the function that makes URLs.
    fn answers(&self, observed: &Observed, method: &ApiMethod, found: &mut Found) {
        let label = self.label(observed);
        let Some((function, _)) = self.function(FUNCTION) else {
            return found.against.add(format!("the function {FUNCTION} is missing"));
        };
        let name = self.label(function);
        let integration = method.integration.as_ref().filter(|integration| integration.kind == "AWS_PROXY");
        let uri = integration.and_then(|integration| integration.uri.as_ref()).map(Ref::text);
        let own = uri.is_some() && uri.as_deref() == function.output("invoke_arn");
        found.check(own, format!("{name} answers {label}"), format!("{name} doesn't answer {label}"));
    }

    /// Whether both functions let the API call them.
    fn may_be_called(&self, api: &Observed, found: &mut Found) {
        let asked = self.at(ASKED).map_or("*", |(authorizer, _)| authorizer.id.as_str());
        let callers = [
            (FUNCTION, format!("{}/GET/users/{{user}}/url", api::STAGE)),
            (AUTHORIZER, format!("authorizers/{asked}")),
        ];
        for (address, source) in callers {
            let Some((function, _)) = self.function(address) else { continue };
            let source = self.api_arn(api, &source);
            let account = source.split(':').nth(4).unwrap_or_default().to_owned();
            let ruling = self.may_invoke_function(function, &Principal::Service(API_GATEWAY.into()), &source, &account);
            let request = format!("a call of {} by API Gateway, for {},", self.label(function), self.label(api));
            found.expect_admitted(&request, ruling);
        }
    }

    /// Whether a function's own policy lets somebody call it, on behalf of something.
    fn may_invoke_function(&self, function: &Observed, who: &Principal, source: &str, account: &str) -> Ruling {
        let arn = function.output("arn").unwrap_or_default();
        let statements = self.survey.live().filter_map(|observed| match &observed.spec {
            Spec::FunctionPermission(permission) if permission.function.text() == function.id => {
                Some(permission.statement(arn))
            }
            _ => None,
        });
        let statements: Vec<_> = statements.collect();
        let label = self.label(function);
        if statements.is_empty() {
            return Ruling::Refused(format!("{label} has no policy that lets anybody call it"));
        }
        let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let policy = match Policy::of_resource(&label, &document) {
            Ok(policy) => policy,
            Err(malformed) => return Ruling::Unknown(malformed.to_string()),
        };
        let request = Request::new(who.clone(), INVOKE, arn);
        let request = request.with("aws:SourceArn", &[source]).with("aws:SourceAccount", &[account]);
        let decision = evaluate(&request, &Policies { resource: Some(policy), ..Policies::default() });
        let because = decision.because.join("; ");
        // Whoever is of another account needs leave of their own as well: that is theirs to give.
        let open = decision.places.values().all(|kind| *kind == Outcome::Allowed);
        if open { Ruling::Admitted(because) } else { Ruling::Refused(because) }
    }

    /// Whether what callers get is what stands. Nothing shows what is in a deployment but the digest that Breezeway gives
    /// it.
    fn is_deployed(&self, found: &mut Found) {
        let Some((observed, Spec::ApiStage(stage))) = self.at(STAGE) else {
            return found.against.add(format!("the stage {STAGE} is missing"));
        };
        let (label, id) = (self.label(observed), stage.deployment.text());
        let deployment = match self.survey.by_id(Kind::ApiDeployment, &id).map(|observed| &observed.spec) {
            Some(Spec::ApiDeployment(deployment)) => &deployment.content,
            _ => return found.against.add(format!("the deployment {id} of {label} is missing")),
        };
        let name = self.labels.label(&id);
        if self.standing_content().as_ref() == Some(deployment) {
            found.for_it.add(format!("{label} serves {name}, which is of what stands"));
        } else if self.planned_content().as_ref() == Some(deployment) {
            found.remarks.add(format!("{label} serves {name}, as planned; what was changed since isn't deployed"));
        } else {
            found.against.add(format!("{label} serves {name}, which isn't of what stands: callers get another portal"));
        }
    }

    /// What the plan's deployment is of.
    fn planned_content(&self) -> Option<Digest> {
        match Spec::from_fields(Kind::ApiDeployment, self.planned(DEPLOYMENT)?).ok()? {
            Spec::ApiDeployment(deployment) => Some(deployment.content),
            _ => None,
        }
    }

    /// What a deployment would be of that were made now.
    fn standing_content(&self) -> Option<Digest> {
        let (_, rest_api) = self.api()?;
        let (authorizer, _) = self.at(ASKED)?;
        let method = |address| match self.at(address)? {
            (observed, Spec::ApiMethod(method)) => Some((method, Ref::known(&observed.id))),
            _ => None,
        };
        let methods = [method(PAGE)?, method(URL)?];
        Some(api::content(&rest_api.policy, &Ref::known(&authorizer.id), &methods))
    }

    /// Step 7.
    pub(super) fn way_to_lambda(&self) -> Step {
        let title = "API Gateway reaches the functions";
        let basis = Basis::APART.and(&[Kind::Function, Kind::InterfaceEndpoint]);
        self.step(7, title, basis, |lab| {
            let mut found = Found::default();
            for address in [FUNCTION, AUTHORIZER] {
                match lab.function(address) {
                    Some((observed, _)) => lab.usable(observed, &mut found),
                    None => found.against.add(format!("the function {address} is missing")),
                }
            }
            found.for_it.add("API Gateway reaches Lambda over AWS's own network, not through an endpoint");
            let endpoint = "studio/endpoint/lambda";
            match lab.at(endpoint) {
                Some((observed, _)) => {
                    lab.usable(observed, &mut found);
                    found.for_it.add(format!("{} serves callers in the Studio VPC", lab.label(observed)));
                }
                None if lab.planned(endpoint).is_some() => {
                    found.against.add(format!("the endpoint {endpoint} is missing"));
                }
                None => found.for_it.add("the plan has no endpoint for lambda in the Studio VPC"),
            }
            found
        })
    }

    /// Functions that strangers may call.
    pub(super) fn open_functions(&self) -> Vec<String> {
        let (partition, region) = (partition(self.region), self.region);
        let arn = format!("arn:{partition}:iam::{STRANGER}:role/somebody");
        let strangers = [
            ("anybody", Principal::Role { arn, session: "somebody".into() }),
            ("API Gateway, for any account's APIs", Principal::Service(API_GATEWAY.into())),
        ];
        let source = format!("arn:{partition}:execute-api:{region}:{STRANGER}:abcdef1234/stage/GET/");
        let functions = [FUNCTION, AUTHORIZER].into_iter().filter_map(|address| self.function(address));
        let mut found = Vec::new();
        for (function, _) in functions {
            for (who, principal) in &strangers {
                if let Ruling::Admitted(why) = self.may_invoke_function(function, principal, &source, STRANGER) {
                    found.push(format!("{} may be called by {who}: {why}", self.label(function)));
                }
            }
        }
        found
    }

    /// Methods by which anybody who gets to an API calls the function that makes URLs.
    pub(super) fn open_methods(&self) -> Vec<String> {
        let uri = self.function(FUNCTION).and_then(|(function, _)| function.output("invoke_arn"));
        let is_open = |method: &ApiMethod| {
            let integration = method.integration.as_ref().and_then(|integration| integration.uri.as_ref());
            method.authorization == "NONE" && uri.is_some() && integration.map(Ref::text).as_deref() == uri
        };
        let methods = self.survey.live().filter(|observed| match &observed.spec {
            Spec::ApiMethod(method) => is_open(method),
            _ => false,
        });
        let open = methods.map(|observed| self.label(observed));
        open.map(|label| format!("the method {label} hands out URLs, and asks nobody who calls")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Built, whole};
    use super::*;
    use crate::resource::function_permission::FunctionPermission;
    use crate::resource::{Readiness, Text};
    use crate::survey::Survey;

    const PERMISSION: &str = "portal/presign/permission/api";

    fn method(survey: &mut Survey) -> &mut ApiMethod {
        let Spec::ApiMethod(method) = &mut survey.at(URL).spec else { panic!("no method") };
        method
    }

    fn permission(change: impl FnOnce(&mut FunctionPermission)) -> Built {
        whole().but(|survey| {
            let Spec::FunctionPermission(permission) = &mut survey.at(PERMISSION).spec else { panic!("no permission") };
            change(permission);
        })
    }

    fn function(address: &str, change: impl FnOnce(&mut Function)) -> Built {
        whole().but(|survey| {
            let Spec::Function(function) = &mut survey.at(address).spec else { panic!("no function") };
            change(function);
        })
    }

    #[test]
    fn whoever_calls_is_asked_for_every_call() {
        whole().without(ASKED).breaks("6 no", "the authorizer portal/api/authorizer is missing");
        let open = whole().but(|survey| {
            let method = method(survey);
            (method.authorization, method.authorizer) = ("NONE".into(), None);
        });
        open.breaks("6 no", "leak: the method portal/api/method/url hands out URLs, and asks nobody who calls");
        let kept = whole().but(|survey| {
            if let Spec::ApiAuthorizer(authorizer) = &mut survey.at(ASKED).spec {
                authorizer.ttl_seconds = 300;
            }
        });
        kept.breaks("6 no", "keeps its answers for 300 seconds");
        let other = whole().but(|survey| {
            if let Spec::ApiAuthorizer(authorizer) = &mut survey.at(ASKED).spec {
                authorizer.uri = Some(Text::known("arn:other"));
            }
        });
        other.breaks("6 no", "portal/api/authorizer doesn't call portal/authorizer");
    }

    #[test]
    fn the_authorizer_runs_the_portals_code_and_believes_one_provider() {
        function(AUTHORIZER, |it| it.code_sha256 = "other".into()).breaks("6 no", "runs other code than the portal's");
        let other =
            function(AUTHORIZER, |it| drop(it.environment.insert("ISSUER".into(), Text::known("https://evil"))));
        other.breaks("6 no", "believes tokens of others than the plan says");
        let unread = whole().but(|survey| survey.at(AUTHORIZER).unread.push("environment".into()));
        unread.breaks("6 unknown", "the environment of portal/authorizer could not be read");
    }

    #[test]
    fn the_function_that_makes_urls_answers() {
        let other = whole().but(|survey| {
            method(survey).integration.as_mut().unwrap().uri = Some(Text::known("arn:other"));
        });
        other.breaks("6 no", "portal/presign doesn't answer portal/api/method/url");
        let mock = whole().but(|survey| method(survey).integration.as_mut().unwrap().kind = "MOCK".into());
        mock.breaks("6 no", "portal/presign doesn't answer portal/api/method/url");
    }

    #[test]
    fn functions_let_the_api_call_them_and_no_stranger() {
        whole().without(PERMISSION).breaks("6 no", "portal/presign has no policy that lets anybody call it");
        let other = permission(|it| it.source_arn = Text::known("arn:aws:execute-api:eu-west-1:111122223333:other/*"));
        other.breaks("6 no", "a call of portal/presign by API Gateway, for portal/api, is refused");
        let any = permission(|it| it.source_arn = Text::known(""));
        any.breaks("", "leak: portal/presign may be called by API Gateway, for any account's APIs");
        permission(|it| it.principal = "*".into()).breaks("", "");
        let everybody = permission(|it| (it.principal, it.source_arn) = ("*".into(), Text::known("")));
        everybody.breaks("", "leak: portal/presign may be called by anybody");
        let own = permission(|it| {
            it.source_arn = Text::known("");
            it.source_account = "111122223333".into();
        });
        own.breaks("", "");
        assert_eq!(own.verify().leaks, [""; 0]);
    }

    #[test]
    fn callers_get_what_stands() {
        let content = |value: &str| Digest::of(serde_json::json!(value));
        let old = whole().but(|survey| {
            let before = content("sha256:0000");
            survey.copy("portal/api/deployment", "old", |copy| {
                if let Spec::ApiDeployment(deployment) = &mut copy.spec {
                    deployment.content = before;
                }
            });
            if let Spec::ApiStage(stage) = &mut survey.at(STAGE).spec {
                stage.deployment = Ref::known("old");
            }
        });
        old.breaks("6 no", "serves old, which isn't of what stands: callers get another portal");
        let later = whole().but(|survey| {
            if let Spec::RestApi(api) = &mut survey.at(API).spec {
                api.policy = crate::resource::policy::Policy::full_access();
            }
        });
        assert_eq!(later.broken(), "5 no", "what is deployed is as planned: {}", later.trouble());
    }

    #[test]
    fn functions_have_to_be_active() {
        let pending = whole().but(|survey| {
            let function = survey.at(FUNCTION);
            (function.readiness, function.state) = (Readiness::Failed("no role".into()), "Failed".into());
        });
        pending.breaks("7 no", "portal/presign is Failed: no role");
        whole().without("studio/endpoint/lambda").breaks("7 no", "the endpoint studio/endpoint/lambda is missing");
        let none = super::super::testing::whole_but(|plan| {
            plan.studio.endpoints.retain(|endpoint| endpoint.service != "lambda");
        });
        assert!(none.because(7).ends_with("the plan has no endpoint for lambda in the Studio VPC"));
    }
}
