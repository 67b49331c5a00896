//! What domains, user profiles and spaces go through.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::in_use;
use crate::sandbox::api::ApiError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Status {
    Pending,
    InService,
    Updating,
    Deleting,
    Failed,
    UpdateFailed,
    DeleteFailed,
}

/// A status, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Stage {
    status: Status,
    /// When work ends that goes on.
    until: Timestamp,
    /// Why the work fails, known before it is seen to.
    failure_reason: Option<String>,
}

impl Stage {
    /// Being made until then.
    pub fn pending(until: Timestamp) -> Self {
        Self { status: Status::Pending, until, failure_reason: None }
    }

    /// Being changed until then.
    pub fn updating(until: Timestamp) -> Self {
        Self { status: Status::Updating, until, failure_reason: None }
    }

    /// Being deleted until then.
    pub fn deleting(until: Timestamp) -> Self {
        Self { status: Status::Deleting, until, failure_reason: None }
    }

    /// The same, but the work fails where there is a reason.
    pub fn failing(self, failure_reason: Option<String>) -> Self {
        Self { failure_reason, ..self }
    }

    /// Lets the work that goes on fail.
    pub fn fail(&mut self, reason: String) {
        self.failure_reason.get_or_insert(reason);
    }

    /// Ends the work that is over by now.
    pub fn settle(&mut self, now: Timestamp) {
        if self.until > now {
            return;
        }
        self.status = match (self.status, &self.failure_reason) {
            (Status::Pending | Status::Updating, None) => Status::InService,
            (Status::Pending, Some(_)) => Status::Failed,
            (Status::Updating, Some(_)) => Status::UpdateFailed,
            (Status::Deleting, Some(_)) => Status::DeleteFailed,
            (settled, _) => settled,
        };
    }

    /// Whether it is being made or changed, and that is over by now but for settling.
    pub fn is_made_by(&self, now: Timestamp) -> bool {
        matches!(self.status, Status::Pending | Status::Updating) && self.until <= now
    }

    /// Whether it is being deleted, and that is over by now if nothing fails.
    pub fn is_deleted_by(&self, now: Timestamp) -> bool {
        self.status == Status::Deleting && self.until <= now
    }

    /// Whether its deletion is over.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.is_deleted_by(now) && self.failure_reason.is_none()
    }

    /// Whether it can be worked with.
    pub fn is_in_service(&self) -> bool {
        matches!(self.status, Status::InService | Status::UpdateFailed)
    }

    /// Refuses to change or use a thing that can't be worked with.
    pub fn check_in_service(&self, kind: &str, arn: &str) -> Result<(), ApiError> {
        if self.is_in_service() { Ok(()) } else { Err(self.busy(kind, arn)) }
    }

    /// Refuses to delete a thing that is still worked on.
    pub fn check_deletable(&self, kind: &str, arn: &str) -> Result<(), ApiError> {
        match self.status {
            Status::Pending | Status::Updating | Status::Deleting => Err(self.busy(kind, arn)),
            _ => Ok(()),
        }
    }

    fn busy(&self, kind: &str, arn: &str) -> ApiError {
        in_use(format!("{kind} [{arn}] is in the status {}.", self.word()))
    }

    /// The status as it is answered.
    pub fn word(&self) -> &'static str {
        match self.status {
            Status::Pending => "Pending",
            Status::InService => "InService",
            Status::Updating => "Updating",
            Status::Deleting => "Deleting",
            Status::Failed => "Failed",
            Status::UpdateFailed => "Update_Failed",
            Status::DeleteFailed => "Delete_Failed",
        }
    }

    /// Puts the status into a description, with the reason of a failure.
    pub fn put_into(&self, view: &mut Value) {
        view["Status"] = json!(self.word());
        let failed = matches!(self.status, Status::Failed | Status::UpdateFailed | Status::DeleteFailed);
        if let Some(reason) = self.failure_reason.as_ref().filter(|_| failed) {
            view["FailureReason"] = json!(reason);
        }
    }
}
