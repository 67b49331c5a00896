//! Step 8: the function makes URLs by its private ways, for those whom the table names.

use std::net::Ipv4Addr;

use crate::aws::partition::dns_suffix;
use crate::aws::services;
use crate::model::names::{self, Answer};
use crate::model::network::{End, Protocol, connect, may_leave};
use crate::model::policy::{self, Arrival};
use crate::portal::Program;
use crate::resource::function::Function;
use crate::resource::gateway_endpoint::GatewayEndpoint;
use crate::resource::table_item::TableItem;
use crate::resource::{Kind, Observed, Readiness, Spec};

use super::access::{PORTAL, PRESIGN_ACTION, Role};
use super::doors::door;
use super::found::{Found, join};
use super::hosts::Host;
use super::names::{hops, instead};
use super::packets::HTTPS;
use super::{Basis, DOMAIN, FUNCTION, Lab, STUDIO_VPC, Step, TABLE};

/// SageMaker's endpoint, and DynamoDB's.
const SAGEMAKER: &str = "studio/endpoint/sagemaker.api";
const ROWS: &str = "portal/table/user/";

const GET_ITEM: &str = "dynamodb:GetItem";

/// A domain that isn't the lab's.
const OTHER_DOMAIN: &str = "d-000000000000";

/// DynamoDB's public front, of which groups have to let the function get to some address:
/// <https://www.rfc-editor.org/rfc/rfc5737>.
const FRONT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 80);

