#!/usr/bin/env python3
"""Writes models/*.txt, the tables that drive the wire, from botocore's service models.

    pip install botocore && python3 generate.py

To add an operation, add its name below and run this again. Services stand by botocore's name for them, tables
by the name that requests are signed for. The tables hold names, types and constraints of what the listed
operations reach, in the format that table.rs describes.
"""

import gzip
import json
import re
from pathlib import Path

import botocore

SERVICES = {
    "ec2": (
        "2016-11-15",
        """
        CreateVpc DeleteVpc DescribeVpcs ModifyVpcAttribute DescribeVpcAttribute
        CreateSubnet DeleteSubnet DescribeSubnets ModifySubnetAttribute
        CreateRouteTable DeleteRouteTable DescribeRouteTables CreateRoute ReplaceRoute DeleteRoute
        AssociateRouteTable DisassociateRouteTable ReplaceRouteTableAssociation
        CreateSecurityGroup DeleteSecurityGroup DescribeSecurityGroups DescribeSecurityGroupRules
        AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress
        RevokeSecurityGroupIngress RevokeSecurityGroupEgress ModifySecurityGroupRules
        UpdateSecurityGroupRuleDescriptionsIngress UpdateSecurityGroupRuleDescriptionsEgress
        CreateVpcPeeringConnection AcceptVpcPeeringConnection RejectVpcPeeringConnection
        DeleteVpcPeeringConnection DescribeVpcPeeringConnections ModifyVpcPeeringConnectionOptions
        CreateInternetGateway DeleteInternetGateway AttachInternetGateway DetachInternetGateway
        DescribeInternetGateways
        CreateTags DeleteTags DescribeTags
        DescribeAvailabilityZones DescribeRegions DescribeNetworkAcls DescribeNetworkInterfaces
        DescribeAccountAttributes
        CreateNetworkAcl DeleteNetworkAcl ReplaceNetworkAclAssociation
        CreateNetworkAclEntry ReplaceNetworkAclEntry DeleteNetworkAclEntry
        CreateNetworkInterface DeleteNetworkInterface ModifyNetworkInterfaceAttribute
        DescribeNetworkInterfaceAttribute DetachNetworkInterface
        CreateDhcpOptions DeleteDhcpOptions AssociateDhcpOptions DescribeDhcpOptions
        AllocateAddress ReleaseAddress DescribeAddresses AssociateAddress DisassociateAddress
        CreateNatGateway DeleteNatGateway DescribeNatGateways
        CreateVpcEndpoint ModifyVpcEndpoint DeleteVpcEndpoints DescribeVpcEndpoints
        DescribeVpcEndpointServices DescribePrefixLists DescribeManagedPrefixLists
        GetManagedPrefixListEntries
        ImportKeyPair CreateKeyPair DeleteKeyPair DescribeKeyPairs DescribeImages
        RunInstances TerminateInstances StopInstances StartInstances RebootInstances
        DescribeInstances DescribeInstanceStatus DescribeInstanceAttribute
        ModifyInstanceAttribute ResetInstanceAttribute ModifyInstanceMetadataOptions
        MonitorInstances UnmonitorInstances GetPasswordData GetConsoleOutput
        DescribeInstanceTypeOfferings DescribeInstanceTypes
        AssociateIamInstanceProfile DisassociateIamInstanceProfile
        ReplaceIamInstanceProfileAssociation DescribeIamInstanceProfileAssociations
        CreateVolume DeleteVolume DescribeVolumes ModifyVolume DetachVolume
        """,
    ),
    "iam": (
        "2010-05-08",
        """
        CreateRole GetRole ListRoles DeleteRole UpdateRole UpdateRoleDescription
        UpdateAssumeRolePolicy
        PutRolePolicy GetRolePolicy ListRolePolicies DeleteRolePolicy
        AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies
        TagRole UntagRole ListRoleTags
        PutRolePermissionsBoundary DeleteRolePermissionsBoundary
        GetPolicy GetPolicyVersion ListPolicies CreatePolicy DeletePolicy
        CreateInstanceProfile GetInstanceProfile ListInstanceProfiles DeleteInstanceProfile
        AddRoleToInstanceProfile RemoveRoleFromInstanceProfile ListInstanceProfilesForRole
        TagInstanceProfile UntagInstanceProfile ListInstanceProfileTags
        SimulatePrincipalPolicy SimulateCustomPolicy
        """,
    ),
    "ssm": (
        "2014-11-06",
        """
        PutParameter GetParameter GetParameters GetParametersByPath
        DeleteParameter DeleteParameters DescribeParameters
        AddTagsToResource RemoveTagsFromResource ListTagsForResource
        """,
    ),
    "route53resolver": (
        "2018-04-01",
        """
        CreateResolverEndpoint GetResolverEndpoint ListResolverEndpoints UpdateResolverEndpoint
        DeleteResolverEndpoint ListResolverEndpointIpAddresses
        AssociateResolverEndpointIpAddress DisassociateResolverEndpointIpAddress
        CreateResolverRule GetResolverRule ListResolverRules UpdateResolverRule DeleteResolverRule
        AssociateResolverRule DisassociateResolverRule GetResolverRuleAssociation
        ListResolverRuleAssociations
        TagResource UntagResource ListTagsForResource
        """,
    ),
    "sagemaker": (
        "2017-07-24",
        """
        CreateDomain DescribeDomain UpdateDomain DeleteDomain ListDomains
        CreateUserProfile DescribeUserProfile UpdateUserProfile DeleteUserProfile ListUserProfiles
        CreateSpace DescribeSpace UpdateSpace DeleteSpace ListSpaces
        CreateApp DescribeApp DeleteApp ListApps
        CreatePresignedDomainUrl
        AddTags DeleteTags ListTags
        """,
    ),
    "dynamodb": (
        "2012-08-10",
        """
        CreateTable DescribeTable UpdateTable DeleteTable ListTables
        PutItem GetItem DeleteItem UpdateItem Scan Query BatchGetItem BatchWriteItem
        DescribeContinuousBackups UpdateContinuousBackups DescribeTimeToLive
        TagResource UntagResource ListTagsOfResource
        """,
    ),
    "cognito-idp": (
        "2016-04-18",
        """
        CreateUserPool DescribeUserPool UpdateUserPool DeleteUserPool ListUserPools
        CreateUserPoolClient DescribeUserPoolClient UpdateUserPoolClient DeleteUserPoolClient
        ListUserPoolClients
        CreateUserPoolDomain DescribeUserPoolDomain DeleteUserPoolDomain
        AdminCreateUser AdminGetUser AdminDeleteUser AdminSetUserPassword AdminDisableUser
        AdminEnableUser AdminUpdateUserAttributes AdminInitiateAuth ListUsers
        InitiateAuth RespondToAuthChallenge GetUserPoolMfaConfig SetUserPoolMfaConfig
        TagResource UntagResource ListTagsForResource
        """,
    ),
    "logs": (
        "2014-03-28",
        """
        CreateLogGroup DescribeLogGroups DeleteLogGroup
        PutRetentionPolicy DeleteRetentionPolicy
        CreateLogStream DescribeLogStreams DeleteLogStream PutLogEvents GetLogEvents FilterLogEvents
        TagResource UntagResource ListTagsForResource ListTagsLogGroup TagLogGroup UntagLogGroup
        """,
    ),
    "sts": ("2011-06-15", "GetCallerIdentity"),
    "lambda": (
        "2015-03-31",
        """
        CreateFunction GetFunction GetFunctionConfiguration UpdateFunctionCode
        UpdateFunctionConfiguration DeleteFunction ListFunctions ListVersionsByFunction
        AddPermission RemovePermission GetPolicy Invoke
        PutFunctionConcurrency GetFunctionConcurrency DeleteFunctionConcurrency GetAccountSettings
        TagResource UntagResource ListTags
        """,
    ),
    "apigateway": (
        "2015-07-09",
        """
        CreateRestApi GetRestApi GetRestApis UpdateRestApi DeleteRestApi
        CreateResource GetResource GetResources UpdateResource DeleteResource
        PutMethod GetMethod UpdateMethod DeleteMethod
        PutMethodResponse GetMethodResponse DeleteMethodResponse
        PutIntegration GetIntegration UpdateIntegration DeleteIntegration
        PutIntegrationResponse GetIntegrationResponse DeleteIntegrationResponse
        CreateAuthorizer GetAuthorizer GetAuthorizers UpdateAuthorizer DeleteAuthorizer
        CreateDeployment GetDeployment GetDeployments UpdateDeployment DeleteDeployment
        CreateStage GetStage GetStages UpdateStage DeleteStage
        PutGatewayResponse GetGatewayResponse GetGatewayResponses DeleteGatewayResponse
        TagResource UntagResource GetTags GetAccount
        """,
    ),
    "efs": (
        "2015-02-01",
        """
        CreateFileSystem DescribeFileSystems UpdateFileSystem DeleteFileSystem
        CreateMountTarget DescribeMountTargets DeleteMountTarget
        DescribeMountTargetSecurityGroups ModifyMountTargetSecurityGroups
        TagResource UntagResource ListTagsForResource
        """,
    ),
    "route53": (
        "2013-04-01",
        """
        CreateHostedZone GetHostedZone ListHostedZones ListHostedZonesByName ListHostedZonesByVPC
        DeleteHostedZone UpdateHostedZoneComment GetHostedZoneCount
        ChangeResourceRecordSets ListResourceRecordSets GetChange
        AssociateVPCWithHostedZone DisassociateVPCFromHostedZone
        ChangeTagsForResource ListTagsForResource ListTagsForResources
        """,
    ),
}

