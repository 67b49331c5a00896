//! Breezeway builds a private network for SageMaker Studio by calling AWS's APIs, says whether it still is what was
//! asked for, and takes all of it away again. AWS itself is the state: tags say whose a resource is.
//!
//! The way of the data, each arrow a plain value:
//!
//! ```text
//! plan file ─ plan ─ blueprint ─┐
//!                               ├─ changes ─ schedule ─ apply ─ events ─ report
//! AWS or sandbox ─ survey ──────┘
//!                     └── drift reads blueprint and survey
//! ```
//!
//! - [`plan`]: the plan file, read with the position of every mistake, its defaults filled in.
//! - [`blueprint`]: the desired resources of a plan, as a pure function.
//! - [`resource`]: one file per AWS resource type; knows its own kind and nothing of the lab.
//! - [`survey`]: what AWS holds now, in one concurrent pass.
//! - [`engine`]: what has to change, in which order, done and waited for; the record and the lock in the account.
//! - [`drift`], [`verify`], [`cost`]: what the two values say besides.
//! - [`model`]: pure evaluators: who answers a lookup, can a packet pass, is a request allowed.
//! - [`dns`]: what DNS servers of a corporate network must be told.
//! - [`permissions`]: the IAM policy that all of this needs for a plan.
//! - [`portal`]: the code that the portal's functions run, as it is deployed.
//! - [`open`]: the way of a user to Studio by the portal.
//! - [`password`]: the app server's password, decrypted here.
//! - [`aws`]: clients, calls, error classes, request rates, tags; the one place that chooses between AWS and sandbox.
//! - [`sandbox`]: the embedded AWS, below the SDK.
//! - [`report`]: values and events as text and JSON.
//! - [`cli`]: the verbs, and the only place that prints.

#![forbid(unsafe_code)]

pub mod aws;
pub mod blueprint;
pub mod cli;
pub mod cost;
pub mod dns;
pub mod drift;
pub mod engine;
pub mod model;
pub mod open;
pub mod password;
pub mod permissions;
pub mod plan;
pub mod portal;
pub mod report;
pub mod resource;
pub mod sandbox;
pub mod survey;
pub mod verify;
