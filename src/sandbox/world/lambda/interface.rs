//! The interfaces by which functions are in a VPC: one per subnet and set of groups, shared by every function there.
//!
//! They outlive the functions. Some minutes after the last one left they are detached, and much later Lambda
//! deletes them; who can't wait deletes them in EC2 once they are detached. Lambda does both by the role that the last
//! function had: while that is gone they stay as they are, attached for instance, which nobody else can change.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Lambda, invalid};
use crate::sandbox::api::ApiError;
use crate::sandbox::world::ec2::{Attachment, Ec2, NetworkInterface};
use crate::sandbox::world::iam::Iam;
use crate::sandbox::world::{Context, durations};

/// Where a function is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Vpc {
    pub vpc_id: String,
    /// None for a function that was taken out of its VPC.
    pub subnet_ids: Vec<String>,
    pub group_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct VpcConfig {
    #[serde(default)]
    subnet_ids: Vec<String>,
    #[serde(default)]
    security_group_ids: Vec<String>,
    #[serde(default, rename = "Ipv6AllowedForDualStack")]
    ipv6: bool,
}

/// An interface of Lambda's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Interface {
    subnet_id: String,
    /// Sorted.
    group_ids: Vec<String>,
    release: Option<Release>,
}

/// That no function needs an interface any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Release {
    /// The role of the function that left last.
    role: String,
    detached_at: Timestamp,
    gone_at: Timestamp,
    /// Whether the role is gone.
    #[serde(default)]
    without_role: bool,
    /// When both happen where the role is gone before.
    lingers_until: Timestamp,
}

impl Release {
    fn detached_at(&self) -> Timestamp {
        if self.without_role { self.detached_at.max(self.lingers_until) } else { self.detached_at }
    }

    fn gone_at(&self) -> Timestamp {
        if self.without_role { self.gone_at.max(self.lingers_until) } else { self.gone_at }
    }
}

impl Vpc {
    pub fn view(&self) -> Value {
        json!({
            "VpcId": self.vpc_id,
            "SubnetIds": self.subnet_ids,
            "SecurityGroupIds": self.group_ids,
            "Ipv6AllowedForDualStack": false,
        })
    }

    fn sorted_groups(&self) -> Vec<String> {
        let mut groups = self.group_ids.clone();
        groups.sort_unstable();
        groups
    }

    fn needs(&self, interface: &Interface) -> bool {
        self.subnet_ids.contains(&interface.subnet_id) && self.sorted_groups() == interface.group_ids
    }
}

impl VpcConfig {
    /// The place that is meant; none where both lists are empty.
    ///
    /// # Errors
    /// Subnets without groups or the reverse; what EC2 doesn't have; more than one VPC.
    pub fn find(self, ec2: &Ec2) -> Result<Option<Vpc>, ApiError> {
        if self.ipv6 {
            let message = "the sandbox does not model functions with IPv6";
            return Err(ApiError::new("NotImplemented", message).with_status(501));
        }
        let [first, ..] = self.subnet_ids.as_slice() else {
            return if self.security_group_ids.is_empty() { Ok(None) } else { Err(incomplete()) };
        };
        if self.security_group_ids.is_empty() {
            return Err(incomplete());
        }
        let vpc_id = vpc_of_subnet(ec2, first)?;
        for subnet in &self.subnet_ids {
            if vpc_of_subnet(ec2, subnet)? != vpc_id {
                return Err(invalid("Subnets are required to be in the same VPC."));
            }
        }
        let ids: Vec<_> = self.security_group_ids.iter().map(String::as_str).collect();
        let group_ids = ec2.interface_groups(vpc_id, &ids).map_err(|refusal| match refusal.code.as_str() {
            "InvalidParameter" => invalid("Security Groups are required to be in the same VPC."),
            _ => ec2_error("DescribeSecurityGroups", &refusal),
        })?;
        Ok(Some(Vpc { vpc_id: vpc_id.to_owned(), subnet_ids: self.subnet_ids, group_ids }))
    }
}

fn vpc_of_subnet<'a>(ec2: &'a Ec2, id: &str) -> Result<&'a str, ApiError> {
    let missing = || ApiError::new("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"));
    ec2.vpc_of_subnet(id).ok_or_else(|| ec2_error("DescribeSubnets", &missing()))
}

/// EC2's refusal, as Lambda passes it on.
fn ec2_error(operation: &str, refusal: &ApiError) -> ApiError {
    let ApiError { code, message, .. } = refusal;
    invalid(format!("Error occurred while {operation}. EC2 Error Code: {code}. EC2 Error Message: {message}"))
}

