//! What a difference opens or breaks, in a sentence.

mod dns;
mod policy;
#[cfg(test)]
mod tests;
mod traffic;

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde_json::Value;

use crate::blueprint::Blueprint;
use crate::engine::difference::FieldDifference;
use crate::engine::holdings::Holdings;
use crate::model::network::is_public;
use crate::resource::function_permission::FunctionPermission;
use crate::resource::route::Route;
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

/// What breaks where something isn't there.
pub fn missing(spec: &Spec) -> String {
    match spec {
        Spec::Vpc(_) => "nothing of this side of the lab can stand".into(),
        Spec::Subnet(subnet) => format!("there is no room in {} for what belongs there", subnet.zone),
        Spec::RouteTable(_) => "its subnets fall back to the main route table".into(),
        Spec::RouteTableAssociation(_) => "the subnet falls back to the main route table".into(),
        Spec::Route(route) => format!("packets for {} have no way", route.destination),
        Spec::SecurityGroup(_) => "what should carry the group is not protected by it".into(),
        Spec::SecurityGroupRule(rule) => format!("{} is refused", traffic::what_passes(rule)),
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
            let denied: Vec<_> = policy::statements(&document)
                .filter(|statement| policy::is(statement, "Deny"))
                .map(policy::what)
                .collect();
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
            Spec::SecurityGroupRule(rule) => {
                format!("opens the way for {}{}", traffic::what_passes(rule), self.reach(rule))
            }
            Spec::Route(route) => {
                let way = format!("sends packets for {} to {}", route.destination, traffic::target(&route.target));
                format!("{way}{}", traffic::way_out(address, &route.destination, &route.target))
            }
            Spec::RolePolicy(policy) => {
                let document = serde_json::to_value(&policy.document).unwrap_or_default();
                let allowed: Vec<_> =
                    policy::statements(&document).filter(|one| policy::is(one, "Allow")).map(policy::what).collect();
                let note = self.presign_note(&policy.role.text());
                match allowed.is_empty() {
                    true => format!("takes from the role what `{}` denies", policy.name),
                    false => format!("allows the role {}{note}", several(&allowed)),
                }
            }
            Spec::TableItem(row) => gets(row),
            Spec::HostedZone(zone) => format!("the VPC's resolver answers the names of {} from it", zone.name),
            Spec::RecordSet(record) => dns::leads(record),
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
        let side = traffic::side(address);
        let does = match &observed.spec {
            Spec::SecurityGroup(group) if group.is_default() => return self.default_group(observed),
            Spec::NetworkAcl(acl) => return traffic::acl(acl),
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
            Spec::HostedZone(zone) => {
                let holder = |vpc: &str| self.holdings.held.iter().find(move |(_, held)| held.observed.id == vpc);
                let sides =
                    zone.vpcs.iter().filter_map(|one| holder(&one.vpc.text()).map(|(vpc, _)| traffic::side(vpc)));
                format!("names below {} are answered from another zone in {}", zone.name, several(sides))
            }
            Spec::SecurityGroupRule(rule) => format!("names a group of the lab: {}", traffic::what_passes(rule)),
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
        let added: Vec<_> =
            rules.filter(|rule| !own(rule)).map(|rule| traffic::what_passes(rule) + &self.reach(rule)).collect();
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
                dns::servers(named)
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
                format!("the endpoint's policy {}", policy::change(expected, actual))
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
            (Spec::HostedZone(zone), "vpcs") => dns::other_vpcs(zone, expected, actual),
            (Spec::HostedZone(_), "comment") => "nothing is answered otherwise; only the comment differs".into(),
            (Spec::RecordSet(record), _) => format!("{}, in place of what is planned", dns::leads(record)),
            (Spec::DhcpOptions(_), "options") => {
                let named = texts(actual.get("domain-name-servers"));
                format!("hosts are told otherwise{}", dns::servers(&named))
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
                dns::other_user_data(planned, host)
            }
            (Spec::Instance(_), "running") => "the host does not answer".into(),
            (Spec::Instance(_), "public") if on => "the host has a public address".into(),
            (Spec::Instance(_), "termination_protection") => {
                "whoever terminates the host must take this off first".into()
            }
            (Spec::InstanceProfile(_), "role") => "hosts act in another role, or in none".into(),
            (Spec::RestApi(_), "policy") => {
                format!("the API's policy {}, once it is deployed", policy::change(expected, actual))
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
            (Spec::Role(_), "trust") => format!("the role's trust {}", policy::change(expected, actual)),
            (Spec::Role(_), "permissions_boundary") if actual.is_null() => {
                "the role may do all that its policies allow: nothing bounds them".into()
            }
            (Spec::RolePolicy(policy), "document") => {
                format!("the policy {}{}", policy::change(expected, actual), self.presign_note(&policy.role.text()))
            }
            _ => "it is not what the plan asks for".into(),
        }
    }

    fn other_way(&self, address: &Address, observed: &Observed, route: &Route, expected: &Value) -> String {
        let (destination, to) = (&route.destination, traffic::target(&route.target));
        let gone = if observed.state == "blackhole" { ", which is gone: none comes back" } else { "" };
        let planned = expected.as_object().and_then(|way| way.values().next()?.as_str());
        let planned = planned.map_or(String::new(), |planned| format!(" instead of {planned}"));
        let out = if gone.is_empty() { traffic::way_out(address, destination, &route.target) } else { String::new() };
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
                    Some(format!("{}{}", traffic::what_passes(rule), self.reach(rule)))
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