# What AWS's models have by now and those of the pinned botocore lack.
NEWER = {
    "sagemaker": {
        "HomeEfsFileSystemCreation": {"type": "string", "enum": ["Enabled", "Disabled"]},
        **{
            structure: {"members": {"HomeEfsFileSystemCreation": {"shape": "HomeEfsFileSystemCreation"}}}
            for structure in ("CreateDomainRequest", "UpdateDomainRequest", "DescribeDomainResponse")
        },
    },
}

SCALARS = {
    "string": "string",
    "integer": "integer",
    "long": "long",
    "float": "double",
    "double": "double",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "blob": "blob",
}

# What a model may say and the tables can't, yet.
UNSAID = {"streaming", "timestampFormat", "xmlAttribute", "eventstream", "jsonvalue", "document"}

# Where a member of a REST protocol stands, and the types that it may have there.
PLACES = {
    "uri": ("path", {"string", "integer"}),
    "querystring": ("query", {"string", "integer", "boolean", "list"}),
    "header": ("header", {"string", "integer"}),
    "statusCode": ("status", {"integer"}),
}

# The members of an error that the wire fills in.
ERROR_MEMBERS = ["Type", "ErrorCode", "Message", "message"]


class Table:
    """One service's table, built from the operations it is asked for."""

    def __init__(self, model, operations):
        self.metadata = model["metadata"]
        self.name = self.metadata.get("signingName", self.metadata["endpointPrefix"])
        self.protocol = self.metadata["protocol"]
        self.operations = model["operations"]
        self.shapes = model["shapes"]
        self.listed = sorted(operations.split())
        self.inputs = self.reached("input")
        self.outputs = self.reached("output")

    def reached(self, side):
        """The names of all shapes below the listed operations' inputs or outputs."""
        todo = [self.operations[name][side]["shape"] for name in self.listed if side in self.operations[name]]
        done = set()
        while todo:
            name = todo.pop()
            if name not in done:
                done.add(name)
                shape = self.shapes[name]
                references = list(shape.get("members", {}).values())
                references += [shape[part] for part in ("member", "key", "value") if part in shape]
                todo += [reference["shape"] for reference in references]
                for part in [shape, *references]:
                    if unsaid := UNSAID & part.keys():
                        raise SystemExit(f"{name} has {unsaid}, which the tables can't say")
        return done

    def type_name(self, name):
        """A shape's name, or its bare type where there is nothing more to say."""
        shape = self.shapes[name]
        bare = shape["type"] in SCALARS and not self.constraints(name)
        return SCALARS[shape["type"]] if bare else name

    def constraints(self, name):
        """What a request's value must satisfy; answers aren't checked."""
        shape = self.shapes[name]
        if name not in self.inputs:
            return []
        words = [f"{limit}={int(shape[limit])}" for limit in ("min", "max") if limit in shape]
        if "enum" in shape:
            words.append("enum=" + ",".join(shape["enum"]))
        # The tables' expressions have no look-around: the world refuses what these would. Spaces part words.
        if "pattern" in shape and not re.search(r"\(\?<?[!=]", shape["pattern"]):
            words.append("pattern=" + shape["pattern"].replace(" ", r"\x20"))
        return words

    def member(self, structure, name, reference):
        words = [name, self.type_name(reference["shape"])]
        if place := self.place(structure, name, reference):
            words.append(f"in={place}")
        if structure in self.inputs:
            if name in self.shapes[structure].get("required", []):
                words.append("required")
            words += self.renamed("request", name, self.request_name(name, reference))
        if structure in self.outputs:
            words += self.renamed("response", name, self.wire_name(name, reference))
        return " ".join(words)

    def place(self, structure, name, reference):
        """Where a member stands if not in the body among the others."""
        payload = self.shapes[structure].get("payload")
        if payload == name and self.protocol == "rest-json":
            return "payload"
        if not payload and "location" not in reference:
            return None
        place, kinds = PLACES.get(reference.get("location"), (None, set()))
        if self.shapes[reference["shape"]]["type"] not in kinds:
            raise SystemExit(f"{structure} has {name} at a place that the tables can't say")
        return place

    def renamed(self, key, name, wire):
        return [f"{key}={wire}"] if wire != name else []

    def request_name(self, name, reference):
        if self.protocol != "ec2":
            return self.wire_name(name, reference)
        wire = reference.get("locationName", name)
        return reference.get("queryName", wire[0].upper() + wire[1:])

    def wire_name(self, name, reference):
        shape = self.shapes[reference["shape"]]
        if shape.get("flattened"):
            return shape["member"].get("locationName", reference.get("locationName", name))
        return reference.get("locationName", name)

    def shape(self, name):
        """The lines that define a shape."""
        shape = self.shapes[name]
        kind = shape["type"]
        flat = ["flat"] if shape.get("flattened") else []
        if self.protocol == "rest-xml" and (flat or kind == "map"):
            raise SystemExit(f"{name} is flat or a map, which no request of rest-xml had so far")
        if kind == "structure":
            members = [f"  {self.member(name, *item)}" for item in shape["members"].items()]
            return [f"structure {name}", *members]
        if kind == "list":
            words = ["list", name, self.type_name(shape["member"]["shape"])]
            item = shape["member"].get("locationName", "member")
            if self.protocol in ("query", "rest-xml") and item != "member" and not flat:
                words.append(f"item={item}")
            if self.protocol == "ec2" and item != "item" and name in self.outputs:
                words.append(f"item={item}")
            return [" ".join([*words, *flat, *self.constraints(name)])]
        if kind == "map":
            sides = [self.type_name(shape[side]["shape"]) for side in ("key", "value")]
            return [" ".join(["map", name, *sides, *flat])]
        return [" ".join([SCALARS[kind], name, *self.constraints(name)])]

    def operation(self, name):
        """An operation's line."""
        operation = self.operations[name]
        input, output = (operation.get(side, {}) for side in ("input", "output"))
        root, answer = input.get("locationName", f"{name}Request"), output.get("shape", f"{name}Response")
        if output.get("resultWrapper", f"{name}Result") != f"{name}Result" or (
            self.protocol == "rest-xml" and (root, answer) != (f"{name}Request", f"{name}Response")
        ):
            raise SystemExit(f"{name} has elements of other names, which the tables can't say")
        words = ["operation", name, input.get("shape", "-"), output.get("shape", "-")]
        status = operation["http"].get("responseCode", 200)
        if status != 200:
            words.append(f"status={status}")
        if operation.get("authtype") == "none":
            words.append("unsigned")
        return " ".join(words)

    def namespace(self):
        """The XML namespace of answers."""
        inputs = [operation.get("input", {}) for operation in self.operations.values()]
        uris = [input["xmlNamespace"]["uri"] for input in inputs if "xmlNamespace" in input]
        return self.metadata.get("xmlNamespace", *uris[:1]).rstrip("/") + "/"

    def errors(self):
        """Lines for the errors that say more than that the caller is at fault."""
        shapes = {error["shape"] for name in self.listed for error in self.operations[name].get("errors", [])}
        for name in sorted(shapes):
            error = self.shapes[name].get("error", {})
            words = [error.get("code", name), str(error.get("httpStatusCode", 400))]
            if self.protocol == "rest-json":
                words += [member for member in ERROR_MEMBERS if member in self.shapes[name]["members"]]
            if words[1:] != ["400"]:
                yield " ".join(["error", *words])

    def lines(self):
        yield f"# Written by generate.py from the service models of botocore {botocore.__version__}."
        yield f"service {self.name}"
        yield f"protocol {self.protocol}"
        yield f"version {self.metadata['apiVersion']}"
        if self.protocol == "json":
            yield f"target {self.metadata['targetPrefix']}"
            yield f"json {self.metadata['jsonVersion']}"
        elif self.protocol != "rest-json":
            yield f"namespace {self.namespace()}"
        yield "unlisted " + " ".join(sorted(set(self.operations) - set(self.listed)))
        if self.protocol.startswith("rest-"):
            for name, operation in sorted(self.operations.items()):
                yield f"route {name} {operation['http']['method']} {operation['http']['requestUri']}"
        for name in self.listed:
            yield self.operation(name)
        yield from self.errors()
        for name in sorted(self.inputs | self.outputs):
            if self.type_name(name) == name:
                yield from self.shape(name)


def main():
    here = Path(__file__).resolve().parent
    models = Path(botocore.__file__).parent / "data"
    for service, (version, operations) in SERVICES.items():
        with gzip.open(models / service / version / "service-2.json.gz") as file:
            model = json.load(file)
        for name, shape in NEWER.get(service, {}).items():
            known = model["shapes"].setdefault(name, shape)
            known.get("members", {}).update(shape.get("members", {}))
        table = Table(model, operations)
        (here / "models" / f"{table.name}.txt").write_text("\n".join(table.lines()) + "\n")


if __name__ == "__main__":
    main()
