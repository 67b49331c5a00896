//! What the AWS CLI sees of a foundation, and of what is on its way in or out.

use super::every_field::{LAB, PLAN};
use super::{Machine, filled};

#[test]
fn a_foundation_looks_as_it_does_in_aws() {
    let machine = Machine::with_the_lab(PLAN);
    let known = machine.known(LAB);
    let served = machine.serve();
    let shell = served.shell();
    for (command, prints) in [
        // The interfaces of an endpoint, one in each of its subnets, and those of the resolver at the planned addresses.
        (
            "aws ec2 describe-network-interfaces --filters Name=group-id,Values={studio/security-group/endpoints} \
             --query 'sort(NetworkInterfaces[].join(`:`, [InterfaceType, Status, AvailabilityZone]))'",
            "vpc_endpoint:in-use:us-east-1a\tvpc_endpoint:in-use:us-east-1a\tvpc_endpoint:in-use:us-east-1a\t\
             vpc_endpoint:in-use:us-east-1b\tvpc_endpoint:in-use:us-east-1b\tvpc_endpoint:in-use:us-east-1b",
        ),
        (
            "aws ec2 describe-network-interfaces --filters Name=subnet-id,Values={studio/subnet/private-a} \
             'Name=description,Values=VPC Endpoint Interface {studio/endpoint/studio}' \
             --query 'NetworkInterfaces[].[VpcId, RequesterManaged]'",
            "{studio/vpc}\tTrue",
        ),
        (
            "aws ec2 describe-network-interfaces --filters Name=group-id,Values={studio/security-group/resolver} \
             --query 'sort(NetworkInterfaces[].PrivateIpAddress)'",
            "10.16.32.10\t10.16.96.10",
        ),
        (
            "aws route53resolver list-resolver-endpoint-ip-addresses --resolver-endpoint-id {studio/resolver} \
             --query 'sort(IpAddresses[].join(`:`, [Ip, Status]))'",
            "10.16.32.10:ATTACHED\t10.16.96.10:ATTACHED",
        ),
        // The names of an endpoint: its own, and the service's.
        (
            "aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {studio/endpoint/studio} \
             --query 'VpcEndpoints[].DnsEntries[0].DnsName'",
            "{studio/endpoint/studio.dns_name}",
        ),
        (
            "aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {studio/endpoint/studio} \
             --query 'VpcEndpoints[].DnsEntries[?ends_with(DnsName, `sagemaker.aws`)].DnsName | [] | contains(@, \
             `*.studio.us-east-1.sagemaker.aws`)'",
            "True",
        ),
        (
            "aws ec2 describe-vpc-endpoints --vpc-endpoint-ids {studio/endpoint/sagemaker.api} \
             --query 'VpcEndpoints[].DnsEntries[].DnsName | contains(@, `api.sagemaker.us-east-1.amazonaws.com`)'",
            "True",
        ),
        // A gateway endpoint's route, which the table shows and no plan names.
        (
            "aws ec2 describe-route-tables --route-table-ids {studio/route-table/private} \
             --query 'RouteTables[].Routes[?GatewayId && starts_with(GatewayId, `vpce-`)].[GatewayId, State]'",
            "{studio/gateway-endpoint/s3}\tactive",
        ),
        ("aws ec2 describe-vpcs --vpc-ids {onprem/vpc} --query 'Vpcs[].DhcpOptionsId'", "{onprem/dhcp-options}"),
        (
            "aws ec2 describe-instances --instance-ids {onprem/app} --query 'Reservations[].Instances[].[State.Name, \
             PublicIpAddress, MetadataOptions.HttpTokens, KeyName]'",
            "running\t{onprem/app.public_ip}\trequired\tbreezeway-demo",
        ),
        (
            "aws ec2 describe-nat-gateways --nat-gateway-ids {onprem/nat-gateway} \
             --query 'NatGateways[].[State, NatGatewayAddresses[0].PublicIp]'",
            "available\t{onprem/nat-gateway/address.public_ip}",
        ),
    ] {
        let command = filled(command, &known);
        assert_eq!(shell.run(&format!("{command} --output text")), filled(prints, &known), "{command}");
    }

    for (command, code) in [
        ("ec2 delete-vpc --vpc-id {studio/vpc}", "DependencyViolation"),
        ("ec2 delete-subnet --subnet-id {studio/subnet/private-a}", "DependencyViolation"),
        ("ec2 delete-security-group --group-id {studio/security-group/endpoints}", "DependencyViolation"),
        ("ec2 delete-security-group --group-id {studio/security-group/resolver}", "DependencyViolation"),
        ("ec2 delete-security-group --group-id {onprem/security-group/app}", "DependencyViolation"),
        ("ec2 delete-route-table --route-table-id {studio/route-table/private}", "DependencyViolation"),
        ("ec2 delete-dhcp-options --dhcp-options-id {onprem/dhcp-options}", "DependencyViolation"),
        ("ec2 delete-internet-gateway --internet-gateway-id {onprem/internet-gateway}", "DependencyViolation"),
        (
            "ec2 detach-internet-gateway --internet-gateway-id {onprem/internet-gateway} --vpc-id {onprem/vpc}",
            "DependencyViolation",
        ),
        ("ec2 release-address --allocation-id {onprem/nat-gateway/address}", "InvalidIPAddress.InUse"),
        (
            "ec2 create-vpc-endpoint --vpc-id {studio/vpc} --vpc-endpoint-type Interface --subnet-ids \
             {studio/subnet/private-a} --service-name aws.sagemaker.us-east-1.studio --private-dns-enabled",
            "InvalidParameter",
        ),
        ("iam delete-role --role-name {onprem/app/role}", "DeleteConflict"),
        ("iam delete-instance-profile --instance-profile-name {onprem/app/profile}", "DeleteConflict"),
    ] {
        shell.refused(&format!("aws {}", filled(command, &known)), code);
    }

    shell.run(&filled("aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id {peering}", &known));
    shell.run(&filled("aws ec2 delete-nat-gateway --nat-gateway-id {onprem/nat-gateway}", &known));
    let blackholes = "aws ec2 describe-route-tables --route-table-ids {onprem/route-table/private} --output text \
                      --query 'sort(RouteTables[].Routes[?State==`blackhole`].DestinationCidrBlock[])'";
    assert_eq!(shell.run(&filled(blackholes, &known)), "0.0.0.0/0\t10.16.0.0/16");
}

