//! Whether a plan file is right.

use serde::Serialize;

use super::text::wrap;
use super::{Style, mistakes};
use crate::plan::{Plan, PlanError};

/// What is to be said of a plan file.
#[derive(Debug, Serialize)]
pub struct CheckDocument<'a> {
    /// Whether it is right.
    pub ok: bool,
    /// The plan, its defaults filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<&'a Plan>,
    /// What is wrong.
    pub mistakes: Vec<MistakeDocument<'a>>,
}

/// One mistake.
#[derive(Debug, Serialize)]
pub struct MistakeDocument<'a> {
    /// The path, or the name of the built-in plan.
    pub file: &'a str,
    /// The line, from 1; absent where the file as a whole can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The character of the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What is wrong.
    pub sentence: &'a str,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'a str>,
}

impl<'a> CheckDocument<'a> {
    /// What is to be said of what came of parsing.
    pub fn of(parsed: &'a Result<Plan, PlanError>) -> Self {
        match parsed {
            Ok(plan) => Self { ok: true, plan: Some(plan), mistakes: Vec::new() },
            Err(error) => Self { ok: false, plan: None, mistakes: mistakes_of(error) },
        }
    }
}

fn mistakes_of(error: &PlanError) -> Vec<MistakeDocument<'_>> {
    if error.mistakes.is_empty() {
        let (sentence, hint) = (&error.sentence, error.hint.as_deref());
        return vec![MistakeDocument { file: &error.plan, line: None, column: None, sentence, hint }];
    }
    let each = error.mistakes.iter().map(|mistake| MistakeDocument {
        file: &error.plan,
        line: Some(mistake.line),
        column: Some(mistake.column),
        sentence: &mistake.sentence,
        hint: mistake.hint.as_deref(),
    });
    each.collect()
}

/// For people.
pub fn text(parsed: &Result<Plan, PlanError>, style: Style) -> String {
    let plan = match parsed {
        Ok(plan) => plan,
        Err(error) => return mistakes::text(error, style),
    };
    let mut lines = vec![format!("The plan of `{}` is right.", plan.name)];
    if !plan.accounts.is_empty() {
        lines.push(format!("It may be applied in these accounts only: {}.", plan.accounts.join(", ")));
    }
    if !plan.regions.is_empty() {
        lines.push(format!("It may be applied in these Regions only: {}.", plan.regions.join(", ")));
    }
    if plan.protect {
        lines.push("It is protected: `down` is refused.".to_owned());
    }
    lines.iter().map(|line| wrap(line, style.width, "", "  ")).collect::<Vec<_>>().join("\n")
}
