//! The services of AWS that endpoints can lead to, with their names and zones.

use serde_json::{Value, json};

use super::filter::Listing;
use super::vpc_endpoint::EndpointType;
use super::zones::{self, Zone};
use super::{Ec2, Input, Operation};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, Dice};

pub const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeVpcEndpointServices",
    members: &["ServiceNames", "Filters", "MaxResults", "NextToken"],
    run: Ec2::describe_vpc_endpoint_services,
}];

const LISTING: Listing = Listing {
    ids: None,
    result: "ServiceDetails",
    key: &["ServiceName", "ServiceId"],
    most: 1000,
    filters: &[
        ("owner", "Owner"),
        ("service-name", "ServiceName"),
        ("service-region", "ServiceRegion"),
        ("service-type", "ServiceType.ServiceType"),
        ("supported-ip-address-types", "SupportedIpAddressTypes"),
    ],
};

/// Services whose names are `com.amazonaws.REGION.LABEL`, reached through interfaces.
const INTERFACE_LABELS: &[&str] = &[
    "athena",
    "autoscaling",
    "cloudformation",
    "cognito-idp",
    "dynamodb",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "elasticfilesystem",
    "elasticloadbalancing",
    "events",
    "execute-api",
    "glue",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "s3",
    "sagemaker.api",
    "sagemaker.featurestore-runtime",
    "sagemaker.runtime",
    "secretsmanager",
    "servicecatalog",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "states",
    "sts",
];

/// Those of [`INTERFACE_LABELS`] whose private name is a wildcard: what comes before it is chosen by each user.
const WILDCARDS: &[&str] = &["ecr.dkr", "execute-api", "s3"];

/// Those of [`INTERFACE_LABELS`] whose names have another prefix in China.
const CHINESE: &[&str] = &[
    "athena",
    "autoscaling",
    "cloudformation",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "elasticfilesystem",
    "execute-api",
    "lambda",
    "monitoring",
    "s3",
    "sagemaker.api",
    "sagemaker.featurestore-runtime",
    "sagemaker.runtime",
    "servicecatalog",
    "sqs",
    "states",
    "sts",
];

/// Services reached through gateways; these labels have interfaces too.
const GATEWAY_LABELS: &[&str] = &["dynamodb", "s3"];

/// A service as a Region offers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// `com.amazonaws.us-east-1.lambda`
    pub name: String,
    pub endpoint_type: EndpointType,
    /// What the names of its endpoints end in, after the endpoint's own label.
    pub base_dns_name: String,
    /// The names that an endpoint with private DNS takes over; a leading `*.` stands for the name and all below it.
    pub private_dns_names: Vec<String>,
    pub zones: Vec<Zone>,
}

impl Service {
    /// Whether it is reached through gateways as well as interfaces.
    pub fn has_gateway(&self) -> bool {
        GATEWAY_LABELS.iter().any(|label| self.name.ends_with(&format!(".{label}")))
    }
}

