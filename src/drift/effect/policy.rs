//! What a policy says, and how it differs from another.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{several, texts};

/// How what a document allows and denies differs from another.
pub fn change(expected: &Value, actual: &Value) -> String {
    let lacking = |of: &Value, than: &Value, effect: &str| {
        let other: Vec<Value> = statements(than).cloned().collect();
        let lacking = statements(of).filter(|one| is(one, effect) && !other.contains(one));
        lacking.cloned().collect::<Vec<_>>()
    };
    let alike = |one: &Value, two: &Value| what(one) == what(two);
    let mut parts = Vec::new();
    let (mut new_allows, mut new_denies) = (lacking(actual, expected, "Allow"), lacking(actual, expected, "Deny"));
    for gone in lacking(expected, actual, "Deny") {
        match new_denies.iter().position(|new| alike(new, &gone)) {
            Some(at) => {
                new_denies.remove(at);
                parts.push(format!("denies {} under another condition", what(&gone)));
            }
            None => parts.push(format!("no longer denies {}", what(&gone))),
        }
    }
    for gone in lacking(expected, actual, "Allow") {
        match new_allows.iter().position(|new| alike(new, &gone)) {
            Some(at) => {
                let open = new_allows.remove(at).get("Condition").is_none();
                let how = if open { "without any condition" } else { "under another condition" };
                parts.push(format!("allows {} {how}", what(&gone)));
            }
            None => parts.push(format!("no longer allows {}", what(&gone))),
        }
    }
    parts.extend(new_allows.iter().map(|new| format!("allows {}", what(new))));
    parts.extend(new_denies.iter().map(|new| format!("denies {}", what(new))));
    let parts: BTreeSet<_> = parts.into_iter().collect();
    if parts.is_empty() {
        "says the same in other words".to_owned()
    } else {
        parts.into_iter().collect::<Vec<_>>().join("; ")
    }
}

/// What a statement is about: its actions, and for whom, where it says so.
pub fn what(statement: &Value) -> String {
    let actions = texts(statement.get("Action"));
    let actions = match (actions.is_empty(), texts(statement.get("NotAction"))) {
        (false, _) => several(&actions),
        (true, others) => format!("all but {}", several(&others)),
    };
    let actions = if actions == "*" { "everything".to_owned() } else { actions };
    let all =
        texts(statement.get("Resource")) == ["*"] && statement.get("Principal").is_none() && actions != "everything";
    let on = if all { " on everything" } else { "" };
    let who = match statement.get("Principal") {
        Some(Value::Object(kinds)) => {
            let who: Vec<String> = kinds.values().flat_map(|ids| texts(Some(ids))).collect();
            format!(" to {}", several(&who))
        }
        _ => String::new(),
    };
    format!("{actions}{on}{who}")
}

/// The statements of a document.
pub fn statements(document: &Value) -> impl Iterator<Item = &Value> {
    document.get("Statement").and_then(Value::as_array).into_iter().flatten()
}

/// Whether a statement has this effect.
pub fn is(statement: &Value, effect: &str) -> bool {
    statement.get("Effect").and_then(Value::as_str) == Some(effect)
}
