//! The runs: `up` and `down`, from the first look to the last.

use std::collections::BTreeMap;

use super::apply::{Applied, SETTLE, apply};
use super::changes::Changes;
use super::defect::Defect;
use super::difference::FieldDifference;
use super::event::{Event, Outcome};
use super::holdings::Holdings;
use super::lock::{self, Held, LockError, under};
use super::pin::{check_zones, chosen_images, facts, pin, renew_images};
use super::portal;
use super::record::{self, Kept, Record};
use super::session::{FAREWELL, Report, Session};
use crate::aws::{Aws, Class, Failure, Place};
use crate::blueprint::{Blueprint, draw};
use crate::cost::hourly_usd;
use crate::plan::Plan;
use crate::resource::{Address, Kind, Observed};
use crate::survey::{Survey, survey};

/// How often what is left is tried again before it is reported.
const ROUNDS: usize = 4;

/// Why a run could not begin.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunError {
    /// Somebody has the lock.
    #[error(transparent)]
    Lock(#[from] lock::LockError),
    /// The record can't be used.
    #[error(transparent)]
    Record(#[from] record::RecordError),
    /// A call that everything depends on failed.
    #[error(transparent)]
    Call(#[from] Failure),
    /// There is no plan: none was given and the account holds no record of the lab.
    #[error("there is no lab `{0}` here, and no plan was given")]
    NoPlan(String),
    /// The plan says that the lab is protected.
    #[error("the plan of `{0}` says protect = true")]
    Protected(String),
    /// The plan may not be applied here.
    #[error("{0}")]
    NotHere(String),
    /// The Region has too few zones with all that the plan asks for; what each of the others lacks.
    #[error("{}", too_few_zones(.0, *.1, .2))]
    Zones(String, usize, Vec<String>),
    /// A zone that the plan or the record names lacks something that the plan asks for.
    #[error("the lab's Availability Zone {0} doesn't offer {1}")]
    NotInZone(String, String),
    /// There is no zone of this id.
    #[error("there is no Availability Zone {0} in {1}")]
    NoZone(String, String),
    /// The Region lacks a service.
    #[error("{1} has no VPC endpoints for {0}: take it out of the plan, or choose another Region")]
    NoService(String, String),
    /// What users made would be lost: what.
    #[error("this would delete what users made, for good: {}", .0.join(", "))]
    UserData(Vec<String>),
}

fn too_few_zones(region: &str, count: usize, lacks: &[String]) -> String {
    let zones = if count == 1 { "Zone that offers" } else { "Zones that offer" };
    let lacks = if lacks.is_empty() { String::new() } else { format!(": {}", lacks.join(", ")) };
    format!("{region} has {count} Availability {zones} everything the plan asks for; a lab needs two{lacks}")
}

/// Builds or repairs a lab: from `plan`, or else from its record.
///
/// # Errors
/// It could not begin. What fails once it has begun is in the report.
pub async fn up(session: &Session<'_>, plan: Option<&Plan>) -> Result<Report, RunError> {
    run(session, "up", async {
        let mut lock = under::take(session, "up").await?;
        // Whoever worked here before may have stopped half-way, a moment ago.
        let settled = lock.as_ref().is_some_and(Held::settled);
        let report = under::work(session, lock.as_mut(), Box::pin(build(session, plan, settled))).await;
        under::give_back(session, lock, is_done(&report)).await;
        report
    })
    .await
}

/// Removes a lab.
///
/// # Errors
/// It could not begin. What fails once it has begun is in the report.
pub async fn down(session: &Session<'_>) -> Result<Report, RunError> {
    run(session, "down", async {
        let kept = record::read(&session.aws, &session.lab.name).await?;
        // A record that can't be read doesn't hold `down` back: it needs none.
        if kept.record().ok().flatten().is_some_and(|record| record.plan.protect) {
            return Err(RunError::Protected(session.lab.name.clone()));
        }
        let mut lock = under::take(session, "down").await?;
        let mut settled = lock.as_ref().is_some_and(Held::settled);
        loop {
            let report = under::work(session, lock.as_mut(), Box::pin(clear(session, settled))).await;
            if !is_done(&report) {
                under::give_back(session, lock, false).await;
                return report;
            }
            let kept = forget(&session.aws, &session.lab.name).await?;
            if lock.is_some() || nothing_came(session).await {
                return report;
            }
            session.note(
                "something may have come while the lab's record went: the record is put back, and the work begins anew",
            );
            record::put_back(&session.aws, &session.lab.name, &kept).await?;
            settled = true;
        }
    })
    .await
}

/// Whether nothing stands of a lab whose record is gone. An `up` beside us, kept off by no lock, may have made something
/// since our last look, and looked after its record before we removed it.
async fn nothing_came(session: &Session<'_>) -> bool {
    session.pause(SETTLE).await;
    standing(session, &Blueprint::empty(session.lab.clone())).await == Some(0)
}

async fn run(
    session: &Session<'_>,
    verb: &str,
    work: impl Future<Output = Result<Report, RunError>>,
) -> Result<Report, RunError> {
    let began = session.aws.clock.elapsed();
    let real = std::time::Instant::now();
    session.emit(Event::Started { verb: verb.to_owned(), lab: session.lab.name.clone() });
    // Boxed, as what is done in it: each layer would hold the futures of all below it.
    let work = Box::pin(work);
    let farewell = async {
        session.left().await;
        tokio::time::sleep(FAREWELL).await;
    };
    let report = tokio::select! {
        biased;
        report = work => report,
        () = farewell => Ok(Report::interrupted()),
    };
    let report = match report {
        // Who is told to stop while waiting for the lock has begun nothing.
        Err(RunError::Lock(LockError::Held(_))) if session.stopped() => Ok(Report::interrupted()),
        report => report,
    };
    let (outcome, resources) =
        report.as_ref().map_or((Outcome::Failed, None), |report| (report.outcome, report.resources));
    session.emit(Event::Finished {
        outcome,
        resources,
        seconds: round(if session.timed { real.elapsed() } else { std::time::Duration::ZERO }),
        aws_seconds: round(session.aws.clock.elapsed().saturating_sub(began)),
        calls: session.aws.calls(),
        causes: report.as_ref().map_or_else(|error| vec![error.to_string()], |report| report.causes.clone()),
        addresses: report.as_ref().map_or_else(|_| BTreeMap::new(), |report| report.addresses.clone()),
        hourly_cost_usd: report.as_ref().ok().and_then(|report| report.hourly_cost_usd),
    });
    report
}

fn round(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

fn is_done(report: &Result<Report, RunError>) -> bool {
    report.as_ref().is_ok_and(|report| report.outcome == Outcome::Done)
}

/// Looks, decides and acts, until nothing is left to do.
async fn build(session: &Session<'_>, plan: Option<&Plan>, settled: bool) -> Result<Report, RunError> {
    let (aws, lab) = (&session.aws, &session.lab.name);
    let kept = record::read(aws, lab).await?;
    let recorded = kept.record()?;
    let given = plan.or(recorded.as_ref().map(|record| &record.plan)).ok_or_else(|| RunError::NoPlan(lab.clone()))?;
    check_place(&session.place, given)?;
    if let (Some(given), Some(record)) = (plan, &recorded) {
        for FieldDifference { field, expected, actual } in record.differences(given) {
            session.note(format!("the plan given says {field} = {expected}, the lab's record {actual}"));
        }
    }
    let pinned = pin(aws, given, recorded.as_ref().map(|record| &record.plan)).await?;
    if given.zones.is_some() || recorded.is_some() {
        check_zones(aws, &pinned).await?;
    }
    let mut blueprint = drawn(session, &pinned)?;
    let mut record = Record {
        lab_id: recorded.as_ref().map_or_else(|| session.random_id(), |record| record.lab_id.clone()),
        created_by: recorded.as_ref().map_or_else(|| session.place.caller.clone(), |record| record.created_by.clone()),
        created_at: recorded.as_ref().map_or_else(|| aws.clock.now(), |record| record.created_at),
        written_by: env!("CARGO_PKG_VERSION").to_owned(),
        chosen_images: chosen_images(plan, &pinned, recorded.as_ref()),
        plan: pinned,
    };
    if session.stopped() {
        return Ok(Report::interrupted());
    }
    record::write(aws, &record, &kept).await?;

    let mut trust = match (settled, recorded.is_none()) {
        (false, _) => Trust::SecondLook,
        (true, true) => Trust::FirstLook,
        (true, false) => Trust::FirstLookIfClean,
    };
    for round in 1..=ROUNDS {
        let Some(survey) = confirmed(session, &blueprint, trust).await else { return Ok(Report::interrupted()) };
        trust = Trust::FirstLookIfClean;
        if let Some(report) = unidentified(&survey) {
            return Ok(report);
        }
        let holdings = sorted(session, &blueprint, &survey);
        if let Some(report) = unproven(session, &survey, &holdings) {
            return Ok(report);
        }
        let changes = decided(session, &blueprint, &survey, &holdings);
        let unreadable = unreadable(&survey);
        if changes.is_empty() {
            let outcome = if unreadable.is_empty() { Outcome::Done } else { Outcome::Failed };
            let report = Report::new(outcome, unreadable, counted(&survey, holdings.held.len()));
            let cost = holdings.held.values().map(|held| hourly_usd(&held.observed.spec)).sum();
            return Ok(Report {
                addresses: addresses(&holdings),
                hourly_cost_usd: Some(cost),
                portal_user: portal::user(&holdings),
                ..report
            });
        }
        if session.stopped() {
            return Ok(Report::new(Outcome::Interrupted, unreadable, counted(&survey, holdings.ours().count())));
        }
        check_user_data(session, &changes, &survey)?;
        let last = round == ROUNDS;
        if recorded.is_some()
            && !last
            && let Some(renewed) = renew_images(aws, &record, &changes).await?
        {
            session.note("AWS offers the image of a host no more: it starts from a newer one");
            keep_record(aws, &renewed).await?;
            record = renewed;
            blueprint = drawn(session, &record.plan)?;
            continue;
        }
        let applied = if last { Applied::default() } else { apply(session, &changes, &holdings).await };
        if let Some((address, failure)) = &applied.unidentified {
            return Ok(Report::unidentified(address.as_str(), failure));
        }
        // A `down` beside us, kept off by no lock, may have taken the record with it: what stands is never without one.
        if let Err(failure) = keep_record(aws, &record).await {
            session.note(format!("the lab's record could not be looked after: {failure}"));
        }
        let mut causes = causes(&applied);
        if last {
            causes.extend(changes.steps.iter().map(|step| format!("{} still differs", step.address)));
        }
        if !causes.is_empty() || applied.interrupted {
            causes.extend(unreadable);
            let outcome = if applied.interrupted { Outcome::Interrupted } else { Outcome::Failed };
            return Ok(Report::new(outcome, causes, standing(session, &blueprint).await));
        }
    }
    unreachable!("the last round returns")
}

/// Refuses to delete what users made, unless that is wanted.
fn check_user_data(session: &Session<'_>, changes: &Changes, survey: &Survey) -> Result<(), RunError> {
    let lost = changes.lost_user_data(survey);
    if session.options.delete_user_data || lost.is_empty() { Ok(()) } else { Err(RunError::UserData(lost)) }
}

fn drawn(session: &Session<'_>, pinned: &Plan) -> Result<Blueprint, RunError> {
    let Place { region, account, .. } = &session.place;
    let facts = facts(pinned, region, account).ok_or_else(|| RunError::Zones(region.clone(), 0, Vec::new()))?;
    Ok(draw(pinned, &facts))
}

/// Every network address that a person needs of what stands, by the address within the lab.
fn addresses(holdings: &Holdings<'_>) -> BTreeMap<Address, Vec<String>> {
    let held = holdings.held.iter();
    held.map(|(address, held)| (address.clone(), held.observed.addresses()))
        .filter(|(_, addresses)| !addresses.is_empty())
        .collect()
}

/// Writes the record, unless it is still there.
async fn keep_record(aws: &Aws, record: &Record) -> Result<(), Failure> {
    let kept = record::read(aws, &record.plan.name).await?;
    record::write(aws, record, &kept).await
}

/// Whether the plan may be applied in this account and Region.
///
/// # Errors
/// It names others.
pub fn check_place(place: &Place, plan: &Plan) -> Result<(), RunError> {
    let Place { account, region, .. } = place;
    if !plan.accounts.is_empty() && !plan.accounts.contains(account) {
        return Err(RunError::NotHere(format!("this plan may not be applied in account {account}")));
    }
    if !plan.regions.is_empty() && !plan.regions.contains(region) {
        return Err(RunError::NotHere(format!("this plan may not be applied in {region}")));
    }
    Ok(())
}

const MAY_HAVE_WORKED: &str = "somebody may have worked here a moment ago: waiting for AWS's lists to settle";

/// Which look at AWS to act upon, since reads may lag behind writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// The first: a lab that never was has nothing that isn't seen yet.
    FirstLook,
    /// The first if it finds nothing to do; what differs may only not be visible yet.
    FirstLookIfClean,
    /// One after reads have settled: somebody may have worked here a moment ago.
    SecondLook,
}

/// A survey on which one may act; none where the run was told to stop before there was one.
async fn confirmed(session: &Session<'_>, blueprint: &Blueprint, trust: Trust) -> Option<Survey> {
    let first = look(session).await;
    let clean = || Changes::between(blueprint, &first, &Holdings::sort(blueprint, &first)).is_empty();
    match trust {
        _ if looks_once(session) => return Some(first),
        Trust::FirstLook => return Some(first),
        Trust::FirstLookIfClean if clean() => return Some(first),
        Trust::FirstLookIfClean => session.note("something differs: looking again, since AWS's lists may lag behind"),
        Trust::SecondLook => session.note(MAY_HAVE_WORKED),
    }
    session.pause(SETTLE).await;
    if session.stopped() { None } else { Some(look(session).await) }
}

/// Armed by tests only.
fn looks_once(session: &Session<'_>) -> bool {
    session.armed(Defect::NoSecondLook) || session.armed(Defect::LockTrusted) && !session.options.no_lock
}

async fn look(session: &Session<'_>) -> Survey {
    let mut survey = survey(&session.aws, &session.lab).await;
    let taken_for_empty = |failure: &Failure| match failure.class {
        Class::Denied => session.armed(Defect::DeniedTakenForEmpty),
        Class::Throttled => session.armed(Defect::ThrottledTakenForEmpty),
        Class::UnknownOutcome => session.armed(Defect::CutShortTakenForEmpty),
        _ => false,
    };
    survey.unreadable.retain(|_, failure| !taken_for_empty(failure));
    survey
}

fn sorted<'a>(session: &Session<'_>, blueprint: &Blueprint, survey: &'a Survey) -> Holdings<'a> {
    let mut holdings = Holdings::sort(blueprint, survey);
    if session.armed(Defect::DuplicateKept) {
        holdings.duplicates.clear();
    }
    if session.armed(Defect::DeleteByName) {
        let named =
            |foreign: &Observed| blueprint.iter().any(|desired| desired.tags.get("Name") == foreign.tags.get("Name"));
        let (ours, foreign) = std::mem::take(&mut holdings.foreign).into_iter().partition(|foreign| named(foreign));
        holdings.foreign = foreign;
        holdings.unmanaged.extend::<Vec<_>>(ours);
    }
    if session.armed(Defect::HiddenChildForgotten) {
        holdings.companions.clear();
    }
    holdings
}

fn decided(session: &Session<'_>, blueprint: &Blueprint, survey: &Survey, holdings: &Holdings<'_>) -> Changes {
    let mut changes = Changes::between(blueprint, survey, holdings);
    if session.armed(Defect::RoleDeletedBeforeInterfaces) {
        let Changes { steps, after } = &mut changes;
        let is_role = |kind: Kind| kind.listed_with() == Kind::Role;
        for (_, after) in steps.iter().zip(after).filter(|(step, _)| is_role(step.kind)) {
            after.retain(|before| steps[*before].kind != Kind::NetworkInterface);
        }
    }
    changes
}

/// Roots that lost their tag, or whose tags can't be read: nothing is done before it is known that they are ours.
fn unproven(session: &Session<'_>, survey: &Survey, holdings: &Holdings<'_>) -> Option<Report> {
    let cause = |(address, observed): (&Address, &Observed)| {
        let (kind, id) = (observed.kind(), &observed.id);
        if let Some(failure) = survey.why_unreadable(kind) {
            return format!("{address}: {kind} {id} looks like the lab's, but could not be read: {failure}");
        }
        let command = retag_command(&session.lab.name, address, observed);
        format!("{address}: {kind} {id} looks like the lab's but has lost its tag. If it is: {command}")
    };
    let causes: Vec<_> = holdings.unproven().map(cause).collect();
    let failed = !causes.is_empty();
    failed.then_some(Report::new(Outcome::Failed, causes, Some(holdings.held.len())))
}

/// The AWS CLI command that says whose a resource is.
pub fn retag_command(lab: &str, address: &Address, observed: &Observed) -> String {
    use crate::aws::tags::{ADDRESS, LAB};
    let tags = format!("Key={LAB},Value={lab} Key={ADDRESS},Value={address}");
    let map = format!("{LAB}={lab},{ADDRESS}={address}");
    let arn = observed.output("arn").unwrap_or_default();
    match observed.kind() {
        Kind::Role => format!("aws iam tag-role --role-name {} --tags {tags}", observed.id),
        Kind::InstanceProfile => {
            format!("aws iam tag-instance-profile --instance-profile-name {} --tags {tags}", observed.id)
        }
        Kind::RestApi => format!("aws apigateway tag-resource --resource-arn {arn} --tags {map}"),
        Kind::Domain => format!("aws sagemaker add-tags --resource-arn {arn} --tags {tags}"),
        Kind::Table => format!("aws dynamodb tag-resource --resource-arn {arn} --tags {tags}"),
        Kind::LogGroup => format!("aws logs tag-resource --resource-arn {arn} --tags {map}"),
        Kind::Function => format!("aws lambda tag-resource --resource {arn} --tags {map}"),
        Kind::UserPool => format!("aws cognito-idp tag-resource --resource-arn {arn} --tags {map}"),
        _ => format!("aws ec2 create-tags --resources {} --tags {tags}", observed.id),
    }
}

/// The report of a look that AWS answered to nobody it knows.
fn unidentified(survey: &Survey) -> Option<Report> {
    let failure = survey.unreadable.values().find(|failure| failure.class == Class::Unidentified)?;
    Some(Report::unidentified("what stands could not be read", failure))
}

/// How many there are, if everything could be read.
fn counted(survey: &Survey, count: usize) -> Option<usize> {
    survey.unreadable.is_empty().then_some(count)
}

fn unreadable(survey: &Survey) -> Vec<String> {
    let kinds = survey.unreadable.iter();
    kinds.map(|(kind, failure)| format!("{kind} could not be read, so it is unknown: {failure}")).collect()
}

fn causes(applied: &Applied) -> Vec<String> {
    let mut causes: Vec<_> = applied.failed.iter().map(|(address, why)| format!("{address}: {why}")).collect();
    causes.dedup();
    causes
}

/// How many resources of the lab stand: for the end of a run that didn't get through.
async fn standing(session: &Session<'_>, blueprint: &Blueprint) -> Option<usize> {
    let survey = look(session).await;
    counted(&survey, Holdings::sort(blueprint, &survey).ours().count())
}

/// Removes everything that is ours, until a look finds nothing that comes late enough to see everything.
async fn clear(session: &Session<'_>, settled: bool) -> Result<Report, RunError> {
    let (aws, lab) = (&session.aws, &session.lab.name);
    let kept = record::read(aws, lab).await?;
    let names = |prefix: &str| -> Vec<String> {
        kept.parameters.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    };
    if session.armed(Defect::RecordDeletedFirst) {
        record::remove(aws, lab, names("record")).await?;
    }
    // What lost its tag can still be known by what the plan says of it.
    let recorded = kept.record().ok().flatten();
    let known = recorded.as_ref().and_then(|record| {
        let facts = facts(&record.plan, &session.place.region, &session.place.account)?;
        Some(draw(&record.plan, &facts))
    });
    let nothing = Blueprint::empty(session.lab.clone());

    // What was made a moment ago may show before what it brought with it: a function before its interfaces.
    if !settled && !looks_once(session) {
        session.note(MAY_HAVE_WORKED);
        session.pause(SETTLE).await;
        if session.stopped() {
            return Ok(Report::interrupted());
        }
    }
    let mut left: Vec<String> = Vec::new();
    for round in 0.. {
        let survey = look(session).await;
        if let Some(report) = unidentified(&survey) {
            return Ok(report);
        }
        let unreadable = unreadable(&survey);
        let mut holdings = sorted(session, known.as_ref().unwrap_or(&nothing), &survey);
        // At every look: what a first look missed may be what nothing proves to be ours.
        if let Some(report) = blocked(session, &survey, &holdings) {
            return Ok(report);
        }
        let resources = counted(&survey, holdings.ours().count());
        release_all(&mut holdings);
        let mut changes = decided(session, &nothing, &survey, &holdings);
        if session.options.leave_blocked {
            let refused = |index: &usize| changes.steps[*index].refused.is_some();
            left = (0..changes.steps.len()).filter(refused).filter_map(|i| changes.steps[i].refused.clone()).collect();
            drop_refused(&mut changes);
        }
        check_user_data(session, &changes, &survey)?;
        if changes.is_empty() {
            if !unreadable.is_empty() || !left.is_empty() {
                left.extend(unreadable);
                return Ok(Report::new(Outcome::Failed, left, resources));
            }
            // The first look may be too early to see what a run that just died has made.
            if round > 0 || session.armed(Defect::NoSecondLook) {
                break;
            }
        }
        if round > ROUNDS {
            let causes = changes.steps.iter().map(|step| format!("{} is still there", step.address));
            return Ok(Report::new(Outcome::Failed, causes.chain(left).collect(), resources));
        }
        if session.stopped() {
            return Ok(Report::new(Outcome::Interrupted, unreadable, resources));
        }
        if !changes.is_empty() {
            let applied = apply(session, &changes, &holdings).await;
            if let Some((address, failure)) = &applied.unidentified {
                return Ok(Report::unidentified(address.as_str(), failure));
            }
            let mut causes = causes(&applied);
            if !causes.is_empty() || applied.interrupted || applied.detached {
                causes.extend(unreadable);
                let outcome = match (applied.interrupted, applied.detached && causes.is_empty()) {
                    (true, _) => Outcome::Interrupted,
                    (_, true) => Outcome::Detached,
                    _ => Outcome::Failed,
                };
                return Ok(Report::new(outcome, causes, standing(session, &nothing).await));
            }
        }
        session.pause(SETTLE).await;
        // A look that comes too early may not see everything: it is no proof that nothing is left.
        if session.stopped() {
            return Ok(Report::new(Outcome::Interrupted, Vec::new(), standing(session, &nothing).await));
        }
    }

    Ok(Report::new(Outcome::Done, Vec::new(), Some(0)))
}

/// Removes what the account keeps of a lab that is gone: the record before the lock, and again what came meanwhile.
/// Returns what was kept.
async fn forget(aws: &Aws, lab: &str) -> Result<Kept, Failure> {
    let mut removed = Kept::default();
    for _ in 0..ROUNDS {
        let kept = record::read(aws, lab).await?;
        let any = !kept.is_empty();
        removed.parameters.extend(kept.parameters.clone());
        let (header, chunks) = kept.parameters.into_keys().partition::<Vec<_>, _>(|name| name == "record");
        for names in [chunks, header] {
            record::remove(aws, lab, names).await?;
        }
        if !lock::forget(aws, lab).await? && !any {
            break;
        }
    }
    Ok(removed)
}

/// For `down`, what the lab should have is what it must not have.
fn release_all(holdings: &mut Holdings<'_>) {
    let held = std::mem::take(&mut holdings.held);
    holdings.obsolete.extend(held.into_iter().map(|(address, held)| (address, held.observed)));
}

/// What keeps `down` from going on: roots without proof, and foreign things inside ours.
fn blocked(session: &Session<'_>, survey: &Survey, holdings: &Holdings<'_>) -> Option<Report> {
    if let Some(report) = unproven(session, survey, holdings) {
        return Some(report);
    }
    let mut blocking = holdings.foreign.iter().filter(|foreign| foreign.blocks()).peekable();
    if blocking.peek().is_none() || session.options.leave_blocked {
        return None;
    }
    let causes = blocking.map(|foreign| {
        let name = foreign.tags.get("Name").map_or(String::new(), |name| format!(" ({name})"));
        format!("{} {}{name} is inside the lab and is not the lab's: remove it, or leave what it blocks with --leave-blocked", foreign.kind(), foreign.id)
    });
    Some(Report::new(Outcome::Failed, causes.collect(), Some(holdings.ours().count())))
}

/// Leaves out what can't be removed, and all that would have to wait for it.
fn drop_refused(changes: &mut Changes) {
    let mut dropped = vec![false; changes.steps.len()];
    loop {
        let next = (0..dropped.len()).find(|index| {
            let blocked =
                changes.steps[*index].refused.is_some() || changes.after[*index].iter().any(|before| dropped[*before]);
            !dropped[*index] && blocked
        });
        let Some(index) = next else { break };
        dropped[index] = true;
    }
    let mut position = vec![0; dropped.len()];
    let kept: Vec<usize> = (0..dropped.len()).filter(|index| !dropped[*index]).collect();
    kept.iter().enumerate().for_each(|(new, old)| position[*old] = new);
    changes.after =
        kept.iter().map(|old| changes.after[*old].iter().map(|before| position[*before]).collect()).collect();
    changes.steps = kept.iter().map(|old| changes.steps[*old].clone()).collect();
}
