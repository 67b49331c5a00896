//! What to start next: a pure function of the graph, the progress made, expected durations, request buckets and now.
//!
//! Longest remaining path first, as soon as everything before it is done and its request bucket has a token. Apply,
//! destroy, the forecast and the simulation share it.

use std::time::Duration;

use crate::aws::pace::Pace;

/// One step as the schedule sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// How long it is expected to take, in seconds.
    pub seconds: f64,
    /// The API call that starts it: service and operation.
    pub call: (&'static str, &'static str),
    /// The tasks that must be done before it.
    pub after: Vec<usize>,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not started.
    Waiting,
    /// Started.
    Running,
    /// Done.
    Done,
    /// Failed, or skipped because of one that failed: nothing after it can start.
    Dead,
}

/// Tasks, and how long the longest path from each to the end is.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    tasks: Vec<Task>,
    remaining: Vec<f64>,
}

/// The tasks depend on each other in a circle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the steps depend on each other in a circle: {0:?}")]
pub struct Circle(pub Vec<usize>);

/// What to do now.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Tasks to start, most urgent first.
    pub start: Vec<usize>,
    /// When to ask again although nothing has finished: a request bucket refills.
    pub again: Option<Duration>,
}

/// How long all of it will take, and which chain of tasks decides that.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Seconds until the last task is done.
    pub seconds: f64,
    /// The chain that ends last, first task first.
    pub critical_path: Vec<usize>,
}

impl Graph {
    /// A graph of these tasks.
    ///
    /// # Errors
    /// They depend on each other in a circle.
    pub fn new(tasks: Vec<Task>) -> Result<Self, Circle> {
        let order = topological(&tasks)?;
        let mut remaining: Vec<f64> = tasks.iter().map(|task| task.seconds).collect();
        for &index in order.iter().rev() {
            for &before in &tasks[index].after {
                remaining[before] = remaining[before].max(tasks[before].seconds + remaining[index]);
            }
        }
        Ok(Self { tasks, remaining })
    }

    /// The tasks.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// What to start at `now`, the time since the run began.
    pub fn next(&self, progress: &[Progress], pace: &Pace, now: Duration) -> Decision {
        let startable = |index: &usize| {
            progress[*index] == Progress::Waiting
                && self.tasks[*index].after.iter().all(|before| progress[*before] == Progress::Done)
        };
        let mut ready: Vec<usize> = (0..self.tasks.len()).filter(startable).collect();
        ready.sort_by(|one, two| self.remaining[*two].total_cmp(&self.remaining[*one]).then(one.cmp(two)));
        let mut pace = pace.clone();
        let mut decision = Decision { start: Vec::new(), again: None };
        for index in ready {
            let (service, operation) = self.tasks[index].call;
            let wait = pace.wait(service, operation, now);
            if wait.is_zero() {
                pace.book(service, operation, now);
                decision.start.push(index);
            } else {
                decision.again = Some(decision.again.map_or(wait, |again| again.min(wait)));
            }
        }
        decision
    }

    /// Plays the schedule through with the durations given: the expected ones for a forecast, drawn ones for a test.
    pub fn play(&self, seconds: &[f64], pace: &Pace, now: Duration) -> Forecast {
        let mut pace = pace.clone();
        let mut clock = now;
        let mut progress = vec![Progress::Waiting; self.tasks.len()];
        let mut ends = vec![Duration::ZERO; self.tasks.len()];
        loop {
            let decision = self.next(&progress, &pace, clock);
            for index in decision.start {
                let (service, operation) = self.tasks[index].call;
                pace.book(service, operation, clock);
                progress[index] = Progress::Running;
                ends[index] = clock + Duration::from_secs_f64(seconds[index].max(0.0));
            }
            let running = (0..ends.len()).filter(|index| progress[*index] == Progress::Running);
            let next_end = running.map(|index| ends[index]).min();
            let again = decision.again.map(|wait| clock + wait);
            let Some(next) = [next_end, again].into_iter().flatten().min() else { break };
            clock = next;
            for index in 0..ends.len() {
                if progress[index] == Progress::Running && ends[index] <= clock {
                    progress[index] = Progress::Done;
                }
            }
        }
        let mut critical_path = Vec::new();
        let mut last = (0..ends.len()).max_by_key(|index| (ends[*index], std::cmp::Reverse(*index)));
        let total = last.map_or(Duration::ZERO, |index| ends[index].saturating_sub(now));
        while let Some(index) = last {
            critical_path.insert(0, index);
            last = self.tasks[index].after.iter().copied().max_by_key(|before| (ends[*before], std::cmp::Reverse(*before)));
        }
        Forecast { seconds: total.as_secs_f64(), critical_path }
    }

    /// How long it is expected to take from here.
    pub fn forecast(&self, pace: &Pace, now: Duration) -> Forecast {
        let seconds: Vec<f64> = self.tasks.iter().map(|task| task.seconds).collect();
        self.play(&seconds, pace, now)
    }
}

fn topological(tasks: &[Task]) -> Result<Vec<usize>, Circle> {
    let mut missing: Vec<usize> = tasks.iter().map(|task| task.after.len()).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); tasks.len()];
    for (index, task) in tasks.iter().enumerate() {
        task.after.iter().for_each(|before| followers[*before].push(index));
    }
    let mut order: Vec<usize> = (0..tasks.len()).filter(|index| missing[*index] == 0).collect();
    let mut at = 0;
    while let Some(&index) = order.get(at) {
        at += 1;
        for &follower in &followers[index] {
            missing[follower] -= 1;
            if missing[follower] == 0 {
                order.push(follower);
            }
        }
    }
    if order.len() == tasks.len() {
        Ok(order)
    } else {
        Err(Circle((0..tasks.len()).filter(|index| missing[*index] > 0).collect()))
    }
}
