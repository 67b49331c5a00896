//! The Administrator's password of a Windows instance: EC2 hands it out encrypted with the public half of the
//! instance's key pair (RSA, PKCS #1 v1.5), and it is decrypted here, with the private half, which stays here.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, Pkcs1v15Encrypt, RsaPrivateKey};
use ssh_key::private::{KeypairData, RsaKeypair};
use ssh_key::{Kdf, PrivateKey as OpensshKey};

use crate::aws::failure::is_unseen;

/// `ssh-keygen -a` takes any number of rounds; a hundred take a second.
const MOST_ROUNDS: u32 = 2000;

/// Something that is shown to whoever asked for it and nowhere else: formatting it for a log says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// Why a password can't be decrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The file holds no private key.
    #[error("it holds no private key in PEM or OpenSSH's form")]
    NoKey,
    /// The file holds the other half.
    #[error("it holds a public key; the password takes the private one")]
    PublicKey,
    /// The key needs its passphrase.
    #[error("its key is protected by a passphrase")]
    Locked,
    /// That isn't the passphrase.
    #[error("its key doesn't open with this passphrase")]
    WrongPassphrase,
    /// To try the passphrase would take very long.
    #[error("its passphrase takes {0} rounds to try; more than {MOST_ROUNDS} are not tried")]
    TooManyRounds(u32),
    /// Encrypted PEM: OpenSSL's, not OpenSSH's.
    #[error("its key is encrypted in OpenSSL's way, which Breezeway can't read")]
    EncryptedPem,
    /// Another kind of key.
    #[error("it holds a key that isn't RSA; the password of a Windows instance is encrypted with an RSA key only")]
    NotRsa,
    /// The key isn't the one.
    #[error("the password isn't encrypted with the public half of this key")]
    WrongKey,
    /// EC2's answer makes no sense.
    #[error("EC2's password data is not base64")]
    NotBase64,
}

/// The private half of an instance's key pair.
pub struct PrivateKey(RsaPrivateKey);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKey")
    }
}

impl PrivateKey {
    /// Reads the text of a key file: PEM (PKCS #1 or PKCS #8), or OpenSSH's form, which may have a passphrase.
    ///
    /// # Errors
    /// The file holds no usable RSA key.
    pub fn read(text: &str, passphrase: Option<&str>) -> Result<Self, PasswordError> {
        let text = text.trim();
        let label = text.strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once("-----")).map(|(label, _)| label);
        match label {
            Some("OPENSSH PRIVATE KEY") => openssh(text, passphrase),
            Some("ENCRYPTED PRIVATE KEY") => Err(PasswordError::EncryptedPem),
            Some("RSA PRIVATE KEY") if text.contains("ENCRYPTED") => Err(PasswordError::EncryptedPem),
            Some("RSA PRIVATE KEY") => RsaPrivateKey::from_pkcs1_pem(text).map_err(|_| PasswordError::NoKey),
            Some("PRIVATE KEY") => RsaPrivateKey::from_pkcs8_pem(text).map_err(|error| of_pkcs8(&error)),
            Some("EC PRIVATE KEY") => Err(PasswordError::NotRsa),
            Some(label) if label.contains("PUBLIC KEY") => Err(PasswordError::PublicKey),
            None if text.starts_with("ssh-") || text.starts_with("ecdsa-") => Err(PasswordError::PublicKey),
            _ => Err(PasswordError::NoKey),
        }
        .map(Self)
    }

    /// Whether it is the private half of this key, which stands in OpenSSH's form.
    pub fn belongs_to(&self, public_key: &str) -> bool {
        let known = ssh_key::PublicKey::from_openssh(public_key).ok();
        let known = known.and_then(|key| key.key_data().rsa().cloned());
        let number = |part: &ssh_key::Mpint| part.as_positive_bytes().map(BigUint::from_bytes_be);
        known.is_some_and(|key| {
            number(&key.n).as_ref() == Some(self.0.n()) && number(&key.e).as_ref() == Some(self.0.e())
        })
    }

    /// Decrypts what GetPasswordData answers.
    ///
    /// # Errors
    /// The data is no such thing, or was encrypted with another key.
    pub fn decrypt(&self, password_data: &str) -> Result<Secret, PasswordError> {
        // EC2 puts line ends around it.
        let data: String = password_data.split_ascii_whitespace().collect();
        let encrypted = BASE64.decode(data).map_err(|_| PasswordError::NotBase64)?;
        let password = self.0.decrypt(Pkcs1v15Encrypt, &encrypted).map_err(|_| PasswordError::WrongKey)?;
        // Once in tens of thousands of times, another key seems to fit.
        let readable = String::from_utf8(password)
            .ok()
            .filter(|text| !text.chars().any(|letter| letter.is_control() || is_unseen(letter)));
        readable.map(Secret::from).ok_or(PasswordError::WrongKey)
    }
}

