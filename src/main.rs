//! The `breezeway` command.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    breezeway::cli::run(std::env::args_os())
}
