//! Every field of every kind, edited by hand with the AWS CLI: `drift` finds each, and `up` puts it right.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::thread;

use breezeway::blueprint::{Blueprint, Desired, Facts, draw};
use breezeway::engine::difference::leaves;
use breezeway::resource::Kind;
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use serde_json::{Value, json};

use super::{Machine, filled};
use crate::lab::*;

pub const LAB: &str = "demo";

/// A lab with a resource of every kind of the foundation.
pub const PLAN: &str = r#"
name = "demo"
permissions_boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
kms_key = "arn:aws:kms:us-east-1:111122223333:key/0f3a1c52-7e0b-4d5e-9c38-6f0d5b3e9a11"

[onprem]
internet_gateway = true
nat = true
endpoints = [{ service = "s3" }]
gateway_endpoints = [{ service = "s3" }]

[studio]
endpoints = [{ service = "studio" }, { service = "sagemaker.api" }, { service = "lambda", hosted_zone = true }]
gateway_endpoints = [{ service = "s3" }]

[dns]
mode = "server"

[app_server]
enabled = true
operator_cidr = "198.51.100.7/32"
public_key = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC9JvhsQbaW6gAqkvKVMiXRhQ9v6cGfpTcIonts9Cljc/zeI3L/YUst0QNSpkiN8UPyW7w9lzLxPCdzkyUIi7hEKk3Cdebswcf6ubv8gvIl6AUmdnTTJyrW0yY8H0vcdQbkrff259gAXqXLq7xkUCp+lpIG5mqtHRqxiNJNTzkh48Ka2cwui9loMLOT9DCyPJxdqbgQ9YY4RjOEC0BQTjNfShnyabQDBG5z4nUd2K32HnsQsi9Tl+GCqsOGPZGgFUBHBkzOv0tDfpPxxpcYnBBzXsJ2c5VMEQQqrce3IapaeGtj1H4n2oI8xf9CCTOB3uN/oRq2kN7uVgxaFd9VGWPP"

[access]
mode = "source-vpce"
"#;

/// The lab as drawn: its addresses and their fields, whatever the place.
fn blueprint() -> Blueprint {
    let image = || "ami-00000000000000001".to_owned();
    let zones = ["us-east-1a", "us-east-1b"].map(String::from);
    let account = DEFAULT_ACCOUNT.to_owned();
    let facts = Facts { region: REGION.into(), account, zones, linux_image: image(), windows_image: image() };
    draw(&plan(PLAN), &facts)
}

/// What somebody does by hand, one command after the other, and what `drift` then says: class, address and field.
/// `{ADDRESS}` is the id of what was built there, `{ADDRESS.OUTPUT}` one of its outputs, `{tags TYPE ADDRESS}` a tag
/// specification with the tags that belong there, `{tags ADDRESS}` the same for services that have no types.
struct Edit {
    by_hand: &'static [&'static str],
    shown: &'static [&'static str],
}

