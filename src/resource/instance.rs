//! An EC2 instance with its root volume and its one network interface:
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/concepts.html>. Outputs `public_ip`, `private_dns_name` and
//! `network_interface`: the id of its interface; `kept_attachment`, by which that is attached, where somebody told AWS to
//! keep it when the instance ends.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use aws_sdk_ec2::types::{
    AttributeBooleanValue, BlockDeviceMapping, EbsBlockDevice, IamInstanceProfileSpecification,
    Instance as SdkInstance, InstanceAttributeName, InstanceMetadataEndpointState, InstanceMetadataOptionsRequest,
    InstanceMetadataOptionsResponse, InstanceNetworkInterface, InstanceNetworkInterfaceSpecification, InstanceType,
    NetworkInterfaceAttachmentChanges, ResourceType, TagSpecification, Volume, VolumeType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::future;
use serde::{Deserialize, Serialize};

use super::instance_profile::InstanceProfile;
use super::key_pair::KeyPair;
use super::security_group::SecurityGroup;
use super::subnet::Subnet;
use super::{
    Creation, Kind, Listing, Observed, Operations, Query, Readiness, Ref, Resource, Seconds, Set, Spec, ec2, volume,
};
use crate::aws::tags::{self, Tags};
use crate::aws::{Aws, Class, Failure};

const KEPT_ATTACHMENT: &str = "kept_attachment";

/// What an instance is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The subnet of its network interface.
    pub subnet: Ref<Subnet>,
    /// Its address in it.
    pub private_address: Ipv4Addr,
    /// Whether it has a public address while it runs.
    pub public: bool,
    /// The AMI it was started from.
    pub image: String,
    /// `t3a.medium`.
    pub instance_type: String,
    /// The groups of its network interface.
    pub security_groups: Set<Ref<SecurityGroup>>,
    /// The key pair, by name. `None`: not ours to say.
    pub key_pair: Option<Ref<KeyPair>>,
    /// The profile whose role it acts in, one at most, by name.
    pub instance_profiles: Set<Ref<InstanceProfile>>,
    /// What it runs when it first starts, as plain text. `None`: not read.
    pub user_data: Option<String>,
    /// How its metadata can be asked for.
    pub metadata: Metadata,
    /// Its root volume. `None`: not read.
    pub root_volume: Option<RootVolume>,
    /// Whether its interface passes only what is from or for itself.
    pub source_dest_check: bool,
    /// Whether TerminateInstances is refused. `None`: not read.
    pub termination_protection: Option<bool>,
    /// Whether it runs, or is meant to: false when it was stopped.
    pub running: bool,
}

/// How an instance's metadata service answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// `enabled` or `disabled`.
    pub endpoint: String,
    /// `required`: version 2 only; `optional`: version 1 as well.
    pub tokens: String,
    /// How many hops an answer may take, 1 to 64.
    pub hop_limit: i32,
    /// Whether tags are in it: `enabled` or `disabled`.
    pub tags: String,
}

/// A root volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootVolume {
    /// Its size.
    pub size_gib: i32,
    /// `gp3`.
    pub volume_type: String,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The ARN of the key it is encrypted with. `None`: not ours to say.
    pub kms_key: Option<String>,
    /// Whether it goes with the instance.
    pub delete_on_termination: bool,
}

