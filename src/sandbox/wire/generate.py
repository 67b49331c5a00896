#!/usr/bin/env python3
"""Writes models/*.txt, the tables that drive the wire, from botocore's service models.

    pip install botocore && python3 generate.py

To add an operation, add its name below and run this again. The tables hold names, types and
constraints of what the listed operations reach, in the format that table.rs describes.
"""

import gzip
import json
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
    "sts": ("2011-06-15", "GetCallerIdentity"),
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
UNSAID = {"location", "streaming", "timestampFormat", "xmlAttribute", "eventstream", "jsonvalue", "document"}


class Table:
    """One service's table, built from the operations it is asked for."""

    def __init__(self, model, operations):
        self.metadata = model["metadata"]
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
        words = [f"{limit}={shape[limit]}" for limit in ("min", "max") if limit in shape]
        if "enum" in shape:
            words.append("enum=" + ",".join(shape["enum"]))
        # The tables' expressions have no look-ahead: the world refuses what these would. Spaces part words.
        if "pattern" in shape and "(?!" not in shape["pattern"]:
            words.append("pattern=" + shape["pattern"].replace(" ", r"\x20"))
        return words

    def member(self, structure, name, reference):
        words = [name, self.type_name(reference["shape"])]
        if structure in self.inputs:
            if name in self.shapes[structure].get("required", []):
                words.append("required")
            words += self.renamed("request", name, self.request_name(name, reference))
        if structure in self.outputs:
            words += self.renamed("response", name, self.wire_name(name, reference))
        return " ".join(words)

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
        if kind == "structure":
            members = [f"  {self.member(name, *item)}" for item in shape["members"].items()]
            return [f"structure {name}", *members]
        if kind == "list":
            words = ["list", name, self.type_name(shape["member"]["shape"])]
            item = shape["member"].get("locationName", "member")
            if self.protocol == "query" and item != "member" and not flat:
                words.append(f"item={item}")
            if self.protocol == "ec2" and item != "item" and name in self.outputs:
                words.append(f"item={item}")
            return [" ".join([*words, *flat, *self.constraints(name)])]
        if kind == "map":
            sides = [self.type_name(shape[side]["shape"]) for side in ("key", "value")]
            return [" ".join(["map", name, *sides, *flat])]
        return [" ".join([SCALARS[kind], name, *self.constraints(name)])]

    def lines(self, service):
        yield f"# Written by generate.py from the service models of botocore {botocore.__version__}."
        yield f"service {service}"
        yield f"protocol {self.protocol}"
        yield f"version {self.metadata['apiVersion']}"
        if self.protocol == "json":
            yield f"target {self.metadata['targetPrefix']}"
            yield f"json {self.metadata['jsonVersion']}"
        else:
            yield f"namespace {self.metadata['xmlNamespace'].rstrip('/')}/"
        yield "unlisted " + " ".join(sorted(set(self.operations) - set(self.listed)))
        for name in self.listed:
            operation = self.operations[name]
            if operation.get("output", {}).get("resultWrapper", f"{name}Result") != f"{name}Result":
                raise SystemExit(f"{name} wraps its result in another name, which the tables can't say")
            sides = [operation.get(side, {}).get("shape", "-") for side in ("input", "output")]
            yield " ".join(["operation", name, *sides])
        for name in sorted(self.inputs | self.outputs):
            if self.type_name(name) == name:
                yield from self.shape(name)


def main():
    here = Path(__file__).resolve().parent
    models = Path(botocore.__file__).parent / "data"
    for service, (version, operations) in SERVICES.items():
        with gzip.open(models / service / version / "service-2.json.gz") as file:
            table = Table(json.load(file), operations)
        (here / "models" / f"{service}.txt").write_text("\n".join(table.lines(service)) + "\n")


if __name__ == "__main__":
    main()
