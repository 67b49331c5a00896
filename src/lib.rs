//! Breezeway.

pub mod aws;
pub mod blueprint;
pub mod engine;
pub mod plan;
pub mod resource;
pub mod survey;
