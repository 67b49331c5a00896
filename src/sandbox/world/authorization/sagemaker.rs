//! SageMaker: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html> and
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/api-permissions-reference.html>.

use serde_json::json;

use super::Asked;
use super::needed::Needed;

pub fn needed(asked: &mut Asked<'_>) -> Option<Vec<Needed>> {
    Some(match asked.call.operation.as_str() {
        "CreateDomain" => {
            let mut needed = made(asked, "domain/*");
            needed.extend(roles_passed(asked));
            needed.extend(service_linked_role(asked));
            needed
        }
        "CreateUserProfile" => {
            let profile = one(asked, "user-profile/{DomainId}/{UserProfileName}");
            let mut needed = made(asked, &profile);
            needed.extend(roles_passed(asked));
            needed
        }
        "CreateSpace" => {
            let space = one(asked, "space/{DomainId}/{SpaceName}");
            made(asked, &space)
        }
        "CreateApp" => {
            let app = app(asked);
            made(asked, &app)
        }
        "DeleteApp" | "DescribeApp" => {
            let app = app(asked);
            vec![on(asked, &app)]
        }
        "UpdateDomain" => {
            let mut needed = vec![on_named(asked, "domain/{DomainId}")];
            needed.extend(roles_passed(asked));
            needed
        }
        "UpdateUserProfile" => {
            let mut needed = vec![on_named(asked, "user-profile/{DomainId}/{UserProfileName}")];
            needed.extend(roles_passed(asked));
            needed
        }
        "DeleteDomain" | "DescribeDomain" => vec![on_named(asked, "domain/{DomainId}")],
        "CreatePresignedDomainUrl" | "DeleteUserProfile" | "DescribeUserProfile" => {
            vec![on_named(asked, "user-profile/{DomainId}/{UserProfileName}")]
        }
        "DeleteSpace" | "DescribeSpace" | "UpdateSpace" => vec![on_named(asked, "space/{DomainId}/{SpaceName}")],
        "ListApps" | "ListDomains" | "ListSpaces" | "ListUserProfiles" => vec![Needed::new(asked.action(), "*")],
        "AddTags" => vec![on_arn(asked).with_request_tags(&asked.tags("Tags"))],
        "DeleteTags" => vec![on_arn(asked).with_tag_keys(asked.said("TagKeys"))],
        "ListTags" => vec![on_arn(asked)],
        _ => return None,
    })
}

fn one(asked: &Asked<'_>, template: &str) -> String {
    asked.fill(template).into_iter().next().unwrap_or_default()
}

/// An app is a profile's or a space's.
fn app(asked: &Asked<'_>) -> String {
    let said = |member: &str| asked.first(member).unwrap_or_default();
    let whose = asked.first("UserProfileName").unwrap_or_else(|| said("SpaceName"));
    format!("app/{}/{whose}/{}/{}", said("DomainId"), said("AppType").to_lowercase(), said("AppName"))
}

/// An action on what the call makes, and the permission to tag it where it does.
fn made(asked: &Asked<'_>, resource: &str) -> Vec<Needed> {
    let (arn, tags) = (asked.arn("sagemaker", resource), asked.tags("Tags"));
    let make = limits(asked, Needed::new(asked.action(), &arn)).with_request_tags(&tags);
    let tag = || {
        let tag = Needed::new("sagemaker:AddTags", &arn).with_request_tags(&tags);
        tag.with("sagemaker:TaggingAction", [asked.call.operation.as_str()])
    };
    std::iter::once(make).chain((!tags.is_empty()).then(tag)).collect()
}

fn on_named(asked: &mut Asked<'_>, template: &str) -> Needed {
    let resource = one(asked, template);
    on(asked, &resource)
}

fn on(asked: &mut Asked<'_>, resource: &str) -> Needed {
    let arn = asked.arn("sagemaker", resource);
    let needed = on_existing(asked, arn);
    limits(asked, needed)
}

fn on_arn(asked: &mut Asked<'_>) -> Needed {
    let arn = asked.first("ResourceArn").unwrap_or_default();
    on_existing(asked, arn)
}

fn on_existing(asked: &mut Asked<'_>, arn: String) -> Needed {
    let tags = asked.tags_of("ListTags", json!({"ResourceArn": arn}), "Tags");
    Needed::new(asked.action(), arn).with_resource_tags(&tags, &["aws:ResourceTag", "sagemaker:ResourceTag"])
}

/// What the request says of the network and the sharing.
fn limits(asked: &Asked<'_>, needed: Needed) -> Needed {
    let domain = || {
        needed
            .clone()
            .with("sagemaker:AppNetworkAccessType", asked.said("AppNetworkAccessType"))
            .with("sagemaker:VpcSecurityGroupIds", asked.said("DefaultUserSettings.SecurityGroups"))
            .with("sagemaker:VpcSubnets", asked.said("SubnetIds"))
    };
    match asked.call.operation.as_str() {
        "CreateDomain" => domain().with("sagemaker:VolumeKmsKey", asked.said("KmsKeyId")),
        "UpdateDomain" => domain(),
        "CreateUserProfile" | "UpdateUserProfile" => {
            needed.with("sagemaker:VpcSecurityGroupIds", asked.said("UserSettings.SecurityGroups"))
        }
        "CreateSpace" => needed.with("sagemaker:SpaceSharingType", asked.said("SpaceSharingSettings.SharingType")),
        _ => needed,
    }
}

fn roles_passed(asked: &Asked<'_>) -> Vec<Needed> {
    let members = ["DefaultUserSettings", "DefaultSpaceSettings", "UserSettings"];
    let roles = members.iter().flat_map(|member| asked.said(&format!("{member}.ExecutionRole")));
    roles.filter_map(|role| asked.pass_role(&role, "sagemaker")).collect()
}

/// An account's first domain brings a role of SageMaker's own.
fn service_linked_role(asked: &mut Asked<'_>) -> Option<Needed> {
    const NAME: &str = "AWSServiceRoleForAmazonSageMakerNotebooks";
    const SERVICE: &str = "sagemaker.amazonaws.com";
    if !asked.read("iam", "GetRole", json!({"RoleName": NAME})).is_null() {
        return None;
    }
    let arn = asked.iam_arn(&format!("role/aws-service-role/{SERVICE}/{NAME}"));
    Some(Needed::new("iam:CreateServiceLinkedRole", arn).with("iam:AWSServiceName", [SERVICE]))
}
