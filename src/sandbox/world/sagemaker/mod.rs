//! SageMaker Studio in one account and Region: domains, and the user profiles, spaces and apps in each.
//!
//! A domain's home is a file system of EFS, an app has a network interface of EC2, so every call is handed the state
//! of both. All that a domain makes of theirs it makes within a call, as long as it may take to be ready: what
//! becomes of the world doesn't depend on when somebody looks.

mod app;
mod domain;
mod home;
mod listing;
mod presigned;
mod settings;
mod space;
mod stage;
mod tags;
#[cfg(test)]
mod testing;
mod user_profile;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ec2::Ec2;
use super::elasticfilesystem::ElasticFileSystem;
use super::{Context, not_implemented, read};
use crate::sandbox::api::{Answer, ApiError, Call};
use domain::Domain;
use presigned::Presigned;

/// SageMaker Studio in one account and Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SageMaker {
    /// By id.
    domains: BTreeMap<String, Domain>,
    /// The URLs that may still be opened, by the digest of their token.
    presigned: BTreeMap<String, Presigned>,
    /// The network interfaces of deleted apps, and when each is gone.
    draining: BTreeMap<String, Timestamp>,
}

impl SageMaker {
    /// Answers a call.
    ///
    /// # Errors
    /// The refusal, after which the caller must restore all states as they were.
    pub fn handle(
        &mut self,
        context: &mut Context<'_>,
        ec2: &mut Ec2,
        elasticfilesystem: &mut ElasticFileSystem,
        call: &Call,
    ) -> Answer {
        let efs = elasticfilesystem;
        match call.operation.as_str() {
            "CreateDomain" => self.create_domain(context, ec2, efs, read(call)?),
            "DescribeDomain" => self.describe_domain(context, &read(call)?),
            "UpdateDomain" => self.update_domain(context, ec2, efs, read(call)?),
            "DeleteDomain" => self.delete_domain(context, efs, &read(call)?),
            "ListDomains" => self.list_domains(&read(call)?),
            "CreateUserProfile" => self.create_user_profile(context, ec2, read(call)?),
            "DescribeUserProfile" => self.describe_user_profile(context, &read(call)?),
            "UpdateUserProfile" => self.update_user_profile(context, ec2, read(call)?),
            "DeleteUserProfile" => self.delete_user_profile(context, &read(call)?),
            "ListUserProfiles" => self.list_user_profiles(&read(call)?),
            "CreateSpace" => self.create_space(context, read(call)?),
            "DescribeSpace" => self.describe_space(context, &read(call)?),
            "UpdateSpace" => self.update_space(context, read(call)?),
            "DeleteSpace" => self.delete_space(context, &read(call)?),
            "ListSpaces" => self.list_spaces(&read(call)?),
            "CreateApp" => self.create_app(context, ec2, read(call)?),
            "DescribeApp" => self.describe_app(context, &read(call)?),
            "DeleteApp" => self.delete_app(context, &read(call)?),
            "ListApps" => self.list_apps(&read(call)?),
            "CreatePresignedDomainUrl" => self.create_presigned_url(context, read(call)?),
            "AddTags" => self.add_tags(read(call)?),
            "DeleteTags" => self.delete_tags(&read(call)?),
            "ListTags" => self.list_tags(&read(call)?),
            _ => Err(not_implemented(call, "the operation")),
        }
    }

    /// Lets happen what is due by now. What EFS has to do is done before.
    pub fn settle(&mut self, ec2: &mut Ec2, elasticfilesystem: &mut ElasticFileSystem, now: Timestamp) {
        for domain in self.domains.values_mut() {
            domain.settle(ec2, elasticfilesystem, now);
        }
        self.domains.retain(|_, domain| !domain.stage.is_gone(now));
        for (interface, _) in self.draining.extract_if(.., |_, gone_at| *gone_at <= now) {
            ec2.remove_network_interface(&interface);
        }
        self.presigned.retain(|_, url| url.expires > now);
    }

    /// What stands of what was made here, without tokens and tombstones.
    pub fn standing(&self) -> Value {
        let mut sagemaker = self.clone();
        sagemaker.presigned.clear();
        sagemaker.domains.values_mut().for_each(Domain::bury);
        json!(sagemaker)
    }

    /// The domain with this id.
    fn domain(&self, context: &Context<'_>, id: &str) -> Result<&Domain, ApiError> {
        self.domains.get(id).ok_or_else(|| no_domain(context, id))
    }

    /// The domain with this id, to change.
    fn domain_mut(&mut self, context: &Context<'_>, id: &str) -> Result<&mut Domain, ApiError> {
        self.domains.get_mut(id).ok_or_else(|| no_domain(context, id))
    }
}

fn no_domain(context: &Context<'_>, id: &str) -> ApiError {
    missing("Domain", &context.arn("sagemaker", &format!("domain/{id}")))
}

/// The refusal of a thing that isn't there.
fn missing(kind: &str, arn: &str) -> ApiError {
    ApiError::new("ResourceNotFound", format!("{kind} [{arn}] does not exist."))
}

/// The refusal to make a thing twice.
fn exists(kind: &str, arn: &str) -> ApiError {
    in_use(format!("{kind} [{arn}] already exists."))
}

/// The refusal to delete what things of another kind are in.
fn has_dependents(kind: &str, arn: &str, dependents: &str) -> ApiError {
    in_use(format!("Unable to delete {kind} [{arn}] because {dependents}(s) are associated with it."))
}

fn in_use(message: String) -> ApiError {
    ApiError::new("ResourceInUse", message)
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

/// The refusal of a value that AWS takes and this world does not model.
fn unsupported(what: &str) -> ApiError {
    ApiError::new("NotImplemented", format!("the sandbox does not model {what}")).with_status(501)
}
