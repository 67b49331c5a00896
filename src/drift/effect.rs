//! What a difference opens or breaks, in a sentence.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde_json::Value;

use crate::blueprint::Blueprint;
use crate::engine::difference::FieldDifference;
use crate::engine::holdings::Holdings;
use crate::model::bind::{self, Config};
use crate::model::names::Zone;
use crate::model::network::is_public;
use crate::resource::function_permission::FunctionPermission;
use crate::resource::hosted_zone::HostedZone;
use crate::resource::instance::Instance;
use crate::resource::network_acl::NetworkAcl;
use crate::resource::record_set::RecordSet;
use crate::resource::route::{Route, Target};
use crate::resource::security_group_rule::{Direction, Peer, SecurityGroupRule};
use crate::resource::table_item::TableItem;
use crate::resource::user_pool_user::UserPoolUser;
use crate::resource::{Address, Kind, Observed, Spec};
use crate::survey::Survey;
use crate::verify::access::{self, PRESIGN_ACTION};

/// More than this of one sort aren't named.
const NAMED: usize = 4;

const LEFT_ALONE: &str = "it is not the lab's: `up` leaves it alone";
const ANYWHERE: &str = "a presigned URL may work from anywhere";

/// All that an effect depends on.
pub struct Sight<'a> {
    pub blueprint: &'a Blueprint,
    pub survey: &'a Survey,
    pub holdings: &'a Holdings<'a>,
}

/// Where a record set leads.
fn leads(record: &RecordSet) -> String {
    let to = record.alias.as_ref().map(|alias| alias.name.text());
    let to: Vec<String> = to.into_iter().chain(record.values.iter().cloned()).collect();
    format!("{} leads to {} ({})", record.name, several(&to), record.record_type)
}

/// What it does that a zone is answered in other VPCs than planned.
fn other_vpcs(zone: &HostedZone, expected: &Value, actual: &Value) -> String {
    let (expected, actual) = (expected.as_array(), actual.as_array());
    let lacks = expected.into_iter().flatten().any(|vpc| !actual.into_iter().flatten().any(|other| other == vpc));
    match lacks {
        true => format!("in the lab's VPC, names of {} are answered with public addresses", zone.name),
        false => format!("names of {} are answered from it in other VPCs too", zone.name),
    }
}

/// What breaks where something isn't there.
pub fn missing(spec: &Spec) -> String {
    match spec {
        Spec::Vpc(_) => "nothing of this side of the lab can stand".into(),
        Spec::Subnet(subnet) => format!("there is no room in {} for what belongs there", subnet.zone),
        Spec::RouteTable(_) => "its subnets fall back to the main route table".into(),
        Spec::RouteTableAssociation(_) => "the subnet falls back to the main route table".into(),
        Spec::Route(route) => format!("packets for {} have no way", route.destination),
        Spec::SecurityGroup(_) => "what should carry the group is not protected by it".into(),
        Spec::SecurityGroupRule(rule) => format!("{} is refused", what_passes(rule)),
        Spec::VpcPeeringConnection(_) => "the two networks are cut off from each other".into(),
        Spec::InternetGateway(_) => "the public subnets have no way to the internet".into(),
        Spec::ElasticIp(_) => "the NAT gateway has no public address".into(),
        Spec::NatGateway(_) => "the private subnets have no way to the internet".into(),
        Spec::InterfaceEndpoint(endpoint) => format!("{} is not reached privately", endpoint.service),
        Spec::GatewayEndpoint(endpoint) => format!("{} is not reached without the internet", endpoint.service),
        Spec::DhcpOptions(_) | Spec::DhcpOptionsAssociation(_) => {
            "hosts ask AWS's own DNS, which answers the private names with public addresses".into()
        }
        Spec::ResolverEndpoint(_) => "the corporate DNS has nobody to ask for the private names".into(),
        Spec::ResolverRuleAssociation(_) => "the rule doesn't hold in the VPC".into(),
        Spec::HostedZone(zone) => format!("names of {} are answered with public addresses", zone.name),
        Spec::RecordSet(record) => format!("nobody in the VPC has an address for {}", record.name),
        Spec::KeyPair(_) => "the Administrator's password of a new host can't be decrypted".into(),
        Spec::Instance(instance) => format!("nothing answers at {}", instance.private_address),
        Spec::InstanceProfile(_) => "hosts act in no role".into(),
        Spec::NetworkAcl(_) => "its subnets are guarded by another one".into(),
        Spec::Volume(_) | Spec::NetworkInterface(_) => "it is part of a host that is gone".into(),
        Spec::Role(_) => "nobody can act in this role".into(),
        Spec::RolePolicy(policy) => {
            let document = serde_json::to_value(&policy.document).unwrap_or_default();
            let denied: Vec<_> = statements(&document).filter(|statement| is(statement, "Deny")).map(what).collect();
            match denied.is_empty() {
                true => "the role lacks these permissions".into(),
                false => {
                    let note = if denied.iter().any(|what| what.contains(PRESIGN_ACTION)) { ANYWHERE } else { "" };
                    let note =
                        if note.is_empty() { String::new() } else { format!(": {note}, if another policy allows it") };
                    format!("the role lacks these permissions, and nothing denies {} any more{note}", several(&denied))
                }
            }
        }
        Spec::RolePolicyAttachment(_) => "the role lacks these permissions".into(),
        Spec::RestApi(_) | Spec::ApiStage(_) => "the portal answers nobody".into(),
        Spec::ApiResource(_) | Spec::ApiMethod(_) => "the portal lacks this once it is deployed again".into(),
        Spec::ApiAuthorizer(_) => "nobody is asked who they are once the portal is deployed again".into(),
        Spec::ApiDeployment(_) => "callers get what the portal was before, or nothing".into(),
        Spec::Domain(_) => "there is no Studio, and what its users had in it is gone".into(),
        Spec::UserProfile(profile) => format!("{} can't open Studio", profile.name),
        Spec::UserPool(_) => "nobody can sign in, and its users have to be given passwords anew".into(),
        Spec::UserPoolClient(_) => "nobody can sign in: tokens for the portal are made by this client".into(),
        Spec::UserPoolUser(user) => format!("{} can't sign in", user.name),
        Spec::Space(_) | Spec::App(_) | Spec::FileSystem(_) => "its users have to begin anew".into(),
        Spec::Table(_) => "the portal knows no user: nobody gets a URL".into(),
        Spec::TableItem(row) => format!("{} gets no URL", row.user),
        Spec::LogGroup(_) => "what the function says is kept nowhere".into(),
        Spec::Function(_) => "the portal hands out no URL".into(),
        Spec::FunctionPermission(permission) => format!("{} can't call the function", permission.principal),
    }
}

