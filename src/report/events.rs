//! What a run says while it works and when it is over.

use std::collections::BTreeMap;

use super::changes::{counts, tree};
use super::plan::forecast;
use super::text::{seconds, table, wrap};
use super::{Style, count};
use crate::aws::failure::{CERTIFICATE, NOT_SENT, printable};
use crate::aws::{Calls, Class, Failure};
use crate::engine::changes::Action;
use crate::engine::event::{Event, Outcome, StepState};
use crate::permissions;
use crate::resource::Address;

/// An event as a line of a log, `elapsed` seconds after the run began; none for those that say nothing new.
pub fn line(event: &Event, elapsed: f64, style: Style) -> Option<String> {
    match event {
        Event::Started { .. } | Event::Finished { .. } => None,
        Event::Note { message } => Some(wrap(&printable(message), style.width, "* ", "  ")),
        Event::Planned { changes, forecast_seconds, critical_path, .. } => {
            let summary = format!("{}; {}", counts(changes), forecast(*forecast_seconds, critical_path));
            Some(format!("{}\n{}", tree(changes, style), wrap(&summary, style.width, "", "  ")))
        }
        Event::Step { state: StepState::Started, .. } => None,
        Event::Step { address, action, state, id, message, error, .. } => {
            let mut text = address.to_string();
            if let Some(id) = id.as_ref().filter(|id| *state == StepState::Done && !text.ends_with(*id)) {
                text += &format!(" {id}");
            }
            if let Some(message) = message {
                text += &format!(": {message}");
            }
            if let Some(error) = error {
                text += &format!(": {error}");
            }
            let first = format!("{elapsed:>7.1}s  {:<8}  ", word(*action, *state));
            let line = wrap(&printable(&text), style.width, &first, "          ");
            Some(match state {
                StepState::Failed => style.paint(owo_colors::AnsiColors::Red, &line),
                StepState::Done => line,
                _ => style.dim(&line),
            })
        }
    }
}

fn word(action: Action, state: StepState) -> &'static str {
    match (state, action) {
        (StepState::Started | StepState::Waiting, _) => "waiting",
        (StepState::Failed, _) => "failed",
        (StepState::Skipped, _) => "skipped",
        (StepState::Done, Action::Create) => "created",
        (StepState::Done, Action::Update) => "changed",
        (StepState::Done, Action::Replace) => "replaced",
        (StepState::Done, Action::Delete) => "deleted",
    }
}

/// How a run went, for the text at its end.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// `up` or `down`.
    pub verb: String,
    /// The lab.
    pub lab: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Resources of the lab that stand now; none where nobody could count them.
    pub resources: Option<usize>,
    /// How many steps were done.
    pub done: usize,
    /// The steps that had begun and were left.
    pub left: Vec<Address>,
    /// Seconds on this machine's clock, and on AWS's.
    pub seconds: (f64, f64),
    /// Calls made.
    pub calls: Calls,
    /// What went wrong, each with what to do about it.
    pub causes: Vec<(String, Option<String>)>,
    /// The network addresses of what stands, by the address within the lab.
    pub addresses: BTreeMap<Address, Vec<String>>,
    /// US dollars an hour for what stands, before any traffic.
    pub hourly_cost_usd: Option<f64>,
    /// A user who comes to Studio by the lab's portal.
    pub portal_user: Option<String>,
    /// Whether all this happened in the sandbox only.
    pub rehearsed: bool,
    /// The flags that lead to the same place, each after a space.
    pub flags: String,
}

