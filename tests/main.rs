//! One binary for all integration tests: each one would link every SDK.

mod lab;
mod python;
mod simulation;
