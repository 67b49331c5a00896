//! A Route 53 Resolver inbound endpoint:
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-forwarding-inbound-queries.html>. Output `arn`.

use std::time::Duration;

use aws_sdk_route53resolver::types::{
    Filter, IpAddressRequest, IpAddressResponse, IpAddressUpdate, Protocol, ResolverEndpoint as SdkEndpoint,
    ResolverEndpointType, Tag,
};
use futures::future;
use serde::{Deserialize, Serialize};

use super::interface_endpoint::Placement;
use super::security_group::SecurityGroup;
use super::vpc::Vpc;
use super::{Creation, Kind, Listing, Observed, Operations, Query, Readiness, Ref, Resource, Seconds, Set, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

const SERVICE: &str = "route53resolver";
/// How often, and how many times, to ask whether a change of an address is through; one takes about a minute.
const RHYTHM: Duration = Duration::from_secs(2);
const LOOKS: u32 = 300;

/// What a resolver endpoint is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolverEndpoint {
    /// The VPC whose names it answers.
    pub vpc: Ref<Vpc>,
    /// Its name, which says whose it is since lists carry no tags.
    pub name: String,
    /// `INBOUND` or `OUTBOUND`.
    pub direction: String,
    /// Where it listens: two to six addresses.
    pub placements: Set<Placement>,
    /// Who may ask it; can't be changed later.
    pub security_groups: Set<Ref<SecurityGroup>>,
    /// `Do53`, `DoH`.
    pub protocols: Set<String>,
    /// `IPV4`, `IPV6` or `DUALSTACK`.
    pub ip_address_type: String,
}

impl Resource for ResolverEndpoint {
    const IN_PLACE: &'static [&'static str] = &["name", "placements", "protocols"];
    const OWNERS: &'static [&'static str] = &["vpc"];
    const LINGERS: bool = true;
    const OPERATIONS: Operations = Operations {
        service: SERVICE,
        create: "CreateResolverEndpoint",
        change: "UpdateResolverEndpoint",
        delete: "DeleteResolverEndpoint",
    };
    const SECONDS: Seconds = Seconds { create: 72.0, delete: 60.0 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.vpc.text(), self.name))
    }

    /// An address has one owner.
    fn excludes(&self, other: &Self) -> bool {
        let mut addresses = self.placements.iter().filter_map(|placement| placement.address);
        self.vpc == other.vpc && addresses.any(|one| other.placements.iter().any(|two| two.address == Some(one)))
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let addresses: Vec<_> = self.placements.iter().map(request).collect::<Result<_, _>>()?;
        let (groups, tags) = (self.security_groups.ids()?, to_sdk(&with.tags)?);
        let answer = aws
            .write(SERVICE, "CreateResolverEndpoint", || {
                let call = aws.route53resolver.create_resolver_endpoint().creator_request_id(&with.token);
                let call = call.name(&self.name).direction(self.direction.as_str().into());
                let call = call.set_security_group_ids(Some(groups.clone())).set_ip_addresses(Some(addresses.clone()));
                let call = call.resolver_endpoint_type(ResolverEndpointType::from(self.ip_address_type.as_str()));
                call.set_protocols(Some(self.protocols())).set_tags(Some(tags.clone())).send()
            })
            .await?;
        let made = answer.resolver_endpoint().and_then(read);
        made.ok_or_else(|| {
            Failure::here("CreateResolverEndpoint", Class::UnknownOutcome, "no resolver endpoint in the answer")
        })
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let Spec::ResolverEndpoint(now) = &from.spec else { return Ok(()) };
        if (&now.name, &now.protocols) != (&self.name, &self.protocols) {
            aws.write(SERVICE, "UpdateResolverEndpoint", || {
                let call = aws.route53resolver.update_resolver_endpoint().resolver_endpoint_id(&from.id);
                call.name(&self.name).set_protocols(Some(self.protocols())).send()
            })
            .await?;
        }
        if now.placements != self.placements { self.move_to_placements(aws, &from.id).await } else { Ok(()) }
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let call = || aws.route53resolver.delete_resolver_endpoint().resolver_endpoint_id(&observed.id).send();
        match aws.write(SERVICE, "DeleteResolverEndpoint", call).await {
            // Deleting what is being deleted is refused as a wrong request: then the state decides.
            Err(failure) if failure.code == "InvalidRequestException" => {
                let endpoint = get(aws, &observed.id).await?;
                let leaving = read(&endpoint).is_some_and(|endpoint| endpoint.readiness == Readiness::Deleting);
                if leaving { Ok(()) } else { Err(failure) }
            }
            answer => answer.map(drop),
        }
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        let tags = to_sdk(tags)?;
        let endpoint = get(aws, id).await?;
        aws.write(SERVICE, "TagResource", || {
            let call = aws.route53resolver.tag_resource().resource_arn(endpoint.arn().unwrap_or_default());
            call.set_tags(Some(tags.clone())).send()
        })
        .await
        .map(drop)
    }
}