impl Sight<'_> {
    /// What something does that nobody asked for, inside what is the lab's.
    pub fn opened(&self, address: &Address, observed: &Observed) -> String {
        match &observed.spec {
            Spec::SecurityGroupRule(rule) => format!("opens the way for {}{}", what_passes(rule), self.reach(rule)),
            Spec::Route(route) => {
                let way = format!("sends packets for {} to {}", route.destination, target(&route.target));
                format!("{way}{}", way_out(address, &route.destination, &route.target))
            }
            Spec::RolePolicy(policy) => {
                let document = serde_json::to_value(&policy.document).unwrap_or_default();
                let allowed: Vec<_> = statements(&document).filter(|one| is(one, "Allow")).map(what).collect();
                let note = self.presign_note(&policy.role.text());
                match allowed.is_empty() {
                    true => format!("takes from the role what `{}` denies", policy.name),
                    false => format!("allows the role {}{note}", several(&allowed)),
                }
            }
            Spec::TableItem(row) => gets(row),
            Spec::HostedZone(zone) => format!("the VPC's resolver answers the names of {} from it", zone.name),
            Spec::RecordSet(record) => leads(record),
            Spec::FunctionPermission(permission) => may_call(permission),
            Spec::RolePolicyAttachment(attachment) => {
                let note = self.presign_note(&attachment.role.text());
                format!("gives the role what {} allows{note}", attachment.policy_arn)
            }
            Spec::RouteTableAssociation(association) => {
                let table = association.route_table.text();
                let destinations: Vec<_> = self.routes_of(&table).map(|(_, route)| route.destination.clone()).collect();
                match destinations.is_empty() {
                    true => format!("the subnet uses {table}, which leads nowhere out of the VPC"),
                    false => format!("the subnet uses {table}, which leads to {}", several(&destinations)),
                }
            }
            Spec::DhcpOptionsAssociation(association) => {
                let set = association.dhcp_options.text();
                format!("hosts of the VPC take their DNS servers from {set}{}", self.servers_of(&set))
            }
            Spec::ApiMethod(method) if method.authorization == "NONE" => {
                format!("lets everybody who reaches the API {} there, once it is deployed", method.http_method)
            }
            Spec::UserPoolClient(_) => {
                "users can sign in by it too; its tokens are made for itself, and the portal refuses them".into()
            }
            _ => "nobody asked for it".into(),
        }
    }

    /// What somebody else's thing does inside a container of the lab.
    pub fn foreign(&self, address: &Address, observed: &Observed) -> String {
        let side = side(address);
        let does = match &observed.spec {
            Spec::SecurityGroup(group) if group.is_default() => return self.default_group(observed),
            Spec::NetworkAcl(acl) => return acl_effect(acl),
            Spec::UserProfile(profile) => format!("{} may open Studio, whom the plan doesn't name", profile.name),
            Spec::UserPoolUser(user) => self.unplanned_user(user),
            Spec::InternetGateway(_) => format!("opens {side} to the internet where a route leads to it"),
            Spec::NatGateway(_) => format!("is a way out of {side} to the internet where a route leads to it"),
            Spec::VpcPeeringConnection(peering) => {
                let ends = [peering.requester.text(), peering.accepter.text()];
                format!("joins {} where routes lead from one to the other", ends.join(" and "))
            }
            Spec::InterfaceEndpoint(endpoint) if endpoint.private_dns => {
                format!("the resolver of {side} answers the names of {} with its addresses", endpoint.service)
            }
            Spec::InterfaceEndpoint(endpoint) => format!("is another door to {}", endpoint.service),
            Spec::Instance(instance) if instance.public => format!("has a public address in {side}"),
            Spec::ResolverRuleAssociation(association) => {
                let domain = association.domain.as_deref().unwrap_or("names that could not be read");
                let to = match association.targets.is_empty() {
                    true => String::new(),
                    false => format!(", by {}", several(association.targets.iter())),
                };
                format!("names below {domain} are answered by another rule in {side}{to}")
            }
            Spec::SecurityGroupRule(rule) => format!("names a group of the lab: {}", what_passes(rule)),
            _ => String::new(),
        };
        let down = if observed.blocks() { ", and `down` can't remove what holds it" } else { "" };
        let colon = if does.is_empty() { "" } else { "; " };
        format!("{does}{colon}{LEFT_ALONE}{down}")
    }

    fn unplanned_user(&self, user: &UserPoolUser) -> String {
        let name = &user.name;
        let is_theirs = |observed: &Observed| match &observed.spec {
            Spec::UserProfile(profile) => profile.name.eq_ignore_ascii_case(name),
            _ => false,
        };
        match (user.enabled, self.survey.live().any(is_theirs)) {
            (true, true) => {
                format!("{name} can sign in, whom the plan doesn't name, and there is a profile for {name}")
            }
            (true, false) => format!("{name} can sign in; there is no profile for {name}"),
            (false, _) => format!("{name} is a user whom the plan doesn't name, and is disabled"),
        }
    }

    /// What the rules of a VPC's default group let pass besides AWS's own.
    fn default_group(&self, observed: &Observed) -> String {
        let rules = self.survey.live().filter_map(|other| match &other.spec {
            Spec::SecurityGroupRule(rule) if rule.group.text() == observed.id => Some(rule),
            _ => None,
        });
        let own = |rule: &&SecurityGroupRule| match (&rule.peer, rule.direction) {
            (Peer::Group(group), Direction::Ingress) => group.text() == observed.id && rule.protocol == "all",
            (Peer::Cidr(range), Direction::Egress) => range.prefix_len() == 0 && rule.protocol == "all",
            _ => false,
        };
        let added: Vec<_> = rules.filter(|rule| !own(rule)).map(|rule| what_passes(rule) + &self.reach(rule)).collect();
        let what = match added.is_empty() {
            true => "it lets pass less than it did".to_owned(),
            false => format!("it opens the way for {}", several(&added)),
        };
        format!("somebody changed the default group that came with the VPC, which `up` leaves alone: {what}")
    }

    /// The routes that stand in a table.
    pub fn routes_in<'a>(&'a self, table: &'a Observed) -> impl Iterator<Item = &'a Observed> {
        self.routes_of(&table.id).map(|(observed, _)| observed)
    }

    fn routes_of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = (&'a Observed, &'a Route)> {
        self.survey.everything().filter_map(move |observed| match &observed.spec {
            Spec::Route(route) if route.route_table.text() == table => Some((observed, route)),
            _ => None,
        })
    }

    /// How much of the internet a rule lets in or out, together with its like.
    fn reach(&self, rule: &SecurityGroupRule) -> String {
        let Peer::Cidr(range) = rule.peer else { return String::new() };
        if !is_public(range) {
            return String::new();
        }
        let like = self.survey.everything().filter_map(|observed| match &observed.spec {
            Spec::SecurityGroupRule(other)
                if other.group == rule.group
                    && other.direction == rule.direction
                    && other.traffic() == rule.traffic() =>
            {
                if let Peer::Cidr(range) = other.peer {
                    Some(range)
                } else {
                    None
                }
            }
            _ => None,
        });
        let ranges: Vec<IpNet> = like.chain([range]).collect();
        let whole = IpNet::aggregate(&ranges).iter().any(|all| all.prefix_len() == 0 && all.contains(&range));
        if whole { ", to the whole internet".into() } else { ", on the internet".into() }
    }

    /// What lets a role's URLs work from anywhere, if something does.
    fn presign_note(&self, role: &str) -> String {
        let portal = self.holdings.held.get(&Address::from(access::PORTAL)).map(|held| held.observed.id.as_str());
        let bound = self.blueprint.get(&Address::from(access::PRESIGN)).is_some();
        let open = || access::may_work_anywhere(self.blueprint, self.survey, self.holdings);
        if bound && portal == Some(role) && open() { format!(": {ANYWHERE}") } else { String::new() }
    }

    /// The DNS servers of a set of DHCP options.
    fn servers_of(&self, set: &str) -> String {
        match self.survey.by_id(Kind::DhcpOptions, set).map(|observed| &observed.spec) {
            Some(Spec::DhcpOptions(options)) => {
                let named = options.options.get("domain-name-servers").map(Vec::as_slice).unwrap_or_default();
                dns_servers(named)
            }
            _ => String::new(),
        }
    }

    /// What a field opens or breaks that isn't as it should be.
    pub fn changed(&self, address: &Address, observed: &Observed, field: &FieldDifference) -> String {
        let FieldDifference { field: name, expected, actual } = field;
        let on = *actual == Value::Bool(true);
        match (&observed.spec, name.as_str()) {
            (_, "tags.breezeway:lab" | "tags.breezeway:address") => {
                "without this tag only its place shows whose it is".into()
            }
            (_, tag) if tag.starts_with("tags.") => "reports and policies that go by this tag miss it".into(),
            (Spec::Vpc(_), "dns_support") => "names don't resolve inside the VPC".into(),
            (Spec::Vpc(_), "dns_hostnames") => "private DNS names of endpoints don't work".into(),
            (Spec::Subnet(_), "public") if on => "what starts in this subnet gets a public address".into(),
            (Spec::Subnet(_), "public") => "what starts in this subnet gets no public address".into(),
            (Spec::Route(route), "target") => self.other_way(address, observed, route, expected),
            (Spec::RouteTableAssociation(_), _) => self.opened(address, observed),
            (Spec::SecurityGroupRule(_), "description") => {
                "nothing passes that shouldn't; only the description differs".into()
            }
            (Spec::SecurityGroupRule(_), _) => {
                format!("{}, in place of what is planned", self.opened(address, observed))
            }
            (Spec::InternetGateway(_), "vpc") => "the public subnets have no way to the internet".into(),
            (Spec::InterfaceEndpoint(_), "private_dns") if *actual == Value::Bool(false) => {
                "the service's names are answered with public addresses again".into()
            }
            (Spec::InterfaceEndpoint(_) | Spec::GatewayEndpoint(_), "policy") => {
                format!("the endpoint's policy {}", policy_change(expected, actual))
            }
            (Spec::InterfaceEndpoint(_) | Spec::ResolverEndpoint(_) | Spec::Instance(_), "security_groups") => {
                self.other_groups(expected, actual)
            }
            (Spec::InterfaceEndpoint(_) | Spec::ResolverEndpoint(_), "placements") => {
                "it is not at the addresses that others go by".into()
            }
            (Spec::GatewayEndpoint(_), "route_tables") => {
                "some subnets reach the service another way, or not at all".into()
            }
            (Spec::HostedZone(zone), "vpcs") => other_vpcs(zone, expected, actual),
            (Spec::HostedZone(_), "comment") => "nothing is answered otherwise; only the comment differs".into(),
            (Spec::RecordSet(record), _) => format!("{}, in place of what is planned", leads(record)),
            (Spec::DhcpOptions(_), "options") => {
                let named = texts(actual.get("domain-name-servers"));
                format!("hosts are told otherwise{}", dns_servers(&named))
            }
            (Spec::DhcpOptionsAssociation(_), _) => self.opened(address, observed),
            (Spec::Instance(_), "instance_profiles") => match texts(Some(actual)).as_slice() {
                [] => "the host acts in no role".into(),
                profiles => format!("the host acts in the role of {}", several(profiles)),
            },
            (Spec::Instance(_), "metadata") => {
                "the host's credentials can be asked for in another way than planned".into()
            }
            (Spec::Instance(host), "user_data") => {
                let planned = self.blueprint.get(address).map(|desired| &desired.spec);
                let Some(Spec::Instance(planned)) = planned else { return "it is set up in another way".into() };
                other_user_data(planned, host)
            }
            (Spec::Instance(_), "running") => "the host does not answer".into(),
            (Spec::Instance(_), "public") if on => "the host has a public address".into(),
            (Spec::Instance(_), "termination_protection") => {
                "whoever terminates the host must take this off first".into()
            }
            (Spec::InstanceProfile(_), "role") => "hosts act in another role, or in none".into(),
            (Spec::RestApi(_), "policy") => {
                format!("the API's policy {}, once it is deployed", policy_change(expected, actual))
            }
            (Spec::RestApi(_), "vpc_endpoints") => "the API has names for other endpoints than planned".into(),
            (Spec::ApiMethod(_), "authorization" | "authorizer") => {
                "others than planned are let in, once the API is deployed".into()
            }
            (Spec::ApiAuthorizer(_), "ttl_seconds") => {
                "who was let in once is let in to other paths too, while that is remembered".into()
            }
            (Spec::ApiAuthorizer(_), _) => "somebody else is asked who may call, once the API is deployed".into(),
            (Spec::ApiStage(_), "deployment") => "callers get another portal than planned".into(),
            (Spec::ApiStage(_), "logs_bodies_of") => "presigned URLs are written to a log".into(),
            (Spec::ApiStage(_), "cached") => "answers are kept, presigned URLs with them".into(),
            (Spec::Domain(_), "network_access") => "apps reach the internet beside the VPC".into(),
            (Spec::Domain(_), "execution_role") => "users work in another role".into(),
            (Spec::UserProfile(profile), "execution_role") => format!("{} works in another role", profile.name),
            (Spec::Domain(_) | Spec::UserProfile(_), "security_groups") => self.other_groups(expected, actual),
            (Spec::Domain(_), "subnets") => "apps have their network interfaces elsewhere".into(),
            (Spec::Domain(_) | Spec::UserProfile(_), "landing_uri" | "web_portal") => {
                "a presigned URL opens something else than Studio".into()
            }
            (Spec::Domain(_), "home_file_system") if on => {
                "files in the home file system cost, and outlive their users".into()
            }
            (Spec::Function(_), "code_sha256" | "layers" | "handler" | "runtime") => {
                "other code runs than what is deployed here: it may do all that the function's role allows".into()
            }
            (Spec::Function(_), "role") => "the function acts in another role".into(),
            (Spec::Function(_), "environment") => other_variables(expected, actual),
            (Spec::Function(_), "subnets") => "the function's calls leave from elsewhere than planned".into(),
            (Spec::Function(_), "security_groups") => self.other_groups(expected, actual),
            (Spec::Function(_), "timeout_seconds" | "memory_mb") => {
                "the function may be stopped before it answers, or cost more".into()
            }
            (Spec::Function(_), "log_group" | "log_format") => "the function writes its log another way".into(),
            (Spec::Function(_), "tracing") => "what is traced of its calls is not what is planned".into(),
            (Spec::TableItem(row), "domain" | "profile") => format!("instead, {}", gets(row)),
            (Spec::TableItem(row), "others") => format!("the row of {} says more than the portal reads", row.user),
            (Spec::Table(_), "stream") => "a stream shows every change of who has which profile".into(),
            (Spec::Table(_), "replicas") => "who has which profile is copied to other Regions".into(),
            (Spec::Table(_), "billing_mode") => {
                "the table costs by the hour, or refuses what it has no capacity for".into()
            }
            (Spec::Table(_) | Spec::LogGroup(_), "deletion_protection") => {
                "whoever deletes it must take this off first".into()
            }
            (Spec::LogGroup(_), "retention_days") => match actual.as_i64() {
                Some(days) if days > 0 => format!("what the function says is kept for {days} days"),
                _ => "what the function says is kept for ever".into(),
            },
            (Spec::FunctionPermission(permission), _) => {
                format!("{}, in place of what is planned", may_call(permission))
            }
            (Spec::UserPool(_), "admin_create_only") if *actual == Value::Bool(false) => {
                "anybody can sign up, and have tokens that the portal believes".into()
            }
            (Spec::UserPool(_), "password_policy") => "passwords may be other than planned, and weaker".into(),
            (Spec::UserPool(_), "mfa") => "signing in takes a second step, which the portal's page doesn't have".into(),
            (Spec::UserPool(_), "recovery") => "users may replace a forgotten password by themselves".into(),
            (Spec::UserPool(_), "case_sensitive") => "names that differ in case only are two users'".into(),
            (Spec::UserPool(_), "deletion_protection") => "whoever deletes the pool must take this off first".into(),
            (Spec::UserPool(_), "tier") => "it is billed by another feature plan".into(),
            (Spec::UserPool(_), "triggers") => {
                format!("{} decides who signs in, and what tokens say", several(texts(Some(actual))))
            }
            (Spec::UserPool(_), "domains") => {
                "it has sign-in pages on the internet, and can't be used through an endpoint any more".into()
            }
            (Spec::UserPoolClient(_), "auth_flows") => {
                let planned = texts(Some(expected));
                match planned.iter().all(|flow| texts(Some(actual)).contains(flow)) {
                    true => "users can sign in by other ways too".into(),
                    false => "users can't sign in as the portal does it".into(),
                }
            }
            (Spec::UserPoolClient(_), "secret") => "a page in a browser can't sign users in by it".into(),
            (Spec::UserPoolClient(_), "id_token_seconds" | "access_token_seconds" | "refresh_token_seconds") => {
                let seconds = |value: &Value| value.as_i64().unwrap_or_default();
                let longer = seconds(actual) > seconds(expected);
                format!("whoever has a token can use it for {}", if longer { "longer" } else { "less long" })
            }
            (Spec::UserPoolClient(_), "hides_users") => "anybody can find out who is a user".into(),
            (Spec::UserPoolClient(_), "token_revocation") => "a token that was stolen can't be revoked".into(),
            (Spec::UserPoolClient(_), "oauth_flows") => "sign-in pages of the pool would give tokens too".into(),
            (Spec::UserPoolUser(user), "enabled") => format!("{} can't sign in", user.name),
            (Spec::VpcPeeringConnection(_), "accepted") => "no packet passes until it is accepted".into(),
            (Spec::Role(_), "trust") => format!("the role's trust {}", policy_change(expected, actual)),
            (Spec::Role(_), "permissions_boundary") if actual.is_null() => {
                "the role may do all that its policies allow: nothing bounds them".into()
            }
            (Spec::RolePolicy(policy), "document") => {
                format!("the policy {}{}", policy_change(expected, actual), self.presign_note(&policy.role.text()))
            }
            _ => "it is not what the plan asks for".into(),
        }
    }

    fn other_way(&self, address: &Address, observed: &Observed, route: &Route, expected: &Value) -> String {
        let (destination, to) = (&route.destination, target(&route.target));
        let gone = if observed.state == "blackhole" { ", which is gone: none comes back" } else { "" };
        let planned = expected.as_object().and_then(|way| way.values().next()?.as_str());
        let planned = planned.map_or(String::new(), |planned| format!(" instead of {planned}"));
        let out = if gone.is_empty() { way_out(address, destination, &route.target) } else { String::new() };
        format!("packets for {destination} go to {to}{planned}{gone}{out}")
    }

    /// What other groups let in, and what those did that are gone.
    fn other_groups(&self, expected: &Value, actual: &Value) -> String {
        let (expected, actual) = (texts(Some(expected)), texts(Some(actual)));
        let lets_in = |group: &String| {
            let rules = self.survey.everything().filter_map(|observed| match &observed.spec {
                Spec::SecurityGroupRule(rule)
                    if rule.group.text() == *group && rule.direction == Direction::Ingress =>
                {
                    Some(format!("{}{}", what_passes(rule), self.reach(rule)))
                }
                _ => None,
            });
            several(rules)
        };
        let parts = |groups: &[String], than: &[String], verb: &str, nothing: &str| {
            let other = groups.iter().filter(|group| !than.contains(group));
            let part = other.map(|group| match lets_in(group) {
                what if what.is_empty() => format!("{group} {nothing}"),
                what => format!("{group} {verb} {what}"),
            });
            part.collect::<Vec<_>>()
        };
        let gained = parts(&actual, &expected, "lets in", "lets nobody in");
        let lost = parts(&expected, &actual, "no longer lets in", "is taken off");
        [gained, lost].concat().join("; ")
    }
}

