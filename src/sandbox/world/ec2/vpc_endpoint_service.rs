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

/// Services whose names are `com.amazonaws.REGION.LABEL`, reached through interfaces. AWS's Regions each have most of
/// them, the sandbox's have all.
///
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html>
const INTERFACE_LABELS: &str = "\
    access-analyzer account acm acm-pca airflow.api airflow.env airflow.ops apigateway app-integrations appconfig \
    appconfigdata application-autoscaling application-signals applicationinsights appmesh appmesh-envoy-management \
    apprunner apprunner.requests appstream.api appstream.streaming appsync-api aps aps-workspaces athena \
    auditmanager autoscaling autoscaling-plans b2bi backup backup-gateway batch bedrock bedrock-agent \
    bedrock-agent-runtime bedrock-agentcore bedrock-agentcore.gateway bedrock-data-automation \
    bedrock-data-automation-runtime bedrock-runtime billing billingconductor braket cases cassandra ce cleanrooms \
    cleanrooms-ml cloudcontrolapi clouddirectory cloudformation cloudhsmv2 cloudtrail codeartifact.api \
    codeartifact.repositories codebuild codecommit codeconnections.api codedeploy codedeploy-commands-secure \
    codeguru-profiler codeguru-reviewer codepipeline codestar-connections.api codewhisperer cognito-identity \
    cognito-idp comprehend comprehendmedical compute-optimizer config connect-campaigns console controlcatalog \
    cost-optimization-hub data-servicediscovery databrew dataexchange datasync datazone deadline.management \
    deadline.scheduling devops-guru directconnect discovery dms drs ds ds-data dsql dynamodb dynamodb-streams ebs \
    ec2 ec2messages ecr.api ecr.dkr ecs ecs-agent ecs-telemetry eks eks-auth elasticache elasticbeanstalk \
    elasticbeanstalk-health elasticfilesystem elasticloadbalancing elasticmapreduce email email-smtp emr-containers \
    emr-serverless emr-serverless-services.livy entityresolution events evidently evidently-dataplane execute-api \
    finspace finspace-api fis forecast forecastquery frauddetector fsx geo.geofencing geo.maps geo.metadata \
    geo.places geo.routes geo.tracking git-codecommit glue glue.dashboard grafana grafana-workspace greengrass \
    groundstation guardduty guardduty-data healthlake identitystore imagebuilder inspector-scan inspector2 \
    internetmonitor invoicing iot.credentials iot.data iotfleetwise iotsitewise.api iotsitewise.data \
    iottwinmaker.api iottwinmaker.data iotwireless.api kafka kafkaconnect kendra kinesis-firehose kinesis-streams \
    kinesisanalytics kms lakeformation lambda launchwizard license-manager license-manager-linux-subscriptions \
    license-manager-user-subscriptions logs lookoutequipment lookoutmetrics lookoutvision m2 macie2 mail-manager \
    mediaconnect medical-imaging memory-db mgn migrationhub-orchestrator migrationhub-strategy models-v2-lex \
    monitoring mq neptune-graph network-firewall networkflowmonitor networkflowmonitorreports networkmonitor \
    notifications observabilityadmin organizations outposts panorama payment-cryptography.controlplane \
    payment-cryptography.dataplane pca-connector-ad pca-connector-scep pcs personalize personalize-events \
    personalize-runtime pinpoint pinpoint-sms-voice-v2 pipes polly private-networks profile q qldb.session \
    quicksight-website ram rbin rds rds-data redshift redshift-data redshift-serverless refactor-spaces rekognition \
    resiliencehub resource-explorer-2 resource-groups rolesanywhere route53resolver rum rum-dataplane \
    runtime-medical-imaging runtime-v2-lex s3 s3-outposts s3tables sagemaker.api sagemaker.featurestore-runtime \
    sagemaker.metrics sagemaker.runtime scheduler schemas secretsmanager securityhub securitylake serverlessrepo \
    servicecatalog servicecatalog-appregistry servicediscovery signin simspaceweaver sms-voice \
    snow-device-management sns social-messaging sqs ssm ssm-contacts ssm-incidents ssm-quicksetup ssmmessages states \
    storagegateway streaming-rekognition sts swf sync-states synthetics tagging tax textract thinclient.api \
    timestream-influxdb transcribe transcribestreaming transfer transfer.server translate trustedadvisor \
    verifiedpermissions voiceid vpc-lattice wafv2 wellarchitected wisdom workmail workspaces workspaces-web xray";

/// Those of [`INTERFACE_LABELS`] that North America has as `LABEL-fips` too, on hosts with modules that are validated
/// under FIPS 140.
const FIPS_LABELS: &str = "\
    acm airflow.api airflow.env appconfig appconfigdata bedrock bedrock-data-automation \
    bedrock-data-automation-runtime bedrock-runtime cassandra cloudcontrolapi codebuild codecommit cognito-identity \
    cognito-idp data-servicediscovery dms dynamodb elasticache elasticfilesystem email forecast forecastquery fsx \
    git-codecommit guardduty guardduty-data internetmonitor kafka kinesis-streams kms license-manager \
    license-manager-linux-subscriptions mail-manager neptune-graph network-firewall organizations pcs rds redshift \
    redshift-data rekognition sagemaker.runtime servicediscovery states streaming-rekognition synthetics wafv2 \
    workspaces";

