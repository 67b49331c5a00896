//! A stage of a REST API: the name in its path, and the deployment that callers get. Its id is `API NAME`.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigateway::types::{Op, Stage};
use serde::{Deserialize, Serialize};

use super::api_deployment::ApiDeployment;
use super::rest_api::{self, RestApi, SERVICE, patch};
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Spec, Text};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Failure};

/// What a stage is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiStage {
    /// The API it is of.
    pub rest_api: Ref<RestApi>,
    /// The first part of the path.
    pub name: String,
    /// What callers get.
    pub deployment: Ref<ApiDeployment>,
    /// What templates read as `$stageVariables.NAME`.
    pub variables: BTreeMap<String, Text>,
    /// Whether X-Ray sees its requests.
    pub tracing: bool,
    /// Whether a log has whole requests and answers, presigned URLs with them: methods for which it is so.
    pub logs_bodies_of: Vec<String>,
    /// Where a line for each request goes; none for nowhere.
    pub access_log: Option<String>,
    /// Whether answers are kept for others who ask the same.
    pub cached: bool,
}

impl Resource for ApiStage {
    const IN_PLACE: &'static [&'static str] =
        &["deployment", "variables", "tracing", "logs_bodies_of", "access_log", "cached"];
    const OWNERS: &'static [&'static str] = &["rest_api"];
    const IN_SET: bool = true;
    const VANISHES: bool = true;
    const OPERATIONS: Operations =
        Operations { service: SERVICE, create: "CreateStage", change: "UpdateStage", delete: "DeleteStage" };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 0.5 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.rest_api.text(), self.name))
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let (api, deployment) = (self.rest_api.id()?, self.deployment.id()?);
        let variables = self.variables()?;
        aws.write(SERVICE, "CreateStage", || {
            let call = aws.apigateway.create_stage().rest_api_id(api).stage_name(&self.name);
            let call = call.deployment_id(deployment).tracing_enabled(self.tracing);
            let call = call.set_variables((!variables.is_empty()).then(|| variables.clone()));
            call.set_tags(Some(rest_api::to_sdk(&with.tags))).send()
        })
        .await?;
        let mut observed = Observed::standing(id(api, &self.name), with.tags.clone(), self.clone());
        outputs(aws, &mut observed, api, &self.name);
        Ok(observed)
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let Spec::ApiStage(now) = &from.spec else { return Ok(()) };
        let mut patches = Vec::new();
        if now.deployment != self.deployment {
            patches.push(patch(Op::Replace, "/deploymentId", self.deployment.id()?));
        }
        for (name, value) in self.variables()? {
            if now.variables.get(&name).and_then(|now| now.id().ok()) != Some(&value) {
                patches.push(patch(Op::Replace, &format!("/variables/{name}"), &value));
            }
        }
        let extra = now.variables.keys().filter(|name| !self.variables.contains_key(*name));
        patches.extend(extra.map(|name| patch(Op::Remove, &format!("/variables/{name}"), "")));
        if now.tracing != self.tracing {
            patches.push(patch(Op::Replace, "/tracingEnabled", &self.tracing.to_string()));
        }
        let unwanted = now.logs_bodies_of.iter().filter(|method| !self.logs_bodies_of.contains(method));
        patches.extend(unwanted.map(|method| patch(Op::Replace, &format!("/{method}/logging/dataTrace"), "false")));
        if now.access_log.is_some() && self.access_log.is_none() {
            patches.push(patch(Op::Remove, "/accessLogSettings", ""));
        }
        if now.cached != self.cached {
            patches.push(patch(Op::Replace, "/cacheClusterEnabled", &self.cached.to_string()));
        }
        let api = self.rest_api.id()?;
        aws.write(SERVICE, "UpdateStage", || {
            let call = aws.apigateway.update_stage().rest_api_id(api).stage_name(&self.name);
            call.set_patch_operations(Some(patches.clone())).send()
        })
        .await
        .map(drop)
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::ApiStage(stage) = &observed.spec else { return Ok(()) };
        let api = stage.rest_api.id()?;
        let call = || aws.apigateway.delete_stage().rest_api_id(api).stage_name(&stage.name).send();
        aws.write(SERVICE, "DeleteStage", call).await.map(drop)
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        let (api, name) = id.split_once(' ').unwrap_or((id, ""));
        rest_api::tag(aws, &format!("restapis/{api}/stages/{name}"), tags).await
    }
}

impl ApiStage {
    fn variables(&self) -> Result<HashMap<String, String>, Failure> {
        let text = |(name, value): (&String, &Text)| Ok((name.clone(), value.id()?.to_owned()));
        self.variables.iter().map(text).collect()
    }
}

fn id(api: &str, name: &str) -> String {
    format!("{api} {name}")
}

fn outputs(aws: &Aws, observed: &mut Observed, api: &str, name: &str) {
    let region = aws.region();
    let suffix = crate::aws::partition::dns_suffix(region);
    observed.outputs.insert("url".into(), format!("https://{api}.execute-api.{region}.{suffix}/{name}"));
}

fn read(aws: &Aws, api: &str, stage: &Stage) -> Option<Observed> {
    let name = stage.stage_name()?;
    let settings = stage.method_settings().into_iter().flatten();
    let mut logs_bodies_of: Vec<String> =
        settings.filter(|(_, setting)| setting.data_trace_enabled()).map(|(method, _)| method.clone()).collect();
    logs_bodies_of.sort();
    let variables = stage.variables().into_iter().flatten();
    let spec = ApiStage {
        rest_api: Ref::known(api),
        name: name.to_owned(),
        deployment: Ref::known(stage.deployment_id().unwrap_or_default()),
        variables: variables.map(|(name, value)| (name.clone(), Text::known(value))).collect(),
        tracing: stage.tracing_enabled(),
        logs_bodies_of,
        access_log: stage.access_log_settings().and_then(|log| log.destination_arn()).map(str::to_owned),
        cached: stage.cache_cluster_enabled(),
    };
    let mut observed = Observed::standing(id(api, name), rest_api::read_tags(stage.tags()), spec);
    outputs(aws, &mut observed, api, name);
    Some(observed)
}

/// The stages of an API.
///
/// # Errors
/// The list could not be read.
pub(super) async fn of_api(aws: &Aws, api: &str) -> Result<Vec<Observed>, Failure> {
    let answer = aws.read(SERVICE, "GetStages", || aws.apigateway.get_stages().rest_api_id(api).send()).await?;
    Ok(answer.item().iter().filter_map(|stage| read(aws, api, stage)).collect())
}
