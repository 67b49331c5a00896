//! Where an API can be called: on the internet, or through VPC endpoints only.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bad_request;
use super::patch::{Op, PatchOperation};
use crate::sandbox::api::ApiError;
use crate::sandbox::world::ec2::Ec2;

/// What an API's name leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum EndpointType {
    Regional,
    #[default]
    Edge,
    Private,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpAddressType {
    Ipv4,
    Dualstack,
}

/// Where an API can be called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    endpoint_type: EndpointType,
    ip_address_type: IpAddressType,
    /// The endpoints that the API has names of its own at.
    pub vpc_endpoint_ids: Vec<String>,
}

/// The same as calls give it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointConfiguration {
    types: Option<Vec<EndpointType>>,
    ip_address_type: Option<IpAddressType>,
    #[serde(default)]
    vpc_endpoint_ids: Vec<String>,
}

impl Endpoint {
    /// # Errors
    /// `BadRequestException`
    pub fn read(ec2: &Ec2, configuration: EndpointConfiguration) -> Result<Self, ApiError> {
        let endpoint_type = match configuration.types.as_deref() {
            None => EndpointType::default(),
            Some([one]) => *one,
            Some([]) => {
                return Err(bad_request("REGIONAL Configuration and EDGE Configuration cannot be both DISABLED."));
            }
            Some(_) => return Err(bad_request("Cannot create an api with multiple Endpoint Types.")),
        };
        let ip_address_type = configuration.ip_address_type.unwrap_or(match endpoint_type {
            EndpointType::Private => IpAddressType::Dualstack,
            EndpointType::Regional | EndpointType::Edge => IpAddressType::Ipv4,
        });
        let mut vpc_endpoint_ids = configuration.vpc_endpoint_ids;
        vpc_endpoint_ids.dedup();
        let endpoint = Self { endpoint_type, ip_address_type, vpc_endpoint_ids };
        endpoint.check()?;
        endpoint.vpc_endpoint_ids.iter().try_for_each(|id| check_vpc_endpoint(ec2, id))?;
        Ok(endpoint)
    }

    /// Whether the API can be called through VPC endpoints only.
    pub fn is_private(&self) -> bool {
        self.endpoint_type == EndpointType::Private
    }

    /// Whether both count against the same quota.
    pub fn is_like(&self, other: &Self) -> bool {
        self.endpoint_type == other.endpoint_type
    }

    /// APIs of its type per Region.
    pub fn quota(&self) -> usize {
        match self.endpoint_type {
            EndpointType::Regional | EndpointType::Private => 600,
            EndpointType::Edge => 120,
        }
    }

    fn check(&self) -> Result<(), ApiError> {
        if self.is_private() && self.ip_address_type != IpAddressType::Dualstack {
            return Err(bad_request("Only dualstack ipAddressType is supported for Private APIs."));
        }
        if !self.is_private() && !self.vpc_endpoint_ids.is_empty() {
            return Err(bad_request("VPCEndpoints can only be specified with PRIVATE apis."));
        }
        Ok(())
    }

    /// Applies what the path says below `/endpointConfiguration`.
    ///
    /// # Errors
    /// `BadRequestException`; `NotFoundException` for an endpoint that is to go and is not there.
    pub fn patch(&mut self, ec2: &Ec2, patch: &PatchOperation, path: &[&str]) -> Result<(), ApiError> {
        match path {
            ["ipAddressType"] => {
                self.ip_address_type = serde_json::from_value(json!(patch.replaces()?.text()))
                    .map_err(|_| bad_request("ipAddressType must be either ipv4 or dualstack."))?;
            }
            ["types", old] => {
                if json!(self.endpoint_type) != *old {
                    return Err(patch.bad_path());
                }
                let new = serde_json::from_value(json!(patch.replaces()?.text())).map_err(|_| {
                    bad_request("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE")
                })?;
                if self.is_private() && new == EndpointType::Edge {
                    return Err(bad_request("A private API cannot become an edge-optimized API."));
                }
                self.endpoint_type = new;
                if self.is_private() {
                    self.ip_address_type = IpAddressType::Dualstack;
                }
            }
            ["vpcEndpointIds"] => {
                let id = patch.text();
                if patch.one_of(&[Op::Add, Op::Remove])? == Op::Add {
                    check_vpc_endpoint(ec2, &id)?;
                }
                patch.apply_to_list(&mut self.vpc_endpoint_ids, &id, "Invalid VPC Endpoint identifier specified")?;
            }
            _ => return Err(patch.bad_path()),
        }
        self.check()
    }

    pub fn view(&self) -> Value {
        let mut view = json!({"types": [self.endpoint_type], "ipAddressType": self.ip_address_type});
        if !self.vpc_endpoint_ids.is_empty() {
            view["vpcEndpointIds"] = json!(self.vpc_endpoint_ids);
        }
        view
    }
}

