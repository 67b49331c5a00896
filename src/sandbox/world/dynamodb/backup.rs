//! Point-in-time recovery, and what else is told of a table apart from its description.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Dynamodb;
use super::table::{Table, TableName};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::{Context, later};

/// For how many days a table can be restored, if not said.
const RECOVERY_DAYS: i64 = 35;
/// The latest moment that a table can be restored to lies this far back.
const RECOVERY_LAG: SignedDuration = SignedDuration::from_mins(5);

/// That a table can be restored to any moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Recovery {
    since: Timestamp,
    days: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateBackups {
    table_name: String,
    point_in_time_recovery_specification: Specification,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Specification {
    point_in_time_recovery_enabled: bool,
    recovery_period_in_days: Option<i64>,
}

impl Table {
    fn backups_view(&self, now: Timestamp) -> Value {
        let mut recovery = json!({"PointInTimeRecoveryStatus": "DISABLED"});
        if let Some(Recovery { since, days }) = &self.recovery {
            let earliest = later(now, SignedDuration::from_hours(-24 * days)).max(*since);
            recovery = json!({
                "PointInTimeRecoveryStatus": "ENABLED",
                "RecoveryPeriodInDays": days,
                "EarliestRestorableDateTime": earliest,
                "LatestRestorableDateTime": later(now, -RECOVERY_LAG).max(*since),
            });
        }
        json!({"ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": recovery,
        }})
    }
}

impl Dynamodb {
    pub(super) fn describe_backups(&self, context: &Context<'_>, request: TableName) -> Answer {
        let (_, table) = self.table(context, &request.table_name).map_err(in_own_words)?;
        Ok(table.backups_view(context.now))
    }

    pub(super) fn update_backups(&mut self, context: &Context<'_>, request: UpdateBackups) -> Answer {
        let (name, table) = self.table(context, &request.table_name).map_err(in_own_words)?;
        if table.status(context.now) == "CREATING" {
            let message = format!("Backups are being enabled for the table: {name}. Please retry later");
            return Err(ApiError::new("ContinuousBackupsUnavailableException", message));
        }
        let table = self.usable_mut(context, name)?;
        let Specification { point_in_time_recovery_enabled: enabled, recovery_period_in_days: days } =
            request.point_in_time_recovery_specification;
        let since = table.recovery.as_ref().map_or(context.now, |recovery| recovery.since);
        table.recovery = enabled.then(|| Recovery { since, days: days.unwrap_or(RECOVERY_DAYS) });
        Ok(table.backups_view(context.now))
    }

    pub(super) fn describe_time_to_live(&self, context: &Context<'_>, request: TableName) -> Answer {
        self.table(context, &request.table_name)?;
        Ok(json!({"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}))
    }
}

/// The calls about backups have a code of their own for a table that is not there.
fn in_own_words(refusal: ApiError) -> ApiError {
    if refusal.code != "ResourceNotFoundException" {
        return refusal;
    }
    let message = refusal.message.replace("Requested resource not found: Table: ", "Table not found: ");
    ApiError::new("TableNotFoundException", message.trim_end_matches(" not found"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn recovery_is_switched_on_once_the_table_is_there_and_off_again() {
        let mut world = Sandbox::new();
        let switch = |enabled: bool| {
            let specification = json!({"PointInTimeRecoveryEnabled": enabled});
            json!({"TableName": "users", "PointInTimeRecoverySpecification": specification})
        };
        let name = json!({"TableName": "users"});
        let refusal = world.call("DescribeContinuousBackups", name.clone()).unwrap_err();
        assert_eq!(refusal.to_string(), "TableNotFoundException: Table not found: users");
        world.ok("CreateTable", Sandbox::table("users"));
        let refused = world.refused("UpdateContinuousBackups", switch(true));
        assert_eq!(refused, "ContinuousBackupsUnavailableException");
        world.wait(8);
        let status = |answer: &Value| {
            let recovery = &answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
            recovery["PointInTimeRecoveryStatus"].as_str().unwrap().to_owned()
        };
        assert_eq!(status(&world.ok("DescribeContinuousBackups", name.clone())), "DISABLED");
        let on = world.ok("UpdateContinuousBackups", switch(true));
        let recovery = &on["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
        assert_eq!((status(&on).as_str(), &recovery["RecoveryPeriodInDays"]), ("ENABLED", &json!(35)));
        assert_eq!(status(&world.ok("DescribeContinuousBackups", name)), "ENABLED");
        assert_eq!(status(&world.ok("UpdateContinuousBackups", switch(false))), "DISABLED");
    }

    #[test]
    fn no_item_expires() {
        let mut world = Sandbox::new();
        world.create("users");
        let told = world.ok("DescribeTimeToLive", json!({"TableName": "users"}));
        assert_eq!(told["TimeToLiveDescription"]["TimeToLiveStatus"], "DISABLED");
        assert_eq!(world.refused("DescribeTimeToLive", json!({"TableName": "none"})), "ResourceNotFoundException");
    }
}
