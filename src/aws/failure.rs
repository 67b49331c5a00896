//! Why a call failed, in the few classes that the engine answers differently.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::{Deserialize, Serialize};

/// What a failed call means for the one who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Something the call refers to isn't there: not yet (reads lag behind writes), or not any more.
    NotFound,
    /// What the call asks for is already so.
    AlreadySo,
    /// Over a request rate; nothing was done.
    Throttled,
    /// A service may not assume the role yet: IAM is still spreading it.
    NotYetAssumable,
    /// Other things still depend on it.
    InUse,
    /// A quota; asking again doesn't help.
    HardLimit,
    /// The caller may not do this, or who it is can't be shown.
    Denied,
    /// The request itself is wrong.
    Wrong,
    /// No answer, or one that says nothing: the call may have had its effect.
    UnknownOutcome,
}

/// A call that failed: which, how, and in whose words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{operation}: {message} ({code})")]
pub struct Failure {
    /// The API operation.
    pub operation: String,
    /// What it means.
    pub class: Class,
    /// AWS's error code, or the kind of transport failure.
    pub code: String,
    /// AWS's message, control characters removed.
    pub message: String,
}

impl Failure {
    /// A failure found on this side of the wire.
    pub fn here(operation: &str, class: Class, message: impl Into<String>) -> Self {
        Self { operation: operation.into(), class, code: "breezeway".into(), message: message.into() }
    }

    /// Reads an SDK error.
    pub fn from_sdk<E>(operation: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let failure = |class, code: &str, message: &str| Self {
            operation: operation.into(),
            class,
            code: printable(code),
            message: printable(message),
        };
        match error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let meta = service.err().meta();
                let code = meta.code().unwrap_or("Unknown");
                let message = meta.message().unwrap_or("no message");
                failure(classify(code, message, status), code, message)
            }
            SdkError::TimeoutError(_) => failure(Class::UnknownOutcome, "Timeout", "no answer in time"),
            // The SDK reports credentials that it can't load as a dispatch failure of another kind than network's.
            SdkError::DispatchFailure(dispatch) => match dispatch.as_connector_error() {
                Some(error) if error.is_user() || error.is_other() => {
                    failure(Class::Denied, "NotSent", &deepest(error))
                }
                Some(error) => failure(Class::UnknownOutcome, "Connection", &deepest(error)),
                None => failure(Class::UnknownOutcome, "Connection", "the request failed"),
            },
            SdkError::ResponseError(response) => failure(
                Class::UnknownOutcome,
                "Response",
                &format!("unreadable answer, HTTP {}", response.raw().status()),
            ),
            other => failure(Class::Wrong, "Request", &deepest(&other)),
        }
    }
}

/// The innermost cause: the one that names the host, the file or the credential.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Text from outside, safe for a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Sorts an error code; the codes are those of the EC2, IAM, SSM and STS API references.
fn classify(code: &str, message: &str, status: u16) -> Class {
    match code {
        "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "EC2ThrottledException"
        | "RequestThrottled"
        | "TooManyUpdates"
        | "SlowDown"
        | "PriorRequestNotComplete" => Class::Throttled,
        "DependencyViolation"
        | "DeleteConflict"
        | "ResourceInUse"
        | "ResourceInUseException"
        | "ConcurrentModification"
        | "IncorrectState"
        | "InvalidStateTransition"
        | "InvalidIPAddress.InUse" => Class::InUse,
        "RouteAlreadyExists"
        | "InvalidPermission.Duplicate"
        | "InvalidGroup.Duplicate"
        | "EntityAlreadyExists"
        | "VpcPeeringConnectionAlreadyExists"
        | "Resource.AlreadyAssociated"
        | "InvalidSubnet.Conflict"
        | "ParameterAlreadyExists"
        | "ResourceConflictException"
        | "ResourceExistsException" => Class::AlreadySo,
        "NoSuchEntity" | "ParameterNotFound" | "InvalidPermission.NotFound" | "InvalidResourceId" => Class::NotFound,
        _ if code.ends_with(".NotFound") || code.ends_with("NotFoundException") => Class::NotFound,
        "LimitExceeded" | "QuotaExceeded" | "ServiceQuotaExceededException" | "ParameterLimitExceeded" => {
            Class::HardLimit
        }
        _ if code.ends_with("LimitExceeded") || code.ends_with("LimitExceededException") => Class::HardLimit,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AuthFailure"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "OptInRequired"
        | "RequestExpired"
        | "MissingAuthenticationToken" => Class::Denied,
        "InvalidParameterValue" | "InvalidParameterValueException"
            if message.contains("cannot be assumed") || message.contains("Invalid IAM Instance Profile") =>
        {
            Class::NotYetAssumable
        }
        _ if status >= 500 => Class::UnknownOutcome,
        _ => Class::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_not_a_throttle() {
        assert_eq!(classify("VpcLimitExceeded", "", 400), Class::HardLimit);
        assert_eq!(classify("RequestLimitExceeded", "", 503), Class::Throttled);
    }

    #[test]
    fn every_kind_of_not_found_is_one_class() {
        for code in ["InvalidVpcID.NotFound", "NoSuchEntity", "ParameterNotFound", "ResourceNotFoundException"] {
            assert_eq!(classify(code, "", 400), Class::NotFound, "{code}");
        }
    }

    #[test]
    fn a_server_error_leaves_the_outcome_unknown() {
        assert_eq!(classify("InternalError", "", 500), Class::UnknownOutcome);
        assert_eq!(classify("Unavailable", "", 503), Class::UnknownOutcome);
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\r\n"), "a [31mb  ");
    }
}