const CHANGES: &[Edit] = &[
    Edit {
        by_hand: &[
            "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {onprem/endpoint/s3} \
             --dns-options PrivateDnsOnlyForInboundResolverEndpoint=false",
            "aws ec2 modify-vpc-attribute --vpc-id {onprem/vpc} --no-enable-dns-hostnames",
            "aws ec2 modify-vpc-attribute --vpc-id {onprem/vpc} --no-enable-dns-support",
        ],
        shown: &[
            "changed onprem/endpoint/s3 private_dns_only_for_inbound_resolver_endpoint",
            "changed onprem/vpc dns_hostnames",
            "changed onprem/vpc dns_support",
        ],
    },
    Edit {
        by_hand: &["aws ec2 modify-subnet-attribute --subnet-id {studio/subnet/private-a} --map-public-ip-on-launch"],
        shown: &["changed studio/subnet/private-a public"],
    },
    Edit {
        by_hand: &["aws ec2 replace-route-table-association --route-table-id {onprem/route-table/public} \
             --association-id {onprem/route-table/private/association/b}"],
        shown: &["changed onprem/route-table/private/association/b route_table"],
    },
    Edit {
        by_hand: &["aws ec2 replace-route --route-table-id {onprem/route-table/public} \
             --destination-cidr-block 0.0.0.0/0 --nat-gateway-id {onprem/nat-gateway}"],
        shown: &["changed onprem/route-table/public/route/internet target"],
    },
    Edit {
        by_hand: &[
            "aws ec2 modify-security-group-rules --group-id {onprem/security-group/dns} --security-group-rules \
             'SecurityGroupRuleId={onprem/security-group/dns/rule/tcp-443-to-0.0.0.0/0},\
             SecurityGroupRule={IpProtocol=udp,FromPort=1,ToPort=2,CidrIpv4=10.0.0.0/8,Description=mine}'",
        ],
        shown: &[
            "changed onprem/security-group/dns/rule/tcp-443-to-0.0.0.0/0 description",
            "changed onprem/security-group/dns/rule/tcp-443-to-0.0.0.0/0 from_port",
            "changed onprem/security-group/dns/rule/tcp-443-to-0.0.0.0/0 peer",
            "changed onprem/security-group/dns/rule/tcp-443-to-0.0.0.0/0 protocol",
            "changed onprem/security-group/dns/rule/tcp-443-to-0.0.0.0/0 to_port",
        ],
    },
    Edit {
        by_hand: &[
            "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {studio/endpoint/studio} --no-private-dns-enabled \
             --remove-subnet-ids {studio/subnet/private-b} \
             --add-security-group-ids {studio/security-group/studio} \
             --remove-security-group-ids {studio/security-group/endpoints}",
            "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {studio/endpoint/sagemaker.api} \
             --dns-options DnsRecordIpType=service-defined --policy-document '{\"Statement\": \
             [{\"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"*\", \"Resource\": \"*\"}]}'",
        ],
        shown: &[
            "changed studio/endpoint/sagemaker.api dns_record_ip_type",
            "changed studio/endpoint/sagemaker.api policy",
            "changed studio/endpoint/studio placements",
            "changed studio/endpoint/studio private_dns",
            "changed studio/endpoint/studio security_groups",
        ],
    },
    Edit {
        by_hand: &["aws ec2 modify-vpc-endpoint --vpc-endpoint-id {onprem/gateway-endpoint/s3} \
             --remove-route-table-ids {onprem/route-table/private} --policy-document '{\"Statement\": \
             [{\"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"*\", \"Resource\": \"*\"}]}'"],
        shown: &["changed onprem/gateway-endpoint/s3 policy", "changed onprem/gateway-endpoint/s3 route_tables"],
    },
    Edit {
        by_hand: &["aws ec2 associate-dhcp-options --vpc-id {onprem/vpc} --dhcp-options-id $(aws ec2 \
             create-dhcp-options --dhcp-configurations Key=domain-name-servers,Values=203.0.113.53 \
             --query DhcpOptions.DhcpOptionsId --output text)"],
        shown: &["changed onprem/dhcp-options/association dhcp_options"],
    },
    Edit {
        by_hand: &[
            "aws route53resolver update-resolver-endpoint --resolver-endpoint-id {studio/resolver} --name mine \
             --protocols Do53 DoH",
            "aws route53resolver associate-resolver-endpoint-ip-address --resolver-endpoint-id {studio/resolver} \
             --ip-address SubnetId={studio/subnet/private-a}",
        ],
        shown: &[
            "changed studio/resolver name",
            "changed studio/resolver placements",
            "changed studio/resolver protocols",
        ],
    },
    Edit {
        by_hand: &[
            "aws route53 associate-vpc-with-hosted-zone --hosted-zone-id {studio/hosted-zone/lambda} \
             --vpc VPCRegion=us-east-1,VPCId={onprem/vpc}",
            "aws route53 update-hosted-zone-comment --id {studio/hosted-zone/lambda} --comment mine",
            "aws route53 change-resource-record-sets --hosted-zone-id {studio/hosted-zone/lambda} --change-batch \
             '{\"Changes\": [{\"Action\": \"UPSERT\", \"ResourceRecordSet\": \
             {\"Name\": \"lambda.us-east-1.amazonaws.com\", \"Type\": \"A\", \"TTL\": 60, \
             \"ResourceRecords\": [{\"Value\": \"203.0.113.9\"}]}}]}'",
        ],
        shown: &[
            "changed studio/hosted-zone/lambda comment",
            "changed studio/hosted-zone/lambda vpcs",
            "changed studio/hosted-zone/lambda/itself alias",
            "changed studio/hosted-zone/lambda/itself values",
        ],
    },
    Edit {
        by_hand: &[
            "aws ec2 modify-instance-attribute --instance-id {onprem/dns/a} --groups {onprem/security-group/app}",
            "aws ec2 modify-instance-attribute --instance-id {onprem/dns/a} --no-source-dest-check",
            "aws ec2 modify-instance-attribute --instance-id {onprem/dns/a} --disable-api-termination",
            "aws ec2 modify-instance-attribute --instance-id {onprem/dns/a} \
             --block-device-mappings 'DeviceName=/dev/xvda,Ebs={DeleteOnTermination=false}'",
            "aws ec2 modify-volume --size 9 --volume-type gp2 --volume-id $(aws ec2 describe-volumes \
             --filters Name=attachment.instance-id,Values={onprem/dns/a} --query 'Volumes[].VolumeId' --output text)",
            "aws ec2 modify-instance-metadata-options --instance-id {onprem/dns/a} --http-endpoint disabled \
             --http-tokens optional --http-put-response-hop-limit 2 --instance-metadata-tags enabled",
            "aws ec2 associate-address --network-interface-id {onprem/dns/a.network_interface} \
             --allocation-id $(aws ec2 allocate-address --query AllocationId --output text)",
        ],
        shown: &[
            "changed onprem/dns/a metadata.endpoint",
            "changed onprem/dns/a metadata.hop_limit",
            "changed onprem/dns/a metadata.tags",
            "changed onprem/dns/a metadata.tokens",
            "changed onprem/dns/a public",
            "changed onprem/dns/a root_volume.delete_on_termination",
            "changed onprem/dns/a root_volume.size_gib",
            "changed onprem/dns/a root_volume.volume_type",
            "changed onprem/dns/a security_groups",
            "changed onprem/dns/a source_dest_check",
            "changed onprem/dns/a termination_protection",
        ],
    },
    Edit {
        by_hand: &[
            "aws ec2 stop-instances --instance-ids {onprem/dns/b}",
            "aws ec2 modify-instance-attribute --instance-id {onprem/dns/b} --instance-type Value=t3.small",
            "aws ec2 modify-instance-attribute --instance-id {onprem/dns/b} --user-data Value=IyEvYmluL3NoCg==",
        ],
        shown: &[
            "changed onprem/dns/b instance_type",
            "changed onprem/dns/b running",
            "changed onprem/dns/b user_data",
        ],
    },
    Edit {
        by_hand: &["aws ec2 disassociate-iam-instance-profile --association-id $(aws ec2 \
             describe-iam-instance-profile-associations --filters Name=instance-id,Values={onprem/app} \
             --query 'IamInstanceProfileAssociations[].AssociationId' --output text)"],
        shown: &["changed onprem/app instance_profiles"],
    },
    Edit {
        by_hand: &["aws iam remove-role-from-instance-profile --instance-profile-name {onprem/app/profile} \
             --role-name {onprem/app/role}"],
        shown: &["changed onprem/app/profile role"],
    },
    Edit {
        by_hand: &[
            "aws iam update-role --role-name {access/role/portal} --description mine --max-session-duration 7200",
            "aws iam update-assume-role-policy --role-name {access/role/portal} --policy-document '{\"Version\": \
             \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \
             \"Principal\": {\"Service\": \"ec2.amazonaws.com\"}}]}'",
            "aws iam delete-role-permissions-boundary --role-name {access/role/portal}",
            "aws iam put-role-policy --role-name {access/role/portal} --policy-name presign --policy-document \
             '{\"Version\": \"2012-10-17\", \"Statement\": \
             [{\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}]}'",
        ],
        shown: &[
            "changed access/role/portal description",
            "changed access/role/portal max_session_seconds",
            "changed access/role/portal permissions_boundary",
            "changed access/role/portal trust",
            "changed access/role/portal/policy/presign document",
        ],
    },
];