fn incomplete() -> ApiError {
    invalid("SubnetIds and SecurityIds must coexist or be both empty list.")
}

impl Lambda {
    /// Gives a function the interfaces it needs in a VPC, in the name of its role; those of others serve it too.
    ///
    /// # Errors
    /// A subnet without a free address.
    pub(super) fn enter(
        &mut self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        function: &str,
        role_id: &str,
        vpc: &Vpc,
    ) -> Result<(), ApiError> {
        for subnet_id in &vpc.subnet_ids {
            let is_usable = |release: &Release| context.now < release.detached_at();
            let shared = self.interfaces.values_mut().find(|interface| {
                interface.subnet_id == *subnet_id
                    && vpc.needs(interface)
                    && interface.release.as_ref().is_none_or(is_usable)
            });
            if let Some(interface) = shared {
                interface.release = None;
                continue;
            }
            let interface = ec2
                .new_network_interface(subnet_id, None)
                .map_err(|refusal| ec2_error("CreateNetworkInterface", &refusal))?;
            let interface = NetworkInterface {
                group_ids: vpc.group_ids.clone(),
                description: format!("AWS Lambda VPC ENI-{function}-{}", context.dice.uuid()),
                interface_type: "lambda".into(),
                requester_id: Some(format!("{role_id}:{}", context.account)),
                attachment: Some(Attachment::to_service(context.dice, context.now)),
                ..interface
            };
            let id = ec2.add_network_interface(context.dice, interface);
            let group_ids = vpc.sorted_groups();
            self.interfaces.insert(id, Interface { subnet_id: subnet_id.clone(), group_ids, release: None });
        }
        Ok(())
    }

    /// Begins to give up the interfaces that no function needs, the last one of which had this role.
    pub(super) fn leave(&mut self, context: &mut Context<'_>, role: &str) {
        let places: Vec<_> = self.functions.values().filter_map(|function| function.vpc()).collect();
        for interface in self.interfaces.values_mut() {
            if interface.release.is_some() || places.iter().any(|vpc| vpc.needs(interface)) {
                continue;
            }
            let detached_at = context.due(durations::FUNCTION_INTERFACE_DETACH);
            interface.release = Some(Release {
                role: role.to_owned(),
                detached_at,
                gone_at: context.due(durations::FUNCTION_INTERFACE_REAP).max(detached_at),
                without_role: false,
                lingers_until: context.due(durations::FUNCTION_INTERFACE_LINGER).max(detached_at),
            });
        }
        if let Some(iam) = context.iam {
            self.follow_roles(iam);
        }
    }

    /// Notices that roles came or went: without theirs interfaces stay longer.
    pub fn follow_roles(&mut self, iam: &Iam) {
        for release in self.interfaces.values_mut().filter_map(|interface| interface.release.as_mut()) {
            release.without_role = !iam.has_role(&release.role);
        }
    }

