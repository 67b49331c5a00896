//! A look at labs, for what changes nothing: what was asked for, and what AWS holds.

use std::collections::BTreeSet;

use futures::future;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::apply::SETTLE;
use super::changes::Changes;
use super::difference::FieldDifference;
use super::holdings::Holdings;
use super::pin::{facts, pin};
use super::record::{self, Kept, Record};
use super::run::RunError;
use crate::aws::{Aws, Failure, tags};
use crate::blueprint::{Blueprint, draw};
use crate::plan::Plan;
use crate::resource::ec2;
use crate::survey::{Survey, lab_name, survey, survey_with_zones_of_others};

/// One lab, as it should be and as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What the account keeps of what was asked for.
    pub record: Option<Record>,
    /// What it should be by the plan given, or else by the record; nothing where there is neither.
    pub blueprint: Blueprint,
    /// What AWS holds.
    pub survey: Survey,
}

impl View {
    /// Whether there is such a lab here: its record, or anything of it.
    pub fn holds_lab(&self) -> bool {
        self.record.is_some() || self.holdings().ours().next().is_some()
    }

    /// Where the plan given says something else than the record.
    pub fn differences_from_record(&self, given: Option<&Plan>) -> Vec<FieldDifference> {
        let both = given.zip(self.record.as_ref());
        both.map(|(plan, record)| record.differences(plan)).unwrap_or_default()
    }

    /// What is whose.
    pub fn holdings(&self) -> Holdings<'_> {
        Holdings::sort(&self.blueprint, &self.survey)
    }

    /// What it would take to make the lab what it should be.
    pub fn changes(&self) -> Changes {
        Changes::between(&self.blueprint, &self.survey, &self.holdings())
    }
}

/// Looks at a lab. What differs is looked at again after reads have settled.
///
/// # Errors
/// The record can't be read or used, or the zones can't be chosen. What else can't be read is said in the survey.
pub async fn view(aws: &Aws, lab: &str, given: Option<&Plan>) -> Result<View, RunError> {
    let record = record::read(aws, lab).await?.record()?;
    let recorded = record.as_ref().map(|record| &record.plan);
    let lab = lab_name(lab, aws.region());
    let blueprint = match given.or(recorded) {
        Some(plan) => {
            let plan = pin(aws, plan, recorded).await?;
            let facts = facts(&plan, aws.region(), &aws.account().await?);
            let facts = facts.ok_or_else(|| RunError::Zones(aws.region().to_owned(), 0, Vec::new()))?;
            draw(&plan, &facts)
        }
        None => Blueprint::empty(lab.clone()),
    };
    let mut view = View { survey: survey_with_zones_of_others(aws, &lab).await, record, blueprint };
    if view.record.is_some() && !view.changes().is_empty() {
        tokio::time::sleep(SETTLE).await;
        view.survey = survey_with_zones_of_others(aws, &lab).await;
    }
    Ok(view)
}

/// A lab among others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lab {
    /// Its name.
    pub name: String,
    /// How many resources of it stand.
    pub resources: usize,
    /// When it was made, by its record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The ARN of who made it, by its record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// The day after which it is no longer wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
    /// Why the rest may not be all there is to say: a record that is missing or unusable, kinds that can't be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// All labs of the account and Region, by name: those with a record, and those of which anything stands.
///
/// # Errors
/// Records, tags or roles can't be listed.
pub async fn labs(aws: &Aws) -> Result<Vec<Lab>, Failure> {
    let (kept, standing) = future::try_join(record::read_all(aws), names_of_standing(aws)).await?;
    let names: BTreeSet<&String> = kept.keys().chain(&standing).collect();
    let account = aws.account().await?;
    let labs = names.into_iter().map(|name| lab(aws, &account, name, kept.get(name)));
    Ok(future::join_all(labs).await.into_iter().flatten().collect())
}

/// One lab of the list; none where only a lock was left behind.
async fn lab(aws: &Aws, account: &str, name: &str, kept: Option<&Kept>) -> Option<Lab> {
    let mut problems = Vec::new();
    let record = kept.map_or(Ok(None), Kept::record).unwrap_or_else(|error| {
        problems.push(error.to_string());
        None
    });
    let lab = lab_name(name, aws.region());
    let drawn = record.as_ref().and_then(|record| {
        let facts = facts(&record.plan, aws.region(), account)?;
        Some(draw(&record.plan, &facts))
    });
    let blueprint = drawn.unwrap_or_else(|| Blueprint::empty(lab.clone()));
    let survey = survey(aws, &lab).await;
    problems.extend(survey.unreadable.iter().map(|(kind, failure)| format!("{kind} can't be read: {failure}")));
    let resources = Holdings::sort(&blueprint, &survey).ours().count();
    if record.is_none() && problems.is_empty() {
        if resources == 0 {
            return None;
        }
        problems.push("its record is missing".to_owned());
    }
    Some(Lab {
        name: name.to_owned(),
        resources,
        created: record.as_ref().map(|record| record.created_at),
        created_by: record.as_ref().map(|record| record.created_by.clone()),
        expires: record.as_ref().and_then(|record| record.plan.expires),
        problems,
    })
}

/// The labs that tags and the paths of roles name.
async fn names_of_standing(aws: &Aws) -> Result<BTreeSet<String>, Failure> {
    let filters = vec![ec2::filter("key", [tags::LAB])];
    let tagged = aws.read_pages("ec2", "DescribeTags", |next| {
        let call = aws.ec2.describe_tags().set_filters(Some(filters.clone())).max_results(1000);
        async { call.set_next_token(next).send().await.map(|page| (page.tags.unwrap_or_default(), page.next_token)) }
    });
    let prefix = format!("/breezeway/{}/", aws.region());
    let roles = aws.read_pages("iam", "ListRoles", |next| {
        let call = aws.iam.list_roles().path_prefix(&prefix).max_items(1000);
        async { call.set_marker(next).send().await.map(|page| (page.roles, page.marker)) }
    });
    let (tagged, roles) = future::try_join(tagged, roles).await?;
    let by_path = |role: &aws_sdk_iam::types::Role| {
        let rest = role.path().strip_prefix(&prefix)?;
        rest.split('/').next().filter(|name| !name.is_empty()).map(str::to_owned)
    };
    let by_tag = tagged.iter().filter_map(|tag| tag.value().map(str::to_owned));
    Ok(by_tag.chain(roles.iter().filter_map(by_path)).collect())
}