const DELETIONS: &[Edit] = &[
    Edit {
        by_hand: &[
            "aws ec2 terminate-instances --instance-ids {onprem/app}",
            "aws ec2 delete-nat-gateway --nat-gateway-id {onprem/nat-gateway}",
            "aws ec2 release-address --allocation-id {onprem/nat-gateway/address}",
            "aws ec2 detach-internet-gateway --vpc-id {onprem/vpc} --internet-gateway-id {onprem/internet-gateway}",
            "aws ec2 delete-internet-gateway --internet-gateway-id {onprem/internet-gateway}",
            "aws ec2 delete-security-group --group-id {onprem/security-group/app}",
            "aws ec2 delete-key-pair --key-name {onprem/app/key-pair.name}",
        ],
        shown: &[
            "changed onprem/route-table/private/route/internet target",
            "missing onprem/app",
            "missing onprem/app/key-pair",
            "missing onprem/internet-gateway",
            "missing onprem/nat-gateway",
            "missing onprem/nat-gateway/address",
            "missing onprem/security-group/app",
            "missing onprem/security-group/app/rule/all-to-0.0.0.0/0",
            "missing onprem/security-group/app/rule/tcp-3389-from-198.51.100.7/32",
        ],
    },
    Edit {
        by_hand: &[
            "aws iam remove-role-from-instance-profile --instance-profile-name {onprem/app/profile} \
             --role-name {onprem/app/role}",
            "aws iam delete-instance-profile --instance-profile-name {onprem/app/profile}",
            "aws iam detach-role-policy --role-name {onprem/app/role} \
             --policy-arn arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
            "aws iam delete-role --role-name {onprem/app/role}",
            "aws iam delete-role-policy --role-name {access/role/portal} --policy-name work",
        ],
        shown: &[
            "missing access/role/portal/policy/work",
            "missing onprem/app/profile",
            "missing onprem/app/role",
            "missing onprem/app/role/session-manager",
        ],
    },
    Edit {
        by_hand: &[
            "aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {studio/endpoint/sagemaker.api} \
             {studio/gateway-endpoint/s3}",
            "aws route53resolver delete-resolver-endpoint --resolver-endpoint-id {studio/resolver}",
            "aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id {peering}",
            "aws ec2 associate-dhcp-options --vpc-id {onprem/vpc} --dhcp-options-id default",
            "aws ec2 delete-dhcp-options --dhcp-options-id {onprem/dhcp-options}",
        ],
        shown: &[
            "changed access/role/portal/policy/presign document",
            "changed onprem/route-table/private/route/peering target",
            "changed studio/route-table/private/route/peering target",
            "missing onprem/dhcp-options",
            "missing onprem/dhcp-options/association",
            "missing peering",
            "missing studio/endpoint/sagemaker.api",
            "missing studio/gateway-endpoint/s3",
            "missing studio/resolver",
        ],
    },
    Edit {
        by_hand: &[
            "aws route53 change-resource-record-sets --hosted-zone-id {studio/hosted-zone/lambda} --change-batch \
             '{\"Changes\": [{\"Action\": \"DELETE\", \"ResourceRecordSet\": '\"$(aws route53 \
             list-resource-record-sets --hosted-zone-id {studio/hosted-zone/lambda} --output json \
             --query 'ResourceRecordSets[?Type==`A`]|[0]')\"'}]}'",
            "aws route53 delete-hosted-zone --id {studio/hosted-zone/lambda}",
        ],
        shown: &["missing studio/hosted-zone/lambda", "missing studio/hosted-zone/lambda/itself"],
    },
    Edit {
        by_hand: &[
            "aws ec2 delete-subnet --subnet-id {onprem/subnet/public-b}",
            "aws ec2 disassociate-route-table --association-id {onprem/route-table/public/association/a}",
            "aws ec2 delete-route-table --route-table-id {onprem/route-table/public}",
        ],
        shown: &[
            "missing onprem/route-table/public",
            "missing onprem/route-table/public/association/a",
            "missing onprem/route-table/public/association/b",
            "missing onprem/route-table/public/route/internet",
            "missing onprem/route-table/public/route/peering",
            "missing onprem/subnet/public-b",
        ],
    },
];

