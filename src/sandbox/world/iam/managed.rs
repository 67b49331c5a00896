//! The policies that AWS itself manages, those in common use.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Path and name of each, as its ARN ends.
pub const POLICIES: &[&str] = &[
    "AdministratorAccess",
    "AmazonAPIGatewayAdministrator",
    "AmazonDynamoDBFullAccess",
    "AmazonDynamoDBReadOnlyAccess",
    "AmazonEC2FullAccess",
    "AmazonEC2ReadOnlyAccess",
    "AmazonRoute53FullAccess",
    "AmazonRoute53ResolverFullAccess",
    "AmazonS3FullAccess",
    "AmazonS3ReadOnlyAccess",
    "AmazonSSMFullAccess",
    "AmazonSSMManagedInstanceCore",
    "AmazonSSMReadOnlyAccess",
    "AmazonSageMakerFullAccess",
    "AmazonSageMakerReadOnly",
    "AmazonVPCFullAccess",
    "AmazonVPCReadOnlyAccess",
    "CloudWatchAgentServerPolicy",
    "CloudWatchLogsFullAccess",
    "IAMFullAccess",
    "IAMReadOnlyAccess",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "SecurityAudit",
    "aws-service-role/AmazonSageMakerNotebooksServiceRolePolicy",
    "job-function/NetworkAdministrator",
    "job-function/SystemAdministrator",
    "job-function/ViewOnlyAccess",
    "service-role/AWSLambdaBasicExecutionRole",
    "service-role/AWSLambdaDynamoDBExecutionRole",
    "service-role/AWSLambdaVPCAccessExecutionRole",
    "service-role/AmazonAPIGatewayPushToCloudWatchLogs",
    "service-role/AmazonEC2RoleforSSM",
];

/// What they say, those of moderate size: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/>.
static DOCUMENTS: LazyLock<BTreeMap<&str, Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("managed.json")).expect("the documents are compiled in and tested")
});

/// What one says, where the sandbox knows it.
pub fn document(name: &str) -> Option<String> {
    DOCUMENTS.get(name).map(Value::to_string)
}

#[cfg(test)]
mod tests {
    use super::super::policy::{Kind, check};
    use super::*;
    use crate::model::policy::Policy;

    #[test]
    fn every_document_is_that_of_a_policy_and_can_be_read() {
        for (name, document) in DOCUMENTS.iter() {
            assert!(POLICIES.contains(name), "{name}");
            let document = document.to_string();
            assert!(check(&document, Kind::Permissions, &|_| false).is_ok(), "{name}");
            assert!(Policy::of_identity(name, &document).is_ok(), "{name}");
        }
    }
}