    /// Detaches and deletes the interfaces for which it is time, and forgets those that were deleted in EC2.
    pub(super) fn settle_interfaces(&mut self, ec2: &mut Ec2, now: Timestamp) {
        self.interfaces.retain(|id, interface| {
            let Some(own) = ec2.network_interface_mut(id) else { return false };
            let Some(release) = &interface.release else { return true };
            if release.detached_at() <= now {
                own.attachment = None;
            }
            if release.gone_at() <= now {
                ec2.remove_network_interface(id);
                return false;
            }
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use serde_json::{Value, json};

    use super::super::testing::*;

    const MINUTE: i64 = 60;

    fn statuses(world: &mut Sandbox) -> Vec<String> {
        let interfaces = world.interfaces();
        interfaces.iter().map(|interface| interface["Status"].as_str().unwrap().to_owned()).collect()
    }

    fn delete_role(world: &mut Sandbox) {
        let policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";
        world.iam("DetachRolePolicy", json!({"RoleName": "presign", "PolicyArn": policy}));
        world.iam("DeleteRole", json!({"RoleName": "presign"}));
    }

    #[test]
    fn a_function_in_a_vpc_has_an_interface_in_each_subnet_that_is_lambdas() {
        let mut world = Sandbox::new();
        let input = world.function_in_vpc("presign");
        let made = world.ok("CreateFunction", input);
        assert_eq!(made["VpcConfig"]["VpcId"], world.vpc);
        assert_eq!(made["VpcConfig"]["SubnetIds"], json!(world.subnets));
        world.wait(21);
        assert_eq!(world.configuration("presign")["State"], "Pending");
        world.wait(1);
        assert_eq!(world.configuration("presign")["State"], "Active");

        let interfaces = world.interfaces();
        assert_eq!(interfaces.len(), 2);
        for interface in &interfaces {
            assert_eq!(interface["InterfaceType"], "lambda");
            let description = interface["Description"].as_str().unwrap();
            assert!(description.starts_with("AWS Lambda VPC ENI-presign-"), "{description}");
            assert_eq!((&interface["RequesterManaged"], &interface["Status"]), (&json!(true), &json!("in-use")));
            let requester = interface["RequesterId"].as_str().unwrap();
            assert!(requester.starts_with("AROA") && requester.ends_with(":111122223333"), "{requester}");
            let attachment = &interface["Attachment"]["AttachmentId"];
            assert!(attachment.as_str().unwrap().starts_with("ela-attach-"), "{attachment}");
            let detach = world.ec2("DetachNetworkInterface", json!({"AttachmentId": attachment}));
            assert_eq!(detach.unwrap_err().code, "OperationNotPermitted");
            let delete = json!({"NetworkInterfaceId": interface["NetworkInterfaceId"]});
            let refusal = world.ec2("DeleteNetworkInterface", delete).unwrap_err();
            assert_eq!(refusal.code, "InvalidParameterValue");
            assert!(refusal.message.ends_with("is currently in use."), "{refusal}");
        }
        let group = json!({"GroupId": world.group});
        assert_eq!(world.ec2("DeleteSecurityGroup", group).unwrap_err().code, "DependencyViolation");
    }

    #[test]
    fn functions_with_the_same_subnets_and_groups_share_interfaces() {
        let mut world = Sandbox::new();
        world.create_in_vpc("first");
        world.create_in_vpc("second");
        assert_eq!(world.interfaces().len(), 2);
        let default = world.ec2(
            "DescribeSecurityGroups",
            json!({"Filters": [
                {"Name": "vpc-id", "Values": [world.vpc]}, {"Name": "group-name", "Values": ["default"]},
            ]}),
        );
        let mut input = world.function_in_vpc("third");
        let default = default.unwrap()["SecurityGroups"][0]["GroupId"].clone();
        input["VpcConfig"]["SecurityGroupIds"] = json!([default, world.group]);
        input["VpcConfig"]["SubnetIds"] = json!([world.subnets[0]]);
        world.ok("CreateFunction", input.clone());
        assert_eq!(world.interfaces().len(), 3);
        input["FunctionName"] = json!("fourth");
        input["VpcConfig"]["SecurityGroupIds"] = json!([world.group, default]);
        world.ok("CreateFunction", input);
        assert_eq!(world.interfaces().len(), 3, "the order of groups is no difference");

        world.delete("first");
        world.wait(60 * MINUTE);
        assert_eq!(world.interfaces().len(), 3);
    }

    #[test]
    fn interfaces_outlive_the_last_function_detached_after_minutes_and_reaped_much_later() {
        let mut world = Sandbox::new();
        let before = world.standing();
        world.create_in_vpc("presign");
        world.delete("presign");
        world.wait(3 * MINUTE);
        assert_eq!(statuses(&mut world), ["in-use", "in-use"]);
        world.wait(MINUTE);
        assert_eq!(statuses(&mut world), ["available", "available"]);
        let subnet = json!({"SubnetId": world.subnets[0]});
        assert_eq!(world.ec2("DeleteSubnet", subnet).unwrap_err().code, "DependencyViolation");
        world.wait(16 * MINUTE);
        assert_eq!(world.interfaces().len(), 2);
        world.wait(25 * MINUTE);
        assert_eq!(world.interfaces(), Vec::<Value>::new());
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn who_cannot_wait_deletes_detached_interfaces() {
        let mut world = Sandbox::new();
        let before = world.standing();
        world.create_in_vpc("presign");
        world.delete("presign");
        world.wait(4 * MINUTE);
        for interface in world.interfaces() {
            let id = json!({"NetworkInterfaceId": interface["NetworkInterfaceId"]});
            world.ec2("DeleteNetworkInterface", id).unwrap();
        }
        assert_eq!(world.standing(), before);
    }

    #[test]
    fn without_their_role_interfaces_stay_attached() {
        let mut world = Sandbox::new();
        world.create_in_vpc("presign");
        delete_role(&mut world);
        world.delete("presign");
        world.wait(44 * MINUTE);
        assert_eq!(statuses(&mut world), ["in-use", "in-use"]);
        world.wait(MINUTE);
        assert_eq!(world.interfaces(), Vec::<Value>::new());
    }

    #[test]
    fn interfaces_that_are_detached_linger_when_their_role_goes() {
        let mut world = Sandbox::new();
        world.create_in_vpc("presign");
        world.delete("presign");
        world.wait(10 * MINUTE);
        delete_role(&mut world);
        world.wait(34 * MINUTE);
        assert_eq!(statuses(&mut world), ["available", "available"]);
        world.wait(11 * MINUTE);
        assert_eq!(world.interfaces(), Vec::<Value>::new());
    }

    #[test]
    fn a_role_that_comes_back_lets_its_interfaces_go() {
        let mut world = Sandbox::new();
        world.create_in_vpc("presign");
        let role = world.iam("GetRole", json!({"RoleName": "presign"}));
        let trust = role["Role"]["AssumeRolePolicyDocument"].as_str().unwrap();
        let trust = percent_decode_str(trust).decode_utf8().unwrap();
        delete_role(&mut world);
        world.delete("presign");
        world.wait(10 * MINUTE);
        assert_eq!(statuses(&mut world), ["in-use", "in-use"]);
        world.iam("CreateRole", json!({"Path": "/lab/", "RoleName": "presign", "AssumeRolePolicyDocument": trust}));
        assert_eq!(statuses(&mut world), ["available", "available"]);
    }

    #[test]
    fn a_role_that_goes_after_the_interfaces_keeps_none() {
        let mut world = Sandbox::new();
        world.create_in_vpc("presign");
        world.delete("presign");
        world.wait(31 * MINUTE);
        delete_role(&mut world);
        assert_eq!(world.interfaces(), Vec::<Value>::new());
    }

    #[test]
    fn a_function_is_taken_out_of_its_vpc_and_its_interfaces_follow() {
        let mut world = Sandbox::new();
        world.create_in_vpc("presign");
        let nowhere = json!({"FunctionName": "presign", "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}});
        let moved = world.ok("UpdateFunctionConfiguration", nowhere);
        assert_eq!((&moved["LastUpdateStatus"], &moved["VpcConfig"]["VpcId"]), (&json!("InProgress"), &json!("")));
        world.wait(4 * MINUTE);
        assert_eq!(statuses(&mut world), ["available", "available"]);

        let (subnets, group) = (world.subnets.clone(), world.group.clone());
        let back = json!({"SubnetIds": subnets, "SecurityGroupIds": [group]});
        world.ok("UpdateFunctionConfiguration", json!({"FunctionName": "presign", "VpcConfig": back}));
        assert_eq!(world.configuration("presign")["LastUpdateStatus"], "InProgress");
        assert_eq!(statuses(&mut world).iter().filter(|status| *status == "in-use").count(), 2);
        world.wait(22);
        assert_eq!(world.configuration("presign")["LastUpdateStatus"], "Successful");
    }

    #[test]
    fn an_interface_that_is_not_detached_yet_is_taken_up_again() {
        let mut world = Sandbox::new();
        world.create_in_vpc("presign");
        let before = world.interfaces();
        world.delete("presign");
        world.wait(3 * MINUTE);
        world.create_in_vpc("presign");
        world.wait(60 * MINUTE);
        assert_eq!(world.interfaces(), before);
    }

    #[test]
    fn subnets_and_groups_exist_and_are_of_one_vpc() {
        let mut world = Sandbox::new();
        let vpc = world.ec2("CreateVpc", json!({"CidrBlock": "10.9.0.0/16"})).unwrap()["Vpc"]["VpcId"].clone();
        let subnet = json!({"VpcId": vpc, "CidrBlock": "10.9.0.0/24"});
        let abroad = world.ec2("CreateSubnet", subnet).unwrap()["Subnet"]["SubnetId"].clone();
        let (near, group) = (json!(world.subnets[0]), json!(world.group));
        for (subnets, groups, message) in [
            (json!([near]), json!([]), "SubnetIds and SecurityIds must coexist or be both empty list."),
            (json!([]), json!([group]), "SubnetIds and SecurityIds must coexist or be both empty list."),
            (
                json!(["subnet-0123456789abcdef0"]),
                json!([group]),
                "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: \
                 The subnet ID 'subnet-0123456789abcdef0' does not exist",
            ),
            (
                json!([near]),
                json!(["sg-0123456789abcdef0"]),
                "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error \
                 Message: The security group 'sg-0123456789abcdef0' does not exist",
            ),
            (json!([near, abroad]), json!([group]), "Subnets are required to be in the same VPC."),
            (json!([abroad]), json!([group]), "Security Groups are required to be in the same VPC."),
        ] {
            let mut input = world.function("presign");
            input["VpcConfig"] = json!({"SubnetIds": subnets, "SecurityGroupIds": groups});
            let refusal = world.call("CreateFunction", input).unwrap_err();
            assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("InvalidParameterValueException", message));
        }
    }
}
