"""moto_server, amended where a lab can't stand on what it does otherwise than AWS's documentation says.

Takes moto_server's arguments. Each function mends one thing and says what AWS documents; that moto as released does
otherwise is asserted by `moto_differs_from_aws_in_these`.
"""

import functools
import json

from moto.awslambda.models import LambdaFunction
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.models.vpcs import VPCEndPoint
from moto.ec2.responses.dhcp_options import DHCPOptions
from moto.ec2.responses.nat_gateways import NatGateways
from moto.ec2.responses.vpcs import VPCs
from moto.ec2.utils import add_tag_specification
from moto.route53resolver.models import ResolverEndpoint
from moto.sagemaker.exceptions import ResourceInUseException, ResourceNotFound
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse
from moto.server import main
from moto.ssm.models import Parameter, SimpleSystemManagerBackend


def amends(owner, name):
    """Has a function take a method's place: it is given the method it replaces first."""

    def put(amendment):
        replaced = getattr(owner, name)

        @functools.wraps(replaced)
        def method(self, *args, **kwargs):
            return amendment(replaced, self, *args, **kwargs)

        setattr(owner, name, method)
        return amendment

    return put


def adds(owner):
    """Has a function be an operation that moto lacks."""

    def put(operation):
        assert not hasattr(owner, operation.__name__)
        setattr(owner, operation.__name__, operation)
        return operation

    return put


@amends(EC2Backend, "describe_vpc_endpoint_services")
def endpoint_services_are_filtered_by_values(replaced, backend, filters, region, **asked):
    """A filter has `Values`."""
    filters = [{"Value": one["Values"], **one} for one in filters]
    return replaced(backend, filters=filters, region=region, **asked)


@amends(VPCs, "create_vpc_endpoint")
def endpoints_have_interfaces_and_names(replaced, response):
    """An endpoint's interface has an address of its subnet, the one asked for if any, the endpoint's groups, and a
    description that names it. Its DNS entries are its own name and, with private DNS, those of the service."""
    answer = replaced(response)
    backend, endpoint = response.ec2_backend, answer.result["VpcEndpoint"]
    chosen = {one["SubnetId"]: one["Ipv4"] for one in response._get_param("SubnetConfigurations", [])}
    for interface in map(backend.get_network_interface, endpoint.network_interface_ids):
        settle(interface, chosen.get(interface.subnet.id))
        interface.description = f"VPC Endpoint Interface {endpoint.id}"
        interface._group_set = [backend.get_security_group_from_id(id) for id in endpoint.security_group_ids]
    if endpoint.network_interface_ids:
        service = service_of(endpoint, response.region)
        names = [f"{endpoint.id}-0123abcd.{service['BaseEndpointDnsNames'][-1]}"]
        if endpoint.private_dns_enabled:
            names += [private_name(one["PrivateDnsName"]) for one in service["PrivateDnsNames"]]
        endpoint.dns_entries = [{"dns_name": name, "hosted_zone_id": "Z7HUB22UULQXV"} for name in names]
    return answer


def private_name(name):
    """A name has the parts of its service's in the other order, and every API one of its own."""
    return name.replace("sagemaker.runtime.", "runtime.sagemaker.").replace("execute-api.", "*.execute-api.")


def service_of(endpoint, region):
    """What moto knows of an endpoint's service."""
    services = EC2Backend._collect_default_endpoint_services(endpoint.owner_id, region)
    return next(one for one in services if one["ServiceName"] == endpoint.service_name)


@amends(VPCs, "modify_vpc_endpoint")
def endpoint_policies_can_be_reset(replaced, response):
    """ResetPolicy puts back the policy that allows everything."""
    answer = replaced(response)
    if response._get_param("ResetPolicy", False):
        endpoint = response.ec2_backend.get_vpc_end_point(response._get_param("VpcEndpointId"))
        endpoint.policy_document = json.dumps(VPCEndPoint.DEFAULT_POLICY)
    return answer


@amends(VPCEndPoint, "get_filter_value")
def endpoints_are_filtered_by_id(replaced, endpoint, name, method=None):
    """`vpc-endpoint-id` is a filter of DescribeVpcEndpoints."""
    return endpoint.id if name == "vpc-endpoint-id" else replaced(endpoint, name, method)