/// Made again by hand at the address of what was deleted, but not as it should be.
const RECREATIONS: &[Edit] = &[
    Edit {
        by_hand: &[
            "aws ec2 create-internet-gateway {tags internet-gateway onprem/internet-gateway}",
            "aws ec2 create-nat-gateway --connectivity-type private --subnet-id {onprem/subnet/private-a} \
             {tags natgateway onprem/nat-gateway}",
            "aws ec2 import-key-pair --key-name breezeway-demo --public-key-material \
             'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtH/uKP6c4qQta46K//JvvcF4yahBsuCsOt4R4AgY5E' \
             {tags key-pair onprem/app/key-pair}",
            "aws ec2 run-instances --instance-type t3.small --subnet-id {onprem/subnet/private-b} --image-id $(aws ssm \
             get-parameter --name /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64 \
             --query Parameter.Value --output text) {tags instance onprem/app}",
        ],
        shown: &[
            "changed onprem/internet-gateway vpc",
            "changed onprem/nat-gateway elastic_ip",
            "changed onprem/nat-gateway private_address",
            "changed onprem/nat-gateway subnet",
            "changed onprem/app/key-pair public_key",
            "changed onprem/app image",
            "changed onprem/app key_pair",
            "changed onprem/app private_address",
            "changed onprem/app root_volume.encrypted",
            "changed onprem/app root_volume.kms_key",
            "changed onprem/app subnet",
        ],
    },
    Edit {
        by_hand: &[
            "aws ec2 create-security-group --vpc-id {studio/vpc} --group-name mine --description mine \
             {tags security-group onprem/security-group/app}",
            "aws ec2 revoke-security-group-egress --group-id {onprem/security-group/dns} \
             --security-group-rule-ids {onprem/security-group/dns/rule/udp-53-to-0.0.0.0/0}",
            "aws ec2 authorize-security-group-ingress --group-id {studio/security-group/endpoints} \
             --ip-permissions 'IpProtocol=udp,FromPort=53,ToPort=53,IpRanges=[{CidrIp=0.0.0.0/0}]' \
             {tags security-group-rule onprem/security-group/dns/rule/udp-53-to-0.0.0.0/0}",
            "aws ec2 create-subnet --vpc-id {studio/vpc} --cidr-block 10.16.0.0/24 --availability-zone us-east-1c \
             {tags subnet onprem/subnet/public-b}",
            "aws ec2 create-route-table --vpc-id {studio/vpc} {tags route-table onprem/route-table/public}",
            "aws ec2 create-vpc-peering-connection --vpc-id {onprem/vpc} --peer-vpc-id {studio/vpc} \
             {tags vpc-peering-connection peering}",
            "aws ec2 create-dhcp-options --dhcp-configurations Key=domain-name-servers,Values=203.0.113.53 \
             {tags dhcp-options onprem/dhcp-options}",
        ],
        shown: &[
            "changed onprem/security-group/app description",
            "changed onprem/security-group/app name",
            "changed onprem/security-group/app vpc",
            "changed onprem/security-group/dns/rule/udp-53-to-0.0.0.0/0 direction",
            "changed onprem/security-group/dns/rule/udp-53-to-0.0.0.0/0 group",
            "changed onprem/route-table/public vpc",
            "changed onprem/subnet/public-b cidr",
            "changed onprem/subnet/public-b vpc",
            "changed onprem/subnet/public-b zone",
            "changed peering accepted",
            "changed peering accepter",
            "changed peering requester",
            "changed onprem/dhcp-options options",
        ],
    },
    Edit {
        by_hand: &[
            "aws ec2 create-vpc-endpoint --vpc-endpoint-type Interface --vpc-id {onprem/vpc} \
             --service-name com.amazonaws.us-east-1.sts --subnet-ids {onprem/subnet/private-a} \
             --security-group-ids {onprem/security-group/dns} {tags vpc-endpoint studio/endpoint/sagemaker.api}",
            "aws ec2 create-vpc-endpoint --vpc-endpoint-type Gateway --vpc-id {onprem/vpc} \
             --service-name com.amazonaws.us-east-1.dynamodb {tags vpc-endpoint studio/gateway-endpoint/s3}",
            "aws route53resolver create-resolver-endpoint --creator-request-id again --name breezeway-demo-inbound \
             --direction OUTBOUND --security-group-ids {onprem/security-group/dns} \
             --ip-addresses SubnetId={onprem/subnet/private-a} SubnetId={onprem/subnet/private-b} \
             {tags studio/resolver}",
        ],
        shown: &[
            "changed studio/endpoint/sagemaker.api service",
            "changed studio/endpoint/sagemaker.api vpc",
            "changed studio/gateway-endpoint/s3 service",
            "changed studio/gateway-endpoint/s3 vpc",
            "changed studio/resolver direction",
            "changed studio/resolver security_groups",
            "changed studio/resolver vpc",
        ],
    },
    Edit {
        by_hand: &[
            "aws iam create-role --role-name mine --path /breezeway/us-east-1/demo/mine/ --assume-role-policy-document \
             '{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \
             \"Principal\": {\"Service\": \"ec2.amazonaws.com\"}}]}' {tags onprem/app/role}",
            "aws iam create-instance-profile --instance-profile-name mine --path /breezeway/us-east-1/demo/mine/ \
             {tags onprem/app/profile}",
        ],
        shown: &[
            "changed onprem/app/role name",
            "changed onprem/app/role path",
            "changed onprem/app/profile name",
            "changed onprem/app/profile path",
        ],
    },
    Edit {
        by_hand: &["aws route53 create-hosted-zone --name mine.example --vpc VPCRegion=us-east-1,VPCId={studio/vpc} \
             --caller-reference breezeway/us-east-1/demo/studio/hosted-zone/lambda/mine"],
        shown: &["changed studio/hosted-zone/lambda name"],
    },
];

