//! API Gateway's REST APIs in one account and Region.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cognito_idp::CognitoIdp;
use super::ec2::Ec2;
use super::lambda::Lambda;
use super::{Context, not_implemented};
use crate::sandbox::api::{Answer, Call};

/// API Gateway's REST APIs in one account and Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ApiGateway {}

impl ApiGateway {
    /// Answers a call.
    ///
    /// # Errors
    /// The refusal, after which the caller must restore the state as it was.
    pub fn handle(
        &mut self,
        _context: &mut Context<'_>,
        _ec2: &Ec2,
        _lambda: &Lambda,
        _cognito_idp: &CognitoIdp,
        call: &Call,
    ) -> Answer {
        Err(not_implemented(call, "the operation"))
    }

    /// Lets happen what is due by now.
    pub fn settle(&mut self, _now: Timestamp) {}

    /// What stands of what was made here.
    pub fn standing(&self) -> Value {
        json!(self)
    }
}
