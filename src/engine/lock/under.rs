//! Work under a lock: taken before, looked after meanwhile, given back after.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::{Beat, Held, LOOK, Lease, LockError, SILENCE, acquire, said};
use crate::aws::{Class, Failure};
use crate::engine::run::RunError;
use crate::engine::session::{Report, Session};

/// Takes the lab's lock, unless that isn't wanted, and our place among those at work in the account and Region.
///
/// # Errors
/// Somebody has it and nobody waits, or takes it over before anything is done, or the parameters can't be read or written.
pub async fn take(session: &Session<'_>, verb: &str) -> Result<Option<Held>, LockError> {
    if session.options.no_lock {
        return Ok(None);
    }
    let mut told = None;
    let wait = async |lease: Option<&Lease>| {
        if !session.options.wait || session.stopped() {
            return false;
        }
        let run = lease.map_or(String::new(), |lease| lease.holder.run.clone());
        if told.as_ref() != Some(&run) {
            session.note(format!("waiting for the lock: {}", said(lease)));
            told = Some(run);
        }
        session.pause(LOOK).await;
        true
    };
    let (aws, lab) = (&session.aws, &session.lab.name);
    let mut lock = acquire(aws, lab, verb, &session.holder, session.alive, wait).await?;
    let taken = |by: Lease| LockError::Held(Some(Box::new(by)));
    let others = lock.join(aws).await.map_err(taken)?;
    if others > 0 {
        let labs = if others == 1 { "another lab is".to_owned() } else { format!("{others} other labs are") };
        session.note(format!("{labs} being worked on in this account and Region: AWS's request rates are shared"));
        session.pause(lock.until_known(aws)).await;
        if let Beat::Taken(Some(by)) = lock.look(aws).await {
            return Err(taken(by));
        }
    }
    Ok(Some(lock))
}

/// Gives the lock back; `settled` says that the last look found everything as it should be.
pub async fn give_back(session: &Session<'_>, lock: Option<Held>, settled: bool) {
    if let Some(lock) = lock
        && let Err(failure) = lock.release(&session.aws, settled).await
    {
        // Why nothing more can be asked is told as the cause.
        let why = if failure.class == Class::Unidentified { String::new() } else { format!(": {failure}") };
        session.note(format!("the lock could not be given back, it ends by itself{why}"));
    }
}

/// Does the work while saying that we live, until the run is left.
///
/// # Errors
/// Those of the work.
pub async fn work(
    session: &Session<'_>,
    lock: Option<&mut Held>,
    work: impl Future<Output = Result<Report, RunError>>,
) -> Result<Report, RunError> {
    tokio::select! {
        biased;
        report = live(session, lock, work) => report,
        () = session.left() => Ok(Report::interrupted()),
    }
}

/// Does the work while saying that we live; when somebody took the lock over, no new work is started.
async fn live<T>(session: &Session<'_>, lock: Option<&mut Held>, work: impl Future<Output = T>) -> T {
    let Some(lock) = lock else { return work.await };
    let mut work = pin!(work);
    let mut unheard = false;
    loop {
        let last = (session.wall)();
        let overslept = || (session.wall)().duration_since(last).is_ok_and(|silent| silent >= SILENCE);
        // A machine that slept may have been taken for dead: nothing goes on before it is known whose the lock is.
        let awake = poll_fn(|context| match overslept() {
            true => Poll::Ready(None),
            false => work.as_mut().poll(context).map(Some),
        });
        tokio::select! {
            biased;
            done = awake => if let Some(done) = done { return done },
            () = tokio::time::sleep(lock.until_look(&session.aws)) => {}
        }
        let overslept = overslept();
        // A beat is seen through: one that landed after the lock was removed would bring it back.
        let mut beat = pin!(tokio::time::timeout(SILENCE, lock.look(&session.aws)));
        let beat = if overslept {
            beat.await
        } else {
            tokio::select! {
                biased;
                done = &mut work => {
                    let _ = beat.await;
                    return done;
                }
                beat = &mut beat => beat,
            }
        };
        match beat {
            Ok(Beat::Resting) => {}
            Ok(Beat::Heard) => unheard = false,
            Ok(Beat::Taken(lease)) => {
                let who = lease.map_or_else(|| "somebody".to_owned(), |lease| lease.holder.who);
                session.note(format!("{who} took the lock over: nothing new is started"));
                session.stop_now();
                return work.await;
            }
            // A beat that gets lost is made up for by the next; the lock is courtesy, so the work goes on.
            Ok(Beat::Unheard(_)) | Err(_) if unheard => {}
            Ok(Beat::Unheard(Failure { class: Class::Unidentified, .. })) => {}
            Ok(Beat::Unheard(failure)) => {
                unheard = true;
                session.note(format!("the lock can't be renewed, so others may take it; the work goes on: {failure}"));
            }
            Err(_) => {
                unheard = true;
                session.note("the lock can't be renewed, so others may take it; the work goes on");
            }
        }
    }
}
