//! `schema`: prints the JSON Schema of plan files.

use super::Exit;
use super::out::Out;
use super::trouble::Trouble;

pub fn run(out: &Out) -> Result<Exit, Trouble> {
    out.write(&format!("{:#}", crate::plan::schema()));
    Ok(Exit::Done)
}
