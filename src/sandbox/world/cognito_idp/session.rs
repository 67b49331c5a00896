//! Sign-ins that were begun, and those who may go on without a password.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::secret::digest;
use crate::sandbox::world::{Dice, later};

/// What a pool remembers of sign-ins. Tokens are kept as digests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sessions {
    /// Who owes the next step.
    begun: BTreeMap<String, Holder>,
    /// Who holds a refresh token.
    refresh: BTreeMap<String, Holder>,
}

/// Whom a session or a refresh token was given to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    pub client_id: String,
    pub username: String,
    /// When they gave their password.
    pub signed_in: Timestamp,
    /// The id of the first token of this sign-in.
    pub origin: String,
    pub expires: Timestamp,
}

impl Sessions {
    /// A session for somebody who owes the next step.
    pub fn begin(&mut self, dice: &mut Dice, holder: Holder) -> String {
        let session = opaque(dice, "AYAB", 240);
        self.begun.insert(digest(&session), holder);
        session
    }

    /// Who holds a session; it is good for one step.
    pub fn take(&mut self, session: &str) -> Option<Holder> {
        self.begun.remove(&digest(session))
    }

    /// A refresh token.
    pub fn give_refresh(&mut self, dice: &mut Dice, holder: Holder) -> String {
        let token = opaque(dice, "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ.", 200);
        self.refresh.insert(digest(&token), holder);
        token
    }

    /// Who holds a refresh token.
    pub fn refreshing(&self, token: &str) -> Option<&Holder> {
        self.refresh.get(&digest(token))
    }

    /// Drops what is good no more.
    pub fn expire(&mut self, now: Timestamp) {
        // A session that ran out is told from one that never was, for a while.
        let remembered = |holder: &Holder| later(holder.expires, jiff::SignedDuration::from_hours(1)) > now;
        self.begun.retain(|_, holder| remembered(holder));
        self.refresh.retain(|_, holder| holder.expires > now);
    }

    /// Drops what was given to a client's users.
    pub fn forget_client(&mut self, client_id: &str) {
        self.retain(|holder| holder.client_id != client_id);
    }

    /// Drops what was given to a user.
    pub fn forget_user(&mut self, username: &str) {
        self.retain(|holder| holder.username != username);
    }

    fn retain(&mut self, keep: impl Fn(&Holder) -> bool) {
        self.begun.retain(|_, holder| keep(holder));
        self.refresh.retain(|_, holder| keep(holder));
    }
}

/// Text that means nothing to whom it is given.
fn opaque(dice: &mut Dice, prefix: &str, length: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    format!("{prefix}{}", dice.string(LETTERS, length))
}
