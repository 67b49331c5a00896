//! Breezeway.
