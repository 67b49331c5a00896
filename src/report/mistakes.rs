//! A plan file with mistakes, as people see it.

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::Style;
use crate::plan::PlanError;

/// The mistakes, each with the text underlined, a sentence and a hint.
pub fn text(error: &PlanError, style: Style) -> String {
    let theme = if style.colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_width(style.width);
    // Writing to a string doesn't fail; the sentences are what matters if it did.
    if handler.render_report(&mut text, error).is_err() {
        text = error.mistakes.iter().map(|mistake| format!("{}\n", mistake.sentence)).collect();
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::plan::{Source, parse};

    #[test]
    fn a_mistake_is_underlined_where_it_stands() {
        let source =
            Source { name: "lab.toml".into(), text: "name = \"lab\"\n[onprem]\ncdir = \"10.0.0.0/16\"\n".into() };
        assert_snapshot!(text(&parse(&source).unwrap_err(), Style::plain(60)), @r#"
          × lab.toml has a mistake

        Error: 
          × `cdir` is not a key of [onprem]
           ╭─[lab.toml:3:1]
         2 │ [onprem]
         3 │ cdir = "10.0.0.0/16"
           · ────
           ╰────
          help: did you mean `cidr`?
        "#);
    }
}
