//! The simulation: random lives of a lab on the sandbox, and the invariants that hold after each.
//!
//! `BREEZEWAY_LIVES=10000 cargo test --release --test breezeway no_life` lives longer, `BREEZEWAY_FROM=5000` from
//! another seed on; `BREEZEWAY_SEED=7` lives one life again and tells its story. `BREEZEWAY_DEFECT=HardLimitRetried`
//! looks for that one alone.

mod hands;
mod life;
mod plans;

use std::sync::atomic::{AtomicU64, Ordering};

use breezeway::engine::defect::Defect;

use life::live;

/// Lives lived in an ordinary test run.
const LIVES: u64 = 150;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Lives these lives on both cores; returns the first broken one's seed, if any.
fn first_broken(seeds: std::ops::Range<u64>, defect: Option<Defect>) -> Option<u64> {
    let (next, broken) = (AtomicU64::new(seeds.start), AtomicU64::new(u64::MAX));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while broken.load(Ordering::Relaxed) == u64::MAX {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if live(seed, defect).broken.is_some() {
                        broken.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    Some(broken.into_inner()).filter(|seed| *seed != u64::MAX)
}

#[test]
fn no_life_breaks_an_invariant() {
    if let Some(seed) = number("BREEZEWAY_SEED") {
        let life = live(seed, None);
        println!("{}", life.story);
        assert_eq!(life.broken, None, "seed {seed}");
        return;
    }
    let from = number("BREEZEWAY_FROM").unwrap_or(0);
    let lives = number("BREEZEWAY_LIVES").unwrap_or(LIVES);
    let began = std::time::Instant::now();
    if let Some(seed) = first_broken(from..from + lives, None) {
        let life = live(seed, None);
        panic!(
            "seed {seed} breaks an invariant; BREEZEWAY_SEED={seed} cargo test no_life_breaks_an_invariant tells it again\n{}\n{}",
            life.story,
            life.broken.unwrap_or_default()
        );
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{lives} lives in {seconds:.0} s, {:.0} a minute", lives as f64 / seconds * 60.0);
}

#[test]
fn the_same_seed_gives_the_same_events_and_the_same_requests() {
    for seed in [3, 17, 40] {
        let (one, two) = (live(seed, None), live(seed, None));
        assert_eq!(one.story, two.story, "seed {seed}");
        assert_eq!(one.requests, two.requests, "seed {seed}");
    }
}

/// Those for which a life has to meet a drain, a full quota or a list that fails for good: it takes many.
const RARE: [Defect; 6] = [
    Defect::DeniedTakenForEmpty,
    Defect::ThrottledTakenForEmpty,
    Defect::CutShortTakenForEmpty,
    Defect::HiddenChildForgotten,
    Defect::RoleDeletedBeforeInterfaces,
    Defect::HardLimitRetried,
];

/// Which life finds each, and how.
fn found(defects: impl Iterator<Item = Defect>) -> String {
    let only = std::env::var("BREEZEWAY_DEFECT").ok();
    let wanted = |defect: &Defect| only.as_ref().is_none_or(|only| *only == format!("{defect:?}"));
    let found = defects.filter(wanted).map(|defect| {
        let Some(seed) = first_broken(0..500, Some(defect)) else { panic!("{defect:?} was not found") };
        let broken = live(seed, Some(defect)).broken.unwrap_or_default();
        format!("{defect:?} by seed {seed}: {}\n", broken.chars().take(160).collect::<String>())
    });
    found.collect()
}

#[test]
fn every_defect_is_found_within_500_lives() {
    println!("{}", found(Defect::ALL.into_iter().filter(|defect| !RARE.contains(defect))));
}

#[test]
#[ignore = "takes many minutes without --release"]
fn every_rare_defect_is_found_within_500_lives() {
    println!("{}", found(RARE.into_iter()));
}
