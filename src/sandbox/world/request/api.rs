//! API Gateway: which API is called, whether anybody may from there, and what answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::function::Invocation;
use super::url::Host;
use super::{End, Get, Step, Stop, Traveller, together};
use crate::model::policy::{self, Arrival, Decision, Door, Kind, Place as At, Policies, Policy, Principal, Request};
use crate::portal::Program;
use crate::sandbox::world::apigateway::Definition;
use crate::sandbox::world::apigateway::integration::{Integration, IntegrationType};
use crate::sandbox::world::apigateway::method::{AuthorizationType, Method};
use crate::sandbox::world::partition;

const INVOKE: &str = "execute-api:Invoke";

const FORBIDDEN: &str = r#"{"message":"Forbidden"}"#;
pub const MISSING_TOKEN: &str = r#"{"message":"Missing Authentication Token"}"#;
pub const SERVER_ERROR: &str = r#"{"message": "Internal server error"}"#;

/// A stage of an API, as it was deployed.
pub struct Api {
    pub account: String,
    pub region: String,
    pub id: String,
    pub stage: String,
    pub definition: Definition,
}

/// A method that a path leads to.
pub struct Found {
    /// `/users/{user}`
    pub path: String,
    pub method: Method,
    /// What the variables of the path are, as they were sent: so a REST API hands them to functions.
    pub parameters: BTreeMap<String, String>,
}

impl Api {
    /// The ARN of something in the API: `STAGE/GET/path`, `authorizers/a1b2c3`.
    pub fn arn(&self, rest: &str) -> String {
        let Self { account, region, id, .. } = self;
        format!("arn:{}:execute-api:{region}:{account}:{id}/{rest}", partition(region))
    }

    /// The method of a GET at a path, given by its parts. What is written out goes before variables, and these before
    /// `{proxy+}`.
    fn find(&self, parts: &[String]) -> Option<Found> {
        let resources = &self.definition.resources;
        let found = resources.iter().filter_map(|(id, resource)| {
            let path = self.definition.path(id);
            let method = resource.methods.get("GET").or_else(|| resource.methods.get("ANY"))?.clone();
            let (rank, parameters) = fits(&path, parts)?;
            Some((rank, Found { path, method, parameters }))
        });
        found.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, found)| found)
    }
}

/// Whether a path with variables fits the parts of another, how closely at each, and with what in its variables.
fn fits(path: &str, parts: &[String]) -> Option<(Vec<u8>, BTreeMap<String, String>)> {
    let own: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut rank = Vec::new();
    let mut parameters = BTreeMap::new();
    for (at, part) in own.iter().enumerate() {
        let given = parts.get(at)?;
        let variable = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        match variable.map(|name| (name, name.strip_suffix('+'))) {
            None if part == given => rank.push(0),
            None => return None,
            Some((_, Some(greedy))) => {
                parameters.insert(greedy.to_owned(), parts[at..].join("/"));
                rank.push(2);
                return Some((rank, parameters));
            }
            Some((name, None)) => {
                parameters.insert(name.to_owned(), given.clone());
                rank.push(1);
            }
        }
    }
    (own.len() == parts.len()).then_some((rank, parameters))
}

