//! EC2: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>.

use serde_json::{Value, json};

use super::Asked;
use super::asked::{items, said};
use super::needed::{Needed, Tags};

/// The resources of each operation: type and id, where `*` is the id of what the call makes and `{Member}` those that it
/// names. Nothing for the operations that are on nothing in particular.
fn resources(operation: &str) -> Option<&'static [&'static str]> {
    Some(match operation {
        // Whatever is described can't be limited, but for these.
        "DescribeInstanceAttribute" => &["instance/{InstanceId}"],
        "DescribeVpcAttribute" => &["vpc/{VpcId}"],
        _ if operation.starts_with("Describe") => &[],
        "AcceptVpcPeeringConnection"
        | "RejectVpcPeeringConnection"
        | "DeleteVpcPeeringConnection"
        | "ModifyVpcPeeringConnectionOptions" => &["vpc-peering-connection/{VpcPeeringConnectionId}"],
        "AllocateAddress" => &["elastic-ip/*"],
        "AssociateAddress" => {
            &["elastic-ip/{AllocationId}", "instance/{InstanceId}", "network-interface/{NetworkInterfaceId}"]
        }
        "AssociateDhcpOptions" => &["dhcp-options/{DhcpOptionsId}", "vpc/{VpcId}"],
        "AssociateRouteTable" => &["route-table/{RouteTableId}", "subnet/{SubnetId}", "internet-gateway/{GatewayId}"],
        "AttachInternetGateway" | "DetachInternetGateway" => &["internet-gateway/{InternetGatewayId}", "vpc/{VpcId}"],
        "AuthorizeSecurityGroupEgress"
        | "AuthorizeSecurityGroupIngress"
        | "DeleteSecurityGroup"
        | "RevokeSecurityGroupEgress"
        | "RevokeSecurityGroupIngress"
        | "UpdateSecurityGroupRuleDescriptionsEgress"
        | "UpdateSecurityGroupRuleDescriptionsIngress" => &["security-group/{GroupId}"],
        "ModifySecurityGroupRules" => &[
            "security-group/{GroupId}",
            "security-group-rule/{SecurityGroupRules.SecurityGroupRuleId}",
            "prefix-list/{SecurityGroupRules.SecurityGroupRule.PrefixListId}",
        ],
        "CreateDhcpOptions" => &["dhcp-options/*"],
        "CreateInternetGateway" => &["internet-gateway/*"],
        "CreateKeyPair" | "ImportKeyPair" => &["key-pair/{KeyName}"],
        "CreateNatGateway" => &["natgateway/*", "subnet/{SubnetId}", "elastic-ip/{AllocationId}"],
        "CreateNetworkAcl" => &["network-acl/*", "vpc/{VpcId}"],
        "CreateNetworkAclEntry" | "DeleteNetworkAcl" | "DeleteNetworkAclEntry" | "ReplaceNetworkAclEntry" => {
            &["network-acl/{NetworkAclId}"]
        }
        "ReplaceNetworkAclAssociation" => &["network-acl/{NetworkAclId}"],
        "CreateNetworkInterface" => &["network-interface/*", "subnet/{SubnetId}", "security-group/{Groups}"],
        "CreateRoute" | "DeleteRoute" | "ReplaceRoute" | "DeleteRouteTable" | "ReplaceRouteTableAssociation" => {
            &["route-table/{RouteTableId}"]
        }
        "CreateRouteTable" => &["route-table/*", "vpc/{VpcId}"],
        "CreateSecurityGroup" => &["security-group/*", "vpc/{VpcId}"],
        "CreateSubnet" => &["subnet/*", "vpc/{VpcId}"],
        "CreateVolume" => &["volume/*", "snapshot/{SnapshotId}"],
        "CreateVpc" => &["vpc/*"],
        "CreateVpcEndpoint" => &[
            "vpc/{VpcId}",
            "vpc-endpoint/*",
            "route-table/{RouteTableIds}",
            "security-group/{SecurityGroupIds}",
            "subnet/{SubnetIds}",
            "subnet/{SubnetConfigurations.SubnetId}",
        ],
        // "The VPC resource is always the requester VPC":
        // <https://docs.aws.amazon.com/vpc/latest/peering/security-iam.html>.
        "CreateVpcPeeringConnection" => &["vpc/{VpcId}", "vpc-peering-connection/*"],
        "DeleteDhcpOptions" => &["dhcp-options/{DhcpOptionsId}"],
        "DeleteInternetGateway" => &["internet-gateway/{InternetGatewayId}"],
        "DeleteKeyPair" => &["key-pair/{KeyName}"],
        "DeleteNatGateway" => &["natgateway/{NatGatewayId}"],
        "DeleteNetworkInterface" => &["network-interface/{NetworkInterfaceId}"],
        "DeleteSubnet" | "ModifySubnetAttribute" => &["subnet/{SubnetId}"],
        "DeleteVolume" | "ModifyVolume" => &["volume/{VolumeId}"],
        "DeleteVpc" | "ModifyVpcAttribute" => &["vpc/{VpcId}"],
        "DeleteVpcEndpoints" => &["vpc-endpoint/{VpcEndpointIds}"],
        "ModifyVpcEndpoint" => &[
            "vpc-endpoint/{VpcEndpointId}",
            "route-table/{AddRouteTableIds}",
            "route-table/{RemoveRouteTableIds}",
            "security-group/{AddSecurityGroupIds}",
            "security-group/{RemoveSecurityGroupIds}",
            "subnet/{AddSubnetIds}",
            "subnet/{SubnetConfigurations.SubnetId}",
            "subnet/{RemoveSubnetIds}",
        ],
        "DetachVolume" => &["volume/{VolumeId}", "instance/{InstanceId}"],
        "GetManagedPrefixListEntries" => &["prefix-list/{PrefixListId}"],
        "AssociateIamInstanceProfile"
        | "GetConsoleOutput"
        | "GetPasswordData"
        | "ModifyInstanceMetadataOptions"
        | "ResetInstanceAttribute" => &["instance/{InstanceId}"],
        "ModifyInstanceAttribute" => {
            &["instance/{InstanceId}", "security-group/{Groups}", "volume/{BlockDeviceMappings.Ebs.VolumeId}"]
        }
        "ModifyNetworkInterfaceAttribute" => &["network-interface/{NetworkInterfaceId}", "security-group/{Groups}"],
        "MonitorInstances" | "RebootInstances" | "StartInstances" | "StopInstances" | "TerminateInstances"
        | "UnmonitorInstances" => &["instance/{InstanceIds}"],
        "ReleaseAddress" => &["elastic-ip/{AllocationId}"],
        "RunInstances" => &[
            "image/{ImageId}",
            "instance/*",
            "key-pair/{KeyName}",
            "network-interface/{NetworkInterfaces.NetworkInterfaceId}",
            "security-group/{SecurityGroupIds}",
            "security-group/{NetworkInterfaces.Groups}",
            "snapshot/{BlockDeviceMappings.Ebs.SnapshotId}",
            "subnet/{SubnetId}",
            "subnet/{NetworkInterfaces.SubnetId}",
            "volume/*",
        ],
        // What they are on, the call doesn't say: see `found`.
        "CreateTags"
        | "DeleteTags"
        | "DetachNetworkInterface"
        | "DisassociateAddress"
        | "DisassociateIamInstanceProfile"
        | "DisassociateRouteTable"
        | "ReplaceIamInstanceProfileAssociation" => &[],
        _ => return None,
    })
}