impl Resource for Instance {
    const IN_PLACE: &'static [&'static str] = &[
        "public",
        "security_groups",
        "instance_profiles",
        "metadata",
        "source_dest_check",
        "termination_protection",
        "running",
    ];
    const OWNERS: &'static [&'static str] = &["subnet"];
    /// When it first starts it installs packages and takes its DNS servers from DHCP.
    const NEEDS: &'static [Kind] = &[
        Kind::InternetGateway,
        Kind::GatewayEndpoint,
        Kind::RouteTableAssociation,
        Kind::Route,
        Kind::DhcpOptionsAssociation,
    ];
    const LINGERS: bool = true;
    const FAILED_IS_GONE: bool = true;
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "RunInstances",
        change: "ModifyInstanceAttribute",
        delete: "TerminateInstances",
    };
    const SECONDS: Seconds = Seconds { create: 13.0, delete: 40.0 };

    /// A VPC keeps its gateway while a host in it has a public address.
    fn outlived_by(&self) -> &'static [Kind] {
        &[Kind::InternetGateway]
    }

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.subnet.text(), self.private_address))
    }

    fn as_created(&self) -> Self {
        Self { source_dest_check: true, running: true, ..self.clone() }
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let profile = self.instance_profiles.ids()?.into_iter().next();
        let profile = profile.map(|name| IamInstanceProfileSpecification::builder().name(name).build());
        let key_pair = self.key_pair.as_ref().map(Ref::id).transpose()?;
        let user_data = self.user_data.as_deref().filter(|text| !text.is_empty()).map(|text| BASE64.encode(text));
        let (interface, volume) = (self.interface()?, self.root_device(aws).await?);
        let answer = aws
            .write("ec2", "RunInstances", || {
                let call = aws.ec2.run_instances().min_count(1).max_count(1).client_token(&with.token);
                let call = call.image_id(&self.image).instance_type(InstanceType::from(self.instance_type.as_str()));
                let call = call.network_interfaces(interface.clone()).set_block_device_mappings(volume.clone());
                let call = call.set_iam_instance_profile(profile.clone()).set_key_name(key_pair.map(str::to_owned));
                let call = call.set_user_data(user_data.clone()).metadata_options(self.metadata.request());
                call.set_disable_api_termination(self.termination_protection)
                    .set_tag_specifications(Some(tag_specifications(&with.tags)))
                    .send()
            })
            .await?;
        answer
            .instances()
            .first()
            .and_then(read)
            .ok_or_else(|| Failure::here("RunInstances", Class::UnknownOutcome, "no instance in the answer"))
    }

    async fn complete(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        if self.source_dest_check { Ok(()) } else { self.set_source_dest_check(aws, id).await }
    }

    /// Starts it last, so that it never runs as it should not be.
    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let Spec::Instance(now) = &from.spec else { return Ok(()) };
        let id = &from.id;
        if now.security_groups != self.security_groups {
            let groups = self.security_groups.ids()?;
            let call = || aws.ec2.modify_instance_attribute().instance_id(id).set_groups(Some(groups.clone())).send();
            aws.write("ec2", "ModifyInstanceAttribute", call).await?;
        }
        if now.metadata != self.metadata {
            self.set_metadata(aws, id).await?;
        }
        if now.source_dest_check != self.source_dest_check {
            self.set_source_dest_check(aws, id).await?;
        }
        if let Some(on) = self.termination_protection.filter(|on| now.termination_protection != Some(*on)) {
            protect(aws, id, on).await?;
        }
        if now.instance_profiles != self.instance_profiles {
            self.set_profile(aws, id).await?;
        }
        if now.public != self.public {
            self.set_public(aws, from).await?;
        }
        if self.running && !now.running {
            let call = || aws.ec2.start_instances().instance_ids(id).send();
            aws.write("ec2", "StartInstances", call).await?;
        }
        Ok(())
    }

    /// Protection that somebody set by hand is taken off: what is ours goes when its lab does.
    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let id = &observed.id;
        take_interface_along(aws, observed).await?;
        let call = || aws.ec2.terminate_instances().instance_ids(id).send();
        match aws.write("ec2", "TerminateInstances", call).await {
            Err(failure) if failure.code == "OperationNotPermitted" => protect(aws, id, false).await?,
            answer => return answer.map(drop),
        }
        aws.write("ec2", "TerminateInstances", call).await.map(drop)
    }
}

/// Sees to it that the interface it was started with goes with it: somebody may have told AWS to keep that, and what is
/// kept holds its subnet and its groups.
async fn take_interface_along(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
    let kept = observed.output("network_interface").zip(observed.output(KEPT_ATTACHMENT));
    let Some((interface, attachment)) = kept else { return Ok(()) };
    let changes = NetworkInterfaceAttachmentChanges::builder().attachment_id(attachment).delete_on_termination(true);
    let changes = changes.build();
    let call = || {
        let call = aws.ec2.modify_network_interface_attribute().network_interface_id(interface);
        call.attachment(changes.clone()).send()
    };
    match aws.write("ec2", "ModifyNetworkInterfaceAttribute", call).await {
        // The host tells for itself whether it is gone.
        Err(failure) if failure.class == Class::NotFound => Ok(()),
        answer => answer.map(drop),
    }
}

