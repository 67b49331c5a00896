//! Who asks, and whom a statement names.

use std::fmt;

use serde_json::Value;

use super::document::texts;

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The root user of an account: `arn:aws:iam::111122223333:root`.
    Root(String),
    /// A user, by its ARN.
    User(String),
    /// A session of a role.
    Role {
        /// The role's ARN.
        arn: String,
        /// The session's name.
        session: String,
    },
    /// A service of AWS: `lambda.amazonaws.com`.
    Service(String),
    /// Somebody whom an identity provider vouches for, by the provider's name.
    Federated(String),
    /// Nobody that AWS knows: an unsigned request.
    Anonymous,
}

impl Principal {
    /// Its ARN, which for a session is the role's.
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::Root(arn) | Self::User(arn) | Self::Role { arn, .. } => Some(arn),
            Self::Service(_) | Self::Federated(_) | Self::Anonymous => None,
        }
    }

    /// Its account.
    pub fn account(&self) -> Option<&str> {
        self.arn().and_then(account)
    }

    /// Whether identity policies could allow it anything.
    pub(super) fn has_policies(&self) -> bool {
        self.arn().is_some()
    }

    /// The ARN of a session: `arn:aws:sts::111122223333:assumed-role/NAME/SESSION`, where the role's path is left out.
    fn session_arn(&self) -> Option<String> {
        let Self::Role { arn, session } = self else { return None };
        let (partition, account) = (arn.split(':').nth(1)?, self.account()?);
        let name = arn.rsplit('/').next()?;
        Some(format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}"))
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) | Self::User(name) | Self::Role { arn: name, .. } => f.pad(name),
            Self::Service(name) | Self::Federated(name) => f.pad(name),
            Self::Anonymous => f.pad("anonymous callers"),
        }
    }
}

/// The account in an ARN.
pub(super) fn account(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| is_account(account))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// How closely a statement names a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    /// By its account.
    Account,
    /// By its role.
    Role,
    /// By its own name, or among everybody.
    Itself,
}

/// Whom a statement names: its `Principal` or its `NotPrincipal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principals {
    /// Whether it names those that it is not about.
    except: bool,
    everybody: bool,
    /// ARNs and accounts.
    aws: Vec<String>,
    services: Vec<String>,
    federated: Vec<String>,
}

impl Principals {
    /// Reads the element's value; the error completes the sentence "the statement …".
    pub fn read(value: &Value, except: bool) -> Result<Self, String> {
        let element = if except { "NotPrincipal" } else { "Principal" };
        let mut principals =
            Self { except, everybody: value == "*", aws: Vec::new(), services: Vec::new(), federated: Vec::new() };
        if principals.everybody {
            return Ok(principals);
        }
        let classes =
            value.as_object().ok_or_else(|| format!("has a {element} that is neither \"*\" nor an object"))?;
        for (class, names) in classes {
            let names = texts(names).ok_or_else(|| format!("has a {element} whose {class} isn't a list of names"))?;
            match class.as_str() {
                "AWS" => principals.aws = names,
                "Service" => principals.services = names,
                "Federated" => principals.federated = names,
                // Nobody who asks here has such an id.
                "CanonicalUser" => {}
                _ => return Err(format!("has a {element} of the unknown class {class}")),
            }
        }
        principals.everybody = principals.aws.iter().any(|name| name == "*");
        Ok(principals)
    }

    /// How closely a statement that allows is about this principal, if it is.
    pub fn allow(&self, principal: &Principal) -> Option<Named> {
        let named = self.closest(principal);
        if self.except { Some(Named::Itself).filter(|_| named.is_none()) } else { named }
    }

    /// Whether a statement that denies is about this principal.
    ///
    /// `NotPrincipal` exempts who is named in full: user and account, or session, role and account; but nobody with a
    /// permissions boundary:
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>.
    pub fn deny(&self, principal: &Principal, bounded: bool) -> bool {
        if !self.except {
            return self.closest(principal).is_some();
        }
        let exempt = self.everybody || self.names(principal).iter().all(|(_, named)| *named);
        bounded || !exempt
    }

    fn closest(&self, principal: &Principal) -> Option<Named> {
        if self.everybody {
            return Some(Named::Itself);
        }
        self.names(principal).into_iter().filter(|(_, named)| *named).map(|(how, _)| how).max()
    }

    /// The names of a principal, each with whether it is among those of the statement.
    fn names(&self, principal: &Principal) -> Vec<(Named, bool)> {
        let aws = |how, name: Option<&str>| (how, self.aws.iter().any(|listed| Some(listed.as_str()) == name));
        let own = |listed: &String| named_account(listed).is_some_and(|account| principal.account() == Some(account));
        let account = |how| (how, self.aws.iter().any(own));
        let among = |list: &[String], name: &String| vec![(Named::Itself, list.contains(name))];
        match principal {
            Principal::Root(_) => vec![account(Named::Itself)],
            Principal::User(arn) => vec![account(Named::Account), aws(Named::Itself, Some(arn))],
            Principal::Role { arn, .. } => vec![
                account(Named::Account),
                aws(Named::Role, Some(arn)),
                aws(Named::Itself, principal.session_arn().as_deref()),
            ],
            Principal::Service(name) => among(&self.services, name),
            Principal::Federated(name) => among(&self.federated, name),
            Principal::Anonymous => vec![(Named::Itself, false)],
        }
    }
}

/// The account that a name in a statement stands for: `111122223333` or `arn:aws:iam::111122223333:root`.
fn named_account(name: &str) -> Option<&str> {
    let account = name.strip_suffix(":root").and_then(|_| account(name)).unwrap_or(name);
    Some(account).filter(|account| is_account(account))
}
