//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>

use super::When::{Always, Has, If as When};
use super::{Call, If, Need, Service, here, look, named, need, new, ours, wide, work};
use crate::resource::Kind::*;
use crate::resource::security_group_rule::Direction;

pub(super) const CALLS: Service = Service { name: "ec2", arn: "ec2:{region}:{account}:", calls: ALL };

pub(super) const NO_TAG: &str = "AWS's own interfaces of resolver endpoints, functions and file systems carry no tag of the \
                                 lab's. One that is in use can't be deleted.";
const ANY_INSTANCE: &str = "Whatever stands in the lab's VPCs is asked whether it can be terminated, whoever made it. By the same \
                            permission an instance's user data can be read.";
const THEIR_ADDRESS: &str = "An address that somebody gave to a host of the lab by hand may be anyone's; the host's interface \
                             must be the lab's.";
const HOME_GROUPS: &str = "SageMaker makes the security groups of a domain's file system without the lab's tag. They get it so \
                           that they are found when the domain is gone.";

/// Tags in a create call.
const fn tagged(on: &'static [&'static str]) -> Need {
    need("ec2:CreateTags", on, If::Tagging)
}

/// Tags of what stands already, where those of the plan changed.
const fn retagged(on: &'static [&'static str]) -> Need {
    need("ec2:CreateTags", on, If::Retagging)
}