impl Instance {
    fn interface(&self) -> Result<InstanceNetworkInterfaceSpecification, Failure> {
        let interface = InstanceNetworkInterfaceSpecification::builder().device_index(0).subnet_id(self.subnet.id()?);
        let interface = interface.private_ip_address(self.private_address.to_string());
        let interface = interface.set_groups(Some(self.security_groups.ids()?)).delete_on_termination(true);
        Ok(interface.associate_public_ip_address(self.public).build())
    }

    /// The root volume, under the name that the image has for it: `/dev/xvda`, `/dev/sda1`.
    async fn root_device(&self, aws: &Aws) -> Result<Option<Vec<BlockDeviceMapping>>, Failure> {
        let Some(volume) = &self.root_volume else { return Ok(None) };
        let call = || aws.ec2.describe_images().image_ids(&self.image).send();
        let images = aws.read("ec2", "DescribeImages", call).await?;
        let device = images.images().first().and_then(|image| image.root_device_name()).ok_or_else(|| {
            Failure::here("DescribeImages", Class::Wrong, format!("{} has no root device", self.image))
        })?;
        let ebs = EbsBlockDevice::builder().volume_size(volume.size_gib).encrypted(volume.encrypted);
        let ebs = ebs.volume_type(VolumeType::from(volume.volume_type.as_str())).set_kms_key_id(volume.kms_key.clone());
        let ebs = ebs.delete_on_termination(volume.delete_on_termination).build();
        Ok(Some(vec![BlockDeviceMapping::builder().device_name(device).ebs(ebs).build()]))
    }

    async fn set_source_dest_check(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        let value = AttributeBooleanValue::builder().value(self.source_dest_check).build();
        let call = || aws.ec2.modify_instance_attribute().instance_id(id).source_dest_check(value.clone()).send();
        aws.write("ec2", "ModifyInstanceAttribute", call).await.map(drop)
    }

    async fn set_metadata(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        let options = self.metadata.request();
        aws.write("ec2", "ModifyInstanceMetadataOptions", || {
            let call = aws.ec2.modify_instance_metadata_options().instance_id(id);
            call.set_http_endpoint(options.http_endpoint.clone())
                .set_http_tokens(options.http_tokens.clone())
                .set_http_put_response_hop_limit(options.http_put_response_hop_limit)
                .set_instance_metadata_tags(options.instance_metadata_tags.clone())
                .send()
        })
        .await
        .map(drop)
    }

    async fn set_profile(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        let filters = vec![ec2::filter("instance-id", [id]), ec2::filter("state", ["associating", "associated"])];
        let associations = aws
            .read_pages("ec2", "DescribeIamInstanceProfileAssociations", |next| {
                let call = aws.ec2.describe_iam_instance_profile_associations().set_filters(Some(filters.clone()));
                async {
                    let page = call.max_results(1000).set_next_token(next).send().await;
                    page.map(|page| (page.iam_instance_profile_associations.unwrap_or_default(), page.next_token))
                }
            })
            .await?;
        let wanted = self.instance_profiles.ids()?.into_iter().next();
        let held = associations.first();
        let profile = held.and_then(|held| held.iam_instance_profile()?.arn()).map(name_in_arn);
        let held = held.and_then(|held| held.association_id());
        let with = |name: &str| IamInstanceProfileSpecification::builder().name(name).build();
        match (held, wanted.as_deref()) {
            (Some(_), wanted) if profile == wanted => Ok(()),
            (Some(held), Some(name)) => {
                let call = || {
                    let call = aws.ec2.replace_iam_instance_profile_association().association_id(held);
                    call.iam_instance_profile(with(name)).send()
                };
                aws.write("ec2", "ReplaceIamInstanceProfileAssociation", call).await.map(drop)
            }
            (Some(held), None) => {
                let call = || aws.ec2.disassociate_iam_instance_profile().association_id(held).send();
                aws.write("ec2", "DisassociateIamInstanceProfile", call).await.map(drop)
            }
            (None, Some(name)) => {
                let call = || {
                    let call = aws.ec2.associate_iam_instance_profile().instance_id(id);
                    call.iam_instance_profile(with(name)).send()
                };
                aws.write("ec2", "AssociateIamInstanceProfile", call).await.map(drop)
            }
            (None, None) => Ok(()),
        }
    }