/// What a route that leads out of a network opens.
fn way_out(address: &Address, destination: &str, target: &Target) -> String {
    let side = side(address);
    let public = destination.parse::<IpNet>().is_ok_and(is_public);
    match target {
        Target::InternetGateway(_) => format!(": opens {side} to the internet"),
        Target::NatGateway(_) => format!(": opens a way from {side} to the internet"),
        Target::Other(id) if id.starts_with("eigw-") => format!(": opens a way from {side} to the internet"),
        Target::VpcPeeringConnection(_) | Target::Gateway(_) | Target::Other(_) if public => {
            format!(": addresses of the internet, out of {side}")
        }
        Target::VpcPeeringConnection(_) | Target::Gateway(_) | Target::Other(_) => String::new(),
    }
}

/// Which of a lab's networks an address is in.
/// Whose URLs a user gets by a row.
fn gets(row: &TableItem) -> String {
    let domain = row.domain.text();
    let of = if domain.is_empty() { String::new() } else { format!(" of {domain}") };
    format!("{} gets URLs for the profile {}{of}", row.user, row.profile)
}

/// Who may do what with a function, and on whose behalf.
fn may_call(permission: &FunctionPermission) -> String {
    let FunctionPermission { principal, action, source_account, .. } = permission;
    let source = permission.source_arn.text();
    let who = if principal == "*" { "anybody" } else { principal };
    let behalf = match (source.is_empty(), source_account.is_empty()) {
        (false, _) => format!(", for {source}"),
        (true, false) => format!(", for account {source_account}"),
        (true, true) => String::new(),
    };
    let but = if permission.conditions.is_empty() { "" } else { ", on further conditions" };
    format!("{who} may call {action}{behalf}{but}")
}

