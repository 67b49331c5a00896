//! A REST API of API Gateway: <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-apis.html>.
//! Outputs `arn`, `root`, the id of its resource `/`, and `callers`, the ARN by which permissions name all that it calls for.

use std::collections::HashMap;

use aws_sdk_apigateway::types::{EndpointConfiguration, EndpointType, Op, PatchOperation, RestApi as SdkApi};
use futures::future;
use serde::{Deserialize, Serialize};

use super::interface_endpoint::InterfaceEndpoint;
use super::policy::Policy;
use super::{
    Creation, Kind, Listing, Observed, Operations, Query, Ref, Resource, Seconds, Set, Spec, api_authorizer,
    api_deployment, api_method, api_resource, api_stage,
};
use crate::aws::partition::partition;
use crate::aws::tags::{self, Tags};
use crate::aws::{Aws, Class, Failure};

pub(super) const SERVICE: &str = "apigateway";

/// What a REST API is; what is in it are resources of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestApi {
    /// What people call it, and how its lab is known when its tags are gone. Others may have the same.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// `PRIVATE`: only reached through endpoints.
    pub endpoint_type: String,
    /// The endpoints that get names for it.
    pub vpc_endpoints: Set<Ref<InterfaceEndpoint>>,
    /// Who may call it, and by which way. It counts from the next deployment on.
    pub policy: Policy,
    /// Whether its own name, `APIID.execute-api.…`, is not answered.
    pub default_name_disabled: bool,
    /// What is taken for bytes rather than text.
    pub binary_media_types: Set<String>,
}

impl Resource for RestApi {
    const IN_PLACE: &'static [&'static str] =
        &["name", "description", "vpc_endpoints", "policy", "default_name_disabled", "binary_media_types"];
    const WEAK: &'static [&'static str] = &["vpc_endpoints"];
    const ROOT: bool = true;
    const OPERATIONS: Operations =
        Operations { service: SERVICE, create: "CreateRestApi", change: "UpdateRestApi", delete: "DeleteRestApi" };
    const SECONDS: Seconds = Seconds { create: 2.0, delete: 1.0 };

    fn natural_key(&self) -> Option<String> {
        Some(self.name.clone())
    }

    /// Two may have one name.
    fn excludes(&self, _other: &Self) -> bool {
        false
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let endpoints = EndpointConfiguration::builder().types(EndpointType::from(self.endpoint_type.as_str()));
        let endpoints = endpoints.set_vpc_endpoint_ids(Some(self.vpc_endpoints.ids()?)).build();
        let binary: Vec<String> = self.binary_media_types.iter().cloned().collect();
        let answer = aws
            .write(SERVICE, "CreateRestApi", || {
                let call = aws.apigateway.create_rest_api().name(&self.name).description(&self.description);
                let call = call.endpoint_configuration(endpoints.clone()).policy(self.policy.document());
                let call = call.disable_execute_api_endpoint(self.default_name_disabled);
                let call = call.set_binary_media_types((!binary.is_empty()).then(|| binary.clone()));
                call.set_tags(Some(to_sdk(&with.tags))).send()
            })
            .await?;
        let id = answer.id().unwrap_or_default();
        let mut observed = Observed::standing(id, with.tags.clone(), self.clone());
        outputs(aws, &mut observed, answer.root_resource_id()).await?;
        Ok(observed)
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let Spec::RestApi(now) = &from.spec else { return Ok(()) };
        let mut patches = Vec::new();
        if now.name != self.name {
            patches.push(patch(Op::Replace, "/name", &self.name));
        }
        if now.description != self.description {
            patches.push(patch(Op::Replace, "/description", &self.description));
        }
        if now.policy != self.policy {
            patches.push(patch(Op::Replace, "/policy", &self.policy.document()));
        }
        if now.default_name_disabled != self.default_name_disabled {
            let disabled = self.default_name_disabled.to_string();
            patches.push(patch(Op::Replace, "/disableExecuteApiEndpoint", &disabled));
        }
        let (wanted, there) = (self.vpc_endpoints.ids()?, now.vpc_endpoints.ids()?);
        let path = "/endpointConfiguration/vpcEndpointIds";
        patches.extend(wanted.iter().filter(|id| !there.contains(id)).map(|id| patch(Op::Add, path, id)));
        patches.extend(there.iter().filter(|id| !wanted.contains(id)).map(|id| patch(Op::Remove, path, id)));
        let binary = |kind: &String| format!("/binaryMediaTypes/{}", kind.replace('/', "~1"));
        let (wanted, there) = (&self.binary_media_types, &now.binary_media_types);
        let lacks = |set: &Set<String>, kind: &String| !set.iter().any(|other| other == kind);
        patches.extend(wanted.iter().filter(|kind| lacks(there, kind)).map(|kind| patch(Op::Add, &binary(kind), "")));
        patches
            .extend(there.iter().filter(|kind| lacks(wanted, kind)).map(|kind| patch(Op::Remove, &binary(kind), "")));
        aws.write(SERVICE, "UpdateRestApi", || {
            aws.apigateway.update_rest_api().rest_api_id(&from.id).set_patch_operations(Some(patches.clone())).send()
        })
        .await
        .map(drop)
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let call = || aws.apigateway.delete_rest_api().rest_api_id(&observed.id).send();
        aws.write(SERVICE, "DeleteRestApi", call).await.map(drop)
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        tag(aws, &format!("restapis/{id}"), tags).await
    }
}

