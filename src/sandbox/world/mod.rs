//! The state of the simulated accounts: a pure, deterministic function of (world, now, call).
//!
//! No clock and no randomness of its own: the moment is handed in, and ids and drawn durations come from
//! [`Dice`] that are part of the state, so that replaying the same calls makes the same world.

mod apigateway;
pub mod authorization;
mod cognito_idp;
pub mod durations;
mod dynamodb;
mod ec2;
mod elasticfilesystem;
mod iam;
mod lambda;
mod logs;
pub mod lookup;
pub mod request;
mod route53;
mod route53resolver;
mod sagemaker;
mod ssm;
mod sts;
#[cfg(test)]
mod testing;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rsa::rand_core::{self, CryptoRng, RngCore};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Answer, ApiError, Call};
use super::wire::DEFAULT_REGION;
use apigateway::ApiGateway;
use cognito_idp::CognitoIdp;
pub use durations::Durations;
use dynamodb::Dynamodb;
use ec2::{Ec2, is_region};
use elasticfilesystem::ElasticFileSystem;
use iam::{Iam, ServiceLinkedRole};
use lambda::Lambda;
use logs::Logs;
use route53::Route53;
use route53resolver::Route53Resolver;
use sagemaker::SageMaker;
use ssm::Ssm;

/// When a call happens, and how long things take.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The world's time; never earlier than that of the call before.
    pub now: Timestamp,
    /// How long asynchronous work takes that begins now.
    pub durations: Durations,
    /// How many times AWS's own the account's quotas are.
    pub quotas: u32,
}

impl Moment {
    /// A moment of which nothing but the time is special.
    pub fn at(now: Timestamp) -> Self {
        Self { now, durations: Durations::Typical, quotas: 1 }
    }
}

