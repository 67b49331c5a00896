//! The file of a private key and the passphrase for it, and a password that EC2 encrypted.

use breezeway::password::PrivateKey;

use super::parts;

pub fn run(bytes: &[u8]) {
    let parts: Vec<_> = parts(bytes).into_iter().map(String::from_utf8_lossy).collect();
    let text = |at: usize| parts.get(at).map(|part| part.as_ref());
    let passphrase = text(1);
    if let Ok(key) = PrivateKey::read(text(0).unwrap_or_default(), passphrase) {
        key.belongs_to(text(2).unwrap_or_default());
        let _ = key.decrypt(text(3).unwrap_or_default());
    }
}
