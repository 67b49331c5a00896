//! `man`: prints the man page.

use super::Exit;
use super::out::Out;
use super::trouble::Trouble;

pub fn run(out: &Out) -> Result<Exit, Trouble> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(super::command()).render(&mut page);
    rendered.map_err(|error| Trouble::new(format!("The man page could not be made: {error}")))?;
    out.write(String::from_utf8_lossy(&page).trim_end());
    Ok(Exit::Done)
}
