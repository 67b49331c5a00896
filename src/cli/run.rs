//! What `up` and `down` share: a session, its events, and Ctrl-C.

use std::cell::Cell;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::Exit;
use super::args::{PlaceArgs, RunArgs};
use super::interrupt::Sign;
use super::out::Out;
use super::place::Here;
use super::progress::{Progress, Seen};
use super::trouble::Trouble;
use super::turn;
use crate::aws::connect::{Connected, Target};
use crate::aws::failure::printable;
use crate::engine::lock::Holder;
use crate::engine::record::Record;
use crate::engine::run::RunError;
use crate::engine::session::{Options, Report, Session};
use crate::report::events::{End, few, hint_for};
use crate::report::text::wrap;

/// How often the bars move while nothing happens.
const TICK: Duration = Duration::from_millis(200);
/// How long what runs may take to end after a SIGTERM: `docker stop` kills after 10 seconds.
const GRACE: Duration = Duration::from_secs(7);

/// Runs a verb of the engine on a lab, shows its events, and says how it ended.
pub async fn run(
    verb: &str,
    lab: &str,
    here: &Here,
    place: &PlaceArgs,
    options: Options,
    out: &Out,
    work: impl AsyncFn(&Session<'_>) -> Result<Report, RunError>,
) -> Result<Exit, Trouble> {
    let connected = &here.connected;
    let progress = Progress::new(out, &connected.place);
    let holder = Holder::this_process(&connected.place.caller, &format!("{:016x}", rand::random::<u64>()));
    let unread = Cell::new(false);
    let tell = |happened| {
        progress.tell(&happened);
        // What is begun is better finished than left half-way for want of a reader.
        if out.is_closed() && !unread.replace(true) {
            out.notice("The output can't be written any more. The run goes on; Ctrl-C stops it.");
        }
    };
    let random = rand::make_rng();
    let mut session = Session::new(connected.aws.clone(), connected.place.clone(), lab, holder, random, tell);
    session.alive = Holder::is_alive;
    session.options = options;
    if here.real_time {
        session.wall = SystemTime::now;
    }
    let work_in_turn = async {
        if here.real_time && !options.no_lock {
            turn::take(&session).await;
        }
        work(&session).await
    };
    let result = stoppable(&session, here, &progress, out, work_in_turn).await;

    let seen = progress.seen();
    let (report, causes) = match &result {
        Ok(report) => {
            progress.end();
            let causes = report.causes.iter();
            let failures = || seen.failures.iter().chain(&report.unidentified);
            let hint = |cause: &str| hint_for(cause, failures()).or_else(|| sandbox_hint(cause, connected));
            let causes = causes.map(|cause| (cause.clone(), hint(cause))).collect();
            (report, causes)
        }
        // Programs have it from `finished`.
        Err(error) => {
            if let RunError::UserData(lost) = error
                && out.can_ask()
            {
                progress.end();
                let question = format!("Delete {}, for good?", lost.join(", "));
                if here.or_interrupted(async { Ok(out.ask(&question).await) }).await? {
                    let options = Options { delete_user_data: true, ..options };
                    return Box::pin(self::run(verb, lab, here, place, options, out, work)).await;
                }
            }
            let trouble = Trouble::of_run(error, &format!("{lab}{}", place.flags()));
            progress.end_unbegun(trouble.what_to_do());
            trouble.say(out);
            return Ok(Exit::Failed);
        }
    };
    let end = End {
        verb: verb.to_owned(),
        lab: lab.to_owned(),
        outcome: report.outcome,
        resources: report.resources,
        done: seen.done,
        left: if report.resources.is_none() { seen.running.iter().cloned().collect() } else { Vec::new() },
        seconds: seen.seconds,
        calls: seen.calls,
        causes,
        addresses: report.addresses.clone(),
        hourly_cost_usd: report.hourly_cost_usd,
        portal_user: report.portal_user.clone(),
        rehearsed: connected.place.target == Target::Sandbox.name(),
        flags: place.flags(),
    };
    out.text(&end.text(out.style));
    Ok(report.outcome.into())
}

/// The first Ctrl-C starts nothing new, the second leaves at once. A SIGTERM is followed by a kill: as the first, it
/// leaves after a while what doesn't end. A terminal that closes says so more than once, and means one thing.
async fn stoppable(
    session: &Session<'_>,
    here: &Here,
    progress: &Progress<'_>,
    out: &Out,
    work: impl Future<Output = Result<Report, RunError>>,
) -> Result<Report, RunError> {
    let mut interrupts = here.interrupts.lock().await;
    let mut work = pin!(work);
    let mut last_moment: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            sign = interrupts.next() => match (session.stopped(), sign) {
                (false, _) => {
                    session.stop_now();
                    last_moment = (sign == Sign::Terminate && here.real_time).then(|| Instant::now() + GRACE);
                    out.notice(&wrap(&stopping(&progress.seen(), sign), out.error_style.width, "", "  "));
                }
                (true, Sign::HangUp) => {}
                (true, _) => session.leave_now(),
            },
            () = tokio::time::sleep_until(last_moment.unwrap_or_else(Instant::now)), if last_moment.is_some() => {
                last_moment = None;
                session.leave_now();
            }
            () = tokio::time::sleep(TICK), if here.real_time => progress.tick(session.aws.clock.now()),
        }
    }
}

/// What is said of the first signal.
fn stopping(seen: &Seen, sign: Sign) -> String {
    let running: Vec<_> = seen.running.iter().cloned().collect();
    let waits = match running.as_slice() {
        [] => String::new(),
        running => format!(" What runs is finished: {}.", few(running)),
    };
    let leaves = match sign {
        Sign::Interrupt => "Ctrl-C again leaves at once".to_owned(),
        Sign::Terminate => format!("After {} seconds, or a second signal, it is left as it is", GRACE.as_secs()),
        Sign::HangUp => "SIGTERM leaves at once".to_owned(),
    };
    format!("Stopping: nothing new is started.{waits} {leaves}; the next run finds what stands.")
}

/// The engine's options.
pub fn options(run: &RunArgs) -> Options {
    let &RunArgs { no_lock, wait, delete_user_data } = run;
    Options { no_lock, wait, delete_user_data, ..Options::default() }
}

/// What a confirmation says of a lab that exists.
pub fn about(lab: &str, record: Option<&Record>) -> Vec<String> {
    let about = |record: &Record| {
        format!("The lab `{lab}` was made by {} at {:.0}.", printable(&record.created_by), record.created_at)
    };
    record.map(about).into_iter().collect()
}

/// A cause may name a command of the AWS CLI, which doesn't know the sandbox by itself.
fn sandbox_hint(cause: &str, connected: &Connected) -> Option<String> {
    let meant = connected.place.target == Target::Sandbox.name() && cause.contains(": aws ");
    meant.then(|| "`breezeway sandbox serve` says how the AWS CLI reaches the sandbox.".to_owned())
}
