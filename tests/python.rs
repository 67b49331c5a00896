//! Python clients and servers that know nothing of Breezeway: boto3, the AWS CLI and moto, in a virtual environment.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/requirements.txt");

/// The virtual environment with everything in `tests/requirements.txt`, made when first asked for and kept under
/// `target/` until the requirements change.
///
/// # Panics
/// When python3 or pip fails.
pub fn venv() -> PathBuf {
    static VENV: OnceLock<PathBuf> = OnceLock::new();
    VENV.get_or_init(make).clone()
}

pub fn python() -> PathBuf {
    venv().join("bin/python")
}

/// The AWS CLI.
pub fn aws() -> PathBuf {
    venv().join("bin/aws")
}

/// The checker of shell scripts.
pub fn shellcheck() -> PathBuf {
    venv().join("bin/shellcheck")
}

pub fn moto_server() -> PathBuf {
    venv().join("bin/moto_server")
}

fn make() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder above the temporary one");
    let venv = target.join("venv");
    let stamp = venv.join("requirements.txt");
    let requirements = fs::read_to_string(REQUIREMENTS).expect("tests/requirements.txt can be read");
    let lock = File::create(target.join("venv.lock")).expect("a lock file can be made under target/");
    lock.lock().expect("the lock on target/venv can be taken");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
        return venv;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    run(Command::new(venv.join("bin/python")).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
        REQUIREMENTS,
    ]));
    // Written last: an environment that was cut short is made again.
    fs::write(&stamp, requirements).expect("target/venv can be written");
    venv
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("The tests need Python 3 for boto3, the AWS CLI and moto, but {command:?} does not start: {error}")
    });
    assert!(
        output.status.success(),
        "The tests need boto3, the AWS CLI and moto (tests/requirements.txt), but {command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}
