//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html>

use super::When::{Always, Has};
use super::{Call, If, Need, Service, here, look, named, need, new, ours, wide, work};
use crate::resource::Kind::*;

pub(super) const CALLS: Service = Service { name: "sagemaker", arn: "sagemaker:{region}:{account}:", calls: ALL };

const USERS_OWN: &str = "What users make in a Studio domain carries no tag of the lab's. `down` deletes it only where it is \
                         told to, with --delete-user-data.";

const PASSED: Need = need("iam:PassRole", &["=iam::{account}:role{role_of_sagemaker}"], If::PassedTo("sagemaker"));

const ALL: &[Call] = &[
    look("ListDomains", Always, &[here("sagemaker:ListDomains")]),
    look("DescribeDomain", Has(&[Domain]), &[named("sagemaker:DescribeDomain", &["domain/*"])]),
    look("ListTags", Has(&[Domain]), &[named("sagemaker:ListTags", &["domain/*", "user-profile/*"])]),
    look("ListUserProfiles", Has(&[Domain]), &[here("sagemaker:ListUserProfiles")]),
    look("DescribeUserProfile", Has(&[UserProfile]), &[named("sagemaker:DescribeUserProfile", &["user-profile/*"])]),
    look("ListSpaces", Has(&[Domain]), &[here("sagemaker:ListSpaces")]),
    look("ListApps", Has(&[Domain]), &[here("sagemaker:ListApps")]),
    work(
        "CreateDomain",
        Has(&[Domain]),
        &[
            new("sagemaker:CreateDomain", &["domain/*"]),
            need("sagemaker:AddTags", &["domain/*"], If::Tagging),
            PASSED,
            // Comes with an account's first domain:
            // <https://docs.aws.amazon.com/sagemaker/latest/dg/security-iam-awsmanpol-notebooks.html>.
            need(
                "iam:CreateServiceLinkedRole",
                &[
                    "=iam::{account}:role/aws-service-role/sagemaker.amazonaws.com/AWSServiceRoleForAmazonSageMakerNotebooks",
                ],
                If::LinkedTo("sagemaker"),
            ),
        ],
    ),
    work("UpdateDomain", Has(&[Domain]), &[ours("sagemaker:UpdateDomain", &["domain/*"]), PASSED]),
    work("DeleteDomain", Has(&[Domain]), &[ours("sagemaker:DeleteDomain", &["domain/*"])]),
    work("AddTags", Has(&[Domain]), &[need("sagemaker:AddTags", &["domain/*"], If::Retagging)]),
    work(
        "CreateUserProfile",
        Has(&[UserProfile]),
        &[
            new("sagemaker:CreateUserProfile", &["user-profile/*"]),
            need("sagemaker:AddTags", &["user-profile/*"], If::Tagging),
        ],
    ),
    work("UpdateUserProfile", Has(&[UserProfile]), &[ours("sagemaker:UpdateUserProfile", &["user-profile/*"])]),
    work("DeleteUserProfile", Has(&[Domain]), &[ours("sagemaker:DeleteUserProfile", &["user-profile/*"])]),
    work("AddTags", Has(&[UserProfile]), &[need("sagemaker:AddTags", &["user-profile/*"], If::Retagging)]),
    work("DeleteSpace", Has(&[Domain]), &[wide("sagemaker:DeleteSpace", &["space/*"], If::Named, USERS_OWN)]),
    work("DeleteApp", Has(&[Domain]), &[wide("sagemaker:DeleteApp", &["app/*"], If::Named, USERS_OWN)]),
];
