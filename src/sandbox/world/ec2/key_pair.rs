//! Key pairs, of which EC2 only ever holds the public half.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_NO_PAD};
use jiff::Timestamp;
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPublicKey, pkcs1::DecodeRsaPublicKey as _, pkcs8::DecodePublicKey as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use ssh_key::public::{Ed25519PublicKey, KeyData, RsaPublicKey as SshRsaPublicKey};
use ssh_key::{Mpint, PublicKey};

use super::filter::Listing;
use super::{Ec2, Input, Kind, Operation, invalid};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

pub const KIND: Kind = Kind {
    prefix: "key",
    resource_type: "key-pair",
    label: "key pair ID",
    not_found: "InvalidKeyPair.NotFound",
    malformed: "InvalidParameterValue",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "ImportKeyPair",
        members: &["KeyName", "PublicKeyMaterial", "TagSpecifications"],
        run: Ec2::import_key_pair,
    },
    Operation { name: "DeleteKeyPair", members: &["KeyName", "KeyPairId"], run: Ec2::delete_key_pair },
    Operation {
        name: "DescribeKeyPairs",
        members: &["KeyNames", "KeyPairIds", "IncludePublicKey", "Filters"],
        run: Ec2::describe_key_pairs,
    },
];

const LISTING: Listing = Listing {
    ids: Some(("KeyPairIds", &KIND)),
    result: "KeyPairs",
    key: &["KeyPairId"],
    most: 1000,
    filters: &[("fingerprint", "KeyFingerprint"), ("key-name", "KeyName"), ("key-pair-id", "KeyPairId")],
};

/// Key pairs per Region.
const QUOTA: usize = 5000;
const RSA_BITS: &[usize] = &[1024, 2048, 4096];

/// A key pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyPair {
    pub key_name: String,
    pub key_type: KeyType,
    /// As OpenSSH writes it, without a comment.
    pub public_key: String,
    pub created: Timestamp,
}

/// What EC2 takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    Rsa,
    Ed25519,
}

impl KeyPair {
    /// The RSA key that an instance's password is encrypted for.
    pub fn rsa(&self) -> Option<RsaPublicKey> {
        PublicKey::from_openssh(&self.public_key).ok()?.key_data().rsa().and_then(modulus_and_exponent)
    }

    /// An RSA key's has the form of EC2's, but digests with SHA-256 where EC2 uses MD5.
    fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.public_key);
        match self.key_type {
            KeyType::Rsa => digest[..16].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
            KeyType::Ed25519 => {
                let blob = PublicKey::from_openssh(&self.public_key).and_then(|key| key.to_bytes());
                BASE64.encode(Sha256::digest(blob.unwrap_or_default()))
            }
        }
    }
}

impl Ec2 {
    /// The key pair of that name.
    ///
    /// # Errors
    /// `InvalidKeyPair.NotFound`
    pub(super) fn key_pair_named(&self, name: &str) -> Result<&KeyPair, ApiError> {
        self.key_pairs.values().find(|pair| pair.key_name == name).ok_or_else(|| no_key_pair(name))
    }

    fn import_key_pair(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let name = input.required("KeyName")?;
        if name.len() > 255 || !name.is_ascii() {
            return Err(invalid(format!(
                "Value ({name}) for parameter KeyName is invalid. At most 255 ASCII characters."
            )));
        }
        let material = BASE64.decode(input.required("PublicKeyMaterial")?).map_err(|_| invalid_format())?;
        let key = parse(&material).ok_or_else(invalid_format)?;
        let key_type = match key.key_data() {
            KeyData::Rsa(_) => KeyType::Rsa,
            _ => KeyType::Ed25519,
        };
        if self.key_pairs.values().any(|pair| pair.key_name == name) {
            let message = format!("The keypair '{name}' already exists.");
            return Err(ApiError::new("InvalidKeyPair.Duplicate", message));
        }
        if self.key_pairs.len() >= QUOTA {
            return Err(ApiError::new("KeyPairLimitExceeded", "The maximum number of key pairs has been reached."));
        }
        let tags = super::tags::from_specifications(input, &KIND)?;
        let public_key = key.to_openssh().map_err(|_| invalid_format())?;
        let pair = KeyPair { key_name: name.into(), key_type, public_key, created: context.now };
        let id = context.dice.id(KIND.prefix);
        let answer = json!({"KeyFingerprint": pair.fingerprint(), "KeyName": name, "KeyPairId": id});
        self.key_pairs.insert(id.clone(), pair);
        self.tag(&id, tags);
        Ok(with(answer, "Tags", self.tags_view(&id)))
    }

    fn delete_key_pair(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let (name, id) = (input.text("KeyName"), input.text("KeyPairId"));
        if name.is_none() && id.is_none() {
            return Err(ApiError::new("MissingParameter", "Either KeyName or KeyPairId must be specified."));
        }
        if name.is_some() && id.is_some() {
            let message = "KeyName and KeyPairId can't be specified together.";
            return Err(ApiError::new("InvalidParameterCombination", message));
        }
        let named = |(key, pair): &(&String, &KeyPair)| id == Some(key.as_str()) || name == Some(&pair.key_name);
        let Some(id) = self.key_pairs.iter().find(named).map(|(id, _)| id.clone()) else {
            return Ok(json!({"Return": true}));
        };
        self.key_pairs.remove(&id);
        self.drop_stray_tags();
        Ok(json!({"Return": true, "KeyPairId": id}))
    }

