//! Key pairs, of which EC2 only ever keeps the public half.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_NO_PAD};
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use rsa::pkcs1::{DecodeRsaPublicKey as _, EncodeRsaPrivateKey as _};
use rsa::pkcs8::{DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::RngCore as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPrivateKey, RsaPublicKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use ssh_key::private::Ed25519Keypair;
use ssh_key::public::{Ed25519PublicKey, KeyData, RsaPublicKey as SshRsaPublicKey};
use ssh_key::{Mpint, PrivateKey, PublicKey};

use super::filter::Listing;
use super::{Ec2, Input, Kind, Operation, invalid, unsupported};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice};

pub const KIND: Kind = Kind {
    prefix: "key",
    resource_type: "key-pair",
    label: "key pair ID",
    not_found: "InvalidKeyPair.NotFound",
    malformed: "InvalidParameterValue",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateKeyPair",
        members: &["KeyName", "KeyType", "KeyFormat", "TagSpecifications"],
        run: Ec2::create_key_pair,
    },
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
/// Bits of the RSA keys that EC2 makes.
const OWN_RSA_BITS: usize = 2048;

/// A key pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyPair {
    pub key_name: String,
    pub key_type: KeyType,
    /// As OpenSSH writes it, without a comment.
    pub public_key: String,
    pub created: Timestamp,
    /// That of the private half, if EC2 made it and it is an RSA key.
    private_fingerprint: Option<String>,
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

    /// What EC2 shows to tell keys apart by.
    ///
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-keys.html>
    fn fingerprint(&self) -> String {
        if let Some(fingerprint) = &self.private_fingerprint {
            return fingerprint.clone();
        }
        match self.rsa().map(|key| key.to_public_key_der()) {
            Some(der) => hex(&Md5::digest(der.map(|der| der.into_vec()).unwrap_or_default())),
            None => {
                let blob = PublicKey::from_openssh(&self.public_key).and_then(|key| key.to_bytes());
                BASE64.encode(Sha256::digest(blob.unwrap_or_default()))
            }
        }
    }

    /// A key pair that is made now, with its private half as EC2 hands it over.
    fn made(context: &mut Context<'_>, key_name: &str, key_type: KeyType) -> Option<(Self, String)> {
        // Dice of their own: how often a key's are thrown has no say in what is made after it.
        let dice = &mut Dice::new(context.dice.throw());
        let (public_key, private_fingerprint, material) = match key_type {
            KeyType::Rsa => {
                let private = RsaPrivateKey::new(dice, OWN_RSA_BITS).ok()?;
                let public = PublicKey::new(KeyData::Rsa(to_ssh(&private.to_public_key())?), "");
                let fingerprint = hex(&Sha1::digest(private.to_pkcs8_der().ok()?.as_bytes()));
                (public, Some(fingerprint), private.to_pkcs1_pem(LineEnding::LF).ok()?.to_string())
            }
            KeyType::Ed25519 => {
                let mut seed = [0; 32];
                dice.fill_bytes(&mut seed);
                let private = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
                (private.public_key().clone(), None, private.to_openssh(LineEnding::LF).ok()?.to_string())
            }
        };
        let public_key = public_key.to_openssh().ok()?;
        let pair = Self { key_name: key_name.into(), key_type, public_key, created: context.now, private_fingerprint };
        Some((pair, material.trim_end().to_owned()))
    }
}

/// A digest in hexadecimal, its bytes apart.
fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

impl Ec2 {
    /// The key pair of that name.
    ///
    /// # Errors
    /// `InvalidKeyPair.NotFound`
    pub(super) fn key_pair_named(&self, name: &str) -> Result<&KeyPair, ApiError> {
        self.key_pairs.values().find(|pair| pair.key_name == name).ok_or_else(|| no_key_pair(name))
    }

    fn create_key_pair(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let name = self.new_key_name(input)?;
        let key_type = match input.text("KeyType") {
            None | Some("rsa") => KeyType::Rsa,
            Some("ed25519") => KeyType::Ed25519,
            Some(other) => return Err(invalid(format!("Value ({other}) for parameter KeyType is invalid."))),
        };
        if input.text("KeyFormat").is_some_and(|format| format != "pem") {
            return Err(unsupported("keys in PuTTY's format"));
        }
        let made = KeyPair::made(context, name, key_type);
        let (pair, material) = made.ok_or_else(|| ApiError::new("InternalError", "No key could be made."))?;
        let answer = self.add_key_pair(context, input, pair)?;
        Ok(with(answer, "KeyMaterial", json!(material)))
    }