/// Refuses what is no endpoint for calls of APIs. AWS does not publish how it words that.
fn check_vpc_endpoint(ec2: &Ec2, id: &str) -> Result<(), ApiError> {
    let service = ec2.service_of_vpc_endpoint(id);
    if service.is_some_and(|service| service.ends_with(".execute-api")) {
        return Ok(());
    }
    Err(bad_request(format!("Invalid VPC Endpoint identifier specified: {id}")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn create(configuration: Value) -> Value {
        json!({"name": "lab", "endpointConfiguration": configuration})
    }

    #[test]
    fn an_api_is_edge_optimised_unless_it_says_otherwise() {
        let mut world = Sandbox::new();
        for (configuration, shown) in [
            (json!({}), json!({"types": ["EDGE"], "ipAddressType": "ipv4"})),
            (json!({"types": ["REGIONAL"]}), json!({"types": ["REGIONAL"], "ipAddressType": "ipv4"})),
            (json!({"types": ["PRIVATE"]}), json!({"types": ["PRIVATE"], "ipAddressType": "dualstack"})),
            (json!({"ipAddressType": "dualstack"}), json!({"types": ["EDGE"], "ipAddressType": "dualstack"})),
        ] {
            assert_eq!(world.ok("CreateRestApi", create(configuration))["endpointConfiguration"], shown);
        }
    }

    #[test]
    fn a_private_api_is_bound_to_endpoints_for_calls_of_apis() {
        let mut world = Sandbox::new();
        let (endpoint, other) = (world.endpoint.clone(), world.other_endpoint.clone());
        let bound = create(json!({"types": ["PRIVATE"], "vpcEndpointIds": [endpoint]}));
        let made = world.ok("CreateRestApi", bound);
        assert_eq!(made["endpointConfiguration"]["vpcEndpointIds"], json!([endpoint]));
        for id in ["vpce-00000000000000000", "x", &other] {
            let input = create(json!({"types": ["PRIVATE"], "vpcEndpointIds": [id]}));
            assert_eq!(world.refused("CreateRestApi", input), "BadRequestException", "{id}");
        }
    }

    #[test]
    fn configurations_that_contradict_themselves_are_refused() {
        let mut world = Sandbox::new();
        let endpoint = world.endpoint.clone();
        for configuration in [
            json!({"types": []}),
            json!({"types": ["EDGE", "REGIONAL"]}),
            json!({"types": ["PRIVATE"], "ipAddressType": "ipv4"}),
            json!({"types": ["REGIONAL"], "vpcEndpointIds": [endpoint]}),
        ] {
            let name = configuration.to_string();
            assert_eq!(world.refused("CreateRestApi", create(configuration)), "BadRequestException", "{name}");
        }
    }

    #[test]
    fn an_endpoint_is_bound_and_let_go_by_patches() {
        let mut world = Sandbox::new();
        let (endpoint, other) = (world.endpoint.clone(), world.other_endpoint.clone());
        let api = world.ok("CreateRestApi", create(json!({"types": ["PRIVATE"]})))["id"].clone();
        let mut patch = |op: &str, value: &str| {
            world.patch_api(api.as_str().unwrap(), op, "/endpointConfiguration/vpcEndpointIds", value)
        };
        assert_eq!(patch("add", &endpoint).unwrap()["endpointConfiguration"]["vpcEndpointIds"], json!([endpoint]));
        assert_eq!(patch("add", &endpoint).unwrap()["endpointConfiguration"]["vpcEndpointIds"], json!([endpoint]));
        assert_eq!(patch("add", &other).unwrap_err().code, "BadRequestException");
        assert_eq!(patch("replace", &endpoint).unwrap_err().code, "BadRequestException");
        assert_eq!(patch("remove", &endpoint).unwrap()["endpointConfiguration"].get("vpcEndpointIds"), None);
        assert_eq!(patch("remove", &endpoint).unwrap_err().code, "NotFoundException");
    }

    #[test]
    fn a_public_api_becomes_private_and_regional_again() {
        let mut world = Sandbox::new();
        let api = world.ok("CreateRestApi", create(json!({"types": ["REGIONAL"]})))["id"].clone();
        let mut patch = |path: &str, value: &str| world.patch_api(api.as_str().unwrap(), "replace", path, value);
        let types = "/endpointConfiguration/types/REGIONAL";
        assert_eq!(patch(types, "wrong").unwrap_err().code, "BadRequestException");
        let private = patch(types, "PRIVATE").unwrap();
        assert_eq!(private["endpointConfiguration"], json!({"types": ["PRIVATE"], "ipAddressType": "dualstack"}));
        assert_eq!(patch(types, "EDGE").unwrap_err().message, format!("Invalid patch path {types}"));
        for value in ["ipv4", "ipv6"] {
            let refused = patch("/endpointConfiguration/ipAddressType", value).unwrap_err();
            assert_eq!(refused.code, "BadRequestException", "{value}");
        }
        let types = "/endpointConfiguration/types/PRIVATE";
        assert_eq!(patch(types, "EDGE").unwrap_err().code, "BadRequestException");
        assert_eq!(patch(types, "REGIONAL").unwrap()["endpointConfiguration"]["types"], json!(["REGIONAL"]));
    }
}
