//! Statements as policy documents, within IAM's limits.

use serde::Serialize;
use serde_json::{Value, json};

use super::statement::Statement;

/// The characters that a managed policy has at most, white space left out:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
pub const LONGEST: usize = 6144;

/// A policy document, and what it is to be called.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Named {
    /// The name of a managed policy that has it.
    pub name: String,
    /// The document.
    pub document: Value,
    /// Its characters, white space left out.
    pub characters: usize,
}

/// The statements in as few documents as their order allows, each within [`LONGEST`]: services stay together.
pub fn policies(name: &str, statements: &[Statement]) -> Vec<Named> {
    let mut parts: Vec<Vec<Value>> = Vec::new();
    for statement in statements.iter().map(Statement::json) {
        match parts.last_mut() {
            Some(part) if characters(&document(part)) + characters(&statement) < LONGEST => part.push(statement),
            _ => parts.push(vec![statement]),
        }
    }
    let several = parts.len() > 1;
    let named = |(part, number): (Vec<Value>, usize)| {
        let document = document(&part);
        let name = if several { format!("{name}-{number}") } else { name.to_owned() };
        Named { name, characters: characters(&document), document }
    };
    parts.into_iter().zip(1..).map(named).collect()
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// As IAM counts them.
fn characters(value: &Value) -> usize {
    value.to_string().chars().filter(|character| !character.is_whitespace()).count()
}
