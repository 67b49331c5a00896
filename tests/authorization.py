"""What the sandbox says that calls are authorised as, against AWS's own tables, as parliament has them.

    authorization.py samples        a call of every operation, with everything in it, as JSON
    authorization.py check FILE     FILE holds `calls`, what each of these needs, and `lab`, what a whole lab took
"""

import base64
import json
import re
import sys
import unittest
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

import botocore.session
import parliament

sys.path.append(str(Path(__file__).resolve().parent / "clients"))
from samples import SERVICES, sample

TABLES = {}
for table in parliament.iam_definition:
    # Some services have several, which are parts of one.
    merged = TABLES.setdefault(table["prefix"], {"privileges": {}, "resources": []})
    merged["resources"] += table["resources"]
    for listed in table["privileges"]:
        privilege = merged["privileges"].setdefault(listed["privilege"].lower(), {"resource_types": []})
        privilege["resource_types"] += listed["resource_types"]

ROLE = "arn:aws:iam::111122223333:role/sample"

# What AWS's tables don't list, and AWS does.
#
# The actions of API Gateway are the methods of HTTP: what has a path can be put and posted to, whatever the tables say.
UNLISTED_RESOURCES = {
    ("apigateway:PUT", "Method"),
    ("apigateway:PUT", "Integration"),
    ("apigateway:POST", "Resource"),
}
# What the tables list, and the samples can't show: what has to be there first; or what the sandbox knows nothing of.
UNSEEN = {
    "ec2:AssociateIamInstanceProfile": {"iam:PassRole"},
    "ec2:ReplaceIamInstanceProfileAssociation": {"iam:PassRole"},
    "ec2:RunInstances": {"iam:PassRole", "ssm:GetParameters"},
    "route53resolver:DeleteResolverEndpoint": {"ec2:DeleteNetworkInterface"},
    "route53resolver:DisassociateResolverEndpointIpAddress": {"ec2:DeleteNetworkInterface"},
    "route53resolver:UpdateResolverEndpoint": {
        "ec2:AssignIpv6Addresses",
        "ec2:ModifyNetworkInterfaceAttribute",
        "ec2:UnassignIpv6Addresses",
    },
}
UNSEEN_RESOURCES = {
    # In what the call names by something else: an association, a peering.
    ("ec2:AcceptVpcPeeringConnection", "vpc"),
    # One or the other.
    ("route53:ChangeTagsForResource", "healthcheck"),
}


def privilege(action):
    service, _, name = action.partition(":")
    return TABLES[service]["privileges"].get(name.lower())


def glob(arn):
    """The pattern of a resource type; the parts that AWS fills in may be empty."""
    return re.sub(r"\$\{\w+\}", "*", arn)


def types(action, resource):
    """The types of resources that an ARN may be of."""
    return {
        listed["resource"]
        for listed in TABLES[action.partition(":")[0]]["resources"]
        if fnmatchcase(resource, glob(listed["arn"])) and resource.count("/") >= listed["arn"].count("/")
    }


def rows(action):
    """Each type of resources with which an action is listed, without its mark, whether it has one, and its keys."""
    for row in privilege(action)["resource_types"]:
        yield row["resource_type"].rstrip("*"), row["resource_type"].endswith("*"), row["condition_keys"]


def plain_key(key):
    """A key without the tag's name in it."""
    return re.sub(r"/.*", "", key).lower()


def keys(action, of):
    """The condition keys that an action has on these types of resources, and wherever."""
    found = set()
    for kind, _, listed in rows(action):
        if kind in of or not kind:
            found.update(listed)
    for resource in TABLES[action.partition(":")[0]]["resources"]:
        # What a type has as a whole is about what exists: its tags. API Gateway's has all there.
        if resource["resource"] in of:
            whole = action.startswith("apigateway:")
            found.update(key for key in resource["condition_keys"] if whole or "resourcetag" in key.lower())
    return {plain_key(key) for key in found}


def findings(needed):
    action, resource = needed["action"], needed["resource"]
    if privilege(action) is None:
        return [f"{action} isn't an action"]
    listed = {kind for kind, *_ in rows(action) if kind}
    if resource == "*":
        required = {kind for kind, required, _ in rows(action) if required}
        found = [f"{action} is on {required}, not on *"] if required else []
        of = set()
    else:
        of = types(action, resource) & (listed | {kind for of, kind in UNLISTED_RESOURCES if of == action})
        found = [] if of else [f"{action} isn't on {resource}, but on {listed or '*'}"]
    known = keys(action, of)
    return found + [
        f"{action} on {resource} has no key {key}" for key in needed["keys"] if plain_key(key) not in known
    ]


def tag_types(action):
    """The types that a call may tag as it makes them."""
    marked = {kind for kind, _, listed in rows(action) if any("RequestTag" in key for key in listed)}
    return sorted(kind for kind in marked if kind)


