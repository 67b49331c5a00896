//! Lambda: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html>.

use serde_json::json;

use super::Asked;
use super::needed::Needed;

pub fn needed(asked: &mut Asked<'_>) -> Option<Vec<Needed>> {
    Some(match asked.call.operation.as_str() {
        "CreateFunction" => {
            let (arn, tags) = (function(asked), asked.tags("Tags"));
            let make = in_vpc(asked, Needed::new(asked.action(), &arn)).with_request_tags(&tags);
            let tag = (!tags.is_empty()).then(|| Needed::new("lambda:TagResource", arn).with_request_tags(&tags));
            std::iter::once(make).chain(tag).chain(elsewhere(asked)).collect()
        }
        "UpdateFunctionConfiguration" => {
            let on = on_function(asked, "lambda:UpdateFunctionConfiguration");
            std::iter::once(in_vpc(asked, on)).chain(elsewhere(asked)).collect()
        }
        "Invoke" => vec![on_function(asked, "lambda:InvokeFunction")],
        "AddPermission" => {
            let principal = asked.said("Principal");
            let kind = asked.said("FunctionUrlAuthType");
            let on = on_function(asked, "lambda:AddPermission");
            vec![on.with("lambda:Principal", principal).with("lambda:FunctionUrlAuthType", kind)]
        }
        "DeleteFunction"
        | "DeleteFunctionConcurrency"
        | "GetFunction"
        | "GetFunctionConcurrency"
        | "GetFunctionConfiguration"
        | "GetPolicy"
        | "ListVersionsByFunction"
        | "PutFunctionConcurrency"
        | "RemovePermission" => {
            let action = asked.action();
            vec![on_function(asked, &action)]
        }
        "UpdateFunctionCode" => {
            let on = on_function(asked, "lambda:UpdateFunctionCode");
            std::iter::once(on).chain(code(asked, "{S3Bucket}/{S3Key}")).collect()
        }
        "GetAccountSettings" | "ListFunctions" => vec![Needed::new(asked.action(), "*")],
        "ListTags" => vec![on_resource(asked)],
        "TagResource" => vec![on_resource(asked).with_request_tags(&asked.tags("Tags"))],
        "UntagResource" => vec![on_resource(asked).with_tag_keys(asked.said("TagKeys"))],
        _ => return None,
    })
}

/// The ARN of the function that the call names: in full, in part (`111122223333:function:NAME`) or by its name, perhaps
/// with a version or an alias.
fn function(asked: &Asked<'_>) -> String {
    let name = asked.first("FunctionName").unwrap_or_default();
    let after = name.split_once(":function:").map_or(name.as_str(), |(_, after)| after);
    let arn = asked.arn("lambda", &format!("function:{after}"));
    match asked.first("Qualifier") {
        Some(qualifier) if !after.contains(':') => format!("{arn}:{qualifier}"),
        _ => arn,
    }
}

fn on_function(asked: &mut Asked<'_>, action: &str) -> Needed {
    let arn = function(asked);
    on(asked, action, arn)
}

fn on_resource(asked: &mut Asked<'_>) -> Needed {
    let (action, arn) = (asked.action(), asked.first("Resource").unwrap_or_default());
    on(asked, &action, arn)
}

fn on(asked: &mut Asked<'_>, action: &str, arn: String) -> Needed {
    // Tags are the function's, whatever its version.
    let unqualified = arn.split(':').take(7).collect::<Vec<_>>().join(":");
    let tags = asked.tags_of("ListTags", json!({"Resource": unqualified}), "Tags");
    Needed::new(action, arn).with_resource_tags(&tags, &["aws:ResourceTag"])
}

fn in_vpc(asked: &mut Asked<'_>, needed: Needed) -> Needed {
    let subnets = asked.said("VpcConfig.SubnetIds");
    let vpcs = subnets.first().map(|id| asked.read("ec2", "DescribeSubnets", json!({"SubnetIds": [id]})));
    let vpcs = vpcs.map(|subnets| super::asked::said(&subnets, "Subnets.VpcId")).unwrap_or_default();
    needed
        .with("lambda:SecurityGroupIds", asked.said("VpcConfig.SecurityGroupIds"))
        .with("lambda:SubnetIds", subnets)
        .with("lambda:VpcIds", vpcs)
        .with("lambda:Layer", asked.said("Layers"))
}

/// The role's, and to connect to a VPC: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions>.
fn elsewhere(asked: &Asked<'_>) -> Vec<Needed> {
    let role = asked.first("Role").and_then(|role| asked.pass_role(&role, "lambda"));
    let connects = asked.has("VpcConfig.SubnetIds");
    let looks = if connects { asked.described(&["SecurityGroups", "Subnets", "Vpcs"]) } else { Vec::new() };
    let layers = asked.said("Layers").into_iter().filter(|layer| layer.starts_with("arn:"));
    let layers = layers.map(|layer| Needed::new("lambda:GetLayerVersion", layer));
    role.into_iter().chain(looks).chain(code(asked, "{Code.S3Bucket}/{Code.S3Key}")).chain(layers).collect()
}

/// Code that lies in a bucket is read in the caller's name.
fn code(asked: &Asked<'_>, object: &str) -> Vec<Needed> {
    let arns = asked.fill(&format!("arn:{}:s3:::{object}", asked.partition()));
    arns.into_iter().map(|arn| Needed::new("s3:GetObject", arn)).collect()
}
