//! Surveys for tests: a lab as it stands when it was built as drawn.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::blueprint::{Blueprint, Desired, Facts, draw};
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
    let lookup = |pointer: &Pointer| {
        let outputs = blueprint.get(&pointer.address).map(outputs).unwrap_or_default();
        Some(outputs.get(&pointer.output).cloned().unwrap_or_else(|| id(&pointer.address)))
    };
    let mut found: Vec<Observed> = Vec::new();
    for desired in blueprint.iter() {
        let Value::Object(fields) = resolve(&Value::Object(desired.spec.fields()), &lookup) else { unreachable!() };
        let spec = Spec::from_fields(desired.kind(), fields).unwrap();
        let mut observed = Observed::standing(id(&desired.address), desired.tags.clone(), spec);
        observed.outputs = outputs(desired);
        found.push(observed);
    }
    for (_, pointer) in blueprint.iter().flat_map(Desired::pointers).filter(|(_, pointer)| pointer.output != "id") {
        let value = lookup(&pointer).unwrap();
        let target = found.iter_mut().find(|observed| observed.id == id(&pointer.address));
        target.unwrap().outputs.insert(pointer.output, value);
    }
    Survey { lab: blueprint.lab.name.clone(), found, ..Survey::default() }
}

/// The ARNs that policies and permissions go by.
fn outputs(desired: &Desired) -> BTreeMap<String, String> {
    let id = id(&desired.address);
    let arn = |service: &str, rest: String| format!("arn:aws:{service}:eu-west-1:111122223333:{rest}");
    let outputs = match &desired.spec {
        Spec::Role(role) => vec![("arn", format!("arn:aws:iam::111122223333:role{}{}", role.path, role.name))],
        Spec::Domain(_) => vec![
            ("arn", arn("sagemaker", format!("domain/{id}"))),
            ("profiles", arn("sagemaker", format!("user-profile/{id}/*"))),
        ],
        Spec::Table(table) => vec![("arn", arn("dynamodb", format!("table/{}", table.name)))],
        Spec::Function(function) => {
            let own = arn("lambda", format!("function:{}", function.name));
            let invoke = format!("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{own}/invocations");
            vec![("arn", own), ("invoke_arn", invoke)]
        }
        Spec::RestApi(_) => vec![("callers", arn("execute-api", format!("{id}/*")))],
        _ => Vec::new(),
    };
    outputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
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
