//! What runs in Lambda, as it is deployed: its own tests, with real keys.

use std::process::Command;

use crate::clients::Machine;
use crate::named::daemon::program;
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

const PLAN: &str = r#"
name = "demo"
[[studio.gateway_endpoints]]
service = "dynamodb"
[[studio.endpoints]]
service = "studio"
[[studio.endpoints]]
service = "sagemaker.api"
[[studio.endpoints]]
service = "execute-api"
[access]
mode = "source-vpce"
[domain]
enabled = true
users = ["ann", "novice"]
[sign_in]
enabled = true
[portal]
enabled = true
[portal.profiles]
ann = "ann"
novice = "novice"
"ann.smith+1@corp.example" = "ann"
"#;

#[test]
fn a_corporate_user_signs_in_clicks_and_is_in_studio() {
    for (name, package) in [("chromium", "chromium"), ("chromedriver", "chromium-driver")] {
        program(name, package);
    }
    let machine = Machine::with_the_lab(PLAN);
    let served = machine.serve_at("1");
    let mut command = Command::new(python());
    command.args([
        "-B",
        "tests/portal/browser.py",
        &served.address,
        "src/portal/authorizer.py",
        "src/portal/presign.py",
    ]);
    // For the README: where to keep a picture of the page.
    command.args(std::env::var_os("BREEZEWAY_PICTURE"));
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
