//! Instances: their life from `pending` to `terminated`, and how they are described.

pub mod attribute;
pub mod console;
pub mod launch;
pub mod password;
pub mod profile;
pub mod types;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::Listing;
use super::network_interface::{Association, NetworkInterface, private_dns_name, public_dns_name};
use super::{Ec2, Input, Kind, Operation, TOKEN_LIFE, image, missing_parameter, token_key};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice, durations, later};
pub use attribute::MetadataOptions;
pub use password::Password;
pub use profile::ProfileAssociation;

pub const KIND: Kind = Kind {
    prefix: "i",
    resource_type: "instance",
    label: "instance ID",
    not_found: "InvalidInstanceID.NotFound",
    malformed: "InvalidInstanceID.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "StartInstances", members: &["InstanceIds"], run: Ec2::start_instances },
    Operation { name: "StopInstances", members: &["InstanceIds", "Force"], run: Ec2::stop_instances },
    Operation { name: "RebootInstances", members: &["InstanceIds"], run: Ec2::reboot_instances },
    Operation { name: "TerminateInstances", members: &["InstanceIds", "Force"], run: Ec2::terminate_instances },
    Operation {
        name: "DescribeInstances",
        members: &["InstanceIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_instances,
    },
    Operation {
        name: "DescribeInstanceStatus",
        members: &["InstanceIds", "IncludeAllInstances", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_instance_status,
    },
];

const LISTING: Listing = Listing {
    ids: Some(("InstanceIds", &KIND)),
    result: "Instances",
    key: &["InstanceId"],
    most: 1000,
    filters: &[
        ("architecture", "Architecture"),
        ("availability-zone", "Placement.AvailabilityZone"),
        ("availability-zone-id", "Placement.AvailabilityZoneId"),
        ("block-device-mapping.attach-time", "BlockDeviceMappings.Ebs.AttachTime"),
        ("block-device-mapping.delete-on-termination", "BlockDeviceMappings.Ebs.DeleteOnTermination"),
        ("block-device-mapping.device-name", "BlockDeviceMappings.DeviceName"),
        ("block-device-mapping.status", "BlockDeviceMappings.Ebs.Status"),
        ("block-device-mapping.volume-id", "BlockDeviceMappings.Ebs.VolumeId"),
        ("client-token", "ClientToken"),
        ("dns-name", "PublicDnsName"),
        ("ebs-optimized", "EbsOptimized"),
        ("ena-support", "EnaSupport"),
        ("hypervisor", "Hypervisor"),
        ("iam-instance-profile.arn", "IamInstanceProfile.Arn"),
        ("iam-instance-profile.id", "IamInstanceProfile.Id"),
        ("image-id", "ImageId"),
        ("instance-id", "InstanceId"),
        ("instance-state-code", "State.Code"),
        ("instance-state-name", "State.Name"),
        ("instance-type", "InstanceType"),
        ("instance.group-id", "SecurityGroups.GroupId"),
        ("instance.group-name", "SecurityGroups.GroupName"),
        ("ip-address", "PublicIpAddress"),
        ("key-name", "KeyName"),
        ("launch-index", "AmiLaunchIndex"),
        ("launch-time", "LaunchTime"),
        ("metadata-options.http-endpoint", "MetadataOptions.HttpEndpoint"),
        ("metadata-options.http-put-response-hop-limit", "MetadataOptions.HttpPutResponseHopLimit"),
        ("metadata-options.http-tokens", "MetadataOptions.HttpTokens"),
        ("metadata-options.instance-metadata-tags", "MetadataOptions.InstanceMetadataTags"),
        ("monitoring-state", "Monitoring.State"),
        (
            "network-interface.addresses.association.public-ip",
            "NetworkInterfaces.PrivateIpAddresses.Association.PublicIp",
        ),
        ("network-interface.addresses.primary", "NetworkInterfaces.PrivateIpAddresses.Primary"),
        ("network-interface.addresses.private-ip-address", "NetworkInterfaces.PrivateIpAddresses.PrivateIpAddress"),
        ("network-interface.association.public-ip", "NetworkInterfaces.Association.PublicIp"),
        ("network-interface.attachment.attachment-id", "NetworkInterfaces.Attachment.AttachmentId"),
        ("network-interface.attachment.delete-on-termination", "NetworkInterfaces.Attachment.DeleteOnTermination"),
        ("network-interface.attachment.device-index", "NetworkInterfaces.Attachment.DeviceIndex"),
        ("network-interface.attachment.status", "NetworkInterfaces.Attachment.Status"),
        ("network-interface.description", "NetworkInterfaces.Description"),
        ("network-interface.group-id", "NetworkInterfaces.Groups.GroupId"),
        ("network-interface.group-name", "NetworkInterfaces.Groups.GroupName"),
        ("network-interface.mac-address", "NetworkInterfaces.MacAddress"),
        ("network-interface.network-interface-id", "NetworkInterfaces.NetworkInterfaceId"),
        ("network-interface.owner-id", "NetworkInterfaces.OwnerId"),
        ("network-interface.private-dns-name", "NetworkInterfaces.PrivateDnsName"),
        ("network-interface.private-ip-address", "NetworkInterfaces.PrivateIpAddress"),
        ("network-interface.source-dest-check", "NetworkInterfaces.SourceDestCheck"),
        ("network-interface.status", "NetworkInterfaces.Status"),
        ("network-interface.subnet-id", "NetworkInterfaces.SubnetId"),
        ("network-interface.vpc-id", "NetworkInterfaces.VpcId"),
        ("owner-id", "OwnerId"),
        ("platform", "Platform"),
        ("platform-details", "PlatformDetails"),
        ("private-dns-name", "PrivateDnsName"),
        ("private-ip-address", "PrivateIpAddress"),
        ("reason", "StateTransitionReason"),
        ("reservation-id", "ReservationId"),
        ("root-device-name", "RootDeviceName"),
        ("root-device-type", "RootDeviceType"),
        ("source-dest-check", "SourceDestCheck"),
        ("state-reason-code", "StateReason.Code"),
        ("state-reason-message", "StateReason.Message"),
        ("subnet-id", "SubnetId"),
        ("tenancy", "Placement.Tenancy"),
        ("usage-operation", "UsageOperation"),
        ("virtualization-type", "VirtualizationType"),
        ("vpc-id", "VpcId"),
    ],
};

const STATUS_LISTING: Listing = Listing {
    ids: None,
    result: "InstanceStatuses",
    key: &["InstanceId"],
    most: 1000,
    filters: &[
        ("availability-zone", "AvailabilityZone"),
        ("availability-zone-id", "AvailabilityZoneId"),
        ("instance-state-code", "InstanceState.Code"),
        ("instance-state-name", "InstanceState.Name"),
        ("instance-status.reachability", "InstanceStatus.Details.Status"),
        ("instance-status.status", "InstanceStatus.Status"),
        ("system-status.reachability", "SystemStatus.Details.Status"),
        ("system-status.status", "SystemStatus.Status"),
    ],
};

/// How long a terminated instance stays in lists.
const GHOST: SignedDuration = SignedDuration::from_hours(1);

/// An instance's state; serialises to AWS's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl State {
    fn code(self) -> u8 {
        match self {
            State::Pending => 0,
            State::Running => 16,
            State::ShuttingDown => 32,
            State::Terminated => 48,
            State::Stopping => 64,
            State::Stopped => 80,
        }
    }

    fn view(self) -> Value {
        json!({"Code": self.code(), "Name": self})
    }
}

/// An instance. Its interfaces and volumes say themselves that they are attached to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Instance {
    pub image_id: String,
    pub architecture: String,
    pub windows: bool,
    /// `uefi`, `uefi-preferred`; none if its image doesn't say.
    pub boot_mode: Option<String>,
    pub root_device_name: String,
    pub instance_type: String,
    pub key_name: Option<String>,
    pub reservation_id: String,
    pub launch_index: i64,
    pub client_token: String,
    pub availability_zone: String,
    pub availability_zone_id: String,
    pub launched: Timestamp,
    /// Base64; empty if it has none.
    pub user_data: String,
    /// What that was when it first booted, if it is another now.
    pub booted_with: Option<String>,
    pub metadata_options: MetadataOptions,
    pub monitoring: bool,
    pub ebs_optimized: bool,
    pub disable_api_termination: bool,
    pub disable_api_stop: bool,
    /// `stop` or `terminate`.
    pub shutdown_behavior: String,
    pub profile: Option<ProfileAssociation>,
    pub password: Option<Password>,
    /// Whether Amazon lends it a public address each time it starts.
    pub public: bool,
    /// When its status checks pass.
    pub checked_at: Timestamp,
    pub state: State,
    /// What it becomes by itself, and when; no state: it leaves the lists.
    pub becomes: Option<(Timestamp, Option<State>)>,
    /// When a user last stopped or terminated it.
    pub ended: Option<Timestamp>,
}