/// Which variables of a function aren't as planned.
fn other_variables(expected: &Value, actual: &Value) -> String {
    let names = |value: &Value| value.as_object().map_or(BTreeSet::new(), |all| all.keys().cloned().collect());
    let differ = |name: &&String| expected.get(*name) != actual.get(*name);
    let all: BTreeSet<String> = &names(expected) | &names(actual);
    format!("the function goes by another {}", several(all.iter().filter(differ)))
}

fn side(address: &Address) -> &'static str {
    match address.as_str().split('/').next() {
        Some("studio") => "the Studio VPC",
        Some("onprem") => "the corporate network",
        _ => "the VPC",
    }
}

fn target(target: &Target) -> String {
    match target {
        Target::VpcPeeringConnection(peering) => peering.text(),
        Target::InternetGateway(gateway) => gateway.text(),
        Target::NatGateway(gateway) => gateway.text(),
        Target::Gateway(id) | Target::Other(id) => id.clone(),
    }
}

fn what_passes(rule: &SecurityGroupRule) -> String {
    let peer = match &rule.peer {
        Peer::Cidr(range) => range.to_string(),
        Peer::Group(group) => group.text(),
        Peer::PrefixList(id) => id.clone(),
    };
    let way = if rule.direction == Direction::Ingress { "from" } else { "to" };
    format!("{} {way} {peer}", rule.traffic())
}

