//! The lock between people whose clocks, machines, networks and versions differ.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use breezeway::aws::connect::inside;
use breezeway::aws::{Aws, Class, Clock};
use breezeway::engine::event::{Event, Outcome, StepState};
use breezeway::engine::lock::{self, Beat, Held, Holder, Leases, LockError};
use breezeway::engine::run::{RunError, down, up};
use breezeway::engine::session::{FAREWELL, Options, Session};
use breezeway::plan::Plan;
use breezeway::sandbox::dials::{Dials, Latency};
use breezeway::sandbox::host::{CallerDials, Sandbox};
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use futures::future::{self, Either};
use jiff::SignedDuration;
use serde_json::json;
use tokio::time::Instant;

use super::trouble::{Trouble, troubled};
use crate::lab::*;

fn waiting() -> Options {
    Options { wait: true, ..Options::default() }
}

/// A lab that takes more than a minute.
fn slow() -> Plan {
    plan(
        "name = \"demo\"\n[onprem]\nnat = true\ninternet_gateway = true\n[[studio.endpoints]]\nservice = \"execute-api\"\n",
    )
}

fn person(sandbox: &Sandbox, name: &str) -> Person {
    Person::new(sandbox, name, LAB, CallerDials::default())
}

/// A person whose clock is wrong.
fn with_clock_off(sandbox: &Sandbox, name: &str, by: SignedDuration) -> Person {
    let person = person(sandbox, name);
    let clock = Clock::starting_at(sandbox.clock().now() + by);
    Person { aws: inside(person.client.clone(), DEFAULT_ACCOUNT, REGION, Some(LAB), clock), ..person }
}

fn started(person: &Person) -> usize {
    let is_start = |event: &Event| matches!(event, Event::Step { state: StepState::Started, .. });
    person.events.borrow().iter().filter(|happened| is_start(&happened.event)).count()
}

/// Drives this for so long, and then no more for a while: its process is suspended.
async fn drive<F: Future + Unpin>(work: &mut F, time: Duration) {
    let over = pin!(tokio::time::sleep(time));
    assert!(matches!(future::select(work, over).await, Either::Right(_)), "it ended before");
}

fn put(sandbox: &Sandbox, name: &str, value: &str) {
    let input = json!({"Name": format!("/breezeway/locks/demo/{name}"), "Value": value, "Type": "String"});
    by_hand(sandbox, "ssm", "PutParameter", input).unwrap();
}

/// Takes the lock, waiting for as long as it takes.
async fn take(aws: &Aws, holder: &Holder, alive: lock::Alive) -> Held {
    let wait = async |_: Option<&lock::Lease>| {
        tokio::time::sleep(lock::LOOK).await;
        true
    };
    lock::acquire(aws, LAB, "up", holder, alive, wait).await.unwrap()
}

fn holder(session: &Session<'_>) -> Holder {
    session.holder.clone()
}

#[test]
fn a_live_lease_is_not_stolen_however_wrong_the_clocks_are() {
    skipping().block_on(async {
        for hours in [-5, 5, 24 * 365] {
            let sandbox = world(1, Dials::default());
            let (ann, bob) =
                (person(&sandbox, "ann"), with_clock_off(&sandbox, "bob", SignedDuration::from_hours(hours)));
            let plan = slow();
            let (ann_session, bob_session) = (ann.session(LAB, 1, Options::default()), bob.session(LAB, 2, waiting()));
            let (first, second) = future::join(up(&ann_session, Some(&plan)), async {
                tokio::time::sleep(Duration::from_secs(2)).await;
                up(&bob_session, Some(&plan)).await
            })
            .await;
            assert_eq!((first.unwrap().outcome, second.unwrap().outcome), (Outcome::Done, Outcome::Done));
            assert_eq!(ann.notes(), Vec::<String>::new(), "{hours} hours");
            assert!(started(&ann) > 20 && started(&bob) == 0, "bob waited, and found nothing to do");
            let told = bob.notes().into_iter().filter(|note| note.starts_with("waiting for the lock: ")).count();
            assert_eq!(told, 1, "{:?}", bob.notes());
        }
    });
}

