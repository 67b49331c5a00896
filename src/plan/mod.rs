//! The plan file: what may be said in it, and what it comes to once every default is filled in.
//!
//! [`Plan`] is the one definition of the fields. Its JSON form has the shape of the file, so a resolved plan is
//! itself a plan; [`schema`] is derived from it, and [`parse()`] reads the file into it.

mod key;
mod mistake;
mod note;
mod parse;
mod policy;
mod section;
mod source;
mod syntax;
mod value;
mod warning;

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::services;

pub use mistake::{Mistake, PlanError};
pub use parse::{check, parse};
pub use source::{BUILT_IN, Source, open_file};
pub use warning::Warning;

const ONPREM_CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 10, 0), 24);
const ANYWHERE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 0);
const STUDIO_CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 16, 0, 0), 16);

/// A lab to build: a stand-in for the corporate network, the VPC of SageMaker Studio, and the private way between them.
///
/// Only `name` is required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Breezeway plan")]
pub struct Plan {
    /// The lab's name: 1 to 32 lower-case letters, digits and hyphens, the first a letter, the last not a hyphen. Not
    /// `sg`, nor anything that begins with `sg-`.
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,

    /// The AWS accounts in which this plan may be applied, twelve digits each. Default: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(regex(pattern = "^[0-9]{12}$")))]
    pub accounts: Vec<String>,

    /// The Regions in which this plan may be applied. Default: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,

    /// The two different Availability Zones of the subnets `a` and `b`: both by name, `us-east-1a`, or both by id,
    /// `use1-az1`, which means the same place in every account. Default: the first two that have all that the plan asks
    /// for, chosen when the lab is first built and kept from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "[String; 2]")]
    pub zones: Option<[String; 2]>,

    /// Whether `down` is refused.
    #[serde(default)]
    pub protect: bool,

    /// The day after which the lab is no longer wanted: `YYYY-MM-DD`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date"))]
    pub expires: Option<Date>,

    /// The ARN of the IAM policy that bounds every role of the lab. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub permissions_boundary: Option<String>,

    /// The ARN of the KMS key, of the lab's Region, that the hosts' volumes are encrypted with. Default: the account's
    /// own for EBS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub kms_key: Option<String>,

    /// Tags put on everything that the lab makes, 40 at most: keys of at most 128 and values of at most 256 letters,
    /// digits, spaces and `_.:/=+-@`. Keys that begin with `aws:` or `breezeway:`, and `Name`, are taken.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,

    /// The VPC that stands in for the corporate network.
    #[serde(default)]
    pub onprem: Onprem,

    /// The customer VPC, where SageMaker Studio lives.
    #[serde(default)]
    pub studio: Studio,

    /// The peering of the two VPCs, which stands in for a VPN or Direct Connect.
    #[serde(default)]
    pub peering: Peering,

    /// How names are answered in the corporate network.
    #[serde(default)]
    pub dns: Dns,

    /// The Windows host from which Studio is opened.
    #[serde(default)]
    pub app_server: AppServer,

    /// What the portal may do in AWS.
    #[serde(default)]
    pub access: Access,

    /// The Studio domain and its users.
    #[serde(default)]
    pub domain: Domain,

    /// Who says who somebody is.
    #[serde(default)]
    pub sign_in: SignIn,

    /// The private API that hands out presigned URLs.
    #[serde(default)]
    pub portal: Portal,
}

/// The VPC that stands in for the corporate network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Onprem {
    /// The IPv4 range of the VPC, /16 to /26.
    #[schemars(with = "String")]
    pub cidr: Ipv4Net,

    /// Whether AWS's resolver answers in this VPC.
    pub dns_support: bool,

    /// Whether instances get DNS host names; needs `dns_support`.
    pub dns_hostnames: bool,

    /// The private subnets. Default: the first and the second quarter of `cidr`.
    pub private: Subnets,

    /// The public subnets. Default: the third and the fourth quarter of `cidr`.
    pub public: Subnets,

    /// All rules of the security group `dns`, which the DNS hosts carry: what is not listed is not allowed. Default:
    /// TCP and UDP 53 from `cidr` and to anywhere, and TCP 443 to anywhere, where packages come from.
    pub rules: Vec<Rule>,

    /// Whether the public subnets reach the internet, and are reached, by an internet gateway.
    pub internet_gateway: bool,

    /// Whether the private subnets reach the internet by a NAT gateway; needs `internet_gateway`.
    pub nat: bool,

    /// The interface endpoints in the private subnets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<InterfaceEndpoint>,

    /// The gateway endpoints of the private subnets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateway_endpoints: Vec<GatewayEndpoint>,
}

