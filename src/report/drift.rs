//! What of a lab is no longer as asked for.

use serde::Serialize;

use super::text::{value, wrap};
use super::{Style, changes, count};
use crate::aws::failure::printable;
use crate::drift::{Class, Difference};
use crate::engine::difference::FieldDifference;

/// The answer of `drift`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftDocument {
    /// The lab.
    pub lab: String,
    /// Whether nothing differs.
    pub clean: bool,
    /// What differs.
    pub differences: Vec<Difference>,
    /// Where the plan given says something else than the lab's record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub record_differences: Vec<FieldDifference>,
}

impl DriftDocument {
    /// For people; `next` is the command that repairs.
    pub fn text(&self, next: &str, style: Style) -> String {
        let mut lines = super::plan::record_notes(&self.record_differences, style);
        if self.clean {
            let line = format!("{} is as asked for: nothing differs.", self.lab);
            lines.push(wrap(&line, style.width, "", "  "));
            return lines.join("\n");
        }
        let classes = [Class::Changed, Class::Missing, Class::Unmanaged, Class::Unproven, Class::Unknown];
        let mut counted = Vec::new();
        for class in classes {
            let of_class: Vec<_> = self.differences.iter().filter(|difference| difference.class == class).collect();
            if !of_class.is_empty() {
                lines.push(style.class(class, name(class)));
                let mut before = None;
                for difference in &of_class {
                    lines.extend(one(difference, before, style));
                    before = Some(&difference.address);
                }
                counted.push(format!("{} {}", of_class.len(), name(class)));
            }
        }
        let differences = count(self.differences.len(), "difference", "differences");
        let summary = format!("{}: {differences} ({}).", self.lab, counted.join(", "));
        lines.push(wrap(&summary, style.width, "", "  "));
        let repaired = |difference: &Difference| {
            !difference.foreign && matches!(difference.class, Class::Changed | Class::Missing | Class::Unmanaged)
        };
        if self.differences.iter().any(repaired) {
            lines.push(wrap(&format!("What is the lab's is put right by: {next}"), style.width, "", "  "));
        }
        lines.join("\n")
    }
}

fn name(class: Class) -> &'static str {
    match class {
        Class::Changed => "changed",
        Class::Missing => "missing",
        Class::Unmanaged => "unmanaged",
        Class::Unproven => "unproven",
        Class::Unknown => "unknown",
    }
}

/// One difference: its address, unless the one before had the same; the field; the effect.
fn one(difference: &Difference, before: Option<&crate::resource::Address>, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if before != Some(&difference.address) {
        let address = difference.address.as_str();
        let id = difference.id.as_deref().filter(|id| !address.ends_with(id)).unwrap_or_default();
        lines.push(wrap(&printable(&format!("{address} {id}")), style.width, "  ", "    "));
    }
    if let (Some(field), Some(expected), Some(actual)) = (&difference.field, &difference.expected, &difference.actual) {
        let whole = FieldDifference { field: field.clone(), expected: expected.clone(), actual: actual.clone() };
        for part in changes::parts(&whole) {
            let text = format!("{}: {} → {}", part.field, value(&part.expected), value(&part.actual));
            lines.push(wrap(&text, style.width, "    ", "      "));
        }
    }
    let effect = wrap(&printable(&difference.effect), style.width, "    ", "    ");
    lines.push(style.dim(&effect));
    lines
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;
    use crate::resource::{Address, Kind};

    fn difference(address: &str, kind: Kind, class: Class, effect: &str) -> Difference {
        Difference {
            address: Address::from(address),
            kind,
            class,
            id: None,
            field: None,
            expected: None,
            actual: None,
            foreign: false,
            effect: effect.to_owned(),
        }
    }

    fn some() -> DriftDocument {
        let changed = |field: &str, expected, actual, effect: &str| Difference {
            id: Some("vpc-0a1".into()),
            field: Some(field.into()),
            expected: Some(expected),
            actual: Some(actual),
            ..difference("studio/vpc", Kind::Vpc, Class::Changed, effect)
        };
        DriftDocument {
            lab: "demo".into(),
            clean: false,
            differences: vec![
                changed("dns_support", json!(true), json!(false), "names don't resolve inside the VPC"),
                changed("tags.Name", json!("STUDIO"), json!("\u{1b}[2Jgone"), "reports that go by this tag miss it"),
                difference("studio/subnet/private-a", Kind::Subnet, Class::Missing, "there is no room in eu-west-1a"),
                Difference {
                    id: Some("sgr-7".into()),
                    actual: Some(json!({"protocol": "tcp"})),
                    ..difference(
                        "studio/security-group/endpoints/sgr-7",
                        Kind::SecurityGroupRule,
                        Class::Unmanaged,
                        "opens the way for tcp 22 from 0.0.0.0/0, to the whole internet",
                    )
                },
            ],
            record_differences: vec![FieldDifference {
                field: "studio.cidr".into(),
                expected: json!("10.17.0.0/16"),
                actual: json!("10.16.0.0/16"),
            }],
        }
    }

    #[test]
    fn differences_are_grouped_by_class_with_what_they_open_or_break() {
        assert_snapshot!(some().text("breezeway up demo", Style::plain(80)), @r#"
        * the plan given says studio.cidr = "10.17.0.0/16", the lab's record
          "10.16.0.0/16"
        changed
          studio/vpc vpc-0a1
            dns_support: true → false
            names don't resolve inside the VPC
            tags.Name: STUDIO → [2Jgone
            reports that go by this tag miss it
        missing
          studio/subnet/private-a
            there is no room in eu-west-1a
        unmanaged
          studio/security-group/endpoints/sgr-7
            opens the way for tcp 22 from 0.0.0.0/0, to the whole internet
        demo: 4 differences (2 changed, 1 missing, 1 unmanaged).
        What is the lab's is put right by: breezeway up demo
        "#);
    }

    #[test]
    fn forty_columns_are_enough() {
        let text = some().text("breezeway up demo", Style::plain(40));
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
    }

    #[test]
    fn a_clean_lab_is_one_line() {
        let clean = DriftDocument { clean: true, differences: Vec::new(), record_differences: Vec::new(), ..some() };
        assert_eq!(clean.text("", Style::plain(80)), "demo is as asked for: nothing differs.");
    }
}
