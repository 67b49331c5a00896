//! The targets: what they do is in the main package's tests.

#[path = "../../tests/fuzzing/mod.rs"]
pub mod fuzzing;
#[path = "../../tests/lab.rs"]
pub mod lab;
