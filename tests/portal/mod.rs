//! What runs in Lambda, as it is deployed: its own tests, with real keys.

use std::process::Command;

use crate::python::python;

fn passes(tests: &str, deployed: &str) {
    let output = Command::new(python())
        .args(["-B", "-W", "error", tests, deployed])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_authorizer_believes_whom_it_should_and_nobody_else() {
    passes("tests/portal/authorizer.py", "src/portal/authorizer.py");
}

#[test]
fn the_presigning_function_serves_whoever_is_signed_in() {
    passes("tests/portal/presign.py", "src/portal/presign.py");
}
