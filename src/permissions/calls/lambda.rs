//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html>

use super::When::{Always, Has};
use super::{Call, If, Need, Service, look, named, need, new, work};
use crate::resource::Kind::*;

pub(super) const CALLS: Service = Service { name: "lambda", arn: "lambda:{region}:{account}:", calls: ALL };

const FUNCTIONS: &[&str] = &["function:{function}"];

const PASSED: Need = need("iam:PassRole", &["=iam::{account}:role{role_of_lambda}"], If::PassedTo("lambda"));

const ALL: &[Call] = &[
    look("GetFunction", Always, &[named("lambda:GetFunction", FUNCTIONS)]),
    look("GetPolicy", Has(&[Function]), &[named("lambda:GetPolicy", FUNCTIONS)]),
    // In a VPC the caller has to see its subnets and groups, as the survey does:
    // <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>.
    work(
        "CreateFunction",
        Has(&[Function]),
        &[new("lambda:CreateFunction", FUNCTIONS), new("lambda:TagResource", FUNCTIONS), PASSED],
    ),
    work(
        "UpdateFunctionConfiguration",
        Has(&[Function]),
        &[named("lambda:UpdateFunctionConfiguration", FUNCTIONS), PASSED],
    ),
    work("UpdateFunctionCode", Has(&[Function]), &[named("lambda:UpdateFunctionCode", FUNCTIONS)]),
    work("DeleteFunction", Has(&[Function]), &[named("lambda:DeleteFunction", FUNCTIONS)]),
    work("TagResource", Has(&[Function]), &[new("lambda:TagResource", FUNCTIONS)]),
    work(
        "AddPermission",
        Has(&[FunctionPermission]),
        &[need("lambda:AddPermission", FUNCTIONS, If::CalledBy("apigateway"))],
    ),
    work("RemovePermission", Has(&[Function]), &[named("lambda:RemovePermission", FUNCTIONS)]),
];
