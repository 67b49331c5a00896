//! An interface VPC endpoint: <https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html>.
//! Outputs `dns_name`: its regional name, `dns_zone`: the id of AWS's zone of that; `private_dns_names`: the service's
//! own names that lead to it, with commas.
//!
//! One listing shows both kinds of endpoints and the network interfaces around them.

use std::net::Ipv4Addr;
use std::time::Duration;

use aws_sdk_ec2::operation::modify_vpc_endpoint::builders::ModifyVpcEndpointInputBuilder;
use aws_sdk_ec2::types::{
    DnsOptionsSpecification, DnsRecordIpType, Filter, IpAddressType, NetworkInterface as SdkNetworkInterface,
    ResourceType, SubnetConfiguration, VpcEndpoint, VpcEndpointType,
};
use futures::future;
use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::security_group::SecurityGroup;
use super::subnet::Subnet;
use super::vpc::Vpc;
use super::{
    Creation, Kind, Listing, Observed, Operations, Query, Readiness, Ref, Resource, Seconds, Set, Spec, ec2,
    gateway_endpoint, network_interface,
};
use crate::aws::{Aws, Class, Failure, services};

/// How often, and how many times, to ask whether an endpoint has moved; its new interfaces take about a minute.
const RHYTHM: Duration = Duration::from_secs(2);
const LOOKS: u32 = 300;

/// What an interface endpoint is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceEndpoint {
    /// The VPC it stands in.
    pub vpc: Ref<Vpc>,
    /// The service, by its full name: `aws.sagemaker.eu-west-1.studio`.
    pub service: String,
    /// Where its network interfaces are.
    pub placements: Set<Placement>,
    /// Who may reach it.
    pub security_groups: Set<Ref<SecurityGroup>>,
    /// Whether the service's own names lead to it inside the VPC.
    pub private_dns: bool,
    /// Whether they lead to it only for those who ask by an inbound resolver endpoint, while the VPC's own hosts go by
    /// its gateway endpoint to the same service. AWS then wants that one to be there.
    pub private_dns_only_for_inbound_resolver_endpoint: bool,
    /// What may be asked through it.
    pub policy: Policy,
    /// `ipv4`, `ipv6` or `dualstack`.
    pub ip_address_type: String,
    /// Which records its names have: `ipv4`, `ipv6`, `dualstack` or `service-defined`.
    pub dns_record_ip_type: String,
}

/// Where a network interface of an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// The subnet.
    pub subnet: Ref<Subnet>,
    /// Its address in it. `None`: AWS chooses.
    pub address: Option<Ipv4Addr>,
}

