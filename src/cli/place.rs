//! The way to the sandbox or to AWS, and back.

use std::pin::pin;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::tz::Offset;
use tokio::sync::Mutex;

use super::args::PlaceArgs;
use super::interrupt::Interrupts;
use super::out::Out;
use super::trouble::Trouble;
use crate::aws::Aws;
use crate::aws::connect::{Choice, ConnectError, Connected, Target, Way};
use crate::aws::failure::printable;
use crate::report::heading;
use crate::report::text::wrap;
use crate::sandbox::home::HomeError;
use crate::survey::{lab_name, survey};

/// How long credentials and AWS may take before we say that we wait for them.
const SLOW: Duration = Duration::from_secs(5);
/// How long they may take after that: credentials may take somebody who types a code.
const ANSWER: Duration = Duration::from_secs(85);
/// How long another process may keep the sandbox before we give up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection, and whether the waits of this run are real.
pub struct Here {
    /// The clients and where they lead.
    pub connected: Connected,
    /// Whether time passes as it does for everyone: not in the sandbox of this process, which skips it.
    pub real_time: bool,
    /// What tells this process to stop, from the first call on.
    pub interrupts: Mutex<Interrupts>,
}

impl Here {
    /// The day, in UTC, on AWS's clock.
    pub fn today(&self) -> Date {
        Offset::UTC.to_datetime(self.connected.aws.clock.now()).date()
    }

    /// Does work that may be dropped at any point, until the process is told to stop.
    pub async fn or_interrupted<T>(&self, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        self.interrupts.lock().await.or(work).await
    }
}

/// Goes where the flags say, says where that is, works, and leaves the sandbox saved.
pub fn visit<T>(
    place: &PlaceArgs,
    lab: Option<&str>,
    out: &Out,
    work: impl AsyncFnOnce(&Here) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let choice = place.choice()?;
    let way = patiently(out, || choice.way())?;
    if let Way::Inside(opened) = &way
        && let Some(sentence) = &opened.set_aside
    {
        out.notice(&wrap(sentence, out.error_style.width, "", "  "));
    }
    let real_time = !matches!(way, Way::Inside(_));
    runtime(!real_time)?.block_on(async {
        let mut interrupts = Interrupts::listen()?;
        let connected = interrupts.or(reach(&choice, way, lab, real_time, out)).await?;
        out.heading(&heading(&connected.place, if out.bare { out.error_style } else { out.style }));
        let here = Here { connected, real_time, interrupts: Mutex::new(interrupts) };
        let result = work(&here).await.map_err(|trouble| trouble.in_place(&here.connected.place));
        here.connected.save()?;
        result
    })
}

/// The same for work that only reads, and may be dropped at any point.
pub fn visit_to_read<T>(
    place: &PlaceArgs,
    lab: Option<&str>,
    out: &Out,
    work: impl AsyncFnOnce(&Here) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    visit(place, lab, out, async |here| here.or_interrupted(work(here)).await)
}

/// Goes there, and says so where nobody answers for a while.
async fn reach(choice: &Choice, way: Way, lab: Option<&str>, real_time: bool, out: &Out) -> Result<Connected, Trouble> {
    let mut connecting = pin!(choice.connect(way, lab));
    tokio::select! {
        biased;
        connected = &mut connecting => return Ok(connected?),
        () = tokio::time::sleep(SLOW), if real_time => {}
    }
    out.notice("No answer yet, neither for credentials nor from AWS: still trying. Ctrl-C leaves.");
    match tokio::time::timeout(ANSWER, &mut connecting).await {
        Ok(connected) => Ok(connected?),
        Err(_) => Err(ConnectError::Silence { seconds: (SLOW + ANSWER).as_secs() }.into()),
    }
}

/// A runtime on this thread; `paused` skips all waiting.
pub fn runtime(paused: bool) -> Result<tokio::runtime::Runtime, Trouble> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build();
    built.map_err(|error| Trouble::new(format!("This process gets no event loop: {error}")))
}

/// Tries to take the sandbox until its owner lets it go.
pub fn patiently<T>(out: &Out, take: impl Fn() -> Result<T, HomeError>) -> Result<T, HomeError> {
    let deadline = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        match take() {
            Err(error @ HomeError::Busy { port: None, .. }) if Instant::now() < deadline => {
                if !told {
                    out.notice(&format!("{error}: waiting for it"));
                    told = true;
                }
                std::thread::sleep(Duration::from_millis(200));
            }
            result => return result,
        }
    }
}

/// Whether nothing of a lab stands, as far as anyone can see.
pub async fn stands_nothing(aws: &Aws, lab: &str) -> bool {
    let survey = survey(aws, &lab_name(lab, aws.region())).await;
    survey.found.is_empty() && survey.unreadable.is_empty()
}

/// Refuses to change AWS where nobody said yes and nobody can be asked: before any call.
pub fn need_a_yes(place: &PlaceArgs, yes: bool, out: &Out) -> Result<(), Trouble> {
    if place.aim()?.target == Target::Sandbox || yes || out.can_ask() {
        return Ok(());
    }
    Err(Trouble::new("This would change AWS, and nobody is here to confirm it").hint("Say so with --yes."))
}

/// Whether somebody has to say yes before anything is done.
pub fn needs_asking(here: &Here, yes: bool) -> bool {
    !yes && here.connected.place.target != Target::Sandbox.name()
}

/// Asks whether to go on in AWS; `about` says what is known of the lab.
pub async fn confirm(here: &Here, yes: bool, about: &[String], out: &Out) -> Result<(), Trouble> {
    let place = &here.connected.place;
    if !needs_asking(here, yes) {
        return Ok(());
    }
    let width = out.error_style.width;
    let who = format!("AWS account {}, Region {}, as {}.", place.account, place.region, printable(&place.caller));
    for line in std::iter::once(&who).chain(about) {
        out.notice(&wrap(line, width, "", "  "));
    }
    if out.ask("Go on?").await { Ok(()) } else { Err(Trouble::new("Nothing was done")) }
}
