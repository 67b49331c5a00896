//! Hostile input: what each fuzz target does with its bytes. `fuzz/` runs these under libFuzzer, and `replay` the corpus
//! that it left, with some mutations, as an ordinary test.
//!
//! Where a target takes several things at once they are parted by [`PART`].

pub mod answers;
pub mod bind;
pub mod key;
pub mod plan;
pub mod policy;
pub mod record;
#[cfg(test)]
mod replay;
pub mod request;
pub mod state;

use breezeway::sandbox::api::Call;
use serde_json::Value;

/// ASCII's record separator: in no text that is meant to be read.
pub const PART: u8 = 0x1e;

/// A target: its name in `fuzz/`, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 8] = [
    ("answers", answers::run),
    ("bind", bind::run),
    ("key", key::run),
    ("plan", plan::run),
    ("policy", policy::run),
    ("record", record::run),
    ("request", request::run),
    ("state", state::run),
];

/// The things in an input, of which more than a dozen would say no more.
fn parts(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split(|byte| *byte == PART).take(12).collect()
}

/// What people are shown has nothing in it that a terminal obeys, but for the program's own line ends.
pub fn harmless(text: &str) {
    let obeyed = text.chars().find(|letter| *letter != '\n' && is_obeyed(*letter));
    assert_eq!(obeyed, None, "{text:?}");
}

/// The same of a sentence, set as every one is that people are shown.
pub fn said(sentence: &str) {
    harmless(&breezeway::report::text::wrap(sentence, 60, "", "  "));
}

/// Controls, and what hides text or turns it round.
fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn call(service: &str, operation: &str, input: Value) -> Call {
    let (service, operation) = (service.to_owned(), operation.to_owned());
    let (account, access_key) = ("111122223333".to_owned(), "AKIAFUZZ".to_owned());
    Call { service, operation, account, region: "us-east-1".to_owned(), access_key, input }
}
