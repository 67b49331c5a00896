//! People whose policies don't allow everything, with the AWS CLI.

use std::fs;

use super::Machine;

/// Whoever calls may look around, and make VPCs of their team's that they tag as such.
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["ec2:Describe*", "ssm:GetParameter"], "Resource": "*"},
    {"Effect": "Allow", "Action": "ec2:CreateVpc", "Resource": "*",
     "Condition": {"StringEquals": {"aws:RequestTag/team": "blue"}}},
    {"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "*",
     "Condition": {"StringEquals": {"ec2:CreateAction": "CreateVpc"}}},
    {"Effect": "Allow", "Action": "ec2:DeleteVpc", "Resource": "*",
     "Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}}}
]}"#;
const MORE: &str =
    r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:List*", "Resource": "*"}}"#;

#[test]
fn callers_may_do_what_the_policies_say_that_the_sandbox_is_served_with() {
    let machine = Machine::new();
    let files = [("policy.json", POLICY), ("more.json", MORE)].map(|(name, text)| {
        let file = machine.home.path().join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    });
    let served = machine.serve_with(&["--policy", &files[0], "--policy", &files[1]]);
    let mut shell = served.shell();
    let tagged = |team: &str| {
        let tags = format!("'ResourceType=vpc,Tags=[{{Key=team,Value={team}}}]'");
        format!(
            "aws ec2 create-vpc --cidr-block 10.0.0.0/16 --query Vpc.VpcId --output text --tag-specifications {tags}"
        )
    };
    shell.set("vpc", &tagged("blue"));
    shell.refused(&tagged("red"), "UnauthorizedOperation");
    shell.refused("aws ec2 create-vpc --cidr-block 10.0.0.0/16 --dry-run", "UnauthorizedOperation");
    shell.refused(&format!("{} --dry-run", tagged("blue")), "DryRunOperation");
    shell.refused("aws ec2 create-tags --resources $vpc --tags Key=team,Value=red", "UnauthorizedOperation");
    shell.set(
        "other",
        "aws ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[].VpcId' --output text",
    );
    shell.refused("aws ec2 delete-vpc --vpc-id $other", "UnauthorizedOperation");
    shell.run("aws ec2 delete-vpc --vpc-id $vpc");
    assert_eq!(shell.run("aws iam list-roles --query 'Roles[]'"), "[]");
    shell.refused("aws iam get-role --role-name r", "AccessDenied");
    shell.refused("aws ssm put-parameter --name a --value b --type String", "AccessDeniedException");
    shell.refused("aws lambda list-functions", "AccessDeniedException");
    shell.refused("aws route53 list-hosted-zones", "AccessDenied");
    assert!(shell.run("aws sts get-caller-identity").contains(":user/sandbox"));
}

#[test]
fn a_file_that_holds_no_policy_is_refused_in_a_sentence() {
    let machine = Machine::new();
    let file = machine.home.path().join("policy.json");
    fs::write(&file, "{\"Statement\": 1}").unwrap();
    for name in [file.to_str().unwrap(), "/nowhere/policy.json"] {
        let ended = machine.breezeway(&["sandbox", "serve", "--port", "0", "--policy", name]);
        ended.expect(1, name);
        assert!(ended.stderr.contains(name), "{ended:?}");
    }
}