/// Every account of the simulated AWS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct World {
    seed: u64,
    dice: Dice,
    accounts: BTreeMap<String, Account>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Account {
    iam: Iam,
    #[serde(default)]
    route53: Route53,
    regions: BTreeMap<String, Region>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Region {
    ec2: Ec2,
    route53resolver: Route53Resolver,
    ssm: Ssm,
    #[serde(default)]
    elasticfilesystem: ElasticFileSystem,
    #[serde(default)]
    sagemaker: SageMaker,
    #[serde(default)]
    lambda: Lambda,
    #[serde(default)]
    logs: Logs,
    #[serde(default)]
    dynamodb: Dynamodb,
    #[serde(default)]
    cognito_idp: CognitoIdp,
    #[serde(default)]
    apigateway: ApiGateway,
}

/// What stands of one of a Region's services.
type StandingOf = fn(&Region) -> Value;

impl Region {
    /// A Region as AWS hands it over. Its ids come from the names alone: it is the same whenever it is first touched.
    fn fresh(seed: u64, account: &str, region: &str) -> Self {
        let mut dice = Dice::labelled(seed, &[account, region]);
        Self {
            ec2: Ec2::fresh(region, &mut dice),
            route53resolver: Route53Resolver::default(),
            ssm: Ssm::default(),
            elasticfilesystem: ElasticFileSystem::default(),
            sagemaker: SageMaker::default(),
            lambda: Lambda::default(),
            logs: Logs::default(),
            dynamodb: Dynamodb::default(),
            cognito_idp: CognitoIdp::default(),
            apigateway: ApiGateway::default(),
        }
    }

    /// Lets happen what is due by now; one service's things may be in another's.
    fn settle(&mut self, now: Timestamp) {
        self.ec2.settle(now);
        self.route53resolver.settle(&mut self.ec2, now);
        self.elasticfilesystem.settle(&mut self.ec2, now);
        self.sagemaker.settle(&mut self.ec2, &mut self.elasticfilesystem, now);
        self.lambda.settle(&mut self.ec2, now);
        self.logs.settle(now);
        self.dynamodb.settle(now);
        self.cognito_idp.settle(now);
        self.apigateway.settle(now);
    }

    /// What stands in each of the other services.
    const STANDING: [(&'static str, StandingOf); 7] = [
        ("apigateway", |region| region.apigateway.standing()),
        ("cognito-idp", |region| region.cognito_idp.standing()),
        ("dynamodb", |region| region.dynamodb.standing()),
        ("elasticfilesystem", |region| region.elasticfilesystem.standing()),
        ("lambda", |region| region.lambda.standing()),
        ("logs", |region| region.logs.standing()),
        ("sagemaker", |region| region.sagemaker.standing()),
    ];

    /// Answers a call of one of the Region's services. A service that reaches into another is handed its state.
    fn handle(&mut self, context: &mut Context<'_>, call: &Call) -> Answer {
        match call.service.as_str() {
            "ec2" => apply(&mut self.ec2, call, |ec2| ec2.handle(context, call)),
            "ssm" => apply(&mut self.ssm, call, |ssm| ssm.handle(context, call)),
            "logs" => apply(&mut self.logs, call, |logs| logs.handle(context, call)),
            "dynamodb" => apply(&mut self.dynamodb, call, |dynamodb| dynamodb.handle(context, call)),
            "cognito-idp" => apply(&mut self.cognito_idp, call, |pools| pools.handle(context, call)),
            "apigateway" => {
                let Self { ec2, apigateway, .. } = self;
                apply(apigateway, call, |apis| apis.handle(context, ec2, call))
            }
            "route53resolver" => {
                apply(self, call, |region| region.route53resolver.handle(context, &mut region.ec2, call))
            }
            "lambda" => apply(self, call, |region| region.lambda.handle(context, &mut region.ec2, call)),
            "elasticfilesystem" => {
                apply(self, call, |region| region.elasticfilesystem.handle(context, &mut region.ec2, call))
            }
            "sagemaker" => apply(self, call, |region| {
                let Self { ec2, elasticfilesystem, sagemaker, .. } = region;
                sagemaker.handle(context, ec2, elasticfilesystem, call)
            }),
            _ => Err(not_implemented(call, "the service")),
        }
    }
}

impl World {
    /// A world in which nothing was done yet.
    pub fn new(seed: u64) -> Self {
        Self { seed, dice: Dice::new(seed), accounts: BTreeMap::new() }
    }

    /// Applies the call. A refused call changes nothing.
    ///
    /// # Errors
    /// The refusal that AWS would answer; `NotImplemented` for what this world does not model.
    pub fn handle(&mut self, moment: &Moment, call: &Call) -> Answer {
        let call = &*self.addressed(call);
        let mut dice = self.dice.clone();
        let mut context = Context {
            now: moment.now,
            durations: moment.durations,
            quotas: moment.quotas,
            dice: &mut dice,
            account: &call.account,
            access_key: &call.access_key,
            region: &call.region,
            iam: None,
            hosted_zones: None,
            service_linked_role: None,
        };
        let account = self.accounts.entry(call.account.clone()).or_default();
        let Account { iam, route53, regions } = account;
        let answer = match call.service.as_str() {
            "iam" => {
                let answer = apply(iam, call, |iam| iam.handle(&mut context, call));
                if ["CreateRole", "DeleteRole"].contains(&call.operation.as_str()) && answer.is_ok() {
                    for region in regions.values_mut() {
                        region.settle(context.now);
                        region.lambda.follow_roles(iam);
                    }
                }
                answer
            }
            "sts" => {
                context.iam = Some(iam);
                sts::handle(&mut context, call)
            }
            "route53" => {
                let vpcs = all_vpcs(moment, &call.account, regions);
                apply(route53, call, |zones| zones.handle(&mut context, &vpcs, call))
            }
            _ => {
                if !is_region(&call.region) {
                    let message = format!("Credential should be scoped to a valid Region, not '{}'.", call.region);
                    return Err(ApiError::new("AuthFailure", message).with_status(401));
                }
                let fresh = || Region::fresh(self.seed, &call.account, &call.region);
                let region = regions.entry(call.region.clone()).or_insert_with(fresh);
                region.settle(context.now);
                context.iam = Some(iam);
                context.hosted_zones = Some(route53);
                let answer = region.handle(&mut context, call);
                if let (Ok(_), Some(role)) = (&answer, context.service_linked_role) {
                    iam.add_service_linked_role(moment.now, &mut dice, partition(&call.region), role);
                }
                answer
            }
        };
        if answer.is_ok() && !call.is_read() {
            self.dice = dice;
        }
        answer
    }

    /// The call as its account and Region get it. A sign-in is nobody's and names nothing but an app client: it goes
    /// to where that is, in the Region that was asked if it is there.
    fn addressed<'a>(&self, call: &'a Call) -> Cow<'a, Call> {
        let client_id = call.input["ClientId"].as_str().filter(|_| call.access_key.is_empty());
        let Some(client_id) = client_id.filter(|_| call.service == "cognito-idp") else { return Cow::Borrowed(call) };
        let regions =
            self.accounts.iter().flat_map(|(id, account)| account.regions.iter().map(move |region| (id, region)));
        let holders = regions.filter(|(_, (_, region))| region.cognito_idp.has_client(client_id));
        // A request to the sandbox's own port names no Region: the default stands for every one.
        let may_be_asked = |region: &str| region == call.region || call.region == DEFAULT_REGION;
        let holders = holders.filter(|(_, (region, _))| may_be_asked(region));
        match holders.min_by_key(|(_, (region, _))| **region != call.region) {
            Some((account, (region, _))) => {
                Cow::Owned(Call { account: account.clone(), region: region.clone(), ..call.clone() })
            }
            None => Cow::Borrowed(call),
        }
    }

    /// Everything that stands, without clock, event history, id counters, tokens and AWS's own tombstones.
    ///
    /// Two worlds with equal `standing` hold the same things; a Region that was looked at equals one that was not.
    pub fn standing(&self, now: Timestamp) -> Value {
        let mut accounts = serde_json::Map::new();
        for (id, account) in &self.accounts {
            let mut parts = serde_json::Map::new();
            let mut keep = |name: String, part: Value, untouched: Value| {
                if part != untouched {
                    parts.insert(name, part);
                }
            };
            keep("iam".into(), account.iam.standing(now), Iam::default().standing(now));
            keep("route53".into(), account.route53.standing(), Route53::default().standing());
            for (name, region) in &account.regions {
                let fresh = Region::fresh(self.seed, id, name);
                let mut region = region.clone();
                region.settle(now);
                keep(format!("{name}/ec2"), region.ec2.standing(), fresh.ec2.standing());
                let resolver = |region: &Region| region.route53resolver.standing();
                keep(format!("{name}/route53resolver"), resolver(&region), resolver(&fresh));
                keep(format!("{name}/ssm"), region.ssm.standing(now), fresh.ssm.standing(now));
                for (service, of) in Region::STANDING {
                    keep(format!("{name}/{service}"), of(&region), of(&fresh));
                }
            }
            if !parts.is_empty() {
                accounts.insert(id.clone(), Value::Object(parts));
            }
        }
        json!(accounts)
    }
}

