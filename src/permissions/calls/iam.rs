//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>

use super::When::{Always, Has, If as When};
use super::{Call, If, Service, look, named, need, new, work};
use crate::resource::Kind::*;

pub(super) const CALLS: Service = Service { name: "iam", arn: "iam::{account}:", calls: ALL };

const ROLES: &[&str] = &["role{path}*"];
const PROFILES: &[&str] = &["instance-profile{path}*"];

const ALL: &[Call] = &[
    look("ListRoles", Always, &[named("iam:ListRoles", &["*"])]),
    look("ListInstanceProfiles", Always, &[named("iam:ListInstanceProfiles", &["*"])]),
    look("GetRole", Has(&[Role]), &[named("iam:GetRole", ROLES)]),
    look("ListRolePolicies", Has(&[Role]), &[named("iam:ListRolePolicies", ROLES)]),
    look("GetRolePolicy", Has(&[Role]), &[named("iam:GetRolePolicy", ROLES)]),
    look("ListAttachedRolePolicies", Has(&[Role]), &[named("iam:ListAttachedRolePolicies", ROLES)]),
    look("GetInstanceProfile", Has(&[InstanceProfile]), &[named("iam:GetInstanceProfile", PROFILES)]),
    work("CreateRole", Has(&[Role]), &[need("iam:CreateRole", ROLES, If::NewRole), new("iam:TagRole", ROLES)]),
    work("UpdateRole", Has(&[Role]), &[named("iam:UpdateRole", ROLES)]),
    work("UpdateAssumeRolePolicy", Has(&[Role]), &[named("iam:UpdateAssumeRolePolicy", ROLES)]),
    work("TagRole", Has(&[Role]), &[new("iam:TagRole", ROLES)]),
    work("DeleteRole", Has(&[Role]), &[named("iam:DeleteRole", ROLES)]),
    work(
        "PutRolePermissionsBoundary",
        When(|lab| lab.wants(&[Role]) && lab.plan.permissions_boundary.is_some()),
        &[need("iam:PutRolePermissionsBoundary", ROLES, If::Bounded)],
    ),
    work("PutRolePolicy", Has(&[RolePolicy]), &[need("iam:PutRolePolicy", ROLES, If::Bounded)]),
    work("DeleteRolePolicy", Has(&[Role]), &[named("iam:DeleteRolePolicy", ROLES)]),
    work("AttachRolePolicy", Has(&[RolePolicyAttachment]), &[need("iam:AttachRolePolicy", ROLES, If::Attaching)]),
    work("DetachRolePolicy", Has(&[Role]), &[named("iam:DetachRolePolicy", ROLES)]),
    work(
        "CreateInstanceProfile",
        Has(&[InstanceProfile]),
        &[new("iam:CreateInstanceProfile", PROFILES), new("iam:TagInstanceProfile", PROFILES)],
    ),
    work("TagInstanceProfile", Has(&[InstanceProfile]), &[new("iam:TagInstanceProfile", PROFILES)]),
    work(
        "AddRoleToInstanceProfile",
        Has(&[InstanceProfile]),
        &[
            named("iam:AddRoleToInstanceProfile", PROFILES),
            need("iam:PassRole", &["role{role_of_ec2}"], If::PassedTo("ec2")),
        ],
    ),
    work(
        "RemoveRoleFromInstanceProfile",
        Has(&[InstanceProfile]),
        &[named("iam:RemoveRoleFromInstanceProfile", PROFILES)],
    ),
    work("DeleteInstanceProfile", Has(&[InstanceProfile]), &[named("iam:DeleteInstanceProfile", PROFILES)]),
];
