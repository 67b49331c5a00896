//! What can be read and changed of an instance, one attribute a call.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::image::Image;
use super::super::{Ec2, Input, Operation, invalid, missing_parameter, unsupported};
use super::{Instance, KIND, types};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DescribeInstanceAttribute",
        members: &["InstanceId", "Attribute"],
        run: Ec2::describe_instance_attribute,
    },
    Operation {
        name: "ModifyInstanceAttribute",
        members: &[
            "InstanceId",
            "Attribute",
            "Value",
            "BlockDeviceMappings",
            "DisableApiStop",
            "DisableApiTermination",
            "EbsOptimized",
            "Groups",
            "InstanceInitiatedShutdownBehavior",
            "InstanceType",
            "SourceDestCheck",
            "UserData",
        ],
        run: Ec2::modify_instance_attribute,
    },
    Operation {
        name: "ResetInstanceAttribute",
        members: &["InstanceId", "Attribute"],
        run: Ec2::reset_instance_attribute,
    },
    Operation {
        name: "ModifyInstanceMetadataOptions",
        members: &[
            "InstanceId",
            "HttpTokens",
            "HttpPutResponseHopLimit",
            "HttpEndpoint",
            "HttpProtocolIpv6",
            "InstanceMetadataTags",
        ],
        run: Ec2::modify_metadata_options,
    },
    Operation { name: "MonitorInstances", members: &["InstanceIds"], run: Ec2::monitor_instances },
    Operation { name: "UnmonitorInstances", members: &["InstanceIds"], run: Ec2::unmonitor_instances },
];

/// Bytes of user data before they are encoded.
const MAX_USER_DATA: usize = 16_384;

/// How an instance reaches its metadata service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetadataOptions {
    http_tokens: String,
    http_put_response_hop_limit: i64,
    http_endpoint: String,
    http_protocol_ipv6: String,
    instance_metadata_tags: String,
}

impl MetadataOptions {
    /// What an instance has whose launch says nothing.
    pub fn default_for(image: &Image) -> Self {
        let wants_tokens = image.wants_tokens();
        Self {
            http_tokens: if wants_tokens { "required" } else { "optional" }.into(),
            http_put_response_hop_limit: if wants_tokens { 2 } else { 1 },
            http_endpoint: "enabled".into(),
            http_protocol_ipv6: "disabled".into(),
            instance_metadata_tags: "disabled".into(),
        }
    }

    /// Takes over what the members say; the wire has checked the words.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a hop limit out of range.
    pub fn update(&mut self, input: Input<'_>) -> Result<(), ApiError> {
        if let Some(limit) = input.number("HttpPutResponseHopLimit") {
            if !(1..=64).contains(&limit) {
                return Err(invalid(format!("Value ({limit}) for parameter httpPutResponseHopLimit is invalid.")));
            }
            self.http_put_response_hop_limit = limit;
        }
        for (member, word) in [
            ("HttpTokens", &mut self.http_tokens),
            ("HttpEndpoint", &mut self.http_endpoint),
            ("HttpProtocolIpv6", &mut self.http_protocol_ipv6),
            ("InstanceMetadataTags", &mut self.instance_metadata_tags),
        ] {
            if let Some(wanted) = input.text(member) {
                *word = wanted.into();
            }
        }
        Ok(())
    }

    /// As it is answered.
    pub fn view(&self) -> Value {
        json!({
            "HttpEndpoint": self.http_endpoint,
            "HttpProtocolIpv6": self.http_protocol_ipv6,
            "HttpPutResponseHopLimit": self.http_put_response_hop_limit,
            "HttpTokens": self.http_tokens,
            "InstanceMetadataTags": self.instance_metadata_tags,
            "State": "applied",
        })
    }
}

/// User data as it is kept, from the base64 that was sent.
///
/// # Errors
/// `InvalidUserData.Malformed` for what isn't base64, `InvalidParameterValue` for more than 16 KB.
pub fn checked_user_data(text: &str) -> Result<String, ApiError> {
    let text: String = text.split_ascii_whitespace().collect();
    let malformed = |_| ApiError::new("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.");
    let bytes = BASE64.decode(text).map_err(malformed)?;
    if bytes.len() > MAX_USER_DATA {
        return Err(invalid(format!("User data is limited to {MAX_USER_DATA} bytes")));
    }
    Ok(BASE64.encode(bytes))
}