impl Resource for InterfaceEndpoint {
    const IN_PLACE: &'static [&'static str] = &[
        "placements",
        "security_groups",
        "private_dns",
        "private_dns_only_for_inbound_resolver_endpoint",
        "policy",
        "dns_record_ip_type",
    ];
    const OWNERS: &'static [&'static str] = &["vpc"];
    const LINGERS: bool = true;
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "CreateVpcEndpoint",
        change: "ModifyVpcEndpoint",
        delete: "DeleteVpcEndpoints",
    };
    const SECONDS: Seconds = Seconds { create: 43.0, delete: 45.0 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.vpc.text(), self.service))
    }

    fn needs(&self) -> &'static [Kind] {
        if self.private_dns_only_for_inbound_resolver_endpoint { &[Kind::GatewayEndpoint] } else { &[] }
    }

    /// A private name and an address have one owner.
    fn excludes(&self, other: &Self) -> bool {
        let same_name = self.service == other.service && self.private_dns && other.private_dns;
        let mut addresses = self.placements.iter().filter_map(|placement| placement.address);
        let same_address = addresses.any(|one| other.placements.iter().any(|two| two.address == Some(one)));
        self.vpc == other.vpc && (same_name || same_address)
    }

    fn answers_for(&self) -> Vec<String> {
        let zones = if self.private_dns { services::zones_of(&self.service) } else { Vec::new() };
        zones.iter().map(|zone| format!("{} {zone}", self.vpc.text())).collect()
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let (vpc, subnets, groups) = (self.vpc.id()?, self.subnets()?, self.security_groups.ids()?);
        let policy = self.policy.endpoint_document();
        let addresses = self.addresses(&Set::default())?;
        let as_aws_likes =
            Self { dns_record_ip_type: self.ip_address_type.clone(), private_dns: false, ..self.clone() };
        let dns_options = self.dns_options(&as_aws_likes);
        let tags = ec2::tag_specification(ResourceType::VpcEndpoint, &with.tags);
        let answer = aws
            .write("ec2", "CreateVpcEndpoint", || {
                let call = aws.ec2.create_vpc_endpoint().vpc_endpoint_type(VpcEndpointType::Interface).vpc_id(vpc);
                let call = call.service_name(&self.service).set_subnet_ids(Some(subnets.clone()));
                let call = call.set_subnet_configurations(addresses.clone());
                let call = call.set_security_group_ids(Some(groups.clone())).private_dns_enabled(self.private_dns);
                let call = call.ip_address_type(IpAddressType::from(self.ip_address_type.as_str()));
                let call = call.set_dns_options(dns_options.clone());
                let call = call.set_policy_document(policy.clone()).client_token(&with.token);
                call.set_tag_specifications(tags.clone().map(|tags| vec![tags])).send()
            })
            .await?;
        answer
            .vpc_endpoint()
            .and_then(|endpoint| read(endpoint, &[]))
            .ok_or_else(|| Failure::here("CreateVpcEndpoint", Class::UnknownOutcome, "no endpoint in the answer"))
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let vpc = self.vpc.id()?;
        // Where it is may be unread: then it is left there.
        let unread = from.unread.iter().any(|field| field == "placements");
        let left = |now: &Spec| match now {
            Spec::InterfaceEndpoint(now) if unread => {
                self.modification(&Self { placements: self.placements.clone(), ..now.clone() })
            }
            Spec::InterfaceEndpoint(now) => self.modification(now),
            _ => Ok(ModifyVpcEndpointInputBuilder::default()),
        };
        modify(aws, from, vpc, left).await?;
        let modification = left(&from.spec)?;
        // Private names that are given up are somebody else's to have only when it is through.
        let gives_up = *modification.get_private_dns_enabled() == Some(false);
        if gives_up || moves(&modification) { moved(aws, &from.id, vpc, left).await } else { Ok(()) }
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        delete(aws, &observed.id).await
    }
}

impl InterfaceEndpoint {
    fn subnets(&self) -> Result<Vec<String>, Failure> {
        self.placements.iter().map(|placement| placement.subnet.id().map(str::to_owned)).collect()
    }

    /// The addresses that are chosen and not yet there. AWS replaces the interface of a subnet that gets another.
    fn addresses(&self, there: &Set<Placement>) -> Result<Option<Vec<SubnetConfiguration>>, Failure> {
        let wanted = self.placements.iter().filter(|wanted| !there.iter().any(|placement| placement == *wanted));
        let mut addresses = Vec::new();
        for placement in wanted {
            if let Some(address) = placement.address {
                let subnet = SubnetConfiguration::builder().subnet_id(placement.subnet.id()?);
                addresses.push(subnet.ipv4(address.to_string()).build());
            }
        }
        Ok((!addresses.is_empty()).then_some(addresses))
    }