/// One change of what stands.
pub(super) fn patch(op: Op, path: &str, value: &str) -> PatchOperation {
    let patch = PatchOperation::builder().op(op).path(path);
    if value.is_empty() { patch.build() } else { patch.value(value).build() }
}

/// Tags for API Gateway's calls.
pub(super) fn to_sdk(tags: &Tags) -> HashMap<String, String> {
    tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Tags as an answer carries them.
pub(super) fn read_tags(tags: Option<&HashMap<String, String>>) -> Tags {
    tags.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The ARN of what has this path. It names no account.
fn arn(region: &str, path: &str) -> String {
    format!("arn:{}:apigateway:{region}::/{path}", partition(region))
}

/// Tags what has this path below API Gateway's ARNs.
pub(super) async fn tag(aws: &Aws, path: &str, tags: &Tags) -> Result<(), Failure> {
    let arn = arn(aws.region(), path);
    let call = || aws.apigateway.tag_resource().resource_arn(&arn).set_tags(Some(to_sdk(tags))).send();
    aws.write(SERVICE, "TagResource", call).await.map(drop)
}

async fn outputs(aws: &Aws, observed: &mut Observed, root: Option<&str>) -> Result<(), Failure> {
    let region = aws.region();
    let execution = format!("arn:{}:execute-api:{region}:{}:{}", partition(region), aws.account().await?, observed.id);
    observed.outputs.insert("arn".into(), arn(region, &format!("restapis/{}", observed.id)));
    observed.outputs.insert("root".into(), root.unwrap_or_default().to_owned());
    observed.outputs.insert("callers".into(), format!("{execution}/*"));
    Ok(())
}

/// The policy as it was given: API Gateway writes `execute-api:/…` out as an ARN, and its quotes escaped.
fn read_policy(id: &str, text: &str) -> Policy {
    let plain: String = serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned());
    let mut short = String::new();
    let mut rest = plain.as_str();
    while let Some((before, after)) = rest.split_once("\"arn:") {
        short += before;
        let end = after.find('"').unwrap_or(after.len());
        let arn = &after[..end];
        let path = arn.split_once(&format!(":{id}/")).filter(|_| arn.contains(":execute-api:")).map(|(_, path)| path);
        short += &path.map_or_else(|| format!("\"arn:{arn}"), |path| format!("\"execute-api:/{path}"));
        rest = &after[end..];
    }
    short += rest;
    Policy::parse(&short)
}

async fn read(aws: &Aws, api: &SdkApi) -> Result<Option<Observed>, Failure> {
    let Some(id) = api.id() else { return Ok(None) };
    let endpoints = api.endpoint_configuration();
    let kind = endpoints.and_then(|endpoints| endpoints.types().first()).map_or("EDGE", EndpointType::as_str);
    let spec = RestApi {
        name: api.name().unwrap_or_default().to_owned(),
        description: api.description().unwrap_or_default().to_owned(),
        endpoint_type: kind.to_owned(),
        vpc_endpoints: endpoints.map_or(&[][..], |all| all.vpc_endpoint_ids()).iter().map(Ref::known).collect(),
        policy: read_policy(id, api.policy().unwrap_or_default()),
        default_name_disabled: api.disable_execute_api_endpoint(),
        binary_media_types: api.binary_media_types().iter().cloned().collect(),
    };
    let mut observed = Observed::standing(id, read_tags(api.tags()), spec);
    outputs(aws, &mut observed, api.root_resource_id()).await?;
    Ok(Some(observed))
}

/// Lists the APIs of the lab's tag or name, and reads what is in each: its resources with their methods, its
/// authorizers, deployments and stages.
///
/// # Errors
/// The list itself could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let wanted = |api: &SdkApi| match query {
        Query::Lab(lab) => {
            let tagged = api.tags().and_then(|tags| tags.get(tags::LAB)) == Some(&lab.name);
            tagged || api.name() == Some(&lab.rest_api)
        }
        Query::Ids(ids) => api.id().is_some_and(|id| ids.iter().any(|wanted| wanted == id)),
        Query::Inside(_) => false,
    };
    let apis = aws
        .read_pages(SERVICE, "GetRestApis", |position| {
            let call = aws.apigateway.get_rest_apis().limit(500).set_position(position);
            async { call.send().await.map(|page| (page.items.unwrap_or_default(), page.position)) }
        })
        .await?;
    let mut listing = Listing::default();
    for one in future::join_all(apis.iter().filter(|api| wanted(api)).map(|api| whole(aws, api))).await {
        let one = one?;
        listing.found.extend(one.found);
        listing.unreadable.extend(one.unreadable);
    }
    Ok(listing)
}