/// An account's VPCs as they are now.
fn all_vpcs(moment: &Moment, account: &str, regions: &mut BTreeMap<String, Region>) -> Vec<route53::Vpc> {
    let mut vpcs = Vec::new();
    for (name, region) in regions {
        region.settle(moment.now);
        let context = Context {
            now: moment.now,
            durations: moment.durations,
            quotas: moment.quotas,
            dice: &mut Dice::new(0),
            account,
            access_key: "",
            region: name,
            iam: None,
            hosted_zones: None,
            service_linked_role: None,
        };
        let domains = region.ec2.private_domains(&context).into_iter();
        vpcs.extend(domains.map(|(id, private_domains)| route53::Vpc { region: name.clone(), id, private_domains }));
    }
    vpcs
}

/// Runs a call on a service's state and takes the change back if it is refused.
fn apply<S: Clone>(state: &mut S, call: &Call, run: impl FnOnce(&mut S) -> Answer) -> Answer {
    if call.is_read() {
        return run(state);
    }
    let mut next = state.clone();
    let answer = run(&mut next);
    if answer.is_ok() {
        *state = next;
    }
    answer
}

/// The refusal of something that AWS has and this world lacks; `what` names it.
pub(crate) fn not_implemented(call: &Call, what: &str) -> ApiError {
    let message = format!("the sandbox does not model {what} ({} {})", call.service, call.operation);
    ApiError::new("NotImplemented", message).with_status(501)
}

/// The members of a call's input. What asks for nothing may be there; any other member that we lack is refused by
/// name, never ignored.
pub(crate) fn read<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    T::deserialize(&call.input).or_else(|_| {
        let mut input = call.input.clone();
        if let Some(members) = input.as_object_mut() {
            members.retain(|_, value| *value != json!(false) && *value != json!([]) && !value.is_null());
        }
        serde_json::from_value(input).map_err(|error| {
            let (service, operation) = (&call.service, &call.operation);
            let message = format!("the sandbox does not model this request ({service} {operation}): {error}");
            ApiError::new("NotImplemented", message).with_status(501)
        })
    })
}

