use crate::lab::*;
use breezeway::engine::event::Outcome;
use breezeway::engine::run;
use breezeway::sandbox::dials::Dials;

#[test]
fn a_lab_goes_up_stays_clean_and_comes_down_without_a_trace() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let before = sandbox.standing();
        let plan = plan("name = \"demo\"");
        let person = Person::new(&sandbox, "ann", "demo", Default::default());
        let report = run::up(&person.session("demo", 1, Default::default()), Some(&plan)).await.unwrap();
        for e in person.events.borrow().iter() { println!("{}", serde_json::to_string(e).unwrap()); }
        assert_eq!(report.outcome, Outcome::Done, "{report:?}");
        assert_eq!(person.drift("demo").await, []);
        let report = run::down(&person.session("demo", 2, Default::default())).await.unwrap();
        for e in person.events.borrow().iter() { println!("{}", serde_json::to_string(e).unwrap()); }
        assert_eq!(report.outcome, Outcome::Done, "{report:?}");
        assert_eq!(sandbox.standing(), before);
    });
}