impl Traveller<'_> {
    pub(super) fn call_api(&mut self, arrival: &Arrival, host: &Host, get: &Get) -> Result<End, Stop> {
        let api = self.find_api(arrival, host, get)?;
        let arn = api.arn(&format!("{}/GET/{}", api.stage, below_stage(&get.url.path)));
        let of_policy = self.judge_api(arrival, &api, &arn)?;
        let parts = get.url.segments();
        let Some(found) = api.find(parts.get(1..).unwrap_or_default()) else {
            let says = format!("the stage {} has no GET at this path", api.stage);
            return Err(self.refused(Step::Api, says, 403, MISSING_TOKEN).into());
        };
        // An authorizer that is a function may let in whom the policy says nothing of; otherwise the policy has to:
        // https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
        let by_function = found.method.authorization_type == AuthorizationType::Custom;
        if of_policy.kind != Kind::Allowed && !by_function {
            return Err(self.refused_by_policy(&api, &arn, &of_policy).into());
        }
        let so = if of_policy.kind == Kind::Allowed { "" } else { "it is for the authorizer to say: " };
        self.pass(Step::Api, format!("GET {} of the API {}: {so}{}", found.path, api.id, together(&of_policy.because)));
        let user = self.authorize(&api, &found, get)?;
        if found.method.api_key_required {
            // Usage plans, which give keys their worth, aren't modelled: no key counts.
            return Err(self.refused(Step::Api, "the method asks for an API key", 403, FORBIDDEN).into());
        }
        let Some(integration) = &found.method.integration else {
            return Err(self.refused(Step::Api, "nothing answers this method", 500, SERVER_ERROR).into());
        };
        match integration.integration_type {
            IntegrationType::Mock => Ok(self.mock(integration)?),
            IntegrationType::AwsProxy => self.answer_by_function(&api, &found, integration, user.as_deref(), &arn),
            IntegrationType::Http | IntegrationType::HttpProxy | IntegrationType::Aws => {
                Err(self.lost(Step::Unknown, "the sandbox knows integrations with mocks and functions only").into())
            }
        }
    }

    /// The API that is meant, if it can be called by this way.
    fn find_api(&mut self, arrival: &Arrival, host: &Host, get: &Get) -> Result<Api, End> {
        let named = get.header("host").map(str::to_ascii_lowercase).and_then(|name| Host::read(&name));
        let label = named.as_ref().unwrap_or(host).label.clone().filter(|label| !label.starts_with("vpce-"));
        let (label, bound_to) = match label.as_deref().and_then(|label| label.split_once('-')) {
            Some((id, endpoint)) => (Some(id.to_owned()), Some(endpoint.to_owned())),
            None => (label, None),
        };
        let Some(id) = get.header("x-apigw-api-id").map(str::to_owned).or(label) else {
            let says = "neither the name nor a header Host or x-apigw-api-id says which API is meant";
            return Err(self.refused(Step::Api, says, 403, FORBIDDEN));
        };
        let world = self.world;
        let holder = world.accounts.iter().find_map(|(account, own)| {
            let gateway = &own.regions.get(&host.region)?.apigateway;
            Some((account, gateway, gateway.is_private(&id)?))
        });
        let Some((account, gateway, private)) = holder else {
            let says = format!("there is no API {id} in {}", host.region);
            return Err(self.refused(Step::Api, says, 403, FORBIDDEN));
        };
        let why_not = match arrival {
            Arrival::Front(_) if private => {
                Some(format!("the API {id} is private: it can be called through endpoints only"))
            }
            Arrival::Endpoint(door) if !private => {
                Some(format!("the API {id} isn't private: it can't be called through {}", door.id))
            }
            Arrival::Endpoint(Door { id: door, .. }) => {
                let other = bound_to.filter(|own| own != door || !gateway.is_bound(&id, own));
                other.map(|own| format!("the API {id} isn't bound to {own}, or this isn't it"))
            }
            Arrival::Front(_) => None,
        };
        if let Some(says) = why_not {
            return Err(self.refused(Step::Api, says, 403, FORBIDDEN));
        }
        if gateway.hides_own_name(&id) {
            let says = format!("the API {id} can't be called by the name that API Gateway gave it");
            return Err(self.refused(Step::Api, says, 403, FORBIDDEN));
        }
        let stage = get.url.segments().into_iter().next().unwrap_or_default();
        let Some(definition) = gateway.deployed(&id, &stage).cloned() else {
            return Err(self.refused(Step::Api, format!("the API {id} has no stage `{stage}`"), 403, FORBIDDEN));
        };
        Ok(Api { account: account.clone(), region: host.region.clone(), id, stage, definition })
    }

    /// What the policy says that was deployed with the API. The endpoint's has to allow what passes it.
    fn judge_api(&mut self, arrival: &Arrival, api: &Api, arn: &str) -> Result<Decision, End> {
        let resource = match api.definition.policy.as_deref().map(|text| Policy::of_resource(&api.id, text)).transpose()
        {
            Ok(resource) => resource,
            Err(malformed) => return Err(self.lost(Step::Api, malformed.to_string())),
        };
        let request = || Request::new(Principal::Anonymous, INVOKE, arn);
        let open = resource.is_none();
        let policies = Policies { resource, ..Policies::default() };
        let mut own = policy::evaluate(&arrival.tell(request()), &policies);
        if open {
            own.kind = Kind::Allowed;
            own.because = vec!["it has no policy, so everybody may".to_owned()];
        }
        let decision = match arrival.judge(request(), policies) {
            Ok(decision) => decision,
            Err(malformed) => return Err(self.lost(Step::Door, malformed.to_string())),
        };
        let of_endpoint = decision.places.get(&At::Endpoint).copied().unwrap_or(Kind::Allowed);
        if of_endpoint != Kind::Allowed {
            let says = format!("the endpoint's policy refuses: {}", together(&decision.because));
            return Err(self.refused(
                Step::Door,
                says,
                403,
                not_authorized(api, arn, of_endpoint, "VPC endpoint policy"),
            ));
        }
        if own.kind == Kind::ExplicitDeny {
            return Err(self.refused_by_policy(api, arn, &own));
        }
        Ok(own)
    }

    fn refused_by_policy(&mut self, api: &Api, arn: &str, decision: &Decision) -> End {
        let says = format!("the API's policy refuses: {}", together(&decision.because));
        self.refused(Step::Api, says, 403, not_authorized(api, arn, decision.kind, "resource-based policy"))
    }

    /// API Gateway answers by itself, with what a template says.
    fn mock(&mut self, integration: &Integration) -> Result<End, End> {
        let view = integration.view();
        let asked = view["requestTemplates"]["application/json"].as_str().unwrap_or_default();
        let status = serde_json::from_str(asked).ok().and_then(|asked: Value| asked["statusCode"].as_u64());
        let response = status.and_then(|status| view["integrationResponses"].get(status.to_string()));
        let (Some(status), Some(response)) = (status, response) else {
            return Err(self.refused(
                Step::Api,
                "its template names no status that it has an answer for",
                500,
                SERVER_ERROR,
            ));
        };
        let templates = response["responseTemplates"].as_object();
        let body = templates.and_then(|templates| templates.get("text/html").or_else(|| templates.values().next()));
        let body = body.and_then(Value::as_str).filter(|body| !body.is_empty()).map(str::to_owned);
        self.pass(Step::Api, "API Gateway answers by itself");
        let status = u16::try_from(status).unwrap_or(500);
        Ok(End { admitted: status < 400, status: Some(status), body })
    }

    fn answer_by_function(
        &mut self,
        api: &Api,
        found: &Found,
        integration: &Integration,
        user: Option<&str>,
        arn: &str,
    ) -> Result<End, Stop> {
        let invocation = Invocation {
            uri: integration.uri.as_deref().unwrap_or_default(),
            credentials: integration.credentials.as_deref(),
            // Permissions name the path as the API has it, not as it is called.
            source_arn: api.arn(&format!("{}/GET{}", api.stage, found.path)),
            account: &api.account,
            region: &api.region,
        };
        let function = self.invoke(Step::Function, &invocation, Program::Presign)?;
        self.pass(Step::Function, format!("API Gateway calls {} for {arn}", function.name));
        self.presign(&function, found.parameters.get("user").map(String::as_str), user)
    }
}