impl ResolverEndpoint {
    fn protocols(&self) -> Vec<Protocol> {
        self.protocols.iter().map(|protocol| protocol.as_str().into()).collect()
    }

    /// Adds addresses before it removes others, since AWS keeps two at least. Reads what there is now, so that doing
    /// it twice is harmless.
    async fn move_to_placements(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        let standing: Vec<_> = addresses(aws, id).await?.iter().filter_map(listening).collect();
        let moves = Moves::between(&standing, &self.placements);
        for placement in moves.to_add {
            let subnet = placement.subnet.id()?;
            let update = IpAddressUpdate::builder().subnet_id(subnet);
            let update = update.set_ip(placement.address.map(|address| address.to_string())).build();
            settled(aws, id).await?;
            aws.write(SERVICE, "AssociateResolverEndpointIpAddress", || {
                let call = aws.route53resolver.associate_resolver_endpoint_ip_address().resolver_endpoint_id(id);
                call.ip_address(update.clone()).send()
            })
            .await?;
        }
        for ip_id in moves.to_remove {
            let update = IpAddressUpdate::builder().ip_id(ip_id).build();
            settled(aws, id).await?;
            aws.write(SERVICE, "DisassociateResolverEndpointIpAddress", || {
                let call = aws.route53resolver.disassociate_resolver_endpoint_ip_address().resolver_endpoint_id(id);
                call.ip_address(update.clone()).send()
            })
            .await?;
        }
        Ok(())
    }
}

/// What has to happen to the addresses of an endpoint.
struct Moves<'a> {
    to_add: Vec<&'a Placement>,
    /// By AWS's id of the address.
    to_remove: Vec<&'a str>,
}

impl<'a> Moves<'a> {
    /// A wanted placement without an address is content with any in its subnet.
    fn between(standing: &'a [Listening], wanted: &'a Set<Placement>) -> Self {
        let fits = |placement: &Placement, listening: &Listening| {
            let any = placement.address.is_none();
            placement.subnet == listening.placement.subnet && (any || placement.address == listening.placement.address)
        };
        let to_add = wanted.iter().filter(|placement| !standing.iter().any(|listening| fits(placement, listening)));
        let extra = standing.iter().filter(|listening| !wanted.iter().any(|placement| fits(placement, listening)));
        Self { to_add: to_add.collect(), to_remove: extra.map(|listening| listening.ip_id.as_str()).collect() }
    }
}

/// Waits until AWS takes the next change of an address.
async fn settled(aws: &Aws, id: &str) -> Result<(), Failure> {
    for _ in 0..LOOKS {
        let endpoint = get(aws, id).await?;
        if endpoint.status().is_none_or(|status| !status.as_str().eq_ignore_ascii_case("UPDATING")) {
            return Ok(());
        }
        tokio::time::sleep(RHYTHM).await;
    }
    Err(Failure::here("GetResolverEndpoint", Class::Wrong, format!("{id} is still UPDATING")))
}

fn request(placement: &Placement) -> Result<IpAddressRequest, Failure> {
    let address = placement.address.map(|address| address.to_string());
    let request = IpAddressRequest::builder().subnet_id(placement.subnet.id()?).set_ip(address).build();
    request.map_err(|error| Failure::here("CreateResolverEndpoint", Class::Wrong, error.to_string()))
}

fn to_sdk(tags: &Tags) -> Result<Vec<Tag>, Failure> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let tags: Result<_, _> = tags.iter().map(tag).collect();
    tags.map_err(|error| Failure::here("tag", Class::Wrong, error.to_string()))
}