impl Lab<'_> {
    /// Step 8.
    pub(super) fn making(&self) -> Step {
        let title = "The function makes URLs through its endpoints, for those whom the table names";
        let basis = Basis::NAMES.and(&[
            Kind::Function,
            Kind::Role,
            Kind::RolePolicy,
            Kind::RolePolicyAttachment,
            Kind::Table,
            Kind::TableItem,
            Kind::Domain,
            Kind::UserProfile,
            Kind::GatewayEndpoint,
        ]);
        self.step(8, title, basis, |lab| {
            let Some((observed, function)) = lab.function(FUNCTION) else {
                return Found::against(format!("the function {FUNCTION} is missing"));
            };
            let mut found = Found::default();
            lab.is_program(observed, function, Program::Presign, &mut found);
            lab.is_told(observed, function, &mut found);
            lab.stands_inside(observed, function, &mut found);
            lab.reaches_table(&mut found);
            lab.reaches_sagemaker(&mut found);
            lab.has_rows(&mut found);
            match lab.role() {
                Some(role) => lab.role_may(&role, observed, function, &mut found),
                None => found.against.add(format!("the role {PORTAL} is missing")),
            }
            found
        })
    }

    /// Whether the function is told of its table, and for how long URLs are good.
    fn is_told(&self, observed: &Observed, function: &Function, found: &mut Found) {
        let label = self.label(observed);
        if observed.unread.iter().any(|field| field == "environment") {
            return found.unknown.add(format!("the environment of {label} could not be read"));
        }
        let Some((table, _)) = self.at(TABLE) else {
            return found.against.add(format!("the table {TABLE} is missing"));
        };
        self.usable(table, found);
        let table = (self.label(table), table.id.as_str());
        let told = function.environment.get("TABLE").is_some_and(|told| told.text() == table.1);
        let against = format!("{label} isn't told of {}: its TABLE is another", table.0);
        found.check(told, format!("{label} goes by {}", table.0), against);
        for name in ["EXPIRES", "SESSION_EXPIRES"] {
            if function.environment.get(name).is_none_or(|seconds| seconds.text().parse::<u32>().is_err()) {
                found.against.add(format!("{label} isn't told how long URLs are good: {name} is no number"));
            }
        }
    }

    /// Whether the function's calls leave from the private subnets, in the portal's role.
    fn stands_inside(&self, observed: &Observed, function: &Function, found: &mut Found) {
        let label = self.label(observed);
        let private = ["studio/subnet/private-a", "studio/subnet/private-b"];
        let private: Vec<_> = private.iter().filter_map(|address| Some(&self.at(address)?.0.id)).collect();
        let inside = !function.subnets.is_empty() && function.subnets.iter().all(|own| private.contains(&&own.text()));
        let against = format!("{label} calls from elsewhere than the private subnets of the Studio VPC");
        found.check(inside, format!("{label} calls from the private subnets of the Studio VPC"), against);
    }

    /// The gateway endpoint for DynamoDB of a subnet's route table.
    fn gateway(&self, origin: &Host) -> Option<(&Observed, &GatewayEndpoint)> {
        let network = &self.live.network;
        let subnet = &network.interfaces.get(&origin.client.address)?.subnet;
        let table = network.subnets.get(subnet)?.route_table.as_ref()?;
        let service = services::gateway_name("dynamodb", self.region);
        self.survey.live().find_map(|observed| match &observed.spec {
            Spec::GatewayEndpoint(endpoint) if endpoint.service == service => {
                let on_table = self.labels.of_refs(&endpoint.route_tables).contains(table);
                (on_table && observed.readiness == Readiness::Ready).then_some((observed, endpoint))
            }
            _ => None,
        })
    }

    /// Whether the function gets to DynamoDB by a gateway endpoint.
    fn reaches_table(&self, found: &mut Found) {
        let host = format!("dynamodb.{}.{}", self.region, dns_suffix(self.region));
        for origin in &self.origins {
            let Some((gateway, _)) = self.gateway(origin) else {
                let name = &origin.name;
                found.against.add(format!("{name}, has no way to DynamoDB: its route table has no gateway endpoint"));
                continue;
            };
            match self.answer(origin, &host) {
                (Answer::Public, _) => {}
                (Answer::Unknown(_), hops) => found.unknown.add_all(hops),
                (answer, hops) => {
                    found.against.add(format!("{} looks up {host}", origin.name));
                    found.against.add_all(hops);
                    found.against.add(format!("so {}", instead(&answer)));
                }
            }
            let gateway = self.label(gateway);
            match may_leave(&self.live.network, origin.client.address, FRONT, Protocol::Tcp, HTTPS) {
                Ok(_) => found.for_it.add(format!("its route table leads to DynamoDB by {gateway}")),
                Err(why) => found.against.add(format!("nothing gets from {} to DynamoDB: {why}", origin.name)),
            }
        }
    }

    /// What the function gets for a name, and how.
    fn answer(&self, origin: &Host, host: &str) -> (Answer, Vec<String>) {
        let pass = |from, to| self.live.dns_passes(from, to);
        let lookup = names::lookup(&self.live.names, &origin.client, host, &pass);
        let hops = hops(&lookup);
        (lookup.answer, hops)
    }

    /// Whether the function gets to SageMaker's API by its endpoint.
    fn reaches_sagemaker(&self, found: &mut Found) {
        let door = door("sagemaker.api", self.blueprint, self.holdings, self.region);
        if let Err(why) = self.stands(&door) {
            return found.against.add(why);
        }
        for (origin, host) in self.origins.iter().flat_map(|origin| door.names.iter().map(move |host| (origin, host))) {
            let (answer, hops) = self.answer(origin, host);
            match answer {
                Answer::Private { ref addresses, ref owner } if self.leads_to(&answer, &door) => {
                    found.for_it.add(format!("{host} leads it to {}, the addresses of {owner}", join(addresses)));
                }
                Answer::Unknown(_) => found.unknown.add_all(hops),
                answer => {
                    found.against.add(format!("{} looks up {host}", origin.name));
                    found.against.add_all(hops);
                    found.against.add(format!("so {}", instead(&answer)));
                }
            }
            for address in door.addresses() {
                let from = End::Host(origin.client.address);
                match connect(&self.live.network, from, address, Protocol::Tcp, HTTPS) {
                    Ok(_) => found.for_it.add("tcp 443 passes from it to those addresses"),
                    Err(why) => {
                        found.against.add(format!("tcp 443 doesn't pass from {} to {address}: {why}", origin.name));
                    }
                }
            }
        }
    }

    /// The rows of the table.
    fn rows(&self) -> impl Iterator<Item = (&Observed, &TableItem)> {
        let table = self.at(TABLE).map(|(table, _)| &table.id);
        self.survey.live().filter_map(move |observed| match &observed.spec {
            Spec::TableItem(row) if table.is_some_and(|table| row.table.text() == *table) => Some((observed, row)),
            _ => None,
        })
    }

    /// Whether each user has a row, and each row leads to a profile that can be used, in the lab's domain.
    fn has_rows(&self, found: &mut Found) {
        let missing = self.planned_below(ROWS).filter(|address| self.at(address).is_none());
        found.against.add_all(missing.map(|address| format!("the row {address} is missing: its user gets no URL")));
        let Some((domain, _)) = self.at(DOMAIN) else {
            return found.against.add("the domain is missing: there is no Studio to open");
        };
        self.usable(domain, found);
        for (observed, row) in self.rows() {
            let label = self.label(observed);
            let of = row.domain.text();
            if of != domain.id {
                found.against.add(format!("the row {label} leads to the domain {of}, which isn't the lab's"));
                continue;
            }
            match self.profile(row) {
                Some(profile) => {
                    found.for_it.add(format!("the row {label} leads to {}", self.label(profile)));
                    self.usable(profile, found);
                }
                None => {
                    found
                        .against
                        .add(format!("the row {label} leads to the profile {}, which is missing", row.profile));
                }
            }
        }
    }

    /// The profile that a row leads to.
    fn profile(&self, row: &TableItem) -> Option<&Observed> {
        self.survey.live().find(|observed| match &observed.spec {
            Spec::UserProfile(profile) => {
                profile.domain.text() == row.domain.text() && profile.name.eq_ignore_ascii_case(&row.profile)
            }
            _ => false,
        })
    }

    /// Whether the function acts in the portal's role, which lets it read the table and make its users' URLs from where it
    /// stands, and neither anything else's nor from elsewhere.
    fn role_may(&self, role: &Role, observed: &Observed, function: &Function, found: &mut Found) {
        let own = self.at(PORTAL).and_then(|(role, _)| role.output("arn"));
        let (label, acts_in) = (self.label(observed), function.role.text());
        let against = format!("{label} acts in {acts_in}, which isn't {PORTAL}");
        found.check(own == Some(acts_in.as_str()), format!("{label} acts in {PORTAL}"), against);
        for origin in &self.origins {
            self.role_may_read(role, origin, found);
            let Some(door) = self.door_of(SAGEMAKER, origin.client.address) else { continue };
            let through = self.labels.label(&door.id);
            let arrival = Arrival::Endpoint(door);
            let make = |domain: &str, profile: &str| {
                role.may(PRESIGN_ACTION, &self.profile_arn(role, domain, profile), &arrival)
            };
            for (row, spec) in self.rows() {
                let request = format!("making a URL for {} through {through}", self.label(row));
                found.expect_admitted(&request, make(&spec.domain.text(), &spec.profile));
            }
            found.expect_refused("making a URL for another domain", make(OTHER_DOMAIN, "somebody"));
        }
        self.refuses_strangers(found);
    }

    fn role_may_read(&self, role: &Role, origin: &Host, found: &mut Found) {
        let table = self.at(TABLE).and_then(|(table, _)| table.output("arn"));
        let (Some(table), Some((gateway, endpoint))) = (table, self.gateway(origin)) else { return };
        let door = policy::Door {
            id: gateway.id.clone(),
            vpc: self.at(STUDIO_VPC).map(|(vpc, _)| vpc.id.clone()).unwrap_or_default(),
            service: endpoint.service.clone(),
            policy: endpoint.policy.document(),
            source: origin.client.address,
        };
        let request = format!("reading the table through {}", self.label(gateway));
        found.expect_admitted(&request, role.may(GET_ITEM, table, &Arrival::Endpoint(door)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Built, edit, endpoint, whole};
    use super::*;
    use crate::resource::policy::Policy;
    use crate::resource::{Ref, Set, Text};
    use crate::survey::Survey;

    const ROW: &str = "portal/table/user/studio-user";
    const GATEWAY: &str = "studio/gateway-endpoint/dynamodb";
    const PROFILE: &str = "domain/user-profile/studio-user";

    fn function(change: impl FnOnce(&mut Function)) -> Built {
        whole().but(|survey| {
            let Spec::Function(function) = &mut survey.at(FUNCTION).spec else { panic!("no function") };
            change(function);
        })
    }

    fn gateway(survey: &mut Survey) -> &mut GatewayEndpoint {
        let Spec::GatewayEndpoint(gateway) = &mut survey.at(GATEWAY).spec else { panic!("no gateway endpoint") };
        gateway
    }

    #[test]
    fn the_function_is_the_portals_in_its_role_and_subnets() {
        function(|it| it.code_sha256 = "other".into()).breaks("8 no", "portal/presign runs other code");
        function(|it| it.layers.push("arn:layer".into())).breaks("8 no", "portal/presign runs other code");
        function(|it| drop(it.environment.insert("TABLE".into(), Text::known("theirs"))))
            .breaks("8 no", "its TABLE is another");
        function(|it| it.role = Ref::known("arn:other"))
            .breaks("8 no", "acts in arn:other, which isn't access/role/portal");
        function(|it| it.subnets = Set::default()).breaks("8 no", "calls from elsewhere than the private subnets");
        let unread = whole().but(|survey| survey.at(FUNCTION).unread.push("environment".into()));
        unread.breaks("8 unknown", "the environment of portal/presign could not be read");
    }

    #[test]
    fn the_table_is_read_by_a_gateway_endpoint() {
        let off = whole().but(|survey| gateway(survey).route_tables = Set::default());
        off.breaks("8 no", "has no way to DynamoDB: its route table has no gateway endpoint");
        whole().without(GATEWAY).breaks("8 no", "has no way to DynamoDB");
        let nobody = r#"{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
        let shut = whole().but(|survey| gateway(survey).policy = Policy::parse(nobody));
        shut.breaks("8 no", "reading the table through studio/gateway-endpoint/dynamodb is refused");
        whole().without("access/role/portal/policy/function").breaks("8 no", "reading the table through");
    }

    #[test]
    fn sagemaker_is_reached_by_its_endpoint() {
        let off = whole().but(|survey| edit(survey.at(SAGEMAKER), endpoint, |it| it.private_dns = false));
        off.breaks("4 no, 8 no", "8: so it leads to a public address");
        let shut = whole().but(|survey| {
            survey.found.retain(|observed| match &observed.spec {
                Spec::SecurityGroupRule(rule) => rule.group.text() != "id:studio/security-group/portal",
                _ => true,
            });
        });
        shut.breaks("8 no", "doesn't let tcp 443 out to");
    }

    #[test]
    fn each_user_has_a_row_that_leads_to_their_profile() {
        whole().without(ROW).breaks("8 no", "the row portal/table/user/studio-user is missing: its user gets no URL");
        let elsewhere = whole().but(|survey| {
            if let Spec::TableItem(row) = &mut survey.at(ROW).spec {
                row.domain = Ref::known("d-theirs");
            }
        });
        elsewhere.breaks("8 no", "leads to the domain d-theirs, which isn't the lab's");
        whole().without(PROFILE).breaks("8 no", "leads to the profile studio-user, which is missing");
        let failed = whole().but(|survey| {
            let profile = survey.at(PROFILE);
            (profile.readiness, profile.state) = (Readiness::Failed("quota".into()), "Failed".into());
        });
        failed.breaks("8 no", "domain/user-profile/studio-user is Failed: quota");
        whole().without(DOMAIN).breaks("8 no, 10 no", "the domain is missing");
        whole().without(TABLE).breaks("8 no", "the table portal/table is missing");
    }
}
