//! Where plans come from: files, and the program itself.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::string::FromUtf8Error;

use super::mistake::{Fault, PlanError, quoted, suggestion};

/// The largest plan file, in bytes.
const LARGEST: usize = 1 << 20;

/// The longest line, in bytes: no plan needs more, and a mistake is shown with its line.
const LONGEST_LINE: usize = 4096;

/// The plans that are part of the program: name, without the `@`, and text.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("foundation", include_str!("../../plans/foundation.toml")),
    ("minimal", include_str!("../../plans/minimal.toml")),
    ("skeleton", include_str!("../../plans/skeleton.toml")),
    ("studio-private-access", include_str!("../../plans/studio-private-access.toml")),
];

/// The text of a plan, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path of the file, or the name of the built-in plan with its `@`.
    pub name: String,
    /// The plan, in TOML.
    pub text: String,
}

impl Source {
    /// Reads a plan file.
    ///
    /// # Errors
    ///
    /// The file can't be read, is none but a pipe or a device, is larger than 1 MiB, or isn't UTF-8.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let reading = open_file(path).and_then(|file| file.take(LARGEST as u64 + 1).read_to_end(&mut bytes));
        if let Err(error) = reading {
            return Err(unreadable(&name, &error));
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            let sentence = format!("{name} is text in UTF-16");
            return Err(PlanError::unreadable(&name, sentence, "save the plan as UTF-8"));
        }
        // Checked first: a file that was cut short may end within a character.
        if bytes.len() > LARGEST {
            return Err(too_large(&name));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text: text.strip_prefix('\u{feff}').unwrap_or(&text).into() }),
            Err(error) => Err(not_utf8(name, &error)),
        }
    }

    /// The built-in plan of this name, with or without its `@`.
    ///
    /// # Errors
    ///
    /// There is none; the error names the nearest.
    pub fn built_in(name: &str) -> Result<Self, PlanError> {
        let name = name.strip_prefix('@').unwrap_or(name);
        match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((known, text)) => Ok(Self { name: format!("@{known}"), text: (*text).into() }),
            None => {
                let name = format!("@{name}");
                let known: Vec<String> = BUILT_IN.iter().map(|(known, _)| format!("@{known}")).collect();
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let sentence = format!("There is no built-in plan {}", quoted(&name));
                Err(PlanError::unreadable(&name, sentence, &suggestion(&name, &known)))
            }
        }
    }

    /// Refuses what is too large to be a plan.
    pub(super) fn check_size(&self) -> Result<(), PlanError> {
        if self.text.len() > LARGEST {
            return Err(too_large(&self.name));
        }
        self.check_lines()
    }

    fn check_lines(&self) -> Result<(), PlanError> {
        match self.text.lines().position(|line| line.len() > LONGEST_LINE) {
            Some(line) => {
                let sentence = format!("Line {} of {} is longer than {LONGEST_LINE} bytes", line + 1, self.name);
                Err(PlanError::unreadable(&self.name, sentence, "is it a plan? Break the line, if it is"))
            }
            None => Ok(()),
        }
    }
}

/// Opens a regular file: a pipe or a device might never begin, or never end.
///
/// # Errors
/// It is none, or can't be opened.
pub fn open_file(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    File::open(path)
}

fn not_utf8(name: String, error: &FromUtf8Error) -> PlanError {
    let start = error.utf8_error().valid_up_to();
    let span = start..start + char::REPLACEMENT_CHARACTER.len_utf8();
    let source = Source { name, text: String::from_utf8_lossy(error.as_bytes()).into() };
    match source.check_lines() {
        Ok(()) => {
            let fault = Fault::new("This is not UTF-8", "save the plan as UTF-8; only text belongs in it");
            PlanError::mistaken(&source, vec![fault.at(span)], &[])
        }
        Err(too_long) => too_long,
    }
}

