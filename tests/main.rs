//! One binary for all integration tests: each one would link every SDK.

mod clients;
mod crash;
mod lab;
mod moto;
mod program;
mod python;
mod runs;
mod simulation;
