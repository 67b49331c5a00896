"""What AWS answers, asked of the sandbox by boto3.

The expected codes are AWS's, taken by hand from its API references and user guides. AWS_ENDPOINT_URL leads to a
sandbox whose first account holds the lab `skeleton`; every test that changes something works in an account of its own.
"""

import itertools
import json
import os
import unittest

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from samples import SERVICES, sample

REGION = "us-east-1"
LAB_ACCOUNT = "111122223333"
ACCOUNTS = (f"{number:012}" for number in itertools.count(1))
SESSION = boto3.Session()

# What says that a request was not understood.
REFUSALS_OF_THE_WIRE = [
    "MalformedInput",
    "MissingAuthenticationTokenException",
    "SerializationException",
    "UnknownOperationException",
]

# What follows the prefix in an id that could be, and isn't.
UNKNOWN = "-0123456789abcdef0"

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
LOGS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}],
}


def client(service, account, region=REGION):
    """A client of this account: the sandbox takes a key id of twelve digits for one."""
    return SESSION.client(
        service,
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        region_name=region,
        aws_access_key_id=account,
        aws_secret_access_key="anything",
        # What boto3 knows to be wrong is sent all the same.
        config=Config(parameter_validation=False),
    )


def outcome(call, **arguments):
    """The code of the refusal, or `accepted`."""
    try:
        call(**arguments)
    except ClientError as refusal:
        return refusal.response["Error"]["Code"]
    return "accepted"


def filters(**values):
    """Filters from keywords: `vpc_id="vpc-1"` is `vpc-id`."""
    listed = {name.replace("_", "-"): value for name, value in values.items()}
    return [{"Name": name, "Values": value if isinstance(value, list) else [value]} for name, value in listed.items()]


def name_of(item):
    return next((tag["Value"] for tag in item.get("Tags", []) if tag["Key"] == "Name"), None)


class Specification(unittest.TestCase):
    maxDiff = None

    def outcomes(self, *table):
        """Makes the calls in order; each row is the expected code, the call and its arguments."""
        for expected, call, arguments in table:
            with self.subTest(call=call.__name__, arguments=arguments):
                self.assertEqual(outcome(call, **arguments), expected)