#[test]
fn a_holder_elsewhere_that_fell_silent_is_succeeded_after_a_minute_of_the_waiters_own() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let (ann, bob) = (person(&sandbox, "ann"), with_clock_off(&sandbox, "bob", SignedDuration::from_hours(-7)));
        let dead = ann.session(LAB, 1, Options::default());
        let mut lease = take(&ann.aws, &holder(&dead), |_| true).await;
        assert_eq!(lease.look(&ann.aws).await, Beat::Resting);
        tokio::time::sleep(lock::BEAT).await;
        assert_eq!(lease.look(&ann.aws).await, Beat::Heard);
        let began = Instant::now();
        let bob_session = bob.session(LAB, 2, waiting());
        take(&bob.aws, &holder(&bob_session), |_| true).await;
        let waited = began.elapsed().as_secs();
        assert!((60..70).contains(&waited), "{waited} s");
        assert!(matches!(lease.look(&ann.aws).await, Beat::Taken(Some(other)) if other.holder.host == "bob"));
        // What it gave back now would bring a lease back that nobody has.
        lease.release(&ann.aws, true).await.unwrap();
        assert!(!Leases::read(&bob.aws, LAB).await.unwrap().held().flatten().unwrap().ended);
    });
}

#[test]
fn a_dead_process_of_this_machine_is_succeeded_at_once_and_one_of_another_container_is_not() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let (ann, bob) = (person(&sandbox, "ann"), person(&sandbox, "bob"));
        let ours = |boot: &str, session: &Session<'_>| Holder { boot: Some(boot.to_owned()), ..holder(session) };
        let (first, second) = (ann.session(LAB, 1, waiting()), bob.session(LAB, 2, waiting()));
        take(&ann.aws, &ours("boot pid:[1]", &first), |_| false).await;
        let began = Instant::now();
        take(&bob.aws, &ours("boot pid:[1]", &second), |_| false).await;
        assert!(began.elapsed() < Duration::from_secs(1));
        let carol = person(&sandbox, "carol");
        let third = carol.session(LAB, 3, waiting());
        take(&carol.aws, &ours("boot pid:[2]", &third), |_| false).await;
        assert!(began.elapsed() > Duration::from_secs(60), "its numbers mean nothing to us");
    });
}

#[test]
fn of_two_who_take_over_at_once_exactly_one_wins() {
    skipping().block_on(async {
        for seed in 0..10 {
            let sandbox = world(seed, Dials { latency: Latency::Realistic, ..Dials::default() });
            let people = ["ann", "bob", "carol"].map(|name| person(&sandbox, name));
            let [dead, bob, carol] = people.each_ref().map(|person| holder(&person.session(LAB, seed, waiting())));
            take(&people[0].aws, &dead, |_| true).await;
            let taking =
                (Box::pin(take(&people[1].aws, &bob, |_| true)), Box::pin(take(&people[2].aws, &carol, |_| true)));
            let (mut won, winner, loser) = match future::select(taking.0, taking.1).await {
                Either::Left((won, loser)) => (won, &people[1], loser),
                Either::Right((won, loser)) => (won, &people[2], loser),
            };
            let mut loser = loser;
            for _ in 0..10 {
                drive(&mut loser, lock::BEAT).await;
                assert_eq!(won.look(&winner.aws).await, Beat::Heard, "seed {seed}");
            }
            won.release(&winner.aws, true).await.unwrap();
            loser.await;
        }
    });
}

