//! A domain's home: a file system, and the two groups between it and the apps.

use serde::{Deserialize, Serialize};

use super::domain::Domain;
use crate::sandbox::world::Context;
use crate::sandbox::world::ec2::Ec2;
use crate::sandbox::world::elasticfilesystem::{ElasticFileSystem, Place, Tags};

/// The tag that says whose all of it is.
const OWNER_TAG: &str = "ManagedByAmazonSageMakerResource";

/// The TCP ports of NFS, and of Lustre, that the groups let pass, as AWS's own do.
const PORTS: &[(i64, i64)] = &[(988, 988), (1018, 1023), (2049, 2049)];

/// A home. What of it is deleted behind the domain's back is not missed here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Home {
    pub file_system_id: String,
    inbound_group_id: String,
    /// The group of apps.
    pub outbound_group_id: String,
}

impl Home {
    /// Makes a home in the VPC of a domain; without mount targets.
    pub fn make(
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        efs: &mut ElasticFileSystem,
        domain_id: &str,
        domain: &Domain,
    ) -> Self {
        let tags = Tags::from([(OWNER_TAG.to_owned(), domain.arn.clone())]);
        let mut group = |direction: &str| {
            let name = format!("security-group-for-{direction}-nfs-{domain_id}");
            let description = format!(
                "[DO NOT DELETE] Security Group that allows {direction} NFS traffic for SageMaker Notebooks Domain \
                 [{domain_id}]"
            );
            let id = ec2.add_empty_group(context.dice, &domain.vpc_id, &name, &description);
            ec2.tag(&id, tags.clone());
            id
        };
        let (inbound_group_id, outbound_group_id) = (group("inbound"), group("outbound"));
        ec2.let_pass(context.dice, &outbound_group_id, &inbound_group_id, PORTS);
        let file_system_id = efs.add_file_system(context, domain_id, domain.kms_key_id.clone(), tags);
        Self { file_system_id, inbound_group_id, outbound_group_id }
    }

    /// Adds a mount target in each zone of the subnets that has none. Returns why that fails, if it does.
    pub fn mount(
        &self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        efs: &mut ElasticFileSystem,
        subnet_ids: &[String],
    ) -> Option<String> {
        for subnet_id in subnet_ids {
            let place = Place { subnet_id, ip: None, groups: &[&self.inbound_group_id] };
            match efs.add_mount_target(context, ec2, &self.file_system_id, &place) {
                Err(refusal) if refusal.code != "MountTargetConflict" => {
                    return Some(format!("{}: {}", refusal.code, refusal.message));
                }
                _ => {}
            }
        }
        None
    }
}
