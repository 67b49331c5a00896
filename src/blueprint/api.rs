//! The portal's private API: its page, and the URL that a signed-in user may ask for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::endpoints::Endpoints;
use super::portal::Functions;
use super::sign_in::SignIn;
use super::{Blueprint, Facts, Network};
use crate::aws::partition::dns_suffix;
use crate::plan::{AccessMode, Plan};
use crate::portal;
use crate::resource::api_authorizer::ApiAuthorizer;
use crate::resource::api_deployment::{ApiDeployment, Digest};
use crate::resource::api_method::{ApiMethod, Integration, Response, TIMEOUT_MILLIS};
use crate::resource::api_resource::ApiResource;
use crate::resource::api_stage::ApiStage;
use crate::resource::function_permission::FunctionPermission;
use crate::resource::policy::Policy;
use crate::resource::rest_api::RestApi;
use crate::resource::{Ref, Set, Text};

/// The stage: the first part of every path.
pub const STAGE: &str = "portal";

/// What a page has to say to browsers besides itself. Nothing of others is loaded; it talks to whoever signs people in.
const PAGE_HEADERS: [(&str, &str); 6] = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Strict-Transport-Security", "max-age=31536000"),
];

/// Adds the API with all that is in it.
pub fn add(
    blueprint: &mut Blueprint,
    plan: &Plan,
    facts: &Facts,
    studio: &Network,
    endpoints: &Endpoints,
    functions: &Functions,
    sign_in: Option<&SignIn>,
) {
    let Some(door) = endpoints.get("execute-api") else { return };
    let policy = policy(plan, studio, json!(door));
    let name = blueprint.lab.rest_api.clone();
    let api = RestApi {
        name: name.clone(),
        description: "The portal of a Breezeway lab".into(),
        endpoint_type: "PRIVATE".into(),
        vpc_endpoints: Set::from(vec![door.clone()]),
        policy: policy.clone(),
        default_name_disabled: false,
        binary_media_types: Set::default(),
    };
    let api = blueprint.add("portal/api", &name, api);

    let root = api.output("root").as_text();
    let below = |blueprint: &mut Blueprint, address: &str, parent: &Text, part: &str| {
        let resource = ApiResource { rest_api: api.clone(), parent: parent.clone(), path_part: part.into() };
        blueprint.add(&format!("portal/api/{address}"), "", resource).as_text()
    };
    let users = below(blueprint, "users", &root, "users");
    let user = below(blueprint, "users/user", &users, "{user}");
    let url = below(blueprint, "users/user/url", &user, "url");

    let authorizer = ApiAuthorizer {
        rest_api: api.clone(),
        name: "signed-in".into(),
        kind: "REQUEST".into(),
        uri: Some(functions.authorizer.output("invoke_arn").as_text()),
        credentials: None,
        identity_source: "method.request.header.Authorization".into(),
        // What is kept would be kept for the token, whatever the path.
        ttl_seconds: 0,
        user_pools: Set::default(),
    };
    let authorizer = blueprint.add("portal/api/authorizer", "", authorizer);

    let page = method(&api, &root, page());
    let ask = ApiMethod {
        authorization: "CUSTOM".into(),
        authorizer: Some(authorizer.clone()),
        request_parameters: BTreeMap::from([("method.request.path.user".into(), true)]),
        ..method(&api, &url, proxy(functions))
    };
    let methods = [("portal/api/method/page", page), ("portal/api/method/url", ask)];
    let methods = methods.map(|(address, method)| (method.clone(), blueprint.add(address, "", method)));
    let methods = [(&methods[0].0, methods[0].1.clone()), (&methods[1].0, methods[1].1.clone())];
    let deployment = ApiDeployment { rest_api: api.clone(), content: content(&policy, &authorizer, &methods) };
    let deployment = blueprint.add("portal/api/deployment", "", deployment);
    let stage = ApiStage {
        rest_api: api.clone(),
        name: STAGE.into(),
        deployment,
        variables: sign_in.map(|sign_in| variables(facts, sign_in)).unwrap_or_default(),
        tracing: false,
        logs_bodies_of: Vec::new(),
        access_log: None,
        cached: false,
    };
    blueprint.add("portal/api/stage", STAGE, stage);

    let callers = [("presign", &functions.presign), ("authorizer", &functions.authorizer)];
    for (name, function) in callers {
        let permission = FunctionPermission {
            function: function.clone(),
            statement_id: "api".into(),
            action: "lambda:InvokeFunction".into(),
            principal: "apigateway.amazonaws.com".into(),
            source_arn: api.output("callers").as_text(),
            source_account: String::new(),
            conditions: String::new(),
        };
        blueprint.add(&format!("portal/{name}/permission/api"), "", permission);
    }
}