    /// What of the options differs from `now`. For whom private names are is no option where there are none.
    fn dns_options(&self, now: &Self) -> Option<DnsOptionsSpecification> {
        let records = (self.dns_record_ip_type != now.dns_record_ip_type).then_some(&self.dns_record_ip_type);
        let only_inbound_now = now.private_dns && now.private_dns_only_for_inbound_resolver_endpoint;
        let only_inbound = Some(self.private_dns_only_for_inbound_resolver_endpoint)
            .filter(|only_inbound| self.private_dns && *only_inbound != only_inbound_now);
        let options = DnsOptionsSpecification::builder()
            .set_dns_record_ip_type(records.map(|records| DnsRecordIpType::from(records.as_str())))
            .set_private_dns_only_for_inbound_resolver_endpoint(only_inbound);
        (records.is_some() || only_inbound.is_some()).then(|| options.build())
    }

    /// What turns `now` into this one.
    fn modification(&self, now: &Self) -> Result<ModifyVpcEndpointInputBuilder, Failure> {
        let (subnets, subnets_now) = (self.subnets()?, now.subnets()?);
        let (groups, groups_now) = (self.security_groups.ids()?, now.security_groups.ids()?);
        let policy = (self.policy != now.policy).then(|| self.policy.document());
        Ok(ModifyVpcEndpointInputBuilder::default()
            .set_add_subnet_ids(missing(&subnets, &subnets_now))
            .set_remove_subnet_ids(missing(&subnets_now, &subnets))
            .set_subnet_configurations(self.addresses(&now.placements)?)
            .set_add_security_group_ids(missing(&groups, &groups_now))
            .set_remove_security_group_ids(missing(&groups_now, &groups))
            .set_private_dns_enabled((self.private_dns != now.private_dns).then_some(self.private_dns))
            .set_dns_options(self.dns_options(now))
            .set_policy_document(policy))
    }
}

/// The ids that are wanted and not there; `None` when there are none.
pub(super) fn missing(wanted: &[String], there: &[String]) -> Option<Vec<String>> {
    let missing: Vec<_> = wanted.iter().filter(|id| !there.contains(id)).cloned().collect();
    (!missing.is_empty()).then_some(missing)
}

/// Makes the modification that `left` finds still to be made. One whose answer was lost may be refused when it is
/// repeated (a subnet is there already): then what stands decides.
pub(super) async fn modify(
    aws: &Aws,
    from: &Observed,
    vpc: &str,
    left: impl Fn(&Spec) -> Result<ModifyVpcEndpointInputBuilder, Failure>,
) -> Result<(), Failure> {
    let nothing = ModifyVpcEndpointInputBuilder::default();
    let input = left(&from.spec)?;
    if input == nothing {
        return Ok(());
    }
    let call = || input.clone().vpc_endpoint_id(&from.id).send_with(&aws.ec2);
    let failure = match aws.write("ec2", "ModifyVpcEndpoint", call).await {
        Err(failure) if matches!(failure.class, Class::AlreadySo | Class::NotFound | Class::Wrong) => failure,
        answer => return answer.map(drop),
    };
    let listing = list(aws, &Query::Inside(vec![vpc.to_owned()])).await?;
    match listing.found.iter().find(|endpoint| endpoint.id == from.id) {
        Some(now) if left(&now.spec)? == nothing => Ok(()),
        // A part that is so already isn't the whole.
        _ if failure.class == Class::AlreadySo => Err(Failure { class: Class::InUse, ..failure }),
        _ => Err(failure),
    }
}

/// Whether a modification gives an endpoint other interfaces.
fn moves(modification: &ModifyVpcEndpointInputBuilder) -> bool {
    modification.get_add_subnet_ids().is_some()
        || modification.get_remove_subnet_ids().is_some()
        || modification.get_subnet_configurations().is_some()
}

/// Waits until AWS shows an endpoint where it was moved to, and through with it.
async fn moved(
    aws: &Aws,
    id: &str,
    vpc: &str,
    left: impl Fn(&Spec) -> Result<ModifyVpcEndpointInputBuilder, Failure>,
) -> Result<(), Failure> {
    for _ in 0..LOOKS {
        let listing = list(aws, &Query::Inside(vec![vpc.to_owned()])).await?;
        if let Some(now) = listing.found.iter().find(|endpoint| endpoint.id == id)
            && now.readiness != Readiness::Pending
            && !moves(&left(&now.spec)?)
        {
            return Ok(());
        }
        tokio::time::sleep(RHYTHM).await;
    }
    Err(Failure::here("DescribeVpcEndpoints", Class::Wrong, format!("{id} is not where it was moved to")))
}