/// What a service's handler may use beside its own state.
pub struct Context<'a> {
    /// The world's time.
    pub now: Timestamp,
    /// How long asynchronous work takes.
    pub durations: Durations,
    /// How many times AWS's own the account's quotas are: see [`Context::quota`].
    pub quotas: u32,
    /// The source of ids.
    pub dice: &'a mut Dice,
    /// The caller's account: twelve digits.
    pub account: &'a str,
    /// The access key of who calls; see [`sts::caller_arn`].
    pub access_key: &'a str,
    /// The Region the call is for.
    pub region: &'a str,
    /// The account's roles and instance profiles, for the services that look there.
    pub iam: Option<&'a Iam>,
    /// The account's hosted zones, for the services that look there.
    pub hosted_zones: Option<&'a Route53>,
    /// The role that the called service makes for itself, unless the account has it, if the call succeeds.
    pub service_linked_role: Option<&'static ServiceLinkedRole>,
}

impl Context<'_> {
    /// What the account may have of something of which AWS gives `own` at first, and more when asked.
    pub fn quota(&self, own: usize) -> usize {
        own.saturating_mul(self.quotas as usize)
    }

    /// The partition the Region belongs to: `aws`, `aws-cn`, `aws-us-gov`.
    pub fn partition(&self) -> &'static str {
        partition(self.region)
    }

    /// The domain of the partition's endpoints: `amazonaws.com`, `amazonaws.com.cn`.
    pub fn dns_suffix(&self) -> &'static str {
        if self.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
    }

    /// The ARN of a regional resource of this account: `arn("ec2", "vpc/vpc-1")`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition(), self.region, self.account)
    }

    /// The ARN of a resource that belongs to no Region: `global_arn("iam", "role/x")`.
    pub fn global_arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}::{}:{resource}", self.partition(), self.account)
    }

    /// When something will be done that begins now and typically takes `seconds`.
    pub fn due(&mut self, seconds: f64) -> Timestamp {
        later(self.now, self.durations.pick(seconds, self.dice))
    }
}

/// The partition of a Region, by its name.
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// `time` plus `duration`, or the end of time.
pub(crate) fn later(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// A deterministic source of ids and draws: SplitMix64 over a seed and a counter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dice {
    seed: u64,
    throws: u64,
}

impl Dice {
    /// Dice that were never thrown.
    pub fn new(seed: u64) -> Self {
        Self { seed, throws: 0 }
    }

    /// Dice of their own for a named part of the world.
    pub fn labelled(seed: u64, labels: &[&str]) -> Self {
        let bytes = labels.iter().flat_map(|label| label.bytes().chain([0]));
        Self::new(bytes.fold(mix(seed), |hash, byte| mix(hash ^ u64::from(byte))))
    }

