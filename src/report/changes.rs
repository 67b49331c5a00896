//! What is going to be done, as a tree of addresses.

use indexmap::{IndexMap, IndexSet};

use super::text::{value, wrap};
use super::{Style, count};
use crate::aws::failure::printable;
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

/// The changes as a tree: each below the nearest one that its address is part of, else below its part of the lab.
pub fn tree(changes: &[Change], style: Style) -> String {
    let mut below: IndexMap<&str, Vec<&Change>> = IndexMap::new();
    for change in changes {
        below.entry(parent(change, changes)).or_default().push(change);
    }
    let parts: IndexSet<&str> = changes.iter().map(|change| part(change.address.as_str())).collect();
    let mut lines = Vec::new();
    for part in parts {
        if let Some(change) = changes.iter().find(|change| change.address.as_str() == part) {
            branch(change, "", &below, 0, style, &mut lines);
        } else {
            lines.push(style.bold(&printable(part)));
            let inside = below.get(part).into_iter().flatten();
            inside.for_each(|change| branch(change, part, &below, 1, style, &mut lines));
        }
    }
    lines.join("\n")
}

/// The part of the lab that an address belongs to; all of it for kind and id of what has no address.
fn part(address: &str) -> &str {
    let whole = address.contains(' ');
    address.split_once('/').filter(|_| !whole).map_or(address, |(part, _)| part)
}

/// The longest address that holds this one, else its part of the lab, which may be itself.
fn parent<'a>(change: &'a Change, changes: &'a [Change]) -> &'a str {
    let address = change.address.as_str();
    let others = changes.iter().map(|other| other.address.as_str());
    let holding = others.filter(|other| rest(other, address).is_some()).max_by_key(|other| other.len());
    holding.unwrap_or_else(|| part(address))
}

/// The rest of an address below another.
fn rest<'a>(parent: &str, address: &'a str) -> Option<&'a str> {
    address.strip_prefix(parent)?.strip_prefix('/')
}

/// A change and everything below it.
fn branch(
    change: &Change,
    parent: &str,
    below: &IndexMap<&str, Vec<&Change>>,
    depth: usize,
    style: Style,
    lines: &mut Vec<String>,
) {
    let address = change.address.as_str();
    let label = printable(rest(parent, address).unwrap_or(address));
    let indent = "  ".repeat(depth);
    let line = wrap(&label, style.width, &format!("{indent}{} ", sign(change.action)), &format!("{indent}    "));
    lines.push(style.action(change.action, &line));
    let inner = format!("{indent}    ");
    for field in change.fields.iter().flat_map(parts) {
        let text = format!("{}: {} → {}", field.field, value(&field.actual), value(&field.expected));
        lines.push(wrap(&text, style.width, &inner, &format!("{inner}  ")));
    }
    if let Some(why) = &change.refused {
        lines.push(wrap(&printable(why), style.width, &format!("{inner}! "), &format!("{inner}  ")));
    }
    let inside = below.get(address).into_iter().flatten();
    inside.filter(|inner| inner.address != change.address).for_each(|inner| {
        branch(inner, address, below, depth + 1, style, lines);
    });
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
            change(
                "studio/security-group/endpoints/rule/tcp-443-from-10.16.0.0/16",
                Kind::SecurityGroupRule,
                Action::Create,
            ),
            change("peering", Kind::VpcPeeringConnection, Action::Create),
            Change { fields: vec![trust], ..change("access/role/portal", Kind::Role, Action::Replace) },
            change("route rtb-1 0.0.0.0/0", Kind::Route, Action::Delete),
            Change {
                refused: Some("it holds subnet subnet-9, which is not the lab's".into()),
                ..change("onprem/vpc", Kind::Vpc, Action::Delete)
            },
        ]
    }

    #[test]
    fn a_change_stands_below_what_it_is_part_of() {
        assert_snapshot!(tree(&some(), Style::plain(80)), @r"
        studio
          ~ vpc
              dns_support: false → true
          + security-group/endpoints
            + rule/tcp-443-from-10.16.0.0/16
        + peering
        access
          ± role/portal
              trust.Statement[0].Principal: b → a
        − route rtb-1 0.0.0.0/0
        onprem
          − vpc
              ! it holds subnet subnet-9, which is not the lab's
        ");
    }

    #[test]
    fn forty_columns_are_enough() {
        let tree = tree(&some(), Style::plain(40));
        assert!(tree.lines().all(|line| line.chars().count() <= 40), "{tree}");
        assert_snapshot!(tree, @r"
        studio
          ~ vpc
              dns_support: false → true
          + security-group/endpoints
            + rule/tcp-443-from-10.16.0.0/16
        + peering
        access
          ± role/portal
              trust.Statement[0].Principal: b →
                a
        − route rtb-1 0.0.0.0/0
        onprem
          − vpc
              ! it holds subnet subnet-9, which
                is not the lab's
        ");
    }

    #[test]
    fn counts_name_only_what_happens() {
        assert_eq!(counts(&some()), "3 to create, 1 to change, 1 to replace, 2 to delete");
        assert_eq!(counts(&[]), "nothing to do");
    }
}
