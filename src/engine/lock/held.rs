//! A lock that we hold: who else is at work, our share of the request rates among them, and that we live.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{ALL_HAVE_LOOKED, BEAT, Entry, LOOK, Lease, ROOT, SILENCE, entries, highest, name};
use crate::aws::pace::Share;
use crate::aws::{Aws, Failure};
use crate::engine::parameters;

/// What came of looking, and of saying now and then that we live.
#[derive(Debug, Clone, PartialEq)]
pub enum Beat {
    /// The lock is ours, and it isn't time to say so.
    Resting,
    /// It is written.
    Heard,
    /// Somebody has taken the lock over, or took it and is done.
    Taken(Option<Lease>),
    /// It could not be written: the next may be.
    Unheard(Failure),
}

/// A lease that we hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    number: u64,
    lease: Lease,
    lab: String,
    settled: bool,
    taken: bool,
    /// When the lease was last written, by our clock: none where that wasn't answered.
    wrote: Option<Duration>,
    /// When to say next that we live.
    beat_at: Duration,
    /// What AWS's time was when our clock began: ours, until AWS has said when our lease was written.
    aws_began: Duration,
    /// The last beat seen of others, by the names of their labs, and when it came: none where it was old already.
    others: BTreeMap<String, (u64, Option<Instant>)>,
}

fn since_1970(time: Timestamp) -> Duration {
    time.duration_since(Timestamp::UNIX_EPOCH).try_into().unwrap_or_default()
}

impl Held {
    /// A lease that is ours, and when it was written by our clock, where that was answered.
    pub(super) fn new(aws: &Aws, lab: &str, number: u64, lease: Lease, settled: bool, wrote: Option<Duration>) -> Self {
        Self {
            number,
            lease,
            lab: lab.to_owned(),
            settled,
            taken: false,
            wrote,
            beat_at: aws.clock.elapsed() + BEAT,
            aws_began: since_1970(aws.clock.now()).saturating_sub(aws.clock.elapsed()),
            others: BTreeMap::new(),
        }
    }

    /// How long until the next look.
    pub fn until_look(&self, aws: &Aws) -> Duration {
        let now = self.aws_time(aws).as_nanos();
        let look = LOOK.as_nanos();
        Duration::from_nanos(u64::try_from(look - now % look).unwrap_or_default())
    }

    /// AWS's time, as far as its answers told.
    fn aws_time(&self, aws: &Aws) -> Duration {
        self.aws_began.saturating_add(aws.clock.elapsed())
    }

    /// How long until everybody knows of us.
    pub fn until_known(&self, aws: &Aws) -> Duration {
        self.until_look(aws) + ALL_HAVE_LOOKED
    }

    /// Takes our place among those at work in the account and Region; returns how many others there are. Until all of
    /// them know of us, they take what would be our share.
    ///
    /// # Errors
    /// Somebody has taken the lock over meanwhile, with this lease.
    pub async fn join(&mut self, aws: &Aws) -> Result<usize, Lease> {
        match self.look_around(aws, Duration::MAX).await {
            Some(Some(other)) => Err(other),
            _ => Ok(aws.share().map_or(0, |share| share.of - 1)),
        }
    }

    /// Looks who is at work in the account and Region, takes our share of its request rates, and says now and then
    /// that we live.
    pub async fn look(&mut self, aws: &Aws) -> Beat {
        let now = self.aws_time(aws);
        let since_look = Duration::from_nanos(u64::try_from(now.as_nanos() % LOOK.as_nanos()).unwrap_or_default());
        if let Some(other) = self.look_around(aws, now.saturating_sub(since_look)).await {
            self.taken = true;
            return Beat::Taken(other);
        }
        if aws.clock.elapsed() < self.beat_at {
            return Beat::Resting;
        }
        self.beat(aws).await
    }

    /// Who came or went after the `moment`, of AWS's time, isn't known to all. Returns the lease that holds where that
    /// isn't ours any more: itself none where the lock is gone with the lab, or it can't be read.
    async fn look_around(&mut self, aws: &Aws, moment: Duration) -> Option<Option<Lease>> {
        let entries = entries(aws, ROOT).await.ok()?;
        let highest = highest(&entries);
        let ours = match highest.get(self.lab.as_str()) {
            Some(entry) if entry.number == self.number => entry,
            // The list lags behind what we wrote.
            Some(entry) if entry.number < self.number => return None,
            other => return Some(other.and_then(|entry| entry.lease())),
        };
        if let (Some(modified), Some(wrote)) = (ours.modified, self.wrote) {
            self.aws_began = modified.saturating_sub(wrote);
        }
        let now = self.aws_time(aws);
        aws.take_share(self.share(&highest, moment, now));
        None
    }

    /// Our share among those at work: none where we are alone.
    fn share(&mut self, highest: &BTreeMap<&str, &Entry>, moment: Duration, now: Duration) -> Option<Share> {
        let mut labs = vec![self.lab.as_str()];
        for (lab, entry) in highest {
            let Some(lease) = entry.lease().filter(|_| **lab != self.lab) else { continue };
            let modified = entry.modified.unwrap_or(now);
            let (beat, came) = self.others.entry((*lab).to_owned()).or_insert_with(|| {
                let fresh = modified.saturating_add(SILENCE) > now;
                (lease.beat, fresh.then(Instant::now))
            });
            if *beat != lease.beat {
                (*beat, *came) = (lease.beat, Some(Instant::now()));
            }
            let lives = came.is_some_and(|came| came.elapsed() < SILENCE);
            let (comes, went) = (entry.new && modified > moment, lease.ended && modified <= moment);
            if lives && !comes && !went {
                labs.push(lab);
            }
        }
        self.others.retain(|lab, _| highest.contains_key(lab.as_str()));
        labs.sort_unstable();
        let mine = labs.iter().position(|lab| *lab == self.lab)?;
        (labs.len() > 1).then_some(Share { of: labs.len(), mine, aws_began: self.aws_began })
    }

    async fn beat(&mut self, aws: &Aws) -> Beat {
        self.lease.beat += 1;
        let value = serde_json::to_string(&self.lease).unwrap_or_default();
        self.beat_at = aws.clock.elapsed() + BEAT;
        self.wrote = None;
        match parameters::overwrite(aws, &name(&self.lab, self.number), &value).await {
            Ok(wrote) => {
                self.wrote = Some(wrote);
                Beat::Heard
            }
            Err(failure) => Beat::Unheard(failure),
        }
    }

    /// Whether the one before us, if any, left everything as it should be.
    pub fn settled(&self) -> bool {
        self.settled
    }

    /// Gives the lock back, unless somebody is known to have taken it.
    ///
    /// # Errors
    /// The parameter can't be written.
    pub async fn release(self, aws: &Aws, settled: bool) -> Result<(), Failure> {
        if self.taken {
            return Ok(());
        }
        let lease = Lease { ended: true, settled, ..self.lease };
        let value = serde_json::to_string(&lease).unwrap_or_default();
        parameters::overwrite(aws, &name(&self.lab, self.number), &value).await.map(drop)
    }
}
