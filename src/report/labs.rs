//! The labs of an account and Region.

use serde::Serialize;

use super::Style;
use super::text::{table, wrap};
use crate::aws::Place;
use crate::aws::failure::printable;
use crate::engine::view::Lab;

/// The answer of `list`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListDocument {
    /// The labs, by name.
    pub labs: Vec<LabDocument>,
}

/// One lab.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabDocument {
    /// What is known of it.
    #[serde(flatten)]
    pub lab: Lab,
    /// Its Region.
    pub region: String,
    /// Its account.
    pub account: String,
}

impl ListDocument {
    /// The labs of a place.
    pub fn of(place: &Place, labs: Vec<Lab>) -> Self {
        let document = |lab| LabDocument { lab, region: place.region.clone(), account: place.account.clone() };
        Self { labs: labs.into_iter().map(document).collect() }
    }

    /// For people.
    pub fn text(&self, style: Style) -> String {
        if self.labs.is_empty() {
            return "No lab stands here.".to_owned();
        }
        let row = |LabDocument { lab, .. }: &LabDocument| {
            let created = lab.created.map_or(String::new(), |created| format!("{created:.0}"));
            let expires = lab.expires.map_or(String::new(), |expires| expires.to_string());
            vec![printable(&lab.name), lab.resources.to_string(), created, expires]
        };
        let rows: Vec<_> = self.labs.iter().map(row).collect();
        let mut lines = vec![table(&["lab", "resources", "created", "expires"], &rows, style.width)];
        for LabDocument { lab, .. } in &self.labs {
            let problems = lab.problems.iter().map(|problem| printable(&format!("{}: {problem}", lab.name)));
            lines.extend(problems.map(|problem| wrap(&problem, style.width, "! ", "  ")));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn some() -> ListDocument {
        let place = Place {
            target: "sandbox".into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            partition: "aws".into(),
            caller: "arn:aws:iam::111122223333:user/sandbox".into(),
        };
        let whole = Lab {
            name: "demo".into(),
            resources: 31,
            created: Some("2026-01-05T08:00:00.5Z".parse().unwrap()),
            created_by: None,
            expires: Some("2026-02-01".parse().unwrap()),
            problems: Vec::new(),
        };
        let lost = Lab {
            name: "old".into(),
            resources: 2,
            created: None,
            expires: None,
            problems: vec!["its record is missing".into()],
            ..whole.clone()
        };
        ListDocument::of(&place, vec![whole, lost])
    }

    #[test]
    fn a_line_for_each_lab() {
        assert_snapshot!(some().text(Style::plain(80)), @r"
        lab   resources  created               expires
        demo  31         2026-01-05T08:00:00Z  2026-02-01
        old   2
        ! old: its record is missing
        ");
        assert_snapshot!(some().text(Style::plain(40)), @r"
        demo
          resources: 31
          created: 2026-01-05T08:00:00Z
          expires: 2026-02-01
        old
          resources: 2
        ! old: its record is missing
        ");
    }

    #[test]
    fn json_has_the_names_of_the_contract() {
        let json = serde_json::to_value(some()).unwrap();
        assert_eq!(json["labs"][0]["name"], "demo");
        assert_eq!(json["labs"][0]["region"], "us-east-1");
        assert_eq!(json["labs"][0]["account"], "111122223333");
        assert_eq!(json["labs"][0]["resources"], 31);
        assert_eq!(json["labs"][1].get("expires"), None);
    }
}
