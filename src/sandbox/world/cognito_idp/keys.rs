//! The RSA keys that a pool signs its tokens with.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64_URL};
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::sandbox::api::ApiError;
use crate::sandbox::world::Dice;

const BITS: usize = 2048;

/// What precedes a SHA-256 digest that is signed: RFC 8017, section 9.2.
const SHA256_PREFIX: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];

/// Keys by the seed of their dice. A key is made of its seed and nothing else, which takes a second: it is made once.
static MADE: Mutex<BTreeMap<u64, RsaPrivateKey>> = Mutex::new(BTreeMap::new());

/// A key pair for RS256 signatures.
pub struct SigningKey(RsaPrivateKey);

impl SigningKey {
    /// The key of a seed, the same every time: private keys are in no world's file.
    ///
    /// # Errors
    /// `InternalErrorException`
    pub fn of(seed: u64) -> Result<Self, ApiError> {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = made.get(&seed) {
            return Ok(Self(key.clone()));
        }
        let key = RsaPrivateKey::new(&mut Dice::new(seed), BITS).map_err(|_| internal("No key could be made."))?;
        made.insert(seed, key.clone());
        Ok(Self(key))
    }

    /// The key's id in the headers of tokens and in the pool's set of keys.
    pub fn id(&self) -> String {
        BASE64.encode(Sha256::digest(self.0.n().to_bytes_be()))
    }

    /// A JSON web token with these claims, signed.
    ///
    /// # Errors
    /// `InternalErrorException`
    pub fn token(&self, claims: &Value) -> Result<String, ApiError> {
        let header = json!({"kid": self.id(), "alg": "RS256"});
        let part = |value: &Value| BASE64_URL.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.0.sign(scheme(), &Sha256::digest(&signed));
        let signature = signature.map_err(|_| internal("No token could be signed."))?;
        Ok(format!("{signed}.{}", BASE64_URL.encode(signature)))
    }

    /// The claims of a token that this key signed.
    pub fn claims(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = BASE64_URL.decode(signature).ok()?;
        self.0.to_public_key().verify(scheme(), &Sha256::digest(signed), &signature).ok()?;
        let (_, claims) = signed.split_once('.')?;
        serde_json::from_slice(&BASE64_URL.decode(claims).ok()?).ok()
    }

    /// The public half as a JSON web key.
    pub fn jwk(&self) -> Value {
        let number = |number: &rsa::BigUint| BASE64_URL.encode(number.to_bytes_be());
        json!({
            "alg": "RS256",
            "e": number(self.0.e()),
            "kid": self.id(),
            "kty": "RSA",
            "n": number(self.0.n()),
            "use": "sig",
        })
    }
}

/// RS256: RFC 7518, section 3.3.
fn scheme() -> Pkcs1v15Sign {
    Pkcs1v15Sign { hash_len: Some(32), prefix: SHA256_PREFIX.into() }
}

fn internal(message: &str) -> ApiError {
    ApiError::new("InternalErrorException", message).with_status(500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_one_key() {
        let [one, again, other] = [1, 1, 2].map(|seed| SigningKey::of(seed).unwrap());
        assert_eq!(one.jwk(), again.jwk());
        assert_ne!(one.id(), other.id());
    }

    #[test]
    fn a_key_signs_the_same_way_every_time() {
        let key = SigningKey::of(1).unwrap();
        assert_eq!(key.token(&json!({"sub": "a"})), key.token(&json!({"sub": "a"})));
        assert_ne!(key.token(&json!({"sub": "a"})), key.token(&json!({"sub": "b"})));
    }
}
