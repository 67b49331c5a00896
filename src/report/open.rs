//! The URL that opens Studio.

use serde::Serialize;

use crate::open::Portal;
use crate::password::Secret;

/// The answer of `open`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenDocument {
    /// The lab.
    pub lab: String,
    /// Whose Studio it is.
    pub user: String,
    /// The URL; absent where a browser has it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "super::revealed")]
    pub url: Option<Secret>,
    /// Within how many seconds it has to be opened.
    pub expires_seconds: u32,
}

impl OpenDocument {
    /// A URL of this portal's, to be shown to whoever asked for it.
    pub fn of(portal: &Portal, url: Option<Secret>) -> Self {
        let Portal { lab, user, expires_seconds, .. } = portal;
        Self { lab: lab.clone(), user: user.clone(), url, expires_seconds: *expires_seconds }
    }
}
