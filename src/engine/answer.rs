//! Each class of failure has one answer, here.

use std::time::Duration;

use crate::aws::Class;

/// What was being done when the call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Making something new.
    Create,
    /// Changing what exists, tags included; doing it twice is harmless.
    Change,
    /// Removing something.
    Delete,
    /// Removing what AWS itself holds on to for a while after its user is gone.
    Outwait,
}

/// What to do about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Make the call again after this long.
    Again(Duration),
    /// Look whether it had its effect before making it again.
    Look,
    /// It is as it should be.
    Done,
    /// Report it.
    Fail,
}

/// How long a class of failure is worth waiting out.
fn patience(class: Class, doing: Doing) -> Duration {
    Duration::from_secs(match (class, doing) {
        (Class::NotFound, _) => 60,
        (Class::NotYetAssumable, _) => 180,
        (Class::InUse, Doing::Delete) => 300,
        // Lambda's interfaces have been seen to stay for 45 minutes.
        (Class::InUse, Doing::Outwait) => 3000,
        (Class::InUse | Class::AlreadySo, _) => 90,
        (Class::Throttled | Class::UnknownOutcome, _) => 300,
        (Class::HardLimit | Class::Denied | Class::Unidentified | Class::Wrong, _) => 0,
    })
}

/// The answer to the `attempt`-th failure in a row (from 1), `waited` after the first try.
pub fn answer(class: Class, doing: Doing, attempt: u32, waited: Duration) -> Answer {
    match (class, doing) {
        (Class::NotFound, Doing::Delete | Doing::Outwait) | (Class::AlreadySo, Doing::Change) => return Answer::Done,
        _ if waited >= patience(class, doing) => return Answer::Fail,
        (Class::UnknownOutcome | Class::AlreadySo, Doing::Create) => return Answer::Look,
        _ => {}
    }
    let pause = Duration::from_millis(500) * 2u32.saturating_pow(attempt.saturating_sub(1).min(5));
    Answer::Again(pause.min(Duration::from_secs(10)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_needs_no_delete_and_what_is_so_no_change() {
        assert_eq!(answer(Class::NotFound, Doing::Delete, 1, Duration::ZERO), Answer::Done);
        assert_eq!(answer(Class::NotFound, Doing::Outwait, 1, Duration::ZERO), Answer::Done);
        assert_eq!(answer(Class::AlreadySo, Doing::Change, 1, Duration::ZERO), Answer::Done);
    }

    #[test]
    fn a_create_that_may_have_worked_is_looked_up_before_it_is_repeated() {
        assert_eq!(answer(Class::UnknownOutcome, Doing::Create, 1, Duration::ZERO), Answer::Look);
        assert_eq!(answer(Class::AlreadySo, Doing::Create, 1, Duration::ZERO), Answer::Look);
    }

    #[test]
    fn a_quota_and_a_refusal_are_never_asked_again() {
        for class in [Class::HardLimit, Class::Denied, Class::Unidentified, Class::Wrong] {
            for doing in [Doing::Create, Doing::Change, Doing::Delete] {
                assert_eq!(answer(class, doing, 1, Duration::ZERO), Answer::Fail, "{class:?} {doing:?}");
            }
        }
    }

    #[test]
    fn what_aws_holds_on_to_is_waited_for_longer_than_what_should_be_free() {
        let late = Duration::from_secs(45 * 60);
        assert_eq!(answer(Class::InUse, Doing::Delete, 99, late), Answer::Fail);
        assert_eq!(answer(Class::InUse, Doing::Outwait, 99, late), Answer::Again(Duration::from_secs(10)));
    }

    #[test]
    fn no_class_is_waited_out_for_ever() {
        for class in [Class::NotFound, Class::InUse, Class::Throttled, Class::UnknownOutcome, Class::NotYetAssumable] {
            let late = Duration::from_secs(3600);
            assert!(matches!(answer(class, Doing::Create, 99, late), Answer::Fail), "{class:?}");
        }
    }
}