async fn whole(aws: &Aws, api: &SdkApi) -> Result<Listing, Failure> {
    let mut listing = Listing::default();
    let Some(observed) = read(aws, api).await? else { return Ok(listing) };
    let id = observed.id.clone();
    listing.found.push(observed);
    let (resources, authorizers, deployments, stages) = future::join4(
        resources(aws, &id),
        api_authorizer::of_api(aws, &id),
        api_deployment::of_api(aws, &id),
        api_stage::of_api(aws, &id),
    )
    .await;
    let kinds: [(&[Kind], _); 4] = [
        (&[Kind::ApiResource, Kind::ApiMethod], resources),
        (&[Kind::ApiAuthorizer], authorizers),
        (&[Kind::ApiDeployment], deployments),
        (&[Kind::ApiStage], stages),
    ];
    for (kinds, found) in kinds {
        match found {
            Ok(found) => listing.found.extend(found),
            // Gone meanwhile.
            Err(failure) if failure.class == Class::NotFound => {}
            Err(failure) => listing.unreadable.extend(kinds.iter().map(|kind| (*kind, failure.clone()))),
        }
    }
    Ok(listing)
}

async fn resources(aws: &Aws, api: &str) -> Result<Vec<Observed>, Failure> {
    let resources = aws
        .read_pages(SERVICE, "GetResources", |position| {
            let call = aws.apigateway.get_resources().rest_api_id(api).limit(500).embed("methods");
            async {
                let page = call.set_position(position).send().await;
                page.map(|page| (page.items.unwrap_or_default(), page.position))
            }
        })
        .await?;
    let mut found = Vec::new();
    for resource in &resources {
        found.extend(api_resource::read(api, resource));
        let methods = resource.resource_methods().into_iter().flatten();
        let mut methods: Vec<_> = methods
            .map(|(name, method)| api_method::read(api, resource.id().unwrap_or_default(), name, method))
            .collect();
        methods.sort_by(|one, other| one.id.cmp(&other.id));
        found.extend(methods);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_reads_as_it_was_written() {
        let written = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}],
        });
        let answered =
            written.to_string().replace("execute-api:/*", "arn:aws:execute-api:eu-west-1:111122223333:abc/*");
        let escaped = answered.replace('"', "\\\"");
        assert_eq!(read_policy("abc", &escaped), Policy::new(written.clone()));
        assert_eq!(read_policy("abc", &answered), Policy::new(written));
    }

    #[test]
    fn an_arn_of_another_api_stays() {
        let other = r#"{"Statement": [{"Resource": "arn:aws:execute-api:eu-west-1:111122223333:xyz/*"}]}"#;
        assert_eq!(read_policy("abc", other), Policy::parse(other));
    }
}
