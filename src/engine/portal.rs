//! A lab's portal, as it stands: where it is, and for whom.

use super::holdings::Holdings;
use crate::resource::{Kind, Spec};

/// Where a lab's portal is: its page, and what users ask it for below.
///
/// Where nothing in the Studio VPC answers for the names of APIs, its API is called by one that has the endpoint's id in it,
/// which everybody can look up and nobody outside can reach:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-api-test-invoke-url.html>.
pub fn address(holdings: &Holdings<'_>) -> Option<String> {
    let held = |kind: Kind| holdings.held.values().map(|held| held.observed).filter(move |one| one.kind() == kind);
    let stage = held(Kind::ApiStage).next()?;
    let url = stage.output("url")?;
    let door = held(Kind::InterfaceEndpoint).find_map(|endpoint| match &endpoint.spec {
        Spec::InterfaceEndpoint(door) if door.service.ends_with(".execute-api") => Some((&endpoint.id, door)),
        _ => None,
    });
    let has_zone = held(Kind::HostedZone)
        .any(|zone| matches!(&zone.spec, Spec::HostedZone(zone) if zone.name.starts_with("execute-api.")));
    Some(match (door, &stage.spec) {
        (Some((id, door)), Spec::ApiStage(stage)) if !door.private_dns && !has_zone => {
            let api = stage.rest_api.text();
            url.replacen(&format!("//{api}."), &format!("//{api}-{id}."), 1)
        }
        _ => url.to_owned(),
    })
}

/// A user who comes to Studio by the portal, the first by name; none where there is no portal, or nobody has a profile.
pub fn user(holdings: &Holdings<'_>) -> Option<String> {
    address(holdings)?;
    let users = holdings.held.values().filter_map(|held| match &held.observed.spec {
        Spec::TableItem(row) => Some(row.user.clone()),
        _ => None,
    });
    users.min()
}
