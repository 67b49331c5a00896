//! The services of AWS that have VPC endpoints, by the last part of their names.
//!
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html>

use super::partition::{dns_suffix, partition};

/// The services that interface endpoints lead to. There are fewer than the 50 that a VPC may have.
pub const INTERFACE: &[&str] = &[
    "athena",
    "autoscaling",
    "cloudformation",
    "cognito-idp",
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
    "notebook",
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
    "studio",
];

/// The services that gateway endpoints lead to.
pub const GATEWAY: &[&str] = &["dynamodb", "s3"];

/// Those of [`INTERFACE`] whose names have another prefix in China.
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

/// The domains that hold the names of AWS's services.
pub const ZONES: &[&str] =
    &["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws", "app.aws", "sagemaker.aws", "sagemaker.com.cn"];

/// The full name of a service, as interface endpoints have it.
pub fn full_name(service: &str, region: &str) -> String {
    if is_studio(service) {
        format!("aws.sagemaker.{region}.{service}")
    } else if region.starts_with("cn-") && CHINESE.contains(&service) {
        format!("cn.com.amazonaws.{region}.{service}")
    } else {
        gateway_name(service, region)
    }
}

/// The full name of a service, as gateway endpoints have it.
pub fn gateway_name(service: &str, region: &str) -> String {
    format!("com.amazonaws.{region}.{service}")
}

/// The zones that hold the private names of a service, without a dot at their ends: the names are the zones' own and
/// those below them. The first is the one that every endpoint of the service has.
pub fn dns_zones(service: &str, region: &str) -> Vec<String> {
    if is_studio(service) {
        let suffix = if region.starts_with("cn-") { "sagemaker.com.cn" } else { "sagemaker.aws" };
        let newer =
            (service == "studio" && partition(region) == "aws").then(|| format!("studio.sagemaker.{region}.app.aws"));
        return std::iter::once(format!("{service}.{region}.{suffix}")).chain(newer).collect();
    }
    // The labels stand the other way round in host names: `sagemaker.api` is `api.sagemaker`.
    let labels: Vec<&str> = service.rsplit('.').collect();
    vec![format!("{}.{region}.{}", labels.join("."), dns_suffix(region))]
}

/// The same, by the full name of a service as interface endpoints have it; none where that is no service of AWS's own.
pub fn zones_of(full_name: &str) -> Vec<String> {
    let name = full_name.strip_prefix("cn.").unwrap_or(full_name);
    let rest = name.strip_prefix("aws.sagemaker.").or_else(|| name.strip_prefix("com.amazonaws."));
    let parts = rest.and_then(|rest| rest.split_once('.'));
    parts.map(|(region, service)| dns_zones(service, region)).unwrap_or_default()
}

/// Whether the names below a service's zones are its own, too: everybody who uses it has some of them.
pub fn has_names_below(service: &str) -> bool {
    is_studio(service) || matches!(service, "ecr.dkr" | "execute-api")
}

/// Whether a service is one of those that SageMaker names in its own way:
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/studio-interface-endpoint.html>.
fn is_studio(service: &str) -> bool {
    matches!(service, "studio" | "notebook")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sagemaker_names_studio_in_its_own_way() {
        assert_eq!(full_name("studio", "eu-west-1"), "aws.sagemaker.eu-west-1.studio");
        assert_eq!(full_name("notebook", "cn-north-1"), "aws.sagemaker.cn-north-1.notebook");
        assert_eq!(full_name("sagemaker.api", "eu-west-1"), "com.amazonaws.eu-west-1.sagemaker.api");
    }

    #[test]
    fn some_services_have_another_prefix_in_china() {
        assert_eq!(full_name("lambda", "cn-north-1"), "cn.com.amazonaws.cn-north-1.lambda");
        assert_eq!(full_name("kms", "cn-north-1"), "com.amazonaws.cn-north-1.kms");
        assert_eq!(full_name("s3", "cn-north-1"), "cn.com.amazonaws.cn-north-1.s3");
        assert_eq!(gateway_name("s3", "cn-north-1"), "com.amazonaws.cn-north-1.s3");
    }

    #[test]
    fn zones_hold_the_private_names() {
        let studio = ["studio.eu-west-1.sagemaker.aws", "studio.sagemaker.eu-west-1.app.aws"];
        assert_eq!(dns_zones("studio", "eu-west-1"), studio);
        assert_eq!(dns_zones("notebook", "eu-west-1"), ["notebook.eu-west-1.sagemaker.aws"]);
        assert_eq!(dns_zones("studio", "us-gov-west-1"), ["studio.us-gov-west-1.sagemaker.aws"]);
        assert_eq!(dns_zones("studio", "cn-north-1"), ["studio.cn-north-1.sagemaker.com.cn"]);
        assert_eq!(dns_zones("sagemaker.api", "us-gov-west-1"), ["api.sagemaker.us-gov-west-1.amazonaws.com"]);
        assert_eq!(dns_zones("sagemaker.runtime", "cn-north-1"), ["runtime.sagemaker.cn-north-1.amazonaws.com.cn"]);
        assert_eq!(dns_zones("execute-api", "eu-west-1"), ["execute-api.eu-west-1.amazonaws.com"]);
        assert_eq!(dns_zones("ecr.dkr", "eu-west-1"), ["dkr.ecr.eu-west-1.amazonaws.com"]);
    }

    #[test]
    fn zones_are_told_by_full_names_too() {
        for region in ["eu-west-1", "us-gov-west-1", "cn-north-1"] {
            for service in INTERFACE {
                assert_eq!(zones_of(&full_name(service, region)), dns_zones(service, region), "{service} in {region}");
            }
        }
        assert!(zones_of("arn:aws:vpc-lattice:eu-west-1:111122223333:resourceconfiguration/rcfg-1").is_empty());
    }

    #[test]
    fn what_china_names_differently_is_known_everywhere() {
        assert!(CHINESE.iter().all(|service| INTERFACE.contains(service)));
        assert!(INTERFACE.len() <= 50);
    }
}
