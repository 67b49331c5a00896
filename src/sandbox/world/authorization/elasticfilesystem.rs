//! EFS: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticfilesystem.html> and
//! <https://docs.aws.amazon.com/efs/latest/ug/API_CreateMountTarget.html>.

use serde_json::{Value, json};

use super::asked::said;
use super::needed::Needed;
use super::{Asked, ec2};

pub fn needed(asked: &mut Asked<'_>) -> Option<Vec<Needed>> {
    Some(match asked.call.operation.as_str() {
        "CreateFileSystem" => {
            let tags = asked.tags("Tags");
            let encrypted = asked.first("Encrypted").unwrap_or_else(|| "false".to_owned());
            let make = Needed::new(asked.action(), "*").with("elasticfilesystem:Encrypted", [encrypted]);
            let new = asked.arn("elasticfilesystem", "file-system/*");
            let tag = Needed::new("elasticfilesystem:TagResource", new).with_request_tags(&tags);
            let tag = tag.with("elasticfilesystem:CreateAction", ["CreateFileSystem"]);
            std::iter::once(make.with_request_tags(&tags)).chain((!tags.is_empty()).then_some(tag)).collect()
        }
        "CreateMountTarget" => {
            let mut on = vec!["network-interface/*".to_owned()];
            on.extend(asked.fill("subnet/{SubnetId}"));
            on.extend(asked.fill("security-group/{SecurityGroups}"));
            let mut needed = vec![on_file_system(asked)];
            needed.extend(asked.described(&["Subnets", "NetworkInterfaces"]));
            needed.extend(ec2::also(asked, "CreateNetworkInterface", &on));
            needed
        }
        "DeleteMountTarget" => {
            let target = mount_target(asked);
            let on: Vec<String> = of_interface(&target);
            let mut needed = vec![on_mount_target(asked, &target)];
            needed.extend(ec2::also(asked, "DeleteNetworkInterface", &on));
            needed
        }
        "DescribeMountTargetSecurityGroups" => {
            let target = mount_target(asked);
            let on = on_mount_target(asked, &target);
            std::iter::once(on).chain(asked.described(&["NetworkInterfaceAttribute"])).collect()
        }
        "ModifyMountTargetSecurityGroups" => {
            let target = mount_target(asked);
            let mut on: Vec<String> = of_interface(&target);
            on.extend(asked.fill("security-group/{SecurityGroups}"));
            let mut needed = vec![on_mount_target(asked, &target)];
            needed.extend(ec2::also(asked, "ModifyNetworkInterfaceAttribute", &on));
            needed
        }
        "DescribeMountTargets" => match asked.has("MountTargetId") {
            true => {
                let target = mount_target(asked);
                vec![on_mount_target(asked, &target)]
            }
            false => vec![on_file_system(asked)],
        },
        "DescribeFileSystems" if !asked.has("FileSystemId") => vec![Needed::new(asked.action(), "*")],
        "DeleteFileSystem" | "DescribeFileSystems" | "UpdateFileSystem" => vec![on_file_system(asked)],
        "ListTagsForResource" => vec![on_resource(asked)],
        "TagResource" => vec![on_resource(asked).with_request_tags(&asked.tags("Tags"))],
        "UntagResource" => vec![on_resource(asked).with_tag_keys(asked.said("TagKeys"))],
        _ => return None,
    })
}

fn mount_target(asked: &mut Asked<'_>) -> Value {
    let id = asked.first("MountTargetId").unwrap_or_default();
    asked.read("elasticfilesystem", "DescribeMountTargets", json!({"MountTargetId": id}))
}

fn of_interface(target: &Value) -> Vec<String> {
    let ids = said(target, "MountTargets.NetworkInterfaceId");
    ids.into_iter().map(|id| format!("network-interface/{id}")).collect()
}

fn on_mount_target(asked: &mut Asked<'_>, target: &Value) -> Needed {
    let file_system = said(target, "MountTargets.FileSystemId").into_iter().next();
    on(asked, &file_system.unwrap_or_else(|| "*".to_owned()))
}

fn on_file_system(asked: &mut Asked<'_>) -> Needed {
    let id = asked.first("FileSystemId").unwrap_or_else(|| "*".to_owned());
    on(asked, &id)
}

/// Its tags say what they are of by its id or by its ARN.
fn on_resource(asked: &mut Asked<'_>) -> Needed {
    let named = asked.first("ResourceId").unwrap_or_default();
    on(asked, named.rsplit('/').next().unwrap_or_default())
}

fn on(asked: &mut Asked<'_>, id: &str) -> Needed {
    let arn = asked.arn("elasticfilesystem", &format!("file-system/{id}"));
    let tags = asked.tags_of("ListTagsForResource", json!({"ResourceId": id}), "Tags");
    Needed::new(asked.action(), arn).with_resource_tags(&tags, &["aws:ResourceTag"])
}
