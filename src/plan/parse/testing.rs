//! What tests of parsing begin with.

use miette::{GraphicalReportHandler, GraphicalTheme};

use crate::plan::{Plan, PlanError, Source, parse};

pub fn source(text: &str) -> Source {
    Source { name: "lab.toml".into(), text: text.into() }
}

/// The plan in a text without mistakes.
pub fn plan(text: &str) -> Plan {
    parse(&source(text)).unwrap_or_else(|error| panic!("{}", render(&error)))
}

/// The plan in a text without mistakes, which comes with a name.
pub fn lab(text: &str) -> Plan {
    plan(&format!("name = \"lab\"\n{text}"))
}

pub fn render(error: &PlanError) -> String {
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(100);
    handler.render_report(&mut text, error).unwrap();
    text
}

/// The picture that a user gets of the mistakes in this text.
pub fn picture(text: &str) -> String {
    render(&parse(&source(text)).unwrap_err())
}

/// Place, sentence and hint of each mistake in this text, which comes with a name.
pub fn mistakes(text: &str) -> String {
    let error = parse(&source(&format!("name = \"lab\"\n{text}"))).expect_err(text);
    let lines = error.mistakes.iter().map(|mistake| {
        let hint = mistake.hint.as_deref().unwrap_or_default();
        format!("{}:{} {}\n    {hint}", mistake.line, mistake.column, mistake.sentence)
    });
    lines.collect::<Vec<_>>().join("\n")
}