    fn describe_key_pairs(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let names = input.texts("KeyNames");
        for name in &names {
            self.key_pair_named(name)?;
        }
        let wanted = self.key_pairs.iter();
        let wanted = wanted.filter(|(_, pair)| names.is_empty() || names.contains(&pair.key_name.as_str()));
        let view = |(id, pair): (&String, &KeyPair)| {
            let view = json!({
                "CreateTime": pair.created,
                "KeyFingerprint": pair.fingerprint(),
                "KeyName": pair.key_name,
                "KeyPairId": id,
                "KeyType": pair.key_type,
                "Tags": self.tags_view(id),
            });
            match input.flag("IncludePublicKey") {
                true => with(view, "PublicKey", json!(format!("{} {}", pair.public_key, pair.key_name))),
                false => view,
            }
        };
        LISTING.answer(input, wanted.map(view).collect())
    }
}

/// Reads a key as OpenSSH writes it, as RFC 4716 does, or as the base64 of DER; `None` for what EC2 doesn't take.
fn parse(material: &[u8]) -> Option<PublicKey> {
    let text = std::str::from_utf8(material).ok()?.trim();
    let data = if text.starts_with("ssh-") {
        PublicKey::from_openssh(text).ok()?.key_data().clone()
    } else if text.starts_with("---- BEGIN SSH2 PUBLIC KEY ----") {
        let body = text.lines().filter(|line| !line.starts_with("----") && !line.contains(':'));
        let blob = BASE64.decode(body.collect::<String>()).ok()?;
        PublicKey::from_bytes(&blob).ok()?.key_data().clone()
    } else {
        let body = text.lines().filter(|line| !line.starts_with("-----"));
        let body: String = body.flat_map(str::split_whitespace).collect();
        let der = STANDARD_NO_PAD.decode(body.trim_end_matches('=')).ok()?;
        KeyData::Rsa(to_ssh(&RsaPublicKey::from_public_key_der(&der).or(RsaPublicKey::from_pkcs1_der(&der)).ok()?)?)
    };
    let is_taken = match &data {
        KeyData::Rsa(key) => RSA_BITS.contains(&modulus_and_exponent(key)?.n().bits()),
        KeyData::Ed25519(Ed25519PublicKey(_)) => true,
        _ => false,
    };
    is_taken.then(|| PublicKey::new(data, ""))
}

fn to_ssh(key: &RsaPublicKey) -> Option<SshRsaPublicKey> {
    let number = |number: &BigUint| Mpint::from_positive_bytes(&number.to_bytes_be()).ok();
    Some(SshRsaPublicKey { e: number(key.e())?, n: number(key.n())? })
}

fn modulus_and_exponent(key: &SshRsaPublicKey) -> Option<RsaPublicKey> {
    let number = |number: &Mpint| number.as_positive_bytes().map(BigUint::from_bytes_be);
    RsaPublicKey::new(number(&key.n)?, number(&key.e)?).ok()
}

fn with(mut answer: Value, member: &str, value: Value) -> Value {
    answer[member] = value;
    answer
}

fn no_key_pair(name: &str) -> ApiError {
    ApiError::new(KIND.not_found, format!("The key pair '{name}' does not exist"))
}

