//! Lines that fit, tables, values and times.

use serde_json::Value;

use crate::aws::failure::printable;
use crate::resource::Pointer;

/// Sets a text in lines of `width` characters: the first begins with `first`, the others with `next`. A word that
/// doesn't fit a line is cut, and nothing in it is left that a terminal obeys.
pub fn wrap(text: &str, width: usize, first: &str, next: &str) -> String {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut room = room(width, first);
    let mut empty = true;
    for word in printable(text).split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        let gap = usize::from(!empty);
        if !empty && word.len() + gap > room {
            lines.push(std::mem::replace(&mut line, next.to_owned()));
            room = self::room(width, next);
            empty = true;
        }
        while word.len() > room {
            let rest = word.split_off(room);
            line.extend(word);
            lines.push(std::mem::replace(&mut line, next.to_owned()));
            room = self::room(width, next);
            word = rest;
        }
        if !empty {
            line.push(' ');
            room -= 1;
        }
        room -= word.len();
        line.extend(word);
        empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

fn room(width: usize, indent: &str) -> usize {
    width.saturating_sub(indent.chars().count()).max(1)
}

/// A table with a line of headings; where its columns don't fit side by side, a paragraph for each row. Nothing in a cell
/// is left that a terminal obeys.
pub fn table(headings: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let rows: &[Vec<String>] =
        &rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect::<Vec<_>>();
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headings.len()).map(widest).collect();
    if widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1) > width {
        return paragraphs(headings, rows, width);
    }
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    std::iter::once(&headings).chain(rows).map(line).collect::<Vec<_>>().join("\n")
}

fn paragraphs(headings: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let paragraph = |row: &Vec<String>| {
        let cells = headings.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        let lines = cells.enumerate().map(|(at, (heading, cell))| match at {
            0 => wrap(cell, width, "", "  "),
            _ => wrap(&format!("{heading}: {cell}"), width, "  ", "    "),
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    rows.iter().map(paragraph).collect::<Vec<_>>().join("\n")
}

/// A value of a field, on one line.
pub fn value(value: &Value) -> String {
    if let Some(pointer) = Pointer::read(value) {
        return match pointer.output.as_str() {
            "id" => format!("the new {}", pointer.address),
            output => format!("the {output} of the new {}", pointer.address),
        };
    }
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}

/// A text as one word of a command for a shell, which does nothing else with it.
pub fn shell_word(text: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "_@%+=:,./-".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A time as people say it: `0.4 s`, `12 s`, `2 m 04 s`, `1 h 02 m`.
pub fn seconds(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    // More than a few centuries saturates.
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} m {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} m"),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn no_line_is_longer_than_the_width() {
        let text = "a sentence with averyveryverylongwordthatdoesnotfit in it";
        assert_snapshot!(wrap(text, 16, "- ", "  "), @r"
        - a sentence
          with
          averyveryveryl
          ongwordthatdoe
          snotfit in it
        ");
        for width in 1..60 {
            let wrapped = wrap(text, width, "", "");
            assert!(wrapped.lines().all(|line| line.chars().count() <= width), "{width}: {wrapped}");
            assert_eq!(wrapped.split_whitespace().collect::<String>(), text.split_whitespace().collect::<String>());
        }
    }

    #[test]
    fn a_table_that_does_not_fit_becomes_paragraphs() {
        let rows = [vec!["demo".to_owned(), "eu-west-1".to_owned()], vec!["other".to_owned(), String::new()]];
        assert_snapshot!(table(&["name", "region"], &rows, 20), @r"
        name   region
        demo   eu-west-1
        other
        ");
        assert_snapshot!(table(&["name", "region"], &rows, 12), @r"
        demo
          region:
            eu-west-
            1
        other
        ");
    }

    #[test]
    fn times_are_said_in_their_two_largest_units() {
        let said: Vec<_> = [0.04, 0.44, 9.96, 59.6, 124.0, 3725.0].into_iter().map(seconds).collect();
        assert_eq!(said, ["0.0 s", "0.4 s", "10 s", "1 m 00 s", "2 m 04 s", "1 h 02 m"]);
    }

    #[test]
    fn values_never_obey_the_terminal() {
        assert_eq!(value(&json!("a\u{1b}[31m")), "a [31m");
        assert_eq!(value(&json!(null)), "nothing");
        assert_eq!(value(&json!({"$ref": "studio/vpc"})), "the new studio/vpc");
        assert_eq!(value(&json!([1, "b"])), r#"[1,"b"]"#);
    }
}
