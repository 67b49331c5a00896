//! Lambda: a function is found, and API Gateway may call it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::SERVER_ERROR;
use super::{End, Place, Step, Traveller, together};
use crate::model::names::Client;
use crate::model::policy::{Policies, Policy, Principal, Request, evaluate};
use crate::portal::Program;
use crate::sandbox::world::lookup::Inside;
use crate::sandbox::world::partition;

/// Who calls functions here.
const API_GATEWAY: &str = "apigateway.amazonaws.com";
const INVOKE: &str = "lambda:InvokeFunction";

/// How API Gateway calls a function.
pub struct Invocation<'a> {
    /// `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`
    pub uri: &'a str,
    /// The role in which it does so; the function's own policy must allow it if there is none.
    pub credentials: Option<&'a str>,
    /// What of the API calls.
    pub source_arn: String,
    /// The API's account and Region.
    pub account: &'a str,
    pub region: &'a str,
}

/// A function that was called.
pub struct Function {
    pub name: String,
    pub account: String,
    pub region: String,
    /// The ARN of its role.
    pub role: String,
    pub environment: BTreeMap<String, String>,
    /// Where its own requests come from.
    pub(super) place: Place,
}

impl Traveller<'_> {
    /// The function that API Gateway calls, if it may and the sandbox knows what the function does.
    pub(super) fn invoke(&mut self, step: Step, call: &Invocation<'_>, program: Program) -> Result<Function, End> {
        let arn = call.uri.split_once("/functions/").and_then(|(_, rest)| rest.strip_suffix("/invocations"));
        let arn = arn.unwrap_or_default();
        let parts: Vec<&str> = arn.split(':').collect();
        let [_, _, "lambda", region, account, "function", name, ..] = parts[..] else {
            return Err(self.refused(step, format!("{} names no function", call.uri), 500, SERVER_ERROR));
        };
        let named = json!({"FunctionName": name});
        let Ok(shown) = self.ask(account, region, "lambda", "GetFunctionConfiguration", named.clone()) else {
            return Err(self.refused(step, format!("there is no function {name}"), 500, SERVER_ERROR));
        };
        let reserved = self.ask(account, region, "lambda", "GetFunctionConcurrency", named.clone());
        let policy = self.ask(account, region, "lambda", "GetPolicy", named).ok();
        let policy = policy.and_then(|answer| answer["Policy"].as_str().map(str::to_owned));
        self.may_invoke(call, arn, policy.as_deref()).map_err(|why| self.refused(step, why, 500, SERVER_ERROR))?;
        if reserved.is_ok_and(|answer| answer["ReservedConcurrentExecutions"] == 0) {
            let says = format!("{name} is switched off: no execution is reserved for it");
            return Err(self.refused(step, says, 500, SERVER_ERROR));
        }
        if shown["State"] != "Active" {
            let says = format!("the function {name} is {}", shown["State"].as_str().unwrap_or_default());
            return Err(self.refused(step, says, 500, SERVER_ERROR));
        }
        if shown["CodeSha256"] != program.package().sha256 {
            let says = format!("the code of {name} is not the portal's: the sandbox doesn't know what it does");
            return Err(self.lost(step, says));
        }
        let variables = shown["Environment"]["Variables"].as_object().into_iter().flatten();
        let environment = variables.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        Ok(Function {
            name: name.to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
            role: shown["Role"].as_str().unwrap_or_default().to_owned(),
            environment: environment.collect(),
            place: self.place_of(account, region, &shown["VpcConfig"]),
        })
    }

    /// Whether API Gateway may call a function.
    ///
    /// # Errors
    /// Why not, as a sentence.
    fn may_invoke(&self, call: &Invocation<'_>, arn: &str, policy: Option<&str>) -> Result<(), String> {
        let (principal, policies) = match call.credentials {
            Some(role) => {
                let account = self.world.accounts.get(call.account);
                let identity = account.map(|own| own.iam.identity(partition(call.region), call.account, role));
                let identity = identity.transpose().map_err(|error| error.message)?.flatten();
                let identity = identity.ok_or_else(|| format!("there is no role {role} in which to call {arn}"))?;
                (identity.principal, identity.policies)
            }
            None => {
                let policy = policy.ok_or_else(|| format!("{arn} has no policy: API Gateway may not call it"))?;
                let resource = Policy::of_resource(arn, policy).map_err(|malformed| malformed.to_string())?;
                (
                    Principal::Service(API_GATEWAY.to_owned()),
                    Policies { resource: Some(resource), ..Policies::default() },
                )
            }
        };
        let request = Request::new(principal, INVOKE, arn)
            .with("aws:SourceArn", &[&call.source_arn])
            .with("aws:SourceAccount", &[call.account]);
        let decision = evaluate(&request, &policies);
        if decision.allowed() {
            Ok(())
        } else {
            Err(format!("API Gateway may not call {arn}: {}", together(&decision.because)))
        }
    }

    /// Where a function's requests come from: one of Lambda's interfaces in its VPC, if it is in one.
    fn place_of(&self, account: &str, region: &str, vpc: &Value) -> Place {
        let texts = |member: &str| -> Vec<&str> {
            let mut texts: Vec<_> = vpc[member].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            texts.sort_unstable();
            texts
        };
        let (subnets, groups) = (texts("SubnetIds"), texts("SecurityGroupIds"));
        let vpc_id = vpc["VpcId"].as_str().unwrap_or_default();
        let own = self.world.accounts.get(account).and_then(|own| own.regions.get(region));
        let network = own.map(|own| own.ec2.network_around(vpc_id)).unwrap_or_default();
        let address = network.interfaces.iter().find(|(_, interface)| {
            let mut own: Vec<&str> = interface.groups.iter().map(String::as_str).collect();
            own.sort_unstable();
            subnets.contains(&interface.subnet.as_str()) && own == groups && interface.public.is_none()
        });
        let Some(address) = address.map(|(address, _)| *address) else { return Place::Lambda };
        let client = Client { address, vpc: vpc_id.to_owned() };
        Place::Inside(Box::new(Inside { account: account.to_owned(), region: region.to_owned(), client, network }))
    }
}
