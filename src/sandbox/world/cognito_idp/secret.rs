//! Passwords as they are kept, and the hashes that clients with a secret send.

use base64::{Engine, prelude::BASE64_STANDARD};
use rsa::rand_core::RngCore as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::sandbox::world::Dice;

/// How often a password is hashed: enough that the world's file doesn't give away a weak one at once.
const ROUNDS: usize = 1000;
const BLOCK: usize = 64;

/// A password that can be compared and not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    salt: String,
    hash: String,
}

impl PasswordHash {
    pub fn new(password: &str, dice: &mut Dice) -> Self {
        let mut salt = [0; 16];
        dice.fill_bytes(&mut salt);
        let salt = BASE64_STANDARD.encode(salt);
        let hash = stretched(password, &salt);
        Self { salt, hash }
    }

    pub fn matches(&self, password: &str) -> bool {
        stretched(password, &self.salt) == self.hash
    }
}

fn stretched(password: &str, salt: &str) -> String {
    let first = hmac(password.as_bytes(), salt.as_bytes());
    BASE64_STANDARD.encode((1..ROUNDS).fold(first, |hash, _| hmac(password.as_bytes(), &hash)))
}

/// What a client with a secret sends along with a user's name.
///
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html#cognito-user-pools-computing-secret-hash>
pub fn secret_hash(username: &str, client_id: &str, secret: &str) -> String {
    BASE64_STANDARD.encode(hmac(secret.as_bytes(), format!("{username}{client_id}").as_bytes()))
}

/// What a token is kept as: whoever reads the world's file can't use it.
pub fn digest(token: &str) -> String {
    BASE64_STANDARD.encode(Sha256::digest(token))
}

/// HMAC-SHA256, RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let hashed;
    let key = if key.len() > BLOCK {
        hashed = Sha256::digest(key);
        hashed.as_slice()
    } else {
        key
    };
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_as_rfc_4231_has_it() {
        let hex = |key: &[u8], message: &[u8]| hmac(key, message).map(|byte| format!("{byte:02x}")).concat();
        let short = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(b"Jefe", b"what do ya want for nothing?"), short);
        let long = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(hex(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"), long);
    }

    #[test]
    fn a_password_is_told_from_others_and_salted() {
        let mut dice = Dice::new(1);
        let [one, other] = [(); 2].map(|()| PasswordHash::new("Corr3ct!", &mut dice));
        assert!(one.matches("Corr3ct!") && !one.matches("corr3ct!"));
        assert_ne!(one, other);
    }
}