#[test]
fn who_is_not_told_that_the_lock_is_theirs_leaves_no_older_lease_either() {
    skipping().block_on(async {
        let mut took = 0;
        for seed in 0..40 {
            let sandbox = world(seed, Dials::default());
            let ann = person(&sandbox, "ann");
            take(&ann.aws, &holder(&ann.session(LAB, 1, waiting())), |_| true)
                .await
                .release(&ann.aws, true)
                .await
                .unwrap();
            let faults = CallerDials { faults: Some(30.0), ..CallerDials::default() };
            let bob = Person::new(&sandbox, "bob", LAB, faults);
            let wait = async |_: Option<&lock::Lease>| false;
            let taken =
                lock::acquire(&bob.aws, LAB, "up", &holder(&bob.session(LAB, 2, waiting())), |_| true, wait).await;
            if taken.is_ok() {
                took += 1;
                let path = json!({"Path": "/breezeway/locks", "Recursive": true});
                let leases = hand(&sandbox, "ssm", "GetParametersByPath", path)["Parameters"].take();
                let names: Vec<&str> =
                    leases.as_array().unwrap().iter().filter_map(|one| one["Name"].as_str()).collect();
                assert_eq!(names, ["/breezeway/locks/demo/2"], "seed {seed}");
            }
        }
        assert!(took > 10, "{took}");
    });
}

/// By how many seconds the wall clock is ahead of the run's timers: as long as the machine slept.
static SLEPT: AtomicU64 = AtomicU64::new(0);

#[test]
fn who_wakes_up_after_minutes_and_was_taken_over_starts_nothing_new() {
    skipping().block_on(async {
        let sandbox = world(1, Dials { latency: Latency::Realistic, ..Dials::default() });
        let (ann, bob) = (person(&sandbox, "ann"), person(&sandbox, "bob"));
        let plan = slow();
        let mut session = ann.session(LAB, 1, Options::default());
        session.wall = || SystemTime::UNIX_EPOCH + Duration::from_secs(SLEPT.load(Ordering::Relaxed));
        let mut first = Box::pin(up(&session, Some(&plan)));
        drive(&mut first, Duration::from_secs(6)).await;
        let begun = started(&ann);
        assert!(begun > 0);

        let second = bob.session(LAB, 2, waiting());
        assert_eq!(up(&second, Some(&plan)).await.unwrap().outcome, Outcome::Done);
        assert_eq!(down(&bob.session(LAB, 3, waiting())).await.unwrap().outcome, Outcome::Done);
        SLEPT.store(600, Ordering::Relaxed);
        let report = first.await.unwrap();
        assert_ne!(report.outcome, Outcome::Done);
        assert_eq!(started(&ann), begun, "nothing new is started");
        let told = ann.notes();
        assert!(told.iter().any(|note| note.ends_with(" took the lock over: nothing new is started")), "{told:?}");
        assert_eq!(down(&bob.session(LAB, 4, waiting())).await.unwrap().outcome, Outcome::Done);
    });
}

#[test]
fn who_is_unlocked_while_others_get_to_know_of_them_begins_nothing() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let (ann, bob) = (person(&sandbox, "ann"), person(&sandbox, "bob"));
        let carol = Person::new(&sandbox, "carol", "beside", CallerDials::default());
        let plan = slow();
        let beside = Plan { name: "beside".to_owned(), ..plan.clone() };
        let theirs = carol.session("beside", 3, Options::default());
        let (session, impatient) = (ann.session(LAB, 1, Options::default()), bob.session(LAB, 2, Options::default()));
        let ours = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            up(&session, Some(&plan)).await
        };
        let unlock = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            let leases = Leases::read(&bob.aws, LAB).await.unwrap();
            lock::unlock(&bob.aws, LAB, &holder(&impatient), &leases).await.unwrap();
        };
        let (_, refused, ()) = future::join3(up(&theirs, Some(&beside)), ours, unlock).await;
        let Err(RunError::Lock(LockError::Held(Some(lease)))) = refused else { panic!("{refused:?}") };
        assert!(lock::said(Some(&lease)).contains("user/bob took this lab's lock away with `unlock` at "), "{lease:?}");
        assert_eq!(ann.aws.calls().write, 1, "its lease");
    });
}