/// An endpoint without its addresses and tags, which take calls of their own.
fn read(endpoint: &SdkEndpoint) -> Option<Observed> {
    let state = endpoint.status().map_or("unknown", |status| status.as_str()).to_uppercase();
    let readiness = match state.as_str() {
        "OPERATIONAL" => Readiness::Ready,
        "DELETING" => Readiness::Deleting,
        "ACTION_NEEDED" => Readiness::Failed(endpoint.status_message().unwrap_or("no reason given").to_owned()),
        _ => Readiness::Pending,
    };
    let spec = ResolverEndpoint {
        vpc: Ref::known(endpoint.host_vpc_id()?),
        name: endpoint.name().unwrap_or_default().to_owned(),
        direction: endpoint.direction().map(|direction| direction.as_str().to_owned()).unwrap_or_default(),
        placements: Set::default(),
        security_groups: endpoint.security_group_ids().iter().map(Ref::known).collect(),
        protocols: endpoint.protocols().iter().map(|protocol| protocol.as_str().to_owned()).collect(),
        ip_address_type: endpoint.resolver_endpoint_type().map_or("IPV4", |kind| kind.as_str()).to_owned(),
    };
    let standing = Observed::standing(endpoint.id()?, Tags::new(), spec);
    let mut observed = Observed { state, readiness, ..standing };
    observed.outputs.insert("arn".into(), endpoint.arn()?.to_owned());
    Some(observed)
}