impl Onprem {
    /// The section as it is when nothing but `cidr` is said.
    fn within(cidr: Ipv4Net) -> Self {
        Self {
            cidr,
            dns_support: true,
            dns_hostnames: true,
            private: Subnets { a: part(cidr, 2, 0), b: part(cidr, 2, 1) },
            public: Subnets { a: part(cidr, 2, 2), b: part(cidr, 2, 3) },
            rules: dns_from(cidr).into_iter().chain(dns_hosts_to_others()).collect(),
            internet_gateway: false,
            nat: false,
            endpoints: Vec::new(),
            gateway_endpoints: Vec::new(),
        }
    }
}

/// DNS from a network.
fn dns_from(cidr: Ipv4Net) -> [Rule; 2] {
    [(Protocol::Tcp, "TCP"), (Protocol::Udp, "UDP")].map(|(protocol, name)| Rule {
        direction: Direction::Ingress,
        protocol,
        ports: Some(Ports { from: 53, to: 53 }),
        remote: Remote::Cidr(cidr),
        description: Some(format!("DNS over {name} from the corporate network")),
    })
}

/// What a DNS host must reach: other DNS servers, and the repositories of its packages.
fn dns_hosts_to_others() -> [Rule; 3] {
    [(Protocol::Tcp, 53, "DNS over TCP"), (Protocol::Udp, 53, "DNS over UDP"), (Protocol::Tcp, 443, "Packages")].map(
        |(protocol, port, what)| Rule {
            direction: Direction::Egress,
            protocol,
            ports: Some(Ports { from: port, to: port }),
            remote: Remote::Cidr(ANYWHERE),
            description: Some(what.to_owned()),
        },
    )
}

impl Default for Onprem {
    fn default() -> Self {
        Self::within(ONPREM_CIDR)
    }
}

/// The customer VPC, where SageMaker Studio lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Studio {
    /// The IPv4 range of the VPC, /16 to /27.
    #[schemars(with = "String")]
    pub cidr: Ipv4Net,

    /// Whether AWS's resolver answers in this VPC.
    pub dns_support: bool,

    /// Whether instances get DNS host names; needs `dns_support`.
    pub dns_hostnames: bool,

    /// The private subnets. Default: the third and the seventh sixteenth of `cidr`; where `cidr` is smaller than /24,
    /// its halves.
    pub private: Subnets,

    /// All rules of the security group `endpoints`: what is not listed is not allowed. Default: TCP 443 from
    /// `onprem.cidr` and from `cidr`.
    pub rules: Vec<Rule>,

    /// All rules of the security group `studio`, which Studio's apps carry. Default: everything among its members, and
    /// everything to anywhere.
    pub app_rules: Vec<Rule>,

    /// The interface endpoints in the private subnets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<InterfaceEndpoint>,

    /// The gateway endpoints of the private subnets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateway_endpoints: Vec<GatewayEndpoint>,
}

impl Studio {
    /// The section as it is when nothing but the two VPCs' ranges is said.
    fn within(cidr: Ipv4Net, onprem: Ipv4Net) -> Self {
        let https = |from, name| Rule {
            direction: Direction::Ingress,
            protocol: Protocol::Tcp,
            ports: Some(Ports { from: 443, to: 443 }),
            remote: Remote::Cidr(from),
            description: Some(format!("HTTPS from the {name}")),
        };
        let private = if cidr.prefix_len() <= 24 {
            Subnets { a: part(cidr, 4, 2), b: part(cidr, 4, 6) }
        } else {
            Subnets { a: part(cidr, 1, 0), b: part(cidr, 1, 1) }
        };
        let mut rules = vec![https(onprem, "corporate network")];
        // The same range twice, possible without peering, would be the same rule twice.
        if cidr != onprem {
            rules.push(https(cidr, "Studio VPC"));
        }
        let everything = |direction, remote, what: &str| Rule {
            direction,
            protocol: Protocol::All,
            ports: None,
            remote,
            description: Some(what.to_owned()),
        };
        let app_rules = vec![
            everything(Direction::Ingress, Remote::Group(Group::Own), "Among the apps of Studio"),
            everything(Direction::Egress, Remote::Cidr(ANYWHERE), "To anywhere"),
        ];
        Self {
            cidr,
            dns_support: true,
            dns_hostnames: true,
            private,
            rules,
            app_rules,
            endpoints: Vec::new(),
            gateway_endpoints: Vec::new(),
        }
    }

    /// Whether the private names of a service are known in this VPC.
    pub fn answers(&self, service: &str) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.service == service && endpoint.has_private_names())
    }
}

impl Default for Studio {
    fn default() -> Self {
        Self::within(STUDIO_CIDR, ONPREM_CIDR)
    }
}

/// The part of `cidr` numbered `index`, from 0, when it is cut into `2^bits` equal parts; all of it where there is no
/// such part.
fn part(cidr: Ipv4Net, bits: u8, index: usize) -> Ipv4Net {
    let parts = cidr.subnets(cidr.prefix_len().saturating_add(bits));
    parts.ok().and_then(|mut parts| parts.nth(index)).unwrap_or(cidr)
}

/// Two subnets, one in each zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = []))]
pub struct Subnets {
    /// The IPv4 range of the subnet in the first zone, /16 to /28.
    #[schemars(with = "String")]
    pub a: Ipv4Net,

