//! Service-linked roles: those that a service of AWS makes for itself, and that nobody else can change.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::json;

use super::{Iam, Role};
use crate::sandbox::api::ApiError;
use crate::sandbox::world::Dice;

/// Where all of them are.
const PATH: &str = "/aws-service-role/";

/// A role as its service makes it.
#[derive(Debug, PartialEq, Eq)]
pub struct ServiceLinkedRole {
    name: &'static str,
    /// Who assumes it: `sagemaker.amazonaws.com`.
    service: &'static str,
    description: &'static str,
    /// The policy of AWS that it has.
    policy: &'static str,
}

/// Comes with an account's first Studio domain:
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/security-iam-awsmanpol-notebooks.html>.
pub const SAGEMAKER_NOTEBOOKS: ServiceLinkedRole = ServiceLinkedRole {
    name: "AWSServiceRoleForAmazonSageMakerNotebooks",
    service: "sagemaker.amazonaws.com",
    description: "AWS SageMaker Notebooks Service Linked Role",
    policy: "AmazonSageMakerNotebooksServiceRolePolicy",
};

impl Iam {
    /// Adds the role, unless it is there.
    pub fn add_service_linked_role(
        &mut self,
        now: Timestamp,
        dice: &mut Dice,
        partition: &str,
        wanted: &ServiceLinkedRole,
    ) {
        let &ServiceLinkedRole { name, service, description, policy } = wanted;
        let role = || Role {
            name: name.into(),
            path: format!("{PATH}{service}/"),
            id: dice.iam_id("AROA"),
            created: now,
            trust: trust(service),
            known_at: now,
            policies_known_at: BTreeMap::new(),
            description: Some(description.into()),
            max_session: 3600,
            boundary: None,
            tags: Vec::new(),
            inline: BTreeMap::new(),
            attached: BTreeSet::from([format!("arn:{partition}:iam::aws:policy{PATH}{policy}")]),
        };
        self.roles.entry(name.to_lowercase()).or_insert_with(role);
    }
}

impl Role {
    /// Whether a service of AWS keeps it.
    pub(super) fn is_service_linked(&self) -> bool {
        self.path.starts_with(PATH)
    }

    /// Refuses to change a role that a service of AWS keeps.
    pub(super) fn check_unprotected(&self) -> Result<(), ApiError> {
        if self.is_service_linked() {
            let message = format!(
                "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
                self.name
            );
            return Err(ApiError::new("UnmodifiableEntity", message));
        }
        Ok(())
    }
}

/// Refuses a path that only AWS's services use.
pub fn check_free(path: &str) -> Result<(), ApiError> {
    if path.starts_with(PATH) {
        let message = format!("The path {PATH} is reserved for service-linked roles.");
        return Err(ApiError::new("ValidationError", message));
    }
    Ok(())
}

fn trust(service: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::sandbox::api::{Answer, Call};
    use crate::sandbox::world::{Context, Durations};

    fn call(iam: &mut Iam, operation: &str, input: Value) -> Answer {
        let mut context = Context {
            now: Timestamp::UNIX_EPOCH,
            durations: Durations::Typical,
            quotas: 1,
            dice: &mut Dice::new(1),
            account: "111122223333",
            access_key: "",
            region: "us-east-1",
            iam: None,
            hosted_zones: None,
            service_linked_role: None,
        };
        let call = Call {
            service: "iam".into(),
            operation: operation.into(),
            account: context.account.into(),
            region: context.region.into(),
            access_key: "AKIDEXAMPLE".into(),
            input,
        };
        iam.handle(&mut context, &call)
    }

    fn with_role() -> Iam {
        let mut iam = Iam::default();
        iam.add_service_linked_role(Timestamp::UNIX_EPOCH, &mut Dice::new(1), "aws", &SAGEMAKER_NOTEBOOKS);
        iam
    }

    #[test]
    fn a_service_makes_its_role_once_and_it_counts_for_nothing() {
        let mut iam = with_role();
        let role = json!({"RoleName": SAGEMAKER_NOTEBOOKS.name});
        let made = call(&mut iam, "GetRole", role.clone()).unwrap();
        let arn = "arn:aws:iam::111122223333:role/aws-service-role/sagemaker.amazonaws.com/\
                   AWSServiceRoleForAmazonSageMakerNotebooks";
        assert_eq!(made["Role"]["Arn"], arn);
        let attached = call(&mut iam, "ListAttachedRolePolicies", role.clone()).unwrap();
        let policy = attached["AttachedPolicies"][0]["PolicyArn"].clone();
        call(&mut iam, "GetPolicy", json!({"PolicyArn": policy})).unwrap();
        iam.add_service_linked_role(Timestamp::UNIX_EPOCH, &mut Dice::new(2), "aws", &SAGEMAKER_NOTEBOOKS);
        assert_eq!(call(&mut iam, "GetRole", role).unwrap(), made);
        assert_eq!(iam.standing(Timestamp::UNIX_EPOCH), Iam::default().standing(Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn nobody_else_changes_or_deletes_it_or_makes_another() {
        let mut iam = with_role();
        for (operation, more) in [
            ("DeleteRole", json!({})),
            ("UpdateRole", json!({"MaxSessionDuration": 7200})),
            ("AttachRolePolicy", json!({"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})),
        ] {
            let mut input = json!({"RoleName": SAGEMAKER_NOTEBOOKS.name});
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            assert_eq!(call(&mut iam, operation, input).unwrap_err().code, "UnmodifiableEntity", "{operation}");
        }
        let input = json!({"RoleName": "r", "Path": PATH, "AssumeRolePolicyDocument": trust("ec2.amazonaws.com")});
        assert_eq!(call(&mut iam, "CreateRole", input).unwrap_err().code, "ValidationError");
    }
}