/// Those of [`INTERFACE_LABELS`] that are called otherwise on the internet.
const HOSTS: &[(&str, &str)] = &[("kinesis-firehose", "firehose"), ("kinesis-streams", "kinesis")];

/// Those of [`INTERFACE_LABELS`] whose private name is a wildcard, as S3's are: each user chooses what comes before it.
const WILDCARDS: &[&str] = &["ecr.dkr", "execute-api"];

/// What S3 is called on the internet: for buckets, for access points and for the accounts that have them.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/privatelink-interface-endpoints.html>
const S3_HOSTS: [&str; 3] = ["s3", "s3-accesspoint", "s3-control"];

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
    /// Whether it is S3, whichever way it is reached.
    pub fn is_s3(&self) -> bool {
        self.name.ends_with(".s3")
    }

    /// Whether it is reached through gateways as well as interfaces.
    pub fn has_gateway(&self) -> bool {
        GATEWAY_LABELS.iter().any(|label| self.name.ends_with(&format!(".{label}")))
    }
}

/// The services that a Region offers.
pub fn services(context: &Context<'_>) -> Vec<Service> {
    offered(context, |_| true)
}

/// Those of the services that a Region offers whose label, `lambda`, is wanted.
fn offered(context: &Context<'_>, wanted: impl Fn(&str) -> bool) -> Vec<Service> {
    let region = context.region;
    let zones = zones::of(region);
    let amazonaws = |label: &str, endpoint_type: EndpointType| {
        let own = HOSTS.iter().find(|(known, _)| *known == label).map_or(label, |(_, host)| host);
        let labels: Vec<&str> = own.rsplit('.').collect();
        let host = format!("{}.{region}", labels.join("."));
        let public = format!("{host}.{}", context.dns_suffix());
        let is_interface = endpoint_type == EndpointType::Interface;
        let private_dns_names = match label {
            _ if !is_interface => Vec::new(),
            "dynamodb" | "dynamodb-fips" => Vec::new(),
            "s3" => S3_HOSTS.map(|host| format!("*.{host}.{region}.{}", context.dns_suffix())).into(),
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
    let gateways = GATEWAY_LABELS.iter().filter(|label| wanted(label));
    let gateways = gateways.map(|label| amazonaws(label, EndpointType::Gateway));
    let has_fips = ["us-", "ca-"].iter().any(|prefix| region.starts_with(prefix));
    let fips = FIPS_LABELS.split_whitespace().filter(|_| has_fips).map(|label| format!("{label}-fips"));
    let labels = INTERFACE_LABELS.split_whitespace().map(str::to_owned).chain(fips);
    let interfaces = labels.filter(|label| wanted(label)).map(|label| amazonaws(&label, EndpointType::Interface));
    ["notebook", "studio"]
        .into_iter()
        .filter(|label| wanted(label))
        .map(sagemaker)
        .chain(gateways)
        .chain(interfaces)
        .collect()
}

/// The service that an endpoint of this type leads to.
///
/// # Errors
/// `InvalidServiceName`; `InvalidParameter` if the service has no endpoints of this type.
pub fn find(context: &Context<'_>, name: &str, endpoint_type: EndpointType) -> Result<Service, ApiError> {
    let named = offered(context, |label| name.ends_with(label)).into_iter().filter(|service| service.name == name);
    let named: Vec<Service> = named.collect();
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
        // Sorted they are already.
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
        let interface = both["ServiceDetails"].as_array().unwrap().iter();
        let mut interface = interface.filter(|detail| detail["ServiceType"][0]["ServiceType"] == "Interface");
        let private = interface.next().unwrap()["PrivateDnsNames"].clone();
        assert_eq!(private.as_array().unwrap().len(), 3);
        assert_eq!(private[1]["PrivateDnsName"], "*.s3-accesspoint.us-east-1.amazonaws.com");
    }

    #[test]
    fn an_unknown_service_is_refused() {
        for name in ["studio", "bedrock-runtme", "lambda-fips", "s3.fips", ""] {
            let ask = json!({"ServiceNames": [format!("com.amazonaws.us-east-1.{name}")]});
            assert_eq!(Sandbox::new().refused("DescribeVpcEndpointServices", ask), "InvalidServiceName", "{name}");
        }
    }

    #[test]
    fn services_that_are_only_names_here_have_endpoints_too() {
        let mut world = Sandbox::new();
        for (label, host) in [
            ("bedrock-runtime", "bedrock-runtime"),
            ("config", "config"),
            ("ecs", "ecs"),
            ("kinesis-streams", "kinesis"),
            ("kms-fips", "kms-fips"),
            ("rds", "rds"),
            ("xray", "xray"),
        ] {
            let shown = service(&mut world, "us-east-1", &format!("com.amazonaws.us-east-1.{label}"));
            assert_eq!(shown["PrivateDnsName"], format!("{host}.us-east-1.amazonaws.com"));
        }
        let fips = json!({"ServiceNames": ["com.amazonaws.eu-west-1.kms-fips"]});
        let refusal = world.in_region("eu-west-1", "DescribeVpcEndpointServices", fips).unwrap_err();
        assert_eq!(refusal.code, "InvalidServiceName");
    }

    #[test]
    fn every_service_has_one_name_in_sorted_order() {
        let all = Sandbox::new().ok("DescribeVpcEndpointServices", json!({}))["ServiceNames"].take();
        let names: Vec<&str> = all.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");
    }
}
