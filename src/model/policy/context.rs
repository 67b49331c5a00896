//! What AWS knows of a request beside its action and resource.

use std::collections::BTreeMap;

use super::principal::Principal;

/// The condition keys of a request with their values. Keys ignore case; a key without a value is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// What every request of this principal carries, as far as its name says:
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.
    pub fn of(principal: &Principal) -> Self {
        let mut context = Self::default();
        let kind = match principal {
            Principal::Root(_) => Some("Account"),
            Principal::User(_) => Some("User"),
            Principal::Role { .. } => Some("AssumedRole"),
            Principal::Anonymous => Some("Anonymous"),
            Principal::Service(_) | Principal::Federated(_) => None,
        };
        context.set("aws:PrincipalType", kind);
        context.set("aws:PrincipalArn", principal.arn());
        context.set("aws:PrincipalAccount", principal.account());
        if let Principal::User(arn) = principal {
            context.set("aws:username", arn.rsplit('/').next());
        }
        if let Principal::Service(name) = principal {
            context.set("aws:PrincipalServiceName", [name.as_str()]);
        }
        let of_service = matches!(principal, Principal::Service(_));
        let signed = of_service || principal.arn().is_some();
        context.set("aws:PrincipalIsAWSService", signed.then(|| of_service.to_string()));
        context
    }

    /// Gives a key these values, in the place of those it had.
    pub fn set(&mut self, key: &str, values: impl IntoIterator<Item = impl Into<String>>) {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        let key = key.to_lowercase();
        if values.is_empty() {
            self.0.remove(&key);
        } else {
            self.0.insert(key, values);
        }
    }

    /// The values of a key; never an empty list.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_lowercase()).map(Vec::as_slice)
    }
}