impl Instance {
    /// Whether its attributes can be changed that need it to be off.
    pub fn is_stopped(&self) -> bool {
        self.state == State::Stopped
    }

    fn has_ended(&self) -> bool {
        self.state == State::Terminated
    }

    /// What the client token of its launch is kept under.
    fn token_key(&self) -> String {
        token_key("RunInstances", &self.client_token)
    }

    /// The user data whose scripts ran: they do when an instance boots for the first time, and never again.
    pub fn booted_with(&self) -> &str {
        self.booted_with.as_deref().unwrap_or(&self.user_data)
    }

    /// Begins to run: at its launch, or after it was stopped.
    fn start(&mut self, context: &mut Context<'_>) {
        let running_at = context.due(durations::INSTANCE_START);
        let checks = context.durations.pick(durations::INSTANCE_CHECKS, context.dice);
        self.launched = context.now;
        self.state = State::Pending;
        self.becomes = Some((running_at, Some(State::Running)));
        self.checked_at = later(running_at, checks);
        self.ended = None;
    }

    /// Begins to end by its user's wish.
    fn end(&mut self, context: &mut Context<'_>, state: State, next: State, seconds: f64) {
        self.state = state;
        self.becomes = Some((context.due(seconds), Some(next)));
        self.ended = Some(context.now);
    }

