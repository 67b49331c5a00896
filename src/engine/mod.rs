//! The engine: from blueprint and survey to a lab that stands, or is gone.

pub mod answer;
pub mod apply;
pub mod changes;
pub mod defect;
pub mod difference;
pub mod event;
pub mod holdings;
pub mod lock;
pub mod parameters;
pub mod pin;
pub mod portal;
pub mod record;
pub mod run;
pub mod schedule;
pub mod session;
pub mod view;
pub mod wait;

#[cfg(test)]
pub(crate) mod testing;