/// Things that nobody asked for: in sets that are the lab's, with its tags, or inside its containers.
const ADDITIONS: &[Edit] = &[
    Edit {
        by_hand: &[
            "aws ec2 create-route --route-table-id {studio/route-table/private} \
             --destination-cidr-block 203.0.113.0/24 --vpc-peering-connection-id {peering}",
            "aws ec2 authorize-security-group-ingress --group-id {studio/security-group/endpoints} --protocol tcp \
             --port 22 --cidr 0.0.0.0/0",
            "aws ec2 authorize-security-group-egress --group-id {studio/security-group/resolver} --protocol tcp \
             --port 443 --cidr 0.0.0.0/0",
            "aws ec2 associate-dhcp-options --vpc-id {studio/vpc} --dhcp-options-id {onprem/dhcp-options}",
            "aws iam put-role-policy --role-name {access/role/portal} --policy-name mine --policy-document \
             '{\"Version\": \"2012-10-17\", \"Statement\": \
             [{\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}]}'",
            "aws iam attach-role-policy --role-name {access/role/portal} \
             --policy-arn arn:aws:iam::aws:policy/AdministratorAccess",
            "aws route53 change-resource-record-sets --hosted-zone-id {studio/hosted-zone/lambda} --change-batch \
             '{\"Changes\": [{\"Action\": \"CREATE\", \"ResourceRecordSet\": \
             {\"Name\": \"mine.lambda.us-east-1.amazonaws.com\", \"Type\": \"A\", \"TTL\": 60, \
             \"ResourceRecords\": [{\"Value\": \"203.0.113.9\"}]}}]}'",
        ],
        shown: &[
            "unmanaged studio/hosted-zone/lambda/<record_set>",
            "unmanaged access/role/portal/<role_policy>",
            "unmanaged access/role/portal/<role_policy_attachment>",
            "unmanaged studio/route-table/private/<route>",
            "unmanaged studio/security-group/endpoints/<security_group_rule>",
            "unmanaged studio/security-group/resolver/<security_group_rule>",
            "unmanaged studio/vpc/<dhcp_options_association>",
        ],
    },
    Edit {
        by_hand: &[
            "aws ec2 create-vpc --cidr-block 10.99.0.0/16 {tags vpc extra/vpc}",
            "aws ec2 create-internet-gateway {tags internet-gateway extra/internet-gateway}",
            "aws ec2 allocate-address {tags elastic-ip extra/address}",
            "aws ec2 create-dhcp-options --dhcp-configurations Key=domain-name,Values=extra.example \
             {tags dhcp-options extra/dhcp-options}",
            "aws ec2 create-volume --availability-zone us-east-1a --size 1 {tags volume onprem/app/volume}",
            "aws iam create-role --role-name extra --path /breezeway/us-east-1/demo/ --assume-role-policy-document \
             '{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \
             \"Principal\": {\"Service\": \"ec2.amazonaws.com\"}}]}' {tags extra/role}",
            "aws route53 create-hosted-zone --name extra.example --vpc VPCRegion=us-east-1,VPCId={studio/vpc} \
             --caller-reference breezeway/us-east-1/demo/extra/zone/1",
            "aws iam create-instance-profile --instance-profile-name extra --path /breezeway/us-east-1/demo/ \
             {tags extra/profile}",
        ],
        shown: &[
            "unmanaged <vpc>",
            "unmanaged <internet_gateway>",
            "unmanaged <elastic_ip>",
            "unmanaged <dhcp_options>",
            "unmanaged <volume>",
            "unmanaged <role>",
            "unmanaged <hosted_zone>",
            "unmanaged <instance_profile>",
        ],
    },
];

