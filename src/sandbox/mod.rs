//! The embedded AWS: a faithful model of the corner of AWS that a lab touches.
//!
//! `wire` decodes the request bytes of AWS's protocols into a [`api::Call`] and encodes the answer; `world` is
//! the state of the accounts and answers a call as a pure function of (world, now, call). `host` brings the two
//! together and, as `dials` say, makes the world as slow, stale, busy and unreliable as the real one.
//!
//! There are two ways in: `connector` puts the host below an SDK client of this process, `serve` on a loopback
//! port. `home` keeps the world in a folder.

pub mod api;
pub mod clock;
pub mod connector;
pub mod dials;
pub mod home;
pub mod host;
pub mod request;
pub mod resolve;
pub mod serve;
mod throttle;
pub mod wire;
pub mod world;
