"""Does by hand to the lab what somebody might, with boto3: edits.py ENDPOINT REGION."""

import sys

import boto3

ENDPOINT, REGION = sys.argv[1:]


def client(service):
    return boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def named(things):
    """By address in the lab."""
    tags = [(thing, tag) for thing in things for tag in thing.get("Tags", [])]
    return {tag["Value"]: thing for thing, tag in tags if tag["Key"] == "breezeway:address"}


ec2, resolver = client("ec2"), client("route53resolver")
reservations = ec2.describe_instances()["Reservations"]
hosts = named(instance for reservation in reservations for instance in reservation["Instances"])
dns_a, dns_b, app = (hosts[name]["InstanceId"] for name in ("onprem/dns/a", "onprem/dns/b", "onprem/app"))
doors = named(ec2.describe_vpc_endpoints()["VpcEndpoints"])
vpc = named(ec2.describe_vpcs()["Vpcs"])["onprem/vpc"]["VpcId"]

ec2.stop_instances(InstanceIds=[dns_a])
ec2.terminate_instances(InstanceIds=[dns_b])
ec2.modify_instance_metadata_options(InstanceId=app, HttpTokens="optional", HttpEndpoint="enabled")
profiles = ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
held = next(one for one in profiles if one["InstanceId"] == app)
ec2.disassociate_iam_instance_profile(AssociationId=held["AssociationId"])
ec2.delete_nat_gateway(NatGatewayId=ec2.describe_nat_gateways()["NatGateways"][0]["NatGatewayId"])
ec2.delete_vpc_endpoints(VpcEndpointIds=[doors["studio/endpoint/lambda"]["VpcEndpointId"]])
ec2.modify_vpc_endpoint(
    VpcEndpointId=doors["studio/endpoint/sagemaker.api"]["VpcEndpointId"],
    PolicyDocument='{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:*", "Resource": "*"}]}',
)
ec2.associate_dhcp_options(VpcId=vpc, DhcpOptionsId="default")
endpoint = resolver.list_resolver_endpoints()["ResolverEndpoints"][0]
resolver.delete_resolver_endpoint(ResolverEndpointId=endpoint["Id"])