/// The types by the prefixes of ids, where they aren't the same.
const PREFIXES: [(&str, &str); 22] = [
    ("acl", "network-acl"),
    ("ami", "image"),
    ("dopt", "dhcp-options"),
    ("eipalloc", "elastic-ip"),
    ("eni", "network-interface"),
    ("i", "instance"),
    ("igw", "internet-gateway"),
    ("key", "key-pair"),
    ("nat", "natgateway"),
    ("pcx", "vpc-peering-connection"),
    ("pl", "prefix-list"),
    ("rtb", "route-table"),
    ("sg", "security-group"),
    ("sgr", "security-group-rule"),
    ("snap", "snapshot"),
    ("subnet", "subnet"),
    ("vol", "volume"),
    ("vpc", "vpc"),
    ("vpce", "vpc-endpoint"),
    ("vpce-svc", "vpc-endpoint-service"),
    ("eigw", "egress-only-internet-gateway"),
    ("fl", "vpc-flow-log"),
];

/// How a type is described: operation, the member for ids, the answer's list, and condition keys with the paths of their
/// values.
struct Described(&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

fn described(kind: &str) -> Option<Described> {
    Some(match kind {
        "dhcp-options" => {
            Described("DescribeDhcpOptions", "DhcpOptionsIds", "DhcpOptions", &[("ec2:DhcpOptionsID", "DhcpOptionsId")])
        }
        "elastic-ip" => Described(
            "DescribeAddresses",
            "AllocationIds",
            "Addresses",
            &[("ec2:AllocationId", "AllocationId"), ("ec2:Domain", "Domain"), ("ec2:PublicIpAddress", "PublicIp")],
        ),
        "image" => Described(
            "DescribeImages",
            "ImageIds",
            "Images",
            &[
                ("ec2:ImageID", "ImageId"),
                ("ec2:ImageType", "ImageType"),
                ("ec2:Owner", "ImageOwnerAlias"),
                ("ec2:Public", "Public"),
                ("ec2:RootDeviceType", "RootDeviceType"),
            ],
        ),
        "instance" => Described(
            "DescribeInstances",
            "InstanceIds",
            "Reservations.Instances",
            &[
                ("ec2:AvailabilityZone", "Placement.AvailabilityZone"),
                ("ec2:EbsOptimized", "EbsOptimized"),
                ("ec2:InstanceID", "InstanceId"),
                ("ec2:InstanceProfile", "IamInstanceProfile.Arn"),
                ("ec2:InstanceType", "InstanceType"),
                ("ec2:MetadataHttpEndpoint", "MetadataOptions.HttpEndpoint"),
                ("ec2:MetadataHttpPutResponseHopLimit", "MetadataOptions.HttpPutResponseHopLimit"),
                ("ec2:MetadataHttpTokens", "MetadataOptions.HttpTokens"),
                ("ec2:RootDeviceType", "RootDeviceType"),
                ("ec2:Tenancy", "Placement.Tenancy"),
            ],
        ),
        "internet-gateway" => Described(
            "DescribeInternetGateways",
            "InternetGatewayIds",
            "InternetGateways",
            &[("ec2:InternetGatewayID", "InternetGatewayId")],
        ),
        "key-pair" => Described(
            "DescribeKeyPairs",
            "KeyNames",
            "KeyPairs",
            &[("ec2:KeyPairName", "KeyName"), ("ec2:KeyPairType", "KeyType")],
        ),
        "natgateway" => Described("DescribeNatGateways", "NatGatewayIds", "NatGateways", &[]),
        "network-acl" => Described(
            "DescribeNetworkAcls",
            "NetworkAclIds",
            "NetworkAcls",
            &[("ec2:NetworkAclID", "NetworkAclId"), ("ec2:Vpc", "VpcId")],
        ),
        "network-interface" => Described(
            "DescribeNetworkInterfaces",
            "NetworkInterfaceIds",
            "NetworkInterfaces",
            &[
                ("ec2:AvailabilityZone", "AvailabilityZone"),
                ("ec2:NetworkInterfaceID", "NetworkInterfaceId"),
                ("ec2:Subnet", "SubnetId"),
                ("ec2:Vpc", "VpcId"),
            ],
        ),
        "route-table" => Described(
            "DescribeRouteTables",
            "RouteTableIds",
            "RouteTables",
            &[("ec2:RouteTableID", "RouteTableId"), ("ec2:Vpc", "VpcId")],
        ),
        "security-group" => Described(
            "DescribeSecurityGroups",
            "GroupIds",
            "SecurityGroups",
            &[("ec2:SecurityGroupID", "GroupId"), ("ec2:Vpc", "VpcId")],
        ),
        "security-group-rule" => {
            Described("DescribeSecurityGroupRules", "SecurityGroupRuleIds", "SecurityGroupRules", &[])
        }
        "subnet" => Described(
            "DescribeSubnets",
            "SubnetIds",
            "Subnets",
            &[("ec2:AvailabilityZone", "AvailabilityZone"), ("ec2:SubnetID", "SubnetId"), ("ec2:Vpc", "VpcId")],
        ),
        "volume" => Described(
            "DescribeVolumes",
            "VolumeIds",
            "Volumes",
            &[
                ("ec2:AvailabilityZone", "AvailabilityZone"),
                ("ec2:Encrypted", "Encrypted"),
                ("ec2:VolumeID", "VolumeId"),
                ("ec2:VolumeIops", "Iops"),
                ("ec2:VolumeSize", "Size"),
                ("ec2:VolumeType", "VolumeType"),
            ],
        ),
        "vpc" => {
            Described("DescribeVpcs", "VpcIds", "Vpcs", &[("ec2:Tenancy", "InstanceTenancy"), ("ec2:VpcID", "VpcId")])
        }
        "vpc-endpoint" => Described(
            "DescribeVpcEndpoints",
            "VpcEndpointIds",
            "VpcEndpoints",
            &[("ec2:VpceServiceName", "ServiceName")],
        ),
        "vpc-peering-connection" => Described(
            "DescribeVpcPeeringConnections",
            "VpcPeeringConnectionIds",
            "VpcPeeringConnections",
            &[
                ("ec2:AccepterVpc", "AccepterVpcInfo.VpcId"),
                ("ec2:RequesterVpc", "RequesterVpcInfo.VpcId"),
                ("ec2:VpcPeeringConnectionID", "VpcPeeringConnectionId"),
            ],
        ),
        _ => return None,
    })
}

pub fn needed(asked: &mut Asked<'_>) -> Option<Vec<Needed>> {
    let templates = resources(&asked.call.operation)?;
    let mut on: Vec<String> = Vec::new();
    let named: Vec<String> = templates.iter().flat_map(|template| asked.fill(template)).collect();
    for resource in named.into_iter().chain(found(asked)) {
        if !on.contains(&resource) {
            on.push(resource);
        }
    }
    let mut needed: Vec<Needed> = on.iter().map(|resource| one(asked, resource)).collect();
    if needed.is_empty() {
        needed.push(Needed::new(asked.action(), "*").with("ec2:Region", [asked.call.region.as_str()]));
    }
    needed.extend(tagging(asked, &on));
    needed.extend(elsewhere(asked));
    Some(needed)
}

/// What a call of another service needs of EC2 besides, in the caller's name: an action on resources such as `vpc/*`.
pub fn also(asked: &mut Asked<'_>, operation: &str, on: &[String]) -> Vec<Needed> {
    let action = format!("ec2:{operation}");
    on.iter()
        .map(|resource| {
            let needed = Needed::new(&action, arn(asked, resource)).with("ec2:Region", [asked.call.region.as_str()]);
            existing(asked, resource, needed)
        })
        .collect()
}

/// The resources that the call doesn't name as such.
fn found(asked: &mut Asked<'_>) -> Vec<String> {
    let association = asked.first("AssociationId").unwrap_or_default();
    match asked.call.operation.as_str() {
        "CreateTags" | "DeleteTags" => asked.said("Resources").iter().map(|id| by_prefix(asked, id)).collect(),
        "AcceptVpcPeeringConnection" => {
            let id = asked.first("VpcPeeringConnectionId").unwrap_or_default();
            let peering = asked.read("ec2", "DescribeVpcPeeringConnections", json!({"VpcPeeringConnectionIds": [id]}));
            let accepters = said(&peering, "VpcPeeringConnections.AccepterVpcInfo.VpcId");
            accepters.into_iter().map(|vpc| format!("vpc/{vpc}")).collect()
        }
        "DetachNetworkInterface" => {
            let attachment = asked.first("AttachmentId").unwrap_or_default();
            let found =
                asked.find("DescribeNetworkInterfaces", "NetworkInterfaces", "attachment.attachment-id", &attachment);
            let known = named(&found, "network-interface", "NetworkInterfaceId");
            let known = known.into_iter().chain(named(&found, "instance", "Attachment.InstanceId"));
            or_any(known.collect(), &["network-interface/*", "instance/*"])
        }
        "DisassociateAddress" => {
            let found = match asked.first("PublicIp") {
                Some(address) => asked.find("DescribeAddresses", "Addresses", "public-ip", &address),
                None => asked.find("DescribeAddresses", "Addresses", "association-id", &association),
            };
            let known = named(&found, "elastic-ip", "AllocationId");
            known.into_iter().chain(named(&found, "network-interface", "NetworkInterfaceId")).collect()
        }
        "ReleaseAddress" => match asked.first("PublicIp") {
            Some(address) => {
                let found = asked.find("DescribeAddresses", "Addresses", "public-ip", &address);
                named(&found, "elastic-ip", "AllocationId")
            }
            None => Vec::new(),
        },
        "DisassociateIamInstanceProfile" | "ReplaceIamInstanceProfileAssociation" => {
            let named_by = json!({"AssociationIds": [association]});
            let found = asked.read("ec2", "DescribeIamInstanceProfileAssociations", named_by);
            let found = said(&found, "IamInstanceProfileAssociations.InstanceId");
            or_any(found.into_iter().map(|id| format!("instance/{id}")).collect(), &["instance/*"])
        }
        "DisassociateRouteTable" | "ReplaceRouteTableAssociation" => {
            let id = "association.route-table-association-id";
            let found = asked.find("DescribeRouteTables", "RouteTables", id, &association);
            let of_it = |found: &Value| found["RouteTableAssociationId"] == association.as_str();
            let associations: Vec<Value> =
                found.iter().flat_map(|table| items(table, "Associations")).filter(|one| of_it(one)).cloned().collect();
            let subnets = named(&associations, "subnet", "SubnetId");
            if asked.call.operation == "ReplaceRouteTableAssociation" {
                return subnets;
            }
            let known = named(&associations, "route-table", "RouteTableId").into_iter().chain(subnets);
            or_any(known.collect(), &["route-table/*"])
        }
        "ReplaceNetworkAclAssociation" => {
            let found = asked.find("DescribeNetworkAcls", "NetworkAcls", "association.association-id", &association);
            let of_it = |found: &Value| found["NetworkAclAssociationId"] == association.as_str();
            let associations: Vec<Value> =
                found.iter().flat_map(|acl| items(acl, "Associations")).filter(|one| of_it(one)).cloned().collect();
            or_any(named(&associations, "subnet", "SubnetId"), &["subnet/*"])
        }
        "DeleteKeyPair" => match asked.first("KeyPairId") {
            Some(id) => {
                let found = asked.read("ec2", "DescribeKeyPairs", json!({"KeyPairIds": [id]}));
                let found = said(&found, "KeyPairs.KeyName");
                or_any(found.into_iter().map(|name| format!("key-pair/{name}")).collect(), &["key-pair/*"])
            }
            None => Vec::new(),
        },
        "AuthorizeSecurityGroupEgress" | "AuthorizeSecurityGroupIngress" => {
            let tagged = !asked.call.input["TagSpecifications"].is_null();
            let rule = tagged.then(|| "security-group-rule/*".to_owned());
            by_group_name(asked).into_iter().chain(rule).collect()
        }
        "DeleteSecurityGroup"
        | "RevokeSecurityGroupIngress"
        | "UpdateSecurityGroupRuleDescriptionsEgress"
        | "UpdateSecurityGroupRuleDescriptionsIngress" => by_group_name(asked),
        "ModifyNetworkInterfaceAttribute" => {
            let attachment = asked.first("Attachment.AttachmentId");
            let found = attachment.map(|id| {
                asked.find("DescribeNetworkInterfaces", "NetworkInterfaces", "attachment.attachment-id", &id)
            });
            named(&found.unwrap_or_default(), "instance", "Attachment.InstanceId")
        }
        "RunInstances" => launched(asked),
        _ => Vec::new(),
    }
}

/// What instances get that a launch doesn't name.
fn launched(asked: &mut Asked<'_>) -> Vec<String> {
    let mut on = Vec::new();
    if !asked.has("NetworkInterfaces.NetworkInterfaceId") {
        on.push("network-interface/*".to_owned());
    }
    for name in asked.said("SecurityGroups") {
        let found = asked.find("DescribeSecurityGroups", "SecurityGroups", "group-name", &name);
        on.extend(named(&found, "security-group", "GroupId"));
    }
    let one_of = |members: &[&str]| members.iter().any(|member| asked.has(member));
    let interface = one_of(&["NetworkInterfaces.NetworkInterfaceId"]);
    if !one_of(&["SubnetId", "NetworkInterfaces.SubnetId"]) && !interface {
        on.push("subnet/*".to_owned());
    }
    if !one_of(&["SecurityGroupIds", "SecurityGroups", "NetworkInterfaces.Groups"]) && !interface {
        on.push("security-group/*".to_owned());
    }
    on
}

fn by_group_name(asked: &mut Asked<'_>) -> Vec<String> {
    let Some(name) = asked.first("GroupName") else { return Vec::new() };
    let found = asked.find("DescribeSecurityGroups", "SecurityGroups", "group-name", &name);
    or_any(named(&found, "security-group", "GroupId"), &["security-group/*"])
}

fn named(found: &[Value], kind: &str, member: &str) -> Vec<String> {
    found.iter().flat_map(|one| said(one, member)).map(|id| format!("{kind}/{id}")).collect()
}

/// What was found, or any of its types where that is nothing.
fn or_any(found: Vec<String>, any: &[&str]) -> Vec<String> {
    if found.is_empty() { any.iter().map(|any| (*any).to_owned()).collect() } else { found }
}

fn by_prefix(asked: &mut Asked<'_>, id: &str) -> String {
    let prefix = id.rsplit_once('-').map_or(id, |(prefix, _)| prefix);
    let kind = PREFIXES.iter().find(|(known, _)| *known == prefix).map_or("*", |(_, kind)| kind);
    if kind == "key-pair" {
        let found = asked.read("ec2", "DescribeKeyPairs", json!({"KeyPairIds": [id]}));
        if let Some(name) = said(&found, "KeyPairs.KeyName").first() {
            return format!("key-pair/{name}");
        }
    }
    format!("{kind}/{id}")
}

/// The ARN of a type and an id.
fn arn(asked: &Asked<'_>, resource: &str) -> String {
    let kind = resource.split('/').next().unwrap_or_default();
    let (partition, region) = (asked.partition(), &asked.call.region);
    match kind {
        "image" | "snapshot" => format!("arn:{partition}:ec2:{region}::{resource}"),
        // The sandbox has AWS's own only.
        "prefix-list" => format!("arn:{partition}:ec2:{region}:aws:{resource}"),
        _ => asked.arn("ec2", resource),
    }
}

/// The operation's own action on a resource.
fn one(asked: &mut Asked<'_>, resource: &str) -> Needed {
    let needed = Needed::new(asked.action(), arn(asked, resource)).with("ec2:Region", [asked.call.region.as_str()]);
    let needed = if is_new(asked, resource) { new(asked, resource, needed) } else { existing(asked, resource, needed) };
    of_operation(asked, resource, needed)
}

/// Whether the call makes it.
fn is_new(asked: &Asked<'_>, resource: &str) -> bool {
    resource.ends_with("/*") || ["CreateKeyPair", "ImportKeyPair"].contains(&asked.call.operation.as_str())
}

/// What is known of something that the call makes.
fn new(asked: &Asked<'_>, resource: &str, needed: Needed) -> Needed {
    let kind = resource.split('/').next().unwrap_or_default();
    let said = |key: &'static str, path: &str| (key, asked.said(path));
    let vpc = |path: &str| asked.said(path).iter().map(|id| asked.arn("ec2", &format!("vpc/{id}"))).collect::<Vec<_>>();
    let keys: Vec<(&str, Vec<String>)> = match (asked.call.operation.as_str(), kind) {
        ("RunInstances", "instance") => vec![
            said("ec2:EbsOptimized", "EbsOptimized"),
            said("ec2:InstanceType", "InstanceType"),
            said("ec2:MetadataHttpEndpoint", "MetadataOptions.HttpEndpoint"),
            said("ec2:MetadataHttpPutResponseHopLimit", "MetadataOptions.HttpPutResponseHopLimit"),
            said("ec2:MetadataHttpTokens", "MetadataOptions.HttpTokens"),
            ("ec2:RootDeviceType", vec!["ebs".to_owned()]),
            ("ec2:Tenancy", vec![asked.first("Placement.Tenancy").unwrap_or_else(|| "default".to_owned())]),
        ],
        ("RunInstances", "volume") => vec![
            said("ec2:Encrypted", "BlockDeviceMappings.Ebs.Encrypted"),
            said("ec2:VolumeIops", "BlockDeviceMappings.Ebs.Iops"),
            said("ec2:VolumeSize", "BlockDeviceMappings.Ebs.VolumeSize"),
            said("ec2:VolumeThroughput", "BlockDeviceMappings.Ebs.Throughput"),
            said("ec2:VolumeType", "BlockDeviceMappings.Ebs.VolumeType"),
        ],
        ("RunInstances", "network-interface") => {
            vec![said("ec2:AssociatePublicIpAddress", "NetworkInterfaces.AssociatePublicIpAddress")]
        }
        ("CreateVolume", "volume") => vec![
            said("ec2:AvailabilityZone", "AvailabilityZone"),
            said("ec2:Encrypted", "Encrypted"),
            said("ec2:VolumeIops", "Iops"),
            said("ec2:VolumeSize", "Size"),
            said("ec2:VolumeType", "VolumeType"),
        ],
        ("CreateVpcEndpoint", "vpc-endpoint") => {
            vec![said("ec2:VpceServiceName", "ServiceName"), ("ec2:VpceServiceOwner", vec!["amazon".to_owned()])]
        }
        ("CreateVpcPeeringConnection", "vpc-peering-connection") => {
            vec![("ec2:AccepterVpc", vec![accepter(asked)]), ("ec2:RequesterVpc", vpc("VpcId"))]
        }
        ("CreateKeyPair", _) => vec![said("ec2:KeyPairType", "KeyType")],
        _ => Vec::new(),
    };
    let needed = keys.into_iter().fold(needed, |needed, (key, values)| needed.with(key, values));
    needed.with_request_tags(&request_tags(asked, kind))
}

fn accepter(asked: &Asked<'_>) -> String {
    let or = |member: &str, own: &str| asked.first(member).unwrap_or_else(|| own.to_owned());
    let (region, account) = (or("PeerRegion", &asked.call.region), or("PeerOwnerId", &asked.call.account));
    let vpc = or("PeerVpcId", &or("VpcId", "*"));
    format!("arn:{}:ec2:{region}:{account}:vpc/{vpc}", asked.partition())
}

/// The tags that the call gives to what it makes of a type.
fn request_tags(asked: &Asked<'_>, kind: &str) -> Tags {
    let specifications = items(&asked.call.input, "TagSpecifications");
    let of_kind = specifications.into_iter().filter(|one| one["ResourceType"] == kind);
    Tags(of_kind.flat_map(|one| Tags::read(&one["Tags"]).0).collect())
}

/// What is known of something that exists, if it does.
fn existing(asked: &mut Asked<'_>, resource: &str, mut needed: Needed) -> Needed {
    let Some((kind, id)) = resource.split_once('/') else { return needed };
    let Some(Described(operation, ids, list, keys)) = described(kind).filter(|_| id != "*") else { return needed };
    let answer = asked.read("ec2", operation, json!({ids: [id]}));
    let Some(found) = items(&answer, list).into_iter().next() else { return needed };
    for (key, path) in keys {
        let values = said(found, path).into_iter();
        needed = match *key {
            "ec2:Vpc" | "ec2:AccepterVpc" | "ec2:RequesterVpc" => {
                needed.with(key, values.map(|id| asked.arn("ec2", &format!("vpc/{id}"))))
            }
            "ec2:Subnet" => needed.with(key, values.map(|id| asked.arn("ec2", &format!("subnet/{id}")))),
            _ => needed.with(key, values),
        };
    }
    // Interfaces alone call them otherwise.
    let tags = if kind == "network-interface" { &found["TagSet"] } else { &found["Tags"] };
    needed.with_resource_tags(&Tags::read(tags), &["aws:ResourceTag", "ec2:ResourceTag"])
}

/// What AWS knows of some operations' resources only, or doesn't.
fn of_operation(asked: &mut Asked<'_>, resource: &str, mut needed: Needed) -> Needed {
    let (operation, kind) = (asked.call.operation.as_str(), resource.split('/').next().unwrap_or_default());
    match (operation, kind) {
        ("CreateTags", _) => needed.with_request_tags(&asked.tags("Tags")),
        ("DeleteTags", _) => {
            let tags = asked.tags("Tags");
            let with_value = tags.0.iter().filter(|(_, value)| value.is_some()).cloned().collect();
            needed.with_request_tags(&Tags(with_value)).with_tag_keys(tags.0.into_iter().map(|(key, _)| key))
        }
        ("CreateVpcEndpoint", "vpc" | "subnet" | "security-group" | "route-table") => {
            let unknown = ["ec2:Tenancy", "ec2:AvailabilityZone", "ec2:Vpc"];
            needed.keys.retain(|key, _| !unknown.contains(&key.as_str()));
            needed
        }
        ("ModifyVpcEndpoint", "vpc-endpoint") => {
            needed.keys.remove("ec2:VpceServiceName");
            needed.with("ec2:Attribute", attributes(asked))
        }
        ("AssociateIamInstanceProfile" | "ReplaceIamInstanceProfileAssociation", "instance") => {
            needed.with("ec2:NewInstanceProfile", said(&profile(asked), "Arn"))
        }
        ("ModifyInstanceAttribute" | "ModifyInstanceMetadataOptions", "instance")
        | ("ModifyNetworkInterfaceAttribute", "network-interface")
        | ("ModifySubnetAttribute", "subnet")
        | ("ModifyVolume", "volume")
        | ("ModifyVpcAttribute", "vpc")
        | ("ModifyVpcPeeringConnectionOptions", "vpc-peering-connection") => {
            needed.with("ec2:Attribute", attributes(asked))
        }
        ("RunInstances", "instance" | "volume" | "network-interface") if is_new(asked, resource) => {
            launching(asked, kind, needed)
        }
        _ => needed,
    }
}

/// What is known of what a launch makes, by the subnet and the profile that it names.
fn launching(asked: &mut Asked<'_>, kind: &str, needed: Needed) -> Needed {
    let subnet = asked.first("SubnetId").or_else(|| asked.first("NetworkInterfaces.SubnetId"));
    let found = subnet.map(|id| asked.read("ec2", "DescribeSubnets", json!({"SubnetIds": [id]}))).unwrap_or_default();
    let needed = needed.with("ec2:AvailabilityZone", said(&found, "Subnets.AvailabilityZone"));
    match kind {
        "instance" => needed.with("ec2:InstanceProfile", said(&profile(asked), "Arn")),
        "network-interface" => needed
            .with("ec2:Subnet", said(&found, "Subnets.SubnetArn"))
            .with("ec2:Vpc", said(&found, "Subnets.VpcId").iter().map(|id| asked.arn("ec2", &format!("vpc/{id}")))),
        _ => needed,
    }
}

/// The attributes that a call changes.
fn attributes(asked: &Asked<'_>) -> Vec<String> {
    const OTHERS: [&str; 3] = ["Attribute", "DryRun", "Value"];
    let members = asked.call.input.as_object().into_iter().flatten();
    let set = members.filter(|(name, value)| {
        !name.ends_with("Id") && !OTHERS.contains(&name.as_str()) && !value.is_null() && **value != json!([])
    });
    asked.said("Attribute").into_iter().chain(set.map(|(name, _)| name.clone())).collect()
}

/// The permission to tag what the call makes: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html>.
fn tagging(asked: &Asked<'_>, on: &[String]) -> Vec<Needed> {
    let tag = |resource: &String| {
        let kind = resource.split('/').next().unwrap_or_default();
        let tags = request_tags(asked, kind);
        let needed = Needed::new("ec2:CreateTags", arn(asked, resource))
            .with("ec2:CreateAction", [asked.call.operation.as_str()])
            .with("ec2:Region", [asked.call.region.as_str()]);
        (!tags.is_empty() && is_new(asked, resource)).then(|| needed.with_request_tags(&tags))
    };
    on.iter().filter_map(tag).collect()
}

/// What the call needs of other services.
fn elsewhere(asked: &mut Asked<'_>) -> Vec<Needed> {
    match asked.call.operation.as_str() {
        "AssociateIamInstanceProfile" | "ReplaceIamInstanceProfileAssociation" => passed(asked),
        "RunInstances" => {
            let parameter = asked.first("ImageId").and_then(|id| Some(id.strip_prefix("resolve:ssm:")?.to_owned()));
            let resolved = parameter.map(|name| Needed::new("ssm:GetParameters", super::ssm::parameter(asked, &name)));
            let keys = asked.said("BlockDeviceMappings.Ebs.KmsKeyId");
            passed(asked).into_iter().chain(resolved).chain(encrypting(asked, &keys)).collect()
        }
        "CreateVolume" => encrypting(asked, &asked.said("KmsKeyId")),
        // "To use private DNS names": <https://docs.aws.amazon.com/vpc/latest/privatelink/security_iam_id-based-policy-examples.html>.
        "CreateVpcEndpoint" if has_private_dns(asked) => {
            let zone = format!("arn:{}:route53:::hostedzone/*", asked.partition());
            let vpcs = asked.said("VpcId");
            let vpcs = vpcs.iter().map(|id| format!("VPCId={id},VPCRegion={}", asked.call.region));
            vec![Needed::new("route53:AssociateVPCWithHostedZone", zone).with("route53:VPCs", vpcs)]
        }
        _ => Vec::new(),
    }
}

/// The permissions to use keys for volumes: <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html>.
fn encrypting(asked: &Asked<'_>, keys: &[String]) -> Vec<Needed> {
    const ACTIONS: [&str; 6] = [
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
    ];
    let arn = |key: &String| match key.as_str() {
        key if key.starts_with("alias/") => asked.arn("kms", "key/*"),
        key if key.starts_with("arn:") => key.to_owned(),
        key => asked.arn("kms", &format!("key/{key}")),
    };
    let suffix = if asked.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    let service = format!("ec2.{}.{suffix}", asked.call.region);
    let one = |action: &&str, key: &String| {
        let needed = Needed::new(*action, arn(key)).with("kms:ViaService", [service.as_str()]);
        let needed = needed.with("kms:CallerAccount", [asked.call.account.as_str()]);
        if *action == "kms:CreateGrant" { needed.with("kms:GrantIsForAWSResource", ["true"]) } else { needed }
    };
    let keys: std::collections::BTreeSet<&String> = keys.iter().collect();
    keys.into_iter().flat_map(|key| ACTIONS.iter().map(move |action| (action, key))).map(|(a, k)| one(a, k)).collect()
}

/// Interface endpoints have it unless it is declined.
fn has_private_dns(asked: &Asked<'_>) -> bool {
    let said = |member: &str| asked.first(member).unwrap_or_default();
    said("VpcEndpointType") == "Interface" && said("PrivateDnsEnabled") != "false"
}

/// The permission to pass the role of the instance profile that the call names.
fn passed(asked: &mut Asked<'_>) -> Vec<Needed> {
    let roles = said(&profile(asked), "Roles.Arn");
    roles.iter().filter_map(|role| asked.pass_role(role, "ec2")).collect()
}

/// The instance profile that the call names, by its name or by its ARN.
fn profile(asked: &mut Asked<'_>) -> Value {
    let arn = asked.first("IamInstanceProfile.Arn").and_then(|arn| Some(arn.rsplit_once('/')?.1.to_owned()));
    let Some(name) = asked.first("IamInstanceProfile.Name").or(arn) else { return Value::Null };
    asked.read("iam", "GetInstanceProfile", json!({"InstanceProfileName": name}))["InstanceProfile"].take()
}
