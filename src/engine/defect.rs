//! Mistakes that an engine like this could make, to be armed one at a time by tests: the simulation has to find each.

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Tags are set by a call after the create call.
    TagAfterCreate,
    /// What isn't seen at the first look is made.
    NoSecondLook,
    /// A second holder of an address is left standing.
    DuplicateKept,
    /// A list that could not be read is taken for an empty one.
    UnreadableTakenForEmpty,
    /// Whoever has the lock doesn't look twice and doesn't clean up after others.
    LockTrusted,
    /// What has the right name is removed, whatever its tags say.
    DeleteByName,
    /// `down` removes the record before the resources.
    RecordDeletedFirst,
    /// What is `deleting` is taken for gone.
    WaitEndsAtDeleting,
    /// Idempotency tokens are the same in every run.
    TokenReused,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::TagAfterCreate,
        Self::NoSecondLook,
        Self::DuplicateKept,
        Self::UnreadableTakenForEmpty,
        Self::LockTrusted,
        Self::DeleteByName,
        Self::RecordDeletedFirst,
        Self::WaitEndsAtDeleting,
        Self::TokenReused,
    ];
}
