//! Whether a lab is private.

use owo_colors::AnsiColors::{Cyan, Green, Red};
use serde::Serialize;

use super::text::wrap;
use super::{Style, count};
use crate::aws::failure::printable;
use crate::verify::{Holds, LeftOut, Verification};

/// The steps of the way from a corporate browser to a notebook.
const STEPS: usize = 11;

/// What no step looks at, and may have names answered otherwise.
const UNSEEN: &str = "Route 53 Profiles and DNS Firewall";

/// The answer of `verify`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifyDocument {
    /// The lab.
    pub lab: String,
    /// What could be shown.
    #[serde(flatten)]
    pub verification: Verification,
}

impl VerifyDocument {
    /// For people.
    pub fn text(&self, style: Style) -> String {
        let Verification { private, looked_at, left_out, steps, leaks } = &self.verification;
        let mut lines = Vec::new();
        for step in steps {
            let (mark, colour) = match step.holds {
                Holds::Yes => ("✓", Green),
                Holds::No => ("✗", Red),
                Holds::Unknown => ("?", Cyan),
            };
            let line = wrap(&step.title, style.width, &format!("{mark} {:>2} ", step.step), "     ");
            lines.push(style.paint(colour, &line));
            for reason in &step.because {
                lines.push(style.dim(&wrap(&printable(reason), style.width, "     ", "       ")));
            }
        }
        for sentence in unseen(left_out) {
            lines.push(style.dim(&wrap(&printable(&sentence), style.width, "", "  ")));
        }
        for leak in leaks {
            lines.push(style.paint(Red, &wrap(&printable(&format!("✗ leak: {leak}")), style.width, "", "     ")));
        }
        let with = |holds| steps.iter().filter(|step| step.holds == holds).count();
        let summary = match (private, with(Holds::No), with(Holds::Unknown)) {
            (true, ..) => format!("{}: names, packets and policies are private, and nothing seen leaks.", self.lab),
            (false, no, unknown) => {
                let mut parts = vec![format!("{} of {} hold", with(Holds::Yes), count(steps.len(), "step", "steps"))];
                let findings = [(no, "fails", "fail"), (unknown, "is unknown", "are unknown")];
                parts.extend(
                    findings.iter().filter(|(number, ..)| *number > 0).map(|(n, one, many)| count(*n, one, many)),
                );
                if !leaks.is_empty() {
                    parts.push(count(leaks.len(), "leak", "leaks"));
                }
                format!("{} is not shown to be private: {}.", self.lab, parts.join(", "))
            }
        };
        let looked_at = format!("{} of the {STEPS} steps were looked at", looked_at.len());
        let summary = format!("{summary} {looked_at}; {UNSEEN} were not.");
        lines.push(wrap(&summary, style.width, "", "  "));
        lines.join("\n")
    }
}

/// `1, 2 and 5`.
fn listed(steps: &[u8]) -> String {
    let steps: Vec<_> = steps.iter().map(u8::to_string).collect();
    match steps.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => steps.concat(),
    }
}

/// Which steps were not looked at, and why not.
fn unseen(left_out: &[LeftOut]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<u8>)> = Vec::new();
    for LeftOut { step, because } in left_out {
        match reasons.iter_mut().find(|(same, _)| same == because) {
            Some((_, steps)) => steps.push(*step),
            None => reasons.push((because, vec![*step])),
        }
    }
    let sentence = |(because, steps): &(&str, Vec<u8>)| match steps.as_slice() {
        [step] => format!("Step {step} was not looked at: {because}."),
        steps => format!("Steps {} were not looked at: {because}.", listed(steps)),
    };
    reasons.iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::verify::Step;

    fn step(step: u8, title: &str, holds: Holds, because: &[&str]) -> Step {
        Step { step, title: title.into(), holds, because: because.iter().map(|&text| text.into()).collect() }
    }

    fn document(steps: Vec<Step>, leaks: &[&str]) -> VerifyDocument {
        let private = leaks.is_empty() && steps.iter().all(|step| step.holds == Holds::Yes);
        let leaks = leaks.iter().map(|&text| text.into()).collect();
        let looked_at = steps.iter().map(|step| step.step).collect();
        let left_out = Vec::new();
        VerifyDocument { lab: "demo".into(), verification: Verification { private, looked_at, left_out, steps, leaks } }
    }

    fn mixed() -> VerifyDocument {
        document(
            vec![
                step(3, "Corporate DNS forwards", Holds::Yes, &["192.168.10.148 asks 192.168.10.10, by dopt-1"]),
                step(
                    9,
                    "The Studio URL resolves to the Studio endpoint",
                    Holds::No,
                    &["\u{1b}[2Jthe resolver of vpc-1 has no private zone for it: it answers as on the internet"],
                ),
                step(11, "HTTPS passes", Holds::Unknown, &["route could not be read: not authorised"]),
            ],
            &["the internet gateway igw-1 is attached to the Studio VPC"],
        )
    }

    #[test]
    fn each_step_is_a_line_with_its_reasons_below() {
        assert_snapshot!(mixed().text(Style::plain(80)), @"
        ✓  3 Corporate DNS forwards
             192.168.10.148 asks 192.168.10.10, by dopt-1
        ✗  9 The Studio URL resolves to the Studio endpoint
             [2Jthe resolver of vpc-1 has no private zone for it: it answers as on the
               internet
        ? 11 HTTPS passes
             route could not be read: not authorised
        ✗ leak: the internet gateway igw-1 is attached to the Studio VPC
        demo is not shown to be private: 1 of 3 steps hold, 1 fails, 1 is unknown, 1
          leak. 3 of the 11 steps were looked at; Route 53 Profiles and DNS Firewall
          were not.
        ");
    }

    #[test]
    fn a_private_lab_says_so() {
        let all = document(vec![step(3, "Corporate DNS forwards", Holds::Yes, &[])], &[]);
        assert_snapshot!(all.text(Style::plain(80)), @"
        ✓  3 Corporate DNS forwards
        demo: names, packets and policies are private, and nothing seen leaks. 1 of the
          11 steps were looked at; Route 53 Profiles and DNS Firewall were not.
        ");
    }

    #[test]
    fn what_was_not_looked_at_is_said() {
        let mut found = document(vec![step(3, "Corporate DNS forwards", Holds::Yes, &[])], &[]);
        let left = |step, because: &str| LeftOut { step, because: because.into() };
        let portal = "the plan has no portal";
        found.verification.left_out = vec![left(1, portal), left(2, portal), left(10, "nothing is bound")];
        assert_snapshot!(found.text(Style::plain(80)), @"
        ✓  3 Corporate DNS forwards
        Steps 1 and 2 were not looked at: the plan has no portal.
        Step 10 was not looked at: nothing is bound.
        demo: names, packets and policies are private, and nothing seen leaks. 1 of the
          11 steps were looked at; Route 53 Profiles and DNS Firewall were not.
        ");
    }

    #[test]
    fn forty_columns_are_enough() {
        let text = mixed().text(Style::plain(40));
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
    }

    #[test]
    fn programs_get_steps_and_leaks_beside_the_lab() {
        let document = document(vec![step(3, "Title", Holds::Unknown, &["why"])], &["leak"]);
        let expected = serde_json::json!({
            "lab": "demo",
            "private": false,
            "looked_at": [3],
            "left_out": [],
            "steps": [{"step": 3, "title": "Title", "holds": "unknown", "because": ["why"]}],
            "leaks": ["leak"],
        });
        assert_eq!(serde_json::to_value(document).unwrap(), expected);
    }
}
