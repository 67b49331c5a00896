//! The password that Windows makes up for its Administrator, which only the holder of the private key can read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use rsa::{Pkcs1v15Encrypt, RsaPublicKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{Ec2, Input, Operation};
use super::KIND;
use crate::sandbox::api::Answer;
use crate::sandbox::world::{Context, durations};

pub const OPERATIONS: &[Operation] =
    &[Operation { name: "GetPasswordData", members: &["InstanceId"], run: Ec2::get_password_data }];

const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!@#$%&*()-=+?.;,";
const LENGTH: usize = 32;

/// An Administrator's password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Password {
    /// Encrypted for the key pair of the launch, in base64.
    data: String,
    /// When Windows has sent it.
    known_at: Timestamp,
}

impl Password {
    /// One that is made up now; `None` for a key that is too small to encrypt it.
    pub fn new(context: &mut Context<'_>, key: &RsaPublicKey) -> Option<Self> {
        let password = context.dice.string(ALPHABET, LENGTH);
        let encrypted = key.encrypt(context.dice, Pkcs1v15Encrypt, password.as_bytes()).ok()?;
        Some(Self { data: BASE64.encode(encrypted), known_at: context.due(durations::WINDOWS_PASSWORD) })
    }
}

impl Ec2 {
    fn get_password_data(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("InstanceId")?;
        let instance = KIND.find(&self.instances, id)?;
        let known = instance.password.as_ref().filter(|password| password.known_at <= context.now);
        Ok(json!({
            "InstanceId": id,
            "PasswordData": known.map_or(String::new(), |password| format!("\r\n{}\r\n", password.data)),
            "Timestamp": known.map_or(context.now, |password| password.known_at),
        }))
    }
}

#[cfg(test)]
mod tests {
    use rsa::RsaPrivateKey;
    use rsa::pkcs8::EncodePublicKey as _;
    use serde_json::Value;

    use super::super::super::testing::*;
    use super::*;
    use crate::sandbox::world::Dice;

    fn password(world: &mut Sandbox, id: &str) -> Value {
        world.ok("GetPasswordData", json!({"InstanceId": id}))["PasswordData"].clone()
    }

    #[test]
    fn a_windows_password_comes_after_minutes_and_only_the_private_key_reads_it() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let private_key = RsaPrivateKey::new(&mut Dice::new(1), 1024).unwrap();
        let public_key = private_key.to_public_key().to_public_key_der().unwrap();
        let material = BASE64.encode(BASE64.encode(public_key.as_bytes()));
        world.ok("ImportKeyPair", json!({"KeyName": "admin", "PublicKeyMaterial": material}));
        let id = world.launch(&subnet, json!({"KeyName": "admin", "ImageId": world.windows()}));
        world.wait(240);
        assert_eq!(password(&mut world, &id), "");
        world.wait(180);
        let data = password(&mut world, &id);
        let encrypted = BASE64.decode(data.as_str().unwrap().trim()).unwrap();
        let clear = private_key.decrypt(Pkcs1v15Encrypt, &encrypted).unwrap();
        assert_eq!(clear.len(), LENGTH);
        world.ok("DeleteKeyPair", json!({"KeyName": "admin"}));
        assert_eq!(password(&mut world, &id), data);
    }

    #[test]
    fn without_a_key_pair_or_without_windows_there_is_no_password() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let windows = world.launch(&subnet, json!({"ImageId": world.windows()}));
        let linux = world.launch(&subnet, json!({}));
        world.wait(3600);
        assert_eq!(password(&mut world, &windows), "");
        assert_eq!(password(&mut world, &linux), "");
    }
}
