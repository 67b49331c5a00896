//! The policy simulator.
//!
//! - <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>
//! - <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html>

use super::policy::Kind as Grammar;
use super::{Iam, Input, Owner, Role, is_account, no_role, no_such, paged, policy};
use crate::model::policy::{
    Context, Decision, Kind, Malformed, Matched, Place, Policies, Policy, Position, Principal, Request, evaluate,
};
use crate::sandbox::api::{Answer, ApiError, Call};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What everybody may do who has no role: everything.
const OF_USERS: &str = "AdministratorAccess";

/// What both operations take; the source of policies is the first one's only.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Simulation {
    policy_source_arn: String,
    policy_input_list: Vec<String>,
    permissions_boundary_policy_input_list: Vec<String>,
    action_names: Vec<String>,
    resource_arns: Vec<String>,
    resource_policy: Option<String>,
    resource_owner: Option<String>,
    caller_arn: Option<String>,
    context_entries: Vec<ContextEntry>,
    resource_handling_option: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ContextEntry {
    context_key_name: String,
    context_key_values: Vec<String>,
}

impl Iam {
    /// Simulates calls with the policies of a role, or of `user`, the account's one.
    pub(super) fn simulate_principal(&self, owner: &Owner<'_>, user: &str, call: &Call, input: &Input) -> Answer {
        let asked = Simulation::read(call)?;
        let source = asked.policy_source_arn.as_str();
        if source == user {
            let policies = self.policies_of_user(owner)?;
            let caller = asked.caller(source)?;
            let context = Context::of(&caller);
            return asked.answer(caller, context, policies, input);
        }
        let role = self.role_by_arn(owner, source)?;
        if asked.resource_policy.is_some() {
            return Err(invalid("Simulation of resource-based policies isn't supported for IAM roles.".to_owned()));
        }
        let caller = match &asked.caller_arn {
            Some(arn) => asked.caller(arn)?,
            None => Principal::Role { arn: source.to_owned(), session: role.name.clone() },
        };
        let context = Context::of(&caller);
        asked.answer(caller, context, self.policies_of(owner, role)?, input)
    }

    /// Simulates calls with the policies that the request brings; where it names no caller, nothing is known of one.
    pub(super) fn simulate_custom(&self, user: &str, call: &Call, input: &Input) -> Answer {
        let asked = Simulation::read(call)?;
        if asked.resource_policy.is_some() && asked.caller_arn.is_none() {
            return Err(invalid("CallerArn is required if you include a ResourcePolicy.".to_owned()));
        }
        let caller = asked.caller(user)?;
        let context = if asked.caller_arn.is_some() { Context::of(&caller) } else { Context::default() };
        asked.answer(caller, context, Policies::default(), input)
    }

    fn role_by_arn(&self, owner: &Owner<'_>, arn: &str) -> Result<&Role, ApiError> {
        let Some((kind, _)) = arn
            .strip_prefix(&format!("arn:{}:iam::", owner.partition))
            .and_then(|rest| rest.split_once(':'))
            .and_then(|(account, name)| is_account(account).then(|| name.split_once('/')).flatten())
            .filter(|(kind, _)| ["role", "user", "group"].contains(kind))
        else {
            return Err(invalid(format!("Invalid Entity Arn: {arn} does not clearly define entity type and name.")));
        };
        let name = arn.rsplit('/').next().unwrap_or_default();
        if kind != "role" {
            return Err(no_such(format!("The {kind} with name {name} cannot be found.")));
        }
        self.roles.get(&name.to_lowercase()).filter(|role| role.arn(owner) == arn).ok_or_else(|| no_role(name))
    }

    /// What the account's user has.
    pub(super) fn policies_of_user(&self, owner: &Owner<'_>) -> Result<Policies, ApiError> {
        let document = self.document_of(owner, &format!("arn:{}:iam::aws:policy/{OF_USERS}", owner.partition))?;
        Ok(of_identity(vec![stored(OF_USERS, &document)?]))
    }