/// Deletes an endpoint. AWS refuses in an answer that says 200.
pub(super) async fn delete(aws: &Aws, id: &str) -> Result<(), Failure> {
    let call = || aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send();
    let answer = aws.write("ec2", "DeleteVpcEndpoints", call).await?;
    match answer.unsuccessful().first() {
        Some(item) => {
            let (code, message) = item.error().map_or((None, None), |error| (error.code(), error.message()));
            Err(Failure::in_answer("DeleteVpcEndpoints", code, message))
        }
        None => Ok(()),
    }
}

/// An endpoint of any type with its state, unless it is a ghost. On the wire states begin with a small letter, in the
/// SDK with a capital one.
pub(super) fn observed(endpoint: &VpcEndpoint, spec: Spec) -> Option<Observed> {
    let state = endpoint.state().map_or("available", |state| state.as_str()).to_owned();
    let readiness = match state.to_lowercase().as_str() {
        "pending" | "pendingacceptance" => Readiness::Pending,
        "deleting" => Readiness::Deleting,
        "deleted" => return None,
        "failed" | "rejected" | "expired" => {
            let error = endpoint.last_error().and_then(|error| error.message());
            Readiness::Failed(endpoint.failure_reason().or(error).unwrap_or(&state).to_owned())
        }
        _ => Readiness::Ready,
    };
    let tags = ec2::read_tags(endpoint.tags());
    Some(Observed { state, readiness, ..Observed::standing(endpoint.vpc_endpoint_id()?, tags, spec) })
}

/// Reads an endpoint that has interfaces; those that aren't shown leave its addresses unread.
fn read(endpoint: &VpcEndpoint, interfaces: &[SdkNetworkInterface]) -> Option<Observed> {
    let placement = |subnet: &String| {
        let mut here = interfaces.iter().filter(|interface| interface.subnet_id() == Some(subnet));
        let address = here.find(|interface| belongs(interface, endpoint)).and_then(|own| own.private_ip_address());
        Placement { subnet: Ref::known(subnet), address: address.and_then(|address| address.parse().ok()) }
    };
    let ip_address_type = endpoint.ip_address_type().map_or("ipv4", IpAddressType::as_str).to_owned();
    let options = endpoint.dns_options();
    let records = options.and_then(|options| options.dns_record_ip_type());
    let only_inbound = options.and_then(|options| options.private_dns_only_for_inbound_resolver_endpoint());
    let private_dns = endpoint.private_dns_enabled().unwrap_or_default();
    let service = endpoint.service_name().or(endpoint.resource_configuration_arn()).or(endpoint.service_network_arn());
    let spec = InterfaceEndpoint {
        vpc: Ref::known(endpoint.vpc_id()?),
        service: service.unwrap_or_default().to_owned(),
        placements: endpoint.subnet_ids().iter().map(placement).collect(),
        security_groups: endpoint.groups().iter().filter_map(|group| group.group_id()).map(Ref::known).collect(),
        private_dns,
        private_dns_only_for_inbound_resolver_endpoint: private_dns && only_inbound.unwrap_or_default(),
        policy: Policy::of_endpoint(endpoint.policy_document()),
        dns_record_ip_type: records.map_or(ip_address_type.as_str(), DnsRecordIpType::as_str).to_owned(),
        ip_address_type,
    };
    let hidden = spec.placements.iter().any(|placement| placement.address.is_none());
    let mut observed = observed(endpoint, spec.into())?;
    if hidden {
        observed.unread.push("placements".into());
    }
    // Its own names begin with its id, each zone's with the regional one; the others are the service's.
    let names = endpoint.dns_entries().iter().filter_map(|entry| Some((entry.dns_name()?, entry.hosted_zone_id())));
    let (own, private): (Vec<_>, Vec<_>) = names.partition(|(name, _)| name.starts_with(&observed.id));
    if let Some((name, zone)) = own.into_iter().min_by_key(|(name, _)| name.len()) {
        let zone = zone.map(|zone| ("dns_zone", zone));
        let outputs = [("dns_name", name)].into_iter().chain(zone);
        observed.outputs.extend(outputs.map(|(output, value)| (output.to_owned(), value.to_owned())));
    }
    if !private.is_empty() {
        let names: Vec<_> = private.into_iter().map(|(name, _)| name).collect();
        observed.outputs.insert("private_dns_names".into(), names.join(","));
    }
    Some(observed)
}

