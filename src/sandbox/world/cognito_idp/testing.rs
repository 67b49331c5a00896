//! A world with a clock, for the tests of this folder.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::sandbox::api::Answer;
pub use crate::sandbox::world::testing::{Stage, Staged};

/// What an administrator gives `ada`, and what she has in a world with a user.
pub const TEMPORARY: &str = "Temp0rary!";
pub const PASSWORD: &str = "Corr3ct-horse";

pub struct Sandbox {
    pub stage: Stage,
    /// The pool's id, in a world with a pool.
    pub pool: String,
    /// The id of the pool's client, in a world with a client.
    pub client: String,
}

impl Staged for Sandbox {
    const SERVICE: &'static str = "cognito-idp";

    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Sandbox {
    pub fn new() -> Self {
        Self { stage: Stage::new(), pool: String::new(), client: String::new() }
    }

    pub fn with_pool() -> Self {
        let mut new = Self::new();
        new.pool = text(&new.ok("CreateUserPool", json!({"PoolName": "lab"}))["UserPool"]["Id"]);
        new
    }

    /// With a client that takes passwords.
    pub fn with_client() -> Self {
        let mut new = Self::with_pool();
        new.client = new.new_client(json!({}));
        new
    }

    /// With `ada`, who has an email address and a password of her own.
    pub fn with_user() -> Self {
        let mut new = Self::with_client();
        new.new_user("ada");
        let password = json!({"UserPoolId": new.pool, "Username": "ada", "Password": PASSWORD, "Permanent": true});
        new.ok("AdminSetUserPassword", password);
        new
    }

    /// Another client of the pool.
    pub fn new_client(&mut self, settings: Value) -> String {
        let flows = json!(["ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]);
        let mut input = json!({"UserPoolId": self.pool, "ClientName": "portal", "ExplicitAuthFlows": flows});
        input.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        text(&self.ok("CreateUserPoolClient", input)["UserPoolClient"]["ClientId"])
    }

    /// Somebody with a temporary password.
    pub fn new_user(&mut self, name: &str) -> Value {
        let attributes = json!([
            {"Name": "email", "Value": format!("{name}@example.com")},
            {"Name": "email_verified", "Value": "true"},
        ]);
        let input = json!({"UserPoolId": self.pool, "Username": name, "TemporaryPassword": TEMPORARY, "UserAttributes": attributes});
        self.ok("AdminCreateUser", input)
    }

    /// A call of somebody else: with an access key, for an account and Region.
    pub fn call_as(&mut self, access_key: &str, place: (&str, &str), operation: &str, input: Value) -> Answer {
        self.stage.call_as(access_key, place, Self::SERVICE, operation, input)
    }

    /// `ada` signs in.
    pub fn sign_in(&mut self, password: &str) -> Answer {
        let parameters = json!({"USERNAME": "ada", "PASSWORD": password});
        self.initiate("USER_PASSWORD_AUTH", parameters)
    }

    pub fn initiate(&mut self, flow: &str, parameters: Value) -> Answer {
        let input = json!({"ClientId": self.client, "AuthFlow": flow, "AuthParameters": parameters});
        self.call("InitiateAuth", input)
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// A part of a token: 0 is the header, 1 the claims.
pub fn part(token: &Value, number: usize) -> Value {
    let token = token.as_str().unwrap();
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
