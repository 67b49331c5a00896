//! Its actions are HTTP's methods on its paths:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagement.html>. What is in
//! an API has its API's tags in conditions:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-tagging-supported-resources.html>.

use super::When::{Always, Has};
use super::{Call, If, Need, Service, look, named, need, new, ours, wide, work};
use crate::resource::Kind::*;

pub(super) const CALLS: Service = Service { name: "apigateway", arn: "apigateway:{region}::", calls: ALL };

const CLAIMING: &str = "API Gateway names what it tags by an ARN within a path, and doesn't tell the tags of a new API from \
                        those of another.";

const READ: Need = named("apigateway:GET", &["/restapis/*"]);
const PUT: Need = ours("apigateway:PUT", &["/restapis/*"]);
const PATCHED: Need = ours("apigateway:PATCH", &["/restapis/*"]);
const POSTED: Need = ours("apigateway:POST", &["/restapis/*"]);
const DELETED: Need = ours("apigateway:DELETE", &["/restapis/*"]);
const TAGGED: Need = wide("apigateway:PUT", &["/tags/*"], If::Claiming, CLAIMING);

const ALL: &[Call] = &[
    look("GetRestApis", Always, &[named("apigateway:GET", &["/restapis"])]),
    look("GetResources", Has(&[RestApi]), &[READ]),
    look("GetAuthorizers", Has(&[RestApi]), &[READ]),
    look("GetDeployments", Has(&[RestApi]), &[READ]),
    look("GetStages", Has(&[RestApi]), &[READ]),
    work(
        "CreateRestApi",
        Has(&[RestApi]),
        &[
            new("apigateway:POST", &["/restapis"]),
            // What an API's policy says is authorised besides.
            named("apigateway:UpdateRestApiPolicy", &["/restapis"]),
            TAGGED,
            // Comes with an account's first API: <https://docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html>.
            need(
                "iam:CreateServiceLinkedRole",
                &["=iam::{account}:role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway"],
                If::LinkedTo("ops.apigateway"),
            ),
        ],
    ),
    work("UpdateRestApi", Has(&[RestApi]), &[PATCHED, ours("apigateway:UpdateRestApiPolicy", &["/restapis/*"])]),
    work("DeleteRestApi", Has(&[RestApi]), &[DELETED]),
    work("CreateResource", Has(&[ApiResource]), &[POSTED]),
    work("DeleteResource", Has(&[RestApi]), &[DELETED]),
    work("PutMethod", Has(&[ApiMethod]), &[PUT]),
    work("PutMethodResponse", Has(&[ApiMethod]), &[PUT]),
    work("PutIntegration", Has(&[ApiMethod]), &[PUT]),
    work("PutIntegrationResponse", Has(&[ApiMethod]), &[PUT]),
    work("DeleteMethod", Has(&[RestApi]), &[DELETED]),
    work("CreateAuthorizer", Has(&[ApiAuthorizer]), &[POSTED]),
    work("UpdateAuthorizer", Has(&[ApiAuthorizer]), &[PATCHED]),
    work("DeleteAuthorizer", Has(&[RestApi]), &[DELETED]),
    work("CreateDeployment", Has(&[ApiDeployment]), &[POSTED]),
    work("DeleteDeployment", Has(&[RestApi]), &[DELETED]),
    work("CreateStage", Has(&[ApiStage]), &[POSTED, TAGGED]),
    work("UpdateStage", Has(&[ApiStage]), &[PATCHED]),
    work("DeleteStage", Has(&[RestApi]), &[DELETED]),
    work("TagResource", Has(&[RestApi]), &[TAGGED]),
];