/// `, which names …`, with those that answer the private names as on the internet.
fn dns_servers(named: &[String]) -> String {
    if named.is_empty() {
        return ", which names no DNS server".into();
    }
    let public = |server: &&String| {
        let on_the_internet = server.parse().is_ok_and(|address: std::net::IpAddr| is_public(IpNet::from(address)));
        on_the_internet || *server == "AmazonProvidedDNS"
    };
    let public: Vec<_> = named.iter().filter(public).collect();
    let leak = match public.as_slice() {
        [] => String::new(),
        [one] => format!(": {one} answers the private names with public addresses"),
        _ => format!(": {} answer the private names with public addresses", several(&public)),
    };
    format!(", which names {}{leak}", several(named))
}

fn acl_effect(acl: &NetworkAcl) -> String {
    let refused = acl.entries.iter().filter(|entry| !entry.allow).count();
    let whose = if acl.default { "somebody changed what came with the VPC" } else { "somebody made it" };
    match refused {
        0 => format!("{whose}: `up` leaves it alone, and packets that no entry allows are refused"),
        _ => format!("{whose}: `up` leaves it alone, and packets may be refused by {refused} of its entries"),
    }
}

/// What a host would be if it were started anew.
fn other_user_data(planned: &Instance, host: &Instance) -> String {
    let read = |instance: &Instance| {
        let text = bind::named_conf(instance.user_data.as_deref()?)?;
        bind::read(&text, ipnet::Ipv4Net::default()).ok()
    };
    let anew = match (read(planned), read(host)) {
        (Some(planned), Some(other)) => other_zones(&planned, &other),
        (Some(_), None) => "it would be no DNS server".to_owned(),
        _ => "it would be set up in another way".to_owned(),
    };
    format!("what the host runs is what it was first started with, and isn't known; started anew, {anew}")
}

