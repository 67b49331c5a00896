//! Who calls: the account's one user, or somebody in a role.
//!
//! A session of a role has an access key that follows from the role's id: `ASIA` and what comes after `AROA`. Whoever
//! signs with it is the role, as STS says.

use super::{Iam, Owner, Role};
use crate::model::policy::{Policies, Principal};
use crate::sandbox::api::ApiError;

/// The name of sessions that nobody named.
const SESSION: &str = "sandbox";

/// Somebody who calls, with what they may do.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who they are.
    pub principal: Principal,
    /// Their policies.
    pub policies: Policies,
    /// The access key with which they sign; empty for the user, who may sign with any.
    pub access_key: String,
}

impl Role {
    fn session_key(&self) -> String {
        format!("ASIA{}", self.id.get(4..).unwrap_or_default())
    }
}

impl Iam {
    /// The ARN of the session that an access key is of: `arn:aws:sts::111122223333:assumed-role/NAME/sandbox`.
    pub fn session_of(&self, partition: &str, account: &str, access_key: &str) -> Option<String> {
        let role = self.roles.values().find(|role| role.session_key() == access_key)?;
        Some(format!("arn:{partition}:sts::{account}:assumed-role/{}/{SESSION}", role.name))
    }

    /// The user, or the role that is meant by its name, its ARN or that of a session; none if there isn't any.
    ///
    /// # Errors
    /// A policy of theirs says what the sandbox doesn't know.
    pub fn identity(&self, partition: &str, account: &str, who: &str) -> Result<Option<Identity>, ApiError> {
        let owner = Owner { partition, account };
        if who == format!("arn:{partition}:iam::{account}:user/sandbox") {
            let (principal, policies) = (Principal::User(who.to_owned()), self.policies_of_user(&owner)?);
            return Ok(Some(Identity { principal, policies, access_key: String::new() }));
        }
        let of_session = who.strip_prefix(&format!("arn:{partition}:sts::{account}:assumed-role/"));
        let (name, session) = match of_session.and_then(|rest| rest.split_once('/')) {
            Some((name, session)) => (name, session),
            None => (who.rsplit('/').next().unwrap_or(who), SESSION),
        };
        let Some(role) = self.roles.get(&name.to_lowercase()) else { return Ok(None) };
        let arn = role.arn(&owner);
        if of_session.is_none() && who.contains(':') && who != arn {
            return Ok(None);
        }
        let principal = Principal::Role { arn, session: session.to_owned() };
        Ok(Some(Identity { principal, policies: self.policies_of(&owner, role)?, access_key: role.session_key() }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Account, TRUST};
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/lab/Portal";

    fn iam() -> Iam {
        let mut account = Account::new();
        account.ok("CreateRole", json!({"RoleName": "Portal", "Path": "/lab/", "AssumeRolePolicyDocument": TRUST}));
        account.iam()
    }

    fn who(iam: &Iam, name: &str) -> Option<Principal> {
        iam.identity("aws", "111122223333", name).unwrap().map(|identity| identity.principal)
    }

    #[test]
    fn a_role_is_found_by_name_arn_or_session() {
        let iam = iam();
        let role = |session: &str| Some(Principal::Role { arn: ROLE.into(), session: session.into() });
        assert_eq!(who(&iam, "portal"), role("sandbox"));
        assert_eq!(who(&iam, ROLE), role("sandbox"));
        assert_eq!(who(&iam, "arn:aws:sts::111122223333:assumed-role/Portal/presign"), role("presign"));
        assert_eq!(who(&iam, "arn:aws:iam::111122223333:role/Portal"), None, "the path is part of the name");
        assert_eq!(who(&iam, "nobody"), None);
    }

    #[test]
    fn a_sessions_key_is_known_as_the_roles() {
        let iam = iam();
        let key = iam.identity("aws", "111122223333", ROLE).unwrap().unwrap().access_key;
        let session = iam.session_of("aws", "111122223333", &key);
        assert_eq!(session.as_deref(), Some("arn:aws:sts::111122223333:assumed-role/Portal/sandbox"));
        assert_eq!(iam.session_of("aws", "111122223333", "AKIDEXAMPLE"), None);
    }

    #[test]
    fn the_user_may_do_everything() {
        let user = "arn:aws:iam::111122223333:user/sandbox";
        assert_eq!(who(&iam(), user), Some(Principal::User(user.into())));
    }
}
