//! What the names in the tables of calls stand for, and what a plan asks for.

use std::collections::BTreeSet;

use super::Site;
use super::calls::When;
use crate::blueprint::{Blueprint, Facts, draw};
use crate::engine::pin::public_images;
use crate::plan::Plan;
use crate::resource::security_group_rule::Direction;
use crate::resource::{Kind, LabName, Spec};

/// A plan, and the lab that it makes at a place.
pub struct Lab<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Where.
    pub site: &'a Site,
    /// How AWS knows the lab.
    pub name: LabName,
    blueprint: Blueprint,
    kinds: BTreeSet<Kind>,
}

impl<'a> Lab<'a> {
    /// The lab of a plan.
    pub fn new(plan: &'a Plan, site: &'a Site) -> Self {
        // Which zones and images were chosen makes no difference here.
        let zone = |letter| format!("{}{letter}", site.region);
        let facts = Facts {
            region: site.region.clone(),
            account: site.account.clone(),
            zones: [zone('a'), zone('b')],
            linux_image: String::new(),
            windows_image: String::new(),
        };
        let blueprint = draw(plan, &facts);
        let kinds = blueprint.iter().map(|desired| desired.kind()).collect();
        Self { plan, site, name: blueprint.lab.clone(), blueprint, kinds }
    }

    /// Whether it has something of one of these kinds.
    pub fn wants(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|kind| self.kinds.contains(kind))
    }

    /// Whether it has a rule of a security group for this direction.
    pub fn rules(&self, direction: Direction) -> bool {
        self.specs().any(|spec| matches!(spec, Spec::SecurityGroupRule(rule) if rule.direction == direction))
    }

    /// Whether an endpoint of it answers to the service's own names.
    pub fn private_dns(&self) -> bool {
        self.specs().any(|spec| matches!(spec, Spec::InterfaceEndpoint(endpoint) if endpoint.private_dns))
    }

    /// Whether SageMaker makes homes for its users.
    pub fn homes(&self) -> bool {
        self.specs().any(|spec| matches!(spec, Spec::Domain(domain) if domain.home_file_system))
    }

    pub(super) fn asks_for(&self, when: When) -> bool {
        match when {
            When::Always => true,
            When::Has(kinds) => self.wants(kinds),
            When::If(asks) => asks(self),
        }
    }

    fn specs(&self) -> impl Iterator<Item = &Spec> {
        self.blueprint.iter().map(|desired| &desired.spec)
    }

    /// A template with what the names in it stand for: once for each value of those that have several, not at all where
    /// they have none. `ec2:{region}:{account}:vpc/*`.
    pub fn fill(&self, template: &str) -> Vec<String> {
        let Some((before, rest)) = template.split_once('{') else { return vec![template.to_owned()] };
        let (name, after) = rest.split_once('}').expect("templates are written here, and tested");
        let tails = self.fill(after);
        let values = self.values(name);
        values.iter().flat_map(|value| tails.iter().map(move |tail| format!("{before}{value}{tail}"))).collect()
    }

    fn values(&self, name: &str) -> Vec<String> {
        let Self { name: lab, site, plan, .. } = self;
        match name {
            "region" => vec![site.region.clone()],
            "account" => vec![site.account.clone()],
            "lab" => vec![lab.name.clone()],
            "path" => vec![lab.path.clone()],
            "key_pair" => vec![lab.key_pair.clone()],
            "table" => vec![lab.table.clone()],
            "function" => lab.functions.clone(),
            "log_group" => lab.log_groups(),
            "kms_key" => plan.kms_key.iter().cloned().collect(),
            "image" => self.images().into_iter().flatten().collect(),
            "chosen_image" => self.images().into_iter().find(Option::is_none).map(|_| "*".into()).into_iter().collect(),
            "image_parameter" => public_images(plan).map(str::to_owned).collect(),
            "zone" => self.specs().filter_map(zone).collect::<BTreeSet<_>>().into_iter().collect(),
            "attached_policy" => self.attached(),
            role => self.roles(role.strip_prefix("role_of_").expect("templates are written here, and tested")),
        }
    }

    /// The images of its hosts, as far as its plan names them.
    fn images(&self) -> Vec<Option<String>> {
        let Plan { dns, app_server, .. } = self.plan;
        let hosts = (dns.mode == crate::plan::DnsMode::Server).then(|| dns.image.clone());
        hosts.into_iter().chain(app_server.enabled.then(|| app_server.image.clone())).collect()
    }

    /// The paths and names of the roles that this service takes on.
    fn roles(&self, service: &str) -> Vec<String> {
        let trusts = |spec: &Spec| match spec {
            Spec::Role(role) if role.trust.document().contains(&format!("\"{service}.")) => {
                Some(format!("{}{}", role.path, role.name))
            }
            _ => None,
        };
        self.specs().filter_map(trusts).collect()
    }

    /// The policies of others that its roles have.
    fn attached(&self) -> Vec<String> {
        let arn = |spec: &Spec| match spec {
            Spec::RolePolicyAttachment(attachment) => Some(attachment.policy_arn.clone()),
            _ => None,
        };
        self.specs().filter_map(arn).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

fn zone(spec: &Spec) -> Option<String> {
    match spec {
        Spec::HostedZone(zone) => Some(zone.name.clone()),
        _ => None,
    }
}