fn invalid_format() -> ApiError {
    ApiError::new("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
}

#[cfg(test)]
pub mod tests {
    use super::super::testing::*;
    use super::*;

    pub const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC9JvhsQbaW6gAqkvKVMiXRhQ9v6cGfpTcIonts9Cljc/zeI3L/YUst0QNSpkiN\
        8UPyW7w9lzLxPCdzkyUIi7hEKk3Cdebswcf6ubv8gvIl6AUmdnTTJyrW0yY8H0vcdQbkrff259gAXqXLq7xkUCp+lpIG5mqtHRqx\
        iNJNTzkh48Ka2cwui9loMLOT9DCyPJxdqbgQ9YY4RjOEC0BQTjNfShnyabQDBG5z4nUd2K32HnsQsi9Tl+GCqsOGPZGgFUBHBkzO\
        v0tDfpPxxpcYnBBzXsJ2c5VMEQQqrce3IapaeGtj1H4n2oI8xf9CCTOB3uN/oRq2kN7uVgxaFd9VGWPP";
    pub const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtH/uKP6c4qQta46K//JvvcF4yahBsuCsOt4R4AgY5E";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBFEw+iKUfJ5vWnEh+8U9GiYO84/V\
        AQtamr64ZecuM+2w5Zy+oXlwfcLau0J1NeV0s98jEiY1GObRyDcUTXLFsbA=";

    fn import(name: &str, material: &str) -> Value {
        json!({"KeyName": name, "PublicKeyMaterial": BASE64.encode(material)})
    }

    #[test]
    fn a_public_key_is_imported_and_can_be_read_again() {
        let mut world = Sandbox::new();
        let tags = json!([{"Key": "lab", "Value": "x"}]);
        let mut input = import("admin", &format!("{RSA} somebody@somewhere"));
        input["TagSpecifications"] = json!([{"ResourceType": "key-pair", "Tags": tags}]);
        let imported = world.ok("ImportKeyPair", input);
        assert!(imported["KeyPairId"].as_str().unwrap().starts_with("key-0"));
        assert_eq!(imported["KeyFingerprint"].as_str().unwrap().len(), 47);
        assert_eq!(imported["Tags"], tags);
        let plain = world.ok("DescribeKeyPairs", json!({"KeyNames": ["admin"]}))["KeyPairs"][0].clone();
        assert_eq!((&plain["KeyType"], plain.get("PublicKey")), (&json!("rsa"), None));
        let tagged = json!({"IncludePublicKey": true, "Filters": [{"Name": "tag:lab", "Values": ["x"]}]});
        assert_eq!(world.ok("DescribeKeyPairs", tagged)["KeyPairs"][0]["PublicKey"], format!("{RSA} admin"));
    }

    #[test]
    fn every_form_of_an_rsa_key_is_the_same_key() {
        let mut world = Sandbox::new();
        let PublicKeyForms { rfc4716, pem, der } = forms();
        let mut fingerprint =
            |name: &str, material: &str| world.ok("ImportKeyPair", import(name, material))["KeyFingerprint"].clone();
        let openssh = fingerprint("openssh", RSA);
        assert_eq!(fingerprint("rfc4716", &rfc4716), openssh);
        assert_eq!(fingerprint("pem", &pem), openssh);
        assert_eq!(fingerprint("der", &der), openssh);
    }

    struct PublicKeyForms {
        rfc4716: String,
        pem: String,
        der: String,
    }

    fn forms() -> PublicKeyForms {
        use rsa::pkcs8::EncodePublicKey as _;
        let key = PublicKey::from_openssh(RSA).unwrap();
        let blob = BASE64.encode(key.to_bytes().unwrap());
        let der = modulus_and_exponent(key.key_data().rsa().unwrap()).unwrap().to_public_key_der().unwrap();
        let der = BASE64.encode(der.as_bytes());
        let (first, second) = blob.split_at(70);
        PublicKeyForms {
            rfc4716: format!(
                "---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"me\"\n{first}\n{second}\n---- END SSH2 PUBLIC KEY ----"
            ),
            pem: format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n"),
            der,
        }
    }

    #[test]
    fn an_ed25519_key_has_the_fingerprint_that_openssh_shows() {
        let mut world = Sandbox::new();
        world.ok("ImportKeyPair", import("admin", ED25519));
        let pair = world.ok("DescribeKeyPairs", json!({}))["KeyPairs"][0].clone();
        assert_eq!(pair["KeyType"], "ed25519");
        let fingerprint = pair["KeyFingerprint"].as_str().unwrap().trim_end_matches('=');
        assert_eq!(format!("SHA256:{fingerprint}"), "SHA256:izhW08aFHxauLEUEAvNSReaQhGJAGapFFZDdVnmLZ0I");
    }

    #[test]
    fn what_is_no_key_or_of_another_kind_is_refused() {
        let mut world = Sandbox::new();
        for material in ["", "ssh-rsa", "ssh-rsa AAAA", "nonsense", ECDSA, "-----BEGIN PUBLIC KEY-----", "\u{0}"] {
            let code = world.refused("ImportKeyPair", import("admin", material));
            assert!(["InvalidKey.Format", "MissingParameter"].contains(&code.as_str()), "{material}: {code}");
        }
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut world = Sandbox::new();
        world.ok("ImportKeyPair", import("admin", RSA));
        assert_eq!(world.refused("ImportKeyPair", import("admin", ED25519)), "InvalidKeyPair.Duplicate");
        world.ok("ImportKeyPair", import("Admin", RSA));
    }

    #[test]
    fn deleting_a_key_pair_works_by_name_or_id_and_is_no_error_twice() {
        let mut world = Sandbox::new();
        let id = world.ok("ImportKeyPair", import("one", RSA))["KeyPairId"].clone();
        world.ok("ImportKeyPair", import("other", RSA));
        assert_eq!(world.ok("DeleteKeyPair", json!({"KeyPairId": id}))["KeyPairId"], id);
        world.ok("DeleteKeyPair", json!({"KeyName": "other"}));
        world.ok("DeleteKeyPair", json!({"KeyName": "other"}));
        assert_eq!(world.refused("DeleteKeyPair", json!({})), "MissingParameter");
        assert_eq!(world.refused("DescribeKeyPairs", json!({"KeyNames": ["one"]})), "InvalidKeyPair.NotFound");
        assert_eq!(world.refused("DescribeKeyPairs", json!({"KeyPairIds": [id]})), "InvalidKeyPair.NotFound");
    }
}