def description_of_rule(rule):
    """A rule whose other side is a group keeps its description."""
    return rule.ip_range.get("Description") or rule.source_group.get("Description")


SecurityGroupRule.description = property(description_of_rule)


@amends(EC2Backend, "create_security_group")
def the_default_group_lets_itself_in(replaced, backend, *args, **asked):
    """The group that comes with a VPC has a rule that lets everything in from itself."""
    group = replaced(backend, *args, **asked)
    if group.is_default:
        itself = [{"GroupId": group.id}]
        backend.authorize_security_group_ingress(group.id, "-1", None, None, [], source_groups=itself)
    return group


@amends(DHCPOptions, "create_dhcp_options")
def dhcp_options_take_tags(replaced, response):
    """CreateDhcpOptions sets the tags it is given."""
    answer = replaced(response)
    answer.result["DhcpOptions"].add_tags(add_tag_specification(response._get_param("TagSpecifications", [])))
    return answer


@amends(NatGateways, "create_nat_gateway")
def nat_interfaces_are_in_their_subnets(replaced, response):
    """A NAT gateway's interface has an address of its subnet, the one asked for if any, and a description that names
    the gateway."""
    answer = replaced(response)
    gateway = answer.result["NatGateway"]
    interface = gateway._eni
    settle(interface, response._get_param("PrivateIpAddress"))
    interface.description = f"Interface for NAT Gateway {gateway.id}"
    gateway.address_set[0] |= {"privateIp": interface.private_ip_address, "isPrimary": True}
    return answer


@amends(EC2Backend, "delete_nat_gateway")
def nat_interfaces_go_with_their_gateways(replaced, backend, gateway_id):
    """A deleted NAT gateway lets its address go, and its interface goes with it."""
    gateway = replaced(backend, gateway_id)
    for address in backend.addresses:
        if address.eni is gateway._eni:
            backend.disassociate_address(association_id=address.association_id)
    backend.enis.pop(gateway._eni.id, None)
    return gateway


@amends(ResolverEndpoint, "description")
def resolver_endpoints_have_protocols(replaced, endpoint):
    """A resolver endpoint shows its protocols and the type of its addresses."""
    return replaced(endpoint) | {"Protocols": ["Do53"], "ResolverEndpointType": "IPV4"}


@amends(LambdaFunction, "__init__")
def functions_know_their_logs(replaced, function, account_id, spec, *args, **kwargs):
    """LoggingConfig says where a function's log goes: without a word to its own group, as text."""
    replaced(function, account_id, spec, *args, **kwargs)
    own = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function.function_name}"}
    function.logging_config = own | spec.get("LoggingConfig", {})


@amends(LambdaFunction, "get_configuration")
def functions_show_their_logs(replaced, function, *args, **kwargs):
    """LoggingConfig is part of a function's configuration."""
    return replaced(function, *args, **kwargs) | {"LoggingConfig": function.logging_config}


@amends(SageMakerResponse, "create_domain")
def domains_can_do_without_a_home(replaced, response):
    """HomeEfsFileSystemCreation says whether a domain has a home file system; moto's botocore doesn't know it yet."""
    answer = replaced(response)
    domain = response.sagemaker_backend.domains[answer.result["DomainArn"].split("/")[-1]]
    if json.loads(response.body).get("HomeEfsFileSystemCreation") == "Disabled":
        domain.home_efs_file_system_id = None
    return answer


@amends(SageMakerModelBackend, "describe_domain")
def domains_that_are_gone_are_not_found(replaced, backend, domain_id):
    """DescribeDomain of what isn't there is `ResourceNotFound`."""
    if domain_id not in backend.domains:
        raise ResourceNotFound(f"Domain [{domain_id}] does not exist.")
    return replaced(backend, domain_id)


@amends(SageMakerModelBackend, "delete_domain")
def domains_go_after_their_profiles(replaced, backend, domain_id, retention_policy):
    """A domain with user profiles is `ResourceInUse`."""
    if domain_id in backend.domains and profiles(backend.domains[domain_id]):
        raise ResourceInUseException(f"Domain [{domain_id}] has UserProfile(s).")
    return replaced(backend, domain_id, retention_policy)


