//! Where moto does otherwise than AWS's documentation says, and a lab could notice. Each comment says what AWS
//! documents: Breezeway goes by it, and the sandbox does it. When moto learns one of these, its assertion fails, and what
//! `amended.py` does about it can go.

use aws_sdk_ec2::error::SdkError;
use aws_sdk_ec2::types::{
    ConnectivityType, DomainType, Filter, InstanceNetworkInterfaceSpecification, InstanceStateName, IpPermission,
    NatGatewayState, NetworkInterface, NewDhcpConfiguration, ResourceType, RouteState, SubnetConfiguration, Tag,
    TagSpecification, UserIdGroupPair, VpcEndpoint, VpcEndpointType, VpcState,
};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, LogFormat, LoggingConfig, Runtime, State};
use aws_sdk_route53resolver::types::{IpAddressRequest, ResolverEndpointDirection, ResolverEndpointStatus};
use aws_sdk_sagemaker::types::{AppNetworkAccessType, AuthMode, DomainStatus, HomeEfsFileSystemCreation, UserSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use breezeway::aws::Aws;
use breezeway::portal::Program;

use super::Account;
use super::server::Moto;

const LAMBDA: &str = "com.amazonaws.us-east-1.lambda";

#[test]
fn moto_differs_from_aws_in_these() {
    let moto = Moto::as_released();
    Account::new(&moto, 0).by_hand(networks);
    Account::new(&moto, 1).by_hand(gateways);
    Account::new(&moto, 2).by_hand(endpoints);
    Account::new(&moto, 3).by_hand(hosts);
    Account::new(&moto, 4).by_hand(names);
    Account::new(&moto, 5).by_hand(studio);
    Account::new(&moto, 6).by_hand(functions);
}

async fn networks(aws: &Aws) {
    let create = |cidr: &str| aws.ec2.create_vpc().cidr_block(cidr).send();
    let (one, two) = (create("10.1.0.0/16").await.unwrap(), create("10.2.0.0/16").await.unwrap());
    let (one, two) = (one.vpc().unwrap(), two.vpc().unwrap());
    let (one_id, two_id) = (one.vpc_id().unwrap(), two.vpc_id().unwrap());
    // A VPC begins as `pending`: moto waits for nothing.
    assert_eq!(one.state(), Some(&VpcState::Available));
    // It begins with the Region's own DHCP options, which are a set like others.
    assert_eq!(one.dhcp_options_id(), Some("default"));
    // A dry run makes nothing and is answered by `DryRunOperation`.
    aws.ec2.create_vpc().cidr_block("10.3.0.0/16").dry_run(true).send().await.unwrap();
    // Its default security group has a rule that lets everything in from itself.
    let groups = aws.ec2.describe_security_groups().filters(filter("vpc-id", one_id)).send().await.unwrap();
    assert!(groups.security_groups()[0].ip_permissions().is_empty());
    // Names of security groups are unique within a VPC whatever their case.
    let group = group(aws, one_id, "group").await;
    self::group(aws, one_id, "GROUP").await;
    // A rule whose other side is a group keeps its description.
    let pair = UserIdGroupPair::builder().group_id(&group).description("among us").build();
    let everything = IpPermission::builder().ip_protocol("-1").user_id_group_pairs(pair).build();
    aws.ec2.authorize_security_group_ingress().group_id(&group).ip_permissions(everything).send().await.unwrap();
    let rules = aws.ec2.describe_security_group_rules().filters(filter("group-id", &group)).send().await.unwrap();
    let inward = rules.security_group_rules().iter().find(|rule| rule.is_egress() == Some(false)).unwrap();
    assert_eq!(inward.description(), None);
    // A client token answers with the resource that it made.
    let table = || aws.ec2.create_route_table().vpc_id(one_id).client_token("token").send();
    let (table, again) = (table().await.unwrap(), table().await.unwrap());
    let table = table.route_table().unwrap().route_table_id().unwrap();
    assert_ne!(again.route_table().unwrap().route_table_id(), Some(table));
    // A second peering of the same pair is refused.
    let peer = || aws.ec2.create_vpc_peering_connection().vpc_id(one_id).peer_vpc_id(two_id).send();
    let (peering, _second) = (peer().await.unwrap(), peer().await.unwrap());
    let peering = peering.vpc_peering_connection().unwrap().vpc_peering_connection_id().unwrap();
    // A route into a peering that is pending, or deleted, is a `blackhole`.
    let route = aws.ec2.create_route().route_table_id(table).destination_cidr_block("10.2.0.0/16");
    route.vpc_peering_connection_id(peering).send().await.unwrap();
    aws.ec2.delete_vpc_peering_connection().vpc_peering_connection_id(peering).send().await.unwrap();
    let tables = aws.ec2.describe_route_tables().route_table_ids(table).send().await.unwrap();
    assert!(tables.route_tables()[0].routes().iter().all(|route| route.state() == Some(&RouteState::Active)));
    // A VPC takes its network ACL with it.
    aws.ec2.delete_vpc().vpc_id(two_id).send().await.unwrap();
    let acls = aws.ec2.describe_network_acls().filters(filter("vpc-id", two_id)).send().await.unwrap();
    assert_eq!(acls.network_acls().len(), 1);
}

async fn gateways(aws: &Aws) {
    let (vpc, subnet) = subnet(aws).await;
    // CreateDhcpOptions sets the tags that it is given.
    let servers = NewDhcpConfiguration::builder().key("domain-name-servers").values("10.1.0.2").build();
    let options = aws.ec2.create_dhcp_options().dhcp_configurations(servers);
    let options = options.tag_specifications(tags(ResourceType::DhcpOptions)).send().await.unwrap();
    assert_eq!(options.dhcp_options().unwrap().tags(), []);

    let gateway = aws.ec2.create_internet_gateway().send().await.unwrap();
    let internet = gateway.internet_gateway().unwrap().internet_gateway_id().unwrap();
    aws.ec2.attach_internet_gateway().internet_gateway_id(internet).vpc_id(&vpc).send().await.unwrap();
    let address = aws.ec2.allocate_address().domain(DomainType::Vpc).send().await.unwrap();
    let address = address.allocation_id().unwrap();
    // A NAT gateway begins as `pending`, and says which of its addresses is the primary one.
    let nat = aws.ec2.create_nat_gateway().subnet_id(&subnet).allocation_id(address).private_ip_address("10.1.0.30");
    let nat = nat.connectivity_type(ConnectivityType::Public).send().await.unwrap();
    let nat = nat.nat_gateway().unwrap();
    assert_eq!(nat.state(), Some(&NatGatewayState::Available));
    assert_eq!(nat.nat_gateway_addresses()[0].is_primary(), None);
    // Its interface has an address of the subnet, and a description that names the gateway.
    let interfaces = interfaces(aws, &vpc).await;
    assert!(!interfaces[0].private_ip_address().unwrap().starts_with("10.1.0."));
    assert_eq!(interfaces[0].description(), Some(""));
    // A VPC keeps its internet gateway while it has mapped public addresses: `DependencyViolation`.
    aws.ec2.detach_internet_gateway().internet_gateway_id(internet).vpc_id(&vpc).send().await.unwrap();
    // A NAT gateway is `deleting` for a while, lets its address go, and takes its interface with it.
    aws.ec2.delete_nat_gateway().nat_gateway_id(nat.nat_gateway_id().unwrap()).send().await.unwrap();
    let nats = aws.ec2.describe_nat_gateways().send().await.unwrap();
    assert_eq!(nats.nat_gateways()[0].state(), Some(&NatGatewayState::Deleted));
    assert_eq!(self::interfaces(aws, &vpc).await.len(), 1);
    // An address in use can't be released: `InvalidIPAddress.InUse`.
    let addresses = aws.ec2.describe_addresses().send().await.unwrap();
    assert!(addresses.addresses()[0].association_id().is_some());
    aws.ec2.release_address().allocation_id(address).send().await.unwrap();
}

async fn endpoints(aws: &Aws) {
    let (vpc, subnet) = subnet(aws).await;
    let group = group(aws, &vpc, "doors").await;
    // `service-name` is a filter, with `Values`.
    let services = aws.ec2.describe_vpc_endpoint_services().filters(filter("service-name", LAMBDA)).send();
    assert_eq!(services.await.unwrap_err().raw_response().unwrap().status().as_u16(), 500);
    // Private DNS needs both DNS attributes of the VPC, and DnsHostnames is off at first.
    let create = async |service: &str| -> VpcEndpoint {
        let call = aws.ec2.create_vpc_endpoint().vpc_endpoint_type(VpcEndpointType::Interface).vpc_id(&vpc);
        let chosen = SubnetConfiguration::builder().subnet_id(&subnet).ipv4("10.1.0.74").build();
        let call = call.service_name(service).subnet_ids(&subnet).subnet_configurations(chosen);
        let answer = call.security_group_ids(&group).private_dns_enabled(true).send().await.unwrap();
        answer.vpc_endpoint.unwrap()
    };
    let endpoint = create(LAMBDA).await;
    let id = endpoint.vpc_endpoint_id().unwrap();
    // An interface endpoint begins as `pending`.
    assert_eq!(endpoint.state().unwrap().as_str(), "available");
    // Its interface has the address that was chosen, or another of the subnet, the endpoint's groups, and a description
    // that names the endpoint.
    let interface = &interfaces(aws, &vpc).await[0];
    assert!(!interface.private_ip_address().unwrap().starts_with("10.1.0."));
    assert_ne!(interface.groups()[0].group_id(), Some(group.as_str()));
    assert_eq!(interface.description(), Some(""));
    // Its DNS entries are its own names, under `vpce.amazonaws.com`, and the private ones.
    let names: Vec<_> = endpoint.dns_entries().iter().filter_map(|entry| entry.dns_name()).collect();
    assert!(names.len() == 1 && names[0].ends_with(LAMBDA), "{names:?}");
    // A private name has one owner in a VPC.
    create(LAMBDA).await;
    // There must be such a service: `InvalidServiceName`.
    create("com.amazonaws.us-east-1.nothing").await;
    // `vpc-endpoint-id` is a filter.
    aws.ec2.describe_vpc_endpoints().filters(filter("vpc-endpoint-id", id)).send().await.unwrap_err();
    // Private DNS can be turned off.
    aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(id).private_dns_enabled(false).send().await.unwrap();
    let endpoints = aws.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.unwrap();
    assert_eq!(endpoints.vpc_endpoints()[0].private_dns_enabled(), Some(true));
    // ResetPolicy puts back the policy that allows everything.
    let modify = || aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(id);
    modify().policy_document("{}").send().await.unwrap();
    modify().reset_policy(true).send().await.unwrap();
    let endpoints = aws.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.unwrap();
    assert_eq!(endpoints.vpc_endpoints()[0].policy_document(), Some("{}"));
    // Every API has a private name of its own, so that of `execute-api` is a wildcard; `sagemaker.runtime` is
    // `runtime.sagemaker` in host names.
    for service in ["execute-api", "sagemaker.runtime"] {
        let service_name = format!("com.amazonaws.us-east-1.{service}");
        let services = aws.ec2.describe_vpc_endpoint_services().service_names(service_name).send().await.unwrap();
        let private = services.service_details()[0].private_dns_names()[0].private_dns_name().unwrap();
        assert_eq!(private, format!("{service}.us-east-1.amazonaws.com"));
    }
    // An endpoint is `deleting` for a while.
    aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send().await.unwrap();
    let endpoints = aws.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.unwrap();
    assert_eq!(endpoints.vpc_endpoints()[0].state().unwrap().as_str(), "deleted");
    // A group and a subnet stay while interfaces of endpoints are there: `DependencyViolation`.
    aws.ec2.delete_security_group().group_id(&group).send().await.unwrap();
    aws.ec2.delete_subnet().subnet_id(&subnet).send().await.unwrap();
}

async fn hosts(aws: &Aws) {
    let (vpc, subnet) = subnet(aws).await;
    let group = group(aws, &vpc, "hosts").await;
    // Windows AMIs have public parameters.
    let windows = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base";
    aws.ssm.get_parameter().name(windows).send().await.unwrap_err();
    // DescribeParameters lists the account's own parameters only.
    let linux = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
    aws.ssm.get_parameter().name(linux).send().await.unwrap();
    assert_ne!(aws.ssm.describe_parameters().send().await.unwrap().parameters(), []);

    let run = |address: &str| {
        let interface = InstanceNetworkInterfaceSpecification::builder().device_index(0).subnet_id(&subnet);
        let interface = interface.private_ip_address(address).groups(&group).associate_public_ip_address(false);
        let call = aws.ec2.run_instances().min_count(1).max_count(1).client_token("token");
        let call = call.network_interfaces(interface.delete_on_termination(true).build()).image_id("ami-0123456789");
        call.disable_api_termination(true).tag_specifications(tags(ResourceType::NetworkInterface)).send()
    };
    // There must be such an image: `InvalidAMIID.NotFound`.
    let first = run("10.1.0.10").await.unwrap();
    let id = first.instances()[0].instance_id().unwrap();
    // A client token answers with the instance that it started.
    assert_ne!(run("10.1.0.11").await.unwrap().instances()[0].instance_id(), Some(id));
    // An address has one owner: `InvalidIPAddress.InUse`.
    assert_eq!(run("10.1.0.10").await.unwrap_err().raw_response().unwrap().status().as_u16(), 500);
    // An instance is `pending` at first.
    let instances = aws.ec2.describe_instances().instance_ids(id).send().await.unwrap();
    let instance = &instances.reservations()[0].instances()[0];
    assert_eq!(instance.state().unwrap().name(), Some(&InstanceStateName::Running));
    // An interface without a public address has no association.
    assert!(instance.network_interfaces()[0].association().unwrap().public_ip().is_none());
    // RunInstances tags the interface.
    assert!(interfaces(aws, &vpc).await.iter().all(|interface| interface.tag_set().is_empty()));
    // Termination protection that RunInstances turns on refuses TerminateInstances. An instance is `shutting-down` for
    // a while.
    aws.ec2.terminate_instances().instance_ids(id).send().await.unwrap();
    let instances = aws.ec2.describe_instances().instance_ids(id).send().await.unwrap();
    let instance = &instances.reservations()[0].instances()[0];
    assert_eq!(instance.state().unwrap().name(), Some(&InstanceStateName::Terminated));
    // A group stays while an interface has it: `DependencyViolation`.
    aws.ec2.delete_security_group().group_id(&group).send().await.unwrap();
}

async fn names(aws: &Aws) {
    let (vpc, subnet) = subnet(aws).await;
    let group = group(aws, &vpc, "resolver").await;
    let create = |token: &str| {
        let call = aws.route53resolver.create_resolver_endpoint().creator_request_id(token).security_group_ids(&group);
        let addresses = ["10.1.0.10", "10.1.0.11"]
            .map(|address| IpAddressRequest::builder().subnet_id(&subnet).ip(address).build().unwrap());
        call.direction(ResolverEndpointDirection::Inbound).set_ip_addresses(Some(addresses.into())).send()
    };
    // A resolver endpoint is `CREATING` at first, and shows its protocols.
    let endpoint = create("one").await.unwrap().resolver_endpoint.unwrap();
    assert_eq!(endpoint.status(), Some(&ResolverEndpointStatus::Operational));
    assert_eq!((endpoint.protocols(), endpoint.resolver_endpoint_type()), (&[][..], None));
    // An address has one owner.
    create("two").await.unwrap();
    // It is `DELETING` for a while.
    let id = endpoint.id().unwrap();
    aws.route53resolver.delete_resolver_endpoint().resolver_endpoint_id(id).send().await.unwrap();
    aws.route53resolver.get_resolver_endpoint().resolver_endpoint_id(id).send().await.unwrap_err();
    // A group stays while an interface has it: `DependencyViolation`.
    aws.ec2.delete_security_group().group_id(&group).send().await.unwrap();
}

async fn studio(aws: &Aws) {
    let (vpc, subnet) = subnet(aws).await;
    // There must be such a role: `ValidationException`. A domain with VpcOnly takes groups.
    let settings = UserSettings::builder().execution_role("arn:aws:iam::123456789012:role/none").build();
    let call = aws.sagemaker.create_domain().domain_name("studio").auth_mode(AuthMode::Iam).vpc_id(&vpc);
    let call = call.subnet_ids(&subnet).default_user_settings(settings);
    let call = call.app_network_access_type(AppNetworkAccessType::VpcOnly);
    let domain = call.home_efs_file_system_creation(HomeEfsFileSystemCreation::Disabled).send().await.unwrap();
    let id = domain.domain_arn().unwrap().rsplit('/').next().unwrap();
    let domain = aws.sagemaker.describe_domain().domain_id(id).send().await.unwrap();
    // A domain is `Pending` at first.
    assert_eq!(domain.status(), Some(&DomainStatus::InService));
    // It has a home file system only if it is to have one, says whether, and EFS has it.
    assert!(domain.home_efs_file_system_id().is_some());
    assert_eq!(domain.home_efs_file_system_creation(), None);
    assert_eq!(aws.efs.describe_file_systems().send().await.unwrap().file_systems(), []);
    // A domain has user profiles, spaces and apps.
    let profile = aws.sagemaker.create_user_profile().domain_id(id).user_profile_name("alice").send().await;
    let described = aws.sagemaker.describe_user_profile().domain_id(id).user_profile_name("alice").send().await;
    let deleted = aws.sagemaker.delete_user_profile().domain_id(id).user_profile_name("alice").send().await;
    let profiles = aws.sagemaker.list_user_profiles().domain_id_equals(id).send().await;
    let spaces = aws.sagemaker.list_spaces().domain_id_equals(id).send().await;
    let apps = aws.sagemaker.list_apps().domain_id_equals(id).send().await;
    assert_eq!([status(profile), status(described), status(deleted)], [500; 3]);
    assert_eq!([status(profiles), status(spaces), status(apps)], [500; 3]);
    // It can be changed.
    assert_eq!(status(aws.sagemaker.update_domain().domain_id(id).send().await), 500);
    // It is `Deleting` for a while, and then `ResourceNotFound`.
    aws.sagemaker.delete_domain().domain_id(id).send().await.unwrap();
    let gone = aws.sagemaker.describe_domain().domain_id(id).send().await.unwrap_err();
    assert!(!gone.into_service_error().is_resource_not_found());
}

async fn functions(aws: &Aws) {
    // There must be such a role, which Lambda may assume: `InvalidParameterValueException`.
    let trust = r#"{"Version": "2012-10-17", "Statement": []}"#;
    let role = aws.iam.create_role().role_name("lambda").assume_role_policy_document(trust).send().await.unwrap();
    let code = FunctionCode::builder().zip_file(Blob::new(Program::Presign.package().zip)).build();
    let logging = LoggingConfig::builder().log_group("/lab").log_format(LogFormat::Json).build();
    let call = aws.lambda.create_function().function_name("presign").role(role.role().unwrap().arn());
    let call = call.runtime(Runtime::Python313).handler("presign.handler").code(code).logging_config(logging);
    let function = call.send().await.unwrap();
    // A function is `Pending` at first, and shows where its log goes.
    assert_eq!((function.state(), function.logging_config()), (Some(&State::Active), None));
}

/// The status of an answer that is no success.
fn status<T: std::fmt::Debug, E: std::fmt::Debug>(answer: Result<T, SdkError<E, HttpResponse>>) -> u16 {
    answer.unwrap_err().raw_response().unwrap().status().as_u16()
}

/// A VPC 10.1.0.0/16 and a subnet 10.1.0.0/24 of it.
async fn subnet(aws: &Aws) -> (String, String) {
    let vpc = aws.ec2.create_vpc().cidr_block("10.1.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let subnet = aws.ec2.create_subnet().vpc_id(&vpc).cidr_block("10.1.0.0/24").send().await.unwrap();
    (vpc, subnet.subnet.unwrap().subnet_id.unwrap())
}

async fn group(aws: &Aws, vpc: &str, name: &str) -> String {
    let call = aws.ec2.create_security_group().vpc_id(vpc).group_name(name).description("d");
    call.send().await.unwrap().group_id.unwrap()
}

async fn interfaces(aws: &Aws, vpc: &str) -> Vec<NetworkInterface> {
    let answer = aws.ec2.describe_network_interfaces().filters(filter("vpc-id", vpc)).send().await.unwrap();
    answer.network_interfaces.unwrap()
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn tags(kind: ResourceType) -> TagSpecification {
    TagSpecification::builder().resource_type(kind).tags(Tag::builder().key("a").value("b").build()).build()
}
