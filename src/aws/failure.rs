//! Why a call failed, in the few classes that the engine answers differently.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::{Deserialize, Serialize};

use super::guard::page;

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
    /// The caller may not do this.
    Denied,
    /// Who is asking can't be shown: credentials are missing, expired or unknown, or the clock that they were used by is
    /// wrong. Every further call would end alike.
    Unidentified,
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

/// The code of a request that was not sent, since nothing could sign it or there is no such address.
pub const NOT_SENT: &str = "NotSent";
/// The code of a connection with somebody whose certificate is not trusted.
pub const CERTIFICATE: &str = "Certificate";

impl Failure {
    /// A failure found on this side of the wire.
    pub fn here(operation: &str, class: Class, message: impl Into<String>) -> Self {
        Self { operation: operation.into(), class, code: "breezeway".into(), message: message.into() }
    }

    /// Whether the caller is known, and its policies don't allow the call.
    pub fn lacks_permission(&self) -> bool {
        matches!(self.code.as_str(), "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation")
    }

    /// A refusal of one item in an answer that says 200.
    pub fn in_answer(operation: &str, code: Option<&str>, message: Option<&str>) -> Self {
        let (code, message) = (code.unwrap_or("Unknown"), message.unwrap_or("no message"));
        let class = classify(code, message, 200);
        Self { operation: operation.into(), class, code: printable(code), message: printable(message) }
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
                // What isn't AWS, such as a proxy, answers without a code.
                let number = format!("HTTP {status}");
                let code = meta.code().unwrap_or(&number);
                let came = meta.message().is_none().then(|| came(service.raw()));
                let message = meta.message().map(unsigned).or(came.as_deref()).unwrap_or_default();
                // Half an answer, or another's: the call may have had its effect.
                let unreadable = meta.code().is_none() && service.raw().status().is_success();
                let class = if unreadable { Class::UnknownOutcome } else { classify(code, message, status) };
                failure(class, code, message)
            }
            SdkError::TimeoutError(_) => failure(Class::UnknownOutcome, "Timeout", "no answer in time"),
            SdkError::DispatchFailure(dispatch) => match dispatch.as_connector_error() {
                Some(error) if error.is_timeout() => failure(Class::UnknownOutcome, "Timeout", "no answer in time"),
                Some(error) if error.is_user() => failure(Class::Wrong, NOT_SENT, &deepest(error)),
                // The SDK reports credentials that it can't load as a failure of no kind; so it does an answer that ends
                // half-way, which comes of a connection.
                Some(error) if error.is_other() && !chain(error).any(|cause| cause.is::<hyper::Error>()) => {
                    failure(Class::Unidentified, NOT_SENT, &deepest(error))
                }
                // Before anything was sent, and it won't end otherwise.
                Some(error) if deepest(error).contains("certificate") => {
                    failure(Class::Wrong, CERTIFICATE, &deepest(error))
                }
                Some(error) => failure(Class::UnknownOutcome, "Connection", &deepest(error)),
                None => failure(Class::UnknownOutcome, "Connection", "the request failed"),
            },
            SdkError::ResponseError(response) => failure(
                Class::UnknownOutcome,
                "Response",
                &format!("unreadable answer, HTTP {}: {}", response.raw().status(), came(response.raw())),
            ),
            other => failure(Class::Wrong, "Request", &deepest(&other)),
        }
    }
}

/// A message of AWS without the request that it was about: where a signature is wrong, that is said back with all that was
/// signed, such as a session's token.
fn unsigned(message: &str) -> &str {
    let quoted = ["The Canonical String", "The String-to-Sign", "Authorization="];
    let end = quoted.iter().filter_map(|start| message.find(start)).min().unwrap_or(message.len());
    message[..end].trim_end()
}

/// What came in place of an answer that can be understood. The body itself is not shown: it may be half of an answer that
/// holds a token.
fn came(answer: &HttpResponse) -> String {
    let bytes = answer.body().bytes().unwrap_or_default();
    if let Some(page) = page(String::from_utf8_lossy(bytes).trim_start()) {
        return page;
    }
    let kind: String = answer.headers().get("content-type").unwrap_or("no type").chars().take(60).collect();
    match bytes.len() {
        0 => "no message".to_owned(),
        length => format!("{length} bytes of {}", printable(&kind)),
    }
}

/// The innermost cause: the one that names the host, the file or the credential.
pub(super) fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// An error, its cause, and so on.
fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// Text from outside, safe for a terminal and for whoever reads there: no control is obeyed, nothing runs backwards, and
/// what can't be seen shows.
pub fn printable(text: &str) -> String {
    let printable = |letter: char| match letter {
        _ if letter.is_control() => ' ',
        _ if is_unseen(letter) => char::REPLACEMENT_CHARACTER,
        _ => letter,
    };
    text.chars().map(printable).collect()
}