const ALL: &[Call] = &[
    look("DescribeAddresses", Always, &[here("ec2:DescribeAddresses")]),
    look("DescribeAvailabilityZones", Always, &[here("ec2:DescribeAvailabilityZones")]),
    look("DescribeDhcpOptions", Always, &[here("ec2:DescribeDhcpOptions")]),
    look(
        "DescribeInstanceAttribute",
        Always,
        &[wide("ec2:DescribeInstanceAttribute", &["instance/*"], If::Named, ANY_INSTANCE)],
    ),
    look("DescribeInstanceTypeOfferings", Has(&[Instance]), &[here("ec2:DescribeInstanceTypeOfferings")]),
    look("DescribeInstances", Always, &[here("ec2:DescribeInstances")]),
    look("DescribeInternetGateways", Always, &[here("ec2:DescribeInternetGateways")]),
    look("DescribeKeyPairs", Always, &[here("ec2:DescribeKeyPairs")]),
    look("DescribeNatGateways", Always, &[here("ec2:DescribeNatGateways")]),
    look("DescribeNetworkAcls", Always, &[here("ec2:DescribeNetworkAcls")]),
    look("DescribeNetworkInterfaces", Always, &[here("ec2:DescribeNetworkInterfaces")]),
    look("DescribeRouteTables", Always, &[here("ec2:DescribeRouteTables")]),
    look("DescribeSecurityGroupRules", Always, &[here("ec2:DescribeSecurityGroupRules")]),
    look("DescribeSecurityGroups", Always, &[here("ec2:DescribeSecurityGroups")]),
    look("DescribeSubnets", Always, &[here("ec2:DescribeSubnets")]),
    look("DescribeTags", Always, &[here("ec2:DescribeTags")]),
    look("DescribeVolumes", Always, &[here("ec2:DescribeVolumes")]),
    look("DescribeVpcAttribute", Always, &[named("ec2:DescribeVpcAttribute", &["vpc/*"])]),
    look("DescribeVpcEndpointServices", Has(&[InterfaceEndpoint]), &[here("ec2:DescribeVpcEndpointServices")]),
    look("DescribeVpcEndpoints", Always, &[here("ec2:DescribeVpcEndpoints")]),
    look("DescribeVpcPeeringConnections", Always, &[here("ec2:DescribeVpcPeeringConnections")]),
    look("DescribeVpcs", Always, &[here("ec2:DescribeVpcs")]),
    // VPCs and what they consist of.
    work("CreateVpc", Has(&[Vpc]), &[new("ec2:CreateVpc", &["vpc/*"]), tagged(&["vpc/*"])]),
    work("ModifyVpcAttribute", Has(&[Vpc]), &[ours("ec2:ModifyVpcAttribute", &["vpc/*"])]),
    work("DeleteVpc", Has(&[Vpc]), &[ours("ec2:DeleteVpc", &["vpc/*"])]),
    work("CreateTags", Has(&[Vpc]), &[retagged(&["vpc/*"])]),
    work(
        "CreateSubnet",
        Has(&[Subnet]),
        &[new("ec2:CreateSubnet", &["subnet/*"]), ours("ec2:CreateSubnet", &["vpc/*"]), tagged(&["subnet/*"])],
    ),
    work("ModifySubnetAttribute", Has(&[Subnet]), &[ours("ec2:ModifySubnetAttribute", &["subnet/*"])]),
    work("DeleteSubnet", Has(&[Subnet]), &[ours("ec2:DeleteSubnet", &["subnet/*"])]),
    work("CreateTags", Has(&[Subnet]), &[retagged(&["subnet/*"])]),
    work(
        "CreateRouteTable",
        Has(&[RouteTable]),
        &[
            new("ec2:CreateRouteTable", &["route-table/*"]),
            ours("ec2:CreateRouteTable", &["vpc/*"]),
            tagged(&["route-table/*"]),
        ],
    ),
    work("DeleteRouteTable", Has(&[RouteTable]), &[ours("ec2:DeleteRouteTable", &["route-table/*"])]),
    work("CreateTags", Has(&[RouteTable]), &[retagged(&["route-table/*"])]),
    work(
        "AssociateRouteTable",
        Has(&[RouteTableAssociation]),
        &[ours("ec2:AssociateRouteTable", &["route-table/*", "subnet/*"])],
    ),
    work(
        "ReplaceRouteTableAssociation",
        Has(&[RouteTableAssociation]),
        &[ours("ec2:ReplaceRouteTableAssociation", &["route-table/*", "subnet/*"])],
    ),
    work(
        "DisassociateRouteTable",
        Has(&[RouteTableAssociation]),
        &[ours("ec2:DisassociateRouteTable", &["route-table/*", "subnet/*"])],
    ),
    work("CreateRoute", Has(&[Route]), &[ours("ec2:CreateRoute", &["route-table/*"])]),
    work("ReplaceRoute", Has(&[Route]), &[ours("ec2:ReplaceRoute", &["route-table/*"])]),
    work("DeleteRoute", Has(&[RouteTable]), &[ours("ec2:DeleteRoute", &["route-table/*"])]),
    work(
        "CreateDhcpOptions",
        Has(&[DhcpOptions]),
        &[new("ec2:CreateDhcpOptions", &["dhcp-options/*"]), tagged(&["dhcp-options/*"])],
    ),
    work(
        "AssociateDhcpOptions",
        Has(&[Vpc]),
        // AWS's own set has this name and no tags.
        &[ours("ec2:AssociateDhcpOptions", &["vpc/*"]), named("ec2:AssociateDhcpOptions", &["dhcp-options/default"])],
    ),
    work("AssociateDhcpOptions", Has(&[DhcpOptions]), &[ours("ec2:AssociateDhcpOptions", &["dhcp-options/*"])]),
    work("DeleteDhcpOptions", Has(&[DhcpOptions]), &[ours("ec2:DeleteDhcpOptions", &["dhcp-options/*"])]),
    work("CreateTags", Has(&[DhcpOptions]), &[retagged(&["dhcp-options/*"])]),
    // Whoever put the lab's tag on one wants it gone with the lab.
    work("DeleteNetworkAcl", Has(&[Vpc]), &[ours("ec2:DeleteNetworkAcl", &["network-acl/*"])]),
    work(
        "DeleteNetworkInterface",
        Has(&[Function]),
        &[wide("ec2:DeleteNetworkInterface", &["network-interface/*"], If::Named, NO_TAG)],
    ),
    // Security groups.
    work(
        "CreateSecurityGroup",
        Has(&[SecurityGroup]),
        &[
            new("ec2:CreateSecurityGroup", &["security-group/*"]),
            ours("ec2:CreateSecurityGroup", &["vpc/*"]),
            tagged(&["security-group/*"]),
        ],
    ),
    work("DeleteSecurityGroup", Has(&[SecurityGroup]), &[ours("ec2:DeleteSecurityGroup", &["security-group/*"])]),
    work("CreateTags", Has(&[SecurityGroup]), &[retagged(&["security-group/*"])]),
    work(
        "CreateTags",
        When(|lab| lab.homes()),
        &[wide("ec2:CreateTags", &["security-group/*"], If::OfDomain, HOME_GROUPS)],
    ),
    work(
        "AuthorizeSecurityGroupIngress",
        When(|lab| lab.rules(Direction::Ingress)),
        &[
            new("ec2:AuthorizeSecurityGroupIngress", &["security-group-rule/*"]),
            ours("ec2:AuthorizeSecurityGroupIngress", &["security-group/*"]),
            tagged(&["security-group-rule/*"]),
        ],
    ),
    work(
        "AuthorizeSecurityGroupEgress",
        When(|lab| lab.rules(Direction::Egress)),
        &[
            new("ec2:AuthorizeSecurityGroupEgress", &["security-group-rule/*"]),
            ours("ec2:AuthorizeSecurityGroupEgress", &["security-group/*"]),
            tagged(&["security-group-rule/*"]),
        ],
    ),
    work(
        "ModifySecurityGroupRules",
        Has(&[SecurityGroupRule]),
        &[ours("ec2:ModifySecurityGroupRules", &["security-group/*", "security-group-rule/*"])],
    ),
    work(
        "RevokeSecurityGroupIngress",
        Has(&[SecurityGroup]),
        &[ours("ec2:RevokeSecurityGroupIngress", &["security-group/*"])],
    ),
    work(
        "RevokeSecurityGroupEgress",
        Has(&[SecurityGroup]),
        &[ours("ec2:RevokeSecurityGroupEgress", &["security-group/*"])],
    ),
    work("CreateTags", Has(&[SecurityGroupRule]), &[retagged(&["security-group-rule/*"])]),
    // Ways in and out.
    work(
        "CreateVpcPeeringConnection",
        Has(&[VpcPeeringConnection]),
        &[
            new("ec2:CreateVpcPeeringConnection", &["vpc-peering-connection/*"]),
            ours("ec2:CreateVpcPeeringConnection", &["vpc/*"]),
            tagged(&["vpc-peering-connection/*"]),
        ],
    ),
    work(
        "AcceptVpcPeeringConnection",
        Has(&[VpcPeeringConnection]),
        &[ours("ec2:AcceptVpcPeeringConnection", &["vpc-peering-connection/*", "vpc/*"])],
    ),
    work(
        "DeleteVpcPeeringConnection",
        Has(&[VpcPeeringConnection]),
        &[ours("ec2:DeleteVpcPeeringConnection", &["vpc-peering-connection/*"])],
    ),
    work("CreateTags", Has(&[VpcPeeringConnection]), &[retagged(&["vpc-peering-connection/*"])]),
    work(
        "CreateInternetGateway",
        Has(&[InternetGateway]),
        &[new("ec2:CreateInternetGateway", &["internet-gateway/*"]), tagged(&["internet-gateway/*"])],
    ),
    work(
        "AttachInternetGateway",
        Has(&[InternetGateway]),
        &[ours("ec2:AttachInternetGateway", &["internet-gateway/*", "vpc/*"])],
    ),
    work(
        "DetachInternetGateway",
        Has(&[InternetGateway]),
        &[ours("ec2:DetachInternetGateway", &["internet-gateway/*", "vpc/*"])],
    ),
    work(
        "DeleteInternetGateway",
        Has(&[InternetGateway]),
        &[ours("ec2:DeleteInternetGateway", &["internet-gateway/*"])],
    ),
    work("CreateTags", Has(&[InternetGateway]), &[retagged(&["internet-gateway/*"])]),
    work(
        "AllocateAddress",
        Has(&[ElasticIp]),
        &[new("ec2:AllocateAddress", &["elastic-ip/*"]), tagged(&["elastic-ip/*"])],
    ),
    work("ReleaseAddress", Has(&[ElasticIp]), &[ours("ec2:ReleaseAddress", &["elastic-ip/*"])]),
    work("CreateTags", Has(&[ElasticIp]), &[retagged(&["elastic-ip/*"])]),
    work(
        "CreateNatGateway",
        Has(&[NatGateway]),
        &[
            new("ec2:CreateNatGateway", &["natgateway/*"]),
            ours("ec2:CreateNatGateway", &["elastic-ip/*", "subnet/*"]),
            tagged(&["natgateway/*"]),
        ],
    ),
    work("DeleteNatGateway", Has(&[NatGateway]), &[ours("ec2:DeleteNatGateway", &["natgateway/*"])]),
    work("CreateTags", Has(&[NatGateway]), &[retagged(&["natgateway/*"])]),
    work(
        "CreateVpcEndpoint",
        Has(&[InterfaceEndpoint]),
        &[
            new("ec2:CreateVpcEndpoint", &["vpc-endpoint/*"]),
            ours("ec2:CreateVpcEndpoint", &["security-group/*", "subnet/*", "vpc/*"]),
            tagged(&["vpc-endpoint/*"]),
        ],
    ),
    work(
        "CreateVpcEndpoint",
        Has(&[GatewayEndpoint]),
        &[
            new("ec2:CreateVpcEndpoint", &["vpc-endpoint/*"]),
            ours("ec2:CreateVpcEndpoint", &["route-table/*", "vpc/*"]),
            tagged(&["vpc-endpoint/*"]),
        ],
    ),
    // The zone with the private names is AWS's own.
    work(
        "CreateVpcEndpoint",
        When(|lab| lab.private_dns()),
        &[need("route53:AssociateVPCWithHostedZone", &["*"], If::VpcsHere)],
    ),
    work(
        "ModifyVpcEndpoint",
        Has(&[InterfaceEndpoint]),
        &[ours("ec2:ModifyVpcEndpoint", &["security-group/*", "subnet/*", "vpc-endpoint/*"])],
    ),
    work(
        "ModifyVpcEndpoint",
        Has(&[GatewayEndpoint]),
        &[ours("ec2:ModifyVpcEndpoint", &["route-table/*", "vpc-endpoint/*"])],
    ),
    work(
        "DeleteVpcEndpoints",
        Has(&[GatewayEndpoint, InterfaceEndpoint]),
        &[ours("ec2:DeleteVpcEndpoints", &["vpc-endpoint/*"])],
    ),
    work("CreateTags", Has(&[GatewayEndpoint, InterfaceEndpoint]), &[retagged(&["vpc-endpoint/*"])]),
    // Hosts.
    work(
        "ImportKeyPair",
        Has(&[KeyPair]),
        &[new("ec2:ImportKeyPair", &["key-pair/{key_pair}"]), tagged(&["key-pair/{key_pair}"])],
    ),
    work("DeleteKeyPair", Has(&[KeyPair]), &[ours("ec2:DeleteKeyPair", &["key-pair/{key_pair}"])]),
    work("CreateTags", Has(&[KeyPair]), &[retagged(&["key-pair/{key_pair}"])]),
    work("GetPasswordData", Has(&[KeyPair]), &[ours("ec2:GetPasswordData", &["instance/*"])]),
    work("DescribeImages", Has(&[Instance]), &[here("ec2:DescribeImages")]),
    work(
        "RunInstances",
        Has(&[Instance]),
        &[
            new("ec2:RunInstances", &["instance/*", "network-interface/*", "volume/*"]),
            ours("ec2:RunInstances", &["security-group/*", "subnet/*"]),
            need("ec2:RunInstances", &["=ec2:{region}::image/{chosen_image}"], If::Amazons),
            need("ec2:RunInstances", &["=ec2:{region}::image/{image}"], If::Pinned),
            tagged(&["instance/*", "network-interface/*", "volume/*"]),
            need("iam:PassRole", &["=iam::{account}:role{role_of_ec2}"], If::PassedTo("ec2")),
            // With a key of the plan's: <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html>.
            need("kms:CreateGrant", &["={kms_key}"], If::ForVolumes),
            need("kms:Decrypt", &["={kms_key}"], If::ForVolumes),
            need("kms:DescribeKey", &["={kms_key}"], If::ForVolumes),
            need("kms:GenerateDataKeyWithoutPlaintext", &["={kms_key}"], If::ForVolumes),
            need("kms:ReEncryptFrom", &["={kms_key}"], If::ForVolumes),
            need("kms:ReEncryptTo", &["={kms_key}"], If::ForVolumes),
        ],
    ),
    work("RunInstances", Has(&[KeyPair]), &[ours("ec2:RunInstances", &["key-pair/{key_pair}"])]),
    work(
        "ModifyInstanceAttribute",
        Has(&[Instance]),
        &[ours("ec2:ModifyInstanceAttribute", &["instance/*", "security-group/*"])],
    ),
    work(
        "ModifyInstanceMetadataOptions",
        Has(&[Instance]),
        &[ours("ec2:ModifyInstanceMetadataOptions", &["instance/*"])],
    ),
    work(
        "DescribeIamInstanceProfileAssociations",
        Has(&[Instance]),
        &[here("ec2:DescribeIamInstanceProfileAssociations")],
    ),
    work(
        "AssociateIamInstanceProfile",
        Has(&[InstanceProfile]),
        &[
            ours("ec2:AssociateIamInstanceProfile", &["instance/*"]),
            need("iam:PassRole", &["=iam::{account}:role{role_of_ec2}"], If::PassedTo("ec2")),
        ],
    ),
    work(
        "ReplaceIamInstanceProfileAssociation",
        Has(&[InstanceProfile]),
        &[
            ours("ec2:ReplaceIamInstanceProfileAssociation", &["instance/*"]),
            need("iam:PassRole", &["=iam::{account}:role{role_of_ec2}"], If::PassedTo("ec2")),
        ],
    ),
    work(
        "DisassociateIamInstanceProfile",
        Has(&[Instance]),
        &[ours("ec2:DisassociateIamInstanceProfile", &["instance/*"])],
    ),
    work(
        "DisassociateAddress",
        Has(&[Instance]),
        &[
            ours("ec2:DisassociateAddress", &["network-interface/*"]),
            wide("ec2:DisassociateAddress", &["elastic-ip/*"], If::Named, THEIR_ADDRESS),
        ],
    ),
    work(
        "ModifyNetworkInterfaceAttribute",
        Has(&[Instance]),
        &[ours("ec2:ModifyNetworkInterfaceAttribute", &["network-interface/*"])],
    ),
    work("StartInstances", Has(&[Instance]), &[ours("ec2:StartInstances", &["instance/*"])]),
    work("TerminateInstances", Has(&[Instance]), &[ours("ec2:TerminateInstances", &["instance/*"])]),
    work("DeleteVolume", Has(&[Instance]), &[ours("ec2:DeleteVolume", &["volume/*"])]),
    work("CreateTags", Has(&[Instance]), &[retagged(&["instance/*"])]),
];
