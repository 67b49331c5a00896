//! Request rates: AWS's token buckets, kept on this side so that they are respected rather than hit.
//!
//! Runs that work side by side in an account and Region share its buckets: AWS's time is cut into turns, as long as a
//! token takes to come, which go round among them.
//!
//! A pure value: `now` is the time since the run began.

use std::collections::BTreeMap;
use std::time::Duration;

/// The rate of one bucket: how many calls at once, and how many a second after that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Calls that may be made at once.
    pub capacity: f64,
    /// Calls that come free each second.
    pub refill: f64,
}

/// How much longer one call may be on its way than another, in seconds: of two sent at AWS's own pace, the second may
/// arrive too early.
const JITTER: f64 = 0.6;

impl Rate {
    /// AWS's rate, kept short of by what may come too early.
    fn short_of(capacity: f64, refill: f64) -> Self {
        match capacity - refill * JITTER {
            room if room >= 1.0 => Self { capacity: room, refill },
            _ => Self { capacity: 1.0, refill: 1.0 / (1.0 / refill + JITTER) },
        }
    }
}

/// The buckets that an operation draws from, and their rates as they are kept here.
///
/// EC2: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>, a bucket per account, Region and
/// action. API Gateway: all calls together, some actions besides,
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>. Route 53, for the whole account, and its Resolver: all calls together,
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html>. Lambda: all but GetFunction and
/// GetPolicy together, <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>. Cognito:
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html>. IAM and STS publish no rates; SSM
/// about 3 writes and 40 reads a second.
pub fn buckets(service: &str, operation: &str) -> Vec<(String, Rate)> {
    let rate = Rate::short_of;
    let own = |rate| vec![(format!("{service}:{operation}"), rate)];
    let shared = |name: &str, rate| vec![(name.to_owned(), rate)];
    match service {
        "apigateway" => {
            let all = shared(service, rate(40.0, 10.0));
            let besides = match operation {
                "CreateRestApi" => own(rate(1.0, 1.0 / 3.0)),
                "DeleteRestApi" => own(rate(1.0, 1.0 / 30.0)),
                "CreateDeployment" => own(rate(1.0, 1.0 / 5.0)),
                "CreateResource" | "DeleteResource" => own(rate(5.0, 5.0)),
                "GetResources" => own(rate(5.0, 2.5)),
                _ => Vec::new(),
            };
            [all, besides].concat()
        }
        "ec2" => own(match operation {
            _ if operation.starts_with("Describe") => rate(50.0, 10.0),
            "CreateTags" | "DeleteTags" => rate(100.0, 10.0),
            "CreateVpcEndpoint" | "ModifyVpcEndpoint" | "DeleteVpcEndpoints" => rate(4.0, 0.3),
            "CreateNatGateway" | "DeleteNatGateway" => rate(10.0, 1.0),
            _ if operation.contains("NetworkInterface") => rate(100.0, 5.0),
            "RunInstances" => rate(5.0, 2.0),
            "TerminateInstances" => rate(100.0, 5.0),
            _ => rate(50.0, 5.0),
        }),
        // The least of its quotas, each of which several operations share.
        "cognito-idp" => own(rate(15.0, 15.0)),
        "route53" | "route53resolver" => shared(service, rate(5.0, 5.0)),
        "lambda" if operation == "GetFunction" => own(rate(100.0, 100.0)),
        "lambda" if operation == "GetPolicy" => own(rate(15.0, 15.0)),
        "lambda" => shared(service, rate(15.0, 15.0)),
        "ssm" if operation.starts_with("Get") => shared("ssm:reads", rate(40.0, 40.0)),
        // One of the three is left to those who begin, whom nobody knows of yet.
        "ssm" => shared("ssm:writes", rate(3.0, 2.0)),
        _ => Vec::new(),
    }
}

/// One run's share in the buckets of an account and Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Among how many runs.
    pub of: usize,
    /// Which of the turns is ours, from 0.
    pub mine: usize,
    /// AWS's time when the run began, since 1970.
    pub aws_began: Duration,
}

/// How much longer a turn is than a token takes to come: what one run sends late and the next early is made up for.
const TURN: f64 = 1.1;
/// For how much of a turn, and how many seconds at most, a call may begin.
const BEGINS_WITHIN: (f64, f64) = (0.25, 0.2);

/// The tokens of one bucket as far as we know them, and the last of the turns that was used.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    rate: Rate,
    tokens: f64,
    at: Duration,
    turn: u64,
}

impl Bucket {
    /// A full bucket.
    pub fn full(rate: Rate, now: Duration) -> Self {
        Self { rate, tokens: rate.capacity, at: now, turn: 0 }
    }

    fn refilled(&self, now: Duration) -> f64 {
        let since = now.saturating_sub(self.at).as_secs_f64();
        (self.tokens + since * self.rate.refill).min(self.rate.capacity)
    }