/// The services that a Region offers.
pub fn services(context: &Context<'_>) -> Vec<Service> {
    let region = context.region;
    let zones = zones::of(region);
    let amazonaws = |label: &str, endpoint_type: EndpointType| {
        let labels: Vec<&str> = label.rsplit('.').collect();
        let host = format!("{}.{region}", labels.join("."));
        let public = format!("{host}.{}", context.dns_suffix());
        let is_interface = endpoint_type == EndpointType::Interface;
        let private_dns_names = match label {
            _ if !is_interface => Vec::new(),
            "dynamodb" => Vec::new(),
            label if WILDCARDS.contains(&label) => vec![format!("*.{public}")],
            _ => vec![public.clone()],
        };
        // Zone choice has to be exercised somewhere that most networks do without.
        let lacks_first = label == "servicecatalog" && region == "us-east-1";
        let chinese = context.partition() == "aws-cn" && is_interface && CHINESE.contains(&label);
        let prefix = if chinese { "cn.com.amazonaws" } else { "com.amazonaws" };
        Service {
            name: format!("{prefix}.{region}.{label}"),
            endpoint_type,
            base_dns_name: if is_interface { format!("{host}.vpce.{}", context.dns_suffix()) } else { public },
            private_dns_names,
            zones: zones.iter().skip(usize::from(lacks_first)).cloned().collect(),
        }
    };
    let sagemaker = |label: &str| {
        let domain = if context.partition() == "aws-cn" { "sagemaker.com.cn" } else { "sagemaker.aws" };
        let mut private_dns_names = vec![format!("*.{label}.{region}.{domain}")];
        if label == "studio" && context.partition() == "aws" {
            private_dns_names.push(format!("*.studio.sagemaker.{region}.app.aws"));
        }
        Service {
            name: format!("aws.sagemaker.{region}.{label}"),
            endpoint_type: EndpointType::Interface,
            base_dns_name: format!("{label}.{region}.vpce.{domain}"),
            private_dns_names,
            zones: zones.iter().take(2).cloned().collect(),
        }
    };
    let gateways = GATEWAY_LABELS.iter().map(|label| amazonaws(label, EndpointType::Gateway));
    let interfaces = INTERFACE_LABELS.iter().map(|label| amazonaws(label, EndpointType::Interface));
    ["notebook", "studio"].into_iter().map(sagemaker).chain(gateways).chain(interfaces).collect()
}

/// The service that an endpoint of this type leads to.
///
/// # Errors
/// `InvalidServiceName`; `InvalidParameter` if the service has no endpoints of this type.
pub fn find(context: &Context<'_>, name: &str, endpoint_type: EndpointType) -> Result<Service, ApiError> {
    let named: Vec<Service> = services(context).into_iter().filter(|service| service.name == name).collect();
    if named.is_empty() {
        return Err(missing(name));
    }
    let types: Vec<String> = named.iter().map(|service| service.endpoint_type.to_string()).collect();
    named.into_iter().find(|service| service.endpoint_type == endpoint_type).ok_or_else(|| {
        let message =
            format!("Endpoint type ({endpoint_type}) does not match available service types ([{}]).", types.join(", "));
        ApiError::new("InvalidParameter", message)
    })
}

fn missing(name: &str) -> ApiError {
    ApiError::new("InvalidServiceName", format!("The Vpc Endpoint Service '{name}' does not exist"))
}

impl Ec2 {
    fn describe_vpc_endpoint_services(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let names = input.texts("ServiceNames");
        let mut services = services(context);
        if let Some(unknown) = names.iter().find(|name| !services.iter().any(|service| service.name == **name)) {
            return Err(missing(unknown));
        }
        services.retain(|service| names.is_empty() || names.contains(&service.name.as_str()));
        let views = services.iter().map(|service| service_view(context.region, service)).collect();
        let mut answer = LISTING.answer(input, views)?;
        let mut names: Vec<Value> =
            Input(&answer).list("ServiceDetails").iter().map(|detail| detail["ServiceName"].clone()).collect();
        names.dedup();
        answer["ServiceNames"] = json!(names);
        Ok(answer)
    }
}