    /// The IPv4 range of the subnet in the second zone, /16 to /28.
    #[schemars(with = "String")]
    pub b: Ipv4Net,
}

impl Subnets {
    /// The address numbered `offset` of each subnet, or else one near it that no endpoint has.
    fn addresses(&self, offset: u32, endpoints: &[InterfaceEndpoint]) -> Addresses {
        let taken: Vec<Addresses> = endpoints.iter().filter_map(|endpoint| endpoint.addresses).collect();
        Addresses {
            a: address(self.a, offset, &taken.iter().map(|both| both.a).collect::<Vec<_>>()),
            b: address(self.b, offset, &taken.iter().map(|both| both.b).collect::<Vec<_>>()),
        }
    }
}

/// The address numbered `offset` of a subnet, or the last where it has fewer; where that is taken, the next that isn't.
fn address(subnet: Ipv4Net, offset: u32, taken: &[Ipv4Addr]) -> Ipv4Addr {
    let (first, last) = usable(subnet);
    let wanted = Ipv4Addr::from_bits(subnet.network().to_bits().saturating_add(offset)).clamp(first, last);
    let bits = (wanted.to_bits()..=last.to_bits()).chain(first.to_bits()..wanted.to_bits());
    bits.map(Ipv4Addr::from_bits).find(|address| !taken.contains(address)).unwrap_or(wanted)
}

/// The first and the last address of a subnet that AWS doesn't keep for itself:
/// <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>.
fn usable(subnet: Ipv4Net) -> (Ipv4Addr, Ipv4Addr) {
    (Ipv4Addr::from_bits(subnet.network().to_bits() + 4), Ipv4Addr::from_bits(subnet.broadcast().to_bits() - 1))
}

/// Two addresses, one in each zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// The address in the first zone.
    pub a: Ipv4Addr,
    /// The address in the second zone.
    pub b: Ipv4Addr,
}

/// An interface endpoint: a private way to a service of AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InterfaceEndpoint {
    /// The service, by the last part of its name: `studio`, `sagemaker.api`, `execute-api`, `lambda`.
    #[schemars(extend("enum" = services::INTERFACE))]
    pub service: String,

    /// Whether the service's own names lead to the endpoint inside the VPC; needs both DNS attributes of the VPC, and
    /// for `s3` a gateway endpoint too. Those of `execute-api` are the names of every API of the Region.
    #[serde(default = "yes")]
    pub private_dns: bool,

    /// Whether, in place of private DNS, a private hosted zone of the lab's own lets the service's names lead to the
    /// endpoint inside the VPC, which needs both DNS attributes. Without private DNS by default, then; not for `s3`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hosted_zone: bool,

    /// Its addresses in the private subnets. Default: two that nothing else in the plan has, always the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Addresses")]
    pub addresses: Option<Addresses>,

    /// What may be asked through it: an IAM policy as JSON, at most 20,480 characters. Default: everything; for `studio`
    /// and `sagemaker.api` where `access.mode` is said, everything but presigned URLs of other accounts, or in
    /// `source-ip` but any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub policy: Option<String>,
}

impl InterfaceEndpoint {
    /// Whether the service's own names lead to it inside the VPC, in one way or the other.
    pub fn has_private_names(&self) -> bool {
        self.private_dns || self.hosted_zone
    }
}

/// A gateway endpoint: a route to S3 or DynamoDB, without a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayEndpoint {
    /// `s3` or `dynamodb`.
    #[schemars(extend("enum" = services::GATEWAY))]
    pub service: String,

    /// What may be asked through it: an IAM policy as JSON, at most 20,480 characters. Default: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub policy: Option<String>,
}

fn yes() -> bool {
    true
}

/// How names are answered in the corporate network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dns {
    /// Who forwards the private names to the Studio VPC, which must be peered and have an endpoint with private DNS.
    pub mode: DnsMode,

    /// The endpoint services whose names are forwarded; the Studio VPC must have an endpoint with private DNS for each.
    /// Default: `studio`, `execute-api` and `sagemaker.api`, as far as it has; none where `mode` is `off`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forward: Vec<String>,

    /// The addresses of the resolver's inbound endpoint. Default: the 10th of each private Studio subnet, or else the
    /// next that is free.
    pub resolver: Addresses,

    /// All rules of the security group `resolver`. Default: TCP and UDP 53 from `onprem.cidr`.
    pub resolver_rules: Vec<Rule>,

    /// The addresses of the DNS hosts. Default: the 10th of each private on-premises subnet, or else the next that is
    /// free.
    pub servers: Addresses,

    /// The instance type of the DNS hosts, with an x86 processor.
    pub instance_type: String,

    /// The AMI of the DNS hosts. Default: the newest Amazon Linux 2023 when the lab is first built, kept from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub image: Option<String>,

    /// The size of a DNS host's volume in GiB.
    #[schemars(range(min = 8, max = 16384))]
    pub volume_gib: u32,

    /// The corporate domain that the DNS hosts answer for, as a sample: your own or an example's, never AWS's.
    pub domain: String,
}