const FOREIGN: &[Edit] = &[
    Edit {
        by_hand: &[
            "aws ec2 create-subnet --vpc-id {studio/vpc} --cidr-block 10.16.200.0/24",
            "aws ec2 create-route-table --vpc-id {studio/vpc}",
            "aws ec2 create-security-group --vpc-id {studio/vpc} --group-name mine --description mine",
            "aws ec2 create-network-interface --subnet-id {studio/subnet/private-b}",
            "aws ec2 create-vpc-endpoint --vpc-endpoint-type Gateway --vpc-id {studio/vpc} \
             --service-name com.amazonaws.us-east-1.dynamodb",
            "aws ec2 create-network-acl-entry --ingress --rule-number 50 --protocol=-1 --rule-action deny \
             --cidr-block 203.0.113.0/24 --network-acl-id $(aws ec2 describe-network-acls --query \
             'NetworkAcls[].NetworkAclId' --output text --filters Name=vpc-id,Values={studio/vpc})",
        ],
        shown: &[
            "unmanaged studio/vpc/<network_acl>",
            "unmanaged studio/vpc/<subnet>",
            "unmanaged studio/vpc/<route_table>",
            "unmanaged studio/vpc/<security_group>",
            "unmanaged studio/subnet/private-b/<network_interface>",
            "unmanaged studio/vpc/<gateway_endpoint>",
        ],
    },
    Edit {
        by_hand: &[
            "aws ec2 run-instances --instance-type t3.micro --subnet-id {studio/subnet/private-a} --image-id $(aws ssm \
             get-parameter --name /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64 \
             --query Parameter.Value --output text)",
            "aws ec2 create-nat-gateway --connectivity-type private --subnet-id {studio/subnet/private-a}",
            "aws ec2 create-vpc-endpoint --vpc-endpoint-type Interface --vpc-id {studio/vpc} \
             --service-name com.amazonaws.us-east-1.sts --subnet-ids {studio/subnet/private-a}",
            "aws route53resolver create-resolver-endpoint --creator-request-id mine --direction OUTBOUND \
             --security-group-ids {studio/security-group/resolver} \
             --ip-addresses SubnetId={studio/subnet/private-a} SubnetId={studio/subnet/private-b}",
            "aws ec2 create-vpc-peering-connection --vpc-id {studio/vpc} --peer-vpc-id $(aws ec2 describe-vpcs \
             --filters Name=is-default,Values=true --query 'Vpcs[].VpcId' --output text)",
            "aws route53resolver associate-resolver-rule --vpc-id {studio/vpc} --resolver-rule-id $(aws route53resolver \
             create-resolver-rule --creator-request-id mine-too --rule-type SYSTEM --domain-name other.example \
             --query ResolverRule.Id --output text)",
        ],
        shown: &[
            "unmanaged studio/subnet/private-a/<instance>",
            "unmanaged studio/subnet/private-a/<nat_gateway>",
            "unmanaged studio/vpc/<interface_endpoint>",
            "unmanaged studio/vpc/<resolver_endpoint>",
            "unmanaged studio/vpc/<vpc_peering_connection>",
            "unmanaged studio/vpc/<resolver_rule_association>",
        ],
    },
];

/// What no edit here can show, and why, or which test of another file shows it: a kind with its field or the class of
/// difference.
const BEYOND: &[(&str, &str, &str)] = &[
    ("dhcp_options_association", "vpc", "it is known by its VPC"),
    ("interface_endpoint", "ip_address_type", "another takes subnets with IPv6 ranges, which the sandbox lacks"),
    ("key_pair", "name", "it is known by its name"),
    ("key_pair", "unmanaged", "it is known by its name"),
    ("record_set", "hosted_zone", "it is known by its name, type and zone"),
    ("record_set", "name", "it is known by its name, type and zone"),
    ("record_set", "record_type", "it is known by its name, type and zone"),
    ("record_set", "set_identifier", "it is known by its name, type and zone, and this among others of them"),
    ("record_set", "ttl_seconds", "an alias has none: what it leads to says so"),
    ("resolver_endpoint", "ip_address_type", "another takes subnets with IPv6 ranges, which the sandbox lacks"),
    ("role_policy", "name", "it is known by its name and role"),
    ("role_policy", "role", "it is known by its name and role"),
    ("role_policy_attachment", "policy_arn", "it is known by what it attaches to which role"),
    ("role_policy_attachment", "role", "it is known by what it attaches to which role"),
    ("route", "destination", "it is known by its destination and table"),
    ("route", "route_table", "it is known by its destination and table"),
    ("route_table_association", "subnet", "it is known by its subnet"),
    ("route_table_association", "unmanaged", "a subnet has one, and each of the lab's should"),
    // The foundation has none of these: where else they are shown.
    ("api_authorizer", "unmanaged", "tests/api.rs what_is_added_by_hand_is_removed"),
    ("api_deployment", "unmanaged", "tests/api.rs what_is_deployed_by_hand_is_taken_back"),
    ("api_method", "unmanaged", "tests/api.rs what_is_added_by_hand_is_removed"),
    ("api_resource", "unmanaged", "tests/api.rs what_is_added_by_hand_is_removed"),
    ("api_stage", "unmanaged", "tests/api.rs what_is_added_by_hand_is_removed"),
    ("app", "unmanaged", "tests/domain.rs an_app_that_runs_and_a_space_in_use_go_with_their_domain"),
    ("domain", "unmanaged", "tests/domain.rs one_domain_more_than_the_plan_asks_for_is_drift_and_removed"),
    ("file_system", "unmanaged", "tests/domain.rs a_domain_deleted_by_hand_is_built_again"),
    ("function", "unmanaged", "tests/portal_compute.rs what_has_the_name_of_a_portals_and_no_tag_is_foreign"),
    (
        "function_permission",
        "unmanaged",
        "tests/portal_compute.rs every_row_and_statement_that_nobody_asked_for_is_drift",
    ),
    ("log_group", "unmanaged", "tests/portal_compute.rs what_has_the_name_of_a_portals_and_no_tag_is_foreign"),
    ("rest_api", "unmanaged", "tests/api.rs one_api_more_than_the_plan_asks_for_is_drift_and_removed"),
    ("space", "unmanaged", "tests/domain.rs an_app_that_runs_and_a_space_in_use_go_with_their_domain"),
    ("table", "unmanaged", "tests/portal_compute.rs what_has_the_name_of_a_portals_and_no_tag_is_foreign"),
    ("table_item", "unmanaged", "tests/portal_compute.rs every_row_and_statement_that_nobody_asked_for_is_drift"),
    ("user_pool", "unmanaged", "tests/sign_in.rs one_pool_more_than_the_plan_asks_for_is_drift_and_removed"),
    (
        "user_pool_client",
        "unmanaged",
        "tests/sign_in.rs a_second_client_is_removed_and_a_user_of_somebody_elses_left_alone",
    ),
    (
        "user_pool_user",
        "unmanaged",
        "tests/sign_in.rs a_second_client_is_removed_and_a_user_of_somebody_elses_left_alone",
    ),
    ("user_profile", "unmanaged", "tests/domain.rs a_profile_made_by_hand_is_drift_and_goes_with_the_domain"),
    ("vpc", "cidr", "AWS deletes a VPC only when it is empty, and changes no CIDR"),
    ("vpc", "missing", "AWS deletes a VPC only when it is empty"),
];

