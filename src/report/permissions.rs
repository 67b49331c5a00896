//! The IAM policy that the tool itself needs.

use serde::Serialize;
use serde_json::Value;

use super::text::wrap;
use super::{Style, count};
use crate::permissions::{LONGEST, Named, Permissions, Reason};

/// The answer of `permissions`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PermissionsDocument {
    /// The lab.
    pub lab: String,
    /// The policy documents.
    pub policies: Vec<Named>,
    /// Why some of what they allow isn't limited to the lab.
    pub reasons: Vec<Reason>,
}

impl PermissionsDocument {
    /// What a lab needs.
    pub fn of(lab: &str, permissions: Permissions) -> Self {
        let Permissions { policies, reasons } = permissions;
        Self { lab: lab.to_owned(), policies, reasons }
    }

    /// The document; a list of them where there are several.
    pub fn text(&self) -> String {
        match self.policies.as_slice() {
            [one] => format!("{:#}", one.document),
            all => format!("{:#}", all.iter().map(|one| one.document.clone()).collect::<Value>()),
        }
    }

    /// How many documents there are, how large, and what they allow beyond the lab, for people. `kept` says whether each is
    /// in a file of its own.
    pub fn remarks(&self, kept: bool, style: Style) -> Vec<String> {
        let line = |text: &str| wrap(text, style.width, "", "  ");
        let sizes = self.policies.iter().map(|one| format!("{}: {} of {LONGEST} characters", one.name, one.characters));
        let mut lines: Vec<String> = sizes.map(|size| line(&size)).collect();
        if self.policies.len() > 1 && !kept {
            let many = count(self.policies.len(), "policy", "policies");
            lines.push(line(&format!("hint: IAM takes this as {many}, not as one: --folder writes a file for each.")));
        }
        if !self.reasons.is_empty() {
            lines.push(line("What is allowed beyond the lab, and why:"));
        }
        for Reason { sid, actions, why } in &self.reasons {
            let actions = actions.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            lines.push(wrap(&format!("{sid} ({actions}): {why}"), style.width, "  ", "    "));
        }
        lines
    }
}
