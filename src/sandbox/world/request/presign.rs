//! What `src/portal/presign.py` does: it reads who has which profile, and asks SageMaker for a URL.

use serde_json::{Value, json};

use super::answer::{Answerer, of_function, said};
use super::function::Function;
use super::sagemaker::Presign;
use super::studio::PRESIGN;
use super::url::decoded;
use super::{End, Step, Stop, Traveller, together};
use crate::model::policy::Request;
use crate::sandbox::api::ApiError;
use crate::sandbox::world::iam::Identity;
use crate::sandbox::world::partition;

const READ: &str = "dynamodb:GetItem";

/// What the function says where a service doesn't answer it.
const UNREACHED: &str = "The service that makes the URL could not be reached.";

impl Traveller<'_> {
    /// The function is called for a path of a user's, by the user whom the authorizer found.
    pub(super) fn presign(&mut self, function: &Function, path: Option<&str>, user: Option<&str>) -> Result<End, Stop> {
        let Some(user) = user else {
            return Err(self
                .function_refuses(Step::Function, "no authorizer says who calls", 401, "Nobody is signed in.")
                .into());
        };
        if path.map(decoded).as_deref() != Some(user) {
            let says = format!("the path isn't one of {user}");
            return Err(self.function_refuses(Step::Function, says, 403, "This is somebody else's Studio.").into());
        }
        let identity = self.role_of(function)?;
        let row = self.row(function, &identity, user)?;
        let text = |attribute: &str| row[attribute]["S"].as_str().map(str::to_owned);
        let seconds = |name: &str| function.environment.get(name).and_then(|seconds| seconds.parse().ok());
        let expires = (seconds("EXPIRES"), seconds("SESSION_EXPIRES"));
        let (Some(domain), Some(user_profile), (Some(expires), Some(session))) =
            (text("domain"), text("profile"), expires)
        else {
            let says = "the row or the function's environment lacks something";
            return Err(self.function_refuses(Step::Table, says, 502, UNREACHED).into());
        };
        let presign = Presign {
            account: function.account.clone(),
            region: function.region.clone(),
            domain,
            user_profile,
            expires: Some(expires),
            session_expires: Some(session),
        };
        self.ask_for_url(function, identity, &presign)
    }

    /// What the mapping table says of a user.
    fn row(&mut self, function: &Function, identity: &Identity, user: &str) -> Result<Value, End> {
        let (account, region) = (&function.account, &function.region);
        let Some(table) = function.environment.get("TABLE") else {
            return Err(self.function_refuses(Step::Table, "the function isn't told which table", 502, UNREACHED));
        };
        let arn = format!("arn:{}:dynamodb:{region}:{account}:table/{table}", partition(region));
        let host = format!("dynamodb.{region}.{}", suffix(region));
        self.function_may(function, identity, Step::Table, &host, READ, &arn)?;
        let input = json!({"TableName": table, "Key": {"user": {"S": user}}, "ConsistentRead": true});
        match self.ask(account, region, "dynamodb", "GetItem", input) {
            Err(error) => Err(self.service_refuses(Step::Table, format!("DynamoDB refuses: {error}"), &error)),
            Ok(answer) if answer["Item"].is_object() => {
                self.pass(Step::Table, format!("the table {table} has a row for {user}"));
                Ok(answer["Item"].clone())
            }
            Ok(_) => {
                let message = format!("{user} has no user profile in Studio. Ask whoever runs it.");
                Err(self.function_refuses(
                    Step::Table,
                    format!("the table {table} has no row for {user}"),
                    404,
                    &message,
                ))
            }
        }
    }

    fn ask_for_url(&mut self, function: &Function, identity: Identity, presign: &Presign) -> Result<End, Stop> {
        let host = format!("api.sagemaker.{}.{}", function.region, suffix(&function.region));
        self.function_may(function, &identity, Step::Presign, &host, PRESIGN, &presign.profile_arn())?;
        Err(Stop::Call(Box::new(presign.call(&identity.access_key)), Answerer::Function))
    }

    /// Whether the function reaches a service, and its role lets it do something there.
    fn function_may(
        &mut self,
        function: &Function,
        identity: &Identity,
        step: Step,
        host: &str,
        action: &str,
        arn: &str,
    ) -> Result<(), End> {
        let arrival = self.travel(&function.place, host, Some(step));
        let arrival = arrival.map_err(|end| End { status: Some(502), body: Some(said(UNREACHED)), ..end })?;
        let request = Request::new(identity.principal.clone(), action, arn);
        let decision = match arrival.judge(request, identity.policies.clone()) {
            Ok(decision) => decision,
            Err(malformed) => return Err(self.lost(step, malformed.to_string())),
        };
        let (who, because) = (&identity.principal, together(&decision.because));
        if decision.allowed() {
            self.pass(step, format!("{who} may {action} from here: {because}"));
            return Ok(());
        }
        let denied = ApiError::new("AccessDeniedException", String::new());
        Err(self.service_refuses(step, format!("{who} may not {action} from here: {because}"), &denied))
    }

    /// The function's role, in a session that has the function's name.
    fn role_of(&mut self, function: &Function) -> Result<Identity, End> {
        let Function { name, account, region, role, .. } = function;
        let iam = self.world.accounts.get(account).map(|own| &own.iam);
        let role_name = role.rsplit('/').next().unwrap_or_default();
        let session = format!("arn:{}:sts::{account}:assumed-role/{role_name}/{name}", partition(region));
        match iam.map(|iam| iam.identity(partition(region), account, &session)) {
            Some(Ok(Some(identity))) => Ok(identity),
            Some(Err(error)) => Err(self.lost(Step::Function, error.message)),
            Some(Ok(None)) | None => {
                Err(self.function_refuses(Step::Function, format!("the role {role} is gone"), 502, UNREACHED))
            }
        }
    }

    fn function_refuses(&mut self, step: Step, says: impl Into<String>, status: u16, message: &str) -> End {
        self.refused(step, says, status, said(message))
    }

    fn service_refuses(&mut self, step: Step, says: String, error: &ApiError) -> End {
        let (status, body) = of_function(error);
        self.refused(step, says, status, body)
    }
}

/// How the names of a Region's services end.
fn suffix(region: &str) -> &'static str {
    if partition(region) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
}
