//! The instance profiles of instances.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::filter::Listing;
use super::super::{Ec2, Input, Kind, Operation, missing_parameter};
use super::{Instance, KIND, State};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::iam::ProfileRef;
use crate::sandbox::world::{Context, Dice};

const ASSOCIATION: Kind = Kind {
    prefix: "iip-assoc",
    resource_type: "iam-instance-profile-association",
    label: "association ID",
    not_found: "InvalidAssociationID.NotFound",
    malformed: "InvalidAssociationID.Malformed",
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "AssociateIamInstanceProfile",
        members: &["IamInstanceProfile", "InstanceId"],
        run: Ec2::associate_profile,
    },
    Operation { name: "DisassociateIamInstanceProfile", members: &["AssociationId"], run: Ec2::disassociate_profile },
    Operation {
        name: "ReplaceIamInstanceProfileAssociation",
        members: &["AssociationId", "IamInstanceProfile"],
        run: Ec2::replace_profile,
    },
    Operation {
        name: "DescribeIamInstanceProfileAssociations",
        members: &["AssociationIds", "Filters", "MaxResults", "NextToken"],
        run: Ec2::describe_profile_associations,
    },
];

const LISTING: Listing = Listing {
    ids: Some(("AssociationIds", &ASSOCIATION)),
    result: "IamInstanceProfileAssociations",
    key: &["AssociationId"],
    most: 1000,
    filters: &[("instance-id", "InstanceId"), ("state", "State")],
};

/// That an instance has a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProfileAssociation {
    association_id: String,
    profile: ProfileRef,
    since: Timestamp,
}

impl ProfileAssociation {
    /// With the profile that `{Arn}` or `{Name}` names.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a profile that EC2 hasn't heard of.
    pub fn new(context: &mut Context<'_>, specification: Input<'_>) -> Result<Self, ApiError> {
        let iam = context.iam.ok_or_else(|| missing_parameter("IamInstanceProfile"))?;
        let profile = iam.usable_profile(context, specification.text("Name"), specification.text("Arn"))?;
        Ok(Self { association_id: context.dice.id(ASSOCIATION.prefix), profile, since: context.now })
    }

    /// The same for another instance of one launch.
    pub fn for_another(&self, dice: &mut Dice) -> Self {
        Self { association_id: dice.id(ASSOCIATION.prefix), ..self.clone() }
    }

    /// The profile as it is answered.
    pub fn profile_view(&self) -> Value {
        json!({"Arn": self.profile.arn, "Id": self.profile.id})
    }

    fn view(&self, instance_id: &str, state: &str) -> Value {
        json!({
            "AssociationId": self.association_id,
            "IamInstanceProfile": self.profile_view(),
            "InstanceId": instance_id,
            "State": state,
            "Timestamp": self.since,
        })
    }
}

impl Ec2 {
    fn associate_profile(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("InstanceId")?;
        let instance = KIND.find_mut(&mut self.instances, id)?;
        if !matches!(instance.state, State::Pending | State::Running | State::Stopping | State::Stopped) {
            return Err(instance.refuse(id, "given an instance profile"));
        }
        if instance.profile.is_some() {
            let message = format!("There is an existing association for instance {id}");
            return Err(ApiError::new("IncorrectState", message));
        }
        let association = ProfileAssociation::new(context, specification(input)?)?;
        let view = association.view(id, "associating");
        instance.profile = Some(association);
        Ok(json!({"IamInstanceProfileAssociation": view}))
    }

    fn disassociate_profile(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let (id, instance) = self.associated_instance(input)?;
        let view = instance.profile.take().map(|association| association.view(&id, "disassociating"));
        Ok(json!({"IamInstanceProfileAssociation": view}))
    }

    fn replace_profile(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let (id, instance) = self.associated_instance(input)?;
        let association = ProfileAssociation::new(context, specification(input)?)?;
        let view = association.view(&id, "associating");
        instance.profile = Some(association);
        Ok(json!({"IamInstanceProfileAssociation": view}))
    }

    fn associated_instance(&mut self, input: Input<'_>) -> Result<(String, &mut Instance), ApiError> {
        let wanted = input.required("AssociationId")?;
        ASSOCIATION.check(wanted)?;
        let has_it = |instance: &Instance| {
            instance.profile.as_ref().is_some_and(|association| association.association_id == wanted)
        };
        let found = self.instances.iter_mut().find(|(_, instance)| has_it(instance));
        found.map(|(id, instance)| (id.clone(), instance)).ok_or_else(|| ASSOCIATION.missing(wanted))
    }

