//! What is plainly open in policies: who may make a presigned URL, and from where. Documents are read as they stand;
//! what conditions come to for a request isn't worked out here.

use serde_json::Value;

use crate::plan::AccessMode;
use crate::resource::{Address, Kind, Spec};

use super::{Lab, join};

/// Where the role in which the portal acts stands in a blueprint.
pub(crate) const PORTAL: &str = "access/role/portal";
/// Where its policy on presigned URLs stands.
pub(crate) const PRESIGN: &str = "access/role/portal/policy/presign";

/// The call that makes the URL by which a browser enters Studio.
pub(crate) const PRESIGN_ACTION: &str = "sagemaker:CreatePresignedDomainUrl";

impl Lab<'_> {
    /// Whether the portal role can make URLs that work from anywhere.
    pub(super) fn open_access(&self) -> Vec<String> {
        let Some(mode) = self.plan.access.mode.filter(|_| self.plan.access.role) else { return Vec::new() };
        let unread = [Kind::Role, Kind::RolePolicy, Kind::RolePolicyAttachment];
        if let Some((kind, failure)) = unread.iter().find_map(|kind| Some((kind, self.survey.why_unreadable(*kind)?))) {
            return vec![format!("{kind} could not be read: {failure}: from where a presigned URL works is unknown")];
        }
        let (Some(role), Some(desired)) =
            (self.holdings.held.get(&Address::from(PORTAL)), self.blueprint.get(&Address::from(PRESIGN)))
        else {
            return Vec::new();
        };
        let planned = self.holdings.resolved(desired).remove("document").unwrap_or_default();
        let (role, label) = (&role.observed.id, self.labels.label(&role.observed.id));
        let (mut policies, mut attached) = (Vec::new(), Vec::new());
        for observed in self.survey.live() {
            match &observed.spec {
                Spec::RolePolicy(policy) if policy.role.text() == *role => {
                    policies.push((&policy.name, serde_json::to_value(&policy.document).unwrap_or_default()));
                }
                Spec::RolePolicyAttachment(attachment) if attachment.role.text() == *role => {
                    attached.push(&attachment.policy_arn);
                }
                _ => {}
            }
        }
        if policies.iter().any(|(_, document)| keeps_urls_inside(document, &planned)) {
            return Vec::new();
        }
        let open = policies.iter().filter(|(_, document)| makes_urls_anywhere(document, &planned));
        let open: Vec<_> = open.map(|(name, _)| format!("`{name}`")).collect();
        let inside = match mode {
            AccessMode::SourceVpce => "through the endpoints",
            AccessMode::SourceVpc => "from the Studio VPC",
            AccessMode::SourceIp => "from the networks of the plan",
        };
        let no_deny = format!("no policy of the role {label} denies {PRESIGN_ACTION} but {inside}");
        if !open.is_empty() {
            let verb = if open.len() == 1 { "allows" } else { "allow" };
            return vec![format!("{no_deny}, and {} {verb} it: a presigned URL may work from anywhere", join(open))];
        }
        let what = match attached.is_empty() {
            true => "whatever else allows it".to_owned(),
            false => format!("if {} allows it, that", join(attached)),
        };
        vec![format!("{no_deny}: {what} may let a presigned URL work from anywhere")]
    }
}

/// Whether a document denies the making and the use of presigned URLs wherever the planned one does.
pub(crate) fn keeps_urls_inside(document: &Value, planned: &Value) -> bool {
    let Some(wanted) = statements(planned).find(|statement| is(statement, "Deny")) else { return true };
    let resources = |statement: &Value| texts(statement.get("Resource"));
    let covers = |statement: &&Value| {
        let own = resources(statement);
        let everywhere = own.iter().any(|resource| resource == "*");
        is(statement, "Deny")
            && names_action(statement, PRESIGN_ACTION)
            && (everywhere || resources(wanted).iter().all(|resource| own.contains(resource)))
            && (statement.get("Condition").is_none() || is_within(statement, wanted))
    };
    statements(document).any(|statement| covers(&statement))
}

/// Whether a document allows the making of presigned URLs without the condition that the planned one has.
pub(crate) fn makes_urls_anywhere(document: &Value, planned: &Value) -> bool {
    let wanted = statements(planned).find(|statement| is(statement, "Allow"));
    statements(document).any(|statement| {
        let kept = wanted.is_some_and(|wanted| wanted.get("Condition").is_some() && is_within(statement, wanted));
        is(statement, "Allow") && names_action(statement, PRESIGN_ACTION) && !kept
    })
}