/// Who forwards the private names to the Studio VPC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DnsMode {
    /// Nobody: there is no resolver endpoint.
    #[default]
    Off,
    /// DHCP options name the resolver's addresses as the DNS servers of the corporate network: no hosts.
    Dhcp,
    /// Two hosts with BIND, as a corporate network has them. They need a way to its packages: a gateway endpoint for S3
    /// in `onprem`, or its NAT gateway.
    Server,
}

impl Dns {
    /// The section as it is when nothing but the networks is said.
    fn within(onprem: &Onprem, studio: &Studio) -> Self {
        Self {
            mode: DnsMode::Off,
            forward: Vec::new(),
            resolver: studio.private.addresses(10, &studio.endpoints),
            resolver_rules: dns_from(onprem.cidr).into(),
            servers: onprem.private.addresses(10, &onprem.endpoints),
            instance_type: "t3.micro".into(),
            image: None,
            volume_gib: 8,
            domain: "corp.example".into(),
        }
    }
}

/// The services whose names are forwarded where a plan with forwarders doesn't say.
fn forwarded(studio: &Studio) -> Vec<String> {
    let services = ["studio", "execute-api", "sagemaker.api"].into_iter();
    services.filter(|service| studio.answers(service)).map(String::from).collect()
}

impl Default for Dns {
    fn default() -> Self {
        Self::within(&Onprem::default(), &Studio::default())
    }
}

/// The Windows host from which Studio is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(transform = with_public_key_file)]
pub struct AppServer {
    /// Whether there is one.
    pub enabled: bool,

    /// Its instance type, with an x86 processor.
    pub instance_type: String,

    /// Its AMI. Default: the newest Windows Server 2022 when the lab is first built, kept from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub image: Option<String>,

    /// Its address. Default: the 20th of the first public on-premises subnet, or the last of a smaller one.
    pub address: Ipv4Addr,

    /// The size of its volume in GiB.
    #[schemars(range(min = 30, max = 16384))]
    pub volume_gib: u32,

    /// Who may connect to it by RDP, /8 to /32; needs `onprem.internet_gateway`. Default: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub operator_cidr: Option<Ipv4Net>,

    /// Your public RSA key in OpenSSH's form, 2048 to 4096 bits, which the Administrator's password is encrypted with.
    /// Default: none, and no password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub public_key: Option<String>,

    /// Whether Session Manager and Run Command reach it.
    pub session_manager: bool,
}

impl AppServer {
    /// The section as it is when nothing but the network is said.
    fn within(onprem: &Onprem) -> Self {
        Self {
            enabled: false,
            instance_type: "t3a.medium".into(),
            image: None,
            address: address(onprem.public.a, 20, &[]),
            volume_gib: 30,
            operator_cidr: None,
            public_key: None,
            session_manager: true,
        }
    }
}

/// Adds the key that only files have: what it names is resolved into `public_key`.
fn with_public_key_file(schema: &mut schemars::Schema) {
    let description = "The file of the public key, from the plan's folder or from `~/`; in place of `public_key`.";
    if let Some(properties) = schema.get_mut("properties").and_then(|properties| properties.as_object_mut()) {
        let file = serde_json::json!({ "type": "string", "description": description });
        properties.insert("public_key_file".into(), file);
    }
}

impl Default for AppServer {
    fn default() -> Self {
        Self::within(&Onprem::default())
    }
}

/// The Studio domain and its users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Domain {
    /// Whether there is one. Its apps have their network interfaces in the private subnets of the Studio VPC and no other
    /// way out; it needs an endpoint for `studio` there.
    pub enabled: bool,

    /// Its user profiles: 1 to 63 letters, digits and single hyphens each.
    #[schemars(length(min = 1), inner(regex(pattern = "^[A-Za-z0-9](-*[A-Za-z0-9]){0,62}$")))]
    pub users: Vec<String>,

    /// Whether SageMaker makes a file system for the users' homes, which Studio Classic needs. Costs by what is in it, and
    /// goes only with the domain.
    pub home_file_system: bool,

    /// The actions that its users' role allows on the domain and what is in it, as `service:Action`; those that list, of
    /// everything. Default: what Studio's own pages need.
    #[schemars(length(min = 1))]
    pub actions: Vec<String>,
}

/// What Studio's pages call on behalf of their users:
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/security_iam_id-based-policy-examples.html>.
const STUDIO_ACTIONS: [&str; 17] = [
    "sagemaker:AddTags",
    "sagemaker:CreateApp",
    "sagemaker:CreatePresignedDomainUrl",
    "sagemaker:CreateSpace",
    "sagemaker:DeleteApp",
    "sagemaker:DeleteSpace",
    "sagemaker:DescribeApp",
    "sagemaker:DescribeDomain",
    "sagemaker:DescribeSpace",
    "sagemaker:DescribeUserProfile",
    "sagemaker:ListApps",
    "sagemaker:ListDomains",
    "sagemaker:ListSpaces",
    "sagemaker:ListTags",
    "sagemaker:ListUserProfiles",
    "sagemaker:UpdateSpace",
    "sagemaker:UpdateUserProfile",
];