    /// Gives its interface a public address of AWS's, or takes that away, and any Elastic IP that somebody gave it.
    async fn set_public(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let Some(interface) = from.output("network_interface") else { return Ok(()) };
        if !self.public {
            let filter = ec2::filter("network-interface-id", [interface]);
            let call = || aws.ec2.describe_addresses().filters(filter.clone()).send();
            let addresses = aws.read("ec2", "DescribeAddresses", call).await?;
            for association in addresses.addresses().iter().filter_map(|address| address.association_id()) {
                let call = || aws.ec2.disassociate_address().association_id(association).send();
                aws.write("ec2", "DisassociateAddress", call).await?;
            }
        }
        aws.write("ec2", "ModifyNetworkInterfaceAttribute", || {
            let call = aws.ec2.modify_network_interface_attribute().network_interface_id(interface);
            call.associate_public_ip_address(self.public).send()
        })
        .await
        .map(drop)
    }
}

impl Metadata {
    fn request(&self) -> InstanceMetadataOptionsRequest {
        InstanceMetadataOptionsRequest::builder()
            .http_endpoint(InstanceMetadataEndpointState::from(self.endpoint.as_str()))
            .http_tokens(self.tokens.as_str().into())
            .http_put_response_hop_limit(self.hop_limit)
            .instance_metadata_tags(self.tags.as_str().into())
            .build()
    }

    /// AWS's defaults where an answer leaves something out.
    fn read(options: Option<&InstanceMetadataOptionsResponse>) -> Self {
        let word = |word: Option<&str>, default: &str| word.unwrap_or(default).to_owned();
        Self {
            endpoint: word(options.and_then(|all| all.http_endpoint()).map(|one| one.as_str()), "enabled"),
            tokens: word(options.and_then(|all| all.http_tokens()).map(|one| one.as_str()), "optional"),
            hop_limit: options.and_then(|all| all.http_put_response_hop_limit()).unwrap_or(1),
            tags: word(options.and_then(|all| all.instance_metadata_tags()).map(|one| one.as_str()), "disabled"),
        }
    }
}

async fn protect(aws: &Aws, id: &str, on: bool) -> Result<(), Failure> {
    let value = AttributeBooleanValue::builder().value(on).build();
    let call = || aws.ec2.modify_instance_attribute().instance_id(id).disable_api_termination(value.clone()).send();
    aws.write("ec2", "ModifyInstanceAttribute", call).await.map(drop)
}

/// The tags of the instance, its volume and its interface. The latter two have addresses of their own: should they
/// outlive the instance, they prove to be the lab's without being taken for it.
fn tag_specifications(tags: &Tags) -> Vec<TagSpecification> {
    let part = |name: &str| {
        let mut tags = tags.clone();
        tags.remove(tags::REPLACES);
        tags.entry(tags::ADDRESS.into()).and_modify(|address| *address = format!("{address}/{name}"));
        tags
    };
    let all = [
        (ResourceType::Instance, tags.clone()),
        (ResourceType::Volume, part("volume")),
        (ResourceType::NetworkInterface, part("network-interface")),
    ];
    all.into_iter().filter_map(|(kind, tags)| ec2::tag_specification(kind, &tags)).collect()
}