fn other_zones(planned: &Config, other: &Config) -> String {
    let first = other.zones.iter().filter(|(_, zone)| matches!(zone, Zone::Forward(upstream) if !upstream.only));
    let first: Vec<_> = first.map(|(zone, _)| zone).collect();
    if !first.is_empty() {
        return format!("it would ask the internet for {} when nobody else answers", several(&first));
    }
    let lost: Vec<_> = planned.zones.keys().filter(|zone| !other.zones.contains_key(*zone)).collect();
    if !lost.is_empty() {
        return format!("it would answer {} as on the internet", several(&lost));
    }
    let moved = planned.zones.iter().filter(|(zone, what)| other.zones.get(*zone) != Some(what));
    let moved: Vec<_> = moved.map(|(zone, _)| zone).collect();
    match moved.is_empty() {
        true => "it would be set up in another way".to_owned(),
        false => format!("it would ask others for {}", several(&moved)),
    }
}

/// How what a document allows and denies differs from another.
fn policy_change(expected: &Value, actual: &Value) -> String {
    let lacking = |of: &Value, than: &Value, effect: &str| {
        let other: Vec<Value> = statements(than).cloned().collect();
        let lacking = statements(of).filter(|one| is(one, effect) && !other.contains(one));
        lacking.cloned().collect::<Vec<_>>()
    };
    let alike = |one: &Value, two: &Value| what(one) == what(two);
    let mut parts = Vec::new();
    let (mut new_allows, mut new_denies) = (lacking(actual, expected, "Allow"), lacking(actual, expected, "Deny"));
    for gone in lacking(expected, actual, "Deny") {
        match new_denies.iter().position(|new| alike(new, &gone)) {
            Some(at) => {
                new_denies.remove(at);
                parts.push(format!("denies {} under another condition", what(&gone)));
            }
            None => parts.push(format!("no longer denies {}", what(&gone))),
        }
    }
    for gone in lacking(expected, actual, "Allow") {
        match new_allows.iter().position(|new| alike(new, &gone)) {
            Some(at) => {
                let open = new_allows.remove(at).get("Condition").is_none();
                let how = if open { "without any condition" } else { "under another condition" };
                parts.push(format!("allows {} {how}", what(&gone)));
            }
            None => parts.push(format!("no longer allows {}", what(&gone))),
        }
    }
    parts.extend(new_allows.iter().map(|new| format!("allows {}", what(new))));
    parts.extend(new_denies.iter().map(|new| format!("denies {}", what(new))));
    let parts: BTreeSet<_> = parts.into_iter().collect();
    if parts.is_empty() {
        "says the same in other words".to_owned()
    } else {
        parts.into_iter().collect::<Vec<_>>().join("; ")
    }
}

/// What a statement is about: its actions, and for whom, where it says so.
fn what(statement: &Value) -> String {
    let actions = texts(statement.get("Action"));
    let actions = match (actions.is_empty(), texts(statement.get("NotAction"))) {
        (false, _) => several(&actions),
        (true, others) => format!("all but {}", several(&others)),
    };
    let actions = if actions == "*" { "everything".to_owned() } else { actions };
    let all =
        texts(statement.get("Resource")) == ["*"] && statement.get("Principal").is_none() && actions != "everything";
    let on = if all { " on everything" } else { "" };
    let who = match statement.get("Principal") {
        Some(Value::Object(kinds)) => {
            let who: Vec<String> = kinds.values().flat_map(|ids| texts(Some(ids))).collect();
            format!(" to {}", several(&who))
        }
        _ => String::new(),
    };
    format!("{actions}{on}{who}")
}