def completed(service, operation, value, name=""):
    """A sample with what a mere text can't be: roles, ARNs of what is tagged, kinds of what is made."""
    if name == "TagSpecifications":
        made = tag_types(f"ec2:{operation}")
        return [{"ResourceType": kind, "Tags": [{"Key": "k", "Value": "v"}]} for kind in made]
    if name in ("Role", "ExecutionRole", "credentials", "authorizerCredentials", "SnsCallerArn"):
        return ROLE
    if name in ("ResourceArn", "resourceArn", "Resource") and isinstance(value, str):
        return {
            "route53resolver": "arn:aws:route53resolver:us-east-1:111122223333:resolver-rule/rslvr-rr-1",
            "sagemaker": "arn:aws:sagemaker:us-east-1:111122223333:domain/d-1",
            "lambda": "arn:aws:lambda:us-east-1:111122223333:function:f",
            "dynamodb": "arn:aws:dynamodb:us-east-1:111122223333:table/t",
            "cognito-idp": "arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_p",
            "logs": "arn:aws:logs:us-east-1:111122223333:log-group:g",
            "apigateway": "arn:aws:apigateway:us-east-1::/restapis/a1",
        }[service]
    if name == "PolicyArn":
        return "arn:aws:iam::111122223333:policy/p"
    if name == "PolicySourceArn":
        return ROLE
    if name in ("Path", "PathPrefix") and service == "iam":
        return "/p/"
    if name == "Resources" and service == "ec2":
        return ["vpc-1", "subnet-1", "sgr-1", "eipalloc-1", "nat-1"]
    if name == "ResourceType" and service == "route53":
        return "hostedzone"
    if isinstance(value, dict):
        return {key: completed(service, operation, item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [completed(service, operation, item, name) for item in value]
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def samples():
    session = botocore.session.Session()
    for service, (version, operations) in SERVICES.items():
        model = session.get_service_model(service, version)
        for name in operations.split():
            shape = model.operation_model(name).input_shape
            arguments = sample(shape) if shape else {}
            signing = model.signing_name
            yield {
                "service": signing,
                "operation": name,
                "input": {key: completed(signing, name, value, key) for key, value in arguments.items()},
            }


class Check(unittest.TestCase):
    maxDiff = None

    def test_every_action_resource_and_key_is_one_that_aws_lists(self):
        every = [needed for call in SAID["calls"] for needed in call["needed"]] + SAID["lab"]
        self.assertGreater(len(SAID["lab"]), 200)
        self.assertEqual(sorted({finding for needed in every for finding in findings(needed)}), [])

    def test_every_required_resource_is_asked_for(self):
        missing = []
        for call in SAID["calls"]:
            by_action = {}
            for needed in call["needed"]:
                of = types(needed["action"], needed["resource"])
                by_action.setdefault(needed["action"], set()).update(of)
            if call["service"] == "apigateway" or not call["needed"]:
                continue
            action = call["needed"][0]["action"]
            for kind, required, _ in rows(action):
                if required and kind not in by_action[action] and (action, kind) not in UNSEEN_RESOURCES:
                    missing.append(f"{action} on {kind}")
        self.assertEqual(missing, [])

    def test_every_action_that_aws_says_depends_is_asked_for(self):
        missing = []
        for call in SAID["calls"]:
            if call["service"] == "apigateway" or not call["needed"]:
                continue
            action, asked = call["needed"][0]["action"], {needed["action"] for needed in call["needed"]}
            depends = {one for row in privilege(action)["resource_types"] for one in row["dependent_actions"]}
            missing += [f"{action} needs {one}" for one in depends - asked - UNSEEN.get(action, set())]
        self.assertEqual(missing, [])

    def test_only_what_nobody_needs_a_permission_for_needs_none(self):
        free = {f"{call['service']}:{call['operation']}" for call in SAID["calls"] if not call["needed"]}
        self.assertEqual(
            free, {"sts:GetCallerIdentity", "cognito-idp:InitiateAuth", "cognito-idp:RespondToAuthChallenge"}
        )


class Finds(unittest.TestCase):
    """A checker that finds nothing would accept everything."""

    VPC = "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-1"

    def found(self, action, resource, keys=()):
        return findings({"action": action, "resource": resource, "keys": dict.fromkeys(keys, ["x"])})

    def test_an_action_that_there_is_not(self):
        self.assertEqual(len(self.found("ec2:PaintVpc", self.VPC)), 1)

    def test_a_resource_of_another_type(self):
        self.assertEqual(self.found("ec2:DeleteVpc", self.VPC), [])
        self.assertEqual(len(self.found("ec2:DeleteVpc", self.VPC.replace("vpc/", "subnet/"))), 1)
        self.assertEqual(len(self.found("ec2:DeleteVpc", "*")), 1)
        self.assertEqual(len(self.found("ec2:DescribeVpcs", self.VPC)), 1)

    def test_a_key_of_another_action(self):
        self.assertEqual(self.found("ec2:DeleteVpc", self.VPC, ["aws:ResourceTag/k", "ec2:VpcID"]), [])
        self.assertEqual(len(self.found("ec2:DeleteVpc", self.VPC, ["ec2:CreateAction"])), 1)
        self.assertEqual(len(self.found("ec2:DeleteVpc", self.VPC, ["aws:RequestTag/k"])), 1)


if __name__ == "__main__":
    verb = sys.argv.pop(1)
    if verb == "samples":
        print(json.dumps(list(samples())))
    else:
        SAID = json.loads(Path(sys.argv.pop(1)).read_text())
        unittest.main()
