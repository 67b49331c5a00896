"""Whether IAM knows what the policies of labs say: parliament, which goes by AWS's own tables, is asked about each.

    policies.py FILE

FILE holds `policies`, documents with what each is of, `managed`, the ARNs of policies that are said to be AWS's own, and
`printed`, what `permissions` says that the tool itself needs.
"""

import copy
import json
import sys
import unittest
from pathlib import Path

import parliament
from moto.iam.aws_managed_policies import aws_managed_policies_data

SENT = json.loads(Path(sys.argv.pop(1)).read_text())
MANAGED = json.loads(aws_managed_policies_data)
# What API Gateway makes of its own short form.
SHORT, LONG = "execute-api:/", "arn:aws:execute-api:us-east-1:111122223333:abcdef1234/"
# What IAM takes, and parliament would rather not see: the older version of the language, in which AWS's own policies of
# endpoints are, and a wildcard where something narrower could stand.
STYLE = {"NO_VERSION", "RESOURCE_STAR"}

# Newer than its tables.
UNKNOWN = {"UNKNOWN_ACTION Unknown action logs:PutLogGroupDeletionProtection"}


def listed(value):
    return value if isinstance(value, list) else [value]


def parts(document):
    """The same in two documents: all that an action is allowed on at once, since parliament looks for that in one statement;
    and each statement with its conditions on everything."""
    allowed = {}
    for statement in document["Statement"]:
        for action in listed(statement["Action"]):
            allowed.setdefault(action, set()).update(listed(statement["Resource"]))
    on = [{"Effect": "Allow", "Action": action, "Resource": sorted(all)} for action, all in sorted(allowed.items())]
    under = [{**statement, "Resource": "*"} for statement in document["Statement"]]
    return [{"Version": "2012-10-17", "Statement": statements} for statements in (on, under)]


def readable(document, effect=None):
    """The document as parliament reads it, with one effect in all its statements where one is given."""
    document = copy.deepcopy(document)
    for statement in document["Statement"]:
        statement["Effect"] = effect or statement["Effect"]
        # Trust policies have none.
        if "NotResource" not in statement:
            resources = statement.get("Resource", "*")
            resources = resources if isinstance(resources, list) else [resources]
            statement["Resource"] = [resource.replace(SHORT, LONG) for resource in resources]
        for keys in statement.get("Condition", {}).values():
            # A lone value in a list is the value; for Bool and Null parliament doesn't know it as such.
            keys.update({key: values[0] for key, values in keys.items() if isinstance(values, list) and len(values) == 1})
    return document


def findings(document):
    """What isn't as IAM has it. Whether a resource fits, parliament asks of what is allowed only: so all of it is, once."""
    found = set()
    for effect in (None, "Allow"):
        for finding in parliament.analyze_policy_string(json.dumps(readable(document, effect))).findings:
            if finding.issue not in STYLE:
                found.add(f"{finding.issue} {finding.detail}")
    return found


def is_managed(arn):
    prefix = "arn:aws:iam::aws:policy/"
    path, _, name = arn.removeprefix(prefix).rpartition("/")
    known = MANAGED.get(name)
    return arn.startswith(prefix) and known is not None and known["Path"] == (f"/{path}/" if path else "/")


class Accepts(unittest.TestCase):
    maxDiff = None

    def test_every_policy_of_every_lab(self):
        self.assertGreater(len(SENT["policies"]), 50)
        wrong = {one["of"]: sorted(findings(one["document"])) for one in SENT["policies"]}
        self.assertEqual({of: found for of, found in wrong.items() if found}, {})

    def test_every_policy_that_the_tool_itself_needs(self):
        self.assertGreater(len(SENT["printed"]), 10)
        for one in SENT["printed"]:
            found = set().union(*(findings(part) for part in parts(one["document"])))
            self.assertEqual((one["of"], found - UNKNOWN), (one["of"], set()))

    def test_every_policy_that_is_said_to_be_awss_own(self):
        self.assertGreater(len(SENT["managed"]), 0)
        self.assertEqual([arn for arn in SENT["managed"] if not is_managed(arn)], [])


class Finds(unittest.TestCase):
    """A checker that finds nothing would accept everything."""

    PROFILE = "arn:aws:sagemaker:us-east-1:111122223333:user-profile/d-1/*"
    URL = "sagemaker:CreatePresignedDomainUrl"

    def found(self, effect="Allow", action=URL, resource=PROFILE, **more):
        statement = {"Effect": effect, "Action": [action], "Resource": [resource], **more}
        return {one.split()[0] for one in findings({"Version": "2012-10-17", "Statement": [statement]})}

    def test_nothing_where_nothing_is_wrong(self):
        condition = {"StringEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}, "Null": {"aws:PrincipalAccount": ["false"]}}
        for effect in ("Allow", "Deny"):
            self.assertEqual(self.found(effect, Condition=condition), set())

    def test_an_action_that_is_none(self):
        for effect in ("Allow", "Deny"):
            self.assertEqual(self.found(effect, action="sagemaker:CreatePresignedUrl"), {"UNKNOWN_ACTION"})
            self.assertEqual(self.found(effect, action="sagemakers:*"), {"UNKNOWN_PREFIX"})

    def test_a_condition_key_that_is_none_or_another_services(self):
        for effect in ("Allow", "Deny"):
            for key in ("aws:SourceVpcEndpoint", "s3:prefix"):
                condition = {"StringEquals": {key: ["vpce-1"]}}
                self.assertEqual(self.found(effect, Condition=condition), {"UNKNOWN_CONDITION_FOR_ACTION"})
            self.assertEqual(self.found(effect, Condition={"StringEqual": {"aws:SourceVpc": "v"}}), {"UNKNOWN_OPERATOR"})
            self.assertEqual(self.found(effect, Condition={"IpAddress": {"aws:SourceIp": "all"}}), {"MISMATCHED_TYPE"})

    def test_a_resource_that_the_action_is_not_about(self):
        for effect in ("Allow", "Deny"):
            for kind in ("domain/d-1", "*/d-1/*"):
                resource = f"arn:aws:sagemaker:us-east-1:111122223333:{kind}"
                self.assertEqual(self.found(effect, resource=resource), {"RESOURCE_MISMATCH"})
            # Lists are of everything or nothing.
            self.assertEqual(self.found(effect, action="sagemaker:ListApps"), {"RESOURCE_MISMATCH"})
            self.assertEqual(self.found(effect, resource="user-profile"), {"INVALID_ARN"})

    def test_a_policy_that_aws_does_not_have(self):
        for name in ("AWSLambdaVPCAccessExecutionRole", "service-role/AWSLambdaVpcAccess", "AmazonSSMManagedInstance"):
            self.assertFalse(is_managed(f"arn:aws:iam::aws:policy/{name}"))
        self.assertFalse(is_managed("arn:aws:iam::111122223333:policy/AmazonSSMManagedInstanceCore"))


if __name__ == "__main__":
    unittest.main()
