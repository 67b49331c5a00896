//! `completions`: prints completions for a shell.

use super::Exit;
use super::out::Out;
use super::trouble::Trouble;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

pub fn run(args: &Args, out: &Out) -> Result<Exit, Trouble> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "breezeway", &mut text);
    out.write(String::from_utf8_lossy(&text).trim_end());
    Ok(Exit::Done)
}