    /// Goes through the states that are due.
    fn settle(&mut self, now: Timestamp) -> Settled {
        let mut settled = Settled::Same;
        while let Some((at, next)) = self.becomes.filter(|(at, _)| *at <= now) {
            let Some(state) = next else { return Settled::Gone };
            self.state = state;
            self.becomes = None;
            if state == State::Terminated {
                self.becomes = Some((later(at, GHOST), None));
                settled = Settled::Terminated;
            }
        }
        settled
    }

    fn refuse(&self, id: &str, doing: &str) -> ApiError {
        let message = format!("The instance '{id}' is not in a state from which it can be {doing}.");
        ApiError::new("IncorrectInstanceState", message)
    }
}

/// What has become of an instance since it was last looked at.
#[derive(PartialEq, Eq)]
enum Settled {
    Same,
    /// It has just ended, and what it held is to be released.
    Terminated,
    /// It leaves the lists; it may have ended since, too.
    Gone,
}

impl Ec2 {
    /// Lets instances reach the states that are due; what has ended releases what it held, and in time leaves.
    pub(super) fn settle_instances(&mut self, now: Timestamp) {
        let mut ended = Vec::new();
        self.instances.retain(|id, instance| {
            let settled = instance.settle(now);
            if settled != Settled::Same {
                ended.push(id.clone());
            }
            settled != Settled::Gone
        });
        if ended.is_empty() {
            return;
        }
        for id in &ended {
            self.release_interfaces(id);
            self.release_volumes(id);
        }
        self.drop_stray_tags();
    }

    /// Removes terminated instances before their time.
    pub(super) fn bury_instances(&mut self) {
        self.instances.retain(|_, instance| !instance.has_ended());
        self.drop_stray_tags();
    }

    /// Whether an instance that is still listed was launched with the client token of this key.
    pub(super) fn is_launch_token(&self, key: &str) -> bool {
        self.instances.values().any(|instance| instance.token_key() == key)
    }

    fn interface_ids_of(&self, instance_id: &str) -> Vec<String> {
        let is_its = |interface: &NetworkInterface| {
            let attachment = interface.attachment.as_ref();
            attachment.and_then(|attachment| attachment.instance_id.as_deref()) == Some(instance_id)
        };
        self.network_interfaces.iter().filter(|(_, one)| is_its(one)).map(|(id, _)| id.clone()).collect()
    }

    /// The id of its first interface, which all but ended instances have.
    pub(super) fn primary_interface_id(&self, instance_id: &str) -> Option<String> {
        let index = |id: &String| {
            let attachment = self.network_interfaces.get(id).and_then(|interface| interface.attachment.as_ref());
            attachment.map(|attachment| attachment.device_index)
        };
        self.interface_ids_of(instance_id).into_iter().min_by_key(index)
    }

    fn release_interfaces(&mut self, instance_id: &str) {
        for id in self.interface_ids_of(instance_id) {
            let Some(interface) = self.network_interfaces.get_mut(&id) else { continue };
            let attachment = interface.attachment.take();
            interface.association.take_if(|association| association.elastic.is_none());
            if attachment.is_some_and(|attachment| attachment.delete_on_termination) {
                self.remove_network_interface(&id);
            }
        }
    }