    /// What a role has: its inline policies, those attached to it, its permissions boundary.
    pub(super) fn policies_of(&self, owner: &Owner<'_>, role: &Role) -> Result<Policies, ApiError> {
        let mut identity = Vec::new();
        for inline in role.inline.values() {
            identity.push(stored(&format!("role_{}_{}", role.name, inline.name), &inline.document)?);
        }
        let managed = |arn: &String| stored(name_of(arn), &self.document_of(owner, arn)?);
        for arn in &role.attached {
            identity.push(managed(arn)?);
        }
        Ok(Policies { boundary: role.boundary.as_ref().map(managed).transpose()?, ..of_identity(identity) })
    }
}

fn of_identity(identity: Vec<Policy>) -> Policies {
    Policies { identity, ..Policies::default() }
}

fn name_of(policy_arn: &str) -> &str {
    policy_arn.rsplit('/').next().unwrap_or_default()
}

impl Simulation {
    fn read(call: &Call) -> Result<Self, ApiError> {
        let asked: Self = serde_json::from_value(call.input.clone())
            .map_err(|error| ApiError::new("ValidationError", error.to_string()))?;
        if let Some(option) = &asked.resource_handling_option {
            let message = format!("The sandbox doesn't model ResourceHandlingOption {option}.");
            return Err(ApiError::new("NotImplemented", message).with_status(501));
        }
        for action in &asked.action_names {
            if !action.contains(':') || action.contains(['*', '?']) {
                return Err(invalid(format!("Invalid Action Name: {action}.")));
            }
        }
        for arn in asked.resource_arns.iter().filter(|arn| *arn != "*") {
            if !arn.starts_with("arn:") || arn.splitn(6, ':').count() < 6 {
                return Err(invalid(format!("Invalid Resource Arn: {arn}.")));
            }
        }
        if asked.permissions_boundary_policy_input_list.len() > 1 {
            return Err(invalid("The list of Permissions Boundary policies cannot exceed 1 items.".to_owned()));
        }
        Ok(asked)
    }

    /// The user who is to have made the calls: the one named, or else this one.
    fn caller(&self, default: &str) -> Result<Principal, ApiError> {
        let arn = self.caller_arn.as_deref().unwrap_or(default);
        let named = arn.split_once(":iam::").and_then(|(_, rest)| rest.split_once(":user/"));
        if named.is_some_and(|(account, _)| is_account(account)) {
            return Ok(Principal::User(arn.to_owned()));
        }
        Err(invalid(format!("Invalid CallerArn: {arn} is not the ARN of an IAM user.")))
    }

    /// The account that is to own what doesn't say whose it is.
    fn owner(&self) -> Result<Option<String>, ApiError> {
        let Some(owner) = &self.resource_owner else { return Ok(None) };
        let account = owner.strip_suffix(":root").and_then(|arn| arn.split(':').nth(4)).unwrap_or(owner);
        if is_account(account) {
            return Ok(Some(account.to_owned()));
        }
        Err(invalid(format!("Invalid ResourceOwner: {owner}.")))
    }

    /// Adds what the request brings to the policies that are there, then evaluates each action on each resource.
    fn answer(&self, caller: Principal, mut context: Context, mut policies: Policies, input: &Input) -> Answer {
        for (index, document) in self.policy_input_list.iter().enumerate() {
            policies.identity.push(given(&format!("PolicyInputList.{}", index + 1), document)?);
        }
        if let Some(document) = self.permissions_boundary_policy_input_list.first() {
            policies.boundary = Some(given("PermissionsBoundaryPolicyInputList.1", document)?);
        }
        if let Some(document) = &self.resource_policy {
            policies.resource = Some(Policy::of_resource("ResourcePolicy", document).map_err(unreadable)?);
        }
        for entry in &self.context_entries {
            context.set(&entry.context_key_name, entry.context_key_values.iter().cloned());
        }
        let missing = policies.missing_keys(&context);
        let owner = self.owner()?;
        let asked = |action: &str, resource: &str| {
            let (action, resource, owner) = (action.to_owned(), resource.to_owned(), owner.clone());
            let request = Request { principal: caller.clone(), action, resource, owner, context: context.clone() };
            Simulated { decision: evaluate(&request, &policies), at_home: request.at_home(), missing: &missing }
        };
        let results = self.action_names.iter().map(|action| self.result(action, |resource| asked(action, resource)));
        // In the order of the actions.
        paged(input, "EvaluationResults", results.enumerate().map(|(index, result)| (format!("{index:06}"), result)))
    }

