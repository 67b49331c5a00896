//! A deployment of a REST API: what was in it at one moment, which is what callers of a stage get. Nothing shows
//! afterwards what that was, so a digest of it is its description.

use aws_sdk_apigateway::types::Deployment;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::reference::pointers_in;
use super::rest_api::{RestApi, SERVICE};
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Failure};

/// What a deployment is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiDeployment {
    /// The API it is of.
    pub rest_api: Ref<RestApi>,
    /// What was in the API.
    pub content: Digest,
}

/// A value that is compared by its digest, once all that it points to is known. Read from elsewhere, it is the digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Digest(Value);

impl Digest {
    /// The digest of a value, which may point to other resources.
    pub fn of(value: Value) -> Self {
        Self(canonical(value))
    }
}

fn canonical(value: Value) -> Value {
    if value.is_string() || !pointers_in(&value).is_empty() {
        return value;
    }
    let digest = Sha256::digest(value.to_string().as_bytes());
    let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digest}").into()
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::of)
    }
}

impl Resource for ApiDeployment {
    const OWNERS: &'static [&'static str] = &["rest_api"];
    const IN_SET: bool = true;
    const VANISHES: bool = true;
    const TAGGED: bool = false;
    const OPERATIONS: Operations = Operations {
        service: SERVICE,
        create: "CreateDeployment",
        change: "CreateDeployment",
        delete: "DeleteDeployment",
    };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 0.5 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.rest_api.text(), self.content.0.as_str()?))
    }

    /// Two of one content can stand.
    fn excludes(&self, _other: &Self) -> bool {
        false
    }

    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let api = self.rest_api.id()?;
        let content = self.content.0.as_str().unwrap_or_default();
        let call = || aws.apigateway.create_deployment().rest_api_id(api).description(content).send();
        let answer = aws.write(SERVICE, "CreateDeployment", call).await?;
        Ok(Observed::standing(answer.id().unwrap_or_default(), Tags::new(), self.clone()))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::ApiDeployment(deployment) = &observed.spec else { return Ok(()) };
        let api = deployment.rest_api.id()?;
        let call = || aws.apigateway.delete_deployment().rest_api_id(api).deployment_id(&observed.id).send();
        aws.write(SERVICE, "DeleteDeployment", call).await.map(drop)
    }
}

fn read(api: &str, deployment: &Deployment) -> Option<Observed> {
    let content = Digest(deployment.description().unwrap_or_default().into());
    let spec = ApiDeployment { rest_api: Ref::known(api), content };
    Some(Observed::standing(deployment.id()?, Tags::new(), spec))
}

/// The deployments of an API.
///
/// # Errors
/// The list could not be read.
pub(super) async fn of_api(aws: &Aws, api: &str) -> Result<Vec<Observed>, Failure> {
    let deployments = aws
        .read_pages(SERVICE, "GetDeployments", |position| {
            let call = aws.apigateway.get_deployments().rest_api_id(api).limit(500).set_position(position);
            async { call.send().await.map(|page| (page.items.unwrap_or_default(), page.position)) }
        })
        .await?;
    Ok(deployments.iter().filter_map(|deployment| read(api, deployment)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn content_is_a_digest_once_all_of_it_is_known() {
        let pending = Digest::of(json!([{"$ref": "portal/api/method/url"}]));
        assert_eq!(serde_json::to_value(&pending).unwrap(), json!([{"$ref": "portal/api/method/url"}]));
        let known = serde_json::to_value(Digest::of(json!(["abc GET"]))).unwrap();
        assert!(known.as_str().unwrap().starts_with("sha256:"));
        assert_eq!(serde_json::from_value::<Digest>(known.clone()).unwrap(), Digest::of(json!(["abc GET"])));
        assert_ne!(known, serde_json::to_value(Digest::of(json!(["abd GET"]))).unwrap());
    }
}