    /// How long from `now` until a token is free.
    pub fn wait(&self, now: Duration) -> Duration {
        let missing = 1.0 - self.refilled(now);
        if missing <= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(missing / self.rate.refill) }
    }

    /// Takes a token; the bucket may go into debt, which later callers wait out.
    pub fn take(&mut self, now: Duration) {
        self.tokens = self.refilled(now) - 1.0;
        self.at = now;
    }

    /// AWS said that the bucket is empty: somebody else drew from it.
    pub fn drained(&mut self, now: Duration) {
        self.tokens = self.refilled(now).min(0.0);
        self.at = now;
    }

    /// Our next turn, and how long from `now` until it comes.
    fn next_turn(&self, share: Share, now: Duration) -> (u64, Duration) {
        let seconds = TURN / self.rate.refill;
        let aws_now = share.aws_began.saturating_add(now).as_secs_f64();
        let late = (seconds * BEGINS_WITHIN.0).min(BEGINS_WITHIN.1);
        let first = ((aws_now - late) / seconds).ceil().max(0.0) as u64;
        let first = first.max(self.turn.saturating_add(1));
        let (of, mine) = (share.of as u64, share.mine as u64);
        let turn = first.saturating_add((mine + of - first % of) % of);
        (turn, Duration::from_secs_f64((turn as f64 * seconds - aws_now).max(0.0)))
    }
}

/// All buckets of a run.
#[derive(Debug, Default, Clone)]
pub struct Pace {
    buckets: BTreeMap<String, Bucket>,
    share: Option<Share>,
    /// Since when we have had the buckets alone again: others may have emptied them before.
    alone_since: Option<Duration>,
}

impl Pace {
    /// Books a call, which uses up a token or a turn of each of its buckets, and says how long to wait before making it.
    pub fn book(&mut self, service: &str, operation: &str, now: Duration) -> Duration {
        let wait = self.wait(service, operation, now);
        let share = self.share;
        self.draw(service, operation, now, |bucket| {
            bucket.take(now);
            if let Some(share) = share {
                bucket.turn = bucket.next_turn(share, now).0;
            }
        });
        wait
    }

    /// How long until a call of this kind could be made, without booking it: until all of its buckets have a token. Turns
    /// of two buckets may never come together, so among those who share that of the slowest is awaited; it uses up one
    /// of each of the others.
    pub fn wait(&self, service: &str, operation: &str, now: Duration) -> Duration {
        let known = |(name, rate)| self.buckets.get(&name).copied().unwrap_or_else(|| self.unknown(rate, now));
        let buckets = buckets(service, operation).into_iter().map(known);
        match self.share {
            None => buckets.map(|bucket| bucket.wait(now)).max().unwrap_or_default(),
            Some(share) => {
                let slowest = buckets.min_by(|one, two| one.rate.refill.total_cmp(&two.rate.refill));
                slowest.map_or(Duration::ZERO, |bucket| bucket.next_turn(share, now).1)
            }
        }
    }

    /// Notes that AWS throttled a call.
    pub fn throttled(&mut self, service: &str, operation: &str, now: Duration) {
        self.draw(service, operation, now, |bucket| bucket.drained(now));
    }

    /// Our share in the buckets, if we don't have them alone.
    pub fn share(&self) -> Option<Share> {
        self.share
    }

    /// Takes this share from now on.
    pub fn take_share(&mut self, share: Option<Share>, now: Duration) {
        if self.share.is_some() && share.is_none() {
            self.buckets.values_mut().for_each(|bucket| bucket.drained(now));
            self.alone_since = Some(now);
        }
        self.share = share;
    }

    fn draw(&mut self, service: &str, operation: &str, now: Duration, draw: impl Fn(&mut Bucket)) {
        for (name, rate) in buckets(service, operation) {
            let unknown = self.unknown(rate, now);
            draw(self.buckets.entry(name).or_insert(unknown));
        }
    }

