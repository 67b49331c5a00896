//! Endpoints: where queries come into a VPC (inbound) or leave it (outbound).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::listing::{self, List};
use super::tags::{Tag, endpoint_arn};
use super::{Route53Resolver, check_name, exists, invalid_parameter, invalid_request, limit_exceeded, not_found, time};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::ec2::{Attachment, Ec2, NetworkInterface};
use crate::sandbox::world::{Context, durations};

/// Endpoints per Region, addresses per endpoint.
const QUOTA: usize = 4;
const ADDRESS_QUOTA: usize = 6;
/// Fewer addresses AWS does not let an endpoint have.
const MIN_ADDRESSES: usize = 2;

const FILTERS: &[(&str, &str)] = &[
    ("CreatorRequestId", "CreatorRequestId"),
    ("Direction", "Direction"),
    ("HostVPCId", "HostVPCId"),
    ("IpAddressCount", "IpAddressCount"),
    ("Name", "Name"),
    ("SecurityGroupIds", "SecurityGroupIds"),
    ("Status", "Status"),
];

/// Which way an endpoint's queries go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Direction {
    Inbound,
    Outbound,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Endpoint {
    creator_request_id: String,
    name: Option<String>,
    pub direction: Direction,
    security_group_ids: Vec<String>,
    pub host_vpc_id: String,
    pub protocols: Vec<String>,
    addresses: BTreeMap<String, Address>,
    created: Timestamp,
    modified: Timestamp,
    operational_at: Timestamp,
    gone_at: Option<Timestamp>,
}

