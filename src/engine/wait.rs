//! Waiting is shared: one poller per kind asks once for all that are pending, first at the earliest likely moment,
//! then on a rhythm.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::aws::{Aws, Class, Failure};
use crate::resource::{Kind, Listing, Observed, Query, Readiness};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// It can be used.
    Ready,
    /// It no longer exists, not even as `deleting`.
    Gone,
}

/// How a wait ended: what it became, or nothing where it is gone.
type Ended = Result<Option<Observed>, Failure>;

struct Pending {
    id: String,
    until: Until,
    /// Asking earlier is no use.
    earliest: Instant,
    /// Waiting longer is no use.
    deadline: Instant,
    tell: oneshot::Sender<Ended>,
}

/// The waits of a run.
pub struct Waiter<'a> {
    aws: &'a Aws,
    pending: RefCell<BTreeMap<Kind, Vec<Pending>>>,
    changed: Notify,
    /// Armed by tests only: takes `deleting` for gone.
    pub(super) ends_at_deleting: bool,
}

impl<'a> Waiter<'a> {
    /// No waits yet.
    pub fn new(aws: &'a Aws) -> Self {
        Self { aws, pending: RefCell::default(), changed: Notify::new(), ends_at_deleting: false }
    }

    /// Waits for one resource; something else must drive [`Waiter::run`].
    ///
    /// # Errors
    /// It failed, the time is up, or its kind can't be read.
    pub async fn wait(&self, kind: Kind, id: &str, until: Until) -> Ended {
        let expected = match until {
            Until::Ready => kind.seconds().create,
            Until::Gone => kind.seconds().delete,
        };
        let now = Instant::now();
        let (tell, told) = oneshot::channel();
        self.pending.borrow_mut().entry(kind).or_default().push(Pending {
            id: id.to_owned(),
            until,
            earliest: now + Duration::from_secs_f64(expected * 0.8),
            deadline: now + Duration::from_secs_f64(expected * 10.0 + 120.0),
            tell,
        });
        self.changed.notify_one();
        told.await.unwrap_or_else(|_| Err(Failure::here("wait", Class::UnknownOutcome, "the wait was given up")))
    }

    /// Polls for as long as it is driven.
    pub async fn run(&self) {
        let mut polls = FuturesUnordered::new();
        let mut polling: BTreeMap<Kind, bool> = BTreeMap::new();
        let mut last: BTreeMap<Kind, Instant> = BTreeMap::new();
        loop {
            let due = self.due(&polling, &last);
            let now = Instant::now();
            for (kind, _) in due.iter().copied().filter(|(_, at)| *at <= now) {
                polling.insert(kind, true);
                let ids: Vec<_> = self.pending.borrow()[&kind].iter().map(|pending| pending.id.clone()).collect();
                polls.push(async move { (kind, kind.list(self.aws, &Query::Ids(ids)).await) });
            }
            let next = due.iter().map(|(_, at)| *at).filter(|at| *at > now).min();
            tokio::select! {
                biased;
                Some((kind, listing)) = polls.next(), if !polls.is_empty() => {
                    polling.remove(&kind);
                    last.insert(kind, Instant::now());
                    self.settle(kind, &listing);
                }
                () = self.changed.notified() => {}
                () = tokio::time::sleep_until(next.unwrap_or(now)), if next.is_some() => {}
            }
        }
    }

    /// When each kind that something waits for is to be asked next.
    fn due(&self, polling: &BTreeMap<Kind, bool>, last: &BTreeMap<Kind, Instant>) -> Vec<(Kind, Instant)> {
        let pending = self.pending.borrow();
        let waiting = pending.iter().filter(|(kind, waits)| !waits.is_empty() && !polling.contains_key(kind));
        waiting
            .filter_map(|(kind, waits)| {
                let earliest = waits.iter().map(|pending| pending.earliest).min()?;
                let rhythm = last.get(kind).map(|at| *at + rhythm(*kind));
                Some((*kind, rhythm.map_or(earliest, |next| next.max(earliest))))
            })
            .collect()
    }

    fn settle(&self, kind: Kind, listing: &Result<Listing, Failure>) {
        let mut pending = self.pending.borrow_mut();
        let Some(waits) = pending.get_mut(&kind) else { return };
        for wait in std::mem::take(waits) {
            let seen = listing.as_ref().map_err(Failure::clone);
            let ended = match seen.and_then(|listing| listing.pick(kind, |found| found.id == wait.id)) {
                Ok(seen) => self.ended(kind, &wait, seen),
                Err(failure) if failure.class == Class::Denied || Instant::now() >= wait.deadline => Some(Err(failure)),
                Err(_) => None,
            };
            match ended {
                Some(ended) => drop(wait.tell.send(ended)),
                None => waits.push(wait),
            }
        }
    }

    /// Whether this wait is over. Missing is gone for one that is to go; for one that is to come it may only not be
    /// visible yet.
    fn ended(&self, kind: Kind, wait: &Pending, seen: Option<&Observed>) -> Option<Ended> {
        // One that is to go may have failed before it was told to: a read that lags shows it so for a while.
        let told = || wait.until == Until::Ready || Instant::now() >= wait.earliest;
        match (wait.until, seen.map(|seen| (&seen.readiness, seen))) {
            (Until::Ready, Some((Readiness::Ready, seen))) => return Some(Ok(Some(seen.clone()))),
            (Until::Gone, None) => return Some(Ok(None)),
            (Until::Gone, Some((Readiness::Failed(_), _))) if kind.failed_is_gone() => return Some(Ok(None)),
            (_, Some((Readiness::Failed(why), seen))) if told() => {
                let message = format!("{} ended as {}: {why}", seen.id, seen.state);
                return Some(Err(Failure::here("wait", Class::Wrong, message)));
            }
            (Until::Gone, Some((Readiness::Deleting, _))) if self.ends_at_deleting => return Some(Ok(None)),
            _ => {}
        }
        (Instant::now() >= wait.deadline).then(|| {
            let state = seen.map_or("not there", |seen| seen.state.as_str());
            Err(Failure::here("wait", Class::Wrong, format!("{} is still {state}", wait.id)))
        })
    }
}

/// How often to ask: often for what is quick, every two seconds for what takes long.
fn rhythm(kind: Kind) -> Duration {
    let seconds = kind.seconds();
    Duration::from_secs_f64((seconds.create.max(seconds.delete) / 4.0).clamp(0.5, 2.0))
}
