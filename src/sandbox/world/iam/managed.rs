//! The policies that AWS itself manages, those in common use.

use serde_json::{Value, json};

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
    "job-function/NetworkAdministrator",
    "job-function/SystemAdministrator",
    "job-function/ViewOnlyAccess",
    "service-role/AWSLambdaBasicExecutionRole",
    "service-role/AWSLambdaDynamoDBExecutionRole",
    "service-role/AWSLambdaVPCAccessExecutionRole",
    "service-role/AmazonAPIGatewayPushToCloudWatchLogs",
    "service-role/AmazonEC2RoleforSSM",
];

/// What one says, where the sandbox knows it.
pub fn document(name: &str) -> Option<Value> {
    let logs = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
    let interfaces = [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ];
    let actions = match name {
        "AdministratorAccess" => vec!["*"],
        "service-role/AWSLambdaBasicExecutionRole" => logs.to_vec(),
        "service-role/AWSLambdaVPCAccessExecutionRole" => [&logs[..], &interfaces].concat(),
        _ => return None,
    };
    Some(json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }],
    }))
}