    /// A bucket that we haven't drawn from yet.
    fn unknown(&self, rate: Rate, now: Duration) -> Bucket {
        match self.alone_since {
            Some(since) => Bucket { tokens: 0.0, ..Bucket::full(rate, since) },
            None => Bucket::full(rate, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_endpoint_waits_for_its_token() {
        let mut pace = Pace::default();
        let now = Duration::from_secs(9);
        let wait = |_| (pace.book("ec2", "CreateVpcEndpoint", now).as_secs_f64() * 10.0).round() / 10.0;
        assert_eq!((0..6).map(wait).collect::<Vec<_>>(), [0.0, 0.0, 0.0, 0.6, 3.9, 7.3]);
    }

    #[test]
    fn calls_that_aws_bills_apart_have_rates_of_their_own() {
        let rate = |operation| buckets("ec2", operation).pop().map(|(_, rate)| (rate.capacity, rate.refill));
        assert_eq!(rate("DeleteNatGateway"), Some((9.4, 1.0)));
        assert_eq!(rate("ModifyNetworkInterfaceAttribute"), Some((97.0, 5.0)));
        assert_eq!(rate("DescribeNetworkInterfaces"), Some((44.0, 10.0)));
    }

    #[test]
    fn all_calls_of_the_resolver_draw_from_one_bucket() {
        let mut pace = Pace::default();
        let now = Duration::from_secs(9);
        for _ in 0..2 {
            assert_eq!(pace.book("route53resolver", "ListTagsForResource", now), Duration::ZERO);
        }
        assert_eq!(pace.book("route53resolver", "CreateResolverEndpoint", now), Duration::from_millis(200));
    }

    #[test]
    fn a_call_of_api_gateway_waits_for_its_own_bucket_and_for_that_of_all() {
        let mut pace = Pace::default();
        let now = Duration::from_secs(9);
        assert_eq!(pace.book("apigateway", "CreateRestApi", now), Duration::ZERO);
        assert_eq!(pace.wait("apigateway", "CreateRestApi", now), Duration::from_millis(3600));
        for _ in 1..34 {
            assert_eq!(pace.book("apigateway", "PutMethod", now), Duration::ZERO);
        }
        assert_eq!(pace.wait("apigateway", "GetStage", now), Duration::from_millis(100));
    }

    #[test]
    fn turns_go_round_among_those_who_share() {
        let aws_began = Duration::from_secs(1_800_000_000);
        let share = |mine| Share { of: 3, mine, aws_began };
        let mut begins: Vec<(f64, usize)> = Vec::new();
        for mine in 0..3 {
            let mut pace = Pace::default();
            pace.take_share(Some(share(mine)), Duration::ZERO);
            let now = Duration::from_secs(9);
            begins.extend((0..4).map(|_| (pace.book("ec2", "CreateVpcEndpoint", now).as_secs_f64(), mine)));
        }
        begins.sort_by(|one, two| one.0.total_cmp(&two.0));
        let whose: Vec<usize> = begins.iter().map(|(_, mine)| *mine).collect();
        assert!(whose.windows(3).all(|three| three[0] != three[1] && three[1] != three[2] && three[0] != three[2]));
        let gaps = begins.windows(2).map(|two| two[1].0 - two[0].0);
        gaps.for_each(|gap| assert!((gap - 1.1 / 0.3).abs() < 1e-3, "{gap}"));
    }

    #[test]
    fn a_turn_that_has_just_begun_can_be_used_once() {
        let mut pace = Pace::default();
        pace.take_share(Some(Share { of: 2, mine: 0, aws_began: Duration::ZERO }), Duration::ZERO);
        let now = Duration::from_millis(22_000 / 3 + 50);
        assert_eq!(pace.wait("ec2", "CreateVpcEndpoint", now), Duration::ZERO);
        assert_eq!(pace.book("ec2", "CreateVpcEndpoint", now), Duration::ZERO);
        assert!(pace.book("ec2", "CreateVpcEndpoint", now) > Duration::from_secs(7));
    }

    #[test]
    fn a_call_that_draws_from_two_buckets_gets_its_turn() {
        for mine in 0..20 {
            let mut pace = Pace::default();
            pace.take_share(
                Some(Share { of: 20, mine, aws_began: Duration::from_secs(1_800_000_000) }),
                Duration::ZERO,
            );
            let mut now = Duration::from_secs(9);
            for operation in ["CreateRestApi", "CreateResource", "CreateDeployment"] {
                let wait = pace.wait("apigateway", operation, now);
                now += wait + Duration::from_micros(1);
                assert_eq!(pace.book("apigateway", operation, now), Duration::ZERO, "{operation} of {mine}");
            }
        }
    }

    #[test]
    fn who_is_alone_again_takes_no_bucket_for_full() {
        let mut pace = Pace::default();
        pace.take_share(Some(Share { of: 2, mine: 0, aws_began: Duration::ZERO }), Duration::ZERO);
        pace.take_share(None, Duration::from_secs(60));
        assert_eq!(pace.wait("ec2", "CreateVpc", Duration::from_secs(60)), Duration::from_millis(200));
        assert_eq!(pace.wait("ec2", "CreateVpc", Duration::from_secs(61)), Duration::ZERO);
    }

    #[test]
    fn a_throttle_answer_empties_the_bucket() {
        let mut pace = Pace::default();
        let now = Duration::from_secs(9);
        pace.throttled("ec2", "CreateVpc", now);
        assert!(pace.wait("ec2", "CreateVpc", now) > Duration::ZERO);
        assert_eq!(pace.wait("ec2", "CreateSubnet", now), Duration::ZERO);
    }
}