    /// What comes of one action.
    fn result<'a>(&self, action: &str, asked: impl Fn(&str) -> Simulated<'a>) -> Value {
        let mut result = match self.resource_arns.as_slice() {
            [] => asked("*").described("EvalDecision"),
            [all] if all == "*" => asked(all).described("EvalDecision"),
            arns => {
                let each: Vec<(&String, Simulated<'_>)> = arns.iter().map(|arn| (arn, asked(arn))).collect();
                of_resources(&each)
            }
        };
        result["EvalActionName"] = json!(action);
        if result.get("EvalResourceName").is_none() {
            result["EvalResourceName"] = json!("*");
        }
        result
    }
}

/// One action on one resource.
struct Simulated<'a> {
    decision: Decision,
    at_home: bool,
    missing: &'a [String],
}

impl Simulated<'_> {
    /// As the answer has it, the decision in this member.
    fn described(&self, member: &str) -> Value {
        let mut described = json!({
            member: word(self.decision.kind),
            "MatchedStatements": self.decision.statements.iter().map(statement).collect::<Vec<_>>(),
            "MissingContextValues": self.missing,
        });
        if let Some(kind) = self.decision.places.get(&Place::Boundary) {
            described["PermissionsBoundaryDecisionDetail"] =
                json!({ "AllowedByPermissionsBoundary": *kind == Kind::Allowed });
        }
        if !self.at_home {
            let details = self.decision.places.iter().map(|(place, kind)| (source_type(*place), word(*kind)));
            described["EvalDecisionDetails"] = json!(details.collect::<BTreeMap<_, _>>());
        }
        described
    }
}

