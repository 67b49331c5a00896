//! The readers of a run's events: bars on a terminal, lines for a log, NDJSON for programs.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;

use super::out::{Format, Out};
use crate::aws::failure::printable;
use crate::aws::{Calls, Failure, Place};
use crate::engine::event::{Event, Happened, StepState};
use crate::report::text::seconds;
use crate::report::{Document, events};
use crate::resource::Address;

/// One run as it is shown.
pub struct Progress<'a> {
    out: &'a Out,
    place: &'a Place,
    bars: Option<RefCell<Bars>>,
    began: Cell<Option<Timestamp>>,
    seen: RefCell<Seen>,
    last: RefCell<Option<Happened>>,
}

/// The last event of a run that could not begin, as programs get it.
#[derive(Serialize)]
struct NotBegun<'a> {
    #[serde(flatten)]
    finished: Happened,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// What of the events is needed at the end.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// Steps that were done.
    pub done: usize,
    /// Steps that run.
    pub running: BTreeSet<Address>,
    /// How steps failed.
    pub failures: Vec<Failure>,
    /// Seconds on this machine's clock, and on AWS's.
    pub seconds: (f64, f64),
    /// Calls made.
    pub calls: Calls,
}

impl<'a> Progress<'a> {
    /// A run at this place, which has not begun.
    pub fn new(out: &'a Out, place: &'a Place) -> Self {
        let bars = out.can_draw().then(|| RefCell::new(Bars::new(out.error_style.width)));
        Self { out, place, bars, began: Cell::new(None), seen: RefCell::default(), last: RefCell::default() }
    }

    /// Shows an event.
    pub fn tell(&self, happened: &Happened) {
        let Happened { at, event } = happened;
        let began = self.began.get().unwrap_or(*at);
        self.began.set(Some(began));
        let elapsed = at.duration_since(began).as_secs_f64();
        self.remember(event);
        if self.out.format == Format::Json {
            if matches!(event, Event::Finished { .. }) {
                self.last.replace(Some(happened.clone()));
                return;
            }
            return self.out.json(&Document::of(self.place, happened));
        }
        match (&self.bars, event) {
            (Some(bars), Event::Step { .. }) => bars.borrow_mut().step(event, elapsed),
            (Some(bars), Event::Planned { steps, forecast_seconds, .. }) => {
                self.show(event, elapsed);
                bars.borrow_mut().plan(*steps, *forecast_seconds, elapsed);
            }
            (Some(bars), Event::Finished { .. }) => bars.borrow_mut().clear(),
            _ => self.show(event, elapsed),
        }
    }

    /// Shows the last event of a run that began.
    pub fn end(&self) {
        if let Some(happened) = self.last.take() {
            self.out.json(&Document::of(self.place, happened));
        }
    }

    /// Shows the last event of a run that could not begin; `hint` says what to do about it.
    pub fn end_unbegun(&self, hint: Option<&str>) {
        if let Some(finished) = self.last.take() {
            self.out.json(&Document::of(self.place, NotBegun { finished, hint }));
        }
    }

    fn show(&self, event: &Event, elapsed: f64) {
        let Some(line) = events::line(event, elapsed, self.out.style) else { return };
        match &self.bars {
            Some(bars) => bars.borrow().all.suspend(|| self.out.text(&line)),
            None => self.out.text(&line),
        }
    }

    fn remember(&self, event: &Event) {
        let mut seen = self.seen.borrow_mut();
        if let Event::Step { address, state, .. } = event {
            match state {
                StepState::Started | StepState::Waiting => seen.running.insert(address.clone()),
                StepState::Done | StepState::Failed | StepState::Skipped => seen.running.remove(address),
            };
        }
        match event {
            Event::Step { state: StepState::Done, .. } => seen.done += 1,
            Event::Step { state: StepState::Failed, error: Some(error), .. } => seen.failures.push(error.clone()),
            Event::Finished { seconds, aws_seconds, calls, .. } => {
                seen.seconds = (*seconds, *aws_seconds);
                seen.calls = *calls;
            }
            _ => {}
        }
    }

    /// Lets the time on the bars move on to `now`.
    pub fn tick(&self, now: Timestamp) {
        if let (Some(bars), Some(began)) = (&self.bars, self.began.get()) {
            bars.borrow_mut().tick(now.duration_since(began).as_secs_f64());
        }
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }
}

/// One bar for all of it, and a line for each step that runs.
struct Bars {
    all: MultiProgress,
    whole: Option<ProgressBar>,
    running: BTreeMap<Address, ProgressBar>,
    forecast: f64,
    width: usize,
}

impl Bars {
    fn new(width: usize) -> Self {
        Self { all: MultiProgress::new(), whole: None, running: BTreeMap::new(), forecast: 0.0, width }
    }

    fn plan(&mut self, steps: usize, forecast: f64, elapsed: f64) {
        self.clear();
        // A round that began later than the run is forecast from then on.
        self.forecast = elapsed + forecast;
        let whole = self.all.add(ProgressBar::new(steps as u64));
        let wide = if self.width >= 60 { "{bar:20} " } else { "" };
        whole.set_style(style(&format!("{wide}{{pos}}/{{len}}  {{msg}}")));
        self.whole = Some(whole);
        self.tick(elapsed);
    }

    fn step(&mut self, event: &Event, elapsed: f64) {
        let Event::Step { address, state, message, .. } = event else { return };
        match state {
            StepState::Started | StepState::Waiting => {
                let bar = self.running.entry(address.clone()).or_insert_with(|| {
                    let bar = self.all.add(ProgressBar::new_spinner());
                    bar.set_style(style("{spinner} {wide_msg}"));
                    bar
                });
                let waits = message.as_ref().map_or(String::new(), |message| format!(": {message}"));
                bar.set_message(printable(&format!("{address}{waits}")));
                bar.tick();
            }
            StepState::Done | StepState::Failed | StepState::Skipped => {
                if let Some(bar) = self.running.remove(address) {
                    bar.finish_and_clear();
                }
                self.whole.iter().for_each(|whole| whole.inc(1));
            }
        }
        self.tick(elapsed);
    }

    fn tick(&mut self, elapsed: f64) {
        if let Some(whole) = &self.whole {
            let message = match whole.length() {
                Some(steps) if whole.position() >= steps => format!("{}, making sure of it", seconds(elapsed)),
                _ => format!("{} of about {}", seconds(elapsed), seconds(self.forecast)),
            };
            whole.set_message(message);
        }
        self.running.values().for_each(ProgressBar::tick);
    }

    fn clear(&mut self) {
        self.whole.take().iter().for_each(ProgressBar::finish_and_clear);
        std::mem::take(&mut self.running).values().for_each(ProgressBar::finish_and_clear);
        // The terminal may be gone; then there is nothing to clear.
        let _ = self.all.clear();
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