    /// Lends the instance's first interface a public address, unless it has one.
    fn lend_public_address(&mut self, dice: &mut Dice, instance_id: &str) {
        let Some(id) = self.primary_interface_id(instance_id) else { return };
        let public_ip = self.draw_public_address(dice);
        if let Some(interface) = self.network_interfaces.get_mut(&id) {
            interface.association.get_or_insert(Association { public_ip, elastic: None });
        }
    }

    /// Has Amazon lend the instance's first interface a public address from now on, or no longer.
    pub(super) fn set_public(&mut self, dice: &mut Dice, instance_id: &str, public: bool) {
        let Some(instance) = self.instances.get_mut(instance_id) else { return };
        instance.public = public;
        let runs = matches!(instance.state, State::Pending | State::Running);
        if public && runs {
            self.lend_public_address(dice, instance_id);
        } else if !public && let Some(id) = self.primary_interface_id(instance_id) {
            let interface = self.network_interfaces.get_mut(&id);
            interface.and_then(|interface| interface.association.take_if(|own| own.elastic.is_none()));
        }
    }

    /// The instances that a call names.
    fn named_instances<'a>(&self, input: Input<'a>) -> Result<Vec<&'a str>, ApiError> {
        let ids = input.texts("InstanceIds");
        if ids.is_empty() {
            return Err(missing_parameter("InstanceId"));
        }
        ids.iter().try_for_each(|id| KIND.find(&self.instances, id).map(drop))?;
        Ok(ids)
    }

    fn start_instances(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let mut changes = Vec::new();
        for id in self.named_instances(input)? {
            let instance = KIND.find_mut(&mut self.instances, id)?;
            let before = instance.state;
            match before {
                State::Pending | State::Running => {}
                State::Stopped => {
                    instance.start(context);
                    if instance.public {
                        self.lend_public_address(context.dice, id);
                    }
                }
                State::Stopping | State::ShuttingDown | State::Terminated => {
                    return Err(instance.refuse(id, "started"));
                }
            }
            changes.push(self.state_change(id, before));
        }
        self.settle_instances(context.now);
        Ok(json!({"StartingInstances": changes}))
    }

    fn stop_instances(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let mut changes = Vec::new();
        for id in self.named_instances(input)? {
            let instance = KIND.find_mut(&mut self.instances, id)?;
            let before = instance.state;
            match before {
                State::Stopping | State::Stopped => {}
                State::Running if instance.disable_api_stop => {
                    return Err(not_permitted(id, "stopped", "disableApiStop"));
                }
                State::Running => {
                    instance.end(context, State::Stopping, State::Stopped, durations::INSTANCE_STOP);
                    for id in self.interface_ids_of(id) {
                        if let Some(interface) = self.network_interfaces.get_mut(&id) {
                            interface.association.take_if(|association| association.elastic.is_none());
                        }
                    }
                }
                State::Pending | State::ShuttingDown | State::Terminated => {
                    return Err(instance.refuse(id, "stopped"));
                }
            }
            changes.push(self.state_change(id, before));
        }
        self.settle_instances(context.now);
        Ok(json!({"StoppingInstances": changes}))
    }

    fn reboot_instances(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        for id in self.named_instances(input)? {
            let instance = KIND.find(&self.instances, id)?;
            if !matches!(instance.state, State::Running | State::Pending) {
                return Err(instance.refuse(id, "rebooted"));
            }
        }
        Ok(json!({}))
    }

    fn terminate_instances(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let mut changes = Vec::new();
        for id in self.named_instances(input)? {
            let instance = KIND.find_mut(&mut self.instances, id)?;
            let before = instance.state;
            if !matches!(before, State::ShuttingDown | State::Terminated) {
                if instance.disable_api_termination {
                    return Err(not_permitted(id, "terminated", "disableApiTermination"));
                }
                instance.profile = None;
                instance.end(context, State::ShuttingDown, State::Terminated, durations::INSTANCE_TERMINATE);
                if let Some(token) = self.tokens.get_mut(&instance.token_key()) {
                    token.expires = later(context.now, TOKEN_LIFE);
                }
            }
            changes.push(self.state_change(id, before));
        }
        self.settle_instances(context.now);
        Ok(json!({"TerminatingInstances": changes}))
    }

    fn state_change(&self, id: &str, before: State) -> Value {
        let now = self.instances.get(id).map_or(before, |instance| instance.state);
        json!({"InstanceId": id, "CurrentState": now.view(), "PreviousState": before.view()})
    }

    fn describe_instances(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        refuse_ids_with_pages(input)?;
        let view = |(id, instance): (&String, &Instance)| {
            let mut view = self.instance_view(context, id, instance);
            // Filters see what is the reservation's too.
            view["OwnerId"] = json!(context.account);
            view["ReservationId"] = json!(instance.reservation_id);
            view
        };
        let mut answer = LISTING.answer(input, self.instances.iter().map(view).collect())?;
        let mut reservations: Vec<Value> = Vec::new();
        let instances = answer.as_object_mut().and_then(|answer| answer.remove("Instances"));
        for mut instance in instances.as_ref().and_then(Value::as_array).into_iter().flatten().cloned() {
            let mut taken = |member| instance.as_object_mut().and_then(|view| view.remove(member));
            let (owner, id) = (taken("OwnerId"), taken("ReservationId"));
            match reservations.iter_mut().find(|reservation| reservation.get("ReservationId") == id.as_ref()) {
                Some(known) => {
                    known["Instances"].as_array_mut().into_iter().for_each(|list| list.push(instance.clone()))
                }
                None => reservations.push(json!({
                    "Groups": [],
                    "Instances": [instance],
                    "OwnerId": owner,
                    "ReservationId": id,
                })),
            }
        }
        answer["Reservations"] = json!(reservations);
        Ok(answer)
    }

    fn describe_instance_status(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        refuse_ids_with_pages(input)?;
        let ids = input.texts("InstanceIds");
        ids.iter().try_for_each(|id| KIND.find(&self.instances, id).map(drop))?;
        let wanted = self.instances.iter().filter(|(id, instance)| {
            (ids.is_empty() || ids.contains(&id.as_str()))
                && (input.flag("IncludeAllInstances") || instance.state == State::Running)
        });
        let view = |(id, instance): (&String, &Instance)| {
            let (status, reachability) = match instance.state {
                State::Running if context.now >= instance.checked_at => ("ok", Some("passed")),
                State::Running | State::Pending => ("initializing", Some("initializing")),
                _ => ("not-applicable", None),
            };
            let details = reachability.iter().map(|status| json!({"Name": "reachability", "Status": status}));
            let summary = json!({"Details": details.collect::<Vec<_>>(), "Status": status});
            json!({
                "AvailabilityZone": instance.availability_zone,
                "AvailabilityZoneId": instance.availability_zone_id,
                "InstanceId": id,
                "InstanceState": instance.state.view(),
                "InstanceStatus": summary,
                "SystemStatus": summary,
            })
        };
        STATUS_LISTING.answer(input, wanted.map(view).collect())
    }

    /// An instance as it is answered. An ended one has lost its network and its volumes.
    fn instance_view(&self, context: &Context<'_>, id: &str, instance: &Instance) -> Value {
        let mut view = json!({
            "AmiLaunchIndex": instance.launch_index,
            "Architecture": instance.architecture,
            "BlockDeviceMappings": self.block_device_mappings_view(id),
            "ClientToken": instance.client_token,
            "EbsOptimized": instance.ebs_optimized,
            "EnaSupport": true,
            "EnclaveOptions": {"Enabled": false},
            "HibernationOptions": {"Configured": false},
            "Hypervisor": "xen",
            "ImageId": instance.image_id,
            "InstanceId": id,
            "InstanceType": instance.instance_type,
            "LaunchTime": instance.launched,
            "MaintenanceOptions": {"AutoRecovery": "default"},
            "MetadataOptions": instance.metadata_options.view(),
            "Monitoring": {"State": if instance.monitoring { "enabled" } else { "disabled" }},
            "NetworkInterfaces": [],
            "Placement": {
                "AvailabilityZone": instance.availability_zone,
                "AvailabilityZoneId": instance.availability_zone_id,
                "GroupName": "",
                "Tenancy": "default",
            },
            "PlatformDetails": image::platform_details(instance.windows),
            "PrivateDnsName": "",
            "ProductCodes": [],
            "PublicDnsName": "",
            "RootDeviceName": instance.root_device_name,
            "RootDeviceType": "ebs",
            "SecurityGroups": [],
            "State": instance.state.view(),
            "StateTransitionReason": "",
            "Tags": self.tags_view(id),
            "UsageOperation": image::usage_operation(instance.windows),
            "UsageOperationUpdateTime": instance.launched,
            "VirtualizationType": "hvm",
        });
        if instance.windows {
            view["Platform"] = json!("windows");
        }
        if let Some(boot_mode) = &instance.boot_mode {
            view["BootMode"] = json!(boot_mode);
        }
        if let Some(key_name) = &instance.key_name {
            view["KeyName"] = json!(key_name);
        }
        if let Some(association) = &instance.profile {
            view["IamInstanceProfile"] = association.profile_view();
        }
        if let Some(at) = instance.ended {
            view["StateTransitionReason"] = json!(format!("User initiated ({})", at.strftime("%Y-%m-%d %H:%M:%S GMT")));
            view["StateReason"] = json!({
                "Code": "Client.UserInitiatedShutdown",
                "Message": "Client.UserInitiatedShutdown: User initiated shutdown",
            });
        }
        let primary = self.primary_interface_id(id);
        let Some(primary) = primary.and_then(|id| self.network_interfaces.get(&id)) else { return view };
        let interfaces = self.interface_ids_of(id);
        let interfaces = interfaces.iter().filter_map(|id| Some((id, self.network_interfaces.get(id)?)));
        view["NetworkInterfaces"] =
            interfaces.map(|(id, one)| self.instance_interface_view(context, id, one)).collect();
        view["PrivateDnsName"] = json!(private_dns_name(context, primary.private_ip));
        view["PrivateDnsNameOptions"] = json!({
            "EnableResourceNameDnsAAAARecord": false,
            "EnableResourceNameDnsARecord": false,
            "HostnameType": "ip-name",
        });
        view["PrivateIpAddress"] = json!(primary.private_ip);
        view["SecurityGroups"] = self.groups_view(&primary.group_ids);
        view["SourceDestCheck"] = json!(primary.source_dest_check);
        view["SubnetId"] = json!(primary.subnet_id);
        view["VpcId"] = json!(primary.vpc_id);
        if let Some(association) = &primary.association {
            view["PublicIpAddress"] = json!(association.public_ip);
            if self.vpcs.get(&primary.vpc_id).is_some_and(|vpc| vpc.enable_dns_hostnames) {
                view["PublicDnsName"] = json!(public_dns_name(context, association.public_ip));
            }
        }
        view
    }

    /// An interface as its instance shows it: with fewer members than it has of its own.
    fn instance_interface_view(&self, context: &Context<'_>, id: &str, interface: &NetworkInterface) -> Value {
        let mut view = self.network_interface_view(context, id, interface);
        let without = |view: Option<&mut Value>, members: &[&str]| {
            let members_of = view.and_then(Value::as_object_mut);
            members_of.into_iter().for_each(|view| view.retain(|member, _| !members.contains(&member.as_str())));
        };
        without(
            Some(&mut view),
            &["AvailabilityZone", "AvailabilityZoneId", "RequesterId", "RequesterManaged", "TagSet"],
        );
        without(view.get_mut("Attachment"), &["InstanceId", "InstanceOwnerId"]);
        without(view.get_mut("Association"), &["AllocationId", "AssociationId"]);
        without(view.pointer_mut("/PrivateIpAddresses/0/Association"), &["AllocationId", "AssociationId"]);
        view
    }

    fn block_device_mappings_view(&self, instance_id: &str) -> Value {
        let view = |(id, attachment): (&str, &super::volume::Attachment)| {
            let ebs = json!({
                "AttachTime": attachment.attach_time,
                "DeleteOnTermination": attachment.delete_on_termination,
                "Status": "attached",
                "VolumeId": id,
            });
            json!({"DeviceName": attachment.device, "Ebs": ebs})
        };
        self.volumes_of(instance_id).into_iter().map(view).collect()
    }
}