impl Default for Domain {
    fn default() -> Self {
        Self {
            enabled: false,
            users: vec!["studio-user".into()],
            home_file_system: false,
            actions: STUDIO_ACTIONS.map(String::from).into(),
        }
    }
}

/// The claim of a Cognito token that users can't change.
pub const USER_NAME_CLAIM: &str = "cognito:username";

/// Who says who somebody is: a user pool that the lab makes, an existing one, or any provider of OpenID Connect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignIn {
    /// Whether anybody can sign in. With neither `pool` nor `issuer`, the lab has a user pool of its own, which knows the
    /// users of `domain`; nobody has a password before an administrator sets one.
    pub enabled: bool,

    /// The id of an existing user pool, its Region first; needs `client`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub pool: Option<String>,

    /// The id of the app client in that pool by which users sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub client: Option<String>,

    /// Any other provider, as its tokens have it in `iss`: an https URL without a slash at its end; needs `audience` and
    /// `user_claim`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub issuer: Option<String>,

    /// Whom that provider makes tokens for, as they have it in `aud`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub audience: Option<String>,

    /// The claim that names the user; with `pool` or `issuer` only. It has to be one that users can't change. Default:
    /// `cognito:username`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub user_claim: Option<String>,
}

/// The private API that hands out presigned URLs, and its page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Portal {
    /// Whether there is one. Its function makes the URLs from inside the Studio VPC: it needs
    /// `access.mode = "source-vpce"` or `"source-vpc"`, an endpoint for `sagemaker.api` with private DNS, and a
    /// gateway endpoint for `dynamodb`.
    pub enabled: bool,

    /// For how many days the logs of its functions are kept.
    #[schemars(extend("enum" = LOG_RETENTION_DAYS))]
    pub log_retention_days: u32,

    /// Within how many seconds a URL must be opened.
    #[schemars(range(min = 5, max = 300))]
    pub url_expires_seconds: u32,

    /// How many seconds a Studio session lasts that was opened by such a URL.
    #[schemars(range(min = 1800, max = 43200))]
    pub session_expires_seconds: u32,

    /// Who gets URLs for which profile: the name under which somebody signs in, as tokens have it, `ann@corp.example`,
    /// and a user of `domain`. Names have 1 to 128 letters, digits and `._@+=-`, a letter or digit first. Default: each
    /// user of `domain` under their own name, in lower case.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, String>,
}

/// For how many days CloudWatch keeps logs:
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>.
const LOG_RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

impl Default for Portal {
    fn default() -> Self {
        Self {
            enabled: false,
            log_retention_days: 30,
            url_expires_seconds: 60,
            session_expires_seconds: 43200,
            profiles: BTreeMap::new(),
        }
    }
}

impl Plan {
    /// Who gets URLs for which profile, by the name under which they sign in.
    pub fn profiles(&self) -> BTreeMap<String, String> {
        if !self.portal.profiles.is_empty() {
            return self.portal.profiles.clone();
        }
        // In lower case, as the lab's own user pool has them.
        self.domain.users.iter().map(|user| (user.to_lowercase(), user.clone())).collect()
    }

    /// Takes over what an earlier plan chose once, where this one leaves it open: zones and images.
    pub fn take_choices(&mut self, earlier: &Self) {
        fn take<T: Clone>(open: &mut Option<T>, chosen: Option<&T>) {
            *open = open.take().or_else(|| chosen.cloned());
        }
        take(&mut self.zones, earlier.zones.as_ref());
        take(&mut self.dns.image, earlier.dns.image.as_ref());
        take(&mut self.app_server.image, earlier.app_server.image.as_ref());
    }
}

/// A rule of a security group, with exactly one of `cidr` and `group`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which way the connection is opened.
    #[serde(default)]
    pub direction: Direction,

    /// What may pass.
    pub protocol: Protocol,

    /// The ports that may be connected to, for `tcp` and `udp` only: `53` or `1024-2048`. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Ports")]
    pub ports: Option<Ports>,

    /// Who is at the other end.
    #[serde(flatten)]
    pub remote: Remote,

    /// What the rule is for, at most 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub description: Option<String>,
}

/// Which way a connection is opened, seen from the members of the group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To a member of the group.
    #[default]
    Ingress,
    /// From a member of the group.
    Egress,
}

/// An IP protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP, every type and code.
    Icmp,
    /// Every protocol, on every port.
    All,
}

/// A range of ports, both ends included; `from` is at most `to`. Written `53` or `1024-2048`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ports {
    /// The lowest port.
    pub from: u16,
    /// The highest port.
    pub to: u16,
}

