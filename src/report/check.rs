//! Whether a plan file is right.

use serde::Serialize;

use super::Style;
use super::text::wrap;
use crate::plan::{Plan, PlanError, Warning};

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
    /// What may not be meant.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub warnings: &'a [Warning],
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
    pub fn of(parsed: &'a Result<Plan, PlanError>, warnings: &'a [Warning]) -> Self {
        let mistakes = parsed.as_ref().err().map_or(Vec::new(), mistakes_of);
        Self { ok: parsed.is_ok(), plan: parsed.as_ref().ok(), mistakes, warnings }
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

/// A plan that is right, for people.
pub fn text(plan: &Plan, style: Style) -> String {
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
