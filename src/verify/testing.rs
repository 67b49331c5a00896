//! Labs for the tests of the steps: how they look when they stand, and what is then changed by hand.

use crate::aws::services;
use crate::blueprint::{Blueprint, draw};
use crate::engine::testing::{built, facts, id};
use crate::plan::{self, Addresses, DnsMode, Plan, Source, parse};
use crate::resource::instance::Instance;
use crate::resource::interface_endpoint::InterfaceEndpoint;
use crate::resource::{Observed, Spec};
use crate::survey::Survey;

use super::{Holds, Verification, verify};

/// A lab, and how it looks.
pub struct Built {
    pub plan: Plan,
    pub blueprint: Blueprint,
    pub survey: Survey,
}

/// The smallest plan.
pub fn plan() -> Plan {
    parse(&Source { name: "test".into(), text: "name = \"demo\"".into() }).unwrap()
}

/// A lab with everything that names and packets are about.
pub fn lab(mode: DnsMode) -> Built {
    let mut plan = plan();
    let doors = [("studio", "10.16.42.74", "10.16.100.7"), ("sagemaker.api", "10.16.42.75", "10.16.100.8")];
    for (service, a, b) in doors {
        let addresses = Some(Addresses { a: a.parse().unwrap(), b: b.parse().unwrap() });
        let endpoint = plan::InterfaceEndpoint {
            service: service.into(),
            private_dns: true,
            hosted_zone: false,
            addresses,
            policy: None,
        };
        plan.studio.endpoints.push(endpoint);
    }
    plan.dns.mode = mode;
    plan.dns.forward = vec!["sagemaker.api".into(), "studio".into()];
    plan.onprem.internet_gateway = true;
    plan.app_server.enabled = mode == DnsMode::Server;
    Built::of(plan)
}

/// The same with DNS servers and an app server.
pub fn server() -> Built {
    lab(DnsMode::Server)
}

/// The whole architecture.
pub fn whole() -> Built {
    whole_but(|_| {})
}

/// The whole architecture, planned otherwise.
pub fn whole_but(change: impl FnOnce(&mut Plan)) -> Built {
    let mut plan = parse(&Source::built_in("@studio-private-access").unwrap()).unwrap();
    change(&mut plan);
    Built::of(plan)
}

impl Built {
    /// A plan as it is built.
    pub fn of(plan: Plan) -> Self {
        let blueprint = draw(&plan, &facts());
        let mut survey = built(&blueprint);
        for observed in &mut survey.found {
            let Spec::InterfaceEndpoint(endpoint) = &observed.spec else { continue };
            let service =
                services::INTERFACE.iter().find(|name| services::full_name(name, "eu-west-1") == endpoint.service);
            let zones = service.map(|name| services::dns_zones(name, "eu-west-1")).unwrap_or_default();
            let wide = ["studio", "execute-api"].iter().any(|name| service == Some(name));
            let names = zones.into_iter().map(|zone| if wide { format!("*.{zone}") } else { zone });
            observed.outputs.insert("private_dns_names".into(), names.collect::<Vec<_>>().join(","));
        }
        Self { plan, blueprint, survey }
    }

    pub fn verify(&self) -> Verification {
        verify(&self.plan, &self.blueprint, &self.survey, "eu-west-1")
    }

    /// The lab with something changed by hand.
    pub fn but(mut self, change: impl FnOnce(&mut Survey)) -> Self {
        change(&mut self.survey);
        self
    }

    pub fn without(mut self, address: &str) -> Self {
        self.survey = self.survey.without(address);
        self
    }

    /// Which steps hold: `3 yes, 4 no, …`.
    pub fn holds(&self) -> String {
        self.those(|_| true)
    }

    /// Which steps don't.
    pub fn broken(&self) -> String {
        self.those(|holds| holds != Holds::Yes)
    }

    fn those(&self, wanted: impl Fn(Holds) -> bool) -> String {
        let name = |holds| format!("{holds:?}").to_lowercase();
        let steps = self.verify().steps.into_iter().filter(|step| wanted(step.holds));
        steps.map(|step| format!("{} {}", step.step, name(step.holds))).collect::<Vec<_>>().join(", ")
    }

    /// Which steps hold, what the others say, and what leaks.
    pub fn told(&self) -> String {
        self.with_reasons(self.holds())
    }

    /// Which steps don't hold, what they say, and what leaks.
    pub fn trouble(&self) -> String {
        self.with_reasons(self.broken())
    }

    fn with_reasons(&self, summary: String) -> String {
        let found = self.verify();
        let mut lines = vec![summary];
        for step in found.steps.iter().filter(|step| step.holds != Holds::Yes) {
            lines.extend(step.because.iter().map(|reason| format!("{}: {reason}", step.step)));
        }
        lines.extend(found.leaks.iter().map(|leak| format!("leak: {leak}")));
        self.short(&lines.join("\n"))
    }

    /// That these steps don't hold and all others do, and that this is said.
    #[track_caller]
    pub fn breaks(&self, steps: &str, words: &str) {
        let told = self.trouble();
        assert_eq!(self.broken(), steps, "{told}");
        assert!(told.contains(words), "{told}");
    }

    /// Why a step is as it is.
    pub fn because(&self, number: u8) -> String {
        let steps = self.verify().steps;
        let step = steps.iter().find(|step| step.step == number).unwrap();
        self.short(&step.because.join("\n"))
    }

    /// Addresses in place of labels.
    pub fn short(&self, text: &str) -> String {
        self.blueprint.iter().fold(text.to_owned(), |text, desired| {
            let address = &desired.address;
            text.replace(&format!("{} ({address})", id(address)), address.as_str())
        })
    }
}

pub fn edit<T>(observed: &mut Observed, part: impl FnOnce(&mut Spec) -> Option<&mut T>, change: impl FnOnce(&mut T)) {
    change(part(&mut observed.spec).unwrap());
}

pub fn host(spec: &mut Spec) -> Option<&mut Instance> {
    if let Spec::Instance(instance) = spec { Some(instance) } else { None }
}

pub fn endpoint(spec: &mut Spec) -> Option<&mut InterfaceEndpoint> {
    if let Spec::InterfaceEndpoint(endpoint) = spec { Some(endpoint) } else { None }
}
