//! What `up` and `down` share: a session, its events, and Ctrl-C.

use std::pin::pin;
use std::time::Duration;

use super::Exit;
use super::args::{PlaceArgs, RunArgs};
use super::begin;
use super::interrupt::Interrupts;
use super::out::Out;
use super::place::Here;
use super::progress::Progress;
use super::trouble::Trouble;
use crate::aws::connect::{Connected, Target};
use crate::aws::failure::printable;
use crate::engine::lock::Holder;
use crate::engine::record::Record;
use crate::engine::run::RunError;
use crate::engine::session::{Options, Report, Session};
use crate::report::events::{End, hint_for};

/// How often the bars move while nothing happens.
const TICK: Duration = Duration::from_millis(200);

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
    let tell = |happened| progress.tell(&happened);
    let random = rand::make_rng();
    let mut session = Session::new(connected.aws.clone(), connected.place.clone(), lab, holder, random, tell);
    session.alive = Holder::is_alive;
    session.options = options;
    let interrupts = Interrupts::listen()?;
    let work_in_turn = async {
        if here.real_time && !options.no_lock {
            begin::take_turn(&connected.place).await;
        }
        work(&session).await
    };
    let result = stoppable(&session, here, &progress, interrupts, out, work_in_turn).await?;

    let seen = progress.seen();
    let (report, causes) = match &result {
        Ok(report) => {
            progress.end();
            let causes = report.causes.iter();
            let hint = |cause: &str| hint_for(cause, &seen.failures).or_else(|| sandbox_hint(cause, connected));
            let causes = causes.map(|cause| (cause.clone(), hint(cause))).collect();
            (report, causes)
        }
        // Programs have it from `finished`.
        Err(error) => {
            if let RunError::UserData(lost) = error
                && out.can_ask()
            {
                progress.end();
                if out.ask(&format!("Delete {}, for good?", lost.join(", "))) {
                    let options = Options { delete_user_data: true, ..options };
                    return Box::pin(self::run(verb, lab, here, place, options, out, work)).await;
                }
            }
            let trouble = Trouble::of_run(error, lab);
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

/// The first Ctrl-C starts nothing new, the second leaves at once.
async fn stoppable(
    session: &Session<'_>,
    here: &Here,
    progress: &Progress<'_>,
    mut interrupts: Interrupts,
    out: &Out,
    work: impl Future<Output = Result<Report, RunError>>,
) -> Result<Result<Report, RunError>, Trouble> {
    let mut work = pin!(work);
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = interrupts.next() => {
                if stopping {
                    return Err(Trouble::interrupted());
                }
                stopping = true;
                session.stop_now();
                out.notice("Stopping: what runs is finished, nothing new is started. Ctrl-C again leaves at once.");
            }
            () = tokio::time::sleep(TICK), if here.real_time => progress.tick(session.aws.clock.now()),
        }
    }
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