fn not_permitted(id: &str, doing: &str, attribute: &str) -> ApiError {
    let message =
        format!("The instance '{id}' may not be {doing}. Modify its '{attribute}' instance attribute and try again.");
    ApiError::new("OperationNotPermitted", message)
}

fn refuse_ids_with_pages(input: Input<'_>) -> Result<(), ApiError> {
    if input.list("InstanceIds").is_empty() || input.number("MaxResults").is_none() {
        return Ok(());
    }
    let message = "The parameter instancesSet cannot be used with the parameter maxResults";
    Err(ApiError::new("InvalidParameterCombination", message))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn network(world: &mut Sandbox) -> (String, String) {
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        (vpc, subnet)
    }

    fn named(id: &str) -> Value {
        json!({"InstanceIds": [id]})
    }

    #[test]
    fn an_instance_is_pending_then_running_then_healthy() {
        let mut world = Sandbox::new();
        let (_, subnet) = network(&mut world);
        let id = world.launch(&subnet, json!({}));
        assert_eq!(world.instance(&id)["State"], json!({"Code": 0, "Name": "pending"}));
        assert_eq!(world.ok("DescribeInstanceStatus", named(&id))["InstanceStatuses"], json!([]));
        world.wait(12);
        assert_eq!(world.instance(&id)["State"]["Name"], "running");
        let status = |world: &mut Sandbox| {
            world.ok("DescribeInstanceStatus", named(&id))["InstanceStatuses"][0]["InstanceStatus"]["Status"].clone()
        };
        assert_eq!(status(&mut world), "initializing");
        world.wait(150);
        assert_eq!(status(&mut world), "ok");
    }

    #[test]
    fn a_terminated_instance_releases_everything_and_is_listed_for_an_hour() {
        let mut world = Sandbox::new();
        let (vpc, subnet) = network(&mut world);
        let before = world.standing();
        let tags = json!([{"ResourceType": "instance", "Tags": [{"Key": "lab", "Value": "x"}]}]);
        let id = world.launch(&subnet, json!({"TagSpecifications": tags}));
        world.wait(12);
        let ended = world.ok("TerminateInstances", named(&id));
        assert_eq!(ended["TerminatingInstances"][0]["PreviousState"]["Name"], "running");
        assert_eq!(ended["TerminatingInstances"][0]["CurrentState"]["Name"], "shutting-down");
        assert_eq!(world.refused("DeleteSubnet", json!({"SubnetId": subnet})), "DependencyViolation");
        assert_ne!(world.standing(), before);
        world.wait(40);
        let ghost = world.instance(&id);
        assert_eq!(ghost["State"], json!({"Code": 48, "Name": "terminated"}));
        assert_eq!((ghost.get("VpcId"), &ghost["BlockDeviceMappings"]), (None, &json!([])));
        assert_eq!(ghost["Tags"], json!([{"Key": "lab", "Value": "x"}]));
        assert_eq!(ghost["StateReason"]["Code"], "Client.UserInitiatedShutdown");
        assert_eq!(world.standing(), before);
        world.ok("TerminateInstances", named(&id));
        world.ok("DeleteSubnet", json!({"SubnetId": subnet}));
        world.ok("DeleteVpc", json!({"VpcId": vpc}));
        world.wait(3600);
        assert_eq!(world.refused("DescribeInstances", named(&id)), "InvalidInstanceID.NotFound");
        assert_eq!(world.ok("DescribeTags", json!({}))["Tags"], json!([]));
    }

    #[test]
    fn a_volume_that_does_not_go_with_its_instance_stays_available() {
        let mut world = Sandbox::new();
        let (_, subnet) = network(&mut world);
        let before = world.standing();
        let mapping = json!({"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": false}});
        let id = world.launch(&subnet, json!({"BlockDeviceMappings": [mapping]}));
        world.ok("TerminateInstances", named(&id));
        world.wait(4000);
        let volume = world.ok("DescribeVolumes", json!({}))["Volumes"][0].clone();
        assert_eq!((&volume["State"], &volume["Attachments"]), (&json!("available"), &json!([])));
        assert_ne!(world.standing(), before);
        world.ok("DeleteVolume", json!({"VolumeId": volume["VolumeId"]}));
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn a_protected_instance_is_not_terminated_nor_stopped() {
        let mut world = Sandbox::new();
        let (_, subnet) = network(&mut world);
        let id = world.launch(&subnet, json!({"DisableApiTermination": true, "DisableApiStop": true}));
        world.wait(12);
        assert_eq!(world.refused("TerminateInstances", named(&id)), "OperationNotPermitted");
        assert_eq!(world.refused("StopInstances", named(&id)), "OperationNotPermitted");
        let off = json!({"InstanceId": id, "DisableApiTermination": {"Value": false}});
        world.ok("ModifyInstanceAttribute", off);
        world.ok("TerminateInstances", named(&id));
    }

    #[test]
    fn a_stopped_instance_keeps_its_private_address_and_gets_another_public_one() {
        let mut world = Sandbox::new();
        let (_, subnet) = network(&mut world);
        world.ok("ModifySubnetAttribute", json!({"SubnetId": subnet, "MapPublicIpOnLaunch": {"Value": true}}));
        let id = world.launch(&subnet, json!({}));
        assert_eq!(world.refused("StopInstances", named(&id)), "IncorrectInstanceState");
        world.wait(12);
        let running = world.instance(&id);
        world.ok("StopInstances", named(&id));
        assert_eq!(world.instance(&id)["State"]["Name"], "stopping");
        assert_eq!(world.refused("StartInstances", named(&id)), "IncorrectInstanceState");
        world.wait(30);
        let stopped = world.instance(&id);
        assert_eq!((&stopped["State"]["Name"], stopped.get("PublicIpAddress")), (&json!("stopped"), None));
        assert_eq!(world.refused("RebootInstances", named(&id)), "IncorrectInstanceState");
        world.ok("StartInstances", named(&id));
        world.wait(12);
        let again = world.instance(&id);
        assert_eq!(again["State"]["Name"], "running");
        assert_eq!(again["PrivateIpAddress"], running["PrivateIpAddress"]);
        assert_ne!(again["PublicIpAddress"], running["PublicIpAddress"]);
        world.ok("RebootInstances", named(&id));
    }

    #[test]
    fn a_public_address_can_be_had_and_given_back_while_it_runs() {
        let mut world = Sandbox::new();
        let (_, subnet) = network(&mut world);
        let id = world.launch(&subnet, json!({}));
        world.wait(12);
        let interface = world.instance(&id)["NetworkInterfaces"][0]["NetworkInterfaceId"].clone();
        let public = |on: bool| json!({"NetworkInterfaceId": interface, "AssociatePublicIpAddress": on});
        world.ok("ModifyNetworkInterfaceAttribute", public(true));
        assert!(world.instance(&id).get("PublicIpAddress").is_some());
        let asked = json!({"NetworkInterfaceId": interface, "Attribute": "associatePublicIpAddress"});
        assert_eq!(world.ok("DescribeNetworkInterfaceAttribute", asked)["AssociatePublicIpAddress"], true);
        world.ok("ModifyNetworkInterfaceAttribute", public(false));
        assert_eq!(world.instance(&id).get("PublicIpAddress"), None);
    }

    #[test]
    fn instances_are_found_by_what_they_are_and_where() {
        let mut world = Sandbox::new();
        let (vpc, subnet) = network(&mut world);
        let id = world.launch(&subnet, json!({"PrivateIpAddress": "10.0.1.10"}));
        let ended = world.launch(&subnet, json!({}));
        world.ok("TerminateInstances", named(&ended));
        world.wait(60);
        let reservation = world.ok("DescribeInstances", named(&id))["Reservations"][0]["ReservationId"].clone();
        for (name, value) in [
            ("vpc-id", json!(vpc)),
            ("subnet-id", json!(subnet)),
            ("instance-state-name", json!("running")),
            ("private-ip-address", json!("10.0.1.10")),
            ("network-interface.subnet-id", json!(subnet)),
            ("reservation-id", reservation),
        ] {
            let found = world.ok("DescribeInstances", json!({"Filters": [{"Name": name, "Values": [value]}]}));
            let found = found["Reservations"].as_array().unwrap();
            assert_eq!(found.len(), 1, "{name}");
            assert_eq!(found[0]["Instances"][0]["InstanceId"], *id, "{name}");
            assert_eq!(found[0]["OwnerId"], "111122223333");
        }
        let both = json!({"InstanceIds": [id], "MaxResults": 5});
        assert_eq!(world.refused("DescribeInstances", both), "InvalidParameterCombination");
        assert_eq!(world.refused("DescribeInstances", named("i-xyz")), "InvalidInstanceID.Malformed");
    }

    #[test]
    fn instances_come_in_pages_that_together_hold_each_once() {
        let mut world = Sandbox::new();
        let (_, subnet) = network(&mut world);
        let input = world.launch_input(&subnet, json!({"MinCount": 7, "MaxCount": 7}));
        world.ok("RunInstances", input);
        let first = world.ok("DescribeInstances", json!({"MaxResults": 5}));
        let rest = world.ok("DescribeInstances", json!({"MaxResults": 5, "NextToken": first["NextToken"]}));
        let count = |page: &Value| page["Reservations"][0]["Instances"].as_array().unwrap().len();
        assert_eq!((count(&first), count(&rest), rest.get("NextToken")), (5, 2, None));
    }

    #[test]
    fn the_same_calls_launch_the_same_instance() {
        let run = || {
            let mut world = Sandbox::new();
            let (_, subnet) = network(&mut world);
            world.launch(&subnet, json!({}));
            world.standing()
        };
        assert_eq!(run(), run());
    }
}