/// What follows the stage in a path.
fn below_stage(path: &str) -> &str {
    path.trim_start_matches('/').split_once('/').map_or("", |(_, rest)| rest)
}

/// What the caller is told; the account is nobody's business.
fn not_authorized(api: &Api, arn: &str, kind: Kind, by: &str) -> String {
    let digits = api.account.get(8..).unwrap_or_default();
    let arn = arn.replacen(&api.account, &format!("********{digits}"), 1);
    let because = match kind {
        Kind::ExplicitDeny => format!("with an explicit deny in a {by}"),
        Kind::ImplicitDeny | Kind::Allowed => format!("because no {by} allows the {INVOKE} action"),
    };
    let message = format!("User: anonymous is not authorized to perform: {INVOKE} on resource: {arn} {because}");
    serde_json::json!({"Message": message}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> Vec<String> {
        path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn a_path_fits_with_what_is_in_its_variables() {
        let parameters = |path: &str, asked: &str| {
            let (rank, parameters) = fits(path, &parts(asked))?;
            let shown = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
            Some((rank, shown.join(",")))
        };
        assert_eq!(parameters("/", ""), Some((vec![], String::new())));
        assert_eq!(parameters("/users/{user}/url", "users/ann/url"), Some((vec![0, 1, 0], "user=ann".into())));
        assert_eq!(parameters("/{proxy+}", "users/ann/url"), Some((vec![2], "proxy=users/ann/url".into())));
        assert_eq!(parameters("/users/{user}/url", "users/ann"), None);
        assert_eq!(parameters("/users", "users/ann"), None);
    }

    #[test]
    fn what_is_written_out_goes_before_a_variable() {
        let rank = |path: &str| fits(path, &parts("users/ann")).unwrap().0;
        assert!(rank("/users/ann") < rank("/users/{user}"));
        assert!(rank("/users/{user}") < rank("/{proxy+}"));
    }
}