/// Lists resolver endpoints, and reads the addresses and tags of each; a query by id reads neither.
///
/// # Errors
/// The list itself could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let (name, values) = match query {
        Query::Lab(lab) => ("Name", vec![lab.resolver_endpoint.clone()]),
        Query::Inside(vpcs) => ("HostVPCId", vpcs.clone()),
        Query::Ids(ids) => return Ok(by_id(aws, ids).await),
    };
    let filter = Filter::builder().name(name).set_values(Some(values)).build();
    let endpoints = aws
        .read_pages(SERVICE, "ListResolverEndpoints", |next| {
            let call = aws.route53resolver.list_resolver_endpoints().filters(filter.clone()).max_results(100);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.resolver_endpoints.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    let mut listing = Listing::default();
    let details = endpoints.iter().filter_map(read).map(|endpoint| with_details(aws, endpoint));
    for (endpoint, failure) in future::join_all(details).await {
        listing.unreadable.extend(failure.map(|failure| (Kind::ResolverEndpoint, failure)));
        listing.found.extend(endpoint);
    }
    Ok(listing)
}

async fn by_id(aws: &Aws, ids: &[String]) -> Listing {
    let mut listing = Listing::default();
    for endpoint in future::join_all(ids.iter().map(|id| get(aws, id))).await {
        match endpoint {
            Ok(endpoint) => listing.found.extend(read(&endpoint)),
            Err(failure) if failure.class == Class::NotFound => {}
            Err(failure) => listing.unreadable.push((Kind::ResolverEndpoint, failure)),
        }
    }
    listing
}

/// The endpoint with its addresses and tags; without them, and why, where they could not be read; nothing if it has
/// gone meanwhile.
async fn with_details(aws: &Aws, mut endpoint: Observed) -> (Option<Observed>, Option<Failure>) {
    // An endpoint that is leaving keeps its addresses until it is gone.
    let leaving = endpoint.readiness == Readiness::Deleting;
    let placement = |address| if leaving { placed(address) } else { Some(listening(address)?.placement) };
    let arn = endpoint.output("arn").unwrap_or_default();
    match future::try_join(addresses(aws, &endpoint.id), tags(aws, arn)).await {
        Ok((addresses, tags)) => {
            if let Spec::ResolverEndpoint(spec) = &mut endpoint.spec {
                spec.placements = addresses.iter().filter_map(placement).collect();
            }
            endpoint.tags = tags;
            (Some(endpoint), None)
        }
        Err(failure) if failure.class == Class::NotFound => (None, None),
        Err(failure) => {
            endpoint.unread.push("placements".into());
            (Some(endpoint), Some(failure))
        }
    }
}

async fn get(aws: &Aws, id: &str) -> Result<SdkEndpoint, Failure> {
    let call = || aws.route53resolver.get_resolver_endpoint().resolver_endpoint_id(id).send();
    let answer = aws.read(SERVICE, "GetResolverEndpoint", call).await?;
    let missing = || Failure::here("GetResolverEndpoint", Class::UnknownOutcome, "no resolver endpoint in the answer");
    answer.resolver_endpoint.ok_or_else(missing)
}

/// An address that an endpoint listens at, or is about to.
#[derive(Debug)]
struct Listening {
    ip_id: String,
    placement: Placement,
}

/// Addresses that are leaving are none any more.
fn listening(address: &IpAddressResponse) -> Option<Listening> {
    let status = address.status().map_or("", |status| status.as_str()).to_uppercase();
    if matches!(status.as_str(), "DETACHING" | "REMAP_DETACHING" | "DELETING") {
        return None;
    }
    Some(Listening { ip_id: address.ip_id()?.to_owned(), placement: placed(address)? })
}

fn placed(address: &IpAddressResponse) -> Option<Placement> {
    let ip = address.ip().and_then(|address| address.parse().ok());
    Some(Placement { subnet: Ref::known(address.subnet_id()?), address: ip })
}

async fn addresses(aws: &Aws, id: &str) -> Result<Vec<IpAddressResponse>, Failure> {
    aws.read_pages(SERVICE, "ListResolverEndpointIpAddresses", |next| {
        let call = aws.route53resolver.list_resolver_endpoint_ip_addresses().resolver_endpoint_id(id);
        async {
            let page = call.max_results(100).set_next_token(next).send().await;
            page.map(|page| (page.ip_addresses.unwrap_or_default(), page.next_token))
        }
    })
    .await
}

async fn tags(aws: &Aws, arn: &str) -> Result<Tags, Failure> {
    let tags = aws
        .read_pages(SERVICE, "ListTagsForResource", |next| {
            let call = aws.route53resolver.list_tags_for_resource().resource_arn(arn).max_results(100);
            async {
                call.set_next_token(next).send().await.map(|page| (page.tags.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53resolver::types::{IpAddressStatus, ResolverEndpointStatus};

    use super::*;

    fn address(id: &str, subnet: &str, ip: &str, status: IpAddressStatus) -> IpAddressResponse {
        IpAddressResponse::builder().ip_id(id).subnet_id(subnet).ip(ip).status(status).build()
    }

    fn placement(subnet: &str, address: &str) -> Placement {
        Placement { subnet: Ref::known(subnet), address: address.parse().ok() }
    }

    #[test]
    fn an_address_that_is_leaving_is_no_placement() {
        let leaving = address("rni-1", "subnet-a", "10.0.0.10", IpAddressStatus::Detaching);
        assert!(listening(&leaving).is_none());
        let coming = address("rni-2", "subnet-a", "10.0.0.11", IpAddressStatus::Attaching);
        assert_eq!(listening(&coming).unwrap().placement, placement("subnet-a", "10.0.0.11"));
    }

    #[test]
    fn an_address_that_moves_within_its_subnet_is_added_and_the_old_one_removed() {
        let standing = [
            address("rni-a", "subnet-a", "10.0.0.10", IpAddressStatus::Attached),
            address("rni-b", "subnet-b", "10.0.1.10", IpAddressStatus::Attached),
        ];
        let standing: Vec<_> = standing.iter().filter_map(listening).collect();
        let wanted = Set::from(vec![placement("subnet-a", "10.0.0.11"), placement("subnet-b", "")]);
        let moves = Moves::between(&standing, &wanted);
        assert_eq!(moves.to_add, [&placement("subnet-a", "10.0.0.11")]);
        assert_eq!(moves.to_remove, ["rni-a"], "any address will do in subnet-b");
    }

    #[test]
    fn an_endpoint_that_needs_action_has_failed_and_says_why() {
        let endpoint = SdkEndpoint::builder().id("rslvr-in-1").arn("arn:aws:route53resolver:::1").host_vpc_id("vpc-1");
        let endpoint = endpoint.status(ResolverEndpointStatus::ActionNeeded).status_message("no permission").build();
        let observed = read(&endpoint).unwrap();
        assert_eq!(observed.readiness, Readiness::Failed("no permission".into()));
    }
}