/// The lab on this machine, edited.
struct Edited {
    machine: Machine,
    blueprint: Blueprint,
    /// What stands in the place of each `{…}`.
    known: BTreeMap<String, String>,
}

impl Edited {
    fn new() -> Self {
        let machine = Machine::with_the_lab(PLAN);
        let known = machine.known(LAB);
        Self { machine, blueprint: blueprint(), known }
    }

    /// The command with every `{…}` filled in.
    fn filled(&self, command: &str) -> String {
        let filled = filled(command, &self.known);
        let Some((before, rest)) = filled.split_once("{tags ") else { return filled };
        let (what, after) = rest.split_once('}').unwrap();
        let (kind, address) = what.split_once(' ').map_or((None, what), |(kind, address)| (Some(kind), address));
        let desired = self.blueprint.get(&address.into()).map(|desired| desired.tags.clone());
        let extra = || [("breezeway:lab", LAB), ("breezeway:address", address)];
        let tags = desired.unwrap_or_else(|| extra().map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        match kind {
            Some(kind) => {
                let specification = json!([{"ResourceType": kind, "Tags": tags}]);
                format!("{before}--tag-specifications '{specification}'{after}")
            }
            None => format!("{before}--tags '{}'{after}", json!(tags)),
        }
    }

    /// Makes all edits, each one's commands in order.
    fn by_hand(&self, edits: &[Edit]) {
        let served = self.machine.serve();
        let queue = Mutex::new(edits.iter());
        let next = || queue.lock().unwrap().next();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let shell = served.shell();
                    while let Some(edit) = next() {
                        edit.by_hand.iter().for_each(|command| drop(shell.run(&self.filled(command))));
                    }
                });
            }
        });
    }

    /// Takes a tag from each, with the call of its service.
    fn untag(&self, key: &str, resources: &[&Desired]) {
        let served = self.machine.serve();
        let shell = served.shell();
        let mut of_ec2 = Vec::new();
        for desired in resources {
            let id = &self.known[desired.address.as_str()];
            match desired.kind() {
                Kind::Role => shell.run(&format!("aws iam untag-role --role-name {id} --tag-keys {key}")),
                Kind::InstanceProfile => {
                    shell.run(&format!("aws iam untag-instance-profile --instance-profile-name {id} --tag-keys {key}"))
                }
                Kind::ResolverEndpoint => {
                    let arn = &self.known[&format!("{}.arn", desired.address)];
                    shell.run(&format!("aws route53resolver untag-resource --resource-arn {arn} --tag-keys {key}"))
                }
                Kind::HostedZone => shell.run(&format!(
                    "aws route53 change-tags-for-resource --resource-type hostedzone --resource-id {id} \
                     --remove-tag-keys {key}"
                )),
                _ => {
                    of_ec2.push(id.as_str());
                    continue;
                }
            };
        }
        shell.run(&format!("aws ec2 delete-tags --tags Key={key} --resources {}", of_ec2.join(" ")));
    }

    fn drift(&self) -> BTreeSet<String> {
        let drift = self.machine.document(&["drift", LAB], 2);
        drift["differences"].as_array().unwrap().iter().flat_map(lines).collect()
    }

    fn is_clean_after_up(&self) {
        self.machine.breezeway(&["up", LAB]).expect(0, "up");
        assert_eq!(self.machine.document(&["drift", LAB], 0)["differences"], json!([]));
    }
}

/// A difference as `CLASS ADDRESS FIELD`, one line for each member of a compound field; what has no address of its own
/// is called by its kind.
fn lines(difference: &Value) -> Vec<String> {
    let text = |member: &str| difference[member].as_str().unwrap_or_default();
    let (class, kind) = (text("class"), text("type"));
    let address = match class {
        "unmanaged" => {
            let own = text("id").rsplit(' ').next().unwrap();
            let place = text("address").strip_suffix(own).unwrap_or_default();
            format!("{place}<{kind}>")
        }
        _ => text("address").to_owned(),
    };
    let field = text("field");
    let fields = match (kind, field) {
        ("instance", "metadata" | "root_volume") => {
            let parts = leaves(field, &difference["expected"], &difference["actual"]);
            parts.into_iter().map(|part| part.field).collect()
        }
        _ => vec![field.to_owned()],
    };
    fields.iter().map(|field| format!("{class} {address} {field}").trim_end().to_owned()).collect()
}

