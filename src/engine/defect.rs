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
    /// A list that the caller may not have is taken for an empty one.
    DeniedTakenForEmpty,
    /// A list that a throttled caller waited for in vain is taken for an empty one.
    ThrottledTakenForEmpty,
    /// A list of which a page was never answered is taken for an empty one.
    CutShortTakenForEmpty,
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
    /// What AWS itself put into the lab's containers is not thought of.
    HiddenChildForgotten,
    /// A role goes while Lambda still needs it to let go of its interfaces.
    RoleDeletedBeforeInterfaces,
    /// A quota is taken for a request rate: the call is made again.
    HardLimitRetried,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::TagAfterCreate,
        Self::NoSecondLook,
        Self::DuplicateKept,
        Self::DeniedTakenForEmpty,
        Self::ThrottledTakenForEmpty,
        Self::CutShortTakenForEmpty,
        Self::LockTrusted,
        Self::DeleteByName,
        Self::RecordDeletedFirst,
        Self::WaitEndsAtDeleting,
        Self::TokenReused,
        Self::HiddenChildForgotten,
        Self::RoleDeletedBeforeInterfaces,
        Self::HardLimitRetried,
    ];
}