impl Ports {
    const ALL: Self = Self { from: 0, to: u16::MAX };
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to { write!(f, "{}", self.from) } else { write!(f, "{}-{}", self.from, self.to) }
    }
}

impl From<Ports> for String {
    fn from(ports: Ports) -> Self {
        ports.to_string()
    }
}

impl TryFrom<String> for Ports {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        value::ports(&text).map_err(|fault| fault.sentence)
    }
}

impl JsonSchema for Ports {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ports".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$" })
    }
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Remote {
    /// Any address of an IPv4 range.
    Cidr(#[schemars(with = "String")] Ipv4Net),
    /// The members of a security group.
    Group(Group),
}

/// A security group, as a rule names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Group {
    /// The group that the rule belongs to.
    #[serde(rename = "self")]
    Own,
}

/// The peering of the two VPCs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Peering {
    /// Whether the VPCs are peered, with routes both ways; their ranges must not overlap then.
    pub enabled: bool,
}

impl Default for Peering {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// The portal's role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Whether there is such a role.
    pub role: bool,

    /// What a presigned URL is bound to; `source-vpce` and `source-vpc` need endpoints for `studio` and `sagemaker.api` in
    /// the Studio VPC. Default: the role may not make one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AccessMode")]
    pub mode: Option<AccessMode>,

    /// The public networks from which a URL may be made and opened, each /8 to /32; for `mode = "source-ip"` only, which
    /// needs them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub source_ip: Vec<Ipv4Net>,

    /// The service that may assume it, by its principal.
    pub service: String,

    /// The actions that its inline policy allows, as `service:Action`, wildcards included.
    #[schemars(length(min = 1))]
    pub actions: Vec<String>,

    /// The resources on which it allows them: ARNs, or `*`.
    #[schemars(length(min = 1))]
    pub resources: Vec<String>,

    /// How long a session of the role lasts at most, in seconds.
    #[schemars(range(min = 3600, max = 43200))]
    pub max_session_seconds: u32,

    /// What the role is for, at most 1000 characters.
    pub description: String,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            role: true,
            mode: None,
            source_ip: Vec::new(),
            service: "lambda.amazonaws.com".into(),
            actions: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"].map(String::from).into(),
            resources: vec!["*".into()],
            max_session_seconds: 3600,
            description: "The portal of a Breezeway lab".into(),
        }
    }
}

/// What a presigned URL is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AccessMode {
    /// The endpoints for Studio and for SageMaker's API: nothing else admits a URL, and the console's own "Open
    /// Studio" no longer works for these users.
    SourceVpce,
    /// The Studio VPC: any endpoint in it. The console's own "Open Studio" no longer works for these users.
    SourceVpc,
    /// Public addresses, over the internet: what the private way replaces. Endpoints refuse it, and behind a shared
    /// egress, such as a proxy, it keeps nobody out.
    SourceIp,
}

/// Whether a lab may have this name.
///
/// # Errors
/// It may not; the error says what names are made of.
pub fn check_name(name: &str) -> Result<(), PlanError> {
    let refused = |fault: mistake::Fault| PlanError::unreadable(name, fault.sentence, &fault.hint);
    value::lab_name(name).map(drop).map_err(refused)
}

/// Whether a text has the form of a Region's name.
///
/// # Errors
/// It has not; the error says what such a name looks like.
pub fn check_region(region: &str) -> Result<(), PlanError> {
    let refused = |fault: mistake::Fault| PlanError::unreadable(region, fault.sentence, &fault.hint);
    value::region(region).map(drop).map_err(refused)
}