/// Whether the one condition of a statement is that of another, with no more values.
fn is_within(statement: &Value, wanted: &Value) -> bool {
    let single = |statement: &Value| {
        let (operator, keys) = only(statement.get("Condition")?)?;
        let (key, values) = only(keys)?;
        Some((operator.to_owned(), key.to_ascii_lowercase(), texts(Some(values))))
    };
    match (single(statement), single(wanted)) {
        (Some((operator, key, values)), Some((wanted, wanted_key, planned))) => {
            operator == wanted && key == wanted_key && values.iter().all(|value| planned.contains(value))
        }
        _ => false,
    }
}

/// The one member of an object.
fn only(value: &Value) -> Option<(&String, &Value)> {
    value.as_object().filter(|members| members.len() == 1)?.iter().next()
}

/// The statements of a document.
pub(crate) fn statements(document: &Value) -> impl Iterator<Item = &Value> {
    document.get("Statement").and_then(Value::as_array).into_iter().flatten()
}

/// Whether a statement has this effect.
pub(crate) fn is(statement: &Value, effect: &str) -> bool {
    statement.get("Effect").and_then(Value::as_str) == Some(effect)
}

/// The strings of a value that holds one or a list of them.
pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Whether a statement is about an action.
fn names_action(statement: &Value, action: &str) -> bool {
    let named = |member: &str| {
        let member = statement.get(member)?;
        Some(
            texts(Some(member))
                .iter()
                .any(|pattern| matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())),
        )
    };
    named("Action").or_else(|| named("NotAction").map(|named| !named)).unwrap_or_default()
}

/// Whether a text is as a pattern says, in which `*` is any text and `?` any sign.
fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, _) => text.is_empty(),
        (Some('*'), _) => {
            let rest = &pattern[1..];
            matches(rest, text) || text.char_indices().any(|(at, sign)| matches(rest, &text[at + sign.len_utf8()..]))
        }
        (Some(wanted), Some(sign)) if wanted == '?' || wanted == sign => {
            matches(&pattern[wanted.len_utf8()..], &text[sign.len_utf8()..])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::policy::Policy;

    fn document(statements: Value) -> Value {
        serde_json::to_value(Policy::new(json!({"Statement": statements}))).unwrap()
    }

    fn statement(effect: &str, action: &str, condition: Option<(&str, &[&str])>) -> Value {
        let mut statement = json!({"Effect": effect, "Action": action, "Resource": "arn:profile/*"});
        if let Some((operator, values)) = condition {
            statement["Condition"] = json!({operator: {"aws:SourceVpce": values}});
        }
        statement
    }

    fn planned() -> Value {
        let both: &[&str] = &["vpce-1", "vpce-2"];
        let allow = statement("Allow", PRESIGN_ACTION, Some(("StringEquals", both)));
        document(json!([allow, statement("Deny", PRESIGN_ACTION, Some(("StringNotEquals", both)))]))
    }

    #[test]
    fn a_deny_covers_where_it_denies_as_much() {
        let keeps = |statement: Value| keeps_urls_inside(&document(json!([statement])), &planned());
        let but = |values: &'static [&str]| Some(("StringNotEquals", values));
        assert!(keeps_urls_inside(&planned(), &planned()));
        assert!(keeps(statement("Deny", "sagemaker:*", but(&["vpce-1"]))));
        assert!(keeps(statement("Deny", "*", None)));
        assert!(!keeps(statement("Deny", "*", but(&["vpce-1", "vpce-9"]))));
        assert!(!keeps(statement("Deny", "sagemaker:Describe*", None)));
        assert!(!keeps(statement("Deny", "*", Some(("StringEquals", &["vpce-1"])))));
        let elsewhere = json!({"Effect": "Deny", "Action": "*", "Resource": "arn:profile/one"});
        assert!(!keeps(elsewhere));
    }

    #[test]
    fn an_allow_is_open_without_the_planned_condition() {
        let open = |statement: Value| makes_urls_anywhere(&document(json!([statement])), &planned());
        assert!(!makes_urls_anywhere(&planned(), &planned()));
        assert!(open(statement("Allow", "sagemaker:createpresigned*", None)));
        assert!(open(json!({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"})));
        assert!(!open(statement("Allow", "sagemaker:CreateDomain", None)));
        assert!(!open(statement("Allow", "*", Some(("StringEquals", &["vpce-1"])))));
        assert!(open(statement("Allow", "*", Some(("StringEquals", &["vpce-9"])))));
    }

    #[test]
    fn patterns_match_as_in_iam() {
        assert!(matches("sagemaker:*url", "sagemaker:createpresigneddomainurl"));
        assert!(matches("s?gemaker:*", "sagemaker:x"));
        assert!(!matches("sagemaker:create", "sagemaker:createdomain"));
    }
}