#[test]
fn states_pass_as_they_do_in_aws() {
    let machine = Machine::with_the_lab(PLAN);
    let known = machine.known(LAB);
    let states = |speed: &str, states: &[(&str, &str)]| {
        let served = machine.serve_at(speed);
        for (command, state) in states {
            let command = filled(command, &known);
            assert_eq!(served.shell().run(&format!("aws {command} --output text")), *state, "{command}");
        }
    };
    // The clock all but stands still.
    states(
        "0.001",
        &[
            (
                "ec2 create-vpc-endpoint --vpc-id {studio/vpc} --vpc-endpoint-type Interface --subnet-ids \
                 {studio/subnet/private-a} --service-name com.amazonaws.us-east-1.sts --query VpcEndpoint.State",
                "pending",
            ),
            (
                "route53resolver create-resolver-endpoint --creator-request-id mine --direction OUTBOUND --name mine \
                 --security-group-ids {studio/security-group/resolver} \
                 --ip-addresses SubnetId={studio/subnet/private-a} SubnetId={studio/subnet/private-b} \
                 --query ResolverEndpoint.Status",
                "CREATING",
            ),
            (
                "ec2 create-nat-gateway --connectivity-type private --subnet-id {studio/subnet/private-a} \
                 --query NatGateway.State",
                "pending",
            ),
            ("ec2 create-vpc --cidr-block 10.99.0.0/16 --query Vpc.State", "pending"),
            ("ec2 delete-vpc-endpoints --vpc-endpoint-ids {studio/endpoint/sagemaker.api} --query Unsuccessful", ""),
            (
                "ec2 describe-vpc-endpoints --vpc-endpoint-ids {studio/endpoint/sagemaker.api} \
                 --query 'VpcEndpoints[].State'",
                "deleting",
            ),
            (
                "ec2 stop-instances --instance-ids {onprem/dns/a} --query 'StoppingInstances[].CurrentState.Name'",
                "stopping",
            ),
            (
                "ec2 terminate-instances --instance-ids {onprem/app} \
                 --query 'TerminatingInstances[].CurrentState.Name'",
                "shutting-down",
            ),
            (
                "route53resolver delete-resolver-endpoint --resolver-endpoint-id {studio/resolver} \
                 --query ResolverEndpoint.Status",
                "DELETING",
            ),
        ],
    );
    // Minutes later.
    states(
        "1000",
        &[
            (
                "ec2 describe-vpc-endpoints --filters Name=service-name,Values=com.amazonaws.us-east-1.sts \
                 --query 'VpcEndpoints[].State'",
                "available",
            ),
            (
                "route53resolver list-resolver-endpoints --filters Name=Name,Values=mine \
                 --query 'ResolverEndpoints[].Status'",
                "OPERATIONAL",
            ),
            (
                "ec2 describe-nat-gateways --filter Name=subnet-id,Values={studio/subnet/private-a} \
                 --query 'NatGateways[].State'",
                "available",
            ),
            ("ec2 describe-vpcs --filters Name=cidr,Values=10.99.0.0/16 --query 'Vpcs[].State'", "available"),
            (
                "ec2 describe-instances --instance-ids {onprem/dns/a} \
                 --query 'Reservations[].Instances[].State.Name'",
                "stopped",
            ),
            ("route53resolver list-resolver-endpoints --query 'length(ResolverEndpoints)'", "1"),
        ],
    );
}