#[test]
fn who_is_unlocked_while_working_starts_nothing_new_and_the_next_finishes() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let (ann, bob) = (person(&sandbox, "ann"), person(&sandbox, "bob"));
        let plan = slow();
        let (session, impatient) = (ann.session(LAB, 1, Options::default()), bob.session(LAB, 2, Options::default()));
        let (report, ()) = future::join(up(&session, Some(&plan)), async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let leases = Leases::read(&bob.aws, LAB).await.unwrap();
            lock::unlock(&bob.aws, LAB, &holder(&impatient), &leases).await.unwrap();
            let again = lock::unlock(&bob.aws, LAB, &holder(&impatient), &leases).await.unwrap_err();
            assert_eq!(again.class, Class::AlreadySo, "what was seen is so no more");
        })
        .await;
        // What had begun ended well; whether more was to come decides how the run calls itself.
        let outcome = report.unwrap().outcome;
        assert!(matches!(outcome, Outcome::Interrupted | Outcome::Done), "{outcome:?}");
        assert!(ann.notes().iter().any(|note| note.contains("took the lock over")), "{:?}", ann.notes());
        assert_eq!(up(&impatient, Some(&plan)).await.unwrap().outcome, Outcome::Done);
    });
}

#[test]
fn a_lease_that_cannot_be_read_is_somebodys_until_it_has_not_changed_for_a_minute() {
    skipping().block_on(async {
        for lease in ["garbage", "{}", "{\"format\": 2, \"held_by\": {\"session\": \"x\"}}"] {
            let sandbox = world(1, Dials::default());
            let ann = person(&sandbox, "ann");
            put(&sandbox, "7", lease);
            let refused = up(&ann.session(LAB, 1, Options::default()), Some(&slow())).await.unwrap_err();
            assert_eq!(refused, RunError::Lock(LockError::Held(None)));
            assert!(refused.to_string().starts_with("somebody has this lab's lock"), "{refused}");
            let began = Instant::now();
            let session = ann.session(LAB, 2, waiting());
            take(&ann.aws, &holder(&session), |_| true).await;
            assert!(began.elapsed() >= lock::SILENCE, "{lease}");

            put(&sandbox, "9", lease);
            let leases = Leases::read(&ann.aws, LAB).await.unwrap();
            lock::unlock(&ann.aws, LAB, &holder(&session), &leases).await.unwrap();
            let done = up(&ann.session(LAB, 3, Options::default()), Some(&plan("name = \"demo\""))).await;
            assert_eq!(done.unwrap().outcome, Outcome::Done, "{lease}");
        }
    });
}

#[test]
fn a_lock_that_cannot_be_written_is_not_tried_for_ever() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let ann =
            troubled(&sandbox, "ann", LAB, |asked| (asked.operation == "PutParameter").then_some(Trouble::NoNetwork));
        let refused = up(&ann.session(LAB, 1, waiting()), Some(&slow())).await.unwrap_err();
        let RunError::Lock(LockError::Failed(failure)) = refused else { panic!("{refused:?}") };
        assert_eq!(failure.class, Class::UnknownOutcome);
    });
}

#[test]
fn a_lease_of_a_newer_or_older_version_is_read_as_far_as_it_is_known() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let ann = person(&sandbox, "ann");
        let older = json!({"who": "carol", "host": "old", "boot": null, "pid": 7, "run": "x", "verb": "down",
            "since": "2026-01-05T07:00:00.123456789Z", "beat": 3, "ended": false});
        let mut newer = older.clone();
        newer["weather"] = json!({"sky": "clear"});
        for lease in [older, newer] {
            put(&sandbox, &format!("{}", lease.as_object().unwrap().len()), &lease.to_string());
            let refused = up(&ann.session(LAB, 1, Options::default()), None).await.unwrap_err();
            let said = "carol has held this lab's lock for `down` since 2026-01-05T07:00:00Z (process 7 on old)";
            assert_eq!(refused.to_string(), said);
        }
    });
}