fn openssh(text: &str, passphrase: Option<&str>) -> Result<RsaPrivateKey, PasswordError> {
    let mut key = OpensshKey::from_openssh(text).map_err(|error| match error {
        ssh_key::Error::AlgorithmUnknown | ssh_key::Error::AlgorithmUnsupported { .. } => PasswordError::NotRsa,
        _ => PasswordError::NoKey,
    })?;
    if !key.algorithm().is_rsa() {
        return Err(PasswordError::NotRsa);
    }
    if key.is_encrypted() {
        let passphrase = passphrase.ok_or(PasswordError::Locked)?;
        if let Kdf::Bcrypt { rounds, .. } = key.kdf()
            && *rounds > MOST_ROUNDS
        {
            return Err(PasswordError::TooManyRounds(*rounds));
        }
        key = key.decrypt(passphrase).map_err(|_| PasswordError::WrongPassphrase)?;
    }
    match key.key_data() {
        KeypairData::Rsa(pair) => from_parts(pair).ok_or(PasswordError::NoKey),
        _ => Err(PasswordError::NoKey),
    }
}

/// ssh-key's own conversion hands over the first prime twice.
fn from_parts(pair: &RsaKeypair) -> Option<RsaPrivateKey> {
    let number = |part: &ssh_key::Mpint| part.as_positive_bytes().map(BigUint::from_bytes_be);
    let (public, private) = (&pair.public, &pair.private);
    let primes = vec![number(&private.p)?, number(&private.q)?];
    RsaPrivateKey::from_components(number(&public.n)?, number(&public.e)?, number(&private.d)?, primes).ok()
}

