//! Pure evaluators: who answers a lookup, can a packet pass, is a request allowed. Functions of plain values; what is
//! live is put into these values by whoever asks: [`crate::verify`] from a survey, the sandbox from its world.
//!
//! Resources are keyed by name, and sentences use these names as they are: an id, or whatever else tells a reader
//! which one is meant. One value holds networks whose addresses don't overlap, as peered networks' never do.

pub mod bind;
pub mod names;
pub mod network;
pub mod policy;
