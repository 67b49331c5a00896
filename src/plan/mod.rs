//! The plan file: what may be said in it, and what it comes to once every default is filled in.
//!
//! [`Plan`] is the one definition of the fields. Its JSON form has the shape of the file, so a resolved plan is
//! itself a plan; [`schema`] is derived from it, and [`parse()`] reads the file into it.

mod mistake;
mod parse;
mod section;
mod source;
mod syntax;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use mistake::{Mistake, PlanError};
pub use parse::parse;
pub use source::{BUILT_IN, Source};

const ONPREM_CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 10, 0), 24);
const STUDIO_CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 16, 0, 0), 16);

/// A lab to build: a stand-in for the corporate network, the VPC of SageMaker Studio, and the private way between them.
///
/// Only `name` is required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Breezeway plan")]
pub struct Plan {
    /// The lab's name: 1 to 32 lower-case letters, digits and hyphens, the first a letter, the last not a hyphen.
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,

    /// The AWS accounts in which this plan may be applied, twelve digits each. Default: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(regex(pattern = "^[0-9]{12}$")))]
    pub accounts: Vec<String>,

    /// The Regions in which this plan may be applied. Default: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,

    /// The names of the two different Availability Zones of the subnets `a` and `b`. Default: the first two that the
    /// Region offers, chosen when the lab is first built and kept from then on.
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

    /// What the portal may do in AWS.
    #[serde(default)]
    pub access: Access,
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

    /// All rules of the security group `dns`: what is not listed is not allowed. Default: TCP and UDP 53 from `cidr`.
    pub rules: Vec<Rule>,
}

impl Onprem {
    /// The section as it is when nothing but `cidr` is said.
    fn within(cidr: Ipv4Net) -> Self {
        let dns = |protocol, name| Rule {
            direction: Direction::Ingress,
            protocol,
            ports: Some(Ports { from: 53, to: 53 }),
            remote: Remote::Cidr(cidr),
            description: Some(format!("DNS over {name} from the corporate network")),
        };
        Self {
            cidr,
            dns_support: true,
            dns_hostnames: true,
            private: Subnets { a: part(cidr, 2, 0), b: part(cidr, 2, 1) },
            public: Subnets { a: part(cidr, 2, 2), b: part(cidr, 2, 3) },
            rules: vec![dns(Protocol::Tcp, "TCP"), dns(Protocol::Udp, "UDP")],
        }
    }
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
        Self { cidr, dns_support: true, dns_hostnames: true, private, rules }
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

    /// The service that may assume it.
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
            service: "lambda.amazonaws.com".into(),
            actions: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"].map(String::from).into(),
            resources: vec!["*".into()],
            max_session_seconds: 3600,
            description: "The portal of a Breezeway lab".into(),
        }
    }
}

/// Whether a lab may have this name.
///
/// # Errors
/// It may not; the error says what names are made of.
pub fn check_name(name: &str) -> Result<(), PlanError> {
    let refused = |fault: mistake::Fault| PlanError::unreadable(name, fault.sentence, &fault.hint);
    value::lab_name(name).map(drop).map_err(refused)
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
                tags,
                onprem: Onprem { dns_support: onprem_dns, dns_hostnames: onprem_dns, ..Onprem::within(onprem) },
                studio: Studio::within(studio, onprem),
                peering: Peering { enabled },
                access: Access { role, max_session_seconds, description, ..Access::default() },
            };
            if own_rules {
                plan.onprem.rules = vec![rule];
                plan.studio.rules = Vec::new();
            }
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