fn too_large(name: &str) -> PlanError {
    PlanError::unreadable(name, format!("{name} is larger than 1 MiB"), "a plan is a short text file: is this one?")
}

fn unreadable(name: &str, error: &io::Error) -> PlanError {
    match error.kind() {
        io::ErrorKind::NotFound => PlanError::unreadable(
            name,
            format!("{name} doesn't exist"),
            "give the path of a plan file, or the name of a built-in plan with an @",
        ),
        io::ErrorKind::IsADirectory => {
            PlanError::unreadable(name, format!("{name} is a directory"), "give the path of a plan file in it")
        }
        _ => PlanError::unreadable(
            name,
            format!("{name} can't be read: {error}"),
            "check the path and who may read the file",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;

    /// The refusal to read a file of these bytes.
    fn refusal(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.toml");
        fs::write(&path, bytes).unwrap();
        described(&Source::read(&path).and_then(|source| source.check_size()).unwrap_err(), folder.path())
    }

    /// Sentence, hint and mistakes of an error, without the folder of the test.
    fn described(error: &PlanError, folder: &Path) -> String {
        let mut text = error.sentence.replace(&folder.display().to_string(), "FOLDER");
        if let Some(hint) = &error.hint {
            text += &format!("\n    {hint}");
        }
        for mistake in &error.mistakes {
            text += &format!("\n{}:{} {}", mistake.line, mistake.column, mistake.sentence);
        }
        text
    }

    #[test]
    fn a_file_is_read_without_its_byte_order_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.toml");
        fs::write(&path, "\u{feff}name = \"lab\"").unwrap();
        assert_eq!(Source::read(&path).unwrap().text, "name = \"lab\"");
    }

    #[test]
    fn what_is_not_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = Source::read(folder.path()).unwrap_err();
        assert_snapshot!(described(&error, folder.path()), @r"
        FOLDER is a directory
            give the path of a plan file in it
        ");
        let error = Source::read(Path::new("/dev/zero")).unwrap_err();
        assert_snapshot!(described(&error, folder.path()), @r"
        /dev/zero can't be read: it is not a regular file
            check the path and who may read the file
        ");
        let error = Source::read(&folder.path().join("none.toml")).unwrap_err();
        assert_snapshot!(described(&error, folder.path()), @r"
        FOLDER/none.toml doesn't exist
            give the path of a plan file, or the name of a built-in plan with an @
        ");
    }

    #[test]
    fn what_is_not_text_is_refused() {
        assert_snapshot!(refusal(b"name = \"lab\"\n# caf\xe9\n"), @r"
        FOLDER/lab.toml has a mistake
        2:6 This is not UTF-8
        ");
        assert_snapshot!(refusal(b"\xff\xfen\0a\0"), @r"
        FOLDER/lab.toml is text in UTF-16
            save the plan as UTF-8
        ");
    }

    #[test]
    fn what_is_too_large_is_refused() {
        assert_snapshot!(refusal(&vec![b'\n'; LARGEST + 1]), @r"
        FOLDER/lab.toml is larger than 1 MiB
            a plan is a short text file: is this one?
        ");
        assert_snapshot!(refusal(format!("a\n{}", "é".repeat(LONGEST_LINE)).as_bytes()), @r"
        Line 2 of FOLDER/lab.toml is longer than 4096 bytes
            is it a plan? Break the line, if it is
        ");
    }

    #[test]
    fn built_in_plans_are_found_by_name() {
        assert_eq!(Source::built_in("skeleton").unwrap(), Source::built_in("@skeleton").unwrap());
        let error = Source::built_in("@skelton").unwrap_err();
        assert_snapshot!(described(&error, Path::new("/nowhere")), @r"
        There is no built-in plan `@skelton`
            did you mean `@skeleton`?
        ");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>()) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("lab.toml");
            fs::write(&path, bytes).unwrap();
            let _ = Source::read(&path).and_then(|source| crate::plan::parse(&source));
        }
    }
}
