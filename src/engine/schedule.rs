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

/// The tasks depend on each other in a circle: each on the next, and the last on the first.
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
            last = self.tasks[index]
                .after
                .iter()
                .copied()
                .max_by_key(|before| (ends[*before], std::cmp::Reverse(*before)));
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
    let Some(waits) = (0..tasks.len()).find(|index| missing[*index] > 0) else { return Ok(order) };
    Err(circle(tasks, waits, |index| missing[index] > 0))
}

/// A circle among the tasks before one that can't be done, which all wait for another such.
fn circle(tasks: &[Task], waits: usize, stuck: impl Fn(usize) -> bool) -> Circle {
    let mut path = vec![waits];
    loop {
        let before = path.last().and_then(|last| tasks[*last].after.iter().copied().find(|before| stuck(*before)));
        let Some(before) = before else { return Circle(path) };
        if let Some(start) = path.iter().position(|index| *index == before) {
            return Circle(path.split_off(start));
        }
        path.push(before);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::aws::pace::{Share, buckets};

    const FREE: (&str, &str) = ("iam", "CreateRole");

    fn task(seconds: f64, after: &[usize]) -> Task {
        Task { seconds, call: FREE, after: after.to_vec() }
    }

    fn graph(tasks: Vec<Task>) -> Graph {
        Graph::new(tasks).unwrap()
    }

    #[test]
    fn the_longest_remaining_path_starts_first() {
        let endpoint = |seconds| Task { call: ("ec2", "CreateVpcEndpoint"), ..task(seconds, &[]) };
        let graph =
            graph(vec![endpoint(1.0), endpoint(9.0), endpoint(5.0), endpoint(2.0), endpoint(7.0), task(3.0, &[3])]);
        let decision = graph.next(&[Progress::Waiting; 6], &Pace::default(), Duration::ZERO);
        assert_eq!(decision.start, [1, 4, 2], "the bucket holds nearly four; the shortest wait");
        assert_eq!(decision.again.map(|wait| (wait.as_secs_f64() * 10.0).round() / 10.0), Some(0.6));
    }

    #[test]
    fn nothing_starts_before_what_it_needs_or_after_what_failed() {
        let graph = graph(vec![task(1.0, &[]), task(1.0, &[0]), task(1.0, &[1])]);
        let next = |progress: [Progress; 3]| graph.next(&progress, &Pace::default(), Duration::ZERO).start;
        assert_eq!(next([Progress::Running, Progress::Waiting, Progress::Waiting]), [0; 0]);
        assert_eq!(next([Progress::Done, Progress::Waiting, Progress::Waiting]), [1]);
        assert_eq!(next([Progress::Done, Progress::Dead, Progress::Waiting]), [0; 0]);
    }

    #[test]
    fn a_circle_is_named_not_waited_for() {
        let circle = Graph::new(vec![task(1.0, &[]), task(1.0, &[2]), task(1.0, &[1])]).unwrap_err();
        assert_eq!(circle.0, [1, 2]);
        let circle = Graph::new(vec![task(1.0, &[1]), task(1.0, &[2]), task(1.0, &[1])]).unwrap_err();
        assert_eq!(circle.0, [1, 2], "what only waits for them is in none");
    }

    #[test]
    fn the_forecast_names_the_chain_that_ends_last() {
        let graph = graph(vec![task(2.0, &[]), task(100.0, &[0]), task(4.0, &[1]), task(50.0, &[0])]);
        let forecast = graph.forecast(&Pace::default(), Duration::ZERO);
        assert_eq!((forecast.seconds, forecast.critical_path), (106.0, vec![0, 1, 2]));
    }

    #[test]
    fn who_shares_the_request_rates_gets_to_the_end() {
        let api = |operation| Task { call: ("apigateway", operation), ..task(1.0, &[]) };
        let graph = graph(vec![api("CreateRestApi"), api("CreateResource"), api("PutMethod"), api("DeleteRestApi")]);
        for of in [2, 3, 20] {
            for mine in 0..of {
                let mut pace = Pace::default();
                let aws_began = Duration::from_secs(1_800_000_000);
                pace.take_share(Some(Share { of, mine, aws_began }), Duration::ZERO);
                // All together delete an API each 33 seconds.
                let longest = of as f64 * 33.0 + 2.0;
                let seconds = graph.forecast(&pace, Duration::ZERO).seconds;
                assert!((1.0..longest).contains(&seconds), "{mine} of {of}: {seconds}");
            }
        }
    }

    /// A graph like those of labs, and what each task really takes: unknown to the schedule.
    fn random_graph(random: &mut ChaCha8Rng) -> (Vec<Task>, Vec<f64>) {
        const CALLS: [((&str, &str), f64); 6] = [
            (("ec2", "CreateVpc"), 1.1),
            (("ec2", "CreateSubnet"), 1.0),
            (("ec2", "CreateVpcEndpoint"), 43.0),
            (("iam", "CreateRole"), 2.0),
            (("sagemaker", "CreateDomain"), 115.0),
            (("lambda", "CreateFunction"), 22.0),
        ];
        let count = random.random_range(3..70);
        // From graphs that no bucket holds up to such where one decides.
        let crowded = random.random_range(0.0..0.8);
        let mut tasks = Vec::new();
        let mut drawn = Vec::new();
        for index in 0..count {
            let endpoint = random.random_bool(crowded);
            let (call, seconds) = CALLS[if endpoint { 2 } else { random.random_range(0..CALLS.len()) }];
            let before = if index == 0 { 0 } else { random.random_range(0..=index.min(3)) };
            let after: std::collections::BTreeSet<usize> = (0..before).map(|_| random.random_range(0..index)).collect();
            tasks.push(Task { seconds, call, after: after.into_iter().collect() });
            // Log-normal around the expected value, like measured durations.
            let normal: f64 = (0..12).map(|_| random.random_range(0.0..1.0)).sum::<f64>() - 6.0;
            drawn.push(seconds * (0.35 * normal).exp());
        }
        (tasks, drawn)
    }

    /// No schedule can be quicker: the longest path by what the tasks really took, and for every bucket any set of
    /// its calls, which can't begin before the earliest of them may nor end before the last token's task and what
    /// follows it.
    fn bound(tasks: &[Task], seconds: &[f64]) -> f64 {
        let order = topological(tasks).unwrap();
        let mut head = vec![0.0f64; tasks.len()];
        let mut tail: Vec<f64> = seconds.to_vec();
        for &index in &order {
            head[index] = tasks[index].after.iter().map(|before| head[*before] + seconds[*before]).fold(0.0, f64::max);
        }
        for &index in order.iter().rev() {
            for &before in &tasks[index].after {
                tail[before] = tail[before].max(seconds[before] + tail[index]);
            }
        }
        let path = (0..tasks.len()).map(|index| head[index] + tail[index]).fold(0.0, f64::max);
        let mut queues: BTreeMap<String, (crate::aws::pace::Rate, Vec<usize>)> = BTreeMap::new();
        for (index, task) in tasks.iter().enumerate() {
            for (name, rate) in buckets(task.call.0, task.call.1) {
                queues.entry(name).or_insert_with(|| (rate, Vec::new())).1.push(index);
            }
        }
        let mut bound = path;
        for (rate, members) in queues.values() {
            for &from in members {
                for &to in members {
                    let set = members.iter().filter(|i| head[**i] >= head[from] && tail[**i] >= tail[to]).count();
                    let queue = (set as f64 - rate.capacity) / rate.refill;
                    if queue > 0.0 {
                        bound = bound.max(head[from] + queue + tail[to]);
                    }
                }
            }
        }
        bound
    }

    #[test]
    fn the_schedule_comes_within_five_percent_of_the_bound_on_1000_random_graphs() {
        let mut worst: f64 = 1.0;
        let (mut total, mut bounds) = (0.0, 0.0);
        for seed in 0..1000 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let (tasks, drawn) = random_graph(&mut random);
            let least = bound(&tasks, &drawn);
            let taken = graph(tasks).play(&drawn, &Pace::default(), Duration::ZERO).seconds;
            assert!(taken >= least - 1e-6, "seed {seed}: the bound is no bound: {taken} < {least}");
            worst = worst.max(taken / least);
            total += taken;
            bounds += least;
        }
        println!("worst {worst:.4}, all together {:.4}", total / bounds);
        assert!(total / bounds <= 1.05, "{}", total / bounds);
        assert!(worst <= 1.05, "the worst is {worst}");
    }
}
