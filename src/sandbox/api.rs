//! What the wire hands to the world, and what the world hands back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One API request, decoded: the value tree uses the member names of AWS's service models
/// (`CidrBlock`, `TagSpecifications`), timestamps are RFC 3339 strings, blobs base64 strings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The service's signing name: `ec2`, `iam`, `elasticfilesystem`.
    pub service: String,
    /// The operation: `CreateVpc`.
    pub operation: String,
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`; IAM's world is one per account whatever this says.
    pub region: String,
    /// The access key id that signed the request; empty for an operation that clients don't sign, whose account and
    /// Region are the wire's defaults then.
    pub access_key: String,
    /// The request's members.
    pub input: Value,
}

impl Call {
    /// Whether the operation changes nothing, by AWS's own naming.
    pub fn is_read(&self) -> bool {
        const PREFIXES: [&str; 12] = [
            "AdminGet",
            "AdminList",
            "BatchGet",
            "Describe",
            "Filter",
            "Get",
            "List",
            "Lookup",
            "Query",
            "Scan",
            "Search",
            "Simulate",
        ];
        PREFIXES.iter().any(|prefix| self.operation.starts_with(prefix))
    }
}

/// A refusal, as the service would word its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// The code on the wire: `InvalidVpcID.NotFound`, `NoSuchEntity`.
    pub code: String,
    /// A sentence.
    pub message: String,
}

impl ApiError {
    /// The HTTP status of a refusal of which nothing else is said.
    pub const STATUS: u16 = 400;

    /// A refusal with the HTTP status that the service's model has for its code, 400 if none.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: Self::STATUS, code: code.into(), message: message.into() }
    }

    /// The same with another HTTP status.
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

/// What an operation answers: the members of its result, or a refusal.
pub type Answer = Result<Value, ApiError>;
