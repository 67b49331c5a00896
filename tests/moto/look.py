"""Prints what boto3 finds in an account, as JSON: look.py ENDPOINT REGION."""

import json
import sys

import boto3
from botocore.exceptions import ClientError

ENDPOINT, REGION = sys.argv[1:]

# AWS lists these for a while, too.
ENDED = {
    "VpcPeeringConnections": lambda one: one["Status"]["Code"] in {"deleted", "expired", "failed", "rejected"},
    "NatGateways": lambda one: one["State"] == "deleted",
    "VpcEndpoints": lambda one: one["State"] == "deleted",
    "Reservations": lambda one: all(instance["State"]["Name"] == "terminated" for instance in one["Instances"]),
}

# What can't be left out.
REQUIRED = {"list_user_pools": {"MaxResults": 60}}


def pages(service, operation, member):
    client = boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    try:
        if client.can_paginate(operation):
            answers = client.get_paginator(operation).paginate(**REQUIRED.get(operation, {}))
        else:
            answers = [getattr(client, operation)()]
        for answer in answers:
            yield from answer[member]
    except ClientError as refusal:
        # Breezeway's own sandbox says so of what it does not model.
        if refusal.response["Error"]["Code"] != "NotImplemented":
            raise


found = {
    member: list(pages(service, operation, member))
    for service, operation, member in [
        ("ec2", "describe_vpcs", "Vpcs"),
        ("ec2", "describe_subnets", "Subnets"),
        ("ec2", "describe_route_tables", "RouteTables"),
        ("ec2", "describe_security_groups", "SecurityGroups"),
        ("ec2", "describe_security_group_rules", "SecurityGroupRules"),
        ("ec2", "describe_vpc_peering_connections", "VpcPeeringConnections"),
        ("ec2", "describe_network_acls", "NetworkAcls"),
        ("ec2", "describe_network_interfaces", "NetworkInterfaces"),
        ("ec2", "describe_internet_gateways", "InternetGateways"),
        ("ec2", "describe_dhcp_options", "DhcpOptions"),
        ("ec2", "describe_addresses", "Addresses"),
        ("ec2", "describe_nat_gateways", "NatGateways"),
        ("ec2", "describe_vpc_endpoints", "VpcEndpoints"),
        ("ec2", "describe_key_pairs", "KeyPairs"),
        ("ec2", "describe_instances", "Reservations"),
        ("ec2", "describe_volumes", "Volumes"),
        ("route53resolver", "list_resolver_endpoints", "ResolverEndpoints"),
        ("route53resolver", "list_resolver_rules", "ResolverRules"),
        ("iam", "list_roles", "Roles"),
        ("iam", "list_instance_profiles", "InstanceProfiles"),
        ("ssm", "describe_parameters", "Parameters"),
        ("apigateway", "get_rest_apis", "items"),
        ("cognito-idp", "list_user_pools", "UserPools"),
        ("dynamodb", "list_tables", "TableNames"),
        ("efs", "describe_file_systems", "FileSystems"),
        ("lambda", "list_functions", "Functions"),
        ("logs", "describe_log_groups", "logGroups"),
        ("sagemaker", "list_domains", "Domains"),
    ]
}

for member, ended in ENDED.items():
    found[member] = [one for one in found[member] if not ended(one)]
# AWS deletes a VPC's network ACL with it; moto does not.
vpcs = {vpc["VpcId"] for vpc in found["Vpcs"]}
found["NetworkAcls"] = [acl for acl in found["NetworkAcls"] if acl["VpcId"] in vpcs]

json.dump(found, sys.stdout, indent=1, sort_keys=True, default=str)