/// `NAME` of `arn:aws:iam::ACCOUNT:instance-profile/PATH/NAME`.
fn name_in_arn(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn state(instance: &SdkInstance) -> String {
    instance.state().and_then(|state| state.name()).map_or("pending", |name| name.as_str()).to_lowercase()
}

/// The interface it was started with.
fn primary(instance: &SdkInstance) -> Option<&InstanceNetworkInterface> {
    let index = |interface: &&InstanceNetworkInterface| interface.attachment().and_then(|one| one.device_index());
    instance.network_interfaces().iter().find(|interface| index(interface).unwrap_or_default() == 0)
}

/// An instance without what takes calls of its own. A terminated one has lost its place and its address.
fn read(instance: &SdkInstance) -> Option<Observed> {
    let state = state(instance);
    let readiness = match state.as_str() {
        "running" | "stopped" => Readiness::Ready,
        "shutting-down" => Readiness::Deleting,
        "terminated" => Readiness::Failed(
            instance.state_reason().and_then(|reason| reason.message()).unwrap_or("no reason given").to_owned(),
        ),
        _ => Readiness::Pending,
    };
    let interface = primary(instance);
    let groups = interface.map_or(instance.security_groups(), |interface| interface.groups());
    let profile = instance.iam_instance_profile().and_then(|profile| profile.arn());
    let spec = Instance {
        subnet: Ref::known(instance.subnet_id().unwrap_or_default()),
        private_address: instance
            .private_ip_address()
            .and_then(|address| address.parse().ok())
            .unwrap_or(Ipv4Addr::UNSPECIFIED),
        public: interface.and_then(|interface| interface.association()?.public_ip()).is_some(),
        image: instance.image_id().unwrap_or_default().to_owned(),
        instance_type: instance.instance_type().map(|one| one.as_str().to_owned()).unwrap_or_default(),
        security_groups: groups.iter().filter_map(|group| group.group_id()).map(Ref::known).collect(),
        key_pair: instance.key_name().filter(|name| !name.is_empty()).map(Ref::known),
        instance_profiles: profile.map(|arn| Ref::known(name_in_arn(arn))).into_iter().collect(),
        user_data: None,
        metadata: Metadata::read(instance.metadata_options()),
        root_volume: None,
        source_dest_check: instance.source_dest_check().unwrap_or(true),
        termination_protection: None,
        running: matches!(state.as_str(), "pending" | "running"),
    };
    let kept = interface.and_then(|interface| interface.attachment());
    let kept = kept.filter(|attachment| attachment.delete_on_termination() == Some(false));
    let outputs = [
        ("public_ip", instance.public_ip_address()),
        ("private_dns_name", instance.private_dns_name()),
        ("network_interface", interface.and_then(|interface| interface.network_interface_id())),
        (KEPT_ATTACHMENT, kept.and_then(|attachment| attachment.attachment_id())),
    ];
    let known = outputs.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    let mut observed = Observed::standing(instance.instance_id()?, ec2::read_tags(instance.tags()), spec);
    observed.outputs = known.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // A public address comes when it runs and goes when it stops.
    if state != "running" {
        observed.unread.push("public".into());
    }
    Some(Observed { state, readiness, ..observed })
}

/// Lists instances, and reads user data, termination protection and root volume of each that isn't leaving; user data
/// only of those that are a lab's, since others' may hold secrets. Those that ended stay in AWS's lists for an hour:
/// only a query by id shows them, and that asks for states alone.
///
/// # Errors
/// A page of the list could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let filters = ec2::filters(query, "vpc-id", "instance-id");
    let reservations = aws
        .read_pages("ec2", "DescribeInstances", |next| {
            let call = aws.ec2.describe_instances().set_filters(Some(filters.clone())).max_results(1000);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.reservations.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    let instances = reservations.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default());
    if matches!(query, Query::Ids(_)) {
        return Ok(Listing { found: instances.filter_map(|instance| read(&instance)).collect(), ..Listing::default() });
    }
    let (leaving, live): (Vec<_>, Vec<_>) =
        instances.filter(|one| state(one) != "terminated").partition(|one| state(one) == "shutting-down");
    let live: Vec<_> = live.iter().filter_map(|instance| Some((instance, read(instance)?))).collect();
    let ids: Vec<_> = live.iter().map(|(_, observed)| observed.id.as_str()).collect();
    let attributes = live.iter().map(|(_, observed)| Attributes::of(aws, observed));
    let (volumes, attributes) = future::join(volumes_of(aws, &ids), future::join_all(attributes)).await;

    let mut listing = Listing { found: leaving.iter().filter_map(read).collect(), ..Listing::default() };
    for ((instance, mut observed), attributes) in live.into_iter().zip(attributes) {
        let attributes = match attributes {
            Err(failure) if failure.class == Class::NotFound => continue,
            Ok(attributes) => attributes,
            Err(failure) => {
                listing.unreadable.push((Kind::Instance, failure));
                Attributes::default()
            }
        };
        if attributes.user_data.is_none() {
            observed.unread.push("user_data".into());
        }
        if attributes.termination_protection.is_none() {
            observed.unread.push("termination_protection".into());
        }
        let root_volume = volumes.as_ref().ok().and_then(|volumes| root_volume(instance, volumes));
        // The volume of one that has just been started isn't listed at once.
        if root_volume.is_none() && (volumes.is_err() || observed.readiness == Readiness::Pending) {
            observed.unread.push("root_volume".into());
        }
        if let Spec::Instance(spec) = &mut observed.spec {
            spec.root_volume = root_volume;
            spec.user_data = attributes.user_data;
            spec.termination_protection = attributes.termination_protection;
        }
        listing.found.push(observed);
    }
    listing.unreadable.extend(volumes.err().map(|failure| (Kind::Instance, failure)));
    Ok(listing)
}

/// What DescribeInstances doesn't show. `None`: not read.
#[derive(Default)]
struct Attributes {
    user_data: Option<String>,
    termination_protection: Option<bool>,
}

impl Attributes {
    async fn of(aws: &Aws, instance: &Observed) -> Result<Self, Failure> {
        let attribute = async |name: InstanceAttributeName| {
            let call =
                || aws.ec2.describe_instance_attribute().instance_id(&instance.id).attribute(name.clone()).send();
            aws.read_listed("ec2", "DescribeInstanceAttribute", call).await
        };
        let user_data = async {
            if instance.lab().is_none() {
                return Ok(None);
            }
            let answer = attribute(InstanceAttributeName::UserData).await?;
            Ok(Some(decoded(answer.user_data().and_then(|value| value.value()).unwrap_or_default())))
        };
        let protection = async {
            let answer = attribute(InstanceAttributeName::DisableApiTermination).await?;
            let value = answer.disable_api_termination().and_then(AttributeBooleanValue::value);
            Ok(Some(value.unwrap_or_default()))
        };
        let (user_data, termination_protection) = future::try_join(user_data, protection).await?;
        Ok(Self { user_data, termination_protection })
    }
}

/// User data as text; what isn't text stays in base64.
fn decoded(base64: &str) -> String {
    let bytes = BASE64.decode(base64).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| base64.to_owned())
}