@amends(SageMakerModelBackend, "_get_resource_from_arn")
def user_profiles_have_tags(replaced, backend, arn):
    """A user profile is known to ListTags by `user-profile/DOMAIN/NAME`."""
    kind, *names = arn.split(":")[-1].split("/")
    if kind != "user-profile":
        return replaced(backend, arn)
    return profiles(backend.domains[names[0]])[names[1]]


class UserProfile:
    """One for each person in a domain. Its name ignores case."""

    def __init__(self, domain, name, settings, tags):
        account, region = domain.account_id, domain.region_name
        self.tags = tags
        self.summary = {
            "DomainId": domain.id,
            "UserProfileName": name,
            "Status": "InService",
            "CreationTime": utcnow(),
            "LastModifiedTime": utcnow(),
        }
        self.arn = f"arn:aws:sagemaker:{region}:{account}:user-profile/{domain.id}/{name.lower()}"
        self.description = self.summary | {"UserProfileArn": self.arn, "UserSettings": settings}


def profiles(domain):
    """The user profiles of a domain, by their names in small letters."""
    return vars(domain).setdefault("profiles", {})


def domain_of(response):
    """The domain that a request is about."""
    id = response._get_param("DomainId")
    if id not in response.sagemaker_backend.domains:
        raise ResourceNotFound(f"Domain [{id}] does not exist.")
    return response.sagemaker_backend.domains[id]


def profile_of(response):
    """The user profile that a request is about."""
    name = response._get_param("UserProfileName")
    if name.lower() not in profiles(domain_of(response)):
        raise ResourceNotFound(f"UserProfile [{name}] does not exist.")
    return profiles(domain_of(response))[name.lower()]


@adds(SageMakerResponse)
def create_user_profile(response):
    domain, name = domain_of(response), response._get_param("UserProfileName")
    if name.lower() in profiles(domain):
        raise ResourceInUseException(f"UserProfile [{name}] already exists.")
    profile = UserProfile(domain, name, response._get_param("UserSettings"), response._get_param("Tags", []))
    profiles(domain)[name.lower()] = profile
    return ActionResult({"UserProfileArn": profile.arn})


@adds(SageMakerResponse)
def describe_user_profile(response):
    return ActionResult(profile_of(response).description)


@adds(SageMakerResponse)
def delete_user_profile(response):
    del profiles(domain_of(response))[profile_of(response).summary["UserProfileName"].lower()]
    return EmptyResult()


@adds(SageMakerResponse)
def list_user_profiles(response):
    domain = response.sagemaker_backend.domains.get(response._get_param("DomainIdEquals"))
    return ActionResult({"UserProfiles": [one.summary for one in profiles(domain).values()] if domain else []})


@adds(SageMakerResponse)
def list_spaces(response):
    """There are none: moto lacks CreateSpace."""
    return ActionResult({"Spaces": []})


@adds(SageMakerResponse)
def list_apps(response):
    """There are none: moto lacks CreateApp."""
    return ActionResult({"Apps": []})


@amends(SimpleSystemManagerBackend, "describe_parameters")
def public_parameters_are_not_the_accounts(replaced, backend, *args, **kwargs):
    """DescribeParameters lists the account's own parameters, not AWS's public ones."""
    return [one for one in replaced(backend, *args, **kwargs) if not one.name.startswith("/aws/")]


@amends(SimpleSystemManagerBackend, "get_parameter")
def windows_images_have_public_parameters(replaced, backend, name):
    """Windows AMIs have public parameters."""
    if not name.startswith("/aws/service/ami-windows-latest/"):
        return replaced(backend, name)
    return Parameter(
        account_id=backend.account_id,
        name=name,
        value="ami-b7e93bce",
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=0,
        version=1,
        data_type="aws:ec2:image",
    )


def settle(interface, address=None):
    """Gives an interface this address of its subnet, or the last one that is free."""
    taken = {one.private_ip_address for one in interface.ec2_backend.enis.values() if one is not interface}
    network = interface.subnet.cidr
    candidates = (str(network[-index]) for index in range(2, network.num_addresses))
    interface.private_ip_address = address or next(one for one in candidates if one not in taken)
    interface.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": interface.private_ip_address}]


if __name__ == "__main__":
    main()
