//! One file per AWS resource type: its spec, how to list all of its kind in one paged call, how to create, change
//! and delete it, when it is ready, which fields AWS changes in place.
//!
//! Nothing here knows the lab: a resource knows its own kind and what it refers to.

pub mod api_authorizer;
pub mod api_deployment;
pub mod api_method;
pub mod api_resource;
pub mod api_stage;
pub mod app;
pub mod dhcp_options;
pub mod dhcp_options_association;
pub mod domain;
pub mod elastic_ip;
pub mod file_system;
pub mod function;
pub mod function_permission;
pub mod gateway_endpoint;
pub mod hosted_zone;
pub mod instance;
pub mod instance_profile;
pub mod interface_endpoint;
pub mod internet_gateway;
pub mod key_pair;
pub mod log_group;
pub mod nat_gateway;
pub mod network_acl;
pub mod network_interface;
pub mod policy;
pub mod record_set;
pub mod reference;
pub mod resolver_endpoint;
pub mod resolver_rule_association;
pub mod rest_api;
pub mod role;
pub mod role_policy;
pub mod role_policy_attachment;
pub mod route;
pub mod route_table;
pub mod route_table_association;
pub mod security_group;
pub mod security_group_rule;
pub mod space;
pub mod subnet;
pub mod table;
pub mod table_item;
pub mod user_pool;
pub mod user_pool_client;
pub mod user_pool_user;
pub mod user_profile;
pub mod volume;
pub mod vpc;
pub mod vpc_peering_connection;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::aws::tags::{self, Tags};
use crate::aws::{Aws, Class, Failure};
pub use reference::{Address, Pointer, Ref, Set, Text};

/// A serialised spec: its fields by name.
pub type Fields = Map<String, Value>;

/// What AWS says of how far a resource is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// It can be used.
    Ready,
    /// It will be; keep looking.
    Pending,
    /// It is on its way out.
    Deleting,
    /// It will not be, and why.
    Failed(String),
}

/// A resource as AWS shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// AWS's id, or a made-up one where AWS has none: parent and natural key.
    pub id: String,
    /// AWS's own word for its state.
    pub state: String,
    /// What that word means.
    pub readiness: Readiness,
    /// All its tags, ours and others'.
    pub tags: Tags,
    /// What it is.
    pub spec: Spec,
    /// Values that exist once it does: `arn`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// Fields of the spec that could not be read: they say nothing of what it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

impl Observed {
    /// A resource that AWS shows without a state: there, and ready.
    pub fn standing(id: impl Into<String>, tags: Tags, spec: impl Into<Spec>) -> Self {
        Self {
            id: id.into(),
            state: "available".into(),
            readiness: Readiness::Ready,
            tags,
            spec: spec.into(),
            outputs: BTreeMap::new(),
            unread: Vec::new(),
        }
    }

    /// The kind of resource.
    pub fn kind(&self) -> Kind {
        self.spec.kind()
    }

    /// Whether what it is in can't be removed while it stands: not so what came with a VPC, which goes with it, nor the
    /// resolver rules that hold and the hosted zones that answer there, nor the profiles of a domain and the users of a
    /// pool, which are deleted with it.
    pub fn blocks(&self) -> bool {
        let goes_along = matches!(
            &self.spec,
            Spec::ResolverRuleAssociation(_) | Spec::HostedZone(_) | Spec::UserProfile(_) | Spec::UserPoolUser(_)
        );
        !self.came_with_vpc() && !goes_along
    }

    /// Whether AWS made it with its VPC: the default security group and network ACL, the main route table.
    pub fn came_with_vpc(&self) -> bool {
        match &self.spec {
            Spec::NetworkAcl(acl) => acl.default,
            Spec::SecurityGroup(group) => group.is_default(),
            Spec::RouteTable(_) => route_table::is_main(self),
            _ => false,
        }
    }

