//! Surveys for tests: a lab as it stands when it was built as drawn.

use serde_json::Value;

use crate::blueprint::{Blueprint, Facts, draw};
use crate::plan::{Source, parse};
use crate::resource::reference::resolve;
use crate::resource::{Address, Kind, Observed, Pointer, Spec};
use crate::survey::Survey;

/// The blueprint of a plan.
pub fn blueprint(plan: &str) -> Blueprint {
    let source = Source { name: "test".into(), text: plan.into() };
    draw(&parse(&source).unwrap(), &facts())
}

/// The place where the labs of tests stand.
pub fn facts() -> Facts {
    Facts {
        region: "eu-west-1".into(),
        account: "111122223333".into(),
        zones: ["eu-west-1a".into(), "eu-west-1b".into()],
        linux_image: "ami-0000000000000001".into(),
        windows_image: "ami-0000000000000002".into(),
    }
}

/// What AWS would show of it: ids are made of the address.
pub fn built(blueprint: &Blueprint) -> Survey {
    let lookup = |pointer: &Pointer| Some(id(&pointer.address));
    let found = blueprint.iter().map(|desired| {
        let Value::Object(fields) = resolve(&Value::Object(desired.spec.fields()), &lookup) else { unreachable!() };
        Observed::standing(
            id(&desired.address),
            desired.tags.clone(),
            Spec::from_fields(desired.kind(), fields).unwrap(),
        )
    });
    Survey { lab: blueprint.lab.name.clone(), found: found.collect(), ..Survey::default() }
}

/// The id that [`built`] gives to an address.
pub fn id(address: &Address) -> String {
    format!("id:{address}")
}

impl Survey {
    /// The resource built at this address.
    pub fn at(&mut self, address: &str) -> &mut Observed {
        let id = id(&address.into());
        self.found.iter_mut().find(|observed| observed.id == id).unwrap()
    }

    /// The survey without the resource built at this address.
    pub fn without(mut self, address: &str) -> Self {
        self.found.retain(|observed| observed.id != id(&address.into()));
        self
    }

    /// A copy of the resource at this address under another id, changed by `change`.
    pub fn copy(&mut self, address: &str, id: &str, change: impl FnOnce(&mut Observed)) {
        let mut copy = self.at(address).clone();
        copy.id = id.to_owned();
        change(&mut copy);
        self.found.push(copy);
    }

    /// How many of a kind there are.
    pub fn count(&self, kind: Kind) -> usize {
        self.found.iter().filter(|observed| observed.kind() == kind).count()
    }
}