/// The JSON Schema of plan files.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Plan).to_value()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn onprem_is_cut_into_quarters() {
        let onprem = Onprem::within(net("10.0.0.0/26"));
        assert_eq!(onprem.private, Subnets { a: net("10.0.0.0/28"), b: net("10.0.0.16/28") });
        assert_eq!(onprem.public, Subnets { a: net("10.0.0.32/28"), b: net("10.0.0.48/28") });
    }

    #[test]
    fn studio_takes_two_sixteenths_or_halves() {
        let private = |cidr| Studio::within(net(cidr), ONPREM_CIDR).private;
        assert_eq!(private("10.16.0.0/16"), Subnets { a: net("10.16.32.0/20"), b: net("10.16.96.0/20") });
        assert_eq!(private("10.16.0.0/24"), Subnets { a: net("10.16.0.32/28"), b: net("10.16.0.96/28") });
        assert_eq!(private("10.16.0.0/25"), Subnets { a: net("10.16.0.0/26"), b: net("10.16.0.64/26") });
        assert_eq!(private("10.16.0.0/27"), Subnets { a: net("10.16.0.0/28"), b: net("10.16.0.16/28") });
    }

    #[test]
    fn addresses_are_those_that_aws_leaves() {
        let at = |offset, taken: &[&str]| {
            let taken: Vec<Ipv4Addr> = taken.iter().map(|text| text.parse().unwrap()).collect();
            address(net("10.0.0.16/28"), offset, &taken).to_string()
        };
        assert_eq!(at(10, &[]), "10.0.0.26");
        assert_eq!(at(0, &[]), "10.0.0.20");
        assert_eq!(at(20, &[]), "10.0.0.30");
        assert_eq!(at(10, &["10.0.0.26", "10.0.0.27"]), "10.0.0.28");
        assert_eq!(at(20, &["10.0.0.30", "10.0.0.20"]), "10.0.0.21");
    }

    #[test]
    fn a_rule_in_json_has_the_shape_of_the_file() {
        let rule = Rule {
            direction: Direction::Egress,
            protocol: Protocol::Tcp,
            ports: Some(Ports { from: 1024, to: 2048 }),
            remote: Remote::Group(Group::Own),
            description: None,
        };
        let value = json!({ "direction": "egress", "protocol": "tcp", "ports": "1024-2048", "group": "self" });
        assert_eq!(serde_json::to_value(&rule).unwrap(), value);
        assert_eq!(serde_json::from_value::<Rule>(value).unwrap(), rule);
    }

    #[test]
    fn what_a_plan_does_not_know_is_refused_in_json() {
        let refused = |value| serde_json::from_value::<Plan>(value).unwrap_err().to_string();
        assert!(refused(json!({ "name": "lab", "colour": "red" })).contains("unknown field `colour`"));
        let rule = json!({ "protocol": "tcp", "cidr": "10.0.0.0/8", "colour": "red" });
        assert!(refused(json!({ "name": "lab", "onprem": { "rules": [rule] } })).contains("unknown field `colour`"));
    }

    #[test]
    fn the_schema_describes_every_field_and_requires_the_name_only() {
        let schema = schema();
        assert_eq!(schema["required"], json!(["name"]));
        assert_eq!(schema["$defs"]["Subnets"]["required"], json!([]));
        assert_eq!(schema["$defs"]["Onprem"]["properties"]["cidr"]["default"], "192.168.10.0/24");
        assert!(schema["$defs"]["AppServer"]["properties"]["public_key_file"].is_object());
        let sections = schema["$defs"].as_object().unwrap().iter();
        for (section, schema) in sections.map(|(name, schema)| (name.as_str(), schema)).chain([("Plan", &schema)]) {
            for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
                assert!(schema["description"].is_string(), "{section}.{field}");
            }
        }
    }

    fn any_rule(network: Ipv4Net) -> impl Strategy<Value = Rule> {
        let direction = prop_oneof![Just(Direction::Ingress), Just(Direction::Egress)];
        let traffic = prop_oneof![
            Just((Protocol::All, None)),
            Just((Protocol::Icmp, None)),
            Just((Protocol::Udp, None)),
            (1..=u16::MAX, any::<u16>()).prop_map(|(from, to)| (Protocol::Tcp, Some(Ports { from, to: to.max(from) }))),
        ];
        let remote = prop_oneof![Just(Remote::Group(Group::Own)), Just(Remote::Cidr(network))];
        let description = prop::option::of("[a-z ]{0,20}");
        (direction, traffic, remote, description).prop_map(|(direction, (protocol, ports), remote, description)| Rule {
            direction,
            protocol,
            ports,
            remote,
            description,
        })
    }

    /// Gives a plan endpoints for these services, and whatever else they allow it to have.
    fn furnish(plan: &mut Plan, services: &[&'static str], mode: DnsMode, flags: [bool; 7]) {
        let [fixed, gateways, nat, host, key, domain, portal] = flags;
        let policy = || {
            let everything = json!({ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" });
            format!("{:#}", json!({ "Version": "2012-10-17", "Statement": [everything] }))
        };
        let subnets = plan.studio.private.clone();
        let fixed = fixed && subnets.a.prefix_len() < 26;
        let endpoint = |(service, offset): (&&str, u32)| InterfaceEndpoint {
            service: (*service).into(),
            private_dns: !["lambda", "execute-api"].contains(service),
            hosted_zone: *service == "execute-api",
            addresses: fixed
                .then(|| Addresses { a: address(subnets.a, offset, &[]), b: address(subnets.b, offset, &[]) }),
            policy: gateways.then(policy),
        };
        plan.studio.endpoints = services.iter().zip(10..).map(endpoint).collect();
        let gateway = |service: &str| GatewayEndpoint { service: service.into(), policy: key.then(policy) };
        if gateways {
            plan.onprem.gateway_endpoints = vec![gateway("s3")];
            plan.studio.gateway_endpoints = vec![gateway("dynamodb"), gateway("s3")];
        }
        (plan.onprem.internet_gateway, plan.onprem.nat) = (nat, nat);
        plan.dns = Dns::within(&plan.onprem, &plan.studio);
        let server = plan.onprem.dns_support && (gateways || nat);
        if plan.peering.enabled && !forwarded(&plan.studio).is_empty() && (server || mode != DnsMode::Server) {
            plan.dns.mode = mode;
        }
        if plan.dns.mode != DnsMode::Off {
            plan.dns.forward = forwarded(&plan.studio);
        }
        plan.app_server = AppServer {
            enabled: host,
            image: key.then(|| "ami-0123456789abcdef0".into()),
            operator_cidr: nat.then(|| net("203.0.113.0/24")),
            public_key: key.then(|| key::testing::RSA.into()),
            ..AppServer::within(&plan.onprem)
        };
        if plan.access.role && services.contains(&"studio") && services.contains(&"sagemaker.api") {
            plan.access.mode = Some(AccessMode::SourceVpce);
        } else if plan.access.role && host {
            plan.access.mode = Some(AccessMode::SourceIp);
            plan.access.source_ip = vec![net("203.0.113.0/24")];
        }
        plan.domain.enabled = domain && services.contains(&"studio");
        plan.domain.home_file_system = host;
        if key {
            plan.domain.users = vec!["Ann".into(), "b-2".into()];
        }
        let bound = plan.access.mode == Some(AccessMode::SourceVpce) && plan.studio.answers("sagemaker.api");
        let reached = services.contains(&"execute-api") && plan.domain.enabled && plan.sign_in.enabled;
        plan.portal.enabled = portal && gateways && bound && reached;
    }

    fn sign_in(existing: bool, other: bool) -> SignIn {
        let text = |is: bool, text: &str| is.then(|| text.to_owned());
        let issuer = other && !existing;
        SignIn {
            enabled: other,
            pool: text(existing, "eu-west-1_A"),
            client: text(existing, "c"),
            issuer: text(issuer, "https://a.example"),
            audience: text(issuer, "api"),
            user_claim: text(existing || issuer, "sub"),
        }
    }

    prop_compose! {
        fn any_plan()(
            name in "[a-z]([a-z0-9-]{0,30}[a-z0-9])?",
            (onprem, studio) in (0..=255_u8, 16..=26_u8, 0..=255_u8, 16..=27_u8).prop_map(|(a, short, b, long)| (
                Ipv4Net::new_assert(Ipv4Addr::new(10, a, 0, 0), short),
                Ipv4Net::new_assert(Ipv4Addr::new(11, b, 0, 0), long),
            )),
            flags in any::<[bool; 5]>(),
            accounts in prop::collection::btree_set("[0-9]{12}", 0..3),
            zones in any::<bool>(),
            expires in prop::option::of((2000..2100_i16, 1..=12_i8, 1..=28_i8)),
            tags in prop::collection::btree_map("[b-m][é \\-a-z]{0,9}", "[A-Z_.:/=+@]{0,9}", 0..4),
            rule in any_rule(ONPREM_CIDR),
            max_session_seconds in 3600..=43200_u32,
            description in "[ -~\t\n]{0,40}",
            services in prop::sample::subsequence(vec!["studio", "lambda", "sagemaker.api", "execute-api"], 0..=4),
            mode in prop::sample::select(vec![DnsMode::Off, DnsMode::Dhcp, DnsMode::Server]),
            furniture in any::<[bool; 7]>(),
        ) -> Plan {
            let [protect, onprem_dns, enabled, role, own_rules] = flags;
            let mut plan = Plan {
                name,
                accounts: accounts.into_iter().collect(),
                regions: if zones { vec!["eu-west-1".into()] } else { Vec::new() },
                zones: zones.then(|| ["eu-west-1c".into(), "eu-west-1a".into()]),
                protect,
                expires: expires.map(|(year, month, day)| Date::new(year, month, day).unwrap()),
                permissions_boundary: role.then(|| "arn:aws:iam::aws:policy/PowerUserAccess".into()),
                kms_key: role.then(|| "arn:aws:kms:eu-west-1:111122223333:key/mrk-0a".into()),
                tags,
                onprem: Onprem { dns_support: onprem_dns, dns_hostnames: onprem_dns, ..Onprem::within(onprem) },
                studio: Studio::within(studio, onprem),
                peering: Peering { enabled },
                dns: Dns::default(),
                app_server: AppServer::default(),
                domain: Domain::default(),
                sign_in: sign_in(furniture[0], furniture[5]),
                portal: Portal::default(),
                access: Access { role, max_session_seconds, description, ..Access::default() },
            };
            if own_rules {
                plan.onprem.rules = vec![rule];
                plan.studio.rules = Vec::new();
            }
            furnish(&mut plan, &services, mode, furniture);
            plan
        }
    }

    proptest! {
        #[test]
        fn a_plan_survives_json(plan in any_plan()) {
            let json = serde_json::to_string(&plan).unwrap();
            prop_assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
        }

        #[test]
        fn a_resolved_plan_is_itself_a_plan_file(plan in any_plan()) {
            let text = toml::to_string(&plan).unwrap();
            let again = parse(&Source { name: "again.toml".into(), text });
            prop_assert_eq!(again.map_err(|error| error.mistakes), Ok(plan));
        }
    }
}