    /// The next 64 bits.
    pub fn throw(&mut self) -> u64 {
        self.throws += 1;
        mix(self.seed.wrapping_add(self.throws.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A number from 0 up to but without `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.throw().checked_rem(bound).unwrap_or(0)
    }

    /// A number from 0 up to but without 1.
    pub fn unit(&mut self) -> f64 {
        (self.throw() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An id as EC2 makes them: `prefix`, a hyphen, 17 hexadecimal digits of which the first is 0.
    pub fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.throw())
    }

    /// `length` characters of `alphabet`, which must be ASCII.
    pub fn string(&mut self, alphabet: &[u8], length: usize) -> String {
        let pick = |_| alphabet.get(self.below(alphabet.len() as u64) as usize).map_or('0', |&byte| char::from(byte));
        (0..length).map(pick).collect()
    }

    /// `digits` lower-case hexadecimal digits.
    pub fn hex(&mut self, digits: usize) -> String {
        self.string(b"0123456789abcdef", digits)
    }

    /// A unique id as IAM makes them: a prefix such as `AROA` and 17 characters.
    pub fn iam_id(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", self.string(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 17))
    }

    /// A random (version 4) UUID.
    pub fn uuid(&mut self) -> String {
        let high = self.throw() & !0xf000 | 0x4000;
        let low = self.throw() & !(0b11 << 62) | (0b10 << 62);
        let digits = format!("{high:016x}{low:016x}");
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    }
}

/// Keys and paddings come from the dice too: the sandbox has no secrets, and the same calls make the same world.
impl RngCore for Dice {
    fn next_u32(&mut self) -> u32 {
        (self.throw() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.throw()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.throw() as u8);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Dice {}

/// The output function of SplitMix64.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment() -> Moment {
        Moment { durations: Durations::Drawn, ..Moment::at("2026-01-01T00:00:00Z".parse().unwrap()) }
    }

    fn call(account: &str, region: &str, operation: &str, input: Value) -> Call {
        Call {
            service: "ec2".into(),
            operation: operation.into(),
            account: account.into(),
            region: region.into(),
            access_key: "AKIDEXAMPLE".into(),
            input,
        }
    }

    fn create_vpc(account: &str, region: &str) -> Call {
        call(account, region, "CreateVpc", json!({"CidrBlock": "10.0.0.0/16"}))
    }

    fn vpcs(world: &mut World, account: &str, region: &str) -> usize {
        let answer = world.handle(&moment(), &call(account, region, "DescribeVpcs", json!({}))).unwrap();
        answer["Vpcs"].as_array().unwrap().len()
    }

    #[test]
    fn the_same_calls_make_the_same_world_and_reads_leave_no_trace() {
        let run = |reads: bool| {
            let mut world = World::new(3);
            let mut answers = Vec::new();
            for _ in 0..3 {
                if reads {
                    vpcs(&mut world, "111122223333", "us-east-1");
                    vpcs(&mut world, "111122223333", "eu-west-1");
                }
                answers.push(world.handle(&moment(), &create_vpc("111122223333", "us-east-1")));
            }
            (answers, world.standing(moment().now))
        };
        assert_eq!(run(true), run(false));
    }

    #[test]
    fn another_seed_makes_other_ids() {
        let id = |seed| World::new(seed).handle(&moment(), &create_vpc("111122223333", "us-east-1")).unwrap();
        assert_ne!(id(1)["Vpc"]["VpcId"], id(2)["Vpc"]["VpcId"]);
    }

    #[test]
    fn looking_at_a_region_is_no_difference() {
        let mut world = World::new(3);
        vpcs(&mut world, "111122223333", "us-east-1");
        assert_eq!(world.standing(moment().now), World::new(3).standing(moment().now));
    }

    #[test]
    fn accounts_and_regions_are_apart() {
        let mut world = World::new(3);
        world.handle(&moment(), &create_vpc("111122223333", "us-east-1")).unwrap();
        assert_eq!(vpcs(&mut world, "111122223333", "us-east-1"), 2);
        assert_eq!(vpcs(&mut world, "111122223333", "us-west-2"), 1);
        assert_eq!(vpcs(&mut world, "444455556666", "us-east-1"), 1);
    }

    #[test]
    fn a_refused_call_throws_no_dice() {
        let mut world = World::new(3);
        let before = world.dice.clone();
        let mut dry = create_vpc("111122223333", "us-east-1");
        dry.input["DryRun"] = json!(true);
        world.handle(&moment(), &dry).unwrap_err();
        assert_eq!(world.dice, before);
    }

    #[test]
    fn a_world_survives_being_written_down() {
        let mut world = World::new(3);
        let made = world.handle(&moment(), &create_vpc("111122223333", "us-east-1")).unwrap();
        let peer = call(
            "111122223333",
            "us-east-1",
            "DescribeVpcs",
            json!({"Filters": [{"Name": "is-default", "Values": ["true"]}]}),
        );
        let peer = world.handle(&moment(), &peer).unwrap()["Vpcs"][0]["VpcId"].clone();
        let input = json!({"VpcId": made["Vpc"]["VpcId"], "PeerVpcId": peer});
        world.handle(&moment(), &call("111122223333", "us-east-1", "CreateVpcPeeringConnection", input)).unwrap();
        let text = serde_json::to_string(&world).unwrap();
        assert_eq!(serde_json::from_str::<World>(&text).unwrap(), world);
    }

    #[test]
    fn an_unknown_service_is_named() {
        let mut unknown = create_vpc("111122223333", "us-east-1");
        unknown.service = "s3".into();
        let refusal = World::new(3).handle(&moment(), &unknown).unwrap_err();
        assert_eq!((refusal.code.as_str(), refusal.status), ("NotImplemented", 501));
    }

    #[test]
    fn ids_look_like_those_of_aws() {
        let mut dice = Dice::new(3);
        let id = dice.id("vpc");
        assert!(id.starts_with("vpc-0") && id.len() == 21, "{id}");
        assert_eq!(dice.iam_id("AROA").len(), 21);
        assert_eq!(dice.uuid().len(), 36);
        assert_eq!(dice.below(0), 0);
    }
}
