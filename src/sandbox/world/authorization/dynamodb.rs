//! DynamoDB: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html>.

use serde_json::json;

use super::Asked;
use super::needed::Needed;

pub fn needed(asked: &mut Asked<'_>) -> Option<Vec<Needed>> {
    Some(match asked.call.operation.as_str() {
        "BatchGetItem" | "BatchWriteItem" => {
            let tables: Vec<String> = asked.call.input["RequestItems"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .collect();
            tables.iter().map(|name| on(asked, table(asked, name))).collect()
        }
        "CreateTable" => {
            let (arn, tags) = (table_named(asked), asked.tags("Tags"));
            let make = Needed::new(asked.action(), &arn).with_request_tags(&tags);
            let tag = (!tags.is_empty()).then(|| Needed::new("dynamodb:TagResource", arn).with_request_tags(&tags));
            std::iter::once(make).chain(tag).collect()
        }
        "Query" | "Scan" => {
            let table = table_named(asked);
            let index = asked.first("IndexName").map(|name| format!("{table}/index/{name}"));
            vec![on(asked, index.unwrap_or(table))]
        }
        "DeleteItem"
        | "DeleteTable"
        | "DescribeContinuousBackups"
        | "DescribeTable"
        | "DescribeTimeToLive"
        | "GetItem"
        | "PutItem"
        | "UpdateContinuousBackups"
        | "UpdateItem"
        | "UpdateTable" => {
            let table = table_named(asked);
            vec![on(asked, table)]
        }
        "ListTables" => vec![Needed::new(asked.action(), "*")],
        "ListTagsOfResource" => vec![on_arn(asked)],
        "TagResource" => vec![on_arn(asked).with_request_tags(&asked.tags("Tags"))],
        "UntagResource" => vec![on_arn(asked).with_tag_keys(asked.said("TagKeys"))],
        _ => return None,
    })
}

/// The ARN of a table, which may be named by it.
fn table(asked: &Asked<'_>, name: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { asked.arn("dynamodb", &format!("table/{name}")) }
}

fn table_named(asked: &Asked<'_>) -> String {
    table(asked, &asked.first("TableName").unwrap_or_default())
}

fn on_arn(asked: &mut Asked<'_>) -> Needed {
    let arn = asked.first("ResourceArn").unwrap_or_default();
    on(asked, arn)
}

fn on(asked: &mut Asked<'_>, arn: String) -> Needed {
    let table = arn.split("/index/").next().unwrap_or_default().to_owned();
    let tags = asked.tags_of("ListTagsOfResource", json!({"ResourceArn": table}), "Tags");
    Needed::new(asked.action(), arn).with_resource_tags(&tags, &["aws:ResourceTag"])
}
