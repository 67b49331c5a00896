//! Meddling with endpoints, DNS, gateways and hosts.

use breezeway::resource::Kind;
use breezeway::sandbox::host::Sandbox;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Hands, Thing, list_profiles, list_resolvers, of_lab, text, told};
use crate::lab::by_hand;
use crate::simulation::life::LAB;

/// How many things there are to do.
pub const DEEDS: u32 = 36;

static SECURITY_GROUP: Thing = Thing {
    kind: Kind::SecurityGroup,
    list: "DescribeSecurityGroups",
    members: "SecurityGroups",
    id: "GroupId",
    filter: "group-id",
    same: &["GroupName", "Tags", "VpcId", "IpPermissionsEgress"],
    delete: "DeleteSecurityGroup",
};

static INTERFACE_ENDPOINT: Thing = Thing {
    kind: Kind::InterfaceEndpoint,
    list: "DescribeVpcEndpoints",
    members: "VpcEndpoints",
    id: "VpcEndpointId",
    filter: "vpc-endpoint-id",
    same: &["ServiceName", "SubnetIds", "Tags", "PolicyDocument", "Groups", "PrivateDnsEnabled"],
    delete: "DeleteVpcEndpoints",
};

static NETWORK_INTERFACE: Thing = Thing {
    kind: Kind::NetworkInterface,
    list: "DescribeNetworkInterfaces",
    members: "NetworkInterfaces",
    id: "NetworkInterfaceId",
    filter: "network-interface-id",
    same: &["SubnetId", "PrivateIpAddress", "TagSet", "Groups"],
    delete: "DeleteNetworkInterface",
};

static NAT_GATEWAY: Thing = Thing {
    kind: Kind::NatGateway,
    list: "DescribeNatGateways",
    members: "NatGateways",
    id: "NatGatewayId",
    filter: "nat-gateway-id",
    same: &["SubnetId", "Tags", "ConnectivityType"],
    delete: "DeleteNatGateway",
};

static INSTANCE: Thing = Thing {
    kind: Kind::Instance,
    list: "DescribeInstances",
    members: "Instances",
    id: "InstanceId",
    filter: "instance-id",
    same: &["SubnetId", "PrivateIpAddress", "Tags", "SecurityGroups", "ImageId"],
    delete: "TerminateInstances",
};

const LABS_TAGS: [&str; 3] = ["breezeway:lab", "Name", "breezeway:address"];

