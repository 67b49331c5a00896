//! The desired resources of a lab: a pure function of the plan and of a few facts about the place.

mod access;
mod addresses;
pub mod api;
mod dns;
mod domain;
mod endpoints;
mod hosts;
mod onprem;
mod peering;
pub mod portal;
mod sign_in;
mod studio;
mod vpc;

use indexmap::IndexMap;
use ipnet::Ipv4Net;

use crate::aws::tags::{self, Tags};
use crate::plan::{DnsMode, Plan};
use crate::resource::{Address, Kind, LabName, Pointer, Ref, Resource, Spec, reference};
use crate::survey::lab_name;
use vpc::AddedTier;

/// What a lab takes from the place where it stands: its Region and account, and what was chosen there once and is kept in
/// its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The Region.
    pub region: String,
    /// The account, by its twelve digits.
    pub account: String,
    /// The names of the zones of the subnets `a` and `b`.
    pub zones: [String; 2],
    /// The AMI of the DNS hosts; empty where the plan has none.
    pub linux_image: String,
    /// The AMI of the app server; empty where the plan has none.
    pub windows_image: String,
}

/// The desired resources of a plan in a place.
pub fn draw(plan: &Plan, facts: &Facts) -> Blueprint {
    let mut blueprint = Blueprint::with_tags(lab_name(&plan.name, &facts.region), plan.tags.clone());
    let onprem = onprem::add(&mut blueprint, plan, facts);
    let studio = studio::add(&mut blueprint, plan, facts);
    if plan.peering.enabled {
        peering::add(&mut blueprint, &onprem, &studio);
    }
    let endpoints = endpoints::add(&mut blueprint, plan, facts, &onprem, &studio);
    if plan.dns.mode != DnsMode::Off {
        dns::add(&mut blueprint, plan, facts, &onprem, &studio);
    }
    if plan.app_server.enabled {
        hosts::add_app_server(&mut blueprint, plan, facts, &onprem);
    }
    let domain = plan.domain.enabled.then(|| domain::add(&mut blueprint, plan, facts, &studio));
    let sign_in = plan.sign_in.enabled.then(|| sign_in::add(&mut blueprint, plan));
    if plan.access.role {
        access::add(&mut blueprint, plan, facts, &studio, &endpoints, domain.as_ref());
    }
    if plan.portal.enabled {
        let functions = portal::add_compute(&mut blueprint, plan, facts, &studio, domain.as_ref(), sign_in.as_ref());
        api::add(&mut blueprint, plan, facts, &studio, &endpoints, &functions, sign_in.as_ref());
    }
    blueprint
}

/// What other parts of a lab need to know of a VPC.
pub struct Network {
    vpc: Ref<crate::resource::vpc::Vpc>,
    cidr: Ipv4Net,
    tiers: Vec<AddedTier>,
}

impl Network {
    /// The tier of this name, which its side adds.
    fn tier(&self, name: &str) -> &AddedTier {
        self.tiers.iter().find(|tier| tier.name == name).expect("each side names the tiers it adds")
    }
}

/// One resource as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Its name within the lab.
    pub address: Address,
    /// Names that it had in earlier versions.
    pub aliases: Vec<Address>,
    /// What it should be; may point at other resources of the lab.
    pub spec: Spec,
    /// The tags it should carry, those of Breezeway included; empty where it takes none.
    pub tags: Tags,
}

impl Desired {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.spec.kind()
    }

    /// What it depends on.
    pub fn pointers(&self) -> Vec<(String, Pointer)> {
        reference::pointers(&self.spec.fields())
    }
}

/// All resources of a lab as they should be, each after those it depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Blueprint {
    /// How AWS knows the lab.
    pub lab: LabName,
    resources: IndexMap<Address, Desired>,
    common: Tags,
}

impl Blueprint {
    /// A lab with nothing in it: what `down` compares with.
    pub fn empty(lab: LabName) -> Self {
        Self { lab, resources: IndexMap::new(), common: Tags::new() }
    }

    /// The same, with tags that everything in it will carry.
    pub fn with_tags(lab: LabName, common: Tags) -> Self {
        Self { common, ..Self::empty(lab) }
    }

    /// Adds a resource; `name` is its `Name` tag.
    pub fn add<T: Resource + Into<Spec>>(&mut self, address: &str, name: &str, spec: T) -> Ref<T> {
        let address = Address::from(address);
        let mut tags = Tags::new();
        if T::TAGGED {
            tags.clone_from(&self.common);
            tags.insert("Name".into(), name.to_owned());
            tags.insert(tags::LAB.into(), self.lab.name.clone());
            tags.insert(tags::ADDRESS.into(), address.to_string());
        }
        let desired = Desired { address: address.clone(), aliases: Vec::new(), spec: spec.into(), tags };
        self.resources.insert(address.clone(), desired);
        Ref::to(&address)
    }

    /// All resources, each after those it depends on.
    pub fn iter(&self) -> impl Iterator<Item = &Desired> {
        self.resources.values()
    }

    /// The resource at an address, by its present name or an earlier one.
    pub fn get(&self, address: &Address) -> Option<&Desired> {
        self.resources
            .get(address)
            .or_else(|| self.resources.values().find(|desired| desired.aliases.contains(address)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }
}
