//! An EFS file system that SageMaker made for the homes of a domain's users, with its mount targets:
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/studio-tasks-manage-storage.html>.

use aws_sdk_efs::types::{FileSystemDescription, LifeCycleState, MountTargetDescription, Tag};
use futures::future;
use serde::{Deserialize, Serialize};

use super::subnet::Subnet;
use super::{Creation, Kind, Listing, Observed, Operations, Query, Readiness, Ref, Resource, Seconds, Set, ec2};
use crate::aws::tags::{self, Tags};
use crate::aws::{Aws, Class, Failure};

const SERVICE: &str = "elasticfilesystem";

/// The tag that SageMaker puts on what it makes for a domain; the value is the domain's ARN.
pub const MANAGED_BY: &str = "ManagedByAmazonSageMakerResource";

/// What a home file system is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSystem {
    /// Where it has mount targets, each with a network interface.
    pub subnets: Set<Ref<Subnet>>,
}

impl Resource for FileSystem {
    const OWNERS: &'static [&'static str] = &["subnets"];
    const LINGERS: bool = true;
    const OPERATIONS: Operations = Operations {
        service: SERVICE,
        create: "CreateFileSystem",
        change: "UpdateFileSystem",
        delete: "DeleteFileSystem",
    };
    const SECONDS: Seconds = Seconds { create: 5.0, delete: 20.0 };

    async fn create(&self, _aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        Err(Failure::here("CreateFileSystem", Class::Wrong, "SageMaker makes the file systems of its domains"))
    }

    /// First its mount targets; it is in use until they are gone.
    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        for target in mount_targets(aws, &observed.id).await? {
            if target.life_cycle_state() == &LifeCycleState::Deleting {
                continue;
            }
            let call = || aws.efs.delete_mount_target().mount_target_id(target.mount_target_id()).send();
            match aws.write(SERVICE, "DeleteMountTarget", call).await {
                Err(failure) if failure.class != Class::NotFound => return Err(failure),
                _ => {}
            }
        }
        let call = || aws.efs.delete_file_system().file_system_id(&observed.id).send();
        aws.write(SERVICE, "DeleteFileSystem", call).await.map(drop)
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let tags: Result<Vec<_>, _> = tags.iter().map(tag).collect();
        let tags = tags.map_err(|error| Failure::here("TagResource", Class::Wrong, error.to_string()))?;
        let call = || aws.efs.tag_resource().resource_id(id).set_tags(Some(tags.clone())).send();
        aws.write(SERVICE, "TagResource", call).await.map(drop)
    }
}

async fn mount_targets(aws: &Aws, id: &str) -> Result<Vec<MountTargetDescription>, Failure> {
    aws.read_pages(SERVICE, "DescribeMountTargets", |marker| {
        let call = aws.efs.describe_mount_targets().file_system_id(id).max_items(100).set_marker(marker);
        async { call.send().await.map(|page| (page.mount_targets.unwrap_or_default(), page.next_marker)) }
    })
    .await
}

/// The groups that SageMaker made for the home of the domain with this ARN.
pub(super) async fn groups_of(aws: &Aws, domain: &str) -> Result<Vec<String>, Failure> {
    let filter = ec2::filter(&format!("tag:{MANAGED_BY}"), [domain]);
    let groups = aws
        .read_pages("ec2", "DescribeSecurityGroups", |next| {
            let call = aws.ec2.describe_security_groups().filters(filter.clone()).max_results(100);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.security_groups.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    Ok(groups.into_iter().filter_map(|group| group.group_id).collect())
}

/// Lists the homes that carry the lab's tag, or those with these ids, and reads the mount targets of each.
///
/// # Errors
/// The list itself could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let file_systems = match query {
        Query::Lab(lab) => {
            let all = pages(aws, None).await?;
            let is_labs = |file_system: &FileSystemDescription| {
                let tags = read_tags(file_system);
                tags.get(tags::LAB) == Some(&lab.name) && tags.contains_key(MANAGED_BY)
            };
            all.into_iter().filter(is_labs).collect()
        }
        Query::Ids(ids) => {
            let mut found = Vec::new();
            for one in future::join_all(ids.iter().map(|id| pages(aws, Some(id)))).await {
                match one {
                    Ok(one) => found.extend(one),
                    Err(failure) if failure.class == Class::NotFound => {}
                    Err(failure) => return Err(failure),
                }
            }
            found
        }
        Query::Inside(_) => Vec::new(),
    };
    let mut listing = Listing::default();
    let targets = future::join_all(file_systems.iter().map(|one| mount_targets(aws, one.file_system_id()))).await;
    for (file_system, targets) in file_systems.iter().zip(targets) {
        match targets {
            Ok(targets) => listing.found.push(read(file_system, &targets)),
            Err(failure) if failure.class == Class::NotFound => {}
            Err(failure) => listing.unreadable.push((Kind::FileSystem, failure)),
        }
    }
    Ok(listing)
}

async fn pages(aws: &Aws, id: Option<&str>) -> Result<Vec<FileSystemDescription>, Failure> {
    aws.read_pages(SERVICE, "DescribeFileSystems", |marker| {
        let call = aws.efs.describe_file_systems().set_file_system_id(id.map(str::to_owned)).set_marker(marker);
        let call = call.set_max_items(id.is_none().then_some(100));
        async { call.send().await.map(|page| (page.file_systems.unwrap_or_default(), page.next_marker)) }
    })
    .await
}

fn read_tags(file_system: &FileSystemDescription) -> Tags {
    file_system.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

fn read(file_system: &FileSystemDescription, targets: &[MountTargetDescription]) -> Observed {
    let spec = FileSystem { subnets: targets.iter().map(|target| Ref::known(target.subnet_id())).collect() };
    let mut observed = Observed::standing(file_system.file_system_id(), read_tags(file_system), spec);
    observed.state = file_system.life_cycle_state().as_str().to_owned();
    observed.readiness = match observed.state.to_lowercase().as_str() {
        "deleting" | "deleted" => Readiness::Deleting,
        "creating" | "updating" => Readiness::Pending,
        "error" => Readiness::Failed("its state is error".into()),
        _ => Readiness::Ready,
    };
    observed
}
