//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncognitouserpools.html>

use super::When::{Always, Has};
use super::{Call, If, NEVER, Service, here, look, named, need, ours, wide, work};
use crate::resource::Kind::*;

pub(super) const CALLS: Service = Service { name: "cognito-idp", arn: "cognito-idp:{region}:{account}:", calls: ALL };

const POOLS: &[&str] = &["userpool/*"];

const CLAIMING: &str = "Cognito doesn't tell the tags of a new pool from those of another: what has no lab's tag yet can be \
                        given this one.";

const ALL: &[Call] = &[
    look("ListUserPools", Always, &[here("cognito-idp:ListUserPools")]),
    look("DescribeUserPool", Has(&[UserPool]), &[named("cognito-idp:DescribeUserPool", POOLS)]),
    look("ListUserPoolClients", Has(&[UserPool]), &[ours("cognito-idp:ListUserPoolClients", POOLS)]),
    look("DescribeUserPoolClient", Has(&[UserPoolClient]), &[ours("cognito-idp:DescribeUserPoolClient", POOLS)]),
    look("ListUsers", Has(&[UserPool]), &[ours("cognito-idp:ListUsers", POOLS)]),
    work(
        "CreateUserPool",
        Has(&[UserPool]),
        &[
            need("cognito-idp:CreateUserPool", &["*"], If::New),
            wide("cognito-idp:TagResource", &["*"], If::Claiming, CLAIMING),
        ],
    ),
    work("UpdateUserPool", Has(&[UserPool]), &[ours("cognito-idp:UpdateUserPool", POOLS)]),
    work("DeleteUserPoolDomain", Has(&[UserPool]), &[ours("cognito-idp:DeleteUserPoolDomain", POOLS)]),
    work("DeleteUserPool", Has(&[UserPool]), &[ours("cognito-idp:DeleteUserPool", POOLS)]),
    work("TagResource", Has(&[UserPool]), &[wide("cognito-idp:TagResource", &["*"], If::Claiming, CLAIMING)]),
    work("CreateUserPoolClient", Has(&[UserPoolClient]), &[ours("cognito-idp:CreateUserPoolClient", POOLS)]),
    work("UpdateUserPoolClient", Has(&[UserPoolClient]), &[ours("cognito-idp:UpdateUserPoolClient", POOLS)]),
    work("DeleteUserPoolClient", Has(&[UserPool]), &[ours("cognito-idp:DeleteUserPoolClient", POOLS)]),
    work("AdminCreateUser", Has(&[UserPoolUser]), &[ours("cognito-idp:AdminCreateUser", POOLS)]),
    work("AdminEnableUser", Has(&[UserPoolUser]), &[ours("cognito-idp:AdminEnableUser", POOLS)]),
    // No plan asks for a user who can't sign in.
    work("AdminDisableUser", NEVER, &[ours("cognito-idp:AdminDisableUser", POOLS)]),
    // Users are the pool's, and go with it.
    work("AdminDeleteUser", NEVER, &[ours("cognito-idp:AdminDeleteUser", POOLS)]),
    // Everybody may try to sign in:
    // <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html>.
    work("InitiateAuth", Always, &[]),
];
