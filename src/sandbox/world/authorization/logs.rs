//! CloudWatch Logs: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>.
//!
//! A log group has an ARN for its tags, and another, which goes on with its streams, for everything else:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html>.

use serde_json::json;

use super::Asked;
use super::needed::Needed;

pub fn needed(asked: &mut Asked<'_>) -> Option<Vec<Needed>> {
    Some(match asked.call.operation.as_str() {
        "CreateLogGroup" => {
            let tags = asked.tags("tags");
            let group = group(asked);
            let make = Needed::new(asked.action(), format!("{group}:log-stream:")).with_request_tags(&tags);
            let tag = (!tags.is_empty()).then(|| Needed::new("logs:TagResource", group).with_request_tags(&tags));
            std::iter::once(make).chain(tag).collect()
        }
        "DeleteLogGroup"
        | "DeleteRetentionPolicy"
        | "DescribeLogStreams"
        | "FilterLogEvents"
        | "ListTagsLogGroup"
        | "PutRetentionPolicy" => vec![on_group(asked)],
        "TagLogGroup" => vec![on_group(asked).with_request_tags(&asked.tags("tags"))],
        "UntagLogGroup" => vec![on_group(asked).with_tag_keys(asked.said("tags"))],
        "CreateLogStream" | "DeleteLogStream" | "GetLogEvents" | "PutLogEvents" => {
            let stream = asked.first("logStreamName").unwrap_or_default();
            let group = group(asked);
            let needed = Needed::new(asked.action(), format!("{group}:log-stream:{stream}"));
            vec![with_tags(asked, needed, &group)]
        }
        "DescribeLogGroups" => vec![Needed::new(asked.action(), "*")],
        "ListTagsForResource" => vec![on_arn(asked)],
        "TagResource" => vec![on_arn(asked).with_request_tags(&asked.tags("tags"))],
        "UntagResource" => vec![on_arn(asked).with_tag_keys(asked.said("tagKeys"))],
        _ => return None,
    })
}

/// The ARN of the log group that the call names, or gives the ARN of.
fn group(asked: &Asked<'_>) -> String {
    let name = asked.first("logGroupName").or_else(|| asked.first("logGroupIdentifier")).unwrap_or_default();
    if name.starts_with("arn:") {
        return name.strip_suffix(":*").unwrap_or(&name).to_owned();
    }
    asked.arn("logs", &format!("log-group:{name}"))
}

fn on_group(asked: &mut Asked<'_>) -> Needed {
    let group = group(asked);
    let on = format!("{group}:log-stream:");
    with_tags(asked, Needed::new(asked.action(), on), &group)
}

fn on_arn(asked: &mut Asked<'_>) -> Needed {
    let arn = asked.first("resourceArn").unwrap_or_default();
    let arn = arn.strip_suffix(":*").unwrap_or(&arn).to_owned();
    with_tags(asked, Needed::new(asked.action(), &arn), &arn)
}

fn with_tags(asked: &mut Asked<'_>, needed: Needed, group: &str) -> Needed {
    let tags = asked.tags_of("ListTagsForResource", json!({"resourceArn": group}), "tags");
    needed.with_resource_tags(&tags, &["aws:ResourceTag"])
}
