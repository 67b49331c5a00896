//! Lives of a lab in which the program is killed at a call, and what comes after.
//!
//! An ordinary test run kills it once it has made what it can't make again without asking; this kills it at every
//! call, on both sides, and lets both `up` and `down` come after what each leaves:
//!
//!     cargo test --test breezeway -- --ignored over_http
//!
//! With `BREEZEWAY_STRIDE=5` it does so at each fifth call.

use std::sync::Mutex;

use breezeway::sandbox::dials::Side;

use super::census::Census;
use super::proxy::{At, Death};
use super::server::Moto;
use super::{Account, DOWN, DRIFT, UP};

/// How many lives go on at once: they mostly wait.
const AT_ONCE: usize = 32;

/// After which operations of each verb a sample dies, and what comes then. Few build the lab twice and take it down
/// twice: `down` waits for a minute, even for what moto lets go at once.
const SAMPLE: [(&[&str], &str, &[&str]); 20] = [
    (UP, "ImportKeyPair", UP),
    (UP, "AllocateAddress", DOWN),
    (UP, "CreateInternetGateway", UP),
    (UP, "AttachInternetGateway", DOWN),
    (UP, "CreateDhcpOptions", UP),
    (UP, "AssociateDhcpOptions", DOWN),
    (UP, "CreateNatGateway", UP),
    (UP, "CreateVpcEndpoint", UP),
    (UP, "CreateResolverEndpoint", DOWN),
    (UP, "CreateInstanceProfile", UP),
    (UP, "AddRoleToInstanceProfile", DOWN),
    (UP, "RunInstances", UP),
    (DOWN, "TerminateInstances", UP),
    (DOWN, "DeleteNatGateway", UP),
    (DOWN, "DeleteVpcEndpoints", UP),
    (DOWN, "DeleteResolverEndpoint", UP),
    (DOWN, "ReleaseAddress", DOWN),
    (DOWN, "DetachInternetGateway", DOWN),
    (DOWN, "RemoveRoleFromInstanceProfile", DOWN),
    (DOWN, "DeleteParameters", DOWN),
];

/// A verb that dies, if it does, and the verb that comes after it.
#[derive(Debug, Clone, Copy)]
struct Life {
    dies: &'static [&'static str],
    death: Option<Death>,
    then: &'static [&'static str],
}

/// What came of a life.
struct Lived {
    life: Life,
    died: bool,
    /// The account with a whole lab, if `up` came after.
    whole: Option<Census>,
}

/// Lives a life in an empty account, and leaves it empty.
fn live(account: &Account, life: Life) -> Lived {
    let empty = account.census();
    if life.dies == DOWN {
        account.run(UP).expect(0, "an up before the down that dies");
    }
    let ended = account.run_to(life.death, life.dies);
    if !ended.was_killed() {
        ended.expect(0, &format!("{life:?}"));
    }
    let whole = (life.then == UP).then(|| {
        account.run(UP).expect(0, &format!("up after {life:?}"));
        account.run(DRIFT).expect(0, &format!("drift after {life:?}"));
        account.census()
    });
    account.run(DOWN).expect(0, &format!("down after {life:?}"));
    assert_eq!(account.census(), empty, "{life:?}");
    Lived { life, died: ended.was_killed(), whole }
}

/// Lives all these lives, many at once, each in an account of its own, and an undisturbed one; returns how many died.
fn live_all(moto: &Moto, lives: impl IntoIterator<Item = Life>) -> usize {
    let undisturbed = Life { dies: UP, death: None, then: UP };
    let waiting = Mutex::new(std::iter::once(undisturbed).chain(lives).enumerate().collect::<Vec<_>>().into_iter());
    let lived = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some((number, life)) = next else { return };
                    let one = live(&Account::new(moto, number), life);
                    lived.lock().unwrap().push(one);
                }
            });
        }
    });
    let lived = lived.into_inner().unwrap();
    let built = |lived: &Lived| lived.whole.clone().filter(|_| lived.life.death.is_none());
    let whole = lived.iter().find_map(built).expect("the undisturbed life built its lab");
    for Lived { life, whole: rebuilt, .. } in &lived {
        assert!(rebuilt.as_ref().is_none_or(|rebuilt| *rebuilt == whole), "{life:?}: {rebuilt:#?} is not {whole:#?}");
    }
    lived.iter().filter(|lived| lived.died).count()
}

#[test]
fn a_sample_of_deaths_over_http_is_outlived() {
    let moto = Moto::amended();
    let lives = SAMPLE.map(|(dies, operation, then)| {
        let death = Death { side: Side::After, at: At::First(operation) };
        Life { dies, death: Some(death), then }
    });
    assert_eq!(live_all(&moto, lives), SAMPLE.len());
}

#[test]
#[ignore = "takes three quarters of an hour"]
fn every_death_over_http_is_outlived() {
    let moto = Moto::amended();
    // Away from the accounts of the lives.
    let account = Account::new(&moto, 100_000);
    let calls = |verb| {
        account.run(verb).expect(0, "undisturbed");
        account.proxy.requests().len()
    };
    let stride = std::env::var("BREEZEWAY_STRIDE").ok().and_then(|stride| stride.parse().ok()).unwrap_or(1);
    let mut lives = Vec::new();
    for (dies, calls) in [(UP, calls(UP)), (DOWN, calls(DOWN))] {
        for call in (1..=calls).step_by(stride) {
            // Before a call the account is as it was after the one before: what every call leaves is seen by both.
            for (side, then) in [(Side::Before, UP), (Side::After, DOWN)] {
                let death = Some(Death { side, at: At::Call(call) });
                lives.push(Life { dies, death, then });
            }
        }
    }
    let (planned, died) = (lives.len(), live_all(&moto, lives));
    println!("{died} of {planned} died, none was lost or doubled");
    // A run may make a few calls less than the undisturbed one.
    assert!(died + planned / 20 >= planned, "only {died} of {planned} died");
}