    /// Whether GuardDuty made it, as it does in every VPC where it monitors instances:
    /// <https://docs.aws.amazon.com/guardduty/latest/ug/how-runtime-monitoring-works-ec2.html>.
    pub fn is_guard_dutys(&self) -> bool {
        match &self.spec {
            Spec::InterfaceEndpoint(endpoint) => {
                let tagged = self.tags.get("GuardDutyManaged").is_some_and(|value| value == "true");
                tagged && endpoint.service.ends_with(".guardduty-data")
            }
            Spec::SecurityGroup(group) => group.name == format!("GuardDutyManagedSecurityGroup-{}", group.vpc.text()),
            _ => false,
        }
    }

    /// The id of the domain that SageMaker made it for, a home file system or one of its groups.
    pub fn domain_served(&self) -> Option<&str> {
        self.tags.get(file_system::MANAGED_BY)?.rsplit('/').next()
    }

    /// The function that Lambda made it for, a network interface. It stays for a while after the function is gone.
    pub fn function_served(&self) -> Option<&str> {
        match &self.spec {
            Spec::NetworkInterface(interface) => interface.function(),
            _ => None,
        }
    }

    /// The lab that its tag names.
    pub fn lab(&self) -> Option<&str> {
        self.tags.get(tags::LAB).map(String::as_str)
    }

    /// The address that its tag names.
    pub fn address(&self) -> Option<Address> {
        self.tags.get(tags::ADDRESS).map(|text| Address::from(text.as_str()))
    }

    /// The network addresses by which it is reached, in order: private ones, then public ones.
    pub fn addresses(&self) -> Vec<String> {
        let placed = |placements: &Set<interface_endpoint::Placement>| -> BTreeSet<Ipv4Addr> {
            placements.iter().filter_map(|placement| placement.address).collect()
        };
        let private = match &self.spec {
            Spec::Instance(instance) => BTreeSet::from([instance.private_address]),
            Spec::InterfaceEndpoint(endpoint) => placed(&endpoint.placements),
            Spec::ResolverEndpoint(endpoint) => placed(&endpoint.placements),
            _ => BTreeSet::new(),
        };
        let private = private.iter().map(ToString::to_string);
        private.chain(self.outputs.get("public_ip").cloned()).collect()
    }

    /// Its id or one of its outputs.
    pub fn output(&self, name: &str) -> Option<&str> {
        if name == "id" { Some(&self.id) } else { self.outputs.get(name).map(String::as_str) }
    }
}

/// Which resources of a kind to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Those whose tag, path or name says that they are of this lab.
    Lab(LabName),
    /// Those inside these VPCs (for rules: these groups), whoever made them.
    Inside(Vec<String>),
    /// Those with these ids; ids that are gone are left out of the answer.
    Ids(Vec<String>),
}

/// How AWS knows a lab where lists carry no tags, or where it could lose them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabName {
    /// The lab's name.
    pub name: String,
    /// The IAM path of its roles: `/breezeway/REGION/LAB/`.
    pub path: String,
    /// The name of its key pair.
    pub key_pair: String,
    /// The name of its resolver endpoint.
    pub resolver_endpoint: String,
    /// The name of its Studio domain.
    pub domain: String,
    /// The name of its REST API.
    pub rest_api: String,
    /// The name of its table of users.
    pub table: String,
    /// The names of its functions, and by them of their log groups.
    pub functions: Vec<String>,
    /// The name of its user pool.
    pub user_pool: String,
}

impl LabName {
    /// Its Region.
    pub fn region(&self) -> &str {
        self.path.split('/').nth(2).unwrap_or_default()
    }

    /// The names of its functions' log groups.
    pub fn log_groups(&self) -> Vec<String> {
        self.functions.iter().map(|function| log_group::of_function(function)).collect()
    }
}

/// What one listing found. A kind that could not be read is not empty: it is unknown.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Listing {
    /// What is there, in AWS's order.
    pub found: Vec<Observed>,
    /// What could not be read, and why.
    pub unreadable: Vec<(Kind, Failure)>,
}

impl Listing {
    /// The one of a kind that is wanted.
    ///
    /// # Errors
    /// It isn't seen, and its kind could not be read: it may well be there.
    pub fn pick(&self, kind: Kind, wanted: impl Fn(&Observed) -> bool) -> Result<Option<&Observed>, Failure> {
        let seen = self.found.iter().find(|observed| observed.kind() == kind && wanted(observed));
        let mut unreadable = self.unreadable.iter().filter(|(unread, _)| *unread == kind);
        match (seen, unreadable.next()) {
            (None, Some((_, failure))) => Err(failure.clone()),
            (seen, _) => Ok(seen),
        }
    }
}