#[test]
fn beats_that_fail_for_a_while_do_not_end_the_work_and_are_told_once() {
    skipping().block_on(async {
        for trouble in [
            Trouble::NoNetwork,
            Trouble::Refused("AccessDeniedException", "not authorized to perform: ssm:PutParameter"),
            Trouble::Refused("ThrottlingException", "Rate exceeded"),
        ] {
            let sandbox = world(1, Dials::default());
            let clock = sandbox.clock();
            let began = clock.now();
            let ann = troubled(&sandbox, "ann", LAB, move |asked| {
                let late = clock.now().duration_since(began).as_secs() >= 15;
                (late && asked.operation == "PutParameter").then_some(trouble)
            });
            let report = up(&ann.session(LAB, 1, Options::default()), Some(&slow())).await.unwrap();
            assert_eq!((report.outcome, report.causes), (Outcome::Done, vec![]), "{trouble:?}");
            let told = ann.notes();
            let renewed = told.iter().filter(|note| note.starts_with("the lock can't be renewed")).count();
            assert_eq!(renewed, 1, "{told:?}");
            assert!(
                told.last().unwrap().starts_with("the lock could not be given back, it ends by itself"),
                "{told:?}"
            );
        }
    });
}

#[test]
fn a_stop_does_not_wait_for_lists_to_settle_and_who_leaves_gives_the_lock_back() {
    skipping().block_on(async {
        for leaves in [false, true] {
            let sandbox = world(1, Dials::default());
            let (ann, bob) = (person(&sandbox, "ann"), person(&sandbox, "bob"));
            let dead = ann.session(LAB, 9, Options::default());
            let lease = take(&ann.aws, &holder(&dead), |_| true).await;
            lease.release(&ann.aws, false).await.unwrap();
            let session = bob.session(LAB, 1, Options::default());
            let began = Instant::now();
            let plan = slow();
            let (report, ()) = future::join(up(&session, Some(&plan)), async {
                // It waits for what somebody may have made a moment ago.
                tokio::time::sleep(Duration::from_secs(4)).await;
                if leaves { session.leave_now() } else { session.stop_now() }
            })
            .await;
            assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
            let report = report.unwrap();
            assert_eq!((report.outcome, report.resources, started(&bob)), (Outcome::Interrupted, None, 0));
            let leases = Leases::read(&ann.aws, LAB).await.unwrap();
            assert!(leases.held().unwrap().unwrap().ended);
            assert_eq!(up(&ann.session(LAB, 2, Options::default()), Some(&plan)).await.unwrap().outcome, Outcome::Done);
        }
    });
}

#[test]
fn who_leaves_while_the_network_hangs_is_gone_in_time() {
    skipping().block_on(async {
        let sandbox = world(1, Dials::default());
        let hangs: &'static AtomicBool = Box::leak(Box::default());
        let ann = troubled(&sandbox, "ann", LAB, move |_| hangs.load(Ordering::Relaxed).then_some(Trouble::Silence));
        let (session, plan) = (ann.session(LAB, 1, Options::default()), slow());
        let (report, left) = future::join(up(&session, Some(&plan)), async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            hangs.store(true, Ordering::Relaxed);
            session.leave_now();
            Instant::now()
        })
        .await;
        assert_eq!(report.unwrap().outcome, Outcome::Interrupted);
        assert!(left.elapsed() <= FAREWELL + Duration::from_millis(10), "{:?}", left.elapsed());
        hangs.store(false, Ordering::Relaxed);
        assert_eq!(up(&ann.session(LAB, 2, waiting()), Some(&plan)).await.unwrap().outcome, Outcome::Done);
        assert_eq!(person(&sandbox, "bob").drift(LAB).await, []);
    });
}