/// What a deployment is of: all that is in the API when it is made, its methods with their ids.
pub fn content(policy: &Policy, authorizer: &Ref<ApiAuthorizer>, methods: &[(&ApiMethod, Ref<ApiMethod>)]) -> Digest {
    let methods = methods.iter().flat_map(|(method, id)| [json!(method), json!(id)]);
    Digest::of([json!(policy), json!(authorizer)].into_iter().chain(methods).collect())
}

/// What the page has to know of who signs users in: see its `config`.
fn variables(facts: &Facts, sign_in: &SignIn) -> BTreeMap<String, Text> {
    let region = &facts.region;
    let cognito = format!("https://cognito-idp.{region}.{}", dns_suffix(region));
    let (mode, endpoint, connect) = match sign_in.is_pool {
        true => ("cognito", Text::known(format!("{cognito}/")), Text::known(cognito)),
        // Where its other addresses are, the provider says itself.
        false => ("oidc", sign_in.issuer.clone(), Text::known("https:")),
    };
    let variables = [
        ("mode", Text::known(mode)),
        ("endpoint", endpoint),
        ("connect", connect),
        ("client", sign_in.audience.clone()),
        ("claim", Text::known(&sign_in.user_claim)),
    ];
    variables.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Who may call the API: whoever comes through its endpoint, or through any of the VPC.
fn policy(plan: &Plan, studio: &Network, door: Value) -> Policy {
    // A request that comes through an endpoint has no public address to go by.
    let (key, value) = match plan.access.mode {
        Some(AccessMode::SourceVpc) => ("aws:SourceVpc", json!(studio.vpc)),
        _ => ("aws:SourceVpce", door),
    };
    let statement = |effect: &str| json!({"Effect": effect, "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"});
    let mut deny = statement("Deny");
    deny["Condition"] = json!({"StringNotEquals": {key: [value]}});
    Policy::new(json!({"Version": "2012-10-17", "Statement": [statement("Allow"), deny]}))
}

fn method(api: &Ref<RestApi>, resource: &Text, integration: Integration) -> ApiMethod {
    ApiMethod {
        rest_api: api.clone(),
        resource: resource.clone(),
        http_method: "GET".into(),
        authorization: "NONE".into(),
        authorizer: None,
        scopes: Set::default(),
        api_key_required: false,
        request_parameters: BTreeMap::new(),
        integration: Some(integration),
    }
}

/// The page, from API Gateway itself: nothing has to run for it.
fn page() -> Integration {
    let parameters = PAGE_HEADERS.iter();
    let parameters = parameters.map(|(name, value)| (format!("method.response.header.{name}"), format!("'{value}'")));
    let response = Response {
        parameters: parameters.collect(),
        templates: BTreeMap::from([("text/html".into(), portal::page())]),
    };
    Integration {
        kind: "MOCK".into(),
        http_method: None,
        uri: None,
        credentials: None,
        request_templates: BTreeMap::from([("application/json".into(), r#"{"statusCode": 200}"#.into())]),
        timeout_millis: TIMEOUT_MILLIS,
        responses: BTreeMap::from([("200".into(), response)]),
    }
}

fn proxy(functions: &Functions) -> Integration {
    Integration {
        kind: "AWS_PROXY".into(),
        http_method: Some("POST".into()),
        uri: Some(functions.presign.output("invoke_arn").as_text()),
        credentials: None,
        request_templates: BTreeMap::new(),
        timeout_millis: TIMEOUT_MILLIS,
        responses: BTreeMap::new(),
    }
}
