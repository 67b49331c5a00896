//! One binary for all integration tests: each one would link every SDK.

mod api;
mod authorization;
mod clients;
mod crash;
mod documents;
mod domain;
mod foundation;
mod hosted_zones;
mod lab;
mod moto;
mod named;
mod names;
mod open;
mod permissions;
mod policies;
mod portal;
mod portal_compute;
mod program;
mod python;
mod request;
mod resources;
mod runs;
mod sign_in;
mod simulation;
mod verify;
mod whole;
