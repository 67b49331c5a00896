//! Lists of zones, a page at a time.

use serde::Deserialize;
use serde_json::{Value, json};

use super::name::{self, sort_key};
use super::zone::HostedZone;
use super::{ApiError, Route53, Vpc, bare, invalid_input};
use crate::sandbox::api::Answer;
use crate::sandbox::world::Context;

/// Zones on one page, at most.
const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListZones {
    marker: Option<String>,
    max_items: Option<String>,
    /// All are private.
    #[serde(rename = "HostedZoneType")]
    _hosted_zone_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListByName {
    #[serde(rename = "DNSName")]
    dns_name: Option<String>,
    hosted_zone_id: Option<String>,
    max_items: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListByVpc {
    #[serde(rename = "VPCId")]
    vpc_id: String,
    #[serde(rename = "VPCRegion")]
    vpc_region: String,
    max_items: Option<String>,
    next_token: Option<String>,
}

/// How many items a page may have.
///
/// # Errors
/// `InvalidInput`
pub fn page_size(max_items: Option<&str>, most: usize) -> Result<usize, ApiError> {
    let Some(text) = max_items else { return Ok(most) };
    let number = text.parse().ok().filter(|&number: &usize| number > 0);
    number.map(|number| number.min(most)).ok_or_else(|| invalid_input(format!("{text} is no number of items.")))
}

/// What is on the page from `start` on, and what the next one starts with.
pub fn page<T>(items: Vec<T>, size: usize, is_before_start: impl Fn(&T) -> bool) -> (Vec<T>, Option<T>) {
    let mut items = items.into_iter().skip_while(is_before_start);
    let page = items.by_ref().take(size).collect();
    (page, items.next())
}

impl Route53 {
    pub(super) fn list_zones(&self, request: ListZones) -> Answer {
        let size = page_size(request.max_items.as_deref(), PAGE)?;
        let marker = request.marker.as_deref().map(bare);
        let (page, next) =
            page(self.zones.iter().collect(), size, |(id, _)| marker.is_some_and(|start| id.as_str() < start));
        let mut answer = json!({
            "HostedZones": views(&page),
            "IsTruncated": next.is_some(),
            "MaxItems": size.to_string(),
        });
        if let Some(marker) = marker {
            answer["Marker"] = json!(marker);
        }
        if let Some((id, _)) = next {
            answer["NextMarker"] = json!(id);
        }
        Ok(answer)
    }

    pub(super) fn list_zones_by_name(&self, request: ListByName) -> Answer {
        let size = page_size(request.max_items.as_deref(), PAGE)?;
        let start_name = request.dns_name.as_deref().map(name::canonical).transpose()?;
        let start_id = request.hosted_zone_id.as_deref().map(bare);
        if start_id.is_some() && start_name.is_none() {
            return Err(invalid_input("A hosted zone ID can be specified only together with a DNS name."));
        }
        let key = |(id, zone): &(&String, &HostedZone)| {
            (sort_key(&zone.name).into_iter().map(str::to_owned).collect::<Vec<_>>(), (*id).clone())
        };
        let mut zones: Vec<_> = self.zones.iter().collect();
        zones.sort_by_key(key);
        let start = start_name.as_deref().map(|name| {
            (sort_key(name).into_iter().map(str::to_owned).collect::<Vec<_>>(), start_id.unwrap_or_default().to_owned())
        });
        let (page, next) = page(zones, size, |zone| start.as_ref().is_some_and(|start| key(zone) < *start));
        let mut answer = json!({
            "HostedZones": views(&page),
            "IsTruncated": next.is_some(),
            "MaxItems": size.to_string(),
        });
        if let Some(name) = start_name {
            answer["DNSName"] = json!(name);
        }
        if let Some((id, zone)) = next {
            (answer["NextDNSName"], answer["NextHostedZoneId"]) = (json!(zone.name), json!(id));
        }
        Ok(answer)
    }

    pub(super) fn list_zones_by_vpc(&self, context: &Context<'_>, vpcs: &[Vpc], request: ListByVpc) -> Answer {
        let ListByVpc { vpc_id, vpc_region, max_items, next_token } = &request;
        if !vpcs.iter().any(|vpc| vpc.id == *vpc_id && vpc.region == *vpc_region) {
            let message = format!("The VPC {vpc_id} in region {vpc_region} is not owned by you.");
            return Err(ApiError::new("AccessDenied", message).with_status(403));
        }
        let size = page_size(max_items.as_deref(), PAGE)?;
        let is_there = |zone: &HostedZone| zone.vpcs.iter().any(|vpc| vpc.is_of(vpc_region, vpc_id));
        let zones = self.zones.iter().filter(|(_, zone)| is_there(zone)).collect();
        let (page, next) = page(zones, size, |(id, _)| next_token.as_ref().is_some_and(|start| *id < start));
        let owner = json!({"OwningAccount": context.account});
        let summary =
            |(id, zone): &(&String, &HostedZone)| json!({"HostedZoneId": id, "Name": zone.name, "Owner": owner});
        let summaries: Vec<_> = page.iter().map(summary).collect();
        let mut answer = json!({"HostedZoneSummaries": summaries, "MaxItems": size.to_string()});
        if let Some((id, _)) = next {
            answer["NextToken"] = json!(id);
        }
        Ok(answer)
    }
}

fn views(page: &[(&String, &HostedZone)]) -> Value {
    page.iter().map(|(id, zone)| zone.view(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn names(answer: &Value, list: &str) -> Vec<String> {
        answer[list].as_array().unwrap().iter().map(|zone| text(&zone["Name"])).collect()
    }

    #[test]
    fn zones_are_listed_by_page() {
        let mut world = Sandbox::new();
        for name in ["a.example", "b.example", "c.example"] {
            world.zone(name);
        }
        let first = world.ok("ListHostedZones", json!({"MaxItems": "2"}));
        assert_eq!((&first["IsTruncated"], &first["MaxItems"]), (&json!(true), &json!("2")));
        let second = world.ok("ListHostedZones", json!({"Marker": first["NextMarker"]}));
        assert_eq!(second["IsTruncated"], false);
        let mut all = [names(&first, "HostedZones"), names(&second, "HostedZones")].concat();
        all.sort();
        assert_eq!(all, ["a.example.", "b.example.", "c.example."]);
        assert_eq!(world.refused("ListHostedZones", json!({"MaxItems": "none"})), "InvalidInput");
    }

    #[test]
    fn zones_are_listed_by_name_from_the_last_label_on() {
        let mut world = Sandbox::new();
        for name in ["b.example", "a.test", "c.b.example"] {
            world.zone(name);
        }
        let all = world.ok("ListHostedZonesByName", json!({}));
        assert_eq!(names(&all, "HostedZones"), ["b.example.", "c.b.example.", "a.test."]);
        let one = world.ok("ListHostedZonesByName", json!({"DNSName": "c.b.example", "MaxItems": "1"}));
        assert_eq!(names(&one, "HostedZones"), ["c.b.example."]);
        assert_eq!((&one["NextDNSName"], &one["DNSName"]), (&json!("a.test."), &json!("c.b.example.")));
    }

    #[test]
    fn a_vpcs_zones_are_listed_for_its_owner() {
        let mut world = Sandbox::new();
        let id = world.zone("corp.example");
        let input = json!({"VPCId": world.vpc, "VPCRegion": "us-east-1"});
        let listed = world.ok("ListHostedZonesByVPC", input);
        let owner = json!({"OwningAccount": "111122223333"});
        let summary = json!([{"HostedZoneId": id, "Name": "corp.example.", "Owner": owner}]);
        assert_eq!(listed["HostedZoneSummaries"], summary);
        let strange = json!({"VPCId": "vpc-0123456789abcdef0", "VPCRegion": "us-east-1"});
        assert_eq!(world.refused("ListHostedZonesByVPC", strange), "AccessDenied");
    }
}