fn shown(edits: &[Edit]) -> BTreeSet<String> {
    edits.iter().flat_map(|edit| edit.shown).map(|line| (*line).to_owned()).collect()
}

#[test]
fn changes_are_found_and_repaired() {
    let lab = Edited::new();
    lab.by_hand(CHANGES);
    assert_eq!(lab.drift(), shown(CHANGES));
    lab.is_clean_after_up();
}

#[test]
fn deletions_are_found_and_repaired() {
    let lab = Edited::new();
    lab.by_hand(DELETIONS);
    assert_eq!(lab.drift(), shown(DELETIONS));
    lab.by_hand(RECREATIONS);
    let drift = lab.drift();
    let unseen: Vec<_> = shown(RECREATIONS).difference(&drift).cloned().collect();
    assert_eq!(unseen, Vec::<String>::new(), "{drift:#?}");
    lab.is_clean_after_up();
}

#[test]
fn additions_are_found_and_those_of_others_left_alone() {
    let lab = Edited::new();
    lab.by_hand(ADDITIONS);
    lab.by_hand(FOREIGN);
    assert_eq!(lab.drift(), &shown(ADDITIONS) | &shown(FOREIGN));
    lab.machine.breezeway(&["up", LAB]).expect(0, "up");
    assert_eq!(lab.drift(), shown(FOREIGN));
}

#[test]
fn lost_tags_are_found() {
    let lab = Edited::new();
    let tagged: Vec<_> = lab.blueprint.iter().filter(|desired| desired.kind().tagged()).collect();
    lab.untag("Name", &tagged);
    let nameless = tagged.iter().map(|desired| format!("changed {} tags.Name", desired.address));
    assert_eq!(lab.drift(), nameless.collect());
    lab.is_clean_after_up();

    let mut kinds = BTreeSet::new();
    // Whose a zone is, its caller reference says, which stays.
    let by_tags = tagged.into_iter().filter(|desired| desired.kind() != Kind::HostedZone);
    let one_of_each: Vec<_> = by_tags.filter(|desired| kinds.insert(desired.kind())).collect();
    lab.untag("breezeway:lab", &one_of_each);
    let shown = one_of_each.iter().map(|desired| match desired.kind().root() {
        true => format!("unproven {}", desired.address),
        false => format!("changed {} tags.breezeway:lab", desired.address),
    });
    assert_eq!(lab.drift(), shown.collect());
    // Whose a root is, a person says: with the command that is shown.
    let drift = lab.machine.document(&["drift", LAB], 2);
    let served = lab.machine.serve();
    for difference in drift["differences"].as_array().unwrap().iter().filter(|one| one["class"] == "unproven") {
        let (_, command) = difference["effect"].as_str().unwrap().split_once("if it is the lab's: ").unwrap();
        served.shell().run(command);
    }
    drop(served);
    lab.is_clean_after_up();
}

#[test]
fn nothing_is_left_out() {
    let blueprint = blueprint();
    let mut needed = BTreeSet::new();
    for desired in blueprint.iter() {
        let kind = desired.kind().name();
        for (field, value) in desired.spec.fields() {
            match value.as_object().filter(|_| matches!(field.as_str(), "metadata" | "root_volume")) {
                Some(members) => needed.extend(members.keys().map(|member| (kind, format!("{field}.{member}")))),
                None => drop(needed.insert((kind, field))),
            }
        }
        needed.insert((kind, "missing".to_owned()));
    }
    needed.extend(Kind::ALL.iter().map(|kind| (kind.name(), "unmanaged".to_owned())));
    let shown: BTreeSet<String> =
        [CHANGES, DELETIONS, RECREATIONS, ADDITIONS, FOREIGN].into_iter().flat_map(shown).collect();
    for line in shown {
        let mut words = line.split(' ');
        let (class, address, field) = (words.next().unwrap(), words.next().unwrap(), words.next());
        match class {
            "unmanaged" => {
                let kind = address.rsplit_once('<').unwrap().1.trim_end_matches('>');
                needed.retain(|(needed, what)| (*needed, what.as_str()) != (kind, class));
            }
            _ => {
                let kind = blueprint.get(&address.into()).expect(address).kind().name();
                needed.remove(&(kind, field.unwrap_or(class).to_owned()));
            }
        }
    }
    let beyond = BEYOND.iter().map(|(kind, what, _)| (*kind, (*what).to_owned())).collect();
    assert_eq!(needed, beyond);
}

#[test]
fn what_is_shown_elsewhere_is() {
    let elsewhere: Vec<_> = BEYOND.iter().filter(|(_, _, why)| why.starts_with("tests/")).collect();
    assert!(!elsewhere.is_empty());
    for (kind, what, why) in elsewhere {
        let (file, test) = why.split_once(' ').unwrap_or_else(|| panic!("{kind} {what}: which test of {why}?"));
        let text = fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(text.contains(&format!("#[test]\nfn {test}()")), "{kind} {what}: no test {test} in {file}");
    }
}