impl Hands {
    pub(super) fn meddle_with_foundation(
        &mut self,
        sandbox: &Sandbox,
        random: &mut ChaCha8Rng,
        what: u32,
    ) -> Option<String> {
        let ec2 = |operation: &str, input: Value| told(sandbox, "ec2", operation, input);
        let mut any = |operation: &str, member: &str| of_lab(sandbox, operation, member).choose(random).cloned();
        let vpc = any("DescribeVpcs", "Vpcs")?["VpcId"].clone();
        let subnet = any("DescribeSubnets", "Subnets").map(|subnet| subnet["SubnetId"].clone());
        let group = any("DescribeSecurityGroups", "SecurityGroups").map(|group| group["GroupId"].clone());
        let endpoint = any("DescribeVpcEndpoints", "VpcEndpoints");
        let endpoint_id = endpoint.as_ref().map(|endpoint| endpoint["VpcEndpointId"].clone());
        let gateway = any("DescribeInternetGateways", "InternetGateways");
        let nat = any("DescribeNatGateways", "NatGateways").map(|nat| nat["NatGatewayId"].clone());
        let address = any("DescribeAddresses", "Addresses");
        let set = any("DescribeDhcpOptions", "DhcpOptions");
        let pair = any("DescribeKeyPairs", "KeyPairs");
        let host = any("DescribeInstances", "Instances");
        let host_id = host.as_ref().map(|host| host["InstanceId"].clone());
        let interface = any("DescribeNetworkInterfaces", "NetworkInterfaces");
        let peering = any("DescribeVpcPeeringConnections", "VpcPeeringConnections");
        let resolver = list_resolvers(sandbox).into_iter().next();
        let profile = list_profiles(sandbox).into_iter().next();
        Some(match what {
            0 => ec2("DeleteVpcEndpoints", json!({"VpcEndpointIds": [endpoint_id?]})),
            1 => {
                let policy =
                    r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}"#;
                ec2("ModifyVpcEndpoint", json!({"VpcEndpointId": endpoint_id?, "PolicyDocument": policy}))
            }
            2 => {
                let on = endpoint?["PrivateDnsEnabled"] == false;
                ec2("ModifyVpcEndpoint", json!({"VpcEndpointId": endpoint_id?, "PrivateDnsEnabled": on}))
            }
            3 => {
                let subnet = endpoint?["SubnetIds"].get(0)?.clone();
                ec2("ModifyVpcEndpoint", json!({"VpcEndpointId": endpoint_id?, "RemoveSubnetIds": [subnet]}))
            }
            4 => ec2("ModifyVpcEndpoint", json!({"VpcEndpointId": endpoint_id?, "AddSecurityGroupIds": [group?]})),
            5 => {
                let tables = endpoint?["RouteTableIds"].clone();
                ec2("ModifyVpcEndpoint", json!({"VpcEndpointId": endpoint_id?, "RemoveRouteTableIds": tables}))
            }
            6 => {
                if let Some(gateway) = gateway.filter(|_| random.random_bool(0.25)) {
                    let id = text(&gateway, "InternetGatewayId");
                    return self.untag(sandbox, random, (Kind::InternetGateway, id), &gateway);
                }
                let children: Vec<Value> = [endpoint_id, nat, host_id].into_iter().flatten().collect();
                let id = children.choose(random)?;
                let key = LABS_TAGS.choose(random)?;
                ec2("DeleteTags", json!({"Resources": [id], "Tags": [{"Key": key}]}))
            }
            7 => {
                let id = &resolver?["Id"];
                told(sandbox, "route53resolver", "DeleteResolverEndpoint", json!({"ResolverEndpointId": id}))
            }
            8 => {
                let id = &resolver?["Id"];
                let input = json!({"ResolverEndpointId": id, "Name": format!("breezeway-{LAB}-renamed")});
                told(sandbox, "route53resolver", "UpdateResolverEndpoint", input)
            }
            9 => {
                let input = json!({"ResourceArn": resolver?["Arn"], "TagKeys": [LABS_TAGS.choose(random)?]});
                told(sandbox, "route53resolver", "UntagResource", input)
            }
            10 => {
                let id = resolver?["Id"].clone();
                let update = json!({"ResolverEndpointId": id, "IpAddress": {"SubnetId": subnet?}});
                told(sandbox, "route53resolver", "AssociateResolverEndpointIpAddress", update)
            }
            11 => ec2("AssociateDhcpOptions", json!({"VpcId": vpc, "DhcpOptionsId": "default"})),
            12 => ec2("AssociateDhcpOptions", json!({"VpcId": vpc, "DhcpOptionsId": self.at_hand.dhcp_options})),
            13 => ec2("DeleteDhcpOptions", json!({"DhcpOptionsId": set?["DhcpOptionsId"]})),
            14 => {
                self.untag(sandbox, random, (Kind::DhcpOptions, text(set.as_ref()?, "DhcpOptionsId")), set.as_ref()?)?
            }
            15 => {
                let gateway = gateway?;
                let attached = &gateway["Attachments"].get(0)?["VpcId"];
                let input = json!({"InternetGatewayId": gateway["InternetGatewayId"], "VpcId": attached});
                let detached = ec2("DetachInternetGateway", input);
                let gone = json!({"InternetGatewayId": gateway["InternetGatewayId"]});
                if random.random_bool(0.5) { ec2("DeleteInternetGateway", gone) } else { detached }
            }
            16 => ec2("AttachInternetGateway", json!({"InternetGatewayId": self.at_hand.gateway, "VpcId": vpc})),
            17 => ec2("DeleteNatGateway", json!({"NatGatewayId": nat?})),
            18 => ec2("ReleaseAddress", json!({"AllocationId": address?["AllocationId"]})),
            19 => {
                let address = address?;
                self.untag(sandbox, random, (Kind::ElasticIp, text(&address, "AllocationId")), &address)?
            }
            20 => ec2("DeleteKeyPair", json!({"KeyName": pair?["KeyName"]})),
            21 => {
                let pair = pair?;
                self.untag(sandbox, random, (Kind::KeyPair, text(&pair, "KeyPairId")), &pair)?
            }
            22 => {
                let name = profile?;
                let input = json!({"InstanceProfileName": name, "RoleName": name});
                told(sandbox, "iam", "RemoveRoleFromInstanceProfile", input)
            }
            23 => {
                let name = profile?;
                let tags = json!({"InstanceProfileName": name});
                let tags = by_hand(sandbox, "iam", "ListInstanceProfileTags", tags).ok()?;
                self.untag(sandbox, random, (Kind::InstanceProfile, &name), &tags)?
            }
            24 => ec2("TerminateInstances", json!({"InstanceIds": [host_id?]})),
            25 => ec2("StopInstances", json!({"InstanceIds": [host_id?]})),
            26 => ec2("ModifyInstanceAttribute", json!({"InstanceId": host_id?, "Groups": [group?]})),
            27 => {
                let input = json!({"InstanceId": host_id?, "DisableApiTermination": {"Value": true}});
                ec2("ModifyInstanceAttribute", input)
            }
            28 => {
                let input = json!({"InstanceId": host_id?, "HttpTokens": "optional", "HttpPutResponseHopLimit": 2});
                ec2("ModifyInstanceMetadataOptions", input)
            }
            29 => {
                let host = host?;
                let device = &host["BlockDeviceMappings"].get(0)?["DeviceName"];
                let kept = json!([{"DeviceName": device, "Ebs": {"DeleteOnTermination": false}}]);
                let input = json!({"InstanceId": host["InstanceId"], "BlockDeviceMappings": kept});
                let kept = ec2("ModifyInstanceAttribute", input);
                if random.random_bool(0.3) {
                    return Some(kept);
                }
                format!("{kept}; {}", ec2("TerminateInstances", json!({"InstanceIds": [host["InstanceId"]]})))
            }
            30 => {
                let interface = interface?;
                let attachment = &interface["Attachment"];
                let kept = json!({"AttachmentId": attachment["AttachmentId"], "DeleteOnTermination": false});
                let input = json!({"NetworkInterfaceId": interface["NetworkInterfaceId"], "Attachment": kept});
                let kept = ec2("ModifyNetworkInterfaceAttribute", input);
                if random.random_bool(0.3) {
                    return Some(kept);
                }
                let host = json!({"InstanceIds": [attachment["InstanceId"]]});
                format!("{kept}; {}", ec2("TerminateInstances", host))
            }
            31 => {
                let input = json!({"AllocationId": self.at_hand.address, "InstanceId": host_id?});
                ec2("AssociateAddress", input)
            }
            32 => {
                let input = json!({"VpcId": vpc, "GroupName": "theirs", "Description": "theirs"});
                self.leave_foreign(sandbox, &SECURITY_GROUP, "CreateSecurityGroup", input)
            }
            33 => {
                let subnet = subnet?;
                let within = json!([{"Name": "subnet-id", "Values": [subnet]}]);
                let vpc = super::list(sandbox, "DescribeSubnets", "Subnets", within).first()?["VpcId"].clone();
                let input = json!({
                    "VpcEndpointType": "Interface", "VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.kms",
                    "SubnetIds": [subnet], "PrivateDnsEnabled": false,
                });
                self.leave_foreign(sandbox, &INTERFACE_ENDPOINT, "CreateVpcEndpoint", input)
            }
            34 => match random.random_range(0..3) {
                0 => {
                    let input = json!({"SubnetId": subnet?});
                    self.leave_foreign(sandbox, &NETWORK_INTERFACE, "CreateNetworkInterface", input)
                }
                1 => {
                    let input = json!({"SubnetId": subnet?, "ConnectivityType": "private"});
                    self.leave_foreign(sandbox, &NAT_GATEWAY, "CreateNatGateway", input)
                }
                _ => {
                    let image = &self.at_hand.image;
                    let input = json!({"ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet?});
                    self.leave_foreign(sandbox, &INSTANCE, "RunInstances", input)
                }
            },
            _ => {
                let peering = peering?;
                self.untag(
                    sandbox,
                    random,
                    (Kind::VpcPeeringConnection, text(&peering, "VpcPeeringConnectionId")),
                    &peering,
                )?
            }
        })
    }

    /// Takes the neighbours' internet gateway off the lab.
    pub(super) fn take_gateway_away(&self, sandbox: &Sandbox) {
        let id = &self.at_hand.gateway;
        let attached = json!([{"Name": "internet-gateway-id", "Values": [id]}]);
        for gateway in super::list(sandbox, "DescribeInternetGateways", "InternetGateways", attached) {
            for attachment in gateway["Attachments"].as_array().into_iter().flatten() {
                let input = json!({"InternetGatewayId": id, "VpcId": attachment["VpcId"]});
                let _ = by_hand(sandbox, "ec2", "DetachInternetGateway", input);
            }
        }
    }
}
