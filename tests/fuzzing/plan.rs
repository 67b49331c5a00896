//! A plan file. Whatever is in it, it is refused in sentences that a terminal can take, or all that is made of a plan is
//! made of this one.

use breezeway::blueprint::draw;
use breezeway::dns::{Flavour, Forwarding};
use breezeway::drift::drift;
use breezeway::engine::changes::Changes;
use breezeway::engine::holdings::Holdings;
use breezeway::engine::pin::facts;
use breezeway::engine::view::View;
use breezeway::plan::{Plan, Source, parse};
use breezeway::report::plan::PlanDocument;
use breezeway::report::{Style, check, mistakes, warnings};
use breezeway::survey::Survey;
use breezeway::verify::verify;
use jiff::civil::date;

use super::harmless;

const REGION: &str = "eu-west-1";

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match parse(&Source { name: "fuzz.toml".into(), text: text.into() }) {
        Ok(plan) => {
            let json = serde_json::to_string(&plan).expect("a plan is JSON");
            assert_eq!(serde_json::from_str::<Plan>(&json).expect("a plan comes back from JSON"), plan);
            assert!(breezeway::plan::check(&plan).is_ok(), "what is right is right again");
            harmless(&check::text(&plan, Style::plain(40)));
            warnings(&plan.warnings(date(2026, 1, 1)), Style::plain(40)).iter().for_each(|line| harmless(line));
            used(plan);
        }
        Err(error) => {
            harmless(&mistakes::text(&error, Style::plain(40)));
            assert!(serde_json::to_string(&error).is_ok());
            for mistake in &error.mistakes {
                assert!(text.get(mistake.span.clone()).is_some(), "{mistake:?} is not in the file");
            }
        }
    }
}

/// Makes of a plan what every verb makes of it, where nothing stands.
pub fn used(mut plan: Plan) {
    plan.zones.get_or_insert([format!("{REGION}a"), format!("{REGION}b")]);
    let blueprint = draw(&plan, &facts(&plan, REGION, "111122223333").expect("it has zones"));
    let survey = Survey { lab: plan.name.clone(), ..Survey::default() };
    let changes = Changes::between(&blueprint, &survey, &Holdings::sort(&blueprint, &survey));
    changes.graph().expect("a plan leads to no circle");
    drift(&blueprint, &survey);
    verify(&plan, &blueprint, &survey, REGION);
    if let Some(forwarding) = Forwarding::of(&plan, REGION) {
        for flavour in [Flavour::Bind, Flavour::Unbound, Flavour::Windows, Flavour::Coredns, Flavour::Zscaler] {
            harmless(&forwarding.config(flavour));
        }
    }
    plan.notes().iter().for_each(|note| harmless(note));
    let view = View { record: None, blueprint, survey };
    let document = PlanDocument::of(&view, Some(&plan), None, date(2026, 1, 1)).expect("a plan leads to no circle");
    harmless(&document.text(Style::plain(40)));
}