impl End {
    /// For people.
    pub fn text(&self, style: Style) -> String {
        let mut lines: Vec<String> = Vec::new();
        for (cause, hint) in &self.causes {
            let cause = wrap(&printable(cause), style.width, "! ", "  ");
            lines.push(style.paint(owo_colors::AnsiColors::Red, &cause));
            lines.extend(hint.as_ref().map(|hint| wrap(hint, style.width, "  ", "  ")));
        }
        lines.push(style.bold(&wrap(&self.verdict(), style.width, "", "  ")));
        let (here, aws) = self.seconds;
        let Calls { read, write, retried } = self.calls;
        let repeated = if retried > 0 { format!(", {retried} of them repeated") } else { String::new() };
        let clocks = format!("{} on AWS's clock, {} here", seconds(aws), seconds(here));
        let took = format!("{clocks}; {read} reads, {write} writes{repeated}");
        lines.push(style.dim(&wrap(&took, style.width, "", "  ")));
        lines.extend(self.forecast().map(|forecast| wrap(&forecast, style.width, "", "  ")));
        if !self.addresses.is_empty() {
            let row =
                |(address, found): (&Address, &Vec<String>)| vec![address.to_string(), printable(&found.join(", "))];
            let rows: Vec<_> = self.addresses.iter().map(row).collect();
            lines.push(table(&["address", "reached at"], &rows, style.width));
        }
        lines.extend(self.next().iter().map(|next| wrap(next, style.width, "  ", "    ")));
        lines.join("\n")
    }

    fn verdict(&self) -> String {
        let Self { lab, outcome, done, .. } = self;
        let Some(resources) = self.resources else { return self.verdict_uncounted() };
        let stand = count(resources, "resource stands", "resources stand");
        match (self.verb.as_str(), outcome) {
            ("up", Outcome::Done) if *done == 0 => format!("{lab} is as asked for: {stand}, nothing was done"),
            ("up", Outcome::Done) => format!("{lab} is up: {stand}"),
            ("up", Outcome::Failed) => format!("{lab} is not complete: {stand}"),
            (_, Outcome::Done) if *done == 0 => format!("There was nothing of {lab} here"),
            (_, Outcome::Done) => format!("{lab} is gone: nothing of it is left"),
            (_, Outcome::Failed) => format!("{lab} is not gone: {stand}"),
            (_, Outcome::Detached) => {
                let left = count(resources, "resource is", "resources are");
                format!("{lab} is all but gone: {left} left, which Lambda has yet to let go of, within 45 minutes")
            }
            (_, Outcome::Interrupted) => format!("Interrupted: {stand} of {lab}"),
        }
    }

    /// Where nobody knows what stands.
    fn verdict_uncounted(&self) -> String {
        let Self { verb, lab, outcome, done, left, .. } = self;
        let so_far = match outcome {
            Outcome::Interrupted if *done == 0 && left.is_empty() => {
                return "Interrupted: no step was begun".to_owned();
            }
            Outcome::Interrupted => "Interrupted".to_owned(),
            _ if verb == "up" => format!("{lab} is not complete"),
            _ => format!("{lab} is not gone"),
        };
        let done = count(*done, "step was done", "steps were done");
        let left = match left.as_slice() {
            [] => String::new(),
            left => format!(", and what became of {} is not known yet", few(left)),
        };
        format!("{so_far}: {done}{left}. The next run finds what stands")
    }

    /// What it would come to, or comes to, in AWS; none where nothing is known to stand.
    fn forecast(&self) -> Option<String> {
        let cost = match self.hourly_cost_usd? {
            0.0 => "nothing by the hour".to_owned(),
            price => format!("about ${price:.2} an hour, before any traffic"),
        };
        Some(match (self.rehearsed, self.done) {
            (true, 0) => format!("In AWS it would cost {cost}."),
            (true, _) => format!("In AWS this would take about {} and cost {cost}.", seconds(self.seconds.1)),
            (false, _) => format!("It costs {cost}."),
        })
    }