/// Whether an interface is one of the endpoint's: by its description as well, since the two are not listed at once.
fn belongs(interface: &SdkNetworkInterface, endpoint: &VpcEndpoint) -> bool {
    let named = |id: &String| interface.network_interface_id() == Some(id);
    let described = interface.description().and_then(|text| text.strip_prefix("VPC Endpoint Interface "));
    endpoint.network_interface_ids().iter().any(named) || described.is_some() && described == endpoint.vpc_endpoint_id()
}

/// Lists endpoints of all types, and the network interfaces that are of none. A query by id reads only what it names:
/// endpoints then come without their addresses.
///
/// # Errors
/// A page of either could not be read: without its interfaces an endpoint is not known.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let (endpoints, interfaces) = match query {
        Query::Ids(ids) => {
            let (interfaces, endpoints): (Vec<_>, Vec<_>) = ids.iter().partition(|id| id.starts_with("eni-"));
            let endpoints = (!endpoints.is_empty()).then(|| vec![ec2::filter("vpc-endpoint-id", endpoints)]);
            let interfaces = (!interfaces.is_empty()).then(|| vec![ec2::filter("network-interface-id", interfaces)]);
            (endpoints, interfaces)
        }
        _ => {
            let filters = ec2::filters(query, "vpc-id", "");
            (Some(filters.clone()), Some(filters))
        }
    };
    let (endpoints, interfaces) = future::try_join(
        async { if let Some(filters) = endpoints { pages(aws, filters).await } else { Ok(Vec::new()) } },
        async {
            if let Some(filters) = interfaces { network_interface::pages(aws, filters).await } else { Ok(Vec::new()) }
        },
    )
    .await?;
    Ok(Listing { found: join(&endpoints, &interfaces), ..Listing::default() })
}

fn join(endpoints: &[VpcEndpoint], interfaces: &[SdkNetworkInterface]) -> Vec<Observed> {
    let read = |endpoint| match VpcEndpoint::vpc_endpoint_type(endpoint) {
        Some(kind) if kind.as_str().eq_ignore_ascii_case("gateway") => gateway_endpoint::read(endpoint),
        _ => read(endpoint, interfaces),
    };
    let of_none = |interface: &&_| !endpoints.iter().any(|endpoint| belongs(interface, endpoint));
    let others = interfaces.iter().filter(of_none).filter_map(network_interface::read);
    endpoints.iter().filter_map(read).chain(others).collect()
}