/// The results of an action on resources that were named, with what they come to together: that of the only one, or
/// that any is denied explicitly, or else that any is allowed.
fn of_resources(each: &[(&String, Simulated<'_>)]) -> Value {
    let kinds: Vec<Kind> = each.iter().map(|(_, simulated)| simulated.decision.kind).collect();
    let together = [Kind::ExplicitDeny, Kind::Allowed].into_iter().find(|kind| kinds.contains(kind));
    let mut result = match each {
        [(arn, only)] => {
            let mut result = only.described("EvalDecision");
            result["EvalResourceName"] = json!(arn);
            result
        }
        _ => json!({ "EvalDecision": word(together.unwrap_or(Kind::ImplicitDeny)), "MatchedStatements": [] }),
    };
    // What is missing is said of each resource only.
    result["MissingContextValues"] = json!([]);
    if result.get("EvalDecisionDetails").is_none() {
        result["EvalDecisionDetails"] = json!({});
    }
    let specific = each.iter().map(|(arn, simulated)| {
        let mut described = simulated.described("EvalResourceDecision");
        described["EvalResourceName"] = json!(arn);
        described
    });
    result["ResourceSpecificResults"] = specific.collect();
    result
}

fn statement(matched: &Matched) -> Value {
    let position = |position: Position| json!({ "Line": position.line, "Column": position.column });
    json!({
        "SourcePolicyId": matched.policy,
        "SourcePolicyType": source_type(matched.place),
        "StartPosition": position(matched.start),
        "EndPosition": position(matched.end),
    })
}

/// As AWS answers; the words in its API reference are others.
fn source_type(place: Place) -> &'static str {
    match place {
        Place::Boundary => "Permissions Boundary Policy",
        Place::Resource => "Resource Policy",
        Place::Identity | Place::Session | Place::Endpoint => "IAM Policy",
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Allowed => "allowed",
        Kind::ImplicitDeny => "implicitDeny",
        Kind::ExplicitDeny => "explicitDeny",
    }
}

/// A policy of the account.
fn stored(name: &str, document: &str) -> Result<Policy, ApiError> {
    Policy::of_identity(name, document)
        .map_err(|malformed| ApiError::new("PolicyEvaluation", malformed.to_string()).with_status(500))
}

/// A policy that the request brings.
fn given(name: &str, document: &str) -> Result<Policy, ApiError> {
    policy::check(document, Grammar::Permissions, &|_| false)
        .map_err(|error| invalid(format!("{name}: {}", error.message)))?;
    Policy::of_identity(name, document).map_err(unreadable)
}

fn unreadable(malformed: Malformed) -> ApiError {
    invalid(malformed.to_string())
}

fn invalid(message: String) -> ApiError {
    ApiError::new("InvalidInput", message)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Account, POLICY, TRUST, refusal};
    use super::*;

    const PROFILE: &str = "arn:aws:sagemaker:us-east-1:111122223333:user-profile/d-1/bob";
    const PRESIGN: &str = "sagemaker:CreatePresignedDomainUrl";
    const ROLE: &str = "arn:aws:iam::111122223333:role/lab/Portal";
    const BOB: &str = "arn:aws:iam::111122223333:user/bob";

    fn document(statements: Value) -> String {
        json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
    }

    /// Allows reading objects, to this principal if there is one.
    fn reads(principal: Option<&str>) -> String {
        let mut statement = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" });
        if let Some(principal) = principal {
            statement["Principal"] = json!({ "AWS": principal });
        }
        document(statement)
    }

    /// An account with the role of [`ROLE`], which may make URLs through one endpoint only.
    fn account() -> Account {
        let mut iam = Account::new();
        iam.role("Portal", "/lab/");
        let vpce = |operator: &str| json!({ operator: { "aws:SourceVpce": ["vpce-1"] } });
        let presign = document(json!([
            { "Effect": "Allow", "Action": PRESIGN, "Resource": PROFILE, "Condition": vpce("StringEquals") },
            { "Effect": "Deny", "Action": PRESIGN, "Resource": "*", "Condition": vpce("StringNotEquals") },
        ]));
        iam.ok("PutRolePolicy", json!({ "RoleName": "Portal", "PolicyName": "Presign", "PolicyDocument": presign }));
        iam
    }

    fn vpce(id: &str) -> Value {
        json!([{ "ContextKeyName": "aws:sourceVpce", "ContextKeyValues": [id], "ContextKeyType": "string" }])
    }

    /// What the simulator answers of the role for these further parameters.
    fn of_role(iam: &mut Account, action: &str, more: Value) -> Value {
        iam.ok("SimulatePrincipalPolicy", merged(json!({ "PolicySourceArn": ROLE, "ActionNames": [action] }), more))
    }

    fn merged(mut one: Value, more: Value) -> Value {
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one
    }

    /// The one result's decision.
    fn decision(answer: &Value) -> &Value {
        assert_eq!(answer["EvaluationResults"].as_array().unwrap().len(), 1);
        &answer["EvaluationResults"][0]["EvalDecision"]
    }

    #[test]
    fn a_roles_calls_are_allowed_or_denied_by_what_the_caller_gives_as_context() {
        let mut iam = account();
        for (context, expected) in [
            (json!({ "ContextEntries": vpce("vpce-1") }), "allowed"),
            (json!({ "ContextEntries": vpce("vpce-2") }), "explicitDeny"),
            (json!({}), "explicitDeny"),
        ] {
            let answer = of_role(&mut iam, PRESIGN, merged(json!({ "ResourceArns": [PROFILE] }), context));
            assert_eq!(decision(&answer), expected);
        }
        let answer = of_role(&mut iam, "sagemaker:DescribeDomain", json!({}));
        assert_eq!(decision(&answer), "implicitDeny");
    }

    #[test]
    fn a_result_names_the_statement_that_decided_and_where_it_stands() {
        let mut iam = account();
        let answer = of_role(&mut iam, PRESIGN, json!({ "ContextEntries": vpce("vpce-2") }));
        let statement = |start: u32, end: u32| {
            json!([{
                "SourcePolicyId": "role_Portal_Presign",
                "SourcePolicyType": "IAM Policy",
                "StartPosition": { "Line": 1, "Column": start },
                "EndPosition": { "Line": 1, "Column": end },
            }])
        };
        let document = iam.ok("GetRolePolicy", json!({ "RoleName": "Portal", "PolicyName": "Presign" }));
        let document = document["PolicyDocument"].as_str().unwrap();
        let document = percent_encoding::percent_decode_str(document).decode_utf8().unwrap().into_owned();
        let first = 1 + u32::try_from(document.find("},{").unwrap() + 1).unwrap();
        let second = 1 + u32::try_from(document.find("}]").unwrap() + 1).unwrap();
        assert_eq!(
            answer,
            json!({
                "EvaluationResults": [{
                    "EvalActionName": PRESIGN,
                    "EvalResourceName": "*",
                    "EvalDecision": "explicitDeny",
                    "MatchedStatements": statement(first, second),
                    "MissingContextValues": [],
                }],
                "IsTruncated": false,
            })
        );
    }

    #[test]
    fn what_policies_ask_for_and_the_caller_did_not_give_is_missing() {
        let mut iam = account();
        let answer = of_role(&mut iam, "s3:GetObject", json!({}));
        assert_eq!(answer["EvaluationResults"][0]["MissingContextValues"], json!(["aws:SourceVpce"]));
        let named = of_role(&mut iam, PRESIGN, json!({ "ResourceArns": [PROFILE] }));
        let result = &named["EvaluationResults"][0];
        assert_eq!(result["MissingContextValues"], json!([]));
        assert_eq!(result["ResourceSpecificResults"][0]["MissingContextValues"], json!(["aws:SourceVpce"]));
    }

    #[test]
    fn each_named_resource_has_its_own_result() {
        let mut iam = account();
        let arns = |arns: &[&str]| json!({ "ResourceArns": arns, "ContextEntries": vpce("vpce-1") });
        let answer = of_role(&mut iam, PRESIGN, arns(&[PROFILE]));
        let only = &answer["EvaluationResults"][0];
        assert_eq!((&only["EvalResourceName"], &only["EvalDecisionDetails"]), (&json!(PROFILE), &json!({})));
        assert_eq!(only["ResourceSpecificResults"][0]["EvalResourceDecision"], "allowed");
        assert_eq!(only["ResourceSpecificResults"][0]["MatchedStatements"], only["MatchedStatements"]);

        let answer = of_role(&mut iam, PRESIGN, arns(&[&PROFILE.replace("bob", "ann"), PROFILE]));
        let both = &answer["EvaluationResults"][0];
        assert_eq!((&both["EvalResourceName"], &both["EvalDecision"]), (&json!("*"), &json!("allowed")));
        let specific = both["ResourceSpecificResults"].as_array().unwrap();
        let decisions: Vec<_> =
            specific.iter().map(|result| result["EvalResourceDecision"].as_str().unwrap()).collect();
        assert_eq!(decisions, ["implicitDeny", "allowed"]);
    }

    #[test]
    fn attached_policies_count_and_a_boundary_limits() {
        let mut iam = account();
        let aws = |name: &str| format!("arn:aws:iam::aws:policy/{name}");
        let made = iam.ok("CreatePolicy", json!({ "PolicyName": "Logs", "Path": "/p/", "PolicyDocument": POLICY }));
        for arn in [made["Policy"]["Arn"].as_str().unwrap(), &aws("AmazonS3ReadOnlyAccess")] {
            iam.ok("AttachRolePolicy", json!({ "RoleName": "Portal", "PolicyArn": arn }));
        }
        let source = |answer: &Value| answer["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyId"].clone();
        let logs = of_role(&mut iam, "logs:PutLogEvents", json!({}));
        assert_eq!((decision(&logs), source(&logs)), (&json!("allowed"), json!("Logs")));
        let object = of_role(&mut iam, "s3:GetObject", json!({}));
        assert_eq!((decision(&object), source(&object)), (&json!("allowed"), json!("AmazonS3ReadOnlyAccess")));

        let boundary = json!({ "RoleName": "Portal", "PermissionsBoundary": made["Policy"]["Arn"] });
        iam.ok("PutRolePermissionsBoundary", boundary);
        let within = |answer: &Value| {
            answer["EvaluationResults"][0]["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"].clone()
        };
        let logs = of_role(&mut iam, "logs:PutLogEvents", json!({}));
        assert_eq!((decision(&logs), within(&logs)), (&json!("allowed"), json!(true)));
        let object = of_role(&mut iam, "s3:GetObject", json!({}));
        assert_eq!((decision(&object), within(&object)), (&json!("implicitDeny"), json!(false)));
        // One that is given takes the place of the role's own.
        let denies = reads(None).replace("Allow", "Deny");
        let object = of_role(&mut iam, "s3:GetObject", json!({ "PermissionsBoundaryPolicyInputList": [denies] }));
        assert_eq!(decision(&object), "explicitDeny");
        let matched = &object["EvaluationResults"][0]["MatchedStatements"][0];
        assert_eq!(matched["SourcePolicyId"], "PermissionsBoundaryPolicyInputList.1");
        assert_eq!(matched["SourcePolicyType"], "Permissions Boundary Policy");
    }

    #[test]
    fn an_attached_policy_that_the_sandbox_cannot_quote_is_not_guessed() {
        let mut iam = account();
        let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        iam.ok("AttachRolePolicy", json!({ "RoleName": "Portal", "PolicyArn": arn }));
        let error = iam
            .answer("SimulatePrincipalPolicy", json!({ "PolicySourceArn": ROLE, "ActionNames": ["s3:GetObject"] }))
            .unwrap_err();
        assert_eq!((error.code.as_str(), error.status), ("NotImplemented", 501));
        assert!(error.message.contains(arn), "{}", error.message);
    }

    #[test]
    fn policies_that_a_request_brings_add_to_those_of_the_role() {
        let mut iam = account();
        let more = json!({ "PolicyInputList": [POLICY, reads(None)] });
        let answer = of_role(&mut iam, "s3:GetObject", more);
        assert_eq!(decision(&answer), "allowed");
        assert_eq!(answer["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyId"], "PolicyInputList.2");
        let custom = iam.ok(
            "SimulateCustomPolicy",
            json!({ "PolicyInputList": [reads(None)], "ActionNames": ["s3:GetObject", "s3:PutObject"] }),
        );
        let decisions = custom["EvaluationResults"].as_array().unwrap().iter().map(|result| &result["EvalDecision"]);
        assert_eq!(decisions.collect::<Vec<_>>(), ["allowed", "implicitDeny"]);
    }

    #[test]
    fn a_custom_simulation_knows_only_the_caller_that_it_names() {
        let mut iam = account();
        let own = "arn:aws:s3:::bucket/${aws:username}";
        let policy = document(json!({ "Effect": "Allow", "Action": "s3:*", "Resource": own }));
        let ask = json!({
            "PolicyInputList": [policy], "ActionNames": ["s3:GetObject"], "ResourceArns": ["arn:aws:s3:::bucket/bob"],
        });
        let nobody = iam.ok("SimulateCustomPolicy", ask.clone());
        assert_eq!(decision(&nobody), "implicitDeny");
        let specific = &nobody["EvaluationResults"][0]["ResourceSpecificResults"][0];
        assert_eq!(specific["MissingContextValues"], json!(["aws:username"]));
        let bob = iam.ok("SimulateCustomPolicy", merged(ask, json!({ "CallerArn": BOB })));
        assert_eq!(decision(&bob), "allowed");
    }

    #[test]
    fn a_resource_policy_is_for_users_only() {
        let mut iam = account();
        let resource = json!({ "ResourcePolicy": reads(Some(BOB)), "ResourceArns": ["arn:aws:s3:::bucket/o"] });
        let principal = json!({ "PolicySourceArn": ROLE, "ActionNames": ["s3:GetObject"], "CallerArn": BOB });
        let invalid = refusal("InvalidInput", 400);
        assert_eq!(iam.refused("SimulatePrincipalPolicy", merged(principal, resource.clone())), invalid);
        let custom = merged(json!({ "PolicyInputList": [POLICY], "ActionNames": ["s3:GetObject"] }), resource);
        assert_eq!(iam.refused("SimulateCustomPolicy", custom.clone()), invalid);
        for arn in ["arn:aws:sts::111122223333:assumed-role/Portal/s", "lambda.amazonaws.com", ROLE] {
            let by = merged(custom.clone(), json!({ "CallerArn": arn }));
            assert_eq!(iam.refused("SimulateCustomPolicy", by), invalid, "{arn}");
        }
        let by_bob = merged(custom, json!({ "CallerArn": BOB }));
        let answer = iam.ok("SimulateCustomPolicy", by_bob.clone());
        assert_eq!(decision(&answer), "allowed");
        let matched = &answer["EvaluationResults"][0]["MatchedStatements"][0];
        assert_eq!(
            (&matched["SourcePolicyId"], &matched["SourcePolicyType"]),
            (&json!("ResourcePolicy"), &json!("Resource Policy"))
        );
        let owner = json!({ "ResourceOwner": "arn:aws:iam::444455556666:root" });
        let abroad = iam.ok("SimulateCustomPolicy", merged(by_bob.clone(), owner));
        assert_eq!(decision(&abroad), "implicitDeny");
        let details = json!({ "IAM Policy": "implicitDeny", "Resource Policy": "allowed" });
        assert_eq!(abroad["EvaluationResults"][0]["EvalDecisionDetails"], details);
        let nobody = merged(by_bob, json!({ "ResourceOwner": "bob" }));
        assert_eq!(iam.refused("SimulateCustomPolicy", nobody), invalid);
    }

    #[test]
    fn the_accounts_own_user_may_do_everything() {
        let mut iam = account();
        let ask =
            json!({ "PolicySourceArn": "arn:aws:iam::111122223333:user/sandbox", "ActionNames": ["ec2:RunInstances"] });
        let answer = iam.ok("SimulatePrincipalPolicy", ask);
        assert_eq!(decision(&answer), "allowed");
    }

    #[test]
    fn results_come_in_pages_in_the_order_of_the_actions() {
        let mut iam = account();
        let actions: Vec<String> = (0..12).map(|number| format!("s3:Get{}", 12 - number)).collect();
        let ask = json!({ "PolicyInputList": [reads(None)], "ActionNames": actions, "MaxItems": 5 });
        let (mut seen, mut pages, mut marker) = (Vec::new(), 0, Value::Null);
        loop {
            let page = match &marker {
                Value::Null => ask.clone(),
                marker => merged(ask.clone(), json!({ "Marker": marker })),
            };
            let answer = iam.ok("SimulateCustomPolicy", page);
            let names = answer["EvaluationResults"].as_array().unwrap().iter();
            seen.extend(names.map(|result| result["EvalActionName"].as_str().unwrap().to_owned()));
            pages += 1;
            if answer["IsTruncated"] == false {
                break;
            }
            marker = answer["Marker"].clone();
        }
        assert_eq!((seen, pages), (actions, 3));
    }

    #[test]
    fn what_cannot_be_simulated_is_refused() {
        let mut iam = account();
        let principal = |arn: &str| json!({ "PolicySourceArn": arn, "ActionNames": ["s3:GetObject"] });
        for (arn, expected) in [
            ("arn:aws:iam::111122223333:role/Portal", refusal("NoSuchEntity", 404)),
            ("arn:aws:iam::444455556666:role/lab/Portal", refusal("NoSuchEntity", 404)),
            (BOB, refusal("NoSuchEntity", 404)),
            ("arn:aws:iam::111122223333:group/staff", refusal("NoSuchEntity", 404)),
            ("arn:aws:iam::111122223333:root", refusal("InvalidInput", 400)),
            ("arn:aws:s3:::a-bucket-of-mine", refusal("InvalidInput", 400)),
        ] {
            assert_eq!(iam.refused("SimulatePrincipalPolicy", principal(arn)), expected, "{arn}");
        }
        for (more, code) in [
            (json!({ "ActionNames": ["GetObject"] }), "InvalidInput"),
            (json!({ "ActionNames": ["s3:Get*"] }), "InvalidInput"),
            (json!({ "ResourceArns": ["bucket"] }), "InvalidInput"),
            (json!({ "PolicyInputList": ["{"] }), "InvalidInput"),
            (json!({ "PolicyInputList": [TRUST] }), "InvalidInput"),
            (json!({ "PermissionsBoundaryPolicyInputList": [POLICY, POLICY] }), "InvalidInput"),
            (json!({ "ResourceHandlingOption": "EC2-VPC-EBS" }), "NotImplemented"),
        ] {
            let asked = merged(principal(ROLE), more);
            assert_eq!(iam.refused("SimulatePrincipalPolicy", asked.clone()).0, code, "{asked}");
        }
    }
}