    fn describe_profile_associations(&mut self, _: &mut Context<'_>, input: Input<'_>) -> Answer {
        let associated = self.instances.iter().filter_map(|(id, instance)| Some((id, instance.profile.as_ref()?)));
        let views = associated.map(|(id, association)| association.view(id, "associated"));
        LISTING.answer(input, views.collect())
    }
}

fn specification(input: Input<'_>) -> Result<Input<'_>, ApiError> {
    input.structure("IamInstanceProfile").ok_or_else(|| missing_parameter("IamInstanceProfile"))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::*;
    use super::*;

    const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

    fn profile(world: &mut Sandbox, name: &str) {
        world.iam("CreateRole", json!({"RoleName": name, "AssumeRolePolicyDocument": TRUST}));
        world.iam("CreateInstanceProfile", json!({"InstanceProfileName": name, "Path": "/lab/"}));
        world.iam("AddRoleToInstanceProfile", json!({"InstanceProfileName": name, "RoleName": name}));
    }

    fn launch_input(world: &mut Sandbox, specification: Value) -> Value {
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        world.launch_input(&subnet, json!({"IamInstanceProfile": specification}))
    }

    #[test]
    fn a_fresh_profile_is_refused_for_some_seconds() {
        let mut world = Sandbox::new();
        let input = launch_input(&mut world, json!({"Name": "hosts"}));
        profile(&mut world, "Hosts");
        let refusal = world.call("RunInstances", input.clone()).unwrap_err();
        assert_eq!(refusal.code, "InvalidParameterValue");
        assert!(refusal.message.ends_with("Invalid IAM Instance Profile name"), "{refusal}");
        world.wait(7);
        let instance = world.ok("RunInstances", input)["Instances"][0].clone();
        assert_eq!(instance["IamInstanceProfile"]["Arn"], "arn:aws:iam::111122223333:instance-profile/lab/Hosts");
    }

    #[test]
    fn a_profile_without_a_role_or_of_another_arn_is_refused() {
        let mut world = Sandbox::new();
        world.iam("CreateInstanceProfile", json!({"InstanceProfileName": "empty"}));
        let mut input = launch_input(&mut world, json!({"Name": "empty"}));
        world.wait(7);
        for specification in [
            json!({"Name": "empty"}),
            json!({"Name": "none"}),
            json!({"Arn": "arn:aws:iam::111122223333:instance-profile/elsewhere/empty"}),
        ] {
            input["IamInstanceProfile"] = specification;
            assert_eq!(world.refused("RunInstances", input.clone()), "InvalidParameterValue");
        }
        input["IamInstanceProfile"] = json!({"Name": "a", "Arn": "b"});
        assert_eq!(world.refused("RunInstances", input), "InvalidParameterCombination");
    }

    #[test]
    fn a_profile_is_associated_replaced_and_taken_away() {
        let mut world = Sandbox::new();
        profile(&mut world, "one");
        profile(&mut world, "other");
        let mut input = launch_input(&mut world, json!({}));
        input.as_object_mut().unwrap().remove("IamInstanceProfile");
        world.wait(10);
        let id = world.ok("RunInstances", input)["Instances"][0]["InstanceId"].clone();
        let associate = json!({"InstanceId": id, "IamInstanceProfile": {"Name": "one"}});
        let made = world.ok("AssociateIamInstanceProfile", associate.clone())["IamInstanceProfileAssociation"].take();
        assert_eq!(made["State"], "associating");
        assert_eq!(world.refused("AssociateIamInstanceProfile", associate), "IncorrectState");
        let of_instance = json!({"Filters": [{"Name": "instance-id", "Values": [id]}]});
        let current = |world: &mut Sandbox| {
            let found = world.ok("DescribeIamInstanceProfileAssociations", of_instance.clone());
            found["IamInstanceProfileAssociations"].clone()
        };
        assert_eq!(current(&mut world)[0]["AssociationId"], made["AssociationId"]);
        assert_eq!(current(&mut world)[0]["State"], "associated");
        let replace = json!({"AssociationId": made["AssociationId"], "IamInstanceProfile": {"Name": "other"}});
        world.ok("ReplaceIamInstanceProfileAssociation", replace.clone());
        assert_eq!(world.refused("ReplaceIamInstanceProfileAssociation", replace), "InvalidAssociationID.NotFound");
        let association = current(&mut world)[0].clone();
        assert_eq!(association["IamInstanceProfile"]["Arn"], "arn:aws:iam::111122223333:instance-profile/lab/other");
        let undo = json!({"AssociationId": association["AssociationId"]});
        world.ok("DisassociateIamInstanceProfile", undo);
        assert_eq!(current(&mut world), json!([]));
    }
}
