//! A world with a clock, for the tests of this folder.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sandbox::api::{Answer, Call};
use crate::sandbox::wire;
use crate::sandbox::world::{Durations, Moment, World};

/// What an administrator gives `ada`, and what she has in a world with a user.
pub const TEMPORARY: &str = "Temp0rary!";
pub const PASSWORD: &str = "Corr3ct-horse";

pub struct Sandbox {
    pub world: World,
    pub now: Timestamp,
    /// The pool's id, in a world with a pool.
    pub pool: String,
    /// The id of the pool's client, in a world with a client.
    pub client: String,
}

impl Sandbox {
    pub fn new() -> Self {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Self { world: World::new(7), now, pool: String::new(), client: String::new() }
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

    /// `ada` signs in.
    pub fn sign_in(&mut self, password: &str) -> Answer {
        let parameters = json!({"USERNAME": "ada", "PASSWORD": password});
        self.initiate("USER_PASSWORD_AUTH", parameters)
    }

    pub fn initiate(&mut self, flow: &str, parameters: Value) -> Answer {
        let input = json!({"ClientId": self.client, "AuthFlow": flow, "AuthParameters": parameters});
        self.call("InitiateAuth", input)
    }

    pub fn call(&mut self, operation: &str, input: Value) -> Answer {
        self.call_as("AKIDEXAMPLE", ("111122223333", "us-east-1"), operation, input)
    }

    /// A call of somebody else: with an access key, for an account and Region.
    pub fn call_as(&mut self, access_key: &str, place: (&str, &str), operation: &str, input: Value) -> Answer {
        let call = Call {
            service: "cognito-idp".into(),
            operation: operation.into(),
            account: place.0.into(),
            region: place.1.into(),
            access_key: access_key.into(),
            input,
        };
        let answer = self.world.handle(&Moment { now: self.now, durations: Durations::Typical }, &call);
        if let Ok(answer) = &answer {
            let unknown = wire::unknown_members("cognito-idp", operation, answer);
            assert!(unknown.is_empty(), "{operation} answers what the wire leaves out: {unknown:?}");
        }
        answer
    }

    /// The answer of a call that must work.
    pub fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The code of a call that must be refused and must change nothing.
    pub fn refused(&mut self, operation: &str, input: Value) -> String {
        let before = self.standing();
        let refusal = self.call(operation, input).expect_err("the call should have been refused");
        assert_eq!(self.standing(), before, "a refused {operation} changed something");
        refusal.code
    }

    pub fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    pub fn standing(&self) -> Value {
        self.world.standing(self.now)
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