    fn import_key_pair(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let name = self.new_key_name(input)?;
        let material = BASE64.decode(input.required("PublicKeyMaterial")?).map_err(|_| invalid_format())?;
        let key = parse(&material).ok_or_else(invalid_format)?;
        let key_type = match key.key_data() {
            KeyData::Rsa(_) => KeyType::Rsa,
            _ => KeyType::Ed25519,
        };
        let public_key = key.to_openssh().map_err(|_| invalid_format())?;
        let created = context.now;
        let pair = KeyPair { key_name: name.into(), key_type, public_key, created, private_fingerprint: None };
        self.add_key_pair(context, input, pair)
    }

    /// The name that a new key pair is to have, if it may.
    fn new_key_name<'a>(&self, input: Input<'a>) -> Result<&'a str, ApiError> {
        let name = input.required("KeyName")?;
        if name.len() > 255 || !name.is_ascii() {
            return Err(invalid(format!(
                "Value ({name}) for parameter KeyName is invalid. At most 255 ASCII characters."
            )));
        }
        if self.key_pairs.values().any(|pair| pair.key_name == name) {
            let message = format!("The keypair '{name}' already exists.");
            return Err(ApiError::new("InvalidKeyPair.Duplicate", message));
        }
        if self.key_pairs.len() >= QUOTA {
            return Err(ApiError::new("KeyPairLimitExceeded", "The maximum number of key pairs has been reached."));
        }
        Ok(name)
    }

    /// Adds a key pair with the tags of the call; returns what both ways to get one answer.
    fn add_key_pair(&mut self, context: &mut Context<'_>, input: Input<'_>, pair: KeyPair) -> Answer {
        let tags = super::tags::from_specifications(input, &KIND)?;
        let id = context.dice.id(KIND.prefix);
        let answer = json!({"KeyFingerprint": pair.fingerprint(), "KeyName": pair.key_name, "KeyPairId": id});
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
    use rsa::pkcs1::DecodeRsaPrivateKey as _;

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
        // As `openssl pkey -pubin -outform DER | openssl md5 -c` shows it.
        assert_eq!(imported["KeyFingerprint"], "fe:9b:66:a7:2c:5e:67:76:ae:ca:d6:40:6b:c0:e7:8d");
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
    fn an_rsa_key_that_is_made_is_handed_over_once_and_known_by_its_private_half() {
        let mut world = Sandbox::new();
        let tags = json!([{"Key": "lab", "Value": "x"}]);
        let specifications = json!([{"ResourceType": "key-pair", "Tags": tags}]);
        let made = world.ok("CreateKeyPair", json!({"KeyName": "admin", "TagSpecifications": specifications}));
        let material = made["KeyMaterial"].as_str().unwrap();
        assert!(material.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"), "{material}");
        let private = RsaPrivateKey::from_pkcs1_pem(material).unwrap();
        assert_eq!(private.n().bits(), 2048);
        let digest = Sha1::digest(private.to_pkcs8_der().unwrap().as_bytes());
        assert_eq!(made["KeyFingerprint"], hex(&digest));
        assert_eq!(made["Tags"], tags);
        let pair = world.ok("DescribeKeyPairs", json!({"IncludePublicKey": true}))["KeyPairs"][0].clone();
        assert_eq!((&pair["KeyType"], &pair["KeyFingerprint"]), (&json!("rsa"), &made["KeyFingerprint"]));
        let public = PublicKey::from_openssh(pair["PublicKey"].as_str().unwrap()).unwrap();
        assert_eq!(modulus_and_exponent(public.key_data().rsa().unwrap()), Some(private.to_public_key()));
        let secret = material.lines().nth(1).unwrap();
        assert!(!world.standing().to_string().contains(secret));
    }

    #[test]
    fn an_ed25519_key_that_is_made_is_one_of_openssh() {
        let mut world = Sandbox::new();
        let made = world.ok("CreateKeyPair", json!({"KeyName": "admin", "KeyType": "ed25519"}));
        let private = PrivateKey::from_openssh(made["KeyMaterial"].as_str().unwrap()).unwrap();
        let shown = private.public_key().fingerprint(Default::default()).to_string();
        assert_eq!(format!("SHA256:{}", made["KeyFingerprint"].as_str().unwrap().trim_end_matches('=')), shown);
        let again = json!({"KeyName": "admin", "KeyType": "ed25519"});
        assert_eq!(world.refused("CreateKeyPair", again), "InvalidKeyPair.Duplicate");
        let ppk = json!({"KeyName": "other", "KeyFormat": "ppk"});
        assert_eq!(world.refused("CreateKeyPair", ppk), "NotImplemented");
    }

    #[test]
    fn the_same_calls_make_the_same_key() {
        let make = || Sandbox::new().ok("CreateKeyPair", json!({"KeyName": "admin", "KeyType": "ed25519"}));
        assert_eq!(make(), make());
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