/// An address of an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Address {
    subnet_id: String,
    ip: Ipv4Addr,
    network_interface_id: String,
    created: Timestamp,
    modified: Timestamp,
    attached_at: Timestamp,
    gone_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateEndpoint {
    creator_request_id: String,
    name: Option<String>,
    #[serde(default)]
    security_group_ids: Vec<String>,
    direction: Direction,
    #[serde(default)]
    ip_addresses: Vec<IpAddressRequest>,
    #[serde(default)]
    protocols: Vec<String>,
    #[serde(rename = "ResolverEndpointType")]
    _type: Option<EndpointType>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct IpAddressRequest {
    subnet_id: String,
    ip: Option<String>,
}

/// What is modelled of IPV4, IPV6 and DUALSTACK.
#[derive(Deserialize)]
enum EndpointType {
    #[serde(rename = "IPV4")]
    Ipv4,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EndpointId {
    resolver_endpoint_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListAddresses {
    resolver_endpoint_id: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateEndpoint {
    resolver_endpoint_id: String,
    name: Option<String>,
    #[serde(default)]
    protocols: Vec<String>,
    #[serde(rename = "ResolverEndpointType")]
    _type: Option<EndpointType>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ChangeAddress {
    resolver_endpoint_id: String,
    ip_address: IpAddressUpdate,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct IpAddressUpdate {
    ip_id: Option<String>,
    subnet_id: Option<String>,
    ip: Option<String>,
}

impl Address {
    fn status(&self, now: Timestamp) -> &'static str {
        match self.gone_at {
            Some(_) => "DELETING",
            None if now < self.attached_at => "CREATING",
            None => "ATTACHED",
        }
    }

    fn view(&self, id: &str, now: Timestamp) -> Value {
        let status = self.status(now);
        let message = if status == "ATTACHED" { "This IP address is operational." } else { "" };
        json!({
            "IpId": id,
            "SubnetId": self.subnet_id,
            "Ip": self.ip,
            "Status": status,
            "StatusMessage": message,
            "CreationTime": time(self.created),
            "ModificationTime": time(self.modified),
        })
    }
}

impl Endpoint {
    /// Whether its deletion is over.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.gone_at.is_some_and(|gone_at| gone_at <= now)
    }

    /// Whether its deletion has begun.
    pub fn is_deleting(&self) -> bool {
        self.gone_at.is_some()
    }

    /// Whether queries to this address come in here.
    pub fn listens_at(&self, ip: Ipv4Addr) -> bool {
        self.direction == Direction::Inbound && self.addresses.values().any(|address| address.ip == ip)
    }

    /// Its addresses, each with why no query passes there if none does.
    pub fn doors(&self, now: Timestamp) -> impl Iterator<Item = (Ipv4Addr, Option<String>)> {
        let speaks = self.protocols.iter().any(|protocol| protocol == "Do53");
        self.addresses.values().map(move |address| {
            let why = match address.status(now) {
                "ATTACHED" if speaks => None,
                "ATTACHED" => Some("doesn't answer plain DNS".to_owned()),
                status => Some(format!("is {status}")),
            };
            (address.ip, why)
        })
    }

    /// Drops the addresses whose removal is over; returns their network interfaces.
    pub fn drop_addresses(&mut self, now: Timestamp) -> Vec<String> {
        let is_gone = |address: &mut Address| address.gone_at.is_some_and(|gone_at| gone_at <= now);
        let gone = self.addresses.extract_if(.., |_, address| is_gone(address));
        gone.map(|(_, address)| address.network_interface_id).collect()
    }

    /// The addresses that it keeps.
    fn kept(&self) -> impl Iterator<Item = (&String, &Address)> {
        self.addresses.iter().filter(|(_, address)| address.gone_at.is_none())
    }

    fn status(&self, now: Timestamp) -> &'static str {
        if self.is_deleting() {
            "DELETING"
        } else if now < self.operational_at {
            "CREATING"
        } else if self.addresses.values().any(|address| address.status(now) != "ATTACHED") {
            "UPDATING"
        } else {
            "OPERATIONAL"
        }
    }

    fn view(&self, context: &Context<'_>, id: &str) -> Value {
        let status = self.status(context.now);
        let message = match status {
            "CREATING" => "Creating the Resolver Endpoint",
            "UPDATING" => "Updating the Resolver Endpoint",
            "DELETING" => "Deleting the Resolver Endpoint",
            _ => "This Resolver Endpoint is operational.",
        };
        let count = if self.is_deleting() { self.addresses.len() } else { self.kept().count() };
        let mut view = json!({
            "Id": id,
            "CreatorRequestId": self.creator_request_id,
            "Arn": endpoint_arn(context, id),
            "SecurityGroupIds": self.security_group_ids,
            "Direction": self.direction,
            "IpAddressCount": count,
            "HostVPCId": self.host_vpc_id,
            "Status": status,
            "StatusMessage": message,
            "CreationTime": time(self.created),
            "ModificationTime": time(self.modified),
            "ResolverEndpointType": "IPV4",
            "Protocols": self.protocols,
            "RniEnhancedMetricsEnabled": false,
            "TargetNameServerMetricsEnabled": false,
        });
        if let Some(name) = &self.name {
            view["Name"] = json!(name);
        }
        view
    }

    /// Takes an address of a subnet, with a network interface there.
    fn attach(
        &mut self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        id: &str,
        wanted: &IpAddressRequest,
        attached_at: Timestamp,
    ) -> Result<(), ApiError> {
        let subnet_id = &wanted.subnet_id;
        if vpc_of_subnet(ec2, subnet_id)? != self.host_vpc_id {
            let message = format!("The subnet '{subnet_id}' is not in the VPC '{}'.", self.host_vpc_id);
            return Err(invalid_request(message));
        }
        let ip = match &wanted.ip {
            Some(ip) => Some(ip.parse().map_err(|_| invalid_parameter(format!("Invalid IP address: '{ip}'")))?),
            None => None,
        };
        let interface =
            ec2.new_network_interface(subnet_id, ip).map_err(|refusal| in_own_words(&refusal, subnet_id, ip))?;
        let address_id = format!("rni-{}", context.dice.hex(17));
        let interface = NetworkInterface {
            group_ids: self.security_group_ids.clone(),
            description: format!("Route 53 Resolver: {id}:{address_id}"),
            requester_id: Some("amazon-aws".into()),
            attachment: Some(Attachment::to_service(context.dice, context.now)),
            ..interface
        };
        let address = Address {
            subnet_id: subnet_id.clone(),
            ip: interface.private_ip,
            network_interface_id: ec2.add_network_interface(context.dice, interface),
            created: context.now,
            modified: context.now,
            attached_at,
            gone_at: None,
        };
        self.addresses.insert(address_id, address);
        Ok(())
    }
}

impl Route53Resolver {
    pub(super) fn create_endpoint(
        &mut self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        request: CreateEndpoint,
    ) -> Answer {
        let CreateEndpoint { creator_request_id, name, direction, ip_addresses, .. } = request;
        check_name(name.as_deref())?;
        let mut endpoints = self.endpoints.iter();
        if let Some((id, _)) = endpoints.find(|(_, other)| other.creator_request_id == creator_request_id) {
            return Err(exists(format!(
                "Resolver endpoint with creator request ID '{creator_request_id}' already exists: '{id}'"
            )));
        }
        if self.endpoints.len() >= context.quota(QUOTA) {
            return Err(limit_exceeded(format!("Account '{}' has exceeded 'max-endpoints'", context.account)));
        }
        if ip_addresses.len() < MIN_ADDRESSES {
            return Err(too_few_addresses());
        }
        if ip_addresses.len() > ADDRESS_QUOTA {
            return Err(too_many_addresses());
        }
        let protocols = if request.protocols.is_empty() { vec!["Do53".to_owned()] } else { request.protocols };
        check_protocols(direction, &protocols)?;
        let host_vpc_id = vpc_of_subnet(ec2, &ip_addresses[0].subnet_id)?;
        let security_group_ids = check_groups(ec2, &host_vpc_id, &request.security_group_ids)?;

        let prefix = match direction {
            Direction::Inbound => "rslvr-in",
            Direction::Outbound => "rslvr-out",
        };
        let id = format!("{prefix}-{}", context.dice.hex(17));
        let operational_at = context.due(durations::RESOLVER_ENDPOINT_CREATE);
        let mut endpoint = Endpoint {
            creator_request_id,
            name,
            direction,
            security_group_ids,
            host_vpc_id,
            protocols,
            addresses: BTreeMap::new(),
            created: context.now,
            modified: context.now,
            operational_at,
            gone_at: None,
        };
        for wanted in &ip_addresses {
            endpoint.attach(context, ec2, &id, wanted, operational_at)?;
        }
        self.tag(&id, request.tags)?;
        let view = endpoint.view(context, &id);
        self.endpoints.insert(id, endpoint);
        Ok(json!({"ResolverEndpoint": view}))
    }

    pub(super) fn get_endpoint(&self, context: &Context<'_>, request: EndpointId) -> Answer {
        let id = &request.resolver_endpoint_id;
        Ok(json!({"ResolverEndpoint": self.endpoint(id)?.view(context, id)}))
    }

    pub(super) fn list_endpoints(&self, context: &Context<'_>, request: List) -> Answer {
        let endpoints = self.endpoints.iter().map(|(id, endpoint)| endpoint.view(context, id));
        request.answer("ResolverEndpoints", endpoints.collect(), FILTERS)
    }

    pub(super) fn list_addresses(&self, context: &Context<'_>, request: ListAddresses) -> Answer {
        let addresses = self.endpoint(&request.resolver_endpoint_id)?.addresses.iter();
        let views = addresses.map(|(id, address)| address.view(id, context.now)).collect();
        listing::page("IpAddresses", "IpId", views, request.max_results, request.next_token.as_deref())
    }

    pub(super) fn update_endpoint(&mut self, context: &Context<'_>, request: UpdateEndpoint) -> Answer {
        check_name(request.name.as_deref())?;
        let id = &request.resolver_endpoint_id;
        let endpoint = self.changeable(id)?;
        if !request.protocols.is_empty() {
            check_protocols(endpoint.direction, &request.protocols)?;
            let loses_all = !request.protocols.iter().any(|protocol| endpoint.protocols.contains(protocol));
            if endpoint.direction == Direction::Inbound && loses_all {
                let message = "An inbound endpoint's protocol can only be changed by way of both, the old and the new.";
                return Err(invalid_request(message));
            }
            endpoint.protocols = request.protocols;
        }
        if request.name.is_some() {
            endpoint.name = request.name;
        }
        endpoint.modified = context.now;
        Ok(json!({"ResolverEndpoint": endpoint.view(context, id)}))
    }

    pub(super) fn add_address(&mut self, context: &mut Context<'_>, ec2: &mut Ec2, request: ChangeAddress) -> Answer {
        let ChangeAddress { resolver_endpoint_id: id, ip_address: IpAddressUpdate { subnet_id, ip, .. } } = request;
        let endpoint = self.changeable(&id)?;
        let no_subnet = || invalid_request("Need to specify a subnet in order to add an IP address.");
        let wanted = IpAddressRequest { subnet_id: subnet_id.ok_or_else(no_subnet)?, ip };
        if endpoint.kept().count() >= ADDRESS_QUOTA {
            return Err(too_many_addresses());
        }
        let attached_at = context.due(durations::RESOLVER_ENDPOINT_CREATE);
        endpoint.attach(context, ec2, &id, &wanted, attached_at)?;
        endpoint.modified = context.now;
        Ok(json!({"ResolverEndpoint": endpoint.view(context, &id)}))
    }

    pub(super) fn remove_address(&mut self, context: &mut Context<'_>, request: ChangeAddress) -> Answer {
        let ChangeAddress { resolver_endpoint_id: id, ip_address: wanted } = request;
        let endpoint = self.changeable(&id)?;
        if wanted.ip_id.is_none() && (wanted.subnet_id.is_none() || wanted.ip.is_none()) {
            return Err(invalid_request(
                "[RSLVR-00503] Need to specify either the IP ID or both subnet and IP address in order to remove IP \
                 address.",
            ));
        }
        let is_meant = |(address_id, address): &(&String, &Address)| {
            wanted.ip_id.as_ref().is_none_or(|id| id == *address_id)
                && wanted.subnet_id.as_ref().is_none_or(|id| *id == address.subnet_id)
                && wanted.ip.as_ref().is_none_or(|ip| *ip == address.ip.to_string())
        };
        let address_id = endpoint.kept().find(is_meant).map(|(address_id, _)| address_id.clone());
        let missing = || not_found(format!("The IP address does not exist in the Resolver endpoint '{id}'."));
        let address_id = address_id.ok_or_else(missing)?;
        if endpoint.kept().count() <= MIN_ADDRESSES {
            return Err(too_few_addresses());
        }
        let is_attached = |address: &Address| address.status(context.now) == "ATTACHED";
        if !endpoint.kept().any(|(other, address)| *other != address_id && is_attached(address)) {
            let message = "[RSLVR-00506] Can't remove the only attached IP address from resolver endpoint.";
            return Err(invalid_request(message));
        }
        let gone_at = context.due(durations::RESOLVER_ENDPOINT_DELETE);
        if let Some(address) = endpoint.addresses.get_mut(&address_id) {
            address.gone_at = Some(gone_at);
            address.modified = context.now;
        }
        endpoint.modified = context.now;
        Ok(json!({"ResolverEndpoint": endpoint.view(context, &id)}))
    }

    pub(super) fn delete_endpoint(&mut self, context: &mut Context<'_>, request: EndpointId) -> Answer {
        let id = &request.resolver_endpoint_id;
        let rules: Vec<_> = self.rules_of(id).map(|rule| format!("\"{rule}\"")).collect();
        let endpoint = self.changeable(id)?;
        if !rules.is_empty() {
            return Err(invalid_request(format!(
                "[RSLVR-00600] Cannot delete resolver endpoint unless its related resolver rules are deleted. The \
                 following rules still exist for this resolver endpoint: {}",
                rules.join(",")
            )));
        }
        let gone_at = Some(context.due(durations::RESOLVER_ENDPOINT_DELETE));
        endpoint.gone_at = gone_at;
        endpoint.modified = context.now;
        for address in endpoint.addresses.values_mut() {
            address.gone_at = gone_at;
            address.modified = context.now;
        }
        Ok(json!({"ResolverEndpoint": endpoint.view(context, id)}))
    }

    /// The endpoint with this id.
    pub(super) fn endpoint(&self, id: &str) -> Result<&Endpoint, ApiError> {
        self.endpoints.get(id).ok_or_else(|| missing(id))
    }

    /// The endpoint with this id, unless it is being deleted.
    fn changeable(&mut self, id: &str) -> Result<&mut Endpoint, ApiError> {
        let endpoint = self.endpoints.get_mut(id).ok_or_else(|| missing(id))?;
        if endpoint.is_deleting() {
            return Err(invalid_request(format!("The Resolver endpoint '{id}' is being deleted.")));
        }
        Ok(endpoint)
    }
}

fn missing(id: &str) -> ApiError {
    not_found(format!("Resolver endpoint with ID '{id}' does not exist."))
}

fn too_few_addresses() -> ApiError {
    let message = format!("[RSLVR-00400] Resolver endpoint need to have at least {MIN_ADDRESSES} IP addresses.");
    invalid_request(message)
}

fn too_many_addresses() -> ApiError {
    limit_exceeded(format!("A Resolver endpoint can have at most {ADDRESS_QUOTA} IP addresses."))
}

fn vpc_of_subnet(ec2: &Ec2, subnet_id: &str) -> Result<String, ApiError> {
    let vpc_id = ec2.vpc_of_subnet(subnet_id).map(ToOwned::to_owned);
    vpc_id.ok_or_else(|| invalid_parameter(format!("The subnet ID '{subnet_id}' does not exist")))
}

fn check_groups(ec2: &Ec2, vpc_id: &str, ids: &[String]) -> Result<Vec<String>, ApiError> {
    if ids.is_empty() {
        return Err(invalid_parameter("At least one security group is required."));
    }
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    ec2.interface_groups(vpc_id, &ids).map_err(|refusal| invalid_parameter(refusal.message))
}

/// Refuses protocols that do not go together, or not in this direction.
fn check_protocols(direction: Direction, protocols: &[String]) -> Result<(), ApiError> {
    let has = |name: &str| protocols.iter().any(|protocol| protocol == name);
    let repeated = protocols.len() == 2 && protocols[0] == protocols[1];
    let fips = has("DoH-FIPS");
    if repeated || (fips && (has("DoH") || direction == Direction::Outbound)) {
        let message = format!("The protocols {} can't be used together here.", protocols.join(", "));
        return Err(invalid_parameter(message));
    }
    Ok(())
}

/// EC2's refusal of an address, as this service has it.
fn in_own_words(refusal: &ApiError, subnet_id: &str, wanted: Option<Ipv4Addr>) -> ApiError {
    let Some(ip) = wanted else {
        return invalid_request(format!("The subnet '{subnet_id}' has no free IP address."));
    };
    if refusal.code == "InvalidIPAddress.InUse" {
        return exists(format!("The IP address '{ip}' in subnet '{subnet_id}' is already in use"));
    }
    invalid_request(format!(
        "[RSLVR-00405] IP address '{ip}' is either not in subnet '{subnet_id}' CIDR range or is reserved"
    ))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::testing::*;
    use super::*;
    use crate::sandbox::world::Durations;

    fn get(world: &mut Sandbox, id: &str) -> Value {
        world.ok("GetResolverEndpoint", json!({"ResolverEndpointId": id}))["ResolverEndpoint"].clone()
    }

    fn addresses(world: &mut Sandbox, id: &str) -> Vec<Value> {
        let listed = world.ok("ListResolverEndpointIpAddresses", json!({"ResolverEndpointId": id}));
        listed["IpAddresses"].as_array().unwrap().clone()
    }

    fn interfaces(world: &mut Sandbox) -> Vec<Value> {
        let listed = world.ec2("DescribeNetworkInterfaces", json!({})).unwrap();
        listed["NetworkInterfaces"].as_array().unwrap().clone()
    }

    fn statuses(addresses: &[Value]) -> Vec<&str> {
        let mut statuses: Vec<_> = addresses.iter().filter_map(|address| address["Status"].as_str()).collect();
        statuses.sort_unstable();
        statuses
    }

    #[test]
    fn an_endpoint_is_created_operational_deleted_and_gone() {
        let mut world = Sandbox::new();
        let before = world.standing();
        let id = world.create_inbound();
        assert!(id.starts_with("rslvr-in-") && id.len() == 26, "{id}");
        assert_eq!(get(&mut world, &id)["Status"], "CREATING");
        assert_eq!(statuses(&addresses(&mut world, &id)), ["CREATING", "CREATING"]);
        world.wait(73);
        let endpoint = get(&mut world, &id);
        assert_eq!(statuses(&addresses(&mut world, &id)), ["ATTACHED", "ATTACHED"]);
        assert_eq!(endpoint["Id"], id);
        assert_eq!(endpoint["Arn"], format!("arn:aws:route53resolver:us-east-1:111122223333:resolver-endpoint/{id}"));
        assert_eq!(endpoint["HostVPCId"], world.vpc);
        assert_eq!(endpoint["SecurityGroupIds"], json!([world.group]));
        let mut rest = endpoint;
        let asserted = ["Id", "Arn", "HostVPCId", "SecurityGroupIds"];
        rest.as_object_mut().unwrap().retain(|member, _| !asserted.contains(&member.as_str()));
        assert_snapshot!(format!("{rest:#}"), @r#"
        {
          "CreationTime": "2026-01-01T00:00:00.000Z",
          "CreatorRequestId": "inbound",
          "Direction": "INBOUND",
          "IpAddressCount": 2,
          "ModificationTime": "2026-01-01T00:00:00.000Z",
          "Name": "breezeway resolver",
          "Protocols": [
            "Do53"
          ],
          "ResolverEndpointType": "IPV4",
          "RniEnhancedMetricsEnabled": false,
          "Status": "OPERATIONAL",
          "StatusMessage": "This Resolver Endpoint is operational.",
          "TargetNameServerMetricsEnabled": false
        }
        "#);

        let delete = json!({"ResolverEndpointId": id});
        let deleting = world.ok("DeleteResolverEndpoint", delete.clone())["ResolverEndpoint"].clone();
        assert_eq!((&deleting["Status"], &deleting["IpAddressCount"]), (&json!("DELETING"), &json!(2)));
        assert_eq!(world.refused("DeleteResolverEndpoint", delete.clone()), "InvalidRequestException");
        assert_eq!(statuses(&addresses(&mut world, &id)), ["DELETING", "DELETING"]);
        assert_ne!(world.standing(), before, "what is being deleted still stands");
        world.wait(61);
        for operation in ["GetResolverEndpoint", "ListResolverEndpointIpAddresses", "DeleteResolverEndpoint"] {
            assert_eq!(world.refused(operation, delete.clone()), "ResourceNotFoundException", "{operation}");
        }
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn without_durations_it_is_operational_and_gone_at_once() {
        let mut world = Sandbox::new();
        world.stage.durations = Durations::Instant;
        let id = world.create_inbound();
        assert_eq!(get(&mut world, &id)["Status"], "OPERATIONAL");
        world.ok("DeleteResolverEndpoint", json!({"ResolverEndpointId": id}));
        assert_eq!(
            world.refused("GetResolverEndpoint", json!({"ResolverEndpointId": id})),
            "ResourceNotFoundException"
        );
    }

    #[test]
    fn each_address_is_a_network_interface_that_keeps_its_subnet_group_and_vpc() {
        let mut world = Sandbox::new();
        let id = world.create_inbound();
        let addresses = addresses(&mut world, &id);
        let (subnets, group, vpc) = (world.subnets.clone(), world.group.clone(), world.vpc.clone());
        for address in &addresses {
            let interfaces = interfaces(&mut world);
            let own = interfaces.iter().find(|one| one["PrivateIpAddress"] == address["Ip"]).unwrap();
            let rni = address["IpId"].as_str().unwrap();
            assert_eq!(own["Description"], format!("Route 53 Resolver: {id}:{rni}"));
            assert_eq!(own["SubnetId"], address["SubnetId"]);
            assert_eq!(own["Groups"][0]["GroupId"], group);
            assert_eq!((&own["RequesterManaged"], &own["Status"]), (&json!(true), &json!("in-use")));
        }
        assert!(addresses.iter().any(|address| address["Ip"] == "10.0.0.10" && address["SubnetId"] == subnets[0]));
        let blocked = [
            ("DeleteSubnet", json!({"SubnetId": subnets[0]})),
            ("DeleteSecurityGroup", json!({"GroupId": group})),
            ("DeleteVpc", json!({"VpcId": vpc})),
        ];
        world.ok("DeleteResolverEndpoint", json!({"ResolverEndpointId": id}));
        for (operation, input) in blocked.clone() {
            assert_eq!(world.ec2(operation, input).unwrap_err().code, "DependencyViolation", "{operation}");
        }
        // EC2 alone is asked from here on.
        world.wait(61);
        assert_eq!(interfaces(&mut world), Vec::<Value>::new());
        for (operation, input) in &blocked[..2] {
            world.ec2(operation, input.clone()).unwrap();
        }
    }

    #[test]
    fn a_creator_request_id_makes_one_endpoint_whatever_else_is_asked() {
        let mut world = Sandbox::new();
        let id = world.create_inbound();
        let mut again = world.inbound();
        let refusal = world.call("CreateResolverEndpoint", again.clone()).unwrap_err();
        assert_eq!(refusal.code, "ResourceExistsException");
        assert!(refusal.message.contains(&id), "{}", refusal.message);
        again["Name"] = json!("other");
        assert_eq!(world.refused("CreateResolverEndpoint", again), "ResourceExistsException");
    }

    #[test]
    fn an_endpoint_needs_two_to_six_free_addresses_of_one_vpc() {
        let mut world = Sandbox::new();
        let [first, second] = world.subnets.clone();
        let vpc = world.ec2("CreateVpc", json!({"CidrBlock": "10.9.0.0/16"})).unwrap()["Vpc"]["VpcId"].clone();
        let abroad = json!({"VpcId": vpc, "CidrBlock": "10.9.0.0/24"});
        let abroad = world.ec2("CreateSubnet", abroad).unwrap()["Subnet"]["SubnetId"].clone();
        let at = |ip: &str| json!({"SubnetId": first, "Ip": ip});
        let other = json!({"SubnetId": second});
        for (addresses, code) in [
            (json!([at("10.0.0.10")]), "InvalidRequestException"),
            (json!([other, other, other, other, other, other, other]), "LimitExceededException"),
            (json!([at("10.0.0.3"), other]), "InvalidRequestException"),
            (json!([at("10.0.1.10"), other]), "InvalidRequestException"),
            (json!([at("10.0.0.10"), at("10.0.0.10")]), "ResourceExistsException"),
            (json!([at("10.0.0"), other]), "InvalidParameterException"),
            (json!([other, {"SubnetId": abroad}]), "InvalidRequestException"),
            (json!([other, {"SubnetId": "subnet-0123456789abcdef0"}]), "InvalidParameterException"),
        ] {
            let mut input = world.inbound();
            input["IpAddresses"] = addresses.clone();
            assert_eq!(world.refused("CreateResolverEndpoint", input), code, "{addresses}");
        }
        let mut crowded = world.inbound();
        crowded["IpAddresses"] = json!([at("10.0.0.10"), at("10.0.0.11"), other, other, other, other]);
        assert_eq!(world.ok("CreateResolverEndpoint", crowded)["ResolverEndpoint"]["IpAddressCount"], 6);
    }

    #[test]
    fn names_groups_and_protocols_are_checked() {
        let mut world = Sandbox::new();
        let default = world.ec2("DescribeSecurityGroups", json!({"GroupNames": ["default"]})).unwrap();
        let abroad = default["SecurityGroups"][0]["GroupId"].clone();
        for (member, value, code) in [
            ("Name", json!("lab/resolver"), "ValidationException"),
            ("SecurityGroupIds", json!([]), "InvalidParameterException"),
            ("SecurityGroupIds", json!(["sg-0123456789abcdef0"]), "InvalidParameterException"),
            ("SecurityGroupIds", json!(["group"]), "InvalidParameterException"),
            ("SecurityGroupIds", json!([abroad]), "InvalidParameterException"),
            ("Protocols", json!(["DoH", "DoH-FIPS"]), "InvalidParameterException"),
            ("Protocols", json!(["Do53", "Do53"]), "InvalidParameterException"),
            ("ResolverEndpointType", json!("DUALSTACK"), "NotImplemented"),
            ("Direction", json!("INBOUND_DELEGATION"), "NotImplemented"),
        ] {
            let mut input = world.inbound();
            input[member] = value.clone();
            assert_eq!(world.refused("CreateResolverEndpoint", input), code, "{member} {value}");
        }
        let mut outbound = world.inbound();
        outbound["Direction"] = json!("OUTBOUND");
        outbound["Protocols"] = json!(["DoH-FIPS"]);
        assert_eq!(world.refused("CreateResolverEndpoint", outbound), "InvalidParameterException");
    }

    #[test]
    fn a_region_has_four_endpoints() {
        let mut world = Sandbox::new();
        for (n, code) in [(1, None), (2, None), (3, None), (4, None), (5, Some("LimitExceededException"))] {
            let mut input = world.inbound();
            input["CreatorRequestId"] = json!(format!("request {n}"));
            input["IpAddresses"] = json!([{"SubnetId": world.subnets[0]}, {"SubnetId": world.subnets[1]}]);
            let refusal = world.call("CreateResolverEndpoint", input).err();
            assert_eq!(refusal.map(|refusal| refusal.code).as_deref(), code, "{n}");
        }
    }

    #[test]
    fn lists_filter_and_show_no_tags() {
        let mut world = Sandbox::new();
        let mut input = world.inbound();
        input["Tags"] = json!([{"Key": "k", "Value": "v"}]);
        let id = world.ok("CreateResolverEndpoint", input)["ResolverEndpoint"]["Id"].clone();
        world.create_outbound();
        let (vpc, group) = (world.vpc.clone(), world.group.clone());
        for (name, value, found) in [
            ("Direction", "INBOUND", 1),
            ("CreatorRequestId", "inbound", 1),
            ("HostVPCId", vpc.as_str(), 2),
            ("IpAddressCount", "2", 2),
            ("Name", "breezeway resolver", 2),
            ("SecurityGroupIds", &group, 2),
            ("Status", "OPERATIONAL", 0),
        ] {
            let filters = json!({"Filters": [{"Name": name, "Values": [value]}]});
            let listed = world.ok("ListResolverEndpoints", filters)["ResolverEndpoints"].clone();
            assert_eq!(listed.as_array().unwrap().len(), found, "{name}");
            assert!(found != 1 || (listed[0]["Id"] == id && listed[0].get("Tags").is_none()), "{name}");
        }
        let unknown = json!({"Filters": [{"Name": "tag:k", "Values": ["v"]}]});
        assert_eq!(world.refused("ListResolverEndpoints", unknown), "InvalidParameterException");
    }

    #[test]
    fn name_and_protocols_change_at_once_but_no_inbound_protocol_is_swapped() {
        let mut world = Sandbox::new();
        let id = world.create_inbound();
        let update = |protocols: Value| json!({"ResolverEndpointId": id, "Name": "renamed", "Protocols": protocols});
        assert_eq!(world.refused("UpdateResolverEndpoint", update(json!(["DoH"]))), "InvalidRequestException");
        let endpoint = world.ok("UpdateResolverEndpoint", update(json!(["DoH", "Do53"])))["ResolverEndpoint"].clone();
        assert_eq!((&endpoint["Name"], &endpoint["Protocols"]), (&json!("renamed"), &json!(["DoH", "Do53"])));
        world.ok("UpdateResolverEndpoint", update(json!(["DoH"])));
    }

    #[test]
    fn addresses_come_and_go_while_two_remain() {
        let mut world = Sandbox::new();
        let id = world.create_inbound();
        let subnet = world.subnets[0].clone();
        let at = |ip: &str| json!({"ResolverEndpointId": id, "IpAddress": {"SubnetId": subnet, "Ip": ip}});
        world.wait(73);
        let first = at("10.0.0.10");
        assert_eq!(world.refused("DisassociateResolverEndpointIpAddress", first.clone()), "InvalidRequestException");
        assert_eq!(world.refused("AssociateResolverEndpointIpAddress", first.clone()), "ResourceExistsException");

        let updating = world.ok("AssociateResolverEndpointIpAddress", at("10.0.0.20"))["ResolverEndpoint"].clone();
        assert_eq!((&updating["Status"], &updating["IpAddressCount"]), (&json!("UPDATING"), &json!(3)));
        assert_eq!(statuses(&addresses(&mut world, &id)), ["ATTACHED", "ATTACHED", "CREATING"]);
        world.wait(73);
        assert_eq!(get(&mut world, &id)["Status"], "OPERATIONAL");

        let unnamed = json!({"ResolverEndpointId": id, "IpAddress": {"SubnetId": subnet}});
        assert_eq!(world.refused("DisassociateResolverEndpointIpAddress", unnamed), "InvalidRequestException");
        let unknown = at("10.0.0.99");
        assert_eq!(world.refused("DisassociateResolverEndpointIpAddress", unknown), "ResourceNotFoundException");
        let updating = world.ok("DisassociateResolverEndpointIpAddress", first)["ResolverEndpoint"].clone();
        assert_eq!((&updating["Status"], &updating["IpAddressCount"]), (&json!("UPDATING"), &json!(2)));
        assert_eq!(interfaces(&mut world).len(), 3);
        world.wait(61);
        assert_eq!(interfaces(&mut world).len(), 2);
        assert_eq!(statuses(&addresses(&mut world, &id)), ["ATTACHED", "ATTACHED"]);
        assert_eq!(get(&mut world, &id)["Status"], "OPERATIONAL");
    }

    #[test]
    fn the_only_attached_address_stays() {
        let mut world = Sandbox::new();
        let id = world.create_inbound();
        world.wait(73);
        let old: Vec<_> = addresses(&mut world, &id).iter().map(|address| address["IpId"].clone()).collect();
        for subnet in world.subnets.clone() {
            let new = json!({"ResolverEndpointId": id, "IpAddress": {"SubnetId": subnet}});
            world.ok("AssociateResolverEndpointIpAddress", new);
        }
        let remove = |ip_id: &Value| json!({"ResolverEndpointId": id, "IpAddress": {"IpId": ip_id}});
        world.ok("DisassociateResolverEndpointIpAddress", remove(&old[0]));
        assert_eq!(world.refused("DisassociateResolverEndpointIpAddress", remove(&old[1])), "InvalidRequestException");
        world.wait(73);
        world.ok("DisassociateResolverEndpointIpAddress", remove(&old[1]));
    }
}