/// An attribute to change, with what it becomes.
enum Change<'a> {
    BlockDevices(&'a [Value]),
    DisableApiStop(bool),
    DisableApiTermination(bool),
    EbsOptimized(bool),
    Groups(Vec<&'a str>),
    InstanceType(&'a str),
    ShutdownBehavior(&'a str),
    SourceDestCheck(bool),
    UserData(&'a str),
}

impl<'a> Change<'a> {
    /// The one change that a call asks for.
    fn from_input(input: Input<'a>) -> Result<Self, ApiError> {
        let mut changes = Vec::new();
        for (member, change) in [
            ("DisableApiStop", Change::DisableApiStop as fn(bool) -> Self),
            ("DisableApiTermination", Change::DisableApiTermination),
            ("EbsOptimized", Change::EbsOptimized),
            ("SourceDestCheck", Change::SourceDestCheck),
        ] {
            changes.extend(input.attribute(member)?.map(change));
        }
        for (member, change) in [
            ("InstanceInitiatedShutdownBehavior", Change::ShutdownBehavior as fn(&'a str) -> Self),
            ("InstanceType", Change::InstanceType),
            ("UserData", Change::UserData),
        ] {
            let value = input.structure(member).map(|value| value.text("Value").unwrap_or_default());
            changes.extend(value.map(change));
        }
        if !input.list("Groups").is_empty() {
            changes.push(Change::Groups(input.texts("Groups")));
        }
        if !input.list("BlockDeviceMappings").is_empty() {
            changes.push(Change::BlockDevices(input.list("BlockDeviceMappings")));
        }
        if let Some(name) = input.text("Attribute").filter(|name| *name != "blockDeviceMapping") {
            changes.push(Self::from_name(name, input.required("Value")?)?);
        }
        match (changes.pop(), changes.is_empty()) {
            (Some(change), true) => Ok(change),
            (None, _) => Err(missing_parameter("attribute")),
            (Some(_), false) => {
                let message = "Fields for multiple attribute types specified";
                Err(ApiError::new("InvalidParameterCombination", message))
            }
        }
    }

    /// The older form: an attribute's name, and its value as a text.
    fn from_name(name: &str, value: &'a str) -> Result<Self, ApiError> {
        let boolean = || value.parse().map_err(|_| invalid(format!("Value ({value}) for parameter value is invalid.")));
        Ok(match name {
            "disableApiStop" => Change::DisableApiStop(boolean()?),
            "disableApiTermination" => Change::DisableApiTermination(boolean()?),
            "ebsOptimized" => Change::EbsOptimized(boolean()?),
            "groupSet" => Change::Groups(vec![value]),
            "instanceInitiatedShutdownBehavior" => Change::ShutdownBehavior(value),
            "instanceType" => Change::InstanceType(value),
            "sourceDestCheck" => Change::SourceDestCheck(boolean()?),
            "userData" => Change::UserData(value),
            _ => return Err(unsupported(&format!("changing the attribute {name}"))),
        })
    }
}

impl Ec2 {
    fn describe_instance_attribute(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("InstanceId")?;
        let instance = KIND.find(&self.instances, id)?;
        let primary = self.primary_interface_id(id).and_then(|id| self.network_interfaces.get(&id));
        let value = |value: Value| json!({"Value": value});
        let (member, attribute) = match input.required("Attribute")? {
            "blockDeviceMapping" => ("BlockDeviceMappings", self.block_device_mappings_view(id)),
            "disableApiStop" => ("DisableApiStop", value(json!(instance.disable_api_stop))),
            "disableApiTermination" => ("DisableApiTermination", value(json!(instance.disable_api_termination))),
            "ebsOptimized" => ("EbsOptimized", value(json!(instance.ebs_optimized))),
            "enaSupport" => ("EnaSupport", value(json!(true))),
            "enclaveOptions" => ("EnclaveOptions", json!({"Enabled": false})),
            "groupSet" => ("Groups", primary.map_or(json!([]), |interface| self.groups_view(&interface.group_ids))),
            "instanceInitiatedShutdownBehavior" => {
                ("InstanceInitiatedShutdownBehavior", value(json!(instance.shutdown_behavior)))
            }
            "instanceType" => ("InstanceType", value(json!(instance.instance_type))),
            "kernel" => ("KernelId", json!({})),
            "productCodes" => ("ProductCodes", json!([])),
            "ramdisk" => ("RamdiskId", json!({})),
            "rootDeviceName" => ("RootDeviceName", value(json!(instance.root_device_name))),
            "sourceDestCheck" => {
                ("SourceDestCheck", value(json!(primary.is_none_or(|interface| interface.source_dest_check))))
            }
            "sriovNetSupport" => ("SriovNetSupport", value(json!("simple"))),
            "userData" if instance.user_data.is_empty() => ("UserData", json!({})),
            "userData" => ("UserData", value(json!(instance.user_data))),
            other => return Err(invalid(format!("Value ({other}) for parameter attribute is invalid."))),
        };
        Ok(json!({"InstanceId": id, member: attribute}))
    }

    fn modify_instance_attribute(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("InstanceId")?;
        KIND.find(&self.instances, id)?;
        match Change::from_input(input)? {
            Change::BlockDevices(mappings) => self.modify_block_devices(id, mappings)?,
            Change::Groups(groups) => self.modify_groups(id, &groups)?,
            Change::SourceDestCheck(check) => self.set_source_dest_check(id, check)?,
            change => self.modify_instance(context, id, change)?,
        }
        Ok(json!({}))
    }

    fn modify_instance(&mut self, context: &Context<'_>, id: &str, change: Change<'_>) -> Result<(), ApiError> {
        let instance = KIND.find_mut(&mut self.instances, id)?;
        let needs_stop = matches!(change, Change::InstanceType(_) | Change::UserData(_) | Change::EbsOptimized(_));
        if needs_stop && !instance.is_stopped() {
            return Err(not_stopped(id));
        }
        match change {
            Change::DisableApiStop(disabled) => instance.disable_api_stop = disabled,
            Change::DisableApiTermination(disabled) => instance.disable_api_termination = disabled,
            Change::EbsOptimized(optimized) => instance.ebs_optimized = optimized,
            Change::InstanceType(name) => instance.change_type(context, name)?,
            Change::ShutdownBehavior(behavior) => instance.shutdown_behavior = checked_behavior(behavior)?,
            Change::UserData(text) => {
                let old = std::mem::replace(&mut instance.user_data, checked_user_data(text)?);
                instance.booted_with.get_or_insert(old);
            }
            Change::BlockDevices(_) | Change::Groups(_) | Change::SourceDestCheck(_) => {}
        }
        Ok(())
    }

    fn modify_groups(&mut self, id: &str, groups: &[&str]) -> Result<(), ApiError> {
        let primary = self.primary_interface_id(id).unwrap_or_default();
        let Some(interface) = self.network_interface(&primary) else { return Err(not_stopped(id)) };
        let group_ids = self.interface_groups(&interface.vpc_id, groups)?;
        if let Some(interface) = self.network_interface_mut(&primary) {
            interface.group_ids = group_ids;
        }
        Ok(())
    }

    fn set_source_dest_check(&mut self, id: &str, check: bool) -> Result<(), ApiError> {
        let primary = self.primary_interface_id(id).unwrap_or_default();
        let interface = self.network_interface_mut(&primary).ok_or_else(|| not_stopped(id))?;
        interface.source_dest_check = check;
        Ok(())
    }

    fn modify_block_devices(&mut self, id: &str, mappings: &[Value]) -> Result<(), ApiError> {
        for mapping in mappings.iter().map(Input) {
            let device = mapping.required("DeviceName")?;
            let ebs = mapping.structure("Ebs").ok_or_else(|| missing_parameter("Ebs"))?;
            let mut attachments = self.volumes.values_mut().filter_map(|volume| volume.attachment.as_mut());
            let attachment = attachments.find(|attachment| attachment.instance_id == id && attachment.device == device);
            let attachment = attachment.ok_or_else(|| {
                let message = format!("Instance {id} has no device {device}");
                ApiError::new("InvalidInstanceAttributeValue", message)
            })?;
            if let Some(delete) = ebs.boolean("DeleteOnTermination") {
                attachment.delete_on_termination = delete;
            }
        }
        Ok(())
    }

    fn reset_instance_attribute(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("InstanceId")?;
        let instance = KIND.find(&self.instances, id)?;
        match input.required("Attribute")? {
            "sourceDestCheck" => self.set_source_dest_check(id, true)?,
            // An image of AWS's own has neither to go back to.
            "kernel" | "ramdisk" if !instance.is_stopped() => return Err(not_stopped(id)),
            "kernel" | "ramdisk" => {}
            other => return Err(invalid(format!("Value ({other}) for parameter attribute is invalid."))),
        }
        Ok(json!({}))
    }

    fn modify_metadata_options(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("InstanceId")?;
        let instance = KIND.find_mut(&mut self.instances, id)?;
        instance.metadata_options.update(input)?;
        let mut view = instance.metadata_options.view();
        view["State"] = json!("pending");
        Ok(json!({"InstanceId": id, "InstanceMetadataOptions": view}))
    }

    fn monitor_instances(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        self.set_monitoring(input, true, "pending")
    }

    fn unmonitor_instances(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        self.set_monitoring(input, false, "disabling")
    }

    fn set_monitoring(&mut self, input: Input<'_>, on: bool, state: &str) -> Answer {
        let mut views = Vec::new();
        for id in self.named_instances(input)? {
            KIND.find_mut(&mut self.instances, id)?.monitoring = on;
            views.push(json!({"InstanceId": id, "Monitoring": {"State": state}}));
        }
        Ok(json!({"InstanceMonitorings": views}))
    }
}

impl Instance {
    fn change_type(&mut self, context: &Context<'_>, name: &str) -> Result<(), ApiError> {
        let instance_type = types::find(name)?;
        instance_type.check_architecture(&self.architecture)?;
        instance_type.check_zone(context.region, &self.availability_zone)?;
        self.instance_type = instance_type.name;
        Ok(())
    }
}

/// What an instance does that is shut down from within.
pub fn checked_behavior(behavior: &str) -> Result<String, ApiError> {
    if ["stop", "terminate"].contains(&behavior) {
        return Ok(behavior.into());
    }
    Err(invalid(format!("Value ({behavior}) for parameter instanceInitiatedShutdownBehavior is invalid.")))
}

fn not_stopped(id: &str) -> ApiError {
    ApiError::new("IncorrectInstanceState", format!("The instance '{id}' is not in the 'stopped' state."))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::*;
    use super::*;

    fn running(world: &mut Sandbox, more: Value) -> (String, String) {
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let id = world.launch(&subnet, more);
        world.wait(12);
        (vpc, id)
    }

    fn stop(world: &mut Sandbox, id: &str) {
        world.ok("StopInstances", json!({"InstanceIds": [id]}));
        world.wait(30);
    }

    fn attribute(world: &mut Sandbox, id: &str, name: &str) -> Value {
        let mut answer = world.ok("DescribeInstanceAttribute", json!({"InstanceId": id, "Attribute": name}));
        assert_eq!(answer.as_object_mut().unwrap().remove("InstanceId"), Some(json!(id)));
        answer
    }

    #[test]
    fn user_data_and_type_change_only_while_the_instance_is_stopped() {
        let mut world = Sandbox::new();
        let user_data = BASE64.encode("#!/bin/sh");
        let (_, id) = running(&mut world, json!({"UserData": user_data}));
        assert_eq!(attribute(&mut world, &id, "userData"), json!({"UserData": {"Value": user_data}}));
        let new = BASE64.encode("#!/bin/bash");
        let change = json!({"InstanceId": id, "UserData": {"Value": new}});
        let resize = json!({"InstanceId": id, "InstanceType": {"Value": "t3.small"}});
        assert_eq!(world.refused("ModifyInstanceAttribute", change.clone()), "IncorrectInstanceState");
        assert_eq!(world.refused("ModifyInstanceAttribute", resize.clone()), "IncorrectInstanceState");
        stop(&mut world, &id);
        world.ok("ModifyInstanceAttribute", change);
        world.ok("ModifyInstanceAttribute", resize);
        assert_eq!(attribute(&mut world, &id, "userData"), json!({"UserData": {"Value": new}}));
        assert_eq!(world.ec2().instances[&id].booted_with(), user_data);
        assert_eq!(world.instance(&id)["InstanceType"], "t3.small");
        let arm = json!({"InstanceId": id, "Attribute": "instanceType", "Value": "t4g.small"});
        assert_eq!(world.refused("ModifyInstanceAttribute", arm), "InvalidParameterValue");
    }

    #[test]
    fn groups_change_on_the_interface_and_stay_within_the_vpc() {
        let mut world = Sandbox::new();
        let (vpc, id) = running(&mut world, json!({}));
        let (group, stranger) = (world.group(&vpc, "web"), {
            let other = world.vpc("10.1.0.0/16");
            world.group(&other, "web")
        });
        let groups = |group: &str| json!({"InstanceId": id, "Groups": [group]});
        assert_eq!(world.refused("ModifyInstanceAttribute", groups(&stranger)), "InvalidParameter");
        world.ok("ModifyInstanceAttribute", groups(&group));
        let expected = json!([{"GroupId": group, "GroupName": "web"}]);
        assert_eq!(attribute(&mut world, &id, "groupSet"), json!({"Groups": expected}));
        let interfaces = world.ok("DescribeNetworkInterfaces", json!({}));
        assert_eq!(interfaces["NetworkInterfaces"][0]["Groups"], expected);
    }

    #[test]
    fn one_attribute_is_changed_a_call() {
        let mut world = Sandbox::new();
        let (_, id) = running(&mut world, json!({}));
        let two = json!({"InstanceId": id, "SourceDestCheck": {"Value": false}, "DisableApiStop": {"Value": true}});
        assert_eq!(world.refused("ModifyInstanceAttribute", two), "InvalidParameterCombination");
        assert_eq!(world.refused("ModifyInstanceAttribute", json!({"InstanceId": id})), "MissingParameter");
    }

    #[test]
    fn what_is_changed_is_what_is_read() {
        let mut world = Sandbox::new();
        let (_, id) = running(&mut world, json!({}));
        for (name, member, value) in [
            ("disableApiTermination", "DisableApiTermination", json!(true)),
            ("disableApiStop", "DisableApiStop", json!(true)),
            ("sourceDestCheck", "SourceDestCheck", json!(false)),
            ("instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior", json!("terminate")),
        ] {
            assert_ne!(attribute(&mut world, &id, name)[member]["Value"], value);
            world.ok("ModifyInstanceAttribute", json!({"InstanceId": id, member: {"Value": value}}));
            assert_eq!(attribute(&mut world, &id, name)[member]["Value"], value);
        }
        world.ok("ResetInstanceAttribute", json!({"InstanceId": id, "Attribute": "sourceDestCheck"}));
        assert_eq!(attribute(&mut world, &id, "sourceDestCheck")["SourceDestCheck"]["Value"], true);
    }

    #[test]
    fn every_attribute_can_be_read() {
        let mut world = Sandbox::new();
        let (_, id) = running(&mut world, json!({}));
        for name in ["ebsOptimized", "enaSupport", "kernel", "ramdisk", "productCodes", "sriovNetSupport", "userData"] {
            assert_eq!(attribute(&mut world, &id, name).as_object().unwrap().len(), 1, "{name}");
        }
        let type_of = attribute(&mut world, &id, "instanceType");
        assert_eq!(type_of, json!({"InstanceType": {"Value": "t3.micro"}}));
        assert_eq!(attribute(&mut world, &id, "rootDeviceName"), json!({"RootDeviceName": {"Value": "/dev/xvda"}}));
    }

    #[test]
    fn a_volume_can_be_made_to_outlive_its_instance() {
        let mut world = Sandbox::new();
        let (_, id) = running(&mut world, json!({}));
        let keep = |device: &str| {
            let mapping = json!({"DeviceName": device, "Ebs": {"DeleteOnTermination": false}});
            json!({"InstanceId": id, "BlockDeviceMappings": [mapping]})
        };
        assert_eq!(world.refused("ModifyInstanceAttribute", keep("/dev/sdz")), "InvalidInstanceAttributeValue");
        world.ok("ModifyInstanceAttribute", keep("/dev/xvda"));
        let mappings = attribute(&mut world, &id, "blockDeviceMapping")["BlockDeviceMappings"].clone();
        assert_eq!(mappings[0]["Ebs"]["DeleteOnTermination"], false);
    }

    #[test]
    fn metadata_options_depend_on_the_image_and_can_be_changed() {
        let mut world = Sandbox::new();
        let (_, id) = running(&mut world, json!({}));
        let options = world.instance(&id)["MetadataOptions"].clone();
        assert_eq!((&options["HttpTokens"], &options["HttpPutResponseHopLimit"]), (&json!("required"), &json!(2)));
        let change = json!({"InstanceId": id, "HttpTokens": "optional", "HttpPutResponseHopLimit": 1});
        let answer = world.ok("ModifyInstanceMetadataOptions", change);
        assert_eq!(answer["InstanceMetadataOptions"]["State"], "pending");
        let options = world.instance(&id)["MetadataOptions"].clone();
        assert_eq!((&options["HttpTokens"], &options["State"]), (&json!("optional"), &json!("applied")));
        let subnet = world.instance(&id)["SubnetId"].as_str().unwrap().to_owned();
        let windows = world.launch(&subnet, json!({"ImageId": world.windows()}));
        assert_eq!(world.instance(&windows)["MetadataOptions"]["HttpTokens"], "optional");
    }

    #[test]
    fn monitoring_is_switched_on_and_off() {
        let mut world = Sandbox::new();
        let (_, id) = running(&mut world, json!({"Monitoring": {"Enabled": true}}));
        assert_eq!(world.instance(&id)["Monitoring"]["State"], "enabled");
        let answer = world.ok("UnmonitorInstances", json!({"InstanceIds": [id]}));
        assert_eq!(answer["InstanceMonitorings"][0]["Monitoring"]["State"], "disabling");
        assert_eq!(world.instance(&id)["Monitoring"]["State"], "disabled");
        world.ok("MonitorInstances", json!({"InstanceIds": [id]}));
        assert_eq!(world.instance(&id)["Monitoring"]["State"], "enabled");
    }
}