/// Whether a character has no shape of its own but does something to others: hides, joins, turns round, breaks lines.
/// <https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>
pub fn is_unseen(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Sorts an error code; the codes are those of the API references of the services that [`super::Aws`] has clients of.
fn classify(code: &str, message: &str, status: u16) -> Class {
    match code {
        "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "EC2ThrottledException"
        | "RequestThrottled"
        | "ProvisionedThroughputExceededException"
        | "TooManyUpdates"
        | "SlowDown"
        | "PriorRequestNotComplete" => Class::Throttled,
        // How API Gateway says these.
        "ConflictException" if message.contains("concurrent modification") => Class::InUse,
        "ConflictException" => Class::AlreadySo,
        "BadRequestException" if message.contains("Active stages pointing to this deployment") => Class::InUse,
        // How DynamoDB says it of a table's name.
        "ResourceInUseException" if message.contains("already exists") => Class::AlreadySo,
        // How Lambda says that a function is still being made or changed.
        "ResourceConflictException" if message.contains("cannot be performed at this time") => Class::InUse,
        "DependencyViolation"
        | "DeleteConflict"
        | "ResourceInUse"
        | "ResourceInUseException"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "EntityTemporarilyUnmodifiable"
        | "EntityTemporarilyUnmodifiableException"
        | "IncorrectState"
        | "InvalidStateTransition"
        | "IncorrectInstanceState"
        | "VolumeInUse"
        | "FileSystemInUse"
        | "IncorrectFileSystemLifeCycleState"
        | "IncorrectMountTargetState"
        | "OperationAbortedException"
        | "HostedZoneNotEmpty"
        | "ResourceUnavailableException" => Class::InUse,
        // Records are deleted by what they say, and somebody changed them meanwhile.
        "InvalidChangeBatch" if ["not found", "do not match"].iter().any(|words| message.contains(words)) => {
            Class::InUse
        }
        _ if code.ends_with(".InUse") => Class::InUse,
        "RouteAlreadyExists"
        | "InvalidPermission.Duplicate"
        | "InvalidGroup.Duplicate"
        | "InvalidKeyPair.Duplicate"
        | "EntityAlreadyExists"
        | "VpcPeeringConnectionAlreadyExists"
        | "Resource.AlreadyAssociated"
        | "InvalidSubnet.Conflict"
        | "ParameterAlreadyExists"
        | "ConditionalCheckFailedException"
        | "ResourceAlreadyExistsException"
        | "ResourceConflictException"
        | "UsernameExistsException"
        | "HostedZoneAlreadyExists"
        | "ConflictingDomainExists"
        | "ResourceExistsException" => Class::AlreadySo,
        // A fresh VPC isn't seen by Route 53 yet.
        "NoSuchEntity" | "InvalidResourceId" | "NoSuchHostedZone" | "InvalidVPCId" => Class::NotFound,
        _ if code.ends_with("NotFound") || code.ends_with("NotFoundException") => Class::NotFound,
        "LimitExceeded"
        | "LimitsExceeded"
        | "TooManyHostedZones"
        | "QuotaExceeded"
        | "ServiceQuotaExceededException"
        | "ParameterLimitExceeded" => Class::HardLimit,
        _ if code.starts_with("Insufficient") && code.ends_with("Capacity") => Class::HardLimit,
        _ if code.ends_with("LimitReachedException") => Class::HardLimit,
        _ if code.ends_with("LimitExceeded") || code.ends_with("LimitExceededException") => Class::HardLimit,
        // How EC2 says that the credentials or their clock are wrong; it says other things by the same code.
        "AuthFailure" if message.contains("validate the provided access credentials") => Class::Unidentified,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AuthFailure"
        | "NotAuthorizedException"
        | "OptInRequired" => Class::Denied,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired"
        | "RequestInTheFuture"
        | "RequestTimeTooSkewed"
        | "SignatureDoesNotMatch"
        | "TokenRefreshRequired"
        | "UnrecognizedClientException" => Class::Unidentified,
        // The private name of an endpoint that is deleted is taken until the endpoint is gone.
        "InvalidParameter" if message.contains("conflicting DNS domain") => Class::InUse,
        // The VPC's attributes were set a moment ago: the endpoint's side doesn't see them yet.
        "InvalidParameter" if message.contains("requires both enableDnsSupport and enableDnsHostnames") => {
            Class::NotFound
        }
        // A user pool with sign-in pages, or one that somebody protected.
        "InvalidParameterException"
            if ["has a domain configured", "deletion protection is activated"]
                .iter()
                .any(|words| message.contains(words)) =>
        {
            Class::InUse
        }
        // How Cognito says that a domain is gone.
        "InvalidParameterException" if message.contains("No such domain") => Class::NotFound,
        // How Route 53 Resolver says that it doesn't see a fresh subnet or group yet.
        "InvalidParameterException" | "InvalidRequestException"
            if ["does not exist", "not found"].iter().any(|words| message.to_lowercase().contains(words)) =>
        {
            Class::NotFound
        }
        "InvalidParameterValue" if message.contains("currently in use") => Class::InUse,
        "InvalidParameterValue" | "InvalidParameterValueException"
            if [
                "cannot be assumed",
                "Invalid IAM Instance Profile",
                "has no associated IAM Roles",
                "does not have permissions to call",
            ]
            .iter()
            .any(|words| message.contains(words)) =>
        {
            Class::NotYetAssumable
        }
        // How Lambda says that it doesn't see a fresh subnet or group yet.
        "InvalidParameterValueException"
            if message.contains("EC2 Error Code: Invalid") && message.contains("NotFound") =>
        {
            Class::NotFound
        }
        // How SageMaker says so.
        "ValidationException" if message.contains("Could not assume role") => Class::NotYetAssumable,
        // Route 53 Resolver's own; it comes with HTTP 400.
        "InternalServiceErrorException" => Class::UnknownOutcome,
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
    fn a_zone_without_room_is_not_an_unknown_outcome() {
        for code in ["InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity"] {
            assert_eq!(classify(code, "", 500), Class::HardLimit, "{code}");
        }
    }

    #[test]
    fn what_the_other_side_does_not_see_yet_is_not_found() {
        let group = "[RSLVR-00602] The security group 'sg-1' does not exist";
        assert_eq!(classify("InvalidParameterException", group, 400), Class::NotFound);
        assert_eq!(classify("InvalidRequestException", "Subnet Not Found: subnet-1", 400), Class::NotFound);
        assert_eq!(classify("InvalidRequestException", "needs at least 2 IP addresses", 400), Class::Wrong);
        let attributes = "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes \
                          set to true for vpc-1";
        assert_eq!(classify("InvalidParameter", attributes, 400), Class::NotFound);
    }

    #[test]
    fn a_fresh_profile_or_one_with_a_fresh_role_is_not_yet_assumable() {
        let unknown = "Value (breezeway-demo) for parameter iamInstanceProfile.name is invalid. \
                       Invalid IAM Instance Profile name";
        let empty = "IAM Instance Profile \"breezeway-demo\" has no associated IAM Roles";
        for message in [unknown, empty] {
            assert_eq!(classify("InvalidParameterValue", message, 400), Class::NotYetAssumable, "{message}");
        }
        assert_eq!(classify("InvalidParameterValue", "Invalid availability zone", 400), Class::Wrong);
    }

    #[test]
    fn lambdas_conflicts_are_told_apart_by_what_they_say() {
        let busy = "The operation cannot be performed at this time. An update is in progress for resource: arn:x";
        assert_eq!(classify("ResourceConflictException", busy, 409), Class::InUse);
        assert_eq!(classify("ResourceConflictException", "Function already exist: x", 409), Class::AlreadySo);
        let role = "The provided execution role does not have permissions to call CreateNetworkInterface on EC2";
        assert_eq!(classify("InvalidParameterValueException", role, 400), Class::NotYetAssumable);
        let subnet = "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error \
                      Message: The subnet ID 'subnet-1' does not exist";
        assert_eq!(classify("InvalidParameterValueException", subnet, 400), Class::NotFound);
    }

    #[test]
    fn a_zone_goes_after_its_records_whoever_changes_them() {
        assert_eq!(classify("HostedZoneNotEmpty", "", 400), Class::InUse);
        let set = "resource record set [name='a.example.', type='A']";
        let gone = format!("[Tried to delete {set} but it was not found]");
        let changed = format!("[Tried to delete {set} but the values provided do not match the current values]");
        for message in [gone, changed] {
            assert_eq!(classify("InvalidChangeBatch", &message, 400), Class::InUse, "{message}");
        }
        assert_eq!(classify("InvalidChangeBatch", "[RRSet with DNS name a. is not permitted]", 400), Class::Wrong);
        for code in ["HostedZoneAlreadyExists", "ConflictingDomainExists"] {
            assert_eq!(classify(code, "", 409), Class::AlreadySo, "{code}: look whose it is");
        }
        assert_eq!(classify("NoSuchHostedZone", "", 404), Class::NotFound);
    }

    #[test]
    fn dynamodbs_table_that_is_there_is_not_one_that_is_in_use() {
        assert_eq!(classify("ResourceInUseException", "Table already exists: users", 400), Class::AlreadySo);
        let busy = "Attempt to change a resource which is still in use: Table is being created: users";
        assert_eq!(classify("ResourceInUseException", busy, 400), Class::InUse);
    }

    #[test]
    fn every_kind_of_not_found_is_one_class() {
        for code in [
            "InvalidVpcID.NotFound",
            "InvalidVpcEndpointId.NotFound",
            "NatGatewayNotFound",
            "NoSuchEntity",
            "ParameterNotFound",
            "ResourceNotFoundException",
        ] {
            assert_eq!(classify(code, "", 400), Class::NotFound, "{code}");
        }
    }

    #[test]
    fn what_something_else_still_holds_is_in_use() {
        let conflict = "private-dns-enabled cannot be set because there is already a conflicting DNS domain for \
                        api.sagemaker.eu-west-1.amazonaws.com in the VPC vpc-1";
        assert_eq!(classify("InvalidParameter", conflict, 400), Class::InUse);
        assert_eq!(classify("InvalidParameter", "Invalid type", 400), Class::Wrong);
        for code in ["InvalidIPAddress.InUse", "InvalidNetworkInterface.InUse", "InvalidGroup.InUse"] {
            assert_eq!(classify(code, "", 400), Class::InUse, "{code}");
        }
        assert_eq!(classify("EntityTemporarilyUnmodifiable", "", 409), Class::InUse);
        let interface = "Network interface 'eni-1' is currently in use.";
        assert_eq!(classify("InvalidParameterValue", interface, 400), Class::InUse);
    }

    #[test]
    fn one_refused_item_of_an_answer_has_the_class_of_its_code() {
        let failure = Failure::in_answer("DeleteVpcEndpoints", Some("InvalidVpcEndpoint.NotFound"), None);
        assert_eq!(failure.class, Class::NotFound);
        assert_eq!(Failure::in_answer("DeleteVpcEndpoints", None, None).class, Class::Wrong);
    }

    #[test]
    fn a_pool_with_a_domain_is_in_use_and_a_user_who_is_there_is_so() {
        let domain = "User pool cannot be deleted. It has a domain configured that should be deleted first.";
        assert_eq!(classify("InvalidParameterException", domain, 400), Class::InUse);
        let gone = "No such domain or user pool exists.";
        assert_eq!(classify("InvalidParameterException", gone, 400), Class::NotFound);
        assert_eq!(classify("UsernameExistsException", "User account already exists", 400), Class::AlreadySo);
        assert_eq!(classify("UserNotFoundException", "User does not exist.", 400), Class::NotFound);
    }

    #[test]
    fn a_server_error_leaves_the_outcome_unknown() {
        assert_eq!(classify("InternalError", "", 500), Class::UnknownOutcome);
        assert_eq!(classify("Unavailable", "", 503), Class::UnknownOutcome);
        assert_eq!(classify("InternalServiceErrorException", "", 400), Class::UnknownOutcome);
    }

    #[test]
    fn who_is_not_known_is_told_apart_from_who_may_not() {
        let clock =
            "Signature expired: 20260105T080000Z is now earlier than 20260105T095500Z (20260105T100000Z - 5 min.)";
        for (code, message, status) in [
            ("ExpiredToken", "The security token included in the request is expired", 403),
            ("ExpiredTokenException", "The security token included in the request is expired", 400),
            ("RequestExpired", "Request has expired.", 400),
            ("InvalidClientTokenId", "The security token included in the request is invalid.", 403),
            ("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
            ("SignatureDoesNotMatch", clock, 403),
            ("InvalidSignatureException", clock, 400),
            ("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
        ] {
            assert_eq!(classify(code, message, status), Class::Unidentified, "{code}");
        }
        for (code, message) in [
            ("AuthFailure", "Not authorized for images: [ami-1]"),
            ("UnauthorizedOperation", "You are not authorized to perform this operation."),
            ("AccessDeniedException", "User: arn:aws:iam::1:user/a is not authorized to perform: ssm:PutParameter"),
        ] {
            assert_eq!(classify(code, message, 403), Class::Denied, "{code}");
        }
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\r\n\u{9b}"), "a [31mb   ");
        assert_eq!(printable("eine \u{202e}txet\u{2069} mit\u{200b}ten"), "eine \u{fffd}txet\u{fffd} mit\u{fffd}ten");
        assert_eq!(printable("größer 大きい ✓"), "größer 大きい ✓");
    }
}