/// The statements of a document.
fn statements(document: &Value) -> impl Iterator<Item = &Value> {
    document.get("Statement").and_then(Value::as_array).into_iter().flatten()
}

/// Whether a statement has this effect.
fn is(statement: &Value, effect: &str) -> bool {
    statement.get("Effect").and_then(Value::as_str) == Some(effect)
}

/// The strings of a value that holds one or a list of them.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// `a, b and 3 more`.
fn several(items: impl IntoIterator<Item = impl ToString>) -> String {
    let mut items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    if items.len() > NAMED {
        let more = items.len() - NAMED + 1;
        items.truncate(NAMED - 1);
        items.push(format!("{more} more"));
    }
    match items.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => items.concat(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::{Class, Difference, drift};
    use super::*;
    use crate::engine::testing::{blueprint, built};
    use crate::resource::Ref;
    use crate::resource::internet_gateway::InternetGateway;
    use crate::resource::policy::Policy;
    use crate::resource::role_policy::RolePolicy;

    const PLAN: &str = "name = \"demo\"\n[onprem]\ninternet_gateway = true\ngateway_endpoints = [{ service = \"s3\" }]\n[studio]\nendpoints = [{ service = \"studio\" }, \
                        { service = \"sagemaker.api\" }]\n[dns]\nmode = \"server\"\n[access]\nmode = \"source-vpce\"\n";

    /// What drift says after something was changed by hand, with the addresses of the lab for ids.
    fn after(change: impl FnOnce(&mut Survey)) -> Vec<String> {
        let drawn = blueprint(PLAN);
        let mut survey = built(&drawn);
        change(&mut survey);
        let told = |one: &Difference| {
            let field = one.field.as_deref().map_or(String::new(), |field| format!(" {field}"));
            format!("{:?} {}{field}: {}", one.class, one.address, one.effect).replace("id:", "")
        };
        drift(&drawn, &survey).iter().map(told).collect()
    }

    fn spec<'a, T>(
        survey: &'a mut Survey,
        address: &str,
        part: impl FnOnce(&'a mut Spec) -> Option<&'a mut T>,
    ) -> &'a mut T {
        part(&mut survey.at(address).spec).unwrap()
    }

    fn route(spec: &mut Spec) -> Option<&mut Route> {
        if let Spec::Route(route) = spec { Some(route) } else { None }
    }

    fn policy(spec: &mut Spec) -> Option<&mut RolePolicy> {
        if let Spec::RolePolicy(policy) = spec { Some(policy) } else { None }
    }

    #[test]
    fn a_way_to_the_internet_is_called_one() {
        let added = after(|survey| {
            let gateway = InternetGateway { vpc: Some(Ref::known("id:studio/vpc")) };
            survey.found.push(Observed::standing("igw-1", BTreeMap::new(), gateway));
            let target = Target::InternetGateway(Ref::known("igw-1"));
            let table = Ref::known("id:studio/route-table/private");
            let route = Route { route_table: table, destination: "0.0.0.0/0".into(), target };
            survey.found.push(Observed::standing("rtb 0.0.0.0/0", BTreeMap::new(), route));
        });
        insta::assert_snapshot!(added.join("\n"), @"
        Unmanaged studio/route-table/private/0.0.0.0/0: sends packets for 0.0.0.0/0 to igw-1: opens the Studio VPC to the internet
        Unmanaged studio/vpc/igw-1: opens the Studio VPC to the internet where a route leads to it; it is not the lab's: `up` leaves it alone, and `down` can't remove what holds it
        ");
    }

    #[test]
    fn a_route_that_leads_elsewhere_says_where() {
        let moved = after(|survey| {
            let route = spec(survey, "studio/route-table/private/route/peering", route);
            route.target = Target::VpcPeeringConnection(Ref::known("pcx-9"));
            survey.copy("peering", "pcx-9", |copy| {
                copy.tags.clear();
                if let Spec::VpcPeeringConnection(peering) = &mut copy.spec {
                    peering.accepter = Ref::known("vpc-third");
                }
            });
        });
        insta::assert_snapshot!(moved.join("\n"), @"
        Changed studio/route-table/private/route/peering target: packets for 192.168.10.0/24 go to pcx-9 instead of peering
        Unmanaged studio/vpc/pcx-9: joins studio/vpc and vpc-third where routes lead from one to the other; it is not the lab's: `up` leaves it alone, and `down` can't remove what holds it
        ");
    }

    #[test]
    fn other_groups_say_what_they_let_in() {
        let changed = after(|survey| {
            if let Spec::InterfaceEndpoint(endpoint) = &mut survey.at("studio/endpoint/studio").spec {
                endpoint.security_groups = [Ref::known("id:studio/security-group/resolver")].into_iter().collect();
            }
        });
        insta::assert_snapshot!(changed.join("\n"), @"Changed studio/endpoint/studio security_groups: studio/security-group/resolver lets in tcp 53 from 192.168.10.0/24 and udp 53 from 192.168.10.0/24; studio/security-group/endpoints no longer lets in tcp 443 from 192.168.10.0/24 and tcp 443 from 10.16.0.0/16");
    }

    #[test]
    fn halves_of_the_internet_are_the_whole() {
        let halves = after(|survey| {
            for half in ["0.0.0.0/1", "128.0.0.0/1"] {
                survey.copy("studio/security-group/resolver/rule/udp-53-from-192.168.10.0/24", half, |copy| {
                    copy.tags.clear();
                    if let Spec::SecurityGroupRule(rule) = &mut copy.spec {
                        rule.peer = Peer::Cidr(half.parse().unwrap());
                    }
                });
            }
        });
        assert!(halves.iter().all(|one| one.ends_with(", to the whole internet")) && halves.len() == 2, "{halves:#?}");
    }

    #[test]
    fn policies_say_what_they_open_and_break() {
        let without_deny = after(|survey| {
            let policy = spec(survey, "access/role/portal/policy/presign", policy);
            let document = serde_json::to_value(&policy.document).unwrap();
            let allow = statements(&document).find(|statement| is(statement, "Allow")).unwrap();
            policy.document = Policy::new(json!({"Version": "2012-10-17", "Statement": [allow]}));
        });
        insta::assert_snapshot!(without_deny.join("\n"), @"Changed access/role/portal/policy/presign document: the policy no longer denies sagemaker:CreatePresignedDomainUrl and sagemaker:DescribeUserProfile");
        let open = after(|survey| {
            let document = json!({"Statement": [{"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}]});
            spec(survey, "access/role/portal/policy/presign", policy).document = Policy::new(document);
        });
        assert!(open.len() == 1 && open[0].ends_with(ANYWHERE), "{open:#?}");
        let missing = after(|survey| *survey = survey.clone().without("access/role/portal/policy/presign"));
        insta::assert_snapshot!(missing.join("\n"), @"Missing access/role/portal/policy/presign: the role lacks these permissions, and nothing denies sagemaker:CreatePresignedDomainUrl and sagemaker:DescribeUserProfile any more: a presigned URL may work from anywhere, if another policy allows it");
        let trust = after(|survey| {
            if let Spec::Role(role) = &mut survey.at("access/role/portal").spec {
                let anybody = json!([{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]);
                role.trust = Policy::new(json!({"Version": "2012-10-17", "Statement": anybody}));
            }
            if let Spec::InterfaceEndpoint(endpoint) = &mut survey.at("studio/endpoint/studio").spec {
                let nobody = json!([{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]);
                endpoint.policy = Policy::new(json!({"Statement": nobody}));
            }
        });
        insta::assert_snapshot!(trust.join("\n"), @"
        Changed studio/endpoint/studio policy: the endpoint's policy denies everything; no longer allows everything; no longer denies sagemaker:CreatePresignedDomainUrl
        Changed access/role/portal trust: the role's trust allows sts:AssumeRole to *; no longer allows sts:AssumeRole to lambda.amazonaws.com
        ");
    }

    #[test]
    fn other_user_data_says_what_would_be_forwarded_no_longer() {
        let changed = after(|survey| {
            if let Spec::Instance(instance) = &mut survey.at("onprem/dns/a").spec {
                let text = instance.user_data.take().unwrap();
                instance.user_data = Some(text.replace("studio.eu-west-1.sagemaker.aws", "example"));
            }
        });
        insta::assert_snapshot!(changed.join("\n"), @"Changed onprem/dns/a user_data: what the host runs is what it was first started with, and isn't known; started anew, it would answer studio.eu-west-1.sagemaker.aws as on the internet");
    }

    #[test]
    fn sign_in_says_who_gets_in() {
        let drawn = blueprint(
            "name = \"demo\"\n[sign_in]\nenabled = true\n[domain]\nenabled = true\nusers = [\"alice\"]\n\
             [[studio.endpoints]]\nservice = \"studio\"",
        );
        let mut survey = built(&drawn);
        if let Spec::UserPool(pool) = &mut survey.at("sign-in/pool").spec {
            pool.triggers = vec!["arn:f".to_owned()].into();
            pool.case_sensitive = true;
        }
        if let Spec::UserPoolClient(client) = &mut survey.at("sign-in/client").spec {
            client.auth_flows = vec!["ALLOW_REFRESH_TOKEN_AUTH".to_owned()].into();
            client.secret = true;
        }
        for (name, enabled) in [("eve", true), ("mallory", true), ("trent", false)] {
            survey.copy("sign-in/user/alice", &format!("pool {name}"), |copy| {
                if let Spec::UserPoolUser(user) = &mut copy.spec {
                    (user.name, user.enabled) = (name.into(), enabled);
                }
            });
        }
        survey.copy("domain/user-profile/alice", "d/Eve", |copy| {
            copy.tags.clear();
            if let Spec::UserProfile(profile) = &mut copy.spec {
                profile.name = "Eve".into();
            }
        });
        let told = |one: &Difference| {
            let field = one.field.as_deref().map_or(String::new(), |field| format!(" {field}"));
            format!("{:?} {}{field}: {}", one.class, one.address, one.effect)
        };
        let drift = drift(&drawn, &survey);
        let of_sign_in = drift.iter().filter(|one| one.address.as_str().starts_with("sign-in/"));
        let told: Vec<_> = of_sign_in.map(told).collect();
        insta::assert_snapshot!(told.join("\n"), @"
        Changed sign-in/pool case_sensitive: names that differ in case only are two users'
        Changed sign-in/pool triggers: arn:f decides who signs in, and what tokens say
        Changed sign-in/client auth_flows: users can't sign in as the portal does it
        Changed sign-in/client secret: a page in a browser can't sign users in by it
        Unmanaged sign-in/pool/eve: eve can sign in, whom the plan doesn't name, and there is a profile for eve; it is not the lab's: `up` leaves it alone
        Unmanaged sign-in/pool/mallory: mallory can sign in; there is no profile for mallory; it is not the lab's: `up` leaves it alone
        Unmanaged sign-in/pool/trent: trent is a user whom the plan doesn't name, and is disabled; it is not the lab's: `up` leaves it alone
        ");
    }

    #[test]
    fn what_is_as_asked_for_is_no_difference() {
        let drawn = blueprint(PLAN);
        assert_eq!(drift(&drawn, &built(&drawn)), []);
        let unmanaged = after(|survey| {
            let document = Policy::new(json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}));
            let policy = RolePolicy { role: Ref::known("id:access/role/portal"), name: "mine".into(), document };
            survey.found.push(Observed::standing("portal mine", BTreeMap::new(), policy));
        });
        assert_eq!(unmanaged, [format!("{:?} access/role/portal/mine: allows the role everything", Class::Unmanaged)]);
    }
}
