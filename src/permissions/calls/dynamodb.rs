//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html>

use super::When::{Always, Has};
use super::{Call, Service, look, named, new, work};
use crate::resource::Kind::*;

pub(super) const CALLS: Service = Service { name: "dynamodb", arn: "dynamodb:{region}:{account}:", calls: ALL };

const TABLE: &[&str] = &["table/{table}"];

const ALL: &[Call] = &[
    look("DescribeTable", Always, &[named("dynamodb:DescribeTable", TABLE)]),
    look("ListTagsOfResource", Has(&[Table]), &[named("dynamodb:ListTagsOfResource", TABLE)]),
    look("Scan", Has(&[Table]), &[named("dynamodb:Scan", TABLE)]),
    work("CreateTable", Has(&[Table]), &[new("dynamodb:CreateTable", TABLE), new("dynamodb:TagResource", TABLE)]),
    work("UpdateTable", Has(&[Table]), &[named("dynamodb:UpdateTable", TABLE)]),
    work("DeleteTable", Has(&[Table]), &[named("dynamodb:DeleteTable", TABLE)]),
    work("TagResource", Has(&[Table]), &[new("dynamodb:TagResource", TABLE)]),
    work("PutItem", Has(&[TableItem]), &[named("dynamodb:PutItem", TABLE)]),
    work("DeleteItem", Has(&[Table]), &[named("dynamodb:DeleteItem", TABLE)]),
];
