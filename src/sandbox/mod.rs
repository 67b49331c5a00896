//! The embedded AWS: a faithful model of the corner of AWS that a lab touches.
//!
//! `wire` decodes the request bytes of AWS's protocols into a [`api::Call`] and encodes the answer; `world` is
//! the state of the accounts and answers a call as a pure function of (world, now, call).

pub mod api;
