//! Drift: what of a lab is no longer as asked for, in classes, each with what it opens or breaks.

mod effect;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blueprint::Blueprint;
use crate::engine::difference::{FieldDifference, differences_now, shown};
use crate::engine::holdings::{Holdings, Proof};
use crate::engine::run::retag_command;
use crate::resource::{Address, Kind, Observed};
use crate::survey::Survey;
use effect::Sight;

/// What kind of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A field is not as asked for.
    Changed,
    /// A resource isn't there.
    Missing,
    /// Something nobody asked for is inside what the lab owns.
    Unmanaged,
    /// It looks like the lab's, but nothing proves it.
    Unproven,
    /// It could not be read.
    Unknown,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Where: an address of the lab, or kind and id of what has none.
    pub address: Address,
    /// The kind of resource.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The class.
    pub class: Class,
    /// AWS's id, where something stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Which field, for `changed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<Value>,
    /// Whether it is somebody else's, so that `up` leaves it alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// What that opens or breaks.
    pub effect: String,
}

/// Compares a blueprint with a survey.
pub fn drift(blueprint: &Blueprint, survey: &Survey) -> Vec<Difference> {
    let holdings = Holdings::sort(blueprint, survey);
    let sight = Sight { blueprint, survey, holdings: &holdings };
    let mut found = Vec::new();
    for desired in blueprint.iter() {
        let (address, kind) = (desired.address.clone(), desired.kind());
        match holdings.held.get(&address) {
            Some(held) => {
                let id = Some(held.observed.id.clone());
                let fields = differences_now(desired, held.observed, &holdings);
                if held.proof == Proof::Unproven {
                    let command = retag_command(&blueprint.lab.name, &address, held.observed);
                    let effect =
                        format!("its tag is gone, so `up` and `down` leave it alone; if it is the lab's: {command}");
                    found.push(Difference { id: id.clone(), ..plain(address.clone(), kind, Class::Unproven, effect) });
                }
                let tagless = |field: &&FieldDifference| held.is_ours() || !field.field.starts_with("tags.");
                for field in fields.iter().filter(tagless) {
                    found.push(Difference {
                        id: id.clone(),
                        field: Some(field.field.clone()),
                        expected: Some(field.expected.clone()),
                        actual: Some(field.actual.clone()),
                        ..plain(address.clone(), kind, Class::Changed, sight.changed(&address, held.observed, field))
                    });
                }
            }
            // What can't be read may well be there.
            None if holdings.unknown.contains(&address) => {}
            None => found.push(plain(address, kind, Class::Missing, effect::missing(&desired.spec))),
        }
    }
    for (address, observed) in &holdings.obsolete {
        found.push(extra(address.clone(), observed, "it carries the lab's tags, but the plan doesn't ask for it"));
    }
    for (address, observed) in &holdings.duplicates {
        found.push(extra(address.clone(), observed, "the lab has two of these; `up` removes this one"));
    }
    for observed in &holdings.unmanaged {
        let address = within(&holdings, observed);
        let effect = sight.opened(&address, observed);
        found.push(extra(address, observed, &effect));
    }
    for observed in &holdings.foreign {
        let address = within(&holdings, observed);
        // A VPC's main table is nobody's difference: what somebody put into it is.
        let routes: Vec<_> = sight.routes_in(observed).filter(|_| observed.came_with_vpc()).collect();
        for route in &routes {
            let destination = route.id.rsplit(' ').next().unwrap_or_default();
            let effect = format!("{}, by the VPC's main route table", sight.opened(&address, route));
            let address = Address::from(format!("{address}/{destination}"));
            found.push(Difference { foreign: true, ..extra(address, route, &effect) });
        }
        if routes.is_empty() {
            let effect = sight.foreign(&address, observed);
            found.push(Difference { foreign: true, ..extra(address, observed, &effect) });
        }
    }
    for (kind, failure) in &survey.unreadable {
        let effect = format!("{kind} could not be read: {failure}");
        found.push(plain(Address::from(kind.name()), *kind, Class::Unknown, effect));
    }
    found
}

fn plain(address: Address, kind: Kind, class: Class, effect: String) -> Difference {
    Difference { address, kind, class, id: None, field: None, expected: None, actual: None, foreign: false, effect }
}

fn extra(address: Address, observed: &Observed, effect: &str) -> Difference {
    let fields = observed.spec.fields().into_iter().map(|(field, value)| (field.clone(), shown(&field, value)));
    Difference {
        id: Some(observed.id.clone()),
        actual: Some(Value::Object(fields.collect())),
        ..plain(address, observed.kind(), Class::Unmanaged, effect.to_owned())
    }
}

/// Where something without an address stands: below the address of its owner.
fn within(holdings: &Holdings<'_>, observed: &Observed) -> Address {
    let fields = observed.spec.fields();
    let mut owners = observed.kind().owners().iter().filter_map(|field| fields.get(*field)?.as_str());
    let address = owners.find_map(|id| {
        let mut held = holdings.held.iter();
        held.find(|(_, held)| held.observed.id == id).map(|(address, _)| address.clone())
    });
    let own = observed.id.rsplit_once(' ').map_or(observed.id.as_str(), |(_, own)| own);
    match address {
        Some(address) => Address::from(format!("{address}/{own}")),
        None => Address::from(format!("{} {own}", observed.kind())),
    }
}
