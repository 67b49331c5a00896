//! What is done by hand to a Studio domain, and what its users do there.

use std::collections::BTreeSet;

use breezeway::resource::Kind;
use breezeway::resource::file_system::MANAGED_BY;
use breezeway::sandbox::host::Sandbox;
use breezeway::sandbox::wire::DEFAULT_ACCOUNT;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Hands, LAB, text, told};
use crate::lab::{REGION, by_hand};

/// How many different deeds there are.
pub const DEEDS: u32 = 9;

/// The ARN of a domain.
pub fn arn(id: &str) -> String {
    format!("arn:aws:sagemaker:{REGION}:{DEFAULT_ACCOUNT}:domain/{id}")
}

/// The domains of the lab's name.
pub fn domains(sandbox: &Sandbox) -> Vec<Value> {
    let domains = listed(sandbox, "ListDomains", "Domains", json!({}));
    domains.into_iter().filter(|domain| text(domain, "DomainName") == format!("breezeway-{LAB}")).collect()
}

/// The home file systems that carry the lab's tag.
fn homes_tagged(sandbox: &Sandbox) -> Vec<Value> {
    let answer = by_hand(sandbox, "elasticfilesystem", "DescribeFileSystems", json!({})).unwrap_or_default();
    let all = answer["FileSystems"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|one| super::tag(one, "breezeway:lab").as_deref() == Some(LAB)).collect()
}

/// Their ids.
pub fn homes(sandbox: &Sandbox) -> Vec<String> {
    homes_tagged(sandbox).iter().map(|one| text(one, "FileSystemId").to_owned()).collect()
}

/// What users of the lab's domains have made, and the homes in which they may have files: what nobody may lose unasked.
/// A domain that is being deleted takes its home with it where whoever asked for the one asked for the other.
pub fn of_users(sandbox: &Sandbox) -> BTreeSet<String> {
    let (standing, leaving): (Vec<Value>, Vec<Value>) =
        domains(sandbox).into_iter().partition(|domain| text(domain, "Status") != "Deleting");
    let leaving: Vec<String> = leaving.iter().map(|domain| arn(text(domain, "DomainId"))).collect();
    let goes = |home: &Value| super::tag(home, MANAGED_BY).is_some_and(|owner| leaving.contains(&owner));
    let homes = homes_tagged(sandbox).into_iter().filter(|home| !goes(home));
    let mut found: BTreeSet<String> = homes.map(|home| text(&home, "FileSystemId").to_owned()).collect();
    let stands = |one: &&Value| text(one, "Status") != "Deleting";
    for domain in &standing {
        let inside = json!({"DomainIdEquals": domain["DomainId"]});
        let spaces = listed(sandbox, "ListSpaces", "Spaces", inside);
        found.extend(spaces.iter().filter(stands).map(|space| format!("the space {}", text(space, "SpaceName"))));
        let seen = by_hand(sandbox, "sagemaker", "DescribeDomain", json!({"DomainId": domain["DomainId"]}));
        let home = seen.ok().and_then(|domain| domain["HomeEfsFileSystemId"].as_str().map(str::to_owned));
        found.extend(home.filter(|home| {
            let input = json!({"FileSystemId": home});
            by_hand(sandbox, "elasticfilesystem", "DescribeFileSystems", input).is_ok()
        }));
    }
    found
}

fn listed(sandbox: &Sandbox, operation: &str, member: &str, input: Value) -> Vec<Value> {
    let answer = by_hand(sandbox, "sagemaker", operation, input).unwrap_or_default();
    answer[member].as_array().cloned().unwrap_or_default()
}

impl Hands {
    pub(super) fn meddle_with_studio(
        &mut self,
        sandbox: &Sandbox,
        random: &mut ChaCha8Rng,
        what: u32,
    ) -> Option<String> {
        let call = |operation: &str, input: Value| told(sandbox, "sagemaker", operation, input);
        let domain = domains(sandbox).choose(random)?["DomainId"].clone();
        let inside =
            |operation: &str, member: &str| listed(sandbox, operation, member, json!({"DomainIdEquals": domain}));
        let profile = inside("ListUserProfiles", "UserProfiles").choose(random).cloned();
        let space = inside("ListSpaces", "Spaces").choose(random).cloned();
        let app = inside("ListApps", "Apps").choose(random).cloned();
        Some(match what {
            0 | 1 => call(
                "CreateSpace",
                json!({
                    "DomainId": domain,
                    "SpaceName": format!("space-{}", random.random_range(0..4)),
                    "OwnershipSettings": {"OwnerUserProfileName": profile?["UserProfileName"]},
                    "SpaceSharingSettings": {"SharingType": "Private"},
                    "SpaceSettings": {"AppType": "JupyterLab"},
                }),
            ),
            2 => call(
                "CreateApp",
                json!({"DomainId": domain, "SpaceName": space?["SpaceName"], "AppType": "JupyterLab", "AppName": "default"}),
            ),
            3 => call("CreateUserProfile", json!({"DomainId": domain, "UserProfileName": "visitor"})),
            4 => call("DeleteUserProfile", json!({"DomainId": domain, "UserProfileName": profile?["UserProfileName"]})),
            5 => {
                let app = app?;
                let mut input = json!({"DomainId": domain, "AppType": app["AppType"], "AppName": app["AppName"]});
                for owner in ["SpaceName", "UserProfileName"] {
                    if let Some(name) = app.get(owner) {
                        input[owner] = name.clone();
                    }
                }
                call("DeleteApp", input)
            }
            6 => {
                // A home that doesn't carry the lab's tag yet would be nobody's.
                let described = by_hand(sandbox, "sagemaker", "DescribeDomain", json!({"DomainId": domain})).ok()?;
                let is_its_own = |home: &String| described["HomeEfsFileSystemId"] == **home;
                let home = if homes(sandbox).iter().any(is_its_own) { "Retain" } else { "Delete" };
                call("DeleteDomain", json!({"DomainId": domain, "RetentionPolicy": {"HomeEfsFileSystem": home}}))
            }
            7 => call(
                "UpdateDomain",
                json!({"DomainId": domain, "DefaultUserSettings": {"DefaultLandingUri": "app:JupyterServer:"}}),
            ),
            _ => {
                let id = domain.as_str().unwrap_or_default().to_owned();
                let answer = by_hand(sandbox, "sagemaker", "ListTags", json!({"ResourceArn": arn(&id)})).ok()?;
                self.untag(sandbox, random, (Kind::Domain, &id), &answer)?
            }
        })
    }
}