/// What goes into a create call besides the spec.
#[derive(Debug, Clone, Default)]
pub struct Creation {
    /// Tags to set in the call itself.
    pub tags: Tags,
    /// The idempotency token, for calls that take one.
    pub token: String,
}

/// What a kind of resource is and how AWS's API treats it.
#[allow(async_fn_in_trait, reason = "used through `Spec`, on one thread")]
pub trait Resource: Serialize + DeserializeOwned + Clone + PartialEq + fmt::Debug {
    /// Fields that AWS changes in place. A difference in any other field replaces the resource.
    const IN_PLACE: &'static [&'static str] = &[];
    /// Fields whose target AWS lets go while this resource still names it.
    const WEAK: &'static [&'static str] = &[];
    /// The fields that name what it is part of.
    const OWNERS: &'static [&'static str] = &[];
    /// Whether it is one of a set that is its owner's entire: whoever owns the table owns each of its routes.
    const IN_SET: bool = false;
    /// Whether AWS removes it with its owner.
    const VANISHES: bool = false;
    /// Whether a replaced one goes before the new one comes although both could stand.
    const DELETED_FIRST: bool = false;
    /// Whether it is `deleting` for a while before it is gone.
    const LINGERS: bool = false;
    /// Whether AWS only still lists one that failed: nothing of it is there any more.
    const FAILED_IS_GONE: bool = false;
    /// Kinds that must stand before it can work, though none of its fields names them.
    const NEEDS: &'static [Kind] = &[];
    /// Whether it stands by itself: only its tag proves whose it is.
    const ROOT: bool = false;
    /// The API's create, change and delete calls: what they are billed as by request rates.
    const OPERATIONS: Operations;
    /// Seconds it typically takes until usable, and until gone: measured, or our estimate.
    const SECONDS: Seconds;
    /// Whether it carries tags.
    const TAGGED: bool = true;
    /// Whether the create call takes no tags, so that they are set right after it: whose it is must be said otherwise.
    const TAGGED_LATER: bool = false;

    /// What tells it from its siblings when its tags are gone; two of one key can't stand side by side.
    fn natural_key(&self) -> Option<String> {
        None
    }

    /// See [`Resource::NEEDS`]: for a kind of which only some need others.
    fn needs(&self) -> &'static [Kind] {
        Self::NEEDS
    }

    /// Those of the kinds it needs that have to outlive it.
    fn outlived_by(&self) -> &'static [Kind] {
        self.needs()
    }

    /// Whether the two can't exist at once, so that one must go before the other comes.
    fn excludes(&self, other: &Self) -> bool {
        self.natural_key().is_some() && self.natural_key() == other.natural_key()
    }

    /// The domains that it answers for, each as `VPC DOMAIN`: in a VPC a domain has one that does, of whatever kind.
    fn answers_for(&self) -> Vec<String> {
        Vec::new()
    }

    /// What the create call alone leaves, where that isn't yet this: AWS's documented defaults.
    fn as_created(&self) -> Self {
        self.clone()
    }

    /// Makes it.
    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure>;

    /// Does to a new one, once it is ready, what the create call couldn't say. Doing it twice is harmless.
    async fn complete(&self, _aws: &Aws, _id: &str) -> Result<(), Failure> {
        Ok(())
    }

    /// Turns `from` into this one; only fields that are `IN_PLACE` differ.
    async fn change(&self, _aws: &Aws, from: &Observed) -> Result<(), Failure> {
        Err(Failure::here("change", Class::Wrong, format!("{} can't be changed in place", from.id)))
    }

    /// Removes it. Being gone already is success to the caller: the class says so.
    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure>;

    /// Sets these tags.
    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        ec2::create_tags(aws, id, tags).await
    }
}

/// The API operations of a kind, as (service, operation).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operations {
    /// Signing name of the service.
    pub service: &'static str,
    /// The create call.
    pub create: &'static str,
    /// The call that changes in place; the create call where there is none.
    pub change: &'static str,
    /// The delete call.
    pub delete: &'static str,
}