fn of_pkcs8(error: &rsa::pkcs8::Error) -> PasswordError {
    use rsa::pkcs8::spki::Error::OidUnknown;
    match error {
        rsa::pkcs8::Error::PublicKey(OidUnknown { .. }) => PasswordError::NotRsa,
        _ => PasswordError::NoKey,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use rsa::pkcs1::EncodeRsaPrivateKey;
    use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
    use rsa::rand_core::{CryptoRng, Error, RngCore};

    use super::*;

    /// SplitMix64, for the rsa crate's own traits: always the same keys.
    struct Dice(u64);

    impl RngCore for Dice {
        fn next_u32(&mut self) -> u32 {
            self.next_u64() as u32
        }

        fn next_u64(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^ (mixed >> 31)
        }

        fn fill_bytes(&mut self, bytes: &mut [u8]) {
            bytes.iter_mut().for_each(|byte| *byte = self.next_u64() as u8);
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
            self.fill_bytes(bytes);
            Ok(())
        }
    }

    impl CryptoRng for Dice {}

    /// Smaller than any in use, to be quick.
    static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| RsaPrivateKey::new(&mut Dice(1), 1024).unwrap());

    const PASSWORD: &str = "pa$$W0rd;(&-é";

    /// What GetPasswordData answers.
    fn password_data() -> String {
        encrypted(PASSWORD.as_bytes())
    }

    fn encrypted(text: &[u8]) -> String {
        let encrypted = KEY.to_public_key().encrypt(&mut Dice(2), Pkcs1v15Encrypt, text).unwrap();
        format!("\r\n{}\r\n", BASE64.encode(encrypted))
    }

    fn openssh_key(pair: KeypairData) -> OpensshKey {
        OpensshKey::new(pair, "ada@example.com").unwrap()
    }

    fn in_openssh_form(key: &OpensshKey) -> String {
        key.to_openssh(LineEnding::LF).unwrap().to_string()
    }

    fn refusal(text: &str, passphrase: Option<&str>) -> PasswordError {
        PrivateKey::read(text, passphrase).unwrap_err()
    }

    #[test]
    fn every_usual_form_of_the_key_opens_the_password() {
        let pkcs1 = KEY.to_pkcs1_pem(LineEnding::LF).unwrap().to_string();
        let with_line_ends_of_windows = pkcs1.replace('\n', "\r\n");
        let pkcs8 = KEY.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
        let openssh = in_openssh_form(&openssh_key(KeypairData::Rsa((&*KEY).try_into().unwrap())));
        for text in [pkcs1, with_line_ends_of_windows, pkcs8, openssh] {
            let password = PrivateKey::read(&text, None).unwrap().decrypt(&password_data()).unwrap();
            assert_eq!(password.reveal(), PASSWORD);
        }
    }

    #[test]
    fn a_key_with_a_passphrase_needs_it() {
        let key = openssh_key(KeypairData::Rsa((&*KEY).try_into().unwrap()));
        let text = in_openssh_form(&key.encrypt(&mut Dice(3), "open sesame").unwrap());
        assert_eq!(refusal(&text, None), PasswordError::Locked);
        assert_eq!(refusal(&text, Some("open barley")), PasswordError::WrongPassphrase);
        let password = PrivateKey::read(&text, Some("open sesame")).unwrap().decrypt(&password_data()).unwrap();
        assert_eq!(password.reveal(), PASSWORD);
    }

    #[test]
    fn a_key_of_another_kind_is_refused_as_such() {
        let pair = ssh_key::private::Ed25519Keypair::from_seed(&[2; 32]);
        let text = in_openssh_form(&openssh_key(KeypairData::Ed25519(pair)));
        assert_eq!(refusal(&text, None), PasswordError::NotRsa);
        // Ed25519 in PKCS #8, as `openssl genpkey` writes it.
        let text = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC\n-----END PRIVATE KEY-----";
        assert_eq!(refusal(text, None), PasswordError::NotRsa);
        assert_eq!(refusal("-----BEGIN EC PRIVATE KEY-----\n", None), PasswordError::NotRsa);
    }

    #[test]
    fn a_file_without_a_private_key_is_refused() {
        let public = KEY.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
        assert_eq!(refusal(&public, None), PasswordError::PublicKey);
        assert_eq!(refusal("ssh-rsa AAAAB3NzaC1yc2E= ada@example.com", None), PasswordError::PublicKey);
        let begin = "-----BEGIN RSA PRIVATE KEY-----";
        for text in ["", "hello", begin, &format!("{begin}\nAAAA\n-----END RSA PRIVATE KEY-----")] {
            assert_eq!(refusal(text, None), PasswordError::NoKey, "{text}");
        }
        let encrypted = format!("{begin}\nProc-Type: 4,ENCRYPTED\n");
        assert_eq!(refusal(&encrypted, None), PasswordError::EncryptedPem);
        assert_eq!(refusal("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", None), PasswordError::EncryptedPem);
    }

    #[test]
    fn another_key_does_not_fit() {
        let other = PrivateKey(RsaPrivateKey::new(&mut Dice(4), 1024).unwrap());
        assert_eq!(other.decrypt(&password_data()), Err(PasswordError::WrongKey));
        let key = PrivateKey(KEY.clone());
        assert_eq!(key.decrypt(&encrypted(b"\x1b[31m")), Err(PasswordError::WrongKey));
        assert_eq!(key.decrypt(&encrypted(b"\xff\xfe")), Err(PasswordError::WrongKey));
        assert_eq!(key.decrypt("AAAA"), Err(PasswordError::WrongKey));
        assert_eq!(key.decrypt("not base64!"), Err(PasswordError::NotBase64));
    }

    #[test]
    fn a_key_knows_its_other_half() {
        let public = openssh_key(KeypairData::Rsa((&*KEY).try_into().unwrap())).public_key().to_openssh().unwrap();
        assert!(PrivateKey(KEY.clone()).belongs_to(&public));
        let other = PrivateKey(RsaPrivateKey::new(&mut Dice(4), 1024).unwrap());
        assert!(!other.belongs_to(&public) && !other.belongs_to("ssh-rsa AAAA"));
    }

    #[test]
    fn formatted_for_a_log_neither_says_anything() {
        let key = PrivateKey(KEY.clone());
        let password = key.decrypt(&password_data()).unwrap();
        assert_eq!(format!("{password:?} {key:?}"), "Secret PrivateKey");
    }
}