class OfALab(Specification):
    """What standing things look like; nothing is changed."""

    @classmethod
    def setUpClass(cls):
        cls.ec2 = client("ec2", LAB_ACCOUNT)
        cls.iam = client("iam", LAB_ACCOUNT)
        cls.ssm = client("ssm", LAB_ACCOUNT)

    def test_filters(self):
        lists = {
            "vpcs": (self.ec2.describe_vpcs, "Vpcs"),
            "subnets": (self.ec2.describe_subnets, "Subnets"),
            "route tables": (self.ec2.describe_route_tables, "RouteTables"),
            "groups": (self.ec2.describe_security_groups, "SecurityGroups"),
            "peerings": (self.ec2.describe_vpc_peering_connections, "VpcPeeringConnections"),
        }
        onprem = ["sn-onprem-A", "sn-onprem-B"]
        public = ["sn-onprem-public-A", "sn-onprem-public-B"]
        studio = ["sn-studio-A", "sn-studio-B"]
        tables = ["STUDIO-ONPREM-PUBLIC-RT", "STUDIO-ONPREM-RT", "STUDIO-RT"]
        endpoints = ["skeleton-studio-endpoints"]
        peering = ["STUDIO-PEERING"]
        for kind, wanted, expected in [
            # Several values are alternatives; several filters must all match.
            ("subnets", {"tag:Name": ["sn-onprem-A"]}, onprem[:1]),
            ("subnets", {"tag:Name": ["sn-onprem-A", "sn-studio-B", "else"]}, ["sn-onprem-A", "sn-studio-B"]),
            ("subnets", {"tag:Name": ["sn-onprem-A", "sn-studio-B"], "cidr-block": ["10.16.96.0/20"]}, studio[1:]),
            # `*` is any text, `?` one character; `\` takes their meaning away; case matters.
            ("subnets", {"tag:Name": ["sn-onprem-?"]}, onprem),
            ("subnets", {"tag:Name": ["sn-*-A"]}, ["sn-onprem-A", "sn-onprem-public-A", "sn-studio-A"]),
            ("subnets", {"tag:Name": ["sn-onprem-\\?"]}, []),
            ("subnets", {"tag:Name": ["SN-ONPREM-A"]}, []),
            ("subnets", {"tag:name": ["sn-onprem-A"]}, []),
            # Fields of the thing itself, of what is inside it, and tags by key alone.
            ("subnets", {"tag-key": ["breezeway:lab"], "map-public-ip-on-launch": ["true"]}, public),
            ("subnets", {"default-for-az": ["false"], "state": ["available"]}, onprem + public + studio),
            ("subnets", {"availability-zone": ["us-east-1b"], "tag-key": ["Name"]}, [onprem[1], public[1], studio[1]]),
            ("vpcs", {"tag:breezeway:lab": ["skeleton"]}, ["STUDIO-onprem", "STUDIO-studio"]),
            ("vpcs", {"cidr": ["10.16.0.0/16"]}, ["STUDIO-studio"]),
            ("vpcs", {"is-default": ["true"]}, [None]),
            ("route tables", {"route.vpc-peering-connection-id": ["pcx-*"], "route.state": ["active"]}, tables),
            ("groups", {"group-name": ["skeleton-*"], "ip-permission.from-port": ["443"]}, endpoints),
            ("groups", {"description": ["DNS servers *"]}, ["skeleton-onprem-dns"]),
            ("peerings", {"status-code": ["active"], "requester-vpc-info.cidr-block": ["10.16.0.0/16"]}, peering),
            ("peerings", {"accepter-vpc-info.cidr-block": ["10.16.0.0/16"]}, []),
        ]:
            with self.subTest(kind=kind, filters=wanted):
                describe, result = lists[kind]
                found = describe(Filters=filters(**wanted))[result]
                self.assertEqual(sorted(map(name_of, found), key=str), sorted(expected, key=str))

    def test_an_unknown_filter_is_refused_rather_than_ignored(self):
        for describe in [
            self.ec2.describe_vpcs,
            self.ec2.describe_subnets,
            self.ec2.describe_route_tables,
            self.ec2.describe_security_groups,
            self.ec2.describe_security_group_rules,
            self.ec2.describe_vpc_peering_connections,
            self.ec2.describe_network_interfaces,
            self.ec2.describe_tags,
        ]:
            self.outcomes(("InvalidParameterValue", describe, {"Filters": filters(colour="red")}))

    def test_tags_are_described_by_themselves_too(self):
        tagged = filters(key="breezeway:address", value="studio/*", resource_type="subnet")
        tags = self.ec2.describe_tags(Filters=tagged)["Tags"]
        self.assertEqual(sorted(tag["Value"] for tag in tags), ["studio/subnet/private-a", "studio/subnet/private-b"])
        self.assertEqual({tag["ResourceType"] for tag in tags}, {"subnet"})

    def test_pages_together_hold_everything_once(self):
        for operation, result in [
            ("describe_subnets", "Subnets"),
            ("describe_route_tables", "RouteTables"),
            ("describe_security_group_rules", "SecurityGroupRules"),
            ("describe_tags", "Tags"),
        ]:
            with self.subTest(operation=operation):
                everything = getattr(self.ec2, operation)()[result]
                self.assertGreater(len(everything), 5)
                pages = list(self.ec2.get_paginator(operation).paginate(PaginationConfig={"PageSize": 5}))
                self.assertEqual([item for page in pages for item in page[result]], everything)
                self.assertTrue(all(len(page[result]) == 5 and page["NextToken"] for page in pages[:-1]))
                self.assertNotIn("NextToken", pages[-1])
        self.assertEqual(len(self.ec2.describe_vpcs(MaxResults=1000)["Vpcs"]), 3)

    def test_page_sizes_and_tokens_are_checked(self):
        self.outcomes(
            ("InvalidParameterValue", self.ec2.describe_subnets, {"MaxResults": 4}),
            ("InvalidParameterValue", self.ec2.describe_subnets, {"MaxResults": 1001}),
            ("InvalidParameterValue", self.ec2.describe_route_tables, {"MaxResults": 101}),
            ("InvalidNextToken", self.ec2.describe_subnets, {"NextToken": "of somebody else", "MaxResults": 5}),
            # A page of the members of a list makes no sense.
            (
                "InvalidParameterCombination",
                self.ec2.describe_network_interfaces,
                {"MaxResults": 5, "NetworkInterfaceIds": ["eni" + UNKNOWN]},
            ),
        )

    def test_addresses_are_counted(self):
        for cidr, free in [("192.168.10.0/26", 59), ("10.16.32.0/20", 4091)]:
            (subnet,) = self.ec2.describe_subnets(Filters=filters(cidr_block=cidr, tag_key="Name"))["Subnets"]
            self.assertEqual(subnet["AvailableIpAddressCount"], free)

    def test_iam_lists_say_less_than_gets(self):
        (listed,) = self.iam.list_roles(PathPrefix="/breezeway/us-east-1/skeleton/")["Roles"]
        self.assertEqual(listed["Path"], "/breezeway/us-east-1/skeleton/")
        self.assertEqual(listed["Arn"], f"arn:aws:iam::{LAB_ACCOUNT}:role{listed['Path']}{listed['RoleName']}")
        # Documents come percent-encoded, which boto3 undoes.
        (statement,) = listed["AssumeRolePolicyDocument"]["Statement"]
        self.assertEqual(statement["Effect"], "Allow")
        for absent in ["Tags", "RoleLastUsed", "PermissionsBoundary"]:
            self.assertNotIn(absent, listed)
        role = self.iam.get_role(RoleName=listed["RoleName"].upper())["Role"]
        self.assertEqual((role["RoleName"], role["RoleId"]), (listed["RoleName"], listed["RoleId"]))
        self.assertIn({"Key": "breezeway:lab", "Value": "skeleton"}, role["Tags"])
        self.assertCountEqual(self.iam.list_role_tags(RoleName=role["RoleName"])["Tags"], role["Tags"])
        self.assertEqual(self.iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"], ["work"])
        policy = self.iam.get_role_policy(RoleName=role["RoleName"], PolicyName="work")
        self.assertEqual(policy["PolicyDocument"]["Statement"][0]["Effect"], "Allow")
        self.assertEqual(self.iam.list_roles(PathPrefix="/breezeway/eu-west-1/")["Roles"], [])

    def test_the_record_of_the_lab_can_be_read(self):
        pages = self.ssm.get_paginator("get_parameters_by_path").paginate(Path="/breezeway", Recursive=True)
        names = [parameter["Name"] for page in pages for parameter in page["Parameters"]]
        self.assertIn("/breezeway/labs/skeleton/record", names)
        self.assertEqual(self.ssm.get_parameters_by_path(Path="/breezeway/labs")["Parameters"], [])

    def test_accounts_and_regions_see_nothing_of_each_other(self):
        for account, region in [(LAB_ACCOUNT, "eu-west-1"), ("444455556666", REGION)]:
            vpcs = client("ec2", account, region).describe_vpcs()["Vpcs"]
            self.assertEqual([vpc["IsDefault"] for vpc in vpcs], [True])
            identity = client("sts", account, region).get_caller_identity()
            self.assertEqual(identity["Account"], account)
        self.assertEqual(client("iam", "444455556666").list_roles(PathPrefix="/breezeway/")["Roles"], [])
        self.assertEqual(len(client("iam", LAB_ACCOUNT, "eu-west-1").list_roles(PathPrefix="/breezeway/")["Roles"]), 1)


class OfAnAccount(Specification):
    """What changes do, and what is refused."""

    def setUp(self):
        self.account = next(ACCOUNTS)
        self.ec2 = client("ec2", self.account)

    def vpc(self, cidr="10.0.0.0/16"):
        return self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]

    def subnet(self, vpc, cidr="10.0.0.0/24"):
        return self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)["Subnet"]["SubnetId"]

    def route_table(self, vpc):
        return self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]

    def group(self, vpc, name="group"):
        return self.ec2.create_security_group(VpcId=vpc, GroupName=name, Description="a group")["GroupId"]

    def gateway(self):
        return self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]

    def peering(self, requester, accepter):
        answer = self.ec2.create_vpc_peering_connection(VpcId=requester, PeerVpcId=accepter)
        return answer["VpcPeeringConnection"]["VpcPeeringConnectionId"]

    def peering_state(self, peering):
        answer = self.ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])
        return answer["VpcPeeringConnections"][0]["Status"]["Code"]

    def accepted_peering(self, requester, accepter):
        peering = self.peering(requester, accepter)
        self.ec2.get_waiter("vpc_peering_connection_exists").wait(VpcPeeringConnectionIds=[peering])
        self.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
        return peering

    def default_group(self, vpc):
        groups = self.ec2.describe_security_groups(Filters=filters(vpc_id=vpc, group_name="default"))
        return groups["SecurityGroups"][0]["GroupId"]

    def main_table(self, vpc):
        found = self.ec2.describe_route_tables(Filters=filters(**{"vpc-id": vpc, "association.main": "true"}))
        return found["RouteTables"][0]["RouteTableId"]

    def test_what_comes_with_a_vpc(self):
        created = self.ec2.create_vpc(CidrBlock="10.0.77.3/16")["Vpc"]
        vpc = created["VpcId"]
        self.assertEqual((created["State"], created["CidrBlock"]), ("pending", "10.0.0.0/16"))
        self.ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
        for attribute, member, value in [
            ("enableDnsSupport", "EnableDnsSupport", True),
            ("enableDnsHostnames", "EnableDnsHostnames", False),
        ]:
            answer = self.ec2.describe_vpc_attribute(VpcId=vpc, Attribute=attribute)
            self.assertEqual(answer[member]["Value"], value)
        inside = filters(vpc_id=vpc)
        (table,) = self.ec2.describe_route_tables(Filters=inside)["RouteTables"]
        self.assertTrue(table["Associations"][0]["Main"])
        self.assertEqual([route["GatewayId"] for route in table["Routes"]], ["local"])
        (group,) = self.ec2.describe_security_groups(Filters=inside)["SecurityGroups"]
        self.assertEqual(group["GroupName"], "default")
        self.assertEqual(len(self.ec2.describe_network_acls(Filters=inside)["NetworkAcls"]), 1)

    def test_a_new_group_lets_everything_out(self):
        group = self.group(self.vpc())
        (rule,) = self.ec2.describe_security_group_rules(Filters=filters(group_id=group))["SecurityGroupRules"]
        self.assertTrue(rule["IsEgress"])
        self.assertEqual((rule["IpProtocol"], rule["CidrIpv4"]), ("-1", "0.0.0.0/0"))
        self.assertEqual(rule["Tags"], [])

    def test_dry_runs_say_what_would_be_and_change_nothing(self):
        vpc = self.vpc()
        subnet, group, table = self.subnet(vpc), self.group(vpc), self.route_table(vpc)
        new_group = {"VpcId": vpc, "GroupName": "new", "Description": "new"}
        new_tag = {"Resources": [vpc], "Tags": [{"Key": "a", "Value": "b"}]}
        everything = [self.ec2.describe_vpcs(), self.ec2.describe_subnets(), self.ec2.describe_security_groups()]
        dry = {"DryRun": True}
        self.outcomes(
            ("DryRunOperation", self.ec2.describe_vpcs, dry),
            ("DryRunOperation", self.ec2.create_vpc, {"CidrBlock": "10.1.0.0/16", **dry}),
            ("DryRunOperation", self.ec2.create_subnet, {"VpcId": vpc, "CidrBlock": "10.0.1.0/24", **dry}),
            ("DryRunOperation", self.ec2.create_security_group, {**new_group, **dry}),
            ("DryRunOperation", self.ec2.create_tags, {**new_tag, **dry}),
            ("DryRunOperation", self.ec2.delete_subnet, {"SubnetId": subnet, **dry}),
            ("DryRunOperation", self.ec2.delete_security_group, {"GroupId": group, **dry}),
            ("DryRunOperation", self.ec2.delete_route_table, {"RouteTableId": table, **dry}),
            # What would be refused is refused.
            ("InvalidVpc.Range", self.ec2.create_vpc, {"CidrBlock": "10.0.0.0/8", **dry}),
            ("InvalidVpcID.NotFound", self.ec2.delete_vpc, {"VpcId": "vpc" + UNKNOWN, **dry}),
        )
        after = [self.ec2.describe_vpcs(), self.ec2.describe_subnets(), self.ec2.describe_security_groups()]
        for before, now in zip(everything, after):
            before.pop("ResponseMetadata"), now.pop("ResponseMetadata")
            self.assertEqual(before, now)

    def test_unknown_and_malformed_ids(self):
        ec2 = self.ec2
        for prefix, not_found, malformed, calls in [
            (
                "vpc",
                "InvalidVpcID.NotFound",
                "InvalidVpcID.Malformed",
                [(ec2.describe_vpcs, "VpcIds"), (ec2.delete_vpc, "VpcId")],
            ),
            (
                "subnet",
                "InvalidSubnetID.NotFound",
                "InvalidSubnetID.Malformed",
                [(ec2.describe_subnets, "SubnetIds"), (ec2.delete_subnet, "SubnetId")],
            ),
            (
                "rtb",
                "InvalidRouteTableID.NotFound",
                "InvalidRouteTableId.Malformed",
                [(ec2.describe_route_tables, "RouteTableIds"), (ec2.delete_route_table, "RouteTableId")],
            ),
            (
                "sg",
                "InvalidGroup.NotFound",
                "InvalidGroupId.Malformed",
                [(ec2.describe_security_groups, "GroupIds"), (ec2.delete_security_group, "GroupId")],
            ),
            (
                "sgr",
                "InvalidSecurityGroupRuleId.NotFound",
                "InvalidSecurityGroupRuleId.Malformed",
                [(ec2.describe_security_group_rules, "SecurityGroupRuleIds")],
            ),
            (
                "pcx",
                "InvalidVpcPeeringConnectionID.NotFound",
                "InvalidVpcPeeringConnectionId.Malformed",
                [
                    (ec2.describe_vpc_peering_connections, "VpcPeeringConnectionIds"),
                    (ec2.accept_vpc_peering_connection, "VpcPeeringConnectionId"),
                    (ec2.delete_vpc_peering_connection, "VpcPeeringConnectionId"),
                ],
            ),
            (
                "igw",
                "InvalidInternetGatewayID.NotFound",
                "InvalidInternetGatewayId.Malformed",
                [
                    (ec2.describe_internet_gateways, "InternetGatewayIds"),
                    (ec2.delete_internet_gateway, "InternetGatewayId"),
                ],
            ),
        ]:
            for call, member in calls:

                def of(id):
                    return {member: [id] if member.endswith("Ids") else id}

                self.outcomes((not_found, call, of(prefix + UNKNOWN)))
                for nonsense in ["nonsense", f"{prefix}-xyz", f"{prefix}{UNKNOWN.upper()}", f"pigs{UNKNOWN}"]:
                    self.outcomes((malformed, call, of(nonsense)))

    def test_ranges(self):
        vpc = self.vpc("10.0.0.0/20")
        self.subnet(vpc, "10.0.4.0/24")
        elsewhere = {"VpcId": vpc, "CidrBlock": "10.0.5.0/24", "AvailabilityZone": "eu-west-1a"}
        self.outcomes(
            ("InvalidVpc.Range", self.ec2.create_vpc, {"CidrBlock": "10.0.0.0/15"}),
            ("InvalidVpc.Range", self.ec2.create_vpc, {"CidrBlock": "10.0.0.0/29"}),
            ("InvalidParameterValue", self.ec2.create_vpc, {"CidrBlock": "10.0.0.0"}),
            ("InvalidParameterValue", self.ec2.create_vpc, {"CidrBlock": "300.0.0.0/16"}),
            ("InvalidSubnet.Range", self.ec2.create_subnet, {"VpcId": vpc, "CidrBlock": "10.1.0.0/24"}),
            ("InvalidSubnet.Range", self.ec2.create_subnet, {"VpcId": vpc, "CidrBlock": "10.0.0.0/19"}),
            ("InvalidSubnet.Range", self.ec2.create_subnet, {"VpcId": vpc, "CidrBlock": "10.0.8.0/29"}),
            ("InvalidSubnet.Conflict", self.ec2.create_subnet, {"VpcId": vpc, "CidrBlock": "10.0.4.0/24"}),
            ("InvalidSubnet.Conflict", self.ec2.create_subnet, {"VpcId": vpc, "CidrBlock": "10.0.4.128/28"}),
            ("InvalidSubnet.Conflict", self.ec2.create_subnet, {"VpcId": vpc, "CidrBlock": "10.0.0.0/20"}),
            ("InvalidParameterValue", self.ec2.create_subnet, elsewhere),
            # Two VPCs may have the same range.
            ("accepted", self.ec2.create_vpc, {"CidrBlock": "10.0.0.0/20"}),
        )
        (subnet,) = self.ec2.describe_subnets(Filters=filters(vpc_id=vpc))["Subnets"]
        self.assertEqual(subnet["AvailableIpAddressCount"], 251)

    def test_routes(self):
        vpc, peer = self.vpc("10.0.0.0/16"), self.vpc("10.1.0.0/16")
        table, gateway = self.route_table(vpc), self.gateway()
        route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
        self.outcomes(("accepted", self.ec2.attach_internet_gateway, {"InternetGatewayId": gateway, "VpcId": vpc}))
        peering = self.peering(vpc, peer)
        to_peer = {"RouteTableId": table, "DestinationCidrBlock": "10.1.2.3/16", "VpcPeeringConnectionId": peering}
        nowhere = {**route, "VpcPeeringConnectionId": "pcx" + UNKNOWN}
        self.outcomes(
            ("InvalidGatewayID.NotFound", self.ec2.create_route, {**route, "GatewayId": "igw" + UNKNOWN}),
            ("InvalidVpcPeeringConnectionID.NotFound", self.ec2.create_route, nowhere),
            ("InvalidRoute.NotFound", self.ec2.delete_route, route),
            ("accepted", self.ec2.create_route, {**route, "GatewayId": gateway}),
            ("RouteAlreadyExists", self.ec2.create_route, {**route, "VpcPeeringConnectionId": peering}),
            ("InvalidParameterValue", self.ec2.delete_route, {**route, "DestinationCidrBlock": "10.0.0.0/16"}),
            ("accepted", self.ec2.create_route, to_peer),
        )

        def state(destination):
            (found,) = self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
            states = {route["DestinationCidrBlock"]: route["State"] for route in found["Routes"]}
            return states[destination]

        # A way to a peering leads nowhere before it is active, and again after it is gone.
        self.ec2.get_waiter("vpc_peering_connection_exists").wait(VpcPeeringConnectionIds=[peering])
        self.assertEqual(state("10.1.0.0/16"), "blackhole")
        self.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
        self.until(lambda: state("10.1.0.0/16") == "active")
        self.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
        self.ec2.get_waiter("vpc_peering_connection_deleted").wait(VpcPeeringConnectionIds=[peering])
        self.assertEqual(state("10.1.0.0/16"), "blackhole")

    def until(self, holds):
        """World time runs a thousand times as fast as ours, so a few calls are enough for anything."""
        self.assertTrue(any(holds() for _ in range(100)))

    def test_associations(self):
        vpc = self.vpc()
        table, other, subnet = self.route_table(vpc), self.route_table(vpc), self.subnet(vpc)
        elsewhere = self.subnet(self.vpc("10.1.0.0/16"), "10.1.0.0/24")
        self.outcomes(
            ("accepted", self.ec2.associate_route_table, {"RouteTableId": table, "SubnetId": subnet}),
            ("Resource.AlreadyAssociated", self.ec2.associate_route_table, {"RouteTableId": other, "SubnetId": subnet}),
            ("InvalidParameterValue", self.ec2.associate_route_table, {"RouteTableId": table, "SubnetId": elsewhere}),
            ("DependencyViolation", self.ec2.delete_route_table, {"RouteTableId": table}),
            ("DependencyViolation", self.ec2.delete_route_table, {"RouteTableId": self.main_table(vpc)}),
            # A subnet takes its association with it.
            ("accepted", self.ec2.delete_subnet, {"SubnetId": subnet}),
            ("accepted", self.ec2.delete_route_table, {"RouteTableId": table}),
        )

    def test_peerings(self):
        one, two = self.vpc("10.0.0.0/16"), self.vpc("10.1.0.0/16")
        overlapping = self.vpc("10.0.0.0/17")
        # A peering of overlapping ranges is made and fails by itself.
        failed = self.peering(one, overlapping)
        self.until(lambda: self.peering_state(failed) == "failed")
        failed = {"VpcPeeringConnectionId": failed}
        self.outcomes(("InvalidStateTransition", self.ec2.delete_vpc_peering_connection, failed))
        peering = self.accepted_peering(one, two)
        self.until(lambda: self.peering_state(peering) == "active")
        there, back = {"VpcId": one, "PeerVpcId": two}, {"VpcId": two, "PeerVpcId": one}
        self.outcomes(
            ("VpcPeeringConnectionAlreadyExists", self.ec2.create_vpc_peering_connection, there),
            ("VpcPeeringConnectionAlreadyExists", self.ec2.create_vpc_peering_connection, back),
            ("InvalidStateTransition", self.ec2.accept_vpc_peering_connection, {"VpcPeeringConnectionId": peering}),
            ("accepted", self.ec2.delete_vpc_peering_connection, {"VpcPeeringConnectionId": peering}),
        )
        self.ec2.get_waiter("vpc_peering_connection_deleted").wait(VpcPeeringConnectionIds=[peering])
        # Its tombstone stays for a while, and is in nobody's way.
        self.assertEqual(self.peering_state(peering), "deleted")
        self.outcomes(
            ("accepted", self.ec2.create_vpc_peering_connection, back),
            ("InvalidStateTransition", self.ec2.accept_vpc_peering_connection, {"VpcPeeringConnectionId": peering}),
        )

    def test_groups_and_rules(self):
        vpc = self.vpc()
        group, other = self.group(vpc, "Group"), self.group(vpc, "other")
        # Within a VPC, names must differ by more than case.
        namesake = {"GroupName": "gROUP", "Description": "a group"}
        https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}

        def rule(cidr, **more):
            return {"GroupId": group, "IpPermissions": [{**https, "IpRanges": [{"CidrIp": cidr}]}], **more}

        from_other = {"GroupId": group, "IpPermissions": [{**https, "UserIdGroupPairs": [{"GroupId": other}]}]}
        tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "Name", "Value": "https"}]}]
        self.outcomes(
            ("InvalidGroup.Duplicate", self.ec2.create_security_group, {**namesake, "VpcId": vpc}),
            ("accepted", self.ec2.create_security_group, {**namesake, "VpcId": self.vpc("10.1.0.0/16")}),
            ("accepted", self.ec2.authorize_security_group_ingress, rule("10.0.3.4/16", TagSpecifications=tags)),
            ("InvalidPermission.Duplicate", self.ec2.authorize_security_group_ingress, rule("10.0.0.0/16")),
            ("InvalidPermission.NotFound", self.ec2.revoke_security_group_ingress, rule("10.9.0.0/16")),
            ("InvalidParameterValue", self.ec2.authorize_security_group_ingress, rule("10.0.0.0/99")),
            ("accepted", self.ec2.authorize_security_group_ingress, from_other),
            ("DependencyViolation", self.ec2.delete_security_group, {"GroupId": other}),
            ("CannotDelete", self.ec2.delete_security_group, {"GroupId": self.default_group(vpc)}),
        )
        tagged = {"group-id": group, "tag:Name": "https"}
        (found,) = self.ec2.describe_security_group_rules(Filters=filters(**tagged))["SecurityGroupRules"]
        self.assertEqual((found["CidrIpv4"], found["IsEgress"]), ("10.0.0.0/16", False))
        by_id = {"GroupId": group, "SecurityGroupRuleIds": [found["SecurityGroupRuleId"]]}
        self.outcomes(
            ("accepted", self.ec2.revoke_security_group_ingress, by_id),
            ("InvalidSecurityGroupRuleId.NotFound", self.ec2.revoke_security_group_ingress, by_id),
            ("accepted", self.ec2.delete_security_group, {"GroupId": group}),
            ("accepted", self.ec2.delete_security_group, {"GroupId": other}),
        )

    def test_network_acls(self):
        vpc, other = self.vpc("10.0.0.0/16"), self.vpc("10.1.0.0/16")
        subnet = self.subnet(vpc)
        (default,) = self.ec2.describe_network_acls(Filters=filters(vpc_id=vpc))["NetworkAcls"]
        (association,) = default["Associations"]
        acl = self.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
        foreign = self.ec2.create_network_acl(VpcId=other)["NetworkAcl"]["NetworkAclId"]
        move = {"AssociationId": association["NetworkAclAssociationId"], "NetworkAclId": acl}
        replace = self.ec2.replace_network_acl_association
        self.outcomes(
            ("InvalidParameterValue", replace, {**move, "NetworkAclId": foreign}),
            ("InvalidNetworkAclID.NotFound", replace, {**move, "NetworkAclId": "acl" + UNKNOWN}),
            ("InvalidAssociationID.NotFound", replace, {**move, "AssociationId": "aclassoc" + UNKNOWN}),
            ("accepted", replace, move),
            ("DependencyViolation", self.ec2.delete_network_acl, {"NetworkAclId": acl}),
            ("InvalidParameterValue", self.ec2.delete_network_acl, {"NetworkAclId": default["NetworkAclId"]}),
            ("accepted", self.ec2.delete_subnet, {"SubnetId": subnet}),
            ("accepted", self.ec2.delete_network_acl, {"NetworkAclId": acl}),
            ("InvalidNetworkAclID.NotFound", self.ec2.delete_network_acl, {"NetworkAclId": acl}),
        )

    def test_a_key_pair_is_handed_over_once(self):
        made = self.ec2.create_key_pair(KeyName="key")
        self.assertTrue(made["KeyMaterial"].startswith("-----BEGIN RSA PRIVATE KEY-----\n"))
        # SHA-1 for what EC2 made, where MD5 is for what it was given.
        self.assertEqual(len(made["KeyFingerprint"].split(":")), 20)
        (found,) = self.ec2.describe_key_pairs(KeyNames=["key"])["KeyPairs"]
        self.assertEqual(found["KeyFingerprint"], made["KeyFingerprint"])
        self.assertNotIn("KeyMaterial", found)
        self.outcomes(("InvalidKeyPair.Duplicate", self.ec2.create_key_pair, {"KeyName": "key"}))

    def test_a_launch_resolves_a_public_parameter(self):
        subnet = self.subnet(self.vpc())
        parameter = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64"
        latest = client("ssm", self.account).get_parameter(Name=parameter)["Parameter"]["Value"]
        launch = {"InstanceType": "t2.micro", "SubnetId": subnet, "MinCount": 1, "MaxCount": 1}
        launched = self.ec2.run_instances(ImageId=f"resolve:ssm:{parameter}", **launch)["Instances"][0]
        self.assertEqual(launched["ImageId"], latest)
        self.assertEqual(self.ec2.get_console_output(InstanceId=launched["InstanceId"])["InstanceId"], launched["InstanceId"])
        (kind,) = self.ec2.describe_instance_types(InstanceTypes=["t2.micro"])["InstanceTypes"]
        self.assertEqual((kind["VCpuInfo"]["DefaultVCpus"], kind["MemoryInfo"]["SizeInMiB"]), (1, 1024))

    def test_policies_of_endpoints(self):
        endpoint = {"VpcId": self.vpc(), "ServiceName": f"com.amazonaws.{REGION}.s3"}
        statement = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}

        def having(**elements):
            return {**endpoint, "PolicyDocument": json.dumps({"Statement": [{**statement, **elements}]})}

        create = self.ec2.create_vpc_endpoint
        self.outcomes(
            ("InvalidPolicyDocument", create, having(Effect="Perhaps")),
            ("InvalidPolicyDocument", create, having(Action=[])),
            ("InvalidPolicyDocument", create, having(Condition={"StringEqual": {"aws:SourceVpc": "vpc-1"}})),
            ("InvalidServiceName", create, {**endpoint, "ServiceName": f"com.amazonaws.{REGION}.none"}),
            ("accepted", create, having(Sid="only-these")),
        )

    def test_what_is_in_use_stays(self):
        vpc, peer = self.vpc("10.0.0.0/16"), self.vpc("10.1.0.0/16")
        gateway, group, table, subnet = self.gateway(), self.group(vpc), self.route_table(vpc), self.subnet(vpc)
        attachment = {"InternetGatewayId": gateway, "VpcId": vpc}
        self.outcomes(
            ("accepted", self.ec2.attach_internet_gateway, attachment),
            ("Resource.AlreadyAssociated", self.ec2.attach_internet_gateway, {**attachment, "VpcId": peer}),
            ("DependencyViolation", self.ec2.delete_internet_gateway, {"InternetGatewayId": gateway}),
            ("DependencyViolation", self.ec2.delete_vpc, {"VpcId": vpc}),
            ("accepted", self.ec2.delete_subnet, {"SubnetId": subnet}),
            ("DependencyViolation", self.ec2.delete_vpc, {"VpcId": vpc}),
            ("accepted", self.ec2.delete_route_table, {"RouteTableId": table}),
            ("DependencyViolation", self.ec2.delete_vpc, {"VpcId": vpc}),
            ("accepted", self.ec2.delete_security_group, {"GroupId": group}),
            ("DependencyViolation", self.ec2.delete_vpc, {"VpcId": vpc}),
            ("Gateway.NotAttached", self.ec2.detach_internet_gateway, {**attachment, "VpcId": peer}),
            ("accepted", self.ec2.detach_internet_gateway, attachment),
            ("accepted", self.ec2.delete_internet_gateway, {"InternetGatewayId": gateway}),
            # Its main table, default group and default network ACL go with it.
            ("accepted", self.ec2.delete_vpc, {"VpcId": vpc}),
            ("InvalidVpcID.NotFound", self.ec2.delete_vpc, {"VpcId": vpc}),
        )
        self.assertEqual(self.ec2.describe_route_tables(Filters=filters(vpc_id=vpc))["RouteTables"], [])

    def test_attributes_change_one_at_a_time(self):
        vpc = self.vpc()
        on = {"Value": True}
        both = {"VpcId": vpc, "EnableDnsSupport": on, "EnableDnsHostnames": on}
        self.outcomes(
            ("InvalidParameterCombination", self.ec2.modify_vpc_attribute, both),
            ("accepted", self.ec2.modify_vpc_attribute, {"VpcId": vpc, "EnableDnsHostnames": on}),
            ("accepted", self.ec2.modify_subnet_attribute, {"SubnetId": self.subnet(vpc), "MapPublicIpOnLaunch": on}),
            (
                "InvalidVpcID.NotFound",
                self.ec2.modify_vpc_attribute,
                {"VpcId": "vpc" + UNKNOWN, "EnableDnsSupport": on},
            ),
        )

    def test_tags(self):
        vpc = self.vpc()
        too_many = {"Resources": [vpc], "Tags": [{"Key": str(number), "Value": ""} for number in range(50)]}

        def tag(key, value=""):
            return {"Resources": [vpc], "Tags": [{"Key": key, "Value": value}]}

        self.outcomes(
            ("accepted", self.ec2.create_tags, tag("colour", "red")),
            ("accepted", self.ec2.create_tags, tag("colour", "blue")),
            ("InvalidParameterValue", self.ec2.create_tags, tag("aws:colour", "red")),
            ("InvalidVpcID.NotFound", self.ec2.create_tags, {**tag("a"), "Resources": [vpc, "vpc" + UNKNOWN]}),
            ("InvalidID", self.ec2.create_tags, {**tag("a"), "Resources": ["nonsense"]}),
            ("TagLimitExceeded", self.ec2.create_tags, too_many),
            # A tag goes by key and value, or by key alone; one that isn't there is no error.
            ("accepted", self.ec2.delete_tags, tag("colour", "red")),
        )
        (found,) = self.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
        self.assertEqual(found["Tags"], [{"Key": "colour", "Value": "blue"}])
        self.outcomes(("accepted", self.ec2.delete_tags, {"Resources": [vpc], "Tags": [{"Key": "colour"}]}))
        (found,) = self.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
        self.assertEqual(found.get("Tags", []), [])

    def test_a_client_token_makes_one_thing(self):
        vpc, other = self.vpc("10.0.0.0/16"), self.vpc("10.1.0.0/16")
        create = {"VpcId": vpc, "ClientToken": "once"}
        first = self.ec2.create_route_table(**create)["RouteTable"]["RouteTableId"]
        self.assertEqual(self.ec2.create_route_table(**create)["RouteTable"]["RouteTableId"], first)
        self.outcomes(("IdempotentParameterMismatch", self.ec2.create_route_table, {**create, "VpcId": other}))
        self.ec2.delete_route_table(RouteTableId=first)
        self.assertEqual(self.ec2.create_route_table(**create)["RouteTable"]["RouteTableId"], first)
        self.outcomes(("InvalidRouteTableID.NotFound", self.ec2.delete_route_table, {"RouteTableId": first}))

    def test_roles(self):
        iam = client("iam", self.account)
        trust, logs = json.dumps(TRUST), json.dumps(LOGS)
        managed = {"RoleName": "worker", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
        nobody = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]})
        role = {"RoleName": "Worker", "Path": "/team/", "AssumeRolePolicyDocument": trust}
        other = {"RoleName": "other", "AssumeRolePolicyDocument": trust}
        inline = {"RoleName": "worker", "PolicyName": "logs"}
        self.outcomes(
            ("accepted", iam.create_role, {**role, "Tags": [{"Key": "team", "Value": "red"}]}),
            # Names ignore case, whatever the path.
            ("EntityAlreadyExists", iam.create_role, {**role, "RoleName": "wORKER", "Path": "/"}),
            ("MalformedPolicyDocument", iam.create_role, {**other, "AssumeRolePolicyDocument": "{"}),
            ("MalformedPolicyDocument", iam.create_role, {**other, "AssumeRolePolicyDocument": nobody}),
            ("ValidationError", iam.create_role, {**other, "RoleName": "with space"}),
            ("ValidationError", iam.create_role, {**other, "Path": "team"}),
            ("NoSuchEntity", iam.get_role, {"RoleName": "other"}),
            ("NoSuchEntity", iam.delete_role, {"RoleName": "other"}),
            ("MalformedPolicyDocument", iam.put_role_policy, {**inline, "PolicyDocument": "[]"}),
            ("NoSuchEntity", iam.get_role_policy, inline),
            ("accepted", iam.put_role_policy, {**inline, "PolicyDocument": logs}),
            ("NoSuchEntity", iam.attach_role_policy, {**managed, "PolicyArn": "arn:aws:iam::aws:policy/None"}),
            ("accepted", iam.attach_role_policy, managed),
            ("accepted", iam.attach_role_policy, managed),
            ("DeleteConflict", iam.delete_role, {"RoleName": "worker"}),
            ("accepted", iam.delete_role_policy, inline),
            ("NoSuchEntity", iam.delete_role_policy, inline),
            ("DeleteConflict", iam.delete_role, {"RoleName": "worker"}),
            ("accepted", iam.detach_role_policy, managed),
            ("accepted", iam.delete_role, {"RoleName": "worker"}),
            ("NoSuchEntity", iam.delete_role, {"RoleName": "worker"}),
        )

    def test_roles_come_in_pages(self):
        iam = client("iam", self.account)
        names = [f"role-{number}" for number in range(7)]
        for name in names:
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        first = iam.list_roles(MaxItems=3)
        self.assertTrue(first["IsTruncated"])
        self.assertEqual(len(first["Roles"]), 3)
        pages = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 3})
        found = [role["RoleName"] for page in pages for role in page["Roles"]]
        self.assertEqual([name for name in found if name in names], names)

    def test_parameters(self):
        ssm = client("ssm", self.account)
        put = {"Name": "/team/one", "Value": "1", "Type": "String"}
        tags = [{"Key": "team", "Value": "red"}]
        self.outcomes(
            ("accepted", ssm.put_parameter, {**put, "Tags": tags}),
            ("ParameterAlreadyExists", ssm.put_parameter, put),
            ("ValidationException", ssm.put_parameter, {**put, "Overwrite": True, "Tags": tags}),
            ("accepted", ssm.put_parameter, {**put, "Value": "2", "Overwrite": True}),
            ("ParameterNotFound", ssm.get_parameter, {"Name": "/team/none"}),
            ("ParameterNotFound", ssm.delete_parameter, {"Name": "/team/none"}),
            ("ValidationException", ssm.get_parameters_by_path, {"Path": "/team", "MaxResults": 11}),
            ("ValidationException", ssm.put_parameter, {**put, "Name": "/team/long", "Value": "x" * 4097}),
        )
        parameter = ssm.get_parameter(Name="/team/one")["Parameter"]
        self.assertEqual((parameter["Value"], parameter["Version"]), ("2", 2))
        for number in range(12):
            ssm.put_parameter(Name=f"/team/deep/{number:02}", Value="x", Type="String")
        pages = list(ssm.get_paginator("get_parameters_by_path").paginate(Path="/team", Recursive=True))
        self.assertEqual([len(page["Parameters"]) for page in pages], [10, 3])
        gone = ssm.delete_parameters(Names=["/team/one", "/team/none"])
        self.assertEqual((gone["DeletedParameters"], gone["InvalidParameters"]), (["/team/one"], ["/team/none"]))

    def resolver_endpoint(self, vpc, direction="INBOUND", **more):
        """What creates an endpoint with an address in each of two new subnets; an inbound one's are the eleventh."""
        first = 0 if direction == "INBOUND" else 2
        subnets = [self.subnet(vpc, f"10.0.{number}.0/24") for number in (first, first + 1)]
        addresses = [{"SubnetId": subnet} for subnet in subnets]
        if direction == "INBOUND":
            addresses = [{**address, "Ip": f"10.0.{number}.10"} for number, address in enumerate(addresses)]
        return {
            "CreatorRequestId": f"{direction} of {self.account}",
            "Name": "breezeway lab",
            "Direction": direction,
            "SecurityGroupIds": [self.group(vpc, direction)],
            "IpAddresses": addresses,
            **more,
        }

    def test_resolver_endpoints(self):
        resolver, vpc = client("route53resolver", self.account), self.vpc()
        request = self.resolver_endpoint(vpc, Tags=[{"Key": "team", "Value": "red"}])
        first, second = request["IpAddresses"]
        (group,) = request["SecurityGroupIds"]
        elsewhere = self.subnet(self.vpc("10.1.0.0/16"), "10.1.0.0/24")
        for code, change in [
            ("ValidationException", {"Name": "breezeway/lab"}),
            ("ValidationException", {"Name": "12"}),
            ("ValidationException", {"IpAddresses": [first]}),
            ("LimitExceededException", {"IpAddresses": [{"SubnetId": first["SubnetId"]}] * 7}),
            ("InvalidRequestException", {"IpAddresses": [{**first, "Ip": "10.0.0.2"}, second]}),
            ("InvalidRequestException", {"IpAddresses": [first, {"SubnetId": elsewhere}]}),
            ("ResourceExistsException", {"IpAddresses": [first, first]}),
            ("InvalidParameterException", {"IpAddresses": [first, {"SubnetId": "subnet" + UNKNOWN}]}),
            ("InvalidParameterException", {"SecurityGroupIds": ["sg" + UNKNOWN]}),
        ]:
            self.outcomes((code, resolver.create_resolver_endpoint, {**request, **change}))
        created = resolver.create_resolver_endpoint(**request)["ResolverEndpoint"]
        endpoint = {"ResolverEndpointId": created["Id"]}

        def status():
            return resolver.get_resolver_endpoint(**endpoint)["ResolverEndpoint"]["Status"]

        def addresses():
            return resolver.list_resolver_endpoint_ip_addresses(**endpoint)["IpAddresses"]

        def interfaces():
            return self.ec2.describe_network_interfaces(Filters=filters(vpc_id=vpc))["NetworkInterfaces"]

        self.assertEqual((created["Status"], created["HostVPCId"]), ("CREATING", vpc))
        self.until(lambda: status() == "OPERATIONAL")
        self.assertEqual([address["Status"] for address in addresses()], ["ATTACHED", "ATTACHED"])
        described = {f"Route 53 Resolver: {created['Id']}:{found['IpId']}": found["Ip"] for found in addresses()}
        self.assertEqual({one["Description"]: one["PrivateIpAddress"] for one in interfaces()}, described)
        self.assertEqual(sorted(described.values()), ["10.0.0.10", "10.0.1.10"])

        # A repeated request makes nothing, even one that differs; lists have no tags.
        self.outcomes(
            ("ResourceExistsException", resolver.create_resolver_endpoint, request),
            ("ResourceExistsException", resolver.create_resolver_endpoint, {**request, "Name": "other"}),
        )
        by_request = [{"Name": "CreatorRequestId", "Values": [request["CreatorRequestId"]]}]
        (listed,) = resolver.list_resolver_endpoints(Filters=by_request)["ResolverEndpoints"]
        self.assertEqual((listed["Id"], "Tags" in listed), (created["Id"], False))
        tags = resolver.list_tags_for_resource(ResourceArn=created["Arn"])["Tags"]
        self.assertEqual(tags, request["Tags"])
        by_tag = [{"Name": "tag:team", "Values": ["red"]}]
        new = {**endpoint, "IpAddress": {"SubnetId": first["SubnetId"], "Ip": "10.0.0.11"}}
        old = {**endpoint, "IpAddress": first}
        self.outcomes(
            ("InvalidParameterException", resolver.list_resolver_endpoints, {"Filters": by_tag}),
            ("InvalidRequestException", resolver.disassociate_resolver_endpoint_ip_address, old),
            ("accepted", resolver.associate_resolver_endpoint_ip_address, new),
            ("DependencyViolation", self.ec2.delete_subnet, {"SubnetId": first["SubnetId"]}),
            ("DependencyViolation", self.ec2.delete_security_group, {"GroupId": group}),
            ("DependencyViolation", self.ec2.delete_vpc, {"VpcId": vpc}),
        )
        self.until(lambda: status() == "OPERATIONAL")
        self.assertEqual(len(interfaces()), 3)

        self.outcomes(("accepted", resolver.delete_resolver_endpoint, endpoint))
        # Whoever asks, and whomever: all is gone after a while.
        self.until(lambda: interfaces() == [])
        self.outcomes(
            ("ResourceNotFoundException", resolver.get_resolver_endpoint, endpoint),
            ("ResourceNotFoundException", resolver.delete_resolver_endpoint, endpoint),
            ("ResourceNotFoundException", resolver.list_tags_for_resource, {"ResourceArn": created["Arn"]}),
            ("accepted", self.ec2.delete_subnet, {"SubnetId": first["SubnetId"]}),
            ("accepted", self.ec2.delete_security_group, {"GroupId": group}),
        )

    def test_resolver_rules(self):
        resolver, vpc = client("route53resolver", self.account), self.vpc()
        inbound = resolver.create_resolver_endpoint(**self.resolver_endpoint(vpc))["ResolverEndpoint"]
        request = self.resolver_endpoint(vpc, "OUTBOUND")
        outbound = resolver.create_resolver_endpoint(**request)["ResolverEndpoint"]
        request = {
            "CreatorRequestId": "rule",
            "RuleType": "FORWARD",
            "DomainName": "corp.example",
            "ResolverEndpointId": outbound["Id"],
            "TargetIps": [{"Ip": "192.168.10.10"}],
        }
        backwards = {**request, "ResolverEndpointId": inbound["Id"]}
        self.outcomes(
            ("InvalidRequestException", resolver.create_resolver_rule, backwards),
            ("InvalidRequestException", resolver.create_resolver_rule, {**request, "RuleType": "RECURSIVE"}),
        )
        rule = resolver.create_resolver_rule(**request)["ResolverRule"]
        self.assertEqual((rule["DomainName"], rule["Status"]), ("corp.example.", "COMPLETE"))
        self.assertEqual(rule["TargetIps"], [{"Ip": "192.168.10.10", "Port": 53, "Protocol": "Do53"}])
        rules = [page["ResolverRules"] for page in resolver.get_paginator("list_resolver_rules").paginate()]
        names = [rule.get("Name") or rule["Id"] for rule in itertools.chain(*rules)]
        self.assertEqual(names, ["Internet Resolver", rule["Id"]])

        by_id, pair = {"ResolverRuleId": rule["Id"]}, {"ResolverRuleId": rule["Id"], "VPCId": vpc}
        self.outcomes(
            ("ResourceExistsException", resolver.create_resolver_rule, request),
            ("InvalidParameterException", resolver.associate_resolver_rule, {**pair, "VPCId": "vpc" + UNKNOWN}),
            ("accepted", resolver.associate_resolver_rule, pair),
            ("InvalidRequestException", resolver.associate_resolver_rule, pair),
            ("ResourceInUseException", resolver.delete_resolver_rule, by_id),
            ("InvalidRequestException", resolver.delete_resolver_endpoint, {"ResolverEndpointId": outbound["Id"]}),
            ("accepted", resolver.disassociate_resolver_rule, pair),
        )
        self.until(lambda: outcome(resolver.disassociate_resolver_rule, **pair) == "ResourceNotFoundException")
        self.outcomes(("accepted", resolver.delete_resolver_rule, by_id))
        self.until(lambda: outcome(resolver.get_resolver_rule, **by_id) == "ResourceNotFoundException")
        self.outcomes(("accepted", resolver.delete_resolver_endpoint, {"ResolverEndpointId": outbound["Id"]}))

    def test_a_private_api_is_built_deployed_and_deleted(self):
        api_gateway = client("apigateway", self.account)
        vpc = self.vpc()
        endpoint = self.ec2.create_vpc_endpoint(
            VpcId=vpc,
            ServiceName=f"com.amazonaws.{REGION}.execute-api",
            VpcEndpointType="Interface",
            PrivateDnsEnabled=False,
        )["VpcEndpoint"]["VpcEndpointId"]
        statement = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        private = {"types": ["PRIVATE"], "vpcEndpointIds": [endpoint]}
        api = api_gateway.create_rest_api(name="lab", endpointConfiguration=private, tags={"lab": "a"})
        self.assertEqual(api["endpointConfiguration"], {**private, "ipAddressType": "dualstack"})
        by_id = {"restApiId": api["id"]}

        user = api_gateway.create_resource(**by_id, parentId=api["rootResourceId"], pathPart="{user}")
        self.assertEqual(user["path"], "/{user}")
        pool = f"arn:aws:cognito-idp:{REGION}:{self.account}:userpool/{REGION}_Ab1Cd2Ef3"
        authorizer = {**by_id, "name": "pool", "type": "COGNITO_USER_POOLS", "providerARNs": [pool]}
        by_authorizer = {**by_id, "authorizerId": api_gateway.create_authorizer(**authorizer)["id"]}
        method = {**by_id, "resourceId": user["id"], "httpMethod": "GET"}
        authorization = {"authorizationType": "COGNITO_USER_POOLS", "authorizerId": by_authorizer["authorizerId"]}
        function = f"arn:aws:lambda:{REGION}:{self.account}:function:presign"
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
        proxy = {**method, "type": "AWS_PROXY", "integrationHttpMethod": "POST"}
        attach = {**by_id, "patchOperations": [{"op": "replace", "path": "/policy", "value": policy}]}
        self.outcomes(
            ("BadRequestException", api_gateway.create_deployment, by_id),
            ("NotFoundException", api_gateway.put_integration, {**proxy, "uri": uri}),
            ("BadRequestException", api_gateway.put_method, {**method, **authorization, "authorizerId": "a1b2c3"}),
            ("accepted", api_gateway.put_method, {**method, **authorization}),
            ("ConflictException", api_gateway.put_method, {**method, **authorization}),
            ("ConflictException", api_gateway.delete_authorizer, by_authorizer),
            ("BadRequestException", api_gateway.create_deployment, by_id),
            ("BadRequestException", api_gateway.put_integration, {**proxy, "uri": function}),
            ("accepted", api_gateway.put_integration, {**proxy, "uri": uri}),
            ("BadRequestException", api_gateway.create_deployment, by_id),
            ("accepted", api_gateway.update_rest_api, attach),
        )
        deployment = {**by_id, "deploymentId": api_gateway.create_deployment(**by_id)["id"]}
        stage = {**by_id, "stageName": "prod"}
        self.outcomes(
            ("accepted", api_gateway.create_stage, {**deployment, **stage, "tags": {"lab": "a"}}),
            ("ConflictException", api_gateway.create_stage, {**deployment, **stage}),
            ("BadRequestException", api_gateway.delete_deployment, deployment),
        )
        answered = json.loads(json.loads(f'"{api_gateway.get_rest_api(**by_id)["policy"]}"'))
        arn = f"arn:aws:execute-api:{REGION}:{self.account}:{api['id']}/*"
        self.assertEqual(answered["Statement"], [{**statement, "Resource": arn}])
        stage_arn = f"arn:aws:apigateway:{REGION}::/restapis/{api['id']}/stages/prod"
        self.assertEqual(api_gateway.get_tags(resourceArn=stage_arn)["tags"], {"lab": "a"})
        self.outcomes(
            ("accepted", api_gateway.delete_rest_api, by_id),
            ("NotFoundException", api_gateway.get_rest_api, by_id),
            ("NotFoundException", api_gateway.get_stage, stage),
        )

    def test_what_is_not_modelled_says_so_by_name(self):
        for service, operation, arguments in [
            ("ec2", "describe_launch_templates", {}),
            ("ec2", "create_key_pair", {"KeyName": "key", "KeyFormat": "ppk"}),
            ("iam", "list_users", {}),
            ("lambda", "list_aliases", {"FunctionName": "f"}),
            ("apigateway", "get_usage_plans", {}),
            ("route53", "list_geo_locations", {}),
            ("s3", "list_buckets", {}),
            ("eks", "list_clusters", {}),
        ]:
            with self.subTest(operation=operation), self.assertRaises(ClientError) as raised:
                getattr(client(service, self.account), operation)(**arguments)
            self.assertEqual(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"], 501)
            self.assertEqual(raised.exception.response["Error"]["Code"], "NotImplemented")

    def test_every_operation_of_the_rest_protocols_reaches_the_world(self):
        for service in ["lambda", "apigateway", "efs", "route53", "cognito-idp"]:
            caller = client(service, self.account)
            for name in SERVICES[service][1].split():
                operation = caller.meta.service_model.operation_model(name)
                # Of the others only what nobody signs.
                if service == "cognito-idp" and operation.auth_type != "none":
                    continue
                with self.subTest(service=service, operation=name):
                    try:
                        getattr(caller, xform_name(name))(**sample(operation.input_shape))
                    except ClientError as refusal:
                        error = refusal.response["Error"]
                        self.assertNotIn(error["Code"], REFUSALS_OF_THE_WIRE)
                        if error["Code"] == "NotImplemented":
                            self.assertIn(f"({caller.meta.service_model.signing_name} {name})", error["Message"])


if __name__ == "__main__":
    unittest.main()
