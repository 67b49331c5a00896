//! Breezeway.

pub mod aws;
pub mod blueprint;
pub mod drift;
pub mod engine;
pub mod plan;
pub mod resource;
pub mod sandbox;
pub mod survey;