fn service_view(region: &str, service: &Service) -> Value {
    let service_type = service.endpoint_type.to_string();
    let service_id = Dice::labelled(0, &[&service.name, &service_type]).id("vpce-svc");
    let mut view = json!({
        "AcceptanceRequired": false,
        "AvailabilityZoneIds": service.zones.iter().map(|zone| &zone.id).collect::<Vec<_>>(),
        "AvailabilityZones": service.zones.iter().map(|zone| &zone.name).collect::<Vec<_>>(),
        "BaseEndpointDnsNames": [service.base_dns_name],
        "ManagesVpcEndpoints": false,
        "Owner": "amazon",
        "ServiceId": service_id,
        "ServiceName": service.name,
        "ServiceRegion": region,
        "ServiceType": [{"ServiceType": service_type}],
        "SupportedIpAddressTypes": ["ipv4"],
        "Tags": [],
        "VpcEndpointPolicySupported": true,
    });
    if let Some(first) = service.private_dns_names.first() {
        let names = service.private_dns_names.iter().map(|name| json!({"PrivateDnsName": name}));
        view["PrivateDnsName"] = json!(first);
        view["PrivateDnsNames"] = names.collect();
        view["PrivateDnsNameVerificationState"] = json!("verified");
    }
    view
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn service(world: &mut Sandbox, region: &str, name: &str) -> Value {
        let answer = world.in_region(region, "DescribeVpcEndpointServices", json!({"ServiceNames": [name]})).unwrap();
        answer["ServiceDetails"][0].clone()
    }

    #[test]
    fn studio_has_a_name_prefix_and_domains_of_its_own() {
        let studio = service(&mut Sandbox::new(), "us-east-1", "aws.sagemaker.us-east-1.studio");
        assert_eq!(studio["PrivateDnsName"], "*.studio.us-east-1.sagemaker.aws");
        assert_eq!(studio["PrivateDnsNames"][1]["PrivateDnsName"], "*.studio.sagemaker.us-east-1.app.aws");
        assert_eq!(studio["BaseEndpointDnsNames"], json!(["studio.us-east-1.vpce.sagemaker.aws"]));
    }

    #[test]
    fn labels_of_a_service_are_swapped_in_its_dns_names() {
        let api = service(&mut Sandbox::new(), "eu-west-1", "com.amazonaws.eu-west-1.sagemaker.api");
        assert_eq!(api["PrivateDnsName"], "api.sagemaker.eu-west-1.amazonaws.com");
        assert_eq!(api["BaseEndpointDnsNames"], json!(["api.sagemaker.eu-west-1.vpce.amazonaws.com"]));
    }

    #[test]
    fn china_has_a_domain_and_for_some_services_a_name_prefix_of_its_own() {
        let mut world = Sandbox::new();
        let api = service(&mut world, "cn-north-1", "cn.com.amazonaws.cn-north-1.execute-api");
        assert_eq!(api["PrivateDnsName"], "*.execute-api.cn-north-1.amazonaws.com.cn");
        let kms = service(&mut world, "cn-north-1", "com.amazonaws.cn-north-1.kms");
        assert_eq!(kms["PrivateDnsName"], "kms.cn-north-1.amazonaws.com.cn");
        let gateway = service(&mut world, "cn-north-1", "com.amazonaws.cn-north-1.s3");
        assert_eq!(gateway["ServiceType"], json!([{"ServiceType": "Gateway"}]));
    }

    #[test]
    fn some_services_lack_a_zone() {
        let mut world = Sandbox::new();
        let studio = service(&mut world, "ap-northeast-1", "aws.sagemaker.ap-northeast-1.studio");
        assert_eq!(studio["AvailabilityZones"], json!(["ap-northeast-1a", "ap-northeast-1c"]));
        assert_eq!(studio["AvailabilityZoneIds"], json!(["apne1-az1", "apne1-az2"]));
        let catalog = service(&mut world, "us-east-1", "com.amazonaws.us-east-1.servicecatalog");
        assert_eq!(catalog["AvailabilityZones"], json!(["us-east-1b", "us-east-1c"]));
    }

    #[test]
    fn s3_is_offered_as_gateway_and_as_interface() {
        let mut world = Sandbox::new();
        let name = "com.amazonaws.us-east-1.s3";
        let both = world.ok("DescribeVpcEndpointServices", json!({"ServiceNames": [name]}));
        assert_eq!(both["ServiceNames"], json!([name]));
        assert_eq!(both["ServiceDetails"].as_array().unwrap().len(), 2);
        let gateways = json!({"Filters": [{"Name": "service-type", "Values": ["Gateway"]}]});
        let gateways = world.ok("DescribeVpcEndpointServices", gateways);
        assert_eq!(gateways["ServiceNames"], json!(["com.amazonaws.us-east-1.dynamodb", name]));
        assert_eq!(gateways["ServiceDetails"][1].get("PrivateDnsName"), None);
    }

    #[test]
    fn an_unknown_service_is_refused() {
        let ask = json!({"ServiceNames": ["com.amazonaws.us-east-1.studio"]});
        assert_eq!(Sandbox::new().refused("DescribeVpcEndpointServices", ask), "InvalidServiceName");
    }
}