/// Expected durations in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seconds {
    /// From the create call until it is usable.
    pub create: f64,
    /// From the delete call until it is gone.
    pub delete: f64,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident in $module:ident as $name:literal),* $(,)?) => {
        /// The kinds of resource, by AWS's names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $name)] $kind),* }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),*];

            /// The name users see: `security_group`.
            pub fn name(self) -> &'static str { match self { $(Kind::$kind => $name),* } }

            /// See [`Resource::IN_PLACE`].
            pub fn in_place(self) -> &'static [&'static str] {
                match self { $(Kind::$kind => $module::$kind::IN_PLACE),* }
            }

            /// See [`Resource::WEAK`].
            pub fn weak(self) -> &'static [&'static str] { match self { $(Kind::$kind => $module::$kind::WEAK),* } }

            /// See [`Resource::OWNERS`].
            pub fn owners(self) -> &'static [&'static str] { match self { $(Kind::$kind => $module::$kind::OWNERS),* } }

            /// See [`Resource::IN_SET`].
            pub fn in_set(self) -> bool { match self { $(Kind::$kind => $module::$kind::IN_SET),* } }

            /// See [`Resource::VANISHES`].
            pub fn vanishes(self) -> bool { match self { $(Kind::$kind => $module::$kind::VANISHES),* } }

            /// See [`Resource::DELETED_FIRST`].
            pub fn deleted_first(self) -> bool { match self { $(Kind::$kind => $module::$kind::DELETED_FIRST),* } }

            /// See [`Resource::LINGERS`].
            pub fn lingers(self) -> bool { match self { $(Kind::$kind => $module::$kind::LINGERS),* } }

            /// See [`Resource::FAILED_IS_GONE`].
            pub fn failed_is_gone(self) -> bool { match self { $(Kind::$kind => $module::$kind::FAILED_IS_GONE),* } }

            /// See [`Resource::ROOT`].
            pub fn root(self) -> bool { match self { $(Kind::$kind => $module::$kind::ROOT),* } }

            /// See [`Resource::OPERATIONS`].
            pub fn operations(self) -> Operations { match self { $(Kind::$kind => $module::$kind::OPERATIONS),* } }

            /// See [`Resource::SECONDS`].
            pub fn seconds(self) -> Seconds { match self { $(Kind::$kind => $module::$kind::SECONDS),* } }

            /// See [`Resource::TAGGED`].
            pub fn tagged(self) -> bool { match self { $(Kind::$kind => $module::$kind::TAGGED),* } }

            /// See [`Resource::TAGGED_LATER`].
            pub fn tagged_later(self) -> bool { match self { $(Kind::$kind => $module::$kind::TAGGED_LATER),* } }
        }

        /// What a resource is, whichever its kind.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "fields")]
        pub enum Spec { $($(#[$doc])* #[serde(rename = $name)] $kind($module::$kind)),* }

        $(impl From<$module::$kind> for Spec { fn from(spec: $module::$kind) -> Self { Spec::$kind(spec) } })*

        impl Spec {
            /// Its kind.
            pub fn kind(&self) -> Kind { match self { $(Spec::$kind(_) => Kind::$kind),* } }

            /// Its fields, serialised.
            pub fn fields(&self) -> Fields {
                let value = match self { $(Spec::$kind(spec) => serde_json::to_value(spec)),* };
                match value { Ok(Value::Object(fields)) => fields, _ => Fields::new() }
            }

            /// The spec of this kind that has these fields.
            ///
            /// # Errors
            /// The fields are not of this kind.
            pub fn from_fields(kind: Kind, fields: Fields) -> Result<Self, serde_json::Error> {
                let fields = Value::Object(fields);
                Ok(match kind { $(Kind::$kind => Spec::$kind(serde_json::from_value(fields)?)),* })
            }

            /// See [`Resource::natural_key`].
            pub fn natural_key(&self) -> Option<String> { match self { $(Spec::$kind(spec) => spec.natural_key()),* } }

            /// See [`Resource::needs`].
            pub fn needs(&self) -> &'static [Kind] { match self { $(Spec::$kind(spec) => spec.needs()),* } }

            /// See [`Resource::outlived_by`].
            pub fn outlived_by(&self) -> &'static [Kind] { match self { $(Spec::$kind(spec) => spec.outlived_by()),* } }

            /// See [`Resource::excludes`]; two of different kinds never do.
            pub fn excludes(&self, other: &Spec) -> bool {
                match (self, other) { $((Spec::$kind(one), Spec::$kind(two)) => one.excludes(two),)* _ => false }
            }

            /// See [`Resource::answers_for`].
            pub fn answers_for(&self) -> Vec<String> { match self { $(Spec::$kind(spec) => spec.answers_for()),* } }

            /// See [`Resource::as_created`].
            pub fn as_created(&self) -> Spec { match self { $(Spec::$kind(spec) => spec.as_created().into()),* } }

            /// See [`Resource::create`].
            pub async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
                match self { $(Spec::$kind(spec) => Box::pin(spec.create(aws, with)).await),* }
            }

            /// See [`Resource::complete`].
            pub async fn complete(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
                match self { $(Spec::$kind(spec) => Box::pin(spec.complete(aws, id)).await),* }
            }

            /// See [`Resource::change`].
            pub async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
                match self { $(Spec::$kind(spec) => Box::pin(spec.change(aws, from)).await),* }
            }
        }

        impl Observed {
            /// See [`Resource::delete`].
            pub async fn delete(&self, aws: &Aws) -> Result<(), Failure> {
                match self.kind() { $(Kind::$kind => Box::pin($module::$kind::delete(aws, self)).await),* }
            }

            /// See [`Resource::tag`].
            pub async fn tag(&self, aws: &Aws, tags: &Tags) -> Result<(), Failure> {
                match self.kind() { $(Kind::$kind => Box::pin($module::$kind::tag(aws, &self.id, tags)).await),* }
            }
        }
    };
}

