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
    given_up: RefCell<Option<Failure>>,
    /// Armed by tests only: takes `deleting` for gone.
    pub(super) ends_at_deleting: bool,
}

impl<'a> Waiter<'a> {
    /// No waits yet.
    pub fn new(aws: &'a Aws) -> Self {
        Self {
            aws,
            pending: RefCell::default(),
            changed: Notify::new(),
            given_up: RefCell::default(),
            ends_at_deleting: false,
        }
    }

    /// Ends every wait, and each that is still to come: no answer can be had any more, and why.
    pub fn give_up(&self, why: &Failure) {
        self.given_up.replace(Some(why.clone()));
        for wait in std::mem::take(&mut *self.pending.borrow_mut()).into_values().flatten() {
            // One that is no longer waited for needs no telling.
            let _ = wait.tell.send(Err(why.clone()));
        }
    }

    /// Waits for one resource; something else must drive [`Waiter::run`].
    ///
    /// # Errors
    /// It failed, the time is up, or its kind can't be read.
    pub async fn wait(&self, kind: Kind, id: &str, until: Until) -> Ended {
        if let Some(why) = &*self.given_up.borrow() {
            return Err(why.clone());
        }
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
                Err(failure)
                    if matches!(failure.class, Class::Denied | Class::Unidentified)
                        || Instant::now() >= wait.deadline =>
                {
                    Some(Err(failure))
                }
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

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt;
    use jiff::Timestamp;

    use super::*;
    use crate::aws::Clock;
    use crate::aws::connect::inside;
    use crate::aws::tags::Tags;
    use crate::resource::Ref;
    use crate::resource::nat_gateway::NatGateway;
    use crate::resource::security_group::SecurityGroup;
    use crate::sandbox::clock::WorldClock;
    use crate::sandbox::dials::Dials;
    use crate::sandbox::host::{CallerDials, Sandbox};
    use crate::sandbox::wire::DEFAULT_ACCOUNT;
    use crate::sandbox::world::World;

    fn aws() -> Aws {
        let now = Timestamp::UNIX_EPOCH;
        let sandbox = Sandbox::new(World::new(1), WorldClock::new(now, 1.0), Dials::default(), None);
        inside(sandbox.client(CallerDials::default()), DEFAULT_ACCOUNT, "us-east-1", None, Clock::starting_at(now))
    }

    fn unreadable(kind: Kind, class: Class) -> Listing {
        Listing { unreadable: vec![(kind, Failure::here("list", class, "no"))], ..Listing::default() }
    }

    /// How a wait until one is gone ends at the first of these polls that ends it, each a minute after the other.
    async fn gone(kind: Kind, polls: Vec<Listing>) -> Option<Ended> {
        let aws = aws();
        let waiter = Waiter::new(&aws);
        let mut wait = pin!(waiter.wait(kind, "id", Until::Gone));
        for poll in polls {
            if let Some(ended) = wait.as_mut().now_or_never() {
                return Some(ended);
            }
            waiter.settle(kind, &Ok(poll));
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        wait.now_or_never()
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_read_is_not_gone() {
        let kind = Kind::ResolverEndpoint;
        let throttled = || unreadable(kind, Class::Throttled);
        assert_eq!(gone(kind, vec![throttled(), throttled()]).await, None);
        assert_eq!(gone(kind, vec![throttled(), Listing::default()]).await, Some(Ok(None)));
        assert_eq!(gone(kind, vec![unreadable(Kind::Role, Class::Throttled)]).await, Some(Ok(None)));
        let denied = gone(kind, vec![unreadable(kind, Class::Denied)]).await;
        assert_eq!(denied.unwrap().unwrap_err().class, Class::Denied, "asking again is no use");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_failed_is_gone_only_where_nothing_of_it_is_left() {
        let failed = |spec: crate::resource::Spec| {
            let readiness = Readiness::Failed("no permission".into());
            let observed = Observed { readiness, ..Observed::standing("id", Tags::new(), spec) };
            Listing { found: vec![observed], ..Listing::default() }
        };
        let nat = NatGateway { subnet: Ref::known("subnet-1"), private_address: None, elastic_ip: None };
        assert_eq!(gone(Kind::NatGateway, vec![failed(nat.into())]).await, Some(Ok(None)));

        let group = SecurityGroup { vpc: Ref::known("vpc-1"), name: "g".into(), description: String::new() };
        let poll = || failed(group.clone().into());
        assert_eq!(gone(Kind::SecurityGroup, vec![poll()]).await, None, "it may have failed before it was told to go");
        let ended = gone(Kind::SecurityGroup, vec![poll(), poll()]).await.unwrap();
        assert!(ended.unwrap_err().message.contains("no permission"));
    }
}