/// The volumes that these instances have, by volume id.
async fn volumes_of(aws: &Aws, ids: &[&str]) -> Result<BTreeMap<String, Volume>, Failure> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let volumes = volume::describe(aws, vec![ec2::filter("attachment.instance-id", ids.iter().copied())]).await?;
    Ok(volumes.into_iter().filter_map(|volume| Some((volume.volume_id()?.to_owned(), volume))).collect())
}

fn root_volume(instance: &SdkInstance, volumes: &BTreeMap<String, Volume>) -> Option<RootVolume> {
    let mut devices = instance.block_device_mappings().iter();
    let root = devices.find(|device| device.device_name() == instance.root_device_name())?.ebs()?;
    let volume = volumes.get(root.volume_id()?)?;
    Some(RootVolume {
        size_gib: volume.size().unwrap_or_default(),
        volume_type: volume.volume_type().map(|one| one.as_str().to_owned()).unwrap_or_default(),
        encrypted: volume.encrypted().unwrap_or_default(),
        kms_key: volume.kms_key_id().map(str::to_owned),
        delete_on_termination: root.delete_on_termination().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{
        EbsInstanceBlockDevice, InstanceBlockDeviceMapping, InstanceNetworkInterfaceAssociation, InstanceState,
        InstanceStateName, StateReason,
    };

    use super::*;

    fn instance(state: InstanceStateName) -> aws_sdk_ec2::types::builders::InstanceBuilder {
        let instance = SdkInstance::builder().instance_id("i-1").subnet_id("subnet-1").private_ip_address("10.0.0.20");
        instance.state(InstanceState::builder().name(state).build())
    }

    fn spec(observed: &Observed) -> &Instance {
        let Spec::Instance(spec) = &observed.spec else { panic!("an instance") };
        spec
    }

    #[test]
    fn volume_and_interface_are_tagged_at_addresses_of_their_own() {
        let tags = [(tags::LAB, "demo"), (tags::ADDRESS, "onprem/instance/dns-a"), (tags::REPLACES, "i-0")];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let specifications = tag_specifications(&tags);
        let told: Vec<_> = specifications
            .iter()
            .map(|one| {
                let tags = one.tags().iter().map(|tag| format!("{}={}", tag.key().unwrap(), tag.value().unwrap()));
                format!("{}: {}", one.resource_type().unwrap().as_str(), tags.collect::<Vec<_>>().join(" "))
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        instance: breezeway:address=onprem/instance/dns-a breezeway:lab=demo breezeway:replaces=i-0
        volume: breezeway:address=onprem/instance/dns-a/volume breezeway:lab=demo
        network-interface: breezeway:address=onprem/instance/dns-a/network-interface breezeway:lab=demo
        ");
    }

    #[test]
    fn a_stopped_instance_stands_and_does_not_run() {
        let observed = read(&instance(InstanceStateName::Stopped).build()).unwrap();
        assert_eq!((observed.readiness.clone(), spec(&observed).running), (Readiness::Ready, false));
        assert_eq!(observed.unread, ["public"], "it gets an address when it is started");
    }

    #[test]
    fn an_instance_that_ended_has_failed_and_says_why() {
        let reason = StateReason::builder().message("Client.VolumeLimitExceeded").build();
        let ended = SdkInstance::builder().instance_id("i-1").state_reason(reason);
        let ended = ended.state(InstanceState::builder().name(InstanceStateName::Terminated).build()).build();
        assert_eq!(read(&ended).unwrap().readiness, Readiness::Failed("Client.VolumeLimitExceeded".into()));
    }

    #[test]
    fn a_public_address_is_the_interfaces_whoever_gave_it() {
        let association = InstanceNetworkInterfaceAssociation::builder().public_ip("3.0.0.1").build();
        let interface = InstanceNetworkInterface::builder().network_interface_id("eni-1").association(association);
        let running = instance(InstanceStateName::Running).public_ip_address("3.0.0.1");
        let observed = read(&running.network_interfaces(interface.build()).build()).unwrap();
        assert!(spec(&observed).public && observed.unread.is_empty());
        assert_eq!(observed.output("public_ip"), Some("3.0.0.1"));
        assert_eq!(observed.output("network_interface"), Some("eni-1"));
    }

    #[test]
    fn an_association_without_a_public_address_gives_none() {
        let association = InstanceNetworkInterfaceAssociation::builder().build();
        let interface = InstanceNetworkInterface::builder().network_interface_id("eni-1").association(association);
        let running = instance(InstanceStateName::Running).network_interfaces(interface.build()).build();
        assert!(!spec(&read(&running).unwrap()).public);
    }

    #[test]
    fn the_root_volume_is_the_one_at_the_images_root_device() {
        let ebs = EbsInstanceBlockDevice::builder().volume_id("vol-1").delete_on_termination(true).build();
        let device = InstanceBlockDeviceMapping::builder().device_name("/dev/xvda").ebs(ebs).build();
        let running = instance(InstanceStateName::Running).root_device_name("/dev/xvda");
        let running = running.block_device_mappings(device).build();
        let volume = Volume::builder().volume_id("vol-1").size(30).volume_type(VolumeType::Gp3).encrypted(true).build();
        let found = root_volume(&running, &BTreeMap::from([("vol-1".to_owned(), volume)])).unwrap();
        assert_eq!((found.size_gib, found.volume_type.as_str(), found.encrypted), (30, "gp3", true));
        assert!(found.delete_on_termination);
        assert_eq!(root_volume(&running, &BTreeMap::new()), None);
    }

    #[test]
    fn user_data_is_text_where_it_can_be() {
        assert_eq!(decoded("IyEvYmluL2Jhc2gK"), "#!/bin/bash\n");
        assert_eq!(decoded("H4sI/w=="), "H4sI/w==", "compressed");
        assert_eq!(decoded(""), "");
    }

    #[test]
    fn the_name_of_a_profile_ends_its_arn() {
        assert_eq!(name_in_arn("arn:aws:iam::1:instance-profile/breezeway/eu-west-1/demo/hosts"), "hosts");
    }
}