async fn pages(aws: &Aws, filters: Vec<Filter>) -> Result<Vec<VpcEndpoint>, Failure> {
    aws.read_pages("ec2", "DescribeVpcEndpoints", |next| {
        let call = aws.ec2.describe_vpc_endpoints().set_filters(Some(filters.clone())).max_results(1000);
        async {
            let page = call.set_next_token(next).send().await;
            page.map(|page| (page.vpc_endpoints.unwrap_or_default(), page.next_token))
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{DnsEntry, DnsOptions, State};

    use super::*;

    fn placement(subnet: &str, address: Option<&str>) -> Placement {
        Placement { subnet: Ref::known(subnet), address: address.map(|address| address.parse().unwrap()) }
    }

    fn endpoint(placements: &[(&str, Option<&str>)], groups: &[&str]) -> InterfaceEndpoint {
        InterfaceEndpoint {
            vpc: Ref::known("vpc-1"),
            service: "aws.sagemaker.eu-west-1.studio".into(),
            placements: placements.iter().map(|(subnet, address)| placement(subnet, *address)).collect(),
            security_groups: groups.iter().copied().map(Ref::known).collect(),
            private_dns: true,
            private_dns_only_for_inbound_resolver_endpoint: false,
            policy: Policy::full_access(),
            ip_address_type: "ipv4".into(),
            dns_record_ip_type: "ipv4".into(),
        }
    }

    fn shown(state: &str) -> VpcEndpoint {
        let names =
            ["vpce-1-x-eu-west-1a.studio.vpce.aws", "vpce-1-x.studio.vpce.aws", "*.studio.eu-west-1.sagemaker.aws"];
        let entries =
            names.map(|name| DnsEntry::builder().dns_name(name).hosted_zone_id(format!("Z-{name}")).build()).to_vec();
        VpcEndpoint::builder()
            .vpc_endpoint_id("vpce-1")
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .vpc_id("vpc-1")
            .service_name("aws.sagemaker.eu-west-1.studio")
            .state(State::from(state))
            .subnet_ids("subnet-a")
            .subnet_ids("subnet-b")
            .network_interface_ids("eni-a")
            .set_dns_entries(Some(entries))
            .build()
    }

    fn interface(id: &str, subnet: &str, address: &str, description: &str) -> SdkNetworkInterface {
        let interface = SdkNetworkInterface::builder().network_interface_id(id).subnet_id(subnet);
        interface.private_ip_address(address).description(description).build()
    }

    #[test]
    fn an_endpoint_has_the_addresses_of_its_interfaces_and_others_stand_alone() {
        let interfaces = [
            interface("eni-a", "subnet-a", "10.0.0.10", "VPC Endpoint Interface vpce-1"),
            interface("eni-b", "subnet-b", "10.0.1.10", "VPC Endpoint Interface vpce-1"),
            interface("eni-c", "subnet-a", "10.0.0.11", "VPC Endpoint Interface vpce-2"),
            interface("eni-d", "subnet-a", "10.0.0.12", "somebody's"),
        ];
        let found = join(&[shown("available")], &interfaces);
        let ids: Vec<_> = found.iter().map(|observed| observed.id.as_str()).collect();
        assert_eq!(ids, ["vpce-1", "eni-c", "eni-d"]);
        let expected = endpoint(&[("subnet-a", Some("10.0.0.10")), ("subnet-b", Some("10.0.1.10"))], &[]);
        assert_eq!(found[0].spec, InterfaceEndpoint { private_dns: false, ..expected }.into());
        assert!(found[0].unread.is_empty());
        assert_eq!(join(&[shown("available")], &interfaces[..1])[0].unread, ["placements"], "one isn't shown yet");
    }

    #[test]
    fn states_are_read_whatever_their_case() {
        let readiness = |state| join(&[shown(state)], &[]).pop().map(|observed| observed.readiness);
        assert_eq!(readiness("available"), Some(Readiness::Ready));
        assert_eq!(readiness("Available"), Some(Readiness::Ready));
        assert_eq!(readiness("pendingAcceptance"), Some(Readiness::Pending));
        assert_eq!(readiness("deleting"), Some(Readiness::Deleting));
        assert_eq!(readiness("rejected"), Some(Readiness::Failed("rejected".into())));
        assert_eq!(readiness("deleted"), None);
    }

    #[test]
    fn its_own_names_are_known_by_their_beginning() {
        let found = join(&[shown("available")], &[]);
        assert_eq!(found[0].output("dns_name"), Some("vpce-1-x.studio.vpce.aws"));
        assert_eq!(found[0].output("dns_zone"), Some("Z-vpce-1-x.studio.vpce.aws"));
        assert_eq!(found[0].output("private_dns_names"), Some("*.studio.eu-west-1.sagemaker.aws"));
    }

    #[test]
    fn a_gateway_endpoint_is_a_kind_of_its_own() {
        let gateway = VpcEndpoint::builder().vpc_endpoint_id("vpce-2").vpc_id("vpc-1").service_name("s3");
        let gateway = gateway.vpc_endpoint_type(VpcEndpointType::from("gateway")).build();
        let kinds: Vec<_> = join(&[gateway, shown("available")], &[]).iter().map(Observed::kind).collect();
        assert_eq!(kinds, [Kind::GatewayEndpoint, Kind::InterfaceEndpoint]);
    }

    #[test]
    fn a_modification_says_only_what_differs() {
        let wanted = endpoint(&[("subnet-a", Some("10.0.0.20")), ("subnet-b", None)], &["sg-1", "sg-2"]);
        let now = endpoint(&[("subnet-a", Some("10.0.0.10")), ("subnet-c", Some("10.0.2.10"))], &["sg-2", "sg-3"]);
        let now = InterfaceEndpoint { private_dns: false, ..now };
        let address = SubnetConfiguration::builder().subnet_id("subnet-a").ipv4("10.0.0.20").build();
        let expected = ModifyVpcEndpointInputBuilder::default()
            .add_subnet_ids("subnet-b")
            .remove_subnet_ids("subnet-c")
            .subnet_configurations(address)
            .add_security_group_ids("sg-1")
            .remove_security_group_ids("sg-3")
            .private_dns_enabled(true);
        assert_eq!(wanted.modification(&now).unwrap(), expected);
    }

    #[test]
    fn private_names_beside_a_gateway_are_for_inbound_resolvers_and_need_it() {
        let both = InterfaceEndpoint { private_dns_only_for_inbound_resolver_endpoint: true, ..endpoint(&[], &[]) };
        let for_all = endpoint(&[], &[]);
        let none = InterfaceEndpoint { private_dns: false, ..endpoint(&[], &[]) };
        assert_eq!((both.needs(), for_all.needs()), ([Kind::GatewayEndpoint].as_slice(), [].as_slice()));
        let told = |wanted: &InterfaceEndpoint, now: &InterfaceEndpoint| {
            wanted.dns_options(now).and_then(|options| options.private_dns_only_for_inbound_resolver_endpoint())
        };
        assert_eq!((told(&both, &none), told(&both, &for_all)), (Some(true), Some(true)));
        assert_eq!((told(&for_all, &both), told(&for_all, &none)), (Some(false), None));
        assert_eq!((told(&none, &both), told(&both, &both)), (None, None));

        let options = DnsOptions::builder().private_dns_only_for_inbound_resolver_endpoint(true).build();
        let only_inbound = |private_dns| {
            let mut shown = shown("available");
            (shown.dns_options, shown.private_dns_enabled) = (Some(options.clone()), Some(private_dns));
            let Spec::InterfaceEndpoint(read) = read(&shown, &[]).unwrap().spec else { panic!("an endpoint") };
            read.private_dns_only_for_inbound_resolver_endpoint
        };
        assert!(only_inbound(true) && !only_inbound(false));
    }

    #[test]
    fn where_aws_may_choose_the_address_any_will_do() {
        let wanted = endpoint(&[("subnet-a", None)], &["sg-1"]);
        let now = endpoint(&[("subnet-a", Some("10.0.0.10"))], &["sg-1"]);
        assert_eq!(wanted.modification(&now).unwrap(), ModifyVpcEndpointInputBuilder::default());
    }
}