kinds! {
    /// A VPC.
    Vpc in vpc as "vpc",
    /// A subnet of a VPC.
    Subnet in subnet as "subnet",
    /// A route table of a VPC.
    RouteTable in route_table as "route_table",
    /// Which route table a subnet uses.
    RouteTableAssociation in route_table_association as "route_table_association",
    /// A route of a route table.
    Route in route as "route",
    /// A security group of a VPC.
    SecurityGroup in security_group as "security_group",
    /// A rule of a security group.
    SecurityGroupRule in security_group_rule as "security_group_rule",
    /// A peering between two VPCs.
    VpcPeeringConnection in vpc_peering_connection as "vpc_peering_connection",
    /// An internet gateway of a VPC.
    InternetGateway in internet_gateway as "internet_gateway",
    /// An Elastic IP address.
    ElasticIp in elastic_ip as "elastic_ip",
    /// A NAT gateway.
    NatGateway in nat_gateway as "nat_gateway",
    /// An interface VPC endpoint.
    InterfaceEndpoint in interface_endpoint as "interface_endpoint",
    /// A gateway VPC endpoint.
    GatewayEndpoint in gateway_endpoint as "gateway_endpoint",
    /// A set of DHCP options.
    DhcpOptions in dhcp_options as "dhcp_options",
    /// Which set of DHCP options a VPC hands out.
    DhcpOptionsAssociation in dhcp_options_association as "dhcp_options_association",
    /// A Route 53 Resolver endpoint.
    ResolverEndpoint in resolver_endpoint as "resolver_endpoint",
    /// A Route 53 Resolver rule that somebody associated with a VPC.
    ResolverRuleAssociation in resolver_rule_association as "resolver_rule_association",
    /// A private hosted zone of Route 53.
    HostedZone in hosted_zone as "hosted_zone",
    /// A record set of a hosted zone.
    RecordSet in record_set as "record_set",
    /// A key pair.
    KeyPair in key_pair as "key_pair",
    /// An EC2 instance.
    Instance in instance as "instance",
    /// An EBS volume that no instance has.
    Volume in volume as "volume",
    /// A network interface that nothing else accounts for.
    NetworkInterface in network_interface as "network_interface",
    /// A network ACL that AWS didn't make, or that somebody changed.
    NetworkAcl in network_acl as "network_acl",
    /// An instance profile.
    InstanceProfile in instance_profile as "instance_profile",
    /// An IAM role.
    Role in role as "role",
    /// An inline policy of a role.
    RolePolicy in role_policy as "role_policy",
    /// A managed policy attached to a role.
    RolePolicyAttachment in role_policy_attachment as "role_policy_attachment",
    /// A REST API of API Gateway.
    RestApi in rest_api as "rest_api",
    /// A path part of a REST API.
    ApiResource in api_resource as "api_resource",
    /// A method of a path of a REST API.
    ApiMethod in api_method as "api_method",
    /// Who is asked before a method of a REST API runs.
    ApiAuthorizer in api_authorizer as "api_authorizer",
    /// What was in a REST API at one moment.
    ApiDeployment in api_deployment as "api_deployment",
    /// A stage of a REST API.
    ApiStage in api_stage as "api_stage",
    /// A SageMaker domain.
    Domain in domain as "domain",
    /// A user profile of a domain.
    UserProfile in user_profile as "user_profile",
    /// A space of a domain, which its users made.
    Space in space as "space",
    /// An app of a domain, which its users started.
    App in app as "app",
    /// The file system that SageMaker made for the homes of a domain's users.
    FileSystem in file_system as "file_system",
    /// A DynamoDB table.
    Table in table as "table",
    /// A row of a table.
    TableItem in table_item as "table_item",
    /// A log group.
    LogGroup in log_group as "log_group",
    /// A Lambda function.
    Function in function as "function",
    /// A statement of who may call a function.
    FunctionPermission in function_permission as "function_permission",
    /// A Cognito user pool.
    UserPool in user_pool as "user_pool",
    /// An app client of a user pool.
    UserPoolClient in user_pool_client as "user_pool_client",
    /// A user of a user pool.
    UserPoolUser in user_pool_user as "user_pool_user",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Kind {
    /// The kind whose listing shows this one: route tables show their routes and associations, tables their rows, zones
    /// their records, roles their policies, functions who may call them, and one listing all kinds of endpoints with the
    /// interfaces of a VPC.
    pub fn listed_with(self) -> Kind {
        match self {
            Kind::Route | Kind::RouteTableAssociation => Kind::RouteTable,
            Kind::RolePolicy | Kind::RolePolicyAttachment => Kind::Role,
            Kind::DhcpOptionsAssociation => Kind::Vpc,
            Kind::UserProfile | Kind::Space | Kind::App => Kind::Domain,
            Kind::ApiResource | Kind::ApiMethod | Kind::ApiAuthorizer | Kind::ApiDeployment | Kind::ApiStage => {
                Kind::RestApi
            }
            Kind::UserPoolClient | Kind::UserPoolUser => Kind::UserPool,
            Kind::GatewayEndpoint | Kind::NetworkInterface => Kind::InterfaceEndpoint,
            Kind::RecordSet => Kind::HostedZone,
            Kind::TableItem => Kind::Table,
            Kind::FunctionPermission => Kind::Function,
            other => other,
        }
    }

    /// Lists what the query asks for, in one paged call and the stated reads per object.
    ///
    /// # Errors
    /// The list itself could not be read; what could not be read of single objects is in the listing.
    pub async fn list(self, aws: &Aws, query: &Query) -> Result<Listing, Failure> {
        if let (Kind::UserProfile | Kind::Space | Kind::App, Query::Ids(ids)) = (self, query) {
            return Box::pin(domain::children(aws, self, ids)).await;
        }
        if let (Kind::TableItem, Query::Ids(tables)) = (self, query) {
            return Box::pin(table_item::of_tables(aws, tables)).await;
        }
        if let (Kind::FunctionPermission, Query::Ids(functions)) = (self, query) {
            return Box::pin(function_permission::of_functions(aws, functions)).await;
        }
        match self.listed_with() {
            Kind::Table | Kind::TableItem => Box::pin(table::list(aws, query)).await,
            Kind::LogGroup => Box::pin(log_group::list(aws, query)).await,
            Kind::Function | Kind::FunctionPermission => Box::pin(function::list(aws, query)).await,
            Kind::RestApi
            | Kind::ApiResource
            | Kind::ApiMethod
            | Kind::ApiAuthorizer
            | Kind::ApiDeployment
            | Kind::ApiStage => Box::pin(rest_api::list(aws, query)).await,
            Kind::Domain | Kind::UserProfile | Kind::Space | Kind::App => Box::pin(domain::list(aws, query)).await,
            Kind::FileSystem => Box::pin(file_system::list(aws, query)).await,
            Kind::UserPool | Kind::UserPoolClient | Kind::UserPoolUser => Box::pin(user_pool::list(aws, query)).await,
            Kind::Vpc | Kind::DhcpOptionsAssociation => Box::pin(vpc::list(aws, query)).await,
            Kind::InternetGateway => Box::pin(internet_gateway::list(aws, query)).await,
            Kind::ElasticIp => Box::pin(elastic_ip::list(aws, query)).await,
            Kind::NatGateway => Box::pin(nat_gateway::list(aws, query)).await,
            Kind::InterfaceEndpoint | Kind::GatewayEndpoint | Kind::NetworkInterface => {
                Box::pin(interface_endpoint::list(aws, query)).await
            }
            Kind::DhcpOptions => Box::pin(dhcp_options::list(aws, query)).await,
            Kind::ResolverEndpoint => Box::pin(resolver_endpoint::list(aws, query)).await,
            Kind::ResolverRuleAssociation => Box::pin(resolver_rule_association::list(aws, query)).await,
            Kind::HostedZone | Kind::RecordSet => Box::pin(hosted_zone::list(aws, query)).await,
            Kind::KeyPair => Box::pin(key_pair::list(aws, query)).await,
            Kind::Instance => Box::pin(instance::list(aws, query)).await,
            Kind::Volume => Box::pin(volume::list(aws, query)).await,
            Kind::InstanceProfile => Box::pin(instance_profile::list(aws, query)).await,
            Kind::NetworkAcl => Box::pin(network_acl::list(aws, query)).await,
            Kind::Subnet => Box::pin(subnet::list(aws, query)).await,
            Kind::SecurityGroup => Box::pin(security_group::list(aws, query)).await,
            Kind::SecurityGroupRule => Box::pin(security_group_rule::list(aws, query)).await,
            Kind::VpcPeeringConnection => Box::pin(vpc_peering_connection::list(aws, query)).await,
            Kind::Role | Kind::RolePolicy | Kind::RolePolicyAttachment => Box::pin(role::list(aws, query)).await,
            Kind::RouteTable | Kind::Route | Kind::RouteTableAssociation => {
                Box::pin(route_table::list(aws, query)).await
            }
        }
    }
}

/// What the EC2 kinds share: tags and filters.
pub(crate) mod ec2 {
    use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

    use super::{LabName, Query};
    use crate::aws::tags::{self, Tags};
    use crate::aws::{Aws, Failure};

    pub fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
        let values = values.into_iter().map(Into::into).collect();
        Filter::builder().name(name).set_values(Some(values)).build()
    }

    /// The query as a filter: by the lab's tag, by `container` (`vpc-id`), or by `id` (`subnet-id`).
    pub fn filters(query: &Query, container: &str, id: &str) -> Vec<Filter> {
        vec![match query {
            Query::Lab(LabName { name, .. }) => filter(&format!("tag:{}", tags::LAB), [name]),
            Query::Inside(containers) => filter(container, containers),
            Query::Ids(ids) => filter(id, ids),
        }]
    }

    fn to_sdk(tags: &Tags) -> Vec<Tag> {
        tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
    }

    /// Tags for the create call.
    pub fn tag_specification(kind: ResourceType, tags: &Tags) -> Option<TagSpecification> {
        (!tags.is_empty()).then(|| TagSpecification::builder().resource_type(kind).set_tags(Some(to_sdk(tags))).build())
    }

    /// Tags as an answer carries them.
    pub fn read_tags(tags: &[Tag]) -> Tags {
        tags.iter()
            .map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()))
            .collect()
    }

    pub async fn create_tags(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        aws.write("ec2", "CreateTags", || aws.ec2.create_tags().resources(id).set_tags(Some(to_sdk(tags))).send())
            .await
            .map(drop)
    }
}
