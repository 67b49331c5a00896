//! IAM's policy simulator, asked by the AWS CLI.

use std::thread;

use super::{Machine, filled};

const PRESIGN: &str = "sagemaker:CreatePresignedDomainUrl";
const PROFILE: &str = "arn:aws:sagemaker:us-east-1:111122223333:user-profile/d-1/bob";

/// What the simulator says of the portal's role in a lab with this access: whether a URL may be made, or used, through the
/// endpoint of SageMaker's API, through that of `execute-api`, over the internet from 203.0.113.7, and from elsewhere.
fn decisions(access: &str) -> Vec<String> {
    let doors =
        "endpoints = [{ service = \"studio\" }, { service = \"sagemaker.api\" }, { service = \"execute-api\" }]";
    let machine = Machine::with_the_lab(&format!("name = \"demo\"\naccess = {access}\n[studio]\n{doors}"));
    let known = machine.known("demo");
    let served = machine.serve();
    let mut shell = served.shell();
    let roles = "aws iam list-roles --path-prefix /breezeway/ --query 'Roles[].Arn' --output text";
    shell.set("role", roles);
    let contexts: [&[(&str, &str)]; 4] = [
        &[("aws:SourceVpce", "{studio/endpoint/sagemaker.api}"), ("aws:SourceVpc", "{studio/vpc}")],
        &[("aws:SourceVpce", "{studio/endpoint/execute-api}"), ("aws:SourceVpc", "{studio/vpc}")],
        &[("aws:SourceIp", "203.0.113.7")],
        &[("aws:SourceIp", "198.51.100.9")],
    ];
    let ask = |context: &[(&str, &str)]| {
        let entry = |(key, value): &(&str, &str)| {
            format!("ContextKeyName={key},ContextKeyValues={value},ContextKeyType=string")
        };
        let entries: Vec<String> = context.iter().map(entry).collect();
        let command = format!(
            "aws iam simulate-principal-policy --policy-source-arn $role --action-names {PRESIGN} \
             --resource-arns {PROFILE} --context-entries {} --query 'EvaluationResults[].EvalDecision' --output text",
            entries.join(" ")
        );
        shell.run(&filled(&command, &known))
    };
    contexts.into_iter().map(ask).collect()
}

#[test]
fn a_url_works_by_the_way_that_its_lab_means_and_by_no_other() {
    thread::scope(|scope| {
        for (access, expected) in [
            ("{ mode = \"source-vpce\" }", ["allowed", "explicitDeny", "explicitDeny", "explicitDeny"]),
            ("{ mode = \"source-vpc\" }", ["allowed", "allowed", "explicitDeny", "explicitDeny"]),
            (
                "{ mode = \"source-ip\", source_ip = [\"203.0.113.0/24\"] }",
                ["explicitDeny", "explicitDeny", "allowed", "explicitDeny"],
            ),
        ] {
            scope.spawn(move || assert_eq!(decisions(access), expected, "{access}"));
        }
    });
}

/// The examples of the AWS CLI's own reference among them.
#[test]
fn the_simulator_answers_the_aws_cli_as_aws_does() {
    let machine = Machine::with_a_lab();
    let served = machine.serve();
    let mut shell = served.shell();
    shell.set("role", "aws iam list-roles --path-prefix /breezeway/ --query 'Roles[].Arn' --output text");
    shell.set("name", "aws iam list-roles --path-prefix /breezeway/ --query 'Roles[].RoleName' --output text");
    let after_2018 = r#"'{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'"#;
    let backup = |date: &str, query: &str| {
        format!(
            "aws iam simulate-custom-policy --policy-input-list {after_2018} --action-names dynamodb:CreateBackup \
             --context-entries \"ContextKeyName='aws:CurrentTime',ContextKeyValues='{date}',ContextKeyType=date\" \
             --query 'EvaluationResults[].{query}'"
        )
    };
    let statement =
        "MatchedStatements[].[SourcePolicyId, StartPosition.Line, StartPosition.Column, EndPosition.Column]";
    for (command, prints) in [
        (backup("2019-04-25T11:00:00Z", "[EvalResourceName, EvalDecision]"), "*\tallowed"),
        (backup("2019-04-25T11:00:00Z", &format!("{statement} | []")), "PolicyInputList.1\t1\t38\t167"),
        (backup("2014-04-25T11:00:00Z", "[EvalDecision, length(MatchedStatements)]"), "implicitDeny\t0"),
        (
            "aws iam simulate-principal-policy --policy-source-arn $role --action-names logs:PutLogEvents s3:GetObject \
             --page-size 1 --query 'EvaluationResults[].[EvalActionName, EvalDecision]'"
                .to_owned(),
            "logs:PutLogEvents\tallowed\ns3:GetObject\timplicitDeny",
        ),
        (
            "aws iam simulate-principal-policy --policy-source-arn $role --action-names logs:PutLogEvents \
             --query \"EvaluationResults[].MatchedStatements[].SourcePolicyId == ['role_\"$name\"_work']\""
                .to_owned(),
            "True",
        ),
    ] {
        assert_eq!(shell.run(&format!("{command} --output text")), prints, "{command}");
    }
    let simulate = "aws iam simulate-principal-policy --action-names s3:GetObject --policy-source-arn";
    shell.refused(&format!("{simulate} arn:aws:iam::111122223333:role/nobody"), "NoSuchEntity");
    shell.refused(&format!("{simulate} $role --policy-input-list nonsense"), "InvalidInput");
    let bucket = r#"'{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}'"#;
    shell.refused(&format!("{simulate} $role --resource-policy {bucket}"), "InvalidInput");
}
