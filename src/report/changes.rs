//! What is going to be done, as a tree of addresses.

use super::text::{value, wrap};
use super::{Style, count};
use crate::engine::changes::{Action, Change};
use crate::engine::difference::{FieldDifference, leaves};

/// The sign of an action.
pub fn sign(action: Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Update => "~",
        Action::Replace => "±",
        Action::Delete => "−",
    }
}

/// The changes as a tree: each below the nearest one that its address is part of.
pub fn tree(changes: &[Change], style: Style) -> String {
    let mut changes: Vec<&Change> = changes.iter().collect();
    changes.sort_by_key(|change| segments(change.address.as_str()));
    let mut lines = Vec::new();
    let mut above: Vec<&str> = Vec::new();
    for change in changes {
        let address = change.address.as_str();
        while above.last().is_some_and(|parent| below(parent, address).is_none()) {
            above.pop();
        }
        if above.is_empty()
            && let Some((part, _)) = address.split_once('/')
        {
            lines.push(style.bold(part));
            above.push(part);
        }
        let label = above.last().and_then(|parent| below(parent, address)).unwrap_or(address);
        let indent = "  ".repeat(above.len());
        let line = wrap(label, style.width, &format!("{indent}{} ", sign(change.action)), &format!("{indent}    "));
        lines.push(style.action(change.action, &line));
        let inner = format!("{indent}    ");
        for field in change.fields.iter().flat_map(parts) {
            let text = format!("{}: {} → {}", field.field, value(&field.actual), value(&field.expected));
            lines.push(wrap(&text, style.width, &inner, &format!("{inner}  ")));
        }
        if let Some(why) = &change.refused {
            lines.push(wrap(why, style.width, &format!("{inner}! "), &format!("{inner}  ")));
        }
        above.push(address);
    }
    lines.join("\n")
}

/// `30 to create, 1 to delete`.
pub fn counts(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "nothing to do".to_owned();
    }
    let all = [
        (Action::Create, "to create"),
        (Action::Update, "to change"),
        (Action::Replace, "to replace"),
        (Action::Delete, "to delete"),
    ];
    let said = all.into_iter().filter_map(|(action, what)| {
        let number = changes.iter().filter(|change| change.action == action).count();
        (number > 0).then(|| count(number, what, what))
    });
    said.collect::<Vec<_>>().join(", ")
}

/// A difference as the deepest fields that differ.
pub fn parts(difference: &FieldDifference) -> Vec<FieldDifference> {
    let FieldDifference { field, expected, actual } = difference;
    if crate::resource::Pointer::read(expected).is_some() {
        return vec![difference.clone()];
    }
    leaves(field, expected, actual)
}

fn segments(address: &str) -> Vec<&str> {
    address.split('/').collect()
}

/// The rest of an address below another.
fn below<'a>(parent: &str, address: &'a str) -> Option<&'a str> {
    address.strip_prefix(parent)?.strip_prefix('/')
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;
    use crate::resource::{Address, Kind};

    fn change(address: &str, kind: Kind, action: Action) -> Change {
        Change { address: Address::from(address), kind, action, fields: Vec::new(), refused: None }
    }

    fn some() -> Vec<Change> {
        let trust = FieldDifference {
            field: "trust".into(),
            expected: json!({"Statement": [{"Effect": "Allow", "Principal": "a"}]}),
            actual: json!({"Statement": [{"Effect": "Allow", "Principal": "b"}]}),
        };
        let dns = FieldDifference { field: "dns_support".into(), expected: json!(true), actual: json!(false) };
        vec![
            Change { fields: vec![dns], ..change("studio/vpc", Kind::Vpc, Action::Update) },
            change("studio/security-group/endpoints", Kind::SecurityGroup, Action::Create),
            change("studio/security-group/endpoints/rule/tcp-443-from-10.16.0.0/16", Kind::SecurityGroupRule, Action::Create),
            change("peering", Kind::VpcPeeringConnection, Action::Create),
            Change { fields: vec![trust], ..change("access/role/portal", Kind::Role, Action::Replace) },
            change("route rtb-1 0.0.0.0/0", Kind::Route, Action::Delete),
            Change { refused: Some("it holds subnet subnet-9, which is not the lab's".into()), ..change("onprem/vpc", Kind::Vpc, Action::Delete) },
        ]
    }

    #[test]
    fn a_change_stands_below_what_it_is_part_of() {
        assert_snapshot!(tree(&some(), Style::plain(80)), @"");
    }

    #[test]
    fn forty_columns_are_enough() {
        let tree = tree(&some(), Style::plain(40));
        assert!(tree.lines().all(|line| line.chars().count() <= 40), "{tree}");
        assert_snapshot!(tree, @"");
    }

    #[test]
    fn counts_name_only_what_happens() {
        assert_eq!(counts(&some()), "3 to create, 1 to change, 1 to replace, 2 to delete");
        assert_eq!(counts(&[]), "nothing to do");
    }
}