    fn next(&self) -> Vec<String> {
        let Self { lab, flags, verb, .. } = self;
        let command = |verb: &str, why: &str| format!("breezeway {verb} {lab}{flags}  # {why}");
        match (verb.as_str(), self.outcome) {
            ("up", Outcome::Done) => {
                let open = |user: &String| {
                    let open = format!("breezeway open {user} --lab {lab}{flags}  # the URL of their Studio");
                    [command("status", "how users come to Studio"), open]
                };
                let use_it = self.portal_user.iter().flat_map(open);
                let look = [command("verify", "is it private?"), command("drift", "is it still so?")];
                use_it.chain(look).chain([command("down", "take it away")]).collect()
            }
            ("up", _) => vec![command("up", "go on"), command("down", "take it away")],
            (_, Outcome::Done) => Vec::new(),
            (_, Outcome::Detached) => vec![command("down", "finish, once Lambda has let go")],
            (_, _) => vec![command("down", "go on")],
        }
    }
}

/// The first few of these.
pub fn few(addresses: &[Address]) -> String {
    let names: Vec<_> = addresses.iter().take(5).map(ToString::to_string).collect();
    match addresses.len() - names.len() {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// What to do about a cause in a report, by the failure that it ends with.
pub fn hint_for<'a>(cause: &str, mut failures: impl Iterator<Item = &'a Failure>) -> Option<String> {
    let failure = failures.find(|failure| cause.ends_with(&format!(": {failure}")))?;
    hint(failure)
}

/// What to do about a failure that didn't pass by itself.
pub fn hint(failure: &Failure) -> Option<String> {
    let Failure { class, code, message, .. } = failure;
    let says = |words: &[&str]| words.iter().any(|word| code.contains(word) || message.contains(word));
    let hint = match class {
        Class::Unidentified if says(&["Skewed", "RequestInTheFuture", "Signature expired", "not yet current"]) => Some(
            "Is this machine's clock right? AWS takes requests that are at most 5 minutes old. Set it, then run it again.",
        ),
        Class::Unidentified if says(&["Expired"]) => Some(
            "The credentials have expired: get new ones (`aws sso login`, if that is where they come from), and run it again.",
        ),
        Class::Unidentified if code == NOT_SENT => Some(
            "No credentials could be had: `aws sts get-caller-identity` shows whether there are any. Then run it again.",
        ),
        Class::Unidentified => {
            Some("AWS doesn't know these credentials: check profile, keys and this machine's clock. Then run it again.")
        }
        Class::Wrong if code == CERTIFICATE => Some(
            "Does a proxy here sign with a certificate of its own? AWS_CA_BUNDLE names the file of those to trust. \
             Or is this machine's clock wrong?",
        ),
        Class::HardLimit => Some("This is a quota: free some, or ask for more in the Service Quotas console."),
        Class::Denied if failure.lacks_permission() => return Some(hint_of_denial(failure)),
        Class::Denied => Some("Check that the policies of these credentials allow this call."),
        Class::Throttled | Class::UnknownOutcome => Some("Run it again: what stands is found, not made twice."),
        Class::InUse => Some("Something still uses it. Run it again in a few minutes; if it stays so, see what it is."),
        Class::NotYetAssumable => Some("IAM was slow to spread the new role: run it again."),
        Class::NotFound | Class::AlreadySo | Class::Wrong => None,
    };
    hint.map(str::to_owned)
}

/// Which permission is missing, as AWS says it, or else by what the call is known to need.
fn hint_of_denial(failure: &Failure) -> String {
    let said = failure.message.split_once("not authorized to perform: ");
    let said = said.and_then(|(_, rest)| rest.split_whitespace().next()).map(str::to_owned);
    let missing = said.unwrap_or_else(|| permissions::actions(&failure.operation).join(" or "));
    if failure.message.contains("explicit deny") {
        return format!("A policy forbids {missing}, whatever others allow: see whose it is.");
    }
    let missing = if missing.is_empty() { "this call".to_owned() } else { missing };
    format!("The caller's policies don't allow {missing}: `breezeway permissions` prints what a plan needs.")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::resource::Kind;

    fn step(address: &str, state: StepState, message: Option<&str>, error: Option<Failure>) -> Event {
        Event::Step {
            address: Address::from(address),
            kind: Kind::Vpc,
            action: Action::Create,
            state,
            id: Some("vpc-0a1".into()),
            message: message.map(str::to_owned),
            error,
        }
    }

    fn denied() -> Failure {
        Failure {
            operation: "CreateVpc".into(),
            class: Class::Denied,
            code: "UnauthorizedOperation".into(),
            message: "You are not authorized to perform this operation.".into(),
        }
    }

    fn end() -> End {
        End {
            verb: "up".into(),
            lab: "demo".into(),
            outcome: Outcome::Done,
            resources: Some(31),
            done: 31,
            left: Vec::new(),
            seconds: (0.43, 9.2),
            calls: Calls { read: 96, write: 43, retried: 2 },
            causes: Vec::new(),
            addresses: BTreeMap::new(),
            hourly_cost_usd: None,
            portal_user: None,
            rehearsed: false,
            flags: " --aws".into(),
        }
    }

    #[test]
    fn a_log_has_a_line_for_what_waits_ends_or_fails() {
        let events = [
            step("studio/vpc", StepState::Started, None, None),
            step("studio/vpc", StepState::Done, None, None),
            step("peering", StepState::Waiting, Some("pcx-1 is provisioning"), None),
            step("onprem/vpc", StepState::Failed, None, Some(denied())),
            step("onprem/subnet/private-a", StepState::Skipped, Some("onprem/vpc was not done"), None),
            Event::Note { message: "something differs: looking again".into() },
        ];
        let lines: Vec<_> = events.iter().filter_map(|event| line(event, 12.34, Style::plain(80))).collect();
        assert_snapshot!(lines.join("\n"), @r"
           12.3s  created   studio/vpc vpc-0a1
           12.3s  waiting   peering: pcx-1 is provisioning
           12.3s  failed    onprem/vpc: CreateVpc: You are not authorized to perform
                  this operation. (UnauthorizedOperation)
           12.3s  skipped   onprem/subnet/private-a: onprem/vpc was not done
        * something differs: looking again
        ");
    }

    #[test]
    fn the_end_says_what_stands_and_what_to_do_next() {
        let reached = [
            ("onprem/app", vec!["192.168.10.148".to_owned(), "203.0.113.7".to_owned()]),
            ("studio/resolver", vec!["10.16.32.10".to_owned(), "10.16.96.10".to_owned()]),
        ];
        let addresses = reached.into_iter().map(|(address, found)| (Address::from(address), found)).collect();
        let up = End { addresses, hourly_cost_usd: Some(0.683), ..end() };
        assert_snapshot!(up.text(Style::plain(80)), @r"
        demo is up: 31 resources stand
        9.2 s on AWS's clock, 0.4 s here; 96 reads, 43 writes, 2 of them repeated
        It costs about $0.68 an hour, before any traffic.
        address          reached at
        onprem/app       192.168.10.148, 203.0.113.7
        studio/resolver  10.16.32.10, 10.16.96.10
          breezeway verify demo --aws # is it private?
          breezeway drift demo --aws # is it still so?
          breezeway down demo --aws # take it away
        ");
    }

    #[test]
    fn a_lab_with_a_portal_ends_with_how_it_is_used() {
        let with_portal = End { portal_user: Some("ann".into()), ..end() };
        assert_snapshot!(with_portal.next().join("\n"), @"
        breezeway status demo --aws  # how users come to Studio
        breezeway open ann --lab demo --aws  # the URL of their Studio
        breezeway verify demo --aws  # is it private?
        breezeway drift demo --aws  # is it still so?
        breezeway down demo --aws  # take it away
        ");
    }

    #[test]
    fn a_rehearsal_ends_with_what_it_would_come_to_in_aws() {
        let rehearsed = End { rehearsed: true, hourly_cost_usd: Some(0.683), ..end() };
        let forecast = "In AWS this would take about 9.2 s and cost about $0.68 an hour, before any traffic.";
        assert_eq!(rehearsed.forecast().as_deref(), Some(forecast));
        let free = End { rehearsed: false, hourly_cost_usd: Some(0.0), ..end() };
        assert_eq!(free.forecast().as_deref(), Some("It costs nothing by the hour."));
        assert_eq!(End { verb: "down".into(), ..end() }.forecast(), None);
    }

    #[test]
    fn the_end_says_every_cause_with_a_hint() {
        let cause = format!("onprem/vpc: {}", denied());
        let hint = hint_for(&cause, [denied()].iter());
        let failed =
            End { outcome: Outcome::Failed, resources: Some(0), done: 0, causes: vec![(cause, hint)], ..end() };
        assert_snapshot!(failed.text(Style::plain(60)), @r"
        ! onprem/vpc: CreateVpc: You are not authorized to perform
          this operation. (UnauthorizedOperation)
          The caller's policies don't allow ec2:CreateTags or
          ec2:CreateVpc: `breezeway permissions` prints what a plan
          needs.
        demo is not complete: 0 resources stand
        9.2 s on AWS's clock, 0.4 s here; 96 reads, 43 writes, 2 of
          them repeated
          breezeway up demo --aws # go on
          breezeway down demo --aws # take it away
        ");
        let text = failed.text(Style::plain(40));
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
    }

    #[test]
    fn a_denial_names_the_action_as_aws_does() {
        let of = |code: &str, message: &str| {
            hint(&Failure { code: code.into(), message: message.into(), ..denied() }).unwrap()
        };
        let denied = "User: ann is not authorized to perform: iam:PassRole on resource: a-role because no identity-based \
                      policy allows the iam:PassRole action";
        assert_eq!(
            of("AccessDeniedException", denied),
            "The caller's policies don't allow iam:PassRole: `breezeway permissions` prints what a plan needs."
        );
        let forbidden =
            "User: ann is not authorized to perform: ec2:CreateVpc with an explicit deny in a service control policy";
        let hint = of("UnauthorizedOperation", forbidden);
        assert_eq!(hint, "A policy forbids ec2:CreateVpc, whatever others allow: see whose it is.");
        assert_eq!(of("ExpiredToken", "it expired"), "Check that the policies of these credentials allow this call.");
    }

    #[test]
    fn who_leaves_lambda_to_it_is_told_how_to_finish() {
        let detached = End { verb: "down".into(), outcome: Outcome::Detached, resources: Some(12), ..end() };
        assert_snapshot!(detached.text(Style::plain(100)), @r"
        demo is all but gone: 12 resources are left, which Lambda has yet to let go of, within 45 minutes
        9.2 s on AWS's clock, 0.4 s here; 96 reads, 43 writes, 2 of them repeated
          breezeway down demo --aws # finish, once Lambda has let go
        ");
    }

    #[test]
    fn who_left_at_once_is_told_what_is_not_known() {
        let left = vec![Address::from("studio/vpc"), Address::from("peering")];
        let interrupted = End { outcome: Outcome::Interrupted, resources: None, done: 3, left, ..end() };
        let known = "Interrupted: 3 steps were done, and what became of studio/vpc, peering is not known yet. The next \
                     run finds what stands";
        assert_eq!(interrupted.verdict(), known);
        let early = End { outcome: Outcome::Interrupted, resources: None, done: 0, ..end() };
        assert_eq!(early.verdict(), "Interrupted: no step was begun");
        let failed = End { outcome: Outcome::Failed, resources: None, done: 1, ..end() };
        assert_eq!(failed.verdict(), "demo is not complete: 1 step was done. The next run finds what stands");
    }

    #[test]
    fn down_of_nothing_says_so() {
        let nothing = End { verb: "down".into(), resources: Some(0), done: 0, ..end() };
        assert!(nothing.text(Style::plain(80)).starts_with("There was nothing of demo here"));
    }
}
