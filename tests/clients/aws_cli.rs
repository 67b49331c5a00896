//! The AWS CLI: what a person types, and what AWS prints.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use super::{Machine, Served, Shell};
use crate::program::breezeway;

#[test]
fn the_aws_cli_is_answered_as_by_aws() {
    let machine = Machine::with_a_lab();
    let served = machine.serve();
    std::thread::scope(|scope| {
        scope.spawn(|| describes(&served.shell()));
        scope.spawn(|| gets_roles(served.shell()));
        scope.spawn(|| creates_and_deletes(served.shell()));
        scope.spawn(|| resolves(served.shell()));
        scope.spawn(|| tries(&served.shell()));
    });
}

fn describes(shell: &Shell) {
    for (command, prints) in [
        (
            "aws ec2 describe-vpcs --filters Name=tag:breezeway:lab,Values=skeleton \
             --query 'sort(Vpcs[].CidrBlock)' --output text",
            "10.16.0.0/16\t192.168.10.0/24",
        ),
        (
            "aws ec2 describe-subnets --filters 'Name=tag:Name,Values=sn-onprem-?,sn-studio-*' \
             Name=availability-zone,Values=us-east-1a --query 'sort(Subnets[].CidrBlock)' --output text",
            "10.16.32.0/20\t192.168.10.0/26",
        ),
        // The CLI asks for page after page by itself.
        ("aws ec2 describe-subnets --page-size 5 --filters Name=tag-key,Values=Name --query 'length(Subnets)'", "6"),
        (
            "aws ssm get-parameters-by-path --path /breezeway/labs --recursive \
             --query \"Parameters[?ends_with(Name, 'record')].Name\" --output text",
            "/breezeway/labs/skeleton/record",
        ),
    ] {
        assert_eq!(shell.run(command), prints, "{command}");
    }
    shell.refused("aws ec2 describe-vpcs --filters Name=colour,Values=red", "InvalidParameterValue");
    shell.refused("aws ec2 describe-vpcs --vpc-ids vpc-0123456789abcdef0", "InvalidVpcID.NotFound");
    shell.refused("aws ec2 describe-vpcs --vpc-ids nonsense", "InvalidVpcID.Malformed");
}

fn gets_roles(mut shell: Shell) {
    shell.set("role", "aws iam list-roles --path-prefix /breezeway/ --query 'Roles[].RoleName' --output text");
    for (command, prints) in [
        ("aws iam list-roles --path-prefix /breezeway/ --query 'Roles[].Tags[]'", "[]"),
        (
            "aws iam get-role --role-name $role --output text \
             --query \"Role.[AssumeRolePolicyDocument.Statement[0].Effect, Tags[?Key=='breezeway:lab'].Value | [0]]\"",
            "Allow\tskeleton",
        ),
        (
            "aws iam get-role-policy --role-name $role --policy-name work --output text \
             --query 'PolicyDocument.Statement[].Effect'",
            "Allow",
        ),
    ] {
        assert_eq!(shell.run(command), prints, "{command}");
    }
    shell.refused("aws iam get-role --role-name nobody", "NoSuchEntity");
    shell.refused("aws iam delete-role --role-name $role", "DeleteConflict");
}

fn creates_and_deletes(mut shell: Shell) {
    shell.set(
        "vpc",
        "aws ec2 create-vpc --cidr-block 10.7.0.0/16 --query Vpc.VpcId --output text \
         --tag-specifications 'ResourceType=vpc,Tags=[{Key=team,Value=red}]'",
    );
    shell.run("aws ec2 wait vpc-available --vpc-ids $vpc");
    let create = "aws ec2 create-subnet --vpc-id $vpc --query Subnet.SubnetId --output text --cidr-block";
    shell.set("subnet", &format!("{create} 10.7.1.0/24"));
    shell.refused(&format!("{create} 10.7.1.128/25"), "InvalidSubnet.Conflict");
    shell.refused("aws ec2 delete-vpc --vpc-id $vpc", "DependencyViolation");
    shell.run("aws ec2 delete-subnet --subnet-id $subnet");
    shell.refused("aws ec2 delete-subnet --subnet-id $subnet", "InvalidSubnetID.NotFound");
    shell.run("aws ec2 delete-vpc --vpc-id $vpc");
}

fn resolves(mut shell: Shell) {
    for (name, zone) in [("a", "us-east-1a"), ("b", "us-east-1b")] {
        let filter = format!("--filters Name=default-for-az,Values=true Name=availability-zone,Values={zone}");
        shell.set(name, &format!("aws ec2 describe-subnets {filter} --query Subnets[].SubnetId --output text"));
    }
    shell
        .set("group", "aws ec2 create-security-group --group-name dns --description dns --query GroupId --output text");
    shell.set(
        "endpoint",
        "aws route53resolver create-resolver-endpoint --creator-request-id once --name resolver --direction INBOUND \
         --security-group-ids $group --ip-addresses SubnetId=$a SubnetId=$b --tags Key=team,Value=red \
         --query ResolverEndpoint.Id --output text",
    );
    for (command, prints) in [
        (
            "aws route53resolver list-resolver-endpoints --filters Name=Name,Values=resolver --output text \
             --query 'ResolverEndpoints[].[Id == `'$endpoint'`, Direction, IpAddressCount]'",
            "True\tINBOUND\t2",
        ),
        (
            "aws ec2 describe-network-interfaces --filters Name=group-id,Values=$group \
             --query 'length(NetworkInterfaces[?starts_with(Description, `Route 53 Resolver: rslvr-in-`)])'",
            "2",
        ),
        (
            "aws route53resolver list-resolver-endpoint-ip-addresses --resolver-endpoint-id $endpoint \
             --query 'length(IpAddresses)'",
            "2",
        ),
    ] {
        assert_eq!(shell.run(command), prints, "{command}");
    }
    shell.refused("aws ec2 delete-security-group --group-id $group", "DependencyViolation");
    let delete = "aws route53resolver delete-resolver-endpoint --resolver-endpoint-id";
    shell.run(&format!("{delete} $endpoint"));
    shell.refused(&format!("{delete} rslvr-in-0"), "ResourceNotFoundException");
}

fn tries(shell: &Shell) {
    shell.refused("aws ec2 create-vpc --cidr-block 10.7.0.0/16 --dry-run", "DryRunOperation");
    shell.refused("aws ec2 create-vpc --cidr-block 10.0.0.0/8 --dry-run", "InvalidVpc.Range");
    // What the sandbox does not model, it does not pretend.
    shell.refused("aws ec2 describe-launch-templates", "NotImplemented");
    shell.refused("aws lambda list-aliases --function-name f", "NotImplemented");
    shell.refused("aws apigateway get-usage-plans", "NotImplemented");
    shell.refused("aws route53 list-geo-locations", "NotImplemented");
}

#[test]
fn the_lines_that_serve_prints_are_all_that_the_aws_cli_needs() {
    let machine = Machine::new();
    let mut command = breezeway(machine.home.path());
    let process = command.args(["sandbox", "serve", "--port", "0"]).spawn().expect("breezeway starts");
    let mut served = Served { process, address: String::new() };
    let lines = BufReader::new(served.process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut script = String::new();
    for line in lines.skip_while(|line| !line.trim().starts_with("export ")) {
        script += &format!("{line}\n");
        if line.trim().starts_with("aws ") {
            break;
        }
    }
    let printed = Shell::with(BTreeMap::new()).run(&script);
    assert!(printed.contains("\"CidrBlock\": \"172.31.0.0/16\""), "{printed}");
}
